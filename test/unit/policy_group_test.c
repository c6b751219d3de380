/*
 * policy_group_test.c - which group an address is of: first, last and neighbours of every range, and what is inside
 */
#include "test/unit/policy_kit.h"

static const struct {
	const char *first, *last;
	enum group group, below, above; /* of the neighbours */
} ranges[] = {
    {"0.0.0.0", "0.255.255.255", GROUP_NONE, GROUPS, GROUP_PUBLIC},
    {"10.0.0.0", "10.255.255.255", GROUP_PRIVATE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"100.64.0.0", "100.127.255.255", GROUP_PRIVATE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"127.0.0.0", "127.255.255.255", GROUP_LOOPBACK, GROUP_PUBLIC, GROUP_PUBLIC},
    {"169.254.0.0", "169.254.255.255", GROUP_LINK_LOCAL, GROUP_PUBLIC, GROUP_PUBLIC},
    {"172.16.0.0", "172.31.255.255", GROUP_PRIVATE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"192.0.0.0", "192.0.0.255", GROUP_NONE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"192.0.2.0", "192.0.2.255", GROUP_NONE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"192.88.99.0", "192.88.99.255", GROUP_NONE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"192.168.0.0", "192.168.255.255", GROUP_PRIVATE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"198.18.0.0", "198.19.255.255", GROUP_NONE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"198.51.100.0", "198.51.100.255", GROUP_NONE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"203.0.113.0", "203.0.113.255", GROUP_NONE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"224.0.0.0", "239.255.255.255", GROUP_MULTICAST, GROUP_PUBLIC, GROUP_NONE},
    {"240.0.0.0", "255.255.255.255", GROUP_NONE, GROUP_MULTICAST, GROUPS},
    /* IPv6: what 2000::/3 does not hold is nobody's. */
    {"::1", "::1", GROUP_LOOPBACK, GROUP_NONE, GROUP_NONE},
    {"100::", "100::ffff:ffff:ffff:ffff", GROUP_NONE, GROUP_NONE, GROUP_NONE},
    {"2000::", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GROUP_PUBLIC, GROUP_NONE, GROUP_NONE},
    {"2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", GROUP_NONE, GROUPS, GROUP_PUBLIC},
    {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", GROUP_NONE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", GROUP_NONE, GROUP_PUBLIC, GROUP_PUBLIC},
    {"3fff:1000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GROUP_PUBLIC, GROUP_NONE, GROUP_NONE},
    {"5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GROUP_NONE, GROUP_NONE, GROUP_NONE},
    {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GROUP_PRIVATE, GROUP_NONE, GROUP_NONE},
    {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GROUP_LINK_LOCAL, GROUP_NONE, GROUP_NONE},
    {"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GROUP_NONE, GROUP_LINK_LOCAL, GROUP_MULTICAST},
    {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GROUP_MULTICAST, GROUP_NONE, GROUPS},
};

/* The address before or behind a, in its own family. */
static struct addr
neighbour(struct addr a, int step)
{
	unsigned from = addr_is_v4(&a) ? 12 : 0;

	for (unsigned i = sizeof(a.b); i-- > from;) {
		uint8_t was = a.b[i];

		a.b[i] = (uint8_t)(was + step);
		if (step > 0 ? was != 0xff : was != 0)
			break;
	}
	return a;
}

static void
expect_group(const struct addr *a, enum group group)
{
	char text[ADDR_TEXT];

	if (group_of(a, NULL) != group)
		fail_msg("%s is @%s, not @%s", addr_text(a, text), group_name(group_of(a, NULL)),
			 group_name(group));
	assert_int_equal(addr_is_special(a), group != GROUP_PUBLIC);
}

static void
every_range_has_its_edges(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(ranges); i++) {
		struct addr first = kit_addr(ranges[i].first), last = kit_addr(ranges[i].last);
		struct addr below = neighbour(first, -1), above = neighbour(last, 1);

		expect_group(&first, ranges[i].group);
		expect_group(&last, ranges[i].group);
		if (ranges[i].below != GROUPS)
			expect_group(&below, ranges[i].below);
		if (ranges[i].above != GROUPS)
			expect_group(&above, ranges[i].above);
	}
}

static void
metadata_is_by_address_and_its_neighbours_are_not(void **state)
{
	static const char *const rows[] = {
	    "169.254.169.254", "169.254.170.2",   "169.254.170.23",     "169.254.169.123", "100.100.100.200",
	    "168.63.129.16",   "192.0.0.192",     "fd00:ec2::254",      "fd00:ec2::23",    "fd20:ce::254",
	    "fd00:42::42",     "fe80::a9fe:a9fe", "fd00:c1::a9fe:a9fe",
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		struct addr a = kit_addr(rows[i]), near[2] = {neighbour(a, -1), neighbour(a, 1)};

		expect_group(&a, GROUP_METADATA);
		/* ...253 is AWS's resolver, in both families. */
		bool pair = strstr(rows[i], "169.254.169.254") || strstr(rows[i], "ec2::254");

		for (unsigned k = pair; k < 2; k++)
			assert_int_not_equal(group_of(&near[k], NULL), GROUP_METADATA);
	}
}

/* What carries an IPv4 address, and which. */
static const struct {
	const char *outer, *inner;
	enum group group;
} embedded[] = {
    {"1.2.3.4", "1.2.3.4", GROUP_PUBLIC},
    {"::ffff:10.0.0.1", "10.0.0.1", GROUP_PRIVATE},
    {"::10.0.0.1", "10.0.0.1", GROUP_PRIVATE},
    {"::127.0.0.1", "127.0.0.1", GROUP_LOOPBACK},
    {"::8.8.8.8", "8.8.8.8", GROUP_PUBLIC},
    {"::2", "0.0.0.2", GROUP_NONE},
    {"::", "::", GROUP_NONE},
    {"::1", "::1", GROUP_LOOPBACK},
    {"::ffff:0:10.0.0.1", "10.0.0.1", GROUP_PRIVATE},
    {"64:ff9b::", "0.0.0.0", GROUP_NONE},
    {"64:ff9b::7f00:1", "127.0.0.1", GROUP_LOOPBACK},
    {"64:ff9b::169.254.169.254", "169.254.169.254", GROUP_METADATA},
    {"64:ff9b::8.8.8.8", "8.8.8.8", GROUP_PUBLIC},
    {"64:ff9b::255.255.255.255", "255.255.255.255", GROUP_NONE},
    {"64:ff9b::1:0:0", "64:ff9b::1:0:0", GROUP_NONE}, /* beyond the /96 */
    {"64:ff9b:1::10.0.0.1", "10.0.0.1", GROUP_PRIVATE},
    {"64:ff9b:1:ffff:0:ffff:8.8.8.8", "8.8.8.8", GROUP_PUBLIC},
    {"64:ff9b:2::8.8.8.8", "64:ff9b:2::808:808", GROUP_NONE},
    /* Of the local-use prefix: an address that may be of a shorter form is nobody's (RFC 6052 2.2). */
    {"64:ff9b:1:a00:0:100::", "0.0.0.0", GROUP_NONE},
    {"64:ff9b:1:0:a:0:100:0", "0.0.0.0", GROUP_NONE},
    {"2002:a00:1::1", "10.0.0.1", GROUP_PRIVATE},
    {"2002:7f00:1::", "127.0.0.1", GROUP_LOOPBACK},
    {"2002:808:808::1", "8.8.8.8", GROUP_PUBLIC},
    {"2003::1", "2003::1", GROUP_PUBLIC},
    {"2001:0:808:808:0:0:f5ff:fffe", "10.0.0.1", GROUP_PRIVATE},
    {"2001:0:a00:1:0:0:f7f7:f7f7", "8.8.8.8", GROUP_PUBLIC},
    {"2a00:1::5efe:10.0.0.1", "10.0.0.1", GROUP_PRIVATE},
    {"2a00:1::200:5efe:10.0.0.1", "10.0.0.1", GROUP_PRIVATE},
    {"2a00:1::200:5efe:8.8.8.8", "8.8.8.8", GROUP_PUBLIC},
    {"2a00:1::100:5efe:10.0.0.1", "2a00:1::100:5efe:a00:1", GROUP_PUBLIC},
    /* ISATAP in space that is special stays what it is: a public address inside must not make it public. */
    {"fd00::5efe:8.8.8.8", "fd00::5efe:808:808", GROUP_PRIVATE},
    {"fe80::5efe:8.8.8.8", "fe80::5efe:808:808", GROUP_LINK_LOCAL},
};

static void
the_address_inside_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(embedded); i++) {
		struct addr outer = kit_addr(embedded[i].outer), inner = kit_addr(embedded[i].inner);
		struct addr inside = addr_inside(&outer);
		char text[ADDR_TEXT];

		if (!addr_eq(&inside, &inner))
			fail_msg("%s carries %s", embedded[i].outer, addr_text(&inside, text));
		expect_group(&outer, embedded[i].group);
	}
}

static void
isatap_is_told_from_the_rest(void **state)
{
	struct addr yes = kit_addr("2a00::200:5efe:10.0.0.1"), no = kit_addr("2a00::5eff:10.0.0.1");
	struct addr local = kit_addr("fd00::5efe:10.0.0.1"), v4 = kit_addr("10.0.0.1");

	(void)state;
	assert_true(addr_is_isatap(&yes));
	assert_false(addr_is_isatap(&no));
	assert_false(addr_is_isatap(&local));
	assert_false(addr_is_isatap(&v4));
}

static void
the_host_comes_first_but_for_metadata(void **state)
{
	const struct addr own[] = {kit_addr("203.0.114.7"), kit_addr("192.168.1.5"), kit_addr("2a00::5"),
				   kit_addr("169.254.169.254")};
	const struct surroundings where = {
	    .gateway = {kit_addr("198.18.0.1"), kit_addr("fd42::1")},
	    .dns = {kit_addr("198.18.0.3"), kit_addr("fd42::3")},
	    .own = own,
	    .nown = KIT_COUNT(own),
	};
	static const struct {
		const char *addr;
		enum group group;
	} rows[] = {
	    {"198.18.0.1", GROUP_HOST},
	    {"198.18.0.2", GROUP_NONE},
	    {"fd42::1", GROUP_HOST},
	    {"fd42::2", GROUP_PRIVATE},
	    {"203.0.114.7", GROUP_HOST},
	    {"203.0.114.8", GROUP_PUBLIC},
	    {"192.168.1.5", GROUP_HOST},
	    {"192.168.1.6", GROUP_PRIVATE},
	    {"2a00::5", GROUP_HOST},
	    {"169.254.169.254", GROUP_METADATA},
	    /* In any clothes. */
	    {"64:ff9b::198.18.0.1", GROUP_HOST},
	    {"2002:cb00:7207::1", GROUP_HOST},
	    {"::192.168.1.5", GROUP_HOST},
	    {"0.0.0.0", GROUP_NONE},
	    {"::", GROUP_NONE},
	    {"127.0.0.1", GROUP_LOOPBACK},
	};
	/* A family that is off has the unspecified address, which is nobody's all the same. */
	const struct surroundings off = {.gateway = {addr_v4(0)}};
	struct addr zero = addr_v4(0), none = {{0}};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		struct addr a = kit_addr(rows[i].addr);

		if (group_of(&a, &where) != rows[i].group)
			fail_msg("%s is @%s", rows[i].addr, group_name(group_of(&a, &where)));
	}
	assert_int_equal(group_of(&zero, &off), GROUP_NONE);
	assert_int_equal(group_of(&none, &off), GROUP_NONE);
}

static void
groups_have_names(void **state)
{
	(void)state;
	for (unsigned g = GROUP_HOST; g < GROUPS; g++) {
		const char *name = group_name((enum group)g);

		assert_int_equal(group_named(name, strlen(name)), g);
	}
	assert_int_equal(group_named("link_local", 10), GROUP_LINK_LOCAL);
	assert_int_equal(group_named("meta", 4), GROUP_METADATA);
	assert_int_equal(group_named("none", 4), GROUPS);
	assert_int_equal(group_named("publi", 5), GROUPS);
	assert_int_equal(group_named("publicc", 7), GROUPS);
	assert_int_equal(group_named("", 0), GROUPS);
	assert_string_equal(group_name(GROUPS), "none");
}

static void
a_network_is_of_one_group_or_of_several(void **state)
{
	static const struct {
		const char *net;
		unsigned plen;
		enum group group;
	} rows[] = {
	    {"10.0.0.0", 8, GROUP_PRIVATE},
	    {"10.1.2.0", 24, GROUP_PRIVATE},
	    {"8.0.0.0", 6, GROUPS},
	    {"8.8.8.0", 24, GROUP_PUBLIC},
	    {"0.0.0.0", 0, GROUPS},
	    {"100.64.0.0", 10, GROUPS}, /* metadata */
	    {"100.64.0.0", 16, GROUP_PRIVATE},
	    {"169.254.169.254", 32, GROUP_METADATA},
	    {"fd00:1::", 32, GROUP_PRIVATE},
	    {"fd00::", 8, GROUPS},
	    {"2000::", 3, GROUPS},
	    {"2a00::", 16, GROUP_PUBLIC},
	    {"2002::", 16, GROUPS},
	    {"::", 0, GROUPS},
	    {"2002:a00:1::1", 128, GROUP_PRIVATE},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		struct addr net = kit_addr(rows[i].net);

		if (group_of_net(&net, rows[i].plen) != rows[i].group)
			fail_msg("%s/%u is @%s", rows[i].net, rows[i].plen,
				 group_name(group_of_net(&net, rows[i].plen)));
	}
}

/* Whatever a network is said to be of, all its addresses are. */
static void
a_networks_group_is_that_of_its_addresses(void **state)
{
	uint64_t seed = 7;
	unsigned asked = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct addr net, a = {{0}};
		unsigned from, plen, g;
		bool v4 = kit_random(&seed) & 1;

		kit_fill(&seed, net.b, sizeof(net.b));
		if (v4)
			net = addr_v4((uint32_t)kit_random(&seed));
		else if (kit_random(&seed) & 1)
			net.b[0] = 0x20 | (net.b[0] & 0x1f);
		plen = (unsigned)(kit_random(&seed) % (v4 ? 33 : 129));
		from = (v4 ? 96 : 0) + plen;
		kit_fill(&seed, a.b, sizeof(a.b));
		for (unsigned b = 0; b < 128; b++)
			if (b < from)
				a.b[b / 8] = (uint8_t)((a.b[b / 8] & ~(0x80 >> b % 8)) |
						       (net.b[b / 8] & 0x80 >> b % 8));
			else
				net.b[b / 8] &= (uint8_t) ~(0x80 >> b % 8);
		g = group_of_net(&net, plen);
		if (g == GROUPS || addr_is_isatap(&a))
			continue;
		asked++;
		assert_int_equal(group_of(&a, NULL), g);
	}
	assert_true(asked > 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_range_has_its_edges),
	    cmocka_unit_test(metadata_is_by_address_and_its_neighbours_are_not),
	    cmocka_unit_test(the_address_inside_counts),
	    cmocka_unit_test(isatap_is_told_from_the_rest),
	    cmocka_unit_test(the_host_comes_first_but_for_metadata),
	    cmocka_unit_test(groups_have_names),
	    cmocka_unit_test(a_network_is_of_one_group_or_of_several),
	    cmocka_unit_test(a_networks_group_is_that_of_its_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
