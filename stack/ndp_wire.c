/*
 * ndp_wire.c - neighbour discovery messages on the wire
 *
 * Options count their length in units of 8 bytes, type and length included.  A length of zero makes the
 * message invalid (RFC 4861 4.6) and so does one past the end; unknown options are stepped over.
 */
#include "stack/ndp_wire.h"

enum { /* option types */
       OPT_SLLAO = 1,
       OPT_TLLAO = 2,
       OPT_PREFIX = 3,
       OPT_MTU = 5,
       OPT_RDNSS = 25, /* RFC 8106 5.1 */
       OPT_DNSSL = 31, /* RFC 8106 5.2 */
};

enum { /* option lengths in units of 8 bytes */
       UNITS_LLADDR = 1,
       UNITS_PREFIX = 4,
       UNITS_MTU = 1,
       UNITS_RDNSS = 3, /* with one address */
};

enum { NA_ROUTER = 0x80, NA_SOLICITED = 0x40, NA_OVERRIDE = 0x20 };
enum { RA_MANAGED = 0x80, RA_OTHER = 0x40 };
enum { PREFIX_ON_LINK = 0x80, PREFIX_AUTONOMOUS = 0x40 };

struct option {
	uint8_t type;
	uint8_t units;
	struct rd body; /* after type and length */
};

/* The next option of r; false at the end, and then r->bad tells a bad option from no more of them. */
static bool
next_option(struct rd *r, struct option *o)
{
	if (r->bad || rd_left(r) == 0)
		return false;
	o->type = rd_u8(r);
	o->units = rd_u8(r);
	if (o->units == 0)
		r->bad = true;
	else
		o->body = rd_of(rd_take(r, o->units * 8u - 2));
	return !r->bad;
}

/* Ethernet's link-layer address fills exactly one unit (RFC 2464 6); the first of several counts. */
static void
take_lladdr(struct rd *r, struct option *o, bool *has, struct mac *m)
{
	if (o->units != UNITS_LLADDR)
		r->bad = true;
	else if (!*has) {
		*has = true;
		rd_copy(&o->body, m->b, sizeof(m->b));
	}
}

/* Walks the options and keeps the one link-layer address the message may bring. */
static bool
parse_lladdr(struct rd *r, uint8_t type, bool *has, struct mac *m)
{
	struct option o;

	while (next_option(r, &o))
		if (o.type == type)
			take_lladdr(r, &o, has, m);
	return !r->bad;
}

static void
take_addr(struct rd *r, struct addr *a)
{
	rd_copy(r, a->b, sizeof(a->b));
}

/* RFC 4861 7.1: not multicast.  And not mapped: that would be an IPv4 address to everyone above. */
static bool
is_target(const struct addr *a)
{
	return !addr_is_v4(a) && !addr_is_multicast(a);
}

bool
ndp_ns_parse(struct view v, struct ndp_ns *out)
{
	struct rd r = rd_of(v);

	memset(out, 0, sizeof(*out));
	rd_u32(&r); /* reserved */
	take_addr(&r, &out->target);
	return parse_lladdr(&r, OPT_SLLAO, &out->has_sllao, &out->sllao) && is_target(&out->target);
}

bool
ndp_na_parse(struct view v, struct ndp_na *out)
{
	struct rd r = rd_of(v);

	memset(out, 0, sizeof(*out));
	uint32_t flags = rd_u32(&r) >> 24;

	out->router = flags & NA_ROUTER;
	out->solicited = flags & NA_SOLICITED;
	out->override = flags & NA_OVERRIDE;
	take_addr(&r, &out->target);
	return parse_lladdr(&r, OPT_TLLAO, &out->has_tllao, &out->tllao) && is_target(&out->target);
}

bool
ndp_rs_parse(struct view v, struct ndp_rs *out)
{
	struct rd r = rd_of(v);

	memset(out, 0, sizeof(*out));
	rd_u32(&r); /* reserved */
	return parse_lladdr(&r, OPT_SLLAO, &out->has_sllao, &out->sllao);
}

static void
take_prefix(struct rd *r, struct option *o, struct ndp_ra *out)
{
	out->prefix_len = rd_u8(&o->body);
	out->autonomous = rd_u8(&o->body) & PREFIX_AUTONOMOUS;
	out->valid = rd_u32(&o->body);
	out->preferred = rd_u32(&o->body);
	rd_u32(&o->body); /* reserved */
	take_addr(&o->body, &out->prefix);
	if (o->units != UNITS_PREFIX || out->prefix_len > 128)
		r->bad = true;
}

static void
take_mtu(struct rd *r, struct option *o, struct ndp_ra *out)
{
	rd_u16(&o->body); /* reserved */
	out->mtu = rd_u32(&o->body);
	if (o->units != UNITS_MTU)
		r->bad = true;
}

static void
take_rdnss(struct rd *r, struct option *o, struct ndp_ra *out)
{
	rd_u16(&o->body); /* reserved */
	out->has_rdnss = true;
	out->rdnss_lifetime = rd_u32(&o->body);
	take_addr(&o->body, &out->rdnss);
	if (o->units < UNITS_RDNSS)
		r->bad = true;
}

/* Zeros fill the option up after the last name, so a name without labels is none (RFC 8106 5.2). */
static void
take_dnssl(struct rd *r, struct option *o, struct ndp_ra *out)
{
	rd_u16(&o->body); /* reserved */
	out->dnssl_lifetime = rd_u32(&o->body);
	out->dnssl = view_of(o->body.p, 0);
	while (rd_left(&o->body) > 0) {
		uint8_t len = rd_u8(&o->body);

		if (len == 0)
			break;
		for (; len > 0; len = rd_u8(&o->body))
			rd_take(&o->body, len);
		out->dnssl.len = (size_t)(o->body.p - out->dnssl.p);
	}
	if (o->body.bad || out->dnssl.len == 0)
		r->bad = true;
}

static void
take_ra_option(struct rd *r, struct option *o, struct ndp_ra *out, bool *has_sllao)
{
	switch (o->type) {
	case OPT_SLLAO:
		take_lladdr(r, o, has_sllao, &out->sllao);
		break;
	case OPT_PREFIX:
		take_prefix(r, o, out);
		break;
	case OPT_MTU:
		take_mtu(r, o, out);
		break;
	case OPT_RDNSS:
		take_rdnss(r, o, out);
		break;
	case OPT_DNSSL:
		take_dnssl(r, o, out);
		break;
	}
}

bool
ndp_ra_parse(struct view v, struct ndp_ra *out)
{
	struct rd r = rd_of(v);
	struct option o;
	bool has_sllao = false;

	memset(out, 0, sizeof(*out));
	out->hop_limit = rd_u8(&r);
	uint8_t flags = rd_u8(&r);

	out->managed = flags & RA_MANAGED;
	out->other = flags & RA_OTHER;
	out->router_lifetime = rd_u16(&r);
	rd_u32(&r); /* reachable time: unspecified */
	rd_u32(&r); /* retransmission timer: unspecified */
	while (next_option(&r, &o))
		take_ra_option(&r, &o, out, &has_sllao);
	return !r.bad;
}

static void
emit_lladdr(struct wr *w, uint8_t type, const struct mac *m)
{
	wr_u8(w, type);
	wr_u8(w, UNITS_LLADDR);
	wr_bytes(w, m->b, sizeof(m->b));
}

void
ndp_ns_emit(struct wr *w, const struct ndp_ns *m)
{
	wr_u32(w, 0);
	wr_bytes(w, m->target.b, sizeof(m->target.b));
	if (m->has_sllao)
		emit_lladdr(w, OPT_SLLAO, &m->sllao);
}

void
ndp_na_emit(struct wr *w, const struct ndp_na *m)
{
	uint32_t flags = (m->router ? NA_ROUTER : 0u) | (m->solicited ? NA_SOLICITED : 0u) |
			 (m->override ? NA_OVERRIDE : 0u);

	wr_u32(w, flags << 24);
	wr_bytes(w, m->target.b, sizeof(m->target.b));
	if (m->has_tllao)
		emit_lladdr(w, OPT_TLLAO, &m->tllao);
}

void
ndp_rs_emit(struct wr *w, const struct ndp_rs *m)
{
	wr_u32(w, 0);
	if (m->has_sllao)
		emit_lladdr(w, OPT_SLLAO, &m->sllao);
}

static void
emit_prefix(struct wr *w, const struct ndp_ra *m)
{
	wr_u8(w, OPT_PREFIX);
	wr_u8(w, UNITS_PREFIX);
	wr_u8(w, m->prefix_len);
	wr_u8(w, (uint8_t)(PREFIX_ON_LINK | (m->autonomous ? PREFIX_AUTONOMOUS : 0)));
	wr_u32(w, m->valid);
	wr_u32(w, m->preferred);
	wr_u32(w, 0);
	wr_bytes(w, m->prefix.b, sizeof(m->prefix.b));
}

static void
emit_dnssl(struct wr *w, const struct ndp_ra *m)
{
	static const uint8_t zeros[8];
	size_t units = (8 + m->dnssl.len + 7) / 8;

	wr_u8(w, OPT_DNSSL);
	wr_u8(w, (uint8_t)units);
	wr_u16(w, 0);
	wr_u32(w, m->dnssl_lifetime);
	wr_bytes(w, m->dnssl.p, m->dnssl.len);
	wr_bytes(w, zeros, (8 - m->dnssl.len % 8) % 8);
}

void
ndp_ra_emit(struct wr *w, const struct ndp_ra *m)
{
	wr_u8(w, m->hop_limit);
	wr_u8(w, (uint8_t)((m->managed ? RA_MANAGED : 0) | (m->other ? RA_OTHER : 0)));
	wr_u16(w, m->router_lifetime);
	wr_u32(w, 0); /* reachable time and retransmission timer: unspecified (RFC 4861 4.2) */
	wr_u32(w, 0);
	emit_lladdr(w, OPT_SLLAO, &m->sllao);
	wr_u8(w, OPT_MTU);
	wr_u8(w, UNITS_MTU);
	wr_u16(w, 0);
	wr_u32(w, m->mtu);
	emit_prefix(w, m);
	if (m->has_rdnss) {
		wr_u8(w, OPT_RDNSS);
		wr_u8(w, UNITS_RDNSS);
		wr_u16(w, 0);
		wr_u32(w, m->rdnss_lifetime);
		wr_bytes(w, m->rdnss.b, sizeof(m->rdnss.b));
	}
	if (m->dnssl.len > 0)
		emit_dnssl(w, m);
}
