/*
 * policy_requests_test.c - rules about requests: paths, the table of docs/policy.md row by row, and what they leave alone
 */
#include <stdio.h>

#include "test/unit/decide_kit.h"

#include "policy/path.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- paths -------------------------------------------------------------------------------------------------- */

static void
a_pattern_matches_whole_paths(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool matches;
	} rows[] = {
	    {"/a/b", "/a/b", true},
	    {"/a/b", "/a/b/", false},
	    {"/a/b", "/a", false},
	    {"/a/b", "/a/B", false},
	    {"/a/b/", "/a/b", false},
	    {"/a/b/", "/a/b/", true},
	    {"/", "/", true},
	    {"/", "/a", false},
	    {"/*", "/a", true},
	    {"/*", "/", false},
	    {"/*", "/a/b", false},
	    {"/a/*", "/a/", false},
	    {"/a/*", "/a/x", true},
	    {"/a/*/c", "/a/b/c", true},
	    {"/a/*/c", "/a/b/b/c", false},
	    {"/a*", "/a", true},
	    {"/a*", "/abc", true},
	    {"/a*", "/a/b", false},
	    {"/*.js", "/x.js", true},
	    {"/*.js", "/.js", true},
	    {"/*.js", "/x.jsx", false},
	    {"/a*b*c", "/axbxbc", true},
	    {"/a*b*c", "/axc", false},
	    {"/**", "/", true},
	    {"/**", "/a/b/c", true},
	    {"/a/**", "/a", true},
	    {"/a/**", "/a/", true},
	    {"/a/**", "/a/b/c", true},
	    {"/a/**", "/ab", false},
	    {"/a/*/**", "/a/b", true},
	    {"/a/*/**", "/a", false},
	    {"/a/*/**", "/a/b/c/d", true},
	    {"/**", "", false},
	    {"/**", "*", false},
	    {"/a/**", "", false},
	    {"/a b\xc3\xbc", "/a b\xc3\xbc", true},
	    {"/*a*a*a*b", "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (path_match(rows[i].pattern, rows[i].path) != rows[i].matches)
			fail_msg("%s and %s", rows[i].pattern, rows[i].path);
}

static void
what_is_no_pattern_is_said(void **state)
{
	static const char *const good[] = {"/",    "/a", "/a/", "/*", "/**", "/a/*b*c/**", "/.well-known/x",
					   "/a..b"};
	static const char *const bad[] = {"",      "a",     "*",      "/a//b",  "//",    "/a/./b",
					  "/..",   "/a/..", "/a%20b", "/a?b",   "/a#b",  "/**/",
					  "/**/a", "/a**",  "/a\\b",  "/a\x01", "/a\x7f"};
	char longest[PATH_PATTERN_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (path_pattern_check(good[i]))
			fail_msg("%s: %s", good[i], path_pattern_check(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (!path_pattern_check(bad[i]))
			fail_msg("%s is taken", bad[i]);
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[PATH_PATTERN_MAX] = '\0';
	assert_null(path_pattern_check(longest));
	longest[PATH_PATTERN_MAX] = 'a';
	longest[PATH_PATTERN_MAX + 1] = '\0';
	assert_non_null(path_pattern_check(longest));
}

/* Whatever is said to be covered is: tried with all short paths. */
static void
covering_is_sound(void **state)
{
	static const char *const patterns[] = {"/",     "/a",    "/a/",   "/*",     "/**",   "/a/**",
					       "/a/*",  "/a*",   "/*a",   "/*b*",   "/a*b",  "/a/b",
					       "/*/b",  "/*/*",  "/*/**", "/a/*/b", "/b/**", "/b",
					       "/a/a/", "/a/*/", "/ab/*", "/*b",    "/a*a",  "/*a*"};
	static const char bytes[] = "/ab";
	unsigned covers = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(patterns); i++)
		for (size_t k = 0; k < COUNT(patterns); k++) {
			if (!path_covers(patterns[i], patterns[k]))
				continue;
			covers += i != k;
			for (unsigned n = 0; n < 3 * 3 * 3 * 3 * 3 * 3; n++) {
				char path[8] = "/";
				size_t len = 1;

				for (unsigned rest = n; rest; rest /= 3)
					path[len++] = bytes[rest % 3];
				if (strstr(path, "//"))
					continue;
				if (path_match(patterns[k], path) && !path_match(patterns[i], path))
					fail_msg("%s covers %s, but not %s", patterns[i], patterns[k], path);
			}
		}
	assert_true(covers > 60);
	assert_true(path_covers("/a/**", "/a"));
	assert_true(path_covers("/a*", "/ab*c"));
	assert_false(path_covers("/*", "/**"));
	assert_false(path_covers("/a/*", "/a/**"));
}

/* --- questions ---------------------------------------------------------------------------------------------- */

/* "GET https://NAME/PATH", of a flow to addr; name "": none is told. */
static enum verdict
kit_request(struct kit *k, const char *addr, uint16_t port, const char *name, bool tls, const char *method,
	    const char *path)
{
	struct policy_request r = {.tls = tls, .method = view_of(method, strlen(method)), .path = path};
	struct policy_question q = {.proto = TCP,
				    .remote = kit_addr(addr),
				    .port = port,
				    .claim = name[0] ? CLAIM_TOLD : CLAIM_NONE,
				    .requests = CLAIM_TOLD,
				    .request = &r};

	if (name[0]) {
		k->told = kit_name(name);
		q.told = &k->told;
	}
	return kit_ask(k, &q);
}

/* What nobody reads. */
static enum verdict
kit_opaque(struct kit *k, const char *addr, uint16_t port, const char *name)
{
	struct policy_question q = {.proto = TCP,
				    .remote = kit_addr(addr),
				    .port = port,
				    .claim = CLAIM_NONE,
				    .requests = CLAIM_NONE};

	if (name[0]) {
		k->told = kit_name(name);
		q.told = &k->told;
		q.claim = CLAIM_TOLD;
	}
	return kit_ask(k, &q);
}

#define API "198.18.0.1"
#define WEB "198.18.0.2"

static void
an_allow_waits_for_its_requests(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow https GET,HEAD api.test/repos/**, api.test/user", NULL, NULL);
	assert_true(policy_has_requests(k.p));
	DENIED(kit_syn(&k, API, 443));
	assert_int_equal(k.a.reason, POLICY_NO_EVIDENCE);
	kit_led(&k, "api.test", API);
	PEEKED(kit_syn(&k, API, 443));
	assert_int_equal(kit_rule(&k), 1);
	assert_true(k.a.by.len);
	PEEKED(kit_sni(&k, API, 443, "api.test"));
	assert_true(k.a.by.len);
	DENIED(kit_sni(&k, API, 443, "other.test"));
	assert_int_equal(k.a.reason, POLICY_WRONG_NAME);
	DENIED(kit_syn(&k, API, 80));
	DENIED(kit_flow(&k, UDP, API, 443));

	ALLOWED(kit_request(&k, API, 443, "api.test", true, "GET", "/repos/x/y"));
	assert_int_equal(kit_rule(&k), 1);
	assert_true(k.a.by.len);
	ALLOWED(kit_request(&k, API, 443, "api.test", true, "HEAD", "/user"));
	DENIED(kit_request(&k, API, 443, "api.test", true, "POST", "/repos/x"));
	assert_int_equal(k.a.reason, POLICY_DEFAULT);
	DENIED(kit_request(&k, API, 443, "api.test", true, "get", "/repos/x"));
	DENIED(kit_request(&k, API, 443, "api.test", true, "GET", "/users"));
	DENIED(kit_request(&k, API, 443, "api.test", true, "CONNECT", ""));
	DENIED(kit_request(&k, API, 443, "api.test", false, "GET", "/user"));
	DENIED(kit_request(&k, API, 443, "b.test", true, "GET", "/user"));
	assert_int_equal(k.a.reason, POLICY_WRONG_NAME);
	DENIED(kit_request(&k, WEB, 443, "api.test", true, "GET", "/user"));
	assert_int_equal(k.a.reason, POLICY_NO_EVIDENCE);
	DENIED(kit_opaque(&k, API, 443, "api.test"));
	assert_int_equal(k.a.reason, POLICY_NO_REQUEST);
	assert_non_null(k.a.rule);
	kit_end(&k);
}

static void
a_deny_holds_where_nothing_is_read(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "deny https POST *.b.test/admin/**\nallow to @any", NULL, NULL);
	PEEKED(kit_syn(&k, WEB, 443));
	ALLOWED(kit_syn(&k, WEB, 80));
	PEEKED(kit_sni(&k, WEB, 443, "x.b.test"));
	ALLOWED(kit_sni(&k, WEB, 443, "c.test"));
	DENIED(kit_request(&k, WEB, 443, "x.b.test", true, "POST", "/admin/a"));
	assert_int_equal(kit_rule(&k), 1);
	ALLOWED(kit_request(&k, WEB, 443, "x.b.test", true, "GET", "/admin/a"));
	assert_int_equal(kit_rule(&k), 2);
	ALLOWED(kit_request(&k, WEB, 443, "x.b.test", true, "POST", "/a"));
	ALLOWED(kit_request(&k, WEB, 443, "c.test", true, "POST", "/admin"));
	DENIED(kit_opaque(&k, WEB, 443, "x.b.test"));
	ALLOWED(kit_opaque(&k, WEB, 443, "c.test"));
	/* No name, and none led there: it is as any deny by name. */
	ALLOWED(kit_opaque(&k, WEB, 443, ""));
	kit_led(&k, "b.test", WEB);
	DENIED(kit_opaque(&k, WEB, 443, ""));
	/* HTTP/3 cannot be read. */
	DENIED(kit_flow(&k, UDP, WEB, 443));
	ALLOWED(kit_flow(&k, UDP, WEB, 53));
	ALLOWED(kit_flow(&k, ICMP, WEB, 0));
	kit_end(&k);
}

static void
schemes_have_their_ports(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow https/8443 http/8080,8081 @any/x/*", NULL, NULL);
	PEEKED(kit_syn(&k, WEB, 8443));
	PEEKED(kit_syn(&k, WEB, 8081));
	DENIED(kit_syn(&k, WEB, 443));
	ALLOWED(kit_request(&k, WEB, 8443, "a.test", true, "GET", "/x/1"));
	ALLOWED(kit_request(&k, WEB, 8080, "", false, "PUT", "/x/1"));
	DENIED(kit_request(&k, WEB, 8080, "", true, "PUT", "/x/1"));
	DENIED(kit_request(&k, WEB, 8443, "a.test", false, "GET", "/x/1"));
	DENIED(kit_request(&k, WEB, 8443, "a.test", true, "GET", "/x"));
	kit_end(&k);

	kit_build(&k, "allow https to @public", NULL, NULL);
	ALLOWED(kit_request(&k, "1.1.1.1", 443, "", true, "OPTIONS", "*"));
	ALLOWED(kit_request(&k, "1.1.1.1", 443, "", true, "CONNECT", ""));
	DENIED(kit_request(&k, "10.1.1.1", 443, "", true, "GET", "/"));
	DENIED(kit_opaque(&k, "1.1.1.1", 443, ""));
	assert_int_equal(k.a.reason, POLICY_NO_REQUEST);
	kit_end(&k);
}

static void
a_path_belongs_to_its_host(void **state)
{
	struct kit k;
	char rules[4096] =
	    "allow https GET 10.0.0.0/8/net, 192.0.2.7/one, @loopback/lo, a.test/a, *.b.test/b";

	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		kit_build(&k, rules, NULL, NULL);
		kit_led(&k, "a.test", API);
		kit_led(&k, "b.test", API);
		ALLOWED(kit_request(&k, "10.2.3.4", 443, "", true, "GET", "/net"));
		DENIED(kit_request(&k, "10.2.3.4", 443, "", true, "GET", "/one"));
		ALLOWED(kit_request(&k, "192.0.2.7", 443, "z.test", true, "GET", "/one"));
		DENIED(kit_request(&k, "192.0.2.7", 443, "", true, "GET", "/lo"));
		ALLOWED(kit_request(&k, "127.0.0.1", 443, "", true, "GET", "/lo"));
		ALLOWED(kit_request(&k, API, 443, "a.test", true, "GET", "/a"));
		DENIED(kit_request(&k, API, 443, "a.test", true, "GET", "/b"));
		ALLOWED(kit_request(&k, API, 443, "b.test", true, "GET", "/b"));
		DENIED(kit_request(&k, API, 443, "b.test", true, "GET", "/a"));
		kit_end(&k);
		/* And the same where there are enough of each kind for a set. */
		for (unsigned i = 0; i < 12 && n == 0; i++)
			snprintf(rules + strlen(rules), sizeof(rules) - strlen(rules),
				 ", n%u.test/n, 203.0.113.%u/m", i, i);
	}
}

static void
names_of_requests_may_be_asked_for(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k,
		  "deny https POST c.test/x\nallow https GET a.test/x\nallow https/53 http/53 @any/y\n"
		  "allow https @public",
		  NULL, NULL);
	ALLOWED(kit_lookup(&k, UDP, "a.test"));
	assert_int_equal(kit_rule(&k), 2);
	DENIED(kit_lookup(&k, UDP, "b.test"));
	assert_int_equal(kit_rule(&k), 0);
	DENIED(kit_lookup(&k, TCP, "c.test"));
	struct name c = kit_name("c.test");
	assert_false(policy_denies_name(k.p, &c, &k.a));
	struct addr private = kit_addr("10.1.1.1");
	assert_false(policy_allows_answer(k.p, &k.where, &private));
	kit_end(&k);

	kit_build(&k, "allow http 10.1.1.1", NULL, NULL);
	assert_false(policy_allows_answer(k.p, &k.where, &private));
	kit_end(&k);
}

static void
a_floor_is_asked_about_requests(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "allow to @any", NULL, "deny https DELETE @any\nallow to @any");
	PEEKED(kit_syn(&k, WEB, 443));
	ALLOWED(kit_request(&k, WEB, 443, "a.test", true, "GET", "/"));
	DENIED(kit_request(&k, WEB, 443, "a.test", true, "DELETE", "/"));
	assert_true(k.a.floor);
	DENIED(kit_opaque(&k, WEB, 443, "a.test"));
	kit_end(&k);
	kit_build(&k, "drop https @any/x\nallow to @any", NULL, NULL);
	DROPPED(kit_request(&k, WEB, 443, "a.test", true, "GET", "/x"));
	kit_end(&k);
	kit_build(&k, "allow to @any", NULL, NULL);
	assert_false(policy_has_requests(k.p));
	kit_end(&k);
}

/* Clients of published ports, and a zero question of another protocol, wait for nothing. */
static void
what_is_never_read_waits_for_nothing(void **state)
{
	struct kit k;

	(void)state;
	kit_build(&k, "deny https @any/x\nallow to @any", NULL, NULL);
	DENIED(kit_ask(&k, &(struct policy_question){.proto = UDP, .remote = kit_addr(WEB), .port = 443}));
	ALLOWED(kit_client(&k, TCP, WEB, 443));
	DENIED(kit_ask(&k, &(struct policy_question){.proto = TCP,
						     .remote = kit_addr(WEB),
						     .port = 443,
						     .claim = CLAIM_NONE,
						     .requests = CLAIM_TOLD}));
	kit_end(&k);
}

/* --- why ---------------------------------------------------------------------------------------------------- */

struct whys {
	char text[4][640];
	unsigned n;
};

static void
keep_why(void *ctx, const struct policy_step *s)
{
	struct whys *w = ctx;

	assert_true(w->n < 4);
	snprintf(w->text[w->n++], sizeof(w->text[0]), "%s", s->why);
}

static void
a_trace_says_what_a_request_lacks(void **state)
{
	struct policy_request r = {.tls = true, .method = view_of("POST", 4), .path = "/b"};
	struct policy_question q = {.proto = TCP,
				    .port = 443,
				    .remote = kit_addr(WEB),
				    .claim = CLAIM_NONE,
				    .requests = CLAIM_TOLD,
				    .request = &r};
	struct whys w = {.n = 0};
	struct kit k;

	(void)state;
	kit_build(&k,
		  "allow https GET @any\nallow https POST @any/a\nallow http/443 @any\nallow https @private",
		  NULL, NULL);
	policy_trace(k.p, &k.where, k.e, k.now, &q, keep_why, &w);
	assert_string_equal(w.text[0], "the method POST is not in it");
	assert_string_equal(w.text[1], "the path /b of that host is not in it");
	assert_string_equal(w.text[2], "it is not for requests over TLS to port 443");
	assert_string_equal(w.text[3], "198.18.0.2 is not in it (of no group)");
	q.requests = CLAIM_NONE;
	w.n = 0;
	policy_trace(k.p, &k.where, k.e, k.now, &q, keep_why, &w);
	assert_string_equal(w.text[0], "it is about requests, and none is read here");
	q.requests = CLAIM_PENDING;
	w.n = 0;
	policy_trace(k.p, &k.where, k.e, k.now, &q, keep_why, &w);
	assert_string_equal(w.text[0], "it is for every address; its requests are not told yet");
	kit_end(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_pattern_matches_whole_paths),
	    cmocka_unit_test(what_is_no_pattern_is_said),
	    cmocka_unit_test(covering_is_sound),
	    cmocka_unit_test(an_allow_waits_for_its_requests),
	    cmocka_unit_test(a_deny_holds_where_nothing_is_read),
	    cmocka_unit_test(schemes_have_their_ports),
	    cmocka_unit_test(a_path_belongs_to_its_host),
	    cmocka_unit_test(names_of_requests_may_be_asked_for),
	    cmocka_unit_test(a_floor_is_asked_about_requests),
	    cmocka_unit_test(what_is_never_read_waits_for_nothing),
	    cmocka_unit_test(a_trace_says_what_a_request_lacks),
	};

	return cmocka_run_group_tests_name("policy_requests", tests, NULL, NULL);
}
