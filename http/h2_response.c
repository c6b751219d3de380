/*
 * h2_response.c - what the server answers, on its way to the client
 */
#include "http/h2.h"

#define REDACTED_WAITS \
	(4u << 20) /* a server that makes very much of its window by what is taken out: it is cut off */

static uint16_t
read_status(struct view v)
{
	uint16_t n = 0;

	if (v.len != 3)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return 0;
		n = (uint16_t)(n * 10 + (v.p[i] - '0'));
	}
	return n;
}

static bool
forward_head(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *f, bool interim, bool end)
{
	struct h2_fields out = {.n = 0};
	bool ok = h2_fit_response(x, s, f, &out, false);

	if (ok && out.over)
		h2_response_lost(x, s, NGHTTP2_INTERNAL_ERROR, "the server's header fields are too large");
	else if (ok)
		ok = h2_client_head(x, s, &out, interim, end);
	if (!interim && ok && !out.over)
		s->begun = true;
	h2_fields_clear(&x->heap, &out);
	return ok;
}

bool
h2_response_head(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *f, bool end)
{
	struct view text, coding;
	uint16_t status;

	if (s->refused || s->begun)
		return true;
	h2_fields_find(f, ":status", &text);
	status = read_status(text);
	if (status < 100 || status == 101) {
		h2_response_lost(x, s, NGHTTP2_PROTOCOL_ERROR,
				 "the server's answer has no status that HTTP/2 knows");
		return true;
	}
	/* Who was told to go on here need not hear it again. */
	if (status < 200)
		return (status == 100 && s->gathers) || forward_head(x, s, f, true, false);
	s->record.status = status;
	s->record.answered = x->now;
	if (s->redacts && h2_fields_find(f, "content-encoding", &coding) && !h2_is(coding, "identity")) {
		s->redacts = false; /* it was told to send it plain */
		redact_end(&s->redact);
	}
	s->flow[SIDE_CLIENT].ended = end;
	return forward_head(x, s, f, false, end);
}

/* Bytes that may leave, with what belongs out of them. */
static bool
add_redacted(struct h2_exchange *x, struct h2_stream *s, struct view bytes, bool last)
{
	/* A placeholder can be longer than what it stands for. */
	struct clear out = {.max = SUBSTITUTE_BODY};
	bool ok;

	redact_body(&s->redact, &s->plan, bytes, last, &out);
	ok = !out.failed && !s->redact.held.failed && h2_flow_add(x, s, SIDE_CLIENT, view_of(out.p, out.len));
	clear_free(&out);
	return ok;
}

bool
h2_response_data(struct h2_exchange *x, struct h2_stream *s, struct view bytes)
{
	s->record.got += bytes.len;
	h2_flow_owe(x, s, SIDE_CLIENT, bytes.len);
	if (s->refused || !s->open[SIDE_CLIENT] || !s->begun) {
		h2_flow_drop(x, s, SIDE_CLIENT);
		return true;
	}
	if (s->redacts ? !add_redacted(x, s, bytes, false) : !h2_flow_add(x, s, SIDE_CLIENT, bytes))
		return false;
	/* All of it may be held back for now; the server is to go on nevertheless. */
	if (s->flow[SIDE_CLIENT].queue.len == 0)
		h2_flow_left(x, s, SIDE_CLIENT, 0);
	if (s->redacts && s->flow[SIDE_CLIENT].queue.len > REDACTED_WAITS)
		h2_response_lost(x, s, NGHTTP2_INTERNAL_ERROR, NULL);
	h2_session_more(x, s, SIDE_CLIENT);
	return true;
}

bool
h2_response_end(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *trailers)
{
	struct h2_flow *f = &s->flow[SIDE_CLIENT];
	bool ok = true;

	if (s->refused || !s->begun || f->ended)
		return true;
	if (s->redacts)
		ok = add_redacted(x, s, view_of(NULL, 0), true);
	if (ok && trailers && !trailers->over) {
		ok = h2_fit_response(x, s, trailers, &f->fields, true);
		f->trailers = f->fields.n > 0;
	}
	f->ended = true;
	h2_session_more(x, s, SIDE_CLIENT);
	return ok;
}

void
h2_response_lost(struct h2_exchange *x, struct h2_stream *s, uint32_t code, const char *why)
{
	if (s->refused || !s->open[SIDE_CLIENT])
		return;
	if (why && !s->begun) {
		h2_refuse_with(x, s, 502, why);
		return;
	}
	s->refused = true; /* nothing more of it is wanted */
	h2_flow_drop(x, s, SIDE_CLIENT);
	h2_session_reset(x, s, SIDE_CLIENT, code);
}
