/*
 * gate.c - what may leave through a gateway: judgments, connections, datagrams, clients
 */
#include "test/bed/gate_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "dns/local.h"
#include "link/vhost_int.h"
#include "proxy/endpoint.h"
#include "stack/ip_wire.h"

#define PUBLISHED_TCP 80u /* ports of the guest's that are */
#define PUBLISHED_UDP 123u

/* --- what is wrong ------------------------------------------------------------------------------------------ */

void
gate_complain(struct gate *g, const char *what, const char *about)
{
	if (!g->complaint[0] && !g->blind)
		snprintf(g->complaint, sizeof(g->complaint), "%s: %s", what, about);
}

static void
complain_of(struct gate *g, const char *what, uint8_t proto, const struct endpoint *to)
{
	char text[ENDPOINT_TEXT], about[ENDPOINT_TEXT + 32];

	snprintf(about, sizeof(about), "protocol %u to %s", proto, endpoint_text(to, text));
	gate_complain(g, what, about);
}

/* FNV-1a. */
void
gate_digest(struct gate *g, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		g->effects = (g->effects ^ b[i]) * UINT64_C(0x100000001b3);
}

void
gate_append(uint8_t **to, size_t *n, size_t *room, struct view bytes)
{
	if (bytes.len == 0)
		return;
	if (*n + bytes.len > *room) {
		*room = (*n + bytes.len) * 2;
		*to = realloc(*to, *room);
		if (!*to)
			abort();
	}
	memcpy(*to + *n, bytes.p, bytes.len);
	*n += bytes.len;
}

/* --- judgments ---------------------------------------------------------------------------------------------- */

struct naive_policy
gate_naive(const struct gate *g, bool told)
{
	return (struct naive_policy){
	    .own = &g->own,
	    .floor = g->floored ? &g->floor : NULL,
	    .where = &g->where,
	    .now = bed_now(g->bed),
	    .fact = told ? g->told : g->said,
	    .nfact = told ? g->ntold : g->nsaid,
	    .list = g->list,
	    .nlist = g->nlist,
	};
}

static bool
is_refusal(enum verdict v)
{
	return v == VERDICT_DENY || v == VERDICT_DROP;
}

/* The ways to ask for names that are refused beside the rules, unless a written rule has that very port. */
static bool
is_name_service(const struct gate *g, const struct policy_question *q, const struct rule *r)
{
	bool is = q->proto == IP_PROTO_TCP ? q->port == 853 && !g->opens
					   : q->proto == IP_PROTO_UDP && (q->port == 853 || q->port == 5353 ||
									  q->port == 5355 || q->port == 137);

	if (!is || q->ingress)
		return false;
	for (unsigned i = 0; r && !r->profile && i < r->nproto; i++)
		for (unsigned k = 0; r->proto[i].proto == q->proto && k < r->proto[i].nport; k++)
			if (r->proto[i].port[k].first <= q->port && q->port <= r->proto[i].port[k].last)
				return false;
	return true;
}

static enum verdict
decide(struct gate *g, const struct policy_question *q, bool told)
{
	struct naive_policy p = gate_naive(g, told);
	struct policy_answer a;

	naive_decide(&p, q, &a);
	if (!is_refusal(a.verdict) && is_name_service(g, q, a.rule))
		return VERDICT_DENY;
	/* A name in QUIC is one that nobody reads. */
	if (a.verdict == VERDICT_PEEK && q->proto != IP_PROTO_TCP)
		return VERDICT_DENY;
	return a.verdict;
}

static bool
is_gateway(const struct gate *g, const struct addr *a)
{
	return addr_eq(a, &g->where.gateway[addr_family(a)]);
}

enum verdict
gate_mildest(struct gate *g, const struct policy_question *q, const struct name *proof, unsigned n)
{
	static const char host[] = DNS_HOST_NAME;
	enum verdict best = VERDICT_DROP;
	struct policy_question asked = *q;
	struct name own;

	name_parse(host, sizeof(host) - 1, &own);
	for (unsigned i = 0; i < (n + 2) * 2 && best != VERDICT_ALLOW; i++) {
		unsigned which = i / 2;

		/* Its address is what that name means, to a guest that never asked, too. */
		asked.proof = which < n ? &proof[which] : NULL;
		if (which == n + 1 && !(is_gateway(g, &asked.remote) && !asked.ingress))
			break;
		if (which == n + 1)
			asked.proof = &own;
		/* Nothing is known: both readings are the same. */
		if ((i & 1) && g->nsaid == 0 && g->ntold == 0)
			continue;
		enum verdict v = decide(g, &asked, i & 1);
		best = v < best ? v : best;
	}
	return best;
}

enum verdict
gate_strictest(struct gate *g, const struct policy_question *q)
{
	enum verdict said = decide(g, q, false), told = decide(g, q, true);

	return said > told ? said : told;
}

unsigned
gate_names(const struct gate *g, const struct addr *a, struct name *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = g->nsaid; i-- > 0 && n < max;)
		if (g->said[i].until > bed_now(g->bed) && addr_eq(&g->said[i].addr, a))
			out[n++] = g->said[i].name;
	return n;
}

void
gate_add_proofs(const struct gate *g, const struct addr *a, struct name *proof, unsigned *n)
{
	if (*n < GATE_PROOFS)
		*n += gate_names(g, a, proof + *n, GATE_PROOFS - *n);
}

struct policy_question
gate_question(const struct gate_conn *c)
{
	return (struct policy_question){
	    .proto = IP_PROTO_TCP,
	    .remote = c->tuple.remote.addr,
	    .port = c->tuple.remote.port,
	    .claim = CLAIM_PENDING,
	    .requests = CLAIM_PENDING,
	};
}

static struct policy_question
question_to(uint8_t proto, const struct endpoint *to)
{
	bool quic = proto == IP_PROTO_UDP && to->port == 443;
	bool tcp = proto == IP_PROTO_TCP && to->port != 53;

	return (struct policy_question){
	    .proto = proto,
	    .remote = to->addr,
	    .port = to->port,
	    .claim = tcp || quic ? CLAIM_PENDING : CLAIM_NONE,
	    .requests = tcp ? CLAIM_PENDING : CLAIM_NONE,
	};
}

enum verdict
gate_would(struct gate *g, uint8_t proto, const struct endpoint *to, bool certain)
{
	struct policy_question q = question_to(proto, to);

	return certain ? gate_strictest(g, &q) : gate_mildest(g, &q, NULL, 0);
}

static enum verdict
would_let_in(struct gate *g, uint8_t proto, const struct addr *client)
{
	struct policy_question q = {
	    .ingress = true,
	    .proto = proto,
	    .remote = *client,
	    .port = proto == IP_PROTO_TCP ? PUBLISHED_TCP : PUBLISHED_UDP,
	    .claim = CLAIM_NONE,
	    .requests = CLAIM_NONE,
	};

	return decide(g, &q, false);
}

/* --- the guest ---------------------------------------------------------------------------------------------- */

static bool
same_end(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_eq(&a->addr, &b->addr);
}

static bool
was_tried(const struct gate *g, uint8_t proto, const struct endpoint *to)
{
	for (unsigned i = 0; i < g->ntried; i++)
		if (g->tried[i].proto == proto && same_end(&g->tried[i].to, to))
			return true;
	return false;
}

void
gate_tries(struct gate *g, uint8_t proto, const struct endpoint *to)
{
	if (was_tried(g, proto, to))
		return;
	g->blind |= g->ntried == GATE_TRIED;
	if (g->ntried < GATE_TRIED)
		g->tried[g->ntried++] = (struct gate_tried){proto, *to};
}

struct gate_conn *
gate_opens(struct gate *g, const struct tuple *t, bool inbound)
{
	for (unsigned i = 0; i < GATE_CONNS; i++) {
		struct gate_conn *c = &g->conn[i];

		if (c->used)
			continue;
		*c = (struct gate_conn){.used = true, .inbound = inbound, .tuple = *t, .fd = -1};
		if (!inbound)
			gate_tries(g, IP_PROTO_TCP, &t->remote);
		return c;
	}
	return NULL;
}

void
gate_forget(struct gate_conn *c)
{
	free(c->said);
	free(c->given);
	*c = (struct gate_conn){.fd = -1};
}

void
gate_says(struct gate *g, struct gate_conn *c, struct view bytes)
{
	gate_append(&c->said, &c->nsaid, &c->room, bytes);
	gate_measure(g, c);
}

/* --- sockets -------------------------------------------------------------------------------------------------- */

static struct gate_sock *
sock_of(struct gate *g, int fd)
{
	size_t i = (size_t)fd - VHOST_FIRST_FD;

	if (fd >= VHOST_FIRST_FD && i < GATE_SOCKETS)
		return &g->sock[i];
	g->blind |= i >= GATE_SOCKETS;
	return NULL;
}

static void
empty(struct gate_sock *s)
{
	free(s->in);
	free(s->out);
	*s = (struct gate_sock){.kind = GATE_NONE};
}

/* The connection whose host end this is. */
static struct gate_conn *
conn_of(struct gate *g, int fd)
{
	for (unsigned i = 0; i < GATE_CONNS; i++) {
		struct gate_conn *c = &g->conn[i];
		const struct tcp_flow *tf = c->used ? bed_tcp(g->bed, &c->tuple) : NULL;

		if (tf && tf->flow.fd == fd)
			return c;
	}
	return NULL;
}

static bool
leads_to(const struct gate *g, const struct endpoint *remote, const struct endpoint *to)
{
	if (remote->port != to->port)
		return false;
	return addr_eq(&remote->addr, &to->addr) ||
	       (is_gateway(g, &remote->addr) && addr_is_loopback(&to->addr));
}

static void
connects_tcp(struct gate *g, int fd, const struct endpoint *to)
{
	struct gate_conn *c = conn_of(g, fd);

	g->nconnect++;
	if (!c || !leads_to(g, &c->tuple.remote, to)) {
		complain_of(g, "a connection that the guest did not ask for", IP_PROTO_TCP, to);
		return;
	}
	struct policy_question q = gate_question(c);
	/* One that was kept may still be on its way: the gateway's name is two loopbacks. */
	if (!c->kept && is_refusal(gate_mildest(g, &q, c->proof, c->nproof)))
		complain_of(g, "a connection that policy refuses", IP_PROTO_TCP, &c->tuple.remote);
	gate_add_proofs(g, &c->tuple.remote.addr, c->proof, &c->nproof);
	c->fd = fd;
}

static void
spied_connect(void *ctx, int fd, const struct endpoint *to)
{
	struct gate *g = ctx;
	struct gate_sock *s = sock_of(g, fd);
	const struct vhost_sock *is = vhost_sock(g->bed->vhost, fd);
	usec_t now = bed_now(g->bed);

	if (!s || !is)
		return;
	empty(s);
	s->open = true;
	s->to = *to;
	s->proto = is->kind == HOST_TCP    ? IP_PROTO_TCP
		   : is->kind == HOST_UDP  ? IP_PROTO_UDP
		   : addr_is_v4(&to->addr) ? IP_PROTO_ICMP
					   : IP_PROTO_ICMPV6;
	gate_digest(g, &now, sizeof(now));
	gate_digest(g, to->addr.b, sizeof(to->addr.b));
	gate_digest(g, &to->port, sizeof(to->port));
	if (to->port == 53 && is->kind != HOST_PING) {
		s->kind = GATE_DNS;
		return;
	}
	s->kind = is->kind == HOST_TCP ? GATE_TCP : is->kind == HOST_UDP ? GATE_UDP : GATE_PING;
	if (s->kind == GATE_TCP)
		connects_tcp(g, fd, to);
}

static void
forget_peers(struct gate *g, int fd)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->npeer; i++)
		if (g->peer[i].fd != fd)
			g->peer[n++] = g->peer[i];
	g->npeer = n;
}

static void
spied_close(void *ctx, int fd)
{
	struct gate *g = ctx;
	struct gate_sock *s = sock_of(g, fd);

	if (s)
		empty(s);
	forget_peers(g, fd);
	for (unsigned i = 0; i < GATE_CONNS; i++)
		if (g->conn[i].fd == fd)
			g->conn[i].fd = -1;
}

static void
spied_accept(void *ctx, int fd, const struct endpoint *client)
{
	struct gate *g = ctx;
	struct gate_sock *s = sock_of(g, fd);

	if (!s)
		return;
	empty(s);
	*s = (struct gate_sock){.kind = GATE_CLIENT, .open = true, .to = *client};
	s->refused = is_refusal(would_let_in(g, IP_PROTO_TCP, &client->addr));
	g->clients += !s->refused;
}

/* --- bytes and datagrams --------------------------------------------------------------------------------------- */

static struct view
gathered(const struct iovec *iov, int n, size_t len)
{
	static uint8_t whole[1 << 17];
	size_t at = 0;

	for (int i = 0; i < n && at < len; i++) {
		size_t part = iov[i].iov_len < len - at ? iov[i].iov_len : len - at;

		if (at + part > sizeof(whole))
			abort();
		if (part > 0)
			memcpy(whole + at, iov[i].iov_base, part);
		at += part;
	}
	return view_of(whole, at);
}

static struct gate_peer *
peer_of(struct gate *g, int fd, const struct endpoint *to)
{
	for (unsigned i = 0; i < g->npeer; i++)
		if (g->peer[i].fd == fd && same_end(&g->peer[i].to, to))
			return &g->peer[i];
	return NULL;
}

static bool
still_passes(struct gate *g, struct gate_peer *p)
{
	struct policy_question q = question_to(p->proto, &p->remote);

	return p->kept || gate_mildest(g, &q, p->proof, p->nproof) == VERDICT_ALLOW;
}

/* What the guest calls where this goes: the host has two loopbacks, and the gateway two addresses. */
static bool
passes_first(struct gate *g, struct gate_peer *p)
{
	struct endpoint as[FAMILIES + 1] = {p->to, p->to, p->to};
	unsigned n = 1;

	if (addr_is_loopback(&p->to.addr))
		for (unsigned fam = 0; fam < FAMILIES; fam++)
			as[n++].addr = g->where.gateway[fam];
	for (unsigned i = 0; i < n; i++) {
		p->remote = as[i];
		if (was_tried(g, p->proto, &p->remote) && still_passes(g, p))
			return true;
	}
	return false;
}

static void
sends_to(struct gate *g, int fd, uint8_t proto, const struct endpoint *to)
{
	struct gate_peer *p = peer_of(g, fd, to);

	g->ndgram++;
	if (p) {
		if (!still_passes(g, p))
			complain_of(g, "a datagram that policy refuses by now", proto, &p->remote);
		gate_add_proofs(g, &p->remote.addr, p->proof, &p->nproof);
		return;
	}
	if (g->npeer == GATE_PEERS) {
		g->blind = true;
		return;
	}
	p = &g->peer[g->npeer++];
	*p = (struct gate_peer){.fd = fd, .proto = proto, .to = *to, .remote = *to};
	/* A flow that was kept, and none of whose datagrams the host has taken yet. */
	const struct gate_sock *s = sock_of(g, fd);
	p->kept = s && s->kept && addr_eq(&s->to.addr, &to->addr) && s->to.port == to->port;
	if (!p->kept && !passes_first(g, p))
		complain_of(g, "a datagram that policy refuses", proto, to);
	gate_add_proofs(g, &p->remote.addr, p->proof, &p->nproof);
}

static bool
is_listener(const struct gate *g, int fd)
{
	for (size_t i = 0; i < g->bed->gw->nlistener; i++)
		if (g->bed->gw->listener[i].fd == fd)
			return true;
	return false;
}

static void
spied_send(void *ctx, int fd, const struct iovec *iov, int n, const struct endpoint *to)
{
	struct gate *g = ctx;
	struct gate_sock *s = sock_of(g, fd);
	size_t len = 0;

	if (!s)
		return;
	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	struct view msg = gathered(iov, n, len);
	gate_digest(g, &fd, sizeof(fd));
	gate_digest(g, msg.p, msg.len);
	if (s->kind == GATE_DNS) {
		gate_dns_asked(g, s, msg);
	} else if (is_listener(g, fd)) {
		if (!to || is_refusal(would_let_in(g, IP_PROTO_UDP, &to->addr)))
			gate_complain(g, "a datagram to a client that is refused", "");
	} else {
		sends_to(g, fd, IP_PROTO_UDP, to ? to : &s->to);
	}
}

static void
wrote_tcp(struct gate *g, struct gate_conn *c, struct view bytes)
{
	const struct tcp_flow *tf = bed_tcp(g->bed, &c->tuple);

	/* In a hello of our own the library tells the time. */
	if (!tf || !tf->service)
		gate_digest(g, bytes.p, bytes.len);
	if (c->beyond)
		return;
	if (tf && tf->service && !c->inbound) {
		gate_append(&c->given, &c->ngiven, &c->given_room, bytes);
		gate_given(g, c);
		return;
	}
	if (c->passed + bytes.len > c->nsaid || memcmp(c->said + c->passed, bytes.p, bytes.len) != 0)
		complain_of(g, "bytes that the guest did not say", IP_PROTO_TCP, &c->tuple.remote);
	/* It is judged as what has not passed yet. */
	gate_measure(g, c);
	c->passed += bytes.len;
	if (!c->inbound && c->passed > c->limit)
		complain_of(g, "bytes that no name allows", IP_PROTO_TCP, &c->tuple.remote);
}

static void
spied_wrote(void *ctx, int fd, const struct iovec *iov, int n, size_t len)
{
	struct gate *g = ctx;
	struct gate_sock *s = sock_of(g, fd);
	struct view bytes = gathered(iov, n, len);

	if (!s)
		return;
	gate_digest(g, &fd, sizeof(fd));
	gate_digest(g, &len, sizeof(len));
	if (s->kind == GATE_DNS) {
		gate_digest(g, bytes.p, bytes.len);
		gate_append(&s->out, &s->nout, &s->out_room, bytes);
		if (s->nout >= 2 && s->nout == 2u + (size_t)(s->out[0] << 8 | s->out[1]))
			gate_dns_asked(g, s, view_of(s->out + 2, s->nout - 2));
	} else if (s->kind == GATE_PING) {
		struct endpoint to = {s->to.addr, 0};

		sends_to(g, fd, s->proto, &to);
	} else {
		struct gate_conn *c = conn_of(g, fd);

		if (c)
			wrote_tcp(g, c, bytes);
		else
			gate_complain(g, "bytes on a socket that is no guest's", "");
	}
}

static void
spied_got(void *ctx, int fd, struct view bytes)
{
	struct gate *g = ctx;
	struct gate_sock *s = sock_of(g, fd);

	if (!s)
		return;
	if (s->kind == GATE_DNS && s->proto == IP_PROTO_UDP) {
		gate_dns_answered(g, s, bytes);
	} else if (s->kind == GATE_DNS) {
		gate_append(&s->in, &s->nin, &s->in_room, bytes);
		if (s->nin >= 2 && s->nin >= 2u + (size_t)(s->in[0] << 8 | s->in[1]))
			gate_dns_answered(g, s, view_of(s->in + 2, (size_t)(s->in[0] << 8 | s->in[1])));
	} else if (s->kind == GATE_TCP) {
		struct gate_conn *c = conn_of(g, fd);

		if (c && (memmem(bytes.p, bytes.len, "HTTP/1.1 101", 12) ||
			  memmem(bytes.p, bytes.len, "HTTP/1.0 101", 12)))
			c->agreed = true;
	}
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

void
gate_look(struct gate *g)
{
	if (g->bed->complaint[0])
		gate_complain(g, g->bed->complaint, "");
	for (unsigned i = 0; i < GATE_CONNS; i++)
		if (g->conn[i].used)
			gate_measure(g, &g->conn[i]);
	for (unsigned i = 0; i < GATE_SOCKETS; i++)
		if (g->sock[i].open && g->sock[i].refused)
			gate_complain(g, "a client that policy refuses is kept", "");
}

void
gate_hear(struct gate *g, const struct bed_frame *f)
{
	const struct strict *s = &f->is;

	gate_digest(g, &f->at, sizeof(f->at));
	gate_digest(g, f->bytes, f->len);
	if (f->wrong)
		return;
	if (s->kind == STRICT_UDP && s->udp.sport == 53)
		gate_dns_told(g, s, s->payload);
	if (s->kind == STRICT_UDP && s->udp.dport == PUBLISHED_UDP && s->udp.sport >= 60000) {
		const struct endpoint *client = NULL;
		struct tuple t = {{s->ip.dst, PUBLISHED_UDP}, {s->ip.src, s->udp.sport}, IP_PROTO_UDP};
		const struct flow *flow = flow_find(&g->bed->gw->flows, &t);

		client = flow ? &flow->target : NULL;
		if (client && flow->inbound && is_refusal(would_let_in(g, IP_PROTO_UDP, &client->addr)))
			gate_complain(g, "a datagram of a client that is refused", "");
	}
	if (s->kind == STRICT_TCP && (s->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		struct tuple t = {{s->ip.dst, s->tcp.dport}, {s->ip.src, s->tcp.sport}, IP_PROTO_TCP};

		for (unsigned i = 0; i < GATE_PEERS && i < g->nshown; i++)
			if (tuple_eq(&g->shown[i], &t))
				return;
		g->shown[g->nshown++ % GATE_PEERS] = t;
		if (g->clients == 0)
			gate_complain(g, "a connection to the guest that no allowed client made", "");
		else
			g->clients--;
	}
}

/* Are its requests looked at, one by one? */
static bool
is_watched(const struct gate *g, const struct gate_conn *c)
{
	const struct tcp_flow *tf = bed_tcp(g->bed, &c->tuple);

	return tf && (tf->watch || tf->service);
}

/* What a connection that lives may still be judged by. */
static bool
may_live(struct gate *g, struct gate_conn *c)
{
	struct policy_question q = gate_question(c);
	bool unread = c->passed > 0 && !is_watched(g, c) && !c->ngiven;

	if (unread)
		q.requests = CLAIM_NONE;
	if (c->told_any && !c->ngiven) {
		q.claim = CLAIM_TOLD;
		q.told = &c->told;
	} else if (unread) {
		q.claim = CLAIM_NONE;
	}
	return !is_refusal(gate_mildest(g, &q, c->proof, c->nproof));
}

void
gate_rejudge(struct gate *g)
{
	for (unsigned i = 0; i < GATE_CONNS; i++) {
		struct gate_conn *c = &g->conn[i];

		if (c->used && !c->inbound && c->fd >= 0 && !c->beyond && !may_live(g, c))
			complain_of(g, "a connection outlives the policy that allowed it", IP_PROTO_TCP,
				    &c->tuple.remote);
		/* What nobody looks at any more is not looked at again. */
		c->over |= c->used && c->passed > 0 && !is_watched(g, c);
		if (c->used && c->fd >= 0)
			gate_add_proofs(g, &c->tuple.remote.addr, c->proof, &c->nproof);
	}
	for (unsigned i = 0; i < g->npeer; i++) {
		struct gate_peer *p = &g->peer[i];
		const struct gate_sock *s = sock_of(g, p->fd);

		if (s && (s->kind == GATE_UDP || s->kind == GATE_PING) && s->open && !still_passes(g, p))
			complain_of(g, "a flow outlives the policy that allowed it", p->proto, &p->remote);
	}
	for (unsigned i = 0; i < GATE_SOCKETS; i++) {
		const struct gate_sock *s = &g->sock[i];

		if (s->open && !s->kept && s->kind == GATE_CLIENT &&
		    is_refusal(would_let_in(g, IP_PROTO_TCP, &s->to.addr)))
			gate_complain(g, "a client outlives the policy that allowed it", "");
	}
}

void
gate_keep(struct gate *g)
{
	for (unsigned i = 0; i < GATE_CONNS; i++)
		g->conn[i].kept = g->conn[i].beyond = g->conn[i].used;
	for (unsigned i = 0; i < g->npeer; i++)
		g->peer[i].kept = true;
	for (unsigned i = 0; i < GATE_SOCKETS; i++)
		g->sock[i].kept = g->sock[i].open;
	for (unsigned i = 0; i < g->nasked; i++)
		g->asked[i].kept = true;
}

/* --- life ------------------------------------------------------------------------------------------------------- */

/* Of the one list that is there, what a guest of this world can name. */
static void
read_lists(struct gate *g, const struct rules *r)
{
	static const char *const doh[] = {"1.1.1.1", "8.8.8.8"};
	static const char name[] = "dns.google";

	for (unsigned i = 0; i < r->nlist && g->nlist < 4; i++) {
		struct naive_list *l = &g->list[g->nlist++];

		*l = (struct naive_list){.names = r->list[i].names, .nets = r->list[i].nets, .n = 2};
		for (unsigned k = 0; k < l->n; k++) {
			l->entry[k] = (struct rule_target){.kind = TARGET_NET, .plen = 32};
			addr_parse(doh[k], &l->entry[k].net);
		}
		l->entry[l->n].kind = TARGET_NAME;
		name_parse(name, sizeof(name) - 1, &l->entry[l->n++].name);
	}
}

void
gate_policy(struct gate *g, struct rules *own, struct rules *floor, bool floored)
{
	rules_free(&g->own);
	rules_free(&g->floor);
	g->own = *own;
	g->floor = *floor;
	*own = *floor = (struct rules){.n = 0};
	g->floored = floored;
	g->nlist = 0;
	read_lists(g, &g->own);
	read_lists(g, &g->floor);
	g->nanswer = 0; /* what is kept to be given again goes with its policy */
}

void
gate_own(struct gate *g, const struct addr *a, unsigned n)
{
	if (n >= GATE_OWN)
		abort();
	if (n)
		memcpy(g->own_addr, a, n * sizeof(*a));
	g->own_addr[n++] = g->bed->gw->stack.link_local;
	g->where.own = g->own_addr;
	g->where.nown = n;
}

void
gate_init(struct gate *g, struct bed *b)
{
	const struct spy s = {
	    .ctx = g,
	    .connects = spied_connect,
	    .accepted = spied_accept,
	    .wrote = spied_wrote,
	    .sends = spied_send,
	    .got = spied_got,
	    .closes = spied_close,
	};

	memset(g, 0, offsetof(struct gate, said));
	g->bed = b;
	for (unsigned fam = 0; fam < FAMILIES; fam++) {
		const struct stack_net *net = &b->gw->stack.cfg.net[fam];

		if (!net->on)
			continue;
		g->where.gateway[fam] = net->gateway;
		g->where.dns[fam] = net->dns;
	}
	for (unsigned i = 0; i < GATE_CONNS; i++)
		g->conn[i].fd = -1;
	gate_own(g, NULL, 0);
	spy_on(b->vhost, &s);
}

void
gate_done(struct gate *g)
{
	for (unsigned i = 0; i < GATE_CONNS; i++)
		gate_forget(&g->conn[i]);
	for (unsigned i = 0; i < GATE_SOCKETS; i++)
		empty(&g->sock[i]);
	rules_free(&g->own);
	rules_free(&g->floor);
}
