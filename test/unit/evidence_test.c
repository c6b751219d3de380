/*
 * evidence_test.c - what led where: lives, limits, and a long random run beside a plain list
 */
#include "policy/evidence.h"

#include <stdio.h>

#include "test/unit/wire_kit.h"

#define START (1000 * USEC_PER_SEC)

static const uint8_t secret[16] = "a secret of ours";

static struct name
name_of(const char *text)
{
	struct name n;

	assert_true(name_parse(text, strlen(text), &n));
	return n;
}

static struct name
numbered(const char *what, unsigned i)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%u.test", what, i);
	return name_of(text);
}

static void
lives_by_its_ttl_within_limits(void **state)
{
	static const struct {
		uint32_t ttl;
		usec_t life;
	} rows[] = {{0, EVIDENCE_MIN},           {59, EVIDENCE_MIN},   {61, 61 * USEC_PER_SEC},
		    {3599, 3599 * USEC_PER_SEC}, {3601, EVIDENCE_MAX}, {UINT32_MAX, EVIDENCE_MAX}};
	struct name n = name_of("a.test");
	struct addr a = kit_addr("1.2.3.4");
	const struct name *out[4];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct evidence *e = evidence_new(8, secret);

		evidence_add(e, &n, &a, rows[i].ttl, START);
		assert_true(evidence_left(e, &n, &a, START) == rows[i].life);
		assert_true(evidence_left(e, &n, &a, START + rows[i].life - 1) == 1);
		assert_int_equal(evidence_names(e, &a, START + rows[i].life - 1, out, 4), 1);
		assert_true(name_eq(out[0], &n));
		assert_true(evidence_left(e, &n, &a, START + rows[i].life) == 0);
		assert_int_equal(evidence_names(e, &a, START + rows[i].life, out, 4), 0);
		evidence_free(e);
	}
}

static void
answered_again_only_lives_longer(void **state)
{
	struct evidence *e = evidence_new(8, secret);
	struct name n = name_of("a.test");
	struct addr a = kit_addr("1.2.3.4");

	(void)state;
	evidence_add(e, &n, &a, 1000, START);
	evidence_add(e, &n, &a, 10, START);
	assert_true(evidence_left(e, &n, &a, START) == 1000 * USEC_PER_SEC);
	evidence_add(e, &n, &a, 2000, START);
	assert_true(evidence_left(e, &n, &a, START) == 2000 * USEC_PER_SEC);
	assert_int_equal(evidence_count(e), 1);
	/* After its end it begins anew. */
	evidence_add(e, &n, &a, 0, START + 3000 * USEC_PER_SEC);
	assert_true(evidence_left(e, &n, &a, START + 3000 * USEC_PER_SEC) == EVIDENCE_MIN);
	evidence_free(e);
}

static void
newest_first_and_others_apart(void **state)
{
	struct evidence *e = evidence_new(8, secret);
	struct name n[3] = {numbered("n", 0), numbered("n", 1), numbered("n", 2)};
	struct addr a = kit_addr("1.2.3.4"), b = kit_addr("::ffff:0:102:304");
	const struct name *out[4];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		evidence_add(e, &n[i], &a, 100, START + i);
	evidence_add(e, &n[0], &b, 100, START + 3);
	assert_int_equal(evidence_names(e, &a, START + 4, out, 4), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(name_eq(out[i], &n[2 - i]));
	assert_int_equal(evidence_names(e, &a, START + 4, out, 2), 2);
	assert_int_equal(evidence_names(e, &b, START + 4, out, 4), 1);
	assert_true(evidence_left(e, &n[1], &b, START + 4) == 0);
	evidence_add(e, &n[0], &a, 100, START + 5);
	assert_int_equal(evidence_names(e, &a, START + 5, out, 4), 3);
	assert_true(name_eq(out[0], &n[0]));
	assert_true(name_eq(out[1], &n[2]));
	evidence_free(e);
}

/* What evidence_names() gave stays where it is while nothing is added. */
static void
names_stay_where_they_are(void **state)
{
	struct evidence *e = evidence_new(64, secret);
	const struct name *before[2], *after[2];
	struct addr a = kit_addr("1.2.3.4");

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct name n = numbered("n", i);

		evidence_add(e, &n, &a, 100, START);
	}
	assert_int_equal(evidence_names(e, &a, START, before, 2), 2);
	assert_int_equal(evidence_names(e, &a, START, after, 2), 2);
	assert_memory_equal(before, after, sizeof(before));
	evidence_free(e);
}

static void
an_address_keeps_its_newest_names(void **state)
{
	struct evidence *e = evidence_new(EVIDENCE_ENTRIES, secret);
	const struct name *out[EVIDENCE_NAMES + 1];
	struct addr a = kit_addr("1.2.3.4");

	(void)state;
	for (unsigned i = 0; i < 3 * EVIDENCE_NAMES; i++) {
		struct name n = numbered("n", i);

		/* The older, the longer they would live: that must not save them. */
		evidence_add(e, &n, &a, 3600 - i, START);
	}
	assert_int_equal(evidence_names(e, &a, START, out, EVIDENCE_NAMES + 1), EVIDENCE_NAMES);
	for (unsigned i = 0; i < EVIDENCE_NAMES; i++) {
		struct name n = numbered("n", 3 * EVIDENCE_NAMES - 1 - i);

		assert_true(name_eq(out[i], &n));
	}
	assert_int_equal(evidence_count(e), EVIDENCE_NAMES);
	evidence_free(e);
}

static void
a_name_keeps_its_newest_addresses(void **state)
{
	struct evidence *e = evidence_new(EVIDENCE_ENTRIES, secret);
	struct name n = name_of("a.test");

	(void)state;
	for (unsigned i = 0; i < 2 * EVIDENCE_ADDRS; i++) {
		struct addr a = addr_v4(0x01000000 + i);

		evidence_add(e, &n, &a, 100, START);
	}
	for (unsigned i = 0; i < 2 * EVIDENCE_ADDRS; i++) {
		struct addr a = addr_v4(0x01000000 + i);

		assert_int_equal(evidence_left(e, &n, &a, START) != 0, i >= EVIDENCE_ADDRS);
	}
	assert_int_equal(evidence_count(e), EVIDENCE_ADDRS);
	evidence_free(e);
}

/* Full: what would expire first goes. */
static void
full_the_first_to_expire_goes(void **state)
{
	struct evidence *e = evidence_new(100, secret);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct name n = numbered("n", i);
		struct addr a = addr_v4(0x01000000 + i);

		evidence_add(e, &n, &a, 100 + (i * 37) % 100, START);
	}
	for (unsigned i = 0; i < 50; i++) {
		struct name n = numbered("m", i);
		struct addr a = addr_v4(0x02000000 + i);

		evidence_add(e, &n, &a, 3600, START);
		assert_int_equal(evidence_count(e), 100);
	}
	for (unsigned i = 0; i < 100; i++) {
		struct name n = numbered("n", i);
		struct addr a = addr_v4(0x01000000 + i);

		assert_int_equal(evidence_left(e, &n, &a, START) != 0, (i * 37) % 100 >= 50);
	}
	evidence_free(e);
}

/* Expired pairs make room by themselves. */
static void
expired_ones_go_first(void **state)
{
	struct evidence *e = evidence_new(4, secret);
	struct addr a = kit_addr("1.2.3.4");

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct name n = numbered("n", i);

		evidence_add(e, &n, &a, 60, START);
	}
	struct name n = numbered("m", 0);
	evidence_add(e, &n, &a, 60, START + 61 * USEC_PER_SEC);
	assert_int_equal(evidence_count(e), 1);
	evidence_free(e);
}

static void
forgotten_with_the_guest(void **state)
{
	struct evidence *e = evidence_new(64, secret);
	struct addr a = kit_addr("1.2.3.4");
	const struct name *out[2];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 100; i++) {
			struct name n = numbered("n", i);
			struct addr b = addr_v4(i);

			evidence_add(e, &n, &b, 100, START);
			evidence_add(e, &n, &a, 100, START);
		}
		evidence_forget(e);
		assert_int_equal(evidence_count(e), 0);
		assert_int_equal(evidence_names(e, &a, START, out, 2), 0);
	}
	evidence_free(e);
	evidence_free(NULL);
}

/* --- beside a plain list -------------------------------------------------------------------------------------- */

#define ROOM 40u

struct fact {
	unsigned name, addr;
	usec_t until;
};

struct plain {
	struct fact fact[ROOM]; /* as they were last answered, oldest first */
	unsigned n;
};

static void
plain_drop(struct plain *p, unsigned i)
{
	memmove(&p->fact[i], &p->fact[i + 1], (p->n - i - 1) * sizeof(p->fact[0]));
	p->n--;
}

static void
plain_add(struct plain *p, struct fact f, usec_t now)
{
	unsigned names = 0, oldest = 0;

	for (unsigned i = 0; i < p->n; i++) {
		if (p->fact[i].name == f.name && p->fact[i].addr == f.addr) {
			if (p->fact[i].until > f.until)
				f.until = p->fact[i].until;
			plain_drop(p, i);
			p->fact[p->n++] = f;
			return;
		}
	}
	for (unsigned i = 0; i < p->n; i++)
		if (p->fact[i].until <= now)
			plain_drop(p, i--);
	if (p->n == ROOM) {
		unsigned first = 0;

		for (unsigned i = 1; i < p->n; i++)
			if (p->fact[i].until < p->fact[first].until)
				first = i;
		plain_drop(p, first);
	}
	for (unsigned i = p->n; i-- > 0;) {
		if (p->fact[i].addr != f.addr)
			continue;
		names++;
		oldest = i;
	}
	if (names == EVIDENCE_NAMES)
		plain_drop(p, oldest);
	p->fact[p->n++] = f;
}

static void
beside_a_plain_list(void **state)
{
	enum { NAMES = 45, ADDRS = 3, STEPS = 40000 };
	struct evidence *e = evidence_new(ROOM, secret);
	struct plain p = {.n = 0};
	struct name name[NAMES];
	struct addr addr[ADDRS];
	uint64_t seed = 5;
	usec_t now = START;

	(void)state;
	for (unsigned i = 0; i < NAMES; i++)
		name[i] = numbered("n", i);
	for (unsigned i = 0; i < ADDRS; i++)
		addr[i] = addr_v4(i);
	for (unsigned step = 0; step < STEPS; step++) {
		const struct name *out[EVIDENCE_NAMES];
		/* Times that no two pairs have in common, so that it is clear which goes first. */
		uint32_t ttl = 60 + (uint32_t)(kit_random(&seed) % 600);
		struct fact f = {.name = (unsigned)(kit_random(&seed) % NAMES),
				 .addr = kit_random(&seed) % 2 ? 0 : (unsigned)(kit_random(&seed) % ADDRS),
				 .until = now + ttl * USEC_PER_SEC};

		evidence_add(e, &name[f.name], &addr[f.addr], ttl, now);
		plain_add(&p, f, now);
		now += 1 + (usec_t)(kit_random(&seed) % (8 * USEC_PER_SEC));

		unsigned a = (unsigned)(kit_random(&seed) % ADDRS), n = 0;
		unsigned got = evidence_names(e, &addr[a], now, out, EVIDENCE_NAMES);
		for (unsigned i = p.n; i-- > 0;) {
			if (p.fact[i].addr != a || p.fact[i].until <= now)
				continue;
			assert_true(n < got && name_eq(out[n], &name[p.fact[i].name]));
			assert_true(evidence_left(e, out[n], &addr[a], now) == p.fact[i].until - now);
			n++;
		}
		assert_int_equal(got, n);
		assert_int_equal(evidence_count(e), p.n);
	}
	evidence_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lives_by_its_ttl_within_limits),
	    cmocka_unit_test(answered_again_only_lives_longer),
	    cmocka_unit_test(newest_first_and_others_apart),
	    cmocka_unit_test(names_stay_where_they_are),
	    cmocka_unit_test(an_address_keeps_its_newest_names),
	    cmocka_unit_test(a_name_keeps_its_newest_addresses),
	    cmocka_unit_test(full_the_first_to_expire_goes),
	    cmocka_unit_test(expired_ones_go_first),
	    cmocka_unit_test(forgotten_with_the_guest),
	    cmocka_unit_test(beside_a_plain_list),
	};

	return cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
}
