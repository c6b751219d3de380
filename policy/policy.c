/*
 * policy.c - building a policy: rules are compiled one by one, and stay beside what they became
 *
 * Nothing is lost by compiling: a rule's ports are sorted and joined, its groups become bits, and more than FEW
 * networks or names of one rule without paths a set.  Rules are not merged, because an answer names its rule; so a decision takes
 * time in proportion to the rules (not to what their lists hold).
 */
#include <stdlib.h>

#include "policy/match.h"
#include "policy/reader.h"
#include "stack/ip_wire.h"

#define FEW 8u /* targets of a rule that are cheaper to look through than to hash */

/* --- ports -------------------------------------------------------------------------------------------------- */

static int
by_first(const void *a, const void *b)
{
	const struct port_range *x = a, *y = b;

	return x->first - y->first;
}

/* TCP and UDP; of a rule about requests https and http. */
static bool
is_way(const struct rule_proto *p, unsigned way)
{
	if (p->scheme != SCHEME_NONE)
		return p->scheme == (way ? SCHEME_HTTP : SCHEME_HTTPS);
	return p->proto == (way ? IP_PROTO_UDP : IP_PROTO_TCP);
}

/* All ranges of one protocol, sorted and joined, into to; 0 if one of them is every port. */
static unsigned
gather_ports(const struct rule *r, unsigned way, struct port_range *to)
{
	unsigned n = 0, kept = 0;

	for (unsigned i = 0; i < r->nproto; i++) {
		if (is_way(&r->proto[i], way) && r->proto[i].nport == 0)
			return 0;
		for (unsigned k = 0; is_way(&r->proto[i], way) && k < r->proto[i].nport; k++)
			to[n++] = r->proto[i].port[k];
	}
	if (n == 0)
		return 0;
	qsort(to, n, sizeof(*to), by_first);
	for (unsigned i = 1; i < n; i++) {
		if (to[i].first > to[kept].last + 1)
			to[++kept] = to[i];
		else if (to[i].last > to[kept].last)
			to[kept].last = to[i].last;
	}
	return kept + 1;
}

/* --- one rule ----------------------------------------------------------------------------------------------- */

/* How much of what a rule has; wide: groups and @any with a path. */
struct amount {
	unsigned nets, names, lists, ranges, wide;
	bool paths;
};

static struct amount
amount_of(const struct rule *r)
{
	struct amount n = {0};

	for (unsigned i = 0; i < r->ntarget; i++) {
		enum target_kind kind = r->target[i].kind;

		n.nets += kind == TARGET_NET;
		n.names += kind == TARGET_NAME || kind == TARGET_SUFFIX;
		n.lists += kind == TARGET_LIST;
		n.wide += (kind == TARGET_ANY || kind == TARGET_GROUP) && r->target[i].request;
		n.paths |= r->target[i].request != NULL;
	}
	for (unsigned i = 0; i < r->nproto; i++)
		n.ranges += r->proto[i].nport;
	return n;
}

static void
compile_protos(struct check *c, struct port_range *room)
{
	const struct rule *r = c->rule;

	c->requests = rule_is_about_requests(r);
	c->protos = r->nproto ? 0 : OF_ALL;
	if (r->https && r->action != RULE_ALLOW)
		c->protos |= OF_UDP;
	for (unsigned i = 0; i < r->nproto; i++)
		c->protos |= proto_bit(r->proto[i].proto);
	for (unsigned way = 0; way < 2; way++) {
		c->port[way].range = room;
		c->port[way].n = gather_ports(r, way, room);
		room += c->port[way].n;
	}
}

static bool
compile_target(struct check *c, const struct rule_target *t)
{
	if (t->request && (t->kind == TARGET_ANY || t->kind == TARGET_GROUP)) {
		c->net[c->nnet++] = t;
		return true;
	}
	switch (t->kind) {
	case TARGET_ANY:
		c->any = true;
		return true;
	case TARGET_DNS:
		c->dns = true;
		return true;
	case TARGET_GROUP:
		c->groups |= (uint16_t)(1u << t->group);
		return true;
	case TARGET_NET:
		if (c->nets)
			return netset_add(c->nets, &t->net, t->plen);
		c->net[c->nnet++] = t;
		return true;
	case TARGET_NAME:
	case TARGET_SUFFIX:
		if (c->names)
			return nameset_add(c->names, &t->name, t->kind == TARGET_SUFFIX);
		c->name[c->nname++] = t;
		return true;
	case TARGET_LIST:
	default:
		if (t->nets && netset_count(t->nets))
			c->net[c->nnet++] = t;
		if (t->names && nameset_count(t->names))
			c->name[c->nname++] = t;
		return true;
	}
}

/* c->rule is set, all else is zero.  False: no memory; free_check() takes back what there is. */
static bool
compile(struct check *c)
{
	const struct rule *r = c->rule;
	const struct amount n = amount_of(r);
	/* A set does not know which path belongs to what is in it. */
	bool many_nets = n.nets > FEW && !n.paths, many_names = n.names > FEW && !n.paths;
	unsigned nets = n.wide + n.lists + (many_nets ? 0 : n.nets);
	unsigned names = n.lists + (many_names ? 0 : n.names);
	struct port_range *ports;

	c->block = malloc((nets + names) * sizeof(*c->net) + (n.ranges + 1) * sizeof(*ports));
	c->nets = many_nets ? netset_new() : NULL;
	c->names = many_names ? nameset_new() : NULL;
	if (!c->block || (many_nets && !c->nets) || (many_names && !c->names))
		return false;
	c->net = c->block;
	c->name = c->net + nets;
	ports = (void *)(c->name + names);
	compile_protos(c, ports);
	for (unsigned i = 0; i < r->ntarget; i++)
		if (!compile_target(c, &r->target[i]))
			return false;
	return (!c->nets || netset_seal(c->nets)) && (!c->names || nameset_seal(c->names));
}

static void
free_check(struct check *c)
{
	netset_free(c->nets);
	nameset_free(c->names);
	free(c->block);
}

/* --- all rules ---------------------------------------------------------------------------------------------- */

/* The last address of an IPv6 network of plen bits. */
static struct addr
last_of(struct addr net, unsigned plen)
{
	for (unsigned bit = plen; bit < 128; bit++)
		net.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return net;
}

static bool
carries(const struct addr *a)
{
	struct addr inside = addr_inside(a);

	return !addr_eq(&inside, a);
}

/*
 * Can no address of an IPv6 network be judged as itself, because all carry an IPv4 address?  What carries begins and
 * ends at bits of its own, so that the ends of a network and of its halves tell.
 */
static bool
is_all_disguise(const struct addr *net, unsigned plen)
{
	struct addr end = last_of(*net, plen);

	if (addr_is_v4(net) || !carries(net) || !carries(&end))
		return false;
	if (plen == 128)
		return true;

	struct addr half = last_of(*net, plen + 1);
	return carries(&half);
}

/* Rules that would be obeyed by nobody are refused rather than believed in. */
static void
refuse_unenforceable(const struct rules *rules, struct diag_sink *d)
{
	for (uint32_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->rule[i];

		for (unsigned k = 0; r->action == RULE_ALLOW && k < r->ntarget; k++) {
			const struct rule_target *t = &r->target[k];
			char text[ADDR_TEXT];

			if (t->kind == TARGET_NET && is_all_disguise(&t->net, t->plen))
				diag_error(d, &r->at, addr_text(&t->net, text),
					   "can never match: addresses here are judged by the IPv4 address "
					   "they carry; allow that one instead");
		}
	}
}

static bool
compile_all(struct ruleset *s)
{
	const struct rules *r = &s->rules;

	s->check = calloc(r->n + 1u, sizeof(*s->check));
	s->way[0] = calloc(r->n + 1u, sizeof(*s->way[0]));
	s->way[1] = calloc(r->n + 1u, sizeof(*s->way[1]));
	if (!s->check || !s->way[0] || !s->way[1])
		return false;
	for (uint32_t i = 0; i < r->n; i++) {
		struct check *c = &s->check[i];

		c->rule = &r->rule[i];
		if (!compile(c))
			return false;
		if (c->rule->egress)
			s->way[0][s->nway[0]++] = i;
		if (c->rule->ingress)
			s->way[1][s->nway[1]++] = i;
		s->names |= match_has_names(c);
		s->requests |= c->requests;
	}
	return true;
}

static void
free_all(struct ruleset *s)
{
	for (uint32_t i = 0; s->check && i < s->rules.n; i++)
		free_check(&s->check[i]);
	free(s->check);
	free(s->way[0]);
	free(s->way[1]);
	rules_free(&s->rules);
}

struct policy *
policy_build(struct rules *rules, struct rules *floor, struct diag_sink *d)
{
	struct policy *p = calloc(1, sizeof(*p));
	unsigned errors = d->errors;

	if (!p) {
		rules_free(rules);
		if (floor)
			rules_free(floor);
		return NULL;
	}
	p->own.rules = *rules;
	*rules = (struct rules){0};
	p->floored = floor != NULL;
	if (floor) {
		p->floor.rules = *floor;
		*floor = (struct rules){0};
	}
	for (unsigned i = 0; i < 2; i++) {
		struct rules *r = i ? &p->floor.rules : &p->own.rules;

		refuse_unenforceable(r, d);
		rules_lint(r, d);
	}
	if (d->errors != errors || !compile_all(&p->own) || !compile_all(&p->floor)) {
		policy_free(p);
		return NULL;
	}
	return p;
}

void
policy_free(struct policy *p)
{
	if (!p)
		return;
	free_all(&p->own);
	free_all(&p->floor);
	free(p);
}

bool
policy_has_names(const struct policy *p)
{
	return p->own.names || p->floor.names;
}

bool
policy_has_requests(const struct policy *p)
{
	return p->own.requests || p->floor.requests;
}

uint32_t
policy_rules(const struct policy *p, bool floor)
{
	return floor ? p->floor.rules.n : p->own.rules.n;
}

static size_t
memory_of(const struct ruleset *s)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < s->rules.n; i++) {
		const struct check *c = &s->check[i];
		const struct rule *r = c->rule;

		bytes += sizeof(*c) + 2 * sizeof(uint32_t) + (c->nnet + c->nname) * sizeof(*c->net);
		bytes += (c->port[0].n + c->port[1].n) * sizeof(struct port_range);
		bytes += (c->nets ? netset_memory(c->nets) : 0) + (c->names ? nameset_memory(c->names) : 0);
		bytes += r->ntarget * sizeof(*r->target) + r->nproto * sizeof(*r->proto) +
			 (r->text ? strlen(r->text) : 0);
		for (unsigned k = 0; k < r->ntarget; k++)
			bytes += r->target[k].request ? strlen(r->target[k].request) + 1 : 0;
		bytes += r->method ? RULE_METHODS_MAX * sizeof(*r->method) + r->nmethod * RULE_METHOD_MAX : 0;
	}
	for (uint32_t i = 0; i < s->rules.nlist; i++)
		bytes += nameset_memory(s->rules.list[i].names) + netset_memory(s->rules.list[i].nets);
	return bytes + s->rules.room * sizeof(struct rule);
}

size_t
policy_memory(const struct policy *p)
{
	return sizeof(*p) + memory_of(&p->own) + memory_of(&p->floor);
}
