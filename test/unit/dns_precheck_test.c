/*
 * dns_precheck_test.c - what may be given to ldns, and what not (D2, D3, D12 of the list of hostile inputs)
 */
#include "dns/precheck.h"

#include <ldns/ldns.h>

#include "test/unit/dns_msg_kit.h"

static struct message m;

/* Judged in a block of its exact size. */
static enum precheck
judge(struct view msg, bool is_query)
{
	uint8_t *block = malloc(msg.len ? msg.len : 1);

	assert_non_null(block);
	if (msg.len)
		memcpy(block, msg.p, msg.len);
	enum precheck is = dns_precheck(view_of(block, msg.len), is_query);
	free(block);
	return is;
}

/* A message whose question's name is these bytes. */
static enum precheck
judge_name(const void *bytes, size_t len)
{
	msg_start(&m, 1, RD);
	wr_bytes(&m.w, bytes, len);
	wr_u32(&m.w, 0x00010001);
	m.count[QUESTION] = 1;
	return judge(msg_end(&m), true);
}

/* One whose answer's owner is these bytes, which begin at 29. */
static enum precheck
judge_owner(const void *bytes, size_t len)
{
	msg_answer_to(&m, "example.com", DNS_A, 0);
	assert_int_equal(m.w.p - m.b, 29);
	wr_bytes(&m.w, bytes, len);
	wr_bytes(&m.w, "\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 14);
	m.count[ANSWERS]++;
	return judge(msg_end(&m), false);
}

static void
names_end_and_point_only_backwards(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t len;
		enum precheck is;
	} owner[] = {
	    {"\xc0\x0c", 2, PRECHECK_OK},       /* the question */
	    {"\3www\xc0\x0c", 6, PRECHECK_OK},  /* below it */
	    {"\xc0\x14", 2, PRECHECK_OK},       /* its last label */
	    {"\0", 1, PRECHECK_OK},             /* the root */
	    {"\xc0\x1d", 2, PRECHECK_BAD},      /* itself */
	    {"\3www\xc0\x1d", 6, PRECHECK_BAD}, /* its own beginning */
	    {"\xc0\x1f", 2, PRECHECK_BAD},      /* forward */
	    {"\xff\xff", 2, PRECHECK_BAD},      /* beyond the end */
	    {"\xc0\x00", 2, PRECHECK_BAD},      /* into the header */
	    {"\xc0\x0b", 2, PRECHECK_BAD},      /* likewise, its last byte */
	    {"\x40www\0", 5, PRECHECK_BAD},     /* a label of 64, which is a type of RFC 6891 5 */
	    {"\x80www\0", 5, PRECHECK_BAD},     /* reserved */
	    {"\x3fwww\0", 5, PRECHECK_BAD},     /* longer than what is left */
	};

	for (size_t i = 0; i < sizeof(owner) / sizeof(owner[0]); i++)
		assert_int_equal(judge_owner(owner[i].bytes, owner[i].len), owner[i].is);
	/* No zero at the end. */
	msg_start(&m, 1, RD);
	wr_bytes(&m.w, "\3www\7example\3com", 16);
	m.count[QUESTION] = 1;
	assert_int_equal(judge(msg_end(&m), true), PRECHECK_BAD);
	/* Two that point at each other. */
	assert_int_equal(judge_owner("\1a\xc0\x21\1b\xc0\x1d", 8), PRECHECK_BAD);
	/* A question cannot point anywhere. */
	assert_int_equal(judge_name("\xc0\x0c", 2), PRECHECK_BAD);
}

static void
labels_have_63_bytes_and_names_255(void **state)
{
	uint8_t name[300];

	(void)state;
	memset(name, 'x', sizeof(name));
	for (unsigned i = 0; i < 3; i++)
		name[64 * i] = 63;
	name[192] = 61;
	name[254] = 0;
	assert_int_equal(judge_name(name, 255), PRECHECK_OK);
	name[192] = 62;
	name[254] = 'x';
	name[255] = 0;
	assert_int_equal(judge_name(name, 256), PRECHECK_BAD);

	/* 127 labels, and one more; pointers make no difference. */
	for (unsigned i = 0; i < 127; i++)
		name[2 * i] = 1;
	name[254] = 0;
	assert_int_equal(judge_name(name, 255), PRECHECK_OK);
	msg_start(&m, 1, QR);
	wr_bytes(&m.w, name, 255);
	wr_u32(&m.w, 0x00010001);
	wr_bytes(&m.w, "\1y\xc0\x0c\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 18);
	m.count[QUESTION] = m.count[ANSWERS] = 1;
	assert_int_equal(judge(msg_end(&m), false), PRECHECK_BAD);
}

/* n NULL records, each owned by a pointer to the pointer before it. */
static enum precheck
judge_chain(unsigned n)
{
	unsigned to = 12;

	msg_answer_to(&m, "a", DNS_A, 0);
	for (unsigned i = 0; i < n; i++) {
		unsigned at = (unsigned)(m.w.p - m.b);

		wr_u16(&m.w, (uint16_t)(0xc000 | to));
		wr_bytes(&m.w, "\0\12\0\1\0\0\0\1\0\0", 10);
		m.count[ANSWERS]++;
		to = at;
	}
	return judge(msg_end(&m), false);
}

static void
a_pointer_chain_bomb_is_refused(void **state)
{
	(void)state;
	assert_int_equal(judge_chain(16), PRECHECK_OK);
	assert_int_equal(judge_chain(17), PRECHECK_TOO_MUCH);

	/* 64 KiB of pointers in a record that is taken whole, and one name that leads through all of them forward. */
	msg_answer_to(&m, "a", DNS_A, 0);
	wr_bytes(&m.w, "\0\0\12\0\1\0\0\0\1", 9);
	wr_u16(&m.w, 4000);
	for (unsigned at = (unsigned)(m.w.p - m.b), end = at + 4000; at < end; at += 2)
		wr_u16(&m.w, (uint16_t)(0xc000 | (at + 2)));
	wr_u16(&m.w, 0xc000 | 40);
	wr_bytes(&m.w, "\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 14);
	m.count[ANSWERS] = 2;
	assert_int_equal(judge(msg_end(&m), false), PRECHECK_BAD);
}

static void
a_txt_bomb_is_refused(void **state)
{
	static uint8_t zeros[60000];

	(void)state;
	msg_answer_to(&m, "a", DNS_TXT, 0);
	msg_record(&m, ANSWERS, "a", DNS_TXT, 1, zeros, 256);
	assert_int_equal(judge(msg_end(&m), false), PRECHECK_OK);
	static const unsigned types[] = {16, 56, 99, 258, 261};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		msg_answer_to(&m, "a", DNS_TXT, 0);
		msg_record(&m, ANSWERS, "a", types[i], 1, zeros, sizeof(zeros));
		assert_int_equal(judge(msg_end(&m), false), PRECHECK_TOO_MUCH);
	}
	/* The same in many small records: what counts is what ldns would take for all. */
	msg_answer_to(&m, "a", DNS_TXT, 0);
	for (unsigned i = 0; i < 200; i++)
		msg_record(&m, ANSWERS, "a", DNS_TXT, 1, zeros, 256);
	assert_int_equal(judge(msg_end(&m), false), PRECHECK_TOO_MUCH);
	/* An honest one: 16 strings of 255. */
	uint8_t *honest = calloc(1, 16 * 256);
	assert_non_null(honest);
	for (unsigned i = 0; i < 16; i++)
		honest[i * 256] = 255;
	msg_answer_to(&m, "a", DNS_TXT, 0);
	msg_record(&m, ANSWERS, "a", DNS_TXT, 1, honest, 16 * 256);
	assert_int_equal(judge(msg_end(&m), false), PRECHECK_OK);
	free(honest);
}

static void
one_opt_of_the_root_and_one_tsig(void **state)
{
	static const uint8_t tsig[22] = "\4hmac";
	static const struct {
		const char *options;
		size_t len;
		enum precheck is;
	} opt[] = {
	    {"", 0, PRECHECK_OK},
	    {"\0\12\0\2ab", 6, PRECHECK_OK},
	    {"\0\12\0\0\0\10\0\0", 8, PRECHECK_OK},
	    {"\0\12\0", 3, PRECHECK_BAD},     /* cut */
	    {"\0\12\0\3ab", 6, PRECHECK_BAD}, /* past the end */
	    {"\0\12\xff\xff", 4, PRECHECK_BAD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(opt) / sizeof(opt[0]); i++) {
		msg_start(&m, 1, RD);
		msg_question(&m, "a", 1);
		msg_opt(&m, 1232, 0, opt[i].options, opt[i].len);
		assert_int_equal(judge(msg_end(&m), true), opt[i].is);
	}
	msg_start(&m, 1, RD);
	msg_question(&m, "a", 1);
	msg_opt(&m, 1232, 0, "", 0);
	msg_opt(&m, 1232, 0, "", 0);
	assert_int_equal(judge(msg_end(&m), true), PRECHECK_BAD);

	msg_start(&m, 1, RD);
	msg_question(&m, "a", 1);
	msg_record(&m, ADDITIONALS, "not.root", DNS_OPT, 0, "", 0);
	assert_int_equal(judge(msg_end(&m), true), PRECHECK_BAD);

	for (unsigned s = ANSWERS; s <= AUTHORITIES; s++) {
		msg_answer_to(&m, "a", 1, 0);
		msg_record(&m, s, "", DNS_OPT, 0, "", 0);
		assert_int_equal(judge(msg_end(&m), false), PRECHECK_BAD);
	}
	for (unsigned n = 1; n <= 2; n++) {
		msg_start(&m, 1, RD);
		msg_question(&m, "a", 1);
		for (unsigned i = 0; i < n; i++)
			msg_record(&m, ADDITIONALS, "key", 250, 0, tsig, sizeof(tsig));
		assert_int_equal(judge(msg_end(&m), true), n == 1 ? PRECHECK_OK : PRECHECK_BAD);
	}
}

static void
one_question_and_a_bounded_number_of_records(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= 3; n++) {
		msg_start(&m, 1, RD);
		for (unsigned i = 0; i < n; i++)
			msg_question(&m, "a", 1);
		assert_int_equal(judge(msg_end(&m), true), n == 1 ? PRECHECK_OK : PRECHECK_BAD);
	}
	msg_start(&m, 1, RD);
	msg_question(&m, "a", 1);
	m.count[QUESTION] = 65535;
	assert_int_equal(judge(msg_end(&m), true), PRECHECK_BAD);

	for (unsigned n = 512; n <= 513; n++) {
		msg_answer_to(&m, "a", 1, 0);
		for (unsigned i = 0; i < n; i++)
			msg_addr(&m, ANSWERS + i % 3, "a", 1, "1.2.3.4");
		/* In the order of sections. */
		m.count[ANSWERS] = (uint16_t)(n - 100);
		m.count[AUTHORITIES] = m.count[ADDITIONALS] = 50;
		assert_int_equal(judge(msg_end(&m), false), n == 512 ? PRECHECK_OK : PRECHECK_TOO_MUCH);
	}
	/* More are said to be there than are. */
	msg_answer_to(&m, "a", 1, 0);
	msg_addr(&m, ANSWERS, "a", 1, "1.2.3.4");
	m.count[ANSWERS]++;
	assert_int_equal(judge(msg_end(&m), false), PRECHECK_BAD);
	/* A query brings no answers. */
	msg_start(&m, 1, RD);
	msg_question(&m, "a", 1);
	msg_addr(&m, ANSWERS, "a", 1, "1.2.3.4");
	assert_int_equal(judge(msg_end(&m), true), PRECHECK_BAD);
}

static struct view
good_answer(void)
{
	msg_answer_to(&m, "www.example.com", DNS_A, 0);
	msg_alias(&m, ANSWERS, "www.example.com", DNS_CNAME, 60, "cdn.example.net");
	msg_addr(&m, ANSWERS, "cdn.example.net", 60, "1.2.3.4");
	msg_rrsig(&m, ANSWERS, "cdn.example.net", DNS_A, 60);
	msg_soa(&m, "example.net", 60, 60);
	msg_record(&m, ADDITIONALS, "t.example.net", DNS_TXT, 60, "\3abc\0\1x", 7);
	msg_opt(&m, 1232, 0, "\0\12\0\2ab", 6);
	return msg_end(&m);
}

static void
every_truncation_and_every_byte_too_many_is_refused(void **state)
{
	struct view msg = good_answer();

	(void)state;
	assert_int_equal(judge(msg, false), PRECHECK_OK);
	for (size_t n = 0; n < msg.len; n++)
		assert_int_equal(judge(view_of(msg.p, n), false), PRECHECK_BAD);
	wr_u8(&m.w, 0);
	assert_int_equal(judge(view_of(m.b, msg.len + 1), false), PRECHECK_BAD);
}

static void
types_have_their_length(void **state)
{
	static const struct {
		unsigned type;
		size_t len;
		const char *data;
	} good[] = {
	    {1, 4, "\1\2\3\4"},
	    {28, 16, "0123456789abcdef"},
	    {2, 3, "\1a"},
	    {5, 3, "\1a"},
	    {12, 3, "\1a"},
	    {39, 3, "\1a"},
	    {15, 5, "\0\1\1a"},
	    {33, 9, "\0\1\0\1\0\1\1a"},
	    {6, 24, "\1a\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"},
	    {51, 8, "\1\0\0\5\3abc"},
	    {35, 12, "\0\1\0\1\0\0\0\3abc"},
	    {55, 11, "\2\1\0\2hhpp\1a"},
	    {104, 10, "\0\1\0\0\0\0\0\0\0\1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint8_t data[64] = {0};

		memcpy(data, good[i].data, good[i].len);
		for (int by = -1; by <= 1; by++) {
			msg_answer_to(&m, "a", 1, 0);
			msg_record(&m, ANSWERS, "a", good[i].type, 1, data, good[i].len + (size_t)by);
			/* One more zero is one more name to a HIP. */
			bool fits = by == 0 || (good[i].type == 55 && by == 1);
			assert_int_equal(judge(msg_end(&m), false), fits ? PRECHECK_OK : PRECHECK_BAD);
		}
	}
	/* What is taken whole is bounded. */
	static uint8_t much[5000];
	for (size_t n = 4096; n <= 4097; n++) {
		msg_answer_to(&m, "a", 1, 0);
		msg_record(&m, ANSWERS, "a", 61, 1, much, n);
		assert_int_equal(judge(msg_end(&m), false), n == 4096 ? PRECHECK_OK : PRECHECK_TOO_MUCH);
	}
}

/* Bytes that now and then are names, strings and lengths. */
static size_t
random_data(uint64_t *seed, uint8_t *out)
{
	size_t n = 0;

	for (unsigned parts = (unsigned)(kit_random(seed) % 8); parts; parts--) {
		switch (kit_random(seed) % 5) {
		case 0:
			memcpy(out + n, "\1a\2bc", 6);
			n += 6;
			break;
		case 1:
			memcpy(out + n, "\xc0\x0c", 2);
			n += 2;
			break;
		case 2:
			out[n] = (uint8_t)(kit_random(seed) % 6);
			kit_fill(seed, out + n + 1, out[n]);
			n += out[n] + 1u;
			break;
		case 3:
			memset(out + n, 0, 2);
			n += 2;
			break;
		default:
			kit_fill(seed, out + n, 4);
			n += 4;
		}
	}
	return n;
}

/*
 * Where a type's fields end before its data does, or a name is followed that nobody has checked, ldns reads what comes
 * next from the wrong place: so a record after it must be seen as it is.
 */
static void
what_passes_is_read_by_ldns_as_it_lies(void **state)
{
	uint64_t seed = 12;
	unsigned passed = 0;

	(void)state;
	for (unsigned type = 1; type < 270; type++) {
		for (unsigned round = 0; round < 400; round++) {
			uint8_t data[128];
			size_t len = random_data(&seed, data);
			ldns_pkt *pkt = NULL;

			if (type == DNS_OPT || type == 250)
				continue;
			msg_answer_to(&m, "www.example.com", DNS_A, 0);
			msg_record(&m, ANSWERS, "first.example", type, 1, data, len);
			msg_addr(&m, ANSWERS, "second.example", 77, "1.2.3.4");
			struct view msg = msg_end(&m);
			if (judge(msg, false) != PRECHECK_OK)
				continue;
			passed++;
			if (ldns_wire2pkt(&pkt, msg.p, msg.len) != LDNS_STATUS_OK)
				continue;
			const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_answer(pkt), 1);
			assert_non_null(rr);
			assert_int_equal(ldns_rr_get_type(rr), DNS_A);
			assert_int_equal(ldns_rr_ttl(rr), 77);
			assert_int_equal(ldns_rdf_size(ldns_rr_owner(rr)), 16);
			assert_memory_equal(ldns_rdf_data(ldns_rr_rdf(rr, 0)), "\1\2\3\4", 4);
			ldns_pkt_free(pkt);
		}
	}
	assert_true(passed > 10000);
}

/* Whatever type ldns takes apart into names or any number of strings is one that the check takes apart too. */
static void
no_type_is_forgotten_in_which_ldns_follows_names(void **state)
{
	(void)state;
	for (unsigned type = 1; type < 65536; type++) {
		const ldns_rr_descriptor *d = ldns_rr_descript((uint16_t)type);
		size_t min = ldns_rr_descriptor_minimum(d), max = ldns_rr_descriptor_maximum(d);
		bool bomb = max > 20;

		for (size_t i = 0; i < (bomb ? min + 1 : max); i++)
			bomb = bomb || ldns_rr_descriptor_field_type(d, i) == LDNS_RDF_TYPE_DNAME;
		if (!bomb || type == 42 /* APL: one field to its end */)
			continue;
		/* Bytes that are no names, no strings and no lengths. */
		uint8_t data[40];
		memset(data, 0xff, sizeof(data));
		msg_answer_to(&m, "a", 1, 0);
		msg_record(&m, ANSWERS, "a", type, 1, data, sizeof(data));
		assert_int_not_equal(judge(msg_end(&m), false), PRECHECK_OK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_end_and_point_only_backwards),
	    cmocka_unit_test(labels_have_63_bytes_and_names_255),
	    cmocka_unit_test(a_pointer_chain_bomb_is_refused),
	    cmocka_unit_test(a_txt_bomb_is_refused),
	    cmocka_unit_test(one_opt_of_the_root_and_one_tsig),
	    cmocka_unit_test(one_question_and_a_bounded_number_of_records),
	    cmocka_unit_test(every_truncation_and_every_byte_too_many_is_refused),
	    cmocka_unit_test(types_have_their_length),
	    cmocka_unit_test(what_passes_is_read_by_ldns_as_it_lies),
	    cmocka_unit_test(no_type_is_forgotten_in_which_ldns_follows_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
