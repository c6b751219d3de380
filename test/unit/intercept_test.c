/*
 * intercept_test.c - TLS that is opened, through a whole gateway: who hears what, in which order, when something goes wrong
 */
#include "test/unit/intercept_kit.h"

static struct tls_alpn
offer(const char *a, const char *b)
{
	struct tls_alpn o = {.n = 0};

	snprintf(o.name[o.n++], sizeof(o.name[0]), "%s", a);
	if (b)
		snprintf(o.name[o.n++], sizeof(o.name[0]), "%s", b);
	return o;
}

static void
begin_all(void)
{
	rules("all", NULL);
	begin();
}

/* The plain alert, and then the end; the host was reset and had nothing of the guest's. */
static void
expect_alert_to(struct conn *c, uint8_t alert)
{
	const uint8_t record[] = {21, 3, 3, 0, 2, 2, alert};
	struct tuple t = c->p.t;

	/* The guest's own TLS has read it. */
	assert_int_equal(tls_end_peer_alert(c->guest), alert);
	assert_true(c->nin >= sizeof(record));
	assert_memory_equal(c->in + c->nin - sizeof(record), record, sizeof(record));
	assert_true(c->fin);
	assert_int_equal(vhost_closed(bed->vhost, c->fd), 2);
	guest_fin(c);
	assert_null(bed_tcp(bed, &t));
}

static const struct sluice_event *
told_of(enum sluice_event_kind kind)
{
	for (unsigned i = 0; i < nseen; i++)
		if (seen[i].e.kind == kind)
			return &seen[i].e;
	return NULL;
}

static void
expect_told(enum sluice_reason reason, const char *name)
{
	const struct sluice_event *e = told_of(SLUICE_EVENT_TLS_FAILED);

	assert_non_null(e);
	assert_int_equal(e->reason, reason);
	assert_string_equal(e->name, name);
	e = told_of(SLUICE_EVENT_FLOW_CLOSED);
	assert_non_null(e);
	assert_int_equal(e->reason, reason);
}

/* --- what is good --------------------------------------------------------------------------------------------------------- */

static void
bytes_pass(void **state)
{
	(void)state;
	begin_all();
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME});

	guest_trusts(c, NAME);
	assert_string_equal(tls_end_alpn(c->guest), "");
	guest_writes(c, "\1\2\3 not HTTP");
	served(c, "\1\2\3 not HTTP");
	server_writes(c, "answer");
	heard_text(c, "answer");
	assert_int_equal(counted(GW_TLS_OPENED), 1);
	assert_int_equal(bed->gw->intercept->handshakes, 0);
	/* What is counted is what went over the wire. */
	assert_true(peer_flow(&c->p)->flow.to_host > 100);

	assert_int_equal(tls_end_close(c->guest), 0);
	guest_fin(c);
	assert_int_equal(c->server_end, 0);
	assert_true(vhost_got_eof(bed->vhost, c->fd));
	assert_int_equal(tls_end_close(c->server), 0);
	vhost_send_eof(bed->vhost, c->fd);
	pump();
	assert_int_equal(c->guest_end, 0);
	assert_true(c->fin);
	assert_null(peer_flow(&c->p));
	assert_int_equal(vhost_closed(bed->vhost, c->fd), 1);
	assert_int_equal(told_of(SLUICE_EVENT_FLOW_CLOSED)->reason, SLUICE_REASON_DONE);
	assert_null(told_of(SLUICE_EVENT_TLS_FAILED));
	end_intercept();
}

static void
no_name_means_the_address(void **state)
{
	(void)state;
	begin_all();
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NULL});

	guest_trusts(c, NULL);
	guest_writes(c, "{}");
	served(c, "{}");
	end_intercept();
}

static void
protocol_is_the_servers_choice(void **state)
{
	(void)state;
	begin_all();
	struct conn *c = open_tls_to(
	    1000, &(struct far_options){.name = NAME, .alpn = "x/2", .offer = offer("x/1", "x/2")});

	assert_string_equal(tls_end_alpn(c->guest), "x/2");
	assert_string_equal(tls_end_alpn(c->server), "x/2");
	server_writes(c, "first");
	heard_text(c, "first");
	c = open_tls_to(1001, &(struct far_options){.name = NAME, .offer = offer("x/1", "x/2")});
	assert_string_equal(tls_end_alpn(c->guest), "");
	/* None that is known to both: the server says so, and the guest hears it. */
	c = connect_tls(1002, &(struct far_options){.name = NAME, .alpn = "y", .offer = offer("x/1", "x/2")});
	pump();
	expect_alert_to(c, 120);
	end_intercept();
}

/* A server that speaks first inside TLS is heard before the guest has said anything. */
static void
server_first_in_tls(void **state)
{
	(void)state;
	begin_all();
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME});

	server_writes(c, "220 ready\r\n");
	heard_text(c, "220 ready\r\n");
	guest_writes(c, "EHLO me\r\n");
	served(c, "EHLO me\r\n");
	end_intercept();
}

static void
byte_by_byte(void **state)
{
	(void)state;
	begin_all();
	struct conn *c = connect_tls(1000, &(struct far_options){.name = NAME});
	c->piece = 1;
	pump();
	assert_true(c->guest_done);
	guest_writes(c, "\1in single bytes");
	served(c, "\1in single bytes");
	end_intercept();
}

/* Both ways at once, more than any buffer, through windows that are small and grow. */
static void
bulk(void **state)
{
	static uint8_t b[60000];
	uint64_t sum[2] = {0, 0};

	(void)state;
	begin_all();
	for (unsigned i = 0; i < 2; i++) {
		struct conn *c = connect_tls((uint16_t)(1000 + i), &(struct far_options){.name = NAME});
		c->p.wnd = i ? 1500 : 65535;
		vhost_buffers(bed->vhost, c->fd, i ? 3000 : 212992, i ? 3000 : 212992);
		pump();
		assert_true(c->guest_done && c->server_done);
		sum[0] = sum[1] = 0;
		uint64_t total = 0;
		for (unsigned k = 0; k < 20; k++) {
			far_fill(&far.drawn, b, sizeof(b));
			b[0] = 1; /* no HTTP */
			for (size_t n = 0; n < sizeof(b); n++)
				sum[0] = sum[0] * 31 + b[n];
			end_writes(c->guest, b, sizeof(b));
			end_writes(c->server, b, sizeof(b));
			total += sizeof(b);
		}
		pump();
		assert_int_equal(c->server_had, total);
		assert_int_equal(c->guest_had, total);
		assert_int_equal(c->server_sum, sum[0]);
		assert_int_equal(c->guest_sum, sum[0]);
		/* Nothing is held for later. */
		struct intercepted *in = peer_flow(&c->p)->state;
		assert_null(in->passage.kept[0]);
		assert_null(in->passage.kept[1]);
	}
	end_intercept();
}

static void
half_close(void **state)
{
	(void)state;
	begin_all();
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME});

	guest_writes(c, "\1question");
	assert_int_equal(tls_end_close(c->guest), 0);
	pump();
	assert_int_equal(c->server_end, 0);
	served(c, "\1question");
	assert_int_equal(c->guest_end, 1);
	server_writes(c, "a long answer");
	heard_text(c, "a long answer");
	assert_int_equal(tls_end_close(c->server), 0);
	vhost_send_eof(bed->vhost, c->fd);
	pump();
	assert_int_equal(c->guest_end, 0);
	/* A guest that never ends its TCP is not waited for. */
	assert_true(c->fin);
	assert_int_equal(vhost_closed(bed->vhost, c->fd), 1);
	wait_for(LAST_WORDS + USEC_PER_SEC);
	pump();
	assert_true(c->rst);
	assert_null(peer_flow(&c->p));

	/* The other way round. */
	c = open_tls_to(1001, &(struct far_options){.name = NAME});
	server_writes(c, "all there is");
	assert_int_equal(tls_end_close(c->server), 0);
	pump();
	assert_int_equal(c->guest_end, 0);
	guest_writes(c, "thanks");
	served(c, "thanks");
	end_intercept();
}

/* What breaks off without close_notify must not look whole to the guest. */
static void
truncation(void **state)
{
	(void)state;
	begin_all();
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME});

	server_writes(c, "half of");
	vhost_send_eof(bed->vhost, c->fd);
	pump();
	heard_text(c, "half of");
	assert_true(c->fin);
	assert_int_equal(c->guest_end, -EPIPE);
	guest_fin(c);
	assert_null(peer_flow(&c->p));
	end_intercept();
}

/* --- what passes unopened -------------------------------------------------------------------------------------------------- */

static void
bypassed_names_pass(void **state)
{
	static const char *const names[] = {"*.good.example", "pinned.example"};

	(void)state;
	conf.gateway.intercept_bypass = names;
	conf.gateway.nintercept_bypass = 2;
	begin_all();
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME});

	/* The guest sees the server's own certificate. */
	assert_int_equal(counted(GW_TLS_BYPASSED), 1);
	assert_int_equal(counted(GW_TLS_OPENED), 0);
	assert_null(peer_flow(&c->p)->service);
	assert_null(peer_flow(&c->p)->watch);
	guest_writes(c, "hello");
	served(c, "hello");
	c = open_tls_to(1001, &(struct far_options){.name = "other.example"});
	assert_int_equal(counted(GW_TLS_OPENED), 1);
	guest_trusts(c, "other.example");
	end_intercept();
}

/* On a port that is opened: at once, whatever it is. */
static void
what_is_not_tls(void **state)
{
	static const char *const t[] = {"SSH-2.0-client\r\n", "\x80\x2e\1\0\2", "{}", "\0"};
	char got[64];

	(void)state;
	begin_all();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct conn *c = connect_tcp((uint16_t)(1000 + i), PUBLIC4, 443);
		size_t len = strlen(t[i]) ? strlen(t[i]) : 1;
		usec_t before = bed_now(bed);

		guest_send(c, t[i], len);
		pump();
		assert_int_equal(vhost_recv(bed->vhost, c->fd, got, sizeof(got)), len);
		assert_memory_equal(got, t[i], len);
		assert_int_equal(bed_now(bed), before);
		assert_null(peer_flow(&c->p)->watch);
	}
	end_intercept();
}

static void
server_first_is_not_delayed(void **state)
{
	char got[64];

	(void)state;
	begin_all();
	struct conn *c = connect_tcp(1000, PUBLIC4, 443);
	usec_t before = bed_now(bed);

	assert_int_equal(vhost_send(bed->vhost, c->fd, "SSH-2.0-server\r\n", 16), 16);
	pump();
	assert_int_equal(bed_now(bed), before);
	guest_has(c, "SSH-2.0-server\r\n", 16);
	wait_for(60 * USEC_PER_SEC);
	guest_send(c, "SSH-2.0-client\r\n", 16);
	pump();
	assert_int_equal(vhost_recv(bed->vhost, c->fd, got, sizeof(got)), 16);
	/* Even a ClientHello is nobody's after that. */
	end_intercept();
}

/* A ClientHello that stops in the middle passes once it is late, as it is. */
static void
unfinished_hello(void **state)
{
	char got[64];

	(void)state;
	begin_all();
	struct conn *c = connect_tcp(1000, PUBLIC4, 443);
	guest_send(c, "\x16\3\1\1\0\1", 6);
	pump();
	assert_int_equal(vhost_recv_len(bed->vhost, c->fd), 0);
	wait_for(6 * USEC_PER_SEC);
	pump();
	assert_int_equal(vhost_recv(bed->vhost, c->fd, got, sizeof(got)), 6);
	assert_null(peer_flow(&c->p)->watch);
	/* One that breaks the protocol is answered as a server would. */
	c = connect_tcp(1001, PUBLIC4, 443);
	guest_send(c, "\x16\3\1\0\0", 5);
	pump();
	guest_has(c, "\x15\3\3\0\2\2\x32", 7);
	assert_int_equal(vhost_closed(bed->vhost, c->fd), 2);
	end_intercept();
}

/* --- servers that are not good --------------------------------------------------------------------------------------------------- */

static void
bad_certificates(void **state)
{
	static const struct {
		struct far_options far;
		uint8_t alert;
	} t[] = {
	    {{.name = NAME, .cert = "other.example"}, 42},
	    {{.name = NAME, .nobody = true}, 48},
	    {{.name = NULL, .cert = NAME}, 42},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		begin_all();
		struct conn *c = connect_tls((uint16_t)(1000 + i), &t[i].far);
		pump();
		assert_int_equal(c->server_had, 0);
		expect_alert_to(c, t[i].alert);
		expect_told(SLUICE_REASON_CERTIFICATE, t[i].far.name ? NAME : "");
		assert_int_equal(counted(GW_TLS_BAD_SERVER), 1);
		end_intercept();
		fresh_intercept(state);
	}
}

static void
server_that_leaves(void **state)
{
	(void)state;
	begin_all();
	/* It ends the connection in the handshake. */
	struct conn *c = connect_tls(1000, &(struct far_options){.name = NAME});
	tls_end_free(c->server);
	c->server = NULL;
	pump();
	vhost_send_eof(bed->vhost, c->fd);
	pump();
	expect_alert_to(c, 80);
	expect_told(SLUICE_REASON_TLS, NAME);
	/* It resets it. */
	c = connect_tls(1001, &(struct far_options){.name = NAME});
	tls_end_free(c->server);
	c->server = NULL;
	pump();
	assert_false(c->rst);
	vhost_reset(bed->vhost, c->fd);
	pump();
	assert_true(c->rst);
	assert_null(peer_flow(&c->p));
	/* What it says is no TLS. */
	c = connect_tls(1002, &(struct far_options){.name = NAME});
	tls_end_free(c->server);
	c->server = NULL;
	pump();
	assert_int_equal(vhost_send(bed->vhost, c->fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
	pump();
	assert_true(c->fin);
	assert_int_not_equal(tls_end_peer_alert(c->guest), 0);
	/* It says nothing. */
	c = connect_tls(1003, &(struct far_options){.name = NAME});
	tls_end_free(c->server);
	c->server = NULL;
	pump();
	assert_false(c->fin);
	wait_for(HANDSHAKE_TIME + 1);
	pump();
	expect_alert_to(c, 80);
	end_intercept();
}

/* A guest that does not like its leaf: named, counted, and never passed unopened for it. */
static void
guest_without_trust(void **state)
{
	(void)state;
	begin_all();
	for (unsigned i = 0; i < 3; i++) {
		struct conn *c = connect_tls((uint16_t)(1000 + i), &(struct far_options){.name = NAME});

		/* As far as our certificate. */
		while (c->nin - c->in_at < 300 && pump_once() && !c->guest_done)
			if (c->nin > 300)
				break;
		assert_false(c->guest_done);
		nread = nseen;
		if (i == 0) {
			guest_send(c, "\x15\3\3\0\2\2\x30", 7);
			tls_end_free(c->guest);
			c->guest = NULL;
			pump();
			guest_fin(c);
		} else if (i == 1) {
			tls_end_free(c->guest);
			c->guest = NULL;
			guest_fin(c);
		} else {
			peer_send(&c->p, TCP_RST | TCP_ACK, NULL, 0);
			bed_settle(bed);
		}
		assert_int_equal(counted(GW_TLS_UNTRUSTED), i + 1);
		assert_null(peer_flow(&c->p));
		bool told = false;
		for (unsigned k = nread; k < nseen; k++)
			told |= seen[k].e.kind == SLUICE_EVENT_TLS_FAILED &&
				seen[k].e.reason == SLUICE_REASON_GUEST_TRUST &&
				strcmp(seen[k].e.name, NAME) == 0;
		assert_true(told);
	}
	open_tls_to(1010, &(struct far_options){.name = NAME});
	assert_int_equal(counted(GW_TLS_OPENED), 1);
	end_intercept();
}

/* --- limits --------------------------------------------------------------------------------------------------------------------- */

static void
too_many(void **state)
{
	(void)state;
	conf.gateway.intercept_max = 2;
	begin_all();
	open_tls_to(1000, &(struct far_options){.name = NAME});
	open_tls_to(1001, &(struct far_options){.name = NAME});
	struct conn *c = connect_tls(1002, &(struct far_options){.name = NAME});
	pump();
	expect_alert_to(c, 80);
	assert_int_equal(counted(GW_TLS_FULL), 1);
	/* Others are not concerned. */
	guest_writes(conn[0], "{}");
	served(conn[0], "{}");
	peer_send(&conn[0]->p, TCP_RST | TCP_ACK, NULL, 0);
	bed_settle(bed);
	open_tls_to(1003, &(struct far_options){.name = NAME});
	end_intercept();
}

/* Handshakes have places; who finds none waits, and goes on when there is one. */
static void
handshakes_wait(void **state)
{
	(void)state;
	begin_all();
	for (unsigned i = 0; i < HANDSHAKES + 3; i++) {
		struct conn *c = connect_tls((uint16_t)(1000 + i), &(struct far_options){.name = NAME});

		if (i < HANDSHAKES) {
			tls_end_free(c->server);
			c->server = NULL;
		}
	}
	pump();
	assert_int_equal(bed->gw->intercept->handshakes, HANDSHAKES);
	assert_false(conn[HANDSHAKES]->guest_done);
	for (unsigned i = 0; i < 3; i++)
		vhost_reset(bed->vhost, conn[i]->fd);
	pump();
	for (unsigned i = HANDSHAKES; i < HANDSHAKES + 3; i++)
		assert_true(conn[i]->guest_done);
	assert_int_equal(bed->gw->intercept->handshakes, HANDSHAKES - 3);
	wait_for(HANDSHAKE_TIME + 1);
	pump();
	assert_int_equal(bed->gw->intercept->handshakes, 0);
	end_intercept();
}

/* --- the end at every moment ---------------------------------------------------------------------------------------------------- */

enum ending { GUEST_RST, GUEST_FIN, HOST_RST, HOST_EOF, ENDINGS };

static void
ends_anywhere(void **state)
{
	for (unsigned how = 0; how < ENDINGS; how++) {
		for (unsigned after = 0; after < 60; after += 3) {
			fresh_intercept(state);
			begin_all();
			struct conn *c = connect_tls(1000, &(struct far_options){.name = NAME});
			for (unsigned i = 0; i < after; i++)
				pump_once();
			if (c->guest_done)
				end_writes(c->guest, "\1some", 5);
			switch ((enum ending)how) {
			case GUEST_RST:
				peer_send(&c->p, TCP_RST | TCP_ACK, NULL, 0);
				bed_settle(bed);
				assert_null(peer_flow(&c->p));
				assert_int_not_equal(vhost_closed(bed->vhost, c->fd), 0);
				break;
			case GUEST_FIN:
				guest_fin(c);
				break;
			case HOST_RST:
				vhost_reset(bed->vhost, c->fd);
				pump();
				assert_true(c->rst || c->fin);
				break;
			case HOST_EOF:
				vhost_send_eof(bed->vhost, c->fd);
				pump();
				break;
			case ENDINGS:
				break;
			}
			if (!c->rst && how != GUEST_RST) {
				if (!c->fin_sent)
					guest_fin(c);
				if (vhost_closed(bed->vhost, c->fd) == 0)
					vhost_send_eof(bed->vhost, c->fd);
				pump();
			}
			wait_for(30 * USEC_PER_SEC);
			pump();
			assert_null(peer_flow(&c->p));
			end_intercept();
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(bytes_pass, fresh_intercept),
	    cmocka_unit_test_setup(no_name_means_the_address, fresh_intercept),
	    cmocka_unit_test_setup(protocol_is_the_servers_choice, fresh_intercept),
	    cmocka_unit_test_setup(server_first_in_tls, fresh_intercept),
	    cmocka_unit_test_setup(byte_by_byte, fresh_intercept),
	    cmocka_unit_test_setup(bulk, fresh_intercept),
	    cmocka_unit_test_setup(half_close, fresh_intercept),
	    cmocka_unit_test_setup(truncation, fresh_intercept),
	    cmocka_unit_test_setup(bypassed_names_pass, fresh_intercept),
	    cmocka_unit_test_setup(what_is_not_tls, fresh_intercept),
	    cmocka_unit_test_setup(server_first_is_not_delayed, fresh_intercept),
	    cmocka_unit_test_setup(unfinished_hello, fresh_intercept),
	    cmocka_unit_test_setup(bad_certificates, fresh_intercept),
	    cmocka_unit_test_setup(server_that_leaves, fresh_intercept),
	    cmocka_unit_test_setup(guest_without_trust, fresh_intercept),
	    cmocka_unit_test_setup(too_many, fresh_intercept),
	    cmocka_unit_test_setup(handshakes_wait, fresh_intercept),
	    cmocka_unit_test_setup(ends_anywhere, fresh_intercept),
	};

	return cmocka_run_group_tests_name("interception", tests, far_begin, far_end);
}
