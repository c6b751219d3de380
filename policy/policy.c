/*
 * policy.c - building a policy
 */
#include "policy/policy.h"

#include <stdlib.h>

struct policy {
	struct rules rules, floor;
};

struct policy *
policy_build(struct rules *rules, struct rules *floor, struct diag_sink *d)
{
	struct policy *p = calloc(1, sizeof(*p));

	(void)d;
	if (!p)
		return NULL;
	p->rules = *rules;
	*rules = (struct rules){0};
	if (floor) {
		p->floor = *floor;
		*floor = (struct rules){0};
	}
	return p;
}

void
policy_free(struct policy *p)
{
	if (!p)
		return;
	rules_free(&p->rules);
	rules_free(&p->floor);
	free(p);
}

bool
policy_has_names(const struct policy *p)
{
	(void)p;
	return false;
}

uint32_t
policy_rules(const struct policy *p, bool floor)
{
	return floor ? p->floor.n : p->rules.n;
}

size_t
policy_memory(const struct policy *p)
{
	return sizeof(*p);
}
