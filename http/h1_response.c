/*
 * h1_response.c - what the server says: heads that are read strictly, bodies that pass or have secrets taken out
 */
#include "http/h1.h"
#include "http/text.h"

#define REDACT_PIECE 4096u    /* bytes of a body looked at at once, which may become many more */
#define REDACT_OUT (8u << 20) /* ... at most: each a whole placeholder */

static const char unreadable[] = "the server's answer cannot be read";

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- a head ----------------------------------------------------------------------------------------------------------- */

static bool
write_head(struct h1 *h, usec_t now)
{
	struct clear out = {.max = H1_HEAD_OUT};
	bool ok = h1_write_response(h, waiting_view(&h->answer), &out);

	if (ok)
		h1_send(h, SIDE_CLIENT, out.p, out.len);
	clear_free(&out);
	waiting_free(&h->answer);
	h->answer_reader = (struct http_response_reader){.at = 0};
	if (!ok)
		h1_fail_with(h, 502, unreadable, "its head is too long", true, now);
	return ok;
}

/* RFC 9110 15.2: clients of HTTP/1.0 know no interim responses. */
static void
interim(struct h1 *h, usec_t now)
{
	if (h->now.h.minor > 0) {
		write_head(h, now);
		return;
	}
	waiting_free(&h->answer);
	h->answer_reader = (struct http_response_reader){.at = 0};
}

static void
begin_tunnel(struct h1 *h, usec_t now)
{
	if (h->in != IN_WAIT) {
		h1_fail_with(h, 502, unreadable, "it changes the protocol in the middle of a request", true,
			     now);
		return;
	}
	if (!write_head(h, now))
		return;
	h->in = IN_TUNNEL;
	h->out = OUT_TUNNEL;
}

/* How the body will be written, and whether the connection can go on after it. */
static void
choose_framing(struct h1 *h)
{
	const struct http_response *r = &h->rh;
	bool old = h->now.h.minor == 0, body = r->framed != HTTP_FRAMED_NONE;

	h->redacting = body && !r->encoded && h->now.plan.set && redact_wants_body(&h->now.plan);
	if (h->redacting)
		redact_begin(&h->redact, &h->now.plan);
	h->written = WRITTEN_AS_IS;
	if (r->framed == HTTP_FRAMED_CHUNKED && old)
		h->written = WRITTEN_UNFRAMED;
	else if (h->redacting && r->framed == HTTP_FRAMED_LENGTH)
		h->written = old || r->minor == 0 ? WRITTEN_UNFRAMED : WRITTEN_CHUNKED;
	else if (h->redacting && r->framed == HTTP_FRAMED_CHUNKED)
		h->written = WRITTEN_CHUNKED;
	/* RFC 9110 10.1.1: an answer while the client waits for 100: whether its body still comes is anybody's guess. */
	h->cut_off = h->expecting && h->in != IN_WAIT;
	h->closing |= r->close || h->cut_off || h->written == WRITTEN_UNFRAMED;
	h->cut_off |= r->close && h->in != IN_WAIT;
}

/* The response, and for the server's part the request with it. */
static void
response_done(struct h1 *h, usec_t now)
{
	h->out = OUT_DONE;
	if (h->in == IN_WAIT) {
		h1_request_over(h, now);
	} else if (h->cut_off) {
		waiting_free(&h->to[SIDE_SERVER]);
		h1_over(h, now);
	}
}

static void
begin_response(struct h1 *h, usec_t now)
{
	static const enum h1_out out[] = {[HTTP_FRAMED_LENGTH] = OUT_LENGTH,
					  [HTTP_FRAMED_CHUNKED] = OUT_CHUNKED,
					  [HTTP_FRAMED_CLOSE] = OUT_CLOSE};
	enum http_framing framed = h->rh.framed;

	h->now.record.status = h->rh.status;
	h->now.record.answered = now;
	if (framed == HTTP_FRAMED_TUNNEL) {
		begin_tunnel(h, now);
		return;
	}
	choose_framing(h);
	h->rest = h->rh.length;
	h->rchunks = (struct http_chunks){.left = 0};
	if (!write_head(h, now))
		return;
	if (framed == HTTP_FRAMED_NONE)
		response_done(h, now);
	else
		h->out = out[framed];
}

static size_t
read_head(struct h1 *h, struct view bytes, usec_t now)
{
	struct http_asked asked = {.head =
				       h->now.h.method.len == 4 && memcmp(h->now.h.method.p, "HEAD", 4) == 0,
				   .connect = h->now.r.connect,
				   .upgrade = h->now.r.upgrade};
	size_t had = waiting_len(&h->answer), n = least(bytes.len, HTTP_HEAD_MAX - had);

	if (h1_room(h, SIDE_CLIENT) == 0)
		return 0;
	if (!waiting_add(&h->answer, bytes.p, n)) {
		h1_fail(h, "no memory", false, now);
		return 0;
	}
	switch (http_response_read(&h->answer_reader, waiting_view(&h->answer), &asked, &h->rh)) {
	case HTTP_MORE:
		break;
	case HTTP_DONE:
		n = h->rh.len - had;
		waiting_cut(&h->answer, waiting_len(&h->answer) - h->rh.len);
		if (h->rh.status < 200 && h->rh.status != 101)
			interim(h, now);
		else
			begin_response(h, now);
		break;
	case HTTP_BAD:
	case HTTP_NOT:
		h1_fail_with(h, 502, unreadable, h->rh.why, true, now);
		break;
	case HTTP_LONG:
		h1_fail_with(h, 502, unreadable, "its head is too long", true, now);
		break;
	}
	return n;
}

/* --- its body --------------------------------------------------------------------------------------------------------- */

/* Framed as the response's head said. */
static void
write_piece(struct h1 *h, struct view bytes)
{
	if (bytes.len == 0)
		return;
	if (h->written == WRITTEN_CHUNKED)
		h1_send_chunk_size(h, SIDE_CLIENT, bytes.len);
	h1_send(h, SIDE_CLIENT, bytes.p, bytes.len);
	if (h->written == WRITTEN_CHUNKED)
		h1_send(h, SIDE_CLIENT, "\r\n", 2);
}

/* Bytes of the content; last: there are no more. */
static void
write_body(struct h1 *h, struct view bytes, bool last)
{
	struct clear out = {.max = REDACT_OUT};

	h->now.record.got += bytes.len;
	if (!h->redacting) {
		write_piece(h, bytes);
		return;
	}
	redact_body(&h->redact, &h->now.plan, bytes, last, &out);
	if (out.failed || h->redact.held.failed)
		h->base.failed = "no memory";
	else
		write_piece(h, view_of(out.p, out.len));
	clear_free(&out);
}

/* How many of these bytes can be taken now. */
static size_t
piece(const struct h1 *h, size_t n)
{
	n = least(n, h1_room(h, SIDE_CLIENT));
	return h->redacting ? least(n, REDACT_PIECE) : n;
}

static size_t
read_length(struct h1 *h, struct view bytes, usec_t now)
{
	size_t n = piece(h, bytes.len < h->rest ? bytes.len : (size_t)h->rest);

	if (n == 0)
		return 0;
	h->rest -= n;
	write_body(h, view_of(bytes.p, n), h->rest == 0);
	if (h->rest > 0)
		return n;
	if (h->written == WRITTEN_CHUNKED)
		h1_send(h, SIDE_CLIENT, "0\r\n\r\n", 5);
	response_done(h, now);
	return n;
}

static size_t
read_close(struct h1 *h, struct view bytes)
{
	size_t n = piece(h, bytes.len);

	if (n)
		write_body(h, view_of(bytes.p, n), false);
	return n;
}

void
h1_close_ends_body(struct h1 *h, bool clean, usec_t now)
{
	write_body(h, view_of(NULL, 0), true);
	/* Such a response is the server's last, so that all is over with it. */
	if (clean)
		response_done(h, now);
}

static void
trailer_bytes(struct h1 *h, const struct http_chunk *run, usec_t now)
{
	struct clear out = {.max = H1_HEAD_OUT};
	struct request_answer a;

	if (h->written != WRITTEN_UNFRAMED && !waiting_add(&h->answer, run->bytes.p, run->bytes.len)) {
		h1_fail(h, "no memory", false, now);
		return;
	}
	if (!run->last)
		return;
	if (h->redacting)
		write_body(h, view_of(NULL, 0), true);
	if (h->written != WRITTEN_UNFRAMED) {
		bool ok = h1_write_trailer(h, false, waiting_view(&h->answer), &out, &a);

		if (ok)
			h1_send(h, SIDE_CLIENT, out.p, out.len);
		clear_free(&out);
		waiting_free(&h->answer);
		if (!ok) {
			h1_fail(h, "the server's trailer is too long", true, now);
			return;
		}
	}
	response_done(h, now);
}

static void
chunk_run(struct h1 *h, const struct http_chunk *run, usec_t now)
{
	switch (run->what) {
	case HTTP_CHUNK_NONE:
		break;
	case HTTP_CHUNK_SIZE:
		if (h->written == WRITTEN_AS_IS && run->size)
			h1_send_chunk_size(h, SIDE_CLIENT, run->size);
		break;
	case HTTP_CHUNK_DATA:
		write_body(h, run->bytes, false);
		if (run->last && h->written == WRITTEN_AS_IS)
			h1_send(h, SIDE_CLIENT, "\r\n", 2);
		break;
	case HTTP_CHUNK_TRAILER:
		trailer_bytes(h, run, now);
		break;
	}
}

static size_t
read_chunks(struct h1 *h, struct view bytes, usec_t now)
{
	struct http_chunk run;

	bytes.len = piece(h, bytes.len);
	if (bytes.len == 0)
		return 0;
	ptrdiff_t n = http_chunks_next(&h->rchunks, bytes, &run);
	if (n < 0) {
		h1_fail(h, "the server's chunks are broken", true, now);
		return 0;
	}
	chunk_run(h, &run, now);
	return (size_t)n;
}

/* --- the whole ----------------------------------------------------------------------------------------------------------- */

static size_t
read_tunnel(struct h1 *h, struct view bytes)
{
	bytes.len = least(bytes.len, h1_room(h, SIDE_CLIENT));
	h->now.record.got += bytes.len;
	h1_send(h, SIDE_CLIENT, bytes.p, bytes.len);
	return bytes.len;
}

size_t
h1_server_step(struct h1 *h, struct view bytes, usec_t now)
{
	switch (h->out) {
	case OUT_NONE:
		h1_fail(h, "the server spoke before it was asked", true, now);
		return 0;
	case OUT_HEAD:
		return read_head(h, bytes, now);
	case OUT_LENGTH:
		return read_length(h, bytes, now);
	case OUT_CHUNKED:
		return read_chunks(h, bytes, now);
	case OUT_CLOSE:
		return read_close(h, bytes);
	case OUT_DONE:
		h1_fail(h, "the server said more than its response", true, now);
		return 0;
	case OUT_TUNNEL:
		return read_tunnel(h, bytes);
	case OUT_OVER:
		break;
	}
	return bytes.len;
}
