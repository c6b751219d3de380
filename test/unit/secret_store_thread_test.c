/*
 * secret_store_thread_test.c - secrets changed from two threads while others use them
 *
 * The same program under -fsanitize=thread is the proof that a set in use never changes.
 */
#include "test/unit/secret_store_kit.h"

#include <pthread.h>
#include <stdio.h>

#define CHANGES 150u

static struct secret_store *store;
static _Atomic unsigned done;

static void *
change_main(void *arg)
{
	const char *name = arg;
	uintptr_t failed = 0;
	char value[32], placeholder[128];

	for (unsigned i = 0; i < CHANGES; i++) {
		snprintf(value, sizeof(value), "value-%s-%u", name, i % 10);
		struct sluice_secret g = kit_secret(name, value);

		failed += secret_store_set(store, &g, NULL, 0) != 0;
		failed += secret_store_placeholder(store, name, placeholder, sizeof(placeholder)) <= 0;
		if (i % 7 == 0)
			failed += secret_store_remove(store, name) != 0;
	}
	done++;
	return (void *)failed;
}

/* A request: the placeholder of each secret in a header becomes a value of that secret. */
static uintptr_t
use(void)
{
	struct secret_set *set = secret_store_take(store);
	struct secret_plan plan;
	struct name host;
	uintptr_t failed = !name_parse("api.test", 8, &host);

	secret_plan_for(&plan, set, &host, true, true);
	for (uint32_t i = 0; set && i < set->n; i++) {
		struct clear out = {.max = 4096};
		struct substitution found = {.replaced = 0};
		size_t n = strlen(set->secret[i].name);

		substitute_header(&plan, view_of("x", 1), set->secret[i].placeholder, &out, &found);
		failed += out.len != n + 8 || memcmp(out.p + 6, set->secret[i].name, n) != 0;
		clear_free(&out);
	}
	secret_set_drop(set);
	return failed;
}

static void *
use_main(void *arg)
{
	uintptr_t failed = 0;

	(void)arg;
	while (done < 2) {
		failed += use();
		(void)secret_store_any(store);
	}
	return (void *)failed;
}

static void
from_four_threads(void **state)
{
	static char a[] = "A", b[] = "B";
	pthread_t thread[4];
	void *result;

	(void)state;
	store = kit_store();
	assert_int_equal(pthread_create(&thread[0], NULL, change_main, a), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, change_main, b), 0);
	assert_int_equal(pthread_create(&thread[2], NULL, use_main, NULL), 0);
	assert_int_equal(pthread_create(&thread[3], NULL, use_main, NULL), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(thread[i], &result), 0);
		assert_null(result);
	}
	assert_true(secret_store_any(store));
	secret_store_free(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(from_four_threads)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
