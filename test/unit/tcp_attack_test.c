/*
 * tcp_attack_test.c - what a hostile guest sends to a connection, row by row
 *
 * T3 to T26 are classes of attack with a history in other stacks.  T6 (arithmetic at the wrap) is every
 * test here, T22 (no assertion on what a guest says) is tcp_deadline_test.c, whose segments are random,
 * and T18 (every way of closing ends) tcp_pair_test.c.  Rows about malformed headers and options are the
 * wire's, about floods of connections the flow table's.
 */
#include "stack/tcp_timewait.h"
#include "test/unit/tcp_scene.h"

static void
t3b_mss(struct scene *s, uint32_t isn)
{
	static const struct {
		uint16_t said, used;
	} row[] = {{0, 536}, {1, 216}, {8, 216}, {47, 216}, {216, 216}, {1000, 1000}, {65535, 1460}};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct tcp_hdr options = {.mss = row[i].said};

		begin(s, isn, &options);
		assert_int_equal(s->t.snd_mss, row[i].used);
		writes(s, 3 * 1460);
		says(s, TCP_ACK, 0, 0, row[i].used);
		finish(s);
	}
}

/* A segment of an open connection cannot change the MSS. */
static void
t3b_mss_not_on_syn(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	struct tcp_hdr h = {.seq = s->t.rcv_nxt, .ack = s->iss + 1, .flags = TCP_ACK, .wnd = 10, .mss = 1};
	guest_hdr(s, &h, 0);
	assert_int_equal(s->t.snd_mss, 1460);
	finish(s);
}

static void
t3c_window_scale(struct scene *s, uint32_t isn)
{
	struct tcp_hdr options = {.has_wscale = true, .wscale = 255};

	begin(s, isn, &options);
	assert_int_equal(s->t.snd_wscale, 14);
	assert_true(s->t.snd_wnd == GUEST_WND << 14);
	finish(s);
	/* MUST-1: both ends or neither, and not in the SYN itself. */
	open_with(s, isn, &plain);
	assert_true(tcp_accept(&s->t, s->iss, s->now));
	says(s, TCP_SYN | TCP_ACK, -1, 0, 0);
	assert_false(s->out.hdr.has_wscale);
	assert_int_equal(s->out.hdr.wnd, 16384);
	assert_int_equal(s->out.hdr.mss, 1460); /* MUST-14 */
	finish(s);
}

/* T4: no combination of flags does harm, none earns more than one answer (T21). */
static void
t4_flag_soup(struct scene *s, uint32_t isn)
{
	for (unsigned f = 0; f < 64; f++) {
		begin(s, isn, &plain);
		guest(s, (uint8_t)f, 1000, 0, 0); /* inside the window, not the next */
		bool heard = kit_output(&s->t, s->now, &s->out);
		if (heard)
			silent(s);
		assert_int_equal(s->t.state, TCP_ESTABLISHED);
		if ((f & TCP_SYN && f & (TCP_FIN | TCP_RST)) || !(f & (TCP_SYN | TCP_RST | TCP_ACK)))
			assert_false(heard);
		still_lives(s);
	}
}

static void
t4_closed_port(void **state)
{
	struct tcp_hdr rst;

	(void)state;
	for (unsigned f = 0; f < 64; f++) {
		struct tcp_hdr h = {.seq = 100, .ack = 200, .flags = (uint8_t)f};
		bool answers = !(f & TCP_RST) && (f & (TCP_SYN | TCP_FIN | TCP_ACK)) &&
			       (f & (TCP_SYN | TCP_FIN)) != (TCP_SYN | TCP_FIN);

		assert_int_equal(tcp_refuse(&h, 7, &rst), answers);
		if (!answers)
			continue;
		/* 3.10.7.1 */
		assert_int_equal(rst.flags, f & TCP_ACK ? TCP_RST : TCP_RST | TCP_ACK);
		assert_int_equal(rst.seq, f & TCP_ACK ? 200 : 0);
		assert_int_equal(rst.ack, f & TCP_ACK ? 0 : 107 + ((f & (TCP_SYN | TCP_FIN)) != 0));
	}
}

static void
t7_urgent(struct scene *s, uint32_t isn)
{
	static const uint16_t pointer[] = {0, 1, 100, 65535};

	for (size_t i = 0; i < 4; i++) {
		begin(s, isn, &plain);
		struct tcp_hdr h = {.seq = s->t.rcv_nxt,
				    .ack = s->iss + 1,
				    .flags = TCP_ACK | TCP_URG,
				    .wnd = GUEST_WND,
				    .urp = pointer[i]};
		guest_hdr(s, &h, 50);
		reads(s, 0, 50);
		h.seq = s->t.rcv_nxt;
		guest_hdr(s, &h, 0);
		assert_false(tcp_has_readable(&s->t));
		still_lives(s);
	}
}

/* T8, T9: the ACK is impossible or too old, so the text is not taken either. */
static void
t8_t9_ack_range(struct scene *s, uint32_t isn)
{
	static const int32_t bad[] = {100000, 1, -(int32_t)GUEST_WND - 1, -2000000000};

	begin(s, isn, &plain);
	for (size_t i = 0; i < 4; i++) {
		guest(s, TCP_ACK, 0, bad[i], 100);
		assert_false(tcp_has_readable(&s->t));
		says(s, TCP_ACK, 0, 0, 0);
		silent(s);
	}
	/* 2^31 away is neither before nor after, also for a guest that never opened its window. */
	s->t.snd_wnd = s->t.max_snd_wnd = 0;
	guest(s, TCP_ACK, 0, INT32_MIN, 100);
	assert_false(tcp_has_readable(&s->t));
	says(s, TCP_ACK, 0, 0, 0);
	guest(s, TCP_ACK, INT32_MIN, 0, 100);
	says(s, TCP_ACK, 0, 0, 0);
	window(s, 0, GUEST_WND);
	/* Old, but not too old: the text counts. */
	guest(s, TCP_ACK, 0, -(int32_t)GUEST_WND, 100);
	reads(s, 0, 100);
	still_lives(s);
}

static void
t10_blind_rst(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	guest(s, TCP_RST, 1, 0, 0);
	says(s, TCP_ACK, 0, 0, 0); /* in the window: a challenge */
	guest(s, TCP_RST, 16383, 0, 0);
	says(s, TCP_ACK, 0, 0, 0);
	guest(s, TCP_RST, -1, 0, 0);
	silent(s); /* outside: nothing */
	guest(s, TCP_RST, 20000, 0, 0);
	silent(s);
	assert_int_equal(s->t.state, TCP_ESTABLISHED);
	guest(s, TCP_RST, 0, 0, 0);
	assert_int_equal(s->ev, TCP_EV_RESET);
	assert_int_equal(s->t.state, TCP_CLOSED);
	silent(s);
	finish(s);
	/* MUST-66: also when the window is closed. */
	begin(s, isn, &plain);
	guest(s, TCP_ACK, 0, 0, 16384);
	says(s, TCP_ACK, 0, 16384, 0);
	assert_int_equal(s->out.hdr.wnd, 0);
	guest(s, TCP_RST, 16384, 0, 0);
	assert_int_equal(s->ev, TCP_EV_RESET);
	assert_true(tcp_has_readable(&s->t)); /* what came before it is still there */
	finish(s);
}

static void
t11_blind_syn(struct scene *s, uint32_t isn)
{
	static const int32_t seq[] = {0, 100, 16383, 20000, -1, -100000};

	begin(s, isn, &plain);
	for (size_t i = 0; i < sizeof(seq) / sizeof(seq[0]); i++) {
		guest(s, TCP_SYN, seq[i], 0, 0);
		says(s, TCP_ACK, 0, 0, 0);
		assert_int_equal(s->t.state, TCP_ESTABLISHED);
	}
	still_lives(s);
}

/* T12: a flood of challenges is bounded; a segment with text is always answered. */
static void
t12_challenge_limit(struct scene *s, uint32_t isn)
{
	unsigned answers = 0;

	begin(s, isn, &plain);
	for (unsigned i = 0; i < 1000; i++) {
		s->now += 500;
		guest(s, TCP_RST, 5, 0, 0);
		answers += kit_output(&s->t, s->now, &s->out);
	}
	assert_int_equal(answers, 10);
	for (unsigned i = 0; i < 50; i++) {
		guest(s, TCP_ACK, -100, 0, 100);
		says(s, TCP_ACK, 0, 0, 0);
	}
	s->now += USEC_PER_SEC;
	guest(s, TCP_RST, 5, 0, 0);
	says(s, TCP_ACK, 0, 0, 0);
	still_lives(s);
}

static void
t3d_sack(struct scene *s, uint32_t isn)
{
	begin(s, isn, &modern);
	writes(s, 4000);
	while (kit_output(&s->t, s->now, &s->out))
		;

	uint32_t una = s->t.snd_una, max = s->t.snd_max;
	struct tcp_sack bad[] = {
	    {una, una + 10},       /* begins at the acknowledgment */
	    {una - 100, una + 10}, /* before it */
	    {una + 100, max + 1},  /* ends after all we sent */
	    {max, max + 10},
	    {una + 200, una + 100}, /* reversed */
	    {una + 100, una + 100}, /* empty */
	    {una + 0x7fffffff, una + 0x80000001},
	    {una - 0x80000000, una},
	};
	struct tcp_hdr h = {.seq = s->t.rcv_nxt, .ack = una, .flags = TCP_ACK, .wnd = GUEST_WND, .nsack = 1};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		h.sack[0] = bad[i];
		guest_hdr(s, &h, 0);
		assert_int_equal(s->t.nsacked, 0);
	}
	/* Four identical ones are one; a great many small ones are bounded. */
	h.nsack = 4;
	for (int i = 0; i < 4; i++)
		h.sack[i] = (struct tcp_sack){una + 10, una + 11};
	guest_hdr(s, &h, 0);
	assert_int_equal(s->t.nsacked, 1);
	for (uint32_t i = 0; i < 1000; i++) {
		h.nsack = 1;
		h.sack[0] = (struct tcp_sack){una + 20 + 2 * i, una + 21 + 2 * i};
		guest_hdr(s, &h, 0);
		assert_true(s->t.nsacked <= TCP_SACKED);
	}
	guest(s, TCP_ACK, 0, 4000, 0);
	assert_int_equal(s->t.nsacked, 0);
	still_lives(s);
}

/* T24: the guest's keep-alives are no duplicate ACKs. */
static void
t24_keepalive_is_no_duplicate(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	writes(s, 2000);
	while (kit_output(&s->t, s->now, &s->out))
		;
	for (int i = 0; i < 5; i++) {
		guest(s, TCP_ACK, -1, 0, (uint32_t)i & 1);
		says(s, TCP_ACK, 2000, 0, 0);
		silent(s);
	}
	assert_int_equal(s->t.dupacks, 0);
	guest(s, TCP_ACK, 0, 2000, 0);
	still_lives(s);
}

#define SPACE 200u

/* Would a receiver with TCP_ISLANDS places for runs beyond the gap keep this one? */
static bool
model_keeps(const uint8_t have[SPACE + 1], uint32_t at, uint32_t len)
{
	uint32_t nxt = 0;
	unsigned runs = 0;

	while (have[nxt])
		nxt++;
	if (at <= nxt)
		return true;
	for (uint32_t k = nxt + 1; k < SPACE; k++)
		runs += have[k] && !have[k - 1];
	for (uint32_t k = at - 1; k <= at + len; k++) {
		if (have[k])
			return true;
	}
	return runs < TCP_ISLANDS;
}

/* T16: bytes that came first stay, whatever overlaps them. */
static void
t16_overlaps(struct scene *s, uint32_t isn)
{
	uint64_t seed = isn | 1;

	for (unsigned round = 0; round < 300; round++) {
		uint8_t have[SPACE + 1] = {0}, want[SPACE] = {0}, lie[SPACE];
		uint32_t longest = 1 + kit_below(&seed, 60), got = 0;
		struct view v[4];
		size_t total;

		begin(s, isn, &modern);
		for (unsigned i = 1; i < 80; i++) {
			uint32_t at = kit_below(&seed, SPACE);
			uint32_t len = 1 + kit_below(&seed, longest < SPACE - at ? longest : SPACE - at);
			struct tcp_hdr h = {
			    .seq = s->irs + 1 + at, .ack = s->iss + 1, .flags = TCP_ACK, .wnd = GUEST_WND};

			memset(lie, (int)i, sizeof(lie));
			s->lent = (struct borrow){.v = view_of(lie, len)};
			tcp_input(&s->t, &h, &s->lent, len, i & 1, s->now);
			kit_check(&s->t);
			tcp_keep(&s->t);
			if (!model_keeps(have, at, len))
				continue;
			for (uint32_t k = at; k < at + len; k++) {
				want[k] = have[k] ? want[k] : (uint8_t)i;
				have[k] = 1;
			}
		}
		while (have[got])
			got++;
		tcp_readable(&s->t, v, 4, &total);
		assert_int_equal(total, got);
		if (got)
			assert_memory_equal(v[0].p, want, got);
		finish(s);
	}
}

/* T16, SegmentSmack: one byte in two, from the right: eight islands, the rest is not kept. */
static void
t16_islands_are_bounded(struct scene *s, uint32_t isn)
{
	begin(s, isn, &modern);
	for (int32_t at = 16000; at > 0; at -= 2) {
		guest(s, TCP_ACK, at, 0, 1);
		says(s, TCP_ACK, 0, 0, 0);
		assert_true(s->t.nisland <= TCP_ISLANDS);
		/* RFC 2018 4: the newest first. */
		if (at > 16000 - 2 * (int32_t)TCP_ISLANDS)
			assert_int_equal(s->out.hdr.sack[0].left, s->irs + 1 + (uint32_t)at);
	}
	assert_int_equal(s->out.hdr.nsack, TCP_SACK_BLOCKS);
	/* The gap is filled: acknowledged at once, with all that lay beyond it. */
	guest(s, TCP_ACK, 0, 0, 15986);
	says(s, TCP_ACK, 0, 15987, 0);
	reads(s, 0, 15987);
	still_lives(s);
}

/* T14, MUST-35 to 37: probes of one byte with growing pauses, and no end of patience. */
static void
t14_zero_window(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	window(s, 0, 0);
	writes(s, 5000);
	silent(s);

	usec_t last = s->now, pause = 0;
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(kit_timers(&s->t, s->now), 0);
		s->now = tcp_deadline(&s->t);
		assert_true(s->now - last >= pause);
		pause = s->now - last;
		last = s->now;
		assert_int_equal(kit_timers(&s->t, s->now), 0);
		says(s, TCP_ACK, 0, 0, 1);
		silent(s);
		window(s, 0, 0);
		silent(s);
	}
	assert_true(pause == 60 * USEC_PER_SEC);
	/* The ACKs it sends meanwhile stand where a closed window takes them. */
	struct tcp_hdr h = {.seq = s->irs + 1, .ack = s->iss + 1, .flags = TCP_ACK};
	guest_hdr(s, &h, 3000);
	s->now += 40000;
	says(s, TCP_ACK, 0, 3000, 0);
	window(s, 0, 4000);
	says(s, TCP_ACK, 0, 3000, 1460);
	finish(s);
	/* A guest that does not answer at all is another matter: R2. */
	begin(s, isn, &plain);
	window(s, 0, 0);
	writes(s, 10);
	usec_t start = s->now;
	while (!kit_timers(&s->t, s->now)) {
		while (kit_output(&s->t, s->now, &s->out))
			;
		s->now = tcp_deadline(&s->t);
	}
	assert_in_range(s->now - start, 100 * USEC_PER_SEC, 200 * USEC_PER_SEC);
	says(s, TCP_RST | TCP_ACK, 0, 0, 0);
	finish(s);
}

/* T15, MUST-34: the window shrinks under data in flight. */
static void
t15_shrink(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	writes(s, 10000);
	says(s, TCP_ACK, 0, 0, 1460);
	says(s, TCP_ACK, 1460, 0, 1460);
	silent(s); /* 1,080 more fit the window; a silly segment waits (MUST-38) */
	window(s, 0, 100);
	silent(s);
	s->now = s->t.rexmit_at;
	says(s, TCP_ACK, 0, 0, 100); /* what is inside, no more */
	window(s, 0, 0);
	s->now = s->t.rexmit_at;
	says(s, TCP_ACK, 0, 0, 1);
	window(s, 2920, 0); /* it had them after all */
	assert_int_equal(ring_len(&s->t.snd), 10000 - 2920);
	window(s, 2920, 65535);
	says(s, TCP_ACK, 2920, 0, 1460);
	finish(s);
}

/* T23: round trips of nothing and of hours; a day's sleep makes no burst and ends nothing. */
static void
t23_timers(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	writes(s, 10);
	says(s, TCP_ACK | TCP_PSH, 0, 0, 10);
	guest(s, TCP_ACK, 0, 10, 0);
	assert_true(s->t.rto == 200 * USEC_PER_MSEC);
	writes(s, 10);
	says(s, TCP_ACK | TCP_PSH, 10, 0, 10);
	s->t.rexmit_at = TIME_NEVER - 1; /* as if nothing had been due */
	s->now += 5 * 3600 * USEC_PER_SEC;
	guest(s, TCP_ACK, 0, 20, 0);
	assert_true(s->t.rto == 60 * USEC_PER_SEC);

	writes(s, 3000);
	while (kit_output(&s->t, s->now, &s->out))
		;
	s->now += 86400 * USEC_PER_SEC;
	assert_int_equal(kit_timers(&s->t, s->now), 0);
	says(s, TCP_ACK, 20, 0, 1460);
	silent(s);
	finish(s);
}

/* T19: RST both ways, with the number the guest expects. */
static void
t19_reset(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	writes(s, 100);
	says(s, TCP_ACK | TCP_PSH, 0, 0, 100);
	tcp_abort(&s->t, true);
	guest(s, TCP_ACK, 0, 0, 100); /* comes too late */
	assert_int_equal(s->ev, 0);
	says(s, TCP_RST | TCP_ACK, 100, 0, 0);
	assert_int_equal(s->t.state, TCP_CLOSED);
	silent(s);
	finish(s);
	/* SHLD-3, RFC 2525 2.17: the host has gone; what the guest still sends is refused. */
	begin(s, isn, &plain);
	tcp_stop_reading(&s->t, s->now);
	silent(s);
	guest(s, TCP_ACK, 0, 0, 1);
	says(s, TCP_RST | TCP_ACK, 0, 0, 0);
	finish(s);
	begin(s, isn, &plain);
	guest(s, TCP_ACK, 0, 0, 1);
	tcp_stop_reading(&s->t, s->now);
	says(s, TCP_RST | TCP_ACK, 0, 1, 0);
	finish(s);
}

/* T20: a FIN is a number: retransmitted, counted once, in its place; after it there is nothing. */
static void
t20_fin(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	writes(s, 10);
	tcp_shutdown(&s->t, s->now);
	tcp_shutdown(&s->t, s->now);
	says(s, TCP_ACK | TCP_PSH | TCP_FIN, 0, 0, 10);
	for (int i = 0; i < 3; i++) {
		silent(s);
		s->now = s->t.rexmit_at;
		says(s, TCP_ACK | TCP_PSH | TCP_FIN, 0, 0, 10);
	}
	guest(s, TCP_ACK, 0, 10, 0);
	assert_int_equal(s->t.state, TCP_FIN_WAIT_1);
	s->now = s->t.rexmit_at;
	says(s, TCP_ACK | TCP_FIN, 10, 0, 0);
	guest(s, TCP_ACK, 0, 11, 0);
	assert_int_equal(s->t.state, TCP_FIN_WAIT_2);

	/* The guest's FIN beyond a gap waits; a FIN with a wrong number is not one. */
	guest(s, TCP_ACK | TCP_FIN, 100, 11, 100);
	says(s, TCP_ACK, 11, 0, 0);
	guest(s, TCP_ACK | TCP_FIN, 20000, 11, 0);
	says(s, TCP_ACK, 11, 0, 0);
	assert_int_equal(s->t.state, TCP_FIN_WAIT_2);
	guest(s, TCP_ACK, 0, 11, 100);
	assert_int_equal(s->ev, TCP_EV_DATA | TCP_EV_FIN | TCP_EV_DONE);
	says(s, TCP_ACK, 11, 201, 0);
	assert_int_equal(s->t.state, TCP_TIME_WAIT);
	guest(s, TCP_ACK, 201, 11, 50); /* data after FIN */
	reads(s, 0, 200);
	assert_true(tcp_at_eof(&s->t));
	/* Once more: acknowledged, and the wait begins again. */
	s->now += 900 * USEC_PER_MSEC;
	guest(s, TCP_ACK | TCP_FIN, 200, 11, 0);
	says(s, TCP_ACK, 11, 201, 0);
	assert_true(s->t.wait_at == s->now + USEC_PER_SEC);
	s->now += USEC_PER_SEC;
	assert_int_equal(kit_timers(&s->t, s->now), TCP_EV_DONE);
	assert_int_equal(s->t.state, TCP_CLOSED);
	finish(s);
}

/* T18: a guest that never sends its FIN does not keep the place of a connection nobody holds. */
static void
t18_linger(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	tcp_shutdown(&s->t, s->now);
	tcp_stop_reading(&s->t, s->now);
	says(s, TCP_ACK | TCP_FIN, 0, 0, 0);
	guest(s, TCP_ACK, 0, 1, 0);
	assert_int_equal(s->t.state, TCP_FIN_WAIT_2);
	assert_true(tcp_deadline(&s->t) == s->now + 60 * USEC_PER_SEC);
	s->now += 60 * USEC_PER_SEC;
	assert_int_equal(kit_timers(&s->t, s->now), TCP_EV_TIMEOUT);
	says(s, TCP_RST | TCP_ACK, 1, 0, 0);
	finish(s);
}

static struct tuple
some_flow(uint16_t port)
{
	return (struct tuple){
	    .guest = {addr_v4(0x0a00020f), port}, .remote = {addr_v4(0x01010101), 443}, .proto = 6};
}

static void
t13_initial_numbers(void **state)
{
	const uint8_t key[16] = {1, 2, 3}, other[16] = {1, 2, 4};
	struct tuple a = some_flow(40000), b = some_flow(40001);

	(void)state;
	assert_int_equal(tcp_iss(&a, key, 4000000) - tcp_iss(&a, key, 3000000), 250000);
	assert_int_not_equal(tcp_iss(&a, key, 0), tcp_iss(&a, other, 0));

	unsigned near = 0;
	for (uint16_t port = 1; port < 10000; port++) {
		b.guest.port = port;
		a.guest.port = (uint16_t)(port + 1);
		near += tcp_iss(&b, key, 0) - tcp_iss(&a, key, 0) + 1000000u < 2000000u;
	}
	assert_true(near < 30); /* neighbours are as far apart as strangers: 5 are expected */
}

static struct timewait_table *
waiting(struct scene *s, void **mem, uint32_t size)
{
	static struct timewait_table tw;

	*mem = malloc(timewait_size(size));
	assert_non_null(*mem);
	timewait_init(&tw, *mem, size, (const uint8_t[16]){7});
	memset(s, 0, sizeof(*s));
	kit_open(&s->kit);
	s->t = (struct tcp){.conf = &s->kit.conf, .snd_max = 5000, .rcv_nxt = 0xffffffff};
	return &tw;
}

static void
t25_time_wait(void **state)
{
	struct scene s;
	void *mem;
	struct timewait_table *tw = waiting(&s, &mem, 4);
	struct tuple f = some_flow(1), g = some_flow(2);
	struct tcp_hdr out, h = {.seq = 0xfffffffe, .ack = 5000, .flags = TCP_FIN | TCP_ACK};

	(void)state;
	assert_true(sizeof(struct timewait_entry) <= 64);
	assert_int_equal(timewait_input(tw, &f, &h, 0, 0, &out), TIMEWAIT_NONE);
	timewait_add(tw, &f, &s.t, 0);
	assert_int_equal(timewait_input(tw, &g, &h, 0, 0, &out), TIMEWAIT_NONE);
	/* The FIN again: the right ACK, and the wait begins anew. */
	assert_int_equal(timewait_input(tw, &f, &h, 0, 900000, &out), TIMEWAIT_ANSWER);
	assert_int_equal(out.flags, TCP_ACK);
	assert_int_equal(out.seq, 5000);
	assert_int_equal(out.ack, 0xffffffff);
	assert_true(timewait_find(tw, &f, 1800000));
	assert_false(timewait_find(tw, &f, 1900000));

	timewait_add(tw, &f, &s.t, 2000000);
	/* T11: an old SYN is challenged; a bare ACK is not answered; a wrong RST ignored. */
	h = (struct tcp_hdr){.seq = 0xfffffff0, .flags = TCP_SYN};
	assert_int_equal(timewait_input(tw, &f, &h, 0, 2000000, &out), TIMEWAIT_ANSWER);
	h.flags = TCP_ACK;
	assert_int_equal(timewait_input(tw, &f, &h, 0, 2000000, &out), TIMEWAIT_SILENT);
	h.flags = TCP_RST;
	assert_int_equal(timewait_input(tw, &f, &h, 0, 2000000, &out), TIMEWAIT_SILENT);
	assert_true(timewait_find(tw, &f, 2000000));
	/* MAY-2: a newer SYN opens, above what the old connection used. */
	h = (struct tcp_hdr){.seq = 3, .flags = TCP_SYN};
	assert_int_equal(timewait_input(tw, &f, &h, 0, 2000000, &out), TIMEWAIT_REOPEN);
	assert_int_equal(out.seq, 5000);
	assert_false(timewait_find(tw, &f, 2000000));
	tcp_hold(&s.t, &s.kit.conf, FAMILY_V4, &h, 0);
	s.t.iss = out.seq;
	assert_true(tcp_accept(&s.t, 4000, 0));
	assert_int_equal(s.t.iss, 5000);
	tcp_free(&s.t);
	kit_close(&s.kit);
	free(mem);
}

/* The oldest goes when it is full; a model keeps count. */
static void
t25_table_full(void **state)
{
	struct scene s;
	void *mem;
	struct timewait_table *tw = waiting(&s, &mem, 8);
	struct tcp_hdr out, rst = {.seq = 0xffffffff, .flags = TCP_RST};
	uint16_t model[8];
	unsigned n = 0;
	uint64_t seed = 5;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		struct tuple f = some_flow((uint16_t)kit_below(&seed, 20));
		unsigned at = 0;

		while (at < n && model[at] != f.guest.port)
			at++;
		assert_int_equal(timewait_find(tw, &f, 1), at < n);
		if (at < n) {
			memmove(&model[at], &model[at + 1], (n - at - 1) * sizeof(model[0]));
			n--;
		} else if (n == 8) {
			memmove(&model[0], &model[1], 7 * sizeof(model[0]));
			n--;
		}
		if (kit_below(&seed, 4) == 0 && timewait_find(tw, &f, 1)) {
			assert_int_equal(timewait_input(tw, &f, &rst, 0, 1, &out), TIMEWAIT_SILENT);
			continue;
		}
		timewait_add(tw, &f, &s.t, 1);
		model[n++] = f.guest.port;
	}
	s.t.conf = NULL;
	kit_close(&s.kit);
	free(mem);
}

/* T26: what a connection costs; one that is idle holds one ring. */
static void
t26_memory(struct scene *s, uint32_t isn)
{
	assert_true(sizeof(struct tcp) <= 640);
	begin(s, isn, &plain);
	assert_int_equal(s->kit.pool.used, 16384);
	writes(s, 1);
	assert_int_equal(s->kit.pool.used, 2 * 16384);
	says(s, TCP_ACK | TCP_PSH, 0, 0, 1);
	tcp_idle(&s->t);
	assert_int_equal(s->kit.pool.used, 2 * 16384); /* not acknowledged yet */
	guest(s, TCP_ACK, 0, 1, 0);
	tcp_idle(&s->t);
	assert_int_equal(s->kit.pool.used, 16384);
	still_lives(s);
}

/* The pool is empty: no connection begins, one that lives stays and writes later. */
static void
t26_no_memory(struct scene *s, uint32_t isn)
{
	void *hog[KIT_ARENA / POOL_BLOCK_MAX], *bit[POOL_BLOCK_MAX / 16384];
	size_t n = 0, m = 0;
	struct room room[2];

	begin(s, isn, &plain);
	while ((hog[n] = pool_alloc(&s->kit.pool, POOL_BLOCK_MAX)))
		n++;
	while ((bit[m] = pool_alloc(&s->kit.pool, 16384)))
		m++;
	assert_int_equal(tcp_writable(&s->t, room), 0);
	struct tcp second = {.conf = NULL};
	struct tcp_hdr syn = {.flags = TCP_SYN};
	assert_false(tcp_connect(&second, &s->kit.conf, FAMILY_V4, 1, s->now));
	tcp_hold(&second, &s->kit.conf, FAMILY_V4, &syn, s->now);
	assert_false(tcp_accept(&second, 1, s->now));
	assert_int_equal(second.state, TCP_LISTEN);
	tcp_free(&second);
	while (m > 0)
		pool_free(&s->kit.pool, bit[--m], 16384);
	while (n > 0)
		pool_free(&s->kit.pool, hog[--n], POOL_BLOCK_MAX);
	still_lives(s);
}

AT_EVERY_ISN(t3b_mss)
AT_EVERY_ISN(t3b_mss_not_on_syn)
AT_EVERY_ISN(t3c_window_scale)
AT_EVERY_ISN(t4_flag_soup)
AT_EVERY_ISN(t7_urgent)
AT_EVERY_ISN(t8_t9_ack_range)
AT_EVERY_ISN(t10_blind_rst)
AT_EVERY_ISN(t11_blind_syn)
AT_EVERY_ISN(t12_challenge_limit)
AT_EVERY_ISN(t3d_sack)
AT_EVERY_ISN(t24_keepalive_is_no_duplicate)
AT_EVERY_ISN(t16_overlaps)
AT_EVERY_ISN(t16_islands_are_bounded)
AT_EVERY_ISN(t14_zero_window)
AT_EVERY_ISN(t15_shrink)
AT_EVERY_ISN(t23_timers)
AT_EVERY_ISN(t19_reset)
AT_EVERY_ISN(t20_fin)
AT_EVERY_ISN(t18_linger)
AT_EVERY_ISN(t26_memory)
AT_EVERY_ISN(t26_no_memory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(t3b_mss_),
	    cmocka_unit_test(t3b_mss_not_on_syn_),
	    cmocka_unit_test(t3c_window_scale_),
	    cmocka_unit_test(t4_flag_soup_),
	    cmocka_unit_test(t4_closed_port),
	    cmocka_unit_test(t7_urgent_),
	    cmocka_unit_test(t8_t9_ack_range_),
	    cmocka_unit_test(t10_blind_rst_),
	    cmocka_unit_test(t11_blind_syn_),
	    cmocka_unit_test(t12_challenge_limit_),
	    cmocka_unit_test(t3d_sack_),
	    cmocka_unit_test(t24_keepalive_is_no_duplicate_),
	    cmocka_unit_test(t16_overlaps_),
	    cmocka_unit_test(t16_islands_are_bounded_),
	    cmocka_unit_test(t14_zero_window_),
	    cmocka_unit_test(t15_shrink_),
	    cmocka_unit_test(t23_timers_),
	    cmocka_unit_test(t19_reset_),
	    cmocka_unit_test(t20_fin_),
	    cmocka_unit_test(t18_linger_),
	    cmocka_unit_test(t13_initial_numbers),
	    cmocka_unit_test(t25_time_wait),
	    cmocka_unit_test(t25_table_full),
	    cmocka_unit_test(t26_memory_),
	    cmocka_unit_test(t26_no_memory_),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
