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
 * PENDING with a "perhaps" that could turn an outcome from refused to allowed, or back, is VERDICT_PEEK.  A client of a
 * published port tells no name: its claim counts as NONE.
 *
 * An `allow` by network or group matches the address that another one carries (addr_inside()), a `deny` either of
 * them; of ISATAP addresses nothing but @any and @public is an `allow` (addr_is_isatap()).
 *
 * The floor is a second list of rules.  Both are asked, and the stricter verdict holds: allow, peek, deny, drop.
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

/* A request within a flow (rules of `http` and `https`). */
struct policy_request {
	bool tls;
	struct view method;
	const char *path; /* normalised, without its query; "" for CONNECT */
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
	/*
	 * Rules about requests match:
	 *
	 *     requests        `allow`                          `deny`, `drop`
	 *     PENDING         perhaps                          perhaps
	 *     NONE            never                            always: nobody can tell that it is not such a request
	 *     TOLD            if it does                       if it does
	 *
	 * ... where they match the host at all.  A request matches by how it came (TLS and the ports of `https`, or in the clear
	 * and those of `http`), its method, and its path beside that host.  It is NONE for all but TCP to a target; a `deny https`
	 * is for UDP to its ports, too: HTTP/3 cannot be read.
	 */
	enum claim requests;                  /* PENDING: they may still be read */
	const struct policy_request *request; /* TOLD */
};

enum policy_reason {
	POLICY_RULE,        /* a rule matched */
	POLICY_DEFAULT,     /* none did */
	POLICY_NO_EVIDENCE, /* none did, and one that allows a name would have, had it led here */
	POLICY_WRONG_NAME, /* none did, and one would have without the name that was told; neither, where a rule allows other
			       requests to the host */
	POLICY_NO_REQUEST, /* none did, and one that allows requests might have, had they been read */
};

struct policy_answer {
	enum verdict verdict;
	enum policy_reason reason;
	/*
	 * The deciding one, the policy's own; NULL: none.  PEEK: the first that waits for a name or a request.  NO_EVIDENCE,
	 * WRONG_NAME and NO_REQUEST: the first that would have matched.
	 */
	const struct rule *rule;
	bool floor;     /* ... of the floor */
	struct name by; /* the evidence name an allow rests on (PEEK: would); len 0: on none */
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

/*
 * Is name denied by a rule that names it, before one allows it or lets every name pass?  For the further names of a
 * CNAME chain.  out is written only if so.
 */
bool policy_denies_name(const struct policy *p, const struct name *name, struct policy_answer *out);

/*
 * Does an address rule (net or group, not @any; no ports) for TCP or UDP allow a special address, before any denies it?
 * Then an answer may lead there (rebinding).  The floor must allow it too, by such a rule or by @any.
 */
bool policy_allows_answer(const struct policy *p, const struct surroundings *where, const struct addr *a);

/* Any name in any rule: without, nothing is ever peeked at. */
bool policy_has_names(const struct policy *p);
/* Any rule about requests. */
bool policy_has_requests(const struct policy *p);

/*
 * Every rule of q's direction in order, what it said for itself and why, to told(); the floor's after.  Those behind one
 * that matches decide nothing.
 */
struct policy_step {
	const struct rule *rule;
	bool floor;
	bool matches;
	bool perhaps;    /* a name will decide */
	const char *why; /* "port 25 is not in it", "no evidence: ..."; until told() returns */
};
void policy_trace(const struct policy *p, const struct surroundings *where, const struct evidence *e,
		  usec_t now, const struct policy_question *q,
		  void (*told)(void *ctx, const struct policy_step *s), void *ctx);

/* Likewise what is asked by policy_decide_name(). */
void policy_trace_name(const struct policy *p, uint8_t proto, const struct name *name,
		       void (*told)(void *ctx, const struct policy_step *s), void *ctx);

uint32_t policy_rules(const struct policy *p, bool floor); /* how many */
/* Bytes, nearly all of them: rules, what they were compiled to, lists. */
size_t policy_memory(const struct policy *p);

#endif
