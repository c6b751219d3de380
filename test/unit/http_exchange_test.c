/*
 * http_exchange_test.c - requests and responses of HTTP/1 through an exchange: what passes, what is refused, how it ends
 *
 * Conversations are held whole and cut at random places.
 */
#include "http/waiting.h"
#include "test/unit/exchange_kit.h"

static const struct exchange_h1_options usual = {.tls = true};

#define GET "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define POST "POST /x HTTP/1.1\r\nHost: a.example\r\n"

/* A request is judged, passes as it is, is answered, and the next may come. */
static void
ordinary_requests(void **state)
{
	struct talk t;

	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		talk_begin(&t, &usual);
		t.seed = seed;
		for (int i = 0; i < 3; i++) {
			talk_say(&t, SIDE_CLIENT,
				 "GET /a/../b?c HTTP/1.1\r\nhost:a.example\r\nX-Y:  z \r\n\r\n");
			talk_hears(&t, SIDE_SERVER,
				   "GET /a/../b?c HTTP/1.1\r\nhost: a.example\r\nX-Y: z\r\n\r\n");
			assert_string_equal(t.path, "/b");
			talk_passes(&t, SIDE_SERVER, OK);
			talk_told(&t, "GET /b 200 0 2;");
		}
		assert_false(talk_ended(&t, SIDE_CLIENT) || talk_ended(&t, SIDE_SERVER));
		assert_null(t.x->failed);
		assert_int_equal(t.x->ops->deadline(t.x), TIME_NEVER);
		talk_stops(&t, SIDE_CLIENT, true);
		assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER));
		talk_end(&t);
	}
}

/* No coding of transfer is understood but chunks, so none is asked for. */
static void
codings_of_transfer(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "GET /x HTTP/1.1\r\nHost: a\r\nTE: gzip, trailers\r\nTE: Trailers\r\n\r\n");
	talk_hears(&t, SIDE_SERVER, "GET /x HTTP/1.1\r\nHost: a\r\nTE: Trailers\r\n\r\n");
	talk_end(&t);
}

/* The next request is judged and sent when the response to the one before is complete. */
static void
pipelined_requests(void **state)
{
	struct talk t;

	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		talk_begin(&t, &usual);
		t.seed = seed;
		talk_say(&t, SIDE_CLIENT,
			 "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /denied HTTP/1.1\r\nHost: a\r\n\r\n"
			 "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
		talk_hears(&t, SIDE_SERVER, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_int_equal(t.judged, 1);
		talk_say(&t, SIDE_SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
		assert_int_equal(t.judged, 1);
		talk_say(&t, SIDE_SERVER, "k");
		assert_int_equal(t.judged, 3);
		talk_hears_like(&t, SIDE_CLIENT, OK "HTTP/1.1 403 Forbidden\r\n", "rule 1 denies it\n");
		talk_hears(&t, SIDE_SERVER, "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
		talk_passes(&t, SIDE_SERVER, OK);
		talk_told(&t, "GET /1 200 0 2;GET /denied !403 0 0;GET /3 200 0 2;");
		talk_end(&t);
	}
}

static void
bodies_pass(void **state)
{
	struct talk t;

	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		talk_begin(&t, &usual);
		t.seed = seed;
		talk_say(&t, SIDE_CLIENT, POST "Content-Length: 005\r\n\r\nhello");
		talk_hears(&t, SIDE_SERVER, POST "Content-Length: 5\r\n\r\nhello");
		talk_passes(&t, SIDE_SERVER, "HTTP/1.1 204 \r\n\r\n");
		/* Sizes are written anew, extensions and fields that may not stand there are left out. */
		talk_say(&t, SIDE_CLIENT,
			 POST "Transfer-Encoding: Chunked\r\n\r\n005;a=b\r\nhello\r\nA\r\n0123456789\r\n"
			      "0;x\r\nX-Sum: 1\r\nHost: evil\r\nContent-Length: 3\r\n\r\n");
		talk_hears(&t, SIDE_SERVER,
			   POST "Transfer-Encoding: "
				"chunked\r\n\r\n5\r\nhello\r\na\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n");
		talk_say(&t, SIDE_SERVER,
			 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: "
			 "1\r\nSet-Cookie: x\r\n\r\n");
		talk_hears(
		    &t, SIDE_CLIENT,
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n");
		talk_told(&t, "POST /x 204 5 0;POST /x 200 15 3;");
		/* An empty line behind a body. */
		talk_say(&t, SIDE_CLIENT, "\r\n" GET);
		talk_hears(&t, SIDE_SERVER, GET);
		talk_end(&t);
	}
}

/* RFC 9112 6.3: there is no body, whatever the fields say. */
static void
responses_without_body(void **state)
{
	static const struct {
		const char *request, *response;
	} row[] = {
	    {"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"},
	    {"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
	    {"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"},
	    {"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n"},
	    {"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
	    {"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	    {"GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
	     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nL: x\r\n\r\n" OK},
	};
	struct talk t;

	(void)state;
	for (uint64_t seed = 0; seed < 4; seed++) {
		talk_begin(&t, &usual);
		t.seed = seed;
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			talk_passes(&t, SIDE_CLIENT, row[i].request);
			talk_passes(&t, SIDE_SERVER, row[i].response);
			assert_null(t.x->failed);
		}
		/* A length that means nothing is not passed on. */
		talk_say(&t, SIDE_CLIENT, GET);
		talk_say(&t, SIDE_SERVER, "HTTP/1.1 204 No\r\nContent-Length: 0\r\nA: b\r\n\r\n");
		talk_hears(&t, SIDE_CLIENT, "HTTP/1.1 204 No\r\nA: b\r\n\r\n");
		talk_end(&t);
	}
}

static void
response_until_close(void **state)
{
	struct talk t;

	(void)state;
	for (int clean = 0; clean < 2; clean++) {
		talk_begin(&t, &usual);
		talk_say(&t, SIDE_CLIENT, GET GET);
		talk_hears(&t, SIDE_SERVER, GET);
		talk_say(&t, SIDE_SERVER, "HTTP/1.1 200 OK\r\n\r\nall of ");
		talk_say(&t, SIDE_SERVER, "it");
		assert_false(talk_ended(&t, SIDE_CLIENT));
		talk_stops(&t, SIDE_SERVER, clean);
		talk_hears(&t, SIDE_CLIENT, "HTTP/1.1 200 OK\r\n\r\nall of it");
		assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER));
		/* Without a close_notify nobody knows whether that was all. */
		assert_int_equal(t.x->failed == NULL, clean);
		assert_int_equal(t.x->by_server, !clean);
		talk_told(&t, "GET /x 200 0 9;");
		talk_hears(&t, SIDE_SERVER, "");
		talk_end(&t);
	}
}

static void
last_requests(void **state)
{
	static const struct {
		const char *request, *response;
	} row[] = {
	    {"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", OK},
	    {"GET /x HTTP/1.0\r\nHost: a\r\n\r\n", OK},
	    {GET, "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok"},
	    {GET, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	};
	struct talk t;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		talk_begin(&t, &usual);
		talk_say(&t, SIDE_CLIENT, row[i].request);
		talk_say(&t, SIDE_CLIENT, GET);
		talk_passes(&t, SIDE_SERVER, row[i].response);
		assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER));
		assert_null(t.x->failed);
		assert_int_equal(t.judged, 1);
		talk_end(&t);
	}
}

static void
http10(void **state)
{
	static const struct exchange_h1_options lax = {.http10_ok = true};
	struct talk t;

	(void)state;
	/* Without Host. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "GET /x HTTP/1.0\r\n\r\n");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 400 ", "which host");
	assert_int_equal(t.judged, 0);
	assert_true(talk_ended(&t, SIDE_CLIENT));
	talk_end(&t);

	/* Kept alive; chunks are taken apart for it, and interim responses are not for it. */
	talk_begin(&t, &lax);
	talk_say(&t, SIDE_CLIENT, "GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
	talk_say(&t, SIDE_SERVER, "HTTP/1.1 103 Early\r\n\r\n" OK);
	talk_hears(&t, SIDE_CLIENT, OK);
	assert_false(talk_ended(&t, SIDE_CLIENT));
	talk_say(&t, SIDE_CLIENT, "GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
	talk_say(
	    &t, SIDE_SERVER,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nTrailer: T\r\n\r\n"
	    "2\r\nab\r\n1;x\r\nc\r\n0\r\nT: 1\r\n\r\n");
	talk_hears(&t, SIDE_CLIENT, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
	assert_true(talk_ended(&t, SIDE_CLIENT) && !t.x->failed);
	talk_end(&t);
}

/* The head goes out before the body; the server's 100 comes back. */
static void
expectations(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	talk_passes(&t, SIDE_CLIENT, POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	talk_passes(&t, SIDE_SERVER, "HTTP/1.1 100 Continue\r\n\r\n");
	talk_passes(&t, SIDE_CLIENT, "hi");
	talk_passes(&t, SIDE_SERVER, OK);

	/* A final answer instead: whether the body follows is unknown, so nothing else may. */
	talk_passes(&t, SIDE_CLIENT, POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	talk_say(&t, SIDE_SERVER, "HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
	talk_hears(&t, SIDE_CLIENT, "HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	talk_say(&t, SIDE_CLIENT, GET);
	talk_hears(&t, SIDE_SERVER, "");
	assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER));
	talk_told(&t, "POST /x 200 2 2;POST /x 417 0 0;");
	talk_end(&t);

	/* Once the body has begun an answer is only early. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nh");
	talk_passes(&t, SIDE_SERVER, OK);
	talk_say(&t, SIDE_CLIENT, "i" GET);
	talk_hears_like(&t, SIDE_SERVER, POST, "\r\n\r\nhi" GET);
	talk_end(&t);

	/* A refusal of ours instead. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT,
		 "PUT /denied HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 403 ", "Connection: close\r\n");
	assert_true(talk_ended(&t, SIDE_CLIENT));
	talk_end(&t);
}

/* The server may answer before it has had the whole request. */
static void
early_answers(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, POST "Content-Length: 4\r\n\r\nab");
	talk_passes(&t, SIDE_SERVER, OK);
	talk_told(&t, "");
	talk_say(&t, SIDE_CLIENT, "cd" GET);
	talk_hears(&t, SIDE_SERVER, POST "Content-Length: 4\r\n\r\nabcd" GET);
	talk_told(&t, "POST /x 200 4 2;");
	talk_passes(&t, SIDE_SERVER, OK);
	talk_told(&t, "GET /x 200 0 2;");

	/* And hang up. */
	talk_say(&t, SIDE_CLIENT, POST "Content-Length: 4\r\n\r\nab");
	talk_say(&t, SIDE_SERVER, "HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
	talk_hears(&t, SIDE_CLIENT, "HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
	assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER) && !t.x->failed);
	talk_end(&t);
}

/* --- refusals ----------------------------------------------------------------------------------------------------------- */

static void
refused_bodies_are_read_past(void **state)
{
	struct talk t;

	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		talk_begin(&t, &usual);
		t.seed = seed;
		talk_say(&t, SIDE_CLIENT,
			 "POST /denied HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
			 "POST /denied HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\nTransfer-Encoding: "
			 "chunked\r\n\r\n"
			 "5\r\nGET /\r\n0\r\n\r\n" GET);
		talk_hears(&t, SIDE_SERVER, GET);
		talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 403 Forbidden\r\n",
				"{\"refused\":true,\"status\":403,\"text\":\"rule 1 denies "
				"it\",\"rule\":\"deny \\\"all\\\"\"}");
		talk_told(&t, "POST /denied !403 0 0;POST /denied !403 0 0;");
		talk_end(&t);
	}
}

/* More than that is not: the connection ends. */
static void
refused_bodies_that_are_long(void **state)
{
	static char much[70000];
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "POST /denied HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\nx");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 403 ", "Connection: close\r\n");
	assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER));
	talk_end(&t);

	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT,
		 "POST /denied HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 403 ", "rule 1");
	assert_false(talk_ended(&t, SIDE_CLIENT));
	memset(much, 'x', sizeof(much));
	talk_say_bytes(&t, SIDE_CLIENT, much, sizeof(much));
	assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER));
	talk_hears(&t, SIDE_SERVER, "");
	talk_end(&t);

	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "GET /hangup HTTP/1.1\r\nHost: a\r\n\r\n" GET);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 403 ", "Connection: close\r\n");
	assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER));
	assert_int_equal(t.judged, 1);
	talk_end(&t);

	/* To a HEAD there is no body. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "HEAD /denied HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(strstr((char *)t.out[SIDE_CLIENT].p, "\r\n\r\n"), "\r\n\r\n");
	talk_end(&t);
}

static void
paths_that_are_refused(void **state)
{
	static char text[20000];
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "GET /../x HTTP/1.1\r\nHost: a\r\n\r\n");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 400 ", "path");
	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	snprintf(text + 9000, 100, " HTTP/1.1\r\nHost: a\r\n\r\n");
	talk_say(&t, SIDE_CLIENT, text);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 414 ", "too long");
	talk_passes(&t, SIDE_CLIENT, GET);
	talk_told(&t, "GET  !400 0 0;GET  !414 0 0;");
	assert_int_equal(t.judged, 1);
	talk_end(&t);
}

static void
heads_that_are_late_or_long(void **state)
{
	static char text[80000];
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "GET / HT");
	assert_int_equal(t.x->ops->deadline(t.x), 1000 + 30 * USEC_PER_SEC);
	t.now = 1000 + 30 * USEC_PER_SEC - 1;
	t.x->ops->late(t.x, t.now);
	assert_null(t.x->failed);
	t.x->ops->late(t.x, ++t.now);
	talk_pump(&t);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 408 ", "Connection: close\r\n");
	assert_non_null(t.x->failed);
	assert_true(talk_ended(&t, SIDE_CLIENT));
	talk_told(&t, "");
	talk_end(&t);

	talk_begin(&t, &usual);
	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /x HTTP/1.1\r\nHost: a\r\nX:", 28);
	talk_say_bytes(&t, SIDE_CLIENT, text, sizeof(text));
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 431 ", "too long");
	assert_non_null(t.x->failed);
	talk_end(&t);
}

/* --- servers that misbehave ------------------------------------------------------------------------------------------------ */

static void
servers_that_speak_unasked(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
	assert_string_equal(t.x->failed, "the server spoke before it was asked");
	assert_true(t.x->by_server);
	talk_hears(&t, SIDE_CLIENT, "");
	talk_end(&t);

	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_say(&t, SIDE_SERVER, OK "HTTP/1.1 200 OK\r\n\r\n");
	talk_hears(&t, SIDE_CLIENT, OK);
	assert_true(t.x->failed && t.x->by_server);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_say(&t, SIDE_SERVER, OK);
	talk_hears(&t, SIDE_SERVER, GET);
	talk_hears(&t, SIDE_CLIENT, "");
	talk_end(&t);

	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, POST "Content-Length: 4\r\n\r\nab");
	talk_say(&t, SIDE_SERVER, OK "x");
	assert_string_equal(t.x->failed, "the server said more than its response");
	talk_end(&t);
}

static void
servers_that_cannot_be_read(void **state)
{
	static const char *const bad[] = {
	    "SSH-2.0-x\r\n",
	    "HTTP/2.0 200 OK\r\n\r\n",
	    "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
	    "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nx",
	    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
	    "HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\nabcd",
	    "HTTP/1.1 100 Continue\r\nContent-Length: 4\r\n\r\nabcd",
	};
	struct talk t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		talk_begin(&t, &usual);
		talk_say(&t, SIDE_CLIENT, GET);
		talk_say(&t, SIDE_SERVER, bad[i]);
		talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 502 Bad Gateway\r\n",
				"the server's answer cannot be read");
		assert_true(t.x->failed && t.x->by_server);
		assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER));
		talk_told(&t, "GET /x !502 0 0;");
		talk_end(&t);
	}
}

static void
servers_that_end_early(void **state)
{
	struct talk t;

	(void)state;
	/* Before the first answer. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_stops(&t, SIDE_SERVER, true);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 502 ", "closed the connection");
	assert_true(t.x->failed && t.x->by_server);
	talk_end(&t);

	/* A connection that was idle: the client sees what it would have seen, and asks again elsewhere. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_passes(&t, SIDE_SERVER, OK);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_stops(&t, SIDE_SERVER, true);
	talk_hears(&t, SIDE_CLIENT, "");
	assert_null(t.x->failed);
	assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER));
	talk_told(&t, "GET /x 200 0 2;GET /x 0 0 0;");
	talk_end(&t);

	/* But for one that had begun to answer. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_passes(&t, SIDE_SERVER, OK);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_say(&t, SIDE_SERVER, "HTTP/1.1 2");
	talk_stops(&t, SIDE_SERVER, true);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 502 ", "before its answer was complete");
	talk_end(&t);

	static const char *const half[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
	};
	for (size_t i = 0; i < sizeof(half) / sizeof(half[0]); i++) {
		talk_begin(&t, &usual);
		talk_say(&t, SIDE_CLIENT, GET);
		talk_say(&t, SIDE_SERVER, half[i]);
		talk_stops(&t, SIDE_SERVER, true);
		assert_true(t.x->failed && t.x->by_server);
		assert_true(talk_ended(&t, SIDE_CLIENT));
		talk_told(&t, "GET /x 200 0 2;");
		talk_end(&t);
	}

	/* When it has answered, and reads no more of the request: what waits for it is dropped. */
	talk_begin(&t, &usual);
	t.stopped[SIDE_SERVER] = true;
	talk_say(&t, SIDE_CLIENT, POST "Content-Length: 9\r\n\r\nab");
	talk_say(&t, SIDE_SERVER, OK);
	talk_stops(&t, SIDE_SERVER, true);
	talk_hears(&t, SIDE_CLIENT, OK);
	assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER) && !t.x->failed);
	talk_told(&t, "POST /x 200 2 2;");
	talk_end(&t);

	/* Chunks that are broken: what was good has gone, and what comes is the end. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_say(&t, SIDE_SERVER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n");
	assert_string_equal(t.x->failed, "the server's chunks are broken");
	talk_hears(&t, SIDE_CLIENT, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
	talk_end(&t);
}

static void
clients_that_end_early(void **state)
{
	static const char *const half[] = {"GET / HT", POST "Content-Length: 4\r\n\r\nab",
					   POST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"};
	struct talk t;

	(void)state;
	for (size_t i = 0; i < sizeof(half) / sizeof(half[0]); i++) {
		talk_begin(&t, &usual);
		talk_say(&t, SIDE_CLIENT, half[i]);
		talk_stops(&t, SIDE_CLIENT, true);
		assert_true(t.x->failed && !t.x->by_server);
		assert_true(talk_ended(&t, SIDE_SERVER));
		talk_end(&t);
	}

	/* One that has said all it wants to hears the answer. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_stops(&t, SIDE_CLIENT, true);
	talk_hears(&t, SIDE_SERVER, GET);
	assert_true(talk_ended(&t, SIDE_SERVER) && !talk_ended(&t, SIDE_CLIENT));
	talk_passes(&t, SIDE_SERVER, OK);
	assert_true(talk_ended(&t, SIDE_CLIENT) && !t.x->failed);
	talk_end(&t);
}

/* --- other protocols ---------------------------------------------------------------------------------------------------------- */

#define UPGRADE "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

static void
upgrades(void **state)
{
	static const char yes[] =
	    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
	struct talk t;

	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		talk_begin(&t, &usual);
		t.seed = seed;
		/* What follows waits until the server has agreed. */
		talk_say(&t, SIDE_CLIENT, UPGRADE "GET frames");
		talk_hears(&t, SIDE_SERVER, UPGRADE);
		assert_true(t.upgrade);
		talk_passes(&t, SIDE_SERVER, yes);
		talk_hears(&t, SIDE_SERVER, "GET frames");
		talk_passes(&t, SIDE_SERVER, "and back");
		assert_false(exchange_h1_tunnel(t.x));
		talk_stops(&t, SIDE_CLIENT, true);
		assert_true(talk_ended(&t, SIDE_SERVER) && !talk_ended(&t, SIDE_CLIENT));
		talk_passes(&t, SIDE_SERVER, "more");
		talk_told(&t, "");
		talk_stops(&t, SIDE_SERVER, true);
		assert_true(talk_ended(&t, SIDE_CLIENT) && !t.x->failed);
		talk_told(&t, "GET /ws 101 10 12;");
		talk_end(&t);
	}
	/* Not before the request is complete. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, POST "Upgrade: websocket\r\nContent-Length: 2\r\n\r\nh");
	talk_say(&t, SIDE_SERVER, yes);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 502 ", "in the middle of a request");
	assert_true(t.x->failed && t.x->by_server);
	talk_end(&t);
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, POST "Upgrade: websocket\r\nContent-Length: 2\r\n\r\nhi");
	talk_passes(&t, SIDE_SERVER, yes);
	talk_end(&t);

	/* It may go on as HTTP/1. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, UPGRADE GET);
	talk_hears(&t, SIDE_SERVER, UPGRADE);
	talk_say(&t, SIDE_SERVER, OK);
	talk_hears(&t, SIDE_SERVER, GET);
	talk_end(&t);
}

/* Requests within them could not be read. */
static void
upgrades_to_http(void **state)
{
	static const char *const to[] = {"h2c", "H2C", "websocket, h2c", "TLS/1.0", "HTTP/2.0", "h2"};
	char text[256];
	struct talk t;

	(void)state;
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		talk_begin(&t, &usual);
		snprintf(text, sizeof(text),
			 "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
			 "%s\r\nHTTP2-Settings: AA\r\n\r\n",
			 to[i]);
		talk_say(&t, SIDE_CLIENT, text);
		talk_hears(&t, SIDE_SERVER, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\r\n");
		assert_false(t.upgrade);
		talk_say(&t, SIDE_SERVER, "HTTP/1.1 101 Yes\r\nUpgrade: h2c\r\n\r\n");
		talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 502 ", "not asked for");
		talk_end(&t);
	}
}

#define CONNECT "CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"

static void
tunnels(void **state)
{
	static const struct exchange_h1_options proxy = {.tunnels = true};
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, CONNECT GET);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 501 ", "no tunnels");
	assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER));
	assert_int_equal(t.judged, 0);
	talk_end(&t);

	talk_begin(&t, &proxy);
	talk_say(&t, SIDE_CLIENT, CONNECT "hello");
	talk_hears(&t, SIDE_SERVER, CONNECT);
	talk_say(&t, SIDE_SERVER, "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", "");
	talk_end(&t);

	/* The lengths of an agreement mean nothing, and its take() stops where the tunnel begins. */
	talk_begin(&t, &proxy);
	talk_say(&t, SIDE_CLIENT, CONNECT "hello");
	talk_hears(&t, SIDE_SERVER, CONNECT);
	assert_false(exchange_h1_tunnel(t.x));
	static const char yes[] = "HTTP/1.1 200 Yes\r\nContent-Length: 0\r\n\r\nwelcome";
	size_t n = t.x->ops->take(t.x, SIDE_SERVER, view_of(yes, sizeof(yes) - 1), t.now);
	assert_int_equal(n, sizeof(yes) - 1 - 7);
	assert_true(exchange_h1_tunnel(t.x));
	talk_say(&t, SIDE_SERVER, "welcome");
	talk_hears(&t, SIDE_CLIENT, "HTTP/1.1 200 Yes\r\n\r\nwelcome");
	talk_hears(&t, SIDE_SERVER, "hello");
	talk_end(&t);
}

/* --- limits --------------------------------------------------------------------------------------------------------------- */

/* Who does not read is not read for: no more waits than EXCHANGE_WAITS. */
static void
backpressure(void **state)
{
	static char much[200000];
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	memset(much, 'x', sizeof(much));
	t.stopped[SIDE_SERVER] = true;
	talk_say(&t, SIDE_CLIENT, POST "Content-Length: 200000\r\n\r\n");
	talk_say_bytes(&t, SIDE_CLIENT, much, sizeof(much));
	assert_int_equal(t.x->ops->give(t.x, SIDE_SERVER, t.now).len, EXCHANGE_WAITS);
	t.stopped[SIDE_SERVER] = false;
	talk_pump(&t);
	assert_int_equal(t.in[SIDE_CLIENT].len, 0);
	t.out[SIDE_SERVER].len = 0;

	t.stopped[SIDE_CLIENT] = true;
	talk_say(&t, SIDE_SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
	talk_say_bytes(&t, SIDE_SERVER, much, sizeof(much));
	assert_int_equal(t.x->ops->give(t.x, SIDE_CLIENT, t.now).len, EXCHANGE_WAITS);
	t.stopped[SIDE_CLIENT] = false;
	talk_pump(&t);
	assert_int_equal(t.in[SIDE_SERVER].len, 0);
	t.out[SIDE_CLIENT].len = 0;

	/* Nor are refusals made for who does not read them. */
	t.stopped[SIDE_CLIENT] = true;
	static const char denied[] = "GET /denied HTTP/1.1\r\nHost: a\r\n\r\n";
	for (int i = 0; i < 2000; i++)
		kit_append(&t.in[SIDE_CLIENT], denied, sizeof(denied) - 1);
	talk_pump(&t);
	assert_true(t.x->ops->give(t.x, SIDE_CLIENT, t.now).len < EXCHANGE_WAITS + REQUEST_REFUSAL_MAX);
	assert_true(t.in[SIDE_CLIENT].len > 0);
	t.stopped[SIDE_CLIENT] = false;
	talk_pump(&t);
	assert_int_equal(t.in[SIDE_CLIENT].len, 0);
	talk_end(&t);
}

/* A queue, beside one that is only an array. */
static void
waiting_bytes(void **state)
{
	static uint8_t model[1 << 16], bytes[3000];
	uint64_t seed = 3;
	size_t len = 0;
	struct waiting w = {.p = NULL};

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t n = kit_random(&seed) % (kit_random(&seed) % 4 ? 200 : sizeof(bytes));

		if (kit_random(&seed) % 2 && len + n < sizeof(model)) {
			kit_fill(&seed, bytes, n);
			assert_true(waiting_add(&w, bytes, n));
			memcpy(model + len, bytes, n);
			len += n;
		} else if (kit_random(&seed) % 4) {
			n = n < len ? n : len;
			waiting_drop(&w, n);
			memmove(model, model + n, len - n);
			len -= n;
		} else {
			n = n < len ? n : len;
			waiting_cut(&w, n);
			len -= n;
		}
		assert_int_equal(waiting_len(&w), len);
		struct view v = waiting_view(&w);
		assert_true(v.len == len && (len == 0 ? w.p == NULL : memcmp(v.p, model, len) == 0));
	}
	waiting_free(&w);
}

static void
guesses(void **state)
{
	static const struct {
		const char *first;
		enum exchange_kind kind;
	} row[] = {
	    {"", EXCHANGE_UNSURE},
	    {"G", EXCHANGE_UNSURE},
	    {"GET / HTTP/1.1", EXCHANGE_UNSURE},
	    {"GET / HTTP/1.1\r\n", EXCHANGE_H1},
	    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", EXCHANGE_H1},
	    {"GET /\r\n", EXCHANGE_H1},
	    {"GET / HTTP/1.1\n", EXCHANGE_H1},
	    {"\r\nGET / HTTP/1.1\r\n", EXCHANGE_H1},
	    {"P", EXCHANGE_UNSURE},
	    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", EXCHANGE_UNSURE},
	    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", EXCHANGE_H2},
	    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nx", EXCHANGE_H2},
	    {"PRI * HTTP/1.1\r\n", EXCHANGE_H1},
	    {"SSH-2.0-OpenSSH\r\n", EXCHANGE_OTHER},
	    {"\x16\x03\x01", EXCHANGE_OTHER},
	    {"\x01", EXCHANGE_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(exchange_guess(view_of(row[i].first, strlen(row[i].first))), row[i].kind);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ordinary_requests),
	    cmocka_unit_test(codings_of_transfer),
	    cmocka_unit_test(pipelined_requests),
	    cmocka_unit_test(bodies_pass),
	    cmocka_unit_test(responses_without_body),
	    cmocka_unit_test(response_until_close),
	    cmocka_unit_test(last_requests),
	    cmocka_unit_test(http10),
	    cmocka_unit_test(expectations),
	    cmocka_unit_test(early_answers),
	    cmocka_unit_test(refused_bodies_are_read_past),
	    cmocka_unit_test(refused_bodies_that_are_long),
	    cmocka_unit_test(paths_that_are_refused),
	    cmocka_unit_test(heads_that_are_late_or_long),
	    cmocka_unit_test(servers_that_speak_unasked),
	    cmocka_unit_test(servers_that_cannot_be_read),
	    cmocka_unit_test(servers_that_end_early),
	    cmocka_unit_test(clients_that_end_early),
	    cmocka_unit_test(upgrades),
	    cmocka_unit_test(upgrades_to_http),
	    cmocka_unit_test(tunnels),
	    cmocka_unit_test(backpressure),
	    cmocka_unit_test(waiting_bytes),
	    cmocka_unit_test(guesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
