/*
 * explain.h - what a policy said to a question, before it becomes words
 */
#ifndef PROXY_EXPLAIN_H
#define PROXY_EXPLAIN_H

#include "proxy/settings.h"

struct explained_step {
	const struct rule *rule;
	bool floor, matches, perhaps;
	char *why; /* owned */
};

struct explanation {
	const struct sluice_question *question;
	struct settings *settings;
	struct surroundings where;
	struct addr *own;
	struct evidence *evidence;

	struct policy_question q;
	bool named; /* the host is a name: this one */
	struct name name;
	bool assumed; /* nobody said where it leads */
	bool tells;   /* TLS or HTTP will tell a name: */
	struct name told;
	bool asks; /* it is about a request: this one, of path */
	struct policy_request request;
	char *path; /* owned */

	bool asked_name; /* the name was asked of the gateway, with name_answer unless local */
	bool local;      /* it is answered without asking anybody; nowhere: it leads nowhere */
	bool nowhere;
	struct policy_answer name_answer;
	bool peeked; /* the name that was told decided */
	bool waits;  /* ... or rather requests would, and none was asked about */
	bool closed; /* ... but none will be read: the host is on the bypass list */
	bool refused;
	enum sluice_reason reason;
	struct policy_answer answer;
	struct explained_step *step; /* of what decided; owned */
	size_t nstep, room;
	bool no_memory;
};

/* False: no memory. */
bool explain_text(const struct explanation *e, void (*out)(void *ctx, const char *text), void *ctx);
bool explain_json(const struct explanation *e, void (*out)(void *ctx, const char *text), void *ctx);

/* What would make it the other way round, a sentence of at most size bytes. */
void explain_remedy(const struct explanation *e, char *to, size_t size);

#endif
