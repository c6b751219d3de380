/*
 * fuzz_secret_redact.c - a response cut anywhere, with values that overlap in it
 *
 * The input: one byte that chooses the values, one that seeds the cuts, then the text: bytes from 0xE0 on put in a value or the
 * beginning of one.  What leaves does not depend on the cuts (but for how many placeholders stand for values that run into one
 * another), has no value in it, and but for placeholders is what was outside of all values, in its order.
 */
#include "http/substitute.h"
#include "test/fuzz/wire_kit.h"

#define TEXT 4096u

static const char *const choice[][3] = {
    {"aaaaaaaa", "aaaaaaaaaaaa", "abababab"},
    {"the-value", "the-value-and-more", "and-more-of-it"},
    {"xx-aaaaaaaa-bbbbbbbb-xx", "aaaaaaaa", "bbbbbbbb"},
    {"abcdabcd", "bcdabcda", "dabcdabcdabc"},
};
#define CHOICES (sizeof(choice) / sizeof(choice[0]))

/* Bytes no value has, so that they are known in the text. */
static const char *const placeholder[] = {"<0000000>", "<1111111>", "<2222222>"};

static void
fill(struct secret_set *s, const char *const *value)
{
	for (s->n = 0; s->n < 3; s->n++)
		s->secret[s->n] = (struct secret){
		    .placeholder = view_of(placeholder[s->n], strlen(placeholder[s->n])),
		    .value = view_of(value[s->n], strlen(value[s->n])),
		    .any_host = true,
		    .redact_body = true,
		};
	must(secret_set_seal(s));
}

static struct clear
redacted(const struct secret_plan *p, struct view text, uint32_t seed, bool whole)
{
	struct clear out = {.max = SIZE_MAX};
	struct redact r;

	redact_begin(&r, p);
	for (size_t at = 0; at < text.len;) {
		seed = seed * 1664525u + 1013904223u;
		size_t n = whole ? text.len : 1 + (seed >> 16) % (seed & 64 ? 5 : 40);

		n = n < text.len - at ? n : text.len - at;
		redact_body(&r, p, view_of(text.p + at, n), false, &out);
		at += n;
		/* What is held back is bounded by the longest value. */
		must(!r.held.failed && r.held.len <= scan_table_longest(r.scan.table));
	}
	redact_body(&r, p, view_of(NULL, 0), true, &out);
	must(!out.failed && r.held.len == 0);
	redact_end(&r);
	return out;
}

/* Placeholders in a row become one '<'. */
static size_t
without_placeholders(const struct clear *out, uint8_t *to)
{
	size_t n = 0;

	for (size_t i = 0; i < out->len; i++) {
		bool one = out->p[i] == '<';

		if (one)
			i += strlen(placeholder[0]) - 1;
		must(i < out->len && (!one || out->p[i] == '>'));
		if (!one || n == 0 || to[n - 1] != '<')
			to[n++] = one ? '<' : out->p[i];
	}
	return n;
}

static void
check(const struct secret_set *s, struct view text, const struct clear *out, const uint8_t *left, size_t len)
{
	static uint8_t outside[TEXT];
	bool inside[TEXT] = {false};
	size_t n = 0, hits = 0, at = 0;

	for (uint32_t w = 0; w < s->n; w++) {
		struct view v = s->secret[w].value;

		must(!out->p || !memmem(out->p, out->len, v.p, v.len));
		for (size_t i = 0; i + v.len <= text.len; i++)
			if (memcmp(text.p + i, v.p, v.len) == 0) {
				memset(inside + i, true, v.len);
				hits++;
			}
	}
	for (size_t i = 0; i < text.len; i++)
		if (!inside[i])
			outside[n++] = text.p[i];
	if (hits == 0) {
		must_be_same(view_of(out->p, out->len), text);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		while (left[i] != '<' && at < n && outside[at] != left[i])
			at++;
		must(left[i] == '<' || at++ < n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(view_of(data, size));
	struct secret_set s = {.n = 0};
	const char *const *value = choice[rd_u8(&r) % CHOICES];
	uint8_t seed = rd_u8(&r);
	uint8_t text[TEXT];
	size_t len = 0;

	while (rd_left(&r) > 0 && len + 64 < TEXT) {
		uint8_t c = rd_u8(&r);

		if (c >= 0xe0) {
			const char *v = value[c % 3];
			size_t n = c & 8 ? strlen(v) : rd_u8(&r) % (strlen(v) + 1);

			memcpy(text + len, v, n);
			len += n;
		} else if (c != '<' && c != '>') {
			text[len++] = c;
		}
	}
	fill(&s, value);
	struct secret_plan p = {.set = &s, .put = 7};
	struct clear whole = redacted(&p, view_of(text, len), seed, true),
		     cut = redacted(&p, view_of(text, len), seed, false);

	static uint8_t a[TEXT * 9], b[TEXT * 9];
	size_t n = without_placeholders(&whole, a);

	must_be_same(view_of(a, n), view_of(b, without_placeholders(&cut, b)));
	check(&s, view_of(text, len), &whole, a, n);
	clear_free(&whole);
	clear_free(&cut);
	secret_set_drop(&s);
	return 0;
}
