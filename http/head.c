/*
 * head.c - one HTTP/1 request head
 *
 * The first line is looked at byte by byte, because a protocol that is not HTTP may never end it: the bytes of a method,
 * then anything but controls up to the line's end.  From there on whole lines are judged.
 */
#include "http/head.h"

#define FIELDS_TOKEN_MAX 64u /* longest field name that means something here, with room */

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

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool
is_letter(uint8_t c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_token(uint8_t c)
{
	return is_letter(c) || is_digit(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* What some reader takes for a blank between words (RFC 9112 3). */
static bool
is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_control(uint8_t c)
{
	return c < ' ' || c == 0x7f;
}

static bool
same_text(struct view v, const char *text)
{
	size_t i = 0;

	for (; i < v.len && text[i]; i++) {
		if (lower(v.p[i]) != (uint8_t)text[i])
			return false;
	}
	return i == v.len && !text[i];
}

static struct view
part(struct view v, size_t from, size_t len)
{
	return view_of(v.p + from, len);
}

static struct view
trimmed(struct view v)
{
	while (v.len && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = part(v, 1, v.len - 1);
	while (v.len && (v.p[v.len - 1] == ' ' || v.p[v.len - 1] == '\t'))
		v.len--;
	return v;
}

/* The place of c in v; v.len: it is not there. */
static size_t
find(struct view v, uint8_t c)
{
	const uint8_t *at = v.len ? memchr(v.p, c, v.len) : NULL;

	return at ? (size_t)(at - v.p) : v.len;
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
		if (same_text(part(line, i, 5), "http/"))
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
	size_t method = find(line, ' ');
	size_t rest = line.len - method;
	const size_t version = sizeof(" HTTP/1.1\r") - 1;

	if (rest < version + 2 || memcmp(line.p + line.len - version, " HTTP/1.", 8) != 0)
		return not_a_request(r, line, "the request line does not end in HTTP/1.0 or HTTP/1.1");

	uint8_t minor = line.p[line.len - 2];
	struct view target = part(line, method + 1, rest - 1 - version);
	if ((minor != '0' && minor != '1') || line.p[line.len - 1] != '\r')
		return bad(r, "the request line does not end in HTTP/1.0 or HTTP/1.1");
	for (size_t i = 0; i < method; i++) {
		if (!is_token(line.p[i]))
			return bad(r, "the method is no token");
	}
	for (size_t i = 0; i < target.len; i++) {
		if (is_control(target.p[i]) || target.p[i] == ' ')
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
		else if (!is_token(c) || line.len == HTTP_METHOD_MAX)
			return HTTP_NOT;
		return HTTP_MORE;
	}
	/* Another protocol's first words may never come to a line's end (git's); what could be a method is waited for. */
	return is_control(c) && !is_blank(c) && !is_letter(line.p[0]) ? HTTP_NOT : HTTP_MORE;
}

/* --- fields (RFC 9112 5) ------------------------------------------------------------------------------------------ */

/* Does a list of tokens have this one? */
static bool
lists(struct view value, const char *token)
{
	while (value.len) {
		size_t comma = find(value, ',');

		if (same_text(trimmed(part(value, 0, comma)), token))
			return true;
		value = comma == value.len ? view_of(NULL, 0) : part(value, comma + 1, value.len - comma - 1);
	}
	return false;
}

/* RFC 9112 6.3: digits, and only once; what does not fit a signed 64 bit number is read differently by others. */
static enum http_reading
read_length(struct http_reader *r, struct view value)
{
	uint64_t n = 0;

	if (r->seen & SEEN_LENGTH)
		return bad(r, "several Content-Length");
	if (value.len == 0)
		return bad(r, "Content-Length is no number");
	for (size_t i = 0; i < value.len; i++) {
		if (!is_digit(value.p[i]))
			return bad(r, "Content-Length is no number");
		if (n > (INT64_MAX - 9) / 10)
			return bad(r, "Content-Length is too large");
		n = n * 10 + (value.p[i] - '0');
	}
	r->seen |= SEEN_LENGTH;
	r->length = n;
	return HTTP_MORE;
}

static enum http_reading
read_field(struct http_reader *r, struct view head, struct view name, struct view value)
{
	uint32_t off = (uint32_t)(value.p - head.p);

	if (same_text(name, "host")) {
		if (r->seen & SEEN_HOST)
			return bad(r, "several Host fields");
		r->seen |= SEEN_HOST;
		r->host = off;
		r->host_len = (uint32_t)value.len;
	} else if (same_text(name, "content-length")) {
		return read_length(r, value);
	} else if (same_text(name, "transfer-encoding")) {
		if (r->seen & SEEN_CODING || !same_text(value, "chunked"))
			return bad(r, "a Transfer-Encoding that is not just chunked");
		r->seen |= SEEN_CODING;
	} else if (same_text(name, "connection")) {
		r->seen |= lists(value, "close") ? SEEN_CLOSE : 0;
		r->seen |= lists(value, "keep-alive") ? SEEN_KEEP_ALIVE : 0;
	} else if (same_text(name, "upgrade")) {
		r->seen |= SEEN_UPGRADE;
	} else if (same_text(name, "expect")) {
		r->seen |= same_text(value, "100-continue") ? SEEN_EXPECT : 0;
	} else if (same_text(name, "accept") && !r->accept) {
		r->accept = off;
		r->accept_len = (uint32_t)value.len;
	}
	return HTTP_MORE;
}

/* A whole field line, its CRLF left out. */
static enum http_reading
read_field_line(struct http_reader *r, struct view head, struct view line)
{
	size_t colon = find(line, ':');

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return bad(r, "a folded line");
	if (colon == 0 || colon == line.len)
		return bad(r, "a line that is no field");
	for (size_t i = 0; i < colon; i++) {
		if (!is_token(line.p[i]))
			return bad(r, "a blank or an odd character in a field's name");
	}
	for (size_t i = colon + 1; i < line.len; i++) {
		if (is_control(line.p[i]) && line.p[i] != '\t')
			return bad(r, "a control character in a field");
	}
	return read_field(r, head, part(line, 0, colon),
			  trimmed(part(line, colon + 1, line.len - colon - 1)));
}

/* --- where it goes (RFC 9112 3.2, RFC 3986 3.2) --------------------------------------------------------------- */

struct authority {
	struct name name;
	struct addr addr;
	uint16_t port;
};

static bool
read_port(struct view v, uint16_t *out)
{
	uint32_t n = 0;

	if (v.len > 5)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if (!is_digit(v.p[i]))
			return false;
		n = n * 10 + (v.p[i] - '0');
	}
	*out = (uint16_t)n;
	return n <= UINT16_MAX && (n > 0 || v.len == 0);
}

static bool
read_addr(struct view v, struct addr *out)
{
	char text[ADDR_TEXT];

	if (v.len == 0 || v.len >= sizeof(text))
		return false;
	memcpy(text, v.p, v.len);
	text[v.len] = '\0';
	return memchr(text, '\0', v.len) == NULL && addr_parse(text, out);
}

/* host[:port], without user information, which nobody may send (RFC 9110 4.2.4). */
static bool
read_authority(struct view v, struct authority *out)
{
	size_t host = v.len && v.p[0] == '[' ? find(v, ']') + 1 : find(v, ':');

	*out = (struct authority){.port = 0};
	if (host > v.len)
		return false;
	if (host < v.len && (v.p[host] != ':' || !read_port(part(v, host + 1, v.len - host - 1), &out->port)))
		return false;
	if (v.p[0] == '[')
		return read_addr(part(v, 1, host - 2), &out->addr) && !addr_is_v4(&out->addr);
	return read_addr(part(v, 0, host), &out->addr) || name_parse((const char *)v.p, host, &out->name);
}

/* The authority of an absolute target: scheme "://" authority. */
static bool
absolute(struct view target, struct view *scheme, struct view *authority)
{
	size_t colon = find(target, ':');

	if (colon == 0 || target.len < colon + 3 || memcmp(target.p + colon, "://", 3) != 0)
		return false;
	*scheme = part(target, 0, colon);
	for (size_t i = 0; i < colon; i++) {
		if (!is_letter(target.p[i]) && !is_digit(target.p[i]) && !strchr("+-.", target.p[i]))
			return false;
	}

	struct view rest = part(target, colon + 3, target.len - colon - 3);
	size_t end = 0;
	while (end < rest.len && !strchr("/?#", rest.p[end]))
		end++;
	*authority = part(rest, 0, end);
	return end > 0;
}

/* A port that is not written is the scheme's (`usual`; 0: any). */
static bool
agree(const struct authority *a, const struct authority *b, uint16_t usual)
{
	uint16_t pa = a->port ? a->port : usual, pb = b->port ? b->port : usual;

	return name_eq(&a->name, &b->name) && addr_eq(&a->addr, &b->addr) && (pa == pb || !pa || !pb);
}

static uint16_t
usual_port(struct view scheme)
{
	if (same_text(scheme, "http"))
		return 80;
	return same_text(scheme, "https") ? 443 : 0;
}

static enum http_reading
settle_authority(struct http_reader *r, struct http_head *h, struct view host)
{
	bool connect = same_text(h->method, "connect"), has_host = r->seen & SEEN_HOST;
	struct authority at = {.port = 0}, also;
	struct view scheme = {NULL, 0};

	if (has_host && host.len && !read_authority(host, &at))
		return bad(r, "Host is neither a name nor an address");
	if (!has_host && h->minor > 0)
		return bad(r, "no Host");
	if (host.len)
		h->authority = host;
	if (connect || absolute(h->target, &scheme, &host)) {
		struct view named = connect ? h->target : host;

		if (!read_authority(named, &also))
			return bad(r, "the target is neither a name nor an address");
		/* RFC 9112 3.2.2: the target is what counts, and 3.2: Host is the same. */
		if (has_host && !agree(&at, &also, connect ? 0 : usual_port(scheme)))
			return bad(r, "Host and the target do not agree");
		at = also;
		h->authority = named;
	} else if (h->target.p[0] != '/' && !(same_text(h->target, "*") && same_text(h->method, "options"))) {
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
	bool connect = same_text(h->method, "connect");

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
	h->method = part(head, 0, r->method);
	h->target = part(head, r->method + 1, r->target);
	if (r->accept)
		h->accept = part(head, r->accept, r->accept_len);
	h->close = (r->seen & SEEN_CLOSE) || (r->minor == 0 && !(r->seen & SEEN_KEEP_ALIVE));
	h->expects = r->seen & SEEN_EXPECT;

	struct view host = r->host_len ? part(head, r->host, r->host_len) : view_of(NULL, 0);
	enum http_reading got = settle_authority(r, h, host);
	return got == HTTP_DONE ? settle_body(r, h) : got;
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

/* A line of fields that ends with the LF at `end`. */
static enum http_reading
line_ended(struct http_reader *r, struct view bytes, size_t end, struct http_head *h)
{
	struct view line = part(bytes, r->line, end - r->line);

	if (line.len == 0 || line.p[line.len - 1] != '\r')
		return bad(r, "a line that ends without CR");
	if (line.len == 1)
		return settle(r, part(bytes, 0, end + 1), h);
	line.len--;
	return read_field_line(r, bytes, line);
}

static enum http_reading
read_first(struct http_reader *r, struct view bytes)
{
	enum http_reading got = HTTP_MORE;

	while (got == HTTP_MORE && r->step != STEP_FIELDS && r->at < bytes.len) {
		got = first_line_byte(r, part(bytes, 0, r->at), bytes.p[r->at]);
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
		size_t end = r->at + find(part(bytes, r->at, bytes.len - r->at), '\n');

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
