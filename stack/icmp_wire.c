/*
 * icmp_wire.c - ICMP and ICMPv6 headers on the wire: type, code, checksum and the four bytes that
 * every message has after them, whatever they mean there
 */
#include "stack/icmp_wire.h"

bool
icmp_parse(struct rd *r, struct icmp *h)
{
	h->type = rd_u8(r);
	h->code = rd_u8(r);
	h->csum = rd_u16(r);
	h->rest = rd_u32(r);
	return !r->bad;
}

void
icmp_emit(struct wr *w, const struct icmp *h)
{
	wr_u8(w, h->type);
	wr_u8(w, h->code);
	wr_u16(w, h->csum);
	wr_u32(w, h->rest);
}
