/*
 * net_kit.h - a stack with a guest on one side and a list of sent frames on the other
 *
 * give() hands one frame to the stack from heap blocks of its exact size, in one span, as shared memory
 * or cut into many spans (net_way), and copies what came up before the blocks are freed.  Whatever the
 * stack sends is read by a parser of its own, stricter than a host's: addresses, lengths, checksums,
 * padding, offload facts.  still_works() is what every attack must leave behind.
 */
#ifndef TEST_UNIT_NET_KIT_H
#define TEST_UNIT_NET_KIT_H

#include "stack/csum.h"
#include "stack/eth_wire.h"
#include "stack/ip_wire.h"
#include "stack/stack.h"
#include "test/unit/wire_kit.h"

#define NET_SENT 128u
#define NET_BYTES 65700u

enum net_way { WAY_ONE_SPAN, WAY_SHARED, WAY_SPLIT, WAYS };

struct sent {
	struct offload off;
	uint8_t *b;
	size_t len;
	struct eth eth;
	struct ip ip; /* not for ARP */
};

struct net {
	struct stack st;
	struct frame_sink sink;
	bool full; /* the link has no room */
	unsigned flushes;
	size_t nsent;
	uint64_t bytes_sent;
	struct sent sent[NET_SENT]; /* the first ones */
	struct packet pkt;
	uint8_t pay[NET_BYTES]; /* payload of pkt, copied */
	usec_t now;
	enum net_way way;
};

static const struct mac net_gw_mac = {{0x52, 0x55, 0x0a, 0x00, 0x02, 0x02}};
static const struct mac net_guest_mac = {{0x52, 0x54, 0x00, 0x12, 0x34, 0x56}};
static const struct mac net_all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

#define GUEST4 "10.0.2.15"
#define GW4 "10.0.2.2"
#define DNS4 "10.0.2.3"
#define FAR4 "192.0.2.1"
#define GUEST6 "fd73:6c75:6963:65::15"
#define GW6 "fd73:6c75:6963:65::2"
#define DNS6 "fd73:6c75:6963:65::3"
#define FAR6 "2001:db8::1"

/* --- what the stack sends ---------------------------------------------------------------------------- */

static inline bool
net_is_ours(const struct net *n, const struct addr *a)
{
	(void)n;
	struct addr gw4 = kit_addr(GW4), gw6 = kit_addr(GW6), ll = addr_link_local_of(net_gw_mac);

	return addr_eq(a, &gw4) || addr_eq(a, &gw6) || addr_eq(a, &ll);
}

static inline void
net_check_transport(const struct sent *s)
{
	size_t at = ETH_HLEN + s->ip.hlen;
	struct csum c = {0};

	if (s->ip.fragment)
		return;
	if (s->ip.proto != IP_PROTO_ICMP)
		csum_pseudo(&c, &s->ip.src, &s->ip.dst, s->ip.proto, s->ip.len);
	if (!s->off.needs_csum) {
		csum_add(&c, view_of(s->b + at, s->ip.len));
		assert_int_equal(csum_final(&c), 0);
		assert_int_equal(s->off.gso_type, GSO_NONE);
		return;
	}
	assert_int_equal(s->off.csum_start, at);
	assert_int_equal(s->off.csum_offset, s->ip.proto == IP_PROTO_TCP ? 16 : 6);
	assert_int_equal(s->b[at + s->off.csum_offset] << 8 | s->b[at + s->off.csum_offset + 1],
			 csum_partial(&c));
	assert_int_equal(s->off.hdr_len,
			 at + (s->ip.proto == IP_PROTO_TCP ? (size_t)s->b[at + 12] >> 4 << 2 : 8));
	if (s->off.gso_type != GSO_NONE)
		assert_true(s->off.gso_size > 0 && s->len > s->off.hdr_len + (size_t)s->off.gso_size);
}

static inline void
net_check_ip(struct net *n, struct sent *s)
{
	struct view packet = view_of(s->b + ETH_HLEN, s->len - ETH_HLEN);
	struct ip_problem why;

	if (s->eth.type == ETHERTYPE_IPV4)
		assert_int_equal(ip4_parse(packet, packet.len, &s->ip), IP_OK);
	else
		assert_int_equal(ip6_parse(packet, packet.len, &s->ip, &why), IP_OK);
	/* What follows the packet is padding, and nothing but zeros. */
	for (size_t i = (size_t)s->ip.hlen + s->ip.len; i < packet.len; i++)
		assert_int_equal(packet.p[i], 0);
	assert_true(packet.len == (size_t)s->ip.hlen + s->ip.len || s->len == 60);
	assert_true(s->off.gso_type != GSO_NONE || (size_t)s->ip.hlen + s->ip.len <= n->sink.lim.mtu);
	net_check_transport(s);
}

static inline void
net_send(void *ctx, const struct frame *f)
{
	struct net *n = ctx;
	struct sent s = {.off = f->off, .len = f->len};
	size_t at = 0;

	assert_true(f->nspan > 0 && f->nspan <= FRAME_SPANS && f->span[0].len <= FRAME_HEAD);
	s.b = malloc(f->len);
	assert_non_null(s.b);
	for (unsigned i = 0; i < f->nspan; i++) {
		assert_true(at + f->span[i].len <= f->len);
		memcpy(s.b + at, f->span[i].p, f->span[i].len);
		at += f->span[i].len;
	}
	assert_int_equal(at, f->len);
	assert_true(f->len <= FRAME_MAX && (n->sink.lim.csum || f->len >= 60));

	struct rd r = rd_of(view_of(s.b, s.len));

	assert_true(eth_parse(&r, &s.eth));
	assert_true(mac_eq(s.eth.src, net_gw_mac));
	if (s.eth.type != ETHERTYPE_ARP)
		net_check_ip(n, &s);
	n->bytes_sent += s.len;
	if (n->nsent < NET_SENT)
		n->sent[n->nsent] = s;
	else
		free(s.b);
	n->nsent++;
}

static inline bool
net_room(void *ctx)
{
	return !((struct net *)ctx)->full;
}

static inline void
net_flush(void *ctx)
{
	((struct net *)ctx)->flushes++;
}

static inline void
net_forget(struct net *n)
{
	for (size_t i = 0; i < n->nsent && i < NET_SENT; i++)
		free(n->sent[i].b);
	n->nsent = 0;
	n->bytes_sent = 0;
}

/* --- life -------------------------------------------------------------------------------------------- */

static inline struct stack_config
net_config(void)
{
	return (struct stack_config){
	    .mac = net_gw_mac,
	    .net = {{true, kit_addr(GUEST4), 24, kit_addr(GW4), kit_addr(DNS4)},
		    {true, kit_addr(GUEST6), 64, kit_addr(GW6), kit_addr(DNS6)}},
	    .secret = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	};
}

static inline struct net *
net_new_with(enum net_way way, const struct stack_config *cfg)
{
	struct net *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	n->way = way;
	n->now = 5 * USEC_PER_SEC;
	n->sink = (struct frame_sink){
	    .ctx = n, .room = net_room, .send = net_send, .flush = net_flush, .lim = {.mtu = 1500}};
	stack_init(&n->st, cfg, &n->sink, n->now);
	return n;
}

/* Its router advertisement is out of the way. */
static inline struct net *
net_quiet(enum net_way way, const struct stack_config *cfg)
{
	struct net *n = net_new_with(way, cfg);

	stack_timers(&n->st, n->now);
	net_forget(n);
	return n;
}

/* And the guest's MAC is configured. */
static inline struct net *
net_new(enum net_way way)
{
	struct stack_config cfg = net_config();

	cfg.guest_mac = net_guest_mac;
	return net_quiet(way, &cfg);
}

static inline void
net_free(struct net *n)
{
	net_forget(n);
	free(n);
}

static inline uint64_t
net_count(const struct net *n, enum stack_count c)
{
	return n->st.count[c];
}

/* --- a frame of the guest ----------------------------------------------------------------------------- */

struct bytes {
	uint8_t b[NET_BYTES];
	size_t len;
	struct offload off;
};

static inline void
put8(struct bytes *f, size_t at, unsigned v)
{
	f->b[at] = (uint8_t)v;
}

static inline void
put16(struct bytes *f, size_t at, unsigned v)
{
	f->b[at] = (uint8_t)(v >> 8);
	f->b[at + 1] = (uint8_t)v;
}

/* The IPv4 header's checksum put right again, as far as its IHL says it goes. */
static inline void
seal4(struct bytes *f)
{
	size_t hlen = (f->b[ETH_HLEN] & 0xfu) * 4;
	struct csum c = {0};

	put16(f, ETH_HLEN + 10, 0);
	csum_add(&c, view_of(f->b + ETH_HLEN, hlen));
	put16(f, ETH_HLEN + 10, csum_final(&c));
}

static inline void
net_eth(struct bytes *f, struct mac dst, struct mac src, uint16_t type)
{
	struct wr w = wr_of(f->b, ETH_HLEN);

	eth_emit(&w, &(struct eth){dst, src, type});
	f->len = ETH_HLEN;
	f->off = (struct offload){0};
}

/* An IP packet of the guest around this payload; h says the rest. */
static inline void
net_ip(struct bytes *f, const struct ip *h, const void *payload, size_t n)
{
	struct ip ip = *h;

	ip.len = (uint32_t)n;
	net_eth(f, net_gw_mac, net_guest_mac, addr_is_v4(&h->src) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	struct wr w = wr_of(f->b + ETH_HLEN, sizeof(f->b) - ETH_HLEN);

	ip_emit(&w, &ip);
	wr_bytes(&w, payload, n);
	assert_false(w.bad);
	f->len = (size_t)(w.p - f->b);
}

static inline struct ip
net_ip_header(const char *src, const char *dst, uint8_t proto)
{
	return (struct ip){.src = kit_addr(src), .dst = kit_addr(dst), .proto = proto, .ttl = 64};
}

/* The checksum over a transport, to be written at its field. */
static inline void
net_seal(const struct ip *h, uint8_t *l4, size_t n, size_t at)
{
	struct csum c = {0};

	l4[at] = l4[at + 1] = 0;
	if (h->proto != IP_PROTO_ICMP)
		csum_pseudo(&c, &h->src, &h->dst, h->proto, (uint32_t)n);
	csum_add(&c, view_of(l4, n));
	uint16_t v = csum_final(&c);

	if (v == 0 && h->proto == IP_PROTO_UDP)
		v = 0xffff;
	l4[at] = (uint8_t)(v >> 8);
	l4[at + 1] = (uint8_t)v;
}

/* Puts UDP header and checksum in front of data; returns the length. */
static inline size_t
net_udp_into(uint8_t *l4, const struct ip *h, uint16_t sport, uint16_t dport, const void *data, size_t n)
{
	struct wr w = wr_of(l4, UDP_HLEN + n);

	udp_emit(&w, &(struct udp){sport, dport, (uint16_t)(UDP_HLEN + n), 0});
	wr_bytes(&w, data, n);
	net_seal(h, l4, UDP_HLEN + n, 6);
	return UDP_HLEN + n;
}

static inline size_t
net_tcp_into(uint8_t *l4, const struct ip *h, uint8_t flags, const void *data, size_t n)
{
	struct wr w = wr_of(l4, TCP_HLEN + n);

	tcp_emit(&w, &(struct tcp_hdr){
			 .sport = 40000, .dport = 80, .seq = 1000, .ack = 1, .flags = flags, .wnd = 1000});
	wr_bytes(&w, data, n);
	net_seal(h, l4, TCP_HLEN + n, 16);
	return TCP_HLEN + n;
}

static inline size_t
net_icmp_into(uint8_t *l4, const struct ip *h, uint8_t type, uint8_t code, uint32_t rest, const void *data,
	      size_t n)
{
	struct wr w = wr_of(l4, ICMP_HLEN + n);

	icmp_emit(&w, &(struct icmp){type, code, 0, rest});
	wr_bytes(&w, data, n);
	net_seal(h, l4, ICMP_HLEN + n, 2);
	return ICMP_HLEN + n;
}

static inline void
net_udp(struct bytes *f, const char *src, const char *dst, const void *data, size_t n)
{
	static uint8_t l4[NET_BYTES];
	struct ip h = net_ip_header(src, dst, IP_PROTO_UDP);

	net_ip(f, &h, l4, net_udp_into(l4, &h, 5000, 53, data, n));
}

static inline void
net_tcp(struct bytes *f, const char *src, const char *dst, uint8_t flags, const void *data, size_t n)
{
	static uint8_t l4[NET_BYTES];
	struct ip h = net_ip_header(src, dst, IP_PROTO_TCP);

	net_ip(f, &h, l4, net_tcp_into(l4, &h, flags, data, n));
}

/* ICMP of the family of src; ttl 255, which neighbour discovery wants and nobody minds. */
static inline void
net_icmp(struct bytes *f, const char *src, const char *dst, uint8_t type, uint8_t code, uint32_t rest,
	 const void *data, size_t n)
{
	static uint8_t l4[NET_BYTES];
	struct ip h = net_ip_header(src, dst, IP_PROTO_ICMPV6);

	h.ttl = 255;
	if (addr_is_v4(&h.src))
		h.proto = IP_PROTO_ICMP;
	net_ip(f, &h, l4, net_icmp_into(l4, &h, type, code, rest, data, n));
}

/* An IPv6 packet of whatever comes after the fixed header: next header, bytes. */
static inline void
net_ip6_raw(struct bytes *f, const char *src, const char *dst, uint8_t next, const void *payload, size_t n)
{
	struct ip h = net_ip_header(src, dst, next);

	net_ip(f, &h, payload, n);
}

static inline enum stack_result
give(struct net *n, const struct bytes *bytes)
{
	struct frame f = {.off = bytes->off, .len = (uint32_t)bytes->len, .shared = n->way == WAY_SHARED};
	size_t piece = n->way == WAY_SPLIT ? bytes->len / (FRAME_SPANS - 1) + 1 : bytes->len;
	uint8_t *block[FRAME_SPANS];
	size_t at = 0;

	for (size_t left = bytes->len; left > 0 || f.nspan == 0; left = bytes->len - at) {
		size_t k = left < piece ? left : piece;

		block[f.nspan] = kit_exact(bytes->b + at, k);
		f.span[f.nspan] = view_of(block[f.nspan], k);
		f.nspan++;
		at += k;
	}
	/* Junk where nothing was written must not be looked at. */
	memset(&n->pkt, 0xa5, sizeof(n->pkt));
	enum stack_result res = stack_input(&n->st, &f, &n->pkt, n->now);

	at = 0;
	if (res != STACK_DONE) {
		for (unsigned i = 0; i < n->pkt.npay; i++) {
			memcpy(n->pay + at, n->pkt.pay[i].p, n->pkt.pay[i].len);
			at += n->pkt.pay[i].len;
		}
		assert_int_equal(at, n->pkt.len);
	}
	for (unsigned i = 0; i < f.nspan; i++)
		free(block[i]);
	return res;
}

/* Dropped, counted there, nothing said and nothing believed. */
static inline void
drops(struct net *n, const struct bytes *f, enum stack_count c)
{
	uint64_t before = net_count(n, c);
	size_t sent = n->nsent;

	assert_int_equal(give(n, f), STACK_DONE);
	if (net_count(n, c) != before + 1)
		fail_msg("%s is %u, not %u", stack_count_name(c), (unsigned)net_count(n, c),
			 (unsigned)before + 1);
	assert_int_equal(n->nsent, sent);
}

/* The gateway lives: packets of both families go up, and its own addresses answer. */
static inline void
still_works(struct net *n)
{
	static struct bytes f;
	static const char *const src[] = {GUEST4, GUEST6}, *const far[] = {FAR4, FAR6},
				 *const gw[] = {GW4, GW6};

	net_forget(n);
	for (int i = 0; i < 2; i++) {
		net_udp(&f, src[i], far[i], "still", 5);
		assert_int_equal(give(n, &f), STACK_UDP);
		assert_int_equal(n->pkt.len, 5);
		assert_memory_equal(n->pay, "still", 5);
		net_tcp(&f, src[i], far[i], TCP_SYN, NULL, 0);
		assert_int_equal(give(n, &f), STACK_TCP);
		net_icmp(&f, src[i], gw[i], i ? 128 : 8, 0, 0x10002, "here?", 5);
		assert_int_equal(give(n, &f), STACK_DONE);
		assert_int_equal(n->nsent, i + 1);
	}
	assert_true(mac_eq(n->st.guest_mac, net_guest_mac));
	net_free(n);
}

#endif
