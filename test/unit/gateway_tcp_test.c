/*
 * gateway_tcp_test.c - connections through a whole gateway: how a dial ends, how the two sides end, what a
 * shortage does, and that every byte arrives
 */
#include "test/unit/gateway_kit.h"

#include <errno.h>

static struct endpoint
elsewhere(enum family fam, uint16_t port)
{
	return (struct endpoint){bed_elsewhere(fam), port};
}

static int
tcp_fd(int n)
{
	return vhost_find(bed->vhost, HOST_TCP, n);
}

static void
host_sends(int fd, const char *text)
{
	assert_int_equal(vhost_send(bed->vhost, fd, text, strlen(text)), strlen(text));
}

static void
host_got(int fd, const char *text)
{
	char got[256];
	size_t n = vhost_recv(bed->vhost, fd, got, sizeof(got));

	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
}

/* The next frame has these bytes for the guest. */
static void
guest_gets(struct peer *p, const char *text)
{
	struct bed_frame *f = peer_expect(p, TCP_ACK);

	assert_int_equal(f->is.payload.len, strlen(text));
	assert_memory_equal(f->is.payload.p, text, strlen(text));
	free(f);
}

static void
expect_refusal(struct peer *p)
{
	struct bed_frame *f = expect(STRICT_TCP);

	assert_int_equal(f->is.tcp.flags, TCP_RST | TCP_ACK);
	assert_int_equal(f->is.tcp.seq, 0);
	assert_int_equal(f->is.tcp.ack, p->seq);
	free(f);
	assert_null(peer_flow(p));
}

/* --- how a dial ends ------------------------------------------------------------------------------------------- */

static void
accepted_later(void **state)
{
	(void)state;
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		begin();
		vhost_default(bed->vhost, VHOST_ACCEPT_LATER);
		struct peer p = peer_to(40000, elsewhere(fam, 80));

		peer_send(&p, TCP_SYN, NULL, 0);
		expect_silence();
		/* A SYN again, any number of times, is the same attempt. */
		for (unsigned i = 0; i < 5; i++) {
			wait_for(USEC_PER_SEC << i);
			p.seq--;
			peer_send(&p, TCP_SYN, NULL, 0);
			expect_silence();
		}
		assert_int_equal(tcp_fd(1), -1);
		vhost_settle(bed->vhost, tcp_fd(0), 0);
		peer_wants(&p, TCP_SYN | TCP_ACK);
		peer_send(&p, TCP_ACK, "hello", 5);
		bed_settle(bed);
		host_got(tcp_fd(0), "hello");
		assert_int_equal(counted(GW_TCP_OPENED), 1);
		end();
	}
}

static void
refused(void **state)
{
	(void)state;
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		begin();
		struct peer p = peer_to(40000, elsewhere(fam, 80));

		vhost_default(bed->vhost, VHOST_REFUSE);
		peer_send(&p, TCP_SYN, NULL, 0);
		expect_refusal(&p);
		vhost_default(bed->vhost, VHOST_ACCEPT_LATER);
		p = peer_to(40001, elsewhere(fam, 80));
		peer_send(&p, TCP_SYN, NULL, 0);
		expect_silence();
		vhost_settle(bed->vhost, tcp_fd(0), ECONNREFUSED);
		expect_refusal(&p);
		assert_int_equal(counted(GW_TCP_REFUSED), 2);
		assert_int_equal(open_flows(FLOW_TCP), 0);
		end();
	}
}

static void
unreachable(void **state)
{
	static const struct {
		int error;
		uint8_t v4, v6; /* the ICMP code */
	} cases[] = {
	    {EHOSTUNREACH, 1, 3}, {ENETUNREACH, 0, 0}, {ENETDOWN, 0, 0}, {EACCES, 13, 1}, {EPERM, 13, 1},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		enum family fam = i % 2 ? FAMILY_V6 : FAMILY_V4;

		begin();
		vhost_default(bed->vhost, VHOST_ACCEPT_LATER);
		struct peer p = peer_to(40000, elsewhere(fam, 80));
		peer_send(&p, TCP_SYN, NULL, 0);
		expect_silence();
		vhost_settle(bed->vhost, tcp_fd(0), cases[i / 2].error);
		struct bed_frame *f = expect(STRICT_ICMP);
		assert_int_equal(f->is.icmp.type, fam == FAMILY_V4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE);
		assert_int_equal(f->is.icmp.code, fam == FAMILY_V4 ? cases[i / 2].v4 : cases[i / 2].v6);
		/* It quotes the SYN: ports and sequence number. */
		const uint8_t *q = f->is.payload.p + (fam == FAMILY_V4 ? IP4_HLEN : IP6_HLEN);
		assert_int_equal(q[0] << 8 | q[1], 40000);
		assert_int_equal((uint32_t)q[4] << 24 | (uint32_t)q[5] << 16 | (uint32_t)q[6] << 8 | q[7],
				 p.seq - 1);
		free(f);
		expect_silence();
		assert_int_equal(counted(GW_TCP_UNREACHABLE), 1);
		assert_int_equal(open_flows(FLOW_TCP), 0);
		end();
	}
}

static void
timed_out_is_silence(void **state)
{
	(void)state;
	begin();
	vhost_default(bed->vhost, VHOST_SILENT);
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	peer_send(&p, TCP_SYN, NULL, 0);
	wait_for(130 * USEC_PER_SEC);
	vhost_settle(bed->vhost, tcp_fd(0), ETIMEDOUT);
	expect_silence();
	assert_int_equal(counted(GW_TCP_TIMED_OUT), 1);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	end();
}

/* Our own shortage is nobody's refusal: the guest hears nothing and tries again. */
static void
shortage_is_silence(void **state)
{
	static const struct {
		const char *call;
		int error;
	} cases[] = {
	    {"socket", EMFILE},  {"socket", ENFILE},         {"socket", ENOMEM}, {"socket", ENOBUFS},
	    {"connect", EAGAIN}, {"connect", EADDRNOTAVAIL}, {"arm", ENOMEM},
	};
	uint64_t n = 0;

	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	for (; n < sizeof(cases) / sizeof(cases[0]); n++) {
		vhost_fail(bed->vhost, cases[n].call, 1, cases[n].error);
		p.seq = 5;
		peer_send(&p, TCP_SYN, NULL, 0);
		expect_silence();
		assert_int_equal(counted(GW_TCP_FULL), n + 1);
		assert_int_equal(open_flows(FLOW_TCP), 0);
	}
	/* The same to the host itself, where there would be another loopback to try. */
	struct peer q = peer_to(40001, (struct endpoint){bed->gateway[FAMILY_V4], 80});
	vhost_fail(bed->vhost, "socket", 1, EMFILE);
	peer_send(&q, TCP_SYN, NULL, 0);
	expect_silence();
	assert_int_equal(counted(GW_TCP_FULL), n + 1);
	p.seq = 5;
	peer_open(&p);
	end();
}

static void
the_host_itself(void **state)
{
	(void)state;
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		struct endpoint own = {addr_of(fam == FAMILY_V4 ? "127.0.0.1" : "::1"), 80}, is;
		struct endpoint other = {addr_of(fam == FAMILY_V4 ? "::1" : "127.0.0.1"), 80};

		begin();
		struct endpoint gateway = {bed->gateway[fam], 80};
		struct peer p = peer_to(40000, gateway);
		peer_open(&p);
		assert_true(vhost_peer(bed->vhost, tcp_fd(0), &is) && addr_eq(&is.addr, &own.addr));

		/* Refused there, at once or later: the other family's loopback. */
		vhost_answer(bed->vhost, HOST_TCP, &own, VHOST_REFUSE);
		p = peer_to(40001, gateway);
		peer_open(&p);
		assert_true(vhost_peer(bed->vhost, tcp_fd(1), &is) && addr_eq(&is.addr, &other.addr));
		vhost_answer(bed->vhost, HOST_TCP, &own, VHOST_ACCEPT_LATER);
		p = peer_to(40002, gateway);
		peer_send(&p, TCP_SYN, NULL, 0);
		expect_silence();
		vhost_settle(bed->vhost, tcp_fd(2), ECONNREFUSED);
		peer_wants(&p, TCP_SYN | TCP_ACK);

		/* Refused by both; and a host without the other family still refuses. */
		vhost_default(bed->vhost, VHOST_REFUSE);
		vhost_answer(bed->vhost, HOST_TCP, &own, VHOST_REFUSE);
		p = peer_to(40003, gateway);
		peer_send(&p, TCP_SYN, NULL, 0);
		expect_refusal(&p);
		vhost_fail(bed->vhost, "socket", 2, EAFNOSUPPORT);
		p = peer_to(40004, gateway);
		peer_send(&p, TCP_SYN, NULL, 0);
		expect_refusal(&p);
		end();
	}
}

static void
the_dns_address_has_no_other_ports(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, (struct endpoint){bed->gw->stack.cfg.net[FAMILY_V6].dns, 81});
	peer_send(&p, TCP_SYN, NULL, 0);
	expect_refusal(&p);
	end();
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static void
half_open_makes_room(void **state)
{
	struct peer p[4];

	(void)state;
	conf.gateway.max_tcp = 3;
	begin();
	p[0] = peer_to(40000, elsewhere(FAMILY_V4, 80));
	peer_open(&p[0]);
	vhost_default(bed->vhost, VHOST_SILENT);
	for (uint16_t i = 1; i < 3; i++) {
		p[i] = peer_to((uint16_t)(40000 + i), elsewhere(FAMILY_V4, 80));
		peer_send(&p[i], TCP_SYN, NULL, 0);
	}
	expect_silence();
	p[3] = peer_to(40003, elsewhere(FAMILY_V4, 80));
	peer_send(&p[3], TCP_SYN, NULL, 0);
	expect_silence();
	assert_int_equal(counted(GW_TCP_EVICTED), 1);
	assert_non_null(peer_flow(&p[0]));
	assert_null(peer_flow(&p[1])); /* the oldest of the half-open */
	assert_non_null(peer_flow(&p[2]));
	assert_non_null(peer_flow(&p[3]));
	end();
}

static void
established_never_goes(void **state)
{
	struct peer p[3];

	(void)state;
	conf.gateway.max_tcp = 2;
	begin();
	for (uint16_t i = 0; i < 2; i++) {
		p[i] = peer_to((uint16_t)(40000 + i), elsewhere(FAMILY_V4, 80));
		peer_open(&p[i]);
	}
	p[2] = peer_to(40002, elsewhere(FAMILY_V4, 80));
	for (unsigned i = 0; i < 10; i++) {
		p[2].seq = 9;
		peer_send(&p[2], TCP_SYN, NULL, 0);
		expect_silence();
	}
	assert_int_equal(counted(GW_TCP_FULL), 10);
	assert_int_equal(counted(GW_TCP_EVICTED), 0);
	assert_int_equal(logged, 1);
	for (unsigned i = 0; i < 2; i++) {
		peer_send(&p[i], TCP_ACK, "alive", 5);
		bed_settle(bed);
		host_got(peer_fd(&p[i]), "alive");
	}
	/* One goes, and the next SYN has its place. */
	bed_drop(bed);
	peer_send(&p[0], TCP_RST, NULL, 0);
	bed_settle(bed);
	p[2].seq = 9;
	peer_open(&p[2]);
	end();
}

/* --- memory --------------------------------------------------------------------------------------------------------- */

static void
take_pool(void **block, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		block[i] = pool_alloc(&bed->gw->pool, POOL_BLOCK_MAX);
}

static void
no_memory_for_a_connection(void **state)
{
	void *block[2];

	(void)state;
	conf.gateway.memory = 2u << 20;
	begin();
	take_pool(block, 2);
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	peer_send(&p, TCP_SYN, NULL, 0);
	expect_silence();
	assert_int_equal(counted(GW_TCP_FULL), 1);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	assert_int_equal(tcp_fd(0), -1);
	pool_free(&bed->gw->pool, block[0], POOL_BLOCK_MAX);
	p.seq--;
	peer_open(&p);
	pool_free(&bed->gw->pool, block[1], POOL_BLOCK_MAX);
	end();
}

/* A connection whose receive ring was the last block: the host is not read until there is memory. */
static void
no_memory_for_a_send_ring(void **state)
{
	void *block[2], *rest[512];
	unsigned n = 0;

	(void)state;
	conf.gateway.memory = 2u << 20;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	peer_open(&p);
	wait_for(2 * USEC_PER_SEC); /* an idle connection has no send ring */
	take_pool(block, 2);
	while (n < 512 && (rest[n] = pool_alloc(&bed->gw->pool, POOL_BLOCK_MIN)))
		n++;
	host_sends(tcp_fd(0), "patience");
	expect_silence();
	uint64_t turns = counted(GW_TURNS);
	wait_for(10 * USEC_PER_SEC);
	assert_in_range(counted(GW_TURNS) - turns, 10, 2000);
	expect_silence();
	while (n > 0)
		pool_free(&bed->gw->pool, rest[--n], POOL_BLOCK_MIN);
	wait_for(USEC_PER_SEC);
	guest_gets(&p, "patience");
	for (unsigned i = 0; i < 2; i++)
		if (block[i])
			pool_free(&bed->gw->pool, block[i], POOL_BLOCK_MAX);
	end();
}

/* --- how the two sides end ---------------------------------------------------------------------------------------------- */

static void
guest_ends_first(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	peer_open(&p);
	int fd = peer_fd(&p);
	peer_send(&p, TCP_ACK | TCP_FIN, "request", 7);
	peer_wants(&p, TCP_ACK);
	host_got(fd, "request");
	assert_true(vhost_got_eof(bed->vhost, fd));
	assert_int_equal(vhost_closed(bed->vhost, fd), 0);
	wait_for(600 * USEC_PER_SEC); /* a slow answer */
	bed_drop(bed);
	host_sends(fd, "answer");
	guest_gets(&p, "answer");
	peer_send(&p, TCP_ACK, NULL, 0);
	vhost_send_eof(bed->vhost, fd);
	peer_wants(&p, TCP_ACK | TCP_FIN);
	peer_send(&p, TCP_ACK, NULL, 0);
	expect_silence();
	assert_int_equal(vhost_closed(bed->vhost, fd), 1);
	assert_null(peer_flow(&p));
	end();
}

static void
host_ends_first(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V6, 80));
	peer_open(&p);
	int fd = peer_fd(&p);
	host_sends(fd, "bye");
	vhost_send_eof(bed->vhost, fd);
	struct bed_frame *f = peer_expect(&p, TCP_ACK | TCP_FIN);
	assert_int_equal(f->is.payload.len, 3);
	free(f);
	peer_send(&p, TCP_ACK, NULL, 0);
	wait_for(600 * USEC_PER_SEC);
	bed_drop(bed);
	peer_send(&p, TCP_ACK, "still", 5);
	bed_settle(bed);
	host_got(fd, "still");
	bed_drop(bed);
	peer_send(&p, TCP_ACK | TCP_FIN, "there", 5);
	peer_wants(&p, TCP_ACK);
	host_got(fd, "there");
	assert_true(vhost_got_eof(bed->vhost, fd));
	assert_int_equal(vhost_closed(bed->vhost, fd), 1);
	assert_null(peer_flow(&p));
	end();
}

static void
guest_resets(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	peer_open(&p);
	int fd = peer_fd(&p);
	peer_send(&p, TCP_ACK, "half of it", 10);
	peer_send(&p, TCP_RST, NULL, 0);
	expect_silence();
	assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	assert_int_equal(counted(GW_TCP_RESET_BY_GUEST), 1);
	end();
}

static void
host_resets(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	peer_open(&p);
	vhost_reset(bed->vhost, peer_fd(&p));
	peer_wants(&p, TCP_RST | TCP_ACK);
	expect_silence();
	assert_null(peer_flow(&p));
	assert_int_equal(counted(GW_TCP_RESET_BY_HOST), 1);
	/* What comes later is answered as by any host that knows of no connection. */
	peer_send(&p, TCP_ACK, "late", 4);
	free(expect(STRICT_TCP));
	end();
}

/* A write meets EPIPE, or a reset that no event has told yet. */
static void
host_breaks_under_a_write(void **state)
{
	static const int error[] = {EPIPE, ECONNRESET, ETIMEDOUT};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin();
		struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
		peer_open(&p);
		int fd = peer_fd(&p);
		vhost_fail(bed->vhost, "writev", 1, error[i]);
		peer_send(&p, TCP_ACK, "into the void", 13);
		struct bed_frame *f = expect(STRICT_TCP);
		assert_true(f->is.tcp.flags & TCP_RST);
		free(f);
		expect_silence();
		assert_int_equal(vhost_closed(bed->vhost, fd), 2);
		assert_null(peer_flow(&p));
		assert_int_equal(counted(GW_TCP_RESET_BY_HOST), error[i] != ETIMEDOUT);
		end();
	}
}

static void
guest_vanishes(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	peer_open(&p);
	int fd = peer_fd(&p);
	host_sends(fd, "anybody?");
	wait_for(300 * USEC_PER_SEC);
	assert_null(peer_flow(&p));
	assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	assert_int_equal(counted(GW_TCP_GAVE_UP), 1);
	end();
}

static void
time_wait_reopens(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	peer_open(&p);
	vhost_send_eof(bed->vhost, peer_fd(&p));
	peer_wants(&p, TCP_ACK | TCP_FIN);
	peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
	peer_wants(&p, TCP_ACK);
	assert_null(peer_flow(&p));
	/* The FIN again is acknowledged again, without a flow. */
	p.seq--;
	peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
	peer_wants(&p, TCP_ACK);
	assert_int_equal(open_flows(FLOW_TCP), 0);
	/* A SYN beyond it is a new connection, whose numbers are beyond the old ones. */
	uint32_t old = p.ack;
	p.seq += 100000;
	peer_send(&p, TCP_SYN, NULL, 0);
	struct bed_frame *f = peer_expect(&p, TCP_SYN | TCP_ACK);
	assert_true(seq_lt(old, f->is.tcp.seq + 1));
	free(f);
	peer_send(&p, TCP_ACK, "again", 5);
	bed_settle(bed);
	host_got(peer_fd(&p), "again");
	end();
}

/* --- every byte ------------------------------------------------------------------------------------------------------------ */

#define BULK (64u << 20)

/* Position n of a stream; no power of two divides its period. */
static uint8_t
byte_at(uint32_t n)
{
	return (uint8_t)(n + n / 251 * 13);
}

static void
fill(uint8_t *to, uint32_t from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = byte_at(from + (uint32_t)i);
}

static uint8_t want[65536];

/* Send as much as the window the gateway has told allows, in segments of up to 60,000 bytes. */
static void
guest_fills_window(struct peer *p, uint32_t *sent, uint32_t first, uint32_t edge)
{
	while (*sent < BULK && seq_lt(p->seq, edge)) {
		uint32_t n = edge - p->seq;

		n = n > 60000 ? 60000 : n;
		n = n > BULK - *sent ? BULK - *sent : n;
		fill(want, p->seq - first, n);
		peer_send(p, TCP_ACK, want, n);
		*sent += n;
	}
}

static void
up_through_a_small_buffer(void **state)
{
	uint32_t sent = 0, read = 0, stalls = 0;
	static uint8_t got[8192];

	(void)state;
	conf.lim.mtu = 65520;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	p.mss = 65480;
	peer_open(&p);
	int fd = peer_fd(&p);
	vhost_buffers(bed->vhost, fd, 4000, 4000);
	uint32_t first = p.seq, edge = p.seq + 16000;
	while (read < BULK && stalls < 100) {
		guest_fills_window(&p, &sent, first, edge);
		bed_settle(bed);
		size_t n = vhost_recv(bed->vhost, fd, got, sizeof(got));
		stalls = n ? 0 : stalls + 1;
		fill(want, read, n);
		assert_memory_equal(got, want, n);
		read += (uint32_t)n;
		if (n == 0)
			wait_for(50 * USEC_PER_MSEC);
		for (struct bed_frame *f; (f = next_frame()); free(f))
			edge = f->is.tcp.ack + f->is.tcp.wnd;
	}
	assert_int_equal(read, BULK);
	end();
}

/* More pieces wait than one writev(2) takes, and the host takes all it is offered: not a full socket. */
static void
more_pieces_than_one_call_takes(void **state)
{
	enum { SMALL = 100 };
	static uint8_t got[65536];
	uint32_t sent, read;

	(void)state;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V4, 80));
	peer_open(&p);
	int fd = peer_fd(&p);
	vhost_buffers(bed->vhost, fd, SMALL / 2, 65536);
	fill(want, 0, SMALL);
	peer_send(&p, TCP_ACK, want, SMALL);
	bed_settle(bed); /* half of it waits in the ring */
	vhost_buffers(bed->vhost, fd, 65536, 65536);
	read = (uint32_t)vhost_recv(bed->vhost, fd, got, sizeof(got));
	/* In one turn: the socket has room again, and a batch of segments is there. */
	for (sent = SMALL; sent < (LINK_BATCH + 1) * SMALL; sent += SMALL) {
		fill(want, sent, SMALL);
		peer_send(&p, TCP_ACK, want, SMALL);
	}
	bed_settle(bed);
	for (size_t n; (n = vhost_recv(bed->vhost, fd, got, sizeof(got))) > 0; bed_settle(bed)) {
		fill(want, read, n);
		assert_memory_equal(got, want, n);
		read += (uint32_t)n;
	}
	assert_int_equal(read, sent);
	end();
}

static void
down_through_a_small_buffer(void **state)
{
	uint32_t sent = 0, got = 0, stalls = 0;

	(void)state;
	conf.lim.mtu = 65520;
	conf.lim.csum = conf.lim.tso = true;
	begin();
	struct peer p = peer_to(40000, elsewhere(FAMILY_V6, 80));
	p.mss = 65460;
	peer_open(&p);
	int fd = peer_fd(&p);
	vhost_buffers(bed->vhost, fd, 5000, 5000);
	while (got < BULK && stalls < 100) {
		uint32_t before = got;

		fill(want, sent, 5000);
		sent += (uint32_t)vhost_send(bed->vhost, fd, want, sent < BULK - 5000 ? 5000 : BULK - sent);
		for (struct bed_frame *f; (f = next_frame()); free(f)) {
			assert_int_equal(f->is.tcp.seq, p.ack);
			fill(want, got, f->is.payload.len);
			assert_memory_equal(f->is.payload.p, want, f->is.payload.len);
			got += (uint32_t)f->is.payload.len;
			p.ack += (uint32_t)f->is.payload.len;
		}
		peer_send(&p, TCP_ACK, NULL, 0);
		stalls = got != before ? 0 : stalls + 1;
		if (stalls)
			wait_for(50 * USEC_PER_MSEC);
	}
	assert_int_equal(got, BULK);
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
	    TEST(accepted_later),
	    TEST(refused),
	    TEST(unreachable),
	    TEST(timed_out_is_silence),
	    TEST(shortage_is_silence),
	    TEST(the_host_itself),
	    TEST(the_dns_address_has_no_other_ports),
	    TEST(half_open_makes_room),
	    TEST(established_never_goes),
	    TEST(no_memory_for_a_connection),
	    TEST(no_memory_for_a_send_ring),
	    TEST(guest_ends_first),
	    TEST(host_ends_first),
	    TEST(guest_resets),
	    TEST(host_resets),
	    TEST(host_breaks_under_a_write),
	    TEST(guest_vanishes),
	    TEST(time_wait_reopens),
	    TEST(up_through_a_small_buffer),
	    TEST(more_pieces_than_one_call_takes),
	    TEST(down_through_a_small_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
