/*
 * siphash.c - SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012)
 *
 * Four words of state; each 8 input bytes, read as a little-endian word, go in with two rounds, and
 * four more rounds finish.  The last word carries the remaining bytes and the length modulo 256.
 */
#include "stack/siphash.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t
rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static uint64_t
load_le64(const uint8_t *p)
{
	/* Written out, compilers see one load. */
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

uint64_t
siphash(const uint8_t key[SIPHASH_KEY], const void *p, size_t n)
{
	uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
	struct sip s = {
	    .v0 = k0 ^ 0x736f6d6570736575,
	    .v1 = k1 ^ 0x646f72616e646f6d,
	    .v2 = k0 ^ 0x6c7967656e657261,
	    .v3 = k1 ^ 0x7465646279746573,
	};
	const uint8_t *in = p;
	uint64_t last = (uint64_t)n << 56;

	for (; n >= 8; n -= 8, in += 8)
		sip_word(&s, load_le64(in));
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)in[i] << (8 * i);
	sip_word(&s, last);

	s.v2 ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
