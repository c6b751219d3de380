/*
 * tcp_karn_test.c - MUST-18, Karn's algorithm (RFC 6298 3): nothing that was sent twice measures a round trip
 *
 * The acknowledgment of such a segment may be about either copy.  Each script first takes a clean sample, so
 * that there is an estimate to spoil, and ends with another, so that a connection that measures nothing any
 * more fails too.
 */
#include "test/unit/tcp_scene.h"

struct estimate {
	usec_t srtt, rttvar;
};

static struct estimate
estimate(const struct scene *s)
{
	return (struct estimate){s->t.srtt, s->t.rttvar};
}

static void
unchanged(const struct scene *s, struct estimate e)
{
	assert_int_equal(s->t.srtt, e.srtt);
	assert_int_equal(s->t.rttvar, e.rttvar);
}

/* 100 bytes from number `from` on, acknowledged after `rtt`: RFC 6298 2.3 to the letter. */
static void
clean_sample(struct scene *s, int32_t from, usec_t rtt)
{
	struct estimate e = estimate(s);

	writes(s, 100);
	says(s, TCP_ACK | TCP_PSH, from, 0, 100);
	s->now += rtt;
	guest(s, TCP_ACK, 0, from + 100, 0);
	usec_t off = e.srtt > rtt ? e.srtt - rtt : rtt - e.srtt;
	unchanged(s, (struct estimate){e.srtt + (rtt - e.srtt) / 8, e.rttvar + (off - e.rttvar) / 4});
}

static void
begun(struct scene *s, uint32_t isn)
{
	begin(s, isn, &plain);
	clean_sample(s, 0, 50 * USEC_PER_MSEC);
	assert_true(s->t.srtt > USEC_PER_MSEC);
}

/* The backed-off timer stands, too, until a segment that was sent once is acknowledged. */
static void
after_a_timeout(struct scene *s, uint32_t isn)
{
	begun(s, isn);
	struct estimate e = estimate(s);
	usec_t rto = s->t.rto;

	writes(s, 100);
	says(s, TCP_ACK | TCP_PSH, 100, 0, 100);
	for (int i = 1; i <= 3; i++) {
		s->now = tcp_deadline(&s->t);
		says(s, TCP_ACK | TCP_PSH, 100, 0, 100);
		assert_int_equal(s->t.rto, rto << i);
	}
	s->now += 7 * USEC_PER_MSEC; /* of the first copy, by all the guest knows */
	guest(s, TCP_ACK, 0, 200, 0);
	assert_int_equal(s->t.snd_una, s->iss + 1 + 200);
	unchanged(s, e);
	clean_sample(s, 200, 70 * USEC_PER_MSEC);
	assert_true(s->t.rto < rto << 3);
	still_lives(s);
}

/* The segment that was being timed is the one that is sent again. */
static void
after_a_fast_retransmit(struct scene *s, uint32_t isn)
{
	begun(s, isn);
	struct estimate e = estimate(s);

	writes(s, 4 * 900);
	for (int i = 0; i < 2; i++)
		says(s, TCP_ACK, 100 + i * 1460, 0, 1460);
	says(s, TCP_ACK | TCP_PSH, 100 + 2 * 1460, 0, 4 * 900 - 2 * 1460);
	s->now += 300;
	for (int i = 0; i < 3; i++)
		guest(s, TCP_ACK, 0, 100, 0);
	says(s, TCP_ACK, 100, 0, 1460);
	s->now += 90 * USEC_PER_MSEC;
	guest(s, TCP_ACK, 0, 100 + 4 * 900, 0);
	unchanged(s, e);
	clean_sample(s, 100 + 4 * 900, 20 * USEC_PER_MSEC);
	still_lives(s);
}

/* A later segment was timed, but what acknowledges it waited for the one that was sent again. */
static void
held_up_by_another(struct scene *s, uint32_t isn)
{
	begun(s, isn);
	writes(s, 100);
	says(s, TCP_ACK | TCP_PSH, 100, 0, 100); /* timed, and answered */
	writes(s, 100);
	says(s, TCP_ACK | TCP_PSH, 200, 0, 100); /* lost */
	guest(s, TCP_ACK, 0, 200, 0);
	writes(s, 100);
	says(s, TCP_ACK | TCP_PSH, 300, 0, 100); /* timed, and kept by the guest */
	struct estimate e = estimate(s);
	s->now = tcp_deadline(&s->t);
	says(s, TCP_ACK | TCP_PSH, 200, 0, 200);
	s->now += 30 * USEC_PER_MSEC;
	guest(s, TCP_ACK, 0, 400, 0);
	unchanged(s, e);
	clean_sample(s, 400, 20 * USEC_PER_MSEC);
	still_lives(s);
}

/* A SYN-ACK that was sent twice is no first sample. */
static void
handshake(struct scene *s, uint32_t isn)
{
	open_with(s, isn, &plain);
	assert_true(tcp_accept(&s->t, s->iss, s->now));
	says(s, TCP_SYN | TCP_ACK, -1, 0, 0);
	s->now = tcp_deadline(&s->t);
	says(s, TCP_SYN | TCP_ACK, -1, 0, 0);
	s->now += 5 * USEC_PER_MSEC;
	guest(s, TCP_ACK, 0, 0, 0);
	assert_int_equal(s->ev, TCP_EV_OPEN);
	unchanged(s, (struct estimate){0, 0});
	still_lives(s);
}

/* The byte that probes a closed window is answered when the reader wakes up, which is no round trip. */
static void
window_probe(struct scene *s, uint32_t isn)
{
	begun(s, isn);
	struct estimate e = estimate(s);

	window(s, 100, 0);
	writes(s, 50);
	silent(s);
	s->now = tcp_deadline(&s->t);
	says(s, TCP_ACK, 100, 0, 1);
	s->now += 40 * USEC_PER_MSEC;
	window(s, 101, 4000);
	unchanged(s, e);
	says(s, TCP_ACK | TCP_PSH, 101, 0, 49);
	guest(s, TCP_ACK, 0, 150, 0);
	still_lives(s);
}

AT_EVERY_ISN(after_a_timeout)
AT_EVERY_ISN(after_a_fast_retransmit)
AT_EVERY_ISN(held_up_by_another)
AT_EVERY_ISN(handshake)
AT_EVERY_ISN(window_probe)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(after_a_timeout_),    cmocka_unit_test(after_a_fast_retransmit_),
	    cmocka_unit_test(held_up_by_another_), cmocka_unit_test(handshake_),
	    cmocka_unit_test(window_probe_),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
