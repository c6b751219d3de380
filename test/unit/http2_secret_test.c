/*
 * http2_secret_test.c - secrets on their way through an exchange of HTTP/2
 */
#include "test/unit/http2_secret_kit.h"

#define V "value!/+"

static void
into_fields_and_queries(void **state)
{
	struct scene *c = open_scene(SECRET_HEADER | SECRET_QUERY | SECRET_BASIC, P, V, &server);
	struct h2_seen *s = h2_peer_request(
	    c->b.client, GET("/x?key=" P) "authorization: Bearer " P "\nx-other: 1\n", NULL, 0);
	const struct h2_seen *at = &c->b.server->seen[0];

	(void)state;
	h2_bed_run(&c->b);
	assert_non_null(strstr(at->head, "authorization: Bearer " V "\n"));
	assert_non_null(strstr(at->head, ":path: /x?key=value%21%2F%2B\n"));
	assert_true(at->never);
	/* The server's echo of the path holds the value in another form; its body is redacted as it is, in raw form. */
	assert_int_equal(s->closed, 0);
	assert_null(strstr(c->b.log, "value"));
	h2_peer_request(c->b.client, GET("/plain"), NULL, 0);
	h2_bed_run(&c->b);
	assert_false(c->b.server->seen[1].never);
	close_scene(c);
}

static void
into_bodies(void **state)
{
	struct scene *c = open_scene(SECRET_BODY, P, "a\"b", &server);
	struct h2_seen *s;
	const struct h2_seen *at = c->b.server->seen;

	(void)state;
	s = h2_peer_request(
	    c->b.client,
	    POST("/x") "content-type: application/json\ncontent-length: 26\nexpect: 100-continue\n",
	    "{\"key\":\"" P "\"}", 28);
	/* Its length is a lie: the library says so. */
	h2_bed_run(&c->b);
	assert_int_equal(s->closed, NGHTTP2_PROTOCOL_ERROR);
	assert_int_equal(c->b.server->n, 0);
	s = h2_peer_request(
	    c->b.client,
	    POST("/x") "content-type: application/json\ncontent-length: 28\nexpect: 100-continue\n",
	    "{\"key\":\"" P "\"}", 28);
	h2_bed_run(&c->b);
	assert_string_equal(s->interim, ":status: 100\n");
	assert_string_equal(at[0].body, "{\"key\":\"a\\\"b\"}");
	assert_non_null(strstr(at[0].head, "content-length: 14\n"));
	assert_null(strstr(at[0].head, "expect"));
	assert_non_null(strstr(at[0].head, "accept-encoding: identity\n"));
	assert_int_equal(s->closed, 0);
	close_scene(c);
}

/* Bodies of many streams, each longer than its window: one after the other is gathered, and all arrive. */
static void
many_large_bodies(void **state)
{
	struct scene *c = open_scene(SECRET_BODY, P, V, &server);

	(void)state;
	for (int i = 0; i < 20; i++)
		h2_peer_request(c->b.client, POST("/x"), NULL, 300000);
	h2_bed_run(&c->b);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(c->b.server->seen[i].got, 300000);
		assert_int_equal(c->b.server->seen[i].sum, h2_peer_sum(300000));
		assert_int_equal(c->b.client->seen[i].closed, 0);
	}
	assert_true(h2_heap_of(c->b.x)->held < 56000);
	close_scene(c);
}

static void
bodies_that_are_refused(void **state)
{
	struct scene *c = open_scene(SECRET_BODY, P, V, &server);
	struct h2_seen *s[3];

	(void)state;
	s[0] = h2_peer_request(c->b.client, POST("/x"), NULL, SUBSTITUTE_BODY + 1);
	h2_bed_run(&c->b);
	assert_non_null(strstr(s[0]->head, ":status: 413\n"));
	s[1] = h2_peer_request(c->b.client, POST("/x") "content-encoding: gzip\n", "zzz", 3);
	s[2] = h2_peer_request(c->b.client, POST("/x") "content-type: application/grpc\n", "abc", 3);
	h2_bed_run(&c->b);
	assert_non_null(strstr(s[1]->head, ":status: 415\n"));
	assert_string_equal(c->b.server->seen[0].body, "abc");
	assert_int_equal(c->b.server->n, 1);
	close_scene(c);
}

static void
leaks_are_refused(void **state)
{
	static const char *const where[] = {
	    GET("/x") "x-key: " P "\n",
	    GET("/" P "/y"),
	    GET("/x?k=" P),
	    GET("/x") "authorization: Basic eDpQTEFDRUhPTERFUi03ZjNhOTE=\n",
	    ":method: " P "\n:scheme: https\n:authority: a.example\n:path: /\n",
	    ":method: GET\n:scheme: https\n:authority: " P ".example\n:path: /\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(where) / sizeof(*where); i++) {
		struct scene *c = open_scene(SECRET_HEADER, P, V, &server);
		struct h2_seen *s = h2_peer_request(c->b.client, where[i], NULL, 0), *good;

		c->put = false;
		good = h2_peer_request(c->b.client, GET("/good"), NULL, 0);
		h2_bed_run(&c->b);
		if (!strstr(s->head, ":status: 403\n"))
			print_error("%s", where[i]);
		assert_non_null(strstr(s->head, ":status: 403\n"));
		assert_non_null(strstr(s->body, "TOKEN is not for a.example"));
		assert_string_equal(good->body, "/good");
		assert_int_equal(c->b.server->n, 1);
		assert_int_equal(c->b.nkept[0] + c->b.nkept[1], 0);
		close_scene(c);
	}
}

/* In the middle of a body, cut over frames: what has left is a beginning, and the server is told that no more comes. */
static void
a_leak_in_a_body(void **state)
{
	struct scene *c = open_scene(SECRET_HEADER, P, V, &server);
	struct h2_seen *s = h2_peer_open(c->b.client, POST("/x"), "some bytes and PLACEHOLDER");

	(void)state;
	c->b.server->mute = true;
	h2_bed_run(&c->b);
	assert_int_equal(c->b.judged, 1);
	h2_peer_more(c->b.client, s, "-7f3a91 and more", true);
	h2_bed_run(&c->b);
	assert_non_null(strstr(s->head, ":status: 403\n"));
	assert_int_equal(c->b.server->seen[0].closed, NGHTTP2_CANCEL);
	assert_null(strstr(c->b.server->seen[0].body, "7f3a91"));
	assert_string_equal(c->b.leaks, "TOKEN 8 raw\n");
	assert_string_equal(c->b.log, "POST a.example /x 403 refused\n");
	close_scene(c);
}

static void
a_leak_that_is_only_told(void **state)
{
	struct scene *c = open_scene(SECRET_HEADER, P, V, &server);
	struct h2_seen *s;

	(void)state;
	c->put = false;
	c->go_on = true;
	s = h2_peer_request(c->b.client, POST("/x") "a: " P "\n", P " " P, 2 * sizeof(P) - 1);
	h2_bed_run(&c->b);
	assert_non_null(strstr(s->head, ":status: 200\n"));
	assert_string_equal(c->b.server->seen[0].body, P " " P);
	assert_string_equal(c->b.leaks, "TOKEN 1 raw\n");
	close_scene(c);
}

static void
echo_value(struct h2_peer *p, struct h2_seen *s)
{
	s->trailer = "x-trailer: " V "\n";
	h2_peer_respond(p, s, ":status: 200\nx-echo: <" V ">\ncontent-length: 14\n", "say " V ", ", 14);
}

static void
values_in_answers(void **state)
{
	for (size_t piece = 0; piece < 12; piece++) {
		struct scene *c = open_scene(SECRET_HEADER, P, V, &server);
		struct h2_seen *s;

		(void)state;
		c->b.piece = piece;
		c->b.server->on_request = echo_value;
		s = h2_peer_request(c->b.client, GET("/x"), NULL, 0);
		h2_bed_run(&c->b);
		assert_string_equal(s->head, ":status: 200\nx-echo: <" P ">\n");
		assert_string_equal(s->body, "say " P ", ");
		assert_string_equal(s->trailers, "x-trailer: " P "\n");
		assert_int_equal(s->closed, 0);
		close_scene(c);
	}
}

static void
a_value_with_a_line_end(void **state)
{
	for (int h1 = 0; h1 < 2; h1++) {
		struct scene *c = open_scene(SECRET_HEADER, P, "a\r\nx: y", h1 ? NULL : &server);
		struct h2_seen *s = h2_peer_request(c->b.client, GET("/x") "k: " P "\n", NULL, 0);

		(void)state;
		h2_bed_run(&c->b);
		assert_non_null(strstr(s->head, ":status: 400\n"));
		close_scene(c);
	}
}

static void
through_http1(void **state)
{
	struct scene *c = open_scene(SECRET_HEADER | SECRET_BODY, P, V, NULL);
	struct h2_seen *s = h2_peer_request(c->b.client, POST("/x") "k: " P "\n", "<" P ">", 20);

	(void)state;
	h2_bed_run(&c->b);
	c->b.h1[c->b.nh1] = '\0';
	assert_string_equal(c->b.h1,
			    "POST /x HTTP/1.1\r\nhost: a.example\r\nk: " V "\r\naccept-encoding: identity\r\n"
			    "content-length: 10\r\n\r\n<" V ">");
	h2_bed_raw(&c->b, SIDE_SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" V, 47);
	h2_bed_run(&c->b);
	assert_string_equal(s->body, P);
	assert_int_equal(s->closed, 0);
	close_scene(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(into_fields_and_queries),  cmocka_unit_test(into_bodies),
	    cmocka_unit_test(many_large_bodies),        cmocka_unit_test(bodies_that_are_refused),
	    cmocka_unit_test(leaks_are_refused),        cmocka_unit_test(a_leak_in_a_body),
	    cmocka_unit_test(a_leak_that_is_only_told), cmocka_unit_test(values_in_answers),
	    cmocka_unit_test(a_value_with_a_line_end),  cmocka_unit_test(through_http1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
