/*
 * virtio_thread_test.c - a virtio-net device between real threads, every byte checked
 *
 * One thread plays the gateway's loop on the link, one the driver; each sends numbered frames of many lengths and
 * checks what it gets.  Everyone sleeps in poll(2) when there is nothing to do, so a notification that is lost
 * ends the test by a timeout that is otherwise never reached.  The driver spoils its memory as soon as it has it
 * back.  A third thread changes memory, asks for numbers and resets the device meanwhile.  The same program under
 * -fsanitize=thread is the proof of the rings' ordering and of the lock.
 */
#include <errno.h>

#include "link/vnet_wire.h"
#include "sluice.h"
#include "test/bed/craft.h"
#include "test/bed/virtio_driver.h"
#include "test/unit/link_thread_kit.h"

#define MTU 1500u
#define TX_NUM 256u
#define RX_NUM 512u
#define STRIDE 2048u /* from one receive buffer to the next */
#define PLACE (VNET_HLEN + FRAME_MAX)
#define FRAMES_OUT 64u /* of the driver, under way at a time */

struct world {
	struct traffic t; /* first: the threads are given it */
	struct driver d;
	struct virtio_dev *dev;
	bool event_idx, indirect;
	_Atomic bool done;
	uint64_t out, in; /* guest-physical */
};

/* --- the driver ------------------------------------------------------------------------------------ */

static void
guest_publishes(struct world *w, unsigned queue)
{
	if (driver_publish(&w->d.q[queue]))
		driver_kick(&w->d, queue);
}

static bool
guest_sends_one(struct world *w)
{
	uint32_t seq = w->t.guest_sent, len = VNET_HLEN + frame_len(seq), n = 1 + seq % 23, off = 0;
	uint64_t at = w->out + (uint64_t)(seq % FRAMES_OUT) * PLACE;
	struct driver_part p[23];
	struct wr wr = wr_of(driver_at(&w->d, at), VNET_HLEN);

	if (!w->indirect)
		n = 1 + seq % 3;
	vnet_emit(&wr, &(struct offload){.hdr_len = (uint16_t)seq});
	frame_fill(&w->t, seq, driver_at(&w->d, at + VNET_HLEN));
	for (uint32_t i = 0; i < n; i++) {
		p[i] = (struct driver_part){.gpa = at + off, .len = i + 1 == n ? len - off : len / n};
		off += p[i].len;
	}
	if (!driver_add(&w->d.q[VIRTIO_TX], p, n, w->indirect, seq))
		return fail_with(&w->t, "guest: the ring is full with descriptors to spare");
	w->t.guest_sent++;
	return true;
}

static bool
guest_sends(struct world *w)
{
	uint32_t before = w->t.guest_sent;

	while (guest_may_send(&w->t, FRAMES_OUT)) {
		if (!guest_sends_one(w))
			return false;
	}
	if (w->t.guest_sent != before)
		guest_publishes(w, VIRTIO_TX);
	return true;
}

static bool
guest_completes(struct world *w)
{
	uint64_t cookie;
	uint32_t len;

	while (driver_used(&w->d.q[VIRTIO_TX], &cookie, &len)) {
		if (cookie != w->t.guest_done || len != 0)
			return fail_with(&w->t, "guest: frames come back out of order");
		memset(driver_at(&w->d, w->out + (uint64_t)(w->t.guest_done++ % FRAMES_OUT) * PLACE), 0xdd,
		       80);
	}
	return !w->d.q[VIRTIO_TX].wrong || fail_with(&w->t, w->d.q[VIRTIO_TX].wrong);
}

static bool
guest_posts(struct world *w, uint64_t i)
{
	struct driver_part p = {
	    .gpa = w->in + i * STRIDE, .len = 512 + (uint32_t)(i % 7) * 200, .write = true};

	return driver_add(&w->d.q[VIRTIO_RX], &p, 1, false, i) ||
	       fail_with(&w->t, "guest: cannot post again");
}

static bool
guest_takes(struct world *w, uint64_t i, uint32_t len)
{
	uint8_t *p = driver_at(&w->d, w->in + i * STRIDE);
	uint32_t head = 0;

	if (w->t.bufs_left == 0) {
		struct rd r = rd_of(view_of(p, VNET_HLEN));
		struct offload off;

		vnet_parse(&r, &off);
		head = VNET_HLEN;
		if (!guest_begins(&w->t, len < head ? 0 : p[10] | (unsigned)p[11] << 8, off.gso_size))
			return false;
	}
	if (!guest_reads(&w->t, p + head, len - head))
		return false;
	memset(p, 0xdd, 80);
	return guest_posts(w, i);
}

static bool
guest_receives(struct world *w)
{
	uint64_t cookie;
	uint32_t len;
	bool any = false;

	while (driver_used(&w->d.q[VIRTIO_RX], &cookie, &len)) {
		if (!guest_takes(w, cookie, len))
			return false;
		any = true;
	}
	if (any)
		guest_publishes(w, VIRTIO_RX);
	return !w->d.q[VIRTIO_RX].wrong || fail_with(&w->t, w->d.q[VIRTIO_RX].wrong);
}

static void
guest_sleeps(struct world *w)
{
	bool work = false;

	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		work = driver_arm(&w->d.q[i]) || work;
	if (!work)
		sleep_on(&w->t, w->d.call_fd, VIRTIO_QUEUES, "guest: nobody woke it");
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		driver_interrupted(&w->d, i);
		driver_hush(&w->d.q[i]);
	}
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
			guest_sleeps(w);
	}
	atomic_store(&w->done, true);
	return NULL;
}

/* --- somebody who meddles -------------------------------------------------------------------------- */

/* The same memory anew, numbers, the same descriptors anew: nothing that the traffic may notice. */
static void *
vmm_main(void *arg)
{
	struct world *w = arg;
	struct guest_region all = driver_region(&w->d);
	struct virtio_stats st;

	while (!failed(&w->t) && !atomic_load(&w->done)) {
		for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
			if (virtio_set_memory(w->dev, &all, 1) != 0 ||
			    virtio_set_kick(w->dev, i, w->d.kick_fd[i]) != 0 ||
			    virtio_set_call(w->dev, i, w->d.call_fd[i]) != 0)
				fail_with(&w->t, "vmm: a change was refused");
		}
		virtio_get_stats(w->dev, &st);
		if (st.broken || st.running != 3)
			fail_with(&w->t, "vmm: a queue broke");
		poll(NULL, 0, 1);
	}
	return NULL;
}

/* --- the tests ------------------------------------------------------------------------------------- */

static struct world *
world_new(uint32_t frames, bool lockstep, uint64_t features)
{
	struct world *w = calloc(1, sizeof(*w));
	int error;

	assert_non_null(w);
	w->event_idx = features & VIRTIO_F_EVENT_IDX;
	w->indirect = features & VIRTIO_F_INDIRECT_DESC;
	traffic_init(&w->t, frames, lockstep);
	driver_init(&w->d, 8 << 20, DRIVER_GPA);
	driver_queue_init(
	    &w->d, VIRTIO_RX,
	    &(struct driver_queue_conf){.num = RX_NUM, .start = 65000, .event_idx = w->event_idx});
	driver_queue_init(&w->d, VIRTIO_TX,
			  &(struct driver_queue_conf){
			      .num = TX_NUM, .start = 65500, .event_idx = w->event_idx, .tables = 23});
	w->out = driver_alloc(&w->d, (uint64_t)FRAMES_OUT * PLACE, 4096);
	w->in = driver_alloc(&w->d, (uint64_t)RX_NUM * STRIDE, 4096);
	w->dev = virtio_new(&error);
	assert_non_null(w->dev);
	struct guest_region all = driver_region(&w->d);
	assert_int_equal(virtio_set_memory(w->dev, &all, 1), 0);
	assert_int_equal(virtio_set_features(w->dev, features), 0);
	w->t.link = link_virtio(NULL, w->dev, MTU, &error);
	assert_non_null(w->t.link);
	for (uint64_t i = 0; i < RX_NUM; i++)
		assert_true(guest_posts(w, i));
	driver_publish(&w->d.q[VIRTIO_RX]);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		struct virtio_queue_setup s = driver_setup(&w->d, i);

		assert_int_equal(virtio_start(w->dev, i, &s), 0);
	}
	/* The link has noticed: what was sent before would be lost. */
	struct frame none;
	bool more;
	assert_int_equal(w->t.link->ops->receive(w->t.link, &none, 1, &more), 0);
	w->t.link->ops->release(w->t.link);
	assert_int_equal(w->t.link->arrived, 1);
	return w;
}

static void
run(struct world *w)
{
	void *(*const mains[])(void *) = {gateway_main, guest_main, vmm_main};
	struct virtio_stats st;

	traffic_run(&w->t, mains, 3);
	virtio_get_stats(w->dev, &st);
	assert_int_equal(st.frames_in, w->t.frames);
	assert_int_equal(st.frames_out, w->t.frames);
	assert_int_equal(st.refused + st.no_room + st.broken, 0);
	print_message("%u frames each way: %llu kicks, %llu interrupts\n", w->t.frames,
		      (unsigned long long)st.kicks, (unsigned long long)st.calls);
	w->t.link->ops->free(w->t.link);
	virtio_free(w->dev);
	driver_free(&w->d);
	free(w);
}

static void
at_full_speed(void **state)
{
	(void)state;
	run(world_new(60000, false, VIRTIO_LINK_FEATURES));
}

static void
at_full_speed_by_flags(void **state)
{
	(void)state;
	run(world_new(60000, false, VIRTIO_LINK_FEATURES & ~(VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)));
}

static void
that_sleep_at_each_frame(void **state)
{
	(void)state;
	run(world_new(10000, true, VIRTIO_LINK_FEATURES));
}

static void
that_sleep_at_each_frame_by_flags(void **state)
{
	(void)state;
	run(world_new(10000, true, VIRTIO_LINK_FEATURES & ~VIRTIO_F_EVENT_IDX));
}

/* --- a whole gateway ------------------------------------------------------------------------------- */

#define LIVES 100u
#define PINGS 20u

struct guest {
	struct driver d;
	struct sluice_virtio *v;
	uint64_t out, in;
	uint32_t answers;
	const char *failed;
};

static void *
sluice_main(void *arg)
{
	sluice_run(arg);
	return NULL;
}

/* An echo request to the gateway itself. */
static uint32_t
ping(uint8_t *to, uint16_t seq)
{
	static const uint8_t gateway_mac[6] = {0x52, 0x55, 10, 0, 2, 2}, mac[6] = {2, 0, 0, 0, 0, 1};
	static uint8_t frame[FRAME_MAX];
	struct craft c = {.ttl = 64};
	uint8_t data[32];

	memcpy(&c.src_mac, mac, 6);
	memcpy(&c.dst_mac, gateway_mac, 6);
	addr_parse("10.0.2.15", &c.src);
	addr_parse("10.0.2.2", &c.dst);
	memset(data, seq, sizeof(data));
	size_t len = craft_icmp(frame, &c, &(struct icmp){.type = 8, .rest = 7u << 16 | seq},
				view_of(data, sizeof(data)));
	memcpy(to, frame, len);
	return (uint32_t)len;
}

static int
guest_starts(struct guest *g)
{
	g->d.allocated = 0;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		driver_queue_init(&g->d, i, &(struct driver_queue_conf){.num = 256, .event_idx = true});
		struct sluice_virtqueue q = driver_virtqueue(&g->d, i);
		int r = sluice_virtio_start(g->v, i, &q);
		if (r)
			return r;
	}
	g->out = driver_alloc(&g->d, 2048, 64);
	g->in = driver_alloc(&g->d, (uint64_t)64 * 2048, 64);
	for (uint32_t i = 0; i < 64; i++) {
		struct driver_part p = {.gpa = g->in + (uint64_t)i * 2048, .len = 2048, .write = true};
		driver_add(&g->d.q[VIRTIO_RX], &p, 1, false, i);
	}
	if (driver_publish(&g->d.q[VIRTIO_RX]))
		driver_kick(&g->d, VIRTIO_RX);
	return 0;
}

/* Pings and waits for the answer; other frames (advertisements, ARP) go by. */
static bool
guest_pings(struct guest *g, uint16_t seq)
{
	memset(driver_at(&g->d, g->out), 0, VNET_HLEN);
	uint32_t len = ping(driver_at(&g->d, g->out + VNET_HLEN), seq);
	struct driver_part p = {.gpa = g->out, .len = VNET_HLEN + len};
	uint64_t cookie;
	uint32_t n;

	driver_add(&g->d.q[VIRTIO_TX], &p, 1, false, 0);
	if (driver_publish(&g->d.q[VIRTIO_TX]))
		driver_kick(&g->d, VIRTIO_TX);
	for (;;) {
		while (driver_used(&g->d.q[VIRTIO_TX], &cookie, &n))
			;
		while (driver_used(&g->d.q[VIRTIO_RX], &cookie, &n)) {
			const uint8_t *f = driver_at(&g->d, g->in + cookie * 2048 + VNET_HLEN);

			/* ICMP, echo reply, our number */
			if (n == VNET_HLEN + len && f[23] == 1 && f[34] == 0 && f[41] == (seq & 0xff))
				return true;
		}
		if (driver_arm(&g->d.q[VIRTIO_RX]))
			continue;
		struct pollfd fd = {.fd = g->d.call_fd[VIRTIO_RX], .events = POLLIN};
		if (poll(&fd, 1, STUCK_MS) == 0)
			return false;
		driver_interrupted(&g->d, VIRTIO_RX);
	}
}

/* One device, one gateway in its thread, many guests one after another: boot, traffic, reset in mid-traffic. */
static void
guests_of_a_whole_gateway(void **state)
{
	struct guest g = {.answers = 0};
	struct sluice_config cfg;
	pthread_t t;

	(void)state;
	driver_init(&g.d, 1 << 20, DRIVER_GPA);
	g.v = sluice_virtio_new(NULL, NULL, 0);
	assert_non_null(g.v);
	assert_int_equal(
	    sluice_virtio_set_memory(g.v, &(struct sluice_memory){DRIVER_GPA, 1 << 20, g.d.memory}, 1), 0);
	sluice_config_init(&cfg);
	cfg.link_kind = SLUICE_LINK_VIRTIO;
	cfg.virtio = g.v;
	cfg.profiles = "all";
	cfg.memory = 16 << 20;
	struct sluice *s = sluice_new(&cfg, NULL, 0);
	assert_non_null(s);
	assert_int_equal(pthread_create(&t, NULL, sluice_main, s), 0);
	for (uint32_t life = 0; life < LIVES; life++) {
		assert_int_equal(sluice_virtio_set_features(g.v, sluice_virtio_features(g.v)), 0);
		assert_int_equal(guest_starts(&g), 0);
		for (uint16_t i = 0; i < PINGS; i++)
			assert_true(guest_pings(&g, (uint16_t)(life * PINGS + i)));
		struct driver_part p = {.gpa = g.out, .len = 100};
		driver_add(&g.d.q[VIRTIO_TX], &p, 1, false, 0);
		if (driver_publish(&g.d.q[VIRTIO_TX]))
			driver_kick(&g.d, VIRTIO_TX);
		assert_int_equal(sluice_virtio_reset(g.v), 0);
		memset(g.d.memory, 0xff, 1 << 20); /* nobody looks at it now */
	}
	sluice_stop(s);
	pthread_join(t, NULL);
	sluice_free(s);
	sluice_virtio_free(g.v);
	driver_free(&g.d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(at_full_speed),
	    cmocka_unit_test(at_full_speed_by_flags),
	    cmocka_unit_test(that_sleep_at_each_frame),
	    cmocka_unit_test(that_sleep_at_each_frame_by_flags),
	    cmocka_unit_test(guests_of_a_whole_gateway),
	};

	return cmocka_run_group_tests_name("virtio between threads", tests, NULL, NULL);
}
