/*
 * loop.c - one turn of the loop, always in the same order
 *
 *     receive   up to LINK_BATCH frames from the link, borrowed for this turn
 *     input     each frame through the stack, its packet to its flow: state changes, nothing is sent yet
 *     host      readiness of host sockets
 *     timers    flows whose deadline has come
 *     flows     every ready flow once: bytes move between guest and socket, segments go out
 *     release   borrowed frames go back; the link flushes
 *
 * A turn is bounded by the batch, by TURN_EVENTS and by a byte budget per flow and direction; whoever has
 * work left stays ready, which makes the next timeout zero.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proxy/gateway.h"
#include "proxy/status_page.h"

#define TRIM_AFTER USEC_PER_SEC

/* --- input ------------------------------------------------------------------------------------------------ */

static void
answer_segment(struct sluice *gw, const struct packet *pkt, struct tcp_hdr *h)
{
	h->sport = pkt->tcp.dport;
	h->dport = pkt->tcp.sport;
	stack_send_tcp(&gw->stack, &pkt->dst, &pkt->src, h, NULL, 0, 0);
}

/* The gateway's own services are no way to the host; all else is judged. */
static void
open_connection(struct sluice *gw, const struct tuple *t, const struct packet *pkt, uint32_t iss, usec_t now)
{
	if (status_page_is_at(gw, &t->remote))
		tcp_flow_serve(gw, t, pkt, iss, &status_page_service, now);
	else if (dial_is_dns(gw, &t->remote.addr) &&
		 (t->remote.port == DNS_PORT || dns_over_tls(gw->settings, t->proto, t->remote.port)))
		tcp_flow_serve(gw, t, pkt, iss, &dns_tcp_service, now);
	else
		tcp_flow_open(gw, t, pkt, iss, now);
}

/* A segment for which there is no flow: TIME-WAIT answers, a SYN begins one, the rest is refused. */
static void
stray_segment(struct sluice *gw, const struct tuple *t, const struct packet *pkt, usec_t now)
{
	struct tcp_hdr out;
	uint32_t iss = 0;
	const uint8_t opening = pkt->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);

	switch (timewait_input(&gw->timewait, t, &pkt->tcp, pkt->len, now, &out)) {
	case TIMEWAIT_ANSWER:
		answer_segment(gw, pkt, &out);
		return;
	case TIMEWAIT_SILENT:
		return;
	case TIMEWAIT_REOPEN:
		iss = out.seq;
		break;
	case TIMEWAIT_NONE:
		break;
	}
	if (opening == TCP_SYN)
		open_connection(gw, t, pkt, iss, now);
	else if (tcp_refuse(&pkt->tcp, pkt->len, &out))
		answer_segment(gw, pkt, &out);
}

static void
input_tcp(struct sluice *gw, struct packet *pkt, usec_t now)
{
	struct tuple t = {{pkt->src, pkt->tcp.sport}, {pkt->dst, pkt->tcp.dport}, IP_PROTO_TCP};
	struct flow *f = flow_find(&gw->flows, &t);

	if (f)
		f->ops->guest(gw, f, pkt, now);
	else
		stray_segment(gw, &t, pkt, now);
}

static void
input_report(struct sluice *gw, const struct packet *pkt, usec_t now)
{
	struct flow *f = flow_find(&gw->flows, &pkt->error.flow);

	if (f && f->kind == FLOW_TCP)
		tcp_flow_report(gw, f, &pkt->error, now);
}

static void
input(struct sluice *gw, const struct frame *frame, usec_t now)
{
	struct packet pkt;
	enum stack_result result = stack_input(&gw->stack, frame, &pkt, now);

	if (!gw->guest_up)
		event_guest_seen(gw);
	switch (result) {
	case STACK_DONE:
		break;
	case STACK_TCP:
		input_tcp(gw, &pkt, now);
		break;
	case STACK_UDP:
		udp_input(gw, &pkt, now);
		break;
	case STACK_ECHO:
		ping_input(gw, &pkt, now);
		break;
	case STACK_ICMP_ERROR:
		input_report(gw, &pkt, now);
		break;
	}
}

void
gw_end_all(struct sluice *gw)
{
	for (int k = 0; k < FLOW_KINDS; k++) {
		for (uint32_t i = 0; i < gw->flows.kind[k].fresh; i++) {
			struct flow *f = flow_at(&gw->flows, (enum flow_kind)k, i);

			if (f->ops)
				gw_end(gw, f, SLUICE_REASON_LINK);
		}
	}
}

/* Who comes next on this link may be somebody else: nothing of the last guest's may reach it. */
static void
guest_left(struct sluice *gw, usec_t now)
{
	gw->departed = gw->link->departed;
	gw_log(gw, SLUICE_LOG_INFO, "the guest left: %s", gw->link->reason[0] ? gw->link->reason : "hung up");
	gw_end_all(gw);
	event_guest_left(gw, gw->link->reason[0] ? gw->link->reason : "the guest's side hung up");
	timewait_init(&gw->timewait, gw->timewait_mem, gw->timewait.size, gw->stack.cfg.secret);
	dns_guest_left(gw);
	evidence_forget(gw->evidence);
	refusals_forget(&gw->refusals);
	stack_forget_guest(&gw->stack, now);
}

static void
guest_came(struct sluice *gw)
{
	gw->arrived = gw->link->arrived;
	gw_log(gw, SLUICE_LOG_INFO, "a guest is attached");
	gw_link_changed(gw);
	event_guest_came(gw);
}

static void
receive(struct sluice *gw, usec_t now)
{
	gw->link_more = false;
	int n = gw->link->ops->receive(gw->link, gw->frame, gw->batch_max, &gw->link_more);

	if (n < 0) {
		gw->link->error = -n;
		return;
	}
	if (gw->link->departed != gw->departed)
		guest_left(gw, now);
	if (gw->link->arrived != gw->arrived)
		guest_came(gw);
	for (int i = 0; i < n; i++) {
		if (gw->tapped)
			gw_tap(gw, &gw->frame[i], true, now);
		input(gw, &gw->frame[i], now);
	}
	event_leases(gw);
	udp_flush(gw, now);
}

/* --- host ------------------------------------------------------------------------------------------------- */

static void
host_events(struct sluice *gw, usec_t now)
{
	struct host_event ev[TURN_EVENTS];
	int n = gw->host->ops->events(gw->host, ev, TURN_EVENTS);

	gw->host_more = n == (int)TURN_EVENTS;
	for (int i = 0; i < n; i++) {
		if (ev[i].token == TOKEN_OWN) {
			judge_surroundings(gw);
			continue;
		}
		if (ev[i].token >= TOKEN_DNS) {
			dns_event(gw, &ev[i], now);
			continue;
		}
		if (ev[i].token >= FLOW_TOKEN_FLOWS) {
			publish_event(gw, ev[i].token, now);
			continue;
		}
		struct flow *f = flow_by_token(&gw->flows, ev[i].token);
		if (f)
			f->ops->host(gw, f, &ev[i], now);
	}
}

/* --- flows ------------------------------------------------------------------------------------------------ */

/* Those that become ready again wait for the next turn. */
static void
run_ready(struct sluice *gw, usec_t now)
{
	flows_begin_ready(&gw->flows);
	for (struct flow *f; (f = flows_next_ready(&gw->flows));)
		f->ops->ready(gw, f, now);
}

static void
trim(struct sluice *gw, usec_t now)
{
	if (gw->pool.used > gw->memory_peak)
		gw->memory_peak = gw->pool.used;
	if (now >= gw->trim_at) {
		pool_trim(&gw->pool, gw->host->ops->drop_pages);
		gw->trim_at = TIME_NEVER;
	} else if (gw->pool.dirty && gw->trim_at == TIME_NEVER) {
		gw->trim_at = now + TRIM_AFTER;
	}
}

void
gw_turn(struct sluice *gw, bool link_ready, bool host_ready, usec_t now)
{
	gw->now = now;
	gw->count[GW_TURNS]++;
	gw->nborrow = 0;
	intercept_turn(gw);
	judge_take_settings(gw);
	if (link_ready || gw->link_more || gw->link->eager)
		receive(gw, now);
	if (host_ready || gw->host_more)
		host_events(gw, now);
	publish_retry(gw, now);
	if (dns_deadline(gw) <= now)
		dns_timers(gw, now);
	if (stack_deadline(&gw->stack) <= now)
		stack_timers(&gw->stack, now);
	flows_expire(&gw->flows, now);
	run_ready(gw, now);
	gw->sink.flush(gw->sink.ctx);
	gw->link->ops->release(gw->link);
	trim(gw, now);
}

usec_t
gw_deadline(const struct sluice *gw)
{
	usec_t t = time_min(flows_next_deadline(&gw->flows), stack_deadline(&gw->stack));

	t = time_min(t, dns_deadline(gw));
	return time_min(t, time_min(gw->trim_at, gw->accept_at));
}

void
gw_end(struct sluice *gw, struct flow *f, enum sluice_reason reason)
{
	if (f->reason == SLUICE_REASON_NONE)
		f->reason = (uint8_t)reason;
	event_ended(gw, f);
	f->ops->close(gw, f);
	flow_delete(&gw->flows, f);
}

/* --- the embedder's loop and ours ------------------------------------------------------------------------------ */

enum { POLL_WAKE, POLL_HOST, POLL_LINK, POLL_COUNT };

_Static_assert(POLL_COUNT <= SLUICE_POLLFDS, "sluice.h promises room");

/* Microseconds until something is due; -1: nothing is. */
static usec_t
time_left(struct sluice *gw)
{
	bool blocked = !gw->sink.room(gw->sink.ctx);

	/* Ready flows that wait for room on the link are woken by the link. */
	if (gw->link_more || gw->host_more || gw->rejudge || (gw->flows.ready_first && !blocked))
		return 0;
	if (gw->link->ops->before_sleep(gw->link))
		return gw->link_more = true, 0;

	usec_t deadline = gw_deadline(gw);
	if (deadline == TIME_NEVER)
		return -1;
	usec_t now = gw->host->ops->now(gw->host);
	return deadline > now ? deadline - now : 0;
}

static usec_t
prepare(struct sluice *gw, struct pollfd fds[SLUICE_POLLFDS])
{
	short link_events = POLLIN;
	usec_t left = time_left(gw);
	int link_fd = gw->link->ops->pollfd(gw->link, &link_events);

	fds[POLL_WAKE] = (struct pollfd){.fd = gw->host->ops->wake_fd(gw->host), .events = POLLIN};
	fds[POLL_HOST] = (struct pollfd){.fd = gw->host->ops->event_fd(gw->host), .events = POLLIN};
	fds[POLL_LINK] = (struct pollfd){.fd = link_fd, .events = link_events};
	return left;
}

int
sluice_prepare(struct sluice *s, struct pollfd fds[SLUICE_POLLFDS], int *timeout_ms)
{
	usec_t left = prepare(s, fds);
	usec_t ms = left < 0 ? -1 : (left + USEC_PER_MSEC - 1) / USEC_PER_MSEC;

	*timeout_ms = ms > 3600000 ? 3600000 : (int)ms;
	return POLL_COUNT;
}

int
sluice_dispatch(struct sluice *s, const struct pollfd *fds, int nfds)
{
	if (nfds < POLL_COUNT)
		return -EINVAL;
	if (fds[POLL_WAKE].revents)
		s->host->ops->wake_clear(s->host);
	gw_turn(s, fds[POLL_LINK].revents != 0, fds[POLL_HOST].revents != 0, s->host->ops->now(s->host));
	if (s->link->error) {
		snprintf(s->error, sizeof(s->error), "the link to the guest is gone: %s",
			 s->link->reason[0] ? s->link->reason : strerror(s->link->error));
		return -s->link->error;
	}
	return atomic_load(&s->stop) ? 1 : 0;
}

int
sluice_run(struct sluice *s)
{
	struct pollfd fds[SLUICE_POLLFDS];
	int r = 0;

	while (r == 0 && !atomic_load(&s->stop)) {
		usec_t left = prepare(s, fds);

		if (s->host->ops->poll(s->host, fds, POLL_COUNT, left) < 0)
			for (int i = 0; i < POLL_COUNT; i++)
				fds[i].revents = 0;
		r = sluice_dispatch(s, fds, POLL_COUNT);
	}
	return r < 0 ? r : 0;
}

void
sluice_wake(struct sluice *s)
{
	s->host->ops->wake(s->host);
}

void
sluice_stop(struct sluice *s)
{
	atomic_store(&s->stop, true);
	sluice_wake(s);
}
