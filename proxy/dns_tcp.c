/*
 * dns_tcp.c - the guest's connections to port 53, and to 853: messages behind their lengths, answered as answers come
 *
 * RFC 7766: any number of queries on a connection, several at a time, answered in whatever order (6.2.1.1).  A
 * connection without a whole query or an answer for DNS_IDLE is closed (6.2.3); the guest's FIN is answered
 * when everything it asked before is.  One that asks without reading is not read from: DNS_FLIGHT
 * questions wait at most, and while an answer waits for room none is taken.
 *
 * To port 853 the same is said through TLS (dns_secure.c), where connections are opened: see dns_over_tls().
 */
#include "proxy/dns_int.h"

#include <assert.h>
#include <stdlib.h>

#define DNS_FLIGHT 32u
#define DNS_IDLE (30 * USEC_PER_SEC)
#define DNS_TURN \
	64u /* messages taken a turn, of all connections: then the others wait for the next, in a queue */
#define DNS_CONN_TURN 8u    /* ... of one connection */
#define DNS_PIECES 256u     /* of messages, whole or not, looked at a turn: of one connection */
#define DNS_QUERY_MAX 4096u /* of a query: what is longer is not one, and only its head is kept */
#define DNS_QUEUED \
	(4u << 20) /* bytes of answers that wait for room, of all connections: then the connection ends */
#define MEMORY_RETRY (20 * USEC_PER_MSEC)

struct queued {
	struct queued *next;
	size_t len, sent;
	uint8_t bytes[];
};

struct dns_conn {
	struct dns_secure *secure; /* NULL: in the clear */
	bool ended;                /* we have said all we will */
	unsigned flight;
	usec_t idle_at, retry_at;
	/* The message that is coming: its length, then as much of it as has come. */
	uint8_t head[DNS_TCP_PREFIX];
	uint8_t nhead;
	size_t got, kept;
	uint8_t *in; /* DNS_QUERY_MAX bytes while a message is only partly there */
	struct queued *first, **last;
	bool waits; /* in the queue for a turn's messages */
	struct dns_conn *wait_prev, *wait_next;
};

bool
dns_over_tls(const struct settings *s, uint8_t proto, uint16_t port)
{
	return proto == IP_PROTO_TCP && port == DNS_TLS_PORT && s->tls && s->tls->all;
}

static struct dns_from
from_of(struct sluice *gw, struct tcp_flow *tf, const struct dns_conn *c)
{
	return (struct dns_from){.t = tf->flow.tuple,
				 .flow = flow_token(&gw->flows, &tf->flow),
				 .secure = c->secure ? dns_secure_name(c->secure) : NULL};
}

/* No connection can be served without a little memory: it is reset. */
static void
give_up(struct sluice *gw, struct tcp_flow *tf)
{
	gw_limit(gw, GW_TCP_FULL, "no memory for a connection that asks for names", 0);
	tf->flow.reason = SLUICE_REASON_FULL;
	tcp_abort(&tf->tcp, true);
}

/* --- the connection, with TLS or without ------------------------------------------------------------------- */

/* Bytes of the guest, as they lie; empty: none now. */
static struct view
peek(struct tcp_flow *tf, struct dns_conn *c)
{
	struct view v;
	size_t total;

	if (c->secure)
		return dns_secure_peek(c->secure);
	return tcp_readable(&tf->tcp, &v, 1, &total) > 0 ? v : view_of(NULL, 0);
}

static void
consume(struct tcp_flow *tf, struct dns_conn *c, size_t n, usec_t now)
{
	if (c->secure) {
		dns_secure_take(c->secure, n);
		return;
	}
	tcp_consume(&tf->tcp, n, now);
	tf->flow.to_host += n;
}

static bool
at_eof(const struct tcp_flow *tf, const struct dns_conn *c)
{
	return c->secure ? dns_secure_at_eof(c->secure) : tcp_at_eof(&tf->tcp);
}

/* --- answers ---------------------------------------------------------------------------------------------- */

/* As much as there is room for; returns how much. */
static size_t
put(struct tcp_flow *tf, struct dns_conn *c, const uint8_t *from, size_t len)
{
	struct room room[2];
	size_t done = 0;

	assert(from);
	if (c->secure)
		return dns_secure_put(c->secure, from, len);

	for (int n; done < len && (n = tcp_writable(&tf->tcp, room)) > 0;) {
		size_t part = 0;

		for (int i = 0; i < n && done + part < len; i++) {
			size_t size = len - done - part < room[i].len ? len - done - part : room[i].len;

			memcpy(room[i].p, from + done + part, size);
			part += size;
		}
		tcp_commit(&tf->tcp, part);
		done += part;
	}
	tf->flow.to_guest += done;
	return done;
}

static void
put_queued(struct sluice *gw, struct tcp_flow *tf, struct dns_conn *c, usec_t now)
{
	c->retry_at = TIME_NEVER;
	while (c->first) {
		struct queued *q = c->first;

		q->sent += put(tf, c, q->bytes + q->sent, q->len - q->sent);
		if (q->sent < q->len) {
			/* A full ring is emptied by ACKs; no ring at all is a shortage of the pool's. */
			if (tf->tcp.snd.cap == 0)
				c->retry_at = now + MEMORY_RETRY;
			return;
		}
		c->first = q->next;
		if (!c->first)
			c->last = &c->first;
		gw->dns->queued -= q->len;
		free(q);
	}
}

static bool
queue(struct sluice *gw, struct dns_conn *c, const uint8_t *from, size_t len)
{
	struct queued *q = gw->dns->queued + len <= DNS_QUEUED ? malloc(sizeof(*q) + len) : NULL;

	if (!q)
		return false;
	*q = (struct queued){.len = len};
	memcpy(q->bytes, from, len);
	*c->last = q;
	c->last = &q->next;
	gw->dns->queued += len;
	return true;
}

void
dns_tcp_say(struct sluice *gw, const struct dns_from *from, size_t len, usec_t now)
{
	struct flow *f = flow_by_token(&gw->flows, from->flow);
	struct tcp_flow *tf = (struct tcp_flow *)(void *)f;
	struct wr prefix = wr_of(gw->dns->out, DNS_TCP_PREFIX);

	if (!f || tf->service != &dns_tcp_service || !tf->state)
		return;

	struct dns_conn *c = tf->state;
	c->idle_at = now + DNS_IDLE;
	c->flight--;
	wr_u16(&prefix, (uint16_t)len);
	len += DNS_TCP_PREFIX;
	size_t done = c->first ? 0 : put(tf, c, gw->dns->out, len);
	if (done < len && !queue(gw, c, gw->dns->out + done, len - done))
		give_up(gw, tf);
	flow_mark_ready(&gw->flows, f);
}

/* --- queries ---------------------------------------------------------------------------------------------- */

static void
ask(struct sluice *gw, struct tcp_flow *tf, struct dns_conn *c, struct view msg, usec_t now)
{
	struct dns_from from = from_of(gw, tf, c);

	c->idle_at = now + DNS_IDLE;
	c->flight++;
	if (!dns_ask(gw, &from, msg, now))
		c->flight--;
}

static size_t
message_len(const struct dns_conn *c)
{
	struct rd r = rd_of(view_of(c->head, sizeof(c->head)));

	return rd_u16(&r);
}

/* The bytes of a message that did not come at once.  False: no memory. */
static bool
keep(struct dns_conn *c, struct view v)
{
	if (!c->in && !(c->in = malloc(DNS_QUERY_MAX)))
		return false;

	size_t n = v.len < DNS_QUERY_MAX - c->kept ? v.len : DNS_QUERY_MAX - c->kept;
	memcpy(c->in + c->kept, v.p, n);
	c->kept += n;
	c->got += v.len;
	return true;
}

/* A message is whole: its bytes are v, or what was kept. */
static void
message(struct sluice *gw, struct tcp_flow *tf, struct dns_conn *c, struct view v, usec_t now)
{
	ask(gw, tf, c, v, now);
	c->nhead = 0;
	c->got = c->kept = 0;
	free(c->in);
	c->in = NULL;
}

/* Takes some of v, which is not empty, and returns how much; 0: no memory. */
static size_t
take(struct sluice *gw, struct tcp_flow *tf, struct dns_conn *c, struct view v, usec_t now)
{
	if (c->nhead < DNS_TCP_PREFIX) {
		c->head[c->nhead++] = v.p[0];
		if (c->nhead == DNS_TCP_PREFIX && message_len(c) == 0)
			message(gw, tf, c, view_of(NULL, 0), now);
		return 1;
	}

	size_t left = message_len(c) - c->got, n = v.len < left ? v.len : left;
	if (c->got == 0 && n == left && n <= DNS_QUERY_MAX) {
		message(gw, tf, c, view_of(v.p, n), now);
		return n;
	}
	if (!keep(c, view_of(v.p, n)))
		return 0;
	if (n == left)
		message(gw, tf, c, view_of(c->in, c->kept), now);
	return n;
}

static void
leave_queue(struct dns_service *d, struct dns_conn *c)
{
	if (!c->waits)
		return;
	c->waits = false;
	*(c->wait_prev ? &c->wait_prev->wait_next : &d->wait_first) = c->wait_next;
	*(c->wait_next ? &c->wait_next->wait_prev : &d->wait_last) = c->wait_prev;
	c->wait_prev = c->wait_next = NULL;
}

static void
join_queue(struct dns_service *d, struct dns_conn *c)
{
	if (c->waits)
		return;
	c->waits = true;
	c->wait_prev = d->wait_last;
	*(d->wait_last ? &d->wait_last->wait_next : &d->wait_first) = c;
	d->wait_last = c;
}

/* May this connection, which has had `had` messages in this turn, have one more?  A segment holds many questions, so frames alone bound
 * nothing; who was kept waiting comes first. */
static bool
is_its_turn(struct sluice *gw, struct dns_conn *c, unsigned had)
{
	struct dns_service *d = gw->dns;

	if (d->turn != gw->count[GW_TURNS]) {
		d->turn = gw->count[GW_TURNS];
		d->taken = 0;
	}
	bool first = c->waits ? d->wait_first == c : !d->wait_first;
	if (had == DNS_CONN_TURN)
		leave_queue(d, c);
	if (first && had < DNS_CONN_TURN && d->taken < DNS_TURN) {
		d->taken++;
		return true;
	}
	join_queue(d, c);
	return false;
}

/* True: stopped by the budget, there is more to take. */
static bool
take_queries(struct sluice *gw, struct tcp_flow *tf, struct dns_conn *c, usec_t now)
{
	unsigned had = 0;
	struct view v;

	for (unsigned pieces = 0; c->flight < DNS_FLIGHT && !c->first && (v = peek(tf, c)).len > 0;
	     pieces++) {
		if (pieces == DNS_PIECES || (c->nhead == 0 && !is_its_turn(gw, c, had)))
			return true;
		had += c->nhead == 0;

		size_t n = take(gw, tf, c, v, now);
		if (n == 0) {
			leave_queue(gw->dns, c);
			give_up(gw, tf);
			return false;
		}
		consume(tf, c, n, now);
	}
	leave_queue(gw->dns, c);
	return c->secure && dns_secure_has_more(c->secure);
}

/* --- the service's functions ------------------------------------------------------------------------------ */

static struct dns_conn *
conn_of(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct dns_conn *c = tf->state;

	if (c || !(c = calloc(1, sizeof(*c))))
		return c;
	c->last = &c->first;
	c->idle_at = now + DNS_IDLE;
	c->retry_at = TIME_NEVER;
	if (tf->flow.tuple.remote.port == DNS_TLS_PORT && !(c->secure = dns_secure_new(gw, tf))) {
		free(c);
		return NULL;
	}
	tf->state = c;
	return c;
}

/* TLS comes first.  False: there is nothing else to do now, or ever. */
static bool
is_secured(struct sluice *gw, struct tcp_flow *tf, struct dns_conn *c, usec_t now)
{
	switch (dns_secure_step(c->secure, now)) {
	case DNS_SECURE_OPEN:
		return true;
	case DNS_SECURE_MORE:
		flow_mark_ready(&gw->flows, &tf->flow);
		return false;
	case DNS_SECURE_WAITS:
		if (now >= c->idle_at || tcp_at_eof(&tf->tcp))
			tcp_abort(&tf->tcp, true);
		return false;
	case DNS_SECURE_BROKEN:
		/* An alert may be on its way yet. */
		c->ended = true;
		tcp_shutdown(&tf->tcp, now);
		tcp_stop_reading(&tf->tcp, now);
		return false;
	case DNS_SECURE_GONE:
		break;
	}
	return false;
}

static void
say_no_more(struct tcp_flow *tf, struct dns_conn *c, usec_t now)
{
	c->ended = true;
	if (c->secure)
		dns_secure_shut(c->secure);
	tcp_shutdown(&tf->tcp, now);
}

static void
dns_tcp_ready(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct dns_conn *c = conn_of(gw, tf, now);

	if (!c) {
		give_up(gw, tf);
		return;
	}
	if (c->ended || tf->tcp.state == TCP_CLOSED)
		return;
	if (c->secure && !is_secured(gw, tf, c, now))
		return;
	put_queued(gw, tf, c, now);
	if (take_queries(gw, tf, c, now))
		flow_mark_ready(&gw->flows, &tf->flow);
	bool out = !c->secure || dns_secure_flush(c->secure);
	if (c->flight)
		return;
	if (!c->first && out && at_eof(tf, c)) {
		say_no_more(tf, c, now);
	} else if (now >= c->idle_at) {
		/* An answer that nobody takes, or nothing to answer. */
		say_no_more(tf, c, now);
		if (c->first)
			tcp_abort(&tf->tcp, true);
		else
			tcp_stop_reading(&tf->tcp, now);
	}
}

static usec_t
dns_tcp_deadline(const struct tcp_flow *tf)
{
	const struct dns_conn *c = tf->state;

	if (!c || c->ended || tf->tcp.state == TCP_CLOSED)
		return TIME_NEVER;
	return c->flight ? c->retry_at : time_min(c->idle_at, c->retry_at);
}

static void
dns_tcp_close(struct sluice *gw, struct tcp_flow *tf)
{
	struct dns_conn *c = tf->state;

	if (!c)
		return;
	dns_forget(gw, flow_token(&gw->flows, &tf->flow));
	leave_queue(gw->dns, c);
	while (c->first) {
		struct queued *q = c->first;

		c->first = q->next;
		gw->dns->queued -= q->len;
		free(q);
	}
	dns_secure_free(c->secure);
	free(c->in);
	free(c);
}

const struct tcp_service dns_tcp_service = {
    .name = "dns",
    .ready = dns_tcp_ready,
    .deadline = dns_tcp_deadline,
    .close = dns_tcp_close,
};
