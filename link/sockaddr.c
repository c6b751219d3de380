/*
 * sockaddr.c - struct endpoint to and from struct sockaddr
 */
#include "link/sockaddr.h"

static bool
is_of_one_link(const struct addr *a)
{
	if (addr_is_link_local(a))
		return true;
	return a->b[0] == 0xff && ((a->b[1] & 0x0f) == 1 || (a->b[1] & 0x0f) == 2); /* RFC 4291 2.7 */
}

socklen_t
sockaddr_of(const struct endpoint *e, union sockaddr_any *sa)
{
	if (addr_is_v4(&e->addr)) {
		sa->in = (struct sockaddr_in){
		    .sin_family = AF_INET,
		    .sin_port = htons(e->port),
		    .sin_addr.s_addr = htonl(addr_to_v4(&e->addr)),
		};
		return sizeof(sa->in);
	}
	if (is_of_one_link(&e->addr))
		return 0;
	sa->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
	memcpy(sa->in6.sin6_addr.s6_addr, e->addr.b, sizeof(e->addr.b));
	return sizeof(sa->in6);
}

struct endpoint
sockaddr_endpoint(const union sockaddr_any *sa, socklen_t len)
{
	struct endpoint e = {0};

	if (len >= sizeof(sa->in) && sa->sa.sa_family == AF_INET) {
		e.addr = addr_v4(ntohl(sa->in.sin_addr.s_addr));
		e.port = ntohs(sa->in.sin_port);
	} else if (len >= sizeof(sa->in6) && sa->sa.sa_family == AF_INET6) {
		memcpy(e.addr.b, sa->in6.sin6_addr.s6_addr, sizeof(e.addr.b));
		e.port = ntohs(sa->in6.sin6_port);
	}
	return e;
}
