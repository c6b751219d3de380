/*
 * dhcp_wire_test.c - DHCPv4 messages: round trips, every truncation, and options as a hostile guest writes them
 * (B1 of the list of hostile inputs)
 */
#include "stack/dhcp_wire.h"

#include "test/unit/wire_kit.h"

#define FIXED 240u /* bytes before the options, the cookie's included */

static uint8_t buf[4096];
static uint8_t pool[1024]; /* what views show */

static struct view
random_view(uint64_t *seed, size_t least)
{
	size_t len = kit_random(seed) % 3 ? least + kit_random(seed) % (256 - least) : 0;

	return view_of(pool + kit_random(seed) % (sizeof(pool) - 256), len);
}

static struct addr
maybe_v4(uint64_t *seed)
{
	return kit_random(seed) & 1 ? kit_v4(seed) : addr_v4(0);
}

static struct dhcp_route
random_route(uint64_t *seed)
{
	struct dhcp_route r = {.plen = (uint8_t)(kit_random(seed) % 33), .via = maybe_v4(seed)};
	unsigned octets = (r.plen + 7u) / 8;

	r.net = addr_v4((uint32_t)kit_random(seed) & (octets ? UINT32_MAX << (32 - 8 * octets) : 0));
	return r;
}

static struct dhcp
random_message(uint64_t *seed)
{
	struct dhcp m = {
	    .reply = kit_random(seed) & 1,
	    .xid = (uint32_t)kit_random(seed),
	    .broadcast = kit_random(seed) & 1,
	    .ciaddr = maybe_v4(seed),
	    .yiaddr = maybe_v4(seed),
	    .giaddr = maybe_v4(seed),
	    .chaddr = kit_mac(seed),
	    .type = (uint8_t)kit_random(seed),
	    .rapid_commit = kit_random(seed) & 1,
	    .max_size = (uint16_t)kit_random(seed),
	    .requested = maybe_v4(seed),
	    .server = maybe_v4(seed),
	    .client_id = random_view(seed, 2),
	    .wanted = random_view(seed, 1),
	    .lease = (uint32_t)kit_random(seed),
	    .t1 = (uint32_t)kit_random(seed),
	    .t2 = (uint32_t)kit_random(seed),
	    .mask = maybe_v4(seed),
	    .router = maybe_v4(seed),
	    .dns = maybe_v4(seed),
	    .broadcast_addr = maybe_v4(seed),
	    .mtu = (uint16_t)kit_random(seed),
	    .hostname = random_view(seed, 1),
	    .domain = random_view(seed, 1),
	    .message = random_view(seed, 1),
	    .search = random_view(seed, 1),
	    .nroute = (uint8_t)(kit_random(seed) % (DHCP_ROUTES + 1)),
	};

	for (unsigned i = 0; i < m.nroute; i++)
		m.route[i] = random_route(seed);
	return m;
}

static void
same_addr(struct addr a, struct addr b)
{
	assert_int_equal(addr_is_unspecified(&a), addr_is_unspecified(&b));
	assert_true(addr_is_unspecified(&a) || addr_eq(&a, &b));
}

static void
same(const struct dhcp *a, const struct dhcp *b)
{
	assert_int_equal(a->reply, b->reply);
	assert_int_equal(a->xid, b->xid);
	assert_int_equal(a->broadcast, b->broadcast);
	same_addr(a->ciaddr, b->ciaddr);
	same_addr(a->yiaddr, b->yiaddr);
	same_addr(a->giaddr, b->giaddr);
	assert_true(mac_eq(a->chaddr, b->chaddr));
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->rapid_commit, b->rapid_commit);
	assert_int_equal(a->max_size, b->max_size);
	same_addr(a->requested, b->requested);
	same_addr(a->server, b->server);
	kit_same(a->client_id, b->client_id);
	kit_same(a->wanted, b->wanted);
	assert_int_equal(a->lease, b->lease);
	assert_int_equal(a->t1, b->t1);
	assert_int_equal(a->t2, b->t2);
	same_addr(a->mask, b->mask);
	same_addr(a->router, b->router);
	same_addr(a->dns, b->dns);
	same_addr(a->broadcast_addr, b->broadcast_addr);
	assert_int_equal(a->mtu, b->mtu);
	kit_same(a->hostname, b->hostname);
	kit_same(a->domain, b->domain);
	kit_same(a->message, b->message);
	kit_same(a->search, b->search);
	assert_int_equal(a->nroute, b->nroute);
	for (unsigned i = 0; i < a->nroute; i++) {
		assert_int_equal(a->route[i].plen, b->route[i].plen);
		same_addr(a->route[i].net, b->route[i].net);
		same_addr(a->route[i].via, b->route[i].via);
	}
}

static void
round_trip(void **state)
{
	uint64_t seed = 60;

	(void)state;
	kit_fill(&seed, pool, sizeof(pool));
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct dhcp in = random_message(&seed), out;
		struct wr w = wr_of(buf, sizeof(buf));

		dhcp_emit(&w, &in);
		struct view v = kit_written(&w, buf);
		uint8_t *block = kit_exact(v.p, v.len);

		assert_true(v.len >= DHCP_PADDED);
		assert_true(dhcp_parse(view_of(block, v.len), &out));
		same(&in, &out);
		free(block);
	}
}

/* Whatever the room, what is written is a message, and the first options are in it. */
static void
what_has_no_room_is_left_out(void **state)
{
	uint64_t seed = 61;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct dhcp in = random_message(&seed), out;
		size_t room = DHCP_PADDED + kit_random(&seed) % 1000;
		struct wr w = wr_of(buf, room);

		in.type |= 1;
		in.server = kit_addr("10.0.2.2");
		dhcp_emit(&w, &in);
		struct view v = kit_written(&w, buf);

		assert_true(v.len <= room);
		assert_true(dhcp_parse(v, &out));
		assert_int_equal(out.type, in.type);
		same_addr(out.server, in.server);
	}
}

/* A DISCOVER as Linux clients write it, and one of the wire's own bytes. */
static void
bytes(void **state)
{
	static const uint8_t options[] = {53, 1,  1, 61, 7, 1, 2,   0,  0, 0,  0,
					  9,  55, 4, 1,  3, 6, 121, 80, 0, 255};
	uint8_t raw[FIXED + sizeof(options)] = {1, 1,    6, 0,        0xde, 0xad, 0xbe, 0xef, 0,
						9, 0x80, 0, [28] = 2, 0,    0,    0,    0,    9};
	struct dhcp m;

	(void)state;
	memcpy(raw + FIXED - 4, (const uint8_t[]){99, 130, 83, 99}, 4);
	memcpy(raw + FIXED, options, sizeof(options));
	assert_true(dhcp_parse(view_of(raw, sizeof(raw)), &m));
	assert_false(m.reply);
	assert_int_equal(m.xid, 0xdeadbeef);
	assert_true(m.broadcast && m.rapid_commit);
	assert_int_equal(m.type, DHCP_DISCOVER);
	assert_true(mac_eq(m.chaddr, (struct mac){{2, 0, 0, 0, 0, 9}}));
	assert_int_equal(m.client_id.len, 7);
	assert_true(dhcp_wants(&m, DHCP_OPT_ROUTES) && !dhcp_wants(&m, DHCP_OPT_MTU));
	m.wanted.len = 0;
	assert_true(dhcp_wants(&m, DHCP_OPT_MTU));
}

/* --- hostile ----------------------------------------------------------------------------------------- */

/* Parses a request with these options from a block of its exact size. */
static bool
parses(const uint8_t *options, size_t len, struct dhcp *out)
{
	uint8_t raw[FIXED + 600] = {1, 1, 6};

	memcpy(raw + FIXED - 4, (const uint8_t[]){99, 130, 83, 99}, 4);
	if (len)
		memcpy(raw + FIXED, options, len);

	uint8_t *block = kit_exact(raw, FIXED + len);
	bool ok = dhcp_parse(view_of(block, FIXED + len), out);

	free(block);
	return ok;
}

#define OK(...) parses((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), &m)

/* B1: cut anywhere, a message is refused; so is one that has no end mark. */
static void
B1_truncated(void **state)
{
	struct dhcp in = {.xid = 7, .type = DHCP_REQUEST, .requested = kit_addr("10.0.2.15")}, out;
	struct wr w = wr_of(buf, sizeof(buf));
	size_t end = FIXED + 3 + 6; /* where the end mark is */

	(void)state;
	dhcp_emit(&w, &in);
	assert_int_equal(buf[end], DHCP_OPT_END);
	for (size_t n = 0; n <= DHCP_PADDED; n++) {
		uint8_t *block = kit_exact(buf, n);

		assert_int_equal(dhcp_parse(view_of(block, n), &out), n > end);
		free(block);
	}
}

/* B1: a message of another kind. */
static void
B1_header(void **state)
{
	static const struct {
		size_t at;
		uint8_t v;
		bool ok;
	} rows[] =
	    {
		{0, 0, false},    {0, 2, true},    {0, 3, false},  {1, 0, false},
		{1, 6, false},    {2, 0, false},   {2, 7, false},  {2, 255, false},
		{236, 98, false}, {239, 0, false}, {3, 255, true}, /* hops are only a relay's */
	    };
	struct dhcp in = {.type = DHCP_DISCOVER}, out;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wr w = wr_of(buf, sizeof(buf));

		dhcp_emit(&w, &in);
		buf[rows[i].at] = rows[i].v;
		assert_int_equal(dhcp_parse(view_of(buf, DHCP_PADDED), &out), rows[i].ok);
	}
}

/* B1: the lengths of options: every one of every code, behind which the message goes on. */
static void
B1_option_lengths(void **state)
{
	static const struct {
		uint8_t code, min, max, step;
	} rows[] = {
	    {1, 4, 4, 1},    {3, 4, 252, 4},  {6, 4, 252, 4},   {12, 1, 255, 1},  {15, 1, 255, 1},
	    {26, 2, 2, 1},   {28, 4, 4, 1},   {50, 4, 4, 1},    {51, 4, 4, 1},    {53, 1, 1, 1},
	    {54, 4, 4, 1},   {55, 1, 255, 1}, {56, 1, 255, 1},  {57, 2, 2, 1},    {58, 4, 4, 1},
	    {59, 4, 4, 1},   {61, 2, 255, 1}, {80, 0, 0, 1},    {119, 1, 255, 1}, {2, 0, 255, 1},
	    {52, 0, 255, 1}, {82, 0, 255, 1}, {254, 0, 255, 1},
	};
	struct dhcp m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned len = 0; len < 256; len++) {
			uint8_t options[2 + 255 + 1] = {rows[i].code, (uint8_t)len};
			bool ok = len >= rows[i].min && len <= rows[i].max && len % rows[i].step == 0;

			options[2 + len] = DHCP_OPT_END;
			assert_int_equal(parses(options, 3 + len, &m), ok);
			assert_false(parses(options, 2 + len, &m));
			if (len)
				assert_false(parses(options, 1 + len, &m));
		}
	}
}

/* B1: padding without end, twice the same, and what the end mark hides. */
static void
B1_option_lists(void **state)
{
	static const uint8_t pads[600] = {0};
	struct dhcp m;

	(void)state;
	assert_false(parses(pads, sizeof(pads), &m));
	assert_false(parses(NULL, 0, &m));
	assert_true(OK(255));
	assert_int_equal(m.type, 0);
	assert_true(OK(0, 0, 53, 1, 3, 0, 255, 1));
	assert_int_equal(m.type, DHCP_REQUEST);
	assert_true(OK(53, 1, 3, 53, 1, 1, 255));
	assert_int_equal(m.type, DHCP_REQUEST);
	assert_true(OK(57, 2, 0, 0, 57, 2, 5, 5, 53, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 255) == false);
	assert_true(OK(57, 2, 0, 0, 57, 2, 5, 5, 255));
	assert_int_equal(m.max_size, 0);
	assert_true(OK(57, 2, 5, 5, 57, 0, 255)); /* the second is only stepped over */
	assert_true(OK(255, 53, 200));
	assert_int_equal(m.type, 0);
	assert_false(OK(53));
	assert_false(OK(53, 1));
	assert_false(OK(53, 255, 1, 255));
}

/* B1: routes whose prefix is no prefix, or that are cut. */
static void
B1_routes(void **state)
{
	struct dhcp m;

	(void)state;
	assert_true(OK(121, 5, 0, 10, 0, 2, 2, 255));
	assert_int_equal(m.nroute, 1);
	assert_true(OK(121, 8, 24, 192, 168, 1, 10, 0, 2, 2, 255));
	assert_true(OK(121, 9, 32, 192, 168, 1, 1, 10, 0, 2, 2, 255));
	assert_true(OK(121, 15, 0, 1, 1, 1, 1, 0, 2, 2, 2, 2, 0, 3, 3, 3, 3, 255));
	assert_int_equal(m.nroute, DHCP_ROUTES);
	assert_false(OK(121, 0, 255));
	assert_false(OK(121, 4, 0, 10, 0, 2, 255));
	assert_false(OK(121, 9, 33, 192, 168, 1, 1, 10, 0, 2, 2, 255));
	assert_false(OK(121, 9, 255, 192, 168, 1, 1, 10, 0, 2, 2, 255));
	assert_false(OK(121, 6, 0, 10, 0, 2, 2, 0, 255));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),      cmocka_unit_test(what_has_no_room_is_left_out),
	    cmocka_unit_test(bytes),           cmocka_unit_test(B1_truncated),
	    cmocka_unit_test(B1_header),       cmocka_unit_test(B1_option_lengths),
	    cmocka_unit_test(B1_option_lists), cmocka_unit_test(B1_routes),
	};

	return cmocka_run_group_tests_name("dhcp_wire", tests, NULL, NULL);
}
