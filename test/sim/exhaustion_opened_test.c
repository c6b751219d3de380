/*
 * exhaustion_opened_test.c - floods of what the gateway reads: ClientHellos without an end, handshakes left half-done, HTTP/2 that does
 * not behave (L2, L11, H3)
 *
 * A step of what is read costs as much as one of TLS (PRICE_CRYPTO), so the old connection waits for what a turn gives that at most.  Attackers keep
 * to TCP and to the window they are given; whoever is sent away comes again at once from another port.
 */
#include "proxy/intercept_int.h"
#include "test/sim/exhaustion_kit.h"
#include "tls/tls.h"

#define CONNS 400u
#define PORT_FIRST 2000u
#define SEGMENT 1400u
#define TURN_MAX (6 * USEC_PER_MSEC) /* TURN_WORK, the step that goes beyond it, and 64 frames each way */

enum attack_state { ATTACK_NONE, ATTACK_SYN, ATTACK_OPEN };

/* One connection of an attacker's. */
struct attacker {
	enum attack_state state;
	uint16_t port;
	uint32_t seq, ack, edge, sent; /* sent: bytes of what it says */
	usec_t at;
	bool owes; /* an acknowledgment */
};

static struct attacker attacker[CONNS];
static struct attack {
	unsigned conns; /* at once */
	uint16_t port, next_port;
	uint8_t head[256], body[SEGMENT];
	size_t nhead; /* what is said once */
	/* What is said now instead of body: its length. */
	size_t (*fill)(const struct attacker *a, uint8_t to[SEGMENT]);
	usec_t again;   /* who is sent away waits so long */
	uint64_t limit; /* bytes a connection says at most */
	uint64_t begun, ended, frames;
	bool goes_on;
} attack;

/* --- the guest's side --------------------------------------------------------------------------------------------- */

static void
attacker_sends(struct siege *s, struct attacker *a, uint8_t flags, const void *data, size_t len)
{
	struct tuple t = {
	    {s->bed->guest[FAMILY_V4], a->port}, {addr_v4(0x0b000000 + a->port), attack.port}, IP_PROTO_TCP};

	siege_segment(s, &t,
		      &(struct tcp_hdr){.seq = a->seq,
					.ack = flags & TCP_ACK ? a->ack : 0,
					.flags = flags,
					.wnd = 65535,
					.mss = flags & TCP_SYN ? 1460 : 0},
		      data, len);
	a->seq += (uint32_t)len + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
	attack.frames++;
}

static void
attacker_begins(struct siege *s, struct attacker *a)
{
	*a = (struct attacker){.state = ATTACK_SYN,
			       .port = (uint16_t)(PORT_FIRST + attack.next_port++ % 50000),
			       .seq = (uint32_t)attack.begun * 70000};
	attack.begun++;
	a->at = siege_now(s) + USEC_PER_SEC; /* a SYN that is ignored: another */
	attacker_sends(s, a, TCP_SYN, NULL, 0);
}

static struct attacker *
attacker_of(uint16_t port)
{
	for (unsigned i = 0; i < attack.conns; i++)
		if (attacker[i].state != ATTACK_NONE && attacker[i].port == port)
			return &attacker[i];
	return NULL;
}

static void
attacker_hears(struct siege *s, const struct bed_frame *f, void *ctx)
{
	struct attacker *a =
	    f->is.kind == STRICT_TCP && f->is.tcp.sport == attack.port ? attacker_of(f->is.tcp.dport) : NULL;
	const struct tcp_hdr *h = &f->is.tcp;

	(void)ctx;
	if (!a)
		return;
	if (h->flags & TCP_SYN) {
		a->state = ATTACK_OPEN;
		a->ack = h->seq + 1;
		a->edge = h->ack + h->wnd;
		a->at = siege_now(s);
		a->owes = true;
		return;
	}
	bool in_order = h->seq == a->ack;
	if (in_order)
		a->ack += (uint32_t)f->is.payload.len + (h->flags & TCP_FIN ? 1 : 0);
	a->edge = h->ack + h->wnd;
	if (h->flags & TCP_RST || (in_order && h->flags & TCP_FIN)) {
		attack.ended++;
		a->owes = !(h->flags & TCP_RST);
		a->state = ATTACK_NONE;
		a->at = siege_now(s) + attack.again;
	} else {
		a->owes |= f->is.payload.len > 0;
	}
}

/* Its next segment, if its window has room for it.  False: nothing. */
static bool
attacker_says(struct siege *s, struct attacker *a)
{
	bool begins = a->sent < attack.nhead;
	const uint8_t *p = begins ? attack.head + a->sent : attack.body;
	size_t n = begins ? attack.nhead - a->sent : attack.fill ? SEGMENT : 0;

	if (a->state != ATTACK_OPEN || a->sent >= attack.limit || n == 0 || siege_now(s) < a->at ||
	    (int32_t)(a->edge - a->seq) < (int32_t)n)
		return false;
	if (!begins)
		n = attack.fill(a, attack.body);
	attacker_sends(s, a, TCP_ACK | TCP_PSH, p, n);
	a->sent += (uint32_t)n;
	return true;
}

/* Before every turn: as many as one takes are there. */
static void
attack_each(struct siege *s, void *ctx)
{
	static unsigned next;
	unsigned said = 0;

	(void)ctx;
	for (unsigned i = 0; i < attack.conns && memlink_waiting(s->bed->mem) < LINK_BATCH; i++) {
		struct attacker *a = &attacker[next++ % attack.conns];

		if (a->owes) {
			attacker_sends(s, a, a->state == ATTACK_OPEN ? TCP_ACK : TCP_RST | TCP_ACK, NULL, 0);
			a->owes = false;
			said++;
		} else if (a->state != ATTACK_OPEN && siege_now(s) >= a->at) {
			attacker_begins(s, a);
			said++;
		}
		said += attacker_says(s, a);
	}
	s->each_at = attack.goes_on ? siege_now(s) + (said ? 0 : USEC_PER_MSEC) : TIME_NEVER;
}

static void
attack_begin(const struct siege_conf *c, uint16_t port, unsigned conns)
{
	memset(attacker, 0, sizeof(attacker));
	memset(&attack, 0, sizeof(attack));
	attack.port = port;
	attack.conns = conns;
	attack.limit = UINT64_MAX;
	attack.goes_on = true;
	besiege(c);
	siege->stranger = attacker_hears;
}

static void
attack_for(usec_t time)
{
	usec_t until = siege_now(siege) + time;

	siege->each = attack_each;
	siege->each_at = siege_now(siege);
	siege_until(siege, until);
	siege_look(siege);
}

static void
attack_ends(void)
{
	attack.goes_on = false;
	siege->each = NULL;
	siege->each_at = TIME_NEVER;
	for (unsigned i = 0; i < attack.conns; i++) {
		if (attacker[i].state != ATTACK_NONE)
			attacker_sends(siege, &attacker[i], TCP_RST | TCP_ACK, NULL, 0);
		siege_turn(siege);
	}
}

static void
is_opened_in_bounds(uint64_t heap)
{
	const struct interception *x = siege->bed->gw->intercept;

	others_are_served();
	is_bounded(
	    &(struct held){.turn = TURN_MAX, .pool = siege->bed->gw->pool.size, .heap = HEAP_MAX + heap});
	assert_in_range(x->open, 0, x->max);
	assert_in_range(x->handshakes, 0, HANDSHAKES);
	print_message("%llu frames, %llu connections, %llu of them sent away; %u are opened now\n",
		      (unsigned long long)attack.frames, (unsigned long long)attack.begun,
		      (unsigned long long)attack.ended, x->open);
}

/* --- handshakes ---------------------------------------------------------------------------------------------------- */

static struct tls_server_side {
	struct siege_servers servers;
	struct far_end {
		struct siege *s;
		struct tls_end *end;
		int fd;
		uint16_t port; /* of the gateway's end */
	} end[CONNS];
	unsigned done;
} far;

static void
opens_all(struct bed_conf *c)
{
	c->start = (usec_t)1700000000 * USEC_PER_SEC;
	c->gateway.intercept = true;
	c->gateway.tls_roots = far.servers.roots;
}

/* A ClientHello of TLS 1.2 that a server answers: one suite, one group, one kind of signature (RFC 5246 7.4.1.2). */
static size_t
write_hello(uint8_t *to, size_t size)
{
	static const uint8_t rest[] = {
	    0,   0,   4,   0xc0, 0x2b, 0,   0xff, 1,  0,  0,   49, /* no session, suites, no compression, extensions */
	    0,   0,   0,   19,   0,    17,  0,    0,  14, 'w', 'w', 'w', '.', 'f', 'a', 'r', '.',
	    'e', 'x', 'a', 'm',  'p',  'l', 0,    10, 0,  4,   0,   2,   0,   23,  0,   11,  0,
	    2,   1,   0,   0,    13,   0,   4,    0,  2,  4,   3,   0,   23,  0,   0};
	struct wr w = wr_of(to, size);
	uint64_t luck = 7;
	uint8_t random[32];

	siege_draw(&luck, random, sizeof(random));
	wr_bytes(&w, "\x16\3\1", 3);
	wr_u16(&w, (uint16_t)(4 + 2 + 32 + sizeof(rest)));
	wr_bytes(&w, "\1\0", 2);
	wr_u16(&w, (uint16_t)(2 + 32 + sizeof(rest)));
	wr_bytes(&w, "\3\3", 2);
	wr_bytes(&w, random, sizeof(random));
	wr_bytes(&w, rest, sizeof(rest));
	assert_false(w.bad);
	return (size_t)(w.p - to);
}

/* Where no name decides, what is late passes as what nobody can read. */
static void
names_decide(struct bed_conf *c)
{
	static const struct sluice_rule rule[] = {{.text = "deny tcp/443 to bad.example"}};

	opens_all(c);
	c->gateway.rules = rule;
	c->gateway.nrules = 1;
}

/* All but its last byte, and then nothing: five seconds are all it has. */
static void
L2_hellos_that_never_finish(void **state)
{
	(void)state;
	attack_begin(&(struct siege_conf){.configure = names_decide}, 443, CONNS);
	attack.nhead = write_hello(attack.head, sizeof(attack.head)) - 1;
	attack.limit = attack.nhead;
	attack_for(12 * USEC_PER_SEC);
	siege_report(siege, "ClientHellos that never finish");
	is_opened_in_bounds(0);
	assert_true(attack.ended > CONNS);
	assert_int_equal(siege_counted(siege, GW_TLS_OPENED), 0);
	attack_ends();
	is_over(256u << 10); /* of refusals, for the guest to read */
}

/* Servers that never answer: the places of handshakes are taken, for ten seconds each. */
static void
L11_handshakes_nobody_answers(void **state)
{
	(void)state;
	attack_begin(&(struct siege_conf){.configure = opens_all}, 443, CONNS);
	attack.nhead = write_hello(attack.head, sizeof(attack.head));
	attack.limit = attack.nhead;
	attack.again = USEC_PER_SEC;
	attack_for(25 * USEC_PER_SEC);
	siege_report(siege, "handshakes that no server answers");
	is_opened_in_bounds(16u << 20);
	assert_true(siege_counted(siege, GW_TLS_FULL) > 0);
	attack_ends();
	is_over(1u << 20); /* the library's, made once */
}

/* --- handshakes that the guest leaves -------------------------------------------------------------------------------- */

static ssize_t
far_recv(void *ctx, void *to, size_t n)
{
	struct far_end *e = ctx;

	return siege_server_recv(e->s, e->fd, to, n);
}

static ssize_t
far_send(void *ctx, const void *from, size_t n)
{
	struct far_end *e = ctx;

	return siege_server_send(e->s, e->fd, from, n);
}

/* The server's end at that socket, another one's or a new one. */
static struct far_end *
far_end_of(struct siege *s, int fd, uint16_t port)
{
	struct far_end *free_one = NULL;

	for (unsigned i = 0; i < CONNS; i++) {
		struct far_end *e = &far.end[i];

		if (e->end && e->fd == fd && e->port == port)
			return e;
		if (!free_one && (!e->end || e->fd == fd))
			free_one = e;
	}
	assert_non_null(free_one);
	tls_end_free(free_one->end);
	*free_one = (struct far_end){.s = s, .fd = fd, .port = port};
	free_one->end = siege_server_new(&far.servers, "www.far.exampl",
					 &(struct tls_io){far_recv, far_send, free_one}, 1700000000);
	return free_one;
}

static void
far_shakes(struct siege *s, int fd, uint16_t port, void *ctx)
{
	struct endpoint own;

	(void)ctx;
	if (port != 443 || !vhost_local(s->bed->vhost, fd, &own))
		return;
	struct far_end *e = far_end_of(s, fd, own.port);
	while (tls_end_step(e->end) == TLS_MORE)
		;
	far.done++;
}

static int
far_begin(void **state)
{
	(void)state;
	siege_servers_make(&far.servers, 1700000000);
	return 0;
}

static void
far_goes(void)
{
	for (unsigned i = 0; i < CONNS; i++) {
		tls_end_free(far.end[i].end);
		far.end[i].end = NULL;
	}
}

static int
far_end_all(void **state)
{
	(void)state;
	far_goes();
	siege_servers_free(&far.servers);
	return 0;
}

/* The server has done its part, and the guest says no more: ten seconds. */
static void
L11_handshakes_left_half_done(void **state)
{
	(void)state;
	attack_begin(&(struct siege_conf){.configure = opens_all}, 443, CONNS);
	siege->far_does = far_shakes;
	attack.nhead = write_hello(attack.head, sizeof(attack.head));
	attack.limit = attack.nhead;
	attack.again = USEC_PER_SEC;
	attack_for(25 * USEC_PER_SEC);
	siege_report(siege, "handshakes that the guest leaves half-done");
	is_opened_in_bounds(32u << 20);
	assert_true(far.done > HANDSHAKES);
	assert_true(attack.ended > CONNS);
	attack_ends();
	siege->far_does = NULL;
	far_goes();
	is_over(1u << 20); /* the library's, made once, and a leaf for each name */
}

/* --- HTTP/2 ------------------------------------------------------------------------------------------------------------- */

enum { H2_DATA, H2_HEADERS, H2_RST = 3, H2_SETTINGS, H2_PING = 6, H2_CONTINUATION = 9 };

static void
put_frame(struct wr *w, uint8_t type, uint8_t flags, uint32_t id, const void *payload, size_t n)
{
	wr_u8(w, 0);
	wr_u16(w, (uint16_t)n);
	wr_u8(w, type);
	wr_u8(w, flags);
	wr_u32(w, id);
	wr_bytes(w, payload, n);
}

static size_t
written(const struct wr *w, const uint8_t *from)
{
	assert_false(w->bad);
	return (size_t)(w->p - from);
}

/* Of HPACK's static table: GET, http, "/", and the host "a". */
static const char request[] = "\x82\x86\x84\x01\x01"
			      "a";
#define REQUEST (sizeof(request) - 1)

/* The first stream of its next segment, with so many in each. */
static uint32_t
stream_of(const struct attacker *a, uint32_t each)
{
	return (a->sent - (uint32_t)attack.nhead) / SEGMENT * each * 2 + 1;
}

/* Padded with a frame nobody has to do anything for (RFC 9113 4.1), so that each segment is of one length. */
static size_t
pad(struct wr *w)
{
	static const uint8_t zeros[SEGMENT];

	put_frame(w, 0xfa, 0, 0, zeros, (size_t)(w->end - w->p) - 9);
	assert_false(w->bad);
	return SEGMENT;
}

static size_t
rapid_resets(const struct attacker *a, uint8_t to[SEGMENT])
{
	uint32_t id = stream_of(a, 49);
	struct wr w = wr_of(to, SEGMENT);

	for (unsigned i = 0; i < 49; i++, id += 2) {
		put_frame(&w, H2_HEADERS, 5, id, request, REQUEST);
		put_frame(&w, H2_RST, 0, id, "\0\0\0\x8", 4);
	}
	return pad(&w);
}

static size_t
many_streams(const struct attacker *a, uint8_t to[SEGMENT])
{
	uint32_t id = stream_of(a, 90);
	struct wr w = wr_of(to, SEGMENT);

	for (unsigned i = 0; i < 90; i++, id += 2)
		put_frame(&w, H2_HEADERS, 4, id, request, REQUEST);
	return pad(&w);
}

static size_t
continuations(const struct attacker *a, uint8_t to[SEGMENT])
{
	struct wr w = wr_of(to, SEGMENT);

	if (a->sent == attack.nhead)
		put_frame(&w, H2_HEADERS, 1, 1, request, REQUEST);
	while (w.end - w.p >= 9)
		put_frame(&w, H2_CONTINUATION, 0, 1, NULL, 0);
	return written(&w, to);
}

static size_t
settings(const struct attacker *a, uint8_t to[SEGMENT])
{
	struct wr w = wr_of(to, SEGMENT);

	(void)a;
	while (w.end - w.p >= 9)
		put_frame(&w, H2_SETTINGS, 0, 0, NULL, 0);
	return written(&w, to);
}

static size_t
pings(const struct attacker *a, uint8_t to[SEGMENT])
{
	struct wr w = wr_of(to, SEGMENT);

	(void)a;
	while (w.end - w.p >= 17)
		put_frame(&w, H2_PING, 0, 0, "12345678", 8);
	return written(&w, to);
}

static void
reads_requests(struct bed_conf *c)
{
	static const struct sluice_rule rule[] = {{.text = "deny http PUT @any/never"}};

	c->gateway.rules = rule;
	c->gateway.nrules = 1;
}

static void
swallows(struct siege *s, int fd, uint16_t port, void *ctx)
{
	uint8_t b[4096];

	(void)port;
	(void)ctx;
	while (vhost_recv(s->bed->vhost, fd, b, sizeof(b)) > 0)
		;
}

#define H2_CONNS 200u

static void
flood_of_h2(size_t (*fill)(const struct attacker *a, uint8_t to[SEGMENT]), const char *what)
{
	attack_begin(&(struct siege_conf){.configure = reads_requests}, 80, H2_CONNS);
	siege->far_does = swallows;
	struct wr w = wr_of(attack.head, sizeof(attack.head));
	wr_bytes(&w, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	put_frame(&w, H2_SETTINGS, 0, 0, NULL, 0);
	attack.nhead = written(&w, attack.head);
	attack.fill = fill;
	attack_for(4 * USEC_PER_SEC / SCALE);
	siege_report(siege, what);
	is_opened_in_bounds(64u << 20);
	assert_true(attack.frames >= 10000 / SCALE);
}

static void
h2_is_over(bool sent_away)
{
	if (sent_away)
		assert_true(attack.ended > H2_CONNS / 2);
	attack_ends();
	is_over(256u << 10);
}

static void
H3_rapid_resets(void **state)
{
	(void)state;
	flood_of_h2(rapid_resets, "HTTP/2 streams begun and reset");
	h2_is_over(true);
}

static void
H3_continuations(void **state)
{
	(void)state;
	flood_of_h2(continuations, "HTTP/2 heads without an end");
	h2_is_over(true);
}

static void
H3_settings(void **state)
{
	(void)state;
	flood_of_h2(settings, "HTTP/2 settings");
	h2_is_over(true);
}

static void
H3_pings(void **state)
{
	(void)state;
	flood_of_h2(pings, "HTTP/2 pings");
	h2_is_over(true);
}

static void
H3_many_streams(void **state)
{
	(void)state;
	flood_of_h2(many_streams, "HTTP/2 streams, as many as there can be");
	h2_is_over(false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(L2_hellos_that_never_finish),
	    cmocka_unit_test(L11_handshakes_nobody_answers),
	    cmocka_unit_test(L11_handshakes_left_half_done),
	    cmocka_unit_test(H3_rapid_resets),
	    cmocka_unit_test(H3_continuations),
	    cmocka_unit_test(H3_settings),
	    cmocka_unit_test(H3_pings),
	    cmocka_unit_test(H3_many_streams),
	};

	return cmocka_run_group_tests(tests, far_begin, far_end_all);
}
