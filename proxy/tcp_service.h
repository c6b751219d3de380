/*
 * tcp_service.h - what answers a TCP connection of the guest when no host socket does
 *
 * A service of the gateway itself (DNS, the status page), or a page that says why a request was refused.  It reads
 * with tcp_readable() and tcp_consume(), writes with tcp_flow_room() and tcp_commit(), and ends with tcp_shutdown()
 * or tcp_abort(); tcp_flow.c does the rest.  A full send ring is its backpressure: it is called again when there is room.
 *
 * One that was given the flow with its host socket (tcp_flow_take_over()) stands between both: it moves the bytes itself, with the
 * functions below, and says when it is done.
 */
#ifndef PROXY_TCP_SERVICE_H
#define PROXY_TCP_SERVICE_H

#include <sys/types.h>

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
	/* Between guest and host: has the host had all it should?  Asked once the guest's connection is over: false keeps the flow.  NULL: not
	 * between. */
	bool (*done)(const struct tcp_flow *tf);
};

#define MEMORY_RETRY (20 * USEC_PER_MSEC) /* the pool was empty: look again */

/* tcp_writable() for services: where the pool has no memory, ready() is called again soon. */
int tcp_flow_room(struct tcp_flow *tf, struct room out[2], usec_t now);

/* --- between guest and host ------------------------------------------------------------------------------------------------ */

/* From now on a service moves the bytes, with the host socket, which stays.  The watch ends; what it held is the caller's affair.
 * What goes through the functions below is what the flow's events count: with TLS, sealed bytes. */
void tcp_flow_take_over(struct sluice *gw, struct tcp_flow *tf, const struct tcp_service *service,
			void *state);
/* It is over, and the flow moves its bytes itself, with the host socket, which stays.  The service is closed. */
void tcp_flow_give_back(struct sluice *gw, struct tcp_flow *tf);
/* Bytes of the guest: how many; 0: end of file; -EAGAIN. */
ssize_t tcp_flow_read_guest(struct tcp_flow *tf, void *to, size_t n, usec_t now);
/* How many; -EAGAIN: no room now (ready() is called when there is). */
ssize_t tcp_flow_write_guest(struct sluice *gw, struct tcp_flow *tf, const void *from, size_t n, usec_t now);
/* The same with the host; another -errno: it is broken, and its socket closed; the guest's side is the service's affair. */
ssize_t tcp_flow_read_host(struct sluice *gw, struct tcp_flow *tf, void *to, size_t n);
ssize_t tcp_flow_write_host(struct sluice *gw, struct tcp_flow *tf, const void *from, size_t n);
/* The host is told that the guest will send no more. */
void tcp_flow_shut_host(struct sluice *gw, struct tcp_flow *tf);

/* The host's socket is broken (a positive errno): counted, the flow's reason, closed. */
void tcp_flow_host_broke(struct sluice *gw, struct tcp_flow *tf, int error);
/* Before each write to the host. */
void tcp_flow_no_delay(struct sluice *gw, struct tcp_flow *tf);

#endif
