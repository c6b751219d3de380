/*
 * ca_int.h - what is behind struct tls_ca, for ca.c and leaf.c
 */
#ifndef TLS_CA_INT_H
#define TLS_CA_INT_H

#include "tls/ca.h"
#include "tls/path.h"

struct tls_ca {
	struct tls *t;
	struct root root;
	mbedtls_pk_context *key; /* signing with it changes it: RSA's blinding */
};

#endif
