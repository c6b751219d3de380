/*
 * link_ring.h - the gateway's half of the benchmarks of a link with no stack behind it
 *
 * Its thread copies every frame that goes up once, as writev(2) into a socket would; going down it sends as many of
 * one frame as there is room for.
 */
#ifndef TEST_BENCH_LINK_RING_H
#define TEST_BENCH_LINK_RING_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/link.h"
#include "sluice.h"
#include "test/bench/common.h"

#define STILL_MS 100 /* the longest sleep, so that a side whose other side ended looks up */

struct ring_run {
	struct link *link;
	uint32_t len; /* of each frame */
	bool up;
	_Atomic bool stop;
	uint64_t frames;  /* that arrived: counted by the gateway going up, by the guest going down */
	uint8_t *scratch; /* the gateway's: a frame */
	pthread_t gateway;
	double start, took;
};

/* What there is room for, of one frame with a header in a span of its own. */
static inline void
gateway_down(struct link *link, const uint8_t *bytes, uint32_t len)
{
	struct frame_sink *sink = &link->sink;
	struct frame f = {
	    .len = len, .nspan = 2, .span = {view_of(bytes, 54), view_of(bytes + 54, len - 54)}};

	for (int i = 0; i < LINK_BATCH && sink->room(sink->ctx); i++)
		sink->send(sink->ctx, &f);
	sink->flush(sink->ctx);
}

static inline void
gateway_up(struct ring_run *r, const struct frame *frames, int n)
{
	for (int i = 0; i < n; i++) {
		uint8_t *to = r->scratch;

		for (int s = 0; s < frames[i].nspan; s++) {
			memcpy(to, frames[i].span[s].p, frames[i].span[s].len);
			to += frames[i].span[s].len;
		}
	}
	if (r->up)
		r->frames += (uint64_t)n;
}

static inline void *
gateway_main(void *arg)
{
	struct ring_run *r = arg;
	struct frame frames[LINK_BATCH];
	struct frame_sink *sink = &r->link->sink;

	while (!atomic_load(&r->stop)) {
		bool more;
		int n = r->link->ops->receive(r->link, frames, LINK_BATCH, &more);

		gateway_up(r, frames, n);
		if (!r->up)
			gateway_down(r->link, r->scratch, r->len);
		r->link->ops->release(r->link);
		if (more || (!r->up && sink->room(sink->ctx)) || r->link->ops->before_sleep(r->link))
			continue;
		struct pollfd p = {.events = POLLIN};
		p.fd = r->link->ops->pollfd(r->link, &p.events);
		poll(&p, 1, STILL_MS);
	}
	return NULL;
}

/* From here on the guest does its half, on this thread, until ring_end(). */
static inline void
ring_begin(struct ring_run *r)
{
	if (pthread_create(&r->gateway, NULL, gateway_main, r) != 0)
		die("no thread");
	r->start = seconds_now();
}

static inline void
ring_end(struct ring_run *r)
{
	atomic_store(&r->stop, true);
	pthread_join(r->gateway, NULL);
	r->took = seconds_now() - r->start;
}

/* One JSON object; wakes are those of both sides. */
static inline void
ring_print(const struct ring_run *r, const char *row, uint64_t wakes)
{
	double frames = (double)r->frames;

	printf("{\"row\":\"%s_%s%s\",\"gateway\":\"sluice\",\"version\":\"%s\",\"foreign\":0,\"bytes\":%u,"
	       "\"value\":%.1f,\"mframes\":%.2f,\"wakes\":%.4f}\n",
	       row, r->up ? "up" : "down", r->len > 1514 ? "_gso" : "", sluice_version(), r->len,
	       frames * r->len * 8 / r->took / 1e9, frames / r->took / 1e6,
	       frames > 0 ? (double)wakes / frames : 0);
}

#endif
