/*
 * refusals.c - the last things the guest was refused
 *
 * entry[0..n) in the order in which they were first met, round a ring: `next` is where the next one goes, which is
 * the oldest once all are taken.  One that is met again moves to the young end, so that the newest come first
 * by when they were met last.  A guest that is refused often enough pushes out what it was refused before, and
 * nothing else.
 */
#include "proxy/refusals.h"

#include <stdlib.h>
#include <string.h>

/* The i-th newest's place; i < r->n. */
static uint32_t
place(const struct refusals *r, uint32_t i)
{
	return (r->next + REFUSALS - 1 - i) % REFUSALS;
}

static bool
is_same(const struct refusal *a, const struct refusal *b)
{
	return a->key == b->key && a->reason == b->reason && strcmp(a->what, b->what) == 0 &&
	       strcmp(a->name, b->name) == 0;
}

/* To the young end; those that came after it move one place. */
static struct refusal *
renew(struct refusals *r, uint32_t i)
{
	struct refusal met = r->entry[place(r, i)];

	for (; i > 0; i--)
		r->entry[place(r, i)] = r->entry[place(r, i - 1)];
	r->entry[place(r, 0)] = met;
	return &r->entry[place(r, 0)];
}

void
refusals_add(struct refusals *r, const struct refusal *one)
{
	r->total++;
	if (!r->entry)
		r->entry = calloc(REFUSALS, sizeof(*r->entry));
	if (!r->entry)
		return;
	for (uint32_t i = 0; i < r->n; i++) {
		const struct refusal *old = &r->entry[place(r, i)];

		if (!is_same(old, one))
			continue;
		struct refusal *again = renew(r, i);
		usec_t first = again->first;
		uint64_t count = again->count;

		*again = *one;
		again->first = first;
		again->last = one->last;
		again->count = count + 1;
		return;
	}
	r->entry[r->next] = *one;
	r->entry[r->next].count = 1;
	r->next = (r->next + 1) % REFUSALS;
	if (r->n < REFUSALS)
		r->n++;
}

const struct refusal *
refusals_at(const struct refusals *r, uint32_t i)
{
	return i < r->n ? &r->entry[place(r, i)] : NULL;
}

/* Their bytes too: they are another guest's secrets. */
void
refusals_forget(struct refusals *r)
{
	if (r->entry)
		memset(r->entry, 0, REFUSALS * sizeof(*r->entry));
	r->n = r->next = 0;
	r->total = 0;
}

void
refusals_free(struct refusals *r)
{
	free(r->entry);
	r->entry = NULL;
	r->n = r->next = 0;
}
