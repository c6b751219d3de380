/*
 * leaf.h - a certificate for each host the guest is shown, made as it is needed and kept
 *
 * One P-256 key serves all leaves of a gateway.  A leaf is for one name or one address, back-dated by a week
 * (a restored guest's clock may be slow), good for 30 days or as long as its CA, and made anew at half of
 * that.  The cache is bounded; what was used longest ago goes, once nobody uses it.
 */
#ifndef TLS_LEAF_H
#define TLS_LEAF_H

#include "tls/ca.h"

#define LEAF_CACHE 1024u

struct leaf_cache;

/* t and ca are borrowed and outlive it.  max: leaves at most, those that somebody shows yet included.  NULL:
 * no memory or no randomness. */
struct leaf_cache *leaf_cache_new(struct tls *t, const struct tls_ca *ca, uint32_t max);
/* All leaves were dropped before. */
void leaf_cache_free(struct leaf_cache *c);

/* For name, or NULL for addr.  now: seconds since 1970.  NULL: no memory, all places are taken by leaves in
 * use, the authority has expired, or a name that cannot be in a certificate (a label of other bytes than
 * letters, digits, '-' and '_').  Costs a signature when it has to be made: about a millisecond.  To be
 * dropped when it is no longer used. */
const struct tls_identity *leaf_keep(struct leaf_cache *c, const struct name *name, const struct addr *addr,
				     uint64_t now);
void leaf_drop(struct leaf_cache *c, const struct tls_identity *i);
/* It is there already, and making it will cost nothing. */
bool leaf_is_there(const struct leaf_cache *c, const struct name *name, const struct addr *addr,
		   uint64_t now);

#endif
