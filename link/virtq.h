/*
 * virtq.h - one split virtqueue in a guest's memory (virtio 1.2 section 2.7)
 *
 * The device's side: chains are taken from the available ring, used entries are put on the used ring.  Nothing
 * in the rings or tables is believed: every descriptor is read once, its address checked against the memory
 * table when it is used, its hops counted.  A driver that breaks the rules breaks its queue, for good.
 *
 * Plain memory and barriers only: no descriptors, no locks, no allocation.  One thread at a time.
 */
#ifndef LINK_VIRTQ_H
#define LINK_VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VIRTQ_NUM_MAX 32768u /* entries: the most there can be (2.7) */
#define VIRTQ_HOPS 1024u /* descriptors of one chain: no driver has a use for more, and a turn is bounded */
#define VIRTQ_PIECES 64u /* pieces of one chain, in either direction: what is longer is refused, not broken */
#define GUEST_REGIONS 64u

/* Guest-physical memory.  Regions are sorted by address and do not overlap. */
struct guest_region {
	uint64_t gpa, size;
	uint8_t *base;
};

struct guest_memory {
	uint32_t n;
	struct guest_region region[GUEST_REGIONS];
};

/* False: overlapping, empty or wrapping regions, or too many; *m is then unchanged. */
bool guest_memory_set(struct guest_memory *m, const struct guest_region *r, size_t n);

/* len bytes at gpa, in one region; NULL: not all of them are there. */
uint8_t *guest_at(const struct guest_memory *m, uint64_t gpa, uint64_t len);

/* As much as is contiguous from gpa on, at most *len, which becomes that; NULL: nothing is there. */
uint8_t *guest_run(const struct guest_memory *m, uint64_t gpa, uint64_t *len);

enum virtq_fault {
	VIRTQ_FINE,
	VIRTQ_BAD_INDEX,     /* the available index is further ahead than the queue is long */
	VIRTQ_BAD_HEAD,      /* a head, or a next, beyond the table */
	VIRTQ_BAD_LOOP,      /* more hops than the table has entries, or than the longest queue has */
	VIRTQ_BAD_ADDRESS,   /* outside of memory; of a ring or a table also: across two regions */
	VIRTQ_BAD_INDIRECT,  /* within an indirect table, with NEXT set, of a bad length, or not negotiated */
	VIRTQ_BAD_ORDER,     /* a readable descriptor after a writable one */
	VIRTQ_BAD_DIRECTION, /* writable ones where none belong, or the other way round */
};

struct virtq {
	const struct guest_memory *mem;
	uint16_t num;
	bool event_idx, indirect; /* as negotiated */
	bool on;
	enum virtq_fault fault; /* not VIRTQ_FINE: broken, nothing more is taken */
	uint64_t desc, avail, used;
	uint8_t *desc_at, *avail_at, *used_at; /* the same here, as the memory table last had them */
	uint16_t next_avail;                   /* entry to look at next */
	uint16_t seen;                         /* available index when it was last read */
	uint16_t next_used;                    /* entry to fill next; published up to `shown` */
	uint16_t shown;
	uint16_t signalled; /* used index when an interrupt was last thought of (2.7.10) */
	bool fresh;         /* nothing published since it was started: the first always interrupts */
	bool asked;         /* notifications are on */
};

/* One chain: its readable pieces, then its writable ones. */
struct virtq_chain {
	uint16_t head;
	uint16_t slots; /* descriptors of the queue's own table that it takes */
	bool
	    too_many; /* more pieces than fit: to be refused; nout and nin are what fitted, out and in are all */
	uint16_t nout, nin;               /* pieces */
	uint64_t out, in;                 /* bytes, of all pieces */
	struct iovec piece[VIRTQ_PIECES]; /* nout readable ones, then nin writable ones; none is empty */
};

/*
 * Look at entry `next` first; the used ring goes on where its index in memory says.  mem must outlive the queue
 * and may change only as virtq_still_there() says.  False: num is no power of two up to VIRTQ_NUM_MAX, an address
 * is misaligned (2.7) or outside of memory; *q is then off.
 */
bool virtq_start(struct virtq *q, const struct guest_memory *mem, uint16_t num, uint64_t desc, uint64_t avail,
		 uint64_t used, uint16_t next, bool event_idx, bool indirect);

/* After the memory table changed: false, and broken, if the rings are no longer in it. */
bool virtq_still_there(struct virtq *q);

/* On and not broken.  A queue that is not gives nothing and is not written to. */
static inline bool
virtq_alive(const struct virtq *q)
{
	return q->on && q->fault == VIRTQ_FINE;
}

/* Break it, for a rule that only its user knows. */
void virtq_break(struct virtq *q, enum virtq_fault fault);

/* The next chain; false: none waits, or the queue is broken. */
bool virtq_take(struct virtq *q, struct virtq_chain *c);
/* Put the n chains taken last back on the available ring. */
void virtq_untake(struct virtq *q, uint16_t n);

/* Put a chain on the used ring, `written` bytes of its writable pieces filled; seen by the driver at virtq_show(). */
void virtq_use(struct virtq *q, uint16_t head, uint32_t written);
/* Publish what was used.  True: the driver wants an interrupt for it (2.7.7.2, 2.7.10). */
bool virtq_show(struct virtq *q);

/* Does something wait? */
bool virtq_waiting(const struct virtq *q);
/* Ask to be notified; true: something waits already, look again.  And no longer. */
bool virtq_ask(struct virtq *q);
void virtq_hush(struct virtq *q);

#endif
