/*
 * tcp_flow.c - a TCP connection of the guest, and the host socket it continues on
 *
 * The host is dialled first (tcp_dial.c): the guest's SYN is held until that has an outcome, and the guest is
 * told exactly that outcome.  From then on the flow is two pipes with nothing of their own between them.  Bytes
 * of the guest wait in the connection's receive side (borrowed frames, then its ring) until the socket
 * takes them, and the window the guest sees is what is free there; bytes of the host are read straight into
 * the send ring as far as it has room.  End of file and reset cross in both directions.
 *
 * Host readiness is edge-triggered: `readable` and `writable` mean "not yet seen empty (full)" and cost no
 * system call to keep.
 */
#include <errno.h>

#include "proxy/gateway.h"

#define KEEPALIVE_IDLE_S 7200 /* towards the host: RFC 9293 MUST-28 */
#define IDLE_AFTER USEC_PER_SEC

static const struct flow_ops tcp_flow_ops;

static struct tcp_flow *
tcp_flow_of(struct flow *f)
{
	return (struct tcp_flow *)(void *)f;
}

static void
send_segment(struct sluice *gw, struct flow *f, struct tcp_hdr *h, const struct view *pay, int npay,
	     uint16_t gso_size)
{
	h->sport = f->tuple.remote.port;
	h->dport = f->tuple.guest.port;
	stack_send_tcp(&gw->stack, &f->tuple.remote.addr, &f->tuple.guest.addr, h, pay, npay, gso_size);
}

/* Everything the connection has to say that the link has room for.  True: it has more. */
static bool
send_segments(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct tcp_out out;
	uint32_t sent = 0;

	while (sent < TURN_FLOW_BYTES) {
		if (!gw->sink.room(gw->sink.ctx))
			return true;
		if (!tcp_output(&tf->tcp, now, &out))
			return false;
		send_segment(gw, &tf->flow, &out.hdr, out.pay, out.npay,
			     out.len > tf->tcp.snd_mss ? tf->tcp.snd_mss : 0);
		sent += out.len + 1;
	}
	return true;
}

static void
end_service(struct sluice *gw, struct tcp_flow *tf)
{
	if (tf->service)
		tf->service->close(gw, tf);
	tf->service = NULL;
	tf->state = NULL;
}

static void
close_host(struct sluice *gw, struct flow *f)
{
	struct tcp_flow *tf = tcp_flow_of(f);

	watch_end(tf);
	end_service(gw, tf);
	/* The host has all that the guest sent, or must not take it for complete (T19). */
	gw_close(gw, &f->fd, !tf->host_shut);
	tunnel_free(f->tunnel);
	f->tunnel = NULL;
	tcp_free(&tf->tcp);
}

/* --- opening ---------------------------------------------------------------------------------------- */

/* At the limit the oldest half-open flow makes room; established ones are never touched (T17). */
static struct flow *
new_flow(struct sluice *gw, const struct tuple *tuple)
{
	struct flow *f = flow_new(&gw->flows, FLOW_TCP, &tcp_flow_ops, tuple);
	struct flow *oldest = flow_oldest(&gw->flows, FLOW_TCP);

	if (f || !oldest)
		return f;
	gw_limit(gw, GW_TCP_EVICTED, "TCP table full: a half-open connection made room", 0);
	gw_end(gw, oldest, SLUICE_REASON_FULL);
	return flow_new(&gw->flows, FLOW_TCP, &tcp_flow_ops, tuple);
}

/* A flow whose SYN is held; NULL: there is no place for it. */
static struct tcp_flow *
hold(struct sluice *gw, const struct tuple *tuple, const struct packet *pkt, uint32_t iss, usec_t now)
{
	struct flow *f = new_flow(gw, tuple);

	if (!f) {
		gw_limit(gw, GW_TCP_FULL, "TCP table full: a connection of the guest was not made", 0);
		event_unplaced(gw, tuple, NULL, SLUICE_REASON_FULL);
		return NULL;
	}

	struct tcp_flow *tf = tcp_flow_of(f);
	tf->dialing = DIAL_TARGET;
	tf->retry_at = tf->idle_at = TIME_NEVER;
	tcp_hold(&tf->tcp, &gw->tcp_conf, (uint8_t)addr_family(&tuple->guest.addr), &pkt->tcp, now);
	tf->tcp.iss = iss;
	flow_touch(&gw->flows, f);
	return tf;
}

void
tcp_flow_open(struct sluice *gw, const struct tuple *tuple, const struct packet *pkt, uint32_t iss,
	      usec_t now)
{
	struct judgment j;

	judge(gw, tuple, NULL, &j);
	if (j.verdict == VERDICT_DENY || j.verdict == VERDICT_DROP) {
		struct tcp_hdr rst;

		judge_refused(gw, tuple, NULL, NULL, &j);
		if (j.verdict == VERDICT_DENY && tcp_refuse(&pkt->tcp, pkt->len, &rst)) {
			rst.sport = tuple->remote.port;
			rst.dport = tuple->guest.port;
			stack_send_tcp(&gw->stack, &tuple->remote.addr, &tuple->guest.addr, &rst, NULL, 0, 0);
		}
		return;
	}

	if (!judge_pace(gw, now))
		return;
	/* A nameserver of the guest's own choice: what it is asked is judged too. */
	if (tuple->remote.port == DNS_PORT || dns_over_tls(gw->settings, tuple->proto, tuple->remote.port)) {
		tcp_flow_serve(gw, tuple, pkt, iss, &dns_tcp_service, now);
		return;
	}

	struct tcp_flow *tf = hold(gw, tuple, pkt, iss, now);
	if (!tf)
		return;
	bool decides = j.verdict == VERDICT_PEEK;
	bool reads = decides || intercept_may(gw, &tuple->remote) || tunnel_follows(gw);
	if (!judge_keep(&tf->flow, &j) || (reads && !watch_begin(tf, decides))) {
		gw_limit(gw, GW_TCP_FULL, "no memory to judge a connection of the guest", 0);
		gw_end(gw, &tf->flow, SLUICE_REASON_FULL);
		return;
	}
	if (decides)
		gw->count[GW_POLICY_PEEKED]++;
	tcp_dial(gw, tf, now);
}

/* --- services ------------------------------------------------------------------------------------------ */

void
tcp_flow_serve(struct sluice *gw, const struct tuple *tuple, const struct packet *pkt, uint32_t iss,
	       const struct tcp_service *service, usec_t now)
{
	struct tcp_flow *tf = hold(gw, tuple, pkt, iss, now);

	if (!tf)
		return;
	tf->dialing = DIAL_NOT;
	tf->service = service;
	if (!tcp_accept(&tf->tcp, tcp_iss(tuple, gw->stack.cfg.secret, now), now)) {
		gw_limit(gw, GW_TCP_FULL, "no memory for a connection of the guest", 0);
		gw_end(gw, &tf->flow, SLUICE_REASON_FULL);
		return;
	}
	gw->count[GW_TCP_OPENED]++;
	event_opened(gw, &tf->flow);
	flow_mark_ready(&gw->flows, &tf->flow);
}

void
tcp_flow_give_back(struct sluice *gw, struct tcp_flow *tf)
{
	end_service(gw, tf);
	flow_mark_ready(&gw->flows, &tf->flow);
}

void
tcp_flow_hand_over(struct sluice *gw, struct tcp_flow *tf, const struct tcp_service *service, void *state)
{
	watch_end(tf);
	end_service(gw, tf);
	gw_close(gw, &tf->flow.fd, true);
	tf->readable = tf->writable = false;
	tf->host_eof = false;
	tf->service = service;
	tf->state = state;
	flow_mark_ready(&gw->flows, &tf->flow);
}

void
tcp_flow_refuse(struct sluice *gw, struct tcp_flow *tf, bool silent)
{
	if (tf->dialing && !silent)
		tcp_dial_reset(gw, tf);
	if (tf->dialing || silent) {
		gw_end(gw, &tf->flow, SLUICE_REASON_RULE);
		return;
	}
	watch_end(tf);
	end_service(gw, tf);
	gw_close(gw, &tf->flow.fd, true);
	tf->readable = tf->writable = false;
	tcp_abort(&tf->tcp, true);
	flow_mark_ready(&gw->flows, &tf->flow);
}

int
tcp_flow_room(struct tcp_flow *tf, struct room out[2], usec_t now)
{
	int n = tcp_writable(&tf->tcp, out);

	/* A full ring is emptied by ACKs; no ring at all is a shortage of the pool's. */
	if (n == 0 && tf->tcp.snd.cap == 0)
		tf->retry_at = now + MEMORY_RETRY;
	return n;
}

void
tcp_flow_publish(struct sluice *gw, struct listener *l, int fd, const struct endpoint *client, usec_t now)
{
	enum family fam = addr_family(&l->at.addr);
	struct tuple t = {.guest = {stack_guest_addr(&gw->stack, fam, now), l->guest_port},
			  .proto = IP_PROTO_TCP};
	bool named = publish_name(gw, &t, client, now);
	struct judgment j;

	/* The host's kernel has answered the client: a reset is the least it can hear. */
	judge(gw, &t, client, &j);
	if (judge_refuses(&j)) {
		judge_refused(gw, &t, NULL, client, &j);
		gw_close(gw, &fd, true);
		return;
	}

	struct flow *f = named ? new_flow(gw, &t) : NULL;
	if (!f) {
		gw_limit(gw, GW_PUBLISH_FULL, "TCP table full: a client of a published port was turned away",
			 0);
		publish_lost(gw, l, client, now);
		gw_close(gw, &fd, true);
		return;
	}

	struct tcp_flow *tf = tcp_flow_of(f);
	f->inbound = true;
	f->fd = fd;
	f->target = *client;
	tf->via = l;
	tf->retry_at = tf->idle_at = TIME_NEVER;
	tf->readable = tf->writable = true;
	flow_touch(&gw->flows, f);

	const struct host_ops *host = gw->host->ops;
	if (!judge_keep(f, &j) || host->arm(gw->host, fd, flow_token(&gw->flows, f)) < 0 ||
	    !tcp_connect(&tf->tcp, &gw->tcp_conf, (uint8_t)fam, tcp_iss(&t, gw->stack.cfg.secret, now),
			 now)) {
		gw_limit(gw, GW_PUBLISH_FULL, "no memory for a client of a published port", 0);
		gw_end(gw, f, SLUICE_REASON_FULL);
		return;
	}
	gw->count[GW_PUBLISHED]++;
	gw->count[GW_TCP_OPENED]++;
	event_opened(gw, f);
	flow_mark_ready(&gw->flows, f);
}

/* --- moving bytes ------------------------------------------------------------------------------------- */

/* The host side is gone: reset the guest, in order with what has been said. */
static void
host_reset(struct sluice *gw, struct tcp_flow *tf, int error)
{
	tcp_flow_host_broke(gw, tf, error);
	tcp_abort(&tf->tcp, true);
}

/* What may be written to the host now, as far as one call takes it; returns how many bytes that is. */
static size_t
offer(const struct tcp_flow *tf, struct iovec iov[LINK_BATCH], int *n)
{
	struct view from[LINK_BATCH], held = {NULL, 0};
	size_t left = tf->watch ? watch_passed(tf, &held) : SIZE_MAX;
	size_t waiting, offered = held.len;

	*n = 0;
	if (held.len)
		iov[(*n)++] = (struct iovec){(void *)(uintptr_t)held.p, held.len};
	for (int i = 0, views = tcp_readable(&tf->tcp, from, LINK_BATCH - *n, &waiting); i < views && left;
	     i++) {
		size_t len = from[i].len < left ? from[i].len : left;

		iov[(*n)++] = (struct iovec){(void *)(uintptr_t)from[i].p, len};
		left -= len;
		offered += len;
	}
	return offered;
}

/* n of these bytes were written. */
static void
written(struct sluice *gw, struct tcp_flow *tf, size_t n, usec_t now)
{
	gw->count[GW_BYTES_TO_HOST] += n;
	tf->flow.to_host += n;
	if (tf->watch)
		n = watch_wrote(tf, n);
	tcp_consume(&tf->tcp, n, now);
}

/* The guest has said all it will, and the host has had it. */
static void
pass_eof(struct sluice *gw, struct tcp_flow *tf)
{
	if (!tcp_at_eof(&tf->tcp) || tf->watch || tf->host_shut || tf->flow.fd < 0)
		return;
	gw->host->ops->shutdown_write(gw->host, tf->flow.fd);
	tf->host_shut = true;
}

/* Guest to host.  True: stopped by the budget, there is more to do. */
static bool
pump_to_host(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct iovec iov[LINK_BATCH];
	size_t moved = 0, offered;
	int n = 0;

	for (;;) {
		if (tf->watch && !watch_ready(gw, tf, now))
			return false;
		offered = tf->writable ? offer(tf, iov, &n) : 0;
		if (offered == 0)
			break;
		if (moved >= TURN_FLOW_BYTES)
			return true;

		tcp_flow_no_delay(gw, tf);
		ssize_t took = gw->host->ops->writev(gw->host, tf->flow.fd, iov, n);
		if (took < 0 && took != -EAGAIN) {
			host_reset(gw, tf, (int)-took);
			return false;
		}
		/* A short write means that the socket is full: it will say when it is not. */
		if (took < (ssize_t)offered)
			tf->writable = false;
		if (took > 0) {
			written(gw, tf, (size_t)took, now);
			moved += (size_t)took;
		}
	}
	pass_eof(gw, tf);
	return false;
}

static void
host_ended(struct tcp_flow *tf, usec_t now)
{
	tf->host_eof = true;
	tf->readable = false;
	tcp_shutdown(&tf->tcp, now);
}

/* n bytes that were read into room.  True: what the guest said may pass now. */
static bool
host_said(struct tcp_flow *tf, const struct room room[2], size_t n)
{
	size_t first = n < room[0].len ? n : room[0].len;
	bool more = watch_heard(tf, view_of(room[0].p, first));

	return n > first ? watch_heard(tf, view_of(room[1].p, n - first)) : more;
}

/* Host to guest.  True: there is more to do: it was stopped by the budget, or the other way is free. */
static bool
pump_to_guest(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct room room[2];
	struct iovec iov[2];
	size_t moved = 0;
	bool more = false;

	while (tf->readable && !tf->host_eof) {
		if (moved >= TURN_FLOW_BYTES)
			return true;

		size_t want = 0;
		int n = tcp_flow_room(tf, room, now);
		if (n == 0)
			break;
		for (int i = 0; i < n; i++) {
			iov[i] = (struct iovec){room[i].p, room[i].len};
			want += room[i].len;
		}

		ssize_t got = gw->host->ops->readv(gw->host, tf->flow.fd, iov, n);
		if (got == 0) {
			host_ended(tf, now);
			more |= tf->watch != NULL;
		} else if (got == -EAGAIN) {
			tf->readable = false;
		} else if (got < 0) {
			host_reset(gw, tf, (int)-got);
		} else {
			if (tf->watch)
				more |= host_said(tf, room, (size_t)got);
			tcp_commit(&tf->tcp, (size_t)got);
			moved += (size_t)got;
			gw->count[GW_BYTES_TO_GUEST] += (size_t)got;
			tf->flow.to_guest += (size_t)got;
			/* A short read empties the socket, but for a FIN that was announced before. */
			if ((size_t)got < want && !tf->hangup)
				tf->readable = false;
		}
	}
	return more;
}

/* --- the flow's functions --------------------------------------------------------------------------------- */

static struct borrow *
lend(struct sluice *gw, const struct packet *pkt)
{
	struct borrow *first = NULL, **at = &first;

	for (int i = 0; i < pkt->npay; i++) {
		struct borrow *b = &gw->borrow[gw->nborrow++];

		*b = (struct borrow){.v = pkt->pay[i]};
		*at = b;
		at = &b->next;
	}
	return first;
}

static void
tcp_flow_guest(struct sluice *gw, struct flow *f, struct packet *pkt, usec_t now)
{
	struct tcp_flow *tf = tcp_flow_of(f);
	/* What is judged before it passes must be what was judged: a copy, as far as the guest can rewrite it. */
	bool copy = !pkt->borrowable || tf->watch || tf->service;
	unsigned ev = tcp_input(&tf->tcp, &pkt->tcp, lend(gw, pkt), pkt->len, copy, now);

	if (ev & TCP_EV_RESET) {
		bool refused = f->inbound && f->aged; /* the guest's answer to a client of a published port */

		gw->count[refused ? GW_TCP_REFUSED : GW_TCP_RESET_BY_GUEST]++;
		gw_end(gw, f, refused ? SLUICE_REASON_REFUSED : SLUICE_REASON_GUEST_RESET);
		return;
	}
	if (ev & TCP_EV_OPEN)
		flow_unage(&gw->flows, f);
	flow_mark_ready(&gw->flows, f);
}

static void
tcp_flow_host(struct sluice *gw, struct flow *f, const struct host_event *ev, usec_t now)
{
	struct tcp_flow *tf = tcp_flow_of(f);

	if (tf->dialing) {
		tcp_dial_event(gw, tf, ev, now);
		return;
	}
	tf->readable |= ev->readable || ev->hangup || ev->error;
	tf->writable |= ev->writable || ev->error;
	tf->hangup |= ev->hangup || ev->error;
	/* A reset after the host's own FIN: nobody reads any more, so the socket is asked. */
	if (ev->error && tf->host_eof) {
		int error = gw->host->ops->pending_error(gw->host, f->fd);

		if (error < 0)
			host_reset(gw, tf, -error);
	}
	flow_mark_ready(&gw->flows, f);
}

static bool
finished(const struct tcp_flow *tf)
{
	const struct tcp *t = &tf->tcp;

	if (t->rst_wanted)
		return false;
	if (t->state != TCP_CLOSED && t->state != TCP_TIME_WAIT)
		return false;
	if (tf->service)
		return !tf->service->done || tf->service->done(tf);
	/* What the guest sent before its FIN still has to reach the host. */
	return tf->host_shut || tf->flow.fd < 0 || (!tcp_has_readable(t) && !tf->watch);
}

static void
finish(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	if (tf->tcp.state == TCP_TIME_WAIT)
		timewait_add(&gw->timewait, &tf->flow.tuple, &tf->tcp, now);
	gw_end(gw, &tf->flow, SLUICE_REASON_DONE);
}

/* May bytes move?  Also when the guest's side is over and done: what it sent still goes to the host. */
static bool
is_open(const struct tcp_flow *tf)
{
	return tf->tcp.state >= TCP_ESTABLISHED || tf->tcp.state == TCP_CLOSED;
}

/* A connection nobody used for a second keeps no pages (its windows stay promised), and from now on the
 * host's kernel looks now and then whether the other end is still there. */
static void
rest(struct sluice *gw, struct tcp_flow *tf)
{
	const struct ring *rcv = &tf->tcp.rcv;

	tcp_idle(&tf->tcp);
	tf->idle_at = TIME_NEVER;
	/* An empty ring's pages say nothing; its block may have been another flow's before. */
	if (rcv->cap && ring_len(rcv) == 0 && tf->tcp.nisland == 0)
		gw->host->ops->drop_pages(rcv->base, rcv->cap);
	if (!tf->keepalive && tf->flow.fd >= 0) {
		gw->host->ops->keepalive(gw->host, tf->flow.fd, KEEPALIVE_IDLE_S);
		tf->keepalive = true;
	}
}

/* One that stands between guest and host may have something for the host after the guest's side is over. */
static void
serve(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	if (tf->tcp.state >= TCP_ESTABLISHED || (tf->service->done && is_open(tf)))
		tf->service->ready(gw, tf, now);
}

/* Both ways.  True: there is more to do. */
static bool
pump(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	bool more = pump_to_host(gw, tf, now);

	/* What the guest said may have brought a service about. */
	if (tf->flow.fd >= 0 && !tf->service)
		more |= pump_to_guest(gw, tf, now);
	return more;
}

static void
tcp_flow_ready(struct sluice *gw, struct flow *f, usec_t now)
{
	struct tcp_flow *tf = tcp_flow_of(f);
	bool more = false;

	if (tf->dialing) {
		if (tcp_dial_late(gw, tf, now))
			return;
		/* The one thing to say about a held SYN: that nothing was sent yet to acknowledge (RFC 9293
		 * 3.10.7.2). */
		if (send_segments(gw, tf, now))
			flow_mark_ready(&gw->flows, f);
		flow_schedule(&gw->flows, f);
		return;
	}
	tf->retry_at = TIME_NEVER;
	if (tcp_timers(&tf->tcp, now) & TCP_EV_TIMEOUT) {
		gw->count[GW_TCP_GAVE_UP]++;
		if (f->reason == SLUICE_REASON_NONE)
			f->reason = SLUICE_REASON_GUEST_SILENT;
		gw_close(gw, &f->fd, true);
	}
	if (tf->service)
		serve(gw, tf, now);
	else if (is_open(tf) && f->fd >= 0)
		more = pump(gw, tf, now);
	more |= send_segments(gw, tf, now);
	tcp_keep(&tf->tcp);

	if (finished(tf)) {
		finish(gw, tf, now);
		return;
	}
	if (now >= tf->idle_at)
		rest(gw, tf);
	else if (tf->tcp.snd.cap || !tf->keepalive)
		tf->idle_at = now + IDLE_AFTER;
	/* What waits for room on the link, or for its next turn, is in the ready list: a deadline that has
	 * passed already would only keep the loop awake. */
	if (more)
		flow_mark_ready(&gw->flows, f);
	else
		flow_schedule(&gw->flows, f);
}

static usec_t
tcp_flow_deadline(const struct flow *f)
{
	const struct tcp_flow *tf = (const struct tcp_flow *)(const void *)f;

	if (tf->dialing)
		return tf->retry_at;

	usec_t t = time_min(tcp_deadline(&tf->tcp), time_min(tf->retry_at, tf->idle_at));
	if (tf->watch)
		t = time_min(t, watch_deadline(tf));
	return tf->service ? time_min(t, tf->service->deadline(tf)) : t;
}

static const struct flow_ops tcp_flow_ops = {
    .name = "tcp",
    .guest = tcp_flow_guest,
    .host = tcp_flow_host,
    .ready = tcp_flow_ready,
    .deadline = tcp_flow_deadline,
    .close = close_host,
};

void
tcp_flow_report(struct sluice *gw, struct flow *f, const struct icmp_report *r, usec_t now)
{
	struct tcp_flow *tf = tcp_flow_of(f);
	const struct tcp *t = &tf->tcp;

	/* RFC 5927 4.1: only about bytes that are under way. */
	if (tf->dialing || seq_lt(r->seq, t->snd_una) || !seq_lt(r->seq, t->snd_max))
		return;
	gw->count[GW_ICMP_REPORTS]++;
	/* Soft and hard errors alike never end a connection (RFC 5461); a size it must know. */
	if (r->mtu) {
		tcp_too_big(&tf->tcp, r->mtu, now);
		flow_mark_ready(&gw->flows, f);
	}
}
