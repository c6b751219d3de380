/*
 * port_ring.c - what the in-process port carries with no stack behind it: the ceiling of every other figure
 *
 *	port_ring [SECONDS]
 *
 * A guest's thread and a gateway's thread, frames of 1,514 and 65,000 bytes, each way for SECONDS (1).  Going up,
 * the gateway copies every frame once, as writev(2) into a socket would; going down, the port itself copies into
 * the lent buffers.  Prints one JSON object a line; wakes are eventfd writes of both sides for each frame.
 */
#include "link/port.h"
#include "test/bench/link_ring.h"

#define SLOTS 256u
#define STRIDE 65536u

struct wire {
	struct ring_run r;
	struct sluice_port *port;
	uint8_t *memory; /* the guest's: SLOTS places of STRIDE bytes */
};

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
		w->r.frames += in[i].nbuf > 0;
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

		iov[i] = (struct iovec){.iov_base = at, .iov_len = w->r.len};
		f[i] = (struct sluice_frame){.iov = &iov[i], .niov = 1, .cookie = i};
		bufs[i] = (struct sluice_buffer){.base = at, .len = STRIDE, .cookie = i};
	}
	if (w->r.up)
		sluice_port_send(w->port, f, SLOTS);
	else
		sluice_port_lend(w->port, bufs, SLOTS);
	for (double end = seconds_now() + seconds; seconds_now() < end;) {
		if (w->r.up)
			guest_up(w, f, cookies);
		else
			guest_down(w, in, bufs);
	}
}

static void
measure(uint32_t len, bool up, double seconds)
{
	struct wire w = {.r = {.len = len, .up = up}};
	struct sluice_port_config c;
	struct sluice_port_stats st = {.size = sizeof(st)};
	int error;

	sluice_port_config_init(&c);
	c.send_slots = c.receive_slots = SLOTS;
	c.csum = c.tso = true;
	w.port = sluice_port_new(&c, NULL, 0);
	w.r.link = w.port ? link_port(NULL, w.port, 1500, &error) : NULL;
	/* On page boundaries: copies between some other offsets are several times slower. */
	w.memory = aligned_alloc(STRIDE, (size_t)SLOTS * STRIDE);
	w.r.scratch = aligned_alloc(STRIDE, STRIDE);
	if (!w.r.link || !w.memory || !w.r.scratch)
		die("no port or no memory");
	memset(w.memory, 0x55, (size_t)SLOTS * STRIDE);
	memset(w.r.scratch, 0xaa, STRIDE);
	ring_begin(&w.r);
	guest_runs(&w, seconds);
	ring_end(&w.r);
	sluice_port_get_stats(w.port, &st);
	ring_print(&w.r, "ring", st.gateway_wakes + st.guest_wakes);
	w.r.link->ops->free(w.r.link);
	sluice_port_free(w.port);
	free(w.memory);
	free(w.r.scratch);
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? number("SECONDS", argv[1], 0.1, 60) : 1;

	for (int i = 0; i < 4; i++)
		measure(i & 1 ? 65000 : 1514, i < 2, seconds);
	return 0;
}
