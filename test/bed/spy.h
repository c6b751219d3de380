/*
 * spy.h - what a gateway asks of a virtual host, seen at the moment it asks
 *
 * The calls themselves are done as ever; whoever watches is told of them in between.  One virtual host at a time is watched: the calls
 * have no room for more.
 */
#ifndef TEST_BED_SPY_H
#define TEST_BED_SPY_H

#include "link/vhost.h"

struct spy {
	void *ctx;
	void (*connects)(void *ctx, int fd, const struct endpoint *to); /* before it does */
	void (*accepted)(void *ctx, int fd, const struct endpoint *client);
	/* Of a connection or a ping: so many of these bytes were taken. */
	void (*wrote)(void *ctx, int fd, const struct iovec *iov, int n, size_t len);
	/* A datagram, before it is sent; to NULL: where the socket is connected to. */
	void (*sends)(void *ctx, int fd, const struct iovec *iov, int n, const struct endpoint *to);
	void (*got)(void *ctx, int fd, struct view bytes); /* what was read of a connection, or a datagram */
	void (*closes)(void *ctx, int fd);
};

/* From now on; s is copied.  The host's own calls are what stands behind. */
void spy_on(struct vhost *v, const struct spy *s);

#endif
