/*
 * ip_output.c - packets towards the guest: headers, checksums, fragments, frames
 *
 * A packet is a transport header, written by whoever sends it, and views of payload.  Ethernet and IP
 * headers go in front of it into one span; the payload is never copied.  With a link that takes
 * unfinished checksums the transport's field gets the pseudo-header sum and the frame says where it is;
 * otherwise the payload is summed here.
 *
 * Unfragmented IPv4 packets have id 0 and DF (RFC 6864 4.1): nothing can be learnt from their ids.
 */
#include <assert.h>

#include "stack/csum.h"
#include "stack/internal.h"
#include "stack/siphash.h"

#define ETH_MIN 60u /* shortest frame on a plain Ethernet, without its check sequence */
#define IP_LEN_MAX 65535u

void
frame_output(struct stack *st, struct frame *f)
{
	static const uint8_t zeros[ETH_MIN];
	struct frame_sink *out = st->out;

	if (!out->room(out->ctx)) {
		st->count[COUNT_NO_ROOM]++;
		return;
	}
	if (f->len < ETH_MIN && !out->lim.csum) {
		assert(f->nspan < FRAME_SPANS);
		f->span[f->nspan++] = view_of(zeros, ETH_MIN - f->len);
		f->len = ETH_MIN;
	}
	st->count[COUNT_FRAMES_OUT]++;
	st->count[COUNT_BYTES_OUT] += f->len;
	out->send(out->ctx, f);
}

void
output_now(struct stack *st)
{
	st->out->flush(st->out->ctx);
}

/* A four-round Feistel network over a counter: a permutation whatever the round function is. */
uint32_t
next_id(struct stack *st, unsigned half)
{
	uint32_t mask = (1u << half) - 1;
	uint32_t n = st->ip_id++;
	uint32_t left = n >> half & mask, right = n & mask;

	for (uint32_t round = 0; round < 4; round++) {
		uint32_t in[3] = {half, round, right};
		uint32_t mixed = left ^ ((uint32_t)siphash(st->cfg.secret, in, sizeof(in)) & mask);

		left = right;
		right = mixed;
	}
	return left << half | right;
}

/* --- checksums ------------------------------------------------------------------------------------- */

static void
put_checksum(struct transport *t, uint16_t v)
{
	struct wr w = wr_of(t->hdr + t->csum_at, 2);

	wr_u16(&w, v);
}

static void
fill_checksum(const struct ip *h, struct transport *t, bool offload)
{
	struct csum c = {0};

	if (h->proto != IP_PROTO_ICMP)
		csum_pseudo(&c, &h->src, &h->dst, h->proto, t->hlen + t->len);
	if (offload) {
		put_checksum(t, csum_partial(&c));
		return;
	}
	csum_add(&c, view_of(t->hdr, t->hlen));
	for (int i = 0; i < t->npay; i++)
		csum_add(&c, t->pay[i]);

	uint16_t sum = csum_final(&c);

	/* Zero would say that there is none (RFC 768). */
	put_checksum(t, h->proto == IP_PROTO_UDP && sum == 0 ? 0xffff : sum);
}

/* --- frames ---------------------------------------------------------------------------------------- */

static void
frame_open(struct frame *f, struct view head)
{
	f->off = (struct offload){0};
	f->shared = false;
	f->nspan = 1;
	f->span[0] = head;
	f->len = (uint32_t)head.len;
}

static void
frame_add(struct frame *f, struct view v)
{
	if (v.len == 0)
		return;
	assert(f->nspan < FRAME_SPANS);
	f->span[f->nspan++] = v;
	f->len += (uint32_t)v.len;
}

/* Ethernet and IP headers, and the transport's too where it is to be in this frame. */
static struct view
emit_head(const struct stack *st, const struct mac *to, const struct ip *h, const struct transport *t,
	  uint8_t buf[FRAME_HEAD])
{
	struct wr w = wr_of(buf, FRAME_HEAD);

	eth_emit(&w, &(struct eth){
			 .dst = *to,
			 .src = st->cfg.mac,
			 .type = addr_is_v4(&h->src) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6,
		     });
	ip_emit(&w, h);
	if (t)
		wr_bytes(&w, t->hdr, t->hlen);
	assert(!w.bad);
	return view_of(buf, (size_t)(w.p - buf));
}

static void
set_offload(struct frame *f, const struct transport *t)
{
	f->off = (struct offload){
	    .needs_csum = true,
	    .csum_start = (uint16_t)(f->len - t->hlen),
	    .csum_offset = t->csum_at,
	    .hdr_len = (uint16_t)f->len,
	    .gso_type = t->gso_type,
	    .gso_size = t->gso_size,
	};
}

static void
output_whole(struct stack *st, const struct mac *to, struct ip *h, struct transport *t)
{
	bool offload =
	    st->out->lim.csum && !t->summed && (h->proto == IP_PROTO_TCP || h->proto == IP_PROTO_UDP);
	uint8_t head[FRAME_HEAD];
	struct frame f;

	h->df = true;
	fill_checksum(h, t, offload);
	frame_open(&f, emit_head(st, to, h, t, head));
	if (offload)
		set_offload(&f, t);
	for (int i = 0; i < t->npay; i++)
		frame_add(&f, t->pay[i]);
	frame_output(st, &f);
}

/* A place in the payload's views. */
struct cursor {
	const struct view *v;
	size_t skip; /* bytes of *v that are gone */
};

static void
frame_add_slice(struct frame *f, struct cursor *c, size_t n)
{
	while (n > 0) {
		size_t take = min_size(n, c->v->len - c->skip);

		frame_add(f, view_of(c->v->p + c->skip, take));
		n -= take;
		c->skip += take;
		if (c->skip == c->v->len)
			*c = (struct cursor){.v = c->v + 1};
	}
}

/* Pieces as large as the MTU allows, in order; the first one carries the transport header. */
static void
output_fragments(struct stack *st, const struct mac *to, struct ip *h, struct transport *t)
{
	uint32_t total = t->hlen + t->len, n;
	struct cursor at = {.v = t->pay};

	h->fragment = true;
	h->df = false;
	h->id = next_id(st, addr_is_v4(&h->src) ? 8 : 16);
	fill_checksum(h, t, false);

	uint32_t unit = (st->out->lim.mtu - (uint32_t)ip_emit_len(h)) & ~7u;

	assert(t->hlen <= unit);
	for (uint32_t off = 0; off < total; off += n) {
		uint8_t head[FRAME_HEAD];
		struct frame f;

		n = total - off < unit ? total - off : unit;
		h->frag_off = (uint16_t)off;
		h->more = off + n < total;
		h->len = n;
		frame_open(&f, emit_head(st, to, h, off == 0 ? t : NULL, head));
		frame_add_slice(&f, &at, off == 0 ? n - t->hlen : n);
		frame_output(st, &f);
	}
}

/* Longer than an IP packet can be: a datagram of the other family's loopback may be. */
static bool
is_too_long(const struct ip *h, const struct transport *t)
{
	return t->hlen + t->len > IP_LEN_MAX - (addr_is_v4(&h->src) ? IP4_HLEN : 0);
}

void
ip_output(struct stack *st, const struct mac *to, struct ip *h, struct transport *t)
{
	if (!to && !st->guest_mac_known) {
		st->count[COUNT_NO_GUEST]++;
		guest_wanted(st);
		return;
	}
	if (!to)
		to = &st->guest_mac;
	if (is_too_long(h, t)) {
		st->count[COUNT_NO_ROOM]++;
		return;
	}
	h->len = t->hlen + t->len;
	if (t->gso_type == GSO_NONE && ip_emit_len(h) + h->len > st->out->lim.mtu)
		output_fragments(st, to, h, t);
	else
		output_whole(st, to, h, t);
}

/* --- transports ------------------------------------------------------------------------------------ */

static uint32_t
views_len(const struct view *v, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += v[i].len;
	return (uint32_t)len;
}

static void
set_payload(struct transport *t, const struct view *pay, int npay)
{
	t->pay = pay;
	t->npay = npay;
	t->len = views_len(pay, npay);
	t->summed = false;
	t->gso_type = GSO_NONE;
	t->gso_size = 0;
}

void
stack_send_tcp(struct stack *st, const struct addr *src, const struct addr *dst, const struct tcp_hdr *h,
	       const struct view *pay, int npay, uint16_t gso_size)
{
	struct ip ip = {.src = *src, .dst = *dst, .proto = IP_PROTO_TCP, .ttl = TTL_DEFAULT};
	struct transport t;
	struct wr w = wr_of(t.hdr, sizeof(t.hdr));

	tcp_emit(&w, h);
	t.hlen = (uint8_t)(w.p - t.hdr);
	t.csum_at = 16;
	set_payload(&t, pay, npay);
	/* One segment is not a train of them: its gso_size would say nothing. */
	if (gso_size > 0 && t.len > gso_size) {
		assert(st->out->lim.tso);
		t.gso_type = addr_is_v4(src) ? GSO_TCPV4 : GSO_TCPV6;
		t.gso_size = gso_size;
	}
	ip_output(st, NULL, &ip, &t);
}

void
stack_send_udp(struct stack *st, const struct endpoint *src, const struct endpoint *dst,
	       const struct view *pay, int npay, uint16_t gso_size, uint8_t ttl, uint8_t tos)
{
	struct ip ip = {
	    .src = src->addr,
	    .dst = dst->addr,
	    .proto = IP_PROTO_UDP,
	    .ttl = ttl ? ttl : TTL_DEFAULT,
	    .tos = tos,
	};
	struct transport t;
	struct wr w = wr_of(t.hdr, sizeof(t.hdr));

	set_payload(&t, pay, npay);
	/* With several datagrams the length is that of all of them: who cuts them corrects it. */
	udp_emit(&w, &(struct udp){
			 .sport = src->port,
			 .dport = dst->port,
			 .len = (uint16_t)(UDP_HLEN + t.len),
		     });
	t.hlen = UDP_HLEN;
	t.csum_at = 6;
	if (gso_size > 0 && t.len > gso_size) {
		assert(st->out->lim.uso);
		t.gso_type = GSO_UDP_L4;
		t.gso_size = gso_size;
	}
	ip_output(st, NULL, &ip, &t);
}

void
udp_output(struct stack *st, const struct mac *to, const struct endpoint *src, const struct endpoint *dst,
	   struct view data)
{
	struct ip ip = {.src = src->addr, .dst = dst->addr, .proto = IP_PROTO_UDP, .ttl = TTL_DEFAULT};
	struct transport t = {.csum_at = 6};
	struct wr w = wr_of(t.hdr, sizeof(t.hdr));

	set_payload(&t, &data, 1);
	t.summed = true;
	udp_emit(&w, &(struct udp){src->port, dst->port, (uint16_t)(UDP_HLEN + t.len), 0});
	t.hlen = UDP_HLEN;
	ip_output(st, to, &ip, &t);
	output_now(st);
}

void
stack_send_echo_reply(struct stack *st, const struct addr *src, const struct addr *dst, uint32_t rest,
		      struct view data, uint8_t ttl, uint8_t tos)
{
	bool v4 = addr_is_v4(src);
	struct ip ip = {
	    .src = *src,
	    .dst = *dst,
	    .proto = v4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6,
	    .ttl = ttl ? ttl : TTL_DEFAULT,
	    .tos = tos,
	};
	struct transport t;
	struct wr w = wr_of(t.hdr, sizeof(t.hdr));

	icmp_emit(&w, &(struct icmp){.type = v4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY, .rest = rest});
	t.hlen = ICMP_HLEN;
	t.csum_at = 2;
	set_payload(&t, &data, 1);
	ip_output(st, NULL, &ip, &t);
}
