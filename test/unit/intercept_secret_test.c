/*
 * intercept_secret_test.c - secrets from end to end: a guest that has placeholders, a server that gets values, and TLS on both sides
 */
#include "test/bed/h2_peer.h"
#include "test/unit/intercept_kit.h"

#define PLACEHOLDER "sluice-placeholder-0123456789"
#define VALUE "the-value-that-no-guest-has"
#define OTHER "www.other.example"

static const char *const hosts[] = {NAME};

static void
begin_with_secret(unsigned where, bool all)
{
	static struct sluice_secret secret;

	secret = (struct sluice_secret){.size = sizeof(secret),
					.name = "TOKEN",
					.value = VALUE,
					.value_len = strlen(VALUE),
					.placeholder = PLACEHOLDER,
					.hosts = hosts,
					.nhosts = 1,
					.where = where};
	/* Whatever has a secret is opened, even if nothing else is. */
	conf.gateway.intercept = all;
	conf.gateway.secrets = &secret;
	conf.gateway.nsecrets = 1;
	rules("all", NULL);
	begin();
	resolved(NAME, PUBLIC4, 300);
	resolved(OTHER, PUBLIC4, 300);
}

static bool
is_in(const uint8_t *bytes, size_t n, const char *text)
{
	return memmem(bytes, n, text, strlen(text)) != NULL;
}

static struct conn *
http_to(uint16_t sport, const char *name)
{
	return open_tls_to(
	    sport, &(struct far_options){.name = name, .alpn = "http/1.1", .offer = {1, {"http/1.1"}}});
}

static void
value_goes_and_stays_outside(void **state)
{
	(void)state;
	begin_with_secret(0, false);
	struct conn *c = http_to(1000, NAME);

	guest_writes(c,
		     "GET /me HTTP/1.1\r\nHost: " NAME "\r\nAuthorization: Bearer " PLACEHOLDER "\r\n\r\n");
	assert_true(is_in(c->served, c->nserved, "uthorization: Bearer " VALUE "\r\n"));
	assert_false(is_in(c->served, c->nserved, PLACEHOLDER));
	c->nserved = 0;
	server_writes(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Token: <" VALUE ">\r\n\r\nok");
	assert_true(is_in(c->heard, c->nheard, "oken: <" PLACEHOLDER ">\r\n"));
	assert_false(is_in(c->heard, c->nheard, VALUE));
	assert_memory_equal(c->heard + c->nheard - 2, "ok", 2);
	c->nheard = 0;
	/* In a query it may not stand, not even for that host. */
	guest_writes(c, "GET /?" PLACEHOLDER " HTTP/1.1\r\nHost: " NAME "\r\n\r\n");
	assert_true(is_in(c->heard, c->nheard, "HTTP/1.1 403 "));
	assert_int_equal(c->nserved, 0);
	end_intercept();
}

static void
body_has_the_value(void **state)
{
	static const char body[] = "{\"token\":\"" PLACEHOLDER "\"}", put_in[] = "{\"token\":\"" VALUE "\"}";
	char text[512];

	(void)state;
	begin_with_secret(SLUICE_SECRET_BODY, false);
	struct conn *c = http_to(1000, NAME);
	snprintf(text, sizeof(text),
		 "POST /in HTTP/1.1\r\nHost: " NAME
		 "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		 strlen(body), body);
	guest_writes(c, text);
	assert_true(c->nserved > strlen(put_in));
	assert_memory_equal(c->served + c->nserved - strlen(put_in), put_in, strlen(put_in));
	snprintf(text, sizeof(text), "ontent-Length: %zu\r\n", strlen(put_in));
	assert_true(is_in(c->served, c->nserved, text));
	end_intercept();
}

static void
leak_to_another_host(void **state)
{
	(void)state;
	begin_with_secret(0, true);
	struct conn *c = http_to(1000, OTHER);

	guest_writes(c, "GET /me HTTP/1.1\r\nHost: " OTHER "\r\nX-Key: " PLACEHOLDER "\r\n\r\n");
	assert_true(is_in(c->heard, c->nheard, "HTTP/1.1 403 "));
	assert_true(is_in(c->heard, c->nheard, "TOKEN"));
	assert_false(is_in(c->heard, c->nheard, VALUE));
	assert_int_equal(c->nserved, 0);
	const struct sluice_event *e = find_event(SLUICE_EVENT_SECRET);
	assert_string_equal(e->secret, "TOKEN");
	assert_string_equal(e->where, "header/raw");
	assert_string_equal(e->name, OTHER);
	assert_string_equal(e->path, "/me");
	assert_int_equal(e->reason, SLUICE_REASON_SECRET);
	assert_int_equal(counted(GW_SECRETS_REFUSED), 1);
	end_intercept();
}

/* --- HTTP/2 ------------------------------------------------------------------------------------------------------------- */

/* Frames of the guest's into its TLS, and those that came out of it into the library. */
static void
exchange_frames(struct conn *c, struct h2_peer *p)
{
	const uint8_t *out;
	ssize_t n;

	do {
		while ((n = nghttp2_session_mem_send(p->session, &out)) > 0)
			end_writes(c->guest, out, (size_t)n);
		pump();
		assert_true(c->nheard < sizeof(c->heard));
		if (c->nheard)
			assert_int_equal(nghttp2_session_mem_recv(p->session, c->heard, c->nheard),
					 c->nheard);
		c->nheard = 0;
	} while (nghttp2_session_want_write(p->session));
}

/* What all connections gather together has a bound, and all of it is given back. */
static void
bodies_have_room(void **state)
{
	static const char head[] = "POST /in HTTP/1.1\r\nHost: " NAME "\r\nContent-Length: 1000\r\n\r\n";
	static const char request[] = ":method: POST\n:scheme: https\n:authority: " NAME "\n:path: /two\n";
	char body[1001];

	(void)state;
	memset(body, '.', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	begin_with_secret(SLUICE_SECRET_BODY, false);
	struct conn *c = http_to(1000, NAME);
	guest_writes(c, head);
	guest_writes(c, body + 600);
	assert_int_equal(bed->gw->bodies, 400);
	assert_int_equal(c->nserved, 0);
	guest_writes(c, body + 400);
	assert_true(c->nserved > 1000);
	assert_int_equal(bed->gw->bodies, 0);
	c->nserved = 0;
	server_writes(c, "HTTP/1.1 204 No Content\r\n\r\n");
	c->nheard = 0;
	/* Others have nearly all: it is refused once that is known. */
	bed->gw->bodies = REQUESTS_BODIES - 500;
	guest_writes(c, head);
	guest_writes(c, body + 600);
	assert_int_equal(bed->gw->bodies, REQUESTS_BODIES - 100);
	assert_int_equal(c->nheard, 0);
	guest_writes(c, body + 400);
	assert_true(is_in(c->heard, c->nheard, "HTTP/1.1 503 "));
	assert_true(is_in(c->heard, c->nheard, "too many such bodies"));
	assert_int_equal(c->nserved, 0);
	assert_int_equal(bed->gw->bodies, REQUESTS_BODIES - 500);
	assert_int_equal(counted(GW_BODIES_FULL), 1);

	memcpy(body + 700, PLACEHOLDER, strlen(PLACEHOLDER));
	/* The copy with the values counts as well, and one that is left in the middle counts no more. */
	c = open_tls_to(1001, &(struct far_options){.name = NAME, .offer = {1, {"h2"}}});
	struct h2_peer *p = h2_peer_new(&(struct h2_peer_options){.server = false});
	struct h2_seen *s = h2_peer_request(p, request, body + 700, 300);
	exchange_frames(c, p);
	assert_true(s->ended);
	assert_non_null(strstr(s->head, ":status: 503\n"));
	assert_int_equal(c->nserved, 0);
	assert_int_equal(bed->gw->bodies, REQUESTS_BODIES - 500);
	assert_int_equal(counted(GW_BODIES_FULL), 2);
	bed->gw->bodies = 0;
	s = h2_peer_request(p, request, body + 700, 300);
	exchange_frames(c, p);
	assert_true(is_in(c->served, c->nserved, VALUE "....."));
	assert_int_equal(bed->gw->bodies, 0);
	c->nserved = 0;
	server_writes(c, "HTTP/1.1 204 No Content\r\n\r\n");
	exchange_frames(c, p);
	assert_non_null(strstr(s->head, ":status: 204\n"));
	h2_peer_open(p, request, body + 900);
	exchange_frames(c, p);
	assert_int_equal(bed->gw->bodies, 100);
	peer_send(&c->p, TCP_RST | TCP_ACK, NULL, 0);
	bed_settle(bed);
	assert_int_equal(bed->gw->bodies, 0);
	h2_peer_free(p);
	end_intercept();
}

/* A guest that offers nothing else, a server that says nothing about protocols: each has its own. */
static void
http2_alone_to_an_old_server(void **state)
{
	(void)state;
	begin_with_secret(0, false);
	struct conn *c = open_tls_to(1000, &(struct far_options){.name = NAME, .offer = {1, {"h2"}}});
	struct h2_peer *p = h2_peer_new(&(struct h2_peer_options){.server = false});

	assert_non_null(p);
	assert_string_equal(tls_end_alpn(c->guest), "h2");
	assert_string_equal(tls_end_alpn(c->server), "");
	for (unsigned i = 0; i < 2; i++) {
		struct h2_seen *s = h2_peer_request(p,
						    ":method: GET\n:scheme: https\n:authority: " NAME
						    "\n:path: /two\nx-key: " PLACEHOLDER "\n",
						    "", 0);

		exchange_frames(c, p);
		assert_true(c->nserved > 20);
		assert_memory_equal(c->served, "GET /two HTTP/1.1\r\n", 19);
		assert_true(is_in(c->served, c->nserved, "x-key: " VALUE "\r\n"));
		assert_false(is_in(c->served, c->nserved, PLACEHOLDER));
		c->nserved = 0;
		server_writes(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Key: " VALUE "\r\n\r\nanswer");
		exchange_frames(c, p);
		assert_true(s->ended);
		assert_int_equal(s->closed, 0);
		assert_non_null(strstr(s->head, ":status: 200\n"));
		assert_non_null(strstr(s->head, "x-key: " PLACEHOLDER "\n"));
		assert_null(strstr(s->head, VALUE));
		assert_string_equal(s->body, "answer");
	}
	assert_int_equal(p->goaway, -1);
	h2_peer_free(p);
	end_intercept();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(value_goes_and_stays_outside, fresh_intercept),
	    cmocka_unit_test_setup(body_has_the_value, fresh_intercept),
	    cmocka_unit_test_setup(leak_to_another_host, fresh_intercept),
	    cmocka_unit_test_setup(bodies_have_room, fresh_intercept),
	    cmocka_unit_test_setup(http2_alone_to_an_old_server, fresh_intercept),
	};

	return cmocka_run_group_tests_name("secrets from end to end", tests, far_begin, far_end);
}
