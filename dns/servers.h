/*
 * servers.h - which nameserver is asked, and which are believed dead
 *
 * Servers in order, by suffix (split DNS) or for all other names.  One that lost three queries in a row is left alone
 * for 30 s unless there is no other.  Pure: resolv.conf's text and the time come from the caller.
 */
#ifndef DNS_SERVERS_H
#define DNS_SERVERS_H

#include "policy/diag.h"
#include "policy/name.h"
#include "stack/addr.h"
#include "stack/time.h"

#define DNS_SERVERS 8u /* of one group */
#define DNS_ROUTES 64u /* suffixes */
#define DNS_LOST 3u    /* in a row */
#define DNS_BAD_FOR (30 * USEC_PER_SEC)

struct dns_servers;

/* nameservers: "ADDR[:PORT]"...; routes: "SUFFIX=ADDR[:PORT][,...]".  No nameservers: dns_servers_file() says them.
 * NULL: something was wrong and told, or no memory. */
struct dns_servers *dns_servers_new(const char *const *nameservers, size_t n, const char *const *routes,
				    size_t nroutes, struct diag_sink *d);
void dns_servers_free(struct dns_servers *s);

bool dns_servers_want_file(const struct dns_servers *s);
/* Text of a resolv.conf (empty: there is none, which means 127.0.0.1).  What is known of servers that stay is kept. */
void dns_servers_file(struct dns_servers *s, struct view text);

/* The attempt-th server (0, 1, ...) for name, live ones first; false: there are no more. */
bool dns_servers_pick(const struct dns_servers *s, const struct name *name, unsigned attempt, usec_t now,
		      struct endpoint *out);
void dns_servers_lost(struct dns_servers *s, const struct endpoint *server, usec_t now);
void dns_servers_answered(struct dns_servers *s, const struct endpoint *server);

#endif
