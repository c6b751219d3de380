/*
 * resume.h - sessions of servers that may be taken up again
 *
 * A session is kept only once its chain was found good, under what it was found good with; so a connection that takes one up needs no
 * look at certificates.  Serialised, RESUME_BYTES at most each; the one used longest ago makes room.
 */
#ifndef TLS_RESUME_H
#define TLS_RESUME_H

#include "tls/tls.h"

#define RESUME_BYTES 8192u                /* a larger one is not kept */
#define RESUME_LIFE (3600 * USEC_PER_SEC) /* since the chain was last looked at */

struct resume;

struct resume_key {
	uint8_t b[32];
};

/* What must agree: host, port, protocols offered, certificate shown, trust.  False: no memory. */
bool resume_key(const struct tls_client *c, struct resume_key *out);

struct resume *resume_new(uint32_t max); /* NULL: no memory */
void resume_free(struct resume *r);

/* The session kept under it and when it was verified; empty: none.  Valid until the next call. */
struct view resume_find(struct resume *r, const struct resume_key *k, usec_t now, usec_t *verified);
/* Copied; takes the place of an older one.  Without memory, or too long, it is not kept. */
void resume_keep(struct resume *r, const struct resume_key *k, struct view session, usec_t verified);
/* In a session's place: a server to which TLS 1.3 cannot be offered. */
void resume_note_only_12(struct resume *r, const struct resume_key *k, usec_t now);
/* Is what was found that, and no session? */
bool resume_is_only_12(struct view found);
/* It was not taken, or is of no use: forgotten. */
void resume_drop(struct resume *r, const struct resume_key *k);

#endif
