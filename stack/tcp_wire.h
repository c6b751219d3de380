/*
 * tcp_wire.h - TCP headers and options (RFC 9293 3.1, 3.2; RFC 7323 2.2; RFC 2018 2, 3)
 */
#ifndef STACK_TCP_WIRE_H
#define STACK_TCP_WIRE_H

#include "stack/wire.h"

#define TCP_HLEN 20u
#define TCP_HLEN_MAX 60u
#define TCP_SACK_BLOCKS 4u /* as many as fit in 40 bytes of options */

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

struct tcp_sack {
	uint32_t left, right; /* right is the first sequence number after the block */
};

/* One segment's header; payload travels beside it. */
struct tcp_hdr {
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint8_t hlen;  /* bytes, options included; parse fills it, emit computes its own */
	uint16_t wnd;  /* as on the wire: unscaled */
	uint16_t csum; /* parse only; emit leaves 0 for the caller to fill in */
	uint16_t urp;  /* parsed, never believed (RFC 6093 6) */
	uint16_t mss;  /* 0: no option (or an option that says 0) */
	bool has_wscale;
	uint8_t wscale; /* as sent; the receiver clamps it to 14 (RFC 7323 2.3) */
	bool sack_ok;   /* SACK-permitted */
	uint8_t nsack;
	struct tcp_sack sack[TCP_SACK_BLOCKS];
};

/*
 * Reads header and options and leaves r at the payload.  False: truncated, or a data offset below 5 or
 * past the end.  An illegal option length ends the walk; what was read before it stands (MUST-7).
 */
bool tcp_parse(struct rd *r, struct tcp_hdr *h);

/* Writes header and options, padded with zeros to a multiple of 4 (MUST-69). */
void tcp_emit(struct wr *w, const struct tcp_hdr *h);

/* Bytes tcp_emit() writes. */
size_t tcp_emit_len(const struct tcp_hdr *h);

#endif
