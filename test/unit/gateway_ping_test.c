/*
 * gateway_ping_test.c - echo requests to anywhere: what passes unchanged, what ends a flow, what errors say
 */
#include "test/unit/gateway_kit.h"

#include <errno.h>

#include <linux/errqueue.h>

static const uint8_t request[FAMILIES] = {ICMP4_ECHO_REQUEST, ICMP6_ECHO_REQUEST};
static const uint8_t reply[FAMILIES] = {ICMP4_ECHO_REPLY, ICMP6_ECHO_REPLY};
static const uint8_t exceeded[FAMILIES] = {ICMP4_TIME_EXCEEDED, ICMP6_TIME_EXCEEDED};

static void
guest_pings(const struct addr *to, uint16_t id, uint16_t seq, uint8_t ttl, const void *data, size_t len)
{
	struct craft c = bed_craft(bed, to);
	struct icmp h = {.type = request[addr_family(to)], .rest = (uint32_t)id << 16 | seq};

	c.ttl = ttl;
	bed_push(bed, buf, craft_icmp(buf, &c, &h, view_of(data, len)));
}

static int
ping_fd(unsigned n)
{
	return vhost_find(bed->vhost, HOST_PING, (int)n);
}

/* The request at the host's socket: its sequence number and data. */
static void
host_got(int fd, enum family fam, uint16_t seq, const void *data, size_t len)
{
	static uint8_t got[65536];
	size_t n;

	assert_true(vhost_recv_dgram(bed->vhost, fd, got, sizeof(got), &n, NULL));
	assert_int_equal(n, ICMP_HLEN + len);
	assert_int_equal(got[0], request[fam]);
	assert_int_equal(got[6] << 8 | got[7], seq);
	assert_memory_equal(got + ICMP_HLEN, data, len);
}

/* The host's kernel puts an identifier of its own on the wire, and takes back only answers to that. */
static void
host_answers(int fd, enum family fam, uint16_t seq, const void *data, size_t len)
{
	static uint8_t packet[65536];

	memset(packet, 0, ICMP_HLEN);
	packet[0] = reply[fam];
	packet[4] = 0x77;
	packet[6] = (uint8_t)(seq >> 8);
	packet[7] = (uint8_t)seq;
	memcpy(packet + ICMP_HLEN, data, len);
	assert_true(vhost_send_dgram(bed->vhost, fd, NULL, packet, ICMP_HLEN + len));
}

static void
guest_gets(const struct addr *from, uint16_t id, uint16_t seq, const void *data, size_t len)
{
	struct bed_frame *f = expect(STRICT_ICMP);

	assert_true(addr_eq(&f->is.ip.src, from));
	assert_int_equal(f->is.icmp.type, reply[addr_family(from)]);
	assert_int_equal(f->is.icmp.rest, (uint32_t)id << 16 | seq);
	assert_int_equal(f->is.payload.len, len);
	assert_memory_equal(f->is.payload.p, data, len);
	assert_int_equal(f->is.ip.ttl, 64); /* as the answer came to the host */
	free(f);
}

static void
passes_as_it_is(void **state)
{
	(void)state;
	begin();
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		struct addr to = bed_elsewhere(fam);

		guest_pings(&to, 0xbeef, 1, 64, "payload", 7);
		guest_pings(&to, 0xbeef, 65535, 64, "", 0);
		bed_settle(bed);
		host_got(ping_fd(fam), fam, 1, "payload", 7);
		host_got(ping_fd(fam), fam, 65535, "", 0);
		assert_int_equal(vhost_ttl(bed->vhost, ping_fd(fam)), 63);
		host_answers(ping_fd(fam), fam, 65535, "", 0);
		host_answers(ping_fd(fam), fam, 1, "payload", 7);
		guest_gets(&to, 0xbeef, 65535, "", 0);
		guest_gets(&to, 0xbeef, 1, "payload", 7);
		expect_silence();
	}
	assert_int_equal(counted(GW_PING_OPENED), 2);
	end();
}

static void
identifiers_are_apart(void **state)
{
	struct addr to = bed_elsewhere(FAMILY_V4);

	(void)state;
	begin();
	guest_pings(&to, 1, 7, 64, "one", 3);
	guest_pings(&to, 2, 7, 64, "two", 3);
	bed_settle(bed);
	assert_int_equal(open_flows(FLOW_PING), 2);
	host_answers(ping_fd(1), FAMILY_V4, 7, "two", 3);
	guest_gets(&to, 2, 7, "two", 3);
	host_answers(ping_fd(0), FAMILY_V4, 7, "one", 3);
	guest_gets(&to, 1, 7, "one", 3);
	end();
}

/* What is beyond the MTU goes to the guest in pieces. */
static void
large_answers(void **state)
{
	static uint8_t data[40000], got[65536];
	struct addr to = bed_elsewhere(FAMILY_V4);
	size_t all = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3 + i / 256);
	begin();
	guest_pings(&to, 9, 1, 64, data, sizeof(data));
	bed_settle(bed);
	host_got(ping_fd(0), FAMILY_V4, 1, data, sizeof(data));
	host_answers(ping_fd(0), FAMILY_V4, 1, data, sizeof(data));
	for (struct bed_frame *f; (f = next_frame()); free(f)) {
		assert_int_equal(f->is.kind, STRICT_FRAGMENT);
		memcpy(got + f->is.ip.frag_off, f->is.payload.p, f->is.payload.len);
		all += f->is.payload.len;
	}
	assert_int_equal(all, ICMP_HLEN + sizeof(data));
	assert_memory_equal(got + ICMP_HLEN, data, sizeof(data));
	end();
}

static void
answers_only(void **state)
{
	struct addr to = bed_elsewhere(FAMILY_V4);

	(void)state;
	begin();
	guest_pings(&to, 9, 1, 64, "x", 1);
	bed_settle(bed);
	/* Not an echo reply, and less than a header. */
	assert_true(vhost_send_dgram(bed->vhost, ping_fd(0), NULL, "\x08\0\0\0\0\0\0\1x", 9));
	assert_true(vhost_send_dgram(bed->vhost, ping_fd(0), NULL, "\0\0\0", 3));
	expect_silence();
	end();
}

static void
ends_after_silence(void **state)
{
	struct addr to = bed_elsewhere(FAMILY_V4);

	(void)state;
	begin();
	guest_pings(&to, 9, 1, 64, "x", 1);
	wait_for(20 * USEC_PER_SEC);
	guest_pings(&to, 9, 2, 64, "x", 1);
	wait_for(30 * USEC_PER_SEC - 1);
	assert_int_equal(open_flows(FLOW_PING), 1);
	wait_for(1);
	assert_int_equal(open_flows(FLOW_PING), 0);
	assert_int_equal(ping_fd(0), -1);
	end();
}

static void
the_quietest_makes_room(void **state)
{
	struct addr to = bed_elsewhere(FAMILY_V4);

	(void)state;
	conf.gateway.max_ping = 2;
	begin();
	guest_pings(&to, 1, 1, 64, "x", 1);
	wait_for(USEC_PER_SEC);
	guest_pings(&to, 2, 1, 64, "x", 1);
	wait_for(USEC_PER_SEC);
	guest_pings(&to, 1, 2, 64, "x", 1); /* so that 2 is the quietest */
	guest_pings(&to, 3, 1, 64, "x", 1);
	bed_settle(bed);
	assert_int_equal(open_flows(FLOW_PING), 2);
	assert_int_equal(counted(GW_PING_EVICTED), 1);
	assert_int_equal(counted(GW_PING_OPENED), 3);
	/* 1 lives: its answer comes. */
	host_answers(ping_fd(0), FAMILY_V4, 2, "x", 1);
	guest_gets(&to, 1, 2, "x", 1);
	end();
}

static void
forbidden_is_said_once(void **state)
{
	struct addr to = bed_elsewhere(FAMILY_V4);

	(void)state;
	begin();
	for (unsigned i = 0; i < 5; i++) {
		vhost_fail(bed->vhost, "socket", 1, i % 2 ? EPERM : EACCES);
		guest_pings(&to, 1, (uint16_t)i, 64, "x", 1);
		expect_silence();
		wait_for(2 * USEC_PER_SEC);
	}
	assert_int_equal(counted(GW_PING_FORBIDDEN), 5);
	assert_int_equal(logged, 1);
	assert_non_null(strstr(last_log, "ping_group_range"));
	assert_int_equal(open_flows(FLOW_PING), 0);
	end();
}

static void
full_is_never_unreachable(void **state)
{
	static const int shortage[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS};
	struct addr to = bed_elsewhere(FAMILY_V4);

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(shortage) / sizeof(shortage[0]); i++) {
		vhost_fail(bed->vhost, "socket", 1, shortage[i]);
		guest_pings(&to, 1, 1, 64, "x", 1);
		expect_silence();
		assert_int_equal(counted(GW_PING_FULL), i + 1);
	}
	assert_int_equal(logged, 1);
	assert_int_equal(open_flows(FLOW_PING), 0);
	end();
}

static void
no_way_there(void **state)
{
	struct addr v4 = bed_elsewhere(FAMILY_V4), v6 = bed_elsewhere(FAMILY_V6);

	(void)state;
	begin();
	vhost_default(bed->vhost, VHOST_UNREACH_NET);
	guest_pings(&v4, 1, 1, 64, "x", 1);
	expect_error(ICMP4_UNREACHABLE, 0, 0, &bed->gateway[FAMILY_V4]);
	guest_pings(&v6, 1, 1, 64, "x", 1);
	expect_error(ICMP6_UNREACHABLE, 0, 0, &bed->gateway[FAMILY_V6]);
	vhost_default(bed->vhost, VHOST_UNREACH_HOST);
	guest_pings(&v4, 1, 1, 64, "x", 1);
	expect_error(ICMP4_UNREACHABLE, 1, 0, &bed->gateway[FAMILY_V4]);
	assert_int_equal(open_flows(FLOW_PING), 0);
	end();
}

/* As traceroute does it: the gateway is the first hop, then routers answer, each by its own address. */
static void
hop_by_hop(void **state)
{
	static const char *const router[FAMILIES] = {"203.0.113.1", "2001:db8:1::1"};

	(void)state;
	begin();
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		struct addr to = bed_elsewhere(fam);
		size_t quoted = fam == FAMILY_V4 ? IP4_HLEN : IP6_HLEN;

		guest_pings(&to, 0xabcd, 1, 1, "x", 1);
		expect_error(exceeded[fam], 0, 0, &bed->gateway[fam]);
		assert_int_equal(ping_fd(fam), -1);

		guest_pings(&to, 0xabcd, 2, 2, "x", 1);
		bed_settle(bed);
		assert_int_equal(vhost_ttl(bed->vhost, ping_fd(fam)), 1);
		struct host_sockerr e = {
		    .err = EHOSTUNREACH,
		    .origin = fam == FAMILY_V4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
		    .type = exceeded[fam],
		    .offender = addr_of(router[fam]),
		    .dest = {to, 0},
		    .data_len = 9,
		    .data = {request[fam], [6] = 0, [7] = 2},
		};
		vhost_send_error(bed->vhost, ping_fd(fam), &e);
		struct bed_frame *f = expect(STRICT_ICMP);
		assert_int_equal(f->is.icmp.type, exceeded[fam]);
		assert_true(addr_eq(&f->is.ip.src, &e.offender));
		/* It quotes the request as the guest knows it. */
		const uint8_t *q = f->is.payload.p + quoted;
		assert_true(f->is.payload.len >= quoted + ICMP_HLEN);
		assert_int_equal(q[0], request[fam]);
		assert_int_equal(q[4] << 8 | q[5], 0xabcd);
		assert_int_equal(q[6] << 8 | q[7], 2);
		free(f);
		/* The next request is not lost to the error the kernel had to tell. */
		vhost_recv_dgram(bed->vhost, ping_fd(fam), buf, sizeof(buf), &quoted, NULL);
		vhost_fail(bed->vhost, "writev", 1, EHOSTUNREACH);
		guest_pings(&to, 0xabcd, 3, 3, "y", 1);
		bed_settle(bed);
		host_got(ping_fd(fam), fam, 3, "y", 1);
		wait_for(USEC_PER_SEC);
	}
	end();
}

static void
the_gateway_answers_for_itself(void **state)
{
	(void)state;
	begin();
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		guest_pings(&bed->gateway[fam], 5, 6, 64, "self", 4);
		guest_gets(&bed->gateway[fam], 5, 6, "self", 4);
	}
	assert_int_equal(ping_fd(0), -1);
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
	    TEST(passes_as_it_is),
	    TEST(identifiers_are_apart),
	    TEST(large_answers),
	    TEST(answers_only),
	    TEST(ends_after_silence),
	    TEST(the_quietest_makes_room),
	    TEST(forbidden_is_said_once),
	    TEST(full_is_never_unreachable),
	    TEST(no_way_there),
	    TEST(hop_by_hop),
	    TEST(the_gateway_answers_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
