/*
 * port_ring.c - what the in-process port carries with no stack behind it: the ceiling of every other figure
 *
 *	port_ring [SECONDS]
 *
 * A guest's thread and a gateway's thread, frames of 1,514 and 65,000 bytes, each way for SECONDS (1).  Going up,
 * the gateway copies every frame once, as writev(2) into a socket would; going down, the port itself copies into
 * the lent buffers.  Prints one JSON object a line; wakes are eventfd writes of both sides for each frame.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/port.h"
#include "sluice.h"
#include "test/bench/common.h"

#define SLOTS 256u
#define STRIDE 65536u
#define STILL_MS 100 /* the longest sleep, so that a side whose other side ended looks up */

struct wire {
	struct sluice_port *port;
	struct link *link;
	uint32_t len;
	bool up;
	_Atomic bool stop;
	uint64_t frames; /* that arrived */
	uint8_t *memory; /* the guest's: SLOTS places of STRIDE bytes */
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
	for (int i = 0; i < n; i++)
		memcpy(w->scratch, frames[i].span[0].p, frames[i].len);
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
		w->link->ops->release(w->link);
		if (!w->up)
			gateway_down(w);
		if (more || (!w->up && sink->room(sink->ctx)) || w->link->ops->before_sleep(w->link))
			continue;
		struct pollfd p = {.events = POLLIN};
		p.fd = w->link->ops->pollfd(w->link, &p.events);
		poll(&p, 1, STILL_MS);
	}
	return NULL;
}

static void
guest_sleeps(struct wire *w, unsigned queue)
{
	struct pollfd p = {.fd = sluice_port_fd(w->port, queue), .events = POLLIN};

	if (sluice_port_arm(w->port, queue) == 0)
		poll(&p, 1, STILL_MS);
}

/* Every place goes out again as soon as its cookie is back. */
static void
guest_up(struct wire *w, struct sluice_frame *f, uint64_t *cookies)
{
	int n = sluice_port_sent(w->port, cookies, SLOTS);

	if (n == 0)
		guest_sleeps(w, SLUICE_PORT_SENT);
	else
		sluice_port_send(w->port, f, n);
}

static void
guest_down(struct wire *w, struct sluice_filled *in, struct sluice_buffer *bufs)
{
	int n = sluice_port_received(w->port, in, SLOTS);

	for (int i = 0; i < n; i++) {
		w->frames += in[i].nbuf > 0;
		bufs[i] = (struct sluice_buffer){
		    .base = w->memory + in[i].cookie * STRIDE, .len = STRIDE, .cookie = in[i].cookie};
	}
	if (n == 0)
		guest_sleeps(w, SLUICE_PORT_RECEIVED);
	else
		sluice_port_lend(w->port, bufs, n);
}

static void
guest_runs(struct wire *w, double seconds)
{
	struct iovec iov[SLOTS];
	struct sluice_frame f[SLOTS];
	struct sluice_buffer bufs[SLOTS];
	struct sluice_filled in[SLOTS];
	uint64_t cookies[SLOTS];

	for (uint32_t i = 0; i < SLOTS; i++) {
		uint8_t *at = w->memory + (size_t)i * STRIDE;

		iov[i] = (struct iovec){.iov_base = at, .iov_len = w->len};
		f[i] = (struct sluice_frame){.iov = &iov[i], .niov = 1, .cookie = i};
		bufs[i] = (struct sluice_buffer){.base = at, .len = STRIDE, .cookie = i};
	}
	if (w->up)
		sluice_port_send(w->port, f, SLOTS);
	else
		sluice_port_lend(w->port, bufs, SLOTS);
	for (double end = seconds_now() + seconds; seconds_now() < end;) {
		if (w->up)
			guest_up(w, f, cookies);
		else
			guest_down(w, in, bufs);
	}
}

static void
measure(uint32_t len, bool up, double seconds)
{
	struct wire w = {.len = len, .up = up};
	struct sluice_port_config c;
	struct sluice_port_stats st = {.size = sizeof(st)};
	pthread_t gateway;
	int error;

	sluice_port_config_init(&c);
	c.send_slots = c.receive_slots = SLOTS;
	c.csum = c.tso = true;
	w.port = sluice_port_new(&c, NULL, 0);
	w.link = w.port ? link_port(NULL, w.port, 1500, &error) : NULL;
	/* On page boundaries: copies between some other offsets are several times slower. */
	w.memory = aligned_alloc(STRIDE, (size_t)SLOTS * STRIDE);
	w.scratch = aligned_alloc(STRIDE, STRIDE);
	if (!w.link || !w.memory || !w.scratch)
		die("no port or no memory");
	memset(w.memory, 0x55, (size_t)SLOTS * STRIDE);
	memset(w.scratch, 0xaa, STRIDE);
	if (pthread_create(&gateway, NULL, gateway_main, &w) != 0)
		die("no thread");

	double start = seconds_now();
	guest_runs(&w, seconds);
	atomic_store(&w.stop, true);
	pthread_join(gateway, NULL);
	double took = seconds_now() - start, frames = (double)w.frames;

	sluice_port_get_stats(w.port, &st);
	printf("{\"row\":\"ring_%s%s\",\"gateway\":\"sluice\",\"version\":\"%s\",\"foreign\":0,\"bytes\":%u,"
	       "\"value\":%.1f,\"mframes\":%.2f,\"wakes\":%.4f}\n",
	       up ? "up" : "down", len > 1514 ? "_gso" : "", sluice_version(), len,
	       frames * len * 8 / took / 1e9, frames / took / 1e6,
	       frames > 0 ? (double)(st.gateway_wakes + st.guest_wakes) / frames : 0);
	w.link->ops->free(w.link);
	sluice_port_free(w.port);
	free(w.memory);
	free(w.scratch);
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? number("SECONDS", argv[1], 0.1, 60) : 1;

	for (int i = 0; i < 4; i++)
		measure(i & 1 ? 65000 : 1514, i < 2, seconds);
	return 0;
}
