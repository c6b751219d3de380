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
#include "link/vnet_wire.h"
#include "test/bed/virtio_driver.h"
#include "test/bench/link_ring.h"

#define NUM 256u
#define PAGE 4096u
#define STRIDE 69632u /* of a frame to send, with its header: 17 pages */

struct wire {
	struct ring_run r;
	struct driver d;
	struct virtio_dev *dev;
	uint64_t memory; /* the driver's buffers */
};

static void
guest_adds(struct wire *w, uint64_t i)
{
	struct driver_part p[18];
	unsigned n = 0;

	if (!w->r.up) {
		p[n++] = (struct driver_part){.gpa = w->memory + i * PAGE, .len = PAGE, .write = true};
	} else {
		uint64_t at = w->memory + i * STRIDE;

		p[n++] = (struct driver_part){.gpa = at, .len = VNET_HLEN};
		for (uint32_t off = 0; off < w->r.len; off += PAGE)
			p[n++] = (struct driver_part){.gpa = at + PAGE + off,
						      .len = w->r.len - off < PAGE ? w->r.len - off : PAGE};
	}
	if (!driver_add(&w->d.q[w->r.up], p, n, w->r.up, i))
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
		w->r.frames++;
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
	const unsigned queue = w->r.up ? VIRTIO_TX : VIRTIO_RX;
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
			if (!w->r.up)
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
	w->r.scratch = aligned_alloc(PAGE, STRIDE);
	w->dev = virtio_new(&error);
	w->r.link = w->dev ? link_virtio(NULL, w->dev, 1500, &error) : NULL;
	struct guest_region all = driver_region(&w->d);
	if (!w->r.link || !w->r.scratch || virtio_set_memory(w->dev, &all, 1) != 0 ||
	    virtio_set_features(w->dev, VIRTIO_LINK_FEATURES) != 0)
		die("no device or no memory");
	memset(w->r.scratch, 0xaa, STRIDE);
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

	if (!w)
		die("no memory");
	w->r.len = len;
	w->r.up = up;
	make_device(w);
	ring_begin(&w->r);
	guest_runs(w, seconds);
	ring_end(&w->r);
	virtio_get_stats(w->dev, &st);
	ring_print(&w->r, "virtq", st.kicks + st.calls);
	w->r.link->ops->free(w->r.link);
	virtio_free(w->dev);
	driver_free(&w->d);
	free(w->r.scratch);
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
