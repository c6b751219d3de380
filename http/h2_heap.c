/*
 * h2_heap.c - memory of one exchange, counted and wiped, and bytes that wait in it
 *
 * Heads and bodies may hold secrets, and so may what the library keeps of them: everything is wiped before it goes back.
 */
#include "http/h2.h"

#include <stdlib.h>

#define PIECE 16384u

/* In front of every block; as aligned as malloc()'s memory. */
struct h2_block {
	_Alignas(max_align_t) struct h2_block *next, *prev;
	size_t n;
};

void *
h2_get(struct h2_heap *h, size_t n)
{
	size_t all = n + sizeof(struct h2_block);
	struct h2_block *b = n > SIZE_MAX / 2 ? NULL : h->get ? h->get(h->ctx, all) : malloc(all);

	if (!b) {
		h->failed = true;
		return NULL;
	}
	memset(b, 0, all);
	b->n = all;
	b->next = h->blocks;
	if (b->next)
		b->next->prev = b;
	h->blocks = b;
	h->held += all;
	if (h->held > h->most)
		h->most = h->held;
	return b + 1;
}

void
h2_put(struct h2_heap *h, void *p)
{
	if (!p)
		return;

	struct h2_block *b = (struct h2_block *)p - 1;
	if (b->next)
		b->next->prev = b->prev;
	if (b->prev)
		b->prev->next = b->next;
	else
		h->blocks = b->next;
	h->held -= b->n;
	explicit_bzero(b, b->n);
	free(b);
}

void
h2_heap_clear(struct h2_heap *h)
{
	struct h2_block *b = h->blocks;

	h->blocks = NULL;
	h->held = 0;
	while (b) {
		struct h2_block *next = b->next;

		explicit_bzero(b, b->n);
		free(b);
		b = next;
	}
}

static void *
mem_malloc(size_t n, void *heap)
{
	return h2_get(heap, n);
}

static void
mem_free(void *p, void *heap)
{
	h2_put(heap, p);
}

static void *
mem_calloc(size_t n, size_t size, void *heap)
{
	return size && n > SIZE_MAX / size ? NULL : h2_get(heap, n * size);
}

static void *
mem_realloc(void *p, size_t n, void *heap)
{
	void *to = h2_get(heap, n);

	if (to && p) {
		size_t had = ((struct h2_block *)p - 1)->n - sizeof(struct h2_block);

		memcpy(to, p, had < n ? had : n);
		h2_put(heap, p);
	}
	return to;
}

nghttp2_mem
h2_heap_mem(struct h2_heap *heap)
{
	return (nghttp2_mem){heap, mem_malloc, mem_free, mem_calloc, mem_realloc};
}

/* --- queues -------------------------------------------------------------------------------------------------------- */

struct h2_piece {
	struct h2_piece *next;
	uint32_t at, end, room;
	uint8_t b[];
};

/* Small bodies take small pieces; many small additions share one. */
static struct h2_piece *
add_piece(struct h2_heap *h, struct h2_queue *q, size_t wanted)
{
	size_t room = wanted < PIECE ? (wanted + 1023) / 1024 * 1024 : PIECE;
	struct h2_piece *p = h2_get(h, sizeof(*p) + room);

	if (!p)
		return NULL;
	p->room = (uint32_t)room;
	if (q->last)
		q->last->next = p;
	else
		q->first = p;
	q->last = p;
	return p;
}

bool
h2_queue_add(struct h2_heap *h, struct h2_queue *q, struct view bytes)
{
	while (bytes.len) {
		struct h2_piece *p = q->last;

		if ((!p || p->end == p->room) && !(p = add_piece(h, q, bytes.len)))
			return false;

		size_t n = p->room - p->end < bytes.len ? p->room - p->end : bytes.len;
		memcpy(p->b + p->end, bytes.p, n);
		p->end += (uint32_t)n;
		q->len += n;
		bytes = view_of(bytes.p + n, bytes.len - n);
	}
	return true;
}

size_t
h2_queue_take(struct h2_heap *h, struct h2_queue *q, uint8_t *to, size_t n)
{
	size_t took = 0;

	while (took < n && q->first) {
		struct h2_piece *p = q->first;
		size_t k = p->end - p->at < n - took ? p->end - p->at : n - took;

		memcpy(to + took, p->b + p->at, k);
		p->at += (uint32_t)k;
		took += k;
		if (p->at < p->end)
			break;
		q->first = p->next;
		if (!q->first)
			q->last = NULL;
		h2_put(h, p);
	}
	q->len -= took;
	return took;
}

void
h2_queue_clear(struct h2_heap *h, struct h2_queue *q)
{
	while (q->first) {
		struct h2_piece *p = q->first;

		q->first = p->next;
		h2_put(h, p);
	}
	*q = (struct h2_queue){.len = 0};
}
