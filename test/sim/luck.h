/*
 * luck.h - chance as a function of a seed, and bytes that can be told from all others
 */
#ifndef TEST_SIM_LUCK_H
#define TEST_SIM_LUCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* splitmix64's last step: neighbours have nothing in common. */
static inline uint64_t
luck_mix(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

struct luck {
	uint64_t state;
};

static inline uint64_t
luck_next(struct luck *l)
{
	l->state += UINT64_C(0x9e3779b97f4a7c15);
	return luck_mix(l->state);
}

/* 0 to n - 1; n > 0. */
static inline uint64_t
luck_below(struct luck *l, uint64_t n)
{
	return luck_next(l) % n;
}

static inline bool
luck_in(struct luck *l, unsigned n, unsigned of)
{
	return luck_below(l, of) < n;
}

/* Small ones as often as large ones: a number of 0 to `bits` bits. */
static inline uint64_t
luck_size(struct luck *l, unsigned bits)
{
	uint64_t n = luck_below(l, bits + 1);

	return n ? luck_next(l) >> (64 - n) : 0;
}

/* Bytes [at, at + n) of what belongs to a key. */
static inline void
luck_fill(uint8_t *to, uint64_t key, uint64_t at, size_t n)
{
	while (n > 0) {
		uint64_t word = luck_mix(key + at / 8);
		size_t skip = at % 8, len = 8 - skip < n ? 8 - skip : n;

		for (size_t i = 0; i < len; i++)
			to[i] = (uint8_t)(word >> 8 * (skip + i));
		to += len;
		at += len;
		n -= len;
	}
}

static inline bool
luck_is(const uint8_t *p, uint64_t key, uint64_t at, size_t n)
{
	uint8_t want[256];

	while (n > 0) {
		size_t len = n < sizeof(want) ? n : sizeof(want);

		luck_fill(want, key, at, len);
		if (memcmp(p, want, len) != 0)
			return false;
		p += len;
		at += len;
		n -= len;
	}
	return true;
}

#endif
