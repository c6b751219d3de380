/*
 * ring.c - a byte queue in one block of the pool
 *
 * Every run of bytes is cut at most once, where it passes the end of the block: split() is the only
 * place that knows.
 */
#include "stack/ring.h"

#include <assert.h>

/* Where the run of len bytes from byte number n lies: *at in the block, and how long its first part is. */
static uint32_t
split(const struct ring *r, uint32_t n, uint32_t len, uint32_t *at)
{
	*at = n & (r->cap - 1);
	return len < r->cap - *at ? len : r->cap - *at;
}

bool
ring_grow(struct ring *r, struct pool *p, uint32_t cap, uint32_t keep)
{
	if (r->cap >= cap)
		return true;
	assert(keep <= r->cap);

	struct ring wider = {.base = pool_alloc(p, cap), .cap = cap, .head = r->head, .tail = r->tail};
	if (!wider.base)
		return false;

	struct view old[2];
	int n = ring_views(r, 0, keep, old);
	for (uint32_t i = 0, off = 0; i < (uint32_t)n; i++) {
		ring_place(&wider, off, old[i]);
		off += (uint32_t)old[i].len;
	}
	pool_free(p, r->base, r->cap);
	*r = wider;
	return true;
}

void
ring_release(struct ring *r, struct pool *p)
{
	pool_free(p, r->base, r->cap);
	*r = (struct ring){.base = NULL};
}

int
ring_views(const struct ring *r, uint32_t off, uint32_t len, struct view out[2])
{
	assert(off <= r->cap && len <= r->cap - off);
	if (len == 0)
		return 0;

	uint32_t at;
	uint32_t first = split(r, r->head + off, len, &at);
	out[0] = view_of(r->base + at, first);
	if (first == len)
		return 1;
	out[1] = view_of(r->base, len - first);
	return 2;
}

int
ring_room(const struct ring *r, struct room out[2])
{
	uint32_t len = ring_space(r);

	if (len == 0)
		return 0;

	uint32_t at;
	uint32_t first = split(r, r->tail, len, &at);
	out[0] = (struct room){r->base + at, first};
	if (first == len)
		return 1;
	out[1] = (struct room){r->base, len - first};
	return 2;
}

void
ring_place(struct ring *r, uint32_t off, struct view v)
{
	assert(off <= r->cap && v.len <= r->cap - off);
	if (v.len == 0)
		return;

	uint32_t at;
	uint32_t first = split(r, r->head + off, (uint32_t)v.len, &at);
	memcpy(r->base + at, v.p, first);
	if (first < v.len)
		memcpy(r->base, v.p + first, v.len - first);
}
