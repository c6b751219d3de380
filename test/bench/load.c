/*
 * load.c - the guest's side of the benchmark: connections, ping-pong, datagrams, idle connections
 *
 *	load crr      -c ADDR -p PORT [-n PORTS] [-j AT_ONCE] [-t SECONDS]   connect, request, reply, close
 *	load rr       -c ADDR -p PORT [-t SECONDS]                  one byte to and fro on one connection
 *	load udp_rr   -c ADDR -p PORT [-t SECONDS]                  the same with datagrams
 *	load udp_up   -c ADDR -p PORT [-s SIZE] [-t SECONDS]        the highest rate that loses less than 1 %
 *	load udp_down -c ADDR -p PORT [-s SIZE] [-t SECONDS]        ... the server sending
 *	load idle     -c ADDR -p PORT [-n PORTS] -k COUNT [-t SECONDS]
 *
 * Each talks to server.c and prints one JSON object: "value", the figure measured; "amount", how many bytes
 * or operations it stands for; and what else is known.  SECONDS is the time of the run; for udp_* of each
 * step of the search.  idle opens COUNT connections, proves each with one byte, prints a line, holds them
 * until its standard input ends or SECONDS are over, proves them again and prints how many were alive.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "test/bench/common.h"

#define EVENTS 256
#define GIVE_UP 2.0 /* seconds without an answer */
#define LOSS 0.01   /* what a rate may lose to count */
#define REACHED 0.9 /* the share of a rate that the sender must have offered */
#define HALVINGS 3  /* of the step between the last good rate and the first bad one */
#define FIRST_MBIT 50.0
#define LAST_MBIT 51200.0

struct options {
	const char *addr;
	int port, ports, at_once, count;
	uint32_t size;
	double seconds;
};

/* --- connect, request, reply, close ------------------------------------------------------------------- */

struct exchange {
	int fd; /* -1: could not even begin; tried again later */
	bool connected;
	double start;
};

struct crr {
	const struct options *o;
	int epoll, next_port;
	struct exchange *x;
	struct latencies lat;
	uint64_t ok, failed, timed_out;
};

/* Ports are taken in turn, so that the guest's port numbers do not run out. */
static void
exchange_begin(struct crr *c, int i)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, c->o->addr, c->o->port + c->next_port++ % c->o->ports);
	struct epoll_event e = {.events = EPOLLOUT, .data.u32 = (uint32_t)i};
	struct exchange *x = &c->x[i];
	int one = 1;

	*x = (struct exchange){.start = seconds_now()};
	x->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (x->fd < 0) {
		c->failed++;
		return;
	}
	setsockopt(x->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(x->fd, (const void *)&ss, len) < 0 && errno != EINPROGRESS) {
		close(x->fd);
		x->fd = -1;
		c->failed++;
		return;
	}
	epoll_ctl(c->epoll, EPOLL_CTL_ADD, x->fd, &e);
}

/* Something happened: either the connection stands, or the reply is there. */
static void
exchange_event(struct crr *c, int i)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
	struct exchange *x = &c->x[i];
	char byte = 'x';

	if (!x->connected && write(x->fd, &byte, 1) == 1) {
		x->connected = true;
		epoll_ctl(c->epoll, EPOLL_CTL_MOD, x->fd, &e);
		return;
	}
	if (x->connected && read(x->fd, &byte, 1) == 1) {
		c->ok++;
		latencies_add(&c->lat, seconds_now() - x->start);
	} else {
		c->failed++;
	}
	close(x->fd);
	exchange_begin(c, i);
}

static void
exchanges_give_up(struct crr *c, double now)
{
	for (int i = 0; i < c->o->at_once; i++) {
		struct exchange *x = &c->x[i];

		if (x->fd >= 0 && now - x->start < GIVE_UP)
			continue;
		if (x->fd >= 0) {
			c->timed_out++;
			close(x->fd);
		}
		exchange_begin(c, i);
	}
}

static int
run_crr(const struct options *o)
{
	struct crr c = {.o = o, .epoll = epoll_create1(0)};
	struct epoll_event ev[EVENTS];
	double start = seconds_now(), now = start, looked = start;

	c.x = calloc((size_t)o->at_once, sizeof(*c.x));
	if (!c.x)
		die("calloc");
	for (int i = 0; i < o->at_once; i++)
		exchange_begin(&c, i);
	while ((now = seconds_now()) - start < o->seconds) {
		int n = epoll_wait(c.epoll, ev, EVENTS, 20);

		for (int i = 0; i < n; i++)
			exchange_event(&c, (int)ev[i].data.u32);
		if (now - looked > 0.25) {
			looked = now;
			exchanges_give_up(&c, now);
		}
	}
	printf("{\"value\":%.1f,\"amount\":%llu,\"failed\":%llu,\"timed_out\":%llu,",
	       (double)c.ok / (now - start), (unsigned long long)c.ok, (unsigned long long)c.failed,
	       (unsigned long long)c.timed_out);
	latencies_print(&c.lat);
	printf("}\n");
	return c.ok ? 0 : 1;
}

/* --- to and fro -------------------------------------------------------------------------------------- */

static int
connected(const struct options *o, int type, int nth)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, o->addr, o->port + nth % o->ports);
	int fd = socket(ss.ss_family, type, 0), one = 1, big = 4 << 20;
	struct timeval limit = {.tv_sec = (time_t)GIVE_UP};

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	else if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	if (connect(fd, (const void *)&ss, len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool
pong(int fd, bool stream, uint32_t serial)
{
	struct message m = {.kind = MSG_ECHO, .serial = serial};
	char byte = 'x';

	if (stream)
		return write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1;
	if (send(fd, &m, sizeof(m), 0) != sizeof(m))
		return false;
	do { /* the answer to an earlier one may come late */
		if (recv(fd, &m, sizeof(m), 0) != sizeof(m))
			return false;
	} while (m.serial != serial);
	return true;
}

/* The value is the median; the rate follows from the amount. */
static int
ping_pong(const struct options *o, int type)
{
	int fd = connected(o, type, 0);
	struct timeval limit = {.tv_usec = 250000};
	struct latencies lat = {0};
	uint64_t ok = 0, lost = 0;
	double start = seconds_now(), now = start;

	if (fd < 0)
		die("connect");
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (uint32_t serial = 1; (now = seconds_now()) - start < o->seconds; serial++) {
		if (!pong(fd, type == SOCK_STREAM, serial)) {
			lost++;
			if (type == SOCK_STREAM)
				break;
			continue;
		}
		ok++;
		latencies_add(&lat, seconds_now() - now);
	}
	printf("{\"amount\":%llu,\"lost\":%llu,\"per_second\":%.1f,", (unsigned long long)ok,
	       (unsigned long long)lost, (double)ok / (now - start));
	latencies_print(&lat);
	printf("}\n");
	return ok ? 0 : 1;
}

static int
run_rr(const struct options *o)
{
	return ping_pong(o, SOCK_STREAM);
}

static int
run_udp_rr(const struct options *o)
{
	return ping_pong(o, SOCK_DGRAM);
}

/* --- datagrams at a rate ------------------------------------------------------------------------------ */

struct shot {                 /* what became of one step */
	double sent, arrived; /* bytes */
};

static uint32_t
new_session(void)
{
	return (uint32_t)(seconds_now() * 1e6) * 2654435761u ^ (uint32_t)getpid();
}

static struct shot
shoot_up(int fd, const struct message *m)
{
	struct message ask = {.kind = MSG_COUNT, .session = m->session}, answer;
	double sent = (double)(send_paced(fd, NULL, 0, m) * m->size);

	sleep_for(0.1); /* what is under way arrives, or never will */
	for (uint32_t i = 0; i < 20; i++) {
		ask.serial = i;
		send(fd, &ask, sizeof(ask), 0);
		if (recv(fd, &answer, sizeof(answer), 0) == sizeof(answer) && answer.session == m->session)
			return (struct shot){.sent = sent, .arrived = (double)answer.bytes};
	}
	return (struct shot){.sent = sent};
}

static struct shot
shoot_down(int fd, const struct message *m)
{
	enum { BATCH = 32 };
	static uint8_t buf[BATCH][65536];
	struct message ask = *m, got = {0};
	struct mmsghdr in[BATCH];
	struct iovec iov[BATCH];
	struct shot shot = {0};

	ask.kind = MSG_SEND;
	send(fd, &ask, sizeof(ask), 0);
	for (double end = seconds_now() + m->millis * 1e-3 + 1.5; seconds_now() < end;) {
		memset(in, 0, sizeof(in));
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){buf[i], sizeof(buf[i])};
			in[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
		}
		int n = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
		if (n <= 0 && shot.arrived == 0)
			send(fd, &ask, sizeof(ask), 0);
		for (int i = 0; i < n; i++) {
			if (in[i].msg_len < sizeof(got))
				continue;
			memcpy(&got, buf[i], sizeof(got));
			if (got.session != m->session)
				continue; /* a straggler of the step before */
			if (got.kind == MSG_END)
				return (struct shot){.sent = (double)got.bytes, .arrived = shot.arrived};
			shot.arrived += in[i].msg_len;
		}
	}
	shot.sent = shot.arrived * 2; /* no word of the end: a bad step */
	return shot;
}

struct search {
	const struct options *o;
	struct shot (*shoot)(int fd, const struct message *m);
	double best;  /* Mbit/s that arrived, of the good steps */
	double bytes; /* of all steps */
};

/* Is this rate carried?  One bad step may be the machine's fault: it gets a second chance. */
static bool
carried(struct search *s, double mbit)
{
	for (int i = 0; i < 2; i++) {
		int fd = connected(s->o, SOCK_DGRAM, 0);
		struct timeval limit = {.tv_usec = 300000};
		struct message m = {
		    .session = new_session(),
		    .kbit = (uint32_t)(mbit * 1000),
		    .millis = (uint32_t)(s->o->seconds * 1000),
		    .size = s->o->size,
		};

		if (fd < 0)
			die("connect");
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		struct shot shot = s->shoot(fd, &m);
		close(fd);

		double offered = mbit * 1e6 / 8 * s->o->seconds,
		       arrived = shot.arrived * 8 / s->o->seconds / 1e6;
		s->bytes += shot.arrived;
		if (shot.sent >= offered * REACHED && shot.arrived >= shot.sent * (1 - LOSS)) {
			if (arrived > s->best)
				s->best = arrived;
			return true;
		}
	}
	return false;
}

/* Doubling until a rate is not carried, then halving the last step. */
static int
udp_search(const struct options *o, struct shot (*shoot)(int fd, const struct message *m))
{
	struct search s = {.o = o, .shoot = shoot};
	double good = 0, bad = FIRST_MBIT;

	while (bad <= LAST_MBIT && carried(&s, bad)) {
		good = bad;
		bad *= 2;
	}
	for (int i = 0; good > 0 && i < HALVINGS; i++) {
		double middle = (good + bad) / 2;

		if (carried(&s, middle))
			good = middle;
		else
			bad = middle;
	}
	printf("{\"value\":%.3f,\"amount\":%.0f}\n", s.best / 1000, s.bytes);
	return 0;
}

static int
run_udp_up(const struct options *o)
{
	return udp_search(o, shoot_up);
}

static int
run_udp_down(const struct options *o)
{
	return udp_search(o, shoot_down);
}

/* --- idle connections ---------------------------------------------------------------------------------- */

/* How many connections answer; stops asking when ten in a row do not. */
static int
alive(const int *fd, int n)
{
	int ok = 0, mute = 0;

	for (int i = 0; i < n && mute < 10; i++) {
		if (fd[i] < 0)
			continue;
		if (pong(fd[i], true, 0)) {
			ok++;
			mute = 0;
		} else {
			mute++;
		}
	}
	return ok;
}

static int
run_idle(const struct options *o)
{
	int *fd = calloc((size_t)o->count, sizeof(*fd)), up = 0;
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	double start = seconds_now();

	if (!fd)
		die("calloc");
	for (int i = 0; i < o->count; i++) {
		fd[i] = -1;
		if (i - up >= 10 || seconds_now() - start > o->seconds)
			continue;
		fd[i] = connected(o, SOCK_STREAM, i);
		if (fd[i] >= 0 && pong(fd[i], true, 0))
			up++;
	}
	printf("{\"up\":%d,\"seconds\":%.3f}\n", up, seconds_now() - start);
	fflush(stdout);
	poll(&in, 1, (int)(o->seconds * 1000));
	printf("{\"alive\":%d}\n", alive(fd, o->count));
	return 0;
}

/* ------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(const struct options *o);
} commands[] = {
    {"crr", run_crr},           {"rr", run_rr},     {"udp_rr", run_udp_rr}, {"udp_up", run_udp_up},
    {"udp_down", run_udp_down}, {"idle", run_idle},
};

static bool
set_option(struct options *o, int option)
{
	switch (option) {
	case 'c':
		o->addr = optarg;
		return true;
	case 'p':
		o->port = (int)number("-p", optarg, 1, 65535);
		return true;
	case 'n':
		o->ports = (int)number("-n", optarg, 1, 64);
		return true;
	case 'j':
		o->at_once = (int)number("-j", optarg, 1, 1024);
		return true;
	case 'k':
		o->count = (int)number("-k", optarg, 1, 1e6);
		return true;
	case 's':
		o->size = (uint32_t)number("-s", optarg, sizeof(struct message), 65507);
		return true;
	case 't':
		o->seconds = number("-t", optarg, 0.1, 600);
		return true;
	default:
		return false;
	}
}

int
main(int argc, char **argv)
{
	struct options o = {.addr = "127.0.0.1",
			    .port = 7000,
			    .ports = 1,
			    .at_once = 16,
			    .count = 1000,
			    .size = 1400,
			    .seconds = 3};
	const char *name = argc > 1 ? argv[1] : "";
	int option;

	optind = 2;
	while ((option = getopt(argc, argv, "c:p:n:j:k:s:t:")) != -1) {
		if (!set_option(&o, option))
			return 2;
	}
	raise_file_limit();
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(&o);
	}
	fprintf(stderr, "load: \"%s\" is none of crr, rr, udp_rr, udp_up, udp_down, idle\n", name);
	return 2;
}
