/*
 * authority.h - where a request goes: "host", "host:port", "[address]:port" (RFC 3986 3.2, RFC 9110 4.2.4)
 */
#ifndef HTTP_AUTHORITY_H
#define HTTP_AUTHORITY_H

#include "policy/name.h"
#include "stack/addr.h"

struct authority {
	struct name name; /* len 0: it is not a name */
	struct addr addr; /* unspecified: it is not an address */
	uint16_t port;    /* 0: none is written */
};

/* False: it is neither a name nor an address, or has user information, which nobody may send. */
bool authority_read(struct view text, struct authority *out);

/* Do they mean the same?  A port that is not written is the scheme's (`usual`; 0: any). */
bool authority_agree(const struct authority *a, const struct authority *b, uint16_t usual);

#endif
