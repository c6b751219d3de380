/*
 * tls_end_test.c - two ends back to back: every way bytes can be cut, every way a connection can begin
 */
#include "test/unit/tls_pair_kit.h"
#include "tls/hello.h"

/* --- handshakes and bytes ---------------------------------------------------------------------------------------------------- */

static const struct {
	size_t cut;
	bool lazy;
} cuts[] = {{0, false}, {0, true}, {1, false}, {1, true}, {7, true}, {1400, false}};

static void
handshakes_however_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct kit_pair *p = pair_of(NULL, NULL);

		for (int side = 0; side < 2; side++) {
			p->way[side].cut = cuts[i].cut;
			p->way[side].lazy = cuts[i].lazy;
		}
		assert_true(kit_shake(p));
		assert_string_equal(tls_end_version(p->end[CLIENT]), version == 13 ? "TLSv1.3" : "TLSv1.2");
		assert_string_equal(tls_end_version(p->end[SERVER]), tls_end_version(p->end[CLIENT]));
		assert_false(tls_end_resumed(p->end[CLIENT]));
		assert_false(tls_end_resumed(p->end[SERVER]));
		assert_string_equal(tls_end_why(p->end[CLIENT]), "");
		carry(p, CLIENT, (const uint8_t *)"there", 5);
		carry(p, SERVER, (const uint8_t *)"and back", 8);
		kit_pair_free(p);
	}
}

static void
big_writes(void **state)
{
	(void)state;
	size_t n = 300000;
	uint8_t *b = malloc(n);

	assert_non_null(b);
	kit_fill(&luck, b, n);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct kit_pair *p = shaken();

		for (int side = 0; side < 2; side++) {
			p->way[side].cut = cuts[i].cut;
			p->way[side].lazy = cuts[i].lazy;
			p->way[side].room = 3000; /* less than a record: nothing leaves in one piece */
		}
		size_t part = cuts[i].cut == 1 ? n / 20 : n;
		carry(p, CLIENT, b, part);
		carry(p, SERVER, b, part);
		kit_pair_free(p);
	}
	free(b);
}

/* What was taken is sealed: the caller's bytes are its own again. */
static void
what_is_taken_is_copied(void **state)
{
	(void)state;
	struct kit_pair *p = shaken();
	char b[64] = "as it was when it was taken", got[64] = "";

	p->way[CLIENT].room = p->way[CLIENT].len - p->way[CLIENT].at + 10;
	assert_int_equal(tls_end_write(p->end[CLIENT], b, sizeof(b)), sizeof(b));
	assert_int_equal(tls_end_flush(p->end[CLIENT]), -EAGAIN);
	memset(b, 'x', sizeof(b));
	assert_int_equal(tls_end_write(p->end[CLIENT], b, sizeof(b)), -EAGAIN);
	p->way[CLIENT].room = 0;
	assert_int_equal(tls_end_flush(p->end[CLIENT]), 0);
	assert_int_equal(read_all(p->end[SERVER], got, sizeof(got)), sizeof(got));
	assert_string_equal(got, "as it was when it was taken");
	assert_int_equal(tls_end_read(p->end[SERVER], got, sizeof(got)), -EAGAIN);
	kit_pair_free(p);
}

static void
a_record_is_read_in_pieces(void **state)
{
	(void)state;
	struct kit_pair *p = shaken();
	char c;

	assert_int_equal(tls_end_write(p->end[SERVER], "abc", 3), 3);
	assert_false(tls_end_has_readable(p->end[CLIENT]));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(read_all(p->end[CLIENT], &c, 1), 1);
		assert_int_equal(c, "abc"[i]);
		assert_int_equal(tls_end_has_readable(p->end[CLIENT]), i < 2);
	}
	kit_pair_free(p);
}

/* --- protocols and names --------------------------------------------------------------------------------------------------------- */

static void
protocols(void **state)
{
	(void)state;
	const struct {
		const char *a, *b, *server, *chosen; /* chosen NULL: none in common */
	} cases[] = {
	    {NULL, NULL, NULL, ""},         {"h2", "http/1.1", NULL, ""},
	    {"h2", "http/1.1", "", ""},     {"h2", "http/1.1", "http/1.1", "http/1.1"},
	    {"h2", NULL, "h2", "h2"},       {NULL, NULL, "h2", ""},
	    {"http/1.1", NULL, "h2", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_alpn offer = alpn_of(cases[i].a, cases[i].b);
		struct kit_pair *p = pair_of(&offer, cases[i].server);

		assert_int_equal(kit_shake(p), cases[i].chosen != NULL);
		if (cases[i].chosen) {
			assert_string_equal(tls_end_alpn(p->end[CLIENT]), cases[i].chosen);
			assert_string_equal(tls_end_alpn(p->end[SERVER]), cases[i].chosen);
		} else {
			assert_int_equal(tls_end_step(p->end[SERVER]), TLS_FAILED);
			while (tls_end_step(p->end[CLIENT]) == TLS_MORE)
				;
			assert_int_equal(tls_end_peer_alert(p->end[CLIENT]), TLS_ALERT_NO_PROTOCOL);
			assert_string_equal(tls_end_why(p->end[CLIENT]),
					    "the peer said: no application protocol (120)");
		}
		kit_pair_free(p);
	}
}

static void
lists_of_protocols(void **state)
{
	(void)state;
	struct tls_alpn list;
	uint8_t many[3 * 20], odd[] = {2, 'h', '2', 3, 'a', 0, 'b', 0, 2, 'h', '3'},
			      cut[] = {2, 'h', '2', 9, 'x'};
	uint8_t longest[2 + 32 + 3] = {32, [33] = 2, 'h', '2'};

	memset(longest + 1, 'l', 32);
	for (int i = 0; i < 20; i++)
		memcpy(many + i * 3, (uint8_t[]){2, 'p', (uint8_t)('a' + i)}, 3);
	tls_alpn_read(view_of(many, sizeof(many)), &list);
	assert_int_equal(list.n, TLS_ALPN_MAX);
	assert_string_equal(list.name[7], "ph");
	tls_alpn_read(view_of(odd, sizeof(odd)), &list);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.name[0], "h2");
	tls_alpn_read(view_of(cut, sizeof(cut)), &list);
	assert_int_equal(list.n, 1);
	tls_alpn_read(view_of(longest, 36), &list);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.name[0], "h2");
	tls_alpn_read(view_of(NULL, 0), &list);
	assert_int_equal(list.n, 0);
}

/* What the client's first bytes say. */
static struct hello
hello_of(const struct tls_client *c, struct hello_reader *r)
{
	struct kit_pair *p = pair_with(c, &leaf, NULL);
	struct hello h;

	while (tls_end_step(p->end[CLIENT]) == TLS_MORE)
		;
	assert_int_equal(hello_read(r, view_of(p->way[CLIENT].b, p->way[CLIENT].len), &h), HELLO_DONE);
	kit_pair_free(p);
	return h;
}

static void
a_name_is_told_and_an_address_is_not(void **state)
{
	(void)state;
	struct name n = name_of("some.host.test");
	struct tls_client named = {.name = &n, .port = 443},
			  bare = {.addr = addr_v4(0x01020304), .port = 443};
	struct hello_reader *r = hello_reader_new();
	struct hello h = hello_of(&named, r);

	assert_true(h.has_name && name_eq(&h.name, &n));
	assert_int_equal(h.tls13, tls_has_13());
	assert_int_equal(h.alpn.len, 0);
	hello_reader_free(r);
	r = hello_reader_new();
	h = hello_of(&bare, r);
	assert_false(h.has_name);
	hello_reader_free(r);
}

/* --- hellos ------------------------------------------------------------------------------------------------------------------------- */

/* The client's hello cut into records of n bytes: put together, it is taken like any other. */
static void
hellos_in_many_records(void **state)
{
	(void)state;
	for (size_t n = 1; n < 300; n = n * 3 + 1) {
		struct kit_pair *p = pair_of(NULL, NULL);
		struct kit_way *w = &p->way[CLIENT];
		struct hello_reader *r = hello_reader_new();
		static uint8_t cut[KIT_ROOM];
		size_t len = 0;
		struct hello h;

		while (tls_end_step(p->end[CLIENT]) == TLS_MORE)
			;
		for (size_t at = 5; at < w->len; at += n) {
			size_t part = w->len - at < n ? w->len - at : n;

			memcpy(cut + len, (uint8_t[]){22, 3, 1, (uint8_t)(part >> 8), (uint8_t)part}, 5);
			memcpy(cut + len + 5, w->b + at, part);
			len += 5 + part;
		}
		assert_int_equal(hello_read(r, view_of(cut, len), &h), HELLO_DONE);
		assert_int_equal(hello_taken(r), len);
		w->at = w->len;
		tls_end_feed(p->end[SERVER], hello_whole(r));
		assert_true(kit_shake(p));
		hello_reader_free(r); /* borrowed for the handshake alone */
		carry(p, CLIENT, (const uint8_t *)"x", 1);
		kit_pair_free(p);
	}
}

/* A client that would rather have another one, and takes ours. */
static void
the_fastest_suite_is_taken(void **state)
{
	(void)state;
	int aes = lib_fastest_13() == 0x1301;
	int fastest = version == 13 ? lib_fastest_13() : aes ? 0xc02b : 0xcca9;
	int slow = version == 13 ? 0x1302 : 0xc02c;
	const int slow_first[] = {slow, fastest, 0}, slow_only[] = {slow, 0};

	for (int only = 0; only < 2; only++) {
		struct kit_pair *p = pair_of(NULL, NULL);
		struct hello_reader *r = hello_reader_new();
		struct kit_way *w = &p->way[CLIENT];
		struct hello h;

		mbedtls_ssl_conf_ciphersuites(&p->end[CLIENT]->conf, only ? slow_only : slow_first);
		while (tls_end_step(p->end[CLIENT]) == TLS_MORE)
			;
		assert_int_equal(hello_read(r, view_of(w->b, w->len), &h), HELLO_DONE);
		w->at = w->len;
		tls_end_feed(p->end[SERVER], hello_whole(r));
		assert_true(kit_shake(p));
		assert_int_equal(lib_ssl_suite(&p->end[CLIENT]->ssl), only ? slow : fastest);
		hello_reader_free(r);
		kit_pair_free(p);
	}
}

#if LIB_HAS_13
/* RFC 8446 4.1.4: the client's key is for a group that is not taken, and another one is asked for. */
static void
a_hello_is_asked_for_again(void **state)
{
	(void)state;
	static const uint16_t first[][4] = {
	    {MBEDTLS_SSL_IANA_TLS_GROUP_X448, MBEDTLS_SSL_IANA_TLS_GROUP_X25519, 0},
	    {MBEDTLS_SSL_IANA_TLS_GROUP_BP512R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0},
	    {MBEDTLS_SSL_IANA_TLS_GROUP_X448, MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1,
	     MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0},
	};
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct kit_pair *p = pair_of(NULL, NULL);

		mbedtls_ssl_conf_groups(&p->end[CLIENT]->conf, first[i]);
		again(p->end[CLIENT]);
		assert_int_equal(mbedtls_ssl_set_hostname(&p->end[CLIENT]->ssl, NULL), 0);
		p->way[CLIENT].cut = 3;
		assert_true(kit_shake(p));
		carry(p, CLIENT, (const uint8_t *)"x", 1);
		kit_pair_free(p);
	}
}

/* A server that goes by its own order and signs with RSA-PSS: refused by the library, and asked for TLS 1.2 alone the next time. */
static void
rsa_pss_in_tls_12(void **state)
{
	(void)state;
	struct kit_identity k;
	struct name n = name_of("host.test");
	struct tls_client c = {.name = &n, .port = 443};
	struct view cert[1];

	version = 12;
	assert_true(kit_identity_make(&k, KIT_RSA, 1, tls));
	struct kit_pair *p = pair_with(&c, &k, NULL);
	while (tls_end_step(p->end[CLIENT]) == TLS_MORE)
		;
	while (tls_end_step(p->end[SERVER]) == TLS_MORE)
		;
	/* A ServerKeyExchange on P-256, and what it is signed with behind its point of 65 bytes. */
	static const uint8_t ske[] = {3, 0, 23, 65, 4};
	uint8_t *at = memmem(p->way[SERVER].b, p->way[SERVER].len, ske, sizeof(ske));
	assert_non_null(at);
	assert_int_equal(at[4 + 65], 4);
	at[4 + 65] = 8;
	at[4 + 66] = 4;
	assert_false(kit_shake(p));
	assert_non_null(strstr(tls_end_why(p->end[CLIENT]), "RSA-PSS"));
	assert_true(tls_end_try_again(p->end[CLIENT]));
	kit_pair_free(p);

	for (int i = 0; i < 2; i++) {
		struct hello_reader *r = hello_reader_new();
		struct hello h = hello_of(&c, r);
		assert_false(h.tls13);
		hello_reader_free(r);
		p = pair_with(&c, &k, NULL);
		assert_true(kit_shake(p));
		assert_false(tls_end_try_again(p->end[CLIENT]));
		assert_int_equal(tls_end_peer_chain(p->end[CLIENT], cert, 1), 1);
		tls_end_keep_session(p->end[CLIENT]); /* what is known stays */
		kit_pair_free(p);
	}
	c.now = 3600 * USEC_PER_SEC;
	struct hello_reader *r = hello_reader_new();
	struct hello h = hello_of(&c, r);
	assert_true(h.tls13);
	hello_reader_free(r);
	kit_identity_free(&k);
	version = 13;
}
#endif

static void
nothing_in_common(void **state)
{
	(void)state;
	static const int cbc[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, 0};
	struct kit_pair *p = pair_of(NULL, NULL);

	mbedtls_ssl_conf_ciphersuites(&p->end[CLIENT]->conf, cbc);
#if LIB_HAS_13
	mbedtls_ssl_conf_max_tls_version(&p->end[CLIENT]->conf, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
	again(p->end[CLIENT]);
	assert_false(kit_shake(p));
	while (tls_end_step(p->end[CLIENT]) == TLS_MORE)
		;
	assert_true(strlen(tls_end_why(p->end[SERVER])) > 10);
	assert_true(tls_end_peer_alert(p->end[CLIENT]) == 40 || tls_end_peer_alert(p->end[CLIENT]) == 70);
	kit_pair_free(p);
}

/* --- certificates -------------------------------------------------------------------------------------------------------------------- */

static void
chains_are_shown(void **state)
{
	(void)state;
	struct kit_identity k;
	struct name n = name_of("host.test");
	struct tls_client c = {.name = &n, .port = 443};
	struct view cert[8];

	assert_true(kit_identity_make(&k, KIT_P256, 4, tls));
	struct kit_pair *p = pair_with(&c, &k, NULL);
	assert_int_equal(tls_end_peer_chain(p->end[CLIENT], cert, 8), 0);
	assert_true(kit_shake(p));
	assert_int_equal(tls_end_peer_chain(p->end[SERVER], cert, 8), 0);
	assert_int_equal(tls_end_peer_chain(p->end[CLIENT], cert, 0), 4);
	assert_int_equal(tls_end_peer_chain(p->end[CLIENT], cert, 8), 4);
	const mbedtls_x509_crt *crt = &k.chain;
	for (int i = 0; i < 4; i++, crt = crt->next) {
		assert_int_equal(cert[i].len, crt->raw.len);
		assert_memory_equal(cert[i].p, crt->raw.p, crt->raw.len);
	}
	tls_end_keep_session(p->end[CLIENT]);
	assert_int_equal(tls_end_peer_chain(p->end[CLIENT], cert, 8), 0);
	carry(p, SERVER, (const uint8_t *)"x", 1);
	kit_pair_free(p);
	kit_identity_free(&k);
}

/* Keys whose use would cost the most are refused between the message that brings them and the one that is signed with them. */
static void
costly_keys(void **state)
{
	(void)state;
	const struct {
		enum kit_key kind;
		const char *why; /* NULL: taken */
	} cases[] = {
	    {KIT_P384, NULL},
	    {KIT_RSA, NULL},
	    {KIT_RSA_HUGE, "the server's certificate has an RSA key that is too long"},
	    {KIT_RSA_EXPONENT, "the server's certificate has an RSA key with a huge exponent"},
	};
	struct name n = name_of("host.test");
	struct tls_client c = {.name = &n, .port = 443};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kit_identity k;

		assert_true(kit_identity_make(&k, cases[i].kind, 1, tls));
		struct kit_pair *p = pair_with(&c, &k, NULL);
		assert_int_equal(kit_shake(p), cases[i].why == NULL);
		assert_string_equal(tls_end_why(p->end[CLIENT]), cases[i].why ? cases[i].why : "");
		assert_int_equal(tls_end_was_costly(p->end[CLIENT]), cases[i].why != NULL);
		if (cases[i].why) {
			while (tls_end_step(p->end[SERVER]) == TLS_MORE)
				;
			assert_int_equal(tls_end_peer_alert(p->end[SERVER]), TLS_ALERT_BAD_CERTIFICATE);
		}
		kit_pair_free(p);
		kit_identity_free(&k);
	}
}

static void
keys_beyond(void **state)
{
	(void)state;
	const struct {
		enum kit_key kind;
		unsigned min, max;
		const char *why;
	} cases[] = {
	    {KIT_P256, 2048, 4096, NULL},
	    {KIT_P384, 2048, 4096, NULL},
	    {KIT_BRAINPOOL, 2048, 4096, "a key on an unusual curve"},
	    {KIT_RSA, 2048, 4096, NULL},
	    {KIT_RSA, 2049, 4096, "an RSA key that is too short"},
	    {KIT_RSA, 1024, 2047, "an RSA key that is too long"},
	    {KIT_RSA_HUGE, 2048, 8192, NULL},
	    {KIT_RSA_EXPONENT, 2048, 4096, "an RSA key with a huge exponent"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mbedtls_pk_context pk;

		mbedtls_pk_init(&pk);
		assert_true(kit_key(&pk, cases[i].kind, tls));
		const char *why = lib_key_beyond(&pk, cases[i].min, cases[i].max);
		assert_string_equal(why ? why : "", cases[i].why ? cases[i].why : "");
		mbedtls_pk_free(&pk);
	}
}

static void
a_client_certificate_is_asked_for(void **state)
{
	(void)state;
	struct kit_identity mine;
	struct name n = name_of("host.test");

	assert_true(kit_identity_make(&mine, KIT_P256, 1, tls));
	for (int ask = 0; ask < 3; ask++) {
		for (int show = 0; show < 2; show++) {
			const int mode[] = {MBEDTLS_SSL_VERIFY_NONE, MBEDTLS_SSL_VERIFY_OPTIONAL,
					    MBEDTLS_SSL_VERIFY_REQUIRED};
			struct tls_client cl = {.name = &n, .port = 443, .identity = show ? &mine.id : NULL};
			struct kit_pair *p = pair_with(&cl, &leaf, NULL);
			struct tls_end *server = p->end[SERVER], *client = p->end[CLIENT];

			mbedtls_ssl_conf_authmode(&server->conf, mode[ask]);
			mbedtls_ssl_conf_ca_chain(&server->conf, &mine.chain, NULL);
			again(server);
			(void)kit_shake(p);
			assert_int_equal(tls_end_asked_certificate(client), ask > 0);
			if (ask < 2) {
				const mbedtls_x509_crt *seen = mbedtls_ssl_get_peer_cert(&server->ssl);

				assert_true(server->over && client->over);
				assert_int_equal(seen != NULL, ask && show);
				carry(p, CLIENT, (const uint8_t *)"x", 1);
			} else if (!show) {
				assert_string_equal(tls_end_why(server), "no certificate was shown");
			}
			kit_pair_free(p);
		}
	}
	kit_identity_free(&mine);
}

/* --- identities ---------------------------------------------------------------------------------------------------------------------- */

static void
identities_from_pem(void **state)
{
	(void)state;
	uint8_t pem[4096], key[4096];
	size_t n = 0;
	char why[128] = "";
	struct kit_identity other;

	assert_true(kit_identity_make(&other, KIT_P256, 1, tls));
	assert_int_equal(mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n",
						  "-----END CERTIFICATE-----\n", leaf.chain.raw.p,
						  leaf.chain.raw.len, pem, sizeof(pem), &n),
			 0);
	n--; /* files have no NUL */
	assert_int_equal(mbedtls_pk_write_key_pem(&leaf.shown, key, sizeof(key)), 0);
	struct view c = view_of(pem, n), k = view_of(key, strlen((char *)key));
	struct tls_identity *i = tls_identity_read(tls, c, k, why, sizeof(why));
	assert_non_null(i);
	tls_identity_free(i);
	tls_identity_free(NULL);

	assert_null(tls_identity_read(tls, view_of("", 0), k, why, sizeof(why)));
	assert_non_null(strstr(why, "certificate"));
	assert_null(tls_identity_read(tls, c, view_of("", 0), why, sizeof(why)));
	assert_non_null(strstr(why, "key"));
	assert_int_equal(mbedtls_pk_write_key_pem(&other.shown, key, sizeof(key)), 0);
	k = view_of(key, strlen((char *)key));
	assert_null(tls_identity_read(tls, c, k, why, sizeof(why)));
	assert_string_equal(why, "the key is not that of the first certificate");
	kit_identity_free(&other);
}

static void
what_library_it_is(void **state)
{
	(void)state;
	struct tls *t;

	assert_int_equal(strncmp(tls_library(), "Mbed TLS ", 9), 0);
	assert_int_equal(strstr(tls_library(), "1.3") != NULL, tls_has_13());
	t = tls_new(&(struct tls_random){kit_fill, &luck}, &(struct tls_options){.only_13 = true});
	assert_int_equal(t != NULL, tls_has_13());
	tls_free(t);
	tls_free(NULL);
	tls_end_free(NULL);
}

/* --- all of them ---------------------------------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(handshakes_however_cut, forget_all),
	    cmocka_unit_test_setup(big_writes, forget_all),
	    cmocka_unit_test_setup(what_is_taken_is_copied, forget_all),
	    cmocka_unit_test_setup(a_record_is_read_in_pieces, forget_all),
	    cmocka_unit_test_setup(protocols, forget_all),
	    cmocka_unit_test_setup(a_name_is_told_and_an_address_is_not, forget_all),
	    cmocka_unit_test_setup(hellos_in_many_records, forget_all),
	    cmocka_unit_test_setup(the_fastest_suite_is_taken, forget_all),
	    cmocka_unit_test_setup(nothing_in_common, forget_all),
	    cmocka_unit_test_setup(chains_are_shown, forget_all),
	    cmocka_unit_test_setup(costly_keys, forget_all),
	    cmocka_unit_test_setup(a_client_certificate_is_asked_for, forget_all),
	};
	const struct CMUnitTest once[] = {
	    cmocka_unit_test(lists_of_protocols),
	    cmocka_unit_test(keys_beyond),
	    cmocka_unit_test(identities_from_pem),
	    cmocka_unit_test(what_library_it_is),
	};
	int failed = cmocka_run_group_tests_name("TLS ends", once, begin_group, end_group);

	version = 12;
	failed += cmocka_run_group_tests_name("TLS ends, TLS 1.2", tests, begin_group, end_group);
#if LIB_HAS_13
	const struct CMUnitTest only_13[] = {
	    cmocka_unit_test_setup(a_hello_is_asked_for_again, forget_all),
	    cmocka_unit_test_setup(rsa_pss_in_tls_12, forget_all),
	};

	version = 13;
	failed += cmocka_run_group_tests_name("TLS ends, TLS 1.3", tests, begin_group, end_group);
	failed += cmocka_run_group_tests_name("TLS 1.3 alone", only_13, begin_group, end_group);
#endif
	return failed;
}
