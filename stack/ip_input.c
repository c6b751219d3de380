/*
 * ip_input.c - IP packets from the guest: judged, made whole, taken to their transport
 *
 * The order is: header, source, destination, reassembly, offload facts, hop limit, transport.  Fragments
 * are judged by nobody before they are whole, and no answer goes out about a packet whose source is not
 * the guest's.
 *
 * TCP payload stays where it is, as views.  Everything else is read whole, so it is made contiguous and
 * private first: in st->linear when the frame is shared or in pieces, in the fragment table when it was
 * reassembled, else in the frame itself.
 */
#include <assert.h>

#include "stack/csum.h"
#include "stack/internal.h"

#define USO_SEGMENTS 128u /* as many datagrams as Linux puts into one super-datagram (UDP_MAX_SEGMENTS) */

enum { TCP_CSUM_AT = 16, UDP_CSUM_AT = 6, ICMP_CSUM_AT = 2 };

/* --- bytes of a frame ------------------------------------------------------------------------------- */

/* The views of n bytes of payload after the transport header's hlen bytes. */
static void
payload_views(const struct inbound *in, size_t hlen, size_t n, struct packet *pkt)
{
	size_t skip = ETH_HLEN + in->ip.hlen + hlen;

	pkt->len = (uint32_t)n;
	pkt->npay = 0;
	if (!in->f) {
		pkt->pay[0] = view_of(in->whole.p + hlen, n);
		pkt->npay = n > 0;
		return;
	}
	for (unsigned i = 0; i < in->f->nspan && n > 0; i++) {
		struct view v = in->f->span[i];

		if (v.len <= skip) {
			skip -= v.len;
			continue;
		}
		v = view_of(v.p + skip, min_size(v.len - skip, n));
		skip = 0;
		n -= v.len;
		pkt->pay[pkt->npay++] = v;
	}
}

/* The IP payload in one private piece; *scratch says that it will not last until the frame's release. */
static struct view
private_body(struct stack *st, const struct inbound *in, bool *scratch)
{
	const struct frame *f = in->f;
	size_t skip = ETH_HLEN + in->ip.hlen, at = 0, n = in->ip.len;

	*scratch = !f || f->shared || f->nspan > 1;
	if (!f)
		return in->whole;
	if (!*scratch)
		return view_of(f->span[0].p + skip, n);
	for (unsigned i = 0; i < f->nspan && at < n; i++) {
		struct view v = f->span[i];

		if (v.len <= skip) {
			skip -= v.len;
			continue;
		}
		size_t take = min_size(v.len - skip, n - at);

		memcpy(st->linear + at, v.p + skip, take);
		skip = 0;
		at += take;
	}
	return view_of(st->linear, n);
}

/* --- offload facts and checksums -------------------------------------------------------------------- */

static bool
gso_fits(const struct inbound *in, const struct offload *off)
{
	switch (off->gso_type) {
	case GSO_NONE:
		return true;
	case GSO_TCPV4:
		return off->gso_size > 0 && in->ip.proto == IP_PROTO_TCP && addr_is_v4(&in->ip.src);
	case GSO_TCPV6:
		return off->gso_size > 0 && in->ip.proto == IP_PROTO_TCP && !addr_is_v4(&in->ip.src);
	case GSO_UDP_L4:
		return off->gso_size > 0 && in->ip.proto == IP_PROTO_UDP &&
		       in->ip.len <= UDP_HLEN + (uint32_t)off->gso_size * USO_SEGMENTS;
	default:
		return false;
	}
}

static bool
csum_place_fits(const struct inbound *in, const struct offload *off)
{
	uint16_t at;

	switch (in->ip.proto) {
	case IP_PROTO_TCP:
		at = TCP_CSUM_AT;
		break;
	case IP_PROTO_UDP:
		at = UDP_CSUM_AT;
		break;
	case IP_PROTO_ICMPV6:
		at = ICMP_CSUM_AT;
		break;
	default:
		return false;
	}
	return off->csum_start == ETH_HLEN + in->ip.hlen && off->csum_offset == at && in->ip.len >= at + 2u;
}

/* What the virtio-net header says must be true of this packet (hdr_len is only a hint and not read). */
static bool
offload_ok(const struct inbound *in)
{
	const struct offload *off = &in->f->off;

	if (in->ip.fragment)
		return !off->needs_csum && off->gso_type == GSO_NONE;
	return gso_fits(in, off) && (!off->needs_csum || csum_place_fits(in, off));
}

/* Did the link say that nobody needs to sum this packet? */
static bool
checksum_done(const struct inbound *in)
{
	return in->f && (in->f->off.needs_csum || in->f->off.csum_valid);
}

static struct csum
pseudo_sum(const struct inbound *in, uint32_t len)
{
	struct csum c = {0};

	csum_pseudo(&c, &in->ip.src, &in->ip.dst, in->ip.proto, len);
	return c;
}

/* sum is over everything, pseudo header included; field is the checksum as it was sent. */
static bool
checksum_ok(const struct stack *st, const struct inbound *in, const struct csum *sum, uint32_t len,
	    uint16_t field)
{
	if (csum_final(sum) == 0)
		return true;
	if (!in->f || !st->out->lim.csum_lax)
		return false;

	struct csum bare = pseudo_sum(in, len);

	return csum_partial(&bare) == field;
}

/* --- transports ------------------------------------------------------------------------------------ */

void
packet_open(struct packet *pkt, const struct inbound *in)
{
	pkt->src = in->ip.src;
	pkt->dst = in->ip.dst;
	pkt->proto = in->ip.proto;
	pkt->ttl = in->ip.ttl;
	pkt->tos = in->ip.tos;
	pkt->borrowable = in->f != NULL;
	pkt->net = in->net;
	pkt->off = (struct offload){0};
	if (in->f && in->f->off.gso_type != GSO_NONE) {
		pkt->off.gso_type = in->f->off.gso_type;
		pkt->off.gso_size = in->f->off.gso_size;
	}
}

static enum stack_result
tcp_packet(struct stack *st, const struct inbound *in, struct packet *pkt)
{
	struct view top = in->whole;

	if (in->f)
		top = view_of(in->net.p + in->ip.hlen, in->net.len - in->ip.hlen);

	struct rd r = rd_of(top);

	if (!tcp_parse(&r, &pkt->tcp) || pkt->tcp.sport == 0 || pkt->tcp.dport == 0)
		return drop(st, COUNT_TCP_BAD);
	payload_views(in, pkt->tcp.hlen, in->ip.len - pkt->tcp.hlen, pkt);
	if (!checksum_done(in)) {
		struct csum c = pseudo_sum(in, in->ip.len);

		csum_add(&c, view_of(top.p, pkt->tcp.hlen));
		for (unsigned i = 0; i < pkt->npay; i++)
			csum_add(&c, pkt->pay[i]);
		if (!checksum_ok(st, in, &c, in->ip.len, pkt->tcp.csum))
			return drop(st, COUNT_L4_CHECKSUM);
	}
	packet_open(pkt, in);
	return STACK_TCP;
}

/* Bytes of the datagram, or of several of them; 0: its length is impossible. */
static uint32_t
udp_len(const struct inbound *in, const struct udp *h)
{
	bool several = in->f && in->f->off.gso_type == GSO_UDP_L4;

	if (h->len < UDP_HLEN || h->len > in->ip.len)
		return 0;
	/* A super-datagram's length is that of the whole; one that tells the first piece's means the same. */
	if (several && h->len == UDP_HLEN + in->f->off.gso_size)
		return in->ip.len;
	return h->len;
}

static bool
udp_checksum_ok(const struct stack *st, const struct inbound *in, struct view body, uint32_t len,
		const struct udp *h)
{
	if (in->f && in->f->off.needs_csum)
		return true;
	/* None: a choice in IPv4 (RFC 768), an error in IPv6 (RFC 8200 8.1). */
	if (h->csum == 0)
		return addr_is_v4(&in->ip.src);
	if (checksum_done(in))
		return true;

	struct csum c = pseudo_sum(in, len);

	csum_add(&c, view_of(body.p, len));
	return checksum_ok(st, in, &c, len, h->csum);
}

static enum stack_result
udp_packet(struct stack *st, const struct inbound *in, struct packet *pkt)
{
	bool scratch;
	struct view body = private_body(st, in, &scratch);
	struct rd r = rd_of(body);

	if (!udp_parse(&r, &pkt->udp) || pkt->udp.sport == 0 || pkt->udp.dport == 0)
		return drop(st, COUNT_UDP_BAD);

	uint32_t len = udp_len(in, &pkt->udp);

	if (len == 0)
		return drop(st, COUNT_UDP_BAD);
	if (!udp_checksum_ok(st, in, body, len, &pkt->udp))
		return drop(st, COUNT_L4_CHECKSUM);
	packet_open(pkt, in);
	pkt->borrowable = !scratch;
	pkt->len = len - UDP_HLEN;
	pkt->npay = pkt->len > 0;
	pkt->pay[0] = view_of(body.p + UDP_HLEN, pkt->len);
	return STACK_UDP;
}

static enum stack_result
icmp_packet(struct stack *st, const struct inbound *in, struct packet *pkt, usec_t now)
{
	bool scratch;
	struct view body = private_body(st, in, &scratch);
	struct csum c = {0};

	if (body.len < ICMP_HLEN)
		return drop(st, COUNT_ICMP_BAD);
	if (in->ip.proto == IP_PROTO_ICMPV6)
		c = pseudo_sum(in, in->ip.len);
	csum_add(&c, body);
	if (!checksum_done(in) && csum_final(&c) != 0)
		return drop(st, COUNT_L4_CHECKSUM);
	return icmp_input(st, in, body, !scratch, pkt, now);
}

/* Nothing is ever taken out of a tunnel; who asks for a transport we do not speak is told so. */
static enum stack_result
unknown_packet(struct stack *st, const struct inbound *in, usec_t now)
{
	uint32_t at = 0;

	if (in->ip.proto == IP_PROTO_NONE && !addr_is_v4(&in->ip.src))
		return drop(st, COUNT_IP_PROTO);
	if (!addr_is_v4(&in->ip.src))
		at = icmp6_next_header_at(in->net, &in->ip);
	icmp_send_error(st, ICMP_ERR_PROTO, at, &in->ip, in->net, now);
	return drop(st, COUNT_IP_PROTO);
}

static enum stack_result
transport_input(struct stack *st, struct inbound *in, struct packet *pkt, usec_t now)
{
	bool v4 = addr_is_v4(&in->ip.src);

	if (in->ip.proto == IP_PROTO_TCP)
		return tcp_packet(st, in, pkt);
	if (in->ip.proto == IP_PROTO_UDP)
		return udp_packet(st, in, pkt);
	if (in->ip.proto == (v4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6))
		return icmp_packet(st, in, pkt, now);
	return unknown_packet(st, in, now);
}

/* --- fragments -------------------------------------------------------------------------------------- */

/* Bytes of header by which a transport can be judged: the first fragment must have them (RFC 1858, 7112). */
static uint32_t
transport_min(uint8_t proto)
{
	switch (proto) {
	case IP_PROTO_TCP:
		return TCP_HLEN;
	case IP_PROTO_UDP:
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMPV6:
		return 8; /* UDP_HLEN and ICMP_HLEN alike */
	default:
		return 0;
	}
}

static bool
is_extension(const struct ip *h)
{
	return !addr_is_v4(&h->src) && (h->proto == IP_PROTO_HOPOPTS || h->proto == IP_PROTO_ROUTING ||
					h->proto == IP_PROTO_FRAGMENT || h->proto == IP_PROTO_DSTOPTS);
}

/* What an error about a reassembled packet quotes: its header, as if it had come whole, and its start. */
static void
quote_whole(struct stack *st, struct inbound *in)
{
	struct wr w = wr_of(st->head, FRAME_HEAD);

	ip_emit(&w, &in->ip);
	wr_bytes(&w, in->whole.p, min_size(in->whole.len, (size_t)(w.end - w.p)));
	in->net = view_of(st->head, (size_t)(w.p - st->head));
}

/* A piece goes to the table; true when it made the packet whole, which in then is. */
static bool
reassemble(struct stack *st, struct inbound *in, usec_t now)
{
	bool scratch;
	struct view bytes = private_body(st, in, &scratch);
	struct ip piece = in->ip;

	ip_expire_fragments(st, now);
	switch (frag_input(&st->frag, &piece, bytes, in->net, now, &in->ip, &in->whole)) {
	case FRAG_COMPLETE:
		in->f = NULL;
		quote_whole(st, in);
		return true;
	case FRAG_BAD:
		st->count[COUNT_FRAG_BAD]++;
		return false;
	case FRAG_OVERLAPS:
		st->count[COUNT_FRAG_OVERLAP]++;
		return false;
	case FRAG_EVICTED:
		st->count[COUNT_FRAG_FULL]++;
		return false;
	case FRAG_WAITING:
		break;
	}
	return false;
}

/* true: the packet is whole now. */
static bool
fragment_input(struct stack *st, struct inbound *in, usec_t now)
{
	/* Extension headers that hide behind the fragment header are not looked for (RFC 7112 4). */
	if (is_extension(&in->ip)) {
		st->count[COUNT_IP_EXTENSION]++;
		return false;
	}
	if (in->ip.frag_off == 0 && in->ip.len < transport_min(in->ip.proto)) {
		if (!addr_is_v4(&in->ip.src))
			icmp_send_error(st, ICMP_ERR_PARAM, 3u << 24, &in->ip, in->net, now);
		st->count[COUNT_FRAG_BAD]++;
		return false;
	}
	return reassemble(st, in, now);
}

void
ip_expire_fragments(struct stack *st, usec_t now)
{
	struct view quote;

	while (frag_expire(&st->frag, now, &quote)) {
		st->count[COUNT_FRAG_TIMEOUT]++;
		/* Only when the first piece is there to be quoted (RFC 792, RFC 8200 4.5). */
		if (quote.len > 0)
			stack_send_error(st, ICMP_ERR_REASSEMBLY, 0, NULL, quote, now);
	}
}

/* --- IP -------------------------------------------------------------------------------------------- */

/* Somewhere a unicast packet can go, or for ICMPv6, a group that is looked at there. */
static bool
destination_ok(const struct stack *st, const struct ip *h)
{
	const struct addr *a = &h->dst;
	enum family fam = addr_family(a);

	if (addr_eq(a, &st->cfg.net[fam].guest) || addr_eq(a, &h->src) || addr_eq(a, &st->guest_heard[fam]))
		return false;
	if (fam == FAMILY_V4) {
		uint8_t top = a->b[12];

		/* 0/8, 127/8, and from 224/4 on: multicast, reserved, broadcast. */
		return top != 0 && top != 127 && top < 224 && !is_subnet_edge(st, a);
	}
	if (addr_is_multicast(a))
		return h->proto == IP_PROTO_ICMPV6;
	if (addr_is_link_local(a))
		return stack_is_ours(st, a);
	return !addr_is_unspecified(a) && !addr_is_loopback(a);
}

/* The guest's; or none yet, which only neighbour discovery may have (RFC 4862 5.4.2). */
static bool
source_ok(const struct stack *st, const struct ip *h)
{
	if (stack_is_guest(st, &h->src))
		return true;
	return h->proto == IP_PROTO_ICMPV6 && !h->fragment && !addr_is_v4(&h->src) &&
	       addr_is_unspecified(&h->src);
}

static enum stack_count
count_of(enum ip_parse_result res)
{
	switch (res) {
	case IP_BAD_VERSION:
		return COUNT_IP_VERSION;
	case IP_BAD_LENGTH:
		return COUNT_IP_LENGTH;
	case IP_BAD_CHECKSUM:
		return COUNT_IP_CHECKSUM;
	case IP_BAD_TTL:
		return COUNT_IP_TTL;
	case IP_BAD_OPTION:
		return COUNT_IP_OPTION;
	case IP_BAD_EXTENSION:
	case IP_PARAM_PROBLEM:
		return COUNT_IP_EXTENSION;
	case IP_BAD_ADDRESS:
		return COUNT_IP_ADDRESS;
	case IP_BAD_FRAGMENT:
		return COUNT_FRAG_BAD;
	default:
		return COUNT_IP_TRUNCATED;
	}
}

/* Reads the header; on trouble counts it, and answers it where IPv6 asks for that. */
static bool
parse(struct stack *st, struct inbound *in, enum family fam, usec_t now)
{
	struct ip_problem why = {0};
	size_t total = in->f->len - ETH_HLEN;
	enum ip_parse_result res =
	    fam == FAMILY_V4 ? ip4_parse(in->net, total, &in->ip) : ip6_parse(in->net, total, &in->ip, &why);

	if (res == IP_OK) {
		in->net.len = min_size(in->net.len, (size_t)in->ip.hlen + in->ip.len);
		return true;
	}
	if (res == IP_PARAM_PROBLEM && stack_is_guest(st, &in->ip.src))
		icmp_send_error(st, ICMP_ERR_PARAM, (uint32_t)why.code << 24 | why.pointer, &in->ip, in->net,
				now);
	st->count[count_of(res)]++;
	return false;
}

/* Beyond us is a hop away, and that is one too many (RFC 1812 5.3.1, RFC 8200 3). */
static bool
expires_here(const struct stack *st, const struct ip *h)
{
	return h->ttl == 1 && !stack_is_ours(st, &h->dst) && !addr_is_multicast(&h->dst);
}

/* --- the gateway's own servers ----------------------------------------------------------------------- */

/* A query for an address comes from who has none yet, and may go to everybody; nothing else may. */
static bool
is_for_dhcp(const struct stack *st, const struct inbound *in)
{
	struct rd r = rd_of(in->net);
	struct udp h;

	if (!st->cfg.dhcp || in->ip.proto != IP_PROTO_UDP || in->ip.fragment)
		return false;
	rd_take(&r, in->ip.hlen);
	if (!udp_parse(&r, &h))
		return false;
	return addr_is_v4(&in->ip.src) ? dhcp_claims(st, in, &h) : dhcp6_claims(st, in, &h);
}

static enum stack_result
dhcp_packet(struct stack *st, const struct inbound *in, struct packet *pkt, usec_t now)
{
	if (!offload_ok(in) || in->f->off.gso_type != GSO_NONE)
		return drop(st, COUNT_OFFLOAD);
	if (udp_packet(st, in, pkt) != STACK_UDP)
		return STACK_DONE;
	if (stack_is_guest(st, &in->ip.src))
		guest_seen(st, &in->ip.src, in->from, now);

	struct view msg = view_of(pkt->pay[0].p, pkt->len);

	return addr_is_v4(&in->ip.src) ? dhcp_input(st, in, msg, now) : dhcp6_input(st, in, msg, now);
}

/* --- in ---------------------------------------------------------------------------------------------- */

enum stack_result
ip_input(struct stack *st, struct inbound *in, enum family fam, struct packet *pkt, usec_t now)
{
	if (!st->cfg.net[fam].on)
		return drop(st, COUNT_IP_ADDRESS);
	if (!parse(st, in, fam, now))
		return STACK_DONE;
	if (is_for_dhcp(st, in))
		return dhcp_packet(st, in, pkt, now);
	if (!source_ok(st, &in->ip))
		return drop(st, COUNT_IP_SOURCE);
	if (!addr_is_unspecified(&in->ip.src))
		guest_seen(st, &in->ip.src, in->from, now);
	if (!destination_ok(st, &in->ip))
		return drop(st, COUNT_IP_DEST);
	/* A frame for everybody with a packet for one (RFC 1122 3.3.6). */
	if (in->to_group && !addr_is_multicast(&in->ip.dst))
		return drop(st, COUNT_ETH_DEST);
	if (!offload_ok(in))
		return drop(st, COUNT_OFFLOAD);
	if (in->ip.fragment && !fragment_input(st, in, now))
		return STACK_DONE;
	if (expires_here(st, &in->ip)) {
		icmp_send_error(st, ICMP_ERR_TTL, 0, &in->ip, in->net, now);
		return drop(st, COUNT_IP_TTL);
	}
	return transport_input(st, in, pkt, now);
}
