/*
 * addr_test.c - addresses: their text both ways, and the edges of every range they may be in
 */
#include "test/unit/wire_kit.h"

static void
text_is_canonical(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"0.0.0.0", "0.0.0.0"},
	    {"255.255.255.255", "255.255.255.255"},
	    {"10.0.2.100", "10.0.2.100"},
	    {"::", "::"},
	    {"::1", "::1"},
	    {"1::", "1::"},
	    {"0:0:0:0:0:0:0:0", "::"},
	    {"2001:DB8::1", "2001:db8::1"},
	    {"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"}, /* the first of equals */
	    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},                 /* one zero group stays */
	    {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},                                /* the longest */
	    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
	    {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
	    {"0:0:3:4:5:6:0:0", "::3:4:5:6:0:0"},
	    {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
	    {"fe80::10:200:3000:f", "fe80::10:200:3000:f"},
	    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	    {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
	    {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
	    {"::ffff:1.2.3.4", "1.2.3.4"}, /* mapped text is the IPv4 address */
	    {"::ffff:102:304", "1.2.3.4"},
	    {"::1.2.3.4", "::102:304"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a;
		char buf[ADDR_TEXT];

		assert_true(addr_parse(rows[i].in, &a));
		assert_string_equal(addr_text(&a, buf), rows[i].out);
	}
}

static void
what_is_no_address_is_refused(void **state)
{
	static const char *const rows[] = {
	    "",
	    " ",
	    "1",
	    "1.2.3",
	    "1.2.3.4.5",
	    "1.2.3.4 ",
	    " 1.2.3.4",
	    "1.2.3.256",
	    "1.2.3.04",
	    "01.2.3.4",
	    "1.2.3.00",
	    "1..2.3",
	    "1.2.3.",
	    ".1.2.3",
	    "1.2.3.4444",
	    "0x1.2.3.4",
	    "-1.2.3.4",
	    "1.2.3.+4",
	    ":",
	    ":::",
	    "1:",
	    ":1",
	    "1:2:3:4:5:6:7",
	    "1:2:3:4:5:6:7:8:9",
	    "1::2::3",
	    "::1::",
	    "1:::2",
	    "12345::",
	    "g::",
	    "::1%eth0",
	    "::1/128",
	    "[::1]",
	    "1:2:3:4:5:6:7:8::",
	    "::1:2:3:4:5:6:7:8",
	    "1::2:3:4:5:6:7:8",
	    ":1:2:3:4:5:6:7",
	    "1:2:3:4:5:6:7:",
	    "::1.2.3",
	    "::1.2.3.4:5",
	    "1:2:3:4:5:6:7:1.2.3.4",
	    "::1.2.3.400",
	    "1.2.3.4::",
	    "fe80::1\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a, before = addr_v4(0x01020304);

		a = before;
		if (addr_parse(rows[i], &a))
			fail_msg("taken as an address: \"%s\"", rows[i]);
		assert_true(addr_eq(&a, &before)); /* on failure nothing happened */
	}
}

static void
text_round_trips(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct addr a, back;
		char buf[ADDR_TEXT];

		kit_fill(&seed, a.b, sizeof(a.b));
		for (unsigned g = 0; g < 8; g++) /* zero groups, or there would never be a gap */
			if (kit_random(&seed) & 1)
				a.b[2 * g] = a.b[2 * g + 1] = 0;
		if (i % 8 == 0)
			a = kit_v4(&seed);
		assert_true(strlen(addr_text(&a, buf)) < ADDR_TEXT);
		assert_true(addr_parse(buf, &back));
		assert_true(addr_eq(&a, &back));
	}
}

typedef bool kind_fn(const struct addr *);

/* The first and last of each range, and its neighbours. */
static void
ranges_end_where_they_end(void **state)
{
	static const struct {
		kind_fn *is;
		const char *text;
		bool yes;
	} rows[] = {
	    {addr_is_unspecified, "0.0.0.0", true},
	    {addr_is_unspecified, "0.0.0.1", false},
	    {addr_is_unspecified, "::", true},
	    {addr_is_unspecified, "::1", false},
	    {addr_is_unspecified, "8000::", false},
	    {addr_is_loopback, "126.255.255.255", false},
	    {addr_is_loopback, "127.0.0.0", true},
	    {addr_is_loopback, "127.255.255.255", true},
	    {addr_is_loopback, "128.0.0.0", false},
	    {addr_is_loopback, "::1", true},
	    {addr_is_loopback, "::2", false},
	    {addr_is_loopback, "::", false},
	    {addr_is_loopback, "1::1", false},
	    {addr_is_multicast, "223.255.255.255", false},
	    {addr_is_multicast, "224.0.0.0", true},
	    {addr_is_multicast, "239.255.255.255", true},
	    {addr_is_multicast, "240.0.0.0", false},
	    {addr_is_multicast, "ff00::", true},
	    {addr_is_multicast, "feff:ffff::", false},
	    {addr_is_broadcast, "255.255.255.255", true},
	    {addr_is_broadcast, "255.255.255.254", false},
	    {addr_is_broadcast, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
	    {addr_is_link_local, "169.253.255.255", false},
	    {addr_is_link_local, "169.254.0.0", true},
	    {addr_is_link_local, "169.254.255.255", true},
	    {addr_is_link_local, "169.255.0.0", false},
	    {addr_is_link_local, "fe7f:ffff::", false},
	    {addr_is_link_local, "fe80::", true},
	    {addr_is_link_local, "febf:ffff::", true},
	    {addr_is_link_local, "fec0::", false},
	    {addr_is_reserved, "0.0.0.0", true},
	    {addr_is_reserved, "0.255.255.255", true},
	    {addr_is_reserved, "1.0.0.0", false},
	    {addr_is_reserved, "239.255.255.255", false},
	    {addr_is_reserved, "240.0.0.0", true},
	    {addr_is_reserved, "255.255.255.255", true},
	    {addr_is_reserved, "::", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a = kit_addr(rows[i].text);

		if (rows[i].is(&a) != rows[i].yes)
			fail_msg("row %zu: %s", i, rows[i].text);
	}
}

static void
nets_hold_their_own(void **state)
{
	static const struct {
		const char *addr, *net;
		unsigned plen;
		bool in;
	} rows[] = {
	    {"10.0.2.15", "10.0.2.0", 24, true},
	    {"10.0.3.0", "10.0.2.0", 24, false},
	    {"10.0.3.255", "10.0.2.0", 23, true},
	    {"10.0.4.0", "10.0.2.0", 23, false},
	    {"10.0.2.1", "10.0.2.1", 32, true},
	    {"10.0.2.0", "10.0.2.1", 32, false},
	    {"1.2.3.4", "0.0.0.0", 0, true},
	    {"2001::1", "0.0.0.0", 0, false}, /* each family by itself */
	    {"1.2.3.4", "::", 0, false},
	    {"2001::1", "::", 0, true},
	    {"fd73:6c75::1", "fd73:6c75::", 127, true},
	    {"fd73:6c75::2", "fd73:6c75::", 127, false},
	    {"fd73:6c75::1", "fd73:6c75::1", 128, true},
	    {"fd73:6c75::", "fd73:6c75::1", 128, false},
	    {"fd73:6c7f::", "fd73:6c70::", 28, true},
	    {"fd73:6c80::", "fd73:6c70::", 28, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a = kit_addr(rows[i].addr), net = kit_addr(rows[i].net);

		if (addr_in_net(&a, &net, rows[i].plen) != rows[i].in)
			fail_msg("row %zu: %s in %s/%u", i, rows[i].addr, rows[i].net, rows[i].plen);
	}
}

static void
derived_addresses(void **state)
{
	char buf[ADDR_TEXT];
	struct addr ll = addr_link_local_of((struct mac){{0x02, 0x55, 0x0a, 0x00, 0x02, 0x0f}});
	struct addr a = kit_addr("fd73:6c75:6963:65::2:15ab");
	struct addr node = addr_solicited_node(&a);

	(void)state;
	assert_string_equal(addr_text(&ll, buf), "fe80::55:aff:fe00:20f");
	assert_string_equal(addr_text(&node, buf), "ff02::1:ff02:15ab");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_is_canonical),   cmocka_unit_test(what_is_no_address_is_refused),
	    cmocka_unit_test(text_round_trips),    cmocka_unit_test(ranges_end_where_they_end),
	    cmocka_unit_test(nets_hold_their_own), cmocka_unit_test(derived_addresses),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
