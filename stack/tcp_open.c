/*
 * tcp_open.c - the user calls of RFC 9293 3.10: open, close, abort, and what they set in motion
 *
 * None of them sends anything.  They leave the state from which tcp_output() reads what is due: a SYN is
 * due while snd_nxt is still iss, a FIN while fin_wanted and snd_nxt has not passed the last byte, an RST
 * while rst_wanted.
 *
 * A connection the guest opens begins as a held SYN (TCP_LISTEN) while the host is being dialled.  The
 * state is LISTEN because nothing has been promised, but the tuple is already taken: a retransmission of
 * that SYN is the same attempt, any other SYN means that the guest has given it up.
 */
#include "stack/tcp.h"

#include <assert.h>

#include "stack/addr.h"
#include "stack/siphash.h"
#include "stack/tcp_internal.h"

/* The smallest shift that lets 16 bits say ring_max (RFC 7323 2.2). */
static uint8_t
own_wscale(const struct tcp_conf *conf)
{
	uint8_t shift = 0;

	while (conf->ring_max >> shift > UINT16_MAX)
		shift++;
	return shift;
}

void
tcp_begin(struct tcp *t, const struct tcp_conf *conf, uint8_t family)
{
	t->conf = conf;
	t->family = family;
	t->rto = u32_max((uint32_t)TCP_RTO_FIRST, (uint32_t)conf->rto_min);
	t->delack_at = t->rexmit_at = t->persist_at = t->wait_at = TIME_NEVER;
}

void
tcp_learn_options(struct tcp *t, const struct tcp_hdr *syn)
{
	/* MUST-15: without the option 536, 1,220 in IPv6.  0 says as little as no option. */
	uint32_t mss = syn->mss ? syn->mss : t->family == FAMILY_V4 ? 536 : 1220;

	t->snd_mss = (uint16_t)u32_min(u32_max(mss, TCP_MSS_MIN), t->conf->mss[t->family]);
	t->wscale_ok = syn->has_wscale;
	t->snd_wscale = syn->has_wscale ? (uint8_t)u32_min(syn->wscale, TCP_WSCALE_MAX) : 0;
	t->rcv_wscale = syn->has_wscale ? own_wscale(t->conf) : 0;
	t->sack_ok = syn->sack_ok;
	t->irs = syn->seq;
	t->rcv_nxt = syn->seq + 1;
	/* The window of a SYN is never scaled (RFC 7323 2.2). */
	t->snd_wnd = t->max_snd_wnd = syn->wnd;
	t->snd_wl1 = syn->seq;
}

void
tcp_hold(struct tcp *t, const struct tcp_conf *conf, uint8_t family, const struct tcp_hdr *syn, usec_t now)
{
	tcp_begin(t, conf, family);
	tcp_learn_options(t, syn);
	t->state = TCP_LISTEN;
	t->heard_at = now;
}

/* What both ways of opening share once there is a place for the guest's bytes. */
static void
first_syn(struct tcp *t, uint32_t iss, enum tcp_state state, usec_t now)
{
	t->iss = t->snd_una = t->snd_nxt = t->snd_max = t->snd_wl2 = t->recover = t->high_rxt = iss;
	t->oldest_at = t->heard_at = now;
	t->state = (uint8_t)state;
}

bool
tcp_accept(struct tcp *t, uint32_t iss, usec_t now)
{
	assert(t->state == TCP_LISTEN);
	if (!ring_grow(&t->rcv, t->conf->pool, first_block(t->conf), 0))
		return false;
	if (t->iss && seq_lt(iss, t->iss))
		iss = t->iss;
	t->rcv_adv = t->rcv_nxt;
	t->rcv_grow = t->rcv_nxt + t->rcv.cap;
	first_syn(t, iss, TCP_SYN_RCVD, now);
	return true;
}

bool
tcp_connect(struct tcp *t, const struct tcp_conf *conf, uint8_t family, uint32_t iss, usec_t now)
{
	struct ring rcv = {.base = NULL};

	if (!ring_grow(&rcv, conf->pool, first_block(conf), 0))
		return false;
	tcp_begin(t, conf, family);
	t->rcv = rcv;
	t->active = true;
	t->sack_ok = t->wscale_ok = true;
	t->rcv_wscale = own_wscale(conf);
	first_syn(t, iss, TCP_SYN_SENT, now);
	return true;
}

uint32_t
tcp_iss(const struct tuple *flow, const uint8_t secret[16], usec_t now)
{
	uint8_t name[2 * (16 + 2)];
	struct wr w = wr_of(name, sizeof(name));

	wr_bytes(&w, flow->guest.addr.b, sizeof(flow->guest.addr.b));
	wr_u16(&w, flow->guest.port);
	wr_bytes(&w, flow->remote.addr.b, sizeof(flow->remote.addr.b));
	wr_u16(&w, flow->remote.port);
	return (uint32_t)siphash(secret, name, sizeof(name)) + (uint32_t)(now / 4);
}

void
tcp_shutdown(struct tcp *t, usec_t now)
{
	/* Nothing in flight: if the window holds the FIN back, its first probe comes an RTO from now. */
	if (!t->fin_wanted && t->snd_nxt == t->snd_una)
		t->persist_at = now + t->rto;
	t->fin_wanted = true;
}

void
tcp_stop_reading(struct tcp *t, usec_t now)
{
	if (t->host_gone)
		return;
	t->host_gone = true;
	if (tcp_has_readable(t) || t->nisland)
		tcp_abort(t, true);
	else if (t->state == TCP_FIN_WAIT_2)
		t->wait_at = now + t->conf->linger;
}

/* Nothing more will be said or heard; what waits to be read stays. */
void
tcp_set_state_closed(struct tcp *t)
{
	t->state = TCP_CLOSED;
	t->rst_wanted = t->refuse = t->ack_now = false;
	t->delack_at = t->rexmit_at = t->persist_at = t->wait_at = TIME_NEVER;
	t->snd_nxt = t->snd_max = t->snd_una;
	t->nisland = t->nsacked = 0;
	ring_release(&t->snd, t->conf->pool);
}

void
tcp_abort(struct tcp *t, bool say)
{
	/* RFC 9293 3.10.5: whoever has sent its FIN and seen ours, or never heard of us, needs no RST.  A
	 * held SYN does: it is refused. */
	static const bool tells[TCP_STATES] = {
	    [TCP_LISTEN] = true,     [TCP_SYN_RCVD] = true,   [TCP_ESTABLISHED] = true,
	    [TCP_FIN_WAIT_1] = true, [TCP_FIN_WAIT_2] = true, [TCP_CLOSE_WAIT] = true,
	};

	if (say && tells[t->state])
		t->rst_wanted = true;
	else if (t->state != TCP_CLOSED)
		tcp_set_state_closed(t);
}

void
tcp_too_big(struct tcp *t, uint32_t mtu, usec_t now)
{
	uint32_t headers = t->family == FAMILY_V4 ? 20 + TCP_HLEN : 40 + TCP_HLEN;
	uint32_t floor = t->family == FAMILY_V4 ? TCP_MSS_MIN : 1280 - headers; /* RFC 8200 5 */
	uint32_t mss = mtu > headers + floor ? mtu - headers : floor;

	if (mss >= t->snd_mss || !tcp_is_sending(t))
		return;
	t->snd_mss = (uint16_t)mss;
	if (t->snd_una == t->snd_max)
		return;
	/* All that is in flight was too big: send it again now, which is no sign of congestion (RFC 1191
	 * 6.5), so cwnd stays. */
	t->snd_nxt = t->high_rxt = t->snd_una;
	t->recover = t->snd_max;
	t->rto_recovery = true;
	t->in_recovery = t->rexmit_first = t->rtt_timing = false;
	tcp_timers_rest(t, now);
}

void
tcp_free(struct tcp *t)
{
	if (t->conf) {
		ring_release(&t->snd, t->conf->pool);
		ring_release(&t->rcv, t->conf->pool);
	}
	memset(t, 0, sizeof(*t));
}

void
tcp_idle(struct tcp *t)
{
	if (ring_len(&t->snd) == 0 && t->snd.cap)
		ring_release(&t->snd, t->conf->pool);
}

bool
tcp_refuse(const struct tcp_hdr *seg, uint32_t len, struct tcp_hdr *rst)
{
	const uint8_t f = seg->flags;

	/* 3.10.7.1 answers all but RSTs; a segment that means nothing, or two things, is not answered. */
	if ((f & TCP_RST) || !(f & (TCP_SYN | TCP_FIN | TCP_ACK)) || ((f & TCP_SYN) && (f & TCP_FIN)))
		return false;
	*rst = (struct tcp_hdr){.flags = TCP_RST};
	if (f & TCP_ACK) {
		rst->seq = seg->ack;
	} else {
		rst->flags |= TCP_ACK;
		rst->ack = seg->seq + len + (f & TCP_SYN ? 1 : 0) + (f & TCP_FIN ? 1 : 0);
	}
	return true;
}

const char *
tcp_state_name(enum tcp_state s)
{
	static const char *const names[] = {
	    [TCP_CLOSED] = "CLOSED",           [TCP_LISTEN] = "LISTEN",
	    [TCP_SYN_SENT] = "SYN-SENT",       [TCP_SYN_RCVD] = "SYN-RECEIVED",
	    [TCP_ESTABLISHED] = "ESTABLISHED", [TCP_FIN_WAIT_1] = "FIN-WAIT-1",
	    [TCP_FIN_WAIT_2] = "FIN-WAIT-2",   [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
	    [TCP_CLOSING] = "CLOSING",         [TCP_LAST_ACK] = "LAST-ACK",
	    [TCP_TIME_WAIT] = "TIME-WAIT",
	};
	_Static_assert(sizeof(names) / sizeof(names[0]) == TCP_STATES, "a name for each state");

	return names[s];
}
