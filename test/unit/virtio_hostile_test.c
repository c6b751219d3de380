/*
 * virtio_hostile_test.c - drivers that break the rules of a virtio-net device
 *
 * Whatever a driver does, one queue of its own breaks at most: it is then neither read nor written, the other one
 * goes on, the gateway lives, and a restart makes all good.  Guest memory is a heap block of its exact size, so
 * that the address sanitizer sees every byte that is touched beside it.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "test/unit/virtio_kit.h"

static uint8_t bytes[FRAME_MAX];

/* --- each rule ------------------------------------------------------------------------------------- */

static void
index_jumps(struct rig *r, unsigned queue)
{
	driver_avail_write(&r->d.q[queue], 2, 1000);
}

static void
head_beyond(struct rig *r, unsigned queue)
{
	driver_offer(&r->d.q[queue], 999);
}

static void
next_beyond(struct rig *r, unsigned queue)
{
	driver_desc(&r->d, r->d.q[queue].desc, 0, r->out, 1, DRIVER_NEXT, 999);
	driver_offer(&r->d.q[queue], 0);
}

static void
loop(struct rig *r, unsigned queue)
{
	driver_desc(&r->d, r->d.q[queue].desc, 0, r->out, 1, DRIVER_NEXT, 1);
	driver_desc(&r->d, r->d.q[queue].desc, 1, r->out, 1, DRIVER_NEXT, 0);
	driver_offer(&r->d.q[queue], 0);
}

static void
outside(struct rig *r, unsigned queue)
{
	driver_desc(&r->d, r->d.q[queue].desc, 0, r->d.gpa + r->d.size - 10, 11, 0, 0);
	driver_offer(&r->d.q[queue], 0);
}

static void
indirect_in_indirect(struct rig *r, unsigned queue)
{
	driver_desc(&r->d, r->out, 0, r->out, 16, DRIVER_INDIRECT, 0);
	driver_desc(&r->d, r->d.q[queue].desc, 0, r->out, 16, DRIVER_INDIRECT, 0);
	driver_offer(&r->d.q[queue], 0);
}

static void
wrong_order(struct rig *r, unsigned queue)
{
	driver_desc(&r->d, r->d.q[queue].desc, 0, r->out, 100, DRIVER_WRITE | DRIVER_NEXT, 1);
	driver_desc(&r->d, r->d.q[queue].desc, 1, r->out, 100, 0, 0);
	driver_offer(&r->d.q[queue], 0);
}

static void
wrong_direction(struct rig *r, unsigned queue)
{
	bool tx = queue == VIRTIO_TX;

	driver_desc(&r->d, r->d.q[queue].desc, 0, r->out, 100, DRIVER_NEXT, 1);
	driver_desc(&r->d, r->d.q[queue].desc, 1, r->in, 100, tx ? DRIVER_WRITE : 0, 0);
	driver_offer(&r->d.q[queue], 0);
}

static const struct {
	const char *name;
	void (*attack)(struct rig *r, unsigned queue);
} ATTACKS[] = {
    {"index jumps", index_jumps},           {"head beyond the table", head_beyond},
    {"next beyond the table", next_beyond}, {"loop", loop},
    {"outside of memory", outside},         {"indirect in indirect", indirect_in_indirect},
    {"wrong order", wrong_order},           {"wrong direction", wrong_direction},
};

static void
one_turn(struct rig *r, int frames)
{
	assert_int_equal(receive(r), frames);
	if (room(r))
		gateway_sends(r, bytes, 60);
	flush(r);
	release(r);
}

/* What is alive works; what is broken is not touched, whatever comes. */
static void
assert_only_this_broke(struct rig *r, unsigned queue)
{
	uint8_t *before = malloc(r->d.size);
	unsigned other = 1 - queue;
	struct virtio_stats st = stats(r);

	assert_int_equal(st.broken, 1u << queue);
	assert_int_equal(st.running, 3);
	driver_offer(&r->d.q[queue], 0);
	if (other == VIRTIO_TX) {
		guest_sends(r, 60);
		one_turn(r, 1);
		assert_used(r, VIRTIO_TX, 60, 0);
		assert_int_equal(stats(r).no_room, st.no_room + 1); /* a cable that is cut */
	} else {
		guest_posts(r, 1, 2000);
		one_turn(r, 0);
		assert_used(r, VIRTIO_RX, 0, 72);
	}
	memcpy(before, r->d.memory, r->d.size);
	while (before_sleep(r) || gateway_is_woken(r)) {
		receive(r);
		release(r);
	}
	if (other == VIRTIO_TX)
		one_turn(r, 0);
	/* Only the living queue's wish for notifications may have changed. */
	uint64_t event = r->d.q[other].used + 4 + 8u * r->d.q[other].conf.num;
	memcpy(before + (event - r->d.gpa), driver_at(&r->d, event), 2);
	assert_memory_equal(before, r->d.memory, r->d.size);
	free(before);
}

static void
every_rule_on_both_queues(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY(ATTACKS); i++) {
		for (unsigned queue = 0; queue < VIRTIO_QUEUES; queue++) {
			struct rig *r = rig_new(ALL, Q(16), Q(16));

			print_message("%s: queue %u\n", ATTACKS[i].name, queue);
			ATTACKS[i].attack(r, queue);
			one_turn(r, 0);
			assert_only_this_broke(r, queue);

			/* The driver resets the device and begins anew. */
			assert_int_equal(virtio_reset(r->dev), 0);
			assert_int_equal(stats(r).broken, 0);
			assert_int_equal(virtio_set_features(r->dev, ALL), 0);
			for (unsigned q = 0; q < VIRTIO_QUEUES; q++) {
				driver_queue_init(&r->d, q,
						  &(struct driver_queue_conf){.num = 16, .event_idx = true});
				assert_int_equal(start(r, q), 0);
			}
			assert_int_equal(receive(r), 0);
			release(r);
			guest_posts(r, 1, 2000);
			guest_sends(r, 60);
			one_turn(r, 1);
			assert_used(r, VIRTIO_RX, 0, 72);
			assert_used(r, VIRTIO_TX, 60, 0);
			assert_int_equal(r->link->departed, 1);
			assert_int_equal(r->link->arrived, 2);
			rig_free(r);
		}
	}
}

/* A queue that breaks in the middle of a turn: what was good before is served, nothing comes back. */
static void
good_frames_then_a_bad_one(void **state)
{
	struct rig *r = rig_new(ALL, Q(16), Q(16));

	(void)state;
	guest_sends(r, 60);
	guest_sends(r, 61);
	r->d.q[VIRTIO_TX].added += 1;
	driver_avail_write(&r->d.q[VIRTIO_TX], 4 + 2 * 2, 7777);
	driver_publish(&r->d.q[VIRTIO_TX]);
	assert_int_equal(receive(r), 2);
	assert_int_equal(r->frames[0].len, 60);
	assert_int_equal(r->frames[1].len, 61);
	assert_int_equal(stats(r).broken, 1 << VIRTIO_TX);
	release(r);
	assert_none_used(r, VIRTIO_TX);
	assert_int_equal(receive(r), 0);
	assert_false(r->more);
	release(r);
	rig_free(r);
}

/* Buffers taken ahead while the queue was good are not filled once it is bad. */
static void
good_buffers_then_a_bad_one(void **state)
{
	struct rig *r = rig_new(ALL, Q(16), Q(16));

	(void)state;
	guest_posts(r, 2, 1000);
	assert_true(room(r));
	head_beyond(r, VIRTIO_RX);
	gateway_sends(r, bytes, 60); /* fits into the first, so the third is not looked at */
	flush(r);
	assert_used(r, VIRTIO_RX, 0, 72);
	assert_true(room(r)); /* it is now */
	gateway_sends(r, bytes, 60);
	flush(r);
	assert_none_used(r, VIRTIO_RX);
	assert_int_equal(stats(r).broken, 1 << VIRTIO_RX);
	assert_int_equal(stats(r).no_room, 1);
	rig_free(r);
}

/* The same head again and again: everything it leads to is its own memory. */
static void
one_head_for_all(void **state)
{
	struct rig *r = rig_new(ALL, Q(256), Q(256));

	(void)state;
	driver_desc(&r->d, r->d.q[VIRTIO_TX].desc, 3, r->d.q[VIRTIO_TX].used, 2054, 0, 0);
	driver_desc(&r->d, r->d.q[VIRTIO_RX].desc, 3, r->d.q[VIRTIO_RX].desc, 4096, DRIVER_WRITE, 0);
	for (int i = 0; i < 256; i++) {
		driver_offer(&r->d.q[VIRTIO_TX], 3);
		driver_offer(&r->d.q[VIRTIO_RX], 3);
	}
	for (int i = 0; i < 10; i++) {
		receive(r);
		/* What is received overwrites the very descriptors. */
		for (int n = 0; n < 10 && room(r); n++)
			gateway_sends(r, bytes, 1514);
		flush(r);
		release(r);
	}
	rig_free(r);
}

/* Tens of thousands of empty buffers cost a bounded time each turn and nothing else. */
static void
buffers_that_hold_nothing(void **state)
{
	struct rig *r = rig_new(ALL, Q(1024), Q(16));

	(void)state;
	for (int i = 0; i < 30; i++) {
		for (unsigned n = 0; n < 1024; n++)
			driver_add(&r->d.q[VIRTIO_RX], (struct driver_part[]){into(r->in, 0)}, 1, false, n);
		driver_publish(&r->d.q[VIRTIO_RX]);
		assert_false(room(r));
		flush(r);
		for (unsigned n = 0; n < 1024; n++)
			assert_used(r, VIRTIO_RX, n, 0);
	}
	assert_int_equal(stats(r).refused, 30 * 1024);
	rig_free(r);
}

/* Pieces by the thousand in chains that are all good: what is taken ahead is bounded. */
static void
buffers_of_very_many_pieces(void **state)
{
	struct driver_part p[VIRTQ_PIECES];
	struct rig *r = rig_new(ALL, QI(256), Q(16));

	(void)state;
	for (uint32_t i = 0; i < ARRAY(p); i++)
		p[i] = into(r->in + i, 1);
	for (unsigned n = 0; n < 256; n++)
		assert_true(driver_add(&r->d.q[VIRTIO_RX], p, ARRAY(p), true, n));
	driver_publish(&r->d.q[VIRTIO_RX]);
	assert_true(room(r)); /* not for the longest, but no more is taken ahead */
	for (unsigned n = 0; n < 300; n++)
		gateway_sends(r, bytes, n % 3 ? 60 : 1514);
	flush(r);
	/* 24 buffers for a long frame, 2 for a short one: 9 rounds of 28, and two short ones. */
	assert_int_equal(stats(r).frames_out, 29);
	assert_int_equal(stats(r).no_room, 300 - 29);
	assert_int_equal(stats(r).broken, 0);
	rig_free(r);
}

/* --- somebody writes meanwhile --------------------------------------------------------------------- */

#define WRITES 200000u

struct scribbler {
	struct rig *r;
	uint64_t rings;          /* bytes of memory that rings and tables have */
	_Atomic uint32_t writes; /* made so far */
};

static uint64_t
next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Mostly sensible descriptors, so that chains are often good at the first look. */
static void
scribble(struct scribbler *w, uint64_t *seed)
{
	struct driver *d = &w->r->d;
	uint64_t x = next_random(seed), y = next_random(seed);
	struct driver_queue *q = &d->q[x & 1];
	uint64_t table = x & 2 ? q->desc : q->indirect;

	switch (x >> 2 & 7) {
	case 0:
		d->memory[y % w->rings] = (uint8_t)(y >> 40);
		break;
	case 1:
		driver_avail_write(q, 2, (uint16_t)(driver_used_read(q, 2) + (y & 15)));
		break;
	case 2:
		driver_avail_write(q, 4 + 2 * (y % q->conf.num), (uint16_t)(y >> 32) % q->conf.num);
		break;
	default:
		driver_desc(d, table, (uint16_t)(y % q->conf.num), w->r->out + (y >> 16 & 0xffff),
			    (uint32_t)(y >> 32 & 0x7fff),
			    (uint16_t)((q == &d->q[VIRTIO_RX] ? DRIVER_WRITE : 0) | (y >> 50 & DRIVER_NEXT)),
			    (uint16_t)(y >> 53) % q->conf.num);
		if (y >> 51 & 1)
			driver_desc(d, q->desc, (uint16_t)(y % q->conf.num), q->indirect, q->conf.tables * 16,
				    DRIVER_INDIRECT, 0);
		break;
	}
}

static void *
scribbler_main(void *arg)
{
	struct scribbler *w = arg;
	uint64_t seed = 88172645463325252u;

	/* On a busy machine the two would otherwise take turns of many thousand writes. */
	while (atomic_fetch_add(&w->writes, 1) < WRITES) {
		scribble(w, &seed);
		if ((seed & 7) == 0)
			sched_yield();
	}
	return NULL;
}

static uint64_t
read_all(const struct frame *f)
{
	uint64_t sum = 0;

	for (int i = 0; i < f->nspan; i++) {
		for (size_t n = 0; n < f->span[i].len; n += 61)
			sum += f->span[i].p[n];
		sum += f->span[i].p[f->span[i].len - 1];
	}
	return sum;
}

static void
start_over(struct rig *r, unsigned queue)
{
	struct virtio_queue_setup s = driver_setup(&r->d, queue);

	assert_true(virtio_stop(r->dev, queue) >= 0);
	s.next = driver_used_read(&r->d.q[queue], 2); /* from where the scribbler's indices are near */
	driver_avail_write(&r->d.q[queue], 2, s.next);
	assert_int_equal(virtio_start(r->dev, queue, &s), 0);
}

/* Rings and tables are rewritten by another thread at every moment while the gateway is at work on them. */
static void
tables_rewritten_while_in_use(void **state)
{
	struct driver_queue_conf conf = {.num = 64, .tables = 64};
	struct rig *r = rig_new(ALL, conf, conf);
	struct scribbler w = {.r = r, .rings = r->out - r->d.gpa};
	uint64_t sum = 0, restarts = 0, turns = 0;
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, scribbler_main, &w), 0);
	for (; atomic_load(&w.writes) < WRITES; turns++) {
		int n = receive(r);

		assert_true(n >= 0);
		for (int i = 0; i < n; i++) {
			assert_true(r->frames[i].nspan > 0 && r->frames[i].nspan <= FRAME_SPANS);
			assert_true(r->frames[i].len <= FRAME_MAX);
			sum += read_all(&r->frames[i]);
		}
		for (int i = 0; i < 8 && room(r); i++)
			gateway_sends(r, bytes, 60 + (uint32_t)(turns % 5) * 15000);
		flush(r);
		release(r);
		before_sleep(r);
		for (unsigned q = 0; q < VIRTIO_QUEUES; q++) {
			if (stats(r).broken >> q & 1) {
				start_over(r, q);
				restarts++;
			}
		}
		sched_yield();
	}
	pthread_join(t, NULL);
	struct virtio_stats st = stats(r);
	print_message("%llu turns: %llu frames in, %llu out, %llu refused, %llu restarts (%llx)\n",
		      (unsigned long long)turns, (unsigned long long)st.frames_in,
		      (unsigned long long)st.frames_out, (unsigned long long)st.refused,
		      (unsigned long long)restarts, (unsigned long long)sum);
	assert_true(st.frames_in > 0 && st.frames_out > 0 && restarts > 0);
	rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_rule_on_both_queues),     cmocka_unit_test(good_frames_then_a_bad_one),
	    cmocka_unit_test(good_buffers_then_a_bad_one),   cmocka_unit_test(one_head_for_all),
	    cmocka_unit_test(buffers_that_hold_nothing),     cmocka_unit_test(buffers_of_very_many_pieces),
	    cmocka_unit_test(tables_rewritten_while_in_use),
	};

	memset(bytes, 0x5a, sizeof(bytes));
	return cmocka_run_group_tests_name("hostile virtio drivers", tests, NULL, NULL);
}
