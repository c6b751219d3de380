/*
 * policy_dns_test.c - what a policy says to names that are asked for, names of a chain, and addresses in answers
 */
#include <stdio.h>

#include "test/unit/decide_kit.h"

/* 56 */
static void
exact_names_and_suffixes(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to api.test\nallow to *.cdn.test\ndeny to bad.some.test\nallow to *.some.test",
		  NULL, NULL);
	ALLOWED(kit_lookup(&k, UDP, "api.test"));
	assert_int_equal(kit_rule(&k), 1);
	assert_int_equal(k.a.by.len, 0);
	DENIED(kit_lookup(&k, UDP, "x.api.test"));
	assert_int_equal(k.a.reason, POLICY_DEFAULT);
	assert_null(k.a.rule);
	ALLOWED(kit_lookup(&k, UDP, "cdn.test"));
	ALLOWED(kit_lookup(&k, TCP, "a.b.cdn.test"));
	DENIED(kit_lookup(&k, UDP, "acdn.test"));
	DENIED(kit_lookup(&k, UDP, "test"));
	/* The first match decides. */
	DENIED(kit_lookup(&k, UDP, "bad.some.test"));
	assert_int_equal(kit_rule(&k), 3);
	ALLOWED(kit_lookup(&k, UDP, "x.bad.some.test"));
	kit_end(&k);
}

/* 56: an allow by name is worth nothing without the address, whatever its ports are for. */
static void
an_allow_ignores_protocols_and_ports(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow tcp/443 to api.test\nallow icmp to ping.test", NULL, NULL);
	ALLOWED(kit_lookup(&k, UDP, "api.test"));
	ALLOWED(kit_lookup(&k, TCP, "ping.test"));
	kit_end(&k);
}

/* ... and a deny for some of them is the flow's affair. */
static void
a_deny_only_without_protocols(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "deny tcp/25 to mail.test\ndrop to bad.test", "public", NULL);
	ALLOWED(kit_lookup(&k, UDP, "mail.test"));
	DROPPED(kit_lookup(&k, UDP, "bad.test"));
	kit_end(&k);
}

/* 56: @any and @dns let every name pass where they are for port 53 of that protocol. */
static void
any_and_the_resolver_speak_of_all_names(void **state)
{
	static const struct {
		const char *rule;
		enum verdict udp, tcp;
	} rows[] = {
	    {"allow to @any", VERDICT_ALLOW, VERDICT_ALLOW},
	    {"allow udp to @any", VERDICT_ALLOW, VERDICT_DENY},
	    {"allow tcp/443 to @any", VERDICT_DENY, VERDICT_DENY},
	    {"allow tcp/1-52,54-60 udp/53 to @any", VERDICT_ALLOW, VERDICT_DENY},
	    {"allow to @dns", VERDICT_ALLOW, VERDICT_ALLOW},
	    {"allow tcp/53 to @dns", VERDICT_DENY, VERDICT_ALLOW},
	    {"drop to @dns\nallow to @any", VERDICT_DROP, VERDICT_DROP},
	    /* Addresses and groups say nothing about names. */
	    {"allow to 1.0.0.0/8", VERDICT_DENY, VERDICT_DENY},
	    {"allow to @public, @private, @host", VERDICT_DENY, VERDICT_DENY},
	    {"deny to 1.0.0.0/8, @public\nallow to @any", VERDICT_ALLOW, VERDICT_ALLOW},
	    /* Rules for clients are skipped. */
	    {"deny ingress from @any\nallow to @any", VERDICT_ALLOW, VERDICT_ALLOW},
	    {"allow ingress from @any", VERDICT_DENY, VERDICT_DENY},
	};
	struct kit k;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kit_build(&k, rows[i].rule, NULL, NULL);
		assert_int_equal(kit_lookup(&k, UDP, "any.test"), rows[i].udp);
		assert_int_equal(kit_lookup(&k, TCP, "any.test"), rows[i].tcp);
		kit_end(&k);
	}
}

/* D7: with nothing allowed no name leaves, and with some names only those. */
static void
D7_names_are_judged_before_they_leave(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "", "none", NULL);
	DENIED(kit_lookup(&k, UDP, "data.evil.test"));
	kit_end(&k);
	kit_build(&k, "allow tcp/443 to github.com\nallow to @public", NULL, NULL);
	ALLOWED(kit_lookup(&k, UDP, "github.com"));
	DENIED(kit_lookup(&k, UDP, "data.evil.test"));
	kit_end(&k);
}

/* 46: a name no person could write matches @any, or nothing. */
static void
D2_odd_names_are_labels(void **state)
{
	static const uint8_t dotted[] = {8, 'a', 'p', 'i', '.', 't', 'e', 's', 't', 0},
			     nul[] = {4, 'a', 'p', 'i', 0, 4, 't', 'e', 's', 't', 0};
	struct policy_answer a;
	struct name n;
	struct kit k;

	(void)state;
	kit_build(&k, "allow to api.test", NULL, NULL);
	assert_true(name_from_wire(view_of(dotted, sizeof(dotted)), &n));
	policy_decide_name(k.p, UDP, &n, &a);
	DENIED(a.verdict);
	assert_true(name_from_wire(view_of(nul, sizeof(nul)), &n));
	policy_decide_name(k.p, UDP, &n, &a);
	DENIED(a.verdict);
	kit_end(&k);
	kit_build(&k, "allow to @any", NULL, NULL);
	policy_decide_name(k.p, UDP, &n, &a);
	ALLOWED(a.verdict);
	kit_end(&k);
}

static void
floor_judges_names_too(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to @any", NULL, "deny to bad.test\nallow to @any");
	ALLOWED(kit_lookup(&k, UDP, "good.test"));
	DENIED(kit_lookup(&k, UDP, "bad.test"));
	assert_true(k.a.floor);
	assert_int_equal(kit_rule(&k), 1);
	kit_end(&k);
}

/* --- D6: the further names of a chain --------------------------------------------------------------------------- */

static bool
denies(struct kit *k, const char *text)
{
	struct name n = kit_name(text);

	return policy_denies_name(k->p, &n, &k->a);
}

static void
D6_chains_are_checked_against_denials(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to ok.bad.test\ndeny to *.bad.test\ndrop to worse.test\nallow to www.test", NULL,
		  NULL);
	assert_false(denies(&k, "www.test"));
	assert_false(denies(&k, "edge.cdn.test")); /* nobody names it */
	assert_true(denies(&k, "bad.test"));
	assert_int_equal(kit_rule(&k), 2);
	assert_int_equal(k.a.verdict, VERDICT_DENY);
	assert_true(denies(&k, "worse.test"));
	assert_int_equal(k.a.verdict, VERDICT_DROP);
	assert_false(denies(&k, "ok.bad.test"));
	kit_end(&k);

	/* What comes first counts, here as well; but a rule for one protocol leaves the other. */
	kit_build(&k, "allow to @any\ndeny to bad.test", NULL, NULL);
	assert_false(denies(&k, "bad.test"));
	kit_end(&k);
	kit_build(&k, "allow udp to @any\ndeny to bad.test", NULL, NULL);
	assert_true(denies(&k, "bad.test"));
	kit_end(&k);
	kit_build(&k, "deny tcp/25 to bad.test", "public", NULL);
	assert_false(denies(&k, "bad.test"));
	kit_end(&k);
	kit_build(&k, "deny to @any", NULL, NULL);
	assert_false(denies(&k, "bad.test"));
	kit_end(&k);
	kit_build(&k, "allow to @any", NULL, "deny to bad.test\nallow to @any");
	assert_true(denies(&k, "bad.test"));
	assert_true(k.a.floor);
	kit_end(&k);
}

/* --- D9, 43, 44: may an answer lead to a special address? ------------------------------------------------------- */

static bool
may_answer(const char *rules, const char *profiles, const char *floor, const char *addr)
{
	struct addr a = kit_addr(addr);
	struct kit k;

	kit_build(&k, rules, profiles, floor);
	bool may = policy_allows_answer(k.p, &k.where, &a);
	kit_end(&k);
	return may;
}

static void
D9_an_address_rule_lets_answers_lead_there(void **state)
{
	(void)state;
	/* 44: the profile that names private addresses does, public does not. */
	assert_true(may_answer("", "private", NULL, "10.9.9.9"));
	assert_true(may_answer("", "private", NULL, "fd12::1"));
	assert_false(may_answer("", "public", NULL, "10.9.9.9"));
	assert_false(may_answer("", "private", NULL, "127.0.0.1"));
	assert_true(may_answer("allow to 10.0.0.0/8", NULL, NULL, "10.9.9.9"));
	assert_true(may_answer("allow tcp to 10.0.0.0/8", NULL, NULL, "10.9.9.9"));
	assert_true(may_answer("allow udp to 10.0.0.0/8", NULL, NULL, "10.9.9.9"));
	assert_true(may_answer("allow udp tcp/80 to 10.0.0.0/8", NULL, NULL, "10.9.9.9"));
	assert_true(may_answer("allow to @loopback", NULL, NULL, "64:ff9b::7f00:1"));
}

static void
D9_nothing_else_does(void **state)
{
	(void)state;
	/* 44: neither allow-all, nor a name, nor a rule for some ports, nor the default is meant for that. */
	assert_false(may_answer("", "all", NULL, "10.9.9.9"));
	assert_false(may_answer("allow to @any", NULL, NULL, "10.9.9.9"));
	assert_false(may_answer("allow to @dns", NULL, NULL, "10.0.2.3"));
	assert_false(may_answer("allow to a.test", NULL, NULL, "10.9.9.9"));
	assert_false(may_answer("allow tcp/443 to 10.0.0.0/8", NULL, NULL, "10.9.9.9"));
	assert_false(may_answer("allow icmp to 10.0.0.0/8", NULL, NULL, "10.9.9.9"));
	assert_false(may_answer("allow ingress from 10.0.0.0/8", NULL, NULL, "10.9.9.9"));
	assert_false(may_answer("allow to 10.0.0.0/8", NULL, NULL, "0.0.0.0"));
	/* 44: a denial before it counts, one for a port or behind it does not. */
	assert_false(may_answer("deny to 10.9.0.0/16\nallow to 10.0.0.0/8", NULL, NULL, "10.9.9.9"));
	assert_true(may_answer("deny tcp/25 to 10.9.0.0/16\nallow to 10.0.0.0/8", NULL, NULL, "10.9.9.9"));
	assert_true(may_answer("deny tcp to 10.9.0.0/16\nallow to 10.0.0.0/8", NULL, NULL, "10.9.9.9"));
	assert_true(may_answer("allow to 10.0.0.0/8\ndeny to 10.9.0.0/16", NULL, NULL, "10.9.9.9"));
}

/* 43 */
static void
D9_the_floor_must_allow_it_too(void **state)
{
	(void)state;
	assert_true(may_answer("allow to @private", NULL, "allow to @any", "10.9.9.9"));
	assert_true(may_answer("allow to @private", NULL, "allow to 10.0.0.0/8", "10.9.9.9"));
	assert_false(may_answer("allow to @private", NULL, "deny to @private\nallow to @any", "10.9.9.9"));
	assert_false(may_answer("allow to @private", NULL, "allow to @public", "10.9.9.9"));
	assert_false(may_answer("", "all", "allow to @private", "10.9.9.9"));
}

/* --- trace ---------------------------------------------------------------------------------------------------- */

struct trace {
	char line[8][128];
	unsigned n;
};

static void
traced(void *ctx, const struct policy_step *s)
{
	struct trace *t = ctx;

	assert_true(t->n < 8);
	snprintf(t->line[t->n++], sizeof(t->line[0]), "%s%u %s: %s", s->floor ? "floor " : "",
		 s->rule->number, s->matches ? "matches" : "no", s->why);
}

static void
trace_of_a_name(void **state)
{
	static const char *const lines[] = {
	    "1 no: it is about addresses, not names",
	    "2 no: it is not for port 53 of this protocol",
	    "3 no: the name is not in it",
	    "4 no: it refuses some protocols only, not the question for the name",
	    "5 matches: the name is in it",
	    "6 matches: it is for the resolver",
	    "floor 1 matches: it is for every address, the resolver's too",
	};
	struct name n = kit_name("api.test");
	struct trace t = {.n = 0};
	struct kit k;

	(void)state;
	kit_build(&k,
		  "allow to @public\nallow tcp/443 to @any\nallow to b.test\ndeny tcp/25 to api.test\n"
		  "allow tcp/443 to api.test\nallow udp/53 to @dns",
		  NULL, "allow to @any");
	policy_trace_name(k.p, UDP, &n, traced, &t);
	assert_int_equal(t.n, sizeof(lines) / sizeof(lines[0]));
	for (unsigned i = 0; i < t.n; i++)
		assert_string_equal(t.line[i], lines[i]);
	kit_end(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exact_names_and_suffixes),
	    cmocka_unit_test(an_allow_ignores_protocols_and_ports),
	    cmocka_unit_test(a_deny_only_without_protocols),
	    cmocka_unit_test(any_and_the_resolver_speak_of_all_names),
	    cmocka_unit_test(D7_names_are_judged_before_they_leave),
	    cmocka_unit_test(D2_odd_names_are_labels),
	    cmocka_unit_test(floor_judges_names_too),
	    cmocka_unit_test(D6_chains_are_checked_against_denials),
	    cmocka_unit_test(D9_an_address_rule_lets_answers_lead_there),
	    cmocka_unit_test(D9_nothing_else_does),
	    cmocka_unit_test(D9_the_floor_must_allow_it_too),
	    cmocka_unit_test(trace_of_a_name),
	};

	return cmocka_run_group_tests_name("policy_dns", tests, NULL, NULL);
}
