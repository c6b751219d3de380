/*
 * lifecycle_test.c - start, run, stop and free, a thousand times over: nothing is left behind, and it can be stopped
 * from anywhere
 */
#include "test/unit/real_kit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>

#define ROUNDS 1000u
#define TAP_ROUNDS 50u

/* --- what is there ----------------------------------------------------------------------------------------------- */

struct left {
	unsigned fds, tasks, maps;
	size_t bytes; /* of address space */
};

static void
maps(struct left *l)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];

	assert_non_null(f);
	l->maps = 0;
	l->bytes = 0;
	while (fgets(line, sizeof(line), f)) {
		char *rest;
		unsigned long from = strtoul(line, &rest, 16), to = strtoul(rest + 1, NULL, 16);

		l->maps++;
		l->bytes += to - from;
	}
	fclose(f);
}

static struct left
look(unsigned tasks)
{
	struct left l = {.fds = entries("/proc/self/fd"), .tasks = threads(tasks)};

	maps(&l);
	return l;
}

static void
nothing_is_left(const struct left *before)
{
	struct left after = look(before->tasks);

	assert_int_equal(after.fds, before->fds);
	assert_int_equal(after.tasks, before->tasks);
#ifndef __SANITIZE_ADDRESS__
	/* The sanitizer's allocator maps as it likes, and says itself what was leaked.  Here malloc() and the C
	 * library's cache of thread stacks may have a few more than before, but a gateway a round they are not. */
	assert_in_range(after.maps, 0, before->maps + 16);
	assert_in_range(after.bytes, 0, before->bytes + (64u << 20));
#endif
}

/* --- ways to run and to stop ---------------------------------------------------------------------------------------- */

static struct sluice *volatile signalled;

static void
stop_it(int sig)
{
	(void)sig;
	int saved = errno;
	sluice_wake(signalled);
	sluice_stop(signalled);
	errno = saved;
}

static void *
runner(void *arg)
{
	return (void *)(intptr_t)sluice_run(arg);
}

static pthread_t
start(struct real *r)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, runner, r->s), 0);
	return t;
}

static void
finish(pthread_t t)
{
	void *result;

	assert_int_equal(pthread_join(t, &result), 0);
	assert_null(result);
}

static void
stopped_by_another_thread(struct real *r)
{
	pthread_t t = start(r);

	sluice_wake(r->s);
	sluice_stop(r->s);
	finish(t);
	/* Once stopped it stays so. */
	assert_int_equal(sluice_run(r->s), 0);
}

static void
stopped_by_a_signal(struct real *r)
{
	pthread_t t;

	signalled = r->s;
	t = start(r);
	assert_int_equal(pthread_kill(t, SIGUSR1), 0);
	finish(t);
}

/* The embedder's own loop, with something to do in it. */
static void
dispatched(struct real *r)
{
	struct pollfd fds[SLUICE_POLLFDS];
	int timeout, n, done = 0;

	for (int turn = 0; done == 0; turn++) {
		sluice_wake(r->s);
		n = sluice_prepare(r->s, fds, &timeout);
		assert_in_range(n, 1, SLUICE_POLLFDS);
		assert_true(poll(fds, (nfds_t)n, timeout) >= 0);
		done = sluice_dispatch(r->s, fds, n);
		if (turn == 2)
			sluice_stop(r->s);
	}
	assert_int_equal(done, 1);
}

/* Flows are open when it ends. */
static void
ended_with_flows(struct real *r)
{
	struct sluice_stats st = {.size = sizeof(st)};
	struct pollfd fds[SLUICE_POLLFDS];
	int timeout;

	for (uint16_t i = 0; i < 4; i++)
		guest_says(r, (uint16_t)(5000 + i), 9, "x", 1);
	for (int i = 0; i < PATIENCE_MS && st.udp_opened < 4; i++) {
		int n = sluice_prepare(r->s, fds, &timeout);

		assert_true(poll(fds, (nfds_t)n, 1) >= 0);
		assert_int_equal(sluice_dispatch(r->s, fds, n), 0);
		sluice_get_stats(r->s, &st);
	}
	assert_int_equal(st.udp_opened, 4);
}

static void
never_ran(struct real *r)
{
	(void)r;
}

static void (*const ways[])(struct real *r) = {stopped_by_another_thread, stopped_by_a_signal, dispatched,
					       ended_with_flows, never_ran};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void
one_round(unsigned i)
{
	static const struct sluice_publish any = {.host_first = 1, .host_last = 1};
	struct real r;

	real_conf(&r);
	if (i % 7 == 0) {
		/* One that cannot be built, half the way: the port is not the user's, or is taken. */
		char err[256];
		struct sluice_config bad = r.cfg;

		bad.publish = &any;
		bad.npublish = 1;
		bad.link_kind = SLUICE_LINK_PORT;
		assert_null(sluice_new(&bad, err, sizeof(err)));
		assert_true(strlen(err) > 10);
	}
	real_open(&r);
	ways[i % WAYS](&r);
	real_close(&r);
}

static void
a_thousand_times(void **state)
{
	struct sigaction sa = {.sa_handler = stop_it}, before_sa;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &sa, &before_sa), 0);
	for (unsigned i = 0; i < 2 * WAYS; i++)
		one_round(i);
	struct left before = look(entries("/proc/self/task"));
	for (unsigned i = 0; i < ROUNDS; i++)
		one_round(i);
	nothing_is_left(&before);
	/* The library has changed no handler. */
	struct sigaction now;
	assert_int_equal(sigaction(SIGUSR1, &before_sa, &now), 0);
	assert_true(now.sa_handler == stop_it);
}

/* --- a tap -------------------------------------------------------------------------------------------------------------- */

static void
tap_round(void)
{
	struct sluice_config cfg;
	char name[16] = "", err[256];
	int fd = sluice_tap_open(name, err, sizeof(err));

	if (fd < 0)
		fail_msg("%s", err);
	sluice_config_init(&cfg);
	cfg.link_kind = SLUICE_LINK_TAP;
	cfg.link_fd = fd;
	cfg.memory = 4u << 20;
	struct sluice *s = sluice_new(&cfg, err, sizeof(err));
	if (!s)
		fail_msg("%s", err);
	sluice_stop(s);
	assert_int_equal(sluice_run(s), 0);
	sluice_free(s);
	/* It was the gateway's own. */
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* Last, as the process does not come back from the network namespace it makes for itself. */
static void
with_a_tap(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0 || access("/dev/net/tun", W_OK) < 0)
		skip();
	for (unsigned i = 0; i < 3; i++)
		tap_round();
	struct left before = look(entries("/proc/self/task"));
	for (unsigned i = 0; i < TAP_ROUNDS; i++)
		tap_round();
	nothing_is_left(&before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_thousand_times),
	    cmocka_unit_test(with_a_tap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
