/*
 * port_thread_test.c - the in-process port between real threads, every byte checked
 *
 * One thread plays the gateway's loop on the link, one or two play the guest; each sends numbered frames of
 * many lengths and checks what it gets.  Everyone sleeps in poll(2) when there is nothing to do, so a
 * wake-up that is lost ends the test by a timeout that is otherwise never reached.  The guest spoils its
 * memory as soon as a cookie says that it may.  The same program under -fsanitize=thread is the proof of
 * the rings' ordering.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "link/port.h"
#include "sluice.h"

#define SLOTS 256u
#define STRIDE 4096u   /* from one lent buffer to the next */
#define PERIOD 4093u   /* of the pattern */
#define STUCK_MS 60000 /* nobody is ever asleep that long for a good reason */

struct world {
	struct sluice_port *port;
	struct link *link;
	uint32_t frames; /* each way */
	bool lockstep;   /* one frame at a time, so that both sides sleep at each */
	_Atomic(const char *) failed;

	uint8_t pattern[PERIOD + FRAME_MAX];
	uint8_t *out; /* guest: SLOTS frames of FRAME_MAX bytes */
	uint8_t *in;  /* guest: SLOTS buffers STRIDE apart */

	/* the sending half of the guest */
	uint32_t guest_sent, guest_done;
	/* the receiving half */
	uint32_t guest_got;
	uint32_t frame_off; /* bytes of frame guest_got seen so far */
	unsigned bufs_left; /* buffers of it still to come */
	/* the gateway */
	uint32_t gateway_sent, gateway_got;
};

static bool
fail_with(struct world *w, const char *why)
{
	const char *none = NULL;

	atomic_compare_exchange_strong(&w->failed, &none, why);
	return false;
}

static bool
failed(struct world *w)
{
	return atomic_load(&w->failed) != NULL;
}

/* --- what is sent ---------------------------------------------------------------------------------- */

static uint32_t
frame_len(uint32_t seq)
{
	uint32_t h = seq * 2654435761u >> 8;

	if (h % 64 == 0)
		return FRAME_MAX - h % 1000;
	return h % 4 == 0 ? 1514 : 20 + h % 400;
}

static void
frame_fill(const struct world *w, uint32_t seq, uint8_t *to)
{
	memcpy(to, w->pattern + seq % PERIOD, frame_len(seq));
	memcpy(to, &seq, sizeof(seq));
}

/* Are these the bytes of frame seq from off on? */
static bool
frame_matches(const struct world *w, uint32_t seq, uint32_t off, const uint8_t *p, size_t len)
{
	uint8_t head[sizeof(seq)];

	if (off + len > frame_len(seq))
		return false;
	memcpy(head, &seq, sizeof(seq));
	while (len > 0 && off < sizeof(seq)) {
		if (*p++ != head[off++])
			return false;
		len--;
	}
	return memcmp(p, w->pattern + seq % PERIOD + off, len) == 0;
}

/* --- the gateway ----------------------------------------------------------------------------------- */

static bool
gateway_takes(struct world *w, const struct frame *f)
{
	uint32_t seq = w->gateway_got++;
	uint32_t off = 0;

	if (f->len != frame_len(seq) || f->off.hdr_len != (seq & 0xffff))
		return fail_with(w, "gateway: a frame is not the one that comes next");
	for (int i = 0; i < f->nspan; i++) {
		if (!frame_matches(w, seq, off, f->span[i].p, f->span[i].len))
			return fail_with(w, "gateway: a frame's bytes are wrong");
		off += (uint32_t)f->span[i].len;
	}
	return true;
}

static bool
gateway_may_send(const struct world *w)
{
	return w->gateway_sent < w->frames && (!w->lockstep || w->gateway_sent < w->gateway_got);
}

static void
gateway_sends(struct world *w, uint8_t *scratch)
{
	struct frame_sink *sink = &w->link->sink;

	for (int i = 0; i < LINK_BATCH && gateway_may_send(w) && sink->room(sink->ctx); i++) {
		uint32_t seq = w->gateway_sent++;
		uint32_t len = frame_len(seq), head = 14 + seq % 40 < len ? 14 + seq % 40 : len;
		struct frame f = {.len = len,
				  .nspan = 2,
				  .off = {.gso_size = (uint16_t)seq},
				  .span = {view_of(scratch, head), view_of(scratch + head, len - head)}};

		frame_fill(w, seq, scratch);
		sink->send(sink->ctx, &f);
	}
	sink->flush(sink->ctx);
}

static void *
gateway_main(void *arg)
{
	struct world *w = arg;
	uint8_t *scratch = malloc(FRAME_MAX);
	struct frame frames[LINK_BATCH];

	while (!failed(w) && (w->gateway_got < w->frames || w->gateway_sent < w->frames)) {
		bool more;
		int n = w->link->ops->receive(w->link, frames, LINK_BATCH, &more);

		if (n < 0) {
			fail_with(w, "gateway: the link is gone");
			break;
		}
		for (int i = 0; i < n && gateway_takes(w, &frames[i]); i++)
			;
		gateway_sends(w, scratch);
		w->link->ops->release(w->link);
		if (more || (gateway_may_send(w) && w->link->sink.room(w->link->sink.ctx)) ||
		    w->link->ops->before_sleep(w->link) || w->gateway_got + w->gateway_sent == 2 * w->frames)
			continue;
		struct pollfd p = {.events = POLLIN};
		p.fd = w->link->ops->pollfd(w->link, &p.events);
		if (poll(&p, 1, STUCK_MS) == 0)
			fail_with(w, "gateway: nobody woke it");
	}
	free(scratch);
	return NULL;
}

/* --- the guest ------------------------------------------------------------------------------------- */

static bool
guest_sends(struct world *w)
{
	while (w->guest_sent < w->frames && (!w->lockstep || w->guest_sent == w->guest_got) &&
	       w->guest_sent - w->guest_done < SLOTS) {
		uint32_t seq = w->guest_sent, len = frame_len(seq);
		uint8_t *at = w->out + (size_t)(seq % SLOTS) * FRAME_MAX;
		struct iovec iov[SLUICE_PORT_SPANS];
		uint32_t niov = 1 + seq % SLUICE_PORT_SPANS, off = 0;

		frame_fill(w, seq, at);
		for (uint32_t i = 0; i < niov; i++) {
			uint32_t n = i + 1 == niov ? len - off : len / niov;

			iov[i] = (struct iovec){.iov_base = at + off, .iov_len = n};
			off += n;
		}
		struct sluice_frame f = {
		    .iov = iov, .niov = niov, .cookie = seq, .off = {.hdr_len = (uint16_t)seq}};
		if (sluice_port_send(w->port, &f, 1) != 1)
			return fail_with(w, "guest: the ring is full with slots to spare");
		w->guest_sent++;
	}
	return true;
}

static bool
guest_completes(struct world *w)
{
	uint64_t cookies[32];
	int n = sluice_port_sent(w->port, cookies, 32);

	if (n < 0)
		return fail_with(w, "guest: the port died");
	for (int i = 0; i < n; i++) {
		if (cookies[i] != w->guest_done)
			return fail_with(w, "guest: cookies are out of order");
		memset(w->out + (size_t)(w->guest_done++ % SLOTS) * FRAME_MAX, 0xdd, 64);
	}
	return true;
}

static bool
guest_lends(struct world *w, uint64_t i)
{
	struct sluice_buffer b = {
	    .base = w->in + i * STRIDE, .len = 512 + (uint32_t)(i % 7) * 400, .cookie = i};

	return sluice_port_lend(w->port, &b, 1) == 1 || fail_with(w, "guest: cannot lend a buffer again");
}

static bool
guest_takes(struct world *w, const struct sluice_filled *in)
{
	uint32_t seq = w->guest_got;

	if (w->bufs_left == 0) {
		w->bufs_left = in->nbuf;
		w->frame_off = 0;
		if (in->nbuf == 0 || in->off.gso_size != (seq & 0xffff))
			return fail_with(w, "guest: a frame is not the one that comes next");
	} else if (in->nbuf != 0) {
		return fail_with(w, "guest: a frame starts within another");
	}
	if (!frame_matches(w, seq, w->frame_off, w->in + in->cookie * STRIDE, in->len))
		return fail_with(w, "guest: a frame's bytes are wrong");
	w->frame_off += in->len;
	if (--w->bufs_left == 0) {
		if (w->frame_off != frame_len(seq))
			return fail_with(w, "guest: a frame is too short");
		w->guest_got++;
	}
	return guest_lends(w, in->cookie);
}

static bool
guest_receives(struct world *w)
{
	struct sluice_filled in[32];
	int n = sluice_port_received(w->port, in, 32);

	if (n < 0)
		return fail_with(w, "guest: the port died");
	for (int i = 0; i < n; i++) {
		if (!guest_takes(w, &in[i]))
			return false;
	}
	return true;
}

static void
guest_sleeps(struct world *w, unsigned queues)
{
	struct pollfd p[2];
	nfds_t n = 0;

	if (sluice_port_arm(w->port, queues))
		return;
	if (queues & SLUICE_PORT_SENT)
		p[n++] = (struct pollfd){.fd = sluice_port_fd(w->port, SLUICE_PORT_SENT), .events = POLLIN};
	if (queues & SLUICE_PORT_RECEIVED)
		p[n++] =
		    (struct pollfd){.fd = sluice_port_fd(w->port, SLUICE_PORT_RECEIVED), .events = POLLIN};
	if (poll(p, n, STUCK_MS) == 0)
		fail_with(w, "guest: nobody woke it");
}

static void *
guest_main(void *arg)
{
	struct world *w = arg;

	while (!failed(w) && (w->guest_done < w->frames || w->guest_got < w->frames)) {
		uint32_t before = w->guest_sent + w->guest_done + w->guest_got;

		if (!guest_completes(w) || !guest_receives(w) || !guest_sends(w))
			break;
		if (w->guest_sent + w->guest_done + w->guest_got == before)
			guest_sleeps(w, SLUICE_PORT_SENT | SLUICE_PORT_RECEIVED);
	}
	return NULL;
}

static void *
sender_main(void *arg)
{
	struct world *w = arg;

	while (!failed(w) && w->guest_done < w->frames) {
		if (!guest_completes(w) || !guest_sends(w))
			break;
		if (w->guest_done < w->frames)
			guest_sleeps(w, SLUICE_PORT_SENT);
	}
	return NULL;
}

static void *
receiver_main(void *arg)
{
	struct world *w = arg;

	while (!failed(w) && w->guest_got < w->frames) {
		if (!guest_receives(w))
			break;
		if (w->guest_got < w->frames)
			guest_sleeps(w, SLUICE_PORT_RECEIVED);
	}
	return NULL;
}

/* --- a bare ring ----------------------------------------------------------------------------------- */

#define ENTRIES 200000u

struct entry {
	uint32_t seq, twice, thrice;
};

struct ring_world {
	struct spsc ring;
	struct entry slots[8];
	uint32_t wrong;
};

static void *
ring_producer(void *arg)
{
	struct ring_world *w = arg;

	for (uint32_t seq = 0; seq < ENTRIES;) {
		struct entry *e = spsc_put(&w->ring);

		if (e) {
			*e = (struct entry){.seq = seq, .twice = 2 * seq, .thrice = 3 * seq};
			seq++;
		}
		if (!e || seq % 3 == 0 || seq == ENTRIES)
			spsc_publish(&w->ring);
		if (!e)
			sched_yield();
	}
	return NULL;
}

static void *
ring_consumer(void *arg)
{
	struct ring_world *w = arg;

	for (uint32_t seq = 0; seq < ENTRIES;) {
		const struct entry *e = spsc_get(&w->ring);

		if (e) {
			w->wrong += e->seq != seq || e->twice != 2 * seq || e->thrice != 3 * seq;
			seq++;
		}
		if (!e || seq % 5 == 0)
			spsc_give(&w->ring);
		if (!e)
			sched_yield();
	}
	return NULL;
}

/* In the port a slot is only reused after a cookie came back through another ring, which would hide a
 * missing release in this one. */
static void
a_bare_ring_between_two_threads(void **state)
{
	struct ring_world *w = aligned_alloc(_Alignof(struct ring_world), sizeof(*w));
	pthread_t put, get;

	(void)state;
	assert_non_null(w);
	memset(w, 0, sizeof(*w));
	spsc_init(&w->ring, w->slots, sizeof(w->slots[0]), 8);
	assert_int_equal(pthread_create(&put, NULL, ring_producer, w), 0);
	assert_int_equal(pthread_create(&get, NULL, ring_consumer, w), 0);
	pthread_join(put, NULL);
	pthread_join(get, NULL);
	assert_int_equal(w->wrong, 0);
	assert_false(w->ring.put.bad || w->ring.get.bad);
	free(w);
}

/* --- the tests ------------------------------------------------------------------------------------- */

static struct world *
world_new(uint32_t frames, bool lockstep)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sluice_port_config c;
	int error;

	assert_non_null(w);
	sluice_port_config_init(&c);
	c.send_slots = SLOTS;
	c.receive_slots = SLOTS;
	c.csum = c.tso = true;
	w->frames = frames;
	w->lockstep = lockstep;
	for (size_t i = 0; i < sizeof(w->pattern); i++)
		w->pattern[i] = (uint8_t)(i % PERIOD * 31 + i % PERIOD / 256);
	w->out = malloc((size_t)SLOTS * FRAME_MAX);
	w->in = malloc((size_t)SLOTS * STRIDE);
	w->port = sluice_port_new(&c, NULL, 0);
	assert_non_null(w->port);
	w->link = link_port(NULL, w->port, 1500, &error);
	assert_non_null(w->link);
	for (uint64_t i = 0; i < SLOTS; i++)
		assert_true(guest_lends(w, i));
	return w;
}

static void
world_check_and_free(struct world *w)
{
	struct sluice_port_stats st = {.size = sizeof(st)};

	if (w->failed)
		fail_msg("%s", w->failed);
	sluice_port_get_stats(w->port, &st);
	assert_int_equal(st.sent, w->frames);
	assert_int_equal(st.refused, 0);
	assert_int_equal(st.no_room, 0);
	assert_int_equal(w->gateway_got, w->frames);
	assert_int_equal(w->guest_got, w->frames);
	print_message("%u frames each way: gateway woken %llu times, guest %llu\n", w->frames,
		      (unsigned long long)st.gateway_wakes, (unsigned long long)st.guest_wakes);
	w->link->ops->free(w->link);
	sluice_port_free(w->port);
	free(w->out);
	free(w->in);
	free(w);
}

static void
run(struct world *w, void *(*const mains[])(void *), size_t n)
{
	pthread_t t[3];

	for (size_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&t[i], NULL, mains[i], w), 0);
	for (size_t i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	world_check_and_free(w);
}

static void
two_threads_at_full_speed(void **state)
{
	(void)state;
	run(world_new(120000, false), (void *(*const[])(void *)){gateway_main, guest_main}, 2);
}

static void
two_threads_that_sleep_at_each_frame(void **state)
{
	(void)state;
	run(world_new(20000, true), (void *(*const[])(void *)){gateway_main, guest_main}, 2);
}

static void
a_guest_of_two_threads(void **state)
{
	(void)state;
	run(world_new(120000, false), (void *(*const[])(void *)){gateway_main, sender_main, receiver_main},
	    3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bare_ring_between_two_threads),
	    cmocka_unit_test(two_threads_at_full_speed),
	    cmocka_unit_test(two_threads_that_sleep_at_each_frame),
	    cmocka_unit_test(a_guest_of_two_threads),
	};

	return cmocka_run_group_tests_name("port between threads", tests, NULL, NULL);
}
