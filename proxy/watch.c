/*
 * watch.c - a TCP flow whose first flight, or whose every request, decides
 *
 * What the guest says is taken out of the connection into a block of the pool (so the guest's window opens as for any flow, a
 * head may be longer than the connection's ring, and nobody can rewrite what is judged), read there, and passed on:
 *
 *         from           passed                 to
 *          | may go        | not judged yet      |          then: the connection's own ring
 *     -----+---------------+---------------------+-----
 *
 *     STEP_FIRST    nothing has come
 *     STEP_TLS      a first byte of 22: a ClientHello is read; what follows it is never looked at
 *     STEP_HEAD     an HTTP request's head, the first or a later one; what is no HTTP decides without a name
 *     STEP_LENGTH   its body, by length, which goes straight from the connection's ring
 *     STEP_CHUNKED  its body, in chunks
 *     STEP_TUNNEL   Upgrade: nothing passes until the host has said whether it agrees
 *     STEP_OVER     all that comes passes
 *
 * A connection that is to be opened (intercept.h) leaves from here once its ClientHello, or the beginning of its first request, is
 * there.  So does one that begins with a CONNECT (tunnel.h); behind other requests that is refused.  Where that alone is why it is watched
 * (`decides` is false), nothing else is waited for and nothing else refused:
 *
 *     the host speaks first, or the guest never       passes, at once
 *     a first byte that begins neither TLS nor HTTP   passes, at once
 *     HTTP                                            is read where tunnels are followed: a CONNECT may stand behind other requests, so
 *                                                     what two readers could end differently is refused; else it passes, at once
 *     a ClientHello of a name that is not opened      passes, at once
 *     a ClientHello or head that is unfinished in time, or breaks off     passes then
 *     a word and nothing more for 200 ms              passes; reset if the host's first answer is HTTP's (a CONNECT may
 *                                                     stand in what nobody has read)
 *     a ClientHello that breaks the protocol          is refused with an alert: no TLS follows from it
 *
 * A refusal is told in the guest's protocol where that can be done cleanly: to the first flight, if the host has said nothing
 * yet; to a later request, if the host has answered since the one before went out and the guest has acknowledged all of
 * that.  (Whether an answer is complete is not read; a guest that does not pipeline asks only when it is.)
 * Otherwise the guest is reset.
 */
#include "proxy/watch.h"

#include <stdlib.h>
#include <string.h>

#include "http/exchange.h"
#include "http/head.h"
#include "proxy/gateway.h"
#include "proxy/refused_page.h"
#include "tls/hello.h"

#define WATCH_TIME (5 * USEC_PER_SEC)   /* from the first byte of a flight or a head to its last */
#define WORD_TIME (200 * USEC_PER_MSEC) /* ... where nothing decides and only a word has come */
#define WATCH_HOLD HTTP_HEAD_MAX        /* bytes held at most */
#define STATUS_LEN 12u                  /* "HTTP/1.1 101" */
#define TLS_HANDSHAKE 22

enum step { STEP_FIRST, STEP_TLS, STEP_HEAD, STEP_LENGTH, STEP_CHUNKED, STEP_TUNNEL, STEP_OVER };

struct watch {
	uint8_t step;
	bool starved; /* the pool had no room for what has come */
	bool
	    decides; /* what comes decides; else all is allowed, and only what is to be opened is looked for */
	bool word;   /* `until` is WORD_TIME's */
	bool unread;  /* a word that passed unread: what the host says first tells whether it was HTTP */
	bool is_http; /* ... and it was */
	uint8_t *hold;
	uint32_t room, from, passed, to;
	uint32_t read;     /* STEP_TLS: up to here the reader has had them */
	uint32_t requests; /* that passed */
	uint64_t answered; /* bytes the host had said when the last of them was judged */
	uint64_t left;     /* STEP_LENGTH: of the body, not passed yet */
	usec_t until;      /* TIME_NEVER: nothing is unfinished */
	struct http_reader head;
	struct http_chunks chunks;
	struct hello_reader *hello;
	uint8_t nstatus;
	char status[STATUS_LEN]; /* STEP_TUNNEL: how the host's answer begins */
};

/* What a step came to. */
enum outcome {
	WAIT,  /* for more bytes, or the host */
	AGAIN, /* there is another step to take */
	LEFT,  /* refused: tf->watch is gone */
};

/* --- bytes that are held ---------------------------------------------------------------------------------------- */

static struct pool *
pool_of(const struct tcp_flow *tf)
{
	return tf->tcp.conf->pool;
}

static void
let_go(struct tcp_flow *tf)
{
	struct watch *w = tf->watch;

	pool_free(pool_of(tf), w->hold, w->room);
	w->hold = NULL;
	w->room = w->from = w->passed = w->to = w->read = 0;
}

static uint32_t
unjudged(const struct watch *w)
{
	return w->to - w->passed;
}

static struct view
unjudged_view(const struct watch *w)
{
	return w->hold ? view_of(w->hold + w->passed, unjudged(w)) : view_of(NULL, 0);
}

static void
pass(struct watch *w, uint32_t n)
{
	w->passed += n;
}

/* Room for n more bytes, or for as many as there may be. */
static bool
make_room(struct tcp_flow *tf, size_t n)
{
	struct watch *w = tf->watch;
	uint32_t have = w->to - w->from, size = w->room ? w->room : POOL_BLOCK_MIN;

	while (size < WATCH_HOLD && size - have < n)
		size *= 2;
	if (size > w->room) {
		uint8_t *block = pool_alloc(pool_of(tf), size);

		if (!block)
			return w->room - w->to > 0;
		if (have)
			memcpy(block, w->hold + w->from, have);
		pool_free(pool_of(tf), w->hold, w->room);
		w->hold = block;
		w->room = size;
	} else if (w->room - w->to < n && w->from > 0) {
		memmove(w->hold, w->hold + w->from, have);
	} else {
		return w->room - w->to > 0;
	}
	w->passed -= w->from;
	w->read -= w->read < w->from ? w->read : w->from;
	w->to = have;
	w->from = 0;
	return w->room - w->to > 0;
}

/* Take what has come out of the connection, as far as there is room. */
static void
take(struct tcp_flow *tf, usec_t now)
{
	struct watch *w = tf->watch;
	struct view from[2];
	size_t waiting, taken = 0;
	int n = tcp_readable(&tf->tcp, from, 2, &waiting);

	w->starved = false;
	if (n == 0)
		return;
	if (!make_room(tf, waiting)) {
		w->starved = w->to - w->from < WATCH_HOLD;
		return;
	}
	for (int i = 0; i < n && w->to < w->room; i++) {
		size_t len = from[i].len < w->room - w->to ? from[i].len : w->room - w->to;

		memcpy(w->hold + w->to, from[i].p, len);
		w->to += (uint32_t)len;
		taken += len;
	}
	tcp_consume(&tf->tcp, taken, now);
}

/* --- refusing ------------------------------------------------------------------------------------------------------- */

/* In what the guest is told. */
enum answer_in { IN_TLS, IN_HTTP, IN_HTTP_HEAD, IN_NOTHING };

/* May words of ours follow what the guest has had so far? */
static bool
can_say(const struct tcp_flow *tf)
{
	const struct watch *w = tf->watch;

	if (tf->tcp.fin_wanted || tf->tcp.state < TCP_ESTABLISHED)
		return false;
	if (w->requests == 0)
		return tunnel_heard(&tf->flow) == 0;
	return tf->flow.to_guest > w->answered && ring_len(&tf->tcp.snd) == 0;
}

static bool
say(struct sluice *gw, struct tcp_flow *tf, const struct judgment *j, enum answer_in in, usec_t now)
{
	bool bad = j->reason == SLUICE_REASON_BAD_QUERY, full = j->reason == SLUICE_REASON_FULL;
	char text[JUDGE_TEXT];

	if (j->verdict == VERDICT_DROP || in == IN_NOTHING || !can_say(tf))
		return false;
	if (in == IN_TLS)
		return refused_with_alert(gw, tf,
					  bad    ? TLS_ALERT_DECODE
					  : full ? TLS_ALERT_INTERNAL
						 : TLS_ALERT_DENIED,
					  now);
	judge_text(&tf->flow.tuple, j, text);
	return refused_with_page(gw, tf, bad ? "400 Bad Request" : "403 Forbidden", text, in == IN_HTTP_HEAD,
				 now);
}

static enum outcome
refuse(struct sluice *gw, struct tcp_flow *tf, const struct judgment *j, enum answer_in in, usec_t now)
{
	struct flow *f = &tf->flow;

	if (tf->watch->requests > 0) {
		judge_request_refused(gw, f, j);
		f->reason = (uint8_t)j->reason;
		judge_keep(f, j);
	} else {
		judge_ends(gw, f, j);
	}
	if (say(gw, tf, j, in, now))
		return LEFT;
	watch_end(tf);
	gw_close(gw, &f->fd, true);
	tf->readable = tf->writable = false;
	tcp_abort(&tf->tcp, j->verdict != VERDICT_DROP);
	return LEFT;
}

/* For what it is, not for where it goes; why: static, NULL: the reason says it all. */
static enum outcome
refuse_it(struct sluice *gw, struct tcp_flow *tf, enum sluice_reason reason, const char *why,
	  enum answer_in in, usec_t now)
{
	struct judgment j = {.verdict = VERDICT_DENY, .reason = reason, .name_from = ""};

	tf->flow.why = why;
	return refuse(gw, tf, &j, in, now);
}

static enum outcome decide_without_name(struct sluice *gw, struct tcp_flow *tf, enum answer_in in,
					usec_t now);

/* Many protocols begin with a word that waits for an answer.  What may become a CONNECT is none. */
static bool
is_word(struct view v)
{
	static const char connect[] = "CONNECT";
	size_t n = v.len < sizeof(connect) - 1 ? v.len : sizeof(connect) - 1;
	bool begins = true;

	for (size_t i = 0; i < n; i++)
		begins &= (v.p[i] & ~0x20) == connect[i];
	return !begins && v.len > 0 && !memchr(v.p, ' ', v.len);
}

/* It passes, and all behind it, unless the host's answer is HTTP's: then there may be a CONNECT in what nobody has read. */
static enum outcome
pass_unread(struct watch *w)
{
	w->unread = true;
	w->nstatus = 0;
	w->until = TIME_NEVER;
	w->step = STEP_LENGTH;
	w->left = UINT64_MAX;
	return AGAIN;
}

/* A flight that is unfinished: it may be late, or too long, or there is no memory for it. */
static enum outcome
wait_for_more(struct sluice *gw, struct tcp_flow *tf, enum answer_in in, usec_t now)
{
	struct watch *w = tf->watch;

	/* Time counts once what came before is out: that is for the host to take. */
	if (w->passed > w->from) {
		w->until = TIME_NEVER;
		return WAIT;
	}
	bool word = !w->decides && in == IN_HTTP && w->requests == 0 && is_word(unjudged_view(w));
	if (w->until == TIME_NEVER || (w->word && !word))
		w->until = now + (word ? WORD_TIME : WATCH_TIME);
	w->word = word;
	if (w->to - w->from >= WATCH_HOLD)
		return refuse_it(gw, tf, SLUICE_REASON_BAD_QUERY, "a first flight that is too long", in, now);
	if (now < w->until)
		return WAIT;
	if (word && tunnel_follows(gw))
		return pass_unread(w);
	/* A CONNECT may stand behind a slow request. */
	if (!w->decides && !(in == IN_HTTP && tunnel_follows(gw)))
		return decide_without_name(gw, tf, in, now);
	if (w->starved)
		return refuse_it(gw, tf, SLUICE_REASON_FULL, "no memory to read it", in, now);
	return refuse_it(gw, tf, SLUICE_REASON_NO_NAME, "it did not come to an end in time", in, now);
}

/* --- judging --------------------------------------------------------------------------------------------------------- */

/* AGAIN: it may pass. */
static enum outcome
obey(struct sluice *gw, struct tcp_flow *tf, const struct judgment *j, enum answer_in in, usec_t now)
{
	if (judge_refuses(j))
		return refuse(gw, tf, j, in, now);
	if (!judge_keep(&tf->flow, j))
		return refuse_it(gw, tf, SLUICE_REASON_FULL, "no memory to judge it", in, now);
	tf->watch->until = TIME_NEVER;
	return AGAIN;
}

/* May it pass as it is?  told NULL: no name. */
static enum outcome
ask(struct sluice *gw, struct tcp_flow *tf, const struct name *told, const char *told_by, enum answer_in in,
    usec_t now)
{
	struct judgment j;

	judge_told(gw, &tf->flow, told, told_by, &j);
	/* Rules about requests wait for what nobody here will read. */
	if (j.verdict == VERDICT_PEEK)
		judge_request(gw, &tf->flow, told, told_by, NULL, &j);
	return obey(gw, tf, &j, in, now);
}

/* All that has come and will come passes, if that is allowed without a name. */
static enum outcome
decide_without_name(struct sluice *gw, struct tcp_flow *tf, enum answer_in in, usec_t now)
{
	enum outcome got = ask(gw, tf, NULL, "", in, now);

	if (got == AGAIN)
		tf->watch->step = STEP_OVER;
	return got;
}

/* --- TLS ---------------------------------------------------------------------------------------------------------------- */

/* A connection that is allowed so far, to be opened. */
static enum outcome
open_tls(struct sluice *gw, struct tcp_flow *tf, const struct hello *h, const struct judgment *j, usec_t now)
{
	struct watch *w = tf->watch;
	size_t taken = hello_taken(w->hello);
	enum outcome got = obey(gw, tf, j, IN_TLS, now);

	/* All of it is held still: nothing of a connection that begins with TLS has passed. */
	if (got == AGAIN && intercept_begin(gw, tf, w->hello, h,
					    view_of(w->hold + w->from + taken, w->to - w->from - taken), now))
		return LEFT;
	return got == AGAIN ? refuse_it(gw, tf, SLUICE_REASON_FULL, "no room to open it", IN_TLS, now) : got;
}

/* Is it to be opened?  Through a proxy what a name alone allows is allowed if it is. */
static bool
is_opened(struct sluice *gw, struct tcp_flow *tf, const struct hello *h, struct judgment *j)
{
	const struct name *told = h->has_name ? &h->name : NULL;
	struct tunnel *t = tf->flow.tunnel;

	if (t)
		t->opened = true;
	judge_told(gw, &tf->flow, told, told ? "sni" : "", j);
	/* The server answers for the name that can be read: one that is hidden beside it reaches nobody. */
	if (!judge_refuses(j) && intercept_wants(gw, tf, h, j->verdict == VERDICT_PEEK))
		return true;
	if (t)
		t->opened = false;
	return false;
}

/* A ClientHello that is whole. */
static enum outcome
judge_hello(struct sluice *gw, struct tcp_flow *tf, const struct hello *h, usec_t now)
{
	struct watch *w = tf->watch;
	const struct name *told = h->has_name ? &h->name : NULL;
	const struct tunnel *t = tf->flow.tunnel;
	struct judgment j;

	if (t && t->name.len && told && !name_eq(told, &t->name))
		return refuse_it(gw, tf, SLUICE_REASON_NAME, "TLS tells another name than CONNECT did",
				 IN_TLS, now);
	if (is_opened(gw, tf, h, &j))
		return open_tls(gw, tf, h, &j, now);
	if (h->ech && w->decides)
		return refuse_it(gw, tf, SLUICE_REASON_ECH, NULL, IN_TLS, now);

	enum outcome then = ask(gw, tf, told, told ? "sni" : "", IN_TLS, now);
	if (then == AGAIN)
		w->step = STEP_OVER;
	return then;
}

static enum outcome
read_tls(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct watch *w = tf->watch;
	struct hello h;

	if (!w->hello)
		w->hello = hello_reader_new();
	if (!w->hello)
		return refuse_it(gw, tf, SLUICE_REASON_FULL, "no memory to read it", IN_TLS, now);

	enum hello_reading got = hello_read(w->hello, view_of(w->hold + w->read, w->to - w->read), &h);
	w->read = w->to;
	if (got == HELLO_BAD)
		return refuse_it(gw, tf, SLUICE_REASON_BAD_QUERY, h.why, IN_TLS, now);
	if (got == HELLO_MORE && !tcp_at_eof(&tf->tcp))
		return wait_for_more(gw, tf, IN_TLS, now);
	if (got == HELLO_DONE)
		return judge_hello(gw, tf, &h, now);
	/* One that breaks off names nobody. */
	return decide_without_name(gw, tf, IN_TLS, now);
}

/* --- HTTP --------------------------------------------------------------------------------------------------------------- */

static void
expect_head(struct watch *w)
{
	w->step = STEP_HEAD;
	w->head = (struct http_reader){.at = 0};
	w->until = TIME_NEVER;
}

static void
expect_body(struct watch *w, const struct http_head *h)
{
	switch (h->body) {
	case HTTP_BODY_NONE:
		expect_head(w);
		break;
	case HTTP_BODY_LENGTH:
		w->step = STEP_LENGTH;
		w->left = h->length;
		break;
	case HTTP_BODY_CHUNKED:
		w->step = STEP_CHUNKED;
		w->chunks = (struct http_chunks){.left = 0};
		break;
	case HTTP_BODY_TUNNEL:
		w->step = STEP_TUNNEL;
		w->nstatus = 0;
		break;
	}
}

static bool
is_connect(const struct http_head *h)
{
	return h->body == HTTP_BODY_TUNNEL && h->method.len == 7 && (h->method.p[0] | 0x20) == 'c';
}

/* Where it leads is judged by the exchange, and what passes then is another connection. */
static enum outcome
follow_connect(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct watch *w = tf->watch;

	if (w->requests > 0)
		return refuse_it(gw, tf, SLUICE_REASON_BAD_QUERY, "CONNECT behind other requests", IN_HTTP,
				 now);
	if (intercept_begin_plain(gw, tf, unjudged_view(w), now))
		return LEFT;
	return refuse_it(gw, tf, SLUICE_REASON_FULL, "no room to follow it", IN_HTTP, now);
}

static enum outcome
judge_head(struct sluice *gw, struct tcp_flow *tf, const struct http_head *h, usec_t now)
{
	struct watch *w = tf->watch;
	bool is_head = h->method.len == 4 && memcmp(h->method.p, "HEAD", 4) == 0;

	if (is_connect(h))
		return follow_connect(gw, tf, now);
	/* An address, or no Host at all, tells no name. */
	enum outcome got =
	    ask(gw, tf, h->name.len ? &h->name : NULL, "host", is_head ? IN_HTTP_HEAD : IN_HTTP, now);

	if (got != AGAIN)
		return got;
	pass(w, (uint32_t)h->len);
	w->requests++;
	w->answered = tf->flow.to_guest;
	expect_body(w, h);
	return AGAIN;
}

/* Some servers answer a head that breaks off, even in its first line, and there may be a name in that. */
static enum outcome
head_breaks_off(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	if (!tf->watch->decides && !tunnel_follows(gw))
		return decide_without_name(gw, tf, IN_NOTHING, now);
	return refuse_it(gw, tf, SLUICE_REASON_BAD_QUERY, "a request head that breaks off", IN_HTTP, now);
}

/* The first bytes, which requests rules or secrets are waiting for.  AGAIN: it is no HTTP. */
static enum outcome
open_plain(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct watch *w = tf->watch;

	switch (exchange_guess(unjudged_view(w))) {
	case EXCHANGE_UNSURE:
		return tcp_at_eof(&tf->tcp) ? head_breaks_off(gw, tf, now)
					    : wait_for_more(gw, tf, IN_HTTP, now);
	case EXCHANGE_OTHER:
		return decide_without_name(gw, tf, IN_NOTHING, now);
	case EXCHANGE_H1:
	case EXCHANGE_H2:
		break;
	}
	if (intercept_begin_plain(gw, tf, unjudged_view(w), now))
		return LEFT;
	return refuse_it(gw, tf, SLUICE_REASON_FULL, "no room to read its requests", IN_HTTP, now);
}

static enum outcome
read_head(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct watch *w = tf->watch;
	bool eof = tcp_at_eof(&tf->tcp);
	struct http_head h;

	if (unjudged(w) == 0 && eof) {
		w->step = STEP_OVER;
		return AGAIN;
	}
	if (unjudged(w) == 0)
		return w->starved ? wait_for_more(gw, tf, IN_NOTHING, now) : WAIT;
	if (w->requests == 0 && intercept_wants_plain(gw, tf))
		return open_plain(gw, tf, now);
	switch (http_reader_read(&w->head, unjudged_view(w), &h)) {
	case HTTP_DONE:
		return judge_head(gw, tf, &h, now);
	case HTTP_BAD:
		return refuse_it(gw, tf, SLUICE_REASON_BAD_QUERY, h.why, IN_HTTP, now);
	case HTTP_LONG:
		return refuse_it(gw, tf, SLUICE_REASON_BAD_QUERY, "a request head that is too long", IN_HTTP,
				 now);
	case HTTP_NOT:
		if (w->requests == 0)
			return decide_without_name(gw, tf, IN_NOTHING, now);
		return refuse_it(gw, tf, SLUICE_REASON_BAD_QUERY, "what follows a request is none", IN_HTTP,
				 now);
	case HTTP_MORE:
		break;
	}
	return eof ? head_breaks_off(gw, tf, now) : wait_for_more(gw, tf, IN_HTTP, now);
}

/* Nothing more can come but the end: a body that breaks off is the host's to complain of. */
static enum outcome
rest_of_body(struct tcp_flow *tf)
{
	if (!tcp_at_eof(&tf->tcp))
		return WAIT;
	tf->watch->step = STEP_OVER;
	return AGAIN;
}

static enum outcome
read_length(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct watch *w = tf->watch;
	uint32_t n = unjudged(w) < w->left ? unjudged(w) : (uint32_t)w->left;

	if (w->is_http)
		return refuse_it(gw, tf, SLUICE_REASON_BAD_QUERY, "a request whose beginning came too slowly",
				 IN_NOTHING, now);
	pass(w, n);
	w->left -= n;
	if (w->left > 0)
		return rest_of_body(tf);
	expect_head(w);
	return AGAIN;
}

static enum outcome
read_chunks(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct watch *w = tf->watch;
	bool done;
	ptrdiff_t n = http_chunks_read(&w->chunks, unjudged_view(w), &done);

	if (n < 0)
		return refuse_it(gw, tf, SLUICE_REASON_BAD_QUERY, "a chunked body that is broken", IN_NOTHING,
				 now);
	pass(w, (uint32_t)n);
	if (!done)
		return rest_of_body(tf);
	expect_head(w);
	return AGAIN;
}

/* RFC 9110 7.8: another protocol begins with 101.  Without, HTTP goes on. */
static enum outcome
read_answer(struct tcp_flow *tf)
{
	struct watch *w = tf->watch;

	if (w->nstatus < STATUS_LEN && !tf->host_eof)
		return unjudged(w) > 0 ? WAIT : rest_of_body(tf);

	bool http = w->nstatus == STATUS_LEN && memcmp(w->status, "HTTP/1.", 7) == 0 && w->status[8] == ' ';
	bool agreed = memcmp(w->status + 9, "101", 3) == 0;
	if (http && agreed)
		w->step = STEP_OVER;
	else
		expect_head(w);
	return AGAIN;
}

/* --- the flow's calls -------------------------------------------------------------------------------------------------- */

/* Does this step want more than it has?  Bodies by length go their own way, tunnels wait. */
static bool
is_reading(const struct watch *w)
{
	return w->step <= STEP_HEAD || w->step == STEP_CHUNKED;
}

/* Nobody waits for names there, but for what is opened, and for a CONNECT in whichever request. */
static bool
is_looked_for(struct sluice *gw, const struct tcp_flow *tf)
{
	const struct endpoint leads = tunnel_leads(&tf->flow);

	if (tf->watch->step == STEP_TLS)
		return tf->flow.tunnel || intercept_may(gw, &leads);
	return intercept_wants_plain(gw, tf) ||
	       (tunnel_follows(gw) && tunnel_heard(&tf->flow) == 0 && !tf->host_eof);
}

static enum outcome
begin(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct watch *w = tf->watch;

	if (unjudged(w) == 0 && tcp_at_eof(&tf->tcp))
		return decide_without_name(gw, tf, IN_NOTHING, now);
	if (unjudged(w) == 0)
		return w->starved ? wait_for_more(gw, tf, IN_NOTHING, now) : WAIT;
	w->step = w->hold[w->passed] == TLS_HANDSHAKE ? STEP_TLS : STEP_HEAD;
	return w->decides || is_looked_for(gw, tf) ? AGAIN : decide_without_name(gw, tf, IN_NOTHING, now);
}

static enum outcome
take_step(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	switch ((enum step)tf->watch->step) {
	case STEP_FIRST:
		return begin(gw, tf, now);
	case STEP_TLS:
		return read_tls(gw, tf, now);
	case STEP_HEAD:
		return read_head(gw, tf, now);
	case STEP_LENGTH:
		return read_length(gw, tf, now);
	case STEP_CHUNKED:
		return read_chunks(gw, tf, now);
	case STEP_TUNNEL:
		return read_answer(tf);
	case STEP_OVER:
		break;
	}
	pass(tf->watch, unjudged(tf->watch));
	return WAIT;
}

/* All that was held has been written. */
static void
drained(struct tcp_flow *tf)
{
	struct watch *w = tf->watch;

	if (w->to > w->from)
		return;
	if (w->step == STEP_OVER)
		watch_end(tf);
	else
		let_go(tf);
}

bool
watch_begin(struct tcp_flow *tf, bool decides)
{
	tf->watch = calloc(1, sizeof(*tf->watch));
	if (!tf->watch)
		return false;
	tf->watch->until = TIME_NEVER;
	tf->watch->decides = decides;
	return true;
}

bool
watch_put(struct tcp_flow *tf, struct view bytes)
{
	struct watch *w = tf->watch;

	if (bytes.len == 0)
		return true;
	if (!make_room(tf, bytes.len) || w->room - w->to < bytes.len)
		return false;
	memcpy(w->hold + w->to, bytes.p, bytes.len);
	w->to += (uint32_t)bytes.len;
	return true;
}

void
watch_decides(struct tcp_flow *tf)
{
	tf->watch->decides = true;
}

bool
watch_ready(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	enum outcome got;

	do {
		if (is_reading(tf->watch))
			take(tf, now);
		got = take_step(gw, tf, now);
	} while (got == AGAIN);
	if (got == LEFT)
		return false;
	if (tf->watch->starved)
		tf->retry_at = now + MEMORY_RETRY;
	drained(tf);
	return true;
}

size_t
watch_passed(const struct tcp_flow *tf, struct view *held)
{
	const struct watch *w = tf->watch;

	*held = w->hold ? view_of(w->hold + w->from, w->passed - w->from) : view_of(NULL, 0);
	return w->step == STEP_LENGTH && w->left < SIZE_MAX ? (size_t)w->left : 0;
}

size_t
watch_wrote(struct tcp_flow *tf, size_t n)
{
	struct watch *w = tf->watch;
	size_t held = w->passed - w->from;

	if (held > n)
		held = n;
	w->from += (uint32_t)held;
	if (w->step == STEP_LENGTH)
		w->left -= n - held;
	drained(tf);
	return n - held;
}

/* The first the host says to a word that passed unread. */
static bool
heard_unread(struct watch *w, struct view bytes)
{
	static const char http[] = "HTTP/1.";
	size_t n = sizeof(http) - 1;

	while (bytes.len && w->nstatus < n) {
		w->status[w->nstatus++] = (char)*bytes.p++;
		bytes.len--;
	}
	if (memcmp(w->status, http, w->nstatus) != 0)
		w->step = STEP_OVER;
	else if (w->nstatus < n)
		return false;
	else
		w->is_http = true;
	w->unread = false;
	return true;
}

bool
watch_heard(struct tcp_flow *tf, struct view bytes)
{
	struct watch *w = tf->watch;

	if (w->unread)
		return heard_unread(w, bytes);
	/* An answer to a request that has not gone out whole is another's. */
	if (w->step != STEP_TUNNEL || w->passed > w->from)
		return false;
	while (bytes.len && w->nstatus < STATUS_LEN) {
		w->status[w->nstatus++] = (char)*bytes.p++;
		bytes.len--;
	}
	return w->nstatus == STATUS_LEN;
}

usec_t
watch_deadline(const struct tcp_flow *tf)
{
	return tf->watch->until;
}

void
watch_end(struct tcp_flow *tf)
{
	struct watch *w = tf->watch;

	if (!w)
		return;
	let_go(tf);
	hello_reader_free(w->hello);
	free(w);
	tf->watch = NULL;
}
