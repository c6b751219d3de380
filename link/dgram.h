/*
 * dgram.h - one frame a datagram over an AF_UNIX socket
 *
 * What libkrun's unixgram, krunkit, vfkit and QEMU's -netdev dgram speak: bare frames, the first datagram
 * possibly the greeting "VFKT".  The kernel keeps few datagrams for a reader (net.unix.max_dgram_qlen, 10): a
 * full queue is waited for, never a loss.
 *
 * The first sender is the guest; the socket is connected to it, and the kernel lets nobody else in until it has
 * gone (EPERM).  A sender without an address cannot be answered and is refused, but for the other end of a pair.
 *
 * The kernel does not tell a datagram socket that its peer is gone, only whoever sends to it.  So the process that
 * sent the first datagram is watched as well, where it can be (pidfd_open(2), Linux 5.3; same pid namespace).
 */
#ifndef LINK_DGRAM_H
#define LINK_DGRAM_H

#include "link/link.h"

struct dgram_options {
	const char *path; /* copied; NULL: fd */
	int fd;           /* bound or connected; the link's own from success on */
	bool one_off;
	uint32_t mtu;
};

/* NULL: a sentence in why (of size bytes).  With why the descriptor stays the giver's. */
struct link *link_dgram(struct host *h, const struct dgram_options *o, char *why, size_t size);

/* The descriptor it was given is the giver's again: before free(), when the gateway could not be built. */
void link_dgram_disown(struct link *l);

/* Will a guest be answered at a path that only it knows?  Else it has the other end of a pair. */
bool link_dgram_answers_by_path(struct link *l);

#endif
