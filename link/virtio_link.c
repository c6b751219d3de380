/*
 * virtio_link.c - the queues of a virtio-net device as a link: a turn's view of them (see virtio.h)
 *
 * Guest to gateway: receive() takes chains off the transmit queue and hands their pieces up where they lie in
 * guest memory, behind the header, which is parsed here; release() puts all of them on the used ring.  Gateway to
 * guest: virtio_rx.c.
 *
 * While the gateway is awake it asks for no kicks.  before_sleep() asks, and looks once more.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "link/virtio_int.h"
#include "link/vnet_wire.h"

#define ETH_HLEN 14u
#define EVENTS 8 /* of the epoll descriptor: two kicks, the wake, what a wrapper adds */
#define COPIES (LINK_BATCH_BYTES + FRAME_MAX)

static struct virtio_link *
virtio_of(struct link *l)
{
	return (struct virtio_link *)(void *)l;
}

/* Outside of a turn, and in one that did not receive, every operation takes the lock for itself. */
static bool
enter(struct virtio_link *vl)
{
	return !vl->held && turn_take(&vl->d->turn, true) == 0;
}

static void
leave(struct virtio_link *vl, bool entered)
{
	if (entered)
		turn_give(&vl->d->turn);
}

/* --- gateway to guest ------------------------------------------------------------------------------ */

static bool
link_has_room(struct virtio_link *vl)
{
	vl->blocked = !virtio_rx_room(vl->d, vl->need);
	return !vl->blocked;
}

static bool
link_room(void *ctx)
{
	struct virtio_link *vl = ctx;
	bool entered = enter(vl);
	bool room = link_has_room(vl);

	leave(vl, entered);
	return room;
}

static void
link_send(void *ctx, const struct frame *f)
{
	struct virtio_link *vl = ctx;
	struct virtio_dev *d = vl->d;
	bool entered = enter(vl);

	assert(f->len > 0 && f->len <= FRAME_MAX && f->nspan <= FRAME_SPANS);
	if (d->present && virtio_rx_send(d, f)) {
		d->st.frames_out++;
	} else if (d->present) {
		d->st.no_room++;
		vl->link.no_room++;
	}
	leave(vl, entered);
}

static void
link_flush(void *ctx)
{
	struct virtio_link *vl = ctx;
	bool entered = enter(vl);

	virtio_rx_show(vl->d);
	leave(vl, entered);
}

/* --- guest to gateway ------------------------------------------------------------------------------ */

/* The bytes of the pieces from `p` on as one span. */
static struct view
tx_copy(struct virtio_link *vl, const struct iovec *p, const struct iovec *end)
{
	uint8_t *to = vl->copies + vl->copied;
	size_t len = 0;

	for (; p < end; p++) {
		memcpy(to + len, p->iov_base, p->iov_len);
		len += p->iov_len;
	}
	vl->copied += len;
	return view_of(to, len);
}

/* The chain as a frame; false: it makes no sense.  The header may lie in any pieces (2.7.4.2). */
static bool
tx_frame(struct virtio_link *vl, struct frame *f, struct virtq_chain *c)
{
	uint8_t header[VNET_HLEN];
	struct rd r = rd_of(view_of(header, sizeof(header)));
	struct iovec *p = c->piece, *end = c->piece + c->nout;

	if (c->too_many || c->out <= VNET_HLEN || c->out - VNET_HLEN > FRAME_MAX)
		return false;
	for (size_t have = 0; have < sizeof(header);) {
		size_t n = p->iov_len < sizeof(header) - have ? p->iov_len : sizeof(header) - have;

		memcpy(header + have, p->iov_base, n);
		have += n;
		p->iov_base = (uint8_t *)p->iov_base + n;
		p->iov_len -= n;
		if (p->iov_len == 0)
			p++;
	}
	vnet_parse(&r, &f->off);
	f->len = (uint32_t)(c->out - VNET_HLEN);
	f->shared = true;
	f->nspan = 0;
	while (p < end && (f->nspan < FRAME_SPANS - 1 || end - p == 1)) {
		f->span[f->nspan++] = view_of(p->iov_base, p->iov_len);
		p++;
	}
	if (p < end)
		f->span[f->nspan++] = tx_copy(vl, p, end);
	return true;
}

static int
tx_receive(struct virtio_link *vl, struct frame *out, int max)
{
	struct virtq *q = &vl->d->queue[VIRTIO_TX].q;
	struct virtq_chain c;
	size_t bytes = 0;
	int n = 0;

	/* Refused frames count as examined: a turn is bounded whatever it finds. */
	while (n < max && vl->nheads < LINK_BATCH && bytes < LINK_BATCH_BYTES && virtq_take(q, &c)) {
		if (c.in > 0) {
			virtq_break(q, VIRTQ_BAD_DIRECTION);
			break;
		}
		vl->heads[vl->nheads++] = c.head;
		if (tx_frame(vl, &out[n], &c)) {
			bytes += out[n++].len;
		} else {
			vl->d->st.refused++;
			vl->link.refused++;
		}
	}
	vl->d->st.frames_in += (uint64_t)n;
	return n;
}

static void
tx_release(struct virtio_link *vl)
{
	struct virtq *q = &vl->d->queue[VIRTIO_TX].q;

	for (int i = 0; i < vl->nheads; i++)
		virtq_use(q, vl->heads[i], 0);
	vl->nheads = 0;
	vl->copied = 0;
	if (virtq_show(q))
		virtio_interrupt(vl->d, VIRTIO_TX);
}

static void
link_release(struct link *l)
{
	struct virtio_link *vl = virtio_of(l);

	if (!vl->held)
		return;
	tx_release(vl);
	vl->held = false;
	turn_give(&vl->d->turn);
}

/* Takes the edges off our epoll descriptor. */
static void
look_at_events(struct virtio_link *vl)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(vl->d->epoll_fd, ev, EVENTS, 0);

	vl->slept = false;
	for (int i = 0; i < n; i++)
		vl->d->st.kicks += ev[i].data.u32 < VIRTIO_QUEUES;
}

static void
announce(struct virtio_link *vl)
{
	const struct virtio_dev *d = vl->d;
	const uint64_t tso = VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 |
			     VIRTIO_NET_F_MRG_RXBUF;
	struct link_limits *lim = &vl->link.sink.lim;

	lim->csum = d->features & VIRTIO_NET_F_GUEST_CSUM;
	lim->tso = (d->features & tso) == tso && d->queue[VIRTIO_RX].q.num >= VIRTIO_TSO_ENTRIES;
	vl->need = VNET_HLEN + (lim->tso ? FRAME_MAX : vl->mtu + ETH_HLEN);
	vl->announced = true;
	vl->link.arrived++;
}

static int
link_receive(struct link *l, struct frame *out, int max, bool *more)
{
	struct virtio_link *vl = virtio_of(l);
	struct virtio_dev *d = vl->d;
	struct virtq *tx = &d->queue[VIRTIO_TX].q;

	link_release(l);
	vl->held = enter(vl);
	if (vl->slept)
		look_at_events(vl);
	*more = d->present;
	if (vl->gone) {
		vl->gone = false;
		l->departed++;
		return 0;
	}
	if (d->present && !vl->announced && d->queue[VIRTIO_RX].q.on)
		announce(vl);
	virtq_hush(tx);
	virtq_hush(&d->queue[VIRTIO_RX].q);
	int n = tx_receive(vl, out, max);

	*more = virtq_waiting(tx);
	return n;
}

/* --- the link -------------------------------------------------------------------------------------- */

static int
link_pollfd(struct link *l, short *events)
{
	*events = POLLIN;
	return virtio_of(l)->d->epoll_fd;
}

static bool
link_before_sleep(struct link *l)
{
	struct virtio_link *vl = virtio_of(l);
	struct virtio_dev *d = vl->d;
	bool entered = enter(vl);
	bool work = vl->gone || (d->present && !vl->announced && d->queue[VIRTIO_RX].q.on);

	if (virtq_ask(&d->queue[VIRTIO_TX].q))
		work = true;
	if (vl->blocked && virtq_ask(&d->queue[VIRTIO_RX].q) && link_has_room(vl))
		work = true;
	virtio_rx_show(d); /* room() may have given useless buffers back */
	vl->slept = vl->slept || !work;
	leave(vl, entered);
	return work;
}

static void
link_free(struct link *l)
{
	struct virtio_link *vl = virtio_of(l);
	struct virtio_dev *d = vl->d;

	link_release(l);
	turn_take(&d->turn, false);
	virtio_rx_return(d);
	d->link = NULL;
	turn_give(&d->turn);
	free(vl);
}

const struct link_ops virtio_link_ops = {
    .name = "virtio",
    .receive = link_receive,
    .release = link_release,
    .pollfd = link_pollfd,
    .before_sleep = link_before_sleep,
    .free = link_free,
};

static int
attach(struct virtio_dev *d, struct virtio_link *vl)
{
	int error = turn_take(&d->turn, false);

	if (error)
		return -error;
	error = d->link ? EBUSY : 0;
	if (!d->link)
		d->link = vl;
	turn_give(&d->turn);
	return error;
}

struct link *
link_virtio(struct host *h, struct virtio_dev *d, uint32_t mtu, int *err)
{
	struct virtio_link *vl = calloc(1, sizeof(*vl) + COPIES);

	*err = ENOMEM;
	if (!vl)
		return NULL;
	vl->link = (struct link){
	    .ops = &virtio_link_ops,
	    .eager = true,
	    .host = h,
	    .sink =
		{.ctx = vl, .room = link_room, .send = link_send, .flush = link_flush, .lim = {.mtu = mtu}},
	    .reason = "its driver reset the device",
	};
	vl->d = d;
	vl->mtu = mtu;
	vl->need = VNET_HLEN + mtu + ETH_HLEN;
	*err = attach(d, vl);
	if (*err == 0)
		return &vl->link;
	free(vl);
	return NULL;
}
