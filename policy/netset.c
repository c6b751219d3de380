/*
 * netset.c - many networks as the edges of what they cover
 *
 * While it is built, a set is a list of ranges.  Sealing sorts and joins them; what is left are edges, in order: an
 * address is covered if the last edge at or below it opens.
 *
 *         [10.0.0.0      10.2.0.0)      [192.0.2.0   192.0.3.0)
 *     edge[0]           edge[1]        edge[2]      edge[3]
 *
 * A range up to the very last address has no closing edge.
 */
#include "policy/sets.h"

#include <assert.h>
#include <stdlib.h>

/* An address as a number, most significant half first. */
struct edge {
	uint64_t high, low;
};

struct range {
	struct edge first, last;
};

/* The networks of one family. */
struct cover {
	struct range *range; /* until it is sealed */
	size_t n, room;
	struct edge *edge;
	size_t edges;
};

struct netset {
	struct cover of[FAMILIES];
	size_t count;
	bool sealed;
};

static uint64_t
load_be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static struct edge
edge_of(const struct addr *a)
{
	return (struct edge){.high = load_be64(a->b), .low = load_be64(a->b + 8)};
}

static bool
is_below(const struct edge *a, const struct edge *b)
{
	return a->high < b->high || (a->high == b->high && a->low < b->low);
}

/* The edge behind e; false: e is the last address there is. */
static bool
next_edge(struct edge *e)
{
	e->low++;
	if (e->low == 0)
		e->high++;
	return e->low != 0 || e->high != 0;
}

/* The first n bits of 64. */
static uint64_t
upper_bits(unsigned n)
{
	return n ? ~(uint64_t)0 << (64 - n) : 0;
}

struct netset *
netset_new(void)
{
	return calloc(1, sizeof(struct netset));
}

void
netset_free(struct netset *s)
{
	if (!s)
		return;
	for (unsigned f = 0; f < FAMILIES; f++) {
		free(s->of[f].range);
		free(s->of[f].edge);
	}
	free(s);
}

bool
netset_add(struct netset *s, const struct addr *net, unsigned plen)
{
	struct cover *c = &s->of[addr_family(net)];
	unsigned bits = addr_is_v4(net) ? 96 + plen : plen;

	assert(!s->sealed && bits <= 128);
	if (c->n == c->room) {
		size_t room = c->room + c->room / 2 + 4;
		struct range *range = realloc(c->range, room * sizeof(*range));

		if (!range)
			return false;
		c->range = range;
		c->room = room;
	}

	uint64_t high = upper_bits(bits < 64 ? bits : 64), low = upper_bits(bits > 64 ? bits - 64 : 0);
	struct edge e = edge_of(net);

	c->range[c->n++] = (struct range){
	    .first = {.high = e.high & high, .low = e.low & low},
	    .last = {.high = e.high | ~high, .low = e.low | ~low},
	};
	s->count++;
	return true;
}

static int
by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return is_below(&x->first, &y->first) ? -1 : is_below(&y->first, &x->first);
}

/* Sorted ranges become edges, in a block of exactly as many. */
static bool
seal(struct cover *c)
{
	struct edge *edge;
	size_t n = 0;

	if (c->n == 0)
		return true;
	edge = malloc(2 * c->n * sizeof(*edge));
	if (!edge)
		return false;
	qsort(c->range, c->n, sizeof(*c->range), by_first);
	for (size_t i = 0; i < c->n;) {
		struct edge end = c->range[i].last;
		bool more = next_edge(&end);

		edge[n++] = c->range[i++].first;
		/* All that begins inside or right behind is one with it. */
		while (i < c->n && (!more || !is_below(&end, &c->range[i].first))) {
			struct edge other = c->range[i++].last;

			if (!more)
				continue;
			if (!next_edge(&other))
				more = false;
			else if (is_below(&end, &other))
				end = other;
		}
		if (more)
			edge[n++] = end;
	}
	free(c->range);
	c->range = NULL;

	struct edge *exact = realloc(edge, n * sizeof(*edge));
	c->edge = exact ? exact : edge;
	c->edges = n;
	return true;
}

bool
netset_seal(struct netset *s)
{
	assert(!s->sealed);
	s->sealed = true;
	return seal(&s->of[FAMILY_V4]) && seal(&s->of[FAMILY_V6]);
}

bool
netset_has(const struct netset *s, const struct addr *a)
{
	const struct cover *c = &s->of[addr_family(a)];
	const struct edge e = edge_of(a);
	const struct edge *from = c->edge;
	size_t n = c->edges;

	/* How many edges are at or below: an odd number means that the last of them opens. */
	assert(s->sealed);
	while (n > 0) {
		size_t half = n / 2;

		if (is_below(&e, &from[half])) {
			n = half;
		} else {
			from += half + 1;
			n -= half + 1;
		}
	}
	return c->edges && (size_t)(from - c->edge) % 2 == 1;
}

size_t
netset_count(const struct netset *s)
{
	return s->count;
}

size_t
netset_memory(const struct netset *s)
{
	size_t bytes = sizeof(*s);

	for (unsigned f = 0; f < FAMILIES; f++)
		bytes += s->of[f].edges * sizeof(struct edge) +
			 (s->of[f].range ? s->of[f].room * sizeof(struct range) : 0);
	return bytes;
}
