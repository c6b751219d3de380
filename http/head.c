/*
 * head.c - one HTTP/1 request head
 *
 * The first line is looked at byte by byte, because a protocol that is not HTTP may never end it: the bytes of a method,
 * then anything but controls up to the line's end.  From there on whole lines are judged.
 */
#include "http/head.h"
#include "http/text.h"

#include "http/authority.h"

enum step {
	STEP_METHOD, /* the first line, before its first blank */
	STEP_TARGET, /* the rest of it */
	STEP_FIELDS,
};

enum {
	SEEN_HOST = 1 << 0,
	SEEN_LENGTH = 1 << 1,
	SEEN_CODING = 1 << 2, /* Transfer-Encoding */
	SEEN_CLOSE = 1 << 3,
	SEEN_KEEP_ALIVE = 1 << 4,
	SEEN_UPGRADE = 1 << 5,
	SEEN_EXPECT = 1 << 6,
};

/* --- characters (RFC 9110 5.6) -------------------------------------------------------------------------------- */

/* What some reader takes for a blank between words (RFC 9112 3). */
static bool
is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static enum http_reading
bad(struct http_reader *r, const char *why)
{
	r->why = why;
	return HTTP_BAD;
}

/* --- the first line (RFC 9112 3) ------------------------------------------------------------------------------- */

static bool
names_http(struct view line)
{
	for (size_t i = 0; i + 5 <= line.len; i++) {
		if (text_same(text_part(line, i, 5), "http/"))
			return true;
	}
	return false;
}

static unsigned
words(struct view line)
{
	unsigned n = 0;

	for (size_t i = 0; i < line.len; i++)
		n += !is_blank(line.p[i]) && (i == 0 || is_blank(line.p[i - 1]));
	return n;
}

/* A first line that is no request's: is it one that somebody may read as a request all the same? */
static enum http_reading
not_a_request(struct http_reader *r, struct view line, const char *why)
{
	static const char preface[] = "PRI * HTTP/2.0\r"; /* RFC 9113 3.4 */

	if (line.len == sizeof(preface) - 1 && memcmp(line.p, preface, line.len) == 0)
		return HTTP_NOT;
	/* HTTP/0.9 has no more than "GET" and a target. */
	if (names_http(line) || (line.len > 3 && memcmp(line.p, "GET", 3) == 0 && words(line) == 2))
		return bad(r, why);
	return HTTP_NOT;
}

/* What is whole of the first line, its LF left out. */
static enum http_reading
read_first_line(struct http_reader *r, struct view line)
{
	size_t method = text_find(line, ' ');
	size_t rest = line.len - method;
	const size_t version = sizeof(" HTTP/1.1\r") - 1;

	if (rest < version + 2 || memcmp(line.p + line.len - version, " HTTP/1.", 8) != 0)
		return not_a_request(r, line, "the request line does not end in HTTP/1.0 or HTTP/1.1");

	uint8_t minor = line.p[line.len - 2];
	struct view target = text_part(line, method + 1, rest - 1 - version);
	if ((minor != '0' && minor != '1') || line.p[line.len - 1] != '\r')
		return bad(r, "the request line does not end in HTTP/1.0 or HTTP/1.1");
	for (size_t i = 0; i < method; i++) {
		if (!text_is_token(line.p[i]))
			return bad(r, "the method is no token");
	}
	for (size_t i = 0; i < target.len; i++) {
		if (text_is_control(target.p[i]) || target.p[i] == ' ')
			return bad(r, "a blank or a control character in the target");
	}
	r->minor = (uint8_t)(minor - '0');
	r->method = (uint32_t)method;
	r->target = (uint32_t)target.len;
	r->step = STEP_FIELDS;
	return HTTP_MORE;
}

/* One more byte of the first line; line is what came before it. */
static enum http_reading
first_line_byte(struct http_reader *r, struct view line, uint8_t c)
{
	if (line.len == 0 && is_blank(c))
		return bad(r, "blanks or an empty line before the request");
	if (c == '\n')
		return read_first_line(r, line);
	if (r->step == STEP_METHOD) {
		if (is_blank(c))
			r->step = STEP_TARGET;
		else if (!text_is_token(c) || line.len == HTTP_METHOD_MAX)
			return HTTP_NOT;
		return HTTP_MORE;
	}
	/* Another protocol's first words may never come to a line's end (git's); what could be a method is waited for. */
	return text_is_control(c) && !is_blank(c) && !text_is_letter(line.p[0]) ? HTTP_NOT : HTTP_MORE;
}

/* --- fields (RFC 9112 5) ------------------------------------------------------------------------------------------ */

/* RFC 9112 6.3: only once; what does not fit a signed 64 bit number is read differently by others. */
static enum http_reading
read_length(struct http_reader *r, struct view value)
{
	const char *why =
	    r->seen & SEEN_LENGTH ? "several Content-Length" : http_length_read(value, &r->length);

	if (why)
		return bad(r, why);
	r->seen |= SEEN_LENGTH;
	return HTTP_MORE;
}

/* Who forwards drops what Connection names (RFC 9110 7.6.1): then a body would have no length, or a request no host. */
static bool
names_framing(struct view connection)
{
	return text_lists(connection, "content-length") || text_lists(connection, "transfer-encoding") ||
	       text_lists(connection, "host");
}

static enum http_reading
read_field(struct http_reader *r, struct view head, struct view name, struct view value)
{
	uint32_t off = (uint32_t)(value.p - head.p);

	if (text_same(name, "host")) {
		if (r->seen & SEEN_HOST)
			return bad(r, "several Host fields");
		r->seen |= SEEN_HOST;
		r->host = off;
		r->host_len = (uint32_t)value.len;
	} else if (text_same(name, "content-length")) {
		return read_length(r, value);
	} else if (text_same(name, "transfer-encoding")) {
		if (r->seen & SEEN_CODING || !text_same(value, "chunked"))
			return bad(r, "a Transfer-Encoding that is not just chunked");
		r->seen |= SEEN_CODING;
	} else if (text_same(name, "connection")) {
		if (names_framing(value))
			return bad(r, "Connection names a field that others need");
		r->seen |= text_lists(value, "close") ? SEEN_CLOSE : 0;
		r->seen |= text_lists(value, "keep-alive") ? SEEN_KEEP_ALIVE : 0;
	} else if (text_same(name, "upgrade")) {
		r->seen |= SEEN_UPGRADE;
	} else if (text_same(name, "expect")) {
		r->seen |= text_same(value, "100-continue") ? SEEN_EXPECT : 0;
	} else if (text_same(name, "accept") && !r->accept) {
		r->accept = off;
		r->accept_len = (uint32_t)value.len;
	}
	return HTTP_MORE;
}

/* A whole field line, its CRLF left out. */
static enum http_reading
read_field_line(struct http_reader *r, struct view head, struct view line)
{
	struct view name, value;
	const char *why = http_field_read(line, &name, &value);

	return why ? bad(r, why) : read_field(r, head, name, value);
}

/* --- where it goes (RFC 9112 3.2, RFC 3986 3.2) --------------------------------------------------------------- */

/* The authority of an absolute target: scheme "://" authority. */
static bool
absolute(struct view target, struct view *scheme, struct view *authority)
{
	size_t colon = text_find(target, ':');

	if (colon == 0 || target.len < colon + 3 || memcmp(target.p + colon, "://", 3) != 0)
		return false;
	*scheme = text_part(target, 0, colon);
	for (size_t i = 0; i < colon; i++) {
		if (!text_is_letter(target.p[i]) && !text_is_digit(target.p[i]) &&
		    !strchr("+-.", target.p[i]))
			return false;
	}

	struct view rest = text_part(target, colon + 3, target.len - colon - 3);
	size_t end = 0;
	while (end < rest.len && !strchr("/?#", rest.p[end]))
		end++;
	*authority = text_part(rest, 0, end);
	return end > 0;
}

static uint16_t
usual_port(struct view scheme)
{
	if (text_same(scheme, "http"))
		return 80;
	return text_same(scheme, "https") ? 443 : 0;
}

static enum http_reading
settle_authority(struct http_reader *r, struct http_head *h, struct view host)
{
	bool connect = text_same(h->method, "connect"), has_host = r->seen & SEEN_HOST;
	struct authority at = {.port = 0}, also;
	struct view scheme = {NULL, 0};

	if (has_host && host.len && !authority_read(host, &at))
		return bad(r, "Host is neither a name nor an address");
	if (!has_host && h->minor > 0)
		return bad(r, "no Host");
	if (host.len)
		h->authority = host;
	if (connect || absolute(h->target, &scheme, &host)) {
		struct view named = connect ? h->target : host;

		if (!authority_read(named, &also))
			return bad(r, "the target is neither a name nor an address");
		/* RFC 9112 3.2.2: the target is what counts, and 3.2: Host is the same. */
		if (has_host && !authority_agree(&at, &also, connect ? 0 : usual_port(scheme)))
			return bad(r, "Host and the target do not agree");
		at = also;
		h->authority = named;
	} else if (h->target.p[0] != '/' && !(text_same(h->target, "*") && text_same(h->method, "options"))) {
		return bad(r, "the target is neither a path nor absolute");
	}
	h->name = at.name;
	h->addr = at.addr;
	h->port = at.port;
	return HTTP_DONE;
}

/* RFC 9112 6.3, for requests. */
static enum http_reading
settle_body(struct http_reader *r, struct http_head *h)
{
	bool connect = text_same(h->method, "connect");

	if ((r->seen & SEEN_LENGTH) && (r->seen & SEEN_CODING))
		return bad(r, "Content-Length and Transfer-Encoding");
	if ((r->seen & SEEN_CODING) && h->minor == 0)
		return bad(r, "Transfer-Encoding in HTTP/1.0");
	if (connect && (r->seen & (SEEN_LENGTH | SEEN_CODING)))
		return bad(r, "CONNECT with a body");
	if (r->seen & SEEN_CODING)
		h->body = HTTP_BODY_CHUNKED;
	else if (r->length > 0)
		h->body = HTTP_BODY_LENGTH;
	else if (connect || ((r->seen & SEEN_UPGRADE) && h->minor > 0))
		h->body = HTTP_BODY_TUNNEL;
	h->length = r->length;
	return HTTP_DONE;
}

/* The empty line has come. */
static enum http_reading
settle(struct http_reader *r, struct view head, struct http_head *h)
{
	h->len = head.len;
	h->minor = r->minor;
	h->method = text_part(head, 0, r->method);
	h->target = text_part(head, r->method + 1, r->target);
	if (r->accept)
		h->accept = text_part(head, r->accept, r->accept_len);
	h->close = (r->seen & SEEN_CLOSE) || (r->minor == 0 && !(r->seen & SEEN_KEEP_ALIVE));
	h->expects = (r->seen & SEEN_EXPECT) && r->minor > 0; /* RFC 9110 10.1.1 */
	h->upgrade = (r->seen & SEEN_UPGRADE) && r->minor > 0;

	struct view host = r->host_len ? text_part(head, r->host, r->host_len) : view_of(NULL, 0);
	enum http_reading got = settle_authority(r, h, host);
	return got == HTTP_DONE ? settle_body(r, h) : got;
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

/* A line of fields that ends with the LF at `end`. */
static enum http_reading
line_ended(struct http_reader *r, struct view bytes, size_t end, struct http_head *h)
{
	struct view line = text_part(bytes, r->line, end - r->line);

	if (line.len == 0 || line.p[line.len - 1] != '\r')
		return bad(r, "a line that ends without CR");
	if (line.len == 1)
		return settle(r, text_part(bytes, 0, end + 1), h);
	line.len--;
	return read_field_line(r, bytes, line);
}

static enum http_reading
read_first(struct http_reader *r, struct view bytes)
{
	enum http_reading got = HTTP_MORE;

	while (got == HTTP_MORE && r->step != STEP_FIELDS && r->at < bytes.len) {
		got = first_line_byte(r, text_part(bytes, 0, r->at), bytes.p[r->at]);
		r->at++;
	}
	r->line = r->at;
	return got;
}

static enum http_reading
read_on(struct http_reader *r, struct view bytes, struct http_head *h)
{
	enum http_reading got = r->step == STEP_FIELDS ? HTTP_MORE : read_first(r, bytes);

	while (got == HTTP_MORE && r->at < bytes.len) {
		size_t end = r->at + text_find(text_part(bytes, r->at, bytes.len - r->at), '\n');

		if (end < bytes.len) {
			got = line_ended(r, bytes, end, h);
			r->line = (uint32_t)end + 1;
			end++;
		}
		r->at = (uint32_t)end;
	}
	return got;
}

enum http_reading
http_reader_read(struct http_reader *r, struct view bytes, struct http_head *out)
{
	*out = (struct http_head){.len = 0};
	if (bytes.len == 0)
		return HTTP_MORE;

	bool full = bytes.len >= HTTP_HEAD_MAX;
	if (full)
		bytes.len = HTTP_HEAD_MAX;
	enum http_reading got = read_on(r, bytes, out);
	if (got == HTTP_BAD)
		*out = (struct http_head){.why = r->why};
	return got == HTTP_MORE && full ? HTTP_LONG : got;
}

enum http_reading
http_head_read(struct view bytes, struct http_head *out)
{
	struct http_reader r = {.at = 0};

	return http_reader_read(&r, bytes, out);
}
