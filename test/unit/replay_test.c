/*
 * replay_test.c - what a replay makes of a capture: offloads, datagrams, clients, whose frames, when, and
 * what it cannot replay
 */
#include "test/unit/replay_kit.h"

/* --- checksums and offload -------------------------------------------------------------------------------- */

static void
a_wrong_checksum_stays_wrong(void **state)
{
	struct session *s = *state;
	struct craft c = craft_of(s, true);
	struct craft_tcp t = {.hdr = header(true, TCP_ACK | TCP_PSH, 1, 1), .data = view_of("x", 1)};

	handshake(s);
	c.spoil_csum = true;
	put(s, craft_tcp(s->frame, &c, &t), true);
	run(s);
	assert_int_equal(acked(s), 1);
}

/* A frame as a tap with offloads shows it: its checksum is the pseudo header's. */
static size_t
unfinished(struct session *s, uint32_t seq, struct view data)
{
	struct craft c = craft_of(s, true);
	struct craft_tcp t = {.hdr = header(true, TCP_ACK | TCP_PSH, seq, 1), .data = data};
	size_t len = craft_tcp(s->frame, &c, &t);
	struct csum sum = {0};

	csum_pseudo(&sum, &c.src, &c.dst, IP_PROTO_TCP, (uint32_t)(TCP_HLEN + data.len));
	s->frame[ETH_HLEN + IP4_HLEN + 16] = (uint8_t)(csum_partial(&sum) >> 8);
	s->frame[ETH_HLEN + IP4_HLEN + 17] = (uint8_t)csum_partial(&sum);
	return len;
}

static void
an_unfinished_checksum_is_none(void **state)
{
	struct session *s = *state;

	handshake(s);
	put(s, unfinished(s, 1, view_of("offloaded", 9)), true);
	run(s);
	assert_int_equal(acked(s), 10);
}

static void
a_segment_beyond_the_mtu(void **state)
{
	struct session *s = *state;
	static uint8_t data[20000];

	handshake(s);
	put(s, unfinished(s, 1, view_of(data, sizeof(data))), true);
	put_tcp(s, false, TCP_ACK | TCP_PSH, 1, 1 + sizeof(data), view_of(data, sizeof(data)));
	for (uint32_t at = 1; at < sizeof(data); at += 2000)
		guest(s, TCP_ACK, 1 + sizeof(data), at + 2000, "");
	run(s);
	assert_int_equal(acked(s), 1 + sizeof(data));
	/* Down it goes as a link without offloads has it. */
	static char got[sizeof(data)];
	assert_int_equal(stream(s, got, sizeof(got)), sizeof(data));
}

static void
the_offload_facts(void **state)
{
	struct session *s = *state;
	struct replay_packet p;
	struct offload off;
	static uint8_t data[5000];
	size_t len = unfinished(s, 1, view_of(data, sizeof(data)));

	assert_true(replay_read(view_of(s->frame, len), &p));
	replay_offload(&p, 1500, 1000, &off);
	assert_true(off.needs_csum);
	assert_int_equal(off.csum_start, 34);
	assert_int_equal(off.csum_offset, 16);
	assert_int_equal(off.gso_type, GSO_TCPV4);
	assert_int_equal(off.gso_size, 1000);
	assert_int_equal(off.hdr_len, 54);
	replay_offload(&p, 1500, 0, &off);
	assert_int_equal(off.gso_size, 1460);
	replay_offload(&p, 1500, 9000, &off);
	assert_int_equal(off.gso_size, 1460);
	replay_offload(&p, 9000, 0, &off);
	assert_int_equal(off.gso_type, GSO_NONE);
}

/* The transport's sum, checksum field included: all ones is right. */
static uint16_t
sum_of(const struct replay_packet *p)
{
	struct csum c = {0};

	csum_pseudo(&c, &p->ip.src, &p->ip.dst, p->ip.proto, p->ip.len);
	csum_add(&c, p->segment);
	return csum_partial(&c);
}

static void
shifting_keeps_the_sum(void **state)
{
	struct session *s = *state;
	/* SACK blocks at even and at odd places, twice, and cut off. */
	static const uint8_t options[4][20] = {
	    {1, 1, 5, 18, 0, 0, 16, 1, 0, 0, 32, 0, 255, 255, 255, 1, 255, 255, 255, 255},
	    {1, 5, 10, 0, 0, 16, 1, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	    {5, 10, 255, 0, 16, 1, 0, 0, 32, 0, 5, 10, 1, 2, 3, 4, 5, 6, 7, 8},
	    {1, 1, 1, 5, 255, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4},
	};
	uint32_t shift = 0x9e3779b9;

	for (unsigned i = 0; i < 4000; i++, shift = shift * 1664525 + 1013904223) {
		struct craft c = craft_of(s, true);
		struct craft_tcp t = {.hdr = header(true, TCP_ACK, shift >> 3, shift ^ i),
				      .options = view_of(options[i % 4], sizeof(options[0])),
				      .data = view_of("odd", i % 4)};
		struct replay_packet before, after;

		c.spoil_csum = i % 3 == 0;
		size_t len = craft_tcp(s->frame, &c, &t);
		assert_true(replay_read(view_of(s->frame, len), &before));
		uint16_t sum = sum_of(&before);
		replay_shift(s->frame, &before, before.tcp.ack + shift, shift, false);
		assert_true(replay_read(view_of(s->frame, len), &after));
		assert_int_equal(after.tcp.ack, before.tcp.ack + shift);
		assert_int_equal(after.tcp.nsack, before.tcp.nsack);
		for (unsigned k = 0; k < after.tcp.nsack; k++) {
			assert_int_equal(after.tcp.sack[k].left, before.tcp.sack[k].left + shift);
			assert_int_equal(after.tcp.sack[k].right, before.tcp.sack[k].right + shift);
		}
		assert_int_equal(sum_of(&after), sum);
	}
}

/* --- datagrams ---------------------------------------------------------------------------------------------- */

static unsigned
datagrams(const struct session *s, const char *data)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nsent; i++)
		n += s->sent[i].is.kind == STRICT_UDP && s->sent[i].is.payload.len == strlen(data) &&
		     memcmp(s->sent[i].is.payload.p, data, strlen(data)) == 0;
	return n;
}

static void
datagrams_come_back(void **state)
{
	struct session *s = *state;

	put_udp(s, true, 4000, 7, view_of("ping", 4));
	put_udp(s, false, 4000, 7, view_of("pong", 4));
	put_udp(s, false, 4000, 8, view_of("from another port", 17));
	run(s);
	assert_int_equal(s->nsent, 1);
	assert_int_equal(datagrams(s, "pong"), 1);
}

/* "n.example", IN A; then its one answer, or none where `answers` is 0. */
static size_t
put_message(uint8_t *to, uint16_t id, uint16_t flags, uint16_t answers)
{
	struct wr w = wr_of(to, 64);

	wr_u16(&w, id);
	wr_u16(&w, flags);
	wr_u16(&w, 1);
	wr_u16(&w, answers);
	wr_u32(&w, 0);
	wr_bytes(&w, "\1n\7example\0\0\1\0\1", 15);
	if (answers)
		wr_bytes(&w, "\300\14\0\1\0\1\0\0\0\74\0\4\135\270\330\1", 16);
	assert_false(w.bad);
	return (size_t)(w.p - to);
}

/* By datagram and by connection, from the gateway's address and from one the guest chose: the answer has the id that the
 * guest asked with. */
static void
the_name_server(void **state)
{
	static const char *const at[] = {"10.0.2.3", "198.51.100.9"};
	struct session *s = *state;
	uint8_t query[64], answer[64];
	size_t nq = put_message(query, 0x7777, 0x0100, 0), na = put_message(answer, 0x7777, 0x8180, 1);

	s->cfg.profiles = "all";
	s->cfg.dns_cache = UINT32_MAX;
	for (uint16_t i = 0; i < 2; i++) {
		s->far = addr(at[i]);
		put_udp(s, true, (uint16_t)(4000 + i), 53, view_of(query, nq));
		/* Of another question: nobody waits for it. */
		answer[13] = 'm';
		put_udp(s, false, (uint16_t)(4000 + i), 53, view_of(answer, na));
		answer[13] = 'n';
		put_udp(s, false, (uint16_t)(4000 + i), 53, view_of(answer, na));
	}
	run(s);
	assert_int_equal(s->nsent, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(s->sent[i].is.payload.len, na);
		assert_memory_equal(s->sent[i].is.payload.p, answer, na);
	}
}

static void
one_mapping_for_all(void **state)
{
	struct session *s = *state;

	s->cfg.udp_endpoint_independent = true;
	put_udp(s, true, 4000, 7, view_of("one", 3));
	s->far = addr("203.0.113.7");
	put_udp(s, true, 4000, 8, view_of("two", 3));
	put_udp(s, false, 4000, 8, view_of("answer two", 10));
	s->far = addr("198.51.100.9");
	put_udp(s, false, 4000, 7, view_of("answer one", 10));
	run(s);
	assert_int_equal(datagrams(s, "answer one"), 1);
	assert_int_equal(datagrams(s, "answer two"), 1);
}

static void
nobody_listens(void **state)
{
	struct session *s = *state;

	put_udp(s, true, 4000, 9, view_of("anybody there? a longer one", 27));
	put_error(s, ICMP4_UNREACHABLE, 3);
	run(s);
	assert_int_equal(s->nsent, 1);
	assert_int_equal(s->sent[0].is.kind, STRICT_ICMP);
	assert_int_equal(s->sent[0].is.icmp.code, 3);
	assert_true(addr_eq(&s->sent[0].is.ip.src, &s->far));
}

/* --- published ports -------------------------------------------------------------------------------------------- */

static void
a_client_comes(void **state)
{
	struct session *s = *state;

	/* The guest has spoken: its MAC is known. */
	put_udp(s, true, 4000, 9, view_of("", 0));
	s->far = addr("10.0.2.2");
	far(s, TCP_SYN, 0, 0, "");
	guest(s, TCP_SYN | TCP_ACK, 0, 1, "");
	far(s, TCP_ACK | TCP_PSH, 1, 1, "client");
	guest(s, TCP_ACK | TCP_PSH, 1, 7, "server");
	run(s);
	assert_int_equal(with_flags(s, TCP_SYN), 1);
	assert_stream(s, "client");
	assert_int_equal(with_flags(s, TCP_PSH), 1);
	assert_int_equal(acked(s), 7);
	/* It keeps its port. */
	assert_int_equal(s->sent[0].is.tcp.sport, 80);
	assert_int_equal(s->sent[0].is.tcp.dport, 4000);
}

static void
a_client_comes_where_cfg_says(void **state)
{
	struct session *s = *state;
	const struct sluice_publish p = {.host_first = 8000, .host_last = 8010, .guest_first = 3995};

	s->cfg.publish = &p;
	s->cfg.npublish = 1;
	a_client_comes(state);
}

static void
a_datagram_comes(void **state)
{
	struct session *s = *state;

	put_udp(s, true, 4000, 9, view_of("", 0));
	s->far = addr("10.0.2.2");
	put_udp(s, false, 5000, 6000, view_of("hello", 5));
	put_udp(s, true, 5000, 6000, view_of("yes?", 4));
	put_udp(s, false, 5000, 6000, view_of("nothing", 7));
	run(s);
	assert_int_equal(datagrams(s, "hello"), 1);
	assert_int_equal(datagrams(s, "nothing"), 1);
}

/* --- whose frames, and when --------------------------------------------------------------------------------------- */

static void
directions_are_believed(void **state)
{
	struct session *s = *state;

	s->directed = true;
	/* The first station seen is not the guest; and what the guest sends in another's name is its own. */
	put_udp(s, false, 4000, 7, view_of("early", 5));
	put_udp(s, true, 4000, 7, view_of("ping", 4));
	put_udp(s, false, 4000, 7, view_of("pong", 4));
	struct craft c = craft_of(s, true);
	c.src_mac = (struct mac){{2, 0, 0, 0, 0, 1}};
	put(s, craft_udp(s->frame, &c, 1, 2, view_of("spoofed", 7)), true);
	run(s);
	assert_int_equal(s->st.frames_in, 2);
	assert_int_equal(datagrams(s, "pong"), 1);
}

static void
the_guest_is_named(void **state)
{
	struct session *s = *state;
	struct craft c = craft_of(s, true);

	c.src_mac = (struct mac){{2, 0, 0, 0, 0, 1}};
	put(s, craft_udp(s->frame, &c, 1, 2, view_of("somebody else", 13)), true);
	put_udp(s, true, 4000, 7, view_of("ping", 4));
	put_udp(s, false, 4000, 7, view_of("pong", 4));
	memcpy(s->cfg.guest_mac, guest_mac.b, sizeof(s->cfg.guest_mac));
	run(s);
	assert_int_equal(s->st.frames_in, 1);
	assert_int_equal(datagrams(s, "pong"), 1);
}

static void
time_does_not_run_backwards(void **state)
{
	struct session *s = *state;

	handshake(s);
	s->now -= 10 * USEC_PER_MSEC;
	far(s, TCP_ACK | TCP_PSH, 1, 1, "earlier");
	guest(s, TCP_ACK, 1, 8, "");
	run(s);
	assert_stream(s, "earlier");
	for (unsigned i = 1; i < s->nsent; i++)
		assert_true(s->sent[i].when >= s->sent[i - 1].when);
}

static void
an_hour_passes(void **state)
{
	struct session *s = *state;

	handshake(s);
	far(s, TCP_ACK | TCP_PSH, 1, 1, "unacknowledged");
	s->now += 3600 * USEC_PER_SEC;
	put_udp(s, true, 4000, 7, view_of("later", 5));
	run(s);
	/* It was sent again, less and less often, and then given up. */
	assert_in_range(with_flags(s, TCP_PSH), 5, 30);
	assert_int_equal(with_flags(s, TCP_RST), 1);
	assert_true(s->st.virtual_us >= 3600u * 1000000u);
}

static void
the_same_bytes_again(void **state)
{
	struct session *s = *state;
	struct stat st;

	handshake(s);
	far(s, TCP_ACK | TCP_PSH, 1, 1, "with an initial number that is drawn by lot");
	run(s);
	struct view first = read_file(s, s->out);
	uint8_t *copy = malloc(first.len);
	assert_non_null(copy);
	memcpy(copy, first.p, first.len);
	s->cfg.max_tcp = 16;
	assert_int_equal(replay(s), 0);
	assert_int_equal(stat(s->out, &st), 0);
	assert_int_equal(st.st_size, first.len);
	assert_memory_equal(read_file(s, s->out).p, copy, (size_t)st.st_size);
	free(copy);
}

/* --- what cannot be replayed ---------------------------------------------------------------------------------------- */

static void
assert_fails(struct session *s, const char *why)
{
	assert_int_equal(replay(s), -1);
	if (!strstr(s->err, why))
		fail_msg("\"%s\" does not say \"%s\"", s->err, why);
}

static void
no_such_files(void **state)
{
	struct session *s = *state;

	put_udp(s, true, 4000, 7, view_of("x", 1));
	assert_int_equal(sluice_replay(&s->cfg, "/nonexistent/a", s->out, NULL, s->err, sizeof(s->err)), -1);
	assert_string_equal(s->err, "cannot open /nonexistent/a: No such file or directory");
	assert_int_equal(sluice_replay(&s->cfg, s->in, "/nonexistent/b", NULL, s->err, sizeof(s->err)), -1);
	assert_string_equal(s->err, "cannot write /nonexistent/b: No such file or directory");
	assert_int_equal(sluice_replay(&s->cfg, s->in, "/dev/full", NULL, s->err, sizeof(s->err)), -1);
	assert_string_equal(s->err, "cannot write /dev/full: No space left on device");
	assert_int_equal(sluice_replay(&s->cfg, s->in, s->out, NULL, NULL, 0), 0);
	s->cfg.size--;
	assert_fails(s, "sluice_config_init");
}

static void
not_a_capture(void **state)
{
	struct session *s = *state;

	assert_int_equal(ftruncate(s->fd, 0), 0);
	assert_fails(s, "in.pcapng: ");
	assert_int_equal(pwrite(s->fd, "#!/bin/sh\nexit 0\nexit 0\n", 24, 0), 24);
	assert_fails(s, "in.pcapng: ");
	/* A broken capture leaves no output behind. */
	assert_int_equal(access(s->out, F_OK), -1);
}

static void
a_capture_cut_off(void **state)
{
	struct session *s = *state;
	struct stat st;

	put_udp(s, true, 4000, 7, view_of("whole", 5));
	put_udp(s, true, 4000, 7, view_of("cut off", 7));
	assert_int_equal(fstat(s->fd, &st), 0);
	assert_int_equal(ftruncate(s->fd, st.st_size - 5), 0);
	assert_fails(s, "in.pcapng: ");
}

static void
frames_cut_off(void **state)
{
	struct session *s = *state;
	uint8_t longer = 200;
	struct stat st;

	put_udp(s, true, 4000, 7, view_of("cut", 3));
	assert_int_equal(fstat(s->fd, &st), 0);
	/* The original length of the one packet block, little-endian, after 72 bytes of file head. */
	assert_int_equal(pwrite(s->fd, &longer, 1, 72 + 24), 1);
	assert_fails(s, "was cut to 45 of 200 bytes");
}

static void
nobody_in_it(void **state)
{
	struct session *s = *state;

	assert_fails(s, "--mac");
}

static void
a_month_is_too_long(void **state)
{
	struct session *s = *state;

	put_udp(s, true, 4000, 7, view_of("x", 1));
	s->now += 31 * 86400 * USEC_PER_SEC;
	put_udp(s, true, 4000, 7, view_of("x", 1));
	assert_fails(s, "more than 30 days");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_wrong_checksum_stays_wrong),
	    T(an_unfinished_checksum_is_none),
	    T(a_segment_beyond_the_mtu),
	    T(the_offload_facts),
	    T(shifting_keeps_the_sum),
	    T(datagrams_come_back),
	    T(the_name_server),
	    T(one_mapping_for_all),
	    T(nobody_listens),
	    T(a_client_comes),
	    T(a_client_comes_where_cfg_says),
	    T(a_datagram_comes),
	    T(directions_are_believed),
	    T(the_guest_is_named),
	    T(time_does_not_run_backwards),
	    T(an_hour_passes),
	    T(the_same_bytes_again),
	    T(no_such_files),
	    T(not_a_capture),
	    T(a_capture_cut_off),
	    T(frames_cut_off),
	    T(nobody_in_it),
	    T(a_month_is_too_long),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
