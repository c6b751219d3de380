/*
 * exhaustion_host_test.c - what comes from the host's side: clients of a published port, datagrams, hosts that never end (T17, T21)
 */
#include "test/sim/exhaustion_kit.h"

#define FLOOD (100000u / SCALE)
#define TURN_MAX (3 * USEC_PER_MSEC)
#define A_TURN 64u /* clients or datagrams that come meanwhile */

static const struct sluice_publish published[] = {
    {.bind = "127.0.0.1", .host_first = 8080, .host_last = 8080, .guest_first = 80},
    {.bind = "127.0.0.1", .host_first = 8081, .host_last = 8081, .guest_first = 81, .udp = true},
};

enum guest_does { GUEST_SILENT, GUEST_REFUSES, GUEST_ACCEPTS };

static uint32_t came;
static enum guest_does guest;

static void
publish(struct bed_conf *c)
{
	c->gateway.publish = published;
	c->gateway.npublish = 2;
}

/* A turn's worth before every turn: the listener never rests. */
static void
clients(struct siege *s, void *ctx)
{
	struct endpoint at = {addr_v4(0x7f000001), 8080};

	(void)ctx;
	for (unsigned i = 0; i < A_TURN && came < FLOOD; i++) {
		struct endpoint from = {addr_v4(0x7f000001 + came / 60000), (uint16_t)(2000 + came % 60000)};

		if (!vhost_client(s->bed->vhost, &at, &from))
			break;
		came++;
	}
	s->each_at = came < FLOOD ? siege_now(s) : TIME_NEVER;
}

static void
answers(struct siege *s, const struct bed_frame *f, void *ctx)
{
	struct tuple t = {{s->bed->guest[FAMILY_V4], 80}, {f->is.ip.src, f->is.tcp.sport}, IP_PROTO_TCP};
	struct tcp_hdr h = {.ack = f->is.tcp.seq + 1, .flags = TCP_RST | TCP_ACK, .wnd = 65535};

	(void)ctx;
	if (f->is.kind != STRICT_TCP || f->is.tcp.dport != 80 || guest == GUEST_SILENT ||
	    f->is.tcp.flags & TCP_RST)
		return;
	if (guest == GUEST_ACCEPTS && f->is.tcp.flags & TCP_SYN) {
		h.flags = TCP_SYN | TCP_ACK;
		h.mss = 1460;
	} else if (guest == GUEST_ACCEPTS) {
		/* It is open: that was all. */
		h.seq = f->is.tcp.ack;
		h.ack = f->is.tcp.seq;
	}
	siege_segment(s, &t, &h, NULL, 0);
}

static void
flood_of_clients(enum guest_does g, const char *what)
{
	came = 0;
	guest = g;
	besiege(&(struct siege_conf){.configure = publish});
	siege->stranger = answers;
	siege->each = clients;
	siege->each_at = siege_now(siege);
	while (came < FLOOD && !siege->complaint[0])
		siege_until(siege, siege_now(siege) + USEC_PER_MSEC);
	siege->each = NULL;
	siege->each_at = TIME_NEVER;
	siege_report(siege, what);
	others_are_served();
	is_bounded(&(struct held){.turn = TURN_MAX,
				  .pool = (uint64_t)4096 * siege->bed->gw->tcp_conf.ring_first,
				  .heap = HEAP_MAX});
	/* Each was accepted and is there, or was told that it is not. */
	assert_in_range(siege_counted(siege, GW_PUBLISHED) + siege_counted(siege, GW_PUBLISH_FULL),
			came - 1024, came);
	is_over(0);
}

static void
T17_clients_of_a_silent_guest(void **state)
{
	(void)state;
	flood_of_clients(GUEST_SILENT, "clients of a published port, a guest that is silent");
}

static void
T17_clients_that_are_refused(void **state)
{
	(void)state;
	flood_of_clients(GUEST_REFUSES, "clients of a published port, a guest that refuses");
}

static void
T17_clients_that_are_accepted(void **state)
{
	(void)state;
	flood_of_clients(GUEST_ACCEPTS, "clients of a published port, a guest that accepts and ends");
}

/* --- datagrams ---------------------------------------------------------------------------------------------------- */

static uint16_t flow_port;

static int
flow_fd(const struct siege *s)
{
	struct endpoint to;

	for (int i = 0, fd; (fd = vhost_find(s->bed->vhost, HOST_UDP, i)) >= 0; i++)
		if (vhost_peer(s->bed->vhost, fd, &to) && to.port == flow_port)
			return fd;
	return -1;
}

static void
peer_sends(struct siege *s, void *ctx)
{
	static const uint8_t data[1200];
	int fd = flow_fd(s);

	(void)ctx;
	for (unsigned i = 0; i < A_TURN && came < FLOOD; i++)
		came += fd < 0 || vhost_send_dgram(s->bed->vhost, fd, NULL, data, sizeof(data));
	s->each_at = came < FLOOD ? siege_now(s) : TIME_NEVER;
}

static void
strangers_send(struct siege *s, void *ctx)
{
	static const uint8_t data[64];
	struct endpoint own;
	int fd = -1;

	(void)ctx;
	for (int i = 0; (fd = vhost_find(s->bed->vhost, HOST_UDP, i)) >= 0; i++)
		if (vhost_local(s->bed->vhost, fd, &own) && own.port == 8081)
			break;
	for (unsigned i = 0; i < A_TURN && came < FLOOD; i++) {
		struct endpoint from = {addr_v4(0x7f000001 + came / 60000), (uint16_t)(2000 + came % 60000)};

		vhost_send_dgram(s->bed->vhost, fd, &from, data, sizeof(data));
		came++;
	}
	s->each_at = came < FLOOD ? siege_now(s) : TIME_NEVER;
}

static void
datagrams(void (*each)(struct siege *s, void *ctx), const char *what)
{
	struct endpoint to = {addr_v4(0xcb007140), 7777};

	came = 0;
	flow_port = to.port;
	besiege(&(struct siege_conf){.configure = publish});
	siege_datagram(siege, 4444, &to, "hello", 5);
	siege_until(siege, siege_now(siege) + USEC_PER_MSEC);
	siege->each = each;
	siege->each_at = siege_now(siege);
	while (came < FLOOD && !siege->complaint[0])
		siege_until(siege, siege_now(siege) + USEC_PER_MSEC);
	siege->each = NULL;
	siege->each_at = TIME_NEVER;
	siege_report(siege, what);
	others_are_served();
	is_bounded(&(struct held){.turn = TURN_MAX, .heap = HEAP_MAX});
	is_over(0);
}

static void
T21_a_peer_that_floods(void **state)
{
	(void)state;
	datagrams(peer_sends, "a UDP peer that floods one flow");
}

static void
T21_strangers_at_a_published_port(void **state)
{
	(void)state;
	datagrams(strangers_send, "datagrams at a published port, each from somebody else");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(T17_clients_of_a_silent_guest),
	    cmocka_unit_test(T17_clients_that_are_refused),
	    cmocka_unit_test(T17_clients_that_are_accepted),
	    cmocka_unit_test(T21_a_peer_that_floods),
	    cmocka_unit_test(T21_strangers_at_a_published_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
