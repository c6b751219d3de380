/*
 * h2.c - an exchange whose client speaks HTTP/2: the whole, and the life of its streams
 *
 * Whatever comes in or has left, frames are made for both sides as long as there is room for them (pump): what one session sends
 * gives windows back to the other.  What ends a session is settled after that, when nothing of the library's is on the call
 * stack.
 */
#include "http/h2.h"

#define SLICE 16384u /* bytes a session is given at once */
#define LEAVE_TIME (60 * USEC_PER_SEC)

static struct h2_exchange *
of(struct exchange *x)
{
	return (struct h2_exchange *)x;
}

static const struct h2_exchange *
of_const(const struct exchange *x)
{
	return (const struct h2_exchange *)x;
}

/* One more of what may be so often at once, and then so often a second. */
bool
h2_bucket_take(struct h2_bucket *b, uint32_t most, uint32_t a_second, usec_t now)
{
	usec_t each = USEC_PER_SEC / a_second, n = (now - b->at) / each;

	if (n > 0) {
		b->used -= n < b->used ? (uint32_t)n : b->used;
		b->at += n * each;
	}
	if (b->used >= most)
		return false;
	b->used++;
	return true;
}

void
h2_fail(struct h2_exchange *x, enum side whose, uint32_t code, const char *why)
{
	if (x->broken[whose])
		return;
	x->broken[whose] = why;
	if (whose == SIDE_CLIENT)
		x->code = code;
}

int
h2_no_memory(struct h2_exchange *x)
{
	h2_fail(x, SIDE_CLIENT, NGHTTP2_INTERNAL_ERROR, "no memory");
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

void
h2_leave(struct h2_exchange *x)
{
	if (x->leaving)
		return;
	x->leaving = true;
	h2_client_leave(x);
}

/* --- streams ------------------------------------------------------------------------------------------------------------ */

struct h2_stream *
h2_stream_new(struct h2_exchange *x, int32_t id)
{
	struct h2_stream *s = h2_get(&x->heap, sizeof(*s));

	if (!s)
		return NULL;
	s->x = x;
	s->id = id;
	s->open[SIDE_CLIENT] = true;
	s->waits = true;
	s->record.version = 20;
	s->record.began = x->now;
	s->body.max = SUBSTITUTE_BODY;
	s->prev = x->last;
	if (x->last)
		x->last->next = s;
	else
		x->first = s;
	x->last = s;
	x->nstreams++;
	return s;
}

/* What was asked and what became of it. */
static void
tell(struct h2_exchange *x, struct h2_stream *s)
{
	if (!s->judged)
		return;
	s->record.method = s->request.method;
	s->record.authority = s->request.authority;
	s->record.path = s->request.path;
	s->record.ended = x->now;
	x->x.env->done(x->x.env->ctx, &s->record);
}

static void
stream_free(struct h2_exchange *x, struct h2_stream *s)
{
	tell(x, s);
	if (s->prev)
		s->prev->next = s->next;
	else
		x->first = s->next;
	if (s->next)
		s->next->prev = s->prev;
	else
		x->last = s->prev;
	x->nstreams--;
	for (int to = 0; to < 2; to++) {
		h2_queue_clear(&x->heap, &s->flow[to].queue);
		h2_fields_clear(&x->heap, &s->flow[to].fields);
	}
	h2_queue_clear(&x->heap, &s->head_out);
	if (s->redacts)
		redact_end(&s->redact);
	h2_gathered_free(x, s);
	secret_set_drop(s->plan.set);
	h2_put(&x->heap, s->text);
	h2_put(&x->heap, s);
}

void
h2_stream_closed(struct h2_exchange *x, struct h2_stream *s, enum side at)
{
	s->open[at] = false;
	h2_flow_drop(x, s, at);
	if (at == SIDE_SERVER || !s->open[SIDE_SERVER])
		h2_gather_done(x, s);
	if (s->open[SIDE_CLIENT] || s->open[SIDE_SERVER])
		return;
	h2_flow_drop(x, s, SIDE_CLIENT);
	h2_flow_drop(x, s, SIDE_SERVER);
	stream_free(x, s);
}

/* --- the turn ------------------------------------------------------------------------------------------------------------- */

static void
pump(struct h2_exchange *x)
{
	bool more;

	do {
		more = h2_session_fill(x, SIDE_CLIENT);
		more |= x->up->fill(x);
	} while (more);
}

/* All streams are over at that side. */
static void
side_gone(struct h2_exchange *x, enum side at, const char *why)
{
	x->end[at].gone = true;
	for (struct h2_stream *s = x->first, *next; s; s = next) {
		next = s->next;
		if (at == SIDE_CLIENT && s->open[SIDE_SERVER])
			x->up->reset(x, s, NGHTTP2_CANCEL);
		if (at == SIDE_SERVER && s->open[SIDE_SERVER] && !s->flow[SIDE_CLIENT].ended)
			h2_response_lost(x, s, NGHTTP2_INTERNAL_ERROR, why);
		else if (at == SIDE_SERVER && !s->open[SIDE_SERVER] && !s->begun)
			h2_session_reset(x, s, SIDE_CLIENT, NGHTTP2_REFUSED_STREAM);
		if (s->open[at])
			h2_stream_closed(x, s, at);
	}
	h2_leave(x);
	if (at == SIDE_SERVER)
		x->leave_by = x->now + LEAVE_TIME;
}

/* The client's session is beyond help: it is told why, and all ends. */
static void
client_broken(struct h2_exchange *x)
{
	/* The library has said it already where it found out itself. */
	if (!x->end[SIDE_CLIENT].gone && !x->heap.failed) {
		nghttp2_session_terminate_session(x->end[SIDE_CLIENT].session, x->code);
		h2_session_fill(x, SIDE_CLIENT);
	}
	x->x.failed = x->broken[SIDE_CLIENT];
}

/* The last stream is over and there will be no others. */
static void
close_both(struct h2_exchange *x)
{
	x->closed = true;
	if (!x->end[SIDE_CLIENT].gone)
		nghttp2_session_terminate_session(x->end[SIDE_CLIENT].session, NGHTTP2_NO_ERROR);
	x->up->close(x);
}

static void
go_on(struct h2_exchange *x)
{
	pump(x);
	if (x->heap.failed)
		h2_no_memory(x);
	if (!x->broken[SIDE_CLIENT] && x->broken[SIDE_SERVER] && !x->end[SIDE_SERVER].gone) {
		/* What it had said in full is still brought to the client. */
		side_gone(x, SIDE_SERVER, x->broken[SIDE_SERVER]);
		pump(x);
	}
	if (x->broken[SIDE_CLIENT]) {
		client_broken(x);
		return;
	}
	if (!x->closed && x->nstreams == 0 &&
	    (x->leaving || h2_session_over(x, SIDE_CLIENT) || x->up->over(x))) {
		close_both(x);
		pump(x);
	}
	if (x->closed && x->broken[SIDE_SERVER]) {
		x->x.failed = x->broken[SIDE_SERVER];
		x->x.by_server = true;
	}
}

static void
settle(struct h2_exchange *x)
{
	go_on(x);
	/* What bodies of many bytes had is free for others. */
	exchange_hold(&x->x, x->gathered + x->bodies);
}

/* --- struct exchange_ops ------------------------------------------------------------------------------------------------- */

/* Windows bound the bodies; this bounds heads, and answers to frames that ask for one. */
static bool
may_take(const struct h2_exchange *x, enum side from)
{
	enum side to = from == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT;

	/* Heads that wait for their turn, not for room, must not keep windows from being read. */
	if (x->end[to].heads > H2_HEADS_WAIT && x->end[to].len > H2_FRAME)
		return false;
	for (int at = 0; at < 2; at++) {
		const struct h2_end *e = &x->end[at];

		if (e->session && !e->gone && e->len > H2_FRAME &&
		    nghttp2_session_get_outbound_queue_size(e->session) > H2_ITEMS_WAIT)
			return false;
	}
	return true;
}

static void
at_time(struct h2_exchange *x, usec_t now)
{
	x->now = now;
	if (!x->began)
		x->began = now ? now : 1;
}

static size_t
h2_take(struct exchange *ex, enum side from, struct view bytes, usec_t now)
{
	struct h2_exchange *x = of(ex);
	size_t at = 0;

	at_time(x, now);
	if (ex->failed || x->end[from].gone)
		return bytes.len;
	while (at < bytes.len && !ex->failed && !x->end[from].gone && may_take(x, from)) {
		size_t n = bytes.len - at < SLICE ? bytes.len - at : SLICE, took;

		took = from == SIDE_CLIENT ? h2_session_take(x, from, view_of(bytes.p + at, n))
					   : x->up->take(x, view_of(bytes.p + at, n));
		at += took;
		settle(x);
		if (took == 0)
			break;
	}
	return ex->failed || x->end[from].gone ? bytes.len : at;
}

static void
h2_end(struct exchange *ex, enum side from, bool clean, usec_t now)
{
	struct h2_exchange *x = of(ex);

	at_time(x, now);
	if (ex->failed || x->end[from].gone)
		return;
	if (from == SIDE_SERVER)
		x->up->end(x, clean);
	/* HTTP/2 has no half-closed connections: who says no more cannot open windows, either. */
	side_gone(x, from, "the server closed the connection before it answered");
	settle(x);
}

static struct view
h2_give(struct exchange *ex, enum side to, usec_t now)
{
	struct h2_exchange *x = of(ex);
	struct h2_end *e = &x->end[to];

	at_time(x, now);
	if (e->len == 0 && !ex->failed)
		settle(x);
	return e->gone ? view_of(NULL, 0) : view_of(e->out ? e->out + e->at : NULL, e->len - e->at);
}

static void
h2_gave(struct exchange *ex, enum side to, size_t n, usec_t now)
{
	struct h2_exchange *x = of(ex);
	struct h2_end *e = &x->end[to];

	at_time(x, now);
	if (!e->out)
		return;
	e->at += (uint32_t)n;
	if (e->at < e->len)
		return;
	e->at = e->len = 0;
	if (!ex->failed)
		settle(x);
	if (e->len == 0) {
		h2_put(&x->heap, e->out);
		e->out = NULL;
	}
}

static bool
h2_ended(const struct exchange *ex, enum side to)
{
	const struct h2_exchange *x = of_const(ex);

	if (x->end[to].gone || ex->failed)
		return true;
	return x->closed && (to == SIDE_CLIENT ? h2_session_over(x, to) : x->up->over(x));
}

static usec_t
h2_deadline(const struct exchange *ex)
{
	const struct h2_exchange *x = of_const(ex);
	usec_t t = TIME_NEVER;

	if (ex->failed)
		return t;
	for (int at = 0; at < 2; at++) {
		const struct h2_end *e = &x->end[at];

		if (e->gone)
			continue;
		if (e->session && !e->settings && x->began)
			t = time_min(t, x->began + H2_PREFACE_TIME);
		if (e->head_since)
			t = time_min(t, e->head_since + H2_HEAD_TIME);
	}
	return x->leave_by ? time_min(t, x->leave_by) : t;
}

static void
h2_late(struct exchange *ex, usec_t now)
{
	struct h2_exchange *x = of(ex);

	at_time(x, now);
	if (ex->failed)
		return;
	for (int at = 0; at < 2; at++) {
		const struct h2_end *e = &x->end[at];
		bool preface = e->session && !e->settings && now >= x->began + H2_PREFACE_TIME;

		if (!e->gone && (preface || (e->head_since && now >= e->head_since + H2_HEAD_TIME)))
			h2_fail(x, (enum side)at, NGHTTP2_SETTINGS_TIMEOUT,
				preface ? "HTTP/2 was not begun in time" : "a head did not come in time");
	}
	if (x->leave_by && now >= x->leave_by)
		h2_fail(x, SIDE_CLIENT, NGHTTP2_NO_ERROR, "what the server had said was not fetched in time");
	settle(x);
}

static void
h2_free(struct exchange *ex)
{
	struct h2_exchange *x = of(ex);
	struct h2_heap heap;

	/* Sessions before streams: they do not look at them any more. */
	if (!x->heap.failed) {
		nghttp2_session_del(x->end[SIDE_CLIENT].session);
		nghttp2_session_del(x->end[SIDE_SERVER].session);
	}
	h2_down_free(x);
	for (int at = 0; at < 2; at++) {
		x->end[at].gone = true;
		h2_put(&x->heap, x->end[at].out);
		h2_fields_clear(&x->heap, &x->end[at].in);
	}
	while (x->first)
		stream_free(x, x->first);
	exchange_hold(&x->x, 0);
	heap = x->heap;
	h2_heap_clear(&heap);
}

static const struct exchange_ops ops = {
    .take = h2_take,
    .end = h2_end,
    .give = h2_give,
    .gave = h2_gave,
    .ended = h2_ended,
    .deadline = h2_deadline,
    .late = h2_late,
    .free = h2_free,
};

struct exchange *
h2_new(const struct exchange_env *env, const struct exchange_h2_options *o, const struct h2_heap *heap)
{
	struct h2_heap own = {.get = heap ? heap->get : NULL, .ctx = heap ? heap->ctx : NULL};
	struct h2_exchange *x = h2_get(&own, sizeof(*x));

	if (!x)
		return NULL;
	x->heap = own;
	x->x.ops = &ops;
	x->x.env = env;
	x->o = *o;
	x->up = o->h1_server ? &h2_down : &h2_server;
	if (!h2_client_open(x) || !(o->h1_server ? h2_down_open(x) : h2_server_open(x))) {
		h2_free(&x->x);
		return NULL;
	}
	return &x->x;
}

const struct h2_heap *
h2_heap_of(const struct exchange *x)
{
	return &of_const(x)->heap;
}

struct exchange *
exchange_h2(const struct exchange_env *env, const struct exchange_h2_options *o)
{
	return h2_new(env, o, NULL);
}
