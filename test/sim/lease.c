/*
 * lease.c - a guest that has no addresses, asks for them, and uses what it is told
 *
 * IPv4: DISCOVER, OFFER, REQUEST, ACK (RFC 2131); some remember an address of another network first, and must be told no.  IPv6: a
 * solicitation, the router's advertisement, and as that says so DHCPv6 (RFC 8415).  Until both are there nothing else happens in such a world; from
 * then on its addresses, its router and its name server are those that it was told.  Half way through a lease it is extended.
 *
 * What it is told is what the gateway is configured to say, always the same, and nothing that contradicts itself.
 */
#include <stdlib.h>

#include "stack/dhcp6_wire.h"
#include "stack/dhcp_wire.h"
#include "stack/eth_wire.h"
#include "stack/ndp_wire.h"
#include "test/sim/inside.h"

#define AGAIN (4 * USEC_PER_SEC)
#define TRIES 16u /* a wire that is bad, not dead, lets one of three through */

static const uint8_t duid[] = {0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const struct addr link_local = {{0xfe, 0x80, [8] = 0x50, [9] = 0x54, [10] = 0, [11] = 0xff,
					[12] = 0xfe, [13] = 0x12, [14] = 0x34, [15] = 0x56}};

/* --- what the guest says ---------------------------------------------------------------------------------------- */

static void
send(struct sim *s, size_t len)
{
	struct parcel *p = wire_new(s->buf, len, NULL);

	p->delicate = true;
	wire_up(s, p);
}

static void
ask4(struct sim *s, struct lease *l)
{
	static const struct mac everybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	bool extends = l->state == LEASE_HELD;
	struct craft c = bed_craft(s->bed, extends ? &l->server : &(struct addr){{0}});
	struct dhcp q = {
	    .xid = l->xid, .chaddr = s->bed->wire.guest, .client_id = view_of("\1sim", 4), .max_size = 1500};
	uint8_t msg[1500];
	struct wr w = wr_of(msg, sizeof(msg));

	q.type = l->state == LEASE_NONE ? DHCP_DISCOVER : DHCP_REQUEST;
	if (extends) {
		q.ciaddr = l->addr; /* RFC 2131 4.3.2: and neither of the other two */
	} else {
		c.src = addr_v4(0);
		c.dst = addr_v4(UINT32_MAX);
		c.dst_mac = everybody;
		q.requested = l->state == LEASE_REMEMBERED ? addr_v4(0xc0a84d4d) : l->addr;
		if (l->state == LEASE_OFFERED)
			q.server = l->server;
	}
	dhcp_emit(&w, &q);
	send(s, craft_udp(s->buf, &c, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, view_of(msg, (size_t)(w.p - msg))));
}

static void
solicit(struct sim *s)
{
	static const struct addr routers = {{0xff, 2, [15] = 2}};
	struct craft c = bed_craft(s->bed, &routers);
	uint8_t body[8];
	struct wr w = wr_of(body, sizeof(body));

	c.src = link_local;
	c.dst_mac = (struct mac){{0x33, 0x33, 0, 0, 0, 2}};
	c.ttl = 255;
	wr_u16(&w, 0x0101);
	wr_bytes(&w, s->bed->wire.guest.b, 6);
	send(s, craft_icmp(s->buf, &c, &(struct icmp){.type = ICMP6_RS}, view_of(body, sizeof(body))));
}

static void
ask6(struct sim *s, struct lease *l)
{
	static const struct addr servers = {{0xff, 2, [13] = 1, [15] = 2}};
	struct craft c = bed_craft(s->bed, &servers);
	struct dhcp6 q = {.xid = l->xid & 0xffffff, .client_id = view_of(duid, sizeof(duid)), .nia = 1};
	uint8_t msg[1200];
	struct wr w = wr_of(msg, sizeof(msg));

	if (!s->advertised) {
		solicit(s);
		return;
	}
	c.src = link_local;
	c.dst_mac = (struct mac){{0x33, 0x33, 0, 1, 0, 2}};
	q.type = l->state == LEASE_NONE      ? DHCP6_SOLICIT
		 : l->state == LEASE_OFFERED ? DHCP6_REQUEST
					     : DHCP6_RENEW;
	q.ia[0] = (struct dhcp6_ia){.kind = DHCP6_OPT_IA_NA, .iaid = 7};
	if (l->state != LEASE_NONE) {
		q.server_id = view_of(l->server_id, l->nserver_id);
		q.ia[0].naddr = 1;
		q.ia[0].addr[0].addr = l->addr;
	}
	dhcp6_emit(&w, &q);
	send(s,
	     craft_udp(s->buf, &c, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, view_of(msg, (size_t)(w.p - msg))));
}

static void
ask(struct sim *s, enum family fam)
{
	struct lease *l = &s->lease[fam];

	if (l->tries++ == 0)
		l->xid = (uint32_t)luck_next(&s->lease_luck);
	l->again_at = sim_now(s) + AGAIN;
	sim_say(s, "guest  asks for its address of IPv%d, try %u", fam == FAMILY_V4 ? 4 : 6, l->tries);
	if (l->tries > TRIES)
		sim_complain(s, "nobody tells the guest its address of IPv%d", fam == FAMILY_V4 ? 4 : 6);
	else if (fam == FAMILY_V4)
		ask4(s, l);
	else
		ask6(s, l);
}

/* --- what it is told ---------------------------------------------------------------------------------------------- */

/* The next question, at once. */
static void
step(struct sim *s, enum family fam, enum lease_state state)
{
	s->lease[fam].state = state;
	s->lease[fam].tries = 0;
	if (state != LEASE_HELD)
		ask(s, fam);
}

static void
held(struct sim *s, enum family fam, uint32_t t1)
{
	struct lease *l = &s->lease[fam];

	if (l->state == LEASE_HELD)
		s->res.renewed++;
	else
		s->res.leased++;
	sim_say(s, "guest  has an address of IPv%d", fam == FAMILY_V4 ? 4 : 6);
	s->bed->guest[fam] = l->addr;
	step(s, fam, LEASE_HELD);
	l->again_at = sim_now(s) + (usec_t)t1 * USEC_PER_SEC;
	if (fam == FAMILY_V4)
		guest_greet(s);
}

void
lease_hear4(struct sim *s, struct view v)
{
	const struct stack_net *net = &s->bed->gw->stack.cfg.net[FAMILY_V4];
	struct lease *l = &s->lease[FAMILY_V4];
	struct dhcp a;

	if (!dhcp_parse(v, &a) || !a.reply || !mac_eq(a.chaddr, s->bed->wire.guest)) {
		sim_complain(s, "an answer of DHCP that is none");
		return;
	}
	if (a.xid != l->xid || l->tries == 0)
		return; /* to what was asked before */
	if (a.type == DHCP_NAK) {
		if (l->state != LEASE_REMEMBERED)
			sim_complain(s, "the guest is refused the address that it was given");
		s->res.lease_refused++;
		step(s, FAMILY_V4, LEASE_NONE);
		return;
	}
	if (l->state == LEASE_REMEMBERED || !addr_eq(&a.yiaddr, &net->guest) || a.mtu != s->conf.lim.mtu ||
	    a.t1 == 0 || a.t1 >= a.t2 || a.t2 >= a.lease || !addr_in_net(&a.router, &a.yiaddr, net->plen)) {
		sim_complain(s, "the guest is told another address than is its own, or contradictions");
		return;
	}
	l->addr = a.yiaddr;
	l->server = a.server;
	s->bed->gateway[FAMILY_V4] = a.router;
	s->dns[FAMILY_V4] = a.dns;
	if (a.type == DHCP_OFFER && l->state == LEASE_NONE)
		step(s, FAMILY_V4, LEASE_OFFERED);
	else if (a.type == DHCP_ACK && l->state != LEASE_NONE)
		held(s, FAMILY_V4, a.t1);
}

void
lease_hear6(struct sim *s, struct view v)
{
	const struct stack_net *net = &s->bed->gw->stack.cfg.net[FAMILY_V6];
	struct lease *l = &s->lease[FAMILY_V6];
	struct dhcp6 a;

	if (!dhcp6_parse(v, &a) || a.client_id.len != sizeof(duid) ||
	    a.server_id.len > sizeof(l->server_id)) {
		sim_complain(s, "an answer of DHCPv6 that is none");
		return;
	}
	if (a.xid != (l->xid & 0xffffff) || l->tries == 0 || !s->advertised)
		return;
	const struct dhcp6_ia *ia = &a.ia[0];
	if (a.nia != 1 || ia->iaid != 7 || ia->naddr != 1 || !addr_eq(&ia->addr[0].addr, &net->guest) ||
	    ia->t1 == 0 || ia->t1 > ia->t2 || ia->t2 > ia->addr[0].preferred ||
	    ia->addr[0].preferred > ia->addr[0].valid) {
		sim_complain(s,
			     "the guest is told another address of IPv6 than is its own, or contradictions");
		return;
	}
	l->addr = ia->addr[0].addr;
	l->nserver_id = (uint8_t)a.server_id.len;
	if (a.server_id.len)
		memcpy(l->server_id, a.server_id.p, a.server_id.len);
	if (a.has_dns && !addr_eq(&a.dns, &s->dns[FAMILY_V6]))
		sim_complain(s, "the router and DHCPv6 tell of two name servers");
	if (a.type == DHCP6_ADVERTISE && l->state == LEASE_NONE)
		step(s, FAMILY_V6, LEASE_OFFERED);
	else if (a.type == DHCP6_REPLY && l->state != LEASE_NONE)
		held(s, FAMILY_V6, ia->t1);
}

void
lease_hear_router(struct sim *s, struct view v)
{
	const struct stack_net *net = &s->bed->gw->stack.cfg.net[FAMILY_V6];
	struct ndp_ra ra;

	if (!ndp_ra_parse(v, &ra) || !mac_eq(ra.sllao, s->bed->wire.gateway) || !ra.managed ||
	    !ra.has_rdnss || ra.router_lifetime == 0 || ra.mtu != s->conf.lim.mtu ||
	    ra.preferred > ra.valid || !addr_in_net(&ra.prefix, &net->guest, net->plen) ||
	    ra.prefix_len != net->plen) {
		sim_complain(s, "a router advertisement of something else");
		return;
	}
	s->dns[FAMILY_V6] = ra.rdnss;
	if (s->advertised)
		return;
	s->advertised = true;
	step(s, FAMILY_V6, LEASE_NONE);
}

/* --- time ------------------------------------------------------------------------------------------------------------ */

void
lease_begin(struct sim *s)
{
	for (enum family f = FAMILY_V4; f < FAMILIES; f++) {
		s->dns[f] = s->bed->gw->stack.cfg.net[f].dns;
		s->lease[f] = (struct lease){.again_at = TIME_NEVER};
		if (!sim_has(s, SIM_LEASE))
			continue;
		s->bed->guest[f] = s->dns[f] = f == FAMILY_V4 ? addr_v4(0) : (struct addr){{0}};
		if (f == FAMILY_V4)
			s->bed->gateway[f] = addr_v4(0);
	}
	if (!sim_has(s, SIM_LEASE))
		return;
	if (luck_in(&s->lease_luck, 1, 4))
		s->lease[FAMILY_V4].state = LEASE_REMEMBERED;
	ask(s, FAMILY_V4);
	ask(s, FAMILY_V6);
}

bool
lease_is_held(const struct sim *s)
{
	return !sim_has(s, SIM_LEASE) ||
	       (s->lease[FAMILY_V4].state == LEASE_HELD && s->lease[FAMILY_V6].state == LEASE_HELD);
}

void
lease_act(struct sim *s)
{
	for (enum family f = FAMILY_V4; f < FAMILIES; f++)
		if (s->lease[f].again_at <= sim_now(s))
			ask(s, f);
}

usec_t
lease_next(const struct sim *s)
{
	return time_min(s->lease[FAMILY_V4].again_at, s->lease[FAMILY_V6].again_at);
}

void
lease_finish(struct sim *s)
{
	if (!sim_has(s, SIM_LEASE))
		return;
	uint64_t before = s->res.renewed;
	usec_t until = time_min(s->lease[FAMILY_V4].again_at, s->lease[FAMILY_V6].again_at);
	until = until + 600 * USEC_PER_SEC;
	sim_say(s, "the guest's leases are half over");
	sim_until(s, until);
	if (!sim_is_wrong(s) && s->res.renewed < before + 2)
		sim_complain(s, "the guest's leases are not extended");
	sim_talk(s, &(struct sim_talk_conf){.fam = luck_in(&s->lease_luck, 1, 2) ? FAMILY_V6 : FAMILY_V4,
					    .up = 100,
					    .down = 100,
					    .guest.ends = SIM_ENDS_FIRST});
}
