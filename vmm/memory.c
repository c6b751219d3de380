/*
 * memory.c - the guest's memory
 */
#include "vmm/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/layout.h"

int
memory_new(struct memory *m, uint64_t size, struct why *why)
{
	/* Private: nobody else has business in it.  Not reserved: most guests never touch all of theirs. */
	void *base = size > SIZE_MAX ? MAP_FAILED
				     : mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return because(why, "cannot map %llu MiB for the guest's memory: %s; give less with --ram",
			       (unsigned long long)(size >> 20), strerror(errno));
	/* A core dump of ours is not the place for what the guest knows. */
	madvise(base, (size_t)size, MADV_DONTDUMP);
	m->base = base;
	m->low = size < HOLE_AT ? size : HOLE_AT;
	m->high = size - m->low;
	return 0;
}

void
memory_free(struct memory *m)
{
	if (m->base)
		munmap(m->base, (size_t)(m->low + m->high));
	*m = (struct memory){.base = NULL};
}

void *
memory_at(const struct memory *m, uint64_t at, uint64_t len)
{
	if (at <= m->low && len <= m->low - at)
		return m->base + at;
	if (at >= HOLE_END && at - HOLE_END <= m->high && len <= m->high - (at - HOLE_END))
		return m->base + m->low + (at - HOLE_END);
	return NULL;
}

uint32_t
memory_pieces(const struct memory *m, struct sluice_memory piece[MEMORY_PIECES])
{
	piece[0] = (struct sluice_memory){.guest = 0, .size = m->low, .base = m->base};
	piece[1] = (struct sluice_memory){.guest = HOLE_END, .size = m->high, .base = m->base + m->low};
	return m->high ? 2 : 1;
}
