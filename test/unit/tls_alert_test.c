/*
 * tls_alert_test.c - what is made of every alert there can be, before anything is sealed and afterwards
 */
#include "test/unit/tls_pair_kit.h"

enum { WARNING = 1, FATAL = 2 };

/* Those that have a name (RFC 8446 6); of all others the number is told. */
static const struct {
	uint8_t alert;
	const char *why;
} named[] = {
    {10, "the peer said: unexpected message (10)"},
    {20, "the peer said: bad record MAC (20)"},
    {40, "the peer said: handshake failure (40)"},
    {48, "the peer said: unknown ca (48)"},
    {70, "the peer said: protocol version (70)"},
    {80, "the peer said: internal error (80)"},
    {112, "the peer said: unrecognized name (112)"},
    {116, "the peer said: certificate required (116)"},
    {120, "the peer said: no application protocol (120)"},
    {1, "the peer said: alert 1"},
    {99, "the peer said: alert 99"},
    {255, "the peer said: alert 255"},
};

static void
put_alert(struct kit_way *w, uint8_t level, uint8_t alert)
{
	const uint8_t record[] = {21, 3, 3, 0, 2, level, alert};

	memcpy(w->b + w->len, record, sizeof(record));
	w->len += sizeof(record);
}

static enum tls_progress
step_on(struct tls_end *e)
{
	enum tls_progress got;

	do
		got = tls_end_step(e);
	while (got == TLS_MORE);
	return got;
}

static void
answered_with_an_alert(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		struct kit_pair *p = pair_of(NULL, NULL);
		struct tls_end *client = p->end[CLIENT];

		assert_int_equal(step_on(client), TLS_WAITS);
		put_alert(&p->way[SERVER], FATAL, named[i].alert);
		assert_int_equal(step_on(client), TLS_FAILED);
		assert_string_equal(tls_end_why(client), named[i].why);
		assert_int_equal(tls_end_peer_alert(client), named[i].alert);
		/* It stays so, whatever comes then. */
		put_alert(&p->way[SERVER], FATAL, 80);
		assert_int_equal(tls_end_step(client), TLS_FAILED);
		assert_string_equal(tls_end_why(client), named[i].why);
		kit_pair_free(p);
	}
}

/* A server hears them instead of a ClientHello, too. */
static void
said_instead_of_a_hello(void **state)
{
	(void)state;
	struct kit_pair *p = pair_of(NULL, NULL);

	put_alert(&p->way[CLIENT], FATAL, 48);
	assert_int_equal(step_on(p->end[SERVER]), TLS_FAILED);
	assert_true(strlen(tls_end_why(p->end[SERVER])) > 5);
	kit_pair_free(p);
}

static void
closed_in_the_middle(void **state)
{
	(void)state;
	struct kit_pair *p = pair_of(NULL, NULL);

	assert_int_equal(step_on(p->end[CLIENT]), TLS_WAITS);
	put_alert(&p->way[SERVER], WARNING, 0);
	assert_int_equal(step_on(p->end[CLIENT]), TLS_FAILED);
	assert_string_equal(tls_end_why(p->end[CLIENT]), "the peer closed in the middle of the handshake");
	assert_int_equal(tls_end_peer_alert(p->end[CLIENT]), 0);
	kit_pair_free(p);
}

/* A record that is cut short, of another version, of another type, or longer than any: never an alert of the peer's. */
static void
records_that_are_none(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
	    {"\x15\x03\x03\x00\x01\x02", 6},     {"\x15\x03\x03\x00\x00", 5},
	    {"\x15\x07\x03\x00\x02\x02\x28", 7}, {"\x17\x03\x03\x00\x02\x02\x28", 7},
	    {"\x15\x03\x03\xff\xff\x02\x28", 7}, {"\x15\x03\x03\x00\x03\x02\x28\x00", 8},
	    {"\x63\x03\x03\x00\x02\x02\x28", 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kit_pair *p = pair_of(NULL, NULL);
		struct tls_end *client = p->end[CLIENT];

		assert_int_equal(step_on(client), TLS_WAITS);
		memcpy(p->way[SERVER].b, rows[i].bytes, rows[i].len);
		p->way[SERVER].len = rows[i].len;
		p->way[SERVER].ended = true;
		assert_int_equal(step_on(client), TLS_FAILED);
		assert_int_equal(tls_end_peer_alert(client), 0);
		if (strncmp(tls_end_why(client), "the peer said", 13) == 0)
			fail_msg("row %zu: %s", i, tls_end_why(client));
		kit_pair_free(p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(answered_with_an_alert, forget_all),
	    cmocka_unit_test_setup(said_instead_of_a_hello, forget_all),
	    cmocka_unit_test_setup(closed_in_the_middle, forget_all),
	    cmocka_unit_test_setup(records_that_are_none, forget_all),
	};
	int failed;

	version = 12;
	failed = cmocka_run_group_tests_name("alerts, TLS 1.2", tests, begin_group, end_group);
#if LIB_HAS_13
	version = 13;
	failed += cmocka_run_group_tests_name("alerts, TLS 1.3", tests, begin_group, end_group);
#endif
	return failed;
}
