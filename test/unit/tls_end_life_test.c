/*
 * tls_end_life_test.c - two ends back to back: sessions that are taken up again, and every way a connection can end and break
 */
#include "test/unit/tls_pair_kit.h"

/* Not in the library's headers: a record of any type, sealed. */
int mbedtls_ssl_write_record(mbedtls_ssl_context *s, int flush);

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
	while (got == -EAGAIN && tls_end_has_readable(p->end[SERVER]) && calls++ < 1000)
		got = tls_end_read(p->end[SERVER], c, 1);
	assert_int_equal(got, -EPROTO);
	kit_pair_free(p);
}

/* A ticket is not looked at while something sealed is not out: no turning in circles, and it is said when to look again. */
static void
a_ticket_behind_a_full_pipe(void **state)
{
	(void)state;
	struct kit_pair *p = shaken();
	struct tls_end *client = p->end[CLIENT];
	char c;

	assert_int_equal(tls_end_write(p->end[SERVER], "x", 1), 1);
	p->way[CLIENT].room = p->way[CLIENT].len - p->way[CLIENT].at + 3;
	assert_int_equal(tls_end_write(client, "stuck", 5), 5);
	assert_int_equal(tls_end_flush(client), -EAGAIN);
	for (int i = 0; i < 3 && version == 13; i++) {
		assert_int_equal(tls_end_read(client, &c, 1), -EAGAIN);
		assert_false(tls_end_has_readable(client));
	}
	p->way[CLIENT].room = 0;
	assert_int_equal(tls_end_flush(client), 0);
	assert_int_equal(tls_end_has_readable(client), version == 13);
	assert_int_equal(read_all(client, &c, 1), 1);
	assert_int_equal(c, 'x');
	kit_pair_free(p);
}

/* The same in the middle of a handshake, where nothing is sealed yet. */
static void
floods_instead_of_a_hello(void **state)
{
	(void)state;
	static const uint8_t nothing[] = {21, 3, 3, 0, 2, 1, 90};
	struct kit_pair *p = pair_of(NULL, NULL);
	struct kit_way *w = &p->way[SERVER];
	enum tls_progress got = TLS_MORE;
	int steps = 0;

	while (tls_end_step(p->end[CLIENT]) == TLS_MORE)
		;
	for (; w->len < 200000; w->len += sizeof(nothing))
		memcpy(w->b + w->len, nothing, sizeof(nothing));
	for (; got == TLS_MORE && steps < 1000; steps++) {
		size_t before = w->at;

		got = tls_end_step(p->end[CLIENT]);
		assert_true(w->at - before <= CALL_MAX);
	}
	assert_int_equal(got, TLS_FAILED);
	assert_true(w->at <= IDLE_MAX + CALL_MAX);
	assert_string_equal(tls_end_why(p->end[CLIENT]), "a handshake that is too long");
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

/* --- all of them ---------------------------------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
	    cmocka_unit_test_setup(a_ticket_behind_a_full_pipe, forget_all),
	    cmocka_unit_test_setup(floods_of_alerts, forget_all),
	    cmocka_unit_test_setup(floods_instead_of_a_hello, forget_all),
	    cmocka_unit_test_setup(noise_at_any_time, forget_all),
	};
	const struct CMUnitTest once[] = {
	    cmocka_unit_test(what_was_used_longest_ago_makes_room),
	};
	int failed = cmocka_run_group_tests_name("TLS connections", once, begin_group, end_group);

	version = 12;
	failed += cmocka_run_group_tests_name("TLS connections, TLS 1.2", tests, begin_group, end_group);
#if LIB_HAS_13
	version = 13;
	failed += cmocka_run_group_tests_name("TLS connections, TLS 1.3", tests, begin_group, end_group);
#endif
	return failed;
}
