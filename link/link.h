/*
 * link.h - how frames come and go
 *
 * A link is one guest's wire: a tap, an in-process port, virtqueues, a socket to a VMM (docs/design.md has the
 * table).  It lends inbound frames for a turn and takes outbound frames through the frame_sink it embeds.
 */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include "link/host.h"
#include "stack/frame.h"

#define LINK_BATCH 64            /* frames a turn */
#define LINK_BATCH_BYTES 1048576 /* and bytes: one cache's worth, so that a big batch does not slow itself */

struct link;

struct link_ops {
	const char *name;
	/* Up to LINK_BATCH frames (and about LINK_BATCH_BYTES), borrowed until release(); *more says that the
	 * link probably has others.  Returns how many, or -errno when the link is gone. */
	int (*receive)(struct link *l, struct frame *out, int max, bool *more);
	/* All frames of the last receive() go back. */
	void (*release)(struct link *l);
	/* The descriptor the loop sleeps on, and for what: POLLIN always, POLLOUT only while a frame waits
	 * for room. */
	int (*pollfd)(struct link *l, short *events);
	/* Before the loop sleeps: ask for notifications; true when there is work after all. */
	bool (*before_sleep)(struct link *l);
	void (*free)(struct link *l);
};

struct link {
	const struct link_ops *ops;
	struct host *host;
	bool eager;             /* an empty receive() costs next to nothing: the loop asks every turn */
	struct frame_sink sink; /* the stack's way out: sink.ctx is the link */
	int error;              /* positive errno once the link is gone: the loop ends with it */
	/*
	 * A link behind a socket or of virtqueues outlives its guests.  When one leaves, `departed` counts up and
	 * receive() returns 0; the loop then ends all flows and forgets the guest before it asks again.  When one
	 * comes, `arrived` counts up, and sink.lim may have changed.  While there is none, room() is true and
	 * what is sent is lost.  Links whose guest cannot leave keep both at 0.
	 */
	uint32_t arrived, departed;
	char reason[160]; /* why the last guest left, or of `error`: a sentence; "" when errno says it all */
	uint64_t no_room; /* frames sent without room, hence lost */
	uint64_t refused; /* frames the kernel would not take or give: link down, unknown offload */
};

/* Each kind has a header of its own; proxy/link_open.c chooses. */

#endif
