/*
 * http2_kit.h - a bed of two peers of HTTP/2, and requests as they write them
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

#endif
