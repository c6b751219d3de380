/*
 * fuzz_gateway.c - a policy, a guest, nameservers and servers that the input plays, around a whole gateway
 *
 * An input is a few bytes of setting, a policy (gate_rules.h) and a list of records, each a byte that names it (and whether the gateway
 * gets a turn after it: MORE) and a few that are its arguments; read past the end, bytes are zero.  The guest's TCP is honest here
 * (fuzz_stack.c has the other kind): what is hostile is where it goes, what it says first, what it asks, and what it is answered.
 * test/fuzz/seeds_gateway.py writes the seeds and is the notation's other half.
 *
 * Oracles: gate.h holds every call to the host against the plain reading of the policy; what that allows and nothing hinders is done;
 * each frame passes strict.h; the gateway rests; after idle hours all is given back; the same input gives the same frames and calls again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proxy/endpoint.h"
#include "stack/ip_wire.h"
#include "test/bed/gate.h"
#include "test/bed/gate_rules.h"
#include "test/bed/gate_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define RECORDS 150u
#define MORE 0x80u
#define SLOTS 8u
#define SMALL_PIECES 24u
#define OPENS_SEED 7u

struct guest_conn {
	struct gate_conn *gate; /* NULL: there is none */
	bool open, rst, fin_sent;
	bool touched; /* by the host: it may end at any time */
	uint32_t snd_nxt, rcv_nxt;
	bool acked; /* all that came */
	uint8_t rest[GATE_WIRE];
	size_t nrest, rest_at; /* what is left to be said of a flight */
			       /* A name service's answers by TCP are read by nobody here. */
};

struct run {
	struct rd in;
	struct bed_conf conf;
	struct bed *bed;
	struct gate *gate;
	struct gate_rules rules;
	struct guest_conn conn[SLOTS];
	bool clean; /* nothing hinders */
	bool more;  /* this record gets no turn of its own */
	unsigned failures;
	uint16_t sport;
	uint8_t frame[FRAME_MAX];
};

static char roots[64];   /* a file */
static struct gate gate; /* too big to be made for each input */

static void
must(const char *complaint)
{
	if (!complaint[0])
		return;
	fprintf(stderr, "fuzz_gateway: %s\n", complaint);
	abort();
}

static void
print_list(const char *what, const struct gate_list *l)
{
	for (unsigned i = 0; i < l->n; i++)
		fprintf(stderr, "    %s: %s\n", what, l->text[i]);
	fprintf(stderr, "    %s: profiles %s\n", what, l->profiles);
}

/* With the policy it is about. */
static void
must_be_fine(const struct run *r)
{
	if (!r->gate->complaint[0])
		return;
	print_list("rule", &r->rules.own);
	if (r->rules.floored)
		print_list("floor", &r->rules.floor);
	must(r->gate->complaint);
}

static void
must_be(const struct run *r, bool truth, const char *what)
{
	if (truth)
		return;
	snprintf(r->gate->complaint, sizeof(r->gate->complaint), "%s", what);
	r->gate->blind = false;
	must_be_fine(r);
}

/* --- setting ---------------------------------------------------------------------------------------------------- */

static const struct sluice_publish published[] = {
    {.host_first = 8080, .host_last = 8080, .guest_first = 80},
    {.host_first = 8123, .host_last = 8123, .guest_first = 123, .udp = true},
};
static const char *const nameservers[] = {"192.0.2.53", "192.0.2.54"};
static const char *const hosts[] = {"static.test=10.9.9.9,fd00:9::9"};
static const char *const exempt[] = {"*.y.test"};

enum { /* the first byte */
       MAPPED = 1,
       PUBLISHED = 2,
       NO_REBIND = 4,
       EXEMPT = 8,
       OPENS = 16, /* if the seed is OPENS_SEED, too */
       SMALL = 32,
       ONE_FAMILY = 64,
       KEEP = 128,
};

static void
read_setting(struct run *r)
{
	struct sluice_config *c = &r->conf.gateway;
	uint8_t flags = rd_u8(&r->in);

	bed_conf_init(&r->conf);
	r->conf.seed = rd_u8(&r->in);
	c->udp_endpoint_independent = flags & MAPPED;
	c->publish = published;
	c->npublish = flags & PUBLISHED ? 2 : 0;
	c->no_rebind_protection = flags & NO_REBIND;
	c->rebind_allow = exempt;
	c->nrebind_allow = flags & EXEMPT ? 1 : 0;
	c->intercept = (flags & OPENS) && r->conf.seed == OPENS_SEED; /* a CA costs as much as three runs */
	c->keep_flows = flags & KEEP;
	c->max_tcp = flags & SMALL ? 2 : 32;
	c->max_udp = flags & SMALL ? 2 : 32;
	c->max_ping = flags & SMALL ? 1 : 8;
	c->max_files = 100;
	c->memory = 4u << 20;
	c->max_ring = 16384;
	c->ipv6.off = flags & ONE_FAMILY;
	c->nameservers = nameservers;
	c->nnameservers = 2;
	c->hosts = hosts;
	c->nhosts = 1;
	c->tls_roots = roots;
	r->clean = !(flags & SMALL);
	gate_rules_read(&r->in, &r->rules);
	gate_rules_set(&r->rules, c);
}

static void
tell_gate(struct run *r)
{
	struct rules own, floor;

	gate_rules_naive(&r->rules, &own, &floor);
	gate_policy(r->gate, &own, &floor, r->rules.floored);
}

/* --- turns ---------------------------------------------------------------------------------------------------------- */

static void
push(struct run *r, size_t len)
{
	bed_push(r->bed, r->frame, len);
}

static void
segment(struct run *r, struct guest_conn *c, uint8_t flags, struct view data)
{
	const struct tuple *t = &c->gate->tuple;
	struct craft from = bed_craft(r->bed, &t->remote.addr);
	struct craft_tcp s = {.hdr = {.sport = t->guest.port,
				      .dport = t->remote.port,
				      .seq = c->snd_nxt,
				      .ack = flags & TCP_ACK ? c->rcv_nxt : 0,
				      .flags = flags,
				      .wnd = 65535,
				      .mss = flags & TCP_SYN ? 1460 : 0},
			      .data = data};

	push(r, craft_tcp(r->frame, &from, &s));
	c->snd_nxt += (uint32_t)data.len + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
	c->acked = true;
}

static void
leave(struct guest_conn *c)
{
	if (c->gate)
		gate_forget(c->gate);
	*c = (struct guest_conn){.gate = NULL};
}

static struct guest_conn *
heard_on(struct run *r, const struct strict *s)
{
	const struct tuple t = {{s->ip.dst, s->tcp.dport}, {s->ip.src, s->tcp.sport}, IP_PROTO_TCP};

	for (unsigned i = 0; i < SLOTS; i++)
		if (r->conn[i].gate && tuple_eq(&r->conn[i].gate->tuple, &t))
			return &r->conn[i];
	return NULL;
}

/* A client of the published port: taken, where there is a place. */
static void
take_client(struct run *r, const struct strict *s)
{
	const struct tuple t = {{s->ip.dst, s->tcp.dport}, {s->ip.src, s->tcp.sport}, IP_PROTO_TCP};

	for (unsigned i = 0; i < SLOTS; i++) {
		struct guest_conn *c = &r->conn[i];

		if (c->gate)
			continue;
		*c = (struct guest_conn){.gate = gate_opens(r->gate, &t, true), .snd_nxt = 5000};
		c->rcv_nxt = s->tcp.seq + 1;
		if (c->gate)
			segment(r, c, TCP_SYN | TCP_ACK, view_of(NULL, 0));
		c->open = c->gate != NULL;
		return;
	}
}

static void
hear_tcp(struct run *r, const struct strict *s)
{
	struct guest_conn *c = heard_on(r, s);
	const struct tcp_hdr *h = &s->tcp;

	if (!c && (h->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		take_client(r, s);
	if (!c)
		return;
	if (h->flags & TCP_RST) {
		c->rst = true;
	} else if (h->flags & TCP_SYN) {
		c->rcv_nxt = h->seq + 1;
		c->open = true;
		c->acked = false;
	} else if (s->payload.len || h->flags & TCP_FIN) {
		if (h->seq == c->rcv_nxt)
			c->rcv_nxt += (uint32_t)s->payload.len + (h->flags & TCP_FIN ? 1 : 0);
		c->acked = false;
	}
}

static void
hear_all(struct run *r)
{
	gate_look(r->gate);
	for (struct bed_frame *f; (f = bed_pop(r->bed)); free(f)) {
		gate_hear(r->gate, f);
		if (!f->wrong && f->is.kind == STRICT_TCP)
			hear_tcp(r, &f->is);
	}
	must_be_fine(r);
}

/* Until nothing more comes that an honest guest acknowledges. */
static void
settle(struct run *r)
{
	bool more = true;

	for (unsigned i = 0; i < 8 && more; i++) {
		bed_settle(r->bed);
		hear_all(r);
		more = false;
		for (unsigned k = 0; k < SLOTS; k++) {
			struct guest_conn *c = &r->conn[k];

			if (!c->gate || c->acked || c->rst || !c->open)
				continue;
			segment(r, c, TCP_ACK, view_of(NULL, 0));
			more = true;
		}
	}
	for (unsigned k = 0; k < SLOTS; k++)
		if (r->conn[k].rst)
			leave(&r->conn[k]);
}

static void
pass(struct run *r, usec_t time)
{
	usec_t until = bed_now(r->bed) + time;

	settle(r);
	while (bed_now(r->bed) < until) {
		bed_until_frame(r->bed, until);
		settle(r);
	}
}

/* --- where to ------------------------------------------------------------------------------------------------------- */

static struct addr
read_addr(struct run *r)
{
	return gate_addr(rd_u8(&r->in), &r->gate->where);
}

/* It was begun: what is allowed is not refused. */
static void
must_begin(struct run *r, uint8_t proto, const struct endpoint *to, unsigned before, unsigned now)
{
	char text[ENDPOINT_TEXT], what[ENDPOINT_TEXT + 64];

	if (!r->clean || now != before || !gate_must_begin(r->gate, proto, to))
		return;
	snprintf(what, sizeof(what), "what policy allows is not done: protocol %u to %s", proto,
		 endpoint_text(to, text));
	must_be(r, false, what);
}

/* --- connections ------------------------------------------------------------------------------------------------------- */

static struct guest_conn *
read_conn(struct run *r)
{
	return &r->conn[rd_u8(&r->in) % SLOTS];
}

static void
do_open(struct run *r)
{
	struct guest_conn *c = read_conn(r);
	struct addr to = read_addr(r);
	uint16_t port = gate_port(rd_u8(&r->in));
	struct tuple t = {{r->bed->guest[addr_family(&to)], r->sport++}, {to, port}, IP_PROTO_TCP};
	unsigned before = r->gate->nconnect;

	if (c->gate && !c->rst) {
		segment(r, c, c->open ? TCP_RST | TCP_ACK : TCP_RST, view_of(NULL, 0));
		settle(r);
	}
	leave(c);
	c->gate = gate_opens(r->gate, &t, false);
	c->snd_nxt = 1000;
	if (!c->gate)
		return;
	segment(r, c, TCP_SYN, view_of(NULL, 0));
	settle(r);
	must_begin(r, IP_PROTO_TCP, &t.remote, before, r->gate->nconnect);
}

static void
say(struct run *r, struct guest_conn *c, struct view bytes, size_t piece)
{
	if (!c->gate || !c->open || c->rst || c->fin_sent)
		return;
	for (size_t at = 0, pieces = 1; at < bytes.len; pieces++) {
		/* The link has room for so many; what is cut small all through costs more than it shows. */
		if (pieces == SMALL_PIECES)
			piece = 1400;
		if (pieces % 32 == 0)
			settle(r);
		size_t n = bytes.len - at < piece ? bytes.len - at : piece;

		if (!c->gate || c->rst)
			return;
		gate_says(r->gate, c->gate, view_of(bytes.p + at, n));
		segment(r, c, TCP_ACK | TCP_PSH, view_of(bytes.p + at, n));
		at += n;
	}
}

/* A first flight, all of it: what is allowed of it reaches the host. */
static void
must_pass(struct run *r, struct guest_conn *c)
{
	char text[ENDPOINT_TEXT], what[ENDPOINT_TEXT + 64];
	const struct endpoint to = c->gate->tuple.remote;
	size_t n = r->clean && !c->touched && !c->rst ? gate_must_pass(r->gate, c->gate) : 0;

	settle(r);
	if (n == 0 || (c->gate && (c->gate->passed >= n || c->gate->ngiven > 0)))
		return;
	snprintf(what, sizeof(what), "what policy allows does not pass: %zu bytes to %s", n,
		 endpoint_text(&to, text));
	must_be(r, false, what);
}

/* Cut after so many bytes: the rest waits for another record. */
static void
say_cut(struct run *r, struct guest_conn *c, struct view all)
{
	static const size_t pieces[] = {1400, 300, 64, 7};
	uint8_t cut = rd_u8(&r->in);
	size_t first = cut & 63 ? all.len * (cut & 63) / 64 : all.len;

	c->rest_at = 0;
	c->nrest = all.len - first;
	if (c->nrest)
		memcpy(c->rest, all.p + first, c->nrest);
	bool whole = c->gate && c->open && !c->gate->nsaid && !c->nrest && !r->more;
	say(r, c, view_of(all.p, first), pieces[cut >> 6]);
	if (whole && c->gate)
		must_pass(r, c);
}

static void
do_rest(struct run *r)
{
	struct guest_conn *c = read_conn(r);

	say(r, c, view_of(c->rest, c->nrest), 1400);
	c->nrest = 0;
}

static void
do_hello(struct run *r)
{
	struct guest_conn *c = read_conn(r);
	const char *name = gate_name(rd_u8(&r->in));
	uint8_t bytes[GATE_WIRE];
	size_t n = gate_write_hello(bytes, name, rd_u8(&r->in));

	say_cut(r, c, view_of(bytes, n));
}

static void
do_request(struct run *r)
{
	struct guest_conn *c = read_conn(r);
	char text[GATE_WIRE];
	size_t n = gate_write_request(text, &r->in);

	say_cut(r, c, view_of(text, n));
}

static void
do_words(struct run *r)
{
	static const char *const words[] = {"SSH-2.0-x\r\n",
					    "EHLO a.test\r\n",
					    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
					    "\x16\x02\x01",
					    "GET /\r\n",
					    "CONN",
					    "\r\n",
					    "\x05\x01\x00",
					    "GET / HTTP/1.1\n",
					    "CONNECT bad.test:80 HTTP/1.1\r\n"};
	struct guest_conn *c = read_conn(r);
	uint8_t which = rd_u8(&r->in);
	size_t n = which % 16;

	if (n < sizeof(words) / sizeof(words[0])) {
		say_cut(r, c, view_of(words[n], n == 7 ? 3 : strlen(words[n])));
		return;
	}
	/* Any bytes. */
	n = rd_u8(&r->in);
	n = n < rd_left(&r->in) ? n : rd_left(&r->in);
	say(r, c, rd_take(&r->in, n), 1400);
}

static void
do_end(struct run *r)
{
	uint8_t which = rd_u8(&r->in);
	struct guest_conn *c = &r->conn[which % SLOTS];

	if (!c->gate || !c->open || c->rst || c->fin_sent)
		return;
	if (which & 64) {
		segment(r, c, TCP_RST | TCP_ACK, view_of(NULL, 0));
		settle(r);
		leave(c);
		return;
	}
	c->gate->ended = c->fin_sent = true;
	segment(r, c, TCP_FIN | TCP_ACK, view_of(NULL, 0));
}

/* --- datagrams, pings ---------------------------------------------------------------------------------------------------- */

static void
do_udp(struct run *r)
{
	struct addr to = read_addr(r);
	uint16_t port = gate_port(rd_u8(&r->in));
	uint8_t how = rd_u8(&r->in);
	struct craft c = bed_craft(r->bed, &to);
	const struct endpoint at = {to, port};
	static const uint8_t quic[1200] = {0xc0, 0, 0, 0, 1, 8};
	unsigned before = r->gate->ndgram;

	if (port == 53) /* a question is another record's */
		return;
	gate_tries(r->gate, IP_PROTO_UDP, &at);
	/* From the published port, too: an answer, if there is a client. */
	push(r, craft_udp(r->frame, &c, (uint16_t)(how & 8 ? 123 : 50000 + (how & 7)), port,
			  view_of(quic, how & 16 ? 1200 : how >> 5)));
	if (how & 8)
		return;
	settle(r);
	must_begin(r, IP_PROTO_UDP, &at, before, r->gate->ndgram);
}

static void
do_ping(struct run *r)
{
	struct addr to = read_addr(r);
	uint8_t id = rd_u8(&r->in);
	bool v4 = addr_is_v4(&to);
	struct craft c = bed_craft(r->bed, &to);
	const struct endpoint at = {to, 0};
	const struct surroundings *w = &r->gate->where;
	unsigned before = r->gate->ndgram;
	uint8_t proto = v4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6;

	gate_tries(r->gate, proto, &at);
	push(r, craft_icmp(r->frame, &c,
			   &(struct icmp){.type = v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST,
					  .rest = (uint32_t)(id & 3) << 16 | 1},
			   view_of("ping", 4)));
	settle(r);
	if (!addr_eq(&to, &w->gateway[addr_family(&to)]))
		must_begin(r, proto, &at, before, r->gate->ndgram);
}

/* --- names --------------------------------------------------------------------------------------------------------------- */

/* A question whose name is any bytes. */
static size_t
read_odd_question(struct run *r, uint8_t *to)
{
	size_t n = rd_u8(&r->in) % 64u;

	n = n < rd_left(&r->in) ? n : rd_left(&r->in);
	memcpy(to, "\0\7\1\0\0\1\0\0\0\0\0\0", 12);
	struct view v = rd_take(&r->in, n);
	if (n)
		memcpy(to + 12, v.p, n);
	memcpy(to + 12 + n, "\0\0\1\0\1", 5);
	return 12 + n + 5;
}

/* Questions that need not be asked upstream. */
static unsigned
answered(const struct run *r)
{
	return (unsigned)r->bed->gw->count[GW_DNS_CACHED];
}

static void
do_ask(struct run *r)
{
	static const uint8_t chosen[] = {6, 7, 0, 8}; /* two of the world's, the gateway, one of IPv6 */
	uint8_t name = rd_u8(&r->in), how = rd_u8(&r->in), where = rd_u8(&r->in);
	uint8_t msg[514];
	size_t n = name == 255 ? read_odd_question(r, msg + 2)
			       : gate_write_question(msg + 2, name, how, (uint16_t)(where * 7u));
	struct guest_conn *c = &r->conn[where % SLOTS];
	/* To the gateway's resolver, one of the guest's own, or on a connection. */
	struct addr to = gate_addr(where & 32 ? chosen[where >> 3 & 3] : 2 + (where & 1), &r->gate->where);
	const struct endpoint at = {to, 53};

	if (where & 64) {
		if (!c->gate || !c->open || c->rst || c->fin_sent || c->gate->tuple.remote.port != 53)
			return;
		gate_asks(r->gate, IP_PROTO_TCP, &c->gate->tuple.remote, view_of(msg + 2, n));
		msg[0] = (uint8_t)(n >> 8);
		msg[1] = (uint8_t)n;
		say(r, c, view_of(msg, n + 2), 1400);
		return;
	}
	if (!addr_family(&to) && addr_is_unspecified(&to))
		return;
	struct craft from = bed_craft(r->bed, &to);
	if (!r->more)
		settle(r);
	unsigned before = r->gate->nquestion + answered(r);
	bool already = gate_asks_already(r->gate, view_of(msg + 2, n));
	gate_asks(r->gate, IP_PROTO_UDP, &at, view_of(msg + 2, n));
	gate_tries(r->gate, IP_PROTO_UDP, &at);
	push(r, craft_udp(r->frame, &from, (uint16_t)(5000 + (where & 3)), 53, view_of(msg + 2, n)));
	if (r->more || already || !r->clean ||
	    !gate_must_ask(r->gate, IP_PROTO_UDP, &at, view_of(msg + 2, n)))
		return;
	settle(r);
	must_be(r, r->gate->nquestion + answered(r) > before, "a question that policy allows is not asked");
}

/* A nameserver's socket of the gateway, the n-th that has been asked. */
static struct gate_sock *
server_sock(struct run *r, uint8_t n, int *fd)
{
	unsigned count = 0;

	for (unsigned i = 0; i < GATE_SOCKETS; i++)
		count += r->gate->sock[i].open && r->gate->sock[i].asked;
	if (count == 0)
		return NULL;
	unsigned before = n % count;
	for (unsigned i = 0; i < GATE_SOCKETS; i++) {
		if (!r->gate->sock[i].open || !r->gate->sock[i].asked || before-- > 0)
			continue;
		*fd = 1000 + (int)i;
		return &r->gate->sock[i];
	}
	return NULL;
}

static void
do_answer(struct run *r)
{
	uint8_t which = rd_u8(&r->in), how = rd_u8(&r->in);
	int fd = -1;
	struct gate_sock *s = server_sock(r, which, &fd);
	uint8_t msg[2050];
	size_t n;

	if (!s)
		return;
	n = gate_write_answer(msg + 2, &r->in, &r->gate->where, s, how);
	if (how & 128) {
		/* A byte of it is another. */
		uint8_t at = rd_u8(&r->in);

		msg[2 + at % n] = rd_u8(&r->in);
	}
	msg[0] = (uint8_t)(n >> 8);
	msg[1] = (uint8_t)n;
	if (s->proto == IP_PROTO_UDP)
		vhost_send_dgram(r->bed->vhost, fd, NULL, msg + 2, n);
	else
		vhost_send(r->bed->vhost, fd, msg, n + 2);
}

/* --- the host ----------------------------------------------------------------------------------------------------------------- */

static void
do_host(struct run *r)
{
	static const char *const texts[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
	    "SSH-2.0-server\r\n",
	    "HTTP/1.1 200 Connection established\r\n\r\n",
	    "x",
	    "HTTP/1.0 403 No\r\nConnection: close\r\n\r\n",
	    "\x15\x03\x03\0\2\2\x28",
	    "220 ready\r\n"};
	struct guest_conn *c = read_conn(r);
	uint8_t what = rd_u8(&r->in);
	int fd = c->gate ? c->gate->fd : -1;
	static uint8_t sink[65536];

	if (fd < 0)
		return;
	c->touched = true;
	switch (what & 7) {
	case 0:
	case 1:
		vhost_send(r->bed->vhost, fd, texts[what >> 3 & 7], strlen(texts[what >> 3 & 7]));
		break;
	case 2:
		vhost_recv(r->bed->vhost, fd, sink, sizeof(sink));
		break;
	case 3:
		vhost_send_eof(r->bed->vhost, fd);
		break;
	case 4:
		vhost_reset(r->bed->vhost, fd);
		break;
	case 5:
		vhost_settle(r->bed->vhost, fd, what & 8 ? ECONNREFUSED : 0);
		break;
	case 6:
		vhost_buffers(r->bed->vhost, fd, 1 + (what >> 3) * 8u, 1024);
		r->clean = false;
		break;
	default:
		break;
	}
}

static void
do_time(struct run *r)
{
	static const usec_t steps[] = {USEC_PER_MSEC,      100 * USEC_PER_MSEC, 300 * USEC_PER_MSEC,
				       USEC_PER_SEC,       3 * USEC_PER_SEC,    6 * USEC_PER_SEC,
				       31 * USEC_PER_SEC,  59 * USEC_PER_SEC,   61 * USEC_PER_SEC,
				       130 * USEC_PER_SEC, 200 * USEC_PER_SEC,  1000 * USEC_PER_SEC,
				       3601 * USEC_PER_SEC};

	pass(r, steps[rd_u8(&r->in) % (sizeof(steps) / sizeof(steps[0]))]);
}

static void
do_reload(struct run *r)
{
	struct sluice_config c = r->conf.gateway;
	char err[256];

	/* What was pushed before is judged before. */
	settle(r);
	gate_rules_read(&r->in, &r->rules);
	gate_rules_set(&r->rules, &c);
	if (c.keep_flows)
		gate_keep(r->gate);
	if (sluice_reload(r->bed->gw, &c, err, sizeof(err)) < 0)
		must(err);
	tell_gate(r);
	settle(r);
	if (!c.keep_flows)
		gate_rejudge(r->gate);
	must_be_fine(r);
}

static void
do_own(struct run *r)
{
	uint8_t n = rd_u8(&r->in);
	struct addr a[2] = {gate_addr(16, &r->gate->where),
			    gate_addr((uint8_t)(n & 64 ? 17 : 4), &r->gate->where)};

	settle(r);
	if (!vhost_set_addrs(r->bed->vhost, a, n % 3))
		abort();
	gate_own(r->gate, a, n % 3);
	settle(r);
	gate_rejudge(r->gate);
	must_be_fine(r);
}

static void
do_client(struct run *r)
{
	uint8_t n = rd_u8(&r->in);
	const struct addr loops[] = {addr_v4(0x7f000001), {{[15] = 1}}}, loop = loops[n & 1];
	const struct endpoint at = {loop, n & 2 ? 8123 : 8080};
	struct endpoint from = {gate_addr(n >> 3, &r->gate->where), (uint16_t)(60000 + n)};

	if (n & 4 || addr_family(&from.addr) != addr_family(&loop))
		from.addr = loop;
	if (!(n & 2)) {
		vhost_client(r->bed->vhost, &at, &from);
		return;
	}
	for (size_t i = 0; i < r->bed->gw->nlistener; i++) {
		const struct listener *l = &r->bed->gw->listener[i];

		if (l->udp && addr_family(&l->at.addr) == addr_family(&loop))
			vhost_send_dgram(r->bed->vhost, l->fd, &from, "hi", 2);
	}
}

/* A datagram back to the guest. */
static void
do_dgram(struct run *r)
{
	uint8_t what = rd_u8(&r->in);
	bool ping = what & 1;
	int fd = vhost_find(r->bed->vhost, ping ? HOST_PING : HOST_UDP, what >> 2);
	struct endpoint from = {{{0}}, 0};
	uint8_t reply[16] = {0};

	if (fd < 0 || !vhost_peer(r->bed->vhost, fd, &from) || from.port == 53)
		return;
	if (ping)
		reply[0] = addr_is_v4(&from.addr) ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;
	vhost_send_dgram(r->bed->vhost, fd, &from, reply, sizeof(reply));
}

static void
do_fail(struct run *r)
{
	static const char *const calls[] = {
	    "socket", "connect",  "connect_result", "accept", "readv",   "writev",     "recv",  "send",
	    "arm",    "sendmmsg", "recvmmsg",       "addrs",  "sockerr", "disconnect", "local", "events"};
	static const int errors[] = {ECONNREFUSED, EMFILE,       ENOMEM,      EAGAIN,
				     ECONNRESET,   EHOSTUNREACH, ENETUNREACH, EPIPE};
	uint8_t call = rd_u8(&r->in), how = rd_u8(&r->in);
	int error = errors[how & 7];

	if (r->failures++ >= 16)
		return;
	r->clean = false;
	if (error == EAGAIN && ((call & 15) < 4 || (call & 15) > 10 || (call & 15) == 8))
		error = ENOBUFS;
	/* Without its addresses it goes on with those it had: not what is looked for here. */
	if ((call & 15) != 11)
		vhost_fail(r->bed->vhost, calls[call & 15], 1 + (how >> 3 & 7), error);
}

static void
do_default(struct run *r)
{
	uint8_t how = rd_u8(&r->in) & 7;

	vhost_default(r->bed->vhost, (enum vhost_answer)how);
	r->clean &= how == VHOST_ACCEPT;
}

/* --- one input ---------------------------------------------------------------------------------------------------------------- */

static void (*const records[])(struct run *r) = {
    do_open,   do_hello, do_request, do_words,  do_rest, do_end,    do_udp,   do_ping, do_ask,
    do_answer, do_host,  do_time,    do_reload, do_own,  do_client, do_dgram, do_fail, do_default,
};
#define KINDS (sizeof(records) / sizeof(records[0]))

/* Everything comes to an end, and then it has been given back. */
static void
finish(struct run *r)
{
	const struct sluice *gw = r->bed->gw;
	size_t own = gw->nlistener + (gw->spare_fd >= 0);

	vhost_default(r->bed->vhost, VHOST_ACCEPT);
	settle(r);
	for (int n = 0, fd; (fd = vhost_find(r->bed->vhost, HOST_TCP, n)) >= 0; n++) {
		vhost_settle(r->bed->vhost, fd, ETIMEDOUT);
		vhost_reset(r->bed->vhost, fd);
	}
	pass(r, 3 * 3600 * USEC_PER_SEC);
	must_be(r, gw->pool.used == 0, "bytes of the pool are left after idle hours");
	must_be(r, gw->files == own && vhost_open_count(r->bed->vhost) == own,
		"host sockets are left after idle hours");
	must_be(r, !gw->flows.ready_first && !gw->flows.nheap, "something waits after idle hours");
}

static uint64_t
play(struct run *r, const uint8_t *data, size_t size)
{
	*r = (struct run){.in = rd_of(view_of(data, size)), .sport = 40000};
	read_setting(r);
	r->bed = bed_new(&r->conf);
	r->gate = &gate;
	gate_init(r->gate, r->bed);
	r->gate->no_rebind = r->conf.gateway.no_rebind_protection;
	r->gate->rebind_allow = r->conf.gateway.nrebind_allow ? exempt[0] : NULL;
	r->gate->opens = r->conf.gateway.intercept;
	tell_gate(r);
	for (unsigned n = 0; n < RECORDS && rd_left(&r->in) > 0; n++) {
		uint8_t record = rd_u8(&r->in);

		r->more = record & MORE;
		records[(record & (uint8_t)~MORE) % KINDS](r);
		if (!(record & MORE) || n % 8 == 7)
			settle(r);
	}
	finish(r);
	uint64_t digest = r->gate->effects;
	if (!bed_free(r->bed))
		must("host sockets are left after the gateway");
	gate_done(r->gate);
	return digest;
}

/* The roots of a system are 140 certificates: too many to be read for each input. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
				  "MIIBbzCCARWgAwIBAgIUAxU+al8wbcGjTBiZZeRM+iYFYMQwCgYIKoZIzj0EAwIw\n"
				  "DDEKMAgGA1UEAwwBcjAgFw0yNjExMjMwNjE2NTJaGA8yMTI2MTAzMDA2MTY1Mlow\n"
				  "DDEKMAgGA1UEAwwBcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLGt1VVGbN9T\n"
				  "a1x8WiJR4Y+nco3fRVVUodylrWEwY2UnF6ZCb4xDya1NUjeoSRn0t6pZxtbtjdiR\n"
				  "DKhuyy3a1wajUzBRMB0GA1UdDgQWBBQfn1DaJWXxnOCTZXk5plYVCrRPCTAfBgNV\n"
				  "HSMEGDAWgBQfn1DaJWXxnOCTZXk5plYVCrRPCTAPBgNVHRMBAf8EBTADAQH/MAoG\n"
				  "CCqGSM49BAMCA0gAMEUCIHdGmFLRJZX7vRe+Y+2l5PxsGinEdjEL8yx7kvfQb5tr\n"
				  "AiEAz4rzXOSVFNRRI17Livoemb0UvbumHZ8mFzv6mWveQa4=\n"
				  "-----END CERTIFICATE-----\n";
	int fd = memfd_create("roots", 0);

	(void)argc, (void)argv;
	if (fd < 0 || write(fd, pem, sizeof(pem) - 1) != (ssize_t)sizeof(pem) - 1)
		abort();
	snprintf(roots, sizeof(roots), "/proc/self/fd/%d", fd);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run *r = malloc(sizeof(*r));

	if (!r)
		abort();
	uint64_t first = play(r, data, size);
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	bool again = first % 16 == 0; /* of those that are searched a share will do */
#else
	bool again = true;
#endif
	if (again && play(r, data, size) != first)
		must("the same input gave other frames or calls");
	free(r);
	return 0;
}
