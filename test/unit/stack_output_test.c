/*
 * stack_output_test.c - what the stack sends: offload facts, checksums, errors, probes, advertisements
 *
 * net_kit.h reads every frame with a strict parser of its own; here is what it cannot know.
 */
#include "stack/arp_wire.h"
#include "stack/ndp_wire.h"
#include "test/unit/net_kit.h"

static const char *const guest[] = {GUEST4, GUEST6}, *const far[] = {FAR4, FAR6}, *const gw[] = {GW4, GW6};
static const size_t ip_len[] = {20, 40};
static uint8_t data[65536];
static struct bytes f;

static void
send_tcp(struct net *n, int v6, uint8_t flags, size_t len, uint16_t gso)
{
	struct addr src = kit_addr(far[v6]), dst = kit_addr(guest[v6]);
	struct tcp_hdr h = {.sport = 80, .dport = 40000, .seq = 1, .ack = 2, .flags = flags, .wnd = 100};
	struct view pay[2] = {view_of(data, len / 2), view_of(data + len / 2, len - len / 2)};

	if (flags & TCP_SYN) {
		h.mss = 1460;
		h.has_wscale = true;
		h.wscale = 7;
	}
	stack_send_tcp(&n->st, &src, &dst, &h, pay, len ? 2 : 0, gso);
}

static void
tcp_on_a_plain_link(void **state)
{
	struct net *n = net_new(WAY_ONE_SPAN);
	uint64_t seed = 3;

	(void)state;
	kit_fill(&seed, data, sizeof(data));
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t len = 0; len <= 1440; len = len * 2 + 1) {
			net_forget(n);
			send_tcp(n, v6, TCP_ACK, len, 0);
			assert_int_equal(n->nsent, 1);
			assert_false(n->sent[0].off.needs_csum);
			assert_int_equal(n->sent[0].ip.len, 20 + len);
			assert_int_equal(n->sent[0].ip.ttl, 64);
			assert_memory_equal(n->sent[0].b + ETH_HLEN + ip_len[v6] + 20, data, len);
			assert_true(mac_eq(n->sent[0].eth.dst, net_guest_mac));
		}
		send_tcp(n, v6, TCP_SYN | TCP_ACK, 0, 0);
	}
	assert_int_equal(net_count(n, COUNT_FRAMES_OUT), 1 + 2 * 12);
	net_free(n);
}

static void
tcp_with_offload(void **state)
{
	static const uint8_t type[] = {GSO_TCPV4, GSO_TCPV6};
	struct net *n = net_new(WAY_ONE_SPAN);

	(void)state;
	n->sink.lim.csum = n->sink.lim.tso = true;
	for (int v6 = 0; v6 < 2; v6++) {
		net_forget(n);
		send_tcp(n, v6, TCP_ACK, 60000, 1400);
		send_tcp(n, v6, TCP_ACK, 1400, 1400);
		send_tcp(n, v6, TCP_SYN, 0, 0);
		assert_int_equal(n->nsent, 3);
		for (int i = 0; i < 3; i++)
			assert_true(n->sent[i].off.needs_csum);
		assert_int_equal(n->sent[0].off.gso_type, type[v6]);
		assert_int_equal(n->sent[0].off.gso_size, 1400);
		assert_int_equal(n->sent[1].off.gso_type, GSO_NONE);
		assert_int_equal(n->sent[1].off.gso_size, 0);
		/* Nobody pads where nobody sees Ethernet. */
		assert_int_equal(n->sent[2].len, ETH_HLEN + ip_len[v6] + 28);
	}
	net_free(n);
}

static void
udp_with_offload(void **state)
{
	struct net *n = net_new(WAY_ONE_SPAN);
	struct view v = view_of(data, 5000);

	(void)state;
	n->sink.lim.csum = n->sink.lim.uso = true;
	for (int v6 = 0; v6 < 2; v6++) {
		struct endpoint src = {kit_addr(far[v6]), 53}, dst = {kit_addr(guest[v6]), 5000};

		net_forget(n);
		stack_send_udp(&n->st, &src, &dst, &v, 1, 1200, 17, 0xb8);
		assert_int_equal(n->nsent, 1);
		assert_int_equal(n->sent[0].off.gso_type, GSO_UDP_L4);
		assert_int_equal(n->sent[0].off.gso_size, 1200);
		assert_int_equal(n->sent[0].ip.ttl, 17);
		assert_int_equal(n->sent[0].ip.tos, 0xb8);
		const uint8_t *udp = n->sent[0].b + ETH_HLEN + ip_len[v6];
		assert_int_equal(udp[4] << 8 | udp[5], 5008);
		/* Fragments have their checksum whatever the link could do. */
		net_forget(n);
		stack_send_udp(&n->st, &src, &dst, &v, 1, 0, 0, 0);
		assert_int_equal(n->nsent, 4);
		assert_false(n->sent[0].off.needs_csum);
	}
	net_free(n);
}

/* A checksum that comes out as zero is sent as 0xffff: zero says that there is none. */
static void
udp_checksum_zero(void **state)
{
	struct net *n = net_new(WAY_ONE_SPAN);
	struct endpoint src = {kit_addr(FAR4), 53}, dst = {kit_addr(GUEST4), 5000};
	uint8_t word[2] = {0, 0};
	struct view v = view_of(word, 2);

	(void)state;
	stack_send_udp(&n->st, &src, &dst, &v, 1, 0, 0, 0);
	/* Adding what the sum lacks makes it all ones, and its complement zero. */
	memcpy(word, n->sent[0].b + 40, 2);
	net_forget(n);
	stack_send_udp(&n->st, &src, &dst, &v, 1, 0, 0, 0);
	assert_int_equal(n->sent[0].b[40] << 8 | n->sent[0].b[41], 0xffff);
	/* An empty datagram is one. */
	stack_send_udp(&n->st, &src, &dst, NULL, 0, 0, 0, 0);
	assert_int_equal(n->sent[1].ip.len, 8);
	net_free(n);
}

static void
no_room_and_no_guest(void **state)
{
	struct stack_config cfg = net_config();
	struct net *n = net_new_with(WAY_ONE_SPAN, &cfg);

	(void)state;
	assert_int_equal(stack_deadline(&n->st), TIME_NEVER);
	send_tcp(n, 0, TCP_SYN, 0, 0);
	assert_int_equal(n->nsent, 0);
	assert_int_equal(net_count(n, COUNT_NO_GUEST), 1);
	/* The guest is looked for, in both families, at once and then once a second at most. */
	assert_true(stack_deadline(&n->st) <= n->now);
	stack_timers(&n->st, n->now);
	assert_int_equal(n->nsent, 2);
	assert_int_equal(n->sent[0].eth.type, ETHERTYPE_ARP);
	assert_true(mac_eq(n->sent[0].eth.dst, net_all));
	struct arp a;
	assert_true(arp_parse(view_of(n->sent[0].b + ETH_HLEN, 28), &a));
	struct addr g = kit_addr(GUEST4);
	assert_true(a.op == ARP_REQUEST && addr_eq(&a.target_ip, &g));
	assert_int_equal(n->sent[1].b[54], 135);
	assert_memory_equal(n->sent[1].b, ((uint8_t[]){0x33, 0x33, 0xff, 0, 0, 0x15}), 6);
	assert_int_equal(stack_deadline(&n->st), TIME_NEVER);
	send_tcp(n, 0, TCP_SYN, 0, 0);
	assert_int_equal(stack_deadline(&n->st), n->now + USEC_PER_SEC);
	stack_timers(&n->st, n->now + USEC_PER_SEC - 1);
	assert_int_equal(n->nsent, 2);
	/* Found: frames go out, unless the link is full. */
	net_udp(&f, GUEST4, FAR4, "x", 1);
	assert_int_equal(give(n, &f), STACK_UDP);
	send_tcp(n, 0, TCP_SYN, 0, 0);
	assert_int_equal(n->nsent, 3);
	n->full = true;
	send_tcp(n, 0, TCP_SYN, 0, 0);
	assert_int_equal(n->nsent, 3);
	assert_int_equal(net_count(n, COUNT_NO_ROOM), 1);
	net_free(n);
}

/* Type, code and rest of every error, about a UDP packet of each family. */
static void
error_table(void **state)
{
	static const struct {
		enum icmp_error err;
		uint32_t arg;
		uint8_t type4, code4;
		uint32_t rest4;
		uint8_t type6, code6;
		uint32_t rest6;
	} row[] = {
	    {ICMP_ERR_PORT, 0, 3, 3, 0, 1, 4, 0},
	    {ICMP_ERR_HOST, 0, 3, 1, 0, 1, 3, 0},
	    {ICMP_ERR_NET, 0, 3, 0, 0, 1, 0, 0},
	    {ICMP_ERR_PROTO, 0, 3, 2, 0, 4, 1, 6},
	    {ICMP_ERR_PROHIBITED, 0, 3, 13, 0, 1, 1, 0},
	    {ICMP_ERR_TOO_BIG, 1400, 3, 4, 1400, 2, 0, 1400},
	    {ICMP_ERR_TOO_BIG, 0, 3, 4, 68, 2, 0, 1280},
	    {ICMP_ERR_TOO_BIG, 100000, 3, 4, 65535, 2, 0, 100000},
	    {ICMP_ERR_TTL, 0, 11, 0, 0, 3, 0, 0},
	    {ICMP_ERR_REASSEMBLY, 0, 11, 1, 0, 3, 1, 0},
	    {ICMP_ERR_PARAM, 2u << 24 | 42, 12, 0, 42u << 24, 4, 2, 42},
	};
	struct net *n = net_new(WAY_ONE_SPAN);

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		for (int v6 = 0; v6 < 2; v6++) {
			struct addr router = kit_addr(v6 ? "2001:db8::99" : "198.51.100.9");
			struct view quote = view_of(f.b + ETH_HLEN, 0);

			net_udp(&f, guest[v6], far[v6], "x", 1);
			quote.len = f.len - ETH_HLEN;
			net_forget(n);
			stack_send_error(&n->st, row[i].err, row[i].arg, &router, quote, n->now);
			assert_int_equal(n->nsent, 1);
			const uint8_t *icmp = n->sent[0].b + ETH_HLEN + ip_len[v6];
			uint32_t rest = (uint32_t)icmp[4] << 24 | (uint32_t)icmp[5] << 16 |
					(uint32_t)icmp[6] << 8 | icmp[7];
			assert_int_equal(icmp[0], v6 ? row[i].type6 : row[i].type4);
			assert_int_equal(icmp[1], v6 ? row[i].code6 : row[i].code4);
			assert_int_equal(rest, v6 ? row[i].rest6 : row[i].rest4);
			assert_memory_equal(icmp + 8, quote.p, quote.len);
			assert_true(addr_eq(&n->sent[0].ip.src, &router));
		}
	}
	assert_true(n->flushes > 0); /* the quote may be gone by the next frame */
	net_free(n);
}

static void
errors_that_are_not_sent(void **state)
{
	struct net *n = net_new(WAY_ONE_SPAN);
	struct ip h = net_ip_header(GUEST4, FAR4, IP_PROTO_UDP);

	(void)state;
	/* About a later fragment, a group, an error, another's packet, an echo reply's brother. */
	h.fragment = true;
	h.frag_off = 8;
	net_ip(&f, &h, data, 16);
	stack_send_error(&n->st, ICMP_ERR_PORT, 0, NULL, view_of(f.b + ETH_HLEN, f.len - ETH_HLEN), n->now);
	static const char *const dst[] = {"224.0.0.1", "255.255.255.255", "10.0.2.255"};
	for (int i = 0; i < 3; i++) {
		net_udp(&f, GUEST4, dst[i], "x", 1);
		stack_send_error(&n->st, ICMP_ERR_PORT, 0, NULL, view_of(f.b + ETH_HLEN, f.len - ETH_HLEN),
				 n->now);
	}
	net_udp(&f, GUEST6, "ff02::1", "x", 1);
	stack_send_error(&n->st, ICMP_ERR_PORT, 0, NULL, view_of(f.b + ETH_HLEN, f.len - ETH_HLEN), n->now);
	net_icmp(&f, GUEST4, FAR4, 11, 0, 0, data, 28);
	stack_send_error(&n->st, ICMP_ERR_HOST, 0, NULL, view_of(f.b + ETH_HLEN, f.len - ETH_HLEN), n->now);
	net_icmp(&f, GUEST6, FAR6, 1, 0, 0, data, 48);
	stack_send_error(&n->st, ICMP_ERR_HOST, 0, NULL, view_of(f.b + ETH_HLEN, f.len - ETH_HLEN), n->now);
	net_udp(&f, "10.0.2.16", FAR4, "x", 1);
	stack_send_error(&n->st, ICMP_ERR_PORT, 0, NULL, view_of(f.b + ETH_HLEN, f.len - ETH_HLEN), n->now);
	stack_send_error(&n->st, ICMP_ERR_PORT, 0, NULL, view_of(NULL, 0), n->now);
	assert_int_equal(n->nsent, 0);
	assert_int_equal(net_count(n, COUNT_ICMP_LIMITED), 0);
	net_free(n);
}

/* The quote of a packet that is long gone says what a host needs to find its socket. */
static void
error_about_a_flow(void **state)
{
	static const uint8_t proto[][3] = {{IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP},
					   {IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMPV6}};
	struct net *n = net_new(WAY_ONE_SPAN);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (int i = 0; i < 3; i++) {
			struct tuple t = {
			    {kit_addr(guest[v6]), 40000}, {kit_addr(far[v6]), 80}, proto[v6][i]};

			net_forget(n);
			stack_send_error_flow(&n->st, ICMP_ERR_HOST, 0, NULL, &t, 0x1234, n->now);
			assert_int_equal(n->nsent, 1);
			struct view quote =
			    view_of(n->sent[0].b + ETH_HLEN + ip_len[v6] + 8, n->sent[0].ip.len - 8);
			struct ip q;
			struct ip_problem why;
			assert_int_equal(quote.len, ip_len[v6] + 8);
			assert_int_equal(v6 ? ip6_parse(quote, 65535, &q, &why) : ip4_parse(quote, 65535, &q),
					 IP_OK);
			assert_true(addr_eq(&q.src, &t.guest.addr) && addr_eq(&q.dst, &t.remote.addr));
			assert_int_equal(q.proto, t.proto);
			const uint8_t *l4 = quote.p + ip_len[v6];
			if (i < 2) {
				assert_int_equal(l4[0] << 8 | l4[1], 40000);
				assert_int_equal(l4[2] << 8 | l4[3], 80);
			}
			if (i == 0)
				assert_int_equal(l4[6] << 8 | l4[7], 0x1234);
			if (i == 1)
				assert_int_equal(l4[4] << 8 | l4[5], 8 + 0x1234);
			if (i == 2) {
				assert_int_equal(l4[0], v6 ? 128 : 8);
				assert_int_equal(l4[6] << 8 | l4[7], 0x1234);
			}
			struct addr gateway = kit_addr(gw[v6]);
			assert_true(addr_eq(&n->sent[0].ip.src, &gateway));
		}
	}
	net_free(n);
}

/* Ids, sequence numbers and data come back as they were; a reply beyond the MTU comes in pieces. */
static void
echo_reply(void **state)
{
	struct net *n = net_new(WAY_ONE_SPAN);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		net_forget(n);
		net_icmp(&f, guest[v6], gw[v6], v6 ? 128 : 8, 0, 0xabcd0003, data, 56);
		assert_int_equal(give(n, &f), STACK_DONE);
		const uint8_t *icmp = n->sent[0].b + ETH_HLEN + ip_len[v6];
		assert_int_equal(icmp[0], v6 ? 129 : 0);
		assert_memory_equal(icmp + 4, ((uint8_t[]){0xab, 0xcd, 0, 3}), 4);
		assert_memory_equal(icmp + 8, data, 56);
		struct addr src = kit_addr(far[v6]), dst = kit_addr(guest[v6]);
		net_forget(n);
		stack_send_echo_reply(&n->st, &src, &dst, 1, view_of(data, 4000), 50, 0);
		assert_int_equal(n->nsent, 3);
		assert_int_equal(n->sent[0].ip.ttl, 50);
	}
	net_free(n);
}

static void
check_ra(const struct sent *s, const uint8_t dst[6])
{
	struct ndp_ra ra;
	struct addr prefix = kit_addr("fd73:6c75:6963:65::"), dns = kit_addr(DNS6);

	assert_memory_equal(s->b, dst, 6);
	assert_int_equal(s->b[54], 134);
	assert_int_equal(s->ip.ttl, 255);
	assert_true(addr_is_link_local(&s->ip.src));
	assert_true(ndp_ra_parse(view_of(s->b + 58, s->ip.len - 4), &ra));
	assert_int_equal(ra.mtu, 1500);
	assert_int_equal(ra.prefix_len, 64);
	assert_true(addr_eq(&ra.prefix, &prefix) && addr_eq(&ra.rdnss, &dns));
	assert_true(ra.router_lifetime >= 1800 && ra.router_lifetime <= 9000);
	assert_true(mac_eq(ra.sllao, net_gw_mac));
}

static void
router_advertisements(void **state)
{
	static const uint8_t all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};
	struct stack_config cfg = net_config();
	struct net *n = net_new_with(WAY_ONE_SPAN, &cfg);

	(void)state;
	/* Solicited before the guest has an address: to all; and it locks nothing. */
	net_icmp(&f, "::", "ff02::2", 133, 0, 0, NULL, 0);
	memcpy(f.b, (uint8_t[]){0x33, 0x33, 0, 0, 0, 2}, 6);
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(n->nsent, 1);
	check_ra(&n->sent[0], all_nodes);
	assert_false(n->st.guest_mac_known);
	/* By the guest: to the guest, and once more to all, because now there is somebody. */
	net_forget(n);
	net_icmp(&f, "fe80::5054:ff:fe12:3456", "ff02::2", 133, 0, 0, NULL, 0);
	assert_int_equal(give(n, &f), STACK_DONE);
	check_ra(&n->sent[0], net_guest_mac.b);
	assert_int_equal(stack_deadline(&n->st), n->now);
	stack_timers(&n->st, n->now);
	check_ra(&n->sent[1], all_nodes);
	assert_int_equal(n->nsent, 2);
	/* Then from time to time. */
	usec_t next = stack_deadline(&n->st);
	assert_true(next > n->now && next <= n->now + 1800 * USEC_PER_SEC);
	stack_timers(&n->st, next);
	check_ra(&n->sent[2], all_nodes);
	net_free(n);
}

static void
no_ipv6_no_advertisements(void **state)
{
	struct stack_config cfg = net_config();

	(void)state;
	cfg.guest_mac = net_guest_mac;
	cfg.net[FAMILY_V6].on = false;
	struct net *n = net_new_with(WAY_ONE_SPAN, &cfg);

	assert_int_equal(stack_deadline(&n->st), TIME_NEVER);
	net_icmp(&f, "::", "ff02::2", 133, 0, 0, NULL, 0);
	drops(n, &f, COUNT_IP_ADDRESS);
	net_free(n);
}

static void
every_count_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < STACK_COUNTS; i++) {
		assert_non_null(stack_count_name((enum stack_count)i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(stack_count_name((enum stack_count)i),
						stack_count_name((enum stack_count)k));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tcp_on_a_plain_link),
	    cmocka_unit_test(tcp_with_offload),
	    cmocka_unit_test(udp_with_offload),
	    cmocka_unit_test(udp_checksum_zero),
	    cmocka_unit_test(no_room_and_no_guest),
	    cmocka_unit_test(error_table),
	    cmocka_unit_test(errors_that_are_not_sent),
	    cmocka_unit_test(error_about_a_flow),
	    cmocka_unit_test(echo_reply),
	    cmocka_unit_test(router_advertisements),
	    cmocka_unit_test(no_ipv6_no_advertisements),
	    cmocka_unit_test(every_count_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
