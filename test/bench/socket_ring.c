/*
 * socket_ring.c - what the stream and the datagram link carry with no stack behind them
 *
 *	socket_ring [SECONDS]
 *
 * A guest's thread and a gateway's thread over a socket pair, frames of 1,514 and 65,000 bytes, each way for
 * SECONDS (1).  The guest does as VMMs do: one writev(2) or send(2) a frame, reads of up to 68 KiB.  Going up,
 * the gateway copies every frame once, as writev(2) into a socket would.  Prints one JSON object a line; calls are
 * the link's own on its socket for each frame, sleeps not counted; cpu_ns is the processor time of the gateway's
 * thread for `amount` bytes of frames.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "link/dgram.h"
#include "link/stream.h"
#include "link/stream_wire.h"
#include "sluice.h"
#include "test/bench/common.h"

#define STILL_MS 100 /* the longest sleep, so that a side whose other side ended looks up */
#define READ_MAX 69632u

/* The kernel's host, with the calls on the socket counted. */
struct counting {
	struct host host;
	struct host_ops ops;
	struct host *kernel;
	uint64_t calls;
};

struct wire {
	struct counting count;
	struct link *link;
	bool stream, up;
	uint32_t len;
	int guest;
	_Atomic bool stop;
	_Atomic uint64_t frames; /* that arrived */
	uint8_t *guest_memory, *scratch;
	double cpu; /* seconds of the gateway's thread */
};

static struct counting *
counted(struct host *h)
{
	struct counting *c = (struct counting *)(void *)h;

	c->calls++;
	return c;
}

static ssize_t
count_readv(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct counting *c = counted(h);

	return c->kernel->ops->readv(c->kernel, fd, iov, n);
}

static ssize_t
count_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct counting *c = counted(h);

	return c->kernel->ops->writev(c->kernel, fd, iov, n);
}

static int
count_recvmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	struct counting *c = counted(h);

	return c->kernel->ops->recvmmsg(c->kernel, fd, d, n);
}

static int
count_sendmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	struct counting *c = counted(h);

	return c->kernel->ops->sendmmsg(c->kernel, fd, d, n);
}

static void
count_close(struct host *h, int fd, bool reset)
{
	struct counting *c = counted(h);

	c->kernel->ops->close(c->kernel, fd, reset);
}

static void
count_calls(struct counting *c)
{
	int error;

	c->kernel = host_kernel(&error);
	if (!c->kernel)
		die("no host");
	c->ops = (struct host_ops){.readv = count_readv,
				   .writev = count_writev,
				   .recvmmsg = count_recvmmsg,
				   .sendmmsg = count_sendmmsg,
				   .close = count_close,
				   .drop_pages = c->kernel->ops->drop_pages};
	c->host.ops = &c->ops;
}

/* --- the gateway ------------------------------------------------------------------------------------------ */

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

static void *
gateway_main(void *arg)
{
	struct wire *w = arg;
	struct frame frames[LINK_BATCH];
	struct frame_sink *sink = &w->link->sink;
	bool ready = true, more = false;

	while (!atomic_load(&w->stop)) {
		int n = ready || more ? w->link->ops->receive(w->link, frames, LINK_BATCH, &more) : 0;

		for (int i = 0; i < n; i++)
			memcpy(w->scratch, frames[i].span[0].p, frames[i].len);
		if (w->up)
			atomic_fetch_add_explicit(&w->frames, (uint64_t)(n > 0 ? n : 0),
						  memory_order_relaxed);
		if (!w->up)
			gateway_down(w);
		w->link->ops->release(w->link);
		struct pollfd p = {.events = POLLIN};
		bool work = more || (!w->up && sink->room(sink->ctx)) || w->link->ops->before_sleep(w->link);
		p.fd = w->link->ops->pollfd(w->link, &p.events);
		ready = poll(&p, 1, work ? 0 : STILL_MS) > 0;
	}
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	w->cpu = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	return NULL;
}

/* --- the guest -------------------------------------------------------------------------------------------- */

static void
guest_up(struct wire *w)
{
	uint8_t head[STREAM_HLEN];
	struct wr out = wr_of(head, sizeof(head));
	struct iovec v[2] = {{head, sizeof(head)}, {w->guest_memory, w->len}};
	struct msghdr m = {.msg_iov = w->stream ? v : v + 1, .msg_iovlen = w->stream ? 2 : 1};

	stream_emit(&out, w->len);
	if (sendmsg(w->guest, &m, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		die("the guest cannot send");
}

static void
guest_down(struct wire *w)
{
	ssize_t n = recv(w->guest, w->guest_memory, READ_MAX, 0);

	/* Of a stream, bytes are counted, and made frames at the end. */
	if (n > 0)
		atomic_fetch_add_explicit(&w->frames, w->stream ? (uint64_t)n : 1, memory_order_relaxed);
}

static void
measure(bool stream, uint32_t len, bool up, double seconds)
{
	struct wire w = {.stream = stream, .len = len, .up = up};
	struct timeval still = {.tv_usec = STILL_MS * 1000};
	char why[256];
	pthread_t gateway;
	int fd[2], bytes = 4 << 20;

	count_calls(&w.count);
	if (socketpair(AF_UNIX, stream ? SOCK_STREAM : SOCK_DGRAM, 0, fd) < 0)
		die("no socket pair");
	w.guest = fd[1];
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(fd[1], SOL_SOCKET, SO_SNDTIMEO, &still, sizeof(still));
	setsockopt(fd[1], SOL_SOCKET, SO_RCVTIMEO, &still, sizeof(still));
	struct stream_options so = {.fd = fd[0], .mtu = 1500};
	struct dgram_options d_o = {.fd = fd[0], .mtu = 1500};
	w.link = stream ? link_stream(&w.count.host, &so, why, sizeof(why))
			: link_dgram(&w.count.host, &d_o, why, sizeof(why));
	w.guest_memory = aligned_alloc(4096, 128 << 10);
	w.scratch = aligned_alloc(4096, 128 << 10);
	if (!w.link || !w.guest_memory || !w.scratch)
		die("no link or no memory");
	memset(w.guest_memory, 0x55, 128 << 10);
	memset(w.scratch, 0xaa, 128 << 10);
	if (pthread_create(&gateway, NULL, gateway_main, &w) != 0)
		die("no thread");

	double start = seconds_now();
	while (seconds_now() < start + seconds) {
		if (up)
			guest_up(&w);
		else
			guest_down(&w);
	}
	atomic_store(&w.stop, true);
	pthread_join(gateway, NULL);
	double took = seconds_now() - start, frames = (double)w.frames;

	if (stream && !up)
		frames /= len + STREAM_HLEN;
	printf("{\"row\":\"%s_%s%s\",\"gateway\":\"sluice\",\"version\":\"%s\",\"foreign\":0,\"bytes\":%u,"
	       "\"value\":%.1f,\"mframes\":%.2f,\"calls\":%.4f,\"cpu_ns\":%.0f,\"amount\":%.0f}\n",
	       stream ? "stream" : "dgram", up ? "up" : "down", len > 1514 ? "_long" : "", sluice_version(),
	       len, frames * len * 8 / took / 1e9, frames / took / 1e6,
	       frames > 0 ? (double)w.count.calls / frames : 0, w.cpu * 1e9, frames * len);
	w.link->ops->free(w.link);
	host_kernel_free(w.count.kernel);
	close(fd[1]);
	free(w.guest_memory);
	free(w.scratch);
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? number("SECONDS", argv[1], 0.1, 60) : 1;

	for (int i = 0; i < 8; i++)
		measure(i < 4, i & 1 ? 65000 : 1514, i & 2 ? false : true, seconds);
	return 0;
}
