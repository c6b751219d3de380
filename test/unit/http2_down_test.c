/*
 * http2_down_test.c - clients of HTTP/2 and a server that speaks HTTP/1.1 only
 */
#include "test/unit/http2_kit.h"

/* What the server was sent since it was last looked at. */
static void
expect_sent(struct h2_bed *b, const char *text)
{
	b->h1[b->nh1] = '\0';
	assert_string_equal(b->h1, text);
	b->nh1 = 0;
}

static void
answer(struct h2_bed *b, const char *text)
{
	h2_bed_raw(b, SIDE_SERVER, text, strlen(text));
	h2_bed_run(b);
}

static void
one_after_the_other(void **state)
{
	static const size_t pieces[] = {0, 1, 7};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct h2_bed *b = open_bed(&client, NULL);
		struct h2_seen *s[3];

		b->piece = pieces[i];
		s[0] = h2_peer_request(
		    b->client, GET("/a") "cookie: x=1\nte: trailers\nuser-agent: u\ncookie: y=2\n", NULL, 0);
		s[1] = h2_peer_request(b->client, POST("/b") "content-length: 4\n", "body", 4);
		s[2] = h2_peer_request(
		    b->client, ":method: HEAD\n:scheme: https\n:authority: a.example:8443\n:path: /c\n", NULL,
		    0);
		h2_bed_run(b);
		expect_sent(b, "GET /a HTTP/1.1\r\nhost: a.example\r\nte: trailers\r\nconnection: te\r\n"
			       "user-agent: u\r\ncookie: x=1; y=2\r\n\r\n");
		answer(b,
		       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Odd: A\r\nConnection: keep-alive, X-Hop\r\n"
		       "X-Hop: 1\r\nKeep-Alive: timeout=5\r\n\r\nhello");
		assert_string_equal(s[0]->head, ":status: 200\ncontent-length: 5\nx-odd: A\n");
		assert_string_equal(s[0]->body, "hello");
		assert_int_equal(s[0]->closed, 0);
		expect_sent(b, "POST /b HTTP/1.1\r\nhost: a.example\r\ncontent-length: 4\r\n\r\nbody");
		answer(b,
		       "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nSum: 9\r\n\r\n");
		assert_string_equal(s[1]->interim, ":status: 103\nlink: x\n");
		assert_string_equal(s[1]->head, ":status: 200\n");
		assert_string_equal(s[1]->body, "abcdefg");
		assert_string_equal(s[1]->trailers, "sum: 9\n");
		expect_sent(b, "HEAD /c HTTP/1.1\r\nhost: a.example:8443\r\n\r\n");
		answer(b, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
		assert_string_equal(s[2]->head, ":status: 200\ncontent-length: 500\n");
		assert_true(s[2]->ended);
		assert_string_equal(
		    b->log, "GET a.example /a 200\nPOST a.example /b 200\nHEAD a.example:8443 /c 200\n");
		assert_int_equal(b->sent, 4);
		assert_int_equal(b->gotten, 12);
		close_bed(b);
	}
}

static void
bodies_without_length_are_chunked(void **state)
{
	struct h2_bed *b = open_bed(&client, NULL);
	struct h2_seen *s;

	(void)state;
	s = h2_peer_open(b->client, POST("/up"), "first");
	h2_bed_run(b);
	expect_sent(
	    b, "POST /up HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
	s->trailer = "t: 1\n";
	h2_peer_more(b->client, s, "second", true);
	h2_bed_run(b);
	expect_sent(b, "6\r\nsecond\r\n0\r\nt: 1\r\n\r\n");
	answer(b, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_int_equal(s->closed, 0);
	s = h2_peer_request(b->client, POST("/none"), NULL, 0);
	h2_bed_run(b);
	expect_sent(b, "POST /none HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\n\r\n");
	answer(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_true(s->ended);
	close_bed(b);
}

/* More waits than the connection's window holds: who is served is not starved by those who wait. */
static void
many_uploads(void **state)
{
	struct h2_bed *b = open_bed(&client, NULL);

	(void)state;
	for (int i = 0; i < 30; i++)
		h2_peer_request(b->client, POST("/up") "content-length: 200000\n", NULL, 200000);
	for (int i = 0; i < 30; i++) {
		h2_bed_run(b);
		b->nh1 = 0;
		answer(b, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		assert_string_equal(b->client->seen[i].body, "ok");
	}
	assert_int_equal(b->sent, 30 * 200000);
	close_bed(b);
}

/* A response that waits for the client's window stops the server, not the rest. */
static void
a_large_answer(void **state)
{
	struct h2_bed *b = open_bed(&client, NULL);
	struct h2_seen *s;
	char *body = malloc(1000000);

	(void)state;
	assert_non_null(body);
	memset(body, 'b', 1000000);
	b->client->lazy = true;
	s = h2_peer_request(b->client, GET("/big"), NULL, 0);
	h2_bed_run(b);
	h2_bed_raw(b, SIDE_SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", 44);
	h2_bed_raw(b, SIDE_SERVER, body, 1000000);
	h2_bed_run(b);
	assert_int_equal(s->got, 65535);
	assert_true(b->nkept[SIDE_SERVER] > 700000);
	b->client->lazy = false;
	nghttp2_session_consume(b->client->session, s->id, 65535);
	h2_bed_run(b);
	assert_int_equal(s->got, 1000000);
	assert_int_equal(s->closed, 0);
	free(body);
	close_bed(b);
}

static void
a_server_that_closes(void **state)
{
	struct h2_bed *b = open_bed(&client, NULL);
	struct h2_seen *s[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		s[i] = h2_peer_request(b->client, GET("/x"), NULL, 0);
	h2_bed_run(b);
	answer(b, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
	assert_false(s[0]->ended);
	b->x->ops->end(b->x, SIDE_SERVER, true, b->now);
	h2_bed_run(b);
	assert_string_equal(s[0]->body, "until the end");
	assert_true(s[0]->ended);
	assert_int_equal(s[1]->closed, NGHTTP2_REFUSED_STREAM);
	assert_int_equal(s[2]->closed, NGHTTP2_REFUSED_STREAM);
	assert_int_equal(b->client->goaway, NGHTTP2_NO_ERROR);
	assert_true(b->x->ops->ended(b->x, SIDE_CLIENT));
	assert_null(b->x->failed);
	close_bed(b);
}

static void
a_truncated_answer(void **state)
{
	struct h2_bed *b = open_bed(&client, NULL);
	struct h2_seen *s = h2_peer_request(b->client, GET("/x"), NULL, 0);

	(void)state;
	h2_bed_run(b);
	answer(b, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nless");
	b->x->ops->end(b->x, SIDE_SERVER, true, b->now);
	h2_bed_run(b);
	assert_int_equal(s->closed, NGHTTP2_INTERNAL_ERROR);
	close_bed(b);
}

static void
answers_that_are_none(void **state)
{
	static const char *const odd[] = {
	    "nonsense\r\n\r\n",
	    "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "HTTP/1.1 200 OK\r\n fold: x\r\n\r\n",
	    "HTTP/2 200\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		struct h2_bed *b = open_bed(&client, NULL);
		struct h2_seen *s = h2_peer_request(b->client, GET("/x"), NULL, 0);

		h2_bed_run(b);
		answer(b, odd[i]);
		assert_non_null(strstr(s->head, ":status: 502\n"));
		assert_non_null(b->x->failed);
		assert_true(b->x->by_server);
		close_bed(b);
	}
}

static void
unasked_bytes(void **state)
{
	struct h2_bed *b = open_bed(&client, NULL);
	struct h2_seen *s = h2_peer_request(b->client, GET("/x"), NULL, 0);

	(void)state;
	h2_bed_run(b);
	answer(b, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
	assert_string_equal(s->body, "ok");
	assert_true(s->ended);
	assert_string_equal(b->x->failed, "the server spoke unasked");
	close_bed(b);
}

static void
given_up_before_and_after_it_began(void **state)
{
	struct h2_bed *b = open_bed(&client, NULL);
	struct h2_seen *s[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		s[i] = h2_peer_request(b->client, GET("/x"), NULL, 0);
	h2_bed_run(b);
	nghttp2_submit_rst_stream(b->client->session, 0, s[1]->id, NGHTTP2_CANCEL);
	h2_bed_run(b);
	assert_false(b->x->ops->ended(b->x, SIDE_SERVER));
	assert_int_equal(b->done, 1);
	nghttp2_submit_rst_stream(b->client->session, 0, s[0]->id, NGHTTP2_CANCEL);
	h2_bed_run(b);
	assert_true(b->x->ops->ended(b->x, SIDE_SERVER));
	assert_int_equal(s[2]->closed, NGHTTP2_REFUSED_STREAM);
	assert_int_equal(b->done, 3);
	assert_true(b->x->ops->ended(b->x, SIDE_CLIENT));
	close_bed(b);
}

static void
no_websockets_there(void **state)
{
	struct h2_bed *b = open_bed(&client, NULL);

	(void)state;
	h2_bed_run(b);
	assert_int_equal(
	    nghttp2_session_get_remote_settings(b->client->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL),
	    0);
	close_bed(b);
}

static void
no_memory_at_any_moment(void **state)
{
	int whole = 0;

	(void)state;
	for (int n = 0; !whole; n++) {
		struct failing f = {.left = n};
		struct h2_bed *b = open_bed_failing(NULL, &f);

		if (b->x) {
			h2_peer_request(b->client, GET("/a") "cookie: a=b\n", NULL, 0);
			struct h2_seen *s = h2_peer_request(b->client, POST("/b"), "body", 4);
			s->trailer = "t: 1\n";
			h2_bed_run(b);
			answer(b, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
			answer(b, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: "
				  "b\r\n\r\n");
			whole = f.left >= 0;
			if (whole)
				assert_string_equal(s->trailers, "a: b\n");
			assert_true(whole || b->x->failed);
		}
		close_bed(b);
		assert_true(n < 5000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_after_the_other),
	    cmocka_unit_test(bodies_without_length_are_chunked),
	    cmocka_unit_test(many_uploads),
	    cmocka_unit_test(a_large_answer),
	    cmocka_unit_test(a_server_that_closes),
	    cmocka_unit_test(a_truncated_answer),
	    cmocka_unit_test(answers_that_are_none),
	    cmocka_unit_test(unasked_bytes),
	    cmocka_unit_test(given_up_before_and_after_it_began),
	    cmocka_unit_test(no_websockets_there),
	    cmocka_unit_test(no_memory_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
