/*
 * pool.c - a buddy allocator whose book-keeping lies beside the arena
 *
 * Block number i begins at arena + i * POOL_BLOCK_MIN, and node[i] describes the block that begins
 * there, if one does.  A block of order k begins at a multiple of 2^k, so its buddy's number differs in
 * bit k alone.  Free blocks of one order form a list, newest first.
 */
#include "stack/pool.h"

#include <assert.h>

#define NONE UINT32_MAX

enum node_state {
	NODE_INNER, /* no block begins here */
	NODE_FREE,
	NODE_USED,
};

struct pool_node {
	uint32_t next, prev; /* in the free list */
	uint8_t order;
	uint8_t state; /* enum node_state */
	bool dirty;    /* a free block the owner has not been told of */
};

static unsigned
order_of(size_t size)
{
	unsigned order = 0;

	while ((size_t)POOL_BLOCK_MIN << order < size)
		order++;
	assert((size_t)POOL_BLOCK_MIN << order == size && order < POOL_ORDERS);
	return order;
}

static void
list_push(struct pool *p, uint32_t i, unsigned order, bool dirty)
{
	uint32_t next = p->head[order];

	p->node[i] = (struct pool_node){
	    .next = next, .prev = NONE, .order = (uint8_t)order, .state = NODE_FREE, .dirty = dirty};
	if (next != NONE)
		p->node[next].prev = i;
	p->head[order] = i;
}

static void
list_remove(struct pool *p, uint32_t i)
{
	struct pool_node *n = &p->node[i];

	if (n->prev != NONE)
		p->node[n->prev].next = n->next;
	else
		p->head[n->order] = n->next;
	if (n->next != NONE)
		p->node[n->next].prev = n->prev;
	n->state = NODE_INNER;
}

size_t
pool_meta_size(size_t size)
{
	return size / POOL_BLOCK_MIN * sizeof(struct pool_node);
}

void
pool_init(struct pool *p, void *arena, size_t size, void *meta)
{
	assert(size % POOL_BLOCK_MAX == 0 && size / POOL_BLOCK_MIN < NONE);
	*p = (struct pool){.arena = arena, .size = size, .node = meta};
	for (unsigned k = 0; k < POOL_ORDERS; k++)
		p->head[k] = NONE;
	/* From the end, so that the arena is given out from its beginning. */
	for (size_t at = size; at > 0; at -= POOL_BLOCK_MAX)
		list_push(p, (uint32_t)((at - POOL_BLOCK_MAX) / POOL_BLOCK_MIN), POOL_ORDERS - 1, false);
}

void *
pool_alloc(struct pool *p, size_t size)
{
	unsigned order = order_of(size);
	unsigned k = order;

	while (k < POOL_ORDERS && p->head[k] == NONE)
		k++;
	if (k == POOL_ORDERS)
		return NULL;

	uint32_t i = p->head[k];
	list_remove(p, i);
	while (k > order) {
		k--;
		list_push(p, i + (1u << k), k, p->node[i].dirty);
	}
	p->node[i].order = (uint8_t)order;
	p->node[i].state = NODE_USED;
	p->used += size;
	return p->arena + (size_t)i * POOL_BLOCK_MIN;
}

void
pool_free(struct pool *p, void *block, size_t size)
{
	if (!block)
		return;

	unsigned k = order_of(size);
	uint32_t i = (uint32_t)((size_t)((uint8_t *)block - p->arena) / POOL_BLOCK_MIN);
	assert(p->node[i].state == NODE_USED && p->node[i].order == k);

	p->node[i].state = NODE_INNER;
	p->used -= size;
	p->dirty = true;
	for (; k < POOL_ORDERS - 1; k++) {
		uint32_t buddy = i ^ 1u << k;

		if (p->node[buddy].state != NODE_FREE || p->node[buddy].order != k)
			break;
		list_remove(p, buddy);
		i &= ~(1u << k);
	}
	list_push(p, i, k, true);
}

void
pool_trim(struct pool *p, void (*drop)(void *block, size_t size))
{
	if (!p->dirty)
		return;
	p->dirty = false;
	for (unsigned k = 0; k < POOL_ORDERS; k++) {
		for (uint32_t i = p->head[k]; i != NONE; i = p->node[i].next) {
			if (!p->node[i].dirty)
				continue;
			p->node[i].dirty = false;
			drop(p->arena + (size_t)i * POOL_BLOCK_MIN, (size_t)POOL_BLOCK_MIN << k);
		}
	}
}
