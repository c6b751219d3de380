/*
 * vnet_wire.c - struct offload to and from the bytes of a virtio-net header
 */
#include "link/vnet_wire.h"

#include "link/le.h"

enum {
	FLAG_NEEDS_CSUM = 1, /* VIRTIO_NET_HDR_F_NEEDS_CSUM */
	FLAG_DATA_VALID = 2, /* VIRTIO_NET_HDR_F_DATA_VALID */
	GSO_ECN = 0x80, /* the segments carry ECN marks: all the same to a stack that ends the connection */
};

bool
vnet_parse(struct rd *r, struct offload *off)
{
	uint8_t flags = rd_u8(r);

	*off = (struct offload){
	    .needs_csum = flags & FLAG_NEEDS_CSUM,
	    .csum_valid = flags & FLAG_DATA_VALID,
	};
	off->gso_type = (uint8_t)(rd_u8(r) & ~GSO_ECN);
	off->hdr_len = rd_le16(r);
	off->gso_size = rd_le16(r);
	off->csum_start = rd_le16(r);
	off->csum_offset = rd_le16(r);
	rd_le16(r);
	return !r->bad;
}

void
vnet_emit(struct wr *w, const struct offload *off)
{
	unsigned flags = (off->needs_csum ? FLAG_NEEDS_CSUM : 0u) | (off->csum_valid ? FLAG_DATA_VALID : 0u);

	wr_u8(w, (uint8_t)flags);
	wr_u8(w, off->gso_type);
	wr_le16(w, off->hdr_len);
	wr_le16(w, off->gso_size);
	wr_le16(w, off->csum_start);
	wr_le16(w, off->csum_offset);
	wr_le16(w, 1);
}
