/*
 * virtio_public_test.c - sluice_virtio_*: features, the configuration space, and a gateway on such a device
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sluice.h"
#include "test/bed/virtio_driver.h"

#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))
#define MEMORY (1u << 20)

static char err[256];

static struct sluice_virtio_config
config(void)
{
	struct sluice_virtio_config c;

	sluice_virtio_config_init(&c);
	assert_int_equal(c.size, sizeof(c));
	return c;
}

/* --- what is offered ------------------------------------------------------------------------------- */

static uint64_t
offered(const struct sluice_virtio_config *c)
{
	struct sluice_virtio *v = sluice_virtio_new(c, err, sizeof(err));

	assert_non_null(v);
	uint64_t f = sluice_virtio_features(v);
	sluice_virtio_free(v);
	return f;
}

static void
features_and_what_they_need(void **state)
{
	const uint64_t link = VIRTIO_LINK_FEATURES, status = VIRTIO_NET_F_STATUS;
	struct sluice_virtio_config c = config();

	(void)state;
	assert_int_equal(offered(NULL), link | status);
	assert_int_equal(offered(&c), link | status);
	c.mac[5] = 1;
	c.mtu = 1500;
	assert_int_equal(offered(&c), link | status | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU);

	const struct {
		uint64_t asked, offered;
	} rows[] = {
	    {1, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_CSUM},
	    {VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6, VIRTIO_F_VERSION_1},
	    {VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_CSUM, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_GUEST_CSUM},
	    {VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_MRG_RXBUF, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF},
	    {VIRTIO_NET_F_MAC | UINT64_C(1) << 40, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MAC},
	    {UINT64_MAX, link | status | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU},
	};
	for (size_t i = 0; i < ARRAY(rows); i++) {
		c.features = rows[i].asked;
		assert_int_equal(offered(&c), rows[i].offered);
	}
}

static void
what_the_driver_may_accept(void **state)
{
	struct sluice_virtio_config c = config();

	(void)state;
	c.features = VIRTIO_NET_F_CSUM;
	struct sluice_virtio *v = sluice_virtio_new(&c, err, sizeof(err));
	assert_int_equal(sluice_virtio_set_features(v, 0), -EINVAL);
	assert_int_equal(sluice_virtio_set_features(v, VIRTIO_NET_F_CSUM), -EINVAL);
	assert_int_equal(sluice_virtio_set_features(v, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF), -EINVAL);
	assert_int_equal(sluice_virtio_set_features(v, VIRTIO_F_VERSION_1), 0);
	assert_int_equal(sluice_virtio_set_features(v, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_CSUM), 0);
	sluice_virtio_free(v);
	sluice_virtio_free(NULL);
}

static void
the_configuration_space(void **state)
{
	static const uint8_t want[] = {2, 0, 0, 0x12, 0x34, 0x56, 1, 0, 0, 0, 0x78, 5, 0, 0, 0, 0};
	struct sluice_virtio_config c = config();
	uint8_t got[32];

	(void)state;
	memcpy(c.mac, want, 6);
	c.mtu = 1400;
	struct sluice_virtio *v = sluice_virtio_new(&c, err, sizeof(err));
	for (uint32_t off = 0; off < 20; off++) {
		for (uint32_t len = 0; len < 20; len++) {
			memset(got, 0xee, sizeof(got));
			sluice_virtio_read_config(v, off, got, len);
			for (uint32_t i = 0; i < len; i++)
				assert_int_equal(got[i], off + i < sizeof(want) ? want[off + i] : 0);
			assert_int_equal(got[len], 0xee);
		}
	}
	sluice_virtio_read_config(v, UINT32_MAX, got, 4);
	assert_memory_equal(got, (uint8_t[4]){0}, 4);
	sluice_virtio_free(v);
}

static void
a_device_that_cannot_be(void **state)
{
	struct sluice_virtio_config c = config();

	(void)state;
	c.mac[0] = 0x33;
	assert_null(sluice_virtio_new(&c, err, sizeof(err)));
	assert_string_equal(err, "virtio: 33:00:00:00:00:00 is a group address, not a device's");
	c = config();
	c.mtu = 1279;
	assert_null(sluice_virtio_new(&c, err, sizeof(err)));
	assert_string_equal(err, "virtio: MTU 1279 is not between 1280 and 65520");
	assert_null(sluice_virtio_new(&c, NULL, 0));
	/* A caller of an older header: what it does not know has its default. */
	c.size = offsetof(struct sluice_virtio_config, mtu);
	struct sluice_virtio *v = sluice_virtio_new(&c, err, sizeof(err));
	assert_non_null(v);
	assert_false(sluice_virtio_features(v) & VIRTIO_NET_F_MTU);
	sluice_virtio_free(v);
}

/* --- a gateway ------------------------------------------------------------------------------------- */

struct setup {
	struct driver d;
	struct sluice_virtio *v;
	struct sluice_config cfg;
	int from_hook; /* what reset said there; 1: not called */
	struct sluice_virtio_stats in_hook;
};

static struct sluice_virtio_stats
stats(struct sluice_virtio *v)
{
	struct sluice_virtio_stats st = {.size = sizeof(st)};

	sluice_virtio_get_stats(v, &st);
	return st;
}

/* "a guest is attached" is logged in the middle of a turn. */
static void
log_hook(void *ctx, enum sluice_log_level level, const char *line)
{
	struct setup *su = ctx;

	(void)level;
	if (!strstr(line, "attached"))
		return;
	su->from_hook = sluice_virtio_reset(su->v);
	su->in_hook = stats(su->v);
}

static void
setup(struct setup *su)
{
	memset(su, 0, sizeof(*su));
	su->from_hook = 1;
	driver_init(&su->d, MEMORY, DRIVER_GPA);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		driver_queue_init(&su->d, i, &(struct driver_queue_conf){.num = 128});
	su->v = sluice_virtio_new(NULL, err, sizeof(err));
	assert_non_null(su->v);
	assert_int_equal(
	    sluice_virtio_set_memory(su->v, &(struct sluice_memory){DRIVER_GPA, MEMORY, su->d.memory}, 1), 0);
	assert_int_equal(sluice_virtio_set_features(su->v, VIRTIO_F_VERSION_1), 0);
	sluice_config_init(&su->cfg);
	su->cfg.link_kind = SLUICE_LINK_VIRTIO;
	su->cfg.memory = 16 << 20;
	su->cfg.profiles = "all";
	su->cfg.log = log_hook;
	su->cfg.log_ctx = su;
}

static int
start(struct setup *su, unsigned queue)
{
	struct sluice_virtqueue q = driver_virtqueue(&su->d, queue);

	return sluice_virtio_start(su->v, queue, &q);
}

static void
turn(struct sluice *s)
{
	struct pollfd fds[SLUICE_POLLFDS];
	int timeout, n = sluice_prepare(s, fds, &timeout);

	assert_true(poll(fds, (nfds_t)n, timeout == 0 ? 0 : 100) >= 0);
	assert_int_equal(sluice_dispatch(s, fds, n), 0);
}

static void
a_gateway_on_it(void **state)
{
	struct setup su;

	(void)state;
	setup(&su);
	assert_null(sluice_new(&su.cfg, err, sizeof(err))); /* no device given */
	assert_non_null(strstr(err, "link"));
	su.cfg.virtio = su.v;
	struct sluice *s = sluice_new(&su.cfg, err, sizeof(err));
	assert_non_null(s);
	assert_null(sluice_new(&su.cfg, err, sizeof(err))); /* one at a time */
	assert_non_null(strstr(err, "busy"));
	assert_int_equal(start(&su, VIRTIO_RX), 0);
	assert_int_equal(start(&su, VIRTIO_TX), 0);
	assert_int_equal(start(&su, VIRTIO_TX), -EBUSY);
	assert_int_equal(sluice_virtio_start(su.v, SLUICE_VIRTIO_QUEUES, &(struct sluice_virtqueue){0}),
			 -EINVAL);
	assert_int_equal(sluice_virtio_stop(su.v, SLUICE_VIRTIO_QUEUES), -EINVAL);
	assert_int_equal(sluice_virtio_set_features(su.v, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_CSUM), -EBUSY);
	turn(s);
	assert_int_equal(su.from_hook, -EDEADLK);
	assert_int_equal(su.in_hook.running, 3);

	uint64_t at = driver_alloc(&su.d, 4096, 16);
	driver_add(&su.d.q[VIRTIO_RX], &(struct driver_part){at, 2048, true}, 1, false, 0);
	driver_publish(&su.d.q[VIRTIO_RX]);
	/* An ARP request for the gateway. */
	static const uint8_t arp[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  1, 8, 6,
				      0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0, 0, 1,
				      10,   0,    2,    15,   0,    0,    0, 0, 0, 0, 10, 0, 2, 2};
	memcpy(driver_at(&su.d, at + 2048 + 12), arp, sizeof(arp));
	driver_add(&su.d.q[VIRTIO_TX], &(struct driver_part){at + 2048, 12 + sizeof(arp), false}, 1, false,
		   0);
	driver_publish(&su.d.q[VIRTIO_TX]);
	uint64_t cookie;
	uint32_t len = 0;
	for (int i = 0; i < 100 && !driver_used(&su.d.q[VIRTIO_RX], &cookie, &len); i++)
		turn(s);
	assert_true(len >= 12 + sizeof(arp)); /* it, or the first advertisement */
	assert_int_equal(stats(su.v).frames_in, 1);
	assert_true(stats(su.v).frames_out >= 1);
	assert_int_equal(stats(su.v).broken, 0);
	assert_int_equal(sluice_virtio_stop(su.v, VIRTIO_TX), 1);
	assert_int_equal(stats(su.v).running, 1);
	assert_int_equal(sluice_virtio_reset(su.v), 0);
	turn(s);
	sluice_free(s);
	sluice_virtio_free(su.v);
	driver_free(&su.d);
}

static void
memory_by_the_table(void **state)
{
	struct sluice_memory r[SLUICE_VIRTIO_REGIONS + 1];
	static uint8_t bytes[SLUICE_VIRTIO_REGIONS + 1];
	struct sluice_virtio *v = sluice_virtio_new(NULL, err, sizeof(err));

	(void)state;
	for (size_t i = 0; i < ARRAY(r); i++)
		r[i] = (struct sluice_memory){.guest = 2 * i, .size = 1, .base = &bytes[i]};
	assert_int_equal(sluice_virtio_set_memory(v, r, SLUICE_VIRTIO_REGIONS), 0);
	assert_int_equal(sluice_virtio_set_memory(v, r, SLUICE_VIRTIO_REGIONS + 1), -EINVAL);
	r[1].guest = 0;
	assert_int_equal(sluice_virtio_set_memory(v, r, 2), -EINVAL);
	assert_int_equal(sluice_virtio_set_memory(v, NULL, 0), 0);
	sluice_virtio_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(features_and_what_they_need),
	    cmocka_unit_test(what_the_driver_may_accept),
	    cmocka_unit_test(the_configuration_space),
	    cmocka_unit_test(a_device_that_cannot_be),
	    cmocka_unit_test(a_gateway_on_it),
	    cmocka_unit_test(memory_by_the_table),
	};

	return cmocka_run_group_tests_name("sluice_virtio", tests, NULL, NULL);
}
