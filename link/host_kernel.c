/*
 * host_kernel.c - the kernel's side of the seam: each entry is one Linux call, or two
 *
 * Sockets are nonblocking and close-on-exec from birth.  An address of either family decides for itself
 * which sockaddr it becomes (link/sockaddr.h); IPv6 sockets are IPv6 only.  Readiness of all host sockets
 * is gathered in one epoll descriptor, so that the loop sleeps on a handful of descriptors however many
 * flows there are.  Data sockets are armed once, edge-triggered, for both directions: no epoll_ctl(2) on
 * the data path.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "link/host_addrs.h"
#include "link/host_dgram.h"
#include "link/sockaddr.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define EVENT_BATCH 64
#define CLOCK_MAX ((uint64_t)1 << 62)

struct host_kernel {
	struct host host;
	int epoll;
	int wake;  /* an eventfd */
	int addrs; /* hears of changes of addresses; -1: nobody asked, or it cannot be had */
	struct host_sources sources;
	usec_t last; /* the sources' clock, when it was asked last */
};

/* A host is only ever made by host_kernel(), as the first member of a struct host_kernel. */
static struct host_kernel *
kernel_of(struct host *h)
{
	return (struct host_kernel *)(void *)h;
}

static int
set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* FORCE goes past net.core.[rw]mem_max and wants CAP_NET_ADMIN; a smaller buffer is no reason to fail. */
static void
set_buffer(int fd, int force, int plain, int bytes)
{
	if (bytes > 0 && set_int(fd, SOL_SOCKET, force, bytes) < 0)
		set_int(fd, SOL_SOCKET, plain, bytes);
}

static int
bind_source(int fd, enum family fam, const struct addr *source)
{
	union sockaddr_any sa;
	socklen_t len = sockaddr_of(&(struct endpoint){*source, 0}, &sa);

	if (len == 0 || addr_family(source) != fam)
		return -EADDRNOTAVAIL;
	/* The port is chosen when the other end is known, so that it is free to be used towards others too. */
	set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	return bind(fd, &sa.sa, len) < 0 ? -errno : 0;
}

/* How it leaves the host. */
static int
set_way(int fd, enum family fam, const struct host_socket_opts *o)
{
	int rc = 0;

	if (o->mark)
		rc = set_int(fd, SOL_SOCKET, SO_MARK, (int)o->mark);
	if (rc == 0 && o->device[0] &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, o->device, (socklen_t)strlen(o->device)) < 0)
		rc = -errno;
	if (rc == 0 && o->bound)
		rc = bind_source(fd, fam, &o->source);
	return rc;
}

static int
set_options(int fd, enum host_kind kind, enum family fam, const struct host_socket_opts *o)
{
	bool v6 = fam == FAMILY_V6;
	int rc = 0;

	/* Who connects names an address of one family: there, IPv4 ones are never told in IPv6's form (addr.h). */
	if (v6 && (kind != HOST_TCP || o->listen_only))
		rc = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc == 0 && o->listen_only)
		rc = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0 && o->errors)
		rc = v6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) : set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
	if (rc == 0 && kind == HOST_PING) /* an echo reply's TTL is told to the guest */
		rc = v6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)
			: set_int(fd, IPPROTO_IP, IP_RECVTTL, 1);
	if (rc == 0 && kind == HOST_PING)
		rc = v6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
			: set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
	if (o->udp_gro)
		set_int(fd, IPPROTO_UDP, UDP_GRO, 1); /* before Linux 5.0: datagrams come one by one */
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, o->rcvbuf);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, o->sndbuf);
	return rc < 0 ? rc : set_way(fd, fam, o);
}

static int
kernel_socket(struct host *h, enum host_kind kind, enum family fam, const struct host_socket_opts *o)
{
	int proto = kind == HOST_TCP   ? IPPROTO_TCP
		    : kind == HOST_UDP ? IPPROTO_UDP
		    : fam == FAMILY_V6 ? IPPROTO_ICMPV6
				       : IPPROTO_ICMP;
	int type = (kind == HOST_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(fam == FAMILY_V6 ? AF_INET6 : AF_INET, type, proto);

	(void)h;
	if (fd < 0)
		return -errno;
	int rc =
	    o ? set_options(fd, kind, fam, o) : set_options(fd, kind, fam, &(struct host_socket_opts){0});
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static int
take_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

/* Over the host's own loopback the handshake, or the refusal, is done before connect(2) returns: a refusal is told
 * at once, and costs no arming. */
static int
kernel_connect(struct host *h, int fd, const struct endpoint *to)
{
	union sockaddr_any sa;
	socklen_t len = sockaddr_of(to, &sa);
	int rc;

	(void)h;
	if (len == 0)
		return -ENETUNREACH;
	if (connect(fd, &sa.sa, len) == 0)
		return 0;
	if (errno != EINPROGRESS || !addr_is_loopback(&to->addr))
		return -errno;
	rc = take_error(fd);
	return rc ? rc : -EINPROGRESS;
}

static int
kernel_disconnect(struct host *h, int fd)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	(void)h;
	return connect(fd, &nobody, sizeof(nobody)) < 0 ? -errno : 0;
}

/*
 * Asked when something is wrong: an error not yet taken is the outcome.  A peer's name is there from the
 * handshake's end until CLOSED; when the error has been taken already, the state still tells.
 */
static int
kernel_connect_result(struct host *h, int fd)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);
	uint8_t state = 0; /* the first field of struct tcp_info */
	socklen_t state_len = sizeof(state);

	(void)h;
	int rc = take_error(fd);
	if (rc)
		return rc;
	if (getpeername(fd, &sa.sa, &len) == 0)
		return 0;
	if (errno != ENOTCONN)
		return -errno;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &state_len) < 0)
		return -errno;
	return state == TCP_CLOSE ? -ECONNABORTED : -EINPROGRESS;
}

static int
kernel_bind(struct host *h, int fd, const struct endpoint *at)
{
	union sockaddr_any sa;
	socklen_t len = sockaddr_of(at, &sa);

	(void)h;
	if (len == 0)
		return -EADDRNOTAVAIL;
	return bind(fd, &sa.sa, len) < 0 ? -errno : 0;
}

static int
kernel_listen(struct host *h, int fd, int backlog)
{
	(void)h;
	return listen(fd, backlog) < 0 ? -errno : 0;
}

static int
kernel_accept(struct host *h, int fd, struct endpoint *peer)
{
	union sockaddr_any sa;
	socklen_t len;
	int got;

	(void)h;
	do {
		len = sizeof(sa);
		got = accept4(fd, &sa.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (got < 0 &&
		 (errno == EINTR || errno == ECONNABORTED)); /* the client has gone: the next one */
	if (got < 0)
		return -errno;
	*peer = sockaddr_endpoint(&sa, len);
	return got;
}

static int
kernel_local(struct host *h, int fd, struct endpoint *at)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);

	(void)h;
	if (getsockname(fd, &sa.sa, &len) < 0)
		return -errno;
	*at = sockaddr_endpoint(&sa, len);
	return 0;
}

static ssize_t
kernel_readv(struct host *h, int fd, const struct iovec *iov, int n)
{
	ssize_t got;

	(void)h;
	do
		got = readv(fd, iov, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t
kernel_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	/* sendmsg(2) only reads the vector, whatever struct msghdr says. */
	union {
		const struct iovec *in;
		struct iovec *out;
	} vec = {.in = iov};
	struct msghdr m = {.msg_iov = vec.out, .msg_iovlen = (size_t)n};
	ssize_t put;

	(void)h;
	do
		put = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (put < 0 && errno == EINTR);
	return put < 0 ? -errno : put;
}

static int
kernel_pending_error(struct host *h, int fd)
{
	(void)h;
	return take_error(fd);
}

static int
kernel_shutdown_write(struct host *h, int fd)
{
	(void)h;
	return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

static int
kernel_nodelay(struct host *h, int fd)
{
	(void)h;
	return set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static int
kernel_keepalive(struct host *h, int fd, int idle_seconds)
{
	(void)h;
	int rc = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
	return rc < 0 ? rc : set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

static int
kernel_set_ttl(struct host *h, int fd, enum family fam, int ttl)
{
	(void)h;
	return fam == FAMILY_V6 ? set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl)
				: set_int(fd, IPPROTO_IP, IP_TTL, ttl);
}

static int
kernel_set_tos(struct host *h, int fd, enum family fam, int tos)
{
	(void)h;
	return fam == FAMILY_V6 ? set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, tos)
				: set_int(fd, IPPROTO_IP, IP_TOS, tos);
}

static void
kernel_close(struct host *h, int fd, bool reset)
{
	(void)h;
	if (reset) {
		struct linger now = {.l_onoff = 1, .l_linger = 0};

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	close(fd);
}

static int
arm(struct host *h, int fd, uint32_t events, uint64_t token)
{
	struct epoll_event ev = {.events = events, .data.u64 = token};
	int epoll = kernel_of(h)->epoll;

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) == 0)
		return 0;
	if (errno == EEXIST && epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &ev) == 0)
		return 0;
	return -errno;
}

static int
kernel_arm(struct host *h, int fd, uint64_t token)
{
	return arm(h, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, token);
}

static int
kernel_arm_read(struct host *h, int fd, uint64_t token)
{
	return arm(h, fd, EPOLLIN | EPOLLET, token);
}

static int
kernel_arm_level(struct host *h, int fd, uint64_t token)
{
	return arm(h, fd, EPOLLIN, token);
}

static int
kernel_events(struct host *h, struct host_event *out, int n)
{
	struct epoll_event ev[EVENT_BATCH];
	int got;

	if (n > EVENT_BATCH)
		n = EVENT_BATCH;
	do
		got = epoll_wait(kernel_of(h)->epoll, ev, n, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	for (int i = 0; i < got; i++) {
		uint32_t is = ev[i].events;

		out[i] = (struct host_event){
		    .token = ev[i].data.u64,
		    .readable = is & EPOLLIN,
		    .writable = is & EPOLLOUT,
		    .hangup = is & (EPOLLRDHUP | EPOLLHUP),
		    .error = is & EPOLLERR,
		};
	}
	return got;
}

static int
kernel_event_fd(struct host *h)
{
	return kernel_of(h)->epoll;
}

/* A signal ends the sleep as if its time were up: the loop has a look round, and the clock is right. */
static int
kernel_poll(struct host *h, struct pollfd *fds, int n, usec_t timeout)
{
	struct timespec ts = {0};

	(void)h;
	if (timeout > 0 && timeout != TIME_NEVER) {
		ts.tv_sec = (time_t)(timeout / USEC_PER_SEC);
		ts.tv_nsec = (long)(timeout % USEC_PER_SEC) * 1000;
	}
	int got = ppoll(fds, (nfds_t)n, timeout == TIME_NEVER ? NULL : &ts, NULL);
	if (got >= 0)
		return got;
	if (errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++)
		fds[i].revents = 0;
	return 0;
}

/* Nothing that was promised for later may come to be in the past, nor a sum of times overflow. */
static usec_t
source_now(struct host_kernel *k)
{
	uint64_t now = k->sources.clock(k->sources.ctx);

	if (now > CLOCK_MAX)
		now = CLOCK_MAX;
	if ((usec_t)now > k->last)
		k->last = (usec_t)now;
	return k->last;
}

static usec_t
kernel_now(struct host *h)
{
	struct timespec ts;

	if (kernel_of(h)->sources.clock)
		return source_now(kernel_of(h));
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

static usec_t
kernel_work(struct host *h)
{
	struct timespec t;

	(void)h;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* cannot fail: the clock exists since Linux 2.6.12 */
	return (usec_t)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

static usec_t
kernel_wall(struct host *h)
{
	struct timespec ts;

	(void)h;
	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* Only an interrupted wait for the pool's first seed can cut it short. */
static void
kernel_random(struct host *h, void *to, size_t n)
{
	const struct host_sources *s = &kernel_of(h)->sources;
	uint8_t *p = to;

	if (s->random) {
		s->random(s->ctx, to, n);
		return;
	}
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno != EINTR)
			abort(); /* before Linux 3.17: nothing here may run on guessable numbers */
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}

static ssize_t
kernel_fd_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	ssize_t put;

	(void)h;
	do
		put = writev(fd, iov, n);
	while (put < 0 && errno == EINTR);
	return put < 0 ? -errno : put;
}

static int
kernel_wake_fd(struct host *h)
{
	return kernel_of(h)->wake;
}

/* From signal handlers too: one write(2), errno left as it was.  A full counter is awake already. */
static void
kernel_wake(struct host *h)
{
	const uint64_t one = 1;
	int saved = errno;

	if (write(kernel_of(h)->wake, &one, sizeof(one)) < 0)
		errno = saved;
}

static void
kernel_wake_clear(struct host *h)
{
	uint64_t count;

	while (read(kernel_of(h)->wake, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

/* A file replaced by rename has another inode, one written in place another time or size. */
static int64_t
kernel_file_version(struct host *h, const char *path)
{
	struct stat st;

	(void)h;
	if (stat(path, &st) < 0)
		return -1;
	uint64_t v = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	v ^= (uint64_t)st.st_ino << 20 ^ (uint64_t)st.st_size << 44;
	return (int64_t)(v & INT64_MAX);
}

static ssize_t
kernel_file_read(struct host *h, const char *path, void *to, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	ssize_t got = 0;

	(void)h;
	if (fd < 0)
		return -errno;
	while (len < max && (got = read(fd, (uint8_t *)to + len, max - len)) > 0)
		len += (size_t)got;
	int err = errno;
	close(fd);
	return got < 0 ? -err : (ssize_t)len;
}

static void
kernel_drop_pages(void *block, size_t size)
{
	madvise(block, size, MADV_DONTNEED);
}

static int
kernel_addrs(struct host *h, struct addr **out, size_t *n)
{
	(void)h;
	return host_addrs_read(out, n);
}

static int
kernel_addrs_watch(struct host *h, uint64_t token)
{
	struct host_kernel *k = kernel_of(h);
	int fd = host_addrs_open();

	if (fd < 0)
		return fd;

	int rc = arm(h, fd, EPOLLIN, token);
	if (rc < 0)
		close(fd);
	else
		k->addrs = fd;
	return rc;
}

static bool
kernel_addrs_changed(struct host *h)
{
	return host_addrs_drain(kernel_of(h)->addrs);
}

static const struct host_ops kernel_ops = {
    .socket = kernel_socket,
    .connect = kernel_connect,
    .disconnect = kernel_disconnect,
    .connect_result = kernel_connect_result,
    .bind = kernel_bind,
    .listen = kernel_listen,
    .accept = kernel_accept,
    .local = kernel_local,
    .readv = kernel_readv,
    .writev = kernel_writev,
    .recvmmsg = host_dgram_recvmmsg,
    .sendmmsg = host_dgram_sendmmsg,
    .recv = host_dgram_recv,
    .send = host_dgram_send,
    .sockerr = host_dgram_sockerr,
    .pending_error = kernel_pending_error,
    .shutdown_write = kernel_shutdown_write,
    .nodelay = kernel_nodelay,
    .keepalive = kernel_keepalive,
    .set_ttl = kernel_set_ttl,
    .set_tos = kernel_set_tos,
    .close = kernel_close,
    .arm = kernel_arm,
    .arm_read = kernel_arm_read,
    .arm_level = kernel_arm_level,
    .events = kernel_events,
    .event_fd = kernel_event_fd,
    .poll = kernel_poll,
    .now = kernel_now,
    .work = kernel_work,
    .wall = kernel_wall,
    .random = kernel_random,
    .fd_readv = kernel_readv,
    .fd_writev = kernel_fd_writev,
    .wake_fd = kernel_wake_fd,
    .wake = kernel_wake,
    .wake_clear = kernel_wake_clear,
    .file_version = kernel_file_version,
    .file_read = kernel_file_read,
    .addrs = kernel_addrs,
    .addrs_watch = kernel_addrs_watch,
    .addrs_changed = kernel_addrs_changed,
    .drop_pages = kernel_drop_pages,
};

struct host *
host_kernel(int *err)
{
	void *block = malloc(sizeof(struct host_kernel));
	struct host_kernel *k = block;

	if (!k) {
		*err = ENOMEM;
		return NULL;
	}
	*k = (struct host_kernel){
	    .host.ops = &kernel_ops,
	    .epoll = epoll_create1(EPOLL_CLOEXEC),
	    .wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	    .addrs = -1,
	};
	if (k->epoll < 0 || k->wake < 0) {
		*err = errno;
		host_kernel_free(block);
		return NULL;
	}
	return block;
}

void
host_kernel_use(struct host *h, const struct host_sources *s)
{
	kernel_of(h)->sources = *s;
}

void
host_kernel_free(struct host *h)
{
	if (!h)
		return;
	struct host_kernel *k = kernel_of(h);

	if (k->epoll >= 0)
		close(k->epoll);
	if (k->wake >= 0)
		close(k->wake);
	if (k->addrs >= 0)
		close(k->addrs);
	free(h);
}

bool
host_kernel_has_udp_gso(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	bool has =
	    set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 1400) == 0 && set_int(fd, IPPROTO_UDP, UDP_GRO, 1) == 0;
	close(fd);
	return has;
}
