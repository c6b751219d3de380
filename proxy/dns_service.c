/*
 * dns_service.c - the in-process DNS
 */
#include "proxy/dns_service.h"

#include <stdlib.h>

#include "proxy/gateway.h"

struct dns_service {
	unsigned pending;
};

struct dns_service *
dns_service_new(struct sluice *gw)
{
	(void)gw;
	return calloc(1, sizeof(struct dns_service));
}

void
dns_service_free(struct sluice *gw)
{
	free(gw->dns);
	gw->dns = NULL;
}

void
dns_event(struct sluice *gw, const struct host_event *ev, usec_t now)
{
	(void)gw, (void)ev, (void)now;
}

usec_t
dns_deadline(const struct sluice *gw)
{
	(void)gw;
	return TIME_NEVER;
}

void
dns_timers(struct sluice *gw, usec_t now)
{
	(void)gw, (void)now;
}

void
dns_guest_left(struct sluice *gw)
{
	(void)gw;
}
