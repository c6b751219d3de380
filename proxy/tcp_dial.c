/*
 * tcp_dial.c - making the host connection of a guest's SYN, which is held until
 * this has an outcome
 *
 * The places a destination may be are tried in turn (dial.c).  The guest is
 * told what the last of them said, as it would have been told had it dialled
 * itself.  Where the connect hook names a SOCKS 5 proxy, the outcome is the
 * proxy's reply (socks.c), and there is no other place to try.
 */
#include <errno.h>
#include <string.h>

#include "proxy/gateway.h"

#define PROXY_WAIT (127 * USEC_PER_SEC) /* for its reply: as long as Linux waits for a connection */

void
tcp_dial_reset(struct sluice *gw, const struct tcp_flow *tf)
{
	struct tcp_hdr syn = {.flags = TCP_SYN, .seq = tf->tcp.irs}, rst;
	const struct tuple *t = &tf->flow.tuple;

	if (!tcp_refuse(&syn, 0, &rst))
		return;
	rst.sport = t->remote.port;
	rst.dport = t->guest.port;
	stack_send_tcp(&gw->stack, &t->remote.addr, &t->guest.addr, &rst, NULL, 0, 0);
}

/* ::1 is not there because the host has no IPv6, not because ports have run out. */
static bool
lacks_loopback(const struct tcp_flow *tf, int error)
{
	const struct addr *to = &tf->flow.target.addr;

	return error == EADDRNOTAVAIL && addr_is_loopback(to) && !addr_is_v4(to);
}

/* Hook and proxy have the last word. */
static bool
was_decided(const struct tcp_flow *tf)
{
	return tf->flow.reason == SLUICE_REASON_HOOK || tf->flow.reason == SLUICE_REASON_PROXY;
}

/* Does this outcome end the dial, or is the next place tried?  Our own shortage
 * ends it; so does a reset: somebody was there. */
static bool
is_final(const struct tcp_flow *tf, int error)
{
	return was_decided(tf) || error == ECONNRESET ||
	       (trouble_of(error) == TROUBLE_FULL && !lacks_loopback(tf, error));
}

/* A refusal says most: not that the host lacks the other family's loopback. */
static int
outcome(const struct tcp_flow *tf, int error)
{
	bool ours = trouble_of(error) == TROUBLE_FULL && !lacks_loopback(tf, error);

	return tf->refused && !ours && !was_decided(tf) ? ECONNREFUSED : error;
}

/* The dial failed for good: the guest is told what it would have seen had it dialled itself. */
static void
dial_failed(struct sluice *gw, struct tcp_flow *tf, int error, usec_t now)
{
	const struct tuple *t = &tf->flow.tuple;
	static const enum icmp_error icmp[] = {[TROUBLE_HOST] = ICMP_ERR_HOST,
					       [TROUBLE_NET] = ICMP_ERR_NET,
					       [TROUBLE_PROHIBITED] = ICMP_ERR_PROHIBITED};

	error = outcome(tf, error);
	enum trouble trouble = trouble_of(error);
	switch (trouble) {
	case TROUBLE_REFUSED:
		gw->count[GW_TCP_REFUSED]++;
		tcp_dial_reset(gw, tf);
		break;
	case TROUBLE_HOST:
	case TROUBLE_NET:
	case TROUBLE_PROHIBITED:
		gw->count[GW_TCP_UNREACHABLE]++;
		stack_send_error_flow(&gw->stack, icmp[trouble], 0,
				      &gw->stack.cfg.net[addr_family(&t->guest.addr)].gateway, t, tf->tcp.irs,
				      now);
		break;
	case TROUBLE_SILENT:
		gw->count[GW_TCP_TIMED_OUT]++;
		break;
	case TROUBLE_FULL:
		gw_limit(gw, GW_TCP_FULL, "a connection of the guest was not made", error);
		break;
	}
	gw_end(gw, &tf->flow, reason_of(error));
}

static void
connected(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	if (!tcp_accept(&tf->tcp, tcp_iss(&tf->flow.tuple, gw->stack.cfg.secret, now), now)) {
		gw_limit(gw, GW_TCP_FULL, "no memory for a connection of the guest", 0);
		gw_end(gw, &tf->flow, SLUICE_REASON_FULL);
		return;
	}
	tf->dialing = DIAL_NOT;
	tf->retry_at = TIME_NEVER;
	tf->readable = tf->writable = true;
	gw->count[GW_TCP_OPENED]++;
	event_opened(gw, &tf->flow);
	flow_mark_ready(&gw->flows, &tf->flow);
}

/* --- through a proxy ------------------------------------------------------------------------------------ */

static void
proxy_failed(struct sluice *gw, struct tcp_flow *tf, int error, const char *why, usec_t now)
{
	tf->flow.reason = SLUICE_REASON_PROXY;
	tf->flow.why = why;
	dial_failed(gw, tf, error, now);
}

/* The proxy itself could not be reached.  Nobody listening there says nothing
 * of who listens at the target. */
static void
proxy_unreached(struct sluice *gw, struct tcp_flow *tf, int error, usec_t now)
{
	enum trouble trouble = trouble_of(error);

	if (trouble == TROUBLE_FULL)
		dial_failed(gw, tf, error, now);
	else if (trouble == TROUBLE_REFUSED)
		proxy_failed(gw, tf, EHOSTUNREACH, "the proxy refused the connection", now);
	else if (trouble == TROUBLE_SILENT)
		proxy_failed(gw, tf, error, "the proxy did not answer", now);
	else
		proxy_failed(gw, tf, error, "the proxy cannot be reached", now);
}

/* False: the socket is full. */
static bool
write_to_proxy(struct sluice *gw, struct tcp_flow *tf, uint8_t *out, size_t len)
{
	struct iovec iov = {out, len};
	ssize_t n = gw->host->ops->writev(gw->host, tf->flow.fd, &iov, 1);

	if (n == -EAGAIN || n == 0)
		return false;
	if (n > 0)
		socks_sent(&tf->socks, (size_t)n);
	else
		socks_ended(&tf->socks);
	return true;
}

/* False: the socket is empty. */
static bool
read_from_proxy(struct sluice *gw, struct tcp_flow *tf, size_t want)
{
	uint8_t in[SOCKS_IN_MAX];
	struct iovec iov = {in, want};
	ssize_t n = gw->host->ops->readv(gw->host, tf->flow.fd, &iov, 1);

	if (n == -EAGAIN)
		return false;
	if (n > 0)
		socks_input(&tf->socks, view_of(in, (size_t)n));
	else
		socks_ended(&tf->socks);
	return true;
}

/* As far as it goes without waiting; the messages are short, so the turn is too. */
static void
talk_to_proxy(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	uint8_t out[SOCKS_OUT_MAX];
	bool more = true;

	while (more) {
		size_t len = socks_output(&tf->socks, out), want = socks_want(&tf->socks);

		if (len > 0)
			more = write_to_proxy(gw, tf, out, len);
		else if (want > 0)
			more = read_from_proxy(gw, tf, want);
		else
			break;
	}
	if (tf->socks.step == SOCKS_DONE)
		connected(gw, tf, now);
	else if (tf->socks.step == SOCKS_FAILED)
		proxy_failed(gw, tf, tf->socks.error, tf->socks.why, now);
}

static void
proxy_reached(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	tf->dialing = DIAL_ASKING;
	tf->retry_at = now + PROXY_WAIT;
	flow_schedule(&gw->flows, &tf->flow);
	socks_start(&tf->socks, &tf->flow.target);
	talk_to_proxy(gw, tf, now);
}

bool
tcp_dial_late(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	if (tf->dialing != DIAL_ASKING || now < tf->retry_at)
		return false;
	proxy_failed(gw, tf, ETIMEDOUT, "the proxy did not answer", now);
	return true;
}

/* --- one place after the other -------------------------------------------------------------------------- */

static void
reached(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	if (tf->dialing == DIAL_PROXY)
		proxy_reached(gw, tf, now);
	else
		connected(gw, tf, now);
}

/* True: the next place may be tried.  False: the flow is gone. */
static bool
try_failed(struct sluice *gw, struct tcp_flow *tf, int error, usec_t now)
{
	/* Only where we ran short may there be a connection: nothing is left to reset of one that failed. */
	gw_close(gw, &tf->flow.fd, trouble_of(error) == TROUBLE_FULL);
	if (tf->dialing == DIAL_PROXY && !was_decided(tf)) {
		proxy_unreached(gw, tf, error, now);
		return false;
	}
	if (is_final(tf, error)) {
		dial_failed(gw, tf, error, now);
		return false;
	}
	tf->refused |= trouble_of(error) == TROUBLE_REFUSED;
	tf->attempt++;
	return true;
}

/* Work through the places the destination may be, until one answers or has to be waited for. */
static void
dial(struct sluice *gw, struct tcp_flow *tf, int error, usec_t now)
{
	struct route r = {.error = 0};

	while (dial_route(gw, &tf->flow, &tf->flow.tuple.remote, tf->attempt, &r)) {
		tf->dialing = r.proxied ? DIAL_PROXY : DIAL_TARGET;
		tf->hangup = false;

		int done = r.error ? r.error : dial_open(gw, &tf->flow, &r);
		if (done == 0)
			reached(gw, tf, now);
		/* On a loopback the outcome is there already: look for it in this very turn. */
		gw->host_more |= done == -EINPROGRESS;
		if (done == 0 || done == -EINPROGRESS)
			return;
		error = -done;
		if (!try_failed(gw, tf, error, now))
			return;
	}
	dial_failed(gw, tf, error, now);
}

void
tcp_dial(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	dial(gw, tf, ECONNREFUSED, now);
}

void
tcp_dial_event(struct sluice *gw, struct tcp_flow *tf, const struct host_event *ev, usec_t now)
{
	bool plain = ev->writable && !ev->error && !ev->hangup; /* connected, and nothing else to say */

	/* An end of file that is announced now is not announced again. */
	tf->hangup |= ev->hangup || ev->error;
	if (tf->dialing == DIAL_ASKING) {
		talk_to_proxy(gw, tf, now);
		return;
	}

	int r = plain ? 0 : gw->host->ops->connect_result(gw->host, tf->flow.fd);
	if (r == -EINPROGRESS)
		return;
	if (r == 0)
		reached(gw, tf, now);
	else if (try_failed(gw, tf, -r, now))
		dial(gw, tf, -r, now);
}
