/*
 * vmm_mmio_test.c - the registers of the VMM's network card, in the order of the specification and in none
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/layout.h"
#include "vmm/mmio.h"

#define RAM 0x100000u
#define ALL_FEATURES                                                                                     \
	(UINT64_C(1) << 0 | 1 << 1 | 1 << 7 | 1 << 8 | 1 << 11 | 1 << 12 | 1 << 15 | 1 << 28 | 1 << 29 | \
	 UINT64_C(1) << 32)

enum {
	DEVICE_FEATURES = 0x10,
	DEVICE_FEATURES_SEL = 0x14,
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30,
	QUEUE_NUM_MAX = 0x34,
	QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50,
	INTERRUPT_STATUS = 0x60,
	INTERRUPT_ACK = 0x64,
	STATUS = 0x70,
	QUEUE_DESC = 0x80,
	QUEUE_DRIVER = 0x90,
	QUEUE_DEVICE = 0xa0,
};

struct bed {
	struct mmio m;
	struct sluice_virtio *v;
	void *ram;
	int kick[2], call;
};

static int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct sluice_virtio_config vc;

	*state = b;
	if (!b || !(b->ram = calloc(1, RAM)))
		return -1;
	sluice_virtio_config_init(&vc);
	memcpy(vc.mac, "\x52\x54\0\1\2\3", 6);
	vc.mtu = 1500;
	b->v = sluice_virtio_new(&vc, NULL, 0);
	b->kick[0] = eventfd(0, EFD_NONBLOCK);
	b->kick[1] = eventfd(0, EFD_NONBLOCK);
	b->call = eventfd(0, EFD_NONBLOCK);
	if (!b->v || sluice_virtio_set_memory(b->v, &(struct sluice_memory){0, RAM, b->ram}, 1) < 0)
		return -1;
	mmio_init(&b->m, b->v, b->kick, b->call);
	return 0;
}

static int
teardown(void **state)
{
	struct bed *b = *state;

	sluice_virtio_free(b->v);
	close(b->kick[0]);
	close(b->kick[1]);
	close(b->call);
	free(b->ram);
	free(b);
	return 0;
}

static uint32_t
rd(struct bed *b, uint32_t offset)
{
	uint32_t v = 0xeeeeeeee;

	mmio_read(&b->m, offset, &v, 4);
	return v;
}

static void
wr(struct bed *b, uint32_t offset, uint32_t v)
{
	mmio_write(&b->m, offset, &v, 4);
}

static void
features(struct bed *b, uint64_t f)
{
	wr(b, STATUS, 1);
	wr(b, STATUS, 3);
	wr(b, DRIVER_FEATURES_SEL, 0);
	wr(b, DRIVER_FEATURES, (uint32_t)f);
	wr(b, DRIVER_FEATURES_SEL, 1);
	wr(b, DRIVER_FEATURES, (uint32_t)(f >> 32));
	wr(b, STATUS, 11);
}

static void
queue(struct bed *b, uint32_t n, uint32_t num, uint32_t at)
{
	wr(b, QUEUE_SEL, n);
	wr(b, QUEUE_NUM, num);
	wr(b, QUEUE_DESC, at);
	wr(b, QUEUE_DRIVER, at + 0x4000);
	wr(b, QUEUE_DEVICE, at + 0x6000);
	wr(b, QUEUE_READY, 1);
}

static void
come_up(struct bed *b)
{
	features(b, ALL_FEATURES);
	queue(b, 0, 256, 0x10000);
	queue(b, 1, 256, 0x20000);
	wr(b, STATUS, 15);
}

static uint32_t
running(struct bed *b)
{
	struct sluice_virtio_stats st = {.size = sizeof(st)};

	sluice_virtio_get_stats(b->v, &st);
	return st.running;
}

static bool
signalled(int fd)
{
	eventfd_t n;

	return eventfd_read(fd, &n) == 0;
}

/* --- in order -------------------------------------------------------------------------------------- */

static void
it_is_a_network_card(void **state)
{
	struct bed *b = *state;
	uint8_t config[14];

	assert_int_equal(rd(b, 0x000), 0x74726976);
	assert_int_equal(rd(b, 0x004), 2);
	assert_int_equal(rd(b, 0x008), 1);
	uint64_t offered = rd(b, DEVICE_FEATURES);
	wr(b, DEVICE_FEATURES_SEL, 1);
	offered |= (uint64_t)rd(b, DEVICE_FEATURES) << 32;
	assert_true(offered == sluice_virtio_features(b->v));
	assert_true((offered & ALL_FEATURES) == ALL_FEATURES);
	wr(b, DEVICE_FEATURES_SEL, 2);
	assert_int_equal(rd(b, DEVICE_FEATURES), 0);
	assert_int_equal(rd(b, 0xb0), 0xffffffff); /* no shared memory */

	mmio_read(&b->m, 0x100, config, 6);
	assert_memory_equal(config, "\x52\x54\0\1\2\3", 6);
	for (uint32_t i = 0; i < 6; i++) {
		mmio_read(&b->m, 0x100 + i, config + 6, 1);
		assert_int_equal(config[6], config[i]);
	}
	mmio_read(&b->m, 0x10a, config, 2);
	assert_true(config[0] == (1500 & 0xff) && config[1] == 1500 >> 8);
	memset(config, 1, 8);
	mmio_read(&b->m, NET_SIZE - 8, config, 8);
	assert_memory_equal(config, "\0\0\0\0\0\0\0\0", 8);
}

static void
a_driver_brings_it_up_and_down(void **state)
{
	struct bed *b = *state;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(rd(b, STATUS), 0);
		features(b, ALL_FEATURES);
		assert_int_equal(rd(b, STATUS), 11);
		wr(b, QUEUE_SEL, 0);
		assert_int_equal(rd(b, QUEUE_NUM_MAX), MMIO_QUEUE_MAX);
		queue(b, 0, 256, 0x10000);
		queue(b, 1, 256, 0x20000);
		assert_int_equal(rd(b, QUEUE_READY), 1);
		assert_int_equal(running(b), 0);
		wr(b, STATUS, 15);
		assert_int_equal(rd(b, STATUS), 15);
		assert_int_equal(running(b), 3);
		assert_int_equal(rd(b, INTERRUPT_STATUS), 1);
		wr(b, INTERRUPT_ACK, 1);
		assert_int_equal(rd(b, INTERRUPT_STATUS), 1);
		wr(b, STATUS, 0);
		assert_int_equal(running(b), 0);
		assert_int_equal(rd(b, QUEUE_READY), 0);
		assert_false(signalled(b->call));
	}
}

static void
a_queue_may_stop_and_start(void **state)
{
	struct bed *b = *state;

	come_up(b);
	wr(b, QUEUE_SEL, 1);
	wr(b, QUEUE_READY, 0);
	assert_int_equal(rd(b, QUEUE_READY), 0);
	assert_int_equal(running(b), 1);
	wr(b, QUEUE_READY, 1);
	assert_int_equal(running(b), 3);
	wr(b, QUEUE_READY, 1);
	assert_int_equal(rd(b, STATUS), 15);
}

static void
a_notification_that_comes_here_is_passed_on(void **state)
{
	struct bed *b = *state;

	wr(b, QUEUE_NOTIFY, 1);
	assert_true(signalled(b->kick[1]) && !signalled(b->kick[0]));
	wr(b, QUEUE_NOTIFY, 0);
	assert_true(signalled(b->kick[0]) && !signalled(b->kick[1]));
	wr(b, QUEUE_NOTIFY, 2);
	wr(b, QUEUE_NOTIFY, UINT32_MAX);
	assert_true(!signalled(b->kick[0]) && !signalled(b->kick[1]));
}

/* --- out of order ---------------------------------------------------------------------------------- */

static void
features_that_were_not_offered_are_refused(void **state)
{
	struct bed *b = *state;
	static const uint64_t bad[] = {0, ALL_FEATURES & UINT32_MAX, ALL_FEATURES | 1 << 22,
				       ALL_FEATURES | UINT64_C(1) << 34, UINT64_MAX};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		features(b, bad[i]);
		assert_int_equal(rd(b, STATUS), 3);
		wr(b, STATUS, 15); /* and on, as if nothing had been */
		assert_int_equal(rd(b, STATUS), 3);
		assert_int_equal(running(b), 0);
		wr(b, STATUS, 0);
	}
	features(b, ALL_FEATURES);
	wr(b, DRIVER_FEATURES, 0); /* too late */
	wr(b, STATUS, 15);
	assert_int_equal(rd(b, STATUS), 15);
}

static void
status_bits_only_ever_come(void **state)
{
	struct bed *b = *state;

	wr(b, STATUS, 4);
	assert_int_equal(rd(b, STATUS), 0);
	come_up(b);
	wr(b, STATUS, 1);
	assert_int_equal(rd(b, STATUS), 15);
	wr(b, STATUS, 0x40); /* is not the driver's to say */
	assert_int_equal(rd(b, STATUS), 15);
	wr(b, STATUS, 0x80);
	assert_int_equal(rd(b, STATUS), 0x8f);
	wr(b, STATUS, 0xffffff00);
	assert_int_equal(rd(b, STATUS), 0x8f);
	wr(b, STATUS, 0);
	assert_int_equal(rd(b, STATUS), 0);
}

/* Numbers and places that make no queue: the device asks to be reset, by an interrupt, and can be. */
static void
a_senseless_queue_needs_a_reset(void **state)
{
	struct bed *b = *state;
	static const struct {
		uint32_t num, at;
	} bad[] = {{0, 0x10000}, {3, 0x10000},    {2048, 0x10000},   {65536, 0x10000}, {UINT32_MAX, 0x10000},
		   {256, RAM},   {256, RAM - 16}, {256, 0xfffffff0}, {256, 0x10001}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		features(b, ALL_FEATURES);
		queue(b, 0, bad[i].num, bad[i].at);
		wr(b, STATUS, 15);
		assert_int_equal(rd(b, STATUS), 0x4f);
		assert_true(signalled(b->call));
		assert_int_equal(rd(b, INTERRUPT_STATUS), 3);
		wr(b, INTERRUPT_ACK, 2);
		assert_int_equal(rd(b, INTERRUPT_STATUS), 1);
		assert_int_equal(running(b), 0);
		wr(b, STATUS, 0);
		assert_int_equal(rd(b, INTERRUPT_STATUS), 1);
	}
	come_up(b);
	assert_int_equal(rd(b, STATUS), 15);
}

static void
a_queue_that_is_ready_stays_as_it_is(void **state)
{
	struct bed *b = *state;

	features(b, ALL_FEATURES);
	queue(b, 0, 256, 0x10000);
	wr(b, QUEUE_NUM, 7);
	wr(b, QUEUE_DESC, 0xfffffff0);
	wr(b, QUEUE_DEVICE + 4, 1);
	wr(b, STATUS, 15);
	assert_int_equal(rd(b, STATUS), 15);
	assert_int_equal(running(b), 1);
}

static void
there_is_no_third_queue(void **state)
{
	struct bed *b = *state;
	static const uint32_t n[] = {2, 3, 0x7fffffff, 0x80000000, UINT32_MAX};

	features(b, ALL_FEATURES);
	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		queue(b, n[i], 256, 0x10000);
		assert_int_equal(rd(b, QUEUE_NUM_MAX), 0);
		assert_int_equal(rd(b, QUEUE_READY), 0);
	}
	wr(b, STATUS, 15);
	assert_int_equal(running(b), 0);
}

static void
registers_are_aligned_words(void **state)
{
	struct bed *b = *state;
	uint8_t bytes[8];

	for (uint32_t len = 1; len <= 8; len++)
		for (uint32_t offset = 0; offset < 0x100; offset++) {
			if (len == 4 && offset % 4 == 0)
				continue;
			memset(bytes, 0xff, sizeof(bytes));
			mmio_write(&b->m, offset, bytes, len);
			mmio_read(&b->m, offset, bytes, len);
			for (uint32_t i = 0; i < len; i++)
				assert_int_equal(bytes[i], 0);
		}
	assert_int_equal(rd(b, STATUS), 0);
	assert_false(signalled(b->kick[0]) || signalled(b->kick[1]));
}

/* Anything, in any order: nothing breaks (sanitizers), and after a reset a driver brings it up. */
static void
nonsense_does_no_harm(void **state)
{
	struct bed *b = *state;
	uint32_t x = 1;

	for (int i = 0; i < 200000; i++) {
		x = x * 1664525 + 1013904223;
		uint32_t offset = x >> 8 & 0xfff;
		uint32_t len = 1u << (x >> 4 & 3);
		uint64_t value = x >> 24 & 1 ? x : x >> 28;

		if (x & 0x80) /* mostly where the registers are, as they should be accessed */
			offset &= 0xfc, len = 4;
		if (offset > NET_SIZE - len)
			continue;
		if (x & 1)
			mmio_write(&b->m, offset, &value, len);
		else
			mmio_read(&b->m, offset, &value, len);
	}
	wr(b, STATUS, 0);
	assert_int_equal(rd(b, STATUS), 0);
	come_up(b);
	assert_int_equal(rd(b, STATUS), 15);
	assert_int_equal(running(b), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    TEST(it_is_a_network_card),
	    TEST(a_driver_brings_it_up_and_down),
	    TEST(a_queue_may_stop_and_start),
	    TEST(a_notification_that_comes_here_is_passed_on),
	    TEST(features_that_were_not_offered_are_refused),
	    TEST(status_bits_only_ever_come),
	    TEST(a_senseless_queue_needs_a_reset),
	    TEST(a_queue_that_is_ready_stays_as_it_is),
	    TEST(there_is_no_third_queue),
	    TEST(registers_are_aligned_words),
	    TEST(nonsense_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
