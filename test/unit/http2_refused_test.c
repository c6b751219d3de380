/*
 * http2_refused_test.c - streams that are refused, on either side, while the connection goes on
 */
#include "test/unit/http2_secret_kit.h"

/* --- heads ------------------------------------------------------------------------------------------------------- */

/* Half an hour later, what is late is so. */
static void
much_later(struct h2_bed *b)
{
	b->now += 1800 * USEC_PER_SEC;
	b->x->ops->late(b->x, b->now);
	h2_bed_run(b);
}

static void
leave_open(struct h2_peer *p, struct h2_seen *s)
{
	s->holds = true;
	h2_peer_respond(p, s, ":status: 200\n", "", 0);
}

/*
 * Heads that wait for the server's limit of streams are bounded, and the next is refused unread.  It has ended all the same:
 * the limit on a head's time is not the connection's.
 */
static void
a_refused_head_has_no_deadline(void **state)
{
	struct h2_peer_options one = {.server = true, .streams = 1};
	struct h2_bed *b = open_bed(&client, &one);
	struct h2_seen *first, *s[12];
	char fields[32768] = GET("/waits");
	unsigned refused = 0;

	(void)state;
	for (int i = 0; i < 15; i++)
		snprintf(fields + strlen(fields), sizeof(fields) - strlen(fields), "x-%d: %02000d\n", i, 0);
	b->server->on_request = leave_open;
	h2_bed_run(b);
	first = h2_peer_request(b->client, GET("/long"), NULL, 0);
	h2_bed_run(b);
	assert_true(first->begun && !first->ended);
	for (int i = 0; i < 12; i++) {
		s[i] = h2_peer_request(b->client, fields, NULL, 0);
		h2_bed_run(b);
		if (s[i]->closed == NGHTTP2_REFUSED_STREAM)
			refused++;
		else
			assert_int_equal(refused, 0);
	}
	assert_true(refused > 0 && refused < 12);
	assert_int_equal(b->server->n, 1);
	assert_int_equal(b->x->ops->deadline(b->x), TIME_NEVER);
	much_later(b);
	assert_null(b->x->failed);
	/* What was under way is finished, and those that wait have their turn. */
	h2_peer_more(b->server, &b->server->seen[0], "the end", true);
	h2_bed_run(b);
	assert_string_equal(first->body, "the end");
	assert_int_equal(first->closed, 0);
	assert_int_equal(b->server->n, 2);
	close_bed(b);
}

/* The same where the library reads past a head, for a field that may not be. */
static void
a_head_with_a_wrong_field_has_no_deadline(void **state)
{
	static const char upper[] = SMALL_HEAD "\x40\x01X\x01y";
	struct h2_bed *b = raw_client();

	(void)state;
	frame(b, SIDE_CLIENT, NGHTTP2_HEADERS, 5, 1, upper, sizeof(upper) - 1);
	h2_bed_run(b);
	assert_int_equal(b->server->n, 0);
	assert_int_equal(b->x->ops->deadline(b->x), TIME_NEVER);
	much_later(b);
	assert_null(b->x->failed);
	frame(b, SIDE_CLIENT, NGHTTP2_HEADERS, 5, 3, SMALL_HEAD, sizeof(SMALL_HEAD) - 1);
	h2_bed_run(b);
	assert_int_equal(b->server->n, 1);
	assert_string_equal(b->log, "GET a / 200\n");
	close_bed(b);
}

/* Numbers of streams are used up once (RFC 9113 5.1.1): the client is told to begin anew. */
static void
no_more_numbers_towards_the_server(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_exchange *x = (struct h2_exchange *)b->x;
	struct h2_seen *s[2];

	(void)state;
	h2_bed_run(b);
	assert_int_equal(nghttp2_session_set_next_stream_id(x->end[SIDE_SERVER].session, INT32_MAX), 0);
	s[0] = h2_peer_request(b->client, GET("/last"), NULL, 0);
	h2_bed_run(b);
	assert_string_equal(s[0]->body, "/last");
	s[1] = h2_peer_request(b->client, GET("/more"), NULL, 0);
	h2_bed_run(b);
	assert_int_equal(s[1]->closed, NGHTTP2_REFUSED_STREAM);
	assert_int_equal(b->client->goaway, NGHTTP2_NO_ERROR);
	assert_int_equal(b->server->n, 1);
	close_bed(b);
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static void
requests_beyond_what_is_read(void **state)
{
	struct h2_peer_options loose = {.unchecked = true};
	char fields[16384], long_path[REQUEST_PATH + 8];
	struct h2_bed *b = open_bed(&loose, &server);
	struct h2_seen *s;

	(void)state;
	memset(long_path, 'p', sizeof(long_path));
	long_path[0] = '/';
	for (size_t n = REQUEST_PATH; n <= REQUEST_PATH + 1; n++) {
		snprintf(fields, sizeof(fields),
			 ":method: GET\n:scheme: https\n:authority: a.example\n:path: %.*s\n", (int)n,
			 long_path);
		s = h2_peer_request(b->client, fields, NULL, 0);
		h2_bed_run(b);
		if (n > REQUEST_PATH) {
			assert_non_null(strstr(s->head, ":status: 414\n"));
			assert_non_null(strstr(s->body, "the path is longer than 8192 bytes"));
		} else {
			assert_null(strstr(s->head, ":status: 414\n"));
		}
	}
	for (int n = H2_METHOD_MAX; n <= (int)H2_METHOD_MAX + 1; n++) {
		snprintf(fields, sizeof(fields),
			 ":method: %.*s\n:scheme: https\n:authority: a.example\n:path: /\n", n,
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ");
		s = h2_peer_request(b->client, fields, NULL, 0);
		h2_bed_run(b);
		assert_int_equal(!!strstr(s->head, ":status: 400\n"), n > (int)H2_METHOD_MAX);
	}
	assert_null(b->x->failed);
	close_bed(b);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static const char *status_text;

static void
answer_status(struct h2_peer *p, struct h2_seen *s)
{
	char fields[64];

	snprintf(fields, sizeof(fields), ":status: %s\n", status_text);
	h2_peer_respond(p, s, fields, "body", 4);
}

/* One stream's trouble.  What the library sees at once it resets; the rest is told; the next request is served. */
static void
a_status_that_is_none(void **state)
{
	static const struct {
		const char *text;
		bool told;
	} wrong[] = {{"101", false}, {"099", true},  {"000", true},  {"20", false}, {"2000", false},
		     {"2x0", false}, {"-20", false}, {"abc", false}, {"", false}};
	struct h2_peer_options loose = {.server = true, .unchecked = true};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct h2_bed *b = open_bed(&client, &loose);
		struct h2_seen *s;

		status_text = wrong[i].text;
		b->server->on_request = answer_status;
		s = h2_peer_request(b->client, GET("/"), NULL, 0);
		h2_bed_run(b);
		if (wrong[i].told != !!strstr(s->head, ":status: 502\n") || wrong[i].told != s->ended ||
		    wrong[i].told != (s->closed == 0))
			fail_msg("%s: %s, %d", wrong[i].text, s->head, s->closed);
		if (wrong[i].told)
			assert_non_null(
			    strstr(s->body, "the server's answer has no status that HTTP/2 knows"));
		assert_null(b->x->failed);
		status_text = "200";
		s = h2_peer_request(b->client, GET("/"), NULL, 0);
		h2_bed_run(b);
		assert_string_equal(s->body, "body");
		close_bed(b);
	}
}

/* One byte each on the wire. */
static void
answer_with_many_fields(struct h2_peer *p, struct h2_seen *s)
{
	static nghttp2_nv nv[H2_FIELDS + 1];

	nv[0] = kit_nv(":status", "200");
	for (unsigned i = 1; i <= H2_FIELDS; i++)
		nv[i] = kit_nv("x-again", "v");
	nghttp2_submit_headers(p->session, NGHTTP2_FLAG_END_STREAM, s->id, NULL, nv, H2_FIELDS + 1, NULL);
}

static void
answers_with_too_much_of_a_head(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s = h2_peer_request(b->client, GET("/"), NULL, 0);

	(void)state;
	b->server->on_request = answer_with_many_fields;
	h2_bed_run(b);
	assert_non_null(strstr(s->head, ":status: 502\n"));
	assert_non_null(strstr(s->body, "the server's header fields are too large"));
	assert_null(b->x->failed);
	assert_int_equal(b->server->resets, 1);
	close_bed(b);
}

/* Small on the wire, 60 KiB each when they are read: a table's entry again and again. */
static void
answer_that_unfolds(struct h2_peer *p, struct h2_seen *s)
{
	static char value[2900];
	nghttp2_nv nv[22] = {kit_nv(":status", "200")};

	memset(value, 'v', sizeof(value) - 1);
	for (int i = 1; i < 22; i++)
		nv[i] = kit_nv("x", value);
	nghttp2_submit_headers(p->session, NGHTTP2_FLAG_END_STREAM, s->id, NULL, nv, 22, NULL);
}

/* More heads at once than may wait for the client: the rest are refused, and their end is not waited for. */
static void
answers_that_unfold(void **state)
{
	struct h2_bed *b = open_bed(&client, &server);
	struct h2_seen *s[20];
	unsigned refused = 0;

	(void)state;
	b->server->on_request = answer_that_unfolds;
	for (int i = 0; i < 20; i++)
		s[i] = h2_peer_request(b->client, GET("/"), NULL, 0);
	h2_bed_run(b);
	for (int i = 0; i < 20; i++) {
		if (s[i]->closed == NGHTTP2_ENHANCE_YOUR_CALM)
			refused++;
		else
			assert_true(s[i]->ended && s[i]->closed == 0);
	}
	assert_true(refused > 0 && refused < 20);
	assert_true(h2_heap_of(b->x)->most < 3000000);
	assert_int_equal(b->x->ops->deadline(b->x), TIME_NEVER);
	much_later(b);
	assert_null(b->x->failed);
	/* The next is served. */
	s[0] = h2_peer_request(b->client, GET("/"), NULL, 0);
	h2_bed_run(b);
	assert_true(s[0]->ended && s[0]->closed == 0);
	close_bed(b);
}

/* --- secrets ----------------------------------------------------------------------------------------------------- */

/* A value of that many bytes; one at a time. */
static const char *
value_of(size_t n)
{
	static char value[40001];

	assert_true(n < sizeof(value));
	memset(value, 'V', n);
	value[n] = '\0';
	return value;
}

/* A value can be much longer than what stands for it. */
static void
a_head_that_grows_beyond_the_bounds(void **state)
{
	struct scene *c = open_scene(SECRET_HEADER, P, value_of(40000), &server);
	struct h2_seen *s = h2_peer_request(c->b.client, GET("/one") "authorization: " P "\n", NULL, 0);

	(void)state;
	h2_bed_run(&c->b);
	assert_non_null(strstr(s->head, ":status: 200\n"));
	s = h2_peer_request(c->b.client, GET("/two") "authorization: " P "\nx-other: " P "\n", NULL, 0);
	h2_bed_run(&c->b);
	assert_non_null(strstr(s->head, ":status: 431\n"));
	assert_non_null(strstr(s->body, "with its secrets the request's header fields are too large"));
	assert_int_equal(c->b.server->n, 1);
	assert_string_equal(c->b.log, "GET a.example /one 200\nGET a.example /two 431 refused\n");
	close_scene(c);
}

static void
answer_values(struct h2_peer *p, struct h2_seen *s)
{
	static char value[] = "VVVVVVVVVVVVVVVV";
	nghttp2_nv nv[101] = {kit_nv(":status", "200")};

	for (int i = 1; i <= 100; i++)
		nv[i] = kit_nv("x-value", value);
	nghttp2_submit_headers(p->session, NGHTTP2_FLAG_END_STREAM, s->id, NULL, nv, 101, NULL);
}

/* So can a placeholder be that is put where a value stood. */
static void
an_answer_that_grows_beyond_the_bounds(void **state)
{
	char longer[1000];

	(void)state;
	memset(longer, 'p', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';

	struct scene *c = open_scene(SECRET_HEADER, longer, value_of(16), &server);
	struct h2_seen *s = h2_peer_request(c->b.client, GET("/"), NULL, 0);

	c->b.server->on_request = answer_values;
	h2_bed_run(&c->b);
	assert_non_null(strstr(s->head, ":status: 502\n"));
	assert_null(strstr(s->head, "VVVV"));
	assert_null(c->b.x->failed);
	close_scene(c);
}

static void
answer_encoded(struct h2_peer *p, struct h2_seen *s)
{
	bool plain = strstr(s->head, ":path: /plain\n");

	h2_peer_respond(p, s,
			plain ? ":status: 200\ncontent-encoding: identity\n"
			      : ":status: 200\ncontent-encoding: br\n",
			"a VVVVVVVVVVVVVVVV b", 20);
}

/* What is encoded cannot be searched, and was told not to be: it passes as it is.  "identity" is no encoding. */
static void
encoded_answers_are_left_alone(void **state)
{
	struct scene *c = open_scene(SECRET_HEADER, P, value_of(16), &server);
	struct h2_seen *s[2] = {h2_peer_request(c->b.client, GET("/plain"), NULL, 0),
				h2_peer_request(c->b.client, GET("/encoded"), NULL, 0)};

	(void)state;
	c->b.server->on_request = answer_encoded;
	h2_bed_run(&c->b);
	assert_string_equal(s[0]->body, "a " P " b");
	assert_string_equal(s[1]->body, "a VVVVVVVVVVVVVVVV b");
	assert_non_null(strstr(c->b.server->seen[0].head, "accept-encoding: identity\n"));
	close_scene(c);
}

/* 50,000 placeholders of 18 bytes, 400 for each: 16 MiB are the bound of what is made of them as well. */
static void
a_body_that_grows_beyond_the_bounds(void **state)
{
	enum { TIMES = 50000, VALUE = 400 };
	size_t len = TIMES * (sizeof(P) - 1);
	char *body = malloc(len + 1);

	(void)state;
	assert_non_null(body);
	for (size_t i = 0; i < TIMES; i++)
		memcpy(body + i * (sizeof(P) - 1), P, sizeof(P) - 1);
	body[len] = '\0';
	for (size_t times = TIMES / 2; times <= TIMES; times += TIMES / 2) {
		struct scene *c = open_scene(SECRET_BODY, P, value_of(VALUE), &server);
		struct h2_seen *s;

		s = h2_peer_request(c->b.client, POST("/up"), body, times * (sizeof(P) - 1));
		h2_bed_run(&c->b);
		if (times == TIMES) {
			assert_non_null(strstr(s->head, ":status: 413\n"));
			assert_non_null(strstr(s->body, "with its secrets this request's body is too long"));
			assert_int_equal(c->b.server->n, 0);
		} else {
			assert_non_null(strstr(s->head, ":status: 200\n"));
			assert_int_equal(c->b.server->seen[0].got, times * VALUE);
		}
		close_scene(c);
	}
	free(body);
}

/* A body that was gathered when the server went away never reached it: the client may try again. */
static void
gathered_in_vain(void **state)
{
	struct scene *c = open_scene(SECRET_BODY, P, value_of(16), &server);
	struct h2_seen *s, *first = h2_peer_request(c->b.client, GET("/first"), NULL, 0);

	(void)state;
	h2_bed_run(&c->b);
	assert_true(first->ended);
	s = h2_peer_open(c->b.client, POST("/up"), "begins " P);
	h2_bed_run(&c->b);
	assert_int_equal(c->b.server->n, 1);
	nghttp2_submit_goaway(c->b.server->session, 0, c->b.server->seen[0].id, NGHTTP2_NO_ERROR, NULL, 0);
	h2_bed_run(&c->b);
	h2_peer_more(c->b.client, s, " ends", true);
	h2_bed_run(&c->b);
	assert_int_equal(s->closed, NGHTTP2_REFUSED_STREAM);
	assert_int_equal(c->b.server->n, 1);
	close_scene(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_refused_head_has_no_deadline),
	    cmocka_unit_test(a_head_with_a_wrong_field_has_no_deadline),
	    cmocka_unit_test(no_more_numbers_towards_the_server),
	    cmocka_unit_test(requests_beyond_what_is_read),
	    cmocka_unit_test(a_status_that_is_none),
	    cmocka_unit_test(answers_with_too_much_of_a_head),
	    cmocka_unit_test(answers_that_unfold),
	    cmocka_unit_test(a_head_that_grows_beyond_the_bounds),
	    cmocka_unit_test(an_answer_that_grows_beyond_the_bounds),
	    cmocka_unit_test(encoded_answers_are_left_alone),
	    cmocka_unit_test(a_body_that_grows_beyond_the_bounds),
	    cmocka_unit_test(gathered_in_vain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
