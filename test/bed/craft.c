/*
 * craft.c - guest frames: transport first, then the headers before it
 */
#include "test/bed/craft.h"

#include "stack/csum.h"
#include "stack/eth_wire.h"
#include "stack/udp_wire.h"

size_t
craft_ip(uint8_t to[FRAME_MAX], const struct craft *c, uint8_t proto, struct view packet)
{
	struct wr w = wr_of(to, FRAME_MAX);
	struct ip ip = {.src = c->src,
			.dst = c->dst,
			.proto = proto,
			.ttl = c->ttl ? c->ttl : 64,
			.tos = c->tos,
			.df = addr_is_v4(&c->src),
			.len = (uint32_t)packet.len};

	eth_emit(&w, &(struct eth){.dst = c->dst_mac,
				   .src = c->src_mac,
				   .type = addr_is_v4(&c->src) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6});
	ip_emit(&w, &ip);
	/* packet may lie in `to` already, where it belongs. */
	uint8_t *at = wr_take(&w, packet.len);
	if (at && packet.len)
		memmove(at, packet.p, packet.len);
	return (size_t)(w.p - to);
}

/* The transport, built where it will stand. */
static struct wr
transport_of(uint8_t to[FRAME_MAX], const struct craft *c)
{
	size_t head = ETH_HLEN + (addr_is_v4(&c->src) ? IP4_HLEN : IP6_HLEN);

	return wr_of(to + head, FRAME_MAX - head);
}

static size_t
finish(uint8_t to[FRAME_MAX], const struct craft *c, uint8_t proto, const struct wr *w, size_t csum_at)
{
	uint8_t *l4 = transport_of(to, c).p;
	struct view v = view_of(l4, (size_t)(w->p - l4));
	struct csum sum = {0};

	if (proto != IP_PROTO_ICMP)
		csum_pseudo(&sum, &c->src, &c->dst, proto, (uint32_t)v.len);
	csum_add(&sum, v);

	uint16_t field = csum_final(&sum);
	/* RFC 768: a sum of zero is sent as ones. */
	if (proto == IP_PROTO_UDP && field == 0)
		field = 0xffff;
	if (c->spoil_csum)
		field ^= 0x0101;
	l4[csum_at] = (uint8_t)(field >> 8);
	l4[csum_at + 1] = (uint8_t)field;
	return craft_ip(to, c, proto, v);
}

size_t
craft_tcp(uint8_t to[FRAME_MAX], const struct craft *c, const struct craft_tcp *t)
{
	struct wr w = transport_of(to, c);
	uint8_t *l4 = w.p;
	static const uint8_t zeros[3];

	tcp_emit(&w, &t->hdr);
	wr_bytes(&w, t->options.p, t->options.len);
	wr_bytes(&w, zeros, -t->options.len % 4);

	size_t hlen = t->data_offset ? t->data_offset : (size_t)(w.p - l4);
	l4[12] = (uint8_t)(hlen / 4 << 4);
	l4[18] = (uint8_t)(t->hdr.urp >> 8);
	l4[19] = (uint8_t)t->hdr.urp;
	wr_bytes(&w, t->data.p, t->data.len);
	return finish(to, c, IP_PROTO_TCP, &w, 16);
}

size_t
craft_udp(uint8_t to[FRAME_MAX], const struct craft *c, uint16_t sport, uint16_t dport, struct view data)
{
	struct wr w = transport_of(to, c);

	udp_emit(&w, &(struct udp){.sport = sport, .dport = dport, .len = (uint16_t)(UDP_HLEN + data.len)});
	wr_bytes(&w, data.p, data.len);
	return finish(to, c, IP_PROTO_UDP, &w, 6);
}

size_t
craft_icmp(uint8_t to[FRAME_MAX], const struct craft *c, const struct icmp *h, struct view body)
{
	struct wr w = transport_of(to, c);
	struct icmp zeroed = *h;

	zeroed.csum = 0;
	icmp_emit(&w, &zeroed);
	wr_bytes(&w, body.p, body.len);
	return finish(to, c, addr_is_v4(&c->src) ? IP_PROTO_ICMP : IP_PROTO_ICMPV6, &w, 2);
}

size_t
craft_piece(uint8_t to[FRAME_MAX], struct view frame, uint32_t from, uint32_t len, uint32_t id)
{
	struct rd r = rd_of(frame);
	struct wr w = wr_of(to, FRAME_MAX);
	struct ip_problem why;
	struct eth eth;
	struct ip ip;

	eth_parse(&r, &eth);
	struct view packet = rd_rest(&r);
	if ((eth.type == ETHERTYPE_IPV4 ? ip4_parse(packet, packet.len, &ip)
					: ip6_parse(packet, packet.len, &ip, &why)) != IP_OK ||
	    ip.fragment || from + len > ip.len)
		return 0;
	ip.fragment = true;
	ip.df = false;
	ip.frag_off = (uint16_t)from;
	ip.more = from + len < ip.len;
	ip.len = len;
	ip.id = id;
	eth_emit(&w, &eth);
	ip_emit(&w, &ip);
	wr_bytes(&w, packet.p + ip.hlen + from, len);
	return (size_t)(w.p - to);
}
