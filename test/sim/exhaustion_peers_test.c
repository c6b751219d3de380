/*
 * exhaustion_peers_test.c - thousands of peers that hold on to what they have: half-closed, with closed windows, a byte a minute,
 * requests that trickle (T26)
 *
 * They leave a few places in the tables, as the limits are what a guest may have; within those nothing of theirs may keep the old
 * connection and the new ones from what they need.
 */
#include "test/sim/exhaustion_kit.h"

#define PEERS (4000u / SCALE)
#define PEER_FIRST 10000u
#define QUIET_PORT 9000u   /* of a host that says nothing but what the test has it say */
#define WATCHED_PORT 8000u /* of one whose name decides */
#define BULK (512u << 10)
#define TRICKLE_TURN (2 * USEC_PER_MSEC)

static struct peer {
	uint32_t seq, ack;
	bool open, reset;
	uint64_t had; /* bytes from the host */
	usec_t probed;
} peer[PEERS];
static uint16_t window = 65535, far_port = QUIET_PORT;
static unsigned probes;

static struct tuple
tuple_of(uint32_t n)
{
	return (struct tuple){{siege->bed->guest[FAMILY_V4], (uint16_t)(PEER_FIRST + n)},
			      {addr_v4(0xcb007111), far_port},
			      IP_PROTO_TCP};
}

static int
fd_of(uint32_t n)
{
	struct tuple t = tuple_of(n);
	struct tcp_flow *tf = bed_tcp(siege->bed, &t);

	return tf ? tf->flow.fd : -1;
}

static void
sends(struct siege *s, uint32_t n, uint8_t flags, size_t len)
{
	struct tuple t = tuple_of(n);

	siege_segment(s, &t,
		      &(struct tcp_hdr){.seq = peer[n].seq,
					.ack = flags & TCP_ACK ? peer[n].ack : 0,
					.flags = flags,
					.wnd = window,
					.mss = flags & TCP_SYN ? 1460 : 0},
		      "b", len);
	peer[n].seq += (uint32_t)len + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
}

static void
hears(struct siege *s, const struct bed_frame *f, void *ctx)
{
	(void)ctx;
	if (f->is.kind != STRICT_TCP || f->is.tcp.sport != far_port || f->is.tcp.dport < PEER_FIRST)
		return;
	uint32_t n = f->is.tcp.dport - PEER_FIRST;
	struct peer *p = &peer[n];

	if (f->is.tcp.flags & TCP_RST) {
		p->reset = true;
		p->open = false;
	} else if (f->is.tcp.flags & TCP_SYN) {
		p->ack = f->is.tcp.seq + 1;
		p->open = true;
		sends(s, n, TCP_ACK, 0);
	} else if (f->is.payload.len > 0) {
		/* Into a closed window: a probe, which is answered and not taken. */
		if (f->is.tcp.seq == p->ack && window > 0) {
			p->ack += (uint32_t)f->is.payload.len;
			p->had += f->is.payload.len;
		}
		if (window == 0)
			probes++;
		sends(s, n, TCP_ACK, 0);
	}
}

static void
opens(struct siege *s, uint32_t n, void *ctx)
{
	(void)ctx;
	peer[n].seq = n * 1000;
	sends(s, n, TCP_SYN, 0);
}

static void
all_open(void (*configure)(struct bed_conf *c))
{
	memset(peer, 0, sizeof(peer));
	window = 65535;
	probes = 0;
	besiege(&(struct siege_conf){.configure = configure});
	siege->stranger = hears;
	/* A host answers after a round trip: no more at once than may be half-open. */
	siege_flood(siege, PEERS, opens, NULL);
	siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	for (uint32_t n = 0; n < PEERS; n++)
		assert_true(peer[n].open);
	siege_hush(siege);
	siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	siege->talk.mute = siege->fresh.mute = false;
}

/* They go, all at once. */
static void
leaves(struct siege *s, uint32_t n, void *ctx)
{
	(void)ctx;
	sends(s, n, TCP_RST | TCP_ACK, 0);
}

static void
all_leave(void)
{
	siege_flood(siege, PEERS, leaves, NULL);
	is_over(0);
}

static uint64_t
pool_max(void)
{
	return siege->bed->gw->pool.size;
}

/* Half-open in the other sense: the guest has said all it will, and the host never ends. */
static void
closes(struct siege *s, uint32_t n, void *ctx)
{
	(void)ctx;
	sends(s, n, TCP_ACK | TCP_FIN, 0);
}

static void
T26_half_closed(void **state)
{
	(void)state;
	all_open(NULL);
	siege_flood(siege, PEERS, closes, NULL);
	siege_until(siege, siege_now(siege) + 300 * USEC_PER_SEC / SCALE);
	siege_report(siege, "4,000 connections closed by the guest alone, five minutes");
	others_are_served();
	is_bounded(&(struct held){.turn = 2 * USEC_PER_MSEC, .pool = pool_max(), .heap = HEAP_MAX});
	assert_int_equal(siege->bed->gw->flows.kind[FLOW_TCP].open >= PEERS, true);
	all_leave();
}

/* A guest that reads nothing, of hosts that would send without end. */
static void
T26_closed_windows(void **state)
{
	static const uint8_t much[BULK];
	uint64_t put = 0;

	(void)state;
	all_open(NULL);
	window = 0;
	for (uint32_t n = 0; n < PEERS; n++)
		sends(siege, n, TCP_ACK, 0), siege_turn(siege);
	for (unsigned round = 0; round < 300 / SCALE; round++) {
		for (uint32_t n = 0; n < PEERS; n++)
			put += vhost_send(siege->bed->vhost, fd_of(n), much, n % 16 ? 1000 : BULK);
		siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	}
	siege_report(siege, "4,000 closed windows, five minutes");
	print_message("%llu MiB offered, %u probes\n", (unsigned long long)(put >> 20), probes);
	others_are_served();
	is_bounded(&(struct held){.turn = 20 * USEC_PER_MSEC, .pool = pool_max(), .heap = HEAP_MAX});
	/* Each is probed, less and less often. */
	assert_in_range(probes, PEERS, PEERS * 12);
	all_leave();
}

/* --- memory that others hold ---------------------------------------------------------------------------------------- */

#define HOARDERS (150u / SCALE)
#define HOARD (4u << 20) /* bytes each sends, so that its window grows as far as it may */

static struct hoarder {
	uint32_t seq, ack, una, edge, sent;
	uint8_t wscale;
} hoarder[HOARDERS];

static struct tuple
hoarder_tuple(uint32_t n)
{
	return (struct tuple){
	    {siege->bed->guest[FAMILY_V4], (uint16_t)(2000 + n)}, {addr_v4(0xcb007112), 9}, IP_PROTO_TCP};
}

static void
hoarder_sends(struct siege *s, uint32_t n, uint8_t flags, size_t len)
{
	static const uint8_t bytes[1400];
	struct tuple t = hoarder_tuple(n);

	siege_segment(s, &t,
		      &(struct tcp_hdr){.seq = hoarder[n].seq,
					.ack = flags & TCP_ACK ? hoarder[n].ack : 0,
					.flags = flags,
					.wnd = 65535,
					.mss = flags & TCP_SYN ? 1460 : 0,
					.has_wscale = (flags & TCP_SYN) != 0,
					.wscale = 5},
		      bytes, len);
	hoarder[n].seq += (uint32_t)len + (flags & TCP_SYN ? 1 : 0);
}

static void
hoarder_hears(struct siege *s, const struct bed_frame *f, void *ctx)
{
	if (f->is.kind != STRICT_TCP || f->is.tcp.dport < 2000 || f->is.tcp.dport >= 2000 + HOARDERS) {
		hears(s, f, ctx);
		return;
	}
	struct hoarder *h = &hoarder[f->is.tcp.dport - 2000u];
	if (f->is.tcp.flags & TCP_SYN) {
		h->ack = f->is.tcp.seq + 1;
		h->wscale = f->is.tcp.wscale;
		h->edge = f->is.tcp.ack + f->is.tcp.wnd;
		hoarder_sends(s, f->is.tcp.dport - 2000u, TCP_ACK, 0);
	} else if (!(f->is.tcp.flags & TCP_RST)) {
		h->edge = f->is.tcp.ack + ((uint32_t)f->is.tcp.wnd << h->wscale);
	}
}

/* Each as far as its window goes; false: all have sent what they have. */
static bool
hoard(struct siege *s)
{
	bool more = false;

	for (uint32_t n = 0; n < HOARDERS; n++) {
		struct hoarder *h = &hoarder[n];

		for (unsigned i = 0; i < 8 && h->sent < HOARD && h->edge - h->seq >= 1400; i++) {
			hoarder_sends(s, n, TCP_ACK, 1400);
			h->sent += 1400;
		}
		more |= h->sent < HOARD;
		siege_turn(s);
	}
	return more;
}

/*
 * Connections that were fast once keep their window, which was promised: they have as much of the memory as may be had.  All the
 * others there may be begin after that, with something stuck in each: they have a ring each way all the same.
 */
static void
T26_hoarders_leave_enough(void **state)
{
	(void)state;
	memset(peer, 0, sizeof(peer));
	memset(hoarder, 0, sizeof(hoarder));
	window = 65535;
	besiege(&(struct siege_conf){0});
	siege->stranger = hoarder_hears;
	siege_hush(siege);
	for (uint32_t n = 0; n < HOARDERS; n++)
		hoarder_sends(siege, n, TCP_SYN, 0);
	siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	for (unsigned rounds = 0; hoard(siege); rounds++)
		assert_true(rounds < 4000);
	siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	uint64_t held = siege->bed->gw->pool.used;
	siege->talk.mute = siege->fresh.mute = false;

	const uint32_t others = PEERS - HOARDERS;
	siege_flood(siege, others, opens, NULL);
	siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	for (uint32_t n = 0; n < others; n++)
		assert_true(peer[n].open);
	window = 0;
	for (uint32_t n = 0; n < others; n++) {
		sends(siege, n, TCP_ACK, 0);
		siege_turn(siege);
		assert_int_equal(vhost_send(siege->bed->vhost, fd_of(n), "stuck", 5), 5);
	}
	siege_until(siege, siege_now(siege) + 10 * USEC_PER_SEC);
	siege_report(siege, "hoarders of windows, and 3,850 others with closed ones");
	print_message("the hoarders have %.1f MiB\n", (double)held / (1 << 20));
#if SCALE == 1
	assert_in_range(held, pool_max() / 2, pool_max());
#endif
	others_are_served();
	assert_int_equal(siege_counted(siege, GW_TCP_FULL), 0);
	window = 65535;
	for (uint32_t n = 0; n < others; n++)
		sends(siege, n, TCP_ACK, 0), siege_turn(siege);
	siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	for (uint32_t n = 0; n < others; n++)
		assert_int_equal(peer[n].had, 5);
	for (uint32_t n = 0; n < HOARDERS; n++)
		hoarder_sends(siege, n, TCP_RST, 0);
	siege_flood(siege, others, leaves, NULL);
	is_over(0);
}

/* --- requests that trickle ------------------------------------------------------------------------------------------ */

static void
names_decide(struct bed_conf *c)
{
	static const struct sluice_rule rule[] = {{.text = "deny tcp/8000 to bad.example"}};

	c->gateway.rules = rule;
	c->gateway.nrules = 1;
}

static void
one_byte(struct siege *s, uint32_t n, void *ctx)
{
	(void)ctx;
	sends(s, n, TCP_ACK | TCP_PSH, 1);
}

/* The first byte of a request in each, and then one a minute: five seconds are all it has. */
static void
T26_requests_that_trickle(void **state)
{
	(void)state;
	far_port = WATCHED_PORT;
	all_open(names_decide);
	assert_true(siege->bed->gw->count[GW_POLICY_PEEKED] >= PEERS);
	siege_flood(siege, PEERS, one_byte, NULL);
	siege_until(siege, siege_now(siege) + 2 * USEC_PER_SEC);
	assert_true(siege->bed->gw->flows.kind[FLOW_TCP].open > PEERS);
	siege_until(siege, siege_now(siege) + 4 * USEC_PER_SEC);
	siege_report(siege, "4,000 requests of one byte, six seconds");
	others_are_served();
	is_bounded(&(struct held){.turn = TRICKLE_TURN, .pool = pool_max(), .heap = HEAP_MAX});
	for (uint32_t n = 0; n < PEERS; n++)
		assert_true(peer[n].reset || vhost_recv_len(siege->bed->vhost, fd_of(n)) == 0);
	siege_flood(siege, PEERS, leaves, NULL);
	far_port = QUIET_PORT;
	is_over(128u << 10); /* of refusals, for the guest to read */
}

/* One byte a minute each way, for ten minutes. */
static void
T26_a_byte_a_minute(void **state)
{
	(void)state;
	all_open(NULL);
	for (unsigned minute = 0; minute < 10; minute++) {
		for (uint32_t n = 0; n < PEERS; n++) {
			sends(siege, n, TCP_ACK | TCP_PSH, 1);
			assert_int_equal(vhost_send(siege->bed->vhost, fd_of(n), "h", 1), 1);
			siege_until(siege, siege_now(siege) + 60 * USEC_PER_SEC / PEERS);
		}
	}
	siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	siege_report(siege, "4,000 connections with a byte a minute each way, ten minutes");
	others_are_served();
	is_bounded(&(struct held){.turn = 2 * USEC_PER_MSEC, .pool = pool_max(), .heap = HEAP_MAX});
	for (uint32_t n = 0; n < PEERS; n++) {
		assert_int_equal(peer[n].had, 10);
		assert_int_equal(vhost_recv_len(siege->bed->vhost, fd_of(n)), 10);
	}
	all_leave();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(T26_half_closed),           cmocka_unit_test(T26_closed_windows),
	    cmocka_unit_test(T26_hoarders_leave_enough), cmocka_unit_test(T26_requests_that_trickle),
	    cmocka_unit_test(T26_a_byte_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
