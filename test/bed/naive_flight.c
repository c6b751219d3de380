/*
 * naive_flight.c - what a guest's first bytes say
 */
#include "test/bed/naive_flight.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MESSAGE_MAX 16384u

static unsigned
u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* --- TLS (RFC 8446 4.1.2, 5.1) ------------------------------------------------------------------------------- */

/* The handshake message out of its records; *n bytes of it are there. */
static enum naive_reading
gather(const uint8_t *p, size_t len, uint8_t *msg, size_t *n)
{
	size_t at = 0;

	*n = 0;
	for (;;) {
		if (at == len)
			return NAIVE_MORE;
		if (p[at] != 22)
			return *n ? NAIVE_BAD : NAIVE_NOT;
		if (at + 2 <= len && p[at + 1] != 3)
			return NAIVE_BAD;
		if (at + 5 > len)
			return NAIVE_MORE;
		size_t fragment = u16(p + at + 3), have = len - at - 5;
		if (fragment == 0 || fragment > 16384)
			return NAIVE_BAD;
		have = have < fragment ? have : fragment;
		if (*n + have > MESSAGE_MAX)
			have = MESSAGE_MAX - *n;
		memcpy(msg + *n, p + at + 5, have);
		*n += have;
		at += 5 + have;
		if (*n > 0 && msg[0] != 1)
			return NAIVE_BAD;
		size_t whole = *n < 4 ? MESSAGE_MAX : 4 + ((size_t)msg[1] << 16 | u16(msg + 2));
		if (whole > MESSAGE_MAX)
			return NAIVE_BAD;
		if (*n > whole || (*n == whole && have < fragment))
			return NAIVE_BAD;
		if (*n >= 4 && *n == whole)
			return NAIVE_DONE;
		if (have < fragment)
			return NAIVE_MORE;
	}
}

/* The name of a server_name; an address is none. */
static bool
read_sni(const uint8_t *p, size_t len, struct naive_hello *out)
{
	char text[256];
	struct addr a;

	if (len < 5 || u16(p) != len - 2 || p[2] != 0 || u16(p + 3) != len - 5 || len - 5 == 0 ||
	    len - 5 >= sizeof(text))
		return false;
	memcpy(text, p + 5, len - 5);
	text[len - 5] = '\0';
	if (strlen(text) == len - 5 && addr_parse(text, &a))
		return true;
	out->named = name_parse(text, len - 5, &out->name);
	return out->named;
}

static bool
read_extensions(const uint8_t *p, size_t len, struct naive_hello *out)
{
	unsigned names = 0;

	for (size_t at = 0; at < len;) {
		if (at + 4 > len || at + 4 + u16(p + at + 2) > len)
			return false;
		unsigned type = u16(p + at);
		size_t n = u16(p + at + 2);
		if (type == 0 && (names++ || !read_sni(p + at + 4, n, out)))
			return false;
		out->ech |= type == 0xfe0d || type == 0xffce;
		at += 4 + n;
	}
	return true;
}

enum naive_reading
naive_hello_read(const uint8_t *p, size_t len, struct naive_hello *out)
{
	static uint8_t msg[MESSAGE_MAX];
	size_t n, at = 4 + 2 + 32;
	enum naive_reading got = gather(p, len, msg, &n);

	*out = (struct naive_hello){.named = false};
	if (got != NAIVE_DONE)
		return got;
	/* Session, cipher suites, compression. */
	for (unsigned i = 0; i < 3; i++) {
		size_t head = i == 1 ? 2 : 1;

		if (at + head > n)
			return NAIVE_BAD;
		at += head + (i == 1 ? u16(msg + at) : msg[at]);
	}
	if (at == n)
		return NAIVE_DONE;
	if (at + 2 > n || at + 2 + u16(msg + at) != n)
		return NAIVE_BAD;
	return read_extensions(msg + at + 2, n - at - 2, out) ? NAIVE_DONE : NAIVE_BAD;
}

/* --- HTTP/1 (RFC 9112) ------------------------------------------------------------------------------------------ */

static bool
is_token(uint8_t c)
{
	return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct view
part(const uint8_t *p, size_t from, size_t to)
{
	return view_of(p + from, to - from);
}

static bool
is_text(struct view v, const char *text)
{
	return v.len == strlen(text) && strncasecmp((const char *)v.p, text, v.len) == 0;
}

/* Before the line's end has come: can it still be a request? */
static enum naive_reading
unfinished(const uint8_t *p, size_t len)
{
	size_t method = 0;

	if (len > 0 && is_blank(p[0]))
		return NAIVE_BAD;
	while (method < len && is_token(p[method]))
		method++;
	if (method > 32 || (method < len && !is_blank(p[method])))
		return NAIVE_NOT;
	for (size_t i = method; i < len; i++)
		if ((p[i] < 0x20 || p[i] == 0x7f) && !is_blank(p[i]) && !isalpha(p[0]))
			return NAIVE_NOT;
	return NAIVE_MORE;
}

static enum naive_reading
odd_line(const uint8_t *p, size_t len)
{
	unsigned words = 0;

	if (len == 15 && memcmp(p, "PRI * HTTP/2.0\r", 15) == 0)
		return NAIVE_NOT;
	for (size_t i = 0; i + 5 <= len; i++)
		if (strncasecmp((const char *)p + i, "http/", 5) == 0)
			return NAIVE_BAD;
	for (size_t i = 0; i < len; i++)
		words += !is_blank(p[i]) && (i == 0 || is_blank(p[i - 1]));
	return len > 3 && memcmp(p, "GET", 3) == 0 && words == 2 ? NAIVE_BAD : NAIVE_NOT;
}

/* The first line, without its LF. */
static enum naive_reading
read_line(const uint8_t *p, size_t len, struct naive_request *out)
{
	size_t method = 0;

	while (method < len && p[method] != ' ')
		method++;
	if (len < method + 12 || memcmp(p + len - 10, " HTTP/1.", 8) != 0)
		return odd_line(p, len);
	if ((p[len - 2] != '0' && p[len - 2] != '1') || p[len - 1] != '\r')
		return NAIVE_BAD;
	out->method = part(p, 0, method);
	out->target = part(p, method + 1, len - 10);
	for (size_t i = 0; i < out->target.len; i++)
		if (out->target.p[i] <= ' ' || out->target.p[i] == 0x7f)
			return NAIVE_BAD;
	return NAIVE_DONE;
}

/* A field of the head. */
static bool
read_field(struct view name, struct view value, struct naive_request *out, bool *has_length)
{
	if (is_text(name, "host")) {
		if (out->host.p)
			return false;
		out->host = value;
	} else if (is_text(name, "content-length")) {
		if (*has_length || value.len == 0 || value.len > 18)
			return false;
		*has_length = true;
		for (size_t i = 0; i < value.len; i++) {
			if (!isdigit(value.p[i]))
				return false;
			out->length = out->length * 10 + (uint64_t)(value.p[i] - '0');
		}
	} else if (is_text(name, "transfer-encoding")) {
		if (out->chunked || !is_text(value, "chunked"))
			return false;
		out->chunked = true;
	} else if (is_text(name, "upgrade")) {
		out->upgrade = true;
	}
	return true;
}

static bool
read_fields(const uint8_t *p, size_t from, size_t to, struct naive_request *out)
{
	bool has_length = false;

	for (size_t at = from; at < to;) {
		size_t end = at, colon;

		while (end < to && p[end] != '\n')
			end++;
		if (end == at || p[end - 1] != '\r')
			return false;
		for (colon = at; colon < end - 1 && is_token(p[colon]); colon++)
			;
		if (colon == at || p[colon] != ':')
			return false;
		size_t first = colon + 1, last = end - 1;
		while (first < last && (p[first] == ' ' || p[first] == '\t'))
			first++;
		while (last > first && (p[last - 1] == ' ' || p[last - 1] == '\t'))
			last--;
		if (!read_field(part(p, at, colon), part(p, first, last), out, &has_length))
			return false;
		at = end + 1;
	}
	return !(has_length && out->chunked);
}

/* The host out of an authority, and its port. */
static void
read_host(struct view authority, struct naive_request *out)
{
	size_t n = authority.len, from = 0, to;
	char text[ADDR_TEXT];
	unsigned port = 0;

	while (n > 0 && isdigit(authority.p[n - 1]))
		n--;
	if (n > 0 && authority.p[n - 1] == ':') {
		for (size_t i = n; i < authority.len; i++)
			port = (port * 10 + (unsigned)(authority.p[i] - '0')) & 0xffff;
		out->port = (uint16_t)port;
		to = n - 1;
	} else {
		to = authority.len;
	}
	if (to >= 2 && authority.p[0] == '[' && authority.p[to - 1] == ']')
		from++, to--;
	if (to - from < sizeof(text)) {
		if (to > from)
			memcpy(text, authority.p + from, to - from);
		text[to - from] = '\0';
		if (strlen(text) == to - from && addr_parse(text, &out->addr))
			return;
	}
	out->named = to > 0 && name_parse((const char *)authority.p, to, &out->name);
}

/* Where the path of an absolute target begins; 0: it is not absolute. */
static size_t
after_authority(struct view target, struct view *authority)
{
	size_t at = 0;

	while (at < target.len && (isalnum(target.p[at]) || strchr("+-.", target.p[at])))
		at++;
	if (at == 0 || at + 3 > target.len || memcmp(target.p + at, "://", 3) != 0)
		return 0;
	at += 3;
	size_t end = at;
	while (end < target.len && !strchr("/?#", target.p[end]))
		end++;
	*authority = part(target.p, at, end);
	return end;
}

static int
hex(uint8_t c)
{
	return isdigit(c) ? c - '0' : isxdigit(c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* Escapes decoded once, doubled slashes one, dot segments resolved. */
static void
normal_path(struct view target, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	if (target.len == 0 || target.p[0] != '/')
		return;
	for (size_t i = 0; i <= target.len; i++) {
		bool end = i == target.len || target.p[i] == '?' || target.p[i] == '#';
		char c = end ? '/' : (char)target.p[i];
		size_t had = n;

		if (c == '%' && i + 2 < target.len && hex(target.p[i + 1]) >= 0 &&
		    hex(target.p[i + 2]) >= 0) {
			c = (char)(hex(target.p[i + 1]) << 4 | hex(target.p[i + 2]));
			i += 2;
		}
		if (c == '/' && n >= 3 && memcmp(out + n - 3, "/..", 3) == 0) {
			n -= 3;
			while (n > 0 && out[--n] != '/')
				;
		} else if (c == '/' && n >= 2 && memcmp(out + n - 2, "/.", 2) == 0) {
			n -= 2;
		}
		bool doubled = n > 0 && out[n - 1] == '/' && c == '/';
		if (!end && !doubled && n + 1 < size)
			out[n++] = c;
		if (end) {
			/* What stood for itself or what was before it is a folder. */
			if (n < had)
				out[n++] = '/';
			break;
		}
	}
	out[n < size ? n : size - 1] = '\0';
}

enum naive_reading
naive_request_read(const uint8_t *p, size_t len, struct naive_request *out)
{
	const uint8_t *lf = len ? memchr(p, '\n', len) : NULL;
	struct view authority = {NULL, 0};

	*out = (struct naive_request){.head = 0};
	if (!lf || is_blank(p[0]))
		return len ? unfinished(p, len) : NAIVE_MORE;
	size_t line = (size_t)(lf - p);
	enum naive_reading early = unfinished(p, line), got = read_line(p, line, out);
	if (early == NAIVE_NOT || got != NAIVE_DONE)
		return early == NAIVE_NOT ? early : got;

	size_t end = line + 1;
	while (end + 2 <= len && memcmp(p + end, "\r\n", 2) != 0) {
		lf = memchr(p + end, '\n', len - end);
		if (!lf)
			return NAIVE_MORE;
		end = (size_t)(lf - p) + 1;
	}
	if (end + 2 > len)
		return NAIVE_MORE;
	if (!read_fields(p, line + 1, end, out))
		return NAIVE_BAD;
	out->head = end + 2;
	out->connect = is_text(out->method, "connect");
	size_t path = out->connect ? 0 : after_authority(out->target, &authority);
	if (out->connect)
		authority = out->target;
	if (authority.len)
		out->host = authority;
	read_host(out->host, out);
	normal_path(part(out->target.p, path, out->target.len), out->path, sizeof(out->path));
	if (path && path == out->target.len)
		memcpy(out->path, "/", 2);
	return NAIVE_DONE;
}

size_t
naive_chunks_read(const uint8_t *p, size_t len, bool *done)
{
	size_t at = 0;

	*done = false;
	for (;;) {
		size_t end = at, digits = 0, size = 0;

		while (end < len && p[end] != '\n')
			end++;
		for (; at + digits < end && hex(p[at + digits]) >= 0 && digits < 15; digits++)
			size = size << 4 | (size_t)hex(p[at + digits]);
		if (end == len)
			return len;
		if (digits == 0 || p[end - 1] != '\r')
			return end;
		at = end + 1;
		if (size == 0)
			break;
		if (len - at < size + 2)
			return len;
		at += size + 2;
	}
	/* The trailer, to its empty line. */
	while (at < len) {
		const uint8_t *lf = memchr(p + at, '\n', len - at);

		if (!lf)
			return len;
		*done = lf - (p + at) <= 1;
		at = (size_t)(lf - p) + 1;
		if (*done)
			return at;
	}
	return len;
}
