/*
 * ping_flow.c - echo requests of the guest to anywhere, through unprivileged ICMP sockets (ping(7))
 *
 * A flow is (guest, remote, identifier).  The kernel puts its own identifier on the wire and gives back only
 * answers to it; the guest's own is restored here, sequence number and data pass as they are.  The hop limit
 * the guest chose leaves one lower, so that errors of the routers on the way come back and traceroute works.
 */
#include <errno.h>

#include "proxy/gateway.h"

#define PING_IDLE (30 * USEC_PER_SEC)

static const struct flow_ops ping_flow_ops;

static struct ping_flow *
ping_flow_of(struct flow *f)
{
	return (struct ping_flow *)(void *)f;
}

static bool
is_v4(const struct flow *f)
{
	return addr_is_v4(&f->tuple.guest.addr);
}

static int
open_socket(struct sluice *gw, struct flow *f)
{
	struct route r = {.opts = {.errors = true}};

	if (!dial_route(gw, f, &f->tuple.remote, 0, &r))
		return -EHOSTUNREACH;
	return r.error ? r.error : dial_open(gw, f, &r);
}

/* Why an echo request ends here, told to whoever can act. */
static void
not_carried(struct sluice *gw, const struct packet *pkt, int error, bool no_socket, usec_t now)
{
	enum trouble trouble = trouble_of(error);
	enum icmp_error icmp = ICMP_ERR_HOST;

	if (trouble == TROUBLE_FULL) {
		gw_limit(gw, GW_PING_FULL, "a ping was not carried on", error);
		return;
	}
	if (no_socket && trouble == TROUBLE_PROHIBITED) {
		/* Said once: a ping a second would otherwise be a line a second. */
		if (gw->count[GW_PING_FORBIDDEN]++ == 0)
			gw_log(
			    gw, SLUICE_LOG_WARNING,
			    "the host forbids ping sockets, so pings end here: set net.ipv4.ping_group_range "
			    "there to include this group");
		return;
	}
	if (trouble == TROUBLE_NET)
		icmp = ICMP_ERR_NET;
	else if (trouble == TROUBLE_PROHIBITED)
		icmp = ICMP_ERR_PROHIBITED;
	stack_send_error(&gw->stack, icmp, 0, &gw->stack.cfg.net[addr_family(&pkt->src)].gateway, pkt->net,
			 now);
}

static void
refuse(struct sluice *gw, const struct tuple *t, const struct packet *pkt, const struct judgment *j,
       usec_t now)
{
	judge_refused(gw, t, NULL, NULL, j);
	if (j->verdict != VERDICT_DROP)
		stack_send_error(&gw->stack, ICMP_ERR_PROHIBITED, 0,
				 &gw->stack.cfg.net[addr_family(&pkt->src)].gateway, pkt->net, now);
}

static struct flow *
open_flow(struct sluice *gw, const struct tuple *t, const struct packet *pkt, usec_t now)
{
	struct judgment j;

	judge(gw, t, NULL, &j);
	if (judge_refuses(&j)) {
		refuse(gw, t, pkt, &j, now);
		return NULL;
	}
	if (!judge_pace(gw, now))
		return NULL;

	struct flow *f = flow_new(&gw->flows, FLOW_PING, &ping_flow_ops, t);

	if (!f) {
		gw_limit(gw, GW_PING_EVICTED, "ping table full: the one quiet longest made room", 0);
		gw_end(gw, flow_oldest(&gw->flows, FLOW_PING), SLUICE_REASON_FULL);
		f = flow_new(&gw->flows, FLOW_PING, &ping_flow_ops, t);
	}
	ping_flow_of(f)->used = now;
	flow_touch(&gw->flows, f);

	int r = judge_keep(f, &j) ? open_socket(gw, f) : -ENOMEM;
	if (r == 0) {
		gw->count[GW_PING_OPENED]++;
		event_opened(gw, f);
		return f;
	}
	not_carried(gw, pkt, -r, f->fd < 0 && f->reason == SLUICE_REASON_NONE, now);
	gw_end(gw, f, reason_of(-r));
	return NULL;
}

static void
ping_flow_guest(struct sluice *gw, struct flow *f, struct packet *pkt, usec_t now)
{
	struct ping_flow *pf = ping_flow_of(f);
	const struct host_ops *host = gw->host->ops;
	struct icmp echo = {.type = is_v4(f) ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST,
			    .rest = pkt->icmp.rest};
	uint8_t head[ICMP_HLEN];
	struct wr w = wr_of(head, sizeof(head));
	struct iovec iov[FRAME_SPANS + 1] = {{head, sizeof(head)}};
	int n = 1;

	/* The kernel fills in its identifier and the checksum. */
	icmp_emit(&w, &echo);
	for (int i = 0; i < pkt->npay; i++)
		iov[n++] = (struct iovec){(void *)(uintptr_t)pkt->pay[i].p, pkt->pay[i].len};

	uint8_t ttl = (uint8_t)(pkt->ttl - 1);
	if (ttl != pf->ttl)
		host->set_ttl(gw->host, f->fd, addr_family(&f->tuple.guest.addr), ttl);
	pf->ttl = ttl;
	if (host->writev(gw->host, f->fd, iov, n) == -EHOSTUNREACH)
		host->writev(gw->host, f->fd, iov, n); /* the first told an earlier packet's error */
	f->to_host += pkt->len;
	pf->used = now;
	flow_touch(&gw->flows, f);
	flow_schedule(&gw->flows, f);
}

void
ping_input(struct sluice *gw, struct packet *pkt, usec_t now)
{
	struct tuple t = {{pkt->src, (uint16_t)(pkt->icmp.rest >> 16)}, {pkt->dst, 0}, pkt->proto};
	struct flow *f = flow_find(&gw->flows, &t);

	if (!f)
		f = open_flow(gw, &t, pkt, now);
	if (f)
		ping_flow_guest(gw, f, pkt, now);
}

static void
reply(struct sluice *gw, struct flow *f, const struct host_dgram *d)
{
	struct rd r = rd_of(view_of(d->iov[0].iov_base, d->len));
	struct icmp h;

	if (d->truncated || !icmp_parse(&r, &h) || h.type != (is_v4(f) ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY))
		return;

	struct view data = rd_rest(&r);
	f->to_guest += data.len;
	stack_send_echo_reply(&gw->stack, &f->tuple.remote.addr, &f->tuple.guest.addr,
			      (uint32_t)f->tuple.guest.port << 16 | (h.rest & 0xffff), data, d->ttl, d->tos);
}

/* What comes back in the error queue starts with the ICMP header that was sent. */
static void
take_errors(struct sluice *gw, struct flow *f, usec_t now)
{
	struct host_sockerr e;

	for (unsigned i = 0; i < 16 && gw->host->ops->sockerr(gw->host, f->fd, &e) > 0; i++) {
		struct rd r = rd_of(view_of(e.data, e.data_len));
		struct icmp h;

		if (icmp_parse(&r, &h))
			relay_sockerr(gw, f, &f->tuple, &e,
				      (uint32_t)f->tuple.guest.port << 16 | (h.rest & 0xffff), now);
	}
	gw->host->ops->pending_error(gw->host, f->fd);
}

static void
ping_flow_host(struct sluice *gw, struct flow *f, const struct host_event *ev, usec_t now)
{
	if (ev->error)
		take_errors(gw, f, now);
	ping_flow_of(f)->readable |= ev->readable;
	flow_mark_ready(&gw->flows, f);
}

static usec_t
ping_flow_deadline(const struct flow *f)
{
	return ((const struct ping_flow *)(const void *)f)->used + PING_IDLE;
}

static void
ping_flow_ready(struct sluice *gw, struct flow *f, usec_t now)
{
	struct ping_flow *pf = ping_flow_of(f);

	for (unsigned i = 0; pf->readable && i < 16; i++) {
		struct iovec iov = {gw->udp_slots, UDP_SLOT};
		struct host_dgram d = {.iov = &iov, .iovlen = 1};

		if (gw->host->ops->recvmmsg(gw->host, f->fd, &d, 1) < 1) {
			pf->readable = false;
			break;
		}
		reply(gw, f, &d);
		gw->sink.flush(gw->sink.ctx);
	}
	if (pf->readable)
		flow_mark_ready(&gw->flows, f);
	if (ping_flow_deadline(f) <= now) {
		gw_end(gw, f, SLUICE_REASON_TIMED_OUT);
		return;
	}
	flow_schedule(&gw->flows, f);
}

static void
ping_flow_close(struct sluice *gw, struct flow *f)
{
	gw_close(gw, &f->fd, false);
}

static const struct flow_ops ping_flow_ops = {
    .name = "ping",
    .guest = ping_flow_guest,
    .host = ping_flow_host,
    .ready = ping_flow_ready,
    .deadline = ping_flow_deadline,
    .close = ping_flow_close,
};
