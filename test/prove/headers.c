/* headers.c - proves: stack/eth_wire.c stack/arp_wire.c stack/icmp_wire.c stack/udp_wire.c link/vnet_wire.c */
#include "kit.h"
#include "link/vnet_wire.h"
#include "stack/arp_wire.h"
#include "stack/eth_wire.h"
#include "stack/icmp_wire.h"
#include "stack/udp_wire.h"

static void
ethernet(void)
{
	struct rd r = any_reader();
	struct wr w = any_room(2 * ETH_HLEN);
	struct eth h;

	if (eth_parse(&r, &h))
		eth_emit(&w, &h);
}

static void
arp(void)
{
	struct wr w = any_room(64);
	struct arp a;

	if (arp_parse(any_input(), &a)) {
		//@ check op: a.op == ARP_REQUEST || a.op == ARP_REPLY;
		arp_emit(&w, &a);
	}
}

static void
icmp(void)
{
	struct rd r = any_reader();
	struct wr w = any_room(2 * ICMP_HLEN);
	struct icmp h;

	if (icmp_parse(&r, &h))
		icmp_emit(&w, &h);
}

static void
udp(void)
{
	struct rd r = any_reader();
	struct wr w = any_room(2 * UDP_HLEN);
	struct udp h;

	if (udp_parse(&r, &h))
		udp_emit(&w, &h);
}

static void
vnet(void)
{
	struct rd r = any_reader();
	struct wr w = any_room(2 * VNET_HLEN);
	struct offload off;

	if (vnet_parse(&r, &off))
		vnet_emit(&w, &off);
}

int
main(void)
{
	ethernet();
	arp();
	icmp();
	udp();
	vnet();
	return 0;
}
