/*
 * end.h - what is behind struct tls_end, for end*.c alone
 */
#ifndef TLS_END_H
#define TLS_END_H

#include "tls/context.h"
#include "tls/identity.h"
#include "tls/record.h"
#include "tls/resume.h"

#define CALL_MAX \
	65536u /* sealed bytes one call takes at most: what comes with them costs time, and may be worth nothing */
#define IDLE_MAX \
	131072u /* sealed bytes without one byte in the clear, or in a handshake: no honest peer needs half of it */
#define TICKETS_A_CALL 4u /* each costs two derived keys */
#define LOOKS_A_CALL 64u  /* records without bytes in the clear */
#define WHY_TEXT 128u

struct tls_end {
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config conf; /* of its own: it is small, and certificate and protocols are each end's */
	struct tls *tls;
	struct tls_io io;
	bool server;

	/* The handshake. */
	bool over;
	bool shown;        /* a certificate went over: the session is a new one */
	bool offered;      /* we have asked to take an old one up */
	bool asked;        /* the server wants a certificate */
	bool only_12;      /* what it was known to need */
	bool try_again;    /* now it is */
	struct view hello; /* fed: what is left of it, behind its record head */
	uint8_t head[5];   /* the record head; `headed` bytes of it are taken */
	uint8_t headed;

	/* Bytes. */
	uint32_t taken;   /* sealed bytes of this call */
	uint32_t idle;    /* sealed bytes since there was one in the clear */
	bool starved;     /* tls_io had no more */
	bool more;        /* or it was not asked to the end */
	bool stuck;       /* a ticket cannot be read before what was sealed is out */
	bool ended;       /* its end of file */
	bool peer_closed; /* close_notify came */
	bool closed;      /* and went */
	struct records records;

	/* Failure. */
	int error;   /* 0, -EPROTO, or what tls_io said */
	bool costly; /* ours to end: going on would have cost too much */
	uint8_t peer_alert;
	char why[WHY_TEXT];

	/* Protocols: those offered, or the one that is told. */
	struct tls_alpn alpn;
	const char *list[TLS_ALPN_MAX + 1];

	/* Sessions. */
	struct resume_key key;
	usec_t verified; /* when the chain was looked at, now or before */
	bool keyed, keep;
};

/* It is of no use any more: rc is the library's, or MBEDTLS_ERR_SSL_BAD_CERTIFICATE and such with a reason of our own.  Returns
 * the -errno for the caller. */
int end_fail(struct tls_end *e, int rc);
/* A step that was taken in that state failed so: as end_fail(), and what can be done about it is remembered. */
void end_fail_step(struct tls_end *e, int state, int rc);
/* The same for our own reason, which is what the peer would cost, with an alert. */
int end_too_costly(struct tls_end *e, uint8_t alert, const char *why);

/* The library's send and receive. */
int end_bio_send(void *end, const unsigned char *from, size_t n);
int end_bio_recv(void *end, unsigned char *to, size_t n);

/* Keep the session as it is now, if it may be. */
void end_keep(struct tls_end *e);

#endif
