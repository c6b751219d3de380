/*
 * local.c - names the gateway answers itself
 */
#include "dns/local.h"

#include <stdlib.h>

struct dns_local {
	unsigned n;
};

struct dns_local *
dns_local_new(const char *const *hosts, size_t n, struct diag_sink *d)
{
	(void)hosts, (void)n, (void)d;
	return calloc(1, sizeof(struct dns_local));
}

void
dns_local_free(struct dns_local *l)
{
	free(l);
}

enum dns_local_is
dns_local_find(const struct dns_local *l, const struct surroundings *where, const struct dns_query *q,
	       bool routed, struct addr out[DNS_LOCAL_ADDRS], unsigned *n)
{
	(void)l, (void)where, (void)q, (void)routed, (void)out;
	*n = 0;
	return LOCAL_NOT;
}
