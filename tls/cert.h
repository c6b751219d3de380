/*
 * cert.h - what one certificate says (RFC 5280 4), read by us before the library sees it
 *
 * For the files of tls/ alone.  Reading costs what its bytes cost: no arithmetic, no memory.
 */
#ifndef TLS_CERT_H
#define TLS_CERT_H

#include "tls/der.h"
#include "tls/verify.h"

enum cert_key { KEY_OTHER, KEY_RSA, KEY_P256, KEY_P384, KEY_P521 };

/* KeyUsage, the first byte of its bits. */
enum { USE_SIGN = 0x80, USE_CERT_SIGN = 0x04 };

/* All views are into its DER.  A view with p NULL: it has no such field. */
struct cert {
	struct view der;
	struct view issuer, subject; /* values of their SEQUENCEs, compared byte for byte (RFC 5280 7.1) */
	uint64_t from, until;        /* seconds since 1970 */
	enum cert_key key;
	unsigned rsa_bits;
	bool v3;
	struct view alt, constraints, ext_usage; /* values of their SEQUENCEs */
	struct view subject_id, issuer_id;       /* key identifiers */
	bool has_usage;
	uint8_t usage;
	bool is_ca;
	int path_len; /* issuers below it; -1: any number */
	/* What is wrong with it whatever it is used for, and a static end of a sentence about it ("has a key
	 * that is too short"); VERIFY_GOOD: nothing.  The signature is of no account in a root. */
	enum verify_fault fault, signed_fault;
	const char *why, *signed_why;
};

/* max_bits: of an RSA key.  False: out->fault is VERIFY_UNREADABLE. */
bool cert_read(struct view der, unsigned max_bits, struct cert *out);

static inline bool
cert_is_self_issued(const struct cert *c)
{
	return view_eq(c->issuer, c->subject);
}

/* Could this be the issuer of that, by names and key identifiers? */
bool cert_may_issue(const struct cert *issuer, const struct cert *c);

/* Its extended usage, if it tells one, has servers. */
bool cert_is_for_servers(const struct cert *c);

/* --- names (cert_name.c) ---------------------------------------------------------------------------- */

/* Is it for name (or, NULL, for addr)?  subjectAltName alone is asked. */
bool cert_is_for(const struct cert *c, const struct name *name, const struct addr *addr);

/* GeneralName, RFC 5280 4.2.1.6. */
enum { ALT_MAIL = 1, ALT_DNS = 2, ALT_DIRECTORY = 4, ALT_IP = 7 };

/* Does what ca says of names (RFC 5280 4.2.1.10) allow c, which it or somebody below it has issued?  *left is
 * taken down by one for each name held against one constraint; at 0 the answer is no. */
bool cert_constraints_allow(const struct cert *ca, const struct cert *c, unsigned *left);
/* And what was asked for, which a wildcard may have let in? */
bool cert_constraints_allow_name(const struct cert *ca, const struct name *name, const struct addr *addr,
				 unsigned *left);

/* --- text (cert_text.c) ----------------------------------------------------------------------------- */

struct text { /* where a sentence is put together; what does not fit is left out */
	char *at;
	size_t left; /* with the NUL */
};
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes of others: what is not printable ASCII as \xNN, at most max bytes of it. */
void text_add_bytes(struct text *t, struct view v, size_t max);
/* The common name of a subject or issuer, or its organisation, in quotes. */
void text_add_name(struct text *t, struct view name);
/* All of it that is often there: "O=sluice, CN=sluice CA". */
void text_add_subject(struct text *t, struct view name);
/* Whom a certificate is for: "a.example, *.b.example, 192.0.2.1"; "nobody". */
void text_add_names(struct text *t, const struct cert *c);

#endif
