/*
 * tcp_window_test.c - neither side waits for the other's silly window avoidance
 *
 * A guest as RFC 9293 3.8.6.2.1 allows it (MUST-38) does not send less than a full segment or half of the
 * largest window it was ever told.  Whatever sizes it sends, when all of it was taken and the gateway has
 * nothing more to say, the window it knows must let it go on: else both wait, until the probe.
 */
#include "test/unit/tcp_scene.h"

static uint32_t
smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* What the connection says now; the right edge it tells, and the largest window ever. */
static void
listen_to(struct scene *s, uint32_t *edge, uint32_t *largest)
{
	while (kit_output(&s->t, s->now, &s->out)) {
		uint32_t wnd = (uint32_t)s->out.hdr.wnd << s->t.rcv_wscale;

		*edge = s->out.hdr.ack + wnd;
		*largest = wnd > *largest ? wnd : *largest;
	}
}

static void
never_wait(uint16_t mss, uint32_t ring_max, uint64_t seed)
{
	struct scene s;
	uint32_t edge, largest = 0;

	open_with(&s, kit_isn[seed % KIT_ISNS], &modern);
	s.kit.conf.mss[FAMILY_V4] = mss;
	s.kit.conf.ring_max = ring_max;
	assert_true(tcp_accept(&s.t, s.iss, s.now));
	says(&s, TCP_SYN | TCP_ACK, -1, 0, 0);
	edge = s.t.rcv_nxt + s.out.hdr.wnd; /* not scaled in a SYN */
	guest(&s, TCP_ACK, 0, 0, 0);
	listen_to(&s, &edge, &largest);
	largest = edge - s.t.rcv_nxt;

	for (unsigned i = 0; i < 3000; i++) {
		uint32_t usable = edge - s.t.rcv_nxt;

		assert_true(usable >= smaller(mss, largest / 2));
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint32_t n = smaller(1 + (uint32_t)(seed >> 33) % smaller(usable, 65000), 65000);
		guest(&s, TCP_ACK, (int32_t)(s.t.rcv_nxt - s.irs - 1), 0, n);
		while (tcp_has_readable(&s.t)) {
			struct view v[4];
			size_t total;

			tcp_readable(&s.t, v, 4, &total);
			tcp_consume(&s.t, total, s.now);
		}
		/* A delayed acknowledgment may still bring the window: so late, and no later. */
		listen_to(&s, &edge, &largest);
		s.now += s.kit.conf.delack;
		listen_to(&s, &edge, &largest);
	}
	finish(&s);
}

static void
the_window_lets_a_careful_sender_go_on(void **state)
{
	static const uint16_t mss[] = {536, 1460, 8960, 32768, 65480};

	(void)state;
	for (size_t m = 0; m < sizeof(mss) / sizeof(mss[0]); m++)
		for (uint32_t ring = 16384; ring <= 262144; ring *= 2)
			for (uint64_t seed = 1; seed <= 4; seed++)
				never_wait(mss[m], ring, seed);
}

/* What the guest sends again has an old number and a new window: nothing goes beyond that. */
static void
a_window_told_with_bytes_sent_again(struct scene *s, uint32_t isn)
{
	begin(s, isn, &modern);
	writes(s, 3000);
	guest(s, TCP_ACK, 100, 0, 100); /* the 100 bytes before it are lost */
	guest_hdr(s, &(struct tcp_hdr){.seq = s->irs + 201, .ack = s->iss + 1, .flags = TCP_ACK, .wnd = 3000},
		  0);
	while (kit_output(&s->t, s->now, &s->out))
		;
	uint32_t sent = s->t.snd_max;
	assert_true(seq_lt(s->iss + 1, sent));
	guest_hdr(s, &(struct tcp_hdr){.seq = s->irs + 1, .ack = sent, .flags = TCP_ACK, .wnd = 0}, 100);
	assert_int_equal(s->t.snd_una, sent);
	assert_int_equal(s->t.snd_wnd, 0);
	finish(s);
}

static void
windows_of_bytes_sent_again(void **state)
{
	(void)state;
	at_every_isn(a_window_told_with_bytes_sent_again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_window_lets_a_careful_sender_go_on),
					   cmocka_unit_test(windows_of_bytes_sent_again)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
