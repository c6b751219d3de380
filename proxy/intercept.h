/*
 * intercept.h - a TLS connection of the guest that is opened, judged, and sealed again
 *
 * watch.c has read the ClientHello and policy has not refused it; the host is connected.  From here:
 *
 *     UPSTREAM   our own handshake with the server, offering the ALPN list of the guest's
 *     VERIFY     its chain, by our bounds and roots
 *     GUEST      the guest's handshake, with a leaf for that name and exactly the protocol the server chose
 *     PASSAGE    bytes in the clear between both (passage.h)
 *
 * A server that fails is told to the guest as the right alert in the clear, before a ServerHello.  Handshakes wait their turn: one step of
 * a connection a turn, and no more of them than the turn's budget allows.
 */
#ifndef PROXY_INTERCEPT_H
#define PROXY_INTERCEPT_H

#include "tls/hello.h"
#include "tls/leaf.h"

struct sluice;
struct tcp_flow;
struct endpoint;
struct sluice_config;

/* Of one gateway: the library's state, the CA, leaves, servers that were found bad lately, counts. */
struct interception;

/* NULL and a sentence: no CA (ca_dir cannot be read or made). */
struct interception *interception_new(struct sluice *gw, const struct sluice_config *cfg, char *err,
				      size_t errlen);
void interception_free(struct interception *x); /* after the flows; NULL is fine */

/* The CA's certificate as PEM (cfg->ca_dir's, or its own), NUL-terminated; never changes.  Any thread. */
const char *interception_ca(const struct interception *x);

/* May TLS of this flow be opened, so that its ClientHello has to be read whatever policy says? */
bool intercept_may(struct sluice *gw, const struct endpoint *to);
/* Is that a port of which requests in the clear are read, not TLS? */
bool intercept_in_clear(uint16_t port);
/* Is a connection with this hello to be opened?  h->name or the address decide (the bypass list, secrets, rules on requests).  wanted: a
 * rule about requests waits for it. */
bool intercept_wants(struct sluice *gw, const struct tcp_flow *tf, const struct hello *h, bool wanted);

/* Are requests in the clear to be read by an exchange (secrets, rules about requests, a log of them), not by watch.c alone? */
bool intercept_wants_plain(struct sluice *gw, const struct tcp_flow *tf);

/*
 * Take the flow over: what the guest has sent is in `reader` and `rest`, what came after; both are copied, and the watch that holds them
 * ends.  False: no memory, or at the limit: nothing has changed, the flow is to be refused (FULL).
 */
bool intercept_begin(struct sluice *gw, struct tcp_flow *tf, struct hello_reader *reader,
		     const struct hello *h, struct view rest, usec_t now);
/* The same for requests in the clear: no TLS, HTTP/1 (or 2 by prior knowledge) alone; first: what was held. */
bool intercept_begin_plain(struct sluice *gw, struct tcp_flow *tf, struct view first, usec_t now);

/* Is it a flow whose requests are read, one by one, or may come to be? */
bool intercept_reads(const struct tcp_flow *tf);

/* A new turn: the budget is whole again. */
void intercept_turn(struct sluice *gw);

/* For TLS of the gateway's own, with nameservers and with guests that ask for names over it: the library's state and the leaves, made
 * when first asked for (NULL: they cannot be, which is logged); one more connection that is held open (false: at the limit, told); and the
 * present turn: whether it has time left for another piece of work, and how long one took.  *denied: how often in a row it was
 * told no: whoever waits comes by in the end. */
struct tls *intercept_tls(struct sluice *gw);
struct leaf_cache *intercept_leaves(struct sluice *gw);
bool intercept_hold(struct sluice *gw);
void intercept_let_go(struct sluice *gw);
bool intercept_turn_left(struct sluice *gw, uint8_t *denied);
void intercept_turn_took(struct sluice *gw, usec_t worked, unsigned records);

/* The settings in force are about to go: what rests on them ends. */
void intercept_settings_go(struct sluice *gw);

#endif
