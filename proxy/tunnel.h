/*
 * tunnel.h - what a guest reaches through a proxy that it asks with CONNECT
 *
 *     guest ──► CONNECT host:port ──► judged as a destination of its own ──► the proxy's 2xx ──► a fresh watch, for that destination
 *
 * The flow stays the guest's connection to the proxy, which must be allowed itself; what passes after the 2xx is watched, judged and opened
 * as if the guest had connected to the target.  A name is resolved by the proxy: nothing here proves where it leads.  So a rule that
 * allows it by name counts only where the connection is opened (its port is; TLS tells the same name, or none) and the server's certificate
 * is good for that name, whatever host is exempt from that elsewhere.  An address is judged as in a SYN.
 *
 * A proxy that is itself spoken to over TLS carries bytes that nobody reads: only what is allowed without that passes.  A name service is
 * no destination of a tunnel, unless a rule names its port.
 */
#ifndef PROXY_TUNNEL_H
#define PROXY_TUNNEL_H

#include "policy/name.h"
#include "stack/addr.h"
#include "stack/time.h"

struct sluice;
struct flow;
struct tcp_flow;
struct judged;
struct judgment;

/* A public address that nobody has: 192.0.1.0/24 was never given to anybody. */
#define TUNNEL_SOMEWHERE 0xc0000101u

struct tunnel {
	struct name name; /* as CONNECT told it; len 0: addr */
	struct addr addr; /* of a name: TUNNEL_SOMEWHERE */
	uint16_t port;
	bool opened;          /* what passes is opened, and the certificate will be looked at, or was */
	uint64_t said;        /* bytes the guest had been sent when it began */
	struct judged *proxy; /* what allowed the connection to the proxy; NULL: nothing to remember */
};

/* Are CONNECT requests looked for in connections that nothing else needs to be read of?  Where a rule names names or requests, or
 * connections are opened, or there are secrets. */
bool tunnel_follows(struct sluice *gw);

/* May the guest ask its proxy for that target?  sealed: the proxy is spoken to over TLS. */
bool tunnel_may_begin(struct sluice *gw, const struct flow *f, const struct tunnel *to, bool sealed,
		      struct judgment *out);
/*
 * The proxy has agreed, and what it said so far is on its way to the guest: the flow, which was a service's, is watched anew.  first:
 * what the guest, more: what the proxy has said beyond that; copied.  False: no memory, or no room: the flow is to be ended.
 */
bool tunnel_begin(struct sluice *gw, struct tcp_flow *tf, const struct tunnel *to, struct view first,
		  struct view more, usec_t now);
void tunnel_free(struct tunnel *t); /* NULL is fine */

/* Where a flow leads: its target through a proxy, or its own remote end. */
struct endpoint tunnel_leads(const struct flow *f);
/* Bytes the guest has been sent by whom it leads to. */
uint64_t tunnel_heard(const struct flow *f);
/* The settings are new.  False: *out says why it may not go on. */
bool tunnel_still_allowed(struct sluice *gw, struct flow *f, bool fresh, struct judgment *out);

#endif
