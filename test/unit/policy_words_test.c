/*
 * policy_words_test.c - words of a rule that are almost right, and what a rule has too much of
 */
#include "test/unit/policy_kit.h"

#include "policy/msb.h"
#include "policy/reader.h"

#define NOT_UTF8 ": a rule is one line of UTF-8 without control characters\n"
#define NOT_ADDRESS "not an address: that is four numbers from 0 to 255 without leading zeros\n"
#define NOT_PORT "not a port: a number from 1 to 65535 is expected, or two with '-' between them\n"
#define NOT_MSB_PORT "not a port: any, a number from 1 to 65535 or LOW-HIGH is expected\n"
#define NO_TARGET "a target is expected: an address, a network, a name, *.NAME or a group as @public\n"
#define NO_FILE "cannot be read: No such file or directory\n"

struct row {
	const char *rule, *told;
};

static void
all_are_told(const struct row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct kit_rules *k = kit_rule(row[i].rule);

		if (k->good || strcmp(k->told.text, row[i].told) != 0)
			fail_msg("%s: %s", row[i].rule, k->told.text);
		assert_int_equal(k->rules.n, 0);
		kit_free(k);
	}
}

struct reading {
	const char *rule, *printed;
};

static void
all_are_read(const struct reading *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct kit_rules *k = kit_rule(row[i].rule);

		if (!k->good || k->rules.n != 1)
			fail_msg("%s: %s", row[i].rule, k->told.text);
		char *printed = rule_print(&k->rules.rule[0]);

		assert_non_null(printed);
		assert_string_equal(printed, row[i].printed);
		free(printed);
		kit_free(k);
	}
}

/* RFC 3629 4: overlong forms, halves of surrogates, beyond the last plane, cut short, C1 controls. */
static void
only_utf8_is_read(void **state)
{
	static const struct row rows[] = {
	    {"allow to a.b \"\x80\"", "E rule 1, column 15: byte 128" NOT_UTF8},
	    {"allow to a.b \"\xe0\x80\x80\"", "E rule 1, column 15: byte 224" NOT_UTF8},
	    {"allow to a.b \"\xed\xa0\x80\"", "E rule 1, column 15: byte 237" NOT_UTF8},
	    {"allow to a.b \"\xf0\x80\x80\x80\"", "E rule 1, column 15: byte 240" NOT_UTF8},
	    {"allow to a.b \"\xf4\x90\x80\x80\"", "E rule 1, column 15: byte 244" NOT_UTF8},
	    {"allow to a.b \"\xf5\x80\x80\x80\"", "E rule 1, column 15: byte 245" NOT_UTF8},
	    {"allow to a.b \"\xe2\x28\xa1\"", "E rule 1, column 15: byte 226" NOT_UTF8},
	    {"allow to a.b \"\xe2\x82", "E rule 1, column 15: byte 226" NOT_UTF8},
	    {"allow to a.b \"\x7f\"", "E rule 1, column 15: byte 127" NOT_UTF8},
	};
	static const struct reading fine[] = {
	    {"allow to a.b \"\xf0\x9f\x98\x80 \xe0\xa0\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf\"",
	     "allow to a.b \"\xf0\x9f\x98\x80 \xe0\xa0\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf\""},
	};

	(void)state;
	all_are_told(rows, KIT_COUNT(rows));
	all_are_read(fine, KIT_COUNT(fine));
}

/* A last label of digits, or 0x and hex digits, is somebody's address; any other is a name. */
static void
numbers_that_are_no_names(void **state)
{
	static const struct row rows[] = {
	    {"allow to a.0x", "E rule 1, column 10: 'a.0x': " NOT_ADDRESS},
	    {"allow to 0x1f", "E rule 1, column 10: '0x1f': " NOT_ADDRESS},
	    {"allow to 0X1F.", "E rule 1, column 10: '0X1F.': " NOT_ADDRESS},
	    {"allow to 1.2.3.4.", "E rule 1, column 10: '1.2.3.4.': " NOT_ADDRESS},
	    {"allow to [", "E rule 1, column 10: '[': " NOT_ADDRESS},
	    {"allow to []", "E rule 1, column 11: " NOT_ADDRESS},
	    {"allow to [::1", "E rule 1, column 10: '[::1': not an IPv6 address\n"},
	    {"allow to a.b:c:d.e", "E rule 1, column 10: 'a.b:c:d.e': not an IPv6 address\n"},
	    {"allow to [::1]/",
	     "E rule 1, column 15: '/': not a prefix length: a number from 0 to 128 is expected\n"},
	    {"allow to 1.2.3.4/1x",
	     "E rule 1, column 17: '/1x': not a prefix length: a number from 0 to 32 is expected\n"},
	    {"allow to 1.2.3.4/0024",
	     "E rule 1, column 17: '/0024': not a prefix length: a number from 0 to 32 is expected\n"},
	    {"allow https [::1/64/x", "E rule 1, column 13: '[::1': not an IPv6 address\n"},
	};
	static const struct reading fine[] = {
	    {"allow to 0xzz.example", "allow to 0xzz.example"},
	    {"allow to 0x1g", "allow to 0x1g"},
	    {"allow to a.0y1", "allow to a.0y1"},
	    {"allow to [1.2.3.4]", "allow to 1.2.3.4"},
	    {"allow to [2001:db8::]/32", "allow to 2001:db8::/32"},
	    /* No number of bits: then it is the path's first segment. */
	    {"allow https 10.0.0.1/8x", "allow https to 10.0.0.1/32/8x"},
	    {"allow https 10.0.0.1/x", "allow https to 10.0.0.1/32/x"},
	};

	(void)state;
	all_are_told(rows, KIT_COUNT(rows));
	all_are_read(fine, KIT_COUNT(fine));
}

static void
an_address_longer_than_any(void **state)
{
	char rule[160];

	(void)state;
	snprintf(rule, sizeof(rule), "allow to [%064d::1]", 0);
	struct kit_rules *k = kit_rule(rule);

	assert_false(k->good);
	assert_non_null(strstr(k->told.text, "not an IPv6 address"));
	kit_free(k);
}

static void
names_that_are_none(void **state)
{
	static const struct row rows[] = {
	    {"allow to a.b@c.d",
	     "E rule 1, column 10: 'a.b@c.d': '@' begins a group or a list and is in no name\n"},
	    {"allow to g::1:z", "E rule 1, column 10: 'g::1:z': a name has no port: ports stand with the "
				"protocol, as in tcp/443 to example.com\n"},
	    {"allow to a.b:", "E rule 1, column 10: 'a.b:': a name has no port: ports stand with the "
			      "protocol, as in tcp/443 to example.com\n"},
	    {"allow to :443", "E rule 1, column 10: ':443': ports stand with the protocol: write tcp/PORT or "
			      "udp/PORT before it\n"},
	    {"allow to dns", "E rule 1, column 10: 'dns': a group is written with '@': @dns; a host of that "
			     "name with a dot: dns.\n"},
	    {"allow to doh", "E rule 1, column 10: 'doh': a group is written with '@': @doh; a host of that "
			     "name with a dot: doh.\n"},
	    {"allow to any", "E rule 1, column 10: 'any': a group is written with '@': @any; a host of that "
			     "name with a dot: any.\n"},
	    {"allow to a,,b", "E rule 1, column 12: ',': " NO_TARGET},
	};
	char rule[512];

	(void)state;
	all_are_told(rows, KIT_COUNT(rows));

	snprintf(rule, sizeof(rule), "allow to %064d.example", 0);
	struct kit_rules *k = kit_rule(rule);
	assert_non_null(strstr(k->told.text, "has a label of more than 63 bytes"));
	kit_free(k);

	/* 4 times 63 and a dot is 256: each label is fine, the whole is not. */
	snprintf(rule, sizeof(rule), "allow to a%062d.b%062d.c%062d.d%062d", 0, 0, 0, 0);
	k = kit_rule(rule);
	assert_non_null(strstr(k->told.text, "is longer than the 253 bytes a name may have"));
	kit_free(k);
}

static void
ports_and_methods_that_are_none(void **state)
{
	static const struct row rows[] = {
	    {"allow tcp/80-90-100 to a.b", "E rule 1, column 11: '80-90-100': " NOT_PORT},
	    {"allow tcp/80- to a.b", "E rule 1, column 11: '80-': " NOT_PORT},
	    {"allow tcp/-80 to a.b", "E rule 1, column 11: '-80': " NOT_PORT},
	    {"allow tcp/8/0 to a.b", "E rule 1, column 11: '8/0': " NOT_PORT},
	    {"allow https GET,",
	     "E rule 1, column 17: a method is expected behind the comma, as in GET,HEAD\n"
	     "E rule 1, column 17: " NO_TARGET},
	    {"allow https GET, \"x\"",
	     "E rule 1, column 18: a method is expected behind the comma, as in GET,HEAD\n"
	     "E rule 1, column 18: '\"': " NO_TARGET},
	    {"allow https GET,P\x24T to a.b",
	     "E rule 1, column 17: 'P$T': not a method: up to 32 capital letters, digits, '-' and '_' are "
	     "expected, as in GET or GET,HEAD\n"},
	    {"allow https @file:x/y", "E rule 1, column 13: '@file:x/y': " NO_FILE},
	    {"allow https @file:\"x\"/y,a.b", "E rule 1, column 13: '@file:\"x\"': " NO_FILE},
	    {"allow https @file:\"x", "E rule 1, column 13: '@file:\"x': a file is expected: @file:PATH, or "
				      "@file:\"PATH\" if it has blanks or commas\n"},
	};

	(void)state;
	all_are_told(rows, KIT_COUNT(rows));
}

/* `pattern` with each number from 0 to n - 1, with commas between, behind `head`. */
static char *
long_rule(const char *head, const char *pattern, unsigned n, const char *tail)
{
	size_t size = strlen(head) + strlen(tail) + n * 40u + 1, len = 0;
	char *text = malloc(size);

	assert_non_null(text);
	len += (size_t)snprintf(text, size, "%s", head);
	for (unsigned i = 0; i < n; i++) {
		const char *number = strchr(pattern, '#');
		size_t before = (size_t)(number - pattern);

		len += (size_t)snprintf(text + len, size - len, "%s%.*s%u%s", i ? "," : "", (int)before,
					pattern, i + 1, number + 1);
	}
	snprintf(text + len, size - len, "%s", tail);
	return text;
}

static void
is_told(char *rule, const char *what)
{
	struct kit_rules *k = kit_rule(rule);

	if (k->good != !what || (what && !strstr(k->told.text, what)))
		fail_msg("%.60s...: %.200s", rule, k->told.text);
	assert_int_equal(k->rules.n, what ? 0 : 1);
	kit_free(k);
	free(rule);
}

/* What stands in a rule is bounded; the last that fits is read, one more is told of. */
static void
limits_of_a_rule(void **state)
{
	char limit[80];

	(void)state;
	snprintf(limit, sizeof(limit), "a rule has at most %u methods", RULE_METHODS_MAX);
	is_told(long_rule("allow https ", "M#", RULE_METHODS_MAX, " to a.b"), NULL);
	is_told(long_rule("allow https ", "M#", RULE_METHODS_MAX + 1, " to a.b"), limit);

	snprintf(limit, sizeof(limit), "a rule has at most %u ports and ranges of ports a protocol",
		 RULE_PORTS_MAX);
	is_told(long_rule("allow tcp/", "#", RULE_PORTS_MAX, " to a.b"), NULL);
	is_told(long_rule("allow tcp/", "#", RULE_PORTS_MAX + 1, " to a.b"), limit);
	is_told(long_rule("allow tcp/", "#", RULE_PORTS_MAX + 9, " to a.b"), limit);
	is_told(long_rule("allow tcp/", "#", RULE_PORTS_MAX, " tcp/9 to a.b"), limit);

	snprintf(limit, sizeof(limit), "a rule has at most %u targets; more belong into a list",
		 RULE_TARGETS_MAX);
	is_told(long_rule("allow ", "n#.b", RULE_TARGETS_MAX, ""), NULL);
	is_told(long_rule("allow ", "n#.b", RULE_TARGETS_MAX + 1, ""), limit);
}

/* --- as tokens --------------------------------------------------------------------------------------------- */

static void
tokens_that_are_almost_right(void **state)
{
	static const struct row rows[] = {
	    {"allow@domain=", "E rule 1, column 14: a name is expected\n"},
	    {"allow@suffix=", "E rule 1, column 14: a name is expected\n"},
	    {"allow@any:",
	     "E rule 1, column 11: not a protocol: any, tcp, udp, icmpv4 or icmpv6 is expected\n"},
	    {"allow:@any", "E rule 1, column 7: not a direction: egress, ingress or any is expected\n"},
	    {"allow@any:tcp:", "E rule 1, column 15: " NOT_MSB_PORT},
	    {"allow@any:tcp:1-", "E rule 1, column 15: '1-': " NOT_MSB_PORT},
	    {"allow@any:tcp:-1", "E rule 1, column 15: '-1': " NOT_MSB_PORT},
	    {"allow@any:any:0", "E rule 1, column 15: '0': " NOT_MSB_PORT},
	    {"allow@10.0.0.1:tcp:443,", "E rule 1, column 24: " NOT_MSB_PORT},
	    {"allow@any:tcp:1 ,2", "E rule 1, column 15: '1 ': " NOT_MSB_PORT},
	    {"allow@[::1", "E rule 1, column 7: '[::1': not an IPv6 address\n"},
	    {"allow@any:icmpv4:1-2",
	     "W rule 1, column 11: 'icmpv4': ICMP has no ports: this rule never matches it\n"
	     "E rule 1, column 11: 'icmpv4': can never match: ICMP has no ports\n"},
	};
	char limit[80];

	(void)state;
	all_are_told(rows, KIT_COUNT(rows));
	snprintf(limit, sizeof(limit), "a rule has at most %u ports", MSB_PORTS_MAX);
	is_told(long_rule("allow@any:tcp:", "#", MSB_PORTS_MAX, ""), NULL);
	is_told(long_rule("allow@any:tcp:", "#", MSB_PORTS_MAX + 1, ""), limit);

	char *huge = malloc(RULE_TEXT_MAX + 64);

	assert_non_null(huge);
	memset(huge, ' ', RULE_TEXT_MAX + 63);
	memcpy(huge, "deny@any", 8);
	memcpy(huge + RULE_TEXT_MAX, ",deny@any", 10);
	snprintf(limit, sizeof(limit), "a rule has at most %u bytes", RULE_TEXT_MAX);
	is_told(huge, limit);
}

/* Two rules in one token, blanks around, and what becomes of a host's own forwarder. */
static void
tokens_that_are_read(void **state)
{
	static const struct reading rows[] = {
	    {"allow@any:tcp  ", "allow tcp to @any"},
	    {"allow@[::1]\r\n", "allow to ::1"},
	    {"allow:ingress@host:udp:53", "allow ingress udp/53 from @host"},
	    {"allow@host:tcp:54-60", "allow tcp/54-60 to @host"},
	    {"allow@host:tcp:50-60", "allow tcp/50-60 to @host, @dns"},
	};
	struct kit_rules *k = kit_rule("allow@any:tcp:1,2,3,\tdeny:egress@a.b ");

	(void)state;
	all_are_read(rows, KIT_COUNT(rows));
	assert_true(k->good);
	assert_int_equal(k->rules.n, 2);
	assert_int_equal(k->rules.rule[0].proto[0].nport, 3);
	assert_string_equal(k->rules.rule[1].text, "deny:egress@a.b");
	kit_free(k);

	k = kit_rule("allow@host:icmpv6");
	assert_true(k->good);
	assert_string_equal(k->told.text,
			    "W rule 1, column 12: 'icmpv6': is taken for icmp, which is ICMP and ICMPv6\n");
	kit_free(k);

	k = kit_rule("deny:any@suffix=a.b");
	assert_true(k->good && k->rules.rule[0].egress && !k->rules.rule[0].ingress);
	kit_free(k);
}

/* --- as JSON ----------------------------------------------------------------------------------------------- */

#define RULE(more)                                                                                           \
	"{\"rules\": [{\"direction\": \"egress\", \"action\": \"allow\", \"destination\": \"any\"" more "}]" \
	"}"
#define LISTED "E p.json:1:12: "

static void
json_that_is_almost_right(void **state)
{
	static const struct row rows[] = {
	    {RULE(", \"protocols\": \"tcp\""), LISTED "'tcp': rules[0].protocols: a list is expected\n"},
	    {RULE(", \"protocols\": [6]"),
	     LISTED "rules[0].protocols: \"tcp\", \"udp\", \"icmpv4\" or \"icmpv6\" is expected\n"},
	    {RULE(", \"ports\": 443"), LISTED "rules[0].ports: a list is expected\n"},
	    {RULE(", \"ports\": [65536]"),
	     LISTED "rules[0].ports: {\"start\": LOW, \"end\": HIGH} with ports "
		    "from 1 to 65535 is expected\n"},
	    {RULE(", \"ports\": [{\"start\": 1}]"),
	     LISTED "rules[0].ports: {\"start\": LOW, \"end\": HIGH} with "
		    "ports from 1 to 65535 is expected\n"},
	    {"{\"rules\": [{\"direction\": \"egress\", \"action\": \"allow\", \"destination\": {\"domain\": "
	     "\".\"}}]}",
	     LISTED "rules[0].destination: a name is expected\n"},
	    {"{\"rules\": [{\"direction\": \"egress\", \"action\": \"allow\", \"destination\": {\"group\": "
	     "\"any\"}}]}",
	     LISTED
	     "'any': rules[0].destination: not a group: public, private, loopback, link_local, metadata, "
	     "multicast or host is expected\n"},
	    {"{\"rules\": [7]}", LISTED "rules[0]: an object is expected\n"},
	    /* Its name has an escape: then where it stands is not known, and not made up. */
	    {"{\"r\\u0075les\": [7]}", "E p.json: rules[0]: an object is expected\n"},
	    {"7", "E p.json:1:1: not JSON: '[' or '{' expected near '7'\n"},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		struct rules rules = {0};
		struct told told = {0};
		struct diag_sink sink = {.told = kit_told, .ctx = &told};

		if (rules_read_msb(&rules, rows[i].rule, strlen(rows[i].rule), "p.json", &sink) ||
		    strcmp(told.text, rows[i].told) != 0)
			fail_msg("%s: %s", rows[i].rule, told.text);
		rules_free(&rules);
	}
}

static void
json_with_more_ports_than_may_be(void **state)
{
	for (unsigned more = 0; more <= 1; more++) {
		char *text = long_rule(
		    "{\"rules\": [{\"direction\": \"egress\", \"action\": \"deny\", \"destination\": "
		    "\"any\", \"protocols\": [\"tcp\", \"icmpv4\"], \"ports\": [",
		    "#", MSB_PORTS_MAX + more, "]}]}");
		struct rules rules = {0};
		struct told told = {0};
		struct diag_sink sink = {.told = kit_told, .ctx = &told};
		bool good = rules_read_msb(&rules, text, strlen(text), NULL, &sink);

		(void)state;
		assert_int_equal(good, !more);
		assert_int_equal(!!strstr(told.text, "rules[0].ports: a shorter list is expected"), more);
		if (!more)
			assert_int_equal(rules.rule[0].proto[0].nport, MSB_PORTS_MAX);
		/* TCP has ports: only the other half of it can never match. */
		assert_int_equal(!!strstr(told.text, "ICMP has no ports: this rule never matches it"), !more);
		rules_free(&rules);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_utf8_is_read),
	    cmocka_unit_test(numbers_that_are_no_names),
	    cmocka_unit_test(an_address_longer_than_any),
	    cmocka_unit_test(names_that_are_none),
	    cmocka_unit_test(ports_and_methods_that_are_none),
	    cmocka_unit_test(limits_of_a_rule),
	    cmocka_unit_test(tokens_that_are_almost_right),
	    cmocka_unit_test(tokens_that_are_read),
	    cmocka_unit_test(json_that_is_almost_right),
	    cmocka_unit_test(json_with_more_ports_than_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
