/*
 * dhcp.c - the gateway as DHCP server of its one guest (RFC 2131)
 *
 * There is one guest and one address, the configured one: nothing is allocated, nothing is remembered, and each
 * answer follows from the question alone.  Who asks for the address gets it, again and again; who asks for
 * another one is told no and begins anew (a guest that is restored elsewhere takes its new address).
 *
 * Mask, router, name server and MTU are always told; the rest if the client lists it, or has no list.  A guest
 * that does not know the MTU of its link loses packets, so that one is not left to its list.  Classless routes
 * come beside the router option, not instead of it (RFC 3442 would rather save the room): the guest may hand
 * the first on to a script that only knows the second.
 */
#include <assert.h>

#include "stack/dhcp_wire.h"
#include "stack/internal.h"

#define LEASE 86400u /* seconds; T1 and T2 are a half and seven eighths of it (RFC 2131 4.4.5) */

#define SIZE_MIN 576u   /* the IP packet that every client takes (RFC 2132 9.10) */
#define SIZE_MOST 1280u /* more than all the options take at their longest */

/* --- which packets --------------------------------------------------------------------------------- */

/*
 * A client without an address has 0.0.0.0.  One that extends a lease has the leased address, which may be one
 * that it was given elsewhere: then it is told so.
 */
static bool
is_client(const struct stack *st, const struct addr *a)
{
	return addr_is_unspecified(a) || (!addr_is_multicast(a) && !addr_is_loopback(a) &&
					  !addr_is_reserved(a) && !stack_is_ours(st, a));
}

bool
dhcp_claims(const struct stack *st, const struct inbound *in, const struct udp *h)
{
	bool to_us = !in->to_group && addr_eq(&in->ip.dst, &st->cfg.net[FAMILY_V4].gateway);

	return h->sport == DHCP_CLIENT_PORT && h->dport == DHCP_SERVER_PORT &&
	       (to_us || addr_is_broadcast(&in->ip.dst)) && is_client(st, &in->ip.src);
}

/* --- what is said ---------------------------------------------------------------------------------- */

static uint32_t
mask_of(const struct stack_net *net)
{
	return net->plen ? UINT32_MAX << (32 - net->plen) : 0;
}

/* The first of the search domains as text. */
static struct view
domain_text(const struct stack_config *cfg, uint8_t text[sizeof(cfg->search)])
{
	struct rd r = rd_of(view_of(cfg->search, cfg->search_len));
	struct wr w = wr_of(text, sizeof(cfg->search));

	for (struct view label; (label = rd_take(&r, rd_u8(&r))).len > 0;) {
		if (w.p > text)
			wr_u8(&w, '.');
		wr_bytes(&w, label.p, label.len);
	}
	return view_of(text, (size_t)(w.p - text));
}

/* RFC 3442: everything by way of the gateway; where that is outside of the subnet, first the way to it. */
static void
tell_routes(const struct stack_net *net, struct dhcp *a)
{
	if (!addr_in_net(&net->gateway, &net->guest, net->plen))
		a->route[a->nroute++] = (struct dhcp_route){net->gateway, 32, addr_v4(0)};
	a->route[a->nroute++] = (struct dhcp_route){addr_v4(0), 0, net->gateway};
}

static void
tell_network(const struct stack *st, const struct dhcp *q, struct dhcp *a)
{
	const struct stack_net *net = &st->cfg.net[FAMILY_V4];

	a->mask = addr_v4(mask_of(net));
	a->router = net->gateway;
	a->dns = net->dns;
	a->mtu = (uint16_t)st->out->lim.mtu;
	/* Two hosts share a /31 without a broadcast address (RFC 3021). */
	if (dhcp_wants(q, DHCP_OPT_BROADCAST) && net->plen < 31)
		a->broadcast_addr = addr_v4(addr_to_v4(&net->guest) | ~mask_of(net));
	if (dhcp_wants(q, DHCP_OPT_ROUTES))
		tell_routes(net, a);
	if (dhcp_wants(q, DHCP_OPT_HOSTNAME))
		for (a->hostname.p = (const uint8_t *)st->cfg.hostname; a->hostname.p[a->hostname.len];)
			a->hostname.len++;
	if (dhcp_wants(q, DHCP_OPT_SEARCH))
		a->search = view_of(st->cfg.search, st->cfg.search_len);
}

/* --- how it is sent -------------------------------------------------------------------------------- */

/*
 * RFC 2131 4.1, less what relays need: to all when the client says that it must be so, or is told that its
 * address is wrong; otherwise to the address that is the guest's, which is not asked for by ARP.
 */
static void
answer(struct stack *st, const struct inbound *in, const struct dhcp *q, struct dhcp *a, usec_t now)
{
	static const struct mac everybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	const struct stack_net *net = &st->cfg.net[FAMILY_V4];
	bool to_all = a->type == DHCP_NAK || (q->broadcast && addr_is_unspecified(&q->ciaddr));
	struct endpoint src = {net->gateway, DHCP_SERVER_PORT}, dst = {net->guest, DHCP_CLIENT_PORT};
	uint8_t bytes[SIZE_MOST];
	uint32_t size = q->max_size > SIZE_MIN ? q->max_size : SIZE_MIN;

	size = size < st->out->lim.mtu ? size : st->out->lim.mtu;
	struct wr w = wr_of(bytes, min_size(size, SIZE_MOST) - IP4_HLEN - UDP_HLEN);

	a->reply = true;
	a->xid = q->xid;
	a->broadcast = q->broadcast;
	a->chaddr = q->chaddr;
	a->server = net->gateway;
	a->client_id = q->client_id; /* RFC 6842 3 */
	dhcp_emit(&w, a);
	assert(!w.bad);
	if (to_all)
		dst.addr = addr_v4(UINT32_MAX);
	guest_lock(st, in->from, now);
	udp_output(st, to_all ? &everybody : &in->from, &src, &dst, view_of(bytes, (size_t)(w.p - bytes)));
	st->count[COUNT_DHCP_ANSWERED]++;
}

/* An offer, or the lease itself; or what INFORM asks for, which has no lease (RFC 2131 4.3.5). */
static void
answer_with(struct stack *st, const struct inbound *in, const struct dhcp *q, enum dhcp_type type, usec_t now)
{
	uint8_t text[sizeof(st->cfg.search)];
	struct dhcp a = {.type = (uint8_t)type, .ciaddr = q->ciaddr};

	if (type == DHCP_OFFER)
		a.ciaddr = addr_v4(0); /* RFC 2131 table 3 */
	if (q->type != DHCP_INFORM) {
		a.yiaddr = st->cfg.net[FAMILY_V4].guest;
		a.lease = LEASE;
		a.t1 = LEASE / 2;
		a.t2 = LEASE / 8 * 7;
		a.rapid_commit = q->type == DHCP_DISCOVER && type == DHCP_ACK;
		st->leased[FAMILY_V4] |= type == DHCP_ACK;
	}
	tell_network(st, q, &a);
	if (dhcp_wants(q, DHCP_OPT_DOMAIN))
		a.domain = domain_text(&st->cfg, text);
	answer(st, in, q, &a, now);
}

static void
refuse(struct stack *st, const struct inbound *in, const struct dhcp *q, usec_t now)
{
	static const char why[] = "not the address of this guest";

	answer(st, in, q, &(struct dhcp){.type = DHCP_NAK, .message = view_of(why, sizeof(why) - 1)}, now);
}

/* --- what is asked --------------------------------------------------------------------------------- */

/*
 * RFC 2131 4.3.2.  A request names the address in an option when the client has just been offered it (then
 * with the server's name) or remembers it, and in ciaddr when it is in use and the lease is to be extended.
 */
static enum stack_result
request_input(struct stack *st, const struct inbound *in, const struct dhcp *q, usec_t now)
{
	const struct stack_net *net = &st->cfg.net[FAMILY_V4];
	bool in_use = !addr_is_unspecified(&q->ciaddr);
	const struct addr *address = in_use ? &q->ciaddr : &q->requested;

	if (!addr_is_unspecified(&q->server) && !addr_eq(&q->server, &net->gateway))
		return drop(st, COUNT_DHCP_IGNORED); /* it chose somebody else */
	if (addr_is_unspecified(address))
		return drop(st, COUNT_DHCP_BAD);
	if (addr_eq(address, &net->guest))
		answer_with(st, in, q, DHCP_ACK, now);
	else
		refuse(st, in, q, now);
	return STACK_DONE;
}

static enum stack_result
discover_input(struct stack *st, const struct inbound *in, struct dhcp *q, usec_t now)
{
	q->ciaddr = addr_v4(0); /* RFC 2131 table 5: it has none */
	answer_with(st, in, q, q->rapid_commit ? DHCP_ACK : DHCP_OFFER, now);
	return STACK_DONE;
}

enum stack_result
dhcp_input(struct stack *st, const struct inbound *in, struct view msg, usec_t now)
{
	const struct addr *src = &in->ip.src;
	struct dhcp q;

	if (!dhcp_parse(msg, &q))
		return drop(st, COUNT_DHCP_BAD);
	/* In the guest's own name, not through a relay, and from an address it can tell. */
	if (q.reply || !mac_eq(q.chaddr, in->from) || !addr_is_unspecified(&q.giaddr) ||
	    (!addr_is_unspecified(src) && !stack_is_guest(st, src) && !addr_eq(src, &q.ciaddr)))
		return drop(st, COUNT_DHCP_IGNORED);
	switch (q.type) {
	case DHCP_DISCOVER:
		return discover_input(st, in, &q, now);
	case DHCP_REQUEST:
		return request_input(st, in, &q, now);
	case DHCP_INFORM:
		if (!addr_eq(&q.ciaddr, &st->cfg.net[FAMILY_V4].guest))
			return drop(st, COUNT_DHCP_IGNORED);
		answer_with(st, in, &q, DHCP_ACK, now);
		return STACK_DONE;
	case DHCP_RELEASE:
	case DHCP_DECLINE:
		return STACK_DONE; /* there is no other guest to give it to, and no other address to give */
	default:
		return drop(st, COUNT_DHCP_IGNORED);
	}
}
