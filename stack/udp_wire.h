/*
 * udp_wire.h - UDP headers (RFC 768; RFC 8200 8.1)
 */
#ifndef STACK_UDP_WIRE_H
#define STACK_UDP_WIRE_H

#include "stack/wire.h"

#define UDP_HLEN 8u

struct udp {
	uint16_t sport, dport;
	uint16_t len;  /* header and data, as on the wire */
	uint16_t csum; /* 0: none (IPv4 only) */
};

/* Reads the header and leaves r at the data.  Lengths are judged by the caller, who knows the packet's. */
bool udp_parse(struct rd *r, struct udp *h);
void udp_emit(struct wr *w, const struct udp *h);

#endif
