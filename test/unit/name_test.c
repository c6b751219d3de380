/*
 * name_test.c - domain names from text and from wire, and what is compared
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/name.h"

static struct name
parsed(const char *text)
{
	struct name n;

	if (!name_parse(text, strlen(text), &n))
		fail_msg("'%s' is a name", text);
	return n;
}

static bool
is_refused(const char *text, size_t len)
{
	struct name n = {.len = 77};
	char *exact = malloc(len ? len : 1);
	bool refused;

	memcpy(exact, text, len);
	refused = !name_parse(exact, len, &n);
	free(exact);
	if (refused)
		assert_int_equal(n.len, 77); /* not written */
	return refused;
}

static void
case_and_one_trailing_dot_do_not_matter(void **state)
{
	struct name a = parsed("API.GitHub.com"), b = parsed("api.github.com."), c = parsed("api.github.org");
	char text[NAME_TEXT];

	(void)state;
	assert_true(name_eq(&a, &b));
	assert_false(name_eq(&a, &c));
	assert_int_equal(a.len, 16);
	assert_memory_equal(a.wire, "\3api\6github\3com", 16);
	assert_string_equal(name_text(&a, text), "api.github.com");
	assert_int_equal(name_labels(&a), 3);
}

static void
what_is_no_name_is_refused(void **state)
{
	static const char *const bad[] = {"",         ".",    "..",  "a..b", ".a",          "a b",   "a/b",
					  "http://a", "a:80", "a@b", "*.a",  "\xc3\xbc.de", "a.b..", "a,b"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(is_refused(bad[i], strlen(bad[i])));
	assert_true(is_refused("a\0b", 3));
}

static void
labels_and_names_have_limits(void **state)
{
	char text[300];
	struct name n;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_true(name_parse(text, 63, &n));
	assert_true(is_refused(text, 64));
	for (size_t i = 49; i < sizeof(text); i += 50)
		text[i] = '.';
	text[252] = 'x';
	assert_true(name_parse(text, 253, &n));
	assert_int_equal(n.len, NAME_MAX_WIRE);
	text[253] = 'x';
	assert_true(is_refused(text, 254));
}

static void
wire_names_may_hold_any_bytes_and_dots_in_labels_separate_nothing(void **state)
{
	static const uint8_t dotted[] = "\5a.b\0C\3com";
	struct name n, suffix = parsed("b.com"), com = parsed("com");
	char text[NAME_TEXT];

	(void)state;
	assert_true(name_from_wire(view_of(dotted, sizeof(dotted)), &n));
	assert_string_equal(name_text(&n, text), "a\\046b\\000c.com");
	assert_int_equal(name_labels(&n), 2);
	assert_false(name_is_under(&n, &suffix));
	assert_true(name_is_under(&n, &com));
}

static void
wire_names_that_lie_about_their_lengths_are_refused(void **state)
{
	static const struct {
		const char *p;
		size_t len;
	} bad[] = {{"", 0},        {"\3com", 4},    {"\4com\0", 5}, {"\100", 1},
		   {"\300\14", 2}, {"\3com\0x", 6}, {"\0\0", 2}};
	uint8_t *exact, longest[256];
	struct name n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		exact = malloc(bad[i].len + 1);
		memcpy(exact, bad[i].p, bad[i].len);
		assert_false(name_from_wire(view_of(exact, bad[i].len), &n));
		free(exact);
	}
	memset(longest, 1, sizeof(longest));
	longest[254] = 0;
	assert_true(name_from_wire(view_of(longest, 255), &n));
	assert_false(name_from_wire(view_of(longest, 256), &n));
	/* As long as a name may be, and its last label is not the root's. */
	memset(longest, 0, sizeof(longest));
	longest[0] = longest[64] = longest[128] = 63;
	longest[192] = 62;
	assert_false(name_from_wire(view_of(longest, 255), &n));
}

static void
a_suffix_holds_itself_and_what_is_below_on_a_labels_boundary(void **state)
{
	struct name suffix = parsed("example.com"), below = parsed("a.b.example.com"),
		    beside = parsed("badexample.com"), above = parsed("com"), root;

	(void)state;
	assert_true(name_from_wire(view_of("", 1), &root));
	assert_true(name_is_under(&suffix, &suffix));
	assert_true(name_is_under(&below, &suffix));
	assert_false(name_is_under(&beside, &suffix));
	assert_false(name_is_under(&above, &suffix));
	assert_true(name_is_under(&suffix, &root));
	assert_false(name_is_under(&root, &suffix));
}

/* The longest text a name can have: every byte written as \DDD. */
static void
the_longest_text_fits(void **state)
{
	uint8_t wire[NAME_MAX_WIRE];
	char text[NAME_TEXT];
	struct name n;
	size_t at = 0;

	(void)state;
	memset(wire, 0xff, sizeof(wire));
	for (int i = 0; i < 3; i++, at += 64)
		wire[at] = 63;
	wire[at] = 61;
	wire[254] = 0;
	assert_true(name_from_wire(view_of(wire, sizeof(wire)), &n));
	name_text(&n, text);
	assert_int_equal(strlen(text), 250 * 4 + 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(case_and_one_trailing_dot_do_not_matter),
	    cmocka_unit_test(what_is_no_name_is_refused),
	    cmocka_unit_test(labels_and_names_have_limits),
	    cmocka_unit_test(wire_names_may_hold_any_bytes_and_dots_in_labels_separate_nothing),
	    cmocka_unit_test(wire_names_that_lie_about_their_lengths_are_refused),
	    cmocka_unit_test(a_suffix_holds_itself_and_what_is_below_on_a_labels_boundary),
	    cmocka_unit_test(the_longest_text_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
