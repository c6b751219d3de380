/*
 * eth_wire.h - Ethernet II headers (RFC 894, IEEE 802.3 3.2)
 */
#ifndef STACK_ETH_WIRE_H
#define STACK_ETH_WIRE_H

#include "stack/addr.h"
#include "stack/wire.h"

#define ETH_HLEN 14u
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_IPV6 0x86dd

struct eth {
	struct mac dst, src;
	uint16_t type; /* < 0x600: an 802.3 length, which nothing here speaks */
};

/* Reads the header and leaves r at the payload. */
bool eth_parse(struct rd *r, struct eth *h);
void eth_emit(struct wr *w, const struct eth *h);

#endif
