/*
 * refusals_test.c - the guest's last refusals: counted when the same, in order, bounded, forgotten
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/refusals.h"

static struct refusal
refusal(unsigned n, usec_t now)
{
	struct refusal r = {.first = now, .last = now, .key = n % 7, .reason = SLUICE_REASON_RULE};

	snprintf(r.what, sizeof(r.what), "tcp 203.0.113.5:%u", n);
	snprintf(r.text, sizeof(r.text), "the %u-th", n);
	return r;
}

static void
add(struct refusals *all, unsigned n, usec_t now)
{
	struct refusal r = refusal(n, now);

	refusals_add(all, &r);
}

static void
the_newest_comes_first(void **state)
{
	struct refusals all = {0};

	(void)state;
	assert_null(refusals_at(&all, 0));
	for (unsigned n = 1; n <= 3; n++)
		add(&all, n, n);
	assert_string_equal(refusals_at(&all, 0)->text, "the 3-th");
	assert_string_equal(refusals_at(&all, 1)->text, "the 2-th");
	assert_string_equal(refusals_at(&all, 2)->text, "the 1-th");
	assert_null(refusals_at(&all, 3));
	assert_int_equal(all.total, 3);
	refusals_free(&all);
	assert_null(refusals_at(&all, 0));
}

static void
the_same_again_is_a_count(void **state)
{
	struct refusals all = {0};

	(void)state;
	add(&all, 1, 10);
	add(&all, 2, 20);
	add(&all, 1, 30);
	const struct refusal *r = refusals_at(&all, 0);
	assert_string_equal(r->text, "the 1-th");
	assert_int_equal(r->count, 2);
	assert_int_equal(r->first, 10);
	assert_int_equal(r->last, 30);
	assert_int_equal(refusals_at(&all, 1)->count, 1);
	assert_null(refusals_at(&all, 2));
	assert_int_equal(all.total, 3);

	/* The same destination for another reason, or under another name, is another. */
	struct refusal other = refusal(1, 40);
	other.reason = SLUICE_REASON_QUIC;
	refusals_add(&all, &other);
	snprintf(other.name, sizeof(other.name), "a.example");
	refusals_add(&all, &other);
	assert_int_equal(all.n, 4);
	refusals_free(&all);
}

/* Whatever comes, it is what a plain list would hold. */
static void
the_oldest_makes_room(void **state)
{
	struct refusals all = {0};
	unsigned model[REFUSALS + 1], n = 0, luck = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		luck = luck * 1103515245u + 12345u;
		unsigned which = luck >> 16 & 127, at = 0;

		add(&all, which, i);
		while (at < n && model[at] != which)
			at++;
		if (at == n && n < REFUSALS)
			n++;
		else if (at == n)
			at--;
		memmove(model + 1, model, at * sizeof(*model));
		model[0] = which;
		assert_int_equal(all.n, n);
		for (unsigned k = 0; k < n; k++) {
			struct refusal want = refusal(model[k], 0);

			assert_string_equal(refusals_at(&all, k)->what, want.what);
		}
	}
	assert_int_equal(n, REFUSALS);
	assert_null(refusals_at(&all, REFUSALS));
	refusals_free(&all);
}

static void
the_next_guest_finds_nothing(void **state)
{
	struct refusals all = {0};

	(void)state;
	refusals_forget(&all);
	for (unsigned n = 0; n < 100; n++)
		add(&all, n, n);
	refusals_forget(&all);
	assert_null(refusals_at(&all, 0));
	assert_int_equal(all.total, 0);
	for (size_t i = 0; i < REFUSALS * sizeof(*all.entry); i++)
		assert_int_equal(((const char *)all.entry)[i], 0);
	add(&all, 5, 5);
	assert_int_equal(refusals_at(&all, 0)->count, 1);
	refusals_free(&all);
	refusals_free(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_newest_comes_first),
	    cmocka_unit_test(the_same_again_is_a_count),
	    cmocka_unit_test(the_oldest_makes_room),
	    cmocka_unit_test(the_next_guest_finds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
