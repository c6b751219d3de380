/*
 * h2_down.c - requests of HTTP/2 for a server that speaks HTTP/1.1, one after the other
 *
 * A request waits until the one before it is over, both ways; its body waits in its queue, within its window.  A connection that
 * cannot be used again ends the exchange: the client is told which streams were not begun, and may try those again.
 */
#include <stdio.h>

#include "http/h2.h"
#include "http/response.h"
#include "http/text.h"
#include "http/waiting.h"

#define ANSWER_WAITS 65536u /* bytes of a response that wait for the client, before no more is read */
#define CHUNK_AROUND 16u    /* a chunk's size line and its end */

struct h2_down {
	struct h2_stream *active;
	bool chunked, asked;   /* the request: how its body is framed; all of it is out */
	bool answered;         /* the response is whole */
	bool used;             /* nothing more can be asked here */
	struct waiting answer; /* a head or a trailer that is not whole */
	struct http_response_reader reader;
	struct http_response response;
	bool body; /* of the response: its head was read */
	struct http_chunks chunks;
	uint64_t rest;
};

bool
h2_down_open(struct h2_exchange *x)
{
	x->down = h2_get(&x->heap, sizeof(*x->down));
	return x->down != NULL;
}

void
h2_down_free(struct h2_exchange *x)
{
	if (x->down)
		waiting_free(&x->down->answer);
}

/* --- requests ---------------------------------------------------------------------------------------------------------- */

static bool
add_text(struct h2_exchange *x, struct h2_stream *s, const char *text)
{
	return h2_queue_add(&x->heap, &s->head_out, h2_text(text));
}

static bool
add_line(struct h2_exchange *x, struct h2_stream *s, struct view name, struct view value)
{
	return h2_queue_add(&x->heap, &s->head_out, name) && add_text(x, s, ": ") &&
	       h2_queue_add(&x->heap, &s->head_out, value) && add_text(x, s, "\r\n");
}

/* RFC 9113 8.2.3: what was one field is one again. */
static bool
add_cookies(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *f)
{
	bool any = false, ok = true;

	for (uint32_t i = 0; ok && i < f->n; i++) {
		if (!h2_is(h2_fields_name(f, i), "cookie"))
			continue;
		ok = add_text(x, s, any ? "; " : "cookie: ") &&
		     h2_queue_add(&x->heap, &s->head_out, h2_fields_value(f, i));
		any = true;
	}
	return ok && (!any || add_text(x, s, "\r\n"));
}

static bool
add_fields(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct view name = h2_fields_name(f, i);

		if (name.p[0] == ':' || h2_is(name, "cookie"))
			continue;
		if (!add_line(x, s, name, h2_fields_value(f, i)))
			return false;
		/* "te" is for the next hop alone (RFC 9110 10.1.4). */
		if (h2_is(name, "te") && !add_text(x, s, "connection: te\r\n"))
			return false;
	}
	return add_cookies(x, s, f);
}

/* How the body's end is known. */
static bool
add_framing(struct h2_exchange *x, struct h2_stream *s, struct view method)
{
	const struct h2_flow *f = &s->flow[SIDE_SERVER];
	struct view length;

	if (h2_fields_find(&f->fields, "content-length", &length))
		return true;
	if (!f->ended || f->queue.len) {
		s->chunked = true;
		return add_text(x, s, "transfer-encoding: chunked\r\n");
	}
	/* RFC 9110 8.6 */
	return !(h2_is(method, "POST") || h2_is(method, "PUT") || h2_is(method, "PATCH")) ||
	       add_text(x, s, "content-length: 0\r\n");
}

static bool
down_request(struct h2_exchange *x, struct h2_stream *s)
{
	const struct h2_fields *f = &s->flow[SIDE_SERVER].fields;
	struct view method, path, authority;
	bool ok;

	h2_fields_find(f, ":method", &method);
	h2_fields_find(f, ":path", &path);
	h2_fields_find(f, ":authority", &authority);
	ok = h2_queue_add(&x->heap, &s->head_out, method) && add_text(x, s, " ") &&
	     h2_queue_add(&x->heap, &s->head_out, path) && add_text(x, s, " HTTP/1.1\r\n") &&
	     add_line(x, s, h2_text("host"), authority) && add_fields(x, s, f) && add_framing(x, s, method) &&
	     add_text(x, s, "\r\n");
	x->end[SIDE_SERVER].heads += s->head_out.len;
	s->heads = s->head_out.len;
	s->open[SIDE_SERVER] = true;
	return ok;
}

/* The connection is of no more use: what was not begun may be tried on another. */
static void
used_up(struct h2_exchange *x)
{
	x->down->used = true;
	h2_leave(x);
	for (struct h2_stream *s = x->first, *next; s; s = next) {
		next = s->next;
		if (!s->open[SIDE_SERVER] || s->went)
			continue;
		h2_session_reset(x, s, SIDE_CLIENT, NGHTTP2_REFUSED_STREAM);
		s->refused = true;
		h2_stream_closed(x, s, SIDE_SERVER);
	}
}

/* --- towards the server ---------------------------------------------------------------------------------------------- */

/* Request and response are over, or will never be. */
static void
finish(struct h2_exchange *x, bool again)
{
	struct h2_down *d = x->down;
	struct h2_stream *s = d->active;

	d->active = NULL;
	d->asked = d->answered = d->body = false;
	d->chunks = (struct http_chunks){.left = 0};
	d->reader = (struct http_response_reader){.at = 0};
	waiting_free(&d->answer);
	h2_stream_closed(x, s, SIDE_SERVER);
	if (!again)
		used_up(x);
}

static bool
begin_next(struct h2_exchange *x)
{
	struct h2_down *d = x->down;
	struct h2_stream *s = x->first;

	if (d->active || d->used)
		return d->active != NULL;
	while (s && !(s->open[SIDE_SERVER] && !s->went))
		s = s->next;
	if (!s)
		return false;
	d->active = s;
	d->chunked = s->chunked;
	s->went = true;
	s->waits = false;
	x->end[SIDE_SERVER].heads -= s->heads;
	return true;
}

static size_t
write_chunk(struct h2_exchange *x, struct h2_stream *s, uint8_t *to, size_t room)
{
	struct h2_flow *f = &s->flow[SIDE_SERVER];
	size_t n = f->queue.len < room - CHUNK_AROUND ? f->queue.len : room - CHUNK_AROUND, at = 0;

	if (s->chunked)
		at = (size_t)snprintf((char *)to, room, "%zx\r\n", n);
	at += h2_queue_take(&x->heap, &f->queue, to + at, n);
	if (s->chunked) {
		memcpy(to + at, "\r\n", 2);
		at += 2;
	}
	s->record.sent += n;
	h2_flow_left(x, s, SIDE_SERVER, n);
	return at;
}

/* The last chunk, and what follows it. */
static bool
end_body(struct h2_exchange *x, struct h2_stream *s)
{
	struct h2_flow *f = &s->flow[SIDE_SERVER];
	bool ok = true;

	x->down->asked = true;
	f->sent = true;
	h2_gather_done(x, s);
	if (!s->chunked)
		return true;
	ok = add_text(x, s, "0\r\n");
	for (uint32_t i = 0; ok && f->trailers && i < f->fields.n; i++)
		ok = add_line(x, s, h2_fields_name(&f->fields, i), h2_fields_value(&f->fields, i));
	h2_fields_clear(&x->heap, &f->fields);
	return ok && add_text(x, s, "\r\n");
}

/* Bytes of the active request; 0: none for now. */
static size_t
write_some(struct h2_exchange *x, uint8_t *to, size_t room)
{
	struct h2_down *d = x->down;
	struct h2_stream *s = d->active;
	struct h2_flow *f = &s->flow[SIDE_SERVER];

	if (s->head_out.len == 0 && f->queue.len)
		return write_chunk(x, s, to, room);
	if (s->head_out.len == 0 && f->ended && !d->asked && !end_body(x, s))
		h2_no_memory(x);
	return h2_queue_take(&x->heap, &s->head_out, to, room);
}

static bool
down_fill(struct h2_exchange *x)
{
	struct h2_end *e = &x->end[SIDE_SERVER];
	struct h2_down *d = x->down;
	bool some = false;

	while (!e->gone && !x->heap.failed && e->len <= H2_FRAME && begin_next(x)) {
		size_t n;

		if (!e->out && !(e->out = h2_get(&x->heap, 2 * H2_FRAME)))
			break;
		n = write_some(x, e->out + e->len, 2 * H2_FRAME - e->len);
		e->len += (uint32_t)n;
		some |= n > 0;
		if (d->asked && d->answered && d->active->head_out.len == 0)
			finish(x, true);
		else if (n == 0)
			break;
	}
	return some;
}

/* --- from the server ---------------------------------------------------------------------------------------------------- */

static void
bad_answer(struct h2_exchange *x, const char *why)
{
	h2_fail(x, SIDE_SERVER, NGHTTP2_INTERNAL_ERROR, why);
}

static void
response_over(struct h2_exchange *x)
{
	struct h2_down *d = x->down;
	bool close = d->response.close || d->response.framed == HTTP_FRAMED_CLOSE;

	d->answered = true;
	/* A server that closes will not read what is left of the request. */
	if (close || (d->asked && d->active->head_out.len == 0))
		finish(x, !close);
}

/* Fields of HTTP/1 that say something about the connection (RFC 9113 8.2.2). */
static bool
hop_by_hop(struct view name, struct view connection)
{
	static const char *const names[] = {"connection",        "keep-alive", "proxy-connection",
					    "transfer-encoding", "upgrade",    "te"};
	char lower[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (text_same(name, names[i]))
			return true;
	}
	if (name.len >= sizeof(lower))
		return false;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = (char)text_lower(name.p[i]);
	lower[name.len] = '\0';
	return text_lists(connection, lower);
}

/* As HTTP/2 has them: names in lower case. */
static bool
add_lower(struct h2_exchange *x, struct h2_fields *f, struct view name, struct view value)
{
	uint32_t at = f->n;

	if (!h2_fields_add(&x->heap, f, name, value, false))
		return false;
	if (f->n > at) {
		for (uint32_t i = 0; i < f->field[at].name; i++)
			f->text[f->field[at].at + i] = text_lower(f->text[f->field[at].at + i]);
	}
	return true;
}

static bool
read_fields(struct h2_exchange *x, struct view lines, struct h2_fields *f)
{
	struct view rest = lines, name, value, connection = {NULL, 0};

	while (http_fields_next(&rest, &name, &value)) {
		if (text_same(name, "connection"))
			connection = value;
	}
	rest = lines;
	while (http_fields_next(&rest, &name, &value)) {
		if (!hop_by_hop(name, connection) && !add_lower(x, f, name, value))
			return false;
	}
	return true;
}

static bool
read_trailer(struct h2_exchange *x)
{
	struct h2_down *d = x->down;
	struct h2_fields f = {.n = 0};
	bool ok =
	    read_fields(x, waiting_view(&d->answer), &f) && h2_response_end(x, d->active, f.n ? &f : NULL);

	h2_fields_clear(&x->heap, &f);
	waiting_free(&d->answer);
	if (ok)
		response_over(x);
	return ok;
}

static bool
got_head(struct h2_exchange *x)
{
	struct h2_down *d = x->down;
	struct http_response *r = &d->response;
	bool bodiless = r->framed == HTTP_FRAMED_NONE, ok;
	struct h2_fields f = {.n = 0};
	char status[8];

	snprintf(status, sizeof(status), "%u", r->status);
	ok = h2_fields_add(&x->heap, &f, h2_text(":status"), h2_text(status), false) &&
	     read_fields(x, http_fields_of(waiting_view(&d->answer)), &f);
	if (ok && r->framed == HTTP_FRAMED_TUNNEL)
		bad_answer(x, "the server changes to another protocol unasked");
	else if (ok && f.over)
		bad_answer(x, "the server's header fields are too large");
	else
		ok = ok && h2_response_head(x, d->active, &f, bodiless);
	h2_fields_clear(&x->heap, &f);
	waiting_free(&d->answer);
	d->reader = (struct http_response_reader){.at = 0};
	if (!ok || x->broken[SIDE_SERVER] || r->status < 200)
		return ok;
	d->body = true;
	d->rest = r->length;
	if (bodiless)
		response_over(x);
	return true;
}

/* Bytes of a head: how many belong to it. */
static size_t
take_head(struct h2_exchange *x, struct view bytes)
{
	struct h2_down *d = x->down;
	struct http_asked asked = {.head = d->active->head};
	size_t had = waiting_len(&d->answer), n = bytes.len;

	if (n > HTTP_HEAD_MAX - had)
		n = HTTP_HEAD_MAX - had;
	if (!waiting_add(&d->answer, bytes.p, n)) {
		h2_no_memory(x);
		return n;
	}
	switch (http_response_read(&d->reader, waiting_view(&d->answer), &asked, &d->response)) {
	case HTTP_MORE:
		break;
	case HTTP_DONE:
		n = d->response.len - had;
		waiting_cut(&d->answer, waiting_len(&d->answer) - d->response.len);
		if (!got_head(x))
			h2_no_memory(x);
		break;
	default:
		bad_answer(x, "the server's answer cannot be read");
		break;
	}
	return n;
}

static size_t
take_chunks(struct h2_exchange *x, struct view bytes)
{
	struct h2_down *d = x->down;
	struct http_chunk run;
	ptrdiff_t n = http_chunks_next(&d->chunks, bytes, &run);
	bool ok = true;

	if (n < 0) {
		bad_answer(x, "the server's chunks are broken");
		return bytes.len;
	}
	if (run.what == HTTP_CHUNK_DATA) {
		ok = h2_response_data(x, d->active, run.bytes);
	} else if (run.what == HTTP_CHUNK_TRAILER) {
		ok = waiting_add(&d->answer, run.bytes.p, run.bytes.len) && (!run.last || read_trailer(x));
	}
	if (!ok)
		h2_no_memory(x);
	return (size_t)n;
}

static size_t
take_plain(struct h2_exchange *x, struct view bytes)
{
	struct h2_down *d = x->down;
	bool counted = d->response.framed == HTTP_FRAMED_LENGTH, ok;
	size_t n = counted && d->rest < bytes.len ? (size_t)d->rest : bytes.len;

	d->rest -= counted ? n : 0;
	ok = h2_response_data(x, d->active, view_of(bytes.p, n));
	if (ok && counted && d->rest == 0) {
		ok = h2_response_end(x, d->active, NULL);
		response_over(x);
	}
	if (!ok)
		h2_no_memory(x);
	return n;
}

static size_t
down_take(struct h2_exchange *x, struct view bytes)
{
	struct h2_down *d = x->down;
	size_t at = 0;

	while (at < bytes.len && !x->broken[SIDE_SERVER] && !x->broken[SIDE_CLIENT] &&
	       !x->end[SIDE_SERVER].gone) {
		struct view rest = view_of(bytes.p + at, bytes.len - at);

		if (!d->active || d->answered) {
			bad_answer(x, "the server spoke unasked");
			break;
		}
		if (d->active->flow[SIDE_CLIENT].queue.len >= ANSWER_WAITS)
			break;
		if (!d->body)
			at += take_head(x, rest);
		else if (d->response.framed == HTTP_FRAMED_CHUNKED)
			at += take_chunks(x, rest);
		else
			at += take_plain(x, rest);
	}
	return x->broken[SIDE_SERVER] ? bytes.len : at;
}

static void
down_end(struct h2_exchange *x, bool clean)
{
	struct h2_down *d = x->down;

	if (clean && d->active && d->body && d->response.framed == HTTP_FRAMED_CLOSE) {
		if (!h2_response_end(x, d->active, NULL))
			h2_no_memory(x);
		response_over(x);
	}
	used_up(x);
}

/* --- the rest of struct h2_up ------------------------------------------------------------------------------------------- */

static void
down_more(struct h2_exchange *x, struct h2_stream *s)
{
	(void)x, (void)s; /* down_fill() looks */
}

static void
down_credit(struct h2_exchange *x, struct h2_stream *s, size_t n, size_t all)
{
	(void)x, (void)s, (void)n, (void)all; /* TCP's window is all there is */
}

/* HTTP/1.1 has no way to give up a request that was begun but to close the connection. */
static void
down_reset(struct h2_exchange *x, struct h2_stream *s, uint32_t code)
{
	(void)code;
	if (x->down->active == s) {
		x->end[SIDE_SERVER].gone = true;
		finish(x, false);
		return;
	}
	x->end[SIDE_SERVER].heads -= s->heads;
	h2_stream_closed(x, s, SIDE_SERVER);
}

static bool
down_over(const struct h2_exchange *x)
{
	return x->closed || x->end[SIDE_SERVER].gone;
}

static void
down_close(struct h2_exchange *x)
{
	(void)x;
}

const struct h2_up h2_down = {
    .request = down_request,
    .more = down_more,
    .reset = down_reset,
    .credit = down_credit,
    .take = down_take,
    .end = down_end,
    .fill = down_fill,
    .over = down_over,
    .close = down_close,
};
