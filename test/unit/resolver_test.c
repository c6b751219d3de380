/*
 * resolver_test.c - resolv.conf as people write it, and which server is asked
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/resolver.h"

static struct resolver
parse(const char *text)
{
	struct resolver r = {0};
	char *exact = malloc(strlen(text) ? strlen(text) : 1); /* so that a read past the end is seen */

	memcpy(exact, text, strlen(text));
	resolver_parse(&r, view_of(exact, strlen(text)));
	free(exact);
	return r;
}

static void
expect(const struct resolver *r, unsigned i, const char *text)
{
	char buf[ADDR_TEXT];

	assert_true(i < r->n);
	assert_string_equal(addr_text(&r->server[i].addr, buf), text);
	assert_int_equal(r->server[i].port, 53);
}

static void
servers_in_order(void **state)
{
	struct resolver r = parse("# a comment\nsearch example.org\nnameserver 9.9.9.9\n"
				  "nameserver\t2620:fe::fe  \noptions edns0\nnameserver 127.0.0.53");

	(void)state;
	assert_int_equal(r.n, 3);
	expect(&r, 0, "9.9.9.9");
	expect(&r, 1, "2620:fe::fe");
	expect(&r, 2, "127.0.0.53");
}

static void
odd_lines_are_passed_over(void **state)
{
	struct resolver r =
	    parse("nameserver\nnameserver 1.2.3\nnameservers 1.1.1.1\n  nameserver 8.8.4.4\r\n"
		  "nameserver fe80::1%eth0\nnameserver "
		  "11111111111111111111111111111111111111111111111111111111111111\n");

	(void)state;
	assert_int_equal(r.n, 1);
	expect(&r, 0, "8.8.4.4");
}

static void
nothing_means_this_host(void **state)
{
	static const char *const texts[] = {"", "\n", "nameserver", "search a b c\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct resolver r = parse(texts[i]);

		assert_int_equal(r.n, 1);
		expect(&r, 0, "127.0.0.1");
	}
}

static void
more_than_fit_are_not_read(void **state)
{
	struct resolver r =
	    parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n"
		  "nameserver 10.0.0.5\nnameserver 10.0.0.6\nnameserver 10.0.0.7\nnameserver 10.0.0.8\n"
		  "nameserver 10.0.0.9\n");

	(void)state;
	assert_int_equal(r.n, RESOLVER_SERVERS);
	expect(&r, RESOLVER_SERVERS - 1, "10.0.0.8");
}

static void
one_that_failed_goes_last(void **state)
{
	struct resolver r = parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n");
	struct endpoint first = r.server[0], out;

	(void)state;
	resolver_failed(&r, &first);
	expect(&r, 0, "10.0.0.2");
	expect(&r, 1, "10.0.0.3");
	expect(&r, 2, "10.0.0.1");
	assert_true(resolver_pick(&r, NULL, 2, 0, &out));
	assert_false(resolver_pick(&r, NULL, 3, 0, &out));
}

static void
any_bytes_are_harmless(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char text[64];
		size_t n = 0;

		for (; n < sizeof(text) - 1; n++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[n] = "nameserver 1.:\n\t%f"[(seed >> 33) % 18];
			if ((seed >> 60) == 0)
				break;
		}
		text[n] = '\0';
		struct resolver r = parse(text);
		assert_in_range(r.n, 1, RESOLVER_SERVERS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(servers_in_order),          cmocka_unit_test(odd_lines_are_passed_over),
	    cmocka_unit_test(nothing_means_this_host),   cmocka_unit_test(more_than_fit_are_not_read),
	    cmocka_unit_test(one_that_failed_goes_last), cmocka_unit_test(any_bytes_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
