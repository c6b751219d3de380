/*
 * nameset.c - many names in one piece of text and one table
 *
 * While it is built, a set is the names one behind the other, each behind a byte that says whether it is a suffix.
 * Sealing gives every name a place in a table of twice as many, open addressed:
 *
 *     table   | at, tag |    0    | at, tag | at, tag |    0    | ...        8 bytes a place
 *                  |                   `-------------.
 *                  v                                 v
 *     text    | 1, 3 w w w 7 e x a m p l e 3 c o m 0 | 0, 3 a d s 4 t e s t 0 | ...
 *
 * A name is hashed label by label from its end, each label with the hash of what is behind it as half of the key.  So
 * one pass over a name gives the hashes of all the suffixes it is below, and a set remembers at which depths it has
 * any.  The other half of the key comes from all names of the set: whoever writes a list sees other places with each
 * name that is changed, and who only asks never makes a row of places longer.
 */
#include "policy/sets.h"

#include <assert.h>
#include <stdlib.h>

#include "stack/siphash.h"

#define TEXT_MAX UINT32_MAX
#define LABELS_MAX 128u /* 127 of one byte each, and the root */
#define DEPTHS 64u      /* bits of a depth mask; the last one stands for all that are deeper */

struct place {
	uint32_t at;  /* in the text, and one more; 0: free */
	uint32_t tag; /* upper half of the hash; the lower one chooses the place */
};

struct nameset {
	uint8_t *text;
	size_t len, room;
	size_t count;
	struct place *table; /* NULL: not sealed */
	uint32_t mask;       /* places - 1 */
	uint8_t key[8];
	uint64_t exact_depths, suffix_depths;
};

struct nameset *
nameset_new(void)
{
	return calloc(1, sizeof(struct nameset));
}

void
nameset_free(struct nameset *s)
{
	if (!s)
		return;
	free(s->text);
	free(s->table);
	free(s);
}

bool
nameset_add(struct nameset *s, const struct name *n, bool suffix)
{
	size_t need = s->len + 1u + n->len;

	assert(!s->table && n->len);
	if (need > TEXT_MAX)
		return false;
	if (need > s->room) {
		size_t room = need + need / 2 + 256;
		uint8_t *text = realloc(s->text, room);

		if (!text)
			return false;
		s->text = text;
		s->room = room;
	}
	s->text[s->len] = suffix;
	memcpy(s->text + s->len + 1, n->wire, n->len);
	s->len = need;
	s->count++;
	return true;
}

/* Where the labels of a name begin; how many there are without the root, whose place comes last. */
static unsigned
labels_of(const uint8_t *wire, uint8_t at[LABELS_MAX])
{
	unsigned n = 0, here = 0;

	while (wire[here] && n + 1 < LABELS_MAX) {
		at[n++] = (uint8_t)here;
		here += wire[here] + 1u;
	}
	at[n] = (uint8_t)here;
	return n;
}

static uint64_t
hash_label(const uint8_t key[8], const uint8_t *label, uint64_t behind)
{
	uint8_t both[SIPHASH_KEY];

	memcpy(both, key, 8);
	memcpy(both + 8, &behind, 8);
	return siphash(both, label, label[0] + 1u);
}

static uint64_t
depth_bit(unsigned labels)
{
	return (uint64_t)1 << (labels < DEPTHS ? labels : DEPTHS - 1);
}

/* The place of a name, or the free one where it belongs.  Names end with their root: equal bytes are equal names. */
static struct place *
place_of(const struct nameset *s, const uint8_t *wire, size_t len, uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32);

	for (uint32_t i = (uint32_t)hash & s->mask;; i = (i + 1) & s->mask) {
		struct place *p = &s->table[i];

		if (!p->at)
			return p;
		if (p->tag == tag && s->len - p->at >= len && memcmp(s->text + p->at, wire, len) == 0)
			return p;
	}
}

/* All that was added so far makes the key: eight bytes of it. */
static void
key_from_text(struct nameset *s)
{
	static const uint8_t start[SIPHASH_KEY] = "names of sluice";
	uint64_t h = siphash(start, s->text, s->len);

	memcpy(s->key, &h, sizeof(s->key));
}

/* Put the name that stands at `from` into the table; its text moves down to s->len unless it is there already. */
static void
settle(struct nameset *s, size_t from, size_t size)
{
	uint8_t at[LABELS_MAX];
	const uint8_t *wire = s->text + from + 1;
	bool suffix = s->text[from];
	unsigned labels = labels_of(wire, at);
	uint64_t h = 0;

	for (unsigned i = labels + 1; i-- > 0;)
		h = hash_label(s->key, wire + at[i], h);
	*(suffix ? &s->suffix_depths : &s->exact_depths) |= depth_bit(labels);

	struct place *p = place_of(s, wire, size - 1, h);
	if (p->at) {
		s->text[p->at - 1] |= suffix;
		return;
	}
	memmove(s->text + s->len, s->text + from, size);
	*p = (struct place){.at = (uint32_t)s->len + 1, .tag = (uint32_t)(h >> 32)};
	s->len += size;
	s->count++;
}

bool
nameset_seal(struct nameset *s)
{
	size_t places = 2, all = s->len;

	assert(!s->table);
	while (places < s->count + s->count / 2 + 1)
		places *= 2;
	s->table = calloc(places, sizeof(*s->table));
	if (!s->table)
		return false;
	s->mask = (uint32_t)(places - 1);
	key_from_text(s);

	s->len = s->count = 0;
	for (size_t from = 0, size; from < all; from += size) {
		uint8_t at[LABELS_MAX];

		size = at[labels_of(s->text + from + 1, at)] + 2u;
		settle(s, from, size);
	}

	/* What was room to grow goes back. */
	uint8_t *text = s->len ? realloc(s->text, s->len) : NULL;
	if (text) {
		s->text = text;
		s->room = s->len;
	}
	return true;
}

bool
nameset_has(const struct nameset *s, const struct name *n)
{
	uint8_t at[LABELS_MAX];
	uint64_t h = 0;

	assert(s->table);
	if (!s->count || !n->len)
		return false;

	unsigned labels = labels_of(n->wire, at);
	for (unsigned i = labels + 1; i-- > 0;) {
		uint64_t depth = depth_bit(labels - i);

		h = hash_label(s->key, n->wire + at[i], h);
		if (!((i ? 0 : s->exact_depths) & depth) && !(s->suffix_depths & depth))
			continue;

		const struct place *p = place_of(s, n->wire + at[i], n->len - (size_t)at[i], h);
		if (p->at && (i == 0 || s->text[p->at - 1]))
			return true;
	}
	return false;
}

size_t
nameset_count(const struct nameset *s)
{
	return s->count;
}

size_t
nameset_memory(const struct nameset *s)
{
	return sizeof(*s) + s->room + (s->table ? ((size_t)s->mask + 1) * sizeof(*s->table) : 0);
}
