/*
 * frag_test.c - the fragment table by itself: order, limits, time
 */
#include "stack/frag.h"

#include "test/unit/wire_kit.h"

static uint8_t data[65536];

static struct frag_table *
table(void)
{
	struct frag_table *t = calloc(1, sizeof(*t));
	uint64_t seed = 7;

	assert_non_null(t);
	kit_fill(&seed, data, sizeof(data));
	return t;
}

struct result {
	enum frag_result res;
	struct ip ip;
	struct view whole;
};

/* Bytes [from, to) of data as a piece of datagram id. */
static struct result
piece(struct frag_table *t, uint32_t id, uint32_t from, uint32_t to, bool more, usec_t now)
{
	uint8_t *b = kit_exact(data + from, to - from);
	struct ip h = {.src = kit_addr("10.0.2.15"),
		       .dst = kit_addr("192.0.2.1"),
		       .proto = 17,
		       .ttl = from == 0 ? 11 : 22,
		       .tos = from == 0 ? 33 : 44,
		       .fragment = true,
		       .more = more,
		       .frag_off = (uint16_t)from,
		       .id = id,
		       .hlen = IP4_HLEN,
		       .len = to - from};
	struct result r = {0};

	r.res = frag_input(t, &h, view_of(b, to - from), view_of(b, to - from), now, &r.ip, &r.whole);
	free(b);
	return r;
}

static unsigned
blocks_used(const struct frag_table *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FRAG_BLOCKS; i++)
		n += t->block_used[i];
	return n;
}

static void
random_orders_make_the_same_datagram(void **state)
{
	struct frag_table *t = table();
	uint64_t seed = 1;

	(void)state;
	for (uint32_t id = 0; id < 500; id++) {
		uint32_t size = 9 + (uint32_t)(kit_random(&seed) % 65500), cut[64], ncut = 1;
		struct result r = {0};

		cut[0] = 0;
		while (ncut < 60 && cut[ncut - 1] + 8 < size) {
			uint32_t step = 8 + (uint32_t)(kit_random(&seed) % 4000) / 8 * 8;

			cut[ncut] = cut[ncut - 1] + step < size ? cut[ncut - 1] + step : size - 1;
			cut[ncut] &= ~7u;
			if (cut[ncut] == cut[ncut - 1])
				break;
			ncut++;
		}
		uint32_t order[64];

		for (uint32_t i = 0; i < ncut; i++)
			order[i] = i;
		for (uint32_t i = ncut - 1; i > 0; i--) {
			uint32_t k = (uint32_t)(kit_random(&seed) % (i + 1)), x = order[i];

			order[i] = order[k];
			order[k] = x;
		}
		for (uint32_t i = 0; i < ncut; i++) {
			uint32_t p = order[i];
			bool more = p + 1 < ncut;

			r = piece(t, id, cut[p], more ? cut[p + 1] : size, more, 1);
			if (i + 1 < ncut)
				assert_int_equal(r.res, FRAG_WAITING);
		}
		assert_int_equal(r.res, FRAG_COMPLETE);
		assert_int_equal(r.whole.len, size);
		assert_memory_equal(r.whole.p, data, size);
		assert_int_equal(r.ip.len, size);
		assert_int_equal(r.ip.ttl, 11);
		assert_int_equal(r.ip.tos, 33);
		assert_false(r.ip.fragment);
		assert_int_equal(r.ip.hlen, IP4_HLEN);
		assert_int_equal(blocks_used(t), 0);
	}
	free(t);
}

static void
overlaps_kill_until_the_timeout(void **state)
{
	static const uint32_t other[][2] = {{0, 24},  {16, 32}, {24, 40}, {32, 48},
					    {16, 48}, {0, 64},  {40, 56}};
	struct frag_table *t = table();

	(void)state;
	for (uint32_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		assert_int_equal(piece(t, i, 16, 48, true, 1).res, FRAG_WAITING);
		data[other[i][0]] ^= 1;
		data[other[i][1] - 1] ^= 1;
		enum frag_result res = piece(t, i, other[i][0], other[i][1], true, 1).res;

		data[other[i][0]] ^= 1;
		data[other[i][1] - 1] ^= 1;
		assert_int_equal(res, FRAG_OVERLAPS);
		/* Dead: neither a good piece nor the right ones bring it back. */
		assert_int_equal(piece(t, i, 48, 56, false, 2).res, FRAG_BAD);
		assert_int_equal(piece(t, i, 0, 16, true, 2).res, FRAG_BAD);
	}
	/* The same bytes that are there already change nothing. */
	assert_int_equal(piece(t, 100, 16, 48, true, 1).res, FRAG_WAITING);
	assert_int_equal(piece(t, 100, 16, 48, true, 1).res, FRAG_WAITING);
	assert_int_equal(piece(t, 100, 24, 40, true, 1).res, FRAG_WAITING);
	/* But equal bytes half outside do. */
	assert_int_equal(piece(t, 100, 40, 56, true, 1).res, FRAG_OVERLAPS);
	free(t);
}

static void
ends_must_agree(void **state)
{
	struct frag_table *t = table();

	(void)state;
	assert_int_equal(piece(t, 1, 16, 32, false, 1).res, FRAG_WAITING);
	assert_int_equal(piece(t, 1, 0, 8, false, 1).res, FRAG_BAD); /* another end */
	assert_int_equal(piece(t, 2, 16, 32, true, 1).res, FRAG_WAITING);
	assert_int_equal(piece(t, 2, 0, 8, false, 1).res, FRAG_BAD); /* before bytes that are there */
	assert_int_equal(piece(t, 3, 16, 32, false, 1).res, FRAG_WAITING);
	assert_int_equal(piece(t, 3, 32, 40, true, 1).res, FRAG_BAD); /* behind the end */
	assert_int_equal(piece(t, 4, 16, 32, false, 1).res, FRAG_WAITING);
	assert_int_equal(piece(t, 4, 0, 16, true, 1).res, FRAG_COMPLETE);
	assert_int_equal(blocks_used(t), 0);
	free(t);
}

static void
too_long_for_a_packet(void **state)
{
	struct frag_table *t = table();

	(void)state;
	assert_int_equal(piece(t, 1, 65512, 65515, false, 1).res, FRAG_WAITING);
	assert_int_equal(piece(t, 2, 65512, 65516, false, 1).res, FRAG_BAD);
	assert_int_equal(piece(t, 3, 8, 8, true, 1).res, FRAG_BAD);
	assert_int_equal(piece(t, 3, 8, 15, true, 1).res, FRAG_BAD);
	free(t);
}

static void
too_many_holes(void **state)
{
	struct frag_table *t = table();

	(void)state;
	for (uint32_t i = 0; i < FRAG_HOLES; i++)
		assert_int_equal(piece(t, 1, i * 16, i * 16 + 8, true, 1).res, FRAG_WAITING);
	assert_int_equal(piece(t, 1, FRAG_HOLES * 16, FRAG_HOLES * 16 + 8, true, 1).res, FRAG_BAD);
	assert_int_equal(blocks_used(t), 0);
	free(t);
}

static void
oldest_set_goes(void **state)
{
	struct frag_table *t = table();

	(void)state;
	for (uint32_t id = 0; id < FRAG_SETS; id++)
		assert_int_equal(piece(t, id, 0, 16, true, id).res, FRAG_WAITING);
	assert_int_equal(piece(t, 1000, 0, 16, true, 100).res, FRAG_EVICTED);
	assert_int_equal(piece(t, 1, 16, 24, false, 100).res, FRAG_COMPLETE);
	/* The first is forgotten: its rest is a new beginning, in the place the second left. */
	assert_int_equal(piece(t, 0, 16, 24, false, 100).res, FRAG_WAITING);
	free(t);
}

/* Limits set lower than the arrays: two sets, one datagram's worth of blocks. */
static void
limits_may_be_lower(void **state)
{
	struct frag_table *t = table();

	(void)state;
	t->max_sets = 2;
	t->max_blocks = 32;
	assert_int_equal(piece(t, 1, 0, 16, true, 1).res, FRAG_WAITING);
	assert_int_equal(piece(t, 2, 0, 16, true, 2).res, FRAG_WAITING);
	assert_int_equal(piece(t, 3, 0, 16, true, 3).res, FRAG_EVICTED);
	for (uint32_t at = 0; at < 64000; at += 1280)
		piece(t, 4, at, at + 1280, true, 4);
	assert_true(blocks_used(t) <= 32);
	assert_int_equal(piece(t, 4, 64000, 64100, false, 5).res, FRAG_COMPLETE);
	free(t);
}

/* Five datagrams of 64 KiB do not fit 256 KiB: blocks are taken from the oldest. */
static void
blocks_are_bounded(void **state)
{
	struct frag_table *t = table();
	unsigned evicted = 0;

	(void)state;
	for (uint32_t id = 0; id < 5; id++) {
		for (uint32_t at = 0; at < 64000; at += 1280)
			evicted += piece(t, id, at, at + 1280, true, id).res == FRAG_EVICTED;
		assert_true(blocks_used(t) <= FRAG_BLOCKS);
	}
	assert_int_equal(evicted, 1);
	assert_int_equal(piece(t, 4, 64000, 65000, false, 9).res, FRAG_COMPLETE);
	assert_int_equal(piece(t, 1, 64000, 65000, false, 9).res, FRAG_COMPLETE);
	assert_int_equal(piece(t, 0, 64000, 65000, false, 9).res, FRAG_WAITING);
	free(t);
}

static void
time_ends_sets(void **state)
{
	struct frag_table *t = table();
	struct view quote;

	(void)state;
	assert_int_equal(frag_deadline(t), TIME_NEVER);
	assert_false(frag_expire(t, 1000, &quote));
	piece(t, 1, 0, 48, true, 10);
	piece(t, 2, 16, 48, true, 20);
	piece(t, 3, 0, 48, true, 30);
	piece(t, 3, 8, 64, true, 30); /* dead */
	assert_int_equal(frag_deadline(t), 10 + FRAG_TIMEOUT);
	assert_false(frag_expire(t, 9 + FRAG_TIMEOUT, &quote));
	assert_true(frag_expire(t, 10 + FRAG_TIMEOUT, &quote));
	assert_int_equal(quote.len, 48);
	assert_memory_equal(quote.p, data, 48);
	assert_false(frag_expire(t, 10 + FRAG_TIMEOUT, &quote));
	assert_int_equal(frag_deadline(t), 20 + FRAG_TIMEOUT);
	assert_true(frag_expire(t, 100 + FRAG_TIMEOUT, &quote));
	assert_int_equal(quote.len, 0);
	assert_false(frag_expire(t, 100 + FRAG_TIMEOUT, &quote));
	assert_int_equal(frag_deadline(t), TIME_NEVER);
	assert_int_equal(blocks_used(t), 0);
	free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_orders_make_the_same_datagram),
	    cmocka_unit_test(overlaps_kill_until_the_timeout),
	    cmocka_unit_test(ends_must_agree),
	    cmocka_unit_test(too_long_for_a_packet),
	    cmocka_unit_test(too_many_holes),
	    cmocka_unit_test(oldest_set_goes),
	    cmocka_unit_test(blocks_are_bounded),
	    cmocka_unit_test(limits_may_be_lower),
	    cmocka_unit_test(time_ends_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
