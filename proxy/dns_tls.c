/*
 * dns_tls.c - nameservers that are asked over TLS (RFC 7858), and the connections to them that stay
 *
 *     OPENING     the TCP connection, by a SOCKS proxy too; questions wait
 *     HANDSHAKE   TLS, one step a turn within what interception's budget leaves (intercept.h)
 *     OPEN        its certificate is good: any number of questions, answered in whatever order, told apart by id
 *     HELD        it failed, for what it is: for DNS_TLS_HELD nobody tries again, so that no question costs a handshake
 *
 * A server is asked on the connection there is, up to DNS_TLS_FLIGHT questions at once; beyond that another is made.  One without
 * questions is closed after DNS_TLS_IDLE (RFC 7858 3.4).  A server may close at any time: what it had not answered is asked once more, on a new
 * connection (RFC 7766 6.2.4).  One that has been silent since a question that waits for DNS_HEDGE gets no further ones.
 *
 * The certificate must be good for the name that was configured, or without one for the address, by the roots of all TLS; "no
 * verification" for a host does not count here, since what it answers proves where names lead.  Nothing is ever asked in the clear
 * in its place.  Questions are padded (RFC 8467).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/dns_int.h"
#include "proxy/endpoint.h"
#include "tls/verify.h"

#define DNS_TLS_FLIGHT 64u
#define DNS_TLS_IDLE (15 * USEC_PER_SEC)
#define DNS_TLS_TIME (10 * USEC_PER_SEC) /* for TCP and TLS together */
#define DNS_TLS_HELD USEC_PER_SEC
#define DNS_TLS_STEPS 1000u                /* of a handshake, which takes about 30 */
#define DNS_TLS_WORK (200 * USEC_PER_MSEC) /* all of them together, and the verification */
#define DNS_TLS_READS 16u                  /* of one connection a turn */
#define DNS_TLS_PIECE 4096u

enum stage { STAGE_OPENING, STAGE_HANDSHAKE, STAGE_OPEN, STAGE_HELD, STAGE_OVER };

/* A question that waits for its answer, or is not sent yet. */
struct waiting {
	struct dns_pending *p;
	struct dns_try *t;
	usec_t since;
	bool sent;
};

struct dns_tls {
	struct sluice *gw;
	struct dns_server server;
	bool chosen; /* by the guest */
	uint8_t stage;
	bool connected, proxied; /* STAGE_OPENING */
	bool retired;            /* no further questions */
	bool busy;               /* it is being worked on: not to be closed */
	int fd;
	uint64_t token;
	struct endpoint target;
	struct socks socks;
	struct tls_end *end;
	uint64_t trust; /* of the settings it was begun under */
	unsigned steps;
	uint8_t denied; /* turns without time for it */
	usec_t worked;
	usec_t due;   /* there is something to do that no event will tell; TIME_NEVER */
	usec_t until; /* of the stage; TIME_NEVER */
	usec_t heard;
	enum dns_fate fate; /* STAGE_HELD, STAGE_OVER */
	int error;
	char why[DNS_WHY];
	unsigned nwaiting;
	struct waiting waiting[DNS_TLS_FLIGHT];
	/* The question that is being sent, then the message that is coming. */
	uint8_t out[DNS_TCP_PREFIX + DNS_UDP_MIN];
	size_t nout, out_at;
	uint8_t head[DNS_TCP_PREFIX];
	size_t got;
	uint8_t *msg;
	uint16_t len;
};

static void
come_back(struct dns_tls *c, usec_t at)
{
	c->due = time_min(c->due, at);
	c->gw->dns->tls_at = time_min(c->gw->dns->tls_at, at);
}

static void
stays_until(struct dns_tls *c, usec_t at)
{
	c->until = at;
	c->gw->dns->tls_at = time_min(c->gw->dns->tls_at, at);
}

static usec_t
clock_of(const struct dns_tls *c)
{
	return c->gw->host->ops->work(c->gw->host);
}

/* --- the end of one ------------------------------------------------------------------------------------------ */

static void
close_socket(struct dns_tls *c, bool reset)
{
	if (c->stage == STAGE_OPEN && !reset)
		tls_end_close(c->end);
	tls_end_free(c->end);
	c->end = NULL;
	gw_close(c->gw, &c->fd, reset);
	free(c->msg);
	c->msg = NULL;
}

static void
drop(struct dns_tls *c)
{
	struct dns_service *d = c->gw->dns;

	close_socket(c, c->stage != STAGE_OPEN);
	for (unsigned i = 0; i < DNS_TLS_CONNS; i++)
		if (d->tls[i] == c)
			d->tls[i] = NULL;
	free(c);
}

static void
take_out(struct dns_tls *c, unsigned i)
{
	c->waiting[i].t->tls = NULL;
	c->waiting[i] = c->waiting[--c->nwaiting];
}

/* Nothing will be answered here any more.  again: the questions may be asked on another connection.  c is OVER, or HELD. */
static void
fail(struct dns_tls *c, bool again, usec_t now)
{
	struct sluice *gw = c->gw;
	bool held = c->fate == DNS_FATE_TLS;

	close_socket(c, true);
	/* Whoever is told now may ask again at once: not here. */
	c->stage = held ? STAGE_HELD : STAGE_OVER;
	c->due = TIME_NEVER;
	stays_until(c, now + DNS_TLS_HELD);
	while (c->nwaiting > 0) {
		struct waiting w = c->waiting[c->nwaiting - 1];

		take_out(c, c->nwaiting - 1);
		if (held)
			snprintf(w.p->why, sizeof(w.p->why), "%s", c->why);
		if (again && !w.t->again)
			dns_try_again(gw, w.p, w.t, now);
		else
			dns_try_failed(gw, w.p, w.t, c->fate, c->error, now);
	}
}

static void
fail_error(struct dns_tls *c, int error, bool again, usec_t now)
{
	c->fate = DNS_FATE_ERROR;
	c->error = error;
	fail(c, again, now);
}

/* For what the server is. */
static void
fail_tls(struct dns_tls *c, const char *why, usec_t now)
{
	char at[ENDPOINT_TEXT];

	c->fate = DNS_FATE_TLS;
	c->error = 0;
	snprintf(c->why, sizeof(c->why), "%s", why);
	gw_log_paced(c->gw, GW_DNS_TLS_FAILED, "the nameserver tls://%s: %s",
		     endpoint_text(&c->server.at, at), c->why);
	fail(c, false, now);
}

/* --- TCP ------------------------------------------------------------------------------------------------------ */

static ssize_t
from_server(void *ctx, void *to, size_t n)
{
	struct dns_tls *c = ctx;
	struct iovec iov = {to, n};

	return c->gw->host->ops->readv(c->gw->host, c->fd, &iov, 1);
}

static ssize_t
to_server(void *ctx, const void *from, size_t n)
{
	struct dns_tls *c = ctx;
	struct iovec iov = {(void *)(uintptr_t)from, n};
	ssize_t took = c->gw->host->ops->writev(c->gw->host, c->fd, &iov, 1);

	return took == 0 && n > 0 ? -EAGAIN : took;
}

static const struct tls_alpn dot = {.n = 1, .name = {"dot"}}; /* RFC 7858 leaves it out; IANA has it */

/* The connection is there.  False: it failed. */
static bool
begin_tls(struct dns_tls *c, usec_t now)
{
	struct sluice *gw = c->gw;
	struct tls *tls = intercept_tls(gw);
	const struct tls_io io = {from_server, to_server, c};

	gw->host->ops->nodelay(gw->host, c->fd);
	c->trust = gw->settings->tls->trust;
	if (tls)
		c->end =
		    tls_client_new(tls, &io,
				   &(struct tls_client){.name = c->server.name.len ? &c->server.name : NULL,
							.addr = c->server.at.addr,
							.port = c->server.at.port,
							.alpn = &dot,
							.trust = c->trust,
							.now = now});
	if (!c->end) {
		fail_error(c, ENOMEM, false, now);
		return false;
	}
	c->stage = STAGE_HANDSHAKE;
	return true;
}

static void
step_opening(struct dns_tls *c, usec_t now)
{
	struct sluice *gw = c->gw;
	int error = 0;

	if (!c->connected) {
		int rc = gw->host->ops->connect_result(gw->host, c->fd);

		if (rc == -EINPROGRESS)
			return;
		if (rc < 0) {
			fail_error(c, -rc, false, now);
			return;
		}
		c->connected = true;
		if (c->proxied)
			socks_start(&c->socks, &c->target);
	}
	if (c->proxied && !dns_socks_step(gw, c->fd, &c->socks, &error)) {
		fail_error(c, error, false, now);
		return;
	}
	if ((!c->proxied || c->socks.step == SOCKS_DONE) && begin_tls(c, now))
		come_back(c, now);
}

/* --- the handshake ---------------------------------------------------------------------------------------------- */

/* False, and why. */
static bool
is_good(struct dns_tls *c, struct verify_answer *out)
{
	struct tls_settings *s = c->gw->settings->tls;
	const struct name *name = c->server.name.len ? &c->server.name : NULL;
	const struct tls_host *host = name ? tls_settings_host(s, name) : NULL;
	struct view cert[VERIFY_CERTS + 1];
	struct verify_question q = {
	    .roots = host && host->roots ? host->roots : tls_settings_roots(s),
	    .cert = cert,
	    .n = tls_end_peer_chain(c->end, cert, VERIFY_CERTS + 1),
	    .name = name,
	    .addr = c->server.at.addr,
	    .now = (uint64_t)(c->gw->host->ops->wall(c->gw->host) / USEC_PER_SEC),
	};

	if (q.n > (int)VERIFY_CERTS + 1)
		q.n = VERIFY_CERTS + 1;
	return tls_verify(&q, out);
}

static void
settle(struct dns_tls *c, usec_t now)
{
	const struct tls_settings *s = c->gw->settings->tls;
	struct verify_answer a;

	if (s->only_13 && strcmp(tls_end_version(c->end), "TLSv1.3") != 0) {
		fail_tls(c, "it speaks nothing newer than TLS 1.2, and that is not allowed", now);
		return;
	}
	/* What is taken up again was looked at under the same settings. */
	if (tls_end_resumed(c->end) && c->trust == s->trust) {
		c->gw->count[GW_TLS_RESUMED]++;
	} else if (!is_good(c, &a)) {
		fail_tls(c, a.text, now);
		return;
	} else if (c->trust == s->trust) {
		tls_end_keep_session(c->end);
	}
	c->gw->count[GW_DNS_TLS_OPENED]++;
	c->stage = STAGE_OPEN;
	c->heard = now;
	c->until = TIME_NEVER;
	if (c->nwaiting == 0)
		stays_until(c, now + DNS_TLS_IDLE);
	come_back(c, now);
}

static void
step_handshake(struct dns_tls *c, usec_t now)
{
	char why[DNS_WHY];
	usec_t began = clock_of(c);

	if (!intercept_turn_left(c->gw, &c->denied)) {
		come_back(c, now);
		return;
	}
	enum tls_progress got = tls_end_step(c->end);
	if (got == TLS_FAILED)
		snprintf(why, sizeof(why), "its handshake failed: %s", tls_end_why(c->end));
	usec_t worked = clock_of(c) - began;
	c->worked += worked;
	c->steps += got == TLS_MORE;
	intercept_turn_took(c->gw, worked, 0);
	if (got == TLS_FAILED)
		fail_tls(c, why, now);
	else if (c->worked >= DNS_TLS_WORK || c->steps >= DNS_TLS_STEPS)
		fail_tls(c, "its handshake costs too much", now);
	else if (got == TLS_MORE)
		come_back(c, now);
	else if (got == TLS_DONE)
		settle(c, now);
}

/* --- questions and answers ---------------------------------------------------------------------------------------- */

static bool
next_question(struct dns_tls *c)
{
	for (unsigned i = 0; i < c->nwaiting; i++) {
		struct waiting *w = &c->waiting[i];
		struct wr prefix = wr_of(c->out, DNS_TCP_PREFIX);

		if (w->sent)
			continue;
		w->sent = true;
		size_t len = dns_query_write_padded(&w->p->q, w->t->id, !w->p->plain, c->out + DNS_TCP_PREFIX,
						    sizeof(c->out) - DNS_TCP_PREFIX);
		wr_u16(&prefix, (uint16_t)len);
		c->nout = DNS_TCP_PREFIX + len;
		c->out_at = 0;
		return true;
	}
	return false;
}

/* 0, or -errno; -EAGAIN: the socket is full. */
static int
send_questions(struct dns_tls *c)
{
	while (c->out_at < c->nout || next_question(c)) {
		ssize_t n = tls_end_write(c->end, c->out + c->out_at, c->nout - c->out_at);

		if (n < 0)
			return (int)n;
		c->out_at += (size_t)n;
	}
	return tls_end_flush(c->end);
}

static void
answer(struct dns_tls *c, struct view msg, usec_t now)
{
	struct rd r = rd_of(msg);
	uint16_t id = rd_u16(&r);

	c->heard = now;
	for (unsigned i = 0; i < c->nwaiting; i++) {
		struct waiting w = c->waiting[i];

		if (!w.sent || w.t->id != id || !dns_is_answer_to(msg, &w.p->q, id))
			continue;
		dns_try_answered(c->gw, w.p, w.t, msg, now);
		return;
	}
	/* One that comes too late for who asked, or nonsense. */
	c->gw->count[GW_DNS_STRAY]++;
}

/* Bytes in the clear.  False: no memory, or a length of 0, which begins no message. */
static bool
take(struct dns_tls *c, struct view v, usec_t now)
{
	while (v.len > 0) {
		if (!c->msg) {
			c->head[c->got++] = v.p[0];
			v = view_of(v.p + 1, v.len - 1);
			if (c->got < DNS_TCP_PREFIX)
				continue;
			struct rd r = rd_of(view_of(c->head, sizeof(c->head)));
			c->len = rd_u16(&r);
			c->got = 0;
			c->msg = c->len ? malloc(c->len) : NULL;
			if (!c->msg)
				return false;
			continue;
		}
		size_t n = v.len < c->len - c->got ? v.len : c->len - c->got;
		memcpy(c->msg + c->got, v.p, n);
		c->got += n;
		v = view_of(v.p + n, v.len - n);
		if (c->got < c->len)
			break;
		uint8_t *msg = c->msg;
		c->msg = NULL;
		c->got = 0;
		answer(c, view_of(msg, c->len), now);
		free(msg);
	}
	return true;
}

/* As far as there is anything, and a turn allows.  False: the connection is over. */
static bool
read_answers(struct dns_tls *c, int *error, usec_t now)
{
	uint8_t bytes[DNS_TLS_PIECE];
	unsigned reads = 0;
	ssize_t n;

	while (reads++ < DNS_TLS_READS && (n = tls_end_read(c->end, bytes, sizeof(bytes))) != -EAGAIN) {
		if (n <= 0) {
			*error = n < 0 && n != -EPIPE ? (int)-n : ECONNRESET;
			return false;
		}
		if (!take(c, view_of(bytes, (size_t)n), now)) {
			*error = c->len ? ENOMEM : EBADMSG;
			return false;
		}
	}
	if (reads > DNS_TLS_READS)
		come_back(c, now);
	return true;
}

static void
step_open(struct dns_tls *c, usec_t now)
{
	usec_t began = clock_of(c);
	int error = 0, rc = send_questions(c);
	bool good = rc == 0 || rc == -EAGAIN;

	if (!good)
		error = -rc;
	good = good && read_answers(c, &error, now);
	intercept_turn_took(c->gw, clock_of(c) - began, 1);
	if (!good)
		fail_error(c, error, true, now);
	else if (c->retired && c->nwaiting == 0)
		stays_until(c, now);
}

/* One piece of it; c may be gone then. */
static void
work(struct dns_tls *c, usec_t now)
{
	c->due = TIME_NEVER;
	c->busy = true;
	switch ((enum stage)c->stage) {
	case STAGE_OPENING:
		step_opening(c, now);
		break;
	case STAGE_HANDSHAKE:
		step_handshake(c, now);
		break;
	case STAGE_OPEN:
		step_open(c, now);
		break;
	case STAGE_HELD:
	case STAGE_OVER:
		break;
	}
	c->busy = false;
	if (c->stage == STAGE_OVER)
		drop(c);
}

/* Time is up. */
static void
late(struct dns_tls *c, usec_t now)
{
	c->until = TIME_NEVER;
	c->busy = true;
	if (c->stage == STAGE_OPENING)
		fail_error(c, ETIMEDOUT, false, now);
	else if (c->stage == STAGE_HANDSHAKE)
		fail_tls(c, "its handshake took too long", now);
	c->busy = false;
	if (c->nwaiting == 0 && (c->stage != STAGE_HELD || c->until == TIME_NEVER))
		drop(c);
}

/* --- for questions ---------------------------------------------------------------------------------------------- */

static bool
is_to(const struct dns_tls *c, const struct dns_server *server, bool chosen)
{
	return c && c->chosen == chosen && !c->retired && c->stage != STAGE_OVER &&
	       dns_server_eq(&c->server, server);
}

static bool
is_idle(const struct dns_tls *c)
{
	return !c->busy && c->nwaiting == 0;
}

/* A free place; the one that is idle longest makes room.  NULL: all are in use. */
static struct dns_tls **
place(struct dns_service *d)
{
	struct dns_tls **idle = NULL;

	for (unsigned i = 0; i < DNS_TLS_CONNS; i++) {
		if (!d->tls[i])
			return &d->tls[i];
		if (is_idle(d->tls[i]) && (!idle || d->tls[i]->heard < (*idle)->heard))
			idle = &d->tls[i];
	}
	if (idle)
		drop(*idle);
	return idle;
}

/* A connection on its way, in a place of its own.  NULL and *error. */
static struct dns_tls *
open_one(struct sluice *gw, const struct dns_pending *p, const struct dns_server *server, int *error,
	 usec_t now)
{
	struct dns_service *d = gw->dns;
	struct dns_tls **at = place(d), *c = at ? calloc(1, sizeof(*c)) : NULL;
	struct flow f = {.kind = FLOW_TCP, .fd = -1, .tuple = p->asker->from.t};
	struct route r = {.aim = server->at};

	*error = at ? ENOMEM : EMFILE;
	if (!c)
		return NULL;
	f.tuple.proto = IP_PROTO_TCP;
	dial_route_to(gw, &f, &f.tuple.remote, &r);
	c->token = TOKEN_DNS_TLS + ((uint64_t)++d->tls_gen << 8 | (uint64_t)(at - d->tls));
	int rc = r.error ? r.error : dial_open_as(gw, &f, &r, c->token);
	if (rc != 0 && rc != -EINPROGRESS) {
		*error = -rc;
		gw_close(gw, &f.fd, true);
		free(c);
		return NULL;
	}
	c->gw = gw;
	c->server = *server;
	c->chosen = p->chosen;
	c->proxied = r.proxied;
	c->target = f.target;
	c->fd = f.fd;
	c->due = TIME_NEVER;
	c->heard = now;
	stays_until(c, now + DNS_TLS_TIME);
	*at = c;
	return c;
}

/* No two that wait on a connection have one id. */
static bool
has_id(const struct dns_tls *c, uint16_t id)
{
	for (unsigned i = 0; i < c->nwaiting; i++)
		if (c->waiting[i].t->id == id)
			return true;
	return false;
}

bool
dns_tls_ask(struct sluice *gw, struct dns_pending *p, struct dns_try *t, usec_t now)
{
	struct dns_service *d = gw->dns;
	struct dns_tls *c = NULL;
	int error = 0;

	for (unsigned i = 0; i < DNS_TLS_CONNS && !c; i++)
		if (is_to(d->tls[i], t->server, p->chosen) && d->tls[i]->nwaiting < DNS_TLS_FLIGHT &&
		    !has_id(d->tls[i], t->id))
			c = d->tls[i];
	if (c && c->stage == STAGE_HELD) {
		snprintf(p->why, sizeof(p->why), "%s", c->why);
		dns_try_cannot(p, c->fate, c->error);
		return false;
	}
	if (!c)
		c = open_one(gw, p, t->server, &error, now);
	if (!c) {
		dns_try_cannot(p, DNS_FATE_ERROR, error);
		return false;
	}
	c->waiting[c->nwaiting++] = (struct waiting){.p = p, .t = t, .since = now};
	t->tls = c;
	if (c->stage == STAGE_OPEN) {
		c->until = TIME_NEVER;
		come_back(c, now);
	}
	return true;
}

static unsigned
find(const struct dns_tls *c, const struct dns_try *t)
{
	unsigned i = 0;

	while (c->waiting[i].t != t)
		i++;
	return i;
}

void
dns_tls_leave(struct sluice *gw, struct dns_try *t)
{
	struct dns_tls *c = t->tls;

	take_out(c, find(c, t));
	if (c->nwaiting == 0 && c->stage == STAGE_OPEN)
		stays_until(c, c->retired ? gw->now : gw->now + DNS_TLS_IDLE);
}

bool
dns_tls_suspect(struct dns_try *t)
{
	struct dns_tls *c = t->tls;
	const struct waiting *w = &c->waiting[find(c, t)];

	if (c->stage == STAGE_OPEN && c->heard <= w->since)
		c->retired = true;
	return c->retired;
}

/* --- the service's calls -------------------------------------------------------------------------------------------- */

void
dns_tls_event(struct sluice *gw, const struct host_event *ev, usec_t now)
{
	uint64_t n = ev->token & 0xff;
	struct dns_tls *c = n < DNS_TLS_CONNS ? gw->dns->tls[n] : NULL;

	if (c && c->token == ev->token)
		work(c, now);
}

void
dns_tls_timers(struct sluice *gw, usec_t now)
{
	struct dns_service *d = gw->dns;

	if (d->tls_at > now)
		return;
	/* Each turn another one comes first: the turn's time may be spent with it. */
	d->tls_first = (d->tls_first + 1) % DNS_TLS_CONNS;
	for (unsigned i = 0; i < DNS_TLS_CONNS; i++) {
		struct dns_tls **c = &d->tls[(d->tls_first + i) % DNS_TLS_CONNS];

		if (*c && (*c)->due <= now)
			work(*c, now);
		if (*c && (*c)->until <= now)
			late(*c, now);
	}
	d->tls_at = TIME_NEVER;
	for (unsigned i = 0; i < DNS_TLS_CONNS; i++)
		if (d->tls[i])
			d->tls_at = time_min(d->tls_at, time_min(d->tls[i]->due, d->tls[i]->until));
}

bool
dns_tls_make_room(struct sluice *gw)
{
	bool any = false;

	for (unsigned i = 0; i < DNS_TLS_CONNS; i++) {
		struct dns_tls *c = gw->dns->tls[i];

		if (!c || !is_idle(c) || c->fd < 0)
			continue;
		drop(c);
		any = true;
	}
	return any;
}

void
dns_tls_close(struct sluice *gw)
{
	for (unsigned i = 0; i < DNS_TLS_CONNS; i++)
		if (gw->dns->tls[i])
			drop(gw->dns->tls[i]);
}

void
dns_tls_again(struct sluice *gw, usec_t now)
{
	struct dns_tls *old[DNS_TLS_CONNS];
	unsigned n = 0;

	for (unsigned i = 0; i < DNS_TLS_CONNS; i++) {
		struct dns_tls *c = gw->dns->tls[i];

		if (c && is_idle(c)) {
			drop(c);
		} else if (c) {
			c->retired = c->busy = true;
			old[n++] = c;
		}
	}
	/* Their questions make new ones. */
	for (unsigned i = 0; i < n; i++) {
		fail_error(old[i], ECONNRESET, true, now);
		drop(old[i]);
	}
}
