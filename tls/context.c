/*
 * context.c - what all TLS connections of a gateway share
 *
 * The library keeps what is the process's own (PSA's keys) behind locks of its own; everything of ours is in struct tls.
 */
#include "tls/context.h"

#include <stdlib.h>

#include "tls/resume.h"

#define RESUME_MAX 1024u
#define TICKET_LIFE 86400u /* seconds; the library makes a new key at half of it */

void
tls_fill(struct tls *t, void *to, size_t n)
{
	t->random.fill(t->random.ctx, to, n);
}

struct tls *
tls_new(const struct tls_random *random, const struct tls_options *o)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->random = *random;
	t->only_13 = o && o->only_13;
	t->resume = resume_new(o && o->resume_max ? o->resume_max : RESUME_MAX);
	mbedtls_ssl_ticket_init(&t->tickets);
	record_ciphers_find(&t->ciphers);
	if (!t->resume || !lib_start() || (t->only_13 && !tls_has_13()) ||
	    mbedtls_ssl_ticket_setup(&t->tickets, lib_random, t, MBEDTLS_CIPHER_AES_256_GCM, TICKET_LIFE) !=
		0) {
		tls_free(t);
		return NULL;
	}
	return t;
}

void
tls_free(struct tls *t)
{
	if (!t)
		return;
	mbedtls_ssl_ticket_free(&t->tickets);
	record_ciphers_free(&t->ciphers);
	resume_free(t->resume);
	free(t);
}

const char *
tls_library(void)
{
	return "Mbed TLS " MBEDTLS_VERSION_STRING LIB_VERSIONS;
}

bool
tls_has_13(void)
{
	return LIB_HAS_13;
}
