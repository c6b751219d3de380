/*
 * passage.c - bytes in the clear between two ends, through an exchange
 */
#include "proxy/passage.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/gateway.h"

bool
passage_pump(struct sluice *gw, struct tcp_flow *tf, struct passage *p, usec_t now)
{
	(void)gw, (void)tf, (void)p, (void)now;
	return false;
}

bool
passage_done(const struct passage *p)
{
	return p->failed != NULL;
}

usec_t
passage_deadline(const struct passage *p)
{
	(void)p;
	return TIME_NEVER;
}

void
passage_free(struct passage *p)
{
	free(p->kept[0]);
	free(p->kept[1]);
}
