/*
 * port_hostile_test.c - the in-process port with a guest that sends nonsense, and one that writes over the rings
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/port_kit.h"

/* --- nonsense -------------------------------------------------------------------------------------- */

static void
senseless_frames_are_refused_and_come_back_in_order(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	struct iovec many[SLUICE_PORT_SPANS + 1], one = {b->memory, 60}, nowhere = {NULL, 60};
	struct iovec huge = {b->memory, SIZE_MAX}, empty[2] = {{b->memory, 0}, {NULL, 0}};
	struct iovec wraps[2] = {{b->memory, SIZE_MAX / 2 + 1}, {b->memory, SIZE_MAX / 2 + 1}};
	struct iovec sum32[2] = {{b->memory, 60}, {b->memory, UINT32_MAX - 30}};
	struct iovec over[2] = {{b->memory, FRAME_MAX}, {b->memory, 1}};

	(void)state;
	for (size_t i = 0; i < SLUICE_PORT_SPANS + 1; i++)
		many[i] = (struct iovec){b->memory, 10};
	const struct {
		struct sluice_frame f;
		bool good;
	} t[] = {
	    {{.iov = &one, .niov = 1}, true},
	    {{.iov = &one, .niov = 0}, false},
	    {{.iov = NULL, .niov = 1}, false},
	    {{.iov = many, .niov = SLUICE_PORT_SPANS}, true},
	    {{.iov = many, .niov = SLUICE_PORT_SPANS + 1}, false},
	    {{.iov = many, .niov = UINT32_MAX}, false},
	    {{.iov = &nowhere, .niov = 1}, false},
	    {{.iov = &huge, .niov = 1}, false},
	    {{.iov = wraps, .niov = 2}, false},
	    {{.iov = sum32, .niov = 2}, false},
	    {{.iov = over, .niov = 1}, true},
	    {{.iov = over, .niov = 2}, false},
	    {{.iov = empty, .niov = 2}, false},
	    {{.iov = &one, .niov = 1}, true},
	};
	enum { N = sizeof(t) / sizeof(t[0]) };
	struct sluice_frame f[N];
	uint64_t cookies[N];
	int good = 0;

	for (int i = 0; i < N; i++) {
		f[i] = t[i].f;
		f[i].cookie = 100u + (unsigned)i;
		good += t[i].good;
	}
	assert_int_equal(sluice_port_send(b->port, f, N), N);
	assert_int_equal(receive(b), good);
	assert_int_equal(b->frames[1].nspan, SLUICE_PORT_SPANS);
	assert_int_equal(b->frames[2].len, FRAME_MAX);
	assert_int_equal(stats(b).refused, N - good);
	assert_int_equal(stats(b).sent, N);
	release(b);
	assert_int_equal(sluice_port_sent(b->port, cookies, N), N);
	for (int i = 0; i < N; i++)
		assert_int_equal(cookies[i], 100 + i);
	bench_free(b);
}

/* Whatever a virtio header says goes up as it is: the stack, which sees the frame, judges it. */
static void
extreme_offload_facts_pass_unchanged(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	struct iovec iov = {b->memory, 1};
	struct sluice_frame f = {.iov = &iov, .niov = 1, .off = {255, 255, 65535, 65535, 65535, 65535}};

	(void)state;
	assert_int_equal(sluice_port_send(b->port, &f, 1), 1);
	assert_int_equal(receive(b), 1);
	assert_int_equal(b->frames[0].len, 1);
	assert_int_equal(b->frames[0].off.gso_type, 127);
	assert_int_equal(b->frames[0].off.csum_start, 65535);
	assert_int_equal(b->frames[0].off.csum_offset, 65535);
	bench_free(b);
}

static void
a_batch_of_refused_frames_is_completed_without_a_release(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	uint64_t cookies[8];

	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(guest_sends(b, 0, i), 1);
	assert_int_equal(receive(b), 0);
	assert_int_equal(sluice_port_sent(b->port, cookies, 8), 5);
	bench_free(b);
}

static void
senseless_buffers_come_back_unused(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	uint8_t buf[ROOM];
	struct sluice_filled in[4];

	(void)state;
	guest_lends(b, NULL, 4096, 1);
	guest_lends(b, buf, 0, 2);
	guest_lends(b, buf, sizeof(buf), 3);
	assert_true(room(b));
	gateway_sends(b, b->memory, 60);
	assert_int_equal(sluice_port_received(b->port, in, 4), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(in[i].cookie, i + 1);
		assert_int_equal(in[i].len, i < 2 ? 0 : 60);
		assert_int_equal(in[i].nbuf, 1);
	}
	bench_free(b);
}

static void
one_byte_buffers_make_no_room_and_no_trouble(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	struct sluice_filled in[SLOTS];

	(void)state;
	for (uint64_t i = 0; i < SLOTS; i++)
		assert_int_equal(guest_lends(b, b->memory + FRAME_MAX + i, 1, i), 1);
	assert_false(room(b));
	assert_false(b->link->ops->before_sleep(b->link));
	gateway_sends(b, b->memory, SLOTS); /* a short frame does fit, one byte in each */
	assert_int_equal(sluice_port_received(b->port, in, SLOTS), SLOTS);
	assert_int_equal(in[0].nbuf, SLOTS);
	assert_memory_equal(b->memory + FRAME_MAX, b->memory, SLOTS);
	bench_free(b);
}

/* --- rings written over ---------------------------------------------------------------------------- */

static void
assert_dead(struct bench *b)
{
	struct sluice_filled in;
	uint64_t cookie;

	assert_int_equal(receive(b), -EPROTO);
	assert_int_equal(b->link->error, EPROTO);
	assert_false(room(b));
	assert_int_equal(guest_sends(b, 60, 0), -EPROTO);
	assert_int_equal(guest_lends(b, b->memory, 60, 0), -EPROTO);
	assert_int_equal(sluice_port_sent(b->port, &cookie, 1), -EPROTO);
	assert_int_equal(sluice_port_received(b->port, &in, 1), -EPROTO);
	assert_int_equal(sluice_port_arm(b->port, SLUICE_PORT_SENT | SLUICE_PORT_RECEIVED),
			 SLUICE_PORT_SENT | SLUICE_PORT_RECEIVED);

	int error;
	assert_null(link_port(NULL, b->port, MTU, &error));
	assert_int_equal(error, EPROTO);
}

/* One index is wrong whenever the other half looks at it.  (Its owner would put it right at its next step;
 * one that only lags a little cannot be told from a slow owner, and does no harm.) */
static void
play_with_a_wrong_index(struct bench *b, struct spsc_end *end, uint32_t jump)
{
	for (int turn = 0; turn < 3; turn++) { /* rings' full worth, so that every index is looked at */
		uint64_t cookies[SLOTS];
		struct sluice_filled in[SLOTS];

		for (uint32_t i = 0; i < SLOTS; i++) {
			guest_sends(b, 60, i);
			guest_lends(b, b->memory + FRAME_MAX, ROOM, i);
		}
		atomic_store(&end->shared, end->own + jump);
		if (receive(b) > 0)
			release(b);
		for (uint32_t i = 0; i < SLOTS && room(b); i++)
			gateway_sends(b, b->memory, 60);
		atomic_store(&end->shared, end->own + jump);
		sluice_port_sent(b->port, cookies, SLOTS);
		sluice_port_received(b->port, in, SLOTS);
		atomic_store(&end->shared, end->own + jump);
	}
}

static void
a_jumping_index_kills_the_port(void **state)
{
	static const uint32_t jumps[] = {SLOTS + 1, 2 * SLOTS, 0x80000000u, UINT32_MAX - SLOTS};

	(void)state;
	for (size_t i = 0; i < 8 * sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct sluice_port_config c = small_config();
		struct bench *b = bench_new(&c);
		struct spsc *rings[] = {&b->port->tx, &b->port->done, &b->port->lend, &b->port->filled};
		struct spsc *r = rings[i / 2 % 4];

		play_with_a_wrong_index(b, i % 2 ? &r->get : &r->put, jumps[i / 8]);
		assert_dead(b);
		bench_free(b);
	}
}

/* Forward, within the ring: slots that nobody filled are read, refused, and returned once too often. */
static void
cookies_that_were_never_sent_kill_the_port(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	uint64_t cookies[8];

	(void)state;
	atomic_fetch_add(&b->port->tx.put.shared, 3);
	assert_int_equal(receive(b), 0);
	assert_int_equal(stats(b).refused, 3);
	assert_int_equal(sluice_port_sent(b->port, cookies, 8), -EPROTO);
	assert_dead(b);
	bench_free(b);
}

static void
buffers_that_were_never_lent_kill_the_port(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	struct sluice_filled in[8];

	(void)state;
	atomic_fetch_add(&b->port->filled.put.shared, 3);
	assert_int_equal(sluice_port_received(b->port, in, 8), -EPROTO);
	assert_dead(b);
	bench_free(b);
}

static void
entries_are_checked_as_they_are_read(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);

	(void)state;
	assert_int_equal(guest_sends(b, 60, 1), 1);
	assert_int_equal(guest_sends(b, 60, 2), 1);
	assert_int_equal(guest_sends(b, 60, 3), 1);
	((struct port_frame *)spsc_slot(&b->port->tx, 0))->niov = 255;
	((struct port_frame *)spsc_slot(&b->port->tx, 1))->iov[0].iov_len = SIZE_MAX - 3;
	assert_int_equal(receive(b), 1);
	assert_int_equal(stats(b).refused, 2);
	bench_free(b);
}

/* A guest that sleeps must hear that the port died. */
static void
a_dying_port_wakes_the_guest(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);

	(void)state;
	assert_int_equal(sluice_port_arm(b->port, SLUICE_PORT_SENT | SLUICE_PORT_RECEIVED), 0);
	atomic_fetch_add(&b->port->tx.put.shared, 0x40000000);
	assert_int_equal(receive(b), -EPROTO);
	assert_true(readable(sluice_port_fd(b->port, SLUICE_PORT_SENT)));
	assert_true(readable(sluice_port_fd(b->port, SLUICE_PORT_RECEIVED)));
	bench_free(b);
}

/* Half a frame, or a buffer that is none of ours, in `filled`. */
static void
copying_checks_what_comes_back(void **state)
{
	static const struct port_filled bad[] = {
	    {.cookie = SLOTS, .len = 60, .nbuf = 1},
	    {.cookie = UINT64_MAX, .len = 60, .nbuf = 1},
	    {.cookie = 0, .len = 2049, .nbuf = 1},
	    {.cookie = 0, .len = 60, .nbuf = 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sluice_port_config c = small_config();

		c.copy_frame = 1514;
		struct bench *b = bench_new(&c);
		uint8_t buf[4000];

		assert_true(room(b));
		gateway_sends(b, b->memory, 60);
		*(struct port_filled *)spsc_slot(&b->port->filled, 0) = bad[i];
		assert_int_equal(sluice_port_recv_copy(b->port, buf, sizeof(buf)), -EPROTO);
		assert_int_equal(receive(b), -EPROTO);
		bench_free(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(senseless_frames_are_refused_and_come_back_in_order),
	    cmocka_unit_test(extreme_offload_facts_pass_unchanged),
	    cmocka_unit_test(a_batch_of_refused_frames_is_completed_without_a_release),
	    cmocka_unit_test(senseless_buffers_come_back_unused),
	    cmocka_unit_test(one_byte_buffers_make_no_room_and_no_trouble),
	    cmocka_unit_test(a_jumping_index_kills_the_port),
	    cmocka_unit_test(cookies_that_were_never_sent_kill_the_port),
	    cmocka_unit_test(buffers_that_were_never_lent_kill_the_port),
	    cmocka_unit_test(entries_are_checked_as_they_are_read),
	    cmocka_unit_test(a_dying_port_wakes_the_guest),
	    cmocka_unit_test(copying_checks_what_comes_back),
	};

	return cmocka_run_group_tests_name("port, hostile guest", tests, NULL, NULL);
}
