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
judge_told(struct sluice *gw, const struct flow *f, const struct name *told, const char *told_by,
	   struct judgment *out)
{
	(void)gw, (void)f;
	*out = (struct judgment){.verdict = VERDICT_ALLOW, .name_from = told ? told_by : ""};
	if (told)
		out->name = *told;
}

void
judge_name_refused(struct sluice *gw, const struct tuple *t, const struct name *n, enum sluice_reason reason,
		   const struct policy_answer *a)
{
	(void)t, (void)n, (void)reason, (void)a;
	gw->count[GW_POLICY_REFUSED]++;
}

void
judge_request_refused(struct sluice *gw, const struct flow *f, const struct judgment *j)
{
	(void)f, (void)j;
	gw->count[GW_POLICY_REFUSED]++;
}

char *
judge_text(const struct tuple *t, const struct judgment *j, char buf[JUDGE_TEXT])
{
	(void)t, (void)j;
	buf[0] = '\0';
	return buf;
}

const struct surroundings *
judge_surroundings(struct sluice *gw)
{
	return &gw->where;
}

void
judge_take_settings(struct sluice *gw)
{
	(void)gw;
}
