/*
 * requests.h - requests of one connection judged: policy, agreement of names, secrets, and what is told of them
 *
 * What an exchange asks (http/request.h) is answered here for one flow, whether its bytes came through TLS or in the clear.
 */
#ifndef PROXY_REQUESTS_H
#define PROXY_REQUESTS_H

#include "http/request.h"

struct sluice;
struct tcp_flow;
struct requests;

struct requests_of {
	bool tls;
	struct name sni; /* TLS told it; len 0: it told none */
	bool verified;   /* the server's certificate is good for sni (or the address) */
	bool http;       /* what is spoken is HTTP; false: it is opaque, and only searched for placeholders */
};

#define REQUESTS_BODIES \
	(64u << 20) /* bytes of bodies that secrets are put into, all connections of a gateway together */

/* Lives until requests_free(); the flow outlives it.  NULL: no memory. */
struct requests *requests_new(struct sluice *gw, struct tcp_flow *tf, const struct requests_of *of);
void requests_free(struct requests *r);
const struct exchange_env *requests_env(struct requests *r);

/* Where the last CONNECT that was allowed leads. */
struct tunnel;
const struct tunnel *requests_tunnel(const struct requests *r);

/*
 * A connection that is opened but speaks no HTTP: may it go on, with rules about requests that can never be answered?  False: it is
 * refused (told as judge_ends() does).  *plan: how its bytes are searched; its set is kept for the caller, who drops it once the exchange
 * is made (secret_set_drop()).
 */
bool requests_opaque(struct sluice *gw, struct tcp_flow *tf, const struct requests_of *of,
		     struct secret_plan *plan);

#endif
