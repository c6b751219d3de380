/*
 * vhost_user.h - the back end of a vhost-user network device (QEMU docs/interop/vhost-user.rst)
 *
 * The VMM shares its memory as file descriptors and says where the queues are; the gateway's thread services
 * them (virtio.h).  One VMM at a time: the next one's connection waits in the listening socket's queue.  When one
 * leaves, or says something that makes no sense, its flows end and the next is served, or the link is gone.
 *
 * Memory.  A region is mapped only if its file is at least as long as the region says.  A VMM could still
 * truncate the file: the kernel then answers an access with SIGBUS, which only a whole program can decide about.
 * A memfd with F_SEAL_SHRINK rules that out; without the seal a warning is given.  A VMM can also make its memory
 * slow (userfaultfd, a file system of its own), or its call descriptors full and blocking, which holds up this
 * gateway, hence itself.
 *
 * Life of a message: vhost_user.c reads it, vhost_user_wire.c makes a struct of it, vhost_user_session.c does
 * what it says, vhost_user_memory.c maps what it brings.
 */
#ifndef LINK_VHOST_USER_H
#define LINK_VHOST_USER_H

#include "link/link.h"

struct vhost_user_options {
	const char *path; /* copied; NULL: fd */
	bool connect;     /* the VMM listens at path */
	int fd;           /* connected, or listening; the link's own from success on */
	bool one_off;
	uint32_t mtu;
	/* Offered with VIRTIO_NET_F_MAC, and then the MTU too, to those who ask the back end (crosvm); zero: the
	 * configuration space is the VMM's. */
	uint8_t mac[6];
	/* One line, level as in sluice_log_level: what is odd about a VMM. */
	void (*log)(void *ctx, unsigned level, const char *line);
	void *log_ctx;
};

/* NULL: a sentence in why (of size bytes).  With why the descriptor stays the giver's. */
struct link *link_vhost_user(struct host *h, const struct vhost_user_options *o, char *why, size_t size);

/* The descriptor it was given is the giver's again: before free(), when the gateway could not be built. */
void link_vhost_user_disown(struct link *l);

#endif
