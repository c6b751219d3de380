/*
 * vhost_dgram.c - UDP and ping sockets of the virtual host, both ends
 *
 * Datagrams keep their boundaries; a run to be cut (UDP_SEGMENT) arrives at the far end as the datagrams a
 * wire would carry, and a socket that asked for it gets equal neighbours back as one run (UDP_GRO).  A
 * destination that refuses answers each datagram with an ICMP port unreachable in the error queue.
 */
#include <errno.h>
#include <stdlib.h>

#include "link/vhost_int.h"

#define SEGMENTS_MAX 64u /* of one run: the kernel's UDP_MAX_SEGMENTS */
#define UDP_DATA_MAX 65507u

enum { ORIGIN_ICMP = 2, ORIGIN_ICMP6 = 3 }; /* SO_EE_ORIGIN_* */

/* --- errors ---------------------------------------------------------------------------------------- */

/* Whoever asked for the queue is told in both ways; others only when connected (__udp4_lib_err()). */
void
vhost_put_error(struct vhost *v, struct vhost_sock *s, const struct host_sockerr *e)
{
	if (!s->opts.errors && s->state != VHOST_CONNECTED)
		return;
	if (s->opts.errors && s->nerror < VHOST_ERRORS)
		s->errors[s->nerror++] = *e;
	s->error = e->err;
	vhost_notify(v, s);
}

/* Reading the last error of the queue also clears SO_ERROR (sock_dequeue_err_skb()). */
int
vhost_sockerr(struct host *h, int fd, struct host_sockerr *e)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return -EBADF;
	int rc = vhost_failing(v, OP_SOCKERR, s);
	if (rc < 0)
		return rc;
	if (s->nerror == 0)
		return 0;
	*e = s->errors[0];
	s->nerror--;
	for (unsigned i = 0; i < s->nerror; i++)
		s->errors[i] = s->errors[i + 1];
	s->error = s->nerror > 0 ? s->errors[0].err : 0;
	return 1;
}

static void
refuse(struct vhost *v, struct vhost_sock *s, const struct vhost_dgram *d)
{
	bool v6 = s->fam == FAMILY_V6;
	struct host_sockerr e = {
	    .err = ECONNREFUSED,
	    .origin = v6 ? ORIGIN_ICMP6 : ORIGIN_ICMP,
	    .type = v6 ? 1 : 3, /* destination unreachable: port (RFC 4443 3.1, RFC 792) */
	    .code = v6 ? 4 : 3,
	    .offender = d->peer.addr,
	    .dest = d->peer,
	    .data_len = d->len < sizeof(e.data) ? d->len : sizeof(e.data),
	};

	memcpy(e.data, d->bytes, e.data_len);
	vhost_put_error(v, s, &e);
}

/* --- from the gateway ------------------------------------------------------------------------------ */

/* What has come stays, and so does an error that was not told (__udp_disconnect()). */
int
vhost_disconnect(struct host *h, int fd)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);
	struct addr any = s && s->fam == FAMILY_V4 ? addr_v4(0) : (struct addr){{0}};

	if (!s || s->kind != HOST_UDP)
		return s ? -EOPNOTSUPP : -EBADF;
	int rc = vhost_failing(v, OP_DISCONNECT, s);
	if (rc < 0)
		return rc;
	s->state = VHOST_NEW;
	s->peer = (struct endpoint){.addr = any};
	if (!s->bound)
		s->local = (struct endpoint){.addr = s->opts.bound ? s->opts.source : any};
	return 0;
}

static int
put_one(struct vhost *v, struct vhost_sock *s, const struct host_dgram *in, size_t at, size_t len,
	const struct endpoint *to)
{
	struct vhost_dgram *d = vhost_dgram_new(len);

	if (!d)
		return -ENOBUFS;
	d->peer = *to;
	vhost_gather(in->iov, in->iovlen, at, d->bytes, len);
	if (s->kind == HOST_UDP && vhost_answer_of(v, s->kind, to) == VHOST_REFUSE) {
		refuse(v, s, d);
		free(d);
		return 0;
	}
	vhost_dgrams_put(&s->dgrams_out, d);
	return 0;
}

static int
send_run(struct vhost *v, struct vhost_sock *s, const struct host_dgram *in)
{
	size_t len = vhost_iov_len(in->iov, in->iovlen);
	size_t piece = in->segment ? in->segment : len;
	bool named = !addr_is_unspecified(&in->peer.addr);
	const struct endpoint *to = named ? &in->peer : &s->peer;

	int rc = vhost_take_error(s);
	if (rc < 0)
		return rc;
	if (!named && s->state != VHOST_CONNECTED)
		return -EDESTADDRREQ;
	if (len > UDP_DATA_MAX)
		return -EMSGSIZE;
	if (piece > 0 && len > SEGMENTS_MAX * piece)
		return -EINVAL;
	enum vhost_answer a = vhost_answer_of(v, s->kind, to);
	if (a == VHOST_UNREACH_HOST || a == VHOST_UNREACH_NET)
		return a == VHOST_UNREACH_HOST ? -EHOSTUNREACH : -ENETUNREACH;
	if (s->dgrams_out.bytes + len + VHOST_DGRAM_COST > s->out_max) {
		s->no_space = true;
		return -EAGAIN;
	}
	if (s->local.port == 0)
		s->local.port = vhost_new_port(v, s);
	if (len == 0)
		return put_one(v, s, in, 0, 0, to);
	for (size_t at = 0; at < len && rc == 0; at += piece)
		rc = put_one(v, s, in, at, len - at < piece ? len - at : piece, to);
	return rc;
}

int
vhost_sendmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s || s->kind == HOST_TCP)
		return s ? -EOPNOTSUPP : -EBADF;
	int rc = vhost_failing(v, OP_SENDMMSG, s);
	n = v->partly && n > 1 ? 1 : n;
	for (int i = 0; i < n && rc == 0; i++) {
		rc = send_run(v, s, &d[i]);
		if (rc < 0 && i > 0)
			return i;
	}
	return rc < 0 ? rc : n;
}

ssize_t
vhost_send_one(struct host *h, int fd, const void *from, size_t len)
{
	/* send_run() only reads the vector. */
	union {
		const void *in;
		void *out;
	} at = {.in = from};
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);
	struct iovec iov = {at.out, len};

	if (!s || s->kind == HOST_TCP)
		return s ? -EOPNOTSUPP : -EBADF;
	int rc = vhost_failing(v, OP_SEND, s);
	if (rc == 0)
		rc = send_run(v, s, &(struct host_dgram){.iov = &iov, .iovlen = 1});
	return rc < 0 ? rc : (ssize_t)len;
}

/* --- to the gateway -------------------------------------------------------------------------------- */

/* May the next datagram be told together with `got` bytes that began with one of `segment` bytes? */
static bool
joins(const struct vhost_sock *s, const struct host_dgram *d, const struct vhost_dgram *next, size_t segment,
      unsigned n)
{
	return s->opts.udp_gro && s->kind == HOST_UDP && next && n < SEGMENTS_MAX && segment > 0 &&
	       next->len > 0 && next->len <= segment && d->len % segment == 0 &&
	       d->len + next->len <= vhost_iov_len(d->iov, d->iovlen) && d->len + next->len <= UDP_DATA_MAX &&
	       next->peer.port == d->peer.port && addr_eq(&next->peer.addr, &d->peer.addr);
}

static void
receive_run(struct vhost_sock *s, struct host_dgram *d)
{
	struct vhost_dgram *in = vhost_dgrams_take(&s->dgrams_in);
	size_t segment = in->len;
	unsigned n = 1;

	d->len = vhost_scatter(d->iov, d->iovlen, 0, in->bytes, in->len);
	d->peer = in->peer;
	d->truncated = d->len < in->len;
	d->segment = 0;
	d->ttl = s->kind == HOST_PING ? 64 : 0;
	d->tos = 0;
	free(in);
	while (!d->truncated && joins(s, d, s->dgrams_in.first, segment, n)) {
		in = vhost_dgrams_take(&s->dgrams_in);
		d->len += vhost_scatter(d->iov, d->iovlen, d->len, in->bytes, in->len);
		d->segment = (uint16_t)segment;
		n++;
		free(in);
	}
}

static int
receive(struct host *h, int fd, struct host_dgram *d, int n, enum vhost_op op)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);
	int got = 0;

	if (!s || s->kind == HOST_TCP)
		return s ? -EOPNOTSUPP : -EBADF;
	int rc = vhost_failing(v, op, s);
	if (rc == 0)
		rc = vhost_take_error(s);
	if (rc < 0)
		return rc;
	n = v->partly && n > 1 ? 1 : n;
	while (got < n && s->dgrams_in.first)
		receive_run(s, &d[got++]);
	return got > 0 ? got : -EAGAIN;
}

int
vhost_recvmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	return receive(h, fd, d, n, OP_RECVMMSG);
}

ssize_t
vhost_recv_one(struct host *h, int fd, void *to, size_t max)
{
	struct iovec iov = {to, max};
	struct host_dgram d = {.iov = &iov, .iovlen = 1};
	int n = receive(h, fd, &d, 1, OP_RECV);

	return n < 0 ? n : (ssize_t)d.len;
}

/* --- the far end ----------------------------------------------------------------------------------- */

bool
vhost_recv_dgram(struct vhost *v, int fd, void *to, size_t max, size_t *len, struct endpoint *dest)
{
	struct vhost_sock *s = vhost_sock(v, fd);
	struct vhost_dgram *d = s ? vhost_dgrams_take(&s->dgrams_out) : NULL;

	if (!d)
		return false;
	if (d->len > 0 && max > 0)
		memcpy(to, d->bytes, d->len < max ? d->len : max);
	*len = d->len;
	if (dest)
		*dest = d->peer;
	free(d);
	vhost_made_room(v, s);
	return true;
}

bool
vhost_send_dgram(struct vhost *v, int fd, const struct endpoint *from, const void *data, size_t len)
{
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s || s->kind == HOST_TCP)
		return false;
	if (s->kind == HOST_UDP && s->local.port == 0)
		return false; /* nobody could say where it is */
	if (!from)
		from = &s->peer;
	if (s->state == VHOST_CONNECTED &&
	    (!addr_eq(&from->addr, &s->peer.addr) || (s->kind == HOST_UDP && from->port != s->peer.port)))
		return false;
	if (s->dgrams_in.bytes + len + VHOST_DGRAM_COST > s->in_max)
		return false;
	struct vhost_dgram *d = vhost_dgram_new(len);
	if (!d)
		return false;
	d->peer = *from;
	if (len > 0)
		memcpy(d->bytes, data, len);
	vhost_dgrams_put(&s->dgrams_in, d);
	vhost_notify(v, s);
	return true;
}

void
vhost_send_error(struct vhost *v, int fd, const struct host_sockerr *e)
{
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (s && s->kind != HOST_TCP)
		vhost_put_error(v, s, e);
}
