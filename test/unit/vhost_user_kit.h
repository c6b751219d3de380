/*
 * vhost_user_kit.h - the vhost-user link with a front end on the same thread
 *
 * The link is driven as the loop drives it: receive, release, and nothing else.
 */
#ifndef TEST_UNIT_VHOST_USER_KIT_H
#define TEST_UNIT_VHOST_USER_KIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/vhost_user.h"
#include "test/bed/vhost_front.h"
#include "test/unit/descriptor_kit.h"

#define MTU 1500u

struct bench {
	struct host *host;
	struct link *link; /* NULL: not opened yet */
	struct vhost_user_options opts;
	char dir[32], path[64];
	struct vhost_front front;
	unsigned fds; /* open before anybody connected */
	unsigned logged;
	char line[256];
	/* What came of turns: frames, and the bytes of the last one. */
	unsigned frames;
	size_t len;
	uint8_t last[FRAME_MAX];
	bool more;
	int error; /* of the last receive() */
};

static inline unsigned
mappings(const char *of)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, of) != NULL;
	fclose(f);
	return n;
}

static inline void
on_log(void *ctx, unsigned level, const char *line)
{
	struct bench *b = ctx;

	assert_in_range(level, 0, 3);
	b->logged++;
	snprintf(b->line, sizeof(b->line), "%s", line);
}

static inline void
turn(void *ctx)
{
	static struct frame frames[LINK_BATCH];
	struct bench *b = ctx;
	int n = b->link->ops->receive(b->link, frames, LINK_BATCH, &b->more);

	b->error = n < 0 ? n : 0;
	for (int i = 0; i < n; i++) {
		struct wr w = wr_of(b->last, sizeof(b->last));

		for (unsigned s = 0; s < frames[i].nspan; s++)
			wr_bytes(&w, frames[i].span[s].p, frames[i].span[s].len);
		b->len = (size_t)(w.p - b->last);
		assert_int_equal(b->len, frames[i].len);
		b->frames++;
	}
	b->link->ops->release(b->link);
}

/* As many turns as the link has work for, as the loop would see it: a bench that is not at rest is a busy loop. */
static inline void
rest(struct bench *b)
{
	for (int i = 0; i < 100; i++) {
		short events = 0;
		struct pollfd p;

		turn(b);
		if (b->error)
			return;
		b->link->sink.room(b->link->sink.ctx);
		if (b->more || b->link->ops->before_sleep(b->link))
			continue;
		p = (struct pollfd){.fd = b->link->ops->pollfd(b->link, &events), .events = POLLIN};
		if (poll(&p, 1, 0) == 0)
			return;
	}
	fail_msg("the link does not rest");
}

static inline void
open_link(struct bench *b)
{
	char why[256] = "";

	b->link = link_vhost_user(b->host, &b->opts, why, sizeof(why));
	if (!b->link)
		fail_msg("%s", why);
	rest(b);
	b->fds = open_descriptors();
}

static inline int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	int error;

	assert_non_null(b);
	b->host = host_kernel(&error);
	assert_non_null(b->host);
	snprintf(b->dir, sizeof(b->dir), "/tmp/vhost-user.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->path, sizeof(b->path), "%s/s", b->dir);
	b->opts =
	    (struct vhost_user_options){.path = b->path, .fd = -1, .mtu = MTU, .log = on_log, .log_ctx = b};
	front_init(&b->front, turn, b);
	*state = b;
	return 0;
}

static inline int
teardown(void **state)
{
	struct bench *b = *state;

	front_free(&b->front);
	if (b->link)
		b->link->ops->free(b->link);
	unlink(b->path);
	assert_int_equal(rmdir(b->dir), 0);
	host_kernel_free(b->host);
	free(b);
	return 0;
}

/* A VMM is connected and its device works. */
static inline struct vhost_front *
start(struct bench *b)
{
	if (!b->link)
		open_link(b);
	front_connect(&b->front, b->path);
	assert_true(front_start(&b->front, FRONT_FEATURES, 64));
	rest(b);
	return &b->front;
}

/* The back end hung up, and has nothing of the VMM left. */
static inline void
assert_left(struct bench *b, const char *because)
{
	if (!front_is_left(&b->front))
		fail_msg("it was not hung up on");
	if (!strstr(b->link->reason, because))
		fail_msg("'%s' does not say '%s'", b->link->reason, because);
	front_hang_up(&b->front);
	rest(b);
	assert_int_equal(open_descriptors(), b->fds);
	assert_int_equal(mappings("memfd:guest"), 1); /* the front end's own */
}

static inline void
gateway_sends(struct bench *b, const void *bytes, size_t len)
{
	struct frame f = {.len = (uint32_t)len, .nspan = 1, .span = {view_of(bytes, len)}};

	b->link->sink.send(b->link->sink.ctx, &f);
	b->link->sink.flush(b->link->sink.ctx);
}

/* A frame goes both ways. */
static inline void
assert_works(struct bench *b)
{
	static uint8_t frame[1200];
	uint8_t got[FRONT_BUFFER];
	unsigned before = b->frames;

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(frame[i] * 5 + i + 1);
	front_guest_sends(&b->front, frame, sizeof(frame));
	rest(b);
	assert_int_equal(b->frames, before + 1);
	assert_int_equal(b->len, sizeof(frame));
	assert_memory_equal(b->last, frame, sizeof(frame));
	frame[0] ^= 0xff;
	gateway_sends(b, frame, sizeof(frame));
	assert_int_equal(front_guest_gets(&b->front, got, sizeof(got)), sizeof(frame));
	assert_memory_equal(got, frame, sizeof(frame));
	rest(b);
}

#endif
