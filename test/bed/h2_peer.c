/*
 * h2_peer.c - a client or a server of HTTP/2 in memory
 */
#include "test/bed/h2_peer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELDS 64u

static uint8_t
pattern(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static uint64_t
add_up(uint64_t sum, uint8_t b)
{
	return (sum ^ b) * 0x100000001b3u; /* FNV-1a */
}

uint64_t
h2_peer_sum(uint64_t len)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < len; i++)
		sum = add_up(sum, pattern(i));
	return sum;
}

struct h2_seen *
h2_peer_find(struct h2_peer *p, int32_t id)
{
	for (uint32_t i = p->n; i-- > 0;) {
		if (p->seen[i].id == id)
			return &p->seen[i];
	}
	return NULL;
}

static struct h2_seen *
new_stream(struct h2_peer *p, int32_t id)
{
	struct h2_seen *s = &p->seen[p->n < H2_PEER_STREAMS ? p->n++ : H2_PEER_STREAMS - 1];

	*s = (struct h2_seen){.id = id, .closed = -1};
	return s;
}

/* --- what comes ------------------------------------------------------------------------------------------------------- */

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2_peer *p = ctx;
	struct h2_seen *s = h2_peer_find(p, frame->hd.stream_id);

	(void)session;
	if (!s)
		s = new_stream(p, frame->hd.stream_id);
	if (s->begun)
		s->trailers[0] = '\0';
	else
		s->head[0] = '\0';
	return 0;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t nlen,
	  const uint8_t *value, size_t vlen, uint8_t flags, void *ctx)
{
	struct h2_seen *s = h2_peer_find(ctx, frame->hd.stream_id);

	(void)session;
	if (!s)
		return 0;
	char *to = s->begun ? s->trailers : s->head;
	size_t at = strlen(to);
	if (at + nlen + vlen + 4 < H2_PEER_HEAD)
		snprintf(to + at, H2_PEER_HEAD - at, "%.*s: %.*s\n", (int)nlen, (const char *)name, (int)vlen,
			 (const char *)value);
	s->never |= (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
	return 0;
}

static void
default_answer(struct h2_peer *p, struct h2_seen *s)
{
	static const char field[] = ":path: ";
	const char *path = strstr(s->head, field);
	size_t n = path ? strcspn(path += sizeof(field) - 1, "\n") : 0;

	/* The head stays where it is as long as the stream does. */
	h2_peer_respond(p, s, ":status: 200\ncontent-type: text/plain\n", path ? path : "", n);
}

static void
got_headers(struct h2_peer *p, struct h2_seen *s, bool end)
{
	bool interim = !p->server && strncmp(s->head, ":status: 1", 10) == 0 && !s->begun;

	if (interim) {
		size_t at = strlen(s->interim), room = sizeof(s->interim) - 1 - at, n = strlen(s->head);

		memcpy(s->interim + at, s->head, n < room ? n : room);
		s->interim[at + (n < room ? n : room)] = '\0';
		return;
	}
	bool first = !s->begun;
	s->begun = true;
	s->ended |= end;
	if (p->server && first && p->on_request)
		p->on_request(p, s);
	else if (p->server && first && !p->mute)
		default_answer(p, s);
}

static int
on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2_peer *p = ctx;
	struct h2_seen *s = h2_peer_find(p, frame->hd.stream_id);
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	(void)session;
	if (frame->hd.type == NGHTTP2_HEADERS && s)
		got_headers(p, s, end);
	else if (frame->hd.type == NGHTTP2_DATA && s)
		s->ended |= end;
	else if (frame->hd.type == NGHTTP2_RST_STREAM)
		p->resets++;
	else if (frame->hd.type == NGHTTP2_SETTINGS)
		p->settings += !(frame->hd.flags & NGHTTP2_FLAG_ACK);
	else if (frame->hd.type == NGHTTP2_GOAWAY) {
		p->goaway = (int32_t)frame->goaway.error_code;
		p->goaway_last = frame->goaway.last_stream_id;
	}
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *ctx)
{
	struct h2_peer *p = ctx;
	struct h2_seen *s = h2_peer_find(p, id);

	(void)flags;
	if (!p->lazy)
		nghttp2_session_consume(session, id, len);
	for (size_t i = 0; s && i < len; i++) {
		if (s->got < H2_PEER_BODY)
			s->body[s->got] = (char)data[i];
		s->sum = add_up(s->sum, data[i]);
		s->got++;
	}
	return 0;
}

static int
on_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	struct h2_seen *s = h2_peer_find(ctx, id);

	(void)session;
	if (s)
		s->closed = (int32_t)code;
	return 0;
}

/* --- what goes --------------------------------------------------------------------------------------------------------- */

static size_t
read_fields(const char *text, nghttp2_nv *nv)
{
	size_t n = 0;

	while (*text && n < FIELDS) {
		size_t line = strcspn(text, "\n"), colon = 1 + strcspn(text + 1, ":");

		assert(colon + 1 < line);
		nv[n] = (nghttp2_nv){.namelen = colon, .valuelen = line - colon - 2};
		/* The library copies them. */
		memcpy(&nv[n].name, &text, sizeof(text));
		nv[n].value = nv[n].name + colon + 2;
		n++;
		text += line + (text[line] == '\n');
	}
	return n;
}

static ssize_t
read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room, uint32_t *flags,
	  nghttp2_data_source *source, void *ctx)
{
	struct h2_seen *s = h2_peer_find(ctx, id);
	size_t n;

	(void)source;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = s->to_send - s->out < room ? (size_t)(s->to_send - s->out) : room;
	for (size_t i = 0; i < n; i++)
		buf[i] = s->text ? (uint8_t)s->text[s->out + i] : pattern(s->out + i);
	s->out += n;
	if (s->out == s->to_send && s->holds && n == 0)
		return NGHTTP2_ERR_DEFERRED;
	if (s->out == s->to_send && !s->holds) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s->trailer) {
			nghttp2_nv nv[FIELDS];
			size_t count = read_fields(s->trailer, nv);

			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			nghttp2_submit_trailer(session, id, nv, count);
		}
	}
	return (ssize_t)n;
}

static struct h2_seen *
request(struct h2_peer *p, const char *fields, const char *body, uint64_t len, bool holds)
{
	nghttp2_data_provider from = {.read_callback = read_body};
	nghttp2_nv nv[FIELDS];
	size_t n = read_fields(fields, nv);
	int32_t id = nghttp2_submit_request(p->session, NULL, nv, n, len || holds ? &from : NULL, NULL);
	struct h2_seen *s = new_stream(p, id);

	s->text = body;
	s->to_send = len;
	s->holds = holds;
	return s;
}

struct h2_seen *
h2_peer_request(struct h2_peer *p, const char *fields, const char *body, uint64_t len)
{
	return request(p, fields, body, len, false);
}

struct h2_seen *
h2_peer_open(struct h2_peer *p, const char *fields, const char *text)
{
	return request(p, fields, text, strlen(text), true);
}

void
h2_peer_more(struct h2_peer *p, struct h2_seen *s, const char *text, bool last)
{
	assert(s->out == s->to_send);
	s->text = text;
	s->to_send = strlen(text);
	s->out = 0;
	s->holds = !last;
	nghttp2_session_resume_data(p->session, s->id);
}

void
h2_peer_respond(struct h2_peer *p, struct h2_seen *s, const char *fields, const char *body, uint64_t len)
{
	nghttp2_data_provider from = {.read_callback = read_body};
	nghttp2_nv nv[FIELDS];
	size_t n = read_fields(fields, nv);

	s->text = body;
	s->to_send = len;
	s->out = 0;
	nghttp2_submit_response(p->session, s->id, nv, n, len || s->trailer || s->holds ? &from : NULL);
}

/* --- the whole ------------------------------------------------------------------------------------------------------------ */

static nghttp2_session_callbacks *
callbacks(void)
{
	nghttp2_session_callbacks *cb;

	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	return cb;
}

struct h2_peer *
h2_peer_new(const struct h2_peer_options *o)
{
	struct h2_peer *p = calloc(1, sizeof(*p));
	nghttp2_session_callbacks *cb = callbacks();
	nghttp2_settings_entry e[3] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, o->window ? o->window : 65535}};
	size_t n = 1;
	nghttp2_option *opt;

	assert(p);
	p->server = o->server;
	p->goaway = -1;
	nghttp2_option_new(&opt);
	nghttp2_option_set_no_auto_window_update(opt, 1);
	nghttp2_option_set_no_http_messaging(opt, o->unchecked);
	if (o->server)
		nghttp2_session_server_new2(&p->session, cb, p, opt);
	else
		nghttp2_session_client_new2(&p->session, cb, p, opt);
	nghttp2_option_del(opt);
	nghttp2_session_callbacks_del(cb);
	if (o->streams)
		e[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, o->streams};
	if (o->connect)
		e[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
	nghttp2_submit_settings(p->session, NGHTTP2_FLAG_NONE, e, n);
	return p;
}

void
h2_peer_free(struct h2_peer *p)
{
	if (p)
		nghttp2_session_del(p->session);
	free(p);
}
