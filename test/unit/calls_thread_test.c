/*
 * calls_thread_test.c - the calls that any thread may make, by several at once, while the gateway runs
 *
 * Waking, reloading and stopping (two threads each), and a virtio device whose queues are started, stopped, asked and
 * reset beside a gateway that services them.  The same program under -fsanitize=thread is the proof.
 */
#include "test/unit/real_kit.h"

#include <stdatomic.h>

#define ROUNDS 300u

static struct real real;
static _Atomic unsigned reloaded;

static void
on_event(void *ctx, const struct sluice_event *e)
{
	(void)ctx;
	reloaded += e->kind == SLUICE_EVENT_RELOADED;
}

static void *
run_main(void *gateway)
{
	return (void *)(intptr_t)sluice_run(gateway);
}

static void *
wake_main(void *gateway)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		sluice_wake(gateway);
	return NULL;
}

static void *
reload_main(void *gateway)
{
	struct sluice_config cfg;
	intptr_t failed = 0;

	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		sluice_config_init(&cfg);
		cfg.profiles = i % 2 ? "all" : "host";
		failed += sluice_reload(gateway, &cfg, NULL, 0) != 0;
	}
	return (void *)failed;
}

static void *
stop_main(void *gateway)
{
	sluice_stop(gateway);
	return NULL;
}

static void
run_threads(void *(*const body[])(void *), unsigned n, void *arg)
{
	pthread_t t[4];
	void *result;

	assert_in_range(n, 1, 4);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_create(&t[i], NULL, body[i], arg), 0);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(pthread_join(t[i], &result), 0);
		assert_null(result);
	}
}

static void
woken_reloaded_and_stopped(void **state)
{
	pthread_t gateway;
	void *result;

	(void)state;
	real_conf(&real);
	real.cfg.event = on_event;
	real_open(&real);
	assert_int_equal(pthread_create(&gateway, NULL, run_main, real.s), 0);
	run_threads((void *(*const[])(void *)){wake_main, wake_main, reload_main, reload_main}, 4, real.s);
	run_threads((void *(*const[])(void *)){stop_main, wake_main, stop_main}, 3, real.s);
	assert_int_equal(pthread_join(gateway, &result), 0);
	assert_null(result);
	assert_in_range(reloaded, 1, 2 * (ROUNDS / 10));
	real_close(&real);
}

/* --- a device ---------------------------------------------------------------------------------------- */

static void *
ask_main(void *device)
{
	struct sluice_virtio_stats st = {.size = sizeof(st)};
	uint8_t config[16];

	for (unsigned i = 0; i < ROUNDS; i++) {
		sluice_virtio_get_stats(device, &st);
		sluice_virtio_read_config(device, 0, config, sizeof(config));
		sluice_virtio_features(device);
	}
	return NULL;
}

static void *
stop_queues_main(void *device)
{
	intptr_t failed = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		int r = sluice_virtio_stop(device, i % SLUICE_VIRTIO_QUEUES);

		failed += r < 0 && r != -EINVAL; /* it does not run */
	}
	return (void *)failed;
}

static void *
reset_main(void *device)
{
	intptr_t failed = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		failed += sluice_virtio_reset(device) != 0;
		int r = sluice_virtio_set_features(device, sluice_virtio_features(device));

		failed += r != 0;
	}
	return (void *)failed;
}

static void
a_device_is_asked_stopped_and_reset(void **state)
{
	static uint8_t memory[1 << 16];
	const struct sluice_memory all = {0x10000, sizeof(memory), memory};
	struct sluice_config cfg;
	pthread_t gateway;
	void *result;

	(void)state;
	struct sluice_virtio *v = sluice_virtio_new(NULL, NULL, 0);
	assert_non_null(v);
	assert_int_equal(sluice_virtio_set_memory(v, &all, 1), 0);
	sluice_config_init(&cfg);
	cfg.link_kind = SLUICE_LINK_VIRTIO;
	cfg.virtio = v;
	struct sluice *s = sluice_new(&cfg, NULL, 0);
	assert_non_null(s);
	assert_int_equal(pthread_create(&gateway, NULL, run_main, s), 0);
	run_threads((void *(*const[])(void *)){ask_main, stop_queues_main, reset_main, ask_main}, 4, v);
	run_threads((void *(*const[])(void *)){stop_main, stop_main}, 2, s);
	assert_int_equal(pthread_join(gateway, &result), 0);
	assert_null(result);
	sluice_free(s);
	sluice_virtio_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(woken_reloaded_and_stopped),
	    cmocka_unit_test(a_device_is_asked_stopped_and_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
