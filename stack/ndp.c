/*
 * ndp.c - neighbour discovery: who is where, and who is the router (RFC 4861, RFC 4862, RFC 8106)
 *
 * As with ARP, the gateway's MAC is the answer for every address of the prefix that is not the guest's,
 * and the gateway keeps no cache.  Its own addresses it defends; those the guest tries are the guest's.
 * It is the only router: what others advertise or redirect is not heard.
 */
#include <assert.h>

#include "stack/internal.h"
#include "stack/ndp_wire.h"

#define RA_ROUTER_LIFETIME 5400u /* seconds: three of our intervals (RFC 4861 6.2.1) */
#define RA_VALID 2592000u        /* 30 days and 7 days: RFC 4861's defaults */
#define RA_PREFERRED 604800u
#define RA_MOST 384u /* bytes of one with the longest search list */

static const struct addr all_nodes = {{0xff, 0x02, [15] = 1}};

static struct mac
group_mac(const struct addr *group)
{
	return (struct mac){{0x33, 0x33, group->b[12], group->b[13], group->b[14], group->b[15]}};
}

/* --- out ------------------------------------------------------------------------------------------- */

static struct wr
message_open(struct transport *t, uint8_t type)
{
	struct wr w = wr_of(t->hdr, sizeof(t->hdr));

	*t = (struct transport){.csum_at = 2};
	wr_u8(&w, type);
	wr_u8(&w, 0);
	wr_u16(&w, 0);
	return w;
}

static void
message_send(struct stack *st, const struct mac *to, const struct addr *src, const struct addr *dst,
	     struct transport *t, const struct wr *w)
{
	struct ip ip = {.src = *src, .dst = *dst, .proto = IP_PROTO_ICMPV6, .ttl = TTL_NDP};

	assert(!w->bad);
	t->hlen = (uint8_t)(w->p - t->hdr);
	ip_output(st, to, &ip, t);
}

/* To the guest at MAC and address, or to all nodes when to is NULL: then nobody solicited it. */
static void
send_na(struct stack *st, const struct addr *target, const struct mac *to, const struct addr *dst)
{
	struct transport t;
	struct wr w = message_open(&t, ICMP6_NA);
	struct mac group = group_mac(&all_nodes);

	ndp_na_emit(&w, &(struct ndp_na){
			    .router = true,
			    .solicited = to != NULL,
			    .override = stack_is_ours(st, target), /* not for proxied ones: RFC 4861 7.2.8 */
			    .target = *target,
			    .has_tllao = true,
			    .tllao = st->cfg.mac,
			});
	message_send(st, to ? to : &group, target, to ? dst : &all_nodes, &t, &w);
}

static struct addr
prefix_of(const struct stack_net *net)
{
	struct addr p = {{0}};
	unsigned whole = net->plen / 8, part = net->plen % 8;

	memcpy(p.b, net->guest.b, whole);
	if (part)
		p.b[whole] = (uint8_t)(net->guest.b[whole] & 0xff00 >> part);
	return p;
}

/*
 * With DHCP on, M and O say so, and A is set all the same: a guest that speaks DHCPv6 takes the configured
 * address and is reached at that one, whatever else it makes itself; one that does not makes itself one, from
 * which it may send as well.  Without DHCP there is nobody to ask.  Only /64 leaves the 64 bits that an
 * interface identifier has (RFC 4862 5.5.3 d).
 */
static struct ndp_ra
advertisement(const struct stack *st)
{
	const struct stack_net *net = &st->cfg.net[FAMILY_V6];

	return (struct ndp_ra){
	    .hop_limit = TTL_DEFAULT,
	    .managed = st->cfg.dhcp,
	    .other = st->cfg.dhcp,
	    .router_lifetime = RA_ROUTER_LIFETIME,
	    .sllao = st->cfg.mac,
	    .mtu = st->out->lim.mtu,
	    .prefix = prefix_of(net),
	    .prefix_len = net->plen,
	    .autonomous = net->plen == 64,
	    .valid = RA_VALID,
	    .preferred = RA_PREFERRED,
	    .has_rdnss = !addr_is_unspecified(&net->dns),
	    .rdnss = net->dns,
	    .rdnss_lifetime = RA_ROUTER_LIFETIME,
	    .dnssl = view_of(st->cfg.search, st->cfg.search_len),
	    .dnssl_lifetime = RA_ROUTER_LIFETIME,
	};
}

/* Its options may be more than a transport header has room for, so they go as payload. */
static void
send_ra(struct stack *st, const struct mac *to, const struct addr *dst)
{
	struct ndp_ra ra = advertisement(st);
	struct transport t;
	struct wr head = message_open(&t, ICMP6_RA);
	uint8_t body[RA_MOST];
	struct wr w = wr_of(body, sizeof(body));

	ndp_ra_emit(&w, &ra);
	assert(!w.bad);

	struct view pay = view_of(body, (size_t)(w.p - body));

	t.pay = &pay;
	t.npay = 1;
	t.len = (uint32_t)pay.len;
	message_send(st, to, &st->link_local, dst, &t, &head);
	output_now(st);
}

void
ndp_advertise(struct stack *st)
{
	struct mac group = group_mac(&all_nodes);

	send_ra(st, &group, &all_nodes);
}

void
ndp_probe(struct stack *st)
{
	const struct addr *target = &st->cfg.net[FAMILY_V6].guest;
	struct addr dst = addr_solicited_node(target);
	struct mac group = group_mac(&dst);
	struct transport t;
	struct wr w = message_open(&t, ICMP6_NS);

	ndp_ns_emit(&w, &(struct ndp_ns){.target = *target, .has_sllao = true, .sllao = st->cfg.mac});
	message_send(st, &group, &st->link_local, &dst, &t, &w);
}

/* --- in -------------------------------------------------------------------------------------------- */

/* Do we speak for this address when a neighbour looks for it?  For all the prefix but the guest. */
static bool
answers_for(const struct stack *st, const struct addr *target, const struct addr *asker)
{
	const struct stack_net *net = &st->cfg.net[FAMILY_V6];

	if (stack_is_ours(st, target))
		return true;
	return addr_in_net(target, &net->guest, net->plen) && !addr_is_link_local(target) &&
	       !addr_eq(target, &net->guest) && !addr_eq(target, asker) &&
	       !addr_eq(target, &st->guest_heard[FAMILY_V6]);
}

/* Duplicate address detection (RFC 4862 5.4): ours are defended, all others are the guest's to take. */
static enum stack_result
dad_input(struct stack *st, const struct inbound *in, const struct ndp_ns *ns, usec_t now)
{
	struct addr group = addr_solicited_node(&ns->target);

	if (!addr_eq(&in->ip.dst, &group) || ns->has_sllao)
		return drop(st, COUNT_NDP_BAD);
	if (stack_is_ours(st, &ns->target)) {
		send_na(st, &ns->target, NULL, NULL);
		return STACK_DONE;
	}
	if (!stack_is_guest(st, &ns->target))
		return drop(st, COUNT_NDP_IGNORED);
	guest_seen(st, &ns->target, in->from, now);
	return STACK_DONE;
}

static enum stack_result
ns_input(struct stack *st, const struct inbound *in, struct view body, usec_t now)
{
	struct ndp_ns ns;

	if (!ndp_ns_parse(body, &ns))
		return drop(st, COUNT_NDP_BAD);
	if (addr_is_unspecified(&in->ip.src))
		return dad_input(st, in, &ns, now);
	/* One guest, one binding: nobody is spoken for but the frame's own sender. */
	if (ns.has_sllao && !mac_eq(ns.sllao, in->from))
		return drop(st, COUNT_NDP_IGNORED);
	if (!answers_for(st, &ns.target, &in->ip.src))
		return drop(st, COUNT_NDP_IGNORED);
	send_na(st, &ns.target, &in->from, &in->ip.src);
	return STACK_DONE;
}

static enum stack_result
na_input(struct stack *st, const struct inbound *in, struct view body, usec_t now)
{
	struct ndp_na na;

	/* RFC 4861 7.1.2 */
	if (!ndp_na_parse(body, &na) || (na.solicited && addr_is_multicast(&in->ip.dst)))
		return drop(st, COUNT_NDP_BAD);
	if (addr_is_unspecified(&in->ip.src) || !stack_is_guest(st, &na.target) ||
	    (na.has_tllao && !mac_eq(na.tllao, in->from)))
		return drop(st, COUNT_NDP_IGNORED);
	guest_seen(st, &na.target, in->from, now);
	return STACK_DONE;
}

static enum stack_result
rs_input(struct stack *st, const struct inbound *in, struct view body)
{
	bool anonymous = addr_is_unspecified(&in->ip.src);
	struct ndp_rs rs;

	/* RFC 4861 6.1.1 */
	if (!ndp_rs_parse(body, &rs) || (anonymous && rs.has_sllao))
		return drop(st, COUNT_NDP_BAD);
	if (rs.has_sllao && !mac_eq(rs.sllao, in->from))
		return drop(st, COUNT_NDP_IGNORED);
	if (anonymous)
		ndp_advertise(st);
	else
		send_ra(st, &in->from, &in->ip.src);
	return STACK_DONE;
}

enum stack_result
ndp_input(struct stack *st, const struct inbound *in, struct view msg, usec_t now)
{
	struct rd r = rd_of(msg);
	uint8_t type = rd_u8(&r);
	uint8_t code = rd_u8(&r);

	rd_u16(&r); /* the checksum is right */

	struct view body = rd_rest(&r);

	/* in->f: reassembled messages are not heard (RFC 6980 5). */
	if (in->ip.ttl != TTL_NDP || code != 0 || !in->f)
		return drop(st, COUNT_NDP_BAD);
	switch (type) {
	case ICMP6_NS:
		return ns_input(st, in, body, now);
	case ICMP6_NA:
		return na_input(st, in, body, now);
	case ICMP6_RS:
		return rs_input(st, in, body);
	default:
		return drop(st, COUNT_NDP_IGNORED);
	}
}
