/*
 * vnet_wire.h - the virtio-net header that goes before a frame (virtio 1.2 section 5.1.6)
 *
 *	flags 1 | gso_type 1 | hdr_len 2 | gso_size 2 | csum_start 2 | csum_offset 2 | num_buffers 2
 *
 * Little-endian, as virtio 1 has it; a tap is told so (TUNSETVNETLE) when it is set up.  Nothing is judged
 * here: whether the numbers fit the frame is for the stack to say, who knows the frame.
 */
#ifndef LINK_VNET_WIRE_H
#define LINK_VNET_WIRE_H

#include "stack/frame.h"

#define VNET_HLEN 12u

/* Reads the header and leaves r at the frame. */
bool vnet_parse(struct rd *r, struct offload *off);

/* num_buffers is 1; who spreads a frame over several receive buffers (virtio_rx.c) writes it again. */
void vnet_emit(struct wr *w, const struct offload *off);

#endif
