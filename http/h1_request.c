/*
 * h1_request.c - what the client says: heads that are judged, bodies that pass, are gathered, or are read past
 */
#include <stdio.h>
#include <stdlib.h>

#include "http/h1.h"
#include "http/text.h"

static const char leaked[] = "a placeholder of a secret where it may not go";

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- a head ----------------------------------------------------------------------------------------------------------- */

/* The request, as it is judged.  False: *a is the answer. */
static bool
understand(struct h1 *h, struct request_answer *a)
{
	struct h1_request *q = &h->now;
	char path[REQUEST_PATH + 1] = "";

	q->judged = true;
	q->r = (struct request){
	    .version = (uint8_t)(10 + q->h.minor),
	    .connect = text_same(q->h.method, "connect"),
	    .upgrade = h1_keeps_upgrade(h),
	    .method = q->h.method,
	    .target = q->h.target,
	    .path = "",
	    .authority = q->h.authority,
	    .name = q->h.name,
	    .addr = q->h.addr,
	    .port = q->h.port,
	    .accept = q->h.accept,
	};
	if (q->r.connect && !h->o.tunnels) {
		exchange_answer(a, 501, "CONNECT: there are no tunnels here");
		return false;
	}
	if (q->h.authority.len == 0 && !h->o.http10_ok) {
		exchange_answer(a, 400, "the request does not say which host it is for");
		return false;
	}
	if (!q->r.connect && !request_path(q->h.target, path, sizeof(path))) {
		bool lengthy = q->h.target.len > REQUEST_PATH;

		exchange_answer(a, lengthy ? 414 : 400, "%s",
				lengthy ? "the target is too long"
					: "servers read this path differently, or not at all");
		return false;
	}
	q->path = strdup(path);
	if (!q->path) {
		exchange_answer(a, 503, "no memory");
		return false;
	}
	q->r.path = q->path;
	return true;
}

/* False: *a is the answer. */
static bool
judge(struct h1 *h, struct request_answer *a)
{
	struct h1_request *q = &h->now;

	*a = (struct request_answer){.status = 0};
	h->base.env->judge(h->base.env->ctx, &q->r, a);
	if (a->status)
		return false;
	q->plan = a->plan;
	secret_set_keep(q->plan.set);
	if (q->plan.set)
		substitute_watching(&q->plan, &h->scan);
	return true;
}

/* Does any field say that the body is compressed? */
static bool
is_encoded(const struct h1 *h)
{
	struct view rest = http_fields_of(waiting_view(&h->head)), name, value;

	while (http_fields_next(&rest, &name, &value)) {
		if (text_same(name, "content-encoding") && value.len && !text_same(value, "identity"))
			return true;
	}
	return false;
}

/* Is the body to be gathered, and can it be?  False: *a is the answer. */
static bool
choose_body(struct h1 *h, struct request_answer *a)
{
	const struct http_head *q = &h->now.h;
	bool has = q->body == HTTP_BODY_LENGTH || q->body == HTTP_BODY_CHUNKED;

	h->body = BODY_PASSED;
	if (!has || !h->now.plan.set || !substitute_wants_body(&h->now.plan))
		return true;
	h->body = BODY_GATHERED;
	if (is_encoded(h)) {
		exchange_answer(a, 403,
				"a secret may stand in bodies for this host, and this one is compressed "
				"(Content-Encoding), so it "
				"cannot be read");
		return false;
	}
	if (q->length > SUBSTITUTE_BODY) {
		exchange_answer(
		    a, 413,
		    "a secret may stand in bodies for this host, and this one is longer than %u bytes",
		    SUBSTITUTE_BODY);
		return false;
	}
	body_search_begin(&h->put, &h->now.plan, substitute_body_kind(h1_field(h, "content-type")),
			  SUBSTITUTE_BODY);
	return true;
}

/* Where its bytes are expected. */
static void
expect_body(struct h1 *h)
{
	const struct http_head *q = &h->now.h;

	h->left = q->length;
	h->chunks = (struct http_chunks){.left = 0};
	h->in = q->body == HTTP_BODY_LENGTH ? IN_LENGTH : q->body == HTTP_BODY_CHUNKED ? IN_CHUNKED : IN_WAIT;
	h->expecting = q->expects && h->in != IN_WAIT && h->body == BODY_PASSED;
}

/* False: *a is the answer. */
static bool
pass_head(struct h1 *h, struct request_answer *a)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct clear out = {.max = H1_HEAD_OUT};
	bool ok = choose_body(h, a) && h1_write_request(h, &out, a);

	if (!ok) {
		clear_free(&out);
		return false;
	}
	h->closing = h->now.h.close;
	expect_body(h);
	if (h->body == BODY_GATHERED) {
		h->pending = out;
		if (h->now.h.expects)
			h1_send(h, SIDE_CLIENT, go_on, sizeof(go_on) - 1);
		return true;
	}
	h->out = OUT_HEAD;
	h1_send(h, SIDE_SERVER, out.p, out.len);
	clear_free(&out);
	return true;
}

static void
begin_request(struct h1 *h, usec_t now)
{
	struct request_answer a;

	if (!understand(h, &a) || !judge(h, &a) || !pass_head(h, &a))
		h1_refuse(h, &a, now);
}

/*
 * RFC 9112 2.2: one empty line before a request is passed over, but only behind another request, where old clients put one
 * after a body.  True: this byte is part of it.
 */
static bool
empty_line(struct h1 *h, uint8_t c, usec_t now)
{
	if (waiting_len(&h->head))
		return false;
	if (h->empty_line == H1_EMPTY_CR) {
		h->empty_line = H1_EMPTY_NONE;
		if (c != '\n')
			h1_fail_with(h, 400, "the request cannot be read", "a CR alone before it", false,
				     now);
		return true;
	}
	if (h->empty_line != H1_EMPTY_MAY || c != '\r')
		return false;
	h->empty_line = H1_EMPTY_CR;
	return true;
}

static size_t
read_head(struct h1 *h, struct view bytes, usec_t now)
{
	struct http_head *q = &h->now.h;
	size_t had = waiting_len(&h->head), n = least(bytes.len, HTTP_HEAD_MAX - had);

	/* It may be answered at once, and passed on. */
	if (h1_room(h, SIDE_CLIENT) == 0 || h1_room(h, SIDE_SERVER) == 0 || h->whole.p)
		return 0;
	if (empty_line(h, bytes.p[0], now))
		return 1;
	if (had == 0)
		h->since = now;
	if (!waiting_add(&h->head, bytes.p, n)) {
		h1_fail(h, "no memory", false, now);
		return 0;
	}
	switch (http_reader_read(&h->reader, waiting_view(&h->head), q)) {
	case HTTP_MORE:
		break;
	case HTTP_DONE:
		n = q->len - had;
		waiting_cut(&h->head, waiting_len(&h->head) - q->len);
		begin_request(h, now);
		break;
	case HTTP_BAD:
		h1_fail_with(h, 400, "the request cannot be read", q->why, false, now);
		break;
	case HTTP_NOT:
		h1_fail_with(h, 400, "the request cannot be read", "it is not HTTP/1", false, now);
		break;
	case HTTP_LONG:
		h1_fail_with(h, 431, "a request's head is too long", NULL, false, now);
		break;
	}
	return n;
}

/* --- its body --------------------------------------------------------------------------------------------------------- */

/* False: it may not pass, and all is over. */
static bool
search(struct h1 *h, struct view bytes, enum secret_place place, usec_t now)
{
	struct h1_request *q = &h->now;
	struct request_answer a;

	if (!q->plan.set)
		return true;
	substitute_watch(&q->plan, &h->scan, place, bytes, &q->found);
	if (exchange_may_leak(&h->base, &q->plan, &q->found, &q->r, &a))
		return true;
	h1_refuse_late(h, &a, leaked, now);
	return false;
}

/* Bytes of the content that are gathered. */
static void
gather(struct h1 *h, struct view bytes, usec_t now)
{
	struct request_answer a;

	if (waiting_len(&h->gathered) + bytes.len > SUBSTITUTE_BODY) {
		exchange_answer(&a, 413,
				"a secret may stand in bodies for this host, and this one is longer "
				"than %u bytes",
				SUBSTITUTE_BODY);
		h->closing = true;
		h1_refuse(h, &a, now);
	} else if (!exchange_hold(&h->base, h1_gathered(h) + bytes.len)) {
		exchange_answer(&a, 503, EXCHANGE_NO_ROOM);
		h->closing = true;
		h1_refuse(h, &a, now);
	} else if (!waiting_add(&h->gathered, bytes.p, bytes.len)) {
		h1_fail_with(h, 503, "no memory", NULL, false, now);
	} else {
		body_search_more(&h->put, &h->now.plan, waiting_view(&h->gathered), &h->now.found);
	}
}

/* Bytes of the content. */
static void
body_bytes(struct h1 *h, struct view bytes, usec_t now)
{
	h->expecting = false;
	switch (h->body) {
	case BODY_PASSED:
		h->now.record.sent += bytes.len;
		if (search(h, bytes, SECRET_BODY, now))
			h1_send(h, SIDE_SERVER, bytes.p, bytes.len);
		break;
	case BODY_GATHERED:
		gather(h, bytes, now);
		break;
	case BODY_DROPPED:
		break;
	}
}

/* False: *a is the answer. */
static bool
substitute_gathered(struct h1 *h, struct request_answer *a)
{
	struct h1_request *q = &h->now;
	struct view body = waiting_view(&h->gathered);
	char length[64];

	if (h->put.done > 0 && !exchange_hold(&h->base, h1_gathered(h) + body.len - h->put.done)) {
		exchange_answer(a, 503, EXCHANGE_NO_ROOM);
		return false;
	}
	if (h->put.done > 0) {
		body_search_end(&h->put, body);
		h->whole = h->put.out;
		h->put.out = (struct clear){.max = SUBSTITUTE_BODY};
	} else {
		/* Nothing is dropped from its front. */
		h->whole = (struct clear){.p = h->gathered.p,
					  .len = h->gathered.to,
					  .room = h->gathered.room,
					  .max = SUBSTITUTE_BODY};
		h->gathered = (struct waiting){.p = NULL};
	}
	if (!exchange_may_leak(&h->base, &q->plan, &q->found, &q->r, a))
		return false;
	int n = snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n", h->whole.len);
	clear_add(&h->pending, length, (size_t)n);
	if (h->whole.failed || h->pending.failed) {
		exchange_answer(a, 413, "with its secrets the request is too long");
		return false;
	}
	return true;
}

static void
send_gathered(struct h1 *h, usec_t now)
{
	struct request_answer a;

	h->in = IN_WAIT;
	if (!substitute_gathered(h, &a)) {
		clear_free(&h->whole);
		h1_refuse(h, &a, now);
		return;
	}
	waiting_free(&h->gathered);
	h->now.record.sent = h->whole.len;
	h->out = OUT_HEAD;
	h1_send(h, SIDE_SERVER, h->pending.p, h->pending.len);
	clear_free(&h->pending);
	if (h->whole.len == 0)
		clear_free(&h->whole);
}

static void
body_done(struct h1 *h, usec_t now)
{
	if (h->body == BODY_GATHERED) {
		send_gathered(h, now);
		return;
	}
	h->in = h->body == BODY_DROPPED ? IN_HEAD : IN_WAIT;
	if (h->out == OUT_DONE)
		h1_request_over(h, now);
}

static size_t
read_length(struct h1 *h, struct view bytes, usec_t now)
{
	size_t n = bytes.len < h->left ? bytes.len : (size_t)h->left;

	if (h->body == BODY_PASSED)
		n = least(n, h1_room(h, SIDE_SERVER));
	if (n == 0)
		return 0;
	h->left -= n;
	body_bytes(h, view_of(bytes.p, n), now);
	if (h->in == IN_LENGTH && h->left == 0)
		body_done(h, now);
	return n;
}

/* --- chunks: sizes are written anew, so extensions are left out ------------------------------------------------------------------- */

static void
trailer_bytes(struct h1 *h, const struct http_chunk *run, usec_t now)
{
	struct clear out = {.max = H1_HEAD_OUT};
	struct request_answer a;

	if (h->body == BODY_PASSED && !waiting_add(&h->trailer, run->bytes.p, run->bytes.len)) {
		h1_fail_with(h, 503, "no memory", NULL, false, now);
		return;
	}
	if (!run->last)
		return;
	if (h->body == BODY_PASSED) {
		if (!h1_write_trailer(h, true, waiting_view(&h->trailer), &out, &a)) {
			clear_free(&out);
			h1_refuse_late(h, &a, leaked, now);
			return;
		}
		h1_send(h, SIDE_SERVER, out.p, out.len);
		clear_free(&out);
	}
	body_done(h, now);
}

static void
chunk_run(struct h1 *h, const struct http_chunk *run, usec_t now)
{
	switch (run->what) {
	case HTTP_CHUNK_NONE:
		break;
	case HTTP_CHUNK_SIZE:
		h->expecting = false;
		if (h->body == BODY_PASSED && run->size)
			h1_send_chunk_size(h, SIDE_SERVER, run->size);
		break;
	case HTTP_CHUNK_DATA:
		body_bytes(h, run->bytes, now);
		if (run->last && h->in == IN_CHUNKED && h->body == BODY_PASSED)
			h1_send(h, SIDE_SERVER, "\r\n", 2);
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

	if (h->body == BODY_PASSED)
		bytes.len = least(bytes.len, h1_room(h, SIDE_SERVER));
	if (bytes.len == 0)
		return 0;
	ptrdiff_t n = http_chunks_next(&h->chunks, bytes, &run);
	if (n < 0) {
		h1_fail_with(h, 400, "the request cannot be read", "a chunked body that is broken", false,
			     now);
		return 0;
	}
	if (h->body == BODY_DROPPED && (h->dropped += (uint32_t)n) > H1_DROP)
		h1_over(h, now);
	else
		chunk_run(h, &run, now);
	return (size_t)n;
}

/* --- the whole ----------------------------------------------------------------------------------------------------------- */

static size_t
read_tunnel(struct h1 *h, struct view bytes, usec_t now)
{
	bytes.len = least(bytes.len, h1_room(h, SIDE_SERVER));
	h->now.record.sent += bytes.len;
	if (bytes.len && search(h, bytes, SECRET_RAW, now))
		h1_send(h, SIDE_SERVER, bytes.p, bytes.len);
	return bytes.len;
}

size_t
h1_client_step(struct h1 *h, struct view bytes, usec_t now)
{
	switch (h->in) {
	case IN_HEAD:
		return read_head(h, bytes, now);
	case IN_LENGTH:
		return read_length(h, bytes, now);
	case IN_CHUNKED:
		return read_chunks(h, bytes, now);
	case IN_WAIT:
		return 0;
	case IN_TUNNEL:
		return read_tunnel(h, bytes, now);
	case IN_OVER:
		break;
	}
	return bytes.len;
}
