/*
 * ring_test.c - the ring against a model: a flat array of every byte that was ever put in
 *
 * The counters start just below 2^32 in half of the runs, so that they wrap.
 */
#include "stack/ring.h"
#include "test/unit/tcp_kit.h"

static uint8_t
stream(uint32_t n)
{
	return kit_byte(n);
}

static void
fill(uint8_t *p, uint32_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = stream(from + (uint32_t)i);
}

static void
check_views(const struct ring *r, uint32_t off, uint32_t len)
{
	struct view v[2];
	uint32_t at = r->head + off;
	size_t total = 0;
	int n = ring_views(r, off, len, v);

	assert_in_range(n, len > 0, 2);
	for (int i = 0; i < n; i++) {
		assert_true(v[i].len > 0);
		total += v[i].len;
		for (size_t k = 0; k < v[i].len; k++)
			assert_int_equal(v[i].p[k], stream(at + (uint32_t)k));
		at += (uint32_t)v[i].len;
	}
	assert_int_equal(total, len);
}

static void
put(struct ring *r, uint64_t *seed)
{
	struct room room[2];
	int n = ring_room(r, room);
	size_t total = 0;

	for (int i = 0; i < n; i++)
		total += room[i].len;
	assert_int_equal(total, ring_space(r));

	uint32_t len = kit_below(seed, (uint32_t)total + 1);
	uint32_t left = len, at = r->tail;
	for (int i = 0; i < n && left; i++) {
		uint32_t part = left < room[i].len ? left : (uint32_t)room[i].len;

		fill(room[i].p, at, part);
		at += part;
		left -= part;
	}
	ring_commit(r, len);
}

/* Bytes beyond a hole, then the hole's own: as a receive ring is filled. */
static void
put_backwards(struct ring *r, uint64_t *seed)
{
	static uint8_t bytes[65536];
	uint32_t space = ring_space(r);
	uint32_t len = kit_below(seed, space + 1);
	uint32_t hole = kit_below(seed, len + 1);

	fill(bytes, r->tail + hole, len - hole);
	ring_place(r, ring_len(r) + hole, view_of(bytes, len - hole));
	fill(bytes, r->tail, hole);
	ring_place(r, ring_len(r), view_of(bytes, hole));
	ring_commit(r, len);
}

static void
random_run(uint32_t start, uint64_t seed)
{
	struct kit k;
	struct ring r = {.head = start, .tail = start};

	kit_open(&k);
	assert_true(ring_grow(&r, &k.pool, 4096, 0));
	for (unsigned i = 0; i < 4000; i++) {
		uint32_t len = ring_len(&r);

		switch (kit_below(&seed, 6)) {
		case 0:
		case 1:
			put(&r, &seed);
			break;
		case 2:
			put_backwards(&r, &seed);
			break;
		case 3:
			if (kit_below(&seed, 800) == 0 && r.cap < 65536)
				assert_true(ring_grow(&r, &k.pool, 2 * r.cap, len));
			break;
		default:
			ring_consume(&r, kit_below(&seed, len + 1));
			break;
		}
		len = ring_len(&r);
		uint32_t off = kit_below(&seed, len + 1);
		check_views(&r, off, kit_below(&seed, len - off + 1));
	}
	check_views(&r, 0, ring_len(&r));
	ring_release(&r, &k.pool);
	assert_null(r.base);
	assert_int_equal(r.cap + ring_len(&r), 0);
	kit_close(&k);
}

static void
random_operations(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		random_run(0, seed);
		random_run(UINT32_MAX - 3000, seed);
	}
}

static void
growing_keeps_what_lies_beyond_a_gap(void **state)
{
	struct kit k;
	struct ring r = {.head = 4000, .tail = 4000};
	uint8_t bytes[1000];

	(void)state;
	kit_open(&k);
	assert_true(ring_grow(&r, &k.pool, 4096, 0));
	fill(bytes, 4000 + 3000, sizeof(bytes));
	ring_place(&r, 3000, view_of(bytes, sizeof(bytes)));
	assert_true(ring_grow(&r, &k.pool, 65536, 4000));
	assert_int_equal(ring_len(&r), 0);
	check_views(&r, 3000, 1000);
	ring_release(&r, &k.pool);
	kit_close(&k);
}

/* Member by member: what lies between them is nobody's. */
static void
assert_same(const struct ring *a, const struct ring *b)
{
	assert_ptr_equal(a->base, b->base);
	assert_int_equal(a->cap, b->cap);
	assert_int_equal(a->head, b->head);
	assert_int_equal(a->tail, b->tail);
}

static void
growing_that_fails_changes_nothing(void **state)
{
	struct kit k;
	struct ring r = {.base = NULL}, hog[KIT_ARENA / POOL_BLOCK_MAX];
	struct view v[2];
	struct room room[2];

	(void)state;
	kit_open(&k);
	memset(hog, 0, sizeof(hog));
	assert_int_equal(ring_views(&r, 0, 0, v), 0);
	assert_int_equal(ring_room(&r, room), 0);
	assert_true(ring_grow(&r, &k.pool, 4096, 0));
	ring_commit(&r, 100);
	for (size_t i = 1; i < KIT_ARENA / POOL_BLOCK_MAX; i++)
		assert_true(ring_grow(&hog[i], &k.pool, POOL_BLOCK_MAX, 0));

	struct ring before = r;
	assert_false(ring_grow(&r, &k.pool, POOL_BLOCK_MAX, 100));
	assert_same(&r, &before);
	assert_true(ring_grow(&r, &k.pool, 4096, 100)); /* as large already */
	assert_same(&r, &before);

	for (size_t i = 1; i < KIT_ARENA / POOL_BLOCK_MAX; i++)
		ring_release(&hog[i], &k.pool);
	ring_release(&r, &k.pool);
	ring_release(&r, &k.pool);
	kit_close(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_operations),
	    cmocka_unit_test(growing_keeps_what_lies_beyond_a_gap),
	    cmocka_unit_test(growing_that_fails_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
