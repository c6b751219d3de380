/*
 * explain_test.c - a policy asked without a gateway: what it says, which rule, why not the others, and what would help
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "sluice.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct sluice_rule rules[] = {
    {"deny to 10.0.0.0/8", "cfg.yaml", 3, 7},
    {"allow tcp/443 to *.github.example", "cfg.yaml", 4, 7},
    {"deny tcp/25 to @any \"no mail\"", "cfg.yaml", 5, 7},
    {"deny to *.evil.example", "cfg.yaml", 6, 7},
    {"drop ingress tcp/22 from @any", "cfg.yaml", 7, 7},
    {"allow tcp/99 to only.example", NULL, 0, 0},
};
static const struct sluice_rule floor_rules[] = {{"deny tcp/8080 to @any", "floor", 1, 1},
						 {"allow to @any", "floor", 2, 1}};

static struct sluice_config cfg;
static char said[65536], err[512];

static int
begin(void **state)
{
	static const char *const hosts[] = {"db.example=192.0.2.9"};

	(void)state;
	sluice_config_init(&cfg);
	cfg.rules = rules;
	cfg.nrules = COUNT(rules);
	cfg.floor = floor_rules;
	cfg.nfloor = COUNT(floor_rules);
	cfg.hosts = hosts;
	cfg.nhosts = 1;
	return 0;
}

static void
hear(void *ctx, const char *text)
{
	(void)ctx;
	size_t used = strlen(said);

	assert_true(used + strlen(text) < sizeof(said));
	strcpy(said + used, text);
}

static int
explain(struct sluice_question q, bool json)
{
	q.size = sizeof(q);
	said[0] = err[0] = '\0';
	return sluice_explain(&cfg, &q, json, hear, NULL, err, sizeof(err));
}

/* What is asked, whether it is allowed, the reason, and parts of what is said. */
static const struct {
	struct sluice_question q;
	int allowed;
	const char *code, *part, *remedy;
} rows[] = {
    {{.protocol = IPPROTO_TCP, .host = "api.github.example", .port = 443},
     1,
     "",
     "by cfg.yaml:4 \"allow tcp/443 to *.github.example\"",
     "put this before cfg.yaml:4: deny tcp/443 to api.github.example"},
    {{.protocol = IPPROTO_TCP, .host = "a.example", .port = 80},
     1,
     "",
     "the connection tells the name a.example",
     "-r 'deny tcp/80 to a.example'"},
    {{.protocol = IPPROTO_TCP, .host = "10.1.2.3", .port = 80},
     0,
     "rule",
     "by cfg.yaml:3",
     "put this before cfg.yaml:3: allow tcp/80 to 10.1.2.3"},
    {{.protocol = IPPROTO_TCP, .host = "::ffff:10.1.2.3", .port = 80}, -1, "", "", ""},
    {{.protocol = IPPROTO_TCP, .host = "64:ff9b::10.1.2.3", .port = 80},
     0,
     "rule",
     "by cfg.yaml:3",
     "allow tcp/80 to 64:ff9b::a01:203"},
    {{.protocol = IPPROTO_TCP, .host = "192.168.1.1", .port = 80},
     0,
     "rule",
     "no rule allows it",
     "-r 'allow tcp/80 to 192.168.1.1'"},
    {{.protocol = IPPROTO_TCP, .host = "10.0.2.2", .port = 80},
     0,
     "rule",
     "by cfg.yaml:3",
     "allow tcp/80 to @host"},
    {{.protocol = IPPROTO_UDP, .host = "10.0.2.3", .port = 5},
     0,
     "rule",
     "by cfg.yaml:3",
     "allow udp/5 to @dns"},
    {{.protocol = IPPROTO_TCP, .host = "198.18.0.1", .port = 8080},
     0,
     "rule",
     "no rule allows it",
     "allow tcp/8080 to 198.18.0.1"},
    {{.protocol = IPPROTO_TCP, .host = "8.8.8.8", .port = 8080},
     0,
     "rule",
     "by the floor's floor:1 \"deny tcp/8080 to @any\"",
     "only who owns the floor can allow it there: allow tcp/8080 to 8.8.8.8"},
    {{.protocol = IPPROTO_ICMP, .host = "8.8.8.8"}, 1, "", "by profile public", "deny icmp to 8.8.8.8"},
    {{.protocol = IPPROTO_ICMP, .host = "2001:db8::1"}, 0, "rule", "no rule allows it", "allow icmp to"},
    {{.protocol = IPPROTO_UDP, .host = "8.8.8.8", .port = 443},
     0,
     "quic",
     "QUIC does not show it",
     "allow udp/443 to 8.8.8.8"},
    {{.protocol = IPPROTO_UDP, .host = "8.8.8.8", .port = 853},
     0,
     "name-service",
     "asked on port 53",
     "allow udp/853 to 8.8.8.8"},
    {{.protocol = IPPROTO_TCP, .host = "192.168.1.1", .port = 99},
     0,
     "no-evidence",
     "the guest has to ask the gateway for the name first",
     "allow tcp/99 to 192.168.1.1"},
    /* names */
    {{.host = "a.example"}, 1, "", "by profile public", "deny to a.example"},
    {{.host = "x.evil.example"},
     0,
     "rule",
     "by cfg.yaml:6",
     "put this before cfg.yaml:6: allow to x.evil.example"},
    {{.protocol = IPPROTO_TCP, .host = "x.evil.example", .port = 80},
     0,
     "rule",
     "the guest is not told where it leads",
     "allow tcp/80 to x.evil.example"},
    {{.protocol = IPPROTO_TCP, .host = "a.example", .address = "127.0.0.1", .port = 80},
     0,
     "rebind",
     "may not lead to private",
     "--rebind-allow a.example"},
    {{.protocol = IPPROTO_TCP, .host = "api.github.example", .port = 443, .sni = "evil.example"},
     0,
     "rule",
     "tells the name evil.example",
     "allow tcp/443 to 192.0.1.1"},
    {{.protocol = IPPROTO_TCP, .host = "api.github.example", .port = 443, .sni = ""},
     1,
     "",
     "tells no name",
     "deny tcp/443"},
    /* names the gateway answers */
    {{.protocol = IPPROTO_TCP, .host = "db.example", .port = 80},
     0,
     "rule",
     "it leads to 192.0.2.9",
     "allow tcp/80 to 192.0.2.9"},
    {{.protocol = IPPROTO_TCP, .host = "host.sluice.internal", .port = 80},
     0,
     "rule",
     "it leads to 10.0.2.2",
     "allow tcp/80 to @host"},
    {{.protocol = IPPROTO_TCP, .host = "x.invalid", .port = 80},
     0,
     "none",
     "there is no such name",
     "--host x.invalid=ADDR"},
    /* clients of published ports */
    {{.protocol = IPPROTO_TCP, .host = "8.8.8.8", .port = 80, .ingress = true},
     1,
     "",
     "no rule says anything about it",
     "-r 'deny ingress tcp/80 from 8.8.8.8'"},
    {{.protocol = IPPROTO_TCP, .host = "8.8.8.8", .port = 22, .ingress = true},
     0,
     "rule",
     "by cfg.yaml:7",
     "put this before cfg.yaml:7: allow ingress tcp/22 from 8.8.8.8"},
    /* what is no question */
    {{.protocol = IPPROTO_TCP, .host = "a b", .port = 80}, -1, "", "", ""},
    {{.protocol = IPPROTO_TCP, .port = 80}, -1, "", "", ""},
    {{.protocol = 99, .host = "a.example"}, -1, "", "", ""},
    {{.protocol = 0, .host = "8.8.8.8"}, -1, "", "", ""},
    {{.protocol = IPPROTO_TCP, .host = "a.example", .address = "b", .port = 1}, -1, "", "", ""},
    {{.protocol = IPPROTO_TCP, .host = "8.8.8.8", .address = "8.8.8.8", .port = 1}, -1, "", "", ""},
    {{.protocol = IPPROTO_TCP, .host = "a.example", .sni = "a b", .port = 1}, -1, "", "", ""},
    {{.protocol = IPPROTO_TCP, .host = "a.example", .ingress = true, .port = 1}, -1, "", "", ""},
};

static void
each_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int r = explain(rows[i].q, false);
		if (r != rows[i].allowed)
			fail_msg("row %zu: %d: %s%s", i, r, said, err);
		if (r < 0) {
			assert_true(*err && !*said);
			continue;
		}
		if (strncmp(said, r ? "allowed: " : "refused: ", 9) != 0 || !strstr(said, rows[i].part) ||
		    !strstr(said, rows[i].remedy))
			fail_msg("row %zu: wanted '%s' and '%s' in:\n%s", i, rows[i].part, rows[i].remedy,
				 said);
		/* The same as JSON. */
		assert_int_equal(explain(rows[i].q, true), r);
		json_t *j = json_loads(said, 0, NULL);
		assert_non_null(j);
		assert_int_equal(json_integer_value(json_object_get(j, "v")), 1);
		const char *verdict = json_string_value(json_object_get(j, "verdict"));
		assert_int_equal(strcmp(verdict, "allow") == 0, r);
		assert_string_equal(json_string_value(json_object_get(j, "reason")), rows[i].code);
		assert_non_null(strstr(json_string_value(json_object_get(j, "remedy")), rows[i].remedy));
		json_decref(j);
	}
}

/* Each earlier rule says why it was not the one. */
static void
earlier_rules_say_why(void **state)
{
	(void)state;
	assert_int_equal(
	    explain((struct sluice_question){.protocol = IPPROTO_TCP, .host = "8.8.8.8", .port = 25}, false),
	    0);
	const char *first = strstr(said, "cfg.yaml:3 \"deny to 10.0.0.0/8\": 8.8.8.8 is not in it");
	const char *second =
	    strstr(said, "cfg.yaml:4 \"allow tcp/443 to *.github.example\": port 25 is not in it");
	assert_true(first && second && first < second);
	assert_null(strstr(said, "cfg.yaml:6")); /* it comes later */

	assert_int_equal(
	    explain((struct sluice_question){.protocol = IPPROTO_TCP, .host = "8.8.8.8", .port = 25}, true),
	    0);
	json_t *j = json_loads(said, 0, NULL), *rule = json_object_get(j, "rule");
	assert_int_equal(json_integer_value(json_object_get(rule, "number")), 3);
	assert_int_equal(json_integer_value(json_object_get(rule, "line")), 5);
	assert_string_equal(json_string_value(json_object_get(rule, "comment")), "no mail");
	assert_true(json_array_size(json_object_get(j, "rules")) > 5);
	json_decref(j);
}

/* The remedy is true: with the rule it names in front, the answer is the other one. */
static void
its_remedy_helps(const struct sluice_question *q)
{
	struct sluice_rule more[16];
	char first[512];
	int allowed = explain(*q, false);

	assert_true(allowed >= 0 && cfg.nrules < COUNT(more));
	char *remedy = strstr(said, allowed ? "to refuse it: " : "to allow it: ");
	assert_non_null(remedy);
	char *rule = strstr(remedy, allowed ? "deny " : "allow ");
	if (!allowed && rule == strstr(remedy, "allow it: "))
		rule = strstr(rule + 1, "allow ");
	assert_non_null(rule);
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(rule, "'\n"), rule);
	more[0] = (struct sluice_rule){.text = first};
	memcpy(more + 1, cfg.rules, cfg.nrules * sizeof(more[0]));
	cfg.rules = more;
	cfg.nrules++;
	if (explain(*q, false) != !allowed)
		fail_msg("%s: '%s' does not help: %s%s", q->host, first, said, err);
}

static const struct sluice_rule about_requests[] = {
    {"deny https POST,PUT *.b.example/admin/**", NULL, 0, 0},
    {"allow https GET,HEAD api.example/repos/**", NULL, 0, 0},
    {"allow tcp/80,443 to *.b.example, 192.0.2.0/24", NULL, 0, 0},
};

static void
requests_are_explained(void **state)
{
	static const struct {
		const char *method, *host, *path, *says;
		int allowed;
		uint16_t port;
		bool plain;
	} asked[] = {
	    {"GET", "api.example", "/repos/x?y", "allowed: GET https://api.example/repos/x\n  by rule 2", 1,
	     443, 0},
	    {"GET", "api.example", "/a/../repos/%78", "GET https://api.example/repos/x\n", 1, 443, 0},
	    {"POST", "api.example", "/repos/x", "the method POST is not in it", 0, 443, 0},
	    {"GET", "api.example", NULL, "the path / of that host is not in it", 0, 443, 0},
	    {"GET", "api.example", "/repos/x", "port 80 is not in it", 0, 80, 1},
	    {"GET", "api.example", "/repos/x", "refused: GET http://api.example:443/repos/x", 0, 443, 1},
	    {"PUT", "x.b.example", "/admin", "by rule 1", 0, 443, 0},
	    {"PUT", "x.b.example", "/24, a", "allowed: PUT https://x.b.example/24, a", 1, 443, 0},
	    {"GET", "192.0.2.1", "/24/x", "by rule 3", 1, 443, 0},
	    {"GET", "192.0.2.1", "/24/x", "GET https://192.0.2.1:8443/24/x", 0, 8443, 0},
	    {"GET", "2001:db8::1", "/x", "GET https://[2001:db8::1]/x", 0, 443, 0},
	    {"CONNECT", "x.b.example", NULL, "CONNECT of x.b.example:443", 1, 443, 0},
	    {"OPTIONS", "x.b.example", "*", "OPTIONS https://x.b.example*", 1, 443, 0},
	    {"GET", "a.example", "/../x", "", -1, 443, 0},
	    {"G T", "a.example", "/x", "", -1, 443, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++) {
		const struct sluice_question q = {.protocol = IPPROTO_TCP,
						  .host = asked[i].host,
						  .port = asked[i].port,
						  .method = asked[i].method,
						  .path = asked[i].path,
						  .plain = asked[i].plain};
		begin(NULL);
		cfg.profiles = "none";
		cfg.nfloor = 0;
		cfg.rules = about_requests;
		cfg.nrules = COUNT(about_requests);
		if (explain(q, false) != asked[i].allowed || !strstr(said, asked[i].says))
			fail_msg("row %zu: %s%s", i, said, err);
		if (asked[i].allowed < 0)
			continue;
		assert_int_equal(explain(q, true), asked[i].allowed);
		json_t *j = json_loads(said, 0, NULL), *question = json_object_get(j, "question");
		assert_string_equal(json_string_value(json_object_get(question, "method")), asked[i].method);
		assert_int_equal(json_is_false(json_object_get(question, "tls")), asked[i].plain);
		json_decref(j);
		its_remedy_helps(&q);
	}
}

/* A flow alone is neither allowed nor refused where its requests decide. */
static void
a_flow_may_wait_for_requests(void **state)
{
	static const char *const bypass[] = {"api.example"};
	struct sluice_question q = {.protocol = IPPROTO_TCP, .host = "api.example", .port = 443};

	(void)state;
	cfg.nfloor = 0;
	cfg.profiles = "none";
	cfg.rules = about_requests;
	cfg.nrules = COUNT(about_requests);
	assert_int_equal(explain(q, false), 1);
	assert_int_equal(strncmp(said, "its requests decide: tcp api.example:443", 40), 0);
	assert_non_null(strstr(said, "sluice explain GET https://api.example/PATH"));
	assert_int_equal(explain(q, true), 1);
	assert_non_null(strstr(said, "\"verdict\":\"peek\""));
	assert_non_null(strstr(said, "\"waits\":true"));

	cfg.intercept_bypass = bypass;
	cfg.nintercept_bypass = 1;
	q.method = "GET";
	q.path = "/repos/x";
	assert_int_equal(explain(q, false), 0);
	assert_non_null(strstr(said, "the name is on the bypass list"));
	its_remedy_helps(&q);
}

static void
remedies_help(void **state)
{
	static const struct sluice_question asked[] = {
	    {.protocol = IPPROTO_TCP, .host = "api.github.example", .port = 443},
	    {.protocol = IPPROTO_TCP, .host = "a.example", .port = 80},
	    {.protocol = IPPROTO_TCP, .host = "10.1.2.3", .port = 80},
	    {.protocol = IPPROTO_TCP, .host = "192.168.1.1", .port = 80},
	    {.protocol = IPPROTO_TCP, .host = "10.0.2.2", .port = 80},
	    {.protocol = IPPROTO_UDP, .host = "8.8.8.8", .port = 443},
	    {.protocol = IPPROTO_UDP, .host = "8.8.8.8", .port = 853},
	    {.protocol = IPPROTO_ICMP, .host = "8.8.8.8"},
	    {.host = "a.example"},
	    {.host = "x.evil.example"},
	    {.protocol = IPPROTO_TCP, .host = "x.evil.example", .port = 80},
	    {.protocol = IPPROTO_TCP, .host = "api.github.example", .port = 443, .sni = "evil.example"},
	    {.protocol = IPPROTO_TCP, .host = "host.sluice.internal", .port = 80},
	    {.protocol = IPPROTO_TCP, .host = "8.8.8.8", .port = 22, .ingress = true},
	    {.protocol = IPPROTO_TCP, .host = "8.8.8.8", .port = 80, .ingress = true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++) {
		begin(NULL);
		cfg.nfloor = 0;
		its_remedy_helps(&asked[i]);
	}
}

static void
a_policy_that_is_wrong(void **state)
{
	static const struct sluice_rule wrong[] = {{"allwo to @any", NULL, 0, 0},
						   {"deny to @nobody", NULL, 0, 0}};

	(void)state;
	assert_int_equal(sluice_check(&cfg, err, sizeof(err)), 0);
	cfg.rules = wrong;
	cfg.nrules = 2;
	assert_int_equal(explain((struct sluice_question){.host = "a.example"}, false), -1);
	assert_non_null(strstr(err, "allwo"));
	assert_int_equal(sluice_check(&cfg, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "allwo"));
	cfg.size = 1;
	assert_int_equal(sluice_check(&cfg, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "sluice_config_init"));
}

/* What people write may be anything; what is said can be shown on a terminal, and JSON is JSON. */
static void
odd_bytes_are_not_said(void **state)
{
	static const struct sluice_rule odd[] = {{"deny to 10.0.0.0/8 \"\xff\x1b[31m\"", "\xfe.yaml", 1, 1}};

	(void)state;
	cfg.rules = odd;
	cfg.nrules = 1;
	int r =
	    explain((struct sluice_question){.protocol = IPPROTO_TCP, .host = "10.0.0.1", .port = 1}, false);
	assert_null(strchr(said, '\x1b'));
	assert_int_equal(
	    explain((struct sluice_question){.protocol = IPPROTO_TCP, .host = "10.0.0.1", .port = 1}, true),
	    r);
	if (r >= 0) {
		json_t *j = json_loads(said, 0, NULL);
		assert_non_null(j);
		json_decref(j);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, begin)
	const struct CMUnitTest tests[] = {
	    TEST(each_verdict),           TEST(earlier_rules_say_why),        TEST(remedies_help),
	    TEST(requests_are_explained), TEST(a_flow_may_wait_for_requests), TEST(a_policy_that_is_wrong),
	    TEST(odd_bytes_are_not_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
