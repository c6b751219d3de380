/*
 * vnet_wire_test.c - virtio-net headers: bytes to facts and back
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "link/vnet_wire.h"

static void
emit(const struct offload *off, uint8_t to[VNET_HLEN])
{
	struct wr w = wr_of(to, VNET_HLEN);

	vnet_emit(&w, off);
	assert_false(w.bad);
	assert_ptr_equal(w.p, to + VNET_HLEN);
}

static bool
parse(const uint8_t *from, size_t len, struct offload *off)
{
	uint8_t *exact = malloc(len ? len : 1);
	if (len)
		memcpy(exact, from, len);
	struct rd r = rd_of(view_of(exact, len));
	bool good = vnet_parse(&r, off);

	free(exact);
	return good;
}

static void
every_field_survives_a_round_trip(void **state)
{
	static const struct offload facts[] = {
	    {0},
	    {.csum_valid = true},
	    {.needs_csum = true, .csum_start = 34, .csum_offset = 16},
	    {.needs_csum = true,
	     .csum_start = 0x1234,
	     .csum_offset = 0x5678,
	     .gso_type = GSO_TCPV6,
	     .gso_size = 0x9abc,
	     .hdr_len = 0xdef0},
	    {.gso_type = GSO_UDP_L4, .gso_size = 1400, .hdr_len = 42},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		uint8_t bytes[VNET_HLEN];
		struct offload back;

		emit(&facts[i], bytes);
		assert_true(parse(bytes, sizeof(bytes), &back));
		assert_memory_equal(&back.csum_start, &facts[i].csum_start, 2);
		assert_int_equal(back.needs_csum, facts[i].needs_csum);
		assert_int_equal(back.csum_valid, facts[i].csum_valid);
		assert_int_equal(back.csum_offset, facts[i].csum_offset);
		assert_int_equal(back.gso_type, facts[i].gso_type);
		assert_int_equal(back.gso_size, facts[i].gso_size);
		assert_int_equal(back.hdr_len, facts[i].hdr_len);
	}
}

static void
fields_are_little_endian_and_in_their_places(void **state)
{
	static const uint8_t want[VNET_HLEN] = {1, 4, 0x36, 0, 0xb4, 0x05, 0x22, 0, 0x10, 0, 1, 0};
	uint8_t bytes[VNET_HLEN];

	(void)state;
	emit(&(struct offload){.needs_csum = true,
			       .gso_type = GSO_TCPV6,
			       .hdr_len = 54,
			       .gso_size = 1460,
			       .csum_start = 34,
			       .csum_offset = 16},
	     bytes);
	assert_memory_equal(bytes, want, sizeof(want));
}

static void
the_ecn_bit_is_taken_off(void **state)
{
	struct offload off;

	(void)state;
	assert_true(parse((const uint8_t[VNET_HLEN]){0, 0x80 | GSO_TCPV4}, VNET_HLEN, &off));
	assert_int_equal(off.gso_type, GSO_TCPV4);
}

static void
every_truncation_is_refused(void **state)
{
	static const uint8_t bytes[VNET_HLEN] = {1, 1, 54, 0, 100, 0, 34, 0, 16, 0, 1, 0};
	struct offload off;

	(void)state;
	for (size_t len = 0; len < VNET_HLEN; len++)
		assert_false(parse(bytes, len, &off));
	assert_true(parse(bytes, VNET_HLEN, &off));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_field_survives_a_round_trip),
	    cmocka_unit_test(fields_are_little_endian_and_in_their_places),
	    cmocka_unit_test(the_ecn_bit_is_taken_off),
	    cmocka_unit_test(every_truncation_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
