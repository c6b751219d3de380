/*
 * refusals.c - the last things the guest was refused
 *
 * One that is met again moves to the front, so that the list is in the order in which they were met last.  A guest that
 * is refused often enough pushes out what it was refused before, and nothing else.
 */
#include "proxy/refusals.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(REFUSALS <= UINT8_MAX, "places fit into order[]");

static bool
is_same(const struct refusal *a, const struct refusal *b)
{
	return a->key == b->key && a->reason == b->reason && strcmp(a->what, b->what) == 0 &&
	       strcmp(a->name, b->name) == 0;
}

/* order[i] comes first from now on. */
static struct refusal *
to_front(struct refusals *r, uint32_t i)
{
	uint8_t at = r->order[i];

	memmove(r->order + 1, r->order, i);
	r->order[0] = at;
	return &r->entry[at];
}

/* A place for one that is not there yet. */
static struct refusal *
take_place(struct refusals *r)
{
	if (r->n == REFUSALS)
		return to_front(r, REFUSALS - 1);
	r->order[r->n] = (uint8_t)r->n;
	r->n++;
	return to_front(r, r->n - 1);
}

void
refusals_add(struct refusals *r, const struct refusal *one)
{
	struct refusal *to = NULL;

	r->total++;
	if (!r->entry)
		r->entry = calloc(REFUSALS, sizeof(*r->entry));
	if (!r->entry)
		return;
	for (uint32_t i = 0; i < r->n && !to; i++)
		if (is_same(&r->entry[r->order[i]], one))
			to = to_front(r, i);

	usec_t first = to ? to->first : one->first;
	uint64_t count = to ? to->count : 0;
	if (!to)
		to = take_place(r);
	*to = *one;
	to->first = first;
	to->count = count + 1;
}

const struct refusal *
refusals_at(const struct refusals *r, uint32_t i)
{
	return i < r->n ? &r->entry[r->order[i]] : NULL;
}

/* Their bytes too: they told of another guest. */
void
refusals_forget(struct refusals *r)
{
	if (r->entry)
		memset(r->entry, 0, REFUSALS * sizeof(*r->entry));
	r->n = 0;
	r->total = 0;
}

void
refusals_free(struct refusals *r)
{
	free(r->entry);
	r->entry = NULL;
	r->n = 0;
}
