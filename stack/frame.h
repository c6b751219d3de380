/*
 * frame.h - an Ethernet frame as the links and the stack hand it to each other
 *
 * A frame is a short list of spans plus the facts that a virtio-net header carries about it
 * (virtio 1.2 section 5.1.6; the constants are the header's own).  Nothing in it is owned: inbound
 * spans are the link's until the turn's release, outbound spans are the stack's until link flush.
 */
#ifndef STACK_FRAME_H
#define STACK_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/wire.h"

#define FRAME_MAX 65550u /* longest frame on any link: 14 + 65,536, as virtio guests count it */
#define FRAME_SPANS 20u  /* spans of one frame: 64 KiB in 4 KiB pages, headers and both ragged ends */
#define FRAME_HEAD 256u  /* longest run of headers the stack ever writes or needs contiguous */

enum gso_type { /* VIRTIO_NET_HDR_GSO_* */
		GSO_NONE = 0,
		GSO_TCPV4 = 1,
		GSO_UDP = 3, /* UFO: never offered, refused on input */
		GSO_TCPV6 = 4,
		GSO_UDP_L4 = 5,
};

/* What the virtio-net header says, in host order.  All zero: an ordinary frame, complete as it is. */
struct offload {
	bool needs_csum;                  /* the transport checksum holds only the pseudo-header sum */
	bool csum_valid;                  /* the checksum was verified by whoever sent it */
	uint16_t csum_start, csum_offset; /* with needs_csum: bytes from the frame's start; from csum_start */
	uint8_t gso_type;                 /* enum gso_type, the ECN bit already taken off */
	uint16_t gso_size;                /* payload bytes of each wire segment; > 0 with a gso_type */
	uint16_t hdr_len; /* Ethernet + IP + transport header; a hint on input, exact on output */
};

struct frame {
	struct offload off;
	uint32_t len;  /* sum of the spans */
	bool shared;   /* the guest can rewrite these bytes at any moment: copy before judging */
	uint8_t nspan; /* <= FRAME_SPANS */
	struct view span[FRAME_SPANS];
};

/* What a link can take, fixed once the link is up. */
struct link_limits {
	uint32_t mtu;  /* IP packet bytes */
	bool csum;     /* takes needs_csum frames: transport checksums are not computed here */
	bool tso;      /* takes GSO_TCPV4/GSO_TCPV6 up to FRAME_MAX */
	bool uso;      /* takes GSO_UDP_L4 */
	bool csum_lax; /* an inbound checksum equal to the bare pseudo-header sum counts as unfinished */
};

/*
 * The way down from the stack to its link.  send() takes a frame whose first span is headers (copied
 * if the link keeps them) and whose other spans stay valid until flush() returns.  Callers ask room()
 * first; a frame sent without room is dropped and counted by the link.
 */
struct frame_sink {
	void *ctx;
	bool (*room)(void *ctx);
	void (*send)(void *ctx, const struct frame *f);
	void (*flush)(void *ctx);
	struct link_limits lim;
};

#endif
