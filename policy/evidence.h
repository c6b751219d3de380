/*
 * evidence.h - which names led to which addresses, as this gateway itself answered this guest
 *
 * Filled from answers of trusted resolvers only, forgotten with the guest.  Bounded: when full, the entry that
 * would expire first goes.  Time is an argument.
 */
#ifndef POLICY_EVIDENCE_H
#define POLICY_EVIDENCE_H

#include "policy/name.h"
#include "stack/addr.h"
#include "stack/time.h"

#define EVIDENCE_MIN (60 * USEC_PER_SEC)   /* lives at least so long, whatever the TTL */
#define EVIDENCE_MAX (3600 * USEC_PER_SEC) /* ... and at most */
#define EVIDENCE_ENTRIES 8192u             /* name and address pairs */
#define EVIDENCE_NAMES 32u                 /* names of one address: the newest are kept */
#define EVIDENCE_ADDRS 64u                 /* addresses of one name: likewise */

struct evidence;

struct evidence *evidence_new(uint32_t entries, const uint8_t secret[16]); /* NULL: no memory */
void evidence_free(struct evidence *e);

/* name was answered with a; ttl in seconds is clamped to the limits above.  An answer given again only ever makes it
 * live longer. */
void evidence_add(struct evidence *e, const struct name *name, const struct addr *a, uint32_t ttl,
		  usec_t now);

/* Live names of a, newest first, at most max; they stay where they are until the next evidence_add() or _forget(). */
unsigned evidence_names(const struct evidence *e, const struct addr *a, usec_t now, const struct name **out,
			unsigned max);

/* How long name and a still belong together; 0: not at all.  No TTL the guest is told may be longer. */
usec_t evidence_left(const struct evidence *e, const struct name *name, const struct addr *a, usec_t now);

/* The guest left. */
void evidence_forget(struct evidence *e);
uint32_t evidence_count(const struct evidence *e);

#endif
