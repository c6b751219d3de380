/*
 * replay_wire.h - packets of a capture, and the few bytes of them that a replay has to change
 */
#ifndef PROXY_REPLAY_WIRE_H
#define PROXY_REPLAY_WIRE_H

#include "stack/eth_wire.h"
#include "stack/frame.h"
#include "stack/icmp_wire.h"
#include "stack/ip_wire.h"
#include "stack/tcp_wire.h"
#include "stack/udp_wire.h"

enum replay_transport {
	REPLAY_NONE, /* none of ours, not whole, or a fragment */
	REPLAY_TCP,
	REPLAY_UDP,
	REPLAY_ICMP, /* of either family */
};

struct replay_packet {
	struct eth eth;
	struct ip ip;
	enum replay_transport is;
	union {
		struct tcp_hdr tcp;
		struct udp udp;
		struct icmp icmp;
	};
	size_t at;           /* bytes of the frame before `segment` */
	struct view segment; /* the IP payload */
	struct view data;    /* what the transport carries */
};

/* False: not a whole IP packet.  The views are into the frame. */
bool replay_read(struct view frame, struct replay_packet *p);

/* The same for an IP payload put together from fragments; p->ip is known. */
void replay_read_transport(struct replay_packet *p, struct view segment);

/* What an ICMP error is about: a packet that the guest sent. */
struct replay_quote {
	struct tuple flow; /* echo: ports are the identifier and 0 */
	struct view data; /* as an error queue has it: UDP, the payload's start; echo, from the ICMP header */
};
bool replay_read_quote(struct view body, struct replay_quote *q);

/*
 * In a frame of the guest's, `ack` becomes the acknowledgment number and `shift` is added to the edges of
 * all SACK blocks.  The checksum follows by what changed (RFC 1624), so that a wrong one stays wrong;
 * with `unfinished` it is left alone, as it does not cover these bytes.  frame is what p was read from.
 */
void replay_shift(uint8_t *frame, const struct replay_packet *p, uint32_t ack, uint32_t shift,
		  bool unfinished);

/*
 * What a virtio-net header would have said.  A capture does not keep it, but it shows: a checksum that is
 * the bare pseudo-header sum is unfinished, and a TCP segment beyond the MTU is to be cut, into pieces of
 * mss bytes (0: not known, then as the MTU allows).  Datagrams to be cut cannot be told from large ones.
 */
void replay_offload(const struct replay_packet *p, uint32_t mtu, uint16_t mss, struct offload *off);

#endif
