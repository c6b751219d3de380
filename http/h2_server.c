/*
 * h2_server.c - the session towards a server that speaks HTTP/2: requests go out, its responses come in
 */
#include "http/h2.h"

/* --- what the server says ------------------------------------------------------------------------------------------------ */

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2_exchange *x = ctx;
	struct h2_end *e = &x->end[SIDE_SERVER];

	e->head_since = x->now ? x->now : 1;
	h2_fields_clear(&x->heap, &e->in);
	if (x->end[SIDE_CLIENT].heads <= H2_HEADS_REFUSE)
		return 0;
	/* The client does not read, and the server has more and more heads for it.  No call tells the end of this one. */
	e->head_since = 0;
	if (nghttp2_submit_rst_stream(session, 0, frame->hd.stream_id, NGHTTP2_ENHANCE_YOUR_CALM) != 0)
		return h2_no_memory(x);
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static bool
got_headers(struct h2_exchange *x, struct h2_stream *s, const nghttp2_frame *frame)
{
	struct h2_end *e = &x->end[SIDE_SERVER];
	struct view status;
	bool ok = true;

	e->head_since = 0;
	if (s && e->in.over)
		h2_response_lost(x, s, NGHTTP2_INTERNAL_ERROR, "the server's header fields are too large");
	else if (s && h2_fields_find(&e->in, ":status", &status))
		ok = h2_response_head(x, s, &e->in, frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
	else if (s)
		ok = h2_response_end(x, s, &e->in);
	h2_fields_clear(&x->heap, &e->in);
	return ok;
}

static void
got_settings(struct h2_exchange *x, nghttp2_session *session)
{
	if (x->end[SIDE_SERVER].settings)
		return;
	x->end[SIDE_SERVER].settings = true;
	if (nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1)
		h2_client_websockets(x);
}

static int
on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2_exchange *x = ctx;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	bool ok = true;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		ok = got_headers(x, s, frame);
		break;
	case NGHTTP2_DATA:
		if (s && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			ok = h2_response_end(x, s, NULL);
		break;
	case NGHTTP2_SETTINGS:
		if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
			got_settings(x, session);
		break;
	case NGHTTP2_GOAWAY:
		/* The library refuses what the server will not do, and begins nothing new. */
		h2_leave(x);
		break;
	default:
		break;
	}
	return ok ? 0 : h2_no_memory(x);
}

static int
on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *ctx)
{
	struct h2_exchange *x = ctx;

	(void)session, (void)frame, (void)error;
	x->end[SIDE_SERVER].head_since = 0;
	return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	struct h2_exchange *x = ctx;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (!s)
		return 0;
	if (!s->went)
		code = NGHTTP2_REFUSED_STREAM;
	/* NO_ERROR without a whole response is a server's mistake. */
	if (!s->flow[SIDE_CLIENT].ended)
		h2_response_lost(x, s, code != NGHTTP2_NO_ERROR ? code : NGHTTP2_INTERNAL_ERROR, NULL);
	else if (s->flow[SIDE_CLIENT].sent && !s->flow[SIDE_SERVER].ended)
		h2_session_reset(x, s, SIDE_CLIENT, NGHTTP2_NO_ERROR);
	h2_stream_closed(x, s, SIDE_SERVER);
	return 0;
}

/* --- what went to the server ---------------------------------------------------------------------------------------------- */

void
h2_server_sent(struct h2_stream *s, const nghttp2_frame *frame)
{
	if (frame->hd.type != NGHTTP2_HEADERS)
		return;
	s->went = true;
	s->waits = false;
}

void
h2_server_callbacks(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
}

bool
h2_server_open(struct h2_exchange *x)
{
	static const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW_SERVER},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_FIELD_BYTES},
	};

	return h2_session_open(x, SIDE_SERVER, settings, sizeof(settings) / sizeof(*settings),
			       H2_CONNECTION_SERVER);
}

/* --- struct h2_up ------------------------------------------------------------------------------------------------------------- */

static bool
server_request(struct h2_exchange *x, struct h2_stream *s)
{
	struct h2_flow *f = &s->flow[SIDE_SERVER];
	bool bodiless = f->ended && f->queue.len == 0 && !s->gathers;
	nghttp2_data_provider body = {.source.ptr = s, .read_callback = h2_session_read};
	nghttp2_nv *nva = h2_fields_nva(&x->heap, &f->fields);

	if (!nva)
		return false;
	int32_t id = nghttp2_submit_request(x->end[SIDE_SERVER].session, NULL, nva, f->fields.n,
					    bodiless ? NULL : &body, s);
	h2_put(&x->heap, nva);
	if (id == NGHTTP2_ERR_NOMEM)
		return false;
	if (id < 0) { /* no more numbers for streams */
		h2_session_reset(x, s, SIDE_CLIENT, NGHTTP2_REFUSED_STREAM);
		h2_leave(x);
		return true;
	}
	x->end[SIDE_SERVER].heads += f->fields.size;
	s->up = id;
	s->open[SIDE_SERVER] = true;
	return true;
}

static void
server_more(struct h2_exchange *x, struct h2_stream *s)
{
	h2_session_more(x, s, SIDE_SERVER);
}

static void
server_reset(struct h2_exchange *x, struct h2_stream *s, uint32_t code)
{
	h2_session_reset(x, s, SIDE_SERVER, code);
}

static void
server_credit(struct h2_exchange *x, struct h2_stream *s, size_t n, size_t all)
{
	h2_session_credit(x, s, SIDE_SERVER, n, all);
}

static size_t
server_take(struct h2_exchange *x, struct view bytes)
{
	return h2_session_take(x, SIDE_SERVER, bytes);
}

static void
server_end(struct h2_exchange *x, bool clean)
{
	(void)x, (void)clean;
}

static bool
server_fill(struct h2_exchange *x)
{
	return h2_session_fill(x, SIDE_SERVER);
}

static bool
server_over(const struct h2_exchange *x)
{
	return h2_session_over(x, SIDE_SERVER);
}

static void
server_close(struct h2_exchange *x)
{
	if (!x->end[SIDE_SERVER].gone)
		h2_session_submitted(
		    x, nghttp2_session_terminate_session(x->end[SIDE_SERVER].session, NGHTTP2_NO_ERROR));
}

const struct h2_up h2_server = {
    .request = server_request,
    .more = server_more,
    .reset = server_reset,
    .credit = server_credit,
    .take = server_take,
    .end = server_end,
    .fill = server_fill,
    .over = server_over,
    .close = server_close,
};
