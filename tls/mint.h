/*
 * mint.h - certificates made here, byte by byte (RFC 5280 4.1)
 *
 * For ca.c and leaf.c.  Names go into them as bytes, never through a text that somebody parses: what a guest
 * calls a host cannot become another field.
 */
#ifndef TLS_MINT_H
#define TLS_MINT_H

#include "tls/der.h"
#include "tls/lib.h"

#define MINT_MAX 2048u /* bytes of a certificate at most */
#define MINT_ID 20u    /* bytes of a key identifier */

struct mint {
	struct tls *t;                  /* randomness */
	struct view issuer, subject;    /* Names: their SEQUENCEs' values */
	uint64_t from, until;           /* seconds since 1970 */
	mbedtls_pk_context *key;        /* the subject's */
	mbedtls_pk_context *issuer_key; /* EC or RSA */
	struct view issuer_id;          /* its key identifier; empty: it has none */
	bool is_ca;      /* of an authority that issues for hosts alone (path length 0); or of a server: */
	struct view alt; /* one GeneralName */
};

/* DER into MINT_MAX bytes: 0 and *len, or a result of the library. */
int mint(const struct mint *m, uint8_t *out, size_t *len);
/* The identifier of a key. */
int mint_id(mbedtls_pk_context *key, uint8_t out[MINT_ID]);
/* "O=sluice, CN=...", or without common name where that is empty: a Name's value. */
void mint_name(struct wr *w, struct view common);

#endif
