/*
 * spy.c - what a gateway asks of a virtual host
 */
#include "test/bed/spy.h"

#define GATHERED 65536u /* bytes of one read that are shown in one piece */

static struct spy spy;
static struct host_ops ops;
static const struct host_ops *real;

static int
spy_connect(struct host *h, int fd, const struct endpoint *to)
{
	spy.connects(spy.ctx, fd, to);
	return real->connect(h, fd, to);
}

static int
spy_accept(struct host *h, int fd, struct endpoint *peer)
{
	int got = real->accept(h, fd, peer);

	if (got >= 0)
		spy.accepted(spy.ctx, got, peer);
	return got;
}

/* What was read, in one piece for whoever watches. */
static void
show(int fd, const struct iovec *iov, int n, size_t len)
{
	static uint8_t whole[GATHERED];
	size_t at = 0;

	for (int i = 0; i < n && at < len && at < sizeof(whole); i++) {
		size_t part = iov[i].iov_len < len - at ? iov[i].iov_len : len - at;

		part = part < sizeof(whole) - at ? part : sizeof(whole) - at;
		if (part > 0)
			memcpy(whole + at, iov[i].iov_base, part);
		at += part;
	}
	spy.got(spy.ctx, fd, view_of(whole, at));
}

static ssize_t
spy_readv(struct host *h, int fd, const struct iovec *iov, int n)
{
	ssize_t got = real->readv(h, fd, iov, n);

	if (got > 0)
		show(fd, iov, n, (size_t)got);
	return got;
}

static ssize_t
spy_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	ssize_t put = real->writev(h, fd, iov, n);

	if (put > 0)
		spy.wrote(spy.ctx, fd, iov, n, (size_t)put);
	return put;
}

static int
spy_sendmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	for (int i = 0; i < n; i++)
		spy.sends(spy.ctx, fd, d[i].iov, d[i].iovlen, d[i].peer.port ? &d[i].peer : NULL);
	return real->sendmmsg(h, fd, d, n);
}

static ssize_t
spy_recv(struct host *h, int fd, void *to, size_t max)
{
	ssize_t got = real->recv(h, fd, to, max);

	if (got > 0)
		spy.got(spy.ctx, fd, view_of(to, (size_t)got));
	return got;
}

static ssize_t
spy_send(struct host *h, int fd, const void *from, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)from, len};

	spy.sends(spy.ctx, fd, &iov, 1, NULL);
	return real->send(h, fd, from, len);
}

static void
spy_close(struct host *h, int fd, bool reset)
{
	spy.closes(spy.ctx, fd);
	real->close(h, fd, reset);
}

void
spy_on(struct vhost *v, const struct spy *s)
{
	spy = *s;
	real = vhost_host(v)->ops;
	ops = *real;
	ops.connect = spy_connect;
	ops.accept = spy_accept;
	ops.readv = spy_readv;
	ops.writev = spy_writev;
	ops.sendmmsg = spy_sendmmsg;
	ops.recv = spy_recv;
	ops.send = spy_send;
	ops.close = spy_close;
	vhost_host(v)->ops = &ops;
}
