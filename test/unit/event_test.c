/*
 * event_test.c - what the event hook is told of guests, flows and limits, and that it is told of all of them
 */
#include "test/unit/event_kit.h"

#include <errno.h>
#include <netinet/in.h>

#include "stack/dhcp_wire.h"

#define REFUSED SLUICE_EVENT_FLOW_REFUSED
#define CLOSED SLUICE_EVENT_FLOW_CLOSED

static struct endpoint
elsewhere(uint16_t port)
{
	return (struct endpoint){bed_elsewhere(FAMILY_V4), port};
}

/* --- how TCP flows begin and end ---------------------------------------------------------------------------------- */

static void
a_whole_life(void **state)
{
	struct peer p;

	(void)state;
	begin();
	p = peer_to(40000, elsewhere(80));
	peer_open(&p);
	const struct sluice_event *e = next_event(SLUICE_EVENT_GUEST_UP);
	assert_memory_equal(e->mac, conf.gateway.guest_mac, 6);
	e = next_event(SLUICE_EVENT_FLOW_OPENED);
	assert_int_equal(e->flow, 1);
	assert_int_equal(e->protocol, IPPROTO_TCP);
	assert_false(e->published);
	assert_int_equal(e->now, USEC_PER_SEC);
	assert_string_equal(e->guest, "10.0.2.15:40000");
	assert_string_equal(e->remote, BED_ELSEWHERE_V4 ":80");
	assert_string_equal(e->target, BED_ELSEWHERE_V4 ":80");

	int fd = peer_fd(&p);
	peer_send(&p, TCP_ACK | TCP_PSH, "four", 4);
	assert_int_equal(vhost_send(bed->vhost, fd, "sixsix", 6), 6);
	bed_settle(bed);
	bed_drop(bed);
	p.ack += 6;
	wait_for(USEC_PER_SEC);
	peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
	bed_settle(bed);
	bed_drop(bed);
	vhost_send_eof(bed->vhost, fd);
	bed_settle(bed);
	p.ack++;
	peer_send(&p, TCP_ACK, NULL, 0);
	bed_settle(bed);
	e = next_event(CLOSED);
	assert_int_equal(e->reason, SLUICE_REASON_DONE);
	assert_string_equal(e->text, "done");
	assert_int_equal(e->flow, 1);
	assert_int_equal(e->bytes_to_host, 4);
	assert_int_equal(e->bytes_to_guest, 6);
	assert_int_equal(e->age, USEC_PER_SEC);
	assert_string_equal(e->guest, "10.0.2.15:40000");
	bed_drop(bed);
	end();
	e = next_event(SLUICE_EVENT_GUEST_GONE);
	assert_int_equal(e->reason, SLUICE_REASON_LINK);
	assert_string_equal(e->text, "the gateway ended");
	no_more_events();
}

static void
ipv6_has_brackets(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, (struct endpoint){bed_elsewhere(FAMILY_V6), 443});
	peer_open(&p);
	const struct sluice_event *e = find_event(SLUICE_EVENT_FLOW_OPENED);
	assert_string_equal(e->guest, "[fd73:6c75:6963:65::15]:40000");
	assert_string_equal(e->target, "[" BED_ELSEWHERE_V6 "]:443");
	end();
}

static void
the_gateway_is_the_hosts_loopback(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, (struct endpoint){bed->gateway[FAMILY_V4], 80});
	peer_open(&p);
	const struct sluice_event *e = find_event(SLUICE_EVENT_FLOW_OPENED);
	assert_string_equal(e->remote, "10.0.2.2:80");
	assert_string_equal(e->target, "127.0.0.1:80");
	end();
}

static void
resets_from_both_sides(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(80));
	peer_open(&p);
	peer_send(&p, TCP_RST | TCP_ACK, NULL, 0);
	bed_settle(bed);
	flow_ended(CLOSED, SLUICE_REASON_GUEST_RESET);

	p = peer_to(40001, elsewhere(80));
	peer_open(&p);
	vhost_reset(bed->vhost, peer_fd(&p));
	bed_settle(bed);
	bed_drop(bed);
	flow_ended(CLOSED, SLUICE_REASON_HOST_RESET);

	/* Before there was a connection at all. */
	vhost_default(bed->vhost, VHOST_ACCEPT_LATER);
	p = peer_to(40002, elsewhere(80));
	peer_send(&p, TCP_SYN, NULL, 0);
	bed_settle(bed);
	peer_send(&p, TCP_RST, NULL, 0);
	bed_settle(bed);
	flow_ended(REFUSED, SLUICE_REASON_GUEST_RESET);
	no_more_events();
	end();
}

static void
what_a_dial_ends_with(void **state)
{
	static const struct {
		int error;
		enum sluice_reason reason;
	} ends[] = {
	    {ECONNREFUSED, SLUICE_REASON_REFUSED},    {EHOSTUNREACH, SLUICE_REASON_UNREACHABLE},
	    {ENETUNREACH, SLUICE_REASON_UNREACHABLE}, {EACCES, SLUICE_REASON_UNREACHABLE},
	    {ETIMEDOUT, SLUICE_REASON_TIMED_OUT},     {EADDRNOTAVAIL, SLUICE_REASON_FULL},
	    {ECONNRESET, SLUICE_REASON_HOST_RESET},
	};

	(void)state;
	begin();
	vhost_default(bed->vhost, VHOST_ACCEPT_LATER);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct peer p = peer_to((uint16_t)(40000 + i), elsewhere(80));

		peer_send(&p, TCP_SYN, NULL, 0);
		bed_settle(bed);
		vhost_settle(bed->vhost, peer_fd(&p), ends[i].error);
		bed_settle(bed);
		bed_drop(bed);
		const struct sluice_event *e = flow_ended(REFUSED, ends[i].reason);
		assert_int_equal(e->flow, i + 1);
		assert_string_equal(e->target, BED_ELSEWHERE_V4 ":80");
	}
	end();
}

static void
silence_of_a_guest_and_of_a_host(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(80));
	peer_open(&p);
	vhost_send(bed->vhost, peer_fd(&p), "hello", 5);
	wait_for(200 * USEC_PER_SEC);
	bed_drop(bed);
	const struct sluice_event *e = flow_ended(CLOSED, SLUICE_REASON_GUEST_SILENT);
	assert_int_equal(e->bytes_to_guest, 5);
	assert_true(e->age >= 120u * (uint64_t)USEC_PER_SEC);

	p = peer_to(40001, elsewhere(80));
	peer_open(&p);
	vhost_fail(bed->vhost, "readv", 1, ETIMEDOUT);
	vhost_send(bed->vhost, peer_fd(&p), "hello", 5);
	bed_settle(bed);
	bed_drop(bed);
	flow_ended(CLOSED, SLUICE_REASON_TIMED_OUT);
	end();
}

static void
no_memory_for_a_connection(void **state)
{
	void *block[64];
	unsigned n = 0;

	(void)state;
	begin();
	struct pool *pool = &bed->gw->pool;
	for (size_t size = POOL_BLOCK_MAX; size >= POOL_BLOCK_MIN;) {
		block[n] = pool_alloc(pool, size);
		if (block[n])
			assert_true(++n < 64);
		else
			size /= 2;
	}
	struct peer p = peer_to(40000, elsewhere(80));
	peer_send(&p, TCP_SYN, NULL, 0);
	expect_silence();
	flow_ended(REFUSED, SLUICE_REASON_FULL);
	while (n > 0)
		pool_free(pool, block[--n], POOL_BLOCK_MAX);
	p.seq--;
	peer_open(&p);
	find_event(SLUICE_EVENT_FLOW_OPENED);
	end();
}

/* --- tables ---------------------------------------------------------------------------------------------------------- */

static void
a_full_tcp_table(void **state)
{
	(void)state;
	conf.gateway.max_tcp = 2;
	begin();
	struct peer p = peer_to(40000, elsewhere(80)), half = peer_to(40001, elsewhere(81)), last;
	struct endpoint later = elsewhere(81);

	vhost_answer(bed->vhost, HOST_TCP, &later, VHOST_SILENT);
	peer_open(&p);
	peer_send(&half, TCP_SYN, NULL, 0);
	bed_settle(bed);
	/* The half-open one makes room ... */
	last = peer_to(40002, elsewhere(80));
	peer_open(&last);
	const struct sluice_event *e = flow_ended(REFUSED, SLUICE_REASON_FULL);
	assert_string_equal(e->guest, "10.0.2.15:40001");
	/* ... and when there is none the newcomer is not served. */
	find_event(SLUICE_EVENT_FLOW_OPENED);
	struct peer none = peer_to(40003, elsewhere(80));
	peer_send(&none, TCP_SYN, NULL, 0);
	bed_settle(bed);
	e = next_event(SLUICE_EVENT_LIMIT);
	assert_int_equal(e->reason, SLUICE_REASON_FULL);
	assert_non_null(strstr(e->text, "TCP table full"));
	e = next_event(REFUSED);
	assert_int_equal(e->reason, SLUICE_REASON_FULL);
	assert_string_equal(e->guest, "10.0.2.15:40003");
	assert_string_equal(e->target, "");
	no_more_events();
	end();
}

static void
datagrams_and_pings_make_room(void **state)
{
	(void)state;
	conf.gateway.max_udp = conf.gateway.max_ping = 1;
	begin();
	struct endpoint to = elsewhere(9);
	struct craft c = bed_craft(bed, &to.addr);

	guest_udp(5000, &to, "abc", 3);
	bed_settle(bed);
	guest_udp(5001, &to, "x", 1);
	bed_settle(bed);
	const struct sluice_event *e = flow_ended(CLOSED, SLUICE_REASON_FULL);
	assert_string_equal(e->guest, "10.0.2.15:5000");
	assert_int_equal(e->bytes_to_host, 3);
	for (uint32_t id = 1; id <= 2; id++) {
		struct icmp echo = {.type = ICMP4_ECHO_REQUEST, .rest = id << 16};

		bed_push(bed, buf, craft_icmp(buf, &c, &echo, view_of("ping", 4)));
	}
	bed_settle(bed);
	e = flow_ended(CLOSED, SLUICE_REASON_FULL);
	assert_int_equal(e->protocol, IPPROTO_ICMP);
	assert_string_equal(e->guest, "10.0.2.15:1");
	assert_string_equal(e->remote, BED_ELSEWHERE_V4 ":0");
	assert_int_equal(e->bytes_to_host, 4);
	end();
}

static void
no_descriptors(void **state)
{
	struct endpoint to;

	(void)state;
	begin();
	to = elsewhere(9);
	vhost_default(bed->vhost, VHOST_EMFILE);
	struct peer p = peer_to(40000, to);
	peer_send(&p, TCP_SYN, NULL, 0);
	bed_settle(bed);
	flow_ended(REFUSED, SLUICE_REASON_FULL);
	guest_udp(5000, &to, "x", 1);
	bed_settle(bed);
	const struct sluice_event *e = flow_ended(REFUSED, SLUICE_REASON_FULL);
	assert_int_equal(e->protocol, IPPROTO_UDP);
	end();
}

/* However often it happens, and whatever it is. */
static void
a_limit_is_told_once_a_second(void **state)
{
	unsigned limits = 0, refused = 0;

	(void)state;
	begin();
	struct endpoint to = elsewhere(9);
	for (unsigned i = 0; i < 50; i++) {
		vhost_fail(bed->vhost, "socket", 1, EMFILE);
		guest_udp(5000, &to, "x", 1);
		bed_settle(bed);
		wait_for(100 * USEC_PER_MSEC);
	}
	for (unsigned i = 0; i < nseen; i++) {
		limits += seen[i].e.kind == SLUICE_EVENT_LIMIT;
		refused += seen[i].e.kind == REFUSED;
	}
	assert_int_equal(limits, 5);
	assert_int_equal(refused, 50);
	end();
}

/* --- datagrams and pings ------------------------------------------------------------------------------------------------ */

static void
datagrams_there_and_back(void **state)
{
	(void)state;
	begin();
	struct endpoint to = elsewhere(9);

	guest_udp(5000, &to, "abc", 3);
	guest_udp(5000, &to, "de", 2);
	bed_settle(bed);
	assert_true(vhost_send_dgram(bed->vhost, vhost_find(bed->vhost, HOST_UDP, 1), NULL, "answer", 6));
	bed_settle(bed);
	bed_drop(bed);
	wait_for(200 * USEC_PER_SEC);
	bed_drop(bed);
	const struct sluice_event *e = find_event(SLUICE_EVENT_FLOW_OPENED);
	assert_int_equal(e->protocol, IPPROTO_UDP);
	e = next_event(CLOSED);
	assert_int_equal(e->reason, SLUICE_REASON_TIMED_OUT);
	assert_int_equal(e->bytes_to_host, 5);
	assert_int_equal(e->bytes_to_guest, 6);
	assert_int_equal(e->age, 180 * USEC_PER_SEC);
	end();
}

static void
a_mapping_has_no_remote_end(void **state)
{
	(void)state;
	conf.gateway.udp_endpoint_independent = true;
	begin();
	struct endpoint to = elsewhere(9);

	guest_udp(5000, &to, "abc", 3);
	bed_settle(bed);
	const struct sluice_event *e = find_event(SLUICE_EVENT_FLOW_OPENED);
	assert_string_equal(e->guest, "10.0.2.15:5000");
	assert_string_equal(e->remote, "");
	assert_string_equal(e->target, "");
	end();
}

static void
a_ping_there_and_back(void **state)
{
	uint8_t answer[ICMP_HLEN + 4] = {ICMP4_ECHO_REPLY};

	(void)state;
	begin();
	struct endpoint to = elsewhere(0);
	struct craft c = bed_craft(bed, &to.addr);
	bed_push(bed, buf,
		 craft_icmp(buf, &c, &(struct icmp){ICMP4_ECHO_REQUEST, 0, 0, 7u << 16}, view_of("ping", 4)));
	bed_settle(bed);
	vhost_send_dgram(bed->vhost, vhost_find(bed->vhost, HOST_PING, 0), NULL, answer, sizeof(answer));
	bed_settle(bed);
	bed_drop(bed);
	wait_for(40 * USEC_PER_SEC);
	bed_drop(bed);
	const struct sluice_event *e = find_event(SLUICE_EVENT_FLOW_OPENED);
	assert_int_equal(e->protocol, IPPROTO_ICMP);
	assert_string_equal(e->target, BED_ELSEWHERE_V4 ":0");
	e = next_event(CLOSED);
	assert_int_equal(e->reason, SLUICE_REASON_TIMED_OUT);
	assert_int_equal(e->bytes_to_host, 4);
	assert_int_equal(e->bytes_to_guest, 4);
	end();
}

static void
no_way_for_a_datagram_or_a_ping(void **state)
{
	(void)state;
	begin();
	struct endpoint to = elsewhere(9);
	struct craft c = bed_craft(bed, &to.addr);

	vhost_default(bed->vhost, VHOST_UNREACH_NET);
	guest_udp(5000, &to, "abc", 3);
	bed_push(bed, buf,
		 craft_icmp(buf, &c, &(struct icmp){ICMP4_ECHO_REQUEST, 0, 0, 7u << 16}, view_of("ping", 4)));
	bed_settle(bed);
	bed_drop(bed);
	flow_ended(REFUSED, SLUICE_REASON_UNREACHABLE);
	flow_ended(REFUSED, SLUICE_REASON_UNREACHABLE);
	/* A port of the DNS address where nobody is. */
	struct endpoint dns = {bed->gw->stack.cfg.net[FAMILY_V4].dns, 54};
	guest_udp(5000, &dns, "x", 1);
	bed_settle(bed);
	bed_drop(bed);
	flow_ended(REFUSED, SLUICE_REASON_REFUSED);
	end();
}

/* --- published ports ---------------------------------------------------------------------------------------------------- */

static const struct sluice_publish ports[2] = {
    {.bind = "127.0.0.1", .host_first = 8080, .host_last = 8080, .guest_first = 80},
    {.bind = "127.0.0.1", .host_first = 8081, .host_last = 8081, .guest_first = 81, .udp = true},
};

static void
publish(void)
{
	conf.gateway.publish = ports;
	conf.gateway.npublish = 2;
}

static void
clients_of_published_ports(void **state)
{
	struct endpoint to = at("127.0.0.1", 8080), client = at("127.0.0.1", 50000);

	(void)state;
	publish();
	begin();
	assert_true(vhost_client(bed->vhost, &to, &client));
	bed_settle(bed);
	const struct sluice_event *e = next_event(SLUICE_EVENT_FLOW_OPENED);
	assert_true(e->published);
	assert_string_equal(e->guest, "10.0.2.15:80");
	assert_string_equal(e->remote, "10.0.2.2:50000");
	assert_string_equal(e->target, "127.0.0.1:50000");
	/* The guest has nobody at that port. */
	struct peer g = {.t = {{bed->guest[FAMILY_V4], 80}, {bed->gateway[FAMILY_V4], 50000}, IP_PROTO_TCP}};
	peer_wants(&g, TCP_SYN);
	peer_send(&g, TCP_RST | TCP_ACK, NULL, 0);
	bed_settle(bed);
	flow_ended(CLOSED, SLUICE_REASON_REFUSED);

	int udp = bed->gw->listener[1].fd;
	assert_true(vhost_send_dgram(bed->vhost, udp, &client, "in", 2));
	bed_settle(bed);
	bed_drop(bed);
	e = find_event(SLUICE_EVENT_FLOW_OPENED);
	assert_true(e->published);
	assert_int_equal(e->protocol, IPPROTO_UDP);
	assert_string_equal(e->target, "127.0.0.1:50000");
	end();
	e = find_event(CLOSED);
	assert_int_equal(e->reason, SLUICE_REASON_LINK);
	assert_int_equal(e->bytes_to_guest, 2);
}

static void
clients_turned_away(void **state)
{
	struct endpoint to = at("127.0.0.1", 8080), client = at("127.0.0.1", 50000);

	(void)state;
	publish();
	conf.gateway.max_tcp = 1;
	begin();
	struct peer p = peer_to(40000, elsewhere(80));
	peer_open(&p);
	assert_true(vhost_client(bed->vhost, &to, &client));
	bed_settle(bed);
	const struct sluice_event *e = flow_ended(REFUSED, SLUICE_REASON_FULL);
	assert_true(e->published);
	assert_string_equal(e->guest, "10.0.2.15:80");
	assert_string_equal(e->target, "127.0.0.1:50000");
	/* No descriptor even to look at it with. */
	vhost_fail(bed->vhost, "accept", 1, EMFILE);
	client.port++;
	assert_true(vhost_client(bed->vhost, &to, &client));
	bed_settle(bed);
	e = flow_ended(REFUSED, SLUICE_REASON_FULL);
	assert_string_equal(e->target, "127.0.0.1:50001");
	bed_drop(bed);
	end();
}

/* --- the guest ---------------------------------------------------------------------------------------------------------- */

static void
a_mac_that_was_not_known(void **state)
{
	(void)state;
	memset(conf.gateway.guest_mac, 0, 6);
	begin();
	no_more_events();
	struct endpoint to = elsewhere(9);
	guest_udp(5000, &to, "x", 1);
	bed_settle(bed);
	const struct sluice_event *e = next_event(SLUICE_EVENT_GUEST_UP);
	assert_memory_equal(e->mac, bed->wire.guest.b, 6);
	next_event(SLUICE_EVENT_FLOW_OPENED);
	no_more_events();
	end();
}

/* Somebody else's frames are not the guest. */
static void
a_strangers_frame_is_not_the_guest(void **state)
{
	(void)state;
	begin();
	struct endpoint to = elsewhere(9);
	struct craft c = bed_craft(bed, &to.addr);
	c.src_mac.b[5] ^= 1;
	bed_push(bed, buf, craft_udp(buf, &c, 5000, 9, view_of("x", 1)));
	bed_settle(bed);
	no_more_events();
	end();
	no_more_events();
}

/* A link that sees its guests come and go. */
static void
guests_one_after_another(void **state)
{
	(void)state;
	begin();
	struct link *l = memlink_link(bed->mem);

	for (unsigned i = 0; i < 2; i++) {
		l->arrived++;
		bed_settle(bed);
		next_event(SLUICE_EVENT_GUEST_UP);
		struct endpoint to = elsewhere(9);
		guest_udp(5000, &to, "x", 1);
		bed_settle(bed);
		next_event(SLUICE_EVENT_FLOW_OPENED);
		l->departed++;
		snprintf(l->reason, sizeof(l->reason), "it spoke nonsense");
		bed_settle(bed);
		const struct sluice_event *e = next_event(CLOSED);
		assert_int_equal(e->reason, SLUICE_REASON_LINK);
		e = next_event(SLUICE_EVENT_GUEST_GONE);
		assert_string_equal(e->text, "it spoke nonsense");
	}
	end();
	no_more_events();
}

static void
a_lease(void **state)
{
	(void)state;
	begin();
	struct endpoint to = elsewhere(9);
	bed->gw->stack.leased[FAMILY_V4] = bed->gw->stack.leased[FAMILY_V6] = true;
	guest_udp(5000, &to, "x", 1);
	bed_settle(bed);
	const struct sluice_event *e = find_event(SLUICE_EVENT_LEASE);
	assert_string_equal(e->guest, "10.0.2.15");
	assert_memory_equal(e->mac, conf.gateway.guest_mac, 6);
	e = next_event(SLUICE_EVENT_LEASE);
	assert_string_equal(e->guest, "fd73:6c75:6963:65::15");
	bed_settle(bed);
	no_more_events();
	end();
}

/* A client without an address asks everybody; the answer is of this type. */
static struct dhcp
ask_dhcp(const struct dhcp *q, enum dhcp_type type)
{
	static uint8_t msg[1024];
	struct wr w = wr_of(msg, sizeof(msg));
	struct addr all = addr_v4(UINT32_MAX);
	struct craft c = bed_craft(bed, &all);
	struct dhcp a;

	dhcp_emit(&w, q);
	c.src = addr_v4(0);
	memset(c.dst_mac.b, 0xff, 6);
	bed_push(bed, buf, craft_udp(buf, &c, 68, 67, view_of(msg, (size_t)(w.p - msg))));
	struct bed_frame *f = expect(STRICT_UDP);
	assert_true(dhcp_parse(f->is.payload, &a));
	assert_int_equal(a.type, type);
	assert_int_equal(a.xid, q->xid);
	free(f);
	return a;
}

static void
a_dhcp_exchange_is_a_lease(void **state)
{
	(void)state;
	memset(conf.gateway.guest_mac, 0, 6);
	begin();
	struct dhcp q = {
	    .xid = 0x12345678, .chaddr = bed->wire.guest, .type = DHCP_DISCOVER, .max_size = 1500};
	struct dhcp a = ask_dhcp(&q, DHCP_OFFER);
	assert_true(addr_eq(&a.yiaddr, &bed->guest[FAMILY_V4]));
	next_event(SLUICE_EVENT_GUEST_UP);
	no_more_events(); /* an offer is not a lease */

	q.type = DHCP_REQUEST;
	q.server = a.server;
	q.requested = a.yiaddr;
	/* Asked for again it is told again. */
	for (unsigned i = 0; i < 2; i++) {
		ask_dhcp(&q, DHCP_ACK);
		const struct sluice_event *e = next_event(SLUICE_EVENT_LEASE);
		assert_string_equal(e->text, "DHCP");
		assert_string_equal(e->guest, "10.0.2.15");
		assert_memory_equal(e->mac, bed->wire.guest.b, 6);
		no_more_events();
	}
	/* What it may not have is not leased. */
	q.requested = addr_of("10.0.2.16");
	ask_dhcp(&q, DHCP_NAK);
	no_more_events();
	end();
}

/* --- all of them together ------------------------------------------------------------------------------------------------- */

/* What was opened ends once, what was refused never opened, no number is used twice, and the bytes add up. */
static void
the_books_balance(void **state)
{
	uint8_t life[256] = {0};
	uint64_t to_host = 0, numbers = 0;

	(void)state;
	conf.gateway.max_tcp = 8;
	conf.gateway.max_udp = 4;
	begin();
	for (unsigned i = 0; i < 40; i++) {
		struct endpoint to = elsewhere((uint16_t)(i + 1));

		vhost_answer(bed->vhost, HOST_TCP, &to, i % 3 == 0 ? VHOST_REFUSE : VHOST_ACCEPT);
		struct peer p = peer_to((uint16_t)(40000 + i), to);
		peer_send(&p, TCP_SYN, NULL, 0);
		guest_udp((uint16_t)(5000 + i), &to, zeros, i);
		bed_settle(bed);
		struct tcp_flow *tf = peer_flow(&p);
		if (tf && i % 2) {
			p.ack = tf->tcp.iss + 1;
			peer_send(&p, TCP_ACK, NULL, 0);
			peer_send(&p, TCP_ACK | TCP_PSH, zeros, 10);
			bed_settle(bed);
			peer_send(&p, TCP_RST | TCP_ACK, NULL, 0);
		}
		bed_drop(bed);
	}
	bed_settle(bed);
	bed_drop(bed);
	struct sluice_stats st = {.size = sizeof(st)};
	sluice_get_stats(bed->gw, &st);
	end();
	for (unsigned i = 0; i < nseen; i++) {
		const struct sluice_event *e = &seen[i].e;

		assert_true(e->flow < sizeof(life));
		if (e->kind == SLUICE_EVENT_FLOW_OPENED || e->kind == REFUSED) {
			assert_int_equal(life[e->flow], 0);
			life[e->flow] = e->kind == REFUSED ? 2 : 1;
			numbers++;
		} else if (e->kind == CLOSED) {
			assert_int_equal(life[e->flow], 1);
			life[e->flow] = 2;
			to_host += e->bytes_to_host;
		}
	}
	assert_int_equal(numbers, 80);
	for (unsigned i = 1; i <= numbers; i++)
		assert_int_equal(life[i], 2);
	assert_int_equal(to_host, st.bytes_to_host);
}

static void
every_reason_has_a_name(void **state)
{
	(void)state;
	for (int r = SLUICE_REASON_NONE; r <= SLUICE_REASON_LINK; r++) {
		const char *name = sluice_reason_name((enum sluice_reason)r);

		assert_true(name[0] != '\0');
		assert_string_not_equal(name, "unknown");
		for (int other = 0; other < r; other++)
			assert_string_not_equal(name, sluice_reason_name((enum sluice_reason)other));
	}
	assert_string_equal(sluice_reason_name((enum sluice_reason)99), "unknown");
}

/* --- frames ------------------------------------------------------------------------------------------------------------- */

static size_t frames[2], frame_bytes[2];

static void
on_frame(void *ctx, bool from_guest, const struct iovec *iov, int n, uint64_t now)
{
	assert_ptr_equal(ctx, &conf);
	assert_int_equal(now, (uint64_t)bed_now(bed));
	frames[from_guest]++;
	for (int i = 0; i < n; i++)
		frame_bytes[from_guest] += iov[i].iov_len;
}

/* The frame hook is shown each frame both ways, with and without a capture beside it. */
static void
every_frame_is_shown(void **state)
{
	(void)state;
	frames[0] = frames[1] = frame_bytes[0] = frame_bytes[1] = 0;
	conf.gateway.frame = on_frame;
	begin();
	struct peer p = peer_to(40000, elsewhere(80));
	peer_open(&p);
	bed_settle(bed);
	const uint64_t *count = bed->gw->stack.count;
	assert_int_equal(frames[true], count[COUNT_FRAMES_IN]);
	assert_int_equal(frames[false], count[COUNT_FRAMES_OUT]);
	assert_int_equal(frame_bytes[true], count[COUNT_BYTES_IN]);
	assert_int_equal(frame_bytes[false], count[COUNT_BYTES_OUT]);
	assert_true(frames[false] >= 1 && frames[true] == 2);
	conf.gateway.frame = NULL;
	/* sluice_free() may still send. */
	bed->gw->frame_hook = NULL;
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_events)
	const struct CMUnitTest tests[] = {
	    TEST(a_whole_life),
	    TEST(ipv6_has_brackets),
	    TEST(the_gateway_is_the_hosts_loopback),
	    TEST(resets_from_both_sides),
	    TEST(what_a_dial_ends_with),
	    TEST(silence_of_a_guest_and_of_a_host),
	    TEST(no_memory_for_a_connection),
	    TEST(a_full_tcp_table),
	    TEST(datagrams_and_pings_make_room),
	    TEST(no_descriptors),
	    TEST(a_limit_is_told_once_a_second),
	    TEST(datagrams_there_and_back),
	    TEST(a_mapping_has_no_remote_end),
	    TEST(a_ping_there_and_back),
	    TEST(no_way_for_a_datagram_or_a_ping),
	    TEST(clients_of_published_ports),
	    TEST(clients_turned_away),
	    TEST(a_mac_that_was_not_known),
	    TEST(a_strangers_frame_is_not_the_guest),
	    TEST(guests_one_after_another),
	    TEST(a_lease),
	    TEST(a_dhcp_exchange_is_a_lease),
	    TEST(the_books_balance),
	    TEST(every_reason_has_a_name),
	    TEST(every_frame_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
