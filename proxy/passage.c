/*
 * passage.c - bytes in the clear between two ends, through an exchange
 *
 *          end[CLIENT]                                               end[SERVER]
 *     guest ──► read ──► kept ──► exchange.take ~ exchange.give ──► write ──► flush ──► host
 *           ◄── flush ◄── write ◄── exchange.give ~ exchange.take ◄── kept ◄── read ◄──
 *
 * No descriptor tells of bytes that were decrypted already: an end is read until it has no more, unless the exchange takes none
 * (it is asked again when something has left it) or the budget is spent (then the caller comes again without being woken).
 */
#include "proxy/passage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/gateway.h"

/* What says which protocol it is: a blank by then, if it is a request, and the end of the line by then. */
#define METHOD_MAX 64u
#define LINE_MAX_KEPT 8192u

/* --- the ends' own bytes ------------------------------------------------------------------------------------------ */

static ssize_t
guest_recv(void *ctx, void *to, size_t n)
{
	struct passage *p = ctx;
	size_t left = p->nfirst - p->first_at;

	if (left == 0)
		return tcp_flow_read_guest(p->tf, to, n, p->gw->now);
	n = n < left ? n : left;
	memcpy(to, p->first + p->first_at, n);
	p->first_at += (uint32_t)n;
	return (ssize_t)n;
}

static ssize_t
guest_send(void *ctx, const void *from, size_t n)
{
	struct passage *p = ctx;

	return tcp_flow_write_guest(p->gw, p->tf, from, n, p->gw->now);
}

static ssize_t
host_recv(void *ctx, void *to, size_t n)
{
	struct passage *p = ctx;

	return tcp_flow_read_host(p->gw, p->tf, to, n);
}

static ssize_t
host_send(void *ctx, const void *from, size_t n)
{
	struct passage *p = ctx;

	return tcp_flow_write_host(p->gw, p->tf, from, n);
}

struct tls_io
passage_io(struct passage *p, enum side side)
{
	return side == SIDE_CLIENT ? (struct tls_io){guest_recv, guest_send, p}
				   : (struct tls_io){host_recv, host_send, p};
}

/* --- the ends in the clear ---------------------------------------------------------------------------------------- */

static void
fails(struct passage *p, enum passage_fault fault, enum side by)
{
	if (p->fault)
		return;
	p->fault = (uint8_t)fault;
	p->by = (uint8_t)by;
}

/* -errno of an end. */
static void
broke(struct passage *p, enum side side, ssize_t error)
{
	fails(p, error == -EPROTO ? PASSAGE_TLS : error == -ENOMEM ? PASSAGE_MEMORY : PASSAGE_BROKEN, side);
}

static ssize_t
end_read(struct passage *p, enum side side, void *to, size_t n)
{
	struct passage_end *e = &p->end[side];
	struct tls_io io = passage_io(p, side);

	return e->tls ? tls_end_read(e->tls, to, n) : io.recv(io.ctx, to, n);
}

static ssize_t
end_write(struct passage *p, enum side side, struct view v)
{
	struct passage_end *e = &p->end[side];
	struct tls_io io = passage_io(p, side);

	return e->tls ? tls_end_write(e->tls, v.p, v.len) : io.send(io.ctx, v.p, v.len);
}

/* Is all that was written out?  False: not now, or it is broken. */
static bool
end_flush(struct passage *p, enum side side)
{
	int r = p->end[side].tls ? tls_end_flush(p->end[side].tls) : 0;

	if (r < 0 && r != -EAGAIN)
		broke(p, side, r);
	return r == 0;
}

/* It will hear no more.  notify: and is told that this is all. */
static bool
end_close(struct passage *p, enum side side, bool notify)
{
	struct passage_end *e = &p->end[side];
	int r = e->tls && notify ? tls_end_close(e->tls) : 0;

	if (r == 0 && notify && !end_flush(p, side))
		return false;
	if (r < 0 && r != -EAGAIN)
		broke(p, side, r);
	if (r < 0)
		return false;
	e->closed = true;
	if (side == SIDE_CLIENT)
		tcp_shutdown(&p->tf->tcp, p->gw->now);
	else
		tcp_flow_shut_host(p->gw, p->tf);
	return true;
}

/* --- bytes that wait for the exchange --------------------------------------------------------------------------------- */

static void
let_go(struct passage *p, enum side side)
{
	if (p->kept[side])
		explicit_bzero(p->kept[side], p->nkept[side]);
	free(p->kept[side]);
	p->kept[side] = NULL;
	p->nkept[side] = p->kept_at[side] = 0;
}

/* Behind those that are kept. */
static void
keep(struct passage *p, enum side side, struct view v)
{
	uint32_t have = p->kept[side] ? p->nkept[side] : 0;
	uint8_t *more = malloc(have + v.len);

	if (!more) {
		fails(p, PASSAGE_MEMORY, side);
		return;
	}
	if (have)
		memcpy(more, p->kept[side], have);
	memcpy(more + have, v.p, v.len);
	let_go(p, side);
	p->kept[side] = more;
	p->nkept[side] = have + (uint32_t)v.len;
}

/* What is kept is offered.  True: something was taken. */
static bool
offer(struct passage *p, enum side side)
{
	uint32_t at = p->kept_at[side];
	struct view v = view_of(p->kept[side] + at, p->nkept[side] - at);
	size_t n = p->exchange->ops->take(p->exchange, side, v, p->gw->now);

	p->kept_at[side] += (uint32_t)n;
	if (n == v.len)
		let_go(p, side);
	return n > 0;
}

/* All of what came first was read: that is known once the handshake is over. */
static void
drop_first(struct passage *p)
{
	if (!p->first || p->first_at < p->nfirst)
		return;
	free(p->first);
	p->first = NULL;
	p->nfirst = p->first_at = 0;
}

static void
says_no_more(struct passage *p, enum side side, bool clean)
{
	p->end[side].ended = true;
	p->end[side].broke = !clean;
}

/* The exchange hears of an end behind all that came before it. */
static bool
tell_end(struct passage *p, enum side side)
{
	struct passage_end *e = &p->end[side];

	if (!e->ended || e->told || p->kept[side])
		return false;
	e->told = true;
	p->exchange->ops->end(p->exchange, side, !e->broke, p->gw->now);
	return true;
}

/* One read of an end: how many bytes are in scratch; 0: none now, or never more. */
static size_t
read_some(struct passage *p, enum side side, struct passage_budget *b)
{
	ssize_t n = end_read(p, side, b->scratch, PASSAGE_SCRATCH);

	drop_first(p);
	if (n == -EAGAIN)
		return 0;
	if (n == 0 || n == -EPIPE)
		says_no_more(p, side, n == 0);
	else if (n < 0)
		broke(p, side, n);
	if (n <= 0)
		return 0;
	b->records--;
	p->heard |= side == SIDE_CLIENT;
	return (size_t)n;
}

/* From this end into the exchange.  True: something moved. */
static bool
take_in(struct passage *p, enum side side, struct passage_budget *b)
{
	bool moved = p->kept[side] && offer(p, side);

	if (!p->kept[side] && !p->end[side].ended && !p->fault && b->records > 0) {
		size_t n = read_some(p, side, b), took = 0;

		if (n > 0)
			took = p->exchange->ops->take(p->exchange, side, view_of(b->scratch, n), p->gw->now);
		if (took < n)
			keep(p, side, view_of(b->scratch + took, n - took));
		moved |= n > 0;
	}
	return tell_end(p, side) || moved;
}

/* From the exchange to this end.  True: something moved. */
static bool
send_out(struct passage *p, enum side side, struct passage_budget *b)
{
	const struct exchange_ops *ops = p->exchange->ops;
	bool moved = false;

	while (!p->end[side].closed && b->records > 0 && end_flush(p, side)) {
		struct view v = ops->give(p->exchange, side, p->gw->now);

		if (v.len == 0) {
			if (ops->ended(p->exchange, side))
				/* What broke off is passed on as that. */
				moved |= end_close(p, side, !p->end[!side].broke);
			break;
		}
		if (v.len > PASSAGE_RECORD)
			v.len = PASSAGE_RECORD;
		ssize_t n = end_write(p, side, v);
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			broke(p, side, n);
			break;
		}
		ops->gave(p->exchange, side, (size_t)n, p->gw->now);
		b->records--;
		moved = true;
	}
	return moved;
}

/* --- from outside ------------------------------------------------------------------------------------------------------ */

void
passage_init(struct passage *p, struct sluice *gw, struct tcp_flow *tf)
{
	p->gw = gw;
	p->tf = tf;
}

/* So far it could be the line of a request. */
static bool
asks_something(const struct passage *p)
{
	size_t n = p->nkept[SIDE_CLIENT];

	return n > 0 && memchr(p->kept[SIDE_CLIENT], ' ', n < METHOD_MAX ? n : METHOD_MAX);
}

enum exchange_kind
passage_first(struct passage *p, struct passage_budget *b)
{
	enum exchange_kind kind = EXCHANGE_UNSURE;
	size_t n;

	/* What an end has said without being asked may stand before what it can read. */
	end_flush(p, SIDE_CLIENT);
	end_flush(p, SIDE_SERVER);
	while (kind == EXCHANGE_UNSURE && b->records > 0 && (n = read_some(p, SIDE_CLIENT, b)) > 0) {
		keep(p, SIDE_CLIENT, view_of(b->scratch, n));
		if (!p->fault)
			kind = exchange_guess(view_of(p->kept[SIDE_CLIENT], p->nkept[SIDE_CLIENT]));
		if (kind == EXCHANGE_UNSURE && p->nkept[SIDE_CLIENT] > METHOD_MAX && !asks_something(p))
			kind = EXCHANGE_OTHER;
		if (kind == EXCHANGE_UNSURE && p->nkept[SIDE_CLIENT] > LINE_MAX_KEPT)
			kind = EXCHANGE_H1;
	}
	/* Some servers answer a head that breaks off, even in its first line, and there may be a name in that. */
	if (kind == EXCHANGE_UNSURE && p->end[SIDE_CLIENT].ended)
		kind = asks_something(p) ? EXCHANGE_H1 : EXCHANGE_OTHER;
	if (kind == EXCHANGE_UNSURE && b->records > 0 && (n = read_some(p, SIDE_SERVER, b)) > 0)
		keep(p, SIDE_SERVER, view_of(b->scratch, n));
	if (kind == EXCHANGE_UNSURE && (p->kept[SIDE_SERVER] || p->end[SIDE_SERVER].ended))
		kind = EXCHANGE_OTHER;
	return p->fault ? EXCHANGE_UNSURE : kind;
}

/* An end has bytes that nobody will be woken for. */
static bool
has_readable(const struct passage *p, enum side side)
{
	const struct passage_end *e = &p->end[side];

	return e->tls && !e->ended && tls_end_has_readable(e->tls);
}

bool
passage_first_more(const struct passage *p)
{
	return has_readable(p, SIDE_CLIENT) || has_readable(p, SIDE_SERVER);
}

/* ... and they are wanted. */
static bool
has_more(const struct passage *p, enum side side)
{
	return !p->kept[side] && has_readable(p, side);
}

bool
passage_pump(struct passage *p, struct passage_budget *b)
{
	bool moved, more = false;

	do {
		moved = send_out(p, SIDE_CLIENT, b);
		if (!p->exchange->failed)
			moved |= send_out(p, SIDE_SERVER, b);
		if (p->fault || p->exchange->failed)
			break;
		more = b->records == 0 || !b->more(b->ctx);
		if (more || (p->tunnels && exchange_h1_tunnel(p->exchange)))
			break;
		moved |= take_in(p, SIDE_CLIENT, b);
		moved |= take_in(p, SIDE_SERVER, b);
	} while (moved && !p->fault);
	more |= has_more(p, SIDE_CLIENT) || has_more(p, SIDE_SERVER);
	if (p->exchange->failed)
		fails(p, PASSAGE_EXCHANGE, p->exchange->by_server ? SIDE_SERVER : SIDE_CLIENT);
	return more && !p->fault;
}

bool
passage_done(const struct passage *p)
{
	return p->end[SIDE_CLIENT].closed && p->end[SIDE_SERVER].closed;
}

bool
passage_tunnel(const struct passage *p)
{
	struct exchange *x = p->exchange;

	return p->tunnels && exchange_h1_tunnel(x) && x->ops->give(x, SIDE_CLIENT, p->gw->now).len == 0 &&
	       x->ops->give(x, SIDE_SERVER, p->gw->now).len == 0;
}

bool
passage_tell(struct passage *p, struct passage_budget *b)
{
	if (p->end[SIDE_CLIENT].closed)
		return true;
	if (p->exchange) {
		send_out(p, SIDE_CLIENT, b);
		if (p->exchange->ops->give(p->exchange, SIDE_CLIENT, p->gw->now).len > 0)
			return false;
	}
	/* A guest whose own end is broken understands nothing more. */
	bool notify = !p->end[SIDE_SERVER].broke && !(p->fault == PASSAGE_TLS);
	return p->end[SIDE_CLIENT].closed || end_close(p, SIDE_CLIENT, notify);
}

usec_t
passage_deadline(const struct passage *p)
{
	return p->exchange ? p->exchange->ops->deadline(p->exchange) : TIME_NEVER;
}

void
passage_free(struct passage *p)
{
	if (p->exchange)
		p->exchange->ops->free(p->exchange);
	for (int side = 0; side < 2; side++) {
		tls_end_free(p->end[side].tls);
		let_go(p, (enum side)side);
	}
	free(p->first);
}
