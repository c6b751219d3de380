/*
 * policy.h - the question, the decision and its reason
 *
 * A policy is immutable once built; it may be asked from any number of threads and gateways, and it knows neither
 * time nor addresses of its own: both come with the question.  A decision allocates nothing.
 *
 *     rules as text ── rules_read() ──► struct rules ── policy_build() ──► struct policy ── policy_decide() ──►
 *
 * How a rule with a name matches depends on what is known of the name (docs/policy.md has the table):
 *
 *     claim           `allow` by name matches if                     `deny` by name matches if
 *     PENDING         some evidence name matches: perhaps            always: perhaps
 *     NONE            some evidence name matches                     some evidence name matches
 *     TOLD            claim matches, and some evidence name does     the claim matches
 *
 * PENDING with a "perhaps" that could change the outcome is VERDICT_PEEK.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "policy/evidence.h"
#include "policy/rule.h"

enum verdict { VERDICT_ALLOW, VERDICT_PEEK, VERDICT_DENY, VERDICT_DROP };

enum claim {
	CLAIM_PENDING, /* the protocol may still tell a name */
	CLAIM_NONE,    /* it cannot, or did not */
	CLAIM_TOLD,    /* by SNI or Host */
};

struct policy_question {
	bool ingress;
	uint8_t proto;      /* IP_PROTO_TCP, _UDP, _ICMP, _ICMPV6 */
	struct addr remote; /* the other end as the guest names it */
	uint16_t port;      /* egress: the remote's; ingress: the guest's; ICMP: 0 */
	enum claim claim;
	const struct name *told; /* CLAIM_TOLD */
	/* A name this flow was allowed by before: counts as evidence for remote even when that has expired. */
	const struct name *proof; /* NULL: none */
};

enum policy_reason {
	POLICY_RULE,        /* a rule matched */
	POLICY_DEFAULT,     /* none did */
	POLICY_NO_EVIDENCE, /* none did, and one that allows a name would have, had it led here */
	POLICY_WRONG_NAME,  /* none did, and one would have without the name that was told */
};

struct policy_answer {
	enum verdict verdict;
	enum policy_reason reason;
	const struct rule *rule; /* the deciding one, the policy's own; NULL: none */
	bool floor;              /* ... of the floor */
	struct name by;          /* the evidence name an allow rests on; len 0: on none */
};

struct policy;

/*
 * Takes over what is in `rules` and `floor` (NULL: there is none), which are empty afterwards, also on failure.
 * NULL: no memory, or an error told to d (a rule that cannot be enforced).  Warnings of rules_lint() are told too.
 */
struct policy *policy_build(struct rules *rules, struct rules *floor, struct diag_sink *d);
void policy_free(struct policy *p);

/* where and e (NULL: no evidence) are as of now. */
void policy_decide(const struct policy *p, const struct surroundings *where, const struct evidence *e,
		   usec_t now, const struct policy_question *q, struct policy_answer *out);

/*
 * May the guest ask for this name?  Rules in order: `@any` and `@dns` match every name if they are for port 53 of
 * proto; a name rule matches by name (an allow whatever its ports, a deny only if it has no protocols); addresses and
 * other groups say nothing about names.  Never PEEK.
 */
void policy_decide_name(const struct policy *p, uint8_t proto, const struct name *name,
			struct policy_answer *out);

/* Is name denied by a rule that names it?  For the further names of a CNAME chain. */
bool policy_denies_name(const struct policy *p, const struct name *name, struct policy_answer *out);

/* Does an address rule (net or group, not @any; no ports) allow a special address, before any denies it?  Then an answer may
 * lead there (rebinding).  The floor must allow it too. */
bool policy_allows_answer(const struct policy *p, const struct surroundings *where, const struct addr *a);

/* Any name in any rule: without, nothing is ever peeked at. */
bool policy_has_names(const struct policy *p);

/*
 * Every rule of q's direction in order, what it said and why, to told(); the floor's after.  Then the caller asks
 * policy_decide().
 */
struct policy_step {
	const struct rule *rule;
	bool floor;
	bool matches;
	bool perhaps;    /* a name will decide */
	const char *why; /* "the port is not in it", "no evidence ..." */
};
void policy_trace(const struct policy *p, const struct surroundings *where, const struct evidence *e,
		  usec_t now, const struct policy_question *q,
		  void (*told)(void *ctx, const struct policy_step *s), void *ctx);

uint32_t policy_rules(const struct policy *p, bool floor); /* how many */
size_t policy_memory(const struct policy *p);

#endif
