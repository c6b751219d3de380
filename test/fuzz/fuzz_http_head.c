/*
 * fuzz_http_head.c - any bytes as HTTP/1 requests with their bodies, cut anywhere
 *
 * The input: one byte that says how it is cut, then the guest's bytes.  What is found does not depend on the cut.  A head that
 * is found is read again by another hand, which knows only how lines end and how fields begin: nothing in it can be
 * read in two ways.  Bodies are passed over, and what follows is the next request.
 */
#include "http/head.h"

#include "test/fuzz/wire_kit.h"

static bool
begins(struct view line, const char *text)
{
	size_t i = 0;

	for (; i < line.len && text[i]; i++) {
		uint8_t c = line.p[i];

		if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (uint8_t)text[i])
			return false;
	}
	return text[i] == '\0';
}

/* How often the first naive reader that comes along would see a field. */
static void
check_lines(const struct http_head *h, struct view head)
{
	unsigned hosts = 0, lengths = 0, codings = 0, empty = 0;

	for (size_t at = 0, n = 0; at < head.len; at += n) {
		const uint8_t *lf = memchr(head.p + at, '\n', head.len - at);

		if (!lf || lf == head.p + at || lf[-1] != '\r')
			abort();
		n = (size_t)(lf - head.p) - at + 1;
		struct view line = view_of(head.p + at, n - 2);
		must(!memchr(line.p, '\r', line.len) && !memchr(line.p, '\0', line.len));
		must(line.len == 0 || (line.p[0] != ' ' && line.p[0] != '\t'));
		empty += line.len == 0;
		hosts += begins(line, "host") && line.len > 4 && line.p[4] == ':';
		lengths += begins(line, "content-length:");
		codings += begins(line, "transfer-encoding:");
		/* In the first line those are methods. */
		must(at == 0 || (!begins(line, "host ") && !begins(line, "transfer-encoding ")));
	}
	must(empty == 1);
	must(hosts == 1 || (hosts == 0 && h->minor == 0));
	must(lengths + codings <= 1);
	must((h->body == HTTP_BODY_CHUNKED) == (codings == 1));
	must(h->body != HTTP_BODY_LENGTH || (lengths == 1 && h->length > 0));
}

static void
check_authority(const struct http_head *h)
{
	static const struct addr none;

	must(h->name.len == 0 || addr_eq(&h->addr, &none));
	must(h->authority.len > 0 || (h->name.len == 0 && addr_eq(&h->addr, &none) && h->port == 0));
}

/* A whole head: nothing depends on what follows, and nothing less is enough. */
static void
check_done(const struct http_head *h, struct view in)
{
	struct http_head again;

	must(h->len > 0 && h->len <= in.len && h->len <= HTTP_HEAD_MAX);
	must(http_head_read(view_of(in.p, h->len), &again) == HTTP_DONE && again.len == h->len);
	must(name_eq(&again.name, &h->name) && again.body == h->body && again.length == h->length);
	must(http_head_read(view_of(in.p, h->len - 1), &again) == HTTP_MORE);
	check_lines(h, view_of(in.p, h->len));
	check_authority(h);
}

static enum http_reading
read_head(struct view in, size_t piece, struct http_head *h)
{
	enum http_reading got = http_head_read(in, h), cut = HTTP_MORE;
	struct http_reader r = {.at = 0};
	struct http_head other;

	for (size_t at = 0; cut == HTTP_MORE && at < in.len;) {
		at = in.len - at < piece ? in.len : at + piece;
		cut = http_reader_read(&r, view_of(in.p, at), &other);
	}
	must(in.len == 0 || cut == got);
	if (got == HTTP_BAD)
		must(h->why && h->why == other.why);
	if (got == HTTP_DONE) {
		must(h->len == other.len && name_eq(&h->name, &other.name) && h->body == other.body);
		must_be_same(h->target, other.target);
		must_be_same(h->authority, other.authority);
		check_done(h, in);
	}
	return got;
}

/* Bytes of a chunked body; in.len if it does not end, or is broken. */
static size_t
read_chunks(struct view in, size_t piece)
{
	struct http_chunks a = {.left = 0}, b = {.left = 0};
	bool done, ended = false;
	ptrdiff_t all = http_chunks_read(&a, in, &done), n = 0;
	size_t at = 0;

	while (at < in.len && !ended && n >= 0) {
		size_t len = in.len - at < piece ? in.len - at : piece;

		n = http_chunks_read(&b, view_of(in.p + at, len), &ended);
		must(n <= (ptrdiff_t)len && (n < 0 || ended || n == (ptrdiff_t)len));
		at += n < 0 ? 0 : (size_t)n;
	}
	must((n < 0) == (all < 0) && ended == done);
	must(all < 0 || at == (size_t)all);
	return done ? at : in.len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece, at = 0;
	struct http_head h;

	if (size < 1)
		return 0;
	piece = 1u + data[0];
	struct view in = view_of(data + 1, size - 1);
	while (at < in.len) {
		struct view rest = view_of(in.p + at, in.len - at);

		if (read_head(rest, piece, &h) != HTTP_DONE)
			break;
		at += h.len;
		rest = view_of(in.p + at, in.len - at);
		if (h.body == HTTP_BODY_CHUNKED)
			at += read_chunks(rest, piece);
		else if (h.body == HTTP_BODY_LENGTH)
			at += h.length < rest.len ? (size_t)h.length : rest.len;
		else if (h.body == HTTP_BODY_TUNNEL)
			break;
	}
	/* And as a body of its own. */
	read_chunks(in, piece);
	return 0;
}
