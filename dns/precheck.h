/*
 * precheck.h - is this DNS message one that ldns may be given?
 *
 * ldns trusts counts and lengths more than it should: one legal answer can cost gigabytes and seconds, some queries
 * leak.  Nothing reaches it that did not pass here; passing costs some ten nanoseconds.  docs/dns.md lists the rules:
 * exactly one question, record counts, names that only point backwards, lengths that fit their types, at most one OPT
 * and one TSIG, no trailing bytes.
 */
#ifndef DNS_PRECHECK_H
#define DNS_PRECHECK_H

#include "stack/wire.h"

enum precheck { PRECHECK_OK, PRECHECK_BAD, PRECHECK_TOO_MUCH /* legal, but beyond our bounds */ };

enum precheck dns_precheck(struct view msg, bool is_query);

#endif
