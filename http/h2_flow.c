/*
 * h2_flow.c - one direction of a stream: what waits, and the windows that are given back for it
 */
#include "http/h2.h"

static void
credit(struct h2_exchange *x, struct h2_stream *s, enum side to, size_t n, size_t all)
{
	if (to == SIDE_SERVER)
		h2_session_credit(x, s, SIDE_CLIENT, n, all);
	else
		x->up->credit(x, s, n, all);
}

void
h2_flow_owe(struct h2_exchange *x, struct h2_stream *s, enum side to, size_t n)
{
	struct h2_flow *f = &s->flow[to];

	f->owed += n;
	if (to == SIDE_SERVER && s->waits)
		credit(x, s, to, 0, n);
	else
		f->owed_all += n;
}

bool
h2_flow_add(struct h2_exchange *x, struct h2_stream *s, enum side to, struct view bytes)
{
	struct h2_flow *f = &s->flow[to];
	size_t had = f->queue.len;
	bool ok = h2_queue_add(&x->heap, &f->queue, bytes);

	if (to == SIDE_SERVER && s->gathers)
		x->bodies += f->queue.len - had;
	return ok;
}

/* What waits was made of what came, but need not be as long: with the last of it everything is given back. */
void
h2_flow_left(struct h2_exchange *x, struct h2_stream *s, enum side to, size_t n)
{
	struct h2_flow *f = &s->flow[to];
	size_t one = n < f->owed && f->queue.len ? n : f->owed;
	size_t all = n < f->owed_all && f->queue.len ? n : f->owed_all;

	if (to == SIDE_SERVER && s->gathers)
		x->bodies -= n;
	f->owed -= one;
	f->owed_all -= all;
	if (one || all)
		credit(x, s, to, one, all);
}

void
h2_flow_drop(struct h2_exchange *x, struct h2_stream *s, enum side to)
{
	size_t n = s->flow[to].queue.len;

	h2_queue_clear(&x->heap, &s->flow[to].queue);
	h2_flow_left(x, s, to, n);
}
