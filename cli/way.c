/*
 * way.c - answers of the connect hook
 *
 * Endpoints come as text: "ADDR:PORT" or "[ADDR]:PORT".
 */
#include "cli/way.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

bool
way_is_needed(const struct way *w)
{
	return w->bind4 || w->bind6 || w->device4 || w->device6 || w->no_host || w->no_tcp || w->no_udp ||
	       w->no_ping;
}

static bool
has_address(const char *endpoint, const struct sluice_guest_net *net)
{
	size_t len = strlen(net->gateway);

	if (*endpoint == '[')
		endpoint++;
	return net->on && strncmp(endpoint, net->gateway, len) == 0 &&
	       (endpoint[len] == ':' || endpoint[len] == ']');
}

static bool
is_forbidden(const struct way *w, int protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return w->no_tcp;
	case IPPROTO_UDP:
		return w->no_udp;
	default:
		return w->no_ping;
	}
}

static bool
is_loopback(const char *endpoint)
{
	return strncmp(endpoint, "127.", 4) == 0 || strncmp(endpoint, "[::1]", 5) == 0;
}

int
way_answer(const struct way *w, const struct sluice_connect *c, struct sluice_route *how)
{
	bool v6 = c->target[0] == '[';

	/* "Silently dropped", as passt(1) says of --no-tcp and its like. */
	if (is_forbidden(w, c->protocol))
		return ETIMEDOUT;
	if (w->no_host &&
	    (has_address(c->remote, &w->guest->ipv4) || has_address(c->remote, &w->guest->ipv6)))
		return ECONNREFUSED;
	/* The host itself, or a name server on it, is reached from where it is. */
	if (is_loopback(c->target))
		return 0;
	how->bind = v6 ? w->bind6 : w->bind4;
	how->device = v6 ? w->device6 : w->device4;
	return 0;
}
