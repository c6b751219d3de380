/*
 * dhcp_wire.c - DHCPv4 messages on the wire
 *
 * The fields sname and file are for booting from the network: written as zeros, and not read, so that what a
 * client hides in them (option 52, overload) is not heard; no client has so much to say.
 */
#include "stack/dhcp_wire.h"

#define COOKIE 0x63825363u /* RFC 2131 3 */
#define NAMES_LEN 192u     /* sname and file */

enum { BOOTREQUEST = 1, BOOTREPLY = 2 };
enum { HTYPE_ETHERNET = 1, HLEN_ETHERNET = 6, CHADDR_LEN = 16 };
enum { FLAG_BROADCAST = 0x8000 };
enum { CLIENT_ID_MIN = 2 }; /* RFC 2132 9.14 */

/* --- reading --------------------------------------------------------------------------------------- */

static struct addr
take_addr(struct rd *r)
{
	return addr_v4(rd_u32(r));
}

/* The first address of a list of them. */
static struct addr
take_first_addr(struct rd *r)
{
	struct addr first = take_addr(r);

	if (rd_left(r) % 4)
		r->bad = true;
	rd_rest(r);
	return first;
}

/* RFC 3442: of a destination only the bytes that its prefix length reaches are there. */
static void
take_routes(struct rd *r, struct dhcp *m)
{
	do {
		struct dhcp_route route = {.plen = rd_u8(r)};
		uint8_t net[4] = {0};

		if (route.plen > 32) {
			r->bad = true;
			return;
		}
		rd_copy(r, net, (route.plen + 7u) / 8);
		route.net =
		    addr_v4((uint32_t)net[0] << 24 | (uint32_t)net[1] << 16 | (uint32_t)net[2] << 8 | net[3]);
		route.via = take_addr(r);
		if (m->nroute < DHCP_ROUTES)
			m->route[m->nroute++] = route;
	} while (rd_left(r) > 0 && !r->bad);
}

static struct view
take_bytes(struct rd *r, size_t at_least)
{
	if (rd_left(r) < at_least)
		r->bad = true;
	return rd_rest(r);
}

/* What is known only from servers. */
static void
take_told(enum dhcp_option code, struct rd *r, struct dhcp *m)
{
	switch (code) {
	case DHCP_OPT_LEASE:
		m->lease = rd_u32(r);
		break;
	case DHCP_OPT_T1:
		m->t1 = rd_u32(r);
		break;
	case DHCP_OPT_T2:
		m->t2 = rd_u32(r);
		break;
	case DHCP_OPT_MASK:
		m->mask = take_addr(r);
		break;
	case DHCP_OPT_ROUTER:
		m->router = take_first_addr(r);
		break;
	case DHCP_OPT_DNS:
		m->dns = take_first_addr(r);
		break;
	case DHCP_OPT_BROADCAST:
		m->broadcast_addr = take_addr(r);
		break;
	case DHCP_OPT_MTU:
		m->mtu = rd_u16(r);
		break;
	case DHCP_OPT_DOMAIN:
		m->domain = take_bytes(r, 1);
		break;
	case DHCP_OPT_MESSAGE:
		m->message = take_bytes(r, 1);
		break;
	case DHCP_OPT_SEARCH:
		m->search = take_bytes(r, 1);
		break;
	case DHCP_OPT_ROUTES:
		take_routes(r, m);
		break;
	default:
		rd_rest(r);
	}
}

/* r is the option's body: what is left of it in the end, or missing, makes the message bad. */
static bool
take_option(enum dhcp_option code, struct rd *r, struct dhcp *m)
{
	switch (code) {
	case DHCP_OPT_TYPE:
		m->type = rd_u8(r);
		break;
	case DHCP_OPT_RAPID_COMMIT:
		m->rapid_commit = true;
		break;
	case DHCP_OPT_MAX_SIZE:
		m->max_size = rd_u16(r);
		break;
	case DHCP_OPT_REQUESTED:
		m->requested = take_addr(r);
		break;
	case DHCP_OPT_SERVER:
		m->server = take_addr(r);
		break;
	case DHCP_OPT_CLIENT_ID:
		m->client_id = take_bytes(r, CLIENT_ID_MIN);
		break;
	case DHCP_OPT_WANTED:
		m->wanted = take_bytes(r, 1);
		break;
	case DHCP_OPT_HOSTNAME:
		m->hostname = take_bytes(r, 1);
		break;
	default:
		take_told(code, r, m);
	}
	return !r->bad && rd_left(r) == 0;
}

static bool
parse_options(struct rd *r, struct dhcp *m)
{
	uint8_t seen[256 / 8] = {0};

	while (!r->bad) {
		uint8_t code = rd_u8(r); /* zero where nothing is left, and then r->bad ends it */

		if (code == DHCP_OPT_PAD)
			continue;
		if (code == DHCP_OPT_END)
			return true;

		struct rd body = rd_of(rd_take(r, rd_u8(r)));
		uint8_t bit = (uint8_t)(1u << code % 8);

		if (r->bad)
			return false;
		if (!(seen[code / 8] & bit) && !take_option((enum dhcp_option)code, &body, m))
			return false;
		seen[code / 8] |= bit;
	}
	return false;
}

bool
dhcp_parse(struct view v, struct dhcp *out)
{
	struct rd r = rd_of(v);

	memset(out, 0, sizeof(*out));
	uint8_t op = rd_u8(&r), htype = rd_u8(&r), hlen = rd_u8(&r);

	rd_u8(&r); /* hops */
	out->reply = op == BOOTREPLY;
	out->xid = rd_u32(&r);
	rd_u16(&r); /* seconds */
	out->broadcast = rd_u16(&r) & FLAG_BROADCAST;
	out->ciaddr = take_addr(&r);
	out->yiaddr = take_addr(&r);
	take_addr(&r); /* the next server of those that boot from the network */
	out->giaddr = take_addr(&r);
	rd_copy(&r, out->chaddr.b, sizeof(out->chaddr.b));
	rd_take(&r, CHADDR_LEN - HLEN_ETHERNET + NAMES_LEN);
	if (rd_u32(&r) != COOKIE || (op != BOOTREQUEST && op != BOOTREPLY) || htype != HTYPE_ETHERNET ||
	    hlen != HLEN_ETHERNET)
		return false;
	return parse_options(&r, out);
}

bool
dhcp_wants(const struct dhcp *m, enum dhcp_option code)
{
	for (size_t i = 0; i < m->wanted.len; i++)
		if (m->wanted.p[i] == code)
			return true;
	return m->wanted.len == 0;
}

/* --- writing --------------------------------------------------------------------------------------- */

/* Begins an option; false when it would leave no room for the end mark. */
static bool
open_option(struct wr *w, enum dhcp_option code, size_t len)
{
	if (len > 255 || (size_t)(w->end - w->p) < 2 + len + 1)
		return false;
	wr_u8(w, (uint8_t)code);
	wr_u8(w, (uint8_t)len);
	return true;
}

static void
put_u8(struct wr *w, enum dhcp_option code, uint8_t v)
{
	if (v && open_option(w, code, 1))
		wr_u8(w, v);
}

static void
put_u16(struct wr *w, enum dhcp_option code, uint16_t v)
{
	if (v && open_option(w, code, 2))
		wr_u16(w, v);
}

static void
put_u32(struct wr *w, enum dhcp_option code, uint32_t v)
{
	if (v && open_option(w, code, 4))
		wr_u32(w, v);
}

static void
put_addr(struct wr *w, enum dhcp_option code, const struct addr *a)
{
	put_u32(w, code, addr_to_v4(a));
}

static void
put_bytes(struct wr *w, enum dhcp_option code, struct view v)
{
	if (v.len > 0 && open_option(w, code, v.len))
		wr_bytes(w, v.p, v.len);
}

static void
put_routes(struct wr *w, const struct dhcp *m)
{
	size_t len = 0;

	for (unsigned i = 0; i < m->nroute; i++)
		len += 1 + (m->route[i].plen + 7u) / 8 + 4;
	if (len == 0 || !open_option(w, DHCP_OPT_ROUTES, len))
		return;
	for (unsigned i = 0; i < m->nroute; i++) {
		const struct dhcp_route *route = &m->route[i];

		wr_u8(w, route->plen);
		wr_bytes(w, route->net.b + 12, (route->plen + 7u) / 8);
		wr_u32(w, addr_to_v4(&route->via));
	}
}

void
dhcp_emit(struct wr *w, const struct dhcp *m)
{
	static const uint8_t zeros[DHCP_PADDED];
	const uint8_t *start = w->p;

	wr_u8(w, m->reply ? BOOTREPLY : BOOTREQUEST);
	wr_u8(w, HTYPE_ETHERNET);
	wr_u8(w, HLEN_ETHERNET);
	wr_u8(w, 0);
	wr_u32(w, m->xid);
	wr_u16(w, 0);
	wr_u16(w, m->broadcast ? FLAG_BROADCAST : 0);
	wr_u32(w, addr_to_v4(&m->ciaddr));
	wr_u32(w, addr_to_v4(&m->yiaddr));
	wr_u32(w, 0);
	wr_u32(w, addr_to_v4(&m->giaddr));
	wr_bytes(w, m->chaddr.b, sizeof(m->chaddr.b));
	wr_bytes(w, zeros, CHADDR_LEN - HLEN_ETHERNET + NAMES_LEN);
	wr_u32(w, COOKIE);

	put_u8(w, DHCP_OPT_TYPE, m->type);
	put_addr(w, DHCP_OPT_SERVER, &m->server);
	put_bytes(w, DHCP_OPT_CLIENT_ID, m->client_id);
	put_u32(w, DHCP_OPT_LEASE, m->lease);
	put_u32(w, DHCP_OPT_T1, m->t1);
	put_u32(w, DHCP_OPT_T2, m->t2);
	if (m->rapid_commit)
		open_option(w, DHCP_OPT_RAPID_COMMIT, 0);
	put_addr(w, DHCP_OPT_REQUESTED, &m->requested);
	put_u16(w, DHCP_OPT_MAX_SIZE, m->max_size);
	put_addr(w, DHCP_OPT_MASK, &m->mask);
	put_routes(w, m);
	put_addr(w, DHCP_OPT_ROUTER, &m->router);
	put_addr(w, DHCP_OPT_DNS, &m->dns);
	put_u16(w, DHCP_OPT_MTU, m->mtu);
	put_addr(w, DHCP_OPT_BROADCAST, &m->broadcast_addr);
	put_bytes(w, DHCP_OPT_HOSTNAME, m->hostname);
	put_bytes(w, DHCP_OPT_DOMAIN, m->domain);
	put_bytes(w, DHCP_OPT_SEARCH, m->search);
	put_bytes(w, DHCP_OPT_WANTED, m->wanted);
	put_bytes(w, DHCP_OPT_MESSAGE, m->message);
	wr_u8(w, DHCP_OPT_END);

	size_t len = (size_t)(w->p - start);

	if (len < DHCP_PADDED)
		wr_bytes(w, zeros, DHCP_PADDED - len);
}
