/*
 * udp_flow.c - datagrams of the guest, each flow on a connected host socket of its own
 *
 * A flow begins with the guest's first datagram and ends UDP_ONE_WAY after the last one, or UDP_TWO_WAY
 * once the other side has answered (RFC 4787 REQ-5 asks for 120 s or more); both directions refresh it.
 * When the table is full the flow that has been quiet longest goes.
 *
 * Up: datagrams of one turn for one flow are gathered and leave with one sendmmsg(2), runs of equal size as
 * one UDP_SEGMENT message.  Down: recvmmsg(2) with UDP_GRO; runs of equal size become one USO frame on a link
 * that takes those.
 *
 * Two other shapes use the same code: a flow of a published port answers through the listener's socket, and
 * an endpoint-independent mapping (RFC 4787 REQ-1) has one unconnected socket for all remote ends of a guest
 * port; its filter lets in only ends the guest has sent to.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <linux/errqueue.h>

#include "proxy/gateway.h"

#define UDP_ONE_WAY (60 * USEC_PER_SEC)
#define UDP_TWO_WAY (180 * USEC_PER_SEC)
#define UDP_RCVBUF \
	(4 << 20)        /* kernel memory, used only while a burst waits; the default holds 90 datagrams */
#define UDP_MAX 65507u   /* payload of the largest IPv4 datagram */
#define UDP_SEGMENTS 64u /* the kernel's UDP_MAX_SEGMENTS */
#define SPANS_MAX (FRAME_SPANS - 1)
#define NAME_TRIES 64u

static const struct flow_ops udp_flow_ops;

static struct udp_flow *
udp_flow_of(struct flow *f)
{
	return (struct udp_flow *)(void *)f;
}

static bool
endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_eq(&a->addr, &b->addr);
}

static int
socket_of(const struct udp_flow *uf)
{
	return uf->via ? uf->via->fd : uf->flow.fd;
}

/* Where its datagrams go, for a socket that is not connected; a connected one is not told again. */
static struct endpoint
peer_of(const struct udp_flow *uf)
{
	return uf->via ? uf->flow.target : (struct endpoint){.port = 0};
}

static void
used(struct sluice *gw, struct udp_flow *uf, usec_t now)
{
	uf->used = now;
	flow_touch(&gw->flows, &uf->flow);
	flow_schedule(&gw->flows, &uf->flow);
}

void
udp_forget_peer(struct udp_flow *uf, uint8_t n)
{
	free(uf->peer[n].judged);
	uf->npeer--;
	memmove(&uf->peer[n], &uf->peer[n + 1], (uf->npeer - n) * sizeof(uf->peer[0]));
}

/* Remember, newest first, whom a mapping has sent to, and what allowed it: only they may answer. */
static void
remember_peer(struct udp_flow *uf, const struct endpoint *remote, struct judged *judged)
{
	if (uf->npeer == UDP_PEERS)
		udp_forget_peer(uf, UDP_PEERS - 1);
	memmove(&uf->peer[1], &uf->peer[0], uf->npeer * sizeof(uf->peer[0]));
	uf->peer[0] = (struct udp_peer){*remote, judged};
	uf->npeer++;
}

/* True: it is known, and now the newest. */
static bool
find_peer(struct udp_flow *uf, const struct endpoint *remote)
{
	uint8_t n = 0;

	while (n < uf->npeer && !endpoint_eq(&uf->peer[n].at, remote))
		n++;
	if (n == uf->npeer)
		return false;

	struct udp_peer found = uf->peer[n];
	memmove(&uf->peer[1], &uf->peer[0], n * sizeof(uf->peer[0]));
	uf->peer[0] = found;
	return true;
}

/* --- opening ---------------------------------------------------------------------------------------------- */

/* Give uf a socket towards the attempt-th place its remote end may be.  0 or -errno. */
static int
open_socket(struct sluice *gw, struct udp_flow *uf, const struct endpoint *remote, unsigned attempt)
{
	struct route r = {.opts = {.udp_gro = true, .errors = true, .rcvbuf = UDP_RCVBUF}};

	if (!dial_route(gw, &uf->flow, remote, attempt, &r))
		return -ECONNREFUSED;
	if (r.error)
		return r.error;
	uf->ttl = uf->tos = 0;

	int rc = dial_open(gw, &uf->flow, &r);
	if (rc < 0)
		gw_close(gw, &uf->flow.fd, false);
	return rc;
}

static struct flow *
new_flow(struct sluice *gw, const struct tuple *t)
{
	struct flow *f = flow_new(&gw->flows, FLOW_UDP, &udp_flow_ops, t);
	struct flow *oldest = flow_oldest(&gw->flows, FLOW_UDP);

	if (f || !oldest)
		return f;
	gw_limit(gw, GW_UDP_EVICTED, "UDP table full: the flow quiet longest made room", 0);
	gw_end(gw, oldest, SLUICE_REASON_FULL);
	return flow_new(&gw->flows, FLOW_UDP, &udp_flow_ops, t);
}

/* Tell the guest about a datagram that found no way. */
static void
refuse(struct sluice *gw, const struct packet *pkt, int error, usec_t now)
{
	static const enum icmp_error icmp[] = {[TROUBLE_REFUSED] = ICMP_ERR_PORT,
					       [TROUBLE_HOST] = ICMP_ERR_HOST,
					       [TROUBLE_NET] = ICMP_ERR_NET,
					       [TROUBLE_PROHIBITED] = ICMP_ERR_PROHIBITED};
	enum trouble trouble = trouble_of(error);

	if (trouble == TROUBLE_FULL) {
		gw_limit(gw, GW_UDP_FULL, "a datagram of the guest was not sent", error);
		return;
	}
	if (trouble == TROUBLE_SILENT)
		return;
	gw->count[GW_UDP_ERRORS]++;
	stack_send_error(&gw->stack, icmp[trouble], 0, &gw->stack.cfg.net[addr_family(&pkt->src)].gateway,
			 pkt->net, now);
}

/* May the guest's datagram go there?  If not it is told, but by `drop`. */
static bool
is_allowed(struct sluice *gw, const struct packet *pkt, struct judgment *j, usec_t now)
{
	const struct tuple t = {{pkt->src, pkt->udp.sport}, {pkt->dst, pkt->udp.dport}, IP_PROTO_UDP};

	judge(gw, &t, NULL, j);
	if (!judge_refuses(j))
		return judge_pace(gw, now);
	judge_refused(gw, &t, NULL, NULL, j);
	if (j->verdict != VERDICT_DROP)
		stack_send_error(&gw->stack, ICMP_ERR_PROHIBITED, 0,
				 &gw->stack.cfg.net[addr_family(&pkt->src)].gateway, pkt->net, now);
	return false;
}

/* Keep it with a mapping's remote end, or with a flow that has but one. */
static bool
keep(struct udp_flow *uf, const struct endpoint *remote, const struct judgment *j)
{
	struct judged *judged = NULL;

	if (!uf->mapped)
		return judge_keep(&uf->flow, j);
	if (!uf->peer)
		uf->peer = calloc(UDP_PEERS, sizeof(*uf->peer));
	if (!uf->peer || !judge_keep_in(&judged, j))
		return false;
	remember_peer(uf, remote, judged);
	return true;
}

static struct udp_flow *
open_flow(struct sluice *gw, const struct tuple *t, const struct packet *pkt, usec_t now)
{
	struct judgment j;
	struct flow *f = is_allowed(gw, pkt, &j, now) ? new_flow(gw, t) : NULL;

	if (!f)
		return NULL;

	struct udp_flow *uf = udp_flow_of(f);
	struct endpoint remote = {pkt->dst, pkt->udp.dport};
	uf->mapped = is_mapping(f);
	uf->used = now;
	int r = keep(uf, &remote, &j) ? open_socket(gw, uf, &remote, 0) : -ENOMEM;
	if (r < 0) {
		refuse(gw, pkt, -r, now);
		gw_end(gw, f, reason_of(-r));
		return NULL;
	}
	gw->count[GW_UDP_OPENED]++;
	event_opened(gw, f);
	return uf;
}

/* --- guest to host ------------------------------------------------------------------------------------------ */

/* Datagrams one by one: after a run of them was not taken as a whole (a device without UDP_SEGMENT). */
static void
send_singly(struct sluice *gw, struct udp_flow *uf, const struct host_dgram *run)
{
	size_t left = run->len, skip = 0;
	int at = 0;

	while (left > 0 && at < run->iovlen) {
		struct iovec iov[FRAME_SPANS];
		struct host_dgram d = {.iov = iov, .peer = run->peer};

		while (d.len < run->segment && at < run->iovlen && d.iovlen < (int)FRAME_SPANS) {
			size_t n = run->iov[at].iov_len - skip;

			if (n > run->segment - d.len)
				n = run->segment - d.len;
			iov[d.iovlen++] = (struct iovec){(uint8_t *)run->iov[at].iov_base + skip, n};
			d.len += n;
			left -= n;
			skip += n;
			if (skip == run->iov[at].iov_len) {
				at++;
				skip = 0;
			}
		}
		if (gw->host->ops->sendmmsg(gw->host, socket_of(uf), &d, 1) < 1)
			gw->count[GW_UDP_LOST]++;
	}
}

/* On a loopback the port's answer is there when the call returns: try the other family's loopback. */
static bool
try_other_loopback(struct sluice *gw, struct udp_flow *uf)
{
	const struct endpoint *remote = &uf->flow.tuple.remote;

	if (uf->mapped || uf->via || uf->heard || !addr_is_loopback(&uf->flow.target.addr))
		return false;
	if (gw->host->ops->pending_error(gw->host, uf->flow.fd) != -ECONNREFUSED)
		return false;

	if (open_socket(gw, uf, remote, 1) == 0)
		return true;
	/* There is no other: back to the first, whose refusals the guest will be told. */
	uf->heard = open_socket(gw, uf, remote, 0) == 0;
	return uf->heard;
}

static int
send_some(struct sluice *gw, struct udp_flow *uf, struct host_dgram *d, int n)
{
	int sent = gw->host->ops->sendmmsg(gw->host, socket_of(uf), d, n);

	/* An error of an earlier datagram is told once, in place of this call. */
	if (sent == -ECONNREFUSED || sent == -EHOSTUNREACH || sent == -ENETUNREACH)
		sent = gw->host->ops->sendmmsg(gw->host, socket_of(uf), d, n);
	return sent;
}

static void
send_all(struct sluice *gw, struct udp_flow *uf, struct host_dgram *d, int n, usec_t now)
{
	bool fresh = !uf->sent;

	uf->sent = true;
	for (int i = 0; i < n;) {
		int sent = send_some(gw, uf, d + i, n - i);

		if (sent == -EAGAIN || sent == 0) {
			gw->count[GW_UDP_LOST] += (uint64_t)(n - i);
			return;
		}
		if (sent < 0) {
			if (d[i].segment)
				send_singly(gw, uf, &d[i]);
			else
				gw->count[GW_UDP_LOST]++;
			sent = 1;
		}
		i += sent;
	}
	if (fresh && try_other_loopback(gw, uf))
		send_all(gw, uf, d, n, now);
}

/* Consecutive datagrams of equal size (the last may be shorter) as one message with UDP_SEGMENT. */
static int
gather_runs(const struct udp_batch *b, const struct endpoint *peer, struct host_dgram *d)
{
	int n = 0;

	for (uint32_t i = 0; i < b->n; n++) {
		size_t size = b->iov[i].iov_len, total = size;
		uint32_t end = i + 1;

		while (size > 0 && end < b->n && end - i < UDP_SEGMENTS && b->iov[end - 1].iov_len == size &&
		       b->iov[end].iov_len <= size && b->iov[end].iov_len > 0 &&
		       total + b->iov[end].iov_len <= UDP_MAX)
			total += b->iov[end++].iov_len;
		d[n] = (struct host_dgram){.iov = (struct iovec *)(uintptr_t)&b->iov[i],
					   .iovlen = (int)(end - i),
					   .len = total,
					   .segment = end - i > 1 ? (uint16_t)size : 0,
					   .peer = *peer};
		i = end;
	}
	return n;
}

void
udp_flush(struct sluice *gw, usec_t now)
{
	struct udp_batch *b = &gw->batch;
	struct host_dgram d[UDP_BATCH];

	if (b->n == 0)
		return;

	struct udp_flow *uf = b->flow;
	struct endpoint peer = peer_of(uf);
	int n = gather_runs(b, &peer, d);
	gw->count[GW_BYTES_TO_HOST] += b->bytes;
	uf->flow.to_host += b->bytes;
	send_all(gw, uf, d, n, now);
	b->n = b->bytes = 0;
}

/* A datagram whose bytes do not outlive this call, or that is several already (USO from the guest). */
static void
send_now(struct sluice *gw, struct udp_flow *uf, const struct packet *pkt, const struct endpoint *to,
	 usec_t now)
{
	struct iovec iov[FRAME_SPANS];
	struct host_dgram d = {.iov = iov, .len = pkt->len, .peer = *to};

	udp_flush(gw, now);
	for (; d.iovlen < pkt->npay; d.iovlen++)
		iov[d.iovlen] =
		    (struct iovec){(void *)(uintptr_t)pkt->pay[d.iovlen].p, pkt->pay[d.iovlen].len};
	if (pkt->off.gso_type == GSO_UDP_L4 && pkt->len > pkt->off.gso_size)
		d.segment = pkt->off.gso_size;
	gw->count[GW_BYTES_TO_HOST] += pkt->len;
	uf->flow.to_host += pkt->len;
	if (d.segment && pkt->len > (uint32_t)d.segment * UDP_SEGMENTS)
		send_singly(gw, uf, &d);
	else
		send_all(gw, uf, &d, 1, now);
}

static void
set_hops(struct sluice *gw, struct udp_flow *uf, const struct packet *pkt, usec_t now)
{
	const struct host_ops *host = gw->host->ops;
	uint8_t ttl = (uint8_t)(pkt->ttl - 1), tos = pkt->tos & 0xfc; /* the ECN bits are each hop's own */

	if (uf->via || (ttl == uf->ttl && tos == uf->tos))
		return;
	udp_flush(gw, now);

	enum family fam = addr_family(uf->mapped ? &uf->flow.tuple.guest.addr : &uf->flow.target.addr);
	if (ttl != uf->ttl)
		host->set_ttl(gw->host, uf->flow.fd, fam, ttl);
	if (tos != uf->tos)
		host->set_tos(gw->host, uf->flow.fd, fam, tos);
	uf->ttl = ttl;
	uf->tos = tos;
}

/* The connect hook is asked for each remote end a mapping does not know: a
 * guest could else reach any through a mapping that was made for one.  The
 * socket is there, so all it can do is to refuse. */
static bool
hook_allows(struct sluice *gw, struct udp_flow *uf, const struct packet *pkt, const struct endpoint *remote,
	    usec_t now)
{
	struct tuple t = {uf->flow.tuple.guest, *remote, IP_PROTO_UDP};
	struct route r = {.error = 0};

	if (!gw->connect)
		return true;
	if (!dial_route(gw, &uf->flow, remote, 0, &r))
		r.error = -ECONNREFUSED;
	if (r.error == 0)
		return true;
	refuse(gw, pkt, -r.error, now);
	event_unplaced(gw, &t, NULL, (enum sluice_reason)uf->flow.reason);
	uf->flow.reason = SLUICE_REASON_NONE; /* the mapping lives on */
	return false;
}

/* As policy, and for the same reason. */
static bool
may_reach(struct sluice *gw, struct udp_flow *uf, const struct packet *pkt, const struct endpoint *remote,
	  usec_t now)
{
	struct judgment j;

	if (find_peer(uf, remote))
		return true;
	if (!is_allowed(gw, pkt, &j, now) || !hook_allows(gw, uf, pkt, remote, now))
		return false;
	if (keep(uf, remote, &j))
		return true;
	refuse(gw, pkt, ENOMEM, now);
	return false;
}

static void
send_mapped(struct sluice *gw, struct udp_flow *uf, const struct packet *pkt, const struct endpoint *remote,
	    usec_t now)
{
	struct endpoint to;

	if (!may_reach(gw, uf, pkt, remote, now))
		return;
	if (dial_target(gw, remote, 0, &to))
		send_now(gw, uf, pkt, &to, now);
	else
		refuse(gw, pkt, ECONNREFUSED, now);
}

static void
gather(struct sluice *gw, struct udp_flow *uf, const struct packet *pkt, usec_t now)
{
	struct udp_batch *b = &gw->batch;

	if (b->n && (b->flow != uf || b->n == UDP_BATCH))
		udp_flush(gw, now);
	b->flow = uf;
	b->iov[b->n++] = (struct iovec){(void *)(uintptr_t)(pkt->npay ? pkt->pay[0].p : NULL), pkt->len};
	b->bytes += pkt->len;
}

static void
udp_flow_guest(struct sluice *gw, struct flow *f, struct packet *pkt, usec_t now)
{
	struct udp_flow *uf = udp_flow_of(f);
	struct endpoint remote = {pkt->dst, pkt->udp.dport}, peer = peer_of(uf);

	if (pkt->ttl)
		set_hops(gw, uf, pkt, now);
	if (uf->mapped)
		send_mapped(gw, uf, pkt, &remote, now);
	else if (!pkt->borrowable || pkt->npay > 1 || pkt->off.gso_type == GSO_UDP_L4)
		send_now(gw, uf, pkt, &peer, now);
	else
		gather(gw, uf, pkt, now);
	uf->heard |= f->inbound;
	used(gw, uf, now);
}

void
udp_input(struct sluice *gw, struct packet *pkt, usec_t now)
{
	struct tuple t = {{pkt->src, pkt->udp.sport}, {pkt->dst, pkt->udp.dport}, IP_PROTO_UDP};
	struct flow *f = flow_find(&gw->flows, &t);

	/* But for a client of a published port that has this one. */
	if (!f && pkt->udp.dport == DNS_PORT) {
		dns_udp_input(gw, pkt, now);
		return;
	}
	if (!f && gw->endpoint_independent) {
		t.remote = (struct endpoint){.addr = addr_is_v4(&pkt->src) ? addr_v4(0) : (struct addr){{0}}};
		f = flow_find(&gw->flows, &t);
	}
	if (!f) {
		struct udp_flow *uf = open_flow(gw, &t, pkt, now);

		if (!uf)
			return;
		f = &uf->flow;
	}
	udp_flow_guest(gw, f, pkt, now);
}

/* --- host to guest ------------------------------------------------------------------------------------------ */

struct run { /* datagrams on their way to the guest, of one size but for the last */
	struct flow *flow;
	struct endpoint from, to;
	struct view v[SPANS_MAX];
	int n;
	size_t size, total;
	bool closed; /* the last one was shorter: nothing more fits */
};

static void
run_send(struct sluice *gw, struct run *r)
{
	if (r->n == 0)
		return;
	gw->count[GW_BYTES_TO_GUEST] += r->total;
	r->flow->to_guest += r->total;
	stack_send_udp(&gw->stack, &r->from, &r->to, r->v, r->n, r->n > 1 ? (uint16_t)r->size : 0, 0, 0);
	r->n = 0;
	r->total = 0;
	r->closed = false;
}

static size_t
wire_len(const struct endpoint *to, size_t payload)
{
	return payload + UDP_HLEN + (addr_is_v4(&to->addr) ? IP4_HLEN : IP6_HLEN);
}

static void
run_add(struct sluice *gw, struct run *r, struct view v)
{
	bool fits = gw->sink.lim.uso && r->n > 0 && r->n < (int)SPANS_MAX && !r->closed && v.len > 0 &&
		    v.len <= r->size && wire_len(&r->to, r->size) <= gw->sink.lim.mtu &&
		    r->total + v.len <= UDP_MAX;

	if (!fits)
		run_send(gw, r);
	if (r->n == 0)
		r->size = v.len;
	r->closed = v.len < r->size || v.len == 0;
	r->v[r->n++] = v;
	r->total += v.len;
}

/* One received message: a datagram, or several of one size that UDP_GRO put together. */
static void
deliver(struct sluice *gw, struct run *r, const struct host_dgram *d)
{
	struct view all = view_of(d->iov[0].iov_base, d->len);

	if (d->truncated) {
		gw->count[GW_UDP_LOST]++;
		return;
	}
	if (d->segment == 0 || d->len <= d->segment) {
		run_add(gw, r, all);
		return;
	}
	if (gw->sink.lim.uso && wire_len(&r->to, d->segment) <= gw->sink.lim.mtu) {
		run_send(gw, r);
		gw->count[GW_BYTES_TO_GUEST] += all.len;
		r->flow->to_guest += all.len;
		stack_send_udp(&gw->stack, &r->from, &r->to, &all, 1, d->segment, 0, 0);
		return;
	}
	for (size_t at = 0; at < all.len; at += d->segment) {
		size_t n = all.len - at < d->segment ? all.len - at : d->segment;

		run_add(gw, r, view_of(all.p + at, n));
	}
}

static int
receive_slots(struct sluice *gw, int fd, struct host_dgram *d, struct iovec *iov, uint32_t slots)
{
	for (uint32_t i = 0; i < slots; i++) {
		iov[i] = (struct iovec){gw->udp_slots + (size_t)i * UDP_SLOT, UDP_SLOT};
		d[i] = (struct host_dgram){.iov = &iov[i], .iovlen = 1};
	}
	return gw->host->ops->recvmmsg(gw->host, fd, d, (int)slots);
}

/* The guest's name for a host address that answered a mapping; false: the guest never sent there. */
static bool
name_of_peer(const struct sluice *gw, const struct udp_flow *uf, const struct endpoint *peer,
	     struct endpoint *name)
{
	for (uint8_t i = 0; i < uf->npeer; i++) {
		const struct endpoint *p = &uf->peer[i].at;
		bool loop = addr_is_loopback(&peer->addr) && stack_is_ours(&gw->stack, &p->addr);

		if (p->port == peer->port && (loop || addr_eq(&p->addr, &peer->addr))) {
			*name = *p;
			return true;
		}
	}
	return false;
}

/* True: there is more to read. */
static bool
receive(struct sluice *gw, struct udp_flow *uf, usec_t now)
{
	struct host_dgram d[UDP_SLOTS];
	struct iovec iov[UDP_SLOTS];
	struct run run = {.flow = &uf->flow, .from = uf->flow.tuple.remote, .to = uf->flow.tuple.guest};

	if (!gw->sink.room(gw->sink.ctx))
		return true;

	/* Two say as well as many whether there is a burst, and cost an answer that comes alone less. */
	uint32_t slots = uf->burst ? UDP_SLOTS : 2;
	int n = receive_slots(gw, uf->flow.fd, d, iov, slots);
	uf->burst = n == (int)slots;
	if (!uf->burst)
		uf->readable = false;
	if (n <= 0)
		return false;
	for (int i = 0; i < n; i++) {
		if (uf->mapped) {
			struct endpoint name;

			if (!name_of_peer(gw, uf, &d[i].peer, &name))
				continue;
			if (!endpoint_eq(&name, &run.from))
				run_send(gw, &run);
			run.from = name;
		}
		deliver(gw, &run, &d[i]);
	}
	run_send(gw, &run);
	/* The slots are used again before the turn ends. */
	gw->sink.flush(gw->sink.ctx);
	uf->heard = true;
	used(gw, uf, now);
	return uf->readable;
}

/* --- errors of the host's network ------------------------------------------------------------------------------- */

static enum icmp_error
icmp_of(const struct host_sockerr *e)
{
	bool v6 = e->origin == SO_EE_ORIGIN_ICMP6;

	if (e->origin != SO_EE_ORIGIN_LOCAL && e->type == (v6 ? ICMP6_TIME_EXCEEDED : ICMP4_TIME_EXCEEDED))
		return ICMP_ERR_TTL;
	if (e->origin == SO_EE_ORIGIN_ICMP && e->type == ICMP4_UNREACHABLE &&
	    (e->code == 9 || e->code == 10 || e->code == 13))
		return ICMP_ERR_PROHIBITED;
	if (v6 && e->type == ICMP6_UNREACHABLE && e->code == 1)
		return ICMP_ERR_PROHIBITED;
	switch (e->err) {
	case EMSGSIZE:
		return ICMP_ERR_TOO_BIG;
	case ECONNREFUSED:
		return ICMP_ERR_PORT;
	case ENETUNREACH:
		return ICMP_ERR_NET;
	default:
		return ICMP_ERR_HOST;
	}
}

/* An error that a datagram of this flow met comes back to the guest, from whoever sent it. */
void
relay_sockerr(struct sluice *gw, const struct flow *f, const struct tuple *about,
	      const struct host_sockerr *e, uint32_t seq, usec_t now)
{
	enum family fam = addr_family(&f->tuple.guest.addr);
	struct addr from = e->offender;

	/* The destination itself goes by the name the guest has for it. */
	if (addr_is_unspecified(&from) || addr_family(&from) != fam)
		from = gw->stack.cfg.net[fam].gateway;
	else if (addr_is_loopback(&from) || addr_eq(&from, &e->dest.addr))
		from = about->remote.addr;
	gw->count[GW_UDP_ERRORS]++;
	stack_send_error_flow(&gw->stack, icmp_of(e), e->err == EMSGSIZE ? e->info : 0, &from, about, seq,
			      now);
}

static void
take_errors(struct sluice *gw, struct udp_flow *uf, usec_t now)
{
	struct host_sockerr e;
	struct tuple about = uf->flow.tuple;

	for (unsigned i = 0; i < UDP_BATCH && gw->host->ops->sockerr(gw->host, uf->flow.fd, &e) > 0; i++) {
		if (uf->mapped && !name_of_peer(gw, uf, &e.dest, &about.remote))
			continue;
		relay_sockerr(gw, &uf->flow, &about, &e, (uint32_t)e.data_len, now);
	}
	gw->host->ops->pending_error(gw->host, uf->flow.fd);
}

/* --- the flow's functions ----------------------------------------------------------------------------------------- */

static void
udp_flow_host(struct sluice *gw, struct flow *f, const struct host_event *ev, usec_t now)
{
	struct udp_flow *uf = udp_flow_of(f);

	if (ev->error)
		take_errors(gw, uf, now);
	uf->readable |= ev->readable;
	flow_mark_ready(&gw->flows, f);
}

static usec_t
udp_flow_deadline(const struct flow *f)
{
	const struct udp_flow *uf = (const struct udp_flow *)(const void *)f;

	return uf->used + (uf->heard ? UDP_TWO_WAY : UDP_ONE_WAY);
}

static void
udp_flow_ready(struct sluice *gw, struct flow *f, usec_t now)
{
	struct udp_flow *uf = udp_flow_of(f);

	if (uf->readable && receive(gw, uf, now))
		flow_mark_ready(&gw->flows, f);
	if (udp_flow_deadline(f) <= now) {
		gw_end(gw, f, SLUICE_REASON_TIMED_OUT);
		return;
	}
	flow_schedule(&gw->flows, f);
}

static void
udp_flow_close(struct sluice *gw, struct flow *f)
{
	struct udp_flow *uf = udp_flow_of(f);

	if (gw->batch.flow == uf)
		gw->batch.n = gw->batch.bytes = 0;
	while (uf->npeer > 0)
		udp_forget_peer(uf, (uint8_t)(uf->npeer - 1));
	free(uf->peer);
	gw_close(gw, &f->fd, false);
}

static const struct flow_ops udp_flow_ops = {
    .name = "udp",
    .guest = udp_flow_guest,
    .host = udp_flow_host,
    .ready = udp_flow_ready,
    .deadline = udp_flow_deadline,
    .close = udp_flow_close,
};

/* --- published ports -------------------------------------------------------------------------------------------------- */

static struct udp_flow *
not_carried(struct sluice *gw, const struct listener *l, const struct endpoint *client, usec_t now)
{
	gw_limit(gw, GW_PUBLISH_FULL, "a datagram at a published port was not carried on", 0);
	publish_lost(gw, l, client, now);
	return NULL;
}

/* A client that is refused hears nothing, as from a port where nobody is. */
static struct udp_flow *
open_client(struct sluice *gw, struct listener *l, const struct tuple *t, const struct endpoint *client,
	    usec_t now)
{
	struct judgment j;

	judge(gw, t, client, &j);
	if (judge_refuses(&j)) {
		judge_refused(gw, t, NULL, client, &j);
		return NULL;
	}

	struct flow *f = new_flow(gw, t);
	if (!f)
		return not_carried(gw, l, client, now);
	f->inbound = true;
	f->target = *client;
	udp_flow_of(f)->via = l;
	if (!judge_keep(f, &j)) {
		gw_end(gw, f, SLUICE_REASON_FULL);
		return NULL;
	}
	gw->count[GW_PUBLISHED]++;
	gw->count[GW_UDP_OPENED]++;
	event_opened(gw, f);
	return udp_flow_of(f);
}

/* The flow of a client, or a new one: the client's port with the gateway's address, or another port when
 * that name is taken by another client.  NULL: it is not let in. */
static struct udp_flow *
client_flow(struct sluice *gw, struct listener *l, const struct endpoint *client, usec_t now)
{
	enum family fam = addr_family(&l->at.addr);
	struct tuple t = {.guest = {stack_guest_addr(&gw->stack, fam, now), l->guest_port},
			  .remote = {gw->stack.cfg.net[fam].gateway, client->port},
			  .proto = IP_PROTO_UDP};

	for (unsigned i = 0; i < NAME_TRIES; i++) {
		struct flow *f = flow_find(&gw->flows, &t);

		if (!f)
			return open_client(gw, l, &t, client, now);
		if (udp_flow_of(f)->via == l && endpoint_eq(&f->target, client))
			return udp_flow_of(f);
		t.remote.port = (uint16_t)(32768 + (client->port * 31u + i * 977u) % 28000);
	}
	return not_carried(gw, l, client, now);
}

void
udp_publish(struct sluice *gw, struct listener *l, usec_t now)
{
	struct host_dgram d[UDP_SLOTS];
	struct iovec iov[UDP_SLOTS];
	int n = receive_slots(gw, l->fd, d, iov, UDP_SLOTS);

	for (int i = 0; i < n; i++) {
		struct udp_flow *uf = client_flow(gw, l, &d[i].peer, now);

		if (!uf)
			continue;
		struct run run = {
		    .flow = &uf->flow, .from = uf->flow.tuple.remote, .to = uf->flow.tuple.guest};
		deliver(gw, &run, &d[i]);
		run_send(gw, &run);
		used(gw, uf, now);
	}
	gw->sink.flush(gw->sink.ctx);
}
