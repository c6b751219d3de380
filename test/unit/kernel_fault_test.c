/*
 * kernel_fault_test.c - every call to the kernel fails once, while a gateway on real sockets serves a guest (row G6)
 *
 * The Makefile links this program with --wrap for the calls of the list below.  One scene is played on the real kernel, on one thread: a
 * gateway behind a stream that it listens for, a stream that it was given, and datagrams; a guest played at the other end of the link;
 * servers on the loopback.  It is played once to count the calls the gateway makes, from its making to its end, then again for
 * each of them, failing with each errno that Linux may give there, interrupted, and cut short where a call may do a part.  Each time
 *
 *	the gateway is not made, and says why; or it lives; or it ends, and says why
 *	what the host has had is what the guest said, from its beginning, and the other way round
 *	the bystander's bytes are all there, unless the call was about its own socket, the link, or what all flows share
 *	no descriptor is left, and the sanitizers find no memory
 *
 * EAGAIN of a host's socket that has bytes is not played here: Linux would tell later, this test cannot (seam_fault_test does).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/sockaddr.h"
#include "link/stream_wire.h"
#include "sluice.h"
#include "stack/udp_wire.h"
#include "test/bed/craft.h"
#include "test/bed/strict.h"
#include "test/unit/real_kit.h"

/* --- the calls -------------------------------------------------------------------------------------------------------- */

#define ERRORS 8

enum call {
	CALL_SOCKET,
	CALL_CONNECT,
	CALL_BIND,
	CALL_LISTEN,
	CALL_ACCEPT4,
	CALL_GETPEERNAME,
	CALL_GETSOCKOPT,
	CALL_SETSOCKOPT,
	CALL_READV,
	CALL_SENDMSG,
	CALL_RECVMSG,
	CALL_RECVMMSG,
	CALL_SENDMMSG,
	CALL_RECV,
	CALL_SEND,
	CALL_SHUTDOWN,
	CALL_EPOLL_CREATE1,
	CALL_EPOLL_CTL,
	CALL_EPOLL_WAIT,
	CALL_EVENTFD,
	CALL_MMAP,
	CALL_LSTAT,
	CALL_FSTAT,
	CALL_FCHMOD,
	CALLS,
};

static const struct {
	const char *name;
	int error[ERRORS];
} calls[CALLS] = {
    [CALL_SOCKET] = {"socket", {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EAFNOSUPPORT}},
    [CALL_CONNECT] = {"connect", {ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, EACCES, ENOBUFS}},
    [CALL_BIND] = {"bind", {EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOMEM}},
    [CALL_LISTEN] = {"listen", {EADDRINUSE, ENOBUFS}},
    [CALL_ACCEPT4] = {"accept4", {EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM}},
    [CALL_GETPEERNAME] = {"getpeername", {ENOBUFS, ENOTCONN}},
    [CALL_GETSOCKOPT] = {"getsockopt", {ENOBUFS, ENOPROTOOPT}},
    [CALL_SETSOCKOPT] = {"setsockopt", {ENOBUFS, ENOPROTOOPT, EPERM}},
    [CALL_READV] = {"readv", {EINTR, ECONNRESET, ETIMEDOUT, ENOMEM}},
    [CALL_SENDMSG] = {"sendmsg", {EINTR, EPIPE, ECONNRESET, ENOBUFS, ENOMEM}},
    [CALL_RECVMSG] = {"recvmsg", {EINTR, EAGAIN, ENOMEM}},
    [CALL_RECVMMSG] = {"recvmmsg", {EINTR, ECONNREFUSED, ENOMEM}},
    [CALL_SENDMMSG] = {"sendmmsg", {EINTR, EPERM, ENETUNREACH, ENOBUFS, EMSGSIZE, ECONNREFUSED}},
    [CALL_RECV] = {"recv", {EINTR, ECONNREFUSED, ENOMEM}},
    [CALL_SEND] = {"send", {EINTR, ECONNREFUSED, ENOBUFS, EPERM}},
    [CALL_SHUTDOWN] = {"shutdown", {ENOTCONN, ENOBUFS}},
    [CALL_EPOLL_CREATE1] = {"epoll_create1", {EMFILE, ENFILE, ENOMEM}},
    [CALL_EPOLL_CTL] = {"epoll_ctl", {ENOMEM, ENOSPC}},
    [CALL_EPOLL_WAIT] = {"epoll_wait", {EINTR}},
    [CALL_EVENTFD] = {"eventfd", {EMFILE, ENFILE, ENOMEM}},
    [CALL_MMAP] = {"mmap", {ENOMEM}},
    [CALL_LSTAT] = {"lstat", {ENOENT, EACCES, ENOMEM}},
    [CALL_FSTAT] = {"fstat", {ENOMEM}},
    [CALL_FCHMOD] = {"fchmod", {EPERM, EROFS}},
};

static bool in_gateway;
static bool alone; /* the bystander is being served, and nobody else */
static unsigned made[CALLS], injected[CALLS];
/* What fails: the nth call of a kind, with an error; 0: it does a part. */
static struct {
	enum call call;
	unsigned nth;
	int error;
	bool fired, bystanders, flows; /* it was about the bystander's socket, about one of the internet's */
} fault;
static uint16_t bystander_port; /* of its server */

static void
whose(int fd)
{
	union sockaddr_any sa = {0};
	socklen_t len = sizeof(sa);

	in_gateway = false;
	fault.flows = getsockname(fd, &sa.sa, &len) == 0 && sa.sa.sa_family != AF_UNIX;
	len = sizeof(sa);
	fault.bystanders |= getpeername(fd, &sa.sa, &len) == 0 && sa.sa.sa_family != AF_UNIX &&
			    sockaddr_endpoint(&sa, len).port == bystander_port;
	in_gateway = true;
}

/* True: this call is the one. */
static bool
is_due(enum call c, int fd)
{
	if (!in_gateway || ++made[c] != fault.nth || c != fault.call || fault.fired)
		return false;
	fault.fired = true;
	fault.bystanders = alone;
	if (fd >= 0)
		whose(fd);
	return true;
}

static bool
fails(enum call c, int fd)
{
	if (!is_due(c, fd))
		return false;
	errno = fault.error;
	return true;
}

/* A call that returns -1 and errno. */
#define WRAP(type, call, name, fd, takes, gives)                         \
	type __real_##name takes;                                        \
	type __wrap_##name takes;                                        \
	type __wrap_##name takes                                         \
	{                                                                \
		return fails(call, fd) ? (type)-1 : __real_##name gives; \
	}

WRAP(int, CALL_SOCKET, socket, -1, (int f, int t, int p), (f, t, p))
WRAP(int, CALL_CONNECT, connect, fd, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, CALL_BIND, bind, fd, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, CALL_LISTEN, listen, fd, (int fd, int n), (fd, n))
WRAP(int, CALL_ACCEPT4, accept4, fd, (int fd, struct sockaddr *a, socklen_t *n, int f), (fd, a, n, f))
WRAP(int, CALL_GETPEERNAME, getpeername, fd, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
WRAP(int, CALL_GETSOCKOPT, getsockopt, fd, (int fd, int l, int o, void *p, socklen_t *n), (fd, l, o, p, n))
WRAP(int, CALL_SETSOCKOPT, setsockopt, fd, (int fd, int l, int o, const void *p, socklen_t n),
     (fd, l, o, p, n))
WRAP(ssize_t, CALL_RECVMSG, recvmsg, fd, (int fd, struct msghdr *m, int f), (fd, m, f))
WRAP(int, CALL_RECVMMSG, recvmmsg, fd, (int fd, struct mmsghdr *m, unsigned n, int f, struct timespec *t),
     (fd, m, n, f, t))
WRAP(int, CALL_SENDMMSG, sendmmsg, fd, (int fd, struct mmsghdr *m, unsigned n, int f), (fd, m, n, f))
WRAP(ssize_t, CALL_RECV, recv, fd, (int fd, void *p, size_t n, int f), (fd, p, n, f))
WRAP(ssize_t, CALL_SEND, send, fd, (int fd, const void *p, size_t n, int f), (fd, p, n, f))
WRAP(int, CALL_SHUTDOWN, shutdown, fd, (int fd, int how), (fd, how))
WRAP(int, CALL_EPOLL_CREATE1, epoll_create1, -1, (int f), (f))
WRAP(int, CALL_EPOLL_CTL, epoll_ctl, fd, (int e, int op, int fd, struct epoll_event *v), (e, op, fd, v))
WRAP(int, CALL_EPOLL_WAIT, epoll_wait, -1, (int e, struct epoll_event *v, int n, int t), (e, v, n, t))
WRAP(int, CALL_EVENTFD, eventfd, -1, (unsigned n, int f), (n, f))
WRAP(int, CALL_LSTAT, lstat, -1, (const char *p, struct stat *s), (p, s))
WRAP(int, CALL_FSTAT, fstat, fd, (int fd, struct stat *s), (fd, s))
WRAP(int, CALL_FCHMOD, fchmod, fd, (int fd, mode_t m), (fd, m))

void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *
__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	return fails(CALL_MMAP, -1) ? MAP_FAILED : __real_mmap(at, n, prot, flags, fd, off);
}

ssize_t __real_readv(int fd, const struct iovec *iov, int n);
ssize_t __wrap_readv(int fd, const struct iovec *iov, int n);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);

/* The first part of the first piece: of the guest's link, which is looked at again.  Of a host's socket Linux would tell when there is more. */
static struct iovec
part_of(const struct iovec *iov)
{
	return (struct iovec){iov->iov_base,
			      iov->iov_len > 1 && !fault.flows ? iov->iov_len / 2 : iov->iov_len};
}

ssize_t
__wrap_readv(int fd, const struct iovec *iov, int n)
{
	if (!is_due(CALL_READV, fd))
		return __real_readv(fd, iov, n);
	if (fault.error == 0) {
		struct iovec part = part_of(iov);

		return __real_readv(fd, fault.flows ? iov : &part, fault.flows ? n : 1);
	}
	errno = fault.error;
	return -1;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct msghdr less = *m;

	if (!is_due(CALL_SENDMSG, fd))
		return __real_sendmsg(fd, m, flags);
	if (fault.error == 0) {
		struct iovec part = part_of(m->msg_iov);

		less.msg_iov = &part;
		less.msg_iovlen = 1;
		return __real_sendmsg(fd, fault.flows ? m : &less, flags);
	}
	errno = fault.error;
	return -1;
}

/* --- the scene -------------------------------------------------------------------------------------------------------- */

#define SAID 3000u /* bytes each way of a connection */
#define QUIET 40u  /* turns in which nothing moves: it is over */

enum link_way { LISTENS, GIVEN_STREAM, GIVEN_DATAGRAMS, LINK_WAYS };

struct talk {
	uint16_t sport, dport; /* the guest's, the server's */
	int listener, server;  /* -1: none */
	uint32_t seq, ack, una;
	bool open, gone, bad, fin;
	size_t said[2], had[2]; /* by the guest, by the host */
};

static struct scene {
	enum link_way way;
	struct sluice_config cfg;
	struct sluice *gw;
	char err[256], dir[32], path[64];
	int vmm, udp;
	uint16_t udp_port;
	bool answered, ended;
	struct talk talk[2]; /* the bystander first */
	struct craft to;
	size_t nin;
	uint8_t in[2 * (STREAM_HLEN + FRAME_MAX)], frame[FRAME_MAX];
} * s;

static uint8_t
byte_of(const struct talk *t, unsigned from, size_t n)
{
	return (uint8_t)(t->sport * 31u + from * 101u + n * 7u + n / 256u);
}

static int
host_socket(int type, uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void
vmm_says(const uint8_t *frame, size_t len)
{
	uint8_t bytes[STREAM_HLEN + FRAME_MAX];
	struct wr w = wr_of(bytes, sizeof(bytes));

	if (s->way != GIVEN_DATAGRAMS)
		stream_emit(&w, (uint32_t)len);
	wr_bytes(&w, frame, len);
	/* The gateway may have hung up; a full socket would be a test that says too much. */
	if (s->vmm >= 0 && send(s->vmm, bytes, (size_t)(w.p - bytes), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		assert_int_not_equal(errno, EAGAIN);
}

static void
talk_says(struct talk *t, uint8_t flags, const void *data, size_t len)
{
	struct craft_tcp c = {.hdr = {.sport = t->sport,
				      .dport = t->dport,
				      .seq = t->seq,
				      .ack = flags & TCP_ACK ? t->ack : 0,
				      .flags = flags,
				      .wnd = 65535},
			      .data = view_of(data, len)};

	vmm_says(s->frame, craft_tcp(s->frame, &s->to, &c));
	t->seq += (uint32_t)len + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
}

/* The next frame of the gateway; 0: there is none. */
static size_t
vmm_takes(void)
{
	struct view v;
	uint32_t len;

	if (s->vmm < 0)
		return 0;
	if (s->way == GIVEN_DATAGRAMS) {
		ssize_t n = recv(s->vmm, s->frame, sizeof(s->frame), MSG_DONTWAIT);

		return n > 0 ? (size_t)n : 0;
	}
	ssize_t n = recv(s->vmm, s->in + s->nin, sizeof(s->in) - s->nin, MSG_DONTWAIT);
	s->nin += n > 0 ? (size_t)n : 0;
	struct rd r = rd_of(view_of(s->in, s->nin));
	if (stream_parse(&r, &v, &len) != STREAM_FRAME)
		return 0;
	memcpy(s->frame, v.p, len);
	s->nin -= STREAM_HLEN + len;
	memmove(s->in, s->in + STREAM_HLEN + len, s->nin);
	return len;
}

static void
guest_hears(struct talk *t, const struct strict *is)
{
	uint32_t seq = is->tcp.seq;

	if (is->tcp.flags & TCP_RST) {
		t->gone = true;
	} else if (is->tcp.flags & TCP_SYN) {
		t->ack = seq + 1;
		t->open = true;
		talk_says(t, TCP_ACK, NULL, 0);
	} else if (t->open) {
		for (size_t i = 0; seq == t->ack && i < is->payload.len; i++, t->had[0]++)
			t->bad |= is->payload.p[i] != byte_of(t, 1, t->had[0]);
		t->ack += seq == t->ack ? (uint32_t)is->payload.len : 0;
		if (is->payload.len)
			talk_says(t, TCP_ACK, NULL, 0);
	}
}

/* True: something came. */
static bool
guest_moves(void)
{
	static const struct strict_wire wire = {
	    .guest = {{2, 0, 0, 0, 0, 0x15}}, .gateway = {{0x52, 0x55, 0x0a, 0, 2, 2}}, .lim = {.mtu = 1500}};
	struct strict is;
	bool any = false;
	size_t len;

	for (; (len = vmm_takes()) > 0; any = true) {
		const char *wrong = strict_check(&wire, s->frame, len, &(struct offload){0}, &is);

		if (wrong)
			fail_msg("%s", wrong);
		s->answered |= is.kind == STRICT_UDP && is.payload.len == 6;
		for (unsigned i = 0; is.kind == STRICT_TCP && i < 2; i++)
			if (is.tcp.dport == s->talk[i].sport)
				guest_hears(&s->talk[i], &is);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct talk *t = &s->talk[i];
		uint8_t piece[1000];

		if (!t->open || t->gone || t->said[0] == SAID)
			continue;
		for (size_t k = 0; k < sizeof(piece); k++)
			piece[k] = byte_of(t, 0, t->said[0]++);
		talk_says(t, TCP_ACK | TCP_PSH, piece, sizeof(piece));
		any = true;
	}
	return any;
}

static bool
host_moves(void)
{
	uint8_t b[4096];
	bool any = false;

	for (unsigned i = 0; i < 2; i++) {
		struct talk *t = &s->talk[i];
		ssize_t n;

		if (t->server < 0 &&
		    (t->server = accept4(t->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0)
			continue;
		while ((n = recv(t->server, b, sizeof(b), MSG_DONTWAIT)) > 0)
			for (ssize_t k = 0; k < n; k++, any = true)
				t->bad |= b[k] != byte_of(t, 0, t->had[1]++);
		for (size_t k = 0; k < SAID; k++)
			b[k] = byte_of(t, 1, k);
		if (t->said[1] == 0 && send(t->server, b, SAID, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)SAID)
			t->said[1] = SAID;
	}
	union sockaddr_any from;
	socklen_t len = sizeof(from);
	if (recvfrom(s->udp, b, sizeof(b), MSG_DONTWAIT, &from.sa, &len) == 8)
		any |= sendto(s->udp, "answer", 6, MSG_DONTWAIT, &from.sa, len) == 6;
	return any;
}

static void
turn(void)
{
	struct pollfd fds[SLUICE_POLLFDS];
	int left, n, r;

	if (s->ended)
		return;
	in_gateway = true;
	n = sluice_prepare(s->gw, fds, &left);
	in_gateway = false;
	poll(fds, (nfds_t)n, 0);
	in_gateway = true;
	r = sluice_dispatch(s->gw, fds, n);
	in_gateway = false;
	if (r < 0) {
		assert_true(strlen(sluice_error(s->gw)) > 10);
		s->ended = true;
	}
}

static bool
talk_is_good(const struct talk *t)
{
	return t->had[0] == SAID && t->had[1] == SAID;
}

/* Must everything come to a good end all the same? */
static bool
is_harmless(void)
{
	return !fault.fired || fault.error == EINTR || fault.error == 0;
}

/* Until all has come to a good end, or, where something may be lost, nothing moves any more. */
static void
play(unsigned talks, bool udp)
{
	unsigned quiet = 0, rounds = 0;

	while (quiet < QUIET || is_harmless()) {
		bool good = !udp || s->answered;

		turn();
		quiet = guest_moves() || host_moves() ? 0 : quiet + 1;
		for (unsigned i = 0; i < talks; i++)
			good &= talk_is_good(&s->talk[i]);
		if (good || s->ended || ++rounds > 2000000)
			break;
		if (quiet > QUIET)
			usleep(1000);
		if (quiet > PATIENCE_MS / 2)
			break;
	}
}

static void
talk_begins(struct talk *t, uint16_t sport)
{
	*t = (struct talk){.sport = sport, .server = -1, .seq = 1000};
	t->listener = host_socket(SOCK_STREAM, &t->dport);
}

static void
scene_begins(enum link_way way)
{
	int pair[2];

	s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->way = way;
	s->vmm = -1;
	sluice_config_init(&s->cfg);
	s->cfg.link_kind = way == GIVEN_DATAGRAMS ? SLUICE_LINK_DGRAM : SLUICE_LINK_STREAM;
	s->cfg.profiles = "all";
	s->cfg.max_tcp = s->cfg.max_udp = 16;
	s->cfg.memory = 4u << 20;
	memcpy(s->cfg.guest_mac, "\2\0\0\0\0\x15", 6);
	snprintf(s->dir, sizeof(s->dir), "/tmp/sluice-fault-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/sock", s->dir);
	memcpy(s->to.src_mac.b, s->cfg.guest_mac, 6);
	s->to.dst_mac = (struct mac){{0x52, 0x55, 0x0a, 0, 2, 2}};
	assert_true(addr_parse("10.0.2.15", &s->to.src) && addr_parse("10.0.2.2", &s->to.dst));
	talk_begins(&s->talk[0], 40000);
	talk_begins(&s->talk[1], 40001);
	bystander_port = s->talk[0].dport;
	s->udp = host_socket(SOCK_DGRAM, &s->udp_port);
	if (way == LISTENS) {
		s->cfg.link_path = s->path;
		return;
	}
	assert_int_equal(
	    socketpair(AF_UNIX, (way == GIVEN_STREAM ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0, pair), 0);
	s->cfg.link_fd = pair[0];
	s->vmm = pair[1];
}

static void
vmm_comes(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", s->path);
	s->vmm = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->vmm >= 0);
	if (connect(s->vmm, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		close(s->vmm);
		s->vmm = -1;
	}
}

static void
scene_ends(void)
{
	in_gateway = true;
	sluice_free(s->gw);
	in_gateway = false;
	if (!s->gw && s->cfg.link_fd >= 0)
		close(s->cfg.link_fd);
	for (unsigned i = 0; i < 2; i++) {
		close(s->talk[i].listener);
		if (s->talk[i].server >= 0)
			close(s->talk[i].server);
	}
	close(s->udp);
	if (s->vmm >= 0)
		close(s->vmm);
	/* A path that could not be looked at stays. */
	if (unlink(s->path) == 0)
		assert_true(fault.fired);
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
}

/* --- one run ------------------------------------------------------------------------------------------------------------ */

static void
guest_asks(void)
{
	size_t n = craft_udp(s->frame, &s->to, 5000, s->udp_port, view_of("question", 8));

	vmm_says(s->frame, n);
}

/* The guest ends a connection, and the host hears of it. */
static void
goodbye(void)
{
	if (s->talk[1].open && !s->talk[1].gone)
		talk_says(&s->talk[1], TCP_FIN | TCP_ACK, NULL, 0);
	for (unsigned i = 0; i < 10; i++) {
		turn();
		guest_moves();
		host_moves();
	}
}

/* A flow's own trouble is its own. */
static void
bystander_is_well(void)
{
	if (!is_harmless() && (!fault.flows || fault.bystanders || s->ended))
		return;
	if (!talk_is_good(&s->talk[0]))
		fail_msg("the bystander has %zu and %zu bytes", s->talk[0].had[0], s->talk[0].had[1]);
}

/* False: there are fewer such calls. */
static bool
run(enum link_way way, enum call c, unsigned nth, int error)
{
	unsigned before = entries("/proc/self/fd");

	memset(made, 0, sizeof(made));
	fault.call = c;
	fault.nth = nth;
	fault.error = error;
	fault.fired = fault.bystanders = fault.flows = false;
	scene_begins(way);
	in_gateway = true;
	s->gw = sluice_new(&s->cfg, s->err, sizeof(s->err));
	in_gateway = false;
	if (s->gw) {
		if (way == LISTENS)
			vmm_comes();
		alone = true;
		talk_says(&s->talk[0], TCP_SYN, NULL, 0);
		play(1, false);
		alone = false;
		talk_says(&s->talk[1], TCP_SYN, NULL, 0);
		guest_asks();
		play(2, true);
		bystander_is_well();
		assert_true(!is_harmless() || (talk_is_good(&s->talk[1]) && s->answered));
		assert_false(s->talk[0].bad || s->talk[1].bad);
		goodbye();
	} else {
		assert_true(fault.fired);
		assert_true(strlen(s->err) > 10);
	}
	scene_ends();
	assert_int_equal(entries("/proc/self/fd"), before);
	return fault.fired;
}

static void
each_call_fails(enum link_way way)
{
	for (unsigned c = 0; c < CALLS; c++) {
		for (unsigned e = 0; e < ERRORS && (e == 0 || calls[c].error[e]); e++)
			for (unsigned nth = 1; run(way, (enum call)c, nth, calls[c].error[e]); nth++) {
				injected[c]++;
				assert_true(nth < 1000);
			}
		for (unsigned nth = 1;
		     c == CALL_READV || c == CALL_SENDMSG ? run(way, (enum call)c, nth, 0) : false; nth++)
			injected[c]++;
	}
}

static int
say_what_failed(void **state)
{
	(void)state;
	print_message("last: %s, call %u, %s\n", calls[fault.call].name, fault.nth, strerror(fault.error));
	return 0;
}

static void
G6_a_stream_that_is_listened_for(void **state)
{
	(void)state;
	each_call_fails(LISTENS);
}

static void
G6_a_stream_that_was_given(void **state)
{
	(void)state;
	each_call_fails(GIVEN_STREAM);
}

static void
G6_datagrams_that_were_given(void **state)
{
	(void)state;
	each_call_fails(GIVEN_DATAGRAMS);
}

static void
G6_every_call_has_failed(void **state)
{
	unsigned never = 0;

	(void)state;
	for (unsigned c = 0; c < CALLS; c++) {
		print_message("%8u  %s\n", injected[c], calls[c].name);
		never += injected[c] == 0;
	}
	assert_int_equal(never, 0);
}

int
main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_teardown(f, say_what_failed)
	const struct CMUnitTest tests[] = {
	    TEST(G6_a_stream_that_is_listened_for),
	    TEST(G6_a_stream_that_was_given),
	    TEST(G6_datagrams_that_were_given),
	    cmocka_unit_test(G6_every_call_has_failed),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("every call to the kernel fails once", tests, NULL, NULL);
}
