/*
 * request_path_test.c - paths as rules see them, and the pages of refusals
 */
#include <stdio.h>

#include "http/request.h"
#include "test/unit/wire_kit.h"

static bool
path_of(const char *target, size_t n, char *to, size_t size)
{
	uint8_t *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	if (n)
		memcpy(copy, target, n);
	bool ok = request_path(view_of(copy, n), to, size);
	free(copy);
	return ok;
}

static void
paths(void **state)
{
	static const struct {
		const char *target, *path; /* NULL: there is none */
	} row[] = {
	    {"/", "/"},
	    {"/a", "/a"},
	    {"/a/b.c", "/a/b.c"},
	    {"/a/", "/a/"},
	    {"/a?b/../c", "/a"},
	    {"/a#/..", "/a"},
	    {"/?", "/"},
	    {"*", "*"},
	    /* of absolute targets */
	    {"http://h", "/"},
	    {"http://h:80/a/../b?c", "/b"},
	    {"https://h?b", "/"},
	    {"http://h#b", "/"},
	    /* decoded once */
	    {"/%41%7e", "/A~"},
	    {"/a%20b", "/a b"},
	    {"/%3fa%23", "/?a#"},
	    {"/%252e%252e/x", "/%2e%2e/x"},
	    {"/%252f", "/%2f"},
	    {"/\xc3\xa9", "/\xc3\xa9"},
	    {"/%C3%a9", "/\xc3\xa9"},
	    {"/\xff", "/\xff"},
	    {"/a%", NULL},
	    {"/a%4", NULL},
	    {"/a%4g", NULL},
	    {"/%u0041", NULL},
	    {"/%00", NULL},
	    {"/a%0ab", NULL},
	    {"/a%7f", NULL},
	    {"/a\x01", NULL},
	    /* dots */
	    {"/a/../b", "/b"},
	    {"/a/./b", "/a/b"},
	    {"/a/.", "/a/"},
	    {"/a/..", "/"},
	    {"/a/b/..", "/a/"},
	    {"/a/b/../../c", "/c"},
	    {"/./a", "/a"},
	    {"/a/%2e%2e/b", "/b"},
	    {"/a/.%2E/b", "/b"},
	    {"/a/%2e/b", "/a/b"},
	    {"/..", NULL},
	    {"/../a", NULL},
	    {"/a/../..", NULL},
	    {"/a/../../b", NULL},
	    {"/%2e%2e/a", NULL},
	    {"/./..", NULL},
	    {"/...", "/..."},
	    {"/..a/.b/c..", "/..a/.b/c.."},
	    /* what servers read differently */
	    {"//", "/"},
	    {"//a//b//", "/a/b/"},
	    {"/a//../b", NULL},
	    {"/a//b/../../c", NULL},
	    {"/a/..//b", "/b"},
	    {"/@scope%2fname", "/@scope/name"},
	    {"/a%2Fb", "/a/b"},
	    {"/a%2f../b", NULL},
	    {"/a/..%2fb", NULL},
	    {"/a%2f%2e%2e%2fb", NULL},
	    {"/a\\b", NULL},
	    {"/a%5cb", NULL},
	    {"/a;p=1/b;q", "/a;p=1/b;q"},
	    {"/a/..;/b", NULL},
	    {"/a/..;x=1/b", NULL},
	    {"/a/.;/b", NULL},
	    {"/a/%2e%2e%3b/b", NULL},
	    /* none */
	    {"", NULL},
	    {"a", NULL},
	    {"?a", NULL},
	    {"#a", NULL},
	    {"h:443", NULL},
	    {"**", NULL},
	};
	char to[64];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		bool ok = path_of(row[i].target, strlen(row[i].target), to, sizeof(to));

		if (ok != (row[i].path != NULL))
			fail_msg("'%s' is '%s'", row[i].target, to);
		if (ok)
			assert_string_equal(to, row[i].path);
	}
	assert_false(path_of("/a\0b", 4, to, sizeof(to)));
}

/* Never longer than there is room, and then there is none. */
static void
path_room(void **state)
{
	char to[8];

	(void)state;
	assert_true(path_of("/123456", 7, to, 8));
	assert_string_equal(to, "/123456");
	assert_false(path_of("/1234567", 8, to, 8));
	assert_string_equal(to, "");
	assert_true(path_of("/%31%32%33%34%35%36", 19, to, 8));
	assert_false(path_of("/", 1, to, 1));
	assert_false(path_of("*", 1, to, 1));
	assert_true(path_of("*", 1, to, 2));
}

/* A path that was brought into its form, escaped anew, is the same path. */
static void
paths_again(void **state)
{
	static const char *const piece[] = {"/",  "a",   ".",    "%2e", "%2F", ";",
					    "..", "%41", "\xc3", "b",   "%25", "%3f"};
	uint64_t seed = 1;
	unsigned good = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char target[128] = "/", path[128], again[400], twice[128];
		size_t n = 0;

		for (uint64_t k = kit_random(&seed) % 9; k > 0; k--)
			strcat(target, piece[kit_random(&seed) % 12]);
		if (!path_of(target, strlen(target), path, sizeof(path)))
			continue;
		good++;
		assert_true(path[0] == '/' && !strstr(path, "//") && !strstr(path, "/../") &&
			    !strstr(path, "/./"));
		for (const char *c = path; *c; c++)
			n += (size_t)(*c == '/' ? sprintf(again + n, "/")
						: sprintf(again + n, "%%%02x", (uint8_t)*c));
		assert_true(path_of(again, n, twice, sizeof(twice)));
		assert_string_equal(path, twice);
	}
	assert_true(good > 5000);
}

/* --- pages --------------------------------------------------------------------------------------------------------------- */

static size_t
page(const char *accept, const char *text, bool close, bool no_body, char *to, size_t size)
{
	struct request_answer a = {.status = 403};

	snprintf(a.text, sizeof(a.text), "%s", text);
	snprintf(a.rule, sizeof(a.rule), "deny https * \"x\"");
	return request_refusal(&a, view_of(accept, strlen(accept)), close, no_body, to, size);
}

static void
refusals(void **state)
{
	char to[REQUEST_REFUSAL_MAX + 1];

	(void)state;
	to[page("", "no", true, false, to, REQUEST_REFUSAL_MAX)] = '\0';
	assert_string_equal(to, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n"
				"Content-Length: 24\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
				"sluice refused this: no\n");
	to[page("application/json", "a\"b\\\n\xff", false, false, to, REQUEST_REFUSAL_MAX)] = '\0';
	assert_string_equal(strstr(to, "\r\n\r\n"),
			    "\r\n\r\n{\"refused\":true,\"status\":403,\"text\":\"a\\\"b\\\\\\u000a\\ufffd\","
			    "\"rule\":\"deny https * \\\"x\\\"\"}\n");
	assert_null(strstr(to, "Connection"));
	to[page("", "no", false, true, to, REQUEST_REFUSAL_MAX)] = '\0';
	assert_string_equal(strstr(to, "\r\n\r\n"), "\r\n\r\n");
	assert_non_null(strstr(to, "Content-Length: 24\r\n"));
	/* A page that has no room is none. */
	assert_int_equal(page("", "no", false, false, to, 40), 0);
	assert_int_equal(page("", "no", false, false, to, 130), 0);
}

/* The longest and oddest texts fit, and are JSON to the end. */
static void
long_refusals(void **state)
{
	char to[REQUEST_REFUSAL_MAX + 1], text[600];
	struct request_answer a = {.status = 599};

	(void)state;
	memset(text, 1, sizeof(text));
	memcpy(a.text, text, sizeof(a.text) - 1);
	memcpy(a.rule, text, sizeof(a.rule) - 1);
	size_t n = request_refusal(&a, view_of("application/json", 16), true, false, to, REQUEST_REFUSAL_MAX);
	assert_true(n > 3000);
	to[n] = '\0';
	assert_string_equal(to + n - 9, "\\u0001\"}\n");
	assert_non_null(strstr(to, "HTTP/1.1 599 Refused\r\n"));
	assert_non_null(strstr(to, "\",\"rule\":\""));
}

static void
preferences(void **state)
{
	static const struct {
		const char *accept;
		bool json;
	} row[] = {
	    {"", false},
	    {"*/*", false},
	    {"application/json", true},
	    {"Application/JSON", true},
	    {"application/json, text/plain, */*", true},
	    {"text/plain, application/json", false},
	    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
	    {"text/html;q=0.5, application/json", true},
	    {"application/json;q=0.5, text/html;q=0.6", false},
	    {"application/json;q=0", false},
	    {"application/json;q=0.001", true},
	    {"application/vnd.github+json", true},
	    {"application/json;charset=utf-8;q=0.9, */*", true},
	    {",,;,", false},
	    {"application/json;q=", true},
	};
	struct request_answer a = {.status = 403};
	const char *type;
	char to[REQUEST_REFUSAL_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t n = request_refusal_body(&a, view_of(row[i].accept, strlen(row[i].accept)), &type, to,
						sizeof(to));

		if ((to[0] == '{') != row[i].json)
			fail_msg("'%s'", row[i].accept);
		assert_true(n > 0 && to[n - 1] == '\n');
		assert_string_equal(type, row[i].json ? "application/json" : "text/plain; charset=utf-8");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths),    cmocka_unit_test(path_room),     cmocka_unit_test(paths_again),
	    cmocka_unit_test(refusals), cmocka_unit_test(long_refusals), cmocka_unit_test(preferences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
