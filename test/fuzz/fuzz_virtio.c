/*
 * fuzz_virtio.c - any bytes as the memory of a guest with a virtio-net device, and what its driver, its VMM and the
 * gateway do one after another
 *
 *	features 1 | memory MEMORY | operations
 *
 * Guest memory is heap blocks of exactly their size, so that the sanitizer sees a byte that is not the guest's;
 * every byte of every frame is read.  What was stopped, reset or unmapped is freed at once.
 */
#include <errno.h>
#include <stdlib.h>

#include "link/virtio.h"
#include "test/fuzz/driver_kit.h"

#define NUM 8u
#define MEMORY 2048u /* both queues' rings, as LAYOUT has them, then room for tables and buffers */
#define TAIL 512u    /* more memory behind it, in another block */
#define MTU 1280u

enum { LAYOUT_QUEUE = 256, LAYOUT_AVAIL = 128, LAYOUT_USED = 152 };

enum {
	OP_RECEIVE,
	OP_RELEASE,
	OP_ROOM,
	OP_SEND,
	OP_FLUSH,
	OP_SLEEP,
	OP_WRITE,
	OP_OFFER,
	OP_START,
	OP_STOP,
	OP_RESET,
	OP_MEMORY,
	OP_FEATURES,
	OPS
};

struct world {
	uint8_t *memory, *tail;
	struct virtio_dev *dev;
	struct link *link;
	bool in_turn;
	uint32_t departed;
	uint64_t sum;
};

/* The same bytes at another place; the old one is gone. */
static void
move_memory(struct world *w, unsigned n)
{
	uint8_t *old = w->memory;

	w->memory = block(MEMORY);
	memcpy(w->memory, old, MEMORY);
	const struct guest_region r[] = {{0, MEMORY, w->memory}, {MEMORY, TAIL, w->tail}};

	int error = virtio_set_memory(w->dev, r, n);
	must(error == (w->in_turn ? -EDEADLK : 0));
	if (error) {
		free(w->memory);
		w->memory = old;
	} else {
		free(old);
	}
}

static void
start(struct world *w, unsigned queue, uint8_t arg)
{
	uint64_t at = (uint64_t)(queue & 1) * LAYOUT_QUEUE;
	const uint8_t *used = w->memory + at + LAYOUT_USED;
	struct virtio_queue_setup s = {.num = (uint16_t)(arg & 1 ? NUM : 1u << (arg >> 1 & 3)),
				       .next = (uint16_t)(used[2] | (unsigned)used[3] << 8),
				       .desc = at,
				       .avail = at + LAYOUT_AVAIL,
				       .used = at + LAYOUT_USED,
				       .kick_fd = -1,
				       .call_fd = -1};

	virtio_start(w->dev, queue, &s);
}

static void
read_frame(struct world *w, const struct frame *f)
{
	uint32_t len = 0;

	must(f->nspan > 0 && f->nspan <= FRAME_SPANS && f->shared);
	for (int i = 0; i < f->nspan; i++) {
		must(f->span[i].len > 0);
		for (size_t n = 0; n < f->span[i].len; n++)
			w->sum += f->span[i].p[n];
		len += (uint32_t)f->span[i].len;
	}
	must(f->len == len && len <= FRAME_MAX);
}

static void
receive(struct world *w)
{
	struct frame frames[LINK_BATCH];
	bool more;
	int n = w->link->ops->receive(w->link, frames, LINK_BATCH, &more);

	must(n >= 0 && n <= LINK_BATCH);
	must(w->link->departed == w->departed || n == 0);
	w->departed = w->link->departed;
	w->in_turn = true;
	for (int i = 0; i < n; i++)
		read_frame(w, &frames[i]);
}

static void
release(struct world *w)
{
	w->link->ops->release(w->link);
	w->in_turn = false;
}

static void
send_frame(struct world *w, uint32_t len)
{
	static uint8_t bytes[FRAME_MAX];
	uint32_t head = len < 54 ? len : 54;
	struct frame f = {
	    .len = len, .nspan = 2, .span = {view_of(bytes, head), view_of(bytes + head, len - head)}};

	w->link->sink.send(w->link->sink.ctx, &f);
}

/* Room that was said to be there is, for whatever the link's limits allow, or the cable is cut, or the driver has
 * nothing more to give. */
static void
ask_for_room(struct world *w)
{
	struct virtio_stats before, after;
	bool room = w->link->sink.room(w->link->sink.ctx);

	virtio_get_stats(w->dev, &before);
	must(room || ((before.running & 1) && !(before.broken & 1)));
	must(room == w->link->sink.room(w->link->sink.ctx));
	virtio_get_stats(w->dev, &after);
	must(after.refused - before.refused <= VIRTQ_NUM_MAX);
}

static uint64_t
features(uint8_t bits)
{
	return (bits & 1 ? VIRTIO_F_EVENT_IDX : 0) | (bits & 2 ? VIRTIO_F_INDIRECT_DESC : 0) |
	       (bits & 4 ? VIRTIO_NET_F_MRG_RXBUF : 0) | (bits & 8 ? VIRTIO_NET_F_GUEST_CSUM : 0) |
	       (bits & 16 ? VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 : 0) | VIRTIO_F_VERSION_1;
}

static void
control(struct world *w, uint8_t op, uint8_t arg)
{
	int error;

	switch (op) {
	case OP_START:
		start(w, arg % 3, arg / 3);
		break;
	case OP_STOP:
		error = virtio_stop(w->dev, arg & 1);
		must(w->in_turn ? error == -EDEADLK : error >= 0);
		break;
	case OP_RESET:
		must(virtio_reset(w->dev) == (w->in_turn ? -EDEADLK : 0));
		break;
	case OP_MEMORY:
		move_memory(w, arg % 3);
		break;
	case OP_FEATURES:
		virtio_set_features(w->dev, features(arg));
		break;
	default:
		break;
	}
}

static void
operate(struct world *w, struct rd *r)
{
	uint8_t op = rd_u8(r) % OPS, arg;

	switch (op) {
	case OP_RECEIVE:
		receive(w);
		break;
	case OP_RELEASE:
		release(w);
		break;
	case OP_ROOM:
		ask_for_room(w);
		break;
	case OP_SEND:
		arg = rd_u8(r);
		send_frame(w, arg < 250 ? 1 + arg * 6u : FRAME_MAX);
		break;
	case OP_FLUSH:
		w->link->sink.flush(w->link->sink.ctx);
		break;
	case OP_SLEEP:
		release(w);
		w->link->ops->before_sleep(w->link);
		break;
	case OP_WRITE:
		guest_writes(w->memory, MEMORY, r);
		break;
	case OP_OFFER:
		arg = rd_u8(r);
		guest_offers(w->memory + (arg & 1) * LAYOUT_QUEUE + LAYOUT_AVAIL, NUM, arg >> 1);
		break;
	default:
		control(w, op, rd_u8(r));
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(view_of(data, size));
	uint8_t bits = rd_u8(&r);
	struct view memory = rd_take(&r, rd_left(&r) < MEMORY ? rd_left(&r) : MEMORY);
	struct world w = {.memory = block(MEMORY), .tail = block(TAIL)};
	int error;

	if (memory.len > 0)
		memcpy(w.memory, memory.p, memory.len);
	w.dev = virtio_new(&error);
	must(w.dev);
	w.link = link_virtio(NULL, w.dev, MTU, &error);
	must(w.link);
	move_memory(&w, 2);
	virtio_set_features(w.dev, features(bits));
	if (!(bits & 32)) {
		start(&w, VIRTIO_RX, 1);
		start(&w, VIRTIO_TX, 1);
	}
	for (int i = 0; i < 300 && rd_left(&r) > 0; i++)
		operate(&w, &r);
	w.link->ops->free(w.link);
	virtio_free(w.dev);
	free(w.memory);
	free(w.tail);
	return w.sum == UINT64_MAX;
}
