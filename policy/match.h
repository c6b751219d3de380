/*
 * match.h - rules as they are compiled, and does one of them match?  Between policy.c, which compiles, and decide.c
 * and trace.c, which ask; nobody else includes it.
 */
#ifndef POLICY_MATCH_H
#define POLICY_MATCH_H

#include "policy/policy.h"

/* Protocols, as bits. */
enum { OF_TCP = 1, OF_UDP = 2, OF_ICMP = 4, OF_OTHERS = 8, OF_ALL = 15 };

struct ports {
	const struct port_range *range; /* sorted, none touches the next */
	unsigned n;                     /* 0: every port */
};

/* One rule.  Targets that say the same of every address or name are flags; many become a set; few are looked through. */
struct check {
	const struct rule *rule;
	uint8_t protos;        /* of OF_* */
	bool requests;         /* it is about them */
	bool any, dns;         /* @any, @dns */
	uint16_t groups;       /* a bit each */
	struct ports port[2];  /* TCP, UDP; requests: https, http, and 0 is none */
	struct netset *nets;   /* NULL: none.  Owned */
	struct nameset *names; /* likewise */
	const struct rule_target **net,
	    **name; /* networks or lists, all with a path; names, suffixes or lists */
	unsigned nnet, nname;
	void *block; /* where all that is */
};

struct ruleset {
	struct rules rules; /* as they were read: owned */
	struct check *check;
	uint32_t *way[2]; /* egress, ingress: their rules in order, as places in check */
	uint32_t nway[2];
	bool names, requests; /* any, in any rule */
};

struct policy {
	struct ruleset own, floor;
	bool floored;
};

/* A question, and what has been found out for it. */
struct asking {
	const struct policy_question *q;
	const struct surroundings *where;
	const struct evidence *e;
	usec_t now;
	uint8_t proto; /* OF_*, one of them */
	enum claim claim, requests;
	struct addr inside;
	bool carries, isatap; /* inside is another address; ... and one that its prefix decides */
	bool grouped, looked; /* the rest is there */
	enum group group;
	const struct name *name[EVIDENCE_NAMES + 1]; /* newest first; then the proof */
	unsigned nname;
};

enum match { MATCH_NO, MATCH_PERHAPS, MATCH_YES };

/* Has the rule, or its targets, an answer to the question? */
bool match_proto(const struct check *c, const struct asking *a);
bool match_port(const struct check *c, const struct asking *a);
/* Of a rule about requests, with one that was told: how it came; its method. */
bool match_scheme(const struct check *c, const struct asking *a);
bool match_method(const struct check *c, const struct policy_request *r);
/* By address alone; the first one without @any and @dns.  Targets with a path that is not the request's count for nothing. */
bool match_net_or_group(const struct check *c, struct asking *a);
bool match_addr(const struct check *c, struct asking *a);
/* Is n a name of the rule, or of a target with the path of r (NULL: any path)? */
bool match_name(const struct check *c, const struct name *n, const struct policy_request *r);
bool match_has_names(const struct check *c);
/* By host alone, whatever is known of requests. */
enum match match_host(const struct check *c, struct asking *a, const struct name **by);
/* The evidence name that is a name of the rule; NULL: none. */
const struct name *match_evidence(const struct check *c, struct asking *a);

/* Protocol and port given: all of it.  *by: the evidence name an allow rests on (or would), else NULL. */
enum match match_rule(const struct check *c, struct asking *a, const struct name **by);

/*
 * A name that is asked for.  By a rule that names it: but what is refused for some protocols only may be asked for, it
 * is the flow that is refused later.  By @any or @dns on port 53.  *why: a sentence.
 */
bool match_names_it(const struct check *c, const struct name *n);
bool match_every_name(const struct check *c, uint8_t proto);
bool match_name_asked(const struct check *c, uint8_t proto, const struct name *n, const char **why);

/* The request that was told, if there is one; else NULL. */
const struct policy_request *asked_request(const struct asking *a);
struct asking asking_of(const struct surroundings *where, const struct evidence *e, usec_t now,
			const struct policy_question *q);
uint8_t proto_bit(uint8_t proto);

/* The i-th rule of a way. */
static inline const struct check *
check_at(const struct ruleset *s, bool ingress, uint32_t i)
{
	return &s->check[s->way[ingress][i]];
}

static inline bool
is_allow(const struct check *c)
{
	return c->rule->action == RULE_ALLOW;
}

#endif
