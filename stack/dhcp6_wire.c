/*
 * dhcp6_wire.c - DHCPv6 messages on the wire
 *
 * Options have a code and a length of two bytes each and may hold further options: those of an association
 * are read from a reader of their own, to its end.
 */
#include "stack/dhcp6_wire.h"

enum { IAADDR_LEN = 24, REFRESH_LEN = 4 };

struct option {
	uint16_t code;
	struct rd body;
};

/* The next option of r; false at the end, and then r->bad tells a cut option from no more of them. */
static bool
next_option(struct rd *r, struct option *o)
{
	if (r->bad || rd_left(r) == 0)
		return false;
	o->code = rd_u16(r);
	o->body = rd_of(rd_take(r, rd_u16(r)));
	return !r->bad;
}

/* --- reading --------------------------------------------------------------------------------------- */

static bool
take_addr(struct rd *r, struct addr *a)
{
	rd_copy(r, a->b, sizeof(a->b));
	return !r->bad && !addr_is_v4(a);
}

static bool
take_status(struct rd *r, bool *has, uint16_t *status)
{
	uint16_t code = rd_u16(r);

	if (!*has)
		*status = code;
	*has = true;
	return !r->bad; /* the rest is text */
}

/* What an address has to say of itself is not read, but it must be options. */
static bool
take_iaaddr(struct rd *r, struct dhcp6_ia *ia)
{
	struct option o;

	if (ia->naddr >= DHCP6_ADDRS)
		return false;
	struct dhcp6_addr *a = &ia->addr[ia->naddr++];

	if (!take_addr(r, &a->addr))
		return false;
	a->preferred = rd_u32(r);
	a->valid = rd_u32(r);
	while (next_option(r, &o))
		;
	return !r->bad;
}

static bool
take_ia(uint16_t kind, struct rd *r, struct dhcp6 *m)
{
	struct option o;

	if (m->nia >= DHCP6_IAS)
		return false;
	struct dhcp6_ia *ia = &m->ia[m->nia++];

	ia->kind = kind;
	ia->iaid = rd_u32(r);
	if (kind != DHCP6_OPT_IA_TA) {
		ia->t1 = rd_u32(r);
		ia->t2 = rd_u32(r);
	}
	while (next_option(r, &o)) {
		bool ok = true;

		if (o.code == DHCP6_OPT_IAADDR && kind != DHCP6_OPT_IA_PD)
			ok = take_iaaddr(&o.body, ia);
		else if (o.code == DHCP6_OPT_STATUS)
			ok = take_status(&o.body, &ia->has_status, &ia->status);
		if (!ok)
			return false;
	}
	return !r->bad;
}

static bool
take_duid(struct rd *r, struct view *id)
{
	size_t len = rd_left(r);

	if (len < DHCP6_DUID_MIN || len > DHCP6_DUID_MAX)
		return false;
	if (id->len == 0)
		*id = rd_rest(r);
	return true;
}

static bool
take_list(struct rd *r, size_t unit, struct view *list)
{
	if (rd_left(r) == 0 || rd_left(r) % unit)
		return false;
	if (list->len == 0)
		*list = rd_rest(r);
	return true;
}

/* What is known only from servers. */
static bool
take_told(struct option *o, struct dhcp6 *m)
{
	struct view list = {0};

	switch (o->code) {
	case DHCP6_OPT_PREFERENCE:
		m->has_preference = true;
		m->preference = rd_u8(&o->body);
		return !o->body.bad && rd_left(&o->body) == 0;
	case DHCP6_OPT_DNS:
		if (!take_list(&o->body, sizeof(m->dns.b), &list))
			return false;
		m->has_dns = true;
		o->body = rd_of(list);
		return take_addr(&o->body, &m->dns);
	case DHCP6_OPT_REFRESH:
		m->has_refresh = true;
		m->refresh = rd_u32(&o->body);
		return !o->body.bad && rd_left(&o->body) == 0;
	case DHCP6_OPT_SEARCH:
		return take_list(&o->body, 1, &m->search);
	default:
		return true;
	}
}

static bool
take_option(struct option *o, struct dhcp6 *m)
{
	switch (o->code) {
	case DHCP6_OPT_CLIENT_ID:
		return take_duid(&o->body, &m->client_id);
	case DHCP6_OPT_SERVER_ID:
		return take_duid(&o->body, &m->server_id);
	case DHCP6_OPT_IA_NA:
	case DHCP6_OPT_IA_TA:
	case DHCP6_OPT_IA_PD:
		return take_ia(o->code, &o->body, m);
	case DHCP6_OPT_WANTED:
		return take_list(&o->body, 2, &m->wanted);
	case DHCP6_OPT_STATUS:
		return take_status(&o->body, &m->has_status, &m->status);
	case DHCP6_OPT_RAPID_COMMIT:
		m->rapid_commit = true;
		return rd_left(&o->body) == 0;
	default:
		return take_told(o, m);
	}
}

bool
dhcp6_parse(struct view v, struct dhcp6 *out)
{
	struct rd r = rd_of(v);
	struct option o;

	memset(out, 0, sizeof(*out));
	uint32_t first = rd_u32(&r);

	out->type = (uint8_t)(first >> 24);
	out->xid = first & 0xffffff;
	/* Beyond this there are other formats: relays' (12, 13), leasequery's and what is to come. */
	if (out->type < DHCP6_SOLICIT || out->type > DHCP6_INFORMATION_REQUEST)
		return false;
	while (next_option(&r, &o))
		if (!take_option(&o, out))
			return false;
	return !r.bad;
}

bool
dhcp6_wants(const struct dhcp6 *m, enum dhcp6_option code)
{
	struct rd r = rd_of(m->wanted);

	while (rd_left(&r) > 0)
		if (rd_u16(&r) == code)
			return true;
	return m->wanted.len == 0;
}

/* --- writing --------------------------------------------------------------------------------------- */

/* Begins an option whose length is not known yet; returns where that goes. */
static struct wr
open_option(struct wr *w, uint16_t code)
{
	wr_u16(w, code);

	struct wr len = *w;

	wr_u16(w, 0);
	return len;
}

static void
close_option(const struct wr *w, struct wr *len)
{
	if (!w->bad)
		wr_u16(len, (uint16_t)(w->p - len->p - 2));
}

static void
put_bytes(struct wr *w, uint16_t code, struct view v)
{
	if (v.len == 0)
		return;
	wr_u16(w, code);
	wr_u16(w, (uint16_t)v.len);
	wr_bytes(w, v.p, v.len);
}

/* Without words: they would be for a person, who reads the code's name in any client. */
static void
put_status(struct wr *w, uint16_t status)
{
	wr_u16(w, DHCP6_OPT_STATUS);
	wr_u16(w, 2);
	wr_u16(w, status);
}

static void
put_ia(struct wr *w, const struct dhcp6_ia *ia)
{
	struct wr len = open_option(w, ia->kind);

	wr_u32(w, ia->iaid);
	if (ia->kind != DHCP6_OPT_IA_TA) {
		wr_u32(w, ia->t1);
		wr_u32(w, ia->t2);
	}
	for (unsigned i = 0; i < ia->naddr; i++) {
		const struct dhcp6_addr *a = &ia->addr[i];

		wr_u16(w, DHCP6_OPT_IAADDR);
		wr_u16(w, IAADDR_LEN);
		wr_bytes(w, a->addr.b, sizeof(a->addr.b));
		wr_u32(w, a->preferred);
		wr_u32(w, a->valid);
	}
	if (ia->has_status)
		put_status(w, ia->status);
	close_option(w, &len);
}

void
dhcp6_emit(struct wr *w, const struct dhcp6 *m)
{
	wr_u32(w, (uint32_t)m->type << 24 | m->xid);
	put_bytes(w, DHCP6_OPT_CLIENT_ID, m->client_id);
	put_bytes(w, DHCP6_OPT_SERVER_ID, m->server_id);
	if (m->has_preference) {
		wr_u16(w, DHCP6_OPT_PREFERENCE);
		wr_u16(w, 1);
		wr_u8(w, m->preference);
	}
	if (m->has_status)
		put_status(w, m->status);
	if (m->rapid_commit) {
		wr_u16(w, DHCP6_OPT_RAPID_COMMIT);
		wr_u16(w, 0);
	}
	for (unsigned i = 0; i < m->nia; i++)
		put_ia(w, &m->ia[i]);
	put_bytes(w, DHCP6_OPT_WANTED, m->wanted);
	if (m->has_dns)
		put_bytes(w, DHCP6_OPT_DNS, view_of(m->dns.b, sizeof(m->dns.b)));
	put_bytes(w, DHCP6_OPT_SEARCH, m->search);
	if (m->has_refresh) {
		wr_u16(w, DHCP6_OPT_REFRESH);
		wr_u16(w, REFRESH_LEN);
		wr_u32(w, m->refresh);
	}
}
