/*
 * compose.h - a DNS message is written, names compressed (RFC 1035 4.1.4)
 *
 * Suffixes of names that were written are remembered in a small table; what does not fit there is written whole.  So
 * the work is linear in the bytes written, whatever the names are.
 */
#ifndef DNS_COMPOSE_H
#define DNS_COMPOSE_H

#include "stack/wire.h"

#define COMPOSE_SLOTS 256u

struct compose {
	struct wr w;
	const uint8_t *start; /* of the message: pointers count from here */
	struct {
		uint32_t hash;
		uint16_t at; /* 0: free */
	} slot[COMPOSE_SLOTS];
};

void compose_start(struct compose *c, uint8_t *out, size_t room);
/* name: in wire form, uncompressed, any case. */
void compose_name(struct compose *c, struct view name);
size_t compose_len(const struct compose *c);

#endif
