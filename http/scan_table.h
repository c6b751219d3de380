/*
 * scan_table.h - the automaton of patterns: how it lies in memory, and its one step
 *
 * A few long patterns make a trie of long chains with few forks, so a node is 16 bytes and knows one child, the node behind it; what
 * does not match there goes on from the node's longest proper suffix (Aho and Corasick 1975).  Nodes with several children, of which
 * there are fewer than patterns, and the root have a row of 256 that needs no further look.  So each byte costs at most two
 * steps on average, and 64 placeholders of 64 bytes take 140 KiB where full rows would take 4 MiB.
 *
 *     nodes   in the order in which sorted patterns add them: a node's first child is the next node
 *     rows    where byte c leads from here, all failures followed
 *     pairs   a bit for each two bytes that may begin something: all that is looked at while nothing is begun
 */
#ifndef HTTP_SCAN_TABLE_H
#define HTTP_SCAN_TABLE_H

#include "http/scan.h"

#define SCAN_ROOT 0u
#define SCAN_LEAF UINT16_MAX /* `row` of a node without children */

struct scan_node {
	uint32_t fail;   /* the longest proper suffix that is a node */
	uint32_t report; /* the first of this node and its suffixes that ends a pattern; the root: none */
	uint16_t depth;
	uint16_t row; /* 1 + its row; 0: it has one child, the next node, for `byte` */
	uint8_t byte;
	uint8_t own; /* 1 + the pattern that ends here; 0 */
};

struct scan_table {
	size_t size; /* of the whole block */
	size_t longest;
	struct scan_node *node; /* behind this struct, in the same block */
	uint32_t (*row)[256];
	uint32_t nodes, rows;
	bool forms;
	uint32_t len[SECRETS];
	uint8_t pair[65536 / 8];
};

/* Two bytes as they lie in memory, as one number, which is loaded at once. */
static inline unsigned
scan_pair(const uint8_t *p)
{
	uint16_t pair;

	memcpy(&pair, p, sizeof(pair));
	return pair;
}

static inline uint32_t
scan_step(const struct scan_table *t, uint32_t at, uint8_t c)
{
	if (at == SCAN_ROOT)
		return t->row[0][c];
	for (;;) {
		const struct scan_node *n = &t->node[at];

		if (n->row == 0 && n->byte == c)
			return at + 1;
		if (n->row != 0 && n->row != SCAN_LEAF)
			return t->row[n->row - 1u][c];
		at = n->fail; /* the root has a row */
	}
}

#endif
