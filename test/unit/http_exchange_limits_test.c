/*
 * http_exchange_limits_test.c - the limits of an exchange of HTTP/1, each reached
 */
#include "test/unit/exchange_secret_kit.h"

#define GET "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static char much[80000];

/* A long value, often: more than a head may be. */
static void
long_request_heads(void **state)
{
	struct talk t;

	(void)state;
	memset(much, 'v', sizeof(much));
	struct secret_set *s = one_secret(SECRET_HEADER, view_of(much, 30000));
	begin(&t, s);
	talk_say(&t, SIDE_CLIENT,
		 "GET /x HTTP/1.1\r\nHost: a\r\nA: " P "\r\nB: " P "\r\nC: " P "\r\nD: " P "\r\nE: " P
		 "\r\n\r\n");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 431 ", "with its secrets");
	talk_hears(&t, SIDE_SERVER, "");
	talk_say(&t, SIDE_CLIENT, "GET /x HTTP/1.1\r\nHost: a\r\nA: " P "\r\nB: " P "\r\n\r\n");
	assert_true(t.out[SIDE_SERVER].len > 60000);
	assert_null(t.x->failed);
	end(&t, s);
}

static void
long_bodies(void **state)
{
	struct talk t;

	(void)state;
	memset(much, 'v', sizeof(much));
	struct secret_set *s = one_secret(SECRET_BODY, view_of(much, 60000));
	begin(&t, s);
	talk_say(&t, SIDE_CLIENT, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 7200\r\n\r\n");
	for (int i = 0; i < 400; i++)
		talk_say(&t, SIDE_CLIENT, P);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 413 ", "with its secrets");
	assert_null(t.x->failed);
	/* And one with nothing in it. */
	talk_say(&t, SIDE_CLIENT,
		 "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	talk_hears(&t, SIDE_SERVER, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
	talk_passes(&t, SIDE_SERVER, OK);
	end(&t, s);
}

static void
long_response_heads(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, GET);
	memset(much, 'a', sizeof(much));
	memcpy(much, "HTTP/1.1 200 OK\r\nX:", 19);
	talk_say_bytes(&t, SIDE_SERVER, much, 70000);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 502 ", "its head is too long");
	assert_true(t.x->by_server);
	talk_end(&t);

	/* It becomes so when its values become placeholders. */
	struct secret_set *s = one_secret(SECRET_HEADER, view_of("abcd", 4));
	begin(&t, s);
	talk_say(&t, SIDE_CLIENT, GET);
	for (size_t i = 19; i + 4 < 60000; i++)
		much[i] = "abcd"[(i - 19) % 4];
	memcpy(much + 60000, "\r\n\r\n", 4);
	talk_say_bytes(&t, SIDE_SERVER, much, 60004);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 502 ", "its head is too long");
	end(&t, s);
}

static void
values_in_trailers(void **state)
{
	struct secret_set *s = one_secret(SECRET_HEADER, view_of("a\r\nb: c", 7));
	struct talk t;

	(void)state;
	begin(&t, s);
	talk_say(&t, SIDE_CLIENT,
		 "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " P "\r\n\r\n");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 502 ", "cannot stand in a trailer");
	assert_non_null(t.x->failed);
	assert_null(strstr((char *)t.out[SIDE_SERVER].p, "b: c"));
	end(&t, s);
}

static void
odd_ends(void **state)
{
	struct talk t;

	(void)state;
	/* Half an empty line. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_passes(&t, SIDE_SERVER, OK);
	talk_say(&t, SIDE_CLIENT, "\rGET");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 400 ", "a CR alone");
	talk_end(&t);

	/* Two of them. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, GET);
	talk_passes(&t, SIDE_SERVER, OK);
	talk_say(&t, SIDE_CLIENT, "\r\n\r\n" GET);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 400 ", "empty line");
	talk_end(&t);

	/* In the middle of a body that is read past. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "POST /denied HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 403 ", "rule 1");
	talk_stops(&t, SIDE_CLIENT, true);
	assert_true(talk_ended(&t, SIDE_CLIENT) && talk_ended(&t, SIDE_SERVER) && !t.x->failed);
	talk_end(&t);

	/* A body that is read past and broken: its request was answered, so that nothing more is said. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "POST /denied HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 403 ", "rule 1");
	talk_say(&t, SIDE_CLIENT, "x");
	talk_hears(&t, SIDE_CLIENT, "");
	assert_non_null(t.x->failed);
	talk_end(&t);

	/* A tunnel the server broke. */
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n");
	talk_say(&t, SIDE_SERVER, "HTTP/1.1 101 Y\r\nUpgrade: x\r\n\r\nz");
	talk_stops(&t, SIDE_SERVER, false);
	assert_true(t.x->failed && t.x->by_server && talk_ended(&t, SIDE_CLIENT));
	talk_told(&t, "GET /x 101 0 1;");
	talk_end(&t);

	/* The server goes while a body is gathered. */
	struct secret_set *s = one_secret(SECRET_BODY, view_of("abcd", 4));
	begin(&t, s);
	talk_say(&t, SIDE_CLIENT, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
	talk_stops(&t, SIDE_SERVER, true);
	talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 502 ", "closed the connection");
	talk_told(&t, "POST /x !502 0 0;");
	end(&t, s);
}

/* A request that is under way when all is given up is told of, with what is known of it. */
static void
given_up(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, &usual);
	talk_say(&t, SIDE_CLIENT, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
	talk_say(&t, SIDE_SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
	t.x->ops->free(t.x);
	t.x = NULL;
	talk_told(&t, "POST /x 200 2 3;");
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(long_request_heads),
	    cmocka_unit_test(long_bodies),
	    cmocka_unit_test(long_response_heads),
	    cmocka_unit_test(values_in_trailers),
	    cmocka_unit_test(odd_ends),
	    cmocka_unit_test(given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
