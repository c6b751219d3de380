/*
 * decide.c - a question in, a verdict and its reason out
 *
 * Rules are gone through in order until one matches for certain.  On the way there may be rules that match only if
 * some name is told, or some request; where one of those would turn the outcome round, the verdict is to look for that
 * first.  The floor is asked the same, and the stricter of both answers holds.
 */
#include "policy/match.h"
#include "stack/ip_wire.h"

static enum verdict
verdict_of(const struct check *c)
{
	switch (c->rule->action) {
	case RULE_ALLOW:
		return VERDICT_ALLOW;
	case RULE_DROP:
		return VERDICT_DROP;
	case RULE_DENY:
	default:
		return VERDICT_DENY;
	}
}

static bool
covers(const struct check *c, const struct asking *a)
{
	return match_proto(c, a) && match_port(c, a);
}

static void
answer(struct policy_answer *out, enum verdict v, enum policy_reason reason, const struct check *c)
{
	*out = (struct policy_answer){.verdict = v, .reason = reason, .rule = c ? c->rule : NULL};
}

/* Is c about requests, and the one that was told none of its? */
static bool
is_another_request(const struct check *c, const struct asking *a)
{
	return c->requests && a->requests != CLAIM_PENDING &&
	       !(asked_request(a) && match_scheme(c, a) && match_method(c, asked_request(a)));
}

/* ... or would it have matched, had there been any? */
static bool
wants_request(const struct check *c, struct asking *a)
{
	const struct name *by;

	return c->requests && a->requests == CLAIM_NONE && match_host(c, a, &by) != MATCH_NO;
}

/* Does a rule allow other requests to this very host?  Then no name is missing. */
static bool
host_is_known(const struct ruleset *s, const struct asking *a)
{
	struct asking host = *a;

	host.requests = CLAIM_PENDING;
	for (uint32_t i = 0; asked_request(a) && s->requests && i < s->nway[0]; i++) {
		const struct check *c = check_at(s, false, i);
		const struct name *by;

		if (c->requests && is_allow(c) && covers(c, a) && match_host(c, &host, &by) == MATCH_YES)
			return true;
	}
	return false;
}

/* Nothing matched: would a rule that allows a name or a request have, and what was missing? */
static void
refuse_by_default(const struct ruleset *s, struct asking *a, struct policy_answer *out)
{
	bool known = host_is_known(s, a);

	for (uint32_t i = 0; !known && (s->names || s->requests) && i < s->nway[0]; i++) {
		const struct check *c = check_at(s, false, i);

		if (!is_allow(c) || !covers(c, a))
			continue;
		if (wants_request(c, a)) {
			answer(out, VERDICT_DENY, POLICY_NO_REQUEST, c);
			return;
		}
		if (!match_has_names(c) || is_another_request(c, a))
			continue;
		if (a->claim != CLAIM_TOLD || match_name(c, a->q->told, asked_request(a))) {
			answer(out, VERDICT_DENY, POLICY_NO_EVIDENCE, c);
			return;
		}
		if (match_evidence(c, a)) {
			answer(out, VERDICT_DENY, POLICY_WRONG_NAME, c);
			return;
		}
	}
	answer(out, VERDICT_DENY, POLICY_DEFAULT, NULL);
}

/* What rules of a question's way say so far: the first that allows, and that refuses, if only a name or a request is told. */
struct perhaps {
	const struct check *allow, *refuse, *first;
	const struct name *by; /* of allow */
};

static void
decide(const struct ruleset *s, struct asking *a, struct policy_answer *out)
{
	const struct check *sure = NULL;
	const struct name *by = NULL;
	struct perhaps perhaps = {0};

	for (uint32_t i = 0; !sure && i < s->nway[a->q->ingress]; i++) {
		const struct check *c = check_at(s, a->q->ingress, i);
		enum match m = covers(c, a) ? match_rule(c, a, &by) : MATCH_NO;

		if (m == MATCH_YES)
			sure = c;
		if (m != MATCH_PERHAPS)
			continue;
		if (!perhaps.first)
			perhaps.first = c;
		if (is_allow(c) && !perhaps.allow) {
			perhaps.allow = c;
			perhaps.by = by;
		} else if (!is_allow(c) && !perhaps.refuse) {
			perhaps.refuse = c;
		}
	}

	bool allows = sure ? is_allow(sure) : a->q->ingress;
	if (!sure)
		by = NULL;
	if (allows ? perhaps.refuse != NULL : perhaps.allow != NULL) {
		answer(out, VERDICT_PEEK, POLICY_RULE, perhaps.first);
		by = perhaps.by;
	} else if (sure) {
		answer(out, verdict_of(sure), POLICY_RULE, sure);
	} else if (allows) {
		answer(out, VERDICT_ALLOW, POLICY_DEFAULT, NULL);
	} else {
		refuse_by_default(s, a, out);
	}
	if (by)
		out->by = *by;
}

/* Is name one of the rule that allowed own? */
static bool
also_allows(const struct ruleset *s, const struct policy_answer *own, const struct name *name,
	    const struct policy_request *r)
{
	return own->verdict == VERDICT_ALLOW && own->rule &&
	       match_name(&s->check[own->rule - s->rules.rule], name, r);
}

/*
 * Both at once: the stricter verdict, ours where they are equal.  Where both rest on evidence, one name is kept, and
 * better one that serves both.
 */
static void
join(const struct policy *p, struct policy_answer *own, const struct policy_answer *floor,
     const struct policy_request *r)
{
	if (floor->verdict > own->verdict) {
		*own = *floor;
		own->floor = true;
		return;
	}
	if (floor->verdict == own->verdict && floor->by.len &&
	    (!own->by.len || also_allows(&p->own, own, &floor->by, r)))
		own->by = floor->by;
}

void
policy_decide(const struct policy *p, const struct surroundings *where, const struct evidence *e, usec_t now,
	      const struct policy_question *q, struct policy_answer *out)
{
	struct asking a = asking_of(where, e, now, q);
	struct policy_answer floor;

	decide(&p->own, &a, out);
	if (!p->floored)
		return;
	decide(&p->floor, &a, &floor);
	join(p, out, &floor, asked_request(&a));
}

/* --- names to be asked for ---------------------------------------------------------------------------------- */

static void
decide_name(const struct ruleset *s, uint8_t proto, const struct name *name, struct policy_answer *out)
{
	const char *why;

	for (uint32_t i = 0; i < s->nway[0]; i++) {
		const struct check *c = check_at(s, false, i);

		if (match_name_asked(c, proto, name, &why)) {
			answer(out, verdict_of(c), POLICY_RULE, c);
			return;
		}
	}
	answer(out, VERDICT_DENY, POLICY_DEFAULT, NULL);
}

void
policy_decide_name(const struct policy *p, uint8_t proto, const struct name *name, struct policy_answer *out)
{
	struct policy_answer floor;

	decide_name(&p->own, proto, name, out);
	if (!p->floored)
		return;
	decide_name(&p->floor, proto, name, &floor);
	join(p, out, &floor, NULL);
}

/* The rule that refuses this name by naming it; NULL: none, or one before it lets every name pass or none. */
static const struct check *
denial_of(const struct ruleset *s, const struct name *name)
{
	for (uint32_t i = 0; s->names && i < s->nway[0]; i++) {
		const struct check *c = check_at(s, false, i);

		if (match_names_it(c, name))
			return is_allow(c) ? NULL : c;
		if (match_every_name(c, IP_PROTO_UDP) && match_every_name(c, IP_PROTO_TCP))
			return NULL;
	}
	return NULL;
}

bool
policy_denies_name(const struct policy *p, const struct name *name, struct policy_answer *out)
{
	const struct check *own = denial_of(&p->own, name);
	const struct check *c = own ? own : p->floored ? denial_of(&p->floor, name) : NULL;

	if (!c)
		return false;
	answer(out, verdict_of(c), POLICY_RULE, c);
	out->floor = !own;
	return true;
}

/* --- addresses in answers ----------------------------------------------------------------------------------- */

/* Rules about addresses on all ports; for the floor @any is one of them, for us it is no intent. */
static bool
allows_answer(const struct ruleset *s, struct asking *a, bool any)
{
	unsigned tcp_or_udp = a->proto == OF_UDP;

	for (uint32_t i = 0; i < s->nway[0]; i++) {
		const struct check *c = check_at(s, false, i);

		if (c->requests || !match_proto(c, a) || c->port[tcp_or_udp].n)
			continue;
		if ((any && c->any) || match_net_or_group(c, a))
			return is_allow(c);
	}
	return false;
}

bool
policy_allows_answer(const struct policy *p, const struct surroundings *where, const struct addr *addr)
{
	static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_UDP};

	for (unsigned i = 0; i < sizeof(protos); i++) {
		const struct policy_question q = {.proto = protos[i], .remote = *addr};
		struct asking a = asking_of(where, NULL, 0, &q);

		if (allows_answer(&p->own, &a, false) && (!p->floored || allows_answer(&p->floor, &a, true)))
			return true;
	}
	return false;
}
