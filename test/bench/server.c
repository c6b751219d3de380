/*
 * server.c - the far end of the benchmark: an echo server that a gateway's guest talks to
 *
 *	server -l ADDR -p PORT [-n PORTS] [-t SECONDS]
 *
 * TCP on each port: what comes in goes back.  UDP on the same ports: the messages of common.h; a stream
 * that was asked for is sent by a child, so that the server goes on answering.  It ends by itself after
 * SECONDS.  Bulk TCP is iperf3's work.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "test/bench/common.h"

#define EVENTS 256
#define SESSIONS 256 /* by the low bits of its number; a new one takes the place of the old */
#define UDP_BATCH 32

enum role { CONNECTION, LISTENER, DATAGRAMS };

struct session {
	uint32_t id;
	uint64_t packets, bytes;
};

struct server {
	int epoll;
	struct session session[SESSIONS];
};

static void
watch(struct server *s, int fd, enum role role)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)role << 32 | (uint32_t)fd};

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		die("epoll_ctl");
}

static void
open_port(struct server *s, const char *addr, int port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, addr, port);
	const struct sockaddr *sa = (const void *)&ss;
	int one = 1, big = 4 << 20;

	int tcp = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(tcp, sa, len) < 0 || listen(tcp, 4096) < 0)
		die("TCP port");
	watch(s, tcp, LISTENER);

	int udp = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)) < 0)
		setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	if (bind(udp, sa, len) < 0)
		die("UDP port");
	watch(s, udp, DATAGRAMS);
}

static void
accept_some(struct server *s, int listener)
{
	int one = 1;

	for (int i = 0; i < 64; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

		if (fd < 0)
			return;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(s, fd, CONNECTION);
	}
}

static void
echo(int fd)
{
	char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* A reader too slow for its own echo is no client of ours. */
	if (n <= 0 || write(fd, buf, (size_t)n) != n)
		close(fd);
}

/* A child sends the stream and says a few times that it is over: the message itself may be lost. */
static void
stream(struct server *s, int fd, const struct sockaddr *to, socklen_t tolen, const struct message *m)
{
	struct session *ses = &s->session[m->session % SESSIONS];

	if (ses->id == m->session) /* asked again: it is on its way */
		return;
	*ses = (struct session){.id = m->session};
	if (fork() != 0)
		return;

	struct message end = *m;
	end.kind = MSG_END;
	end.packets = send_paced(fd, to, tolen, m);
	end.bytes = end.packets * m->size;
	for (int i = 0; i < 5; i++) {
		sleep_for(0.05);
		sendto(fd, &end, sizeof(end), 0, to, tolen);
	}
	_exit(0);
}

/* One datagram.  True: it is to be sent back, m as its first bytes. */
static bool
datagram(struct server *s, int fd, const struct msghdr *h, size_t len, struct message *m)
{
	struct session *ses = &s->session[m->session % SESSIONS];

	switch (m->kind) {
	case MSG_ECHO:
		return true;
	case MSG_DATA:
		if (ses->id != m->session)
			*ses = (struct session){.id = m->session};
		ses->packets++;
		ses->bytes += len;
		return false;
	case MSG_COUNT:
		m->packets = ses->id == m->session ? ses->packets : 0;
		m->bytes = ses->id == m->session ? ses->bytes : 0;
		return true;
	case MSG_SEND:
		if (m->size <= 65507 && m->millis <= 20000)
			stream(s, fd, h->msg_name, h->msg_namelen, m);
		return false;
	default:
		return false;
	}
}

static void
datagrams(struct server *s, int fd)
{
	static uint8_t buf[UDP_BATCH][65536];
	struct sockaddr_storage from[UDP_BATCH];
	struct iovec iov[UDP_BATCH];
	struct mmsghdr in[UDP_BATCH], out[UDP_BATCH];
	unsigned nout = 0;

	memset(in, 0, sizeof(in));
	for (int i = 0; i < UDP_BATCH; i++) {
		iov[i] = (struct iovec){buf[i], sizeof(buf[i])};
		in[i].msg_hdr = (struct msghdr){
		    .msg_iov = &iov[i],
		    .msg_iovlen = 1,
		    .msg_name = &from[i],
		    .msg_namelen = sizeof(from[i]),
		};
	}
	int n = recvmmsg(fd, in, UDP_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct message m;

		if (in[i].msg_len < sizeof(m))
			continue;
		memcpy(&m, buf[i], sizeof(m));
		if (!datagram(s, fd, &in[i].msg_hdr, in[i].msg_len, &m))
			continue;
		memcpy(buf[i], &m, sizeof(m));
		iov[i].iov_len = in[i].msg_len;
		out[nout++] = in[i];
	}
	if (nout)
		sendmmsg(fd, out, nout, 0);
}

static void
serve(struct server *s, double end)
{
	struct epoll_event ev[EVENTS];

	while (seconds_now() < end) {
		int n = epoll_wait(s->epoll, ev, EVENTS, 500);

		for (int i = 0; i < n; i++) {
			int fd = (int)(uint32_t)ev[i].data.u64;

			switch ((enum role)(ev[i].data.u64 >> 32)) {
			case LISTENER:
				accept_some(s, fd);
				break;
			case DATAGRAMS:
				datagrams(s, fd);
				break;
			case CONNECTION:
				echo(fd);
				break;
			}
		}
	}
}

int
main(int argc, char **argv)
{
	struct server s = {.epoll = epoll_create1(0)};
	const char *addr = "127.0.0.1";
	int port = 7000, ports = 1, o;
	double life = 600;

	while ((o = getopt(argc, argv, "l:p:n:t:")) != -1) {
		if (o == 'l')
			addr = optarg;
		else if (o == 'p')
			port = (int)number("-p", optarg, 1, 65535);
		else if (o == 'n')
			ports = (int)number("-n", optarg, 1, 64);
		else if (o == 't')
			life = number("-t", optarg, 0, 86400);
		else
			return 2;
	}
	raise_file_limit();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* children are not waited for */
	for (int i = 0; i < ports; i++)
		open_port(&s, addr, port + i);
	serve(&s, seconds_now() + life);
	return 0;
}
