/*
 * policy_model_test.c - random policies and questions: the compiled decision beside the naive one
 *
 * Names, addresses and ports come from a small world, so that rules, evidence and questions meet often; what carries
 * another address, the gateway's surroundings and the edges of ports are in it.  A seed makes a policy and its
 * questions; a difference tells the seed.
 */
#include <stdio.h>

#include "test/bed/naive_policy.h"
#include "test/unit/decide_kit.h"

#define QUESTIONS 200u
#define FACTS 24u
#define LISTS 3u
#define MANY_TARGETS 24u

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define POLICIES 400u
#else
#define POLICIES 5000u
#endif

static const char *const names[] = {
    "a.test",  "b.a.test", "c.b.a.test", "ba.test",    "a.tests",        "x.y.z",           "y.z",
    "w.x.y.z", "test.a",   "a.test.y.z", "github.com", "api.github.com", "s3.eu.cloud.com", "cloud.com",
};
static const char *const addrs[] = {
    "1.1.1.1",
    "1.1.1.2",
    "1.1.2.1",
    "93.184.216.1",
    "10.0.2.2",
    "10.0.2.3",
    "10.0.2.4",
    "10.1.1.1",
    "127.0.0.1",
    "169.254.1.1",
    "203.0.113.5",
    "169.254.169.254",
    "224.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "2a00:1::1",
    "2a00:1::2",
    "2a00:2::1",
    "fd00:2::2",
    "fd00:2::3",
    "fe80::1",
    "::1",
    "::",
    "ff02::1",
    "64:ff9b::101:101",
    "64:ff9b::a00:203",
    "2002:101:101::1",
    "2001:db8::1",
    "::a01:101",
    "64:ff9b:1::a00:202",
    "2001:0:1:2:3:4:fefe:fefe",
    "2a00:1::5efe:a01:101",
    "2a00:1::200:5efe:101:101",
    "2a00:1::5efe:7f00:1",
};
static const char *const paths[] = {"/", "/a", "/a/b", "/a/b/c", "/ab", "/ba", "/a/", "", "*", "/a/bb/c"};
static const char *const patterns[] = {"/",    "/a",  "/*",  "/**",    "/a/**",
				       "/a/*", "/a*", "/*b", "/a/*/c", "/a/*b*"};
static const char *const methods[] = {"GET", "POST", "HEAD"};
static const uint16_t ports[] = {1, 53, 79, 80, 81, 443, 8080, 65535};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct world {
	uint64_t seed;
	struct name name[COUNT(names)];
	struct addr addr[COUNT(addrs)];
	struct addr own_addr[3];
	struct surroundings where;
	struct naive_list list[2 * LISTS];
	struct naive_fact fact[FACTS];
	struct naive_policy naive;
	struct policy_request request;
	unsigned verdicts[4], reasons[5], by_evidence, of_floor; /* so that we know what was asked */
	unsigned by_request;                                     /* a rule about requests decided about one */
};

static unsigned
upto(struct world *w, unsigned n)
{
	return (unsigned)(kit_random(&w->seed) % n);
}

static bool
one_in(struct world *w, unsigned n)
{
	return upto(w, n) == 0;
}

static const struct name *
some_name(struct world *w)
{
	return &w->name[upto(w, COUNT(names))];
}

static struct addr
some_addr(struct world *w)
{
	struct addr a = w->addr[upto(w, COUNT(addrs))];

	if (one_in(w, 8))
		a.b[15] ^= (uint8_t)(1u << upto(w, 3));
	return a;
}

/* --- rules -------------------------------------------------------------------------------------------------- */

static struct rule_target
random_net(struct world *w, bool allow)
{
	struct rule_target t = {.kind = TARGET_NET, .net = some_addr(w)};
	struct addr inside = addr_inside(&t.net);
	unsigned bits = addr_is_v4(&t.net) ? 32 : 128;

	/* An allow in a disguise is refused when a policy is built: another test's matter. */
	if (allow && !addr_eq(&inside, &t.net))
		t.net = addr_v4(0x01010100 + upto(w, 3)), bits = 32;
	t.plen = (uint8_t)(one_in(w, 3) ? bits : bits - upto(w, bits / 2));
	return t;
}

static struct rule_target
random_name(struct world *w)
{
	return (struct rule_target){.kind = one_in(w, 2) ? TARGET_NAME : TARGET_SUFFIX,
				    .name = *some_name(w)};
}

static struct rule_target
random_target(struct world *w, bool allow, const struct naive_list *list)
{
	struct rule_target t = {.kind = TARGET_GROUP, .group = (enum group)(1 + upto(w, GROUPS - 1))};

	switch (upto(w, 12)) {
	case 0:
		t.kind = TARGET_ANY;
		return t;
	case 1:
		t.kind = TARGET_DNS;
		return t;
	case 2:
	case 3:
		return t;
	case 4:
	case 5:
	case 6:
		return random_net(w, allow);
	case 7:
		t.kind = TARGET_LIST;
		t.names = list->names;
		t.nets = list->nets;
		return t;
	default:
		return random_name(w);
	}
}

static void
random_protos(struct world *w, struct rule *r)
{
	static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP};

	r->nproto = one_in(w, 2) ? 0 : 1 + upto(w, 3);
	if (r->nproto == 0)
		return;
	r->proto = calloc(r->nproto, sizeof(*r->proto));
	assert_non_null(r->proto);
	for (unsigned i = 0; i < r->nproto; i++) {
		struct rule_proto *p = &r->proto[i];

		p->proto = protos[upto(w, 3)];
		p->nport = p->proto == IP_PROTO_ICMP || one_in(w, 3) ? 0 : 1 + upto(w, 4);
		if (p->nport == 0)
			continue;
		p->port = calloc(p->nport, sizeof(*p->port));
		assert_non_null(p->port);
		for (unsigned k = 0; k < p->nport; k++) {
			uint16_t a = ports[upto(w, COUNT(ports))], b = ports[upto(w, COUNT(ports))];

			p->port[k] = (struct port_range){.first = a < b ? a : b,
							 .last = one_in(w, 2) ? a
								 : a < b      ? b
									      : a};
			if (p->port[k].last < p->port[k].first)
				p->port[k].last = p->port[k].first;
		}
	}
}

/* Ports and methods of requests instead of protocols; paths of targets. */
static void
random_requests(struct world *w, struct rule *r)
{
	r->nproto = 1 + upto(w, 2);
	r->proto = calloc(r->nproto, sizeof(*r->proto));
	assert_non_null(r->proto);
	for (unsigned i = 0; i < r->nproto; i++) {
		struct rule_proto *p = &r->proto[i];
		uint16_t port = ports[upto(w, COUNT(ports))];

		*p = (struct rule_proto){.proto = IP_PROTO_TCP, .nport = 1};
		p->scheme = (r->nproto == 2 ? i == 0 : one_in(w, 2)) ? SCHEME_HTTPS : SCHEME_HTTP;
		p->port = calloc(1, sizeof(*p->port));
		assert_non_null(p->port);
		p->port[0] = !one_in(w, 4) ? (struct port_range){1, 65535} : (struct port_range){port, port};
		r->https |= p->scheme == SCHEME_HTTPS;
		r->http |= p->scheme == SCHEME_HTTP;
	}
	r->nmethod = one_in(w, 2) ? 0 : 1 + upto(w, 2);
	r->method = calloc(2, sizeof(*r->method));
	assert_non_null(r->method);
	for (unsigned i = 0; i < r->nmethod; i++)
		r->method[i] = strdup(methods[upto(w, COUNT(methods))]);
	for (unsigned i = 0; i < r->ntarget; i++)
		if (!one_in(w, 3))
			r->target[i].request = strdup(patterns[upto(w, COUNT(patterns))]);
	r->egress = true;
	r->ingress = false;
}

static void
random_rule(struct world *w, struct rule *r, const struct naive_list *lists)
{
	unsigned way = upto(w, 8);

	*r = (struct rule){
	    .action = one_in(w, 2)   ? RULE_ALLOW
		      : one_in(w, 3) ? RULE_DROP
				     : RULE_DENY,
	    .egress = way != 0,
	    .ingress = way <= 1,
	    .text = strdup("random"),
	    .ntarget = one_in(w, 5) ? 9 + upto(w, MANY_TARGETS - 9) : 1 + upto(w, 3),
	};
	r->target = calloc(r->ntarget, sizeof(*r->target));
	assert_non_null(r->target);
	bool only_names = one_in(w, 2);
	for (unsigned i = 0; i < r->ntarget; i++)
		r->target[i] = only_names ? random_name(w)
					  : random_target(w, r->action == RULE_ALLOW, &lists[upto(w, LISTS)]);
	if (!one_in(w, 3)) {
		random_protos(w, r);
		return;
	}
	/* The resolver speaks no HTTP. */
	for (unsigned i = 0; i < r->ntarget; i++)
		if (r->target[i].kind == TARGET_DNS)
			r->target[i].kind = TARGET_ANY;
	random_requests(w, r);
}

/* A list has the same in sets and, for the naive one, in a row. */
static void
random_list(struct world *w, struct naive_list *l, struct rule_list *owner)
{
	*owner = (struct rule_list){.path = strdup("list"), .names = nameset_new(), .nets = netset_new()};
	*l = (struct naive_list){.names = owner->names, .nets = owner->nets, .n = upto(w, 16)};
	for (unsigned i = 0; i < l->n; i++) {
		struct rule_target *t = &l->entry[i];

		*t = one_in(w, 2) ? random_name(w) : random_net(w, false);
		if (t->kind == TARGET_NET)
			assert_true(netset_add(owner->nets, &t->net, t->plen));
		else
			assert_true(nameset_add(owner->names, &t->name, t->kind == TARGET_SUFFIX));
	}
	assert_true(nameset_seal(owner->names));
	assert_true(netset_seal(owner->nets));
}

static struct rules
random_rules(struct world *w, struct naive_list *lists)
{
	struct rules r = {.n = upto(w, 9), .nlist = LISTS};

	r.room = r.n;
	r.list = calloc(LISTS, sizeof(*r.list));
	r.rule = calloc(r.n + 1u, sizeof(*r.rule));
	assert_non_null(r.list);
	assert_non_null(r.rule);
	for (unsigned i = 0; i < LISTS; i++)
		random_list(w, &lists[i], &r.list[i]);
	for (uint32_t i = 0; i < r.n; i++) {
		random_rule(w, &r.rule[i], lists);
		r.rule[i].number = i + 1;
	}
	return r;
}

/* --- evidence ----------------------------------------------------------------------------------------------- */

/* Answered again, a fact is the newest, and lives as long as the longer of both. */
static void
learn(struct world *w, struct evidence *e, const struct name *n, const struct addr *a, uint32_t ttl,
      usec_t now)
{
	struct naive_policy *p = &w->naive;
	struct naive_fact f = {.name = *n, .addr = *a};
	unsigned i = 0;

	f.until = now + (ttl < 60 ? 60 : ttl > 3600 ? 3600 : ttl) * USEC_PER_SEC;
	while (i < p->nfact && !(name_eq(&w->fact[i].name, n) && addr_eq(&w->fact[i].addr, a)))
		i++;
	if (i < p->nfact) {
		if (w->fact[i].until > f.until)
			f.until = w->fact[i].until;
		memmove(&w->fact[i], &w->fact[i + 1], (p->nfact - i - 1) * sizeof(f));
		p->nfact--;
	}
	w->fact[p->nfact++] = f;
	evidence_add(e, n, a, ttl, now);
}

static void
random_evidence(struct world *w, struct evidence *e)
{
	unsigned n = upto(w, FACTS);

	w->naive.now = KIT_START;
	w->naive.nfact = 0;
	for (unsigned i = 0; i < n; i++) {
		struct addr a = some_addr(w);

		learn(w, e, some_name(w), &a, upto(w, 200), w->naive.now);
		w->naive.now += upto(w, 10) * USEC_PER_SEC;
	}
}

/* --- questions ---------------------------------------------------------------------------------------------- */

static struct policy_question
random_question(struct world *w)
{
	static const uint8_t protos[] = {IP_PROTO_TCP,  IP_PROTO_TCP,    IP_PROTO_TCP, IP_PROTO_UDP,
					 IP_PROTO_ICMP, IP_PROTO_ICMPV6, 132};
	const struct naive_policy *p = &w->naive;
	struct policy_question q = {
	    .ingress = one_in(w, 8),
	    .proto = protos[upto(w, COUNT(protos))],
	    .remote = p->nfact && one_in(w, 2) ? p->fact[upto(w, p->nfact)].addr : some_addr(w),
	    .claim = (enum claim)upto(w, 3),
	};

	if (q.proto == IP_PROTO_TCP || q.proto == IP_PROTO_UDP)
		q.port = (uint16_t)(ports[upto(w, COUNT(ports))] + upto(w, 2));
	if (q.claim == CLAIM_TOLD && !one_in(w, 16))
		q.told = some_name(w);
	if (one_in(w, 6))
		q.proof = some_name(w);
	q.requests = (enum claim)upto(w, 3);
	if (q.requests == CLAIM_TOLD && !one_in(w, 16)) {
		const char *method = methods[upto(w, COUNT(methods))];

		w->request =
		    (struct policy_request){.tls = one_in(w, 2), .path = paths[upto(w, COUNT(paths))]};
		w->request.method = view_of(method, strlen(method));
		q.request = &w->request;
	}
	return q;
}

static void
same_answers(const struct policy_answer *is, const struct policy_answer *should, const char *what,
	     uint64_t seed, unsigned question)
{
	if (is->verdict == should->verdict && is->reason == should->reason && is->rule == should->rule &&
	    is->floor == should->floor && is->by.len == should->by.len &&
	    (is->by.len == 0 || name_eq(&is->by, &should->by)))
		return;
	fail_msg("%s, seed %llu, question %u: verdict %d, not %d; reason %d, not %d; rule %u, not %u; floor "
		 "%d, not %d",
		 what, (unsigned long long)seed, question, is->verdict, should->verdict, is->reason,
		 should->reason, is->rule ? is->rule->number : 0, should->rule ? should->rule->number : 0,
		 is->floor, should->floor);
}

struct fold {
	const struct rule *rule[2]; /* the first that matches, of each list */
	unsigned steps;
};

static void
fold_step(void *ctx, const struct policy_step *s)
{
	struct fold *f = ctx;

	f->steps++;
	assert_true(s->why[0] != '\0');
	assert_false(s->matches && s->perhaps);
	if (s->matches && !f->rule[s->floor])
		f->rule[s->floor] = s->rule;
}

/* A trace says the same as the decision, which is known to be right. */
static void
trace_agrees(const struct world *w, const struct policy *p, const struct evidence *e,
	     const struct policy_question *q, const struct policy_answer *a, uint64_t seed)
{
	struct fold f = {.steps = 0};

	policy_trace(p, &w->where, e, w->naive.now, q, fold_step, &f);
	if (a->verdict != VERDICT_PEEK && a->reason == POLICY_RULE && f.rule[a->floor] != a->rule)
		fail_msg("trace, seed %llu: not the rule that decided", (unsigned long long)seed);
	if (a->verdict != VERDICT_PEEK && a->reason != POLICY_RULE && f.rule[a->floor])
		fail_msg("trace, seed %llu: a rule, where none decided", (unsigned long long)seed);
}

static void
ask_about_names(struct world *w, const struct policy *p, uint64_t seed, unsigned i)
{
	const struct name *n = some_name(w);
	uint8_t proto = one_in(w, 2) ? IP_PROTO_UDP : IP_PROTO_TCP;
	struct policy_answer is, should;
	struct addr a = some_addr(w);

	policy_decide_name(p, proto, n, &is);
	naive_decide_name(&w->naive, proto, n, &should);
	same_answers(&is, &should, "a name asked for", seed, i);

	bool denied = policy_denies_name(p, n, &is);
	if (denied != naive_denies_name(&w->naive, n))
		fail_msg("a name in a chain, seed %llu, question %u: denied %d", (unsigned long long)seed, i,
			 denied);
	if (denied)
		assert_true(is.rule && is.verdict >= VERDICT_DENY);

	if (policy_allows_answer(p, &w->where, &a) != naive_allows_answer(&w->naive, &a))
		fail_msg("an address in an answer, seed %llu, question %u", (unsigned long long)seed, i);
}

static unsigned
one_policy(struct world *w, uint64_t seed)
{
	static const uint8_t secret[16] = "the model's own";
	struct evidence *e = evidence_new(FACTS, secret);
	struct diag_sink d = {0};

	w->seed = seed;
	struct rules own = random_rules(w, w->list), floor = {0};
	bool floored = one_in(w, 2);
	if (floored)
		floor = random_rules(w, w->list + LISTS);
	struct rules own_view = own, floor_view = floor;

	w->naive.own = &own_view;
	w->naive.floor = floored ? &floor_view : NULL;
	w->naive.where = &w->where;
	w->naive.list = w->list;
	w->naive.nlist = floored ? 2 * LISTS : LISTS;
	w->naive.fact = w->fact;
	struct policy *p = policy_build(&own, floored ? &floor : NULL, &d);
	if (!p || !e)
		fail_msg("seed %llu: %s", (unsigned long long)seed, d.first);
	random_evidence(w, e);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		struct policy_question q = random_question(w);
		struct policy_answer is, should;

		policy_decide(p, &w->where, e, w->naive.now, &q, &is);
		naive_decide(&w->naive, &q, &should);
		same_answers(&is, &should, "a flow", seed, i);
		w->verdicts[is.verdict]++;
		w->reasons[is.reason]++;
		w->by_evidence += is.by.len != 0;
		w->of_floor += is.floor;
		w->by_request += q.request && is.reason == POLICY_RULE && rule_is_about_requests(is.rule);
		if (i % 16 == 0)
			trace_agrees(w, p, e, &q, &is, seed);
		if (i % 4 == 0)
			ask_about_names(w, p, seed, i);
		if (one_in(w, 20))
			w->naive.now += upto(w, 40) * USEC_PER_SEC;
	}
	policy_free(p);
	evidence_free(e);
	return QUESTIONS;
}

static void
compiled_and_naive_agree(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const char *given = getenv("SEED");
	unsigned asked = 0;
	struct kit k;

	(void)state;
	assert_non_null(w);
	kit_surround(&k);
	w->where = k.where;
	memcpy(w->own_addr, k.own, sizeof(w->own_addr));
	w->where.own = w->own_addr;
	for (unsigned i = 0; i < COUNT(names); i++)
		w->name[i] = kit_name(names[i]);
	for (unsigned i = 0; i < COUNT(addrs); i++)
		w->addr[i] = kit_addr(addrs[i]);
	if (given)
		asked = one_policy(w, strtoull(given, NULL, 0));
	for (uint64_t seed = 1; !given && seed <= POLICIES; seed++)
		asked += one_policy(w, seed);
	assert_true(asked >= QUESTIONS);
	/* Each kind of answer came up often. */
	for (unsigned i = 0; i < 4 && !given; i++)
		assert_true(w->verdicts[i] > asked / 100);
	for (unsigned i = 0; i < 5 && !given; i++)
		assert_true(w->reasons[i] > asked / 500);
	assert_true(given || w->by_request > asked / 200);
	assert_true(given || (w->by_evidence > asked / 100 && w->of_floor > asked / 100));
	free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(compiled_and_naive_agree)};

	return cmocka_run_group_tests_name("policy_model", tests, NULL, NULL);
}
