/*
 * replay_dns.h - answers of nameservers in a capture, for a gateway that asks its own way
 *
 * The gateway asks on sockets, with ids and by a transport of its own.  So a captured answer belongs to whatever
 * question of these waits that is the same but for the id, which it is given; one for which none waits is passed over.
 */
#ifndef PROXY_REPLAY_DNS_H
#define PROXY_REPLAY_DNS_H

#include "link/vhost.h"
#include "proxy/gateway.h"

/* Messages behind their lengths, as they come on a connection. */
struct replay_dns {
	uint8_t *bytes; /* NULL: none yet */
	size_t n;
};

/* A captured message for the guest, from port 53. */
void replay_dns_answer(struct sluice *gw, struct vhost *v, struct view msg);
/* Bytes of a connection from port 53, in order.  False: no memory. */
bool replay_dns_stream(struct replay_dns *s, struct sluice *gw, struct vhost *v, struct view bytes);
void replay_dns_free(struct replay_dns *s);

#endif
