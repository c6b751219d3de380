/*
 * sets_test.c - sets of names and of networks: their edges, beside what a plain list says, and how much they take
 */
#include "policy/sets.h"

#include <stdio.h>

#include "test/unit/wire_kit.h"

#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
#define MANY 20000u
#else
#define MANY 1000000u
#endif

static struct name
name_of(const char *text)
{
	struct name n;

	assert_true(name_parse(text, strlen(text), &n));
	return n;
}

static void
add(struct nameset *s, const char *text, bool suffix)
{
	struct name n = name_of(text);

	assert_true(nameset_add(s, &n, suffix));
}

static bool
has(const struct nameset *s, const char *text)
{
	struct name n = name_of(text);

	return nameset_has(s, &n);
}

static void
exact_names_and_suffixes(void **state)
{
	struct nameset *s = nameset_new();

	(void)state;
	add(s, "example.com", false);
	add(s, "cdn.test", true);
	add(s, "a.b.c.d.e", false);
	assert_true(nameset_seal(s));
	assert_true(has(s, "example.com"));
	assert_true(has(s, "EXAMPLE.com."));
	assert_false(has(s, "www.example.com"));
	assert_false(has(s, "com"));
	assert_true(has(s, "cdn.test"));
	assert_true(has(s, "x.cdn.test"));
	assert_true(has(s, "y.x.cdn.test"));
	assert_false(has(s, "xcdn.test"));
	assert_false(has(s, "test"));
	assert_true(has(s, "a.b.c.d.e"));
	assert_false(has(s, "b.c.d.e"));
	assert_false(has(s, "z.a.b.c.d.e"));
	assert_int_equal(nameset_count(s), 3);
	nameset_free(s);
}

/* Labels that run together are other names: lengths are part of what is compared. */
static void
labels_keep_their_bounds(void **state)
{
	static const uint8_t odd[] = {3, 'a', '.', 'b', 0}, two[] = {1, 'a', 1, 'b', 0};
	struct nameset *s = nameset_new();
	struct name one, other;

	(void)state;
	assert_true(name_from_wire(view_of(odd, sizeof(odd)), &one));
	assert_true(name_from_wire(view_of(two, sizeof(two)), &other));
	assert_true(nameset_add(s, &one, true));
	assert_true(nameset_seal(s));
	assert_true(nameset_has(s, &one));
	assert_false(nameset_has(s, &other));
	nameset_free(s);
}

static void
added_again_a_name_is_one(void **state)
{
	struct nameset *s = nameset_new();

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		add(s, "example.com", i == 50);
		add(s, "example.org", false);
	}
	assert_int_equal(nameset_count(s), 200);
	assert_true(nameset_seal(s));
	assert_int_equal(nameset_count(s), 2);
	assert_true(has(s, "www.example.com"));
	assert_false(has(s, "www.example.org"));
	assert_true(nameset_memory(s) < 4096 + 200 * 8);
	nameset_free(s);
}

static void
nothing_and_the_root(void **state)
{
	struct nameset *s = nameset_new();
	struct name root = {.len = 1, .wire = {0}}, none = {.len = 0};

	(void)state;
	assert_true(nameset_seal(s));
	assert_false(has(s, "example.com"));
	assert_false(nameset_has(s, &root));
	nameset_free(s);

	s = nameset_new();
	assert_true(nameset_add(s, &root, true));
	assert_true(nameset_seal(s));
	assert_true(has(s, "example.com"));
	assert_true(nameset_has(s, &root));
	assert_false(nameset_has(s, &none));
	nameset_free(s);
	nameset_free(NULL);
}

/* 127 labels, 255 bytes: the longest there is, itself and as a suffix; and the depths where masks end. */
static void
deepest_names(void **state)
{
	struct name deep = {.len = 255}, n;

	(void)state;
	for (unsigned i = 0; i < 127; i++) {
		deep.wire[2 * i] = 1;
		deep.wire[2 * i + 1] = (uint8_t)('a' + i % 26);
	}
	deep.wire[254] = 0;
	for (unsigned labels = 1; labels <= 127; labels++) {
		struct nameset *s = nameset_new();

		n.len = (uint8_t)(2 * labels + 1);
		memcpy(n.wire, deep.wire + 2 * (127 - labels), n.len);
		assert_true(nameset_add(s, &n, labels % 2));
		assert_true(nameset_seal(s));
		assert_true(nameset_has(s, &n));
		assert_int_equal(nameset_has(s, &deep), labels % 2 || labels == 127);
		n.wire[1] ^= 1;
		assert_false(nameset_has(s, &n));
		nameset_free(s);
	}
}

/* Random names of few letters, so that many are suffixes of others, beside a walk through all of them. */
static void
names_beside_a_list(void **state)
{
	enum { IN_SET = 60, ROUNDS = 60, ASKED = 200 };
	struct name list[IN_SET];
	bool suffix[IN_SET];
	uint64_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct nameset *s = nameset_new();
		unsigned n = (unsigned)(kit_random(&seed) % IN_SET);

		for (unsigned i = 0; i < n + ASKED; i++) {
			char text[16];
			unsigned at = 0, labels = 1 + (unsigned)(kit_random(&seed) % 5);
			bool in = false;

			for (unsigned k = 0; k < labels; k++) {
				text[at++] = "abc"[kit_random(&seed) % 3];
				text[at++] = '.';
			}
			text[at] = '\0';
			struct name name = name_of(text);
			if (i < n) {
				list[i] = name;
				suffix[i] = kit_random(&seed) % 4 == 0;
				assert_true(nameset_add(s, &name, suffix[i]));
				continue;
			}
			if (i == n)
				assert_true(nameset_seal(s));
			for (unsigned k = 0; k < n; k++)
				in |=
				    name_eq(&name, &list[k]) || (suffix[k] && name_is_under(&name, &list[k]));
			assert_int_equal(nameset_has(s, &name), in);
		}
		nameset_free(s);
	}
}

static struct name
numbered(unsigned i, bool in)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%u.zone-%u.example", in ? "host" : "none", i, i % 977);
	return name_of(text);
}

/* The limit that is promised: 100 bytes a name, its text included. */
static void
a_million_names_are_compact(void **state)
{
	struct nameset *s = nameset_new();

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		struct name n = numbered(i, true);

		assert_true(nameset_add(s, &n, i % 5 == 0));
	}
	assert_true(nameset_seal(s));
	assert_int_equal(nameset_count(s), MANY);
	assert_true(nameset_memory(s) / MANY <= 100);
	for (unsigned i = 0; i < MANY; i += MANY / 5000) {
		struct name in = numbered(i, true), out = numbered(i, false);

		assert_true(nameset_has(s, &in));
		assert_false(nameset_has(s, &out));
	}
	nameset_free(s);
}

/* --- networks ------------------------------------------------------------------------------------------------- */

static void
net(struct netset *s, const char *text, unsigned plen)
{
	struct addr a = kit_addr(text);

	assert_true(netset_add(s, &a, plen));
}

static bool
in(const struct netset *s, const char *text)
{
	struct addr a = kit_addr(text);

	return netset_has(s, &a);
}

static void
edges_of_networks(void **state)
{
	struct netset *s = netset_new();

	(void)state;
	net(s, "10.0.0.0", 8);
	net(s, "192.0.2.77", 24); /* bits beyond are not looked at */
	net(s, "1.2.3.4", 32);
	net(s, "255.255.255.0", 24);
	net(s, "2001:db8::", 32);
	net(s, "ff00::", 8);
	assert_true(netset_seal(s));
	assert_false(in(s, "9.255.255.255"));
	assert_true(in(s, "10.0.0.0"));
	assert_true(in(s, "10.255.255.255"));
	assert_false(in(s, "11.0.0.0"));
	assert_false(in(s, "192.0.1.255"));
	assert_true(in(s, "192.0.2.0"));
	assert_true(in(s, "192.0.2.255"));
	assert_false(in(s, "192.0.3.0"));
	assert_false(in(s, "1.2.3.3"));
	assert_true(in(s, "1.2.3.4"));
	assert_false(in(s, "1.2.3.5"));
	assert_true(in(s, "255.255.255.255"));
	assert_false(in(s, "255.255.254.255"));
	assert_false(in(s, "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert_true(in(s, "2001:db8::"));
	assert_true(in(s, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert_false(in(s, "2001:db9::"));
	assert_true(in(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert_int_equal(netset_count(s), 6);
	netset_free(s);
}

static void
families_do_not_mix(void **state)
{
	struct netset *s = netset_new();

	(void)state;
	assert_true(netset_seal(s));
	assert_false(in(s, "1.1.1.1"));
	assert_false(in(s, "::1"));
	netset_free(s);

	s = netset_new();
	net(s, "::", 0);
	assert_true(netset_seal(s));
	assert_true(in(s, "::1"));
	assert_true(in(s, "ffff::"));
	assert_false(in(s, "1.1.1.1"));
	netset_free(s);

	s = netset_new();
	net(s, "0.0.0.0", 0);
	assert_true(netset_seal(s));
	assert_true(in(s, "0.0.0.0"));
	assert_true(in(s, "255.255.255.255"));
	assert_false(in(s, "::1"));
	netset_free(s);
	netset_free(NULL);
}

/* Random networks that lie in, beside and upon each other, beside a walk through all of them. */
static void
networks_beside_a_list(void **state)
{
	enum { IN_SET = 80, ROUNDS = 100, ASKED = 300 };
	struct {
		struct addr net;
		unsigned plen;
	} list[IN_SET];
	uint64_t seed = 11;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct netset *s = netset_new();
		unsigned n = (unsigned)(kit_random(&seed) % IN_SET);

		for (unsigned i = 0; i < n + ASKED; i++) {
			bool v6 = kit_random(&seed) % 2, expected = false;
			struct addr a = kit_addr(v6 ? "2001:db8::" : "10.0.0.0");

			/* A corner of ten bits, and sometimes the last corner there is. */
			if (kit_random(&seed) % 8 == 0)
				memset(a.b + (v6 ? 0 : 12), 0xff, v6 ? 16 : 4);
			a.b[15] ^= (uint8_t)kit_random(&seed);
			a.b[14] ^= (uint8_t)(kit_random(&seed) % 4);
			if (i < n) {
				unsigned bits = v6 ? 128 : 32;

				list[i].net = a;
				list[i].plen = bits - (unsigned)(kit_random(&seed) % 9);
				assert_true(netset_add(s, &a, list[i].plen));
				continue;
			}
			if (i == n)
				assert_true(netset_seal(s));
			for (unsigned k = 0; k < n; k++)
				expected |= addr_in_net(&a, &list[k].net, list[k].plen);
			assert_int_equal(netset_has(s, &a), expected);
		}
		netset_free(s);
	}
}

static void
many_networks_are_compact(void **state)
{
	struct netset *s = netset_new();
	const unsigned n = MANY / 10;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct addr a = addr_v4(i << 8 ^ 0x80000000);

		assert_true(netset_add(s, &a, 25));
	}
	assert_true(netset_seal(s));
	assert_true(netset_memory(s) / n <= 32);
	for (unsigned i = 0; i < n; i += 17) {
		struct addr low = addr_v4((i << 8 ^ 0x80000000) + i % 128), high = low;

		high.b[15] |= 0x80;
		assert_true(netset_has(s, &low));
		assert_false(netset_has(s, &high));
	}
	netset_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exact_names_and_suffixes),
	    cmocka_unit_test(labels_keep_their_bounds),
	    cmocka_unit_test(added_again_a_name_is_one),
	    cmocka_unit_test(nothing_and_the_root),
	    cmocka_unit_test(deepest_names),
	    cmocka_unit_test(names_beside_a_list),
	    cmocka_unit_test(a_million_names_are_compact),
	    cmocka_unit_test(edges_of_networks),
	    cmocka_unit_test(families_do_not_mix),
	    cmocka_unit_test(networks_beside_a_list),
	    cmocka_unit_test(many_networks_are_compact),
	};

	return cmocka_run_group_tests_name("sets", tests, NULL, NULL);
}
