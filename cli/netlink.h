/*
 * netlink.h - configuring an interface: the few rtnetlink(7) requests that a guest needs
 *
 * Requests act in the network namespace in which netlink_open() was called.  Each returns 0 or -errno, the
 * kernel's own answer.  Addresses are text; -EINVAL: not one.
 */
#ifndef CLI_NETLINK_H
#define CLI_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

/* A socket, or -errno. */
int netlink_open(void);

struct netlink_link {
	int index;
	uint32_t mtu;
	uint8_t mac[6];
	bool up;
};
/* -ENODEV: there is no such interface. */
int netlink_find(int nl, const char *name, struct netlink_link *out);

/* Change what is given; mtu 0 and mac NULL: as they are. */
int netlink_set_link(int nl, int index, uint32_t mtu, const uint8_t mac[6]);
int netlink_up(int nl, int index);

/* IPv6 without duplicate address detection: usable at once, and nobody else is on the link. */
int netlink_add_address(int nl, int index, const char *address, unsigned plen);
int netlink_add_default_route(int nl, int index, const char *gateway);

#endif
