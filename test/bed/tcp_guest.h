/*
 * tcp_guest.h - the guest's end of one TCP connection, as simple as a benchmark needs it
 *
 * It opens, sends bulk data in segments or GSO frames, acknowledges what comes in order, and trusts the wire:
 * nothing is lost between the two ends of a port.  Two threads may share one: the sender owns `seq`, the
 * receiver the rest.
 */
#ifndef TEST_BED_TCP_GUEST_H
#define TEST_BED_TCP_GUEST_H

#include <stdatomic.h>

#include "sluice.h"
#include "stack/addr.h"
#include "stack/eth_wire.h"
#include "stack/ip_wire.h"
#include "stack/tcp_wire.h"

#define TCP_GUEST_HEAD (ETH_HLEN + IP4_HLEN + TCP_HLEN_MAX)

struct tcp_guest {
	struct mac mac, gateway;
	struct addr self, peer; /* IPv4 */
	uint16_t sport, dport;
	uint16_t mss;               /* payload of one segment on the wire */
	uint32_t seq;               /* next to send */
	_Atomic uint32_t una, edge; /* oldest not acknowledged, right edge of the gateway's window */
	_Atomic uint32_t ack;       /* next byte expected */
	_Atomic bool open;          /* the gateway answered the SYN */
	unsigned wscale;
};

/* The head of a segment with len bytes of payload behind it, and the offload facts of such a frame.  Returns
 * the head's length; g->seq moves on. */
size_t tcp_guest_head(struct tcp_guest *g, uint8_t head[TCP_GUEST_HEAD], uint8_t flags, uint32_t len,
		      struct sluice_offload *off);

/* A frame from the gateway whose headers are in the first `have` of len bytes.  Returns its payload's length;
 * -1: not of this connection. */
int64_t tcp_guest_hear(struct tcp_guest *g, const uint8_t *frame, size_t have, uint32_t len);

/* Bytes the window has left. */
uint32_t tcp_guest_room(struct tcp_guest *g);

#endif
