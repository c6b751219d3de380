/*
 * gate_said.c - what may leave through a gateway: how much of what a connection says
 */
#include "test/bed/gate_int.h"

#include "proxy/endpoint.h"
#include "proxy/tunnel.h"

static enum verdict
with_name(struct gate *g, const struct gate_conn *c, bool named, const struct name *n,
	  const struct policy_request *r)
{
	struct policy_question q = gate_question(c);

	q.claim = named ? CLAIM_TOLD : CLAIM_NONE;
	q.told = named ? n : NULL;
	q.requests = r ? CLAIM_TOLD : CLAIM_NONE;
	q.request = r;
	return gate_mildest(g, &q, c->proof, c->nproof);
}

static void
tell(struct gate *g, struct gate_conn *c, bool named, const struct name *n)
{
	gate_add_proofs(g, &c->tuple.remote.addr, c->proof, &c->nproof);
	if (!named)
		return;
	c->told_any = true;
	c->told = *n;
}

/* --- a first flight that decides ------------------------------------------------------------------------------- */

static void
pass_all(struct gate_conn *c)
{
	c->over = true;
	c->limit = c->nsaid;
}

static void
measure_hello(struct gate *g, struct gate_conn *c)
{
	struct naive_hello h;
	enum naive_reading got = naive_hello_read(c->said, c->nsaid, &h);

	if (got == NAIVE_MORE && c->ended) {
		h.named = h.ech = false;
		got = NAIVE_DONE;
	}
	if (got != NAIVE_DONE || h.ech || with_name(g, c, h.named, &h.name, NULL) != VERDICT_ALLOW)
		return;
	tell(g, c, h.named, &h.name);
	pass_all(c);
}

/* False: nothing more passes now. */
static bool
measure_request(struct gate *g, struct gate_conn *c)
{
	struct naive_request r;
	const uint8_t *p = c->said + c->at;
	size_t left = c->nsaid - c->at, body = 0;
	enum naive_reading got = naive_request_read(p, left, &r);
	bool done = true;

	if (got == NAIVE_NOT && c->requests == 0 && with_name(g, c, false, NULL, NULL) == VERDICT_ALLOW)
		pass_all(c);
	/* What has passed was judged then. */
	if (got != NAIVE_DONE || r.connect)
		return false;
	if (c->at + r.head > c->passed && with_name(g, c, r.named, &r.name, NULL) != VERDICT_ALLOW)
		return false;
	tell(g, c, r.named, &r.name);
	c->limit = c->at + r.head > c->limit ? c->at + r.head : c->limit;
	left -= r.head;
	if (r.chunked) {
		body = naive_chunks_read(p + r.head, left, &done);
	} else if (r.length) {
		done = left >= r.length;
		body = done ? (size_t)r.length : left;
	}
	c->upgrades |= r.upgrade && !r.chunked && !r.length;
	if (c->at + r.head + body > c->limit)
		c->limit = c->at + r.head + body;
	/* A request whose body is still to come is read again from its beginning. */
	if (!done)
		return false;
	c->requests++;
	c->at += r.head + body;
	return true;
}

void
gate_measure(struct gate *g, struct gate_conn *c)
{
	struct policy_question q = gate_question(c);
	enum verdict v;

	if (c->inbound || c->beyond || c->nsaid == 0 || c->limit == c->nsaid)
		return;
	if (c->over || (c->upgrades && c->agreed)) {
		pass_all(c);
		return;
	}
	v = gate_mildest(g, &q, c->proof, c->nproof);
	if (v == VERDICT_ALLOW)
		c->limit = c->nsaid;
	if (v != VERDICT_PEEK)
		return;
	if (c->said[0] == 22) {
		measure_hello(g, c);
		return;
	}
	while (!c->over && c->at < c->nsaid && measure_request(g, c))
		;
}

/* --- requests that are written anew -------------------------------------------------------------------------------- */

static void
wrong(struct gate *g, const struct gate_conn *c, const char *what)
{
	char text[ENDPOINT_TEXT];

	gate_complain(g, what, endpoint_text(&c->tuple.remote, text));
}

/* Our own ClientHello: what it asks for may still be allowed, by the requests in it. */
static void
given_hello(struct gate *g, struct gate_conn *c)
{
	struct naive_hello h;
	struct policy_question q = gate_question(c);
	enum naive_reading got = naive_hello_read(c->given, c->ngiven, &h);

	if (got == NAIVE_MORE)
		return;
	q.claim = h.named ? CLAIM_TOLD : CLAIM_NONE;
	q.told = h.named ? &h.name : NULL;
	if (got != NAIVE_DONE || gate_mildest(g, &q, c->proof, c->nproof) > VERDICT_PEEK)
		wrong(g, c, "a server is asked for a name that policy refuses");
	c->beyond = true;
}

/* Where a CONNECT leads is a destination of its own. */
static bool
tunnel_passes(struct gate *g, const struct naive_request *r)
{
	struct policy_question q = {
	    .proto = IP_PROTO_TCP,
	    .remote = r->named ? addr_v4(TUNNEL_SOMEWHERE) : r->addr,
	    .port = r->port,
	    .claim = r->named ? CLAIM_TOLD : CLAIM_PENDING,
	    .told = r->named ? &r->name : NULL,
	    .requests = CLAIM_PENDING,
	};

	return gate_mildest(g, &q, &r->name, r->named ? 1 : 0) <= VERDICT_PEEK;
}

static bool
request_passes(struct gate *g, const struct gate_conn *c, const struct naive_request *r)
{
	const struct policy_request req = {.method = r->method, .path = r->connect ? "" : r->path};

	if (r->connect)
		return with_name(g, c, false, NULL, &req) == VERDICT_ALLOW && tunnel_passes(g, r);
	return with_name(g, c, r->named, &r->name, &req) == VERDICT_ALLOW;
}

void
gate_given(struct gate *g, struct gate_conn *c)
{
	struct naive_request r;
	bool done = true;

	if (c->ngiven > 0 && c->given[0] == 22 && c->requests == 0) {
		given_hello(g, c);
		return;
	}
	/* What the last request asked for may have been agreed to since. */
	c->beyond |= c->upgrades && c->agreed;
	while (c->given_at < c->ngiven && !c->beyond) {
		const uint8_t *p = c->given + c->given_at;
		size_t left = c->ngiven - c->given_at, body = 0;
		enum naive_reading got = naive_request_read(p, left, &r);

		if (got == NAIVE_MORE)
			return;
		/* HTTP/2, or what is opened and no HTTP. */
		if (got == NAIVE_NOT && c->requests == 0) {
			c->beyond = true;
			return;
		}
		if (got != NAIVE_DONE || (!c->given_judged && !request_passes(g, c, &r)))
			wrong(g, c, "a request that policy refuses");
		if (got != NAIVE_DONE)
			return;
		c->given_judged = true;
		left -= r.head;
		if (r.chunked)
			body = naive_chunks_read(p + r.head, left, &done);
		else if (r.length)
			done = left >= r.length, body = done ? (size_t)r.length : left;
		c->upgrades = r.upgrade;
		c->beyond |= r.connect || (c->upgrades && c->agreed);
		if (!done)
			return;
		c->requests++;
		c->given_at += r.head + body;
		c->given_judged = false;
	}
}
