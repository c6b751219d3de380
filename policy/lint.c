/*
 * lint.c - rules that cannot matter
 */
#include "policy/rule.h"

void
rules_lint(const struct rules *r, struct diag_sink *d)
{
	(void)r, (void)d;
}
