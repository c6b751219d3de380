/*
 * gateway_fault_test.c - every call to the host fails once, with every errno it may have (row G6)
 *
 * One scenario has everything a gateway does: connections that the guest opens, that have to be tried twice, that
 * are refused and that are reset, published ports, datagrams, names, pings and errors.  It is run again and again;
 * each time the n-th call of one operation fails, until n is beyond the last.  Each time
 *
 *	the gateway lives, rests, and sends nothing malformed
 *	at most one of the lines is the worse for it: the others have all their bytes
 *	bytes that came, also on that one, are those that were sent, in order
 *	in the end every descriptor, place and block is back, and the next line is served
 */
#include "test/unit/gateway_kit.h"

#include <errno.h>

#include "link/vhost_int.h"
#include "test/unit/far_dgram_kit.h"

#define TEXT 600u /* bytes each way on a TCP line */

enum line_id {
	WITNESS, /* open before anything fails */
	DIRECT,
	LATER,   /* the host's connect takes a while */
	SECOND,  /* the gateway's address: refused on one loopback, there on the other */
	REFUSED, /* ... refused on both */
	DENIED,  /* refused, but after a while */
	CUT,     /* reset by the host in the end */
	INBOUND, /* a client of a published port */
	TCP_LINES,
};

struct line {
	struct peer p;
	bool open, ended, reset; /* as the guest sees it */
	size_t guest_got, host_got;
	bool bad; /* bytes that nobody sent */
};

static struct line line[TCP_LINES];
static const struct sluice_publish ports[2] = {
    {.bind = "127.0.0.1", .host_first = 8080, .host_last = 8080, .guest_first = 80},
    {.bind = "127.0.0.1", .host_first = 8081, .host_last = 8081, .guest_first = 81, .udp = true},
};
/* What datagrams came through: each line of them is one question and one answer. */
static bool udp_answered, dns_answered, ping_answered, inbound_answered;

static uint8_t
text_byte(size_t line_no, size_t n)
{
	return (uint8_t)(line_no * 31 + n * 7 + n / 256);
}

/* --- guest and host, who make the best of what happens -------------------------------------------------------------- */

static void
guest_hears_tcp(struct bed_frame *f)
{
	for (size_t i = 0; i < TCP_LINES; i++) {
		struct line *l = &line[i];
		const struct tcp_hdr *h = &f->is.tcp;
		size_t fresh_bytes = 0;

		if (h->dport != l->p.t.guest.port || !addr_eq(&f->is.ip.src, &l->p.t.remote.addr))
			continue;
		if (i == INBOUND && (h->flags & TCP_SYN))
			l->p.t.remote.port = h->sport;
		if (h->flags & TCP_RST)
			l->reset = true;
		if (l->reset)
			return;
		if (h->flags & TCP_SYN) {
			bool first = !l->open;

			l->open = true;
			l->p.ack = h->seq + 1;
			if (i == INBOUND && first)
				peer_send(&l->p, TCP_SYN | TCP_ACK, NULL, 0);
			else
				peer_send(&l->p, TCP_ACK, NULL, 0);
			return;
		}
		if (h->seq == l->p.ack)
			fresh_bytes = f->is.payload.len;
		for (size_t n = 0; n < fresh_bytes; n++)
			l->bad |= f->is.payload.p[n] != text_byte(i, l->guest_got++);
		l->p.ack += (uint32_t)fresh_bytes;
		if ((h->flags & TCP_FIN) && h->seq + f->is.payload.len == l->p.ack) {
			l->p.ack++;
			l->ended = true;
		}
		if (f->is.payload.len || (h->flags & TCP_FIN))
			peer_send(&l->p, TCP_ACK, NULL, 0);
		return;
	}
}

static void
guest_hears_udp(const struct bed_frame *f)
{
	udp_answered |= f->is.udp.dport == 5000 && f->is.payload.len == 6;
	dns_answered |= f->is.udp.dport == 5001 && (f->is.payload.p[3] & 15) == 0;
	if (f->is.udp.dport == 81) {
		struct endpoint back = {f->is.ip.src, f->is.udp.sport};

		guest_udp(81, &back, "inside", 6);
	}
}

static void
guest_hears(void)
{
	for (struct bed_frame *f; (f = bed_pop(bed)); free(f)) {
		if (f->is.kind == STRICT_TCP)
			guest_hears_tcp(f);
		else if (f->is.kind == STRICT_UDP)
			guest_hears_udp(f);
		else if (f->is.kind == STRICT_ICMP)
			ping_answered |= f->is.icmp.type == ICMP4_ECHO_REPLY && f->is.payload.len == 4;
	}
}

/* Each socket of a line reads all it can, and is checked. */
static void
host_hears(void)
{
	uint8_t got[TEXT];

	for (size_t i = 0; i < TCP_LINES; i++) {
		struct tcp_flow *tf = bed_tcp(bed, &line[i].p.t);
		size_t n = tf ? vhost_recv(bed->vhost, tf->flow.fd, got, sizeof(got)) : 0;

		for (size_t k = 0; k < n; k++)
			line[i].bad |= got[k] != text_byte(i, line[i].host_got++);
	}
}

/* Until neither has more to say; then a second, in which idle connections are put to rest. */
static void
all_settle(void)
{
	for (int i = 0; i < 6; i++) {
		bed_settle(bed);
		assert_int_equal(bed->gw->files, vhost_open_count(bed->vhost));
		host_hears();
		guest_hears();
	}
	wait_for(USEC_PER_SEC + 1);
	guest_hears();
	bed_settle(bed);
}

static int
fd_of(enum line_id i)
{
	struct tcp_flow *tf = bed_tcp(bed, &line[i].p.t);

	return tf ? tf->flow.fd : -1;
}

/* --- the scenario --------------------------------------------------------------------------------------------------- */

static void
set_the_stage(void)
{
	struct endpoint later = {bed_elsewhere(FAMILY_V6), 90}, denied = {bed_elsewhere(FAMILY_V6), 91},
			refused = at("127.0.0.1", 81);

	vhost_answer(bed->vhost, HOST_TCP, &later, VHOST_ACCEPT_LATER);
	vhost_answer(bed->vhost, HOST_TCP, &denied, VHOST_ACCEPT_LATER);
	vhost_answer(bed->vhost, HOST_TCP, &refused, VHOST_REFUSE);
	refused.port = 82;
	vhost_answer(bed->vhost, HOST_TCP, &refused, VHOST_REFUSE);
	refused.addr = addr_of("::1");
	vhost_answer(bed->vhost, HOST_TCP, &refused, VHOST_REFUSE);
	vhost_put_file(bed->vhost, "/etc/resolv.conf", "nameserver 192.0.2.53\n", 22);

	memset(line, 0, sizeof(line));
	udp_answered = dns_answered = ping_answered = inbound_answered = false;
	const struct endpoint to[TCP_LINES] = {
	    [WITNESS] = {bed_elsewhere(FAMILY_V4), 7},
	    [DIRECT] = {bed_elsewhere(FAMILY_V4), 80},
	    [LATER] = later,
	    [SECOND] = {bed->gateway[FAMILY_V4], 81},
	    [REFUSED] = {bed->gateway[FAMILY_V4], 82},
	    [CUT] = {bed_elsewhere(FAMILY_V6), 80},
	    [DENIED] = denied,
	    [INBOUND] = {bed->gateway[FAMILY_V4], 0},
	};
	for (size_t i = 0; i < TCP_LINES; i++)
		line[i].p = peer_to(i == INBOUND ? 80 : (uint16_t)(3000 + i), to[i]);
}

/* A guest tries again after a second. */
static void
lines_open(void)
{
	struct endpoint published = at("127.0.0.1", 8080), client = at("127.0.0.1", 40000);

	assert_true(vhost_client(bed->vhost, &published, &client));
	for (int tries = 0; tries < 2; tries++) {
		for (size_t i = WITNESS; i < INBOUND; i++) {
			if (line[i].open || line[i].reset)
				continue;
			line[i].p.seq = (uint32_t)(1000 * i);
			peer_send(&line[i].p, TCP_SYN, NULL, 0);
		}
		bed_settle(bed);
		if (fd_of(LATER) >= 0 && !line[LATER].open)
			vhost_settle(bed->vhost, fd_of(LATER), 0);
		if (fd_of(DENIED) >= 0)
			vhost_settle(bed->vhost, fd_of(DENIED), ECONNREFUSED);
		all_settle();
	}
}

static void
lines_talk(void)
{
	uint8_t text[TEXT];

	for (size_t half = 0; half < 2; half++) {
		size_t from = half * TEXT / 2;

		for (size_t i = 0; i < TCP_LINES; i++) {
			for (size_t n = 0; n < TEXT / 2; n++)
				text[n] = text_byte(i, from + n);
			if (!line[i].open || line[i].reset)
				continue;
			peer_send(&line[i].p, TCP_ACK | TCP_PSH, text, TEXT / 2);
			if (fd_of((enum line_id)i) >= 0)
				vhost_send(bed->vhost, fd_of((enum line_id)i), text, TEXT / 2);
		}
		all_settle();
	}
}

/* Half of them the guest ends first, the other half the host; one is reset after the host's end of file. */
static void
lines_end(void)
{
	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < TCP_LINES; i++) {
			int fd = fd_of((enum line_id)i);

			if (!line[i].open || line[i].reset)
				continue;
			if (i == CUT && turn == 1 && fd >= 0)
				vhost_reset(bed->vhost, fd);
			else if (i % 2 == (size_t)turn && i != CUT)
				peer_send(&line[i].p, TCP_FIN | TCP_ACK, NULL, 0);
			else if (fd >= 0)
				vhost_send_eof(bed->vhost, fd);
		}
		all_settle();
	}
}

static void
answer(int fd, const char *data, size_t len)
{
	size_t n;

	if (fd >= 0 && vhost_recv_dgram(bed->vhost, fd, buf, sizeof(buf), &n, NULL))
		vhost_send_dgram(bed->vhost, fd, NULL, data, len);
}

/* That there is no such address. */
static void
answer_name(int fd)
{
	size_t n;

	if (fd < 0 || !vhost_recv_dgram(bed->vhost, fd, buf, sizeof(buf), &n, NULL))
		return;
	buf[2] |= 0x80;
	vhost_send_dgram(bed->vhost, fd, NULL, buf, n);
}

static void
questions(void)
{
	struct endpoint to = {bed_elsewhere(FAMILY_V4), 7000},
			dns = {bed->gw->stack.cfg.net[FAMILY_V4].dns, 53};
	struct endpoint client = at("127.0.0.1", 40001), asked;
	struct icmp echo = {.type = ICMP4_ECHO_REQUEST, .rest = 0x00050001};
	struct craft c = bed_craft(bed, &to.addr);
	size_t n;

	c.tos = 0x10;
	bed_push(bed, buf, craft_udp(buf, &c, 5000, to.port, view_of("question", 8)));
	guest_udp(5001, &dns, "\0\1\1\0\0\1\0\0\0\0\0\0\1n\7example\0\0\1\0\1", 27);
	bed_push(bed, buf, craft_icmp(buf, &c, &echo, view_of("ping", 4)));
	int in = bed->gw->listener[1].fd;
	assert_true(vhost_send_dgram(bed->vhost, in, &client, "outside", 7));
	all_settle();
	answer(dgram_to(HOST_UDP, 7000), "answer", 6);
	answer_name(dgram_to(HOST_UDP, 53));
	answer(vhost_find(bed->vhost, HOST_PING, 0), "\0\0\0\0\0\0\0\1ping", 12);
	all_settle();
	inbound_answered |= vhost_recv_dgram(bed->vhost, in, buf, sizeof(buf), &n, &asked) && n == 6;
}

/* --- what must hold ------------------------------------------------------------------------------------------------- */

static int
lines_hurt(void)
{
	int hurt = !udp_answered + !dns_answered + !ping_answered + !inbound_answered;

	for (size_t i = 0; i < TCP_LINES; i++) {
		const struct line *l = &line[i];

		assert_false(l->bad);
		assert_true(l->guest_got <= TEXT && l->host_got <= TEXT);
		if (i == REFUSED || i == DENIED)
			hurt += !l->reset;
		else
			hurt +=
			    l->guest_got != TEXT || l->host_got != TEXT || (i == CUT ? !l->reset : !l->ended);
	}
	return hurt;
}

/* The guest forgets all its connections; what is left of datagrams ages away. */
static void
all_is_given_back(size_t before)
{
	for (size_t i = 0; i < TCP_LINES; i++)
		peer_send(&line[i].p, TCP_RST, NULL, 0);
	for (int minute = 0; minute < 10; minute++) {
		wait_for(60 * USEC_PER_SEC);
		bed_drop(bed);
	}
	assert_int_equal(open_flows(FLOW_TCP) + open_flows(FLOW_UDP) + open_flows(FLOW_PING), 0);
	/* The spare descriptor may be what could not be had again. */
	assert_int_equal(vhost_open_count(bed->vhost), before - (bed->gw->spare_fd < 0));
	assert_int_equal(bed->gw->files, vhost_open_count(bed->vhost));
	assert_int_equal(bed->gw->pool.used, 0);
}

static void
next_one_is_served(void)
{
	struct peer p = peer_to(4000, (struct endpoint){bed_elsewhere(FAMILY_V4), 22});
	struct endpoint to = {bed_elsewhere(FAMILY_V6), 9};
	char got[8];

	peer_open(&p);
	peer_send(&p, TCP_ACK | TCP_PSH, "new", 3);
	guest_udp(4000, &to, "new", 3);
	bed_settle(bed);
	assert_int_equal(vhost_recv(bed->vhost, peer_fd(&p), got, sizeof(got)), 3);
	assert_true(dgram_to(HOST_UDP, 9) >= 0);
}

/* False: the scenario has fewer than nth calls of this operation. */
static bool
run_with(const char *op, int nth, int error)
{
	conf.gateway.publish = ports;
	conf.gateway.npublish = 2;
	begin();
	struct vhost *v = vhost_of(vhost_host(bed->vhost));
	size_t before = vhost_open_count(bed->vhost);

	set_the_stage();
	peer_send(&line[WITNESS].p, TCP_SYN, NULL, 0);
	bed_settle(bed);
	guest_hears();
	bed_settle(bed);
	if (op)
		vhost_fail(bed->vhost, op, nth, error);
	lines_open();
	questions();
	lines_talk();
	network_says_no(7000);
	all_settle();
	lines_end();
	bool fired = op && v->nfailure == 0;
	v->nfailure = 0;
	int hurt = lines_hurt();
	if (hurt > (fired ? 1 : 0)) {
		print_error("%s, call %d, %s: %d lines are the worse for it\n", op ? op : "nothing", nth,
			    strerror(error), hurt);
		fail();
	}
	all_is_given_back(before);
	next_one_is_served();
	end();
	return fired;
}

#define ERRORS 10
struct failing {
	const char *op;
	int error[ERRORS];
};

static void
each_call_fails(const struct failing *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (int e = 0; e < ERRORS && f[i].error[e]; e++) {
			int nth = 1;

			while (run_with(f[i].op, nth, f[i].error[e]))
				assert_true(nth++ < 2000);
			/* An operation the scenario never gets to would prove nothing. */
			if (nth == 1)
				print_error("%s is never called\n", f[i].op);
			assert_true(nth > 1);
		}
	}
}

static void
G6_nothing_fails(void **state)
{
	(void)state;
	assert_false(run_with(NULL, 0, 0));
}

static void
G6_opening_fails(void **state)
{
	static const struct failing f[] = {
	    {"socket", {EMFILE, ENFILE, ENOMEM, ENOBUFS, EACCES, EPERM, EAFNOSUPPORT, EPROTONOSUPPORT}},
	    {"connect",
	     {ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EAGAIN, EACCES, EPERM, ETIMEDOUT,
	      ENOBUFS, EINVAL}},
	    {"connect_result", {ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH}},
	    {"accept", {EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EPROTO, EPERM}},
	    {"arm", {ENOMEM, ENOSPC}},
	    {"file_read", {ENOENT, EACCES, EMFILE, EIO}},
	};

	(void)state;
	each_call_fails(f, sizeof(f) / sizeof(f[0]));
}

static void
G6_moving_bytes_fails(void **state)
{
	static const struct failing f[] = {
	    {"readv", {EAGAIN, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENOMEM}},
	    {"writev", {EAGAIN, EPIPE, ECONNRESET, ETIMEDOUT, ENOBUFS, ENOMEM}},
	    {"recvmmsg", {EAGAIN, ECONNREFUSED, EHOSTUNREACH, ENOMEM}},
	    {"sendmmsg",
	     {EAGAIN, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE, ENOBUFS, ENOMEM, EPERM, EIO,
	      EINVAL}},
	};

	(void)state;
	each_call_fails(f, sizeof(f) / sizeof(f[0]));
}

static void
G6_asking_and_setting_fails(void **state)
{
	static const struct failing f[] = {
	    {"sockerr", {EAGAIN, ENOMEM}},  {"pending_error", {ECONNRESET, ENOBUFS}},
	    {"shutdown_write", {ENOTCONN}}, {"nodelay", {EINVAL}},
	    {"keepalive", {ENOBUFS}},       {"set_ttl", {EINVAL}},
	    {"set_tos", {EPERM}},
	};

	(void)state;
	each_call_fails(f, sizeof(f) / sizeof(f[0]));
}

static void
G6_readiness_fails(void **state)
{
	static const struct failing f[] = {{"events", {EINTR}}};

	(void)state;
	each_call_fails(f, sizeof(f) / sizeof(f[0]));
}

/* The kernel watches only so many descriptors (epoll(7), max_user_watches): a shortage of ours, never an answer. */
static void
G6_no_watch_left(void **state)
{
	struct peer p;
	struct endpoint to = {.port = 80};

	(void)state;
	begin();
	to.addr = bed_elsewhere(FAMILY_V4);
	p = peer_to(5000, to);
	vhost_fail(bed->vhost, "arm", 1, ENOSPC);
	peer_send(&p, TCP_SYN, NULL, 0);
	expect_silence();
	assert_int_equal(counted(GW_TCP_FULL), 1);
	vhost_fail(bed->vhost, "arm", 1, ENOSPC);
	guest_udp(5000, &to, "x", 1);
	expect_silence();
	assert_int_equal(counted(GW_UDP_FULL), 1);
	p.seq--;
	peer_open(&p);
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
	    TEST(G6_nothing_fails),      TEST(G6_opening_fails),
	    TEST(G6_moving_bytes_fails), TEST(G6_asking_and_setting_fails),
	    TEST(G6_readiness_fails),    TEST(G6_no_watch_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
