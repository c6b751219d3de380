/*
 * response.c - one HTTP/1 response head
 *
 * The first bytes are looked at as they come, because a server that speaks something else may never end a line; from there on
 * whole lines are judged.
 */
#include "http/response.h"
#include "http/text.h"

enum {
	SEEN_FIRST = 1 << 0, /* the status line */
	SEEN_LENGTH = 1 << 1,
	SEEN_CODING = 1 << 2,
	SEEN_CLOSE = 1 << 3,
	SEEN_KEEP_ALIVE = 1 << 4,
	SEEN_ENCODED = 1 << 5,
	SEEN_UPGRADE = 1 << 6,
};

#define STATUS_LINE (sizeof("HTTP/1.1 200") - 1)

static enum http_reading
bad(struct http_response_reader *r, const char *why)
{
	r->why = why;
	return HTTP_BAD;
}

/* --- the status line (RFC 9112 4) ------------------------------------------------------------------------------ */

/* Is what there is of it how one begins? */
static bool
begins(struct view line)
{
	static const char shape[] = "HTTP/1.v sdd";

	for (size_t i = 0; i < line.len && i < sizeof(shape) - 1; i++) {
		uint8_t c = line.p[i];

		if (shape[i] == 'v'   ? c != '0' && c != '1'
		    : shape[i] == 's' ? c < '1' || c > '9'
		    : shape[i] == 'd' ? !text_is_digit(c)
				      : c != (uint8_t)shape[i])
			return false;
	}
	return true;
}

/* Without its CRLF.  The blank before an empty reason is often left out. */
static enum http_reading
read_first(struct http_response_reader *r, struct view line)
{
	if (line.len < STATUS_LINE || (line.len > STATUS_LINE && line.p[STATUS_LINE] != ' '))
		return bad(r, "no status line");
	for (size_t i = STATUS_LINE; i < line.len; i++) {
		if (text_is_control(line.p[i]) && line.p[i] != '\t')
			return bad(r, "a control character in the status line");
	}
	r->minor = (uint8_t)(line.p[7] - '0');
	r->status = (uint16_t)((line.p[9] - '0') * 100 + (line.p[10] - '0') * 10 + (line.p[11] - '0'));
	r->reason = line.len > STATUS_LINE ? (uint32_t)(line.len - STATUS_LINE - 1) : 0;
	r->seen = SEEN_FIRST;
	return HTTP_MORE;
}

/* --- fields ---------------------------------------------------------------------------------------------------------- */

static enum http_reading
read_length(struct http_response_reader *r, struct view value)
{
	const char *why =
	    r->seen & SEEN_LENGTH ? "several Content-Length" : http_length_read(value, &r->length);

	if (why)
		return bad(r, why);
	r->seen |= SEEN_LENGTH;
	return HTTP_MORE;
}

static enum http_reading
read_field(struct http_response_reader *r, struct view line)
{
	struct view name, value;
	const char *why = http_field_read(line, &name, &value);

	if (why)
		return bad(r, why);
	if (text_same(name, "content-length"))
		return read_length(r, value);
	if (text_same(name, "transfer-encoding")) {
		if (r->seen & SEEN_CODING || !text_same(value, "chunked"))
			return bad(r, "a Transfer-Encoding that is not just chunked");
		r->seen |= SEEN_CODING;
	} else if (text_same(name, "connection")) {
		r->seen |= text_lists(value, "close") ? SEEN_CLOSE : 0;
		r->seen |= text_lists(value, "keep-alive") ? SEEN_KEEP_ALIVE : 0;
	} else if (text_same(name, "content-encoding")) {
		r->seen |= value.len && !text_same(value, "identity") ? SEEN_ENCODED : 0;
	} else if (text_same(name, "upgrade")) {
		r->seen |= SEEN_UPGRADE;
	}
	return HTTP_MORE;
}

/* --- the body (RFC 9112 6.3) ----------------------------------------------------------------------------------- */

/* 101, or 2xx to CONNECT, whose lengths mean nothing (RFC 9110 9.3.6). */
static bool
is_tunnel(const struct http_response_reader *r, const struct http_asked *asked)
{
	return r->status == 101 || (asked->connect && r->status / 100 == 2);
}

static enum http_reading
settle_body(struct http_response_reader *r, const struct http_asked *asked, struct http_response *h)
{
	bool interim = r->status < 200, never = interim || r->status == 204;

	if ((r->seen & SEEN_LENGTH) && (r->seen & SEEN_CODING))
		return bad(r, "Content-Length and Transfer-Encoding");
	if ((r->seen & SEEN_CODING) && r->minor == 0)
		return bad(r, "Transfer-Encoding in HTTP/1.0");
	if (interim && r->minor == 0)
		return bad(r, "an interim response in HTTP/1.0");
	if (r->status == 101 && (!asked->upgrade || !(r->seen & SEEN_UPGRADE)))
		return bad(r, "it changes to a protocol that was not asked for");
	/* RFC 9112 6.1, 6.2: there is none, so a server that says otherwise will be read in two ways. */
	if (never && ((r->seen & SEEN_CODING) || r->length > 0))
		return bad(r, "a body where none can be");
	if (is_tunnel(r, asked))
		h->framed = HTTP_FRAMED_TUNNEL;
	else if (never || asked->head || r->status == 304)
		h->framed = HTTP_FRAMED_NONE;
	else if (r->seen & SEEN_CODING)
		h->framed = HTTP_FRAMED_CHUNKED;
	else if (!(r->seen & SEEN_LENGTH))
		h->framed = HTTP_FRAMED_CLOSE;
	else
		h->framed = r->length ? HTTP_FRAMED_LENGTH : HTTP_FRAMED_NONE;
	h->length = h->framed == HTTP_FRAMED_LENGTH ? r->length : 0;
	h->close = (r->seen & SEEN_CLOSE) || h->framed == HTTP_FRAMED_CLOSE ||
		   (r->minor == 0 && !(r->seen & SEEN_KEEP_ALIVE));
	return HTTP_DONE;
}

/* --- the whole ----------------------------------------------------------------------------------------------------------- */

/* A line that ends with the LF at `end`. */
static enum http_reading
line_ended(struct http_response_reader *r, struct view bytes, size_t end, const struct http_asked *asked,
	   struct http_response *h)
{
	struct view line = text_part(bytes, r->line, end - r->line);

	if (line.len == 0 || line.p[line.len - 1] != '\r')
		return bad(r, "a line that ends without CR");
	line.len--;
	if (!(r->seen & SEEN_FIRST))
		return read_first(r, line);
	if (line.len > 0)
		return read_field(r, line);
	h->len = end + 1;
	h->minor = r->minor;
	h->status = r->status;
	h->reason = r->reason ? text_part(bytes, STATUS_LINE + 1, r->reason) : view_of(NULL, 0);
	h->encoded = r->seen & SEEN_ENCODED;
	return settle_body(r, asked, h);
}

static enum http_reading
read_on(struct http_response_reader *r, struct view bytes, const struct http_asked *asked,
	struct http_response *h)
{
	enum http_reading got = HTTP_MORE;

	if (!(r->seen & SEEN_FIRST) && !begins(bytes))
		return bad(r, "no status line");
	while (got == HTTP_MORE && r->at < bytes.len) {
		size_t end = r->at + text_find(text_part(bytes, r->at, bytes.len - r->at), '\n');

		if (end < bytes.len) {
			got = line_ended(r, bytes, end, asked, h);
			r->line = (uint32_t)end + 1;
			end++;
		}
		r->at = (uint32_t)end;
	}
	return got;
}

enum http_reading
http_response_read(struct http_response_reader *r, struct view bytes, const struct http_asked *asked,
		   struct http_response *out)
{
	*out = (struct http_response){.len = 0};
	if (bytes.len == 0)
		return HTTP_MORE;

	bool full = bytes.len >= HTTP_HEAD_MAX;
	if (full)
		bytes.len = HTTP_HEAD_MAX;
	enum http_reading got = read_on(r, bytes, asked, out);
	if (got == HTTP_BAD)
		*out = (struct http_response){.why = r->why};
	return got == HTTP_MORE && full ? HTTP_LONG : got;
}
