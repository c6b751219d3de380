/*
 * wire_kit.h - what the tests of the wire files share: random values that are the same on every run,
 * and bytes in heap blocks of their exact size, so that a sanitizer sees the first byte read too far
 */
#ifndef TEST_UNIT_WIRE_KIT_H
#define TEST_UNIT_WIRE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stack/addr.h"
#include "stack/wire.h"

#define KIT_ROUNDS 2000

/* splitmix64 (Steele, Lea, Flood 2014): each test starts its own from a number. */
static inline uint64_t
kit_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline void
kit_fill(uint64_t *seed, void *p, size_t n)
{
	uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)kit_random(seed);
}

static inline struct mac
kit_mac(uint64_t *seed)
{
	struct mac m = {{0}};

	kit_fill(seed, m.b, sizeof(m.b));
	return m;
}

static inline struct addr
kit_v4(uint64_t *seed)
{
	return addr_v4((uint32_t)kit_random(seed));
}

/* A unicast address: 2xxx:... */
static inline struct addr
kit_v6(uint64_t *seed)
{
	struct addr a = {{0}};

	kit_fill(seed, a.b, sizeof(a.b));
	a.b[0] = 0x20;
	return a;
}

static inline struct addr
kit_addr(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

/* The caller frees it.  No bytes are a pointer that must not be read at all. */
static inline uint8_t *
kit_exact(const void *from, size_t n)
{
	uint8_t *p = malloc(n ? n : 1);

	assert_non_null(p);
	if (n)
		memcpy(p, from, n);
	return p;
}

static inline void
kit_same(struct view a, struct view b)
{
	assert_int_equal(a.len, b.len);
	if (a.len)
		assert_memory_equal(a.p, b.p, a.len);
}

/* What a writer has put into its buffer so far. */
static inline struct view
kit_written(const struct wr *w, const uint8_t *buf)
{
	assert_false(w->bad);
	return view_of(buf, (size_t)(w->p - buf));
}

#endif
