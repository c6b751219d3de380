/*
 * h1.c - an exchange of HTTP/1 requests and responses: its calls, and how things end
 *
 * Three kinds of end.  A request is over when both its halves are complete; the next may come.  The exchange is over when no more is to
 * be read: what waits is sent, and the connections are closed in good order.  It has failed when a side broke the protocol or a
 * request that is partly at the server may not go on: the client gets what waits for it, the server nothing more, and both
 * connections are broken, so that neither takes half a message for a whole one.
 */
#include "http/h1.h"

#include <stdio.h>
#include <stdlib.h>

#define HEAD_TIME (30 * USEC_PER_SEC)

static struct h1 *
h1_of(struct exchange *x)
{
	return (struct h1 *)x;
}

/* --- what waits ------------------------------------------------------------------------------------------------------- */

bool
h1_send(struct h1 *h, enum side to, const void *bytes, size_t n)
{
	if (waiting_add(&h->to[to], bytes, n))
		return true;
	h->base.failed = "no memory";
	return false;
}

void
h1_send_chunk_size(struct h1 *h, enum side to, uint64_t size)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "%llx\r\n", (unsigned long long)size);

	h1_send(h, to, line, (size_t)n);
}

size_t
h1_room(const struct h1 *h, enum side to)
{
	size_t n = waiting_len(&h->to[to]);

	return n < EXCHANGE_WAITS ? EXCHANGE_WAITS - n : 0;
}

size_t
h1_gathered(const struct h1 *h)
{
	return waiting_len(&h->gathered) + h->put.out.len + h->whole.len;
}

static bool
all_sent(const struct h1 *h, enum side to)
{
	return waiting_len(&h->to[to]) == 0 && (to == SIDE_CLIENT || h->whole_at == h->whole.len);
}

/* --- ends ------------------------------------------------------------------------------------------------------------- */

/* What the request came to is told, once. */
static void
tell(struct h1 *h, usec_t now)
{
	struct h1_request *q = &h->now;

	if (!q->judged)
		return;
	q->judged = false;
	q->record.method = q->r.method;
	q->record.authority = q->r.authority;
	q->record.path = q->r.path;
	q->record.version = q->r.version;
	q->record.began = h->since;
	q->record.ended = now;
	h->base.env->done(h->base.env->ctx, &q->record);
}

static void
forget_request(struct h1 *h)
{
	waiting_free(&h->head);
	waiting_free(&h->trailer);
	waiting_free(&h->gathered);
	clear_free(&h->put.out);
	waiting_free(&h->answer);
	clear_free(&h->pending);
	if (h->redacting)
		redact_end(&h->redact);
	h->redacting = false;
	h->written = WRITTEN_AS_IS;
	secret_set_drop(h->now.plan.set);
	free(h->now.path);
	h->now = (struct h1_request){.judged = false};
	h->reader = (struct http_reader){.at = 0};
	h->answer_reader = (struct http_response_reader){.at = 0};
	h->rh = (struct http_response){.len = 0};
	h->expecting = h->cut_off = false;
	h->empty_line = H1_EMPTY_MAY;
}

void
h1_over(struct h1 *h, usec_t now)
{
	tell(h, now);
	forget_request(h);
	h->in = IN_OVER;
	h->out = OUT_OVER;
}

void
h1_request_over(struct h1 *h, usec_t now)
{
	tell(h, now);
	forget_request(h);
	h->served = true;
	h->in = IN_HEAD;
	h->out = OUT_NONE;
	if (h->closing || h->end[SIDE_CLIENT])
		h1_over(h, now);
}

void
h1_fail(struct h1 *h, const char *why, bool by_server, usec_t now)
{
	if (!h->base.failed) {
		h->base.failed = why;
		h->base.by_server = by_server;
	}
	waiting_free(&h->to[SIDE_SERVER]);
	clear_free(&h->whole);
	h->whole_at = 0;
	h1_over(h, now);
}

/* A response of ours; nothing of the server's has gone to the client for this request. */
static void
send_page(struct h1 *h, const struct request_answer *a, bool close, usec_t now)
{
	struct h1_request *q = &h->now;
	char page[REQUEST_REFUSAL_MAX];
	bool head = q->r.method.len == 4 && memcmp(q->r.method.p, "HEAD", 4) == 0;
	size_t n = request_refusal(a, q->h.accept, close, head, page, sizeof(page));

	q->record.status = a->status;
	q->record.refused = true;
	q->record.answered = now;
	h1_send(h, SIDE_CLIENT, page, n);
}

static bool
may_answer(const struct h1 *h)
{
	return (h->now.judged || h->in == IN_HEAD) && (h->out == OUT_NONE || h->out == OUT_HEAD);
}

void
h1_fail_with(struct h1 *h, uint16_t status, const char *why, const char *more, bool by_server, usec_t now)
{
	struct request_answer a;

	exchange_answer(&a, status, "%s%s%s", why, more ? ": " : "", more ? more : "");
	if (may_answer(h))
		send_page(h, &a, true, now);
	h1_fail(h, more ? more : why, by_server, now);
}

void
h1_refuse_late(struct h1 *h, const struct request_answer *a, const char *why, usec_t now)
{
	if (may_answer(h))
		send_page(h, a, true, now);
	h1_fail(h, why, false, now);
}

/* Is what is still to come of the request little enough to be read past? */
static bool
can_drop(const struct h1 *h)
{
	const struct http_head *q = &h->now.h;

	if (h->in != IN_HEAD || q->body == HTTP_BODY_NONE)
		return true;
	if (q->body == HTTP_BODY_TUNNEL)
		return !h->now.r.connect;
	/* RFC 9110 10.1.1: nobody can tell whether a body that waits for 100 still comes. */
	return !q->expects && (q->body == HTTP_BODY_CHUNKED || q->length <= H1_DROP);
}

void
h1_refuse(struct h1 *h, const struct request_answer *a, usec_t now)
{
	struct http_head q = h->now.h;
	bool close = a->close || q.close || h->closing || !can_drop(h);
	bool unread = h->in == IN_HEAD && (q.body == HTTP_BODY_LENGTH || q.body == HTTP_BODY_CHUNKED);

	send_page(h, a, close, now);
	h->closing = close;
	h1_request_over(h, now);
	if (close || !unread || h->in == IN_OVER)
		return;
	h->body = BODY_DROPPED;
	h->in = q.body == HTTP_BODY_LENGTH ? IN_LENGTH : IN_CHUNKED;
	h->left = q.length;
	h->dropped = 0;
	h->chunks = (struct http_chunks){.left = 0};
}

/* What a body of many bytes had is free for others. */
static void
settle(struct h1 *h)
{
	exchange_hold(&h->base, h1_gathered(h));
}

/* --- the calls ----------------------------------------------------------------------------------------------------------- */

static size_t
h1_take(struct exchange *x, enum side from, struct view bytes, usec_t now)
{
	struct h1 *h = h1_of(x);
	bool tunnel = h->in == IN_TUNNEL;
	size_t at = 0, n = 1;

	h->last = now;
	while (at < bytes.len && n > 0 && !x->failed) {
		struct view rest = view_of(bytes.p + at, bytes.len - at);

		n = from == SIDE_CLIENT ? h1_client_step(h, rest, now) : h1_server_step(h, rest, now);
		at += n;
		/* Who wants the tunnel for itself takes it from its first byte on. */
		if (!tunnel && h->in == IN_TUNNEL)
			break;
	}
	if (x->failed && h->in != IN_OVER)
		h1_fail(h, x->failed, x->by_server, now);
	settle(h);
	return x->failed ? bytes.len : at;
}

static void
client_ended(struct h1 *h, usec_t now)
{
	switch (h->in) {
	case IN_HEAD:
		if (waiting_len(&h->head))
			h1_fail(h, "the client broke off in the middle of a request's head", false, now);
		else
			h1_over(h, now);
		break;
	case IN_LENGTH:
	case IN_CHUNKED:
		if (h->body == BODY_DROPPED)
			h1_over(h, now);
		else
			h1_fail(h, "the client broke off in the middle of a request", false, now);
		break;
	case IN_WAIT:
	case IN_TUNNEL:
	case IN_OVER:
		break;
	}
}

/* RFC 9112 9.3.1: a server may close a connection that was idle as it sees fit, and the client will ask again on another. */
static void
ended_before_answer(struct h1 *h, usec_t now)
{
	if (h->served && waiting_len(&h->answer) == 0)
		h1_over(h, now);
	else
		h1_fail_with(h, 502, "the server closed the connection before its answer was complete", NULL,
			     true, now);
}

static void
server_ended(struct h1 *h, bool clean, usec_t now)
{
	static const char broke[] = "the server broke off in the middle of a response";

	switch (h->out) {
	case OUT_NONE:
	case OUT_HEAD:
		/* Also when the body of a request is still gathered. */
		if (h->now.judged)
			ended_before_answer(h, now);
		else
			h1_over(h, now);
		break;
	case OUT_DONE:
		h1_over(h, now);
		break;
	case OUT_LENGTH:
	case OUT_CHUNKED:
		h1_fail(h, broke, true, now);
		break;
	case OUT_CLOSE:
		/* RFC 9112 9.8: without close_notify it may have been cut, and the client has to see that. */
		h1_close_ends_body(h, clean, now);
		if (!clean)
			h1_fail(h, broke, true, now);
		break;
	case OUT_TUNNEL:
		if (!clean)
			h1_fail(h, "the server's side broke off", true, now);
		break;
	case OUT_OVER:
		break;
	}
}

static void
h1_end(struct exchange *x, enum side from, bool clean, usec_t now)
{
	struct h1 *h = h1_of(x);

	h->end[from] = true;
	if (x->failed)
		return;
	if (from == SIDE_CLIENT)
		client_ended(h, now);
	else
		server_ended(h, clean, now);
	/* It reads no more of a request that it has answered. */
	if (from == SIDE_SERVER && h->out == OUT_OVER) {
		waiting_free(&h->to[SIDE_SERVER]);
		clear_free(&h->whole);
		h->whole_at = 0;
	}
	if (h->in == IN_TUNNEL && h->end[SIDE_CLIENT] && h->end[SIDE_SERVER])
		h1_over(h, now);
	settle(h);
}

static struct view
h1_give(struct exchange *x, enum side to, usec_t now)
{
	struct h1 *h = h1_of(x);

	(void)now;
	if (waiting_len(&h->to[to]) || to == SIDE_CLIENT || !h->whole.p)
		return waiting_view(&h->to[to]);
	return view_of(h->whole.p + h->whole_at, h->whole.len - h->whole_at);
}

static void
h1_gave(struct exchange *x, enum side to, size_t n, usec_t now)
{
	struct h1 *h = h1_of(x);

	(void)now;
	if (n == 0)
		return;
	if (waiting_len(&h->to[to])) {
		waiting_drop(&h->to[to], n);
		return;
	}
	h->whole_at += n;
	if (h->whole_at == h->whole.len) {
		clear_free(&h->whole);
		h->whole_at = 0;
		settle(h);
	}
}

static bool
h1_ended(const struct exchange *x, enum side to)
{
	const struct h1 *h = (const struct h1 *)x;

	if (!all_sent(h, to))
		return false;
	if (x->failed || h->out == OUT_OVER)
		return true;
	if (to == SIDE_CLIENT)
		return h->in == IN_TUNNEL && h->end[SIDE_SERVER];
	return h->end[SIDE_CLIENT] && (h->in == IN_WAIT || h->in == IN_TUNNEL);
}

static usec_t
h1_deadline(const struct exchange *x)
{
	const struct h1 *h = (const struct h1 *)x;

	if (h->in != IN_HEAD || waiting_len(&h->head) == 0)
		return TIME_NEVER;
	return h->since + (h->o.head_time ? (usec_t)h->o.head_time : HEAD_TIME);
}

static void
h1_late(struct exchange *x, usec_t now)
{
	if (now >= h1_deadline(x))
		h1_fail_with(h1_of(x), 408, "a request's head did not come to an end in time", NULL, false,
			     now);
}

static void
h1_free(struct exchange *x)
{
	struct h1 *h = h1_of(x);

	/* When it ends nobody knows here; what is known of it is as old as its last byte. */
	h1_over(h, h->last);
	waiting_free(&h->to[SIDE_CLIENT]);
	waiting_free(&h->to[SIDE_SERVER]);
	clear_free(&h->whole);
	settle(h);
	free(h);
}

static const struct exchange_ops h1_ops = {
    .take = h1_take,
    .end = h1_end,
    .give = h1_give,
    .gave = h1_gave,
    .ended = h1_ended,
    .deadline = h1_deadline,
    .late = h1_late,
    .free = h1_free,
};

struct exchange *
exchange_h1(const struct exchange_env *env, const struct exchange_h1_options *o)
{
	struct h1 *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->base = (struct exchange){.ops = &h1_ops, .env = env};
	h->o = *o;
	return &h->base;
}

bool
exchange_h1_tunnel(const struct exchange *x)
{
	const struct h1 *h = (const struct h1 *)x;

	return x->ops == &h1_ops && h->in == IN_TUNNEL && h->now.r.connect;
}
