/*
 * refusal.c - what a guest reads where a server's answer would have been
 */
#include <stdio.h>

#include "http/request.h"
#include "http/text.h"

#define FIELD_MAX 1500 /* bytes of one text in JSON; what is longer is cut there */

static const char *
reason_of(uint16_t status)
{
	static const struct {
		uint16_t status;
		const char *text;
	} t[] = {
	    {400, "Bad Request"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {411, "Length Required"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {417, "Expectation Failed"},
	    {421, "Misdirected Request"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (t[i].status == status)
			return t[i].text;
	}
	return "Refused";
}

/* --- what the guest would rather read (RFC 9110 12.5.1) ----------------------------------------------------------- */

/* A weight in thousandths. */
static unsigned
weight(struct view parameters)
{
	struct view item;
	unsigned q = 1000;

	while (text_next(&parameters, ';', &item)) {
		if (item.len < 3 || text_lower(item.p[0]) != 'q' || item.p[1] != '=')
			continue;
		q = item.p[2] == '1' ? 1000 : 0;
		for (size_t i = 4, unit = 100; i < item.len && i < 7 && q < 1000; i++, unit /= 10)
			q += text_is_digit(item.p[i]) ? (item.p[i] - '0') * (unsigned)unit : 0;
	}
	return q;
}

static bool
ends_in(struct view v, const char *text)
{
	size_t n = strlen(text);

	return v.len >= n && text_same(text_part(v, v.len - n, n), text);
}

/* JSON is named, and no kind of text is named before it or weighs more. */
static bool
prefers_json(struct view accept)
{
	unsigned json = 0, text = 0;
	struct view item, type;

	while (text_next(&accept, ',', &item)) {
		if (!text_next(&item, ';', &type))
			continue;
		unsigned q = weight(item);
		if (text_same(type, "application/json") || ends_in(type, "+json"))
			json = q > json && q > text ? q : json;
		else if (type.len > 5 && text_same(text_part(type, 0, 5), "text/"))
			text = q > text ? q : text;
	}
	return json > 0 && json >= text;
}

/* --- the body ----------------------------------------------------------------------------------------------------------- */

static void
put(struct wr *w, const char *text)
{
	wr_bytes(w, text, strlen(text));
}

/* As a JSON string (RFC 8259 7); a byte that is not ASCII, which may not be UTF-8, becomes U+FFFD. */
static void
put_json(struct wr *w, const char *text)
{
	const uint8_t *begin = w->p;

	wr_u8(w, '"');
	for (; *text && w->p - begin < FIELD_MAX; text++) {
		uint8_t c = (uint8_t)*text;
		char escape[8];

		if (c >= 0x80) {
			put(w, "\\ufffd");
		} else if (text_is_control(c)) {
			snprintf(escape, sizeof(escape), "\\u%04x", c);
			put(w, escape);
		} else {
			if (c == '"' || c == '\\')
				wr_u8(w, '\\');
			wr_u8(w, c);
		}
	}
	wr_u8(w, '"');
}

static void
put_text(struct wr *w, const char *text)
{
	for (; *text; text++)
		wr_u8(w, text_is_control((uint8_t)*text) ? ' ' : (uint8_t)*text);
}

size_t
request_refusal_body(const struct request_answer *a, struct view accept, const char **type, char *to,
		     size_t size)
{
	bool json = prefers_json(accept);
	struct wr w = wr_of(to, size);
	char status[32];

	*type = json ? "application/json" : "text/plain; charset=utf-8";
	if (json) {
		snprintf(status, sizeof(status), "%u", a->status);
		put(&w, "{\"refused\":true,\"status\":");
		put(&w, status);
		put(&w, ",\"text\":");
		put_json(&w, a->text);
		put(&w, ",\"rule\":");
		put_json(&w, a->rule);
		put(&w, "}\n");
	} else {
		put(&w, "sluice refused this: ");
		put_text(&w, a->text);
		put(&w, "\n");
	}
	return w.bad ? 0 : (size_t)((char *)w.p - to);
}

size_t
request_refusal(const struct request_answer *a, struct view accept, bool close, bool no_body, char *to,
		size_t size)
{
	char body[REQUEST_REFUSAL_MAX - 256];
	const char *type;
	size_t n = request_refusal_body(a, accept, &type, body, sizeof(body));
	int head = snprintf(to, size,
			    "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			    "Cache-Control: no-store\r\n%s\r\n",
			    a->status, reason_of(a->status), type, n, close ? "Connection: close\r\n" : "");
	struct wr w = wr_of(to, size);

	if (head < 0 || !wr_take(&w, (size_t)head))
		return 0;
	if (!no_body)
		wr_bytes(&w, body, n);
	return w.bad ? 0 : (size_t)((char *)w.p - to);
}
