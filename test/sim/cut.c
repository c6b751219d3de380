/*
 * cut.c - datagrams that are longer than the link takes: the guest's pieces, and the gateway's put together
 *
 * A piece is a frame of its own to the wire.  Whoever misses one of a datagram's pieces has nothing; what is there often enough may come
 * as often as its rarest piece.  Here pieces are put together in the plainest way: a buffer, and the runs that are in it.
 */
#include <stdlib.h>

#include "stack/eth_wire.h"
#include "test/sim/inside.h"

struct pieces {
	struct pieces *next;
	struct addr src, dst;
	uint8_t proto, ttl;
	uint32_t id;
	uint64_t end; /* 0: not known yet */
	struct runs have;
	uint8_t bytes[65536];
};

/* --- the guest's ----------------------------------------------------------------------------------------------- */

void
cut_send(struct sim *s, size_t len, struct dgram *d, struct ping *p, struct cut *cut)
{
	size_t head = ETH_HLEN + (s->buf[12] == 8 && s->buf[13] == 0 ? IP4_HLEN : IP6_HLEN), at = 0;
	size_t most = (s->conf.lim.mtu - IP6_HLEN - IP6_FRAG_HLEN) / 8 * 8;
	uint32_t id = (uint32_t)(s->next_cut++ * 7 + 1);

	cut->n = 1;
	if (len - ETH_HLEN > s->conf.lim.mtu)
		cut->n = (unsigned)((len - head + most - 1) / most);
	if (cut->n > CUT_MAX)
		abort();
	for (unsigned i = 0; i < cut->n; i++, at += most) {
		size_t n = len - head - at < most ? len - head - at : most, made = len;
		const uint8_t *from = s->buf;

		if (cut->n > 1) {
			made = craft_piece(s->piece, view_of(s->buf, len), (uint32_t)at, (uint32_t)n,
					   id & 0xffff);
			from = s->piece;
		}
		struct parcel *out = wire_new(from, made, NULL);
		out->dgram = d;
		out->ping = p;
		out->cut = cut;
		out->piece = i;
		wire_up(s, out);
	}
}

/* It has come to the gateway: how often all of its datagram has, at most. */
unsigned
cut_came(struct cut *cut, unsigned piece)
{
	unsigned least = ++cut->came[piece];

	for (unsigned i = 0; i < cut->n; i++)
		least = cut->came[i] < least ? cut->came[i] : least;
	return least;
}

/* --- the gateway's ------------------------------------------------------------------------------------------------ */

static struct pieces *
of(struct sim *s, const struct strict *f)
{
	struct pieces *p = s->pieces;

	while (p && !(p->id == f->ip.id && p->proto == f->ip.proto && addr_eq(&p->src, &f->ip.src) &&
		      addr_eq(&p->dst, &f->ip.dst)))
		p = p->next;
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->next = s->pieces;
	p->src = f->ip.src;
	p->dst = f->ip.dst;
	p->proto = f->ip.proto;
	p->ttl = f->ip.ttl;
	p->id = f->ip.id;
	return s->pieces = p;
}

static void
forget(struct sim *s, struct pieces *p)
{
	struct pieces **at = &s->pieces;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free(p);
}

/* All of it is there: it is heard as if it had come so. */
static void
whole(struct sim *s, struct pieces *p)
{
	struct strict_wire wire = s->bed->wire;
	struct bed_frame *f = calloc(1, sizeof(*f) + FRAME_MAX);
	struct craft c = {
	    .src_mac = wire.gateway, .dst_mac = wire.guest, .src = p->src, .dst = p->dst, .ttl = p->ttl};

	if (!f)
		abort();
	wire.lim.mtu = 65535;
	f->len = craft_ip(f->bytes, &c, p->proto, view_of(p->bytes, (size_t)p->end));
	const char *wrong = strict_check(&wire, f->bytes, f->len, &f->off, &f->is);
	forget(s, p);
	s->res.joined++;
	if (wrong)
		sim_complain(s, "pieces of the gateway's make a bad datagram: %s", wrong);
	else
		guest_hear(s, f, NULL);
	free(f);
}

void
cut_hear(struct sim *s, const struct strict *f)
{
	struct pieces *p = of(s, f);
	uint64_t from = f->ip.frag_off, until = from + f->payload.len;

	/* The same again is fine, another text in its place is not. */
	if (runs_have(&p->have, from, until) && memcmp(p->bytes + from, f->payload.p, f->payload.len) != 0)
		sim_complain(s, "two pieces of one datagram of the gateway's overlap");
	if (!runs_add(&p->have, from, until))
		sim_complain(s, "the model has no room for so many pieces");
	memcpy(p->bytes + from, f->payload.p, f->payload.len);
	if (!f->ip.more)
		p->end = until;
	if (p->end && runs_have(&p->have, 0, p->end))
		whole(s, p);
}

void
cut_free(struct sim *s)
{
	while (s->pieces)
		forget(s, s->pieces);
}
