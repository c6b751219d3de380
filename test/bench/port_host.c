/*
 * port_host.c - the whole gateway on the in-process port, with the kernel's own sockets behind it
 *
 *	port_host [SECONDS [ROW]]
 *
 * A producer thread and a consumer thread play the guest, a third runs the gateway, a fourth is a server on the
 * loopback that reads or writes as fast as it can.  One connection, each way, with frames of one MSS at MTU 1500
 * and with GSO frames of 64 KiB, for SECONDS (1) each; before each the same bytes without a gateway: a loop of
 * writev(2) or readv(2) of the same buffers on the same kind of socket to the same server.  Prints one JSON
 * object a line; cpu_ns is what the gateway's thread took, or the plain loop's.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "test/bed/tcp_guest.h"
#include "test/bench/common.h"

#define MSS 1460u
#define GSO_PAYLOAD (44u * MSS)
#define SLOTS 256u    /* frames under way, buffers lent */
#define BUFFER 69632u /* of a buffer: the longest frame, in whole pages */
#define BATCH 32u
#define CHUNK (256u << 10) /* what the server reads or writes at once */
#define STILL_MS 20        /* the longest sleep, so that whoever is left alone looks up */

/* --- the server ----------------------------------------------------------------------------------------------- */

struct server {
	int listener;
	uint16_t port;
	bool gives; /* else it takes */
	_Atomic uint64_t taken;
	pthread_t thread;
};

static void *
server_main(void *arg)
{
	struct server *s = arg;
	static uint8_t chunk[CHUNK];
	int fd = accept(s->listener, NULL, NULL);
	ssize_t n = 1;

	while (fd >= 0 && n > 0) {
		n = s->gives ? send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL)
			     : recv(fd, chunk, sizeof(chunk), 0);
		if (n > 0)
			atomic_fetch_add_explicit(&s->taken, (uint64_t)n, memory_order_relaxed);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void
server_start(struct server *s, bool gives)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, "127.0.0.1", 0);

	*s = (struct server){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .gives = gives};
	if (bind(s->listener, (struct sockaddr *)&ss, len) < 0 || listen(s->listener, 1) < 0 ||
	    getsockname(s->listener, (struct sockaddr *)&ss, &len) < 0)
		die("server");
	s->port = ntohs(((struct sockaddr_in *)&ss)->sin_port);
	if (pthread_create(&s->thread, NULL, server_main, s) != 0)
		die("thread");
}

static void
server_end(struct server *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
}

static uint64_t
thread_ns(pthread_t t)
{
	struct timespec at;
	clockid_t clock;

	if (pthread_getcpuclockid(t, &clock) != 0 || clock_gettime(clock, &at) < 0)
		die("CPU clock");
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void
report(const char *row, const char *who, double took, uint64_t bytes, uint64_t cpu_ns)
{
	printf("{\"row\":\"%s\",\"gateway\":\"%s\",\"version\":\"%s\",\"mtu\":1500,\"cpu_ns\":%llu,"
	       "\"foreign\":0,"
	       "\"value\":%.2f,\"amount\":%llu}\n",
	       row, who, sluice_version(), (unsigned long long)cpu_ns, (double)bytes * 8 / took / 1e9,
	       (unsigned long long)bytes);
	fflush(stdout);
}

/* --- the guest ------------------------------------------------------------------------------------------------ */

struct guest {
	struct tcp_guest tcp;
	struct sluice_port *port;
	uint8_t *memory;  /* SLOTS lent buffers */
	uint8_t *payload; /* GSO_PAYLOAD bytes, sent over and over */
	uint8_t (*head)[TCP_GUEST_HEAD];
	uint32_t size; /* payload of a frame; 0: it only acknowledges */
	int bell;      /* the consumer wakes the producer */
	_Atomic bool waiting, stop;
	_Atomic uint64_t got;
};

static int
queue_frame(struct guest *g, uint64_t slot, uint8_t flags, uint32_t len)
{
	struct iovec iov[2] = {{g->head[slot], 0}, {g->payload, len}};
	struct sluice_frame f = {.iov = iov, .niov = len ? 2 : 1, .cookie = slot};

	iov[0].iov_len = tcp_guest_head(&g->tcp, g->head[slot], flags, len, &f.off);
	return sluice_port_send(g->port, &f, 1);
}

/* What there is to say now: data as far as the window goes, or an acknowledgment of what came. */
static unsigned
produce(struct guest *g, uint64_t *places, uint32_t *nplaces, uint32_t *acked)
{
	unsigned n = 0;
	uint32_t ack = atomic_load(&g->tcp.ack);

	while (g->size && *nplaces > 0 && n < BATCH) {
		uint32_t room = tcp_guest_room(&g->tcp), len = room < g->size ? room - room % MSS : g->size;

		if (len == 0)
			break;
		queue_frame(g, places[--*nplaces], TCP_ACK, len);
		n++;
	}
	if (!g->size && *nplaces > 0 && ack != *acked) {
		queue_frame(g, places[--*nplaces], TCP_ACK, 0);
		*acked = ack;
		n++;
	}
	return n;
}

static void *
producer_main(void *arg)
{
	struct guest *g = arg;
	uint64_t places[SLOTS], rung;
	uint32_t nplaces = SLOTS, acked = 1;

	for (uint32_t i = 0; i < SLOTS; i++)
		places[i] = i;
	queue_frame(g, places[--nplaces], TCP_SYN, 0);
	while (!atomic_load(&g->stop)) {
		int n = sluice_port_sent(g->port, places + nplaces, (int)(SLOTS - nplaces));

		nplaces += n > 0 ? (uint32_t)n : 0;
		if (atomic_load(&g->tcp.open) && produce(g, places, &nplaces, &acked) > 0)
			continue;
		atomic_store(&g->waiting, true);
		if (atomic_load(&g->tcp.open) && produce(g, places, &nplaces, &acked) > 0)
			continue;
		struct pollfd p[2] = {{g->bell, POLLIN, 0},
				      {sluice_port_fd(g->port, SLUICE_PORT_SENT), POLLIN, 0}};
		/* Without places only the gateway can help; with some, only the window. */
		if (nplaces > 0 || sluice_port_arm(g->port, SLUICE_PORT_SENT) == 0)
			poll(p, nplaces > 0 ? 1 : 2, STILL_MS);
		if (p[0].revents && read(g->bell, &rung, sizeof(rung)) < 0)
			die("bell");
	}
	return NULL;
}

static void
lend(struct guest *g, uint64_t n)
{
	struct sluice_buffer b = {g->memory + n * BUFFER, BUFFER, n};

	if (sluice_port_lend(g->port, &b, 1) != 1)
		die("lend");
}

static void *
consumer_main(void *arg)
{
	struct guest *g = arg;
	struct sluice_filled in[BATCH];
	struct pollfd p = {.fd = sluice_port_fd(g->port, SLUICE_PORT_RECEIVED), .events = POLLIN};
	static const uint64_t one = 1;
	int n;

	while (!atomic_load(&g->stop)) {
		while ((n = sluice_port_received(g->port, in, BATCH)) > 0) {
			for (int i = 0; i < n; i++) {
				int64_t len = in[i].len
						  ? tcp_guest_hear(&g->tcp, g->memory + in[i].cookie * BUFFER,
								   in[i].len, in[i].len)
						  : 0;
				if (len > 0)
					atomic_fetch_add_explicit(&g->got, (uint64_t)len,
								  memory_order_relaxed);
				lend(g, in[i].cookie);
			}
			if (atomic_exchange(&g->waiting, false) && write(g->bell, &one, sizeof(one)) < 0)
				die("bell");
		}
		if (sluice_port_arm(g->port, SLUICE_PORT_RECEIVED) == 0)
			poll(&p, 1, STILL_MS);
	}
	return NULL;
}

static void *
gateway_main(void *s)
{
	sluice_run(s);
	return NULL;
}

static void
guest_init(struct guest *g, uint16_t dport, uint32_t size, bool gso)
{
	struct sluice_port_config pc;

	*g = (struct guest){.size = size, .bell = eventfd(0, EFD_CLOEXEC)};
	g->tcp = (struct tcp_guest){.mac = {{0x52, 0x54, 0, 0, 0, 1}},
				    .gateway = {{0x52, 0x55, 0x0a, 0, 2, 2}},
				    .self = addr_v4(0x0a00020f),
				    .peer = addr_v4(0x0a000202),
				    .sport = 40000,
				    .dport = dport,
				    .mss = MSS,
				    .seq = 1000};
	sluice_port_config_init(&pc);
	pc.csum = true;
	pc.tso = gso;
	pc.send_slots = pc.receive_slots = SLOTS;
	g->port = sluice_port_new(&pc, NULL, 0);
	/* On page boundaries, as a guest's are. */
	g->memory = aligned_alloc(4096, (size_t)SLOTS * BUFFER);
	g->payload = aligned_alloc(4096, (GSO_PAYLOAD + 4095) / 4096 * 4096);
	g->head = calloc(SLOTS, sizeof(*g->head));
	if (!g->port || !g->memory || !g->payload || !g->head || g->bell < 0)
		die("guest");
	memset(g->payload, 0x55, GSO_PAYLOAD);
	for (uint64_t i = 0; i < SLOTS; i++)
		lend(g, i);
}

static void
guest_free(struct guest *g)
{
	sluice_port_free(g->port);
	close(g->bell);
	free(g->memory);
	free(g->payload);
	free(g->head);
}

static void
through_sluice(const char *row, bool up, bool gso, double seconds)
{
	struct server server;
	struct guest g;
	struct sluice_config cfg;
	pthread_t gateway, producer, consumer;
	char err[256] = "";

	server_start(&server, !up);
	guest_init(&g, server.port, !up ? 0 : gso ? GSO_PAYLOAD : MSS, gso);
	sluice_config_init(&cfg);
	cfg.link_kind = SLUICE_LINK_PORT;
	cfg.port = g.port;
	cfg.profiles = "host"; /* the server is on this machine */
	struct sluice *s = sluice_new(&cfg, err, sizeof(err));
	if (!s) {
		fprintf(stderr, "port_host: %s\n", err);
		exit(1);
	}
	if (pthread_create(&gateway, NULL, gateway_main, s) != 0 ||
	    pthread_create(&consumer, NULL, consumer_main, &g) != 0 ||
	    pthread_create(&producer, NULL, producer_main, &g) != 0)
		die("thread");

	sleep_for(seconds / 5);
	_Atomic uint64_t *moved = up ? &server.taken : &g.got;
	uint64_t cpu = thread_ns(gateway), bytes = atomic_load(moved);
	double start = seconds_now();
	sleep_for(seconds);
	double took = seconds_now() - start;
	bytes = atomic_load(moved) - bytes;
	cpu = thread_ns(gateway) - cpu;

	atomic_store(&g.stop, true);
	pthread_join(producer, NULL);
	pthread_join(consumer, NULL);
	sluice_stop(s);
	pthread_join(gateway, NULL);
	sluice_free(s);
	server_end(&server);
	guest_free(&g);
	report(row, "sluice", took, bytes, cpu);
}

/* --- without a gateway ---------------------------------------------------------------------------------------- */

static void
plain(const char *row, bool up, uint32_t size, double seconds)
{
	struct server server;
	struct sockaddr_storage ss;
	uint8_t *memory = aligned_alloc(4096, (size_t)BUFFER);
	uint64_t bytes = 0;

	server_start(&server, !up);
	socklen_t len = address(&ss, "127.0.0.1", server.port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!memory || connect(fd, (struct sockaddr *)&ss, len) < 0)
		die("plain");
	memset(memory, 0x55, BUFFER);

	struct iovec iov = {memory, size};
	double start = seconds_now(), took;
	uint64_t cpu = thread_ns(pthread_self());
	do {
		for (int i = 0; i < 100; i++) {
			ssize_t n = up ? writev(fd, &iov, 1) : readv(fd, &iov, 1);
			if (n <= 0)
				die("plain");
			bytes += (uint64_t)n;
		}
		took = seconds_now() - start;
	} while (took < seconds);
	cpu = thread_ns(pthread_self()) - cpu;
	close(fd);
	server_end(&server);
	free(memory);
	report(row, "plain loop", took, bytes, cpu);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *row;
		bool up, gso;
	} rows[] = {{"port_up_gso", true, true},
		    {"port_down_gso", false, true},
		    {"port_up", true, false},
		    {"port_down", false, false}};
	double seconds = argc > 1 ? number("SECONDS", argv[1], 0.1, 60) : 1;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (argc > 2 && strcmp(argv[2], rows[i].row) != 0)
			continue;
		plain(rows[i].row, rows[i].up, rows[i].gso ? GSO_PAYLOAD : MSS, seconds);
		through_sluice(rows[i].row, rows[i].up, rows[i].gso, seconds);
	}
	return 0;
}
