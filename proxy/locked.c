#include "proxy/locked.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static size_t
page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

size_t
locked_room(size_t n)
{
	return (n + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
}

int
locked_open(struct locked *l, size_t size)
{
	size_t edge = page(), whole;

	*l = (struct locked){.p = NULL};
	size = size ? (size + edge - 1) / edge * edge : edge;
	whole = size + 2 * edge;
	uint8_t *p = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	if (mprotect(p + edge, size, PROT_READ | PROT_WRITE) < 0) {
		munmap(p, whole);
		return -ENOMEM;
	}
	if (mlock(p + edge, size) < 0) {
		munmap(p, whole);
		return -EPERM;
	}
	/* A kernel that does not know it has no better way. */
	madvise(p + edge, size, MADV_DONTDUMP);
	*l = (struct locked){.p = p + edge, .size = size};
	return 0;
}

void *
locked_take(struct locked *l, size_t n)
{
	n = locked_room(n);
	if (n > l->size - l->used)
		return NULL;
	l->used += n;
	return l->p + l->used - n;
}

void
locked_wipe(struct locked *l)
{
	if (l->p)
		explicit_bzero(l->p, l->size);
	l->used = 0;
}

void
locked_close(struct locked *l)
{
	if (!l->p)
		return;
	locked_wipe(l);
	munmap(l->p - page(), l->size + 2 * page());
	*l = (struct locked){.p = NULL};
}

unsigned long
locked_limit(void)
{
	struct rlimit r;

	return getrlimit(RLIMIT_MEMLOCK, &r) == 0 ? (unsigned long)(r.rlim_cur >> 10) : 0;
}
