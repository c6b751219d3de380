/*
 * secret_scan_test.c - placeholders in a stream: each form, each cut, and what is not one
 */
#include "test/unit/secret_kit.h"

#include "http/base64.h"
#include "test/bed/naive_scan.h"

static const char one[] = "SLUICE_KEY_ABCDEFGH23";
static const char two[] = "$MSB_TOKEN/x";

struct found {
	struct scan_hit hit[32];
	uint32_t n;
};

/* The text in pieces of so many bytes. */
static struct found
scan_in(const struct scan_table *t, const char *text, size_t len, size_t piece)
{
	struct found f = {.n = 0};
	struct scan_hit hit[SCAN_HITS];
	struct scan s;

	scan_begin(&s, t);
	for (size_t at = 0, used; at < len; at += used) {
		size_t n = len - at < piece ? len - at : piece;
		uint32_t hits = scan_bytes(&s, view_of(text + at, n), hit, SCAN_HITS, &used);

		assert_true(f.n + hits <= 32);
		memcpy(f.hit + f.n, hit, hits * sizeof(hit[0]));
		f.n += hits;
	}
	assert_int_equal(s.at, len);
	return f;
}

static struct scan_table *
table(void)
{
	const struct view pattern[] = {kit_view(one), kit_view(two)};
	struct scan_table *t = scan_table_new(pattern, 2, true);

	assert_non_null(t);
	assert_int_equal(scan_table_longest(t), strlen(one));
	return t;
}

/* Once, in this form, with this end, however it is cut. */
static void
expect(const char *text, uint32_t which, enum scan_form form, size_t end)
{
	struct scan_table *t = table();

	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct found f = scan_in(t, text, strlen(text), piece);

		assert_int_equal(f.n, 1);
		assert_int_equal(f.hit[0].which, which);
		assert_int_equal(f.hit[0].form, form);
		assert_int_equal(f.hit[0].end, end);
	}
	scan_table_free(t);
}

static void
expect_none(const char *text)
{
	struct scan_table *t = table();

	for (size_t piece = 1; piece <= strlen(text); piece++)
		assert_int_equal(scan_in(t, text, strlen(text), piece).n, 0);
	scan_table_free(t);
}

static void
forms_that_are_found(void **state)
{
	(void)state;
	expect("a SLUICE_KEY_ABCDEFGH23 b", 0, SCAN_RAW, 23);
	expect("S%SLUICE_KEY_ABCDEFGH23", 0, SCAN_RAW, 23);
	expect("%20SLUICE_KEY_ABCDEFGH23", 0, SCAN_RAW, 24);
	expect("x%53LUICE_KEY_ABCDEFGH%32%33", 0, SCAN_PERCENT, 28);
	expect("q=%24MSB_TOKEN%2fx", 1, SCAN_PERCENT, 18);
	expect("{\"a\":\"$MSB_TOKEN\\/x\"}", 1, SCAN_JSON, 19);
	expect("\"SLUICE\\u005fKEY\\u005FABCDEFGH23", 0, SCAN_JSON, 32);
	/* user:SLUICE_..., three alignments, both alphabets, lines, and base64 in the other two readings */
	expect("Basic dXNlcjpTTFVJQ0VfS0VZX0FCQ0RFRkdIMjM=", 0, SCAN_BASE64, 41);
	expect("eDpTTFVJQ0VfS0VZX0FCQ0RFRkdIMjM=", 0, SCAN_BASE64, 31);
	expect("dTpTTFVJQ0VfS0VZX0FCQ0RFRkdIMjN4", 0, SCAN_BASE64, 31);
	expect("U0xVSUNFX0tFWV9BQkNERUZHSDIz", 0, SCAN_BASE64, 28);
	expect("U0xVSUNFX0tF\r\nWV9BQkNERUZH\nSDIz", 0, SCAN_BASE64, 31);
	expect("U0xVSUNFX0tF\\nWV9BQkNERUZHSDIz", 0, SCAN_BASE64, 30);
	expect("U0xVSUNFX0tF%0D%0AWV9BQkNERUZHSDIz", 0, SCAN_BASE64, 34);
	expect("a=%550xVSUNFX0tFWV9BQkNERUZHSDIz", 0, SCAN_BASE64, 32);
	/* "??>$MSB_TOKEN/x>?": '+' and '/' or '-' and '_' */
	expect("Pz8+JE1TQl9UT0tFTi94Pj8=", 1, SCAN_BASE64, 20);
	expect("Pz8-JE1TQl9UT0tFTi94Pj8", 1, SCAN_BASE64, 20);
}

static void
what_is_none(void **state)
{
	(void)state;
	expect_none("SLUICE_KEY_ABCDEFGH2");
	expect_none("SLUICE_KEY_ABCDEFGH2 3");
	expect_none("sluice_key_abcdefgh23");
	expect_none("SLUICE_KEY%5_ABCDEFGH23");
	expect_none("SLUICE_KEY\\u05f_ABCDEFGH23");
	expect_none("%2553LUICE_KEY_ABCDEFGH23");
	expect_none("SLUICE\\u015fKEY_ABCDEFGH23");
	expect_none("534c554943455f4b45595f4142434445464748");
	expect_none("U0xVSUNFX0tF WV9BQkNERUZHSDIz");
}

static void
several_and_what_is_held(void **state)
{
	const char text[] = "SLUICE_KEY_ABCDEFGH23$MSB_TOKEN/xSLUICE_KEY_ABCDEFG";
	struct scan_table *t = table();
	struct found f = scan_in(t, text, strlen(text), 7);
	struct scan_hit hit[SCAN_HITS];
	struct scan s;
	size_t used;

	(void)state;
	assert_int_equal(f.n, 2);
	assert_int_equal(f.hit[0].begin, 0);
	assert_int_equal(f.hit[1].begin, 21);
	scan_begin(&s, t);
	for (size_t at = 0; at < strlen(text); at += used)
		scan_bytes(&s, view_of(text + at, strlen(text) - at), hit, SCAN_HITS, &used);
	assert_int_equal(scan_held(&s), 18);
	scan_table_free(t);

	/* Nothing to look for. */
	scan_begin(&s, NULL);
	assert_int_equal(scan_bytes(&s, kit_view(one), hit, SCAN_HITS, &used), 0);
	assert_int_equal(used, strlen(one));
	assert_int_equal(scan_held(&s), 0);
	t = scan_table_new(NULL, 0, true);
	scan_begin(&s, t);
	assert_int_equal(scan_bytes(&s, kit_view(one), hit, SCAN_HITS, &used), 0);
	scan_table_free(t);
}

static void
patterns_in_one_another(void **state)
{
	const struct view pattern[] = {kit_view("abcdefgh"), kit_view("xabcdefghy"), kit_view("defgh"),
				       kit_view("abcdefgh"), kit_view(""),           kit_view("xabc")};
	struct scan_table *t = scan_table_new(pattern, 6, false);
	const char text[] = "xabcdefghy%61";
	const struct {
		uint32_t which, end;
	} want[] = {{5, 4}, {0, 9}, {2, 9}, {1, 10}};

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct found f = scan_in(t, text, strlen(text), piece);

		assert_int_equal(f.n, 4);
		for (uint32_t i = 0; i < f.n; i++) {
			assert_int_equal(f.hit[i].which, want[i].which);
			assert_int_equal(f.hit[i].end, want[i].end);
		}
	}
	scan_table_free(t);
}

/* 64 of the longest, which differ in their last byte or two: no memory but what is promised. */
static void
tables_are_bounded(void **state)
{
	static char text[SECRETS][SECRET_PLACEHOLDER_MAX];
	struct view pattern[SECRETS];

	(void)state;
	for (uint32_t i = 0; i < SECRETS; i++) {
		memset(text[i], 'a' + (int)(i / 26), sizeof(text[i]));
		text[i][sizeof(text[i]) - 1] = (char)('a' + i % 26);
		pattern[i] = view_of(text[i], sizeof(text[i]));
	}
	assert_true(scan_table_size(pattern, SECRETS) < 1200u << 10);
	struct scan_table *t = scan_table_new(pattern, SECRETS, true);
	assert_non_null(t);
	for (uint32_t i = 0; i < SECRETS; i++) {
		struct found f = scan_in(t, text[i], sizeof(text[i]), 100);

		assert_int_equal(f.n, 1);
		assert_int_equal(f.hit[0].which, i);
	}
	scan_table_free(t);

	/* A usual one. */
	struct view usual = kit_view("SLUICE_OPENAI_API_KEY_ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
	assert_true(scan_table_size(&usual, 1) < 12u << 10);
}

/* Texts that are nearly placeholders, by chance, against the naive scanner. */
static void
as_the_naive_scanner_does(void **state)
{
	const struct view pattern[] = {kit_view("SLUICE_A"), kit_view("SLUICE_AB"), kit_view("20202020")};
	static const char *const pieces[] = {
	    "SLUICE", "_A",   "SLUICE_A", "B",     "%",   "%5",  "\\",  "\\u00",
	    "53",     "U0xV", "SUNFX0",   "E=",    "\\n", "\n",  "%20", "2020",
	    "FX0FC",  "T",    "zTE",      "VJQ0V", "fQQ", "\\/", "%41", "\\u0041"};
	struct scan_table *t = scan_table_new(pattern, 3, true);
	uint32_t seed = 7;
	size_t all = 0;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		char text[256] = "";
		size_t want;

		for (int i = 0; i < 14; i++) {
			seed = seed * 1664525u + 1013904223u;
			strcat(text, pieces[(seed >> 16) % (sizeof(pieces) / sizeof(pieces[0]))]);
		}
		struct scan_hit *hit = naive_scan(pattern, 3, true, kit_view(text), &want);
		struct found f = scan_in(t, text, strlen(text), 1 + (seed >> 8) % 40);

		naive_scan_sort(f.hit, f.n, pattern);
		assert_int_equal(f.n, want);
		for (uint32_t i = 0; i < f.n; i++) {
			assert_int_equal(f.hit[i].which, hit[i].which);
			assert_int_equal(f.hit[i].form, hit[i].form);
			assert_int_equal(f.hit[i].end, hit[i].end);
		}
		all += want;
		free(hit);
	}
	assert_in_range(all, 500, 100000);
	scan_table_free(t);
}

static void
base64_there_and_back(void **state)
{
	uint8_t bytes[64], text[96], back[99];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 1);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		base64_encode(view_of(bytes, n), text);
		assert_true(base64_decode(view_of(text, base64_length(n)), back, &len));
		assert_int_equal(len, n);
		assert_memory_equal(back, bytes, n);
	}
	assert_true(base64_decode(kit_view("YQ"), back, &len) && len == 1 && back[0] == 'a');
	assert_false(base64_decode(kit_view("Y"), back, &len));
	assert_false(base64_decode(kit_view("YQ="), back, &len));
	assert_false(base64_decode(kit_view("Y Q="), back, &len));
	assert_false(base64_decode(kit_view("Y==="), back, &len));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forms_that_are_found),     cmocka_unit_test(what_is_none),
	    cmocka_unit_test(several_and_what_is_held), cmocka_unit_test(patterns_in_one_another),
	    cmocka_unit_test(tables_are_bounded),       cmocka_unit_test(as_the_naive_scanner_does),
	    cmocka_unit_test(base64_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
