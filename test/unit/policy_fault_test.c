/*
 * policy_fault_test.c - a policy, sets and evidence, built while one allocation after the other fails
 *
 * Each time all that was there is given back (the sanitizer counts), and either the whole thing stands or nothing.
 */
#include <stdio.h>

#include "test/unit/decide_kit.h"
#include "test/unit/fault_kit.h"

static char *
list_text(void *ctx, const char *path, size_t *len, const char **why)
{
	static const char text[] = "a.test\n*.b.test\n10.0.0.0/8\n2001:db8::/32\n";
	char *copy = __real_malloc(sizeof(text));

	(void)ctx, (void)path, (void)why;
	*len = sizeof(text) - 1;
	return copy ? memcpy(copy, text, sizeof(text)) : NULL;
}

/* Few targets, many of them, a list, ports, a floor: all that is compiled in its own way. */
static struct policy *
build(void)
{
	static const char many[] = "allow tcp/80,443 udp/1-9 to a.test, b.test, c.test, d.test, e.test, "
				   "f.test, g.test, h.test, i.test,"
				   "1.0.0.0/24, 1.0.2.0/24, 1.0.4.0/24, 1.0.6.0/24, 1.0.8.0/24, 1.0.10.0/24, "
				   "1.0.12.0/24, 1.0.14.0/24,"
				   "1.0.16.0/24, 2a00::/32";
	const struct rule_source own[] =
	    {{.text = many},
	     {.text = "deny to @file:list"},
	     {.text = "allow https/443,8443 http GET,HEAD a.test/x, @any/y/**, b.test"}},
				 below[] = {{.text = "allow to @any"}};
	struct diag_sink d = {0};
	struct rules rules = {0}, floor = {0};
	bool good = rules_read(&rules, own, 3, "public", list_text, NULL, &d) &&
		    rules_read(&floor, below, 1, NULL, NULL, NULL, &d);
	struct policy *p = good ? policy_build(&rules, &floor, &d) : NULL;

	assert_true(good || d.errors);
	if (good)
		assert_true(!rules.rule && !floor.rule);
	rules_free(&rules);
	rules_free(&floor);
	return p;
}

static void
a_policy_stands_or_is_not_there(void **state)
{
	unsigned n = 0;

	(void)state;
	do {
		failed = false;
		left = n++;
		struct policy *p = build();

		left = ENOUGH;
		/* Warnings can do without; nothing else can. */
		assert_true(p || failed);
		if (p) {
			struct name told = kit_name("x.b.test"), other = kit_name("other.test");
			struct policy_answer a;

			assert_int_equal(policy_rules(p, false), 5);
			assert_int_equal(policy_rules(p, true), 1);
			policy_decide_name(p, UDP, &told, &a);
			DENIED(a.verdict);
			policy_decide_name(p, UDP, &other, &a);
			ALLOWED(a.verdict);
		}
		policy_free(p);
	} while (failed);
	assert_true(n > 20);
}

static void
sets_say_when_memory_is_short(void **state)
{
	struct name name = kit_name("some.name.test");
	struct addr net = kit_addr("10.0.0.0");
	bool good;

	(void)state;
	for (unsigned n = 0; failed || n == 0; n++) {
		failed = false;
		left = n;
		struct nameset *names = nameset_new();
		struct netset *nets = netset_new();

		good = names && nets && nameset_add(names, &name, true) && netset_add(nets, &net, 8) &&
		       nameset_seal(names) && netset_seal(nets);
		/* Giving back what is spare may fail: nothing is lost. */
		left = ENOUGH;
		assert_true(good || failed);
		if (good)
			assert_true(nameset_has(names, &name) && netset_has(nets, &net));
		nameset_free(names);
		netset_free(nets);
	}
	assert_true(good);
}

static void
evidence_stands_or_is_not_there(void **state)
{
	static const uint8_t secret[16];
	struct evidence *e = NULL;

	(void)state;
	for (unsigned n = 0; !e; n++) {
		assert_true(n < 20);
		left = n;
		e = evidence_new(64, secret);
		left = ENOUGH;
	}
	assert_int_equal(evidence_count(e), 0);
	evidence_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_policy_stands_or_is_not_there),
	    cmocka_unit_test(sets_say_when_memory_is_short),
	    cmocka_unit_test(evidence_stands_or_is_not_there),
	};

	return cmocka_run_group_tests_name("policy_fault", tests, NULL, NULL);
}
