/*
 * tcp_scene.h - a connection and a guest who follows a script
 *
 * Every segment the guest sends is written out, and what the connection says is compared:
 *
 *     guest(s, TCP_ACK, 0, 0, 1000);   the guest sends 1,000 bytes from its first one on
 *     says(s, TCP_ACK, 0, 1000, 0);    and is told so
 *     silent(s);                       and no more
 *
 * seq and ack count from the first byte of each direction; the SYN is number -1.  A script runs at the
 * sequence numbers where arithmetic wraps: AT_EVERY_ISN(script) makes the test script_.
 */
#ifndef TEST_UNIT_TCP_SCENE_H
#define TEST_UNIT_TCP_SCENE_H

#include "test/unit/tcp_kit.h"

#define GUEST_WND 4000u

struct scene {
	struct kit kit;
	struct tcp t;
	usec_t now;
	uint32_t irs, iss;
	struct tcp_out out;
	unsigned ev; /* of the last segment */
	struct borrow lent;
};

/* What the guest says, by byte number modulo 65,536, and once more so that no run is cut. */
static uint8_t text[2 * 65536];

/* One segment of the guest; seq and ack count from the first byte of each direction. */
static inline void
guest_hdr(struct scene *s, const struct tcp_hdr *h, uint32_t len)
{
	s->lent = (struct borrow){.v = view_of(text + (uint16_t)(h->seq - s->irs - 1), len)};
	s->ev = tcp_input(&s->t, h, &s->lent, len, false, s->now);
	kit_check(&s->t);
	tcp_keep(&s->t);
}

static inline void
guest(struct scene *s, uint8_t flags, int32_t seq, int32_t ack, uint32_t len)
{
	struct tcp_hdr h = {.seq = s->irs + 1 + (uint32_t)seq,
			    .ack = s->iss + 1 + (uint32_t)ack,
			    .flags = flags,
			    .wnd = GUEST_WND};

	guest_hdr(s, &h, len);
}

static inline void
window(struct scene *s, int32_t ack, uint16_t wnd)
{
	struct tcp_hdr h = {
	    .seq = s->t.rcv_nxt, .ack = s->iss + 1 + (uint32_t)ack, .flags = TCP_ACK, .wnd = wnd};

	guest_hdr(s, &h, 0);
}

static inline void
silent(struct scene *s)
{
	assert_false(kit_output(&s->t, s->now, &s->out));
}

static inline void
says(struct scene *s, uint8_t flags, int32_t seq, int32_t ack, uint32_t len)
{
	assert_true(kit_output(&s->t, s->now, &s->out));
	assert_int_equal(s->out.hdr.flags, flags);
	assert_int_equal(s->out.hdr.seq, s->iss + 1 + (uint32_t)seq);
	assert_int_equal(s->out.hdr.ack, flags & TCP_ACK ? s->irs + 1 + (uint32_t)ack : 0);
	assert_int_equal(s->out.len, len);
}

static inline void
writes(struct scene *s, uint32_t n)
{
	struct room room[2];

	while (n > 0) {
		assert_true(tcp_writable(&s->t, room) > 0);
		uint32_t part = n < room[0].len ? n : (uint32_t)room[0].len;

		memset(room[0].p, 'h', part);
		tcp_commit(&s->t, part);
		n -= part;
	}
}

/* All there is to read is what the guest's text says from byte `from` on. */
static inline void
reads(struct scene *s, uint32_t from, uint32_t n)
{
	struct view v[4];
	size_t total;
	int views = tcp_readable(&s->t, v, 4, &total);

	assert_int_equal(total, n);
	for (int i = 0; i < views; i++) {
		assert_memory_equal(v[i].p, text + from, v[i].len);
		from += (uint32_t)v[i].len;
	}
	tcp_consume(&s->t, total, s->now);
}

static inline void
open_with(struct scene *s, uint32_t isn, const struct tcp_hdr *options)
{
	struct tcp_hdr syn = *options;

	memset(s, 0, sizeof(*s));
	kit_open(&s->kit);
	s->now = 10 * USEC_PER_SEC;
	s->irs = isn;
	s->iss = isn - 5;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = kit_byte(i % 65536);
	syn.seq = isn;
	syn.flags = TCP_SYN;
	syn.wnd = GUEST_WND;
	tcp_hold(&s->t, &s->kit.conf, FAMILY_V4, &syn, s->now);
}

static inline void
begin(struct scene *s, uint32_t isn, const struct tcp_hdr *options)
{
	open_with(s, isn, options);
	assert_true(tcp_accept(&s->t, s->iss, s->now));
	says(s, TCP_SYN | TCP_ACK, -1, 0, 0);
	guest(s, TCP_ACK, 0, 0, 0);
	assert_int_equal(s->ev, TCP_EV_OPEN);
	assert_int_equal(s->t.state, TCP_ESTABLISHED);
	silent(s);
}

static const struct tcp_hdr plain = {.mss = 1460};
static const struct tcp_hdr modern = {.mss = 1460, .has_wscale = true, .wscale = 0, .sack_ok = true};

static inline void
finish(struct scene *s)
{
	tcp_free(&s->t);
	kit_close(&s->kit);
}

/* The connection a test attacked still carries bytes both ways. */
static inline void
still_lives(struct scene *s)
{
	uint32_t rcv = s->t.rcv_nxt - s->irs - 1, snd = s->t.snd_max - s->iss - 1;

	s->now += 2 * USEC_PER_SEC;
	while (kit_output(&s->t, s->now, &s->out))
		;
	assert_int_equal(s->t.state, TCP_ESTABLISHED);
	guest(s, TCP_ACK | TCP_PSH, (int32_t)rcv, (int32_t)snd, 100);
	assert_true(s->ev & TCP_EV_DATA);
	tcp_consume(&s->t, ring_len(&s->t.rcv), s->now);
	writes(s, 100);
	says(s, TCP_ACK | TCP_PSH, (int32_t)snd, (int32_t)rcv + 100, 100);
	finish(s);
}

typedef void script(struct scene *s, uint32_t isn);

static inline void
at_every_isn(script *run)
{
	struct scene s;

	for (size_t i = 0; i < KIT_ISNS; i++)
		run(&s, kit_isn[i]);
}

#define AT_EVERY_ISN(name)                \
	static void name##_(void **state) \
	{                                 \
		(void)state;              \
		at_every_isn(name);       \
	}

#endif
