/*
 * judge.c - policy asked about flows, and what a refusal does
 */
#include "proxy/judge.h"

#include "proxy/gateway.h"

void
judge(struct sluice *gw, const struct tuple *t, const struct endpoint *client, struct judgment *out)
{
	(void)gw, (void)t, (void)client;
	*out = (struct judgment){.verdict = VERDICT_ALLOW, .name_from = ""};
}

bool
judge_keep(struct flow *f, const struct judgment *j)
{
	(void)f, (void)j;
	return true;
}

void
judge_refused(struct sluice *gw, const struct tuple *t, const struct flow *f, const struct endpoint *client,
	      const struct judgment *j)
{
	(void)t, (void)f, (void)client, (void)j;
	gw->count[GW_POLICY_REFUSED]++;
}

void
judge_take_settings(struct sluice *gw)
{
	(void)gw;
}
