/*
 * tunnel_test.c - CONNECT through a proxy the guest uses: whom it may reach there, and what is opened
 */
#include "test/unit/intercept_kit.h"

#define PROXY PUBLIC4
#define PROXY_PORT 3128
#define ASKS "CONNECT " NAME ":443 HTTP/1.1\r\nHost: " NAME ":443\r\n\r\n"
#define AGREED "HTTP/1.1 200 Connection established\r\n\r\n"
#define TARGET "93.184.216.99" /* a target by its address */

/* By name alone, and the proxy. */
static void
begin_named(void)
{
	rules("none", "deny to evil.example", "allow to " NAME, "allow to " PROXY, "allow to " TARGET, NULL);
	begin();
}

static struct conn *
to_proxy(uint16_t sport)
{
	return connect_tcp(sport, PROXY, PROXY_PORT);
}

static void
guest_says(struct conn *c, const char *text)
{
	guest_send(c, text, strlen(text));
	pump();
}

/* The proxy has exactly this now. */
static void
proxy_has(struct conn *c, const char *text)
{
	static char got[8192];
	size_t n = vhost_recv(bed->vhost, c->fd, got, sizeof(got) - 1);

	got[n] = '\0';
	assert_string_equal(got, text);
}

static void
proxy_says(struct conn *c, const char *text)
{
	assert_int_equal(vhost_send(bed->vhost, c->fd, text, strlen(text)), strlen(text));
	pump();
}

/* The guest was answered by the gateway itself; the proxy knows nothing. */
static void
expect_answer(struct conn *c, const char *status, const char *part)
{
	static char got[8192];
	size_t n = c->nin - c->in_at;

	assert_true(n < sizeof(got));
	memcpy(got, c->in + c->in_at, n);
	got[n] = '\0';
	c->in_at = c->nin;
	if (strncmp(got, "HTTP/1.1 ", 9) != 0 || strncmp(got + 9, status, 3) != 0 || !strstr(got, part))
		fail_msg("not '%s' and '%s': %s", status, part, got);
	proxy_has(c, "");
}

/* It asks for that, and is answered by the gateway itself. */
static void
is_refused(uint16_t sport, const char *target, const char *status, const char *part)
{
	struct conn *c = to_proxy(sport);
	char asks[256];

	snprintf(asks, sizeof(asks), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target);
	guest_says(c, asks);
	expect_answer(c, status, part);
	assert_true(c->fin);
	guest_fin(c);
	assert_null(peer_flow(&c->p));
}

/* The proxy agrees. */
static struct conn *
tunnel_for(uint16_t sport, const char *asks)
{
	struct conn *c = to_proxy(sport);

	guest_says(c, asks);
	proxy_has(c, asks);
	proxy_says(c, AGREED);
	guest_has(c, AGREED, strlen(AGREED));
	return c;
}

static void
seal_guest(struct conn *c, const struct far_options *o)
{
	struct name n;

	if (o->name)
		n = name_of(o->name);
	c->guest = tls_client_new(far.tls, &(struct tls_io){guest_recv, guest_send, c},
				  &(struct tls_client){.name = o->name ? &n : NULL,
						       .addr = addr_of(TARGET),
						       .port = c->p.t.guest.port,
						       .now = bed_now(bed)});
	assert_non_null(c->guest);
}

static void
seal_server(struct conn *c, const struct far_options *o)
{
	struct addr a = addr_of(TARGET);

	c->server =
	    tls_server_new(far.tls, &(struct tls_io){server_recv, server_send, c}, far_leaf(o, &a), "");
	assert_non_null(c->server);
}

/* TLS in it, as far as it goes. */
static void
seal(struct conn *c, const struct far_options *o)
{
	seal_guest(c, o);
	seal_server(c, o);
	pump();
}

/* The leaf is for that address. */
static void
guest_trusts_address(struct conn *c, const char *addr)
{
	const char *pem = interception_ca(bed->gw->intercept), *why = "";
	struct tls_roots *roots = tls_roots_read(view_of(pem, strlen(pem)), view_of(NULL, 0), NULL, &why);
	struct view cert[4];
	struct verify_answer a;
	struct verify_question q = {.roots = roots, .cert = cert, .addr = addr_of(addr), .now = 1700000000};

	q.n = tls_end_peer_chain(c->guest, cert, 4);
	if (!tls_verify(&q, &a))
		fail_msg("%s", a.text);
	tls_roots_free(roots);
}

static void
expect_alert(const struct conn *c, uint8_t alert)
{
	assert_false(c->guest_done);
	assert_int_equal(tls_end_peer_alert(c->guest), alert);
	assert_int_equal(c->server_had, 0);
}

/* --- a name ----------------------------------------------------------------------------------------------------------- */

static void
what_is_opened_proves_itself(void **state)
{
	(void)state;
	begin_named();
	struct conn *c = tunnel_for(1000, ASKS);
	seal(c, &(struct far_options){.name = NAME});
	assert_true(c->guest_done && c->server_done);
	guest_trusts(c, NAME);
	guest_writes(c, "\1\2\3 not HTTP");
	served(c, "\1\2\3 not HTTP");
	server_writes(c, "answer");
	heard_text(c, "answer");
	assert_int_equal(counted(GW_TLS_OPENED), 1);
	tls_end_close(c->guest);
	guest_fin(c);
	tls_end_close(c->server);
	vhost_send_eof(bed->vhost, c->fd);
	pump();
	assert_null(peer_flow(&c->p));
	end_intercept();
}

/* A guest that tells its server no name told its proxy one. */
static void
the_name_of_connect_counts(void **state)
{
	(void)state;
	begin_named();
	struct conn *c = tunnel_for(1000, ASKS);
	seal(c, &(struct far_options){.name = NULL, .cert = NAME});
	assert_true(c->guest_done && c->server_done);
	guest_trusts(c, NAME);
	end_intercept();
}

static void
requests_in_it_are_judged(void **state)
{
	(void)state;
	rules("none", "allow https GET " NAME "/good/**", "allow to " PROXY, NULL);
	begin();
	struct conn *c = tunnel_for(1000, ASKS);
	seal(c, &(struct far_options){.name = NAME});
	assert_true(c->guest_done && c->server_done);
	guest_writes(c, "GET /good/x HTTP/1.1\r\nHost: " NAME "\r\n\r\n");
	assert_true(c->nserved > 0);
	assert_memory_equal(c->served, "GET /good/x HTTP/1.1\r\n", 22);
	server_writes(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	c->nheard = c->nserved = 0;
	guest_writes(c, "GET /bad HTTP/1.1\r\nHost: " NAME "\r\n\r\n");
	assert_int_equal(c->nserved, 0);
	assert_memory_equal(c->heard, "HTTP/1.1 403", 12);
	end_intercept();
}

static void
its_certificate_must_be_good(void **state)
{
	static const struct sluice_tls_host lax[] = {{.match = NAME, .no_verify = true}};
	static const struct far_options bad[] = {
	    {.name = NAME, .cert = "other.example"},
	    {.name = NAME, .nobody = true},
	};

	(void)state;
	/* Nor is it looked away from, since nothing else says where it leads. */
	conf.gateway.tls_hosts = lax;
	conf.gateway.ntls_hosts = 1;
	begin_named();
	for (uint16_t i = 0; i < 2; i++) {
		struct conn *c = tunnel_for((uint16_t)(1000 + i), ASKS);

		seal(c, &bad[i]);
		assert_false(c->guest_done);
		assert_int_equal(tls_end_peer_alert(c->guest),
				 i ? TLS_ALERT_UNKNOWN_CA : TLS_ALERT_BAD_CERTIFICATE);
		assert_int_equal(c->server_had, 0);
	}
	end_intercept();
}

static void
another_name_in_tls(void **state)
{
	(void)state;
	rules("all", NULL);
	begin();
	struct conn *c = tunnel_for(1000, ASKS);
	seal(c, &(struct far_options){.name = "elsewhere.example"});
	expect_alert(c, TLS_ALERT_DENIED);
	/* Also where nothing is opened. */
	c = tunnel_for(1001, "CONNECT " NAME ":8443 HTTP/1.1\r\nHost: " NAME ":8443\r\n\r\n");
	seal(c, &(struct far_options){.name = "elsewhere.example"});
	expect_alert(c, TLS_ALERT_DENIED);
	end_intercept();
}

/* By name alone, what is no TLS goes nowhere. */
static void
what_cannot_be_opened_is_refused(void **state)
{
	static const char *const t[] = {"SSH-2.0-x\r\n", "GET / HTTP/1.1\r\nHost: " NAME "\r\n\r\n"};

	(void)state;
	begin_named();
	for (uint16_t i = 0; i < 2; i++) {
		struct conn *c = tunnel_for((uint16_t)(1000 + i), ASKS);

		guest_says(c, t[i]);
		proxy_has(c, "");
		assert_true(c->rst || c->fin);
	}
	/* Nor does a server that speaks first pass for one that proves itself. */
	struct conn *c = to_proxy(1010);
	guest_says(c, ASKS);
	proxy_has(c, ASKS);
	proxy_says(c, AGREED "220 hello\r\n");
	guest_says(c, "EHLO x\r\n");
	proxy_has(c, "");
	end_intercept();
}

static void
by_name_alone_elsewhere_is_refused(void **state)
{
	(void)state;
	begin_named();
	is_refused(1000, NAME ":8443", "403", NAME);
	/* What no rule allows, and what one denies. */
	is_refused(1001, "elsewhere.example:443", "403", "elsewhere.example");
	is_refused(1002, "evil.example:443", "403", "deny to evil.example");
	end_intercept();
}

static void
a_deny_is_a_deny(void **state)
{
	(void)state;
	rules("all", "deny to evil.example", NULL);
	begin();
	is_refused(1000, "EVIL.example.:443", "403", "deny to evil.example");
	is_refused(1001, "evil.example:22", "403", "deny to evil.example");
	end_intercept();
}

static void
no_name_service_behind_it(void **state)
{
	(void)state;
	rules("all", NULL);
	begin();
	is_refused(1000, "dns.example:853", "403", "");
	is_refused(1001, "8.8.8.8:53", "403", "");
	is_refused(1002, "dns.example", "400", "");
	end_intercept();
}

/* A proxy that is allowed by its name, which this gateway gave the guest. */
static void
a_proxy_by_name(void **state)
{
	(void)state;
	rules("none", "allow to proxy.example", "allow to " NAME, NULL);
	begin();
	resolved("proxy.example", PROXY, 300);
	struct conn *c = tunnel_for(1000, ASKS);
	seal(c, &(struct far_options){.name = NAME});
	assert_true(c->guest_done && c->server_done);
	/* Names that are its targets' do not pass for its own. */
	is_refused(1001, "elsewhere.example:443", "403", "elsewhere.example");
	is_refused(1002, "proxy.example:22", "403", "proxy.example");
	end_intercept();
}

/* What passes unopened proves nothing. */
static void
a_bypassed_name(void **state)
{
	static const char *const bypass[] = {NAME};

	(void)state;
	conf.gateway.intercept_bypass = bypass;
	conf.gateway.nintercept_bypass = 1;
	begin_named();
	struct conn *c = tunnel_for(1000, ASKS);
	seal(c, &(struct far_options){.name = NAME});
	expect_alert(c, TLS_ALERT_DENIED);
	end_intercept();
}

/* Nobody looks into what such a proxy carries. */
static void
a_proxy_over_tls(void **state)
{
	(void)state;
	rules("none", "allow to " PROXY, "allow to other.example", "allow to " TARGET, NULL);
	begin();
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME});
	guest_writes(c, "CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n");
	assert_int_equal(c->nserved, 0);
	assert_true(c->nheard > 12);
	assert_memory_equal(c->heard, "HTTP/1.1 403", 12);
	c = open_tls_to(1001, &(struct far_options){.name = NAME});
	guest_writes(c, "CONNECT " TARGET ":443 HTTP/1.1\r\nHost: " TARGET ":443\r\n\r\n");
	assert_memory_equal(c->served, "CONNECT " TARGET ":443 HTTP/1.1\r\n", 36);
	c->nserved = 0;
	server_writes(c, AGREED);
	heard_text(c, AGREED);
	guest_writes(c, "\x16\3\1 and so on");
	served(c, "\x16\3\1 and so on");
	end_intercept();
}

/* --- an address --------------------------------------------------------------------------------------------------------- */

static void
an_address_is_judged_as_in_a_syn(void **state)
{
	(void)state;
	begin_named();
	struct conn *c = tunnel_for(1000, "CONNECT " TARGET ":443 HTTP/1.1\r\nHost: " TARGET ":443\r\n\r\n");
	seal(c, &(struct far_options){.name = NULL});
	assert_true(c->guest_done && c->server_done);
	guest_trusts_address(c, TARGET);
	is_refused(1001, "93.184.216.98:443", "403", "93.184.216.98");
	is_refused(1002, "[::1]:443", "403", "");
	end_intercept();
}

/* --- bytes ---------------------------------------------------------------------------------------------------------------- */

/* What is allowed as it is passes as it is, in both directions, from the first byte. */
static void
what_is_not_opened_passes(void **state)
{
	(void)state;
	rules("all", "deny to evil.example", NULL);
	begin();
	struct conn *c = to_proxy(1000);
	guest_says(c, "CONNECT " NAME ":22 HTTP/1.1\r\nHost: " NAME ":22\r\n\r\nSSH-2.0-guest\r\n");
	proxy_has(c, "CONNECT " NAME ":22 HTTP/1.1\r\nHost: " NAME ":22\r\n\r\n");
	proxy_says(c, AGREED "SSH-2.0-server\r\n");
	guest_has(c, AGREED "SSH-2.0-server\r\n", strlen(AGREED) + 16);
	proxy_has(c, "SSH-2.0-guest\r\n");
	proxy_says(c, "more");
	guest_has(c, "more", 4);
	guest_says(c, "and more");
	proxy_has(c, "and more");
	assert_null(peer_flow(&c->p)->watch);
	assert_null(peer_flow(&c->p)->service);
	vhost_send_eof(bed->vhost, c->fd);
	pump();
	assert_true(c->fin);
	guest_fin(c);
	assert_true(vhost_got_eof(bed->vhost, c->fd));
	end_intercept();
}

/* A ClientHello that does not wait for the proxy waits here. */
static void
a_hasty_hello(void **state)
{
	(void)state;
	begin_named();
	struct conn *c = to_proxy(1000);
	guest_send(c, ASKS, strlen(ASKS));
	seal_guest(c, &(struct far_options){.name = NAME});
	assert_int_equal(tls_end_step(c->guest), TLS_MORE);
	while (tls_end_step(c->guest) == TLS_MORE)
		;
	size_t sent = c->nout;
	assert_true(sent > strlen(ASKS) + 40);
	send_segments_of(c);
	bed_settle(bed);
	proxy_has(c, ASKS);
	assert_int_equal(vhost_send(bed->vhost, c->fd, AGREED, strlen(AGREED)), strlen(AGREED));
	bed_settle(bed);
	take_frames();
	guest_has(c, AGREED, strlen(AGREED));
	seal_server(c, &(struct far_options){.name = NAME});
	pump();
	assert_true(c->guest_done && c->server_done);
	end_intercept();
}

static void
no_agreement_is_an_answer(void **state)
{
	static const char no[] = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno";

	(void)state;
	begin_named();
	struct conn *c = to_proxy(1000);
	guest_says(c, ASKS);
	proxy_has(c, ASKS);
	proxy_says(c, no);
	guest_has(c, no, sizeof(no) - 1);
	guest_says(c, "CONNECT " NAME ":443 HTTP/1.1\r\nHost: " NAME
		      ":443\r\nProxy-Authorization: Basic eA==\r\n\r\n");
	proxy_has(c, "CONNECT " NAME ":443 HTTP/1.1\r\nHost: " NAME
		     ":443\r\nProxy-Authorization: Basic eA==\r\n\r\n");
	proxy_says(c, AGREED);
	guest_has(c, AGREED, strlen(AGREED));
	seal(c, &(struct far_options){.name = NAME});
	assert_true(c->guest_done && c->server_done);
	end_intercept();
}

/* Whether or not anything else of the connection to the proxy decides. */
static void
begin_decided(bool decided)
{
	if (decided)
		rules("none", "deny to evil.example", "allow to " PROXY, "allow to " NAME, NULL);
	else
		rules("none", "allow to " PROXY, "allow to " NAME, NULL);
	begin();
}

static void
behind_other_requests_is_refused(void **state)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: " PROXY "\r\n\r\n";
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

	(void)state;
	for (int decided = 0; decided < 2; decided++) {
		fresh_intercept(state);
		begin_decided(decided);
		struct conn *c = to_proxy(1000);
		guest_says(c, get);
		proxy_has(c, get);
		proxy_says(c, ok);
		guest_has(c, ok, sizeof(ok) - 1);
		guest_says(c, ASKS);
		proxy_has(c, "");
		assert_true(c->fin || c->rst);
		end_intercept();
	}
}

/* However slowly it is spelt. */
static void
a_slow_one_does_not_slip_by(void **state)
{
	static const char *const t[] = {"C", "CONN", ("connect " NAME), "GET / HT"};

	for (int decided = 0; decided < 2; decided++) {
		fresh_intercept(state);
		begin_decided(decided);
		for (uint16_t i = 0; i < 4; i++) {
			struct conn *c = to_proxy((uint16_t)(1000 + i));

			guest_says(c, t[i]);
			wait_for(6 * USEC_PER_SEC);
			pump();
			assert_true(c->fin || c->rst);
			assert_int_equal(vhost_closed(bed->vhost, c->fd), 2);
		}
		end_intercept();
	}
}

/* Where nothing decides, protocols that begin with a word are hardly delayed; HTTP that begins so is reset when it shows. */
static void
words_pass_that_are_no_requests(void **state)
{
	(void)state;
	fresh_intercept(state);
	begin_decided(0);
	struct conn *c = to_proxy(1000);
	guest_says(c, "HELLO");
	proxy_has(c, "");
	wait_for(300 * USEC_PER_MSEC);
	pump();
	proxy_has(c, "HELLO");
	proxy_says(c, "WELCOME");
	guest_has(c, "WELCOME", 7);
	assert_null(peer_flow(&c->p)->watch);
	guest_says(c, "CONNECT nothing");
	proxy_has(c, "CONNECT nothing");

	c = to_proxy(1001);
	guest_says(c, "GE");
	wait_for(300 * USEC_PER_MSEC);
	pump();
	proxy_has(c, "GE");
	guest_says(c, "T / HTTP/1.1\r\nHost: a.test\r\n\r\n");
	proxy_says(c, "HTT");
	assert_false(c->rst);
	proxy_says(c, "P/1.1 200 OK\r\n\r\n");
	assert_true(c->rst);
	end_intercept();
}

/* With nothing that could depend on it, a proxy is a host like any other. */
static void
nobody_looks_where_nobody_needs_to(void **state)
{
	(void)state;
	conf.gateway.intercept = false;
	rules("none", "allow to " PROXY, NULL);
	begin();
	struct conn *c = to_proxy(1000);
	assert_null(peer_flow(&c->p)->watch);
	guest_says(c, ASKS);
	proxy_has(c, ASKS);
	proxy_says(c, AGREED);
	guest_says(c, "anything");
	proxy_has(c, "anything");
	end_intercept();
}

/* --- secrets -------------------------------------------------------------------------------------------------------------- */

#define HOLDER "placeholder-of-the-key"

static const char *const hosts[] = {NAME, "proxy.example"};
static const struct sluice_secret key[] = {{.size = sizeof(key[0]),
					    .name = "KEY",
					    .value = "value-of-the-key",
					    .value_len = 16,
					    .placeholder = HOLDER,
					    .hosts = hosts,
					    .nhosts = 2}};

/* Never to a proxy; to the target, if it has proven itself. */
static void
secrets_are_for_the_target(void **state)
{
	(void)state;
	conf.gateway.secrets = key;
	conf.gateway.nsecrets = 1;
	begin_named();
	struct conn *c = to_proxy(1000);
	guest_says(c, "CONNECT " NAME ":443 HTTP/1.1\r\nHost: " NAME
		      ":443\r\nProxy-Authorization: Bearer " HOLDER "\r\n\r\n");
	expect_answer(c, "403", "the placeholder of KEY may not go to");

	c = tunnel_for(1001, ASKS);
	seal(c, &(struct far_options){.name = NAME});
	assert_true(c->guest_done && c->server_done);
	guest_writes(c, "GET / HTTP/1.1\r\nHost: " NAME "\r\nAuthorization: Bearer " HOLDER "\r\n\r\n");
	c->served[c->nserved] = '\0';
	assert_non_null(strstr((const char *)c->served, "Authorization: Bearer value-of-the-key\r\n"));
	end_intercept();
}

/* The same where nothing but the certificate says whose it is; in the clear nothing does. */
static void
secrets_need_a_certificate(void **state)
{
	static struct sluice_secret plain;

	(void)state;
	plain = key[0];
	plain.plain = true;
	conf.gateway.secrets = &plain;
	conf.gateway.nsecrets = 1;
	rules("all", NULL);
	begin();
	struct conn *c = tunnel_for(1000, ASKS);
	seal(c, &(struct far_options){.name = NAME});
	assert_true(c->guest_done && c->server_done);
	guest_writes(c, "GET / HTTP/1.1\r\nHost: " NAME "\r\nAuthorization: Bearer " HOLDER "\r\n\r\n");
	c->served[c->nserved] = '\0';
	assert_non_null(strstr((const char *)c->served, "Authorization: Bearer value-of-the-key\r\n"));

	c = tunnel_for(1001, "CONNECT " NAME ":80 HTTP/1.1\r\nHost: " NAME ":80\r\n\r\n");
	guest_says(c, "GET / HTTP/1.1\r\nHost: " NAME "\r\nAuthorization: Bearer " HOLDER "\r\n\r\n");
	expect_answer(c, "403", "the placeholder of KEY may not go to");
	end_intercept();
}

/* --- reloads -------------------------------------------------------------------------------------------------------------- */

static void
new_rules_end_it(void **state)
{
	static const char *const rule_text[][3] = {
	    {"allow to " PROXY, "allow to " NAME, NULL}, /* as before */
	    {"allow to " PROXY, NULL},                   /* the target goes */
	    {"allow to " NAME, NULL},                    /* the proxy does */
	};
	char err[256];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		if (i)
			fresh_intercept(state);
		begin_named();
		struct conn *c = tunnel_for(1000, ASKS);
		seal(c, &(struct far_options){.name = NAME});
		assert_true(c->guest_done);
		struct sluice_config cfg = conf.gateway;
		put_rules(&cfg, "none", rule_text[i]);
		assert_int_equal(sluice_reload(bed->gw, &cfg, err, sizeof(err)), 0);
		pump();
		if (i == 0) {
			guest_writes(c, "{}");
			served(c, "{}");
		} else {
			assert_true(c->rst);
			assert_int_equal(vhost_closed(bed->vhost, c->fd), 2);
		}
		end_intercept();
	}
}

#define TEST(t) cmocka_unit_test_setup(t, fresh_intercept)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_opened_proves_itself),
	    TEST(the_name_of_connect_counts),
	    TEST(requests_in_it_are_judged),
	    TEST(its_certificate_must_be_good),
	    TEST(another_name_in_tls),
	    TEST(what_cannot_be_opened_is_refused),
	    TEST(by_name_alone_elsewhere_is_refused),
	    TEST(a_deny_is_a_deny),
	    TEST(no_name_service_behind_it),
	    TEST(a_proxy_by_name),
	    TEST(a_bypassed_name),
	    TEST(a_proxy_over_tls),
	    TEST(an_address_is_judged_as_in_a_syn),
	    TEST(what_is_not_opened_passes),
	    TEST(a_hasty_hello),
	    TEST(no_agreement_is_an_answer),
	    TEST(behind_other_requests_is_refused),
	    TEST(a_slow_one_does_not_slip_by),
	    TEST(words_pass_that_are_no_requests),
	    TEST(nobody_looks_where_nobody_needs_to),
	    TEST(secrets_are_for_the_target),
	    TEST(secrets_need_a_certificate),
	    TEST(new_rules_end_it),
	};

	return cmocka_run_group_tests(tests, far_begin, far_end);
}
