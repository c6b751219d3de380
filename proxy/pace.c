/*
 * pace.c - a token bucket
 */
#include "proxy/pace.h"

#define TOKEN 1000000u /* what one takes: per_second tokens come in a second of 10^6 microseconds */

void
pace_init(struct pace *p, uint32_t per_second, usec_t now)
{
	*p = (struct pace){.per_second = per_second, .tokens = (uint64_t)per_second * TOKEN, .at = now};
}

bool
pace_take(struct pace *p, usec_t now)
{
	uint64_t full = (uint64_t)p->per_second * TOKEN;
	/* A second fills it: no more is counted. */
	usec_t passed = now - p->at < USEC_PER_SEC ? now - p->at : USEC_PER_SEC;

	if (p->per_second == 0)
		return true;
	p->tokens += (uint64_t)passed * p->per_second;
	if (p->tokens > full)
		p->tokens = full;
	p->at = now;
	if (p->tokens < TOKEN)
		return false;
	p->tokens -= TOKEN;
	return true;
}
