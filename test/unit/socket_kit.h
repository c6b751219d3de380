/*
 * socket_kit.h - what the tests of the links behind sockets share: a host that can be told to fail, frames, paths
 *
 * The far end is always a plain socket of the test, the guest's VMM.
 */
#ifndef TEST_UNIT_SOCKET_KIT_H
#define TEST_UNIT_SOCKET_KIT_H

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/link.h"
#include "link/unix.h"
#include "test/unit/descriptor_kit.h"

#define PATIENCE_MS 20000 /* the longest a test waits for what must come */

static uint8_t memory[64][FRAME_MAX]; /* what the gateway sends from */

/* The kernel, unless told otherwise. */
struct between {
	struct host host;
	struct host *kernel;
	int read_rc, write_rc; /* what the next read or write returns instead; 0: the kernel's answer */
	size_t write_max;      /* bytes (datagrams) of one write that the kernel gets to see; 0: all */
	bool write_stop;       /* the write after the next one finds no room */
	unsigned reads, writes;
	int iovs; /* of the last write */
};

struct bed {
	struct between between;
	struct link *link;
	int vmm; /* the far end; -1 */
	struct frame frames[LINK_BATCH];
	bool more;
	char why[256];
	char dir[32], path[64];
	unsigned fds; /* descriptors open before anything was made */
};

static inline struct between *
between_of(struct host *h)
{
	return (struct between *)(void *)h;
}

/* The answer the test has set, taken. */
static inline int
told(int *rc)
{
	int is = *rc;

	*rc = 0;
	return is;
}

static inline ssize_t
between_readv(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct between *b = between_of(h);
	int rc = told(&b->read_rc);

	b->reads++;
	return rc ? rc : b->kernel->ops->readv(b->kernel, fd, iov, n);
}

/* Only the first write_max bytes, as if the socket had room for no more. */
static inline ssize_t
write_some(struct between *b, int fd, const struct iovec *iov, int n)
{
	struct iovec cut[1024];
	size_t left = b->write_max;
	int k = 0;

	for (; k < n && left > 0; k++) {
		cut[k] = iov[k];
		if (cut[k].iov_len > left)
			cut[k].iov_len = left;
		left -= cut[k].iov_len;
	}
	return b->kernel->ops->writev(b->kernel, fd, cut, k);
}

static inline ssize_t
between_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct between *b = between_of(h);
	int rc = told(&b->write_rc);

	b->writes++;
	b->iovs = n;
	if (rc)
		return rc;
	return b->write_max ? write_some(b, fd, iov, n) : b->kernel->ops->writev(b->kernel, fd, iov, n);
}

static inline int
between_recvmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	struct between *b = between_of(h);
	int rc = told(&b->read_rc);

	b->reads++;
	return rc ? rc : b->kernel->ops->recvmmsg(b->kernel, fd, d, n);
}

static inline int
between_sendmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	struct between *b = between_of(h);
	int rc = told(&b->write_rc);

	b->writes++;
	if (rc)
		return rc;
	if (b->write_max && (size_t)n > b->write_max)
		n = (int)b->write_max;
	if (b->write_stop)
		b->write_rc = -EAGAIN;
	b->write_stop = false;
	return b->kernel->ops->sendmmsg(b->kernel, fd, d, n);
}

static inline void
between_close(struct host *h, int fd, bool reset)
{
	struct between *b = between_of(h);

	b->kernel->ops->close(b->kernel, fd, reset);
}

static inline void
between_drop_pages(void *block, size_t size)
{
	/* The kernel gives zeros; here whoever still looks there is to see that it is gone. */
	memset(block, 0xdd, size);
}

static const struct host_ops between_ops = {
    .readv = between_readv,
    .writev = between_writev,
    .recvmmsg = between_recvmmsg,
    .sendmmsg = between_sendmmsg,
    .close = between_close,
    .drop_pages = between_drop_pages,
};

static inline int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	int err;

	*state = b;
	b->vmm = -1;
	snprintf(b->dir, sizeof(b->dir), "/tmp/sluice-link-XXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	snprintf(b->path, sizeof(b->path), "%s/sock", b->dir);
	b->fds = open_descriptors();
	b->between = (struct between){.host.ops = &between_ops, .kernel = host_kernel(&err)};
	return b->between.kernel ? 0 : -1;
}

/* The far end is new, and connected to the descriptor returned. */
static inline int
vmm_pair(struct bed *b, int type)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, type, 0, pair), 0);
	b->vmm = pair[1];
	return pair[0];
}

static inline void
hang_up(struct bed *b)
{
	if (b->vmm >= 0)
		close(b->vmm);
	b->vmm = -1;
}

static inline void
free_link(struct bed *b)
{
	if (b->link)
		b->link->ops->free(b->link);
	b->link = NULL;
}

/* Nothing is left behind, whatever the test did. */
static inline int
teardown(void **state)
{
	struct bed *b = *state;
	int wrong = 0;

	hang_up(b);
	free_link(b);
	host_kernel_free(b->between.kernel);
	if (open_descriptors() != b->fds)
		wrong = printf("# descriptors are left: %u, not %u\n", open_descriptors(), b->fds);
	if (rmdir(b->dir) < 0)
		wrong = printf("# %s is not empty\n", b->dir);
	free(b);
	return wrong ? -1 : 0;
}

/* --- the gateway's moves -------------------------------------------------------------------------------- */

static inline int
receive(struct bed *b)
{
	b->link->ops->release(b->link);
	return b->link->ops->receive(b->link, b->frames, LINK_BATCH, &b->more);
}

static inline bool
readable(struct bed *b, int ms)
{
	struct pollfd p = {0};

	p.fd = b->link->ops->pollfd(b->link, &p.events);
	return poll(&p, 1, ms) == 1;
}

/* As the loop does, until there are frames, or an end, or the guest has changed. */
static inline int
receive_next(struct bed *b)
{
	uint32_t arrived = b->link->arrived, departed = b->link->departed;
	int n;

	do {
		if (!b->more && !b->link->ops->before_sleep(b->link))
			assert_true(readable(b, PATIENCE_MS));
		n = receive(b);
	} while (n == 0 && arrived == b->link->arrived && departed == b->link->departed);
	return n;
}

static inline bool
room(struct bed *b)
{
	return b->link->sink.room(b->link->sink.ctx);
}

static inline void
flush(struct bed *b)
{
	b->link->sink.flush(b->link->sink.ctx);
	b->link->ops->release(b->link);
}

/* Bytes that follow from where they are, and from a number. */
static inline void
fill(uint8_t *p, size_t len, uint32_t number)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((i + number) * 37 + (i >> 8) + number * 101);
}

static inline bool
is_filled(const uint8_t *p, size_t len, uint32_t number)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != (uint8_t)((i + number) * 37 + (i >> 8) + number * 101))
			return false;
	return true;
}

/* Send fill(number), its first 20 bytes as headers that are gone after the call; room is not asked. */
static inline void
send_filled(struct bed *b, uint8_t *from, size_t len, uint32_t number)
{
	uint8_t head[20];
	struct frame f = {.len = (uint32_t)len, .nspan = 3};

	fill(from, len, number);
	memcpy(head, from, sizeof(head));
	f.span[0] = view_of(head, sizeof(head));
	f.span[1] = view_of(from + 20, (len - 20) / 2);
	f.span[2] = view_of(from + 20 + (len - 20) / 2, len - 20 - (len - 20) / 2);
	b->link->sink.send(b->link->sink.ctx, &f);
	memset(head, 0, sizeof(head));
	memset(from, 0, 20);
}

static inline void
send_one(struct bed *b, size_t len, uint32_t number)
{
	send_filled(b, memory[0], len, number);
	flush(b);
}

/* Send until there is no room; how many went. */
static inline uint32_t
stuff(struct bed *b, size_t len)
{
	uint32_t n = 0;

	while (room(b)) {
		send_filled(b, memory[n % 64], len, n);
		if (++n % 4 == 0)
			flush(b);
		assert_true(n < 100000);
	}
	return n;
}

/* The guest's frames from `first` on, each of len bytes, until there are n of them. */
static inline void
expect_received(struct bed *b, uint32_t first, int n, size_t len)
{
	while (n > 0) {
		int got = receive_next(b);

		assert_in_range(got, 1, n);
		for (int i = 0; i < got; i++) {
			const struct frame *f = &b->frames[i];

			assert_int_equal(f->nspan, 1);
			assert_false(f->shared);
			assert_int_equal(f->len, len);
			assert_int_equal(f->span[0].len, len);
			assert_true(is_filled(f->span[0].p, len, first++));
		}
		n -= got;
	}
}

/* --- what any link behind a socket must do, once a guest is there ---------------------------------------- */

static inline void
expect_quiet_link(struct bed *b)
{
	const struct link_limits *lim = &b->link->sink.lim;

	assert_int_equal(lim->mtu, 1500);
	assert_false(lim->csum || lim->tso || lim->uso);
	assert_true(lim->csum_lax);
	assert_int_equal(b->link->arrived, 1);
	assert_int_equal(b->link->departed, 0);
	assert_true(room(b));
	assert_false(b->link->ops->before_sleep(b->link));
	assert_false(readable(b, 0));
	assert_int_equal(receive(b), 0);
	assert_false(b->more);
}

static inline void
expect_too_long_is_lost(struct bed *b)
{
	static const uint8_t bytes[FRAME_MAX + 1];
	struct frame f = {.len = sizeof(bytes),
			  .nspan = 2,
			  .span = {view_of(bytes, 20), view_of(bytes, sizeof(bytes) - 20)}};

	assert_true(room(b));
	b->link->sink.send(b->link->sink.ctx, &f);
	flush(b);
	assert_int_equal(b->link->no_room, 1);
	assert_int_equal(b->between.writes, 0);
}

#endif
