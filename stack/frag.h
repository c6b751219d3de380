/*
 * frag.h - reassembly of the guest's fragments, bounded in every direction
 *
 * FRAG_SETS datagrams at a time, FRAG_BLOCKS blocks of FRAG_BLOCK bytes for all of them together.  A set
 * is named by (source, destination, protocol, id).  Any overlap that is not an exact duplicate kills the
 * whole set (RFC 5722, used for IPv4 too); so do a second last piece with another end and an end before
 * bytes already there.  When a set or a block is wanted and there is none, the oldest set goes.  The
 * killed set's name is remembered as dead until its timeout, so that its later pieces do not start anew.
 */
#ifndef STACK_FRAG_H
#define STACK_FRAG_H

#include "stack/addr.h"
#include "stack/ip_wire.h"
#include "stack/time.h"

#define FRAG_SETS 64u
#define FRAG_BLOCK 2048u
#define FRAG_BLOCKS 128u                 /* 256 KiB */
#define FRAG_TIMEOUT (30 * USEC_PER_SEC) /* RFC 1122 3.3.2 allows less than its 60 s; RFC 8200 4.5 says 60 */
#define FRAG_QUOTE 128u                  /* first bytes kept for a time-exceeded error */
#define FRAG_HOLES 64u                   /* runs of bytes of one set; more than that kills it */

enum frag_result {
	FRAG_WAITING,  /* kept (or an exact duplicate) */
	FRAG_COMPLETE, /* *out holds the whole payload */
	FRAG_BAD,      /* dropped: does not fit what is there, or > 65,535 */
	FRAG_OVERLAPS, /* dropped, and its set with it */
	FRAG_EVICTED,  /* kept, but the oldest set had to go */
};

struct frag_set {
	bool used, dead;
	bool has_first, has_last;
	struct addr src, dst;
	uint8_t proto;
	uint32_t id;
	usec_t expires;
	uint32_t end;  /* of the payload, known with has_last */
	uint32_t have; /* bytes so far */
	uint16_t nrun;
	struct {
		uint16_t from;
		uint32_t to;
	} run[FRAG_HOLES]; /* bytes present: sorted, apart */
	uint8_t block[32]; /* index + 1 of the block for each FRAG_BLOCK of payload; 0: none yet */
	uint16_t nquote;
	uint8_t quote[FRAG_QUOTE]; /* from the IP header of the first fragment, if has_first */
	uint8_t tos, ttl;          /* of the first fragment */
};

struct frag_table {
	uint32_t max_sets, max_blocks; /* fewer than the arrays have, >= 1 and >= 32; 0: all of them */
	struct frag_set set[FRAG_SETS];
	uint8_t block_used[FRAG_BLOCKS];
	uint8_t mem[FRAG_BLOCKS][FRAG_BLOCK];
	uint8_t whole[65536]; /* the last datagram completed: valid until the next frag_input() */
	usec_t next;          /* earliest expiry; TIME_NEVER with no set; 0 before first use */
};

/*
 * One fragment: its parsed header, its bytes (h->len of them, contiguous), and the packet's first bytes
 * for a later error.  FRAG_COMPLETE: *whole is the payload and *first_ip the header facts that go with it
 * (no longer a fragment; hop limit and traffic class are the first piece's).
 */
enum frag_result frag_input(struct frag_table *t, const struct ip *h, struct view bytes, struct view quote,
			    usec_t now, struct ip *first_ip, struct view *whole);

/*
 * End the sets whose time has come, one a call: true and *quote (empty when no first piece came), false
 * when none is due.  Dead sets end silently.
 */
bool frag_expire(struct frag_table *t, usec_t now, struct view *quote);

/* All sets end silently. */
void frag_forget(struct frag_table *t);

/* When frag_expire() next has something to say. */
usec_t frag_deadline(const struct frag_table *t);

#endif
