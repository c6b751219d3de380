/*
 * vhost_int.h - what the files of the virtual host share
 *
 *	vhost.c        life, the table of descriptors, the struct host_ops of plain calls
 *	vhost_stream.c TCP and plain descriptors: connect, accept, bytes
 *	vhost_dgram.c  UDP and ping sockets: datagrams, error queues
 *	vhost_epoll.c  readiness: who is told what, and when
 *	vhost_far.c    the far ends, and what befalls the next call
 */
#ifndef LINK_VHOST_INT_H
#define LINK_VHOST_INT_H

#include "link/vhost.h"

#define VHOST_FIRST_FD 1000
#define VHOST_EVENT_FD 998
#define VHOST_WAKE_FD 999
#define VHOST_SOCKETS 65536u    /* at once; then EMFILE */
#define VHOST_BUFFER 212992u    /* net.core.[rw]mem_default */
#define VHOST_FIRST_PORT 32768u /* of those given to sockets that did not bind */
#define VHOST_FAILURES 64u
#define VHOST_ERRORS 16u /* in the queue of one socket; one more is lost, as in a full receive buffer */

/* A byte queue: p[at .. at + len). */
struct vhost_bytes {
	uint8_t *p;
	size_t at, len, room;
};

struct vhost_dgram {
	struct vhost_dgram *next;
	struct endpoint peer; /* where it comes from, or goes to */
	size_t len;
	uint8_t bytes[];
};

struct vhost_dgrams {
	struct vhost_dgram *first, **last;
	size_t bytes; /* in all, plus VHOST_DGRAM_COST each, so that empty ones fill a buffer too */
};
#define VHOST_DGRAM_COST 256u

struct vhost_client {
	struct vhost_client *next;
	struct endpoint at, from;
};

enum vhost_state {
	VHOST_NEW,
	VHOST_CONNECTING,
	VHOST_CONNECTED,
	VHOST_LISTENING,
	VHOST_DEAD, /* refused or reset: TCP_CLOSE after something */
};

enum vhost_armed { VHOST_UNARMED, VHOST_EDGE, VHOST_EDGE_READ, VHOST_LEVEL };

struct vhost_sock {
	int fd;
	bool open;
	bool plain; /* not a socket: vhost_pipe() */
	int ended;  /* vhost_closed() */
	enum host_kind kind;
	enum family fam;
	struct host_socket_opts opts;
	enum vhost_state state;
	bool bound;
	struct endpoint local, peer;
	int error; /* SO_ERROR: positive errno */
	int ttl;

	size_t in_max, out_max;
	struct vhost_bytes in, out; /* towards the gateway, from it */
	bool in_eof, out_eof;
	bool no_space; /* a write fell short: tell when there is room (SOCK_NOSPACE) */

	struct vhost_dgrams dgrams_in, dgrams_out;
	unsigned nerror;
	struct host_sockerr errors[VHOST_ERRORS];

	struct vhost_client *clients, **last_client; /* not yet accepted */
	int nclient, backlog;

	enum vhost_armed armed;
	uint64_t token;
	bool is_ready;
	struct vhost_sock *ready_next;
	struct vhost_sock *open_prev, *open_next; /* in the order they were opened */
};

struct vhost_rule {
	struct vhost_rule *next;
	enum host_kind kind;
	struct endpoint to;
	enum vhost_answer answer;
};

struct vhost_path {
	struct vhost_path *next;
	int64_t version;
	size_t len;
	uint8_t *bytes;
	char name[];
};

/* The calls that can be made to fail, by their names in struct host_ops. */
enum vhost_op {
	OP_SOCKET,
	OP_CONNECT,
	OP_DISCONNECT,
	OP_CONNECT_RESULT,
	OP_BIND,
	OP_LISTEN,
	OP_ACCEPT,
	OP_LOCAL,
	OP_READV,
	OP_WRITEV,
	OP_RECVMMSG,
	OP_SENDMMSG,
	OP_RECV,
	OP_SEND,
	OP_SOCKERR,
	OP_PENDING_ERROR,
	OP_SHUTDOWN_WRITE,
	OP_NODELAY,
	OP_KEEPALIVE,
	OP_SET_TTL,
	OP_SET_TOS,
	OP_ARM,
	OP_ARM_READ,
	OP_ARM_LEVEL,
	OP_EVENTS,
	OP_POLL,
	OP_FD_READV,
	OP_FD_WRITEV,
	OP_FILE_VERSION,
	OP_FILE_READ,
	OP_ADDRS,
	OP_ADDRS_WATCH,
	OPS,
};

struct vhost {
	struct host host;
	usec_t now;
	uint64_t random;
	bool awake;
	uint16_t next_port;

	struct vhost_sock **sock; /* by descriptor - VHOST_FIRST_FD; kept after close, for the far end */
	size_t nsock;
	size_t full; /* all places before this one are open */
	size_t nopen, nbound;
	struct vhost_sock *open_first, *open_last;
	struct vhost_sock *ready_first, **ready_last;

	enum vhost_answer otherwise;
	struct vhost_rule *rules; /* the latest first */
	struct vhost_path *paths;
	struct addr *addrs; /* of its interfaces */
	size_t naddr;
	bool addrs_watched, addrs_changed;
	uint64_t addrs_token;
	size_t nfailure;
	struct {
		enum vhost_op op;
		int countdown;
		int error; /* 0: it does a part */
	} failure[VHOST_FAILURES];
	uint64_t calls[OPS], failed;
	int failed_fd;
	bool partly; /* the call that is being made does a part */
	bool once;   /* no descriptor is given out twice */
};

static inline struct vhost *
vhost_of(struct host *h)
{
	return (struct vhost *)(void *)h;
}

/* vhost.c */
struct vhost_sock *vhost_sock(const struct vhost *v, int fd);      /* any that ever was, or NULL */
struct vhost_sock *vhost_sock_open(const struct vhost *v, int fd); /* NULL: EBADF */
struct vhost_sock *vhost_sock_new(struct vhost *v, int *err);      /* lowest free number; NULL: -*err */
uint16_t vhost_new_port(struct vhost *v, const struct vhost_sock *s);
/* 0, or the negative errno a call has been told to fail with; s may be NULL. */
int vhost_failing(struct vhost *v, enum vhost_op op, struct vhost_sock *s);
/* What a call that was asked about with vhost_failing() does of n bytes. */
size_t vhost_part(const struct vhost *v, size_t n);
int vhost_take_error(struct vhost_sock *s); /* 0 or -errno */
enum vhost_answer vhost_answer_of(const struct vhost *v, enum host_kind kind, const struct endpoint *to);

/* vhost_queue.c */
bool vhost_bytes_put(struct vhost_bytes *q, const void *from, size_t len); /* false: no memory, nothing put */
size_t vhost_bytes_take(struct vhost_bytes *q, void *to, size_t max);
void vhost_bytes_free(struct vhost_bytes *q);
void vhost_dgrams_init(struct vhost_dgrams *q);
struct vhost_dgram *vhost_dgram_new(size_t len);
void vhost_dgrams_put(struct vhost_dgrams *q, struct vhost_dgram *d);
struct vhost_dgram *vhost_dgrams_take(struct vhost_dgrams *q);
void vhost_dgrams_free(struct vhost_dgrams *q);
size_t vhost_gather(const struct iovec *iov, int n, size_t at, void *to, size_t len);
size_t vhost_scatter(const struct iovec *iov, int n, size_t at, const void *from, size_t len);
size_t vhost_iov_len(const struct iovec *iov, int n);

/* vhost_stream.c */
int vhost_connect(struct host *h, int fd, const struct endpoint *to);
int vhost_connect_result(struct host *h, int fd);
int vhost_listen(struct host *h, int fd, int backlog);
int vhost_accept(struct host *h, int fd, struct endpoint *peer);
ssize_t vhost_readv(struct host *h, int fd, const struct iovec *iov, int n);
ssize_t vhost_writev(struct host *h, int fd, const struct iovec *iov, int n);
int vhost_shutdown_write(struct host *h, int fd);
ssize_t vhost_fd_readv(struct host *h, int fd, const struct iovec *iov, int n);
ssize_t vhost_fd_writev(struct host *h, int fd, const struct iovec *iov, int n);

/* vhost_dgram.c */
int vhost_disconnect(struct host *h, int fd);
int vhost_recvmmsg(struct host *h, int fd, struct host_dgram *d, int n);
int vhost_sendmmsg(struct host *h, int fd, struct host_dgram *d, int n);
ssize_t vhost_recv_one(struct host *h, int fd, void *to, size_t max);
ssize_t vhost_send_one(struct host *h, int fd, const void *from, size_t len);
int vhost_sockerr(struct host *h, int fd, struct host_sockerr *e);
void vhost_put_error(struct vhost *v, struct vhost_sock *s, const struct host_sockerr *e);

/* vhost_epoll.c */
struct host_event vhost_readiness(struct vhost_sock *s);     /* what epoll_wait(2) would say now */
void vhost_notify(struct vhost *v, struct vhost_sock *s);    /* something happened: an edge */
void vhost_made_room(struct vhost *v, struct vhost_sock *s); /* the far end took bytes */
void vhost_disarm(struct vhost *v, struct vhost_sock *s);
int vhost_arm(struct host *h, int fd, uint64_t token);
int vhost_arm_read(struct host *h, int fd, uint64_t token);
int vhost_arm_level(struct host *h, int fd, uint64_t token);
int vhost_events(struct host *h, struct host_event *out, int n);
int vhost_event_fd(struct host *h);
int vhost_poll(struct host *h, struct pollfd *fds, int n, usec_t timeout);

#endif
