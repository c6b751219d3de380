/*
 * http2_kit.h - a bed of two peers of HTTP/2, requests as they write them, frames by hand, and memory that ends
 */
#ifndef TEST_UNIT_HTTP2_KIT_H
#define TEST_UNIT_HTTP2_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/h2.h"
#include "test/bed/h2_peer.h"

#define GET(path) ":method: GET\n:scheme: https\n:authority: a.example\n:path: " path "\n"
#define POST(path) ":method: POST\n:scheme: https\n:authority: a.example\n:path: " path "\n"

static const struct h2_peer_options client = {.server = false}, server = {.server = true};

static inline struct h2_bed *
open_bed(const struct h2_peer_options *c, const struct h2_peer_options *s)
{
	struct h2_bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	h2_bed_open(b, c, s);
	return b;
}

static inline void
close_bed(struct h2_bed *b)
{
	h2_bed_close(b);
	free(b);
}

/* A field as the library takes it. */
static inline nghttp2_nv
kit_nv(const char *name, const char *value)
{
	nghttp2_nv nv = {.namelen = strlen(name), .valuelen = strlen(value)};

	/* It copies them, whatever its pointers look like. */
	memcpy(&nv.name, &name, sizeof(name));
	memcpy(&nv.value, &value, sizeof(value));
	return nv;
}

/* --- frames by hand ---------------------------------------------------------------------------------------------- */

/* :method GET, :scheme https, :path /, :authority "a" in HPACK's static table and literals. */
#define SMALL_HEAD             \
	"\x82\x87\x84\x01\x01" \
	"a"

static inline void
frame(struct h2_bed *b, enum side from, uint8_t type, uint8_t flags, uint32_t id, const void *payload,
      size_t n)
{
	uint8_t h[9];
	struct wr w = wr_of(h, sizeof(h));

	wr_u8(&w, (uint8_t)(n >> 16));
	wr_u16(&w, (uint16_t)n);
	wr_u8(&w, type);
	wr_u8(&w, flags);
	wr_u32(&w, id);
	h2_bed_raw(b, from, h, sizeof(h));
	if (n)
		h2_bed_raw(b, from, payload, n);
}

/* A client whose frames are written here has begun; the server is a peer. */
static inline struct h2_bed *
raw_client(void)
{
	struct h2_bed *b = open_bed(NULL, &server);

	h2_bed_raw(b, SIDE_CLIENT, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
	frame(b, SIDE_CLIENT, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
	return b;
}

/* --- memory ------------------------------------------------------------------------------------------------------ */

/* How many more allocations succeed; below 0: one has failed. */
struct failing {
	int left;
};

static inline void *
fail_later(void *ctx, size_t n)
{
	struct failing *f = ctx;

	return f->left-- <= 0 ? NULL : malloc(n);
}

/* A bed whose exchange has no more memory than that; its x is NULL where that was not enough to make it. */
static inline struct h2_bed *
open_bed_failing(const struct h2_peer_options *s, struct failing *f)
{
	struct exchange_h2_options o = {.tls = true, .h1_server = s == NULL};
	struct h2_heap heap = {.get = fail_later, .ctx = f};
	struct h2_bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->env.ctx = b;
	b->x = h2_new(&b->env, &o, &heap);
	if (b->x)
		h2_bed_open(b, &client, s);
	return b;
}

#endif
