/*
 * cli_value_test.c - the words a person types: what is taken, what is not, and what a refusal says
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/value.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
numbers_are_plain_decimals_in_range(void **state)
{
	static const char *const bad[] = {
	    "", "-1", "+1", " 1", "1 ", "1x", "0x10", "65536", "0", "1e3", "99999999999999999999"};
	uint64_t n = 7;

	(void)state;
	assert_true(value_number("1", 1, 65535, &n) && n == 1);
	assert_true(value_number("65535", 1, 65535, &n) && n == 65535);
	assert_true(value_number("007", 1, 65535, &n) && n == 7);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(value_number(bad[i], 1, 65535, &n));
	assert_int_equal(n, 7); /* a refusal leaves the value alone */
}

static void
links(void **state)
{
	static const struct {
		const char *text, *ifname, *netns;
		bool pid;
	} rows[] = {
	    {"tap:tap0", "tap0", NULL, false},
	    {"tap:abcdefghijklmno", "abcdefghijklmno", NULL, false},
	    {"tap:t@/run/netns/x", "t", "/run/netns/x", false},
	    {"tap:t@./ns@1", "t", "./ns@1", false},
	    {"tap:t@1234", "t", "1234", true},
	};
	static const char *const bad[] = {"",
					  "tap0",
					  "tap:",
					  "tap:abcdefghijklmnop",
					  "tap:a b",
					  "tap:a/b",
					  "tap:t%d",
					  "tap:.",
					  "tap:..",
					  "tap:t@",
					  "tap:t@x",
					  "tap:t@0",
					  "qemu:",
					  "qemux:/tmp/s",
					  "fd:",
					  "fd:-1",
					  "fd:3x",
					  "fd:99999999999",
					  "vhost-user:",
					  "tap:@/run/netns/x",
					  "tap:t@99999999999"};
	struct value_link l;
	struct failure f = {.text = ""};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(value_link(rows[i].text, &l, &f), 0);
		assert_string_equal(l.ifname, rows[i].ifname);
		assert_int_equal(l.netns_is_pid, rows[i].pid);
		if (rows[i].netns)
			assert_string_equal(l.netns, rows[i].netns);
		else
			assert_null(l.netns);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(value_link(bad[i], &l, &f), -1);
		assert_non_null(strstr(f.text, bad[i]));
	}
}

/* What was typed is quoted, but must not play with the terminal. */
static void
sentences_hold_no_control_characters(void **state)
{
	struct failure f = {.text = ""};

	(void)state;
	assert_int_equal(failed(&f, "%s", "a\033[31mb\nc\177"), -1);
	assert_string_equal(f.text, "a?[31mb?c?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_plain_decimals_in_range),
	    cmocka_unit_test(links),
	    cmocka_unit_test(sentences_hold_no_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
