/*
 * arp_wire.h - ARP for IPv4 over Ethernet (RFC 826), and nothing else of it
 */
#ifndef STACK_ARP_WIRE_H
#define STACK_ARP_WIRE_H

#include "stack/addr.h"
#include "stack/wire.h"

enum arp_op { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp {
	uint16_t op; /* ARP_REQUEST or ARP_REPLY: others do not parse */
	struct mac sender_mac, target_mac;
	struct addr sender_ip, target_ip; /* mapped */
};

/* False unless hardware 1, protocol 0x0800, lengths 6 and 4, op 1 or 2, and all 28 bytes are there. */
bool arp_parse(struct view v, struct arp *out);
void arp_emit(struct wr *w, const struct arp *a);

#endif
