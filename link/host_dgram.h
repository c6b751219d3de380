/*
 * host_dgram.h - the part of the kernel seam that speaks recvmmsg(2), sendmmsg(2) and error queues
 *
 * Private to link/host_kernel.c: the functions are entries of its struct host_ops.
 */
#ifndef LINK_HOST_DGRAM_H
#define LINK_HOST_DGRAM_H

#include "link/host.h"

int host_dgram_recvmmsg(struct host *h, int fd, struct host_dgram *d, int n);
int host_dgram_sendmmsg(struct host *h, int fd, struct host_dgram *d, int n);
ssize_t host_dgram_recv(struct host *h, int fd, void *to, size_t max);
ssize_t host_dgram_send(struct host *h, int fd, const void *from, size_t len);
int host_dgram_sockerr(struct host *h, int fd, struct host_sockerr *e);

#endif
