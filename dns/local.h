/*
 * local.h - names the gateway answers itself: its own, the operator's static hosts, and those that must not leave
 *
 * `host.sluice.internal` is the gateway's address (the host), `gateway.sluice.internal` the DNS address (the status
 * page).  localhost, invalid, onion, local (RFC 6761, 7686, 6762), resolver.arpa (RFC 9462), use-application-dns.net and the
 * like are answered so that nothing waits and nothing leaks (docs/dns.md).
 */
#ifndef DNS_LOCAL_H
#define DNS_LOCAL_H

#include "dns/answer.h"
#include "policy/diag.h"
#include "policy/group.h"

#define DNS_HOST_NAME "host.sluice.internal"
#define DNS_GATEWAY_NAME "gateway.sluice.internal"
#define DNS_LOCAL_TTL 60u
#define DNS_LOCAL_HOSTS 4096u
#define DNS_LOCAL_ADDRS 16u /* of one static host */

struct dns_local;

/* hosts: "NAME=ADDR[,ADDR...]"; what is wrong with them is told to d.  NULL: something was, or no memory. */
struct dns_local *dns_local_new(const char *const *hosts, size_t n, struct diag_sink *d);
void dns_local_free(struct dns_local *l);

/* One of the gateway's own two names, which may be asked for whatever policy allows, unless a rule denies them by name:
 * who is refused everything must still find out why. */
bool dns_local_is_own(const struct dns_local *l, const struct name *n);

enum dns_local_is { LOCAL_NOT, LOCAL_ADDRS, LOCAL_NXDOMAIN, LOCAL_NODATA };

/*
 * What becomes of this question; LOCAL_ADDRS: addresses of the type asked for are in out (0: NODATA), and
 * dns_answer_local() makes the answer, also to DNS_ANY (RFC 8482), which is never forwarded.  routed: the operator
 * has servers for a suffix of this name (split DNS); then zones like local and the reverse ones of private addresses
 * are not answered here.
 */
enum dns_local_is dns_local_find(const struct dns_local *l, const struct surroundings *where,
				 const struct dns_query *q, bool routed, struct addr out[DNS_LOCAL_ADDRS],
				 unsigned *n);

#endif
