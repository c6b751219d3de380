/*
 * http_response_test.c - the reader of HTTP/1 response heads
 *
 * Every case is read whole, byte by byte and cut at every place: what is found, and at which byte, must be the same.
 */
#include "http/response.h"
#include "test/unit/wire_kit.h"

static const struct http_asked get, head = {.head = true}, connect = {.connect = true},
				    upgrade = {.upgrade = true};

static enum http_reading
read_exact(struct http_response_reader *r, const char *text, size_t len, const struct http_asked *asked,
	   struct http_response *h)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	enum http_reading got = http_response_read(r, view_of(copy, len), asked, h);
	free(copy);
	return got;
}

static void
same(const struct http_response *a, const struct http_response *b)
{
	assert_int_equal(a->len, b->len);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->framed, b->framed);
	assert_int_equal(a->length, b->length);
	assert_int_equal(a->close, b->close);
	assert_int_equal(a->encoded, b->encoded);
	assert_int_equal(a->reason.len, b->reason.len);
	assert_ptr_equal(a->why, b->why);
}

static enum http_reading
found(const char *text, const struct http_asked *asked, struct http_response *h)
{
	struct http_response_reader r = {.at = 0};
	size_t len = strlen(text), settled = 0;
	enum http_reading got = http_response_read(&r, view_of(text, len), asked, h), part = HTTP_MORE;
	struct http_response other;

	r = (struct http_response_reader){.at = 0};
	while (part == HTTP_MORE && settled < len)
		part = read_exact(&r, text, ++settled, asked, &other);
	assert_int_equal(part, got);
	same(h, &other);
	for (size_t cut = 1; cut < len; cut++) {
		r = (struct http_response_reader){.at = 0};
		part = read_exact(&r, text, cut, asked, &other);
		assert_true(cut < settled || got == HTTP_MORE ? part == HTTP_MORE : part == got);
		if (part == HTTP_MORE)
			assert_int_equal(read_exact(&r, text, len, asked, &other), got);
		same(h, &other);
	}
	return got;
}

static void
framing(void **state)
{
	static const struct {
		const char *text;
		const struct http_asked *asked;
		enum http_framing framed;
		uint64_t length;
		bool close;
	} row[] = {
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", &get, HTTP_FRAMED_LENGTH, 5, false},
	    {"HTTP/1.1 200 OK\r\ncontent-length:5\r\nconnection: close\r\n\r\n", &get, HTTP_FRAMED_LENGTH, 5,
	     true},
	    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", &get, HTTP_FRAMED_LENGTH, 5, true},
	    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n", &get,
	     HTTP_FRAMED_LENGTH, 5, false},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &get, HTTP_FRAMED_NONE, 0, false},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &get, HTTP_FRAMED_CHUNKED, 0, false},
	    {"HTTP/1.1 200 OK\r\n\r\n", &get, HTTP_FRAMED_CLOSE, 0, true},
	    {"HTTP/1.1 200\r\n\r\n", &get, HTTP_FRAMED_CLOSE, 0, true},
	    {"HTTP/1.1 999 \r\n\r\n", &get, HTTP_FRAMED_CLOSE, 0, true},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", &head, HTTP_FRAMED_NONE, 0, false},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &head, HTTP_FRAMED_NONE, 0, false},
	    {"HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", &get, HTTP_FRAMED_NONE, 0, false},
	    {"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", &get, HTTP_FRAMED_NONE, 0, false},
	    {"HTTP/1.1 100 Continue\r\n\r\n", &get, HTTP_FRAMED_NONE, 0, false},
	    {"HTTP/1.1 101 Yes\r\nUpgrade: x\r\n\r\n", &upgrade, HTTP_FRAMED_TUNNEL, 0, false},
	    {"HTTP/1.1 200 Yes\r\nContent-Length: 9\r\n\r\n", &connect, HTTP_FRAMED_TUNNEL, 0, false},
	    {"HTTP/1.1 407 No\r\nContent-Length: 9\r\n\r\n", &connect, HTTP_FRAMED_LENGTH, 9, false},
	};
	struct http_response h;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(found(row[i].text, row[i].asked, &h), HTTP_DONE);
		assert_int_equal(h.len, strlen(row[i].text));
		assert_int_equal(h.framed, row[i].framed);
		assert_int_equal(h.length, row[i].length);
		assert_int_equal(h.close, row[i].close);
		assert_int_equal(h.status, (row[i].text[9] - '0') * 100 + (row[i].text[10] - '0') * 10 +
					       row[i].text[11] - '0');
	}
	assert_int_equal(found("HTTP/1.1 200 All is\twell\r\nContent-Encoding: gzip\r\n\r\nbody", &get, &h),
			 HTTP_DONE);
	assert_memory_equal(h.reason.p, "All is\twell", 11);
	assert_true(h.encoded);
	found("HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\n\r\n", &get, &h);
	assert_false(h.encoded);
}

static void
refused(void **state)
{
	static const struct {
		const char *text, *why;
	} row[] = {
	    {"x", "no status line"},
	    {"\r\nHTTP/1.1 200 OK\r\n", "no status line"},
	    {"HTTP/1.2 200 OK\r\n\r\n", "no status line"},
	    {"HTTP/2 200\r\n\r\n", "no status line"},
	    {"http/1.1 200 OK\r\n\r\n", "no status line"},
	    {"HTTP/1.1  200 OK\r\n\r\n", "no status line"},
	    {"HTTP/1.1 020 OK\r\n\r\n", "no status line"},
	    {"HTTP/1.1 20 OK\r\n\r\n", "no status line"},
	    {"HTTP/1.1 2000 OK\r\n\r\n", "no status line"},
	    {"HTTP/1.1 200x\r\n\r\n", "no status line"},
	    {"HTTP/1.1 200 OK\n\n", "a line that ends without CR"},
	    {"HTTP/1.1 200 O\rK\r\n\r\n", "a control character in the status line"},
	    {"HTTP/1.1 200 OK\r\nA: b\n\r\n", "a line that ends without CR"},
	    {"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n", "a control character in a field"},
	    {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "a folded line"},
	    {"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "a folded line"},
	    {"HTTP/1.1 200 OK\r\nA\r\n\r\n", "a line that is no field"},
	    {"HTTP/1.1 200 OK\r\n: b\r\n\r\n", "a line that is no field"},
	    {"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n",
	     "a blank or an odd character in a field's name"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "several Content-Length"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", "Content-Length is no number"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "Content-Length is no number"},
	    {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", "Content-Length is no number"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n", "Content-Length is too large"},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
	     "a Transfer-Encoding that is not just chunked"},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
	     "a Transfer-Encoding that is not just chunked"},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	     "a Transfer-Encoding that is not just chunked"},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
	     "Content-Length and Transfer-Encoding"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
	     "Content-Length and Transfer-Encoding"},
	    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding in HTTP/1.0"},
	    {"HTTP/1.0 100 Go\r\n\r\n", "an interim response in HTTP/1.0"},
	    {"HTTP/1.1 101 Yes\r\nUpgrade: x\r\n\r\n", "it changes to a protocol that was not asked for"},
	    {"HTTP/1.1 204 No\r\nContent-Length: 1\r\n\r\n", "a body where none can be"},
	    {"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", "a body where none can be"},
	    {"HTTP/1.1 103 Early\r\nContent-Length: 1\r\n\r\n", "a body where none can be"},
	};
	struct http_response h;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (found(row[i].text, &get, &h) != HTTP_BAD)
			fail_msg("'%s' passes", row[i].text);
		assert_string_equal(h.why, row[i].why);
	}
	/* Without Upgrade in it 101 says nothing. */
	assert_int_equal(found("HTTP/1.1 101 Yes\r\n\r\n", &upgrade, &h), HTTP_BAD);
}

static void
limits(void **state)
{
	static char text[HTTP_HEAD_MAX + 10];
	struct http_response_reader r = {.at = 0};
	struct http_response h;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "HTTP/1.1 200 OK\r\nA:", 19);
	assert_int_equal(http_response_read(&r, view_of(text, HTTP_HEAD_MAX - 1), &get, &h), HTTP_MORE);
	assert_int_equal(http_response_read(&r, view_of(text, HTTP_HEAD_MAX), &get, &h), HTTP_LONG);
	memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	r = (struct http_response_reader){.at = 0};
	assert_int_equal(http_response_read(&r, view_of(text, sizeof(text)), &get, &h), HTTP_DONE);
	assert_int_equal(h.len, HTTP_HEAD_MAX);
	r = (struct http_response_reader){.at = 0};
	assert_int_equal(http_response_read(&r, view_of(NULL, 0), &get, &h), HTTP_MORE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(framing),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
