/*
 * tls_end_test.c - two ends back to back: every way bytes can be cut, every way a connection can begin, end and break
 *
 * Each test runs with every version of TLS the library has; `version` is the one at hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/unit/tls_end_kit.h"
#include "tls/end.h"
#include "tls/hello.h"

/* Not in the library's headers: a record of any type, sealed. */
int mbedtls_ssl_write_record(mbedtls_ssl_context *s, int flush);

static uint64_t luck;
static struct tls *tls;
static struct kit_identity leaf;
static int version;

static struct name
name_of(const char *text)
{
	struct name n;

	assert_true(name_parse(text, strlen(text), &n));
	return n;
}

static struct tls_alpn
alpn_of(const char *a, const char *b)
{
	struct tls_alpn list = {.n = (uint8_t)(b ? 2 : a ? 1 : 0)};

	if (a)
		(void)snprintf(list.name[0], sizeof(list.name[0]), "%s", a);
	if (b)
		(void)snprintf(list.name[1], sizeof(list.name[1]), "%s", b);
	return list;
}

/* As set up anew, with what was changed in its configuration. */
static void
again(struct tls_end *e)
{
	assert_int_equal(mbedtls_ssl_session_reset(&e->ssl), 0);
}

static void
only_version(struct tls_end *e)
{
#if LIB_HAS_13
	if (version == 12)
		mbedtls_ssl_conf_max_tls_version(&e->conf, MBEDTLS_SSL_VERSION_TLS1_2);
	else
		mbedtls_ssl_conf_min_tls_version(&e->conf, MBEDTLS_SSL_VERSION_TLS1_3);
	if (e->server)
		again(e);
#else
	(void)e;
#endif
}

static struct kit_pair *
pair_with(const struct tls_client *c, const struct kit_identity *k, const char *alpn)
{
	struct kit_pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	struct tls_io ci = kit_io(p, CLIENT), si = kit_io(p, SERVER);
	p->end[CLIENT] = tls_client_new(tls, &ci, c);
	p->end[SERVER] = tls_server_new(tls, &si, &k->id, alpn);
	assert_non_null(p->end[CLIENT]);
	assert_non_null(p->end[SERVER]);
	only_version(p->end[SERVER]);
	return p;
}

static struct kit_pair *
pair_of(const struct tls_alpn *offer, const char *alpn)
{
	struct name n = name_of("host.test");
	struct tls_client c = {.name = &n, .port = 443, .alpn = offer};

	return pair_with(&c, &leaf, alpn);
}

static struct kit_pair *
shaken(void)
{
	struct kit_pair *p = pair_of(NULL, NULL);

	assert_true(kit_shake(p));
	return p;
}

/* All of it, flushing and reading as long as it takes. */
static void
carry(struct kit_pair *p, int from, const uint8_t *b, size_t n)
{
	uint8_t *got = malloc(n ? n : 1);
	size_t sent = 0, had = 0;

	assert_non_null(got);
	for (unsigned turns = 0; had < n; turns++) {
		assert_true(turns < 4000000);
		ssize_t w =
		    sent < n ? tls_end_write(p->end[from], b + sent, n - sent) : tls_end_flush(p->end[from]);
		assert_true(w >= 0 || w == -EAGAIN);
		if (w > 0)
			sent += (size_t)w;
		ssize_t r = tls_end_read(p->end[!from], got + had, n - had);
		assert_true(r > 0 || r == -EAGAIN);
		if (r > 0)
			had += (size_t)r;
	}
	assert_memory_equal(got, b, n);
	free(got);
}

/* The message of an end that waits for nothing. */
static ssize_t
read_all(struct tls_end *e, void *to, size_t n)
{
	ssize_t got;
	int turns = 0;

	do
		got = tls_end_read(e, to, n);
	while (got == -EAGAIN && (tls_end_has_readable(e) || turns++ < 8));
	return got;
}

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

static bool
is_chacha(const struct tls_end *e)
{
	return strstr(mbedtls_ssl_get_ciphersuite(&e->ssl), "CHACHA20") != NULL;
}

/* A client that would rather have another one, and takes ours. */
static void
the_fastest_suite_is_taken(void **state)
{
	(void)state;
	static const int slow_first[] = {
#if LIB_HAS_13
		MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
		MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
#endif
		MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		0
	};
	static const int slow_only[] = {
#if LIB_HAS_13
		MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
#endif
		MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		0
	};

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
		assert_int_equal(is_chacha(p->end[CLIENT]), !only);
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

/* --- sessions ---------------------------------------------------------------------------------------------------------------------------- */

struct
try {
	const char *host;
	struct addr addr;
	uint16_t port;
	const char *alpn;
	uint64_t trust;
	usec_t now;
	bool keep;
};

/* A connection as t says; was it a session taken up again? */
static bool
resumes(const struct try *t)
{
	struct name n = {.len = 0};
	struct tls_alpn offer = alpn_of(t->alpn, NULL);
	struct tls_client c = {
	    .addr = t->addr, .port = t->port, .alpn = &offer, .trust = t->trust, .now = t->now};
	struct view cert[2];

	if (t->host) {
		n = name_of(t->host);
		c.name = &n;
	}
	struct kit_pair *p = pair_with(&c, &leaf, t->alpn);
	assert_true(kit_shake(p));
	bool resumed = tls_end_resumed(p->end[CLIENT]);
	assert_int_equal(tls_end_resumed(p->end[SERVER]), resumed);
	assert_int_equal(tls_end_peer_chain(p->end[CLIENT], cert, 2), resumed ? 0 : 1);
	assert_string_equal(tls_end_alpn(p->end[CLIENT]), t->alpn ? t->alpn : "");
	if (t->keep)
		tls_end_keep_session(p->end[CLIENT]);
	carry(p, SERVER, (const uint8_t *)"the ticket of TLS 1.3 comes before it", 37);
	carry(p, CLIENT, (const uint8_t *)"x", 1);
	kit_pair_free(p);
	return resumed;
}

/* Before each test: no session is known. */
static int
forget_all(void **state)
{
	tls_free(tls);
	tls = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);
	*state = NULL;
	return !tls;
}

static void
sessions_are_taken_up_again(void **state)
{
	(void)state;
	struct try t = {.host = "host.test", .port = 443, .trust = 7, .now = 5 * USEC_PER_SEC};

	assert_false(resumes(&t)); /* nobody has found its chain good */
	assert_false(resumes(&t));
	t.keep = true;
	assert_false(resumes(&t));
	assert_true(resumes(&t));
	t.keep = false;
	assert_true(resumes(&t));
	assert_true(resumes(&t));
}

static void
sessions_are_kept_apart(void **state)
{
	(void)state;
	const struct try t = {.host = "host.test", .port = 443, .trust = 7, .keep = true};
	struct try other;

	assert_false(resumes(&t));
	other = t, other.keep = false;
	other.trust = 8;
	assert_false(resumes(&other));
	other = t, other.keep = false, other.port = 8443;
	assert_false(resumes(&other));
	other = t, other.keep = false, other.alpn = "h2";
	assert_false(resumes(&other));
	other = t, other.keep = false, other.host = "other.test";
	assert_false(resumes(&other));
	other = t, other.keep = false, other.host = NULL;
	other.addr = addr_v4(0x7f000001);
	assert_false(resumes(&other));
	other.keep = true;
	assert_false(resumes(&other));
	assert_true(resumes(&other));
	assert_true(resumes(&t));
}

static void
sessions_end_an_hour_after_their_chain_was_looked_at(void **state)
{
	(void)state;
	struct try t = {.host = "host.test", .port = 443, .keep = true};

	assert_false(resumes(&t));
	for (usec_t m = 10; m < 60; m += 10) {
		t.now = m * 60 * USEC_PER_SEC;
		assert_true(resumes(&t)); /* kept anew each time, and no longer for it */
	}
	t.now = 3600 * USEC_PER_SEC;
	assert_false(resumes(&t));
	assert_true(resumes(&t));
}

static void
what_was_used_longest_ago_makes_room(void **state)
{
	(void)state;
	struct resume *r = resume_new(20);
	struct resume_key k = {{0}};
	uint8_t session[RESUME_BYTES + 1] = {1};
	usec_t when = 0;

	assert_non_null(r);
	for (uint8_t i = 0; i < 20; i++) {
		k.b[0] = i;
		session[0] = i;
		resume_keep(r, &k, view_of(session, 100), i);
	}
	k.b[0] = 0;
	assert_int_equal(resume_find(r, &k, 19, &when).p[0], 0); /* it is of use still */
	k.b[0] = 77;
	resume_keep(r, &k, view_of(session, sizeof(session)), 19); /* too long */
	assert_int_equal(resume_find(r, &k, 19, &when).len, 0);
	resume_keep(r, &k, view_of(session, RESUME_BYTES), 19);
	assert_int_equal(resume_find(r, &k, 19, &when).len, RESUME_BYTES);
	for (uint8_t i = 0; i < 20; i++) {
		k.b[0] = i;
		assert_int_equal(resume_find(r, &k, 20, &when).len, i == 1 ? 0 : 100);
	}
	resume_drop(r, &k);
	resume_drop(r, &k);
	assert_int_equal(resume_find(r, &k, 20, &when).len, 0);
	resume_free(r);
}

/* --- ends -------------------------------------------------------------------------------------------------------------------------------- */

static void
each_direction_closes_by_itself(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		struct kit_pair *p = shaken();
		struct tls_end *a = p->end[first], *b = p->end[!first];
		char c[8];

		assert_int_equal(tls_end_write(a, "last", 4), 4);
		assert_int_equal(tls_end_close(a), 0);
		assert_int_equal(tls_end_close(a), 0);
		assert_int_equal(tls_end_write(a, "more", 4), -EPIPE);
		p->way[first].ended = true;
		assert_int_equal(read_all(b, c, sizeof(c)), 4);
		assert_int_equal(read_all(b, c, sizeof(c)), 0);
		assert_int_equal(tls_end_read(b, c, sizeof(c)), 0);
		carry(p, !first, (const uint8_t *)"the other goes on", 17);
		assert_int_equal(tls_end_close(b), 0);
		assert_int_equal(read_all(a, c, sizeof(c)), 0);
		kit_pair_free(p);
	}
}

/* close_notify waits for what was written before it, and is not lost. */
static void
a_close_behind_a_full_pipe(void **state)
{
	(void)state;
	struct kit_pair *p = shaken();
	struct tls_end *a = p->end[SERVER];
	char c[100];
	int said = 0;

	assert_int_equal(read_all(p->end[CLIENT], c, sizeof(c)), -EAGAIN); /* a ticket */
	p->way[SERVER].room = 1;
	assert_int_equal(tls_end_write(a, "0123456789", 10), 10);
	for (int turns = 0; turns < 1000 && said <= 0; turns++) {
		int rc = tls_end_close(a);

		assert_true(rc == 0 || rc == -EAGAIN);
		ssize_t got = tls_end_read(p->end[CLIENT], c, sizeof(c));
		assert_true(got == -EAGAIN || got == 10 || got == 0);
		said = got == 0;
		if (got == 0)
			assert_int_equal(tls_end_flush(a), 0);
	}
	assert_true(said);
	kit_pair_free(p);
}

static void
ends_without_a_word(void **state)
{
	(void)state;
	struct kit_pair *p = shaken();
	char c[8];

	assert_int_equal(tls_end_write(p->end[CLIENT], "x", 1), 1);
	p->way[CLIENT].ended = true;
	assert_int_equal(read_all(p->end[SERVER], c, sizeof(c)), 1);
	assert_int_equal(read_all(p->end[SERVER], c, sizeof(c)), -EPIPE);
	assert_int_equal(tls_end_read(p->end[SERVER], c, sizeof(c)), -EPIPE);
	assert_non_null(strstr(tls_end_why(p->end[SERVER]), "without close_notify"));
	kit_pair_free(p);

	/* In the middle of a record, and of the handshake. */
	p = shaken();
	assert_int_equal(tls_end_write(p->end[CLIENT], "abcdef", 6), 6);
	p->way[CLIENT].len -= 3;
	p->way[CLIENT].ended = true;
	assert_int_equal(read_all(p->end[SERVER], c, sizeof(c)), -EPIPE);
	kit_pair_free(p);
	p = pair_of(NULL, NULL);
	while (tls_end_step(p->end[CLIENT]) == TLS_MORE)
		;
	p->way[CLIENT].len -= 3;
	p->way[CLIENT].ended = true;
	assert_false(kit_shake(p));
	assert_string_equal(tls_end_why(p->end[SERVER]),
			    "the connection ended in the middle of the handshake");
	kit_pair_free(p);
}

static void
broken_sockets(void **state)
{
	(void)state;
	for (int way = 0; way < 2; way++) {
		struct kit_pair *p = shaken();
		char c[1];

		p->way[way].error = -ECONNRESET;
		if (way == CLIENT)
			assert_int_equal(tls_end_write(p->end[CLIENT], "x", 1), -ECONNRESET);
		else
			assert_int_equal(tls_end_read(p->end[CLIENT], c, 1), -ECONNRESET);
		assert_int_equal(tls_end_read(p->end[CLIENT], c, 1), -ECONNRESET);
		assert_int_equal(tls_end_write(p->end[CLIENT], "x", 1), -ECONNRESET);
		assert_int_equal(tls_end_flush(p->end[CLIENT]), -ECONNRESET);
		assert_int_equal(tls_end_close(p->end[CLIENT]), -ECONNRESET);
		assert_false(tls_end_has_readable(p->end[CLIENT]));
		assert_string_equal(tls_end_why(p->end[CLIENT]), "the connection broke");
		kit_pair_free(p);
	}
}

/* Any byte of a record that is changed ends the connection, and both sides know. */
static void
changed_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < 26; i++) {
		struct kit_pair *p = shaken();
		struct kit_way *w = &p->way[CLIENT];
		char c[8];

		w->at = w->len = 0;
		assert_int_equal(tls_end_write(p->end[CLIENT], "abcdef", 6), 6);
		if (i >= w->len || i == 3 || i == 4) { /* a longer one is one that has not all come */
			kit_pair_free(p);
			continue;
		}
		w->b[i] ^= 0x20;
		assert_int_equal(read_all(p->end[SERVER], c, sizeof(c)), -EPROTO);
		assert_true(strlen(tls_end_why(p->end[SERVER])) > 10);
		assert_int_equal(tls_end_write(p->end[SERVER], "x", 1), -EPROTO);
		ssize_t told = read_all(p->end[CLIENT], c, sizeof(c));
		assert_true(told == -EPROTO || told == -EAGAIN);
		kit_pair_free(p);
	}
}

static void
alerts_of_ours(void **state)
{
	(void)state;
	const uint8_t clear[] = {21, 3, 3, 0, 2, 2, TLS_ALERT_UNKNOWN_CA};
	struct kit_pair *p = pair_of(NULL, NULL);
	char c[1];

	/* Before anything was said: in the clear. */
	tls_end_alert(p->end[SERVER], TLS_ALERT_UNKNOWN_CA);
	assert_int_equal(p->way[SERVER].len, sizeof(clear));
	assert_memory_equal(p->way[SERVER].b, clear, sizeof(clear));
	assert_int_equal(tls_end_step(p->end[SERVER]), TLS_FAILED);
	while (tls_end_step(p->end[CLIENT]) == TLS_MORE)
		;
	assert_string_equal(tls_end_why(p->end[CLIENT]), "the peer said: unknown ca (48)");
	kit_pair_free(p);

	/* Later: sealed. */
	p = shaken();
	tls_end_alert(p->end[SERVER], TLS_ALERT_DENIED);
	assert_int_equal(read_all(p->end[CLIENT], c, 1), -EPROTO);
	assert_int_equal(tls_end_peer_alert(p->end[CLIENT]), TLS_ALERT_DENIED);
	assert_string_equal(tls_end_why(p->end[CLIENT]), "the peer said: access denied (49)");
	kit_pair_free(p);
}

/* A client that does not trust the certificate says so, sealed or not. */
static void
a_client_that_refuses(void **state)
{
	(void)state;
	for (int clear = 0; clear < 2; clear++) {
		struct kit_pair *p = pair_of(NULL, NULL);
		struct tls_end *client = p->end[CLIENT], *server = p->end[SERVER];

		for (int i = 0; i < 100 && !client->shown; i++) {
			if (tls_end_step(client) == TLS_WAITS)
				(void)tls_end_step(server);
		}
		assert_true(client->shown);
		while (tls_end_step(server) == TLS_MORE)
			;
		if (clear) {
			const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 48};

			memcpy(p->way[CLIENT].b, alert, sizeof(alert));
			p->way[CLIENT].at = 0;
			p->way[CLIENT].len = sizeof(alert);
		} else {
			tls_end_alert(client, TLS_ALERT_UNKNOWN_CA);
		}
		while (tls_end_step(server) == TLS_MORE)
			;
		assert_int_equal(tls_end_step(server), TLS_FAILED);
		assert_int_equal(tls_end_peer_alert(server), TLS_ALERT_UNKNOWN_CA);
		kit_pair_free(p);
	}
}

/* --- what a peer may send afterwards ------------------------------------------------------------------------------------------------- */

/* A sealed record of any type. */
static void
send_raw(struct tls_end *e, int type, const uint8_t *b, size_t n)
{
	e->ssl.MBEDTLS_PRIVATE(out_msgtype) = type;
	e->ssl.MBEDTLS_PRIVATE(out_msglen) = n;
	memcpy(e->ssl.MBEDTLS_PRIVATE(out_msg), b, n);
	assert_int_equal(mbedtls_ssl_write_record(&e->ssl, 1), 0);
}

static void
messages_afterwards(void **state)
{
	(void)state;
	static const uint8_t key_update[] = {24, 0, 0, 1, 0}, hello_request[] = {0, 0, 0, 0};
	struct kit_pair *p = shaken();
	char c[8];

	if (version == 13) {
		send_raw(p->end[SERVER], 22, key_update, sizeof(key_update));
		assert_int_equal(read_all(p->end[CLIENT], c, 1), -EPROTO);
		assert_non_null(strstr(tls_end_why(p->end[CLIENT]), "KeyUpdate"));
	} else {
		/* No renegotiation; the connection goes on, even with the answer stuck. */
		p->way[CLIENT].room = 1;
		send_raw(p->end[SERVER], 22, hello_request, sizeof(hello_request));
		send_raw(p->end[SERVER], 22, hello_request, sizeof(hello_request));
		carry(p, SERVER, (const uint8_t *)"on", 2);
		p->way[CLIENT].room = 0;
		carry(p, CLIENT, (const uint8_t *)"and on", 6);
	}
	kit_pair_free(p);
}

/* Records with nothing in them are no end of file, and not forever. */
static void
empty_records(void **state)
{
	(void)state;
	struct kit_pair *p = shaken();
	char c[8];

	for (int i = 0; i < 2; i++)
		assert_int_equal(mbedtls_ssl_write(&p->end[CLIENT]->ssl, (const uint8_t *)"", 0), 0);
	assert_int_equal(tls_end_read(p->end[SERVER], c, 1), -EAGAIN);
	carry(p, CLIENT, (const uint8_t *)"x", 1);

	ssize_t got = -EAGAIN;
	for (int i = 0; i < 100000 && got == -EAGAIN; i++) {
		assert_int_equal(mbedtls_ssl_write(&p->end[CLIENT]->ssl, (const uint8_t *)"", 0), 0);
		got = tls_end_read(p->end[SERVER], c, 1);
	}
	assert_int_equal(got, -EPROTO);
	kit_pair_free(p);
}

/* Warnings that say nothing: taken in bounded pieces, and not forever. */
static void
floods_of_alerts(void **state)
{
	(void)state;
	static const uint8_t nothing[] = {1, 90};
	struct kit_pair *p = shaken();
	char c[8];
	int calls = 0;

	p->way[CLIENT].at = p->way[CLIENT].len = 0;
	while (p->way[CLIENT].len < 200000)
		send_raw(p->end[CLIENT], 21, nothing, sizeof(nothing));
	ssize_t got = tls_end_read(p->end[SERVER], c, 1);
	assert_true(p->way[CLIENT].at <= CALL_MAX);
	while (got == -EAGAIN && tls_end_has_readable(p->end[SERVER]) && calls++ < 100)
		got = tls_end_read(p->end[SERVER], c, 1);
	assert_int_equal(got, -EPROTO);
	kit_pair_free(p);
}

/* --- noise ------------------------------------------------------------------------------------------------------------------------------- */

static void
noise_at_any_time(void **state)
{
	(void)state;
	for (int i = 0; i < 120; i++) {
		struct kit_pair *p = pair_of(NULL, NULL);
		struct kit_way *w = &p->way[i & 1];
		char c[64];

		for (int steps = 0; steps < i / 2; steps++) {
			(void)tls_end_step(p->end[CLIENT]);
			(void)tls_end_step(p->end[SERVER]);
		}
		size_t n = 1 + (size_t)i * 7;
		if (i % 3 == 0)
			memcpy(w->b + w->len, (uint8_t[]){22, 3, 3, 64, 0}, 5), w->len += 5;
		kit_fill(&luck, w->b + w->len, n);
		w->len += n;
		w->ended = true;
		for (int steps = 0; steps < 64; steps++) {
			for (int side = 0; side < 2; side++) {
				if (tls_end_step(p->end[side]) == TLS_DONE) {
					ssize_t got = tls_end_read(p->end[side], c, sizeof(c));
					assert_true(got <= 0);
				}
			}
		}
		struct tls_end *hit = p->end[!(i & 1)];
		assert_true(hit->error == -EPROTO || hit->error == -EPIPE ||
			    tls_end_read(hit, c, sizeof(c)) == -EPIPE);
		assert_true(strlen(tls_end_why(hit)) > 5);
		kit_pair_free(p);
	}
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

/* --- all of them ------------------------------------------------------------------------------------------------------------------------- */

static int
begin_group(void **state)
{
	luck = 1;
	tls = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);
	*state = NULL;
	return !tls || !kit_identity_make(&leaf, KIT_P256, 1, tls);
}

static int
end_group(void **state)
{
	(void)state;
	kit_identity_free(&leaf);
	tls_free(tls);
	return 0;
}

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
	    cmocka_unit_test_setup(sessions_are_taken_up_again, forget_all),
	    cmocka_unit_test_setup(sessions_are_kept_apart, forget_all),
	    cmocka_unit_test_setup(sessions_end_an_hour_after_their_chain_was_looked_at, forget_all),
	    cmocka_unit_test_setup(each_direction_closes_by_itself, forget_all),
	    cmocka_unit_test_setup(a_close_behind_a_full_pipe, forget_all),
	    cmocka_unit_test_setup(ends_without_a_word, forget_all),
	    cmocka_unit_test_setup(broken_sockets, forget_all),
	    cmocka_unit_test_setup(changed_records, forget_all),
	    cmocka_unit_test_setup(alerts_of_ours, forget_all),
	    cmocka_unit_test_setup(a_client_that_refuses, forget_all),
	    cmocka_unit_test_setup(messages_afterwards, forget_all),
	    cmocka_unit_test_setup(empty_records, forget_all),
	    cmocka_unit_test_setup(floods_of_alerts, forget_all),
	    cmocka_unit_test_setup(noise_at_any_time, forget_all),
	};
	const struct CMUnitTest once[] = {
	    cmocka_unit_test(lists_of_protocols), cmocka_unit_test(what_was_used_longest_ago_makes_room),
	    cmocka_unit_test(keys_beyond),        cmocka_unit_test(identities_from_pem),
	    cmocka_unit_test(what_library_it_is),
	};
	int failed = cmocka_run_group_tests_name("TLS ends", once, begin_group, end_group);

	version = 12;
	failed += cmocka_run_group_tests_name("TLS 1.2", tests, begin_group, end_group);
#if LIB_HAS_13
	const struct CMUnitTest only_13[] = {
	    cmocka_unit_test_setup(a_hello_is_asked_for_again, forget_all),
	};

	version = 13;
	failed += cmocka_run_group_tests_name("TLS 1.3", tests, begin_group, end_group);
	failed += cmocka_run_group_tests_name("TLS 1.3 alone", only_13, begin_group, end_group);
#endif
	return failed;
}
