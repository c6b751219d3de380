/*
 * wire_kit.h - what the fuzz targets of the wire files share
 *
 * Their oracle, beside "nothing is read that is not there": what a parser understood, written and parsed
 * again, is understood the same; so the second writing is the first, byte for byte.
 */
#ifndef TEST_FUZZ_WIRE_KIT_H
#define TEST_FUZZ_WIRE_KIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "stack/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert() also there when that is compiled out. */
static inline void
must(bool truth)
{
	if (!truth)
		abort();
}

/* The bytes a writer has put into its buffer: all that were asked for. */
static inline struct view
written(const struct wr *w, const uint8_t *buf)
{
	must(!w->bad);
	return view_of(buf, (size_t)(w->p - buf));
}

static inline void
must_be_same(struct view a, struct view b)
{
	must(a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0));
}

#endif
