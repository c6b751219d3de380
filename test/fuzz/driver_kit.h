/*
 * driver_kit.h - what the fuzz targets of virtqueues share: guest memory, and a driver that writes into it
 */
#ifndef TEST_FUZZ_DRIVER_KIT_H
#define TEST_FUZZ_DRIVER_KIT_H

#include "test/fuzz/wire_kit.h"

/* Zeros, of exactly this size, so that the sanitizer sees a byte that is not the guest's; free() is the caller's. */
static inline uint8_t *
block(size_t size)
{
	uint8_t *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

/* The guest writes somewhere in its memory: place 2 | length 1 | bytes. */
static inline void
guest_writes(uint8_t *memory, size_t size, struct rd *r)
{
	uint16_t at = rd_u16(r);
	struct view v = rd_take(r, rd_u8(r) % 32);

	if (v.len > 0 && at % size + v.len <= size)
		memcpy(memory + at % size, v.p, v.len);
}

/* The guest offers a head as a driver would, in a ring of num; one head too high is among them. */
static inline void
guest_offers(uint8_t *avail, unsigned num, uint8_t head)
{
	unsigned index = avail[2] | (unsigned)avail[3] << 8;

	avail[4 + index % num * 2] = (uint8_t)(head % (num + 1));
	avail[5 + index % num * 2] = 0;
	avail[2] = (uint8_t)(index + 1);
	avail[3] = (uint8_t)((index + 1) >> 8);
}

#endif
