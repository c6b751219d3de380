/*
 * watch_http_test.c - plain HTTP through a whole gateway: every request of a connection is judged, and nothing that is not
 * judged reaches the host
 */
#include "http/head.h"
#include "test/unit/watch_kit.h"

#define GOOD "www.good.example"
#define GET_GOOD "GET / HTTP/1.1\r\nHost: " GOOD "\r\n\r\n"
#define GET_EVIL "GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* The last sentence of the list of refusals, as the page's body. */
static const char *
last_refusal(void)
{
	static char text[REFUSAL_TEXT + 16];
	const struct refusal *r = refusals_at(&bed->gw->refusals, 0);

	assert_non_null(r);
	snprintf(text, sizeof(text), "sluice: %s\n", r->text);
	return text;
}

static void
says_parts(struct peer *p, const char *text)
{
	says_in_pieces(p, text, strlen(text), 1);
}

/* A request that passes, and its answer. */
static void
is_served(struct peer *p, int fd, const char *request)
{
	says(p, request);
	host_has(fd, request);
	host_says(p, fd, OK);
}

/* What the guest says now is refused, and no byte of it passes. */
static void
is_refused(struct peer *p, int fd, const char *text)
{
	says(p, text);
	host_never_knew(fd);
	find_event(SLUICE_EVENT_REQUEST_REFUSED);
}

/* --- the first request ---------------------------------------------------------------------------------------------- */

static void
P20_nothing_before_the_verdict(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 80, &fd);
	for (size_t i = 0; i < sizeof(GET_GOOD) - 2; i++) {
		says_bytes(&p, &GET_GOOD[i], 1);
		host_has_nothing(fd);
	}
	says_bytes(&p, "\n", 1);
	host_has(fd, GET_GOOD);
	host_says(&p, fd, OK);
	assert_string_equal(heard.text, OK);
	/* It is watched on. */
	assert_non_null(peer_flow(&p)->watch);
	guest_ends(&p);
	assert_true(vhost_got_eof(bed->vhost, fd));
	end();
}

static void
refused_with_a_page(void **state)
{
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < 2; i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 80, &fd);

		if (i)
			says(&p, GET_EVIL);
		else
			says_parts(&p, GET_EVIL);
		host_never_knew(fd);
		assert_non_null(strstr(last_refusal(), "evil.example"));
		expect_page(&p, 0, "403 Forbidden", last_refusal(), SLUICE_REASON_NAME);
	}
	/* HEAD is answered without a body. */
	struct peer p = watched(1002, PUBLIC6, 80, &fd);
	says(&p, "HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	host_never_knew(fd);
	assert_string_equal(heard.text + heard.len - 4, "\r\n\r\n");
	assert_non_null(strstr(heard.text, "403 Forbidden"));
	guest_leaves(&p, SLUICE_REASON_NAME);
	/* A guest that sends a body before it reads is answered all the same. */
	p = watched(1003, PUBLIC4, 80, &fd);
	says(&p, "POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100000\r\n\r\n");
	for (int i = 0; i < 100; i++)
		says_bytes(&p, zeros, 1000);
	host_never_knew(fd);
	expect_page(&p, 0, "403 Forbidden", last_refusal(), SLUICE_REASON_NAME);
	end();
}

static void
no_name_in_it(void **state)
{
	static const char *const t[] = {
	    "GET / HTTP/1.0\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost:\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: " PUBLIC4 "\r\n\r\n",
	};
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < 3; i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 80, &fd);

		says(&p, t[i]);
		host_has(fd, t[i]);
	}
	end();
}

/* P10: the absolute form counts, and must agree with Host. */
static void
P10_absolute_form(void **state)
{
	static const struct {
		const char *text, *status;
		enum sluice_reason reason;
	} t[] = {
	    {"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403 Forbidden",
	     SLUICE_REASON_NAME},
	    {"GET http://evil.example/ HTTP/1.1\r\nHost: " GOOD "\r\n\r\n", "400 Bad Request",
	     SLUICE_REASON_BAD_QUERY},
	    {"GET http://" GOOD "/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", "400 Bad Request",
	     SLUICE_REASON_BAD_QUERY},
	};
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 3128, &fd);

		says(&p, t[i].text);
		host_never_knew(fd);
		expect_page(&p, 0, t[i].status, last_refusal(), t[i].reason);
	}
	struct peer p = watched(2000, PUBLIC4, 3128, &fd);
	says(&p, "GET http://" GOOD "/ HTTP/1.1\r\nHost: " GOOD "\r\n\r\n");
	host_has(fd, "GET http://" GOOD "/ HTTP/1.1\r\nHost: " GOOD "\r\n\r\n");
	end();
}

/* H1, H2: what can be read in two ways goes nowhere. */
static void
H2_broken_requests(void **state)
{
	static const char *const t[] = {
	    "\r\nGET / HTTP/1.1\r\nHost: " GOOD "\r\n\r\n",
	    "GET / HTTP/1.1\nHost: " GOOD "\n\n",
	    "GET / HTTP/1.1\r\nHost: " GOOD "\r\nHost: evil.example\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: " GOOD "\r\n evil\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost : " GOOD "\r\n\r\n",
	    "GET / HTTP/1.1\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: " GOOD "\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: " GOOD "\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: " GOOD "\r\nTransfer-Encoding: x\r\n\r\n",
	    "GET /\r\n",
	};
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 80, &fd);

		says(&p, t[i]);
		host_never_knew(fd);
		expect_page(&p, 0, "400 Bad Request", last_refusal(), SLUICE_REASON_BAD_QUERY);
	}
	end();
}

static void
longest_head(void **state)
{
	static char text[HTTP_HEAD_MAX];
	static const char first[] = "GET / HTTP/1.1\r\nHost: " GOOD "\r\nX: ";
	int fd;

	(void)state;
	conf.gateway.max_tcp = 4096; /* rings begin small */
	only_good();
	for (unsigned more = 0; more < 2; more++) {
		size_t len = HTTP_HEAD_MAX - 1 + more;
		struct peer p = watched((uint16_t)(1000 + more), PUBLIC4, 80, &fd);

		memset(text, 'x', len);
		memcpy(text, first, sizeof(first) - 1);
		memcpy(text + len - 4, "\r\n\r\n", 4);
		says_in_pieces(&p, text, len - 1, 1400);
		host_has_nothing(fd);
		says_bytes(&p, text + len - 1, 1);
		host_has_bytes(fd, text, len);
	}
	struct peer p = watched(1002, PUBLIC4, 80, &fd);
	text[HTTP_HEAD_MAX - 1] = text[HTTP_HEAD_MAX - 2] = 'x';
	text[HTTP_HEAD_MAX - 3] = text[HTTP_HEAD_MAX - 4] = 'x';
	says_in_pieces(&p, text, HTTP_HEAD_MAX, 1400);
	host_never_knew(fd);
	expect_page(&p, 0, "400 Bad Request", last_refusal(), SLUICE_REASON_BAD_QUERY);
	end();
}

/* Some servers answer a head that breaks off; here it goes nowhere. */
static void
head_breaks_off(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 80, &fd);
	says(&p, "GET / HTTP/1.0\r\nHost: evil.example\r\n");
	guest_ends(&p);
	host_never_knew(fd);
	assert_memory_equal(heard.text, "HTTP/1.1 400 Bad Request\r\n", 26);
	acknowledges(&p);
	assert_null(peer_flow(&p));
	flow_ended(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_BAD_QUERY);
	end();
}

/* So it is where rules about requests wait, and in its first line: there may be a name in that. */
static void
first_line_breaks_off(void **state)
{
	static const char *const t[] = {"GET http://evil.example/ HTTP/1.1", "G"};
	int fd;

	(void)state;
	rules("public", "deny evil.example", "deny http other.example/x", NULL);
	begin();
	for (unsigned i = 0; i < 2; i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 80, &fd);

		says(&p, t[i]);
		guest_ends(&p);
		host_never_knew(fd);
		assert_memory_equal(heard.text, "HTTP/1.1 400 Bad Request\r\n", 26);
		acknowledges(&p);
		flow_ended(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_BAD_QUERY);
	}
	end();
}

/* --- later requests ----------------------------------------------------------------------------------------------------- */

/* P14: each request of a connection is judged. */
static void
P14_second_request_to_another_host(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 80, &fd);
	is_served(&p, fd, GET_GOOD);
	is_served(&p, fd, "GET /2 HTTP/1.1\r\nHost: api.good.example\r\n\r\n");
	size_t before = heard.len;
	says(&p, GET_EVIL);
	host_never_knew(fd);
	const struct sluice_event *e = find_event(SLUICE_EVENT_REQUEST_REFUSED);
	assert_int_equal(e->reason, SLUICE_REASON_NAME);
	assert_string_equal(e->name, "evil.example");
	assert_string_equal(e->name_from, "host");
	expect_page(&p, before, "403 Forbidden", last_refusal(), SLUICE_REASON_NAME);
	end();
}

/* While an answer may be under way no page can be put into it. */
static void
P14_pipelined(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 80, &fd);
	says(&p, GET_GOOD GET_EVIL);
	assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	host_had = counted(GW_BYTES_TO_HOST);
	assert_true(host_had == 0 || host_had == sizeof(GET_GOOD) - 1);
	assert_int_equal(heard.len, 0);
	find_event(SLUICE_EVENT_REQUEST_REFUSED);
	expect_reset(&p, SLUICE_REASON_NAME);
	/* An answer the guest has not acknowledged yet is under way too. */
	p = watched(1001, PUBLIC4, 80, &fd);
	says(&p, GET_GOOD);
	host_has(fd, GET_GOOD);
	assert_int_equal(vhost_send(bed->vhost, fd, OK, sizeof(OK) - 1), sizeof(OK) - 1);
	bed_settle(bed);
	peer_send(&p, TCP_ACK, GET_EVIL, sizeof(GET_EVIL) - 1); /* acknowledges what it had before */
	listen_to(&p);
	host_never_knew(fd);
	assert_string_equal(heard.text, OK);
	find_event(SLUICE_EVENT_REQUEST_REFUSED);
	expect_reset(&p, SLUICE_REASON_NAME);
	/* Pipelined requests that are all allowed pass at once. */
	p = watched(1002, PUBLIC4, 80, &fd);
	says(&p, GET_GOOD GET_GOOD GET_GOOD);
	host_has(fd, GET_GOOD GET_GOOD GET_GOOD);
	end();
}

/* H2: where a body ends, the next request begins: not a byte sooner or later. */
static void
H2_bodies(void **state)
{
	static const struct {
		const char *fields, *body;
	} t[] = {
	    {"Content-Length: 39\r\n", "GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n"},
	    {"Transfer-Encoding: chunked\r\n",
	     "27\r\nGET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n\r\n0\r\n\r\n"},
	    {"Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n0\r\nT: x\r\n\r\n"},
	    {"Content-Length: 0\r\n", ""},
	};
	char text[512];
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: " GOOD "\r\n%s\r\n%s", t[i].fields,
			 t[i].body);
		for (unsigned cut = 0; cut < 3; cut++) {
			struct peer p = watched((uint16_t)(1000 + 10 * i + cut), PUBLIC4, 80, &fd);

			/* In one segment, byte by byte, and with the next request in the same segment. */
			if (cut == 1)
				says_parts(&p, text);
			else
				says(&p, text);
			if (cut < 2)
				host_has(fd, text);
			host_says(&p, fd, OK);
			says(&p, GET_GOOD);
			if (cut == 2) {
				strcat(text, GET_GOOD);
				host_has(fd, text);
			} else {
				host_has(fd, GET_GOOD);
			}
			host_says(&p, fd, OK);
			is_refused(&p, fd, GET_EVIL);
		}
	}
	bed_drop(bed);
	end();
}

/* Checklist 83: a body longer than anything that is held, both ways of saying how long; the request behind it is judged. */
static void
long_bodies(void **state)
{
	enum { BODY = 300000, LINE = 8 };
	static uint8_t want[BODY + 1000], body[BODY];
	static const char *const fields[] = {"Content-Length: 300000", "Transfer-Encoding: chunked"};
	int fd;

	(void)state;
	for (size_t i = 0; i < BODY; i++)
		body[i] = (uint8_t)(i * 31 + i / 251);
	only_good();
	for (unsigned i = 0; i < 2; i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 80, &fd);
		int n = snprintf((char *)want, 200, "POST / HTTP/1.1\r\nHost: " GOOD "\r\n%s\r\n\r\n%s",
				 fields[i], i ? "493E0\r\n" : "");

		vhost_buffers(bed->vhost, fd, 2 * BODY, 2 * BODY);
		memcpy(want + n, body, BODY);
		n += BODY;
		if (i) {
			memcpy(want + n, "\r\n0\r\n\r\n", 7);
			n += 7;
		}
		says_in_pieces(&p, want, (size_t)n, 1400);
		host_has_bytes(fd, want, (size_t)n);
		host_says(&p, fd, OK);
		heard_nothing();
		is_refused(&p, fd, GET_EVIL);
		expect_page(&p, 0, "403 Forbidden", last_refusal(), SLUICE_REASON_NAME);
	}
	end();
}

static void
broken_later(void **state)
{
	static const char *const t[] = {"\r\n", "\x16\3\1",
					"GET / HTTP/1.1\r\nHost: " GOOD "\r\nHost: x\r\n\r\n", "EHLO x\r\n"};
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 80, &fd);

		is_served(&p, fd, GET_GOOD);
		size_t before = heard.len;
		is_refused(&p, fd, t[i]);
		expect_page(&p, before, "400 Bad Request", last_refusal(), SLUICE_REASON_BAD_QUERY);
	}
	/* A broken chunk: what was whole of the body has gone, the rest does not. */
	struct peer p = watched(1010, PUBLIC4, 80, &fd);
	says(&p, "POST / HTTP/1.1\r\nHost: " GOOD "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
	host_has(fd, "POST / HTTP/1.1\r\nHost: " GOOD "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
	is_refused(&p, fd, "zzz\r\n");
	expect_reset(&p, SLUICE_REASON_BAD_QUERY);
	end();
}

/* A body that breaks off is the host's to complain of. */
static void
body_breaks_off(void **state)
{
	static const char *const t[] = {"Content-Length: 10\r\n\r\nabc",
					"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"};
	char text[200];
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < 2; i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 80, &fd);

		snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: " GOOD "\r\n%s", t[i]);
		says(&p, text);
		guest_ends(&p);
		host_has(fd, text);
		assert_true(vhost_got_eof(bed->vhost, fd));
		watch_over(&p);
	}
	end();
}

/* A connection kept open costs no memory and no time between its requests. */
static void
idle_between_requests(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 80, &fd);
	is_served(&p, fd, GET_GOOD);
	acknowledges(&p);
	wait_for(2 * USEC_PER_SEC);
	size_t before = bed->gw->pool.used;
	wait_for(300 * USEC_PER_SEC);
	assert_int_equal(bed->gw->pool.used, before);
	/* The next one has its own five seconds. */
	says(&p, "GET ");
	wait_for(4900 * USEC_PER_MSEC);
	listen_to(&p);
	says(&p, "/ HTTP/1.1\r\nHost: " GOOD "\r\n\r\n");
	host_has(fd, GET_GOOD);
	host_says(&p, fd, OK);
	size_t had = heard.len;
	says(&p, "GET ");
	wait_for(5 * USEC_PER_SEC);
	listen_to(&p);
	host_never_knew(fd);
	assert_memory_equal(heard.text + had, "HTTP/1.1 403 Forbidden\r\n", 24);
	guest_leaves(&p, SLUICE_REASON_NO_NAME);
	end();
}

/* --- other protocols behind it -------------------------------------------------------------------------------------------- */

#define UPGRADE "GET / HTTP/1.1\r\nHost: " GOOD "\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"

static void
tunnel_is_agreed(void **state)
{
	static const struct {
		const char *ask, *answer;
	} t[] = {
	    {UPGRADE, "HTTP/1.1 101 Switching Protocols\r\n\r\n"},
	};
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (unsigned cut = 0; cut < 2; cut++) {
			struct peer p = watched((uint16_t)(1000 + 2 * i + cut), PUBLIC4, 80, &fd);

			says(&p, t[i].ask);
			host_has(fd, t[i].ask);
			for (const char *c = t[i].answer; cut && *c; c++)
				host_says(&p, fd, (char[]){*c, '\0'});
			if (!cut)
				host_says(&p, fd, t[i].answer);
			watch_over(&p);
			says(&p, GET_EVIL);
			host_has(fd, GET_EVIL);
		}
	}
	end();
}

/* Bytes behind an Upgrade that the host has not agreed to are no other protocol's: they wait, and are requests. */
static void
tunnel_that_is_none(void **state)
{
	static const struct {
		const char *ask, *answer;
	} t[] = {
	    {UPGRADE, OK},
	    {UPGRADE, "nonsense, and long enough"},
	};
	int fd;

	(void)state;
	only_good();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct peer p = watched((uint16_t)(1000 + i), PUBLIC4, 80, &fd);

		says(&p, t[i].ask);
		says(&p, GET_EVIL);
		host_has(fd, t[i].ask);
		wait_for(60 * USEC_PER_SEC);
		host_has_nothing(fd);
		bed_drop(bed);
		assert_non_null(peer_flow(&p)->watch);
		assert_true(vhost_send(bed->vhost, fd, t[i].answer, strlen(t[i].answer)) > 0);
		bed_settle(bed);
		host_never_knew(fd);
		find_event(SLUICE_EVENT_REQUEST_REFUSED);
		bed_drop(bed);
	}
	/* One that is refused is asked for again in another way, on the same connection. */
	struct peer p = watched(1010, PUBLIC4, 80, &fd);
	is_served(&p, fd, UPGRADE);
	says(&p, GET_GOOD);
	host_has(fd, GET_GOOD);
	/* The host goes without an answer, and the guest with it. */
	p = watched(1011, PUBLIC4, 80, &fd);
	says(&p, UPGRADE);
	says(&p, GET_EVIL);
	host_has(fd, UPGRADE);
	vhost_send_eof(bed->vhost, fd);
	listen_to(&p);
	assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	find_event(SLUICE_EVENT_REQUEST_REFUSED);
	end();
}

static void
tunnel_half_closed(void **state)
{
	int fd;

	(void)state;
	only_good();
	struct peer p = watched(1000, PUBLIC4, 80, &fd);
	says(&p, UPGRADE);
	guest_ends(&p);
	host_has(fd, UPGRADE);
	assert_true(vhost_got_eof(bed->vhost, fd));
	end();
}

#define TEST(f) cmocka_unit_test_setup(f, fresh_watch)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(P20_nothing_before_the_verdict),
	    TEST(refused_with_a_page),
	    TEST(no_name_in_it),
	    TEST(P10_absolute_form),
	    TEST(H2_broken_requests),
	    TEST(longest_head),
	    TEST(head_breaks_off),
	    TEST(first_line_breaks_off),
	    TEST(P14_second_request_to_another_host),
	    TEST(P14_pipelined),
	    TEST(H2_bodies),
	    TEST(long_bodies),
	    TEST(broken_later),
	    TEST(body_breaks_off),
	    TEST(idle_between_requests),
	    TEST(tunnel_is_agreed),
	    TEST(tunnel_that_is_none),
	    TEST(tunnel_half_closed),
	};

	return cmocka_run_group_tests_name("watched HTTP", tests, NULL, NULL);
}
