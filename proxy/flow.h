/*
 * flow.h - a flow: a 5-tuple with an owner, and the table that finds it
 *
 * What a flow becomes is one `struct flow_ops` per kind.  Flows live in arrays of their kind, found by a
 * keyed hash (SipHash) of their tuple.  Ready flows wait in one list, deadlines in one heap, and every
 * kind has a list ordered by last use whose head is the first to go when the kind is full.  Nothing here
 * touches the host, and nothing here is touched before it is used: a table for 16,384 flows costs an idle
 * gateway only address space.
 */
#ifndef PROXY_FLOW_H
#define PROXY_FLOW_H

#include "link/host.h"
#include "stack/stack.h"

struct sluice;
struct flow;
struct judged;
struct tunnel;

struct flow_ops {
	const char *name;
	/* A packet of the guest for this flow. */
	void (*guest)(struct sluice *gw, struct flow *f, struct packet *pkt, usec_t now);
	/* Something happened at its host socket. */
	void (*host)(struct sluice *gw, struct flow *f, const struct host_event *ev, usec_t now);
	/* It was marked ready, or its deadline came: move bytes, change state, send.  May close the flow. */
	void (*ready)(struct sluice *gw, struct flow *f, usec_t now);
	/* When it next wants ready() to be called for time's sake; TIME_NEVER: it does not. */
	usec_t (*deadline)(const struct flow *f);
	/* Give back everything it holds outside the flow itself; cannot fail. */
	void (*close)(struct sluice *gw, struct flow *f);
};

enum flow_kind { FLOW_TCP, FLOW_UDP, FLOW_PING, FLOW_KINDS };

struct flow {
	const struct flow_ops *ops; /* NULL: the place is free */
	struct tuple tuple;
	uint8_t kind;  /* enum flow_kind */
	bool inbound;  /* it came through a published port */
	bool is_ready; /* in the ready list */
	bool aged;     /* in its kind's list by age */
	uint32_t gen;  /* of this place: tells a stale event from a new one */
	int fd;        /* its own host socket, -1: none */
	struct flow *hash_next;
	struct flow *ready_next;
	struct flow *age_prev, *age_next; /* free places: age_next is the next free one */
	uint32_t heap_at;                 /* its place in the heap + 1; 0: not in it */
	usec_t heap_key;                  /* <= its deadline: one that moved away is corrected when popped */

	/* What is told of it (event.h). */
	uint64_t number;            /* of all flows there ever were */
	struct endpoint target;     /* the other end as the host knows it; unspecified and 0: not known */
	uint64_t to_host, to_guest; /* payload */
	usec_t opened_at;           /* ... and whether: its host connection exists */
	bool opened;
	uint8_t reason;  /* why it ends, as soon as that is known: enum sluice_reason */
	const char *why; /* the same in more words; NULL */

	struct tunnel *tunnel; /* TCP: where it leads through a proxy (tunnel.h); NULL: to its remote end */
	struct judged
	    *judged; /* what policy said (judge.h); NULL: nothing to remember.  flow_delete() frees it */
};

struct flow_kind_table {
	uint8_t *place; /* max places of `size` bytes, the first member of each a struct flow */
	size_t size;
	uint32_t max, fresh; /* places from `fresh` on were never used */
	uint32_t open;
	struct flow *free;
	struct flow *oldest, *newest; /* the age list */
	uint32_t aged;                /* in it */
};

struct flow_table {
	uint8_t secret[16];
	struct flow **bucket;
	uint32_t nbucket;   /* a power of two */
	struct flow *found; /* the last one flow_find() found, if it is still there */
	struct flow_kind_table kind[FLOW_KINDS];
	struct flow *ready_first, *ready_last;
	struct flow *ready_until; /* of those that run in this turn, the last; NULL: none is left */
	uint64_t numbers;         /* given to flows so far */
	struct flow **heap;       /* binary heap by heap_key */
	uint32_t nheap;
};

/* max and size by kind.  False: no memory.  The table is all zero before; free accepts that too. */
bool flows_init(struct flow_table *t, const uint32_t max[FLOW_KINDS], const size_t size[FLOW_KINDS],
		const uint8_t secret[16]);
void flows_free(struct flow_table *t);

/* A new flow, findable by its tuple, in no list; all bytes after its struct flow are zero.  NULL: full. */
struct flow *flow_new(struct flow_table *t, enum flow_kind kind, const struct flow_ops *ops,
		      const struct tuple *tuple);
/* Out of every list and table; the place is free.  Does not call ops->close(). */
void flow_delete(struct flow_table *t, struct flow *f);
/* The n-th place of a kind, n < kind[].fresh; its ops are NULL when it is free. */
struct flow *flow_at(const struct flow_table *t, enum flow_kind kind, uint32_t n);
struct flow *flow_find(struct flow_table *t, const struct tuple *tuple);

/* The flow an event's token names, or NULL when it is gone. */
uint64_t flow_token(const struct flow_table *t, const struct flow *f);
struct flow *flow_by_token(const struct flow_table *t, uint64_t token);

void flow_mark_ready(struct flow_table *t, struct flow *f);
/* Those that are ready now, one by one, and not those that become ready meanwhile: NULL when all have been.  Any may be
 * deleted while they run. */
void flows_begin_ready(struct flow_table *t);
struct flow *flows_next_ready(struct flow_table *t);

/* Put (back) at the young end of its kind's age list, or take it out. */
void flow_touch(struct flow_table *t, struct flow *f);
void flow_unage(struct flow_table *t, struct flow *f);
static inline struct flow *
flow_oldest(const struct flow_table *t, enum flow_kind kind)
{
	return t->kind[kind].oldest;
}

/* Its deadline may have changed.  Cheap when it only moved away. */
void flow_schedule(struct flow_table *t, struct flow *f);
/* The earliest heap key; TIME_NEVER: none. */
usec_t flows_next_deadline(const struct flow_table *t);
/* Mark flows ready whose deadline has come, the earliest first: so many at once, and the others next turn. */
#define FLOW_TURN_DEADLINES 64u
void flows_expire(struct flow_table *t, usec_t now);

#define FLOW_TOKEN_FLOWS ((uint64_t)FLOW_KINDS << 56) /* tokens below are flows' */

#endif
