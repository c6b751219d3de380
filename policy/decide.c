/*
 * decide.c - a question in, a verdict and its reason out
 */
#include "policy/policy.h"

void
policy_decide(const struct policy *p, const struct surroundings *where, const struct evidence *e, usec_t now,
	      const struct policy_question *q, struct policy_answer *out)
{
	(void)p, (void)where, (void)e, (void)now, (void)q;
	*out = (struct policy_answer){.verdict = VERDICT_ALLOW};
}
