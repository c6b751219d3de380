/*
 * virtio.c - the queues of a virtio-net device as a link (see virtio.h)
 *
 * Guest to gateway: receive() takes chains off the transmit queue and hands their pieces up where they lie in
 * guest memory, behind the header, which is parsed here; release() puts all of them on the used ring.
 *
 * Gateway to guest: chains of the receive queue are taken ahead of need (`ahead`), so that room() knows how many
 * bytes would fit; send() copies the frame into the first of them, flush() publishes all of the turn's frames.
 *
 * While the gateway is awake it asks for no kicks.  before_sleep() asks, and looks once more.
 */
#include "link/virtio.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "link/le.h"
#include "link/vnet_wire.h"

#define ETH_HLEN 14u
#define AHEAD_PIECES 2048u /* a power of two, and more than one chain can have */
#define EVENTS 8           /* of our epoll descriptor: two kicks, the wake, what a wrapper adds */
#define COPIES (LINK_BATCH_BYTES + FRAME_MAX)

enum { EVENT_WAKE = VIRTIO_QUEUES, EVENT_OTHER };

/* Chains of the receive queue that were taken and not filled yet, in order. */
struct ahead_chain {
	uint16_t head, slots;
	uint16_t pieces;
	uint64_t bytes;
};

struct ahead {
	uint32_t head, tail;             /* of chain[], free-running */
	uint32_t piece_head, piece_tail; /* of piece[] */
	uint32_t slots;                  /* sums over the chains */
	uint64_t bytes;
	struct ahead_chain chain[VIRTQ_NUM_MAX];
	struct iovec piece[AHEAD_PIECES];
};

struct virtio_queue {
	struct virtq q;
	int kick_fd; /* our duplicate: two queues may be given the same */
	int call_fd;
};

struct virtio_link {
	struct link link;
	struct virtio_dev *d;
	uint32_t mtu;
	uint32_t need;              /* bytes that the longest frame takes, with its header */
	bool held;                  /* the lock is ours, from receive() to release() */
	bool slept;                 /* before_sleep() said that we may: the descriptors are to be looked at */
	bool blocked;               /* room() said no */
	bool announced;             /* this guest was counted as arrived */
	bool gone;                  /* and one left since */
	uint16_t heads[LINK_BATCH]; /* chains of this turn, to be used by release() */
	int nheads;
	size_t copied;   /* bytes of `copies` that this turn's frames have */
	uint8_t *copies; /* COPIES bytes: the ends of frames in more than FRAME_SPANS pieces */
};

struct virtio_dev {
	pthread_mutex_t lock; /* guards all that follows, and the link while it is ours */
	struct guest_memory mem;
	struct virtio_queue queue[VIRTIO_QUEUES];
	uint64_t features; /* accepted */
	bool present;      /* the transmit queue was started since the last reset */
	struct virtio_stats st;
	struct ahead ahead;
	struct virtio_link *link; /* NULL: no gateway has it */
	int epoll_fd, wake_fd;
};

static struct virtio_link *
virtio_of(struct link *l)
{
	return (struct virtio_link *)(void *)l;
}

/* --- receive buffers ------------------------------------------------------------------------------- */

static struct virtq *
rx_queue(struct virtio_dev *d)
{
	return &d->queue[VIRTIO_RX].q;
}

static bool
mergeable(const struct virtio_dev *d)
{
	return d->features & VIRTIO_NET_F_MRG_RXBUF;
}

static struct ahead_chain *
ahead_first(struct ahead *a)
{
	return &a->chain[a->head % VIRTQ_NUM_MAX];
}

static void
ahead_add(struct ahead *a, const struct virtq_chain *c)
{
	for (unsigned i = 0; i < c->nin; i++)
		a->piece[a->piece_tail++ % AHEAD_PIECES] = c->piece[i];
	a->chain[a->tail++ % VIRTQ_NUM_MAX] =
	    (struct ahead_chain){.head = c->head, .slots = c->slots, .pieces = c->nin, .bytes = c->in};
	a->slots += c->slots;
	a->bytes += c->in;
}

static void
ahead_remove(struct ahead *a)
{
	const struct ahead_chain *c = ahead_first(a);

	a->piece_head += c->pieces;
	a->slots -= c->slots;
	a->bytes -= c->bytes;
	a->head++;
}

/* As if they had not been taken: before memory goes away, and when the queue stops. */
static void
ahead_return(struct virtio_dev *d)
{
	struct ahead *a = &d->ahead;

	virtq_untake(rx_queue(d), (uint16_t)(a->tail - a->head));
	a->head = a->tail = a->piece_head = a->piece_tail = a->slots = 0;
	a->bytes = 0;
}

/*
 * Does the driver have nothing left to post?  Then what is there must do, however little: waiting for more would
 * be for ever.  Another chain like the first might not fit into the table.
 */
static bool
ahead_full(struct virtio_dev *d)
{
	struct ahead *a = &d->ahead;

	return a->head != a->tail && (a->slots + ahead_first(a)->slots > rx_queue(d)->num ||
				      a->piece_tail - a->piece_head > AHEAD_PIECES - VIRTQ_PIECES);
}

/* One frame of `bytes`, header included, fits into what was taken.  Without mergeable buffers a frame has one
 * chain, whose length is the driver's business (5.1.6.3.1). */
static bool
ahead_enough(struct virtio_dev *d, uint64_t bytes)
{
	return mergeable(d) ? d->ahead.bytes >= bytes : d->ahead.head != d->ahead.tail;
}

/* Take chains until there are enough.  Those that can hold nothing go back, and count: a call is bounded. */
static bool
ahead_take(struct virtio_dev *d, uint64_t bytes)
{
	struct virtq *q = rx_queue(d);
	struct virtq_chain c;

	for (unsigned i = 0; i < VIRTQ_NUM_MAX && !ahead_enough(d, bytes) && !ahead_full(d); i++) {
		if (!virtq_take(q, &c))
			break;
		if (c.out > 0) {
			virtq_break(q, VIRTQ_BAD_DIRECTION);
		} else if (c.in == 0 || c.too_many) {
			virtq_use(q, c.head, 0);
			d->st.refused++;
		} else {
			ahead_add(&d->ahead, &c);
		}
	}
	return ahead_enough(d, bytes);
}

/* --- gateway to guest ------------------------------------------------------------------------------ */

/* Outside of a turn, and in one that did not receive, every operation takes the lock for itself. */
static bool
enter(struct virtio_link *vl)
{
	return !vl->held && pthread_mutex_lock(&vl->d->lock) == 0;
}

static void
leave(struct virtio_link *vl, bool entered)
{
	if (entered)
		pthread_mutex_unlock(&vl->d->lock);
}

static void
interrupt(struct virtio_dev *d, unsigned queue)
{
	static const uint64_t one = 1;
	int fd = d->queue[queue].call_fd;

	if (fd >= 0 && write(fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		d->st.calls++;
}

static void
rx_show(struct virtio_dev *d)
{
	if (virtq_show(rx_queue(d)))
		interrupt(d, VIRTIO_RX);
}

static bool
rx_room(struct virtio_link *vl)
{
	struct virtio_dev *d = vl->d;

	vl->blocked = d->present && virtq_alive(rx_queue(d)) && !ahead_take(d, vl->need) && !ahead_full(d) &&
		      virtq_alive(rx_queue(d));
	return !vl->blocked;
}

static bool
link_room(void *ctx)
{
	struct virtio_link *vl = ctx;
	bool entered = enter(vl);
	bool room = rx_room(vl);

	leave(vl, entered);
	return room;
}

/* Where the next byte of a frame goes: in the first chain that was taken. */
struct rx_cursor {
	uint32_t written; /* of this chain */
	uint32_t piece;
	size_t off; /* in the piece */
};

static void
rx_finish(struct virtio_dev *d, struct rx_cursor *at)
{
	virtq_use(rx_queue(d), ahead_first(&d->ahead)->head, at->written);
	ahead_remove(&d->ahead);
	*at = (struct rx_cursor){0};
}

/* The caller knows that there is room. */
static void
rx_write(struct virtio_dev *d, struct rx_cursor *at, struct view v)
{
	struct ahead *a = &d->ahead;

	while (v.len > 0) {
		if (at->written == ahead_first(a)->bytes)
			rx_finish(d, at);
		const struct iovec *to = &a->piece[(a->piece_head + at->piece) % AHEAD_PIECES];
		size_t n = to->iov_len - at->off < v.len ? to->iov_len - at->off : v.len;

		memcpy((uint8_t *)to->iov_base + at->off, v.p, n);
		at->written += (uint32_t)n;
		at->off += n;
		if (at->off == to->iov_len) {
			at->piece++;
			at->off = 0;
		}
		v.p += n;
		v.len -= n;
	}
}

/* How many of the chains taken hold so many bytes; 0: they are too few. */
static uint16_t
rx_count(struct virtio_dev *d, uint64_t bytes)
{
	const struct ahead *a = &d->ahead;
	uint64_t there = 0;
	uint16_t n = 0;

	for (uint32_t i = a->head; i != a->tail && there < bytes && (n == 0 || mergeable(d)); i++, n++)
		there += a->chain[i % VIRTQ_NUM_MAX].bytes;
	return there < bytes ? 0 : n;
}

/* False: too few buffers. */
static bool
rx_send(struct virtio_dev *d, const struct frame *f)
{
	uint8_t header[VNET_HLEN];
	struct wr w = {.p = header, .end = header + sizeof(header)};
	struct wr count = {.p = header + sizeof(header) - 2, .end = header + sizeof(header)};
	struct rx_cursor at = {0};

	ahead_take(d, VNET_HLEN + f->len);
	uint16_t nbuf = rx_count(d, VNET_HLEN + f->len);
	if (nbuf == 0 || !virtq_alive(rx_queue(d)))
		return false;
	vnet_emit(&w, &f->off);
	wr_le16(&count, nbuf);
	rx_write(d, &at, view_of(header, sizeof(header)));
	for (int i = 0; i < f->nspan; i++)
		rx_write(d, &at, f->span[i]);
	rx_finish(d, &at);
	return true;
}

static void
link_send(void *ctx, const struct frame *f)
{
	struct virtio_link *vl = ctx;
	struct virtio_dev *d = vl->d;
	bool entered = enter(vl);

	assert(f->len > 0 && f->len <= FRAME_MAX && f->nspan <= FRAME_SPANS);
	if (d->present && rx_send(d, f)) {
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

	rx_show(vl->d);
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
		interrupt(vl->d, VIRTIO_TX);
}

static void
link_release(struct link *l)
{
	struct virtio_link *vl = virtio_of(l);

	if (!vl->held)
		return;
	tx_release(vl);
	vl->held = false;
	pthread_mutex_unlock(&vl->d->lock);
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
	virtq_hush(rx_queue(d));
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
	if (vl->blocked && virtq_ask(rx_queue(d)) && rx_room(vl))
		work = true;
	rx_show(d); /* room() may have given useless buffers back */
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
	pthread_mutex_lock(&d->lock);
	ahead_return(d);
	d->link = NULL;
	pthread_mutex_unlock(&d->lock);
	free(vl->copies);
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
	int error = pthread_mutex_lock(&d->lock);

	if (error)
		return error;
	error = d->link ? EBUSY : 0;
	if (!d->link)
		d->link = vl;
	pthread_mutex_unlock(&d->lock);
	return error;
}

struct link *
link_virtio(struct host *h, struct virtio_dev *d, uint32_t mtu, int *err)
{
	struct virtio_link *vl = calloc(1, sizeof(*vl));
	uint8_t *copies = malloc(COPIES);

	if (vl)
		*vl = (struct virtio_link){
		    .link = {.ops = &virtio_link_ops,
			     .eager = true,
			     .host = h,
			     .sink = {.ctx = vl,
				      .room = link_room,
				      .send = link_send,
				      .flush = link_flush,
				      .lim = {.mtu = mtu}},
			     .reason = "its driver reset the device"},
		    .d = d,
		    .mtu = mtu,
		    .need = VNET_HLEN + mtu + ETH_HLEN,
		    .copies = copies,
		};
	*err = vl && copies ? attach(d, vl) : ENOMEM;
	if (*err == 0)
		return &vl->link;
	free(copies);
	free(vl);
	return NULL;
}

/* --- control, from any thread ---------------------------------------------------------------------- */

static int
lock(struct virtio_dev *d)
{
	return -pthread_mutex_lock(&d->lock);
}

/* The gateway must look, also when it sleeps. */
static void
unlock(struct virtio_dev *d)
{
	static const uint64_t one = 1;
	ssize_t n =
	    write(d->wake_fd, &one, sizeof(one)); /* nothing is lost when it is full: it is readable */

	(void)n;
	pthread_mutex_unlock(&d->lock);
}

static int
watch(struct virtio_dev *d, int fd, uint32_t what, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.u32 = what};

	return epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

int
virtio_watch(struct virtio_dev *d, int fd, bool on)
{
	if (on)
		return watch(d, fd, EVENT_OTHER, EPOLLIN);
	return epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0 ? 0 : -errno;
}

/* On failure the old one stays. */
static int
set_kick(struct virtio_dev *d, unsigned queue, int fd)
{
	int *kick = &d->queue[queue].kick_fd;
	int ours = -1;

	if (fd >= 0) {
		ours = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		int error = ours < 0 ? -errno : watch(d, ours, queue, EPOLLIN | EPOLLET);

		if (error) {
			if (ours >= 0)
				close(ours);
			return error;
		}
	}
	if (*kick >= 0) {
		/* Not by close(): the description may live on elsewhere, and epoll knows it, not our number. */
		epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, *kick, NULL);
		close(*kick);
	}
	*kick = ours;
	return 0;
}

static void
stop_queue(struct virtio_dev *d, unsigned queue)
{
	if (queue == VIRTIO_RX)
		ahead_return(d);
	d->queue[queue].q.on = false;
	set_kick(d, queue, -1);
	d->queue[queue].call_fd = -1;
}

static int
start_queue(struct virtio_dev *d, unsigned queue, const struct virtio_queue_setup *s)
{
	struct virtio_queue *vq = &d->queue[queue];

	if (vq->q.on)
		return -EBUSY;
	if (!virtq_start(&vq->q, &d->mem, s->num, s->desc, s->avail, s->used, s->next,
			 d->features & VIRTIO_F_EVENT_IDX, d->features & VIRTIO_F_INDIRECT_DESC))
		return -EINVAL;
	int error = set_kick(d, queue, s->kick_fd);
	if (error) {
		vq->q.on = false;
		return error;
	}
	vq->call_fd = s->call_fd;
	if (queue == VIRTIO_TX)
		d->present = true;
	return 0;
}

int
virtio_start(struct virtio_dev *d, unsigned queue, const struct virtio_queue_setup *q)
{
	if (queue >= VIRTIO_QUEUES)
		return -EINVAL;
	int r = lock(d);
	if (r == 0) {
		r = start_queue(d, queue, q);
		unlock(d);
	}
	return r;
}

int
virtio_stop(struct virtio_dev *d, unsigned queue)
{
	if (queue >= VIRTIO_QUEUES)
		return -EINVAL;
	int r = lock(d);
	if (r == 0) {
		stop_queue(d, queue);
		r = d->queue[queue].q.next_avail;
		unlock(d);
	}
	return r;
}

int
virtio_set_kick(struct virtio_dev *d, unsigned queue, int fd)
{
	if (queue >= VIRTIO_QUEUES)
		return -EINVAL;
	int r = lock(d);
	if (r == 0) {
		r = d->queue[queue].q.on ? set_kick(d, queue, fd) : -EINVAL;
		unlock(d);
	}
	return r;
}

int
virtio_set_call(struct virtio_dev *d, unsigned queue, int fd)
{
	if (queue >= VIRTIO_QUEUES)
		return -EINVAL;
	int r = lock(d);
	if (r == 0) {
		d->queue[queue].call_fd = d->queue[queue].q.on ? fd : -1;
		r = d->queue[queue].q.on ? 0 : -EINVAL;
		unlock(d);
	}
	return r;
}

int
virtio_reset(struct virtio_dev *d)
{
	int r = lock(d);

	if (r)
		return r;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		stop_queue(d, i);
		d->queue[i].q = (struct virtq){0};
	}
	d->features = 0;
	if (d->link && d->present) {
		d->link->gone = true;
		d->link->announced = false;
	}
	d->present = false;
	unlock(d);
	return 0;
}

int
virtio_set_features(struct virtio_dev *d, uint64_t accepted)
{
	int r = lock(d);

	if (r)
		return r;
	accepted &= VIRTIO_LINK_FEATURES;
	if (accepted != d->features && (d->queue[VIRTIO_RX].q.on || d->queue[VIRTIO_TX].q.on))
		r = -EBUSY;
	else
		d->features = accepted;
	unlock(d);
	return r;
}

int
virtio_set_memory(struct virtio_dev *d, const struct guest_region *r, size_t n)
{
	int error = lock(d);

	if (error)
		return error;
	if (guest_memory_set(&d->mem, r, n)) {
		ahead_return(d);
		for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
			virtq_still_there(&d->queue[i].q);
	} else {
		error = -EINVAL;
	}
	unlock(d);
	return error;
}

void
virtio_get_stats(struct virtio_dev *d, struct virtio_stats *st)
{
	bool entered = pthread_mutex_lock(&d->lock) == 0; /* false: a hook, and the lock is ours */

	*st = d->st;
	st->running = st->broken = 0;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		st->running |= (uint32_t)d->queue[i].q.on << i;
		st->broken |= (uint32_t)(d->queue[i].q.fault != VIRTQ_FINE) << i;
	}
	if (entered)
		pthread_mutex_unlock(&d->lock);
}

/* --- making ---------------------------------------------------------------------------------------- */

static int
make_lock(pthread_mutex_t *m)
{
	pthread_mutexattr_t attr;
	int error = pthread_mutexattr_init(&attr);

	if (error)
		return error;
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	error = pthread_mutex_init(m, &attr);
	pthread_mutexattr_destroy(&attr);
	return error;
}

struct virtio_dev *
virtio_new(int *err)
{
	struct virtio_dev *d = calloc(1, sizeof(*d));

	*err = d ? make_lock(&d->lock) : ENOMEM;
	if (*err) {
		free(d);
		return NULL;
	}
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		d->queue[i].kick_fd = d->queue[i].call_fd = -1;
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->wake_fd = d->epoll_fd < 0 ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	*err =
	    d->epoll_fd < 0 || d->wake_fd < 0 ? errno : -watch(d, d->wake_fd, EVENT_WAKE, EPOLLIN | EPOLLET);
	if (*err) {
		virtio_free(d);
		return NULL;
	}
	return d;
}

void
virtio_free(struct virtio_dev *d)
{
	if (!d)
		return;
	assert(!d->link);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		set_kick(d, i, -1);
	if (d->wake_fd >= 0)
		close(d->wake_fd);
	if (d->epoll_fd >= 0)
		close(d->epoll_fd);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
