/*
 * h2_request.c - a request of the client's: understood, judged, its body searched or gathered, and handed on
 */
#include "http/authority.h"
#include "http/h2.h"

struct pseudo {
	struct view method, scheme, path, authority, host, protocol;
	bool has_authority, has_host, is_tunnel;
};

static struct pseudo
read_pseudo(const struct h2_fields *f)
{
	struct pseudo p;

	h2_fields_find(f, ":method", &p.method);
	h2_fields_find(f, ":scheme", &p.scheme);
	h2_fields_find(f, ":path", &p.path);
	p.has_authority = h2_fields_find(f, ":authority", &p.authority);
	p.has_host = h2_fields_find(f, "host", &p.host);
	p.is_tunnel = h2_fields_find(f, ":protocol", &p.protocol);
	return p;
}

static bool
is_head_of(struct view name, const char *text)
{
	return name.len >= strlen(text) && memcmp(name.p, text, strlen(text)) == 0;
}

/* --- the request as policy sees it ------------------------------------------------------------------------------------- */

static struct view
keep(uint8_t **to, struct view v)
{
	struct view kept = view_of(*to, v.len);

	if (v.len)
		memcpy(*to, v.p, v.len);
	*to += v.len;
	return kept;
}

/* Into memory of the stream's own: the record and a leak later on want it. */
static bool
keep_request(struct h2_exchange *x, struct h2_stream *s, const struct pseudo *p, struct view accept)
{
	struct view authority = p->has_authority ? p->authority : p->host;
	struct view method = p->is_tunnel ? h2_text("GET") : p->method;
	struct request *r = &s->request;
	size_t n = p->path.len < REQUEST_PATH ? p->path.len : REQUEST_PATH;
	size_t room = n + 1;
	uint8_t *to;

	if (method.len > H2_METHOD_MAX)
		method.len = H2_METHOD_MAX;
	s->text = h2_get(&x->heap, method.len + p->path.len + authority.len + accept.len + room);
	if (!s->text)
		return false;
	to = s->text + room;
	/* A WebSocket begins as a GET in HTTP/1.1 (RFC 8441 5): rules are about that. */
	*r = (struct request){.version = 20, .upgrade = p->is_tunnel, .stream = (uint32_t)s->id};
	r->method = keep(&to, method);
	r->target = keep(&to, p->path);
	r->authority = keep(&to, authority);
	r->accept = keep(&to, accept);
	r->path = (char *)s->text;
	r->connect = !p->is_tunnel && h2_is(p->method, "CONNECT");
	s->head = h2_is(method, "HEAD");
	s->tunnel = p->is_tunnel;
	return true;
}

struct fault {
	uint16_t status;
	const char *why;
};

static struct fault
read_authority(const struct h2_exchange *x, struct request *r, const struct pseudo *p)
{
	struct authority at, also;

	if (!authority_read(r->authority, &at))
		return (struct fault){400, "the authority is neither a name nor an address"};
	/* RFC 9113 8.3.1 */
	if (p->has_authority && p->has_host &&
	    (!authority_read(p->host, &also) || !authority_agree(&at, &also, x->o.tls ? 443 : 80)))
		return (struct fault){400, "Host and :authority do not agree"};
	r->name = at.name;
	r->addr = at.addr;
	r->port = at.port;
	return (struct fault){0, NULL};
}

/* What the library leaves to its users. */
static struct fault
read_request(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *f, const struct pseudo *p)
{
	struct request *r = &s->request;
	char *path = (char *)s->text;

	if (f->over)
		return (struct fault){431, "the header fields are more than 64 KiB or 1024"};
	if (r->connect)
		return (struct fault){501, "CONNECT is not carried over HTTP/2"};
	if (p->method.len > H2_METHOD_MAX)
		return (struct fault){400, "the method is too long"};
	if (!h2_is(p->scheme, x->o.tls ? "https" : "http"))
		return (struct fault){400, "the request's scheme is not the connection's"};

	struct fault at = read_authority(x, r, p);
	if (at.status)
		return at;
	if (p->path.len > REQUEST_PATH)
		return (struct fault){414, "the path is longer than 8192 bytes"};
	if (h2_is(p->path, "*"))
		memcpy(path, "*", 2);
	else if (!request_path(p->path, path, p->path.len + 1))
		return (struct fault){400, "the path cannot be read in one way"};
	return (struct fault){0, NULL};
}

/* --- judged ---------------------------------------------------------------------------------------------------------------- */

/* A body that secrets are put into is gathered; streams that answer each other cannot be. */
static bool
gathers(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *f, bool end)
{
	struct view type, coding;

	h2_fields_find(f, "content-type", &type);
	s->kind = substitute_body_kind(type);
	if (end || s->tunnel || !s->plan.set || !substitute_wants_body(&s->plan) ||
	    is_head_of(type, "application/grpc"))
		return false;
	if (h2_fields_find(f, "content-encoding", &coding) && !h2_is(coding, "identity")) {
		h2_refuse_with(
		    x, s, 415,
		    "secrets may be put into this request's body, and it is encoded (Content-Encoding)");
		return false;
	}
	body_search_begin(&s->put, &s->plan, s->kind, SUBSTITUTE_BODY);
	return true;
}

/* Who waits for leave to send a body that is gathered here gets it here. */
static bool
go_on(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *f)
{
	struct h2_fields interim = {.n = 0};
	struct view expect;
	bool ok;

	if (!h2_fields_find(f, "expect", &expect))
		return true;
	ok = h2_fields_add(&x->heap, &interim, h2_text(":status"), h2_text("100"), false) &&
	     h2_client_head(x, s, &interim, true, false);
	h2_fields_clear(&x->heap, &interim);
	return ok;
}

bool
h2_request_head(struct h2_exchange *x, struct h2_stream *s, struct h2_fields *f, bool end)
{
	struct pseudo p = read_pseudo(f);
	struct request_answer answer = {.status = 0};
	struct view accept;

	s->flow[SIDE_SERVER].ended = end;
	h2_fields_find(f, "accept", &accept);
	if (!keep_request(x, s, &p, accept))
		return false;

	struct fault fault = read_request(x, s, f, &p);
	s->judged = true;
	if (fault.status) {
		h2_refuse_with(x, s, fault.status, fault.why);
		return true;
	}
	x->x.env->judge(x->x.env->ctx, &s->request, &answer);
	s->plan = answer.plan;
	s->plan.set = secret_set_keep(answer.plan.set);
	explicit_bzero(&answer.plan, sizeof(answer.plan));
	if (answer.status) {
		h2_refuse(x, s, &answer);
		return true;
	}
	if (s->plan.set)
		substitute_watching(&s->plan, &s->scan);
	s->gathers = gathers(x, s, f, end);
	if (s->refused)
		return true;
	if (!h2_fit_request(x, s, f))
		return false;
	if (s->refused)
		return true;
	return s->gathers ? go_on(x, s, f) : h2_request_submit(x, s);
}

/* --- its body ---------------------------------------------------------------------------------------------------------------- */

/* One body at a time may grow beyond its window. */
static void
gather_turn(struct h2_exchange *x)
{
	struct h2_stream *s = x->first;

	if (x->gatherer)
		return;
	while (s && !(s->gathers && s->open[SIDE_CLIENT] && !s->flow[SIDE_SERVER].ended &&
		      s->flow[SIDE_SERVER].owed))
		s = s->next;
	x->gatherer = s;
	if (s)
		h2_flow_left(x, s, SIDE_SERVER, 0);
}

void
h2_gathered_free(struct h2_exchange *x, struct h2_stream *s)
{
	x->gathered -= s->body.len + s->put.out.len;
	clear_free(&s->body);
	clear_free(&s->put.out);
}

/* True: there is room for n bytes more. */
static bool
hold(struct h2_exchange *x, struct h2_stream *s, size_t n)
{
	if (exchange_hold(&x->x, x->gathered + x->bodies + n))
		return true;
	h2_refuse_with(x, s, 503, EXCHANGE_NO_ROOM);
	return false;
}

void
h2_gather_done(struct h2_exchange *x, struct h2_stream *s)
{
	if (x->gatherer != s)
		return;
	x->gatherer = NULL;
	gather_turn(x);
}

static bool
gather(struct h2_exchange *x, struct h2_stream *s, struct view bytes)
{
	if (bytes.len > SUBSTITUTE_BODY - s->body.len) {
		h2_refuse_with(x, s, 413,
			       "secrets may be put into this request's body, and it is longer than 16 MiB");
		return true;
	}
	if (!hold(x, s, bytes.len))
		return true;
	clear_add(&s->body, bytes.p, bytes.len);
	if (s->body.failed)
		return false;
	size_t had = s->put.out.len;
	body_search_more(&s->put, &s->plan, view_of(s->body.p, s->body.len), &s->found);
	x->gathered += bytes.len + s->put.out.len - had;
	/* Its windows are given back when it is its turn. */
	if (x->gatherer == s)
		h2_flow_left(x, s, SIDE_SERVER, 0);
	else
		gather_turn(x);
	return true;
}

bool
h2_request_data(struct h2_exchange *x, struct h2_stream *s, struct view bytes)
{
	h2_flow_owe(x, s, SIDE_SERVER, bytes.len);
	if (s->refused || !s->judged || (!s->gathers && !s->open[SIDE_SERVER])) {
		h2_flow_drop(x, s, SIDE_SERVER); /* nobody wants it any more */
		return true;
	}
	if (s->gathers)
		return gather(x, s, bytes);
	if (s->plan.set) {
		substitute_watch(&s->plan, &s->scan, s->tunnel ? SECRET_RAW : SECRET_BODY, bytes, &s->found);
		h2_leaks(x, s);
		if (s->refused)
			return true;
	}
	if (!h2_flow_add(x, s, SIDE_SERVER, bytes))
		return false;
	x->up->more(x, s);
	if (!s->waits && s->record.sent > H2_WINDOW_FIRST / 2)
		h2_client_widen(x, s);
	return true;
}

/* The gathered body, with what belongs into it. */
static bool
put_in(struct h2_exchange *x, struct h2_stream *s)
{
	size_t left = 2 * (size_t)SUBSTITUTE_BODY - x->bodies, had = s->put.out.len;
	struct view body = view_of(s->body.p, s->body.len);
	bool ok = true;

	if (s->put.done > 0) {
		if (!hold(x, s, body.len - s->put.done))
			return true;
		body_search_end(&s->put, body);
		x->gathered += s->put.out.len - had;
		body = view_of(s->put.out.p, s->put.out.len);
	}
	h2_leaks(x, s);
	if (!s->refused && (s->put.out.failed || body.len > left))
		h2_refuse_with(x, s, 413, "with its secrets this request's body is too long");
	if (!s->refused)
		ok = h2_flow_add(x, s, SIDE_SERVER, body);
	h2_gathered_free(x, s);
	return ok;
}

bool
h2_request_end(struct h2_exchange *x, struct h2_stream *s, struct h2_fields *trailers)
{
	struct h2_flow *f = &s->flow[SIDE_SERVER];

	f->ended = true;
	if (s->refused || !s->judged || (!s->gathers && !s->open[SIDE_SERVER]))
		return true;
	if (s->gathers) {
		if (!put_in(x, s))
			return false;
		if (!s->refused && !h2_request_submit(x, s))
			return false;
	}
	if (trailers && !s->refused && !h2_fit_trailers(x, s, trailers))
		return false;
	if (s->open[SIDE_SERVER])
		x->up->more(x, s);
	return true;
}

/* RFC 9110 8.6: what is sent has this length. */
static bool
add_length(struct h2_exchange *x, struct h2_stream *s)
{
	char text[24];
	size_t n = s->flow[SIDE_SERVER].queue.len, at = sizeof(text);

	do
		text[--at] = (char)('0' + n % 10);
	while (n /= 10);
	return h2_fields_add(&x->heap, &s->flow[SIDE_SERVER].fields, h2_text("content-length"),
			     view_of(text + at, sizeof(text) - at), false);
}

bool
h2_request_submit(struct h2_exchange *x, struct h2_stream *s)
{
	struct h2_flow *f = &s->flow[SIDE_SERVER];
	bool ok;

	if (x->leaving || x->end[SIDE_SERVER].gone) {
		h2_session_reset(x, s, SIDE_CLIENT, NGHTTP2_REFUSED_STREAM);
		return true;
	}
	if (s->gathers && !add_length(x, s))
		return false;
	ok = x->up->request(x, s);
	h2_fields_clear(&x->heap, &f->fields);
	return ok;
}
