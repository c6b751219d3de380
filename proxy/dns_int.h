/*
 * dns_int.h - what the files of the name service share
 *
 *     guest ── dns_udp.c, dns_tcp.c ── dns_ask() ──► dns_service.c   judged by name, answered from what is known, or
 *                                                        │           dns_pend()
 *           ◄── dns_say() ──────────────────────── dns_pending.c     who waits for which question
 *                                                        │
 *                                                  dns_upstream.c    whom it is asked, and when
 *                                                  dns_sockets.c     the datagram sockets for that
 *                                                  dns_tls.c         connections to servers that are asked over TLS
 *                                                  dns_host.c        resolv.conf; which families lead anywhere
 *
 * A guest that asks over TLS does so through dns_secure.c, below dns_tcp.c.
 *
 * A guest's question that waits is an asker; askers of the same question share what is pending.  Both come from tables of
 * DNS_PENDING places; an asker that waits for DNS_HEDGE makes room, until then newcomers are turned away.
 */
#ifndef PROXY_DNS_INT_H
#define PROXY_DNS_INT_H

#include "dns/cache.h"
#include "dns/servers.h"
#include "proxy/gateway.h"

#define DNS_TRIES 4u /* sockets of one question at a time */
#define DNS_ROWS 64u
#define DNS_SOCKETS 128u /* datagram sockets that can be kept for the next question */
#define DNS_SPARE_TIME (5 * USEC_PER_SEC)
#define DNS_IDS 64u              /* drawn at once */
#define DNS_STRAYS 16u           /* datagrams on one socket that answer nothing: then TCP is used */
#define DNS_HEDGE USEC_PER_SEC   /* the second server is asked too */
#define DNS_BY_TCP USEC_PER_SEC  /* and after that, TCP is tried */
#define DNS_UDP_ANSWER_MAX 65507 /* payload of the largest IPv4 datagram */
#define TOKEN_DNS_SOCKET (TOKEN_DNS + ((uint64_t)1 << 56)) /* and beyond: places of datagram sockets */
#define TOKEN_DNS_TLS (TOKEN_DNS + ((uint64_t)2 << 56))    /* and beyond: connections with TLS */
#define DNS_TLS_CONNS 16u /* connections to nameservers that are asked over TLS */
#define DNS_WHY 200u      /* words about a failure, with their end */
#define DNS_TCP_PREFIX 2u /* the length before each message (RFC 1035 4.2.2) */

/* Where a question came from, and where its answer goes. */
struct dns_from {
	struct tuple t;
	uint64_t flow; /* TCP: the token of its flow */
	/* Over TLS: the name the guest told there, len 0: none; of the connection, which outlives the question.  NULL: in the clear. */
	const struct name *secure;
};

struct dns_pending;

struct dns_asker {
	struct dns_asker *older, *newer; /* by age; of free places: newer */
	struct dns_asker *sibling;       /* asks the same */
	struct dns_pending *pending;
	struct dns_from from;
	struct dns_query q;
	usec_t at; /* since when it waits */
};

/* A connection to a nameserver. */
struct dns_stream {
	bool connected;
	bool proxied, asking; /* by a SOCKS proxy; which is being asked for target */
	struct endpoint target;
	struct socks socks;
	size_t out_len, sent;
	uint8_t out[DNS_TCP_PREFIX + DNS_UDP_MIN];
	uint8_t head[DNS_TCP_PREFIX];
	size_t got;   /* bytes of the prefix and the message that have come */
	uint8_t *msg; /* NULL until its length is known */
	uint16_t len;
};

/* One attempt to have a question answered. */
struct dns_try {
	int fd;     /* -1: none */
	bool waits; /* not yet counted as lost */
	bool answered;
	uint8_t strays;
	uint16_t id;
	const struct dns_server *server; /* of its question's */
	struct dns_stream *stream;       /* NULL: UDP */
	struct dns_socket *socket;       /* UDP: whose fd it is; NULL: the attempt's own */
	struct dns_tls *tls;             /* where it waits, among others; NULL: it does not */
	bool again;                      /* over TLS, on a second connection */
};
static inline bool
dns_try_is_on(const struct dns_try *t)
{
	return t->fd >= 0 || t->tls;
}

/* A datagram socket and whose attempt it serves. */
struct dns_socket {
	int fd; /* -1: the place is free */
	enum family fam;
	struct dns_socket *next; /* of spare ones, of free places */
	struct dns_pending *pending;
	struct dns_try *attempt; /* NULL: spare */
};

/* What came of a question so far: what is said when nothing better comes. */
enum dns_fate {
	DNS_FATE_SILENCE,   /* nobody answered */
	DNS_FATE_ERROR,     /* ... could not be asked: error */
	DNS_FATE_SAID,      /* rcode */
	DNS_FATE_MALFORMED, /* what came was not to be understood */
	DNS_FATE_EXCESSIVE,
	DNS_FATE_MEMORY,
	DNS_FATE_TLS, /* a server that was to be asked over TLS could not be: why */
};

struct dns_pending {
	struct dns_pending *prev, *next; /* of those in use; of free places: next */
	struct dns_pending *like;        /* in the same row */
	uint32_t gen;                    /* of this place: tells a stale event from a new one */
	bool chosen;                     /* asked of the server the guest chose, over its transport */
	struct endpoint remote;          /* ... which is this, as the guest names it */
	bool tcp;
	bool plain; /* asked without EDNS from now on */
	struct dns_query q;
	struct dns_asker *asker;
	struct dns_server server[DNS_SERVERS]; /* in the order they are asked */
	uint8_t nserver, asked;
	bool other_file; /* the servers are of the other file already */
	uint8_t stage;   /* enum dns_stage */
	usec_t next_at, end_at;
	enum dns_fate fate;
	uint8_t rcode;
	int error;
	char why[DNS_WHY];
	struct dns_try attempt[DNS_TRIES];
};

struct dns_service {
	struct dns_cache *cache; /* NULL: none */
	struct dns_asker asker[DNS_PENDING];
	struct dns_pending pending[DNS_PENDING];
	struct dns_asker *free_asker, *oldest, *newest;
	struct dns_pending *free_pending, *first;
	struct dns_pending *row[DNS_ROWS]; /* of what is pending, by what is asked: dns_pending.c */
	unsigned nasker, npending;         /* places that were ever used: no page is touched before */
	usec_t next_at;                    /* nothing of what is pending is due before */

	/* dns_sockets.c */
	struct dns_socket socket[DNS_SOCKETS];
	struct dns_socket *free_socket, *spare[FAMILIES];
	unsigned nsocket;   /* places that were ever used */
	usec_t spare_until; /* spare ones are closed then; TIME_NEVER: there are none */

	/* dns_tls.c */
	struct dns_tls *tls[DNS_TLS_CONNS];
	uint32_t tls_gen;
	unsigned tls_first;
	usec_t tls_at; /* nothing of theirs is due before */

	/* dns_upstream.c: ids that were drawn and not used yet. */
	uint16_t id[DNS_IDS];
	unsigned nid;

	/* dns_host.c */
	int64_t version;   /* of the file last read */
	bool read;         /* it was */
	usec_t look_at;    /* not before */
	usec_t stub_until; /* the stub is not there: another file is read instead */
	struct {
		bool leads;
		usec_t until;
	} path[FAMILIES];

	/* dns_tcp.c: bytes of answers that wait for room in a connection, of all connections; messages taken in a turn, and the
	 * connections that wait because those were enough. */
	size_t queued;
	uint64_t turn;
	unsigned taken;
	struct dns_conn *wait_first, *wait_last;

	uint8_t in[DNS_MESSAGE_MAX + 1];
	uint8_t out[DNS_TCP_PREFIX + DNS_MESSAGE_MAX];
};

/* --- dns_service.c ---------------------------------------------------------------------------------------- */

/* A message of the guest.  False: nothing will ever be said to it. */
bool dns_ask(struct sluice *gw, const struct dns_from *from, struct view msg, usec_t now);
/* The answer to q, made `age` seconds ago. */
void dns_give(struct sluice *gw, const struct dns_from *from, const struct dns_query *q,
	      const struct dns_answer *a, uint32_t age, usec_t now);
void dns_give_error(struct sluice *gw, const struct dns_from *from, const struct dns_query *q, uint8_t rcode,
		    int ede, const char *text, usec_t now);
/* An upstream answered p's question with msg: told to all who wait for it.  False: it was of no use, p->fate says why,
 * and p is still there. */
bool dns_answered(struct sluice *gw, struct dns_pending *p, struct view msg, usec_t now);

/* --- dns_pending.c ---------------------------------------------------------------------------------------- */

/* q waits for an upstream; chosen: for the server at from->t.remote.  False: the same guest asks it again, and waits already.
 */
bool dns_pend(struct sluice *gw, const struct dns_from *from, const struct dns_query *q, bool chosen,
	      usec_t now);
/* Told to all who wait: p is gone. */
void dns_pending_fail(struct sluice *gw, struct dns_pending *p, usec_t now);
void dns_pending_done(struct sluice *gw, struct dns_pending *p);
/* Those who do not keep waiting are forgotten. */
void dns_each_asker(struct sluice *gw,
		    bool (*keeps)(struct sluice *gw, const struct dns_asker *a, usec_t now), usec_t now);
/* A connection of the guest ended: nobody waits there any more. */
void dns_forget(struct sluice *gw, uint64_t flow);
void dns_forget_all(struct sluice *gw);

/* --- dns_upstream.c --------------------------------------------------------------------------------------- */

/* p is new: it is asked for the first time.  It may be gone when this returns. */
void dns_upstream_begin(struct sluice *gw, struct dns_pending *p, usec_t now);
/* Its time has come. */
void dns_upstream_late(struct sluice *gw, struct dns_pending *p, usec_t now);
void dns_upstream_close(struct sluice *gw, struct dns_pending *p);
usec_t dns_upstream_deadline(const struct dns_pending *p);

/* What became of an attempt over TLS: a message that answers it; nothing, and the next server is asked; or its connection ended, and it
 * may be asked on another one.  t, and perhaps p, are gone then. */
void dns_try_answered(struct sluice *gw, struct dns_pending *p, struct dns_try *t, struct view msg,
		      usec_t now);
void dns_try_failed(struct sluice *gw, struct dns_pending *p, struct dns_try *t, enum dns_fate fate,
		    int error, usec_t now);
void dns_try_again(struct sluice *gw, struct dns_pending *p, struct dns_try *t, usec_t now);
/* Why it could not even be asked. */
void dns_try_cannot(struct dns_pending *p, enum dns_fate fate, int error);
/* As far as a SOCKS proxy goes without waiting.  False: it did not do it; error says what it would have said. */
bool dns_socks_step(struct sluice *gw, int fd, struct socks *s, int *error);

/* --- dns_tls.c -------------------------------------------------------------------------------------------- */

/* p's question waits for an answer of t->server, over TLS.  False: dns_try_cannot() was told why. */
bool dns_tls_ask(struct sluice *gw, struct dns_pending *p, struct dns_try *t, usec_t now);
/* t waits no more. */
void dns_tls_leave(struct sluice *gw, struct dns_try *t);
/* t was not answered in time.  True: its connection is not good for further questions. */
bool dns_tls_suspect(struct dns_try *t);
void dns_tls_event(struct sluice *gw, const struct host_event *ev, usec_t now);
void dns_tls_timers(struct sluice *gw, usec_t now);
/* Connections without questions are closed.  False: there were none. */
bool dns_tls_make_room(struct sluice *gw);
/* All are closed, and nobody waits there. */
void dns_tls_close(struct sluice *gw);
/* The same; questions that wait are asked anew. */
void dns_tls_again(struct sluice *gw, usec_t now);

/* --- dns_sockets.c ---------------------------------------------------------------------------------------- */

/* A socket connected to `to`, whose events are t's; t->fd and t->socket are set.  *error: 0 or -errno.  False: there is no
 * place; t is to have a socket of its own. */
bool dns_socket_lend(struct sluice *gw, struct dns_pending *p, struct dns_try *t, const struct endpoint *to,
		     int *error);
/* t needs it no longer. */
void dns_socket_back(struct sluice *gw, struct dns_try *t);
/* Spare ones are closed.  False: there were none. */
bool dns_sockets_close(struct sluice *gw);
/* Whose events these are; NULL: nobody's. */
struct dns_try *dns_socket_attempt(const struct sluice *gw, uint64_t token, struct dns_pending **p);

/* --- dns_host.c ------------------------------------------------------------------------------------------- */

/* The host's resolv.conf is looked at, at most once a second, if it is asked for. */
void dns_host_follow(struct sluice *gw, usec_t now);
/* Nobody answers at systemd-resolved's stub: read the file that names whom it would ask.  True: there it is. */
bool dns_host_beyond_stub(struct sluice *gw, usec_t now);
/* New settings: read again what they are to know. */
void dns_host_again(struct sluice *gw);
/* Would an address of this family be of no use to the guest, while one of the other is? */
bool dns_host_suppresses(struct sluice *gw, enum family fam, usec_t now);

/* --- dns_secure.c ----------------------------------------------------------------------------------------- */

/* TLS of a connection of the guest's; counts as one that is opened.  NULL: at the limit, or no memory. */
struct dns_secure *dns_secure_new(struct sluice *gw, struct tcp_flow *tf);
void dns_secure_free(struct dns_secure *s);

enum dns_secure_is {
	DNS_SECURE_OPEN,
	DNS_SECURE_MORE,   /* there is more to do, in another turn */
	DNS_SECURE_WAITS,  /* for the guest */
	DNS_SECURE_BROKEN, /* the flow is to be ended */
	DNS_SECURE_GONE,   /* it was refused: s is gone with its service, or the flow aborted */
};
/* Before all else in a turn. */
enum dns_secure_is dns_secure_step(struct dns_secure *s, usec_t now);
/* The name the guest told; len 0: none. */
const struct name *dns_secure_name(const struct dns_secure *s);
/* Bytes in the clear that were not taken; empty: none now, or a turn's are taken (dns_secure_has_more()). */
struct view dns_secure_peek(struct dns_secure *s);
void dns_secure_take(struct dns_secure *s, size_t n);
bool dns_secure_has_more(const struct dns_secure *s);
bool dns_secure_at_eof(const struct dns_secure *s);
/* How many were taken, to be sent. */
size_t dns_secure_put(struct dns_secure *s, const uint8_t *from, size_t len);
/* All of them have left. */
bool dns_secure_flush(struct dns_secure *s);
/* That was all: as far as it can be said now. */
void dns_secure_shut(struct dns_secure *s);

/* --- dns_udp.c, dns_tcp.c --------------------------------------------------------------------------------- */

/* A message of len bytes that lies in gw->dns->out behind its prefix. */
void dns_udp_say(struct sluice *gw, const struct dns_from *from, size_t len);
/* Policy has changed: may a question to a resolver of the guest's own still be asked there?  If not it is told. */
bool dns_udp_may_go_on(struct sluice *gw, const struct tuple *t, usec_t now);
void dns_tcp_say(struct sluice *gw, const struct dns_from *from, size_t len, usec_t now);

#endif
