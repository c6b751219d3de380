/*
 * evidence.c - names, addresses, and the pairs of them that an answer made
 *
 * A pair hangs in two lists, newest first: of its name, and of its address.  Names and addresses are found by keyed
 * hashes; a pair is found by walking its address's list, which is short by its limit.  A heap keeps the pair that
 * expires first on top: it goes when it has expired, or when its place is needed.
 *
 *     names     github.com ─────┬─────────────┐              (hash of the name)
 *     pairs                   140.82.121.3  140.82.121.4
 *     addresses                 140.82.121.3 ── github.com, www.github.com     (hash of the address)
 *
 * Everything is in arrays of a fixed size that the system hands over as they are touched.  Places are numbers; NONE is
 * none.
 */
#include "policy/evidence.h"

#include <assert.h>
#include <stdlib.h>

#include "stack/siphash.h"

#define NONE UINT32_MAX

/* Which list: a pair is in one of each. */
enum side { BY_NAME, BY_ADDR, SIDES };

/* A name or an address, with its pairs. */
struct end {
	uint32_t next;           /* in its bucket (as there), or among the free */
	uint32_t newest, oldest; /* pair */
	uint32_t pairs;
};

struct pair {
	usec_t until;
	uint32_t end[SIDES]; /* its name, its address */
	uint32_t newer[SIDES], older[SIDES];
	uint32_t heap; /* its place there */
};

struct ends {
	struct end *end;
	uint32_t *
	    bucket; /* an end's number + 1, so that an empty table is zeros and no page of it is touched; 0: none */
	uint32_t used, free; /* never used ones begin at `used` */
	uint32_t most;       /* pairs of one */
};

struct evidence {
	struct ends of[SIDES];
	struct name *name; /* by number, as ends */
	struct addr *addr;
	struct pair *pair;
	uint32_t *heap; /* pairs, heap[0] expires first; those behind `n` are free */
	uint32_t n, room, touched;
	uint32_t mask; /* buckets - 1 */
	uint8_t key[SIPHASH_KEY];
};

void
evidence_forget(struct evidence *e)
{
	for (unsigned side = 0; side < SIDES; side++) {
		struct ends *s = &e->of[side];

		if (s->used)
			memset(s->bucket, 0, (e->mask + 1) * sizeof(*s->bucket));
		s->used = 0;
		s->free = NONE;
	}
	e->n = e->touched = 0;
}

static bool
ends_new(struct ends *s, uint32_t room, uint32_t buckets, uint32_t most)
{
	s->end = calloc(room, sizeof(*s->end));
	s->bucket = calloc(buckets, sizeof(*s->bucket));
	s->most = most;
	return s->end && s->bucket;
}

struct evidence *
evidence_new(uint32_t entries, const uint8_t secret[16])
{
	struct evidence *e = calloc(1, sizeof(*e));
	uint32_t buckets = 16;

	if (!e)
		return NULL;
	assert(entries > 0 && entries <= 1u << 24);
	while (buckets < entries)
		buckets *= 2;
	memcpy(e->key, secret, sizeof(e->key));
	e->room = entries;
	e->mask = buckets - 1;
	e->name = calloc(entries, sizeof(*e->name));
	e->addr = calloc(entries, sizeof(*e->addr));
	e->pair = calloc(entries, sizeof(*e->pair));
	e->heap = calloc(entries, sizeof(*e->heap));

	bool good = ends_new(&e->of[BY_NAME], entries, buckets, EVIDENCE_ADDRS);
	good = ends_new(&e->of[BY_ADDR], entries, buckets, EVIDENCE_NAMES) && good;
	if (!good || !e->name || !e->addr || !e->pair || !e->heap) {
		evidence_free(e);
		return NULL;
	}
	evidence_forget(e);
	return e;
}

void
evidence_free(struct evidence *e)
{
	if (!e)
		return;
	for (unsigned side = 0; side < SIDES; side++) {
		free(e->of[side].end);
		free(e->of[side].bucket);
	}
	free(e->name);
	free(e->addr);
	free(e->pair);
	free(e->heap);
	free(e);
}

/* --- names and addresses ------------------------------------------------------------------------------------ */

static uint32_t *
bucket_of(const struct evidence *e, enum side side, struct view v)
{
	return &e->of[side].bucket[siphash(e->key, v.p, v.len) & e->mask];
}

static struct view
bytes_of(const struct evidence *e, enum side side, uint32_t end)
{
	if (side == BY_NAME)
		return view_of(e->name[end].wire, e->name[end].len);
	return view_of(e->addr[end].b, sizeof(e->addr[end].b));
}

static uint32_t
find(const struct evidence *e, enum side side, struct view v)
{
	for (uint32_t link = *bucket_of(e, side, v); link; link = e->of[side].end[link - 1].next) {
		struct view have = bytes_of(e, side, link - 1);

		if (have.len == v.len && memcmp(have.p, v.p, v.len) == 0)
			return link - 1;
	}
	return NONE;
}

/* A place for one more; there is always one, because each has a pair. */
static uint32_t
take_end(struct ends *s)
{
	uint32_t i = s->free;

	if (i == NONE)
		return s->used++;
	s->free = s->end[i].next;
	return i;
}

/* After its bytes are in place. */
static void
enter(struct evidence *e, enum side side, uint32_t end)
{
	uint32_t *bucket = bucket_of(e, side, bytes_of(e, side, end));

	e->of[side].end[end] = (struct end){.next = *bucket, .newest = NONE, .oldest = NONE};
	*bucket = end + 1;
}

static void
leave(struct evidence *e, enum side side, uint32_t end)
{
	struct ends *s = &e->of[side];
	uint32_t *at = bucket_of(e, side, bytes_of(e, side, end));

	while (*at != end + 1)
		at = &s->end[*at - 1].next;
	*at = s->end[end].next;
	s->end[end].next = s->free;
	s->free = end;
}

/* --- the two lists of a pair -------------------------------------------------------------------------------- */

static void
unlink_pair(struct evidence *e, enum side side, uint32_t i)
{
	struct pair *p = &e->pair[i];
	struct end *of = &e->of[side].end[p->end[side]];
	uint32_t newer = p->newer[side], older = p->older[side];

	*(newer == NONE ? &of->newest : &e->pair[newer].older[side]) = older;
	*(older == NONE ? &of->oldest : &e->pair[older].newer[side]) = newer;
	of->pairs--;
}

static void
link_newest(struct evidence *e, enum side side, uint32_t i)
{
	struct pair *p = &e->pair[i];
	struct end *of = &e->of[side].end[p->end[side]];

	p->newer[side] = NONE;
	p->older[side] = of->newest;
	*(of->newest == NONE ? &of->oldest : &e->pair[of->newest].newer[side]) = i;
	of->newest = i;
	of->pairs++;
}

/* --- the heap ----------------------------------------------------------------------------------------------- */

static void
heap_put(struct evidence *e, uint32_t at, uint32_t i)
{
	e->heap[at] = i;
	e->pair[i].heap = at;
}

/* Pair i, whose place is `at`, goes up or down to where its time belongs. */
static void
heap_settle(struct evidence *e, uint32_t at, uint32_t i)
{
	usec_t until = e->pair[i].until;

	for (; at > 0 && e->pair[e->heap[(at - 1) / 2]].until > until; at = (at - 1) / 2)
		heap_put(e, at, e->heap[(at - 1) / 2]);
	for (uint32_t below; (below = 2 * at + 1) < e->n; at = below) {
		if (below + 1 < e->n && e->pair[e->heap[below + 1]].until < e->pair[e->heap[below]].until)
			below++;
		if (e->pair[e->heap[below]].until >= until)
			break;
		heap_put(e, at, e->heap[below]);
	}
	heap_put(e, at, i);
}

/* --- pairs -------------------------------------------------------------------------------------------------- */

static void
drop(struct evidence *e, uint32_t i)
{
	uint32_t at = e->pair[i].heap, last = e->heap[--e->n];

	for (unsigned side = 0; side < SIDES; side++) {
		unlink_pair(e, side, i);
		if (e->of[side].end[e->pair[i].end[side]].pairs == 0)
			leave(e, side, e->pair[i].end[side]);
	}
	e->heap[e->n] = i; /* free */
	if (at < e->n)
		heap_settle(e, at, last);
}

/* Both at most NONE. */
static uint32_t
pair_of(const struct evidence *e, uint32_t name, uint32_t addr)
{
	uint32_t i = name == NONE || addr == NONE ? NONE : e->of[BY_ADDR].end[addr].newest;

	while (i != NONE && e->pair[i].end[BY_NAME] != name)
		i = e->pair[i].older[BY_ADDR];
	return i;
}

static struct view
name_view(const struct name *n)
{
	return view_of(n->wire, n->len);
}

static struct view
addr_view(const struct addr *a)
{
	return view_of(a->b, sizeof(a->b));
}

/* Room for one more, in the table, of its name and of its address. */
static void
make_room(struct evidence *e, const struct name *name, const struct addr *a, usec_t now)
{
	const struct view v[SIDES] = {name_view(name), addr_view(a)};

	while (e->n && (e->pair[e->heap[0]].until <= now || e->n == e->room))
		drop(e, e->heap[0]);
	for (unsigned side = 0; side < SIDES; side++) {
		uint32_t end = find(e, side, v[side]);

		if (end != NONE && e->of[side].end[end].pairs >= e->of[side].most)
			drop(e, e->of[side].end[end].oldest);
	}
}

static uint32_t
pair_new(struct evidence *e, const struct name *name, const struct addr *a, usec_t until)
{
	uint32_t i = e->n < e->touched ? e->heap[e->n] : e->touched++;
	struct pair *p = &e->pair[i];

	*p = (struct pair){
	    .until = until,
	    .end = {find(e, BY_NAME, name_view(name)), find(e, BY_ADDR, addr_view(a))},
	};
	if (p->end[BY_NAME] == NONE) {
		p->end[BY_NAME] = take_end(&e->of[BY_NAME]);
		e->name[p->end[BY_NAME]] = *name;
		enter(e, BY_NAME, p->end[BY_NAME]);
	}
	if (p->end[BY_ADDR] == NONE) {
		p->end[BY_ADDR] = take_end(&e->of[BY_ADDR]);
		e->addr[p->end[BY_ADDR]] = *a;
		enter(e, BY_ADDR, p->end[BY_ADDR]);
	}
	heap_settle(e, e->n++, i);
	return i;
}

void
evidence_add(struct evidence *e, const struct name *name, const struct addr *a, uint32_t ttl, usec_t now)
{
	usec_t life = ttl * USEC_PER_SEC;
	usec_t until = now + (life < EVIDENCE_MIN ? EVIDENCE_MIN : time_min(life, EVIDENCE_MAX));
	uint32_t i = pair_of(e, find(e, BY_NAME, name_view(name)), find(e, BY_ADDR, addr_view(a)));

	if (i != NONE) {
		for (unsigned side = 0; side < SIDES; side++)
			unlink_pair(e, side, i);
		if (e->pair[i].until < until) {
			e->pair[i].until = until;
			heap_settle(e, e->pair[i].heap, i);
		}
	} else {
		make_room(e, name, a, now);
		i = pair_new(e, name, a, until);
	}
	for (unsigned side = 0; side < SIDES; side++)
		link_newest(e, side, i);
}

unsigned
evidence_names(const struct evidence *e, const struct addr *a, usec_t now, const struct name **out,
	       unsigned max)
{
	uint32_t addr = find(e, BY_ADDR, addr_view(a));
	uint32_t i = addr == NONE ? NONE : e->of[BY_ADDR].end[addr].newest;
	unsigned n = 0;

	for (; i != NONE && n < max; i = e->pair[i].older[BY_ADDR])
		if (e->pair[i].until > now)
			out[n++] = &e->name[e->pair[i].end[BY_NAME]];
	return n;
}

usec_t
evidence_left(const struct evidence *e, const struct name *name, const struct addr *a, usec_t now)
{
	uint32_t i = pair_of(e, find(e, BY_NAME, name_view(name)), find(e, BY_ADDR, addr_view(a)));

	return i != NONE && e->pair[i].until > now ? e->pair[i].until - now : 0;
}

uint32_t
evidence_count(const struct evidence *e)
{
	return e->n;
}
