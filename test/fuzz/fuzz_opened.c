/*
 * fuzz_opened.c - connections that the gateway opens: a policy, a guest and servers that speak real TLS, around a whole gateway
 *
 * An input is a byte of setting, a policy (gate_rules.h), and records: connections (the name told, whose certificate the server has, how
 * its bytes are cut), requests inside (gate_wire.h), what servers answer, ends, bytes changed on their way, time.
 *
 * Oracles: what a server reads in the clear is requests, each of which the plain reading of the policy allows for the name that TLS was
 * told, or, where that allows it, no HTTP at all; a server whose certificate is not good reads nothing; a handshake and a first request
 * that are allowed and sound come to pass, and a refused one is answered; everything is given back; the same input is the same in the
 * clear.  (Not sealed: the library tells the time in its hellos.)
 */
#include <fcntl.h>

#include "test/bed/gate_int.h"
#include "test/bed/gate_rules.h"
#include "test/bed/gate_wire.h"
#include "test/fuzz/wire_kit.h"
#include "test/unit/intercept_kit.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

#define RECORDS 40u
#define SLOTS 4u
#define NAMES 9u /* of gate_name(): the gateway's own are not for servers */
#define DRAWN 12345u

/* What a server was told in the clear. */
struct inside {
	struct conn *conn; /* NULL: there is none */
	struct name sni;
	bool good;             /* its certificate */
	bool hurt;             /* bytes were changed on their way */
	bool upgrades, agreed; /* the last request asked for another protocol; a server said 101 */
	bool answers_first;    /* the server does */
	bool opaque;           /* no HTTP, or another protocol by now */
	bool judged;           /* the request that begins at `at` was */
	unsigned requests;
	uint8_t text[1 << 14];
	size_t n, at;
};

struct run {
	struct rd in;
	struct gate_rules rules;
	struct inside slot[SLOTS];
	bool strangers; /* a certificate was not good: that is remembered for its name */
	uint16_t sport;
	uint64_t digest;
};

static struct gate gate; /* holds policy and evidence; it watches nothing */

static void
digest(struct run *r, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		r->digest = (r->digest ^ ((const uint8_t *)p)[i]) * UINT64_C(0x100000001b3);
}

/* --- judgments ------------------------------------------------------------------------------------------------ */

static enum verdict
decided(const struct name *sni, enum claim requests, const struct policy_request *request)
{
	struct naive_policy p = gate_naive(&gate, false);
	struct policy_question q = {.proto = IP_PROTO_TCP,
				    .remote = addr_of(PUBLIC4),
				    .port = 443,
				    .claim = sni ? CLAIM_TOLD : CLAIM_PENDING,
				    .told = sni,
				    .requests = requests,
				    .request = request};
	struct policy_answer a;

	naive_decide(&p, &q, &a);
	return a.verdict;
}

static bool
is_allowed(const struct inside *s, const struct naive_request *q)
{
	const struct policy_request req = {.tls = true, .method = q->method, .path = q->path};

	/* The host must be the one that TLS was told. */
	return q->named && name_eq(&q->name, &s->sni) && decided(&s->sni, CLAIM_TOLD, &req) == VERDICT_ALLOW;
}

/* The length of a body as far as it is there. */
static size_t
body_of(const struct naive_request *q, const uint8_t *p, size_t left, bool *done)
{
	*done = true;
	if (q->chunked)
		return naive_chunks_read(p, left, done);
	*done = left >= q->length;
	return *done ? (size_t)q->length : left;
}

static void
judge_inside(struct inside *s)
{
	struct naive_request q;
	bool done = true;

	/* What follows an Upgrade that was agreed to is its own affair. */
	s->opaque |= s->upgrades && s->agreed;
	while (s->at < s->n && !s->opaque && done) {
		size_t left = s->n - s->at;
		enum naive_reading got = naive_request_read(s->text + s->at, left, &q);

		if (got == NAIVE_MORE && !s->conn->server_end)
			got = NAIVE_NOT;
		if (got == NAIVE_MORE && !s->answers_first)
			return;
		/* Where the server speaks first, what is said to it is no HTTP, whatever it looks like. */
		bool allowed = got == NAIVE_DONE && is_allowed(s, &q);
		if (s->requests == 0 && (got == NAIVE_NOT || (s->answers_first && !allowed))) {
			must(decided(&s->sni, CLAIM_NONE, NULL) == VERDICT_ALLOW);
			s->opaque = true;
			return;
		}
		must(got == NAIVE_DONE);
		must(s->judged || allowed);
		s->requests += !s->judged;
		s->judged = true;
		size_t body = body_of(&q, s->text + s->at + q.head, left - q.head, &done);
		s->upgrades = q.upgrade;
		if (!done)
			return;
		s->at += q.head + body;
		s->judged = false;
	}
}

static void
settle(struct run *r)
{
	pump();
	for (unsigned i = 0; i < SLOTS; i++) {
		struct inside *s = &r->slot[i];
		struct conn *c = s->conn;

		if (!c)
			continue;
		must(s->good || c->nserved == 0);
		must(!c->server_done || decided(&s->sni, CLAIM_PENDING, NULL) <= VERDICT_PEEK);
		digest(r, c->served, c->nserved);
		digest(r, c->heard, c->nheard);
		/* More than the kit keeps: what is lost cannot be judged. */
		s->opaque |= c->nserved == sizeof(c->served) || s->n + c->nserved > sizeof(s->text);
		if (!s->opaque) {
			memcpy(s->text + s->n, c->served, c->nserved);
			s->n += c->nserved;
		}
		c->nserved = 0;
		judge_inside(s);
	}
}

/* --- records ---------------------------------------------------------------------------------------------------- */

static struct inside *
read_slot(struct run *r)
{
	return &r->slot[rd_u8(&r->in) % SLOTS];
}

static void
do_open(struct run *r)
{
	struct inside *s = read_slot(r);
	uint8_t name = rd_u8(&r->in) % NAMES, cert = rd_u8(&r->in), cut = rd_u8(&r->in);
	struct far_options o = {.name = gate_name(name)};

	if (s->conn || decided(NULL, CLAIM_PENDING, NULL) > VERDICT_PEEK)
		return;
	/* Another's name, another's authority. */
	o.cert = cert & 64 ? gate_name(cert % NAMES) : NULL;
	o.nobody = cert & 128;
	if (cut & 1) {
		o.alpn = "http/1.1";
		o.offer = (struct tls_alpn){1, {"http/1.1"}};
	}
	*s = (struct inside){.sni = name_of(o.name),
			     .good = !o.nobody && !(o.cert && strcmp(o.cert, o.name) != 0)};
	r->strangers |= !s->good;
	s->conn = connect_tls(r->sport++, &o);
	if (cut & 2)
		s->conn->piece = 40 + cut;
	settle(r);
	if (!r->strangers && decided(&s->sni, CLAIM_PENDING, NULL) <= VERDICT_PEEK)
		must(s->conn->guest_done && s->conn->server_done);
}

/* As much as is taken. */
static bool
write_to(struct run *r, struct tls_end *e, const void *p, size_t n)
{
	size_t at = 0;

	for (unsigned tries = 0; at < n && tries < 16; tries++) {
		ssize_t got = tls_end_write(e, (const uint8_t *)p + at, n - at);

		if (got < 0 && got != -EAGAIN)
			return false;
		at += got > 0 ? (size_t)got : 0;
		tls_end_flush(e);
		settle(r);
	}
	return at == n;
}

static bool
guest_may_write(const struct inside *s)
{
	const struct conn *c = s->conn;

	return c && c->guest_done && c->guest_end > 0 && !c->rst && !c->fin_sent;
}

/* One that no two readers end differently, and that asks for what TLS was told. */
static bool
is_plain(const struct inside *s, const struct naive_request *q, size_t n)
{
	return !q->connect && !q->chunked && !q->length && !q->upgrade && q->head == n && q->named &&
	       name_eq(&q->name, &s->sni) && !q->port && q->target.len > 0 && q->target.p[0] == '/' &&
	       !memchr(q->target.p, '%', q->target.len) && !memmem(q->target.p, q->target.len, "..", 2);
}

static void
do_request(struct run *r)
{
	struct inside *s = read_slot(r);
	char text[GATE_WIRE];
	size_t n = gate_write_request(text, &r->in);
	struct naive_request q;

	enum naive_reading got = naive_request_read((const uint8_t *)text, n, &q);
	/* Tunnels inside are another target's. */
	if (!guest_may_write(s) || (got == NAIVE_DONE && q.connect))
		return;
	bool first = !s->hurt && s->conn->server_done && s->n == 0 && !s->answers_first &&
		     s->conn->nheard == 0 && s->good;
	bool whole = write_to(r, s->conn->guest, text, n);
	settle(r);
	if (!first || !whole || s->conn->server_end <= 0 || got != NAIVE_DONE || !is_plain(s, &q, n))
		return;
	if (is_allowed(s, &q))
		must(s->requests > 0);
	else
		must(s->requests == 0 && (s->conn->nheard > 0 || s->conn->guest_end <= 0 || s->conn->rst));
}

static void
do_words(struct run *r)
{
	struct inside *s = read_slot(r);
	size_t n = rd_u8(&r->in) % 64u;

	n = n < rd_left(&r->in) ? n : rd_left(&r->in);
	struct view v = rd_take(&r->in, n);
	if (n && guest_may_write(s))
		write_to(r, s->conn->guest, v.p, n);
}

static void
do_answer(struct run *r)
{
	static const char *const texts[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
	    "HTTP/1.1 204 No\r\n\r\n",
	    "HTTP/1.1 100 Continue\r\n\r\n",
	    "HTTP/1.0 200 OK\r\n\r\nuntil the end",
	    "SSH-2.0-server\r\n",
	    "x"};
	struct inside *s = read_slot(r);
	uint8_t which = rd_u8(&r->in);

	if (!s->conn || !s->conn->server_done || s->conn->server_end <= 0)
		return;
	s->answers_first |= s->n == 0;
	s->agreed |= (which & 7) == 2;
	write_to(r, s->conn->server, texts[which & 7], strlen(texts[which & 7]));
}

static void
do_end(struct run *r)
{
	struct inside *s = read_slot(r);
	uint8_t how = rd_u8(&r->in);
	struct conn *c = s->conn;

	if (!c)
		return;
	s->hurt = true;
	switch (how & 3) {
	case 0:
		if (guest_may_write(s))
			tls_end_close(c->guest);
		break;
	case 1:
		if (!c->fin_sent && !c->rst)
			guest_fin(c);
		break;
	case 2:
		if (c->server_done && c->server_end > 0)
			tls_end_close(c->server);
		break;
	default:
		if (!c->gone)
			vhost_reset(bed->vhost, c->fd);
		break;
	}
}

/* A byte that the guest is about to send is another. */
static void
do_hurt(struct run *r)
{
	struct inside *s = read_slot(r);
	uint8_t at = rd_u8(&r->in), with = rd_u8(&r->in);

	if (!guest_may_write(s))
		return;
	s->hurt = true;
	tls_end_write(s->conn->guest, "GET / HTTP/1.1\r\n", 16);
	tls_end_flush(s->conn->guest);
	if (s->conn->nout)
		s->conn->out[at % s->conn->nout] ^= with;
}

static void
do_time(struct run *r)
{
	static const usec_t steps[] = {USEC_PER_MSEC, 300 * USEC_PER_MSEC, 6 * USEC_PER_SEC,
				       70 * USEC_PER_SEC};
	usec_t until = bed_now(bed) + steps[rd_u8(&r->in) % 4];

	while (bed_now(bed) < until) {
		bed_until_frame(bed, until);
		settle(r);
	}
}

static void (*const records[])(struct run *r) = {do_open,   do_request, do_words, do_answer,
						 do_answer, do_end,     do_hurt,  do_time};

/* --- one input ----------------------------------------------------------------------------------------------------- */

static void
know_where(void)
{
	struct addr a = addr_of(PUBLIC4);

	gate_done(&gate);
	memset(&gate, 0, sizeof(gate));
	gate.bed = bed;
	for (unsigned fam = 0; fam < FAMILIES; fam++) {
		gate.where.gateway[fam] = bed->gw->stack.cfg.net[fam].gateway;
		gate.where.dns[fam] = bed->gw->stack.cfg.net[fam].dns;
	}
	gate_own(&gate, NULL, 0);
	/* What was looked up: the first five. */
	for (uint8_t i = 0; i < 5; i++) {
		resolved(gate_name(i), PUBLIC4, 3600);
		gate.said[gate.nsaid++] = (struct naive_fact){name_of(gate_name(i)), a, TIME_NEVER};
	}
}

static uint64_t
play(struct run *r, const uint8_t *data, size_t size)
{
	struct rules own, floor;

	*r = (struct run){.in = rd_of(view_of(data, size)), .sport = 1000};
	far.drawn = DRAWN;
	fresh_intercept(NULL);
	conf.seed = rd_u8(&r->in);
	gate_rules_read(&r->in, &r->rules);
	gate_rules_set(&r->rules, &conf.gateway);
	begin();
	know_where();
	gate_rules_naive(&r->rules, &own, &floor);
	gate_policy(&gate, &own, &floor, r->rules.floored);
	for (unsigned n = 0; n < RECORDS && rd_left(&r->in) > 0; n++) {
		records[rd_u8(&r->in) % (sizeof(records) / sizeof(records[0]))](r);
		settle(r);
	}
	for (unsigned i = 0; i < nconn; i++)
		if (!conn[i]->gone)
			vhost_reset(bed->vhost, conn[i]->fd);
	pump();
	bed_until(bed, bed_now(bed) + 3 * 3600 * USEC_PER_SEC);
	pass_over();
	must(bed->gw->pool.used == 0 && open_flows(FLOW_TCP) == 0);
	end_intercept();
	return r->digest;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	far_begin(NULL);
	/* Nothing is left of the file. */
	int fd = open(far.roots, O_RDONLY | O_CLOEXEC);
	must(fd >= 0 && unlink(far.roots) == 0);
	snprintf(far.roots, sizeof(far.roots), "/proc/self/fd/%d", fd);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run *r = calloc(1, sizeof(*r));

	must(r);
	uint64_t first = play(r, data, size);
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	bool again = first % 16 == 0; /* of those that are searched a share will do */
#else
	bool again = true;
#endif
	must(!again || play(r, data, size) == first);
	free(r);
	return 0;
}
