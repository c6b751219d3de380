/*
 * requests_test.c - what an exchange is told of its requests: who may pass, what the others read, and who else hears of it
 *
 * The exchange is the test itself: it asks a connection's judge as one would, over a flow of a gateway that runs.
 */
#include "test/unit/judge_kit.h"

#include "http/exchange.h"
#include "proxy/requests.h"

static struct requests *rs;
static struct request_answer got;

/* A connection of the guest's to to:443, opened or in the clear, for sni ("": none). */
static struct peer
connected(const char *to, uint16_t port, bool tls, const char *sni, bool verified)
{
	static uint16_t sport = 39999;
	struct peer p = expect_open_tcp(++sport, to, port);
	struct requests_of of = {.tls = tls, .verified = verified, .http = true};

	if (sni[0])
		of.sni = name_of(sni);
	rs = requests_new(bed->gw, peer_flow(&p), &of);
	assert_non_null(rs);
	return p;
}

/* "GET", "api.test:443", "/x"; how it is answered. */
static unsigned
asks(const char *method, const char *authority, const char *path)
{
	const struct exchange_env *env = requests_env(rs);
	struct request r = {.version = 11,
			    .connect = strcmp(method, "CONNECT") == 0,
			    .method = view_of(method, strlen(method)),
			    .target = view_of(path, strlen(path)),
			    .path = path,
			    .authority = view_of(authority, strlen(authority))};
	const char *colon = strchr(authority, ':');
	size_t len = colon ? (size_t)(colon - authority) : strlen(authority);
	char host[256] = "";

	memcpy(host, authority, len);
	r.port = colon ? (uint16_t)atoi(colon + 1) : 0;
	if (!addr_parse(host, &r.addr)) {
		memset(&r.addr, 0, sizeof(r.addr));
		if (len)
			name_parse(host, len, &r.name);
	}
	memset(&got, 0x5a, sizeof(got));
	env->judge(env->ctx, &r, &got);
	return got.status;
}

static void
done_with_it(void)
{
	requests_free(rs);
	rs = NULL;
	end();
}

/* --- rules --------------------------------------------------------------------------------------------------- */

static void
a_rule_decides_each_request(void **state)
{
	(void)state;
	rules("none", "allow https GET api.test/repos/**", "deny https @any/never", "allow https PUT @any",
	      NULL);
	begin();
	resolved("api.test", PUBLIC4, 300);
	connected(PUBLIC4, 443, true, "api.test", true);
	assert_int_equal(asks("GET", "api.test", "/repos/x"), 0);
	assert_null(got.plan.set);
	assert_int_equal(asks("GET", "API.test:443", "/repos"), 0);
	assert_int_equal(asks("PUT", "api.test", "/anything"), 0);
	assert_int_equal(counted(GW_REQUESTS), 3);
	assert_int_equal(counted(GW_REQUESTS_REFUSED), 0);

	assert_int_equal(asks("DELETE", "api.test", "/never"), 403);
	assert_string_equal(got.text, "DELETE https://api.test/never (" PUBLIC4
				      ":443): refused by rule 2 \"deny https @any/never\"");
	assert_string_equal(got.rule, "deny https @any/never");
	assert_false(got.close);
	const struct sluice_event *e = find_event(SLUICE_EVENT_REQUEST_REFUSED);
	assert_string_equal(e->method, "DELETE");
	assert_string_equal(e->path, "/never");
	assert_string_equal(e->name, "api.test");
	assert_string_equal(e->name_from, "host");
	assert_string_equal(e->text, got.text);
	assert_int_equal(e->rule, 2);
	assert_int_equal(e->reason, SLUICE_REASON_RULE);

	assert_int_equal(asks("POST", "api.test", "/a \"b\"%\xc3\xbc"), 403);
	assert_string_equal(got.text, "POST https://api.test/a%20%22b%22%25%C3%BC (" PUBLIC4
				      ":443): no rule allows it");
	assert_string_equal(got.rule, "");
	assert_int_equal(counted(GW_REQUESTS_REFUSED), 2);
	assert_int_equal(counted(GW_POLICY_REFUSED), 2);

	const struct refusal *first = refusals_at(&bed->gw->refusals, 0);
	assert_string_equal(first->what, "POST https://api.test/a%20%22b%22%25%C3%BC");
	assert_string_equal(refusals_at(&bed->gw->refusals, 1)->rule, "deny https @any/never");
	done_with_it();
}

static void
a_drop_closes(void **state)
{
	(void)state;
	rules("public", "drop https @any/x", NULL);
	begin();
	connected(PUBLIC4, 443, true, "a.test", true);
	assert_int_equal(asks("GET", "a.test", "/x"), 403);
	assert_true(got.close);
	assert_int_equal(counted(GW_POLICY_DROPPED), 1);
	done_with_it();
}

/* What allowed the flow still counts as evidence once its time is over. */
static void
a_flow_keeps_what_led_to_it(void **state)
{
	(void)state;
	rules("none", "allow https GET api.test", NULL);
	begin();
	resolved("api.test", PUBLIC4, 60);
	connected(PUBLIC4, 443, true, "api.test", true);
	assert_int_equal(asks("GET", "api.test", "/"), 0);
	bed->gw->now += 3600 * USEC_PER_SEC;
	assert_int_equal(asks("GET", "api.test", "/"), 0);
	assert_int_equal(asks("POST", "api.test", "/"), 403);
	done_with_it();
}

/* Where requests decide, a flow is watched from its SYN on; what can never be read is judged at once. */
static void
a_flow_waits_for_its_requests(void **state)
{
	struct judgment j;

	(void)state;
	rules("none", "deny https POST @any/x", "allow to @public", NULL);
	begin();
	struct peer p = expect_open_tcp(41000, PUBLIC4, 443);
	struct flow *f = &peer_flow(&p)->flow;
	assert_non_null(peer_flow(&p)->watch);
	assert_int_equal(f->judged->verdict, VERDICT_PEEK);
	judge_told(bed->gw, f, NULL, "", &j);
	assert_int_equal(j.verdict, VERDICT_PEEK);
	judge_request(bed->gw, f, NULL, "", NULL, &j);
	assert_int_equal(j.verdict, VERDICT_DENY);
	assert_int_equal(j.reason, SLUICE_REASON_RULE);
	judge_again(bed->gw, &f->tuple, NULL, f->judged, true, &j);
	assert_int_equal(j.verdict, VERDICT_PEEK);
	judge_again(bed->gw, &f->tuple, NULL, f->judged, false, &j);
	assert_int_equal(j.verdict, VERDICT_DENY);

	const struct tuple other = {
	    .guest = {addr_of("10.0.2.15"), 5}, .remote = at(PUBLIC4, 80), .proto = IP_PROTO_TCP};
	judge(bed->gw, &other, NULL, &j);
	assert_int_equal(j.verdict, VERDICT_ALLOW);
	const struct tuple quic = {
	    .guest = {addr_of("10.0.2.15"), 5}, .remote = at(PUBLIC4, 443), .proto = IP_PROTO_UDP};
	judge(bed->gw, &quic, NULL, &j);
	assert_int_equal(j.verdict, VERDICT_DENY);
	assert_int_equal(j.reason, SLUICE_REASON_RULE);
	end();
}

/* --- whose request is it? ------------------------------------------------------------------------------------ */

static void
the_host_must_be_that_of_tls(void **state)
{
	(void)state;
	rules("public", NULL);
	begin();
	connected(PUBLIC4, 443, true, "a.test", true);
	assert_int_equal(asks("GET", "a.test.", "/"), 0);
	assert_int_equal(asks("GET", "A.TEST:8443", "/"), 0);
	assert_int_equal(asks("GET", "b.test", "/x"), 421);
	assert_string_equal(got.text, "GET https://b.test/x (" PUBLIC4
				      ":443): it is for another host than TLS was told");
	const struct sluice_event *e = find_event(SLUICE_EVENT_REQUEST_REFUSED);
	assert_int_equal(e->reason, SLUICE_REASON_MISDIRECTED);
	assert_string_equal(e->code, "misdirected");
	assert_string_equal(e->name, "b.test");
	assert_int_equal(asks("GET", "x.a.test", "/"), 421);
	assert_int_equal(asks("GET", PUBLIC4, "/"), 421);
	assert_false(got.close);
	done_with_it();
}

static void
without_sni_the_address_is_the_host(void **state)
{
	(void)state;
	rules("public", NULL);
	begin();
	connected(PUBLIC4, 443, true, "", true);
	assert_int_equal(asks("GET", PUBLIC4, "/"), 0);
	assert_int_equal(asks("GET", "93.184.216.35", "/"), 421);
	assert_int_equal(asks("GET", "a.test", "/"), 421);
	resolved("a.test", PUBLIC4, 300);
	assert_int_equal(asks("GET", "a.test", "/"), 0);
	done_with_it();
}

static void
a_host_must_be_named(void **state)
{
	(void)state;
	rules("public", NULL);
	begin();
	connected(PUBLIC4, 443, true, "a.test", true);
	assert_int_equal(asks("GET", "", "/"), 400);
	assert_true(got.close);
	assert_int_equal(find_event(SLUICE_EVENT_REQUEST_REFUSED)->reason, SLUICE_REASON_BAD_QUERY);
	assert_int_equal(asks("GET", "a b", "/"), 400);
	assert_string_equal(got.text,
			    "GET https://ab/ (" PUBLIC4 ":443): its host is neither a name nor an address");
	requests_free(rs);

	/* RFC 9112 3.2: HTTP/1.0 may leave it out; in the clear that tells no name. */
	connected(PUBLIC4, 80, false, "", false);
	const struct exchange_env *env = requests_env(rs);
	struct request old = {.version = 10, .method = view_of("GET", 3), .path = "/"};
	env->judge(env->ctx, &old, &got);
	assert_int_equal(got.status, 0);
	old.version = 11;
	env->judge(env->ctx, &old, &got);
	assert_int_equal(got.status, 400);
	done_with_it();
}

static void
in_the_clear_the_host_is_the_claim(void **state)
{
	(void)state;
	rules("none", "allow http GET a.test/x", "allow http POST b.test", NULL);
	begin();
	resolved("a.test", PUBLIC4, 300);
	resolved("b.test", PUBLIC4, 300);
	connected(PUBLIC4, 80, false, "", false);
	assert_int_equal(asks("GET", "a.test", "/x"), 0);
	assert_int_equal(asks("POST", "b.test", "/y"), 0);
	assert_int_equal(asks("POST", "a.test", "/x"), 403);
	assert_int_equal(asks("GET", "c.test", "/x"), 403);
	assert_string_equal(got.text, "GET http://c.test/x (" PUBLIC4 ":80): this name is not allowed there");
	done_with_it();
}

/* --- tunnels ------------------------------------------------------------------------------------------------- */

static void
a_tunnel_is_judged_by_where_it_leads(void **state)
{
	(void)state;
	rules("public", "deny to bad.test", "deny to 198.18.0.0/15", "deny tcp/25 to @any", NULL);
	begin();
	connected(PUBLIC4, 3128, false, "", false);
	assert_int_equal(asks("CONNECT", "good.test:443", ""), 0);
	assert_int_equal(asks("CONNECT", "bad.test:443", ""), 403);
	assert_string_equal(got.text, "CONNECT bad.test:443 (" PUBLIC4
				      ":3128): refused by rule 1 \"deny to bad.test\"");
	assert_int_equal(asks("CONNECT", "198.18.0.1:443", ""), 403);
	assert_int_equal(asks("CONNECT", "1.1.1.1:443", ""), 0);
	assert_int_equal(asks("CONNECT", "10.0.0.1:443", ""), 403);
	assert_int_equal(asks("CONNECT", "good.test:25", ""), 403);
	done_with_it();
}

/* The proxy resolves the name, so no evidence can lead there. */
static void
a_name_alone_allows_no_tunnel(void **state)
{
	(void)state;
	rules("none", "allow https CONNECT,GET proxy.test", "allow tcp/443 to good.test", NULL);
	begin();
	resolved("proxy.test", PUBLIC4, 300);
	resolved("good.test", PUBLIC4, 300);
	connected(PUBLIC4, 443, true, "proxy.test", true);
	assert_int_equal(asks("CONNECT", "good.test:443", ""), 403);
	assert_non_null(strstr(got.text, "this gateway was not asked for one that leads to this address"));
	assert_int_equal(asks("GET", "proxy.test", "/"), 0);
	done_with_it();
}

/* --- what is no request -------------------------------------------------------------------------------------- */

static void
opaque_bytes_are_no_request(void **state)
{
	static const struct requests_of of = {.tls = true};
	struct secret_plan plan;

	(void)state;
	rules("none", "allow https to @public", NULL);
	begin();
	struct peer p = expect_open_tcp(50001, PUBLIC4, 443);
	assert_false(requests_opaque(bed->gw, peer_flow(&p), &of, &plan));
	assert_int_equal(peer_flow(&p)->flow.reason, SLUICE_REASON_NO_REQUEST);
	assert_string_equal(refusals_at(&bed->gw->refusals, 0)->text,
			    "tcp " PUBLIC4
			    ":443: requests are allowed there, and this is none that can be read");
	reload("none", "allow tcp/443 to @public", NULL);
	p = expect_open_tcp(50002, PUBLIC4, 443);
	assert_true(requests_opaque(bed->gw, peer_flow(&p), &of, &plan));
	assert_null(plan.set);
	end();
}

/* --- placeholders -------------------------------------------------------------------------------------------- */

static bool
leaks(enum secret_action action, enum secret_place place, const char *form)
{
	static struct secret secret = {.name = (char *)(uintptr_t) "API_TOKEN"};
	const struct exchange_env *env = requests_env(rs);
	struct request r = {.version = 11,
			    .method = view_of("POST", 4),
			    .path = "/paste",
			    .authority = view_of("evil.test:8443", 14),
			    .name = name_of("evil.test")};

	secret.action = action;
	memset(&got, 0, sizeof(got));
	return env->leaked(env->ctx, place == SECRET_RAW ? NULL : &r,
			   &(struct request_leak){.secret = &secret, .place = place, .form = form}, &got);
}

static void
a_placeholder_is_told_of(void **state)
{
	const struct sluice_event *e;

	(void)state;
	rules("public", NULL);
	begin();
	connected(PUBLIC4, 443, true, "evil.test", true);
	assert_false(leaks(SECRET_BLOCK, SECRET_BODY, "base64"));
	assert_int_equal(got.status, 403);
	assert_string_equal(got.text, "POST https://evil.test:8443/paste (" PUBLIC4
				      ":443): the placeholder of API_TOKEN may not go to evil.test:8443 "
				      "(found in the body, as base64)");
	e = find_event(SLUICE_EVENT_SECRET);
	assert_int_equal(e->reason, SLUICE_REASON_SECRET);
	assert_string_equal(e->secret, "API_TOKEN");
	assert_string_equal(e->where, "body/base64");
	assert_string_equal(e->method, "POST");
	assert_string_equal(e->path, "/paste");
	assert_string_equal(e->name, "evil.test");
	assert_string_equal(e->verdict, "deny");
	assert_false(e->terminate);
	assert_int_equal(counted(GW_SECRETS_REFUSED), 1);

	assert_false(leaks(SECRET_TERMINATE, SECRET_HEADER, "raw"));
	assert_non_null(strstr(got.text, "(found in a header)"));
	assert_true(find_event(SLUICE_EVENT_SECRET)->terminate);

	assert_true(leaks(SECRET_LOG, SECRET_QUERY, "percent"));
	e = find_event(SLUICE_EVENT_SECRET);
	assert_int_equal(e->reason, SLUICE_REASON_NONE);
	assert_string_equal(e->verdict, "allow");
	assert_true(leaks(SECRET_PASS, SECRET_QUERY, "raw"));
	no_more_events();
	assert_int_equal(counted(GW_SECRETS_REFUSED), 2);

	assert_false(leaks(SECRET_BLOCK, SECRET_RAW, "raw"));
	e = find_event(SLUICE_EVENT_SECRET);
	assert_string_equal(e->where, "raw/raw");
	assert_string_equal(e->name_from, "sni");
	assert_string_equal(e->method, "");
	done_with_it();
}

/* Of the secrets with these hosts: a.test, *, and none; a bit each that may be put in. */
static unsigned
put_in(const char *authority)
{
	unsigned put = 0;

	assert_int_equal(asks("GET", authority, "/"), 0);
	assert_non_null(got.plan.set);
	for (uint32_t i = 0; i < got.plan.set->n; i++)
		if (got.plan.put >> i & 1)
			put |= strcmp(got.plan.set->secret[i].name, "FOR_A") == 0     ? 1
			       : strcmp(got.plan.set->secret[i].name, "FOR_ALL") == 0 ? 2
										      : 4;
	return put;
}

static void
give_secret(const char *name, const char *host, bool plain)
{
	const char *const hosts[] = {host};
	const struct sluice_secret s = {.size = sizeof(s),
					.name = name,
					.value = "the value",
					.value_len = 9,
					.hosts = hosts,
					.nhosts = 1,
					.plain = plain};
	char err[256] = "";

	if (sluice_secret_set(bed->gw, &s, err, sizeof(err)) != 0)
		fail_msg("%s", err);
}

/* Policy lets all of these pass; a secret wants every source of the name to agree. */
static void
a_secret_wants_a_name_that_is_certain(void **state)
{
	(void)state;
	rules("public", NULL);
	begin();
	give_secret("FOR_A", "a.test", false);
	give_secret("FOR_ALL", "*", true);
	connected(PUBLIC4, 443, true, "a.test", true);
	assert_int_equal(put_in("a.test"), 0); /* nobody asked this gateway for it */
	resolved("a.test", PUBLIC4, 300);
	assert_int_equal(put_in("a.test"), 3);
	assert_int_equal(asks("GET", "b.test", "/"), 421);
	assert_null(got.plan.set);
	/* Another set, while the exchange may still hold the last. */
	give_secret("FOR_B", "b.test", false);
	assert_int_equal(put_in("a.test"), 3);
	bed->gw->now += 3600 * USEC_PER_SEC;
	assert_int_equal(put_in("a.test"), 0);
	resolved("b.test", PUBLIC4, 300);
	requests_free(rs);

	connected(PUBLIC4, 443, true, "b.test", false); /* its certificate was not looked at */
	assert_int_equal(put_in("b.test"), 0);
	requests_free(rs);
	connected(PUBLIC4, 443, true, "", true); /* verified for the address */
	assert_int_equal(put_in(PUBLIC4), 2);
	requests_free(rs);
	connected(PUBLIC4, 80, false, "", false);
	resolved("a.test", PUBLIC4, 300);
	assert_int_equal(put_in("a.test"), 2); /* in the clear only what may go so */
	assert_int_equal(put_in(PUBLIC4), 0);
	assert_int_equal(put_in("unknown.test"), 0);
	done_with_it();
}

/* What an exchange would not serve, of its own, is told once; what was told already is not told again. */
static void
refusals_are_told_once(void **state)
{
	struct request_record rec = {.method = view_of("GET", 3),
				     .authority = view_of("a.test", 6),
				     .path = "/x",
				     .refused = true,
				     .status = 403};
	const struct exchange_env *env;
	unsigned before;

	(void)state;
	rules("public", "deny https @any/x", NULL);
	begin();
	connected(PUBLIC4, 443, true, "a.test", true);
	env = requests_env(rs);
	assert_int_equal(asks("GET", "a.test", "/x"), 403);
	find_event(SLUICE_EVENT_REQUEST_REFUSED);
	before = nseen;
	env->done(env->ctx, &rec);
	rec.status = 502;
	env->done(env->ctx, &rec);
	rec.status = 413;
	rec.refused = false;
	env->done(env->ctx, &rec);
	assert_int_equal(nseen, before);
	assert_int_equal(counted(GW_REQUESTS_REFUSED), 1);

	rec.refused = true;
	env->done(env->ctx, &rec);
	const struct sluice_event *e = next_event(SLUICE_EVENT_REQUEST_REFUSED);
	assert_string_equal(e->text, "GET https://a.test/x (" PUBLIC4
				     ":443): a request that cannot be read or served (413)");
	assert_int_equal(e->reason, SLUICE_REASON_BAD_QUERY);
	rec.status = 403;
	env->done(env->ctx, &rec);
	next_event(SLUICE_EVENT_REQUEST_REFUSED);
	no_more_events();
	assert_int_equal(counted(GW_REQUESTS_REFUSED), 3);
	done_with_it();
}

/* --- the log ------------------------------------------------------------------------------------------------- */

static void
the_log_is_for_those_who_ask(void **state)
{
	const struct request_record rec = {.method = view_of("GET", 3),
					   .authority = view_of("API.test:443", 12),
					   .path = "/a b",
					   .version = 20,
					   .status = 404,
					   .sent = 10,
					   .got = 2000,
					   .began = 1000,
					   .answered = 1500,
					   .ended = 4000};
	const struct exchange_env *env;

	(void)state;
	rules("public", NULL);
	begin();
	connected(PUBLIC4, 443, true, "api.test", true);
	env = requests_env(rs);
	env->done(env->ctx, &rec);
	for (; nread < nseen; nread++)
		assert_true(seen[nread].e.kind != SLUICE_EVENT_REQUEST);
	bed->gw->settings->tls->request_log = true;
	env->done(env->ctx, &rec);

	const struct sluice_event *e = next_event(SLUICE_EVENT_REQUEST);
	assert_string_equal(e->text, "GET https://API.test:443/a%20b (" PUBLIC4 ":443): 404");
	assert_string_equal(e->method, "GET");
	assert_string_equal(e->path, "/a b");
	assert_string_equal(e->name, "api.test");
	assert_int_equal(e->status, 404);
	assert_int_equal(e->bytes_to_host, 10);
	assert_int_equal(e->bytes_to_guest, 2000);
	assert_int_equal(e->answered, 500);
	assert_int_equal(e->age, 3000);

	/* One that never was more than a head. */
	env->done(env->ctx, &(struct request_record){.method = view_of("GET", 3), .began = 5});
	e = next_event(SLUICE_EVENT_REQUEST);
	assert_int_equal(e->status, 0);
	assert_int_equal(e->age, 0);
	assert_string_equal(e->name, "");
	assert_string_equal(e->path, "");
	done_with_it();
}

static void
tls_that_fails_is_told(void **state)
{
	(void)state;
	rules("public", NULL);
	begin();
	struct peer p = connected(PUBLIC4, 443, true, "a.test", true);
	struct name n = name_of("a.test");

	event_tls_failed(bed->gw, &peer_flow(&p)->flow, SLUICE_REASON_CERTIFICATE, &n,
			 "it expired yesterday");
	const struct sluice_event *e = find_event(SLUICE_EVENT_TLS_FAILED);
	assert_string_equal(e->code, "certificate");
	assert_string_equal(e->detail, "it expired yesterday");
	assert_string_equal(e->name, "a.test");
	assert_string_equal(e->text, "the server's certificate is not good");
	event_tls_failed(bed->gw, &peer_flow(&p)->flow, SLUICE_REASON_GUEST_TRUST, NULL, NULL);
	assert_string_equal(next_event(SLUICE_EVENT_TLS_FAILED)->code, "guest-trust");
	done_with_it();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_events)
	const struct CMUnitTest tests[] = {
	    TEST(a_rule_decides_each_request),
	    TEST(a_drop_closes),
	    TEST(a_flow_keeps_what_led_to_it),
	    TEST(a_flow_waits_for_its_requests),
	    TEST(the_host_must_be_that_of_tls),
	    TEST(without_sni_the_address_is_the_host),
	    TEST(a_host_must_be_named),
	    TEST(in_the_clear_the_host_is_the_claim),
	    TEST(a_tunnel_is_judged_by_where_it_leads),
	    TEST(a_name_alone_allows_no_tunnel),
	    TEST(opaque_bytes_are_no_request),
	    TEST(a_placeholder_is_told_of),
	    TEST(a_secret_wants_a_name_that_is_certain),
	    TEST(refusals_are_told_once),
	    TEST(the_log_is_for_those_who_ask),
	    TEST(tls_that_fails_is_told),
	};

	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
