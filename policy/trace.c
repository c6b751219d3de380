/*
 * trace.c - why a decision came out as it did
 */
#include "policy/policy.h"

void
policy_trace(const struct policy *p, const struct surroundings *where, const struct evidence *e, usec_t now,
	     const struct policy_question *q, void (*told)(void *ctx, const struct policy_step *s), void *ctx)
{
	(void)p, (void)where, (void)e, (void)now, (void)q, (void)told, (void)ctx;
}
