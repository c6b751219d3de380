/*
 * tcp_deadline_test.c - tcp_deadline(), tcp_output() and tcp_timers() tell one story
 *
 *     deadline <= now  <=>  output has a segment, or timers end something
 *
 * Left to right fails: a busy loop.  Right to left fails: a lost wake-up.  The states are those that
 * random operations reach: segments near and far from what is right, reads, writes, closes, time.
 */
#include "stack/tcp_internal.h"
#include "test/unit/tcp_kit.h"

#define RUNS 1200
#define STEPS 400

struct world {
	struct kit kit;
	struct tcp t;
	uint64_t seed;
	usec_t now;
	uint8_t text[4096];
	struct borrow lent;
	unsigned seen[TCP_STATES];
};

static uint32_t
below(struct world *w, uint32_t n)
{
	return kit_below(&w->seed, n);
}

/* A sequence number that is right more often than not. */
static uint32_t
some_seq(struct world *w)
{
	const struct tcp *t = &w->t;

	switch (below(w, 12)) {
	case 0:
		return t->rcv_nxt - 1 - below(w, 2000);
	case 1:
		return t->rcv_adv + below(w, 3) - 1;
	case 2:
		return t->rcv_nxt + below(w, t->rcv_adv - t->rcv_nxt + 1);
	case 3:
		return t->irs;
	case 4:
		return below(w, 2) ? kit_random(&w->seed) : t->rcv_nxt + 0x80000000;
	default:
		return t->rcv_nxt;
	}
}

static uint32_t
some_ack(struct world *w)
{
	const struct tcp *t = &w->t;

	switch (below(w, 12)) {
	case 0:
		return t->snd_una - 1 - below(w, 2000);
	case 1:
		return t->snd_max + 1 + below(w, 2000);
	case 2:
		return below(w, 2) ? kit_random(&w->seed) : t->snd_una + 0x80000000;
	case 3:
	case 4:
	case 5:
		return t->snd_una + below(w, t->snd_max - t->snd_una + 1);
	case 6:
	case 7:
	case 8:
		return t->snd_max;
	default:
		return t->snd_una;
	}
}

static uint8_t
some_flags(struct world *w)
{
	static const uint8_t rare[] = {TCP_SYN,           TCP_SYN | TCP_ACK,          TCP_SYN | TCP_FIN,
				       TCP_RST,           TCP_RST | TCP_ACK,          0,
				       TCP_ACK | TCP_URG, TCP_FIN | TCP_PSH | TCP_URG};
	uint32_t which = below(w, 400);

	if (which < sizeof(rare))
		return rare[which];
	return which < 40 ? TCP_ACK | TCP_FIN : TCP_ACK;
}

static void
segment(struct world *w)
{
	static const uint16_t windows[] = {0, 0, 1, 10, 100, 1000, 1460, 4000, 65535};
	const struct tcp *t = &w->t;
	uint32_t len = below(w, 2) ? 0 : below(w, 3001);
	struct tcp_hdr h = {.seq = some_seq(w), .ack = some_ack(w), .flags = some_flags(w)};

	w->lent = (struct borrow){.v = view_of(w->text, len)};
	h.wnd = windows[below(w, sizeof(windows) / sizeof(windows[0]))];
	if (t->state == TCP_SYN_SENT && below(w, 2))
		h = (struct tcp_hdr){.seq = w->kit.pool.used ? h.seq : 0,
				     .ack = t->snd_max,
				     .flags = TCP_SYN | TCP_ACK,
				     .wnd = 3000,
				     .sack_ok = below(w, 2)};
	for (h.nsack = 0; h.nsack < below(w, 5); h.nsack++) {
		uint32_t left = t->snd_una + below(w, t->snd_max - t->snd_una + 1);

		h.sack[h.nsack] = (struct tcp_sack){left, left + below(w, 4000)};
		if (below(w, 8) == 0)
			h.sack[h.nsack].right = below(w, 2) ? kit_random(&w->seed) : left + 0x80000000;
	}
	tcp_input(&w->t, &h, &w->lent, len, below(w, 4) == 0, w->now);
}

static void
owner_reads(struct world *w)
{
	struct view v[4];
	size_t total;

	tcp_readable(&w->t, v, 4, &total);
	if (total)
		tcp_consume(&w->t, below(w, 2) ? total : below(w, (uint32_t)total + 1), w->now);
}

static void
owner_writes(struct world *w)
{
	struct room room[2];
	int n = tcp_writable(&w->t, room);

	if (n > 0) {
		size_t len = below(w, 3) ? 1 + below(w, (uint32_t)room[0].len) : room[0].len;

		memset(room[0].p, 'x', len);
		tcp_commit(&w->t, len);
	}
}

static void
owner_ends_something(struct world *w)
{
	switch (below(w, 60)) {
	case 0:
		tcp_stop_reading(&w->t, w->now);
		break;
	case 1:
		tcp_abort(&w->t, below(w, 2));
		break;
	case 2:
	case 3:
	case 4:
	case 7:
	case 8:
	case 9:
	case 10:
		tcp_shutdown(&w->t, w->now);
		break;
	case 5:
		tcp_too_big(&w->t, below(w, 3000), w->now);
		break;
	case 6:
		tcp_idle(&w->t);
		break;
	default:
		break;
	}
}

/* Moments near the deadline are the interesting ones. */
static void
time_passes(struct world *w)
{
	usec_t due = tcp_deadline(&w->t);

	switch (below(w, 8)) {
	case 0:
		if (due != TIME_NEVER && due > w->now)
			w->now = due;
		break;
	case 1:
		if (due != TIME_NEVER && due > w->now + 1)
			w->now = due - 1;
		break;
	case 2:
		w->now += below(w, 300000);
		break;
	case 3:
		w->now += below(w, 50) ? below(w, 3000000) : 86400 * USEC_PER_SEC;
		break;
	default:
		w->now += below(w, 2000);
		break;
	}
}

/* All the connection has to say at this moment, sometimes cut short as by a link without room. */
static void
check_story(struct world *w)
{
	struct tcp_out out;
	struct tcp *t = &w->t;

	w->seen[t->state]++;
	kit_timers(t, w->now);
	if (below(w, 4) == 0) {
		kit_output(t, w->now, &out);
		return;
	}
	for (unsigned n = 0; kit_output(t, w->now, &out); n++)
		assert_true(n < 4000);
	assert_true(tcp_deadline(t) > w->now);
	/* Bytes that wait, in flight or not, are never forgotten. */
	if (tcp_is_sending(t) && tcp_send_end(t) != t->snd_una)
		assert_true(tcp_deadline(t) != TIME_NEVER);
	tcp_keep(t);
	kit_check(t);
}

static void
step(struct world *w)
{
	switch (below(w, 8)) {
	case 0:
	case 1:
	case 2:
		segment(w);
		break;
	case 3:
		owner_reads(w);
		break;
	case 4:
		owner_writes(w);
		break;
	case 5:
		owner_ends_something(w);
		break;
	default:
		time_passes(w);
		break;
	}
	kit_check(&w->t);
	/* The turn does not always end here. */
	if (below(w, 3))
		check_story(w);
	tcp_keep(&w->t); /* but the text of a segment lives no longer in this test */
}

static void
begin_connection(struct world *w, uint32_t isn)
{
	struct tcp_hdr syn = {.seq = isn - below(w, 2),
			      .flags = TCP_SYN,
			      .wnd = (uint16_t)(below(w, 4) ? kit_random(&w->seed) : 0),
			      .mss = (uint16_t)below(w, 3000),
			      .has_wscale = below(w, 2),
			      .wscale = (uint8_t)below(w, 20),
			      .sack_ok = below(w, 2)};

	if (below(w, 4) == 0) {
		assert_true(tcp_connect(&w->t, &w->kit.conf, FAMILY_V6, isn, w->now));
		return;
	}
	tcp_hold(&w->t, &w->kit.conf, FAMILY_V4, &syn, w->now);
	if (below(w, 8) == 0)
		check_story(w);
	if (w->t.state == TCP_LISTEN)
		assert_true(tcp_accept(&w->t, isn - below(w, 2), w->now));
	if (below(w, 8) == 0)
		return;
	check_story(w);
	/* Most runs are to get beyond the handshake. */
	struct tcp_hdr ack = {.seq = w->t.rcv_nxt, .ack = w->t.iss + 1, .flags = TCP_ACK, .wnd = 3000};
	if (w->t.snd_max != w->t.iss)
		tcp_input(&w->t, &ack, NULL, 0, false, w->now);
}

static void
random_states(void **state)
{
	static struct world w;

	(void)state;
	w.seed = 88172645463325252ull;
	w.now = 5 * USEC_PER_SEC;
	for (unsigned run = 0; run < RUNS; run++) {
		kit_open(&w.kit);
		w.kit.conf.ring_first = 4096u << below(&w, 4);
		w.kit.conf.gso_max = below(&w, 2) ? 0 : 20000;
		w.kit.conf.keepalive = below(&w, 2) ? 0 : 20 * USEC_PER_SEC;
		begin_connection(&w, kit_isn[run % KIT_ISNS]);
		for (unsigned i = 0; i < STEPS && w.t.state != TCP_CLOSED; i++)
			step(&w);
		check_story(&w);
		tcp_free(&w.t);
		kit_close(&w.kit);
	}
	/* A test that never got anywhere proves nothing. */
	for (int s = 0; s < TCP_STATES; s++) {
		if (w.seen[s] < 20)
			fail_msg("state %s was looked at %u times", tcp_state_name((enum tcp_state)s),
				 w.seen[s]);
	}
}

/* A closed or merely held connection waits for nothing. */
static void
nothing_to_wait_for(void **state)
{
	struct kit k;
	struct tcp t = {.conf = NULL};
	struct tcp_out out;
	struct tcp_hdr syn = {.flags = TCP_SYN, .seq = 1, .wnd = 1000};

	(void)state;
	kit_open(&k);
	tcp_hold(&t, &k.conf, FAMILY_V4, &syn, 1);
	assert_true(tcp_deadline(&t) == TIME_NEVER);
	assert_false(tcp_output(&t, 1000000000, &out));
	tcp_abort(&t, false);
	assert_int_equal(t.state, TCP_CLOSED);
	assert_true(tcp_deadline(&t) == TIME_NEVER);
	tcp_free(&t);
	tcp_free(&t);
	kit_close(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_states),
	    cmocka_unit_test(nothing_to_wait_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
