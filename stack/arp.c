/*
 * arp.c - address resolution for IPv4 (RFC 826, RFC 5227)
 *
 * The guest may ask for any host of its subnet, and every one of them is reached through the gateway, so
 * the gateway's MAC is the answer for all of them but the guest's own.  Nothing is cached: the only
 * binding of interest, the guest's, is locked elsewhere (guest_seen()).
 */
#include "stack/arp_wire.h"
#include "stack/internal.h"

static void
arp_output(struct stack *st, struct mac to, const struct arp *a)
{
	uint8_t head[FRAME_HEAD];
	struct wr w = wr_of(head, sizeof(head));
	struct frame f = {.nspan = 1};

	eth_emit(&w, &(struct eth){.dst = to, .src = st->cfg.mac, .type = ETHERTYPE_ARP});
	arp_emit(&w, a);
	f.len = (uint32_t)(w.p - head);
	f.span[0] = view_of(head, f.len);
	frame_output(st, &f);
}

/* Do we speak for this address?  A probe asks who uses it: that is only us for our own (RFC 5227 2.1.1). */
static bool
answers_for(const struct stack *st, const struct addr *target, bool probe)
{
	const struct stack_net *net = &st->cfg.net[FAMILY_V4];

	if (stack_is_ours(st, target))
		return true;
	return !probe && !stack_is_guest(st, target) && addr_in_net(target, &net->guest, net->plen) &&
	       !is_subnet_edge(st, target) && !addr_is_loopback(target) && !addr_is_multicast(target) &&
	       !addr_is_reserved(target);
}

enum stack_result
arp_input(struct stack *st, const struct eth *eth, struct view body, usec_t now)
{
	struct arp a;

	if (!st->cfg.net[FAMILY_V4].on)
		return drop(st, COUNT_ARP_IGNORED);
	if (!arp_parse(body, &a))
		return drop(st, COUNT_ARP_BAD);

	bool probe = a.op == ARP_REQUEST && addr_is_unspecified(&a.sender_ip);

	/* One guest, one binding: who speaks for others, for us or in another's name is not heard. */
	if (!mac_eq(a.sender_mac, eth->src) || (!probe && !stack_is_guest(st, &a.sender_ip)))
		return drop(st, COUNT_ARP_IGNORED);
	if (!probe)
		guest_seen(st, &a.sender_ip, eth->src, now);
	if (a.op == ARP_REPLY || addr_eq(&a.sender_ip, &a.target_ip))
		return STACK_DONE;
	if (!answers_for(st, &a.target_ip, probe))
		return drop(st, COUNT_ARP_IGNORED);
	arp_output(st, a.sender_mac,
		   &(struct arp){
		       .op = ARP_REPLY,
		       .sender_mac = st->cfg.mac,
		       .sender_ip = a.target_ip,
		       .target_mac = a.sender_mac,
		       .target_ip = a.sender_ip,
		   });
	return STACK_DONE;
}

void
arp_probe(struct stack *st)
{
	const struct stack_net *net = &st->cfg.net[FAMILY_V4];

	arp_output(st, (struct mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		   &(struct arp){
		       .op = ARP_REQUEST,
		       .sender_mac = st->cfg.mac,
		       .sender_ip = net->gateway,
		       .target_ip = net->guest,
		   });
}
