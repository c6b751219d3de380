/*
 * answer_data.h - what an answer is made of; for the files of answer.h alone
 */
#ifndef DNS_ANSWER_DATA_H
#define DNS_ANSWER_DATA_H

#include "dns/answer.h"
#include "dns/compose.h"

#define DNS_HEADER 12u
#define DNS_CLASS_IN 1u
/* A message of ours leaves room for the largest OPT. */
#define ANSWER_MAX (DNS_MESSAGE_MAX - 11u - 6u - 200u)

enum section { ANSWER, AUTHORITY, ADDITIONAL, SECTIONS };

/* Where a record begins and where its TTL is, in wire. */
struct record {
	uint16_t at, ttl_at;
};

/*
 * One block of memory: wire is a message without an OPT whose header is empty, its question is q's as it was spelled.
 * Records are in the order of the sections, so that leaving some out means to end earlier.
 */
struct dns_answer {
	uint8_t rcode;
	bool authentic, authoritative, truncated;
	bool addresses;     /* asked for, so that some of them are better than none */
	uint32_t ttl;       /* to be kept */
	uint32_t proof_ttl; /* of addr: the least of theirs and of the CNAMEs before them */
	uint16_t count[SECTIONS];
	uint16_t nrecord;
	uint16_t wanted; /* records before the first of the type asked for */
	uint16_t nname, naddr;
	uint16_t question; /* bytes of it */
	uint16_t len;      /* of wire */
	size_t memory;
	const struct dns_filtered *filtered; /* NULL: nothing to tell */
	struct record *record;
	struct addr *addr; /* at the end of the chain */
	struct name *name; /* the chain: the asked one first */
	uint8_t *wire;
};

/* A block with room for what *shape counts (nrecord, nname, naddr, len; filtered, which is copied); the other members are
 * as there.  NULL: no memory. */
struct dns_answer *answer_alloc(const struct dns_answer *shape);

/* Header (empty) and question. */
void answer_begin(struct compose *c, const struct dns_query *q);

#endif
