/*
 * socket_kit.h - what the tests of the links behind sockets share: a host that can be told to fail, frames, paths
 *
 * The far end is always a plain socket of the test, the guest's VMM.
 */
#ifndef TEST_UNIT_SOCKET_KIT_H
#define TEST_UNIT_SOCKET_KIT_H

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/link.h"
#include "link/unix.h"

#define PATIENCE_MS 20000 /* the longest a test waits for what must come */

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
	int fds; /* descriptors open before anything was made */
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
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

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
	b->fds = open_files();
	b->between = (struct between){.host.ops = &between_ops, .kernel = host_kernel(&err)};
	return b->between.kernel ? 0 : -1;
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
	if (open_files() != b->fds)
		wrong = printf("# descriptors are left: %d, not %d\n", open_files(), b->fds);
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
send_filled(struct bed *b, uint8_t *memory, size_t len, uint32_t number)
{
	uint8_t head[20];
	struct frame f = {.len = (uint32_t)len, .nspan = 3};

	fill(memory, len, number);
	memcpy(head, memory, sizeof(head));
	f.span[0] = view_of(head, sizeof(head));
	f.span[1] = view_of(memory + 20, (len - 20) / 2);
	f.span[2] = view_of(memory + 20 + (len - 20) / 2, len - 20 - (len - 20) / 2);
	b->link->sink.send(b->link->sink.ctx, &f);
	memset(head, 0, sizeof(head));
	memset(memory, 0, 20);
}

#endif
