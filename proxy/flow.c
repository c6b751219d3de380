/*
 * flow.c - finding flows: by tuple, by readiness, by age and by deadline
 */
#include "proxy/flow.h"

#include <stdlib.h>

#include "stack/siphash.h"

static struct flow *
place(const struct flow_kind_table *k, uint32_t n)
{
	return (struct flow *)(void *)(k->place + (size_t)n * k->size);
}

struct flow *
flow_at(const struct flow_table *t, enum flow_kind kind, uint32_t n)
{
	return place(&t->kind[kind], n);
}

static uint32_t
power_of_two_over(uint32_t n)
{
	uint32_t p = 16;

	while (p < n)
		p *= 2;
	return p;
}

bool
flows_init(struct flow_table *t, const uint32_t max[FLOW_KINDS], const size_t size[FLOW_KINDS],
	   const uint8_t secret[16])
{
	uint32_t all = 0;

	for (int k = 0; k < FLOW_KINDS; k++) {
		t->kind[k] = (struct flow_kind_table){.size = size[k], .max = max[k]};
		t->kind[k].place = calloc(max[k] ? max[k] : 1, size[k]);
		if (!t->kind[k].place)
			return false;
		all += max[k];
	}
	memcpy(t->secret, secret, sizeof(t->secret));
	t->nbucket = power_of_two_over(all * 2);
	t->bucket = calloc(t->nbucket, sizeof(*t->bucket));
	t->heap = calloc(all ? all : 1, sizeof(*t->heap));
	return t->bucket && t->heap;
}

void
flows_free(struct flow_table *t)
{
	for (int k = 0; k < FLOW_KINDS; k++)
		free(t->kind[k].place);
	free(t->bucket);
	free(t->heap);
	*t = (struct flow_table){0};
}

/* Hashed field by field: a struct's padding is nobody's. */
static struct flow **
bucket_of(const struct flow_table *t, const struct tuple *tuple)
{
	uint8_t key[37];

	memcpy(key, tuple->guest.addr.b, 16);
	memcpy(key + 16, tuple->remote.addr.b, 16);
	key[32] = (uint8_t)(tuple->guest.port >> 8);
	key[33] = (uint8_t)tuple->guest.port;
	key[34] = (uint8_t)(tuple->remote.port >> 8);
	key[35] = (uint8_t)tuple->remote.port;
	key[36] = tuple->proto;
	return &t->bucket[siphash(t->secret, key, sizeof(key)) & (t->nbucket - 1)];
}

struct flow *
flow_new(struct flow_table *t, enum flow_kind kind, const struct flow_ops *ops, const struct tuple *tuple)
{
	struct flow_kind_table *k = &t->kind[kind];
	struct flow *f = k->free;

	if (f)
		k->free = f->age_next;
	else if (k->fresh < k->max)
		f = place(k, k->fresh++);
	else
		return NULL;

	uint32_t gen = f->gen + 1;
	memset(f, 0, k->size);
	f->ops = ops;
	f->tuple = *tuple;
	f->kind = (uint8_t)kind;
	f->gen = gen;
	f->fd = -1;
	f->number = ++t->numbers;

	struct flow **b = bucket_of(t, tuple);
	f->hash_next = *b;
	*b = f;
	k->open++;
	return f;
}

struct flow *
flow_find(struct flow_table *t, const struct tuple *tuple)
{
	/* Frames come in runs: the hash is most of what finding costs. */
	if (t->found && tuple_eq(&t->found->tuple, tuple))
		return t->found;

	struct flow *f = *bucket_of(t, tuple);

	while (f && !tuple_eq(&f->tuple, tuple))
		f = f->hash_next;
	if (f)
		t->found = f;
	return f;
}

uint64_t
flow_token(const struct flow_table *t, const struct flow *f)
{
	const struct flow_kind_table *k = &t->kind[f->kind];
	uint64_t n = (uint64_t)((const uint8_t *)f - k->place) / k->size;

	return (uint64_t)f->kind << 56 | n << 32 | f->gen;
}

struct flow *
flow_by_token(const struct flow_table *t, uint64_t token)
{
	const struct flow_kind_table *k = &t->kind[token >> 56];
	uint32_t n = (uint32_t)(token >> 32) & 0xffffff;

	if (n >= k->fresh)
		return NULL;
	struct flow *f = place(k, n);
	return f->ops && f->gen == (uint32_t)token ? f : NULL;
}

/* --- ready ----------------------------------------------------------------------------------------- */

void
flow_mark_ready(struct flow_table *t, struct flow *f)
{
	if (f->is_ready)
		return;
	f->is_ready = true;
	f->ready_next = NULL;
	if (t->ready_last)
		t->ready_last->ready_next = f;
	else
		t->ready_first = f;
	t->ready_last = f;
}

void
flows_begin_ready(struct flow_table *t)
{
	t->ready_until = t->ready_last;
}

struct flow *
flows_next_ready(struct flow_table *t)
{
	struct flow *f = t->ready_first;

	if (!t->ready_until)
		return NULL;
	if (t->ready_until == f)
		t->ready_until = NULL;
	t->ready_first = f->ready_next;
	if (!t->ready_first)
		t->ready_last = NULL;
	f->is_ready = false;
	return f;
}

/* Linear, but a flow is seldom deleted while it waits: ready() itself deletes most, out of the list. */
static void
unready(struct flow_table *t, struct flow *f)
{
	struct flow **at = &t->ready_first, *prev = NULL;

	if (!f->is_ready)
		return;
	while (*at && *at != f) {
		prev = *at;
		at = &(*at)->ready_next;
	}
	if (!*at)
		return;
	*at = f->ready_next;
	if (t->ready_last == f)
		t->ready_last = prev;
	/* Without one before it, all that are left came later. */
	if (t->ready_until == f)
		t->ready_until = prev;
	f->is_ready = false;
}

/* --- age ------------------------------------------------------------------------------------------- */

void
flow_unage(struct flow_table *t, struct flow *f)
{
	struct flow_kind_table *k = &t->kind[f->kind];

	if (!f->aged)
		return;
	if (f->age_prev)
		f->age_prev->age_next = f->age_next;
	else
		k->oldest = f->age_next;
	if (f->age_next)
		f->age_next->age_prev = f->age_prev;
	else
		k->newest = f->age_prev;
	f->age_prev = f->age_next = NULL;
	f->aged = false;
	k->aged--;
}

void
flow_touch(struct flow_table *t, struct flow *f)
{
	struct flow_kind_table *k = &t->kind[f->kind];

	if (k->newest == f)
		return;
	flow_unage(t, f);
	f->age_prev = k->newest;
	if (k->newest)
		k->newest->age_next = f;
	else
		k->oldest = f;
	k->newest = f;
	f->aged = true;
	k->aged++;
}

/* --- deadlines --------------------------------------------------------------------------------------- */

static void
heap_put(struct flow_table *t, uint32_t at, struct flow *f)
{
	t->heap[at] = f;
	f->heap_at = at + 1;
}

static void
heap_up(struct flow_table *t, uint32_t at)
{
	struct flow *f = t->heap[at];

	while (at > 0) {
		uint32_t parent = (at - 1) / 2;

		if (t->heap[parent]->heap_key <= f->heap_key)
			break;
		heap_put(t, at, t->heap[parent]);
		at = parent;
	}
	heap_put(t, at, f);
}

static void
heap_down(struct flow_table *t, uint32_t at)
{
	struct flow *f = t->heap[at];

	for (;;) {
		uint32_t child = at * 2 + 1;

		if (child >= t->nheap)
			break;
		if (child + 1 < t->nheap && t->heap[child + 1]->heap_key < t->heap[child]->heap_key)
			child++;
		if (f->heap_key <= t->heap[child]->heap_key)
			break;
		heap_put(t, at, t->heap[child]);
		at = child;
	}
	heap_put(t, at, f);
}

static void
heap_remove(struct flow_table *t, struct flow *f)
{
	if (!f->heap_at)
		return;

	uint32_t at = f->heap_at - 1;
	struct flow *last = t->heap[--t->nheap];

	f->heap_at = 0;
	if (last == f)
		return;
	heap_put(t, at, last);
	heap_up(t, at);
	heap_down(t, last->heap_at - 1);
}

void
flow_schedule(struct flow_table *t, struct flow *f)
{
	usec_t when = f->ops->deadline(f);

	/* A deadline that moved away is left where it is: popping it too early costs less than moving
	 * it with every segment.  One that came nearer is moved at once. */
	if (f->heap_at && f->heap_key <= when)
		return;
	if (when == TIME_NEVER)
		return;
	f->heap_key = when;
	if (!f->heap_at) {
		t->heap[t->nheap] = f;
		f->heap_at = ++t->nheap;
	}
	heap_up(t, f->heap_at - 1);
}

usec_t
flows_next_deadline(const struct flow_table *t)
{
	return t->nheap ? t->heap[0]->heap_key : TIME_NEVER;
}

void
flows_expire(struct flow_table *t, usec_t now)
{
	for (unsigned due = 0; due < FLOW_TURN_DEADLINES && t->nheap && t->heap[0]->heap_key <= now;) {
		struct flow *f = t->heap[0];
		usec_t when = f->ops->deadline(f);

		if (when > now && when != TIME_NEVER) {
			f->heap_key = when;
			heap_down(t, 0);
			continue;
		}
		heap_remove(t, f);
		if (when > now)
			continue;
		flow_mark_ready(t, f);
		due++;
	}
}

void
flow_delete(struct flow_table *t, struct flow *f)
{
	struct flow_kind_table *k = &t->kind[f->kind];
	struct flow **b = bucket_of(t, &f->tuple);

	while (*b != f)
		b = &(*b)->hash_next;
	*b = f->hash_next;
	if (t->found == f)
		t->found = NULL;
	unready(t, f);
	flow_unage(t, f);
	heap_remove(t, f);
	free(f->judged);
	f->judged = NULL;
	f->ops = NULL;
	f->age_next = k->free;
	k->free = f;
	k->open--;
}
