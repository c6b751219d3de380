/*
 * attack_frag_test.c - what hostile guests send in fragments, rows F1 to F12 (see attack_net_test.c)
 */
#include "test/unit/attack_kit.h"

/* One fragment of either family: bytes [from, from + n) of a transport. */
static void
fragment(const char *src, const char *dst, uint8_t proto, uint32_t id, const uint8_t *l4, size_t from,
	 size_t n, bool more)
{
	struct ip h = net_ip_header(src, dst, proto);

	h.fragment = true;
	h.id = id;
	h.frag_off = (uint16_t)from;
	h.more = more;
	net_ip(&f, &h, l4 + from, n);
}

static const char *const frag_src[] = {GUEST4, GUEST6}, *const frag_dst[] = {FAR4, FAR6};

/* A UDP datagram of n bytes of data, each its own number. */
static size_t
datagram(uint8_t *l4, int v6, size_t n)
{
	static uint8_t data[NET_BYTES];
	struct ip h = net_ip_header(frag_src[v6], frag_dst[v6], IP_PROTO_UDP);

	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	return net_udp_into(l4, &h, 5000, 53, data, n);
}

static uint8_t l4[NET_BYTES];

static void
F1_tiny_first_fragment(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct ip h = net_ip_header(frag_src[v6], frag_dst[v6], IP_PROTO_TCP);
		size_t len = net_tcp_into(l4, &h, TCP_SYN, "01234567", 8);

		net_forget(n);
		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_TCP, 1, l4, 0, 8, true);
		assert_int_equal(give(n, &f), STACK_DONE);
		assert_int_equal(net_count(n, COUNT_FRAG_BAD), v6 + 1);
		/* RFC 8200 4.5 wants that told, with code 3. */
		assert_int_equal(n->nsent, v6);
		if (v6)
			assert_int_equal(n->sent[0].b[54] << 8 | n->sent[0].b[55], 0x0403);
		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_TCP, 1, l4, 8, len - 8, false);
		assert_int_equal(give(n, &f), STACK_DONE);
	}
	still_works(n);
}

/* Bytes [8, 24) come again and would rewrite flags and ports: the datagram is gone, and stays gone. */
static void
F2_overlap_kills(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		size_t len = datagram(l4, v6, 56);

		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 2, l4, 0, 24, true);
		assert_int_equal(give(n, &f), STACK_DONE);
		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 2, l4, 16, 16, true);
		drops(n, &f, COUNT_FRAG_OVERLAP);
		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 2, l4, 0, 32, true);
		drops(n, &f, COUNT_FRAG_BAD);
		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 2, l4, 32, len - 32, false);
		drops(n, &f, COUNT_FRAG_BAD);
	}
	still_works(n);
}

static void
F3_same_offset_other_port(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		size_t len = datagram(l4, v6, 56);

		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 3, l4, 0, 24, true);
		assert_int_equal(give(n, &f), STACK_DONE);
		l4[3] ^= 1;
		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 3, l4, 0, 24, true);
		drops(n, &f, COUNT_FRAG_OVERLAP);
		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 3, l4, 24, len - 24, false);
		drops(n, &f, COUNT_FRAG_BAD);
	}
	still_works(n);
}

static void
F4_beyond_65535(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	memset(l4, 0, sizeof(l4));
	fragment(GUEST4, FAR4, IP_PROTO_UDP, 4, l4, 65528, 100, false);
	drops(n, &f, COUNT_FRAG_BAD);
	fragment(GUEST4, FAR4, IP_PROTO_UDP, 4, l4, 65512, 8, false);
	drops(n, &f, COUNT_FRAG_BAD);
	fragment(GUEST4, FAR4, IP_PROTO_UDP, 4, l4, 0, 1480, true);
	assert_int_equal(give(n, &f), STACK_DONE);
	fragment(GUEST6, FAR6, IP_PROTO_UDP, 4, l4, 65528, 100, false);
	net_forget(n);
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->nsent, 1); /* parameter problem, at the offset field */
	assert_int_equal(n->sent[0].b[54] << 8 | n->sent[0].b[55], 0x0400);
	assert_int_equal(n->sent[0].b[61], 42);
	still_works(n);
}

static void
F5_empty_and_odd_pieces(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	datagram(l4, 0, 100);
	fragment(GUEST4, FAR4, IP_PROTO_UDP, 5, l4, 8, 0, true);
	drops(n, &f, COUNT_FRAG_BAD);
	fragment(GUEST4, FAR4, IP_PROTO_UDP, 5, l4, 0, 41, true);
	drops(n, &f, COUNT_FRAG_BAD);
	fragment(GUEST6, FAR6, IP_PROTO_UDP, 5, l4, 8, 0, false);
	drops(n, &f, COUNT_FRAG_BAD);
	fragment(GUEST6, FAR6, IP_PROTO_UDP, 5, l4, 0, 41, true);
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->nsent, 1); /* parameter problem, at the payload length */
	assert_int_equal(n->sent[0].b[54] << 8 | n->sent[0].b[55], 0x0400);
	assert_int_equal(n->sent[0].b[61], 4);
	still_works(n);
}

static void
F6_two_ends(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		datagram(l4, v6, 100);
		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 6, l4, 80, 28, false);
		assert_int_equal(give(n, &f), STACK_DONE);
		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 6, l4, 48, 16, false);
		drops(n, &f, COUNT_FRAG_BAD);
		/* The set is dead: it cannot be finished any more. */
		fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 6, l4, 0, 80, true);
		drops(n, &f, COUNT_FRAG_BAD);
	}
	still_works(n);
}

/* Options in the first piece, the last before the first, a last one alone. */
static void
F7_order_and_options(void **state)
{
	struct net *n = net_new(way);
	size_t len = datagram(l4, 0, 12 * 1400);

	(void)state;
	fragment(GUEST4, FAR4, IP_PROTO_UDP, 70, l4, 16000, 100, false); /* alone, for ever */
	assert_int_equal(give(n, &f), STACK_DONE);
	for (size_t k = 13; k-- > 0;) {
		size_t part = k * 1400 + 1400 < len ? 1400 : len - k * 1400;

		fragment(GUEST4, FAR4, IP_PROTO_UDP, 7, l4, k * 1400, part, k * 1400 + part < len);
		if (k == 0) {
			memmove(f.b + 34 + 40, f.b + 34, 1400);
			memset(f.b + 34, 1, 40);
			f.len += 40;
			put8(&f, ETH_HLEN, 0x4f);
			put16(&f, ETH_HLEN + 2, (unsigned)f.len - ETH_HLEN);
			seal4(&f);
		}
		assert_int_equal(give(n, &f), k == 0 ? STACK_UDP : STACK_DONE);
	}
	assert_int_equal(n->pkt.len, len - 8);
	assert_false(n->pkt.borrowable);
	assert_memory_equal(n->pay, l4 + 8, len - 8);
	still_works(n);
}

static void
F8_incomplete_datagrams(void **state)
{
	struct net *n = net_new(way);
	size_t len = datagram(l4, 0, 2000);

	(void)state;
	for (uint32_t id = 0; id < 20000; id++) {
		fragment(GUEST4, FAR4, IP_PROTO_UDP, id & 0xffff, l4, 0, 1480, true);
		assert_int_equal(give(n, &f), STACK_DONE);
		n->now += 10;
	}
	assert_true(net_count(n, COUNT_FRAG_FULL) >= 20000 - FRAG_SETS);
	/* The youngest is still there. */
	fragment(GUEST4, FAR4, IP_PROTO_UDP, 19999, l4, 1480, len - 1480, false);
	assert_int_equal(give(n, &f), STACK_UDP);
	/* Those that are left end in time, with an error each. */
	assert_true(stack_deadline(&n->st) <= n->now + FRAG_TIMEOUT);
	n->now += FRAG_TIMEOUT;
	net_forget(n);
	stack_timers(&n->st, n->now);
	assert_int_equal(net_count(n, COUNT_FRAG_TIMEOUT), FRAG_SETS - 1);
	assert_int_equal(n->nsent, FRAG_SETS - 1);
	assert_int_equal(n->sent[0].b[34] << 8 | n->sent[0].b[35], 0x0b01);
	still_works(n);
}

static void
F9_key(void **state)
{
	struct net *n = net_new(way);
	size_t len = datagram(l4, 0, 100);

	(void)state;
	fragment(GUEST4, FAR4, IP_PROTO_UDP, 9, l4, 0, 48, true);
	assert_int_equal(give(n, &f), STACK_DONE);
	fragment(GUEST4, "192.0.2.2", IP_PROTO_UDP, 9, l4, 48, len - 48, false);
	assert_int_equal(give(n, &f), STACK_DONE);
	fragment(GUEST4, FAR4, IP_PROTO_TCP, 9, l4, 48, len - 48, false);
	assert_int_equal(give(n, &f), STACK_DONE);
	fragment(GUEST4, FAR4, IP_PROTO_UDP, 8, l4, 48, len - 48, false);
	assert_int_equal(give(n, &f), STACK_DONE);
	fragment(GUEST4, FAR4, IP_PROTO_UDP, 9, l4, 48, len - 48, false);
	assert_int_equal(give(n, &f), STACK_UDP);
	assert_memory_equal(n->pay, l4 + 8, len - 8);
	still_works(n);
}

static void
F10_exact_duplicates(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		size_t len = datagram(l4, v6, 4000);

		for (size_t from = 0; from < len; from += 1000) {
			size_t part = from + 1000 < len ? 1000 : len - from;
			bool more = from + part < len;

			fragment(frag_src[v6], frag_dst[v6], IP_PROTO_UDP, 10, l4, from, part, more);
			enum stack_result res = give(n, &f);

			assert_int_equal(res, more ? STACK_DONE : STACK_UDP);
			if (more)
				assert_int_equal(give(n, &f), STACK_DONE);
		}
		assert_memory_equal(n->pay, l4 + 8, len - 8);
	}
	assert_int_equal(net_count(n, COUNT_FRAG_OVERLAP) + net_count(n, COUNT_FRAG_BAD), 0);
	still_works(n);
}

static void
send_udp(struct net *n, int v6, const void *data, size_t len)
{
	struct endpoint from = {kit_addr(frag_dst[v6]), 53}, to = {kit_addr(frag_src[v6]), 5000};
	struct view v[3] = {view_of(data, len / 3), view_of((const uint8_t *)data + len / 3, len / 3),
			    view_of((const uint8_t *)data + len / 3 * 2, len - len / 3 * 2)};

	stack_send_udp(&n->st, &from, &to, v, 3, 0, 0, 0);
}

static void
F11_own_ids(void **state)
{
	struct net *n = net_new(way);
	unsigned even_steps = 0;

	(void)state;
	send_udp(n, 0, l4, 100);
	assert_int_equal(n->sent[0].ip.id, 0);
	assert_true(n->sent[0].ip.df);
	for (unsigned i = 0; i < 40; i++)
		send_udp(n, 0, l4, 2000);
	for (unsigned i = 1; i < 81; i += 2) {
		assert_int_equal(n->sent[i].ip.id, n->sent[i + 1].ip.id);
		assert_false(n->sent[i].ip.df);
		for (unsigned k = 1; k < i; k += 2)
			assert_int_not_equal(n->sent[i].ip.id, n->sent[k].ip.id);
		uint16_t step = (uint16_t)(n->sent[i].ip.id - n->sent[i - 1].ip.id);

		even_steps += step < 256;
	}
	assert_true(even_steps < 10);
	still_works(n);
}

/* The datagram that the fragments in the list make, put together here. */
static void
check_fragments(struct net *n, const uint8_t *data, size_t len)
{
	static uint8_t whole[NET_BYTES];
	size_t at = 0;
	struct csum c = {0};

	for (size_t i = 0; i < n->nsent; i++) {
		const struct sent *s = &n->sent[i];

		assert_int_equal(s->ip.frag_off, at);
		assert_int_equal(s->ip.more, i + 1 < n->nsent);
		memcpy(whole + at, s->b + ETH_HLEN + s->ip.hlen, s->ip.len);
		at += s->ip.len;
	}
	assert_int_equal(at, len + UDP_HLEN);
	assert_memory_equal(whole + UDP_HLEN, data, len);
	assert_int_equal(whole[4] << 8 | whole[5], at);
	csum_pseudo(&c, &n->sent[0].ip.src, &n->sent[0].ip.dst, IP_PROTO_UDP, (uint32_t)at);
	csum_add(&c, view_of(whole, at));
	assert_int_equal(csum_final(&c), 0);
}

static void
F12_datagrams_beyond_the_mtu(void **state)
{
	static const size_t size[] = {1473, 8192, 65507};
	static const uint32_t mtu[] = {1280, 1500, 9001};
	struct net *n = net_new(way);

	(void)state;
	datagram(l4, 0, 65507);
	for (int v6 = 0; v6 < 2; v6++) {
		for (unsigned i = 0; i < 9; i++) {
			n->sink.lim.mtu = mtu[i / 3];
			if (size[i % 3] + 48 <= mtu[i / 3])
				continue;
			net_forget(n);
			send_udp(n, v6, l4, size[i % 3]);
			check_fragments(n, l4, size[i % 3]);
		}
	}
	/* More than fits an IPv4 packet at all: lost, not cut. */
	net_forget(n);
	send_udp(n, 0, l4, 65508);
	assert_int_equal(n->nsent, 0);
	assert_int_equal(net_count(n, COUNT_NO_ROOM), 1);
	still_works(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(F1_tiny_first_fragment),
	    cmocka_unit_test(F2_overlap_kills),
	    cmocka_unit_test(F3_same_offset_other_port),
	    cmocka_unit_test(F4_beyond_65535),
	    cmocka_unit_test(F5_empty_and_odd_pieces),
	    cmocka_unit_test(F6_two_ends),
	    cmocka_unit_test(F7_order_and_options),
	    cmocka_unit_test(F8_incomplete_datagrams),
	    cmocka_unit_test(F9_key),
	    cmocka_unit_test(F10_exact_duplicates),
	    cmocka_unit_test(F11_own_ids),
	    cmocka_unit_test(F12_datagrams_beyond_the_mtu),
	};

	return attack_three_ways(tests, sizeof(tests) / sizeof(tests[0]));
}
