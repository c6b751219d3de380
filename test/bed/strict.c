/*
 * strict.c - the frame oracle: one function a header, in the order they stand on the wire
 *
 * Each returns NULL or what is wrong.  Offsets are plain numbers from the RFCs' pictures.
 */
#include "test/bed/strict.h"

#include <stdio.h>

#include "stack/eth_wire.h"

struct walk {
	const struct strict_wire *wire;
	const struct offload *off;
	const uint8_t *frame;
	size_t len;       /* of the frame */
	size_t at;        /* where the header now looked at begins */
	const uint8_t *p; /* frame + at */
	size_t n;         /* bytes of this layer and all it carries */
};

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] * 256 + p[1]);
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)be16(p) * 65536u + be16(p + 2);
}

/* RFC 1071, the slow and obvious way: big-endian words, an odd last byte in the upper half. */
static uint32_t
sum(uint32_t acc, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		acc += i % 2 ? p[i] : (uint32_t)p[i] * 256u;
		acc = acc % 65536u + acc / 65536u;
	}
	return acc;
}

static uint32_t
pseudo_sum(const struct ip *ip, size_t l4)
{
	bool v4 = addr_is_v4(&ip->src);
	uint8_t tail[8] = {
	    (uint8_t)(l4 >> 24), (uint8_t)(l4 >> 16), (uint8_t)(l4 >> 8), (uint8_t)l4, 0, 0, 0, ip->proto};
	uint32_t acc = sum(0, v4 ? ip->src.b + 12 : ip->src.b, v4 ? 4 : 16);

	acc = sum(acc, v4 ? ip->dst.b + 12 : ip->dst.b, v4 ? 4 : 16);
	return sum(acc, tail, sizeof(tail));
}

static bool
all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* --- offload facts and transport checksum ----------------------------------------------------------- */

/* Virtio 1.2 section 5.1.6.2: a checksum the guest is to finish. */
static const char *
check_unfinished(const struct walk *w, const struct ip *ip, size_t csum_at, size_t hlen)
{
	if (!w->wire->lim.csum)
		return "offload: unfinished checksum on a link without checksum offload";
	if (ip->proto != IP_PROTO_TCP && ip->proto != IP_PROTO_UDP)
		return "offload: unfinished checksum on something that is neither TCP nor UDP";
	if (w->off->csum_start != w->at || w->off->csum_offset != csum_at)
		return "offload: csum_start or csum_offset does not point at the transport checksum";
	if (w->off->hdr_len != w->at + hlen)
		return "offload: hdr_len is not the length of all headers";
	if (be16(w->p + csum_at) != pseudo_sum(ip, w->n))
		return "offload: the unfinished checksum does not hold the pseudo-header sum";
	return NULL;
}

static const char *
check_sum(const struct walk *w, const struct ip *ip, size_t csum_at, size_t hlen)
{
	if (w->off->needs_csum)
		return check_unfinished(w, ip, csum_at, hlen);

	uint32_t acc = ip->proto == IP_PROTO_ICMP ? 0 : pseudo_sum(ip, w->n);
	if (sum(acc, w->p, w->n) != 0xffff)
		return "transport checksum is wrong";
	return NULL;
}

static const char *
check_gso(const struct walk *w, const struct ip *ip, size_t hlen)
{
	const struct link_limits *lim = &w->wire->lim;
	bool v4 = addr_is_v4(&ip->src);

	switch (w->off->gso_type) {
	case GSO_NONE:
		if (w->off->gso_size)
			return "offload: gso_size without a gso_type";
		return w->len - ETH_HLEN > lim->mtu ? "longer than the MTU" : NULL;
	case GSO_TCPV4:
	case GSO_TCPV6:
		if (!lim->tso)
			return "offload: TSO on a link without it";
		if (ip->proto != IP_PROTO_TCP || v4 != (w->off->gso_type == GSO_TCPV4))
			return "offload: gso_type contradicts the packet";
		break;
	case GSO_UDP_L4:
		if (!lim->uso)
			return "offload: USO on a link without it";
		if (ip->proto != IP_PROTO_UDP)
			return "offload: gso_type contradicts the packet";
		break;
	default:
		return "offload: a gso_type that was never negotiated";
	}
	if (!w->off->needs_csum)
		return "offload: segmentation without an unfinished checksum";
	if (w->off->gso_size == 0 || w->n - hlen <= w->off->gso_size)
		return "offload: segmentation of what is one segment";
	if (w->at + hlen - ETH_HLEN + w->off->gso_size > lim->mtu)
		return "offload: gso_size makes segments longer than the MTU";
	return NULL;
}

/* --- TCP -------------------------------------------------------------------------------------------- */

static const char *
check_tcp_flags(const struct tcp_hdr *h, size_t payload)
{
	uint8_t kind = h->flags & (TCP_SYN | TCP_FIN | TCP_RST);

	if (h->flags & (TCP_URG | TCP_ECE | TCP_CWR))
		return "TCP: URG, ECE or CWR, which this gateway never uses";
	if (kind & (kind - 1))
		return "TCP: more than one of SYN, FIN and RST";
	if (!(h->flags & (TCP_SYN | TCP_RST | TCP_ACK)))
		return "TCP: no ACK outside SYN and RST (RFC 9293 3.1)";
	if (!(h->flags & TCP_ACK) && h->ack)
		return "TCP: an acknowledgment number without ACK";
	if ((h->flags & (TCP_SYN | TCP_RST)) && payload)
		return "TCP: data in a SYN or RST";
	if (payload == 0 && (h->flags & TCP_PSH))
		return "TCP: PSH without data";
	return NULL;
}

static const char *
check_sack(const uint8_t *o, struct tcp_hdr *h)
{
	if ((o[1] - 2) % 8 || o[1] < 10 || o[1] > 34 || h->nsack)
		return "TCP: SACK option of an impossible length, or twice";
	for (size_t i = 2; i < o[1]; i += 8) {
		struct tcp_sack s = {be32(o + i), be32(o + i + 4)};

		if ((int32_t)(s.right - s.left) <= 0)
			return "TCP: an empty or reversed SACK block";
		if ((int32_t)(s.left - h->ack) <= 0)
			return "TCP: a SACK block at or below the acknowledgment";
		h->sack[h->nsack++] = s;
	}
	return NULL;
}

/* One option of length n; NOP and EOL are the caller's. */
static const char *
check_tcp_option(const struct walk *w, const uint8_t *o, size_t n, const struct ip *ip, struct tcp_hdr *h)
{
	bool syn = h->flags & TCP_SYN;
	uint32_t most = w->wire->lim.mtu - (addr_is_v4(&ip->src) ? 40 : 60);

	switch (o[0]) {
	case 2:
		if (n != 4 || !syn || h->mss)
			return "TCP: MSS option twice, outside a SYN (MUST-65) or not of length 4";
		h->mss = be16(o + 2);
		return h->mss == 0 || h->mss > most ? "TCP: MSS is 0 or beyond the MTU (MUST-67)" : NULL;
	case 3:
		if (n != 3 || !syn || h->has_wscale)
			return "TCP: window scale twice, outside a SYN or not of length 3 (RFC 7323 2.2)";
		h->has_wscale = true;
		h->wscale = o[2];
		return h->wscale > 14 ? "TCP: window scale beyond 14 (RFC 7323 2.3)" : NULL;
	case 4:
		if (n != 2 || !syn || h->sack_ok)
			return "TCP: SACK-permitted twice, outside a SYN or not of length 2 (RFC 2018 2)";
		h->sack_ok = true;
		return NULL;
	case 5:
		return syn ? "TCP: SACK in a SYN" : check_sack(o, h);
	default:
		return "TCP: an option this gateway never sends";
	}
}

static const char *
check_tcp_options(const struct walk *w, const struct ip *ip, struct tcp_hdr *h)
{
	const uint8_t *p = w->p;

	for (size_t i = TCP_HLEN; i < h->hlen;) {
		if (p[i] == 0)
			return all_zero(p + i, h->hlen - i) ? NULL : "TCP: padding is not zero (MUST-69)";
		if (p[i] == 1) {
			i++;
			continue;
		}
		if (i + 1 >= h->hlen || p[i + 1] < 2 || i + p[i + 1] > h->hlen)
			return "TCP: an option of impossible length";

		const char *wrong = check_tcp_option(w, p + i, p[i + 1], ip, h);
		if (wrong)
			return wrong;
		i += p[i + 1];
	}
	return NULL;
}

static const char *
check_tcp(struct walk *w, struct strict *s)
{
	struct tcp_hdr *h = &s->tcp;

	if (w->n < TCP_HLEN)
		return "TCP: shorter than its header";
	*h = (struct tcp_hdr){.sport = be16(w->p),
			      .dport = be16(w->p + 2),
			      .seq = be32(w->p + 4),
			      .ack = be32(w->p + 8),
			      .hlen = (uint8_t)(w->p[12] / 16 * 4),
			      .flags = w->p[13],
			      .wnd = be16(w->p + 14),
			      .csum = be16(w->p + 16),
			      .urp = be16(w->p + 18)};
	if (h->hlen < TCP_HLEN || h->hlen > w->n)
		return "TCP: data offset outside the segment";
	if (w->p[12] % 16)
		return "TCP: reserved bits are set";
	if (h->sport == 0 || h->dport == 0)
		return "TCP: port 0";
	if (h->urp)
		return "TCP: an urgent pointer";
	s->kind = STRICT_TCP;
	s->payload = view_of(w->p + h->hlen, w->n - h->hlen);

	const char *wrong = check_tcp_flags(h, s->payload.len);
	if (!wrong)
		wrong = check_tcp_options(w, &s->ip, h);
	if (!wrong)
		wrong = check_sum(w, &s->ip, 16, h->hlen);
	return wrong ? wrong : check_gso(w, &s->ip, h->hlen);
}

/* --- UDP and ICMP ----------------------------------------------------------------------------------- */

static const char *
check_udp(struct walk *w, struct strict *s)
{
	if (w->n < UDP_HLEN)
		return "UDP: shorter than its header";
	s->kind = STRICT_UDP;
	s->udp = (struct udp){be16(w->p), be16(w->p + 2), be16(w->p + 4), be16(w->p + 6)};
	s->payload = view_of(w->p + UDP_HLEN, w->n - UDP_HLEN);
	if (s->udp.len != w->n)
		return "UDP: length is not the packet's";
	if (s->udp.sport == 0 || s->udp.dport == 0)
		return "UDP: port 0";
	if (s->udp.csum == 0)
		return "UDP: no checksum";

	const char *wrong = check_sum(w, &s->ip, 6, UDP_HLEN);
	return wrong ? wrong : check_gso(w, &s->ip, UDP_HLEN);
}

/* The packet an ICMP error quotes: one the guest sent, at least its IP header and 8 bytes. */
static const char *
check_quote(const struct walk *w, bool v4)
{
	const uint8_t *q = w->p + ICMP_HLEN;
	size_t n = w->n - ICMP_HLEN, hlen;

	if (n < (v4 ? IP4_HLEN : IP6_HLEN) || q[0] / 16 != (v4 ? 4 : 6))
		return "ICMP: an error that quotes no IP header";
	hlen = v4 ? q[0] % 16u * 4u : IP6_HLEN;
	/* A packet that has less than 8 bytes after its header is quoted whole. */
	size_t whole = v4 ? be16(q + 2) : IP6_HLEN + (size_t)be16(q + 4);
	if (hlen < IP4_HLEN || (n < hlen + 8 && n < whole))
		return "ICMP: an error that quotes less than 8 bytes (RFC 792, RFC 4443 2.4)";
	if (w->len - ETH_HLEN > (v4 ? 576 : IP6_MIN_MTU))
		return "ICMP: an error longer than 576 or 1,280 bytes (RFC 1812 4.3.2.3, RFC 4443 2.4)";
	return NULL;
}

/* Options of neighbour discovery: no length of 0, and they end where the message ends (RFC 4861 4.6). */
static const char *
check_ndp(const struct walk *w, const struct ip *ip, uint8_t type)
{
	size_t i = type == ICMP6_RA ? 16 : 24;

	if (ip->ttl != 255)
		return "NDP: hop limit is not 255 (RFC 4861 7.1)";
	if (w->n < i)
		return "NDP: shorter than its message";
	if (type == ICMP6_NS && addr_is_multicast(&(struct addr){{w->p[8]}}))
		return "NDP: a multicast target";
	while (i < w->n) {
		if (i + 1 >= w->n || w->p[i + 1] == 0 || i + 8u * w->p[i + 1] > w->n)
			return "NDP: an option of impossible length";
		i += 8u * w->p[i + 1];
	}
	return NULL;
}

static const char *
check_icmp4(const struct walk *w, const struct icmp *h)
{
	switch (h->type) {
	case ICMP4_ECHO_REPLY:
		return h->code ? "ICMP: an echo reply with a code" : NULL;
	case ICMP4_UNREACHABLE:
		return h->code > 15 ? "ICMP: unreachable of an unknown code" : check_quote(w, true);
	case ICMP4_TIME_EXCEEDED:
		return h->code > 1 ? "ICMP: time exceeded of an unknown code" : check_quote(w, true);
	case ICMP4_PARAM_PROBLEM:
		return check_quote(w, true);
	default:
		return "ICMP: a type this gateway never sends";
	}
}

static const char *
check_icmp6(const struct walk *w, const struct ip *ip, const struct icmp *h)
{
	switch (h->type) {
	case ICMP6_ECHO_REPLY:
		return h->code ? "ICMPv6: an echo reply with a code" : NULL;
	case ICMP6_TOO_BIG:
		if (h->rest < IP6_MIN_MTU)
			return "ICMPv6: packet too big below 1,280 (RFC 8200 5)";
		return check_quote(w, false);
	case ICMP6_UNREACHABLE:
	case ICMP6_TIME_EXCEEDED:
	case ICMP6_PARAM_PROBLEM:
		return check_quote(w, false);
	case ICMP6_NS:
	case ICMP6_NA:
	case ICMP6_RA:
		return h->code ? "NDP: a code" : check_ndp(w, ip, h->type);
	default:
		return "ICMPv6: a type this gateway never sends";
	}
}

static const char *
check_icmp(struct walk *w, struct strict *s)
{
	bool v4 = s->ip.proto == IP_PROTO_ICMP;

	if (w->n < ICMP_HLEN)
		return "ICMP: shorter than its header";
	s->icmp = (struct icmp){w->p[0], w->p[1], be16(w->p + 2), be32(w->p + 4)};
	s->kind = !v4 && s->icmp.type >= ICMP6_RS ? STRICT_NDP : STRICT_ICMP;
	s->payload = view_of(w->p + ICMP_HLEN, w->n - ICMP_HLEN);

	const char *wrong = v4 ? check_icmp4(w, &s->icmp) : check_icmp6(w, &s->ip, &s->icmp);
	if (!wrong)
		wrong = check_sum(w, &s->ip, 2, ICMP_HLEN);
	return wrong ? wrong : check_gso(w, &s->ip, ICMP_HLEN);
}

/* --- IP --------------------------------------------------------------------------------------------- */

static const char *
check_fragment(const struct walk *w, struct strict *s)
{
	s->kind = STRICT_FRAGMENT;
	s->payload = view_of(w->p, w->n);
	if (w->n == 0 || (s->ip.more && w->n % 8))
		return "fragment: empty, or a middle piece that is not a multiple of 8";
	if (s->ip.frag_off + w->n > 65535)
		return "fragment: ends beyond 65,535";
	if (w->len - ETH_HLEN > w->wire->lim.mtu)
		return "longer than the MTU";
	return w->off->needs_csum || w->off->gso_type ? "fragment: with offloads" : NULL;
}

static const char *
check_transport(struct walk *w, struct strict *s)
{
	s->ip.hlen = (uint16_t)(w->at - ETH_HLEN);
	s->ip.len = (uint32_t)w->n;
	if (s->ip.fragment)
		return check_fragment(w, s);
	switch (s->ip.proto) {
	case IP_PROTO_TCP:
		return check_tcp(w, s);
	case IP_PROTO_UDP:
		return check_udp(w, s);
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMPV6:
		if ((s->ip.proto == IP_PROTO_ICMP) != addr_is_v4(&s->ip.src))
			return "ICMP of the other family";
		return check_icmp(w, s);
	default:
		return "IP: a protocol this gateway never sends";
	}
}

/* The layer's own length against the frame: exact, or zeros up to the Ethernet minimum of 60. */
static const char *
trim(struct walk *w, size_t layer)
{
	if (layer > w->n)
		return "IP: says more bytes than the frame has";
	if (layer < w->n && (w->len > 60 || !all_zero(w->p + layer, w->n - layer)))
		return "bytes after the end of the packet (row E6)";
	w->n = layer;
	return NULL;
}

static void
enter(struct walk *w, size_t hlen)
{
	w->at += hlen;
	w->p += hlen;
	w->n -= hlen;
}

/* The only packet to everybody: a DHCP server's answer to who has no address yet (RFC 2131 2, 4.1). */
static const char *
check_dhcp(const struct strict *s)
{
	static const uint8_t cookie[4] = {99, 130, 83, 99};
	const uint8_t *p = s->payload.p;

	if (s->kind != STRICT_UDP || s->udp.sport != 67 || s->udp.dport != 68)
		return "IPv4: a broadcast that is not DHCP's";
	if (s->payload.len < 300 || p[0] != 2 || p[1] != 1 || p[2] != 6 ||
	    memcmp(p + 236, cookie, sizeof(cookie)) != 0)
		return "DHCP: not a server's answer on Ethernet";
	for (size_t i = 240; i < s->payload.len && p[i] != 255; i += p[i] ? 2u + p[i + 1] : 1u)
		if (i + 1 >= s->payload.len || i + 2 + p[i + 1] >= s->payload.len)
			return "DHCP: an option that runs over";
	return NULL;
}

static const char *
check_ip4(struct walk *w, struct strict *s)
{
	if (w->n < IP4_HLEN || w->p[0] != 0x45)
		return "IPv4: not version 4 with a header of 20 bytes";

	uint16_t frag = be16(w->p + 6);
	s->ip = (struct ip){.src = addr_v4(be32(w->p + 12)),
			    .dst = addr_v4(be32(w->p + 16)),
			    .proto = w->p[9],
			    .ttl = w->p[8],
			    .tos = w->p[1],
			    .id = be16(w->p + 4),
			    .df = frag & 0x4000,
			    .more = frag & 0x2000,
			    .frag_off = (uint16_t)(frag % 0x2000u * 8u)};
	s->ip.fragment = s->ip.more || s->ip.frag_off;

	const char *wrong = trim(w, be16(w->p + 2));
	if (wrong)
		return wrong;
	if (w->n < IP4_HLEN)
		return "IPv4: total length below its header";
	if (sum(0, w->p, IP4_HLEN) != 0xffff)
		return "IPv4: header checksum is wrong";
	if (frag & 0x8000 || (s->ip.df && s->ip.fragment))
		return "IPv4: reserved flag, or a fragment that forbids fragments";
	if (s->ip.ttl == 0)
		return "IPv4: TTL 0";
	if (addr_is_unspecified(&s->ip.src) || addr_is_loopback(&s->ip.src) ||
	    addr_is_multicast(&s->ip.src) || addr_is_reserved(&s->ip.src))
		return "IPv4: from an address that is nobody's";
	if (addr_is_unspecified(&s->ip.dst) || addr_is_loopback(&s->ip.dst) ||
	    addr_is_multicast(&s->ip.dst) || (addr_is_reserved(&s->ip.dst) && !addr_is_broadcast(&s->ip.dst)))
		return "IPv4: to an address that is nobody's";
	enter(w, IP4_HLEN);
	wrong = check_transport(w, s);
	return wrong || !addr_is_broadcast(&s->ip.dst) ? wrong : check_dhcp(s);
}

static const char *
check_ip6_fragment(struct walk *w, struct strict *s)
{
	if (w->n < IP6_FRAG_HLEN || w->p[1] || be16(w->p + 2) & 6)
		return "IPv6: a fragment header cut short, or with reserved bits";
	s->ip.fragment = true;
	s->ip.proto = w->p[0];
	s->ip.frag_off = be16(w->p + 2) & 0xfff8;
	s->ip.more = w->p[3] & 1;
	s->ip.id = be32(w->p + 4);
	if (s->ip.frag_off == 0 && !s->ip.more)
		return "IPv6: an atomic fragment (RFC 8021)";
	enter(w, IP6_FRAG_HLEN);
	return NULL;
}

static const char *
check_ip6(struct walk *w, struct strict *s)
{
	if (w->n < IP6_HLEN || w->p[0] / 16 != 6)
		return "IPv6: not version 6 with its 40 bytes";
	s->ip =
	    (struct ip){.proto = w->p[6], .ttl = w->p[7], .tos = (uint8_t)(w->p[0] % 16 * 16 + w->p[1] / 16)};
	for (size_t i = 0; i < 16; i++) {
		s->ip.src.b[i] = w->p[8 + i];
		s->ip.dst.b[i] = w->p[24 + i];
	}

	const char *wrong = trim(w, IP6_HLEN + (size_t)be16(w->p + 4));
	if (wrong)
		return wrong;
	if (s->ip.ttl == 0)
		return "IPv6: hop limit 0";
	if (addr_is_v4(&s->ip.src) || addr_is_v4(&s->ip.dst))
		return "IPv6: a mapped address on the wire";
	if (addr_is_multicast(&s->ip.src) || addr_is_loopback(&s->ip.src) || addr_is_loopback(&s->ip.dst) ||
	    addr_is_unspecified(&s->ip.dst))
		return "IPv6: from or to an address that is nobody's";
	enter(w, IP6_HLEN);
	if (s->ip.proto == IP_PROTO_FRAGMENT)
		wrong = check_ip6_fragment(w, s);
	if (wrong)
		return wrong;
	wrong = check_transport(w, s);
	if (!wrong && s->kind != STRICT_NDP &&
	    (addr_is_unspecified(&s->ip.src) || addr_is_multicast(&s->ip.dst)))
		return "IPv6: an address only neighbour discovery may use";
	return wrong;
}

/* --- ARP and Ethernet ------------------------------------------------------------------------------- */

static const char *
check_arp(struct walk *w, struct strict *s)
{
	static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};
	const uint8_t *p = w->p;

	s->kind = STRICT_ARP;
	if (w->n < 28 || memcmp(p, fixed, sizeof(fixed)) != 0)
		return "ARP: not IPv4 over Ethernet";
	if (w->n > 46 || !all_zero(p + 28, w->n - 28))
		return "ARP: bytes after the message";
	s->arp = (struct arp){
	    .op = be16(p + 6), .sender_ip = addr_v4(be32(p + 14)), .target_ip = addr_v4(be32(p + 24))};
	memcpy(s->arp.sender_mac.b, p + 8, 6);
	memcpy(s->arp.target_mac.b, p + 18, 6);
	if (s->arp.op != ARP_REQUEST && s->arp.op != ARP_REPLY)
		return "ARP: neither request nor reply";
	if (!mac_eq(s->arp.sender_mac, w->wire->gateway))
		return "ARP: the sender's MAC is not the gateway's";
	if (s->arp.op == ARP_REPLY && !mac_eq(s->dst, w->wire->guest))
		return "ARP: a reply that is not sent to the guest";
	return NULL;
}

/* An IPv6 multicast address has its own MAC (RFC 2464 7). */
static bool
is_group_mac_of(struct mac m, const struct addr *a)
{
	return m.b[0] == 0x33 && m.b[1] == 0x33 && memcmp(m.b + 2, a->b + 12, 4) == 0;
}

static const char *
check_destination(const struct walk *w, const struct strict *s)
{
	static const struct mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	if (!mac_is_group(s->dst))
		return mac_eq(s->dst, w->wire->guest) ? NULL : "Ethernet: to a MAC that is not the guest's";
	if (s->kind == STRICT_ARP)
		return mac_eq(s->dst, broadcast) ? NULL : "Ethernet: ARP to a multicast group";
	if (mac_eq(s->dst, broadcast) && addr_is_broadcast(&s->ip.dst))
		return NULL;
	if (s->kind == STRICT_NDP && is_group_mac_of(s->dst, &s->ip.dst))
		return NULL;
	return "Ethernet: a unicast packet in a group frame";
}

const char *
strict_check(const struct strict_wire *wire, const uint8_t *p, size_t len, const struct offload *off,
	     struct strict *out)
{
	struct walk w = {wire, off, p, len, 0, p, len};
	const char *wrong;

	*out = (struct strict){0};
	if (len < ETH_HLEN || len > FRAME_MAX)
		return "Ethernet: shorter than its header, or longer than any frame";
	memcpy(out->dst.b, p, 6);
	memcpy(out->src.b, p + 6, 6);
	if (!mac_eq(out->src, wire->gateway))
		return "Ethernet: not from the gateway's MAC";
	enter(&w, ETH_HLEN);
	switch (be16(p + 12)) {
	case ETHERTYPE_IPV4:
		wrong = check_ip4(&w, out);
		break;
	case ETHERTYPE_IPV6:
		wrong = check_ip6(&w, out);
		break;
	case ETHERTYPE_ARP:
		wrong = check_arp(&w, out);
		break;
	default:
		return "Ethernet: a type this gateway never sends";
	}
	return wrong ? wrong : check_destination(&w, out);
}

/* --- words ------------------------------------------------------------------------------------------ */

static const char *
flags_text(uint8_t flags, char buf[9])
{
	size_t n = 0;

	for (size_t bit = 0; bit < 8; bit++)
		if (flags & 1u << bit)
			buf[n++] = "FSRP.UEC"[bit];
	if (n == 0)
		buf[n++] = '-';
	buf[n] = '\0';
	return buf;
}

char *
strict_text(const struct strict *s, char *buf, size_t size)
{
	char src[ADDR_TEXT], dst[ADDR_TEXT], flags[9];

	if (s->kind == STRICT_ARP) {
		snprintf(buf, size, "arp %s who is %s, from %s", s->arp.op == ARP_REPLY ? "reply" : "request",
			 addr_text(&s->arp.target_ip, dst), addr_text(&s->arp.sender_ip, src));
		return buf;
	}
	addr_text(&s->ip.src, src);
	addr_text(&s->ip.dst, dst);
	if (s->kind == STRICT_TCP)
		snprintf(buf, size, "%s.%u > %s.%u %s seq %u ack %u win %u len %zu", src, s->tcp.sport, dst,
			 s->tcp.dport, flags_text(s->tcp.flags, flags), s->tcp.seq, s->tcp.ack, s->tcp.wnd,
			 s->payload.len);
	else if (s->kind == STRICT_UDP)
		snprintf(buf, size, "%s.%u > %s.%u udp len %zu", src, s->udp.sport, dst, s->udp.dport,
			 s->payload.len);
	else if (s->kind == STRICT_FRAGMENT)
		snprintf(buf, size, "%s > %s fragment at %u len %zu%s", src, dst, s->ip.frag_off,
			 s->payload.len, s->ip.more ? "+" : "");
	else
		snprintf(buf, size, "%s > %s icmp type %u code %u rest %u len %zu", src, dst, s->icmp.type,
			 s->icmp.code, s->icmp.rest, s->payload.len);
	return buf;
}
