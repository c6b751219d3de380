/*
 * tls_record_test.c - records that are sealed and opened beside the library: both agree on every byte, and on where they stand
 */
#include "test/unit/tls_pair_kit.h"

static const int suites[] = {
    0xc02b, 0xc02c, 0xcca9, 0x1301, 0x1302, 0x1303,
};
#define SUITES (sizeof(suites) / sizeof(suites[0]))

static bool
is_for_version(int suite)
{
	return (suite < 0x2000) == (version == 13);
}

/* A connection with that suite. */
static struct kit_pair *
shaken_with(int suite)
{
	struct kit_pair *p = pair_of(NULL, NULL);
	int only[2] = {suite, 0};

	mbedtls_ssl_conf_ciphersuites(&p->end[CLIENT]->conf, only);
	assert_true(kit_shake(p));
	for (int side = 0; side < 2; side++) {
		assert_non_null(p->end[side]->records.in.cipher);
		assert_non_null(p->end[side]->records.out.cipher);
		mbedtls_ssl_conf_ciphersuites(&p->end[side]->conf, NULL);
	}
	return p;
}

/* From now on that end's library seals, opens, or does both. */
static void
leave_to_library(struct tls_end *e, bool in, bool out)
{
	if (in) {
		EVP_CIPHER_CTX_free(e->records.in.cipher);
		e->records.in.cipher = NULL;
	}
	if (out) {
		EVP_CIPHER_CTX_free(e->records.out.cipher);
		e->records.out.cipher = NULL;
	}
}

static const size_t sizes[] = {1, 2, 15, 16, 17, 255, 4096, 16383, 16384, 16385, 50000};

static void
carry_all(struct kit_pair *p)
{
	static uint8_t b[50000];

	kit_fill(&luck, b, sizeof(b));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		carry(p, CLIENT, b, sizes[i]);
		carry(p, SERVER, b, sizes[i]);
	}
}

/* Each of the four halves of a connection by either of the two. */
static void
both_understand_each_other(void **state)
{
	(void)state;
	for (size_t s = 0; s < SUITES; s++) {
		for (unsigned who = 0; who < 16 && is_for_version(suites[s]); who++) {
			struct kit_pair *p = shaken_with(suites[s]);

			leave_to_library(p->end[CLIENT], who & 1, who & 2);
			leave_to_library(p->end[SERVER], who & 4, who & 8);
			p->way[who & 1].cut = who & 2 ? 1000 : 0;
			p->way[!(who & 1)].lazy = who & 4;
			carry_all(p);
			kit_pair_free(p);
		}
	}
}

/* In the middle of a connection, and in the middle of a record. */
static void
they_take_turns(void **state)
{
	(void)state;
	for (size_t s = 0; s < SUITES; s++) {
		if (!is_for_version(suites[s]))
			continue;
		struct kit_pair *p = shaken_with(suites[s]);
		struct record_way *in = &p->end[SERVER]->records.in, *out = &p->end[CLIENT]->records.out;
		EVP_CIPHER_CTX *opens = in->cipher, *seals = out->cipher;
		static uint8_t b[20000], got[20000];

		kit_fill(&luck, b, sizeof(b));
		for (unsigned turn = 0; turn < 400; turn++) {
			size_t n = 1 + (turn * 7919u) % 9000, had = 0;

			out->cipher = turn % 3 ? seals : NULL;
			assert_int_equal(tls_end_write(p->end[CLIENT], b, n), n);
			p->way[CLIENT].cut = turn % 5 ? 0 : 1 + turn;
			for (unsigned looks = 0; had < n; looks++) {
				assert_true(looks < 20000);
				in->cipher = (turn + looks) % 4 ? opens : NULL;
				ssize_t r =
				    tls_end_read(p->end[SERVER], got + had, 1 + (looks * 131u) % 9000);
				assert_true(r > 0 || r == -EAGAIN);
				had += r > 0 ? (size_t)r : 0;
			}
			assert_memory_equal(got, b, n);
		}
		in->cipher = opens;
		out->cipher = seals;
		carry_all(p);
		kit_pair_free(p);
	}
}

/* A record that was touched anywhere is one to the library: its alert, its words, and no byte of the text. */
static void
what_was_touched_is_refused(void **state)
{
	(void)state;
	static const uint8_t text[64] = "what nobody should read";
	static const uint8_t nothing[64];
	static const size_t places[] = {0, 1, 2, 5, 6, 13, 20, 40, 77, 78, 90};

	for (size_t s = 0; s < SUITES; s++) {
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && is_for_version(suites[s]); i++) {
			struct kit_pair *p = shaken_with(suites[s]);
			struct kit_way *w = &p->way[CLIENT];
			uint8_t got[64] = "";

			carry(p, CLIENT, text, sizeof(text));
			assert_int_equal(tls_end_write(p->end[CLIENT], text, sizeof(text)), sizeof(text));
			size_t len = w->len - w->at;
			assert_true(len > places[9]);
			w->b[w->at + (places[i] < len ? places[i] : len - 1)] ^= 1;
			assert_int_equal(read_all(p->end[SERVER], got, sizeof(got)), -EPROTO);
			assert_memory_equal(got, nothing, sizeof(got));
			assert_int_equal(tls_end_write(p->end[SERVER], text, 1), -EPROTO);
			kit_pair_free(p);
		}
	}
}

/* One that comes twice, and one that is left out. */
static void
order_is_kept(void **state)
{
	(void)state;
	for (size_t s = 0; s < SUITES; s++) {
		for (int twice = 0; twice < 2 && is_for_version(suites[s]); twice++) {
			struct kit_pair *p = shaken_with(suites[s]);
			struct kit_way *w = &p->way[CLIENT];
			char c;

			carry(p, CLIENT, (const uint8_t *)"x", 1);
			assert_int_equal(tls_end_write(p->end[CLIENT], "a", 1), 1);
			assert_int_equal(w->at, 0); /* what was read has made room */
			size_t one = w->len;
			assert_int_equal(tls_end_write(p->end[CLIENT], "b", 1), 1);
			if (twice) {
				assert_int_equal(read_all(p->end[SERVER], &c, 1), 1);
				w->at = 0;
			} else {
				w->at = one;
			}
			assert_int_equal(read_all(p->end[SERVER], &c, 1), -EPROTO);
			kit_pair_free(p);
		}
	}
}

/* What is no application data is the library's, and what lay behind it is not lost. */
static void
other_records_are_the_librarys(void **state)
{
	(void)state;
	for (size_t s = 0; s < SUITES; s++) {
		if (!is_for_version(suites[s]))
			continue;
		struct kit_pair *p = shaken_with(suites[s]);
		char got[8] = "";

		carry_all(p);
		/* A warning of no consequence between two records. */
		assert_int_equal(tls_end_write(p->end[CLIENT], "a", 1), 1);
		assert_int_equal(mbedtls_ssl_send_alert_message(&p->end[CLIENT]->ssl, 1, 90), 0);
		assert_int_equal(tls_end_write(p->end[CLIENT], "b", 1), 1);
		assert_int_equal(read_all(p->end[SERVER], got, sizeof(got)), 1);
		assert_int_equal(read_all(p->end[SERVER], got + 1, sizeof(got) - 1), 1);
		assert_string_equal(got, "ab");
		/* An empty one. */
		assert_int_equal(mbedtls_ssl_write(&p->end[CLIENT]->ssl, NULL, 0), 0);
		assert_int_equal(tls_end_write(p->end[CLIENT], "c", 1), 1);
		assert_int_equal(read_all(p->end[SERVER], got, sizeof(got)), 1);
		assert_int_equal(got[0], 'c');
		assert_int_equal(tls_end_close(p->end[CLIENT]), 0);
		assert_int_equal(read_all(p->end[SERVER], got, sizeof(got)), 0);
		/* The other direction goes on. */
		assert_int_equal(tls_end_write(p->end[SERVER], "d", 1), 1);
		assert_int_equal(read_all(p->end[CLIENT], got, sizeof(got)), 1);
		kit_pair_free(p);
	}
}

/* RFC 8446 5.4, RFC 5246 6.2.3: as long as may be, and one byte more. */
static void
lengths_have_an_end(void **state)
{
	(void)state;
	static uint8_t got[20000];

	for (size_t s = 0; s < SUITES; s++) {
		if (!is_for_version(suites[s]))
			continue;
		struct kit_pair *p = shaken_with(suites[s]);
		struct kit_way *w = &p->way[CLIENT];

		memset(w->b + w->len, 0xa5, 16384 + 300);
		w->b[w->len] = 23;
		w->b[w->len + 1] = w->b[w->len + 2] = 3;
		w->b[w->len + 3] = 0x41;
		w->b[w->len + 4] = 0x20;
		w->len += 16384 + 300;
		assert_int_equal(read_all(p->end[SERVER], got, sizeof(got)), -EPROTO);
		kit_pair_free(p);
	}
}

/* The end of file in the middle of a record. */
static void
a_record_cut_short(void **state)
{
	(void)state;
	for (size_t s = 0; s < SUITES; s++) {
		for (size_t n = 0; n < 30 && is_for_version(suites[s]); n++) {
			struct kit_pair *p = shaken_with(suites[s]);
			struct kit_way *w = &p->way[CLIENT];
			uint8_t got[64];

			carry(p, CLIENT, (const uint8_t *)"x", 1);
			assert_int_equal(tls_end_write(p->end[CLIENT], "abc", 3), 3);
			assert_int_equal(w->at, 0);
			if (n < w->len) {
				w->len = n;
				w->ended = true;
				assert_int_equal(read_all(p->end[SERVER], got, sizeof(got)), -EPIPE);
			}
			kit_pair_free(p);
		}
	}
}

/* The keys are nowhere but where they are used. */
static void
keys_are_forgotten(void **state)
{
	(void)state;
	struct kit_pair *p = shaken();
	static const struct lib_keys none;

	assert_memory_equal(&p->end[CLIENT]->records.keys, &none, sizeof(none));
	assert_memory_equal(&p->end[SERVER]->records.keys, &none, sizeof(none));
	kit_pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(both_understand_each_other, forget_all),
	    cmocka_unit_test_setup(they_take_turns, forget_all),
	    cmocka_unit_test_setup(what_was_touched_is_refused, forget_all),
	    cmocka_unit_test_setup(order_is_kept, forget_all),
	    cmocka_unit_test_setup(other_records_are_the_librarys, forget_all),
	    cmocka_unit_test_setup(lengths_have_an_end, forget_all),
	    cmocka_unit_test_setup(a_record_cut_short, forget_all),
	    cmocka_unit_test_setup(keys_are_forgotten, forget_all),
	};
	int failed;

	version = 12;
	failed = cmocka_run_group_tests_name("records, TLS 1.2", tests, begin_group, end_group);
#if LIB_HAS_13
	version = 13;
	failed += cmocka_run_group_tests_name("records, TLS 1.3", tests, begin_group, end_group);
#endif
	return failed;
}
