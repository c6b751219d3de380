/*
 * substitute.c - values put in where placeholders stand, as the plan allows; all others are leaks
 */
#include "http/substitute.h"

#include <stdlib.h>

#include "http/base64.h"
#include "http/escape.h"

/* --- leaks ---------------------------------------------------------------------------------------------------- */

static unsigned
strictness(const struct secret_plan *p, uint32_t which)
{
	static const unsigned rank[] = {
	    [SECRET_PASS] = 0, [SECRET_LOG] = 1, [SECRET_BLOCK] = 2, [SECRET_TERMINATE] = 3};

	return rank[p->set->secret[which].action];
}

static void
consider(const struct secret_plan *p, struct substitution *s, uint32_t which)
{
	if (s->leak && strictness(p, which) <= strictness(p, s->leaked))
		return;
	s->leak = true;
	s->leaked = which;
	s->place = (enum secret_place)s->first_place[which];
	s->form = (enum scan_form)s->first_form[which];
}

static void
leak(const struct secret_plan *p, struct substitution *s, uint32_t which, enum secret_place place,
     enum scan_form form)
{
	if (s->leaks >> which & 1)
		return;
	s->leaks |= UINT64_C(1) << which;
	s->first_place[which] = (uint8_t)place;
	s->first_form[which] = (uint8_t)form;
	consider(p, s, which);
}

void
substitution_told(const struct secret_plan *p, struct substitution *s)
{
	if (!s->leak)
		return;
	s->told |= UINT64_C(1) << s->leaked;
	s->leak = false;
	for (uint32_t i = 0; i < p->set->n; i++)
		if ((s->leaks & ~s->told) >> i & 1)
			consider(p, s, i);
}

/* --- a text, whole ---------------------------------------------------------------------------------------------- */

struct text {
	const struct secret_plan *plan;
	struct view bytes;
	enum secret_place place;
	size_t path;    /* so many of its bytes are a path, where nothing is put in */
	unsigned forms; /* in which placeholders are taken, a bit each */
	void (*escape)(struct view value, struct clear *out); /* NULL: as it is */
	struct clear *out;
	struct substitution *s;
	size_t done; /* bytes that are in out, or were replaced */
	bool changed;
};

/* Where it begins; base64 does not say, so there it is the last byte. */
static size_t
begin_of(const struct text *t, const struct scan_hit *h)
{
	size_t n = t->plan->set->secret[h->which].placeholder.len;

	switch (h->form) {
	case SCAN_RAW:
		return (size_t)h->begin;
	case SCAN_PERCENT:
		return escape_percent_begin(t->bytes, (size_t)h->end, n);
	case SCAN_JSON:
		return escape_json_begin(t->bytes, (size_t)h->end, n);
	default:
		return (size_t)h->end - 1;
	}
}

static void
meet(struct text *t, const struct scan_hit *h)
{
	const struct secret *secret = &t->plan->set->secret[h->which];
	size_t begin = begin_of(t, h);
	enum secret_place place = begin < t->path ? SECRET_PATH : t->place;

	/* It overlaps one that was replaced, so it is not there any more. */
	if (begin < t->done)
		return;
	if (t->plan->put >> h->which & 1 && secret->places & place && t->forms >> h->form & 1) {
		clear_add(t->out, t->bytes.p + t->done, begin - t->done);
		if (t->escape)
			t->escape(secret->value, t->out);
		else
			clear_add(t->out, secret->value.p, secret->value.len);
		t->done = (size_t)h->end;
		t->s->replaced |= UINT64_C(1) << h->which;
		t->changed = true;
	} else if (!(t->plan->pass >> h->which & 1)) {
		leak(t->plan, t->s, h->which, place, h->form);
	}
}

/* From what the scan has seen on. */
static void
meet_all(struct text *t, struct scan *scan)
{
	struct scan_hit hit[SCAN_HITS];

	for (size_t at = (size_t)scan->at, used; at < t->bytes.len; at += used) {
		uint32_t n =
		    scan_bytes(scan, view_of(t->bytes.p + at, t->bytes.len - at), hit, SCAN_HITS, &used);

		for (uint32_t i = 0; i < n; i++)
			meet(t, &hit[i]);
	}
}

static void
put_in(struct text *t)
{
	struct scan scan;

	substitute_watching(t->plan, &scan);
	meet_all(t, &scan);
	if (t->done < t->bytes.len)
		clear_add(t->out, t->bytes.p + t->done, t->bytes.len - t->done);
}

#define FORM(f) (1u << (f))

/* --- headers ---------------------------------------------------------------------------------------------------- */

static bool
is_text(struct view v, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (i >= v.len ||
		    (v.p[i] >= 'A' && v.p[i] <= 'Z' ? v.p[i] | 0x20 : v.p[i]) != (uint8_t)text[i])
			return false;
	return v.len == n;
}

/* The credentials of Basic (RFC 7617 2); empty: it is something else. */
static struct view
basic_token(struct view name, struct view value)
{
	static const size_t scheme = sizeof("basic") - 1;
	size_t at = scheme, end = value.len;

	if ((!is_text(name, "authorization") && !is_text(name, "proxy-authorization")) ||
	    value.len <= scheme || !is_text(view_of(value.p, scheme), "basic"))
		return (struct view){NULL, 0};
	while (at < end && (value.p[at] == ' ' || value.p[at] == '\t'))
		at++;
	while (end > at && (value.p[end - 1] == ' ' || value.p[end - 1] == '\t'))
		end--;
	return at == scheme ? (struct view){NULL, 0} : view_of(value.p + at, end - at);
}

/* Decodes, puts in, encodes.  False: there is no placeholder in what it decodes to. */
static bool
put_in_basic(struct text *t, struct view token)
{
	struct clear plain = {.max = SIZE_MAX}, coded = {.max = SIZE_MAX};
	uint8_t *decoded = malloc(token.len / 4 * 3 + 3);
	size_t len;

	if (!decoded) {
		t->out->failed = true;
		return true;
	}
	bool found = false;
	if (base64_decode(token, decoded, &len)) {
		uint64_t leaks = t->s->leaks;
		struct text inner = *t;

		inner.bytes = view_of(decoded, len);
		inner.place = SECRET_BASIC;
		inner.out = &plain;
		put_in(&inner);
		found = inner.changed || leaks != t->s->leaks;
		if (inner.changed && !plain.failed) {
			clear_add(t->out, t->bytes.p, (size_t)(token.p - t->bytes.p));
			clear_reserve(&coded, base64_length(plain.len));
			if (coded.room >= base64_length(plain.len)) {
				base64_encode(view_of(plain.p, plain.len), coded.p);
				clear_add(t->out, coded.p, base64_length(plain.len));
			} else {
				t->out->failed = true;
			}
		} else if (found) {
			clear_add(t->out, t->bytes.p, t->bytes.len);
		}
		t->out->failed |= plain.failed;
		found |= plain.failed;
	}
	explicit_bzero(decoded, token.len / 4 * 3 + 3);
	free(decoded);
	clear_free(&plain);
	clear_free(&coded);
	return found;
}

void
substitute_header(const struct secret_plan *p, struct view name, struct view value, struct clear *out,
		  struct substitution *s)
{
	struct text t = {
	    .plan = p, .bytes = value, .place = SECRET_HEADER, .forms = FORM(SCAN_RAW), .out = out, .s = s};
	struct view token = basic_token(name, value);

	if (token.len > 0 && p->set && put_in_basic(&t, token))
		return;
	put_in(&t);
}

/* --- targets, bodies ---------------------------------------------------------------------------------------------- */

void
substitute_target(const struct secret_plan *p, struct view target, struct clear *out, struct substitution *s)
{
	const uint8_t *query = target.len > 0 ? memchr(target.p, '?', target.len) : NULL;
	struct text t = {.plan = p,
			 .bytes = target,
			 .place = SECRET_QUERY,
			 .path = query ? (size_t)(query - target.p) + 1 : target.len,
			 .forms = FORM(SCAN_RAW) | FORM(SCAN_PERCENT),
			 .escape = escape_percent,
			 .out = out,
			 .s = s};

	put_in(&t);
}

enum body_kind
substitute_body_kind(struct view type)
{
	size_t n = 0;

	while (n < type.len && type.p[n] != ';' && type.p[n] != ' ' && type.p[n] != '\t')
		n++;
	type.len = n;
	if (is_text(type, "application/x-www-form-urlencoded"))
		return BODY_FORM;
	/* RFC 6839 3.1: "+json" */
	if (is_text(type, "application/json") || is_text(type, "text/json") ||
	    is_text(type, "application/x-ndjson") || (n > 5 && is_text(view_of(type.p + n - 5, 5), "+json")))
		return BODY_JSON;
	return BODY_PLAIN;
}

/* A placeholder's bytes, each escaped as "\\u0041". */
#define LONGEST (6u * SECRET_PLACEHOLDER_MAX)

void
body_search_begin(struct body_search *b, const struct secret_plan *p, enum body_kind kind, size_t max)
{
	*b = (struct body_search){.kind = kind, .out = {.max = max}};
	substitute_watching(p, &b->scan);
}

void
body_search_more(struct body_search *b, const struct secret_plan *p, struct view body, struct substitution *s)
{
	struct text t = {.plan = p,
			 .bytes = body,
			 .place = SECRET_BODY,
			 .forms = FORM(SCAN_RAW),
			 .out = &b->out,
			 .s = s,
			 .done = b->done};

	if (b->kind == BODY_JSON) {
		t.forms |= FORM(SCAN_JSON);
		t.escape = escape_json;
	} else if (b->kind == BODY_FORM) {
		t.forms |= FORM(SCAN_PERCENT);
		t.escape = escape_percent;
	}
	meet_all(&t, &b->scan);
	/* The rest is copied on the way as well, but for what the next piece may be the end of. */
	if (t.done > 0 && body.len > t.done + LONGEST) {
		clear_add(&b->out, body.p + t.done, body.len - LONGEST - t.done);
		t.done = body.len - LONGEST;
	}
	b->done = t.done;
}

void
body_search_end(struct body_search *b, struct view body)
{
	if (b->done == body.len)
		return;
	clear_reserve(&b->out, body.len - b->done);
	clear_add(&b->out, body.p + b->done, body.len - b->done);
	b->done = body.len;
}

void
substitute_body(const struct secret_plan *p, struct view body, enum body_kind kind, struct clear *out,
		struct substitution *s)
{
	struct body_search b;

	body_search_begin(&b, p, kind, out->max);
	b.out = *out;
	body_search_more(&b, p, body, s);
	body_search_end(&b, body);
	*out = b.out;
}

bool
substitute_wants_body(const struct secret_plan *p)
{
	for (uint32_t i = 0; p->set && i < p->set->n; i++)
		if (p->put >> i & 1 && p->set->secret[i].places & SECRET_BODY)
			return true;
	return false;
}

/* --- bytes in pieces ---------------------------------------------------------------------------------------------- */

void
substitute_watching(const struct secret_plan *p, struct scan *scan)
{
	scan_begin(scan, p->set ? p->set->placeholders : NULL);
}

void
substitute_watch(const struct secret_plan *p, struct scan *scan, enum secret_place place, struct view bytes,
		 struct substitution *s)
{
	struct scan_hit hit[SCAN_HITS];

	for (size_t at = 0, used; at < bytes.len; at += used) {
		uint32_t n = scan_bytes(scan, view_of(bytes.p + at, bytes.len - at), hit, SCAN_HITS, &used);

		for (uint32_t i = 0; i < n; i++)
			if (!(p->pass >> hit[i].which & 1))
				leak(p, s, hit[i].which, place, hit[i].form);
	}
}
