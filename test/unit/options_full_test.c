/*
 * options_full_test.c - lists of options up to their last place and one beyond; values that are almost right
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/option_secret.h"
#include "proxy/options.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct sluice_options *o;
static char told[1024];

static int
start(void **state)
{
	(void)state;
	o = sluice_options_new();
	return o == NULL;
}

static int
end(void **state)
{
	(void)state;
	sluice_options_free(o);
	o = NULL;
	return 0;
}

static int
give(const char *option, const char *value)
{
	told[0] = '\0';
	return sluice_options_take(o, option, value, told, sizeof(told));
}

static void
is_taken(const char *option, const char *value)
{
	if (give(option, value) < 1)
		fail_msg("%s %.80s: %s", option, value, told);
}

static void
is_refused(const char *option, const char *value, const char *why)
{
	if (give(option, value) >= 0)
		fail_msg("%s %.80s is taken", option, value);
	assert_string_equal(told, why);
}

static void
values_of_interception(void **state)
{
	static const char *const port[] = {"0", "65536", "", "x", "12345678", "1234567"};
	static const char *const most[] = {"0", "65537", "", "-1"};
	char why[200];

	(void)state;
	for (size_t i = 0; i < COUNT(port); i++) {
		snprintf(why, sizeof(why), "--intercept-port %s: '%s' is not a port; give 1 to 65535",
			 port[i], port[i]);
		is_refused("--intercept-port", port[i], why);
	}
	is_refused("--intercept-port", "443,", "--intercept-port 443,: '' is not a port; give 1 to 65535");
	for (size_t i = 0; i < COUNT(most); i++) {
		snprintf(why, sizeof(why),
			 "--max-intercepted %s: give a number of connections from 1 to 65536", most[i]);
		is_refused("--max-intercepted", most[i], why);
	}
	is_taken("--max-intercepted", "65536");
	is_refused("--tls-min", "1.1", "--tls-min 1.1: give 1.2 or 1.3");
	is_refused("--tls-min", "1.30", "--tls-min 1.30: give 1.2 or 1.3");
	is_refused("--ca", "", "--ca : the name is empty; give one");
	is_refused("--tls-roots", "", "--tls-roots : the name is empty; give one");
	is_refused("--tls-extra-roots", "", "--tls-extra-roots: the file's name is empty; give one");
	/* The last one counts. */
	is_taken("--ca", "/a");
	is_taken("--ca", "/b");
	assert_string_equal(o->ca, "/b");
}

static void
hosts_of_tls(void **state)
{
	static const char *const certificate[] = {
	    "a.example", "a.example=", "a.example=,k", "a.example=c", "a.example=c,", "a.example=c,k,x",
	    "",          "="};
	char why[200];

	(void)state;
	for (size_t i = 0; i < COUNT(certificate); i++) {
		snprintf(why, sizeof(why), "--tls-certificate %s: write NAME=CERT,KEY, two PEM files",
			 certificate[i]);
		is_refused("--tls-certificate", certificate[i], why);
	}
	is_refused("--tls-host-roots", "a.example", "--tls-host-roots a.example: write NAME=FILE");
	is_refused("--tls-host-roots", "a.example=", "--tls-host-roots a.example=: write NAME=FILE");
	assert_int_equal(give("--tls-host-roots", "a..b=f"), -1);
	assert_int_equal(give("--tls-no-verify", "a b"), -1);
	assert_int_equal(give("--tls-certificate", "*=c,k"), -1);
	assert_int_equal(o->ntls_host, 0);
	/* Each names a host anew, or adds to what is there of it. */
	is_taken("--tls-no-verify", "*.a.example");
	is_taken("--tls-host-roots", "*.a.example=roots.pem");
	is_taken("--tls-certificate", "*.a.example=c.pem,k.pem");
	is_taken("--tls-no-verify", "b.example");
	assert_int_equal(o->ntls_host, 2);
	assert_true(o->tls_host[0].no_verify);
	assert_string_equal(o->tls_host[0].match, "*.a.example");
	assert_string_equal(o->tls_host[0].roots, "roots.pem");
	assert_string_equal(o->tls_host[0].certificate, "c.pem");
	assert_string_equal(o->tls_host[0].key, "k.pem");
	assert_null(o->tls_host[1].roots);
}

/* n values, of which `format` makes each by its number; then one more, which is refused. */
static void
fill(const char *option, const char *format, unsigned n, const char *why)
{
	char value[80];

	for (unsigned i = 0; i < n; i++) {
		snprintf(value, sizeof(value), "%.*s%u%s", (int)(strchr(format, '#') - format), format, i + 1,
			 strchr(format, '#') + 1);
		is_taken(option, value);
	}
	snprintf(value, sizeof(value), "%.*s%u%s", (int)(strchr(format, '#') - format), format, n + 1,
		 strchr(format, '#') + 1);
	assert_int_equal(give(option, value), -1);
	if (!strstr(told, why))
		fail_msg("%s", told);
}

static void
lists_that_are_full(void **state)
{
	char ports[256] = "1";

	(void)state;
	fill("--tls-no-verify", "n#.example", OPTION_TLS_HOSTS, "more than 256 hosts; give fewer");
	is_taken("--tls-no-verify", "n1.example"); /* it is there already */
	assert_int_equal(give("--tls-certificate", "new.example=c,k"), -1);
	is_taken("--tls-certificate", "n2.example=c,k");
	fill("--tls-bypass", "b#.example", OPTION_REBIND, "too many of them; give fewer");
	for (unsigned i = 2; i <= OPTION_PORTS; i++)
		snprintf(ports + strlen(ports), sizeof(ports) - strlen(ports), ",%u", i);
	is_taken("--intercept-port", ports);
	assert_int_equal(o->nintercept_port, OPTION_PORTS);
	is_refused("--intercept-port", "443", "--intercept-port 443: more than 32 ports; give fewer");
}

static void
secrets_that_are_too_many(void **state)
{
	(void)state;
	fill("--secret", "S#=env:HOME@a.example", OPTION_SECRETS, "more than 64 secrets; give fewer");
	is_refused("--secret", "S1=env:HOME@b.example",
		   "--secret S1: there is a secret of this name already");
	assert_int_equal(o->secrets->n, OPTION_SECRETS);
}

static void
rules_that_are_too_long_or_too_many(void **state)
{
	char *rule = malloc(OPTION_RULE_TEXT + 2);

	(void)state;
	assert_non_null(rule);
	memset(rule, 'x', OPTION_RULE_TEXT + 1);
	rule[OPTION_RULE_TEXT + 1] = '\0';
	assert_int_equal(give("--rule", rule), -1);
	assert_non_null(strstr(told, "longer than 65536 bytes; put its targets into a list (@file:PATH)"));
	rule[OPTION_RULE_TEXT] = '\0'; /* what it says is judged later */
	is_taken("--rule", rule);
	free(rule);
	for (const char *blank = " \t\n "; *blank; blank++)
		assert_int_equal(give("--rule", blank), -1);
	for (unsigned i = 1; i < OPTION_RULES; i++)
		is_taken("--rule", "deny to 10.0.0.1");
	assert_int_equal(give("--rule", "deny to 10.0.0.1"), -1);
	assert_non_null(strstr(told, "more than 65536 rules; put targets into lists (@file:PATH)"));
	assert_int_equal(o->policy.n, OPTION_RULES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(values_of_interception, start, end),
	    cmocka_unit_test_setup_teardown(hosts_of_tls, start, end),
	    cmocka_unit_test_setup_teardown(lists_that_are_full, start, end),
	    cmocka_unit_test_setup_teardown(secrets_that_are_too_many, start, end),
	    cmocka_unit_test_setup_teardown(rules_that_are_too_long_or_too_many, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
