/*
 * dns_service_tcp_test.c - the guest's connections to port 53: framing, pipelining, answers out of order, endings
 */
#include "test/unit/dns_service_kit.h"

#include <errno.h>

static struct peer
connected(void)
{
	struct peer p = peer_to(40000, dns_at(FAMILY_V4));

	p.mss = 1460;
	peer_open(&p);
	return p;
}

static void
asks_by(struct peer *p, uint16_t id, const char *name)
{
	uint8_t bytes[512];

	peer_send(p, TCP_ACK | TCP_PSH, bytes, framed(bytes, question(id, name, DNS_A, 1232)));
	bed_settle(bed);
}

/* What the guest has of its connection and has not read. */
static struct {
	size_t n;
	uint8_t bytes[1 << 20];
	bool fin, rst;
} got;

/* Everything the gateway sends is taken and acknowledged. */
static void
listen(struct peer *p)
{
	for (struct bed_frame *f; (f = next_frame()); free(f)) {
		assert_null(f->wrong);
		assert_int_equal(f->is.kind, STRICT_TCP);
		got.rst |= (f->is.tcp.flags & TCP_RST) != 0;
		if (f->is.tcp.flags & TCP_RST)
			continue;
		assert_int_equal(f->is.tcp.seq, p->ack);
		assert_true(got.n + f->is.payload.len <= sizeof(got.bytes));
		memcpy(got.bytes + got.n, f->is.payload.p, f->is.payload.len);
		got.n += f->is.payload.len;
		p->ack += (uint32_t)f->is.payload.len;
		if (f->is.tcp.flags & TCP_FIN)
			p->ack++;
		got.fin |= (f->is.tcp.flags & TCP_FIN) != 0;
		if (f->is.payload.len || f->is.tcp.flags & TCP_FIN)
			peer_send(p, TCP_ACK, NULL, 0);
	}
}

/* The next answer on the connection. */
static struct told
next_told(struct peer *p)
{
	listen(p);
	const struct message *m = unframed(got.bytes, &got.n);
	return read_told(view_of(m->bytes, m->len));
}

/* A question on the connection, asked and answered. */
static void
answered_on(struct peer *p, uint16_t id, const char *name)
{
	asks_by(p, id, name);
	server_answers(udp(0), "93.184.216.1");
	struct told t = next_told(p);
	assert_int_equal(t.id, id);
	assert_int_equal(t.answers, 1);
}

static void
nothing_more(struct peer *p)
{
	listen(p);
	assert_int_equal(got.n, 0);
	assert_false(got.fin || got.rst);
}

static int
fresh_listener(void **state)
{
	memset(&got, 0, sizeof(got));
	return fresh_dns(state);
}

/* --- answers ------------------------------------------------------------------------------------------------ */

static void
one_after_the_other(void **state)
{
	(void)state;
	begin();
	struct peer p = connected();
	for (uint16_t i = 1; i < 4; i++) {
		char name[] = "x.example";

		name[0] = (char)('a' + i);
		answered_on(&p, i, name);
	}
	nothing_more(&p);
	end();
}

static void
as_answers_come(void **state)
{
	uint8_t bytes[512];
	size_t n = 0;

	(void)state;
	begin();
	struct peer p = connected();
	/* Three in one segment. */
	n += framed(bytes + n, question(1, "a.example", DNS_A, 0));
	n += framed(bytes + n, question(2, "b.example", DNS_A, 0));
	n += framed(bytes + n, question(3, "a.example", DNS_A, 0));
	peer_send(&p, TCP_ACK | TCP_PSH, bytes, n);
	bed_settle(bed);
	assert_int_equal(server_sockets(HOST_UDP), 2);
	server_answers(udp(1), "93.184.216.2");
	assert_int_equal(next_told(&p).id, 2);
	server_answers(udp(0), "93.184.216.1");
	assert_int_equal(next_told(&p).id, 1);
	assert_int_equal(next_told(&p).id, 3);
	nothing_more(&p);
	end();
}

static void
both_families(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, dns_at(FAMILY_V6));
	peer_open(&p);
	answered_on(&p, 1, "a.example");
	end();
}

static void
a_long_answer(void **state)
{
	uint8_t bytes[512];

	(void)state;
	begin();
	struct peer p = connected();
	/* However little it takes by datagram. */
	peer_send(&p, TCP_ACK | TCP_PSH, bytes, framed(bytes, question(1, "a.example", DNS_A, 512)));
	bed_settle(bed);
	server_sends(udp(0), answer_to(server_hears(udp(0)), 0x8180, many_addresses(400), 400, 300));
	struct told t = next_told(&p);
	assert_int_equal(t.answers, 400);
	assert_false(t.truncated);
	end();
}

/* --- framing ------------------------------------------------------------------------------------------------ */

static void
byte_by_byte(void **state)
{
	uint8_t bytes[512];

	(void)state;
	begin();
	struct peer p = connected();
	size_t n = framed(bytes, question(7, "a.example", DNS_A, 1232));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(server_sockets(HOST_UDP), 0);
		peer_send(&p, TCP_ACK | TCP_PSH, bytes + i, 1);
		listen(&p);
	}
	server_answers(udp(0), "93.184.216.1");
	assert_int_equal(next_told(&p).id, 7);
	end();
}

/* Cut at every place, the second half with the next message behind it. */
static void
split_anywhere(void **state)
{
	uint8_t bytes[512];

	(void)state;
	begin();
	asks(99, "a.example", DNS_A);
	server_answers(udp(0), "93.184.216.1");
	hears(99);
	struct peer p = connected();
	for (size_t cut = 1; cut < 40; cut++) {
		size_t n = framed(bytes, question((uint16_t)cut, "a.example", DNS_A, 0));
		size_t both = n + framed(bytes + n, question((uint16_t)(1000 + cut), "a.example", DNS_A, 0));

		if (cut >= both)
			break;
		peer_send(&p, TCP_ACK | TCP_PSH, bytes, cut);
		bed_settle(bed);
		peer_send(&p, TCP_ACK | TCP_PSH, bytes + cut, both - cut);
		assert_int_equal(next_told(&p).id, cut);
		assert_int_equal(next_told(&p).id, 1000 + cut);
	}
	nothing_more(&p);
	end();
}

static void
lengths_of_nothing(void **state)
{
	uint8_t zeros_and_one[] = {0, 0, 0, 1, 0x55, 0, 0, 0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

	(void)state;
	begin();
	struct peer p = connected();
	peer_send(&p, TCP_ACK | TCP_PSH, zeros_and_one, sizeof(zeros_and_one));
	nothing_more(&p);
	assert_int_equal(counted(GW_DNS_BAD), 4);
	/* What follows is still in step. */
	answered_on(&p, 1, "a.example");
	end();
}

static void
as_long_as_can_be(void **state)
{
	static uint8_t bytes[2 + 65535];

	(void)state;
	begin();
	struct peer p = connected();
	framed(bytes, question(0x1234, "a.example", DNS_A, 0));
	bytes[0] = bytes[1] = 0xff;
	for (size_t at = 0, n; at < sizeof(bytes); at += n) {
		n = sizeof(bytes) - at < 1400 ? sizeof(bytes) - at : 1400;
		peer_send(&p, TCP_ACK, bytes + at, n);
		listen(&p);
	}
	struct told t = next_told(&p);
	assert_int_equal(t.id, 0x1234);
	assert_int_equal(t.rcode, DNS_FORMERR);
	answered_on(&p, 2, "a.example");
	end();
}

static void
any_bytes(void **state)
{
	uint64_t seed = 1;
	uint8_t bytes[700];

	(void)state;
	begin();
	for (uint16_t n = 0; n < 60; n++) {
		struct peer p = peer_to((uint16_t)(40000 + n), dns_at(FAMILY_V4));

		memset(&got, 0, sizeof(got));
		peer_open(&p);
		for (unsigned k = 0; k < 20 && !got.rst; k++) {
			size_t len = 1 + (size_t)(seed >> 40) % sizeof(bytes);

			for (size_t i = 0; i < len; i++) {
				seed = seed * 6364136223846793005u + 1442695040888963407u;
				/* Small lengths, so that messages come to an end. */
				bytes[i] = (uint8_t)((seed >> 56) < 100 ? 0 : seed >> 33 & 63);
			}
			peer_send(&p, TCP_ACK, bytes, len);
			listen(&p);
		}
		peer_send(&p, TCP_RST, NULL, 0);
		bed_settle(bed);
	}
	assert_int_equal(open_flows(FLOW_TCP), 0);
	wait_for(5 * USEC_PER_SEC);
	bed_drop(bed);
	assert_int_equal(bed->gw->dns->queued, 0);
	end();
}

/* --- limits ------------------------------------------------------------------------------------------------- */

static void
thirty_two_at_a_time(void **state)
{
	(void)state;
	begin();
	struct peer p = connected();
	for (uint16_t i = 0; i < 40; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		asks_by(&p, i, name);
		bed_drop(bed);
	}
	assert_int_equal(server_sockets(HOST_UDP), 32);
	p.ack = peer_flow(&p)->tcp.snd_nxt;
	server_answers(udp(5), "93.184.216.1");
	assert_int_equal(next_told(&p).answers, 1);
	assert_int_equal(server_sockets(HOST_UDP), 32);
	end();
}

/* What "a.example" has is known, and many times as long as a ring. */
static struct peer
connected_to_long_answers(void)
{
	conf.gateway.max_ring = 4096;
	begin();
	asks(1, "a.example", DNS_A);
	server_sends(udp(0), answer_to(server_hears(udp(0)), 0x8180, many_addresses(400), 400, 3600));
	bed_drop(bed);
	return connected();
}

/* A guest that does not read is not served beyond what its window and ours hold, and is reset in the end. */
static void
a_guest_that_does_not_read(void **state)
{
	(void)state;
	struct peer p = connected_to_long_answers();
	p.wnd = 0;
	for (uint16_t i = 0; i < 20; i++)
		asks_by(&p, i, "a.example");
	bed_drop(bed);
	assert_in_range(bed->gw->dns->queued, 1, 65536);
	assert_int_equal(open_flows(FLOW_TCP), 1);
	wait_for(31 * USEC_PER_SEC);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	assert_int_equal(bed->gw->dns->queued, 0);
	bed_drop(bed);
	end();
}

/* One that reads late gets all. */
static void
a_guest_that_reads_late(void **state)
{
	(void)state;
	struct peer p = connected_to_long_answers();
	p.wnd = 100;
	for (uint16_t i = 0; i < 6; i++)
		asks_by(&p, i, "a.example");
	p.wnd = 65535;
	listen(&p);
	peer_send(&p, TCP_ACK, NULL, 0);
	for (uint16_t i = 0; i < 6; i++) {
		struct told t = next_told(&p);

		assert_int_equal(t.id, i);
		assert_int_equal(t.answers, 400);
	}
	nothing_more(&p);
	end();
}

/* --- endings ------------------------------------------------------------------------------------------------ */

static void
idle_for_half_a_minute(void **state)
{
	(void)state;
	begin();
	struct peer p = connected();
	answered_on(&p, 1, "a.example");
	wait_for(30 * USEC_PER_SEC - 1);
	nothing_more(&p);
	wait_for(1);
	listen(&p);
	assert_true(got.fin);
	peer_send(&p, TCP_FIN | TCP_ACK, NULL, 0);
	listen(&p);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	end();
}

/* Bytes alone keep nothing open: a message must become whole. */
static void
slow_bytes_are_idle(void **state)
{
	uint8_t bytes[512];

	(void)state;
	begin();
	struct peer p = connected();
	framed(bytes, question(1, "a.example", DNS_A, 0));
	for (unsigned i = 0; i < 3; i++) {
		peer_send(&p, TCP_ACK, bytes + i, 1);
		listen(&p);
		wait_for(9 * USEC_PER_SEC);
	}
	nothing_more(&p);
	wait_for(3 * USEC_PER_SEC);
	listen(&p);
	assert_true(got.fin);
	end();
}

/* One that never closes in its turn goes all the same. */
static void
idle_and_never_closed(void **state)
{
	(void)state;
	begin();
	struct peer p = connected();
	wait_for(30 * USEC_PER_SEC);
	listen(&p);
	assert_true(got.fin);
	wait_for(120 * USEC_PER_SEC);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	bed_drop(bed);
	end();
}

static void
what_was_asked_is_answered_after_a_fin(void **state)
{
	(void)state;
	begin();
	struct peer p = connected();
	asks_by(&p, 1, "a.example");
	asks_by(&p, 2, "b.example");
	peer_send(&p, TCP_FIN | TCP_ACK, NULL, 0);
	listen(&p);
	assert_false(got.fin);
	server_answers(udp(1), "93.184.216.1");
	assert_int_equal(next_told(&p).id, 2);
	assert_false(got.fin);
	server_answers(udp(0), "93.184.216.1");
	assert_int_equal(next_told(&p).id, 1);
	assert_true(got.fin);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	end();
}

static void
half_a_message_and_a_fin(void **state)
{
	uint8_t bytes[512];

	(void)state;
	begin();
	struct peer p = connected();
	framed(bytes, question(1, "a.example", DNS_A, 0));
	peer_send(&p, TCP_FIN | TCP_ACK, bytes, 10);
	listen(&p);
	assert_true(got.fin);
	assert_int_equal(got.n, 0);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	end();
}

/* Nobody waits any more: nothing is asked any longer. */
static void
a_reset_ends_its_questions(void **state)
{
	(void)state;
	begin();
	struct peer p = connected();
	asks_by(&p, 1, "a.example");
	asks_by(&p, 2, "b.example");
	asks(3, "b.example", DNS_A);
	assert_int_equal(server_sockets(HOST_UDP), 2);
	peer_send(&p, TCP_RST, NULL, 0);
	bed_settle(bed);
	bed_drop(bed);
	assert_int_equal(server_sockets(HOST_UDP), 1);
	resolves(udp(0), 3, "93.184.216.1");
	end();
}

/* --- a nameserver the guest chose ---------------------------------------------------------------------------- */

static void
chosen_is_asked_by_tcp(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, at("8.8.8.8", 53));
	peer_open(&p);
	asks_by(&p, 1, "a.example");
	assert_int_equal(server_fd(HOST_UDP, "8.8.8.8", 0), -1);
	int fd = server_fd(HOST_TCP, "8.8.8.8", 0);
	stream_sends(fd, answer_to(stream_hears(fd), 0x8180, &(const char *){"93.184.216.1"}, 1, 300));
	assert_int_equal(next_told(&p).answers, 1);
	asks_by(&p, 2, "b.example");
	vhost_reset(bed->vhost, server_fd(HOST_TCP, "8.8.8.8", 0));
	struct told t = next_told(&p);
	assert_int_equal(t.rcode, DNS_SERVFAIL);
	assert_int_equal(t.ede, EDE_NETWORK);
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_listener)
	const struct CMUnitTest tests[] = {
	    TEST(one_after_the_other),
	    TEST(as_answers_come),
	    TEST(both_families),
	    TEST(a_long_answer),
	    TEST(byte_by_byte),
	    TEST(split_anywhere),
	    TEST(lengths_of_nothing),
	    TEST(as_long_as_can_be),
	    TEST(any_bytes),
	    TEST(thirty_two_at_a_time),
	    TEST(a_guest_that_does_not_read),
	    TEST(a_guest_that_reads_late),
	    TEST(idle_for_half_a_minute),
	    TEST(slow_bytes_are_idle),
	    TEST(idle_and_never_closed),
	    TEST(what_was_asked_is_answered_after_a_fin),
	    TEST(half_a_message_and_a_fin),
	    TEST(a_reset_ends_its_questions),
	    TEST(chosen_is_asked_by_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
