/*
 * port_kit.h - a port with both its halves on one thread
 *
 * The gateway's half is driven as the loop drives it: receive, release, the sink, before_sleep.
 */
#ifndef TEST_UNIT_PORT_KIT_H
#define TEST_UNIT_PORT_KIT_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "link/port.h"
#include "sluice.h"

#define MTU 1500u
#define SLOTS 64u
#define ROOM (MTU + 14) /* what must be lent before the link has room */

struct bench {
	struct sluice_port *port;
	struct link *link;
	struct frame frames[LINK_BATCH];
	bool more;
	uint8_t memory[4 * FRAME_MAX];
};

static inline struct sluice_port_config
small_config(void)
{
	struct sluice_port_config c;

	sluice_port_config_init(&c);
	c.send_slots = SLOTS;
	c.receive_slots = SLOTS;
	return c;
}

static inline struct bench *
bench_new(const struct sluice_port_config *cfg)
{
	struct bench *b = calloc(1, sizeof(*b));
	char err[256];
	int error;

	assert_non_null(b);
	b->port = sluice_port_new(cfg, err, sizeof(err));
	assert_non_null(b->port);
	b->link = link_port(NULL, b->port, MTU, &error);
	assert_non_null(b->link);
	for (size_t i = 0; i < sizeof(b->memory); i++)
		b->memory[i] = (uint8_t)(i * 7 + i / 251);
	return b;
}

static inline void
bench_free(struct bench *b)
{
	if (b->link)
		b->link->ops->free(b->link);
	sluice_port_free(b->port);
	free(b);
}

static inline int
receive(struct bench *b)
{
	return b->link->ops->receive(b->link, b->frames, LINK_BATCH, &b->more);
}

static inline void
release(struct bench *b)
{
	b->link->ops->release(b->link);
}

static inline bool
room(struct bench *b)
{
	return b->link->sink.room(b->link->sink.ctx);
}

static inline void
gateway_sends(struct bench *b, const void *bytes, size_t len)
{
	struct frame f = {.len = (uint32_t)len, .nspan = 1, .span = {view_of(bytes, len)}};

	b->link->sink.send(b->link->sink.ctx, &f);
	b->link->sink.flush(b->link->sink.ctx);
}

static inline int
guest_sends(struct bench *b, size_t len, uint64_t cookie)
{
	struct iovec iov = {.iov_base = b->memory, .iov_len = len};

	return sluice_port_send(b->port, &(struct sluice_frame){.iov = &iov, .niov = 1, .cookie = cookie}, 1);
}

static inline int
guest_lends(struct bench *b, void *base, uint32_t len, uint64_t cookie)
{
	return sluice_port_lend(b->port, &(struct sluice_buffer){.base = base, .len = len, .cookie = cookie},
				1);
}

static inline bool
readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static inline bool
gateway_is_woken(struct bench *b)
{
	short events;

	return readable(b->link->ops->pollfd(b->link, &events));
}

static inline struct sluice_port_stats
stats(struct bench *b)
{
	struct sluice_port_stats st = {.size = sizeof(st)};

	sluice_port_get_stats(b->port, &st);
	return st;
}

#endif
