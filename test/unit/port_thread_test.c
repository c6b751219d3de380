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
#include <sched.h>

#include "link/port.h"
#include "sluice.h"
#include "test/unit/link_thread_kit.h"

#define SLOTS 256u
#define STRIDE 4096u /* from one lent buffer to the next */

struct world {
	struct traffic t; /* first: the threads are given it */
	struct sluice_port *port;
	uint8_t *out; /* guest: SLOTS frames of FRAME_MAX bytes */
	uint8_t *in;  /* guest: SLOTS buffers STRIDE apart */
};

/* --- the guest ------------------------------------------------------------------------------------- */

static bool
guest_sends(struct world *w)
{
	while (guest_may_send(&w->t, SLOTS)) {
		uint32_t seq = w->t.guest_sent, len = frame_len(seq);
		uint8_t *at = w->out + (size_t)(seq % SLOTS) * FRAME_MAX;
		struct iovec iov[SLUICE_PORT_SPANS];
		uint32_t niov = 1 + seq % SLUICE_PORT_SPANS, off = 0;

		frame_fill(&w->t, seq, at);
		for (uint32_t i = 0; i < niov; i++) {
			uint32_t n = i + 1 == niov ? len - off : len / niov;

			iov[i] = (struct iovec){.iov_base = at + off, .iov_len = n};
			off += n;
		}
		struct sluice_frame f = {
		    .iov = iov, .niov = niov, .cookie = seq, .off = {.hdr_len = (uint16_t)seq}};
		if (sluice_port_send(w->port, &f, 1) != 1)
			return fail_with(&w->t, "guest: the ring is full with slots to spare");
		w->t.guest_sent++;
	}
	return true;
}

static bool
guest_completes(struct world *w)
{
	uint64_t cookies[32];
	int n = sluice_port_sent(w->port, cookies, 32);

	if (n < 0)
		return fail_with(&w->t, "guest: the port died");
	for (int i = 0; i < n; i++) {
		if (cookies[i] != w->t.guest_done)
			return fail_with(&w->t, "guest: cookies are out of order");
		memset(w->out + (size_t)(w->t.guest_done++ % SLOTS) * FRAME_MAX, 0xdd, 64);
	}
	return true;
}

static bool
guest_lends(struct world *w, uint64_t i)
{
	struct sluice_buffer b = {
	    .base = w->in + i * STRIDE, .len = 512 + (uint32_t)(i % 7) * 400, .cookie = i};

	return sluice_port_lend(w->port, &b, 1) == 1 || fail_with(&w->t, "guest: cannot lend a buffer again");
}

static bool
guest_takes(struct world *w, const struct sluice_filled *in)
{
	bool begins = w->t.bufs_left == 0;

	if (begins && !guest_begins(&w->t, in->nbuf, in->off.gso_size))
		return false;
	if (!begins && in->nbuf != 0)
		return fail_with(&w->t, "guest: a frame starts within another");
	return guest_reads(&w->t, w->in + in->cookie * STRIDE, in->len) && guest_lends(w, in->cookie);
}

static bool
guest_receives(struct world *w)
{
	struct sluice_filled in[32];
	int n = sluice_port_received(w->port, in, 32);

	if (n < 0)
		return fail_with(&w->t, "guest: the port died");
	for (int i = 0; i < n; i++) {
		if (!guest_takes(w, &in[i]))
			return false;
	}
	return true;
}

static void
guest_sleeps(struct world *w, unsigned queues)
{
	int fds[2];
	unsigned n = 0;

	if (sluice_port_arm(w->port, queues))
		return;
	if (queues & SLUICE_PORT_SENT)
		fds[n++] = sluice_port_fd(w->port, SLUICE_PORT_SENT);
	if (queues & SLUICE_PORT_RECEIVED)
		fds[n++] = sluice_port_fd(w->port, SLUICE_PORT_RECEIVED);
	sleep_on(&w->t, fds, n, "guest: nobody woke it");
}

static void *
guest_main(void *arg)
{
	struct world *w = arg;

	while (!failed(&w->t) && (w->t.guest_done < w->t.frames || w->t.guest_got < w->t.frames)) {
		uint32_t before = w->t.guest_sent + w->t.guest_done + w->t.guest_got;

		if (!guest_completes(w) || !guest_receives(w) || !guest_sends(w))
			break;
		if (w->t.guest_sent + w->t.guest_done + w->t.guest_got == before)
			guest_sleeps(w, SLUICE_PORT_SENT | SLUICE_PORT_RECEIVED);
	}
	return NULL;
}

static void *
sender_main(void *arg)
{
	struct world *w = arg;

	while (!failed(&w->t) && w->t.guest_done < w->t.frames) {
		if (!guest_completes(w) || !guest_sends(w))
			break;
		if (w->t.guest_done < w->t.frames)
			guest_sleeps(w, SLUICE_PORT_SENT);
	}
	return NULL;
}

static void *
receiver_main(void *arg)
{
	struct world *w = arg;

	while (!failed(&w->t) && w->t.guest_got < w->t.frames) {
		if (!guest_receives(w))
			break;
		if (w->t.guest_got < w->t.frames)
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
	traffic_init(&w->t, frames, lockstep);
	w->out = malloc((size_t)SLOTS * FRAME_MAX);
	w->in = malloc((size_t)SLOTS * STRIDE);
	w->port = sluice_port_new(&c, NULL, 0);
	assert_non_null(w->port);
	w->t.link = link_port(NULL, w->port, 1500, &error);
	assert_non_null(w->t.link);
	for (uint64_t i = 0; i < SLOTS; i++)
		assert_true(guest_lends(w, i));
	return w;
}

static void
run(struct world *w, void *(*const mains[])(void *), size_t n)
{
	struct sluice_port_stats st = {.size = sizeof(st)};

	traffic_run(&w->t, mains, n);
	sluice_port_get_stats(w->port, &st);
	assert_int_equal(st.sent, w->t.frames);
	assert_int_equal(st.refused, 0);
	assert_int_equal(st.no_room, 0);
	print_message("%u frames each way: gateway woken %llu times, guest %llu\n", w->t.frames,
		      (unsigned long long)st.gateway_wakes, (unsigned long long)st.guest_wakes);
	w->t.link->ops->free(w->t.link);
	sluice_port_free(w->port);
	free(w->out);
	free(w->in);
	free(w);
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
