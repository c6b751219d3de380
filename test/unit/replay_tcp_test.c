/*
 * replay_tcp_test.c - captured TCP connections, continued by a gateway with numbers of its own
 */
#include "test/unit/replay_kit.h"

static void
both_ways_and_the_end(void **state)
{
	struct session *s = *state;

	handshake(s);
	guest(s, TCP_ACK | TCP_PSH, 1, 1, "question");
	far(s, TCP_ACK, 1, 9, "");
	far(s, TCP_ACK | TCP_PSH, 1, 9, "answer");
	guest(s, TCP_ACK, 9, 7, "");
	far(s, TCP_ACK | TCP_FIN, 7, 9, "");
	guest(s, TCP_ACK, 9, 8, "");
	guest(s, TCP_ACK | TCP_FIN, 9, 8, "");
	far(s, TCP_ACK, 8, 10, "");
	run(s);
	assert_stream(s, "answer");
	assert_int_equal(acked(s), 10);
	/* Nothing was sent twice, so all its acknowledgments fitted. */
	assert_int_equal(with_flags(s, TCP_SYN), 1);
	assert_int_equal(with_flags(s, TCP_PSH), 1);
	assert_int_equal(with_flags(s, TCP_FIN), 1);
	assert_int_equal(with_flags(s, TCP_RST), 0);
	assert_int_equal(s->st.frames_in, 6);
	assert_int_equal(s->st.frames_other, 5);
}

static void
the_syn_waits_for_the_captured_one(void **state)
{
	struct session *s = *state;

	guest(s, TCP_SYN, 0, 0, "");
	s->now += 250 * USEC_PER_MSEC;
	far(s, TCP_SYN | TCP_ACK, 0, 1, "");
	usec_t answered = s->now;
	guest(s, TCP_ACK, 1, 1, "");
	run(s);
	assert_true(s->nsent >= 1);
	assert_int_equal(s->sent[0].is.tcp.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(s->sent[0].when, answered);
}

static void
each_byte_once_and_in_order(void **state)
{
	struct session *s = *state;

	handshake(s);
	far(s, TCP_ACK, 1, 1, "aaa");
	far(s, TCP_ACK, 7, 1, "ccc");
	far(s, TCP_ACK | TCP_FIN, 10, 1, "ddd");
	far(s, TCP_ACK, 1, 1, "aaa");
	far(s, TCP_ACK, 2, 1, "aabbbcc");
	far(s, TCP_ACK, 10, 1, "ddd");
	guest(s, TCP_ACK, 1, 14, "");
	run(s);
	assert_stream(s, "aaabbbcccddd");
	assert_int_equal(with_flags(s, TCP_FIN), 1);
}

static void
refused(void **state)
{
	struct session *s = *state;

	guest(s, TCP_SYN, 0, 0, "");
	far(s, TCP_RST | TCP_ACK, 0, 1, "");
	run(s);
	assert_int_equal(s->nsent, 1);
	assert_int_equal(s->sent[0].is.tcp.flags, TCP_RST | TCP_ACK);
	assert_int_equal(acked(s), 1);
}

/* The gateway's own address is the host's loopback, of which there are two: both refuse. */
static void
refused_at_the_gateway(void **state)
{
	struct session *s = *state;

	s->far = addr("10.0.2.2");
	refused(state);
}

static void
unreachable(void **state)
{
	static const uint8_t codes[] = {0, 1, 13};
	struct session *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		s->far = addr_v4(0xc6336409 + i);
		guest(s, TCP_SYN, 0, 0, "");
		put_error(s, ICMP4_UNREACHABLE, codes[i]);
	}
	run(s);
	assert_int_equal(s->nsent, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(s->sent[i].is.kind, STRICT_ICMP);
		assert_int_equal(s->sent[i].is.icmp.type, ICMP4_UNREACHABLE);
		assert_int_equal(s->sent[i].is.icmp.code, codes[i]);
	}
}

static void
never_answered(void **state)
{
	struct session *s = *state;

	guest(s, TCP_SYN, 0, 0, "");
	far(s, TCP_RST, 5, 0, ""); /* of nobody: makes it a capture of two sides */
	s->far = addr("203.0.113.7");
	guest(s, TCP_SYN, 0, 0, "");
	run(s);
	assert_int_equal(s->nsent, 1); /* about the first one */
}

static void
far_resets(void **state)
{
	struct session *s = *state;

	handshake(s);
	far(s, TCP_ACK | TCP_PSH, 1, 1, "going");
	guest(s, TCP_ACK, 1, 6, "");
	far(s, TCP_RST | TCP_ACK, 6, 1, "");
	run(s);
	assert_stream(s, "going");
	assert_int_equal(with_flags(s, TCP_RST), 1);
}

static void
guest_alone(void **state)
{
	struct session *s = *state;

	guest(s, TCP_SYN, 0, 0, "");
	guest(s, TCP_ACK, 1, 1, "");
	guest(s, TCP_ACK | TCP_PSH, 1, 1, "said to nobody");
	guest(s, TCP_ACK | TCP_PSH, 15, 500, ", and more"); /* what it acknowledges is in no capture */
	run(s);
	assert_int_equal(with_flags(s, TCP_SYN | TCP_ACK), 1);
	assert_int_equal(acked(s), 25);
	assert_stream(s, "");
}

/* Twice what a socket's buffer holds. */
static void
the_host_takes_what_it_is_sent(void **state)
{
	struct session *s = *state;
	static uint8_t data[1460];
	uint32_t seq = 1;

	guest(s, TCP_SYN, 0, 0, "");
	guest(s, TCP_ACK, 1, 1, "");
	for (; seq < 500000; seq += sizeof(data))
		put_tcp(s, true, TCP_ACK, seq, 1, view_of(data, sizeof(data)));
	run(s);
	assert_int_equal(acked(s), seq);
}

/* The second of five segments got lost on its way to the guest, who says so. */
static void
sacks_fit_too(void **state)
{
	struct session *s = *state;
	struct craft c = craft_of(s, true);
	struct craft_tcp t = {.hdr = header(true, TCP_SYN, 0, 0)};

	t.hdr.sack_ok = true;
	put(s, craft_tcp(s->frame, &c, &t), true);
	c = craft_of(s, false);
	t.hdr = header(false, TCP_SYN | TCP_ACK, 0, 1);
	t.hdr.sack_ok = true;
	put(s, craft_tcp(s->frame, &c, &t), false);
	guest(s, TCP_ACK, 1, 1, "");
	for (uint32_t i = 0; i < 5; i++)
		far(s, TCP_ACK | TCP_PSH, 1 + 5 * i, 1, "12345");
	guest(s, TCP_ACK, 1, 6, "");
	c = craft_of(s, true);
	for (uint32_t i = 0; i < 3; i++) {
		t.hdr = header(true, TCP_ACK, 1, 6);
		t.hdr.nsack = 1;
		t.hdr.sack[0] = (struct tcp_sack){FAR_ISS + 11, FAR_ISS + 16 + 5 * i};
		put(s, craft_tcp(s->frame, &c, &t), true);
	}
	guest(s, TCP_ACK, 1, 26, "");
	run(s);
	/* Of the five only that one was sent again. */
	unsigned n = 0;
	for (unsigned i = 0; i < s->nsent; i++)
		n += s->sent[i].is.payload.len > 0;
	assert_int_equal(n, 6);
	assert_stream(s, "1234512345123451234512345");
}

static void
from_the_middle(void **state)
{
	struct session *s = *state;

	guest(s, TCP_ACK | TCP_PSH, 500, 700, "what was before?");
	far(s, TCP_ACK | TCP_PSH, 700, 516, "nobody knows");
	guest(s, TCP_ACK, 516, 712, "");
	run(s);
	assert_int_equal(s->nsent, 2);
	assert_int_equal(with_flags(s, TCP_RST), 2);
}

static void
ports_used_again(void **state)
{
	struct session *s = *state;
	struct craft c = craft_of(s, true);

	handshake(s);
	guest(s, TCP_RST, 1, 0, "");
	/* The same ports, other numbers. */
	struct craft_tcp t = {.hdr = header(true, TCP_SYN, 50000, 0)};
	put(s, craft_tcp(s->frame, &c, &t), true);
	c = craft_of(s, false);
	t.hdr = header(false, TCP_SYN | TCP_ACK, 90000, 50001);
	put(s, craft_tcp(s->frame, &c, &t), false);
	guest(s, TCP_ACK, 50001, 90001, "");
	far(s, TCP_ACK | TCP_PSH, 90001, 50001, "second");
	guest(s, TCP_ACK | TCP_PSH, 50001, 90007, "reply");
	run(s);
	assert_int_equal(with_flags(s, TCP_SYN | TCP_ACK), 2);
	assert_stream(s, "second");
	assert_int_equal(with_flags(s, TCP_PSH), 1);
	assert_int_equal(acked(s), 50006);
}

/* A window of 512 KiB, which the guest fills but for its first bytes: they were lost, and come last. */
static void
a_far_end_with_a_larger_window(void **state)
{
	struct session *s = *state;
	static uint8_t data[1460];
	uint32_t seq = 1 + sizeof(data);
	struct craft c = craft_of(s, true);
	struct craft_tcp t = {.hdr = header(true, TCP_SYN, 0, 0)};

	t.hdr.has_wscale = true;
	t.hdr.wscale = 7;
	put(s, craft_tcp(s->frame, &c, &t), true);
	c = craft_of(s, false);
	t.hdr = header(false, TCP_SYN | TCP_ACK, 0, 1);
	t.hdr.has_wscale = true;
	t.hdr.wscale = 7;
	put(s, craft_tcp(s->frame, &c, &t), false);
	guest(s, TCP_ACK, 1, 1, "");
	t.hdr = header(false, TCP_ACK, 1, 1);
	t.hdr.wnd = 4096;
	put(s, craft_tcp(s->frame, &c, &t), false);
	for (; seq < 500000; seq += sizeof(data))
		put_tcp(s, true, TCP_ACK, seq, 1, view_of(data, sizeof(data)));
	put_tcp(s, true, TCP_ACK, 1, 1, view_of(data, sizeof(data)));
	run(s);
	assert_int_equal(acked(s), seq);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(both_ways_and_the_end),
	    T(the_syn_waits_for_the_captured_one),
	    T(each_byte_once_and_in_order),
	    T(refused),
	    T(refused_at_the_gateway),
	    T(unreachable),
	    T(never_answered),
	    T(far_resets),
	    T(guest_alone),
	    T(the_host_takes_what_it_is_sent),
	    T(sacks_fit_too),
	    T(from_the_middle),
	    T(ports_used_again),
	    T(a_far_end_with_a_larger_window),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
