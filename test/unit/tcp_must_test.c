/*
 * tcp_must_test.c - what RFC 9293 (its requirements are MUST-n, SHLD-n and MAY-n) and its companions ask
 */
#include "test/unit/tcp_scene.h"

/* A held SYN says nothing; its retransmission is the same attempt, any other means it was given up. */
static void
held_syn(struct scene *s, uint32_t isn)
{
	struct tcp_hdr h = {.seq = isn, .flags = TCP_SYN, .wnd = 1};

	open_with(s, isn, &plain);
	silent(s);
	guest_hdr(s, &h, 0);
	assert_int_equal(s->ev, 0);
	silent(s);
	/* 3.10.7.2: an ACK is refused, by its own number, and the SYN is still held. */
	guest(s, TCP_ACK, 0, 77, 0);
	says(s, TCP_RST, 77, 0, 0);
	assert_int_equal(s->t.state, TCP_LISTEN);
	h.seq = isn + 100;
	guest_hdr(s, &h, 0);
	assert_int_equal(s->ev, TCP_EV_RESET);
	assert_int_equal(s->t.state, TCP_CLOSED);
	finish(s);

	open_with(s, isn, &plain);
	guest(s, TCP_RST, 500, 0, 0);
	assert_int_equal(s->t.state, TCP_LISTEN);
	guest(s, TCP_RST, 0, 0, 0);
	assert_int_equal(s->ev, TCP_EV_RESET);
	finish(s);

	/* The host refused: so is the guest, as by a closed port. */
	open_with(s, isn, &plain);
	tcp_abort(&s->t, true);
	assert_true(kit_output(&s->t, s->now, &s->out));
	assert_int_equal(s->out.hdr.flags, TCP_RST | TCP_ACK);
	assert_int_equal(s->out.hdr.seq, 0);
	assert_int_equal(s->out.hdr.ack, isn + 1);
	assert_int_equal(s->t.state, TCP_CLOSED);
	finish(s);
}

static void
syn_received(struct scene *s, uint32_t isn)
{
	struct tcp_hdr syn = {.seq = isn, .flags = TCP_SYN, .wnd = GUEST_WND};

	open_with(s, isn, &plain);
	assert_true(tcp_accept(&s->t, s->iss, s->now));
	says(s, TCP_SYN | TCP_ACK, -1, 0, 0);
	guest_hdr(s, &syn, 0);
	says(s, TCP_SYN | TCP_ACK, -1, 0, 0); /* the same number again */
	/* T6, T8: one too low, and never sent. */
	guest(s, TCP_ACK, 0, -1, 0);
	says(s, TCP_RST, -1, 0, 0);
	guest(s, TCP_ACK, 0, 1, 10);
	says(s, TCP_RST, 1, 0, 0);
	assert_int_equal(s->t.state, TCP_SYN_RCVD);
	assert_false(tcp_has_readable(&s->t));
	/* MUST-20: lost SYN-ACKs come again, 1 s and then 2 s later. */
	silent(s);
	s->now += USEC_PER_SEC;
	says(s, TCP_SYN | TCP_ACK, -1, 0, 0);
	s->now += 2 * USEC_PER_SEC - 1;
	silent(s);
	s->now += 1;
	says(s, TCP_SYN | TCP_ACK, -1, 0, 0);
	/* RFC 6298 5.7, RFC 5681 3.1: then care is taken. */
	guest(s, TCP_ACK, 0, 0, 0);
	assert_true(s->t.rto == 3 * USEC_PER_SEC);
	assert_int_equal(s->t.cwnd, 1460);
	still_lives(s);
}

/* MUST-10, MUST-11: both ends open at once. */
static void
simultaneous_open(struct scene *s, uint32_t isn)
{
	struct tcp_hdr syn = {.seq = isn, .flags = TCP_SYN, .wnd = GUEST_WND, .mss = 1460};

	memset(s, 0, sizeof(*s));
	kit_open(&s->kit);
	s->irs = isn;
	s->iss = isn + 9;
	assert_true(tcp_connect(&s->t, &s->kit.conf, FAMILY_V4, s->iss, s->now));
	says(s, TCP_SYN, -1, 0, 0);
	guest_hdr(s, &syn, 0);
	assert_int_equal(s->t.state, TCP_SYN_RCVD);
	says(s, TCP_SYN | TCP_ACK, -1, 0, 0);
	syn.flags = TCP_SYN | TCP_ACK;
	syn.ack = s->iss + 1;
	guest_hdr(s, &syn, 0);
	assert_int_equal(s->ev, TCP_EV_OPEN);
	still_lives(s);
}

static void
syn_sent(struct scene *s, uint32_t isn)
{
	memset(s, 0, sizeof(*s));
	kit_open(&s->kit);
	s->irs = isn;
	s->iss = isn + 9;
	assert_true(tcp_connect(&s->t, &s->kit.conf, FAMILY_V4, s->iss, s->now));
	says(s, TCP_SYN, -1, 0, 0);
	guest(s, TCP_RST, 0, 0, 0); /* without ACK it proves nothing */
	guest(s, TCP_RST | TCP_ACK, 0, 5, 0);
	assert_int_equal(s->t.state, TCP_SYN_SENT);
	silent(s);
	guest(s, TCP_SYN | TCP_ACK, -1, 5, 0);
	says(s, TCP_RST, 5, 0, 0);
	guest(s, TCP_RST | TCP_ACK, 0, 0, 0);
	assert_int_equal(s->ev, TCP_EV_RESET);
	finish(s);
	/* MUST-23: it gives up no sooner than after three minutes. */
	memset(s, 0, sizeof(*s));
	kit_open(&s->kit);
	assert_true(tcp_connect(&s->t, &s->kit.conf, FAMILY_V4, 1, 0));
	unsigned tries = 0;
	while (!kit_timers(&s->t, s->now)) {
		if (kit_output(&s->t, s->now, &s->out))
			tries++;
		s->now = tcp_deadline(&s->t);
	}
	assert_in_range(s->now, 180 * USEC_PER_SEC, 240 * USEC_PER_SEC);
	assert_in_range(tries, 6, 9);
	assert_int_equal(s->t.state, TCP_CLOSED);
	finish(s);
}

/* 3.10.7.4 first: the four cases, and what lies half inside is cut to measure. */
static void
first_check(struct scene *s, uint32_t isn)
{
	int32_t edge = 16384;

	begin(s, isn, &plain);
	guest(s, TCP_ACK, -1, 0, 0); /* T24: a keep-alive is answered, and that is all */
	says(s, TCP_ACK, 0, 0, 0);
	guest(s, TCP_ACK, -1, 0, 1);
	says(s, TCP_ACK, 0, 0, 0);
	guest(s, TCP_ACK, edge + 1, 0, 0);
	says(s, TCP_ACK, 0, 0, 0);
	guest(s, TCP_ACK, edge, 0, 10);
	says(s, TCP_ACK, 0, 0, 0);
	assert_false(tcp_has_readable(&s->t));
	/* Begins before the window and ends after it. */
	guest(s, TCP_ACK, -10, 0, 20000);
	reads(s, 0, 16384);
	says(s, TCP_ACK, 0, edge, 0);
	still_lives(s);
}

/* RFC 6675: exactly the gap is sent again, once. */
static void
sack_repairs_the_gap(struct scene *s, uint32_t isn)
{
	begin(s, isn, &modern);
	window(s, 0, 65535);
	writes(s, 10 * 1460);
	while (kit_output(&s->t, s->now, &s->out))
		;
	struct tcp_hdr h = {
	    .seq = s->t.rcv_nxt, .ack = s->iss + 1, .flags = TCP_ACK, .wnd = 65535, .nsack = 1};
	h.sack[0] = (struct tcp_sack){s->iss + 1 + 1460, s->iss + 1 + 2 * 1460};
	guest_hdr(s, &h, 0);
	silent(s);
	h.sack[0].right += 2 * 1460;
	guest_hdr(s, &h, 0);
	says(s, TCP_ACK, 0, 0, 1460);
	silent(s);
	guest(s, TCP_ACK, 0, 10 * 1460, 0);
	still_lives(s);
}

/* RFC 6582, without SACK: three duplicates, then each partial ACK sends the next. */
static void
newreno_repairs(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	window(s, 0, 65535);
	writes(s, 10 * 1460);
	while (kit_output(&s->t, s->now, &s->out))
		;
	for (int i = 0; i < 3; i++) {
		silent(s);
		window(s, 0, 65535);
	}
	says(s, TCP_ACK, 0, 0, 1460);
	silent(s);
	window(s, 3 * 1460, 65535);
	says(s, TCP_ACK, 3 * 1460, 0, 1460);
	silent(s);
	window(s, 10 * 1460, 65535);
	silent(s);
	still_lives(s);
}

/* MUST-39, SHLD-14: our edge moves by worthwhile steps, and only to the right. */
static void
receive_window(struct scene *s, uint32_t isn)
{
	uint32_t edge = 0;
	int32_t at = 0;

	begin(s, isn, &modern);
	assert_int_equal(s->t.rcv_wscale, 3);
	/* Nobody reads: the window closes, byte by byte, and never goes back. */
	for (uint32_t len = 1; at + (int32_t)len < 16384 - 300; len = len % 700 + 37) {
		guest(s, TCP_ACK, at, 0, len);
		at += (int32_t)len;
		if (!kit_output(&s->t, s->now, &s->out))
			continue;
		uint32_t now_edge = (uint32_t)at + ((uint32_t)s->out.hdr.wnd << 3);
		assert_true(now_edge >= edge);
		assert_true(now_edge <= 16384);
		edge = now_edge;
	}
	s->now += USEC_PER_SEC;
	while (kit_output(&s->t, s->now, &s->out))
		;
	/* A few bytes read are not worth a segment, half the ring is. */
	tcp_consume(&s->t, 100, s->now);
	silent(s);
	tcp_consume(&s->t, 8192, s->now);
	says(s, TCP_ACK, 0, at, 0);
	assert_true(s->out.hdr.wnd > 0);
	silent(s);
	finish(s);
}

/* The ring, and with it the window, doubles for a reader that keeps up, up to its limit. */
static void
ring_grows(struct scene *s, uint32_t isn)
{
	int32_t at = 0;

	begin(s, isn, &modern);
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t len = 1460;
		struct tcp_hdr h = {
		    .seq = s->irs + 1 + (uint32_t)at, .ack = s->iss + 1, .flags = TCP_ACK, .wnd = GUEST_WND};

		s->lent = (struct borrow){.v = view_of(text, len)};
		tcp_input(&s->t, &h, &s->lent, len, false, s->now);
		tcp_consume(&s->t, len, s->now);
		kit_check(&s->t);
		while (kit_output(&s->t, s->now, &s->out))
			;
		at += (int32_t)len;
	}
	assert_int_equal(s->t.rcv.cap, 262144);
	finish(s);
}

/* MUST-58, MUST-59, SHLD-18: a batch earns one ACK, a single segment waits for 40 ms. */
static void
delayed_ack(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	guest(s, TCP_ACK, 0, 0, 1000);
	silent(s);
	assert_true(tcp_deadline(&s->t) == s->now + 40000);
	s->now += 40000;
	says(s, TCP_ACK, 0, 1000, 0);
	for (int32_t i = 0; i < 8; i++)
		guest(s, TCP_ACK, 1000 + 1000 * i, 0, 1000);
	says(s, TCP_ACK, 0, 9000, 0);
	silent(s);
	/* Our bytes carry it. */
	guest(s, TCP_ACK, 9000, 0, 10);
	writes(s, 10);
	says(s, TCP_ACK | TCP_PSH, 0, 9010, 10);
	silent(s);
	still_lives(s);
}

/* MUST-20, MUST-21: doubled pauses, Karn, and after R2 an RST. */
static void
retransmission(struct scene *s, uint32_t isn)
{
	usec_t start, pause = 0, last;
	unsigned tries = 0;

	begin(s, isn, &plain);
	writes(s, 100);
	says(s, TCP_ACK | TCP_PSH, 0, 0, 100);
	start = last = s->now;
	for (;;) {
		s->now = tcp_deadline(&s->t);
		if (kit_timers(&s->t, s->now) & TCP_EV_TIMEOUT)
			break;
		says(s, TCP_ACK | TCP_PSH, 0, 0, 100);
		silent(s);
		assert_true(s->now - last ==
			    (pause ? time_min(2 * pause, 60 * USEC_PER_SEC) : s->now - last));
		pause = s->now - last;
		last = s->now;
		tries++;
	}
	assert_in_range(s->now - start, 100 * USEC_PER_SEC, 200 * USEC_PER_SEC);
	assert_in_range(tries, 7, 11);
	says(s, TCP_RST | TCP_ACK, 100, 0, 0);
	assert_int_equal(s->t.state, TCP_CLOSED);
	finish(s);
}

/* MUST-24 to 28: silent for two hours, then nine probes without text. */
static void
keepalive(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	usec_t start = s->now;
	s->now = tcp_deadline(&s->t);
	assert_true(s->now == start + 7200 * USEC_PER_SEC);
	says(s, TCP_ACK, -1, 0, 0);
	silent(s);
	guest(s, TCP_ACK, 0, 0, 0);
	assert_true(tcp_deadline(&s->t) == s->now + 7200 * USEC_PER_SEC);
	for (unsigned i = 0; i < 9; i++) {
		s->now = tcp_deadline(&s->t);
		assert_int_equal(kit_timers(&s->t, s->now), 0);
		says(s, TCP_ACK, -1, 0, 0);
	}
	s->now = tcp_deadline(&s->t);
	assert_int_equal(kit_timers(&s->t, s->now), TCP_EV_TIMEOUT);
	says(s, TCP_RST | TCP_ACK, 0, 0, 0);
	finish(s);
}

/* The guest closes first; half-close for hours (T18, MUST-13 is then the guest's). */
static void
guest_closes_first(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	guest(s, TCP_ACK | TCP_FIN, 0, 0, 10);
	assert_int_equal(s->ev, TCP_EV_DATA | TCP_EV_FIN);
	says(s, TCP_ACK, 0, 11, 0);
	reads(s, 0, 10);
	assert_int_equal(s->t.state, TCP_CLOSE_WAIT);
	s->now += 3600 * USEC_PER_SEC;
	writes(s, 10);
	says(s, TCP_ACK | TCP_PSH, 0, 11, 10);
	guest(s, TCP_ACK, 11, 10, 0);
	tcp_shutdown(&s->t, s->now);
	says(s, TCP_ACK | TCP_FIN, 10, 11, 0);
	assert_int_equal(s->t.state, TCP_LAST_ACK);
	guest(s, TCP_ACK, 11, 11, 0);
	assert_int_equal(s->ev, TCP_EV_DONE);
	assert_int_equal(s->t.state, TCP_CLOSED);
	assert_true(tcp_deadline(&s->t) == TIME_NEVER);
	finish(s);
}

static void
both_close_at_once(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	tcp_shutdown(&s->t, s->now);
	says(s, TCP_ACK | TCP_FIN, 0, 0, 0);
	guest(s, TCP_ACK | TCP_FIN, 0, 0, 0);
	assert_int_equal(s->t.state, TCP_CLOSING);
	says(s, TCP_ACK, 1, 1, 0);
	guest(s, TCP_ACK, 1, 1, 0);
	assert_int_equal(s->ev, TCP_EV_DONE);
	assert_int_equal(s->t.state, TCP_TIME_WAIT);
	finish(s);
}

/* A FIN takes no room: it is taken at a closed window. */
static void
fin_at_closed_window(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	guest(s, TCP_ACK, 0, 0, 16384);
	says(s, TCP_ACK, 0, 16384, 0);
	guest(s, TCP_ACK, 16384, 0, 1); /* a probe: refused, its ACK taken (MUST-66) */
	says(s, TCP_ACK, 0, 16384, 0);
	guest(s, TCP_ACK | TCP_FIN, 16384, 0, 0);
	assert_int_equal(s->ev, TCP_EV_FIN);
	says(s, TCP_ACK, 0, 16385, 0);
	reads(s, 0, 16384);
	assert_true(tcp_at_eof(&s->t));
	finish(s);
}

/* RFC 1191: smaller from now on, and at once again; only ever smaller, and never tiny. */
static void
too_big(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	writes(s, 2920);
	says(s, TCP_ACK, 0, 0, 1460);
	says(s, TCP_ACK | TCP_PSH, 1460, 0, 1460);
	tcp_too_big(&s->t, 1040, s->now);
	says(s, TCP_ACK, 0, 0, 1000);
	says(s, TCP_ACK, 1000, 0, 1000);
	says(s, TCP_ACK | TCP_PSH, 2000, 0, 920);
	silent(s);
	tcp_too_big(&s->t, 1400, s->now);
	silent(s);
	tcp_too_big(&s->t, 0, s->now);
	assert_int_equal(s->t.snd_mss, 216);
	finish(s);
}

AT_EVERY_ISN(held_syn)
AT_EVERY_ISN(syn_received)
AT_EVERY_ISN(simultaneous_open)
AT_EVERY_ISN(syn_sent)
AT_EVERY_ISN(first_check)
AT_EVERY_ISN(sack_repairs_the_gap)
AT_EVERY_ISN(newreno_repairs)
AT_EVERY_ISN(receive_window)
AT_EVERY_ISN(ring_grows)
AT_EVERY_ISN(delayed_ack)
AT_EVERY_ISN(retransmission)
AT_EVERY_ISN(keepalive)
AT_EVERY_ISN(guest_closes_first)
AT_EVERY_ISN(both_close_at_once)
AT_EVERY_ISN(fin_at_closed_window)
AT_EVERY_ISN(too_big)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(held_syn_),
	    cmocka_unit_test(syn_received_),
	    cmocka_unit_test(simultaneous_open_),
	    cmocka_unit_test(syn_sent_),
	    cmocka_unit_test(first_check_),
	    cmocka_unit_test(sack_repairs_the_gap_),
	    cmocka_unit_test(newreno_repairs_),
	    cmocka_unit_test(receive_window_),
	    cmocka_unit_test(ring_grows_),
	    cmocka_unit_test(delayed_ack_),
	    cmocka_unit_test(retransmission_),
	    cmocka_unit_test(keepalive_),
	    cmocka_unit_test(guest_closes_first_),
	    cmocka_unit_test(both_close_at_once_),
	    cmocka_unit_test(fin_at_closed_window_),
	    cmocka_unit_test(too_big_),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
