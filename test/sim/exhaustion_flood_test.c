/*
 * exhaustion_flood_test.c - a guest that floods: what it costs, and what it costs others (T17, T21, F8)
 *
 * Every flood fills each turn's batch.  The old connection and the new ones of exhaustion.h go on meanwhile.
 */
#include "test/sim/exhaustion_kit.h"

#define FLOOD (100000u / SCALE)

/* A turn whose 64 frames each make a host socket and end another. */
#define TURN_MAX (2 * USEC_PER_MSEC)

static struct endpoint
somewhere(uint32_t n)
{
	/* Past the ports of names, which have a life of their own; not where the talk goes. */
	return (struct endpoint){addr_v4(0xcb007100u + n / 64 % 250), (uint16_t)(6000 + n % 59000)};
}

static struct tuple
tuple_of(uint32_t n)
{
	return (struct tuple){
	    {siege->bed->guest[FAMILY_V4], (uint16_t)(1024 + n % 15000)}, somewhere(n), IP_PROTO_TCP};
}

/* --- SYNs ---------------------------------------------------------------------------------------------------------- */

static void
syn(struct siege *s, uint32_t n, void *ctx)
{
	struct tuple t = tuple_of(n);

	(void)ctx;
	siege_segment(s, &t, &(struct tcp_hdr){.seq = n * 7919, .flags = TCP_SYN, .wnd = 65535, .mss = 1460},
		      NULL, 0);
}

static void
syn_flood(enum vhost_answer far, const char *what)
{
	besiege(&(struct siege_conf){0});
	vhost_default(siege->bed->vhost, far);
	siege_flood(siege, FLOOD, syn, NULL);
	siege_report(siege, what);
	others_are_served();
	is_bounded(&(struct held){.turn = TURN_MAX,
				  .pool = (uint64_t)4096 * siege->bed->gw->tcp_conf.ring_first,
				  .heap = HEAP_MAX});
}

static void
T17_syns_that_are_answered(void **state)
{
	(void)state;
	syn_flood(VHOST_ACCEPT_LATER, "SYN flood, hosts that accept");
	assert_in_range(siege_counted(siege, GW_TCP_EVICTED), FLOOD - 4096, FLOOD);
	is_over(0);
}

static void
T17_syns_into_silence(void **state)
{
	(void)state;
	syn_flood(VHOST_SILENT, "SYN flood, hosts that are silent");
	assert_in_range(siege_counted(siege, GW_TCP_EVICTED), FLOOD - 4096, FLOOD);
	silence_ends();
	is_over(0);
}

static void
T17_syns_that_are_refused(void **state)
{
	(void)state;
	syn_flood(VHOST_REFUSE, "SYN flood, hosts that refuse");
	assert_int_equal(siege_counted(siege, GW_TCP_EVICTED), 0);
	is_over(0);
}

/* --- datagrams, pings, pieces --------------------------------------------------------------------------------------- */

static void
datagram(struct siege *s, uint32_t n, void *ctx)
{
	static const uint8_t zeros[64];
	struct endpoint to = somewhere(n);

	(void)ctx;
	siege_datagram(s, (uint16_t)(1024 + n % 60000), &to, zeros, n % 64);
}

static void
ping(struct siege *s, uint32_t n, void *ctx)
{
	const struct addr *to = ctx;
	struct addr other = somewhere(n).addr;
	struct craft c = bed_craft(s->bed, to ? to : &other);
	uint8_t buf[FRAME_MAX];
	struct icmp h = {.type = ICMP4_ECHO_REQUEST, .rest = n * 2654435761u};

	bed_push(s->bed, buf,
		 craft_icmp(buf, &c, &h, view_of("0123456789abcdef0123456789abcdef0123456789", 42)));
}

/* The first half of a datagram whose second half never comes. */
static void
piece(struct siege *s, uint32_t n, void *ctx)
{
	static const uint8_t zeros[1400];
	struct addr to[] = {addr_v4(0xcb007109), s->bed->gateway[FAMILY_V6]};
	struct craft c;
	uint8_t whole[FRAME_MAX], buf[FRAME_MAX];

	(void)ctx;
	to[1].b[15] ^= 0x55;
	c = bed_craft(s->bed, &to[n % 2]);
	size_t len = craft_udp(whole, &c, 5000, 6000, view_of(zeros, sizeof(zeros)));
	bed_push(s->bed, buf, craft_piece(buf, view_of(whole, len), 0, 704, n));
}

static void
everything(struct siege *s, uint32_t n, void *ctx)
{
	static siege_one *const each[] = {syn, datagram, ping, piece};

	each[n % 4](s, n, ctx);
}

static void
T21_datagrams_to_everybody(void **state)
{
	(void)state;
	besiege(&(struct siege_conf){0});
	siege_flood(siege, FLOOD, datagram, NULL);
	siege_report(siege, "UDP flood, each from and to another port");
	others_are_served();
	is_bounded(&(struct held){.turn = TURN_MAX, .heap = HEAP_MAX});
	assert_int_equal(siege->bed->gw->flows.kind[FLOW_UDP].open, 1024);
	assert_int_equal(siege_counted(siege, GW_UDP_EVICTED), FLOOD - 1024);
	is_over(0);
}

static void
T21_pings_to_everybody(void **state)
{
	(void)state;
	besiege(&(struct siege_conf){0});
	siege_flood(siege, FLOOD, ping, NULL);
	siege_report(siege, "ping flood, each another id");
	others_are_served();
	is_bounded(&(struct held){.turn = TURN_MAX, .heap = HEAP_MAX});
	assert_int_equal(siege->bed->gw->flows.kind[FLOW_PING].open, 64);
	assert_int_equal(siege_counted(siege, GW_PING_EVICTED), FLOOD - 64);
	is_over(0);
}

static void
T21_pings_to_the_gateway(void **state)
{
	struct addr to;

	(void)state;
	besiege(&(struct siege_conf){0});
	to = siege->bed->gateway[FAMILY_V4];
	uint64_t sent = siege->bed->frames;
	siege_flood(siege, FLOOD, ping, &to);
	siege_report(siege, "ping flood at the gateway");
	others_are_served();
	is_bounded(&(struct held){.turn = TURN_MAX / 4});
	/* Each is answered, and nothing kept. */
	assert_in_range(siege->bed->frames - sent, FLOOD, FLOOD + 4000);
	is_over(0);
}

static void
F8_pieces_of_nothing(void **state)
{
	(void)state;
	besiege(&(struct siege_conf){0});
	siege_flood(siege, FLOOD, piece, NULL);
	siege_report(siege, "fragment flood, none complete");
	others_are_served();
	is_bounded(&(struct held){.turn = TURN_MAX / 4});
	assert_true(siege->bed->gw->stack.count[COUNT_FRAG_FULL] >= FLOOD - 64 - 2000);
	is_over(0);
}

static void
T21_everything_at_once(void **state)
{
	(void)state;
	besiege(&(struct siege_conf){0});
	vhost_default(siege->bed->vhost, VHOST_SILENT);
	siege_flood(siege, FLOOD, everything, NULL);
	siege_report(siege, "all of these at once");
	others_are_served();
	is_bounded(&(struct held){.turn = TURN_MAX,
				  .pool = (uint64_t)4096 * siege->bed->gw->tcp_conf.ring_first,
				  .heap = HEAP_MAX});
	silence_ends();
	is_over(0);
}

/* Fewer descriptors than places: what an ordinary login has (RLIMIT_NOFILE 1,024, less 32). */
static void
few_files(struct bed_conf *c)
{
	c->gateway.max_files = 992;
}

static void
T21_with_few_descriptors(void **state)
{
	(void)state;
	besiege(&(struct siege_conf){.configure = few_files});
	vhost_default(siege->bed->vhost, VHOST_SILENT);
	siege_flood(siege, FLOOD, everything, NULL);
	siege_report(siege, "all of these at once, 992 descriptors");
	others_are_served();
	is_bounded(&(struct held){.turn = TURN_MAX, .heap = HEAP_MAX});
	silence_ends();
	is_over(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(T17_syns_that_are_answered), cmocka_unit_test(T17_syns_into_silence),
	    cmocka_unit_test(T17_syns_that_are_refused),  cmocka_unit_test(T21_datagrams_to_everybody),
	    cmocka_unit_test(T21_pings_to_everybody),     cmocka_unit_test(T21_pings_to_the_gateway),
	    cmocka_unit_test(F8_pieces_of_nothing),       cmocka_unit_test(T21_everything_at_once),
	    cmocka_unit_test(T21_with_few_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
