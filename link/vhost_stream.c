/*
 * vhost_stream.c - the gateway's side of TCP sockets and of plain descriptors
 *
 * What a read or a write returns after the far end has reset, or after an error was already told, follows
 * Linux: bytes that had arrived first, then the error once, then end of file; a write the error once, then
 * EPIPE.  A close with unread bytes is a reset (RFC 1122 4.2.2.13).
 */
#include <errno.h>
#include <stdlib.h>

#include "link/sockaddr.h"
#include "link/vhost_int.h"

/* --- opening --------------------------------------------------------------------------------------- */

/* What the kernel would choose to talk to this address. */
static struct addr
source_for(const struct addr *to)
{
	static const struct addr v6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}};

	if (addr_is_loopback(to))
		return *to;
	return addr_is_v4(to) ? addr_v4(0xc0000201) : v6; /* documentation: RFC 5737, RFC 3849 */
}

static int
answer_stream(struct vhost_sock *s, enum vhost_answer a)
{
	switch (a) {
	case VHOST_ACCEPT:
		s->state = VHOST_CONNECTED;
		return 0;
	case VHOST_ACCEPT_LATER:
	case VHOST_SILENT:
		s->state = VHOST_CONNECTING;
		return -EINPROGRESS;
	case VHOST_REFUSE:
		s->state = VHOST_DEAD;
		return -ECONNREFUSED;
	case VHOST_UNREACH_HOST:
		return -EHOSTUNREACH;
	case VHOST_UNREACH_NET:
		return -ENETUNREACH;
	case VHOST_EMFILE: /* told by socket() */
	case VHOST_NOPORTS:
		break;
	}
	return -EADDRNOTAVAIL;
}

/* A datagram socket only learns at once what the host's own tables say. */
static int
answer_dgram(struct vhost_sock *s, enum vhost_answer a)
{
	if (a == VHOST_UNREACH_HOST || a == VHOST_UNREACH_NET || a == VHOST_NOPORTS)
		return answer_stream(s, a);
	s->state = VHOST_CONNECTED;
	return 0;
}

int
vhost_connect(struct host *h, int fd, const struct endpoint *to)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);
	union sockaddr_any sa;

	if (!s || s->plain)
		return s ? -ENOTSOCK : -EBADF;
	int rc = vhost_failing(v, OP_CONNECT, s);
	if (rc < 0)
		return rc;
	if (sockaddr_of(to, &sa) == 0 || addr_family(&to->addr) != s->fam)
		return -ENETUNREACH;
	if (s->kind == HOST_TCP && s->state == VHOST_CONNECTING)
		return -EALREADY;
	if (s->kind == HOST_TCP && (s->state == VHOST_CONNECTED || s->state == VHOST_LISTENING))
		return -EISCONN;
	if (s->local.port == 0)
		s->local.port = vhost_new_port(v, s);
	if (addr_is_unspecified(&s->local.addr))
		s->local.addr = source_for(&to->addr);
	s->peer = *to;
	enum vhost_answer a = vhost_answer_of(v, s->kind, to);
	rc = s->kind == HOST_TCP ? answer_stream(s, a) : answer_dgram(s, a);
	vhost_notify(v, s);
	return rc;
}

int
vhost_connect_result(struct host *h, int fd)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return -EBADF;
	int rc = vhost_failing(v, OP_CONNECT_RESULT, s);
	if (rc < 0)
		return rc;
	if (s->state == VHOST_CONNECTED)
		return 0;
	if (s->state == VHOST_CONNECTING)
		return -EINPROGRESS;
	rc = vhost_take_error(s);
	return rc ? rc : -ECONNABORTED;
}

int
vhost_listen(struct host *h, int fd, int backlog)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return -EBADF;
	int rc = vhost_failing(v, OP_LISTEN, s);
	if (rc < 0)
		return rc;
	if (s->kind != HOST_TCP || s->plain)
		return -EOPNOTSUPP;
	if (s->state != VHOST_NEW && s->state != VHOST_LISTENING)
		return -EINVAL;
	if (s->local.port == 0)
		s->local.port = vhost_new_port(v, s);
	v->nbound += !s->bound;
	s->bound = true;
	s->state = VHOST_LISTENING;
	s->backlog = backlog < 1 ? 1 : backlog;
	return 0;
}

/* As in the kernel, a client that cannot be given a descriptor stays in the queue. */
int
vhost_accept(struct host *h, int fd, struct endpoint *peer)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *l = vhost_sock_open(v, fd);
	int err = 0;

	if (!l)
		return -EBADF;
	int rc = vhost_failing(v, OP_ACCEPT, l);
	if (rc < 0)
		return rc;
	if (l->state != VHOST_LISTENING)
		return -EINVAL;
	if (l->nclient == 0)
		return -EAGAIN;
	struct vhost_sock *s = vhost_sock_new(v, &err);
	if (!s)
		return -err;
	struct vhost_client *c = l->clients;
	l->clients = c->next;
	if (!l->clients)
		l->last_client = &l->clients;
	l->nclient--;
	s->kind = HOST_TCP;
	s->fam = l->fam;
	s->state = VHOST_CONNECTED;
	s->local = c->at;
	s->peer = *peer = c->from;
	free(c);
	return s->fd;
}

/* --- bytes ----------------------------------------------------------------------------------------- */

static ssize_t
take_bytes(const struct vhost *v, struct vhost_sock *s, const struct iovec *iov, int n)
{
	size_t want = vhost_iov_len(iov, n);
	size_t len = vhost_part(v, s->in.len < want ? s->in.len : want);

	vhost_scatter(iov, n, 0, len ? s->in.p + s->in.at : NULL, len);
	s->in.at += len;
	s->in.len -= len;
	return (ssize_t)len;
}

static ssize_t
put_bytes(const struct vhost *v, struct vhost_sock *s, const struct iovec *iov, int n)
{
	size_t want = vhost_iov_len(iov, n);
	size_t room = s->out_max - (s->out.len < s->out_max ? s->out.len : s->out_max);
	ssize_t put = 0;

	room = vhost_part(v, room < want ? room : want);
	for (int i = 0; i < n && room > 0; i++) {
		size_t len = iov[i].iov_len < room ? iov[i].iov_len : room;

		if (!vhost_bytes_put(&s->out, iov[i].iov_base, len))
			break;
		put += (ssize_t)len;
		room -= len;
	}
	if ((size_t)put < want)
		s->no_space = true;
	return put > 0 || want == 0 ? put : -EAGAIN;
}

/* A datagram socket reads and writes one datagram a call. */
static ssize_t
read_dgram(struct host *h, int fd, const struct iovec *iov, int n)
{
	union {
		const struct iovec *in;
		struct iovec *out;
	} vec = {.in = iov};
	struct host_dgram d = {.iov = vec.out, .iovlen = n};
	int rc = vhost_recvmmsg(h, fd, &d, 1);

	return rc < 0 ? rc : (ssize_t)d.len;
}

static ssize_t
write_dgram(struct host *h, int fd, const struct iovec *iov, int n)
{
	union {
		const struct iovec *in;
		struct iovec *out;
	} vec = {.in = iov};
	struct host_dgram d = {.iov = vec.out, .iovlen = n, .len = vhost_iov_len(iov, n)};
	int rc = vhost_sendmmsg(h, fd, &d, 1);

	return rc < 0 ? rc : (ssize_t)d.len;
}

ssize_t
vhost_readv(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return -EBADF;
	int rc = vhost_failing(v, OP_READV, s);
	if (rc < 0)
		return rc;
	if (s->kind != HOST_TCP)
		return read_dgram(h, fd, iov, n);
	if (s->state == VHOST_NEW || s->state == VHOST_LISTENING)
		return -ENOTCONN;
	if (s->in.len > 0)
		return take_bytes(v, s, iov, n);
	rc = vhost_take_error(s);
	if (rc < 0)
		return rc;
	return s->in_eof || s->state == VHOST_DEAD ? 0 : -EAGAIN;
}

ssize_t
vhost_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return -EBADF;
	int rc = vhost_failing(v, OP_WRITEV, s);
	if (rc < 0)
		return rc;
	if (s->kind != HOST_TCP)
		return write_dgram(h, fd, iov, n);
	if (s->state == VHOST_CONNECTING)
		return -EAGAIN;
	rc = vhost_take_error(s);
	if (rc < 0)
		return rc;
	if (s->state != VHOST_CONNECTED || s->out_eof)
		return -EPIPE;
	return put_bytes(v, s, iov, n);
}

int
vhost_shutdown_write(struct host *h, int fd)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return -EBADF;
	int rc = vhost_failing(v, OP_SHUTDOWN_WRITE, s);
	if (rc < 0)
		return rc;
	if (s->state != VHOST_CONNECTED)
		return -ENOTCONN;
	s->out_eof = true;
	vhost_notify(v, s);
	return 0;
}

ssize_t
vhost_fd_readv(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s || !s->plain)
		return -EBADF;
	int rc = vhost_failing(v, OP_FD_READV, s);
	if (rc < 0)
		return rc;
	if (s->in.len > 0)
		return take_bytes(v, s, iov, n);
	return s->in_eof ? 0 : -EAGAIN;
}

ssize_t
vhost_fd_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s || !s->plain)
		return -EBADF;
	int rc = vhost_failing(v, OP_FD_WRITEV, s);
	return rc < 0 ? rc : put_bytes(v, s, iov, n);
}
