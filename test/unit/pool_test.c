/*
 * pool_test.c - the pool against a model: random blocks come and go, none overlaps, all come back
 */
#include "test/unit/tcp_kit.h"

#define LIVE_MAX 600

struct live {
	uint8_t *p;
	size_t size;
};

/* Which 4 KiB of the arena are handed out, and which were since the last trim. */
struct model {
	struct pool pool;
	uint8_t *arena;
	void *meta;
	size_t size;
	struct live live[LIVE_MAX];
	unsigned nlive;
	size_t used;
	uint8_t taken[KIT_ARENA / POOL_BLOCK_MIN];
};

static struct model m;

static void
model_open(size_t size)
{
	memset(&m, 0, sizeof(m));
	m.size = size;
	m.arena = malloc(size);
	m.meta = calloc(1, pool_meta_size(size));
	assert_non_null(m.arena);
	assert_non_null(m.meta);
	pool_init(&m.pool, m.arena, size, m.meta);
}

static void
model_close(void)
{
	free(m.arena);
	free(m.meta);
}

static void
take(size_t size)
{
	uint8_t *p = pool_alloc(&m.pool, size);

	if (!p)
		return;
	size_t at = (size_t)(p - m.arena);
	assert_true(at + size <= m.size);
	assert_int_equal(at % size, 0);
	for (size_t i = at / POOL_BLOCK_MIN; i < (at + size) / POOL_BLOCK_MIN; i++) {
		assert_int_equal(m.taken[i] & 1, 0);
		m.taken[i] = 1;
	}
	m.live[m.nlive++] = (struct live){p, size};
	m.used += size;
}

static void
give(unsigned i)
{
	struct live l = m.live[i];
	size_t at = (size_t)(l.p - m.arena) / POOL_BLOCK_MIN;

	pool_free(&m.pool, l.p, l.size);
	for (size_t k = at; k < at + l.size / POOL_BLOCK_MIN; k++)
		m.taken[k] = 2; /* free, and the owner does not know */
	m.live[i] = m.live[--m.nlive];
	m.used -= l.size;
}

static void
told(void *block, size_t size)
{
	size_t at = (size_t)((uint8_t *)block - m.arena) / POOL_BLOCK_MIN;

	for (size_t k = at; k < at + size / POOL_BLOCK_MIN; k++) {
		assert_int_equal(m.taken[k] & 1, 0);
		m.taken[k] = 0;
	}
}

static void
trim(void)
{
	pool_trim(&m.pool, told);
	for (size_t k = 0; k < m.size / POOL_BLOCK_MIN; k++)
		assert_int_not_equal(m.taken[k], 2);
}

static void
random_blocks(void **state)
{
	uint64_t seed = 4711;

	(void)state;
	model_open(KIT_ARENA);
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t what = kit_below(&seed, 1000);

		if (what == 0)
			trim();
		else if (what < 500 + (i / 10000 % 2) * 100 && m.nlive < LIVE_MAX)
			take((size_t)POOL_BLOCK_MIN << kit_below(&seed, POOL_ORDERS));
		else if (m.nlive)
			give(kit_below(&seed, m.nlive));
		assert_int_equal(m.pool.used, m.used);
	}
	while (m.nlive)
		give(0);
	trim();
	/* All halves have joined again. */
	for (size_t n = 0; n < KIT_ARENA / POOL_BLOCK_MAX; n++)
		take(POOL_BLOCK_MAX);
	assert_int_equal(m.nlive, KIT_ARENA / POOL_BLOCK_MAX);
	assert_null(pool_alloc(&m.pool, POOL_BLOCK_MIN));
	model_close();
}

static void
full_of_the_smallest(void **state)
{
	(void)state;
	model_open(POOL_BLOCK_MAX);
	for (unsigned i = 0; i < POOL_BLOCK_MAX / POOL_BLOCK_MIN; i++)
		take(POOL_BLOCK_MIN);
	assert_int_equal(m.pool.used, POOL_BLOCK_MAX);
	assert_null(pool_alloc(&m.pool, POOL_BLOCK_MIN));
	/* Every second one back: half is free, but no two are neighbours. */
	for (unsigned i = 0; i < m.nlive;) {
		if ((size_t)(m.live[i].p - m.arena) / POOL_BLOCK_MIN % 2)
			give(i);
		else
			i++;
	}
	assert_int_equal(m.pool.used, POOL_BLOCK_MAX / 2);
	assert_null(pool_alloc(&m.pool, 2 * (size_t)POOL_BLOCK_MIN));
	model_close();
}

static void
last_freed_is_first_given(void **state)
{
	(void)state;
	model_open(POOL_BLOCK_MAX);
	void *a = pool_alloc(&m.pool, POOL_BLOCK_MIN);
	void *b = pool_alloc(&m.pool, POOL_BLOCK_MIN);
	assert_ptr_not_equal(a, b);
	pool_free(&m.pool, b, POOL_BLOCK_MIN);
	assert_ptr_equal(pool_alloc(&m.pool, POOL_BLOCK_MIN), b);
	pool_free(&m.pool, NULL, POOL_BLOCK_MIN);
	model_close();
}

static unsigned drops;

static void
count_drop(void *block, size_t size)
{
	(void)block;
	(void)size;
	drops++;
}

static void
trim_tells_once(void **state)
{
	(void)state;
	model_open(POOL_BLOCK_MAX);
	drops = 0;
	pool_trim(&m.pool, count_drop);
	assert_int_equal(drops, 0);
	pool_free(&m.pool, pool_alloc(&m.pool, 65536), 65536);
	pool_trim(&m.pool, count_drop);
	assert_int_equal(drops, 1);
	pool_trim(&m.pool, count_drop);
	assert_int_equal(drops, 1);
	model_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_blocks),
	    cmocka_unit_test(full_of_the_smallest),
	    cmocka_unit_test(last_freed_is_first_given),
	    cmocka_unit_test(trim_tells_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
