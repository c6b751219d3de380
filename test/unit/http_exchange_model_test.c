/*
 * http_exchange_model_test.c - conversations at random, and those that were made to be read in two ways
 *
 * A client sends a list of requests at once; a server, which reads with a parser of its own (strtoul and strstr), answers each when it has
 * come.  Whatever the requests, the responses and the cuts are: the server sees the requests that may pass, in order and whole, and
 * the client one answer to each.
 */
#include "test/unit/exchange_kit.h"

static const struct exchange_h1_options usual = {.tls = true};

#define ITEMS 12
#define TEXT 4096

struct item {
	char method[8], target[32];
	bool denied, chunked, head;
	char body[TEXT];
	unsigned status;
	char answer[TEXT]; /* the content of the response */
};

struct world {
	uint64_t seed;
	struct item item[ITEMS];
	unsigned n;
	char requests[ITEMS * 3 * TEXT];
	char responses[ITEMS][3 * TEXT]; /* of the items that pass, in order */
};

static uint64_t
draw(struct world *w, uint64_t n)
{
	return kit_random(&w->seed) % n;
}

static void
draw_text(struct world *w, char *to)
{
	/* Content that looks like heads, too. */
	static const char *const piece[] = {
	    "\r\n", "0\r\n\r\n", "GET / HTTP/1.1\r\nHost: b\r\n\r\n", "HTTP/1.1 200 OK\r\n", "abc", "x",
	    "5;",   ": "};

	to[0] = '\0';
	for (uint64_t n = draw(w, 30); n > 0; n--)
		strcat(to, piece[draw(w, 8)]);
}

static void
add_body(struct world *w, char *to, const char *body, bool chunked)
{
	size_t left = strlen(body), n;

	to += strlen(to);
	if (!chunked) {
		sprintf(to, "Content-Length: %zu\r\n\r\n%s", left, body);
		return;
	}
	to += sprintf(to, "Transfer-Encoding: chunked\r\n\r\n");
	for (; left > 0; left -= n, body += n) {
		n = 1 + draw(w, left < 50 ? left : 50);
		to += sprintf(to, "%s%zX%s\r\n%.*s\r\n", draw(w, 4) ? "" : "00", n,
			      draw(w, 4) ? "" : ";a=\"b\"", (int)n, body);
	}
	sprintf(to, "0\r\n%s\r\n", draw(w, 3) ? "" : "X-T: y\r\n");
}

static void
draw_item(struct world *w, struct item *i, char *request, char *response)
{
	static const char *const method[] = {"GET", "POST", "HEAD", "PUT"};
	static const unsigned status[] = {200, 404, 204, 304, 500};
	bool body;

	strcpy(i->method, method[draw(w, 4)]);
	i->head = strcmp(i->method, "HEAD") == 0;
	i->denied = draw(w, 4) == 0;
	sprintf(i->target, "/%s%u", i->denied ? "denied" : "x", (unsigned)draw(w, 1000));
	i->chunked = draw(w, 2);
	body = draw(w, 2);
	if (body)
		draw_text(w, i->body);
	sprintf(request, "%s%s %s HTTP/1.1\r\nHost: a\r\n", draw(w, 3) || w->n == 0 ? "" : "\r\n", i->method,
		i->target);
	if (body)
		add_body(w, request, i->body, i->chunked);
	else
		strcat(request, "\r\n");

	i->status = status[draw(w, 5)];
	sprintf(response, "%sHTTP/1.1 %u R\r\nX-Y: z\r\n",
		draw(w, 4) ? "" : "HTTP/1.1 103 E\r\nLink: x\r\n\r\n", i->status);
	draw_text(w, i->answer);
	if (i->head || i->status == 204 || i->status == 304) {
		i->answer[0] = '\0';
		strcat(response, "\r\n");
	} else {
		add_body(w, response, i->answer, draw(w, 2));
	}
}

static void
draw_world(struct world *w, uint64_t seed)
{
	unsigned passing = 0;

	*w = (struct world){.seed = seed};
	for (unsigned n = 1 + (unsigned)draw(w, ITEMS); w->n < n; w->n++) {
		struct item *i = &w->item[w->n];

		draw_item(w, i, w->requests + strlen(w->requests), w->responses[passing]);
		passing += !i->denied;
	}
}

/* --- a naive reader ------------------------------------------------------------------------------------------------------------- */

/* One message at `at`: its content into body; what stands behind it.  NULL: it is not whole. */
static const char *
read_message(const char *at, bool no_body, char *body, size_t size)
{
	const char *end = strstr(at, "\r\n\r\n"), *field;

	body[0] = '\0';
	if (!end)
		return NULL;
	end += 4;
	field = strstr(at, "Content-Length: ");
	if (!no_body && field && field < end) {
		unsigned long n = strtoul(field + 16, NULL, 10);

		assert_true(n < size);
		if (strlen(end) < n)
			return NULL;
		memcpy(body, end, n);
		body[n] = '\0';
		return end + n;
	}
	field = strstr(at, "Transfer-Encoding: chunked\r\n");
	if (!no_body && field && field < end) {
		const char *rest = kit_unchunked(end, body, size);

		if (!rest)
			return NULL;
		if (strncmp(rest, "\r\n", 2) == 0)
			return rest + 2;
		rest = strstr(rest, "\r\n\r\n");
		return rest ? rest + 4 : NULL;
	}
	return end;
}

/* The server answers each request that has come whole. */
static void
serve(struct talk *t, const struct world *w)
{
	char body[TEXT];

	for (unsigned answered = 0;;) {
		const char *at = (const char *)t->out[SIDE_SERVER].p;
		unsigned whole = 0;

		while (*at && (at = read_message(at, false, body, sizeof(body))))
			whole++;
		if (whole == answered)
			return;
		while (answered < whole)
			talk_say(t, SIDE_SERVER, w->responses[answered++]);
	}
}

static void
check_server(const struct talk *t, const struct world *w)
{
	const char *at = (const char *)t->out[SIDE_SERVER].p;
	char line[64], body[TEXT];

	for (unsigned i = 0; i < w->n; i++) {
		const struct item *want = &w->item[i];

		if (want->denied)
			continue;
		snprintf(line, sizeof(line), "%s %s HTTP/1.1\r\nHost: a\r\n", want->method, want->target);
		assert_int_equal(strncmp(at, line, strlen(line)), 0);
		at = read_message(at, false, body, sizeof(body));
		assert_non_null(at);
		assert_string_equal(body, want->body);
	}
	assert_string_equal(at, "");
}

static void
check_client(const struct talk *t, const struct world *w)
{
	const char *at = (const char *)t->out[SIDE_CLIENT].p;
	char body[TEXT];

	for (unsigned i = 0; i < w->n; i++) {
		const struct item *want = &w->item[i];
		unsigned status = want->denied ? 403 : want->status;

		if (strncmp(at, "HTTP/1.1 103", 12) == 0)
			at = read_message(at, true, body, sizeof(body));
		assert_int_equal(strtoul(at + 9, NULL, 10), status);
		at = read_message(at, want->head, body, sizeof(body));
		assert_non_null(at);
		if (!want->head)
			assert_string_equal(body, want->denied ? "sluice refused this: rule 1 denies it\n"
							       : want->answer);
	}
	assert_string_equal(at, "");
}

static void
converse(struct talk *t, const struct world *w, uint64_t cuts)
{
	talk_begin(t, &usual);
	t->seed = cuts;
	talk_say(t, SIDE_CLIENT, w->requests);
	serve(t, w);
	talk_stops(t, SIDE_CLIENT, true);
	assert_null(t->x->failed);
	assert_true(talk_ended(t, SIDE_CLIENT) && talk_ended(t, SIDE_SERVER));
}

static void
conversations(void **state)
{
	struct world *w = malloc(sizeof(*w));
	struct talk whole, cut;

	(void)state;
	assert_non_null(w);
	for (uint64_t seed = 1; seed <= 300; seed++) {
		draw_world(w, seed);
		converse(&whole, w, 0);
		check_server(&whole, w);
		check_client(&whole, w);
		for (uint64_t cuts = 1; cuts < 4; cuts++) {
			converse(&cut, w, seed * 10 + cuts);
			for (int side = 0; side < 2; side++)
				assert_string_equal((char *)whole.out[side].p, (char *)cut.out[side].p);
			assert_string_equal(whole.told, cut.told);
			talk_end(&cut);
		}
		talk_end(&whole);
	}
	free(w);
}

/* --- requests that two readers end at different bytes -------------------------------------------------------------------------- */

static void
smuggling(void **state)
{
	static const char *const row[] = {
	    /* two lengths */
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nContent-Length: 5\r\n\r\n123456",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nContent-Length: 6\r\n\r\n123456",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6, 6\r\n\r\n123456",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6,5\r\n\r\n123456",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +6\r\n\r\n123456",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x6\r\n\r\n123456",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6 \v\r\n\r\n123456",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 6\r\n\r\n123456",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 6\r\n\r\n123456",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n1",
	    /* codings that are chunked to some */
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
	    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\vchunked\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    /* what others take away */
	    "PUT / HTTP/1.1\r\nHost: a\r\nConnection: x, Content-Length\r\nContent-Length: 1\r\n\r\n1",
	    "GET / HTTP/1.1\r\nHost: a\r\nConnection: transfer-encoding\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n",
	    /* lines */
	    "GET / HTTP/1.1\nHost: a\n\n",
	    "GET / HTTP/1.1\r\nHost: a\r\n\n",
	    "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\n\tb: c\r\n\r\n",
	    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	    " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
	    "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
	    "GET /\r\n",
	    /* whose it is */
	    "GET / HTTP/1.1\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
	    "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost:\r\n\r\n",
	    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 3\r\n\r\nabc",
	};
	struct talk t;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		for (uint64_t seed = 0; seed < 3; seed++) {
			talk_begin(&t, &usual);
			t.seed = seed;
			talk_say(&t, SIDE_CLIENT, row[i]);
			if (strcmp((char *)t.out[SIDE_SERVER].p, "") != 0 || t.judged)
				fail_msg("'%s' passes", row[i]);
			talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 400 Bad Request\r\n", "");
			if (strcmp(row[i], "GET / HTTP/1.1\r\nHost:\r\n\r\n") != 0)
				assert_true(t.x->failed && talk_ended(&t, SIDE_CLIENT) &&
					    talk_ended(&t, SIDE_SERVER));
			talk_end(&t);
		}
	}
}

/* Bodies that break when part of them has gone. */
static void
broken_chunks(void **state)
{
	static const char *const row[] = {"x\r\n",
					  "5\r\nhelloX",
					  "5\r\nhello\n",
					  "-1\r\n",
					  "0x5\r\nhello\r\n",
					  " 5\r\nhello",
					  "5 \r\nhello",
					  "5\nhello",
					  "\r\n",
					  "0\r\n x: y\r\n\r\n",
					  "0\r\n:\r\n",
					  "0\r\nx\r\n\r\n",
					  "ffffffffffffffff\r\n"};
	struct talk t;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		talk_begin(&t, &usual);
		talk_say(&t, SIDE_CLIENT,
			 "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
		talk_say(&t, SIDE_CLIENT, row[i]);
		assert_true(t.x->failed && talk_ended(&t, SIDE_SERVER));
		talk_hears_like(&t, SIDE_CLIENT, "HTTP/1.1 400 ", "chunked body that is broken");
		assert_null(strstr((char *)t.out[SIDE_SERVER].p, "\r\n0\r\n"));
		talk_end(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(conversations),
	    cmocka_unit_test(smuggling),
	    cmocka_unit_test(broken_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
