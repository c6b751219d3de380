/*
 * resolver.h - which nameserver a query to the gateway's DNS address goes to
 *
 * The servers are configured, or the host's resolv.conf(5) names them; that file is looked at again when it
 * changes, at most once a second and only when a query comes.  A server that refused goes to the end of
 * the row.
 */
#ifndef PROXY_RESOLVER_H
#define PROXY_RESOLVER_H

#include "link/host.h"
#include "stack/addr.h"

#define RESOLVER_SERVERS 8u
#define RESOLV_CONF "/etc/resolv.conf"

struct resolver {
	struct endpoint server[RESOLVER_SERVERS];
	unsigned n;
	bool from_file;
	int64_t version; /* of the file last read */
	usec_t look_at;  /* not before */
};

/* Text of a resolv.conf: its nameserver lines, in order.  Lines that are not understood are skipped, as
 * every resolver does; so are addresses with a scope.  None at all: 127.0.0.1, as in glibc. */
void resolver_parse(struct resolver *r, struct view text);

/* The server to try now, after `attempt` others were tried in vain and told to resolver_failed(); false:
 * that many there are not. */
bool resolver_pick(struct resolver *r, struct host *h, unsigned attempt, usec_t now, struct endpoint *out);

/* This server did not take a query: others go first from now on. */
void resolver_failed(struct resolver *r, const struct endpoint *server);

#endif
