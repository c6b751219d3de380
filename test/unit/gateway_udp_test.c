/*
 * gateway_udp_test.c - datagrams through a whole gateway: life of a flow, runs, errors, mappings
 */
#include "test/unit/gateway_kit.h"

#include <errno.h>

#include <linux/errqueue.h>

static const char *const elsewhere[FAMILIES] = {BED_ELSEWHERE_V4, BED_ELSEWHERE_V6};

static int
udp_fd(int n)
{
	/* The spare descriptor of publish.c is a UDP socket too, and the first. */
	return vhost_find(bed->vhost, HOST_UDP, n + 1);
}

static void
host_got(int fd, const void *data, size_t len)
{
	static uint8_t got[65536];
	size_t n = 0;

	assert_true(vhost_recv_dgram(bed->vhost, fd, got, sizeof(got), &n, NULL));
	assert_int_equal(n, len);
	assert_memory_equal(got, data, len);
}

static void
host_got_nothing(int fd)
{
	size_t n;

	assert_false(vhost_recv_dgram(bed->vhost, fd, buf, sizeof(buf), &n, NULL));
}

static void
guest_gets(const struct endpoint *from, uint16_t port, const void *data, size_t len)
{
	struct bed_frame *f = expect(STRICT_UDP);

	assert_true(addr_eq(&f->is.ip.src, &from->addr));
	assert_int_equal(f->is.udp.sport, from->port);
	assert_int_equal(f->is.udp.dport, port);
	assert_int_equal(f->is.payload.len, len);
	assert_memory_equal(f->is.payload.p, data, len);
	free(f);
}

/* --- life of a flow ------------------------------------------------------------------------------------------ */

static void
there_and_back(void **state)
{
	(void)state;
	begin();
	for (int fam = 0; fam < FAMILIES; fam++) {
		struct endpoint to = at(elsewhere[fam], 7000);

		guest_udp(5000, &to, "there", 5);
		bed_settle(bed);
		host_got(udp_fd(fam), "there", 5);
		assert_true(vhost_send_dgram(bed->vhost, udp_fd(fam), NULL, "back", 4));
		guest_gets(&to, 5000, "back", 4);
	}
	assert_int_equal(counted(GW_UDP_OPENED), 2);
	end();
}

static void
one_way_ends_after_a_minute(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);

	(void)state;
	begin();
	guest_udp(5000, &to, "x", 1);
	wait_for(40 * USEC_PER_SEC);
	guest_udp(5000, &to, "x", 1);
	wait_for(60 * USEC_PER_SEC - 1);
	assert_int_equal(open_flows(FLOW_UDP), 1);
	wait_for(1);
	assert_int_equal(open_flows(FLOW_UDP), 0);
	assert_int_equal(udp_fd(0), -1);
	assert_int_equal(counted(GW_UDP_OPENED), 1);
	end();
}

static void
two_ways_end_after_three_minutes(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);

	(void)state;
	begin();
	guest_udp(5000, &to, "x", 1);
	wait_for(50 * USEC_PER_SEC);
	assert_true(vhost_send_dgram(bed->vhost, udp_fd(0), NULL, "y", 1));
	wait_for(170 * USEC_PER_SEC);
	assert_int_equal(open_flows(FLOW_UDP), 1);
	/* Each direction refreshes it. */
	assert_true(vhost_send_dgram(bed->vhost, udp_fd(0), NULL, "y", 1));
	wait_for(170 * USEC_PER_SEC);
	guest_udp(5000, &to, "x", 1);
	wait_for(180 * USEC_PER_SEC - 1);
	assert_int_equal(open_flows(FLOW_UDP), 1);
	wait_for(1);
	assert_int_equal(open_flows(FLOW_UDP), 0);
	end();
}

static void
the_quietest_makes_room(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);
	struct tuple second = {{.port = 5002}, to, IP_PROTO_UDP};

	(void)state;
	conf.gateway.max_udp = 3;
	begin();
	for (uint16_t port = 5001; port <= 5003; port++) {
		guest_udp(port, &to, "x", 1);
		wait_for(USEC_PER_SEC);
	}
	guest_udp(5001, &to, "x", 1); /* so that 5002 is the quietest */
	guest_udp(5004, &to, "x", 1);
	bed_settle(bed);
	assert_int_equal(open_flows(FLOW_UDP), 3);
	assert_int_equal(counted(GW_UDP_EVICTED), 1);
	second.guest.addr = bed->guest[FAMILY_V4];
	assert_null(flow_find(&bed->gw->flows, &second));
	end();
}

static void
full_is_never_refused(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);
	static const struct {
		const char *call;
		int error;
	} shortage[] = {
	    {"socket", EMFILE},  {"socket", ENFILE},         {"socket", ENOBUFS}, {"socket", ENOMEM},
	    {"connect", EAGAIN}, {"connect", EADDRNOTAVAIL}, {"arm", ENOMEM},
	};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(shortage) / sizeof(shortage[0]); i++) {
		vhost_fail(bed->vhost, shortage[i].call, 1, shortage[i].error);
		guest_udp(5000, &to, "x", 1);
		expect_silence();
		assert_int_equal(counted(GW_UDP_FULL), i + 1);
		assert_int_equal(open_flows(FLOW_UDP), 0);
	}
	end();
}

static void
own_limit_of_descriptors(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);

	(void)state;
	conf.gateway.max_files = 3; /* the spare one, and two */
	begin();
	for (uint16_t port = 5001; port <= 5004; port++)
		guest_udp(port, &to, "x", 1);
	expect_silence();
	assert_int_equal(open_flows(FLOW_UDP), 2);
	assert_int_equal(counted(GW_UDP_EVICTED), 2);
	assert_int_equal(counted(GW_UDP_FULL), 0);
	end();
}

/* What is open is never taken: with nothing else, the datagram is not served. */
static void
descriptors_of_the_open(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);

	(void)state;
	conf.gateway.max_files = 3;
	begin();
	for (uint16_t port = 5001; port <= 5002; port++) {
		struct peer p = peer_to(port, at(BED_ELSEWHERE_V4, 7));

		peer_open(&p);
	}
	guest_udp(5003, &to, "x", 1);
	expect_silence();
	assert_int_equal(open_flows(FLOW_UDP), 0);
	assert_int_equal(open_flows(FLOW_TCP), 2);
	assert_int_equal(counted(GW_UDP_FULL), 1);
	end();
}

/* Whatever wants the next descriptor, the kind that has the most gives it, its oldest first: a flood pays for itself. */
static void
the_kind_with_the_most_makes_room(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);
	struct peer p[4];

	(void)state;
	conf.gateway.max_files = 7; /* the spare one, and six */
	begin();
	vhost_default(bed->vhost, VHOST_SILENT);
	for (uint16_t i = 0; i < 4; i++) {
		p[i] = peer_to((uint16_t)(4000 + i), at(BED_ELSEWHERE_V4, 7));
		peer_send(&p[i], TCP_SYN, NULL, 0);
	}
	for (uint16_t port = 5001; port <= 5003; port++)
		guest_udp(port, &to, "x", 1);
	expect_silence();
	assert_null(peer_flow(&p[0]));
	assert_non_null(peer_flow(&p[1]));
	for (uint16_t port = 5004; port <= 5005; port++)
		guest_udp(port, &to, "x", 1);
	p[0] = peer_to(4010, at(BED_ELSEWHERE_V4, 7));
	peer_send(&p[0], TCP_SYN, NULL, 0);
	expect_silence();
	/* 3 and 3: of equals TCP; then UDP has more. */
	assert_null(peer_flow(&p[1]));
	assert_non_null(peer_flow(&p[0]));
	assert_int_equal(open_flows(FLOW_TCP), 3);
	assert_int_equal(open_flows(FLOW_UDP), 3);
	assert_int_equal(counted(GW_TCP_EVICTED), 2);
	assert_int_equal(counted(GW_UDP_EVICTED), 2);
	assert_int_equal(counted(GW_TCP_FULL) + counted(GW_UDP_FULL), 0);
	end();
}

static void
what_the_host_says_at_once(void **state)
{
	(void)state;
	begin();
	vhost_default(bed->vhost, VHOST_UNREACH_NET);
	guest_udp(5000, &(struct endpoint){bed_elsewhere(FAMILY_V4), 9}, "x", 1);
	expect_error(ICMP4_UNREACHABLE, 0, 0, &bed->gateway[FAMILY_V4]);
	guest_udp(5000, &(struct endpoint){bed_elsewhere(FAMILY_V6), 9}, "x", 1);
	expect_error(ICMP6_UNREACHABLE, 0, 0, &bed->gateway[FAMILY_V6]);
	vhost_default(bed->vhost, VHOST_UNREACH_HOST);
	guest_udp(5000, &(struct endpoint){bed_elsewhere(FAMILY_V4), 9}, "x", 1);
	expect_error(ICMP4_UNREACHABLE, 1, 0, &bed->gateway[FAMILY_V4]);
	vhost_default(bed->vhost, VHOST_ACCEPT);
	vhost_fail(bed->vhost, "connect", 1, EACCES);
	guest_udp(5000, &(struct endpoint){bed_elsewhere(FAMILY_V4), 9}, "x", 1);
	expect_error(ICMP4_UNREACHABLE, 13, 0, &bed->gateway[FAMILY_V4]);
	assert_int_equal(open_flows(FLOW_UDP), 0);
	end();
}

/* --- sizes and runs -------------------------------------------------------------------------------------------- */

static const struct host_ops *real;
static struct host_ops spied;
static unsigned calls, messages;
static uint16_t segment[8];
static size_t message_len[8];

static int
spy_sendmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	calls++;
	for (int i = 0; i < n && messages < 8; i++) {
		segment[messages] = d[i].segment;
		message_len[messages++] = d[i].len;
	}
	return real->sendmmsg(h, fd, d, n);
}

static void
spy(void)
{
	struct host *h = vhost_host(bed->vhost);

	real = h->ops;
	spied = *real;
	spied.sendmmsg = spy_sendmmsg;
	h->ops = &spied;
	calls = messages = 0;
}

static void
a_turn_is_one_call(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);
	static const size_t sizes[] = {100, 100, 100, 40, 40, 0, 50};

	(void)state;
	begin();
	spy();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		guest_udp(5000, &to, zeros, sizes[i]);
	bed_settle(bed);
	assert_int_equal(calls, 1);
	/* Three of 100 and a shorter one; one alone; an empty one; one alone. */
	assert_int_equal(messages, 4);
	assert_int_equal(segment[0], 100);
	assert_int_equal(message_len[0], 340);
	assert_int_equal(segment[1], 0);
	assert_int_equal(message_len[1], 40);
	assert_int_equal(message_len[2], 0);
	assert_int_equal(message_len[3], 50);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		host_got(udp_fd(0), zeros, sizes[i]);
	host_got_nothing(udp_fd(0));
	end();
}

static void
a_run_that_is_not_taken_goes_singly(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);

	(void)state;
	begin();
	guest_udp(5000, &to, "first", 5);
	bed_settle(bed);
	spy();
	vhost_fail(bed->vhost, "sendmmsg", 1, EIO); /* a device without UDP_SEGMENT */
	for (const char *c = "abcde"; *c; c++)
		guest_udp(5000, &to, c, 1);
	bed_settle(bed);
	host_got(udp_fd(0), "first", 5);
	for (const char *c = "abcde"; *c; c++)
		host_got(udp_fd(0), c, 1);
	assert_int_equal(counted(GW_UDP_LOST), 0);
	end();
}

static void
a_full_socket_loses_and_counts(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);

	(void)state;
	begin();
	vhost_fail(bed->vhost, "sendmmsg", 1, EAGAIN);
	guest_udp(5000, &to, "x", 1);
	expect_silence();
	assert_int_equal(counted(GW_UDP_LOST), 1);
	end();
}

/* Nine datagrams of 1,000 and one of 300, which the host's kernel has put together. */
static void
send_run(int fd)
{
	static uint8_t data[1000];

	for (uint8_t i = 0; i < 10; i++) {
		memset(data, 'a' + i, sizeof(data));
		assert_true(vhost_send_dgram(bed->vhost, fd, NULL, data, i < 9 ? 1000 : 300));
	}
}

static void
a_run_down_is_one_frame(void **state)
{
	(void)state;
	conf.lim.csum = conf.lim.uso = true;
	begin();
	for (int fam = 0; fam < FAMILIES; fam++) {
		struct endpoint to = at(elsewhere[fam], 7000);

		guest_udp(5000, &to, "x", 1);
		bed_settle(bed);
		send_run(udp_fd(fam));
		struct bed_frame *f = expect(STRICT_UDP);
		assert_int_equal(f->off.gso_type, GSO_UDP_L4);
		assert_int_equal(f->off.gso_size, 1000);
		assert_int_equal(f->is.payload.len, 9300);
		assert_int_equal(f->is.payload.p[8999], 'i');
		assert_int_equal(f->is.payload.p[9000], 'j');
		free(f);
		expect_silence();
	}
	end();
}

static void
a_run_down_is_cut_without_offload(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);

	(void)state;
	begin();
	guest_udp(5000, &to, "x", 1);
	bed_settle(bed);
	send_run(udp_fd(0));
	for (uint8_t i = 0; i < 10; i++) {
		struct bed_frame *f = expect(STRICT_UDP);

		assert_int_equal(f->is.payload.len, i < 9 ? 1000 : 300);
		assert_int_equal(f->is.payload.p[0], 'a' + i);
		free(f);
	}
	expect_silence();
	end();
}

static void
a_run_up_is_one_message(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);

	(void)state;
	conf.lim.mtu = 65520;
	begin();
	spy();
	struct craft c = bed_craft(bed, &to.addr);
	size_t n = craft_udp(buf, &c, 5000, to.port, view_of(zeros, 5500));
	bed_push_offload(
	    bed, buf, n,
	    &(struct offload){.csum_valid = true, .gso_type = GSO_UDP_L4, .gso_size = 1000, .hdr_len = 42});
	bed_settle(bed);
	assert_int_equal(calls, 1);
	assert_int_equal(segment[0], 1000);
	for (int i = 0; i < 6; i++)
		host_got(udp_fd(0), zeros, i < 5 ? 1000 : 500);
	end();
}

/* The pieces of one datagram, put together. */
static size_t
guest_gets_pieces(uint8_t *to)
{
	size_t all = 0;

	for (struct bed_frame *f; (f = next_frame()); free(f)) {
		assert_int_equal(f->is.kind, STRICT_FRAGMENT);
		assert_true(f->is.ip.frag_off + f->is.payload.len <= 65536);
		memcpy(to + f->is.ip.frag_off, f->is.payload.p, f->is.payload.len);
		all += f->is.payload.len;
	}
	return all;
}

static void
sizes_at_both_ends(void **state)
{
	static uint8_t big[65507], got[65536];

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	begin();
	for (int fam = 0; fam < FAMILIES; fam++) {
		struct endpoint to = at(elsewhere[fam], 7000);

		guest_udp(5000, &to, NULL, 0);
		bed_settle(bed);
		host_got(udp_fd(fam), NULL, 0);
		assert_true(vhost_send_dgram(bed->vhost, udp_fd(fam), NULL, NULL, 0));
		guest_gets(&to, 5000, "", 0);

		guest_udp_pieces(5000, &to, big, sizeof(big), 1440);
		bed_settle(bed);
		host_got(udp_fd(fam), big, sizeof(big));
		assert_true(vhost_send_dgram(bed->vhost, udp_fd(fam), NULL, big, sizeof(big)));
		assert_int_equal(guest_gets_pieces(got), UDP_HLEN + sizeof(big));
		assert_memory_equal(got + UDP_HLEN, big, sizeof(big));
	}
	end();
}

/* --- the other loopback ------------------------------------------------------------------------------------------ */

static void
refused_here_heard_there(void **state)
{
	(void)state;
	for (int fam = 0; fam < FAMILIES; fam++) {
		struct endpoint first = at(fam == FAMILY_V4 ? "127.0.0.1" : "::1", 7000);
		struct endpoint other = at(fam == FAMILY_V4 ? "::1" : "127.0.0.1", 7000), is;

		begin();
		struct endpoint to = {bed->gateway[fam], 7000};
		vhost_answer(bed->vhost, HOST_UDP, &first, VHOST_REFUSE);
		guest_udp(5000, &to, "hello", 5);
		expect_silence();
		assert_true(vhost_peer(bed->vhost, udp_fd(0), &is));
		assert_true(addr_eq(&is.addr, &other.addr));
		host_got(udp_fd(0), "hello", 5);
		assert_true(vhost_send_dgram(bed->vhost, udp_fd(0), NULL, "you", 3));
		guest_gets(&to, 5000, "you", 3);
		end();
	}
}

static void
refused_by_both(void **state)
{
	(void)state;
	for (int fam = 0; fam < FAMILIES; fam++) {
		begin();
		struct endpoint to = {bed->gateway[fam], 7000};
		vhost_default(bed->vhost, VHOST_REFUSE);
		guest_udp(5000, &to, "hello", 5);
		expect_error(fam == FAMILY_V4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE,
			     fam == FAMILY_V4 ? 3 : 4, 0, &bed->gateway[fam]);
		guest_udp(5000, &to, "hello", 5);
		expect_error(fam == FAMILY_V4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE,
			     fam == FAMILY_V4 ? 3 : 4, 0, &bed->gateway[fam]);
		expect_silence();
		end();
	}
}

/* --- errors ---------------------------------------------------------------------------------------------------------- */

static void
errors_come_as_icmp(void **state)
{
	static const struct {
		enum family fam;
		int err;
		uint8_t type, code; /* as the host met it */
		uint32_t info;
		uint8_t as_type, as_code; /* as the guest is told */
		uint32_t rest;
	} cases[] = {
	    {FAMILY_V4, ECONNREFUSED, 3, 3, 0, 3, 3, 0},   {FAMILY_V4, EHOSTUNREACH, 3, 1, 0, 3, 1, 0},
	    {FAMILY_V4, ENETUNREACH, 3, 0, 0, 3, 0, 0},    {FAMILY_V4, EHOSTUNREACH, 3, 13, 0, 3, 13, 0},
	    {FAMILY_V4, ENETUNREACH, 3, 9, 0, 3, 13, 0},   {FAMILY_V4, EMSGSIZE, 3, 4, 1300, 3, 4, 1300},
	    {FAMILY_V4, EHOSTUNREACH, 11, 0, 0, 11, 0, 0}, {FAMILY_V6, ECONNREFUSED, 1, 4, 0, 1, 4, 0},
	    {FAMILY_V6, EHOSTUNREACH, 1, 3, 0, 1, 3, 0},   {FAMILY_V6, ENETUNREACH, 1, 0, 0, 1, 0, 0},
	    {FAMILY_V6, EACCES, 1, 1, 0, 1, 1, 0},         {FAMILY_V6, EMSGSIZE, 2, 0, 1400, 2, 0, 1400},
	    {FAMILY_V6, EHOSTUNREACH, 3, 0, 0, 3, 0, 0},
	};
	static const char *const router[FAMILIES] = {"203.0.113.1", "2001:db8:1::1"};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct endpoint to = at(elsewhere[cases[i].fam], (uint16_t)(7000 + i));
		struct host_sockerr e = {
		    .err = cases[i].err,
		    .origin = cases[i].fam == FAMILY_V4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
		    .type = cases[i].type,
		    .code = cases[i].code,
		    .info = cases[i].info,
		    .offender = addr_of(router[cases[i].fam]),
		    .dest = to,
		    .data_len = 1,
		};

		guest_udp(5000, &to, "x", 1);
		bed_settle(bed);
		vhost_send_error(bed->vhost, udp_fd((int)i), &e);
		struct bed_frame *f = expect(STRICT_ICMP);
		/* The quote names the datagram: destination port at byte 2 of what follows the IP header. */
		size_t quoted = cases[i].fam == FAMILY_V4 ? IP4_HLEN : IP6_HLEN;
		assert_true(f->is.payload.len >= quoted + 4);
		assert_int_equal(f->is.payload.p[quoted + 2] << 8 | f->is.payload.p[quoted + 3], to.port);
		assert_int_equal(f->is.icmp.type, cases[i].as_type);
		assert_int_equal(f->is.icmp.code, cases[i].as_code);
		assert_int_equal(f->is.icmp.rest, cases[i].rest);
		assert_true(addr_eq(&f->is.ip.src, &e.offender));
		free(f);
		wait_for(USEC_PER_SEC);
	}
	assert_int_equal(counted(GW_UDP_ERRORS), sizeof(cases) / sizeof(cases[0]));
	end();
}

static void
an_error_costs_no_datagram(void **state)
{
	struct endpoint to = at(BED_ELSEWHERE_V4, 7000);

	(void)state;
	begin();
	guest_udp(5000, &to, "a", 1);
	bed_settle(bed);
	/* The kernel tells an earlier datagram's error in place of the next send. */
	vhost_fail(bed->vhost, "sendmmsg", 1, ECONNREFUSED);
	guest_udp(5000, &to, "b", 1);
	bed_settle(bed);
	host_got(udp_fd(0), "a", 1);
	host_got(udp_fd(0), "b", 1);
	end();
}

/* --- hop limits ------------------------------------------------------------------------------------------------------ */

static void
one_hop_less(void **state)
{
	(void)state;
	begin();
	for (int fam = 0; fam < FAMILIES; fam++) {
		struct endpoint to = at(elsewhere[fam], 7000);
		struct craft c = bed_craft(bed, &to.addr);

		c.ttl = 64;
		bed_push(bed, buf, craft_udp(buf, &c, 5000, to.port, view_of("x", 1)));
		bed_settle(bed);
		assert_int_equal(vhost_ttl(bed->vhost, udp_fd(fam)), 63);
		c.ttl = 2;
		bed_push(bed, buf, craft_udp(buf, &c, 5000, to.port, view_of("y", 1)));
		bed_settle(bed);
		assert_int_equal(vhost_ttl(bed->vhost, udp_fd(fam)), 1);
		host_got(udp_fd(fam), "x", 1);
		host_got(udp_fd(fam), "y", 1);
		c.ttl = 1;
		bed_push(bed, buf, craft_udp(buf, &c, 5000, to.port, view_of("z", 1)));
		expect_error(fam == FAMILY_V4 ? ICMP4_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED, 0, 0,
			     &bed->gateway[fam]);
		host_got_nothing(udp_fd(fam));
	}
	end();
}

/* --- endpoint-independent mapping --------------------------------------------------------------------------------------- */

static void
one_port_for_all(void **state)
{
	struct endpoint one = at("198.51.100.1", 3478), two = at("198.51.100.2", 3479), dest, from;
	size_t n;

	(void)state;
	conf.gateway.udp_endpoint_independent = true;
	begin();
	guest_udp(5000, &one, "1", 1);
	guest_udp(5000, &two, "2", 1);
	bed_settle(bed);
	assert_int_equal(open_flows(FLOW_UDP), 1);
	assert_true(vhost_recv_dgram(bed->vhost, udp_fd(0), buf, 1, &n, &dest));
	assert_true(addr_eq(&dest.addr, &one.addr) && dest.port == one.port);
	assert_true(vhost_recv_dgram(bed->vhost, udp_fd(0), buf, 1, &n, &dest));
	assert_true(addr_eq(&dest.addr, &two.addr) && dest.port == two.port);

	/* Both may answer; a stranger, or the same host from another port, may not. */
	assert_true(vhost_send_dgram(bed->vhost, udp_fd(0), &two, "b", 1));
	guest_gets(&two, 5000, "b", 1);
	assert_true(vhost_send_dgram(bed->vhost, udp_fd(0), &one, "a", 1));
	guest_gets(&one, 5000, "a", 1);
	from = at("198.51.100.3", 3478);
	assert_true(vhost_send_dgram(bed->vhost, udp_fd(0), &from, "c", 1));
	from = at("198.51.100.1", 3480);
	assert_true(vhost_send_dgram(bed->vhost, udp_fd(0), &from, "d", 1));
	expect_silence();

	/* Another port of the guest is another mapping; so is the other family. */
	guest_udp(5001, &one, "1", 1);
	guest_udp(5000, &(struct endpoint){bed_elsewhere(FAMILY_V6), 3478}, "6", 1);
	bed_settle(bed);
	assert_int_equal(open_flows(FLOW_UDP), 3);
	end();
}

static void
a_mapping_reaches_the_host_itself(void **state)
{
	struct endpoint loop = at("127.0.0.1", 7000);

	(void)state;
	conf.gateway.udp_endpoint_independent = true;
	begin();
	struct endpoint to = {bed->gateway[FAMILY_V4], 7000};
	guest_udp(5000, &to, "x", 1);
	bed_settle(bed);
	assert_true(vhost_send_dgram(bed->vhost, udp_fd(0), &loop, "y", 1));
	guest_gets(&to, 5000, "y", 1);
	end();
}

/* --- the name service ------------------------------------------------------------------------------------------------- */

static void
only_names_are_asked_at_the_dns_address(void **state)
{
	(void)state;
	for (int mapped = 0; mapped < 2; mapped++) {
		conf.gateway.udp_endpoint_independent = mapped;
		begin();
		struct endpoint to = {bed->gw->stack.cfg.net[FAMILY_V4].dns, 54};
		guest_udp(5000, &to, "x", 1);
		expect_error(ICMP4_UNREACHABLE, 3, 0, NULL);
		/* What is no question is not answered, and begins nothing. */
		to.port = 53;
		guest_udp(5000, &to, "who?", 4);
		expect_silence();
		assert_int_equal(open_flows(FLOW_UDP), 0);
		assert_int_equal(counted(GW_DNS_BAD), 1);
		end();
	}
}

/* A client of a published port may have port 53: what the guest says to it is no question. */
static void
a_client_from_port_53(void **state)
{
	static const struct sluice_publish p = {.host_first = 8053, .host_last = 8053, .udp = true};
	struct endpoint client = at("127.0.0.1", 53);

	(void)state;
	conf.gateway.publish = &p;
	conf.gateway.npublish = 1;
	begin();
	assert_true(vhost_send_dgram(bed->vhost, bed->gw->listener[0].fd, &client, "ping", 4));
	struct bed_frame *f = expect(STRICT_UDP);
	assert_int_equal(f->is.udp.sport, 53);
	struct endpoint to = {f->is.ip.src, 53};
	free(f);
	guest_udp(8053, &to, "pong", 4);
	bed_settle(bed);
	host_got(bed->gw->listener[0].fd, "pong", 4);
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
	    TEST(there_and_back),
	    TEST(one_way_ends_after_a_minute),
	    TEST(two_ways_end_after_three_minutes),
	    TEST(the_quietest_makes_room),
	    TEST(full_is_never_refused),
	    TEST(own_limit_of_descriptors),
	    TEST(descriptors_of_the_open),
	    TEST(the_kind_with_the_most_makes_room),
	    TEST(what_the_host_says_at_once),
	    TEST(a_turn_is_one_call),
	    TEST(a_run_that_is_not_taken_goes_singly),
	    TEST(a_full_socket_loses_and_counts),
	    TEST(a_run_down_is_one_frame),
	    TEST(a_run_down_is_cut_without_offload),
	    TEST(a_run_up_is_one_message),
	    TEST(sizes_at_both_ends),
	    TEST(refused_here_heard_there),
	    TEST(refused_by_both),
	    TEST(errors_come_as_icmp),
	    TEST(an_error_costs_no_datagram),
	    TEST(one_hop_less),
	    TEST(one_port_for_all),
	    TEST(a_mapping_reaches_the_host_itself),
	    TEST(only_names_are_asked_at_the_dns_address),
	    TEST(a_client_from_port_53),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
