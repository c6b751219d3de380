/*
 * sockaddr.h - endpoints as the kernel writes them
 */
#ifndef LINK_SOCKADDR_H
#define LINK_SOCKADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "stack/addr.h"

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/*
 * AF_INET for a v4-mapped address, AF_INET6 for others.  Returns the length, or 0 for an IPv6 address that
 * means something on one link only (fe80::/10, ff01::/16, ff02::/16): the guest's link is not one of the
 * host's, so such an address never gets this far out.
 */
socklen_t sockaddr_of(const struct endpoint *e, union sockaddr_any *sa);

/* All zero for a family other than those two, or a length too short for it. */
struct endpoint sockaddr_endpoint(const union sockaddr_any *sa, socklen_t len);

#endif
