/*
 * exhaustion_dns_test.c - floods of questions, and nameservers that flood (D5, D13)
 *
 * Beside the old connection and the new ones a name is asked for every few milliseconds: its server answers, and so must the gateway.
 */
#include "test/sim/exhaustion_kit.h"

#define FLOOD (100000u / SCALE)
#define TURN_MAX (2 * USEC_PER_MSEC)

static const char *const servers[] = {"192.0.2.53"};

static void
with_names(struct bed_conf *c)
{
	c->gateway.nameservers = servers;
	c->gateway.nnameservers = 1;
}

static void
besiege_names(enum siege_names names)
{
	besiege(&(struct siege_conf){.configure = with_names});
	siege->names = names;
	siege->fresh.names = true;
	siege->fresh.ask_at = siege_now(siege);
}

/*
 * Each question has an answer within a second.  While more than 256 new ones come in the time a server takes, that is SERVFAIL; as
 * soon as they do not, it is the address.
 */
static void
names_are_told(void)
{
	others_are_served();
	assert_true(siege->fresh.named.n + siege->fresh.servfail > 0);
	assert_int_equal(siege->fresh.unanswered, 0);
	siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	siege->fresh.named = (struct siege_times){0};
	siege->fresh.servfail = 0;
	siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	assert_true(siege->fresh.named.n > 0);
	assert_in_range(siege->fresh.named.worst, RTT, 3 * RTT);
	assert_int_equal(siege->fresh.servfail + siege->fresh.unanswered, 0);
}

static void
asks(struct siege *s, uint32_t n, void *ctx)
{
	char name[32];

	(void)ctx;
	snprintf(name, sizeof(name), "n%u.example", n);
	siege_ask(s, (uint16_t)(1024 + n % 50000), (uint16_t)n, name);
}

static void
D13_questions_nobody_answers(void **state)
{
	(void)state;
	besiege_names(NAMES_SILENT);
	siege_flood(siege, FLOOD, asks, NULL);
	siege_report(siege, "DNS flood over UDP, a silent server");
	names_are_told();
	is_bounded(&(struct held){.turn = TURN_MAX, .heap = HEAP_MAX});
	assert_in_range(siege_counted(siege, GW_DNS_FULL), FLOOD - 256 - 2000, FLOOD + 2000);
	assert_in_range(siege->files_peak, 1, 256 * 4 + 16); /* DNS_PENDING, of DNS_TRIES sockets each */
	is_over(HEAP_MAX / 2);
}

static void
D13_questions_that_are_answered(void **state)
{
	(void)state;
	besiege_names(NAMES_ANSWERED);
	siege_flood(siege, FLOOD, asks, NULL);
	siege_report(siege, "DNS flood over UDP, each answered and kept");
	names_are_told();
	is_bounded(&(struct held){.turn = TURN_MAX, .heap = HEAP_MAX});
	is_over(HEAP_MAX);
}

static void
D5_answers_among_garbage(void **state)
{
	(void)state;
	besiege_names(NAMES_GARBAGE);
	siege_flood(siege, FLOOD / 2, asks, NULL);
	siege_report(siege, "DNS flood, each answer behind four messages that are none");
	names_are_told();
	is_bounded(&(struct held){.turn = 2 * TURN_MAX, .heap = HEAP_MAX});
	assert_true(siege_counted(siege, GW_DNS_STRAY) > 0);
	is_over(HEAP_MAX);
}

/* --- what a nameserver sends without being asked ---------------------------------------------------------------------- */

static uint32_t sent;

/* On every socket that leads to it, before every turn. */
static void
floods_back(struct siege *s, void *ctx)
{
	uint8_t junk[600];
	struct endpoint to;
	unsigned n = 0;

	(void)ctx;
	memset(junk, (int)sent & 0xff, sizeof(junk));
	for (int i = 0, fd; n < LINK_BATCH && (fd = vhost_find(s->bed->vhost, HOST_UDP, i)) >= 0; i++)
		for (unsigned k = 0; k < 4 && vhost_peer(s->bed->vhost, fd, &to) && to.port == 53; k++)
			n += vhost_send_dgram(s->bed->vhost, fd, NULL, junk, sizeof(junk));
	sent += n;
}

static void
D5_a_server_that_floods(void **state)
{
	(void)state;
	besiege_names(NAMES_ANSWERED);
	sent = 0;
	siege->each = floods_back;
	while (sent < FLOOD / 20 && !siege->complaint[0])
		siege_until(siege, siege_now(siege) + USEC_PER_MSEC);
	siege->each = NULL;
	siege_report(siege, "a nameserver that floods");
	/* Sixteen forged answers on a socket: that question goes by TCP, which nobody answers here. */
	others_are_served();
	is_bounded(&(struct held){.turn = TURN_MAX, .pool = 2u << 20, .heap = HEAP_MAX});
	assert_true(siege_counted(siege, GW_DNS_STRAY) > 0);
	is_over(HEAP_MAX);
}

/* --- many questions a segment ------------------------------------------------------------------------------------------ */

#define STREAMS 64u
#define STREAM_FIRST 3000u

static struct stream {
	uint32_t seq, ack, edge, asked;
	bool open;
} stream[STREAMS];

static void
stream_sends(struct siege *s, uint32_t n, uint8_t flags, const void *data, size_t len)
{
	struct tuple t = {{s->bed->guest[FAMILY_V4], (uint16_t)(STREAM_FIRST + n)},
			  {s->bed->gw->stack.cfg.net[FAMILY_V4].dns, 53},
			  IP_PROTO_TCP};

	siege_segment(s, &t,
		      &(struct tcp_hdr){.seq = stream[n].seq,
					.ack = flags & TCP_ACK ? stream[n].ack : 0,
					.flags = flags,
					.wnd = 65535,
					.mss = flags & TCP_SYN ? 1460 : 0},
		      data, len);
	stream[n].seq += (uint32_t)len + (flags & TCP_SYN ? 1 : 0);
}

static void
stream_hears(struct siege *s, const struct bed_frame *f, void *ctx)
{
	(void)ctx;
	uint32_t n = (uint32_t)(f->is.tcp.dport - STREAM_FIRST);

	if (f->is.kind != STRICT_TCP || f->is.tcp.sport != 53 || n >= STREAMS)
		return;
	if (f->is.tcp.flags & TCP_RST) {
		stream[n].open = false;
		return;
	}
	if (f->is.tcp.flags & TCP_SYN) {
		stream[n].ack = f->is.tcp.seq + 1;
		stream[n].open = true;
		stream_sends(s, n, TCP_ACK, NULL, 0);
	} else if (f->is.tcp.seq == stream[n].ack && f->is.payload.len > 0) {
		stream[n].ack += (uint32_t)f->is.payload.len;
		stream_sends(s, n, TCP_ACK, NULL, 0);
	}
	stream[n].edge = f->is.tcp.ack + f->is.tcp.wnd;
}

/* As many whole questions as a segment takes, if the window does. */
static void
pipelines(struct siege *s, uint32_t i, void *ctx)
{
	uint32_t n = i % STREAMS;
	uint8_t data[1400];
	size_t len = 0;

	(void)ctx;
	while (len + 64 < sizeof(data)) {
		char name[32];

		snprintf(name, sizeof(name), "t%u-%u.example", n, stream[n].asked++);
		size_t q =
		    siege_question(data + len + 2, sizeof(data) - len - 2, (uint16_t)stream[n].asked, name);
		data[len] = 0;
		data[len + 1] = (uint8_t)q;
		len += 2 + q;
	}
	if (stream[n].open && stream[n].edge - stream[n].seq < 1u << 20 &&
	    stream[n].edge - stream[n].seq >= len)
		stream_sends(s, n, TCP_ACK | TCP_PSH, data, len);
	else
		stream_sends(s, n, TCP_ACK, NULL, 0);
}

static void
pipelined(enum siege_names names, const char *what)
{
	memset(stream, 0, sizeof(stream));
	besiege_names(names);
	siege->stranger = stream_hears;
	for (uint32_t n = 0; n < STREAMS; n++)
		stream_sends(siege, n, TCP_SYN, NULL, 0);
	siege_flood(siege, FLOOD, pipelines, NULL);
	siege_report(siege, what);
	names_are_told();
	is_bounded(&(struct held){
	    .turn = 2 * TURN_MAX, .pool = (uint64_t)STREAMS * 2 * (1u << 20), .heap = HEAP_MAX});
	assert_true(siege_counted(siege, GW_DNS_QUERIES) > 2000);
	for (uint32_t n = 0; n < STREAMS; n++)
		stream_sends(siege, n, TCP_RST, NULL, 0);
	is_over(HEAP_MAX);
}

static void
D13_pipelined_and_unanswered(void **state)
{
	(void)state;
	pipelined(NAMES_SILENT, "DNS flood, pipelined over 64 TCP connections, a silent server");
}

static void
D13_pipelined_and_answered(void **state)
{
	(void)state;
	pipelined(NAMES_ANSWERED, "DNS flood, pipelined over 64 TCP connections, each answered");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(D13_questions_nobody_answers), cmocka_unit_test(D13_questions_that_are_answered),
	    cmocka_unit_test(D5_answers_among_garbage),     cmocka_unit_test(D5_a_server_that_floods),
	    cmocka_unit_test(D13_pipelined_and_unanswered), cmocka_unit_test(D13_pipelined_and_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
