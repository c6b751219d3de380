/*
 * gateway_publish_test.c - host ports that lead to the guest: who listens where, what a client is told
 */
#include "test/unit/gateway_kit.h"

#include <errno.h>

static const char *const loop[FAMILIES] = {"127.0.0.1", "::1"};

static void
publish(const struct sluice_publish *p, size_t n)
{
	conf.gateway.publish = p;
	conf.gateway.npublish = n;
}

static bool
client(const char *addr, uint16_t port, uint16_t from)
{
	struct endpoint to = at(addr, port), me = at(addr, from);

	return vhost_client(bed->vhost, &to, &me);
}

/* The guest's end of a connection that the gateway is about to open to this port. */
static struct peer
guest_port(enum family fam, uint16_t port, uint16_t remote)
{
	return (struct peer){.t = {{bed->guest[fam], port}, {bed->gateway[fam], remote}, IP_PROTO_TCP},
			     .seq = 77,
			     .wnd = 65535};
}

static void
guest_accepts(struct peer *p)
{
	peer_wants(p, TCP_SYN);
	peer_send(p, TCP_SYN | TCP_ACK, NULL, 0);
	peer_wants(p, TCP_ACK);
}

/* The n-th connected TCP socket: listeners come first. */
static int
accepted_fd(int n)
{
	return vhost_find(bed->vhost, HOST_TCP, (int)bed->gw->nlistener + n);
}

/* --- TCP --------------------------------------------------------------------------------------------------------- */

static void
there_and_back(void **state)
{
	static const struct sluice_publish p = {.host_first = 8080, .host_last = 8080, .guest_first = 80};

	(void)state;
	publish(&p, 1);
	begin();
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		assert_true(client(loop[fam], 8080, 50000));
		struct peer g = guest_port(fam, 80, 50000);
		guest_accepts(&g);
		int fd = peer_fd(&g);

		assert_int_equal(vhost_send(bed->vhost, fd, "GET", 3), 3);
		struct bed_frame *f = peer_expect(&g, TCP_ACK);
		assert_int_equal(f->is.payload.len, 3);
		assert_memory_equal(f->is.payload.p, "GET", 3);
		free(f);
		peer_send(&g, TCP_ACK | TCP_FIN, "200", 3);
		peer_wants(&g, TCP_ACK);
		assert_int_equal(vhost_recv(bed->vhost, fd, buf, 10), 3);
		assert_true(vhost_got_eof(bed->vhost, fd));
		vhost_send_eof(bed->vhost, fd);
		peer_wants(&g, TCP_ACK | TCP_FIN);
		peer_send(&g, TCP_ACK, NULL, 0);
		expect_silence();
		assert_int_equal(vhost_closed(bed->vhost, fd), 1);
	}
	assert_int_equal(counted(GW_PUBLISHED), 2);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	end();
}

static void
a_refusing_guest_resets_the_client(void **state)
{
	static const struct sluice_publish p = {.host_first = 8080, .host_last = 8080};

	(void)state;
	publish(&p, 1);
	begin();
	assert_true(client("127.0.0.1", 8080, 50000));
	struct peer g = guest_port(FAMILY_V4, 8080, 50000);
	peer_wants(&g, TCP_SYN);
	int fd = peer_fd(&g);
	peer_send(&g, TCP_RST | TCP_ACK, NULL, 0);
	expect_silence();
	assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	assert_int_equal(counted(GW_TCP_REFUSED), 1);
	assert_int_equal(counted(GW_TCP_RESET_BY_GUEST), 0);
	end();
}

static void
a_silent_guest_resets_the_client_in_time(void **state)
{
	static const struct sluice_publish p = {.host_first = 8080, .host_last = 8080};

	(void)state;
	publish(&p, 1);
	begin();
	assert_true(client("127.0.0.1", 8080, 50000));
	bed_settle(bed);
	int fd = accepted_fd(0);
	wait_for(120 * USEC_PER_SEC);
	assert_int_equal(vhost_closed(bed->vhost, fd), 0);
	wait_for(180 * USEC_PER_SEC);
	assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	assert_int_equal(counted(GW_TCP_GAVE_UP), 1);
	end();
}

static void
ranges_map_one_to_one(void **state)
{
	static const struct sluice_publish p[] = {
	    {.bind = "127.0.0.1", .host_first = 9000, .host_last = 9003, .guest_first = 100},
	    {.bind = "::", .host_first = 9500, .host_last = 9500},
	};

	(void)state;
	publish(p, 2);
	begin();
	assert_int_equal(bed->gw->nlistener, 5);
	for (uint16_t i = 0; i < 4; i++) {
		assert_true(client("127.0.0.1", (uint16_t)(9000 + i), 50000));
		struct peer g = guest_port(FAMILY_V4, (uint16_t)(100 + i), 50000);
		guest_accepts(&g);
	}
	assert_false(client("127.0.0.1", 9004, 50000));
	assert_false(client("::1", 9000, 50000));
	assert_true(client("2001:db8::77", 9500, 50000));
	struct peer g = guest_port(FAMILY_V6, 9500, 50000);
	guest_accepts(&g);
	end();
}

/* Clients of several addresses may have the same port: to the guest they are all the gateway. */
static void
clients_of_one_port_number(void **state)
{
	static const struct sluice_publish p = {.bind = "0.0.0.0", .host_first = 80, .host_last = 80};
	uint16_t port[4];

	(void)state;
	publish(&p, 1);
	begin();
	struct endpoint to = at("192.0.2.1", 80);
	for (unsigned i = 0; i < 4; i++) {
		char text[ADDR_TEXT];
		struct endpoint me;

		snprintf(text, sizeof(text), "198.51.100.%u", 10 + i);
		me = at(text, 50000);
		assert_true(vhost_client(bed->vhost, &to, &me));
		struct bed_frame *f = expect(STRICT_TCP);
		assert_int_equal(f->is.tcp.flags, TCP_SYN);
		port[i] = f->is.tcp.sport;
		free(f);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(port[j], port[i]);
	}
	assert_int_equal(port[0], 50000);
	assert_int_equal(open_flows(FLOW_TCP), 4);
	end();
}

static void
a_name_in_time_wait_is_taken(void **state)
{
	static const struct sluice_publish p = {.host_first = 80, .host_last = 80};

	(void)state;
	publish(&p, 1);
	begin();
	assert_true(client("127.0.0.1", 80, 50000));
	struct peer g = guest_port(FAMILY_V4, 80, 50000);
	guest_accepts(&g);
	vhost_send_eof(bed->vhost, peer_fd(&g)); /* the gateway ends first, and keeps the name */
	peer_wants(&g, TCP_ACK | TCP_FIN);
	peer_send(&g, TCP_ACK | TCP_FIN, NULL, 0);
	peer_wants(&g, TCP_ACK);
	expect_silence();
	assert_int_equal(open_flows(FLOW_TCP), 0);

	assert_true(client("127.0.0.1", 80, 50000));
	struct bed_frame *f = expect(STRICT_TCP);
	assert_int_equal(f->is.tcp.flags, TCP_SYN);
	assert_int_not_equal(f->is.tcp.sport, 50000);
	free(f);
	end();
}

/* --- limits -------------------------------------------------------------------------------------------------------- */

static void
a_full_table_turns_clients_away(void **state)
{
	static const struct sluice_publish p = {.host_first = 80, .host_last = 80};

	(void)state;
	publish(&p, 1);
	conf.gateway.max_tcp = 2;
	begin();
	for (uint16_t i = 0; i < 2; i++) {
		assert_true(client("127.0.0.1", 80, (uint16_t)(50000 + i)));
		struct peer g = guest_port(FAMILY_V4, 80, (uint16_t)(50000 + i));
		guest_accepts(&g);
	}
	assert_true(client("127.0.0.1", 80, 50002));
	expect_silence();
	assert_int_equal(counted(GW_PUBLISH_FULL), 1);
	assert_int_equal(open_flows(FLOW_TCP), 2);
	assert_int_equal(accepted_fd(2), -1);
	end();
}

static void
no_descriptor_for_a_client(void **state)
{
	static const struct sluice_publish p = {.host_first = 80, .host_last = 80};

	(void)state;
	publish(&p, 1);
	conf.gateway.max_files = 4; /* two listeners, the spare one, one client */
	begin();
	assert_true(client("127.0.0.1", 80, 50000));
	struct peer g = guest_port(FAMILY_V4, 80, 50000);
	guest_accepts(&g);
	for (uint16_t i = 1; i < 4; i++)
		assert_true(client("127.0.0.1", 80, (uint16_t)(50000 + i)));
	bed_settle(bed); /* and rests: a listener that stayed readable would keep it awake */
	assert_int_equal(open_flows(FLOW_TCP), 1);
	assert_int_equal(counted(GW_PUBLISH_FULL), 3);
	assert_true(bed->gw->spare_fd >= 0);
	/* When the client is gone there is room for another. */
	vhost_reset(bed->vhost, accepted_fd(0));
	wait_for(300 * USEC_PER_SEC);
	bed_drop(bed);
	assert_true(client("127.0.0.1", 80, 50009));
	bed_settle(bed);
	assert_int_equal(open_flows(FLOW_TCP), 1);
	assert_int_equal(counted(GW_PUBLISH_FULL), 3);
	end();
}

static void
the_hosts_own_shortage(void **state)
{
	static const struct sluice_publish p = {.host_first = 80, .host_last = 80};
	static const int shortage[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS};

	(void)state;
	publish(&p, 1);
	begin();
	for (size_t i = 0; i < sizeof(shortage) / sizeof(shortage[0]); i++) {
		vhost_fail(bed->vhost, "accept", 1, shortage[i]);
		assert_true(client("127.0.0.1", 80, 50000));
		expect_silence();
		assert_int_equal(counted(GW_PUBLISH_FULL), i + 1);
		assert_int_equal(accepted_fd(0), -1); /* accepted with the spare descriptor, and reset */
		assert_true(bed->gw->spare_fd >= 0);
	}
	/* A client that left before it was accepted is no reason to stop. */
	vhost_fail(bed->vhost, "accept", 1, ECONNABORTED);
	assert_true(client("127.0.0.1", 80, 50001));
	struct peer g = guest_port(FAMILY_V4, 80, 50001);
	guest_accepts(&g);
	end();
}

/* Not even the spare descriptor helps: the client waits, the loop rests, and a moment later it is served. */
static void
no_descriptor_at_all(void **state)
{
	static const struct sluice_publish p = {.host_first = 80, .host_last = 80};

	(void)state;
	publish(&p, 1);
	begin();
	vhost_fail(bed->vhost, "accept", 1, ENFILE);
	vhost_fail(bed->vhost, "accept", 2, ENFILE);
	assert_true(client("127.0.0.1", 80, 50000));
	bed_settle(bed);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	assert_int_equal(counted(GW_PUBLISH_FULL), 1);
	wait_for(100 * USEC_PER_MSEC);
	assert_int_equal(open_flows(FLOW_TCP), 1);
	assert_int_equal(counted(GW_PUBLISH_FULL), 1);
	bed_drop(bed);
	end();
}

static void
no_memory_for_a_client(void **state)
{
	static const struct sluice_publish p = {.host_first = 80, .host_last = 80};
	void *block[2];

	(void)state;
	publish(&p, 1);
	conf.gateway.memory = 2u << 20;
	begin();
	for (unsigned i = 0; i < 2; i++) {
		block[i] = pool_alloc(&bed->gw->pool, POOL_BLOCK_MAX);
		assert_non_null(block[i]);
	}
	assert_true(client("127.0.0.1", 80, 50000));
	expect_silence();
	assert_int_equal(open_flows(FLOW_TCP), 0);
	assert_int_equal(counted(GW_PUBLISH_FULL), 1);
	for (unsigned i = 0; i < 2; i++)
		pool_free(&bed->gw->pool, block[i], POOL_BLOCK_MAX);
	end();
}

/* --- UDP ------------------------------------------------------------------------------------------------------------- */

static void
datagrams_in_and_out(void **state)
{
	static const struct sluice_publish p = {
	    .host_first = 5353, .host_last = 5353, .guest_first = 53, .udp = true};

	(void)state;
	publish(&p, 1);
	begin();
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		int fd = bed->gw->listener[fam].fd;
		struct endpoint one = at(loop[fam], 40001),
				two = at(fam ? "2001:db8::5" : "192.0.2.5", 40001), to;
		size_t n;

		assert_true(vhost_send_dgram(bed->vhost, fd, &one, "one", 3));
		struct bed_frame *f = expect(STRICT_UDP);
		assert_true(addr_eq(&f->is.ip.src, &bed->gateway[fam]));
		assert_true(addr_eq(&f->is.ip.dst, &bed->guest[fam]));
		assert_int_equal(f->is.udp.sport, 40001);
		assert_int_equal(f->is.udp.dport, 53);
		free(f);

		/* Another client with the same port gets another name, and its answer comes to it. */
		assert_true(vhost_send_dgram(bed->vhost, fd, &two, "two", 3));
		f = expect(STRICT_UDP);
		assert_int_not_equal(f->is.udp.sport, 40001);
		struct endpoint name = {bed->gateway[fam], f->is.udp.sport};
		free(f);
		guest_udp(53, &name, "answer two", 10);
		name.port = 40001;
		guest_udp(53, &name, "answer one", 10);
		expect_silence();
		assert_true(vhost_recv_dgram(bed->vhost, fd, buf, 100, &n, &to));
		assert_true(n == 10 && memcmp(buf, "answer two", 10) == 0 && addr_eq(&to.addr, &two.addr));
		assert_true(vhost_recv_dgram(bed->vhost, fd, buf, 100, &n, &to));
		assert_true(n == 10 && memcmp(buf, "answer one", 10) == 0 && addr_eq(&to.addr, &one.addr));
	}
	assert_int_equal(counted(GW_PUBLISHED), 4);
	wait_for(180 * USEC_PER_SEC);
	assert_int_equal(open_flows(FLOW_UDP), 0);
	end();
}

static void
guests_own_datagrams_are_not_answers(void **state)
{
	static const struct sluice_publish p = {.host_first = 5353, .host_last = 5353, .udp = true};
	size_t n;

	(void)state;
	publish(&p, 1);
	begin();
	guest_udp(5353, &(struct endpoint){bed_elsewhere(FAMILY_V4), 9}, "out", 3);
	bed_settle(bed);
	assert_false(vhost_recv_dgram(bed->vhost, bed->gw->listener[0].fd, buf, 100, &n, NULL));
	assert_int_equal(counted(GW_UDP_OPENED), 1);
	end();
}

static void
udp_clients_share_the_table(void **state)
{
	static const struct sluice_publish p = {.host_first = 5353, .host_last = 5353, .udp = true};

	(void)state;
	publish(&p, 1);
	conf.gateway.max_udp = 3;
	begin();
	for (uint16_t i = 0; i < 6; i++) {
		struct endpoint from = at("127.0.0.1", (uint16_t)(40000 + i));

		assert_true(vhost_send_dgram(bed->vhost, bed->gw->listener[0].fd, &from, "x", 1));
		free(expect(STRICT_UDP));
	}
	assert_int_equal(open_flows(FLOW_UDP), 3);
	assert_int_equal(counted(GW_UDP_EVICTED), 3);
	end();
}

/* --- what stops the start ---------------------------------------------------------------------------------------------- */

/* A gateway with this port cannot be made: the sentence. */
static const char *
refused_start(const struct sluice_publish *p, const char *op, int error)
{
	static char err[256];
	struct vhost *v = vhost_new(1);
	struct memlink *m = memlink_new(vhost_host(v), &conf.lim);

	publish(p, 1);
	err[0] = '\0';
	if (op)
		vhost_fail(v, op, 1, error);
	assert_null(gw_new(&conf.gateway, vhost_host(v), memlink_link(m), err, sizeof(err)));
	assert_int_equal(vhost_open_count(v), 0);
	memlink_free(m);
	vhost_free(v);
	return err;
}

static void
sentences(void **state)
{
	static const struct sluice_publish one = {.host_first = 80, .host_last = 80},
					   udp = {.bind = "192.0.2.1",
						  .host_first = 53,
						  .host_last = 53,
						  .udp = true},
					   name = {.bind = "localhost", .host_first = 80, .host_last = 80},
					   back = {.host_first = 90, .host_last = 80},
					   zero = {.host_first = 0, .host_last = 80},
					   far = {.host_first = 1, .host_last = 100, .guest_first = 65500},
					   six = {.bind = "::1", .host_first = 80, .host_last = 80};

	(void)state;
	assert_non_null(strstr(refused_start(&one, "bind", EADDRINUSE), "TCP port 80 on 127.0.0.1"));
	assert_non_null(strstr(refused_start(&one, "bind", EADDRINUSE), "choose another host port"));
	assert_non_null(strstr(refused_start(&one, "bind", EACCES), "CAP_NET_BIND_SERVICE"));
	assert_non_null(strstr(refused_start(&udp, "bind", EADDRNOTAVAIL), "UDP port 53 on 192.0.2.1"));
	assert_non_null(strstr(refused_start(&udp, "bind", EADDRNOTAVAIL), "no such address"));
	assert_non_null(strstr(refused_start(&one, "listen", ENOBUFS), "TCP port 80"));
	assert_non_null(strstr(refused_start(&one, "arm", ENOMEM), "TCP port 80"));
	assert_non_null(strstr(refused_start(&name, NULL, 0), "'localhost'"));
	assert_non_null(strstr(refused_start(&back, NULL, 0), "90-80"));
	assert_non_null(strstr(refused_start(&zero, NULL, 0), "0-80"));
	assert_non_null(strstr(refused_start(&far, NULL, 0), "1-100"));
	conf.gateway.ipv6.off = true;
	assert_non_null(strstr(refused_start(&six, NULL, 0), "::1"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
	    TEST(there_and_back),
	    TEST(a_refusing_guest_resets_the_client),
	    TEST(a_silent_guest_resets_the_client_in_time),
	    TEST(ranges_map_one_to_one),
	    TEST(clients_of_one_port_number),
	    TEST(a_name_in_time_wait_is_taken),
	    TEST(a_full_table_turns_clients_away),
	    TEST(no_descriptor_for_a_client),
	    TEST(the_hosts_own_shortage),
	    TEST(no_descriptor_at_all),
	    TEST(no_memory_for_a_client),
	    TEST(datagrams_in_and_out),
	    TEST(guests_own_datagrams_are_not_answers),
	    TEST(udp_clients_share_the_table),
	    TEST(sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
