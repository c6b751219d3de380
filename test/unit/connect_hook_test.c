/*
 * connect_hook_test.c - how host connections are made when the embedder decides it: refused, redirected, bound,
 * marked, through a proxy, and what happens when its answer makes no sense
 */
#include "test/unit/event_kit.h"

#include <errno.h>
#include <netinet/in.h>

#define REFUSED SLUICE_EVENT_FLOW_REFUSED
#define PROXY "203.0.113.1:1080"

/* What the hook answers, and what it was asked. */
static struct sluice_route answer;
static int verdict, verdict_after; /* ... from the second call on */
static unsigned asked;
static struct {
	int protocol;
	char guest[64], remote[64], target[64];
} last;

static int
on_connect(void *ctx, const struct sluice_connect *c, struct sluice_route *how)
{
	static const struct sluice_route nothing = {.size = sizeof(nothing)};

	assert_ptr_equal(ctx, &conf);
	assert_int_equal(c->size, sizeof(*c));
	assert_memory_equal(how, &nothing, sizeof(nothing));
	last.protocol = c->protocol;
	snprintf(last.guest, sizeof(last.guest), "%s", c->guest);
	snprintf(last.remote, sizeof(last.remote), "%s", c->remote);
	snprintf(last.target, sizeof(last.target), "%s", c->target);
	*how = answer;
	how->size = sizeof(*how);
	return asked++ == 0 ? verdict : verdict_after;
}

static int
fresh_hook(void **state)
{
	fresh_events(state);
	memset(&answer, 0, sizeof(answer));
	verdict = verdict_after = 0;
	asked = 0;
	conf.gateway.connect = on_connect;
	return 0;
}

static struct endpoint
elsewhere(uint16_t port)
{
	return (struct endpoint){bed_elsewhere(FAMILY_V4), port};
}

static void
ping(const struct addr *to)
{
	struct craft c = bed_craft(bed, to);
	struct icmp echo = {.type = addr_is_v4(to) ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST,
			    .rest = 7u << 16};

	bed_push(bed, buf, craft_icmp(buf, &c, &echo, view_of("ping", 4)));
}

/* The only socket of a kind that the gateway keeps beside its spare one. */
static int
udp_fd(void)
{
	return vhost_find(bed->vhost, HOST_UDP, 1);
}

static void
goes_to(int fd, const char *addr, uint16_t port)
{
	struct endpoint to, want = at(addr, port);

	assert_true(vhost_peer(bed->vhost, fd, &to));
	assert_true(addr_eq(&to.addr, &want.addr));
	assert_int_equal(to.port, port);
}

/* The guest asks for an address of "n.example" from port 5000. */
static void
ask_name(const struct endpoint *dns, uint8_t id)
{
	uint8_t query[] = {0, id,  1,   0,   0,   1,   0,   0,   0, 0, 0, 0, 1, 'n',
			   7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};

	guest_udp(5000, dns, query, sizeof(query));
	bed_settle(bed);
}

/* --- what it is asked ---------------------------------------------------------------------------------------------- */

static void
each_kind_of_flow_is_asked_about(void **state)
{
	(void)state;
	conf.gateway.nameservers = (const char *const[]){"192.0.2.53"};
	conf.gateway.nnameservers = 1;
	begin();
	struct peer p = peer_to(40000, elsewhere(80));
	peer_open(&p);
	assert_int_equal(last.protocol, IPPROTO_TCP);
	assert_string_equal(last.guest, "10.0.2.15:40000");
	assert_string_equal(last.remote, BED_ELSEWHERE_V4 ":80");
	assert_string_equal(last.target, BED_ELSEWHERE_V4 ":80");

	struct endpoint dns = {bed->gw->stack.cfg.net[FAMILY_V4].dns, 53};
	ask_name(&dns, 1);
	assert_int_equal(last.protocol, IPPROTO_UDP);
	assert_string_equal(last.guest, "10.0.2.15:5000");
	assert_string_equal(last.remote, "10.0.2.3:53");
	assert_string_equal(last.target, "192.0.2.53:53");

	struct addr six = bed_elsewhere(FAMILY_V6);
	ping(&six);
	bed_settle(bed);
	assert_int_equal(last.protocol, IPPROTO_ICMPV6);
	assert_string_equal(last.guest, "[fd73:6c75:6963:65::15]:7");
	assert_string_equal(last.target, "[" BED_ELSEWHERE_V6 "]:0");
	assert_int_equal(asked, 3);
	/* What goes on is not asked about again. */
	ask_name(&dns, 1);
	ping(&six);
	bed_settle(bed);
	bed_drop(bed);
	assert_int_equal(asked, 3);
	end();
}

/* Each further place is asked about, too. */
static void
each_attempt_is_asked_about(void **state)
{
	(void)state;
	begin();
	struct endpoint to = at("127.0.0.1", 80);
	vhost_answer(bed->vhost, HOST_TCP, &to, VHOST_REFUSE);
	struct peer p = peer_to(40000, (struct endpoint){bed->gateway[FAMILY_V4], 80});
	peer_open(&p);
	assert_int_equal(asked, 2);
	assert_string_equal(last.target, "[::1]:80");
	end();
}

static void
a_published_port_is_not_asked_about(void **state)
{
	static const struct sluice_publish p = {.bind = "127.0.0.1", .host_first = 8080, .host_last = 8080};
	struct endpoint to = at("127.0.0.1", 8080), client = at("127.0.0.1", 50000);

	(void)state;
	conf.gateway.publish = &p;
	conf.gateway.npublish = 1;
	verdict = ECONNREFUSED;
	begin();
	assert_true(vhost_client(bed->vhost, &to, &client));
	free(expect(STRICT_TCP));
	assert_int_equal(asked, 0);
	end();
}

/* --- no ---------------------------------------------------------------------------------------------------------------- */

static void
a_no_is_told_as_the_host_would_have(void **state)
{
	static const struct {
		int error;
		int code; /* of ICMP; -1: RST, -2: nothing */
	} no[] = {{ECONNREFUSED, -1}, {EHOSTUNREACH, 1}, {ENETUNREACH, 0},
		  {EACCES, 13},       {ETIMEDOUT, -2},   {ENOENT, 1}};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		struct endpoint to = elsewhere((uint16_t)(80 + i));
		struct peer p = peer_to((uint16_t)(40000 + i), to);
		unsigned before = asked;

		verdict = verdict_after = no[i].error;
		peer_send(&p, TCP_SYN, NULL, 0);
		if (no[i].code == -1)
			free(expect(STRICT_TCP));
		else if (no[i].code >= 0)
			expect_error(ICMP4_UNREACHABLE, (uint8_t)no[i].code, 0, &bed->gateway[FAMILY_V4]);
		expect_silence();
		flow_ended(REFUSED, SLUICE_REASON_HOOK);

		guest_udp(5000, &to, "x", 1);
		if (no[i].code != -2)
			expect_error(ICMP4_UNREACHABLE, no[i].code == -1 ? 3 : (uint8_t)no[i].code, 0, NULL);
		expect_silence();
		flow_ended(REFUSED, SLUICE_REASON_HOOK);
		assert_int_equal(asked, before + 2);
	}
	/* Only the spare socket was ever there. */
	assert_int_equal(vhost_open_count(bed->vhost), 1);
	end();
}

static void
a_ping_is_refused(void **state)
{
	(void)state;
	verdict = EACCES;
	begin();
	struct addr to = bed_elsewhere(FAMILY_V4);
	ping(&to);
	expect_error(ICMP4_UNREACHABLE, 13, 0, NULL);
	flow_ended(REFUSED, SLUICE_REASON_HOOK);
	assert_int_equal(counted(GW_PING_FORBIDDEN), 0);
	end();
}

/* A no ends it: there is no other place, and what an earlier one said does not count. */
static void
a_no_is_the_last_word(void **state)
{
	(void)state;
	verdict_after = EACCES;
	begin();
	struct endpoint to = at("127.0.0.1", 80);
	vhost_answer(bed->vhost, HOST_TCP, &to, VHOST_REFUSE);
	struct peer p = peer_to(40000, (struct endpoint){bed->gateway[FAMILY_V4], 80});
	peer_send(&p, TCP_SYN, NULL, 0);
	expect_error(ICMP4_UNREACHABLE, 13, 0, NULL);
	assert_int_equal(asked, 2);
	flow_ended(REFUSED, SLUICE_REASON_HOOK);
	end();
}

/* --- another way ------------------------------------------------------------------------------------------------------- */

static void
another_target(void **state)
{
	(void)state;
	answer.target = "[2001:db8::7]:8443";
	begin();
	struct peer p = peer_to(40000, elsewhere(443));
	peer_open(&p);
	goes_to(peer_fd(&p), "2001:db8::7", 8443);
	const struct sluice_event *e = find_event(SLUICE_EVENT_FLOW_OPENED);
	assert_string_equal(e->remote, BED_ELSEWHERE_V4 ":443");
	assert_string_equal(e->target, "[2001:db8::7]:8443");
	/* A datagram and its answer keep the names the guest has for them. */
	struct endpoint to = elsewhere(443);
	guest_udp(5000, &to, "x", 1);
	bed_settle(bed);
	goes_to(udp_fd(), "2001:db8::7", 8443);
	assert_true(vhost_send_dgram(bed->vhost, udp_fd(), NULL, "y", 1));
	struct bed_frame *f = expect(STRICT_UDP);
	assert_true(addr_eq(&f->is.ip.src, &to.addr));
	assert_int_equal(f->is.udp.sport, 443);
	free(f);
	answer.target = "192.0.2.77";
	ping(&to.addr);
	bed_settle(bed);
	goes_to(vhost_find(bed->vhost, HOST_PING, 0), "192.0.2.77", 0);
	end();
}

/* Nameservers go on taking turns, wherever their queries really go; each socket is asked about. */
static void
another_target_for_names(void **state)
{
	(void)state;
	conf.gateway.nameservers = (const char *const[]){"192.0.2.53", "192.0.2.54"};
	conf.gateway.nnameservers = 2;
	answer.target = "203.0.113.5:5300";
	begin();
	struct endpoint dns = {bed->gw->stack.cfg.net[FAMILY_V4].dns, 53}, refused = at("203.0.113.5", 5300);
	ask_name(&dns, 1);
	goes_to(udp_fd(), "203.0.113.5", 5300);
	assert_string_equal(last.target, "192.0.2.53:53");
	wait_for(USEC_PER_SEC);
	assert_int_equal(asked, 2);
	assert_string_equal(last.target, "192.0.2.54:53");
	wait_for(USEC_PER_SEC);
	assert_int_equal(asked, 3);
	assert_int_equal(last.protocol, IPPROTO_TCP);
	assert_string_equal(last.remote, "10.0.2.3:53");
	goes_to(vhost_find(bed->vhost, HOST_TCP, 0), "203.0.113.5", 5300);
	wait_for(3 * USEC_PER_SEC);
	free(expect(STRICT_UDP)); /* SERVFAIL */
	vhost_answer(bed->vhost, HOST_UDP, &refused, VHOST_REFUSE);
	asked = 0;
	ask_name(&dns, 2);
	assert_int_equal(asked, 2);
	free(expect(STRICT_UDP));
	end();
}

/* What is asked by TCP is asked through a proxy where the hook names one; datagrams cannot be. */
static void
names_through_a_proxy(void **state)
{
	uint8_t query[64];

	(void)state;
	conf.gateway.nameservers = (const char *const[]){"192.0.2.53"};
	conf.gateway.nnameservers = 1;
	conf.gateway.profiles = "all";
	answer.socks5 = PROXY;
	begin();
	/* By datagram: no way, and it is said. */
	struct endpoint dns = {bed->gw->stack.cfg.net[FAMILY_V4].dns, 53};
	ask_name(&dns, 1);
	free(expect(STRICT_UDP));
	assert_int_equal(counted(GW_HOOK_BAD), 1);
	/* By TCP, of a nameserver the guest chose. */
	struct peer p = peer_to(40000, elsewhere(53));
	peer_open(&p);
	peer_send(&p, TCP_ACK | TCP_PSH, "\0\33\0\2\1\0\0\1\0\0\0\0\0\0\1n\7example\0\0\1\0\1", 29);
	bed_settle(bed);
	bed_drop(bed);
	int fd = vhost_find(bed->vhost, HOST_TCP, 0);
	goes_to(fd, "203.0.113.1", 1080);
	assert_int_equal(vhost_recv(bed->vhost, fd, query, sizeof(query)), 3);
	vhost_send(bed->vhost, fd, "\5\0", 2);
	bed_settle(bed);
	assert_int_equal(vhost_recv(bed->vhost, fd, query, sizeof(query)), 10);
	assert_memory_equal(query + 4, "\306\63\144\11\0\65", 6); /* 198.51.100.9:53 */
	vhost_send(bed->vhost, fd, "\5\0\0\1\0\0\0\0\0\0", 10);
	bed_settle(bed);
	size_t n = vhost_recv(bed->vhost, fd, query, sizeof(query));
	assert_true(n > 2 + 27);
	query[4] |= 0x80;
	vhost_send(bed->vhost, fd, query, n);
	struct bed_frame *f = expect(STRICT_TCP);
	assert_int_equal(f->is.payload.len, 29);
	assert_int_equal(f->is.payload.p[5] & 15, 0);
	free(f);
	end();
}

/* A hook that says no to a nameserver is no way around it. */
static void
no_way_to_a_nameserver(void **state)
{
	(void)state;
	conf.gateway.nameservers = (const char *const[]){"192.0.2.53"};
	conf.gateway.nnameservers = 1;
	verdict = verdict_after = EACCES;
	begin();
	struct endpoint dns = {bed->gw->stack.cfg.net[FAMILY_V4].dns, 53};
	ask_name(&dns, 1);
	struct bed_frame *f = expect(STRICT_UDP);
	assert_int_equal(f->is.payload.p[3] & 15, 2); /* SERVFAIL */
	free(f);
	assert_int_equal(udp_fd(), -1);
	end();
}

static void
mark_device_and_address(void **state)
{
	(void)state;
	answer = (struct sluice_route){.mark = 77, .device = "wg0", .bind = "192.0.2.200"};
	begin();
	struct peer p = peer_to(40000, elsewhere(80));
	struct endpoint local, to = elsewhere(9), source = at("192.0.2.200", 0);
	peer_open(&p);
	guest_udp(5000, &to, "x", 1);
	ping(&to.addr);
	bed_settle(bed);
	const int fds[] = {peer_fd(&p), udp_fd(), vhost_find(bed->vhost, HOST_PING, 0)};
	for (size_t i = 0; i < 3; i++) {
		const struct host_socket_opts *o = vhost_opts(bed->vhost, fds[i]);

		assert_non_null(o);
		assert_int_equal(o->mark, 77);
		assert_string_equal(o->device, "wg0");
		assert_true(vhost_local(bed->vhost, fds[i], &local));
		assert_true(addr_eq(&local.addr, &source.addr));
	}
	end();
}

static void
a_way_out_that_cannot_be_had(void **state)
{
	static const struct {
		int error;
		int code;
	} no[] = {{EPERM, 13}, {ENODEV, 1}, {EADDRNOTAVAIL, 1}};

	(void)state;
	answer = (struct sluice_route){.mark = 77, .device = "wg0", .bind = "192.0.2.200"};
	begin();
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		struct peer p = peer_to((uint16_t)(40000 + i), elsewhere(80));

		vhost_fail(bed->vhost, "socket", 1, no[i].error);
		peer_send(&p, TCP_SYN, NULL, 0);
		expect_error(ICMP4_UNREACHABLE, (uint8_t)no[i].code, 0, NULL);
		flow_ended(REFUSED, SLUICE_REASON_HOOK);
		assert_non_null(strstr(last_log, "mark 77, device 'wg0', bind '192.0.2.200'"));
		assert_non_null(strstr(last_log, strerror(no[i].error)));
		wait_for(2 * USEC_PER_SEC);
		bed_drop(bed);
	}
	/* Our own shortage is no word of the hook's. */
	struct peer p = peer_to(40009, elsewhere(80));
	vhost_fail(bed->vhost, "socket", 1, EMFILE);
	peer_send(&p, TCP_SYN, NULL, 0);
	expect_silence();
	flow_ended(REFUSED, SLUICE_REASON_FULL);
	end();
}

/* --- answers of no use ---------------------------------------------------------------------------------------------------- */

static void
of_no_use(const char *named)
{
	uint64_t before = counted(GW_HOOK_BAD);
	static uint16_t port = 41000;
	struct peer p = peer_to(port++, elsewhere(80));

	last_log[0] = '\0';
	peer_send(&p, TCP_SYN, NULL, 0);
	expect_error(ICMP4_UNREACHABLE, 13, 0, NULL);
	expect_silence();
	flow_ended(REFUSED, SLUICE_REASON_HOOK);
	assert_int_equal(counted(GW_HOOK_BAD), before + 1);
	if (!strstr(last_log, named))
		print_error("no '%s' in '%s'\n", named, last_log);
	assert_non_null(strstr(last_log, named));
	assert_int_equal(open_flows(FLOW_TCP), 0);
	wait_for(2 * USEC_PER_SEC);
	bed_drop(bed);
}

static void
texts_that_are_none(void **state)
{
	static const char *const bad[] = {"",
					  "10.0.0.1",
					  "10.0.0.1:",
					  "10.0.0.1:0",
					  "10.0.0.1:65536",
					  "10.0.0:80",
					  "[::1]",
					  "[::1:80",
					  "::1",
					  "host:80",
					  "[::1]80",
					  "10.0.0.1:8 0",
					  "0.0.0.0:80",
					  "[::]:80",
					  "224.0.0.1:80",
					  "[ff02::1]:80",
					  "255.255.255.255:80",
					  "[::ffff:10.0.0.1]:80",
					  "[10.0.0.1]:80",
					  "10.0.0.1:80:80",
					  "[::1]:99999999999999999999"};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		answer = (struct sluice_route){.target = bad[i]};
		of_no_use("target");
		answer = (struct sluice_route){.socks5 = bad[i]};
		of_no_use("socks5");
	}
	answer = (struct sluice_route){.bind = "10.0.0.1:0"};
	of_no_use("bind");
	answer = (struct sluice_route){.bind = "::1"};
	of_no_use("family");
	answer = (struct sluice_route){.bind = "10.0.0.1", .socks5 = "[2001:db8::1]:1080"};
	of_no_use("family");
	answer = (struct sluice_route){.device = ""};
	of_no_use("device");
	answer = (struct sluice_route){.device = "sixteen-bytes-it"};
	of_no_use("device");
	answer = (struct sluice_route){.mark = 0};
	verdict = verdict_after = -EACCES;
	of_no_use("negative");
	end();
}

static void
what_a_proxy_cannot_carry(void **state)
{
	(void)state;
	answer.socks5 = PROXY;
	begin();
	struct endpoint to = elsewhere(9);
	guest_udp(5000, &to, "x", 1);
	expect_error(ICMP4_UNREACHABLE, 13, 0, NULL);
	flow_ended(REFUSED, SLUICE_REASON_HOOK);
	assert_non_null(strstr(last_log, "cannot carry datagrams"));
	ping(&to.addr);
	expect_error(ICMP4_UNREACHABLE, 13, 0, NULL);
	flow_ended(REFUSED, SLUICE_REASON_HOOK);
	/* Nor does another family answer a ping. */
	answer = (struct sluice_route){.target = "[2001:db8::1]:0"};
	ping(&to.addr);
	expect_error(ICMP4_UNREACHABLE, 13, 0, NULL);
	end();
}

/* --- endpoint-independent mappings ------------------------------------------------------------------------------------------ */

static void
a_mapping_is_asked_about_at_each_new_end(void **state)
{
	(void)state;
	conf.gateway.udp_endpoint_independent = true;
	answer = (struct sluice_route){.mark = 5};
	begin();
	struct endpoint a = elsewhere(9), b = elsewhere(10);
	size_t len;

	guest_udp(5000, &a, "a", 1);
	guest_udp(5000, &a, "a", 1);
	bed_settle(bed);
	assert_int_equal(asked, 1);
	assert_string_equal(last.remote, BED_ELSEWHERE_V4 ":9");
	assert_int_equal(vhost_opts(bed->vhost, udp_fd())->mark, 5);
	verdict_after = EACCES;
	guest_udp(5000, &b, "b", 1);
	expect_error(ICMP4_UNREACHABLE, 13, 0, NULL);
	assert_int_equal(asked, 2);
	const struct sluice_event *e = flow_ended(REFUSED, SLUICE_REASON_HOOK);
	assert_string_equal(e->remote, BED_ELSEWHERE_V4 ":10");
	assert_int_equal(open_flows(FLOW_UDP), 1);
	/* The mapping lives, and its first end with it. */
	guest_udp(5000, &a, "a", 1);
	expect_silence();
	assert_int_equal(asked, 2);
	for (int i = 0; i < 3; i++) {
		assert_true(vhost_recv_dgram(bed->vhost, udp_fd(), buf, sizeof(buf), &len, NULL));
		assert_int_equal(buf[0], 'a');
	}
	assert_false(vhost_recv_dgram(bed->vhost, udp_fd(), buf, sizeof(buf), &len, NULL));
	wait_for(200 * USEC_PER_SEC);
	bed_drop(bed);
	flow_ended(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_TIMED_OUT);
	/* Elsewhere is not where a mapping can be sent. */
	verdict = verdict_after = 0;
	answer = (struct sluice_route){.target = "192.0.2.1:1"};
	guest_udp(5000, &a, "a", 1);
	expect_error(ICMP4_UNREACHABLE, 13, 0, NULL);
	end();
}

/* --- SOCKS 5 ----------------------------------------------------------------------------------------------------------------- */

static struct peer
syn(uint16_t sport, struct endpoint to)
{
	struct peer p = peer_to(sport, to);

	peer_send(&p, TCP_SYN, NULL, 0);
	bed_settle(bed);
	return p;
}

static void
proxy_got(int fd, const void *want, size_t len)
{
	uint8_t got[64];

	assert_int_equal(vhost_recv(bed->vhost, fd, got, sizeof(got)), len);
	assert_memory_equal(got, want, len);
}

static void
proxy_says(int fd, const void *bytes, size_t len)
{
	assert_int_equal(vhost_send(bed->vhost, fd, bytes, len), len);
	bed_settle(bed);
}

static void
through_a_proxy(void **state)
{
	static const uint8_t request[] = {5, 1, 0, 1, 198, 51, 100, 9, 1, 0xbb};
	static const uint8_t reply[] = "\5\0\0\1\1\2\3\4\5\6HTTP";

	(void)state;
	answer.socks5 = PROXY;
	begin();
	struct peer p = syn(40000, elsewhere(443));
	int fd = peer_fd(&p);
	goes_to(fd, "203.0.113.1", 1080);
	proxy_got(fd, "\5\1\0", 3);
	expect_silence();
	next_event(SLUICE_EVENT_GUEST_UP);
	proxy_says(fd, "\5", 1);
	proxy_says(fd, "\0", 1);
	proxy_got(fd, request, sizeof(request));
	expect_silence();
	no_more_events();
	/* Up to the last byte of the reply the SYN is held; what follows it is the connection's. */
	proxy_says(fd, reply, 9);
	expect_silence();
	proxy_says(fd, reply + 9, sizeof(reply) - 1 - 9);
	peer_wants(&p, TCP_SYN | TCP_ACK);
	peer_send(&p, TCP_ACK, NULL, 0);
	struct bed_frame *f = peer_expect(&p, TCP_ACK);
	assert_int_equal(f->is.payload.len, 4);
	assert_memory_equal(f->is.payload.p, "HTTP", 4);
	free(f);
	const struct sluice_event *e = find_event(SLUICE_EVENT_FLOW_OPENED);
	assert_string_equal(e->target, BED_ELSEWHERE_V4 ":443");
	/* And the bytes of both ways. */
	peer_send(&p, TCP_ACK | TCP_PSH, "GET", 3);
	bed_settle(bed);
	bed_drop(bed);
	proxy_got(fd, "GET", 3);
	vhost_send_eof(bed->vhost, fd);
	peer_wants(&p, TCP_ACK | TCP_FIN);
	peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
	bed_settle(bed);
	bed_drop(bed);
	e = flow_ended(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_DONE);
	assert_int_equal(e->bytes_to_host, 3);
	assert_int_equal(e->bytes_to_guest, 4);
	end();
}

static void
through_a_proxy_to_another_target(void **state)
{
	static const uint8_t request[] = {5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0,
					  0, 0, 0, 0, 0,    0, 0,   0,    7, 0, 80};

	(void)state;
	answer = (struct sluice_route){.socks5 = "[2001:db8::1080]:1080", .target = "[2001:db8::7]:80"};
	begin();
	vhost_default(bed->vhost, VHOST_ACCEPT_LATER);
	struct peer p = syn(40000, elsewhere(443));
	int fd = peer_fd(&p);
	goes_to(fd, "2001:db8::1080", 1080);
	vhost_settle(bed->vhost, fd, 0);
	bed_settle(bed);
	proxy_says(fd, "\5\0", 2);
	uint8_t got[64];
	assert_int_equal(vhost_recv(bed->vhost, fd, got, sizeof(got)), 3 + sizeof(request));
	assert_memory_equal(got + 3, request, sizeof(request));
	/* Reply, bytes and the end of file, all there before the gateway looks: nothing of it is lost. */
	vhost_send(bed->vhost, fd, "\5\0\0\3\1x\0\1bye", 11);
	vhost_send_eof(bed->vhost, fd);
	bed_settle(bed);
	peer_wants(&p, TCP_SYN | TCP_ACK);
	peer_send(&p, TCP_ACK, NULL, 0);
	struct bed_frame *f = peer_expect(&p, TCP_ACK | TCP_FIN);
	assert_memory_equal(f->is.payload.p, "bye", 3);
	free(f);
	end();
}

static void
a_proxy_says_no(void **state)
{
	static const int code[] = {
	    [1] = 1, [2] = 13, [3] = 0, [4] = 1, [5] = -1, [6] = -2, [7] = 13, [8] = 0, [9] = 1};

	(void)state;
	answer.socks5 = PROXY;
	begin();
	for (uint8_t rep = 1; rep < 10; rep++) {
		struct peer p = syn((uint16_t)(40000 + rep), elsewhere(443));
		int fd = peer_fd(&p);

		proxy_says(fd, "\5\0", 2);
		vhost_send(bed->vhost, fd, (const uint8_t[]){5, rep, 0, 1}, 4);
		if (code[rep] == -1)
			peer_wants(&(struct peer){.t = p.t, .ack = 0}, TCP_RST | TCP_ACK);
		else if (code[rep] >= 0)
			expect_error(ICMP4_UNREACHABLE, (uint8_t)code[rep], 0, NULL);
		expect_silence();
		const struct sluice_event *e = flow_ended(REFUSED, SLUICE_REASON_PROXY);
		assert_string_not_equal(e->text, sluice_reason_name(SLUICE_REASON_PROXY));
		assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	}
	assert_int_equal(asked, 9);
	end();
}

static void
a_proxy_speaks_nonsense(void **state)
{
	(void)state;
	answer.socks5 = PROXY;
	begin();
	struct peer p = syn(40000, elsewhere(443));
	proxy_says(peer_fd(&p), "HTTP/1.0 400 Bad Request", 24);
	expect_error(ICMP4_UNREACHABLE, 1, 0, NULL);
	flow_ended(REFUSED, SLUICE_REASON_PROXY);
	/* It closes in the middle. */
	p = syn(40001, elsewhere(443));
	proxy_says(peer_fd(&p), "\5\0\5\0", 4);
	vhost_send_eof(bed->vhost, peer_fd(&p));
	expect_error(ICMP4_UNREACHABLE, 1, 0, NULL);
	flow_ended(REFUSED, SLUICE_REASON_PROXY);
	/* It resets. */
	p = syn(40002, elsewhere(443));
	vhost_reset(bed->vhost, peer_fd(&p));
	expect_error(ICMP4_UNREACHABLE, 1, 0, NULL);
	flow_ended(REFUSED, SLUICE_REASON_PROXY);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	end();
}

static void
a_proxy_that_is_not_there(void **state)
{
	static const struct {
		int error;
		int code;
		enum sluice_reason reason;
	} no[] = {{ECONNREFUSED, 1, SLUICE_REASON_PROXY},
		  {ENETUNREACH, 0, SLUICE_REASON_PROXY},
		  {ETIMEDOUT, -2, SLUICE_REASON_PROXY},
		  {EADDRNOTAVAIL, -2, SLUICE_REASON_FULL}};

	(void)state;
	answer.socks5 = PROXY;
	begin();
	vhost_default(bed->vhost, VHOST_ACCEPT_LATER);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		/* Not even where the target may be in two places: there is one proxy. */
		struct peer p = syn((uint16_t)(40000 + i), (struct endpoint){bed->gateway[FAMILY_V4], 80});

		vhost_settle(bed->vhost, peer_fd(&p), no[i].error);
		if (no[i].code >= 0)
			expect_error(ICMP4_UNREACHABLE, (uint8_t)no[i].code, 0, NULL);
		expect_silence();
		flow_ended(REFUSED, no[i].reason);
	}
	assert_int_equal(asked, 4);
	end();
}

static void
a_proxy_that_says_nothing(void **state)
{
	(void)state;
	answer.socks5 = PROXY;
	begin();
	struct peer p = syn(40000, elsewhere(443));
	int fd = peer_fd(&p);

	wait_for(120 * USEC_PER_SEC);
	bed_drop(bed);
	assert_int_equal(open_flows(FLOW_TCP), 1);
	p.seq--;
	peer_send(&p, TCP_SYN, NULL, 0); /* the guest tries again */
	wait_for(10 * USEC_PER_SEC);
	bed_drop(bed);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	assert_int_equal(counted(GW_TCP_TIMED_OUT), 1);
	flow_ended(REFUSED, SLUICE_REASON_PROXY);
	end();
}

static void
a_guest_gives_up_on_a_proxy(void **state)
{
	(void)state;
	answer.socks5 = PROXY;
	begin();
	struct peer p = syn(40000, elsewhere(443));
	int fd = peer_fd(&p);
	proxy_says(fd, "\5\0", 2);
	peer_send(&p, TCP_RST, NULL, 0);
	bed_settle(bed);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	flow_ended(REFUSED, SLUICE_REASON_GUEST_RESET);
	end();
}

/* A full socket, and every other call of the dialogue, fail once: it goes on, or ends the one flow. */
static void
each_call_of_a_dialogue_fails(void **state)
{
	static const struct {
		const char *op;
		int error;
	} f[] = {{"writev", EAGAIN},       {"writev", EPIPE},         {"writev", ECONNRESET},
		 {"readv", EAGAIN},        {"readv", ECONNRESET},     {"readv", ETIMEDOUT},
		 {"connect", ENETUNREACH}, {"connect", ECONNREFUSED}, {"arm", ENOSPC},
		 {"socket", EMFILE},       {"socket", EPERM}};

	(void)state;
	answer.socks5 = PROXY;
	answer.mark = 3;
	for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++) {
		for (int nth = 1; nth <= 8; nth++) {
			listen_events();
			begin();
			vhost_fail(bed->vhost, f[i].op, nth, f[i].error);
			struct peer p = syn(40000, elsewhere(443));
			int fd = peer_flow(&p) ? peer_fd(&p) : -1;

			if (fd >= 0)
				vhost_send(bed->vhost, fd, "\5\0\5\0\0\1\1\2\3\4\5\6", 12);
			bed_settle(bed);
			bed_drop(bed);
			assert_int_equal(bed->gw->files, vhost_open_count(bed->vhost));
			if (peer_flow(&p)) {
				find_event(SLUICE_EVENT_FLOW_OPENED);
			} else {
				assert_int_not_equal(f[i].error, EAGAIN);
				find_event(REFUSED);
			}
			end();
		}
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_hook)
	const struct CMUnitTest tests[] = {
	    TEST(each_kind_of_flow_is_asked_about),
	    TEST(each_attempt_is_asked_about),
	    TEST(a_published_port_is_not_asked_about),
	    TEST(a_no_is_told_as_the_host_would_have),
	    TEST(a_ping_is_refused),
	    TEST(a_no_is_the_last_word),
	    TEST(another_target),
	    TEST(another_target_for_names),
	    TEST(no_way_to_a_nameserver),
	    TEST(names_through_a_proxy),
	    TEST(mark_device_and_address),
	    TEST(a_way_out_that_cannot_be_had),
	    TEST(texts_that_are_none),
	    TEST(what_a_proxy_cannot_carry),
	    TEST(a_mapping_is_asked_about_at_each_new_end),
	    TEST(through_a_proxy),
	    TEST(through_a_proxy_to_another_target),
	    TEST(a_proxy_says_no),
	    TEST(a_proxy_speaks_nonsense),
	    TEST(a_proxy_that_is_not_there),
	    TEST(a_proxy_that_says_nothing),
	    TEST(a_guest_gives_up_on_a_proxy),
	    TEST(each_call_of_a_dialogue_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
