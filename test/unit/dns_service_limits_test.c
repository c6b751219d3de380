/*
 * dns_service_limits_test.c - how many questions wait, who shares one, what is remembered, and who is asked
 */
#include "test/unit/dns_service_kit.h"

#include <errno.h>

/* --- sharing ------------------------------------------------------------------------------------------------ */

static void
the_same_question_is_asked_once(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	asks(2, "A.EXAMPLE", DNS_A);
	asks(3, "a.example", DNS_AAAA);
	assert_int_equal(server_sockets(HOST_UDP), 2);
	resolves(udp(0), 1, "93.184.216.1");
	hears_address(2, "93.184.216.1");
	expect_silence();
	assert_int_equal(counted(GW_DNS_FORWARDED), 2);
	end();
}

/* A datagram sent again is answered once. */
static void
impatience_is_answered_once(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 3; i++)
		asks(1, "a.example", DNS_A);
	resolves(udp(0), 1, "93.184.216.1");
	expect_silence();
	end();
}

/* What differs in what is to be answered is not the same. */
static void
other_flags_are_another_question(void **state)
{
	struct message m;

	(void)state;
	begin();
	struct endpoint dns = dns_at(FAMILY_V4);
	asks(1, "a.example", DNS_A);
	m = *question(2, "a.example", DNS_A, 1232);
	m.bytes[3] |= 0x10; /* CD */
	guest_udp(5002, &dns, m.bytes, m.len);
	m = *question(3, "a.example", DNS_A, 1232);
	m.bytes[m.len - 4] |= 0x80; /* DO */
	guest_udp(5003, &dns, m.bytes, m.len);
	bed_settle(bed);
	assert_int_equal(server_sockets(HOST_UDP), 3);
	end();
}

/* --- limits ------------------------------------------------------------------------------------------------- */

/* More names at once than there are places: as many as there are are answered. */
static void
the_young_are_left_alone(void **state)
{
	(void)state;
	begin();
	for (uint16_t n = 0; n < DNS_PENDING; n++)
		asks_nth(n);
	expect_silence();
	wait_for(DNS_HEDGE - 1);
	for (uint16_t n = 0; n < 3; n++) {
		asks_nth((uint16_t)(DNS_PENDING + n));
		struct told t = hears_rcode((uint16_t)(DNS_PENDING + n), DNS_SERVFAIL);
		assert_int_equal(t.ede, EDE_OTHER);
	}
	assert_int_equal(server_sockets(HOST_UDP), DNS_PENDING);
	assert_int_equal(counted(GW_DNS_FULL), 3);
	/* The sockets of those that were answered go: the first is another one each time. */
	for (uint16_t n = 0; n < DNS_PENDING; n++) {
		resolves(udp(0), n, "93.184.216.1");
	}
	end();
}

static void
the_longest_waiting_makes_room(void **state)
{
	(void)state;
	begin();
	for (uint16_t n = 0; n < DNS_PENDING; n++)
		asks_nth(n);
	wait_for(DNS_HEDGE);
	expect_silence();
	for (uint16_t n = 0; n < 3; n++) {
		asks_nth((uint16_t)(DNS_PENDING + n));
		struct told t = hears_rcode(n, DNS_SERVFAIL);
		assert_int_equal(t.ede, EDE_OTHER);
	}
	assert_int_equal(counted(GW_DNS_FULL), 3);
	/* All end in bounded time. */
	wait_for(5 * USEC_PER_SEC);
	assert_int_equal(server_sockets(HOST_UDP) + server_sockets(HOST_TCP), 0);
	bed_drop(bed);
	end();
}

/* Askers of one question count, each. */
static void
a_crowd_with_one_question(void **state)
{
	(void)state;
	begin();
	for (uint16_t n = 0; n <= DNS_PENDING; n++)
		asks(n, "a.example", DNS_A);
	hears_rcode(DNS_PENDING, DNS_SERVFAIL);
	assert_int_equal(server_sockets(HOST_UDP), 1);
	server_answers(udp(0), "93.184.216.1");
	for (uint16_t n = 0; n < DNS_PENDING; n++)
		hears_address(n, "93.184.216.1");
	expect_silence();
	end();
}

/* When what makes room is all that asked the same, it is asked anew. */
static void
the_last_of_its_kind(void **state)
{
	(void)state;
	begin();
	for (uint16_t n = 0; n < DNS_PENDING; n++)
		asks_nth(n);
	wait_for(DNS_HEDGE);
	expect_silence();
	asks(1000, "n0.example", DNS_A);
	hears_rcode(0, DNS_SERVFAIL);
	resolves(udp((int)server_sockets(HOST_UDP) - 1), 1000, "93.184.216.1");
	wait_for(5 * USEC_PER_SEC);
	bed_drop(bed);
	end();
}

static void
a_flood_leaves_nothing(void **state)
{
	(void)state;
	conf.gateway.dns_cache = 64;
	begin();
	for (unsigned i = 0; i < 20000; i++) {
		struct endpoint dns = dns_at(FAMILY_V4);
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		const struct message *m = question((uint16_t)i, name, DNS_A, 1232);
		guest_udp(5000, &dns, m->bytes, m->len);
		if (i % 500 == 499) {
			bed_settle(bed);
			bed_drop(bed);
		}
	}
	bed_settle(bed);
	assert_true(bed->gw->files <= DNS_PENDING + 1);
	wait_for(5 * USEC_PER_SEC);
	bed_drop(bed);
	assert_int_equal(bed->gw->files, 1);
	end();
}

/* --- the cache ---------------------------------------------------------------------------------------------- */

static void
a_hit_needs_no_socket(void **state)
{
	(void)state;
	begin();
	answered_by(SERVER_A, 1, "a.example");
	wait_for(100 * USEC_PER_SEC);
	vhost_default(bed->vhost, VHOST_EMFILE);
	asks(2, "A.example", DNS_A);
	struct told t = hears_rcode(2, DNS_NOERROR);
	assert_int_equal(t.answers, 1);
	assert_int_equal(t.ttl, 200);
	assert_int_equal(counted(GW_DNS_CACHED), 1);
	assert_int_equal(counted(GW_DNS_FORWARDED), 1);
	vhost_default(bed->vhost, VHOST_ACCEPT);
	wait_for(200 * USEC_PER_SEC);
	asks(3, "a.example", DNS_A);
	assert_int_equal(server_sockets(HOST_UDP), 1);
	end();
}

static void
without_a_cache(void **state)
{
	(void)state;
	conf.gateway.dns_cache = UINT32_MAX;
	begin();
	for (uint16_t i = 1; i < 3; i++)
		answered_by(SERVER_A, i, "a.example");
	assert_int_equal(counted(GW_DNS_FORWARDED), 2);
	end();
}

static void
failures_are_not_kept(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	server_says(udp(0), DNS_SERVFAIL);
	hears_rcode(1, DNS_SERVFAIL);
	answered_by(SERVER_A, 2, "a.example");
	end();
}

/* --- who is asked ------------------------------------------------------------------------------------------- */

static void
put_file(const char *path, const char *text)
{
	assert_true(vhost_put_file(bed->vhost, path, text, strlen(text)));
}

static int
at_server(const char *server)
{
	return server_fd(HOST_UDP, server, 0);
}

static void
resolv_conf_is_followed(void **state)
{
	(void)state;
	conf.gateway.nnameservers = 0;
	begin();
	put_file("/etc/resolv.conf", "nameserver 192.0.2.7\n");
	answered_by("192.0.2.7", 1, "a.example");
	put_file("/etc/resolv.conf", "nameserver 192.0.2.8\n");
	/* Looked at once a second. */
	answered_by("192.0.2.7", 2, "b.example");
	wait_for(USEC_PER_SEC);
	answered_by("192.0.2.8", 3, "c.example");
	end();
}

static void
no_resolv_conf_means_this_host(void **state)
{
	(void)state;
	conf.gateway.nnameservers = 0;
	begin();
	answered_by("127.0.0.1", 1, "a.example");
	end();
}

static void
beyond_a_stub_that_is_not_there(void **state)
{
	struct endpoint stub = at("127.0.0.53", 53);

	(void)state;
	conf.gateway.nnameservers = 0;
	begin();
	put_file("/etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0 trust-ad\n");
	/* On the host's own network the stub is there. */
	answered_by("127.0.0.53", 1, "a.example");
	/* In another one nobody is, and without the other file nobody answers. */
	vhost_answer(bed->vhost, HOST_UDP, &stub, VHOST_REFUSE);
	asks(2, "b.example", DNS_A);
	assert_int_equal(hears_rcode(2, DNS_SERVFAIL).ede, EDE_NETWORK);
	put_file("/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.9\n");
	answered_by("192.0.2.9", 3, "c.example");
	/* For a while it is asked at once, and followed too. */
	put_file("/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.10\n");
	wait_for(2 * USEC_PER_SEC);
	answered_by("192.0.2.10", 4, "d.example");
	/* Then the stub has another chance. */
	vhost_answer(bed->vhost, HOST_UDP, &stub, VHOST_ACCEPT);
	wait_for(61 * USEC_PER_SEC);
	answered_by("127.0.0.53", 5, "e.example");
	end();
}

static void
a_silent_stub(void **state)
{
	(void)state;
	conf.gateway.nnameservers = 0;
	begin();
	put_file("/etc/resolv.conf", "nameserver 127.0.0.53\n");
	put_file("/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.9\n");
	asks(1, "a.example", DNS_A);
	wait_for(4500 * USEC_PER_MSEC);
	hears_rcode(1, DNS_SERVFAIL);
	answered_by("192.0.2.9", 2, "a.example");
	end();
}

static void
split_by_suffix(void **state)
{
	static const char *const routes[] = {"corp.example=192.0.2.77:5353"};
	struct endpoint to;

	(void)state;
	conf.gateway.dns_routes = routes;
	conf.gateway.ndns_routes = 1;
	begin();
	asks(1, "www.corp.example", DNS_A);
	assert_true(vhost_peer(bed->vhost, at_server("192.0.2.77"), &to));
	assert_int_equal(to.port, 5353);
	assert_int_equal(at_server(SERVER_A), -1);
	/* Nobody else may learn of it: not even when it is silent. */
	wait_for(4400 * USEC_PER_MSEC);
	assert_int_equal(at_server(SERVER_A), -1);
	wait_for(100 * USEC_PER_MSEC);
	hears_rcode(1, DNS_SERVFAIL);
	asks(2, "notcorp.example", DNS_A);
	assert_int_equal(at_server("192.0.2.77"), -1);
	resolves(at_server(SERVER_A), 2, "93.184.216.1");
	end();
}

/* --- without memory ----------------------------------------------------------------------------------------- */

static void
calls_that_fail(void **state)
{
	static const char *const calls[] = {"socket", "connect", "disconnect", "arm_read", "send", "recv"};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		static const int errors[] = {ENOBUFS, ENOMEM, EPERM, EIO};

		for (size_t k = 0; k < 4; k++) {
			begin();
			/* The families are looked at first. */
			asks(9, "first.example", DNS_A);
			resolves(udp(0), 9, "93.184.216.9");
			wait_for(DNS_SPARE_TIME);
			vhost_fail(bed->vhost, calls[i], 1, errors[k]);
			asks(1, "a.example", DNS_A);
			if (udp(0) >= 0)
				server_answers(udp(0), "93.184.216.1");
			free(expect(STRICT_UDP));
			assert_int_equal(server_sockets(HOST_UDP), 0);
			end();
		}
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_dns)
	const struct CMUnitTest tests[] = {
	    TEST(the_same_question_is_asked_once),
	    TEST(impatience_is_answered_once),
	    TEST(other_flags_are_another_question),
	    TEST(the_young_are_left_alone),
	    TEST(the_longest_waiting_makes_room),
	    TEST(a_crowd_with_one_question),
	    TEST(the_last_of_its_kind),
	    TEST(a_flood_leaves_nothing),
	    TEST(a_hit_needs_no_socket),
	    TEST(without_a_cache),
	    TEST(failures_are_not_kept),
	    TEST(resolv_conf_is_followed),
	    TEST(no_resolv_conf_means_this_host),
	    TEST(beyond_a_stub_that_is_not_there),
	    TEST(a_silent_stub),
	    TEST(split_by_suffix),
	    TEST(calls_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
