/*
 * tcp_timewait.h - connections that have ended and must not be mistaken (RFC 9293 3.6.1, TIME-WAIT)
 *
 * The end that closes first keeps the pair of ports for 2 MSL, to answer a FIN whose acknowledgment was
 * lost and to tell old segments from those of the next connection.  That takes two sequence numbers, not
 * a whole struct tcp: 64 bytes in a table of fixed size, outside the limit of connections.  When it is
 * full the oldest entry goes; what is lost then is that protection alone.
 *
 * Nothing needs to be done when an entry's time is over: it is passed over, and in time reused.
 */
#ifndef STACK_TCP_TIMEWAIT_H
#define STACK_TCP_TIMEWAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/addr.h"
#include "stack/siphash.h"
#include "stack/tcp.h"

struct timewait_entry {
	struct addr guest, remote;
	uint16_t guest_port, remote_port;
	uint32_t snd_nxt, rcv_nxt;
	uint32_t chain;        /* next entry of the bucket */
	uint32_t older, newer; /* by when they came, or were last refreshed */
	usec_t until;          /* -1: vacant */
};

struct timewait_table {
	struct timewait_entry *entry;
	uint32_t *bucket;     /* as many as entries: the first entry of each chain */
	uint32_t size, fresh; /* entries; those used at least once */
	uint32_t oldest, newest;
	usec_t msl2; /* as the connections had it */
	uint8_t secret[SIPHASH_KEY];
};

/* Bytes that a table of size entries (a power of two) takes. */
size_t timewait_size(uint32_t size);

/* mem, aligned as malloc does, stays the caller's, who frees it after the table. */
void timewait_init(struct timewait_table *tw, void *mem, uint32_t size, const uint8_t secret[SIPHASH_KEY]);

/* t is in TIME_WAIT and has said all it had to say; it can be freed afterwards. */
void timewait_add(struct timewait_table *tw, const struct tuple *flow, const struct tcp *t, usec_t now);

bool timewait_find(const struct timewait_table *tw, const struct tuple *flow, usec_t now);

enum timewait_verdict {
	TIMEWAIT_NONE,   /* no such entry */
	TIMEWAIT_SILENT, /* taken care of */
	TIMEWAIT_ANSWER, /* send *out, whose ports are the caller's to fill in */
	TIMEWAIT_REOPEN, /* a new connection (MAY-2): the entry is gone; after tcp_hold() set t->iss = out->seq */
};

/* A segment of a flow that is not (any more) a connection. */
enum timewait_verdict timewait_input(struct timewait_table *tw, const struct tuple *flow,
				     const struct tcp_hdr *seg, uint32_t len, usec_t now,
				     struct tcp_hdr *out);

#endif
