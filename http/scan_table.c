/*
 * scan_table.c - making the automaton of patterns
 *
 * Patterns are added in the order of their bytes, so that each new node is the first child of the one before it, or a further child of
 * one on the path of the pattern before (a fork).  Suffixes are then found depth by depth, all patterns side by side.
 */
#include "http/scan_table.h"

#include <stdlib.h>

#include "http/base64.h"

/* A child that is not its parent's first. */
struct fork {
	uint32_t parent, child;
	uint8_t byte;
};

struct making {
	struct scan_table *t;
	const struct view *pattern;
	uint32_t order[SECRETS]; /* of the patterns that are there, by their bytes */
	uint32_t n;
	struct fork fork[SECRETS];
	uint32_t forks;
	uint32_t at[SECRETS]; /* by order: the node the pattern has come to */
	uint32_t *path;       /* by depth: the nodes of the pattern added last */
};

static size_t
usable(const struct view *pattern)
{
	return pattern->len <= SCAN_PATTERN_MAX ? pattern->len : 0;
}

/* One node for each byte, and the root; a row for the root, and for each pattern that may fork. */
static void
layout(const struct view *pattern, uint32_t n, size_t *nodes, size_t *rows, size_t *longest)
{
	*nodes = 1;
	*rows = 1;
	*longest = 0;
	for (uint32_t i = 0; i < n; i++) {
		*nodes += usable(&pattern[i]);
		*rows += usable(&pattern[i]) > 0;
		*longest = usable(&pattern[i]) > *longest ? usable(&pattern[i]) : *longest;
	}
}

static size_t
block_size(size_t nodes, size_t rows)
{
	return sizeof(struct scan_table) + rows * sizeof(uint32_t[256]) + nodes * sizeof(struct scan_node);
}

size_t
scan_table_size(const struct view *pattern, uint32_t n)
{
	size_t nodes, rows, longest;

	layout(pattern, n, &nodes, &rows, &longest);
	return block_size(nodes, rows);
}

static int
compare(const struct view *a, const struct view *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int c = memcmp(a->p, b->p, n);

	return c ? c : (a->len > b->len) - (a->len < b->len);
}

/* Insertion: there are few.  Of equal ones the first stays. */
static void
sort(struct making *m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = m->n;
		int c = 1;

		if (usable(&m->pattern[i]) == 0)
			continue;
		while (at > 0 && (c = compare(&m->pattern[i], &m->pattern[m->order[at - 1]])) < 0)
			at--;
		if (c == 0)
			continue;
		memmove(m->order + at + 1, m->order + at, (m->n - at) * sizeof(m->order[0]));
		m->order[at] = i;
		m->n++;
	}
}

static size_t
common(const struct view *a, const struct view *b)
{
	size_t n = 0;

	while (n < a->len && n < b->len && a->p[n] == b->p[n])
		n++;
	return n;
}

static void
give_row(struct scan_table *t, uint32_t node)
{
	if (t->node[node].row == 0 || t->node[node].row == SCAN_LEAF)
		t->node[node].row = (uint16_t)++t->rows;
}

/* In this order a pattern is never a beginning of the one before it, so there is a node to add. */
static void
add_pattern(struct making *m, uint32_t k)
{
	const struct view *v = &m->pattern[m->order[k]];
	size_t shared = k > 0 ? common(v, &m->pattern[m->order[k - 1]]) : 0;
	struct scan_table *t = m->t;

	for (size_t d = shared; d < v->len; d++) {
		uint32_t parent = m->path[d], child = t->nodes++;

		t->node[child] = (struct scan_node){.depth = (uint16_t)(d + 1), .row = SCAN_LEAF};
		if (child != parent + 1) {
			give_row(t, parent);
			m->fork[m->forks++] = (struct fork){parent, child, v->p[d]};
		} else {
			t->node[parent].byte = v->p[d];
			if (parent != SCAN_ROOT)
				t->node[parent].row = 0;
		}
		m->path[d + 1] = child;
	}
	t->node[m->path[v->len]].own = (uint8_t)(m->order[k] + 1);
}

/* What its suffix does, but for its own children. */
static void
fill_row(const struct making *m, uint32_t node)
{
	const struct scan_table *t = m->t;
	const struct scan_node *n = &t->node[node];
	uint32_t *row = t->row[n->row - 1u];

	for (unsigned c = 0; c < 256; c++)
		row[c] = node == SCAN_ROOT ? SCAN_ROOT : scan_step(t, n->fail, (uint8_t)c);
	if (t->nodes > node + 1 && t->node[node + 1].depth == n->depth + 1)
		row[n->byte] = node + 1;
	for (uint32_t i = 0; i < m->forks; i++)
		if (m->fork[i].parent == node)
			row[m->fork[i].byte] = m->fork[i].child;
}

/* The next node on the way of the pattern order[k]. */
static void
settle(struct making *m, uint32_t k, size_t depth)
{
	struct scan_table *t = m->t;
	uint8_t c = m->pattern[m->order[k]].p[depth];
	const struct scan_node *parent = &t->node[m->at[k]];
	uint32_t child = parent->row ? t->row[parent->row - 1u][c] : m->at[k] + 1;
	struct scan_node *n = &t->node[child];

	n->fail = depth == 0 ? SCAN_ROOT : scan_step(t, parent->fail, c);
	n->report = n->own ? child : t->node[n->fail].report;
	m->at[k] = child;
	/* Patterns that share the node do this again, to the same end. */
	if (n->row != 0 && n->row != SCAN_LEAF)
		fill_row(m, child);
}

/* Shallow ones first: a node's suffixes are all shallower. */
static void
find_suffixes(struct making *m)
{
	fill_row(m, SCAN_ROOT);
	for (size_t depth = 0; depth < m->t->longest; depth++)
		for (uint32_t k = 0; k < m->n; k++)
			if (depth < m->pattern[m->order[k]].len)
				settle(m, k, depth);
}

static void
mark(struct scan_table *t, unsigned a, unsigned b)
{
	unsigned pair = scan_pair((const uint8_t[]){(uint8_t)a, (uint8_t)b});

	t->pair[pair / 8] |= (uint8_t)(1u << pair % 8);
}

/* Two base64 characters in a row make one byte, in three ways: which one, the quad's beginning says. */
static bool
may_begin(const struct scan_table *t, unsigned x, unsigned y)
{
	const uint32_t *root = t->row[0];

	return root[(x << 2 | y >> 4) & 255] || root[(x << 4 | y >> 2) & 255] || root[(x << 6 | y) & 255];
}

/* A line's first character may go on from any last one (RFC 2045 6.8). */
static void
mark_base64(struct scan_table *t)
{
	static const uint8_t other[] = {'-', '_'};

	for (unsigned x = 0; x < 64; x++)
		for (unsigned y = 0; y < 64; y++) {
			const uint8_t a[] = {base64_character((uint8_t)x),
					     x < 62 ? base64_character((uint8_t)x) : other[x - 62], '\r',
					     '\n'};
			const uint8_t b[] = {base64_character((uint8_t)y),
					     y < 62 ? base64_character((uint8_t)y) : other[y - 62]};

			for (unsigned i = 0; may_begin(t, x, y) && i < 8; i++)
				mark(t, a[i / 2], b[i % 2]);
		}
}

static void
mark_pairs(struct making *m)
{
	struct scan_table *t = m->t;

	for (uint32_t k = 0; k < m->n; k++) {
		const struct view *v = &m->pattern[m->order[k]];

		for (unsigned a = 0; a < 256; a++)
			if (v->len == 1)
				mark(t, a, v->p[0]);
		if (v->len > 1)
			mark(t, v->p[0], v->p[1]);
	}
	for (unsigned a = 0; t->forms && a < 256; a++) {
		mark(t, a, '%');
		mark(t, a, '\\');
	}
	if (t->forms)
		mark_base64(t);
}

bool
scan_table_make(struct scan_table *room, const struct view *pattern, uint32_t n, bool forms)
{
	struct making *m = calloc(1, sizeof(*m));
	size_t nodes, rows;

	if (!m)
		return false;
	memset(room, 0, sizeof(*room));
	m->t = room;
	m->pattern = pattern;
	layout(pattern, n, &nodes, &rows, &room->longest);
	m->path = calloc(room->longest + 1, sizeof(m->path[0]));
	if (!m->path) {
		free(m);
		return false;
	}
	room->size = block_size(nodes, rows);
	room->forms = forms;
	room->row = (void *)(room + 1);
	room->node = (void *)(room->row + rows);
	room->node[SCAN_ROOT] = (struct scan_node){.row = 1};
	room->nodes = room->rows = 1;
	sort(m, n);
	for (uint32_t k = 0; k < m->n; k++) {
		room->len[m->order[k]] = (uint32_t)pattern[m->order[k]].len;
		add_pattern(m, k);
	}
	find_suffixes(m);
	mark_pairs(m);
	free(m->path);
	explicit_bzero(m, sizeof(*m)); /* it has bytes of the patterns, which may be values */
	free(m);
	return true;
}

struct scan_table *
scan_table_new(const struct view *pattern, uint32_t n, bool forms)
{
	size_t size = scan_table_size(pattern, n);
	struct scan_table *t = malloc(size);

	if (t && !scan_table_make(t, pattern, n, forms)) {
		free(t);
		t = NULL;
	}
	return t;
}

void
scan_table_free(struct scan_table *t)
{
	if (t)
		explicit_bzero(t, t->size);
	free(t);
}

size_t
scan_table_longest(const struct scan_table *t)
{
	return t ? t->longest : 0;
}
