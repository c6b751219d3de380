/*
 * ip_wire.c - IPv4 and IPv6 headers on the wire
 *
 * Both parsers answer one question: where does the transport start, how long is it, and whose is it.
 * Lengths are compared once, here, with the bytes that are present; what a frame has beyond them is
 * padding (RFC 894) and forgotten.
 *
 * IPv4 options are walked and not kept; source routes are refused (RFC 7126 4.3, 4.4).  IPv6 extension
 * headers are walked within limits (RFC 8504 5.3): hop-by-hop options only first, at most
 * EXT_HEADERS of them in at most EXT_BYTES, all inside the head.  Authentication and encryption are
 * transports to us, and nobody's.
 */
#include "stack/ip_wire.h"

#include <assert.h>

#include "stack/csum.h"

#define IP_MAX 65535u
#define EXT_HEADERS 8u
#define EXT_BYTES 256u

enum { IP4_DF = 0x4000, IP4_MF = 0x2000, IP4_OFFSET = 0x1fff };
enum { IP4_OPT_END = 0, IP4_OPT_NOP = 1, IP4_OPT_LSRR = 131, IP4_OPT_SSRR = 137 };
enum { IP6_OPT_PAD1 = 0, IP6_OPT_PADN = 1, IP6_OPT_JUMBO = 0xc2 };
enum { IP6_FRAG_OFFSET = 0xfff8, IP6_FRAG_MORE = 1 };
enum { PROBLEM_FIELD = 0, PROBLEM_OPTION = 2 };

/* Where fields stand that a parameter problem may point at, from the start of their header. */
enum { AT_IP6_PLEN = 4, AT_IP6_NEXT = 6, AT_ROUTING_TYPE = 2, AT_FRAG_OFFSET = 2 };

/* Options and what they hide are of no use to us, but they must be options, and no source route. */
static bool
ip4_options_ok(struct rd r)
{
	while (rd_left(&r) > 0) {
		uint8_t type = rd_u8(&r);

		if (type == IP4_OPT_END)
			return true;
		if (type == IP4_OPT_NOP)
			continue;

		uint8_t len = rd_u8(&r);

		if (len < 2 || type == IP4_OPT_LSRR || type == IP4_OPT_SSRR)
			return false;
		rd_take(&r, len - 2u);
	}
	return !r.bad;
}

static enum ip_parse_result
ip4_fragment(uint16_t word, struct ip *h)
{
	h->df = word & IP4_DF;
	h->more = word & IP4_MF;
	h->frag_off = (uint16_t)((word & IP4_OFFSET) * 8);
	h->fragment = h->more || h->frag_off;
	if (!h->fragment)
		return IP_OK;

	bool too_far = h->frag_off + h->hlen + h->len > IP_MAX;

	/* An empty piece says nothing, and could be sent for ever. */
	return too_far || h->len == 0 || (h->more && h->len % 8) ? IP_BAD_FRAGMENT : IP_OK;
}

enum ip_parse_result
ip4_parse(struct view head, size_t total, struct ip *out)
{
	struct rd r = rd_of(head);
	struct csum sum = {0};

	memset(out, 0, sizeof(*out));
	uint8_t version = rd_u8(&r);

	out->tos = rd_u8(&r);
	uint16_t packet = rd_u16(&r);

	out->id = rd_u16(&r);
	uint16_t fragment = rd_u16(&r);

	out->ttl = rd_u8(&r);
	out->proto = rd_u8(&r);
	rd_u16(&r); /* the checksum: summed with the rest below */
	out->src = addr_v4(rd_u32(&r));
	out->dst = addr_v4(rd_u32(&r));
	if (r.bad)
		return IP_BAD_TRUNCATED;
	if (version >> 4 != 4)
		return IP_BAD_VERSION;
	out->hlen = (uint16_t)((version & 0xf) * 4);
	if (out->hlen < IP4_HLEN || packet < out->hlen)
		return IP_BAD_LENGTH;

	struct rd options = rd_of(rd_take(&r, out->hlen - IP4_HLEN));

	if (r.bad || packet > total)
		return IP_BAD_TRUNCATED;
	out->len = packet - (uint32_t)out->hlen;
	csum_add(&sum, view_of(head.p, out->hlen));
	if (csum_final(&sum) != 0)
		return IP_BAD_CHECKSUM;
	if (out->ttl == 0)
		return IP_BAD_TTL;
	if (!ip4_options_ok(options))
		return IP_BAD_OPTION;
	return ip4_fragment(fragment, out);
}

/* A walk over extension headers: h->proto and h->hlen say which one comes next, and where. */
struct walk {
	struct view head;
	size_t end;        /* of the packet, from the IP header: maybe beyond the head */
	size_t next_at;    /* the byte that said h->proto */
	bool had_fragment; /* a fragment header went by that was the whole datagram */
	struct ip *h;
	struct ip_problem *why;
};

static enum ip_parse_result
problem(struct walk *w, uint8_t code, size_t pointer)
{
	*w->why = (struct ip_problem){.code = code, .pointer = (uint32_t)pointer};
	return IP_PARAM_PROBLEM;
}

/* An option we do not know says in its two highest bits what to do about that (RFC 8200 4.2). */
static enum ip_parse_result
unknown_option(struct walk *w, uint8_t type, size_t at)
{
	bool multicast = addr_is_multicast(&w->h->dst);

	switch (type >> 6) {
	case 0:
		return IP_OK;
	case 2:
		return problem(w, PROBLEM_OPTION, at);
	case 3:
		return multicast ? IP_BAD_OPTION : problem(w, PROBLEM_OPTION, at);
	default:
		return IP_BAD_OPTION;
	}
}

static enum ip_parse_result
options(struct walk *w, struct rd r)
{
	while (rd_left(&r) > 0) {
		size_t at = (size_t)(r.p - w->head.p);
		uint8_t type = rd_u8(&r);

		if (type == IP6_OPT_PAD1)
			continue;
		rd_take(&r, rd_u8(&r));
		/* A jumbogram is longer than any frame here can be: whatever it says, it is not so. */
		if (r.bad || type == IP6_OPT_JUMBO)
			return IP_BAD_OPTION;
		if (type == IP6_OPT_PADN)
			continue;

		enum ip_parse_result res = unknown_option(w, type, at);

		if (res != IP_OK)
			return res;
	}
	return IP_OK;
}

/* Nothing is routed on from here (RFC 8200 4.4), and type 0 is not even stepped over (RFC 5095). */
static enum ip_parse_result
routing(struct walk *w, struct rd r)
{
	uint8_t type = rd_u8(&r);
	uint8_t segments_left = rd_u8(&r);

	if (type == 0 || segments_left > 0)
		return problem(w, PROBLEM_FIELD, w->h->hlen + (size_t)AT_ROUTING_TYPE);
	return IP_OK;
}

/* RFC 8200 4.5; the walk ends here unless the piece is the whole (RFC 6946). */
static enum ip_parse_result
fragment(struct walk *w, struct rd r)
{
	struct ip *h = w->h;
	uint16_t word = rd_u16(&r);
	size_t len = w->end - h->hlen - IP6_FRAG_HLEN;

	if (w->had_fragment)
		return IP_BAD_EXTENSION;
	w->had_fragment = true;
	h->more = word & IP6_FRAG_MORE;
	h->frag_off = word & IP6_FRAG_OFFSET;
	h->fragment = h->more || h->frag_off;
	if (!h->fragment)
		return IP_OK;
	h->id = rd_u32(&r);
	h->unfrag_len = h->hlen;
	h->unfrag_nh_at = (uint16_t)w->next_at;
	if (len == 0)
		return IP_BAD_FRAGMENT;
	if (h->more && len % 8)
		return problem(w, PROBLEM_FIELD, AT_IP6_PLEN);
	if (h->hlen - IP6_HLEN + h->frag_off + len > IP_MAX)
		return problem(w, PROBLEM_FIELD, h->hlen + (size_t)AT_FRAG_OFFSET);
	return IP_OK;
}

static bool
is_extension(uint8_t proto)
{
	return proto == IP_PROTO_HOPOPTS || proto == IP_PROTO_ROUTING || proto == IP_PROTO_FRAGMENT ||
	       proto == IP_PROTO_DSTOPTS;
}

static enum ip_parse_result
extension_body(struct walk *w, struct rd body)
{
	switch (w->h->proto) {
	case IP_PROTO_FRAGMENT:
		return fragment(w, body);
	case IP_PROTO_ROUTING:
		return routing(w, body);
	case IP_PROTO_HOPOPTS:
		if (w->h->hlen != IP6_HLEN)
			return IP_BAD_EXTENSION;
		return options(w, body);
	default:
		return options(w, body);
	}
}

/* One header: at least 8 bytes further, or not at all. */
static enum ip_parse_result
extension(struct walk *w)
{
	struct ip *h = w->h;
	struct rd r = rd_of(w->head);

	rd_take(&r, h->hlen);
	uint8_t next = rd_u8(&r);
	uint8_t units = rd_u8(&r);
	size_t len = h->proto == IP_PROTO_FRAGMENT ? IP6_FRAG_HLEN : (units + 1u) * 8;

	if (h->hlen + len > w->end)
		return IP_BAD_TRUNCATED;
	if (h->hlen + len > w->head.len || h->hlen + len > IP6_HLEN + EXT_BYTES)
		return IP_BAD_EXTENSION;

	enum ip_parse_result res = extension_body(w, rd_of(rd_take(&r, len - 2)));

	if (res != IP_OK)
		return res;
	w->next_at = h->hlen;
	h->proto = next;
	h->hlen = (uint16_t)(h->hlen + len);
	return IP_OK;
}

static enum ip_parse_result
walk_extensions(struct walk *w)
{
	for (unsigned n = 0; is_extension(w->h->proto) && !w->h->fragment; n++) {
		enum ip_parse_result res = n < EXT_HEADERS ? extension(w) : IP_BAD_EXTENSION;

		if (res != IP_OK)
			return res;
	}
	w->h->len = (uint32_t)(w->end - w->h->hlen);
	return IP_OK;
}

/* An IPv4 address in IPv6 clothes: mapped, or compatible (RFC 4291 2.5.5), which :: and ::1 are not. */
static bool
is_disguised(const struct addr *a)
{
	static const uint8_t zeros[12];
	bool compatible =
	    memcmp(a->b, zeros, sizeof(zeros)) == 0 && !addr_is_unspecified(a) && !addr_is_loopback(a);

	return compatible || addr_is_v4(a);
}

enum ip_parse_result
ip6_parse(struct view head, size_t total, struct ip *out, struct ip_problem *why)
{
	struct rd r = rd_of(head);

	memset(out, 0, sizeof(*out));
	memset(why, 0, sizeof(*why));
	uint32_t version = rd_u32(&r);
	uint16_t len = rd_u16(&r);

	out->tos = (uint8_t)(version >> 20);
	out->proto = rd_u8(&r);
	out->ttl = rd_u8(&r);
	rd_copy(&r, out->src.b, sizeof(out->src.b));
	rd_copy(&r, out->dst.b, sizeof(out->dst.b));
	if (r.bad)
		return IP_BAD_TRUNCATED;
	if (version >> 28 != 6)
		return IP_BAD_VERSION;
	out->hlen = IP6_HLEN;
	if (out->hlen + (size_t)len > total)
		return IP_BAD_TRUNCATED;
	if (out->ttl == 0)
		return IP_BAD_TTL;
	if (is_disguised(&out->src) || is_disguised(&out->dst))
		return IP_BAD_ADDRESS;

	struct walk w = {
	    .head = head, .end = IP6_HLEN + (size_t)len, .next_at = AT_IP6_NEXT, .h = out, .why = why};

	return walk_extensions(&w);
}

static void
ip4_emit(struct wr *w, const struct ip *h)
{
	uint8_t header[IP4_HLEN];
	struct wr in = wr_of(header, sizeof(header));
	struct csum sum = {0};

	assert(h->len <= IP_MAX - IP4_HLEN && addr_is_v4(&h->dst));
	wr_u8(&in, 0x45);
	wr_u8(&in, h->tos);
	wr_u16(&in, (uint16_t)(IP4_HLEN + h->len));
	wr_u16(&in, (uint16_t)h->id);
	wr_u16(&in, (uint16_t)((h->df ? IP4_DF : 0) | (h->more ? IP4_MF : 0) | h->frag_off / 8));
	wr_u8(&in, h->ttl);
	wr_u8(&in, h->proto);
	uint8_t *checksum = in.p;

	wr_u16(&in, 0);
	wr_u32(&in, addr_to_v4(&h->src));
	wr_u32(&in, addr_to_v4(&h->dst));
	csum_add(&sum, view_of(header, sizeof(header)));
	in.p = checksum;
	wr_u16(&in, csum_final(&sum));
	wr_bytes(w, header, sizeof(header));
}

static void
ip6_emit(struct wr *w, const struct ip *h)
{
	uint32_t len = h->len + (h->fragment ? IP6_FRAG_HLEN : 0);

	assert(len <= IP_MAX && !addr_is_v4(&h->dst));
	wr_u32(w, 6u << 28 | (uint32_t)h->tos << 20);
	wr_u16(w, (uint16_t)len);
	wr_u8(w, h->fragment ? IP_PROTO_FRAGMENT : h->proto);
	wr_u8(w, h->ttl);
	wr_bytes(w, h->src.b, sizeof(h->src.b));
	wr_bytes(w, h->dst.b, sizeof(h->dst.b));
	if (!h->fragment)
		return;
	wr_u8(w, h->proto);
	wr_u8(w, 0);
	wr_u16(w, (uint16_t)((h->frag_off & IP6_FRAG_OFFSET) | (h->more ? IP6_FRAG_MORE : 0)));
	wr_u32(w, h->id);
}

void
ip_emit(struct wr *w, const struct ip *h)
{
	if (addr_is_v4(&h->src))
		ip4_emit(w, h);
	else
		ip6_emit(w, h);
}
