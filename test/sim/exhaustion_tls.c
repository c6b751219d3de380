/*
 * exhaustion_tls.c - connections over TLS that the gateway opens, one after the other, with both their ends (see exhaustion.h)
 *
 * The guest's end says a question, the server's says it back, and both close.  Nothing is lost on a siege's wire, so its TCP sends all once.
 */
#include <errno.h>
#include <stdlib.h>

#include "test/sim/exhaustion.h"
#include "tls/tls.h"

#define NAME "www.soak.example"
#define PORT_FIRST 45000u
#define PORTS 10000u
#define QUESTION 300u
#define ROOM 65536u

struct bytes {
	uint8_t b[ROOM];
	size_t at, n;
};

struct siege_tls {
	struct siege *s;
	struct siege_tls_end {
		struct tls_end *end;
		bool shaken, closed, heard_end;
		size_t said, heard;
	} guest, server;
	struct siege_servers servers;

	/* The one connection. */
	bool busy, open, fin, fin_sent;
	struct tuple t;
	uint32_t seq, ack, edge;
	int fd; /* -1: not yet */
	usec_t at;
	struct bytes in, out;
	struct siege_tls_done done;
};

/* --- life ----------------------------------------------------------------------------------------------------------- */

struct siege_tls *
siege_tls_new(uint64_t now)
{
	struct siege_tls *t = calloc(1, sizeof(*t));

	siege_must(t != NULL, "no memory");
	t->fd = -1;
	siege_servers_make(&t->servers, now);
	return t;
}

void
siege_tls_attach(struct siege_tls *t, struct siege *s)
{
	t->s = s;
}

const char *
siege_tls_roots(const struct siege_tls *t)
{
	return t->servers.roots;
}

const struct siege_tls_done *
siege_tls_done(const struct siege_tls *t)
{
	return &t->done;
}

static void
forget(struct siege_tls *t)
{
	tls_end_free(t->guest.end);
	tls_end_free(t->server.end);
	t->guest = t->server = (struct siege_tls_end){.end = NULL};
	t->busy = t->open = t->fin = t->fin_sent = false;
	t->in.at = t->in.n = t->out.at = t->out.n = 0;
	t->fd = -1;
}

void
siege_tls_free(struct siege_tls *t)
{
	if (!t)
		return;
	forget(t);
	siege_servers_free(&t->servers);
	free(t);
}

/* --- what the ends read from and write to ------------------------------------------------------------------------- */

static ssize_t
guest_recv(void *ctx, void *to, size_t n)
{
	struct siege_tls *t = ctx;
	size_t have = t->in.n - t->in.at;

	if (have == 0)
		return t->fin ? 0 : -EAGAIN;
	n = n < have ? n : have;
	memcpy(to, t->in.b + t->in.at, n);
	t->in.at += n;
	return (ssize_t)n;
}

static ssize_t
guest_send(void *ctx, const void *from, size_t n)
{
	struct siege_tls *t = ctx;

	n = n < ROOM - t->out.n ? n : ROOM - t->out.n;
	memcpy(t->out.b + t->out.n, from, n);
	t->out.n += n;
	return n ? (ssize_t)n : -EAGAIN;
}

static ssize_t
server_recv(void *ctx, void *to, size_t n)
{
	struct siege_tls *t = ctx;

	return siege_server_recv(t->s, t->fd, to, n);
}

static ssize_t
server_send(void *ctx, const void *from, size_t n)
{
	struct siege_tls *t = ctx;

	return siege_server_send(t->s, t->fd, from, n);
}

/* --- the guest's TCP ------------------------------------------------------------------------------------------------ */

static void
sends(struct siege_tls *t, uint8_t flags, const void *data, size_t len)
{
	siege_segment(t->s, &t->t,
		      &(struct tcp_hdr){.seq = t->seq,
					.ack = flags & TCP_ACK ? t->ack : 0,
					.flags = flags,
					.wnd = 65535,
					.mss = flags & TCP_SYN ? 1460 : 0},
		      data, len);
	t->seq += (uint32_t)len + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
}

static void
says(struct siege_tls *t)
{
	while (t->open && t->out.at < t->out.n) {
		size_t n = t->out.n - t->out.at < 1400 ? t->out.n - t->out.at : 1400;

		if ((int32_t)(t->edge - t->seq) < (int32_t)n)
			return;
		sends(t, TCP_ACK | TCP_PSH, t->out.b + t->out.at, n);
		t->out.at += n;
	}
	if (t->guest.closed && !t->fin_sent) {
		sends(t, TCP_ACK | TCP_FIN, NULL, 0);
		t->fin_sent = true;
	}
}

bool
siege_tls_hears(struct siege_tls *t, const struct bed_frame *f)
{
	const struct tcp_hdr *h = &f->is.tcp;

	if (!t->busy || f->is.kind != STRICT_TCP || h->dport != t->t.guest.port ||
	    h->sport != t->t.remote.port)
		return false;
	if (h->flags & TCP_RST) {
		siege_complain(t->s, "a connection over TLS was reset");
		forget(t);
		return true;
	}
	t->edge = h->ack + h->wnd;
	if (h->flags & TCP_SYN) {
		t->ack = h->seq + 1;
		t->open = true;
		sends(t, TCP_ACK, NULL, 0);
	} else if (h->seq == t->ack && t->in.n + f->is.payload.len <= ROOM) {
		if (f->is.payload.len)
			memcpy(t->in.b + t->in.n, f->is.payload.p, f->is.payload.len);
		t->in.n += f->is.payload.len;
		t->ack += (uint32_t)f->is.payload.len + (h->flags & TCP_FIN ? 1 : 0);
		t->fin |= (h->flags & TCP_FIN) != 0;
		if (f->is.payload.len || h->flags & TCP_FIN)
			sends(t, TCP_ACK, NULL, 0);
	}
	return true;
}

/* --- what both ends do ---------------------------------------------------------------------------------------------- */

static void
shake(struct siege_tls *t, struct siege_tls_end *e)
{
	enum tls_progress p = TLS_MORE;

	while (!e->shaken && p == TLS_MORE)
		p = tls_end_step(e->end);
	e->shaken |= p == TLS_DONE;
	if (p == TLS_FAILED)
		siege_complain(t->s, tls_end_why(e->end));
}

/* No text: a request is not what this is. */
static uint8_t
byte_of(const struct siege_tls *t)
{
	return (uint8_t)(t->done.begun | 0x80);
}

/* So many bytes of a question, all alike, and then the end. */
static void
reads(struct siege_tls *t, struct siege_tls_end *e)
{
	uint8_t b[512];
	ssize_t n;

	while (e->shaken && !e->heard_end && (n = tls_end_read(e->end, b, sizeof(b))) != -EAGAIN) {
		for (ssize_t i = 0; i < n; i++)
			if (b[i] != byte_of(t))
				siege_complain(t->s, "other bytes came over TLS than were said");
		if (n < 0)
			siege_complain(t->s, "a connection over TLS broke off");
		e->heard_end = n <= 0;
		e->heard += n > 0 ? (size_t)n : 0;
	}
}

static void
writes(struct siege_tls *t, struct siege_tls_end *e, size_t until, bool ends)
{
	uint8_t b[QUESTION];

	memset(b, byte_of(t), sizeof(b));
	if (!e->shaken || tls_end_flush(e->end) != 0)
		return;
	while (e->said < until) {
		ssize_t n = tls_end_write(e->end, b, until - e->said);

		if (n <= 0)
			return;
		e->said += (size_t)n;
	}
	if (ends && !e->closed && tls_end_close(e->end) == 0 && tls_end_flush(e->end) == 0)
		e->closed = true;
}

void
siege_tls_far(struct siege_tls *t, int fd)
{
	if (!t->busy || (t->fd >= 0 && t->fd != fd))
		return;
	if (t->fd < 0) {
		t->fd = fd;
		t->server.end =
		    siege_server_new(&t->servers, NAME, &(struct tls_io){server_recv, server_send, t},
				     (uint64_t)(siege_now(t->s) / USEC_PER_SEC));
	}
	shake(t, &t->server);
	reads(t, &t->server);
	bool was = t->server.closed;
	writes(t, &t->server, t->server.heard, t->server.heard_end);
	if (t->server.closed && !was)
		vhost_send_eof(t->s->bed->vhost, t->fd);
}

static void
is_over(struct siege_tls *t)
{
	if (t->guest.heard != QUESTION || t->server.heard != QUESTION)
		siege_complain(t->s, "a connection over TLS ended before all was said");
	siege_took(&t->done.took, siege_now(t->s) - t->at, 0);
	forget(t);
}

void
siege_tls_run(struct siege_tls *t)
{
	if (!t->busy)
		return;
	shake(t, &t->guest);
	writes(t, &t->guest, QUESTION, true);
	reads(t, &t->guest);
	says(t);
	if (t->guest.heard_end && t->fin && t->fin_sent)
		is_over(t);
}

void
siege_tls_begin(struct siege_tls *t)
{
	struct name n;

	if (t->busy) {
		siege_complain(t->s, "a connection over TLS is not over when the next begins");
		return;
	}
	siege_must(name_parse(NAME, strlen(NAME), &n), "its name");
	t->done.begun++;
	t->busy = true;
	t->at = siege_now(t->s);
	t->t = (struct tuple){{t->s->bed->guest[FAMILY_V4], (uint16_t)(PORT_FIRST + t->done.begun % PORTS)},
			      {addr_v4(0x0b0b0b0b), 443},
			      IP_PROTO_TCP};
	t->seq = (uint32_t)t->done.begun * 100000;
	t->guest.end = tls_client_new(
	    t->servers.tls, &(struct tls_io){guest_recv, guest_send, t},
	    &(struct tls_client){.name = &n, .addr = t->t.remote.addr, .port = 443, .now = t->at});
	siege_must(t->guest.end != NULL, "no memory");
	sends(t, TCP_SYN, NULL, 0);
}
