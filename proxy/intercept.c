/*
 * intercept.c - a TLS connection of the guest that is opened, judged, and sealed again
 */
#include "proxy/intercept.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/gateway.h"

struct interception {
	uint32_t max, open;
};

struct interception *
interception_new(struct sluice *gw, const struct sluice_config *cfg, char *err, size_t errlen)
{
	struct interception *x = calloc(1, sizeof(*x));

	(void)gw;
	if (!x) {
		snprintf(err, errlen, "no memory for interception");
		return NULL;
	}
	x->max = cfg->intercept_max;
	return x;
}

void
interception_free(struct interception *x)
{
	free(x);
}

bool
intercept_may(struct sluice *gw, const struct tuple *t)
{
	(void)gw, (void)t;
	return false;
}

bool
intercept_wants(struct sluice *gw, const struct tcp_flow *tf, const struct hello *h, bool wanted)
{
	(void)gw, (void)tf, (void)h, (void)wanted;
	return false;
}

bool
intercept_begin(struct sluice *gw, struct tcp_flow *tf, struct hello_reader *reader, const struct hello *h,
		struct view rest, usec_t now)
{
	(void)gw, (void)tf, (void)reader, (void)h, (void)rest, (void)now;
	return false;
}

bool
intercept_begin_plain(struct sluice *gw, struct tcp_flow *tf, struct view first, usec_t now)
{
	(void)gw, (void)tf, (void)first, (void)now;
	return false;
}

void
intercept_turn(struct sluice *gw)
{
	(void)gw;
}
