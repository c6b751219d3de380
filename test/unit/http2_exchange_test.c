/*
 * http2_exchange_test.c - an exchange of HTTP/2 between a client and a server in memory
 */
#include "test/unit/http2_kit.h"

static void
refuse_secret_paths(struct h2_bed *b, const struct request *r, struct request_answer *out)
{
	(void)b;
	if (strncmp(r->path, "/denied", 7) != 0)
		return;
	out->status = 403;
	strcpy(out->text, "not here");
	strcpy(out->rule, "deny https GET a.example/denied");
}

/* --- what passes -------------------------------------------------------------------------------------------------------- */

static void
a_get_and_its_answer(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s, *at;

	(void)state;
	s = h2_peer_request(b->client, GET("/x?q=1") "accept: text/plain\ncookie: a=b\ncookie: c=d\n", NULL,
			    0);
	h2_bed_run(b);
	assert_string_equal(s->head, ":status: 200\ncontent-type: text/plain\n");
	assert_string_equal(s->body, "/x?q=1");
	assert_true(s->ended);
	assert_int_equal(s->closed, 0);
	at = &b->server->seen[0];
	assert_string_equal(at->head, GET("/x?q=1") "accept: text/plain\ncookie: a=b\ncookie: c=d\n");
	assert_true(at->ended);
	assert_string_equal(b->log, "GET a.example /x 200\n");
	assert_int_equal(b->gotten, 6);
	close_bed(b);
}

static void
echo_length(struct h2_peer *p, struct h2_seen *s)
{
	(void)p;
	h2_peer_respond(p, s, ":status: 200\n", NULL, 3000000);
}

static void
big_bodies(uint32_t client_window, uint32_t server_window, size_t piece)
{
	struct h2_peer_options c = {.window = client_window}, v = {.server = true, .window = server_window};
	struct h2_bed *b = open_bed(&c, &v);
	struct h2_seen *s;

	b->piece = piece;
	b->server->on_request = echo_length;
	s = h2_peer_request(b->client, POST("/up") "content-length: 2000000\n", NULL, 2000000);
	h2_bed_run(b);
	assert_int_equal(b->server->seen[0].got, 2000000);
	assert_int_equal(b->server->seen[0].sum, h2_peer_sum(2000000));
	assert_int_equal(s->got, 3000000);
	assert_int_equal(s->sum, h2_peer_sum(3000000));
	assert_int_equal(s->closed, 0);
	assert_int_equal(b->sent, 2000000);
	assert_int_equal(b->gotten, 3000000);
	close_bed(b);
}

static void
large_bodies_through_any_windows(void **state)
{
	(void)state;
	big_bodies(0, 0, 0);
	big_bodies(1 << 24, 1 << 24, 0);
	big_bodies(1000, 70000, 0);
	big_bodies(300, 100, 0);
	big_bodies(0, 0, 777);
}

static void
a_hundred_streams_at_once(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	char fields[200], path[32];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(fields, sizeof(fields), GET("/stream/%d"), i);
		h2_peer_request(b->client, fields, NULL, 0);
	}
	h2_bed_run(b);
	assert_int_equal(b->server->n, 100);
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "/stream/%d", i);
		assert_string_equal(b->client->seen[i].body, path);
		assert_int_equal(b->client->seen[i].closed, 0);
	}
	assert_int_equal(b->done, 100);
	close_bed(b);
}

/* A server that takes fewer streams than clients may begin: the others wait, and starve nobody. */
static void
uploads_wait_for_their_turn(void **state)
{
	struct h2_peer_options few = {.server = true, .streams = 2};
	struct h2_bed *b = open_bed(&client, &few);

	(void)state;
	h2_bed_run(b);
	for (int i = 0; i < 40; i++)
		h2_peer_request(b->client, POST("/up"), NULL, 300000);
	h2_bed_run(b);
	assert_int_equal(b->server->n, 40);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(b->server->seen[i].got, 300000);
		assert_string_equal(b->client->seen[i].body, "/up");
	}
	close_bed(b);
}

static void
with_trailers(struct h2_peer *p, struct h2_seen *s)
{
	s->trailer = "grpc-status: 0\nset-cookie: a=b\ngrpc-message: fine\n";
	h2_peer_respond(p, s, ":status: 200\ntrailer: grpc-status\n", "answer", 6);
}

static void
trailers_go_both_ways(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s;

	(void)state;
	b->server->on_request = with_trailers;
	s = h2_peer_request(b->client, POST("/t") "te: trailers\n", "question", 8);
	s->trailer = "authorization: x\nchecksum: 7\n";
	h2_bed_run(b);
	assert_string_equal(b->server->seen[0].trailers, "checksum: 7\n");
	assert_string_equal(b->server->seen[0].body, "question");
	assert_non_null(strstr(b->server->seen[0].head, "te: trailers\n"));
	assert_string_equal(s->body, "answer");
	assert_string_equal(s->trailers, "grpc-status: 0\ngrpc-message: fine\n");
	assert_int_equal(s->closed, 0);
	close_bed(b);
}

static void
hints_then_no_content(struct h2_peer *p, struct h2_seen *s)
{
	nghttp2_nv nv = kit_nv(":status", "103");

	nghttp2_submit_headers(p->session, 0, s->id, NULL, &nv, 1, NULL);
	if (strstr(s->head, ":method: HEAD"))
		h2_peer_respond(p, s, ":status: 200\ncontent-length: 12345\n", NULL, 0);
	else if (strstr(s->head, "if-none-match"))
		h2_peer_respond(p, s, ":status: 304\ncontent-length: 9\n", NULL, 0);
	else
		h2_peer_respond(p, s, ":status: 204\n", NULL, 0);
}

static void
interim_answers_and_those_without_body(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s[3];

	(void)state;
	b->server->on_request = hints_then_no_content;
	s[0] = h2_peer_request(b->client, ":method: HEAD\n:scheme: https\n:authority: a.example\n:path: /\n",
			       NULL, 0);
	s[1] = h2_peer_request(b->client, GET("/") "if-none-match: x\n", NULL, 0);
	s[2] = h2_peer_request(b->client, GET("/"), NULL, 0);
	h2_bed_run(b);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(s[i]->interim, ":status: 103\n");
		assert_true(s[i]->ended);
		assert_int_equal(s[i]->got, 0);
		assert_int_equal(s[i]->closed, 0);
	}
	assert_string_equal(s[0]->head, ":status: 200\ncontent-length: 12345\n");
	assert_string_equal(s[1]->head, ":status: 304\ncontent-length: 9\n");
	close_bed(b);
}

/* --- streams of messages both ways (gRPC) ------------------------------------------------------------------------------------ */

static void
answer_openly(struct h2_peer *p, struct h2_seen *s)
{
	s->holds = true;
	h2_peer_respond(p, s, ":status: 200\ncontent-type: application/grpc\n", "", 0);
}

static void
messages_cross(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s, *at;
	char word[32];

	(void)state;
	b->server->on_request = answer_openly;
	s = h2_peer_open(b->client, POST("/svc/Chat") "content-type: application/grpc\nte: trailers\n",
			 "hello ");
	h2_bed_run(b);
	at = &b->server->seen[0];
	for (int i = 0; i < 20; i++) {
		snprintf(word, sizeof(word), "q%d ", i);
		h2_peer_more(b->client, s, word, false);
		h2_bed_run(b);
		assert_non_null(strstr(at->body, word));
		snprintf(word, sizeof(word), "a%d ", i);
		h2_peer_more(b->server, at, word, false);
		h2_bed_run(b);
		assert_non_null(strstr(s->body, word));
	}
	h2_peer_more(b->client, s, "bye", true);
	h2_bed_run(b);
	assert_true(at->ended);
	assert_false(s->ended);
	at->trailer = "grpc-status: 0\n";
	h2_peer_more(b->server, at, "end", true);
	h2_bed_run(b);
	assert_string_equal(s->trailers, "grpc-status: 0\n");
	assert_int_equal(s->closed, 0);
	assert_int_equal(b->done, 1);
	close_bed(b);
}

/* --- extended CONNECT --------------------------------------------------------------------------------------------------------- */

#define SOCKET ":method: CONNECT\n:protocol: websocket\n:scheme: https\n:authority: a.example\n:path: /chat\n"

static void
websockets_where_the_server_has_them(void **state)
{
	struct h2_peer_options with = {.server = true, .connect = true};
	struct h2_bed *b = open_bed(&client, &with);
	struct h2_seen *s;

	(void)state;
	b->server->on_request = answer_openly;
	h2_bed_run(b);
	assert_int_equal(
	    nghttp2_session_get_remote_settings(b->client->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL),
	    1);
	s = h2_peer_open(b->client, SOCKET "sec-websocket-version: 13\n", "ping");
	h2_bed_run(b);
	assert_string_equal(b->server->seen[0].head,
			    ":method: CONNECT\n:scheme: https\n:authority: a.example\n"
			    ":path: /chat\n:protocol: websocket\nsec-websocket-version: 13\n");
	assert_string_equal(b->server->seen[0].body, "ping");
	h2_peer_more(b->server, &b->server->seen[0], "pong", false);
	h2_bed_run(b);
	assert_string_equal(s->body, "pong");
	h2_peer_more(b->server, &b->server->seen[0], "", true);
	h2_peer_more(b->client, s, "", true);
	h2_bed_run(b);
	assert_string_equal(b->log, "GET a.example /chat 200\n");
	close_bed(b);
}

static void
websockets_where_the_server_has_none(void **state)
{
	struct h2_peer_options odd = {.unchecked = true};
	struct h2_bed *b = open_bed(&odd, &server);
	struct h2_seen *s;

	(void)state;
	h2_bed_run(b);
	s = h2_peer_request(b->client, SOCKET, NULL, 0);
	h2_bed_run(b);
	assert_int_equal(s->closed, NGHTTP2_PROTOCOL_ERROR);
	assert_int_equal(b->server->n, 0);
	assert_int_equal(b->judged, 0);
	close_bed(b);
}

/* --- what is refused ------------------------------------------------------------------------------------------------------------ */

static void
one_refusal_leaves_the_others(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s[4];

	(void)state;
	b->judge = refuse_secret_paths;
	s[0] = h2_peer_request(b->client, GET("/a"), NULL, 0);
	s[1] = h2_peer_request(b->client, POST("/denied/x") "accept: application/json\n", NULL, 5000000);
	s[2] = h2_peer_request(b->client, POST("/b"), NULL, 500000);
	s[3] = h2_peer_request(
	    b->client, ":method: HEAD\n:scheme: https\n:authority: a.example\n:path: /denied\n", NULL, 0);
	h2_bed_run(b);
	assert_string_equal(s[0]->body, "/a");
	assert_non_null(strstr(s[1]->head, ":status: 403\n"));
	assert_non_null(strstr(s[1]->body, "not here"));
	assert_true(s[1]->ended);
	/* Told to stop, and that nothing was wrong. */
	assert_int_equal(s[1]->closed, NGHTTP2_NO_ERROR);
	assert_true(s[1]->out < s[1]->to_send);
	assert_string_equal(s[2]->body, "/b");
	assert_non_null(strstr(s[3]->head, ":status: 403\n"));
	assert_int_equal(s[3]->got, 0);
	assert_int_equal(b->server->n, 2);
	assert_int_equal(b->server->seen[1].got, 500000);
	assert_non_null(strstr(b->log, "POST a.example /denied/x 403 refused\n"));
	assert_int_equal(b->done, 4);
	close_bed(b);
}

struct odd_request {
	const char *fields;
	const char *status; /* NULL: a reset */
};

static const struct odd_request odd_requests[] = {
    {":method: GET\n:scheme: https\n:path: /\n", NULL},
    {":method: GET\n:scheme: https\n:authority: a.example\n", NULL},
    {":method: GET\n:authority: a.example\n:path: /\n", NULL},
    {":method: GET\n:scheme: http\n:authority: a.example\n:path: /\n", "400"},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\nhost: b.example\n", "400"},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\nhost: a.example:443\n", "200"},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\nhost: a.example:444\n", "400"},
    {":method: GET\n:scheme: https\n:path: /\nhost: a.example\n", "200"},
    {":method: GET\n:scheme: https\n:authority: u@a.example\n:path: /\n", "400"},
    {":method: GET\n:scheme: https\n:authority: a example\n:path: /\n", NULL},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /../x\n", "400"},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: x\n", NULL},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: *\n", NULL},
    {":method: OPTIONS\n:scheme: https\n:authority: a.example\n:path: *\n", "200"},
    {":method: CONNECT\n:authority: a.example:443\n", "501"},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\nconnection: close\n", NULL},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\ntransfer-encoding: chunked\n", NULL},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\nupgrade: x\n", NULL},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\nte: gzip\n", NULL},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\nhost: a.example\nhost: a.example\n",
     NULL},
    {":method: GET\n:method: GET\n:scheme: https\n:authority: a.example\n:path: /\n", NULL},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\n:foo: x\n", NULL},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\nx: a\rb\n", NULL},
    {":method: GET\n:scheme: https\n:authority: a.example\n:path: /\ncontent-length: 5\n", NULL},
};

static void
requests_that_are_none(void **state)
{
	struct h2_peer_options odd = {.unchecked = true};

	(void)state;
	for (size_t i = 0; i < sizeof(odd_requests) / sizeof(*odd_requests); i++) {
		const struct odd_request *r = &odd_requests[i];
		struct h2_bed *b = open_bed(&odd, &server);
		struct h2_seen *s = h2_peer_request(b->client, r->fields, NULL, 0), *good;
		char want[32];

		h2_bed_run(b);
		good = h2_peer_request(b->client, GET("/good"), NULL, 0);
		h2_bed_run(b);
		if (r->status) {
			snprintf(want, sizeof(want), ":status: %s\n", r->status);
			if (!strstr(s->head, want))
				print_error("%s", r->fields);
			assert_non_null(strstr(s->head, want));
		} else {
			if (s->closed != NGHTTP2_PROTOCOL_ERROR)
				print_error("%s", r->fields);
			assert_int_equal(s->closed, NGHTTP2_PROTOCOL_ERROR);
		}
		assert_int_equal(b->server->n, 1 + (r->status && strcmp(r->status, "200") == 0));
		assert_string_equal(good->body, "/good");
		close_bed(b);
	}
}

static void
fields_beyond_the_bounds(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	nghttp2_nv nv[1100];
	struct h2_seen *s;
	int32_t id;

	(void)state;
	for (size_t i = 0; i < 1100; i++)
		nv[i] = kit_nv("x", "y");
	nv[0] = kit_nv(":method", "GET");
	nv[1] = kit_nv(":scheme", "https");
	nv[2] = kit_nv(":authority", "a.example");
	nv[3] = kit_nv(":path", "/");
	id = nghttp2_submit_request(b->client->session, NULL, nv, 1100, NULL, NULL);
	h2_bed_run(b);
	s = h2_peer_find(b->client, id);
	assert_non_null(s);
	assert_non_null(strstr(s->head, ":status: 431\n"));
	assert_int_equal(b->server->n, 0);
	close_bed(b);
}

/* --- ends ------------------------------------------------------------------------------------------------------------------------ */

static void
resets_cross_with_their_codes(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s[2];

	(void)state;
	b->server->mute = true;
	s[0] = h2_peer_request(b->client, POST("/a"), NULL, 100);
	s[1] = h2_peer_request(b->client, POST("/b"), NULL, 100);
	h2_bed_run(b);
	nghttp2_submit_rst_stream(b->client->session, 0, s[0]->id, NGHTTP2_CANCEL);
	nghttp2_submit_rst_stream(b->server->session, 0, b->server->seen[1].id, NGHTTP2_ENHANCE_YOUR_CALM);
	h2_bed_run(b);
	assert_int_equal(b->server->seen[0].closed, NGHTTP2_CANCEL);
	assert_int_equal(s[1]->closed, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_string_equal(b->log, "POST a.example /a 0\nPOST a.example /b 0\n");
	assert_null(b->x->failed);
	close_bed(b);
}

static void
early_answer(struct h2_peer *p, struct h2_seen *s)
{
	h2_peer_respond(p, s, ":status: 413\n", "no", 2);
}

/* The server answers early and says that it reads no more (RFC 9113 8.1). */
static void
an_early_answer_stops_the_upload(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s;

	(void)state;
	b->server->on_request = early_answer;
	b->server->lazy = true;
	s = h2_peer_request(b->client, POST("/a"), NULL, 10000000);
	h2_bed_run(b);
	assert_string_equal(s->body, "no");
	assert_int_equal(s->closed, -1);
	nghttp2_submit_rst_stream(b->server->session, 0, b->server->seen[0].id, NGHTTP2_NO_ERROR);
	h2_bed_run(b);
	assert_int_equal(s->closed, NGHTTP2_NO_ERROR);
	assert_true(s->ended);
	assert_string_equal(b->log, "POST a.example /a 413\n");
	close_bed(b);
}

static void
the_server_goes_away(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s[3];

	(void)state;
	b->server->mute = true;
	s[0] = h2_peer_request(b->client, GET("/a"), NULL, 0);
	s[1] = h2_peer_request(b->client, GET("/b"), NULL, 0);
	h2_bed_run(b);
	nghttp2_submit_goaway(b->server->session, 0, b->server->seen[0].id, NGHTTP2_NO_ERROR, NULL, 0);
	h2_bed_run(b);
	assert_int_equal(s[1]->closed, NGHTTP2_REFUSED_STREAM);
	assert_int_equal(b->client->goaway, NGHTTP2_NO_ERROR);
	assert_int_equal(b->client->goaway_last, s[1]->id);
	assert_false(b->x->ops->ended(b->x, SIDE_CLIENT));
	h2_peer_respond(b->server, &b->server->seen[0], ":status: 200\n", "late", 4);
	h2_bed_run(b);
	assert_string_equal(s[0]->body, "late");
	assert_true(b->x->ops->ended(b->x, SIDE_CLIENT));
	assert_true(b->x->ops->ended(b->x, SIDE_SERVER));
	assert_null(b->x->failed);
	close_bed(b);
}

static void
the_server_breaks_off(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s[2];

	(void)state;
	b->server->on_request = answer_openly;
	s[0] = h2_peer_request(b->client, GET("/a"), NULL, 0);
	h2_bed_run(b);
	b->server->on_request = NULL;
	b->server->mute = true;
	s[1] = h2_peer_request(b->client, GET("/b"), NULL, 0);
	h2_bed_run(b);
	b->x->ops->end(b->x, SIDE_SERVER, false, b->now);
	h2_bed_run(b);
	assert_int_equal(s[0]->closed, NGHTTP2_INTERNAL_ERROR);
	assert_non_null(strstr(s[1]->head, ":status: 502\n"));
	assert_int_equal(b->client->goaway, NGHTTP2_NO_ERROR);
	assert_true(b->x->ops->ended(b->x, SIDE_CLIENT));
	assert_true(b->x->ops->ended(b->x, SIDE_SERVER));
	close_bed(b);
}

static void
the_client_leaves(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);

	(void)state;
	b->server->mute = true;
	h2_peer_request(b->client, POST("/a"), NULL, 10000000);
	h2_bed_run(b);
	b->x->ops->end(b->x, SIDE_CLIENT, true, b->now);
	h2_bed_run(b);
	assert_int_equal(b->server->seen[0].closed, NGHTTP2_CANCEL);
	assert_int_equal(b->server->goaway, NGHTTP2_NO_ERROR);
	assert_true(b->x->ops->ended(b->x, SIDE_CLIENT));
	assert_true(b->x->ops->ended(b->x, SIDE_SERVER));
	assert_int_equal(b->done, 1);
	close_bed(b);
}

/* Freed at any moment, with everything under way: every request is told. */
static void
freed_in_the_middle(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);

	(void)state;
	b->server->lazy = true;
	b->server->mute = true;
	for (int i = 0; i < 10; i++)
		h2_peer_request(b->client, POST("/a"), NULL, 1000000);
	h2_bed_run(b);
	b->x->ops->free(b->x);
	b->x = NULL;
	assert_int_equal(b->done, 10);
	close_bed(b);
}

/* --- any cut, any failure ------------------------------------------------------------------------------------------------------------ */

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

#define SCENE 40000

/* Which of several requests is over first is nobody's promise. */
static void
sort_log(struct h2_bed *b)
{
	char line[16][256];
	size_t n = 0;

	for (char *at = strtok(b->log, "\n"); at && n < 16; at = strtok(NULL, "\n"))
		snprintf(line[n++], sizeof(line[0]), "%s", at);
	qsort(line, n, sizeof(line[0]), compare_lines);
	b->log[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		strcat(b->log, line[i]);
		strcat(b->log, "\n");
	}
}

static void
scene(struct h2_bed *b, char *out, size_t room)
{
	struct h2_seen *s[4];

	b->judge = refuse_secret_paths;
	s[0] = h2_peer_request(b->client, GET("/one"), NULL, 0);
	s[1] = h2_peer_request(b->client, POST("/two") "content-length: 70000\n", NULL, 70000);
	s[2] = h2_peer_request(b->client, POST("/denied"), "body", 4);
	s[3] = h2_peer_request(b->client, POST("/three"), "with trailers", 13);
	s[3]->trailer = "t: 1\n";
	h2_bed_run(b);
	sort_log(b);
	snprintf(out, room, "%s|%s|%s|%s|%s|%s|%s|%d %d", s[0]->body, s[1]->body, s[2]->head, s[2]->body,
		 s[3]->body, b->server->n == 3 ? b->server->seen[2].trailers : "", b->log, (int)b->done,
		 b->server->n > 1 ? (int)b->server->seen[1].got : -1);
}

static void
every_cut_gives_the_same(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 7, 9, 10, 100, 1000, 16393};
	struct h2_bed *b = open_bed(&client, &server);
	static char whole[SCENE], cut[SCENE];

	(void)state;
	scene(b, whole, sizeof(whole));
	assert_int_equal(b->done, 4);
	close_bed(b);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		b = open_bed(&client, &server);
		b->piece = pieces[i];
		scene(b, cut, sizeof(cut));
		assert_string_equal(whole, cut);
		close_bed(b);
	}
}

static void
no_memory_at_any_moment(void **state)
{
	int whole = 0;

	(void)state;
	for (int n = 0; !whole; n++) {
		struct failing f = {.left = n};
		struct h2_bed *b = open_bed_failing(&server, &f);
		static char out[SCENE];

		if (b->x) {
			scene(b, out, sizeof(out));
			whole = f.left >= 0;
			assert_true(whole || b->x->failed);
			if (b->x->failed)
				assert_string_equal(b->x->failed, "no memory");
		}
		close_bed(b);
		assert_true(n < 5000);
	}
}

static void
an_idle_exchange_is_small(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);

	(void)state;
	h2_peer_request(b->client, POST("/a"), NULL, 1000000);
	h2_bed_run(b);
	assert_int_equal(b->done, 1);
	print_message("an idle exchange holds %zu bytes; at most it held %zu\n", h2_heap_of(b->x)->held,
		      h2_heap_of(b->x)->most);
	assert_true(h2_heap_of(b->x)->held < 56000);
	close_bed(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_get_and_its_answer),
	    cmocka_unit_test(large_bodies_through_any_windows),
	    cmocka_unit_test(a_hundred_streams_at_once),
	    cmocka_unit_test(uploads_wait_for_their_turn),
	    cmocka_unit_test(trailers_go_both_ways),
	    cmocka_unit_test(interim_answers_and_those_without_body),
	    cmocka_unit_test(messages_cross),
	    cmocka_unit_test(websockets_where_the_server_has_them),
	    cmocka_unit_test(websockets_where_the_server_has_none),
	    cmocka_unit_test(one_refusal_leaves_the_others),
	    cmocka_unit_test(requests_that_are_none),
	    cmocka_unit_test(fields_beyond_the_bounds),
	    cmocka_unit_test(resets_cross_with_their_codes),
	    cmocka_unit_test(an_early_answer_stops_the_upload),
	    cmocka_unit_test(the_server_goes_away),
	    cmocka_unit_test(the_server_breaks_off),
	    cmocka_unit_test(the_client_leaves),
	    cmocka_unit_test(freed_in_the_middle),
	    cmocka_unit_test(every_cut_gives_the_same),
	    cmocka_unit_test(no_memory_at_any_moment),
	    cmocka_unit_test(an_idle_exchange_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
