/*
 * refusals.h - the last things the guest was refused, for the guest itself
 *
 * At most REFUSALS of them, the one met longest ago makes room; the same refusal again raises a count.  Shown by the status page (status_page.c).
 */
#ifndef PROXY_REFUSALS_H
#define PROXY_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice.h"
#include "stack/time.h"

#define REFUSALS 64u
#define REFUSAL_TEXT 512

struct refusal {
	usec_t first, last; /* the gateway's clock */
	uint64_t count;
	uint64_t key; /* of what is the same */
	enum sluice_reason reason;
	char what[192];          /* "tcp 203.0.113.5:25", "dns mail.example", "POST https://api.example/x" */
	char name[256];          /* "" */
	char rule[160];          /* rule's text, "" */
	char where[96];          /* "policy.yaml:12"; "" */
	char text[REFUSAL_TEXT]; /* the sentence */
};

struct refusals {
	struct refusal *entry; /* REFUSALS of them; NULL: none yet */
	uint32_t n;
	uint8_t order[REFUSALS]; /* entries 0..n-1, the one met last first */
	uint64_t total;
};

/* Room is made with the first one; without memory it is only counted. */
void refusals_add(struct refusals *r, const struct refusal *one);
/* The i-th, newest first; NULL: there are no more. */
const struct refusal *refusals_at(const struct refusals *r, uint32_t i);
void refusals_forget(struct refusals *r); /* the guest left */
void refusals_free(struct refusals *r);

#endif
