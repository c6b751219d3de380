/*
 * h2_refuse.c - our own responses: one stream is answered here, the others go on
 */
#include "http/h2.h"

/* Its status, type and length. */
static bool
write_head(struct h2_exchange *x, struct h2_fields *f, uint16_t status, const char *type, size_t len)
{
	char digits[8] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
			  (char)('0' + status % 10)};
	char length[8];
	size_t at = sizeof(length);

	do
		length[--at] = (char)('0' + len % 10);
	while (len /= 10);
	return h2_fields_add(&x->heap, f, h2_text(":status"), view_of(digits, 3), false) &&
	       h2_fields_add(&x->heap, f, h2_text("content-type"), h2_text(type), false) &&
	       h2_fields_add(&x->heap, f, h2_text("content-length"),
			     view_of(length + at, sizeof(length) - at), false) &&
	       h2_fields_add(&x->heap, f, h2_text("cache-control"), h2_text("no-store"), false);
}

static bool
answer(struct h2_exchange *x, struct h2_stream *s, const struct request_answer *a)
{
	struct h2_flow *to = &s->flow[SIDE_CLIENT];
	struct h2_fields f = {.n = 0};
	char body[REQUEST_REFUSAL_MAX];
	const char *type = "text/plain";
	size_t n = request_refusal_body(a, s->request.accept, &type, body, sizeof(body));
	bool ok = write_head(x, &f, a->status, type, n);

	to->ended = true;
	if (ok && !s->head)
		ok = h2_flow_add(x, s, SIDE_CLIENT, view_of(body, n));
	ok = ok && h2_client_head(x, s, &f, false, to->queue.len == 0);
	h2_fields_clear(&x->heap, &f);
	s->begun = true;
	return ok;
}

void
h2_refuse(struct h2_exchange *x, struct h2_stream *s, const struct request_answer *a)
{
	if (s->refused)
		return;
	s->refused = s->record.refused = true;
	if (s->open[SIDE_SERVER])
		x->up->reset(x, s, NGHTTP2_CANCEL);
	h2_flow_drop(x, s, SIDE_SERVER);
	h2_flow_drop(x, s, SIDE_CLIENT);
	h2_gathered_free(x, s);
	h2_gather_done(x, s);
	h2_fields_clear(&x->heap, &s->flow[SIDE_SERVER].fields);
	if (s->begun) {
		/* The server's head has gone out: no other can. */
		h2_session_reset(x, s, SIDE_CLIENT, NGHTTP2_CANCEL);
	} else {
		s->record.status = a->status;
		s->record.answered = x->now;
		if (!answer(x, s, a))
			h2_no_memory(x);
	}
	if (a->close)
		h2_leave(x);
}

void
h2_refuse_with(struct h2_exchange *x, struct h2_stream *s, uint16_t status, const char *text)
{
	struct request_answer a = {.status = status};
	size_t n = strlen(text);

	memcpy(a.text, text, n < sizeof(a.text) ? n : sizeof(a.text) - 1);
	h2_refuse(x, s, &a);
}
