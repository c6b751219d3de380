/*
 * flow.h - a flow: a 5-tuple with an owner, and the table that finds it
 *
 * What a flow becomes is one `struct flow_ops` per kind.  The table is a fixed hash (SipHash, keyed) over
 * flows that live in arrays of their kind; ready flows wait in one list, deadlines in one heap, and the
 * longest-idle flow of a kind is the head of that kind's list.  Nothing here touches the host.
 */
#ifndef PROXY_FLOW_H
#define PROXY_FLOW_H

#include "link/host.h"
#include "stack/stack.h"

struct gateway;
struct flow;

struct flow_ops {
	const char *name;
	/* A packet of the guest for this flow. */
	void (*guest)(struct gateway *gw, struct flow *f, struct packet *pkt, usec_t now);
	/* Something happened at its host socket. */
	void (*host)(struct gateway *gw, struct flow *f, const struct host_event *ev, usec_t now);
	/* It was marked ready: move bytes, change state, send. */
	void (*ready)(struct gateway *gw, struct flow *f, usec_t now);
	/* When it next wants ready() to be called for time's sake; TIME_NEVER: it does not. */
	usec_t (*deadline)(const struct flow *f);
	/* Give back everything it holds outside the flow; cannot fail. */
	void (*close)(struct gateway *gw, struct flow *f);
};

enum flow_kind { FLOW_TCP, FLOW_UDP, FLOW_PING, FLOW_KINDS };

#define FLOW_NONE UINT32_MAX

struct flow {
	const struct flow_ops *ops; /* NULL: the slot is free */
	struct tuple tuple;
	uint8_t kind; /* enum flow_kind */
	bool inbound; /* it came through a published port */
	bool is_ready;
	uint32_t gen; /* of this slot: tells a stale event from a new one */
	int fd;       /* host socket, -1: none */
	uint32_t hash_next, hash_at;
	struct flow *ready_next;
	struct flow *lru_prev,
	    *lru_next;    /* by last use, within the kind; free slots: lru_next is the free list */
	uint32_t heap_at; /* place in the heap + 1; 0: not in it */
	usec_t heap_key; /* <= the real deadline: a deadline that moved away is corrected when it is popped */
};

#endif
