/*
 * virtio_rx.c - frames into the receive queue of a virtio-net device (virtio 1.2 section 5.1.6.4)
 *
 * Chains are taken ahead of need (`ahead`), so that it is known how many bytes would fit; a frame is copied into the
 * first of them, over several if buffers are mergeable, and all frames of a turn are published together.
 */
#include <string.h>

#include "link/le.h"
#include "link/virtio_int.h"
#include "link/vnet_wire.h"

/* --- buffers --------------------------------------------------------------------------------------- */

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
	return &a->chain[a->head % AHEAD_PIECES];
}

static void
ahead_add(struct ahead *a, const struct virtq_chain *c)
{
	for (unsigned i = 0; i < c->nin; i++)
		a->piece[a->piece_tail++ % AHEAD_PIECES] = c->piece[i];
	a->chain[a->tail++ % AHEAD_PIECES] =
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

void
virtio_rx_return(struct virtio_dev *d)
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

	for (unsigned i = 0; i < AHEAD_PIECES && !ahead_enough(d, bytes) && !ahead_full(d); i++) {
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

/* --- frames ---------------------------------------------------------------------------------------- */

void
virtio_rx_show(struct virtio_dev *d)
{
	if (virtq_show(rx_queue(d)))
		virtio_interrupt(d, VIRTIO_RX);
}

bool
virtio_rx_room(struct virtio_dev *d, uint32_t need)
{
	/* Not there, not running, broken: a cable that is cut, which takes everything. */
	return !d->present || !virtq_alive(rx_queue(d)) || ahead_take(d, need) || ahead_full(d) ||
	       !virtq_alive(rx_queue(d));
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
		there += a->chain[i % AHEAD_PIECES].bytes;
	return there < bytes ? 0 : n;
}

bool
virtio_rx_send(struct virtio_dev *d, const struct frame *f)
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
