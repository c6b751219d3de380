/*
 * gateway_limits_test.c - what is said at a limit and how often, several gateways in one process, building and
 * ending many of them, and the loop's own promises
 */
#include "test/unit/descriptor_kit.h"
#include "test/unit/gateway_kit.h"

#include <errno.h>
#include <unistd.h>

static struct endpoint
elsewhere(uint16_t port)
{
	return (struct endpoint){bed_elsewhere(FAMILY_V4), port};
}

/* --- what is said -------------------------------------------------------------------------------------------------- */

static void
a_line_a_second(void **state)
{
	struct endpoint to = elsewhere(9);

	(void)state;
	begin();
	for (unsigned i = 0; i < 50; i++) {
		vhost_fail(bed->vhost, "socket", 1, EMFILE);
		guest_udp(5000, &to, "x", 1);
		bed_settle(bed);
		wait_for(100 * USEC_PER_MSEC);
	}
	assert_int_equal(counted(GW_UDP_FULL), 50);
	assert_int_equal(logged, 5);
	assert_non_null(strstr(last_log, "(41 in all)"));
	assert_non_null(strstr(last_log, strerror(EMFILE)));
	/* Each limit has a second of its own. */
	vhost_fail(bed->vhost, "socket", 1, EMFILE);
	struct peer p = peer_to(40000, to);
	peer_send(&p, TCP_SYN, NULL, 0);
	bed_settle(bed);
	assert_int_equal(counted(GW_TCP_FULL), 1);
	assert_int_equal(logged, 6);
	end();
}

static void
every_limit_is_counted(void **state)
{
	struct sluice_stats st = {.size = sizeof(st)};
	struct endpoint to = elsewhere(9);
	uint64_t value, names = 0;

	(void)state;
	begin();
	vhost_fail(bed->vhost, "socket", 1, EMFILE);
	guest_udp(5000, &to, "x", 1);
	bed_settle(bed);
	vhost_fail(bed->vhost, "socket", 1, EMFILE);
	struct peer p = peer_to(40000, to);
	peer_send(&p, TCP_SYN, NULL, 0);
	bed_settle(bed);
	sluice_get_stats(bed->gw, &st);
	assert_int_equal(st.limited, 2);
	assert_int_equal(st.udp_open + st.tcp_open + st.ping_open, 0);
	for (size_t n = 0;; n++) {
		const char *name = sluice_counter(bed->gw, n, &value);

		if (!name)
			break;
		assert_true(name[0] != '\0');
		names++;
	}
	assert_int_equal(names, STACK_COUNTS + GW_COUNTS);
	/* An embedder of an older header has a smaller struct: nothing is written past it. */
	struct {
		struct sluice_stats st;
	} old = {.st = {.size = offsetof(struct sluice_stats, tcp_opened), .tcp_opened = 99}};
	sluice_get_stats(bed->gw, &old.st);
	assert_int_equal(old.st.tcp_opened, 99);
	assert_int_equal(old.st.frames_in, 2);
	end();
}

/* --- several gateways ---------------------------------------------------------------------------------------------- */

/* Two gateways with the same seed, run in turns, are each as one is alone. */
static void
two_are_boring(void **state)
{
	struct bed *both[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		both[i] = bed_new(&conf);
	for (unsigned step = 0; step < 20; step++) {
		struct bed_frame *f[2];

		for (unsigned i = 0; i < 2; i++) {
			bed = both[i];
			struct peer p = peer_to((uint16_t)(40000 + step), elsewhere(80));
			peer_send(&p, TCP_SYN, NULL, 0);
			f[i] = expect(STRICT_TCP);
			wait_for(USEC_PER_SEC);
			bed_drop(bed);
		}
		assert_int_equal(f[0]->len, f[1]->len);
		assert_memory_equal(f[0]->bytes, f[1]->bytes, f[0]->len);
		free(f[0]);
		free(f[1]);
	}
	for (unsigned i = 0; i < 2; i++) {
		bed = both[i];
		end();
	}
}

static void
other_seeds_other_numbers(void **state)
{
	uint32_t seq[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		conf.seed = i;
		begin();
		struct peer p = peer_to(40000, elsewhere(80));
		peer_send(&p, TCP_SYN, NULL, 0);
		struct bed_frame *f = expect(STRICT_TCP);
		seq[i] = f->is.tcp.seq;
		free(f);
		end();
	}
	assert_int_not_equal(seq[0], seq[1]);
}

/* --- building and ending ----------------------------------------------------------------------------------------------- */

static void
a_thousand_times(void **state)
{
	static const struct sluice_publish p = {.host_first = 80, .host_last = 89};

	(void)state;
	conf.gateway.publish = &p;
	conf.gateway.npublish = 1;
	for (unsigned i = 0; i < 1000; i++) {
		begin();
		if (i % 100 == 0) {
			struct endpoint to = elsewhere(80);
			struct peer q = peer_to(40000, to);

			peer_open(&q);
			guest_udp(5000, &to, "x", 1);
			bed_settle(bed);
		}
		end(); /* every host socket is closed */
	}
}

static void
a_thousand_times_on_the_kernel(void **state)
{
	struct sluice_port_config pc;
	struct sluice_config cfg;
	char err[256] = "";
	unsigned before = 0;

	(void)state;
	sluice_port_config_init(&pc);
	sluice_config_init(&cfg);
	cfg.link_kind = SLUICE_LINK_PORT;
	for (unsigned i = 0; i < 1000; i++) {
		struct sluice_port *port = sluice_port_new(&pc, err, sizeof(err));
		assert_non_null(port);
		cfg.port = port;
		struct sluice *s = sluice_new(&cfg, err, sizeof(err));
		assert_string_equal(err, "");
		assert_non_null(s);
		struct pollfd fds[SLUICE_POLLFDS] = {{.fd = -1}};
		int timeout;
		int n = sluice_prepare(s, fds, &timeout);
		assert_int_equal(sluice_dispatch(s, fds, n), 0);
		sluice_stop(s);
		assert_int_equal(sluice_run(s), 0);
		sluice_free(s);
		sluice_port_free(port);
		if (i == 0)
			before = open_descriptors();
	}
	assert_int_equal(open_descriptors(), before);
}

/* Each thing a gateway asks of the host at its start, failing once: a sentence, and nothing left. */
static void
half_built(void **state)
{
	static const struct sluice_publish p = {.host_first = 80, .host_last = 80};
	static const char *const calls[] = {"bind", "listen", "arm"};

	(void)state;
	conf.gateway.publish = &p;
	conf.gateway.npublish = 1;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		for (int nth = 1; nth <= 2; nth++) {
			struct vhost *v = vhost_new(1);
			struct memlink *m = memlink_new(vhost_host(v), &conf.lim);
			char err[256] = "";

			vhost_fail(v, calls[i], nth, EACCES);
			assert_null(gw_new(&conf.gateway, vhost_host(v), memlink_link(m), err, sizeof(err)));
			assert_string_not_equal(err, "");
			assert_int_equal(vhost_open_count(v), 0);
			memlink_free(m);
			vhost_free(v);
		}
	}
}

/* --- the loop ---------------------------------------------------------------------------------------------------------- */

/* A link without room: nothing is due until it has some. */
static void
no_room_no_turns(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(80));
	peer_open(&p);
	memlink_set_room(bed->mem, 0);
	assert_int_equal(vhost_send(bed->vhost, peer_fd(&p), "waiting", 7), 7);
	peer_send(&p, TCP_ACK, "acknowledge me", 14);
	bed_settle(bed); /* complains if the gateway does not rest */
	uint64_t turns = counted(GW_TURNS);
	wait_for(60 * USEC_PER_SEC);
	assert_in_range(counted(GW_TURNS) - turns, 0, 100);

	struct pollfd fds[SLUICE_POLLFDS];
	int timeout;
	assert_true(sluice_prepare(bed->gw, fds, &timeout) > 0);
	assert_int_not_equal(timeout, 0);

	memlink_set_room(bed->mem, MEMLINK_ENDLESS);
	struct bed_frame *f = peer_expect(&p, TCP_ACK);
	assert_int_equal(f->is.payload.len, 7);
	assert_int_equal(f->is.tcp.ack, p.seq);
	free(f);
	end();
}

static void
the_link_is_gone(void **state)
{
	struct pollfd fds[SLUICE_POLLFDS];
	int timeout;

	(void)state;
	begin();
	memlink_vanish(bed->mem, ENODEV);
	int n = sluice_prepare(bed->gw, fds, &timeout);
	for (int i = 0; i < n; i++)
		fds[i].revents = POLLIN;
	assert_int_equal(sluice_dispatch(bed->gw, fds, n), -ENODEV);
	assert_non_null(strstr(sluice_error(bed->gw), "link"));
	end();
}

static void
stop_ends_run(void **state)
{
	(void)state;
	begin();
	assert_string_equal(sluice_error(bed->gw), "");
	sluice_stop(bed->gw);
	assert_int_equal(sluice_run(bed->gw), 0);
	struct pollfd fds[SLUICE_POLLFDS];
	int timeout;
	int n = sluice_prepare(bed->gw, fds, &timeout);
	for (int i = 0; i < n; i++)
		fds[i].revents = 0;
	assert_int_equal(sluice_dispatch(bed->gw, fds, n), 1);
	assert_int_equal(sluice_dispatch(bed->gw, fds, 1), -EINVAL);
	end();
}

/* One turn takes a bounded part of any burst, and the rest keeps it awake. */
static void
a_turn_is_bounded(void **state)
{
	struct endpoint to = elsewhere(9);
	struct pollfd fds[SLUICE_POLLFDS];
	int timeout;

	(void)state;
	begin();
	bed_settle(bed);
	for (unsigned i = 0; i < 1000; i++)
		guest_udp(5000, &to, "x", 1);
	gw_turn(bed->gw, true, false, bed_now(bed));
	assert_int_equal(memlink_waiting(bed->mem), 1000 - LINK_BATCH);
	sluice_prepare(bed->gw, fds, &timeout);
	assert_int_equal(timeout, 0);
	bed_settle(bed);
	assert_int_equal(memlink_waiting(bed->mem), 0);
	assert_int_equal(counted(GW_BYTES_TO_HOST), 1000);
	end();
}

/* The limits inside the stack and of the turn are options too: a lower one is kept, a wrong one refused. */
static void
inner_limits_are_options(void **state)
{
	static const struct {
		uint32_t sets, memory, batch;
	} wrong[] = {{65, 0, 0}, {0, 65535, 0}, {0, 262145, 0}, {0, 0, 65}};
	struct endpoint to = elsewhere(9);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct vhost *v = vhost_new(1);
		struct memlink *m = memlink_new(vhost_host(v), &conf.lim);
		char err[256] = "";

		conf.gateway.max_fragmented = wrong[i].sets;
		conf.gateway.fragment_memory = wrong[i].memory;
		conf.gateway.max_batch = wrong[i].batch;
		assert_null(gw_new(&conf.gateway, vhost_host(v), memlink_link(m), err, sizeof(err)));
		assert_non_null(strstr(err, " of "));
		memlink_free(m);
		vhost_free(v);
	}
	conf.gateway.max_fragmented = 2;
	conf.gateway.fragment_memory = 65536;
	conf.gateway.max_batch = 8;
	begin();
	bed_settle(bed);
	for (unsigned i = 0; i < 100; i++)
		guest_udp(5000, &to, "x", 1);
	gw_turn(bed->gw, true, false, bed_now(bed));
	assert_int_equal(memlink_waiting(bed->mem), 100 - 8);
	assert_int_equal(bed->gw->stack.frag.max_sets, 2);
	assert_int_equal(bed->gw->stack.frag.max_blocks, 32);
	bed_settle(bed);
	assert_int_equal(counted(GW_BYTES_TO_HOST), 100);
	end();
}

/* An idle gateway sleeps: hours of it are a handful of turns, and all memory is back. */
static void
idle_is_idle(void **state)
{
	struct endpoint to = elsewhere(80);

	(void)state;
	begin();
	struct peer p = peer_to(40000, to);
	peer_open(&p);
	guest_udp(5000, &to, "x", 1);
	peer_send(&p, TCP_RST, NULL, 0);
	wait_for(600 * USEC_PER_SEC);
	bed_drop(bed);
	assert_int_equal(bed->gw->pool.used, 0);
	uint64_t turns = counted(GW_TURNS);
	wait_for(3600 * USEC_PER_SEC);
	assert_in_range(counted(GW_TURNS) - turns, 0, 200);
	bed_drop(bed);
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
	    TEST(a_line_a_second),
	    TEST(every_limit_is_counted),
	    TEST(two_are_boring),
	    TEST(other_seeds_other_numbers),
	    TEST(a_thousand_times),
	    TEST(a_thousand_times_on_the_kernel),
	    TEST(half_built),
	    TEST(no_room_no_turns),
	    TEST(the_link_is_gone),
	    TEST(stop_ends_run),
	    TEST(a_turn_is_bounded),
	    TEST(idle_is_idle),
	    TEST(inner_limits_are_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
