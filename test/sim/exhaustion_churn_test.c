/*
 * exhaustion_churn_test.c - ten thousand connections a second, opened, used and closed, for a minute
 *
 * Half of them are closed by the guest first, half by the host, whose TIME-WAIT is the gateway's.
 */
#include "test/sim/exhaustion_kit.h"

#define RATE 10000u /* a second */
#define BURST 50u   /* at once: a turn has much to do, or nothing */
#define CONNS (60u * RATE / SCALE)
#define GUEST_FIRST 7u   /* port where everything is echoed */
#define HOST_FIRST 8080u /* port where one answer is given, and the connection closed */
#define PORT_FIRST 1024u
#define PORTS 15000u /* of the guest's, before one is used again: none is in use then */

enum { IDLE, SYN_SENT, OPEN, OVER };

static struct churn {
	struct {
		uint32_t seq, ack;
		uint8_t state;
	} of[2][65536]; /* by port of the host, by port of the guest */
	uint32_t begun, done, failed, busy;
	usec_t next;
} churn;

static struct tuple
tuple_of(bool host_first, uint16_t port)
{
	return (struct tuple){{siege->bed->guest[FAMILY_V4], port},
			      {addr_v4(0xcb007110), host_first ? HOST_FIRST : GUEST_FIRST},
			      IP_PROTO_TCP};
}

static void
sends(struct siege *s, bool host_first, uint16_t port, uint8_t flags, size_t len)
{
	struct tuple t = tuple_of(host_first, port);
	uint32_t *seq = &churn.of[host_first][port].seq;

	siege_segment(s, &t,
		      &(struct tcp_hdr){.seq = *seq,
					.ack = flags & TCP_ACK ? churn.of[host_first][port].ack : 0,
					.flags = flags,
					.wnd = 65535,
					.mss = flags & TCP_SYN ? 1460 : 0},
		      "sixteen bytes...", len);
	*seq += (uint32_t)len + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
}

static void
begins(struct siege *s)
{
	bool host_first = churn.begun % 2;
	uint16_t port = (uint16_t)(PORT_FIRST + churn.begun / 2 % PORTS);

	if (churn.of[host_first][port].state == SYN_SENT || churn.of[host_first][port].state == OPEN)
		siege_complain(s, "a connection is not over when its port's turn comes again");
	churn.of[host_first][port].state = SYN_SENT;
	churn.of[host_first][port].seq += 100000; /* past the last one's, as RFC 6528 has it */
	sends(s, host_first, port, TCP_SYN, 0);
	churn.begun++;
}

static void
each(struct siege *s, void *ctx)
{
	(void)ctx;
	for (; churn.begun < CONNS && siege_now(s) >= churn.next; churn.next += BURST * USEC_PER_SEC / RATE)
		for (unsigned i = 0; i < BURST; i++)
			begins(s);
	s->each_at = churn.begun < CONNS ? churn.next : TIME_NEVER;
}

static void
hears(struct siege *s, const struct bed_frame *f, void *ctx)
{
	(void)ctx;
	if (f->is.kind != STRICT_TCP)
		return;
	bool host_first = f->is.tcp.sport == HOST_FIRST;
	uint16_t port = f->is.tcp.dport;
	uint32_t *ack = &churn.of[host_first][port].ack;
	uint8_t *state = &churn.of[host_first][port].state;

	if (f->is.tcp.flags & TCP_RST) {
		churn.failed++;
		*state = OVER;
	} else if (f->is.tcp.flags & TCP_SYN && *state == SYN_SENT) {
		*state = OPEN;
		*ack = f->is.tcp.seq + 1;
		sends(s, host_first, port, host_first ? TCP_ACK | TCP_PSH : TCP_ACK | TCP_PSH | TCP_FIN, 16);
	} else if (*state == OPEN && f->is.tcp.seq == *ack) {
		*ack += (uint32_t)f->is.payload.len;
		if (!(f->is.tcp.flags & TCP_FIN))
			return;
		++*ack;
		sends(s, host_first, port, host_first ? TCP_ACK | TCP_FIN : TCP_ACK, 0);
		*state = OVER;
		churn.done++;
	}
}

/* One answer, and that was all. */
static void
answers(struct siege *s, int fd, uint16_t port, void *ctx)
{
	uint8_t b[64];

	(void)ctx;
	if (port != HOST_FIRST || vhost_recv(s->bed->vhost, fd, b, sizeof(b)) == 0)
		return;
	vhost_send(s->bed->vhost, fd, b, 16);
	vhost_send_eof(s->bed->vhost, fd);
}

static void
T17_ten_thousand_a_second(void **state)
{
	(void)state;
	besiege(&(struct siege_conf){0});
	siege->stranger = hears;
	siege->far_does = answers;
	siege->each = each;
	usec_t began = churn.next = siege_now(siege);
	siege_until(siege, began + (usec_t)CONNS * USEC_PER_SEC / RATE + USEC_PER_SEC);
	siege_report(siege, "10,000 connections a second for a minute");
	assert_int_equal(churn.begun, CONNS);
	assert_int_equal(churn.done, CONNS);
	assert_int_equal(churn.failed, 0);
	others_are_served();
	/* As many at once as come in the time one takes: three round trips and a little. */
	is_bounded(&(struct held){.turn = 2 * USEC_PER_MSEC,
				  .pool = (uint64_t)2 * RATE * 4 * RTT / USEC_PER_SEC *
					  siege->bed->gw->tcp_conf.ring_first,
				  .heap = HEAP_MAX});
	assert_in_range(siege->files_peak, 1, RATE * 4 * RTT / USEC_PER_SEC);
	assert_int_equal(siege_counted(siege, GW_TCP_EVICTED) + siege_counted(siege, GW_TCP_FULL), 0);
	siege->each = NULL;
	is_over(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(T17_ten_thousand_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
