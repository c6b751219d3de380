/*
 * cache.h - answers kept for as long as their TTL says, positive and negative (RFC 2308)
 *
 * Keyed by name, type, class, DO, CD and RD.  Bounded in entries and bytes; the one used longest ago makes room.
 */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include "dns/answer.h"
#include "stack/time.h"

#define DNS_CACHE_BYTES (4u << 20)
#define DNS_CACHE_ENTRIES (1u << 20) /* at most, whatever is asked for */

struct dns_cache;

/* entries 0: a cache that keeps nothing. */
struct dns_cache *dns_cache_new(uint32_t entries, size_t bytes,
				const uint8_t secret[16]); /* NULL: no memory */
void dns_cache_free(struct dns_cache *c);
/* Takes a over in any case; keeps it if its TTL is not 0. */
void dns_cache_put(struct dns_cache *c, const struct dns_query *q, struct dns_answer *a, usec_t now);
/* NULL: not there, or too old.  *age: seconds since it was put.  Valid until the next put or flush. */
const struct dns_answer *dns_cache_get(struct dns_cache *c, const struct dns_query *q, usec_t now,
				       uint32_t *age);
void dns_cache_flush(struct dns_cache *c);
uint32_t dns_cache_count(const struct dns_cache *c);

#endif
