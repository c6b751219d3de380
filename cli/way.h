/*
 * way.h - how the sockets towards the host's side are made: addresses, interfaces, and what is not allowed
 *
 * The options of passt that say so become answers of the library's connect hook.
 */
#ifndef CLI_WAY_H
#define CLI_WAY_H

#include "sluice.h"

struct way {
	const char *bind4, *bind6;     /* source addresses; NULL: as routed */
	const char *device4, *device6; /* interfaces; NULL: as routed */
	bool no_host;                  /* the gateway's address does not lead to the host */
	bool no_tcp, no_udp, no_ping;
	const struct sluice_guest *guest; /* borrowed; has the gateway's addresses */
};

/* Is there anything to answer? */
bool way_is_needed(const struct way *w);

/* What the connect hook answers. */
int way_answer(const struct way *w, const struct sluice_connect *c, struct sluice_route *how);

#endif
