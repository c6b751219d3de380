/*
 * csum.h - the Internet checksum (RFC 1071) over gathered bytes
 *
 * A partial sum is a plain 64-bit accumulator in network order terms; csum_final() makes the 16-bit
 * one's complement that goes on the wire.  Sums of spans may be chained whatever their lengths:
 * `odd` says how many bytes came before, modulo two.
 */
#ifndef STACK_CSUM_H
#define STACK_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/addr.h"
#include "stack/wire.h"

struct csum {
	uint64_t sum; /* of big-endian 16-bit words, not yet folded */
	bool odd;     /* an odd number of bytes so far */
};

void csum_add(struct csum *c, struct view v);

/* Copy n bytes and sum them in one pass. */
void csum_copy(struct csum *c, void *to, struct view from);

/* IPv4 (RFC 9293 3.1) or IPv6 (RFC 8200 8.1) pseudo header; len is the transport length. */
void csum_pseudo(struct csum *c, const struct addr *src, const struct addr *dst, uint8_t proto, uint32_t len);

/* The folded sum, not complemented: what an unfinished checksum field holds. */
uint16_t csum_partial(const struct csum *c);

/* The checksum field's value; over bytes that contain a right checksum, zero. */
static inline uint16_t
csum_final(const struct csum *c)
{
	return (uint16_t)~csum_partial(c);
}

#endif
