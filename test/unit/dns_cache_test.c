/*
 * dns_cache_test.c - answers are kept for their time, bounded, and found by the whole question
 */
#include <stdio.h>

#include "dns/cache.h"
#include "test/unit/dns_msg_kit.h"

static const uint8_t secret[16] = "0123456789abcdef";
static const struct dns_filter all = {.ctx = NULL};
static struct message m;
static struct dns_cache *cache;
static uint32_t age;

static int
start(void **state)
{
	(void)state;
	cache = dns_cache_new(4096, DNS_CACHE_BYTES, secret);
	return cache ? 0 : -1;
}

static int
stop(void **state)
{
	(void)state;
	dns_cache_free(cache);
	cache = NULL;
	return 0;
}

static struct dns_answer *
answer(const struct dns_query *q, uint32_t ttl)
{
	struct addr a = addr_v4(0x01020304);
	struct dns_answer *made = dns_answer_local(q, &a, 1, ttl);

	assert_non_null(made);
	return made;
}

static const struct dns_answer *
get(const struct dns_query *q, usec_t seconds)
{
	return dns_cache_get(cache, q, seconds * USEC_PER_SEC, &age);
}

static void
an_answer_lives_as_long_as_its_ttl(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	assert_null(get(&q, 0));
	dns_cache_put(cache, &q, answer(&q, 60), 100 * USEC_PER_SEC);
	assert_non_null(get(&q, 100));
	assert_int_equal(age, 0);
	assert_non_null(dns_cache_get(cache, &q, 100 * USEC_PER_SEC + 59999999, &age));
	assert_int_equal(age, 59);
	assert_null(get(&q, 160));
	/* Again, and younger. */
	dns_cache_put(cache, &q, answer(&q, 30), 200 * USEC_PER_SEC);
	assert_int_equal(dns_cache_count(cache), 1);
	assert_non_null(get(&q, 229));
	assert_null(get(&q, 230));
	/* What may not be kept is not, and what was there is no longer true. */
	dns_cache_put(cache, &q, answer(&q, 60), 300 * USEC_PER_SEC);
	dns_cache_put(cache, &q, answer(&q, 0), 300 * USEC_PER_SEC);
	assert_null(get(&q, 300));
	assert_int_equal(dns_cache_count(cache), 0);
}

static void
negative_answers_are_kept_too(void **state)
{
	struct dns_query q = kit_query("nobody.example", DNS_A);
	struct dns_filtered did;
	struct dns_answer *made = NULL;

	(void)state;
	msg_answer_to(&m, "nobody.example", DNS_A, DNS_NXDOMAIN);
	msg_soa(&m, "example", 3600, 300);
	assert_int_equal(dns_answer_make(msg_end(&m), &q, &all, &did, &made), DNS_MADE);
	dns_cache_put(cache, &q, made, 0);
	assert_int_equal(dns_answer_rcode(get(&q, 299)), DNS_NXDOMAIN);
	assert_null(get(&q, 300));
}

static void
the_whole_question_is_the_key(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A), other;

	(void)state;
	dns_cache_put(cache, &q, answer(&q, 60), 0);
	other = kit_query("A.EXAMPLE", DNS_A);
	other.id = 99;
	other.ad = other.edns = true;
	other.udp_size = 4096;
	assert_non_null(get(&other, 1));
	other = kit_query("b.example", DNS_A);
	assert_null(get(&other, 1));
	other = kit_query("a.example", DNS_AAAA);
	assert_null(get(&other, 1));
	other = q;
	other.dnssec_ok = true;
	assert_null(get(&other, 1));
	other = q;
	other.cd = true;
	assert_null(get(&other, 1));
	other = q;
	other.rd = false;
	assert_null(get(&other, 1));
	other = q;
	other.class = 3;
	assert_null(get(&other, 1));
	/* Side by side. */
	other = q;
	other.dnssec_ok = true;
	dns_cache_put(cache, &other, answer(&other, 10), 0);
	assert_int_equal(dns_cache_count(cache), 2);
	assert_non_null(get(&q, 20));
	assert_null(get(&other, 20));
}

static struct dns_query
numbered(unsigned i)
{
	char text[32];

	snprintf(text, sizeof(text), "n%u.example", i);
	return kit_query(text, DNS_A);
}

static void
the_one_used_longest_ago_makes_room(void **state)
{
	struct dns_cache *small = dns_cache_new(8, DNS_CACHE_BYTES, secret);
	struct dns_query q;

	(void)state;
	assert_non_null(small);
	for (unsigned i = 0; i < 8; i++) {
		q = numbered(i);
		dns_cache_put(small, &q, answer(&q, 60), 0);
	}
	q = numbered(0);
	assert_non_null(dns_cache_get(small, &q, 1, &age));
	for (unsigned i = 8; i < 15; i++) {
		q = numbered(i);
		dns_cache_put(small, &q, answer(&q, 60), 0);
		assert_int_equal(dns_cache_count(small), 8);
	}
	for (unsigned i = 0; i < 15; i++) {
		q = numbered(i);
		assert_int_equal(dns_cache_get(small, &q, 1, &age) != NULL, i == 0 || i > 7);
	}
	dns_cache_free(small);
}

static void
bytes_are_bounded_too(void **state)
{
	struct dns_query q = numbered(0);
	struct dns_answer *one = answer(&q, 60);
	size_t each = dns_answer_memory(one) + 64;
	struct dns_cache *small = dns_cache_new(1000, 10 * each, secret);

	(void)state;
	assert_non_null(small);
	dns_cache_put(small, &q, one, 0);
	for (unsigned i = 1; i < 10; i++) {
		q = numbered(i);
		dns_cache_put(small, &q, answer(&q, 60), 0);
	}
	assert_int_equal(dns_cache_count(small), 10);
	for (unsigned i = 100; i < 200; i++) {
		q = numbered(i);
		dns_cache_put(small, &q, answer(&q, 60), 0);
		assert_true(dns_cache_count(small) <= 10);
	}
	assert_int_equal(dns_cache_count(small), 9); /* each a little longer than the first ten */
	/* One that is larger than all of it displaces nothing. */
	struct dns_cache *tiny = dns_cache_new(1000, 100, secret);
	assert_non_null(tiny);
	dns_cache_put(tiny, &q, answer(&q, 60), 0);
	assert_int_equal(dns_cache_count(tiny), 0);
	dns_cache_free(tiny);
	dns_cache_free(small);
}

static void
a_flush_forgets_all_and_nothing_is_a_size_too(void **state)
{
	struct dns_cache *none = dns_cache_new(0, DNS_CACHE_BYTES, secret);
	struct dns_query q;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 100; i++) {
			q = numbered(i);
			dns_cache_put(cache, &q, answer(&q, 60), 0);
		}
		assert_int_equal(dns_cache_count(cache), 100);
		dns_cache_flush(cache);
		assert_int_equal(dns_cache_count(cache), 0);
		assert_null(get(&q, 0));
	}
	assert_non_null(none);
	dns_cache_put(none, &q, answer(&q, 60), 0);
	assert_null(dns_cache_get(none, &q, 0, &age));
	dns_cache_free(none);
	dns_cache_free(NULL);
}

/* Against a list of what should be there. */
static void
random_use_agrees_with_a_plain_list(void **state)
{
	enum { NAMES = 40, ROOM = 16 };
	struct dns_cache *small = dns_cache_new(ROOM, DNS_CACHE_BYTES, secret);
	struct {
		usec_t until;
		unsigned long used;
	} model[NAMES] = {{0}};
	uint64_t seed = 47;
	usec_t now = 0;

	(void)state;
	assert_non_null(small);
	for (unsigned long turn = 1; turn < 20000; turn++) {
		unsigned i = (unsigned)(kit_random(&seed) % NAMES), there = 0, oldest = NAMES;
		struct dns_query q = numbered(i);

		now += (usec_t)(kit_random(&seed) % 3) * USEC_PER_SEC;
		if (kit_random(&seed) % 2) {
			bool want = model[i].used && model[i].until > now;

			assert_int_equal(dns_cache_get(small, &q, now, &age) != NULL, want);
			if (want)
				model[i].used = turn;
			continue;
		}
		uint32_t ttl = (uint32_t)(kit_random(&seed) % 50);
		model[i].used = 0;
		for (unsigned k = 0; k < NAMES; k++) {
			there += model[k].used != 0;
			if (model[k].used && (oldest == NAMES || model[k].used < model[oldest].used))
				oldest = k;
		}
		if (ttl && there == ROOM)
			model[oldest].used = 0;
		if (ttl) {
			model[i].used = turn;
			model[i].until = now + ttl * USEC_PER_SEC;
		}
		dns_cache_put(small, &q, answer(&q, ttl), now);
	}
	dns_cache_free(small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(an_answer_lives_as_long_as_its_ttl, start, stop),
	    cmocka_unit_test_setup_teardown(negative_answers_are_kept_too, start, stop),
	    cmocka_unit_test_setup_teardown(the_whole_question_is_the_key, start, stop),
	    cmocka_unit_test(the_one_used_longest_ago_makes_room),
	    cmocka_unit_test(bytes_are_bounded_too),
	    cmocka_unit_test_setup_teardown(a_flush_forgets_all_and_nothing_is_a_size_too, start, stop),
	    cmocka_unit_test(random_use_agrees_with_a_plain_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
