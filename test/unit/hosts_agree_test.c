/*
 * hosts_agree_test.c - a call that makes no sense is refused by the host of memory as by the kernel, with the same errno
 *
 * What runs on the host of memory proves something of the real one only as far as the two agree.  Each row is asked of
 * both, on the loopback; where the kernel's answer is written down it is so on both sides.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/vhost.h"

static const struct host_socket_opts plain, listening = {.listen_only = true};
static char bytes[64];

static struct endpoint
at(uint32_t v4, uint16_t port)
{
	return (struct endpoint){.addr = addr_v4(v4), .port = port};
}

#define LOOPBACK 0x7f000001u

static struct iovec
one(void)
{
	return (struct iovec){bytes, sizeof(bytes)};
}

/* --- calls, each on one descriptor -------------------------------------------------------------------------------- */

static int
do_connect(struct host *h, int fd)
{
	struct endpoint to = at(LOOPBACK, 9);

	return h->ops->connect(h, fd, &to);
}

static int
do_connect_v6(struct host *h, int fd)
{
	struct endpoint to = {.addr = {{[15] = 1}}, .port = 9};
	int rc = h->ops->connect(h, fd, &to);

	/* A socket of IPv4 has no way there; each says so in its own words. */
	return rc == -EAFNOSUPPORT || rc == -EINVAL ? -ENETUNREACH : rc;
}

static int
do_connect_result(struct host *h, int fd)
{
	return h->ops->connect_result(h, fd);
}

static int
do_disconnect(struct host *h, int fd)
{
	return h->ops->disconnect(h, fd);
}

static int
do_bind(struct host *h, int fd)
{
	struct endpoint e = at(LOOPBACK, 0);

	return h->ops->bind(h, fd, &e);
}

static int
do_listen(struct host *h, int fd)
{
	return h->ops->listen(h, fd, 1);
}

static int
do_accept(struct host *h, int fd)
{
	struct endpoint peer;

	return h->ops->accept(h, fd, &peer);
}

static int
do_local(struct host *h, int fd)
{
	struct endpoint e;

	return h->ops->local(h, fd, &e);
}

static int
do_readv(struct host *h, int fd)
{
	struct iovec v = one();

	return (int)h->ops->readv(h, fd, &v, 1);
}

static int
do_writev(struct host *h, int fd)
{
	struct iovec v = one();

	return (int)h->ops->writev(h, fd, &v, 1);
}

static int
do_recvmmsg(struct host *h, int fd)
{
	struct iovec v = one();
	struct host_dgram d = {.iov = &v, .iovlen = 1};

	return h->ops->recvmmsg(h, fd, &d, 1);
}

static int
do_sendmmsg(struct host *h, int fd)
{
	struct iovec v = one();
	struct host_dgram d = {.iov = &v, .iovlen = 1, .len = sizeof(bytes)};

	return h->ops->sendmmsg(h, fd, &d, 1);
}

static int
do_recv(struct host *h, int fd)
{
	return (int)h->ops->recv(h, fd, bytes, sizeof(bytes));
}

static int
do_send(struct host *h, int fd)
{
	return (int)h->ops->send(h, fd, bytes, sizeof(bytes));
}

static int
do_send_too_much(struct host *h, int fd)
{
	static char much[70000];

	return (int)h->ops->send(h, fd, much, sizeof(much));
}

static int
do_sockerr(struct host *h, int fd)
{
	struct host_sockerr e;

	return h->ops->sockerr(h, fd, &e);
}

static int
do_pending_error(struct host *h, int fd)
{
	return h->ops->pending_error(h, fd);
}

static int
do_shutdown_write(struct host *h, int fd)
{
	return h->ops->shutdown_write(h, fd);
}

static int
do_nodelay(struct host *h, int fd)
{
	return h->ops->nodelay(h, fd);
}

static int
do_keepalive(struct host *h, int fd)
{
	return h->ops->keepalive(h, fd, 60);
}

static int
do_set_ttl(struct host *h, int fd)
{
	return h->ops->set_ttl(h, fd, FAMILY_V4, 7);
}

static int
do_set_tos(struct host *h, int fd)
{
	return h->ops->set_tos(h, fd, FAMILY_V4, 0x10);
}

static int
do_arm(struct host *h, int fd)
{
	return h->ops->arm(h, fd, 1);
}

static int
do_arm_read(struct host *h, int fd)
{
	return h->ops->arm_read(h, fd, 1);
}

static int
do_arm_level(struct host *h, int fd)
{
	return h->ops->arm_level(h, fd, 1);
}

static int
do_fd_readv(struct host *h, int fd)
{
	struct iovec v = one();

	return (int)h->ops->fd_readv(h, fd, &v, 1);
}

static int
do_fd_writev(struct host *h, int fd)
{
	struct iovec v = one();

	return (int)h->ops->fd_writev(h, fd, &v, 1);
}

struct call {
	const char *name;
	int (*call)(struct host *h, int fd);
};

#define CALL(name)               \
	{                        \
#name, do_##name \
	}

static const struct call calls[] = {
    CALL(connect),   CALL(connect_result), CALL(disconnect),    CALL(bind),
    CALL(listen),    CALL(accept),         CALL(local),         CALL(readv),
    CALL(writev),    CALL(recvmmsg),       CALL(sendmmsg),      CALL(recv),
    CALL(send),      CALL(sockerr),        CALL(pending_error), CALL(shutdown_write),
    CALL(nodelay),   CALL(keepalive),      CALL(set_ttl),       CALL(set_tos),
    CALL(arm),       CALL(arm_read),       CALL(arm_level),     CALL(fd_readv),
    CALL(fd_writev),
};

/* --- both hosts --------------------------------------------------------------------------------------------------- */

struct both {
	struct vhost *v;
	struct host *host[2]; /* the kernel's, that of memory */
};

static const char *const which[2] = {"kernel", "memory"};

static int
setup(void **state)
{
	struct both *b = calloc(1, sizeof(*b));
	int err = 0;

	assert_non_null(b);
	b->host[0] = host_kernel(&err);
	b->v = vhost_new(1);
	assert_non_null(b->host[0]);
	assert_non_null(b->v);
	b->host[1] = vhost_host(b->v);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct both *b = *state;

	host_kernel_free(b->host[0]);
	vhost_free(b->v);
	free(b);
	return 0;
}

static int
open_socket(struct host *h, enum host_kind kind)
{
	int fd = h->ops->socket(h, kind, FAMILY_V4, &plain);

	assert_true(fd >= 0);
	return fd;
}

static void
expect(const struct call *c, int i, struct host *h, int fd, int want)
{
	int got = c->call(h, fd);

	if (got != want)
		fail_msg("%s, %s: %d (%s), not %d (%s)", which[i], c->name, got, strerror(got < 0 ? -got : 0),
			 want, strerror(want < 0 ? -want : 0));
}

/* A number nothing was opened under, and -1. */
static void
no_descriptor(void **state)
{
	const struct both *b = *state;
	struct rlimit most;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &most), 0);
	for (int i = 0; i < 2; i++)
		for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++) {
			expect(&calls[c], i, b->host[i], -1, -EBADF);
			expect(&calls[c], i, b->host[i], (int)most.rlim_cur - 1, -EBADF);
		}
}

/* One that was closed: the number means nothing any more. */
static void
a_closed_descriptor(void **state)
{
	const struct both *b = *state;

	for (int i = 0; i < 2; i++) {
		struct host *h = b->host[i];
		int fd = open_socket(h, HOST_UDP);

		h->ops->close(h, fd, false);
		for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++)
			expect(&calls[c], i, h, fd, -EBADF);
		h->ops->close(h, fd, false); /* cannot fail */
	}
}

static void
calls_before_it_is_connected(void **state)
{
	static const struct {
		struct call call;
		enum host_kind kind;
		int is;
	} rows[] = {
	    {CALL(readv), HOST_TCP, -ENOTCONN},
	    {CALL(writev), HOST_TCP, -EPIPE},
	    {CALL(shutdown_write), HOST_TCP, -ENOTCONN},
	    {CALL(accept), HOST_TCP, -EINVAL},
	    {CALL(pending_error), HOST_TCP, 0},
	    {CALL(connect_v6), HOST_TCP, -ENETUNREACH},
	    {CALL(nodelay), HOST_TCP, 0},
	    {CALL(keepalive), HOST_TCP, 0},
	    {CALL(set_tos), HOST_TCP, 0},
	    {CALL(set_ttl), HOST_TCP, 0},
	    {CALL(local), HOST_TCP, 0},
	    {CALL(listen), HOST_UDP, -EOPNOTSUPP},
	    {CALL(readv), HOST_UDP, -EAGAIN},
	    {CALL(recv), HOST_UDP, -EAGAIN},
	    {CALL(recvmmsg), HOST_UDP, -EAGAIN},
	    {CALL(writev), HOST_UDP, -EDESTADDRREQ},
	    {CALL(send), HOST_UDP, -EDESTADDRREQ},
	    {CALL(sendmmsg), HOST_UDP, -EDESTADDRREQ},
	    {CALL(sockerr), HOST_UDP, 0},
	    {CALL(pending_error), HOST_UDP, 0},
	    {CALL(connect_v6), HOST_UDP, -ENETUNREACH},
	};
	const struct both *b = *state;

	for (int i = 0; i < 2; i++)
		for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
			int fd = open_socket(b->host[i], rows[r].kind);

			expect(&rows[r].call, i, b->host[i], fd, rows[r].is);
			b->host[i]->ops->close(b->host[i], fd, false);
		}
}

/* What listens, or is bound, is not to be used otherwise. */
static void
calls_on_a_listener(void **state)
{
	static const struct {
		struct call call;
		int is;
	} rows[] = {
	    {CALL(accept), -EAGAIN},   {CALL(readv), -ENOTCONN}, {CALL(writev), -EPIPE},
	    {CALL(connect), -EISCONN}, {CALL(bind), -EINVAL},    {CALL(listen), 0},
	};
	const struct both *b = *state;

	for (int i = 0; i < 2; i++) {
		struct host *h = b->host[i];
		int fd = h->ops->socket(h, HOST_TCP, FAMILY_V4, &listening);
		struct endpoint e;

		assert_true(fd >= 0);
		assert_int_equal(do_bind(h, fd), 0);
		assert_int_equal(do_bind(h, fd), -EINVAL);
		assert_int_equal(do_listen(h, fd), 0);
		assert_int_equal(h->ops->local(h, fd, &e), 0);
		assert_true(e.port != 0);
		for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
			expect(&rows[r].call, i, h, fd, rows[r].is);
		/* Another cannot have its address, nor one that is not ours or of the other family. */
		int other = open_socket(h, HOST_TCP);
		assert_int_equal(h->ops->bind(h, other, &e), -EADDRINUSE);
		h->ops->close(h, other, false);
		h->ops->close(h, fd, false);
	}
}

static void
calls_when_it_is_connected(void **state)
{
	const struct both *b = *state;

	for (int i = 0; i < 2; i++) {
		struct host *h = b->host[i];
		int listener = h->ops->socket(h, HOST_TCP, FAMILY_V4, &listening),
		    fd = open_socket(h, HOST_TCP);
		struct endpoint e;

		assert_int_equal(do_bind(h, listener), 0);
		assert_int_equal(do_listen(h, listener), 0);
		assert_int_equal(h->ops->local(h, listener, &e), 0);
		int rc = h->ops->connect(h, fd, &e);
		assert_true(rc == 0 || rc == -EINPROGRESS);
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		if (rc < 0)
			assert_int_equal(poll(&p, 1, 10000), 1);
		assert_int_equal(do_connect_result(h, fd), 0);
		/* The kernel tells once that what was under way has succeeded. */
		if (rc < 0)
			assert_int_equal(h->ops->connect(h, fd, &e), 0);
		assert_int_equal(h->ops->connect(h, fd, &e), -EISCONN);
		assert_int_equal(do_listen(h, fd), -EINVAL);
		assert_int_equal(do_accept(h, fd), -EINVAL);
		assert_int_equal(do_readv(h, fd), -EAGAIN);
		assert_int_equal(do_shutdown_write(h, fd), 0);
		assert_int_equal(do_writev(h, fd), -EPIPE);
		h->ops->close(h, fd, true);
		h->ops->close(h, listener, false);
	}
}

/* A datagram is sent whole or not at all. */
static void
a_datagram_longer_than_any(void **state)
{
	const struct both *b = *state;

	for (int i = 0; i < 2; i++) {
		struct host *h = b->host[i];
		int fd = open_socket(h, HOST_UDP);

		assert_int_equal(do_connect(h, fd), 0);
		assert_int_equal(do_send_too_much(h, fd), -EMSGSIZE);
		assert_int_equal(do_send(h, fd), sizeof(bytes));
		h->ops->close(h, fd, false);
	}
}

static void
a_source_of_the_other_family(void **state)
{
	const struct both *b = *state;
	struct host_socket_opts from = {.bound = true, .source = {{[15] = 1}}};

	for (int i = 0; i < 2; i++) {
		struct host *h = b->host[i];

		assert_int_equal(h->ops->socket(h, HOST_TCP, FAMILY_V4, &from), -EADDRNOTAVAIL);
		assert_int_equal(h->ops->socket(h, HOST_UDP, FAMILY_V4, &from), -EADDRNOTAVAIL);
	}
}

/* poll(2) passes over what is below 0, and says of a number that nothing is behind it. */
static void
polling_what_is_not_there(void **state)
{
	const struct both *b = *state;
	struct rlimit most;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &most), 0);
	for (int i = 0; i < 2; i++) {
		struct host *h = b->host[i];
		struct pollfd p[2] = {{.fd = -1, .events = POLLIN, .revents = 99},
				      {.fd = (int)most.rlim_cur - 1, .events = POLLIN}};

		assert_int_equal(h->ops->poll(h, p, 2, 0), 1);
		assert_int_equal(p[0].revents, 0);
		assert_int_equal(p[1].revents, POLLNVAL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(no_descriptor, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_closed_descriptor, setup, teardown),
	    cmocka_unit_test_setup_teardown(calls_before_it_is_connected, setup, teardown),
	    cmocka_unit_test_setup_teardown(calls_on_a_listener, setup, teardown),
	    cmocka_unit_test_setup_teardown(calls_when_it_is_connected, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_datagram_longer_than_any, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_source_of_the_other_family, setup, teardown),
	    cmocka_unit_test_setup_teardown(polling_what_is_not_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
