/*
 * memlink_test.c - the link of memory, from both sides
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "link/memlink.h"

static const struct link_limits limits = {.mtu = 1500, .csum = true, .tso = true};

static int
setup(void **state)
{
	*state = memlink_new(NULL, &limits);
	return *state == NULL;
}

static int
teardown(void **state)
{
	memlink_free(*state);
	return 0;
}

static struct frame
frame_of(const char *a, const char *b)
{
	return (struct frame){
	    .len = (uint32_t)(strlen(a) + strlen(b)),
	    .nspan = 2,
	    .span = {view_of(a, strlen(a)), view_of(b, strlen(b))},
	};
}

static void
limits_are_those_asked_for(void **state)
{
	struct link *l = memlink_link(*state);

	assert_int_equal(l->sink.lim.mtu, 1500);
	assert_true(l->sink.lim.tso);
	assert_false(l->sink.lim.uso);
}

static void
frames_come_in_order_with_their_facts(void **state)
{
	struct link *l = memlink_link(*state);
	struct frame f[LINK_BATCH];
	bool more;

	assert_int_equal(l->ops->receive(l, f, LINK_BATCH, &more), 0);
	assert_false(more);
	assert_true(memlink_push(*state, view_of("one", 3), NULL));
	assert_true(memlink_push(*state, view_of("three", 5),
				 &(struct offload){.gso_type = GSO_TCPV4, .gso_size = 7}));
	assert_true(l->ops->before_sleep(l));
	assert_int_equal(l->ops->receive(l, f, LINK_BATCH, &more), 2);
	assert_false(more);
	assert_int_equal(f[0].len, 3);
	assert_int_equal(f[0].nspan, 1);
	assert_false(f[0].shared);
	assert_memory_equal(f[0].span[0].p, "one", 3);
	assert_int_equal(f[0].off.gso_type, GSO_NONE);
	assert_memory_equal(f[1].span[0].p, "three", 5);
	assert_int_equal(f[1].off.gso_size, 7);
	l->ops->release(l);
	assert_false(l->ops->before_sleep(l));
}

static void
a_batch_is_bounded_in_frames_and_bytes(void **state)
{
	struct link *l = memlink_link(*state);
	struct frame f[LINK_BATCH];
	uint8_t *big = calloc(1, FRAME_MAX);
	bool more;

	for (int i = 0; i < LINK_BATCH + 1; i++)
		assert_true(memlink_push(*state, view_of("x", 1), NULL));
	assert_int_equal(l->ops->receive(l, f, 200, &more), LINK_BATCH);
	assert_true(more);
	l->ops->release(l);
	assert_int_equal(l->ops->receive(l, f, LINK_BATCH, &more), 1);
	assert_false(more);
	l->ops->release(l);
	for (int i = 0; i < 40; i++)
		assert_true(memlink_push(*state, view_of(big, FRAME_MAX), NULL));
	int n = l->ops->receive(l, f, LINK_BATCH, &more);
	assert_int_equal(n, (LINK_BATCH_BYTES + FRAME_MAX - 1) / FRAME_MAX);
	assert_true(more);
	assert_false(memlink_push(*state, view_of(big, FRAME_MAX + 1), NULL));
	free(big);
}

static void
spans_can_be_cut_small_and_shared(void **state)
{
	struct link *l = memlink_link(*state);
	uint8_t bytes[1000];
	struct frame f;
	bool more;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	memlink_lend(*state, true, 300);
	memlink_push(*state, view_of(bytes, sizeof(bytes)), NULL);
	assert_int_equal(l->ops->receive(l, &f, 1, &more), 1);
	assert_true(f.shared);
	assert_int_equal(f.nspan, 4);
	assert_int_equal(f.span[3].len, 100);
	assert_memory_equal(f.span[3].p, bytes + 900, 100);
	l->ops->release(l);
	memlink_lend(*state, true, 1);
	memlink_push(*state, view_of(bytes, sizeof(bytes)), NULL);
	assert_int_equal(l->ops->receive(l, &f, 1, &more), 1);
	assert_int_equal(f.nspan, FRAME_SPANS);
	assert_int_equal(f.len, 1000);
}

static void
sent_frames_are_gathered_and_popped(void **state)
{
	struct link *l = memlink_link(*state);
	struct frame f = frame_of("head", "payload");
	struct offload off;
	char got[FRAME_MAX];
	size_t len;

	f.off.gso_size = 99;
	assert_true(l->sink.room(l->sink.ctx));
	l->sink.send(l->sink.ctx, &f);
	l->sink.flush(l->sink.ctx);
	assert_true(memlink_pop(*state, got, sizeof(got), &len, &off));
	assert_int_equal(len, 11);
	assert_memory_equal(got, "headpayload", 11);
	assert_int_equal(off.gso_size, 99);
	assert_false(memlink_pop(*state, got, sizeof(got), &len, &off));
}

static void
room_runs_out_and_what_comes_then_is_counted(void **state)
{
	struct link *l = memlink_link(*state);
	struct frame f = frame_of("a", "b");

	memlink_set_room(*state, 1);
	assert_true(l->sink.room(l->sink.ctx));
	l->sink.send(l->sink.ctx, &f);
	assert_false(l->sink.room(l->sink.ctx));
	l->sink.send(l->sink.ctx, &f);
	assert_int_equal(l->no_room, 1);
	memlink_set_room(*state, MEMLINK_ENDLESS);
	assert_true(l->sink.room(l->sink.ctx));
}

static void
the_queues_are_bounded(void **state)
{
	struct link *l = memlink_link(*state);
	struct frame f = frame_of("a", "b");

	for (unsigned i = 0; i < MEMLINK_QUEUE; i++) {
		assert_true(memlink_push(*state, view_of("x", 1), NULL));
		l->sink.send(l->sink.ctx, &f);
	}
	assert_int_equal(memlink_waiting(*state), MEMLINK_QUEUE);
	assert_false(memlink_push(*state, view_of("x", 1), NULL));
	assert_false(l->sink.room(l->sink.ctx));
	assert_int_equal(l->no_room, 0);
}

static void
count_frame(void *ctx, const struct frame *f)
{
	*(uint32_t *)ctx += f->len;
}

static void
a_callback_takes_the_place_of_the_queue(void **state)
{
	struct link *l = memlink_link(*state);
	struct frame f = frame_of("abc", "de");
	uint32_t bytes = 0;
	char got[8];
	size_t len;

	memlink_on_frame(*state, count_frame, &bytes);
	l->sink.send(l->sink.ctx, &f);
	assert_int_equal(bytes, 5);
	assert_false(memlink_pop(*state, got, sizeof(got), &len, NULL));
}

static void
a_vanished_link_says_so(void **state)
{
	struct link *l = memlink_link(*state);
	struct frame f;
	bool more;

	memlink_push(*state, view_of("x", 1), NULL);
	memlink_vanish(*state, ENODEV);
	assert_int_equal(l->ops->receive(l, &f, 1, &more), -ENODEV);
	assert_int_equal(l->error, ENODEV);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(limits_are_those_asked_for, setup, teardown),
	    cmocka_unit_test_setup_teardown(frames_come_in_order_with_their_facts, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_batch_is_bounded_in_frames_and_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(spans_can_be_cut_small_and_shared, setup, teardown),
	    cmocka_unit_test_setup_teardown(sent_frames_are_gathered_and_popped, setup, teardown),
	    cmocka_unit_test_setup_teardown(room_runs_out_and_what_comes_then_is_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_queues_are_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_callback_takes_the_place_of_the_queue, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_vanished_link_says_so, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
