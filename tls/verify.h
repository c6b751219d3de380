/*
 * verify.h - is this chain good for this host, now?
 *
 * The handshake is made without the library's verification; what was shown is judged here before a byte is
 * believed.  Bounds come first, so that nobody else's certificate can cost more than they allow.  Ways to a
 * root, dates, names, usage and name constraints are then ours; each signature is the library's to check.
 *
 *     what            is taken
 *     a chain         VERIFY_CERTS, VERIFY_BYTES in all; issuers in any order, and more than are needed
 *     RSA             2,048 to 4,096 bits (a root: 8,192), public exponent odd, 3 to 2^32
 *     curves          P-256, P-384, P-521, named (Ed25519: the library cannot)
 *     signatures      SHA-256, -384, -512 (a root's own is not looked at)
 *     work            VERIFY_WORK for all signatures that are tried, however many ways to a root there seem
 *     names           subjectAltName alone: dNSName, iPAddress; a wildcard is the whole leftmost label
 *     constraints     on dNSName and iPAddress, permitted ones on directoryName; names that others are on
 *                     are refused
 */
#ifndef TLS_VERIFY_H
#define TLS_VERIFY_H

#include "tls/tls.h"

#define VERIFY_CERTS 8
#define VERIFY_BYTES 32768u
/* A signature by RSA is 1 (beyond 4,096 bits 3), by P-256 2, P-384 3, P-521 5: ten of these are about nine
 * milliseconds with Mbed TLS 2.28, less with 3.6. */
#define VERIFY_WORK 10u
#define ROOTS_MAX 4096u /* what is beyond is counted as skipped */

struct tls_roots; /* certificates that are trusted; for one thread at a time */

/*
 * From PEM, up to ROOTS_MAX certificates; one twice is one.  Those that cannot be read are counted in
 * *skipped (NULL: not asked).  more: further ones, or an empty view; both are read, neither is kept.  NULL:
 * no memory, or none could be read (*why says which; static).
 */
struct tls_roots *tls_roots_read(struct view pem, struct view more, unsigned *skipped, const char **why);
void tls_roots_free(struct tls_roots *r);
unsigned tls_roots_count(const struct tls_roots *r);

enum verify_fault {
	VERIFY_GOOD,
	VERIFY_NONE,   /* no certificate */
	VERIFY_BOUNDS, /* too many, too large, a key or a curve beyond the bounds */
	VERIFY_UNREADABLE,
	VERIFY_UNKNOWN_CA, /* no way to a root */
	VERIFY_SELF_SIGNED,
	VERIFY_EXPIRED,
	VERIFY_NOT_YET,
	VERIFY_NAME,        /* for other names */
	VERIFY_USAGE,       /* not for servers, or an issuer that is no CA */
	VERIFY_WEAK,        /* MD5, SHA-1, a short key */
	VERIFY_SIGNATURE,   /* a signature is wrong */
	VERIFY_CONSTRAINTS, /* an issuer may not speak for that name, or for which is not understood */
	VERIFY_MEMORY,
};

struct verify_question {
	const struct tls_roots *roots;
	const struct view *cert; /* DER, the server's own first */
	int n;
	const struct name *name; /* NULL: addr */
	struct addr addr;
	uint64_t now; /* seconds since 1970 */
	/* No-verify: neither dates, names, usage of the server's own nor roots (NULL is fine) count.  What is
	 * shown must be readable, within bounds, and where the issuer of a certificate is shown too, signed
	 * by it. */
	bool only_signature;
};

struct verify_answer {
	enum verify_fault fault;
	uint8_t alert;  /* for the guest */
	char text[256]; /* "the certificate of api.example is for: a.example, b.example" */
};

/* True: good.  Takes at most what the bounds allow (docs/tls.md has figures).  An allocation that fails
 * inside of the library may look like another fault; it makes nothing good. */
bool tls_verify(const struct verify_question *q, struct verify_answer *out);
/* One word, never changed: good, none, beyond-bounds, unreadable, unknown-ca, self-signed, expired, not-yet,
 * wrong-name, wrong-usage, weak, wrong-signature, outside-constraints, no-memory. */
const char *verify_fault_name(enum verify_fault f);

#endif
