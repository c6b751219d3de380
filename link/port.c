/*
 * port.c - the gateway's half of the in-process port (see port.h)
 *
 * Guest to gateway: receive() copies entries out of `tx`, checks them, and hands their bytes up where they
 * lie in the guest's memory; release() sends all their cookies back, in order, refused frames included.
 *
 * Gateway to guest: buffers the guest lent are pulled from `lend` into a queue of our own, so that room()
 * knows how many bytes would fit; send() copies the frame into the first of them and puts them on
 * `filled`; flush() publishes all of the turn's frames at once.
 */
#include "link/port.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct port_link {
	struct link link;
	struct sluice_port *port;

	uint64_t cookies[LINK_BATCH]; /* of this turn's frames, to be completed by release() */
	int ncookies;

	struct port_buffer *lent; /* a queue of port->receive_slots places */
	uint32_t lent_head, lent_tail;
	uint64_t lent_bytes;  /* sum of their lengths */
	uint32_t need;        /* bytes of the longest frame the stack sends */
	bool blocked;         /* room() said no: waiting for buffers */
	uint32_t unpublished; /* entries of `filled` that the guest does not see yet */
};

static struct port_link *
port_of(struct link *l)
{
	return (struct port_link *)(void *)l;
}

/* --- waking ---------------------------------------------------------------------------------------- */

void
port_wake_ask(struct port_wake *w, uint32_t *owed)
{
	/* Asked before, and taken down since: that write is still to be read. */
	if (atomic_exchange(&w->wanted, 1) == 0 && w->armed)
		++*owed;
	w->armed = true;
}

void
port_wake_withdraw(struct port_wake *w, uint32_t *owed)
{
	if (!w->armed)
		return;
	if (atomic_exchange(&w->wanted, 0) == 0)
		++*owed;
	w->armed = false;
}

void
port_wake_drain(int fd, uint32_t *owed)
{
	uint64_t writes;

	/* The other side may be between the flag and the write: what is not there yet stays owed. */
	if (*owed && read(fd, &writes, sizeof(writes)) == (ssize_t)sizeof(writes))
		*owed -= writes < *owed ? (uint32_t)writes : *owed;
}

void
port_wake_post(struct port_wake *w, int fd, _Atomic uint64_t *writes)
{
	static const uint64_t one = 1;

	if (atomic_load(&w->wanted) == 0 || atomic_exchange(&w->wanted, 0) == 0)
		return;
	/* An eventfd refuses a write only at 2^64 - 2 unread ones. */
	if (write(fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		atomic_fetch_add_explicit(writes, 1, memory_order_relaxed);
}

static void
wake_guest(struct sluice_port *p, struct port_wake *w)
{
	port_wake_post(w, w == &p->guest_sent ? p->sent_fd : p->received_fd, &p->gateway.wakes);
}

/* --- the end of the port --------------------------------------------------------------------------- */

/* A ring is not what it was: both sides must know, also a guest that sleeps. */
static void
port_break(struct port_link *pl)
{
	struct sluice_port *p = pl->port;

	pl->link.error = EPROTO;
	atomic_store(&p->broken, EPROTO);
	wake_guest(p, &p->guest_sent);
	wake_guest(p, &p->guest_received);
}

/* Also when the guest's half was the one to notice. */
static bool
port_is_broken(struct port_link *pl)
{
	struct sluice_port *p = pl->port;

	if (pl->link.error)
		return true;
	if (p->tx.get.bad || p->lend.get.bad || p->done.put.bad || p->filled.put.bad ||
	    atomic_load(&p->broken))
		port_break(pl);
	return pl->link.error != 0;
}

/* --- guest to gateway ------------------------------------------------------------------------------ */

/* The entry as a frame; false: it makes no sense.  Nothing in `in` is read twice. */
static bool
frame_from(struct frame *f, const struct port_frame *in, bool shared)
{
	uint32_t n = in->niov;

	if (n == 0 || n > PORT_SPANS)
		return false;
	f->off = in->off;
	f->shared = shared;
	f->len = 0;
	f->nspan = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct iovec v = in->iov[i];

		if (v.iov_len == 0)
			continue;
		if (!v.iov_base || v.iov_len > FRAME_MAX - f->len)
			return false;
		f->span[f->nspan++] = view_of(v.iov_base, v.iov_len);
		f->len += (uint32_t)v.iov_len;
	}
	return f->len > 0;
}

static void
port_release(struct link *l)
{
	struct port_link *pl = port_of(l);
	struct sluice_port *p = pl->port;

	if (pl->ncookies == 0)
		return;
	for (int i = 0; i < pl->ncookies; i++) {
		uint64_t *slot = spsc_put(&p->done);

		if (!slot) {
			port_break(pl);
			break;
		}
		*slot = pl->cookies[i];
	}
	pl->ncookies = 0;
	spsc_publish(&p->done);
	wake_guest(p, &p->guest_sent);
}

static void port_give_back(struct port_link *pl);

static int
port_receive(struct link *l, struct frame *out, int max, bool *more)
{
	struct port_link *pl = port_of(l);
	struct sluice_port *p = pl->port;
	int n = 0;
	size_t bytes = 0;

	port_release(l);
	port_wake_withdraw(&p->gateway_tx, &p->gateway.owed);
	port_wake_withdraw(&p->gateway_lend, &p->gateway.owed);
	port_wake_drain(p->gateway_fd, &p->gateway.owed);
	if (atomic_load(&p->recall) && atomic_exchange(&p->recall, false))
		port_give_back(pl);

	/* Refused frames count as examined: a turn is bounded whatever it finds. */
	while (n < max && pl->ncookies < LINK_BATCH && bytes < LINK_BATCH_BYTES) {
		const struct port_frame *in = spsc_get(&p->tx);

		if (!in)
			break;
		pl->cookies[pl->ncookies++] = in->cookie;
		if (frame_from(&out[n], in, p->shared))
			bytes += out[n++].len;
		else
			atomic_fetch_add_explicit(&p->gateway.refused, 1, memory_order_relaxed);
	}
	spsc_give(&p->tx);
	*more = spsc_waiting(&p->tx);
	if (port_is_broken(pl))
		return -pl->link.error;
	if (n == 0)
		port_release(l); /* only refused frames, if any: nobody will look at them */
	return n;
}

/* --- gateway to guest ------------------------------------------------------------------------------ */

/* The next entry of `filled`; NULL, and the port broken, if there is none: see port.h. */
static struct port_filled *
filled_put(struct port_link *pl, uint64_t cookie)
{
	struct port_filled *e = spsc_put(&pl->port->filled);

	if (!e) {
		port_break(pl);
		return NULL;
	}
	*e = (struct port_filled){.cookie = cookie};
	pl->unpublished++;
	return e;
}

static void
return_unused(struct port_link *pl, uint64_t cookie)
{
	struct port_filled *e = filled_put(pl, cookie);

	if (e)
		e->nbuf = 1;
}

/* Take over what was lent since the last time. */
static void
port_pull(struct port_link *pl)
{
	struct sluice_port *p = pl->port;

	while (pl->lent_tail - pl->lent_head < p->receive_slots) {
		const struct port_buffer *in = spsc_get(&p->lend);

		if (!in)
			break;
		struct port_buffer b = *in;
		if (!b.base || b.len == 0) {
			return_unused(pl, b.cookie);
			continue;
		}
		pl->lent[pl->lent_tail++ & (p->receive_slots - 1)] = b;
		pl->lent_bytes += b.len;
	}
	spsc_give(&p->lend);
	if (p->lend.get.bad)
		port_break(pl);
}

static void
port_flush(void *ctx)
{
	struct port_link *pl = ctx;

	if (pl->unpublished == 0)
		return;
	spsc_publish(&pl->port->filled);
	atomic_fetch_add_explicit(&pl->port->gateway.received, pl->unpublished, memory_order_relaxed);
	pl->unpublished = 0;
	wake_guest(pl->port, &pl->port->guest_received);
}

static void
port_give_back(struct port_link *pl)
{
	port_pull(pl);
	while (pl->lent_head != pl->lent_tail)
		return_unused(pl, pl->lent[pl->lent_head++ & (pl->port->receive_slots - 1)].cookie);
	pl->lent_bytes = 0;
	port_flush(pl);
}

static bool
port_room(void *ctx)
{
	struct port_link *pl = ctx;

	if (pl->lent_bytes < pl->need)
		port_pull(pl);
	pl->blocked = pl->lent_bytes < pl->need;
	return !pl->blocked && !pl->link.error;
}

/* Copy the frame into as many buffers as it needs; the caller knows that they are there. */
static void
fill_buffers(struct port_link *pl, const struct frame *f, struct port_filled *first, struct port_buffer b)
{
	struct port_filled *e = first;

	first->nbuf = 1;
	for (int i = 0; i < f->nspan; i++) {
		struct view v = f->span[i];

		while (v.len > 0) {
			if (e->len == b.len) {
				b = pl->lent[pl->lent_head++ & (pl->port->receive_slots - 1)];
				pl->lent_bytes -= b.len;
				e = filled_put(pl, b.cookie);
				if (!e)
					return;
				first->nbuf++;
			}
			uint32_t n = b.len - e->len < v.len ? b.len - e->len : (uint32_t)v.len;
			memcpy(b.base + e->len, v.p, n);
			e->len += n;
			v.p += n;
			v.len -= n;
		}
	}
}

static void
port_send(void *ctx, const struct frame *f)
{
	struct port_link *pl = ctx;

	assert(f->len > 0 && f->nspan <= FRAME_SPANS);
	if (pl->lent_bytes < f->len)
		port_pull(pl);
	if (pl->lent_bytes < f->len || pl->link.error) {
		pl->link.no_room++;
		atomic_fetch_add_explicit(&pl->port->gateway.no_room, 1, memory_order_relaxed);
		return;
	}
	struct port_buffer b = pl->lent[pl->lent_head++ & (pl->port->receive_slots - 1)];
	struct port_filled *first = filled_put(pl, b.cookie);

	pl->lent_bytes -= b.len;
	if (!first)
		return;
	first->off = f->off;
	fill_buffers(pl, f, first, b);
}

/* --- the link -------------------------------------------------------------------------------------- */

static int
port_pollfd(struct link *l, short *events)
{
	*events = POLLIN;
	return port_of(l)->port->gateway_fd;
}

static bool
port_before_sleep(struct link *l)
{
	struct port_link *pl = port_of(l);
	struct sluice_port *p = pl->port;

	port_wake_ask(&p->gateway_tx, &p->gateway.owed);
	if (pl->blocked)
		port_wake_ask(&p->gateway_lend, &p->gateway.owed);
	bool work = spsc_waiting(&p->tx) || atomic_load(&p->recall) ||
		    (pl->blocked && spsc_waiting(&p->lend) && port_room(pl)) || port_is_broken(pl);
	port_flush(pl); /* room() may have found senseless buffers to return */
	return work;
}

/* Everything borrowed goes back, and the port is free for another gateway. */
static void
port_link_free(struct link *l)
{
	struct port_link *pl = port_of(l);
	struct sluice_port *p = pl->port;

	port_release(l);
	for (const struct port_frame *in; !port_is_broken(pl) && (in = spsc_get(&p->tx)) != NULL;) {
		pl->cookies[pl->ncookies++] = in->cookie;
		if (pl->ncookies == LINK_BATCH)
			port_release(l);
	}
	port_release(l);
	spsc_give(&p->tx);
	port_give_back(pl);
	port_wake_withdraw(&p->gateway_tx, &p->gateway.owed);
	port_wake_withdraw(&p->gateway_lend, &p->gateway.owed);
	port_wake_drain(p->gateway_fd, &p->gateway.owed);
	atomic_store(&p->attached, false);
	free(pl->lent);
	free(pl);
}

static const struct link_ops port_link_ops = {
    .name = "port",
    .receive = port_receive,
    .release = port_release,
    .pollfd = port_pollfd,
    .before_sleep = port_before_sleep,
    .free = port_link_free,
};

struct link *
link_port(struct host *h, struct sluice_port *p, uint32_t mtu, int *err)
{
	*err = (int)atomic_load(&p->broken);
	if (*err)
		return NULL;
	*err = EBUSY;
	if (atomic_exchange(&p->attached, true))
		return NULL;
	*err = ENOMEM;
	struct port_link *pl = calloc(1, sizeof(*pl));
	struct port_buffer *lent = calloc(p->receive_slots, sizeof(*lent));
	if (!pl || !lent) {
		free(pl);
		free(lent);
		atomic_store(&p->attached, false);
		return NULL;
	}
	*err = 0;
	*pl = (struct port_link){
	    .link = {.ops = &port_link_ops,
		     .eager = true,
		     .host = h,
		     .sink = {.ctx = pl,
			      .room = port_room,
			      .send = port_send,
			      .flush = port_flush,
			      .lim = {.mtu = mtu, .csum = p->csum, .tso = p->tso, .uso = p->uso}}},
	    .port = p,
	    .lent = lent,
	    .need = p->tso || p->uso ? FRAME_MAX : mtu + 14, /* 14: the Ethernet header */
	};
	return &pl->link;
}
