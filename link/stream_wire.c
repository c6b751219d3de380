/*
 * stream_wire.c - the frame format of a byte stream (see stream_wire.h)
 */
#include "link/stream_wire.h"

enum stream_parse
stream_parse(struct rd *r, struct view *frame, uint32_t *len)
{
	*len = rd_u32(r);
	if (r->bad)
		return STREAM_PARTIAL;
	if (*len < STREAM_FRAME_MIN || *len > FRAME_MAX)
		return STREAM_BAD;
	*frame = rd_take(r, *len);
	return r->bad ? STREAM_PARTIAL : STREAM_FRAME;
}

void
stream_emit(struct wr *w, uint32_t len)
{
	wr_u32(w, len);
}
