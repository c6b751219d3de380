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

#define DNS_TLS_PORT 853u /* RFC 7858 3.1 */

/* One of them: where it is, and how it is asked.  Never in any other way: what was to be asked over TLS is not asked in the clear. */
struct dns_server {
	struct endpoint at;
	bool tls;         /* RFC 7858 */
	struct name name; /* tls: whom its certificate must be for; len 0: its address */
};

/* "ADDR", "ADDR:PORT" or "[ADDR]:PORT"; "tls://" and one of these, with "#NAME" behind it or without.  NULL; or what is wrong, static. */
#define DNS_SERVER_TEXT (ADDR_TEXT + 15 + 254) /* room for the longest, with its end */
const char *dns_server_parse(struct view text, struct dns_server *out);
bool dns_server_eq(const struct dns_server *a, const struct dns_server *b);

/* nameservers: such servers; routes: "SUFFIX=" and servers with commas between them.
 * No nameservers: dns_servers_file() says them, 127.0.0.1 until then.  NULL: something was wrong and told, or no
 * memory. */
struct dns_servers *dns_servers_new(const char *const *nameservers, size_t n, const char *const *routes,
				    size_t nroutes, struct diag_sink *d);
void dns_servers_free(struct dns_servers *s);

bool dns_servers_want_file(const struct dns_servers *s);
/* Text of a resolv.conf(5): its nameserver lines in order; lines that are not understood are passed over, as every
 * resolver does, and so are addresses with a scope.  None at all: 127.0.0.1, as in glibc.  What is known of servers
 * that stay is kept. */
void dns_servers_file(struct dns_servers *s, struct view text);
/* Did the file name nobody but systemd-resolved's stub (127.0.0.53, 127.0.0.54)? */
bool dns_servers_only_stub(const struct dns_servers *s);

/* The attempt-th server (0, 1, ...) for name, of the longest suffix that has servers of its own; live ones first.
 * False: there are no more. */
bool dns_servers_pick(const struct dns_servers *s, const struct name *name, unsigned attempt, usec_t now,
		      struct dns_server *out);
/* Is any of them asked over TLS? */
bool dns_servers_any_tls(const struct dns_servers *s);
/* Has name servers of its own, by its suffix? */
bool dns_servers_routed(const struct dns_servers *s, const struct name *name);
void dns_servers_lost(struct dns_servers *s, const struct dns_server *server, usec_t now);
void dns_servers_answered(struct dns_servers *s, const struct dns_server *server);

#endif
