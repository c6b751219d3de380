/*
 * policy_decide_test.c - what a policy decides, row by row: names as evidence, claims, floors, disguises, ways
 */
#include <stdio.h>

#include "test/unit/decide_kit.h"

static void
default_is_public_and_its_resolver(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "", "public", NULL);
	ALLOWED(kit_syn(&k, "93.184.216.34", 443));
	ALLOWED(kit_flow(&k, UDP, "10.0.2.3", 53));
	ALLOWED(kit_flow(&k, TCP, "fd00:2::3", 53));
	DENIED(kit_flow(&k, UDP, "10.0.2.3", 54));
	DENIED(kit_syn(&k, "10.0.2.2", 80));
	DENIED(kit_syn(&k, "192.168.1.1", 80));
	assert_int_equal(k.a.reason, POLICY_DEFAULT);
	assert_null(k.a.rule);
	ALLOWED(kit_client(&k, TCP, "192.168.1.1", 80));
	kit_end(&k);
}

/* 51: whatever their order and however often; none has no resolver. */
static void
profiles_compose(void **state)
{
	static const char *const same[] = {"host,public,private", "public,private,host",
					   "private,private,host,public,public"};
	struct kit k;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		kit_build(&k, "", same[i], NULL);
		ALLOWED(kit_syn(&k, "93.184.216.34", 443));
		ALLOWED(kit_syn(&k, "192.168.1.1", 443));
		ALLOWED(kit_syn(&k, "10.0.2.2", 443));
		DENIED(kit_syn(&k, "169.254.169.254", 80));
		assert_int_equal(policy_rules(k.p, false), 4);
		kit_end(&k);
	}
	kit_build(&k, "", "none", NULL);
	DENIED(kit_flow(&k, UDP, "10.0.2.3", 53));
	DENIED(kit_syn(&k, "93.184.216.34", 443));
	ALLOWED(kit_client(&k, TCP, "1.2.3.4", 80));
	kit_end(&k);
	kit_build(&k, "", "all", NULL);
	ALLOWED(kit_syn(&k, "169.254.169.254", 80));
	ALLOWED(kit_syn(&k, "203.0.113.1", 80));
	ALLOWED(kit_flow(&k, ICMP, "10.0.2.2", 0));
	kit_end(&k);
}

/* 51: deny to @dns takes back exactly what a profile gives. */
static void
resolver_can_be_denied(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "deny udp/53 tcp/53 to @dns", "public", NULL);
	DENIED(kit_flow(&k, UDP, "10.0.2.3", 53));
	DENIED(kit_flow(&k, TCP, "10.0.2.3", 53));
	DENIED(kit_lookup(&k, UDP, "github.com"));
	ALLOWED(kit_syn(&k, "93.184.216.34", 443));
	kit_end(&k);
}

/* 52 */
static void
names_match_only_where_they_led(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to Api.GitHub.com.\nallow to *.Example.com", NULL, NULL);
	DENIED(kit_flow(&k, TCP, "140.82.121.3", 443));
	assert_int_equal(k.a.reason, POLICY_NO_EVIDENCE);
	kit_led(&k, "API.github.com", "140.82.121.3");
	ALLOWED(kit_flow(&k, TCP, "140.82.121.3", 443));
	assert_int_equal(kit_rule(&k), 1);
	struct name by = kit_name("api.github.com");
	assert_true(name_eq(&k.a.by, &by));
	DENIED(kit_flow(&k, TCP, "140.82.121.4", 443));

	kit_led(&k, "example.com", "93.184.216.34");
	kit_led(&k, "a.b.example.com", "93.184.216.35");
	kit_led(&k, "badexample.com", "93.184.216.36");
	kit_led(&k, "github.com", "93.184.216.37");
	kit_led(&k, "x.api.github.com", "93.184.216.38");
	ALLOWED(kit_flow(&k, TCP, "93.184.216.34", 443));
	ALLOWED(kit_flow(&k, TCP, "93.184.216.35", 443));
	DENIED(kit_flow(&k, TCP, "93.184.216.36", 443));
	DENIED(kit_flow(&k, TCP, "93.184.216.37", 443));
	DENIED(kit_flow(&k, TCP, "93.184.216.38", 443));
	kit_end(&k);
}

/* 53: on an address of two names the first rule wins. */
static void
shared_address_first_rule_wins(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to good.test\ndeny to bad.test\nallow to @public", NULL, NULL);
	kit_led(&k, "bad.test", "93.184.216.34");
	DENIED(kit_flow(&k, TCP, "93.184.216.34", 22));
	assert_int_equal(kit_rule(&k), 2);
	kit_led(&k, "good.test", "93.184.216.34");
	ALLOWED(kit_flow(&k, TCP, "93.184.216.34", 22));
	assert_int_equal(kit_rule(&k), 1);
	kit_end(&k);
}

/* 53 */
static void
udp_and_icmp_go_by_evidence(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow udp/1000-2000 icmp to ntp.test", NULL, NULL);
	kit_led(&k, "ntp.test", "93.184.216.34");
	kit_led(&k, "ntp.test", "2a00:9::1");
	ALLOWED(kit_flow(&k, UDP, "93.184.216.34", 1000));
	ALLOWED(kit_flow(&k, UDP, "93.184.216.34", 2000));
	DENIED(kit_flow(&k, UDP, "93.184.216.34", 999));
	DENIED(kit_flow(&k, UDP, "93.184.216.34", 2001));
	DENIED(kit_flow(&k, TCP, "93.184.216.34", 1000));
	ALLOWED(kit_flow(&k, ICMP, "93.184.216.34", 0));
	ALLOWED(kit_flow(&k, IP_PROTO_ICMPV6, "2a00:9::1", 0));
	DENIED(kit_flow(&k, ICMP, "93.184.216.35", 0));
	kit_end(&k);
}

/* 53: what led to an IPv4 address says nothing of an IPv6 one. */
static void
families_are_apart(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to a.test", NULL, NULL);
	kit_led(&k, "a.test", "93.184.216.34");
	DENIED(kit_flow(&k, TCP, "64:ff9b::5db8:d822", 443));
	kit_led(&k, "a.test", "2a00:9::1");
	ALLOWED(kit_flow(&k, TCP, "2a00:9::1", 443));
	DENIED(kit_flow(&k, TCP, "2a00:9::2", 443));
	kit_end(&k);
}

/* 54, P8 */
static void
host_is_the_gateway_in_both_families(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow tcp to @host", NULL, NULL);
	ALLOWED(kit_syn(&k, "10.0.2.2", 22));
	ALLOWED(kit_syn(&k, "fd00:2::2", 22));
	DENIED(kit_syn(&k, "10.0.2.4", 22));
	DENIED(kit_flow(&k, UDP, "10.0.2.2", 22));
	kit_end(&k);
	/* Host comes before private. */
	kit_build(&k, "deny to @host\nallow to @private", NULL, NULL);
	DENIED(kit_syn(&k, "10.0.2.2", 22));
	ALLOWED(kit_syn(&k, "10.0.2.4", 22));
	kit_end(&k);
}

static void
P7_own_addresses_are_the_host(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "", "public", NULL);
	DENIED(kit_syn(&k, "93.184.216.1", 80));
	ALLOWED(kit_syn(&k, "93.184.216.2", 80));
	DENIED(kit_syn(&k, "2a00:1::1", 80));
	DENIED(kit_syn(&k, "64:ff9b::5db8:d801", 80));
	DENIED(kit_syn(&k, "0.0.0.0", 80));
	DENIED(kit_syn(&k, "::", 80));
	/* An interface that goes takes its address along. */
	k.where.nown = 1;
	ALLOWED(kit_syn(&k, "93.184.216.1", 80));
	kit_end(&k);
	kit_build(&k, "allow to @host", NULL, NULL);
	ALLOWED(kit_syn(&k, "93.184.216.1", 80));
	DENIED(kit_syn(&k, "0.0.0.0", 80));
	kit_end(&k);
}

/* 55 */
static void
ways_are_apart(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k,
		  "deny ingress tcp/80 from 192.168.0.0/16\n"
		  "allow egress tcp/81 to 192.168.0.0/16\n"
		  "drop ingress from @loopback",
		  NULL, NULL);
	DENIED(kit_client(&k, TCP, "192.168.1.1", 80));
	assert_int_equal(kit_rule(&k), 1);
	ALLOWED(kit_client(&k, TCP, "192.168.1.1", 81));
	assert_int_equal(k.a.reason, POLICY_DEFAULT);
	ALLOWED(kit_client(&k, UDP, "192.168.1.1", 80));
	DROPPED(kit_client(&k, TCP, "127.0.0.1", 80));
	DENIED(kit_flow(&k, TCP, "192.168.1.1", 80));
	ALLOWED(kit_flow(&k, TCP, "192.168.1.1", 81));
	kit_end(&k);
}

/* 55 */
static void
protocols_and_ports_add_up(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow tcp/22,80-89,85-95 udp/53 tcp/443 icmp to @public", NULL, NULL);
	ALLOWED(kit_syn(&k, "1.1.1.1", 22));
	ALLOWED(kit_syn(&k, "1.1.1.1", 80));
	ALLOWED(kit_syn(&k, "1.1.1.1", 95));
	ALLOWED(kit_syn(&k, "1.1.1.1", 443));
	ALLOWED(kit_flow(&k, UDP, "1.1.1.1", 53));
	ALLOWED(kit_flow(&k, ICMP, "1.1.1.1", 0));
	DENIED(kit_syn(&k, "1.1.1.1", 21));
	DENIED(kit_syn(&k, "1.1.1.1", 23));
	DENIED(kit_syn(&k, "1.1.1.1", 79));
	DENIED(kit_syn(&k, "1.1.1.1", 96));
	DENIED(kit_syn(&k, "1.1.1.1", 53));
	DENIED(kit_flow(&k, UDP, "1.1.1.1", 443));
	kit_end(&k);
}

/* Rules with more ports and targets than are looked through one by one. */
static void
many_ports_and_targets(void **state)
{
	char ports[4000], text[6000];
	size_t at = 0;
	struct kit k;

	(void)state;
	for (unsigned port = 10; port < 2000; port += 10)
		at += (size_t)snprintf(ports + at, sizeof(ports) - at, "%s%u", at ? "," : "", port);
	snprintf(
	    text, sizeof(text),
	    "allow tcp/%s to 1.0.0.0/24, 1.0.2.0/24, 1.0.4.0/24, 1.0.6.0/24, 1.0.8.0/24, 1.0.10.0/24,"
	    "1.0.12.0/24, 1.0.14.0/24, 2a00:5::/32, a.test, b.test, c.test, d.test, e.test, f.test, g.test,"
	    "h.test, *.i.test",
	    ports);
	kit_build(&k, text, NULL, NULL);
	ALLOWED(kit_syn(&k, "1.0.14.255", 10));
	ALLOWED(kit_syn(&k, "1.0.0.0", 1990));
	DENIED(kit_syn(&k, "1.0.14.255", 11));
	DENIED(kit_syn(&k, "1.0.13.255", 10));
	ALLOWED(kit_syn(&k, "2a00:5:ffff::", 1000));
	DENIED(kit_syn(&k, "2a00:6::", 1000));
	kit_led(&k, "x.i.test", "5.5.5.5");
	kit_led(&k, "x.h.test", "5.5.5.6");
	kit_led(&k, "h.test", "5.5.5.7");
	ALLOWED(kit_flow(&k, TCP, "5.5.5.5", 1990));
	DENIED(kit_flow(&k, TCP, "5.5.5.6", 1990));
	ALLOWED(kit_flow(&k, TCP, "5.5.5.7", 1990));
	assert_true(policy_memory(k.p) > 1000);
	kit_end(&k);
}

/* 57, 26, P2: evidence and claim must agree. */
static void
P2_a_told_name_needs_evidence(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow tcp/443 to api.test, *.cdn.test", NULL, NULL);
	kit_led(&k, "api.test", "93.184.216.34");
	kit_led(&k, "one.cdn.test", "93.184.216.35");
	kit_led(&k, "other.test", "93.184.216.36");
	ALLOWED(kit_sni(&k, "93.184.216.34", 443, "api.test"));
	/* Its name, but elsewhere: nobody led there, or another name did. */
	DENIED(kit_sni(&k, "93.184.216.37", 443, "api.test"));
	assert_int_equal(k.a.reason, POLICY_NO_EVIDENCE);
	DENIED(kit_sni(&k, "93.184.216.36", 443, "api.test"));
	assert_int_equal(k.a.reason, POLICY_NO_EVIDENCE);
	assert_int_equal(kit_rule(&k), 1);
	/* Led here, and then another name. */
	DENIED(kit_sni(&k, "93.184.216.34", 443, "evil.test"));
	assert_int_equal(k.a.reason, POLICY_WRONG_NAME);
	assert_int_equal(kit_rule(&k), 1);
	/* Neither: an ordinary refusal. */
	DENIED(kit_sni(&k, "93.184.216.36", 443, "evil.test"));
	assert_int_equal(k.a.reason, POLICY_DEFAULT);
	/* A sibling below the same suffix is evidence enough. */
	ALLOWED(kit_sni(&k, "93.184.216.35", 443, "two.cdn.test"));
	kit_end(&k);
}

/* 57, P3 */
static void
P3_a_denied_name_needs_no_evidence(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "deny to bad.test\ndrop to *.worse.test", "public", NULL);
	DENIED(kit_sni(&k, "93.184.216.34", 443, "bad.test"));
	assert_int_equal(kit_rule(&k), 1);
	DROPPED(kit_sni(&k, "93.184.216.34", 443, "worse.test"));
	DROPPED(kit_sni(&k, "93.184.216.34", 443, "very.worse.test"));
	ALLOWED(kit_sni(&k, "93.184.216.34", 443, "good.test"));
	/* What is told overrides what led here. */
	kit_led(&k, "bad.test", "93.184.216.34");
	ALLOWED(kit_sni(&k, "93.184.216.34", 443, "good.test"));
	DENIED(kit_flow(&k, TCP, "93.184.216.34", 443));
	kit_end(&k);
}

/* 58 */
static void
a_syn_waits_only_for_a_name_that_matters(void **state)
{
	struct kit k;

	(void)state;
	/* Allowed by name: without evidence there is nothing to wait for. */
	kit_build(&k, "allow tcp/443 to a.test, *.b.test", NULL, NULL);
	DENIED(kit_syn(&k, "93.184.216.34", 443));
	assert_int_equal(k.a.reason, POLICY_NO_EVIDENCE);
	kit_led(&k, "a.test", "93.184.216.34");
	kit_led(&k, "x.b.test", "2a00:9::1");
	PEEKED(kit_syn(&k, "93.184.216.34", 443));
	assert_int_equal(kit_rule(&k), 1);
	assert_int_equal(k.a.by.len, 8);
	PEEKED(kit_syn(&k, "2a00:9::1", 443));
	/* Pruned by the port and the protocol. */
	DENIED(kit_syn(&k, "93.184.216.34", 80));
	assert_int_equal(k.a.reason, POLICY_DEFAULT);
	DENIED(kit_flow(&k, UDP, "93.184.216.34", 443));
	kit_end(&k);

	/* Denied by name: a perhaps, if something later allows. */
	kit_build(&k, "deny to bad.test", NULL, NULL);
	DENIED(kit_syn(&k, "93.184.216.34", 443));
	kit_end(&k);
	kit_build(&k, "deny to bad.test\nallow to @any", NULL, NULL);
	PEEKED(kit_syn(&k, "93.184.216.34", 443));
	kit_end(&k);
	kit_build(&k, "deny to bad.test\nallow to 93.184.216.0/24", NULL, NULL);
	PEEKED(kit_syn(&k, "93.184.216.34", 443));
	DENIED(kit_syn(&k, "93.184.217.34", 443));
	kit_end(&k);
	kit_build(&k, "deny to bad.test\ndrop to 93.184.216.0/24\nallow to @any", NULL, NULL);
	DROPPED(kit_syn(&k, "93.184.216.34", 443));
	kit_end(&k);

	/* An earlier address rule is final. */
	kit_build(&k, "allow to 93.184.216.0/24\ndeny to bad.test\ndeny to 5.0.0.0/8\nallow to a.test", NULL,
		  NULL);
	kit_led(&k, "a.test", "5.5.5.5");
	ALLOWED(kit_syn(&k, "93.184.216.34", 443));
	assert_int_equal(k.a.by.len, 0);
	DENIED(kit_syn(&k, "5.5.5.5", 443));
	kit_end(&k);

	/* Both ways allow: nothing to learn. */
	kit_build(&k, "allow to a.test\nallow to @public", NULL, NULL);
	kit_led(&k, "a.test", "93.184.216.34");
	ALLOWED(kit_syn(&k, "93.184.216.34", 443));
	assert_int_equal(kit_rule(&k), 2);
	assert_int_equal(k.a.by.len, 0);
	kit_end(&k);
}

/* A rule with a network and names matches by either. */
static void
mixed_targets(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to 10.1.0.0/16, a.test", NULL, NULL);
	ALLOWED(kit_syn(&k, "10.1.2.3", 443));
	ALLOWED(kit_sni(&k, "10.1.2.3", 443, "whatever.test"));
	assert_int_equal(k.a.by.len, 0);
	kit_led(&k, "a.test", "93.184.216.34");
	PEEKED(kit_syn(&k, "93.184.216.34", 443));
	ALLOWED(kit_sni(&k, "93.184.216.34", 443, "a.test"));
	kit_end(&k);
}

/* D10, P12: evidence ends, but what a flow was allowed by stays with it. */
static void
proof_outlives_evidence(void **state)
{
	struct name proof = kit_name("a.test");
	struct kit k;

	(void)state;
	kit_build(&k, "allow to a.test", NULL, NULL);
	kit_led(&k, "a.test", "93.184.216.34");
	ALLOWED(kit_flow(&k, TCP, "93.184.216.34", 443));
	k.now += 301 * USEC_PER_SEC;
	DENIED(kit_flow(&k, TCP, "93.184.216.34", 443));

	struct policy_question q = {.proto = TCP,
				    .remote = kit_addr("93.184.216.34"),
				    .port = 443,
				    .claim = CLAIM_NONE,
				    .proof = &proof};
	ALLOWED(kit_ask(&k, &q));
	assert_true(name_eq(&k.a.by, &proof));
	q.claim = CLAIM_TOLD;
	q.told = &proof;
	ALLOWED(kit_ask(&k, &q));
	kit_end(&k);
}

/* A name that is told but not there is no name. */
static void
told_without_a_name_is_none(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to a.test", NULL, NULL);
	kit_led(&k, "a.test", "93.184.216.34");
	ALLOWED(kit_ask(
	    &k, &(struct policy_question){
		    .proto = TCP, .remote = kit_addr("93.184.216.34"), .port = 443, .claim = CLAIM_TOLD}));
	kit_end(&k);
}

/* A client tells no name: only what led to its address counts, and nothing is waited for.  (No grammar has this.) */
static void
ingress_by_name(void **state)
{
	struct diag_sink d = {0};
	struct rules r = kit_rules("deny to bad.test", NULL, &d);
	struct kit k;

	(void)state;
	kit_build(&k, "", NULL, NULL);
	policy_free(k.p);
	r.rule[0].egress = false;
	r.rule[0].ingress = true;
	k.p = policy_build(&r, NULL, &d);
	struct policy_question q = {
	    .ingress = true, .proto = TCP, .remote = kit_addr("93.184.216.34"), .port = 80};
	ALLOWED(kit_ask(&k, &q));
	kit_led(&k, "bad.test", "93.184.216.34");
	DENIED(kit_ask(&k, &q));
	kit_end(&k);
}

static void
P4_disguises_are_judged_by_what_they_carry(void **state)
{
	static const char *const loopback[] = {
	    "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::1",      "2001:0:1:2:3:4:80ff:fffe",
	    "::7f00:1",        "::ffff:0:7f00:1",   "2a00:9::5efe:7f00:1",
	};
	struct kit k;

	(void)state;
	kit_build(&k, "", "public", NULL);
	for (unsigned i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++)
		DENIED(kit_syn(&k, loopback[i], 80));
	ALLOWED(kit_syn(&k, "64:ff9b::5db8:d822", 80));
	kit_end(&k);

	kit_build(&k, "deny to 127.0.0.0/8\nallow to @any", NULL, NULL);
	for (unsigned i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++)
		DENIED(kit_syn(&k, loopback[i], 80));
	kit_end(&k);
}

static void
P4_deny_matches_either_form_and_allow_the_inside(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "deny to 2002::/16\nallow to 93.184.0.0/16, 2000::/3", NULL, NULL);
	DENIED(kit_syn(&k, "2002:5db8:d822::1", 80));
	ALLOWED(kit_syn(&k, "64:ff9b::5db8:d822", 80));
	DENIED(kit_syn(&k, "64:ff9b::101:101", 80));
	ALLOWED(kit_syn(&k, "2a00:9::1", 80));
	kit_end(&k);

	/* An ISATAP address goes where its prefix leads: nothing it carries lets it through. */
	kit_build(&k, "allow to @private, 10.0.0.0/8, 2a00:9::/32", NULL, NULL);
	ALLOWED(kit_syn(&k, "10.1.1.1", 80));
	DENIED(kit_syn(&k, "2a00:9::5efe:a01:101", 80));
	kit_end(&k);
	kit_build(&k, "deny to @private\nallow to @public", NULL, NULL);
	DENIED(kit_syn(&k, "2a00:9::5efe:a01:101", 80));
	ALLOWED(kit_syn(&k, "2a00:9::5efe:5db8:d822", 80));
	kit_end(&k);
}

static void
networks_that_can_never_match_are_refused(void **state)
{
	static const char *const never[] = {"64:ff9b::/96", "64:ff9b::102:0/112", "2002::/16",
					    "2001::/32",    "2002:a00:1::/48",    "64:ff9b:1::/48"};
	static const char *const fine[] = {"2000::/3", "64:ff9b::/47", "2001::/16",
					   "::1",      "::/64",        "2a00::/12"};

	(void)state;
	for (unsigned action = 0; action < 2; action++) {
		for (unsigned i = 0; i < 6; i++) {
			struct diag_sink d = {0};
			struct rule_target t = {.kind = TARGET_NET};
			struct rule *r = calloc(1, sizeof(*r));
			char text[64];

			snprintf(text, sizeof(text), "%s", never[i]);
			t.plen = (uint8_t)strtoul(strchr(text, '/') + 1, NULL, 10);
			*strchr(text, '/') = '\0';
			t.net = kit_addr(text);
			*r = (struct rule){
			    .action = action ? RULE_DENY : RULE_ALLOW, .egress = true, .ntarget = 1};
			r->target = malloc(sizeof(t));
			r->target[0] = t;
			r->text = strdup(never[i]);
			r->number = 1;
			struct rules rules = {.rule = r, .n = 1, .room = 1};
			struct policy *p = policy_build(&rules, NULL, &d);

			assert_int_equal(p != NULL, action == 1);
			assert_int_equal(d.errors, action == 0);
			assert_null(rules.rule);
			policy_free(p);
		}
	}
	for (unsigned i = 0; i < 6; i++) {
		char text[64];
		struct kit k;

		snprintf(text, sizeof(text), "allow to %s", fine[i]);
		kit_build(&k, text, NULL, NULL);
		assert_non_null(k.p);
		kit_end(&k);
	}
}

static void
P6_metadata_is_nobodys_default(void **state)
{
	static const char *const services[] = {"169.254.169.254", "169.254.170.2",     "fd00:ec2::254",
					       "100.100.100.200", "168.63.129.16",     "192.0.0.192",
					       "fd20:ce::254",    "64:ff9b::a9fe:a9fe"};
	struct kit k;

	(void)state;
	kit_build(&k, "allow to @link-local", "public,private,host", NULL);
	for (unsigned i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		DENIED(kit_syn(&k, services[i], 80));
		DENIED(kit_flow(&k, UDP, services[i], 80));
	}
	kit_end(&k);
	kit_build(&k, "allow to @metadata", NULL, NULL);
	for (unsigned i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		ALLOWED(kit_syn(&k, services[i], 80));
	kit_end(&k);
}

/* 60: a witness for each group, and none is of two. */
static void
every_group_has_a_witness(void **state)
{
	static const struct {
		const char *group, *addr;
	} rows[] = {
	    {"@host", "10.0.2.2"},        {"@metadata", "169.254.169.254"}, {"@loopback", "127.0.0.1"},
	    {"@private", "172.16.0.1"},   {"@link-local", "169.254.1.1"},   {"@multicast", "224.0.0.251"},
	    {"@public", "93.184.216.34"},
	};
	enum { N = sizeof(rows) / sizeof(rows[0]) };
	char text[64];
	struct kit k;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "allow to %s", rows[i].group);
		kit_build(&k, text, NULL, NULL);
		for (unsigned j = 0; j < N; j++)
			assert_int_equal(kit_syn(&k, rows[j].addr, 80),
					 i == j ? VERDICT_ALLOW : VERDICT_DENY);
		DENIED(kit_syn(&k, "203.0.113.1", 80));
		kit_end(&k);
	}
}

/* P21 */
static void
P21_pings_are_judged(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow tcp udp to @public", NULL, NULL);
	DENIED(kit_flow(&k, ICMP, "93.184.216.34", 0));
	DENIED(kit_flow(&k, 47, "93.184.216.34", 0));
	kit_end(&k);
	kit_build(&k, "allow tcp/443 icmp to @public", NULL, NULL);
	ALLOWED(kit_flow(&k, ICMP, "93.184.216.34", 0));
	ALLOWED(kit_flow(&k, IP_PROTO_ICMPV6, "2a00:9::1", 0));
	kit_end(&k);
}

/* P16: a datagram to port 443 is asked as one of which a name may be told. */
static void
P16_quic_where_a_name_matters(void **state)
{
	struct policy_question q = {
	    .proto = UDP, .remote = kit_addr("93.184.216.34"), .port = 443, .claim = CLAIM_PENDING};
	struct kit k;

	(void)state;
	kit_build(&k, "deny to bad.test", "public", NULL);
	PEEKED(kit_ask(&k, &q));
	kit_end(&k);
	kit_build(&k, "deny tcp to bad.test", "public", NULL);
	ALLOWED(kit_ask(&k, &q));
	kit_end(&k);
	kit_build(&k, "", "public", NULL);
	ALLOWED(kit_ask(&k, &q));
	assert_false(policy_has_names(k.p));
	kit_end(&k);
}

/* P10, P13 as far as decisions go: a request's Host is judged like any name that is told. */
static void
P13_another_name_on_a_shared_address(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to good.test", NULL, NULL);
	kit_led(&k, "good.test", "93.184.216.34");
	kit_led(&k, "evil.test", "93.184.216.34");
	ALLOWED(kit_sni(&k, "93.184.216.34", 443, "good.test"));
	DENIED(kit_sni(&k, "93.184.216.34", 443, "evil.test"));
	assert_int_equal(k.a.reason, POLICY_WRONG_NAME);
	kit_end(&k);
}

/* The stricter of both, and who it was. */
static void
floor_cannot_be_broadened(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "deny to 5.0.0.0/8\nallow to @any", NULL,
		  "deny to @private, @metadata\ndrop to 6.0.0.0/8\nallow to @any");
	ALLOWED(kit_syn(&k, "93.184.216.34", 80));
	assert_false(k.a.floor);
	assert_int_equal(kit_rule(&k), 2);
	DENIED(kit_syn(&k, "10.1.1.1", 80));
	assert_true(k.a.floor);
	assert_int_equal(kit_rule(&k), 1);
	DROPPED(kit_syn(&k, "6.1.1.1", 80));
	assert_true(k.a.floor);
	DENIED(kit_syn(&k, "5.1.1.1", 80));
	assert_false(k.a.floor);
	assert_int_equal(policy_rules(k.p, true), 3);
	kit_end(&k);

	/* A floor without a rule for it refuses, by default too. */
	kit_build(&k, "allow to @any", NULL, "allow to @public");
	DENIED(kit_syn(&k, "10.1.1.1", 80));
	assert_true(k.a.floor);
	assert_int_equal(k.a.reason, POLICY_DEFAULT);
	kit_end(&k);

	/* ... for clients as well. */
	kit_build(&k, "allow ingress from @any", NULL, "drop ingress from @loopback");
	DROPPED(kit_client(&k, TCP, "127.0.0.1", 80));
	assert_true(k.a.floor);
	ALLOWED(kit_client(&k, TCP, "1.1.1.1", 80));
	kit_end(&k);
}

static void
floor_and_names(void **state)
{
	struct kit k;

	(void)state;
	/* Peek if either needs to, unless the other refuses already. */
	kit_build(&k, "allow to @public", NULL, "deny to bad.test\nallow to @any");
	PEEKED(kit_syn(&k, "93.184.216.34", 443));
	assert_true(k.a.floor);
	DENIED(kit_syn(&k, "10.0.0.1", 443));
	assert_false(k.a.floor);
	DENIED(kit_sni(&k, "93.184.216.34", 443, "bad.test"));
	assert_true(k.a.floor);
	DENIED(kit_lookup(&k, UDP, "bad.test"));
	assert_true(policy_has_names(k.p));
	kit_end(&k);
	kit_build(&k, "deny to bad.test\nallow to @any", NULL, "deny to 93.184.0.0/16\nallow to @any");
	DENIED(kit_syn(&k, "93.184.216.34", 443));
	PEEKED(kit_syn(&k, "94.184.216.34", 443));
	assert_false(k.a.floor);
	kit_end(&k);

	/* The name that serves both is the one to be kept. */
	kit_build(&k, "allow to *.some.test", NULL, "allow to a.some.test");
	kit_led(&k, "a.some.test", "93.184.216.34");
	kit_led(&k, "b.some.test", "93.184.216.34");
	ALLOWED(kit_flow(&k, TCP, "93.184.216.34", 443));
	struct name a = kit_name("a.some.test");
	assert_true(name_eq(&k.a.by, &a));
	kit_end(&k);
}

/* 59: what is written comes before what profiles say. */
static void
written_rules_come_before_profiles(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "deny to 93.184.216.34\nallow to 10.9.0.0/16", "public", NULL);
	DENIED(kit_syn(&k, "93.184.216.34", 443));
	assert_int_equal(kit_rule(&k), 1);
	ALLOWED(kit_syn(&k, "10.9.1.1", 443));
	ALLOWED(kit_syn(&k, "93.184.216.35", 443));
	assert_int_equal(kit_rule(&k), 0);
	assert_string_equal(k.a.rule->profile, "public");
	kit_end(&k);
}

/* 61: local is three groups; duplicates are harmless. */
static void
several_groups_and_duplicates(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to @loopback, @link-local, @host, @host\nallow to @host, a.test, a.test", NULL,
		  NULL);
	ALLOWED(kit_syn(&k, "127.0.0.1", 80));
	ALLOWED(kit_syn(&k, "169.254.7.7", 80));
	ALLOWED(kit_syn(&k, "10.0.2.2", 80));
	DENIED(kit_syn(&k, "10.0.2.9", 80));
	kit_end(&k);
}

/* --- trace ---------------------------------------------------------------------------------------------------- */

struct trace {
	char line[16][700];
	unsigned n;
};

static void
traced(void *ctx, const struct policy_step *s)
{
	struct trace *t = ctx;

	assert_true(t->n < 16);
	snprintf(t->line[t->n++], sizeof(t->line[0]), "%s%u %s: %s", s->floor ? "floor " : "",
		 s->rule->number,
		 s->matches   ? "matches"
		 : s->perhaps ? "perhaps"
			      : "no",
		 s->why);
}

static void
trace_says_why(void **state)
{
	static const char *const lines[] = {
	    "1 no: it is not for TCP",
	    "2 no: port 443 is not in it",
	    "3 no: 93.184.216.34 is not in it (@public)",
	    "4 no: e.some.test was told, which is not in it",
	    "5 matches: e.some.test was told, and b.some.test led here",
	    "6 no: the gateway led the guest to 93.184.216.34 by b.some.test, which is not in it",
	    "7 matches: 93.184.216.34 is in it (@public)",
	    "floor 1 matches: it is for every address",
	};
	struct trace t = {.n = 0};
	struct kit k;

	(void)state;
	kit_build(&k,
		  "deny udp to @any\nallow tcp/80 to @any\ndeny to 10.0.0.0/8\ndeny to bad.test\nallow to "
		  "*.some.test\n"
		  "allow to e.some.test\nallow to 93.184.0.0/16",
		  NULL, "allow to @any");
	kit_led(&k, "b.some.test", "93.184.216.34");
	k.told = kit_name("e.some.test");
	policy_trace(k.p, &k.where, k.e, k.now,
		     &(struct policy_question){.proto = TCP,
					       .remote = kit_addr("93.184.216.34"),
					       .port = 443,
					       .claim = CLAIM_TOLD,
					       .told = &k.told},
		     traced, &t);
	assert_int_equal(t.n, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_string_equal(t.line[i], lines[i]);
	kit_end(&k);
}

static void
trace_of_what_is_still_open(void **state)
{
	struct trace t = {.n = 0};
	struct kit k;

	(void)state;
	kit_build(&k, "deny to bad.test\nallow to a.test\nallow to b.test\nallow to @private", NULL, NULL);
	kit_led(&k, "a.test", "2a00:9::5efe:a01:101");
	policy_trace(
	    k.p, &k.where, k.e, k.now,
	    &(struct policy_question){.proto = TCP, .remote = kit_addr("2a00:9::5efe:a01:101"), .port = 443},
	    traced, &t);
	assert_int_equal(t.n, 4);
	assert_string_equal(t.line[0], "1 perhaps: the name is not told yet");
	assert_string_equal(t.line[1], "2 perhaps: a.test led here, but the name is not told yet");
	assert_non_null(strstr(t.line[2], "3 no: the gateway led the guest to"));
	assert_non_null(strstr(t.line[3], "4 no: 2a00:9::5efe:a01:101 carries 10.1.1.1, but its prefix"));

	t.n = 0;
	policy_trace(k.p, &k.where, NULL, k.now,
		     &(struct policy_question){
			 .proto = UDP, .remote = kit_addr("93.184.216.34"), .port = 9, .claim = CLAIM_NONE},
		     traced, &t);
	assert_string_equal(t.line[1], "2 no: no evidence: no name was answered with 93.184.216.34 lately");
	kit_end(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(default_is_public_and_its_resolver),
	    cmocka_unit_test(profiles_compose),
	    cmocka_unit_test(resolver_can_be_denied),
	    cmocka_unit_test(names_match_only_where_they_led),
	    cmocka_unit_test(shared_address_first_rule_wins),
	    cmocka_unit_test(udp_and_icmp_go_by_evidence),
	    cmocka_unit_test(families_are_apart),
	    cmocka_unit_test(host_is_the_gateway_in_both_families),
	    cmocka_unit_test(P7_own_addresses_are_the_host),
	    cmocka_unit_test(ways_are_apart),
	    cmocka_unit_test(protocols_and_ports_add_up),
	    cmocka_unit_test(many_ports_and_targets),
	    cmocka_unit_test(P2_a_told_name_needs_evidence),
	    cmocka_unit_test(P3_a_denied_name_needs_no_evidence),
	    cmocka_unit_test(a_syn_waits_only_for_a_name_that_matters),
	    cmocka_unit_test(mixed_targets),
	    cmocka_unit_test(proof_outlives_evidence),
	    cmocka_unit_test(told_without_a_name_is_none),
	    cmocka_unit_test(ingress_by_name),
	    cmocka_unit_test(P4_disguises_are_judged_by_what_they_carry),
	    cmocka_unit_test(P4_deny_matches_either_form_and_allow_the_inside),
	    cmocka_unit_test(networks_that_can_never_match_are_refused),
	    cmocka_unit_test(P6_metadata_is_nobodys_default),
	    cmocka_unit_test(every_group_has_a_witness),
	    cmocka_unit_test(P21_pings_are_judged),
	    cmocka_unit_test(P16_quic_where_a_name_matters),
	    cmocka_unit_test(P13_another_name_on_a_shared_address),
	    cmocka_unit_test(floor_cannot_be_broadened),
	    cmocka_unit_test(floor_and_names),
	    cmocka_unit_test(written_rules_come_before_profiles),
	    cmocka_unit_test(several_groups_and_duplicates),
	    cmocka_unit_test(trace_says_why),
	    cmocka_unit_test(trace_of_what_is_still_open),
	};

	return cmocka_run_group_tests_name("policy_decide", tests, NULL, NULL);
}
