/*
 * stream_wire.h - the frame format of a byte stream: 4 bytes of length, big-endian, then the frame
 *
 *	length 4 | frame ...
 *
 * No check sequence, no virtio-net header.  Once a length makes no sense, nothing after it does.
 */
#ifndef LINK_STREAM_WIRE_H
#define LINK_STREAM_WIRE_H

#include "stack/frame.h"

#define STREAM_HLEN 4u
#define STREAM_FRAME_MIN 14u /* an Ethernet header */

enum stream_parse {
	STREAM_FRAME,   /* a whole frame */
	STREAM_PARTIAL, /* more bytes are needed */
	STREAM_BAD,     /* a length that no frame has */
};

/* The next frame of r, which is left behind it; with anything but STREAM_FRAME r is of no more use.  *len is
 * the length as announced, 0 while it is not there. */
enum stream_parse stream_parse(struct rd *r, struct view *frame, uint32_t *len);

void stream_emit(struct wr *w, uint32_t len);

#endif
