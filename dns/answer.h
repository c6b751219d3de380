/*
 * answer.h - an upstream's answer, judged, cleaned and written anew; ready to be given to any guest that asks the same
 *
 * What an upstream sent is never passed on: it is checked (precheck.h), read by ldns, filtered and serialised by us.
 * The result keeps where its TTLs and its records lie, so that giving it to a guest again costs a copy and a
 * few patches.
 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "dns/query.h"
#include "policy/evidence.h"

#define DNS_TTL_MAX 3600u     /* seconds an answer is kept and told, at most (evidence lives no longer) */
#define DNS_NEGATIVE_MAX 900u /* RFC 2308: from the SOA, at most this */
#define DNS_CHAIN_MAX 8u      /* CNAMEs followed */

struct dns_answer;

/* What may not be in an answer. */
struct dns_filter {
	/* May an answer for `name` lead to this special address (rebinding)?  NULL: all may. */
	bool (*may_lead)(void *ctx, const struct name *asked, const struct addr *a);
	/* Is this name of the CNAME chain denied by policy?  Then the whole answer is.  NULL: none is. */
	bool (*denied)(void *ctx, const struct name *n);
	void *ctx;
	bool no_a, no_aaaa; /* the host has no path of that family: such answers are emptied (NODATA) */
	bool strip_ech;     /* take `ech` out of SVCB and HTTPS; the hints always pass may_lead() */
};

/* What the filter did. */
struct dns_filtered {
	unsigned removed;  /* addresses and hints */
	struct addr first; /* of them */
	bool emptied;      /* nothing is left of what was asked: NODATA, to be told with EDE_BLOCKED */
	bool denied;       /* a name of the chain is: answer NXDOMAIN with EDE_BLOCKED, by this one */
	struct name by;
};

enum dns_made { DNS_MADE, DNS_MALFORMED, DNS_EXCESSIVE, DNS_NO_MEMORY };

/* msg answers q (dns_is_answer_to()).  On DNS_MADE *out is the caller's. */
enum dns_made dns_answer_make(struct view msg, const struct dns_query *q, const struct dns_filter *f,
			      struct dns_filtered *did, struct dns_answer **out);
/* From addresses alone: static hosts and the like; those of the family that q asks for are told.  For DNS_ANY it is the
 * HINFO of RFC 8482.  ttl in seconds.  NULL: no memory. */
struct dns_answer *dns_answer_local(const struct dns_query *q, const struct addr *a, unsigned n,
				    uint32_t ttl);
void dns_answer_free(struct dns_answer *a);

/* What the filter did to it, kept so that an answer of the cache is explained as the first was; NULL: nothing worth
 * telling.  Lives as long as a. */
const struct dns_filtered *dns_answer_filtered(const struct dns_answer *a);
/* Name, type and class are those of q. */
bool dns_answer_is_for(const struct dns_answer *a, const struct dns_query *q);

uint8_t dns_answer_rcode(const struct dns_answer *a);
uint32_t dns_answer_ttl(
    const struct dns_answer *a); /* seconds it may be kept: least of its TTLs; 0: not at all */
size_t dns_answer_memory(const struct dns_answer *a);

/*
 * As the answer to q (the same question, whatever its id and case), `age` seconds after it was made, in at most `limit`
 * bytes (limit <= room): when it is longer, additional and authority records go first, then answer records, and only then
 * TC is set.  ede and text as in dns_error().  Returns its length.
 */
size_t dns_answer_write(const struct dns_answer *a, const struct dns_query *q, uint32_t age, size_t limit,
			int ede, const char *text, uint8_t *out, size_t room);

/* Record what it proves, `age` seconds after it was made: addresses reached from the asked name along its CNAMEs, for
 * every name of that chain; nothing for an error.  Only for answers of trusted resolvers (D6). */
void dns_answer_prove(const struct dns_answer *a, uint32_t age, struct evidence *e, usec_t now);

#endif
