/*
 * guest_memory.c - guest-physical addresses to pointers (see virtq.h)
 *
 * The table is the VMM's word and trusted once it was accepted; the addresses that are looked up in it are the
 * guest's.
 */
#include <stdlib.h>
#include <string.h>

#include "link/virtq.h"

static int
by_address(const void *a, const void *b)
{
	const struct guest_region *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

bool
guest_memory_set(struct guest_memory *m, const struct guest_region *r, size_t n)
{
	struct guest_region sorted[GUEST_REGIONS];

	if (n > GUEST_REGIONS)
		return false;
	if (n > 0) {
		memcpy(sorted, r, n * sizeof(*r));
		qsort(sorted, n, sizeof(*r), by_address);
	}
	for (size_t i = 0; i < n; i++) {
		const struct guest_region *g = &sorted[i];

		if (g->size == 0 || g->size > UINT64_MAX - g->gpa || !g->base ||
		    g->size > UINTPTR_MAX - (uintptr_t)g->base)
			return false;
		if (i > 0 && g->gpa < g[-1].gpa + g[-1].size)
			return false;
	}
	if (n > 0)
		memcpy(m->region, sorted, n * sizeof(*r));
	m->n = (uint32_t)n;
	return true;
}

uint8_t *
guest_run(const struct guest_memory *m, uint64_t gpa, uint64_t *len)
{
	uint32_t low = 0, high = m->n; /* the last region that begins at gpa or before is in [low, high) */

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (m->region[middle].gpa <= gpa)
			low = middle;
		else
			high = middle;
	}
	if (high == 0)
		return NULL;
	const struct guest_region *g = &m->region[low];

	if (gpa < g->gpa || gpa - g->gpa >= g->size)
		return NULL;
	uint64_t from = gpa - g->gpa;

	if (*len > g->size - from)
		*len = g->size - from;
	return g->base + from;
}

uint8_t *
guest_at(const struct guest_memory *m, uint64_t gpa, uint64_t len)
{
	uint64_t there = len;
	uint8_t *p = guest_run(m, gpa, &there);

	return there == len ? p : NULL;
}
