/*
 * relay.c - an exchange of bytes that are not HTTP
 *
 * They pass as they are.  What the client says is searched for placeholders, of which none may pass but those the plan lets.
 */
#include <stdlib.h>

#include "http/exchange_int.h"
#include "http/waiting.h"

struct relay {
	struct exchange base;
	struct waiting to[2]; /* of side: what waits to be sent there */
	bool end[2];          /* of side: it says no more */
	struct secret_plan plan;
	struct scan scan;
	struct substitution found;
};

static struct relay *
relay_of(struct exchange *x)
{
	return (struct relay *)x;
}

static void
fail(struct relay *r, const char *why, bool by_server)
{
	r->base.failed = why;
	r->base.by_server = by_server;
	waiting_free(&r->to[SIDE_SERVER]);
}

/* May these bytes of the client's pass? */
static bool
search(struct relay *r, struct view bytes)
{
	struct request_answer answer;

	if (!r->plan.set)
		return true;
	substitute_watch(&r->plan, &r->scan, SECRET_RAW, bytes, &r->found);
	return exchange_may_leak(&r->base, &r->plan, &r->found, NULL, &answer);
}

static size_t
relay_take(struct exchange *x, enum side from, struct view bytes, usec_t now)
{
	struct relay *r = relay_of(x);
	struct waiting *w = &r->to[from == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT];
	size_t room = waiting_len(w) < EXCHANGE_WAITS ? EXCHANGE_WAITS - waiting_len(w) : 0, all = bytes.len;

	(void)now;
	if (x->failed)
		return all;
	if (bytes.len > room)
		bytes.len = room;
	if (from == SIDE_CLIENT && !search(r, bytes))
		fail(r, "a placeholder of a secret where it may not go", false);
	else if (!waiting_add(w, bytes.p, bytes.len))
		fail(r, "no memory", false);
	return x->failed ? all : bytes.len;
}

/* What breaks off on the server's side has to look so to the client; what the client said before it broke off still counts. */
static void
relay_end(struct exchange *x, enum side from, bool clean, usec_t now)
{
	struct relay *r = relay_of(x);

	(void)now;
	r->end[from] = true;
	if (!clean && from == SIDE_SERVER && !x->failed)
		fail(r, "the server's side broke off", true);
}

static struct view
relay_give(struct exchange *x, enum side to, usec_t now)
{
	(void)now;
	return waiting_view(&relay_of(x)->to[to]);
}

static void
relay_gave(struct exchange *x, enum side to, size_t n, usec_t now)
{
	(void)now;
	waiting_drop(&relay_of(x)->to[to], n);
}

static bool
relay_ended(const struct exchange *x, enum side to)
{
	const struct relay *r = (const struct relay *)x;

	return waiting_len(&r->to[to]) == 0 &&
	       (x->failed || r->end[to == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT]);
}

static usec_t
relay_deadline(const struct exchange *x)
{
	(void)x;
	return TIME_NEVER;
}

static void
relay_late(struct exchange *x, usec_t now)
{
	(void)x;
	(void)now;
}

static void
relay_free(struct exchange *x)
{
	struct relay *r = relay_of(x);

	waiting_free(&r->to[SIDE_CLIENT]);
	waiting_free(&r->to[SIDE_SERVER]);
	secret_set_drop(r->plan.set);
	free(r);
}

static const struct exchange_ops relay_ops = {
    .take = relay_take,
    .end = relay_end,
    .give = relay_give,
    .gave = relay_gave,
    .ended = relay_ended,
    .deadline = relay_deadline,
    .late = relay_late,
    .free = relay_free,
};

struct exchange *
exchange_relay(const struct exchange_env *env, const struct secret_plan *plan)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->base = (struct exchange){.ops = &relay_ops, .env = env};
	if (plan && plan->set) {
		r->plan = *plan;
		secret_set_keep(r->plan.set);
		substitute_watching(&r->plan, &r->scan);
	}
	return &r->base;
}
