/*
 * stream.h - frames over a byte stream, each after its length in 4 big-endian bytes
 *
 * What QEMU's -netdev stream and socket, libkrun, muvm and passt speak: no virtio-net header, so no offloads
 * are known, and frames may be as long as the guest's MTU makes them.
 *
 * One VMM at a time.  When it leaves the flows end and the next is served, or the link is gone.
 */
#ifndef LINK_STREAM_H
#define LINK_STREAM_H

#include "link/link.h"

struct stream_options {
	const char *path; /* copied; NULL: fd */
	bool connect;     /* the VMM listens at path */
	int fd;           /* connected, or listening; the link's own from success on */
	bool one_off;
	uint32_t mtu;
};

/* NULL: a sentence in why (of size bytes).  With why the descriptor stays the giver's. */
struct link *link_stream(struct host *h, const struct stream_options *o, char *why, size_t size);

/* The descriptor it was given is the giver's again: before free(), when the gateway could not be built. */
void link_stream_disown(struct link *l);

#endif
