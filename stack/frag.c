/*
 * frag.c - reassembly of the guest's fragments
 *
 * A set keeps the runs of bytes it has as (from, to) pairs and the bytes themselves in blocks lent from
 * one array, so a piece costs a walk over at most FRAG_SETS names and FRAG_HOLES runs and one copy.
 * Nothing is linked by pointers and nothing is moved before the datagram is whole.
 *
 *	payload   |----block 0----|----block 1----|----block 2----|
 *	have      [== run 0 ==]      [=== run 1 ======]           end (known once the last piece came)
 */
#include "stack/frag.h"

#include <assert.h>

#define FRAG_IP_MAX 65535u /* what a total or payload length field can say */

static_assert(FRAG_BLOCKS < 256, "a block's number + 1 fits a byte");

/* One piece on its way into its set. */
struct piece {
	uint32_t from, to;
	bool more;
	const uint8_t *p;
};

static void
give_back_blocks(struct frag_table *t, struct frag_set *s)
{
	for (size_t i = 0; i < sizeof(s->block); i++) {
		if (s->block[i])
			t->block_used[s->block[i] - 1] = 0;
		s->block[i] = 0;
	}
}

static void
set_next(struct frag_table *t)
{
	t->next = TIME_NEVER;
	for (unsigned i = 0; i < FRAG_SETS; i++) {
		if (t->set[i].used)
			t->next = time_min(t->next, t->set[i].expires);
	}
}

static void
set_free(struct frag_table *t, struct frag_set *s)
{
	give_back_blocks(t, s);
	s->used = false;
	set_next(t);
}

/* The bytes go; the name stays until its timeout. */
static void
set_kill(struct frag_table *t, struct frag_set *s)
{
	give_back_blocks(t, s);
	s->dead = true;
	s->nrun = 0;
}

/* The set that began first, save that number; NULL: there is none. */
static struct frag_set *
set_oldest(struct frag_table *t, size_t except)
{
	struct frag_set *old = NULL;

	for (size_t i = 0; i < FRAG_SETS; i++) {
		struct frag_set *s = &t->set[i];

		if (!s->used || i == except)
			continue;
		if (!old || s->expires < old->expires)
			old = s;
	}
	return old;
}

static struct frag_set *
set_find(struct frag_table *t, const struct ip *h)
{
	for (unsigned i = 0; i < FRAG_SETS; i++) {
		struct frag_set *s = &t->set[i];

		if (s->used && s->id == h->id && s->proto == h->proto && addr_eq(&s->src, &h->src) &&
		    addr_eq(&s->dst, &h->dst))
			return s;
	}
	return NULL;
}

static struct frag_set *
set_new(struct frag_table *t, const struct ip *h, usec_t now, bool *evicted)
{
	struct frag_set *s = NULL;

	for (unsigned i = 0; i < (t->max_sets ? t->max_sets : FRAG_SETS) && !s; i++) {
		if (!t->set[i].used)
			s = &t->set[i];
	}
	if (!s) {
		s = set_oldest(t, FRAG_SETS);
		give_back_blocks(t, s);
		*evicted = true;
	}
	*s = (struct frag_set){
	    .used = true,
	    .src = h->src,
	    .dst = h->dst,
	    .proto = h->proto,
	    .id = h->id,
	    .expires = now + FRAG_TIMEOUT,
	};
	set_next(t);
	return s;
}

/* A free block's number + 1; the oldest other set pays when there is none. */
static uint8_t
take_block(struct frag_table *t, const struct frag_set *s, bool *evicted)
{
	for (;;) {
		for (unsigned i = 0; i < (t->max_blocks ? t->max_blocks : FRAG_BLOCKS); i++) {
			if (t->block_used[i])
				continue;
			t->block_used[i] = 1;
			return (uint8_t)(i + 1);
		}
		/* A set that asks holds 31 blocks at most, of at least 32: another one has some. */
		struct frag_set *old = set_oldest(t, (size_t)(s - t->set));

		assert(old);
		set_free(t, old);
		*evicted = true;
	}
}

/* Where the payload's byte at this place belongs, up to the end of its block. */
static uint8_t *
block_for(struct frag_table *t, struct frag_set *s, uint32_t at, bool *evicted)
{
	uint8_t *n = &s->block[at / FRAG_BLOCK];

	if (*n == 0)
		*n = take_block(t, s, evicted);
	return t->mem[*n - 1] + at % FRAG_BLOCK;
}

/* Bytes of the piece from this place on that are in one block. */
static uint32_t
in_block(const struct piece *pc, uint32_t at)
{
	uint32_t room = FRAG_BLOCK - at % FRAG_BLOCK;

	return pc->to - at < room ? pc->to - at : room;
}

static void
copy_in(struct frag_table *t, struct frag_set *s, const struct piece *pc, bool *evicted)
{
	uint32_t n;

	for (uint32_t at = pc->from; at < pc->to; at += n) {
		n = in_block(pc, at);
		memcpy(block_for(t, s, at, evicted), pc->p + (at - pc->from), n);
	}
}

/* Are the bytes of a piece that lies inside one run the ones already there? */
static bool
same_bytes(const struct frag_table *t, const struct frag_set *s, const struct piece *pc)
{
	uint32_t n;

	for (uint32_t at = pc->from; at < pc->to; at += n) {
		const uint8_t *mem = t->mem[s->block[at / FRAG_BLOCK] - 1];

		n = in_block(pc, at);
		if (memcmp(mem + at % FRAG_BLOCK, pc->p + (at - pc->from), n) != 0)
			return false;
	}
	return true;
}

/* The end the pieces agree on; false: they do not. */
static bool
end_agrees(const struct frag_set *s, const struct piece *pc)
{
	uint32_t reach = s->nrun ? s->run[s->nrun - 1].to : 0;

	if (!pc->more)
		return s->has_last ? pc->to == s->end : pc->to >= reach;
	return !s->has_last || pc->to < s->end;
}

enum place { PLACE_NEW, PLACE_DUPLICATE, PLACE_OVERLAP };

/* Where a piece falls; *i is the first run after it.  Bytes that are all there and equal are harmless. */
static enum place
find_place(const struct frag_table *t, const struct frag_set *s, const struct piece *pc, unsigned *i)
{
	for (*i = 0; *i < s->nrun && s->run[*i].from < pc->to; (*i)++) {
		if (s->run[*i].to <= pc->from)
			continue;
		bool inside = s->run[*i].from <= pc->from && pc->to <= s->run[*i].to;

		return inside && same_bytes(t, s, pc) ? PLACE_DUPLICATE : PLACE_OVERLAP;
	}
	return PLACE_NEW;
}

/* Note the run, joined to its neighbours; false: there are too many. */
static bool
add_run(struct frag_set *s, const struct piece *pc, unsigned i)
{
	bool left = i > 0 && s->run[i - 1].to == pc->from;
	bool right = i < s->nrun && s->run[i].from == pc->to;

	if (left && right) {
		s->run[i - 1].to = s->run[i].to;
		s->nrun--;
		memmove(&s->run[i], &s->run[i + 1], (s->nrun - i) * sizeof(s->run[0]));
	} else if (left) {
		s->run[i - 1].to = pc->to;
	} else if (right) {
		s->run[i].from = (uint16_t)pc->from;
	} else {
		if (s->nrun == FRAG_HOLES)
			return false;
		memmove(&s->run[i + 1], &s->run[i], (s->nrun - i) * sizeof(s->run[0]));
		s->run[i].from = (uint16_t)pc->from;
		s->run[i].to = pc->to;
		s->nrun++;
	}
	s->have += pc->to - pc->from;
	return true;
}

static void
note_first(struct frag_set *s, const struct ip *h, struct view quote)
{
	s->has_first = true;
	s->tos = h->tos;
	s->ttl = h->ttl;
	s->nquote = (uint16_t)(quote.len < FRAG_QUOTE ? quote.len : FRAG_QUOTE);
	if (s->nquote)
		memcpy(s->quote, quote.p, s->nquote);
}

static void
finish(struct frag_table *t, struct frag_set *s, struct ip *out, struct view *whole)
{
	uint32_t n;

	for (uint32_t at = 0; at < s->end; at += n) {
		n = s->end - at < FRAG_BLOCK ? s->end - at : FRAG_BLOCK;
		memcpy(t->whole + at, t->mem[s->block[at / FRAG_BLOCK] - 1], n);
	}
	*whole = view_of(t->whole, s->end);
	*out = (struct ip){
	    .src = s->src,
	    .dst = s->dst,
	    .proto = s->proto,
	    .ttl = s->ttl,
	    .tos = s->tos,
	    .id = s->id,
	    .len = s->end,
	};
	out->hlen = (uint16_t)ip_emit_len(out);
	set_free(t, s);
}

/* Bytes of payload that the whole packet can carry behind the header that the first piece will bring. */
static uint32_t
payload_max(const struct ip *h)
{
	if (addr_is_v4(&h->src))
		return FRAG_IP_MAX - h->hlen;
	return FRAG_IP_MAX - (h->unfrag_len > IP6_HLEN ? h->unfrag_len - IP6_HLEN : 0);
}

/* Can this be a piece of any datagram, and of this one? */
static bool
piece_ok(const struct frag_set *s, const struct piece *pc, const struct ip *h)
{
	if (pc->to == pc->from || pc->to > payload_max(h))
		return false;
	if (pc->more && (pc->to - pc->from) % 8 != 0)
		return false;
	return !s || end_agrees(s, pc);
}

/* Puts the piece where it belongs: FRAG_WAITING, or what killed the set. */
static enum frag_result
add_piece(struct frag_table *t, struct frag_set *s, const struct piece *pc, bool *evicted)
{
	unsigned at;

	switch (find_place(t, s, pc, &at)) {
	case PLACE_DUPLICATE:
		return FRAG_WAITING;
	case PLACE_OVERLAP:
		set_kill(t, s);
		return FRAG_OVERLAPS;
	case PLACE_NEW:
		break;
	}
	if (!add_run(s, pc, at)) {
		set_kill(t, s);
		return FRAG_BAD;
	}
	copy_in(t, s, pc, evicted);
	if (!pc->more) {
		s->has_last = true;
		s->end = pc->to;
	}
	return FRAG_WAITING;
}

enum frag_result
frag_input(struct frag_table *t, const struct ip *h, struct view bytes, struct view quote, usec_t now,
	   struct ip *first_ip, struct view *whole)
{
	struct piece pc = {
	    .from = h->frag_off,
	    .to = h->frag_off + (uint32_t)bytes.len,
	    .more = h->more,
	    .p = bytes.p,
	};
	struct frag_set *s = set_find(t, h);
	bool evicted = false;

	if (s && s->dead)
		return FRAG_BAD;
	if (!piece_ok(s, &pc, h)) {
		if (s)
			set_kill(t, s);
		return FRAG_BAD;
	}
	if (!s)
		s = set_new(t, h, now, &evicted);

	enum frag_result res = add_piece(t, s, &pc, &evicted);

	if (res != FRAG_WAITING)
		return res;
	if (pc.from == 0 && !s->has_first)
		note_first(s, h, quote);
	if (s->has_last && s->have == s->end) {
		finish(t, s, first_ip, whole);
		return FRAG_COMPLETE;
	}
	return evicted ? FRAG_EVICTED : FRAG_WAITING;
}

bool
frag_expire(struct frag_table *t, usec_t now, struct view *quote)
{
	if (frag_deadline(t) > now)
		return false;
	for (unsigned i = 0; i < FRAG_SETS; i++) {
		struct frag_set *s = &t->set[i];

		if (!s->used || s->expires > now)
			continue;
		bool silent = s->dead;

		set_free(t, s);
		if (silent)
			continue;
		/* The slot's bytes stay as they are until the next frag_input(). */
		*quote = s->has_first ? view_of(s->quote, s->nquote) : view_of(NULL, 0);
		return true;
	}
	return false;
}

usec_t
frag_deadline(const struct frag_table *t)
{
	return t->next ? t->next : TIME_NEVER;
}

void
frag_forget(struct frag_table *t)
{
	for (unsigned i = 0; i < FRAG_SETS; i++)
		if (t->set[i].used)
			set_free(t, &t->set[i]);
	t->next = TIME_NEVER;
}
