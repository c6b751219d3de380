/*
 * host.h - the one narrow seam between sluice and the kernel
 *
 * Everything proxy/ and link/ ask of the operating system goes through `struct host`: open, connect,
 * accept, read, write, arm, poll, clock, random.  host_kernel() is the real one and thin.  link/vhost.h
 * is a host of memory, whose other side a test (or `sluice replay`) plays, and which can delay, refuse,
 * run short and run out.  All calls are nonblocking but poll().
 *
 * Errors are negative errno values.  A call that cannot fail says void.  Descriptors are small
 * non-negative integers, as the kernel's are, but the virtual host's are not the kernel's.
 */
#ifndef LINK_HOST_H
#define LINK_HOST_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "stack/addr.h"
#include "stack/time.h"

struct host;

enum host_kind {
	HOST_TCP,
	HOST_UDP,
	HOST_PING, /* unprivileged ICMP echo: SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6 (ping(7)) */
};

#define HOST_DEVICE 16 /* an interface's name and its end: IFNAMSIZ */

/* What host_socket() sets before it returns. */
struct host_socket_opts {
	bool listen_only; /* TCP: SO_REUSEADDR and IPV6_V6ONLY, for a listener */
	bool udp_gro;     /* UDP_GRO, where the kernel has it */
	bool errors; /* IP_RECVERR / IPV6_RECVERR: ICMP errors arrive in the error queue, with their source */
	int rcvbuf;  /* bytes; 0: leave alone.  SO_RCVBUFFORCE first, then SO_RCVBUF */
	int sndbuf;
	/* How it leaves the host.  Any of these that cannot be had is the call's error: EPERM (mark, device: wants
	 * CAP_NET_ADMIN or CAP_NET_RAW), ENODEV, EADDRNOTAVAIL (no such address here). */
	uint32_t mark;            /* SO_MARK; 0: none */
	char device[HOST_DEVICE]; /* SO_BINDTODEVICE: an interface's name; "": any */
	bool bound;               /* `source` is its own address; the port is left to the kernel */
	struct addr source;
};

/* One datagram, in or out. */
struct host_dgram {
	struct iovec *iov; /* where it goes or comes from */
	int iovlen;
	size_t len;           /* out: bytes received.  in: sum of iov */
	struct endpoint peer; /* unconnected sockets only */
	uint16_t segment;     /* UDP_SEGMENT on send, UDP_GRO's size on receive; 0: one datagram */
	bool truncated;
	uint8_t ttl, tos; /* received: as the kernel tells; sent: ignored (host_set_ttl) */
};

/* One entry of a socket's error queue (struct sock_extended_err). */
struct host_sockerr {
	int err;              /* positive errno the kernel made of it */
	uint8_t origin;       /* SO_EE_ORIGIN_ICMP, _ICMP6 or _LOCAL */
	uint8_t type, code;   /* ICMP's, of its own family */
	uint32_t info;        /* MTU with EMSGSIZE */
	struct addr offender; /* who sent the ICMP error; unspecified: nobody known */
	struct endpoint dest; /* where the datagram was going */
	size_t data_len;      /* first bytes of what was sent, copied to data */
	uint8_t data[64];
};

/* Readiness of an armed descriptor.  token is what it was armed with. */
struct host_event {
	uint64_t token;
	bool readable, writable, hangup, error;
};

struct host_ops {
	int (*socket)(struct host *h, enum host_kind kind, enum family fam, const struct host_socket_opts *o);
	/* 0 connected, -EINPROGRESS under way, else -errno */
	int (*connect)(struct host *h, int fd, const struct endpoint *to);
	/* UDP: no longer connected, nor at the port that connect() drew: nothing more reaches it, what has come is still
	 * there to be read, and the next connect() draws another port (connect(2), AF_UNSPEC).  0 or -errno */
	int (*disconnect)(struct host *h, int fd);
	/* the outcome of a connect under way: 0, -EINPROGRESS or -errno (SO_ERROR) */
	int (*connect_result)(struct host *h, int fd);
	int (*bind)(struct host *h, int fd, const struct endpoint *at);
	int (*listen)(struct host *h, int fd, int backlog);
	/* a new nonblocking descriptor; *peer is the client */
	int (*accept)(struct host *h, int fd, struct endpoint *peer);
	int (*local)(struct host *h, int fd, struct endpoint *at); /* getsockname */
	ssize_t (*readv)(struct host *h, int fd, const struct iovec *iov, int n);
	ssize_t (*writev)(struct host *h, int fd, const struct iovec *iov, int n); /* never SIGPIPE */
	int (*recvmmsg)(struct host *h, int fd, struct host_dgram *d, int n);      /* datagrams, or -errno */
	int (*sendmmsg)(struct host *h, int fd, struct host_dgram *d, int n);
	/* One datagram of a connected socket, its bytes and nothing else: less to do than in the two above.  What does not
	 * fit is lost. */
	ssize_t (*recv)(struct host *h, int fd, void *to, size_t max); /* bytes, or -errno */
	ssize_t (*send)(struct host *h, int fd, const void *from, size_t len);
	int (*sockerr)(struct host *h, int fd, struct host_sockerr *e); /* 1 one, 0 none, or -errno */
	int (*pending_error)(struct host *h, int fd);                   /* SO_ERROR, taken: 0 or -errno */
	int (*shutdown_write)(struct host *h, int fd);
	int (*nodelay)(struct host *h, int fd);
	int (*keepalive)(struct host *h, int fd, int idle_seconds);
	int (*set_ttl)(struct host *h, int fd, enum family fam, int ttl);
	int (*set_tos)(struct host *h, int fd, enum family fam, int tos);
	/* reset: TCP sends an RST instead of a FIN (SO_LINGER 0), whatever is queued is lost */
	void (*close)(struct host *h, int fd, bool reset);
	/* Edge-triggered readiness of fd from now on, both directions, until it is closed. */
	int (*arm)(struct host *h, int fd, uint64_t token);
	/* The same for readability only: room to write is no event. */
	int (*arm_read)(struct host *h, int fd, uint64_t token);
	/* Level-triggered readability only (UDP listeners, which are read in bounded batches). */
	int (*arm_level)(struct host *h, int fd, uint64_t token);
	/* Up to n events of armed descriptors; never waits. */
	int (*events)(struct host *h, struct host_event *ev, int n);
	/* The descriptor that becomes readable when events() would return some. */
	int (*event_fd)(struct host *h);
	/* poll(2); the only call that sleeps.  timeout in microseconds, rounded up to what the kernel takes */
	int (*poll)(struct host *h, struct pollfd *fds, int n, usec_t timeout);
	usec_t (*now)(struct host *h);
	usec_t (*work)(
	    struct host *h); /* CPU time this thread has used: what others took in between does not count */
	usec_t (*wall)(
	    struct host *h); /* microseconds since 1970: for captures, and for the dates of certificates */
	void (*random)(struct host *h, void *to, size_t n);
	/* plain descriptors: the wake eventfd, a tap */
	ssize_t (*fd_readv)(struct host *h, int fd, const struct iovec *iov, int n);
	ssize_t (*fd_writev)(struct host *h, int fd, const struct iovec *iov, int n);
	/* A descriptor that poll() sees readable after wake(), until wake_clear().  wake() may be called from
	 * any thread and from a signal handler. */
	int (*wake_fd)(struct host *h);
	void (*wake)(struct host *h);
	void (*wake_clear)(struct host *h);
	/* A small file: something that changes when it does (-1: not there), and its first max bytes or -errno. */
	int64_t (*file_version)(struct host *h, const char *path);
	ssize_t (*file_read)(struct host *h, const char *path, void *to, size_t max);
	/* The addresses of the host's interfaces but those of the loopback networks, in no order: *out is malloc()ed, NULL
	 * where *n is 0.  0 or -errno. */
	int (*addrs)(struct host *h, struct addr **out, size_t *n);
	/* From now on there is an event with this token when they have changed, until addrs_changed() is asked.  0; or
	 * -errno: changes cannot be told, the caller looks now and then. */
	int (*addrs_watch)(struct host *h, uint64_t token);
	/* May they have changed since this was asked last?  Cheap.  Only after addrs_watch() has returned 0. */
	bool (*addrs_changed)(struct host *h);
	/* give the pages of a block of our own memory back (MADV_DONTNEED) */
	void (*drop_pages)(void *block, size_t size);
};

struct host {
	const struct host_ops *ops;
};

/* The kernel.  Owns an epoll descriptor.  NULL: *err is the errno. */
struct host *host_kernel(int *err);

/* Another clock and another source of randomness than the kernel's, either of them NULL: the kernel's.  A clock
 * that goes backwards stands still instead, one that leaps beyond 2^62 microseconds stops there. */
struct host_sources {
	uint64_t (*clock)(void *ctx);
	void (*random)(void *ctx, void *to, size_t n);
	void *ctx;
};
void host_kernel_use(struct host *h, const struct host_sources *s);
void host_kernel_free(struct host *h);

/* UDP_SEGMENT and UDP_GRO work on this kernel (asked once, by trying). */
bool host_kernel_has_udp_gso(void);

#endif
