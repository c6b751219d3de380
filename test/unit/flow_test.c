/*
 * flow_test.c - the flow table against a naive model, and its lists one by one
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/flow.h"

#define PLACES 96u
#define NAMES 200u

struct test_flow {
	struct flow flow;
	usec_t deadline;
	unsigned marks;
};

static usec_t
deadline_of(const struct flow *f)
{
	return ((const struct test_flow *)(const void *)f)->deadline;
}

static const struct flow_ops ops = {.name = "test", .deadline = deadline_of};
static const uint8_t secret[16] = "not a secret key";

static struct tuple
name(unsigned n)
{
	return (struct tuple){.guest = {addr_v4(0x0a00020f), (uint16_t)(1000 + n)},
			      .remote = {addr_v4(0xc6336401 + n % 7), 80},
			      .proto = 6};
}

static int
setup(void **state)
{
	struct flow_table *t = calloc(1, sizeof(*t));
	const uint32_t max[FLOW_KINDS] = {PLACES, PLACES, 4};
	const size_t size[FLOW_KINDS] = {sizeof(struct test_flow), sizeof(struct test_flow),
					 sizeof(struct test_flow)};

	*state = t;
	return t && flows_init(t, max, size, secret) ? 0 : -1;
}

static int
teardown(void **state)
{
	flows_free(*state);
	free(*state);
	return 0;
}

static struct flow *
new_at(struct flow_table *t, unsigned n, usec_t deadline)
{
	struct tuple u = name(n);
	struct flow *f = flow_new(t, FLOW_TCP, &ops, &u);

	assert_non_null(f);
	((struct test_flow *)(void *)f)->deadline = deadline;
	return f;
}

/* Random opens, closes, touches and deadlines, against arrays that say what must be there. */
static void
random_against_model(void **state)
{
	struct flow_table *t = *state;
	struct flow *model[NAMES] = {0};
	uint32_t open = 0;
	uint64_t seed = 1;

	for (unsigned step = 0; step < 200000; step++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		unsigned n = (unsigned)(seed >> 40) % NAMES, what = (unsigned)(seed >> 33) % 8;
		struct tuple u = name(n);

		assert_ptr_equal(flow_find(t, &u), model[n]);
		if (!model[n] && what < 3) {
			model[n] = flow_new(t, FLOW_TCP, &ops, &u);
			assert_true((open == PLACES) == (model[n] == NULL));
			if (!model[n])
				continue;
			((struct test_flow *)(void *)model[n])->deadline = (usec_t)(seed >> 50);
			flow_schedule(t, model[n]);
			open++;
		} else if (model[n] && what == 3) {
			flow_delete(t, model[n]);
			model[n] = NULL;
			open--;
		} else if (model[n] && what == 4) {
			flow_touch(t, model[n]);
			assert_ptr_equal(t->kind[FLOW_TCP].newest, model[n]);
		} else if (model[n] && what == 5) {
			((struct test_flow *)(void *)model[n])->deadline = (usec_t)(seed >> 48);
			flow_schedule(t, model[n]);
		} else if (model[n] && what == 6) {
			flow_mark_ready(t, model[n]);
		}
		assert_int_equal(t->kind[FLOW_TCP].open, open);
		assert_true(t->nheap <= open);
		for (uint32_t i = 1; i < t->nheap; i++)
			assert_true(t->heap[(i - 1) / 2]->heap_key <= t->heap[i]->heap_key);
	}
}

static void
a_stale_token_names_nobody(void **state)
{
	struct flow_table *t = *state;
	struct flow *f = new_at(t, 1, TIME_NEVER);
	uint64_t token = flow_token(t, f);

	assert_ptr_equal(flow_by_token(t, token), f);
	flow_delete(t, f);
	assert_null(flow_by_token(t, token));
	assert_ptr_equal(new_at(t, 2, TIME_NEVER), f); /* the same place again */
	assert_null(flow_by_token(t, token));
	assert_null(flow_by_token(t, token + ((uint64_t)PLACES << 32)));
}

static void
the_oldest_is_the_one_untouched_longest(void **state)
{
	struct flow_table *t = *state;
	struct flow *f[3];

	for (unsigned i = 0; i < 3; i++) {
		f[i] = new_at(t, i, TIME_NEVER);
		flow_touch(t, f[i]);
	}
	flow_touch(t, f[0]);
	assert_ptr_equal(flow_oldest(t, FLOW_TCP), f[1]);
	flow_unage(t, f[1]);
	assert_ptr_equal(flow_oldest(t, FLOW_TCP), f[2]);
	flow_delete(t, f[2]);
	assert_ptr_equal(flow_oldest(t, FLOW_TCP), f[0]);
	flow_unage(t, f[0]);
	assert_null(flow_oldest(t, FLOW_TCP));
}

static void
ready_flows_leave_in_order_also_when_one_is_deleted(void **state)
{
	struct flow_table *t = *state;
	struct flow *f[3];

	for (unsigned i = 0; i < 3; i++) {
		f[i] = new_at(t, i, TIME_NEVER);
		flow_mark_ready(t, f[i]);
		flow_mark_ready(t, f[i]);
	}
	flow_delete(t, f[2]);
	assert_ptr_equal(t->ready_first, f[0]);
	assert_ptr_equal(f[0]->ready_next, f[1]);
	assert_null(f[1]->ready_next);
	assert_ptr_equal(t->ready_last, f[1]);
	flow_mark_ready(t, f[0]);
	assert_ptr_equal(t->ready_last, f[1]);
}

/* Those that are ready run once each, not those that become ready meanwhile, whoever is deleted by whom. */
static void
the_ready_run_whoever_is_deleted(void **state)
{
	struct flow_table *t = *state;

	for (unsigned by = 0; by < 4; by++) {
		for (unsigned gone = 0; gone < 4; gone++) {
			struct flow *f[5];
			unsigned ran = 0;

			for (unsigned i = 0; i < 5; i++)
				f[i] = new_at(t, 10 * by + i, TIME_NEVER);
			for (unsigned i = 0; i < 4; i++)
				flow_mark_ready(t, f[i]);
			flows_begin_ready(t);
			for (struct flow *r; (r = flows_next_ready(t)); ran++) {
				assert_true(ran < 4 && r != f[4]);
				flow_mark_ready(t, r == f[by] ? f[4] : r);
				if (r == f[by])
					flow_delete(t, f[gone]);
			}
			assert_int_equal(ran, gone > by ? 3 : 4);
			for (unsigned i = 0; i < 5; i++)
				if (i != gone)
					flow_delete(t, f[i]);
			assert_null(t->ready_first);
			assert_null(t->ready_last);
		}
	}
}

static void
a_deadline_that_moved_away_does_not_wake(void **state)
{
	struct flow_table *t = *state;
	struct flow *f = new_at(t, 1, 100);

	flow_schedule(t, f);
	assert_int_equal(flows_next_deadline(t), 100);
	((struct test_flow *)(void *)f)->deadline = 500;
	flow_schedule(t, f);
	flows_expire(t, 200);
	assert_null(t->ready_first);
	assert_int_equal(flows_next_deadline(t), 500);
	flows_expire(t, 499);
	assert_null(t->ready_first);
	flows_expire(t, 500);
	assert_ptr_equal(t->ready_first, f);
	assert_int_equal(flows_next_deadline(t), TIME_NEVER);
}

/* Of many deadlines that fall together a turn takes so many, and the loop does not sleep before the others. */
static void
deadlines_are_bounded_a_turn(void **state)
{
	struct flow_table *t = *state;
	unsigned ran = 0;

	for (unsigned i = 0; i < PLACES; i++)
		flow_schedule(t, new_at(t, i, 100));
	assert_true(PLACES > FLOW_TURN_DEADLINES);
	flows_expire(t, 100);
	assert_int_equal(flows_next_deadline(t), 100);
	flows_begin_ready(t);
	while (flows_next_ready(t))
		ran++;
	assert_int_equal(ran, FLOW_TURN_DEADLINES);
}

static void
a_deadline_that_came_nearer_is_kept(void **state)
{
	struct flow_table *t = *state;
	struct flow *far = new_at(t, 1, 1000), *near = new_at(t, 2, 900);

	flow_schedule(t, far);
	flow_schedule(t, near);
	((struct test_flow *)(void *)far)->deadline = 10;
	flow_schedule(t, far);
	assert_int_equal(flows_next_deadline(t), 10);
	flows_expire(t, 10);
	assert_ptr_equal(t->ready_first, far);
	assert_null(far->ready_next);
}

static void
a_new_flow_is_all_zero_after_its_head(void **state)
{
	struct flow_table *t = *state;
	struct flow *f = new_at(t, 1, 77);

	((struct test_flow *)(void *)f)->marks = 5;
	flow_delete(t, f);
	f = new_at(t, 3, 0);
	assert_int_equal(((struct test_flow *)(void *)f)->marks, 0);
	assert_int_equal(f->fd, -1);
	assert_false(f->is_ready);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(random_against_model, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stale_token_names_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_oldest_is_the_one_untouched_longest, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_ready_run_whoever_is_deleted, setup, teardown),
	    cmocka_unit_test_setup_teardown(ready_flows_leave_in_order_also_when_one_is_deleted, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_deadline_that_moved_away_does_not_wake, setup, teardown),
	    cmocka_unit_test_setup_teardown(deadlines_are_bounded_a_turn, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_deadline_that_came_nearer_is_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_new_flow_is_all_zero_after_its_head, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
