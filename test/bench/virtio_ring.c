/*
 * virtio_ring.c - what a virtio-net device carries with no stack behind it
 *
 *	virtio_ring [SECONDS]
 *
 * A driver's thread and a gateway's thread, frames of 1,514 and 65,000 bytes, each way for SECONDS (1), with event
 * indices, indirect tables going up (a header's descriptor and the frame's pages) and mergeable buffers of 4 KiB
 * going down.  Going up, the gateway copies every frame once, as writev(2) into a socket would; going down, the
 * link itself copies.  Prints one JSON object a line; wakes are kicks and interrupts for each frame.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/vnet_wire.h"
#include "sluice.h"
#include "test/bed/virtio_driver.h"
#include "test/bench/common.h"

#define NUM 256u
#define PAGE 4096u
#define STRIDE 69632u /* of a frame to send, with its header: 17 pages */
#define STILL_MS 100  /* the longest sleep, so that a side whose other side ended looks up */

struct wire {
	struct driver d;
	struct virtio_dev *dev;
	struct link *link;
	uint32_t len;
	bool up;
	_Atomic bool stop;
	uint64_t frames; /* that arrived */
	uint64_t memory; /* the driver's buffers */
	uint8_t *scratch;
};

static void
gateway_down(struct wire *w)
{
	struct frame_sink *sink = &w->link->sink;
	struct frame f = {.len = w->len,
			  .nspan = 2,
			  .span = {view_of(w->scratch, 54), view_of(w->scratch + 54, w->len - 54)}};

	for (int i = 0; i < LINK_BATCH && sink->room(sink->ctx); i++)
		sink->send(sink->ctx, &f);
	sink->flush(sink->ctx);
}

static void
gateway_up(struct wire *w, const struct frame *frames, int n)
{
	for (int i = 0; i < n; i++) {
		uint8_t *to = w->scratch;

		for (int s = 0; s < frames[i].nspan; s++) {
			memcpy(to, frames[i].span[s].p, frames[i].span[s].len);
			to += frames[i].span[s].len;
		}
	}
	w->frames += (uint64_t)n;
}

static void *
gateway_main(void *arg)
{
	struct wire *w = arg;
	struct frame frames[LINK_BATCH];
	struct frame_sink *sink = &w->link->sink;

	while (!atomic_load(&w->stop)) {
		bool more;
		int n = w->link->ops->receive(w->link, frames, LINK_BATCH, &more);

		gateway_up(w, frames, n);
		if (!w->up)
			gateway_down(w);
		w->link->ops->release(w->link);
		if (more || (!w->up && sink->room(sink->ctx)) || w->link->ops->before_sleep(w->link))
			continue;
		struct pollfd p = {.events = POLLIN};
		p.fd = w->link->ops->pollfd(w->link, &p.events);
		poll(&p, 1, STILL_MS);
	}
	return NULL;
}

static void
guest_adds(struct wire *w, uint64_t i)
{
	struct driver_part p[18];
	unsigned n = 0;

	if (!w->up) {
		p[n++] = (struct driver_part){.gpa = w->memory + i * PAGE, .len = PAGE, .write = true};
	} else {
		uint64_t at = w->memory + i * STRIDE;

		p[n++] = (struct driver_part){.gpa = at, .len = VNET_HLEN};
		for (uint32_t off = 0; off < w->len; off += PAGE)
			p[n++] = (struct driver_part){.gpa = at + PAGE + off,
						      .len = w->len - off < PAGE ? w->len - off : PAGE};
	}
	if (!driver_add(&w->d.q[w->up], p, n, w->up, i))
		die("the ring is full with descriptors to spare");
}

/* A frame's buffers are counted in the header that its first one begins with. */
static void
guest_counts(struct wire *w, uint64_t i, unsigned *left)
{
	const uint8_t *p = driver_at(&w->d, w->memory + i * PAGE);

	if (*left == 0)
		*left = p[10] | (unsigned)p[11] << 8;
	if (--*left == 0)
		w->frames++;
}

static void
guest_sleeps(struct wire *w, unsigned queue)
{
	struct pollfd p = {.fd = w->d.call_fd[queue], .events = POLLIN};

	if (!driver_arm(&w->d.q[queue]))
		poll(&p, 1, STILL_MS);
	driver_interrupted(&w->d, queue);
}

static void
guest_runs(struct wire *w, double seconds)
{
	const unsigned queue = w->up ? VIRTIO_TX : VIRTIO_RX;
	struct driver_queue *q = &w->d.q[queue];
	unsigned left = 0;
	uint64_t cookie;
	uint32_t len;

	for (uint64_t i = 0; i < NUM; i++)
		guest_adds(w, i);
	for (double end = seconds_now() + seconds; seconds_now() < end;) {
		int n = 0;

		if (driver_publish(q))
			driver_kick(&w->d, queue);
		for (; n < 64 && driver_used(q, &cookie, &len); n++) {
			if (!w->up)
				guest_counts(w, cookie, &left);
			guest_adds(w, cookie);
		}
		if (n == 0)
			guest_sleeps(w, queue);
	}
}

static void
make_device(struct wire *w)
{
	const uint64_t size = (uint64_t)NUM * STRIDE;
	int error;

	driver_init(&w->d, size + (4 << 20), DRIVER_GPA);
	w->memory = driver_alloc(&w->d, size, PAGE);
	w->scratch = aligned_alloc(PAGE, STRIDE);
	w->dev = virtio_new(&error);
	w->link = w->dev ? link_virtio(NULL, w->dev, 1500, &error) : NULL;
	struct guest_region all = driver_region(&w->d);
	if (!w->link || !w->scratch || virtio_set_memory(w->dev, &all, 1) != 0 ||
	    virtio_set_features(w->dev, VIRTIO_LINK_FEATURES) != 0)
		die("no device or no memory");
	memset(w->scratch, 0xaa, STRIDE);
	memset(driver_at(&w->d, w->memory), 0, size);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		driver_queue_init(&w->d, i,
				  &(struct driver_queue_conf){.num = NUM, .event_idx = true, .tables = 18});
		struct virtio_queue_setup s = driver_setup(&w->d, i);
		if (virtio_start(w->dev, i, &s) != 0)
			die("no queue");
	}
}

static void
measure(uint32_t len, bool up, double seconds)
{
	struct wire *w = calloc(1, sizeof(*w));
	struct virtio_stats st;
	pthread_t gateway;

	if (!w)
		die("no memory");
	w->len = len;
	w->up = up;
	make_device(w);
	if (pthread_create(&gateway, NULL, gateway_main, w) != 0)
		die("no thread");

	double start = seconds_now();
	guest_runs(w, seconds);
	atomic_store(&w->stop, true);
	pthread_join(gateway, NULL);
	double took = seconds_now() - start, frames = (double)w->frames;

	virtio_get_stats(w->dev, &st);
	printf("{\"row\":\"virtq_%s%s\",\"gateway\":\"sluice\",\"version\":\"%s\",\"foreign\":0,\"bytes\":%u,"
	       "\"value\":%.1f,\"mframes\":%.2f,\"wakes\":%.4f}\n",
	       up ? "up" : "down", len > 1514 ? "_gso" : "", sluice_version(), len,
	       frames * len * 8 / took / 1e9, frames / took / 1e6,
	       frames > 0 ? (double)(st.kicks + st.calls) / frames : 0);
	w->link->ops->free(w->link);
	virtio_free(w->dev);
	driver_free(&w->d);
	free(w->scratch);
	free(w);
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? number("SECONDS", argv[1], 0.1, 60) : 1;

	for (int i = 0; i < 4; i++)
		measure(i & 1 ? 65000 : 1514, i < 2, seconds);
	return 0;
}
