/*
 * dns_udp.c - the guest's datagrams for port 53, and what is said to them
 *
 * A datagram to the gateway's DNS address is for the gateway.  One to any other address is for a nameserver that the
 * guest chose itself: that is a destination like others, and judged as one.
 */
#include "proxy/dns_int.h"

bool
dns_udp_may_go_on(struct sluice *gw, const struct tuple *t, usec_t now)
{
	struct judgment j;

	judge(gw, t, NULL, &j);
	if (j.verdict == VERDICT_ALLOW)
		return true;
	j.reason = SLUICE_REASON_RELOAD;
	judge_refused(gw, t, NULL, NULL, &j);
	if (j.verdict != VERDICT_DROP)
		stack_send_error_flow(&gw->stack, ICMP_ERR_PROHIBITED, 0,
				      &gw->stack.cfg.net[addr_family(&t->guest.addr)].gateway, t, 0, now);
	return false;
}

static bool
may_ask_there(struct sluice *gw, const struct tuple *t, const struct packet *pkt, usec_t now)
{
	const struct addr *gateway = &gw->stack.cfg.net[addr_family(&pkt->src)].gateway;
	struct judgment j;

	if (dial_is_dns(gw, &t->remote.addr))
		return true;
	judge(gw, t, NULL, &j);
	if (j.verdict == VERDICT_ALLOW)
		return true;
	judge_refused(gw, t, NULL, NULL, &j);
	if (j.verdict != VERDICT_DROP)
		stack_send_error(&gw->stack, ICMP_ERR_PROHIBITED, 0, gateway, pkt->net, now);
	return false;
}

void
dns_udp_input(struct sluice *gw, struct packet *pkt, usec_t now)
{
	const struct dns_from from = {
	    .t = {{pkt->src, pkt->udp.sport}, {pkt->dst, pkt->udp.dport}, IP_PROTO_UDP}};

	if (!may_ask_there(gw, &from.t, pkt, now))
		return;

	/* A datagram's payload is one view (stack/ip_input.c). */
	struct view all = pkt->npay ? pkt->pay[0] : view_of(NULL, 0);
	size_t piece = pkt->off.gso_type == GSO_UDP_L4 && pkt->off.gso_size ? pkt->off.gso_size : all.len;
	for (size_t at = 0; at < all.len; at += piece)
		dns_ask(gw, &from, view_of(all.p + at, all.len - at < piece ? all.len - at : piece), now);
}

void
dns_udp_say(struct sluice *gw, const struct dns_from *from, size_t len)
{
	struct view msg = view_of(gw->dns->out + DNS_TCP_PREFIX, len);

	stack_send_udp(&gw->stack, &from->t.remote, &from->t.guest, &msg, 1, 0, 0, 0);
}
