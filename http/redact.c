/*
 * redact.c - values in responses become placeholders again
 *
 * A value that was found is replaced when it is certain that no longer one begins where it does, or before: when the
 * automaton's state (scan_held()) has left it behind.  Until then, and while a value may only have begun, bytes stay in `held`:
 *
 *     base            done        found_begin   found_end      at
 *      | left already  | to leave  | a value     | may begin one |
 */
#include "http/substitute.h"

#define SLICE 16384u

static uint64_t
looked_for(const struct secret_plan *p, bool body)
{
	uint64_t which = 0;

	for (uint32_t i = 0; p->set && p->set->values && i < p->set->n; i++) {
		const struct secret *one = &p->set->secret[i];

		if (body ? one->redact_body && p->put >> i & 1 : one->redact_headers)
			which |= UINT64_C(1) << i;
	}
	return which;
}

bool
redact_wants_body(const struct secret_plan *p)
{
	return looked_for(p, true) != 0;
}

static void
begin(struct redact *r, const struct secret_plan *p, uint64_t which)
{
	*r = (struct redact){.which = which};
	scan_begin(&r->scan, which ? p->set->values : NULL);
	r->held.max = SLICE + scan_table_longest(r->scan.table);
}

void
redact_begin(struct redact *r, const struct secret_plan *p)
{
	begin(r, p, looked_for(p, true));
}

void
redact_end(struct redact *r)
{
	clear_free(&r->held);
}

/* Bytes of the stream of which no value can have begun that is not yet found. */
static uint64_t
certain(const struct redact *r)
{
	return r->scan.at - scan_held(&r->scan);
}

static void
let_out(struct redact *r, uint64_t to, struct clear *out)
{
	if (to > r->done && !r->held.failed) {
		clear_add(out, r->held.p + (r->done - r->base), (size_t)(to - r->done));
		r->done = to;
	}
}

static void
replace(struct redact *r, const struct secret_plan *p, struct clear *out)
{
	struct view placeholder = p->set->secret[r->found_which].placeholder;

	let_out(r, r->found_begin, out);
	/* A value that begins in itself again was told; its further bytes only stay away. */
	if (!r->found_over || r->found_which != r->gone_which)
		clear_add(out, placeholder.p, placeholder.len);
	r->gone_which = r->found_which;
	r->done = r->found_end;
	r->found = false;
}

static void
meet(struct redact *r, const struct secret_plan *p, const struct scan_hit *h, struct clear *out)
{
	uint64_t from = h->begin > r->done ? h->begin : r->done;

	if (!(r->which >> h->which & 1))
		return;
	if (r->found && from >= r->found_begin && h->end <= r->found_end)
		return; /* inside of it */
	if (r->found && from > r->found_begin) {
		/* The same value over its own end is one run of it.  And both may be inside of a longer one, of which
		 * all this is the beginning: none of it may leave, what lies between them neither. */
		if ((h->which == r->found_which && h->begin < r->found_end) || certain(r) <= r->found_begin) {
			r->found_end = h->end;
			return;
		}
		replace(r, p, out);
		from = from > r->done ? from : r->done;
	}
	if (h->end <= r->done)
		return;
	r->found = true;
	r->found_over = h->begin < r->done;
	r->found_which = h->which;
	r->found_begin = from;
	r->found_end = h->end;
}

static void
take(struct redact *r, const struct secret_plan *p, struct view slice, struct clear *out)
{
	struct scan_hit hit[SCAN_HITS];

	clear_add(&r->held, slice.p, slice.len);
	if (r->held.failed)
		return;
	/* With this room it comes back at each byte that ends a value, which is when meet() wants to know what is certain. */
	for (size_t at = 0, used; at < slice.len; at += used) {
		uint32_t n =
		    scan_bytes(&r->scan, view_of(slice.p + at, slice.len - at), hit, SCAN_HITS, &used);

		for (uint32_t i = 0; i < n; i++)
			meet(r, p, &hit[i], out);
	}
}

/* What no value can take part in any more leaves; the rest moves to the front. */
static void
settle(struct redact *r, const struct secret_plan *p, bool last, struct clear *out)
{
	uint64_t safe = last ? r->scan.at : certain(r);

	if (r->held.failed)
		return;
	if (r->found && (last || safe > r->found_begin))
		replace(r, p, out);
	let_out(r, safe, out);
	size_t gone = (size_t)(r->done - r->base);
	if (gone == 0)
		return;
	memmove(r->held.p, r->held.p + gone, r->held.len - gone);
	r->held.len -= gone;
	r->base = r->done;
}

void
redact_body(struct redact *r, const struct secret_plan *p, struct view bytes, bool last, struct clear *out)
{
	if (r->which == 0) {
		clear_add(out, bytes.p, bytes.len);
		return;
	}
	for (size_t at = 0, n; at < bytes.len; at += n) {
		n = bytes.len - at < SLICE ? bytes.len - at : SLICE;
		take(r, p, view_of(bytes.p + at, n), out);
		settle(r, p, false, out);
	}
	if (last)
		settle(r, p, true, out);
}

void
redact_header(const struct secret_plan *p, struct view value, struct clear *out)
{
	struct redact r;

	begin(&r, p, looked_for(p, false));
	redact_body(&r, p, value, true, out);
	out->failed |= r.held.failed;
	redact_end(&r);
}
