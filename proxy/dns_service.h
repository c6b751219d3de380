/*
 * dns_service.h - the in-process DNS: every packet of the guest for port 53, UDP and TCP
 *
 * A query is read, judged by name, answered from what is known (local.h, cache.h) or asked upstream from a port of
 * its own, and the answer is filtered, remembered and told.  Queries under way are bounded; the oldest makes room and
 * becomes SERVFAIL.
 */
#ifndef PROXY_DNS_SERVICE_H
#define PROXY_DNS_SERVICE_H

#include "link/host.h"
#include "proxy/tcp_service.h"
#include "stack/stack.h"

struct settings;
struct sluice;
struct dns_service;

#define DNS_PORT 53u
#define DNS_PENDING 256u

struct dns_service *dns_service_new(struct sluice *gw); /* NULL: no memory */
void dns_service_free(struct sluice *gw);

/* A datagram of the guest for port 53. */
void dns_udp_input(struct sluice *gw, struct packet *pkt, usec_t now);
/* Its TCP connections to port 53, and with TLS to port 853. */
extern const struct tcp_service dns_tcp_service;

/* Is this DNS over TLS that is ended here, by these settings?  It is where connections are opened. */
bool dns_over_tls(const struct settings *s, uint8_t proto, uint16_t port);

/* An upstream socket is ready; token as armed, see TOKEN_DNS. */
void dns_event(struct sluice *gw, const struct host_event *ev, usec_t now);
usec_t dns_deadline(const struct sluice *gw);
void dns_timers(struct sluice *gw, usec_t now);

/* For a replay: where the answer to a question is awaited that is this message's, and the id it must have. */
struct dns_awaited {
	int fd;
	uint16_t id;
	bool stream;
};
bool dns_awaits(const struct sluice *gw, struct view answer, struct dns_awaited *out);

/* Sockets that no question needs now are closed.  False: there were none. */
bool dns_make_room(struct sluice *gw);

void dns_guest_left(struct sluice *gw);
/* gw->settings are new: the cache is emptied; queries under way go on. */
void dns_settings_changed(struct sluice *gw);
/* Questions under way are judged again: those that may not be asked now are refused, and not asked any longer. */
void dns_rejudge(struct sluice *gw, usec_t now);

#endif
