/*
 * ring_spsc.h - a lock-free queue of fixed-size entries between exactly two threads
 *
 * One thread puts, one gets.  Each end has a free-running 32-bit index of its own and publishes it in a
 * cache line that only it writes; slot number i lives at i & (cap - 1).  So there are, in index order:
 *
 *	get.shared <= get.own <= put.shared <= put.own <= get.shared + cap
 *
 *	[get.shared, get.own)  taken: the consumer may still read them, the producer may not reuse them
 *	[get.own, put.shared)  waiting
 *	[put.shared, put.own)  being filled: the consumer does not see them yet
 *
 * Both ends work in batches: spsc_put() any number of slots, then spsc_publish() once; spsc_get() any
 * number, then spsc_give() once.
 *
 * Ordering.  publish is a release that the consumer's acquire of the same index pairs with, so what was
 * written into a slot is seen whole; give/room pair the other way round, so a slot is not overwritten
 * while it is read.  publish and spsc_waiting() are sequentially consistent besides: "publish, then look
 * whether the other side sleeps" against "say that I sleep, then look whether something waits" must not
 * both miss (Dekker).  Plain atomic operations only, no fences: ThreadSanitizer understands those.
 *
 * The other end's index is checked whenever it is read: it may only move forward and only within the
 * order above.  If it does anything else the ring is `bad` for this end, for good: it looks full to a
 * producer and empty to a consumer.
 */
#ifndef LINK_RING_SPSC_H
#define LINK_RING_SPSC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPSC_LINE 64 /* a cache line of every machine we know */

struct spsc_end {
	_Alignas(SPSC_LINE) _Atomic uint32_t shared; /* published: the other end reads it */
	_Alignas(SPSC_LINE) uint32_t own;            /* private: how far this end is */
	uint32_t seen;                               /* private: the other end's index when last read */
	bool bad;                                    /* private: the other end's index was impossible */
};

struct spsc {
	uint8_t *slots; /* borrowed: cap times entry bytes */
	size_t entry;
	uint32_t cap; /* a power of two */
	struct spsc_end put, get;
};

/* r all zero before. */
static inline void
spsc_init(struct spsc *r, void *slots, size_t entry, uint32_t cap)
{
	r->slots = slots;
	r->entry = entry;
	r->cap = cap;
}

static inline void *
spsc_slot(const struct spsc *r, uint32_t index)
{
	return r->slots + (size_t)(index & (r->cap - 1)) * r->entry;
}

/* --- the producer ---------------------------------------------------------------------------------- */

/* The next slot, to be filled now and published later; NULL: full. */
static inline void *
spsc_put(struct spsc *r)
{
	struct spsc_end *me = &r->put;

	if (me->own - me->seen >= r->cap) {
		uint32_t get = atomic_load_explicit(&r->get.shared, memory_order_acquire);

		if (me->own - get > me->own - me->seen)
			me->bad = true;
		else
			me->seen = get;
		if (me->bad || me->own - me->seen >= r->cap)
			return NULL;
	}
	return spsc_slot(r, me->own++);
}

/* Show every slot put so far to the consumer. */
static inline void
spsc_publish(struct spsc *r)
{
	atomic_store_explicit(&r->put.shared, r->put.own, memory_order_seq_cst);
}

/* --- the consumer ---------------------------------------------------------------------------------- */

/* Does anything wait?  An impossible index counts as something: spsc_get() will tell. */
static inline bool
spsc_waiting(struct spsc *r)
{
	return atomic_load_explicit(&r->put.shared, memory_order_seq_cst) != r->get.own;
}

/* The next slot, readable until spsc_give(); NULL: empty. */
static inline const void *
spsc_get(struct spsc *r)
{
	struct spsc_end *me = &r->get;

	if (me->seen == me->own) {
		uint32_t put = atomic_load_explicit(&r->put.shared, memory_order_acquire);

		if (put - me->own > r->cap)
			me->bad = true;
		else
			me->seen = put;
		if (me->bad || me->seen == me->own)
			return NULL;
	}
	return spsc_slot(r, me->own++);
}

/* Return every slot got so far to the producer. */
static inline void
spsc_give(struct spsc *r)
{
	atomic_store_explicit(&r->get.shared, r->get.own, memory_order_release);
}

#endif
