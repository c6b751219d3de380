/*
 * dhcp6_wire_test.c - DHCPv6 messages: round trips, every truncation, and options as a hostile guest writes them
 * (B1 of the list of hostile inputs)
 */
#include "stack/dhcp6_wire.h"

#include "test/unit/wire_kit.h"

static uint8_t buf[4096];
static uint8_t pool[1024]; /* what views show */

static struct view
random_view(uint64_t *seed, size_t least, size_t most, size_t unit)
{
	size_t len = kit_random(seed) % 3 ? (least + kit_random(seed) % (most - least + 1)) / unit * unit : 0;

	return view_of(pool + kit_random(seed) % (sizeof(pool) - 256), len);
}

static struct dhcp6_ia
random_ia(uint64_t *seed)
{
	static const uint16_t kinds[] = {DHCP6_OPT_IA_NA, DHCP6_OPT_IA_TA, DHCP6_OPT_IA_PD};
	struct dhcp6_ia ia = {
	    .kind = kinds[kit_random(seed) % 3],
	    .iaid = (uint32_t)kit_random(seed),
	    .has_status = kit_random(seed) & 1,
	};

	if (ia.kind != DHCP6_OPT_IA_TA) {
		ia.t1 = (uint32_t)kit_random(seed);
		ia.t2 = (uint32_t)kit_random(seed);
	}
	if (ia.kind != DHCP6_OPT_IA_PD)
		ia.naddr = (uint8_t)(kit_random(seed) % (DHCP6_ADDRS + 1));
	for (unsigned i = 0; i < ia.naddr; i++)
		ia.addr[i] =
		    (struct dhcp6_addr){kit_v6(seed), (uint32_t)kit_random(seed), (uint32_t)kit_random(seed)};
	if (ia.has_status)
		ia.status = (uint16_t)kit_random(seed);
	return ia;
}

static struct dhcp6
random_message(uint64_t *seed)
{
	struct dhcp6 m = {
	    .type = (uint8_t)(1 + kit_random(seed) % DHCP6_INFORMATION_REQUEST),
	    .xid = kit_random(seed) & 0xffffff,
	    .client_id = random_view(seed, DHCP6_DUID_MIN, DHCP6_DUID_MAX, 1),
	    .server_id = random_view(seed, DHCP6_DUID_MIN, DHCP6_DUID_MAX, 1),
	    .wanted = random_view(seed, 2, 200, 2),
	    .rapid_commit = kit_random(seed) & 1,
	    .nia = (uint8_t)(kit_random(seed) % (DHCP6_IAS + 1)),
	    .has_preference = kit_random(seed) & 1,
	    .has_status = kit_random(seed) & 1,
	    .has_dns = kit_random(seed) & 1,
	    .has_refresh = kit_random(seed) & 1,
	    .search = random_view(seed, 1, 255, 1),
	};

	for (unsigned i = 0; i < m.nia; i++)
		m.ia[i] = random_ia(seed);
	if (m.has_preference)
		m.preference = (uint8_t)kit_random(seed);
	if (m.has_status)
		m.status = (uint16_t)kit_random(seed);
	if (m.has_dns)
		m.dns = kit_v6(seed);
	if (m.has_refresh)
		m.refresh = (uint32_t)kit_random(seed);
	return m;
}

static void
same_ia(const struct dhcp6_ia *a, const struct dhcp6_ia *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->iaid, b->iaid);
	assert_int_equal(a->t1, b->t1);
	assert_int_equal(a->t2, b->t2);
	assert_int_equal(a->has_status, b->has_status);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->naddr, b->naddr);
	for (unsigned i = 0; i < a->naddr; i++) {
		assert_true(addr_eq(&a->addr[i].addr, &b->addr[i].addr));
		assert_int_equal(a->addr[i].preferred, b->addr[i].preferred);
		assert_int_equal(a->addr[i].valid, b->addr[i].valid);
	}
}

static void
round_trip(void **state)
{
	uint64_t seed = 70;

	(void)state;
	kit_fill(&seed, pool, sizeof(pool));
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct dhcp6 in = random_message(&seed), out;
		struct wr w = wr_of(buf, sizeof(buf));

		dhcp6_emit(&w, &in);
		struct view v = kit_written(&w, buf);
		uint8_t *block = kit_exact(v.p, v.len);

		assert_true(dhcp6_parse(view_of(block, v.len), &out));
		assert_int_equal(in.type, out.type);
		assert_int_equal(in.xid, out.xid);
		kit_same(in.client_id, out.client_id);
		kit_same(in.server_id, out.server_id);
		kit_same(in.wanted, out.wanted);
		kit_same(in.search, out.search);
		assert_int_equal(in.rapid_commit, out.rapid_commit);
		assert_int_equal(in.has_preference, out.has_preference);
		assert_int_equal(in.preference, out.preference);
		assert_int_equal(in.has_status, out.has_status);
		assert_int_equal(in.status, out.status);
		assert_int_equal(in.has_dns, out.has_dns);
		assert_true(addr_eq(&in.dns, &out.dns));
		assert_int_equal(in.has_refresh, out.has_refresh);
		assert_int_equal(in.refresh, out.refresh);
		assert_int_equal(in.nia, out.nia);
		for (unsigned k = 0; k < in.nia; k++)
			same_ia(&in.ia[k], &out.ia[k]);
		free(block);
	}
}

/* A SOLICIT as clients write it. */
static void
bytes(void **state)
{
	static const uint8_t raw[] = {
	    1, 0x12, 0x34, 0x56, 0, 1,  0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 9, /* client id: DUID-LL */
	    0, 6,    0,    4,    0, 23, 0, 24,                               /* wanted */
	    0, 8,    0,    2,    0, 0,                                       /* elapsed time */
	    0, 14,   0,    0,                                                /* rapid commit */
	    0, 3,    0,    12,   0, 0,  0, 7,  0, 0, 0, 0, 0, 0, 0, 0,       /* IA_NA */
	};
	struct dhcp6 m;

	(void)state;
	assert_true(dhcp6_parse(view_of(raw, sizeof(raw)), &m));
	assert_int_equal(m.type, DHCP6_SOLICIT);
	assert_int_equal(m.xid, 0x123456);
	assert_int_equal(m.client_id.len, 10);
	assert_true(m.rapid_commit);
	assert_int_equal(m.nia, 1);
	assert_int_equal(m.ia[0].iaid, 7);
	assert_int_equal(m.ia[0].naddr, 0);
	assert_true(dhcp6_wants(&m, DHCP6_OPT_DNS) && dhcp6_wants(&m, DHCP6_OPT_SEARCH));
	assert_false(dhcp6_wants(&m, DHCP6_OPT_REFRESH));
	m.wanted.len = 0;
	assert_true(dhcp6_wants(&m, DHCP6_OPT_REFRESH));
}

/* --- hostile ----------------------------------------------------------------------------------------- */

static bool
parses(const uint8_t *b, size_t len, struct dhcp6 *out)
{
	uint8_t *block = kit_exact(b, len);
	bool ok = dhcp6_parse(view_of(block, len), out);

	free(block);
	return ok;
}

/* A message of type 1 with one option of so many zeros (but for an address that has something in it). */
static bool
parses_option(uint16_t code, size_t len, struct dhcp6 *out)
{
	uint8_t b[4 + 4 + 512] = {
	    1, 0, 0, 0, (uint8_t)(code >> 8), (uint8_t)code, (uint8_t)(len >> 8), (uint8_t)len};

	return parses(b, 8 + len, out);
}

/* B1: cut anywhere but between options, a message is refused. */
static void
B1_truncated(void **state)
{
	uint64_t seed = 71;

	(void)state;
	kit_fill(&seed, pool, sizeof(pool));
	for (unsigned i = 0; i < 100; i++) {
		struct dhcp6 in = random_message(&seed), out;
		struct wr w = wr_of(buf, sizeof(buf));
		size_t next = 4;

		dhcp6_emit(&w, &in);
		size_t len = kit_written(&w, buf).len;

		for (size_t n = 0; n <= len; n++) {
			assert_int_equal(parses(buf, n, &out), n == next);
			if (n == next && n < len)
				next += 4u + (unsigned)(buf[n + 2] << 8 | buf[n + 3]);
		}
	}
}

/* B1: no other message has this format. */
static void
B1_types(void **state)
{
	struct dhcp6 m;

	(void)state;
	for (unsigned type = 0; type < 256; type++)
		assert_int_equal(parses((const uint8_t[]){(uint8_t)type, 0, 0, 0}, 4, &m),
				 type >= DHCP6_SOLICIT && type <= DHCP6_INFORMATION_REQUEST);
}

/* B1: every length of every option. */
static void
B1_option_lengths(void **state)
{
	struct dhcp6 m;

	(void)state;
	for (size_t len = 0; len < 400; len++) {
		bool duid = len >= DHCP6_DUID_MIN && len <= DHCP6_DUID_MAX;

		assert_int_equal(parses_option(DHCP6_OPT_CLIENT_ID, len, &m), duid);
		assert_int_equal(parses_option(DHCP6_OPT_SERVER_ID, len, &m), duid);
		assert_int_equal(parses_option(DHCP6_OPT_WANTED, len, &m), len > 0 && len % 2 == 0);
		assert_int_equal(parses_option(DHCP6_OPT_PREFERENCE, len, &m), len == 1);
		assert_int_equal(parses_option(DHCP6_OPT_STATUS, len, &m), len >= 2);
		assert_int_equal(parses_option(DHCP6_OPT_RAPID_COMMIT, len, &m), len == 0);
		assert_int_equal(parses_option(DHCP6_OPT_DNS, len, &m), len > 0 && len % 16 == 0);
		assert_int_equal(parses_option(DHCP6_OPT_SEARCH, len, &m), len > 0);
		assert_int_equal(parses_option(DHCP6_OPT_REFRESH, len, &m), len == 4);
		/* Zeros are options of code 0 and length 0. */
		assert_int_equal(parses_option(DHCP6_OPT_IA_NA, len, &m), len >= 12 && len % 4 == 0);
		assert_int_equal(parses_option(DHCP6_OPT_IA_PD, len, &m), len >= 12 && len % 4 == 0);
		assert_int_equal(parses_option(DHCP6_OPT_IA_TA, len, &m), len >= 4 && len % 4 == 0);
		assert_true(parses_option(39, len, &m)); /* a name: not read */
		assert_true(parses_option(0xffff, len, &m));
	}
}

/* An association with so many addresses, in a message with so many of them. */
static size_t
associations(uint8_t *b, unsigned nia, unsigned naddr, const uint8_t addr[16], uint16_t code)
{
	struct wr w = wr_of(b, sizeof(buf));

	wr_u32(&w, 1u << 24);
	for (unsigned i = 0; i < nia; i++) {
		wr_u16(&w, code);
		wr_u16(&w, (uint16_t)(12 + naddr * 28));
		for (unsigned k = 0; k < 3; k++)
			wr_u32(&w, i);
		for (unsigned k = 0; k < naddr; k++) {
			wr_u16(&w, DHCP6_OPT_IAADDR);
			wr_u16(&w, 24);
			wr_bytes(&w, addr, 16);
			wr_u32(&w, 1);
			wr_u32(&w, 2);
		}
	}
	assert_false(w.bad);
	return (size_t)(w.p - b);
}

/* B1: more than there are places for; addresses that are none, or cut. */
static void
B1_associations(void **state)
{
	static const uint8_t good[16] = {0xfd, [15] = 1}, mapped[16] = {[10] = 0xff, 0xff, 10, 0, 2, 15};
	struct dhcp6 m;

	(void)state;
	for (unsigned nia = 0; nia < 8; nia++)
		for (unsigned naddr = 0; naddr < 8; naddr++) {
			size_t n = associations(buf, nia, naddr, good, DHCP6_OPT_IA_NA);

			assert_int_equal(parses(buf, n, &m),
					 nia == 0 || (nia <= DHCP6_IAS && naddr <= DHCP6_ADDRS));
		}
	assert_false(parses(buf, associations(buf, 1, 1, mapped, DHCP6_OPT_IA_NA), &m));
	/* Prefixes are not ours to give, and what is in them is not read. */
	assert_true(parses(buf, associations(buf, 1, 20, mapped, DHCP6_OPT_IA_PD), &m));
	assert_int_equal(m.ia[0].naddr, 0);
	/* An address option inside that runs over, or over the association's end into the message. */
	size_t n = associations(buf, 2, 1, good, DHCP6_OPT_IA_NA);

	buf[4 + 4 + 12 + 3] = 25;
	assert_false(parses(buf, n, &m));
	buf[4 + 4 + 12 + 3] = 23;
	assert_false(parses(buf, n, &m));
	buf[4 + 4 + 12 + 2] = 0xff;
	assert_false(parses(buf, n, &m));
}

/* The first of two counts, and the second must be one all the same. */
static void
B1_twice(void **state)
{
	static const uint8_t ids[] = {1, 0, 0, 0, 0, 1, 0, 3, 0, 1, 9, 0, 1, 0, 4, 0, 1, 8, 8};
	uint8_t bad[sizeof(ids) + 4];
	struct dhcp6 m;

	(void)state;
	assert_true(parses(ids, sizeof(ids), &m));
	assert_int_equal(m.client_id.len, 3);
	memcpy(bad, ids, sizeof(ids));
	memcpy(bad + sizeof(ids), (const uint8_t[]){0, 1, 0, 0}, 4);
	assert_false(parses(bad, sizeof(bad), &m));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),        cmocka_unit_test(bytes),
	    cmocka_unit_test(B1_truncated),      cmocka_unit_test(B1_types),
	    cmocka_unit_test(B1_option_lengths), cmocka_unit_test(B1_associations),
	    cmocka_unit_test(B1_twice),
	};

	return cmocka_run_group_tests_name("dhcp6_wire", tests, NULL, NULL);
}
