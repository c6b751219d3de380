/*
 * match.c - does a rule match?
 *
 * An allow looks only at the address inside of an address, a deny at both, so that no other way of writing an address
 * gets past a rule.  A name is looked for only when a rule has names and its protocol and port fit, and what evidence
 * there is for the address is looked up once for a question.
 *
 * A rule about requests looks at the host as any rule does, at the targets whose path is the request's alone; what it says of a request
 * that is not told yet is never sure.
 */
#include "policy/match.h"

#include "policy/path.h"
#include "stack/ip_wire.h"

#define DNS_PORT 53

uint8_t
proto_bit(uint8_t proto)
{
	switch (proto) {
	case IP_PROTO_TCP:
		return OF_TCP;
	case IP_PROTO_UDP:
		return OF_UDP;
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMPV6:
		return OF_ICMP;
	default:
		return OF_OTHERS;
	}
}

struct asking
asking_of(const struct surroundings *where, const struct evidence *e, usec_t now,
	  const struct policy_question *q)
{
	struct asking a = {
	    .q = q,
	    .where = where,
	    .e = e,
	    .now = now,
	    .proto = proto_bit(q->proto),
	    .claim = q->claim,
	    .requests = q->requests,
	    .inside = addr_inside(&q->remote),
	};

	/* A client of a published port tells us nothing of its own name. */
	if (q->ingress || (q->claim == CLAIM_TOLD && !q->told))
		a.claim = CLAIM_NONE;
	/* Nor is it read what it asks; and of datagrams (HTTP/3) nobody can. */
	if (q->ingress || a.proto != OF_TCP || (q->requests == CLAIM_TOLD && !q->request))
		a.requests = CLAIM_NONE;
	a.carries = !addr_eq(&a.inside, &q->remote);
	a.isatap = a.carries && addr_is_isatap(&q->remote);
	return a;
}

bool
match_proto(const struct check *c, const struct asking *a)
{
	return c->protos & a->proto;
}

static bool
in_ports(const struct ports *p, uint16_t port)
{
	unsigned from = 0, to = p->n;

	while (from < to) {
		unsigned half = (from + to) / 2;

		if (p->range[half].last < port)
			from = half + 1;
		else
			to = half;
	}
	return from < p->n && p->range[from].first <= port;
}

bool
match_port(const struct check *c, const struct asking *a)
{
	const struct ports *p = &c->port[a->proto == OF_UDP];
	uint16_t port = a->q->port;

	/* Over UDP it is HTTP/3 that is refused, which is https (RFC 9114 3.1). */
	if (c->requests)
		return in_ports(&c->port[0], port) || (a->proto == OF_TCP && in_ports(&c->port[1], port));
	return p->n == 0 || a->proto > OF_UDP || in_ports(p, port);
}

/* --- requests ----------------------------------------------------------------------------------------------- */

const struct policy_request *
asked_request(const struct asking *a)
{
	return a->requests == CLAIM_TOLD ? a->q->request : NULL;
}

bool
match_scheme(const struct check *c, const struct asking *a)
{
	return in_ports(&c->port[a->q->request->tls ? 0 : 1], a->q->port);
}

bool
match_method(const struct check *c, const struct policy_request *r)
{
	for (unsigned i = 0; i < c->rule->nmethod; i++)
		if (strlen(c->rule->method[i]) == r->method.len &&
		    memcmp(c->rule->method[i], r->method.p, r->method.len) == 0)
			return true;
	return c->rule->nmethod == 0;
}

static bool
match_path(const struct rule_target *t, const struct policy_request *r)
{
	return !r || !t->request || path_match(t->request, r->path);
}

/* --- addresses ---------------------------------------------------------------------------------------------- */

/* groups: a bit each. */
static bool
in_groups(const struct check *c, unsigned groups, struct asking *a)
{
	if (groups == 0)
		return false;
	/* What ISATAP leads to is its prefix's choice, so the address inside earns it nothing. */
	if (a->isatap && is_allow(c))
		groups &= 1u << GROUP_PUBLIC;
	if (!a->grouped) {
		a->group = group_of(&a->q->remote, a->where);
		a->grouped = true;
	}
	return groups >> a->group & 1;
}

static bool
in_nets(const struct check *c, const struct addr *addr, const struct policy_request *r)
{
	if (c->nets && netset_has(c->nets, addr))
		return true;
	for (unsigned i = 0; i < c->nnet; i++) {
		const struct rule_target *t = c->net[i];
		bool in = t->kind == TARGET_LIST  ? netset_has(t->nets, addr)
			  : t->kind == TARGET_NET ? addr_in_net(addr, &t->net, t->plen)
						  : false;

		if (in && match_path(t, r))
			return true;
	}
	return false;
}

/* @any/PATH, @GROUP/PATH */
static bool
in_wide(const struct check *c, struct asking *a)
{
	for (unsigned i = 0; c->requests && i < c->nnet; i++) {
		const struct rule_target *t = c->net[i];
		bool in =
		    t->kind == TARGET_ANY || (t->kind == TARGET_GROUP && in_groups(c, 1u << t->group, a));

		if (in && match_path(t, asked_request(a)))
			return true;
	}
	return false;
}

static bool
is_dns(const struct surroundings *where, const struct addr *addr)
{
	if (!where || addr_is_unspecified(addr))
		return false;
	return addr_eq(addr, &where->dns[FAMILY_V4]) || addr_eq(addr, &where->dns[FAMILY_V6]);
}

bool
match_net_or_group(const struct check *c, struct asking *a)
{
	const struct policy_request *r = asked_request(a);

	if (in_groups(c, c->groups, a) || in_wide(c, a))
		return true;
	if (!c->nets && !c->nnet)
		return false;
	if (is_allow(c))
		return !a->isatap && in_nets(c, &a->inside, r);
	return in_nets(c, &a->inside, r) || (a->carries && in_nets(c, &a->q->remote, r));
}

bool
match_addr(const struct check *c, struct asking *a)
{
	if (c->any || match_net_or_group(c, a))
		return true;
	return c->dns && (is_dns(a->where, &a->q->remote) || (!is_allow(c) && is_dns(a->where, &a->inside)));
}

bool
match_has_names(const struct check *c)
{
	return c->names || c->nname;
}

static bool
target_has(const struct rule_target *t, const struct name *n)
{
	if (t->kind == TARGET_LIST)
		return nameset_has(t->names, n);
	return t->kind == TARGET_SUFFIX ? name_is_under(n, &t->name) : name_eq(n, &t->name);
}

bool
match_name(const struct check *c, const struct name *n, const struct policy_request *r)
{
	if (c->names && nameset_has(c->names, n))
		return true;
	for (unsigned i = 0; i < c->nname; i++)
		if (target_has(c->name[i], n) && match_path(c->name[i], r))
			return true;
	return false;
}

const struct name *
match_evidence(const struct check *c, struct asking *a)
{
	if (!a->looked) {
		if (a->e)
			a->nname = evidence_names(a->e, &a->q->remote, a->now, a->name, EVIDENCE_NAMES);
		if (a->q->proof)
			a->name[a->nname++] = a->q->proof;
		a->looked = true;
	}
	for (unsigned i = 0; i < a->nname; i++)
		if (match_name(c, a->name[i], asked_request(a)))
			return a->name[i];
	return NULL;
}

/* The table in policy.h. */
static enum match
by_name(const struct check *c, struct asking *a, const struct name **by)
{
	bool allow = is_allow(c);

	if (a->claim == CLAIM_PENDING && !allow)
		return MATCH_PERHAPS;
	if (a->claim == CLAIM_TOLD && !match_name(c, a->q->told, asked_request(a)))
		return MATCH_NO;
	if (a->claim == CLAIM_TOLD && !allow)
		return MATCH_YES;

	const struct name *found = match_evidence(c, a);
	if (!found)
		return MATCH_NO;
	if (allow)
		*by = found;
	return a->claim == CLAIM_PENDING ? MATCH_PERHAPS : MATCH_YES;
}

enum match
match_host(const struct check *c, struct asking *a, const struct name **by)
{
	*by = NULL;
	if (match_addr(c, a))
		return MATCH_YES;
	return match_has_names(c) ? by_name(c, a, by) : MATCH_NO;
}

/* The second table in policy.h. */
enum match
match_rule(const struct check *c, struct asking *a, const struct name **by)
{
	enum match m;

	*by = NULL;
	if (c->requests && a->requests == CLAIM_NONE && is_allow(c))
		return MATCH_NO;
	if (c->requests && a->requests == CLAIM_TOLD &&
	    !(match_scheme(c, a) && match_method(c, a->q->request)))
		return MATCH_NO;
	m = match_host(c, a, by);
	return c->requests && a->requests == CLAIM_PENDING && m == MATCH_YES ? MATCH_PERHAPS : m;
}

bool
match_names_it(const struct check *c, const struct name *n)
{
	return (is_allow(c) || c->rule->nproto == 0) && match_has_names(c) && match_name(c, n, NULL);
}

bool
match_every_name(const struct check *c, uint8_t proto)
{
	const struct policy_question q = {.proto = proto, .port = DNS_PORT};
	const struct asking a = {.q = &q, .proto = proto_bit(proto)};

	return (c->any || c->dns) && !c->requests && match_proto(c, &a) && match_port(c, &a);
}

bool
match_name_asked(const struct check *c, uint8_t proto, const struct name *n, const char **why)
{
	bool every = match_every_name(c, proto), names = match_has_names(c) && match_name(c, n, NULL);

	if (every)
		*why = c->any ? "it is for every address, the resolver's too" : "it is for the resolver";
	else if (c->requests && !names)
		*why = match_has_names(c) ? "the name is not in it" : "it is about requests, not names";
	else if (c->any || c->dns)
		*why = "it is not for port 53 of this protocol";
	else if (names && !match_names_it(c, n))
		*why = "it refuses some protocols only, not the question for the name";
	else if (names)
		*why = "the name is in it";
	else if (match_has_names(c))
		*why = "the name is not in it";
	else
		*why = "it is about addresses, not names";
	return every || match_names_it(c, n);
}
