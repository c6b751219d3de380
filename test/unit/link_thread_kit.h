/*
 * link_thread_kit.h - numbered frames over a link, between the gateway's thread and the guest's
 *
 * Each side sends frames of many lengths and checks what it gets, byte for byte.  The gateway's loop is here; the
 * guest's half is its link's own, and begins its `struct world` with the traffic.  Whatever goes wrong first is kept,
 * and ends all threads.
 */
#ifndef TEST_UNIT_LINK_THREAD_KIT_H
#define TEST_UNIT_LINK_THREAD_KIT_H

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "link/link.h"

#define PERIOD 4093u   /* of the pattern */
#define STUCK_MS 60000 /* nobody is ever asleep that long for a good reason */

struct traffic {
	struct link *link;
	uint32_t frames; /* each way */
	bool lockstep;   /* one frame at a time, so that both sides sleep at each */
	_Atomic(const char *) failed;
	uint8_t pattern[PERIOD + FRAME_MAX];

	/* the sending half of the guest */
	uint32_t guest_sent, guest_done;
	/* the receiving half */
	uint32_t guest_got;
	uint32_t frame_off; /* bytes of frame guest_got seen so far */
	unsigned bufs_left; /* buffers of it still to come */
	/* the gateway */
	uint32_t gateway_sent, gateway_got;
};

static inline void
traffic_init(struct traffic *t, uint32_t frames, bool lockstep)
{
	t->frames = frames;
	t->lockstep = lockstep;
	for (size_t i = 0; i < sizeof(t->pattern); i++)
		t->pattern[i] = (uint8_t)(i % PERIOD * 31 + i % PERIOD / 256);
}

static inline bool
fail_with(struct traffic *t, const char *why)
{
	const char *none = NULL;

	atomic_compare_exchange_strong(&t->failed, &none, why);
	return false;
}

static inline bool
failed(struct traffic *t)
{
	return atomic_load(&t->failed) != NULL;
}

/* Until one of at most two descriptors is readable. */
static inline void
sleep_on(struct traffic *t, const int *fds, unsigned n, const char *who)
{
	struct pollfd p[2];

	for (unsigned i = 0; i < n; i++)
		p[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	if (poll(p, n, STUCK_MS) == 0)
		fail_with(t, who);
}

/* --- what is sent ---------------------------------------------------------------------------------- */

static inline uint32_t
frame_len(uint32_t seq)
{
	uint32_t h = seq * 2654435761u >> 8;

	if (h % 64 == 0)
		return FRAME_MAX - h % 1000;
	return h % 4 == 0 ? 1514 : 20 + h % 400;
}

static inline void
frame_fill(const struct traffic *t, uint32_t seq, uint8_t *to)
{
	memcpy(to, t->pattern + seq % PERIOD, frame_len(seq));
	memcpy(to, &seq, sizeof(seq));
}

/* Are these the bytes of frame seq from off on? */
static inline bool
frame_matches(const struct traffic *t, uint32_t seq, uint32_t off, const uint8_t *p, size_t len)
{
	uint8_t head[sizeof(seq)];

	if (off + len > frame_len(seq))
		return false;
	memcpy(head, &seq, sizeof(seq));
	while (len > 0 && off < sizeof(seq)) {
		if (*p++ != head[off++])
			return false;
		len--;
	}
	return memcmp(p, t->pattern + seq % PERIOD + off, len) == 0;
}

/* --- the gateway ----------------------------------------------------------------------------------- */

static inline bool
gateway_takes(struct traffic *t, const struct frame *f)
{
	uint32_t seq = t->gateway_got++;
	uint32_t off = 0;

	if (f->len != frame_len(seq) || f->off.hdr_len != (seq & 0xffff))
		return fail_with(t, "gateway: a frame is not the one that comes next");
	for (int i = 0; i < f->nspan; i++) {
		if (!frame_matches(t, seq, off, f->span[i].p, f->span[i].len))
			return fail_with(t, "gateway: a frame's bytes are wrong");
		off += (uint32_t)f->span[i].len;
	}
	return true;
}

static inline bool
gateway_may_send(const struct traffic *t)
{
	return t->gateway_sent < t->frames && (!t->lockstep || t->gateway_sent < t->gateway_got);
}

static inline void
gateway_sends(struct traffic *t, uint8_t *scratch)
{
	struct frame_sink *sink = &t->link->sink;

	for (int i = 0; i < LINK_BATCH && gateway_may_send(t) && sink->room(sink->ctx); i++) {
		uint32_t seq = t->gateway_sent++;
		uint32_t len = frame_len(seq), head = 14 + seq % 40 < len ? 14 + seq % 40 : len;
		struct frame f = {.len = len,
				  .nspan = 2,
				  .off = {.gso_size = (uint16_t)seq},
				  .span = {view_of(scratch, head), view_of(scratch + head, len - head)}};

		frame_fill(t, seq, scratch);
		sink->send(sink->ctx, &f);
	}
	sink->flush(sink->ctx);
}

/* A thread; it is given the traffic. */
static inline void *
gateway_main(void *arg)
{
	struct traffic *t = arg;
	uint8_t *scratch = malloc(FRAME_MAX);
	struct frame frames[LINK_BATCH];

	while (!failed(t) && (t->gateway_got < t->frames || t->gateway_sent < t->frames)) {
		bool more;
		short events;
		int n = t->link->ops->receive(t->link, frames, LINK_BATCH, &more);

		if (n < 0) {
			fail_with(t, "gateway: the link is gone");
			break;
		}
		for (int i = 0; i < n && gateway_takes(t, &frames[i]); i++)
			;
		gateway_sends(t, scratch);
		t->link->ops->release(t->link);
		if (more || (gateway_may_send(t) && t->link->sink.room(t->link->sink.ctx)) ||
		    t->link->ops->before_sleep(t->link) || t->gateway_got + t->gateway_sent == 2 * t->frames)
			continue;
		int fd = t->link->ops->pollfd(t->link, &events);
		sleep_on(t, &fd, 1, "gateway: nobody woke it");
	}
	free(scratch);
	return NULL;
}

/* --- the guest ------------------------------------------------------------------------------------- */

/* No more than `most` are under way. */
static inline bool
guest_may_send(const struct traffic *t, uint32_t most)
{
	return t->guest_sent < t->frames && (!t->lockstep || t->guest_sent == t->guest_got) &&
	       t->guest_sent - t->guest_done < most;
}

/* A frame begins in so many buffers, with what the gateway has put into gso_size. */
static inline bool
guest_begins(struct traffic *t, unsigned bufs, uint16_t gso_size)
{
	t->bufs_left = bufs;
	t->frame_off = 0;
	if (bufs == 0 || gso_size != (t->guest_got & 0xffff))
		return fail_with(t, "guest: a frame is not the one that comes next");
	return true;
}

/* What is in one of its buffers. */
static inline bool
guest_reads(struct traffic *t, const uint8_t *p, uint32_t len)
{
	if (!frame_matches(t, t->guest_got, t->frame_off, p, len))
		return fail_with(t, "guest: a frame's bytes are wrong");
	t->frame_off += len;
	if (--t->bufs_left > 0)
		return true;
	if (t->frame_off != frame_len(t->guest_got))
		return fail_with(t, "guest: a frame is too short");
	t->guest_got++;
	return true;
}

/* --- all of them ----------------------------------------------------------------------------------- */

/* The threads, each given the traffic with which a world begins, until all have ended well. */
static inline void
traffic_run(struct traffic *t, void *(*const mains[])(void *), size_t n)
{
	pthread_t thread[3];

	for (size_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, mains[i], t), 0);
	for (size_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	if (t->failed)
		fail_msg("%s", t->failed);
	assert_int_equal(t->gateway_got, t->frames);
	assert_int_equal(t->guest_got, t->frames);
}

#endif
