/*
 * path.h - ways from a server's certificate to a root
 *
 * For verify.c alone.
 */
#ifndef TLS_PATH_H
#define TLS_PATH_H

#include "tls/cert.h"
#include "tls/lib.h"

#define RSA_MAX 4096u
#define RSA_ROOT_MAX 8192u
#define PATH_TRIES 16u    /* signatures one question may cost; VERIFY_WORK is met before */
#define PATH_NAMES 10000u /* names held against constraints */
#define PATH_STEPS \
	1024u /* issuers that are looked at: chains of like-named certificates have factorially many ways */

struct root {
	mbedtls_x509_crt *crt; /* owns the DER that cert's views are into */
	struct cert cert;
};

struct tls_roots {
	uint32_t n;
	struct root *root;
};

/* From DER.  0: good; a result of the library. */
int root_read(struct view der, struct root *out);
void root_free(struct root *r); /* one that was read, or all zeros */
/* As the library reads it, its critical name constraints too: those are ours.  der is borrowed. */
int path_parse(mbedtls_x509_crt *crt, struct view der, bool copy);
/* Is it that memory has run out? */
bool path_is_no_memory(int rc);

struct shown {
	struct cert cert;
	mbedtls_x509_crt crt;
	bool parsed; /* crt is there */
	bool used;   /* on the way that is being tried */
};

/* A signature that was tried. */
struct tried {
	const struct cert *child, *issuer;
	bool good;
};

struct search {
	const struct verify_question *q;
	struct verify_answer *out; /* the gravest fault so far, and the text on it */
	int n;
	struct shown shown[VERIFY_CERTS];
	const struct cert *way[VERIFY_CERTS + 1]; /* the server's own first */
	mbedtls_x509_crt *crt[VERIFY_CERTS + 1];
	unsigned tries, work, steps;
	unsigned names; /* that may still be held against constraints */
	bool over;      /* of work, of steps or of memory: nothing more is tried */
	struct tried tried[PATH_TRIES];
};

/* Is there a way that is good?  If not, out says what was met. */
bool path_find(struct search *s);
/* The same for only_signature: each certificate signed by its issuer, as far as issuers are shown. */
bool path_check_shown(struct search *s);

/* Notes a fault of c (the server's own or an issuer) unless a graver one was met.  why ends a sentence about
 * c. */
void path_note(struct search *s, enum verify_fault fault, const struct cert *c, const char *why);
/* Its dates against now; false: noted. */
bool path_check_dates(struct search *s, const struct cert *c);

#endif
