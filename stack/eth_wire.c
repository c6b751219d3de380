/*
 * eth_wire.c - Ethernet II headers on the wire
 *
 * 6 bytes of destination, 6 of source, 2 of type.  A frame that ends there has an empty payload and is
 * whole; VLAN tags are just another type, which nobody here asks for.
 */
#include "stack/eth_wire.h"

bool
eth_parse(struct rd *r, struct eth *h)
{
	rd_copy(r, h->dst.b, sizeof(h->dst.b));
	rd_copy(r, h->src.b, sizeof(h->src.b));
	h->type = rd_u16(r);
	return !r->bad;
}

void
eth_emit(struct wr *w, const struct eth *h)
{
	wr_bytes(w, h->dst.b, sizeof(h->dst.b));
	wr_bytes(w, h->src.b, sizeof(h->src.b));
	wr_u16(w, h->type);
}
