/*
 * host_addrs.h - the addresses of this machine's interfaces, and a descriptor that says when they change
 *
 * Private to link/host_kernel.c.
 */
#ifndef LINK_HOST_ADDRS_H
#define LINK_HOST_ADDRS_H

#include "link/host.h"

/* A netlink socket that hears of every address that comes or goes in the network namespace it was opened in; -errno. */
int host_addrs_open(void);
/* Take what it heard.  True: something, or more than it could hold. */
bool host_addrs_drain(int fd);
/* As host_ops.addrs. */
int host_addrs_read(struct addr **out, size_t *n);

#endif
