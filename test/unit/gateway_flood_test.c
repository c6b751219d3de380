/*
 * gateway_flood_test.c - floods through a whole gateway: what they cost, and what they cost others (T17, T21, T26)
 *
 * Cost is counted, not timed: places in tables, descriptors, bytes of the pool, frames sent, and the turns an old
 * connection needs for one exchange while the flood fills each turn's batch.
 */
#include "test/unit/gateway_kit.h"

#define FLOOD 100000u
#define BATCH 64u /* frames a turn takes */

/* --- one connection from before the flood ------------------------------------------------------------------------ */

static struct peer old;
static uint64_t others_frames; /* sent by the gateway, not to `old` */

/* A byte to the host, echoed by it: how many turns until the guest has it back.  The frame that carries it was
 * pushed already. */
static unsigned
turns_for_echo(uint8_t byte)
{
	uint8_t got = 0;

	for (unsigned turns = 1; turns <= 10; turns++) {
		gw_turn(bed->gw, true, true, bed_now(bed));
		if (vhost_recv(bed->vhost, peer_fd(&old), &got, 1) == 1) {
			assert_int_equal(got, byte);
			assert_int_equal(vhost_send(bed->vhost, peer_fd(&old), &got, 1), 1);
		}
		bool back = false;
		for (struct bed_frame *f; (f = bed_pop(bed)); free(f)) {
			if (f->is.kind != STRICT_TCP || f->is.tcp.dport != old.t.guest.port) {
				others_frames++;
				continue;
			}
			if (f->is.payload.len == 0)
				continue;
			assert_int_equal(f->is.payload.len, 1);
			assert_int_equal(f->is.payload.p[0], byte);
			assert_int_equal(f->is.tcp.seq, old.ack);
			old.ack++;
			back = true;
		}
		if (back)
			return turns;
	}
	return UINT32_MAX;
}

/* As long as a turn takes: connections age by it, timers do not matter. */
static void
a_moment(void)
{
	vhost_set_time(bed->vhost, bed_now(bed) + 10);
}

static unsigned
exchange(uint8_t byte)
{
	a_moment();
	peer_send(&old, TCP_ACK | TCP_PSH, &byte, 1);
	return turns_for_echo(byte);
}

/* n-th frame of a flood. */
typedef void flood_fn(uint32_t n);

static struct endpoint
somewhere(uint32_t n)
{
	struct addr v6 = addr_of("2001:db8:f::");

	v6.b[14] = (uint8_t)(n >> 8);
	v6.b[15] = (uint8_t)n;
	/* Past the ports of names, which have a life of their own. */
	return (struct endpoint){n % 2 ? v6 : addr_v4(0xc6336400u + n / 64), (uint16_t)(6000 + n % 59000)};
}

static void
syn(uint32_t n)
{
	struct peer p = peer_to((uint16_t)(1024 + n % 60000), somewhere(n));

	p.mss = 1460;
	peer_send(&p, TCP_SYN, NULL, 0);
}

static void
datagram(uint32_t n)
{
	struct endpoint to = somewhere(n);

	guest_udp((uint16_t)(1024 + n % 60000), &to, zeros, n % 64);
}

static void
ping(uint32_t n)
{
	struct endpoint to = somewhere(n);
	struct craft c = bed_craft(bed, &to.addr);
	struct icmp h = {.type = addr_is_v4(&to.addr) ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST,
			 .rest = n * 2654435761u};

	bed_push(bed, buf, craft_icmp(buf, &c, &h, view_of(zeros, 56)));
}

static void
everything(uint32_t n)
{
	static flood_fn *const each[] = {syn, datagram, ping};

	each[n % 3](n);
}

static void
within_limits(void)
{
	const struct sluice *gw = bed->gw;

	for (int k = 0; k < FLOW_KINDS; k++)
		assert_true(gw->flows.kind[k].open <= gw->flows.kind[k].max);
	assert_true(vhost_open_count(bed->vhost) <= gw->max_files);
	assert_int_equal(vhost_open_count(bed->vhost), gw->files);
	assert_true(gw->pool.used <= gw->pool.size);
	/* A half-open connection has a first block for what it will receive, and no more. */
	assert_true(gw->pool.used <=
		    (uint64_t)(gw->flows.kind[FLOW_TCP].open + 1) * gw->tcp_conf.ring_first * 2);
}

/* Frames by the batch, and in each batch, somewhere, one of the old connection. */
static void
flood(flood_fn *one, uint32_t frames, unsigned calm)
{
	for (uint32_t n = 0, round = 0; n < frames; round++) {
		uint8_t byte = (uint8_t)round;
		uint32_t mine = round * 7 % BATCH;

		a_moment();
		for (uint32_t i = 0; i < BATCH; i++) {
			if (i == mine)
				peer_send(&old, TCP_ACK | TCP_PSH, &byte, 1);
			else
				one(n++);
		}
		assert_true(turns_for_echo(byte) <= calm);
		within_limits();
	}
	assert_in_range(calm, 1, 3);
}

static void
flood_begin(void)
{
	conf.gateway.max_tcp = 256;
	conf.gateway.max_udp = 256;
	conf.gateway.max_files = 640;
	begin();
	others_frames = 0;
	old = peer_to(999, at("198.51.100.200", 7));
	peer_open(&old);
}

/* The old connection still has its place and its bytes; a new one is served as on the first day. */
static void
flood_end(unsigned calm)
{
	struct peer fresh_one = peer_to(998, at("198.51.100.201", 7));

	bed_settle(bed);
	bed_drop(bed);
	assert_int_equal(exchange(0x77), calm);
	peer_send(&old, TCP_ACK, NULL, 0);
	bed_settle(bed);
	bed_drop(bed);
	vhost_default(bed->vhost, VHOST_ACCEPT);
	peer_open(&fresh_one);
	peer_send(&fresh_one, TCP_ACK, "new", 3);
	bed_settle(bed);
	uint8_t got[4];
	assert_int_equal(vhost_recv(bed->vhost, peer_fd(&fresh_one), got, sizeof(got)), 3);
	assert_int_equal(counted(GW_TCP_RESET_BY_GUEST), 0);
	/* An hour later nothing of it is left but the two that are open. */
	for (unsigned minute = 0; minute < 60; minute++) {
		wait_for(60 * USEC_PER_SEC);
		bed_drop(bed);
	}
	assert_non_null(peer_flow(&old));
	assert_int_equal(open_flows(FLOW_UDP) + open_flows(FLOW_PING), 0);
	end();
}

/* T17: the destinations answer, but the guest does not go on; then they do not answer either. */
static void
T17_syn_flood(void **state)
{
	static const enum vhost_answer far[] = {VHOST_ACCEPT, VHOST_SILENT};

	(void)state;
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		fresh(NULL);
		flood_begin();
		unsigned calm = exchange('c');
		vhost_default(bed->vhost, far[i]);
		flood(syn, FLOOD / 2, calm);
		/* Each SYN was taken up in its turn, in the place of the oldest half-open one. */
		assert_int_equal(open_flows(FLOW_TCP), 256);
		assert_true(counted(GW_TCP_EVICTED) > FLOOD / 2 - 300);
		assert_true(others_frames <= FLOOD / 2 + BATCH); /* at most one SYN-ACK for each SYN */
		flood_end(calm);
	}
}

/* Hosts that refuse cost no place at all. */
static void
T17_refused_flood(void **state)
{
	(void)state;
	flood_begin();
	unsigned calm = exchange('c');
	vhost_default(bed->vhost, VHOST_REFUSE);
	flood(syn, 20000, calm);
	assert_int_equal(open_flows(FLOW_TCP), 1);
	assert_true(others_frames <= 20100);
	flood_end(calm);
}

static void
T21_udp_flood(void **state)
{
	(void)state;
	flood_begin();
	unsigned calm = exchange('c');
	flood(datagram, 30000, calm);
	assert_int_equal(open_flows(FLOW_UDP), 256);
	assert_int_equal(others_frames, 0);
	flood_end(calm);
}

static void
T21_ping_flood(void **state)
{
	(void)state;
	flood_begin();
	unsigned calm = exchange('c');
	flood(ping, 20000, calm);
	assert_int_equal(open_flows(FLOW_PING), bed->gw->flows.kind[FLOW_PING].max);
	assert_int_equal(others_frames, 0);
	flood_end(calm);
}

/* Fewer descriptors than places, too. */
static void
T21_all_at_once(void **state)
{
	(void)state;
	flood_begin();
	bed->gw->max_files = 300;
	unsigned calm = exchange('c');
	flood(everything, 30000, calm);
	bed->gw->max_files = 640;
	flood_end(calm);
}

/* --- T26: a byte stuck in each ----------------------------------------------------------------------------------------- */

#define STUCK 10000u
#define REFUSED 300u

static struct peer
stuck_peer(uint32_t n)
{
	struct peer p = peer_to((uint16_t)(1024 + n), at("198.51.100.200", 7));

	p.wnd = 0;
	return p;
}

/* Open it, and leave a byte in it each way: the host does not read, the guest's window is closed.  False: it was
 * ignored. */
static bool
stick(struct peer *p)
{
	struct tcp_flow *tf;

	peer_send(p, TCP_SYN, NULL, 0);
	gw_turn(bed->gw, true, true, bed_now(bed));
	struct bed_frame *f;
	while ((f = bed_pop(bed)) && f->is.kind != STRICT_TCP)
		free(f);
	if (!f)
		return false;
	assert_int_equal(f->is.tcp.flags, TCP_SYN | TCP_ACK);
	p->ack = f->is.tcp.seq + 1;
	free(f);
	tf = peer_flow(p);
	assert_non_null(tf);
	vhost_buffers(bed->vhost, tf->flow.fd, 0, 4096);
	peer_send(p, TCP_ACK | TCP_PSH, "g", 1);
	assert_int_equal(vhost_send(bed->vhost, tf->flow.fd, "h", 1), 1);
	gw_turn(bed->gw, true, true, bed_now(bed));
	bed_drop(bed);
	return true;
}

static void
unstick(struct peer *p)
{
	uint8_t got = 0;
	int fd = peer_fd(p);
	bool came = false;

	vhost_buffers(bed->vhost, fd, 65536, 65536);
	p->wnd = 65535;
	peer_send(p, TCP_ACK, NULL, 0);
	bed_settle(bed);
	assert_int_equal(vhost_recv(bed->vhost, fd, &got, 1), 1);
	assert_int_equal(got, 'g');
	for (struct bed_frame *f; (f = bed_pop(bed)); free(f)) {
		if (f->is.tcp.dport != p->t.guest.port || f->is.payload.len == 0)
			continue;
		assert_int_equal(f->is.payload.p[0], 'h');
		came = true;
	}
	assert_true(came);
}

/* With the memory of exactly so many: the budget holds, who comes later is ignored, and who was there lives. */
static void
T26_a_byte_stuck_in_each(void **state)
{
	static struct peer p[STUCK + REFUSED];
	uint32_t opened = 0;

	(void)state;
	conf.gateway.max_tcp = 16384;
	conf.gateway.max_files = 20000;
	/* Two blocks for each, rounded up to what a pool is made of. */
	conf.gateway.memory =
	    ((uint64_t)STUCK * 2 * POOL_BLOCK_MIN + POOL_BLOCK_MAX - 1) / POOL_BLOCK_MAX * POOL_BLOCK_MAX;
	begin();
	assert_int_equal(bed->gw->tcp_conf.ring_first, POOL_BLOCK_MIN);
	for (uint32_t n = 0; n < STUCK + REFUSED; n++) {
		p[n] = stuck_peer(n);
		opened += stick(&p[n]);
		assert_true(bed->gw->pool.used <= conf.gateway.memory);
	}
	assert_in_range(opened, STUCK, conf.gateway.memory / 2 / POOL_BLOCK_MIN + 1);
	assert_int_equal(open_flows(FLOW_TCP), opened);
	assert_int_equal(counted(GW_TCP_FULL), STUCK + REFUSED - opened);
	assert_int_equal(bed->gw->files, opened + 1);
	for (uint32_t n = 0; n < STUCK; n += 97)
		unstick(&p[n]);
	/* One goes, another may come. */
	peer_send(&p[5], TCP_RST, NULL, 0);
	bed_settle(bed);
	struct peer late = peer_to(900, at("198.51.100.200", 7));
	peer_send(&late, TCP_SYN, NULL, 0);
	bed_settle(bed);
	assert_non_null(peer_flow(&late));
	bed_drop(bed);
	uint64_t full = bed->gw->pool.size;
	assert_true(bed->gw->memory_peak <= full);
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
	    TEST(T17_syn_flood),  TEST(T17_refused_flood), TEST(T21_udp_flood),
	    TEST(T21_ping_flood), TEST(T21_all_at_once),   TEST(T26_a_byte_stuck_in_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
