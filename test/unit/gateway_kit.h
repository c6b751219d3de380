/*
 * gateway_kit.h - a gateway on a test bed, and the few moves of guest and host that its tests are made of
 *
 * A test opens the bed with begin() after it has changed `conf`, and ends it with end(), which looks at every
 * complaint the bed has: a bad frame, a gateway that does not rest, a host socket that is left.
 */
#ifndef TEST_UNIT_GATEWAY_KIT_H
#define TEST_UNIT_GATEWAY_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stack/csum.h"
#include "stack/eth_wire.h"
#include "stack/udp_wire.h"
#include "test/bed/bed.h"

static struct bed_conf conf;
static struct bed *bed;
static unsigned logged;
static char last_log[320];
static uint8_t buf[FRAME_MAX];
/* Payload that does not matter. */
static const uint8_t zeros[65536];

static inline void
on_log(void *ctx, enum sluice_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	logged++;
	snprintf(last_log, sizeof(last_log), "%s", line);
}

/* Before each test. */
static inline int
fresh(void **state)
{
	(void)state;
	bed_conf_init(&conf);
	conf.gateway.log = on_log;
	logged = 0;
	last_log[0] = '\0';
	bed = NULL;
	return 0;
}

static inline void
begin(void)
{
	bed = bed_new(&conf);
}

static inline void
end(void)
{
	assert_string_equal(bed->complaint, "");
	assert_true(bed_free(bed));
	bed = NULL;
}

static inline void
wait_for(usec_t time)
{
	bed_until(bed, bed_now(bed) + time);
}

static inline uint64_t
counted(enum gateway_count c)
{
	return bed->gw->count[c];
}

static inline uint32_t
open_flows(enum flow_kind k)
{
	return bed->gw->flows.kind[k].open;
}

static inline struct addr
addr_of(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static inline struct endpoint
at(const char *addr, uint16_t port)
{
	return (struct endpoint){addr_of(addr), port};
}

/* --- frames of the gateway ------------------------------------------------------------------------------ */

/* The next frame that is not about neighbours, which the gateway may send at any time; NULL. */
static inline struct bed_frame *
next_frame(void)
{
	struct bed_frame *f;

	bed_settle(bed);
	while ((f = bed_pop(bed)) && (f->is.kind == STRICT_NDP || f->is.kind == STRICT_ARP))
		free(f);
	return f;
}

static inline void
expect_silence(void)
{
	assert_null(next_frame());
}

/* The next frame, which must be of this kind; to be freed. */
static inline struct bed_frame *
expect(enum strict_kind kind)
{
	struct bed_frame *f = next_frame();

	assert_non_null(f);
	assert_null(f->wrong);
	assert_int_equal(f->is.kind, kind);
	return f;
}

/* An ICMP error: its type and code; who told it, if that matters. */
static inline void
expect_error(uint8_t type, uint8_t code, uint32_t rest, const struct addr *from)
{
	struct bed_frame *f = expect(STRICT_ICMP);

	assert_int_equal(f->is.icmp.type, type);
	assert_int_equal(f->is.icmp.code, code);
	assert_int_equal(f->is.icmp.rest, rest);
	if (from)
		assert_true(addr_eq(&f->is.ip.src, from));
	free(f);
}

/* --- the guest's datagrams --------------------------------------------------------------------------------- */

static inline void
guest_udp(uint16_t sport, const struct endpoint *to, const void *data, size_t len)
{
	struct craft c = bed_craft(bed, &to->addr);

	bed_push(bed, buf, craft_udp(buf, &c, sport, to->port, view_of(data, len)));
}

/* One datagram of any size, in pieces of at most `piece` bytes (a multiple of 8). */
static inline void
guest_udp_pieces(uint16_t sport, const struct endpoint *to, const void *data, size_t len, size_t piece)
{
	struct craft c = bed_craft(bed, &to->addr);
	static uint8_t whole[UDP_HLEN + 65536];
	struct wr w = wr_of(whole, sizeof(whole));
	struct csum sum = {0};
	size_t n = UDP_HLEN + len;

	udp_emit(&w, &(struct udp){.sport = sport, .dport = to->port, .len = (uint16_t)n});
	wr_bytes(&w, data, len);
	csum_pseudo(&sum, &c.src, &c.dst, IP_PROTO_UDP, (uint32_t)n);
	csum_add(&sum, view_of(whole, n));
	whole[6] = (uint8_t)(csum_final(&sum) >> 8);
	whole[7] = (uint8_t)csum_final(&sum);
	for (size_t from = 0; from < n; from += piece) {
		struct wr out = wr_of(buf, sizeof(buf));
		struct ip h = {.src = c.src,
			       .dst = c.dst,
			       .proto = IP_PROTO_UDP,
			       .ttl = 64,
			       .fragment = true,
			       .more = n - from > piece,
			       .frag_off = (uint16_t)from,
			       .id = 77,
			       .len = (uint32_t)(n - from > piece ? piece : n - from)};

		eth_emit(&out, &(struct eth){.dst = c.dst_mac,
					     .src = c.src_mac,
					     .type = addr_is_v4(&c.src) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6});
		ip_emit(&out, &h);
		wr_bytes(&out, whole + from, h.len);
		bed_push(bed, buf, (size_t)(out.p - buf));
	}
}

/* --- the guest's TCP ------------------------------------------------------------------------------------------ */

struct peer {
	struct tuple t;
	uint32_t seq, ack; /* what it sends next, what it has */
	uint32_t wnd;
	uint16_t mss; /* of its SYN; 0: none */
};

static inline struct peer
peer_to(uint16_t sport, struct endpoint to)
{
	return (struct peer){.t = {{bed->guest[addr_family(&to.addr)], sport}, to, IP_PROTO_TCP},
			     .seq = 1000u * sport,
			     .wnd = 65535};
}

static inline void
peer_send(struct peer *p, uint8_t flags, const void *data, size_t len)
{
	struct craft c = bed_craft(bed, &p->t.remote.addr);
	struct craft_tcp s = {
	    .hdr = {.sport = p->t.guest.port,
		    .dport = p->t.remote.port,
		    .seq = p->seq,
		    .ack = flags & TCP_ACK ? p->ack : 0,
		    .flags = flags,
		    .wnd = (uint16_t)p->wnd,
		    .mss = flags & TCP_SYN ? p->mss : 0},
	    .data = view_of(data, len),
	};

	c.src = p->t.guest.addr;
	bed_push(bed, buf, craft_tcp(buf, &c, &s));
	p->seq += (uint32_t)len + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
}

/* The next frame, a segment of this connection with these flags (PSH aside); all of it counts as received. */
static inline struct bed_frame *
peer_expect(struct peer *p, uint8_t flags)
{
	struct bed_frame *f = expect(STRICT_TCP);

	assert_true(addr_eq(&f->is.ip.src, &p->t.remote.addr));
	assert_int_equal(f->is.tcp.sport, p->t.remote.port);
	assert_int_equal(f->is.tcp.dport, p->t.guest.port);
	assert_int_equal(f->is.tcp.flags & ~TCP_PSH, flags);
	if (flags & TCP_SYN)
		p->ack = f->is.tcp.seq;
	if (!(flags & TCP_RST))
		assert_int_equal(f->is.tcp.seq, p->ack);
	p->ack += (uint32_t)f->is.payload.len + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
	return f;
}

static inline void
peer_wants(struct peer *p, uint8_t flags)
{
	free(peer_expect(p, flags));
}

/* The whole handshake. */
static inline void
peer_open(struct peer *p)
{
	peer_send(p, TCP_SYN, NULL, 0);
	peer_wants(p, TCP_SYN | TCP_ACK);
	peer_send(p, TCP_ACK, NULL, 0);
	expect_silence();
}

static inline struct tcp_flow *
peer_flow(const struct peer *p)
{
	return bed_tcp(bed, &p->t);
}

static inline int
peer_fd(const struct peer *p)
{
	struct tcp_flow *tf = peer_flow(p);

	assert_non_null(tf);
	return tf->flow.fd;
}

#endif
