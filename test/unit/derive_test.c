/*
 * derive_test.c - addresses and MACs of a sandbox from its number: any number, any pool, and a gateway takes them
 */
#include "test/unit/wire_kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "sluice.h"

static struct sluice_derived
derive(const struct sluice_pool *pool, uint64_t id)
{
	struct sluice_derived d = {.size = sizeof(d)};
	char err[256] = "none";

	assert_int_equal(sluice_derive(pool, id, &d, err, sizeof(err)), 0);
	assert_string_equal(err, "");
	assert_int_equal(d.size, sizeof(d));
	return d;
}

static void
the_first_ones(void **state)
{
	(void)state;
	struct sluice_derived d = derive(NULL, 0);
	assert_string_equal(d.ipv4_gateway, "100.96.0.1");
	assert_string_equal(d.ipv4_dns, "100.96.0.2");
	assert_string_equal(d.ipv4_guest, "100.96.0.3/29");
	assert_string_equal(d.ipv6_gateway, "fd73:6c75:6963::2");
	assert_string_equal(d.ipv6_dns, "fd73:6c75:6963::3");
	assert_string_equal(d.ipv6_guest, "fd73:6c75:6963::15/64");
	assert_false(d.wrapped);
	d = derive(NULL, 0x0102);
	assert_string_equal(d.ipv4_guest, "100.96.8.19/29");
	assert_string_equal(d.ipv6_guest, "fd73:6c75:6963:102::15/64");
	assert_memory_equal(d.guest_mac, "\x12\0\0\0\1\2", 6);
	assert_memory_equal(d.gateway_mac, "\x32\0\0\0\1\2", 6);
}

static void
beyond_the_last_block(void **state)
{
	struct sluice_pool pool = {.size = sizeof(pool), .ipv4 = "10.9.0.0/28", .ipv6 = "2001:db8::/63"};

	(void)state;
	assert_false(derive(&pool, 1).wrapped);
	assert_true(derive(&pool, 2).wrapped);
	assert_string_equal(derive(&pool, 1).ipv4_guest, "10.9.0.11/29");
	assert_string_equal(derive(&pool, 3).ipv4_guest, "10.9.0.11/29");
	assert_string_equal(derive(&pool, 3).ipv6_guest, "2001:db8:0:1::15/64");
	assert_string_equal(derive(&pool, UINT64_MAX).ipv4_guest, "10.9.0.11/29");
	/* Each of the two may be the first to wrap. */
	pool.ipv4 = NULL;
	assert_true(derive(&pool, 2).wrapped);
	pool = (struct sluice_pool){.size = sizeof(pool), .ipv4 = "10.9.0.0/29"};
	assert_false(derive(&pool, 0).wrapped);
	assert_true(derive(&pool, 1).wrapped);
	/* MACs are still each its own. */
	assert_memory_not_equal(derive(&pool, 0).guest_mac, derive(&pool, 1).guest_mac, 6);
	/* The default IPv6 pool has 65,536 subnets. */
	assert_false(derive(NULL, 65535).wrapped);
	assert_true(derive(NULL, 65536).wrapped);
}

static uint64_t
some_id(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return z >> (z & 63); /* small ones as often as large ones */
}

static struct addr
address(const char *text)
{
	char addr[64];

	snprintf(addr, sizeof(addr), "%s", text);
	addr[strcspn(addr, "/")] = '\0';
	return kit_addr(addr);
}

/* Whatever the number and the pool: inside the pool, apart, unicast, and a configuration the gateway takes. */
static void
any_number_is_fine(void **state)
{
	static const struct {
		const char *v4, *v6;
		unsigned plen4, plen6;
	} pools[] = {
	    {"100.96.0.0/11", "fd73:6c75:6963::/48", 11, 48},
	    {"10.0.0.0/8", "fc00::/7", 8, 7},
	    {"192.168.255.248/29", "2001:db8:1:2::/64", 29, 64},
	    {"172.16.0.0/12", "fd00::/8", 12, 8},
	    {"128.0.0.0/2", "2000::/3", 2, 3},
	};
	const uint64_t edges[] = {0, 1, 255, 65535, 65536, UINT64_C(1) << 40, UINT64_C(1) << 63, UINT64_MAX};
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		unsigned p = i % 5;
		struct sluice_pool pool = {.size = sizeof(pool), .ipv4 = pools[p].v4, .ipv6 = pools[p].v6};
		struct sluice_derived d = derive(&pool, i < 40 ? edges[i / 5] : some_id(&seed));
		struct addr base4 = address(pools[p].v4), base6 = address(pools[p].v6);
		struct addr g4 = address(d.ipv4_guest), g6 = address(d.ipv6_guest);
		struct sluice_guest g = {.size = sizeof(g)};
		struct sluice_config cfg;
		char err[256];

		assert_true(addr_in_net(&g4, &base4, pools[p].plen4));
		assert_true(addr_in_net(&g6, &base6, pools[p].plen6));
		assert_int_equal(d.guest_mac[0] & 3, 2);
		assert_int_equal(d.gateway_mac[0] & 3, 2);
		sluice_config_init(&cfg);
		sluice_config_derived(&cfg, &d);
		if (sluice_guest_info(&cfg, &g, err, sizeof(err)) != 0)
			fail_msg("%s", err);
		assert_string_equal(g.ipv4.gateway, d.ipv4_gateway);
		assert_string_equal(g.ipv6.dns, d.ipv6_dns);
		assert_memory_equal(g.mac, d.guest_mac, 6);
		assert_memory_equal(g.gateway_mac, d.gateway_mac, 6);
	}
}

/* Below 2^40 the number can be read back from the MAC: so no two are the same. */
static void
macs_differ(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t id = some_id(&seed) & ((UINT64_C(1) << 40) - 1), back = 0;
		struct sluice_derived d = derive(NULL, id);

		for (int k = 1; k < 6; k++)
			back = back << 8 | d.guest_mac[k];
		assert_int_equal(back, id);
		assert_memory_equal(d.guest_mac + 1, d.gateway_mac + 1, 5);
		assert_int_not_equal(d.guest_mac[0], d.gateway_mac[0]);
	}
}

static void
neighbours_do_not_overlap(void **state)
{
	(void)state;
	for (uint64_t id = 0; id < 1000; id++) {
		struct addr a = address(derive(NULL, id).ipv4_guest),
			    b = address(derive(NULL, id + 1).ipv4_gateway);

		assert_int_equal(addr_to_v4(&b) - addr_to_v4(&a), 6);
	}
}

static void
pools_that_are_none(void **state)
{
	static const struct {
		const char *v4, *v6, *word;
	} bad[] = {
	    {"", NULL, "ADDR/PLEN"},
	    {"10.0.0.0", NULL, "ADDR/PLEN"},
	    {"10.0.0.0/", NULL, "ADDR/PLEN"},
	    {"10.0.0.0/33", NULL, "ADDR/PLEN"},
	    {"10.0.0.0/8x", NULL, "ADDR/PLEN"},
	    {"0.0.0.0/0", NULL, "ADDR/PLEN"},
	    {"fd00::/8", NULL, "ADDR/PLEN"},
	    {"10.0.0.0/30", NULL, "smaller"},
	    {"10.0.0.1/8", NULL, "first address"},
	    {"127.0.0.0/8", NULL, "127.0.0.0/8"},
	    {"126.0.0.0/7", NULL, "127.0.0.0/8"},
	    {"0.0.0.0/8", NULL, "0.0.0.0/8"},
	    {"224.0.0.0/8", NULL, "224.0.0.0/3"},
	    {"128.0.0.0/1", NULL, "224.0.0.0/3"},
	    {NULL, "10.0.0.0/8", "ADDR/PLEN"},
	    {NULL, "fd00::/65", "smaller"},
	    {NULL, "fd00::1/64", "first address"},
	    {NULL, "fe80::/64", "fe80::/10"},
	    {NULL, "ff02::/64", "ff00::/8"},
	    {NULL, "::/64", "::/8"},
	    {NULL, "8000::/1", "fe80::/10"},
	    {NULL, "::ffff:0:0/96", "ADDR/PLEN"},
	    {NULL, "::ffff:10.0.0.0/96", "ADDR/PLEN"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sluice_pool pool = {.size = sizeof(pool), .ipv4 = bad[i].v4, .ipv6 = bad[i].v6};
		struct sluice_derived d = {.size = sizeof(d), .wrapped = true};
		char err[256] = "";

		assert_int_equal(sluice_derive(&pool, 1, &d, err, sizeof(err)), -1);
		if (!strstr(err, bad[i].word))
			fail_msg("no '%s' in '%s'", bad[i].word, err);
		/* Nothing was written. */
		assert_true(d.wrapped && d.ipv4_guest[0] == '\0');
		assert_int_equal(sluice_derive(&pool, 1, &d, NULL, 0), -1);
	}
}

/* Callers of older headers have smaller structs, and of none at all nothing. */
static void
sizes(void **state)
{
	struct sluice_derived d, whole = derive(NULL, 9);
	struct sluice_pool pool = {
	    .size = offsetof(struct sluice_pool, ipv6), .ipv4 = "10.0.0.0/8", .ipv6 = "junk"};
	char err[256];

	(void)state;
	memset(&d, 0xee, sizeof(d));
	d.size = offsetof(struct sluice_derived, ipv6_guest);
	assert_int_equal(sluice_derive(NULL, 9, &d, err, sizeof(err)), 0);
	assert_int_equal(d.size, offsetof(struct sluice_derived, ipv6_guest));
	assert_memory_equal(d.ipv4_dns, whole.ipv4_dns, sizeof(d.ipv4_dns));
	assert_int_equal((uint8_t)d.ipv6_guest[0], 0xee);
	d.size = sizeof(d) + 64; /* a newer header's */
	assert_int_equal(sluice_derive(&pool, 9, &d, err, sizeof(err)), 0);
	assert_int_equal(d.size, sizeof(d));
	assert_string_equal(d.ipv4_gateway, "10.0.0.73");
	d.size = 0;
	assert_int_equal(sluice_derive(NULL, 9, &d, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "sizeof"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_ones),
	    cmocka_unit_test(beyond_the_last_block),
	    cmocka_unit_test(any_number_is_fine),
	    cmocka_unit_test(macs_differ),
	    cmocka_unit_test(neighbours_do_not_overlap),
	    cmocka_unit_test(pools_that_are_none),
	    cmocka_unit_test(sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
