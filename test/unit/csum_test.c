/*
 * csum_test.c - the Internet checksum against a slow one that is RFC 1071 word for word
 */
#include "stack/csum.h"

#include "test/unit/wire_kit.h"

static uint16_t
naive(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

/* 0 and 0xffff are one number; only a sum of nothing but zeros is 0 in both. */
static void
assert_same_sum(uint16_t a, uint16_t b)
{
	assert_int_equal(a == 0xffff ? 0 : a, b == 0xffff ? 0 : b);
}

static void
rfc_1071_example(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	struct csum c = {0};

	(void)state;
	csum_add(&c, view_of(bytes, sizeof(bytes)));
	assert_int_equal(csum_partial(&c), 0xddf2);
	assert_int_equal(csum_final(&c), 0x220d);
}

static void
empty_views_change_nothing(void **state)
{
	struct csum c = {.sum = 0x1234, .odd = true};

	(void)state;
	csum_add(&c, (struct view){0});
	csum_copy(&c, NULL, (struct view){0});
	assert_true(c.odd);
	assert_int_equal(csum_partial(&c), 0x1234);
}

static void
every_length_and_alignment(void **state)
{
	uint64_t seed = 2;

	(void)state;
	for (size_t n = 0; n < 200; n++) {
		for (size_t skew = 0; skew < 8; skew++) {
			uint8_t bytes[208];

			kit_fill(&seed, bytes, sizeof(bytes));
			uint8_t *block = kit_exact(bytes, skew + n);
			struct csum c = {0};

			csum_add(&c, view_of(block + skew, n));
			assert_same_sum(csum_partial(&c), naive(block + skew, n));
			assert_int_equal(c.odd, n % 2);
			free(block);
		}
	}
}

/* The same bytes in any pieces, copied or not, are the same sum. */
static void
any_split_is_the_same(void **state)
{
	enum { MOST = 70000 };
	uint64_t seed = 3;
	uint8_t *bytes = malloc(MOST), *copy = malloc(MOST);

	(void)state;
	assert_non_null(bytes);
	assert_non_null(copy);
	for (unsigned round = 0; round < 200; round++) {
		size_t n = kit_random(&seed) % (round % 10 ? 400 : MOST), at = 0;
		struct csum c = {0};

		kit_fill(&seed, bytes, n);
		memset(copy, 0xaa, MOST);
		while (at < n) {
			size_t piece = kit_random(&seed) % (n / 3 + 2);

			if (piece > n - at)
				piece = n - at;
			if (kit_random(&seed) & 1) {
				csum_copy(&c, copy + at, view_of(bytes + at, piece));
			} else {
				csum_add(&c, view_of(bytes + at, piece));
				memcpy(copy + at, bytes + at, piece);
			}
			at += piece;
		}
		assert_same_sum(csum_partial(&c), naive(bytes, n));
		assert_memory_equal(copy, bytes, n);
		if (n < MOST)
			assert_int_equal(copy[n], 0xaa);
	}
	free(bytes);
	free(copy);
}

static void
all_ones_do_not_overflow(void **state)
{
	enum { LEN = 65536 };
	uint8_t *bytes = malloc(LEN);
	struct csum c = {0};

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 0xff, LEN);
	for (unsigned i = 0; i < 64; i++)
		csum_add(&c, view_of(bytes, LEN));
	assert_int_equal(csum_partial(&c), 0xffff);
	free(bytes);
}

static void
pseudo_header_of(const char *src, const char *dst, bool odd_before)
{
	struct addr s = kit_addr(src), d = kit_addr(dst);
	size_t skip = addr_is_v4(&s) ? 12 : 0;
	uint8_t bytes[40];
	struct wr w = wr_of(bytes, sizeof(bytes));
	struct csum c = {.odd = odd_before};

	wr_bytes(&w, s.b + skip, 16 - skip);
	wr_bytes(&w, d.b + skip, 16 - skip);
	wr_u32(&w, 0x0001fffe);
	wr_u32(&w, 6);
	struct view v = kit_written(&w, bytes);

	csum_pseudo(&c, &s, &d, 6, 0x0001fffe);
	assert_same_sum(csum_partial(&c), naive(v.p, v.len));
	assert_int_equal(c.odd, odd_before);
}

static void
pseudo_headers(void **state)
{
	(void)state;
	pseudo_header_of("10.0.2.15", "192.0.2.1", false);
	pseudo_header_of("fd73:6c75:6963:65::15", "2001:db8::ff", false);
	pseudo_header_of("10.0.2.15", "192.0.2.1", true);
}

/* A captured SYN: 10.0.2.15:40000 > 10.0.2.2:80, checked by hand. */
static void
right_checksum_sums_to_zero(void **state)
{
	uint8_t segment[20] = {0x9c, 0x40, 0x00, 0x50, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff};
	struct addr s = kit_addr("10.0.2.15"), d = kit_addr("10.0.2.2");
	struct csum c = {0};

	(void)state;
	csum_pseudo(&c, &s, &d, 6, sizeof(segment));
	csum_add(&c, view_of(segment, sizeof(segment)));
	uint16_t field = csum_final(&c);

	/* 0a00+020f+0a00+0202+0006+0014 + 9c40+0050+0001+5002+ffff = 2 04bd, folded 04bf */
	assert_int_equal(field, (uint16_t)~0x04bf);
	segment[16] = (uint8_t)(field >> 8);
	segment[17] = (uint8_t)field;
	c = (struct csum){0};
	csum_pseudo(&c, &s, &d, 6, sizeof(segment));
	csum_add(&c, view_of(segment, sizeof(segment)));
	assert_int_equal(csum_final(&c), 0);
	segment[3] ^= 1;
	c = (struct csum){0};
	csum_pseudo(&c, &s, &d, 6, sizeof(segment));
	csum_add(&c, view_of(segment, sizeof(segment)));
	assert_int_not_equal(csum_final(&c), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rfc_1071_example),
	    cmocka_unit_test(empty_views_change_nothing),
	    cmocka_unit_test(every_length_and_alignment),
	    cmocka_unit_test(any_split_is_the_same),
	    cmocka_unit_test(all_ones_do_not_overflow),
	    cmocka_unit_test(pseudo_headers),
	    cmocka_unit_test(right_checksum_sums_to_zero),
	};

	return cmocka_run_group_tests_name("csum", tests, NULL, NULL);
}
