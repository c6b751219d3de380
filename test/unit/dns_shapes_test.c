/*
 * dns_shapes_test.c - what an upstream may bend: names whose hashes are the same, more addresses than are kept, services
 * as an older ldns has them, reverse names that are no addresses
 */
#include "dns/answer_make.h"
#include "dns/compose.h"
#include "dns/local.h"
#include "dns/precheck.h"
#include "policy/evidence.h"
#include "test/unit/dns_answer_kit.h"

#include <inttypes.h>
#include <stdio.h>

/* --- compression ------------------------------------------------------------------------------------------- */

enum { TRIES = 1 << 19 };

struct tried {
	uint32_t hash, n;
};

/* FNV-1a over a label, as compose.c has it of a name of one label. */
static uint32_t
hash_of(const char *label)
{
	uint32_t h = (2166136261u ^ (uint8_t)strlen(label)) * 16777619u;

	for (; *label; label++)
		h = (h ^ (uint8_t)*label) * 16777619u;
	return h;
}

/* Of one length or of another, scattered: which of them collide is a matter of the number. */
static void
label_of(uint32_t n, char to[16])
{
	uint64_t x = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	snprintf(to, 16, "%0*" PRIx64, n % 2 ? 11 : 12, n % 2 ? x >> 20 : x >> 16);
}

static int
by_hash(const void *a, const void *b)
{
	const struct tried *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static size_t
put_name(struct compose *c, const char *label)
{
	uint8_t wire[32];
	size_t before = compose_len(c);

	compose_name(c, view_of(wire, kit_name(label, wire)));
	return compose_len(c) - before;
}

/* Two names are the same if they read the same: an upstream can find as many with one hash as it likes. */
static void
names_of_one_hash_are_not_mixed_up(void **state)
{
	struct tried *t = calloc(TRIES, sizeof(*t));
	unsigned alike = 0, other_length = 0;

	(void)state;
	assert_non_null(t);
	for (uint32_t i = 0; i < TRIES; i++) {
		char label[16];

		label_of(i, label);
		t[i] = (struct tried){hash_of(label), i};
	}
	qsort(t, TRIES, sizeof(*t), by_hash);
	for (uint32_t i = 1; i < TRIES; i++) {
		uint8_t room[128];
		struct compose c;
		char a[16], b[16];

		if (t[i].hash != t[i - 1].hash)
			continue;
		label_of(t[i - 1].n, a);
		label_of(t[i].n, b);
		compose_start(&c, room, sizeof(room));
		wr_take(&c.w, 12);
		assert_int_equal(put_name(&c, a), strlen(a) + 2);
		assert_int_equal(put_name(&c, b), strlen(b) + 2);
		assert_memory_equal(room + 12 + strlen(a) + 3, b, strlen(b));
		/* Either is found again. */
		assert_int_equal(put_name(&c, a), 2);
		assert_int_equal(put_name(&c, b), 2);
		assert_false(c.w.bad);
		alike += strlen(a) == strlen(b);
		other_length += strlen(a) != strlen(b);
	}
	assert_true(alike > 0 && other_length > 0);
	free(t);
}

/* 14 bits: what lies behind is written, but not pointed to. */
static void
a_pointer_reaches_16383_bytes(void **state)
{
	static uint8_t room[20000];

	(void)state;
	for (size_t at = 0x3ffe; at <= 0x4001; at++) {
		struct compose c;

		compose_start(&c, room, sizeof(room));
		wr_take(&c.w, at);
		assert_int_equal(put_name(&c, "a.example"), 11);
		/* Of a.example, a stands at `at` and example two bytes behind. */
		assert_int_equal(put_name(&c, "a.example"), at <= 0x3fff ? 2 : 11);
		assert_int_equal(put_name(&c, "b.example"), at + 2 <= 0x3fff ? 4 : 11);
	}
}

/* A name of which a part did not fit is none: nothing may point there. */
static void
a_name_that_is_cut_off_is_not_remembered(void **state)
{
	(void)state;
	for (size_t room = 13; room < 23; room++) {
		uint8_t *exact = malloc(room);
		struct compose c;

		assert_non_null(exact);
		compose_start(&c, exact, room);
		wr_take(&c.w, 12);
		put_name(&c, "a.example");
		assert_true(c.w.bad);
		for (unsigned i = 0; i < COMPOSE_SLOTS; i++)
			assert_int_equal(c.slot[i].at, 0);
		free(exact);
	}
}

/* --- proof ------------------------------------------------------------------------------------------------- */

static void
no_more_addresses_are_proved_than_are_kept(void **state)
{
	static const uint8_t secret[16];
	struct dns_query q = kit_query("a.example", DNS_A);
	struct evidence *e = evidence_new(1024, secret);

	(void)state;
	assert_non_null(e);
	msg_answer_to(&m, "a.example", DNS_A, 0);
	for (unsigned i = 0; i < EVIDENCE_ADDRS + 6; i++) {
		char text[32];

		snprintf(text, sizeof(text), "93.184.216.%u", i);
		msg_addr(&m, ANSWERS, "a.example", 60, text);
	}
	make(&q, &all);
	assert_int_equal(seen.count[ANSWERS], EVIDENCE_ADDRS + 6);
	dns_answer_prove(made, 0, e, 0);
	assert_int_equal(evidence_count(e), EVIDENCE_ADDRS);
	evidence_free(e);
}

/* --- services in one field ---------------------------------------------------------------------------------- */

/* As ldns reads it that was built without these types: RDATA is one field that nobody looked into. */
static struct item
one_field(const void *data, size_t len)
{
	struct item it = {
	    .rr = ldns_rr_new(), .section = ANSWER, .type = DNS_HTTPS, .ttl = 60, .stays = true};
	ldns_rdf *f = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, len, data);

	assert_non_null(it.rr);
	assert_non_null(f);
	ldns_rr_set_type(it.rr, LDNS_RR_TYPE_HTTPS);
	assert_true(ldns_rr_push_rdf(it.rr, f));
	return it;
}

static void
a_service_is_one_field_too(void **state)
{
	static const struct {
		const char *data, *left;
		size_t len, left_len;
		bool stays;
	} rows[] = {
	    /* Of the root, of a name; without and with parameters that go. */
	    {"\0\1\0", "\0\1\0", 3, 3, true},
	    {"\0\1\3svc\0", "\0\1\3svc\0", 7, 7, true},
	    {"\0\1\3svc\0\0\5\0\1x", "\0\1\3svc\0", 12, 7, true},
	    {"\0\1\0\0\4\0\10\10\10\10\10\12\0\0\1", "\0\1\0\0\4\0\4\10\10\10\10", 15, 11, true},
	    {"\0\1\0\0\0\0\2\0\5\0\5\0\1x", NULL, 14, 0, false},
	    /* A pointer, a label and no more, nothing at all. */
	    {"\0\1\300\14", NULL, 4, 0, false},
	    {"\0\1\3svc\300\14", NULL, 8, 0, false},
	    {"\0\1\5svc", NULL, 6, 0, false},
	    {"\0\1\3svc", NULL, 6, 0, false},
	    {"\0", NULL, 1, 0, false},
	};
	struct dns_query q = kit_query("a.example", DNS_HTTPS);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct item it = one_field(rows[i].data, rows[i].len);
		struct dns_filtered done = {.removed = 0};
		struct draft d = {.q = &q, .f = &strict, .did = &done, .item = &it, .n = 1};

		answer_filter(&d);
		assert_int_equal(it.stays, rows[i].stays);
		assert_int_equal(d.touched, !rows[i].stays || rows[i].len != rows[i].left_len);
		if (it.stays) {
			assert_int_equal(item_field(&it, 0).len, rows[i].left_len);
			assert_memory_equal(item_field(&it, 0).p, rows[i].left, rows[i].left_len);
		}
		ldns_rr_free(it.rr);
	}
}

/* ldns gives what is no address in an A record no field; nothing is read of it. */
static void
an_address_of_another_length_is_taken_out(void **state)
{
	static const uint8_t data[16] = {8, 8, 8, 8, 8};
	static const struct {
		uint16_t type;
		size_t len;
		bool stays;
	} rows[] = {{DNS_A, 4, true},     {DNS_A, 3, false},     {DNS_A, 5, false},   {DNS_A, 16, false},
		    {DNS_AAAA, 4, false}, {DNS_AAAA, 15, false}, {DNS_AAAA, 16, true}};
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct item it = one_field(data, rows[i].len);
		struct dns_filtered done = {.removed = 0};
		struct draft d = {.q = &q, .f = &all, .did = &done, .item = &it, .n = 1};

		it.type = rows[i].type;
		answer_filter(&d);
		assert_int_equal(it.stays, rows[i].stays);
		ldns_rr_free(it.rr);
	}
}

/* --- words ------------------------------------------------------------------------------------------------- */

/* The words of an extended error end before a character that does not fit, and are left out if none does. */
static void
words_are_not_cut_inside_of_a_character(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);
	char text[1024];

	(void)state;
	q.edns = true;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	size_t most = dns_opt_size(&q, EDE_BLOCKED, text) - 17;

	assert_true(most > 8 && most < sizeof(text) - 8);
	for (size_t at = most - 3; at <= most; at++) {
		memset(text, 'x', sizeof(text) - 1);
		memcpy(text + at, "\xf0\x9f\x98\x80", 4);
		assert_int_equal(dns_opt_size(&q, EDE_BLOCKED, text), 17 + at);
	}
	memset(text, '\x80', sizeof(text) - 1);
	assert_int_equal(dns_opt_size(&q, EDE_BLOCKED, text), 17);
}

/* --- reverse names ----------------------------------------------------------------------------------------- */

/* What is no label of an address ends it; the network that stands before decides. */
static void
reverse_names_with_labels_that_are_no_digits(void **state)
{
	static const struct {
		const char *name;
		enum dns_local_is is;
	} rows[] = {
	    {"-.10.in-addr.arpa", LOCAL_NXDOMAIN},
	    {"1000.10.in-addr.arpa", LOCAL_NXDOMAIN},
	    {"256.10.in-addr.arpa", LOCAL_NXDOMAIN},
	    {"a.168.192.in-addr.arpa", LOCAL_NXDOMAIN},
	    {"0/26.168.192.in-addr.arpa", LOCAL_NXDOMAIN},
	    {"x.192.in-addr.arpa", LOCAL_NOT},
	    {"1000.in-addr.arpa", LOCAL_NOT},
	    {"300.in-addr.arpa", LOCAL_NOT},
	    {"10.x.in-addr.arpa", LOCAL_NOT},
	    {"in-addr.arpa", LOCAL_NOT},
	    {"g.0.d.f.ip6.arpa", LOCAL_NXDOMAIN},
	    {"10.d.f.ip6.arpa", LOCAL_NXDOMAIN},
	    {"g.f.ip6.arpa", LOCAL_NOT},
	    {"d.10.ip6.arpa", LOCAL_NOT},
	    {"ip6.arpa", LOCAL_NOT},
	};
	struct surroundings where = {.gateway = {{{0}}}};
	struct diag_sink sink = {.errors = 0};
	struct dns_local *l = dns_local_new(NULL, 0, &sink);
	struct addr addrs[DNS_LOCAL_ADDRS];
	unsigned n;

	(void)state;
	assert_non_null(l);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_query q = kit_query(rows[i].name, 12);

		if (dns_local_find(l, &where, &q, false, addrs, &n) != rows[i].is)
			fail_msg("%s", rows[i].name);
	}
	dns_local_free(l);
}

static void
static_hosts_without_an_address(void **state)
{
	static const struct {
		const char *host, *told;
	} rows[] = {
	    {"a.test=", "'a.test=': '' is no address of a static host"},
	    {"a.test=1.2.3.4,", "'a.test=1.2.3.4,': '' is no address of a static host"},
	    {"a.test=1.2.3.4,,1.2.3.5", "'a.test=1.2.3.4,,1.2.3.5': '' is no address of a static host"},
	    {"a.test=0000:0000:0000:0000:0000:0000:0000:0000:0000:1234",
	     "'a.test=0000:0000:0000:0000:0000:0000:0000:0000:0000:1234': "
	     "'0000:0000:0000:0000:0000:0000:0000:0000:0000:1234' is no address of a static host"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag_sink sink = {.errors = 0};

		assert_null(dns_local_new(&rows[i].host, 1, &sink));
		assert_int_equal(sink.errors, 1);
		assert_string_equal(sink.first, rows[i].told);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_of_one_hash_are_not_mixed_up),
	    cmocka_unit_test(a_pointer_reaches_16383_bytes),
	    cmocka_unit_test(a_name_that_is_cut_off_is_not_remembered),
	    cmocka_unit_test_teardown(no_more_addresses_are_proved_than_are_kept, forget),
	    cmocka_unit_test(a_service_is_one_field_too),
	    cmocka_unit_test(an_address_of_another_length_is_taken_out),
	    cmocka_unit_test(words_are_not_cut_inside_of_a_character),
	    cmocka_unit_test(reverse_names_with_labels_that_are_no_digits),
	    cmocka_unit_test(static_hosts_without_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
