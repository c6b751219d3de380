/*
 * port.c - the guest's half of the in-process port, and its making and unmaking
 *
 * sluice.h documents every function here; link/port.h has the picture.  The sending pair touches only
 * p->sending, the receiving pair only p->receiving, so each may have its own thread.
 */
#include "link/port.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proxy/config.h"
#include "sluice.h"

#define CHUNK 2048u      /* bytes of each buffer that is lent on behalf of sluice_port_recv_copy() */
#define SLOTS_MIN 64u    /* CHUNK times this holds the longest frame */
#define SLOTS_MAX 32768u /* a frame's buffers are counted in 16 bits */

static_assert(SLOTS_MIN * CHUNK >= FRAME_MAX, "the copying pair must always have room for a frame");
static_assert(SLUICE_PORT_FRAME_MAX == FRAME_MAX, "sluice.h states FRAME_MAX");
static_assert(SLUICE_PORT_SPANS == PORT_SPANS, "sluice.h states PORT_SPANS");

/* --- sending --------------------------------------------------------------------------------------- */

/* A ring is not what it was: the gateway must know, also when it sleeps. */
static int
guest_break(struct sluice_port *p)
{
	atomic_store(&p->broken, EPROTO);
	port_wake_post(&p->gateway_tx, p->gateway_fd, &p->sending.wakes);
	return -EPROTO;
}

static int
guest_error(struct sluice_port *p)
{
	uint32_t broken = atomic_load_explicit(&p->broken, memory_order_relaxed);

	return broken ? -(int)broken : 0;
}

static bool
send_one(struct sluice_port *p, const struct sluice_frame *f)
{
	if (p->sending.out == p->send_slots)
		return false;
	struct port_frame *e = spsc_put(&p->tx);
	if (!e)
		return false;

	e->cookie = f->cookie;
	e->off = (struct offload){
	    .needs_csum = f->off.flags & SLUICE_NEEDS_CSUM,
	    .csum_valid = f->off.flags & SLUICE_CSUM_VALID,
	    .csum_start = f->off.csum_start,
	    .csum_offset = f->off.csum_offset,
	    .gso_type = f->off.gso_type & 0x7f, /* VIRTIO_NET_HDR_GSO_ECN says nothing to a terminator */
	    .gso_size = f->off.gso_size,
	    .hdr_len = f->off.hdr_len,
	};
	e->niov = f->iov ? f->niov : 0;
	/* Too many pieces: the count alone tells the gateway, which refuses the frame. */
	if (e->niov > 0 && e->niov <= SLUICE_PORT_SPANS)
		memcpy(e->iov, f->iov, e->niov * sizeof(e->iov[0]));
	p->sending.out++;
	return true;
}

static int
send_frames(struct sluice_port *p, const struct sluice_frame *frames, int n)
{
	int error = guest_error(p);
	int i = 0;

	if (error)
		return error;
	while (i < n && send_one(p, &frames[i]))
		i++;
	if (p->tx.put.bad)
		return guest_break(p);
	if (i > 0) {
		spsc_publish(&p->tx);
		port_wake_post(&p->gateway_tx, p->gateway_fd, &p->sending.wakes);
		atomic_fetch_add_explicit(&p->sending.count, (uint64_t)i, memory_order_relaxed);
	}
	return i;
}

static int
take_sent(struct sluice_port *p, uint64_t *cookies, int max)
{
	int error = guest_error(p);
	int n = 0;

	port_wake_withdraw(&p->guest_sent, &p->sending.owed);
	port_wake_drain(p->sent_fd, &p->sending.owed);
	if (error)
		return error;
	while (n < max) {
		const uint64_t *e = spsc_get(&p->done);

		if (!e)
			break;
		if (p->sending.out == 0) /* more came back than was sent */
			return guest_break(p);
		p->sending.out--;
		cookies[n++] = *e;
	}
	if (n > 0)
		spsc_give(&p->done);
	return p->done.get.bad ? guest_break(p) : n;
}

int
sluice_port_send(struct sluice_port *p, const struct sluice_frame *frames, int n)
{
	return p->copy_frame ? -EINVAL : send_frames(p, frames, n);
}

int
sluice_port_sent(struct sluice_port *p, uint64_t *cookies, int max)
{
	return p->copy_frame ? -EINVAL : take_sent(p, cookies, max);
}

/* --- receiving ------------------------------------------------------------------------------------- */

static int
lend_buffers(struct sluice_port *p, const struct sluice_buffer *bufs, int n)
{
	int error = guest_error(p);
	int i = 0;

	if (error)
		return error;
	while (i < n && p->receiving.out < p->receive_slots) {
		struct port_buffer *e = spsc_put(&p->lend);

		if (!e)
			break;
		*e = (struct port_buffer){.base = bufs[i].base, .len = bufs[i].len, .cookie = bufs[i].cookie};
		i++;
		p->receiving.out++;
	}
	if (p->lend.put.bad)
		return guest_break(p);
	if (i > 0) {
		spsc_publish(&p->lend);
		port_wake_post(&p->gateway_lend, p->gateway_fd, &p->receiving.wakes);
		atomic_fetch_add_explicit(&p->receiving.count, (uint64_t)i, memory_order_relaxed);
	}
	return i;
}

static struct sluice_offload
offload_to_guest(const struct offload *off)
{
	return (struct sluice_offload){
	    .flags = (uint8_t)((off->needs_csum ? SLUICE_NEEDS_CSUM : 0) |
			       (off->csum_valid ? SLUICE_CSUM_VALID : 0)),
	    .gso_type = off->gso_type,
	    .hdr_len = off->hdr_len,
	    .gso_size = off->gso_size,
	    .csum_start = off->csum_start,
	    .csum_offset = off->csum_offset,
	};
}

static int
take_received(struct sluice_port *p, struct sluice_filled *out, int max)
{
	int error = guest_error(p);
	int n = 0;

	port_wake_withdraw(&p->guest_received, &p->receiving.owed);
	port_wake_drain(p->received_fd, &p->receiving.owed);
	if (error)
		return error;
	while (n < max) {
		const struct port_filled *e = spsc_get(&p->filled);

		if (!e)
			break;
		if (p->receiving.out == 0) /* more came back than was lent */
			return guest_break(p);
		p->receiving.out--;
		out[n++] = (struct sluice_filled){
		    .cookie = e->cookie, .len = e->len, .nbuf = e->nbuf, .off = offload_to_guest(&e->off)};
	}
	if (n > 0)
		spsc_give(&p->filled);
	return p->filled.get.bad ? guest_break(p) : n;
}

int
sluice_port_lend(struct sluice_port *p, const struct sluice_buffer *bufs, int n)
{
	return p->copy_frame ? -EINVAL : lend_buffers(p, bufs, n);
}

int
sluice_port_received(struct sluice_port *p, struct sluice_filled *out, int max)
{
	return p->copy_frame ? -EINVAL : take_received(p, out, max);
}

void
sluice_port_recall(struct sluice_port *p)
{
	atomic_store(&p->recall, true);
	port_wake_post(&p->gateway_tx, p->gateway_fd, &p->sending.wakes);
}

/* --- sleeping -------------------------------------------------------------------------------------- */

int
sluice_port_fd(const struct sluice_port *p, unsigned queue)
{
	return queue == SLUICE_PORT_SENT ? p->sent_fd : p->received_fd;
}

static bool
arm_queue(struct sluice_port *p, struct port_wake *w, struct port_pair *pair, struct spsc *queue)
{
	port_wake_ask(w, &pair->owed);
	if (!spsc_waiting(queue) && !atomic_load(&p->broken))
		return false;
	port_wake_withdraw(w, &pair->owed);
	return true;
}

unsigned
sluice_port_arm(struct sluice_port *p, unsigned queues)
{
	unsigned has = 0;

	if (queues & SLUICE_PORT_SENT && arm_queue(p, &p->guest_sent, &p->sending, &p->done))
		has |= SLUICE_PORT_SENT;
	if (queues & SLUICE_PORT_RECEIVED && arm_queue(p, &p->guest_received, &p->receiving, &p->filled))
		has |= SLUICE_PORT_RECEIVED;
	return has;
}

/* --- the copying pair ------------------------------------------------------------------------------ */

/* Frames come back in the order they were sent, so the send buffers are used round and round. */
int
sluice_port_send_copy(struct sluice_port *p, const void *frame, size_t len)
{
	struct port_pair *s = &p->sending;
	uint64_t cookies[LINK_BATCH];

	if (!p->copy_frame)
		return -EINVAL;
	if (len == 0 || len > p->copy_frame)
		return -EMSGSIZE;
	do {
		int n = take_sent(p, cookies, LINK_BATCH);

		if (n < 0)
			return n;
	} while (s->out == p->send_slots && sluice_port_arm(p, SLUICE_PORT_SENT));
	if (s->out == p->send_slots)
		return -EAGAIN;

	uint8_t *to = p->copy_out + (size_t)(s->next++ & (p->send_slots - 1)) * p->copy_frame;
	memcpy(to, frame, len);
	struct iovec iov = {.iov_base = to, .iov_len = len};
	int n = send_frames(p, &(struct sluice_frame){.iov = &iov, .niov = 1}, 1);
	return n < 0 ? n : 0;
}

static int
lend_chunk(struct sluice_port *p, uint64_t chunk)
{
	return lend_buffers(
	    p, &(struct sluice_buffer){.base = p->copy_in + chunk * CHUNK, .len = CHUNK, .cookie = chunk}, 1);
}

/* The next buffer that came back; 0: none, and the queue is armed. */
static int
take_chunk(struct sluice_port *p, struct sluice_filled *in)
{
	int n;

	do
		n = take_received(p, in, 1);
	while (n == 0 && sluice_port_arm(p, SLUICE_PORT_RECEIVED));
	if (n == 1 && (in->cookie >= p->receive_slots || in->len > CHUNK))
		return guest_break(p);
	return n;
}

int
sluice_port_recv_copy(struct sluice_port *p, void *buf, size_t size)
{
	struct sluice_filled in = {0};
	size_t len = 0;

	if (!p->copy_frame)
		return -EINVAL;
	int n = take_chunk(p, &in);
	while (n == 1 && in.len == 0) { /* unused: a departing gateway gave it back */
		n = lend_chunk(p, in.cookie);
		if (n >= 0)
			n = take_chunk(p, &in);
	}
	for (unsigned left = in.nbuf; n == 1; left--) {
		if (len + in.len <= size)
			memcpy((uint8_t *)buf + len, p->copy_in + in.cookie * CHUNK, in.len);
		len += in.len;
		n = lend_chunk(p, in.cookie);
		if (n < 0 || left <= 1)
			break;
		n = take_chunk(p, &in);
		if (n == 0)
			n = guest_break(p); /* half a frame */
	}
	if (n <= 0)
		return n < 0 ? n : -EAGAIN;
	return len <= size ? (int)len : -EMSGSIZE;
}

/* --- making and unmaking --------------------------------------------------------------------------- */

void
sluice_port_config_init(struct sluice_port_config *cfg)
{
	*cfg = (struct sluice_port_config){.size = sizeof(*cfg), .send_slots = 256, .receive_slots = 1024};
}

static bool
slots_ok(uint32_t n)
{
	return n >= SLOTS_MIN && n <= SLOTS_MAX && (n & (n - 1)) == 0;
}

static bool
config_ok(const struct sluice_port_config *c, struct setup *su)
{
	if (!slots_ok(c->send_slots))
		return wrong(su, "port: send_slots %u must be a power of two from %u to %u", c->send_slots,
			     SLOTS_MIN, SLOTS_MAX);
	if (!slots_ok(c->receive_slots))
		return wrong(su, "port: receive_slots %u must be a power of two from %u to %u",
			     c->receive_slots, SLOTS_MIN, SLOTS_MAX);
	if ((c->tso || c->uso) && !c->csum)
		return wrong(su, "port: tso and uso leave checksums unfinished: set csum too, or neither");
	if (c->copy_frame > FRAME_MAX)
		return wrong(su, "port: copy_frame %u is longer than a frame can be: at most %u",
			     c->copy_frame, FRAME_MAX);
	if (c->copy_frame && c->csum)
		return wrong(su, "port: the copying pair carries no offloads: leave csum, tso and uso unset");
	return true;
}

/* The rings' slots and the port's own buffers. */
static bool
port_reserve(struct sluice_port *p)
{
	uint32_t s = p->send_slots, r = p->receive_slots;

	spsc_init(&p->tx, calloc(s, sizeof(struct port_frame)), sizeof(struct port_frame), s);
	spsc_init(&p->done, calloc(s, sizeof(uint64_t)), sizeof(uint64_t), s);
	spsc_init(&p->lend, calloc(r, sizeof(struct port_buffer)), sizeof(struct port_buffer), r);
	spsc_init(&p->filled, calloc(r, sizeof(struct port_filled)), sizeof(struct port_filled), r);
	if (p->copy_frame) {
		p->copy_out = calloc(s, p->copy_frame);
		p->copy_in = calloc(r, CHUNK);
	}
	return p->tx.slots && p->done.slots && p->lend.slots && p->filled.slots &&
	       (!p->copy_frame || (p->copy_out && p->copy_in));
}

struct sluice_port *
sluice_port_new(const struct sluice_port_config *cfg, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct sluice_port_config c;

	sluice_port_config_init(&c);
	/* A caller built against an older header has fewer fields, against a newer one more. */
	memcpy(&c, cfg, cfg->size < sizeof(c) ? cfg->size : sizeof(c));
	c.send_slots = c.send_slots ? c.send_slots : 256;
	c.receive_slots = c.receive_slots ? c.receive_slots : 1024;
	if (!config_ok(&c, &su))
		return NULL;

	struct sluice_port *p = aligned_alloc(_Alignof(struct sluice_port), sizeof(*p));
	if (!p) {
		wrong(&su, "port: no memory for it");
		return NULL;
	}
	memset(p, 0, sizeof(*p));
	p->send_slots = c.send_slots;
	p->receive_slots = c.receive_slots;
	p->copy_frame = c.copy_frame;
	p->csum = c.csum;
	p->tso = c.tso;
	p->uso = c.uso;
	p->shared = !c.private_memory && !c.copy_frame;
	p->gateway_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	p->sent_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	p->received_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->gateway_fd < 0 || p->sent_fd < 0 || p->received_fd < 0) {
		wrong(&su, "port: eventfd: %s; it takes three descriptors", strerror(errno));
		sluice_port_free(p);
		return NULL;
	}
	if (!port_reserve(p)) {
		wrong(&su, "port: no memory for %u + %u slots", p->send_slots, p->receive_slots);
		sluice_port_free(p);
		return NULL;
	}
	if (p->copy_frame) {
		for (uint32_t i = 0; i < p->receive_slots; i++)
			lend_chunk(p, i);
	}
	return p;
}

void
sluice_port_free(struct sluice_port *p)
{
	if (!p)
		return;
	assert(!atomic_load(&p->attached));
	const int fds[] = {p->gateway_fd, p->sent_fd, p->received_fd};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	free(p->tx.slots);
	free(p->done.slots);
	free(p->lend.slots);
	free(p->filled.slots);
	free(p->copy_out);
	free(p->copy_in);
	free(p);
}

static uint64_t
count(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

void
sluice_port_get_stats(const struct sluice_port *p, struct sluice_port_stats *st)
{
	struct sluice_port_stats all = {
	    .size = st->size < sizeof(all) ? st->size : sizeof(all),
	    .sent = count(&p->sending.count),
	    .lent = count(&p->receiving.count),
	    .refused = count(&p->gateway.refused),
	    .received = count(&p->gateway.received),
	    .no_room = count(&p->gateway.no_room),
	    .gateway_wakes = count(&p->sending.wakes) + count(&p->receiving.wakes),
	    .guest_wakes = count(&p->gateway.wakes),
	};

	memcpy(st, &all, all.size);
}
