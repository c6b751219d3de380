/*
 * tcp_service.h - what answers a TCP connection of the guest when no host socket does
 *
 * A service of the gateway itself (DNS, the status page), or a page that says why a request was refused.  It reads
 * with tcp_readable() and tcp_consume(), writes with tcp_flow_room() and tcp_commit(), and ends with tcp_shutdown()
 * or tcp_abort(); tcp_flow.c does the rest.  A full send ring is its backpressure: it is called again when there is room.
 */
#ifndef PROXY_TCP_SERVICE_H
#define PROXY_TCP_SERVICE_H

#include "stack/ring.h"
#include "stack/time.h"

struct sluice;
struct tcp_flow;

struct tcp_service {
	const char *name;
	/* Bytes or end of file may have come, there may be room, or it was marked ready.  Only between the handshake and the
	 * connection's end.  It may not end the flow. */
	void (*ready)(struct sluice *gw, struct tcp_flow *tf, usec_t now);
	/* When it wants ready() for time's sake; TIME_NEVER. */
	usec_t (*deadline)(const struct tcp_flow *tf);
	/* The flow goes: give back tf->state.  Cannot fail. */
	void (*close)(struct sluice *gw, struct tcp_flow *tf);
};

#define MEMORY_RETRY (20 * USEC_PER_MSEC) /* the pool was empty: look again */

/* tcp_writable() for services: where the pool has no memory, ready() is called again soon. */
int tcp_flow_room(struct tcp_flow *tf, struct room out[2], usec_t now);

#endif
