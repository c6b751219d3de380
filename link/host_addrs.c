/*
 * host_addrs.c - the addresses of this machine's interfaces, and a descriptor that says when they change
 *
 * What netlink says is not read, only that it said something: the list is then asked for anew as a whole, so no
 * message that was lost can leave it wrong.
 */
#include "link/host_addrs.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link/sockaddr.h"

#define DRAIN_MAX 256 /* datagrams taken at once: more make one more turn */

int
host_addrs_open(void)
{
	struct sockaddr_nl at = {.nl_family = AF_NETLINK,
				 .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)(const void *)&at, sizeof(at)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

bool
host_addrs_drain(int fd)
{
	char byte;
	bool heard = false;

	for (int i = 0; i < DRAIN_MAX; i++) {
		ssize_t n = recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC);

		/* ENOBUFS: messages were lost (netlink(7)), which says as much as one that came. */
		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			break;
		heard = true;
	}
	return heard;
}

/* The loopback networks are a group of their own. */
static bool
take(const struct ifaddrs *i, struct addr *out)
{
	union sockaddr_any sa = {.sa.sa_family = AF_UNSPEC};

	if (!i->ifa_addr)
		return false;
	if (i->ifa_addr->sa_family == AF_INET)
		memcpy(&sa.in, i->ifa_addr, sizeof(sa.in));
	else if (i->ifa_addr->sa_family == AF_INET6)
		memcpy(&sa.in6, i->ifa_addr, sizeof(sa.in6));
	else
		return false;
	*out = sockaddr_endpoint(&sa, sizeof(sa)).addr;
	return !addr_is_loopback(out) && !addr_is_unspecified(out);
}

int
host_addrs_read(struct addr **out, size_t *n)
{
	struct ifaddrs *all;
	struct addr a;
	size_t room = 0;

	*out = NULL;
	*n = 0;
	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		room += take(i, &a);
	if (room > 0)
		*out = malloc(room * sizeof(**out));
	for (const struct ifaddrs *i = all; i && *out; i = i->ifa_next)
		if (take(i, &a))
			(*out)[(*n)++] = a;
	freeifaddrs(all);
	return room > 0 && !*out ? -ENOMEM : 0;
}
