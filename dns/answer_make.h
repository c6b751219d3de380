/*
 * answer_make.h - an answer while it is being made; for the files of answer.h alone
 */
#ifndef DNS_ANSWER_MAKE_H
#define DNS_ANSWER_MAKE_H

#include <ldns/ldns.h>

#include "dns/answer_data.h"

/* A record of the upstream's. */
struct item {
	ldns_rr *rr;
	enum section section;
	uint16_t type;
	uint32_t ttl;
	bool stays;   /* in the answer */
	bool changed; /* by the filter, or taken out by it: what signs it is void */
};

struct draft {
	const struct dns_query *q;
	const struct dns_filter *f;
	struct dns_filtered *did;
	uint8_t rcode;
	bool authentic, truncated;
	bool touched; /* some item is changed */
	struct item *item;
	unsigned n;
	struct name name[DNS_CHAIN_MAX + 1];
	unsigned nname;
};

/* Owner and fields as ldns has them, names whole; empty where there is none. */
struct view item_owner(const struct item *i);
struct view item_field(const struct item *i, unsigned n);
/* The address of an A or AAAA; false: it is none. */
bool item_addr(const struct item *i, struct addr *a);

/* answer_filter.c: take out what d->f refuses. */
void answer_filter(struct draft *d);

#endif
