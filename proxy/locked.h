/*
 * locked.h - memory for what must not be found elsewhere
 *
 * Pages of their own, between two that nobody may touch, locked (they are never written to swap), left out of core dumps, wiped before
 * they are given back.  A child of fork(2) has a copy, as of all memory, which is not locked: fork before there are secrets.
 */
#ifndef PROXY_LOCKED_H
#define PROXY_LOCKED_H

#include <stddef.h>
#include <stdint.h>

struct locked {
	uint8_t *p;
	size_t size, used;
};

/* At least so many bytes, zero.  0; -ENOMEM: no memory; -EPERM: it cannot be locked (RLIMIT_MEMLOCK); l is empty then. */
int locked_open(struct locked *l, size_t size);
/* Aligned as malloc()'s; NULL: there is no room. */
void *locked_take(struct locked *l, size_t n);
/* What locked_take() needs for n bytes. */
size_t locked_room(size_t n);
/* All bytes become zero, and none is taken. */
void locked_wipe(struct locked *l);
/* Wiped and given back; an empty one is fine. */
void locked_close(struct locked *l);
/* KiB that may be locked, for a sentence. */
unsigned long locked_limit(void);

#endif
