/*
 * lib.h - Mbed TLS, whichever it is: the one place that knows what differs between 2.28 and 3.6
 *
 * Every file of tls/ that uses the library includes this and nothing of mbedtls/.  Where both have the same function, it is used as it is;
 * where they differ, there is one here whose name begins with lib_.  Results of the library are ints, 0 is good.
 *
 *     what differs                         2.28                          3.6
 *     members of structs                   public                        MBEDTLS_PRIVATE(member)
 *     TLS 1.3                              none                          there, and needs psa_crypto_init()
 *     groups, signatures, versions         other functions, other names
 *     keys are read and checked            without randomness            with it
 *     randomness                           all of it is asked of us      TLS 1.3's key shares come from PSA's own generator
 */
#ifndef TLS_LIB_H
#define TLS_LIB_H

#include <mbedtls/version.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <mbedtls/build_info.h>
#else
#define MBEDTLS_PRIVATE(member) member
#endif

#include <mbedtls/asn1.h>
#include <mbedtls/asn1write.h>
#include <mbedtls/base64.h>
#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/rsa.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>
#endif

#include "stack/wire.h"

_Static_assert(MBEDTLS_VERSION_NUMBER >= 0x021c0000 && MBEDTLS_VERSION_NUMBER < 0x04000000,
	       "Mbed TLS 2.28 or 3.6 is needed");

/* TLS 1.3 keeps keys in PSA's store, which is one for the process: it has to be guarded (two gateways in two threads) and without a
 * fixed number of places (3.6.1). */
#if MBEDTLS_VERSION_NUMBER >= 0x03060100 && defined(MBEDTLS_SSL_PROTO_TLS1_3) && defined(MBEDTLS_THREADING_C)
#define LIB_HAS_13 1
#define LIB_VERSIONS ", TLS 1.2 and 1.3"
#else
#define LIB_HAS_13 0
#define LIB_VERSIONS ", TLS 1.2"
#endif

/* Without it the chain of a server could not be looked at after the handshake. */
#ifdef MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#define LIB_KEEPS_CHAIN 1
#else
#define LIB_KEEPS_CHAIN 0
#endif
_Static_assert(LIB_KEEPS_CHAIN, "Mbed TLS has to be built with MBEDTLS_SSL_KEEP_PEER_CERTIFICATE");

struct tls;

/* Randomness as the library asks for it: ctx is a struct tls. */
int lib_random(void *tls, unsigned char *to, size_t n);

/* What the library needs once in a process; as often as one likes, from any thread.  False: it has no entropy or no memory. */
bool lib_start(void);

/* --- keys ------------------------------------------------------------------------------------------------------------------ */

/* From PEM or DER; PEM's n counts its NUL. */
static inline int
lib_key_parse(mbedtls_pk_context *pk, const unsigned char *key, size_t n, struct tls *t)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	return mbedtls_pk_parse_key(pk, key, n, NULL, 0, lib_random, t);
#else
	(void)t;
	return mbedtls_pk_parse_key(pk, key, n, NULL, 0);
#endif
}

/* Is this the public half of that? */
static inline int
lib_key_check_pair(const mbedtls_pk_context *pub, const mbedtls_pk_context *key, struct tls *t)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	return mbedtls_pk_check_pair(pub, key, lib_random, t);
#else
	(void)t;
	return mbedtls_pk_check_pair(pub, key);
#endif
}

/* A new P-256 key into an initialised, empty pk. */
static inline int
lib_key_make(mbedtls_pk_context *pk, struct tls *t)
{
	int rc = mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));

	return rc ? rc : mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*pk), lib_random, t);
}

/* Signs a SHA-256 hash; room for MBEDTLS_PK_SIGNATURE_MAX_SIZE bytes. */
static inline int
lib_sign(mbedtls_pk_context *key, const unsigned char hash[32], unsigned char *signature, size_t *n,
	 struct tls *t)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, 32, signature, MBEDTLS_PK_SIGNATURE_MAX_SIZE, n,
			       lib_random, t);
#else
	return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, 32, signature, n, lib_random, t);
#endif
}

/* The curve of an elliptic key; MBEDTLS_ECP_DP_NONE: it is none. */
static inline mbedtls_ecp_group_id
lib_key_curve(const mbedtls_pk_context *pk)
{
	if (!mbedtls_pk_can_do(pk, MBEDTLS_PK_ECKEY) && !mbedtls_pk_can_do(pk, MBEDTLS_PK_ECDSA))
		return MBEDTLS_ECP_DP_NONE;
	return mbedtls_pk_ec(*pk)->MBEDTLS_PRIVATE(grp).id;
}

/*
 * Is this public key one whose use costs little: RSA of min to max bits with an odd exponent below 2^32, P-256, P-384 or P-521?  NULL:
 * it is; or why it is not, static.
 */
const char *lib_key_beyond(const mbedtls_pk_context *pk, unsigned min, unsigned max);

/* --- certificates ------------------------------------------------------------------------------------------------------------ */

/* serial: n bytes, the most significant first. */
static inline int
lib_crt_set_serial(mbedtls_x509write_cert *w, unsigned char *serial, size_t n)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	return mbedtls_x509write_crt_set_serial_raw(w, serial, n);
#else
	mbedtls_mpi number;

	mbedtls_mpi_init(&number);
	int rc = mbedtls_mpi_read_binary(&number, serial, n);
	if (rc == 0)
		rc = mbedtls_x509write_crt_set_serial(w, &number);
	mbedtls_mpi_free(&number);
	return rc;
#endif
}

static inline mbedtls_md_type_t
lib_crt_hash(const mbedtls_x509_crt *c)
{
	return c->MBEDTLS_PRIVATE(sig_md);
}

static inline mbedtls_pk_type_t
lib_crt_signature(const mbedtls_x509_crt *c)
{
	return c->MBEDTLS_PRIVATE(sig_pk);
}

static inline bool
lib_crt_is_ca(const mbedtls_x509_crt *c)
{
	return c->MBEDTLS_PRIVATE(ca_istrue) != 0;
}

/* Bits of MBEDTLS_X509_EXT_*: which extensions it has. */
static inline int
lib_crt_extensions(const mbedtls_x509_crt *c)
{
	return c->MBEDTLS_PRIVATE(ext_types);
}

/* --- connections --------------------------------------------------------------------------------------------------------------- */

/* In the library and not in its headers: what is sealed and not yet out is sent.  Without it, only another message would push it. */
int mbedtls_ssl_flush_output(mbedtls_ssl_context *s);

/* What we offer and take, and how: versions, suites, groups, signatures, tickets.  The rest of a configuration is the end's. */
void lib_conf(mbedtls_ssl_config *conf, bool only_13);
/* TLS 1.2 alone, with no signature that its servers choose and the library refuses. */
void lib_conf_only_12(mbedtls_ssl_config *conf);
/* Of TLS 1.3's suites the fastest alone: for a client that offers it, since the library would take the client's first. */
void lib_conf_fastest_13(mbedtls_ssl_config *conf);
uint16_t lib_fastest_13(void);

static inline int
lib_ssl_state(const mbedtls_ssl_context *s)
{
	return s->MBEDTLS_PRIVATE(state);
}

/* Tickets of TLS 1.3 included: 3.6's own predicate is true before they are out. */
static inline bool
lib_ssl_over(const mbedtls_ssl_context *s)
{
	return s->MBEDTLS_PRIVATE(state) == MBEDTLS_SSL_HANDSHAKE_OVER;
}

static inline bool
lib_ssl_is_13(const mbedtls_ssl_context *s)
{
#if LIB_HAS_13
	return mbedtls_ssl_get_version_number(s) == MBEDTLS_SSL_VERSION_TLS1_3;
#else
	(void)s;
	return false;
#endif
}

/* The suite's number (IANA); 0: none. */
static inline int
lib_ssl_suite(const mbedtls_ssl_context *s)
{
	const mbedtls_ssl_session *session = s->MBEDTLS_PRIVATE(session);

	return session ? session->MBEDTLS_PRIVATE(ciphersuite) : 0;
}

/* Sealed bytes that are not out. */
static inline size_t
lib_ssl_unsent(const mbedtls_ssl_context *s)
{
	return s->MBEDTLS_PRIVATE(out_left);
}

/* The first two bytes of the message read last: a handshake message's type, or an alert's level and what it says. */
static inline const unsigned char *
lib_ssl_message(const mbedtls_ssl_context *s)
{
	return s->MBEDTLS_PRIVATE(in_msg);
}

/* Is this failure the one of lib_conf.c's signatures: the server of TLS 1.2 has signed with RSA-PSS?  state: of the step that failed. */
bool lib_is_pss_refused(const mbedtls_ssl_context *s, int state, int rc);

/* The record read last, as it came: its head, and what follows. */
static inline const unsigned char *
lib_ssl_record(const mbedtls_ssl_context *s)
{
	return s->MBEDTLS_PRIVATE(in_hdr);
}

/* The session under way, or made; NULL: none. */
static inline mbedtls_ssl_session *
lib_ssl_session(const mbedtls_ssl_context *s)
{
	mbedtls_ssl_session *making = s->MBEDTLS_PRIVATE(session_negotiate);

	return making ? making : s->MBEDTLS_PRIVATE(session);
}

/* What the peer has shown; NULL: nothing. */
static inline const mbedtls_x509_crt *
lib_ssl_peer_chain(const mbedtls_ssl_context *s)
{
	const mbedtls_ssl_session *session = lib_ssl_session(s);

	return session ? session->MBEDTLS_PRIVATE(peer_cert) : NULL;
}

/* Give its memory back. */
void lib_ssl_drop_peer_chain(mbedtls_ssl_context *s);

/* Is this what reading says when a ticket came? */
static inline bool
lib_is_ticket(int rc)
{
#if LIB_HAS_13
	return rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
#else
	(void)rc;
	return false;
#endif
}

/* --- records, which tls/record.c seals and opens beside the library -------------------------------------------------------------- */

#define LIB_TEXT_MAX ((size_t)MBEDTLS_SSL_IN_CONTENT_LEN) /* of one record */

/* What was heard of a connection's keys. */
struct lib_keys {
	bool have;
	uint8_t secret; /* TLS 1.3: bytes of each secret */
	/* TLS 1.2: the key block's first bytes (RFC 5246 6.3), as many as any of our suites takes; 1.3: both secrets of application
	 * traffic (RFC 8446 7.1), the client's and behind LIB_SECRET bytes the server's. */
	uint8_t bytes[96];
};
#define LIB_SECRET 48u

/* keys will be filled in while the handshake goes on.  Before mbedtls_ssl_setup() in 2.28, after it in 3.6: call it at both places. */
void lib_hear_keys(mbedtls_ssl_config *conf, mbedtls_ssl_context *s, struct lib_keys *keys);
/* HKDF-Expand-Label without a context (RFC 8446 7.1), of at most 32 bytes. */
bool lib_expand_label(const struct lib_keys *keys, bool server, bool sha384, const char *label, uint8_t *to,
		      size_t n);

/* Where the library has its incoming record, how many bytes of it are there, and the counter that is its number. */
struct lib_in {
	uint8_t *head;
	size_t *left;
	uint8_t *counter;
};

static inline struct lib_in
lib_ssl_in(mbedtls_ssl_context *s)
{
	return (struct lib_in){s->MBEDTLS_PRIVATE(in_hdr), &s->MBEDTLS_PRIVATE(in_left),
			       s->MBEDTLS_PRIVATE(in_ctr)};
}

/*
 * The next bytes are a record of their own: nothing that was read waits, no message lies in pieces (then the head has moved), none
 * is to be looked at again.
 */
static inline bool
lib_ssl_between_records(const mbedtls_ssl_context *s)
{
	size_t message = s->MBEDTLS_PRIVATE(in_hslen);

	return lib_ssl_over(s) && !s->MBEDTLS_PRIVATE(in_offt) && !s->MBEDTLS_PRIVATE(keep_current_message) &&
	       (message == 0 || message >= s->MBEDTLS_PRIVATE(in_msglen)) &&
	       s->MBEDTLS_PRIVATE(in_hdr) == s->MBEDTLS_PRIVATE(in_buf) + 8;
}

/* A record with text was opened: the library counts those without. */
static inline void
lib_ssl_opened(mbedtls_ssl_context *s)
{
	s->MBEDTLS_PRIVATE(nb_zero) = 0;
}

/* Where it would write its next record when nothing is unsent, and that record's number. */
struct lib_out {
	uint8_t *head, *counter;
};

static inline struct lib_out
lib_ssl_out(mbedtls_ssl_context *s)
{
	return (struct lib_out){s->MBEDTLS_PRIVATE(out_hdr), s->MBEDTLS_PRIVATE(cur_out_ctr)};
}

/* There lies one of n bytes: mbedtls_ssl_flush_output() sends what is in front of the next head. */
static inline void
lib_ssl_sealed(mbedtls_ssl_context *s, size_t n)
{
	s->MBEDTLS_PRIVATE(out_hdr) += n;
	s->MBEDTLS_PRIVATE(out_left) = n;
}

/* What a failure of the library means, for people; static; NULL: not known. */
const char *lib_reason(int rc);
bool lib_is_no_memory(int rc);

#endif
