/*
 * secret.h - secrets, their placeholders, and which of them a request may have
 *
 * The guest knows a placeholder; on the way to a host it may go to, the value takes its place.  A set is immutable and counted: requests
 * that are under way keep the one they began with.  Values lie in memory that the set's maker provides (locked, wiped: proxy/secrets.c).
 */
#ifndef HTTP_SECRET_H
#define HTTP_SECRET_H

#include <stdatomic.h>

#include "policy/name.h"
#include "policy/sets.h"
#include "stack/wire.h"

#define SECRETS 64u /* of one set */
#define SECRET_PLACEHOLDER_MIN 8u
#define SECRET_PLACEHOLDER_MAX 1024u
#define SECRET_VALUE_MAX 65536u
#define SUBSTITUTE_BODY (16u << 20) /* bytes of a body that secrets are put into */

enum secret_place {
	SECRET_HEADER = 1,
	SECRET_BASIC = 2,
	SECRET_QUERY = 4,
	SECRET_BODY = 8,
	SECRET_PATH = 16,
	SECRET_RAW = 32
};
enum secret_action {
	SECRET_BLOCK,     /* 403, an event */
	SECRET_LOG,       /* it passes as it is, an event */
	SECRET_TERMINATE, /* as block, and the guest is to be ended: an event that says so */
	SECRET_PASS,      /* it passes as it is */
};

struct secret {
	char *name;
	struct view placeholder, value;
	struct nameset *hosts; /* sealed; NULL with any_host */
	bool any_host;
	unsigned places;                  /* SECRET_HEADER ... SECRET_BODY, where it is put in */
	enum secret_action action;        /* elsewhere */
	struct nameset *pass_hosts;       /* sealed; NULL: none: there the placeholder passes as it is */
	bool plain;                       /* may also go over plain HTTP */
	bool redact_headers, redact_body; /* the value, in responses, becomes the placeholder again */
};

struct scan_table; /* scan.h */

struct secret_set {
	atomic_uint users;
	uint32_t n;
	struct secret secret[SECRETS];
	struct scan_table *placeholders; /* all forms of them; pattern i is secret i's */
	struct scan_table *values;       /* as they are, of those with a redact_ flag; NULL: none */
	/* Memory for the table of values, which has their bytes in it; NULL: the heap, wiped before it is freed.  What it
	 * returns is aligned as malloc()'s and is freed by wipe(). */
	void *(*room)(void *ctx, size_t n);
	/* With the last user, after the tables: frees the secrets' texts, values and names, and s.  NULL: all of that is
	 * somebody else's. */
	void (*wipe)(void *ctx, struct secret_set *s);
	void *ctx;
};

/* Builds the tables of s, whose n, secret[] and hooks are filled in; users becomes 1.  False: no memory; s has no tables. */
bool secret_set_seal(struct secret_set *s);
/* Any thread. */
struct secret_set *secret_set_keep(struct secret_set *s); /* NULL stays NULL */
void secret_set_drop(struct secret_set *s);               /* NULL is fine */

/* What one request may do, by the places of the set. */
struct secret_plan {
	struct secret_set *set; /* NULL: there are no secrets */
	uint64_t put;           /* put in where the secret's places say so */
	uint64_t pass;          /* where it is not put in it passes as it is, unseen */
				/* Whatever is neither, there, is a leak. */
};

/*
 * Which secrets are for this host: sets put and pass.  name NULL: no name is certain (an address, no agreement): only those for any
 * host count, and only if `sure`.  sure: the name is proven (TLS verified, evidence) as the secret needs it.  A placeholder tells
 * nobody anything, so it passes to its pass_hosts by name alone.  *p borrows the set.
 */
void secret_plan_for(struct secret_plan *p, struct secret_set *set, const struct name *name, bool sure,
		     bool tls);

#endif
