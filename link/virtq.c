/*
 * virtq.c - one split virtqueue in a guest's memory (see virtq.h)
 *
 * Ordering.  The driver publishes chains with its available index and we take them after an acquire of it; we
 * publish used entries with a release of the used index.  "Publish, then look whether the other side sleeps"
 * against "say that I sleep, then look whether something came" must not both miss: those four accesses are
 * sequentially consistent (2.7.7.2 and 2.7.10 ask for a full barrier there).  No fences: every machine we know
 * orders such a store before such a load, and ThreadSanitizer understands it.
 *
 * The driver may write at any time to anything, so what is judged is a copy: an index is one atomic load, a
 * descriptor one memcpy() behind which the compiler may not look at the original again.
 */
#include "link/virtq.h"

#include <assert.h>
#include <endian.h>
#include <stdatomic.h>
#include <string.h>

enum {
	DESC_NEXT = 1, /* VIRTQ_DESC_F_* (2.7.5) */
	DESC_WRITE = 2,
	DESC_INDIRECT = 4,
	DESC_SIZE = 16,
};

enum {
	AVAIL_NO_INTERRUPT = 1, /* VIRTQ_AVAIL_F_NO_INTERRUPT */
	USED_NO_NOTIFY = 1,     /* VIRTQ_USED_F_NO_NOTIFY */
	RING_FLAGS = 0,         /* of both rings: le16 flags, le16 idx, the entries, le16 event */
	RING_IDX = 2,
	RING_ENTRIES = 4,
	AVAIL_ENTRY = 2,
	USED_ENTRY = 8,
};

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* --- le16 in guest memory -------------------------------------------------------------------------- */

static uint16_t
load16(const uint8_t *p)
{
	return le16toh(atomic_load_explicit((const _Atomic uint16_t *)(const void *)p, memory_order_seq_cst));
}

static void
store16(uint8_t *p, uint16_t v)
{
	atomic_store_explicit((_Atomic uint16_t *)(void *)p, htole16(v), memory_order_seq_cst);
}

static uint8_t *
avail_event(const struct virtq *q)
{
	return q->used_at + RING_ENTRIES + (size_t)q->num * USED_ENTRY;
}

static const uint8_t *
used_event(const struct virtq *q)
{
	return q->avail_at + RING_ENTRIES + (size_t)q->num * AVAIL_ENTRY;
}

/* --- starting -------------------------------------------------------------------------------------- */

static bool
find_rings(struct virtq *q)
{
	size_t event = q->event_idx ? 2 : 0;

	q->desc_at = guest_at(q->mem, q->desc, (size_t)q->num * DESC_SIZE);
	q->avail_at = guest_at(q->mem, q->avail, RING_ENTRIES + (size_t)q->num * AVAIL_ENTRY + event);
	q->used_at = guest_at(q->mem, q->used, RING_ENTRIES + (size_t)q->num * USED_ENTRY + event);
	/* Memory that is aligned for the guest and not here is the VMM's odd idea: atomics need it here. */
	return q->desc_at && q->avail_at && q->used_at && (uintptr_t)q->avail_at % 2 == 0 &&
	       (uintptr_t)q->used_at % 2 == 0;
}

bool
virtq_start(struct virtq *q, const struct guest_memory *mem, uint16_t num, uint64_t desc, uint64_t avail,
	    uint64_t used, uint16_t next, bool event_idx, bool indirect)
{
	*q = (struct virtq){.mem = mem,
			    .num = num,
			    .event_idx = event_idx,
			    .indirect = indirect,
			    .desc = desc,
			    .avail = avail,
			    .used = used,
			    .next_avail = next,
			    .seen = next,
			    .fresh = true,
			    .asked = true};
	if (num == 0 || num > VIRTQ_NUM_MAX || (num & (num - 1)) != 0)
		return false;
	if (desc % 16 != 0 || avail % 2 != 0 || used % 4 != 0 || !find_rings(q))
		return false;
	q->next_used = q->shown = q->signalled = load16(q->used_at + RING_IDX);
	store16(q->used_at + RING_FLAGS, 0);
	if (event_idx)
		store16(avail_event(q), next);
	q->on = true;
	return true;
}

void
virtq_break(struct virtq *q, enum virtq_fault fault)
{
	if (q->fault == VIRTQ_FINE)
		q->fault = fault;
}

bool
virtq_still_there(struct virtq *q)
{
	if (!q->on || q->fault != VIRTQ_FINE)
		return false;
	if (!find_rings(q))
		virtq_break(q, VIRTQ_BAD_ADDRESS);
	return q->fault == VIRTQ_FINE;
}

/* --- taking ---------------------------------------------------------------------------------------- */

static struct desc
read_desc(const uint8_t *table, size_t at)
{
	struct desc d;

	static_assert(sizeof(d) == DESC_SIZE, "struct desc is the descriptor's own layout");
	memcpy(&d, table + at * DESC_SIZE, sizeof(d));
	atomic_signal_fence(memory_order_seq_cst); /* the compiler may not read it again */
	d.addr = le64toh(d.addr);
	d.len = le32toh(d.len);
	d.flags = le16toh(d.flags);
	d.next = le16toh(d.next);
	return d;
}

/* A descriptor's bytes as pieces: one, or more where it crosses regions. */
static enum virtq_fault
add_pieces(const struct virtq *q, struct virtq_chain *c, const struct desc *d)
{
	const bool write = d->flags & DESC_WRITE;
	uint64_t addr = d->addr, left = d->len;

	if (write)
		c->in += left;
	else
		c->out += left;
	while (left > 0) {
		uint64_t n = left;
		uint8_t *p = guest_run(q->mem, addr, &n);

		if (!p)
			return VIRTQ_BAD_ADDRESS;
		if (c->nout + c->nin == (int)VIRTQ_PIECES)
			c->too_many = true;
		else
			c->piece[c->nout + c->nin] = (struct iovec){.iov_base = p, .iov_len = (size_t)n};
		if (!c->too_many && write)
			c->nin++;
		else if (!c->too_many)
			c->nout++;
		addr += n;
		left -= n;
	}
	return VIRTQ_FINE;
}

/* Where a chain goes on: in the queue's own table, or in an indirect one. */
struct place {
	const uint8_t *table;
	uint32_t entries;
	bool inside;
};

/* 2.7.5.3.2: one indirect descriptor, alone or after ordinary ones, and the last of them. */
static enum virtq_fault
go_inside(const struct virtq *q, const struct desc *d, struct place *in)
{
	if (!q->indirect || in->inside || (d->flags & DESC_NEXT) || d->len == 0 || d->len % DESC_SIZE != 0)
		return VIRTQ_BAD_INDIRECT;
	in->table = guest_at(q->mem, d->addr, d->len);
	in->entries = d->len / DESC_SIZE;
	in->inside = true;
	return in->table ? VIRTQ_FINE : VIRTQ_BAD_ADDRESS;
}

static enum virtq_fault
walk(const struct virtq *q, struct virtq_chain *c)
{
	struct place in = {.table = q->desc_at, .entries = q->num};
	uint32_t at = c->head, hops = 0;
	bool written = false;

	for (;;) {
		if (at >= in.entries)
			return VIRTQ_BAD_HEAD;
		if (hops == in.entries || hops == VIRTQ_HOPS)
			return VIRTQ_BAD_LOOP;
		hops++;
		c->slots += !in.inside;
		struct desc d = read_desc(in.table, at);
		enum virtq_fault fault;

		if (d.flags & DESC_INDIRECT) {
			fault = go_inside(q, &d, &in);
			if (fault != VIRTQ_FINE)
				return fault;
			at = hops = 0;
			continue;
		}
		if (written && !(d.flags & DESC_WRITE))
			return VIRTQ_BAD_ORDER;
		written = d.flags & DESC_WRITE;
		fault = add_pieces(q, c, &d);
		if (fault != VIRTQ_FINE)
			return fault;
		if (!(d.flags & DESC_NEXT))
			return VIRTQ_FINE;
		at = d.next;
	}
}

/* Reads the available index anew. */
static bool
look(struct virtq *q)
{
	q->seen = load16(q->avail_at + RING_IDX);
	if ((uint16_t)(q->seen - q->next_avail) > q->num)
		virtq_break(q, VIRTQ_BAD_INDEX);
	return q->fault == VIRTQ_FINE && q->seen != q->next_avail;
}

bool
virtq_take(struct virtq *q, struct virtq_chain *c)
{
	if (!virtq_alive(q) || (q->seen == q->next_avail && !look(q)))
		return false;
	size_t i = q->next_avail & (q->num - 1u);

	c->head = load16(q->avail_at + RING_ENTRIES + i * AVAIL_ENTRY);
	c->slots = c->nout = c->nin = 0;
	c->out = c->in = 0;
	c->too_many = false;
	enum virtq_fault fault = walk(q, c);

	if (fault != VIRTQ_FINE) {
		virtq_break(q, fault);
		return false;
	}
	q->next_avail = (uint16_t)(q->next_avail + 1u);
	return true;
}

void
virtq_untake(struct virtq *q, uint16_t n)
{
	q->next_avail = (uint16_t)(q->next_avail - n);
}

/* --- using ----------------------------------------------------------------------------------------- */

void
virtq_use(struct virtq *q, uint16_t head, uint32_t written)
{
	const uint32_t entry[2] = {htole32(head), htole32(written)};

	static_assert(sizeof(entry) == USED_ENTRY, "le32 id, le32 len (2.7.8)");
	if (!virtq_alive(q))
		return;
	memcpy(q->used_at + RING_ENTRIES + (size_t)(q->next_used & (q->num - 1u)) * USED_ENTRY, entry,
	       sizeof(entry));
	q->next_used = (uint16_t)(q->next_used + 1u);
}

/* 2.7.10: is the event index among those that were passed since last time? */
static bool
passed(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

bool
virtq_show(struct virtq *q)
{
	if (!virtq_alive(q) || q->next_used == q->shown)
		return false;
	store16(q->used_at + RING_IDX, q->next_used);
	q->shown = q->next_used;

	bool wanted = q->event_idx ? passed(load16(used_event(q)), q->shown, q->signalled)
				   : !(load16(q->avail_at + RING_FLAGS) & AVAIL_NO_INTERRUPT);
	/* What was published before this queue was started may not have been heard of (a back end that came
	 * back), and the driver would wait for an index that is already behind. */
	wanted = wanted || (q->event_idx && q->fresh);
	q->fresh = false;
	q->signalled = q->shown;
	return wanted;
}

/* --- notifications --------------------------------------------------------------------------------- */

bool
virtq_waiting(const struct virtq *q)
{
	return virtq_alive(q) &&
	       (q->seen != q->next_avail || load16(q->avail_at + RING_IDX) != q->next_avail);
}

bool
virtq_ask(struct virtq *q)
{
	if (!virtq_alive(q))
		return false;
	if (q->event_idx)
		store16(avail_event(q), q->next_avail);
	else
		store16(q->used_at + RING_FLAGS, 0);
	q->asked = true;
	return virtq_waiting(q);
}

void
virtq_hush(struct virtq *q)
{
	if (!virtq_alive(q) || !q->asked)
		return;
	/* An index that is behind is not passed for the next 65,535 entries. */
	if (q->event_idx)
		store16(avail_event(q), (uint16_t)(q->next_avail - 1));
	else
		store16(q->used_at + RING_FLAGS, USED_NO_NOTIFY);
	q->asked = false;
}
