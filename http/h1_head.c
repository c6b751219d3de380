/*
 * h1_head.c - heads written anew
 *
 * Every field goes on as it came, in its order and letter case, but for those that no longer say the truth (a length that changes),
 * those that would lead where requests cannot be read (Upgrade to another HTTP), and secrets.
 */
#include <stdio.h>

#include "http/h1.h"
#include "http/text.h"

#define NAME_LOWER 64u /* of a field's name; longer ones mean nothing to anybody here */

static const char *const of_length[] = {"content-length", "transfer-encoding"};

static void
put(struct clear *out, const char *text)
{
	clear_add(out, text, strlen(text));
}

static void
put_view(struct clear *out, struct view v)
{
	clear_add(out, v.p, v.len);
}

static struct view
lower_case(struct view name, uint8_t *to)
{
	size_t n = name.len < NAME_LOWER ? name.len : NAME_LOWER;

	for (size_t i = 0; i < n; i++)
		to[i] = text_lower(name.p[i]);
	return view_of(to, n);
}

static bool
is_one_of(struct view name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text_same(name, names[i]))
			return true;
	}
	return false;
}

/* May what was written from `mark` on stand there?  A secret with a line's end in it would make other fields of this one. */
static bool
is_value(const struct clear *out, size_t mark)
{
	for (size_t i = mark; i < out->len; i++) {
		if (text_is_control(out->p[i]) && out->p[i] != '\t')
			return false;
	}
	return true;
}

/* What says where a message goes and how long it is stays as it is. */
static bool
is_fixed(struct view name)
{
	static const char *const names[] = {"host",       "content-length", "transfer-encoding",
					    "connection", "upgrade",        "expect",
					    "te",         "trailer"};

	return is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

/* ... but how long it is, in the one spelling that nobody reads differently: no leading zeros, "chunked" in lower case. */
static void
put_fixed(struct clear *out, struct view name, struct view value)
{
	uint64_t length;
	char text[32];

	if (text_same(name, "transfer-encoding")) {
		put(out, "chunked");
	} else if (text_same(name, "content-length") && http_length_read(value, &length) == NULL) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)length);
		put(out, text);
	} else {
		put_view(out, value);
	}
}

struct view
h1_field(const struct h1 *h, const char *name)
{
	struct view rest = http_fields_of(waiting_view(&h->head)), found, value;

	while (http_fields_next(&rest, &found, &value)) {
		if (text_same(found, name))
			return value;
	}
	return view_of(NULL, 0);
}

/* Other versions of HTTP, whose requests would pass unread, and TLS within (RFC 9110 7.8: a server need not agree, either). */
bool
h1_keeps_upgrade(const struct h1 *h)
{
	struct view rest = http_fields_of(waiting_view(&h->head)), name, value, protocol;

	while (http_fields_next(&rest, &name, &value)) {
		while (text_same(name, "upgrade") && text_next(&value, ',', &protocol)) {
			struct view kind;

			if (text_next(&protocol, '/', &kind) &&
			    (text_same(kind, "h2c") || text_same(kind, "h2") || text_same(kind, "http") ||
			     text_same(kind, "tls")))
				return false;
		}
	}
	return h->now.h.upgrade;
}

/* --- requests ---------------------------------------------------------------------------------------------------------- */

static bool
wants_redaction(const struct h1 *h)
{
	return h->now.plan.set && redact_wants_body(&h->now.plan);
}

/* Is this field left out of what the server gets? */
static bool
left_out(const struct h1 *h, struct view name, struct view value)
{
	static const char *const of_body[] = {"trailer", "expect"};
	static const char *const of_upgrade[] = {"upgrade", "http2-settings"};

	if (h->body == BODY_GATHERED && (is_one_of(name, of_length, 2) || is_one_of(name, of_body, 2)))
		return true;
	if (!h->now.r.upgrade && is_one_of(name, of_upgrade, 2))
		return true;
	/* RFC 9112 7.4: no codings of transfer are understood here, so none is asked for. */
	if (text_same(name, "te"))
		return !text_same(value, "trailers");
	/* So that the response can be read. */
	return wants_redaction(h) && text_same(name, "accept-encoding");
}

/* Methods and names of fields are searched, and never changed. */
static void
search_name(struct h1 *h, struct view name)
{
	struct scan scan;

	substitute_watching(&h->now.plan, &scan);
	substitute_watch(&h->now.plan, &scan, SECRET_HEADER, name, &h->now.found);
}

/* False: a value cannot stand there. */
static bool
write_field(struct h1 *h, struct view name, struct view value, struct clear *out)
{
	struct secret_plan plan = h->now.plan;
	uint8_t lower[NAME_LOWER];
	size_t mark = out->len;

	put_view(out, name);
	put(out, ": ");
	if (plan.set)
		search_name(h, name);
	if (!plan.set || is_one_of(name, of_length, 2)) {
		put_fixed(out, name, value);
	} else {
		if (is_fixed(name))
			plan.put = 0;
		substitute_header(&plan, lower_case(name, lower), value, out, &h->now.found);
	}
	bool good = is_value(out, mark);
	put(out, "\r\n");
	return good;
}

static bool
write_line(struct h1 *h, struct clear *out)
{
	const struct http_head *q = &h->now.h;

	put_view(out, q->method);
	put(out, " ");
	size_t mark = out->len;
	if (h->now.plan.set) {
		search_name(h, q->method);
		substitute_target(&h->now.plan, q->target, out, &h->now.found);
	} else {
		put_view(out, q->target);
	}
	bool good = is_value(out, mark) && (out->len == mark || !memchr(out->p + mark, ' ', out->len - mark));
	put(out, q->minor ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
	return good;
}

bool
h1_write_request(struct h1 *h, struct clear *out, struct request_answer *a)
{
	struct view rest = http_fields_of(waiting_view(&h->head)), name, value;
	bool good = write_line(h, out);

	while (http_fields_next(&rest, &name, &value)) {
		if (!left_out(h, name, value))
			good &= write_field(h, name, value, out);
	}
	if (wants_redaction(h))
		put(out, "Accept-Encoding: identity\r\n");
	if (h->body != BODY_GATHERED)
		put(out, "\r\n");
	if (!exchange_may_leak(&h->base, &h->now.plan, &h->now.found, &h->now.r, a))
		return false;
	if (out->failed) {
		exchange_answer(a, 431, "with its secrets the request's head is too long");
		return false;
	}
	if (!good)
		exchange_answer(a, 502, "the value of a secret cannot stand in a request's head");
	return good;
}

/* --- responses -------------------------------------------------------------------------------------------------------- */

static void
write_redacted(struct h1 *h, struct view value, struct clear *out)
{
	if (h->now.plan.set)
		redact_header(&h->now.plan, value, out);
	else
		put_view(out, value);
}

bool
h1_write_response(struct h1 *h, struct view head, struct clear *out)
{
	static const char *const of_connection[] = {"connection", "keep-alive"};
	const struct http_response *r = &h->rh;
	struct view rest = http_fields_of(head), name, value;
	bool tunnel = r->framed == HTTP_FRAMED_TUNNEL;
	bool reframed = h->written != WRITTEN_AS_IS || tunnel || r->status < 200 || r->status == 204;
	bool says_close = h->written == WRITTEN_UNFRAMED || h->cut_off;
	char status[32];

	snprintf(status, sizeof(status), "HTTP/1.%u %u ", r->minor, r->status);
	put(out, status);
	write_redacted(h, r->reason, out);
	put(out, "\r\n");
	while (http_fields_next(&rest, &name, &value)) {
		if ((reframed && is_one_of(name, of_length, 2)) ||
		    (says_close && is_one_of(name, of_connection, 2)) ||
		    (h->written == WRITTEN_UNFRAMED && text_same(name, "trailer")))
			continue;
		put_view(out, name);
		put(out, ": ");
		if (is_fixed(name))
			put_fixed(out, name, value);
		else
			write_redacted(h, value, out);
		put(out, "\r\n");
	}
	if (h->written == WRITTEN_CHUNKED)
		put(out, "Transfer-Encoding: chunked\r\n");
	put(out, says_close ? "Connection: close\r\n\r\n" : "\r\n");
	return !out->failed;
}

/* --- trailers (RFC 9110 6.5.1: no framing, routing, authentication, or what a response is read by) ------------------------------------ */

static bool
may_trail(struct view name)
{
	static const char *const never[] = {
	    "age",
	    "authorization",
	    "cache-control",
	    "connection",
	    "content-encoding",
	    "content-length",
	    "content-range",
	    "content-type",
	    "cookie",
	    "date",
	    "expect",
	    "expires",
	    "host",
	    "keep-alive",
	    "location",
	    "max-forwards",
	    "pragma",
	    "proxy-authenticate",
	    "proxy-authorization",
	    "range",
	    "retry-after",
	    "set-cookie",
	    "te",
	    "trailer",
	    "transfer-encoding",
	    "upgrade",
	    "vary",
	    "warning",
	    "www-authenticate",
	};

	if (name.len > 3 && text_same(text_part(name, 0, 3), "if-"))
		return false;
	return !is_one_of(name, never, sizeof(never) / sizeof(never[0]));
}

bool
h1_write_trailer(struct h1 *h, bool request, struct view trailer, struct clear *out, struct request_answer *a)
{
	struct view name, value;
	uint8_t lower[NAME_LOWER];

	put(out, "0\r\n");
	while (http_fields_next(&trailer, &name, &value)) {
		if (!may_trail(name))
			continue;
		put_view(out, name);
		put(out, ": ");
		size_t mark = out->len;
		if (request && h->now.plan.set) {
			search_name(h, name);
			substitute_header(&h->now.plan, lower_case(name, lower), value, out, &h->now.found);
		} else {
			write_redacted(h, value, out);
		}
		if (!out->failed && !is_value(out, mark)) {
			exchange_answer(a, 502, "the value of a secret cannot stand in a trailer");
			return false;
		}
		put(out, "\r\n");
	}
	put(out, "\r\n");
	if (request && !exchange_may_leak(&h->base, &h->now.plan, &h->now.found, &h->now.r, a))
		return false;
	if (out->failed)
		exchange_answer(a, 431, "with its secrets the trailer is too long");
	return !out->failed;
}
