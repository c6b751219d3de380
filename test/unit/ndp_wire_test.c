/*
 * ndp_wire_test.c - neighbour discovery: round trips, every truncation, and options as a hostile guest
 * writes them (N1 of the list of hostile inputs)
 */
#include "stack/ndp_wire.h"

#include "test/unit/wire_kit.h"

enum kind { NS, NA, RS, RA, KINDS };

static bool
parses(enum kind kind, struct view v)
{
	union {
		struct ndp_ns ns;
		struct ndp_na na;
		struct ndp_rs rs;
		struct ndp_ra ra;
	} out;

	switch (kind) {
	case NS:
		return ndp_ns_parse(v, &out.ns);
	case NA:
		return ndp_na_parse(v, &out.na);
	case RS:
		return ndp_rs_parse(v, &out.rs);
	default:
		return ndp_ra_parse(v, &out.ra);
	}
}

/* The bytes each message has before its options. */
static const size_t fixed_len[KINDS] = {[NS] = 20, [NA] = 20, [RS] = 4, [RA] = 12};

/* Parses a message with these options from a block of its exact size. */
static bool
parses_with(enum kind kind, const uint8_t *options, size_t len)
{
	uint8_t bytes[256] = {[4] = 0xfd, [19] = 1};

	memcpy(bytes + fixed_len[kind], options, len);
	uint8_t *block = kit_exact(bytes, fixed_len[kind] + len);
	bool ok = parses(kind, view_of(block, fixed_len[kind] + len));

	free(block);
	return ok;
}

static void
ns_round_trip(void **state)
{
	uint64_t seed = 40;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct ndp_ns in = {.target = kit_v6(&seed), .has_sllao = i % 2}, out;
		uint8_t buf[64];
		struct wr w = wr_of(buf, sizeof(buf));

		if (in.has_sllao)
			in.sllao = kit_mac(&seed);
		ndp_ns_emit(&w, &in);
		assert_true(ndp_ns_parse(kit_written(&w, buf), &out));
		assert_true(addr_eq(&in.target, &out.target));
		assert_int_equal(in.has_sllao, out.has_sllao);
		assert_true(mac_eq(in.sllao, out.sllao));
	}
}

static void
na_round_trip(void **state)
{
	uint64_t seed = 41;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct ndp_na in = {
		    .router = i & 1,
		    .solicited = i & 2,
		    .override = i & 4,
		    .target = kit_v6(&seed),
		    .has_tllao = i & 8,
		};
		struct ndp_na out;
		uint8_t buf[64];
		struct wr w = wr_of(buf, sizeof(buf));

		if (in.has_tllao)
			in.tllao = kit_mac(&seed);
		ndp_na_emit(&w, &in);
		assert_true(ndp_na_parse(kit_written(&w, buf), &out));
		assert_int_equal(in.router, out.router);
		assert_int_equal(in.solicited, out.solicited);
		assert_int_equal(in.override, out.override);
		assert_true(addr_eq(&in.target, &out.target));
		assert_int_equal(in.has_tllao, out.has_tllao);
		assert_true(mac_eq(in.tllao, out.tllao));
	}
}

static void
rs_round_trip(void **state)
{
	uint64_t seed = 42;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct ndp_rs in = {.has_sllao = i % 2}, out;
		uint8_t buf[64];
		struct wr w = wr_of(buf, sizeof(buf));

		if (in.has_sllao)
			in.sllao = kit_mac(&seed);
		ndp_rs_emit(&w, &in);
		assert_true(ndp_rs_parse(kit_written(&w, buf), &out));
		assert_int_equal(in.has_sllao, out.has_sllao);
		assert_true(mac_eq(in.sllao, out.sllao));
	}
}

/* One to six names, which may begin anywhere: all their labels are of one length. */
static struct view
random_names(uint64_t *seed)
{
	static const char names[] = "\3abc\2de\0\1f\0\4host\7example\4test\0\1x\0\1y\1z\0\5local";
	static const uint8_t ends[] = {8, 11, 30, 33, 38, 45};
	unsigned first = (unsigned)kit_random(seed) % 6,
		 last = first + (unsigned)kit_random(seed) % (6 - first);
	size_t from = first ? ends[first - 1] : 0;

	return view_of(names + from, ends[last] - from);
}

static struct ndp_ra
random_ra(uint64_t *seed)
{
	struct ndp_ra m = {
	    .hop_limit = (uint8_t)kit_random(seed),
	    .managed = kit_random(seed) & 1,
	    .other = kit_random(seed) & 1,
	    .router_lifetime = (uint16_t)kit_random(seed),
	    .sllao = kit_mac(seed),
	    .mtu = (uint32_t)kit_random(seed),
	    .prefix = kit_v6(seed),
	    .prefix_len = (uint8_t)(kit_random(seed) % 129),
	    .autonomous = kit_random(seed) & 1,
	    .valid = (uint32_t)kit_random(seed),
	    .preferred = (uint32_t)kit_random(seed),
	    .has_rdnss = kit_random(seed) & 1,
	};

	if (m.has_rdnss) {
		m.rdnss = kit_v6(seed);
		m.rdnss_lifetime = (uint32_t)kit_random(seed);
	}
	if (kit_random(seed) & 1) {
		m.dnssl = random_names(seed);
		m.dnssl_lifetime = (uint32_t)kit_random(seed);
	}
	return m;
}

static void
ra_round_trip(void **state)
{
	uint64_t seed = 43;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct ndp_ra in = random_ra(&seed), out;
		uint8_t buf[256];
		struct wr w = wr_of(buf, sizeof(buf));

		ndp_ra_emit(&w, &in);
		assert_true(ndp_ra_parse(kit_written(&w, buf), &out));
		assert_int_equal(in.hop_limit, out.hop_limit);
		assert_int_equal(in.managed, out.managed);
		assert_int_equal(in.other, out.other);
		assert_int_equal(in.router_lifetime, out.router_lifetime);
		assert_true(mac_eq(in.sllao, out.sllao));
		assert_int_equal(in.mtu, out.mtu);
		assert_true(addr_eq(&in.prefix, &out.prefix));
		assert_int_equal(in.prefix_len, out.prefix_len);
		assert_int_equal(in.valid, out.valid);
		assert_int_equal(in.preferred, out.preferred);
		assert_int_equal(in.has_rdnss, out.has_rdnss);
		assert_true(addr_eq(&in.rdnss, &out.rdnss));
		assert_int_equal(in.rdnss_lifetime, out.rdnss_lifetime);
		assert_int_equal(in.autonomous, out.autonomous);
		assert_int_equal(in.dnssl.len, out.dnssl.len);
		assert_int_equal(in.dnssl_lifetime, out.dnssl_lifetime);
		if (in.dnssl.len)
			assert_memory_equal(in.dnssl.p, out.dnssl.p, in.dnssl.len);
	}
}

/* As a Linux guest must see it: RFC 4861 4.2, 4.6; RFC 8106 5.1. */
static void
ra_bytes(void **state)
{
	static const uint8_t want[] = {
	    64,   0x40, 0x07, 0x08, 0,    0,    0,    0,    0,   0, 0,    0,                /* O, 1,800 s */
	    1,    1,    0x02, 0,    0,    0,    0,    1,                                    /* SLLAO */
	    5,    1,    0,    0,    0,    0,    0x05, 0xdc,                                 /* MTU 1500 */
	    3,    4,    64,   0xc0, 0,    1,    0x51, 0x80, 0,   0, 0x38, 0x40, 0, 0, 0, 0, /* prefix, A and L */
	    0xfd, 0x73, 0x6c, 0x75, 0x69, 0x63, 0,    0x65, 0,   0, 0,    0,    0, 0, 0, 0, 25,
	    3,    0,    0,    0,    0,    0x0e, 0x10, /* RDNSS */
	    0xfd, 0x73, 0x6c, 0x75, 0x69, 0x63, 0,    0x65, 0,   0, 0,    0,    0, 0, 0, 3, 31,
	    3,    0,    0,    0,    0,    0x0e, 0x11, /* DNSSL, filled up */
	    3,    'b',  'o',  'x',  4,    't',  'e',  's',  't', 0, 0,    0,    0, 0, 0, 0,
	};
	struct ndp_ra m = {
	    .hop_limit = 64,
	    .other = true,
	    .router_lifetime = 1800,
	    .sllao = {{2, 0, 0, 0, 0, 1}},
	    .mtu = 1500,
	    .prefix = kit_addr("fd73:6c75:6963:65::"),
	    .prefix_len = 64,
	    .autonomous = true,
	    .valid = 86400,
	    .preferred = 14400,
	    .has_rdnss = true,
	    .rdnss = kit_addr("fd73:6c75:6963:65::3"),
	    .rdnss_lifetime = 3600,
	    .dnssl = view_of("\3box\4test", 10),
	    .dnssl_lifetime = 3601,
	};
	uint8_t buf[192];
	struct wr w = wr_of(buf, sizeof(buf));

	(void)state;
	ndp_ra_emit(&w, &m);
	assert_int_equal(kit_written(&w, buf).len, sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

/* Cut anywhere but between options, a message is refused. */
static void
truncated(void **state)
{
	static const uint8_t options[] = {1, 1, 2, 0, 0, 0, 0, 1,  14, 2,  1,  2,
					  3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};

	(void)state;
	for (enum kind kind = NS; kind < KINDS; kind++) {
		uint8_t bytes[64] = {[4] = 0xfd};

		memcpy(bytes + fixed_len[kind], options, sizeof(options));
		for (size_t n = 0; n <= fixed_len[kind] + sizeof(options); n++) {
			uint8_t *block = kit_exact(bytes, n);
			bool whole =
			    n == fixed_len[kind] || n == fixed_len[kind] + 8 || n == fixed_len[kind] + 24;

			assert_int_equal(parses(kind, view_of(block, n)), whole);
			free(block);
		}
	}
}

/* N1: a length of zero would never end; one past the end would read there. */
static void
option_lengths(void **state)
{
	(void)state;
	for (enum kind kind = NS; kind < KINDS; kind++) {
		for (unsigned units = 0; units < 256; units++) {
			uint8_t options[32] = {14, (uint8_t)units};

			/* Two units, and what is behind them must be options again. */
			options[16] = 14;
			options[17] = 2;
			bool whole = units == 2 || units == 4;

			assert_int_equal(parses_with(kind, options, sizeof(options)), whole);
		}
	}
}

/* N1: Ethernet has one size of link-layer address. */
static void
link_layer_address_size(void **state)
{
	static const uint8_t type_of[KINDS] = {[NS] = 1, [NA] = 2, [RS] = 1, [RA] = 1};

	(void)state;
	for (enum kind kind = NS; kind < KINDS; kind++) {
		uint8_t options[16] = {type_of[kind], 2, 2, 0, 0, 0, 0, 1};

		assert_false(parses_with(kind, options, 16));
		options[1] = 1;
		assert_true(parses_with(kind, options, 8));
	}
}

/* The first of two counts; the other message's option is nobody's. */
static void
link_layer_address_choice(void **state)
{
	uint8_t bytes[20 + 24] = {[4] = 0xfd, [20] = 2, 1, 9, 9, 9, 9, 9, 9, 1, 1, 2, 0,
				  0,          0,        0, 1, 1, 1, 2, 0, 0, 0, 0, 2};
	struct ndp_ns ns;
	struct ndp_na na;

	(void)state;
	assert_true(ndp_ns_parse(view_of(bytes, sizeof(bytes)), &ns));
	assert_true(ns.has_sllao && mac_eq(ns.sllao, (struct mac){{2, 0, 0, 0, 0, 1}}));
	assert_true(ndp_na_parse(view_of(bytes, sizeof(bytes)), &na));
	assert_true(na.has_tllao && mac_eq(na.tllao, (struct mac){{9, 9, 9, 9, 9, 9}}));
	assert_true(ndp_ns_parse(view_of(bytes, 28), &ns));
	assert_false(ns.has_sllao);
}

/* RFC 4861 7.1: no multicast target; and none that would be taken for an IPv4 address. */
static void
targets(void **state)
{
	static const struct {
		uint8_t target[16];
		bool ok;
	} rows[] = {
	    {{0xfe, 0x80, [15] = 2}, true},
	    {{0xff, 0x02, [15] = 1}, false},
	    {{0xff, 0x02, [11] = 1, 0xff, 0, 0, 2}, false},
	    {{[10] = 0xff, 0xff, 10, 0, 2, 2}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[20] = {0};

		memcpy(bytes + 4, rows[i].target, 16);
		assert_int_equal(parses(NS, view_of(bytes, sizeof(bytes))), rows[i].ok);
		assert_int_equal(parses(NA, view_of(bytes, sizeof(bytes))), rows[i].ok);
	}
}

static void
ra_option_sizes(void **state)
{
	(void)state;
	assert_false(parses_with(RA, (const uint8_t[16]){5, 2}, 16));
	assert_false(parses_with(RA, (const uint8_t[24]){3, 3}, 24));
	assert_false(parses_with(RA, (const uint8_t[32]){3, 4, 129}, 32));
	assert_true(parses_with(RA, (const uint8_t[32]){3, 4, 128}, 32));
	assert_false(parses_with(RA, (const uint8_t[8]){25, 1}, 8));
	assert_false(parses_with(RA, (const uint8_t[16]){25, 2}, 16));
	assert_true(parses_with(RA, (const uint8_t[40]){25, 5}, 40));
	/* DNSSL: no name, names that run over, one that just fits. */
	assert_false(parses_with(RA, (const uint8_t[8]){31, 1}, 8));
	assert_false(parses_with(RA, (const uint8_t[16]){31, 2}, 16));
	assert_false(parses_with(RA, (const uint8_t[16]){31, 2, [8] = 7, 'a'}, 16));
	assert_false(parses_with(RA, (const uint8_t[16]){31, 2, [8] = 8, 'a'}, 16));
	assert_false(parses_with(RA, (const uint8_t[24]){31, 2, [8] = 7, [16] = 14, 1}, 24));
	assert_true(parses_with(RA, (const uint8_t[16]){31, 2, [8] = 6, 'a'}, 16));
	assert_true(parses_with(RA, (const uint8_t[16]){31, 2, [8] = 1, 'a', 0, 1, 'b'}, 16));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ns_round_trip),
	    cmocka_unit_test(na_round_trip),
	    cmocka_unit_test(rs_round_trip),
	    cmocka_unit_test(ra_round_trip),
	    cmocka_unit_test(ra_bytes),
	    cmocka_unit_test(truncated),
	    cmocka_unit_test(option_lengths),
	    cmocka_unit_test(link_layer_address_size),
	    cmocka_unit_test(link_layer_address_choice),
	    cmocka_unit_test(targets),
	    cmocka_unit_test(ra_option_sizes),
	};

	return cmocka_run_group_tests_name("ndp_wire", tests, NULL, NULL);
}
