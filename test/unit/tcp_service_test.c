/*
 * tcp_service_test.c - connections that a service of the gateway answers: how they open, move bytes and end
 *
 * The service here says every byte back.  A guest that opens to it, half-closes, goes away or floods finds what it would
 * find at a host; and a flow that began at a host can be handed over in the middle.
 */
#include "test/unit/gateway_kit.h"

static unsigned readied, closed;
static usec_t wakes; /* the deadline it asks for */
static bool hangs_up;

static void
echo_ready(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct view in[4];
	struct room out[2];
	size_t waiting;

	(void)gw;
	readied++;
	assert_true(tf->tcp.state >= TCP_ESTABLISHED);
	while (tcp_readable(&tf->tcp, in, 4, &waiting) && tcp_flow_room(tf, out, now)) {
		size_t n = in[0].len < out[0].len ? in[0].len : out[0].len;

		memcpy(out[0].p, in[0].p, n);
		tcp_commit(&tf->tcp, n);
		tcp_consume(&tf->tcp, n, now);
	}
	if (tcp_at_eof(&tf->tcp) || (hangs_up && !tcp_has_readable(&tf->tcp)))
		tcp_shutdown(&tf->tcp, now);
	if (wakes <= now)
		wakes = TIME_NEVER;
}

static usec_t
echo_deadline(const struct tcp_flow *tf)
{
	(void)tf;
	return wakes;
}

static void
echo_close(struct sluice *gw, struct tcp_flow *tf)
{
	(void)gw;
	assert_null(tf->state);
	closed++;
}

static const struct tcp_service echo = {
    .name = "echo", .ready = echo_ready, .deadline = echo_deadline, .close = echo_close};

static int
fresh_echo(void **state)
{
	readied = closed = 0;
	wakes = TIME_NEVER;
	hangs_up = false;
	return fresh(state);
}

/* The guest's SYN, given to the service as the loop gives it. */
static void
serve(struct peer *p)
{
	struct craft c = bed_craft(bed, &p->t.remote.addr);
	struct craft_tcp s = {.hdr = {.sport = p->t.guest.port,
				      .dport = p->t.remote.port,
				      .seq = p->seq++,
				      .flags = TCP_SYN,
				      .wnd = (uint16_t)p->wnd}};
	size_t len = craft_tcp(buf, &c, &s);
	struct frame f = {.len = (uint32_t)len, .nspan = 1, .span = {view_of(buf, len)}};
	struct packet pkt;

	assert_int_equal(stack_input(&bed->gw->stack, &f, &pkt, bed_now(bed)), STACK_TCP);
	tcp_flow_serve(bed->gw, &p->t, &pkt, 0, &echo, bed_now(bed));
}

static void
serve_open(struct peer *p)
{
	serve(p);
	peer_wants(p, TCP_SYN | TCP_ACK);
	peer_send(p, TCP_ACK, NULL, 0);
	expect_silence();
}

static struct peer
guest_of(enum family fam)
{
	return peer_to(40000, (struct endpoint){bed->gateway[fam], 80});
}

static void
guest_gets(struct peer *p, const char *text)
{
	struct bed_frame *f = peer_expect(p, TCP_ACK);

	assert_int_equal(f->is.payload.len, strlen(text));
	assert_memory_equal(f->is.payload.p, text, strlen(text));
	free(f);
}

/* --- opening and ending -------------------------------------------------------------------------------------- */

static void
guest_ends_first(void **state)
{
	(void)state;
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		begin();
		struct peer p = guest_of(fam);

		closed = 0;
		serve_open(&p);
		assert_int_equal(vhost_find(bed->vhost, HOST_TCP, 0), -1);
		peer_send(&p, TCP_ACK, "one", 3);
		guest_gets(&p, "one");
		/* The last words and the FIN in one segment: both are answered. */
		peer_send(&p, TCP_ACK | TCP_FIN, "two", 3);
		struct bed_frame *f = peer_expect(&p, TCP_ACK | TCP_FIN);
		assert_int_equal(f->is.payload.len, 3);
		assert_memory_equal(f->is.payload.p, "two", 3);
		assert_int_equal(f->is.tcp.ack, p.seq);
		free(f);
		assert_int_equal(closed, 0);
		peer_send(&p, TCP_ACK, NULL, 0);
		expect_silence();
		assert_int_equal(closed, 1);
		assert_null(peer_flow(&p));
		assert_int_equal(bed->gw->pool.used, 0);
		end();
	}
}

/* The side that closes first waits: TIME-WAIT, outside of the flow table. */
static void
service_ends_first(void **state)
{
	(void)state;
	begin();
	struct peer p = guest_of(FAMILY_V4);

	hangs_up = true;
	serve(&p);
	peer_wants(&p, TCP_SYN | TCP_ACK);
	peer_send(&p, TCP_ACK, "x", 1);
	struct bed_frame *f = peer_expect(&p, TCP_ACK | TCP_FIN);
	assert_int_equal(f->is.payload.len, 1);
	free(f);
	peer_send(&p, TCP_ACK, NULL, 0);
	expect_silence();
	assert_int_equal(peer_flow(&p)->tcp.state, TCP_FIN_WAIT_2);
	peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
	peer_wants(&p, TCP_ACK);
	assert_null(peer_flow(&p));
	assert_int_equal(closed, 1);
	/* TIME-WAIT answers a FIN that came again. */
	p.seq--;
	peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
	peer_wants(&p, TCP_ACK);
	end();
}

static void
guest_resets(void **state)
{
	(void)state;
	begin();
	struct peer p = guest_of(FAMILY_V6);

	serve_open(&p);
	peer_send(&p, TCP_RST, NULL, 0);
	expect_silence();
	assert_int_equal(closed, 1);
	assert_null(peer_flow(&p));
	end();
}

/* A handshake that is never finished is not the service's affair, and ends by itself. */
static void
never_established(void **state)
{
	(void)state;
	begin();
	struct peer p = guest_of(FAMILY_V4);

	serve(&p);
	peer_wants(&p, TCP_SYN | TCP_ACK);
	wait_for(200 * USEC_PER_SEC);
	assert_int_equal(readied, 0);
	assert_int_equal(closed, 1);
	assert_null(peer_flow(&p));
	bed_drop(bed);
	end();
}

/* The gateway ends while it serves: state is given back once. */
static void
gateway_ends(void **state)
{
	(void)state;
	begin();
	struct peer p = guest_of(FAMILY_V4);

	serve_open(&p);
	end();
	assert_int_equal(closed, 1);
}

/* --- moving bytes ------------------------------------------------------------------------------------------- */

/* A guest that does not read: its window closes, the service is called again when it opens, nothing is lost. */
static void
guest_reads_slowly(void **state)
{
	enum { ALL = 200000, PIECE = 1000 };
	static uint8_t sent[ALL], got[ALL + PIECE];
	size_t in = 0, out = 0;
	uint32_t edge;

	(void)state;
	for (size_t i = 0; i < ALL; i++)
		sent[i] = (uint8_t)(i * 7 + i / 256);
	begin();
	struct peer p = guest_of(FAMILY_V4);

	serve(&p);
	struct bed_frame *f = peer_expect(&p, TCP_SYN | TCP_ACK);
	edge = p.seq + f->is.tcp.wnd;
	free(f);
	p.wnd = 3000;
	peer_send(&p, TCP_ACK, NULL, 0);
	for (unsigned turn = 0; out < ALL && turn < 5000; turn++) {
		if (in < ALL && (int32_t)(edge - p.seq) >= PIECE) {
			peer_send(&p, TCP_ACK, sent + in, PIECE);
			in += PIECE;
		} else {
			peer_send(&p, TCP_ACK, NULL, 0);
		}
		while ((f = next_frame())) {
			assert_int_equal(f->is.tcp.seq, p.ack);
			assert_true(out + f->is.payload.len <= ALL);
			memcpy(got + out, f->is.payload.p, f->is.payload.len);
			out += f->is.payload.len;
			p.ack += (uint32_t)f->is.payload.len;
			edge = f->is.tcp.ack + f->is.tcp.wnd;
			free(f);
		}
		if (turn % 10 == 9)
			wait_for(50 * USEC_PER_MSEC);
	}
	assert_int_equal(out, ALL);
	assert_memory_equal(got, sent, ALL);
	peer_send(&p, TCP_RST, NULL, 0);
	end();
}

/* Without memory for a send ring it is asked again, until there is some. */
static void
no_send_ring(void **state)
{
	void *taken[64];
	unsigned n = 0;

	(void)state;
	begin();
	struct pool *pool = &bed->gw->pool;
	struct peer p = guest_of(FAMILY_V4);

	serve_open(&p);
	for (size_t size = POOL_BLOCK_MAX; size >= POOL_BLOCK_MIN; size /= 2) {
		void *b;

		while (n < 64 && (b = pool_alloc(pool, size))) {
			memcpy(b, &size, sizeof(size));
			taken[n++] = b;
		}
	}
	assert_int_equal(pool->used, pool->size);
	peer_send(&p, TCP_ACK, "x", 1);
	wait_for(15 * USEC_PER_MSEC);
	expect_silence();
	while (n > 0) {
		size_t size;

		memcpy(&size, taken[--n], sizeof(size));
		pool_free(pool, taken[n], size);
	}
	wait_for(10 * USEC_PER_MSEC);
	guest_gets(&p, "x");
	peer_send(&p, TCP_RST, NULL, 0);
	end();
}

static void
deadline_is_kept(void **state)
{
	(void)state;
	begin();
	struct peer p = guest_of(FAMILY_V4);

	serve_open(&p);
	wait_for(3 * USEC_PER_SEC); /* past what an idle connection does */
	wakes = bed_now(bed) + 5 * USEC_PER_SEC;
	flow_mark_ready(&bed->gw->flows, &peer_flow(&p)->flow);
	bed_settle(bed);
	readied = 0;
	wait_for(10 * USEC_PER_SEC);
	assert_int_equal(wakes, TIME_NEVER);
	assert_true(readied >= 1 && readied <= 3);
	end();
}

/* --- handing over --------------------------------------------------------------------------------------------- */

/* From a host to a service in the middle: what waits unread is the service's, the host is reset. */
static void
handed_over(void **state)
{
	(void)state;
	begin();
	struct peer p = peer_to(40000, (struct endpoint){bed_elsewhere(FAMILY_V4), 80});

	peer_open(&p);
	int fd = peer_fd(&p);
	assert_int_equal(vhost_send(bed->vhost, fd, "from the host", 13), 13);
	guest_gets(&p, "from the host");
	tcp_flow_hand_over(bed->gw, peer_flow(&p), &echo, NULL);
	assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	peer_send(&p, TCP_ACK, "hello", 5);
	guest_gets(&p, "hello");
	peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
	peer_wants(&p, TCP_ACK | TCP_FIN);
	peer_send(&p, TCP_ACK, NULL, 0);
	expect_silence();
	assert_int_equal(closed, 1);
	assert_int_equal(vhost_recv_len(bed->vhost, fd), 0);
	assert_null(peer_flow(&p));
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(guest_ends_first, fresh_echo),
	    cmocka_unit_test_setup(service_ends_first, fresh_echo),
	    cmocka_unit_test_setup(guest_resets, fresh_echo),
	    cmocka_unit_test_setup(never_established, fresh_echo),
	    cmocka_unit_test_setup(gateway_ends, fresh_echo),
	    cmocka_unit_test_setup(guest_reads_slowly, fresh_echo),
	    cmocka_unit_test_setup(no_send_ring, fresh_echo),
	    cmocka_unit_test_setup(deadline_is_kept, fresh_echo),
	    cmocka_unit_test_setup(handed_over, fresh_echo),
	};

	return cmocka_run_group_tests_name("tcp services", tests, NULL, NULL);
}
