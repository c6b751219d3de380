/*
 * exchange.h - what passes between a client and a server whose bytes are in the clear
 *
 * Pure: bytes of either side in, bytes for either side out.  It stands between two ends of TLS (or of plain TCP) and
 * owns what waits to go out, so its caller reads an end, hands the bytes to take(), and writes what give() shows:
 *
 *               take(CLIENT)                     give(SERVER)
 *     client ──────────────►  ┌──────────┐  ──────────────────►  server
 *            ◄──────────────  │ exchange │  ◄──────────────────
 *               give(CLIENT)  └──────────┘       take(SERVER)
 *
 * Backpressure: take() accepts fewer bytes than it is given (0, even) while what it made of earlier ones has not left, or while the
 * other side has to speak first; the caller keeps the rest and offers it again after gave() to, or take() from, either side.  What waits
 * in it is bounded: EXCHANGE_WAITS each way (and what one head adds), and one body as a whole where a secret may stand in it
 * (SUBSTITUTE_BODY).
 *
 * The three kinds: exchange_relay() for what is not HTTP, exchange_h1() and exchange_h2().
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "http/request.h"

#define EXCHANGE_WAITS 65536u

enum side { SIDE_CLIENT, SIDE_SERVER };

struct exchange;

struct exchange_ops {
	/* How many were taken.  After `failed` is set: all, and nothing is done with them. */
	size_t (*take)(struct exchange *x, enum side from, struct view bytes, usec_t now);
	/* No more will come from there, after what was taken.  clean false: it broke off (TLS without close_notify). */
	void (*end)(struct exchange *x, enum side from, bool clean, usec_t now);
	/* What is to be sent there now; empty: nothing.  Good until the next call. */
	struct view (*give)(struct exchange *x, enum side to, usec_t now);
	void (*gave)(struct exchange *x, enum side to, size_t n, usec_t now);
	/* Nothing more will ever be sent there: close that direction (once give() is empty). */
	bool (*ended)(const struct exchange *x, enum side to);
	usec_t (*deadline)(const struct exchange *x); /* TIME_NEVER */
	void (*late)(struct exchange *x, usec_t now); /* ... has come */
	void (*free)(struct exchange *x);             /* requests that are under way are told as done() */
};

struct exchange {
	const struct exchange_ops *ops;
	const struct exchange_env *env; /* borrowed; outlives it */
	/* It broke the protocol, or may not go on: a static sentence.  What give() still has for the client is sent, then
	 * both connections are closed. */
	const char *failed;
	bool by_server; /* ... and whose fault it was: the server's */
	size_t held;    /* bytes of bodies that are gathered, as env->room() knows */
};

/* Bytes as they are, both ways.  With a set of secrets the client's are searched: plan NULL: none are. */
struct exchange *exchange_relay(const struct exchange_env *env, const struct secret_plan *plan);

struct exchange_h1_options {
	bool tls; /* scheme https */
	bool
	    tunnels; /* CONNECT is judged and passed on; after 2xx bytes pass as they are: exchange_h1_tunnel() */
	bool
	    http10_ok; /* a request without Host is judged without a name (plain HTTP); else it is refused with 400 */
	uint32_t head_time; /* microseconds a head may take; 0: 30 s */
};
/* NULL: no memory. */
struct exchange *exchange_h1(const struct exchange_env *env, const struct exchange_h1_options *o);
/*
 * Has the server agreed to a CONNECT?  Asked after each take(): the one that read the answer stopped at its end, so that who wants to
 * look into the tunnel can stop offering bytes here, send what give() still shows, and go on with an exchange of its own.
 */
bool exchange_h1_tunnel(const struct exchange *x);

struct exchange_h2_options {
	bool tls;       /* scheme https */
	bool h1_server; /* the server speaks HTTP/1.1 only: streams go one after the other */
};
/* NULL: no memory. */
struct exchange *exchange_h2(const struct exchange_env *env, const struct exchange_h2_options *o);

/* Do these bytes begin HTTP/1, HTTP/2 (its preface), or neither? */
enum exchange_kind { EXCHANGE_UNSURE, EXCHANGE_H1, EXCHANGE_H2, EXCHANGE_OTHER };
enum exchange_kind exchange_guess(struct view first);

#endif
