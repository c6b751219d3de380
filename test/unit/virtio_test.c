/*
 * virtio_test.c - a virtio-net device as a link: frames both ways, room, sleep, and the lives of its queues
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "test/unit/descriptor_kit.h"
#include "test/unit/virtio_kit.h"

static uint8_t bytes[FRAME_MAX];

/* --- guest to gateway ------------------------------------------------------------------------------ */

/* 2.7.4.2: where descriptors are cut says nothing. */
static void
a_header_may_be_cut_anywhere(void **state)
{
	static const uint8_t header[VNET_HLEN] = {1, 0x81, 54, 0, 0xb4, 5, 34, 0, 16, 0, 0, 0};

	(void)state;
	for (uint32_t cut = 1; cut < 40; cut++) {
		for (int indirect = 0; indirect < 2; indirect++) {
			struct rig *r = rig_new(ALL, Q(16), QI(16));

			memcpy(driver_at(&r->d, r->out), header, sizeof(header));
			const struct driver_part p[] = {from(r->out, cut), from(r->out + cut, 3),
							from(r->out + cut + 3, 200)};
			offer(r, VIRTIO_TX, p, 3, indirect, 5);
			assert_int_equal(receive(r), 1);
			assert_frame(r, &r->frames[0], r->out + VNET_HLEN, cut + 203 - VNET_HLEN);
			const struct offload *o = &r->frames[0].off;
			assert_true(o->needs_csum && !o->csum_valid);
			assert_int_equal(o->gso_type, GSO_TCPV4); /* without the ECN bit */
			assert_int_equal(o->hdr_len, 54);
			assert_int_equal(o->gso_size, 1460);
			assert_int_equal(o->csum_start, 34);
			assert_int_equal(o->csum_offset, 16);
			assert_none_used(r, VIRTIO_TX);
			release(r);
			assert_used(r, VIRTIO_TX, 5, 0);
			rig_free(r);
		}
	}
}

static void
a_header_byte_by_byte(void **state)
{
	struct rig *r = rig_new(ALL, Q(16), QI(64));
	struct driver_part p[30];

	(void)state;
	memset(driver_at(&r->d, r->out), 0, VNET_HLEN);
	for (uint32_t i = 0; i < ARRAY(p); i++)
		p[i] = from(r->out + i, 1);
	offer(r, VIRTIO_TX, p, ARRAY(p), false, 1);
	assert_int_equal(receive(r), 1);
	assert_frame(r, &r->frames[0], r->out + VNET_HLEN, ARRAY(p) - VNET_HLEN);
	rig_free(r);
}

/* Up to FRAME_SPANS pieces lie where they lay; of more, the last ones are copied together; what has more than
 * VIRTQ_PIECES is refused. */
static void
frames_of_many_pieces(void **state)
{
	struct driver_part p[DRIVER_PARTS];

	(void)state;
	for (unsigned n = 1; n < VIRTQ_PIECES + 3; n++) {
		struct rig *r = rig_new(ALL, Q(16), QI(256));

		memset(driver_at(&r->d, r->out), 0, VNET_HLEN);
		p[0] = from(r->out, VNET_HLEN);
		for (uint32_t i = 0; i < n; i++)
			p[i + 1] = from(r->out + VNET_HLEN + (uint64_t)i * 1000, 1000);
		offer(r, VIRTIO_TX, p, n + 1, true, n);
		bool good = n < VIRTQ_PIECES;
		assert_int_equal(receive(r), good);
		if (good) {
			const struct frame *f = &r->frames[0];

			assert_frame(r, f, r->out + VNET_HLEN, n * 1000);
			assert_int_equal(f->nspan, n < FRAME_SPANS ? n : FRAME_SPANS);
			assert_ptr_equal(f->span[0].p, driver_at(&r->d, r->out + VNET_HLEN));
			assert_int_equal(f->span[f->nspan - 1].len,
					 n > FRAME_SPANS ? (n - FRAME_SPANS + 1) * 1000 : 1000);
		}
		release(r);
		assert_used(r, VIRTIO_TX, n, 0);
		assert_int_equal(stats(r).refused, !good);
		assert_int_equal(stats(r).broken, 0);
		rig_free(r);
	}
}

/* Frames of one turn that are copied do not lie on each other. */
static void
many_frames_of_many_pieces(void **state)
{
	struct driver_part p[VIRTQ_PIECES];
	struct rig *r = rig_new(ALL, Q(16), QI(256));

	(void)state;
	memset(driver_at(&r->d, r->out), 0, VNET_HLEN);
	p[0] = from(r->out, VNET_HLEN);
	for (unsigned f = 0; f < 100; f++) {
		for (uint32_t i = 1; i < VIRTQ_PIECES; i++)
			p[i] = from(r->out + 100 + f * 3 + (uint64_t)(i - 1) * 1040, 1040);
		offer(r, VIRTIO_TX, p, VIRTQ_PIECES, true, f);
	}
	for (unsigned f = 0; f < 100;) {
		int n = receive(r);

		assert_true(n > 0);
		for (int i = 0; i < n; i++, f++)
			assert_frame(r, &r->frames[i], r->out + 100 + f * 3, (VIRTQ_PIECES - 1) * 1040);
	}
	rig_free(r);
}

static void
senseless_frames_are_refused(void **state)
{
	static const uint32_t bad[] = {0, 1, 11, 12, VNET_HLEN + FRAME_MAX + 1, OUT_SIZE};
	struct rig *r = rig_new(ALL, Q(16), Q(16));

	(void)state;
	memset(driver_at(&r->d, r->out), 0, VNET_HLEN);
	for (size_t i = 0; i < ARRAY(bad); i++)
		offer(r, VIRTIO_TX, (struct driver_part[]){from(r->out, bad[i])}, 1, false, i);
	offer(r, VIRTIO_TX, (struct driver_part[]){from(r->out, VNET_HLEN + 1)}, 1, false, 100);
	offer(r, VIRTIO_TX, (struct driver_part[]){from(r->out, VNET_HLEN + FRAME_MAX)}, 1, false, 101);
	assert_int_equal(receive(r), 2);
	assert_frame(r, &r->frames[0], r->out + VNET_HLEN, 1);
	assert_frame(r, &r->frames[1], r->out + VNET_HLEN, FRAME_MAX);
	release(r);
	for (size_t i = 0; i < ARRAY(bad); i++)
		assert_used(r, VIRTIO_TX, i, 0);
	assert_used(r, VIRTIO_TX, 100, 0);
	assert_used(r, VIRTIO_TX, 101, 0);
	assert_int_equal(stats(r).refused, ARRAY(bad));
	assert_int_equal(r->link->refused, ARRAY(bad));
	assert_int_equal(stats(r).frames_in, 2);
	assert_int_equal(stats(r).broken, 0);
	rig_free(r);
}

static void
a_turn_is_bounded(void **state)
{
	struct rig *r = rig_new(ALL, Q(16), Q(256));

	(void)state;
	for (unsigned i = 0; i < 130; i++)
		guest_sends(r, i < 70 ? 0 : 60); /* refused ones count too */
	assert_int_equal(receive(r), 0);
	assert_true(r->more);
	release(r);
	assert_int_equal(stats(r).refused, LINK_BATCH);
	assert_int_equal(receive(r), LINK_BATCH - 6);
	assert_true(r->more);
	assert_int_equal(receive(r), 2);
	assert_false(r->more);
	release(r);
	for (unsigned i = 0; i < 40; i++)
		guest_sends(r, FRAME_MAX);
	assert_int_equal(receive(r), LINK_BATCH_BYTES / FRAME_MAX + 1);
	assert_true(r->more);
	release(r);
	rig_free(r);
}

static void
one_interrupt_for_a_turn(void **state)
{
	static const uint64_t features[] = {ALL, ALL & ~VIRTIO_F_EVENT_IDX};

	(void)state;
	for (size_t i = 0; i < ARRAY(features); i++) {
		struct rig *r = rig_new(features[i], Q(16), Q(256));

		for (unsigned n = 0; n < 40; n++)
			guest_sends(r, 60);
		assert_int_equal(receive(r), 40);
		assert_false(driver_interrupted(&r->d, VIRTIO_TX));
		release(r);
		assert_true(driver_interrupted(&r->d, VIRTIO_TX));
		assert_int_equal(stats(r).calls, 1);
		driver_hush(&r->d.q[VIRTIO_TX]);
		guest_sends(r, 60);
		assert_int_equal(receive(r), 1);
		release(r);
		assert_false(driver_interrupted(&r->d, VIRTIO_TX));
		rig_free(r);
	}
}

/* --- gateway to guest ------------------------------------------------------------------------------ */

static void
a_frame_in_one_buffer(void **state)
{
	struct rig *r = rig_new(ALL, Q(16), Q(16));

	(void)state;
	guest_posts(r, 1, 2000);
	struct frame f = {.len = 100,
			  .nspan = 1,
			  .off = {.needs_csum = true,
				  .csum_start = 34,
				  .csum_offset = 16,
				  .gso_type = GSO_TCPV6,
				  .gso_size = 1440,
				  .hdr_len = 74},
			  .span = {view_of(bytes, 100)}};
	r->link->sink.send(r->link->sink.ctx, &f);
	assert_none_used(r, VIRTIO_RX);
	assert_false(driver_interrupted(&r->d, VIRTIO_RX));
	flush(r);
	assert_true(driver_interrupted(&r->d, VIRTIO_RX));
	assert_used(r, VIRTIO_RX, 0, VNET_HLEN + 100);
	static const uint8_t header[VNET_HLEN] = {1, 4, 74, 0, 0xa0, 5, 34, 0, 16, 0, 1, 0};
	assert_memory_equal(driver_at(&r->d, r->in), header, sizeof(header));
	assert_memory_equal(driver_at(&r->d, r->in + VNET_HLEN), bytes, 100);
	assert_int_equal(stats(r).frames_out, 1);
	rig_free(r);
}

/* Buffers of all sizes, also ones that cut the header: the bytes are one run, and counted in the header. */
static void
a_frame_over_many_buffers(void **state)
{
	static const uint32_t sizes[] = {5, 12, 13, 1526, 4096};
	static const uint32_t lens[] = {1, 60, 1514, FRAME_MAX};

	(void)state;
	for (size_t s = 0; s < ARRAY(sizes) * ARRAY(lens); s++) {
		uint32_t size = sizes[s % ARRAY(sizes)], len = lens[s / ARRAY(sizes)],
			 total = VNET_HLEN + len;
		uint32_t want = (total + size - 1) / size;
		struct rig *r = rig_new(ALL, Q(1024), Q(16));
		uint8_t count[2];

		if (want > 1024) {
			rig_free(r);
			continue;
		}
		guest_posts(r, want - 1, size);
		gateway_sends(r, bytes, len);
		flush(r);
		assert_none_used(r, VIRTIO_RX); /* one short: nothing happened */
		assert_int_equal(stats(r).no_room, 1);
		assert_int_equal(r->link->no_room, 1);
		offer(r, VIRTIO_RX, (struct driver_part[]){into(r->in + (uint64_t)(want - 1) * size, size)},
		      1, false, want - 1);
		gateway_sends(r, bytes, len);
		flush(r);
		for (uint32_t i = 0; i < want; i++)
			assert_used(r, VIRTIO_RX, i, i + 1 < want ? size : total - (want - 1) * size);
		assert_none_used(r, VIRTIO_RX);
		memcpy(count, driver_at(&r->d, r->in + 10), 2);
		assert_int_equal(count[0] | count[1] << 8, want);
		assert_memory_equal(driver_at(&r->d, r->in + VNET_HLEN), bytes, len);
		assert_int_equal(driver_interrupted(&r->d, VIRTIO_RX), true);
		rig_free(r);
	}
}

/* A buffer may be a chain of pieces itself, direct or indirect. */
static void
buffers_of_many_pieces(void **state)
{
	struct driver_part p[20];

	(void)state;
	for (int indirect = 0; indirect < 2; indirect++) {
		struct rig *r = rig_new(ALL, QI(64), Q(16));

		for (uint32_t i = 0; i < ARRAY(p); i++)
			p[i] = into(r->in + i * 7, 7);
		offer(r, VIRTIO_RX, p, ARRAY(p), indirect, 0);
		for (uint32_t i = 0; i < ARRAY(p); i++)
			p[i] = into(r->in + 140 + i * 7, 7);
		offer(r, VIRTIO_RX, p, ARRAY(p), indirect, 1);
		gateway_sends(r, bytes, 60);
		gateway_sends(r, bytes + 60, 100);
		flush(r);
		assert_used(r, VIRTIO_RX, 0, VNET_HLEN + 60);
		assert_used(r, VIRTIO_RX, 1, VNET_HLEN + 100);
		assert_memory_equal(driver_at(&r->d, r->in + VNET_HLEN), bytes, 60);
		assert_memory_equal(driver_at(&r->d, r->in + 140 + VNET_HLEN), bytes + 60, 100);
		rig_free(r);
	}
}

/* Without mergeable buffers a frame that is longer than the next chain is lost; the chain waits for another. */
static void
without_mergeable_buffers(void **state)
{
	struct rig *r = rig_new(ALL & ~VIRTIO_NET_F_MRG_RXBUF, Q(16), Q(16));

	(void)state;
	assert_false(r->link->sink.lim.tso);
	assert_false(room(r));
	guest_posts(r, 2, 500);
	assert_true(room(r));
	gateway_sends(r, bytes, 489);
	assert_int_equal(stats(r).no_room, 1);
	gateway_sends(r, bytes, 488);
	gateway_sends(r, bytes + 5, 60);
	flush(r);
	assert_used(r, VIRTIO_RX, 0, 500);
	assert_used(r, VIRTIO_RX, 1, 72);
	assert_memory_equal(driver_at(&r->d, r->in + VNET_HLEN), bytes, 488);
	assert_int_equal(driver_at(&r->d, r->in)[10], 1); /* 5.1.6.4.1 */
	assert_int_equal(driver_at(&r->d, r->in + 500)[10], 1);
	assert_false(room(r));
	rig_free(r);
}

static void
room_is_for_the_longest_frame(void **state)
{
	(void)state;
	for (int tso = 0; tso < 2; tso++) {
		struct rig *r =
		    rig_new(tso ? ALL : ALL & ~(VIRTIO_NET_F_GUEST_TSO4), Q(VIRTIO_TSO_ENTRIES), Q(16));
		uint32_t need = VNET_HLEN + (tso ? FRAME_MAX : FRAME);
		unsigned n = 0;

		assert_int_equal(r->link->sink.lim.tso, tso);
		for (; n < need / 1000; n++) {
			assert_false(room(r));
			offer(r, VIRTIO_RX, (struct driver_part[]){into(r->in + n * 1000, 1000)}, 1, false,
			      n);
		}
		assert_false(room(r));
		offer(r, VIRTIO_RX, (struct driver_part[]){into(r->in + n * 1000, need % 1000)}, 1, false, n);
		assert_true(room(r));
		gateway_sends(r, bytes, tso ? FRAME_MAX : FRAME);
		assert_int_equal(stats(r).no_room, 0);
		assert_false(room(r));
		flush(r);
		rig_free(r);
	}
}

/* A driver that has posted all it can will never post more: what there is must do. */
static void
a_queue_too_small_for_the_longest_frame(void **state)
{
	struct rig *r = rig_new(ALL, Q(4), Q(16));

	(void)state;
	assert_false(r->link->sink.lim.tso); /* too few entries for long frames in any case */
	guest_posts(r, 3, 100);
	assert_false(room(r));
	guest_posts(r, 1, 100);
	assert_true(room(r));
	gateway_sends(r, bytes, 500);
	assert_int_equal(stats(r).no_room, 1);
	gateway_sends(r, bytes, 300);
	flush(r);
	assert_int_equal(stats(r).frames_out, 1);
	assert_false(room(r)); /* now it can post again */
	rig_free(r);
}

static void
useless_buffers_go_back(void **state)
{
	struct driver_part p[VIRTQ_PIECES + 1];
	struct rig *r = rig_new(ALL, QI(64), Q(16));

	(void)state;
	for (uint32_t i = 0; i < ARRAY(p); i++)
		p[i] = into(r->in + i, 1);
	offer(r, VIRTIO_RX, p, ARRAY(p), true, 1);
	offer(r, VIRTIO_RX, (struct driver_part[]){into(r->in, 0)}, 1, false, 2);
	offer(r, VIRTIO_RX, (struct driver_part[]){into(r->in, 2000)}, 1, false, 3);
	assert_true(room(r));
	flush(r);
	assert_used(r, VIRTIO_RX, 1, 0);
	assert_used(r, VIRTIO_RX, 2, 0);
	assert_none_used(r, VIRTIO_RX);
	assert_int_equal(stats(r).refused, 2);
	gateway_sends(r, bytes, 60);
	flush(r);
	assert_used(r, VIRTIO_RX, 3, 72);
	rig_free(r);
}

static void
without_a_guest_there_is_room_and_frames_are_lost(void **state)
{
	struct rig *r = rig_bare(ALL, Q(16), Q(16));

	(void)state;
	assert_true(room(r));
	gateway_sends(r, bytes, 60);
	flush(r);
	assert_int_equal(stats(r).no_room, 0);
	assert_int_equal(start(r, VIRTIO_TX), 0);
	assert_true(room(r)); /* it has no ears yet */
	gateway_sends(r, bytes, 60);
	assert_int_equal(stats(r).no_room, 1);
	assert_int_equal(start(r, VIRTIO_RX), 0);
	assert_false(room(r));
	assert_int_equal(virtio_stop(r->dev, VIRTIO_RX), 0);
	assert_true(room(r));
	rig_free(r);
}

/* --- sleep ----------------------------------------------------------------------------------------- */

static void
no_kicks_while_awake(void **state)
{
	static const uint64_t features[] = {ALL, ALL & ~VIRTIO_F_EVENT_IDX};

	(void)state;
	for (size_t i = 0; i < ARRAY(features); i++) {
		struct rig *r = rig_new(features[i], Q(64), Q(64));

		assert_false(before_sleep(r));
		guest_sends(r, 60);
		assert_true(gateway_is_woken(r));
		assert_int_equal(receive(r), 1);
		assert_false(gateway_is_woken(r));
		for (int n = 0; n < 5; n++)
			guest_sends(r, 60);
		assert_false(gateway_is_woken(r)); /* it is awake */
		release(r);
		assert_true(before_sleep(r)); /* and looks before it sleeps */
		assert_int_equal(receive(r), 5);
		release(r);
		assert_false(before_sleep(r));
		assert_false(gateway_is_woken(r));
		assert_int_equal(stats(r).kicks, 1);
		guest_posts(r, 1, 60); /* nobody waits for buffers */
		assert_false(gateway_is_woken(r));
		assert_false(room(r));
		assert_false(before_sleep(r));
		guest_posts(r, 1, 3000);
		assert_true(gateway_is_woken(r));
		assert_int_equal(receive(r), 0);
		release(r);
		assert_true(room(r));
		assert_int_equal(stats(r).kicks, 2);
		rig_free(r);
	}
}

/* Buffers that come between room()'s no and the sleep are seen. */
static void
buffers_at_the_last_moment(void **state)
{
	struct rig *r = rig_new(ALL, Q(64), Q(64));

	(void)state;
	assert_false(room(r));
	virtio_set_call(r->dev, VIRTIO_RX, -1);
	guest_posts(r, 1, 3000);
	assert_true(before_sleep(r));
	assert_true(room(r));
	rig_free(r);
}

/* Kicks are heard however often, though nobody reads the descriptor; one may serve both queues. */
static void
a_kick_for_both_queues(void **state)
{
	struct rig *r = rig_bare(ALL, Q(16), Q(256));

	(void)state;
	for (unsigned q = 0; q < VIRTIO_QUEUES; q++) {
		struct virtio_queue_setup s = driver_setup(&r->d, q);

		s.kick_fd = r->d.kick_fd[0];
		assert_int_equal(virtio_start(r->dev, q, &s), 0);
	}
	assert_int_equal(receive(r), 0);
	release(r);
	for (int n = 0; n < 100; n++) {
		while (before_sleep(r) || gateway_is_woken(r)) {
			receive(r);
			release(r);
		}
		driver_kick(&r->d, 0);
		assert_true(gateway_is_woken(r));
	}
	assert_int_equal(virtio_stop(r->dev, VIRTIO_RX), 0);
	while (before_sleep(r) || gateway_is_woken(r)) {
		receive(r);
		release(r);
	}
	driver_kick(&r->d, 0);
	assert_true(gateway_is_woken(r));
	rig_free(r);
}

/* --- lives of queues ------------------------------------------------------------------------------- */

static void
guests_come_and_go(void **state)
{
	struct rig *r = rig_bare(ALL, Q(256), Q(16));

	(void)state;
	while (before_sleep(r) || gateway_is_woken(r)) {
		assert_int_equal(receive(r), 0);
		release(r);
	}
	assert_int_equal(r->link->arrived, 0);
	for (uint32_t life = 1; life < 4; life++) {
		uint64_t features = life == 2 ? ALL & ~(VIRTIO_NET_F_GUEST_CSUM) : ALL;

		assert_int_equal(virtio_set_features(r->dev, features), 0);
		assert_int_equal(start(r, VIRTIO_RX), 0);
		assert_int_equal(start(r, VIRTIO_TX), 0);
		guest_sends(r, 60);
		assert_true(gateway_is_woken(r));
		assert_int_equal(receive(r), 1);
		release(r);
		assert_int_equal(r->link->arrived, life);
		assert_int_equal(r->link->departed, life - 1);
		assert_int_equal(r->link->sink.lim.csum, life != 2);
		assert_int_equal(r->link->sink.lim.tso, life != 2);
		assert_false(r->link->sink.lim.uso);
		assert_int_equal(r->link->sink.lim.mtu, MTU);
		assert_int_equal(stats(r).running, 3);
		assert_int_equal(virtio_set_features(r->dev, 0), -EBUSY);
		assert_false(before_sleep(r));

		guest_sends(r, 60);
		assert_int_equal(virtio_reset(r->dev), 0);
		assert_int_equal(stats(r).running, 0);
		assert_true(gateway_is_woken(r));
		assert_int_equal(receive(r), 0); /* what it had sent is lost */
		release(r);
		assert_int_equal(r->link->departed, life);
		assert_true(room(r));
		driver_free(&r->d);
		driver_init(&r->d, 2 << 20, DRIVER_GPA);
		struct guest_region all = driver_region(&r->d);
		assert_int_equal(virtio_set_memory(r->dev, &all, 1), 0);
		driver_queue_init(&r->d, VIRTIO_RX,
				  &(struct driver_queue_conf){.num = 256, .event_idx = true});
		driver_queue_init(&r->d, VIRTIO_TX,
				  &(struct driver_queue_conf){.num = 16, .event_idx = true});
		r->out = driver_alloc(&r->d, OUT_SIZE, 4096);
	}
	assert_int_equal(virtio_reset(r->dev), 0);
	assert_int_equal(receive(r), 0);
	release(r);
	assert_int_equal(r->link->departed, 3); /* nobody was there */
	rig_free(r);
}

/* Between two turns one guest left and another came: both are told, the leaving first. */
static void
a_guest_that_is_replaced_at_once(void **state)
{
	struct rig *r = rig_new(ALL, Q(256), Q(16));

	(void)state;
	assert_int_equal(virtio_reset(r->dev), 0);
	driver_queue_init(&r->d, VIRTIO_RX, &(struct driver_queue_conf){.num = 256});
	driver_queue_init(&r->d, VIRTIO_TX, &(struct driver_queue_conf){.num = 16});
	assert_int_equal(start(r, VIRTIO_RX), 0);
	assert_int_equal(start(r, VIRTIO_TX), 0);
	guest_sends(r, 60);
	assert_true(before_sleep(r));
	assert_int_equal(receive(r), 0);
	assert_true(r->more);
	assert_int_equal(r->link->departed, 1);
	assert_int_equal(r->link->arrived, 1);
	release(r);
	assert_int_equal(receive(r), 1);
	assert_int_equal(r->link->arrived, 2);
	assert_false(r->link->sink.lim.csum); /* it accepted nothing */
	release(r);
	rig_free(r);
}

/* Where a queue stopped it goes on, with the buffers that had been taken ahead of need. */
static void
stop_and_start_again(void **state)
{
	struct rig *r = rig_new(ALL, (struct driver_queue_conf){.num = 16, .start = 65530},
				(struct driver_queue_conf){.num = 16, .start = 65533});

	(void)state;
	guest_posts(r, 10, 700);
	assert_true(room(r)); /* takes three */
	gateway_sends(r, bytes, 60);
	for (int i = 0; i < 5; i++)
		guest_sends(r, 60);
	assert_int_equal(r->link->ops->receive(r->link, r->frames, 3, &r->more), 3);
	flush(r);
	release(r);
	int rx = virtio_stop(r->dev, VIRTIO_RX), tx = virtio_stop(r->dev, VIRTIO_TX);
	assert_int_equal(rx, 65531);
	assert_int_equal(tx, 0);
	assert_int_equal(stats(r).running, 0);
	assert_int_equal(receive(r), 0);
	release(r);
	r->d.q[VIRTIO_RX].conf.start = (uint16_t)rx;
	r->d.q[VIRTIO_TX].conf.start = (uint16_t)tx;
	assert_int_equal(start(r, VIRTIO_RX), 0);
	assert_int_equal(start(r, VIRTIO_TX), 0);
	assert_int_equal(receive(r), 2);
	release(r);
	gateway_sends(r, bytes + 1, 60);
	flush(r);
	assert_int_equal(r->link->departed, 0);
	assert_used(r, VIRTIO_RX, 0, 72);
	assert_used(r, VIRTIO_RX, 1, 72);
	assert_memory_equal(driver_at(&r->d, r->in + 700 + VNET_HLEN), bytes + 1, 60);
	for (int i = 0; i < 5; i++)
		assert_used(r, VIRTIO_TX, 60, 0);
	rig_free(r);
}

static void
start_says_what_is_wrong(void **state)
{
	struct rig *r = rig_bare(ALL, Q(16), Q(16));
	struct virtio_queue_setup s = driver_setup(&r->d, VIRTIO_TX);
	int closed = dup(0);

	(void)state;
	assert_int_equal(virtio_start(r->dev, VIRTIO_QUEUES, &s), -EINVAL);
	assert_int_equal(virtio_stop(r->dev, VIRTIO_QUEUES), -EINVAL);
	assert_int_equal(virtio_set_kick(r->dev, VIRTIO_QUEUES, -1), -EINVAL);
	assert_int_equal(virtio_set_call(r->dev, VIRTIO_QUEUES, -1), -EINVAL);
	assert_int_equal(virtio_set_kick(r->dev, VIRTIO_TX, -1), -EINVAL);
	assert_int_equal(virtio_set_call(r->dev, VIRTIO_TX, -1), -EINVAL);
	s.num = 5;
	assert_int_equal(virtio_start(r->dev, VIRTIO_TX, &s), -EINVAL);
	s.num = 16;
	close(closed);
	s.kick_fd = closed;
	assert_int_equal(virtio_start(r->dev, VIRTIO_TX, &s), -EBADF);
	assert_int_equal(stats(r).running, 0);
	s.kick_fd = -1;
	assert_int_equal(virtio_start(r->dev, VIRTIO_TX, &s), 0);
	assert_int_equal(virtio_start(r->dev, VIRTIO_TX, &s), -EBUSY);
	assert_int_equal(virtio_set_kick(r->dev, VIRTIO_TX, closed), -EBADF);
	assert_int_equal(virtio_set_kick(r->dev, VIRTIO_TX, r->d.kick_fd[VIRTIO_TX]), 0);
	driver_kick(&r->d, VIRTIO_TX);
	assert_true(gateway_is_woken(r));
	assert_int_equal(stats(r).running, 1 << VIRTIO_TX);
	struct guest_region bad = {.gpa = 0, .size = 0, .base = r->d.memory};
	assert_int_equal(virtio_set_memory(r->dev, &bad, 1), -EINVAL);
	assert_int_equal(stats(r).broken, 0);
	rig_free(r);
}

/* Memory that moves takes buffers along that were taken ahead; what is no longer in it breaks one queue. */
static void
memory_changes_under_running_queues(void **state)
{
	struct rig *r = rig_new(ALL, Q(256), Q(16));
	const uint64_t half = r->d.q[VIRTIO_TX].desc - r->d.gpa;
	uint8_t *moved = malloc(r->d.size);

	(void)state;
	guest_posts(r, 60, 2000);
	assert_true(room(r));
	uint8_t *old = r->d.memory;
	memcpy(moved, old, r->d.size);
	r->d.memory = moved;
	struct guest_region all = driver_region(&r->d);
	assert_int_equal(virtio_set_memory(r->dev, &all, 1), 0);
	memset(old, 0xdd, r->d.size);
	free(old); /* nobody may look at it now */
	gateway_sends(r, bytes, 1000);
	flush(r);
	assert_used(r, VIRTIO_RX, 0, 1012);
	guest_sends(r, 99);
	assert_int_equal(receive(r), 1);
	assert_frame(r, &r->frames[0], r->out + VNET_HLEN, 99);
	release(r);

	const struct guest_region without_tx[] = {{all.gpa, half, all.base},
						  {r->in, IN_SIZE, driver_at(&r->d, r->in)}};
	assert_int_equal(virtio_set_memory(r->dev, without_tx, 2), 0);
	assert_int_equal(stats(r).broken, 1 << VIRTIO_TX);
	guest_sends(r, 60);
	assert_int_equal(receive(r), 0);
	release(r);
	gateway_sends(r, bytes, 500);
	flush(r);
	assert_used(r, VIRTIO_RX, 1, 512);
	rig_free(r);
}

/* Everything but a look at the numbers waits for the turn's end, and so would wait for ever. */
static void
within_a_turn_nothing_can_be_changed(void **state)
{
	struct rig *r = rig_new(ALL, Q(16), Q(16));
	struct virtio_queue_setup s = driver_setup(&r->d, VIRTIO_TX);
	struct guest_region all = driver_region(&r->d);

	(void)state;
	guest_sends(r, 60);
	assert_int_equal(receive(r), 1);
	assert_int_equal(virtio_start(r->dev, VIRTIO_TX, &s), -EDEADLK);
	assert_int_equal(virtio_stop(r->dev, VIRTIO_TX), -EDEADLK);
	assert_int_equal(virtio_reset(r->dev), -EDEADLK);
	assert_int_equal(virtio_set_memory(r->dev, &all, 1), -EDEADLK);
	assert_int_equal(virtio_set_features(r->dev, 0), -EDEADLK);
	assert_int_equal(virtio_set_kick(r->dev, VIRTIO_TX, -1), -EDEADLK);
	assert_int_equal(virtio_set_call(r->dev, VIRTIO_TX, -1), -EDEADLK);
	assert_int_equal(stats(r).frames_in, 1);
	assert_frame(r, &r->frames[0], r->out + VNET_HLEN, 60);
	release(r);
	assert_int_equal(virtio_reset(r->dev), 0);
	rig_free(r);
}

static void
one_gateway_at_a_time(void **state)
{
	struct rig *r = rig_new(ALL, Q(256), Q(16));
	int error = 0;

	(void)state;
	assert_null(link_virtio(NULL, r->dev, MTU, &error));
	assert_int_equal(error, EBUSY);
	guest_posts(r, 60, 2000);
	assert_true(room(r));
	guest_sends(r, 60);
	assert_int_equal(receive(r), 1);
	r->link->ops->free(r->link); /* in the middle of a turn: what was borrowed goes back */
	assert_used(r, VIRTIO_TX, 60, 0);
	r->link = link_virtio(NULL, r->dev, MTU, &error);
	assert_non_null(r->link);
	assert_true(before_sleep(r));
	assert_int_equal(receive(r), 0);
	release(r);
	assert_int_equal(r->link->arrived, 1); /* for this gateway it is new */
	assert_true(r->link->sink.lim.tso);
	gateway_sends(r, bytes, 60);
	flush(r);
	assert_used(r, VIRTIO_RX, 0, 72);
	rig_free(r);
}

static void
nothing_stays_behind(void **state)
{
	unsigned before = open_descriptors();

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct rig *r = rig_new(ALL, Q(16), Q(16));

		if (i % 2)
			assert_int_equal(virtio_reset(r->dev), 0);
		rig_free(r);
	}
	virtio_free(NULL);
	assert_int_equal(open_descriptors(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_header_may_be_cut_anywhere),
	    cmocka_unit_test(a_header_byte_by_byte),
	    cmocka_unit_test(frames_of_many_pieces),
	    cmocka_unit_test(many_frames_of_many_pieces),
	    cmocka_unit_test(senseless_frames_are_refused),
	    cmocka_unit_test(a_turn_is_bounded),
	    cmocka_unit_test(one_interrupt_for_a_turn),
	    cmocka_unit_test(a_frame_in_one_buffer),
	    cmocka_unit_test(a_frame_over_many_buffers),
	    cmocka_unit_test(buffers_of_many_pieces),
	    cmocka_unit_test(without_mergeable_buffers),
	    cmocka_unit_test(room_is_for_the_longest_frame),
	    cmocka_unit_test(a_queue_too_small_for_the_longest_frame),
	    cmocka_unit_test(useless_buffers_go_back),
	    cmocka_unit_test(without_a_guest_there_is_room_and_frames_are_lost),
	    cmocka_unit_test(no_kicks_while_awake),
	    cmocka_unit_test(buffers_at_the_last_moment),
	    cmocka_unit_test(a_kick_for_both_queues),
	    cmocka_unit_test(guests_come_and_go),
	    cmocka_unit_test(a_guest_that_is_replaced_at_once),
	    cmocka_unit_test(stop_and_start_again),
	    cmocka_unit_test(start_says_what_is_wrong),
	    cmocka_unit_test(memory_changes_under_running_queues),
	    cmocka_unit_test(within_a_turn_nothing_can_be_changed),
	    cmocka_unit_test(one_gateway_at_a_time),
	    cmocka_unit_test(nothing_stays_behind),
	};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 13 + i / 255);
	return cmocka_run_group_tests_name("virtio", tests, NULL, NULL);
}
