/*
 * dns_upstream.c - one question, asked of nameservers until one answers or its time is up
 *
 *     0 s      the first server, by UDP
 *     1 s      the second one too, or the first again; whoever answers first is believed
 *     2 s      by TCP: something on the way may not like datagrams
 *     4.5 s    (dns_timeout) SERVFAIL, before the guest's own resolver gives up
 *
 * A server that refuses, says SERVFAIL or the like makes place for the next at once; one whose answer was truncated is
 * asked again by TCP at once; one that does not know EDNS, without it.  One that is asked over TLS (dns_tls.c) is asked so alone.  A server the guest chose is asked as the guest asked: by datagrams, twice, or by
 * TCP, once.
 *
 * Each attempt has a socket to itself, connected, with a port that the kernel draws for it and an id that is drawn here
 * (RFC 5452; dns_sockets.c): what does not answer exactly this question from exactly this server is passed over and counted, and
 * after DNS_STRAYS of those on one socket, which nobody sees who is not being lied to, TCP is used.
 */
#include "proxy/dns_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum dns_stage { STAGE_FIRST, STAGE_HEDGED, STAGE_TCP };

static uint64_t
token_of(struct sluice *gw, const struct dns_pending *p, const struct dns_try *t)
{
	return TOKEN_DNS +
	       ((uint64_t)p->gen << 24 | (uint64_t)(p - gw->dns->pending) << 8 | (uint64_t)(t - p->attempt));
}

/* NULL: it is gone. */
static struct dns_try *
by_token(struct sluice *gw, uint64_t token, struct dns_pending **p)
{
	uint64_t n = (token - TOKEN_DNS) >> 8 & 0xffff, attempt = token & 0xff;

	if (token >= TOKEN_DNS_SOCKET)
		return dns_socket_attempt(gw, token, p);
	if (n >= DNS_PENDING || attempt >= DNS_TRIES)
		return NULL;

	*p = &gw->dns->pending[n];
	struct dns_try *t = &(*p)->attempt[attempt];
	return (*p)->gen == (uint32_t)((token - TOKEN_DNS) >> 24) && t->fd >= 0 && !t->socket ? t : NULL;
}

static void
close_try(struct sluice *gw, struct dns_try *t)
{
	if (t->tls)
		dns_tls_leave(gw, t);
	else if (t->socket)
		dns_socket_back(gw, t);
	else
		gw_close(gw, &t->fd, t->stream != NULL);
	if (t->stream)
		free(t->stream->msg);
	free(t->stream);
	t->stream = NULL;
}

void
dns_upstream_close(struct sluice *gw, struct dns_pending *p)
{
	for (unsigned i = 0; i < DNS_TRIES; i++)
		if (dns_try_is_on(&p->attempt[i]))
			close_try(gw, &p->attempt[i]);
}

static bool
is_asked(const struct dns_pending *p)
{
	for (unsigned i = 0; i < DNS_TRIES; i++)
		if (dns_try_is_on(&p->attempt[i]))
			return true;
	return false;
}

/* It did not answer in time, or not at all. */
static void
count_lost(struct sluice *gw, struct dns_pending *p, struct dns_try *t, usec_t now)
{
	if (t->waits && !p->chosen)
		dns_servers_lost(gw->settings->servers, t->server, now);
	t->waits = false;
}

/* What a server said, it said: a later failure tells less. */
void
dns_try_cannot(struct dns_pending *p, enum dns_fate fate, int error)
{
	bool nothing = fate == DNS_FATE_SILENCE || fate == DNS_FATE_ERROR;

	if (p->fate == DNS_FATE_SAID && fate != DNS_FATE_SAID)
		return;
	/* Nor does it when one server is not what it should be, and another not there. */
	if (p->fate == DNS_FATE_TLS && nothing)
		return;
	p->fate = fate;
	p->error = error;
}

/* --- asking ----------------------------------------------------------------------------------------------- */

/* A place for an attempt; the oldest datagram's where there is none. */
static struct dns_try *
place(struct sluice *gw, struct dns_pending *p)
{
	for (unsigned i = 0; i < DNS_TRIES; i++)
		if (!dns_try_is_on(&p->attempt[i]))
			return &p->attempt[i];
	close_try(gw, &p->attempt[0]);
	return &p->attempt[0];
}

static bool
send_datagram(struct sluice *gw, const struct dns_pending *p, struct dns_try *t, int *error)
{
	uint8_t msg[DNS_UDP_MIN];
	size_t len = dns_query_write(&p->q, t->id, !p->plain, msg, sizeof(msg));
	ssize_t sent = gw->host->ops->send(gw->host, t->fd, msg, len);

	*error = sent < 0 ? (int)-sent : 0;
	return sent > 0 || sent == -EAGAIN; /* lost on the way, as datagrams are */
}

static bool
begin_stream(const struct dns_pending *p, struct dns_try *t, const struct route *r,
	     const struct endpoint *target, int *error)
{
	struct dns_stream *s = calloc(1, sizeof(*s));
	struct wr prefix;

	*error = ENOMEM;
	if (!s)
		return false;
	s->proxied = r->proxied;
	s->target = *target;
	s->out_len = dns_query_write(&p->q, t->id, !p->plain, s->out + DNS_TCP_PREFIX,
				     sizeof(s->out) - DNS_TCP_PREFIX);
	prefix = wr_of(s->out, DNS_TCP_PREFIX);
	wr_u16(&prefix, (uint16_t)s->out_len);
	s->out_len += DNS_TCP_PREFIX;
	t->stream = s;
	return true;
}

/* Drawn from the host in handfuls: each is used once. */
static uint16_t
draw_id(struct sluice *gw)
{
	struct dns_service *d = gw->dns;

	if (d->nid == 0) {
		gw->host->ops->random(gw->host, d->id, sizeof(d->id));
		d->nid = DNS_IDS;
	}
	return d->id[--d->nid];
}

/* 0, -EINPROGRESS or -errno.  A socket with a way out of its own is for one attempt. */
static int
open_try(struct sluice *gw, const struct route *r, struct flow *f, struct dns_pending *p, struct dns_try *t)
{
	bool plain = !r->opts.mark && !r->opts.device[0] && !r->opts.bound;
	int rc;

	if (f->kind == FLOW_UDP && plain && dns_socket_lend(gw, p, t, &r->to, &rc))
		return rc;
	rc = dial_open_as(gw, f, r, token_of(gw, p, t));
	t->fd = f->fd;
	return rc;
}

/* False: it cannot be asked; p->error says why. */
static bool
ask_plain(struct sluice *gw, struct dns_pending *p, struct dns_try *t, const struct dns_server *server,
	  bool tcp)
{
	struct flow f = {.kind = tcp ? FLOW_TCP : FLOW_UDP, .fd = -1, .tuple = p->asker->from.t};
	struct route r = {.aim = server->at};
	int error = 0;

	f.tuple.proto = tcp ? IP_PROTO_TCP : IP_PROTO_UDP;
	dial_route_to(gw, &f, &f.tuple.remote, &r);
	int rc = r.error ? r.error : open_try(gw, &r, &f, p, t);
	bool asked = rc == 0 || rc == -EINPROGRESS;
	if (!asked)
		error = -rc;
	else
		asked = tcp ? begin_stream(p, t, &r, &f.target, &error) : send_datagram(gw, p, t, &error);
	if (!asked) {
		dns_try_cannot(p, DNS_FATE_ERROR, error);
		close_try(gw, t);
	}
	return asked;
}

/* The same; tcp: if it is one that is asked in the clear. */
static bool
ask_server(struct sluice *gw, struct dns_pending *p, const struct dns_server *server, bool tcp)
{
	struct dns_try *t = place(gw, p);

	*t = (struct dns_try){.fd = -1, .waits = true, .server = server};
	t->id = draw_id(gw);
	return server->tls ? dns_tls_ask(gw, p, t, gw->now) : ask_plain(gw, p, t, server, tcp);
}

/* The next server that can be asked.  False: there is none left. */
static bool
ask_next(struct sluice *gw, struct dns_pending *p, usec_t now)
{
	bool tcp = p->chosen && p->tcp;

	while (p->asked < p->nserver) {
		const struct dns_server *server = &p->server[p->asked++];

		if (ask_server(gw, p, server, tcp))
			return true;
		if (!p->chosen && trouble_of(p->error) != TROUBLE_FULL)
			dns_servers_lost(gw->settings->servers, server, now);
	}
	return false;
}

static void
find_servers(struct sluice *gw, struct dns_pending *p, usec_t now)
{
	unsigned n = 0;

	if (p->chosen) {
		/* As the guest asked it: over TLS too, for the name it told there. */
		struct dns_server is = p->server[0];

		while (n < FAMILIES && dial_target(gw, &p->remote, n, &is.at))
			p->server[n++] = is;
	} else {
		while (n < DNS_SERVERS &&
		       dns_servers_pick(gw->settings->servers, &p->q.name, n, now, &p->server[n]))
			n++;
	}
	p->nserver = (uint8_t)n;
	p->asked = 0;
}

/* An attempt came to nothing: the next server, or the end.  p may be gone then. */
static void
go_on(struct sluice *gw, struct dns_pending *p, usec_t now)
{
	if (ask_next(gw, p, now) || is_asked(p))
		return;
	if (!p->chosen && !p->other_file && p->fate != DNS_FATE_SAID && dns_host_beyond_stub(gw, now)) {
		p->other_file = true;
		find_servers(gw, p, now);
		if (ask_next(gw, p, now))
			return;
	}
	dns_pending_fail(gw, p, now);
}

void
dns_try_failed(struct sluice *gw, struct dns_pending *p, struct dns_try *t, enum dns_fate fate, int error,
	       usec_t now)
{
	count_lost(gw, p, t, now);
	close_try(gw, t);
	dns_try_cannot(p, fate, error);
	go_on(gw, p, now);
}

void
dns_try_again(struct sluice *gw, struct dns_pending *p, struct dns_try *t, usec_t now)
{
	struct dns_try was = *t;

	*t = (struct dns_try){.fd = -1, .waits = was.waits, .again = true, .server = was.server};
	t->id = draw_id(gw);
	if (!dns_tls_ask(gw, p, t, now))
		dns_try_failed(gw, p, t, p->fate, p->error, now);
}

void
dns_upstream_begin(struct sluice *gw, struct dns_pending *p, usec_t now)
{
	if (!p->chosen)
		dns_host_follow(gw, now);
	find_servers(gw, p, now);
	p->stage = STAGE_FIRST;
	p->next_at = now + DNS_HEDGE;
	p->end_at = now + gw->settings->dns_timeout;
	gw->dns->next_at = time_min(gw->dns->next_at, dns_upstream_deadline(p));
	gw->count[GW_DNS_FORWARDED]++;
	go_on(gw, p, now);
}

/* --- time ------------------------------------------------------------------------------------------------- */

usec_t
dns_upstream_deadline(const struct dns_pending *p)
{
	return time_min(p->next_at, p->end_at);
}

/* Once more where it was asked first.  One that is asked over TLS has the question already: silent, unless its connection is not good for
 * it. */
static void
ask_again(struct sluice *gw, struct dns_pending *p, bool silent)
{
	if (p->nserver && (!p->server[0].tls || silent))
		ask_server(gw, p, &p->server[0], false);
}

/* Another attempt: the second server's, or the first one's again. */
static void
hedge(struct sluice *gw, struct dns_pending *p, usec_t now)
{
	bool silent = false;

	for (unsigned i = 0; i < DNS_TRIES; i++) {
		struct dns_try *t = &p->attempt[i];

		if (!dns_try_is_on(t) || t->stream)
			continue;
		count_lost(gw, p, t, now);
		silent |= t->tls && dns_tls_suspect(t);
	}
	p->stage = STAGE_HEDGED;
	p->next_at = p->chosen ? TIME_NEVER : now + DNS_BY_TCP;
	if (p->chosen && p->tcp && !silent)
		return;
	if (!ask_next(gw, p, now))
		ask_again(gw, p, silent);
}

static bool
has_stream(const struct dns_pending *p)
{
	for (unsigned i = 0; i < DNS_TRIES; i++)
		if (p->attempt[i].fd >= 0 && p->attempt[i].stream)
			return true;
	return false;
}

static void
by_tcp(struct sluice *gw, struct dns_pending *p)
{
	p->stage = STAGE_TCP;
	p->next_at = TIME_NEVER;
	for (unsigned i = 0; i < p->nserver && !has_stream(p); i++)
		if (!p->server[i].tls)
			ask_server(gw, p, &p->server[i], true);
}

void
dns_upstream_late(struct sluice *gw, struct dns_pending *p, usec_t now)
{
	if (now >= p->end_at) {
		for (unsigned i = 0; i < DNS_TRIES; i++)
			if (dns_try_is_on(&p->attempt[i]))
				count_lost(gw, p, &p->attempt[i], now);
		dns_try_cannot(p, DNS_FATE_SILENCE, 0);
		if (!p->chosen && p->fate == DNS_FATE_SILENCE)
			dns_host_beyond_stub(gw, now);
		dns_pending_fail(gw, p, now);
		return;
	}
	if (p->stage == STAGE_FIRST)
		hedge(gw, p, now);
	else
		by_tcp(gw, p);
	if (!is_asked(p))
		dns_pending_fail(gw, p, now);
}

/* --- answers ---------------------------------------------------------------------------------------------- */

/* Answers that another server may better: something is wrong there, not with the name. */
static bool
is_trouble(uint8_t rcode)
{
	return rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN;
}

/* A server from before EDNS says so in one of these ways (RFC 6891 6.2.2, 7). */
static bool
knows_no_edns(const struct dns_pending *p, uint8_t rcode)
{
	return !p->plain && (rcode == DNS_FORMERR || rcode == DNS_NOTIMP);
}

/* A message that answers the question.  The attempt, and perhaps p, are gone afterwards. */
void
dns_try_answered(struct sluice *gw, struct dns_pending *p, struct dns_try *t, struct view msg, usec_t now)
{
	const struct dns_server *server = t->server;
	bool by_udp = !t->stream && !t->server->tls;

	t->waits = false;
	if (!p->chosen)
		dns_servers_answered(gw->settings->servers, server);
	if (knows_no_edns(p, dns_rcode(msg))) {
		p->plain = true;
		close_try(gw, t);
		if (!ask_server(gw, p, server, !by_udp))
			go_on(gw, p, now);
	} else if (is_trouble(dns_rcode(msg))) {
		p->rcode = dns_rcode(msg);
		dns_try_failed(gw, p, t, DNS_FATE_SAID, 0, now);
	} else if (by_udp && !p->chosen && dns_is_truncated(msg)) {
		close_try(gw, t);
		if (!ask_server(gw, p, server, true))
			go_on(gw, p, now);
	} else if (!dns_answered(gw, p, msg, now)) {
		dns_try_failed(gw, p, t, p->fate, 0, now);
	}
}

/* Somebody guesses ids: nobody can on a connection. */
static void
mistrust(struct sluice *gw, struct dns_pending *p, struct dns_try *t, usec_t now)
{
	const struct dns_server *server = t->server;

	close_try(gw, t);
	if (p->chosen || !ask_server(gw, p, server, true))
		go_on(gw, p, now);
}

static void
datagrams(struct sluice *gw, struct dns_pending *p, struct dns_try *t, usec_t now)
{
	while (t->strays < DNS_STRAYS) {
		ssize_t n = gw->host->ops->recv(gw->host, t->fd, gw->dns->in, sizeof(gw->dns->in));

		if (n == -EAGAIN)
			return;
		if (n < 0) {
			dns_try_failed(gw, p, t, DNS_FATE_ERROR, (int)-n, now);
			return;
		}
		struct view msg = view_of(gw->dns->in, (size_t)n);
		if (dns_is_answer_to(msg, &p->q, t->id)) {
			t->answered = true;
			dns_try_answered(gw, p, t, msg, now);
			return;
		}
		gw->count[GW_DNS_STRAY]++;
		t->strays++;
	}
	mistrust(gw, p, t, now);
}

/* --- connections ------------------------------------------------------------------------------------------ */

bool
dns_socks_step(struct sluice *gw, int fd, struct socks *s, int *error)
{
	uint8_t bytes[SOCKS_IN_MAX];
	size_t len;

	while ((len = socks_output(s, bytes)) > 0 || (len = socks_want(s)) > 0) {
		bool out = socks_want(s) == 0;
		struct iovec iov = {bytes, len};
		ssize_t n = out ? gw->host->ops->writev(gw->host, fd, &iov, 1)
				: gw->host->ops->readv(gw->host, fd, &iov, 1);

		if (n == -EAGAIN || (out && n == 0))
			return true;
		if (n <= 0)
			socks_ended(s);
		else if (out)
			socks_sent(s, (size_t)n);
		else
			socks_input(s, view_of(bytes, (size_t)n));
	}
	*error = s->error;
	return s->step != SOCKS_FAILED;
}

/* 0, or -errno; -EAGAIN: the socket is full. */
static ssize_t
write_query(struct sluice *gw, struct dns_try *t)
{
	struct dns_stream *s = t->stream;

	while (s->sent < s->out_len) {
		struct iovec iov = {s->out + s->sent, s->out_len - s->sent};
		ssize_t n = gw->host->ops->writev(gw->host, t->fd, &iov, 1);

		if (n <= 0)
			return n ? n : -EAGAIN;
		s->sent += (size_t)n;
	}
	return 0;
}

/* Bytes of the prefix, then of the message: 0 when all of it is there, else -errno. */
static ssize_t
read_answer(struct sluice *gw, struct dns_try *t)
{
	struct dns_stream *s = t->stream;

	while (!s->msg || s->got < DNS_TCP_PREFIX + (size_t)s->len) {
		struct iovec iov = s->msg ? (struct iovec){s->msg + (s->got - DNS_TCP_PREFIX),
							   s->len - (s->got - DNS_TCP_PREFIX)}
					  : (struct iovec){s->head + s->got, DNS_TCP_PREFIX - s->got};

		ssize_t n = gw->host->ops->readv(gw->host, t->fd, &iov, 1);
		if (n <= 0)
			return n ? n : -ECONNRESET;
		s->got += (size_t)n;
		if (!s->msg && s->got == DNS_TCP_PREFIX) {
			struct rd r = rd_of(view_of(s->head, sizeof(s->head)));

			s->len = rd_u16(&r);
			s->msg = s->len ? malloc(s->len) : NULL;
			if (!s->msg)
				return s->len ? -ENOMEM : -EBADMSG;
		}
	}
	return 0;
}

static void
stream_ready(struct sluice *gw, struct dns_pending *p, struct dns_try *t, usec_t now)
{
	struct dns_stream *s = t->stream;
	int error = 0;

	if (s->asking && !dns_socks_step(gw, t->fd, &s->socks, &error)) {
		dns_try_failed(gw, p, t, DNS_FATE_ERROR, error, now);
		return;
	}
	s->asking = s->asking && s->socks.step != SOCKS_DONE;
	if (s->asking)
		return;

	ssize_t rc = write_query(gw, t);
	if (rc == 0)
		rc = read_answer(gw, t);
	if (rc == -EAGAIN)
		return;
	if (rc < 0) {
		dns_try_failed(gw, p, t, rc == -EBADMSG ? DNS_FATE_MALFORMED : DNS_FATE_ERROR, (int)-rc, now);
		return;
	}

	/* The attempt ends before its message has been read. */
	uint8_t *msg = s->msg;
	s->msg = NULL;
	if (dns_is_answer_to(view_of(msg, s->len), &p->q, t->id)) {
		dns_try_answered(gw, p, t, view_of(msg, s->len), now);
	} else {
		gw->count[GW_DNS_STRAY]++;
		dns_try_failed(gw, p, t, DNS_FATE_MALFORMED, 0, now);
	}
	free(msg);
}

static void
stream_event(struct sluice *gw, struct dns_pending *p, struct dns_try *t, usec_t now)
{
	struct dns_stream *s = t->stream;

	if (!s->connected) {
		int rc = gw->host->ops->connect_result(gw->host, t->fd);

		if (rc == -EINPROGRESS)
			return;
		if (rc < 0) {
			dns_try_failed(gw, p, t, DNS_FATE_ERROR, -rc, now);
			return;
		}
		s->connected = true;
		s->asking = s->proxied;
		if (s->proxied)
			socks_start(&s->socks, &s->target);
	}
	stream_ready(gw, p, t, now);
}

void
dns_event(struct sluice *gw, const struct host_event *ev, usec_t now)
{
	struct dns_pending *p;
	struct dns_try *t;

	if (ev->token >= TOKEN_DNS_TLS) {
		dns_tls_event(gw, ev, now);
		return;
	}
	t = by_token(gw, ev->token, &p);
	if (!t)
		return;
	if (t->stream) {
		stream_event(gw, p, t, now);
		return;
	}

	int error = ev->error ? gw->host->ops->pending_error(gw->host, t->fd) : 0;
	if (error < 0)
		dns_try_failed(gw, p, t, DNS_FATE_ERROR, -error, now);
	else if (ev->readable)
		datagrams(gw, p, t, now);
}

/* --- a replay --------------------------------------------------------------------------------------------- */

bool
dns_awaits(const struct sluice *gw, struct view answer, struct dns_awaited *out)
{
	struct rd r = rd_of(answer);
	uint16_t id = rd_u16(&r);

	for (const struct dns_pending *p = gw->dns->first; p; p = p->next) {
		for (unsigned i = 0; i < DNS_TRIES; i++) {
			const struct dns_try *t = &p->attempt[i];

			if (t->fd < 0 || !dns_is_answer_to(answer, &p->q, id))
				continue;
			*out = (struct dns_awaited){t->fd, t->id, t->stream != NULL};
			return true;
		}
	}
	return false;
}
