/*
 * le.h - little-endian fields, beside the network order of stack/wire.h
 *
 * The virtio-net header and the capture files this project writes are little-endian.  Same readers and
 * writers, same sticky `bad`.
 */
#ifndef LINK_LE_H
#define LINK_LE_H

#include "stack/wire.h"

static inline uint16_t
rd_le16(struct rd *r)
{
	struct view v = rd_take(r, 2);

	return v.len ? (uint16_t)(v.p[1] << 8 | v.p[0]) : 0;
}

static inline uint32_t
rd_le32(struct rd *r)
{
	uint32_t lo = rd_le16(r);

	return (uint32_t)rd_le16(r) << 16 | lo;
}

static inline void
wr_le16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_take(w, 2);

	if (p) {
		p[0] = (uint8_t)v;
		p[1] = (uint8_t)(v >> 8);
	}
}

static inline void
wr_le32(struct wr *w, uint32_t v)
{
	wr_le16(w, (uint16_t)v);
	wr_le16(w, (uint16_t)(v >> 16));
}

#endif
