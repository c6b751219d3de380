/*
 * udp_wire.c - UDP headers on the wire (RFC 768)
 */
#include "stack/udp_wire.h"

bool
udp_parse(struct rd *r, struct udp *h)
{
	h->sport = rd_u16(r);
	h->dport = rd_u16(r);
	h->len = rd_u16(r);
	h->csum = rd_u16(r);
	return !r->bad;
}

void
udp_emit(struct wr *w, const struct udp *h)
{
	wr_u16(w, h->sport);
	wr_u16(w, h->dport);
	wr_u16(w, h->len);
	wr_u16(w, h->csum);
}
