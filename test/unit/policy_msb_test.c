/*
 * policy_msb_test.c - microsandbox's rules, as tokens and as JSON, become ours
 */
#include "test/unit/policy_kit.h"

#include "policy/reader.h"

/* All rules as sentences, with ';' behind each; "BOTH" for one that no sentence says. */
static void
print_all(const struct rules *r, char *to, size_t size)
{
	size_t len = 0;

	to[0] = '\0';
	for (uint32_t i = 0; i < r->n && len < size; i++) {
		char *one = rule_print(&r->rule[i]);
		int n = snprintf(to + len, size - len, "%s;", one ? one : "BOTH");

		free(one);
		len += n > 0 ? (size_t)n : 0;
	}
}

static void
tokens_become_rules(void **state)
{
	static const struct {
		const char *token, *rules;
	} rows[] = {
	    {"allow@public", "allow to @public;"},
	    {"deny:egress@any", "deny to @any;"},
	    {"allow:ingress@private:tcp:8080", "allow ingress tcp/8080 from @private;"},
	    {"deny:any@link-local", "BOTH;"},
	    {"drop@meta", "drop to @metadata;"},
	    {"allow@10.0.0.1", "allow to 10.0.0.1;"},
	    {"allow@10.0.0.0/8:udp:53", "allow udp/53 to 10.0.0.0/8;"},
	    {"allow@[2001:db8::1]:tcp:443", "allow tcp/443 to 2001:db8::1;"},
	    {"allow@[2001:db8::]/32:tcp", "allow tcp to 2001:db8::/32;"},
	    {"allow@[2001:db8::/32]", "allow to 2001:db8::/32;"},
	    {"allow@example.com:tcp:80,443,8000-8010", "allow tcp/80,443,8000-8010 to example.com;"},
	    {"allow@*.example.com", "allow to *.example.com;"},
	    {"allow@domain=db:tcp:5432", "allow tcp/5432 to db;"},
	    {"allow@domain=public", "allow to public.;"},
	    {"allow@suffix=Example.com.", "allow to *.example.com;"},
	    {"allow@any:any:443", "allow tcp/443 udp/443 to @any;"},
	    {"allow@any:tcp:any", "allow tcp to @any;"},
	    {"allow@any:any:any", "allow to @any;"},
	    {"allow@any:icmpv4", "allow icmp to 0.0.0.0/0;"},
	    {"allow@any:icmpv6", "allow icmp to ::/0;"},
	    {"allow@8.8.8.8:icmpv4", "allow icmp to 8.8.8.8;"},
	    /* Their host is the forwarder of names as well, and `dns` just that. */
	    {"allow@host", "allow to @host, @dns;"},
	    {"allow@host:udp:53", "allow udp/53 to @host, @dns;"},
	    {"allow@host:tcp:80", "allow tcp/80 to @host;"},
	    {"allow@dns", "allow tcp/53 udp/53 to @dns;"},
	    {"allow@public:tcp:443,deny@any", "allow tcp/443 to @public;deny to @any;"},
	    {"allow@public:tcp:80,443 , deny:ingress@any:udp",
	     "allow tcp/80,443 to @public;deny ingress udp from @any;"},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		struct kit_rules *k = kit_rule(rows[i].token);
		char all[512];

		print_all(&k->rules, all, sizeof(all));
		if (!k->good || strcmp(all, rows[i].rules) != 0)
			fail_msg("%s: %s%s", rows[i].token, all, k->told.text);
		kit_free(k);
	}
}

static void
a_token_for_both_directions_is_one_rule(void **state)
{
	struct kit_rules *k = kit_rule("allow:any@10.0.0.0/8:tcp:22");
	const struct rule *r = &k->rules.rule[0];

	(void)state;
	assert_true(r->egress && r->ingress);
	assert_string_equal(r->text, "allow:any@10.0.0.0/8:tcp:22");
	assert_int_equal(r->target[0].column, 11);
	kit_free(k);
	k = kit_rule("deny:any@example.com");
	assert_true(k->rules.rule[0].egress && !k->rules.rule[0].ingress);
	assert_string_equal(k->told.text,
			    "W rule 1, column 10: is for egress alone: nothing tells a client's name\n");
	kit_free(k);
}

static void
mistakes_in_tokens(void **state)
{
	static const struct {
		const char *token, *told;
	} rows[] = {
	    {"alow@public",
	     "E rule 1, column 1: 'alow': not an action: allow, deny or drop is expected before '@'\n"},
	    {"allow:out@public",
	     "E rule 1, column 7: 'out': not a direction: egress, ingress or any is expected\n"},
	    {"allow@",
	     "E rule 1, column 7: a target is expected behind '@': any, a group, an address, a network or a "
	     "name\n"},
	    {"allow@pubic",
	     "E rule 1, column 7: 'pubic': neither a group nor a name with a dot; a host of that name is "
	     "domain=pubic\n"},
	    {"allow@public:tpc:443",
	     "E rule 1, column 14: 'tpc': not a protocol: any, tcp, udp, icmpv4 or icmpv6 is expected\n"},
	    {"allow@public:tcp:99999",
	     "E rule 1, column 18: '99999': not a port: any, a number from 1 to 65535 or "
	     "LOW-HIGH is expected\n"},
	    {"allow@public:tcp:9-8",
	     "E rule 1, column 18: '9-8': not a port: any, a number from 1 to 65535 or "
	     "LOW-HIGH is expected\n"},
	    {"allow@public:tcp:1:2", "E rule 1, column 18: '1:2': not a port: any, a number from 1 to 65535 "
				     "or LOW-HIGH is expected\n"},
	    {"allow@suffix=com",
	     "E rule 1, column 14: 'com': allows all below a top-level domain; name a domain below "
	     "it, as in *.example.com\n"},
	    {"allow@300.1.1.1",
	     "E rule 1, column 7: '300.1.1.1': not an address: that is four numbers from 0 to 255 "
	     "without leading zeros\n"},
	    {"allow:ingress@any:icmpv4",
	     "E rule 1, column 19: 'icmpv4': cannot be enforced: no port is published for "
	     "ICMP, so none comes in; tcp or udp is expected\n"},
	    {"allow:any@any:icmpv6",
	     "E rule 1, column 15: 'icmpv6': cannot be enforced: no port is published for "
	     "ICMP, so none comes in; tcp or udp is expected\n"},
	    {"allow@8.8.8.8:icmpv4:8",
	     "W rule 1, column 15: 'icmpv4': ICMP has no ports: this rule never matches it\n"
	     "E rule 1, column 15: 'icmpv4': can never match: ICMP has no ports\n"},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		struct kit_rules *k = kit_rule(rows[i].token);

		assert_false(k->good);
		assert_string_equal(k->told.text, rows[i].told);
		assert_int_equal(k->rules.n, 0);
		kit_free(k);
	}
}

/* --- JSON -------------------------------------------------------------------------------------------------- */

struct json {
	struct rules rules;
	struct diag_sink sink;
	struct told told;
	bool good;
	char all[2048];
};

static struct json *
read_json(const char *text)
{
	struct json *j = calloc(1, sizeof(*j));
	size_t len = strlen(text);
	char *exact = malloc(len ? len : 1); /* no NUL behind it */

	assert_non_null(j);
	assert_non_null(exact);
	memcpy(exact, text, len);
	j->sink = (struct diag_sink){.told = kit_told, .ctx = &j->told};
	j->good = rules_read_msb(&j->rules, exact, len, "p.json", &j->sink);
	assert_int_equal(j->good, j->sink.errors == 0);
	print_all(&j->rules, j->all, sizeof(j->all));
	free(exact);
	return j;
}

static void
json_free(struct json *j)
{
	rules_free(&j->rules);
	free(j);
}

#define DENY_REST "deny to @any \"default_egress\";deny ingress from @any \"default_ingress\";"

static void
json_becomes_rules(void **state)
{
	static const struct {
		const char *json, *rules;
	} rows[] = {
	    {"{}", DENY_REST},
	    {"{\"rules\": []}", DENY_REST},
	    {"{\"default_egress\": \"allow\"}",
	     "allow to @any \"default_egress\";deny ingress from @any \"default_ingress\";"},
	    {"{\"default_ingress\": \"allow\", \"default_egress\": \"deny\"}",
	     "deny to @any \"default_egress\";allow ingress from @any \"default_ingress\";"},
	    {"{\"rules\": [{\"direction\": \"egress\", \"destination\": \"any\", \"action\": \"allow\"}]}",
	     "allow to @any;" DENY_REST},
	    {"{\"rules\": [{\"direction\": \"egress\", \"destination\": {\"cidr\": \"10.0.0.0/8\"}, "
	     "\"action\": \"deny\"},"
	     "{\"direction\": \"egress\", \"destination\": {\"cidr\": \"1.2.3.4\"}, \"action\": \"deny\"}]}",
	     "deny to 10.0.0.0/8;deny to 1.2.3.4;" DENY_REST},
	    {"{\"rules\": [{\"direction\": \"egress\", \"destination\": {\"domain\": \".Example.com.\"}, "
	     "\"protocols\": "
	     "[\"tcp\", \"udp\", \"tcp\"], \"ports\": [{\"start\": 443, \"end\": 443}, {\"start\": 1, "
	     "\"end\": 9}], "
	     "\"action\": \"allow\"}]}",
	     "allow tcp/443,1-9 udp/443,1-9 to example.com;" DENY_REST},
	    {"{\"rules\": [{\"direction\": \"egress\", \"destination\": {\"domain_suffix\": "
	     "\"example.com\"}, \"ports\": "
	     "[443], \"action\": \"allow\"}]}",
	     "allow tcp/443 udp/443 to *.example.com;" DENY_REST},
	    {"{\"rules\": [{\"direction\": \"any\", \"destination\": {\"group\": \"link_local\"}, "
	     "\"action\": \"deny\"}]}",
	     "deny to @link-local;deny ingress from @link-local;" DENY_REST},
	    {"{\"rules\": [{\"direction\": \"egress\", \"destination\": {\"group\": \"host\"}, "
	     "\"protocols\": [\"udp\", "
	     "\"tcp\"], \"ports\": [{\"start\": 53, \"end\": 53}], \"action\": \"allow\"}, {\"direction\": "
	     "\"egress\", "
	     "\"destination\": {\"group\": \"public\"}, \"action\": \"allow\"}], \"default_ingress\": "
	     "\"allow\"}",
	     "allow tcp/53 udp/53 to @host, @dns;allow to @public;deny to @any \"default_egress\";allow "
	     "ingress from @any "
	     "\"default_ingress\";"},
	    {"{\"rules\": [{\"direction\": \"egress\", \"destination\": \"any\", \"protocols\": [\"icmpv4\", "
	     "\"icmpv6\"], "
	     "\"action\": \"allow\"}]}",
	     "allow icmp to @any;" DENY_REST},
	    {"{\"rules\": [{\"direction\": \"egress\", \"destination\": \"any\", \"protocols\": "
	     "[\"icmpv6\"], "
	     "\"action\": \"allow\"}]}",
	     "allow icmp to ::/0;" DENY_REST},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		struct json *j = read_json(rows[i].json);

		if (!j->good || strcmp(j->all, rows[i].rules) != 0)
			fail_msg("%s: %s%s", rows[i].json, j->all, j->told.text);
		for (uint32_t n = 0; n < j->rules.n; n++)
			assert_int_equal(j->rules.rule[n].number, n + 1);
		json_free(j);
	}
}

static void
rules_have_their_place_in_the_json(void **state)
{
	struct json *j =
	    read_json("{\n"
		      "  \"x\\\"rules\": 1,\n"
		      "  \"rules\": [\n"
		      "    {\"direction\": \"egress\", \"destination\": {\"domain\": \"a,[b\\\"]}\"},\n"
		      "     \"ports\": [1, 2], \"action\": \"allow\"},\n"
		      "    {\"direction\": \"egress\", \"destination\": \"any\", \"action\": \"deny\"},   "
		      "{\"direction\": \"egress\",\n"
		      "     \"destination\": {\"group\": \"pubic\"}, \"action\": \"deny\"}\n"
		      "  , 7]\n"
		      "}\n");

	(void)state;
	assert_string_equal(
	    j->told.text,
	    "E p.json: 'x\"rules': no such key: default_egress, default_ingress or rules is expected\n"
	    "E p.json:4:5: 'a,[b\"]}': rules[0].destination: has a character that is in no name: letters, "
	    "digits, '-' and "
	    "'_' are\n"
	    "E p.json:6:72: 'pubic': rules[2].destination: not a group: public, private, loopback, "
	    "link_local, metadata, "
	    "multicast or host is expected\n"
	    "E p.json:8:5: rules[3]: an object is expected\n");
	assert_int_equal(j->rules.rule[0].at.line, 6);
	assert_int_equal(j->rules.rule[0].at.column, 5);
	assert_int_equal(j->rules.rule[0].number, 2);
	assert_string_equal(j->rules.rule[0].text, "deny to @any");
	assert_string_equal(j->rules.rule[0].at.file, "p.json");
	json_free(j);
}

static void
mistakes_in_json(void **state)
{
	static const struct {
		const char *json, *told;
	} rows[] = {
	    {"", "not JSON: "},
	    {"{\"rules\": [}", "p.json:1:12: not JSON: "},
	    {"{\"rules\": [], \"rules\": []}", "not JSON: duplicate"},
	    {"[]", "an object with default_egress, default_ingress and rules is expected"},
	    {"{\"rules\": {}}", "'rules': a list is expected"},
	    {"{\"default_egress\": \"maybe\"}", "'default_egress': \"allow\" or \"deny\" is expected"},
	    {"{\"default_egress\": null}", "'default_egress': \"allow\" or \"deny\" is expected"},
	    {"{\"rules\": [{\"destination\": \"any\", \"action\": \"allow\"}]}",
	     "p.json:1:12: rules[0].direction: \"egress\", \"ingress\" or \"any\" is expected"},
	    {"{\"rules\": [{\"direction\": \"egress\", \"destination\": \"any\"}]}",
	     "rules[0].action: \"allow\" or \"deny\" is expected"},
	    {"{\"rules\": [{\"direction\": \"egress\", \"action\": \"deny\"}]}",
	     "rules[0].destination: \"any\", {\"cidr\""},
	    {"{\"rules\": [{\"direction\": \"egress\", \"action\": \"deny\", \"destination\": {\"cidr\": "
	     "\"1.2.3.0/24\", "
	     "\"domain\": \"a.b\"}}]}",
	     "rules[0].destination: \"any\", {\"cidr\""},
	    {"{\"rules\": [{\"direction\": \"egress\", \"action\": \"deny\", \"destination\": {\"cidr\": "
	     "\"1.2.3.0/99\"}}]}",
	     "'/99': rules[0].destination: not a prefix length"},
	    {"{\"rules\": [{\"direction\": \"egress\", \"action\": \"allow\", \"destination\": "
	     "{\"domain_suffix\": "
	     "\"com\"}}]}",
	     "'com': rules[0].destination: allows all below a top-level domain"},
	    {"{\"rules\": [{\"direction\": \"egress\", \"action\": \"allow\", \"destination\": \"any\", "
	     "\"protocols\": "
	     "[\"sctp\"]}]}",
	     "'sctp': rules[0].protocols: \"tcp\""},
	    {"{\"rules\": [{\"direction\": \"egress\", \"action\": \"allow\", \"destination\": \"any\", "
	     "\"ports\": "
	     "[{\"start\": 9, \"end\": 8}]}]}",
	     "rules[0].ports: {\"start\": LOW"},
	    {"{\"rules\": [{\"direction\": \"egress\", \"action\": \"allow\", \"destination\": \"any\", "
	     "\"port\": 5}]}",
	     "'port': rules[0]: no such key"},
	    {"{\"rules\": [{\"direction\": \"ingress\", \"action\": \"allow\", \"destination\": {\"domain\": "
	     "\"a.b\"}}]}",
	     "cannot be enforced: clients come from addresses"},
	    {"{\"rules\": [{\"direction\": \"any\", \"action\": \"allow\", \"destination\": \"any\", "
	     "\"protocols\": "
	     "[\"icmpv4\"]}]}",
	     "cannot be enforced: no port is published for ICMP"},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		struct json *j = read_json(rows[i].json);

		assert_false(j->good);
		if (!strstr(j->told.text, rows[i].told))
			fail_msg("%s: %s", rows[i].json, j->told.text);
		json_free(j);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tokens_become_rules),
	    cmocka_unit_test(a_token_for_both_directions_is_one_rule),
	    cmocka_unit_test(mistakes_in_tokens),
	    cmocka_unit_test(json_becomes_rules),
	    cmocka_unit_test(rules_have_their_place_in_the_json),
	    cmocka_unit_test(mistakes_in_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
