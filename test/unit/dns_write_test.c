/*
 * dns_write_test.c - an answer is told within a limit, its names compressed (39 of the checklist)
 */
#include <stdio.h>

#include "dns/answer.h"
#include "dns/compose.h"
#include "dns/precheck.h"
#include "test/unit/dns_msg_kit.h"

static struct message m;
static struct dns_answer *made;
static struct dns_filtered did;
static struct naive_dns seen;
static uint8_t out[DNS_MESSAGE_MAX];
static char ede_text[256];
static const struct dns_filter all = {.ctx = NULL};

static void
make(const struct dns_query *q)
{
	dns_answer_free(made);
	assert_int_equal(dns_answer_make(msg_end(&m), q, &all, &did, &made), DNS_MADE);
}

static size_t
tell(const struct dns_query *q, size_t limit, int ede, const char *text)
{
	uint8_t *block = malloc(limit);

	assert_non_null(block);
	size_t len = dns_answer_write(made, q, 0, limit, ede, text, block, limit);
	assert_true(len > 0 && len <= limit);
	memcpy(out, block, len);
	free(block);
	assert_int_equal(dns_precheck(view_of(out, len), false), PRECHECK_OK);
	kit_read(out, len, &seen);
	return len;
}

static int
forget(void **state)
{
	(void)state;
	dns_answer_free(made);
	made = NULL;
	return 0;
}

/* n addresses behind one CNAME, two nameservers, three of their addresses. */
static void
big_answer(const struct dns_query *q, unsigned n, bool is_signed)
{
	char text[32];

	msg_answer_to(&m, "a.example", q->type, 0);
	msg_alias(&m, ANSWERS, "a.example", DNS_CNAME, 60, "b.example");
	for (unsigned i = 0; i < n; i++) {
		if (q->type == DNS_A) {
			snprintf(text, sizeof(text), "1.2.3.%u", i);
			msg_addr(&m, ANSWERS, "b.example", 60, text);
		} else {
			int len = snprintf(text + 1, sizeof(text) - 1, "text %u", i);

			text[0] = (char)len;
			msg_record(&m, ANSWERS, "b.example", q->type, 60, text, (size_t)len + 1);
		}
	}
	if (is_signed)
		msg_rrsig(&m, ANSWERS, "b.example", q->type, 60);
	msg_alias(&m, AUTHORITIES, "example", DNS_NS, 60, "ns1.example");
	msg_alias(&m, AUTHORITIES, "example", DNS_NS, 60, "ns2.example");
	for (unsigned i = 1; i <= 3; i++)
		msg_addr(&m, ADDITIONALS, "ns1.example", 60, "9.9.9.9");
	make(q);
}

/* --- trimming --- */

static void
additional_goes_first_then_authority_then_addresses(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);
	unsigned answers = 99, authorities = 99, additionals = 99;

	(void)state;
	big_answer(&q, 20, false);
	size_t whole = tell(&q, 4000, EDE_NONE, NULL);
	assert_int_equal(seen.n, 1 + 20 + 2 + 3);
	assert_false(seen.flags & TC);
	for (size_t limit = whole; limit > 27 + 16 + 18; limit--) {
		tell(&q, limit, EDE_NONE, NULL);
		/* Whatever is left is whole, in this order, and addresses without TC are worth having. */
		assert_false(seen.flags & TC);
		assert_true(seen.count[ADDITIONALS] <= additionals &&
			    seen.count[AUTHORITIES] <= authorities && seen.count[ANSWERS] <= answers);
		additionals = seen.count[ADDITIONALS];
		authorities = seen.count[AUTHORITIES];
		answers = seen.count[ANSWERS];
		assert_true(!additionals || authorities == 2);
		assert_true(!authorities || answers == 21);
		assert_int_equal(naive_dns_count(&seen, ANSWERS, DNS_CNAME), 1);
		assert_true(naive_dns_count(&seen, ANSWERS, DNS_A) > 0);
	}
	/* Only when no address fits any more. */
	tell(&q, 27 + 20, EDE_NONE, NULL);
	assert_true(seen.flags & TC);
	tell(&q, 27, EDE_NONE, NULL);
	assert_true(seen.flags & TC);
	assert_int_equal(seen.n, 0);
	assert_int_equal(dns_answer_write(made, &q, 0, 26, EDE_NONE, NULL, out, sizeof(out)), 0);
	assert_int_equal(dns_answer_write(made, &q, 0, 4000, EDE_NONE, NULL, out, 26), 0);
}

static void
without_edns_512_bytes_and_with_it_what_was_asked_for(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	big_answer(&q, 60, false);
	assert_true(tell(&q, q.udp_size, EDE_NONE, NULL) <= 512);
	assert_true(naive_dns_count(&seen, ANSWERS, DNS_A) >= 25);
	q.edns = true;
	q.udp_size = 1232;
	size_t len = tell(&q, q.udp_size, EDE_NONE, NULL);
	assert_true(len > 512);
	assert_int_equal(naive_dns_count(&seen, ANSWERS, DNS_A), 60);
	assert_int_equal(naive_dns_count(&seen, ADDITIONALS, DNS_OPT), 1);
	/* The OPT stays, however little there is. */
	tell(&q, 27 + 11, EDE_NONE, NULL);
	assert_true(seen.flags & TC);
	assert_int_equal(seen.n, 1);
}

static void
half_a_set_of_other_types_is_truncated(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_TXT);

	(void)state;
	big_answer(&q, 40, false);
	tell(&q, 4000, EDE_NONE, NULL);
	assert_false(seen.flags & TC);
	tell(&q, 512, EDE_NONE, NULL);
	assert_true(seen.flags & TC);
	/* All of it but what is only useful. */
	big_answer(&q, 10, false);
	size_t whole = tell(&q, 4000, EDE_NONE, NULL);
	tell(&q, whole - 1, EDE_NONE, NULL);
	assert_false(seen.flags & TC);
	assert_int_equal(seen.count[ANSWERS], 11);
}

static void
who_validates_gets_everything_or_tc(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	q.edns = q.dnssec_ok = true;
	big_answer(&q, 20, true);
	size_t whole = tell(&q, 4000, EDE_NONE, NULL);
	tell(&q, whole - 1, EDE_NONE, NULL);
	assert_false(seen.flags & TC);
	assert_int_equal(seen.count[AUTHORITIES], 2);
	tell(&q, whole - 3 * 16 - 1, EDE_NONE, NULL);
	assert_int_equal(seen.count[AUTHORITIES], 1);
	assert_true(seen.flags & TC);
	tell(&q, 200, EDE_NONE, NULL);
	assert_true(seen.flags & TC);
}

static void
words_go_before_records(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	q.edns = true;
	big_answer(&q, 3, false);
	size_t whole = tell(&q, 4000, EDE_FILTERED, "some of it was taken out");
	assert_int_equal(naive_dns_ede(out, &seen, ede_text), EDE_FILTERED);
	assert_string_equal(ede_text, "some of it was taken out");
	tell(&q, whole - 1, EDE_FILTERED, "some of it was taken out");
	assert_int_equal(naive_dns_ede(out, &seen, ede_text), EDE_FILTERED);
	assert_string_equal(ede_text, "");
	assert_int_equal(seen.count[ADDITIONALS], 4);
}

/* --- over TCP --- */

static void
the_largest_answer_fits_a_tcp_message(void **state)
{
	static uint8_t data[4096];
	struct dns_query q = kit_query("a.example", 65280);

	(void)state;
	q.edns = true;
	memset(data, 'x', sizeof(data));
	msg_answer_to(&m, "a.example", 65280, 0);
	for (unsigned i = 0; i < 16; i++)
		msg_record(&m, ANSWERS, "a.example", 65280, 60, data, 4000);
	make(&q);
	size_t len = tell(&q, DNS_MESSAGE_MAX, EDE_OTHER, "text");
	assert_true(len > 64000);
	assert_int_equal(seen.count[ANSWERS], 16);
	/* All but full: there must be room for an OPT and its words. */
	msg_answer_to(&m, "a.example", 65280, 0);
	for (unsigned i = 0; i < 16; i++)
		msg_record(&m, ANSWERS, "a.example", 65280, 60, data, i ? 4000 : sizeof(data));
	msg_record(&m, ANSWERS, "a.example", 65280, 60, data, 65400 - (size_t)(m.w.p - m.b) - 21);
	dns_answer_free(made);
	made = NULL;
	assert_int_equal(msg_end(&m).len, 65400);
	assert_int_equal(dns_answer_make(msg_end(&m), &q, &all, &did, &made), DNS_MADE);
	/* One that would be longer once its names are written out is refused, not cut. */
	struct dns_query longer = kit_query("a.example", 33);
	msg_answer_to(&m, "a.example", 33, 0);
	uint8_t *target = calloc(1, 300);
	assert_non_null(target);
	for (unsigned i = 0; i < 4; i++)
		memset(target + 6 + 62 * i, i ? 'a' : 'b', 62), target[6 + 62 * i] = 61;
	target[6 + 248] = 0;
	msg_record(&m, ANSWERS, "a.example", 33, 60, target, 6 + 249);
	/* Pointers to the first one's target: 2 bytes each that become 249. */
	for (unsigned i = 0; i < 400; i++)
		msg_record(&m, ANSWERS, "a.example", 33, 60, "\0\1\0\1\0\1\xc0\x36", 8);
	assert_memory_equal(m.b + 0x36, target + 6, 8);
	dns_answer_free(made);
	made = NULL;
	assert_int_equal(dns_answer_make(msg_end(&m), &longer, &all, &did, &made), DNS_EXCESSIVE);
	assert_null(made);
	free(target);
}

/* --- the question as it was asked --- */

static void
each_guest_sees_its_own_id_and_spelling(void **state)
{
	struct dns_query q = kit_query("www.example.com", DNS_A);
	struct dns_query other = kit_query("WWW.EXAMPLE.com", DNS_A);

	(void)state;
	msg_answer_to(&m, "www.example.com", DNS_A, 0);
	msg_addr(&m, ANSWERS, "www.example.com", 60, "1.2.3.4");
	make(&q);
	other.id = 0x4321;
	other.rd = false;
	other.cd = true;
	tell(&other, 512, EDE_NONE, NULL);
	assert_int_equal(seen.id, 0x4321);
	assert_int_equal(seen.flags, QR | RA | CD);
	assert_memory_equal(seen.asked.wire, "\3WWW\7EXAMPLE\3com", 17);
	assert_memory_equal(seen.record[0].owner.wire, "\3WWW\7EXAMPLE\3com", 17);
	tell(&q, 512, EDE_NONE, NULL);
	assert_memory_equal(seen.asked.wire, "\3www\7example\3com", 17);
}

/* --- compression --- */

static void
names_are_compressed_and_read_the_same(void **state)
{
	struct dns_query q = kit_query("www.example.com", DNS_MX);

	(void)state;
	msg_answer_to(&m, "www.example.com", DNS_MX, 0);
	msg_record(&m, ANSWERS, "www.example.com", DNS_MX, 60, "\0\12\5mail1\7EXAMPLE\3com", 21);
	msg_record(&m, ANSWERS, "www.example.com", DNS_MX, 60, "\0\24\5mail2\7example\3com", 21);
	msg_addr(&m, ADDITIONALS, "mail1.example.com", 60, "1.2.3.4");
	msg_addr(&m, ADDITIONALS, "other.org", 60, "1.2.3.4");
	make(&q);
	size_t len = tell(&q, 512, EDE_NONE, NULL);
	/* 12 + 21, two of 2 + 10 + 2 + 8, one of 2 + 10 + 4, one of 11 + 10 + 4. */
	assert_int_equal(len, 33 + 2 * 22 + 16 + 25);
	struct naive_name mail = {.len = 0};
	assert_true(naive_name_read(out, len, seen.record[1].at + 2, &mail) > 0);
	assert_memory_equal(mail.wire, "\5mail2\7example\3com", 19);
	assert_memory_equal(seen.record[2].owner.wire, "\5mail1", 6);
}

/* Any names in any order: an independent reader gets them back. */
static void
whatever_is_composed_is_read_back(void **state)
{
	static uint8_t buf[40000];
	static struct {
		uint8_t wire[256];
		size_t len, at;
	} names[600];
	static const uint8_t letters[5] = {'a', 'b', 'A', 'B', 0};
	uint64_t seed = 5;

	(void)state;
	for (unsigned round = 0; round < 30; round++) {
		struct compose c;

		compose_start(&c, buf, sizeof(buf));
		wr_take(&c.w, 12);
		for (unsigned i = 0; i < 600; i++) {
			size_t len = 0;

			/* Few different labels, so that suffixes meet; sometimes as many as fit. */
			unsigned most = kit_random(&seed) % 8 ? 5 : 100;
			for (unsigned n = (unsigned)(kit_random(&seed) % most); n && len < 240; n--) {
				names[i].wire[len] = (uint8_t)(1 + kit_random(&seed) % 2);
				for (unsigned b = 1; b <= names[i].wire[len]; b++)
					names[i].wire[len + b] = letters[kit_random(&seed) % 5];
				len += names[i].wire[len] + 1u;
			}
			names[i].wire[len++] = 0;
			names[i].len = len;
			names[i].at = compose_len(&c);
			compose_name(&c, view_of(names[i].wire, len));
			assert_false(c.w.bad);
		}
		for (unsigned i = 0; i < 600; i++) {
			struct naive_name got, want;

			memcpy(want.wire, names[i].wire, names[i].len);
			want.len = (unsigned)names[i].len;
			assert_true(naive_name_read(buf, compose_len(&c), names[i].at, &got) > 0);
			assert_true(naive_name_eq(&got, &want));
		}
	}
}

static void
what_has_no_room_is_bad_and_stays_within(void **state)
{
	static const uint8_t name[] = "\3www\7example\3com";

	(void)state;
	for (size_t room = 12; room < 12 + 3 * sizeof(name); room++) {
		uint8_t *block = malloc(room);
		struct compose c;

		assert_non_null(block);
		compose_start(&c, block, room);
		wr_take(&c.w, 12);
		for (unsigned i = 0; i < 3; i++)
			compose_name(&c, view_of(name + (i == 2 ? 4 : 0), sizeof(name) - (i == 2 ? 4 : 0)));
		assert_int_equal(c.w.bad, room < 12 + sizeof(name) + 4);
		free(block);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(additional_goes_first_then_authority_then_addresses, forget),
	    cmocka_unit_test_teardown(without_edns_512_bytes_and_with_it_what_was_asked_for, forget),
	    cmocka_unit_test_teardown(half_a_set_of_other_types_is_truncated, forget),
	    cmocka_unit_test_teardown(who_validates_gets_everything_or_tc, forget),
	    cmocka_unit_test_teardown(words_go_before_records, forget),
	    cmocka_unit_test_teardown(the_largest_answer_fits_a_tcp_message, forget),
	    cmocka_unit_test_teardown(each_guest_sees_its_own_id_and_spelling, forget),
	    cmocka_unit_test_teardown(names_are_compressed_and_read_the_same, forget),
	    cmocka_unit_test(whatever_is_composed_is_read_back),
	    cmocka_unit_test(what_has_no_room_is_bad_and_stays_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
