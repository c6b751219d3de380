/*
 * memlink.c - two queues of frames in memory
 *
 * Each frame is one allocation.  Frames received stay on the `lent` list until release(), so that a use
 * after release is a use after free, which the sanitizers see.
 */
#include "link/memlink.h"

#include <stdlib.h>

struct node {
	struct node *next;
	struct offload off;
	size_t len;
	uint8_t bytes[];
};

struct queue {
	struct node *first, **last;
	size_t n;
};

struct memlink {
	struct link link;
	struct queue in, lent, out;
	bool shared;
	size_t span;
	size_t room;
	void (*on_frame)(void *ctx, const struct frame *f);
	void *on_frame_ctx;
};

static void
queue_init(struct queue *q)
{
	*q = (struct queue){.last = &q->first};
}

static void
queue_put(struct queue *q, struct node *n)
{
	n->next = NULL;
	*q->last = n;
	q->last = &n->next;
	q->n++;
}

static struct node *
queue_take(struct queue *q)
{
	struct node *n = q->first;

	if (n) {
		q->first = n->next;
		if (!q->first)
			q->last = &q->first;
		q->n--;
	}
	return n;
}

static void
queue_clear(struct queue *q)
{
	for (struct node *n; (n = queue_take(q));)
		free(n);
}

/* --- the gateway's side ---------------------------------------------------------------------------- */

static struct memlink *
memlink_of(void *link)
{
	return link;
}

static void
lend(const struct memlink *m, const struct node *n, struct frame *f)
{
	size_t piece = m->span;

	if (piece == 0 || piece > n->len)
		piece = n->len;
	if (piece < (n->len + FRAME_SPANS - 1) / FRAME_SPANS)
		piece = (n->len + FRAME_SPANS - 1) / FRAME_SPANS;
	f->off = n->off;
	f->len = (uint32_t)n->len;
	f->shared = m->shared;
	f->nspan = 0;
	for (size_t at = 0; at < n->len; at += piece)
		f->span[f->nspan++] = view_of(n->bytes + at, n->len - at < piece ? n->len - at : piece);
}

static int
memlink_receive(struct link *l, struct frame *out, int max, bool *more)
{
	struct memlink *m = memlink_of(l);
	size_t bytes = 0;
	int got = 0;

	*more = false;
	if (l->error)
		return -l->error;
	if (max > LINK_BATCH)
		max = LINK_BATCH;
	while (got < max && bytes < LINK_BATCH_BYTES && m->in.n > 0) {
		struct node *n = queue_take(&m->in);

		queue_put(&m->lent, n);
		lend(m, n, &out[got++]);
		bytes += n->len;
	}
	*more = m->in.n > 0;
	return got;
}

static void
memlink_release(struct link *l)
{
	queue_clear(&memlink_of(l)->lent);
}

static int
memlink_pollfd(struct link *l, short *events)
{
	(void)l;
	*events = POLLIN;
	return -1; /* poll(2) passes over it */
}

static bool
memlink_before_sleep(struct link *l)
{
	return memlink_of(l)->in.n > 0;
}

static void
memlink_link_free(struct link *l)
{
	memlink_free(memlink_of(l));
}

static bool
memlink_room(void *ctx)
{
	const struct memlink *m = ctx;

	return m->room > 0 && (m->on_frame || m->out.n < MEMLINK_QUEUE);
}

static bool
keep(struct memlink *m, const struct frame *f)
{
	size_t len = 0;

	for (int i = 0; i < f->nspan; i++)
		len += f->span[i].len;
	struct node *n = malloc(sizeof(*n) + len);
	if (!n)
		return false;
	n->off = f->off;
	n->len = len;
	struct wr w = wr_of(n->bytes, len);
	for (int i = 0; i < f->nspan; i++)
		wr_bytes(&w, f->span[i].p, f->span[i].len);
	queue_put(&m->out, n);
	return true;
}

static void
memlink_send(void *ctx, const struct frame *f)
{
	struct memlink *m = ctx;

	if (!memlink_room(m)) {
		m->link.no_room++;
		return;
	}
	if (m->room != MEMLINK_ENDLESS)
		m->room--;
	if (m->on_frame)
		m->on_frame(m->on_frame_ctx, f);
	else if (!keep(m, f))
		m->link.refused++;
}

static void
memlink_flush(void *ctx)
{
	(void)ctx;
}

static const struct link_ops memlink_ops = {
    .name = "memory",
    .receive = memlink_receive,
    .release = memlink_release,
    .pollfd = memlink_pollfd,
    .before_sleep = memlink_before_sleep,
    .free = memlink_link_free,
};

/* --- the caller's side ----------------------------------------------------------------------------- */

struct memlink *
memlink_new(struct host *h, const struct link_limits *lim)
{
	struct memlink *m = malloc(sizeof(*m));

	if (!m)
		return NULL;
	*m = (struct memlink){.link = {.ops = &memlink_ops, .host = h}, .room = MEMLINK_ENDLESS};
	m->link.sink = (struct frame_sink){
	    .ctx = m,
	    .room = memlink_room,
	    .send = memlink_send,
	    .flush = memlink_flush,
	    .lim = *lim,
	};
	queue_init(&m->in);
	queue_init(&m->lent);
	queue_init(&m->out);
	return m;
}

struct link *
memlink_link(struct memlink *m)
{
	return &m->link;
}

void
memlink_free(struct memlink *m)
{
	if (!m)
		return;
	queue_clear(&m->in);
	queue_clear(&m->lent);
	queue_clear(&m->out);
	free(m);
}

bool
memlink_push(struct memlink *m, struct view bytes, const struct offload *off)
{
	if (m->in.n >= MEMLINK_QUEUE || bytes.len > FRAME_MAX)
		return false;
	struct node *n = malloc(sizeof(*n) + bytes.len);
	if (!n)
		return false;
	n->off = off ? *off : (struct offload){0};
	n->len = bytes.len;
	if (bytes.len > 0)
		memcpy(n->bytes, bytes.p, bytes.len);
	queue_put(&m->in, n);
	return true;
}

size_t
memlink_waiting(const struct memlink *m)
{
	return m->in.n;
}

void
memlink_lend(struct memlink *m, bool shared, size_t span)
{
	m->shared = shared;
	m->span = span;
}

void
memlink_on_frame(struct memlink *m, void (*out)(void *ctx, const struct frame *f), void *ctx)
{
	m->on_frame = out;
	m->on_frame_ctx = ctx;
}

bool
memlink_pop(struct memlink *m, void *to, size_t max, size_t *len, struct offload *off)
{
	struct node *n = queue_take(&m->out);

	if (!n)
		return false;
	memcpy(to, n->bytes, n->len < max ? n->len : max);
	*len = n->len;
	if (off)
		*off = n->off;
	free(n);
	return true;
}

void
memlink_set_room(struct memlink *m, size_t frames)
{
	m->room = frames;
}

void
memlink_vanish(struct memlink *m, int error)
{
	m->link.error = error;
}
