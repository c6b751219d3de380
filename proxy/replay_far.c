/*
 * replay_far.c - whose frame, which socket
 */
#include "proxy/replay_far.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/errqueue.h>

#include "proxy/replay_dns.h"
#include "proxy/replay_tcp.h"
#include "proxy/replay_wire.h"

struct replay_far {
	struct sluice *gw;
	struct vhost *vhost;
	enum vhost_answer answer; /* to connects, when nothing else is known */
	struct replay_tcp tcp;
	struct frag_table frag; /* of datagrams towards the guest */
};

struct replay_far *
replay_far_new(struct sluice *gw, struct vhost *v, bool silent)
{
	struct replay_far *far = calloc(1, sizeof(*far));

	if (!far)
		return NULL;
	far->gw = gw;
	far->vhost = v;
	far->answer = silent ? VHOST_ACCEPT : VHOST_ACCEPT_LATER;
	far->tcp.gw = gw;
	far->tcp.vhost = v;
	return far;
}

void
replay_far_free(struct replay_far *far)
{
	if (!far)
		return;
	replay_tcp_free(&far->tcp);
	free(far);
}

/* --- the guest's frames ------------------------------------------------------------------------------------- */

bool
replay_far_fit(struct replay_far *far, uint8_t *frame, size_t len, struct offload *off)
{
	struct replay_packet p;

	vhost_default(far->vhost, far->answer);
	*off = (struct offload){0};
	if (!replay_read(view_of(frame, len), &p))
		return true;

	replay_offload(&p, far->gw->sink.lim.mtu, p.is == REPLAY_TCP ? replay_tcp_mss(&far->tcp, &p) : 0,
		       off);
	if (p.is == REPLAY_TCP)
		replay_tcp_guest(&far->tcp, frame, &p, off->needs_csum);
	return !far->tcp.failed;
}

static struct flow *
find(const struct replay_far *far, const struct tuple *t)
{
	struct flow *f = flow_find(&far->gw->flows, t);

	if (f || t->proto != IP_PROTO_UDP || !far->gw->endpoint_independent)
		return f;

	/* One mapping for all the remote ends of a guest's port. */
	struct tuple any = {
	    t->guest, {.addr = addr_is_v4(&t->guest.addr) ? addr_v4(0) : (struct addr){{0}}}, t->proto};
	return flow_find(&far->gw->flows, &any);
}

static bool
is_echo(const struct replay_packet *p, uint8_t v4, uint8_t v6)
{
	return p->is == REPLAY_ICMP && p->icmp.type == (addr_is_v4(&p->ip.src) ? v4 : v6);
}

/* The name of the flow that a packet from the guest, or from the far end, belongs to. */
static struct tuple
tuple_of(const struct replay_packet *p, bool from_guest)
{
	struct endpoint from = {p->ip.src, 0}, to = {p->ip.dst, 0};

	if (p->is == REPLAY_TCP) {
		from.port = p->tcp.sport;
		to.port = p->tcp.dport;
	} else if (p->is == REPLAY_UDP) {
		from.port = p->udp.sport;
		to.port = p->udp.dport;
	} else {
		*(from_guest ? &from.port : &to.port) = (uint16_t)(p->icmp.rest >> 16);
	}
	return from_guest ? (struct tuple){from, to, p->ip.proto} : (struct tuple){to, from, p->ip.proto};
}

static void
take(struct replay_far *far, const struct flow *f)
{
	const struct udp_flow *uf = (const struct udp_flow *)(const void *)f;
	int fd = f->kind == FLOW_UDP && uf->via ? uf->via->fd : f->fd;
	uint8_t sink[4096];
	size_t len;

	if (f->kind == FLOW_TCP)
		while (vhost_recv(far->vhost, fd, sink, sizeof(sink)) > 0)
			;
	else
		while (vhost_recv_dgram(far->vhost, fd, sink, sizeof(sink), &len, NULL))
			;
}

/* A fragment does not say whose it was. */
static void
take_all_datagrams(struct replay_far *far)
{
	for (int kind = FLOW_UDP; kind <= FLOW_PING; kind++) {
		for (uint32_t i = 0; i < far->gw->flows.kind[kind].fresh; i++) {
			const struct flow *f = flow_at(&far->gw->flows, (enum flow_kind)kind, i);

			if (f->ops)
				take(far, f);
		}
	}
}

void
replay_far_take(struct replay_far *far, struct view frame)
{
	struct replay_packet p;

	if (!replay_read(frame, &p))
		return;
	if (p.ip.fragment)
		take_all_datagrams(far);
	if (p.is == REPLAY_NONE)
		return;

	struct tuple t = tuple_of(&p, true);
	const struct flow *f = find(far, &t);
	if (f)
		take(far, f);
}

/* --- datagrams ------------------------------------------------------------------------------------------------ */

/* A datagram that no flow waits for: a client of a published port. */
static void
play_client(struct replay_far *far, const struct tuple *t, struct view data)
{
	for (size_t i = 0; i < far->gw->nlistener; i++) {
		const struct listener *l = &far->gw->listener[i];

		if (l->udp && l->guest_port == t->guest.port &&
		    addr_family(&l->at.addr) == addr_family(&t->guest.addr)) {
			vhost_send_dgram(far->vhost, l->fd, &t->remote, data.p, data.len);
			return;
		}
	}
}

static void
play_udp(struct replay_far *far, const struct replay_packet *p)
{
	struct tuple t = tuple_of(p, false);
	const struct flow *f = find(far, &t);
	struct view data = p->data;

	if (p->udp.len < UDP_HLEN || p->udp.len - UDP_HLEN > data.len)
		return;
	data.len = p->udp.len - UDP_HLEN;
	if (!f && t.remote.port == DNS_PORT)
		replay_dns_answer(far->gw, far->vhost, data);
	if (!f || f->inbound) {
		play_client(far, &t, data);
		return;
	}

	struct endpoint from = f->target;
	if (((const struct udp_flow *)(const void *)f)->mapped && !dial_target(far->gw, &t.remote, 0, &from))
		return;
	vhost_send_dgram(far->vhost, f->fd, &from, data.p, data.len);
}

static void
play_echo_reply(struct replay_far *far, const struct replay_packet *p)
{
	struct tuple t = tuple_of(p, false);
	const struct flow *f = find(far, &t);

	if (f)
		vhost_send_dgram(far->vhost, f->fd, NULL, p->segment.p, p->segment.len);
}

/* --- ICMP errors ------------------------------------------------------------------------------------------------ */

struct fate {
	int error; /* 0: not an error that a socket hears of */
	enum vhost_answer answer;
};

/* What a socket is told, so that the guest hears from us what the capture shows it heard. */
static struct fate
verdict_v4(const struct icmp *h)
{
	static const struct fate prohibited = {EACCES, VHOST_UNREACH_HOST};

	if (h->type == ICMP4_TIME_EXCEEDED)
		return (struct fate){EHOSTUNREACH, VHOST_UNREACH_HOST};
	if (h->type != ICMP4_UNREACHABLE)
		return (struct fate){0};
	switch (h->code) {
	case 0: /* network */
	case 6: /* network unknown */
		return (struct fate){ENETUNREACH, VHOST_UNREACH_NET};
	case 2: /* protocol */
	case 3: /* port */
		return (struct fate){ECONNREFUSED, VHOST_REFUSE};
	case 4: /* fragmentation needed */
		return (struct fate){EMSGSIZE, VHOST_UNREACH_HOST};
	case 9:  /* network prohibited */
	case 10: /* host prohibited */
	case 13: /* communication prohibited */
		return prohibited;
	default:
		return (struct fate){EHOSTUNREACH, VHOST_UNREACH_HOST};
	}
}

static struct fate
verdict_v6(const struct icmp *h)
{
	if (h->type == ICMP6_TIME_EXCEEDED)
		return (struct fate){EHOSTUNREACH, VHOST_UNREACH_HOST};
	if (h->type == ICMP6_TOO_BIG)
		return (struct fate){EMSGSIZE, VHOST_UNREACH_HOST};
	if (h->type != ICMP6_UNREACHABLE)
		return (struct fate){0};
	switch (h->code) {
	case 0: /* no route */
		return (struct fate){ENETUNREACH, VHOST_UNREACH_NET};
	case 1: /* prohibited */
	case 5: /* source address failed policy */
	case 6: /* reject route */
		return (struct fate){EACCES, VHOST_UNREACH_HOST};
	case 4: /* port */
		return (struct fate){ECONNREFUSED, VHOST_REFUSE};
	default:
		return (struct fate){EHOSTUNREACH, VHOST_UNREACH_HOST};
	}
}

static void
queue_error(struct replay_far *far, const struct flow *f, const struct replay_packet *p,
	    const struct replay_quote *q, int error)
{
	bool v4 = addr_is_v4(&p->ip.src);
	struct host_sockerr e = {
	    .err = error,
	    .origin = v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
	    .type = p->icmp.type,
	    .code = p->icmp.code,
	    .info = error != EMSGSIZE ? 0
		    : v4              ? p->icmp.rest & 0xffff
				      : p->icmp.rest,
	    .offender = p->ip.src,
	    .dest = f->kind == FLOW_UDP ? f->target : q->flow.remote,
	    .data_len = q->data.len < sizeof(e.data) ? q->data.len : sizeof(e.data),
	};

	memcpy(e.data, q->data.p, e.data_len);
	vhost_send_error(far->vhost, f->fd, &e);
}

static void
play_error(struct replay_far *far, const struct replay_packet *p)
{
	struct fate v = addr_is_v4(&p->ip.src) ? verdict_v4(&p->icmp) : verdict_v6(&p->icmp);
	struct replay_quote q;

	if (v.error == 0 || !replay_read_quote(p->data, &q))
		return;
	/* What is too big for the far path is the host kernel's business, but for datagrams. */
	if (q.flow.proto == IP_PROTO_TCP && v.error != EMSGSIZE)
		replay_tcp_unreachable(&far->tcp, &q.flow, v.error, v.answer);

	const struct flow *f = find(far, &q.flow);
	if (f && f->kind != FLOW_TCP && !f->inbound)
		queue_error(far, f, p, &q, v.error);
}

/* --- a frame ------------------------------------------------------------------------------------------------------ */

/* True: the datagram is whole now, and *p is it. */
static bool
reassemble(struct replay_far *far, struct replay_packet *p, usec_t now)
{
	struct view quote, whole;
	struct ip piece = p->ip;

	while (frag_expire(&far->frag, now, &quote))
		;
	if (piece.proto == IP_PROTO_TCP)
		return false;
	if (frag_input(&far->frag, &piece, p->segment, (struct view){0}, now, &p->ip, &whole) !=
	    FRAG_COMPLETE)
		return false;
	replay_read_transport(p, whole);
	return true;
}

bool
replay_far_play(struct replay_far *far, struct view frame, usec_t now)
{
	struct replay_packet p;

	vhost_default(far->vhost, far->answer);
	if (!replay_read(frame, &p) || mac_is_group(p.eth.dst))
		return true;
	if (p.ip.fragment && !reassemble(far, &p, now))
		return true;
	switch (p.is) {
	case REPLAY_TCP:
		replay_tcp_far(&far->tcp, &p);
		break;
	case REPLAY_UDP:
		play_udp(far, &p);
		break;
	case REPLAY_ICMP:
		if (is_echo(&p, ICMP4_ECHO_REPLY, ICMP6_ECHO_REPLY))
			play_echo_reply(far, &p);
		else
			play_error(far, &p);
		break;
	case REPLAY_NONE:
		break;
	}
	return !far->tcp.failed;
}
