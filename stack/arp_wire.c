/*
 * arp_wire.c - ARP packets on the wire (RFC 826), the Ethernet and IPv4 kind only
 *
 * The packet carries the sizes of its own addresses.  Only 6 and 4 are taken, so nothing is ever
 * walked by a length the guest wrote.
 */
#include "stack/arp_wire.h"

#include "stack/eth_wire.h"

#define HARDWARE_ETHERNET 1

bool
arp_parse(struct view v, struct arp *out)
{
	struct rd r = rd_of(v);
	uint16_t hardware = rd_u16(&r);
	uint16_t protocol = rd_u16(&r);
	uint8_t hardware_len = rd_u8(&r);
	uint8_t protocol_len = rd_u8(&r);

	out->op = rd_u16(&r);
	rd_copy(&r, out->sender_mac.b, sizeof(out->sender_mac.b));
	out->sender_ip = addr_v4(rd_u32(&r));
	rd_copy(&r, out->target_mac.b, sizeof(out->target_mac.b));
	out->target_ip = addr_v4(rd_u32(&r));
	return !r.bad && hardware == HARDWARE_ETHERNET && protocol == ETHERTYPE_IPV4 && hardware_len == 6 &&
	       protocol_len == 4 && (out->op == ARP_REQUEST || out->op == ARP_REPLY);
}

void
arp_emit(struct wr *w, const struct arp *a)
{
	wr_u16(w, HARDWARE_ETHERNET);
	wr_u16(w, ETHERTYPE_IPV4);
	wr_u8(w, sizeof(a->sender_mac.b));
	wr_u8(w, 4);
	wr_u16(w, a->op);
	wr_bytes(w, a->sender_mac.b, sizeof(a->sender_mac.b));
	wr_u32(w, addr_to_v4(&a->sender_ip));
	wr_bytes(w, a->target_mac.b, sizeof(a->target_mac.b));
	wr_u32(w, addr_to_v4(&a->target_ip));
}
