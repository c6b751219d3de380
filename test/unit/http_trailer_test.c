/*
 * http_trailer_test.c - fields behind a chunked body: which pass, how long they may become, what hides in their escapes
 */
#include "test/unit/exchange_secret_kit.h"

#define CHUNKED "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* RFC 9110 6.5.1: what frames, routes, asks for conditions or authenticates is not put behind a body. */
static void
fields_that_may_trail(void **state)
{
	static const struct {
		const char *name;
		bool passes;
	} rows[] = {
	    {"Checksum", true},
	    {"If", true},
	    {"If-", true},
	    {"If-Match", false},
	    {"IF-NONE-MATCH", false},
	    {"Iffy", true},
	    {"Host", false},
	    {"Content-Length", false},
	    {"Transfer-Encoding", false},
	    {"Authorization", false},
	    {"Set-Cookie", false},
	    {"Trailer", false},
	};
	char text[256], want[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct talk t;

		talk_begin(&t, &usual);
		snprintf(text, sizeof(text), CHUNKED "2\r\nhi\r\n0\r\n%s: 5\r\nLast: 1\r\n\r\n",
			 rows[i].name);
		talk_say(&t, SIDE_CLIENT, text);
		snprintf(want, sizeof(want), "0\r\n%s%sLast: 1\r\n\r\n", rows[i].passes ? rows[i].name : "",
			 rows[i].passes ? ": 5\r\n" : "");
		const char *got = strstr((char *)t.out[SIDE_SERVER].p, "0\r\n");

		if (!got || strcmp(got, want) != 0)
			fail_msg("%s: %s", rows[i].name, t.out[SIDE_SERVER].p);
		talk_end(&t);
	}
}

/* A value may be 64 KiB: two of them make a trailer that nobody would read. */
static void
a_trailer_that_grows_beyond_the_bounds(void **state)
{
	static char value[50000];

	(void)state;
	memset(value, 'v', sizeof(value));
	for (unsigned times = 2; times <= 3; times++) {
		struct secret_set *s = one_secret(SECRET_HEADER, view_of(value, sizeof(value)));
		struct talk t;

		begin(&t, s);
		talk_say(&t, SIDE_CLIENT, CHUNKED "2\r\nhi\r\n0\r\n");
		for (unsigned i = 0; i < times; i++)
			talk_say(&t, SIDE_CLIENT, "X: " P "\r\n");
		talk_say(&t, SIDE_CLIENT, "\r\n");
		if (times == 2) {
			assert_true(t.out[SIDE_SERVER].len > 2 * sizeof(value));
			assert_null(t.x->failed);
		} else {
			talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 431 ",
					"with its secrets the trailer is too long");
			assert_true(t.out[SIDE_SERVER].len < 200);
		}
		end(&t, s);
	}
}

/* The same of an answer, whose head has gone out: the connection ends before its end, so that nobody takes it for whole. */
static void
an_answer_whose_trailer_grows(void **state)
{
	struct secret_set *s = one_secret(SECRET_HEADER, view_of("ab", 2));
	static char trailer[16000];
	struct talk t;

	(void)state;
	begin(&t, s);
	talk_say(&t, SIDE_CLIENT, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
	memcpy(trailer, "X:", 2);
	for (size_t i = 2; i < sizeof(trailer); i++)
		trailer[i] = "ab"[i % 2];
	talk_say(&t, SIDE_SERVER, ANSWER "2\r\nok\r\n0\r\n");
	talk_say_bytes(&t, SIDE_SERVER, trailer, sizeof(trailer));
	talk_say(&t, SIDE_SERVER, "\r\n\r\n");
	assert_string_equal(t.x->failed, "the server's trailer is too long");
	assert_true(t.x->by_server && talk_ended(&t, SIDE_CLIENT));
	assert_null(strstr((char *)t.out[SIDE_CLIENT].p, "\r\n0\r\n"));
	end(&t, s);
}

/* --- escapes ----------------------------------------------------------------------------------------------------- */

/* What stands in a body of JSON with each of its characters escaped in another way is the same placeholder. */
static void
escapes_hide_nothing(void **state)
{
	static const struct {
		const char *body;
		bool leaks;
	} rows[] = {
	    {"{\"k\":\"" P "\"}", true},
	    {"{\"k\":\"\\u0050LACEHOLDER-7f3a91\"}", true},
	    {"{\"k\":\"PLACEHOLDER\\u002d7f3a91\"}", true},
	    {"{\"k\":\"PLACEHOLDER\\u002D7f3a91\"}", true},
	    {"{\"k\":\"\\b\\r\\n\\t\\f" P "\"}", true},
	    {"{\"k\":\"\\u0150LACEHOLDER-7f3a91\"}", false}, /* another letter */
	    {"{\"k\":\"\\u1050LACEHOLDER-7f3a91\"}", false},
	    {"{\"k\":\"\\u00d0LACEHOLDER-7f3a91\"}", false},
	    {"{\"k\":\"PLACEHOLDER\\b-7f3a91\"}", false},
	    {"{\"k\":\"PLACEHOLDER\\r-7f3a91\"}", false},
	    {"{\"k\":\"PLACEHOLDER\\u00-7f3a91\"}", false},
	    {"k=PLACEHOLDER%2D7f3a91", true},
	    {"k=PLACEHOLDER%2d7f3a9%31", true},
	    {"k=PLACEHOLDER%007f3a91", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (uint64_t cut = 0; cut < 3; cut++) {
			struct secret_set *s = one_secret(SECRET_HEADER, view_of("value", 5));
			char head[128];
			struct talk t;

			begin(&t, s);
			t.seed = cut;
			snprintf(head, sizeof(head),
				 "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
				 strlen(rows[i].body));
			talk_say(&t, SIDE_CLIENT, head);
			talk_say(&t, SIDE_CLIENT, rows[i].body);
			if (!!t.leaks != rows[i].leaks)
				fail_msg("%s, cut %u: %u leaks", rows[i].body, (unsigned)cut, t.leaks);
			end(&t, s);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_that_may_trail),
	    cmocka_unit_test(a_trailer_that_grows_beyond_the_bounds),
	    cmocka_unit_test(an_answer_whose_trailer_grows),
	    cmocka_unit_test(escapes_hide_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
