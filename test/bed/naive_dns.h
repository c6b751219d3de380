/*
 * naive_dns.h - a DNS message read the plain way, to hold what dns/ writes against
 *
 * Shares nothing with dns/ or ldns: bytes are indexed, names are copied out label by label.  What does not fit its rules
 * is refused; speed is no concern.
 */
#ifndef TEST_BED_NAIVE_DNS_H
#define TEST_BED_NAIVE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAIVE_RECORDS 600

struct naive_name {
	unsigned len;
	uint8_t wire[255]; /* uncompressed, as spelled */
};

struct naive_record {
	unsigned section; /* 1 answer, 2 authority, 3 additional */
	struct naive_name owner;
	unsigned type, class;
	uint32_t ttl;
	size_t at; /* of the data */
	unsigned len;
};

struct naive_dns {
	unsigned id, flags, count[4];
	struct naive_name asked;
	unsigned type, class;
	unsigned n;
	struct naive_record record[NAIVE_RECORDS];
};

/* The name at `at`; returns where the next thing begins, 0: there is no sound name. */
size_t naive_name_read(const uint8_t *p, size_t len, size_t at, struct naive_name *out);
bool naive_name_eq(const struct naive_name *a, const struct naive_name *b); /* whatever the case */

/* False: not exactly one question, or anything that is not there or too much. */
bool naive_dns_read(const uint8_t *p, size_t len, struct naive_dns *m);
const struct naive_record *naive_dns_find(const struct naive_dns *m, unsigned section, unsigned type);
unsigned naive_dns_count(const struct naive_dns *m, unsigned section, unsigned type);
/* RFC 8914: the info code in the OPT, -1 without; its text into text[256]. */
int naive_dns_ede(const uint8_t *p, const struct naive_dns *m, char *text);

#endif
