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

void
dns_settings_changed(struct sluice *gw)
{
	(void)gw;
}

void
dns_udp_input(struct sluice *gw, struct packet *pkt, usec_t now)
{
	(void)gw, (void)pkt, (void)now;
}

static void
serve(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	(void)gw;
	tcp_shutdown(&tf->tcp, now);
}

static usec_t
serve_deadline(const struct tcp_flow *tf)
{
	(void)tf;
	return TIME_NEVER;
}

static void
serve_end(struct sluice *gw, struct tcp_flow *tf)
{
	(void)gw, (void)tf;
}

const struct tcp_service dns_tcp_service = {
    .name = "dns",
    .ready = serve,
    .deadline = serve_deadline,
    .close = serve_end,
};
