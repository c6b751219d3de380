/*
 * port.h - the in-process port: a link whose guest is another thread of this process
 *
 * The guest's half is public: sluice.h documents it, proxy/port.c implements it.  link/port.c is the
 * gateway's half, a `struct link`.  Four rings (ring_spsc.h) join them:
 *
 *	tx      guest -> gateway   struct port_frame    frames to send
 *	done    gateway -> guest   uint64_t             their cookies
 *	lend    guest -> gateway   struct port_buffer   empty buffers
 *	filled  gateway -> guest   struct port_filled   the same buffers, with frames in them or unused
 *
 * The guest's half never has more frames or buffers out than a ring has slots, so `done` and `filled`
 * cannot be full unless the rules were broken.
 *
 * A side that goes to sleep sets its `wanted` flag and looks at its ring once more; a side that published
 * something looks at the flag, and takes it down before it writes the eventfd (see ring_spsc.h for why
 * one of the two always notices).  So there is one write(2) for each sleep, none while both are awake.
 * Eventfds are read and written directly, not through link/host.h: they join two threads of ours, and the
 * guest's half has no host.
 *
 * The rings are in this process, not in guest memory.  Their contents are checked all the same, once, as
 * they are copied out: lengths and counts are often the guest's own numbers, passed on unseen.
 */
#ifndef LINK_PORT_H
#define LINK_PORT_H

#include <stdatomic.h>

#include "link/link.h"
#include "link/ring_spsc.h"

#define PORT_SPANS 18u /* of one frame from the guest: less than FRAME_SPANS, which has headers besides */

struct port_frame {
	uint64_t cookie;
	struct offload off;
	uint32_t niov; /* as the guest said: may be more than fits, and is then all there is */
	struct iovec iov[PORT_SPANS];
};

struct port_buffer {
	uint8_t *base;
	uint32_t len;
	uint64_t cookie;
};

struct port_filled {
	uint64_t cookie;
	uint32_t len;       /* 0: it comes back unused */
	uint16_t nbuf;      /* of the frame, in its first buffer; 0 in the others */
	struct offload off; /* in the first buffer */
};

/* "Write the eventfd when you have published": set by who sleeps, taken down by who wakes. */
struct port_wake {
	_Alignas(SPSC_LINE) _Atomic uint32_t wanted;
	_Alignas(SPSC_LINE) bool armed; /* private to the sleeper: it set `wanted` and did not withdraw it */
};

/* One pair of the guest's half; private to the thread that uses it, but for the counters. */
struct port_pair {
	_Alignas(SPSC_LINE) uint32_t out; /* frames or buffers that the gateway has */
	uint32_t next;                    /* copying: the next send buffer */
	uint32_t owed;                    /* eventfd writes, made or yet to come, that were not read */
	_Atomic uint64_t count;           /* frames or buffers, ever */
	_Atomic uint64_t wakes;           /* writes to gateway_fd */
};

/* What outlives a gateway of the gateway's half; private in the same way. */
struct port_gateway {
	_Alignas(SPSC_LINE) uint32_t owed;
	_Atomic uint64_t refused, received, no_room;
	_Atomic uint64_t wakes; /* writes to sent_fd and received_fd */
};

struct sluice_port {
	struct spsc tx, done, lend, filled;

	struct port_wake gateway_tx, gateway_lend; /* the gateway sleeps and wants to hear of these */
	struct port_wake guest_sent, guest_received;

	struct port_pair sending, receiving;
	struct port_gateway gateway;

	/* set once, or nearly */
	_Alignas(SPSC_LINE) uint8_t *copy_out; /* the port's own buffers, with copy_frame */
	uint8_t *copy_in;
	uint32_t copy_frame;
	uint32_t send_slots, receive_slots;
	int gateway_fd, sent_fd, received_fd;
	_Atomic uint32_t broken; /* positive errno: the port is dead for both sides */
	_Atomic bool attached;   /* a gateway has it */
	_Atomic bool recall;     /* sluice_port_recall() was called and not heard yet */
	bool csum, tso, uso, shared;
};

/* The sleeper's side of a flag.  Ask before a last look at the ring; withdraw when awake, whoever woke it;
 * drain reads what is owed as far as it has been written, with no system call when nothing is. */
void port_wake_ask(struct port_wake *w, uint32_t *owed);
void port_wake_withdraw(struct port_wake *w, uint32_t *owed);
void port_wake_drain(int fd, uint32_t *owed);

/* The other side's: something was published. */
void port_wake_post(struct port_wake *w, int fd, _Atomic uint64_t *writes);

/* The gateway's half.  p stays the caller's and outlives the link; mtu is IP bytes.  NULL: *err is the errno
 * (EBUSY: another gateway has this port). */
struct link *link_port(struct host *h, struct sluice_port *p, uint32_t mtu, int *err);

#endif
