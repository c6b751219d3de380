/*
 * compose.c - names are written once and pointed to from then on
 */
#include "dns/compose.h"

#define LABELS_MAX 128u
#define SUFFIX_MAX 12u      /* labels of a suffix worth remembering; a whole name always is */
#define PROBES 4u           /* slots looked at for one suffix */
#define POINTER_MAX 0x3fffu /* as far as a pointer reaches */

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

void
compose_start(struct compose *c, uint8_t *out, size_t room)
{
	memset(c, 0, sizeof(*c));
	c->w = wr_of(out, room);
	c->start = out;
}

size_t
compose_len(const struct compose *c)
{
	return (size_t)(c->w.p - c->start);
}

/* Does the name we wrote at `at` read like this? */
static bool
reads_like(const struct compose *c, unsigned at, const uint8_t *name)
{
	const uint8_t *p = c->start + at;

	for (;;) {
		while (*p >= 0xc0)
			p = c->start + ((p[0] & 0x3fu) << 8 | p[1]);
		if (*p != *name)
			return false;
		unsigned label = *name;
		if (label == 0)
			return true;
		for (unsigned i = 1; i <= label; i++)
			if (lower(p[i]) != lower(name[i]))
				return false;
		p += label + 1;
		name += label + 1;
	}
}

/* Where it was written; 0: nowhere that is remembered. */
static unsigned
find(const struct compose *c, uint32_t hash, const uint8_t *name)
{
	for (unsigned i = 0; i < PROBES; i++) {
		unsigned s = (hash + i) % COMPOSE_SLOTS;

		if (c->slot[s].at && c->slot[s].hash == hash && reads_like(c, c->slot[s].at, name))
			return c->slot[s].at;
	}
	return 0;
}

static void
remember(struct compose *c, uint32_t hash)
{
	size_t at = compose_len(c);

	if (at > POINTER_MAX)
		return;
	for (unsigned i = 0; i < PROBES; i++) {
		unsigned s = (hash + i) % COMPOSE_SLOTS;

		if (!c->slot[s].at) {
			c->slot[s].hash = hash;
			c->slot[s].at = (uint16_t)at;
			return;
		}
	}
}

/* A name's labels: where each begins, and FNV-1a over all from there to the end. */
struct suffixes {
	unsigned n;
	struct {
		uint32_t hash;
		uint8_t at;
	} label[LABELS_MAX];
};

static void
hash_suffixes(struct view name, struct suffixes *s)
{
	uint32_t h = 2166136261u;

	s->n = 0;
	for (size_t at = 0; at < name.len && name.p[at] && s->n < LABELS_MAX; at += name.p[at] + 1u)
		s->label[s->n++].at = (uint8_t)at;
	for (unsigned i = s->n; i-- > 0;) {
		const uint8_t *p = name.p + s->label[i].at;

		for (unsigned b = 0; b <= p[0]; b++)
			h = (h ^ lower(p[b])) * 16777619u;
		s->label[i].hash = h;
	}
}

void
compose_name(struct compose *c, struct view name)
{
	struct suffixes s;

	hash_suffixes(name, &s);
	for (unsigned i = 0; i < s.n; i++) {
		const uint8_t *suffix = name.p + s.label[i].at;

		if (i == 0 || s.n - i <= SUFFIX_MAX) {
			unsigned at = find(c, s.label[i].hash, suffix);

			if (at) {
				wr_u16(&c->w, (uint16_t)(0xc000 | at));
				return;
			}
			/* A name that is cut off is not pointed to: the message is given up. */
			if ((size_t)(c->w.end - c->w.p) >= name.len - s.label[i].at)
				remember(c, s.label[i].hash);
		}
		wr_bytes(&c->w, suffix, suffix[0] + 1u);
	}
	wr_u8(&c->w, 0);
}
