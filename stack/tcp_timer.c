/*
 * tcp_timer.c - round trips, the retransmission timer, and the deadline
 *
 * One of two timers runs in an open connection.  While something is in flight (snd_nxt != snd_una) it is
 * rexmit_at.  While nothing is, it is persist_at: an RTO after the moment since when the guest's window
 * may hold bytes back, counted only if it does, so that it need not be armed when the host writes.
 *
 * tcp_deadline() is asked after every turn for every connection that had something to do, so it is made
 * of the predicates of tcp_output.c, which look at the most likely reason first, and of minima.
 */
#include "stack/tcp_internal.h"

#define CLOCK_GRANULARITY USEC_PER_MSEC /* RFC 6298 2.3 */

/* --- round trips (RFC 6298) -------------------------------------------------------------------------- */

void
tcp_rtt_start(struct tcp *t, uint32_t seq, usec_t now)
{
	if (t->rtt_timing)
		return;
	t->rtt_timing = true;
	t->rtt_seq = seq;
	t->rtt_at = now;
}

/* The RTO that the round trips seen so far ask for. */
void
tcp_rto_restore(struct tcp *t)
{
	if (t->srtt == 0)
		return;

	usec_t var = 4 * t->rttvar > CLOCK_GRANULARITY ? 4 * t->rttvar : CLOCK_GRANULARITY;
	usec_t rto = t->srtt + var;
	if (rto < t->conf->rto_min)
		rto = t->conf->rto_min;
	t->rto = time_min(rto, t->conf->rto_max);
}

void
tcp_rtt_acked(struct tcp *t, uint32_t ack, usec_t now)
{
	if (!t->rtt_timing || seq_lt(ack, t->rtt_seq))
		return;
	t->rtt_timing = false;

	usec_t r = now > t->rtt_at ? now - t->rtt_at : 1;
	if (t->srtt == 0) {
		t->srtt = r;
		t->rttvar = r / 2;
	} else {
		usec_t off = t->srtt > r ? t->srtt - r : r - t->srtt;

		t->rttvar += (off - t->rttvar) / 4;
		t->srtt += (r - t->srtt) / 8;
	}
	if (t->srtt < 1)
		t->srtt = 1;
	tcp_rto_restore(t);
}

/* RFC 6298 5.4 to 5.6; the timer starts again when the segment at snd_una is sent. */
void
tcp_rto_expired(struct tcp *t)
{
	if (!tcp_is_opening(t))
		tcp_congestion_timeout(t);
	t->rto = time_min(2 * t->rto, t->conf->rto_max);
	if (t->rexmits < UINT8_MAX)
		t->rexmits++;
	t->rtt_timing = false;
	t->snd_nxt = t->snd_una;
	t->rexmit_at = TIME_NEVER;
}

/* --- the persist timer (RFC 9293 3.8.6.1) ------------------------------------------------------------ */

/* Nothing is in flight any more. */
void
tcp_timers_rest(struct tcp *t, usec_t now)
{
	t->rexmit_at = TIME_NEVER;
	t->persist_at = now + t->rto;
	t->probes = 0;
}

/* A probe was sent: the next one comes after twice the time (SHLD-30). */
void
tcp_probe_backoff(struct tcp *t, usec_t now)
{
	if (t->probes < UINT8_MAX)
		t->probes++;
	t->persist_at = now + time_min(t->rto << u32_min(t->probes, 10), t->conf->rto_max);
}

/* --- what time alone ends ---------------------------------------------------------------------------- */

/* The next keep-alive probe, or, all of them sent, the end of waiting for an answer (MUST-24 to 28). */
usec_t
tcp_keepalive_at(const struct tcp *t)
{
	if (t->conf->keepalive == 0 || t->state < TCP_ESTABLISHED || t->state == TCP_TIME_WAIT)
		return TIME_NEVER;
	if (tcp_is_sending(t) && tcp_send_end(t) != t->snd_una)
		return TIME_NEVER; /* bytes or probes are under way: R2 decides */
	return t->keep_probes == 0 ? t->heard_at + t->conf->keepalive : t->keep_at;
}

/* RFC 9293 3.8.3: R2, once R1 is reached and the last try has had its time.  So a machine that slept for
 * a day tries again first. */
static usec_t
gives_up_at(const struct tcp *t)
{
	if (t->keep_probes == TCP_KEEP_PROBES)
		return tcp_keepalive_at(t);
	if ((t->rexmits < TCP_R1 && t->probes < TCP_R1) || t->snd_una == t->snd_max)
		return TIME_NEVER;

	usec_t r2 = t->oldest_at + (tcp_is_opening(t) ? TCP_SYN_TIMEOUT : t->conf->user_timeout);
	usec_t next = time_min(t->rexmit_at, t->persist_at);
	return r2 > next ? r2 : next;
}

unsigned
tcp_timers(struct tcp *t, usec_t now)
{
	if (t->state == TCP_CLOSED || t->rst_wanted)
		return 0;
	if (t->state == TCP_TIME_WAIT && t->wait_at <= now) {
		tcp_set_state_closed(t);
		return TCP_EV_DONE;
	}
	if (t->wait_at <= now || gives_up_at(t) <= now) {
		tcp_abort(t, true);
		return TCP_EV_TIMEOUT;
	}
	return 0;
}

usec_t
tcp_deadline(const struct tcp *t)
{
	if (tcp_wants_output(t))
		return 0;
	if (t->state == TCP_CLOSED || t->state == TCP_LISTEN)
		return TIME_NEVER;

	usec_t at = time_min(t->delack_at, t->rexmit_at);
	at = time_min(at, time_min(t->wait_at, gives_up_at(t)));
	at = time_min(at, tcp_keepalive_at(t));
	return tcp_is_probing(t) ? time_min(at, t->persist_at) : at;
}
