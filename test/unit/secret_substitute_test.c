/*
 * secret_substitute_test.c - where values are put in, where a placeholder is a leak, and what of a value comes back
 */
#include "test/unit/secret_kit.h"

#define A "SLUICE_A_AAAAAAAA"
#define B "SLUICE_B_BBBBBBBB"
#define VALUE_A "secret value/\"A\""
#define VALUE_B "value of B"

#define EVERYWHERE (SECRET_HEADER | SECRET_BASIC | SECRET_QUERY | SECRET_BODY)

static struct secret_set *
two(unsigned places)
{
	struct secret_set *s = kit_set();

	kit_add(s, A, VALUE_A, "a.test", places);
	kit_add(s, B, VALUE_B, "b.test", places);
	assert_true(secret_set_seal(s));
	return s;
}

enum what { HEADER, TARGET, PLAIN, JSON, FORM };

/* However a body is cut, the same comes of it. */
static void
same_in_pieces(const struct secret_plan *p, struct view body, enum body_kind kind, const struct clear *whole,
	       const struct substitution *found)
{
	for (size_t piece = 1; piece <= body.len; piece++) {
		struct substitution s = {.replaced = 0};
		struct body_search b;

		body_search_begin(&b, p, kind, 4096);
		for (size_t n = 0; n < body.len;) {
			n = body.len - n < piece ? body.len : n + piece;
			/* What has not come yet cannot be looked at. */
			uint8_t *so_far = malloc(n);
			assert_non_null(so_far);
			memcpy(so_far, body.p, n);
			body_search_more(&b, p, view_of(so_far, n), &s);
			free(so_far);
		}
		body_search_end(&b, body);
		assert_int_equal(b.out.len, whole->len);
		assert_memory_equal(b.out.p, whole->p, whole->len);
		assert_int_equal(s.replaced, found->replaced);
		assert_int_equal(s.leaks, found->leaks);
		assert_int_equal(s.leak, found->leak);
		assert_int_equal(s.leaked, found->leaked);
		clear_free(&b.out);
	}
}

static struct substitution
put(const struct secret_plan *p, enum what what, const char *name, const char *text, const char *want)
{
	struct clear out = {.max = 4096};
	struct substitution s = {.replaced = 0};

	if (what == HEADER)
		substitute_header(p, kit_view(name), kit_view(text), &out, &s);
	else if (what == TARGET)
		substitute_target(p, kit_view(text), &out, &s);
	else
		substitute_body(p, kit_view(text), (enum body_kind)(what - PLAIN), &out, &s);
	if (what >= PLAIN)
		same_in_pieces(p, kit_view(text), (enum body_kind)(what - PLAIN), &out, &s);
	assert_clear(&out, want);
	clear_free(&out);
	assert_null(out.p);
	return s;
}

static void
replaced(const struct secret_plan *p, enum what what, const char *name, const char *text, const char *want)
{
	struct substitution s = put(p, what, name, text, want);

	assert_false(s.leak);
	assert_int_equal(s.replaced, 1);
}

static void
leaks(const struct secret_plan *p, enum what what, const char *name, const char *text, uint32_t which,
      enum secret_place place, enum scan_form form)
{
	struct substitution s = put(p, what, name, text, text);

	assert_true(s.leak);
	assert_int_equal(s.leaked, which);
	assert_int_equal(s.place, place);
	assert_int_equal(s.form, form);
	assert_int_equal(s.replaced, 0);
}

static void
headers(void **state)
{
	struct secret_set *s = two(EVERYWHERE);
	struct secret_plan p = kit_plan(s, "a.test");

	(void)state;
	replaced(&p, HEADER, "authorization", "Bearer " A, "Bearer " VALUE_A);
	replaced(&p, HEADER, "cookie", "a=" A "; b=" A, "a=" VALUE_A "; b=" VALUE_A);
	leaks(&p, HEADER, "x-key", B, 1, SECRET_HEADER, SCAN_RAW);
	leaks(&p, HEADER, "referer", "https://a.test/?k=%53LUICE_A_AAAAAAAA", 0, SECRET_HEADER, SCAN_PERCENT);
	leaks(&p, HEADER, "x-key", "U0xVSUNFX0FfQUFBQUFBQUE=", 0, SECRET_HEADER, SCAN_BASE64);
	secret_set_drop(s);

	s = two(SECRET_BASIC);
	p = kit_plan(s, "a.test");
	leaks(&p, HEADER, "authorization", "Bearer " A, 0, SECRET_HEADER, SCAN_RAW);
	secret_set_drop(s);
}

static void
basic(void **state)
{
	struct secret_set *s = two(EVERYWHERE);
	struct secret_plan p = kit_plan(s, "a.test");

	(void)state;
	/* user:A, A: and user:B */
	replaced(&p, HEADER, "authorization",
		 "Basic dXNlcjpTTFVJQ0VfQV9BQUFBQUFBQQ==", "Basic dXNlcjpzZWNyZXQgdmFsdWUvIkEi");
	replaced(&p, HEADER, "proxy-authorization", "bAsIc \tU0xVSUNFX0FfQUFBQUFBQUE6 ",
		 "bAsIc \tc2VjcmV0IHZhbHVlLyJBIjo=");
	leaks(&p, HEADER, "authorization", "Basic dXNlcjpTTFVJQ0VfQl9CQkJCQkJCQg==", 1, SECRET_BASIC,
	      SCAN_RAW);
	/* Percent-encoded in there; not Basic; not base64; and where the value is all of the credentials. */
	leaks(&p, HEADER, "authorization", "Basic dTolNTNMVUlDRV9BX0FBQUFBQUFB", 0, SECRET_BASIC,
	      SCAN_PERCENT);
	leaks(&p, HEADER, "x-auth", "Basic dXNlcjpTTFVJQ0VfQV9BQUFBQUFBQQ==", 0, SECRET_HEADER, SCAN_BASE64);
	leaks(&p, HEADER, "authorization", "Digest dXNlcjpTTFVJQ0VfQV9BQUFBQUFBQQ==", 0, SECRET_HEADER,
	      SCAN_BASE64);
	replaced(&p, HEADER, "authorization", "Basic " A, "Basic " VALUE_A);
	replaced(&p, HEADER, "authorization", "Basic a:" A, "Basic a:" VALUE_A);
	assert_false(put(&p, HEADER, "authorization", "Basic dXNlcjpwYXNz", "Basic dXNlcjpwYXNz").leak);
	assert_false(put(&p, HEADER, "authorization", "Basic", "Basic").leak);
	assert_false(put(&p, HEADER, "authorization", "", "").leak);
	secret_set_drop(s);

	s = two(SECRET_HEADER);
	p = kit_plan(s, "a.test");
	leaks(&p, HEADER, "authorization", "Basic dXNlcjpTTFVJQ0VfQV9BQUFBQUFBQQ==", 0, SECRET_BASIC,
	      SCAN_RAW);
	secret_set_drop(s);
}

static void
targets(void **state)
{
	struct secret_set *s = two(EVERYWHERE);
	struct secret_plan p = kit_plan(s, "a.test");

	(void)state;
	replaced(&p, TARGET, NULL, "/x?k=" A "&l=1", "/x?k=secret%20value%2F%22A%22&l=1");
	replaced(&p, TARGET, NULL, "/x?%53LUICE_A_AAAAAAA%41", "/x?secret%20value%2F%22A%22");
	leaks(&p, TARGET, NULL, "/" A "/?x", 0, SECRET_PATH, SCAN_RAW);
	leaks(&p, TARGET, NULL, "/%53LUICE_A_AAAAAAAA", 0, SECRET_PATH, SCAN_PERCENT);
	leaks(&p, TARGET, NULL, "/?" B, 1, SECRET_QUERY, SCAN_RAW);
	leaks(&p, TARGET, NULL, "/?k=U0xVSUNFX0FfQUFBQUFBQUE%3D", 0, SECRET_QUERY, SCAN_BASE64);
	leaks(&p, TARGET, NULL, "/U0xVSUNFX0FfQUFBQUFBQUE/?k", 0, SECRET_PATH, SCAN_BASE64);
	assert_false(put(&p, TARGET, NULL, "", "").leak);
	secret_set_drop(s);
}

static void
bodies(void **state)
{
	struct secret_set *s = two(EVERYWHERE);
	struct secret_plan p = kit_plan(s, "a.test");

	(void)state;
	assert_true(substitute_wants_body(&p));
	replaced(&p, PLAIN, NULL, "x" A "y", "x" VALUE_A "y");
	replaced(&p, JSON, NULL, "{\"k\":\"" A "\"}", "{\"k\":\"secret value/\\\"A\\\"\"}");
	replaced(&p, JSON, NULL, "\"\\\\\\u0053LUICE\\u005fA_AAAAAAA\\u0041\"",
		 "\"\\\\secret value/\\\"A\\\"\"");
	replaced(&p, FORM, NULL, "k=" A "&l=%53LUICE_A_AAAAAAAA",
		 "k=secret%20value%2F%22A%22&l=secret%20value%2F%22A%22");
	leaks(&p, PLAIN, NULL, "\\u0053LUICE_A_AAAAAAAA", 0, SECRET_BODY, SCAN_JSON);
	leaks(&p, JSON, NULL, "%53LUICE_A_AAAAAAAA", 0, SECRET_BODY, SCAN_PERCENT);
	leaks(&p, FORM, NULL, "a=" B, 1, SECRET_BODY, SCAN_RAW);
	secret_set_drop(s);

	s = two(SECRET_HEADER);
	p = kit_plan(s, "a.test");
	assert_false(substitute_wants_body(&p));
	secret_set_drop(s);

	assert_int_equal(substitute_body_kind(kit_view("Application/JSON; charset=utf-8")), BODY_JSON);
	assert_int_equal(substitute_body_kind(kit_view("application/problem+json")), BODY_JSON);
	assert_int_equal(substitute_body_kind(kit_view("application/x-www-form-urlencoded")), BODY_FORM);
	assert_int_equal(substitute_body_kind(kit_view("application/jsonx")), BODY_PLAIN);
	assert_int_equal(substitute_body_kind(kit_view("")), BODY_PLAIN);
}

/* A '/' in a placeholder is escaped by some writers of JSON; backslashes before it may themselves be escaped. */
static void
escapes_backwards(void **state)
{
	struct secret_set *s = kit_set();

	(void)state;
	kit_add(s, "/uu/key/", "V", NULL, EVERYWHERE);
	assert_true(secret_set_seal(s));
	struct secret_plan p = kit_plan(s, "any.test");

	replaced(&p, JSON, NULL, "\\/uu\\/key\\/", "V");
	replaced(&p, JSON, NULL, "\\\\/uu\\/key/", "\\\\V");
	replaced(&p, JSON, NULL, "\\\\\\/uu/ke\\u0079/.", "\\\\V.");
	secret_set_drop(s);
}

static void
which_host_has_what(void **state)
{
	struct secret_set *s = kit_set();
	struct secret_plan p;
	struct name sub;

	(void)state;
	kit_add(s, "placeholder-0", "value-0", "*.a.test", EVERYWHERE);
	kit_add(s, "placeholder-1", "value-1", NULL, EVERYWHERE);
	kit_add(s, "placeholder-2", "value-2", "x.a.test", EVERYWHERE)->plain = true;
	struct secret *passes = kit_add(s, "placeholder-3", "value-3", "b.test", EVERYWHERE);
	kit_add(s, "placeholder-4", "value-4", "b.test", EVERYWHERE)->action = SECRET_PASS;
	passes->pass_hosts = nameset_new();
	assert_true(name_parse("x.a.test", 8, &sub));
	assert_true(nameset_add(passes->pass_hosts, &sub, false) && nameset_seal(passes->pass_hosts));
	assert_true(secret_set_seal(s));

	secret_plan_for(&p, s, &sub, true, true);
	assert_int_equal(p.put, 1 | 2 | 4);
	assert_int_equal(p.pass, 8 | 16);
	secret_plan_for(&p, s, &sub, true, false);
	assert_int_equal(p.put, 4);
	secret_plan_for(&p, s, &sub, false, true);
	assert_int_equal(p.put, 0);
	assert_int_equal(p.pass, 8 | 16);
	secret_plan_for(&p, s, NULL, true, true);
	assert_int_equal(p.put, 2);
	assert_int_equal(p.pass, 16);
	secret_plan_for(&p, s, NULL, false, true);
	assert_int_equal(p.put, 0);
	secret_plan_for(&p, s, &(struct name){.len = 0}, true, true);
	assert_int_equal(p.put, 2);
	assert_true(name_parse("b.test", 6, &sub));
	secret_plan_for(&p, s, &sub, true, true);
	assert_int_equal(p.put, 2 | 8 | 16);
	secret_plan_for(&p, NULL, &sub, true, true);
	assert_true(!p.set && !p.put && !p.pass);
	assert_false(put(&p, HEADER, "a", "placeholder-0", "placeholder-0").leak);
	assert_false(put(&p, HEADER, "authorization", "Basic YTpi", "Basic YTpi").leak);
	secret_set_drop(s);
	assert_null(secret_set_keep(NULL));
	secret_set_drop(NULL);
}

/* What passes is not told; of several leaks the strictest is first; each is told once. */
static void
leaks_in_order(void **state)
{
	struct secret_set *s = kit_set();
	struct substitution found = {.replaced = 0};
	struct scan scan;

	(void)state;
	kit_add(s, "placeholder-0", "0", "x.test", EVERYWHERE)->action = SECRET_LOG;
	kit_add(s, "placeholder-1", "1", "x.test", EVERYWHERE)->action = SECRET_PASS;
	kit_add(s, "placeholder-2", "2", "x.test", EVERYWHERE)->action = SECRET_BLOCK;
	kit_add(s, "placeholder-3", "3", "x.test", EVERYWHERE)->action = SECRET_TERMINATE;
	kit_add(s, "placeholder-4", "4", "y.test", EVERYWHERE);
	assert_true(secret_set_seal(s));
	struct secret_plan p = kit_plan(s, "y.test");

	substitute_watching(&p, &scan);
	substitute_watch(&p, &scan, SECRET_BODY, kit_view("placeholder-1 placeh"), &found);
	assert_false(found.leak);
	substitute_watch(&p, &scan, SECRET_BODY, kit_view("older-0"), &found);
	assert_true(found.leak && found.leaked == 0 && found.place == SECRET_BODY);
	substitution_told(&p, &found);
	assert_false(found.leak);
	substitute_watch(&p, &scan, SECRET_BODY, kit_view("placeholder-0"), &found);
	assert_false(found.leak);
	/* Nothing is put in where it only passes by. */
	substitute_watch(&p, &scan, SECRET_RAW, kit_view("placeholder-4placeholder-2%70laceholder-3"),
			 &found);
	assert_true(found.leak && found.leaked == 3 && found.form == SCAN_PERCENT &&
		    found.place == SECRET_RAW);
	substitution_told(&p, &found);
	assert_true(found.leak && found.leaked == 2 && found.form == SCAN_RAW);
	substitution_told(&p, &found);
	assert_true(found.leak && found.leaked == 4);
	substitution_told(&p, &found);
	assert_false(found.leak);
	substitution_told(&p, &found);
	assert_int_equal(found.leaks, 1 | 4 | 8 | 16);
	secret_set_drop(s);
}

/* The one that ends first takes its bytes; what is left of the other is not it. */
static void
placeholders_that_overlap(void **state)
{
	struct secret_set *s = kit_set();

	(void)state;
	kit_add(s, "12345678ab", "one", NULL, EVERYWHERE);
	kit_add(s, "ab12345678", "two", NULL, EVERYWHERE);
	assert_true(secret_set_seal(s));
	struct secret_plan p = kit_plan(s, "x.test");
	struct substitution found = put(&p, PLAIN, NULL, "12345678ab12345678.", "one12345678.");

	assert_false(found.leak);
	secret_set_drop(s);
}

static void
buffers_have_an_end(void **state)
{
	struct secret_set *s = two(EVERYWHERE);
	struct secret_plan p = kit_plan(s, "a.test");
	struct clear out = {.max = 20};
	struct substitution found = {.replaced = 0};

	(void)state;
	substitute_header(&p, kit_view("x"), kit_view("12345 " A), &out, &found);
	assert_true(out.failed);
	size_t len = out.len;
	clear_add(&out, "x", 1);
	assert_int_equal(out.len, len);
	clear_free(&out);
	assert_true(out.max == 20 && !out.failed && !out.p);
	clear_add(&out, "12345678901234567890", 20);
	assert_clear(&out, "12345678901234567890");
	clear_add(&out, "", 0);
	clear_add(&out, "x", 1);
	assert_true(out.failed);
	clear_free(&out);
	secret_set_drop(s);
}

/* --- responses ---------------------------------------------------------------------------------------------------- */

static struct secret_set *
redacted(const char *const *value, uint32_t n)
{
	static const char *const placeholder[] = {"<PLACEHOLDER-0>", "<PLACEHOLDER-1>", "<PLACEHOLDER-2>"};
	struct secret_set *s = kit_set();

	for (uint32_t i = 0; i < n; i++) {
		struct secret *one = kit_add(s, placeholder[i], value[i], NULL, EVERYWHERE);

		one->redact_headers = one->redact_body = true;
	}
	assert_true(secret_set_seal(s));
	return s;
}

static void
comes_back_as(const struct secret_plan *p, const char *text, const char *want)
{
	size_t len = strlen(text);
	struct clear header = {.max = 4096};

	redact_header(p, kit_view(text), &header);
	assert_clear(&header, want);
	clear_free(&header);
	for (size_t piece = 1; piece <= len; piece++) {
		struct clear out = {.max = 4096};
		struct redact r;

		redact_begin(&r, p);
		for (size_t at = 0; at < len; at += piece) {
			size_t n = len - at < piece ? len - at : piece;

			redact_body(&r, p, view_of(text + at, n), at + n == len, &out);
		}
		assert_false(r.held.failed);
		assert_clear(&out, want);
		redact_end(&r);
		clear_free(&out);
	}
}

static void
values_come_back_as_placeholders(void **state)
{
	static const char *const value[] = {"the-value", "the-value-and-more", "and-more-of-it"};
	struct secret_set *s = redacted(value, 3);
	struct secret_plan p = kit_plan(s, NULL);

	(void)state;
	assert_true(redact_wants_body(&p));
	comes_back_as(&p, "x the-value y", "x <PLACEHOLDER-0> y");
	comes_back_as(&p, "the-valuethe-value", "<PLACEHOLDER-0><PLACEHOLDER-0>");
	comes_back_as(&p, "x the-value-and-more y", "x <PLACEHOLDER-1> y");
	comes_back_as(&p, "x the-value-and-mor y", "x <PLACEHOLDER-0>-and-mor y");
	/* No byte of the second leaves, either. */
	comes_back_as(&p, "the-value-and-more-of-it.", "<PLACEHOLDER-1><PLACEHOLDER-2>.");
	comes_back_as(&p, "the-valu", "the-valu");
	comes_back_as(&p, "no value at all, of any kind", "no value at all, of any kind");
	secret_set_drop(s);
}

static void
values_in_one_another(void **state)
{
	static const char *const value[] = {"aaaaaaaa", "bbbbbbbb", "x-aaaaaaaa-bbbbbbbb-x"};
	struct secret_set *s = redacted(value, 3);
	struct secret_plan p = kit_plan(s, NULL);

	(void)state;
	comes_back_as(&p, "-x-aaaaaaaa-bbbbbbbb-x-", "-<PLACEHOLDER-2>-");
	/* A beginning of the longest, and a run that overlaps itself. */
	comes_back_as(&p, "x-aaaaaaaa-bbbbbbbb-y", "x-<PLACEHOLDER-0>-y");
	comes_back_as(&p, "aaaaaaaa bbbbbbbb", "<PLACEHOLDER-0> <PLACEHOLDER-1>");
	comes_back_as(&p, "aaaaaaaaaaa.", "<PLACEHOLDER-0>.");
	secret_set_drop(s);
}

static void
only_where_it_is_asked_for(void **state)
{
	struct secret_set *s = kit_set();
	struct clear out = {.max = 4096};
	struct redact r;

	(void)state;
	kit_add(s, "placeholder-0", "value-number-0", "a.test", EVERYWHERE)->redact_headers = true;
	kit_add(s, "placeholder-1", "value-number-1", "b.test", EVERYWHERE)->redact_body = true;
	assert_true(secret_set_seal(s));
	struct secret_plan a = kit_plan(s, "a.test"), b = kit_plan(s, "b.test");

	assert_true(!redact_wants_body(&a) && redact_wants_body(&b));
	redact_header(&b, kit_view("value-number-0 value-number-1"), &out);
	assert_clear(&out, "placeholder-0 value-number-1");
	clear_free(&out);
	redact_begin(&r, &b);
	redact_body(&r, &b, kit_view("value-number-0 value-number-1"), true, &out);
	assert_clear(&out, "value-number-0 placeholder-1");
	redact_end(&r);
	clear_free(&out);
	redact_begin(&r, &a);
	redact_body(&r, &a, kit_view("value-number-1"), false, &out);
	assert_clear(&out, "value-number-1");
	redact_end(&r);
	clear_free(&out);
	secret_set_drop(s);

	struct secret_plan none = {.set = NULL};
	assert_false(redact_wants_body(&none));
	redact_header(&none, kit_view("x"), &out);
	assert_clear(&out, "x");
	clear_free(&out);
}

/* More than a slice, and a value over its end. */
static void
long_bodies(void **state)
{
	static const char *const value[] = {"a-value-of-some-length"};
	struct secret_set *s = redacted(value, 1);
	struct secret_plan p = kit_plan(s, NULL);
	size_t len = 50000, n = strlen(value[0]);
	char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	for (size_t at = 16384 - n; at <= 16384; at++) {
		struct clear out = {.max = SIZE_MAX};
		struct redact r;

		memset(text, '.', len);
		memcpy(text + at, value[0], n);
		memcpy(text + len - n, value[0], n);
		redact_begin(&r, &p);
		redact_body(&r, &p, view_of(text, len), true, &out);
		assert_false(out.failed);
		assert_int_equal(out.len, len - 2 * n + 2 * strlen("<PLACEHOLDER-0>"));
		assert_null(memmem(out.p, out.len, value[0], n));
		assert_memory_equal(out.p + at, "<PLACEHOLDER-0>.", 16);
		redact_end(&r);
		clear_free(&out);
	}
	free(text);
	secret_set_drop(s);
}

static void
append(struct clear *to, const char *text)
{
	clear_add(to, text, strlen(text));
}

/* What is sure is copied on the way; the longest escapes reach back over the cut. */
static void
long_bodies_in_pieces(void **state)
{
	static const char escaped[] = "\\u0070\\u006C\\u0061\\u0063\\u0065\\u0068\\u006f\\u006c\\u0064-0";
	static const size_t piece[] = {1, 61, 4096, 6144, 6145, 16384, 100000};
	struct secret_set *set = kit_set();
	struct clear body = {.max = SIZE_MAX}, want = {.max = SIZE_MAX};

	(void)state;
	kit_add(set, "placehold-0", "<the value>", NULL, SECRET_BODY);
	assert_true(secret_set_seal(set));
	struct secret_plan p = kit_plan(set, "a.test");
	for (unsigned i = 0; i < 40; i++) {
		append(&body, i % 2 ? escaped : "placehold-0");
		append(&want, "<the value>");
		for (unsigned k = 0; k < i * 37; k++) {
			append(&body, "placehold-");
			append(&want, "placehold-");
		}
	}
	for (size_t k = 0; k < sizeof(piece) / sizeof(piece[0]); k++) {
		struct substitution s = {.replaced = 0};
		struct body_search b;

		body_search_begin(&b, &p, BODY_JSON, 1u << 20);
		for (size_t n = 0; n < body.len;) {
			n = body.len - n < piece[k] ? body.len : n + piece[k];
			body_search_more(&b, &p, view_of(body.p, n), &s);
		}
		assert_true(body.len - b.done <= 6 * SECRET_PLACEHOLDER_MAX);
		body_search_end(&b, view_of(body.p, body.len));
		assert_false(b.out.failed);
		assert_int_equal(b.out.len, want.len);
		assert_memory_equal(b.out.p, want.p, want.len);
		assert_int_equal(s.replaced, 1);
		assert_false(s.leak);
		clear_free(&b.out);
	}
	clear_free(&body);
	clear_free(&want);
	secret_set_drop(set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(headers),
	    cmocka_unit_test(basic),
	    cmocka_unit_test(targets),
	    cmocka_unit_test(bodies),
	    cmocka_unit_test(escapes_backwards),
	    cmocka_unit_test(which_host_has_what),
	    cmocka_unit_test(leaks_in_order),
	    cmocka_unit_test(placeholders_that_overlap),
	    cmocka_unit_test(buffers_have_an_end),
	    cmocka_unit_test(values_come_back_as_placeholders),
	    cmocka_unit_test(values_in_one_another),
	    cmocka_unit_test(only_where_it_is_asked_for),
	    cmocka_unit_test(long_bodies),
	    cmocka_unit_test(long_bodies_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
