/*
 * vhost_user_gateway_test.c - a whole gateway behind a vhost-user socket, as an embedder has it
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/unix.h"
#include "sluice.h"
#include "stack/arp_wire.h"
#include "stack/eth_wire.h"
#include "test/bed/craft.h"
#include "test/bed/vhost_front.h"
#include "test/unit/descriptor_kit.h"

struct bench {
	char dir[32], path[64], err[256];
	struct sluice_config cfg;
	struct sluice *s;
	struct vhost_front front;
	struct craft craft;
	int ended; /* what dispatch() said */
	char log[2048];
	uint8_t frame[FRAME_MAX];
};

static void
on_log(void *ctx, enum sluice_log_level level, const char *line)
{
	struct bench *b = ctx;
	size_t n = strlen(b->log);

	(void)level;
	snprintf(b->log + n, sizeof(b->log) - n, "%s\n", line);
}

static void
turn(void *ctx)
{
	struct bench *b = ctx;
	struct pollfd fds[SLUICE_POLLFDS];
	int timeout, n = sluice_prepare(b->s, fds, &timeout);

	poll(fds, (nfds_t)n, 0);
	b->ended = sluice_dispatch(b->s, fds, n);
}

static struct addr
address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	snprintf(b->dir, sizeof(b->dir), "/tmp/vhost-user.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->path, sizeof(b->path), "%s/s", b->dir);
	sluice_config_init(&b->cfg);
	b->cfg.link_kind = SLUICE_LINK_VHOST_USER;
	b->cfg.link_path = b->path;
	b->cfg.profiles = "all";
	b->cfg.log = on_log;
	b->cfg.log_ctx = b;
	b->craft = (struct craft){.src_mac = {{2, 0, 0, 0, 0, 15}},
				  .dst_mac = {{0x52, 0x55, 10, 0, 2, 2}},
				  .src = address("10.0.2.15"),
				  .dst = address("10.0.2.2")};
	front_init(&b->front, turn, b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	front_free(&b->front);
	sluice_free(b->s);
	assert_int_equal(rmdir(b->dir), 0); /* the socket went with the gateway */
	free(b);
	return 0;
}

static void
begin(struct bench *b)
{
	b->s = sluice_new(&b->cfg, b->err, sizeof(b->err));
	if (!b->s)
		fail_msg("%s", b->err);
}

static void
connect_guest(struct bench *b, uint16_t num)
{
	front_connect(&b->front, b->path);
	assert_true(front_start(&b->front, FRONT_FEATURES, num));
	turn(b);
}

/* The guest's own, what it gets besides (router advertisements) aside. */
static size_t
answer(struct bench *b, uint16_t type)
{
	for (int i = 0; i < 10; i++) {
		size_t n = front_guest_gets(&b->front, b->frame, sizeof(b->frame));
		struct rd r = rd_of(view_of(b->frame, n));
		struct eth h;

		if (n > 0 && eth_parse(&r, &h) && h.type == type &&
		    memcmp(&h.dst, &b->craft.src_mac, sizeof(h.dst)) == 0)
			return n;
	}
	return 0;
}

static void
assert_arp(struct bench *b)
{
	struct wr w = wr_of(b->frame, sizeof(b->frame));
	struct arp a = {.op = ARP_REQUEST,
			.sender_mac = b->craft.src_mac,
			.sender_ip = b->craft.src,
			.target_ip = b->craft.dst};

	eth_emit(&w, &(struct eth){.dst = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
				   .src = b->craft.src_mac,
				   .type = ETHERTYPE_ARP});
	arp_emit(&w, &a);
	front_guest_sends(&b->front, b->frame, (size_t)(w.p - b->frame));
	size_t n = answer(b, ETHERTYPE_ARP);
	assert_true(arp_parse(view_of(b->frame + ETH_HLEN, n - ETH_HLEN), &a));
	assert_int_equal(a.op, ARP_REPLY);
	assert_memory_equal(&a.sender_mac, &b->craft.dst_mac, sizeof(a.sender_mac));
}

/* The gateway's own address answers by itself; a body that no one buffer holds comes back in several. */
static void
assert_ping(struct bench *b, size_t len)
{
	static uint8_t body[1400];
	size_t n;

	for (size_t i = 0; i < len; i++)
		body[i] = (uint8_t)(i * 3 + len);
	n = craft_icmp(b->frame, &b->craft, &(struct icmp){.type = ICMP4_ECHO_REQUEST, .rest = 7 << 16 | 1},
		       view_of(body, len));
	front_guest_sends(&b->front, b->frame, n);
	assert_int_equal(answer(b, ETHERTYPE_IPV4), n);
	assert_int_equal(b->frame[ETH_HLEN + IP4_HLEN], ICMP4_ECHO_REPLY);
	assert_memory_equal(b->frame + n - len, body, len);
}

static void
a_guest_is_on_the_network_and_so_is_the_next(void **state)
{
	struct bench *b = *state;

	begin(b);
	for (uint8_t i = 0; i < 3; i++) {
		struct sluice_stats st = {.size = sizeof(st)};

		b->craft.src_mac.b[5] = i; /* another machine: nothing of the last one is remembered */
		connect_guest(b, 256);
		assert_arp(b);
		for (size_t len = 8; len < 1400; len += 464)
			assert_ping(b, len);
		sluice_get_stats(b->s, &st);
		assert_int_equal(st.dropped, 0);
		front_hang_up(&b->front);
		for (int k = 0; k < 4; k++)
			turn(b);
		assert_int_equal(b->ended, 0);
		assert_non_null(strstr(b->log, "a guest is attached"));
		assert_non_null(strstr(b->log, "the guest left: the VMM closed the connection"));
		b->log[0] = '\0';
	}
}

static void
a_vmm_that_speaks_nonsense_is_left_and_the_gateway_lives(void **state)
{
	struct bench *b = *state;

	begin(b);
	connect_guest(b, 256);
	assert_ping(b, 100);
	front_say_u64(&b->front, VHOST_USER_SET_FEATURES, 1);
	assert_true(front_is_left(&b->front));
	front_hang_up(&b->front);
	turn(b);
	assert_non_null(strstr(b->log, "SET_FEATURES for a queue that runs"));
	assert_int_equal(b->ended, 0);
	connect_guest(b, 256);
	assert_ping(b, 100);
}

static void
one_off_ends_the_gateway_with_a_sentence(void **state)
{
	struct bench *b = *state;

	b->cfg.link_one_off = true;
	begin(b);
	connect_guest(b, 256);
	assert_ping(b, 100);
	front_hang_up(&b->front);
	turn(b);
	assert_int_equal(b->ended, -ENOLINK);
	assert_string_equal(sluice_error(b->s),
			    "the link to the guest is gone: the VMM closed the connection");
}

static void
what_the_gateway_does_not_take_stays_the_givers(void **state)
{
	struct bench *b = *state;
	const struct sluice_publish senseless = {.host_first = 2, .host_last = 1};
	unsigned before;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	before = open_descriptors();
	b->cfg.link_path = NULL;
	b->cfg.link_fd = pair[0];
	b->cfg.publish = &senseless;
	b->cfg.npublish = 1;
	assert_null(sluice_new(&b->cfg, b->err, sizeof(b->err)));
	assert_int_equal(open_descriptors(), before);
	b->cfg.npublish = 0;
	begin(b);
	b->front.fd = pair[1];
	assert_true(front_start(&b->front, FRONT_FEATURES, 256));
	turn(b);
	assert_ping(b, 100);
	sluice_free(b->s);
	b->s = NULL;
	assert_int_equal(open_descriptors(), before - 1);
}

static void
a_thousand_gateways_leave_nothing(void **state)
{
	struct bench *b = *state;
	unsigned before = open_descriptors();

	for (int i = 0; i < 1000; i++) {
		begin(b);
		if (i % 10 == 0) {
			connect_guest(b, 16);
			turn(b);
		}
		sluice_free(b->s);
		b->s = NULL;
		front_hang_up(&b->front);
		assert_int_equal(open_descriptors(), before);
	}
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_guest_is_on_the_network_and_so_is_the_next),
	    T(a_vmm_that_speaks_nonsense_is_left_and_the_gateway_lives),
	    T(one_off_ends_the_gateway_with_a_sentence),
	    T(what_the_gateway_does_not_take_stays_the_givers),
	    T(a_thousand_gateways_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
