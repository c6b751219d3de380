/*
 * naive_policy.h - policy decided the long way, from the rules as they were read and a plain list of evidence
 *
 * Written from the table in policy/policy.h and docs/policy.md, not from policy/: it compiles nothing, remembers
 * nothing, and looks at everything every time.  What it shares with the real one are the values: struct rule, names,
 * and which group an address is of.
 */
#ifndef TEST_BED_NAIVE_POLICY_H
#define TEST_BED_NAIVE_POLICY_H

#include "policy/policy.h"

/* name led to addr; in the order in which that was last answered. */
struct naive_fact {
	struct name name;
	struct addr addr;
	usec_t until;
};

/* What a list holds, in the place of its sets. */
struct naive_list {
	const struct nameset *names; /* the sets this stands for */
	const struct netset *nets;
	struct rule_target entry[16]; /* names, suffixes, networks */
	unsigned n;
};

struct naive_policy {
	const struct rules *own, *floor; /* floor NULL: none */
	const struct surroundings *where;
	usec_t now;
	const struct naive_fact *fact;
	unsigned nfact;
	const struct naive_list *list;
	unsigned nlist;
};

/* As the functions of policy.h that are called likewise. */
void naive_decide(const struct naive_policy *p, const struct policy_question *q, struct policy_answer *out);
void naive_decide_name(const struct naive_policy *p, uint8_t proto, const struct name *name,
		       struct policy_answer *out);
bool naive_denies_name(const struct naive_policy *p, const struct name *name);
bool naive_allows_answer(const struct naive_policy *p, const struct addr *a);

#endif
