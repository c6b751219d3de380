/*
 * wire_test.c - the small headers: Ethernet, ARP, UDP, ICMP.  What is written reads back the same; every
 * byte too few is refused; what the guest may lie about is not believed.
 */
#include "stack/arp_wire.h"
#include "stack/eth_wire.h"
#include "stack/icmp_wire.h"
#include "stack/udp_wire.h"

#include "test/unit/wire_kit.h"

/* A writer without room stops at the first byte that does not fit, and says so. */
static void
writer_never_passes_its_end(void **state)
{
	(void)state;
	for (size_t room = 0; room < ETH_HLEN; room++) {
		uint8_t *block = kit_exact((const uint8_t[ETH_HLEN]){0}, room);
		struct wr w = wr_of(block, room);

		eth_emit(&w, &(struct eth){.type = ETHERTYPE_ARP});
		assert_true(w.bad);
		free(block);
	}
}

static void
eth_round_trip(void **state)
{
	uint64_t seed = 10;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct eth in = {
		    .dst = kit_mac(&seed), .src = kit_mac(&seed), .type = (uint16_t)kit_random(&seed)};
		struct eth out;
		uint8_t buf[ETH_HLEN + 1];
		struct wr w = wr_of(buf, sizeof(buf));

		eth_emit(&w, &in);
		wr_u8(&w, 0x7e);
		struct rd r = rd_of(kit_written(&w, buf));

		assert_true(eth_parse(&r, &out));
		assert_true(mac_eq(in.dst, out.dst) && mac_eq(in.src, out.src));
		assert_int_equal(in.type, out.type);
		assert_int_equal(rd_left(&r), 1);
		assert_int_equal(rd_u8(&r), 0x7e);
	}
}

/* E1: 0, 1, 13 and all other short frames; 14 bytes are a frame with an empty payload. */
static void
eth_truncated(void **state)
{
	static const uint8_t frame[ETH_HLEN] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00};

	(void)state;
	for (size_t n = 0; n <= ETH_HLEN; n++) {
		uint8_t *block = kit_exact(frame, n);
		struct rd r = rd_of(view_of(block, n));
		struct eth h;

		assert_int_equal(eth_parse(&r, &h), n == ETH_HLEN);
		assert_int_equal(rd_left(&r), 0);
		free(block);
	}
}

/* E4, E5: what is no type of ours is reported as it stands, and nothing behind it is read. */
static void
eth_foreign_types(void **state)
{
	static const uint16_t types[] = {0x0000, 0x0026, 0x05dc, 0x05ff, 0x8100, 0x88b5, 0x88f8, 0xffff};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint8_t frame[ETH_HLEN] = {[12] = (uint8_t)(types[i] >> 8), [13] = (uint8_t)types[i]};
		uint8_t *block = kit_exact(frame, sizeof(frame));
		struct rd r = rd_of(view_of(block, sizeof(frame)));
		struct eth h;

		assert_true(eth_parse(&r, &h));
		assert_int_equal(h.type, types[i]);
		free(block);
	}
}

static void
arp_round_trip(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct arp in = {
		    .op = i % 2 ? ARP_REQUEST : ARP_REPLY,
		    .sender_mac = kit_mac(&seed),
		    .target_mac = kit_mac(&seed),
		    .sender_ip = kit_v4(&seed),
		    .target_ip = kit_v4(&seed),
		};
		struct arp out;
		uint8_t buf[64] = {0};
		struct wr w = wr_of(buf, sizeof(buf));

		arp_emit(&w, &in);
		assert_int_equal(kit_written(&w, buf).len, 28);
		assert_true(arp_parse(view_of(buf, i % 3 ? 28 : 46), &out)); /* with and without padding */
		assert_int_equal(in.op, out.op);
		assert_true(mac_eq(in.sender_mac, out.sender_mac) && mac_eq(in.target_mac, out.target_mac));
		assert_true(addr_eq(&in.sender_ip, &out.sender_ip) && addr_eq(&in.target_ip, &out.target_ip));
	}
}

static const uint8_t arp_request[28] = {
    0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2,
};

/* A1 */
static void
arp_truncated(void **state)
{
	(void)state;
	for (size_t n = 0; n <= sizeof(arp_request); n++) {
		uint8_t *block = kit_exact(arp_request, n);
		struct arp a;

		assert_int_equal(arp_parse(view_of(block, n), &a), n == sizeof(arp_request));
		free(block);
	}
}

/* A2: one byte wrong anywhere in hardware, protocol, lengths or operation. */
static void
arp_of_another_kind(void **state)
{
	static const struct {
		uint8_t at, value;
	} rows[] = {
	    {0, 1}, {1, 6},  {1, 0},   {2, 0x86}, {3, 6}, {4, 0}, {4, 5}, {4, 255},
	    {5, 0}, {5, 16}, {5, 255}, {6, 1},    {7, 0}, {7, 3}, {7, 9},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *block = kit_exact(arp_request, sizeof(arp_request));
		struct arp a;

		block[rows[i].at] = rows[i].value;
		assert_false(arp_parse(view_of(block, sizeof(arp_request)), &a));
		free(block);
	}
}

/* U1, U2: the header is reported as it is, lengths and port 0 included; only its 8 bytes must be there. */
static void
udp_round_trip(void **state)
{
	uint64_t seed = 12;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct udp in, out;
		uint8_t buf[UDP_HLEN + 3] = {0};
		struct wr w = wr_of(buf, UDP_HLEN);

		kit_fill(&seed, &in, sizeof(in));
		udp_emit(&w, &in);
		assert_int_equal(kit_written(&w, buf).len, UDP_HLEN);
		struct rd r = rd_of(view_of(buf, sizeof(buf)));

		assert_true(udp_parse(&r, &out));
		assert_memory_equal(&in, &out, sizeof(in));
		assert_int_equal(rd_left(&r), 3);
	}
}

static void
udp_and_icmp_truncated(void **state)
{
	static const uint8_t bytes[8] = {8, 0, 0xf7, 0xff, 0, 0, 0, 0};

	(void)state;
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		uint8_t *block = kit_exact(bytes, n);
		struct rd u = rd_of(view_of(block, n)), c = u;
		struct udp udp;
		struct icmp icmp;

		assert_int_equal(udp_parse(&u, &udp), n == UDP_HLEN);
		assert_int_equal(icmp_parse(&c, &icmp), n == ICMP_HLEN); /* C1 */
		free(block);
	}
}

static void
icmp_round_trip(void **state)
{
	uint64_t seed = 13;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct icmp in, out;
		uint8_t buf[ICMP_HLEN + 5] = {0};
		struct wr w = wr_of(buf, ICMP_HLEN);

		kit_fill(&seed, &in, sizeof(in));
		icmp_emit(&w, &in);
		assert_int_equal(kit_written(&w, buf).len, ICMP_HLEN);
		struct rd r = rd_of(view_of(buf, sizeof(buf)));

		assert_true(icmp_parse(&r, &out));
		assert_memory_equal(&in, &out, sizeof(in));
		assert_int_equal(rd_left(&r), 5);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writer_never_passes_its_end),
	    cmocka_unit_test(eth_round_trip),
	    cmocka_unit_test(eth_truncated),
	    cmocka_unit_test(eth_foreign_types),
	    cmocka_unit_test(arp_round_trip),
	    cmocka_unit_test(arp_truncated),
	    cmocka_unit_test(arp_of_another_kind),
	    cmocka_unit_test(udp_round_trip),
	    cmocka_unit_test(udp_and_icmp_truncated),
	    cmocka_unit_test(icmp_round_trip),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
