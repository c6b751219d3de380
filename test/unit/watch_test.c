/*
 * watch_test.c - flows whose first flight decides, through a whole gateway: TLS, and what is neither TLS nor HTTP
 *
 * What the host has had is compared byte for byte: nothing before the verdict, all of it in order after.
 */
#include "test/unit/hello_kit.h"
#include "test/unit/watch_kit.h"

static struct hello_bytes hello;

/* All is allowed but one name. */
static void
all_but_bad(void)
{
	rules("all", "deny to bad.example", NULL);
	begin();
}

/* The guest's ClientHello for that name, in one segment. */
static void
says_hello(struct peer *p, const char *sni)
{
	hello_for(&hello, sni, 0, 16384);
	says_bytes(p, hello.b, hello.len);
}

/* --- TLS ------------------------------------------------------------------------------------------------------- */

static void
P20_nothing_before_the_verdict(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	uint64_t peeked = counted(GW_POLICY_PEEKED);

	hello_for(&hello, "www.good.example", 0, 16384);
	for (size_t i = 0; i < hello.len - 1; i++) {
		says_bytes(&p, hello.b + i, 1);
		host_has_nothing(fd);
		wait_for(10 * USEC_PER_MSEC);
	}
	says_bytes(&p, hello.b + hello.len - 1, 1);
	host_has_bytes(fd, hello.b, hello.len);
	watch_over(&p);
	/* From here on nobody looks: the flow is as any other. */
	says(&p, "anything");
	host_has(fd, "anything");
	host_says(&p, fd, "answer");
	assert_string_equal(heard.text, "answer");
	guest_ends(&p);
	assert_true(vhost_got_eof(bed->vhost, fd));
	assert_int_equal(peeked, 1);
	end();
}

/* L1, L2, checklist 24: a name spread over segments and records, also with what follows in the same segment. */
static void
L2_fragmented_hello(void **state)
{
	static const size_t pieces[] = {1, 2, 7, 60, 100, 16384};
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		const char *to = i % 2 ? PUBLIC6 : PUBLIC4;
		struct peer p = watched((uint16_t)(1000 + i), to, 443, &fd);

		hello_for(&hello, "WWW.good.example.", 1500, pieces[i]);
		says_in_pieces(&p, hello.b, hello.len - 40, 1000);
		host_has_nothing(fd);
		hello_put(&hello, "\x17\3\3\0\5early", 10);
		says_bytes(&p, hello.b + hello.len - 50, 50);
		host_has_bytes(fd, hello.b, hello.len);
		watch_over(&p);

		p = watched((uint16_t)(2000 + i), to, 443, &fd);
		hello_for(&hello, "www.evil.example", 1500, pieces[i]);
		says_in_pieces(&p, hello.b, hello.len, 1000);
		host_never_knew(fd);
		expect_alert(&p, 49, SLUICE_REASON_NAME);
	}
	end();
}

/* The longest hello is longer than a connection's first ring, and the last that passes. */
static void
L2_longest_hello(void **state)
{
	int fd;

	(void)state;
	conf.gateway.max_tcp = 4096; /* rings begin small */
	only_good();
	hello_for(&hello, "www.good.example", 0, 65536);
	size_t pad = HELLO_MAX - (hello.len - 5) - 4;
	for (size_t more = 0; more < 2; more++) {
		struct peer p = watched((uint16_t)(1000 + more), PUBLIC4, 443, &fd);

		hello_for(&hello, "www.good.example", pad + more, 1000);
		says_in_pieces(&p, hello.b, hello.len, 1400);
		if (more == 0) {
			host_has_bytes(fd, hello.b, hello.len);
			watch_over(&p);
		} else {
			host_never_knew(fd);
			expect_alert(&p, 50, SLUICE_REASON_BAD_QUERY);
		}
	}
	/* One byte a record: the message is short enough, what is held is not. */
	struct peer p = watched(1002, PUBLIC4, 443, &fd);
	hello_for(&hello, "www.good.example", 12000, 1);
	assert_true(hello.len > 70000);
	for (size_t at = 0; at < hello.len && !heard.fin; at += 1200)
		says_bytes(&p, hello.b + at, 1200);
	host_never_knew(fd);
	expect_alert(&p, 50, SLUICE_REASON_BAD_QUERY);
	end();
}

static void
expect_tls_refused(uint16_t sport, const char *sni, uint8_t alert, enum sluice_reason reason)
{
	int fd;
	struct peer p = watched(sport, PUBLIC4, 443, &fd);

	says_hello(&p, sni);
	host_never_knew(fd);
	expect_alert(&p, alert, reason);
}

static void
expect_tls_passed(uint16_t sport, const char *sni)
{
	int fd;
	struct peer p = watched(sport, PUBLIC4, 443, &fd);

	says_hello(&p, sni);
	host_has_bytes(fd, hello.b, hello.len);
	watch_over(&p);
}

/* P2 and its other half: evidence and claim must agree. */
static void
P2_claim_and_evidence_agree(void **state)
{
	(void)state;
	only_good();
	expect_tls_passed(1000, "www.good.example");
	/* Allowed by the rule, but it is the rule that evidence must match too, not the very name. */
	expect_tls_passed(1001, "api.good.example");
	expect_tls_refused(1002, "evil.example", 49, SLUICE_REASON_NAME);
	expect_tls_refused(1003, "good.example.evil.example", 49, SLUICE_REASON_NAME);
	expect_tls_refused(1004, "xgood.example", 49, SLUICE_REASON_NAME);
	end();
}

/* Checklist 26: several names at one address, some allowed and some not: what is told decides, without it what is known. */
static void
names_that_share_an_address(void **state)
{
	int fd;

	(void)state;
	rules("none", "deny to bad.example", "allow tcp to *.good.example", NULL);
	begin();
	resolved("www.good.example", PUBLIC4, 300);
	expect_tls_passed(1000, NULL);
	expect_tls_refused(1001, "bad.example", 49, SLUICE_REASON_RULE);
	resolved("bad.example", PUBLIC4, 300);
	expect_tls_passed(1002, "www.good.example");
	expect_tls_passed(1003, "good.example");
	expect_tls_refused(1004, "bad.example", 49, SLUICE_REASON_RULE);
	expect_tls_refused(1005, NULL, 49, SLUICE_REASON_RULE);
	struct peer p = watched(1006, PUBLIC4, 22, &fd);
	says(&p, "SSH-2.0-client\r\n");
	host_never_knew(fd);
	expect_reset(&p, SLUICE_REASON_RULE);
	end();
}

/* P3: a denial by name needs no evidence. */
static void
P3_denied_name_at_any_address(void **state)
{
	(void)state;
	all_but_bad();
	expect_tls_refused(1000, "bad.example", 49, SLUICE_REASON_RULE);
	expect_tls_refused(1001, "BAD.example.", 49, SLUICE_REASON_RULE);
	expect_tls_passed(1002, "other.example");
	end();
}

/* P17: without a name that can be read, evidence alone decides. */
static void
P17_no_name(void **state)
{
	(void)state;
	only_good();
	expect_tls_passed(1000, NULL);
	expect_tls_passed(1001, PUBLIC4);
	end();
	fresh_watch(state);
	all_but_bad();
	expect_tls_passed(1000, NULL);
	/* The address is the denied name's, and nothing else is known of it. */
	resolved("bad.example", PUBLIC4, 300);
	struct peer p = peer_to(1001, at(PUBLIC4, 443));
	peer_send(&p, TCP_SYN, NULL, 0);
	peer_wants(&p, TCP_SYN | TCP_ACK);
	heard_nothing();
	int fd = peer_fd(&p);
	acknowledges(&p);
	says_hello(&p, NULL);
	host_never_knew(fd);
	expect_alert(&p, 49, SLUICE_REASON_RULE);
	end();
}

static void
P15_ech_is_refused(void **state)
{
	static struct hello_bytes ext, msg;
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	ext.len = 0;
	hello_sni(&ext, 0, "www.good.example", 16);
	hello_ext(&ext, 0xfe0d, "\0\0\1\0\1\x2a\0\0\0\0", 10);
	hello_message(&msg, &ext);
	hello_records(&hello, &msg, 16384);
	says_bytes(&p, hello.b, hello.len);
	host_never_knew(fd);
	expect_alert(&p, 49, SLUICE_REASON_ECH);
	end();
}

static void
L3_broken_hello(void **state)
{
	static const char *const names[] = {"a..b", "good.example/x", "*.good.example"};
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < 3; i++)
		expect_tls_refused((uint16_t)(1000 + i), names[i], 50, SLUICE_REASON_BAD_QUERY);
	/* An empty record. */
	struct peer p = watched(1010, PUBLIC4, 443, &fd);
	says_bytes(&p, "\x16\3\1\0\0", 5);
	host_never_knew(fd);
	expect_alert(&p, 50, SLUICE_REASON_BAD_QUERY);
	end();
}

static void
drop_is_silent(void **state)
{
	int fd;

	(void)state;
	rules("all", "drop to bad.example", NULL);
	begin();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	says_hello(&p, "bad.example");
	host_never_knew(fd);
	assert_int_equal(heard.len, 0);
	assert_false(heard.fin || heard.rst);
	assert_null(peer_flow(&p));
	assert_int_equal(counted(GW_POLICY_DROPPED), 1);
	end();
}

/* --- neither TLS nor HTTP ------------------------------------------------------------------------------------- */

/* P19: a server that speaks first is heard at once, and what the guest then says decides without a name. */
static void
P19_server_first(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 22, &fd);
	usec_t before = bed_now(bed);

	host_says(&p, fd, "SSH-2.0-server\r\n");
	assert_string_equal(heard.text, "SSH-2.0-server\r\n");
	assert_int_equal(bed_now(bed), before);
	says(&p, "SSH-2.0-client\r\n");
	host_has(fd, "SSH-2.0-client\r\n");
	watch_over(&p);
	end();
}

static void
P19_other_first_bytes(void **state)
{
	static const char *const t[] = {"\x03\x01hello",
					"\x81",
					"{\"a\":1}",
					"EHLO there\r\n",
					"*1\r\n$4\r\nPING\r\n",
					"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 443, &fd);

		says(&p, t[i]);
		host_has(fd, t[i]);
		watch_over(&p);
	}
	/* The same where evidence says no: the guest is reset, there is no language to answer in. */
	end();
	fresh_watch(state);
	all_but_bad();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 443, &fd);

		resolved("bad.example", PUBLIC4, 300);
		says(&p, t[i]);
		host_never_knew(fd);
		expect_reset(&p, SLUICE_REASON_RULE);
		evidence_forget(bed->gw->evidence);
	}
	end();
}

/* After a greeting no alert and no page would be understood. */
static void
refused_after_a_greeting(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	host_says(&p, fd, "220 hello\r\n");
	says_hello(&p, "evil.example");
	host_never_knew(fd);
	assert_string_equal(heard.text, "220 hello\r\n");
	expect_reset(&p, SLUICE_REASON_NAME);
	end();
}

/* --- time ---------------------------------------------------------------------------------------------------------- */

static void
P20_slow_hello(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	hello_for(&hello, "www.good.example", 0, 16384);
	for (size_t i = 0; i < 5; i++) {
		says_bytes(&p, hello.b + i, 1);
		assert_int_equal(heard.len, 0);
		wait_for(USEC_PER_SEC - 10 * USEC_PER_MSEC);
		listen_to(&p);
	}
	wait_for(200 * USEC_PER_MSEC);
	listen_to(&p);
	host_never_knew(fd);
	expect_alert(&p, 49, SLUICE_REASON_NO_NAME);
	/* What looks like the beginning of a request is no better. */
	p = watched(1001, PUBLIC4, 80, &fd);
	says(&p, "HELLO");
	wait_for(5 * USEC_PER_SEC + 1);
	listen_to(&p);
	host_never_knew(fd);
	assert_memory_equal(heard.text, "HTTP/1.1 403 Forbidden\r\n", 24);
	guest_leaves(&p, SLUICE_REASON_NO_NAME);
	end();
}

/* A guest that says nothing loses nothing: time begins with its first byte. */
static void
silent_guest(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	wait_for(600 * USEC_PER_SEC);
	host_says(&p, fd, "still here");
	assert_string_equal(heard.text, "still here");
	acknowledges(&p);
	assert_non_null(peer_flow(&p)->watch);
	says_hello(&p, "www.good.example");
	host_has_bytes(fd, hello.b, hello.len);
	end();
}

/* --- ends ---------------------------------------------------------------------------------------------------------- */

/* A guest that half-closes before its hello is whole tells no name. */
static void
half_closed(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	hello_for(&hello, "www.good.example", 0, 16384);
	says_bytes(&p, hello.b, 50);
	host_has_nothing(fd);
	guest_ends(&p);
	host_has_bytes(fd, hello.b, 50);
	assert_true(vhost_got_eof(bed->vhost, fd));
	watch_over(&p);
	/* Without a word. */
	p = watched(1001, PUBLIC4, 443, &fd);
	guest_ends(&p);
	assert_true(vhost_got_eof(bed->vhost, fd));
	host_has_nothing(fd);
	end();
	/* And where a name without evidence is not enough. */
	fresh_watch(state);
	all_but_bad();
	p = watched(1000, PUBLIC4, 443, &fd);
	resolved("bad.example", PUBLIC4, 300);
	says_bytes(&p, hello.b, 50);
	guest_ends(&p);
	host_never_knew(fd);
	end();
}

/* The host ends first: the guest may still speak, and is judged. */
static void
host_ends_first(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	vhost_send_eof(bed->vhost, fd);
	listen_to(&p);
	assert_true(heard.fin);
	says_hello(&p, "www.good.example");
	host_has_bytes(fd, hello.b, hello.len);
	guest_ends(&p);
	assert_null(peer_flow(&p));
	flow_ended(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_DONE);
	p = watched(1001, PUBLIC4, 443, &fd);
	vhost_send_eof(bed->vhost, fd);
	listen_to(&p);
	says_hello(&p, "evil.example");
	host_never_knew(fd);
	/* Nothing can be said any more but a reset. */
	expect_reset(&p, SLUICE_REASON_NAME);
	end();
}

/* Both ended, and the flight is not whole: it does not stay. */
static void
both_end_before_the_verdict(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	hello_for(&hello, "www.good.example", 0, 16384);
	says_bytes(&p, hello.b, 50);
	vhost_send_eof(bed->vhost, fd);
	listen_to(&p);
	guest_ends(&p);
	host_has_bytes(fd, hello.b, 50);
	acknowledges(&p);
	assert_null(peer_flow(&p));
	assert_int_equal(open_flows(FLOW_TCP), 0);
	end();
}

static void
host_resets(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	says_bytes(&p, "\x16\3\1", 3);
	vhost_reset(bed->vhost, fd);
	listen_to(&p);
	expect_reset(&p, SLUICE_REASON_HOST_RESET);
	/* The guest, and the gateway itself. */
	p = watched(1001, PUBLIC4, 443, &fd);
	says_bytes(&p, "\x16\3\1", 3);
	peer_send(&p, TCP_RST, NULL, 0);
	expect_silence();
	assert_null(peer_flow(&p));
	host_never_knew(fd);
	p = watched(1002, PUBLIC4, 443, &fd);
	says_bytes(&p, "\x16\3\1", 3);
	end();
}

/* A guest that never takes the last words is reset. */
static void
page_nobody_takes(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	says_hello(&p, "evil.example");
	assert_true(heard.fin);
	acknowledges(&p);
	/* It goes on talking; nobody listens, and nothing is kept. */
	for (int i = 0; i < 100; i++)
		says_bytes(&p, zeros, 1000);
	assert_int_equal(tcp_has_readable(&peer_flow(&p)->tcp), false);
	wait_for(5 * USEC_PER_SEC);
	listen_to(&p);
	expect_reset(&p, SLUICE_REASON_NAME);
	end();
}

/* --- memory -------------------------------------------------------------------------------------------------------- */

/* What is held is the pool's, and only while it is held. */
static void
memory_goes_back(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	size_t before = bed->gw->pool.used;

	hello_for(&hello, "www.good.example", 9000, 16384);
	says_in_pieces(&p, hello.b, hello.len - 1, 1000);
	assert_true(bed->gw->pool.used > before);
	assert_true(bed->gw->pool.used <= before + 65536);
	says_bytes(&p, hello.b + hello.len - 1, 1);
	host_has_bytes(fd, hello.b, hello.len);
	assert_int_equal(bed->gw->pool.used, before);
	end();
}

/* An empty pool: it is tried again, and there is an end to that too. */
static void
pool_is_empty(void **state)
{
	struct pool *pool;
	void *taken[128];
	size_t sizes[128];
	int fd;

	(void)state;
	only_good();
	pool = &bed->gw->pool;
	hello_for(&hello, "www.good.example", 0, 16384);
	for (unsigned again = 0; again < 2; again++) {
		struct peer p = watched((uint16_t)(1000 + again), PUBLIC4, 443, &fd);
		unsigned n = 0;

		wait_for(2 * USEC_PER_SEC); /* connections that rest have given back what they can */
		for (size_t size = POOL_BLOCK_MAX; size >= POOL_BLOCK_MIN; size /= 2) {
			while (n < 128 && (taken[n] = pool_alloc(pool, size)))
				sizes[n++] = size;
		}
		assert_int_equal(pool->used, pool->size);
		says_bytes(&p, hello.b, hello.len);
		wait_for((again ? 51 : 10) * 100 * USEC_PER_MSEC);
		listen_to(&p);
		while (n > 0) {
			n--;
			pool_free(pool, taken[n], sizes[n]);
		}
		if (again) {
			host_never_knew(fd);
			expect_reset(&p, SLUICE_REASON_FULL);
		} else {
			host_has_nothing(fd);
			wait_for(20 * USEC_PER_MSEC);
			host_has_bytes(fd, hello.b, hello.len);
		}
	}
	end();
}

/* The host takes nothing for a while: what passed waits, in order. */
static void
host_is_slow(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 443, &fd);
	static uint8_t want[HELLO_BYTES], got[HELLO_BYTES];
	size_t n = 0, sent;

	vhost_buffers(bed->vhost, fd, 512, 512);
	hello_for(&hello, "www.good.example", 3000, 16384);
	memcpy(want, hello.b, hello.len);
	memset(want + hello.len, 'x', 5000);
	sent = hello.len + 5000;
	says_in_pieces(&p, want, sent, 1000);
	for (int i = 0; i < 100 && n < sent; i++) {
		n += vhost_recv(bed->vhost, fd, got + n, sizeof(got) - n);
		listen_to(&p);
	}
	assert_int_equal(n, sent);
	assert_memory_equal(got, want, sent);
	watch_over(&p);
	end();
}

#define TEST(f) cmocka_unit_test_setup(f, fresh_watch)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(P20_nothing_before_the_verdict),
	    TEST(L2_fragmented_hello),
	    TEST(L2_longest_hello),
	    TEST(P2_claim_and_evidence_agree),
	    TEST(names_that_share_an_address),
	    TEST(P3_denied_name_at_any_address),
	    TEST(P17_no_name),
	    TEST(P15_ech_is_refused),
	    TEST(L3_broken_hello),
	    TEST(drop_is_silent),
	    TEST(P19_server_first),
	    TEST(P19_other_first_bytes),
	    TEST(refused_after_a_greeting),
	    TEST(P20_slow_hello),
	    TEST(silent_guest),
	    TEST(half_closed),
	    TEST(host_ends_first),
	    TEST(both_end_before_the_verdict),
	    TEST(host_resets),
	    TEST(page_nobody_takes),
	    TEST(memory_goes_back),
	    TEST(pool_is_empty),
	    TEST(host_is_slow),
	};

	return cmocka_run_group_tests_name("watched flows", tests, NULL, NULL);
}
