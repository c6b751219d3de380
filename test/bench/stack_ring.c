/*
 * stack_ring.c - what the stack itself costs: the whole gateway on an in-process port, with no kernel behind it
 *
 *	stack_ring [SECONDS]
 *
 * One thread plays the guest and runs the gateway, turn by turn, on one core.  The host's sockets take and give
 * bytes without touching them, so that what is measured is frames, TCP, rings and flows.  One connection, each
 * way, with frames of one MSS at MTU 1500 and with GSO frames of up to 64 KiB, for SECONDS (1) each.  Prints one
 * JSON object a line, as bench.sh does: Gbit/s, nanoseconds for each segment from or to the guest, and how much
 * the heap grew while it ran (it must not).
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/port.h"
#include "proxy/gateway.h"
#include "test/bed/tcp_guest.h"
#include "test/bench/common.h"

#define MTU 1500u
#define MSS 1460u
#define GSO_PAYLOAD (44u * MSS)
#define BUFFERS 64u
#define BUFFER 65600u
#define BATCH 32

/* --- a host that costs nothing ------------------------------------------------------------------------------ */

static struct host_ops idle_ops;
static struct host idle_host = {&idle_ops};
static uint64_t idle_token;
static bool idle_armed, idle_gives;

static int
idle_socket(struct host *h, enum host_kind kind, enum family fam, const struct host_socket_opts *o)
{
	(void)h, (void)kind, (void)fam, (void)o;
	return 100;
}

static int
idle_connect(struct host *h, int fd, const struct endpoint *to)
{
	(void)h, (void)fd, (void)to;
	return 0;
}

static int
idle_arm(struct host *h, int fd, uint64_t token)
{
	(void)h, (void)fd;
	idle_token = token;
	idle_armed = true;
	return 0;
}

static int
idle_events(struct host *h, struct host_event *ev, int n)
{
	(void)h;
	if (!idle_armed || n < 1)
		return 0;
	idle_armed = false;
	ev[0] = (struct host_event){.token = idle_token, .readable = true, .writable = true};
	return 1;
}

static ssize_t
total(const struct iovec *iov, int n)
{
	ssize_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += (ssize_t)iov[i].iov_len;
	return sum;
}

static ssize_t
idle_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	(void)h, (void)fd;
	return total(iov, n);
}

static ssize_t
idle_readv(struct host *h, int fd, const struct iovec *iov, int n)
{
	(void)h, (void)fd;
	return idle_gives ? total(iov, n) : -EAGAIN;
}

static int
idle_option(struct host *h, int fd)
{
	(void)h, (void)fd;
	return 0;
}

static int
idle_keepalive(struct host *h, int fd, int seconds)
{
	(void)h, (void)fd, (void)seconds;
	return 0;
}

static void
idle_close(struct host *h, int fd, bool reset)
{
	(void)h, (void)fd, (void)reset;
}

static int
idle_addrs(struct host *h, struct addr **out, size_t *n)
{
	(void)h;
	*out = NULL;
	*n = 0;
	return 0;
}

static int
idle_addrs_watch(struct host *h, uint64_t token)
{
	(void)h, (void)token;
	return 0;
}

static bool
idle_addrs_changed(struct host *h)
{
	(void)h;
	return false;
}

static void
make_idle_host(const struct host *real)
{
	idle_ops = *real->ops;
	idle_ops.socket = idle_socket;
	idle_ops.connect = idle_connect;
	idle_ops.arm = idle_arm;
	idle_ops.events = idle_events;
	idle_ops.readv = idle_readv;
	idle_ops.writev = idle_writev;
	idle_ops.shutdown_write = idle_option;
	idle_ops.nodelay = idle_option;
	idle_ops.pending_error = idle_option;
	idle_ops.keepalive = idle_keepalive;
	idle_ops.close = idle_close;
	idle_ops.addrs = idle_addrs;
	idle_ops.addrs_watch = idle_addrs_watch;
	idle_ops.addrs_changed = idle_addrs_changed;
}

/* --- the guest ------------------------------------------------------------------------------------------------ */

struct guest {
	struct tcp_guest tcp;
	struct sluice *gw;
	struct sluice_port *port;
	uint8_t *memory;  /* BUFFERS lent buffers */
	uint8_t *payload; /* GSO_PAYLOAD bytes, sent over and over */
	uint8_t head[BATCH][TCP_GUEST_HEAD];
	uint64_t segments, bytes;
};

static const struct mac guest_mac = {{0x52, 0x54, 0, 0, 0, 1}}, gateway_mac = {{0x52, 0x55, 0x0a, 0, 2, 2}};

static void
lend(struct guest *g, uint64_t n)
{
	struct sluice_buffer b = {g->memory + n * BUFFER, BUFFER, n};

	if (sluice_port_lend(g->port, &b, 1) != 1)
		die("lend");
}

/* One segment of len bytes; slot says which head to build it in. */
static void
send_segment(struct guest *g, unsigned slot, uint8_t flags, uint32_t len)
{
	struct iovec iov[2] = {{g->head[slot], 0}, {g->payload, len}};
	struct sluice_frame f = {.iov = iov, .niov = len ? 2 : 1};

	iov[0].iov_len = tcp_guest_head(&g->tcp, g->head[slot], flags, len, &f.off);
	if (sluice_port_send(g->port, &f, 1) != 1)
		die("send");
	g->segments++;
}

static void
frame_in(struct guest *g, const struct sluice_filled *f)
{
	if (tcp_guest_hear(&g->tcp, g->memory + f->cookie * BUFFER, f->len, f->len) >= 0)
		g->segments++;
}

/* One turn of the gateway, and what it sent; returns frames. */
static int
turn(struct guest *g)
{
	struct sluice_filled in[BUFFERS];
	uint64_t cookies[BATCH];
	int all = 0, n;

	gw_turn(g->gw, true, true, idle_ops.now(&idle_host));
	while (sluice_port_sent(g->port, cookies, BATCH) > 0)
		;
	while ((n = sluice_port_received(g->port, in, BUFFERS)) > 0) {
		for (int i = 0; i < n; i++) {
			if (in[i].len)
				frame_in(g, &in[i]);
			lend(g, in[i].cookie);
		}
		all += n;
	}
	return all;
}

/* A batch of segments as far as the window goes: whole MSSs, up to size bytes each. */
static void
run_up(struct guest *g, uint32_t size)
{
	for (unsigned i = 0; i < BATCH; i++) {
		uint32_t room = tcp_guest_room(&g->tcp);
		uint32_t len = room < size ? room - room % MSS : size;

		if (len == 0)
			break;
		send_segment(g, i, TCP_ACK, len);
		g->bytes += len;
	}
	turn(g);
}

static void
run_down(struct guest *g)
{
	uint32_t before = atomic_load(&g->tcp.ack);

	turn(g);
	g->bytes += atomic_load(&g->tcp.ack) - before;
	send_segment(g, 0, TCP_ACK, 0);
}

static void
measure(const char *name, bool up, bool gso, double seconds)
{
	struct sluice_port_config pc;
	struct sluice_config cfg;
	struct guest g = {.tcp = {.mac = guest_mac,
				  .gateway = gateway_mac,
				  .self = addr_v4(0x0a00020f),
				  .peer = addr_v4(0xc6336401),
				  .sport = 40000,
				  .dport = 80,
				  .mss = MSS,
				  .seq = 1000}};
	char err[256];
	int error;

	sluice_port_config_init(&pc);
	pc.csum = true;
	pc.tso = gso;
	sluice_config_init(&cfg);
	cfg.profiles = "all"; /* the far end is a documentation address */
	memcpy(cfg.guest_mac, guest_mac.b, 6);
	g.port = sluice_port_new(&pc, err, sizeof(err));
	struct link *link = g.port ? link_port(&idle_host, g.port, MTU, &error) : NULL;
	g.gw = link ? gw_new(&cfg, &idle_host, link, err, sizeof(err)) : NULL;
	if (!g.gw) {
		fprintf(stderr, "stack_ring: %s\n", err);
		exit(1);
	}
	g.memory = calloc(BUFFERS, BUFFER);
	g.payload = calloc(1, GSO_PAYLOAD);
	for (uint64_t i = 0; i < BUFFERS; i++)
		lend(&g, i);
	idle_gives = !up;
	send_segment(&g, 0, TCP_SYN, 0);
	turn(&g);
	turn(&g);
	send_segment(&g, 0, TCP_ACK, 0);
	turn(&g);

	uint32_t size = gso ? GSO_PAYLOAD : MSS;
	for (double end = seconds_now() + seconds / 5; seconds_now() < end;)
		up ? run_up(&g, size) : run_down(&g);
	g.segments = g.bytes = 0;

	size_t heap = mallinfo2().uordblks;
	double start = seconds_now(), took;
	do {
		for (int i = 0; i < 100; i++)
			up ? run_up(&g, size) : run_down(&g);
		took = seconds_now() - start;
	} while (took < seconds);
	printf("{\"row\":\"%s\",\"gateway\":\"sluice\",\"version\":\"%s\",\"foreign\":0,\"value\":%.2f,"
	       "\"ns_per_segment\":%.0f,\"amount\":%llu,\"heap_growth\":%lld}\n",
	       name, sluice_version(), (double)g.bytes * 8 / took / 1e9, took * 1e9 / (double)g.segments,
	       (unsigned long long)g.bytes, (long long)(mallinfo2().uordblks - heap));
	sluice_free(g.gw);
	link->ops->free(link);
	sluice_port_free(g.port);
	free(g.memory);
	free(g.payload);
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? number("SECONDS", argv[1], 0.01, 60) : 1;
	int error;
	struct host *real = host_kernel(&error);

	if (!real)
		die("host");
	make_idle_host(real);
	idle_host.ops = &idle_ops;
	measure("stack_up", true, false, seconds);
	measure("stack_down", false, false, seconds);
	measure("stack_up_gso", true, true, seconds);
	measure("stack_down_gso", false, true, seconds);
	host_kernel_free(real);
	return 0;
}
