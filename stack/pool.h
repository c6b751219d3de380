/*
 * pool.h - the data path's memory: one arena, cut into blocks by halving
 *
 * The arena is reserved at start by whoever owns the pool and committed lazily by the kernel.  It is a
 * row of blocks of POOL_BLOCK_MAX bytes; a block is split in two as often as a smaller one is wanted,
 * and two free halves join again (a buddy system).  Nothing in the arena itself is read or written
 * here, so that pages nobody used are never touched; the book-keeping is an array of the owner's beside
 * it.  alloc and free take O(log(POOL_BLOCK_MAX / POOL_BLOCK_MIN)).  The last block freed is the first
 * one given out again, so a busy gateway stays in the cache.
 */
#ifndef STACK_POOL_H
#define STACK_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_BLOCK_MIN 4096u
#define POOL_ORDERS 9u /* 4 KiB << 0 .. << 8 = 1 MiB */
#define POOL_BLOCK_MAX (POOL_BLOCK_MIN << (POOL_ORDERS - 1))

struct pool_node; /* one per POOL_BLOCK_MIN of the arena */

struct pool {
	uint8_t *arena;
	size_t size; /* bytes, a multiple of POOL_BLOCK_MAX */
	size_t used; /* bytes handed out */
	struct pool_node *node;
	uint32_t head[POOL_ORDERS]; /* free lists, by index of the block's first node */
	bool dirty;                 /* something was freed since the last pool_trim() */
};

/* Bytes of book-keeping for an arena of size bytes. */
size_t pool_meta_size(size_t size);

/* The arena and meta (aligned as malloc does, zeroed) stay the caller's, who frees them after the pool. */
void pool_init(struct pool *p, void *arena, size_t size, void *meta);

/* A block of size bytes (a power of two, POOL_BLOCK_MIN..POOL_BLOCK_MAX), or NULL when there is none. */
void *pool_alloc(struct pool *p, size_t size);

/* size as it was asked for.  NULL is fine. */
void pool_free(struct pool *p, void *block, size_t size);

/*
 * Tell the owner every free block handed back since it was last told, so that its pages can go back
 * to the kernel.  Not for the hot path: once an idle second.
 */
void pool_trim(struct pool *p, void (*drop)(void *block, size_t size));

#endif
