/*
 * scan.c - the automaton run over bytes, in three ways of reading them and the base64 of each
 *
 * A lane is one way of reading.  The percent and the JSON lane read what the raw lane reads but for escapes, so they exist only
 * from an escape's first byte (they are `apart` then) until they are in the same state as the raw lane again, which is mostly one or two
 * bytes behind the escape's end: from there on they would be the same for ever, up to the next escape.
 *
 * While nothing has begun in any lane, all there is to do is to find the two bytes that may begin something: a bit for each pair says
 * so (quiet(), skip()).  It takes part in what is found in no other way.
 */
#include "http/scan.h"

#include "http/base64.h"
#include "http/scan_table.h"

#define OUT_OF_ASCII \
	0x80u /* in no pattern, nor in base64: stands for all that an escape may be beyond ASCII */

const char *
scan_form_name(enum scan_form f)
{
	static const char *const name[SCAN_FORMS] = {
	    [SCAN_RAW] = "raw", [SCAN_PERCENT] = "percent", [SCAN_JSON] = "json", [SCAN_BASE64] = "base64"};

	return f < SCAN_FORMS ? name[f] : "unknown";
}

void
scan_begin(struct scan *s, const struct scan_table *t)
{
	*s = (struct scan){.table = t};
}

size_t
scan_held(const struct scan *s)
{
	return s->table ? s->table->node[s->raw.plain].depth : 0;
}

/* --- lanes ---------------------------------------------------------------------------------------------------- */

/*
 * The characters are numbered, and quads may begin at any of them: base64[a] decodes those that begin at a, a + 4, ...  With each
 * character three of them have one byte more; the fourth begins.
 */
static inline void
feed_base64(const struct scan_table *t, struct scan_lane *l, uint8_t c)
{
	uint8_t y = base64_value(c);

	l->fresh = y != BASE64_NONE && l->last != 0;
	if (y == BASE64_NONE) {
		/* Lines of base64 are one text (RFC 2045 6.8). */
		if (c != '\r' && c != '\n' && l->last != 0) {
			l->last = 0;
			memset(l->base64, 0, sizeof(l->base64));
		}
		return;
	}
	if (l->fresh) {
		unsigned x = l->last - 1u;
		uint32_t *a = &l->base64[l->phase], *b = &l->base64[(l->phase - 1u) & 3],
			 *d = &l->base64[(l->phase - 2u) & 3];

		*a = scan_step(t, *a, (uint8_t)(x << 2 | y >> 4));
		*b = scan_step(t, *b, (uint8_t)(x << 4 | y >> 2));
		*d = scan_step(t, *d, (uint8_t)(x << 6 | y));
	}
	l->last = (uint8_t)(y + 1);
	l->phase = (l->phase + 1u) & 3;
}

static inline void
feed(const struct scan_table *t, struct scan_lane *l, uint8_t c)
{
	l->plain = scan_step(t, l->plain, c);
	if (t->forms)
		feed_base64(t, l, c);
}

static bool
is_idle(const struct scan_lane *l)
{
	return !(l->base64[0] | l->base64[1] | l->base64[2] | l->base64[3]);
}

/* Will both read the same from here on?  Where nothing has begun, which character is which does not matter. */
static bool
is_same(const struct scan_lane *a, const struct scan_lane *b)
{
	if (a->plain != b->plain || a->last != b->last)
		return false;
	return (is_idle(a) && is_idle(b)) ||
	       (a->phase == b->phase && memcmp(a->base64, b->base64, sizeof(a->base64)) == 0);
}

static bool
hex_value(uint8_t c, uint8_t *v)
{
	uint8_t low = c | 0x20;

	if (c >= '0' && c <= '9')
		*v = (uint8_t)(c - '0');
	else if (low >= 'a' && low <= 'f')
		*v = (uint8_t)(low - 'a' + 10);
	else
		return false;
	return true;
}

/* --- percent: "%41" (RFC 3986 2.1); a '%' without two digits is itself ------------------------------------------ */

/* The byte did not belong to the escape: what it had is read as it is. */
static bool
percent_escape(struct scan *s, uint8_t c)
{
	uint8_t high = 0, low;

	if (hex_value(c, &low)) {
		if (s->percent_step == 1) {
			s->percent_digit = c;
			s->percent_step = 2;
			return true;
		}
		hex_value(s->percent_digit, &high);
		feed(s->table, &s->percent, (uint8_t)(high << 4 | low));
		s->percent_step = 0;
		return true;
	}
	feed(s->table, &s->percent, '%');
	if (s->percent_step == 2)
		feed(s->table, &s->percent, s->percent_digit);
	s->percent_step = 0;
	return false;
}

/* Before the raw lane has it. */
static void
percent_take(struct scan *s, uint8_t c)
{
	if (s->percent_step != 0 && percent_escape(s, c))
		return;
	if (c == '%') {
		if (!s->percent_apart)
			s->percent = s->raw;
		s->percent_apart = true;
		s->percent_step = 1;
	} else if (s->percent_apart) {
		feed(s->table, &s->percent, c);
	}
}

/* --- JSON: "\u0041", "\/" (RFC 8259 7); what is no escape is itself ------------------------------------------- */

static bool
json_letter(uint8_t c, uint8_t *is)
{
	switch (c) {
	case '"':
	case '\\':
	case '/':
		*is = c;
		return true;
	case 'b':
		*is = '\b';
		return true;
	case 'f':
		*is = '\f';
		return true;
	case 'n':
		*is = '\n';
		return true;
	case 'r':
		*is = '\r';
		return true;
	case 't':
		*is = '\t';
		return true;
	}
	return false;
}

static uint8_t
json_code(const uint8_t digits[4])
{
	uint8_t v[4] = {0};

	for (int i = 0; i < 4; i++)
		hex_value(digits[i], &v[i]);
	return v[0] || v[1] || v[2] > 7 ? OUT_OF_ASCII : (uint8_t)(v[2] << 4 | v[3]);
}

/* Steps: 1 the backslash was there, 2 the u, 3 to 5 so many digits less 2. */
static bool
json_escape(struct scan *s, uint8_t c)
{
	uint8_t is, step = s->json_step;

	if (step == 1 && c == 'u') {
		s->json_step = 2;
		return true;
	}
	if (step == 1 && json_letter(c, &is)) {
		feed(s->table, &s->json, is);
		s->json_step = 0;
		return true;
	}
	if (step >= 2 && hex_value(c, &is)) {
		s->json_digits[step - 2] = c;
		s->json_step++;
		if (step == 5) {
			feed(s->table, &s->json, json_code(s->json_digits));
			s->json_step = 0;
		}
		return true;
	}
	feed(s->table, &s->json, '\\');
	if (step >= 2)
		feed(s->table, &s->json, 'u');
	for (int i = 0; i < step - 2; i++)
		feed(s->table, &s->json, s->json_digits[i]);
	s->json_step = 0;
	return false;
}

static void
json_take(struct scan *s, uint8_t c)
{
	if (s->json_step != 0 && json_escape(s, c))
		return;
	if (c == '\\') {
		if (!s->json_apart)
			s->json = s->raw;
		s->json_apart = true;
		s->json_step = 1;
	} else if (s->json_apart) {
		feed(s->table, &s->json, c);
	}
}

/* --- hits ------------------------------------------------------------------------------------------------------- */

struct hits {
	struct scan_hit *hit;
	uint32_t n;
	uint64_t seen; /* patterns that were found at this byte */
};

/* All that end in this state, the longest first. */
static void
tell_all(struct hits *h, const struct scan *s, uint32_t state, enum scan_form form)
{
	const struct scan_node *node = s->table->node;

	for (uint32_t at = node[state].report; at != SCAN_ROOT; at = node[node[at].fail].report) {
		uint32_t which = node[at].own - 1u;

		if (h->seen >> which & 1)
			continue;
		h->seen |= UINT64_C(1) << which;
		h->hit[h->n++] = (struct scan_hit){.which = which,
						   .form = form,
						   .end = s->at,
						   .begin = form == SCAN_RAW ? s->at - node[at].depth : 0};
	}
}

static inline void
tell(struct hits *h, const struct scan *s, uint32_t state, enum scan_form form)
{
	if (s->table->node[state].report != SCAN_ROOT)
		tell_all(h, s, state, form);
}

/* But for the quads that only begin, whose state is an earlier one. */
static void
tell_base64(struct hits *h, const struct scan *s, const struct scan_lane *l)
{
	if (!l->fresh || is_idle(l))
		return;
	for (unsigned i = 0; i < 4; i++)
		if (i != l->phase)
			tell(h, s, l->base64[i], SCAN_BASE64);
}

/* Each lane that is inside of an escape has nothing new. */
static uint32_t
take_apart(struct scan *s, uint8_t c, struct scan_hit *hit)
{
	struct hits h = {.hit = hit};

	percent_take(s, c);
	json_take(s, c);
	feed(s->table, &s->raw, c);
	s->at++;
	bool percent = s->percent_apart && s->percent_step == 0, json = s->json_apart && s->json_step == 0;

	tell(&h, s, s->raw.plain, SCAN_RAW);
	if (percent)
		tell(&h, s, s->percent.plain, SCAN_PERCENT);
	if (json)
		tell(&h, s, s->json.plain, SCAN_JSON);
	tell_base64(&h, s, &s->raw);
	if (percent) {
		tell_base64(&h, s, &s->percent);
		s->percent_apart = !is_same(&s->percent, &s->raw);
	}
	if (json) {
		tell_base64(&h, s, &s->json);
		s->json_apart = !is_same(&s->json, &s->raw);
	}
	return h.n;
}

static uint32_t
take(struct scan *s, uint8_t c, struct scan_hit *hit)
{
	struct hits h = {.hit = hit};

	if (s->table->forms && (s->percent_apart || s->json_apart || c == '%' || c == '\\'))
		return take_apart(s, c, hit);
	feed(s->table, &s->raw, c);
	s->at++;
	tell(&h, s, s->raw.plain, SCAN_RAW);
	tell_base64(&h, s, &s->raw);
	return h.n;
}

/* --- where nothing has begun -------------------------------------------------------------------------------------- */

static bool
quiet(const struct scan *s)
{
	return s->raw.plain == SCAN_ROOT && is_idle(&s->raw) && !s->percent_apart && !s->json_apart;
}

static unsigned
begins(const struct scan_table *t, const uint8_t *p)
{
	unsigned pair = scan_pair(p);

	return t->pair[pair >> 3] >> (pair & 7) & 1u;
}

static bool
is_escape(uint8_t c)
{
	return c == '\\' || c == '%';
}

/* The length of an escape for a byte that is in no pattern and no base64, or ends a line; 0: it is for another, or none. */
static size_t
plain_escape(const uint8_t *p, size_t left)
{
	uint8_t v[4] = {0}, is;

	if (p[0] == '\\' && left >= 2 && json_letter(p[1], &is))
		return is <= 0x20 || is == '"' ? 2 : 0;
	if (p[0] == '\\' && left >= 6 && p[1] == 'u')
		return hex_value(p[2], &v[0]) && hex_value(p[3], &v[1]) && hex_value(p[4], &v[2]) &&
			       hex_value(p[5], &v[3]) && (v[0] || v[1] || v[2] > 7)
			   ? 6
			   : 0;
	if (p[0] == '%' && left >= 3 && hex_value(p[1], &v[0]) && hex_value(p[2], &v[1])) {
		is = (uint8_t)(v[0] << 4 | v[1]);
		return is <= 0x20 || is == '"' || is >= 0x7f ? 3 : 0;
	}
	return 0;
}

/*
 * Escapes that change nothing, in text of which they are every tenth byte: one after the other, after which all lanes will be the
 * same again, since nothing begins in them, read as they are, nor with the byte behind them, however a line of base64 ended before.
 * Their length; 0: this must be looked at.
 */
static size_t
skip_escapes(const struct scan_table *t, const uint8_t *p, size_t left)
{
	size_t n = 0;

	do {
		size_t m = plain_escape(p + n, left - n);

		if (m == 0 || n + m >= left)
			return 0;
		for (size_t k = n + 1; k < n + m; k++)
			if (!is_escape(p[k + 1]) && begins(t, p + k))
				return 0;
		n += m;
	} while (is_escape(p[n]));
	return begins(t, (const uint8_t[]){'\n', p[n]}) ? 0 : n;
}

/* The first place from `at` on where this byte and the next may begin something; the last byte, if there is none. */
static size_t
skip(const struct scan_table *t, const uint8_t *p, size_t at, size_t len)
{
	for (;;) {
		for (; at + 8 < len; at += 8) {
			const uint8_t *q = p + at;

			if (begins(t, q) | begins(t, q + 1) | begins(t, q + 2) | begins(t, q + 3) |
			    begins(t, q + 4) | begins(t, q + 5) | begins(t, q + 6) | begins(t, q + 7))
				break;
		}
		while (at + 1 < len && !begins(t, p + at))
			at++;
		size_t n = t->forms && at + 1 < len && is_escape(p[at + 1])
			       ? skip_escapes(t, p + at + 1, len - at - 1)
			       : 0;
		if (n == 0)
			return at;
		at += n + 1;
	}
}

/* The base64 character that ends these bytes, as a lane keeps it; `before` is what there was ahead of them. */
static uint8_t
last_of(const uint8_t *p, size_t len, uint8_t before)
{
	while (len > 0 && (p[len - 1] == '\r' || p[len - 1] == '\n'))
		len--;
	if (len == 0)
		return before;
	uint8_t v = base64_value(p[len - 1]);

	return v == BASE64_NONE ? 0 : (uint8_t)(v + 1);
}

uint32_t
scan_bytes(struct scan *s, struct view bytes, struct scan_hit *hit, uint32_t room, size_t *used)
{
	const struct scan_table *t = s->table;
	uint32_t n = 0;
	size_t i = 0;

	if (!t || t->longest == 0) {
		s->at += bytes.len;
		*used = bytes.len;
		return 0;
	}
	while (i < bytes.len && room - n >= SCAN_HITS) {
		/* The pair that begins with the byte before was not looked at yet. */
		if (i > 0 && quiet(s)) {
			size_t to = skip(t, bytes.p, i - 1, bytes.len);

			if (to > i) {
				s->raw.last = last_of(bytes.p + i, to - i, s->raw.last);
				s->at += to - i;
				i = to;
			}
		}
		n += take(s, bytes.p[i++], hit + n);
	}
	*used = i;
	return n;
}
