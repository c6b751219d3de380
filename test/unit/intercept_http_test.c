/*
 * intercept_http_test.c - requests inside TLS and in the clear, through a whole gateway: rules about them, what a reload changes, what is
 * no HTTP where a rule waits for requests; servers that cost too much; memory
 */
#include "test/unit/intercept_kit.h"
#include "test/unit/tls_end_kit.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: " NAME "\r\n\r\n"
#define PAGE "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage"

/* Nobody asked for interception: the rule does. */
static void
only_ok(void)
{
	conf.gateway.intercept = false;
	rules("none", "allow https GET " NAME "/ok/**", NULL);
	begin();
	resolved(NAME, PUBLIC4, 300);
}

static struct conn *
http_to(uint16_t sport)
{
	return open_tls_to(
	    sport, &(struct far_options){.name = NAME, .alpn = "http/1.1", .offer = {1, {"http/1.1"}}});
}

static void
begins(const uint8_t *got, size_t len, const char *want)
{
	assert_true(len >= strlen(want));
	assert_memory_equal(got, want, strlen(want));
}

static void
answers(struct conn *c, const char *path)
{
	begins(c->served, c->nserved, "GET ");
	begins(c->served + 4, c->nserved - 4, path);
	c->nserved = 0;
	server_writes(c, PAGE);
	begins(c->heard, c->nheard, "HTTP/1.1 200 OK\r\n");
	assert_memory_equal(c->heard + c->nheard - 4, "page", 4);
	c->nheard = 0;
}

static void
requests_are_judged(void **state)
{
	(void)state;
	only_ok();
	struct conn *c = http_to(1000);

	assert_string_equal(tls_end_alpn(c->guest), "http/1.1");
	guest_writes(c, GET("/ok/1"));
	answers(c, "/ok/1");
	guest_writes(c, GET("/ok/../secret"));
	begins(c->heard, c->nheard, "HTTP/1.1 403 ");
	assert_int_equal(c->nserved, 0);
	assert_int_equal(counted(GW_REQUESTS_REFUSED), 1);
	end_intercept();
}

/* The same for a connection whose server has nothing to say about protocols. */
static void
requests_are_found(void **state)
{
	(void)state;
	only_ok();
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME});

	for (const char *p = GET("/ok/slow"); *p; p++)
		end_writes(c->guest, p, 1);
	pump();
	answers(c, "/ok/slow");
	end_intercept();
}

/* Lines that are long, in records that are short; and one that is never whole. */
static void
long_lines_are_found(void **state)
{
	char path[9000];

	(void)state;
	only_ok();
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME});
	snprintf(path, sizeof(path), "/ok/%0*d", 200, 7);
	end_writes(c->guest, "GET ", 4);
	for (const char *p = path; *p; p++)
		end_writes(c->guest, p, 1);
	const char *rest = " HTTP/1.1\r\nHost: " NAME "\r\n\r\n";
	end_writes(c->guest, rest, strlen(rest));
	pump();
	answers(c, path);

	c = open_tls_to(1001, &(struct far_options){.name = NAME});
	memset(path, 'x', sizeof(path));
	end_writes(c->guest, "GET /no", 7);
	pump();
	for (size_t at = 0; at < sizeof(path); at += 100) {
		end_writes(c->guest, path + at, 100);
		pump();
	}
	const char *more = " HTTP/1.1\r\nHost: " NAME "\r\n\r\n";
	end_writes(c->guest, more, strlen(more));
	pump();
	begins(c->heard, c->nheard, "HTTP/1.1 414 ");
	assert_int_equal(c->nserved, 0);
	end_intercept();
}

/* Some servers answer it. */
static void
a_line_that_breaks_off(void **state)
{
	(void)state;
	rules("none", "allow tcp/443 to " NAME, NULL);
	begin();
	resolved(NAME, PUBLIC4, 300);
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME});

	guest_writes(c, "GET https://other.example/ok/1 HTTP/1.1");
	guest_fin(c);
	pump();
	assert_int_equal(c->nserved, 0);
	wait_for(10 * USEC_PER_SEC);
	pump();
	assert_int_equal(c->nserved, 0);
	assert_null(peer_flow(&c->p));
	end_intercept();
}

/* A rule about requests refuses what it cannot read. */
static void
opaque_is_refused(void **state)
{
	(void)state;
	only_ok();
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME});

	guest_writes(c, "\1\2\3 no HTTP");
	assert_int_equal(c->nserved, 0);
	assert_int_equal(tls_end_peer_alert(c->guest), TLS_ALERT_DENIED);
	assert_true(c->fin);
	assert_int_equal(vhost_closed(bed->vhost, c->fd), 2);
	/* Nor does it pass a name that is not opened, or what is no TLS. */
	c = connect_tcp(1001, PUBLIC4, 443);
	guest_send(c, "SSH-2.0-client\r\n", 16);
	pump();
	assert_true(c->rst);
	end_intercept();

	fresh_intercept(state);
	static const char *const names[] = {NAME};
	conf.gateway.intercept_bypass = names;
	conf.gateway.nintercept_bypass = 1;
	only_ok();
	c = connect_tls(1002, &(struct far_options){.name = NAME});
	pump();
	assert_int_equal(tls_end_peer_alert(c->guest), TLS_ALERT_DENIED);
	assert_int_equal(counted(GW_TLS_OPENED), 0);
	end_intercept();
}

static void
plain_requests(void **state)
{
	char got[256] = "";

	(void)state;
	conf.gateway.intercept = false;
	rules("none", "allow http GET " NAME "/ok/**", NULL);
	begin();
	resolved(NAME, PUBLIC4, 300);
	struct conn *c = connect_tcp(1000, PUBLIC4, 80);
	guest_send(c, GET("/ok/1"), strlen(GET("/ok/1")));
	pump();
	size_t n = vhost_recv(bed->vhost, c->fd, got, sizeof(got) - 1);
	begins((uint8_t *)got, n, "GET /ok/1 HTTP/1.1\r\n");
	assert_int_equal(vhost_send(bed->vhost, c->fd, PAGE, strlen(PAGE)), strlen(PAGE));
	pump();
	begins(c->in + c->in_at, c->nin - c->in_at, "HTTP/1.1 200 OK\r\n");
	c->in_at = c->nin;
	guest_send(c, GET("/no"), strlen(GET("/no")));
	pump();
	begins(c->in + c->in_at, c->nin - c->in_at, "HTTP/1.1 403 ");
	assert_int_equal(vhost_recv_len(bed->vhost, c->fd), 0);
	assert_null(bed->gw->intercept->tls);
	guest_fin(c);
	wait_for(10 * USEC_PER_SEC);
	pump();
	assert_null(peer_flow(&c->p));
	end_intercept();
}

/* --- another policy ------------------------------------------------------------------------------------------------------------ */

static void
reload_while_open(void **state)
{
	(void)state;
	rules("all", NULL);
	begin();
	resolved(NAME, PUBLIC4, 300);
	struct conn *c = http_to(1000), *d = http_to(1001);
	guest_writes(c, GET("/any"));
	answers(c, "/any");
	/* Requests that come now are judged anew; the connection is the same. */
	reload("none", "allow https GET " NAME "/ok/**", NULL);
	assert_non_null(peer_flow(&c->p));
	guest_writes(c, GET("/ok/2"));
	answers(c, "/ok/2");
	guest_writes(c, GET("/any"));
	begins(c->heard, c->nheard, "HTTP/1.1 403 ");
	/* Where it may not go at all now, it ends. */
	reload("none", "allow to 192.0.2.1", NULL);
	pump();
	assert_null(peer_flow(&d->p));
	assert_true(d->rst);
	end_intercept();
}

/* Flows that are kept are not ended; what is read of them is judged all the same, by the policy there is now. */
static void
kept_flows_ask_the_new_policy(void **state)
{
	(void)state;
	rules("all", NULL);
	begin();
	resolved(NAME, PUBLIC4, 300);
	struct conn *c = http_to(1000), *other = open_tls_to(1001, &(struct far_options){.name = NAME});
	guest_writes(c, GET("/any"));
	answers(c, "/any");
	guest_writes(other, "\1\2\3 no HTTP");
	other->nserved = 0;
	conf.gateway.keep_flows = true;
	reload("none", "allow to 192.0.2.1", NULL);
	pump();
	assert_non_null(peer_flow(&c->p));
	assert_false(c->rst || c->fin);
	guest_writes(c, GET("/any"));
	begins(c->heard, c->nheard, "HTTP/1.1 403 ");
	assert_int_equal(c->nserved, 0);
	assert_int_equal(counted(GW_REQUESTS_REFUSED), 1);
	assert_non_null(peer_flow(&c->p));
	/* It is asked each time. */
	c->nheard = 0;
	reload("all", NULL);
	guest_writes(c, GET("/again"));
	answers(c, "/again");
	/* Of what is no HTTP nothing is read, and it goes on. */
	guest_writes(other, "more");
	begins(other->served, other->nserved, "more");
	end_intercept();
}

/* In the middle of a handshake, with each thing that rests on the old settings. */
static void
reload_in_handshakes(void **state)
{
	for (unsigned after = 0; after < 30; after++) {
		fresh_intercept(state);
		rules("all", NULL);
		begin();
		struct conn *c = connect_tls(1000, &(struct far_options){.name = NAME});
		for (unsigned i = 0; i < after; i++)
			pump_once();
		char err[256];
		assert_int_equal(sluice_reload(bed->gw, &conf.gateway, err, sizeof(err)), 0);
		pump();
		assert_true(c->guest_done || c->rst);
		end_intercept();
	}
}

/* --- servers that cost too much ---------------------------------------------------------------------------------------------------- */

static void
negative_cache(void **state)
{
	struct intercepted one = {.has_name = true};
	struct tcp_flow tf = {.flow = {.tuple = {.remote = at(PUBLIC4, 443)}}};

	(void)state;
	rules("all", NULL);
	begin();
	one.x = bed->gw->intercept;
	one.passage.tf = &tf;
	one.name = name_of(NAME);
	usec_t now = bed_now(bed);
	assert_false(bad_server_is(&one, now));
	bad_server_add(&one, now);
	assert_true(bad_server_is(&one, now));
	struct conn *c = connect_tls(1000, &(struct far_options){.name = NAME});
	pump();
	assert_int_equal(tls_end_peer_alert(c->guest), TLS_ALERT_INTERNAL);
	assert_int_equal(c->server_had, 0);
	assert_false(c->server_done);
	guest_fin(c);
	/* Another port, another name are others. */
	tf.flow.tuple.remote.port = 444;
	assert_false(bad_server_is(&one, now));
	tf.flow.tuple.remote.port = 443;
	open_tls_to(1001, &(struct far_options){.name = "other.example"});
	/* Many make room for each other; all are forgotten. */
	for (unsigned i = 0; i < BAD_SERVERS; i++) {
		char text[32];

		snprintf(text, sizeof(text), "n%u.example", i);
		one.name = name_of(text);
		bad_server_add(&one, now + 1 + i);
		assert_true(bad_server_is(&one, now + 1 + i));
	}
	one.name = name_of(NAME);
	assert_false(bad_server_is(&one, now));
	bad_server_add(&one, now);
	wait_for(BAD_TIME + 1);
	assert_false(bad_server_is(&one, bed_now(bed)));
	open_tls_to(1002, &(struct far_options){.name = NAME});
	end_intercept();
}

/* The host has accepted another of the guest's: no handshake is begun with it. */
static void
refused_unasked(uint16_t sport, const char *name)
{
	struct conn *c = connect_tls(sport, &(struct far_options){.name = name});

	pump();
	assert_int_equal(tls_end_peer_alert(c->guest), TLS_ALERT_INTERNAL);
	assert_non_null(peer_flow(&c->p));
	assert_int_equal(peer_flow(&c->p)->flow.to_host, 0);
	guest_fin(c);
}

static void
has_been_tried(uint16_t sport, const struct far_options *o)
{
	struct conn *c = connect_tls(sport, o);

	pump();
	assert_false(c->guest_done);
	assert_int_not_equal(tls_end_peer_alert(c->guest), 0);
	guest_fin(c);
}

/* A key that would cost too much to use is not looked at again for a while. */
static void
costly_keys_are_remembered(void **state)
{
	static const enum kit_key kinds[] = {KIT_RSA_HUGE, KIT_RSA_EXPONENT};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct kit_identity k;

		fresh_intercept(state);
		assert_true(kit_identity_make(&k, kinds[i], 1, far.tls));
		rules("all", NULL);
		begin();
		has_been_tried(1000, &(struct far_options){.name = NAME, .identity = &k.id});
		refused_unasked(1001, NAME);
		open_tls_to(1002, &(struct far_options){.name = "other.example"});
		wait_for(BAD_TIME + 1);
		has_been_tried(1003, &(struct far_options){.name = NAME, .identity = &k.id});
		refused_unasked(1004, NAME);
		wait_for(BAD_TIME + 1);
		open_tls_to(1005, &(struct far_options){.name = NAME});
		end_intercept();
		kit_identity_free(&k);
	}
}

/* Where no name was told the address is remembered, and that says nothing of those who tell one. */
static void
without_a_name_it_is_the_address(void **state)
{
	struct intercepted one = {.has_name = false};
	struct tcp_flow tf = {.flow = {.tuple = {.remote = at(PUBLIC4, 443)}}};
	struct kit_identity k;

	(void)state;
	assert_true(kit_identity_make(&k, KIT_RSA_HUGE, 1, far.tls));
	rules("all", NULL);
	begin();
	has_been_tried(1000, &(struct far_options){.identity = &k.id});
	refused_unasked(1001, NULL);
	open_tls_to(1002, &(struct far_options){.name = NAME});
	one.x = bed->gw->intercept;
	one.passage.tf = &tf;
	assert_true(bad_server_is(&one, bed_now(bed)));
	tf.flow.tuple.remote = at("93.184.216.35", 443);
	assert_false(bad_server_is(&one, bed_now(bed)));
	wait_for(BAD_TIME + 1);
	has_been_tried(1005, &(struct far_options){.identity = &k.id});
	end_intercept();
	kit_identity_free(&k);
}

/* A handshake of nothing but records without an end; one that never goes on. */
static void
endless_handshakes_are_remembered(void **state)
{
	static const uint8_t warning[] = {21, 3, 3, 0, 2, 1, 90};

	for (unsigned silent = 0; silent < 2; silent++) {
		fresh_intercept(state);
		rules("all", NULL);
		begin();
		struct conn *c = connect_tls(1000, &(struct far_options){.name = NAME});
		tls_end_free(c->server);
		c->server = NULL;
		pump();
		for (unsigned i = 0; !silent && i < 40000 && vhost_closed(bed->vhost, c->fd) == 0; i++) {
			vhost_send(bed->vhost, c->fd, warning, sizeof(warning));
			if (i % 1000 == 0)
				pump();
		}
		if (silent)
			wait_for(HANDSHAKE_TIME + 1);
		pump();
		assert_int_equal(vhost_closed(bed->vhost, c->fd), 2);
		guest_fin(c);
		refused_unasked(1001, NAME);
		wait_for(BAD_TIME + 1);
		open_tls_to(1002, &(struct far_options){.name = NAME});
		end_intercept();
	}
}

/* --- fairness -------------------------------------------------------------------------------------------------------------------------- */

/* Many that are busy at once: each goes on, none twice before another once. */
static void
turns_are_shared(void **state)
{
	static uint8_t b[100000];
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	rules("all", NULL);
	begin();
	for (unsigned i = 0; i < 8; i++)
		open_tls_to((uint16_t)(1000 + i), &(struct far_options){.name = NAME});
	b[0] = 1;
	for (unsigned i = 0; i < 8; i++) {
		for (size_t at = 0; at < sizeof(b);) {
			ssize_t r = tls_end_write(conn[i]->server, b + at, sizeof(b) - at);

			if (r > 0)
				at += (size_t)r;
			if (tls_end_flush(conn[i]->server) < 0 || r < 0)
				break;
		}
	}
	for (unsigned turn = 0; turn < 6; turn++)
		gw_turn(bed->gw, false, true, bed_now(bed));
	for (unsigned i = 0; i < 8; i++) {
		uint64_t had = peer_flow(&conn[i]->p)->flow.to_guest;

		least = had < least ? had : least;
		most = had > most ? had : most;
	}
	assert_true(least > 16384);
	assert_true(most - least <= 9 * 16384);
	pump();
	for (unsigned i = 0; i < 8; i++)
		assert_true(conn[i]->guest_had > 0);
	assert_null(bed->gw->intercept->queue[QUEUE_TURN].first);
	end_intercept();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(requests_are_judged, fresh_intercept),
	    cmocka_unit_test_setup(requests_are_found, fresh_intercept),
	    cmocka_unit_test_setup(long_lines_are_found, fresh_intercept),
	    cmocka_unit_test_setup(a_line_that_breaks_off, fresh_intercept),
	    cmocka_unit_test_setup(opaque_is_refused, fresh_intercept),
	    cmocka_unit_test_setup(plain_requests, fresh_intercept),
	    cmocka_unit_test_setup(reload_while_open, fresh_intercept),
	    cmocka_unit_test_setup(kept_flows_ask_the_new_policy, fresh_intercept),
	    cmocka_unit_test_setup(reload_in_handshakes, fresh_intercept),
	    cmocka_unit_test_setup(negative_cache, fresh_intercept),
	    cmocka_unit_test_setup(costly_keys_are_remembered, fresh_intercept),
	    cmocka_unit_test_setup(without_a_name_it_is_the_address, fresh_intercept),
	    cmocka_unit_test_setup(endless_handshakes_are_remembered, fresh_intercept),
	    cmocka_unit_test_setup(turns_are_shared, fresh_intercept),
	};

	return cmocka_run_group_tests_name("interception of requests", tests, far_begin, far_end);
}
