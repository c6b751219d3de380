/*
 * ca.h - the local certificate authority: made once, P-256, as PEM
 */
#ifndef TLS_CA_H
#define TLS_CA_H

#include "tls/tls.h"

#define CA_PEM 2048u                  /* bytes either of the two takes at most */
#define CA_LIFE (10ull * 365 * 86400) /* seconds */
#define CA_BACK (7ull * 86400)        /* seconds: clocks of guests that were restored run behind */
#define CA_LABEL 54u                  /* characters (RFC 5280: 64 for the whole name) */

struct tls_ca;

/* A new one, good from a week before now (seconds since 1970) for CA_LIFE.  label: in its name, "sluice CA
 * LABEL"; letters, digits, blanks, '-', '.', '_' (others become '-'), and what is beyond CA_LABEL is left
 * out.  PEM goes to cert and key, NUL-terminated.  False: no memory or no randomness. */
bool ca_make(struct tls *t, const char *label, uint64_t now, char cert[CA_PEM], char key[CA_PEM]);

/* From PEM, the first certificate of each; EC (P-256, -384, -521) or RSA (2,048 to 4,096 bits).  NULL and a
 * sentence: it cannot be read, is no authority for servers, has expired or is not valid yet, or the key is
 * another's. */
struct tls_ca *ca_read(struct tls *t, struct view cert, struct view key, uint64_t now, char *why,
		       size_t size);
void ca_free(struct tls_ca *ca);

/* What people see of it. */
struct ca_facts {
	char subject[128];
	uint64_t from, until; /* seconds since 1970 */
	uint8_t sha256[32];   /* of the certificate's DER */
};
void ca_facts(const struct tls_ca *ca, struct ca_facts *out);

#endif
