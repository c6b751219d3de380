/*
 * vhost.h - a host of memory: every socket's far end is played by the caller
 *
 * Used by `sluice replay` and by the tests: the whole gateway runs against it with no kernel, no clock
 * and no luck, so that a run is a function of its inputs.  How a connect to an address ends is told with
 * vhost_answer(), and for all others with vhost_default(), which is VHOST_ACCEPT at first.  Bytes the
 * gateway writes pile up at the far end and are read with vhost_recv(), also after it has closed; bytes
 * for the gateway are put in with vhost_send().  Every socket has a bounded send and receive buffer, so
 * that partial writes and EAGAIN happen as they do in a kernel.  Readiness is edge-triggered as epoll(7)
 * has it, and told in the order things happened.  poll() never sleeps.  Descriptors start at 1000 and are
 * reused lowest first; what the functions here know of one is lost when its number is given out again.
 */
#ifndef LINK_VHOST_H
#define LINK_VHOST_H

#include "link/host.h"

struct vhost;

struct vhost *vhost_new(uint64_t seed);
void vhost_free(struct vhost *v);
struct host *vhost_host(struct vhost *v);

/* Time only moves here. */
void vhost_set_time(struct vhost *v, usec_t now);
usec_t vhost_time(const struct vhost *v);

/* What a connect to an address where nobody was told to listen does. */
enum vhost_answer {
	VHOST_ACCEPT,       /* connected at once */
	VHOST_ACCEPT_LATER, /* -EINPROGRESS until vhost_settle() */
	VHOST_REFUSE,       /* ECONNREFUSED; UDP: each datagram is answered in the error queue */
	VHOST_UNREACH_HOST, /* EHOSTUNREACH */
	VHOST_UNREACH_NET,  /* ENETUNREACH */
	VHOST_SILENT,       /* -EINPROGRESS for ever: later ETIMEDOUT by vhost_settle() */
	VHOST_EMFILE,       /* socket() itself fails; only with vhost_default() */
	VHOST_NOPORTS,      /* EADDRNOTAVAIL */
};
void vhost_default(struct vhost *v, enum vhost_answer a);
/* The same for one destination (kind and endpoint; port 0: any port). */
void vhost_answer(struct vhost *v, enum host_kind kind, const struct endpoint *to, enum vhost_answer a);
/* End a connect under way: 0 or a positive errno. */
void vhost_settle(struct vhost *v, int fd, int error);

/* The n-th socket the gateway opened and still has (kind < 0: any kind), or -1. */
int vhost_find(const struct vhost *v, int kind, int n);
/* From now on no number is given out twice: what is known of a socket is not lost, and 65,536 is all there ever are. */
void vhost_number_once(struct vhost *v);
/* What an open or closed socket is; -1: none had that number. */
int vhost_kind(const struct vhost *v, int fd);
/* Where it is connected to. */
bool vhost_peer(const struct vhost *v, int fd, struct endpoint *to);
size_t vhost_open_count(const struct vhost *v);

/* The far end of a TCP socket. */
size_t vhost_recv(struct vhost *v, int fd, void *to, size_t max); /* bytes the gateway wrote */
size_t vhost_recv_len(const struct vhost *v, int fd);
size_t vhost_send(struct vhost *v, int fd, const void *from, size_t len); /* returns what fitted */
void vhost_send_eof(struct vhost *v, int fd);
void vhost_reset(struct vhost *v, int fd);         /* ECONNRESET to the gateway */
bool vhost_got_eof(const struct vhost *v, int fd); /* the gateway shut down writing */
/* How the last socket that had this number ended: 0 still open, 1 closed, 2 reset. */
int vhost_closed(const struct vhost *v, int fd);
/* Bytes each direction of a socket may hold (default 212,992). */
void vhost_buffers(struct vhost *v, int fd, size_t send, size_t recv);

/* The far end of a datagram socket: datagrams keep their boundaries.  None reaches a UDP socket that has no port. */
bool vhost_recv_dgram(struct vhost *v, int fd, void *to, size_t max, size_t *len, struct endpoint *dest);
bool vhost_send_dgram(struct vhost *v, int fd, const struct endpoint *from, const void *data, size_t len);
void vhost_send_error(struct vhost *v, int fd, const struct host_sockerr *e); /* into the error queue */

/* A client connects to a listener of the gateway; the far end's descriptor of the accepted socket comes
 * from vhost_find() after the gateway accepted.  False: nobody listens there, or its backlog is full. */
bool vhost_client(struct vhost *v, const struct endpoint *at, const struct endpoint *from);

/* What the gateway set on a socket (0: never). */
int vhost_ttl(const struct vhost *v, int fd);
/* What it was opened with; NULL: it is no socket. */
const struct host_socket_opts *vhost_opts(const struct vhost *v, int fd);
/* Where a socket is bound: its own address and port. */
bool vhost_local(const struct vhost *v, int fd, struct endpoint *at);

/* A plain descriptor, as a tap or a capture file is one: its far end is read and written with vhost_recv()
 * and vhost_send(), the gateway's with fd_readv and fd_writev.  vhost_find() passes over it.  -1: no memory. */
int vhost_pipe(struct vhost *v);

/* What file_read() finds at a path, replacing what was there.  False: no memory. */
bool vhost_put_file(struct vhost *v, const char *path, const void *bytes, size_t len);

/* The addresses of its interfaces, none at first.  False: no memory. */
bool vhost_set_addrs(struct vhost *v, const struct addr *a, size_t n);

/* Fail the n-th call from now of one operation (its name in struct host_ops) with this errno, once;
 * nth 1 is the next.  After an EAGAIN so made, readiness is told again, as if it had been true. */
void vhost_fail(struct vhost *v, const char *op, int nth, int error);
/* The same, but the call does only a part of what it could: half of the bytes, one of many datagrams or events.  Of readv,
 * writev, recvmmsg, sendmmsg, fd_readv, fd_writev and events; readiness is told again then, too. */
void vhost_cut(struct vhost *v, const char *op, int nth);
/* Calls of an operation since the beginning, those that failed with them. */
uint64_t vhost_calls(const struct vhost *v, const char *op);
/* How many were told to fail and have; whose descriptor the last of them was about (-1: about none). */
uint64_t vhost_failed(const struct vhost *v, int *fd);

#endif
