/*
 * fuzz_virtq.c - any bytes as a guest's memory, and any order of operations on a virtqueue in it
 *
 *	flags 1 | next 2 | memory MEMORY | operations
 *
 * Guest memory is two heap blocks of exactly their size, which meet at MEMORY guest-physical; a third is far away.
 * Every byte of every piece that is lent is touched, so that the sanitizer sees one that is not the guest's; a
 * queue that is broken stays so and is not written to.
 */
#include <stdlib.h>

#include "link/virtq.h"
#include "test/fuzz/driver_kit.h"

#define NUM 8u
#define MEMORY 768u /* rings first, as LAYOUT has them, then room for tables and buffers */
#define BLOCK 512u
#define FAR UINT64_C(0xffff0000)

enum { LAYOUT_DESC = 0, LAYOUT_AVAIL = 128, LAYOUT_USED = 152 };

enum { FLAG_EVENT_IDX = 1, FLAG_INDIRECT = 2, FLAG_SMALL = 4 };

enum { OP_TAKE, OP_USE, OP_SHOW, OP_ASK, OP_HUSH, OP_UNTAKE, OP_WRITE, OP_OFFER, OP_MEMORY, OPS };

struct world {
	uint8_t *block[3];
	struct guest_memory mem;
	struct virtq q;
	uint16_t taken[NUM]; /* heads, used in any order */
	unsigned ntaken;
	uint64_t sum;
};

static void
set_memory(struct world *w, unsigned n)
{
	const struct guest_region all[] = {
	    {FAR, 64, w->block[2]}, {0, MEMORY, w->block[0]}, {MEMORY, BLOCK, w->block[1]}};

	must(guest_memory_set(&w->mem, all, n));
}

static void
touch(struct world *w, const struct virtq_chain *c)
{
	uint64_t out = 0, in = 0;

	must(c->head < w->q.num && c->nout + c->nin <= (int)VIRTQ_PIECES && c->slots > 0);
	for (unsigned i = 0; i < c->nout + (unsigned)c->nin; i++) {
		const struct iovec *v = &c->piece[i];
		uint8_t *p = v->iov_base;

		must(v->iov_len > 0);
		for (size_t n = 0; n < v->iov_len; n++) {
			w->sum += p[n];
			if (i >= c->nout)
				p[n] = (uint8_t)(p[n] + n);
		}
		if (i < c->nout)
			out += v->iov_len;
		else
			in += v->iov_len;
	}
	must(c->too_many ? out <= c->out && in <= c->in : out == c->out && in == c->in);
}

static void
take(struct world *w)
{
	struct virtq_chain c;
	bool waited = virtq_waiting(&w->q), took = virtq_take(&w->q, &c);

	/* What waits is taken, or the reason why not is known. */
	must(took ? waited : !waited || w->q.fault != VIRTQ_FINE);
	if (!took)
		return;
	touch(w, &c);
	if (w->ntaken < NUM)
		w->taken[w->ntaken++] = c.head;
}

static void
show(struct world *w)
{
	bool news = w->q.next_used != w->q.shown;
	bool wanted = virtq_show(&w->q);

	must(!wanted || (news && virtq_alive(&w->q)));
	must(!virtq_alive(&w->q) || w->q.next_used == w->q.shown);
}

static void
operate(struct world *w, struct rd *r)
{
	uint8_t op = rd_u8(r), arg = op / OPS;

	switch (op % OPS) {
	case OP_TAKE:
		take(w);
		break;
	case OP_USE:
		if (w->ntaken > 0)
			virtq_use(&w->q, w->taken[--w->ntaken], arg);
		break;
	case OP_SHOW:
		show(w);
		break;
	case OP_ASK:
		must(virtq_ask(&w->q) == virtq_waiting(&w->q));
		break;
	case OP_HUSH:
		virtq_hush(&w->q);
		break;
	case OP_UNTAKE:
		virtq_untake(&w->q, (uint16_t)w->ntaken);
		w->ntaken = 0;
		break;
	case OP_WRITE:
		guest_writes(w->block[0], MEMORY, r);
		break;
	case OP_OFFER:
		guest_offers(w->block[0] + LAYOUT_AVAIL, NUM, arg);
		break;
	case OP_MEMORY:
		set_memory(w, arg % 4);
		virtq_still_there(&w->q);
		break;
	default:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(view_of(data, size));
	uint8_t flags = rd_u8(&r);
	uint16_t next = rd_u16(&r);
	struct world w = {.block = {block(MEMORY), block(BLOCK), block(64)}};
	struct view memory = rd_take(&r, rd_left(&r) < MEMORY ? rd_left(&r) : MEMORY);

	if (memory.len > 0)
		memcpy(w.block[0], memory.p, memory.len);
	set_memory(&w, 3);
	if (virtq_start(&w.q, &w.mem, flags & FLAG_SMALL ? (uint16_t)(1u << (flags >> 3 & 3)) : (uint16_t)NUM,
			LAYOUT_DESC, LAYOUT_AVAIL, LAYOUT_USED, next, flags & FLAG_EVENT_IDX,
			flags & FLAG_INDIRECT)) {
		for (int i = 0; i < 500 && rd_left(&r) > 0; i++) {
			enum virtq_fault before = w.q.fault;

			operate(&w, &r);
			must(before == VIRTQ_FINE || w.q.fault == before);
		}
	}
	for (unsigned i = 0; i < 3; i++)
		free(w.block[i]);
	return w.sum == UINT64_MAX;
}
