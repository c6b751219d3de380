/*
 * dns_query_test.c - queries of the guest, and the answers made from them alone (D1, D3, D4 of the list of hostile inputs;
 * 38 and 39 of the checklist)
 */
#include "dns/query.h"

#include "dns/precheck.h"
#include "test/unit/dns_msg_kit.h"

#include <stdio.h>

static struct message m;
static struct dns_query q;
static struct naive_dns seen;
static uint8_t out[DNS_SMALL_MAX];
static char ede_text[256];

/* Read in a block of its exact size. */
static enum dns_reading
read_query(struct view msg, uint8_t *rcode)
{
	uint8_t *block = malloc(msg.len ? msg.len : 1);

	assert_non_null(block);
	if (msg.len)
		memcpy(block, msg.p, msg.len);
	enum dns_reading is = dns_query_read(view_of(block, msg.len), &q, rcode);
	free(block);
	return is;
}

static void
expect_answer(struct view msg, unsigned rcode)
{
	uint8_t got = 99;

	assert_int_equal(read_query(msg, &got), DNS_ANSWER);
	assert_int_equal(got, rcode);
}

static void
expect_read(struct view msg)
{
	uint8_t rcode;

	assert_int_equal(read_query(msg, &rcode), DNS_READ);
}

static struct view
plain(const char *name, unsigned type)
{
	msg_start(&m, 0xabcd, RD);
	msg_question(&m, name, type);
	return msg_end(&m);
}

/* --- D1: the header --- */

static void
no_header_and_responses_are_ignored(void **state)
{
	uint8_t rcode;
	struct view msg = plain("example.com", DNS_A);

	(void)state;
	for (size_t n = 0; n < 12; n++)
		assert_int_equal(read_query(view_of(msg.p, n), &rcode), DNS_IGNORE);
	m.b[2] |= 0x80;
	assert_int_equal(read_query(msg, &rcode), DNS_IGNORE);
}

static void
anything_but_one_question_is_a_format_error_that_gives_the_id_back(void **state)
{
	static const unsigned counts[] = {0, 2, 65535};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		msg_start(&m, 0xabcd, RD);
		for (unsigned n = 0; n < counts[i] && n < 2; n++)
			msg_question(&m, "example.com", DNS_A);
		m.count[QUESTION] = (uint16_t)counts[i];
		expect_answer(msg_end(&m), DNS_FORMERR);
		size_t len = dns_error(&q, DNS_FORMERR, EDE_NONE, NULL, out, sizeof(out));
		assert_int_equal(len, 12);
		assert_memory_equal(out, "\xab\xcd\x81\x81\0\0\0\0\0\0\0\0", 12);
	}
	/* Every truncation, and a byte too many. */
	struct view msg = plain("example.com", DNS_A);
	for (size_t n = 12; n < msg.len; n++)
		expect_answer(view_of(msg.p, n), DNS_FORMERR);
	m.b[msg.len] = 0;
	expect_answer(view_of(msg.p, msg.len + 1), DNS_FORMERR);
	/* What could be read of the question is given back. */
	assert_true(dns_error(&q, DNS_FORMERR, EDE_NONE, NULL, out, sizeof(out)) == msg.len);
}

static void
other_opcodes_are_not_implemented_and_given_back(void **state)
{
	(void)state;
	for (unsigned opcode = 1; opcode < 16; opcode++) {
		msg_start(&m, 1, RD | opcode << 11);
		msg_question(&m, "example.com", DNS_SOA);
		/* NOTIFY and UPDATE bring records. */
		msg_soa(&m, "example.com", 1, 1);
		expect_answer(msg_end(&m), DNS_NOTIMP);
		dns_error(&q, DNS_NOTIMP, EDE_NONE, NULL, out, sizeof(out));
		assert_int_equal(out[2] >> 3 & 0xf, opcode);
		assert_int_equal(out[3] & 0xf, DNS_NOTIMP);
	}
}

static void
flags_are_read_and_the_reserved_one_is_not_given_back(void **state)
{
	(void)state;
	msg_start(&m, 1, RD | AD | CD | 0x0040 | TC | AA | RA);
	msg_question(&m, "example.com", DNS_A);
	expect_read(msg_end(&m));
	assert_true(q.rd && q.ad && q.cd && !q.edns && !q.dnssec_ok);
	assert_int_equal(q.udp_size, 512);
	dns_error(&q, DNS_NOERROR, EDE_NONE, NULL, out, sizeof(out));
	assert_int_equal(out[2] << 8 | out[3], QR | RD | RA | CD);
	plain("example.com", DNS_A);
	m.b[2] = 0;
	expect_read(view_of(m.b, (size_t)(m.w.p - m.b)));
	assert_false(q.rd);
}

/* --- D2: names as labels --- */

static void
a_dot_or_a_nul_inside_a_label_separates_nothing(void **state)
{
	struct name plain_name = kit_name_of("allowed.example");
	static const uint8_t odd[] = "\17allowed.example\0\0\1\0\1";
	static const uint8_t nul[] = "\17allowed\0example\0\0\1\0\1";

	(void)state;
	msg_start(&m, 1, RD);
	wr_bytes(&m.w, odd, 21);
	m.count[QUESTION] = 1;
	expect_read(msg_end(&m));
	assert_false(name_eq(&q.name, &plain_name));
	assert_int_equal(name_labels(&q.name), 1);
	msg_start(&m, 1, RD);
	wr_bytes(&m.w, nul, 21);
	m.count[QUESTION] = 1;
	expect_read(msg_end(&m));
	assert_int_equal(q.name.len, 17);
}

static void
case_is_folded_to_judge_and_given_back(void **state)
{
	struct name lower = kit_name_of("www.example.com");
	static const char spelled[] = "\3wWw\7eXaMpLe\3CoM";

	(void)state;
	expect_read(plain("wWw.eXaMpLe.CoM", DNS_AAAA));
	assert_true(name_eq(&q.name, &lower));
	size_t len = dns_error(&q, DNS_NXDOMAIN, EDE_NONE, NULL, out, sizeof(out));
	assert_memory_equal(out + 12, spelled, sizeof(spelled));
	/* Upstream it is asked in lower case: nothing is told by its case. */
	len = dns_query_write(&q, 1, true, out, sizeof(out));
	assert_memory_equal(out + 12, lower.wire, lower.len);
	assert_true(len > 12);
}

/* --- D3: EDNS --- */

static struct view
with_opt(unsigned size, uint32_t flags, const void *options, size_t len)
{
	msg_start(&m, 1, RD);
	msg_question(&m, "example.com", DNS_A);
	msg_opt(&m, size, flags, options, len);
	return msg_end(&m);
}

static void
edns_is_read(void **state)
{
	static const struct {
		unsigned says, means;
	} size[] = {{0, 512},   {1, 512},     {511, 512},   {512, 512},
		    {513, 513}, {1232, 1232}, {4096, 4096}, {65535, 65535}};

	(void)state;
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		expect_read(with_opt(size[i].says, 0, "", 0));
		assert_true(q.edns && !q.dnssec_ok);
		assert_int_equal(q.udp_size, size[i].means);
	}
	expect_read(with_opt(1232, 0x8000, "\0\12\0\10abcdefgh", 12));
	assert_true(q.dnssec_ok);
	/* Behind another record. */
	msg_start(&m, 1, RD);
	msg_question(&m, "example.com", DNS_A);
	msg_record(&m, ADDITIONALS, "key.example", 10, 0, "abc", 3);
	msg_opt(&m, 1400, 0x8000, "", 0);
	expect_read(msg_end(&m));
	assert_true(q.dnssec_ok && q.udp_size == 1400);
}

static void
a_broken_opt_is_a_format_error_and_a_new_version_a_bad_one(void **state)
{
	(void)state;
	expect_answer(with_opt(1232, 0, "\0\12\0\5ab", 6), DNS_FORMERR);
	with_opt(1232, 0, "", 0);
	msg_opt(&m, 1232, 0, "", 0);
	expect_answer(msg_end(&m), DNS_FORMERR);
	msg_start(&m, 1, RD);
	msg_question(&m, "example.com", DNS_A);
	msg_record(&m, ADDITIONALS, "x", DNS_OPT, 0, "", 0);
	expect_answer(msg_end(&m), DNS_FORMERR);
	/* RDLENGTH past the end of the message. */
	struct view msg = with_opt(1232, 0, "", 0);
	m.b[msg.len - 1] = 1;
	expect_answer(msg, DNS_FORMERR);

	for (unsigned version = 1; version < 256; version += 127) {
		expect_answer(with_opt(1232, (uint32_t)version << 16, "", 0), DNS_BADVERS);
		/* RFC 6891 6.1.3: in two halves, with the version that we speak. */
		size_t len = dns_error(&q, DNS_BADVERS, EDE_NONE, NULL, out, sizeof(out));
		kit_read(out, len, &seen);
		assert_int_equal(seen.flags & 0xf, 0);
		assert_int_equal(naive_dns_find(&seen, ADDITIONALS, DNS_OPT)->ttl, 0x01000000);
	}
}

/* --- D4: types --- */

static void
types_that_ask_for_no_record_are_not_implemented(void **state)
{
	static const struct {
		unsigned type;
		int is; /* -1: read */
	} types[] = {{DNS_A, -1},
		     {10 /* NULL */, -1},
		     {DNS_TXT, -1},
		     {DNS_HTTPS, -1},
		     {DNS_PTR, -1},
		     {DNS_ANY, -1},
		     {65280, -1},
		     {127, -1},
		     {256, -1},
		     {DNS_AXFR, 4},
		     {DNS_IXFR, 4},
		     {249 /* TKEY */, 4},
		     {250 /* TSIG */, 4},
		     {253, 4},
		     {254, 4},
		     {128, 4},
		     {0, DNS_FORMERR},
		     {DNS_OPT, DNS_FORMERR}};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].is < 0)
			expect_read(plain("example.com", types[i].type));
		else
			expect_answer(plain("example.com", types[i].type), (unsigned)types[i].is);
	}
	/* An IXFR as it is sent, with what is known already; nobody else may. */
	msg_start(&m, 1, 0);
	msg_question(&m, "example.com", DNS_IXFR);
	msg_soa(&m, "example.com", 1, 1);
	expect_answer(msg_end(&m), DNS_NOTIMP);
	msg_start(&m, 1, 0);
	msg_question(&m, "example.com", DNS_A);
	msg_soa(&m, "example.com", 1, 1);
	expect_answer(msg_end(&m), DNS_FORMERR);
}

static void
only_the_internet_has_names(void **state)
{
	static const uint8_t classes[] = {0, 3 /* CHAOS */, 4, 254, 255};

	(void)state;
	for (size_t i = 0; i < sizeof(classes); i++) {
		struct view msg = plain("version.bind", DNS_TXT);

		m.b[msg.len - 1] = classes[i];
		expect_answer(msg, DNS_NOTIMP);
	}
}

/* --- answers without records (38) --- */

static void
an_error_keeps_id_and_question(void **state)
{
	static const uint8_t rcodes[] = {DNS_NOERROR,  DNS_FORMERR, DNS_SERVFAIL,
					 DNS_NXDOMAIN, DNS_NOTIMP,  DNS_REFUSED};

	(void)state;
	for (size_t i = 0; i < sizeof(rcodes); i++) {
		expect_read(plain("Example.com", DNS_TXT));
		size_t len = dns_error(&q, rcodes[i], EDE_BLOCKED, "no EDNS, no words", out, sizeof(out));
		kit_read(out, len, &seen);
		assert_int_equal(seen.id, 0xabcd);
		assert_int_equal(seen.flags, QR | RD | RA | rcodes[i]);
		assert_int_equal(seen.type, DNS_TXT);
		assert_int_equal(seen.class, 1);
		assert_memory_equal(seen.asked.wire, "\7Example\3com", 13);
		assert_int_equal(seen.n, 0);
		assert_int_equal(dns_precheck(view_of(out, len), false), PRECHECK_OK);
		assert_true(dns_is_answer_to(view_of(out, len), &q, 0xabcd));
		assert_int_equal(dns_rcode(view_of(out, len)), rcodes[i]);
	}
}

static void
an_extended_error_says_why(void **state)
{
	char text[600];

	(void)state;
	expect_read(with_opt(1232, 0x8000, "", 0));
	size_t len =
	    dns_error(&q, DNS_NXDOMAIN, EDE_BLOCKED, "rule 3: deny to *.example.com", out, sizeof(out));
	kit_read(out, len, &seen);
	assert_int_equal(naive_dns_ede(out, &seen, ede_text), 15);
	assert_string_equal(ede_text, "rule 3: deny to *.example.com");
	const struct naive_record *opt = naive_dns_find(&seen, ADDITIONALS, DNS_OPT);
	assert_int_equal(opt->class, DNS_UDP_MAX);
	assert_int_equal(opt->ttl, 0x8000);

	len = dns_error(&q, DNS_SERVFAIL, EDE_NO_REACHABLE, NULL, out, sizeof(out));
	kit_read(out, len, &seen);
	assert_int_equal(naive_dns_ede(out, &seen, ede_text), 22);
	assert_string_equal(ede_text, "");
	len = dns_error(&q, DNS_SERVFAIL, EDE_NONE, "nothing", out, sizeof(out));
	kit_read(out, len, &seen);
	assert_int_equal(naive_dns_ede(out, &seen, ede_text), -1);

	/* Cut to 200 bytes, but not within a character. */
	memset(text, 'x', sizeof(text));
	text[599] = '\0';
	len = dns_error(&q, DNS_NXDOMAIN, EDE_BLOCKED, text, out, sizeof(out));
	kit_read(out, len, &seen);
	naive_dns_ede(out, &seen, ede_text);
	assert_int_equal(strlen(ede_text), 200);
	memcpy(text + 199, "\xc3\xa9", 2);
	len = dns_error(&q, DNS_NXDOMAIN, EDE_BLOCKED, text, out, sizeof(out));
	kit_read(out, len, &seen);
	naive_dns_ede(out, &seen, ede_text);
	assert_int_equal(strlen(ede_text), 199);
}

static void
the_longest_answer_fits_512_bytes_and_no_room_gives_none(void **state)
{
	char text[300];
	uint8_t name[300];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[299] = '\0';
	memset(name, 'x', sizeof(name));
	for (unsigned i = 0; i < 3; i++)
		name[64 * i] = 63;
	name[192] = 61;
	name[254] = 0;
	msg_start(&m, 1, RD);
	wr_bytes(&m.w, name, 255);
	wr_u32(&m.w, 0x00010001);
	m.count[QUESTION] = 1;
	msg_opt(&m, 512, 0x8000, "", 0);
	expect_read(msg_end(&m));
	size_t len = dns_error(&q, DNS_NXDOMAIN, EDE_BLOCKED, text, out, sizeof(out));
	assert_true(len > 400 && len <= 512);
	for (size_t room = 0; room < len; room++)
		assert_int_equal(dns_error(&q, DNS_NXDOMAIN, EDE_BLOCKED, text, out, room), 0);
	len = dns_query_write(&q, 1, true, out, sizeof(out));
	assert_true(len > 255);
	for (size_t room = 0; room < len; room++)
		assert_int_equal(dns_query_write(&q, 1, true, out, room), 0);
}

/* --- upstream --- */

static void
nothing_of_the_guest_leaves_but_its_question(void **state)
{
	/* A cookie, a client subnet, padding: hop by hop, or the guest's business. */
	static const uint8_t options[] = "\0\12\0\10secretXY\0\10\0\7\0\1\30\0\1\2\3\0\14\0\4\0\0\0\0";

	(void)state;
	msg_start(&m, 0xabcd, RD | CD | 0x0040);
	msg_question(&m, "Example.Com", DNS_HTTPS);
	msg_opt(&m, 4096, 0x8000 | 0x1234, options, 31);
	expect_read(msg_end(&m));
	size_t len = dns_query_write(&q, 0x5678, true, out, sizeof(out));
	static const uint8_t want[] = "\x56\x78\x01\x30\0\1\0\0\0\0\0\1"
				      "\7example\3com\0\0\x41\0\1"
				      "\0\0\x29\x04\xd0\0\0\x80\0\0\0";
	assert_int_equal(len, sizeof(want) - 1);
	assert_memory_equal(out, want, len);
	assert_int_equal(dns_precheck(view_of(out, len), true), PRECHECK_OK);
}

/* Padded, whatever the name's length, to a multiple of 128; and still a query. */
static void
padded_queries(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 63; n++) {
		char name[80];

		q = (struct dns_query){.rd = true, .type = DNS_A, .class = 1};
		snprintf(name, sizeof(name), "%.*s.example", (int)n,
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnop");
		assert_true(name_parse(name, strlen(name), &q.name));
		size_t bare = dns_query_write(&q, 7, true, out, sizeof(out));
		size_t len = dns_query_write_padded(&q, 7, true, out, sizeof(out));
		assert_int_equal(len % DNS_PADDED, 0);
		assert_true(len >= bare + 4 && len < bare + 4 + DNS_PADDED);
		assert_int_equal(dns_precheck(view_of(out, len), true), PRECHECK_OK);
		/* RFC 7830 3: option 12, zeroes. */
		assert_int_equal(out[bare] << 8 | out[bare + 1], 12);
		assert_int_equal((size_t)(out[bare + 2] << 8 | out[bare + 3]), len - bare - 4);
		assert_int_equal((size_t)(out[bare - 2] << 8 | out[bare - 1]), len - bare);
		for (size_t i = bare + 4; i < len; i++)
			assert_int_equal(out[i], 0);
		/* It fits exactly, or not at all; without EDNS there is nothing to pad. */
		assert_int_equal(dns_query_write_padded(&q, 7, true, out, len), len);
		assert_int_equal(dns_query_write_padded(&q, 7, true, out, len - 1), 0);
		assert_int_equal(dns_query_write_padded(&q, 7, false, out, sizeof(out)), bare - 11);
	}
}

static void
only_the_very_answer_is_one(void **state)
{
	struct view msg;

	(void)state;
	expect_read(plain("example.com", DNS_A));
	msg_start(&m, 77, QR | RD | RA);
	msg_question(&m, "eXAMPLE.com", DNS_A);
	msg = msg_end(&m);
	assert_true(dns_is_answer_to(msg, &q, 77));
	assert_false(dns_is_answer_to(msg, &q, 78));
	for (size_t n = 0; n < msg.len; n++)
		assert_false(dns_is_answer_to(view_of(msg.p, n), &q, 77));
	m.b[2] &= 0x7f; /* a query */
	assert_false(dns_is_answer_to(msg, &q, 77));
	m.b[2] |= 0x80 | 4 << 3; /* a NOTIFY's response */
	assert_false(dns_is_answer_to(msg, &q, 77));
	static const struct {
		const char *name;
		unsigned type, class;
	} other[] = {{"example.org", DNS_A, 1},
		     {"www.example.com", DNS_A, 1},
		     {"example.com", DNS_AAAA, 1},
		     {"example.com", DNS_A, 3}};
	for (size_t i = 0; i < 4; i++) {
		msg_start(&m, 77, QR | RD | RA);
		msg_question(&m, other[i].name, other[i].type);
		msg = msg_end(&m);
		m.b[msg.len - 1] = (uint8_t)other[i].class;
		assert_false(dns_is_answer_to(msg, &q, 77));
	}
	msg_start(&m, 77, QR | RD | RA);
	msg_question(&m, "example.com", DNS_A);
	msg_question(&m, "example.com", DNS_A);
	assert_false(dns_is_answer_to(msg_end(&m), &q, 77));
	msg_start(&m, 77, QR | TC | DNS_REFUSED);
	assert_true(dns_is_truncated(msg_end(&m)));
	assert_int_equal(dns_rcode(msg_end(&m)), DNS_REFUSED);
	msg_start(&m, 77, QR);
	assert_false(dns_is_truncated(msg_end(&m)));
}

/* Random queries are read, written and read again as the same question. */
static void
a_question_survives_the_way_upstream(void **state)
{
	uint64_t seed = 38;

	(void)state;
	for (unsigned round = 0; round < KIT_ROUNDS; round++) {
		uint8_t name[256];
		size_t len = 0;
		struct dns_query again;
		uint8_t rcode;

		for (unsigned labels = (unsigned)(kit_random(&seed) % 6); labels; labels--) {
			name[len] = (uint8_t)(1 + kit_random(&seed) % 40);
			kit_fill(&seed, name + len + 1, name[len]);
			len += name[len] + 1u;
		}
		name[len++] = 0;
		msg_start(&m, (uint16_t)kit_random(&seed), kit_random(&seed) & (RD | AD | CD));
		wr_bytes(&m.w, name, len);
		wr_u16(&m.w, (uint16_t)(1 + kit_random(&seed) % 40));
		wr_u16(&m.w, 1);
		m.count[QUESTION] = 1;
		if (kit_random(&seed) & 1)
			msg_opt(&m, (unsigned)kit_random(&seed) & 0xffff, kit_random(&seed) & 0x8000, "", 0);
		expect_read(msg_end(&m));
		size_t n = dns_query_write(&q, 99, true, out, sizeof(out));
		assert_int_equal(dns_query_read(view_of(out, n), &again, &rcode), DNS_READ);
		assert_true(name_eq(&again.name, &q.name));
		assert_true(again.type == q.type && again.rd == q.rd && again.cd == q.cd);
		assert_true(again.dnssec_ok == q.dnssec_ok && again.id == 99 && again.edns);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(padded_queries),
	    cmocka_unit_test(no_header_and_responses_are_ignored),
	    cmocka_unit_test(anything_but_one_question_is_a_format_error_that_gives_the_id_back),
	    cmocka_unit_test(other_opcodes_are_not_implemented_and_given_back),
	    cmocka_unit_test(flags_are_read_and_the_reserved_one_is_not_given_back),
	    cmocka_unit_test(a_dot_or_a_nul_inside_a_label_separates_nothing),
	    cmocka_unit_test(case_is_folded_to_judge_and_given_back),
	    cmocka_unit_test(edns_is_read),
	    cmocka_unit_test(a_broken_opt_is_a_format_error_and_a_new_version_a_bad_one),
	    cmocka_unit_test(types_that_ask_for_no_record_are_not_implemented),
	    cmocka_unit_test(only_the_internet_has_names),
	    cmocka_unit_test(an_error_keeps_id_and_question),
	    cmocka_unit_test(an_extended_error_says_why),
	    cmocka_unit_test(the_longest_answer_fits_512_bytes_and_no_room_gives_none),
	    cmocka_unit_test(nothing_of_the_guest_leaves_but_its_question),
	    cmocka_unit_test(only_the_very_answer_is_one),
	    cmocka_unit_test(a_question_survives_the_way_upstream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
