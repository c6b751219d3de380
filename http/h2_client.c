/*
 * h2_client.c - the session towards the client: its requests come in, responses go out
 */
#include "http/h2.h"

#define RESETS \
	500u /* streams that were begun and given up: at once, and a second (CVE-2023-44487, CVE-2025-8671) */
#define RESETS_A_SECOND 30u

static void
count_reset(struct h2_exchange *x)
{
	if (!h2_bucket_take(&x->end[SIDE_CLIENT].resets, RESETS, RESETS_A_SECOND, x->now))
		h2_fail(x, SIDE_CLIENT, NGHTTP2_ENHANCE_YOUR_CALM,
			"too many HTTP/2 streams begun and given up");
}

/* --- what the client says ---------------------------------------------------------------------------------------------- */

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2_exchange *x = ctx;
	struct h2_end *e = &x->end[SIDE_CLIENT];
	int32_t id = frame->hd.stream_id;
	struct h2_stream *s;

	e->head_since = x->now ? x->now : 1;
	h2_fields_clear(&x->heap, &e->in);
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	if (x->leaving || x->nstreams >= H2_STREAMS_KEPT || x->end[SIDE_SERVER].heads > H2_HEADS_REFUSE) {
		/* Nothing was done for it: the client may try again (RFC 9113 8.7).  Its head is read past; no call tells its end. */
		e->head_since = 0;
		if (nghttp2_submit_rst_stream(session, 0, id, NGHTTP2_REFUSED_STREAM) != 0)
			return h2_no_memory(x);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	s = h2_stream_new(x, id);
	if (!s)
		return h2_no_memory(x);
	nghttp2_session_set_stream_user_data(session, id, s);
	return 0;
}

static bool
got_headers(struct h2_exchange *x, struct h2_stream *s, const nghttp2_frame *frame)
{
	struct h2_end *e = &x->end[SIDE_CLIENT];
	bool ok = true;

	e->head_since = 0;
	if (s && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		ok = h2_request_head(x, s, &e->in, frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
	else if (s)
		ok = h2_request_end(x, s, &e->in);
	h2_fields_clear(&x->heap, &e->in);
	return ok;
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
			ok = h2_request_end(x, s, NULL);
		break;
	case NGHTTP2_SETTINGS:
		x->end[SIDE_CLIENT].settings = true;
		break;
	case NGHTTP2_RST_STREAM:
		count_reset(x);
		break;
	default:
		break;
	}
	return ok ? 0 : h2_no_memory(x);
}

/* Something of a stream's was against the rules: the library resets it, at the client's wish, as it were. */
static int
on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *ctx)
{
	struct h2_exchange *x = ctx;

	(void)session, (void)frame, (void)error;
	x->end[SIDE_CLIENT].head_since = 0;
	count_reset(x);
	return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	struct h2_exchange *x = ctx;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (!s)
		return 0;
	/* A response that came before the end of the request leaves the rest of it on its way. */
	if (s->open[SIDE_SERVER] && (code != NGHTTP2_NO_ERROR || !s->flow[SIDE_CLIENT].sent))
		x->up->reset(x, s, code != NGHTTP2_NO_ERROR ? code : NGHTTP2_CANCEL);
	h2_stream_closed(x, s, SIDE_CLIENT);
	return 0;
}

/* --- what went to the client ---------------------------------------------------------------------------------------------- */

/* The response is out.  If nobody reads the rest of the request, the client is told to stop (RFC 9113 8.1). */
static int
response_sent(struct h2_exchange *x, struct h2_stream *s)
{
	s->flow[SIDE_CLIENT].sent = true;
	if (s->flow[SIDE_SERVER].ended || (s->open[SIDE_SERVER] && !s->refused))
		return 0;
	return nghttp2_submit_rst_stream(x->end[SIDE_CLIENT].session, 0, s->id, NGHTTP2_NO_ERROR) == 0
		   ? 0
		   : h2_no_memory(x);
}

int
h2_client_sent(struct h2_exchange *x, struct h2_stream *s, const nghttp2_frame *frame)
{
	bool last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (last && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
		return response_sent(x, s);
	return 0;
}

void
h2_client_callbacks(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
}

bool
h2_client_open(struct h2_exchange *x)
{
	static const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_FIELD_BYTES},
	    {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};

	return h2_session_open(x, SIDE_CLIENT, settings, sizeof(settings) / sizeof(*settings),
			       H2_CONNECTION_CLIENT);
}

/* --- what is to go to the client --------------------------------------------------------------------------------------------- */

void
h2_client_websockets(struct h2_exchange *x)
{
	static const nghttp2_settings_entry e = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};

	if (!x->end[SIDE_CLIENT].gone)
		h2_session_submitted(
		    x, nghttp2_submit_settings(x->end[SIDE_CLIENT].session, NGHTTP2_FLAG_NONE, &e, 1));
}

bool
h2_client_head(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *f, bool interim, bool end)
{
	nghttp2_session *session = x->end[SIDE_CLIENT].session;
	nghttp2_data_provider body = {.source.ptr = s, .read_callback = h2_session_read};
	nghttp2_nv *nva;
	int rv;

	if (!s->open[SIDE_CLIENT] || x->end[SIDE_CLIENT].gone)
		return true;
	nva = h2_fields_nva(&x->heap, f);
	if (!nva)
		return false;
	if (interim)
		rv = nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, s->id, NULL, nva, f->n, NULL);
	else
		rv = nghttp2_submit_response(session, s->id, nva, f->n, end ? NULL : &body);
	h2_put(&x->heap, nva);
	if (rv == 0)
		x->end[SIDE_CLIENT].heads += f->size;
	return rv == 0;
}

void
h2_client_widen(struct h2_exchange *x, struct h2_stream *s)
{
	if (s->widened || !s->open[SIDE_CLIENT] || x->end[SIDE_CLIENT].gone)
		return;
	s->widened = true;
	h2_session_submitted(x, nghttp2_session_set_local_window_size(
				    x->end[SIDE_CLIENT].session, NGHTTP2_FLAG_NONE, s->id, H2_WINDOW_CLIENT));
}

void
h2_client_leave(struct h2_exchange *x)
{
	nghttp2_session *session = x->end[SIDE_CLIENT].session;

	if (!x->end[SIDE_CLIENT].gone)
		h2_session_submitted(x,
				     nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
							   nghttp2_session_get_last_proc_stream_id(session),
							   NGHTTP2_NO_ERROR, NULL, 0));
}
