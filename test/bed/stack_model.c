/*
 * stack_model.c - the bytes of every TCP flow: what was sent, what is held, what has arrived
 *
 * The guest's frames are read with the stack's own parsers, but only to find tuple, sequence number and
 * bytes; whether the gateway should take a segment is not judged here, so a frame it drops only widens what
 * would be right.
 */
#include "test/bed/stack_model.h"

#include <stdio.h>
#include <stdlib.h>

#include "stack/eth_wire.h"

static void
complain(struct model *m, const char *what, uint32_t seq)
{
	if (!m->complaint[0])
		snprintf(m->complaint, sizeof(m->complaint), "%s (%u)", what, seq);
}

static void *
must_have(void *p)
{
	if (!p)
		abort();
	return p;
}

void
model_init(struct model *m, struct bed *b)
{
	*m = (struct model){.bed = b, .digest = UINT64_C(0xcbf29ce484222325)};
}

void
model_done(struct model *m)
{
	for (struct model_conn *c; (c = m->conns);) {
		m->conns = c->next;
		free(c->want);
		free(c);
	}
	for (struct model_name *n; (n = m->names);) {
		m->names = n->next;
		for (struct model_sent *s; (s = n->first);) {
			n->first = s->next;
			free(s);
		}
		free(n);
	}
}

/* Two bytes of a stream that are 251 or 256 apart differ, so that one out of place is seen. */
static uint8_t
byte_at(uint32_t key, uint32_t n)
{
	return (uint8_t)(n + n / 251 * 7 + key * 83);
}

uint8_t
model_byte(const struct model_name *name, uint32_t n)
{
	return byte_at(name->tuple.guest.port * 3u + name->tuple.remote.port, n);
}

void
model_guest_bytes(uint8_t *to, uint32_t seq, size_t n, unsigned variant)
{
	for (size_t i = 0; i < n; i++)
		to[i] = byte_at(variant, seq + (uint32_t)i);
}

/* --- names and connections ---------------------------------------------------------------------------- */

struct model_name *
model_name(struct model *m, const struct tuple *t)
{
	struct model_name **at = &m->names;

	while (*at && !tuple_eq(&(*at)->tuple, t))
		at = &(*at)->next;
	if (!*at) {
		*at = must_have(calloc(1, sizeof(**at)));
		(*at)->tuple = *t;
		(*at)->last = &(*at)->first;
	}
	return *at;
}

struct model_name *
model_inbound(const struct model *m, unsigned n)
{
	struct model_name *name = m->names;

	while (name && !(name->inbound && n-- == 0))
		name = name->next;
	return name;
}

struct model_conn *
model_conn(const struct model *m, const struct model_name *name)
{
	struct model_conn *c = m->conns;

	while (c && (c->gone || c->name != name))
		c = c->next;
	return c;
}

/* --- what the guest sends ----------------------------------------------------------------------------- */

static bool
parse_segment(const uint8_t *frame, size_t len, struct ip *ip, struct tcp_hdr *h, struct view *data)
{
	struct rd r = rd_of(view_of(frame, len));
	struct ip_problem why;
	struct eth eth;

	if (!eth_parse(&r, &eth))
		return false;

	struct view packet = rd_rest(&r);
	enum ip_parse_result is = eth.type == ETHERTYPE_IPV4   ? ip4_parse(packet, packet.len, ip)
				  : eth.type == ETHERTYPE_IPV6 ? ip6_parse(packet, packet.len, ip, &why)
							       : IP_BAD_VERSION;
	if (is != IP_OK || ip->proto != IP_PROTO_TCP || ip->hlen + ip->len > packet.len)
		return false;
	r = rd_of(view_of(packet.p + ip->hlen, ip->len));
	if (ip->fragment || !tcp_parse(&r, h))
		return ip->fragment;
	*data = rd_rest(&r);
	return true;
}

void
model_push(struct model *m, const uint8_t *frame, size_t len)
{
	struct ip ip = {0};
	struct tcp_hdr h = {0};
	struct view data = {0};

	m->serial++;
	if (!parse_segment(frame, len, &ip, &h, &data))
		return;
	if (ip.fragment) {
		m->fragments = true;
		return;
	}

	struct model_name *name =
	    model_name(m, &(struct tuple){{ip.src, h.sport}, {ip.dst, h.dport}, IP_PROTO_TCP});
	struct model_sent *s = must_have(malloc(sizeof(*s) + data.len));
	uint32_t syn = h.flags & TCP_SYN ? 1 : 0, fin = h.flags & TCP_FIN ? 1 : 0;
	*s = (struct model_sent){.seq = h.seq + syn,
				 .len = (uint32_t)data.len,
				 .end = h.seq + syn + (uint32_t)data.len + fin,
				 .flags = h.flags,
				 .serial = m->serial};
	if (data.len)
		memcpy(s->bytes, data.p, data.len);
	*name->last = s;
	name->last = &s->next;
}

void
model_fragments(struct model *m)
{
	m->fragments = true;
}

/* --- guest to host ------------------------------------------------------------------------------------ */

/* What the guest said at seq in a frame later than `after`: 0 nothing. */
static uint16_t
said(const struct model_name *name, uint32_t seq, uint64_t after)
{
	uint16_t byte = 0;

	for (const struct model_sent *s = name->first; s; s = s->next) {
		if (s->serial <= after || seq - s->seq >= s->len)
			continue;

		uint16_t this = (uint16_t)(s->bytes[seq - s->seq] + 1);
		byte = byte == 0 || byte == this ? this : MODEL_ANY;
	}
	return byte;
}

static bool
said_fin(const struct model_name *name, uint32_t seq)
{
	for (const struct model_sent *s = name->first; s; s = s->next)
		if (s->flags & TCP_FIN && s->end - 1 == seq)
			return true;
	return false;
}

static void
make_room(struct model_conn *c, uint32_t n)
{
	uint32_t room = c->room ? c->room : 4096;

	if (n <= c->room)
		return;
	while (room < n)
		room *= 2;
	c->want = must_have(realloc(c->want, room * sizeof(*c->want)));
	memset(c->want + c->room, 0, (room - c->room) * sizeof(*c->want));
	c->room = room;
}

/* The gateway holds bytes [from, to): those that are new to it came since the last look. */
static void
take(struct model *m, struct model_conn *c, uint32_t from, uint32_t to)
{
	if (to - from > POOL_BLOCK_MAX) {
		complain(m, "the gateway holds more than a ring can hold, from", c->irs + 1 + from);
		return;
	}
	make_room(c, to);
	for (uint32_t n = from; n < to; n++) {
		if (c->want[n])
			continue;
		c->want[n] = said(c->name, c->irs + 1 + n, m->looked);
		if (!c->want[n] && !m->fragments)
			complain(m, "the gateway took a byte that the guest has not sent", c->irs + 1 + n);
		if (!c->want[n])
			c->want[n] = MODEL_ANY;
	}
}

static void
look_at(struct model *m, struct model_conn *c, const struct tcp *t)
{
	if (t->state == TCP_LISTEN || t->state == TCP_SYN_SENT || (t->state == TCP_CLOSED && !c->open))
		return;
	if (!c->open) {
		c->open = true;
		c->irs = t->irs;
	}

	uint32_t held = t->rcv_nxt - t->irs - 1 - (t->fin_rcvd ? 1 : 0);
	if (t->irs != c->irs || (int32_t)(held - c->in_order) < 0) {
		complain(m, "a connection's place in sequence space went back to", t->rcv_nxt);
		return;
	}
	take(m, c, c->in_order, held);
	c->in_order = held;
	for (unsigned i = 0; i < t->nisland; i++)
		take(m, c, t->island[i].left - c->irs - 1, t->island[i].right - c->irs - 1);
}

static void
check_end(struct model *m, struct model_conn *c)
{
	const struct vhost *v = m->bed->vhost;

	if (!c->open || m->fragments || c->fd < 0 || vhost_closed(v, c->fd) == 2 ||
	    !vhost_got_eof(v, c->fd) || vhost_recv_len(v, c->fd))
		return;
	if (!said_fin(c->name, c->irs + 1 + c->delivered))
		complain(m, "the host was told of an end that the guest did not put there",
			 c->irs + 1 + c->delivered);
}

static void
deliver(struct model *m, struct model_conn *c, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n && !m->fragments; i++) {
		uint32_t at = c->delivered + (uint32_t)i;
		uint16_t want = at < c->room ? c->want[at] : 0;

		/* What came and went within one turn was never seen here. */
		if (!want)
			want = said(c->name, c->irs + 1 + at, 0);
		if (!want)
			complain(m, "the host got a byte that the guest has not sent", c->irs + 1 + at);
		else if (want != MODEL_ANY && want != bytes[i] + 1)
			complain(m, "the host got another byte than the guest sent first", c->irs + 1 + at);
	}
	c->delivered += (uint32_t)n;
}

void
model_host_read(struct model *m, struct model_conn *c, size_t n)
{
	uint8_t buf[4096];

	while (n > 0 && c->fd >= 0 && c->open) {
		size_t got = vhost_recv(m->bed->vhost, c->fd, buf, n < sizeof(buf) ? n : sizeof(buf));

		if (got == 0)
			break;
		deliver(m, c, buf, got);
		n -= got;
	}
	check_end(m, c);
}

/* --- looking at the gateway --------------------------------------------------------------------------- */

static struct model_conn *
conn_at(struct model *m, const struct flow *f, uint32_t place)
{
	struct model_conn *c = m->conns;

	while (c && (c->place != place || c->gen != f->gen || c->gone))
		c = c->next;
	if (c)
		return c;
	c = must_have(calloc(1, sizeof(*c)));
	*c = (struct model_conn){
	    .next = m->conns, .name = model_name(m, &f->tuple), .place = place, .gen = f->gen, .fd = -1};
	c->name->inbound |= f->inbound;
	m->conns = c;
	return c;
}

static void
learn_socket(struct model *m, struct model_conn *c, int fd)
{
	c->fd = fd;
	c->local = c->peer = (struct endpoint){.port = 0};
	if (fd >= 0) {
		vhost_local(m->bed->vhost, fd, &c->local);
		vhost_peer(m->bed->vhost, fd, &c->peer);
	}
}

/* Is the socket of this number still the connection's? */
static bool
has_socket(const struct model *m, const struct model_conn *c)
{
	struct endpoint local = {.port = 0}, peer = {.port = 0};

	return c->fd >= 0 && vhost_local(m->bed->vhost, c->fd, &local) &&
	       vhost_peer(m->bed->vhost, c->fd, &peer) && local.port == c->local.port &&
	       peer.port == c->peer.port && addr_eq(&peer.addr, &c->peer.addr);
}

/* The gateway has closed the connection's socket: read the rest of it. */
static void
bury(struct model *m, struct model_conn *c)
{
	c->gone = true;
	if (has_socket(m, c) && vhost_closed(m->bed->vhost, c->fd) != 0)
		model_host_read(m, c, SIZE_MAX);
}

static bool
is_there(const struct model *m, const struct model_conn *c)
{
	const struct flow *f = flow_at(&m->bed->gw->flows, FLOW_TCP, c->place);

	return f->ops && f->gen == c->gen;
}

void
model_look(struct model *m)
{
	const struct flow_table *t = &m->bed->gw->flows;

	for (struct model_conn *c = m->conns; c; c = c->next)
		if (!c->gone && !is_there(m, c))
			bury(m, c);
	for (uint32_t i = 0; i < t->kind[FLOW_TCP].fresh; i++) {
		struct flow *f = flow_at(t, FLOW_TCP, i);

		if (!f->ops)
			continue;

		struct model_conn *c = conn_at(m, f, i);
		learn_socket(m, c, f->fd);
		look_at(m, c, &((struct tcp_flow *)(void *)f)->tcp);
		check_end(m, c);
	}
	m->looked = m->serial;
}

void
model_look_empty(struct model *m)
{
	const struct sluice *gw = m->bed->gw;
	size_t own = gw->nlistener + (gw->spare_fd >= 0), sockets = vhost_open_count(m->bed->vhost);

	for (uint32_t k = 0; k < FLOW_KINDS; k++)
		if (gw->flows.kind[k].open)
			complain(m, "a flow is left after idle hours, of kind", k);
	for (uint32_t i = 0; i < FRAG_SETS; i++)
		if (gw->stack.frag.set[i].used)
			complain(m, "a set of fragments is left after idle hours", i);
	for (uint32_t i = 0; i < FRAG_BLOCKS; i++)
		if (gw->stack.frag.block_used[i])
			complain(m, "a block of fragments is left after idle hours", i);
	if (gw->pool.used)
		complain(m, "bytes of the pool are left after idle hours", (uint32_t)gw->pool.used);
	if (gw->files != own || sockets != own)
		complain(m, "host sockets are left after idle hours", (uint32_t)sockets);
	if (gw->flows.ready_first || gw->flows.nheap)
		complain(m, "something waits after idle hours", gw->flows.nheap);
}

/* --- host to guest ------------------------------------------------------------------------------------ */

void
model_host_send(struct model *m, struct model_conn *c, size_t n)
{
	uint8_t buf[1024];

	while (n > 0 && c->fd >= 0 && !c->host_ended) {
		size_t len = n < sizeof(buf) ? n : sizeof(buf);

		for (size_t i = 0; i < len; i++)
			buf[i] = model_byte(c->name, c->host_sent + (uint32_t)i);
		size_t put = vhost_send(m->bed->vhost, c->fd, buf, len);
		if (put == 0)
			break;
		c->host_sent += (uint32_t)put;
		n -= put;
	}
	if (c->name->host_sent < c->host_sent)
		c->name->host_sent = c->host_sent;
}

void
model_host_end(struct model *m, struct model_conn *c)
{
	if (c->fd < 0 || c->host_ended)
		return;
	vhost_send_eof(m->bed->vhost, c->fd);
	c->host_ended = true;
	c->name->end[c->name->nend++ % MODEL_ENDS] = c->host_sent;
}

static bool
ended_at(const struct model_name *name, uint32_t n)
{
	for (unsigned i = 0; i < name->nend; i++)
		if (i >= MODEL_ENDS || name->end[i] == n)
			return true;
	return false;
}

static void
check_text(struct model *m, const struct model_name *name, const struct strict *s)
{
	uint32_t at = s->tcp.seq - name->peer_iss - 1, len = (uint32_t)s->payload.len;

	for (uint32_t i = 0; i < len; i++)
		if (s->payload.p[i] != model_byte(name, at + i))
			complain(m, "the guest got another byte than the host sent", s->tcp.seq + i);
	if (len && at + len > name->host_sent)
		complain(m, "the guest got bytes that the host has not sent", s->tcp.seq);
	if (s->tcp.flags & TCP_FIN && !ended_at(name, at + len))
		complain(m, "the guest got a FIN where the host has not ended", s->tcp.seq + len);
}

/* A service of the gateway itself answers there (names, the status page): no host says what. */
static bool
is_served(const struct model *m, const struct model_name *name)
{
	const struct endpoint *to = &name->tuple.remote;

	return m->pages || (!name->inbound &&
			    (to->port == DNS_PORT || (to->port == 80 && dial_is_dns(m->bed->gw, &to->addr))));
}

static bool
may_acknowledge(const struct model_name *name, uint32_t ack)
{
	for (const struct model_sent *s = name->first; s; s = s->next) {
		uint32_t all = s->end - s->seq + (s->flags & TCP_SYN ? 1 : 0);

		if (s->end - ack <= all)
			return true;
	}
	return false;
}

/* The guest's own receive side, with one island. */
static void
receive(struct model_name *name, uint32_t seq, uint32_t end)
{
	if (seq_lt(name->rcv_nxt, seq)) {
		if (!name->has_island)
			name->island = (struct tcp_sack){seq, end};
		else if (seq_le(seq, name->island.right) && seq_lt(name->island.right, end))
			name->island.right = end;
		name->has_island = true;
		return;
	}
	if (seq_lt(name->rcv_nxt, end))
		name->rcv_nxt = end;
	if (!name->has_island || seq_lt(name->rcv_nxt, name->island.left))
		return;
	if (seq_lt(name->rcv_nxt, name->island.right))
		name->rcv_nxt = name->island.right;
	name->has_island = false;
}

/* FNV-1a. */
static void
digest(struct model *m, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		m->digest = (m->digest ^ b[i]) * UINT64_C(0x100000001b3);
}

void
model_hear(struct model *m, const struct bed_frame *f)
{
	const struct strict *s = &f->is;

	digest(m, &f->at, sizeof(f->at));
	digest(m, &f->off.gso_size, sizeof(f->off.gso_size));
	digest(m, f->bytes, f->len);
	if (s->kind != STRICT_TCP)
		return;

	struct model_name *name = model_name(
	    m, &(struct tuple){{s->ip.dst, s->tcp.dport}, {s->ip.src, s->tcp.sport}, IP_PROTO_TCP});
	const struct tcp_hdr *h = &s->tcp;
	uint32_t end = h->seq + (uint32_t)s->payload.len + (h->flags & TCP_FIN ? 1 : 0);

	if (h->flags & TCP_ACK && !m->fragments && !may_acknowledge(name, h->ack))
		complain(m, "an acknowledgment of what was never sent", h->ack);
	if (h->flags & TCP_SYN) {
		name->heard = true;
		name->peer_iss = h->seq;
		name->rcv_nxt = h->seq + 1;
		name->has_island = false;
	} else if (end != h->seq && !name->heard) {
		complain(m, "the guest got bytes before a SYN", h->seq);
	} else if (end != h->seq) {
		if (!is_served(m, name))
			check_text(m, name, s);
		if (m->lose > 0)
			m->lose--;
		else
			receive(name, h->seq, end);
	}
}
