/*
 * secret_fault_test.c - secrets set, removed, put in and taken out while one allocation after the other fails
 *
 * Each time the change stands or nothing has changed, and nothing is lost (the sanitizer counts).
 */
#include "test/unit/fault_kit.h"
#include "test/unit/secret_store_kit.h"

static void
a_secret_is_set_or_is_not(void **state)
{
	const char *const pass[] = {"log.test"};
	struct secret_store *s = kit_store();
	struct sluice_secret first = kit_secret("FIRST", "value-of-first"),
			     g = kit_secret("KEY", "value-of-key");
	unsigned n = 0;

	(void)state;
	g.pass_hosts = pass;
	g.npass_hosts = 1;
	assert_int_equal(secret_store_set(s, &first, NULL, 0), 0);
	do {
		char err[256] = "";

		failed = false;
		left = n++;
		int done = secret_store_set(s, &g, err, sizeof(err));
		left = ENOUGH;
		/* What is spare may be given back or not. */
		assert_true(done == 0 || (failed && strstr(err, "no memory")));
		struct secret_set *set = secret_store_take(s);
		assert_int_equal(set->n, done == 0 ? 2 : 1);
		secret_set_drop(set);
		if (done == 0)
			assert_int_equal(secret_store_remove(s, "KEY"), 0);
	} while (failed);
	assert_true(n > 10);
	assert_int_equal(secret_store_set(s, &g, NULL, 0), 0);
	n = 0;
	do {
		failed = false;
		left = n++;
		int done = secret_store_remove(s, "KEY");
		left = ENOUGH;
		assert_true(done == 0 || (failed && done == -ENOMEM));
		struct secret_set *set = secret_store_take(s);
		assert_int_equal(set->n, done == 0 ? 1 : 2);
		secret_set_drop(set);
	} while (failed);
	secret_store_free(s);
}

/* What could not be made whole says so, and is not half of it without a word. */
static void
requests_say_when_memory_is_short(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} header[] = {{"x-key", "a $MSB_KEY b", "a value-of-key b"},
		      {"authorization", "Basic dTokTVNCX0tFWQ==", "Basic dTp2YWx1ZS1vZi1rZXk="}};
	struct secret_store *s = kit_store();
	struct sluice_secret g = kit_secret("KEY", "value-of-key");
	struct secret_plan plan;
	struct name host;

	(void)state;
	g.placeholder = "$MSB_KEY";
	assert_int_equal(secret_store_set(s, &g, NULL, 0), 0);
	struct secret_set *set = secret_store_take(s);
	assert_true(name_parse("api.test", 8, &host));
	secret_plan_for(&plan, set, &host, true, true);
	for (size_t i = 0; i < 2; i++) {
		unsigned n = 0;

		do {
			struct clear out = {.max = 4096}, back = {.max = 4096};
			struct substitution found = {.replaced = 0};

			failed = false;
			left = n++;
			substitute_header(&plan, view_of(header[i].name, strlen(header[i].name)),
					  view_of(header[i].text, strlen(header[i].text)), &out, &found);
			if (!out.failed)
				redact_header(&plan, view_of(out.p, out.len), &back);
			left = ENOUGH;
			assert_true((out.failed || back.failed) == failed);
			if (!out.failed) {
				assert_int_equal(out.len, strlen(header[i].want));
				assert_memory_equal(out.p, header[i].want, out.len);
			}
			clear_free(&out);
			clear_free(&back);
		} while (failed);
		assert_true(n > 2);
	}
	secret_set_drop(set);
	secret_store_free(s);
}

static void
a_store_stands_or_is_not_there(void **state)
{
	struct sluice_secret g = kit_secret("KEY", "value-of-key");
	struct sluice_config cfg;
	struct secret_store *s;
	unsigned n = 0;

	(void)state;
	sluice_config_init(&cfg);
	cfg.secrets = &g;
	cfg.nsecrets = 1;
	do {
		char err[256] = "";

		failed = false;
		left = n++;
		s = secret_store_new(&cfg, &kit_host, err, sizeof(err));
		left = ENOUGH;
		assert_true(s || (failed && strstr(err, "no memory")));
		secret_store_free(s);
	} while (failed);
	assert_non_null(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_secret_is_set_or_is_not),
	    cmocka_unit_test(requests_say_when_memory_is_short),
	    cmocka_unit_test(a_store_stands_or_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
