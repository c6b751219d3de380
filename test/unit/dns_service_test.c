/*
 * dns_service_test.c - names through a whole gateway: what is asked where and when, and what the guest is told
 */
#include "test/unit/dns_kit.h"

#include <errno.h>

static int
fresh_dns(void **state)
{
	fresh(state);
	conf.gateway.nameservers = two_servers;
	conf.gateway.nnameservers = 2;
	return 0;
}

static int
udp(const char *server, int n)
{
	return server_fd(HOST_UDP, server, n);
}

/* --- one question, one answer ------------------------------------------------------------------------------ */

static void
asked_and_answered(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	struct message *q = server_hears(udp(SERVER_A, 0));
	/* The question is the guest's, all else is ours. */
	assert_memory_equal(q->bytes + 12, question(1, "a.example", DNS_A, 0)->bytes + 12, 15);
	assert_true(id_of(q) != 1);
	server_sends(udp(SERVER_A, 0), answer_to(q, 0x8180, &(const char *){"93.184.216.1"}, 1, 300));
	hears_address(1, "93.184.216.1");
	/* Nothing is left of it. */
	assert_int_equal(server_sockets(HOST_UDP), 0);
	assert_int_equal(bed_deadline(bed) == TIME_NEVER || bed_deadline(bed) > bed_now(bed), true);
	assert_int_equal(counted(GW_DNS_QUERIES), 1);
	assert_int_equal(counted(GW_DNS_FORWARDED), 1);
	end();
}

static void
each_question_has_a_socket_and_an_id(void **state)
{
	struct endpoint one, two;

	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	asks(2, "b.example", DNS_A);
	int first = udp(SERVER_A, 0), second = udp(SERVER_A, 1);
	assert_true(vhost_local(bed->vhost, first, &one));
	assert_true(vhost_local(bed->vhost, second, &two));
	assert_int_not_equal(one.port, two.port);
	uint16_t id = id_of(server_hears(first));
	assert_int_not_equal(id, id_of(server_hears(second)));
	end();
}

static void
both_families_ask(void **state)
{
	const struct message *m;

	(void)state;
	begin();
	struct endpoint dns = dns_at(FAMILY_V6);
	m = question(9, "a.example", DNS_AAAA, 0);
	guest_udp(6000, &dns, m->bytes, m->len);
	bed_settle(bed);
	server_answers(udp(SERVER_A, 0), "2001:4860:4860::8888");
	struct bed_frame *f = expect(STRICT_UDP);
	struct told t = read_told(f->is.payload);
	assert_true(addr_eq(&f->is.ip.src, &dns.addr));
	assert_int_equal(t.id, 9);
	assert_int_equal(t.type, DNS_AAAA);
	free(f);
	end();
}

/* --- time --------------------------------------------------------------------------------------------------- */

static void
the_second_server_after_a_second(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	wait_for(USEC_PER_SEC - 1);
	assert_int_equal(udp(SERVER_B, 0), -1);
	wait_for(1);
	resolves(udp(SERVER_B, 0), 1, "93.184.216.2");
	assert_int_equal(server_sockets(HOST_UDP), 0);
	end();
}

static void
the_first_may_still_answer(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	wait_for(1500 * USEC_PER_MSEC);
	resolves(udp(SERVER_A, 0), 1, "93.184.216.1");
	end();
}

static void
one_server_is_asked_again_then_by_tcp(void **state)
{
	(void)state;
	conf.gateway.nnameservers = 1;
	begin();
	asks(1, "a.example", DNS_A);
	uint16_t id = id_of(server_hears(udp(SERVER_A, 0)));
	wait_for(USEC_PER_SEC);
	assert_int_not_equal(id, id_of(server_hears(udp(SERVER_A, 1))));
	assert_int_equal(server_fd(HOST_TCP, SERVER_A, 0), -1);
	wait_for(USEC_PER_SEC);
	int fd = server_fd(HOST_TCP, SERVER_A, 0);
	stream_sends(fd, answer_to(stream_hears(fd), 0x8180, &(const char *){"93.184.216.3"}, 1, 300));
	hears_address(1, "93.184.216.3");
	assert_int_equal(server_sockets(HOST_UDP) + server_sockets(HOST_TCP), 0);
	end();
}

static void
silence_is_servfail_in_time(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	wait_for(4500 * USEC_PER_MSEC - 1);
	assert_null(next_frame());
	wait_for(1);
	struct told t = hears_rcode(1, DNS_SERVFAIL);
	assert_int_equal(t.ede, EDE_NO_REACHABLE);
	assert_string_equal(t.text, "no nameserver answered in time");
	assert_int_equal(server_sockets(HOST_UDP) + server_sockets(HOST_TCP), 0);
	assert_int_equal(counted(GW_DNS_FAILED), 1);
	end();
}

static void
the_time_is_the_operators(void **state)
{
	(void)state;
	conf.gateway.dns_timeout = 700000;
	begin();
	asks(1, "a.example", DNS_A);
	wait_for(700000 - 1);
	assert_null(next_frame());
	wait_for(1);
	hears_rcode(1, DNS_SERVFAIL);
	end();
}

/* --- trouble ------------------------------------------------------------------------------------------------ */

static void
refused_means_the_next_at_once(void **state)
{
	struct endpoint a = at(SERVER_A, 53);

	(void)state;
	begin();
	vhost_answer(bed->vhost, HOST_UDP, &a, VHOST_REFUSE);
	asks(1, "a.example", DNS_A);
	assert_int_equal(udp(SERVER_A, 0), -1);
	resolves(udp(SERVER_B, 0), 1, "93.184.216.2");
	end();
}

static void
all_refuse(void **state)
{
	(void)state;
	begin();
	vhost_default(bed->vhost, VHOST_REFUSE);
	asks(1, "a.example", DNS_A);
	struct told t = hears_rcode(1, DNS_SERVFAIL);
	assert_int_equal(t.ede, EDE_NETWORK);
	assert_non_null(strstr(t.text, "Connection refused"));
	expect_silence();
	end();
}

static void
unreachable_means_the_next_too(void **state)
{
	struct endpoint a = at(SERVER_A, 53);

	(void)state;
	begin();
	vhost_answer(bed->vhost, HOST_UDP, &a, VHOST_UNREACH_NET);
	asks(1, "a.example", DNS_A);
	resolves(udp(SERVER_B, 0), 1, "93.184.216.2");
	end();
}

static void
servfail_and_refused_mean_the_next(void **state)
{
	static const uint8_t said[] = {DNS_SERVFAIL, DNS_REFUSED, DNS_NOTIMP, DNS_FORMERR};

	(void)state;
	begin();
	for (uint16_t i = 0; i < 4; i++) {
		char name[] = "x.example";

		name[0] = (char)('a' + i);
		asks(i, name, DNS_A);
		server_says(udp(SERVER_A, 0), said[i]);
		assert_null(next_frame());
		if (i >= 2) /* without EDNS it says the same */
			server_says(udp(SERVER_A, 0), said[i]);
		assert_null(next_frame());
		resolves(udp(SERVER_B, 0), i, "93.184.216.2");
	}
	end();
}

/* RFC 6891 6.2.2 */
static void
a_server_from_before_edns_is_asked_again(void **state)
{
	struct message *q;

	(void)state;
	begin();
	asks(1, "old.example", DNS_A);
	q = server_hears(udp(SERVER_A, 0));
	assert_int_equal(q->bytes[11], 1); /* additional records: the OPT */
	server_sends(udp(SERVER_A, 0), answer_to(q, 0x8180 | DNS_FORMERR, NULL, 0, 0));
	assert_null(next_frame());
	q = server_hears(udp(SERVER_A, 0));
	assert_int_equal(q->bytes[11], 0);
	server_sends(udp(SERVER_A, 0), answer_to(q, 0x8180, &(const char *){"93.184.216.1"}, 1, 300));
	hears_address(1, "93.184.216.1");
	end();
}

static void
what_all_say_is_said(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	server_says(udp(SERVER_A, 0), DNS_REFUSED);
	server_says(udp(SERVER_B, 0), DNS_SERVFAIL);
	struct told t = hears_rcode(1, DNS_SERVFAIL);
	assert_string_equal(t.text, "every nameserver answered SERVFAIL");
	asks(2, "nx.example", DNS_A);
	server_says(udp(SERVER_A, 0), DNS_NXDOMAIN);
	hears_rcode(2, DNS_NXDOMAIN);
	end();
}

static void
the_dead_are_remembered(void **state)
{
	(void)state;
	begin();
	for (uint16_t i = 0; i < 3; i++) {
		char name[] = "x.example";

		name[0] = (char)('a' + i);
		asks(i, name, DNS_A);
		wait_for(USEC_PER_SEC);
		resolves(udp(SERVER_B, 0), i, "93.184.216.2");
	}
	asks(7, "d.example", DNS_A);
	assert_int_equal(udp(SERVER_A, 0), -1);
	resolves(udp(SERVER_B, 0), 7, "93.184.216.2");
	wait_for(31 * USEC_PER_SEC);
	asks(8, "e.example", DNS_A);
	resolves(udp(SERVER_A, 0), 8, "93.184.216.1");
	end();
}

static void
no_descriptors_is_servfail(void **state)
{
	(void)state;
	conf.gateway.max_files = 1; /* the spare one */
	begin();
	asks(1, "a.example", DNS_A);
	struct told t = hears_rcode(1, DNS_SERVFAIL);
	assert_int_equal(t.ede, EDE_NETWORK);
	end();
}

/* --- what is not believed ----------------------------------------------------------------------------------- */

static void
wrong_answers_are_passed_over(void **state)
{
	const char *lie = "93.184.217.66", *truth = "93.184.216.1";

	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	int fd = udp(SERVER_A, 0);
	struct message q = *server_hears(fd), m;
	/* Another id; another name; another type; no response; too short. */
	m = *answer_to(&q, 0x8180, &lie, 1, 300);
	m.bytes[1] ^= 1;
	server_sends(fd, &m);
	m = *answer_to(&q, 0x8180, &lie, 1, 300);
	m.bytes[13] = 'b';
	server_sends(fd, &m);
	m = *answer_to(&q, 0x8180, &lie, 1, 300);
	m.bytes[12 + 11 + 1] = DNS_AAAA;
	server_sends(fd, &m);
	server_sends(fd, &q);
	m.len = 11;
	server_sends(fd, &m);
	expect_silence();
	assert_int_equal(counted(GW_DNS_STRAY), 5);
	server_sends(fd, answer_to(&q, 0x8180, &truth, 1, 300));
	hears_address(1, truth);
	end();
}

static void
many_wrong_answers_mean_tcp(void **state)
{
	const char *lie = "93.184.217.66", *truth = "93.184.216.1";

	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	int fd = udp(SERVER_A, 0);
	struct message m = *answer_to(server_hears(fd), 0x8180, &lie, 1, 300);
	m.bytes[0] ^= 0x55;
	for (unsigned i = 0; i < DNS_STRAYS; i++)
		server_sends(fd, &m);
	assert_int_equal(udp(SERVER_A, 0), -1);
	fd = server_fd(HOST_TCP, SERVER_A, 0);
	stream_sends(fd, answer_to(stream_hears(fd), 0x8180, &truth, 1, 300));
	hears_address(1, truth);
	end();
}

static void
case_does_not_matter(void **state)
{
	(void)state;
	begin();
	asks(1, "WwW.ExAmPlE", DNS_A);
	struct message q = *server_hears(udp(SERVER_A, 0));
	for (size_t i = 12; i < q.len; i++)
		if (q.bytes[i] >= 'A' && q.bytes[i] <= 'Z')
			q.bytes[i] |= 0x20;
	server_sends(udp(SERVER_A, 0), answer_to(&q, 0x8180, &(const char *){"93.184.216.1"}, 1, 300));
	/* The guest has its own spelling back. */
	struct bed_frame *f = expect(STRICT_UDP);
	assert_memory_equal(f->is.payload.p + 13, "WwW\7ExAmPlE", 11);
	free(f);
	end();
}

static void
malformed_means_the_next(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	struct message m =
	    *answer_to(server_hears(udp(SERVER_A, 0)), 0x8180, &(const char *){"93.184.216.1"}, 1, 300);
	m.len -= 2;
	server_sends(udp(SERVER_A, 0), &m);
	m = *answer_to(server_hears(udp(SERVER_B, 0)), 0x8180, &(const char *){"93.184.216.1"}, 1, 300);
	m.len -= 2;
	server_sends(udp(SERVER_B, 0), &m);
	struct told t = hears_rcode(1, DNS_SERVFAIL);
	assert_string_equal(t.text, "the nameserver's answer is malformed");
	end();
}

/* --- truncation --------------------------------------------------------------------------------------------- */

static void
truncated_means_tcp_at_once(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	server_sends(udp(SERVER_A, 0), answer_to(server_hears(udp(SERVER_A, 0)), 0x8380, NULL, 0, 0));
	int fd = server_fd(HOST_TCP, SERVER_A, 0);
	stream_sends(fd, answer_to(stream_hears(fd), 0x8180, many_addresses(40), 40, 300));
	struct told t = hears_rcode(1, DNS_NOERROR);
	assert_int_equal(t.answers, 40);
	assert_false(t.truncated);
	end();
}

static void
tcp_in_pieces(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	server_sends(udp(SERVER_A, 0), answer_to(server_hears(udp(SERVER_A, 0)), 0x8380, NULL, 0, 0));
	int fd = server_fd(HOST_TCP, SERVER_A, 0);
	const struct message *m =
	    answer_to(stream_hears(fd), 0x8180, &(const char *){"93.184.216.1"}, 1, 300);
	const uint8_t prefix[2] = {0, (uint8_t)m->len};
	for (size_t i = 0; i < 2 + m->len; i++) {
		assert_null(next_frame());
		assert_int_equal(vhost_send(bed->vhost, fd, i < 2 ? prefix + i : m->bytes + (i - 2), 1), 1);
		bed_settle(bed);
	}
	hears_address(1, "93.184.216.1");
	end();
}

static void
tcp_that_fails_means_the_next(void **state)
{
	enum { EOF_AT_ONCE, RESET, EMPTY, REFUSED, WRONG_ID, WAYS };

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		struct endpoint a = at(SERVER_A, 53);

		begin();
		if (way == REFUSED)
			vhost_answer(bed->vhost, HOST_TCP, &a, VHOST_REFUSE);
		asks(1, "a.example", DNS_A);
		server_sends(udp(SERVER_A, 0), answer_to(server_hears(udp(SERVER_A, 0)), 0x8380, NULL, 0, 0));
		int fd = server_fd(HOST_TCP, SERVER_A, 0);
		if (way == EOF_AT_ONCE)
			vhost_send_eof(bed->vhost, fd);
		else if (way == RESET)
			vhost_reset(bed->vhost, fd);
		else if (way == EMPTY)
			vhost_send(bed->vhost, fd, "\0\0", 2);
		else if (way == WRONG_ID) {
			struct message q = *stream_hears(fd);

			q.bytes[0] ^= 1;
			stream_sends(fd, answer_to(&q, 0x8180, NULL, 0, 0));
		}
		bed_settle(bed);
		resolves(udp(SERVER_B, 0), 1, "93.184.216.2");
		end();
	}
}

static void
trimmed_to_what_the_guest_takes(void **state)
{
	(void)state;
	begin();
	const struct message *m = question(3, "a.example", DNS_A, 0);
	struct endpoint dns = dns_at(FAMILY_V4);
	guest_udp(5003, &dns, m->bytes, m->len);
	bed_settle(bed);
	server_sends(udp(SERVER_A, 0),
		     answer_to(server_hears(udp(SERVER_A, 0)), 0x8180, many_addresses(60), 60, 300));
	struct bed_frame *f = expect(STRICT_UDP);
	struct told t = read_told(f->is.payload);
	/* musl does not come again by TCP: as many as fit, and that there are more. */
	assert_true(f->is.payload.len <= 512);
	assert_true(t.answers >= 25 && t.answers < 60);
	free(f);
	end();
}

static void
beyond_the_mtu_in_fragments(void **state)
{
	(void)state;
	begin();
	const struct message *m = question(3, "a.example", DNS_A, 4096);
	struct endpoint dns = dns_at(FAMILY_V4);
	guest_udp(5003, &dns, m->bytes, m->len);
	bed_settle(bed);
	server_sends(udp(SERVER_A, 0), answer_to(server_hears(udp(SERVER_A, 0)), 0x8380, NULL, 0, 0));
	int fd = server_fd(HOST_TCP, SERVER_A, 0);
	stream_sends(fd, answer_to(stream_hears(fd), 0x8180, many_addresses(200), 200, 300));
	unsigned fragments = 0;
	for (struct bed_frame *f; (f = next_frame()); fragments++) {
		assert_true(f->is.ip.fragment);
		free(f);
	}
	assert_int_equal(fragments, 3); /* 3,238 bytes */
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_dns)
	const struct CMUnitTest tests[] = {
	    TEST(asked_and_answered),
	    TEST(each_question_has_a_socket_and_an_id),
	    TEST(both_families_ask),
	    TEST(the_second_server_after_a_second),
	    TEST(the_first_may_still_answer),
	    TEST(one_server_is_asked_again_then_by_tcp),
	    TEST(silence_is_servfail_in_time),
	    TEST(the_time_is_the_operators),
	    TEST(refused_means_the_next_at_once),
	    TEST(all_refuse),
	    TEST(unreachable_means_the_next_too),
	    TEST(servfail_and_refused_mean_the_next),
	    TEST(a_server_from_before_edns_is_asked_again),
	    TEST(what_all_say_is_said),
	    TEST(the_dead_are_remembered),
	    TEST(no_descriptors_is_servfail),
	    TEST(wrong_answers_are_passed_over),
	    TEST(many_wrong_answers_mean_tcp),
	    TEST(case_does_not_matter),
	    TEST(malformed_means_the_next),
	    TEST(truncated_means_tcp_at_once),
	    TEST(tcp_in_pieces),
	    TEST(tcp_that_fails_means_the_next),
	    TEST(trimmed_to_what_the_guest_takes),
	    TEST(beyond_the_mtu_in_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
