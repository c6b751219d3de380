/*
 * dhcp6.c - the gateway as DHCPv6 server of its one guest (RFC 8415)
 *
 * As with DHCPv4 there is one address to give, the configured one, and nothing is remembered: it goes to the
 * association that names it, else to the first one of the message; the others get nothing.  So a guest that
 * makes an association of a new number takes the same address again.
 */
#include <assert.h>

#include "stack/dhcp6_wire.h"
#include "stack/internal.h"

#define LEASE 86400u /* seconds, of an address and of what is told without one */

#define REPLY_MAX (1280u - IP6_HLEN - UDP_HLEN) /* what every link carries whole (RFC 8200 5) */

static const struct addr all_servers = {{0xff, 0x02, [13] = 1, [15] = 2}}; /* RFC 8415 7.1 */

bool
dhcp6_claims(const struct stack *st, const struct inbound *in, const struct udp *h)
{
	const struct addr *src = &in->ip.src, *dst = &in->ip.dst;

	return h->dport == DHCP6_SERVER_PORT && addr_is_link_local(src) && stack_is_guest(st, src) &&
	       (addr_eq(dst, &all_servers) || (!in->to_group && addr_eq(dst, &st->link_local)));
}

/* --- what is said ---------------------------------------------------------------------------------- */

/* DUID-LL of our MAC (RFC 8415 11.4): the same whenever the gateway is started. */
static struct view
server_duid(const struct stack *st, uint8_t buf[10])
{
	struct wr w = wr_of(buf, 10);

	wr_u16(&w, 3);
	wr_u16(&w, 1); /* Ethernet */
	wr_bytes(&w, st->cfg.mac.b, sizeof(st->cfg.mac.b));
	return view_of(buf, 10);
}

static bool
is_for_us(const struct stack *st, const struct dhcp6 *q)
{
	uint8_t buf[10];
	struct view ours = server_duid(st, buf);

	return q->server_id.len == ours.len && memcmp(q->server_id.p, ours.p, ours.len) == 0;
}

static void
answer(struct stack *st, const struct inbound *in, const struct dhcp6 *q, const struct dhcp6 *what,
       usec_t now)
{
	struct endpoint src = {st->link_local, DHCP6_SERVER_PORT}, dst = {in->ip.src, DHCP6_CLIENT_PORT};
	uint8_t bytes[REPLY_MAX], duid[10];
	struct wr w = wr_of(bytes, sizeof(bytes));
	struct dhcp6 a = *what;

	a.xid = q->xid;
	a.client_id = q->client_id;
	a.server_id = server_duid(st, duid);
	dhcp6_emit(&w, &a);
	assert(!w.bad);
	guest_lock(st, in->from, now);
	udp_output(st, &in->from, &src, &dst, view_of(bytes, (size_t)(w.p - bytes)));
	st->count[COUNT_DHCP_ANSWERED]++;
}

static enum stack_result
answer_status(struct stack *st, const struct inbound *in, const struct dhcp6 *q, enum dhcp6_status status,
	      usec_t now)
{
	struct dhcp6 a = {.type = DHCP6_REPLY, .has_status = true, .status = (uint16_t)status};

	answer(st, in, q, &a, now);
	return STACK_DONE;
}

static void
tell_network(const struct stack *st, const struct dhcp6 *q, struct dhcp6 *a)
{
	if (dhcp6_wants(q, DHCP6_OPT_DNS)) {
		a->has_dns = true;
		a->dns = st->cfg.net[FAMILY_V6].dns;
	}
	if (dhcp6_wants(q, DHCP6_OPT_SEARCH))
		a->search = view_of(st->cfg.search, st->cfg.search_len);
}

/* --- associations ---------------------------------------------------------------------------------- */

static bool
names(const struct dhcp6_ia *ia, const struct addr *a)
{
	for (unsigned i = 0; i < ia->naddr; i++)
		if (addr_eq(&ia->addr[i].addr, a))
			return true;
	return false;
}

/* Which association of q has the guest's address, or gets it?  q->nia: none. */
static unsigned
guest_ia(const struct stack *st, const struct dhcp6 *q)
{
	unsigned first = q->nia;

	for (unsigned i = q->nia; i-- > 0;)
		if (q->ia[i].kind == DHCP6_OPT_IA_NA)
			first = i;
	for (unsigned i = 0; i < q->nia; i++)
		if (q->ia[i].kind == DHCP6_OPT_IA_NA && names(&q->ia[i], &st->cfg.net[FAMILY_V6].guest))
			return i;
	return first;
}

static bool
is_extension(const struct dhcp6 *q)
{
	return q->type == DHCP6_RENEW || q->type == DHCP6_REBIND;
}

static void
set_status(struct dhcp6_ia *ia, enum dhcp6_status status)
{
	ia->has_status = true;
	ia->status = (uint16_t)status;
}

/* The lease.  Addresses that the client holds beside it, and must not, end (RFC 8415 18.3.4, 18.3.5). */
static void
grant(const struct stack *st, const struct dhcp6 *q, const struct dhcp6_ia *asked, struct dhcp6_ia *ia)
{
	const struct addr *guest = &st->cfg.net[FAMILY_V6].guest;

	ia->t1 = LEASE / 2;
	ia->t2 = LEASE / 5 * 4; /* RFC 8415 21.4 */
	ia->addr[ia->naddr++] = (struct dhcp6_addr){*guest, LEASE, LEASE};
	for (unsigned i = 0; is_extension(q) && i < asked->naddr && ia->naddr < DHCP6_ADDRS; i++)
		if (!addr_eq(&asked->addr[i].addr, guest))
			ia->addr[ia->naddr++] = (struct dhcp6_addr){.addr = asked->addr[i].addr};
}

static unsigned
off_link(const struct stack *st, const struct dhcp6_ia *ia)
{
	const struct stack_net *net = &st->cfg.net[FAMILY_V6];
	unsigned n = 0;

	for (unsigned i = 0; i < ia->naddr; i++)
		n += !addr_in_net(&ia->addr[i].addr, &net->guest, net->plen);
	return n;
}

static enum dhcp6_status
refusal(const struct dhcp6 *q, const struct dhcp6_ia *ia)
{
	if (is_extension(q))
		return DHCP6_NO_BINDING;
	return ia->kind == DHCP6_OPT_IA_PD ? DHCP6_NO_PREFIX_AVAIL : DHCP6_NO_ADDRS_AVAIL;
}

/* Advertise or Reply to who wants addresses, or wants to keep them. */
static enum stack_result
assign(struct stack *st, const struct inbound *in, const struct dhcp6 *q, enum dhcp6_type type, usec_t now)
{
	unsigned chosen = guest_ia(st, q);
	struct dhcp6 a = {
	    .type = (uint8_t)type,
	    .rapid_commit = q->type == DHCP6_SOLICIT && type == DHCP6_REPLY,
	    .has_preference = type == DHCP6_ADVERTISE,
	    .preference = 255, /* there is no other server to wait for (RFC 8415 18.2.1) */
	    .nia = q->nia,
	};

	for (unsigned i = 0; i < q->nia; i++) {
		struct dhcp6_ia *ia = &a.ia[i];

		ia->kind = q->ia[i].kind;
		ia->iaid = q->ia[i].iaid;
		if (q->type == DHCP6_REQUEST && off_link(st, &q->ia[i]) > 0)
			set_status(ia, DHCP6_NOT_ON_LINK); /* RFC 8415 18.3.2 */
		else if (i != chosen)
			set_status(ia, refusal(q, ia));
		else
			grant(st, q, &q->ia[i], ia);
		st->leased[FAMILY_V6] |= ia->naddr > 0 && type == DHCP6_REPLY;
	}
	tell_network(st, q, &a);
	answer(st, in, q, &a, now);
	return STACK_DONE;
}

/* RFC 8415 18.3.3: are the addresses of this link?  Who names none is not answered. */
static enum stack_result
confirm(struct stack *st, const struct inbound *in, const struct dhcp6 *q, usec_t now)
{
	unsigned all = 0, elsewhere = 0;

	for (unsigned i = 0; i < q->nia; i++) {
		all += q->ia[i].naddr;
		elsewhere += off_link(st, &q->ia[i]);
	}
	if (all == 0)
		return drop(st, COUNT_DHCP_IGNORED);
	return answer_status(st, in, q, elsewhere ? DHCP6_NOT_ON_LINK : DHCP6_SUCCESS, now);
}

/* RFC 8415 18.3.7, 18.3.8: there is no other guest to give it to, and no other address to give. */
static enum stack_result
give_back(struct stack *st, const struct inbound *in, const struct dhcp6 *q, usec_t now)
{
	struct dhcp6 a = {.type = DHCP6_REPLY, .has_status = true, .status = DHCP6_SUCCESS};

	for (unsigned i = 0; i < q->nia; i++) {
		const struct dhcp6_ia *ia = &q->ia[i];

		if (ia->kind == DHCP6_OPT_IA_NA && names(ia, &st->cfg.net[FAMILY_V6].guest))
			continue;
		a.ia[a.nia] = (struct dhcp6_ia){.kind = ia->kind, .iaid = ia->iaid};
		set_status(&a.ia[a.nia++], DHCP6_NO_BINDING);
	}
	answer(st, in, q, &a, now);
	return STACK_DONE;
}

/* RFC 8415 18.3.6 */
static enum stack_result
inform(struct stack *st, const struct inbound *in, const struct dhcp6 *q, usec_t now)
{
	struct dhcp6 a = {.type = DHCP6_REPLY};

	tell_network(st, q, &a);
	a.has_refresh = dhcp6_wants(q, DHCP6_OPT_REFRESH);
	a.refresh = LEASE;
	answer(st, in, q, &a, now);
	return STACK_DONE;
}

/* --- what is asked --------------------------------------------------------------------------------- */

enum need { MAY, MUST, MUST_NOT };

/* RFC 8415 16: what each message must have, and must not. */
static const struct rule {
	bool known;
	enum need client_id, server_id, ia;
	bool may_be_unicast; /* would be, had the client been told so */
} rules[DHCP6_INFORMATION_REQUEST + 1] = {
    [DHCP6_SOLICIT] = {true, MUST, MUST_NOT, MAY, false},
    [DHCP6_REQUEST] = {true, MUST, MUST, MAY, true},
    [DHCP6_CONFIRM] = {true, MUST, MUST_NOT, MAY, false},
    [DHCP6_RENEW] = {true, MUST, MUST, MAY, true},
    [DHCP6_REBIND] = {true, MUST, MUST_NOT, MAY, false},
    [DHCP6_RELEASE] = {true, MUST, MUST, MAY, true},
    [DHCP6_DECLINE] = {true, MUST, MUST, MAY, true},
    [DHCP6_INFORMATION_REQUEST] = {true, MAY, MAY, MUST_NOT, false},
};

static bool
meets(enum need need, bool there)
{
	return need == MAY || there == (need == MUST);
}

static enum stack_result
dispatch(struct stack *st, const struct inbound *in, const struct dhcp6 *q, usec_t now)
{
	switch (q->type) {
	case DHCP6_SOLICIT:
		return assign(st, in, q, q->rapid_commit ? DHCP6_REPLY : DHCP6_ADVERTISE, now);
	case DHCP6_REQUEST:
	case DHCP6_RENEW:
	case DHCP6_REBIND:
		return assign(st, in, q, DHCP6_REPLY, now);
	case DHCP6_CONFIRM:
		return confirm(st, in, q, now);
	case DHCP6_RELEASE:
	case DHCP6_DECLINE:
		return give_back(st, in, q, now);
	default:
		return inform(st, in, q, now);
	}
}

enum stack_result
dhcp6_input(struct stack *st, const struct inbound *in, struct view msg, usec_t now)
{
	bool unicast = !addr_is_multicast(&in->ip.dst);
	struct dhcp6 q;

	if (!dhcp6_parse(msg, &q))
		return drop(st, COUNT_DHCP_BAD);

	const struct rule *rule = &rules[q.type];

	if (!rule->known)
		return drop(st, COUNT_DHCP_IGNORED); /* what servers say */
	if (!meets(rule->client_id, q.client_id.len > 0) || !meets(rule->server_id, q.server_id.len > 0) ||
	    !meets(rule->ia, q.nia > 0))
		return drop(st, COUNT_DHCP_BAD);
	if (q.server_id.len > 0 && !is_for_us(st, &q))
		return drop(st, COUNT_DHCP_IGNORED);
	/* RFC 8415 18.4 */
	if (unicast && rule->may_be_unicast)
		return answer_status(st, in, &q, DHCP6_USE_MULTICAST, now);
	if (unicast)
		return drop(st, COUNT_DHCP_IGNORED);
	return dispatch(st, in, &q, now);
}
