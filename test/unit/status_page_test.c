/*
 * status_page_test.c - http://gateway.sluice.internal/, asked by a guest of raw segments
 */
#include "test/unit/gateway_kit.h"

#include <jansson.h>

#include "proxy/status_page.h"

#define HOST "Host: gateway.sluice.internal\r\n"

static char got[600000]; /* all that the page said */
static size_t ngot;

static void
refused(const char *what, const char *name, const char *rule, enum sluice_reason reason)
{
	struct refusal r = {.first = bed_now(bed), .last = bed_now(bed), .reason = reason};

	snprintf(r.what, sizeof(r.what), "%s", what);
	snprintf(r.name, sizeof(r.name), "%s", name);
	snprintf(r.rule, sizeof(r.rule), "%s", rule);
	snprintf(r.where, sizeof(r.where), "%s", rule[0] ? "policy.yaml:12" : "");
	snprintf(r.text, sizeof(r.text), "%s: said in a sentence", what);
	refusals_add(&bed->gw->refusals, &r);
}

static struct peer
page_peer(uint16_t sport, enum family fam)
{
	return peer_to(sport, (struct endpoint){bed->gw->stack.cfg.net[fam].dns, STATUS_PAGE_PORT});
}

/* Takes what comes until the page's FIN, acknowledging; true: it was a FIN, false: a reset, or nothing more. */
static bool
take_all(struct peer *p)
{
	struct bed_frame *f;

	ngot = 0;
	while ((f = next_frame())) {
		uint8_t flags = f->is.tcp.flags;

		assert_int_equal(f->is.kind, STRICT_TCP);
		if (f->is.tcp.seq == p->ack && f->is.payload.len) {
			assert_true(ngot + f->is.payload.len < sizeof(got));
			memcpy(got + ngot, f->is.payload.p, f->is.payload.len);
			ngot += f->is.payload.len;
			p->ack += (uint32_t)f->is.payload.len;
		}
		if (flags & TCP_FIN)
			p->ack++;
		free(f);
		got[ngot] = '\0';
		if (flags & TCP_RST)
			return false;
		peer_send(p, TCP_ACK, NULL, 0);
		if (flags & TCP_FIN)
			return true;
	}
	return false;
}

static void
close_peer(struct peer *p)
{
	peer_send(p, TCP_ACK | TCP_FIN, NULL, 0);
	peer_wants(p, TCP_ACK);
	bed_settle(bed);
	assert_null(peer_flow(p));
}

/* One request, its whole answer in got[]. */
static void
ask_of(struct peer p, const char *request)
{
	peer_open(&p);
	peer_send(&p, TCP_ACK | TCP_PSH, request, strlen(request));
	assert_true(take_all(&p));
	close_peer(&p);
}

static void
ask(const char *request)
{
	static uint16_t port = 40000;

	ask_of(page_peer(++port, FAMILY_V4), request);
}

static const char *
body(void)
{
	const char *end = strstr(got, "\r\n\r\n");
	const char *len = strstr(got, "Content-Length: ");

	assert_true(end && len && len < end);
	assert_int_equal(strlen(end + 4), strtoul(len + 16, NULL, 10));
	return end + 4;
}

static void
says(const char *part)
{
	if (!strstr(got, part))
		fail_msg("no '%s' in '%s'", part, got);
}

static void
text_for_people(void **state)
{
	(void)state;
	begin();
	ask("GET / HTTP/1.1\r\n" HOST "\r\n");
	says("HTTP/1.1 200 OK\r\n");
	says("Content-Type: text/plain");
	says("Connection: close\r\n");
	assert_string_equal(body(), "Nothing was refused.\n");

	refused("tcp 203.0.113.5:25", "", "", SLUICE_REASON_RULE);
	wait_for(3 * USEC_PER_SEC);
	refused("tcp 203.0.113.5:25", "", "", SLUICE_REASON_RULE);
	refused("dns bad.example", "bad.example", "deny to bad.example", SLUICE_REASON_RULE);
	wait_for(2 * USEC_PER_SEC);
	ask("GET /?now HTTP/1.0\r\n\r\n");
	assert_string_equal(body(),
			    "What this guest was refused, the last first (3 in all):\n"
			    "\n"
			    "dns bad.example: said in a sentence\n"
			    "    2 s ago; reason: rule; by policy.yaml:12\n"
			    "    rule: deny to bad.example\n"
			    "    remedy: the rule is whoever's who runs this guest\n"
			    "\n"
			    "tcp 203.0.113.5:25: said in a sentence\n"
			    "    2 s ago, 2 times; reason: rule\n"
			    "    remedy: a rule such as 'allow tcp/25 to 203.0.113.5' would allow it\n");
	end();
}

static void
both_families(void **state)
{
	(void)state;
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		begin();
		ask_of(page_peer(40000, fam), "GET / HTTP/1.1\r\n" HOST "\r\n");
		says("Nothing was refused.");
		end();
	}
}

static void
remedies(void **state)
{
	(void)state;
	begin();
	refused("tcp [2001:db8::1]:443", "", "", SLUICE_REASON_RULE);
	refused("udp 203.0.113.5:53", "", "", SLUICE_REASON_RULE);
	refused("icmp 203.0.113.5", "", "", SLUICE_REASON_RULE);
	refused("tcp 203.0.113.6:443", "a.example", "", SLUICE_REASON_RULE);
	refused("dns b.example", "b.example", "", SLUICE_REASON_RULE);
	for (int r = SLUICE_REASON_NO_EVIDENCE; r <= SLUICE_REASON_NO_REQUEST; r++)
		refused("tcp 203.0.113.7:443", "", "", (enum sluice_reason)r);
	refused("POST https://c.example/a%20b,c/**", "c.example", "", SLUICE_REASON_RULE);
	refused("GET http://d.example:8080/x", "d.example", "", SLUICE_REASON_RULE);
	refused("GET https://d.example/long...", "d.example", "", SLUICE_REASON_RULE);
	refused("GET https://203.0.113.7/24", "", "", SLUICE_REASON_RULE);
	refused("CONNECT e.example:443", "e.example", "", SLUICE_REASON_RULE);
	refused("nonsense", "", "", SLUICE_REASON_RULE);
	refused("tcp nonsense", "", "", SLUICE_REASON_RULE);
	ask("GET / HTTP/1.1\r\n" HOST "\r\n");
	says("'allow tcp/443 to 2001:db8::1'");
	says("'allow udp/53 to 203.0.113.5'");
	says("'allow icmp to 203.0.113.5'");
	says("'allow tcp/443 to a.example'");
	says("'allow to b.example'");
	says("'allow https POST c.example/a*b*c/*'");
	says("'allow http/8080 GET d.example/x'");
	says("'allow https GET d.example'");
	says("'allow https GET 203.0.113.7'");
	says("CONNECT e.example:443: said in a sentence\n    0 s ago; reason: rule\n\n");
	says("reason: misdirected\n    remedy: ask each host");
	says("reason: no-evidence\n    remedy: ask the gateway's name service");
	says("reason: quic\n    remedy: use TCP");
	says("reason: rebind\n    remedy: a rule");
	end();
}

static void
json_for_programs(void **state)
{
	static const char *const requests[] = {
	    "GET /refusals.json HTTP/1.1\r\n" HOST "\r\n",
	    "GET / HTTP/1.1\r\n" HOST "Accept: text/html, Application/JSON;q=0.9\r\n\r\n",
	    "GET http://gateway.sluice.internal/refusals.json?x HTTP/1.1\r\n" HOST "\r\n",
	};

	(void)state;
	begin();
	refused("tcp 203.0.113.5:25", "", "", SLUICE_REASON_RULE);
	refused("dns x\"\\\n\xff", "x\"\\\n\xff", "", SLUICE_REASON_REBIND);
	wait_for(1500 * USEC_PER_MSEC);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		json_error_t why;

		ask(requests[i]);
		says("Content-Type: application/json\r\n");
		json_t *j = json_loads(body(), JSON_REJECT_DUPLICATES, &why), *list, *one;
		assert_non_null(j);
		assert_int_equal(json_integer_value(json_object_get(j, "v")), 1);
		assert_int_equal(json_integer_value(json_object_get(j, "total")), 2);
		list = json_object_get(j, "refusals");
		assert_int_equal(json_array_size(list), 2);
		one = json_array_get(list, 0);
		assert_string_equal(json_string_value(json_object_get(one, "name")), "x\"\\\n\xef\xbf\xbd");
		assert_string_equal(json_string_value(json_object_get(one, "reason")), "rebind");
		one = json_array_get(list, 1);
		assert_int_equal(json_integer_value(json_object_get(one, "count")), 1);
		assert_true(json_real_value(json_object_get(one, "last_ago")) >= 1.5);
		assert_string_equal(json_string_value(json_object_get(one, "what")), "tcp 203.0.113.5:25");
		json_decref(j);
	}
	end();
}

/* No text of the list moves a terminal. */
static void
odd_texts_are_shown(void **state)
{
	(void)state;
	begin();
	refused("dns \x1b[2J\r\n\x7f", "", "deny to x \a", SLUICE_REASON_RULE);
	ask("GET / HTTP/1.1\r\n" HOST "\r\n");
	for (const char *p = body(); *p; p++)
		assert_true(*p == '\n' || ((unsigned char)*p >= 0x20 && *p != 0x7f));
	says("dns ?[2J???: said");
	end();
}

static void
answers_with(const char *request, const char *status)
{
	ask(request);
	if (strncmp(got, status, strlen(status)) != 0)
		fail_msg("'%s' was answered with '%s'", request, got);
	assert_true(body()[0] != '\0');
}

static void
other_requests(void **state)
{
	char many[9000];

	(void)state;
	begin();
	answers_with("GET /other HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 ");
	answers_with("GET /refusals.json/ HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 ");
	answers_with("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "HTTP/1.1 405 ");
	says("Allow: GET, HEAD\r\n");
	answers_with("get / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 405 ");
	answers_with("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
	answers_with("GET / HTTP/1.1\r\nHost : x\r\n\r\n", "HTTP/1.1 400 ");
	answers_with("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "HTTP/1.1 400 ");
	/* A web page under a name of its own that leads here reads nothing. */
	answers_with("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 ");
	ask("GET / HTTP/1.1\r\nHost: 10.0.2.3\r\n\r\n");
	says("HTTP/1.1 200 ");
	ask("HEAD / HTTP/1.1\r\n" HOST "\r\n");
	says("HTTP/1.1 200 ");
	says("Content-Length: 21\r\n");
	assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n");

	/* More than the buffer holds. */
	memset(many, 'x', sizeof(many));
	memcpy(many, "GET / HTTP/1.1\r\nX: ", 19);
	struct peer p = page_peer(50000, FAMILY_V4);
	peer_open(&p);
	for (size_t i = 0; i < sizeof(many); i += 1000)
		peer_send(&p, TCP_ACK, many + i, 1000);
	assert_true(take_all(&p));
	says("HTTP/1.1 431 ");
	close_peer(&p);
	end();
}

/* Byte after byte, and behind it requests and bodies that nobody reads. */
static void
in_any_pieces(void **state)
{
	const char *request = "GET / HTTP/1.1\r\n" HOST "\r\n";

	(void)state;
	begin();
	struct peer p = page_peer(40000, FAMILY_V4);
	peer_open(&p);
	for (const char *c = request; c[1]; c++) {
		peer_send(&p, TCP_ACK | TCP_PSH, c, 1);
		assert_false(take_all(&p));
		assert_int_equal(ngot, 0);
		wait_for(100 * USEC_PER_MSEC);
		bed_drop(bed);
	}
	peer_send(&p, TCP_ACK | TCP_PSH, "\nGET / HTTP/1.1\r\n\r\n", 19);
	assert_true(take_all(&p));
	says("Nothing was refused.");
	peer_send(&p, TCP_ACK, zeros, 1400);
	bed_settle(bed);
	bed_drop(bed);
	close_peer(&p);
	end();
}

static void
a_guest_that_half_closes(void **state)
{
	(void)state;
	begin();
	/* With the request. */
	struct peer p = page_peer(40000, FAMILY_V4);
	const char *request = "GET / HTTP/1.0\r\n\r\n";
	peer_open(&p);
	peer_send(&p, TCP_ACK | TCP_PSH | TCP_FIN, request, strlen(request));
	assert_true(take_all(&p));
	says("200 OK");
	bed_settle(bed);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	/* In the middle of one. */
	p = page_peer(40001, FAMILY_V4);
	peer_open(&p);
	peer_send(&p, TCP_ACK | TCP_FIN, request, 10);
	assert_true(take_all(&p));
	says("400 Bad Request");
	/* Before a byte. */
	p = page_peer(40002, FAMILY_V4);
	peer_open(&p);
	peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
	assert_true(take_all(&p));
	assert_int_equal(ngot, 0);
	/* With a reset. */
	p = page_peer(40003, FAMILY_V4);
	peer_open(&p);
	peer_send(&p, TCP_RST | TCP_ACK, NULL, 0);
	bed_settle(bed);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	assert_int_equal(bed->gw->status_pages, 0);
	end();
}

/* --- limits --------------------------------------------------------------------------------------------------- */

static void
the_longest_list(void **state)
{
	char name[256], rule[160], what[96];

	(void)state;
	begin();
	memset(name, 1, sizeof(name) - 1);
	memset(rule, 1, sizeof(rule) - 1);
	memset(what, 1, sizeof(what) - 1);
	name[255] = rule[159] = what[95] = '\0';
	for (unsigned i = 0; i < 2 * REFUSALS; i++) {
		what[0] = (char)(i + 1);
		refused(what, name, rule, SLUICE_REASON_RULE);
	}
	ask("GET /refusals.json HTTP/1.1\r\n" HOST "\r\n");
	json_t *j = json_loads(body(), JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "refusals")), REFUSALS);
	json_decref(j);
	end();
}

static void
time_ends_who_is_slow(void **state)
{
	(void)state;
	begin();
	/* No request. */
	struct peer p = page_peer(40000, FAMILY_V4);
	peer_open(&p);
	peer_send(&p, TCP_ACK | TCP_PSH, "GET", 3);
	bed_settle(bed);
	bed_drop(bed);
	wait_for(9 * USEC_PER_SEC);
	assert_int_equal(open_flows(FLOW_TCP), 1);
	bed_drop(bed);
	wait_for(2 * USEC_PER_SEC);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	bed_drop(bed);

	/* An answer nobody takes: a window of nothing. */
	p = page_peer(40001, FAMILY_V4);
	peer_open(&p);
	p.wnd = 0;
	const char *request = "GET / HTTP/1.0\r\n\r\n";
	peer_send(&p, TCP_ACK | TCP_PSH, request, strlen(request));
	for (int i = 0; i < 80; i++) {
		wait_for(USEC_PER_SEC);
		bed_drop(bed);
	}
	assert_int_equal(bed->gw->status_pages, 0);

	/* A FIN that never comes. */
	p = page_peer(40002, FAMILY_V4);
	peer_open(&p);
	peer_send(&p, TCP_ACK | TCP_PSH, request, strlen(request));
	assert_true(take_all(&p));
	wait_for(11 * USEC_PER_SEC);
	bed_drop(bed);
	assert_int_equal(bed->gw->status_pages, 0);
	end();
}

static void
so_many_at_once(void **state)
{
	struct peer p[STATUS_PAGES], late;

	(void)state;
	begin();
	for (uint16_t i = 0; i < STATUS_PAGES; i++) {
		p[i] = page_peer((uint16_t)(40000 + i), FAMILY_V4);
		peer_open(&p[i]);
	}
	assert_int_equal(bed->gw->status_pages, STATUS_PAGES);
	late = page_peer(41000, FAMILY_V4);
	peer_send(&late, TCP_SYN, NULL, 0);
	peer_wants(&late, TCP_SYN | TCP_ACK);
	peer_send(&late, TCP_ACK, NULL, 0);
	free(peer_expect(&late, TCP_RST | TCP_ACK));
	assert_int_equal(open_flows(FLOW_TCP), STATUS_PAGES);
	/* One goes, and there is a place. */
	peer_send(&p[0], TCP_RST | TCP_ACK, NULL, 0);
	bed_settle(bed);
	ask_of(page_peer(41001, FAMILY_V4), "GET / HTTP/1.0\r\n\r\n");
	end();
}

static void
switched_off(void **state)
{
	(void)state;
	conf.gateway.no_status_page = true;
	begin();
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		struct peer p = page_peer(40000, fam);

		peer_send(&p, TCP_SYN, NULL, 0);
		peer_wants(&p, TCP_RST | TCP_ACK);
	}
	assert_int_equal(open_flows(FLOW_TCP), 0);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(text_for_people, fresh),
	    cmocka_unit_test_setup(both_families, fresh),
	    cmocka_unit_test_setup(remedies, fresh),
	    cmocka_unit_test_setup(json_for_programs, fresh),
	    cmocka_unit_test_setup(odd_texts_are_shown, fresh),
	    cmocka_unit_test_setup(other_requests, fresh),
	    cmocka_unit_test_setup(in_any_pieces, fresh),
	    cmocka_unit_test_setup(a_guest_that_half_closes, fresh),
	    cmocka_unit_test_setup(the_longest_list, fresh),
	    cmocka_unit_test_setup(time_ends_who_is_slow, fresh),
	    cmocka_unit_test_setup(so_many_at_once, fresh),
	    cmocka_unit_test_setup(switched_off, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
