/*
 * port_test.c - both halves of the in-process port, with an honest guest: borrowing, limits, merged buffers,
 * sleeping, departure, and the copying pair
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/unit/port_kit.h"

/* --- an honest guest ------------------------------------------------------------------------------- */

static void
a_bad_configuration_is_refused_with_its_value(void **state)
{
	static const struct {
		uint32_t send, receive, copy;
		bool csum, tso, uso;
		const char *says;
	} t[] = {
	    {100, 64, 0, false, false, false, "100"},       {32, 64, 0, false, false, false, "32"},
	    {64, 65536, 0, false, false, false, "65536"},   {64, 64, 0, false, true, false, "csum"},
	    {64, 64, 0, false, false, true, "csum"},        {64, 64, 65551, false, false, false, "65551"},
	    {64, 64, 1514, true, false, false, "offloads"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct sluice_port_config c = small_config();
		char err[256] = "";

		c.send_slots = t[i].send;
		c.receive_slots = t[i].receive;
		c.copy_frame = t[i].copy;
		c.csum = t[i].csum;
		c.tso = t[i].tso;
		c.uso = t[i].uso;
		assert_null(sluice_port_new(&c, err, sizeof(err)));
		assert_non_null(strstr(err, t[i].says));
		assert_null(sluice_port_new(&c, NULL, 0));
	}
	struct sluice_port_config zero = {.size = sizeof(zero)};
	struct sluice_port *p = sluice_port_new(&zero, NULL, 0);
	assert_non_null(p);
	assert_int_equal(p->send_slots, 256);
	assert_int_equal(p->receive_slots, 1024);
	sluice_port_free(p);
	sluice_port_free(NULL);
}

static void
a_frame_arrives_where_it_lies_with_its_facts(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	struct iovec iov[] = {
	    {.iov_base = b->memory, .iov_len = 54},
	    {.iov_base = NULL, .iov_len = 0},
	    {.iov_base = b->memory + 4096, .iov_len = 1446},
	};
	struct sluice_frame f = {
	    .iov = iov,
	    .niov = 3,
	    .off = {.flags = SLUICE_NEEDS_CSUM,
		    .gso_type = SLUICE_GSO_TCPV4 | 0x80,
		    .hdr_len = 54,
		    .gso_size = 1000,
		    .csum_start = 34,
		    .csum_offset = 16},
	    .cookie = 0xfeedfacecafebeef,
	};
	uint64_t cookie;

	(void)state;
	assert_int_equal(sluice_port_send(b->port, &f, 1), 1);
	memset(iov, 0, sizeof(iov)); /* the list itself is not borrowed */

	assert_int_equal(receive(b), 1);
	assert_false(b->more);
	const struct frame *in = &b->frames[0];
	assert_int_equal(in->len, 1500);
	assert_int_equal(in->nspan, 2);
	assert_ptr_equal(in->span[0].p, b->memory);
	assert_int_equal(in->span[0].len, 54);
	assert_ptr_equal(in->span[1].p, b->memory + 4096);
	assert_int_equal(in->span[1].len, 1446);
	assert_true(in->shared);
	assert_true(in->off.needs_csum);
	assert_false(in->off.csum_valid);
	assert_int_equal(in->off.gso_type, GSO_TCPV4);
	assert_int_equal(in->off.gso_size, 1000);
	assert_int_equal(in->off.hdr_len, 54);
	assert_int_equal(in->off.csum_start, 34);
	assert_int_equal(in->off.csum_offset, 16);

	assert_int_equal(sluice_port_sent(b->port, &cookie, 1), 0); /* borrowed until the release */
	release(b);
	assert_int_equal(sluice_port_sent(b->port, &cookie, 1), 1);
	assert_true(cookie == 0xfeedfacecafebeef);
	bench_free(b);
}

static void
private_memory_is_not_marked_shared(void **state)
{
	struct sluice_port_config c = small_config();

	(void)state;
	c.private_memory = true;
	struct bench *b = bench_new(&c);
	assert_int_equal(guest_sends(b, 60, 0), 1);
	assert_int_equal(receive(b), 1);
	assert_false(b->frames[0].shared);
	bench_free(b);
}

static void
a_full_ring_takes_no_more_until_cookies_are_back(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	struct iovec iov = {.iov_base = b->memory, .iov_len = 60};
	struct sluice_frame f[SLOTS + 10];
	uint64_t cookies[2 * SLOTS];
	uint64_t next_in = 0, next_out = 0;

	(void)state;
	for (int turn = 0; turn < 5; turn++) {
		for (size_t i = 0; i < SLOTS + 10; i++)
			f[i] = (struct sluice_frame){.iov = &iov, .niov = 1, .cookie = next_in + i};
		assert_int_equal(sluice_port_send(b->port, f, SLOTS + 10), SLOTS);
		next_in += SLOTS;
		assert_int_equal(sluice_port_send(b->port, f, 1), 0);
		assert_int_equal(receive(b), LINK_BATCH);
		assert_int_equal(sluice_port_send(b->port, f, 1), 0);
		release(b);
		/* The room is the guest's only when it has taken the cookies. */
		assert_int_equal(sluice_port_send(b->port, f, 1), 0);
		assert_int_equal(sluice_port_sent(b->port, cookies, 5), 5);
		assert_int_equal(sluice_port_sent(b->port, cookies + 5, 2 * SLOTS - 5), SLOTS - 5);
		for (size_t i = 0; i < SLOTS; i++)
			assert_true(cookies[i] == next_out++);
	}
	bench_free(b);
}

static void
a_turn_is_bounded_in_frames_and_bytes(void **state)
{
	struct sluice_port_config c = small_config();

	(void)state;
	c.send_slots = 256;
	struct bench *b = bench_new(&c);
	for (uint64_t i = 0; i < 200; i++)
		assert_int_equal(guest_sends(b, 100, i), 1);
	assert_int_equal(receive(b), LINK_BATCH);
	assert_true(b->more);
	release(b);
	assert_int_equal(b->link->ops->receive(b->link, b->frames, 10, &b->more), 10);
	assert_true(b->more);
	release(b);
	assert_int_equal(receive(b), LINK_BATCH);
	assert_int_equal(receive(b), 62); /* without a release: the last batch is over all the same */
	assert_false(b->more);
	release(b);

	uint64_t cookies[256];
	assert_int_equal(sluice_port_sent(b->port, cookies, 256), 200);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(guest_sends(b, FRAME_MAX, i), 1);
	int n = receive(b);
	assert_in_range(n, 1, LINK_BATCH_BYTES / FRAME_MAX + 1);
	assert_true(b->more);
	bench_free(b);
}

static void
a_frame_spreads_over_the_buffers_in_order(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	uint8_t small[700], middle[800], large[2000];
	struct sluice_filled in[8];

	(void)state;
	assert_false(room(b));
	guest_lends(b, small, sizeof(small), 11);
	guest_lends(b, middle, sizeof(middle), 12);
	assert_false(room(b)); /* 1,500: a frame of MTU + 14 would not fit */
	guest_lends(b, large, sizeof(large), 13);
	assert_true(room(b));

	struct frame f = {
	    .off = {.csum_valid = true, .hdr_len = 77, .gso_type = GSO_UDP_L4, .gso_size = 9},
	    .len = 1514,
	    .nspan = 3,
	    .span = {view_of(b->memory, 54), view_of(b->memory + 54, 1000), view_of(b->memory + 1054, 460)},
	};
	b->link->sink.send(b->link->sink.ctx, &f);
	assert_int_equal(sluice_port_received(b->port, in, 8), 0); /* shown by the flush */
	b->link->sink.flush(b->link->sink.ctx);
	assert_int_equal(sluice_port_received(b->port, in, 2), 2);
	assert_int_equal(sluice_port_received(b->port, in + 2, 6), 1);

	static const struct {
		uint64_t cookie;
		uint32_t len;
		uint16_t nbuf;
	} want[] = {{11, 700, 3}, {12, 800, 0}, {13, 14, 0}};
	for (int i = 0; i < 3; i++) {
		assert_true(in[i].cookie == want[i].cookie);
		assert_int_equal(in[i].len, want[i].len);
		assert_int_equal(in[i].nbuf, want[i].nbuf);
	}
	assert_int_equal(in[0].off.flags, SLUICE_CSUM_VALID);
	assert_int_equal(in[0].off.gso_type, SLUICE_GSO_UDP);
	assert_int_equal(in[0].off.gso_size, 9);
	assert_int_equal(in[0].off.hdr_len, 77);
	assert_memory_equal(small, b->memory, 700);
	assert_memory_equal(middle, b->memory + 700, 800);
	assert_memory_equal(large, b->memory + 1500, 14);
	assert_false(room(b)); /* the rest of `large` is gone with its frame */
	bench_free(b);
}

static void
an_exact_fit_takes_no_extra_buffer(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	uint8_t *exact = malloc(ROOM); /* on the heap: a byte too far is seen */
	struct sluice_filled in[4];

	(void)state;
	guest_lends(b, exact, ROOM, 1);
	guest_lends(b, b->memory, 100, 2);
	assert_true(room(b));
	gateway_sends(b, b->memory + 1000, ROOM);
	assert_int_equal(sluice_port_received(b->port, in, 4), 1);
	assert_int_equal(in[0].len, ROOM);
	assert_int_equal(in[0].nbuf, 1);
	assert_memory_equal(exact, b->memory + 1000, ROOM);
	free(exact);
	bench_free(b);
}

static void
room_is_for_the_longest_frame(void **state)
{
	struct sluice_port_config c = small_config();

	(void)state;
	c.csum = c.tso = true;
	struct bench *b = bench_new(&c);
	assert_true(b->link->sink.lim.csum && b->link->sink.lim.tso && !b->link->sink.lim.uso);
	assert_int_equal(b->link->sink.lim.mtu, MTU);
	guest_lends(b, b->memory, FRAME_MAX - 1, 0);
	assert_false(room(b));
	guest_lends(b, b->memory + FRAME_MAX, 1, 0);
	assert_true(room(b));
	bench_free(b);
}

static void
a_frame_without_room_is_counted_and_costs_no_buffer(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	uint8_t buf[1000];
	struct sluice_filled in[2];

	(void)state;
	guest_lends(b, buf, sizeof(buf), 5);
	gateway_sends(b, b->memory, 1001);
	assert_int_equal(b->link->no_room, 1);
	assert_int_equal(stats(b).no_room, 1);
	assert_int_equal(sluice_port_received(b->port, in, 2), 0);
	gateway_sends(b, b->memory, 1000); /* shorter than room() asks for, and it fits */
	assert_int_equal(b->link->no_room, 1);
	assert_int_equal(sluice_port_received(b->port, in, 2), 1);
	assert_memory_equal(buf, b->memory, 1000);
	bench_free(b);
}

static void
only_so_many_buffers_can_be_lent(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	struct sluice_buffer bufs[SLOTS + 1];
	struct sluice_filled in[SLOTS];

	(void)state;
	for (size_t i = 0; i <= SLOTS; i++)
		bufs[i] = (struct sluice_buffer){.base = b->memory + i * ROOM, .len = ROOM, .cookie = i};
	assert_int_equal(sluice_port_lend(b->port, bufs, SLOTS + 1), SLOTS);
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(guest_lends(b, b->memory, 1, 0), 0);
		while (room(b))
			gateway_sends(b, b->memory, 60);
		assert_int_equal(guest_lends(b, b->memory, 1, 0), 0);
		assert_int_equal(sluice_port_received(b->port, in, SLOTS), SLOTS);
		for (size_t i = 0; i < SLOTS; i++)
			assert_int_equal(in[i].cookie, i);
		assert_int_equal(sluice_port_lend(b->port, bufs, SLOTS + 1), SLOTS);
	}
	bench_free(b);
}

/* --- sleeping -------------------------------------------------------------------------------------- */

static void
nobody_who_is_awake_is_interrupted(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	uint64_t cookie;
	struct sluice_filled in;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		assert_int_equal(guest_sends(b, 60, i), 1);
		assert_int_equal(guest_lends(b, b->memory + FRAME_MAX, ROOM, i), 1);
		assert_int_equal(receive(b), 1);
		gateway_sends(b, b->memory, 60);
		release(b);
		assert_int_equal(sluice_port_sent(b->port, &cookie, 1), 1);
		assert_int_equal(sluice_port_received(b->port, &in, 1), 1);
	}
	assert_int_equal(stats(b).gateway_wakes, 0);
	assert_int_equal(stats(b).guest_wakes, 0);
	assert_int_equal(stats(b).received, 1000);
	assert_false(gateway_is_woken(b));
	bench_free(b);
}

static void
a_sleeping_gateway_is_woken_once(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);

	(void)state;
	for (unsigned round = 1; round <= 3; round++) {
		assert_false(b->link->ops->before_sleep(b->link));
		assert_false(b->link->ops->before_sleep(b->link)); /* it woke for another reason in between */
		assert_false(gateway_is_woken(b));
		for (uint64_t i = 0; i < 10; i++)
			assert_int_equal(guest_sends(b, 60, i), 1);
		assert_int_equal(stats(b).gateway_wakes, round);
		assert_true(gateway_is_woken(b));
		assert_int_equal(receive(b), 10);
		release(b);
		assert_false(gateway_is_woken(b));
		uint64_t cookies[10];
		assert_int_equal(sluice_port_sent(b->port, cookies, 10), 10);
	}
	assert_int_equal(guest_sends(b, 60, 0), 1);
	assert_true(b->link->ops->before_sleep(b->link)); /* there is work: do not sleep */
	bench_free(b);
}

static void
lending_wakes_a_gateway_only_if_it_waits_for_room(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);

	(void)state;
	assert_false(b->link->ops->before_sleep(b->link));
	assert_int_equal(guest_lends(b, b->memory, 100, 0), 1);
	assert_int_equal(stats(b).gateway_wakes, 0);

	assert_false(room(b));
	assert_false(b->link->ops->before_sleep(b->link)); /* 100 bytes are no room */
	assert_int_equal(guest_lends(b, b->memory, 100, 0), 1);
	assert_int_equal(stats(b).gateway_wakes, 1);
	assert_true(gateway_is_woken(b));
	assert_int_equal(receive(b), 0);
	assert_false(gateway_is_woken(b));
	assert_int_equal(guest_lends(b, b->memory, ROOM, 0), 1);
	assert_true(b->link->ops->before_sleep(b->link)); /* enough has come meanwhile */
	assert_true(room(b));
	bench_free(b);
}

static void
a_sleeping_guest_is_woken_once_for_each_queue(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	const unsigned both = SLUICE_PORT_SENT | SLUICE_PORT_RECEIVED;
	int sent_fd = sluice_port_fd(b->port, SLUICE_PORT_SENT);
	int received_fd = sluice_port_fd(b->port, SLUICE_PORT_RECEIVED);
	uint64_t cookies[4];
	struct sluice_filled in[4];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(guest_sends(b, 60, 0), 1);
		assert_int_equal(guest_lends(b, b->memory, ROOM, 0), 1);
		assert_int_equal(guest_lends(b, b->memory, ROOM, 0), 1);
		assert_int_equal(sluice_port_arm(b->port, both), 0);
		assert_int_equal(sluice_port_arm(b->port, both), 0);
		assert_int_equal(receive(b), 1);
		release(b);
		assert_true(readable(sent_fd));
		assert_false(readable(received_fd));
		gateway_sends(b, b->memory, 60);
		gateway_sends(b, b->memory, 60);
		assert_true(readable(received_fd));
		assert_int_equal(stats(b).guest_wakes, 2 * (round + 1));
		assert_int_equal(sluice_port_arm(b->port, both), both);
		assert_int_equal(sluice_port_sent(b->port, cookies, 4), 1);
		assert_int_equal(sluice_port_received(b->port, in, 4), 2);
		assert_false(readable(sent_fd));
		assert_false(readable(received_fd));
	}
	bench_free(b);
}

/* The flag was taken down but the write is still to come: no wake-up may be left behind for ever. */
static void
a_late_write_is_drained_in_the_end(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	struct sluice_filled in;
	int fd = sluice_port_fd(b->port, SLUICE_PORT_RECEIVED);
	uint64_t one = 1;

	(void)state;
	assert_int_equal(sluice_port_arm(b->port, SLUICE_PORT_RECEIVED), 0);
	assert_int_equal(atomic_exchange(&b->port->guest_received.wanted, 0), 1); /* the waker's first half */
	assert_int_equal(sluice_port_received(b->port, &in, 1), 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one)); /* and its second */
	assert_int_equal(sluice_port_arm(b->port, SLUICE_PORT_RECEIVED), 0);
	assert_true(readable(fd)); /* one spurious wake-up */
	assert_int_equal(sluice_port_received(b->port, &in, 1), 0);
	assert_int_equal(sluice_port_arm(b->port, SLUICE_PORT_RECEIVED), 0);
	assert_false(readable(fd));
	bench_free(b);
}

/* --- recall, departure ----------------------------------------------------------------------------- */

static void
a_recall_brings_lent_buffers_back_unused(void **state)
{
	struct sluice_port_config c = small_config();
	struct bench *b = bench_new(&c);
	struct sluice_filled in[8];

	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		guest_lends(b, b->memory + i * ROOM, ROOM, i);
	assert_true(room(b));
	gateway_sends(b, b->memory, 60);
	guest_lends(b, b->memory + 4 * ROOM, ROOM, 4);
	assert_false(b->link->ops->before_sleep(b->link));
	sluice_port_recall(b->port);
	assert_true(gateway_is_woken(b));
	assert_true(b->link->ops->before_sleep(b->link));
	assert_int_equal(receive(b), 0);
	assert_int_equal(sluice_port_received(b->port, in, 8), 5);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(in[i].cookie, i);
		assert_int_equal(in[i].len, i == 0 ? 60 : 0);
	}
	assert_false(room(b));
	guest_lends(b, b->memory, ROOM, 9);
	assert_true(room(b));
	bench_free(b);
}

static void
a_departing_gateway_gives_everything_back(void **state)
{
	struct sluice_port_config c = small_config();

	(void)state;
	c.send_slots = 256;
	struct bench *b = bench_new(&c);
	uint64_t cookies[256];
	struct sluice_filled in[SLOTS];
	int error;

	for (uint64_t i = 0; i < 200; i++)
		assert_int_equal(guest_sends(b, 60, i), 1);
	for (uint64_t i = 0; i < SLOTS; i++)
		assert_int_equal(guest_lends(b, b->memory, ROOM, i), 1);
	assert_int_equal(receive(b), LINK_BATCH); /* and some are in its hands */
	assert_true(room(b));
	assert_null(link_port(NULL, b->port, MTU, &error));
	assert_int_equal(error, EBUSY);

	b->link->ops->free(b->link);
	assert_int_equal(sluice_port_sent(b->port, cookies, 256), 200);
	for (uint64_t i = 0; i < 200; i++)
		assert_true(cookies[i] == i);
	assert_int_equal(sluice_port_received(b->port, in, SLOTS), SLOTS);
	for (uint64_t i = 0; i < SLOTS; i++)
		assert_true(in[i].cookie == i && in[i].len == 0 && in[i].nbuf == 1);

	/* What is sent meanwhile waits for the next one. */
	assert_int_equal(guest_sends(b, 60, 7), 1);
	b->link = link_port(NULL, b->port, 1280, &error);
	assert_non_null(b->link);
	assert_int_equal(receive(b), 1);
	bench_free(b);
}

static int
descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
coming_and_going_leaves_nothing_behind(void **state)
{
	int before = descriptors();
	struct sluice_port_config c = small_config();

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct sluice_port *p = sluice_port_new(&c, NULL, 0);
		int error;

		assert_non_null(p);
		struct link *l = link_port(NULL, p, MTU, &error);
		assert_non_null(l);
		l->ops->free(l);
		sluice_port_free(p);
	}
	assert_int_equal(descriptors(), before);
}

/* --- the copying pair ------------------------------------------------------------------------------ */

static void
copied_frames_go_both_ways(void **state)
{
	struct sluice_port_config c = small_config();

	(void)state;
	c.copy_frame = 9000;
	struct bench *b = bench_new(&c);
	uint8_t buf[9000];

	for (size_t len = 1; len <= 9000; len += 331) {
		uint8_t *mine = malloc(len); /* gone again before the gateway looks */

		memcpy(mine, b->memory + len, len);
		assert_int_equal(sluice_port_send_copy(b->port, mine, len), 0);
		free(mine);
		assert_int_equal(receive(b), 1);
		assert_false(b->frames[0].shared);
		assert_int_equal(b->frames[0].len, len);
		assert_memory_equal(b->frames[0].span[0].p, b->memory + len, len);
		assert_true(room(b));
		b->link->sink.send(b->link->sink.ctx, &b->frames[0]);
		b->link->sink.flush(b->link->sink.ctx);
		release(b);
		assert_int_equal(sluice_port_recv_copy(b->port, buf, sizeof(buf)), len);
		assert_memory_equal(buf, b->memory + len, len);
	}
	bench_free(b);
}

static void
copying_says_when_it_cannot(void **state)
{
	struct sluice_port_config c = small_config();

	(void)state;
	c.copy_frame = 1514;
	struct bench *b = bench_new(&c);
	uint8_t buf[4000];
	uint64_t cookie;
	struct sluice_filled in;

	assert_int_equal(sluice_port_send_copy(b->port, b->memory, 1515), -EMSGSIZE);
	assert_int_equal(sluice_port_send_copy(b->port, b->memory, 0), -EMSGSIZE);
	assert_int_equal(guest_sends(b, 60, 0), -EINVAL);
	assert_int_equal(guest_lends(b, buf, 60, 0), -EINVAL);
	assert_int_equal(sluice_port_sent(b->port, &cookie, 1), -EINVAL);
	assert_int_equal(sluice_port_received(b->port, &in, 1), -EINVAL);

	for (unsigned i = 0; i < SLOTS; i++)
		assert_int_equal(sluice_port_send_copy(b->port, b->memory + i, 60), 0);
	assert_int_equal(sluice_port_send_copy(b->port, b->memory, 60), -EAGAIN);
	assert_false(readable(sluice_port_fd(b->port, SLUICE_PORT_SENT)));
	assert_int_equal(receive(b), SLOTS);
	release(b);
	assert_true(readable(sluice_port_fd(b->port, SLUICE_PORT_SENT))); /* -EAGAIN armed it */
	assert_int_equal(sluice_port_send_copy(b->port, b->memory, 60), 0);
	assert_false(readable(sluice_port_fd(b->port, SLUICE_PORT_SENT)));

	assert_int_equal(sluice_port_recv_copy(b->port, buf, sizeof(buf)), -EAGAIN);
	assert_true(room(b));
	gateway_sends(b, b->memory, 3000);
	gateway_sends(b, b->memory + 5, 60);
	assert_true(readable(sluice_port_fd(b->port, SLUICE_PORT_RECEIVED)));
	assert_int_equal(sluice_port_recv_copy(b->port, buf, 2999), -EMSGSIZE);
	assert_int_equal(sluice_port_recv_copy(b->port, buf, 60), 60); /* the next frame is whole */
	assert_memory_equal(buf, b->memory + 5, 60);
	assert_int_equal(sluice_port_recv_copy(b->port, buf, sizeof(buf)), -EAGAIN);
	bench_free(b);

	c.copy_frame = 0;
	b = bench_new(&c);
	assert_int_equal(sluice_port_send_copy(b->port, b->memory, 60), -EINVAL);
	assert_int_equal(sluice_port_recv_copy(b->port, buf, 60), -EINVAL);
	bench_free(b);
}

static void
copying_survives_a_change_of_gateway(void **state)
{
	struct sluice_port_config c = small_config();

	(void)state;
	c.copy_frame = 1514;
	struct bench *b = bench_new(&c);
	uint8_t buf[100];
	int error;

	assert_true(room(b));
	b->link->ops->free(b->link);
	b->link = link_port(NULL, b->port, MTU, &error);
	assert_non_null(b->link);
	assert_int_equal(sluice_port_recv_copy(b->port, buf, sizeof(buf)), -EAGAIN); /* lends them again */
	assert_true(room(b));
	gateway_sends(b, b->memory, 60);
	assert_int_equal(sluice_port_recv_copy(b->port, buf, sizeof(buf)), 60);
	bench_free(b);
}

/* --- the ring alone -------------------------------------------------------------------------------- */

static void
a_ring_keeps_order_across_the_wrap_of_its_index(void **state)
{
	uint32_t slots[8];
	struct spsc r = {0};
	uint32_t put = 0, got = 0;

	(void)state;
	spsc_init(&r, slots, sizeof(slots[0]), 8);
	r.put.own = r.put.seen = r.get.own = r.get.seen = UINT32_MAX - 20;
	atomic_store(&r.put.shared, UINT32_MAX - 20);
	atomic_store(&r.get.shared, UINT32_MAX - 20);
	for (int turn = 0; turn < 100; turn++) {
		for (int i = 0; i < 1 + turn % 11; i++) {
			uint32_t *p = spsc_put(&r);

			assert_int_equal(p == NULL, put - got == 8);
			if (p)
				*p = put++;
		}
		assert_int_equal(spsc_waiting(&r), false); /* not before they are published */
		spsc_publish(&r);
		for (const uint32_t *p; (p = spsc_get(&r)) != NULL;)
			assert_int_equal(*p, got++);
		spsc_give(&r);
		assert_int_equal(put, got);
	}
	assert_true(put > 100);
	assert_false(r.put.bad || r.get.bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bad_configuration_is_refused_with_its_value),
	    cmocka_unit_test(a_frame_arrives_where_it_lies_with_its_facts),
	    cmocka_unit_test(private_memory_is_not_marked_shared),
	    cmocka_unit_test(a_full_ring_takes_no_more_until_cookies_are_back),
	    cmocka_unit_test(a_turn_is_bounded_in_frames_and_bytes),
	    cmocka_unit_test(a_frame_spreads_over_the_buffers_in_order),
	    cmocka_unit_test(an_exact_fit_takes_no_extra_buffer),
	    cmocka_unit_test(room_is_for_the_longest_frame),
	    cmocka_unit_test(a_frame_without_room_is_counted_and_costs_no_buffer),
	    cmocka_unit_test(only_so_many_buffers_can_be_lent),
	    cmocka_unit_test(nobody_who_is_awake_is_interrupted),
	    cmocka_unit_test(a_sleeping_gateway_is_woken_once),
	    cmocka_unit_test(lending_wakes_a_gateway_only_if_it_waits_for_room),
	    cmocka_unit_test(a_sleeping_guest_is_woken_once_for_each_queue),
	    cmocka_unit_test(a_late_write_is_drained_in_the_end),
	    cmocka_unit_test(a_recall_brings_lent_buffers_back_unused),
	    cmocka_unit_test(a_departing_gateway_gives_everything_back),
	    cmocka_unit_test(coming_and_going_leaves_nothing_behind),
	    cmocka_unit_test(copied_frames_go_both_ways),
	    cmocka_unit_test(copying_says_when_it_cannot),
	    cmocka_unit_test(copying_survives_a_change_of_gateway),
	    cmocka_unit_test(a_ring_keeps_order_across_the_wrap_of_its_index),
	};

	return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
