/*
 * identity.h - what is behind struct tls_identity, for the files of tls/ alone
 *
 * leaf.c embeds one in each entry of its cache, with the key that all leaves share.
 */
#ifndef TLS_IDENTITY_H
#define TLS_IDENTITY_H

#include "tls/lib.h"
#include "tls/tls.h"

/* Both are borrowed by it, and by every end that shows it; tls_identity_read() and tls_identity_free() own theirs. */
struct tls_identity {
	mbedtls_x509_crt *chain; /* the leaf first */
	mbedtls_pk_context *key;
};

#endif
