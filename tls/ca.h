/*
 * ca.h - the local certificate authority: made once, P-256, as PEM
 */
#ifndef TLS_CA_H
#define TLS_CA_H

#include "tls/tls.h"

#define CA_PEM 2048u                  /* bytes either of the two takes at most */
#define CA_LIFE (10ull * 365 * 86400) /* seconds */

struct tls_ca;

/* A new one.  label: in its name ("sluice CA LABEL"), letters, digits, blanks, '-', '.', '_'.  now: seconds since 1970.  PEM goes to
 * cert and key, NUL-terminated.  False: no memory or no randomness. */
bool ca_make(struct tls *t, const char *label, uint64_t now, char cert[CA_PEM], char key[CA_PEM]);

/* From PEM.  NULL and a sentence: it cannot be read, is no CA, expired, or the key is another's. */
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
