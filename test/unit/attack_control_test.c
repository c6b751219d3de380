/*
 * attack_control_test.c - what hostile guests send in ICMP, neighbour discovery and UDP, rows C, N and U
 * (see attack_net_test.c)
 */
#include "stack/ndp_wire.h"
#include "test/unit/attack_kit.h"

#define LL_GUEST "fe80::5054:ff:fe12:3456"
#define ALL_NODES "ff02::1"

/* Of each family. */
static const char *const src[] = {GUEST4, GUEST6}, *const far[] = {FAR4, FAR6}, *const gw[] = {GW4, GW6};

/* --- ICMP -------------------------------------------------------------------------------------------- */

static void
C1_short_and_broken_echo(void **state)
{
	static const size_t len[] = {0, 1, 3, 4, 7};
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct ip h = net_ip_header(src[v6], gw[v6], v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP);

		for (int i = 0; i < 5; i++) {
			uint8_t b[8] = {v6 ? 128 : 8};

			if (len[i] >= 4)
				net_seal(&h, b, len[i], 2);
			net_ip(&f, &h, b, len[i]);
			drops(n, &f, COUNT_ICMP_BAD);
		}
		net_icmp(&f, src[v6], gw[v6], v6 ? 128 : 8, 0, 7, "data", 4);
		f.b[f.len - 1] ^= 1;
		drops(n, &f, COUNT_L4_CHECKSUM);
		for (size_t k = 0; k < 300; k++) {
			net_forget(n);
			net_icmp(&f, src[v6], gw[v6], v6 ? 128 : 8, 0, 7, f.b, k);
			assert_int_equal(give(n, &f), STACK_DONE);
			assert_int_equal(n->sent[0].ip.len, 8 + k);
		}
	}
	still_works(n);
}

static void
C2_no_amplifier(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	net_icmp(&f, GUEST4, "10.0.2.255", 8, 0, 1, NULL, 0);
	drops(n, &f, COUNT_IP_DEST);
	net_icmp(&f, GUEST6, ALL_NODES, 128, 0, 1, NULL, 0);
	drops(n, &f, COUNT_ICMP_IGNORED);
	memcpy(f.b, (uint8_t[]){0x33, 0x33, 0, 0, 0, 1}, 6);
	drops(n, &f, COUNT_ICMP_IGNORED);
	/* Record route in the request: none in the reply. */
	static struct bytes echo;
	net_icmp(&echo, GUEST4, GW4, 8, 0, 1, "data", 4);
	f = echo;
	memcpy(f.b + 34, (uint8_t[]){7, 7, 4, 0, 0, 0, 0, 0}, 8);
	memcpy(f.b + 42, echo.b + 34, echo.len - 34);
	f.len += 8;
	put8(&f, ETH_HLEN, 0x47);
	put16(&f, ETH_HLEN + 2, (unsigned)f.len - ETH_HLEN);
	seal4(&f);
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->nsent, 1);
	assert_int_equal(n->sent[0].ip.hlen, 20);
	still_works(n);
}

/* A packet of ours as the guest quotes it: 28 bytes or more of one we sent it. */
static size_t
quoted(uint8_t *to, int v6, uint8_t proto, size_t n)
{
	struct ip h = net_ip_header(far[v6], src[v6], proto);
	struct wr w = wr_of(to, 100);

	h.len = 100;
	ip_emit(&w, &h);
	wr_u16(&w, 80);
	wr_u16(&w, 40000);
	wr_u32(&w, 0x12345678);
	wr_u32(&w, 0);
	return (size_t)(w.p - to) - 12 + n;
}

/* The guest says that a packet did not arrive which cannot have been ours. */
static void
is_no_packet_of_ours(struct net *n, int v6, const uint8_t *packet, size_t len)
{
	net_icmp(&f, src[v6], far[v6], v6 ? 1 : 3, 3, 0, packet, len);
	drops(n, &f, COUNT_ICMP_BAD);
}

static void
C3_quoted_packets(void **state)
{
	static const uint8_t type[] = {3, 1};
	struct net *n = net_new(way);
	uint8_t q[100];

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		size_t hlen = quoted(q, v6, IP_PROTO_TCP, 0);

		for (size_t len = 0; len < hlen + 8; len++)
			is_no_packet_of_ours(n, v6, q, len);
		net_icmp(&f, src[v6], far[v6], type[v6], 3, 0, q, hlen + 8);
		assert_int_equal(give(n, &f), STACK_ICMP_ERROR);
		assert_int_equal(n->pkt.error.flow.remote.port, 80);
		assert_int_equal(n->pkt.error.flow.guest.port, 40000);
		assert_int_equal(n->pkt.error.flow.proto, IP_PROTO_TCP);
		assert_int_equal(n->pkt.error.seq, 0x12345678);
		assert_int_equal(n->pkt.error.mtu, 0);
		/* An error in an error; a packet we could not have sent; one to somebody else. */
		quoted(q, v6, v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP, 0);
		q[hlen] = type[v6];
		is_no_packet_of_ours(n, v6, q, hlen + 8);
		quoted(q, v6, 99, 0);
		is_no_packet_of_ours(n, v6, q, hlen + 8);
		quoted(q, v6, IP_PROTO_TCP, 0);
		net_icmp(&f, src[v6], v6 ? "2001:db8::2" : "192.0.2.2", type[v6], 3, 0, q, hlen + 8);
		drops(n, &f, COUNT_ICMP_BAD);
		/* The other family's packet. */
		hlen = quoted(q, !v6, IP_PROTO_TCP, 0);
		is_no_packet_of_ours(n, v6, q, hlen + 8);
	}
	quoted(q, 0, IP_PROTO_TCP, 8);
	/* A later fragment: its first bytes are not ports. */
	struct ip h = net_ip_header(FAR4, GUEST4, IP_PROTO_TCP);
	struct wr w = wr_of(q, sizeof(q));
	h.fragment = true;
	h.frag_off = 8;
	h.len = 8;
	ip_emit(&w, &h);
	is_no_packet_of_ours(n, 0, q, 28);
	quoted(q, 0, IP_PROTO_TCP, 8);
	q[0] = 0x4f; /* IHL 15 */
	is_no_packet_of_ours(n, 0, q, 28);
	still_works(n);
}

/* The guest's errors are not answered with errors, whatever is wrong with them. */
static void
C3_never_error_on_error(void **state)
{
	struct net *n = net_new(way);
	uint8_t q[100];
	size_t len;

	(void)state;
	len = quoted(q, 0, IP_PROTO_TCP, 8);
	net_icmp(&f, GUEST4, FAR4, 3, 3, 0, q, len);
	put8(&f, ETH_HLEN + 8, 1);
	seal4(&f);
	drops(n, &f, COUNT_IP_TTL);
	len = quoted(q, 1, IP_PROTO_TCP, 8);
	net_icmp(&f, GUEST6, FAR6, 1, 3, 0, q, len);
	put8(&f, ETH_HLEN + 7, 1);
	drops(n, &f, COUNT_IP_TTL);
	/* But an echo request is. */
	net_icmp(&f, GUEST6, FAR6, 128, 0, 0, q, len);
	put8(&f, ETH_HLEN + 7, 1);
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->nsent, 1);
	still_works(n);
}

static void
C4_path_mtu(void **state)
{
	static const uint32_t ignored[] = {0, 1, 67, 68, 575}, heard[] = {576, 1400, 65535};
	struct net *n = net_new(way);
	uint8_t q[100];
	size_t len = quoted(q, 0, IP_PROTO_TCP, 8);

	(void)state;
	for (int i = 0; i < 5; i++) {
		net_icmp(&f, GUEST4, FAR4, 3, 4, ignored[i], q, len);
		drops(n, &f, COUNT_ICMP_IGNORED);
	}
	for (int i = 0; i < 3; i++) {
		net_icmp(&f, GUEST4, FAR4, 3, 4, heard[i], q, len);
		assert_int_equal(give(n, &f), STACK_ICMP_ERROR);
		assert_int_equal(n->pkt.error.mtu, heard[i]);
	}
	still_works(n);
}

static void
C5_messages_for_others(void **state)
{
	static const uint8_t type4[] = {0, 4, 5, 9, 10, 13, 14, 17, 30, 40, 255};
	static const uint8_t type6[] = {0, 5, 100, 127, 129, 130, 131, 132, 138, 139, 143, 160, 255};
	struct net *n = net_new(way);
	uint8_t q[100];
	size_t len = quoted(q, 0, IP_PROTO_TCP, 8);

	(void)state;
	for (unsigned i = 0; i < sizeof(type4); i++) {
		net_icmp(&f, GUEST4, i % 2 ? GW4 : FAR4, type4[i], 0, 0, q, len);
		drops(n, &f, COUNT_ICMP_IGNORED);
	}
	for (unsigned i = 0; i < sizeof(type6); i++) {
		net_icmp(&f, GUEST6, i % 2 ? GW6 : FAR6, type6[i], 0, 0, q, len);
		drops(n, &f, COUNT_ICMP_IGNORED);
	}
	still_works(n);
}

static void
C6_checksum_needs_the_pseudo_header(void **state)
{
	struct net *n = net_new(way);
	struct csum c = {0};

	(void)state;
	net_icmp(&f, GUEST6, GW6, 128, 0, 1, "data", 4);
	put16(&f, ETH_HLEN + 42, 0);
	csum_add(&c, view_of(f.b + ETH_HLEN + 40, 12));
	put16(&f, ETH_HLEN + 42, csum_final(&c));
	drops(n, &f, COUNT_L4_CHECKSUM);
	still_works(n);
}

static void
C7_packet_too_big(void **state)
{
	static const uint32_t ignored[] = {0, 1, 1279};
	struct net *n = net_new(way);
	uint8_t q[100];
	size_t len = quoted(q, 1, IP_PROTO_TCP, 8);

	(void)state;
	for (int i = 0; i < 3; i++) {
		net_icmp(&f, GUEST6, FAR6, 2, 0, ignored[i], q, len);
		drops(n, &f, COUNT_ICMP_IGNORED);
	}
	net_icmp(&f, GUEST6, FAR6, 2, 0, 1280, q, len);
	assert_int_equal(give(n, &f), STACK_ICMP_ERROR);
	assert_int_equal(n->pkt.error.mtu, 1280);
	still_works(n);
}

/* 10,000 datagrams to closed ports: few errors, none longer than it may be, only the guest's bytes. */
static void
C8_own_errors_are_limited(void **state)
{
	static const size_t limit[] = {576, 1280}, header[] = {28, 48};
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		uint64_t limited = net_count(n, COUNT_ICMP_LIMITED);

		n->now += USEC_PER_SEC;
		net_forget(n);
		net_udp(&f, src[v6], far[v6], f.b, 1400);
		for (int i = 0; i < 10000; i++)
			stack_send_error(&n->st, ICMP_ERR_PORT, 0, NULL,
					 view_of(f.b + ETH_HLEN, f.len - ETH_HLEN), n->now);
		assert_true(n->nsent >= 160 && n->nsent <= 280);
		assert_int_equal(net_count(n, COUNT_ICMP_LIMITED) - limited, 10000 - n->nsent);
		assert_int_equal(n->sent[0].len, ETH_HLEN + limit[v6]);
		assert_memory_equal(n->sent[0].b + ETH_HLEN + header[v6], f.b + ETH_HLEN,
				    limit[v6] - header[v6]);
		/* A second later there are some again. */
		n->now += USEC_PER_SEC;
		net_forget(n);
		stack_send_error(&n->st, ICMP_ERR_PORT, 0, NULL, view_of(f.b + ETH_HLEN, 100), n->now);
		assert_int_equal(n->nsent, 1);
	}
	still_works(n);
}

/* Who is beyond the gateway answers for itself: the stack hands the ping up and says nothing. */
static void
C9_no_pretended_echo(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		net_icmp(&f, src[v6], far[v6], v6 ? 128 : 8, 0, 0x00070001, "data", 4);
		assert_int_equal(give(n, &f), STACK_ECHO);
		assert_int_equal(n->pkt.icmp.rest, 0x00070001);
		assert_int_equal(n->pkt.len, 4);
		assert_memory_equal(n->pay, "data", 4);
		assert_int_equal(n->nsent, 0);
	}
	still_works(n);
}

/* --- neighbour discovery ----------------------------------------------------------------------------- */

/* A message whose body (from the reserved word on) is b; rest is the body's first word. */
static void
ndp(const char *from, const char *to, uint8_t type, const uint8_t *b, size_t len)
{
	net_icmp(&f, from, to, type, 0,
		 (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3], b + 4, len - 4);
}

/* The body of a solicitation of target, with the guest's link-layer address. */
static size_t
ns_body(uint8_t *b, const char *target)
{
	struct wr w = wr_of(b, 64);

	ndp_ns_emit(&w,
		    &(struct ndp_ns){.target = kit_addr(target), .has_sllao = true, .sllao = net_guest_mac});
	return (size_t)(w.p - b);
}

static void
N1_validation(void **state)
{
	static const uint8_t length[] = {0, 2, 255};
	struct net *n = net_new(way);
	uint8_t b[64];
	size_t len = ns_body(b, GW6);

	(void)state;
	ndp(GUEST6, GW6, 135, b, len);
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->nsent, 1); /* as it is, it is answered */
	net_forget(n);
	put8(&f, ETH_HLEN + 7, 254); /* hop limit */
	drops(n, &f, COUNT_NDP_BAD);
	net_icmp(&f, GUEST6, GW6, 135, 1, 0, b + 4, len - 4); /* code */
	drops(n, &f, COUNT_NDP_BAD);
	for (int i = 0; i < 3; i++) {
		b[21] = length[i];
		ndp(GUEST6, GW6, 135, b, len);
		drops(n, &f, COUNT_NDP_BAD);
	}
	b[21] = 1;
	for (size_t cut = 4; cut < len; cut++) {
		ndp(GUEST6, GW6, 135, b, cut);
		if (cut != 20)
			drops(n, &f, COUNT_NDP_BAD);
	}
	ndp("::", "ff02::1:ff00:2", 135, b, len); /* no source, but a link-layer address */
	drops(n, &f, COUNT_NDP_BAD);
	ndp("::", GW6, 135, b, 20); /* no source, but one destination */
	drops(n, &f, COUNT_NDP_BAD);
	ns_body(b, "ff02::1");
	ndp(GUEST6, GW6, 135, b, len);
	drops(n, &f, COUNT_NDP_BAD);
	still_works(n);
}

static void
N2_no_other_router(void **state)
{
	struct net *n = net_new(way);
	uint8_t b[128] = {64, 0, 7, 8};
	struct wr w = wr_of(b, 64);

	(void)state;
	ndp(LL_GUEST, ALL_NODES, 134, b, 12);
	memcpy(f.b, (uint8_t[]){0x33, 0x33, 0, 0, 0, 1}, 6);
	drops(n, &f, COUNT_NDP_IGNORED);
	ndp(LL_GUEST, GW6, 137, b, 36);
	drops(n, &f, COUNT_NDP_IGNORED);
	ndp_na_emit(
	    &w, &(struct ndp_na){
		    .override = true, .target = kit_addr(GW6), .has_tllao = true, .tllao = net_guest_mac});
	ndp(GUEST6, GW6, 136, b, (size_t)(w.p - b));
	drops(n, &f, COUNT_NDP_IGNORED);
	/* Another station's MAC for the guest's own address. */
	w = wr_of(b, 64);
	ndp_na_emit(&w, &(struct ndp_na){.target = kit_addr(GUEST6), .has_tllao = true, .tllao = {{2}}});
	ndp(GUEST6, GW6, 136, b, (size_t)(w.p - b));
	drops(n, &f, COUNT_NDP_IGNORED);
	still_works(n);
}

static void
N3_many_targets_and_dad(void **state)
{
	struct net *n = net_new(way);
	uint8_t b[64];
	size_t len = ns_body(b, "fd73:6c75:6963:65::1:0");

	(void)state;
	/* Nothing is remembered of 65,536 neighbours, so nothing can be exhausted. */
	for (unsigned i = 0; i < 65536; i++) {
		b[18] = (uint8_t)(i >> 8);
		b[19] = (uint8_t)i;
		ndp(GUEST6, GW6, 135, b, len);
		assert_int_equal(give(n, &f), STACK_DONE);
		if (i % 64 == 0)
			net_forget(n);
	}
	/* The gateway defends its addresses, to all nodes (RFC 4862 5.4.3). */
	static const char *const ours[] = {GW6, DNS6};
	static const char *const group[] = {"ff02::1:ff00:2", "ff02::1:ff00:3"};
	for (int i = 0; i < 2; i++) {
		net_forget(n);
		ns_body(b, ours[i]);
		ndp("::", group[i], 135, b, 20);
		memcpy(f.b, (uint8_t[]){0x33, 0x33, 0xff, 0, 0, 2}, 6);
		assert_int_equal(give(n, &f), STACK_DONE);
		assert_int_equal(n->nsent, 1);
		assert_memory_equal(n->sent[0].b, ((uint8_t[]){0x33, 0x33, 0, 0, 0, 1}), 6);
		assert_int_equal(n->sent[0].b[54], 136);
		assert_int_equal(n->sent[0].b[58], 0xa0); /* router, override, not solicited */
	}
	/* The guest's are the guest's. */
	net_forget(n);
	ns_body(b, GUEST6);
	ndp("::", "ff02::1:ff00:15", 135, b, 20);
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->nsent, 0);
	still_works(n);
}

/* RFC 6980: a solicitation in two pieces is not heard. */
static void
N3_fragmented(void **state)
{
	struct net *n = net_new(way);
	struct ip h = net_ip_header(GUEST6, GW6, IP_PROTO_ICMPV6);
	uint8_t b[64], msg[64] = {135};
	size_t len = ns_body(b, GW6);

	(void)state;
	memcpy(msg + 4, b, len);
	net_seal(&h, msg, len + 4, 2);
	h.fragment = true;
	h.ttl = 255;
	h.more = true;
	net_ip(&f, &h, msg, 16);
	assert_int_equal(give(n, &f), STACK_DONE);
	h.more = false;
	h.frag_off = 16;
	net_ip(&f, &h, msg + 16, len + 4 - 16);
	drops(n, &f, COUNT_NDP_BAD);
	still_works(n);
}

static void
N4_group_membership(void **state)
{
	struct net *n = net_new(way);
	uint8_t b[64];

	(void)state;
	memset(b, 0xff, sizeof(b)); /* 65,535 records */
	net_icmp(&f, LL_GUEST, "ff02::16", 143, 0, 0xffff, b, 64);
	memcpy(f.b, (uint8_t[]){0x33, 0x33, 0, 0, 0, 0x16}, 6);
	drops(n, &f, COUNT_ETH_DEST);
	memcpy(f.b, net_gw_mac.b, 6);
	drops(n, &f, COUNT_ICMP_IGNORED);
	net_icmp(&f, LL_GUEST, ALL_NODES, 130, 0, 0, b, 16);
	drops(n, &f, COUNT_ICMP_IGNORED);
	struct ip h = net_ip_header(GUEST4, "224.0.0.22", 2);
	net_ip(&f, &h, b, 16);
	drops(n, &f, COUNT_IP_DEST);
	memcpy(f.b, (uint8_t[]){1, 0, 0x5e, 0, 0, 0x16}, 6);
	drops(n, &f, COUNT_ETH_DEST);
	still_works(n);
}

/* --- UDP --------------------------------------------------------------------------------------------- */

static void
U1_length_and_checksum(void **state)
{
	static const uint16_t bad[] = {0, 1, 7, 17, 65535};
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct ip h = net_ip_header(src[v6], far[v6], IP_PROTO_UDP);
		uint8_t l4[16];
		size_t at = ETH_HLEN + (v6 ? 40 : 20);

		for (int i = 0; i < 5; i++) {
			net_udp(&f, src[v6], far[v6], "12345678", 8);
			put16(&f, at + 4, bad[i]);
			drops(n, &f, COUNT_UDP_BAD);
		}
		/* 8 and 9 of 16 bytes: what is beyond is not the datagram's. */
		for (size_t len = 8; len < 10; len++) {
			memset(l4, 'x', sizeof(l4));
			net_udp_into(l4, &h, 5000, 53, "12345678", len - 8);
			net_ip(&f, &h, l4, 16);
			assert_int_equal(give(n, &f), STACK_UDP);
			assert_int_equal(n->pkt.len, len - 8);
		}
		net_udp(&f, src[v6], far[v6], "12345678", 8);
		put8(&f, f.len - 1, 'y');
		drops(n, &f, COUNT_L4_CHECKSUM);
		net_udp(&f, src[v6], far[v6], "12345678", 8);
		put16(&f, at + 6, 0);
		if (v6) {
			drops(n, &f, COUNT_L4_CHECKSUM);
			f.off.csum_valid = true;
			drops(n, &f, COUNT_L4_CHECKSUM);
		} else {
			assert_int_equal(give(n, &f), STACK_UDP);
		}
	}
	still_works(n);
}

static void
U2_port_zero(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct ip h = net_ip_header(src[v6], far[v6], IP_PROTO_UDP);
		uint8_t l4[16];

		net_ip(&f, &h, l4, net_udp_into(l4, &h, 0, 53, "x", 1));
		drops(n, &f, COUNT_UDP_BAD);
		net_ip(&f, &h, l4, net_udp_into(l4, &h, 5000, 0, "x", 1));
		drops(n, &f, COUNT_UDP_BAD);
		/* TCP's row T5 has the same. */
		for (size_t port = 0; port < 4; port += 2) {
			net_tcp(&f, src[v6], far[v6], TCP_SYN, NULL, 0);
			put16(&f, ETH_HLEN + (v6 ? 40u : 20u) + port, 0);
			drops(n, &f, COUNT_TCP_BAD);
		}
	}
	still_works(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(C1_short_and_broken_echo),
	    cmocka_unit_test(C2_no_amplifier),
	    cmocka_unit_test(C3_quoted_packets),
	    cmocka_unit_test(C3_never_error_on_error),
	    cmocka_unit_test(C4_path_mtu),
	    cmocka_unit_test(C5_messages_for_others),
	    cmocka_unit_test(C6_checksum_needs_the_pseudo_header),
	    cmocka_unit_test(C7_packet_too_big),
	    cmocka_unit_test(C8_own_errors_are_limited),
	    cmocka_unit_test(C9_no_pretended_echo),
	    cmocka_unit_test(N1_validation),
	    cmocka_unit_test(N2_no_other_router),
	    cmocka_unit_test(N3_many_targets_and_dad),
	    cmocka_unit_test(N3_fragmented),
	    cmocka_unit_test(N4_group_membership),
	    cmocka_unit_test(U1_length_and_checksum),
	    cmocka_unit_test(U2_port_zero),
	};

	return attack_three_ways(tests, sizeof(tests) / sizeof(tests[0]));
}
