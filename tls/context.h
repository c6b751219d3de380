/*
 * context.h - what is behind struct tls, for the files of tls/ alone
 */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include "tls/lib.h"
#include "tls/record.h"
#include "tls/tls.h"

struct resume;

struct tls {
	struct tls_random random;
	bool only_13;
	mbedtls_ssl_ticket_context tickets; /* the keys that sessions of guests are sealed with */
	struct resume *resume;              /* sessions of servers */
	struct record_ciphers ciphers;
};

/* n unpredictable bytes. */
void tls_fill(struct tls *t, void *to, size_t n);

#endif
