/*
 * h2_session.c - what the sessions towards both sides share
 *
 * The library checks what HTTP/2 and its messages ask for (RFC 9113 8); what it leaves to its users is bounded here: frames that say
 * nothing, heads without end.  Its callbacks may not call into the session that calls them, so trouble is noted (h2_fail) and
 * dealt with afterwards.
 */
#include "http/h2.h"

#define IDLE_FRAMES 1000u /* at once, and a second: PING, SETTINGS, empty DATA, PRIORITY */
#define IDLE_FRAMES_A_SECOND 100u
#define DATA_MAX (16384 - 9)
#define ACKS_WAIT 100u
#define SETTINGS_MAX 32u
#define CONTINUATIONS 8u

static enum side
side_of(const struct h2_exchange *x, const nghttp2_session *session)
{
	return session == x->end[SIDE_CLIENT].session ? SIDE_CLIENT : SIDE_SERVER;
}

static const char *
who_broke(enum side whose)
{
	return whose == SIDE_CLIENT ? "the client broke HTTP/2" : "the server broke HTTP/2";
}

static int
on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *ctx)
{
	struct h2_exchange *x = ctx;
	enum side from = side_of(x, session);
	struct h2_end *e = &x->end[from];
	bool ack = hd->flags & NGHTTP2_FLAG_ACK, last = hd->flags & NGHTTP2_FLAG_END_STREAM;

	switch (hd->type) {
	case NGHTTP2_DATA:
		if (hd->length == 0 && !last)
			break;
		/* Who says something may say nothing in between (pings that measure, say). */
		e->idle.used -= e->idle.used > 0;
		return 0;
	case NGHTTP2_PING:
	case NGHTTP2_SETTINGS:
		if (ack)
			return 0;
		break;
	case NGHTTP2_HEADERS:
	case NGHTTP2_RST_STREAM:
	case NGHTTP2_PUSH_PROMISE:
	case NGHTTP2_GOAWAY:
	case NGHTTP2_WINDOW_UPDATE:
	case NGHTTP2_CONTINUATION:
		return 0;
	default: /* what is unknown is passed over without a call: it costs its bytes */
		break;
	}
	if (!h2_bucket_take(&e->idle, IDLE_FRAMES, IDLE_FRAMES_A_SECOND, x->now))
		h2_fail(x, from, NGHTTP2_ENHANCE_YOUR_CALM, "too many HTTP/2 frames that say nothing");
	return 0;
}

static int
on_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t namelen,
	 const uint8_t *value, size_t valuelen, uint8_t flags, void *ctx)
{
	struct h2_exchange *x = ctx;
	struct h2_end *e = &x->end[side_of(x, session)];

	(void)frame;
	if (h2_fields_add(&x->heap, &e->in, view_of(name, namelen), view_of(value, valuelen),
			  flags & NGHTTP2_NV_FLAG_NO_INDEX))
		return 0;
	return h2_no_memory(x);
}

/* A field that may not be: the library would leave it out.  A server's is; a client's request is malformed (RFC 9113 8.2.1). */
static int
on_invalid_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t namelen,
		 const uint8_t *value, size_t valuelen, uint8_t flags, void *ctx)
{
	(void)frame, (void)name, (void)namelen, (void)value, (void)valuelen, (void)flags;
	return side_of(ctx, session) == SIDE_CLIENT ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *ctx)
{
	struct h2_exchange *x = ctx;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	struct view bytes = view_of(data, len);

	(void)flags;
	if (!s) {
		nghttp2_session_consume(session, id, len);
		return 0;
	}
	bool ok =
	    side_of(x, session) == SIDE_CLIENT ? h2_request_data(x, s, bytes) : h2_response_data(x, s, bytes);
	return ok ? 0 : h2_no_memory(x);
}

/* Bytes of heads that were sent, or will not be. */
static void
head_left(struct h2_exchange *x, enum side to, const nghttp2_frame *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->headers.nvlen; i++)
		n += f->headers.nva[i].namelen + f->headers.nva[i].valuelen + 32;
	x->end[to].heads -= n < x->end[to].heads ? n : x->end[to].heads;
}

static int
on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2_exchange *x = ctx;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	enum side to = side_of(x, session);

	if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
		h2_fail(x, to, frame->goaway.error_code, who_broke(to));
	if (frame->hd.type == NGHTTP2_HEADERS)
		head_left(x, to, frame);
	if (s && to == SIDE_SERVER)
		h2_server_sent(s, frame);
	return s && to == SIDE_CLIENT ? h2_client_sent(x, s, frame) : 0;
}

static int
on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int error, void *ctx)
{
	(void)error;
	if (frame->hd.type == NGHTTP2_HEADERS)
		head_left(ctx, side_of(ctx, session), frame);
	return 0;
}

/* A frame with its header fills one record of TLS, not one and a small one. */
static ssize_t
on_read_length(nghttp2_session *session, uint8_t type, int32_t id, int32_t all, int32_t one, uint32_t frame,
	       void *ctx)
{
	(void)session, (void)type, (void)id, (void)all, (void)one, (void)frame, (void)ctx;
	return DATA_MAX;
}

/* --- opening --------------------------------------------------------------------------------------------------------- */

static nghttp2_session_callbacks *
callbacks(enum side at)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_field);
	nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_field);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_send);
	nghttp2_session_callbacks_set_data_source_read_length_callback(cb, on_read_length);
	if (at == SIDE_CLIENT)
		h2_client_callbacks(cb);
	else
		h2_server_callbacks(cb);
	return cb;
}

static nghttp2_option *
options(enum side at)
{
	nghttp2_option *o;

	if (nghttp2_option_new(&o) != 0)
		return NULL;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_outbound_ack(o, ACKS_WAIT);
	nghttp2_option_set_max_settings(o, SETTINGS_MAX);
	nghttp2_option_set_max_continuations(o, CONTINUATIONS);
	/* Its own count asks a clock what time it is; ours (h2_client.c) is told. */
	nghttp2_option_set_stream_reset_rate_limit(o, (uint64_t)1 << 40, (uint64_t)1 << 40);
	nghttp2_option_set_max_send_header_block_length(o, 2 * H2_FIELD_BYTES);
	if (at == SIDE_SERVER)
		nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(o, 1);
	return o;
}

bool
h2_session_open(struct h2_exchange *x, enum side at, const nghttp2_settings_entry *settings, size_t n,
		int32_t window)
{
	nghttp2_session_callbacks *cb = callbacks(at);
	nghttp2_option *o = options(at);
	nghttp2_mem mem = h2_heap_mem(&x->heap);
	nghttp2_session **to = &x->end[at].session;
	int rv = NGHTTP2_ERR_NOMEM;

	if (cb && o)
		rv = at == SIDE_CLIENT ? nghttp2_session_server_new3(to, cb, x, o, &mem)
				       : nghttp2_session_client_new3(to, cb, x, o, &mem);
	nghttp2_session_callbacks_del(cb);
	nghttp2_option_del(o);
	if (rv != 0) {
		*to = NULL;
		return false;
	}
	return nghttp2_submit_settings(*to, NGHTTP2_FLAG_NONE, settings, n) == 0 &&
	       nghttp2_session_set_local_window_size(*to, NGHTTP2_FLAG_NONE, 0, window) == 0;
}

/* --- bytes ------------------------------------------------------------------------------------------------------------- */

bool
h2_session_fill(struct h2_exchange *x, enum side to)
{
	struct h2_end *e = &x->end[to];
	bool some = false;

	if (e->gone || x->heap.failed)
		return false;
	while (e->len <= H2_FRAME) {
		const uint8_t *p;
		ssize_t n;

		if (!nghttp2_session_want_write(e->session))
			break;
		if (!e->out && !(e->out = h2_get(&x->heap, 2 * H2_FRAME))) {
			h2_no_memory(x);
			break;
		}
		n = nghttp2_session_mem_send(e->session, &p);
		if (n < 0 || (size_t)n > 2 * H2_FRAME - e->len)
			h2_fail(x, n == NGHTTP2_ERR_NOMEM ? SIDE_CLIENT : to, NGHTTP2_INTERNAL_ERROR,
				n == NGHTTP2_ERR_NOMEM ? "no memory" : "HTTP/2 could not go on");
		if (n <= 0 || (size_t)n > 2 * H2_FRAME - e->len)
			break;
		memcpy(e->out + e->len, p, (size_t)n);
		e->len += (uint32_t)n;
		some = true;
	}
	return some;
}

static const char *
what_broke(ssize_t error, enum side from)
{
	switch (error) {
	case NGHTTP2_ERR_NOMEM:
		return "no memory";
	case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
		return "the client does not begin as HTTP/2 does";
	case NGHTTP2_ERR_FLOODED:
		return "too many HTTP/2 frames that ask for an answer";
	case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
		return "an HTTP/2 head in too many frames";
	default:
		return who_broke(from);
	}
}

size_t
h2_session_take(struct h2_exchange *x, enum side from, struct view bytes)
{
	struct h2_end *e = &x->end[from];

	if (x->heap.failed)
		return bytes.len;
	ssize_t n = nghttp2_session_mem_recv(e->session, bytes.p, bytes.len);

	if (n < 0) {
		h2_fail(x, n == NGHTTP2_ERR_NOMEM ? SIDE_CLIENT : from,
			n == NGHTTP2_ERR_NOMEM ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM,
			what_broke(n, from));
		return bytes.len;
	}
	return (size_t)n;
}

bool
h2_session_over(const struct h2_exchange *x, enum side at)
{
	const struct h2_end *e = &x->end[at];

	return e->gone || (!nghttp2_session_want_read(e->session) && !nghttp2_session_want_write(e->session));
}

/* All of the body is in frames; what follows it. */
static int
add_trailers(struct h2_exchange *x, nghttp2_session *session, int32_t id, struct h2_flow *f, uint32_t *flags)
{
	nghttp2_nv *nva;
	int rv;

	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (!f->trailers || f->fields.n == 0)
		return 0;
	nva = h2_fields_nva(&x->heap, &f->fields);
	if (!nva)
		return NGHTTP2_ERR_NOMEM;
	*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	rv = nghttp2_submit_trailer(session, id, nva, f->fields.n);
	if (rv == 0)
		x->end[side_of(x, session)].heads += f->fields.size;
	h2_put(&x->heap, nva);
	h2_fields_clear(&x->heap, &f->fields);
	f->trailers = false;
	return rv;
}

ssize_t
h2_session_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t n, uint32_t *flags,
		nghttp2_data_source *source, void *ctx)
{
	struct h2_exchange *x = ctx;
	struct h2_stream *s = source->ptr;
	enum side to = side_of(x, session);
	struct h2_flow *f = &s->flow[to];
	size_t got = h2_queue_take(&x->heap, &f->queue, buf, n);

	if (got) {
		if (to == SIDE_SERVER)
			s->record.sent += got;
		h2_flow_left(x, s, to, got);
	}
	if (to == SIDE_SERVER && f->queue.len == 0 && f->ended)
		h2_gather_done(x, s);
	if (f->queue.len == 0 && f->ended) {
		if (add_trailers(x, session, id, f, flags) != 0)
			return h2_no_memory(x);
	} else if (got == 0) {
		f->asleep = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)got;
}

/* --- streams ----------------------------------------------------------------------------------------------------------- */

void
h2_session_submitted(struct h2_exchange *x, int rv)
{
	if (nghttp2_is_fatal(rv))
		h2_no_memory(x);
}

/* What the session at that side calls it. */
static int32_t
id_at(const struct h2_stream *s, enum side at)
{
	return at == SIDE_CLIENT ? s->id : s->up;
}

void
h2_session_more(struct h2_exchange *x, struct h2_stream *s, enum side to)
{
	struct h2_flow *f = &s->flow[to];

	if (!f->asleep || !s->open[to] || x->end[to].gone)
		return;
	f->asleep = false;
	h2_session_submitted(x, nghttp2_session_resume_data(x->end[to].session, id_at(s, to)));
}

void
h2_session_reset(struct h2_exchange *x, struct h2_stream *s, enum side at, uint32_t code)
{
	if (s->open[at] && !x->end[at].gone)
		h2_session_submitted(x, nghttp2_submit_rst_stream(x->end[at].session, 0, id_at(s, at), code));
}

void
h2_session_credit(struct h2_exchange *x, struct h2_stream *s, enum side from, size_t n, size_t all)
{
	nghttp2_session *session = x->end[from].session;

	if (x->end[from].gone)
		return;
	if (all)
		h2_session_submitted(x, nghttp2_session_consume_connection(session, all));
	if (n && s->open[from])
		h2_session_submitted(x, nghttp2_session_consume_stream(session, id_at(s, from), n));
}
