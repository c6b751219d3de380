/*
 * intercept_kit.h - a guest and a server that speak TLS through a whole gateway that opens it
 *
 * Both are ends of tls/ with a state of their own; between them is the bed: the guest's TCP is played here, the server's by the host of
 * memory.  pump() moves everything until nothing moves.  The server's certificates are of an authority that the gateway is told to trust, the
 * guest looks at its leaf with the gateway's own.
 */
#ifndef TEST_UNIT_INTERCEPT_KIT_H
#define TEST_UNIT_INTERCEPT_KIT_H

#include <errno.h>
#include <unistd.h>

#include "proxy/intercept_int.h"
#include "test/unit/judge_kit.h"
#include "tls/ca.h"
#include "tls/leaf.h"
#include "tls/verify.h"

#define NAME "www.good.example"
#ifndef WIRE
#define WIRE (1u << 18) /* bytes on their way in the kit, each direction */
#endif

/* The authority of the servers, and one that nobody trusts. */
static struct far_side {
	struct tls *tls;
	struct tls_ca *ca[2];
	struct leaf_cache *leaves[2];
	char roots[64]; /* a file */
	uint64_t drawn;
} far;

/* One connection: the guest's end, the gateway's flow, the server's end. */
struct conn {
	struct peer p;
	struct tls_end *guest, *server;
	int fd;
	uint32_t una, edge; /* of the gateway's window */
	size_t piece;       /* bytes of a segment at most */
	bool fin, rst;      /* of the gateway, to the guest */
	bool gone;          /* the host's socket is another's now */
	bool fin_sent;
	bool guest_done, server_done;
	enum tls_progress guest_got, server_got;
	size_t in_at, nin, nout;
	uint8_t in[WIRE], out[WIRE];
	size_t nheard,
	    nserved; /* bytes in the clear each has had: those that heard[] and served[] have room for */
	uint64_t guest_sum, server_sum, guest_had, server_had;
	ssize_t guest_end, server_end; /* what reading came to: 1: still reading */
	uint8_t heard[4096], served[4096];
};

#define CONNS 40u
static struct conn *conn[CONNS];
static unsigned nconn;

static inline void
far_fill(void *ctx, void *to, size_t n)
{
	uint64_t *x = ctx;
	uint8_t *p = to;

	for (size_t i = 0; i < n; i++) {
		*x = *x * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(*x >> 56);
	}
}

static inline uint64_t
wall_seconds(void)
{
	return (uint64_t)(conf.start / USEC_PER_SEC);
}

static inline int
far_begin(void **state)
{
	char pem[CA_PEM], key[CA_PEM], why[256];

	(void)state;
	far.drawn = 12345;
	far.tls = tls_new(&(struct tls_random){far_fill, &far.drawn}, &(struct tls_options){.resume_max = 0});
	assert_non_null(far.tls);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(ca_make(far.tls, i ? "nobody" : "far", 1700000000, pem, key));
		far.ca[i] = ca_read(far.tls, view_of(pem, strlen(pem)), view_of(key, strlen(key)), 1700000000,
				    why, sizeof(why));
		assert_non_null(far.ca[i]);
		far.leaves[i] = leaf_cache_new(far.tls, far.ca[i], 16);
		assert_non_null(far.leaves[i]);
		if (i)
			continue;
		snprintf(far.roots, sizeof(far.roots), "/tmp/sluice-roots-XXXXXX");
		int fd = mkstemp(far.roots);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, pem, strlen(pem)), strlen(pem));
		close(fd);
	}
	return 0;
}

static inline int
far_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		leaf_cache_free(far.leaves[i]);
		ca_free(far.ca[i]);
	}
	tls_free(far.tls);
	unlink(far.roots);
	return 0;
}

static inline int
fresh_intercept(void **state)
{
	fresh_events(state);
	conf.start = (usec_t)1700000000 * USEC_PER_SEC;
	conf.gateway.intercept = true;
	conf.gateway.tls_roots = far.roots;
	conf.gateway.memory = 32u << 20;
	nconn = 0;
	return 0;
}

/* A byte has gone between an end and its wire. */
static bool stirred;

/* --- the guest's TCP -------------------------------------------------------------------------------------------------- */

static inline ssize_t
guest_recv(void *ctx, void *to, size_t n)
{
	struct conn *c = ctx;
	size_t have = c->nin - c->in_at;

	if (have == 0)
		return c->rst ? -ECONNRESET : c->fin ? 0 : -EAGAIN;
	n = n < have ? n : have;
	memcpy(to, c->in + c->in_at, n);
	c->in_at += n;
	stirred = true;
	return (ssize_t)n;
}

static inline ssize_t
guest_send(void *ctx, const void *from, size_t n)
{
	struct conn *c = ctx;

	if (c->rst)
		return -ECONNRESET;
	n = n < WIRE - c->nout ? n : WIRE - c->nout;
	if (n == 0)
		return -EAGAIN;
	memcpy(c->out + c->nout, from, n);
	c->nout += n;
	return (ssize_t)n;
}

static inline void
guest_hears(struct conn *c, const struct bed_frame *f)
{
	if (f->is.tcp.flags & TCP_RST) {
		c->rst = true;
		return;
	}
	/* Sent again while nobody listened. */
	if (seq_lt(f->is.tcp.seq, c->p.ack)) {
		peer_send(&c->p, TCP_ACK, NULL, 0);
		return;
	}
	assert_int_equal(f->is.tcp.seq, c->p.ack);
	if (c->in_at > 0) {
		memmove(c->in, c->in + c->in_at, c->nin - c->in_at);
		c->nin -= c->in_at;
		c->in_at = 0;
	}
	assert_true(c->nin + f->is.payload.len <= WIRE);
	memcpy(c->in + c->nin, f->is.payload.p, f->is.payload.len);
	c->nin += f->is.payload.len;
	c->fin |= (f->is.tcp.flags & TCP_FIN) != 0;
	c->p.ack += (uint32_t)f->is.payload.len + (f->is.tcp.flags & TCP_FIN ? 1 : 0);
	c->una = f->is.tcp.ack;
	c->edge = f->is.tcp.ack + f->is.tcp.wnd;
	if (f->is.payload.len || f->is.tcp.flags & TCP_FIN)
		peer_send(&c->p, TCP_ACK, NULL, 0);
}

/* True: there was one. */
static inline bool
take_frames(void)
{
	struct bed_frame *f;
	bool any = false;

	while ((f = next_frame())) {
		assert_null(f->wrong);
		assert_int_equal(f->is.kind, STRICT_TCP);
		for (unsigned i = 0; i < nconn; i++)
			if (conn[i]->p.t.guest.port == f->is.tcp.dport)
				guest_hears(conn[i], f);
		free(f);
		any = true;
	}
	return any;
}

static inline bool
send_segments_of(struct conn *c)
{
	size_t at = 0;

	while (at < c->nout && !c->rst) {
		size_t n = c->nout - at < c->piece ? c->nout - at : c->piece;
		int32_t room = (int32_t)(c->edge - c->p.seq);

		if (room <= 0)
			break;
		n = n < (size_t)room ? n : (size_t)room;
		peer_send(&c->p, TCP_ACK | TCP_PSH, c->out + at, n);
		at += n;
	}
	memmove(c->out, c->out + at, c->nout - at);
	c->nout -= at;
	return at > 0;
}

/* --- the server --------------------------------------------------------------------------------------------------------- */

static inline ssize_t
server_recv(void *ctx, void *to, size_t n)
{
	struct conn *c = ctx;

	if (c->gone || vhost_closed(bed->vhost, c->fd) == 2)
		return -ECONNRESET;
	size_t got = vhost_recv(bed->vhost, c->fd, to, n);
	stirred |= got > 0;
	if (got > 0)
		return (ssize_t)got;
	return vhost_got_eof(bed->vhost, c->fd) || vhost_closed(bed->vhost, c->fd) ? 0 : -EAGAIN;
}

static inline ssize_t
server_send(void *ctx, const void *from, size_t n)
{
	struct conn *c = ctx;

	if (c->gone || vhost_closed(bed->vhost, c->fd))
		return -EPIPE;
	size_t put = vhost_send(bed->vhost, c->fd, from, n);
	stirred |= put > 0;
	return put ? (ssize_t)put : -EAGAIN;
}

/* --- both ----------------------------------------------------------------------------------------------------------------- */

/* One end: a step of its handshake, or a read.  True: something moved. */
static inline bool
step_end(struct tls_end *e, bool *done, enum tls_progress *got, ssize_t *end, uint8_t *to, size_t *n,
	 uint64_t *had, uint64_t *sum)
{
	static uint8_t b[16384];

	if (!e || *end <= 0)
		return false;
	if (!*done) {
		*got = tls_end_step(e);
		*done = *got == TLS_DONE;
		if (*got == TLS_FAILED)
			*end = -EPROTO;
		return *got == TLS_MORE || *got == TLS_DONE;
	}
	tls_end_flush(e);
	ssize_t r = tls_end_read(e, b, sizeof(b));
	if (r == -EAGAIN)
		return tls_end_has_readable(e);
	if (r <= 0) {
		*end = r;
		return true;
	}
	size_t room = 4096 - *n, put = (size_t)r < room ? (size_t)r : room;
	memcpy(to + *n, b, put);
	*n += put;
	for (ssize_t i = 0; i < r; i++)
		*sum = *sum * 31 + b[i];
	*had += (uint64_t)r;
	return true;
}

static inline bool
pump_once(void)
{
	bool moved = take_frames();

	stirred = false;
	for (unsigned i = 0; i < nconn; i++) {
		struct conn *c = conn[i];

		moved |= step_end(c->guest, &c->guest_done, &c->guest_got, &c->guest_end, c->heard,
				  &c->nheard, &c->guest_had, &c->guest_sum);
		moved |= step_end(c->server, &c->server_done, &c->server_got, &c->server_end, c->served,
				  &c->nserved, &c->server_had, &c->server_sum);
		moved |= send_segments_of(c);
	}
	return moved || stirred;
}

static inline void
pump(void)
{
	while (pump_once())
		;
}

/* A connection to the host, whose TCP is open on both sides; no TLS yet. */
static inline struct conn *
connect_tcp(uint16_t sport, const char *to, uint16_t port)
{
	struct conn *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	assert_true(nconn < CONNS);
	c->p = peer_to(sport, at(to, port));
	peer_send(&c->p, TCP_SYN, NULL, 0);
	struct bed_frame *f = peer_expect(&c->p, TCP_SYN | TCP_ACK);
	c->una = c->p.seq;
	c->edge = c->p.seq + f->is.tcp.wnd;
	free(f);
	peer_send(&c->p, TCP_ACK, NULL, 0);
	bed_settle(bed);
	c->fd = peer_fd(&c->p);
	for (unsigned i = 0; i < nconn; i++)
		conn[i]->gone |= conn[i]->fd == c->fd;
	c->piece = 1400;
	c->guest_end = c->server_end = 1;
	conn[nconn++] = c;
	return c;
}

struct far_options {
	const char *name; /* NULL: the guest tells none */
	const char *cert; /* the server's certificate is for it; NULL: for name, or the address */
	bool nobody;      /* of the authority nobody trusts */
	const char *alpn; /* of the server */
	struct tls_alpn offer;
	const struct tls_identity *identity; /* of the server, instead */
};

static inline const struct tls_identity *
far_leaf(const struct far_options *o, const struct addr *a)
{
	const char *text = o->cert ? o->cert : o->name;
	struct name n;

	if (o->identity)
		return o->identity;
	if (text)
		n = name_of(text);
	const struct tls_identity *i = leaf_keep(far.leaves[o->nobody], text ? &n : NULL, a, 1700000000);
	assert_non_null(i);
	leaf_drop(far.leaves[o->nobody], i);
	return i;
}

/* TLS at both ends; nothing has moved. */
static inline struct conn *
connect_tls(uint16_t sport, const struct far_options *o)
{
	struct conn *c = connect_tcp(sport, PUBLIC4, 443);
	struct addr a = addr_of(PUBLIC4);
	struct name n;

	if (o->name)
		n = name_of(o->name);
	c->server = tls_server_new(far.tls, &(struct tls_io){server_recv, server_send, c}, far_leaf(o, &a),
				   o->alpn ? o->alpn : "");
	c->guest = tls_client_new(far.tls, &(struct tls_io){guest_recv, guest_send, c},
				  &(struct tls_client){.name = o->name ? &n : NULL,
						       .addr = a,
						       .port = sport, /* no session is another's */
						       .alpn = o->offer.n ? &o->offer : NULL,
						       .now = bed_now(bed)});
	assert_non_null(c->server);
	assert_non_null(c->guest);
	return c;
}

/* The whole of both handshakes, through the gateway. */
static inline struct conn *
open_tls_to(uint16_t sport, const struct far_options *o)
{
	struct conn *c = connect_tls(sport, o);

	pump();
	if (!c->guest_done || !c->server_done)
		print_message("guest: %s; server: %s; log: %s; event: %s %s\n", tls_end_why(c->guest),
			      tls_end_why(c->server), last_log, nseen ? seen[nseen - 1].e.text : "",
			      nseen && seen[nseen - 1].e.detail ? seen[nseen - 1].e.detail : "");
	assert_true(c->guest_done);
	assert_true(c->server_done);
	return c;
}

/* The guest likes what it was shown, with the gateway's CA. */
static inline void
guest_trusts(struct conn *c, const char *name)
{
	const char *pem = interception_ca(bed->gw->intercept), *why = "";
	struct tls_roots *roots = tls_roots_read(view_of(pem, strlen(pem)), view_of(NULL, 0), NULL, &why);
	struct view cert[4];
	struct name n;
	struct verify_answer a;
	struct verify_question q = {
	    .roots = roots, .cert = cert, .addr = addr_of(PUBLIC4), .now = 1700000000};

	assert_non_null(roots);
	if (name) {
		n = name_of(name);
		q.name = &n;
	}
	q.n = tls_end_peer_chain(c->guest, cert, 4);
	if (!tls_verify(&q, &a))
		fail_msg("%s", a.text);
	tls_roots_free(roots);
}

static inline void
end_writes(struct tls_end *e, const void *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t r = tls_end_write(e, (const uint8_t *)p + at, n - at);

		assert_true(r > 0 || r == -EAGAIN);
		if (r > 0)
			at += (size_t)r;
		tls_end_flush(e);
		pump_once();
	}
}

static inline void
guest_writes(struct conn *c, const char *text)
{
	end_writes(c->guest, text, strlen(text));
	pump();
}

static inline void
server_writes(struct conn *c, const char *text)
{
	end_writes(c->server, text, strlen(text));
	pump();
}

static inline void
guest_fin(struct conn *c)
{
	pump();
	peer_send(&c->p, TCP_ACK | TCP_FIN, NULL, 0);
	c->fin_sent = true;
	pump();
}

static inline void
served(struct conn *c, const char *text)
{
	assert_int_equal(c->nserved, strlen(text));
	assert_memory_equal(c->served, text, c->nserved);
	c->nserved = 0;
}

static inline void
heard_text(struct conn *c, const char *text)
{
	assert_int_equal(c->nheard, strlen(text));
	assert_memory_equal(c->heard, text, c->nheard);
	c->nheard = 0;
}

/* The guest has had exactly this, before any TLS. */
static inline void
guest_has(struct conn *c, const void *bytes, size_t n)
{
	assert_int_equal(c->nin - c->in_at, n);
	assert_memory_equal(c->in + c->in_at, bytes, n);
	c->in_at = c->nin;
}

static inline void
all_gone(void)
{
	for (unsigned i = 0; i < nconn; i++) {
		tls_end_free(conn[i]->guest);
		tls_end_free(conn[i]->server);
		free(conn[i]);
	}
	nconn = 0;
}

/* Everything is given back. */
static inline void
end_intercept(void)
{
	if (bed->gw->intercept) {
		struct interception *x = bed->gw->intercept;

		if (open_flows(FLOW_TCP) == 0) {
			assert_int_equal(x->open, 0);
			assert_int_equal(x->handshakes, 0);
			assert_int_equal(bed->gw->bodies, 0);
			assert_null(x->queue[QUEUE_PLACE].first);
			assert_null(x->queue[QUEUE_TURN].first);
		}
	}
	end();
	all_gone();
}

#endif
