/*
 * virtio_kit.h - a virtio-net device with driver and gateway on one thread
 *
 * The gateway's half is driven as the loop drives it: receive, release, the sink, before_sleep.
 */
#ifndef TEST_UNIT_VIRTIO_KIT_H
#define TEST_UNIT_VIRTIO_KIT_H

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "link/vnet_wire.h"
#include "test/bed/virtio_driver.h"

#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))
#define MTU 1500u
#define FRAME (MTU + 14)
#define ALL VIRTIO_LINK_FEATURES

struct rig {
	struct driver d;
	struct virtio_dev *dev;
	struct link *link;
	struct frame frames[LINK_BATCH];
	bool more;
	uint64_t out; /* guest-physical: 128 KiB to send from, of a pattern */
	uint64_t in;  /* and 256 KiB to receive into */
};

/* A queue of n entries; QI: with indirect tables. */
static inline struct driver_queue_conf
Q(uint16_t n) {
	return (struct driver_queue_conf){.num = n};
}

static inline struct driver_queue_conf
QI(uint16_t n) {
	return (struct driver_queue_conf){.num = n, .tables = DRIVER_PARTS};
}

#define OUT_SIZE 131072u
#define IN_SIZE 262144u

static inline struct rig *
rig_bare(uint64_t features, struct driver_queue_conf rx, struct driver_queue_conf tx)
{
	struct rig *r = calloc(1, sizeof(*r));
	int error;

	assert_non_null(r);
	rx.event_idx = tx.event_idx = features & VIRTIO_F_EVENT_IDX;
	driver_init(&r->d, 2 << 20, DRIVER_GPA);
	driver_queue_init(&r->d, VIRTIO_RX, &rx);
	driver_queue_init(&r->d, VIRTIO_TX, &tx);
	r->out = driver_alloc(&r->d, OUT_SIZE, 4096);
	r->in = driver_alloc(&r->d, IN_SIZE, 4096);
	for (size_t i = 0; i < OUT_SIZE; i++)
		driver_at(&r->d, r->out)[i] = (uint8_t)(i * 7 + i / 251);
	r->dev = virtio_new(&error);
	assert_non_null(r->dev);
	struct guest_region all = driver_region(&r->d);
	assert_int_equal(virtio_set_memory(r->dev, &all, 1), 0);
	assert_int_equal(virtio_set_features(r->dev, features), 0);
	r->link = link_virtio(NULL, r->dev, MTU, &error);
	assert_non_null(r->link);
	return r;
}

static inline int
start(struct rig *r, unsigned queue)
{
	struct virtio_queue_setup s = driver_setup(&r->d, queue);

	return virtio_start(r->dev, queue, &s);
}

static inline int
receive(struct rig *r)
{
	return r->link->ops->receive(r->link, r->frames, LINK_BATCH, &r->more);
}

static inline void
release(struct rig *r)
{
	r->link->ops->release(r->link);
}

/* Both queues run, and the link knows. */
static inline struct rig *
rig_new(uint64_t features, struct driver_queue_conf rx, struct driver_queue_conf tx)
{
	struct rig *r = rig_bare(features, rx, tx);

	assert_int_equal(start(r, VIRTIO_RX), 0);
	assert_int_equal(start(r, VIRTIO_TX), 0);
	assert_int_equal(receive(r), 0);
	release(r);
	assert_int_equal(r->link->arrived, 1);
	return r;
}

static inline void
rig_free(struct rig *r)
{
	assert_null(r->d.q[VIRTIO_RX].wrong);
	assert_null(r->d.q[VIRTIO_TX].wrong);
	if (r->link)
		r->link->ops->free(r->link);
	virtio_free(r->dev);
	driver_free(&r->d);
	free(r);
}

static inline bool
room(struct rig *r)
{
	return r->link->sink.room(r->link->sink.ctx);
}

static inline void
flush(struct rig *r)
{
	r->link->sink.flush(r->link->sink.ctx);
}

static inline bool
before_sleep(struct rig *r)
{
	return r->link->ops->before_sleep(r->link);
}

/* Without flush: `len` bytes of `bytes`, in two spans. */
static inline void
gateway_sends(struct rig *r, const uint8_t *bytes, uint32_t len)
{
	uint32_t head = len < 54 ? len : 54;
	struct frame f = {
	    .len = len, .nspan = 2, .span = {view_of(bytes, head), view_of(bytes + head, len - head)}};

	r->link->sink.send(r->link->sink.ctx, &f);
}

static inline bool
gateway_is_woken(struct rig *r)
{
	short events;
	struct pollfd p = {.fd = r->link->ops->pollfd(r->link, &events), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static inline struct virtio_stats
stats(struct rig *r)
{
	struct virtio_stats st;

	virtio_get_stats(r->dev, &st);
	return st;
}

static inline struct driver_part
from(uint64_t gpa, uint32_t len)
{
	return (struct driver_part){.gpa = gpa, .len = len};
}

static inline struct driver_part
into(uint64_t gpa, uint32_t len)
{
	return (struct driver_part){.gpa = gpa, .len = len, .write = true};
}

/* A chain, kicked if the device likes. */
static inline void
offer(struct rig *r, unsigned queue, const struct driver_part *p, unsigned n, bool indirect, uint64_t cookie)
{
	assert_true(driver_add(&r->d.q[queue], p, n, indirect, cookie));
	if (driver_publish(&r->d.q[queue]))
		driver_kick(&r->d, queue);
}

/* A frame of len bytes from off in the pattern, header before it, in one descriptor. */
static inline void
guest_sends(struct rig *r, uint32_t len)
{
	memset(driver_at(&r->d, r->out), 0, VNET_HLEN);
	offer(r, VIRTIO_TX, (struct driver_part[]){from(r->out, VNET_HLEN + len)}, 1, false, len);
}

static inline void
guest_posts(struct rig *r, unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++)
		offer(r, VIRTIO_RX,
		      (struct driver_part[]){into(r->in + (uint64_t)i * len % (IN_SIZE - len), len)}, 1,
		      false, i);
}

/* The bytes of a frame against those of guest memory. */
static inline void
assert_frame(struct rig *r, const struct frame *f, uint64_t gpa, uint32_t len)
{
	const uint8_t *want = driver_at(&r->d, gpa);
	uint32_t off = 0;

	assert_int_equal(f->len, len);
	assert_true(f->shared);
	assert_true(f->nspan <= FRAME_SPANS);
	for (int i = 0; i < f->nspan; i++) {
		assert_true(f->span[i].len <= len - off);
		assert_memory_equal(f->span[i].p, want + off, f->span[i].len);
		off += (uint32_t)f->span[i].len;
	}
	assert_int_equal(off, len);
}

static inline void
assert_used(struct rig *r, unsigned queue, uint64_t cookie, uint32_t len)
{
	uint64_t c;
	uint32_t n;

	assert_true(driver_used(&r->d.q[queue], &c, &n));
	assert_int_equal(c, cookie);
	assert_int_equal(n, len);
}

static inline void
assert_none_used(struct rig *r, unsigned queue)
{
	uint64_t c;
	uint32_t n;

	assert_false(driver_used(&r->d.q[queue], &c, &n));
	assert_null(r->d.q[queue].wrong);
}

#endif
