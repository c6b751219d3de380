/*
 * wire.c - the way between guest and gateway: what is lost on it, late, twice or changed
 *
 * It is bad, not dead: of one conversation and direction no more than a few frames in a row are lost, so that a
 * connection that never gives in always ends.  What it changes is one byte that a checksum covers; the 16-bit
 * sum sees every such change (RFC 1071: a word differs by less than 65,535, and by more than nothing).
 */
#include <stdlib.h>

#include "stack/eth_wire.h"
#include "test/sim/inside.h"

void
wire_init(struct sim *s)
{
	struct wire *w = &s->wire;
	struct luck *l = &w->luck;

	*w = (struct wire){
	    .luck = {luck_mix(s->set.seed ^ 0x77697265)}, .stall_at = TIME_NEVER, .room_back = TIME_NEVER};
	for (int i = 0; i < WAYS; i++)
		w->delay[i] = (usec_t)luck_size(l, 15);
	w->quantum = 1 + (usec_t)luck_size(l, 12);
	w->late = 1 + (usec_t)luck_size(l, 16);
	w->row_max = 2;
	unsigned loss = luck_in(l, 1, 3) ? 200 : 40, lag = 1 + (unsigned)luck_below(l, 150),
		 twice = (unsigned)luck_below(l, 150);
	unsigned spoil = 1 + (unsigned)luck_below(l, 60);
	loss = 1 + (unsigned)luck_below(l, loss);
	usec_t every = USEC_PER_MSEC + (usec_t)luck_size(l, 24);
	usec_t length = USEC_PER_MSEC + (usec_t)luck_size(l, 21);
	bool room = luck_in(l, 1, 2);

	if (sim_has(s, SIM_LOSS))
		w->loss = loss;
	if (sim_has(s, SIM_DISORDER)) {
		w->lag = lag;
		w->twice = twice;
	}
	if (sim_has(s, SIM_SPOIL))
		w->spoil = spoil;
	if (sim_has(s, SIM_STALLS)) {
		w->stall_every = every;
		w->stall_for = length;
		w->stall_room = room;
		w->stall_at = s->begun + every;
	}
}

static void
parcel_free(struct parcel *p)
{
	if (p)
		free(p->frame);
	free(p);
}

void
wire_free(struct sim *s)
{
	for (int i = 0; i < WAYS; i++) {
		for (struct parcel *p; (p = s->wire.first[i]);) {
			s->wire.first[i] = p->next;
			parcel_free(p);
		}
	}
}

struct parcel *
wire_new(const uint8_t *p, size_t len, const struct offload *off)
{
	struct parcel *n = malloc(sizeof(*n) + len);

	if (!n)
		abort();
	*n = (struct parcel){.len = len};
	if (off)
		n->off = *off;
	if (len)
		memcpy(n->bytes, p, len);
	return n;
}

static struct parcel *
again(const struct parcel *p)
{
	struct parcel *n = malloc(sizeof(*n) + p->len);

	if (!n)
		abort();
	memcpy(n, p, sizeof(*n) + p->len);
	if (!p->frame)
		return n;
	n->frame = malloc(sizeof(*n->frame) + p->frame->len);
	if (!n->frame)
		abort();
	memcpy(n->frame, p->frame, sizeof(*n->frame) + p->frame->len);
	if (p->frame->is.payload.len)
		n->frame->is.payload.p = n->frame->bytes + (p->frame->is.payload.p - p->frame->bytes);
	return n;
}

/* Behind all that arrive no later. */
static void
insert(struct wire *w, enum way way, struct parcel *p)
{
	struct parcel **at = &w->first[way];

	if (w->last[way] && w->last[way]->at <= p->at)
		at = &w->last[way]->next;
	while (*at && (*at)->at <= p->at)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
	if (!p->next)
		w->last[way] = p;
}

static void
set_out(struct sim *s, enum way way, struct parcel *p)
{
	struct wire *w = &s->wire;

	p->at = sim_now(s) + w->delay[way];
	if (!p->delicate && luck_in(&w->luck, w->lag, 1000)) {
		p->at += 1 + (usec_t)luck_below(&w->luck, (uint64_t)w->late);
		s->res.late++;
	}
	p->at += w->quantum - 1 - (p->at + w->quantum - 1) % w->quantum;
	if (p->at < w->stall_until)
		p->at = w->stall_until;
	insert(w, way, p);
	if (p->talk && way == UP)
		p->talk->under_way++;
}

/* One byte that a checksum covers.  False: there is none. */
static bool
spoil(struct wire *w, struct parcel *p)
{
	bool v4 = p->bytes[12] == 8 && p->bytes[13] == 0;
	/* Nothing covers the header of a piece in IPv6. */
	size_t l4 = ETH_HLEN + (v4 ? IP4_HLEN : IP6_HLEN + (p->cut && p->cut->n > 1 ? IP6_FRAG_HLEN : 0));
	size_t first = v4 ? ETH_HLEN : l4;

	if (p->off.needs_csum || p->len <= l4 || (!v4 && p->bytes[12] != 0x86))
		return false;
	size_t at = first + luck_below(&w->luck, p->len - first);
	/* A shorter length of UDP's may leave a sum that is right by chance. */
	if (p->dgram && (at == l4 + 4 || at == l4 + 5))
		at = l4;
	p->bytes[at] ^= (uint8_t)(1 + luck_below(&w->luck, 255));
	p->spoiled = true;
	return true;
}

static bool
is_lost(struct sim *s, enum way way, struct parcel *p, struct talk *t)
{
	struct wire *w = &s->wire;
	unsigned *row = t ? &t->lost_in_row[way] : &w->in_row[way];

	if (*row < w->row_max && luck_in(&w->luck, w->loss, 1000)) {
		(*row)++;
		s->res.lost++;
		parcel_free(p);
		return true;
	}
	if (*row < w->row_max && !p->delicate && luck_in(&w->luck, w->spoil, 1000)) {
		/* What a guest does with it is a guest's affair: it has checksums, and drops it. */
		bool covered =
		    way == UP ? spoil(w, p) : !p->frame->off.needs_csum && p->frame->is.kind != STRICT_ARP;

		if (covered) {
			(*row)++;
			s->res.spoiled++;
			if (way == DOWN)
				parcel_free(p);
			return way == DOWN;
		}
	}
	*row = 0;
	return false;
}

static void
put(struct sim *s, enum way way, struct parcel *p, struct talk *t)
{
	if (is_lost(s, way, p, t))
		return;
	if (!p->delicate && luck_in(&s->wire.luck, s->wire.twice, 1000)) {
		s->res.repeated++;
		set_out(s, way, again(p));
	}
	set_out(s, way, p);
}

void
wire_up(struct sim *s, struct parcel *p)
{
	put(s, UP, p, p->talk);
}

void
wire_down(struct sim *s, struct bed_frame *f, struct talk *t)
{
	struct parcel *p = wire_new(NULL, 0, NULL);

	p->frame = f;
	p->talk = t;
	put(s, DOWN, p, t);
}

usec_t
wire_next(const struct sim *s)
{
	const struct wire *w = &s->wire;
	usec_t t = time_min(w->stall_at, w->room_back);

	for (int i = 0; i < WAYS; i++)
		if (w->first[i])
			t = time_min(t, w->first[i]->at);
	return t;
}

struct parcel *
wire_take(struct sim *s, enum way way)
{
	struct parcel *p = s->wire.first[way];

	if (!p || p->at > sim_now(s))
		return NULL;
	s->wire.first[way] = p->next;
	if (!p->next)
		s->wire.last[way] = NULL;
	if (p->talk && way == UP)
		p->talk->under_way--;
	return p;
}

void
wire_stall(struct sim *s)
{
	struct wire *w = &s->wire;
	usec_t now = sim_now(s);

	if (w->room_back <= now) {
		memlink_set_room(s->bed->mem, MEMLINK_ENDLESS);
		w->room_back = TIME_NEVER;
	}
	if (w->stall_at > now)
		return;
	usec_t length = 1 + (usec_t)luck_below(&w->luck, (uint64_t)w->stall_for);
	s->res.stalls++;
	w->stall_until = now + length;
	if (w->stall_room) {
		memlink_set_room(s->bed->mem, (size_t)luck_below(&w->luck, 4));
		w->room_back = w->stall_until;
	}
	sim_say(s, "the wire stands still for %lld us%s", (long long)length,
		w->stall_room ? ", and has no room" : "");
	/* Ever more seldom: hours pass, too. */
	w->stall_every += w->stall_every / 2;
	w->stall_at = w->stall_until + w->stall_every;
}
