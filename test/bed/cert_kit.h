/*
 * cert_kit.h - certificates of any content, right or wrong, signed or not
 *
 * What tls/mint.c would never write: the tests' authorities and servers.  test/live/certs.sh makes the
 * ordinary bad ones with openssl.
 */
#ifndef TEST_BED_CERT_KIT_H
#define TEST_BED_CERT_KIT_H

#include "tls/der.h"
#include "tls/lib.h"

#define CERT_KIT_MAX 40000u /* bytes of a certificate at most */

struct cert_kit {
	const char *subject, *issuer;   /* common names */
	mbedtls_pk_context *key;        /* the subject's */
	mbedtls_pk_context *issuer_key; /* EC, who signs with SHA-256; NULL: the signature is of no key, and
					   looks like `looks` made it */
	mbedtls_pk_context *looks;
	uint64_t from, until; /* both 0: 2020 to 2049 */
	bool is_ca, no_v3;
	int limit;        /* path length + 1; 0: none */
	struct view alt;  /* GeneralNames' value; empty: no such extension */
	struct view more; /* further extensions, DER (cert_kit_extension()) */
	unsigned times;   /* `more` is put in that many times; 0: once */
};

/* An EC key, or an RSA one of a modulus and an exponent that look right: with that nobody can sign. */
void cert_kit_ec(struct tls *t, mbedtls_ecp_group_id curve, mbedtls_pk_context *key);
void cert_kit_rsa(struct tls *t, unsigned bits, uint32_t exponent, mbedtls_pk_context *key);

/* DER into CERT_KIT_MAX bytes. */
struct view cert_kit_make(struct tls *t, const struct cert_kit *c, uint8_t *out);

/* An extension below id-ce (2.5.29), or with which 0 one that nobody knows. */
void cert_kit_extension(struct wr *w, uint8_t which, bool critical, struct view value);

#endif
