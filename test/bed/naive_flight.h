/*
 * naive_flight.h - what a guest's first bytes say, read the plain way: all of them at once, each time anew
 *
 * Shares nothing with tls/hello.c, http/ or proxy/watch.c but the form of a name.  It is what a server would read: of the whole stream,
 * however it was cut, and says which part of it means which name.
 */
#ifndef TEST_BED_NAIVE_FLIGHT_H
#define TEST_BED_NAIVE_FLIGHT_H

#include "policy/name.h"
#include "stack/addr.h"

enum naive_reading { NAIVE_MORE, NAIVE_DONE, NAIVE_NOT, NAIVE_BAD };

struct naive_hello {
	bool named, ech;
	struct name name;
};
/* A ClientHello at the beginning of bytes. */
enum naive_reading naive_hello_read(const uint8_t *p, size_t len, struct naive_hello *out);

struct naive_request {
	size_t head; /* bytes of it */
	struct view method, target;
	bool named; /* its host is a name, by the target or by Host */
	struct name name;
	struct view host; /* the authority as it is written; empty: none */
	uint16_t port;    /* in it; 0: none */
	struct addr addr; /* it is; unspecified: it is not one */
	bool connect, upgrade, chunked;
	uint64_t length;
	char path[512]; /* in the normal form rules see; "": it has none, or a longer one */
};
/* A request's head at the beginning of bytes; NOT: no HTTP/1. */
enum naive_reading naive_request_read(const uint8_t *p, size_t len, struct naive_request *out);
/* Bytes of a chunked body that are there and sound; *done: it ends with them. */
size_t naive_chunks_read(const uint8_t *p, size_t len, bool *done);

#endif
