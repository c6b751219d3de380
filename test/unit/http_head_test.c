/*
 * http_head_test.c - the reader of HTTP/1 request heads and chunked bodies: rows H1 and H2 of the catalogue of hostile input
 *
 * Every case is read whole, byte by byte and cut at every place: what is found, and at which byte, must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/head.h"

/* From exactly as many bytes as there are, as long as that is cheap. */
static enum http_reading
read_exact(struct http_reader *r, const char *text, size_t len, struct http_head *h)
{
	enum http_reading got;

	if (len > 3000)
		return http_reader_read(r, view_of(text, len), h);

	uint8_t *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	got = http_reader_read(r, view_of(copy, len), h);
	/* Views into what is freed are no use: only their lengths are compared. */
	free(copy);
	return got;
}

static void
same(const struct http_head *a, const struct http_head *b)
{
	assert_int_equal(a->len, b->len);
	assert_int_equal(a->method.len, b->method.len);
	assert_int_equal(a->target.len, b->target.len);
	assert_int_equal(a->accept.len, b->accept.len);
	assert_int_equal(a->authority.len, b->authority.len);
	assert_true(name_eq(&a->name, &b->name));
	assert_true(addr_eq(&a->addr, &b->addr));
	assert_int_equal(a->port, b->port);
	assert_int_equal(a->body, b->body);
	assert_int_equal(a->length, b->length);
	assert_ptr_equal(a->why, b->why);
}

static enum http_reading
found_in(const char *text, size_t len, struct http_head *h)
{
	enum http_reading got = http_head_read(view_of(text, len), h), part = HTTP_MORE;
	struct http_head other = {.len = 0}; /* what no bytes at all say */
	struct http_reader r = {.at = 0};
	size_t settled = 0;

	while (part == HTTP_MORE && settled < len)
		part = read_exact(&r, text, ++settled, &other);
	assert_int_equal(part, got);
	same(h, &other);
	size_t step = len > 3000 ? len / 61 : 1;
	for (size_t cut = 1; cut < len; cut += step) {
		r = (struct http_reader){.at = 0};
		part = read_exact(&r, text, cut, &other);
		assert_true(cut < settled || got == HTTP_MORE ? part == HTTP_MORE : part == got);
		if (part == HTTP_MORE)
			assert_int_equal(read_exact(&r, text, len, &other), got);
		same(h, &other);
	}
	return got;
}

static enum http_reading
found(const char *text, struct http_head *h)
{
	return found_in(text, strlen(text), h);
}

static void
expect_bad(const char *text, const char *why)
{
	struct http_head h;

	assert_int_equal(found(text, &h), HTTP_BAD);
	assert_string_equal(h.why, why);
}

static void
expect_not(const char *text)
{
	struct http_head h;

	assert_int_equal(found(text, &h), HTTP_NOT);
}

static void
is(struct view v, const char *text)
{
	assert_int_equal(v.len, strlen(text));
	if (v.len)
		assert_memory_equal(v.p, text, v.len);
}

/* "" of a name: there is none. */
static void
goes_to(const struct http_head *h, const char *authority, const char *name, uint16_t port)
{
	char text[NAME_TEXT] = "";

	is(h->authority, authority);
	if (h->name.len)
		name_text(&h->name, text);
	assert_string_equal(text, name);
	assert_int_equal(h->port, port);
}

/* --- good requests -------------------------------------------------------------------------------------------------- */

static void
ordinary_request(void **state)
{
	static const char text[] = "GET /a?b=c HTTP/1.1\r\nHost: Example.COM\r\nUser-Agent: x\r\n"
				   "Accept: application/json\r\nAccept: b\r\n\r\nmore";
	struct http_head h;

	(void)state;
	assert_int_equal(found(text, &h), HTTP_DONE);
	assert_int_equal(h.len, sizeof(text) - 1 - 4);
	is(h.method, "GET");
	is(h.target, "/a?b=c");
	is(h.accept, "application/json");
	goes_to(&h, "Example.COM", "example.com", 0);
	assert_int_equal(h.minor, 1);
	assert_int_equal(h.body, HTTP_BODY_NONE);
	assert_false(h.close || h.expects);
	/* Every beginning is unfinished. */
	for (size_t n = 0; n < h.len; n++) {
		struct http_head other;

		assert_int_equal(http_head_read(view_of(text, n), &other), HTTP_MORE);
	}
}

/* Checklist 84. */
static void
where_it_goes(void **state)
{
	static const struct {
		const char *text, *authority, *name;
		uint16_t port;
	} t[] = {
	    {"GET / HTTP/1.1\r\nHost:a.example\r\n\r\n", "a.example", "a.example", 0},
	    {"GET / HTTP/1.1\r\nHost: \t a.example:8080 \t\r\n\r\n", "a.example:8080", "a.example", 8080},
	    {"GET / HTTP/1.1\r\nhOsT: a.example.\r\n\r\n", "a.example.", "a.example", 0},
	    {"GET / HTTP/1.1\r\nHost: a.example:\r\n\r\n", "a.example:", "a.example", 0},
	    {"GET / HTTP/1.1\r\nHost: 192.0.2.1:81\r\n\r\n", "192.0.2.1:81", "", 81},
	    {"GET / HTTP/1.1\r\nHost: [2001:db8::1]:82\r\n\r\n", "[2001:db8::1]:82", "", 82},
	    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "", "", 0},
	    {"GET / HTTP/1.0\r\n\r\n", "", "", 0},
	    {"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n", "a.example", "a.example", 0},
	    {"GET http://b.example/x HTTP/1.1\r\nHost: b.example\r\n\r\n", "b.example", "b.example", 0},
	    {"GET http://b.example:80?x HTTP/1.1\r\nHost: B.example\r\n\r\n", "b.example:80", "b.example",
	     80},
	    {"GET https://b.example HTTP/1.1\r\nHost: b.example:443\r\n\r\n", "b.example", "b.example", 0},
	    {"GET http://b.example/ HTTP/1.0\r\n\r\n", "b.example", "b.example", 0},
	    {"CONNECT c.example:443 HTTP/1.1\r\nHost: c.example:443\r\n\r\n", "c.example:443", "c.example",
	     443},
	    {"CONNECT c.example:443 HTTP/1.1\r\nHost: c.example\r\n\r\n", "c.example:443", "c.example", 443},
	    {"CONNECT [::1]:443 HTTP/1.0\r\n\r\n", "[::1]:443", "", 443},
	    {"OPTIONS * HTTP/1.1\r\nHost: d.example\r\n\r\n", "d.example", "d.example", 0},
	    {"GET /http://e.example/ HTTP/1.1\r\nHost: f.example\r\n\r\n", "f.example", "f.example", 0},
	    {"PROPFIND //e.example/ HTTP/1.1\r\nHost: f.example\r\n\r\n", "f.example", "f.example", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct http_head h;

		assert_int_equal(found(t[i].text, &h), HTTP_DONE);
		assert_int_equal(http_head_read(view_of(t[i].text, strlen(t[i].text)), &h), HTTP_DONE);
		goes_to(&h, t[i].authority, t[i].name, t[i].port);
	}

	struct http_head h;
	assert_int_equal(found(t[4].text, &h), HTTP_DONE);
	assert_true(addr_is_v4(&h.addr) && addr_to_v4(&h.addr) == 0xc0000201);
	assert_int_equal(found(t[5].text, &h), HTTP_DONE);
	assert_int_equal(h.addr.b[15], 1);
}

static void
how_long_the_body_is(void **state)
{
	static const struct {
		const char *fields;
		enum http_body body;
		uint64_t length;
		bool close, expects;
	} t[] = {
	    {"", HTTP_BODY_NONE, 0, false, false},
	    {"Content-Length: 0\r\n", HTTP_BODY_NONE, 0, false, false},
	    {"Content-Length: 17\r\nExpect: 100-Continue\r\n", HTTP_BODY_LENGTH, 17, false, true},
	    {"Content-Length: 000000000000000000000000017\r\n", HTTP_BODY_LENGTH, 17, false, false},
	    {"Content-Length: 9223372036854775799\r\n", HTTP_BODY_LENGTH, 9223372036854775799u, false, false},
	    {"Transfer-Encoding: chunked\r\n", HTTP_BODY_CHUNKED, 0, false, false},
	    {"transfer-ENCODING:  Chunked \r\nConnection: x , close\r\n", HTTP_BODY_CHUNKED, 0, true, false},
	    {"Connection: Upgrade\r\nUpgrade: websocket\r\n", HTTP_BODY_TUNNEL, 0, false, false},
	    {"Upgrade: h2c\r\nContent-Length: 1\r\n", HTTP_BODY_LENGTH, 1, false, false},
	};
	char text[512];
	struct http_head h;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", t[i].fields);
		assert_int_equal(found(text, &h), HTTP_DONE);
		assert_int_equal(h.body, t[i].body);
		assert_int_equal(h.length, t[i].length);
		assert_int_equal(h.close, t[i].close);
		assert_int_equal(h.expects, t[i].expects);
	}
	assert_int_equal(found("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", &h), HTTP_DONE);
	assert_int_equal(h.body, HTTP_BODY_TUNNEL);
	assert_int_equal(found("GET / HTTP/1.0\r\nUpgrade: x\r\n\r\n", &h), HTTP_DONE);
	assert_int_equal(h.body, HTTP_BODY_NONE);
	assert_true(h.close);
	assert_int_equal(found("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &h), HTTP_DONE);
	assert_false(h.close);
}

/* --- H1: where a request begins, ends and goes -------------------------------------------------------------------- */

static void
H1_before_the_request(void **state)
{
	static const char *const t[] = {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
					"\nGET / HTTP/1.1\r\n",
					" GET / HTTP/1.1\r\n",
					"\tGET /",
					"\r",
					"\v",
					"\f"};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		expect_bad(t[i], "blanks or an empty line before the request");
}

static void
H1_request_lines(void **state)
{
	static const struct {
		const char *text, *why;
	} t[] = {
	    {"GET / HTTP/1.1\nHost: a\r\n\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET / HTTP/2.0\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET / HTTP/1.2\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET / HTTP/1.10\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET / http/1.1\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET / HTTP/1.1 \r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET / HTTP/1.1\r\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET /\tHTTP/1.1\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET\t/ HTTP/1.1\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET HTTP/1.1\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET  HTTP/1.1\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET /\r\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET http://evil.example/\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"PRI * HTTP/2.0\n", "the request line does not end in HTTP/1.0 or HTTP/1.1"},
	    {"GET  / HTTP/1.1\r\n", "a blank or a control character in the target"},
	    {"GET / /x HTTP/1.1\r\n", "a blank or a control character in the target"},
	    {"GET /\x7f HTTP/1.1\r\n", "a blank or a control character in the target"},
	    {"GET /\r HTTP/1.1\r\n", "a blank or a control character in the target"},
	    {"GET\r /x HTTP/1.1\r\n", "the method is no token"},
	};
	struct http_head h;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		expect_bad(t[i].text, t[i].why);
	assert_int_equal(found_in("POST /\0 HTTP/1.1\r\n", 18, &h), HTTP_BAD);
}

static void
H1_targets(void **state)
{
	static const struct {
		const char *target, *why;
	} t[] = {
	    {"a.example", "the target is neither a path nor absolute"},
	    {"*", "the target is neither a path nor absolute"},
	    {"http:/evil.example/", "the target is neither a path nor absolute"},
	    {"http:evil.example", "the target is neither a path nor absolute"},
	    {"://evil.example", "the target is neither a path nor absolute"},
	    {"h%74tp://a.example/", "the target is neither a path nor absolute"},
	    {"http:///x", "the target is neither a path nor absolute"},
	    {"http://evil.example/", "Host and the target do not agree"},
	    {"http://evil.example:80/", "Host and the target do not agree"},
	    {"http://a.example:81/", "Host and the target do not agree"},
	    {"http://192.0.2.1/", "Host and the target do not agree"},
	    {"http://a.example@evil.example/", "the target is neither a name nor an address"},
	    {"http://evil.example:x/", "the target is neither a name nor an address"},
	    {"http://evil_example..x/", "the target is neither a name nor an address"},
	    {"http://[::1/", "the target is neither a name nor an address"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a.example\r\n\r\n", t[i].target);
		expect_bad(text, t[i].why);
	}
	expect_bad("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", "the target is neither a name nor an address");
	expect_bad("CONNECT evil:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "Host and the target do not agree");
	expect_bad("CONNECT a:443 HTTP/1.1\r\nHost: a:80\r\n\r\n", "Host and the target do not agree");
	expect_bad("GET http://a/ HTTP/1.1\r\n\r\n", "no Host");
	expect_bad("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", "Host and the target do not agree");
}

static void
H1_hosts(void **state)
{
	static const struct {
		const char *fields, *why;
	} t[] = {
	    {"", "no Host"},
	    {"Host: a\r\nHost: a\r\n", "several Host fields"},
	    {"Host: a\r\nX: y\r\nhost: b\r\n", "several Host fields"},
	    {"Host:\r\nHost:\r\n", "several Host fields"},
	    {"Host: a, b\r\n", "Host is neither a name nor an address"},
	    {"Host: a b\r\n", "Host is neither a name nor an address"},
	    {"Host: a/b\r\n", "Host is neither a name nor an address"},
	    {"Host: u@a\r\n", "Host is neither a name nor an address"},
	    {"Host: http://a\r\n", "Host is neither a name nor an address"},
	    {"Host: a..b\r\n", "Host is neither a name nor an address"},
	    {"Host: .\r\n", "Host is neither a name nor an address"},
	    {"Host: :80\r\n", "Host is neither a name nor an address"},
	    {"Host: a:0\r\n", "Host is neither a name nor an address"},
	    {"Host: a:65536\r\n", "Host is neither a name nor an address"},
	    {"Host: a:000080\r\n", "Host is neither a name nor an address"},
	    {"Host: a:8 0\r\n", "Host is neither a name nor an address"},
	    {"Host: a:80:80\r\n", "Host is neither a name nor an address"},
	    {"Host: ::1\r\n", "Host is neither a name nor an address"},
	    {"Host: [::1\r\n", "Host is neither a name nor an address"},
	    {"Host: [::1]x\r\n", "Host is neither a name nor an address"},
	    {"Host: []\r\n", "Host is neither a name nor an address"},
	    {"Host: [1.2.3.4]\r\n", "Host is neither a name nor an address"},
	    {"Host: [fe80::1%25eth0]\r\n", "Host is neither a name nor an address"},
	    {"Host: \xc3\xbc.example\r\n", "Host is neither a name nor an address"},
	    {"Host : a\r\n", "a blank or an odd character in a field's name"},
	    {"Host\t: a\r\n", "a blank or an odd character in a field's name"},
	    {"Host\v: a\r\n", "a blank or an odd character in a field's name"},
	    {" Host: a\r\n", "a folded line"},
	    {"Host: a\r\n\tb\r\n", "a folded line"},
	    {"Host: a\r\n b\r\n", "a folded line"},
	    {"X: y\n\nHost: a\r\n", "a line that ends without CR"},
	    {"Host: a\n", "a line that ends without CR"},
	    {"X: y\rHost: a\r\n", "a control character in a field"},
	    {"Host: a\v\r\n", "a control character in a field"},
	    {"Host: a\r\r\n", "a control character in a field"},
	    {"Host\r\n", "a line that is no field"},
	    {": a\r\n", "a line that is no field"},
	};
	struct http_head h;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", t[i].fields);
		expect_bad(text, t[i].why);
	}
	static const char nul[] = "GET / HTTP/1.1\r\nHost: good\0.evil\r\n\r\n";
	assert_int_equal(found_in(nul, sizeof(nul) - 1, &h), HTTP_BAD);
	assert_string_equal(h.why, "a control character in a field");
}

static void
H1_not_http(void **state)
{
	static const char *const t[] = {
	    "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
	    "SSH-2.0-Go\r\n",
	    "EHLO there\r\n",
	    "*1\r\n",
	    "get key\r\n",
	    "PRI * HTTP/2.0\r\n",
	    "REGISTER sip:a SIP/2.0\r\n",
	    "OPTIONS rtsp://a RTSP/1.0\r\n",
	    "0032git-upload-pack /x\1",
	    "\x81\x05hello",
	    "\x1a",
	    "{",
	    "\x7f",
	    "abcdefghijklmnopqrstuvwxyzabcdefg",
	    "HELLO\n",
	};
	struct http_head h;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		expect_not(t[i]);
	assert_int_equal(found_in("\0", 1, &h), HTTP_NOT);
	assert_int_equal(found_in("\x16\3\1", 3, &h), HTTP_NOT);
	/* What may still become a request is waited for. */
	assert_int_equal(found("abcdefghijklmnopqrstuvwxyzabcdef", &h), HTTP_MORE);
	assert_int_equal(found("", &h), HTTP_MORE);
}

/* --- the limit ------------------------------------------------------------------------------------------------------------ */

static char *
long_head(size_t len, bool lines)
{
	static const char first[] = "GET / HTTP/1.1\r\nHost: a\r\n";
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, first, sizeof(first) - 1);
	memcpy(text + sizeof(first) - 1, "x:", 2);
	for (size_t i = sizeof(first) + 8; lines && i + 8 < len; i += 5)
		memcpy(text + i, "\r\nx:y", 5);
	memcpy(text + len - 4, "\r\n\r\n", 4);
	return text;
}

static void
longest_head(void **state)
{
	struct http_head h;

	(void)state;
	for (int lines = 0; lines < 2; lines++) {
		char *text = long_head(HTTP_HEAD_MAX, lines);

		assert_int_equal(found_in(text, HTTP_HEAD_MAX, &h), HTTP_DONE);
		assert_int_equal(h.len, HTTP_HEAD_MAX);
		free(text);
		text = long_head(HTTP_HEAD_MAX + 1, lines);
		assert_int_equal(http_head_read(view_of(text, HTTP_HEAD_MAX - 1), &h), HTTP_MORE);
		assert_int_equal(http_head_read(view_of(text, HTTP_HEAD_MAX + 1), &h), HTTP_LONG);
		/* A fault before the limit counts. */
		memcpy(text + 1000, "\nxx", 3);
		assert_int_equal(http_head_read(view_of(text, HTTP_HEAD_MAX + 1), &h), HTTP_BAD);
		free(text);
	}
}

/* --- H2: where the next request begins ------------------------------------------------------------------------------- */

static void
H2_framing(void **state)
{
	static const struct {
		const char *fields, *why;
	} t[] = {
	    {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length and Transfer-Encoding"},
	    {"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "Content-Length and Transfer-Encoding"},
	    {"Content-Length: 5\r\nContent-Length: 5\r\n", "several Content-Length"},
	    {"Content-Length: 5\r\ncontent-length: 6\r\n", "several Content-Length"},
	    {"Content-Length: 5, 5\r\n", "Content-Length is no number"},
	    {"Content-Length: +5\r\n", "Content-Length is no number"},
	    {"Content-Length: -5\r\n", "Content-Length is no number"},
	    {"Content-Length: 0x5\r\n", "Content-Length is no number"},
	    {"Content-Length: 5 5\r\n", "Content-Length is no number"},
	    {"Content-Length:\r\n", "Content-Length is no number"},
	    {"Content-Length: 18446744073709551616\r\n", "Content-Length is too large"},
	    {"Content-Length: 18446744073709551621\r\n", "Content-Length is too large"},
	    {"Content-Length: 9223372036854775808\r\n", "Content-Length is too large"},
	    {"Transfer-Encoding: gzip, chunked\r\n", "a Transfer-Encoding that is not just chunked"},
	    {"Transfer-Encoding: chunked, identity\r\n", "a Transfer-Encoding that is not just chunked"},
	    {"Transfer-Encoding: identity\r\n", "a Transfer-Encoding that is not just chunked"},
	    {"Transfer-Encoding: xchunked\r\n", "a Transfer-Encoding that is not just chunked"},
	    {"Transfer-Encoding:\r\n", "a Transfer-Encoding that is not just chunked"},
	    {"Transfer-Encoding: \"chunked\"\r\n", "a Transfer-Encoding that is not just chunked"},
	    {"Transfer-Encoding: chunked;x=y\r\n", "a Transfer-Encoding that is not just chunked"},
	    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
	     "a Transfer-Encoding that is not just chunked"},
	    {"Transfer-Encoding\v: chunked\r\n", "a blank or an odd character in a field's name"},
	    {"Transfer-Encoding: \vchunked\r\n", "a control character in a field"},
	    {"Transfer-Encoding:\r\n chunked\r\n", "a Transfer-Encoding that is not just chunked"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", t[i].fields);
		expect_bad(text, t[i].why);
	}
	expect_bad("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding in HTTP/1.0");
	expect_bad("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 0\r\n\r\n", "CONNECT with a body");
}

/* Pipelined requests: each begins where the one before ends. */
static void
H2_pipelined(void **state)
{
	static const char text[] = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
	struct http_head h;

	(void)state;
	assert_int_equal(http_head_read(view_of(text, sizeof(text) - 1), &h), HTTP_DONE);
	is(h.target, "/1");
	size_t at = h.len;
	assert_int_equal(http_head_read(view_of(text + at, sizeof(text) - 1 - at), &h), HTTP_DONE);
	is(h.target, "/2");
	is(h.authority, "b");
	assert_int_equal(at + h.len, sizeof(text) - 1);
}

/* --- chunks ---------------------------------------------------------------------------------------------------------------- */

/* How much of it is the body (-1: broken), however it is cut. */
static ptrdiff_t
chunked(const char *text, size_t len, bool *done)
{
	struct http_chunks c = {.left = 0};
	ptrdiff_t all = http_chunks_read(&c, view_of(text, len), done);

	for (size_t piece = 1; piece < len && piece < 64; piece++) {
		bool ended = false, broken = false;
		size_t at = 0;

		c = (struct http_chunks){.left = 0};
		while (at < len && !ended && !broken) {
			size_t n = len - at < piece ? len - at : piece;
			ptrdiff_t took = http_chunks_read(&c, view_of(text + at, n), &ended);

			broken = took < 0;
			at += broken ? 0 : (size_t)took;
			assert_true(broken || ended || (size_t)took == n);
		}
		assert_int_equal(broken, all < 0);
		assert_int_equal(ended, *done);
		assert_true(broken || at == (size_t)all);
	}
	return all;
}

static void
H2_chunks(void **state)
{
	static const struct {
		const char *text;
		ptrdiff_t len; /* -1: broken; what is unfinished is taken whole */
		bool done;
	} t[] = {
	    {"0\r\n\r\nGET", 5, true},
	    {"5\r\nhello\r\n0\r\n\r\nGET", 15, true},
	    {"A;ext=\"v\"\r\n0123456789\r\n000\r\n\r\n", 30, true},
	    {"1\r\na\r\n0\r\nTrailer: x\r\nB: \ty\r\n\r\nrest", 30, true},
	    {"5\r\nhel", 6, false},
	    {"7fffffffffffffff\r\nx", 19, false},
	    {"", 0, false},
	    {"\r\n", -1, false},
	    {"g\r\n", -1, false},
	    {" 5\r\nhello\r\n", -1, false},
	    {"5 \r\nhello\r\n", -1, false},
	    {"+5\r\nhello\r\n", -1, false},
	    {"-5\r\nhello\r\n", -1, false},
	    {"0x5\r\nhello\r\n", -1, false},
	    {"5\nhello\r\n", -1, false},
	    {"5\rhello\r\n", -1, false},
	    {"5;a\nhello\r\n", -1, false},
	    {"5;a\rb\r\nhello\r\n", -1, false},
	    {"5\r\nhelloX\r\n", -1, false},
	    {"5\r\nhello\n", -1, false},
	    {"5\r\nhello\r\r\n", -1, false},
	    {"10000000000000005\r\nhello", -1, false},
	    {"8000000000000000\r\nhello", -1, false},
	    {"ffffffffffffffff\r\nhello", -1, false},
	    {"0\r\n folded: x\r\n\r\n", -1, false},
	    {"0\r\n: x\r\n\r\n", -1, false},
	    {"0\r\nno field\r\n\r\n", -1, false},
	    {"0\r\na: b\n\r\n", -1, false},
	    {"0\r\n\n", -1, false},
	    {"0\r\n\rX", -1, false},
	};
	bool done;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(chunked(t[i].text, strlen(t[i].text), &done), t[i].len);
		assert_int_equal(done, t[i].done);
	}
}

/* What nobody reads is bounded: leading zeros, extensions, trailers. */
static void
H2_chunk_limits(void **state)
{
	static char text[40000];
	struct http_chunks c;
	bool done;

	(void)state;
	memset(text, '0', sizeof(text));
	c = (struct http_chunks){.left = 0};
	assert_int_equal(http_chunks_read(&c, view_of(text, 4096), &done), 4096);
	assert_int_equal(http_chunks_read(&c, view_of(text, 1), &done), -1);
	memcpy(text, "1;", 2);
	c = (struct http_chunks){.left = 0};
	assert_int_equal(http_chunks_read(&c, view_of(text, 5000), &done), -1);
	memset(text, 'a', sizeof(text));
	memcpy(text, "0\r\n", 3);
	for (size_t i = 10; i + 4 < sizeof(text); i += 100)
		memcpy(text + i, ":\r\n", 3);
	c = (struct http_chunks){.left = 0};
	assert_int_equal(http_chunks_read(&c, view_of(text, 16000), &done), 16000);
	assert_int_equal(http_chunks_read(&c, view_of(text + 16000, 1000), &done), -1);
	/* It stays broken. */
	assert_int_equal(http_chunks_read(&c, view_of("0\r\n\r\n", 5), &done), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ordinary_request),
	    cmocka_unit_test(where_it_goes),
	    cmocka_unit_test(how_long_the_body_is),
	    cmocka_unit_test(H1_before_the_request),
	    cmocka_unit_test(H1_request_lines),
	    cmocka_unit_test(H1_targets),
	    cmocka_unit_test(H1_hosts),
	    cmocka_unit_test(H1_not_http),
	    cmocka_unit_test(longest_head),
	    cmocka_unit_test(H2_framing),
	    cmocka_unit_test(H2_pipelined),
	    cmocka_unit_test(H2_chunks),
	    cmocka_unit_test(H2_chunk_limits),
	};

	return cmocka_run_group_tests_name("HTTP heads", tests, NULL, NULL);
}
