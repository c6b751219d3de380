/*
 * tls.h - what all TLS connections of a gateway share, and one end of a connection
 *
 * Built on mbedTLS (2.28 or 3.6: tls/lib.h hides which), and on libcrypto for application data (tls/record.h).  An end is driven, never waits, and asks nobody for the time: bytes
 * come and go through `struct tls_io`, randomness through `struct tls_random`.  One thread per `struct tls`.
 *
 *     tls_client_new() / tls_server_new()
 *           │
 *     tls_end_step() until TLS_DONE     one library step a call, so that the caller can bound a turn
 *           │
 *     tls_end_read(), tls_end_write(), tls_end_close()      half-close works: one direction may be closed before the other
 *           │
 *     tls_end_free()
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include <sys/types.h>

#include "policy/name.h"
#include "stack/addr.h"
#include "stack/time.h"
#include "stack/wire.h"

/* Unpredictable bytes; called from the thread that uses the tls. */
struct tls_random {
	void (*fill)(void *ctx, void *to, size_t n);
	void *ctx;
};

struct tls; /* of one gateway */

struct tls_options {
	bool only_13;        /* nothing below TLS 1.3.  Not with a library that lacks it */
	uint32_t resume_max; /* sessions of servers that are kept; 0: 1,024 */
};

/* NULL: no memory, or the library has no entropy. */
struct tls *tls_new(const struct tls_random *random, const struct tls_options *o);
void tls_free(struct tls *t);

/* "Mbed TLS 2.28.3, TLS 1.2" or "Mbed TLS 3.6.6, TLS 1.2 and 1.3"; static. */
const char *tls_library(void);
bool tls_has_13(void);

/* --- one end ----------------------------------------------------------------------------------------------------------- */

/* Where its sealed bytes come from and go.  Both return a count; -EAGAIN: not now; another -errno: the connection is
 * broken.  recv returns 0 at the end of file. */
struct tls_io {
	ssize_t (*recv)(void *ctx, void *to, size_t n);
	ssize_t (*send)(void *ctx, const void *from, size_t n);
	void *ctx;
};

#define TLS_ALPN_MAX 8u /* protocols of one offer that are looked at; more are left out */

/* A list of protocol names (RFC 7301), as a ClientHello has it: each behind its length.  Names that are not 1 to 255 bytes
 * end it. */
struct tls_alpn {
	uint8_t n;
	char name[TLS_ALPN_MAX][32]; /* NUL-terminated; longer names are left out */
};
void tls_alpn_read(struct view list, struct tls_alpn *out);

struct tls_end;
struct tls_identity; /* a certificate chain and its key: leaf.h, or read from PEM */

/* The guest's side.  identity is borrowed until the end is freed (leaf_keep(), leaf_drop()).  alpn NULL or "": none is told.
 * NULL: no memory. */
struct tls_end *tls_server_new(struct tls *t, const struct tls_io *io, const struct tls_identity *identity,
			       const char *alpn);
/* Before its first step: the ClientHello was read already (hello_whole(); tls_io brings what came after it).  Borrowed until the
 * handshake is over.  It is taken as one record, however many it came in, and the suite is chosen that costs least. */
void tls_end_feed(struct tls_end *e, struct view hello);

struct tls_client {
	const struct name *name; /* SNI and what is checked; NULL: addr */
	struct addr addr;
	uint16_t port;               /* with name or addr: what sessions are kept under */
	const struct tls_alpn *alpn; /* offered; NULL: none */
	const struct tls_identity
	    *identity; /* if the server asks; NULL: none; borrowed until the end is freed */
	/* Sessions are kept apart by it: what must agree for one to be taken up again (the settings a chain was verified with). */
	uint64_t trust;
	/* A session is taken up again for an hour after its chain was looked at, however often: then it is looked at anew. */
	usec_t now;
};
struct tls_end *tls_client_new(struct tls *t, const struct tls_io *io, const struct tls_client *c);
void tls_end_free(struct tls_end *e); /* NULL is fine */

enum tls_progress {
	TLS_DONE,   /* the handshake is over */
	TLS_MORE,   /* a step was taken, and another may be */
	TLS_WAITS,  /* for tls_io */
	TLS_FAILED, /* tls_end_why(); an alert was sent where there is one to send */
};
enum tls_progress tls_end_step(struct tls_end *e);

/* Bytes in the clear.  read (n > 0): a count; 0: the peer said that it is done (close_notify); -EAGAIN; -EPIPE: end of file without
 * that (truncated); -EPROTO: broken, tls_end_why(); -errno of tls_io.  A call takes at most 64 KiB of sealed bytes.
 * Reading may have to wait for writing: tls_end_has_readable() is asked again after tls_end_flush(). */
ssize_t tls_end_read(struct tls_end *e, void *to, size_t n);
/* A count, as much as fits one record at most; -EAGAIN: what was written before is not out yet (the bytes were not taken); as
 * above.  What was taken is out once tls_end_flush() says so. */
ssize_t tls_end_write(struct tls_end *e, const void *from, size_t n);
/* 0: all that was taken has left; -EAGAIN: not yet; as above. */
int tls_end_flush(struct tls_end *e);
/* Bytes wait that tls_io will tell nothing of, since it was asked for them already or not asked for more: read again. */
bool tls_end_has_readable(const struct tls_end *e);
/* close_notify, once: 0, -EAGAIN or -errno.  Reading goes on. */
int tls_end_close(struct tls_end *e);
/* A fatal alert (RFC 8446 6.2), as far as it goes out at once; the end is of no use then. */
void tls_end_alert(struct tls_end *e, uint8_t alert);

const char *tls_end_alpn(const struct tls_end *e);    /* chosen; "": none */
const char *tls_end_version(const struct tls_end *e); /* "TLSv1.3" */
bool tls_end_resumed(const struct tls_end *e);
/* Why it failed, for people: "the peer said: unknown ca (48)"; valid until it is freed. */
const char *tls_end_why(const struct tls_end *e);
/* Client side: it failed for a reason that a new connection to this server will not meet (what was learnt is kept for an hour). */
bool tls_end_try_again(const struct tls_end *e);
/* It was ended here, since the peer would have cost too much: a key beyond the bounds, bytes without an end. */
bool tls_end_was_costly(const struct tls_end *e);
/* The fatal alert the peer sent; 0: none. */
uint8_t tls_end_peer_alert(const struct tls_end *e);
/* The server asked for a certificate (client side). */
bool tls_end_asked_certificate(const struct tls_end *e);

/* What the peer has shown: DER, its own first; at most max of them, the number there are is returned.  Valid until the end's next
 * step or read, or tls_end_keep_session().  A resumed session shows none. */
int tls_end_peer_chain(const struct tls_end *e, struct view *cert, int max);
/* The chain was found good: the session may be taken up again later, and the chain's memory is given back.  Client side; without
 * it, none is kept. */
void tls_end_keep_session(struct tls_end *e);

/* Alerts we send (RFC 8446 6). */
enum {
	TLS_ALERT_CLOSE = 0,
	TLS_ALERT_BAD_CERTIFICATE = 42,
	TLS_ALERT_UNSUPPORTED_CERTIFICATE = 43,
	TLS_ALERT_REVOKED = 44,
	TLS_ALERT_EXPIRED = 45,
	TLS_ALERT_CERTIFICATE_UNKNOWN = 46,
	TLS_ALERT_UNKNOWN_CA = 48,
	TLS_ALERT_DENIED = 49,
	TLS_ALERT_DECODE = 50,
	TLS_ALERT_VERSION = 70,
	TLS_ALERT_SECURITY = 71,
	TLS_ALERT_INTERNAL = 80,
	TLS_ALERT_UNRECOGNIZED_NAME = 112,
	TLS_ALERT_CERTIFICATE_REQUIRED = 116,
	TLS_ALERT_NO_PROTOCOL = 120,
};

/* --- identities ------------------------------------------------------------------------------------------------------------ */

/* From PEM: a chain, the leaf first, and its key.  NULL and a sentence in why. */
struct tls_identity *tls_identity_read(struct tls *t, struct view cert, struct view key, char *why,
				       size_t size);
void tls_identity_free(struct tls_identity *i);

#endif
