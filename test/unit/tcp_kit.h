/*
 * tcp_kit.h - what the tests of TCP share: memory, a configuration, luck, and what must always hold
 *
 * `struct kit` is a gateway's worth of TCP: a pool and a tcp_conf.  kit_check() is the invariants of
 * tcp.h and the law of the deadline, asked after every step of every test.
 */
#ifndef TEST_UNIT_TCP_KIT_H
#define TEST_UNIT_TCP_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stack/addr.h"
#include "stack/tcp.h"

#define KIT_ARENA (8u * POOL_BLOCK_MAX)

/* The sequence numbers at which arithmetic goes wrong, if it does (T6). */
static const uint32_t kit_isn[] = {0, 0x7fffffff, 0xffffffff};
#define KIT_ISNS (sizeof(kit_isn) / sizeof(kit_isn[0]))

struct kit {
	struct pool pool;
	struct tcp_conf conf;
	void *arena, *meta;
};

static inline void
kit_open(struct kit *k)
{
	k->arena = malloc(KIT_ARENA);
	k->meta = calloc(1, pool_meta_size(KIT_ARENA));
	assert_non_null(k->arena);
	assert_non_null(k->meta);
	pool_init(&k->pool, k->arena, KIT_ARENA, k->meta);
	k->conf = (struct tcp_conf){
	    .pool = &k->pool,
	    .ring_first = 16384,
	    .ring_max = 262144,
	    .reserve = POOL_BLOCK_MAX,
	    .mss = {1460, 1440},
	    .gso_max = 0,
	    .rto_min = 200 * USEC_PER_MSEC,
	    .rto_max = 60 * USEC_PER_SEC,
	    .delack = 40 * USEC_PER_MSEC,
	    .user_timeout = 100 * USEC_PER_SEC,
	    .keepalive = 7200 * USEC_PER_SEC,
	    .msl2 = USEC_PER_SEC,
	    .linger = 60 * USEC_PER_SEC,
	};
}

/* Everything that was taken has been given back. */
static inline void
kit_close(struct kit *k)
{
	assert_int_equal(k->pool.used, 0);
	free(k->arena);
	free(k->meta);
}

/* xorshift64*: the same luck on every machine. */
static inline uint32_t
kit_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 0x2545f4914f6cdd1dull) >> 32);
}

static inline uint32_t
kit_below(uint64_t *seed, uint32_t n)
{
	return n ? kit_random(seed) % n : 0;
}

/* Byte n of a stream: no two stretches alike. */
static inline uint8_t
kit_byte(uint64_t n)
{
	return (uint8_t)((n * 0x9e3779b97f4a7c15ull) >> 56);
}

/* The invariants written in tcp.h. */
static inline void
kit_check(const struct tcp *t)
{
	bool opening = t->state == TCP_SYN_SENT || t->state == TCP_SYN_RCVD;
	uint32_t end = t->snd_una + (opening ? 1 : ring_len(&t->snd) + t->fin_wanted);

	assert_true(seq_le(t->snd_una, t->snd_nxt));
	assert_true(seq_le(t->snd_nxt, t->snd_max));
	if (t->state > TCP_LISTEN && t->state != TCP_FIN_WAIT_2 && t->state != TCP_TIME_WAIT)
		assert_true(seq_le(t->snd_max, end));
	assert_true(ring_len(&t->snd) <= t->snd.cap && ring_len(&t->rcv) <= t->rcv.cap);

	if (t->state >= TCP_ESTABLISHED) {
		uint32_t head = t->irs + 1 + t->rcv.head;

		assert_true(t->rcv_adv - head <= t->rcv.cap + t->fin_rcvd);
		assert_int_equal(head + ring_len(&t->rcv) + t->borrowed + t->fin_rcvd, t->rcv_nxt);
		if (t->state != TCP_TIME_WAIT)
			assert_true((t->rexmit_at == TIME_NEVER) == (t->snd_nxt == t->snd_una));
	}
	for (unsigned i = 0; i < t->nisland; i++) {
		assert_true(seq_lt(t->rcv_nxt, t->island[i].left));
		assert_true(seq_lt(t->island[i].left, t->island[i].right));
		assert_true(seq_le(t->island[i].right, t->rcv_adv));
		for (unsigned j = 0; j < i; j++)
			assert_true(seq_lt(t->island[i].right, t->island[j].left) ||
				    seq_lt(t->island[j].right, t->island[i].left));
	}
	for (unsigned i = 0; i < t->nsacked; i++) {
		assert_true(seq_lt(i ? t->sacked[i - 1].right : t->snd_una, t->sacked[i].left));
		assert_true(seq_lt(t->sacked[i].left, t->sacked[i].right));
		assert_true(seq_le(t->sacked[i].right, t->snd_max));
	}
}

/*
 * One call of tcp_output(), which must say what tcp_deadline() announced, and keep to what the guest
 * allows.  The deadline is "now" if and only if there is something to do.
 */
static inline bool
kit_output(struct tcp *t, usec_t now, struct tcp_out *out)
{
	usec_t due = tcp_deadline(t);
	uint32_t edge = t->snd_una + t->snd_wnd;
	bool closed_window = t->snd_nxt == t->snd_una || t->rexmit_at <= now;

	memset(out, 0xa5, sizeof(*out));
	bool said = tcp_output(t, now, out);
	assert_true(said == (due <= now));
	kit_check(t);
	if (!said)
		return false;

	size_t bytes = 0;
	for (int i = 0; i < out->npay; i++)
		bytes += out->pay[i].len;
	assert_int_equal(bytes, out->len);
	assert_true(out->hdr.nsack <= TCP_SACK_BLOCKS);
	if (out->len > 0) {
		uint32_t max = t->conf->gso_max > t->snd_mss ? t->conf->gso_max : t->snd_mss;

		assert_true(out->len <= max);
		assert_int_equal(out->hdr.nsack, 0);
		/* Nothing beyond the right edge but the byte that probes it. */
		if (!(closed_window && out->len == 1))
			assert_true(seq_le(out->hdr.seq + out->len, edge));
	}
	return true;
}

/* What a loop does first of all: time.  True: the connection has ended by it. */
static inline unsigned
kit_timers(struct tcp *t, usec_t now)
{
	usec_t due = tcp_deadline(t);
	unsigned ev = tcp_timers(t, now);

	if (ev)
		assert_true(due <= now);
	kit_check(t);
	return ev;
}

#endif
