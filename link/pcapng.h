/*
 * pcapng.h - writing every frame to a capture file (draft-ietf-opsawg-pcapng)
 *
 * One section with one interface, `guest`: Ethernet, microseconds.  Each frame is one enhanced packet
 * block in one write, with its direction as the gateway sees it: inbound came from the guest.  The file is
 * whole after every write, so that Wireshark can read along while it grows.
 *
 * Frames are written as the link carries them: a segment that offload will cut later is one oversize frame,
 * and a checksum that offload will finish is the unfinished one (Wireshark: "validate checksum: off").
 */
#ifndef LINK_PCAPNG_H
#define LINK_PCAPNG_H

#include "link/host.h"
#include "stack/frame.h"

#define PCAPNG_BLOCK_MAX (FRAME_MAX + 64u) /* a frame, its padding and everything around it */

enum pcapng_dir { PCAPNG_UNKNOWN, PCAPNG_FROM_GUEST, PCAPNG_TO_GUEST };

struct pcapng {
	struct host *host;
	int fd;        /* the caller's; a nonblocking pipe will do */
	usec_t origin; /* added to every timestamp */
	uint64_t lost; /* frames not written because a pipe was full; told in the next one (epb_dropcount) */
	uint8_t *rest; /* the end of a block a pipe took only in part */
	size_t rest_at, rest_len;
	int error; /* positive errno: the file is broken (full disk, closed pipe), nothing more is written */
};

/* Writes the file's head.  origin is what time zero is in microseconds since 1970.  0 or -errno. */
int pcapng_init(struct pcapng *w, struct host *h, int fd, usec_t origin);

/* One frame at a moment.  Cannot fail: see lost and error. */
void pcapng_frame(struct pcapng *w, const struct frame *f, enum pcapng_dir dir, usec_t now);

/* Writes what is left of a block if it can, and gives back memory; fd stays open.  A zeroed one is fine. */
void pcapng_done(struct pcapng *w);

#endif
