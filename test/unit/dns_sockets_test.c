/*
 * dns_sockets_test.c - datagram sockets that ask again: from another port, deaf to what came for the last question
 */
#include "test/unit/dns_service_kit.h"

#include <errno.h>

#define SERVER_6 "2001:db8::53"

static uint16_t
port_of(int fd)
{
	struct endpoint at;

	assert_true(vhost_local(bed->vhost, fd, &at));
	return at.port;
}

/* Question n, asked and answered; the socket that did it. */
static int
one_question(uint16_t n)
{
	asks_nth(n);
	int fd = udp(0);
	resolves(fd, n, "93.184.216.1");
	return fd;
}

/* Sockets of the gateway beside its spare one. */
static unsigned
sockets(void)
{
	return bed->gw->files - 1;
}

/* --- again, and as good as new ------------------------------------------------------------------------------ */

static void
another_port_each_time(void **state)
{
	uint16_t port[16], id[16];

	(void)state;
	begin();
	int fd = one_question(0);
	for (uint16_t n = 0; n < 16; n++) {
		asks_nth((uint16_t)(n + 1));
		assert_int_equal(udp(0), fd);
		port[n] = port_of(fd);
		assert_int_not_equal(port[n], 0);
		struct message *q = server_hears(fd);
		id[n] = id_of(q);
		server_sends(fd, answer_to(q, 0x8180, &(const char *){"93.184.216.1"}, 1, 300));
		hears_address((uint16_t)(n + 1), "93.184.216.1");
		for (uint16_t k = 0; k < n; k++) {
			assert_int_not_equal(port[n], port[k]);
			assert_int_not_equal(id[n], id[k]);
		}
		assert_int_equal(sockets(), 1);
	}
	end();
}

/* Answered: the port is closed and nobody is listened to. */
static void
a_spare_one_hears_nobody(void **state)
{
	struct endpoint server = at(SERVER_A, 53);

	(void)state;
	begin();
	int fd = one_question(1);
	assert_int_equal(port_of(fd), 0);
	assert_false(vhost_send_dgram(bed->vhost, fd, &server, "late", 4));
	assert_int_equal(server_sockets(HOST_UDP), 0);
	/* Told too late, or of a place where none ever was. */
	for (uint64_t n = 0; n < 3; n++) {
		struct host_event ev = {.token = TOKEN_DNS_SOCKET + n, .readable = true, .error = n & 1};

		dns_event(bed->gw, &ev, bed_now(bed));
	}
	expect_silence();
	assert_int_equal(sockets(), 1);
	assert_int_equal(counted(GW_DNS_FAILED), 0);
	end();
}

/* Two at once have one each. */
static void
never_two_questions_on_one(void **state)
{
	(void)state;
	begin();
	one_question(1);
	asks_nth(2);
	asks_nth(3);
	assert_int_equal(server_sockets(HOST_UDP), 2);
	assert_int_not_equal(port_of(udp(0)), port_of(udp(1)));
	assert_int_equal(sockets(), 2);
	end();
}

/* --- what came for the last question ------------------------------------------------------------------------ */

/* Whoever hit the last port could wait there with an answer to the next question: here even the id is right. */
static void
what_waits_in_it_is_not_an_answer(void **state)
{
	const char *lie = "93.184.217.66", *truth = "93.184.216.1";
	struct dns_service *d;
	struct message first;

	(void)state;
	begin();
	d = bed->gw->dns;
	one_question(1);
	asks_nth(2);
	int fd = udp(0);
	first = *answer_to(server_hears(fd), 0x8180, &truth, 1, 300);
	struct message forged =
	    *answer_to(question(d->id[d->nid - 1], "n3.example", DNS_A, 0), 0x8180, &lie, 1, 300);
	assert_true(vhost_send_dgram(bed->vhost, fd, NULL, first.bytes, first.len));
	assert_true(vhost_send_dgram(bed->vhost, fd, NULL, forged.bytes, forged.len));
	bed_settle(bed);
	hears_address(2, truth);

	/* The same number, but another socket. */
	asks_nth(3);
	expect_silence();
	assert_int_equal(sockets(), 1);
	fd = udp(0);
	struct message *q = server_hears(fd);
	assert_int_equal(id_of(q), forged.bytes[0] << 8 | forged.bytes[1]);
	server_sends(fd, answer_to(q, 0x8180, &truth, 1, 300));
	hears_address(3, truth);
	assert_int_equal(counted(GW_DNS_STRAY), 0);
	end();
}

/* An error that the last question brought about is not the next one's. */
static void
an_error_that_waits_in_it(void **state)
{
	(void)state;
	begin();
	one_question(1);
	vhost_fail(bed->vhost, "recv", 1, ECONNREFUSED);
	asks_nth(2);
	expect_silence();
	assert_int_equal(sockets(), 1);
	resolves(udp(0), 2, "93.184.216.1");
	assert_int_equal(counted(GW_DNS_FAILED), 0);
	end();
}

static void
many_wait_with_something_in_them(void **state)
{
	(void)state;
	begin();
	for (uint16_t n = 0; n < 8; n++)
		asks_nth(n);
	for (uint16_t n = 0; n < 8; n++) {
		int fd = udp(0);
		struct message *m =
		    answer_to(server_hears(fd), 0x8180, &(const char *){"93.184.216.1"}, 1, 300);

		assert_true(vhost_send_dgram(bed->vhost, fd, NULL, m->bytes, m->len));
		assert_true(vhost_send_dgram(bed->vhost, fd, NULL, m->bytes, m->len));
		bed_settle(bed);
		free(expect(STRICT_UDP));
	}
	assert_int_equal(sockets(), 8);
	one_question(20);
	assert_int_equal(sockets(), 1);
	end();
}

/* --- which are kept ----------------------------------------------------------------------------------------- */

static void
nobody_answered_on_it(void **state)
{
	(void)state;
	conf.gateway.nnameservers = 2;
	begin();
	asks(1, "a.example", DNS_A);
	wait_for(USEC_PER_SEC);
	assert_int_equal(sockets(), 2);
	resolves(server_fd(HOST_UDP, SERVER_B, 0), 1, "93.184.216.2");
	assert_int_equal(sockets(), 1);
	end();
}

static void
somebody_lied_on_it(void **state)
{
	const char *truth = "93.184.216.1";
	struct message m;

	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	int fd = udp(0);
	m = *answer_to(server_hears(fd), 0x8180, &truth, 1, 300);
	m.bytes[1] ^= 1;
	server_sends(fd, &m);
	m.bytes[1] ^= 1;
	server_sends(fd, &m);
	hears_address(1, truth);
	assert_int_equal(sockets(), 0);
	end();
}

static void
it_cannot_be_let_go(void **state)
{
	(void)state;
	begin();
	vhost_fail(bed->vhost, "disconnect", 1, EIO);
	one_question(1);
	assert_int_equal(sockets(), 0);
	one_question(2);
	assert_int_equal(sockets(), 1);
	end();
}

static void
it_cannot_be_connected_again(void **state)
{
	static const int errors[] = {ENETUNREACH, EADDRNOTAVAIL, EAGAIN};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin();
		one_question(1);
		vhost_fail(bed->vhost, "connect", 1, errors[i]);
		asks_nth(2);
		hears_rcode(2, DNS_SERVFAIL);
		assert_int_equal(sockets(), 0);
		end();
	}
}

/* A server that has nothing to say has answered too; the next attempt may use the same socket. */
static void
asked_on_at_once(void **state)
{
	(void)state;
	conf.gateway.nnameservers = 2;
	begin();
	asks(1, "a.example", DNS_A);
	int fd = udp(0);
	uint16_t port = port_of(fd);
	server_says(fd, DNS_REFUSED);
	assert_int_equal(server_fd(HOST_UDP, SERVER_B, 0), fd);
	assert_int_not_equal(port_of(fd), port);
	resolves(fd, 1, "93.184.216.2");
	assert_int_equal(sockets(), 1);
	end();
}

static void
each_family_has_its_own(void **state)
{
	static const char *const routes[] = {"six.example=" SERVER_6};

	(void)state;
	conf.gateway.dns_routes = routes;
	conf.gateway.ndns_routes = 1;
	begin();
	int four = one_question(1);
	asks(2, "a.six.example", DNS_A);
	int six = server_fd(HOST_UDP, SERVER_6, 0);
	assert_int_not_equal(six, four);
	resolves(six, 2, "93.184.216.6");
	assert_int_equal(sockets(), 2);
	assert_int_equal(one_question(3), four);
	asks(4, "b.six.example", DNS_A);
	assert_int_equal(server_fd(HOST_UDP, SERVER_6, 0), six);
	resolves(six, 4, "93.184.216.6");
	assert_int_equal(sockets(), 2);
	end();
}

static int
marked(void *ctx, const struct sluice_connect *c, struct sluice_route *how)
{
	(void)ctx;
	(void)c;
	how->mark = 7;
	return 0;
}

/* An embedder's way out is for the attempt it was asked about. */
static void
a_way_out_of_its_own(void **state)
{
	(void)state;
	conf.gateway.connect = marked;
	begin();
	for (uint16_t n = 1; n < 3; n++) {
		asks_nth(n);
		assert_int_equal(vhost_opts(bed->vhost, udp(0))->mark, 7);
		resolves(udp(0), n, "93.184.216.1");
		assert_int_equal(sockets(), 0);
	}
	end();
}

/* --- how many, how long ------------------------------------------------------------------------------------- */

static void
so_many_and_no_more(void **state)
{
	(void)state;
	_Static_assert(DNS_PENDING > DNS_SOCKETS, "else there is nothing to see");
	begin();
	for (uint16_t n = 0; n < DNS_PENDING; n++)
		asks_nth(n);
	assert_int_equal(server_sockets(HOST_UDP), DNS_PENDING);
	for (uint16_t n = 0; n < DNS_PENDING; n++) {
		server_answers(udp(0), "93.184.216.1");
		free(expect(STRICT_UDP));
	}
	assert_int_equal(sockets(), DNS_SOCKETS);
	/* Used again: there are no more afterwards. */
	for (uint16_t n = 0; n < DNS_PENDING; n++)
		one_question((uint16_t)(1000 + n));
	assert_int_equal(sockets(), DNS_SOCKETS);
	end();
}

static void
not_for_ever(void **state)
{
	(void)state;
	begin();
	one_question(1);
	wait_for(DNS_SPARE_TIME - 1);
	assert_int_equal(sockets(), 1);
	one_question(2);
	wait_for(DNS_SPARE_TIME - 1);
	assert_int_equal(sockets(), 1);
	wait_for(1);
	assert_int_equal(sockets(), 0);
	assert_true(dns_deadline(bed->gw) == TIME_NEVER);
	one_question(3);
	end();
}

/* They are closed for whoever needs a descriptor. */
static void
they_make_room(void **state)
{
	struct endpoint to = {bed_elsewhere(FAMILY_V4), 7};

	(void)state;
	conf.gateway.max_files = 3; /* the spare one, and two */
	begin();
	asks_nth(1);
	asks_nth(2);
	for (int i = 0; i < 2; i++) {
		server_answers(udp(0), "93.184.216.1");
		free(expect(STRICT_UDP));
	}
	assert_int_equal(sockets(), 2);
	guest_udp(4001, &to, "x", 1);
	guest_udp(4002, &to, "x", 1);
	expect_silence();
	assert_int_equal(open_flows(FLOW_UDP), 2);
	assert_int_equal(counted(GW_UDP_FULL), 0);
	/* Then a flow does. */
	guest_udp(4003, &to, "x", 1);
	expect_silence();
	assert_int_equal(counted(GW_UDP_FULL), 0);
	assert_int_equal(counted(GW_UDP_EVICTED), 1);
	end();
}

static void
gone_with_the_guest(void **state)
{
	(void)state;
	begin();
	one_question(1);
	assert_int_equal(sockets(), 1);
	dns_guest_left(bed->gw);
	assert_int_equal(sockets(), 0);
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_dns)
	const struct CMUnitTest tests[] = {
	    TEST(another_port_each_time),
	    TEST(a_spare_one_hears_nobody),
	    TEST(never_two_questions_on_one),
	    TEST(what_waits_in_it_is_not_an_answer),
	    TEST(an_error_that_waits_in_it),
	    TEST(many_wait_with_something_in_them),
	    TEST(nobody_answered_on_it),
	    TEST(somebody_lied_on_it),
	    TEST(it_cannot_be_let_go),
	    TEST(it_cannot_be_connected_again),
	    TEST(asked_on_at_once),
	    TEST(each_family_has_its_own),
	    TEST(a_way_out_of_its_own),
	    TEST(so_many_and_no_more),
	    TEST(not_for_ever),
	    TEST(they_make_room),
	    TEST(gone_with_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
