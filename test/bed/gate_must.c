/*
 * gate_must.c - what may leave through a gateway, the other way round: what is allowed and done right is done
 *
 * Only of what is certain: each reading of the evidence allows it, no shortage is near, and no name or claim is left to be waited for.
 * Whoever asks knows beside that whether the host was in the way, or time.
 */
#include "test/bed/gate_int.h"

#include "proxy/endpoint.h"
#include "stack/ip_wire.h"
#include "test/bed/gate_rules.h"

#define FILES_SPARE 20u /* descriptors: where fewer are left they may be short */
#define NAMES_ASKED 9u  /* of gate_name(): the gateway has no answer of its own to these */

static bool
is_here(const struct gate *g, const struct endpoint *to)
{
	return !g->blind && g->bed->gw->stack.cfg.net[addr_family(&to->addr)].on;
}

/* What the stack lets through, and no service of the gateway's has. */
static bool
is_beyond(const struct gate *g, const struct endpoint *to)
{
	const struct addr *a = &to->addr;

	return to->port != 53 && !addr_eq(a, &g->where.dns[addr_family(a)]) && !addr_is_loopback(a) &&
	       !addr_is_multicast(a) && !addr_is_link_local(a) && !(addr_is_v4(a) && a->b[12] == 0);
}

bool
gate_must_begin(struct gate *g, uint8_t proto, const struct endpoint *to)
{
	/* DNS over TLS ends here where TLS may be opened. */
	if (!is_here(g, to) || !is_beyond(g, to) || (g->opens && proto == IP_PROTO_TCP && to->port == 853))
		return false;
	return gate_would(g, proto, to, true) <= (proto == IP_PROTO_TCP ? VERDICT_PEEK : VERDICT_ALLOW);
}

bool
gate_must_ask(struct gate *g, uint8_t proto, const struct endpoint *to, struct view msg)
{
	static struct naive_dns m;
	struct name n, ordinary;
	bool ours = addr_eq(&to->addr, &g->where.dns[addr_family(&to->addr)]), known = false;
	size_t files = vhost_open_count(g->bed->vhost);

	if (!is_here(g, to) || files + FILES_SPARE > g->bed->conf.gateway.max_files)
		return false;
	if (!naive_dns_read(msg.p, msg.len, &m) || !name_from_wire(view_of(m.asked.wire, m.asked.len), &n))
		return false;
	for (uint8_t i = 0; i < NAMES_ASKED; i++)
		known |= name_parse(gate_name(i), strlen(gate_name(i)), &ordinary) && name_eq(&n, &ordinary);
	/* "Any" and zones are not passed on, nor are addresses wanted of a family that is off. */
	const struct stack_net *net = g->bed->gw->stack.cfg.net;
	if (!known || m.type > 250 || m.class != 1 || (m.type == 28 && !net[FAMILY_V6].on) ||
	    (m.type == 1 && !net[FAMILY_V4].on))
		return false;
	return gate_may_ask(g, proto, &n) && (ours || gate_would(g, proto, to, true) == VERDICT_ALLOW);
}

bool
gate_asks_already(const struct gate *g, struct view msg)
{
	static struct naive_dns m;

	if (!naive_dns_read(msg.p, msg.len, &m))
		return false;
	for (unsigned i = 0; i < GATE_SOCKETS; i++) {
		const struct gate_sock *s = &g->sock[i];

		if (s->open && s->asked && s->type == m.type && naive_name_eq(&s->name, &m.asked))
			return true;
	}
	return false;
}

static bool
certainly_passes(struct gate *g, const struct gate_conn *c, bool named, const struct name *n)
{
	struct policy_question q = gate_question(c);

	q.claim = named ? CLAIM_TOLD : CLAIM_NONE;
	q.told = named ? n : NULL;
	q.requests = CLAIM_NONE;
	return gate_strictest(g, &q) == VERDICT_ALLOW;
}

/* A whole ClientHello, one request without a body, or neither. */
static bool
is_sound(const struct gate_conn *c, bool *named, struct name *n)
{
	struct naive_request r;
	struct naive_hello h;

	if (c->said[0] == 22) {
		enum naive_reading got = naive_hello_read(c->said, c->nsaid, &h);

		*named = h.named;
		*n = h.name;
		return got == NAIVE_DONE && !h.ech;
	}
	enum naive_reading got = naive_request_read(c->said, c->nsaid, &r);
	*named = r.named;
	*n = r.name;
	if (got != NAIVE_DONE)
		return got == NAIVE_NOT;
	/* What can be read in two ways is refused: two names, two lengths, odd paths; what stands behind a request may spoil it. */
	return !r.connect && !r.chunked && r.head == c->nsaid && r.target.len > 0 && r.target.p[0] == '/' &&
	       !memchr(r.target.p, '%', r.target.len) && !memmem(r.target.p, r.target.len, "..", 2);
}

size_t
gate_must_pass(struct gate *g, const struct gate_conn *c)
{
	struct policy_question q = gate_question(c);
	struct name n;
	bool named;

	if (g->opens || c->inbound || c->beyond || c->nsaid == 0 || !is_here(g, &c->tuple.remote) ||
	    !is_beyond(g, &c->tuple.remote))
		return 0;
	/* Tunnels are looked for in all that is HTTP, and no TLS follows from a hello that breaks its protocol. */
	if (!is_sound(c, &named, &n))
		return 0;
	enum verdict v = gate_strictest(g, &q);
	return v == VERDICT_ALLOW || (v == VERDICT_PEEK && certainly_passes(g, c, named, &n)) ? c->nsaid : 0;
}
