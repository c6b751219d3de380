/*
 * attack_net_test.c - what hostile guests send in Ethernet, virtio-net headers, ARP and IPv4
 *
 * One test a row; the names are those of the list of hostile inputs in docs/testing.md.  Every row ends
 * with still_works().  Fragments, IPv6, and what is above IP are in the other attack_*_test.c.
 */
#include "stack/arp_wire.h"
#include "test/unit/attack_kit.h"

/* --- Ethernet ---------------------------------------------------------------------------------------- */

static void
E1_short_frames(void **state)
{
	static const size_t len[] = {0, 1, 13};
	struct net *n = net_new(way);

	(void)state;
	net_udp(&f, GUEST4, FAR4, "x", 1);
	for (unsigned i = 0; i < 3; i++) {
		f.len = len[i];
		drops(n, &f, COUNT_ETH_SHORT);
	}
	f.len = 14;
	drops(n, &f, COUNT_IP_TRUNCATED);
	put16(&f, 12, ETHERTYPE_IPV6);
	drops(n, &f, COUNT_IP_TRUNCATED);
	put16(&f, 12, ETHERTYPE_ARP);
	drops(n, &f, COUNT_ARP_BAD);
	still_works(n);
}

static void
E3_forged_source_mac(void **state)
{
	static const struct mac bad[] = {
	    {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, {{0x01, 0x00, 0x5e, 0, 0, 1}}, {{0x33, 0x33, 0, 0, 0, 1}},
	    {{0x52, 0x55, 0x0a, 0x00, 0x02, 0x02}}, {{0, 0, 0, 0, 0, 0}},
	};
	static const struct mac neighbour = {{0x52, 0x54, 0, 0x12, 0x34, 0x57}};
	struct stack_config cfg = net_config();
	struct net *n = net_new_with(way, &cfg);

	(void)state;
	/* Once with no guest known yet, once with it locked. */
	for (int locked = 0; locked < 2; locked++) {
		for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			net_udp(&f, GUEST4, FAR4, "x", 1);
			memcpy(f.b + 6, bad[i].b, 6);
			drops(n, &f, COUNT_ETH_SOURCE);
			assert_int_equal(n->st.guest_mac_known, locked);
		}
		net_udp(&f, GUEST4, FAR4, "x", 1);
		assert_int_equal(give(n, &f), STACK_UDP);
		assert_true(mac_eq(n->st.guest_mac, net_guest_mac));
	}
	memcpy(f.b + 6, neighbour.b, 6);
	drops(n, &f, COUNT_ETH_SOURCE);
	still_works(n);
}

/* A frame with somebody else's IP source does not lock the MAC either. */
static void
E3_forged_source_does_not_lock(void **state)
{
	static const struct mac neighbour = {{0x52, 0x54, 0, 0x12, 0x34, 0x57}};
	struct stack_config cfg = net_config();
	struct net *n = net_new_with(way, &cfg);

	(void)state;
	net_udp(&f, "10.0.2.16", FAR4, "x", 1);
	memcpy(f.b + 6, neighbour.b, 6);
	drops(n, &f, COUNT_IP_SOURCE);
	net_udp(&f, GUEST4, FAR4, "x", 1);
	memcpy(f.b + 6, neighbour.b, 6);
	put16(&f, 24, 0xdead); /* header checksum */
	drops(n, &f, COUNT_IP_CHECKSUM);
	assert_false(n->st.guest_mac_known);
	still_works(n);
}

static void
E4_vlan_tags(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (unsigned tags = 1; tags <= 20; tags += 19) {
		net_eth(&f, net_gw_mac, net_guest_mac, 0x8100);
		for (unsigned i = 0; i < tags; i++) {
			put16(&f, f.len, i);
			put16(&f, f.len + 2, i + 1 < tags ? 0x8100 : ETHERTYPE_IPV4);
			f.len += 4;
		}
		drops(n, &f, COUNT_ETH_TYPE);
		f.len = 15; /* inside the tag */
		drops(n, &f, COUNT_ETH_TYPE);
	}
	still_works(n);
}

static void
E5_other_ethertypes(void **state)
{
	static const uint16_t type[] = {0, 46, 0x5dc, 0x5ff, 0x88f8, 0x88b5, 0x8809, 0x88a8, 0xffff};
	struct net *n = net_new(way);

	(void)state;
	for (unsigned i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
		net_udp(&f, GUEST4, FAR4, "x", 1);
		put16(&f, 12, type[i]);
		drops(n, &f, COUNT_ETH_TYPE);
	}
	still_works(n);
}

static void
E6_padding(void **state)
{
	struct net *n = net_new(way);
	struct arp a = {.op = ARP_REQUEST,
			.sender_mac = net_guest_mac,
			.sender_ip = kit_addr(GUEST4),
			.target_ip = kit_addr(GW4)};
	struct wr w = wr_of(f.b + ETH_HLEN, 28);

	(void)state;
	net_tcp(&f, GUEST4, FAR4, TCP_ACK, NULL, 0);
	memset(f.b + f.len, 0xee, 60 - f.len);
	f.len = 60;
	assert_int_equal(give(n, &f), STACK_TCP);
	assert_int_equal(n->pkt.len, 0);
	assert_int_equal(n->pkt.net.len, 40);
	/* A short answer is filled up with zeros, not with what was there before. */
	net_eth(&f, net_all, net_guest_mac, ETHERTYPE_ARP);
	arp_emit(&w, &a);
	f.len += 28;
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->nsent, 1);
	assert_int_equal(n->sent[0].len, 60);
	for (size_t i = 42; i < 60; i++)
		assert_int_equal(n->sent[0].b[i], 0);
	still_works(n);
}

/* --- virtio-net header ------------------------------------------------------------------------------- */

/* A segment as a guest with offloads sends it: only the pseudo-header sum is in its checksum field. */
static void
offloaded_tcp(const char *src, const char *dst)
{
	net_tcp(&f, src, dst, TCP_ACK, "0123456789", 10);

	struct ip h = net_ip_header(src, dst, IP_PROTO_TCP);
	struct csum c = {0};

	csum_pseudo(&c, &h.src, &h.dst, IP_PROTO_TCP, 30);
	f.off = (struct offload){.needs_csum = true,
				 .csum_start = (uint16_t)(f.len - 30),
				 .csum_offset = 16,
				 .gso_type = addr_is_v4(&h.src) ? GSO_TCPV4 : GSO_TCPV6,
				 .gso_size = 4};
	put16(&f, f.len - 30 + 16, csum_partial(&c));
}

static void
V1_offload_of_tcp(void **state)
{
	static const char *const src[] = {GUEST4, GUEST6}, *const far[] = {FAR4, FAR6};
	static const uint16_t wrong[] = {0, 1, 13, 16, 33, 35, 53, 55, 69, 70, 71, 1000, 65535};
	struct net *n = net_new(way);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		offloaded_tcp(src[v6], far[v6]);
		f.off.hdr_len = 65535; /* a hint, not believed */
		assert_int_equal(give(n, &f), STACK_TCP);
		assert_int_equal(n->pkt.off.gso_size, 4);
		for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			offloaded_tcp(src[v6], far[v6]);
			f.off.csum_start = wrong[i];
			drops(n, &f, COUNT_OFFLOAD);
			offloaded_tcp(src[v6], far[v6]);
			f.off.csum_offset = wrong[i];
			if (wrong[i] != 16)
				drops(n, &f, COUNT_OFFLOAD);
		}
		offloaded_tcp(src[v6], far[v6]);
		f.off.gso_size = 0;
		drops(n, &f, COUNT_OFFLOAD);
		offloaded_tcp(src[v6], far[v6]);
		f.off.gso_size = 65535;
		assert_int_equal(give(n, &f), STACK_TCP);
	}
	still_works(n);
}

static void
V1_gso_type_contradicts(void **state)
{
	static const uint8_t bad4[] = {GSO_UDP, GSO_TCPV6, GSO_UDP_L4, 2, 6, 127, 255};
	struct net *n = net_new(way);

	(void)state;
	for (unsigned i = 0; i < sizeof(bad4); i++) {
		offloaded_tcp(GUEST4, FAR4);
		f.off.gso_type = bad4[i];
		drops(n, &f, COUNT_OFFLOAD);
	}
	offloaded_tcp(GUEST6, FAR6);
	f.off.gso_type = GSO_TCPV4;
	drops(n, &f, COUNT_OFFLOAD);
	net_udp(&f, GUEST4, FAR4, "0123456789", 10);
	f.off = (struct offload){.gso_type = GSO_UDP, .gso_size = 4};
	drops(n, &f, COUNT_OFFLOAD);
	f.off.gso_type = GSO_TCPV4;
	drops(n, &f, COUNT_OFFLOAD);
	f.off.gso_type = GSO_UDP_L4;
	assert_int_equal(give(n, &f), STACK_UDP);
	assert_int_equal(n->pkt.off.gso_size, 4);
	f.off.gso_size = 0;
	drops(n, &f, COUNT_OFFLOAD);
	/* 129 datagrams in one. */
	net_udp(&f, GUEST4, FAR4, f.b, 129);
	f.off = (struct offload){.gso_type = GSO_UDP_L4, .gso_size = 1};
	drops(n, &f, COUNT_OFFLOAD);
	/* Neither neighbours nor fragments are offloaded. */
	net_eth(&f, net_all, net_guest_mac, ETHERTYPE_ARP);
	f.len += 28;
	f.off.needs_csum = true;
	drops(n, &f, COUNT_OFFLOAD);
	net_udp(&f, GUEST4, FAR4, "01234567", 8);
	put16(&f, 20, 0x2000);
	seal4(&f);
	f.off = (struct offload){.needs_csum = true, .csum_start = 34, .csum_offset = 6};
	drops(n, &f, COUNT_OFFLOAD);
	still_works(n);
}

/* --- ARP --------------------------------------------------------------------------------------------- */

static void
arp(uint16_t op, const char *spa, const char *tpa)
{
	struct wr w = wr_of(f.b + ETH_HLEN, 28);

	net_eth(&f, net_all, net_guest_mac, ETHERTYPE_ARP);
	arp_emit(&w, &(struct arp){.op = op,
				   .sender_mac = net_guest_mac,
				   .sender_ip = kit_addr(spa),
				   .target_ip = kit_addr(tpa)});
	f.len += 28;
}

static void
A1_truncated(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (size_t len = 0; len < 28; len++) {
		arp(ARP_REQUEST, GUEST4, GW4);
		f.len = ETH_HLEN + len;
		drops(n, &f, COUNT_ARP_BAD);
	}
	still_works(n);
}

static void
A2_sizes_and_operations(void **state)
{
	static const struct {
		uint8_t at, v;
	} bad[] = {{1, 6},   {1, 0},  {0, 1},   {2, 0x86}, {3, 6}, {4, 0},
		   {4, 255}, {5, 16}, {5, 255}, {7, 0},    {7, 9}, {7, 3}};
	struct net *n = net_new(way);

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		arp(ARP_REQUEST, GUEST4, GW4);
		put8(&f, ETH_HLEN + bad[i].at, bad[i].v);
		drops(n, &f, COUNT_ARP_BAD);
	}
	still_works(n);
}

static void
A3_guest_claims_our_address(void **state)
{
	static const char *const ours[] = {GW4, DNS4};
	struct net *n = net_new(way);

	(void)state;
	for (int i = 0; i < 2; i++) {
		arp(ARP_REPLY, ours[i], GUEST4);
		drops(n, &f, COUNT_ARP_IGNORED);
		arp(ARP_REQUEST, ours[i], ours[i]);
		drops(n, &f, COUNT_ARP_IGNORED);
		arp(ARP_REQUEST, ours[i], GW4);
		drops(n, &f, COUNT_ARP_IGNORED);
	}
	still_works(n);
}

static void
A4_poisoning_and_growth(void **state)
{
	static const struct mac sha[] = {{{2, 0, 0, 0, 0, 9}}, {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, {{0}}};
	struct net *n = net_new(way);

	(void)state;
	for (int i = 0; i < 3; i++) {
		arp(ARP_REPLY, GUEST4, GW4);
		memcpy(f.b + ETH_HLEN + 8, sha[i].b, 6);
		drops(n, &f, COUNT_ARP_IGNORED);
	}
	for (unsigned i = 0; i < 100000; i++) {
		arp(ARP_REPLY, "10.0.2.77", GW4);
		put16(&f, ETH_HLEN + 14, i);
		drops(n, &f, COUNT_ARP_IGNORED);
	}
	still_works(n);
}

/* How many answers a request gets. */
static size_t
arp_answers(struct net *n, const char *spa, const char *tpa)
{
	net_forget(n);
	arp(ARP_REQUEST, spa, tpa);
	assert_int_equal(give(n, &f), STACK_DONE);
	return n->nsent;
}

static void
A5_probes_and_foreign_targets(void **state)
{
	static const char *const silent[] = {"127.0.0.1", "255.255.255.255", "10.0.2.255", "10.0.2.0",
					     "8.8.8.8",   "224.0.0.1",       "0.0.0.0",    GUEST4,
					     "10.0.3.1"};
	struct net *n = net_new(way);

	(void)state;
	for (unsigned i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		assert_int_equal(arp_answers(n, GUEST4, silent[i]), 0);
		assert_int_equal(arp_answers(n, "0.0.0.0", silent[i]), 0);
	}
	assert_int_equal(arp_answers(n, "0.0.0.0", "10.0.2.77"), 0);
	assert_int_equal(arp_answers(n, GUEST4, "10.0.2.77"), 1);
	assert_int_equal(arp_answers(n, "0.0.0.0", GW4), 1);
	assert_int_equal(arp_answers(n, GUEST4, DNS4), 1);
	still_works(n);
}

/* --- IPv4 -------------------------------------------------------------------------------------------- */

static void
I1_truncated_header(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (size_t len = 0; len < 20; len++) {
		net_udp(&f, GUEST4, FAR4, "x", 1);
		f.len = ETH_HLEN + len;
		drops(n, &f, COUNT_IP_TRUNCATED);
	}
	still_works(n);
}

static void
I2_version(void **state)
{
	static const uint8_t version[] = {0, 5, 6, 15};
	struct net *n = net_new(way);

	(void)state;
	for (int i = 0; i < 4; i++) {
		net_udp(&f, GUEST4, FAR4, "x", 1);
		put8(&f, ETH_HLEN, (unsigned)version[i] << 4 | 5);
		seal4(&f);
		drops(n, &f, COUNT_IP_VERSION);
	}
	still_works(n);
}

static void
I3_header_length(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (unsigned ihl = 0; ihl < 5; ihl++) {
		net_udp(&f, GUEST4, FAR4, "x", 1);
		put8(&f, ETH_HLEN, 0x40 | ihl);
		drops(n, &f, COUNT_IP_LENGTH);
	}
	/* Past the total length. */
	net_udp(&f, GUEST4, FAR4, "x", 1);
	put8(&f, ETH_HLEN, 0x4f);
	drops(n, &f, COUNT_IP_LENGTH);
	/* Past the frame, which the total length is then too. */
	put16(&f, ETH_HLEN + 2, 60);
	drops(n, &f, COUNT_IP_TRUNCATED);
	still_works(n);
}

static void
I4_total_length(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	for (unsigned len = 0; len < 20; len++) {
		net_udp(&f, GUEST4, FAR4, "x", 1);
		put16(&f, ETH_HLEN + 2, len);
		seal4(&f);
		drops(n, &f, COUNT_IP_LENGTH);
	}
	net_udp(&f, GUEST4, FAR4, "x", 1);
	put16(&f, ETH_HLEN + 2, 20);
	seal4(&f);
	drops(n, &f, COUNT_UDP_BAD);
	static const uint16_t beyond[] = {30, 65535};
	for (int i = 0; i < 2; i++) {
		put16(&f, ETH_HLEN + 2, beyond[i]);
		seal4(&f);
		drops(n, &f, COUNT_IP_TRUNCATED);
	}
	net_udp(&f, GUEST4, FAR4, "x", 1);
	f.len += 100;
	assert_int_equal(give(n, &f), STACK_UDP);
	assert_int_equal(n->pkt.len, 1);
	still_works(n);
}

static void
I5_header_checksum(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	net_udp(&f, GUEST4, FAR4, "x", 1);
	f.b[ETH_HLEN + 11] ^= 1;
	drops(n, &f, COUNT_IP_CHECKSUM);
	/* No offload speaks of it. */
	f.off.csum_valid = true;
	drops(n, &f, COUNT_IP_CHECKSUM);
	offloaded_tcp(GUEST4, FAR4);
	f.b[ETH_HLEN + 10] ^= 0x80;
	drops(n, &f, COUNT_IP_CHECKSUM);
	still_works(n);
}

/* A UDP packet with 40 bytes of IPv4 options that begin with these. */
static void
with_options(const uint8_t *opt, size_t nopt)
{
	uint8_t rest[64];
	size_t n;

	net_udp(&f, GUEST4, FAR4, "x", 1);
	n = f.len - 34;
	memcpy(rest, f.b + 34, n);
	memset(f.b + 34, 1, 40);
	memcpy(f.b + 34, opt, nopt);
	memcpy(f.b + 74, rest, n);
	f.len += 40;
	put8(&f, ETH_HLEN, 0x4f);
	put16(&f, ETH_HLEN + 2, (unsigned)f.len - ETH_HLEN);
	seal4(&f);
}

static void
I6_options(void **state)
{
	static const uint8_t bad[][8] = {
	    {7, 0},
	    {7, 1},
	    {7, 41},
	    {7, 255},
	    {131, 7, 4, 169, 254, 169, 254},
	    {137, 7, 4, 169, 254, 169, 254},
	    {0x94, 0},
	    {68, 255, 255, 255},
	};
	static const uint8_t fine[][8] = {{1}, {0}, {7, 39, 255}, {68, 4, 1, 0}, {0x94, 4, 0, 0}, {222, 2}};
	struct net *n = net_new(way);

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		with_options(bad[i], 8);
		drops(n, &f, COUNT_IP_OPTION);
	}
	for (unsigned i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		with_options(fine[i], fine[i][1] > 3 && fine[i][1] < 9 ? fine[i][1] : 3);
		assert_int_equal(give(n, &f), STACK_UDP);
		assert_memory_equal(n->pay, "x", 1);
	}
	still_works(n);
}

static void
I7_spoofed_source(void **state)
{
	static const char *const src[] = {GW4,         DNS4,        "10.0.2.255", "255.255.255.255",
					  "224.0.0.1", "127.0.0.1", "0.0.0.0",    "240.0.0.1",
					  "10.0.2.16", FAR4};
	struct net *n = net_new(way);

	(void)state;
	for (unsigned i = 0; i < sizeof(src) / sizeof(src[0]); i++) {
		net_tcp(&f, src[i], "198.51.100.1", TCP_SYN, NULL, 0);
		drops(n, &f, COUNT_IP_SOURCE);
		net_icmp(&f, src[i], GW4, 8, 0, 1, NULL, 0);
		drops(n, &f, COUNT_IP_SOURCE);
	}
	still_works(n);
}

static void
I8_special_destinations(void **state)
{
	static const char *const dst[] = {
	    "0.0.0.0",         "0.1.2.3",     "127.0.0.1",       "127.255.255.255", "10.0.2.255", "10.0.2.0",
	    "255.255.255.255", "224.0.0.251", "239.255.255.250", "240.0.0.1",       "254.1.2.3",  GUEST4};
	struct net *n = net_new(way);

	(void)state;
	for (unsigned i = 0; i < sizeof(dst) / sizeof(dst[0]); i++) {
		net_udp(&f, GUEST4, dst[i], "x", 1);
		drops(n, &f, COUNT_IP_DEST);
		net_tcp(&f, GUEST4, dst[i], TCP_SYN, NULL, 0);
		drops(n, &f, COUNT_IP_DEST);
		net_icmp(&f, GUEST4, dst[i], 8, 0, 1, NULL, 0);
		drops(n, &f, COUNT_IP_DEST);
	}
	/* Metadata is an address like any other here: the policy judges it. */
	net_udp(&f, GUEST4, "169.254.169.254", "x", 1);
	assert_int_equal(give(n, &f), STACK_UDP);
	/* A frame for all with a packet for one. */
	net_udp(&f, GUEST4, FAR4, "x", 1);
	memset(f.b, 0xff, 6);
	drops(n, &f, COUNT_ETH_DEST);
	still_works(n);
}

static void
I9_ttl_and_flags(void **state)
{
	struct net *n = net_new(way);

	(void)state;
	net_udp(&f, GUEST4, FAR4, "x", 1);
	put8(&f, ETH_HLEN + 8, 0);
	seal4(&f);
	drops(n, &f, COUNT_IP_TTL);
	put8(&f, ETH_HLEN + 8, 1);
	seal4(&f);
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->nsent, 1);
	assert_int_equal(n->sent[0].b[34], 11); /* time exceeded, from the gateway, about this packet */
	assert_int_equal(n->sent[0].b[35], 0);
	struct addr gw = kit_addr(GW4);
	assert_true(addr_eq(&n->sent[0].ip.src, &gw));
	assert_memory_equal(n->sent[0].b + 42, f.b + ETH_HLEN, f.len - ETH_HLEN);
	/* Reserved bit: carried by nobody, refused by nobody. */
	put8(&f, ETH_HLEN + 8, 64);
	put16(&f, ETH_HLEN + 6, 0x8000);
	seal4(&f);
	assert_int_equal(give(n, &f), STACK_UDP);
	/* DF and MF: a fragment all the same, and too short a one to wait for. */
	put16(&f, ETH_HLEN + 6, 0x6000);
	seal4(&f);
	drops(n, &f, COUNT_FRAG_BAD);
	still_works(n);
}

static void
I10_other_protocols(void **state)
{
	static const uint8_t proto[] = {0, 2, 4, 41, 47, 50, 51, 58, 132, 255};
	struct net *n = net_new(way);
	struct ip inner = net_ip_header(GUEST4, "169.254.169.254", IP_PROTO_UDP);
	static struct bytes in;

	(void)state;
	net_udp(&in, GUEST4, "169.254.169.254", "x", 1);
	for (unsigned i = 0; i < sizeof(proto); i++) {
		inner.dst = kit_addr(FAR4);
		inner.proto = proto[i];
		net_ip(&f, &inner, in.b + ETH_HLEN, in.len - ETH_HLEN);
		net_forget(n);
		assert_int_equal(give(n, &f), STACK_DONE);
		assert_int_equal(net_count(n, COUNT_IP_PROTO), i + 1);
		assert_int_equal(n->nsent, 1);
		assert_int_equal(n->sent[0].b[34] << 8 | n->sent[0].b[35], 0x0302);
	}
	still_works(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(E1_short_frames),
	    cmocka_unit_test(E3_forged_source_mac),
	    cmocka_unit_test(E3_forged_source_does_not_lock),
	    cmocka_unit_test(E4_vlan_tags),
	    cmocka_unit_test(E5_other_ethertypes),
	    cmocka_unit_test(E6_padding),
	    cmocka_unit_test(V1_offload_of_tcp),
	    cmocka_unit_test(V1_gso_type_contradicts),
	    cmocka_unit_test(A1_truncated),
	    cmocka_unit_test(A2_sizes_and_operations),
	    cmocka_unit_test(A3_guest_claims_our_address),
	    cmocka_unit_test(A4_poisoning_and_growth),
	    cmocka_unit_test(A5_probes_and_foreign_targets),
	    cmocka_unit_test(I1_truncated_header),
	    cmocka_unit_test(I2_version),
	    cmocka_unit_test(I3_header_length),
	    cmocka_unit_test(I4_total_length),
	    cmocka_unit_test(I5_header_checksum),
	    cmocka_unit_test(I6_options),
	    cmocka_unit_test(I7_spoofed_source),
	    cmocka_unit_test(I8_special_destinations),
	    cmocka_unit_test(I9_ttl_and_flags),
	    cmocka_unit_test(I10_other_protocols),
	};

	return attack_three_ways(tests, sizeof(tests) / sizeof(tests[0]));
}
