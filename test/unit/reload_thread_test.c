/*
 * reload_thread_test.c - policies from two threads at once, for a gateway that runs in a third and a guest in a fourth
 *
 * All of them let the guest's words through, so every word arrives whatever is in force; then one comes that does not.
 * The same program under -fsanitize=thread is the proof that nothing is shared but one pointer.
 */
#include "test/unit/real_kit.h"

#include <stdatomic.h>

#define RELOADS 150u /* of each thread */
#define WORDS 200u

static struct real real;
static _Atomic unsigned reloaded, closed, done;

static void
on_event(void *ctx, const struct sluice_event *e)
{
	(void)ctx;
	reloaded += e->kind == SLUICE_EVENT_RELOADED;
	closed += e->kind == SLUICE_EVENT_FLOW_CLOSED;
}

static void *
gateway_main(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)sluice_run(real.s);
}

static void *
reload_main(void *arg)
{
	static const struct sluice_rule with_name[] = {
	    {.text = "deny to bad.example"}, {.text = "allow udp to @host"}, {.text = "deny tcp to @any"}};
	const char *profiles = arg;
	struct sluice_config cfg;
	uintptr_t failed = 0;

	for (unsigned i = 0; i < RELOADS; i++) {
		sluice_config_init(&cfg);
		cfg.profiles = i % 3 == 0 ? "all" : profiles;
		cfg.rules = i % 2 ? with_name : NULL;
		cfg.nrules = i % 2 ? 3 : 0;
		cfg.keep_flows = i % 5 == 0;
		failed += sluice_reload(real.s, &cfg, NULL, 0) != 0;
	}
	done++;
	return (void *)failed;
}

static void
say_and_hear(int fd, uint16_t port, unsigned n)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	unsigned heard;

	guest_says(&real, (uint16_t)(5000 + n % 8), port, &n, sizeof(n));
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(recv(fd, &heard, sizeof(heard), 0), sizeof(heard));
	assert_int_equal(heard, n);
}

static void
wait_until_more(_Atomic unsigned *count, unsigned than)
{
	for (int i = 0; i < PATIENCE_MS && *count <= than; i++)
		usleep(1000);
	assert_true(*count > than);
}

static void
from_two_threads(void **state)
{
	pthread_t gateway, other[2];
	unsigned n = 0, before;
	uint16_t port;
	void *result;

	(void)state;
	int fd = host_udp(&port);
	real_conf(&real);
	real.cfg.event = on_event;
	real.cfg.profiles = "host";
	real_open(&real);
	assert_int_equal(pthread_create(&gateway, NULL, gateway_main, NULL), 0);
	assert_int_equal(pthread_create(&other[0], NULL, reload_main, (void *)(uintptr_t) "host"), 0);
	assert_int_equal(pthread_create(&other[1], NULL, reload_main, (void *)(uintptr_t) "public,host"), 0);
	while (n < WORDS || done < 2)
		say_and_hear(fd, port, n++);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(other[i], &result), 0);
		assert_null(result);
	}
	assert_in_range(reloaded, 1, 2 * RELOADS);
	assert_int_equal(closed, 0);

	/* And now one that ends them. */
	before = reloaded;
	real.cfg.profiles = "none";
	assert_int_equal(sluice_reload(real.s, &real.cfg, NULL, 0), 0);
	wait_until_more(&reloaded, before);
	wait_until_more(&closed, 7);
	guest_says(&real, 5000, port, "x", 1);
	sluice_stop(real.s);
	assert_int_equal(pthread_join(gateway, &result), 0);
	assert_null(result);
	/* Left behind, and freed with the gateway. */
	assert_int_equal(sluice_reload(real.s, &real.cfg, NULL, 0), 0);
	real_close(&real);
	assert_int_equal(recv(fd, &n, sizeof(n), MSG_DONTWAIT), -1);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(from_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
