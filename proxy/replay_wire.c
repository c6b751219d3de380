/*
 * replay_wire.c - reading with the stack's own parsers, changing in place
 *
 * A guest's segment is never emitted anew from what was parsed: odd options and wrong lengths are what a
 * replay is for.
 */
#include "proxy/replay_wire.h"

#include "stack/csum.h"

enum { TCP_ACK_AT = 8, TCP_CSUM_AT = 16, UDP_CSUM_AT = 6 };
enum { OPT_END = 0, OPT_NOP = 1, OPT_SACK = 5 };

/* --- reading -------------------------------------------------------------------------------------------- */

void
replay_read_transport(struct replay_packet *p, struct view segment)
{
	struct rd r = rd_of(segment);

	p->segment = segment;
	p->is = REPLAY_NONE;
	switch (p->ip.proto) {
	case IP_PROTO_TCP:
		if (tcp_parse(&r, &p->tcp))
			p->is = REPLAY_TCP;
		break;
	case IP_PROTO_UDP:
		if (udp_parse(&r, &p->udp))
			p->is = REPLAY_UDP;
		break;
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMPV6:
		if (icmp_parse(&r, &p->icmp))
			p->is = REPLAY_ICMP;
		break;
	default:
		break;
	}
	p->data = rd_rest(&r);
}

/* total: what the header may claim at most, which for a quoted packet is more than is there. */
static bool
read_ip(struct view bytes, size_t total, struct ip *ip)
{
	struct ip_problem why;

	if (bytes.len == 0)
		return false;
	if (bytes.p[0] >> 4 == 6)
		return ip6_parse(bytes, total, ip, &why) == IP_OK;
	return ip4_parse(bytes, total, ip) == IP_OK;
}

bool
replay_read(struct view frame, struct replay_packet *p)
{
	struct rd r = rd_of(frame);

	*p = (struct replay_packet){.is = REPLAY_NONE};
	if (!eth_parse(&r, &p->eth) || (p->eth.type != ETHERTYPE_IPV4 && p->eth.type != ETHERTYPE_IPV6))
		return false;

	struct view packet = rd_rest(&r);
	if (!read_ip(packet, packet.len, &p->ip))
		return false;
	r = rd_of(packet);
	rd_take(&r, p->ip.hlen);
	p->at = ETH_HLEN + p->ip.hlen;
	p->segment = rd_take(&r, p->ip.len);
	if (!p->ip.fragment)
		replay_read_transport(p, p->segment);
	return !r.bad;
}

bool
replay_read_quote(struct view body, struct replay_quote *q)
{
	struct rd r = rd_of(body);
	struct ip ip;

	if (!read_ip(body, UINT16_MAX + IP6_HLEN, &ip) || (ip.fragment && ip.frag_off))
		return false;
	rd_take(&r, ip.hlen);
	struct rd whole = r;
	*q = (struct replay_quote){.flow = {.guest = {.addr = ip.src}, .remote = {.addr = ip.dst}, ip.proto}};

	uint16_t sport = rd_u16(&r), dport = rd_u16(&r), id = rd_u16(&r);
	rd_u16(&r);
	bool echo = ip.proto == IP_PROTO_ICMP || ip.proto == IP_PROTO_ICMPV6;
	q->flow.guest.port = echo ? id : sport;
	q->flow.remote.port = echo ? 0 : dport;
	if (r.bad)
		return false;
	q->data = rd_rest(echo ? &whole : &r);
	return true;
}

/* --- changing ------------------------------------------------------------------------------------------- */

struct patch {
	uint8_t *p;   /* the TCP header */
	uint32_t sum; /* what the changes add to the sum of all words, not yet folded */
};

static void
put_u8(struct patch *h, size_t at, uint8_t value)
{
	uint32_t weight = at % 2 ? 1 : 256;

	h->sum += weight * value + (0xffff - weight * h->p[at]);
	h->p[at] = value;
}

static void
put_u32(struct patch *h, size_t at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		put_u8(h, at + i, (uint8_t)(value >> (24 - 8 * i)));
}

static void
shift_sack(struct patch *h, struct rd option, uint32_t shift)
{
	while (rd_left(&option) >= 4) {
		size_t at = (size_t)(option.p - h->p);

		put_u32(h, at, rd_u32(&option) + shift);
	}
}

static void
shift_options(struct patch *h, struct view options, uint32_t shift)
{
	struct rd r = rd_of(options);

	while (rd_left(&r)) {
		uint8_t kind = rd_u8(&r);

		if (kind == OPT_END)
			return;
		if (kind == OPT_NOP)
			continue;

		uint8_t len = rd_u8(&r);
		struct view value = rd_take(&r, len < 2 ? SIZE_MAX : len - 2u);
		if (r.bad)
			return;
		if (kind == OPT_SACK)
			shift_sack(h, rd_of(value), shift);
	}
}

void
replay_shift(uint8_t *frame, const struct replay_packet *p, uint32_t ack, uint32_t shift, bool unfinished)
{
	struct patch h = {.p = frame + p->at};

	put_u32(&h, TCP_ACK_AT, ack);
	shift_options(&h, view_of(h.p + TCP_HLEN, p->tcp.hlen - TCP_HLEN), shift);
	if (unfinished)
		return;

	uint32_t sum = (uint16_t)~p->tcp.csum + h.sum;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	h.p[TCP_CSUM_AT] = (uint8_t)(~sum >> 8);
	h.p[TCP_CSUM_AT + 1] = (uint8_t)~sum;
}

/* --- offload -------------------------------------------------------------------------------------------- */

static bool
is_bare(const struct replay_packet *p, uint16_t field)
{
	struct csum sum = {0};

	csum_pseudo(&sum, &p->ip.src, &p->ip.dst, p->ip.proto, p->ip.len);
	return csum_partial(&sum) == field;
}

void
replay_offload(const struct replay_packet *p, uint32_t mtu, uint16_t mss, struct offload *off)
{
	*off = (struct offload){0};
	if (p->is != REPLAY_TCP && p->is != REPLAY_UDP)
		return;
	if (is_bare(p, p->is == REPLAY_TCP ? p->tcp.csum : p->udp.csum)) {
		off->needs_csum = true;
		off->csum_start = (uint16_t)p->at;
		off->csum_offset = p->is == REPLAY_TCP ? TCP_CSUM_AT : UDP_CSUM_AT;
	}
	if (p->is == REPLAY_TCP && p->ip.hlen + p->ip.len > mtu) {
		uint32_t most = mtu - p->ip.hlen - TCP_HLEN;

		off->gso_type = addr_is_v4(&p->ip.src) ? GSO_TCPV4 : GSO_TCPV6;
		off->gso_size = mss && mss < most ? mss : (uint16_t)most;
		off->hdr_len = (uint16_t)(p->at + p->tcp.hlen);
	}
}
