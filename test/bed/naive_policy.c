/*
 * naive_policy.c - policy decided the long way
 */
#include "test/bed/naive_policy.h"

#include "stack/ip_wire.h"

/* --- what a rule is for ------------------------------------------------------------------------------------- */

static bool
same_protocol(uint8_t of_rule, uint8_t asked)
{
	return of_rule == asked || (of_rule == IP_PROTO_ICMP && asked == IP_PROTO_ICMPV6);
}

static bool
about_requests(const struct rule *r)
{
	for (unsigned i = 0; i < r->nproto; i++)
		if (r->proto[i].scheme != SCHEME_NONE)
			return true;
	return false;
}

static bool
is_for(const struct rule *r, uint8_t proto, unsigned port)
{
	if (r->nproto == 0)
		return true;
	for (unsigned i = 0; i < r->nproto; i++) {
		const struct rule_proto *p = &r->proto[i];
		bool http3 = proto == IP_PROTO_UDP && p->scheme == SCHEME_HTTPS && r->action != RULE_ALLOW;

		if (!same_protocol(p->proto, proto) && !http3)
			continue;
		if (p->nport == 0)
			return true;
		for (unsigned k = 0; k < p->nport; k++)
			if (p->port[k].first <= port && port <= p->port[k].last)
				return true;
	}
	return false;
}

static bool
has_ports(const struct rule *r, uint8_t proto)
{
	bool ports = false;

	for (unsigned i = 0; i < r->nproto; i++) {
		if (r->proto[i].proto != proto)
			continue;
		if (r->proto[i].nport == 0)
			return false;
		ports = true;
	}
	return ports;
}

/* --- requests ----------------------------------------------------------------------------------------------- */

/* Does a segment of a pattern stand for one of a path?  Every way of sharing out the bytes is tried. */
static bool
segment_fits(const char *p, size_t plen, const char *s, size_t slen)
{
	if (plen == 0)
		return slen == 0;
	if (p[0] != '*')
		return slen > 0 && p[0] == s[0] && segment_fits(p + 1, plen - 1, s + 1, slen - 1);
	for (size_t n = 0; n <= slen; n++)
		if (segment_fits(p + 1, plen - 1, s + n, slen - n))
			return true;
	return false;
}

/* Behind the slashes of both. */
static bool
path_fits(const char *pattern, const char *path)
{
	size_t plen = strcspn(pattern, "/"), slen = strcspn(path, "/");

	if (strcmp(pattern, "**") == 0)
		return true;
	if (plen == 1 && pattern[0] == '*' && slen == 0)
		return false;
	if (!segment_fits(pattern, plen, path, slen))
		return false;
	if (path[slen] == '\0')
		return pattern[plen] == '\0' || strcmp(pattern + plen, "/**") == 0;
	return pattern[plen] == '/' && path_fits(pattern + plen + 1, path + slen + 1);
}

/* NULL: any path will do. */
static bool
target_fits(const struct rule_target *t, const struct policy_request *req)
{
	if (!req || !t->request)
		return true;
	return req->path[0] == '/' && path_fits(t->request + 1, req->path + 1);
}

/* What is known of the request; *told NULL: nothing. */
static enum claim
requests_of(const struct policy_question *q, const struct policy_request **told)
{
	*told = NULL;
	if (q->ingress || q->proto != IP_PROTO_TCP)
		return CLAIM_NONE;
	if (q->requests != CLAIM_TOLD)
		return q->requests;
	*told = q->request;
	return *told ? CLAIM_TOLD : CLAIM_NONE;
}

/* By scheme, port and method. */
static bool
could_be(const struct rule *r, const struct policy_question *q, const struct policy_request *req)
{
	bool port = false, method = r->nmethod == 0;

	for (unsigned i = 0; i < r->nproto; i++)
		for (unsigned k = 0; k < r->proto[i].nport; k++)
			port |= r->proto[i].scheme == (req->tls ? SCHEME_HTTPS : SCHEME_HTTP) &&
				r->proto[i].port[k].first <= q->port && q->port <= r->proto[i].port[k].last;
	for (unsigned i = 0; i < r->nmethod; i++)
		method |= strlen(r->method[i]) == req->method.len &&
			  memcmp(r->method[i], req->method.p, req->method.len) == 0;
	return port && method;
}

/* --- what a rule is about ----------------------------------------------------------------------------------- */

static const struct naive_list *
list_of(const struct naive_policy *p, const struct rule_target *t)
{
	static const struct naive_list empty;

	for (unsigned i = 0; i < p->nlist; i++)
		if (p->list[i].names == t->names && p->list[i].nets == t->nets)
			return &p->list[i];
	return &empty;
}

static bool
target_names(const struct naive_policy *p, const struct rule_target *t, const struct name *n)
{
	const struct naive_list *l;

	switch (t->kind) {
	case TARGET_NAME:
		return name_eq(&t->name, n);
	case TARGET_SUFFIX:
		return name_is_under(n, &t->name);
	case TARGET_LIST:
		l = list_of(p, t);
		for (unsigned i = 0; i < l->n; i++)
			if (target_names(p, &l->entry[i], n))
				return true;
		return false;
	default:
		return false;
	}
}

static bool
rule_names(const struct naive_policy *p, const struct rule *r, const struct name *n,
	   const struct policy_request *req)
{
	for (unsigned i = 0; i < r->ntarget; i++)
		if (target_names(p, &r->target[i], n) && target_fits(&r->target[i], req))
			return true;
	return false;
}

static bool
knows_names(const struct naive_policy *p, const struct rule *r)
{
	for (unsigned i = 0; i < r->ntarget; i++) {
		const struct rule_target *t = &r->target[i];

		if (t->kind == TARGET_NAME || t->kind == TARGET_SUFFIX)
			return true;
		for (unsigned k = 0; t->kind == TARGET_LIST && k < list_of(p, t)->n; k++)
			if (list_of(p, t)->entry[k].kind != TARGET_NET)
				return true;
	}
	return false;
}

/* An address network: an allow sees the inside alone, and of ISATAP nothing; a deny sees both forms. */
static bool
net_matches(bool allow, const struct addr *net, unsigned plen, const struct addr *a)
{
	struct addr inside = addr_inside(a);

	if (allow)
		return !(addr_is_isatap(a) && !addr_eq(&inside, a)) && addr_in_net(&inside, net, plen);
	return addr_in_net(a, net, plen) || addr_in_net(&inside, net, plen);
}

static bool
group_matches(const struct naive_policy *p, bool allow, enum group g, const struct addr *a)
{
	if (allow && g != GROUP_PUBLIC && !addr_is_v4(a) && addr_is_isatap(a))
		return false;
	return group_of(a, p->where) == g;
}

static bool
dns_matches(const struct naive_policy *p, bool allow, const struct addr *a)
{
	const struct addr forms[2] = {*a, addr_inside(a)};

	for (unsigned i = 0; i < (allow ? 1 : 2); i++)
		for (unsigned f = 0; f < FAMILIES; f++)
			if (!addr_is_unspecified(&forms[i]) && addr_eq(&forms[i], &p->where->dns[f]))
				return true;
	return false;
}

/* A network or a group, lists included. */
static bool
target_holds(const struct naive_policy *p, bool allow, const struct rule_target *t, const struct addr *a)
{
	const struct naive_list *l;

	switch (t->kind) {
	case TARGET_NET:
		return net_matches(allow, &t->net, t->plen, a);
	case TARGET_GROUP:
		return group_matches(p, allow, t->group, a);
	case TARGET_LIST:
		l = list_of(p, t);
		for (unsigned i = 0; i < l->n; i++)
			if (target_holds(p, allow, &l->entry[i], a))
				return true;
		return false;
	default:
		return false;
	}
}

static bool
rule_holds(const struct naive_policy *p, const struct rule *r, const struct addr *a,
	   const struct policy_request *req)
{
	bool allow = r->action == RULE_ALLOW;

	for (unsigned i = 0; i < r->ntarget; i++) {
		const struct rule_target *t = &r->target[i];

		if (!target_fits(t, req))
			continue;
		if (t->kind == TARGET_ANY || target_holds(p, allow, t, a) ||
		    (t->kind == TARGET_DNS && dns_matches(p, allow, a)))
			return true;
	}
	return false;
}

/* --- flows -------------------------------------------------------------------------------------------------- */

/* The newest name that led to the address and is one of the rule's; the proof is older than all. */
static const struct name *
evidence_for(const struct naive_policy *p, const struct rule *r, const struct policy_question *q)
{
	const struct policy_request *req;

	requests_of(q, &req);
	for (unsigned i = p->nfact; i-- > 0;) {
		const struct naive_fact *f = &p->fact[i];

		if (f->until > p->now && addr_eq(&f->addr, &q->remote) && rule_names(p, r, &f->name, req))
			return &f->name;
	}
	return q->proof && rule_names(p, r, q->proof, req) ? q->proof : NULL;
}

enum says { NO, PERHAPS, YES };

static enum claim
claim_of(const struct policy_question *q)
{
	if (q->ingress)
		return CLAIM_NONE;
	return q->claim == CLAIM_TOLD && !q->told ? CLAIM_NONE : q->claim;
}

/* Of the host. */
static enum says
host_says(const struct naive_policy *p, const struct rule *r, const struct policy_question *q)
{
	bool allow = r->action == RULE_ALLOW;
	const struct policy_request *req;

	requests_of(q, &req);
	if (rule_holds(p, r, &q->remote, req))
		return YES;
	if (!knows_names(p, r))
		return NO;
	switch (claim_of(q)) {
	case CLAIM_PENDING:
		return !allow || evidence_for(p, r, q) ? PERHAPS : NO;
	case CLAIM_TOLD:
		if (!rule_names(p, r, q->told, req))
			return NO;
		return !allow || evidence_for(p, r, q) ? YES : NO;
	case CLAIM_NONE:
	default:
		return evidence_for(p, r, q) ? YES : NO;
	}
}

static enum says
rule_says(const struct naive_policy *p, const struct rule *r, const struct policy_question *q)
{
	const struct policy_request *req;
	enum claim requests = requests_of(q, &req);
	enum says host;

	if (!(q->ingress ? r->ingress : r->egress) || !is_for(r, q->proto, q->port))
		return NO;
	host = host_says(p, r, q);
	if (!about_requests(r) || host == NO)
		return host;
	if (requests == CLAIM_PENDING)
		return PERHAPS;
	if (requests == CLAIM_NONE)
		return r->action == RULE_ALLOW ? NO : host;
	return could_be(r, q, req) ? host : NO;
}

static enum verdict
refusal(const struct rule *r)
{
	return r && r->action == RULE_DROP ? VERDICT_DROP : VERDICT_DENY;
}

/* What may come of the rules from the i-th on: a bit for allowed, a bit for refused. */
enum { MAY_ALLOW = 1, MAY_REFUSE = 2 };

static unsigned
outcomes(const struct naive_policy *p, const struct rules *rules, uint32_t i, const struct policy_question *q)
{
	if (i == rules->n)
		return q->ingress ? MAY_ALLOW : MAY_REFUSE;

	const struct rule *r = &rules->rule[i];
	unsigned own = r->action == RULE_ALLOW ? MAY_ALLOW : MAY_REFUSE;

	switch (rule_says(p, r, q)) {
	case YES:
		return own;
	case PERHAPS:
		return own | outcomes(p, rules, i + 1, q);
	case NO:
	default:
		return outcomes(p, rules, i + 1, q);
	}
}

/* Nothing behind one that is sure counts. */
static const struct rule *
first_that_says(const struct naive_policy *p, const struct rules *rules, const struct policy_question *q,
		enum says what, bool allow_only)
{
	for (uint32_t i = 0; i < rules->n; i++) {
		if (rule_says(p, &rules->rule[i], q) == what &&
		    (!allow_only || rules->rule[i].action == RULE_ALLOW))
			return &rules->rule[i];
		if (rule_says(p, &rules->rule[i], q) == YES)
			break;
	}
	return NULL;
}

/* Another request of this host would be allowed: its name is not what is wrong. */
static bool
other_requests_pass(const struct naive_policy *p, const struct rules *rules, const struct policy_question *q)
{
	struct policy_question host = *q;
	const struct policy_request *req;

	if (requests_of(q, &req) != CLAIM_TOLD)
		return false;
	host.requests = CLAIM_PENDING;
	for (uint32_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->rule[i];

		if (about_requests(r) && r->action == RULE_ALLOW && r->egress &&
		    is_for(r, q->proto, q->port) && host_says(p, r, &host) == YES)
			return true;
	}
	return false;
}

static void
reason_of_default(const struct naive_policy *p, const struct rules *rules, const struct policy_question *q,
		  struct policy_answer *out)
{
	if (other_requests_pass(p, rules, q))
		return;
	for (uint32_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->rule[i];
		bool could = r->action == RULE_ALLOW && r->egress && is_for(r, q->proto, q->port);
		bool told = claim_of(q) == CLAIM_TOLD;
		const struct policy_request *req;
		enum claim requests = requests_of(q, &req);

		if (could && about_requests(r) && requests == CLAIM_NONE && host_says(p, r, q) != NO) {
			out->reason = POLICY_NO_REQUEST;
			out->rule = r;
			return;
		}
		if (!could || !knows_names(p, r))
			continue;
		if (about_requests(r) &&
		    (requests == CLAIM_NONE || (requests == CLAIM_TOLD && !could_be(r, q, req))))
			continue;
		if (!told || rule_names(p, r, q->told, req))
			out->reason = POLICY_NO_EVIDENCE;
		else if (evidence_for(p, r, q))
			out->reason = POLICY_WRONG_NAME;
		else
			continue;
		out->rule = r;
		return;
	}
}

static void
take_name(const struct naive_policy *p, const struct rule *r, const struct policy_question *q,
	  struct policy_answer *out)
{
	const struct policy_request *req;

	requests_of(q, &req);
	const struct name *by =
	    r && r->action == RULE_ALLOW && !rule_holds(p, r, &q->remote, req) ? evidence_for(p, r, q) : NULL;

	if (by)
		out->by = *by;
}

static struct policy_answer
one(const struct naive_policy *p, const struct rules *rules, const struct policy_question *q)
{
	const struct rule *sure = first_that_says(p, rules, q, YES, false);
	struct policy_answer a = {.reason = sure ? POLICY_RULE : POLICY_DEFAULT, .rule = sure};

	switch (outcomes(p, rules, 0, q)) {
	case MAY_ALLOW | MAY_REFUSE:
		a.verdict = VERDICT_PEEK;
		a.reason = POLICY_RULE;
		a.rule = first_that_says(p, rules, q, PERHAPS, false);
		take_name(p, first_that_says(p, rules, q, PERHAPS, true), q, &a);
		break;
	case MAY_ALLOW:
		a.verdict = VERDICT_ALLOW;
		take_name(p, sure, q, &a);
		break;
	default:
		a.verdict = refusal(sure);
		if (!sure)
			reason_of_default(p, rules, q, &a);
	}
	return a;
}

/* The stricter of both; of two names the one that serves both rules, if the floor's does. */
static void
both(const struct naive_policy *p, struct policy_answer *own, struct policy_answer floor,
     const struct policy_request *req)
{
	floor.floor = true;
	if (floor.verdict > own->verdict)
		*own = floor;
	else if (floor.verdict == own->verdict && floor.by.len &&
		 (own->by.len == 0 ||
		  (own->verdict == VERDICT_ALLOW && rule_names(p, own->rule, &floor.by, req))))
		own->by = floor.by;
}

void
naive_decide(const struct naive_policy *p, const struct policy_question *q, struct policy_answer *out)
{
	const struct policy_request *req;

	requests_of(q, &req);
	*out = one(p, p->own, q);
	if (p->floor)
		both(p, out, one(p, p->floor, q), req);
}

/* --- names -------------------------------------------------------------------------------------------------- */

static bool
is_every_name(const struct rule *r, uint8_t proto)
{
	for (unsigned i = 0; i < r->ntarget; i++)
		if ((r->target[i].kind == TARGET_ANY || r->target[i].kind == TARGET_DNS) &&
		    !about_requests(r) && is_for(r, proto, 53))
			return true;
	return false;
}

static bool
speaks_of(const struct naive_policy *p, const struct rule *r, const struct name *n)
{
	return rule_names(p, r, n, NULL) && (r->action == RULE_ALLOW || r->nproto == 0);
}

static struct policy_answer
one_name(const struct naive_policy *p, const struct rules *rules, uint8_t proto, const struct name *n)
{
	for (uint32_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->rule[i];

		if (r->egress && (is_every_name(r, proto) || speaks_of(p, r, n)))
			return (struct policy_answer){.verdict = r->action == RULE_ALLOW ? VERDICT_ALLOW
											 : refusal(r),
						      .reason = POLICY_RULE,
						      .rule = r};
	}
	return (struct policy_answer){.verdict = VERDICT_DENY, .reason = POLICY_DEFAULT};
}

void
naive_decide_name(const struct naive_policy *p, uint8_t proto, const struct name *name,
		  struct policy_answer *out)
{
	*out = one_name(p, p->own, proto, name);
	if (p->floor)
		both(p, out, one_name(p, p->floor, proto, name), NULL);
}

static bool
one_denies(const struct naive_policy *p, const struct rules *rules, const struct name *n)
{
	for (uint32_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->rule[i];

		if (!r->egress)
			continue;
		if (speaks_of(p, r, n))
			return r->action != RULE_ALLOW;
		if (is_every_name(r, IP_PROTO_TCP) && is_every_name(r, IP_PROTO_UDP))
			return false;
	}
	return false;
}

bool
naive_denies_name(const struct naive_policy *p, const struct name *name)
{
	return one_denies(p, p->own, name) || (p->floor && one_denies(p, p->floor, name));
}

/* --- answers ------------------------------------------------------------------------------------------------ */

static bool
one_allows_answer(const struct naive_policy *p, const struct rules *rules, uint8_t proto,
		  const struct addr *a, bool any)
{
	for (uint32_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->rule[i];
		bool holds = false;

		if (!r->egress || about_requests(r) || !is_for(r, proto, 0) || has_ports(r, proto))
			continue;
		for (unsigned k = 0; k < r->ntarget; k++)
			holds |= target_holds(p, r->action == RULE_ALLOW, &r->target[k], a) ||
				 (any && r->target[k].kind == TARGET_ANY);
		if (holds)
			return r->action == RULE_ALLOW;
	}
	return false;
}

bool
naive_allows_answer(const struct naive_policy *p, const struct addr *a)
{
	for (unsigned i = 0; i < 2; i++) {
		uint8_t proto = i ? IP_PROTO_UDP : IP_PROTO_TCP;

		if (one_allows_answer(p, p->own, proto, a, false) &&
		    (!p->floor || one_allows_answer(p, p->floor, proto, a, true)))
			return true;
	}
	return false;
}
