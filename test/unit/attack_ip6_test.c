/*
 * attack_ip6_test.c - what hostile guests send in IPv6 headers, rows S1 to S9 and P4 (see attack_net_test.c)
 */
#include "test/unit/attack_kit.h"

#define LL_GUEST "fe80::5054:ff:fe12:3456"

static void
S1_payload_length(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	net_udp(&f, GUEST6, FAR6, "12345678", 8);
	f.len = ETH_HLEN + 39;
	drops(n, &f, COUNT_IP_TRUNCATED);
	net_udp(&f, GUEST6, FAR6, "12345678", 8);
	static const uint16_t beyond[] = {17, 200, 65535};
	for (int i = 0; i < 3; i++) {
		put16(&f, ETH_HLEN + 4, beyond[i]);
		drops(n, &f, COUNT_IP_TRUNCATED);
	}
	put16(&f, ETH_HLEN + 4, 0);
	drops(n, &f, COUNT_UDP_BAD);
	put16(&f, ETH_HLEN + 4, 7);
	drops(n, &f, COUNT_UDP_BAD);
	put16(&f, ETH_HLEN + 4, 15); /* the UDP length says 16 */
	drops(n, &f, COUNT_UDP_BAD);
	/* Shorter than the frame: the rest is padding. */
	net_udp(&f, GUEST6, FAR6, "12345678", 8);
	f.len += 50;
	assert_int_equal(give(n, &f), STACK_UDP);
	assert_int_equal(n->pkt.len, 8);
	/* An echo reply is as long as the request, whatever the frame was. */
	net_icmp(&f, GUEST6, GW6, 128, 0, 1, "12345678", 8);
	f.len += 50;
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->sent[n->nsent - 1].ip.len, 16);
	still_works(n);
}

/* Extension headers of 8 bytes each, of these kinds, and UDP behind them. */
static void
extensions(const uint8_t *kind, size_t count, unsigned units)
{
	static uint8_t b[4096];
	struct ip h = net_ip_header(GUEST6, FAR6, IP_PROTO_UDP);
	size_t at = 0;

	memset(b, 0, sizeof(b));
	for (size_t i = 0; i < count; i++) {
		b[at] = i + 1 < count ? kind[i + 1] : IP_PROTO_UDP;
		b[at + 1] = (uint8_t)units;
		/* Padding that fills the header: at most 255 bytes an option. */
		for (size_t k = at + 2; k < at + (units + 1) * 8;) {
			size_t left = at + (units + 1) * 8 - k;

			if (left == 1) {
				k++;
				continue;
			}
			b[k] = 1;
			b[k + 1] = (uint8_t)(left - 2 > 255 ? 255 : left - 2);
			k += 2u + b[k + 1];
		}
		at += (units + 1) * 8;
	}
	at += net_udp_into(b + at, &h, 5000, 53, "data", 4);
	net_ip6_raw(&f, GUEST6, FAR6, count ? kind[0] : IP_PROTO_UDP, b, at);
}

static void
S2_extension_chain(void **state)
{
	static const uint8_t hbh_second[] = {60, 0}, hbh_twice[] = {0, 0}, usual[] = {0, 60, 60, 60};
	uint8_t many[64];
	struct net *n = net_new(way);

	(void)state;
	extensions(usual, 4, 0);
	assert_int_equal(give(n, &f), STACK_UDP);
	assert_memory_equal(n->pay, "data", 4);
	extensions(hbh_second, 2, 0);
	drops(n, &f, COUNT_IP_EXTENSION);
	extensions(hbh_twice, 2, 0);
	drops(n, &f, COUNT_IP_EXTENSION);
	memset(many, 60, sizeof(many));
	extensions(many, 60, 0);
	drops(n, &f, COUNT_IP_EXTENSION);
	extensions(many, 1, 255); /* more than 2,000 bytes that are there */
	drops(n, &f, COUNT_IP_EXTENSION);
	extensions(many, 1, 0);
	put8(&f, ETH_HLEN + 41, 255); /* and that are not */
	drops(n, &f, COUNT_IP_TRUNCATED);
	/* Every length of the chain, cut short. */
	extensions(usual, 4, 0);
	size_t whole = f.len;
	for (unsigned len = 0; len < 32; len++) {
		f.len = ETH_HLEN + 40 + len;
		put16(&f, ETH_HLEN + 4, len);
		assert_int_equal(give(n, &f), STACK_DONE);
		assert_int_equal(n->nsent, 0);
	}
	f.len = whole;
	still_works(n);
}

static void
S3_options(void **state)
{
	/* Type, length, what becomes of it: 0 goes up, 1 drop, 2 drop and tell. */
	static const uint8_t row[][3] = {{0x1e, 4, 0}, {0x5e, 4, 1}, {0x9e, 4, 2}, {0xde, 4, 2},
					 {1, 255, 1},  {1, 5, 1},    {1, 4, 0},    {0x1e, 5, 1}};
	static const uint8_t kind[] = {60};
	struct net *n = net_new(way);

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		extensions(kind, 1, 0);
		put8(&f, ETH_HLEN + 42, row[i][0]);
		put8(&f, ETH_HLEN + 43, row[i][1]);
		net_forget(n);
		assert_int_equal(give(n, &f), row[i][2] == 0 ? STACK_UDP : STACK_DONE);
		assert_int_equal(n->nsent, row[i][2] == 2);
		if (row[i][2] != 2)
			continue;
		assert_int_equal(n->sent[0].b[54] << 8 | n->sent[0].b[55], 0x0402);
		assert_int_equal(n->sent[0].b[61], 42);
	}
	still_works(n);
}

static void
S4_routing_header(void **state)
{
	static const uint8_t type[] = {0, 2, 4, 253}, left[] = {0, 1, 255}, kind[] = {43};
	struct net *n = net_new(way);

	(void)state;
	for (int t = 0; t < 4; t++) {
		for (int s = 0; s < 3; s++) {
			bool passes = type[t] != 0 && left[s] == 0;

			extensions(kind, 1, 0);
			put8(&f, ETH_HLEN + 42, type[t]);
			put8(&f, ETH_HLEN + 43, left[s]);
			net_forget(n);
			assert_int_equal(give(n, &f), passes ? STACK_UDP : STACK_DONE);
			assert_int_equal(n->nsent, !passes);
			if (!passes)
				assert_int_equal(n->sent[0].b[54] << 8 | n->sent[0].b[55], 0x0400);
		}
	}
	still_works(n);
}

/* A fragment header and what follows it. */
static void
fragment6(uint8_t next, uint32_t id, size_t from, const uint8_t *p, size_t len, bool more)
{
	struct ip h = net_ip_header(GUEST6, FAR6, next);

	h.fragment = true;
	h.id = id;
	h.frag_off = (uint16_t)from;
	h.more = more;
	net_ip(&f, &h, p + from, len);
}

static void
S5_fragments(void **state)
{
	struct ip h = net_ip_header(GUEST6, FAR6, IP_PROTO_UDP);
	uint8_t l4[128], data[100] = {1, 2, 3};
	size_t len = net_udp_into(l4, &h, 5000, 53, data, sizeof(data));
	struct net *n = net_new(way);

	(void)state;
	/* Atomic: alone, beside a set of the same name (RFC 6946). */
	fragment6(IP_PROTO_UDP, 1, 0, l4, 48, true);
	assert_int_equal(give(n, &f), STACK_DONE);
	fragment6(IP_PROTO_UDP, 1, 0, l4, len, false);
	assert_int_equal(give(n, &f), STACK_UDP);
	assert_int_equal(n->pkt.len, 100);
	fragment6(IP_PROTO_UDP, 1, 48, l4, len - 48, false);
	assert_int_equal(give(n, &f), STACK_UDP);
	/* Nested. */
	uint8_t nested[32] = {IP_PROTO_UDP, 0, 0, 1};
	fragment6(IP_PROTO_FRAGMENT, 2, 0, nested, 32, true);
	drops(n, &f, COUNT_IP_EXTENSION);
	fragment6(IP_PROTO_FRAGMENT, 2, 0, nested, 32, false);
	drops(n, &f, COUNT_IP_EXTENSION);
	/* Headers that hide behind the fragment header. */
	fragment6(IP_PROTO_DSTOPTS, 3, 0, nested, 32, true);
	drops(n, &f, COUNT_IP_EXTENSION);
	/* Without its first piece a set ends in silence; with it, with code 1. */
	fragment6(IP_PROTO_UDP, 4, 48, l4, len - 48, false);
	assert_int_equal(give(n, &f), STACK_DONE);
	n->now += FRAG_TIMEOUT;
	stack_timers(&n->st, n->now);
	assert_int_equal(n->nsent, 0);
	fragment6(IP_PROTO_UDP, 5, 0, l4, 48, true);
	assert_int_equal(give(n, &f), STACK_DONE);
	n->now += FRAG_TIMEOUT;
	stack_timers(&n->st, n->now);
	assert_int_equal(n->nsent, 1);
	assert_int_equal(n->sent[0].b[54] << 8 | n->sent[0].b[55], 0x0301);
	still_works(n);
}

static void
S6_jumbograms(void **state)
{
	static const uint8_t jumbo[2][8] = {{IP_PROTO_UDP, 0, 0xc2, 4, 0, 1, 0, 0},
					    {IP_PROTO_UDP, 0, 0xc2, 4, 0, 0, 0, 20}};
	struct net *n = net_new(way);

	(void)state;
	for (int i = 0; i < 2; i++) {
		net_ip6_raw(&f, GUEST6, FAR6, IP_PROTO_HOPOPTS, jumbo[i], 8);
		drops(n, &f, COUNT_IP_OPTION);
		put16(&f, ETH_HLEN + 4, 0);
		assert_int_equal(give(n, &f), STACK_DONE);
		assert_int_equal(n->nsent, 0);
	}
	net_udp(&f, GUEST6, FAR6, "x", 1);
	put16(&f, ETH_HLEN + 4, 0);
	drops(n, &f, COUNT_UDP_BAD);
	still_works(n);
}

/* IPv6 addresses as bytes: the kit's writer refuses some of these. */
static void
set_addr(size_t at, const char *hex_v6, const uint8_t *raw)
{
	struct addr a = {{0}};

	if (raw)
		memcpy(a.b, raw, 16);
	else
		a = kit_addr(hex_v6);
	memcpy(f.b + ETH_HLEN + at, a.b, 16);
}

static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1};
static const uint8_t compatible[16] = {[12] = 127, [15] = 1};

static void
S7_addresses(void **state)
{
	static const char *const src[] = {"::1", "ff02::1", GW6, DNS6, "2001:db8::9", "fe80:1::1", "fec0::1"};
	static const char *const dst[] = {"::", "::1", GUEST6, "ff02::fb", "ff0e::1"};
	struct net *n = net_new(way);

	(void)state;
	for (unsigned i = 0; i < sizeof(src) / sizeof(src[0]); i++) {
		net_udp(&f, src[i], FAR6, "x", 1);
		drops(n, &f, COUNT_IP_SOURCE);
	}
	net_udp(&f, "::", FAR6, "x", 1);
	drops(n, &f, COUNT_IP_SOURCE);
	for (unsigned i = 0; i < sizeof(dst) / sizeof(dst[0]); i++) {
		net_udp(&f, GUEST6, dst[i], "x", 1);
		drops(n, &f, COUNT_IP_DEST);
		net_tcp(&f, GUEST6, dst[i], TCP_SYN, NULL, 0);
		drops(n, &f, COUNT_IP_DEST);
	}
	still_works(n);
}

/* An IPv4 address in disguise is not taken off the wire; other embeddings go up to be judged. */
static void
P4_mapped_and_compatible_on_the_wire(void **state)
{
	static const char *const judged_above[] = {"64:ff9b::7f00:1", "2002:7f00:1::1", "2001::1",
						   "64:ff9b:1::1", "fd00:ec2::254"};
	struct net *n = net_new(way);

	(void)state;
	for (int side = 0; side < 2; side++) {
		for (int kind = 0; kind < 2; kind++) {
			net_udp(&f, GUEST6, FAR6, "x", 1);
			set_addr(side ? 24 : 8, NULL, kind ? mapped : compatible);
			drops(n, &f, COUNT_IP_ADDRESS);
		}
	}
	for (unsigned i = 0; i < sizeof(judged_above) / sizeof(judged_above[0]); i++) {
		net_udp(&f, GUEST6, judged_above[i], "x", 1);
		assert_int_equal(give(n, &f), STACK_UDP);
	}
	still_works(n);
}

static void
S8_link_local_stays_here(void **state)
{
	struct net *n = net_new(way);
	char ours[ADDR_TEXT];

	(void)state;
	net_udp(&f, LL_GUEST, "fe80::1", "x", 1);
	drops(n, &f, COUNT_IP_DEST);
	net_udp(&f, GUEST6, "febf::1", "x", 1);
	drops(n, &f, COUNT_IP_DEST);
	net_udp(&f, LL_GUEST, addr_text(&n->st.link_local, ours), "x", 1);
	assert_int_equal(give(n, &f), STACK_UDP);
	still_works(n);
}

static void
S9_hop_limit_and_flow_label(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	net_udp(&f, GUEST6, FAR6, "x", 1);
	put8(&f, ETH_HLEN + 7, 0);
	drops(n, &f, COUNT_IP_TTL);
	put8(&f, ETH_HLEN + 7, 1);
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->nsent, 1);
	assert_int_equal(n->sent[0].b[54] << 8 | n->sent[0].b[55], 0x0300);
	put8(&f, ETH_HLEN + 7, 255);
	put16(&f, ETH_HLEN + 2, 0xffff);
	assert_int_equal(give(n, &f), STACK_UDP);
	/* The gateway itself is not beyond the gateway. */
	net_udp(&f, GUEST6, GW6, "x", 1);
	put8(&f, ETH_HLEN + 7, 1);
	assert_int_equal(give(n, &f), STACK_UDP);
	still_works(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(S1_payload_length),
	    cmocka_unit_test(S2_extension_chain),
	    cmocka_unit_test(S3_options),
	    cmocka_unit_test(S4_routing_header),
	    cmocka_unit_test(S5_fragments),
	    cmocka_unit_test(S6_jumbograms),
	    cmocka_unit_test(S7_addresses),
	    cmocka_unit_test(P4_mapped_and_compatible_on_the_wire),
	    cmocka_unit_test(S8_link_local_stays_here),
	    cmocka_unit_test(S9_hop_limit_and_flow_label),
	};

	return attack_three_ways(tests, sizeof(tests) / sizeof(tests[0]));
}
