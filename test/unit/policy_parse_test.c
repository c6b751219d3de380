/*
 * policy_parse_test.c - rules as sentences: what they become, and every mistake at its place
 */
#include "test/unit/policy_kit.h"

#include "policy/reader.h"

/* What a rule is, in the one way of writing it that rule_print() has. */
static void
sentences_become_rules(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"allow to @any", NULL},
	    {"deny to @public", NULL},
	    {"drop to 10.0.0.0/8", NULL},
	    {"allow @any", "allow to @any"},
	    {"allow egress to @any", "allow to @any"},
	    {"  allow\tto   @any  ", "allow to @any"},
	    {"allow tcp/443 to *.github.com", NULL},
	    {"allow tcp/443 *.github.com", "allow tcp/443 to *.github.com"},
	    {"allow tcp/80,443,8000-8999 udp/53 icmp to example.com", NULL},
	    {"allow tcp/80, 443 to example.com", "allow tcp/80,443 to example.com"},
	    {"allow tcp/80 tcp/443 to a.b", "allow tcp/80,443 to a.b"},
	    {"allow tcp/80 tcp to a.b", "allow tcp to a.b"},
	    {"allow tcp tcp/80 to a.b", "allow tcp to a.b"},
	    {"allow tcp/1-65535 to a.b", NULL},
	    {"allow to a.b,c.d , e.f", "allow to a.b, c.d, e.f"},
	    {"allow to EXAMPLE.com.", "allow to example.com"},
	    {"allow to _dmarc.example.com", NULL},
	    {"allow to xn--bcher-kva.example", NULL},
	    {"allow to db", NULL},
	    {"allow to to, from", "allow to to, from"},
	    {"allow to public.", NULL},
	    {"allow to 2001:db8::1", NULL},
	    {"allow to [2001:db8::1]", "allow to 2001:db8::1"},
	    {"allow to 2001:DB8::/32", "allow to 2001:db8::/32"},
	    {"allow to [2001:db8::/32]", "allow to 2001:db8::/32"},
	    {"allow to 1.2.3.4/32", "allow to 1.2.3.4"},
	    {"allow to ::/0, 0.0.0.0/0", NULL},
	    {"deny to *.zip", NULL},
	    {"deny to 64:ff9b::/96", NULL},
	    {"deny to 0.0.0.0", NULL},
	    {"allow to @dns", NULL},
	    {"allow udp/53 tcp/53 to @dns", NULL},
	    {"allow tcp/1-100 to @dns", NULL},
	    {"allow ingress tcp/22 from 192.0.2.0/24, @private", NULL},
	    {"deny ingress @any", "deny ingress from @any"},
	    {"allow to a.b \"the build\"", NULL},
	    {"allow to a.b \"\"", NULL},
	    {"allow to a.b \"gr\xc3\xbc\xc3\x9f"
	     "e, to @x # y\"",
	     NULL},
	    {"allow to a.b # because", "allow to a.b"},
	    {"allow https to api.example", NULL},
	    {"allow https/443 api.example", "allow https to api.example"},
	    {"allow https/443,8443 http GET,HEAD to api.example/repos/**, *.b.example", NULL},
	    {"allow http https http/8080 to a.b", "allow http/80,8080 https to a.b"},
	    {"deny https POST *.example.com/admin/**", "deny https POST to *.example.com/admin/**"},
	    {"allow http/8080 * build.internal/artifacts/*", "allow http/8080 to build.internal/artifacts/*"},
	    {"allow https GET, HEAD a.b", "allow https GET,HEAD to a.b"},
	    {"allow https X-Y_9 to a.b/c", NULL},
	    {"deny https to @any/x, @public, @doh/dns-query \"why\"", NULL},
	    {"allow https 10.0.0.0/8/x, 10.0.0.1/x, 192.0.2.1/32/24, 10.0.0.0/8",
	     "allow https to 10.0.0.0/8/x, 10.0.0.1/32/x, 192.0.2.1/32/24, 10.0.0.0/8"},
	    {"allow https [2001:db8::1]/x, [2001:db8::]/32/y, [2001:db8::/32]/z, 2001:db8::1/a",
	     "allow https to 2001:db8::1/128/x, 2001:db8::/32/y, 2001:db8::/32/z, 2001:db8::1/128/a"},
	    {"deny https DELETE to a.b/c\xc3\xbc", NULL},
	    {"allow https get", "allow https to get"},
	    {"allow to @link-local, @link_local, @meta", "allow to @link-local, @link-local, @metadata"},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		struct kit_rules *k = kit_rule(rows[i].in);

		if (!k->good || k->rules.n != 1)
			fail_msg("%s: %s", rows[i].in, k->told.text);
		char *out = rule_print(&k->rules.rule[0]);
		assert_non_null(out);
		assert_string_equal(out, rows[i].out ? rows[i].out : rows[i].in);
		free(out);
		assert_int_equal(k->rules.rule[0].number, 1);
		assert_null(k->rules.rule[0].profile);
		kit_free(k);
	}
}

static void
parts_are_what_was_written(void **state)
{
	struct kit_rules *k = kit_rule("drop ingress udp/53,1000-2000 tcp from 10.1.0.0/16, @host \"c d\"");
	const struct rule *r = &k->rules.rule[0];

	(void)state;
	assert_true(k->good);
	assert_int_equal(r->action, RULE_DROP);
	assert_true(r->ingress && !r->egress);
	assert_int_equal(r->nproto, 2);
	assert_int_equal(r->proto[0].proto, IP_PROTO_UDP);
	assert_int_equal(r->proto[0].nport, 2);
	assert_int_equal(r->proto[0].port[1].first, 1000);
	assert_int_equal(r->proto[0].port[1].last, 2000);
	assert_int_equal(r->proto[1].proto, IP_PROTO_TCP);
	assert_int_equal(r->proto[1].nport, 0);
	assert_int_equal(r->ntarget, 2);
	assert_int_equal(r->target[0].kind, TARGET_NET);
	assert_int_equal(r->target[0].plen, 16);
	assert_int_equal(r->target[0].column, 40);
	assert_int_equal(r->target[1].kind, TARGET_GROUP);
	assert_int_equal(r->target[1].group, GROUP_HOST);
	assert_string_equal(r->comment, "c d");
	assert_string_equal(r->text, "drop ingress udp/53,1000-2000 tcp from 10.1.0.0/16, @host \"c d\"");
	kit_free(k);
}

/* Each mistake: a rule of the command line, and the whole of what is told. */
static const struct {
	const char *rule, *told;
} mistakes[] = {
    {"alow to @any", "E rule 1, column 1: 'alow': not an action: a rule begins with allow, deny or drop\n"},
    {"Allow to @any", "E rule 1, column 1: 'Allow': not an action: a rule begins with allow, deny or drop\n"},
    {"\"x\"",
     "E rule 1, column 1: not an action: a rule begins with allow, deny or drop\n"
     "E rule 1, column 1: '\"': a target is expected: an address, a network, a name, *.NAME or a group as "
     "@public\n"},
    {"allow tpc/443 to a.b",
     "E rule 1, column 7: 'tpc/443': not a protocol: tcp, udp, icmp, https or http is "
     "expected, with /PORTS behind all but icmp\n"},
    {"allow icmpv6 to a.b", "E rule 1, column 7: 'icmpv6': icmp is expected, which is ICMP and ICMPv6\n"},
    {"allow any to a.b", "E rule 1, column 7: 'any': a rule that names no protocol is for all of them\n"},
    {"allow tcp egress to a.b",
     "E rule 1, column 11: 'egress': the direction stands once, right behind the action\n"},
    {"allow tcp,udp to a.b",
     "E rule 1, column 10: ',': protocols have blanks between them, as in tcp/80,443 udp/53\n"},
    {"allow tcp/80,udp/53 to a.b",
     "E rule 1, column 13: ',': protocols have blanks between them, as in tcp/80,443 udp/53\n"},
    {"allow tcp/https to a.b",
     "E rule 1, column 11: 'https': not a port: a number from 1 to 65535 is expected, or "
     "two with '-' between them\n"},
    {"allow tcp/ to a.b",
     "E rule 1, column 11: not a port: a number from 1 to 65535 is expected, or two with '-' "
     "between them\n"},
    {"allow tcp/0 to a.b",
     "E rule 1, column 11: '0': not a port: a number from 1 to 65535 is expected, or two "
     "with '-' between them\n"},
    {"allow tcp/65536 to a.b",
     "E rule 1, column 11: '65536': not a port: a number from 1 to 65535 is expected, or "
     "two with '-' between them\n"},
    {"allow tcp/80-79 to a.b",
     "E rule 1, column 11: '80-79': the range is empty: the lower port stands first, as in 79-80\n"},
    {"allow icmp/8 to a.b", "E rule 1, column 7: 'icmp/8': ICMP has no ports: icmp alone is expected\n"},
    {"deny from 10.0.0.1",
     "E rule 1, column 6: 'from': egress goes to a target: write `to`, or `ingress` behind "
     "the action for clients from there\n"},
    {"deny ingress to 10.0.0.1",
     "E rule 1, column 14: 'to': ingress comes from a target: `from` is expected\n"},
    {"allow", "E rule 1, column 6: a target is expected: an address, a network, a name, *.NAME or a group as "
	      "@public\n"},
    {"allow to a.b,",
     "E rule 1, column 14: a target is expected: an address, a network, a name, *.NAME or a group "
     "as @public\n"},
    {"allow to a.b c.d",
     "E rule 1, column 14: 'c.d': a comma is expected before another target, quotes around a comment\n"},
    {"allow to a.b \"x", "E rule 1, column 14: '\"x': the comment's closing quote is missing\n"},
    {"allow to a.b \"x\" y", "E rule 1, column 18: 'y': nothing is expected behind the comment\n"},
    {"allow to @pubic",
     "E rule 1, column 10: '@pubic': not a group: @public, @private, @loopback, @link-local, "
     "@metadata, @multicast, @host, @any, @dns, @doh or @file:PATH is expected\n"},
    {"allow to public",
     "E rule 1, column 10: 'public': a group is written with '@': @public; a host of that name "
     "with a dot: public.\n"},
    {"allow to *", "E rule 1, column 10: '*': @any is everything, *.example.com all below a name\n"},
    {"allow to a.*.b",
     "E rule 1, column 10: 'a.*.b': '*' may only stand for all below a name, as in *.example.com\n"},
    {"allow to *.com",
     "E rule 1, column 10: '*.com': allows all below a top-level domain; name a domain below it, "
     "as in *.example.com\n"},
    {"allow to b\xc3\xbc"
     "cher.example",
     "E rule 1, column 10: 'b\xc3\xbc"
     "cher.example': not ASCII: write it in its xn-- form, "
     "as `idn2 NAME` prints it\n"},
    {"allow to .a.b",
     "E rule 1, column 10: '.a.b': begins with a dot: *.example.com is example.com and all below it\n"},
    {"allow to a..b",
     "E rule 1, column 10: 'a..b': has an empty label: a name is labels with single dots between "
     "them\n"},
    {"allow to a!b",
     "E rule 1, column 10: 'a!b': has a character that is in no name: letters, digits, '-' and "
     "'_' are\n"},
    {"allow to https://a.b/",
     "E rule 1, column 10: 'https://a.b/': a URL or a path: write the name of the host "
     "alone\n"},
    {"allow to a.b:443", "E rule 1, column 10: 'a.b:443': ports stand with the protocol: write tcp/PORT or "
			 "udp/PORT before it\n"},
    {"allow to [::1]:443",
     "E rule 1, column 10: '[::1]:443': ports stand with the protocol: write tcp/PORT or "
     "udp/PORT before it\n"},
    {"allow to 010.1.1.1",
     "E rule 1, column 10: '010.1.1.1': not an address: that is four numbers from 0 to 255 "
     "without leading zeros\n"},
    {"allow to 127.1",
     "E rule 1, column 10: '127.1': not an address: that is four numbers from 0 to 255 without "
     "leading zeros\n"},
    {"allow to 2130706433",
     "E rule 1, column 10: '2130706433': not an address: that is four numbers from 0 to 255 "
     "without leading zeros\n"},
    {"allow to 0x7f.0.0.0x1",
     "E rule 1, column 10: '0x7f.0.0.0x1': not an address: that is four numbers from 0 to "
     "255 without leading zeros\n"},
    {"allow to ::ffff:10.0.0.1",
     "E rule 1, column 10: '::ffff:10.0.0.1': an IPv4 address in IPv6 clothes; write "
     "10.0.0.1\n"},
    {"allow to fe80::1%eth0",
     "E rule 1, column 10: 'fe80::1%eth0': an address without its zone is expected\n"},
    {"allow to 1::2::3", "E rule 1, column 10: '1::2::3': not an IPv6 address\n"},
    {"allow to 10.0.0.0/33",
     "E rule 1, column 18: '/33': not a prefix length: a number from 0 to 32 is expected\n"},
    {"allow to 10.0.0.0/08",
     "E rule 1, column 18: '/08': not a prefix length: a number from 0 to 32 is expected\n"},
    {"allow to 10.0.0.0/",
     "E rule 1, column 18: '/': not a prefix length: a number from 0 to 32 is expected\n"},
    {"allow to 2001:db8::/129",
     "E rule 1, column 20: '/129': not a prefix length: a number from 0 to 128 is expected\n"},
    {"allow https get a.b", "E rule 1, column 13: 'get': methods are written in capitals: GET or GET,HEAD\n"},
    {"allow https GET, to a.b", "E rule 1, column 18: 'to': not a method: up to 32 capital letters, digits, "
				"'-' and '_' are expected, as in GET or GET,HEAD\n"},
    {"allow https GET,* a.b", "E rule 1, column 17: '*': '*' is any method, and stands alone\n"},
    {"allow https tcp/80 a.b", "E rule 1, column 13: 'tcp/80': https and http are about requests, and stand "
			       "in rules of their own: write another rule for this\n"},
    {"allow https icmp GET to a.b/x", "E rule 1, column 13: 'icmp': https and http are about requests, and "
				      "stand in rules of their own: write another rule for this\n"},
    {"allow ingress https from 10.0.0.1", "E rule 1, column 15: 'https': cannot be enforced: what clients of "
					  "published ports ask is not read; tcp or udp is expected\n"},
    {"allow https @dns/x", "E rule 1, column 13: '@dns/x': cannot be enforced: the resolver is asked over "
			   "udp/53 and tcp/53 alone\n"},
    {"allow https a.b/../c, a.b//c, a.b/%20", "E rule 1, column 16: '/../c': '.' and '..' are resolved "
					      "before rules see a path; write what they lead to\n"
					      "E rule 1, column 26: '//c': a path has single slashes: two "
					      "beside each other are made one before rules see them\n"
					      "E rule 1, column 34: '/%20': escapes are decoded before rules "
					      "see a path; write the character itself, or '*'\n"},
    {"allow https /x",
     "E rule 1, column 13: '/x': a host is expected before the path; @any/PATH is that path of every host\n"},
    {"allow https https://a.b/x", "E rule 1, column 13: 'https://a.b/x': not a URL: the protocol stands "
				  "before it, then HOST/PATH, as in https GET api.example.com/repos/**\n"},
    {"allow https a.b:8443/x",
     "E rule 1, column 13: 'a.b:8443': ports stand with the protocol: write https/PORT before it\n"},
    {"deny https GET", "E rule 1, column 15: a target is expected: an address, a network, a name, *.NAME or "
		       "a group as @public\n"},
    {"allow https a.b/x?y",
     "E rule 1, column 16: '/x?y': a rule looks at the path alone; leave the query out, from '?' on\n"},
    {"allow https a.b/**/c",
     "E rule 1, column 16: '/**/c': '**' may only be the last segment, as in /repos/**\n"},
    {"allow tcp GET to a.b", "E rule 1, column 11: 'GET': not a protocol: tcp, udp, icmp, https or http is "
			     "expected, with /PORTS behind all but icmp\n"},
    {"allow to a.b/24", "E rule 1, column 10: 'a.b/24': a path: rules about requests have them, as in https "
			"HOST/PATH; elsewhere write the name of the host alone\n"},
    {"allow to @file:",
     "E rule 1, column 10: '@file:': a file is expected: @file:PATH, or @file:\"PATH\" if it "
     "has blanks or commas\n"},
    {"allow to @file:none", "E rule 1, column 10: '@file:none': cannot be read: No such file or directory\n"},
    {"allow to a.b\x01",
     "E rule 1, column 13: byte 1: a rule is one line of UTF-8 without control characters\n"},
    {"allow to a.b \"\xc0\x80\"",
     "E rule 1, column 15: byte 192: a rule is one line of UTF-8 without control characters\n"},
    {"allow to a.b \"\xc2\x9b\"",
     "E rule 1, column 15: byte 194: a rule is one line of UTF-8 without control characters\n"},
    /* What could never be enforced. */
    {"allow ingress icmp from @any",
     "E rule 1, column 15: 'icmp': cannot be enforced: no port is published for "
     "ICMP, so none comes in; tcp or udp is expected\n"},
    {"deny ingress from a.b, *.c.d", "E rule 1, column 19: 'a.b': cannot be enforced: clients come from "
				     "addresses, nothing tells their name; an "
				     "address, a network or a group is expected\n"
				     "E rule 1, column 24: '*.c.d': cannot be enforced: clients come from "
				     "addresses, nothing tells their name; an "
				     "address, a network or a group is expected\n"},
    {"deny ingress from @dns",
     "E rule 1, column 19: '@dns': cannot be enforced: the gateway's resolver is nobody's client\n"},
    {"deny ingress from @doh",
     "E rule 1, column 19: '@doh': cannot be enforced: the list has names, and nothing "
     "tells a client's name; a list of addresses and networks is expected\n"},
    {"allow tcp/80 to @dns",
     "E rule 1, column 17: '@dns': cannot be enforced: the resolver is asked over udp/53 "
     "and tcp/53 alone\n"},
    {"allow icmp to @dns",
     "E rule 1, column 15: '@dns': cannot be enforced: the resolver is asked over udp/53 and "
     "tcp/53 alone\n"},
    {"allow to 0.0.0.0",
     "E rule 1, column 10: '0.0.0.0': cannot be enforced: no flow leads to the unspecified "
     "address; @any is every address, @host the host\n"},
    {"allow to ::",
     "E rule 1, column 10: '::': cannot be enforced: no flow leads to the unspecified address; @any "
     "is every address, @host the host\n"},
};

static void
every_mistake_is_told_at_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(mistakes); i++) {
		struct kit_rules *k = kit_rule(mistakes[i].rule);

		assert_false(k->good);
		assert_int_equal(k->rules.n, 0);
		assert_string_equal(k->told.text, mistakes[i].told);
		kit_free(k);
	}
}

static void
embedding_space_cannot_be_allowed(void **state)
{
	static const char *const rows[] = {
	    "64:ff9b::/96", "64:ff9b::a00:1", "64:ff9b:1::/48", "2002::/16",       "2002:a00:1::/48",
	    "2001::/32",    "::10.0.0.1",     "::10.0.0.0/104", "::ffff:0:0:0/96", "2a00:1::5efe:a00:1"};
	static const char *const fine[] = {"2000::/3", "::/0", "64:ff9b::/95", "::1", "2001::/31"};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		char text[80];

		snprintf(text, sizeof(text), "allow to %s", rows[i]);
		struct kit_rules *k = kit_rule(text);
		assert_false(k->good);
		assert_non_null(strstr(k->told.text, "judged by the IPv4 address they carry"));
		kit_free(k);
		snprintf(text, sizeof(text), "deny to %s", rows[i]);
		k = kit_rule(text);
		assert_true(k->good);
		kit_free(k);
	}
	for (size_t i = 0; i < KIT_COUNT(fine); i++) {
		char text[80];

		snprintf(text, sizeof(text), "allow to %s", fine[i]);
		struct kit_rules *k = kit_rule(text);
		assert_true(k->good);
		kit_free(k);
	}
}

static void
host_bits_are_warned_of(void **state)
{
	struct kit_rules *k = kit_rule("allow to 10.1.2.3/8, 2001:db8::1/32, 10.0.0.0/8");

	(void)state;
	assert_true(k->good);
	assert_string_equal(
	    k->told.text,
	    "W rule 1, column 10: '10.1.2.3/8': what follows the first 8 bits is not looked at; "
	    "it is 10.0.0.0/8\n"
	    "W rule 1, column 22: '2001:db8::1/32': what follows the first 32 bits is not "
	    "looked at; it is 2001:db8::/32\n");
	assert_true(addr_eq(&k->rules.rule[0].target[0].net, &k->rules.rule[0].target[2].net));
	kit_free(k);
}

/* All the mistakes of all the rules, each at its line and column; what is good is read all the same. */
static void
reading_goes_on(void **state)
{
	static const char *const text[] = {
	    "alow tpc/1 to public, 1.2.3", "allow to good.example", "", "# nothing", "deny tcp/0,x to a:1",
	};
	struct kit_rules *k = kit_rules_of(text, KIT_COUNT(text), "p.yaml", "none", NULL);

	(void)state;
	assert_false(k->good);
	assert_int_equal(k->sink.errors, 8);
	assert_string_equal(
	    k->told.text,
	    "E p.yaml:10:5: 'alow': not an action: a rule begins with allow, deny or drop\n"
	    "E p.yaml:10:10: 'tpc/1': not a protocol: tcp, udp, icmp, https or http is expected, with "
	    "/PORTS behind all but icmp\n"
	    "E p.yaml:10:19: 'public': a group is written with '@': @public; a host of that name with a dot: "
	    "public.\n"
	    "E p.yaml:10:27: '1.2.3': not an address: that is four numbers from 0 to 255 without leading "
	    "zeros\n"
	    "E p.yaml:14:14: '0': not a port: a number from 1 to 65535 is expected, or two with '-' between "
	    "them\n"
	    "E p.yaml:14:15: ',': protocols have blanks between them, as in tcp/80,443 udp/53\n"
	    "E p.yaml:14:16: 'x': not a protocol: tcp, udp, icmp, https or http is expected, with /PORTS "
	    "behind all but icmp\n"
	    "E p.yaml:14:21: 'a:1': ports stand with the protocol: write tcp/PORT or udp/PORT before it\n");
	assert_int_equal(k->rules.n, 1);
	assert_int_equal(k->rules.rule[0].number, 2);
	assert_string_equal(k->rules.rule[0].at.file, "p.yaml");
	assert_int_equal(k->rules.rule[0].at.line, 11);
	assert_int_equal(k->rules.rule[0].at.column, 5);
	kit_free(k);
}

static void
rules_are_numbered_as_they_come(void **state)
{
	static const char *const text[] = {"allow to a.b", " # no rule", "deny to @any"};
	struct kit_rules *k = kit_rules_of(text, 3, NULL, "public", NULL);

	(void)state;
	assert_int_equal(k->rules.n, 4);
	assert_int_equal(k->rules.rule[1].number, 2);
	assert_int_equal(k->rules.rule[1].at.line, 2);
	assert_null(k->rules.rule[1].at.file);
	assert_int_equal(k->rules.rule[2].number, 0);
	assert_string_equal(k->rules.rule[2].profile, "public");
	kit_free(k);
}

static void
profiles_compose_in_one_order(void **state)
{
	static const struct {
		const char *profiles, *rules;
	} rows[] = {
	    {"none", ""},
	    {"public", "allow udp/53 tcp/53 to @dns;allow to @public;"},
	    {"private", "allow udp/53 tcp/53 to @dns;allow to @private;"},
	    {"host", "allow udp/53 tcp/53 to @dns;allow to @host;"},
	    {"host,public", "allow udp/53 tcp/53 to @dns;allow to @public;allow to @host;"},
	    {"host, private ,public,host",
	     "allow udp/53 tcp/53 to @dns;allow to @public;allow to @private;allow to @host;"},
	    {"none,private", "allow udp/53 tcp/53 to @dns;allow to @private;"},
	    {"all", "allow to @any;allow ingress from @any;"},
	    {"public,all", "allow to @any;allow ingress from @any;"},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		struct kit_rules *k = kit_rules_of(NULL, 0, NULL, rows[i].profiles, NULL);
		char all[512] = "";

		assert_true(k->good);
		for (uint32_t n = 0; n < k->rules.n; n++) {
			strcat(all, k->rules.rule[n].text);
			strcat(all, ";");
			assert_non_null(k->rules.rule[n].profile);
			assert_int_equal(k->rules.rule[n].number, 0);
		}
		assert_string_equal(all, rows[i].rules);
		kit_free(k);
	}
}

static void
unknown_profiles_are_errors(void **state)
{
	struct kit_rules *k = kit_rules_of(NULL, 0, NULL, "pubic,,host", NULL);

	(void)state;
	assert_string_equal(
	    k->told.text,
	    "E 'pubic': profiles: not a profile: public, private, host, none or all is expected\n"
	    "E profiles: not a profile: public, private, host, none or all is expected\n");
	kit_free(k);
}

/* --- limits ------------------------------------------------------------------------------------------------ */

/* "allow to " and n targets that differ. */
static char *
many_targets(unsigned n)
{
	char *text = malloc(16 + 8 * (size_t)n);
	size_t len = (size_t)sprintf(text, "allow to ");

	for (unsigned i = 0; i < n; i++)
		len += (size_t)sprintf(text + len, "%sa.b%u", i ? "," : "", i);
	return text;
}

static void
a_rule_has_limits(void **state)
{
	char *text = many_targets(RULE_TARGETS_MAX);
	struct kit_rules *k = kit_rule(text);

	(void)state;
	assert_true(k->good);
	assert_int_equal(k->rules.rule[0].ntarget, RULE_TARGETS_MAX);
	kit_free(k);
	free(text);

	text = many_targets(RULE_TARGETS_MAX + 1);
	k = kit_rule(text);
	assert_non_null(
	    strstr(k->told.text, "a rule has at most 1024 targets; more belong into a list: @file:PATH"));
	assert_int_equal(k->sink.errors, 1);
	kit_free(k);
	free(text);

	text = calloc(1, RULE_TEXT_MAX + 2);
	memset(text, 'a', RULE_TEXT_MAX + 1);
	k = kit_rule(text);
	assert_non_null(strstr(k->told.text, "a rule has at most 16384 bytes"));
	kit_free(k);

	size_t len = (size_t)sprintf(text, "allow tcp/1");
	for (unsigned i = 1; i <= RULE_PORTS_MAX; i++)
		len += (size_t)sprintf(text + len, ",%u", i + 1);
	sprintf(text + len, " to a.b");
	k = kit_rule(text);
	assert_non_null(strstr(k->told.text, "at most 256 ports and ranges of ports a protocol"));
	kit_free(k);

	len = (size_t)sprintf(text, "allow to a.b \"");
	memset(text + len, 'x', RULE_COMMENT_MAX + 1);
	strcpy(text + len + RULE_COMMENT_MAX + 1, "\"");
	k = kit_rule(text);
	assert_non_null(strstr(k->told.text, "a comment has at most 256 bytes"));
	kit_free(k);
	free(text);
}

static void
a_policy_has_limits(void **state)
{
	const char **text = malloc((RULES_MAX + 1) * sizeof(*text));

	(void)state;
	for (unsigned i = 0; i <= RULES_MAX; i++)
		text[i] = "allow to a.b";
	struct kit_rules *k = kit_rules_of(text, RULES_MAX + 1, NULL, "none", NULL);
	assert_int_equal(k->rules.n, RULES_MAX);
	assert_int_equal(k->sink.errors, 1);
	assert_non_null(strstr(k->told.text, "rule 100001, column 1: "));
	assert_non_null(strstr(k->told.text, "more than 100000 rules"));
	kit_free(k);
	free(text);
}

/* What a list from elsewhere has in it must not reach the terminal as it is. */
static void
words_are_fit_to_be_shown(void **state)
{
	struct told told = {.len = 0};
	struct diag_sink sink = {.told = kit_told, .ctx = &told};
	char word[100];

	(void)state;
	diag_error(&sink, &(struct mark){"f", 1, 2}, "\x1b[31m\x7f\xc2\x9b", "no");
	assert_string_equal(told.text, "E f:1:2: '?[31m\?\?\?': no\n");
	/* 63 bytes and half a character: the half is left out. */
	memset(word, 'a', sizeof(word));
	memcpy(word + 63, "\xc3\xbc", 3);
	told.len = 0;
	diag_error(&sink, &(struct mark){NULL, 0, 0}, word, "no");
	assert_int_equal(strspn(told.text + 3, "a"), 63);
	assert_int_equal(told.text[3 + 63], '\'');
	assert_int_equal(sink.errors, 2);
	assert_string_equal(sink.first, "f:1:2: '?[31m\?\?\?': no");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sentences_become_rules),
	    cmocka_unit_test(parts_are_what_was_written),
	    cmocka_unit_test(every_mistake_is_told_at_its_place),
	    cmocka_unit_test(embedding_space_cannot_be_allowed),
	    cmocka_unit_test(host_bits_are_warned_of),
	    cmocka_unit_test(reading_goes_on),
	    cmocka_unit_test(rules_are_numbered_as_they_come),
	    cmocka_unit_test(profiles_compose_in_one_order),
	    cmocka_unit_test(unknown_profiles_are_errors),
	    cmocka_unit_test(a_rule_has_limits),
	    cmocka_unit_test(a_policy_has_limits),
	    cmocka_unit_test(words_are_fit_to_be_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
