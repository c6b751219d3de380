/*
 * policy_lint_test.c - rules that cannot matter are warned of, with both places; those that can are not
 */
#include "test/unit/policy_kit.h"

/* The warnings of these rules, read as from p.yaml line 10 on. */
static struct kit_rules *
lint(const char *const *text, size_t n, const char *profiles)
{
	static const struct kit_file files[] = {
	    {"l", "a.example\n10.0.0.0/8\n"}, {"m", "a.example\n"}, {NULL, NULL}};
	struct kit_rules *k = kit_rules_of(text, n, "p.yaml", profiles, files);

	if (!k->good)
		fail_msg("%s", k->told.text);
	k->told.len = 0;
	k->told.text[0] = '\0';
	rules_lint(&k->rules, &k->sink);
	assert_int_equal(k->sink.errors, 0);
	return k;
}

static void
an_earlier_rule_covers(void **state)
{
	static const char *const pairs[][2] = {
	    {"allow to @any", "deny to 10.0.0.1"},
	    {"allow to @any", "deny tcp/80 to a.example"},
	    {"allow to @any", "deny to @file:l"},
	    {"allow to @any", "allow to @dns"},
	    {"allow to @public", "deny to @public"},
	    {"allow to @public", "deny to 8.8.8.8"},
	    {"allow to @public", "deny to 8.8.8.0/24, 2a00::/16"},
	    {"allow to @metadata", "deny to 169.254.169.254"},
	    {"allow to 10.0.0.0/8", "deny to 10.1.0.0/16"},
	    {"allow to 10.0.0.0/8", "deny to 10.0.0.0/8"},
	    {"allow to ::/0", "deny to 2a00:1::/64"},
	    {"allow to 10.0.0.0/8", "deny to 64:ff9b::a00:1"},
	    {"deny to 2000::/3", "deny to 2002::/16"},
	    {"deny to *.example", "allow to a.b.example"},
	    {"deny to *.b.example", "allow to *.b.example"},
	    {"deny to *.b.example", "allow to b.example"},
	    {"deny to a.example", "allow to a.example"},
	    {"allow to *.b.example", "deny to x.b.example"},
	    {"allow tcp to @public", "allow tcp/443 to @public"},
	    {"allow tcp/1-1000 to @public", "deny tcp/80,443-500 to @public"},
	    {"allow tcp udp icmp to @public", "deny to @public"},
	    {"allow tcp udp to @public", "deny udp/53 tcp to @public"},
	    {"deny to @file:l", "allow tcp to @file:l"},
	    {"deny ingress from 10.0.0.0/8", "allow ingress tcp/22 from 10.0.0.1"},
	    {"allow:any@10.0.0.0/8", "deny ingress from 10.0.0.0/9"},
	    {"allow@any", "deny:egress@private"},
	    {"allow to @dns", "deny udp/53 to @dns"},
	    {"allow to @any", "deny https POST @any/x"},
	    {"allow tcp/443 to @any", "allow https @public/x"},
	    {"deny tcp/443 udp/443 to *.example", "deny https GET a.example/x"},
	    {"deny https *.example/a/**", "allow https GET b.example/a/b/*"},
	    {"deny https/1-1000 @any", "allow https @any/x"},
	    {"deny https GET,POST @any/*", "deny https POST 10.0.0.1/x*"},
	    {"deny https http @any", "deny http GET @public"},
	    {"allow https @any/a/**", "deny https @any/a"},
	    {"allow https @public/**", "allow https PUT 8.8.8.8/x"},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(pairs); i++) {
		struct kit_rules *k = lint(pairs[i], 2, "none");

		if (k->sink.warnings != 1 || !strstr(k->told.text, "W p.yaml:11:5: ") ||
		    !strstr(k->told.text, "rule 1 at p.yaml:10"))
			fail_msg("%s; %s: %s", pairs[i][0], pairs[i][1], k->told.text);
		kit_free(k);
	}
}

static void
what_still_matters_is_not_warned_of(void **state)
{
	static const char *const pairs[][2] = {
	    {"allow to @public", "deny to @private"},
	    {"allow to @public", "deny to a.example"},
	    {"allow to @public", "deny to 10.0.0.1"},
	    {"allow to @public", "deny to 0.0.0.0/0"},
	    {"allow to @private", "deny to 100.64.0.0/10"}, /* holds a metadata address */
	    {"allow to @private", "deny to fd00::/8"},
	    {"allow to @public", "deny to 2000::/3"},
	    {"allow to 10.1.0.0/16", "deny to 10.0.0.0/8"},
	    {"allow to 2000::/3", "deny to 2002::/16"}, /* an allow looks inside */
	    {"allow to 0.0.0.0/0", "deny to ::/0"},
	    {"allow to a.example", "deny to *.a.example"},
	    {"allow to *.b.example", "deny to xb.example"},
	    {"allow tcp to @any", "deny to @any"},
	    {"allow tcp/443 to @any", "deny tcp to @any"},
	    {"allow tcp/80-90 to @any", "deny tcp/85-95 to @any"},
	    {"allow tcp to @any", "deny tcp udp to @any"},
	    {"allow ingress from @any", "deny to @any"},
	    {"allow to @any", "deny ingress from @any"},
	    {"deny to @any", "allow:any@10.0.0.0/8"},
	    {"deny to @file:l", "deny to @file:m"},
	    {"deny to @file:l", "deny to a.example"}, /* lists are not looked into */
	    {"allow to @host", "deny to @dns"},
	    {"allow tcp/443 to @any", "deny https @any"}, /* it refuses HTTP/3, too */
	    {"deny https @any", "allow tcp/443 to @any"}, /* what is no HTTP over TLS */
	    {"deny https @any", "allow https http @any"},
	    {"deny https @any/x", "allow https @any"},
	    {"deny https @any/**", "allow https @any"}, /* CONNECT has no path */
	    {"deny https @any/x/*", "allow https @any/x/**"},
	    {"deny https GET @any", "allow https GET,HEAD @any"},
	    {"deny https GET @any", "allow https @any"},
	    {"deny https/8443 @any", "allow https @any"},
	    {"deny https a.example/x", "allow https b.example/x"},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(pairs); i++) {
		struct kit_rules *k = lint(pairs[i], 2, "none");

		if (k->sink.warnings)
			fail_msg("%s; %s: %s", pairs[i][0], pairs[i][1], k->told.text);
		kit_free(k);
	}
}

static void
the_warning_says_what_and_where(void **state)
{
	static const char *const text[] = {
	    "allow to 10.0.0.0/8, *.b.example",
	    "deny to 10.1.1.1",
	    "deny to 192.0.2.1, 10.2.2.2, @private",
	    "allow to @private",
	    "deny to 192.168.0.0/16",
	    "deny to x.b.example",
	    "allow to @multicast, 240.0.0.0/8, a.example",
	};
	struct kit_rules *k = lint(text, KIT_COUNT(text), "public");

	(void)state;
	assert_string_equal(k->told.text,
			    "W p.yaml:11:5: 'deny to 10.1.1.1': can never match: rule 1 at p.yaml:10 (allow "
			    "to 10.0.0.0/8, *.b.example) "
			    "matches first\n"
			    "W p.yaml:12:24: '10.2.2.2': can never match: rule 1 at p.yaml:10 (allow to "
			    "10.0.0.0/8, *.b.example) matches "
			    "first\n"
			    "W p.yaml:13:5: 'allow to @private': can never match: rule 3 at p.yaml:12 (deny "
			    "to 192.0.2.1, 10.2.2.2, "
			    "@private) matches first\n"
			    "W p.yaml:14:5: 'deny to 192.168.0.0/16': can never match, unless the host has "
			    "an address there: rule 4 at "
			    "p.yaml:13 (allow to @private) matches first\n"
			    "W p.yaml:15:5: 'deny to x.b.example': can never match, but for addresses that "
			    "were not looked up by that "
			    "name: rule 1 at p.yaml:10 (allow to 10.0.0.0/8, *.b.example) matches first\n"
			    "W p.yaml:16:14: '@multicast': can never match: the gateway carries nothing to "
			    "multicast and reserved "
			    "addresses\n"
			    "W p.yaml:16:26: '240.0.0.0/8': can never match: the gateway carries nothing to "
			    "multicast and reserved "
			    "addresses\n");
	kit_free(k);
}

static void
profiles_are_never_warned_of(void **state)
{
	static const char *const text[] = {"deny to @any"};
	struct kit_rules *k = lint(text, 1, "public,host");

	(void)state;
	assert_string_equal(k->told.text, "");
	kit_free(k);
}

/* Ten thousand of all kinds, and the one that is shadowed is found. */
static void
many_rules_are_gone_through(void **state)
{
	const unsigned n = 10000;
	char *made = malloc(n * (size_t)64);
	const char **text = malloc(n * sizeof(*text));

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		text[i] = made + i * (size_t)64;
		if (i % 4 == 0)
			sprintf(made + i * (size_t)64, "allow to 11.%u.%u.0/24", i >> 8 & 255, i & 255);
		else if (i % 4 == 1)
			sprintf(made + i * (size_t)64, "allow tcp/%u to @any", i + 1);
		else
			sprintf(made + i * (size_t)64, "deny to h%u.d%u.example", i, i % 7);
	}
	text[n - 1] = "deny to 11.0.4.9";
	struct kit_rules *k = lint(text, n, "none");
	assert_int_equal(k->sink.warnings, 1);
	assert_non_null(strstr(k->told.text, "rule 5 at p.yaml:14 (allow to 11.0.4.0/24) matches first"));
	kit_free(k);
	free(text);
	free(made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_earlier_rule_covers),
	    cmocka_unit_test(what_still_matters_is_not_warned_of),
	    cmocka_unit_test(the_warning_says_what_and_where),
	    cmocka_unit_test(profiles_are_never_warned_of),
	    cmocka_unit_test(many_rules_are_gone_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
