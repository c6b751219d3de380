/*
 * socks.h - the client's half of a SOCKS 5 CONNECT without authentication (RFC 1928): bytes out, bytes in
 *
 *	socks_start(&s, &target);
 *	while socks_want(&s) or socks_output(&s, buf) is not 0:
 *		what socks_output() gives is written, socks_sent() told how much of it was
 *		up to socks_want() bytes are read and given to socks_input()
 *	s.step is SOCKS_DONE, or SOCKS_FAILED with s.error
 *
 * It never wants a byte beyond the proxy's last reply: what follows belongs to the connection.
 */
#ifndef PROXY_SOCKS_H
#define PROXY_SOCKS_H

#include "stack/addr.h"

#define SOCKS_OUT_MAX 22u /* a request for an IPv6 address */
#define SOCKS_IN_MAX 257u /* the rest of a reply that names a domain */

enum socks_step {
	SOCKS_GREETING, /* sending: version, methods */
	SOCKS_METHOD,   /* awaiting: the method chosen */
	SOCKS_REQUEST,  /* sending: CONNECT */
	SOCKS_REPLY,    /* awaiting: version, outcome, type of the bound address */
	SOCKS_DOMAIN,   /* ... the length of a bound domain */
	SOCKS_BOUND,    /* ... the bound address, which nobody needs */
	SOCKS_DONE,     /* connected */
	SOCKS_FAILED,
};

struct socks {
	struct endpoint target;
	uint8_t step; /* enum socks_step */
	uint8_t sent; /* bytes of the message that is being sent */
	uint8_t nin;  /* bytes of the message that is awaited, in `in` */
	uint8_t in[4];
	uint16_t skip; /* bytes of the bound address that are still to come */
	int error;     /* SOCKS_FAILED: a positive errno that says the same to a guest */
	const char *why;
};

/* From the moment the proxy is connected. */
void socks_start(struct socks *s, const struct endpoint *target);

/* Bytes to be written now, into out; 0: none. */
size_t socks_output(const struct socks *s, uint8_t out[SOCKS_OUT_MAX]);
void socks_sent(struct socks *s, size_t n);

/* How many bytes may be read now, at most SOCKS_IN_MAX; 0: none. */
size_t socks_want(const struct socks *s);
/* No more than were wanted. */
void socks_input(struct socks *s, struct view v);
/* The proxy closed. */
void socks_ended(struct socks *s);

#endif
