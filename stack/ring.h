/*
 * ring.h - a byte queue in one block of the pool
 *
 * `cap` bytes, a power of two, or 0 while the ring holds no block.  `head` and `tail` count bytes ever
 * taken and put (modulo 2^32), so len = tail - head, and byte number n lives at base[n & (cap - 1)].
 * Any run of bytes is therefore at most two views.  The block belongs to the ring from ring_grow() to
 * ring_release().
 */
#ifndef STACK_RING_H
#define STACK_RING_H

#include "stack/pool.h"
#include "stack/wire.h"

struct ring {
	uint8_t *base;
	uint32_t cap;
	uint32_t head, tail;
};

static inline uint32_t
ring_len(const struct ring *r)
{
	return r->tail - r->head;
}

static inline uint32_t
ring_space(const struct ring *r)
{
	return r->cap - ring_len(r);
}

/* Make the capacity at least cap (a power of two), keeping `keep` bytes from head on; false, and nothing
 * changed, when the pool has no such block.  keep may pass tail: bytes beyond a gap are kept too. */
bool ring_grow(struct ring *r, struct pool *p, uint32_t cap, uint32_t keep);

/* Give the block back and forget what was in it. */
void ring_release(struct ring *r, struct pool *p);

/* len bytes from off bytes after head, as 0, 1 or 2 views; off + len <= cap.  Returns how many. */
int ring_views(const struct ring *r, uint32_t off, uint32_t len, struct view out[2]);

/* The free room from tail on, to be filled by the caller and then ring_commit()ted.  Returns how many. */
struct room {
	uint8_t *p;
	size_t len;
};
int ring_room(const struct ring *r, struct room out[2]);

static inline void
ring_commit(struct ring *r, uint32_t n)
{
	r->tail += n;
}

static inline void
ring_consume(struct ring *r, uint32_t n)
{
	r->head += n;
}

/* Write bytes at off after head without moving tail (a hole may lie before them); off + v.len <= cap. */
void ring_place(struct ring *r, uint32_t off, struct view v);

#endif
