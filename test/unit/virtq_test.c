/*
 * virtq_test.c - split virtqueues and guest memory: what a driver may do, and each thing it may not
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/bed/virtio_driver.h"

#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE 4096u

/* One queue, its driver, and three pages for buffers. */
struct world {
	struct driver d;
	struct driver_queue *dq;
	struct guest_memory mem;
	struct virtq q;
	struct virtq_chain c;
	uint64_t page;
};

static void
world_init(struct world *w, const struct driver_queue_conf *conf, bool indirect)
{
	memset(w, 0, sizeof(*w));
	driver_init(&w->d, 2 << 20, DRIVER_GPA);
	driver_queue_init(&w->d, VIRTIO_TX, conf);
	w->dq = &w->d.q[VIRTIO_TX];
	w->page = driver_alloc(&w->d, (uint64_t)3 * PAGE, PAGE);
	struct guest_region r = driver_region(&w->d);
	assert_true(guest_memory_set(&w->mem, &r, 1));
	assert_true(virtq_start(&w->q, &w->mem, conf->num, w->dq->desc, w->dq->avail, w->dq->used,
				conf->start, conf->event_idx, indirect));
}

static struct driver_part
out(uint64_t gpa, uint32_t len)
{
	return (struct driver_part){.gpa = gpa, .len = len};
}

static struct driver_part
in(uint64_t gpa, uint32_t len)
{
	return (struct driver_part){.gpa = gpa, .len = len, .write = true};
}

static void
add(struct world *w, const struct driver_part *p, unsigned n, bool indirect, uint64_t cookie)
{
	assert_true(driver_add(w->dq, p, n, indirect, cookie));
	driver_publish(w->dq);
}

/* The chain that was offered breaks the queue, which is then neither read nor written. */
static void
expect_fault(struct world *w, enum virtq_fault fault)
{
	uint16_t used = driver_used_read(w->dq, 2);

	assert_false(virtq_take(&w->q, &w->c));
	assert_int_equal(w->q.fault, fault);
	assert_false(virtq_alive(&w->q));
	add(w, (struct driver_part[]){out(w->page, 10)}, 1, false, 1);
	assert_false(virtq_take(&w->q, &w->c));
	assert_false(virtq_waiting(&w->q));
	assert_false(virtq_ask(&w->q));
	virtq_hush(&w->q);
	virtq_use(&w->q, 0, 1);
	assert_false(virtq_show(&w->q));
	assert_int_equal(driver_used_read(w->dq, 2), used);
	assert_int_equal(driver_used_read(w->dq, 0), 0);
	driver_free(&w->d);
}

/* --- guest memory ---------------------------------------------------------------------------------- */

static void
regions_are_sorted_and_checked(void **state)
{
	static uint8_t bytes[300];
	struct guest_memory m = {.n = 0};
	uint64_t n;

	(void)state;
	const struct guest_region good[] = {{0x3000, 100, bytes + 200}, {0x1000, 100, bytes}};
	assert_true(guest_memory_set(&m, good, 2));
	assert_ptr_equal(guest_at(&m, 0x1000, 100), bytes);
	assert_ptr_equal(guest_at(&m, 0x1063, 1), bytes + 99);
	assert_ptr_equal(guest_at(&m, 0x3001, 99), bytes + 201);
	assert_null(guest_at(&m, 0x1000, 101));
	assert_null(guest_at(&m, 0x1064, 1));
	assert_null(guest_at(&m, 0xfff, 1));
	assert_null(guest_at(&m, 0x2000, 1));
	assert_null(guest_at(&m, 0x3064, 1));
	assert_null(guest_at(&m, UINT64_MAX, 1));
	assert_null(guest_at(&m, 0x1001, UINT64_MAX));
	n = 1000;
	assert_ptr_equal(guest_run(&m, 0x1060, &n), bytes + 0x60);
	assert_int_equal(n, 4);

	const struct guest_region bad[][2] = {
	    {{0x1000, 0, bytes}, {0x3000, 100, bytes}},            /* empty */
	    {{0x1000, 100, bytes}, {0x1063, 100, bytes}},          /* overlap by one byte */
	    {{0x1000, 100, bytes}, {0x1000, 100, bytes}},          /* the same */
	    {{UINT64_MAX - 98, 100, bytes}, {0x10, 100, bytes}},   /* wraps */
	    {{0x1000, 100, NULL}, {0x3000, 100, bytes}},           /* nowhere */
	    {{0x1000, UINT64_MAX - 0x1000, bytes}, {0, 1, bytes}}, /* wraps here */
	};
	for (size_t i = 0; i < ARRAY(bad); i++)
		assert_false(guest_memory_set(&m, bad[i], 2));
	assert_int_equal(m.n, 2);
	assert_ptr_equal(guest_at(&m, 0x3000, 100), bytes + 200);
	assert_true(guest_memory_set(&m, NULL, 0));
	assert_null(guest_at(&m, 0x1000, 1));
}

static void
as_many_regions_as_are_stated(void **state)
{
	static uint8_t bytes[GUEST_REGIONS + 1];
	struct guest_region r[GUEST_REGIONS + 1];
	struct guest_memory m = {.n = 0};

	(void)state;
	for (unsigned i = 0; i <= GUEST_REGIONS; i++)
		r[i] = (struct guest_region){.gpa = 1000 - i * 3, .size = 1, .base = bytes + i};
	assert_false(guest_memory_set(&m, r, GUEST_REGIONS + 1));
	assert_true(guest_memory_set(&m, r, GUEST_REGIONS));
	for (unsigned i = 0; i < GUEST_REGIONS; i++) {
		assert_ptr_equal(guest_at(&m, 1000 - i * 3, 1), bytes + i);
		assert_null(guest_at(&m, 1001 - i * 3, 1));
	}
}

/* --- starting -------------------------------------------------------------------------------------- */

static void
start_refuses_what_is_no_queue(void **state)
{
	struct world w;
	struct virtq q;

	(void)state;
	world_init(&w, &(struct driver_queue_conf){.num = 4}, false);
	const uint64_t desc = w.dq->desc, avail = w.dq->avail, used = w.dq->used, end = w.d.gpa + w.d.size;
	const struct {
		uint16_t num;
		uint64_t desc, avail, used;
	} bad[] = {
	    {0, desc, avail, used},
	    {3, desc, avail, used},
	    {49152, desc, avail, used},
	    {4, desc + 8, avail, used},
	    {4, desc, avail + 1, used},
	    {4, desc, avail, used + 2},
	    {4, end - 48, avail, used},
	    {4, desc, end - 10, used},
	    {4, desc, avail, end - 32},
	    {4, 0, avail, used},
	    {4, desc, 0, used},
	    {4, desc, avail, 0},
	    {4, UINT64_MAX - 15, avail, 0},
	    {4, end, avail, used},
	};
	for (size_t i = 0; i < ARRAY(bad); i++) {
		assert_false(virtq_start(&q, &w.mem, bad[i].num, bad[i].desc, bad[i].avail, bad[i].used, 0,
					 false, false));
		assert_false(virtq_alive(&q));
	}
	/* The event fields at the rings' ends are part of them only if they were negotiated. */
	assert_true(virtq_start(&q, &w.mem, 4, end - 64, end - 12, end - 36, 0, false, false));
	assert_false(virtq_start(&q, &w.mem, 4, end - 64, end - 12, used, 0, true, false));
	assert_false(virtq_start(&q, &w.mem, 4, end - 64, avail, end - 36, 0, true, false));
	driver_free(&w.d);
}

static void
memory_that_goes_away_breaks_the_queue(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &(struct driver_queue_conf){.num = 4}, false);
	struct guest_region moved = driver_region(&w.d);
	uint8_t *copy = malloc(w.d.size);
	memcpy(copy, w.d.memory, w.d.size);
	moved.base = copy;
	assert_true(guest_memory_set(&w.mem, &moved, 1));
	assert_true(virtq_still_there(&w.q));
	virtq_use(&w.q, 1, 2);
	virtq_show(&w.q);
	assert_int_equal(driver_used_read(w.dq, 2), 0); /* it is the other memory that was written */
	assert_int_not_equal(memcmp(copy, w.d.memory, w.d.size), 0);
	moved.size = 4096;
	moved.gpa = w.page;
	assert_true(guest_memory_set(&w.mem, &moved, 1));
	assert_false(virtq_still_there(&w.q));
	assert_int_equal(w.q.fault, VIRTQ_BAD_ADDRESS);
	free(copy);
	driver_free(&w.d);
}

/* --- by the rules ---------------------------------------------------------------------------------- */

static void
a_chain_is_its_pieces(void **state)
{
	struct world w;

	(void)state;
	for (int indirect = 0; indirect < 2; indirect++) {
		world_init(&w, &(struct driver_queue_conf){.num = 8, .tables = 8}, true);
		const struct driver_part parts[] = {out(w.page + 1, 10), out(w.page + 100, 0),
						    out(w.page + 33, 7), in(w.page + PAGE + 3, 5)};
		add(&w, parts, ARRAY(parts), indirect, 77);
		assert_true(virtq_waiting(&w.q));
		assert_true(virtq_take(&w.q, &w.c));
		assert_int_equal(w.c.nout, 2); /* empty ones are none */
		assert_int_equal(w.c.nin, 1);
		assert_int_equal(w.c.out, 17);
		assert_int_equal(w.c.in, 5);
		assert_int_equal(w.c.slots, indirect ? 1 : 4);
		assert_false(w.c.too_many);
		assert_ptr_equal(w.c.piece[0].iov_base, driver_at(&w.d, w.page + 1));
		assert_ptr_equal(w.c.piece[1].iov_base, driver_at(&w.d, w.page + 33));
		assert_int_equal(w.c.piece[1].iov_len, 7);
		assert_ptr_equal(w.c.piece[2].iov_base, driver_at(&w.d, w.page + PAGE + 3));
		assert_false(virtq_take(&w.q, &w.c));
		assert_false(virtq_waiting(&w.q));
		driver_free(&w.d);
	}
}

/* 2.7.5.3.2: ordinary descriptors, then an indirect one. */
static void
an_indirect_table_may_end_an_ordinary_chain(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &(struct driver_queue_conf){.num = 4, .tables = 4}, true);
	driver_desc(&w.d, w.dq->desc, 0, w.page, 12, DRIVER_NEXT, 2);
	/* WRITE on it says nothing. */
	driver_desc(&w.d, w.dq->desc, 2, w.dq->indirect, 48, DRIVER_INDIRECT | DRIVER_WRITE, 0);
	driver_desc(&w.d, w.dq->indirect, 0, w.page + 12, 5, DRIVER_NEXT, 2);
	driver_desc(&w.d, w.dq->indirect, 2, w.page + 17, 6, 0, 0);
	driver_offer(w.dq, 0);
	assert_true(virtq_take(&w.q, &w.c));
	assert_int_equal(w.c.nout, 3);
	assert_int_equal(w.c.out, 23);
	assert_int_equal(w.c.slots, 2);
	driver_free(&w.d);
}

/* An indirect table may sit at any address: 16 is asked of the queue's own table only. */
static void
tables_and_buffers_at_odd_addresses(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &(struct driver_queue_conf){.num = 4}, true);
	driver_desc(&w.d, w.page + 3, 0, w.page + 1001, 9, 0, 0);
	driver_desc(&w.d, w.dq->desc, 1, w.page + 3, 16, DRIVER_INDIRECT, 0);
	driver_offer(w.dq, 1);
	assert_true(virtq_take(&w.q, &w.c));
	assert_int_equal(w.c.head, 1);
	assert_ptr_equal(w.c.piece[0].iov_base, driver_at(&w.d, w.page + 1001));
	driver_free(&w.d);
}

static void
go_round(uint16_t num, uint16_t start, bool event_idx)
{
	struct world w;
	uint64_t cookie, next = 0, back = 0;
	uint32_t len;

	world_init(&w, &(struct driver_queue_conf){.num = num, .start = start, .event_idx = event_idx},
		   false);
	for (int round = 0; round < 20; round++) {
		unsigned n = round % 3 == 0 ? num : num / 2 + 1;
		uint16_t heads[VIRTQ_NUM_MAX];

		for (unsigned i = 0; i < n; i++)
			add(&w, (struct driver_part[]){in(w.page + i % PAGE, 1 + i % 5)}, 1, false, next++);
		for (unsigned i = 0; i < n; i++) {
			assert_true(virtq_take(&w.q, &w.c));
			assert_int_equal(w.c.in, 1 + i % 5);
			heads[i] = w.c.head;
		}
		assert_false(virtq_take(&w.q, &w.c));
		for (unsigned i = 0; i < n; i++)
			virtq_use(&w.q, heads[i], i);
		assert_false(driver_used(w.dq, &cookie, &len)); /* not shown yet */
		virtq_show(&w.q);
		for (unsigned i = 0; i < n; i++) {
			assert_true(driver_used(w.dq, &cookie, &len));
			assert_int_equal(cookie, back++);
			assert_int_equal(len, i);
		}
		assert_false(driver_used(w.dq, &cookie, &len));
		assert_null(w.dq->wrong);
	}
	assert_int_equal(w.q.next_avail, (uint16_t)(start + next));
	assert_int_equal(w.q.fault, VIRTQ_FINE);
	driver_free(&w.d);
}

static void
all_sizes_and_over_the_end_of_the_indices(void **state)
{
	static const uint16_t sizes[] = {1, 2, 4, 256, 1024, 32768};

	(void)state;
	for (size_t i = 0; i < ARRAY(sizes); i++) {
		go_round(sizes[i], 0, false);
		go_round(sizes[i], 65530, false);
		go_round(sizes[i], 65530, true);
	}
}

static void
what_was_put_back_comes_again(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &(struct driver_queue_conf){.num = 4, .start = 65534}, false);
	for (uint32_t i = 0; i < 4; i++)
		add(&w, (struct driver_part[]){out(w.page, i + 1)}, 1, false, i);
	for (uint32_t i = 0; i < 4; i++)
		assert_true(virtq_take(&w.q, &w.c));
	virtq_untake(&w.q, 3);
	assert_int_equal(w.q.next_avail, 65535);
	assert_true(virtq_waiting(&w.q));
	for (uint32_t i = 1; i < 4; i++) {
		assert_true(virtq_take(&w.q, &w.c));
		assert_int_equal(w.c.out, i + 1);
	}
	assert_false(virtq_take(&w.q, &w.c));
	driver_free(&w.d);
}

/* --- regions and pieces ---------------------------------------------------------------------------- */

static void
a_descriptor_may_cross_regions(void **state)
{
	struct world w;
	uint8_t *far = malloc(100);

	(void)state;
	world_init(&w, &(struct driver_queue_conf){.num = 4}, false);
	const uint64_t end = w.d.gpa + w.d.size;
	const struct guest_region r[] = {
	    driver_region(&w.d), {.gpa = end, .size = 50, .base = far + 50}, {end + 50, 50, far}};
	assert_true(guest_memory_set(&w.mem, r, 3));
	add(&w, (struct driver_part[]){out(end - 10, 110)}, 1, false, 0);
	assert_true(virtq_take(&w.q, &w.c));
	assert_int_equal(w.c.nout, 3);
	assert_int_equal(w.c.out, 110);
	assert_ptr_equal(w.c.piece[0].iov_base, w.d.memory + w.d.size - 10);
	assert_int_equal(w.c.piece[0].iov_len, 10);
	assert_ptr_equal(w.c.piece[1].iov_base, far + 50);
	assert_ptr_equal(w.c.piece[2].iov_base, far);
	assert_int_equal(w.c.piece[2].iov_len, 50);
	add(&w, (struct driver_part[]){out(end - 10, 111)}, 1, false, 0);
	expect_fault(&w, VIRTQ_BAD_ADDRESS);
	free(far);
}

/* Up to VIRTQ_PIECES pieces; what has more is told as such and leaves the queue alive. */
static void
chains_of_very_many_pieces(void **state)
{
	struct driver_part p[DRIVER_PARTS];
	struct world w;

	(void)state;
	for (int indirect = 0; indirect < 2; indirect++) {
		world_init(&w, &(struct driver_queue_conf){.num = 256, .tables = DRIVER_PARTS}, true);
		for (unsigned i = 0; i < DRIVER_PARTS; i++)
			p[i] = i < 60 ? out(w.page + i, 1) : in(w.page + i, 1);
		add(&w, p, VIRTQ_PIECES, indirect, 0);
		add(&w, p, VIRTQ_PIECES + 1, indirect, 0);
		add(&w, p, 1, indirect, 0);
		assert_true(virtq_take(&w.q, &w.c));
		assert_false(w.c.too_many);
		assert_int_equal(w.c.nout, 60);
		assert_int_equal(w.c.nin, VIRTQ_PIECES - 60);
		assert_true(virtq_take(&w.q, &w.c));
		assert_true(w.c.too_many);
		assert_int_equal(w.c.nout + w.c.nin, VIRTQ_PIECES);
		assert_int_equal(w.c.in, VIRTQ_PIECES + 1 - 60);
		assert_true(virtq_take(&w.q, &w.c));
		assert_false(w.c.too_many);
		driver_free(&w.d);
	}
}

/* --- against the rules ----------------------------------------------------------------------------- */

static void
index_that_jumps(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &(struct driver_queue_conf){.num = 4}, false);
	driver_avail_write(w.dq, 2, 4); /* as far as it may be */
	assert_true(virtq_take(&w.q, &w.c));
	driver_free(&w.d);
	static const uint16_t jumps[] = {5, 32768, 65535};
	for (size_t i = 0; i < ARRAY(jumps); i++) {
		world_init(&w, &(struct driver_queue_conf){.num = 4}, false);
		driver_avail_write(w.dq, 2, jumps[i]);
		assert_true(virtq_waiting(&w.q)); /* it is for virtq_take() to tell */
		expect_fault(&w, VIRTQ_BAD_INDEX);
	}
}

static void
heads_beyond_the_table(void **state)
{
	static const uint16_t heads[] = {4, 5, 65535};
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY(heads); i++) {
		world_init(&w, &(struct driver_queue_conf){.num = 4}, false);
		driver_offer(w.dq, heads[i]);
		expect_fault(&w, VIRTQ_BAD_HEAD);

		world_init(&w, &(struct driver_queue_conf){.num = 4}, false);
		driver_desc(&w.d, w.dq->desc, 0, w.page, 1, DRIVER_NEXT, heads[i]);
		driver_offer(w.dq, 0);
		expect_fault(&w, VIRTQ_BAD_HEAD);

		world_init(&w, &(struct driver_queue_conf){.num = 4, .tables = 4}, true);
		driver_desc(&w.d, w.dq->indirect, 0, w.page, 1, DRIVER_NEXT, heads[i]);
		driver_desc(&w.d, w.dq->desc, 0, w.dq->indirect, 64, DRIVER_INDIRECT, 0);
		driver_offer(w.dq, 0);
		expect_fault(&w, VIRTQ_BAD_HEAD);
	}
}

static void
loops(void **state)
{
	struct world w;

	(void)state;
	for (uint32_t len = 0; len < 2; len++) { /* empty ones are hops too */
		world_init(&w, &(struct driver_queue_conf){.num = 4}, false);
		driver_desc(&w.d, w.dq->desc, 1, w.page, len, DRIVER_NEXT, 1);
		driver_offer(w.dq, 1);
		expect_fault(&w, VIRTQ_BAD_LOOP);

		world_init(&w, &(struct driver_queue_conf){.num = 256}, false);
		for (uint16_t i = 0; i < 256; i++)
			driver_desc(&w.d, w.dq->desc, i, w.page, len, DRIVER_NEXT, (uint16_t)((i + 1) % 256));
		driver_offer(w.dq, 0);
		expect_fault(&w, VIRTQ_BAD_LOOP);

		world_init(&w, &(struct driver_queue_conf){.num = 4, .tables = 2}, true);
		driver_desc(&w.d, w.dq->indirect, 0, w.page, len, DRIVER_NEXT, 1);
		driver_desc(&w.d, w.dq->indirect, 1, w.page, len, DRIVER_NEXT, 0);
		driver_desc(&w.d, w.dq->desc, 0, w.dq->indirect, 32, DRIVER_INDIRECT, 0);
		driver_offer(w.dq, 0);
		expect_fault(&w, VIRTQ_BAD_LOOP);
	}
	/* A table of many thousand entries, all of them one chain: no longer than the longest queue. */
	world_init(&w, &(struct driver_queue_conf){.num = 4}, true);
	uint64_t table = driver_alloc(&w.d, 5000 * 16, 16);
	for (uint16_t i = 0; i < 5000; i++)
		driver_desc(&w.d, table, i, w.page, 0, i < 4999 ? DRIVER_NEXT : 0, (uint16_t)(i + 1));
	driver_desc(&w.d, w.dq->desc, 0, table, 5000 * 16, DRIVER_INDIRECT, 0);
	driver_offer(w.dq, 0);
	expect_fault(&w, VIRTQ_BAD_LOOP);
}

static void
addresses_outside_of_memory(void **state)
{
	struct world w;

	(void)state;
	for (int i = 0; i < 8; i++) {
		world_init(&w, &(struct driver_queue_conf){.num = 4}, true);
		const uint64_t end = w.d.gpa + w.d.size;
		const struct {
			uint64_t addr;
			uint32_t len;
		} bad[] = {
		    {0, 1},
		    {end, 1},
		    {end - 15, 16},
		    {w.d.gpa - 1, 16},
		    {UINT64_MAX, 16},
		    {UINT64_MAX - 15, 16},
		    {w.page, 0xfffffff0},
		    {1, 0xfffffff0},
		};
		driver_desc(&w.d, w.dq->desc, 0, bad[i].addr, bad[i].len, 0, 0);
		driver_offer(w.dq, 0);
		expect_fault(&w, VIRTQ_BAD_ADDRESS);
		if (bad[i].len % 16 != 0)
			continue;
		world_init(&w, &(struct driver_queue_conf){.num = 4}, true);
		driver_desc(&w.d, w.dq->desc, 0, bad[i].addr, bad[i].len, DRIVER_INDIRECT, 0);
		driver_offer(w.dq, 0);
		expect_fault(&w, VIRTQ_BAD_ADDRESS);
	}
}

static void
indirect_tables_that_are_none(void **state)
{
	static const struct {
		uint32_t len;
		uint16_t flags;
		bool negotiated;
	} bad[] = {
	    {0, DRIVER_INDIRECT, true},
	    {15, DRIVER_INDIRECT, true},
	    {17, DRIVER_INDIRECT, true},
	    {0xffffffff, DRIVER_INDIRECT, true},
	    {16, DRIVER_INDIRECT | DRIVER_NEXT, true},
	    {16, DRIVER_INDIRECT, false},
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY(bad); i++) {
		world_init(&w, &(struct driver_queue_conf){.num = 4, .tables = 4}, bad[i].negotiated);
		driver_desc(&w.d, w.dq->indirect, 0, w.page, 1, 0, 0);
		driver_desc(&w.d, w.dq->desc, 1, w.page, 1, 0, 0);
		driver_desc(&w.d, w.dq->desc, 0, w.dq->indirect, bad[i].len, bad[i].flags, 1);
		driver_offer(w.dq, 0);
		expect_fault(&w, VIRTQ_BAD_INDIRECT);
	}
	/* One inside another, itself even. */
	world_init(&w, &(struct driver_queue_conf){.num = 4, .tables = 4}, true);
	driver_desc(&w.d, w.dq->indirect, 0, w.dq->indirect, 16, DRIVER_INDIRECT, 0);
	driver_desc(&w.d, w.dq->desc, 0, w.dq->indirect, 16, DRIVER_INDIRECT, 0);
	driver_offer(w.dq, 0);
	expect_fault(&w, VIRTQ_BAD_INDIRECT);
}

static void
readable_after_writable(void **state)
{
	struct world w;

	(void)state;
	for (uint32_t len = 0; len < 2; len++) {
		world_init(&w, &(struct driver_queue_conf){.num = 4}, false);
		add(&w, (struct driver_part[]){out(w.page, 1), in(w.page, 1), out(w.page, len)}, 3, false, 0);
		expect_fault(&w, VIRTQ_BAD_ORDER);
	}
}

/* --- notifications --------------------------------------------------------------------------------- */

static void
notifications_by_flags(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &(struct driver_queue_conf){.num = 4}, false);
	add(&w, (struct driver_part[]){out(w.page, 1)}, 1, false, 0);
	assert_true(driver_publish(w.dq)); /* as it starts, it wants to know */
	virtq_hush(&w.q);
	assert_false(driver_publish(w.dq));
	assert_true(virtq_ask(&w.q)); /* something waits */
	assert_true(driver_publish(w.dq));
	assert_true(virtq_take(&w.q, &w.c));
	assert_false(virtq_ask(&w.q));

	virtq_use(&w.q, w.c.head, 0);
	assert_true(virtq_show(&w.q));
	assert_false(virtq_show(&w.q)); /* nothing new */
	driver_hush(w.dq);
	virtq_use(&w.q, w.c.head, 0);
	assert_false(virtq_show(&w.q));
	driver_arm(w.dq);
	virtq_use(&w.q, w.c.head, 0);
	assert_true(virtq_show(&w.q));
	driver_free(&w.d);
}

static void
asking_by_event_index(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &(struct driver_queue_conf){.num = 256, .start = 65530, .event_idx = true}, false);
	assert_int_equal(driver_avail_event(w.dq), 65530);
	for (unsigned i = 0; i < 20; i++) {
		assert_true(driver_add(w.dq, (struct driver_part[]){out(w.page, 1)}, 1, false, i));
		assert_true(driver_publish(w.dq)); /* the one it asked for */
		assert_true(driver_add(w.dq, (struct driver_part[]){out(w.page, 1)}, 1, false, i));
		assert_false(driver_publish(w.dq));             /* and no other */
		assert_int_equal(driver_used_read(w.dq, 0), 0); /* flags mean nothing now, and stay 0 */
		assert_true(virtq_take(&w.q, &w.c));
		assert_true(virtq_ask(&w.q));
		assert_true(virtq_take(&w.q, &w.c));
		assert_false(virtq_ask(&w.q));
		assert_int_equal(driver_avail_event(w.dq), (uint16_t)(65530 + 2 * (i + 1)));
	}
	for (unsigned i = 0; i < 300; i++) { /* nor any while it is awake */
		virtq_hush(&w.q);
		assert_true(driver_add(w.dq, (struct driver_part[]){out(w.page, 1)}, 1, false, i));
		assert_false(driver_publish(w.dq));
		assert_true(virtq_take(&w.q, &w.c));
		uint64_t cookie;
		uint32_t len;
		virtq_use(&w.q, w.c.head, 0);
		virtq_show(&w.q);
		assert_true(driver_used(w.dq, &cookie, &len));
		if (i % 3 == 0)
			assert_false(virtq_ask(&w.q));
	}
	driver_free(&w.d);
}

/* 2.7.10: an interrupt if and only if the driver's index is among those just published. */
static void
interrupts_by_event_index(void **state)
{
	static const uint16_t starts[] = {0, 7, 32766, 65530};
	struct world w;

	(void)state;
	for (size_t s = 0; s < ARRAY(starts); s++) {
		for (unsigned batch = 1; batch <= 9; batch++) {
			for (int from = -3; from < 13; from++) {
				world_init(&w,
					   &(struct driver_queue_conf){
					       .num = 16, .start = starts[s], .event_idx = true},
					   false);
				virtq_use(&w.q, 0, 0);
				virtq_show(&w.q);
				int before = starts[s] + 1;
				driver_used_event(w.dq, (uint16_t)(before + from));
				for (unsigned i = 0; i < batch; i++)
					virtq_use(&w.q, 0, 0);
				bool wanted = from >= 0 && from < (int)batch;
				assert_int_equal(virtq_show(&w.q), wanted);
				driver_free(&w.d);
			}
		}
	}
}

/* Who starts on rings in use does not know what the driver has heard of. */
static void
the_first_of_a_start_always_interrupts(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &(struct driver_queue_conf){.num = 16, .start = 9, .event_idx = true}, false);
	driver_used_event(w.dq, 5);
	virtq_use(&w.q, 0, 0);
	assert_true(virtq_show(&w.q));
	virtq_use(&w.q, 0, 0);
	assert_false(virtq_show(&w.q));
	driver_free(&w.d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(regions_are_sorted_and_checked),
	    cmocka_unit_test(as_many_regions_as_are_stated),
	    cmocka_unit_test(start_refuses_what_is_no_queue),
	    cmocka_unit_test(memory_that_goes_away_breaks_the_queue),
	    cmocka_unit_test(a_chain_is_its_pieces),
	    cmocka_unit_test(an_indirect_table_may_end_an_ordinary_chain),
	    cmocka_unit_test(tables_and_buffers_at_odd_addresses),
	    cmocka_unit_test(all_sizes_and_over_the_end_of_the_indices),
	    cmocka_unit_test(what_was_put_back_comes_again),
	    cmocka_unit_test(a_descriptor_may_cross_regions),
	    cmocka_unit_test(chains_of_very_many_pieces),
	    cmocka_unit_test(index_that_jumps),
	    cmocka_unit_test(heads_beyond_the_table),
	    cmocka_unit_test(loops),
	    cmocka_unit_test(addresses_outside_of_memory),
	    cmocka_unit_test(indirect_tables_that_are_none),
	    cmocka_unit_test(readable_after_writable),
	    cmocka_unit_test(notifications_by_flags),
	    cmocka_unit_test(asking_by_event_index),
	    cmocka_unit_test(interrupts_by_event_index),
	    cmocka_unit_test(the_first_of_a_start_always_interrupts),
	};

	return cmocka_run_group_tests_name("virtqueues", tests, NULL, NULL);
}
