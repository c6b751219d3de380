/*
 * tcp_output.c - the most important segment to send now
 *
 * In order: an RST, a SYN, selective acknowledgments while the guest has a gap, lost bytes, new bytes
 * and the FIN, a probe, an acknowledgment that nothing else carried.  What is due at once and what is due
 * at a time are kept apart: tcp_wants_output() is the former, for tcp_deadline() to ask.
 *
 * SACK blocks travel on segments without text, so that a full segment stays full and an offloaded one
 * can be cut by gso_size (RFC 6691).
 */
#include <assert.h>

#include "stack/tcp_internal.h"

/* --- what may be sent -------------------------------------------------------------------------------- */

/* Text of one segment handed to the link: whole MSSs, or one. */
static uint32_t
longest(const struct tcp *t)
{
	uint32_t mss = t->snd_mss;

	assert(mss > 0); /* since the guest's SYN: TCP_MSS_MIN */
	return t->conf->gso_max > mss ? t->conf->gso_max - t->conf->gso_max % mss : mss;
}

/* How far the guest lets us go from seq on. */
static uint32_t
usable(const struct tcp *t, uint32_t seq)
{
	return seq_past(t->snd_una + t->snd_wnd, seq);
}

/* The FIN follows the text [.., end) if that is all there is and the window has a number left for it. */
static bool
with_fin(const struct tcp *t, uint32_t end)
{
	return t->fin_wanted && end == tcp_data_end(t) && usable(t, end) > 0;
}

/* The first unacknowledged segment, or a gap in the scoreboard, once more. */
static bool
lost_run(const struct tcp *t, struct tcp_run *r)
{
	uint32_t room = seq_past(t->cwnd, tcp_pipe(t));

	if (t->rexmit_first) {
		uint32_t text = u32_min(ring_len(&t->snd), t->snd_mss);

		r->seq = t->snd_una;
		r->len = u32_min(tcp_sack_gap(t, t->snd_una, text), usable(t, t->snd_una));
		r->fin = with_fin(t, r->seq + r->len) && t->fin_sent;
		r->again = true;
		return r->len > 0 || r->fin;
	}
	if (t->nsacked == 0 || room < t->snd_mss || !tcp_lost_run(t, r))
		return false;
	assert(t->snd_mss > 0);
	if (r->len > room)
		r->len = room - room % t->snd_mss;
	r->len = u32_min(u32_min(r->len, longest(t)), usable(t, r->seq));
	return r->len > 0;
}

/*
 * Bytes from snd_nxt on: new ones, or after a timeout the old ones again, past what was SACKed.  The
 * sender's side of silly window avoidance (RFC 9293 3.8.6.2.1, MUST-38): a full segment, or all there is,
 * or half the largest window ever; no Nagle.
 */
static bool
fresh_run(const struct tcp *t, struct tcp_run *r)
{
	uint32_t seq = t->snd_nxt == t->snd_max ? t->snd_nxt : tcp_sack_skip(t, t->snd_nxt);
	uint32_t text = seq_past(tcp_data_end(t), seq);

	if (seq == tcp_send_end(t))
		return false;

	uint32_t wnd = usable(t, seq);
	uint32_t room = seq_past(t->cwnd, tcp_pipe(t));
	uint32_t gap = seq == t->snd_max ? text : tcp_sack_gap(t, seq, text);
	uint32_t len = u32_min(u32_min(gap, longest(t)), u32_min(wnd, room));

	*r = (struct tcp_run){.seq = seq, .len = len};
	if (len == text) {
		r->fin = with_fin(t, seq + len);
		return len > 0 || r->fin;
	}
	if (len >= t->snd_mss && len < gap)
		r->len -= len % t->snd_mss;
	return len >= t->snd_mss || (len > 0 && (len == gap || (len == wnd && len >= t->max_snd_wnd / 2)));
}

bool
tcp_next_run(const struct tcp *t, struct tcp_run *r)
{
	if (!tcp_is_sending(t))
		return false;
	return (t->in_recovery && lost_run(t, r)) || fresh_run(t, r);
}

/* Something is left to send, nothing is in flight, and the window holds it back. */
bool
tcp_is_probing(const struct tcp *t)
{
	struct tcp_run r;

	return tcp_is_sending(t) && t->snd_nxt == t->snd_una && tcp_send_end(t) != t->snd_una &&
	       !tcp_next_run(t, &r);
}

/* One segment against the rules above: after a timeout, and to probe a window that is closed or too
 * small to be worth filling.  Into a closed window goes one byte, or the FIN (SHLD-29, MUST-36). */
static struct tcp_run
forced_run(const struct tcp *t)
{
	uint32_t wnd = usable(t, t->snd_una);
	uint32_t text = u32_min(ring_len(&t->snd), t->snd_mss);
	struct tcp_run r = {.seq = t->snd_una};

	r.len = u32_min(tcp_sack_gap(t, r.seq, text), u32_max(wnd, 1));
	r.fin = t->fin_wanted && r.len == ring_len(&t->snd) && (r.len < wnd || r.len == 0);
	return r;
}

static bool
syn_is_due(const struct tcp *t)
{
	return tcp_is_opening(t) && t->snd_nxt == t->iss;
}

bool
tcp_wants_output(const struct tcp *t)
{
	struct tcp_run r;

	return t->ack_now || t->rst_wanted || t->refuse || syn_is_due(t) || tcp_next_run(t, &r) ||
	       tcp_window_due(t);
}

/* --- segments ---------------------------------------------------------------------------------------- */

/* The sequence number of a segment without text: the next one, but never beyond the guest's window,
 * where a probe byte or a shrunk window may have left it: the guest would drop it. */
static uint32_t
bare_seq(const struct tcp *t)
{
	uint32_t edge = t->snd_una + t->snd_wnd;

	return seq_lt(edge, t->snd_max) ? edge : t->snd_max;
}

static void
header(struct tcp_out *out, uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct tcp_hdr *h = &out->hdr;

	/* Field by field: the blocks of sack[] are the larger half, and are written when there are any. */
	h->sport = h->dport = 0;
	h->seq = seq;
	h->ack = ack;
	h->flags = flags;
	h->hlen = 0;
	h->wnd = h->csum = h->urp = h->mss = 0;
	h->has_wscale = h->sack_ok = false;
	h->wscale = h->nsack = 0;
	out->len = 0;
	out->npay = 0;
}

/* A segment that carries acknowledgment and window, so that nothing waits for them any more. */
static void
begin(struct tcp *t, struct tcp_out *out, uint8_t flags, uint32_t seq)
{
	header(out, flags | TCP_ACK, seq, t->rcv_nxt);
	t->ack_now = false;
	t->ack_segs = 0;
	t->delack_at = TIME_NEVER;
}

static void
emit_rst(struct tcp *t, struct tcp_out *out)
{
	/* A held SYN is refused as by a closed port (RFC 9293 3.10.7.1). */
	header(out, TCP_RST | TCP_ACK, t->state == TCP_LISTEN ? 0 : bare_seq(t), t->rcv_nxt);
	tcp_set_state_closed(t);
}

/* RFC 9293 3.10.7.3, 3.10.7.4 fifth: <SEQ=SEG.ACK><CTL=RST>, and the connection stays what it was. */
static void
emit_refusal(struct tcp *t, struct tcp_out *out)
{
	header(out, TCP_RST, t->refuse_seq, 0);
	t->refuse = false;
}

static void
emit_syn(struct tcp *t, usec_t now, struct tcp_out *out)
{
	struct tcp_hdr *h = &out->hdr;
	bool first = t->snd_max == t->iss;

	begin(t, out, TCP_SYN, t->iss);
	if (t->state == TCP_SYN_SENT) {
		h->flags = TCP_SYN;
		h->ack = 0;
	}
	h->wnd = tcp_advertise_unscaled(t);
	h->mss = t->conf->mss[t->family];
	h->has_wscale = t->wscale_ok;
	h->wscale = t->rcv_wscale;
	h->sack_ok = t->sack_ok;

	t->snd_nxt = t->snd_max = t->iss + 1;
	if (first) {
		t->oldest_at = now;
		tcp_rtt_start(t, t->snd_max, now);
	} else {
		t->rtt_timing = false;
	}
	t->rexmit_at = now + t->rto;
}

static void
emit_ack(struct tcp *t, uint32_t seq, struct tcp_out *out)
{
	begin(t, out, 0, seq);
	out->hdr.wnd = tcp_advertise(t);
	out->hdr.nsack = tcp_sack_blocks(t, out->hdr.sack);
}

static void
fin_was_sent(struct tcp *t)
{
	t->fin_sent = true;
	if (t->state == TCP_ESTABLISHED)
		t->state = TCP_FIN_WAIT_1;
	else if (t->state == TCP_CLOSE_WAIT)
		t->state = TCP_LAST_ACK;
}

static void
emit_run(struct tcp *t, const struct tcp_run *r, usec_t now, struct tcp_out *out)
{
	uint32_t off = r->seq - t->snd_una;
	uint32_t end = r->seq + r->len + (r->fin ? 1 : 0);
	/* MUST-61: PSH where what the host gave us so far ends. */
	bool last = off + r->len == ring_len(&t->snd) && r->len > 0;

	begin(t, out, (uint8_t)((r->fin ? TCP_FIN : 0) | (last ? TCP_PSH : 0)), r->seq);
	out->hdr.wnd = tcp_advertise(t);
	out->len = r->len;
	out->npay = ring_views(&t->snd, off, r->len, out->pay);

	if (t->snd_una == t->snd_max)
		t->oldest_at = now;
	if (r->seq == t->snd_max)
		tcp_rtt_start(t, end, now);
	else if (t->rtt_timing && seq_lt(r->seq, t->rtt_seq))
		t->rtt_timing = false; /* Karn (RFC 6298 3) */
	if (seq_lt(t->snd_max, end))
		t->snd_max = end;
	if (r->fin)
		fin_was_sent(t);
}

/* A run that tcp_next_run() found: in flight from now on. */
static void
send_run(struct tcp *t, const struct tcp_run *r, usec_t now, struct tcp_out *out)
{
	uint32_t end = r->seq + r->len + (r->fin ? 1 : 0);

	emit_run(t, r, now, out);
	if (r->again) {
		t->rexmit_first = false;
		if (seq_lt(t->high_rxt, end))
			t->high_rxt = end;
	} else {
		t->snd_nxt = end;
	}
	t->persist_at = TIME_NEVER;
	t->probes = 0;
	if (t->rexmit_at == TIME_NEVER)
		t->rexmit_at = now + t->rto;
}

/* After a timeout, or as a probe.  Beyond the window it is not in flight: it stays the next to send. */
static void
send_forced(struct tcp *t, usec_t now, struct tcp_out *out)
{
	struct tcp_run r = forced_run(t);

	if (usable(t, t->snd_una) > 0) {
		send_run(t, &r, now, out);
		return;
	}
	emit_run(t, &r, now, out);
	t->rtt_timing = false; /* its answer tells how long the reader slept */
	tcp_probe_backoff(t, now);
}

/* RFC 9293 3.8.4: one number back and no text, which the guest must answer. */
static void
send_keepalive(struct tcp *t, usec_t now, struct tcp_out *out)
{
	emit_ack(t, t->snd_una - 1, out);
	t->keep_probes++;
	t->keep_at = now + TCP_KEEP_INTERVAL;
}

/* What only time makes due. */
static bool
send_in_time(struct tcp *t, usec_t now, struct tcp_out *out)
{
	if (t->persist_at <= now && tcp_is_probing(t)) {
		send_forced(t, now, out);
		return true;
	}
	if (t->keep_probes < TCP_KEEP_PROBES && tcp_keepalive_at(t) <= now) {
		send_keepalive(t, now, out);
		return true;
	}
	if (t->ack_now || t->delack_at <= now || tcp_window_due(t)) {
		emit_ack(t, bare_seq(t), out);
		return true;
	}
	return false;
}

bool
tcp_output(struct tcp *t, usec_t now, struct tcp_out *out)
{
	struct tcp_run r;

	if (t->rst_wanted) {
		emit_rst(t, out);
		return true;
	}
	if (t->refuse) {
		emit_refusal(t, out);
		return true;
	}
	if (t->state == TCP_CLOSED || t->state == TCP_LISTEN)
		return false;
	if (t->rexmit_at <= now) {
		tcp_rto_expired(t);
		if (!tcp_is_opening(t)) {
			send_forced(t, now, out);
			return true;
		}
	}
	if (syn_is_due(t)) {
		emit_syn(t, now, out);
		return true;
	}
	/* A segment with text tells no gaps: those first (RFC 2018 3). */
	if (t->ack_now && t->nisland > 0 && t->sack_ok) {
		emit_ack(t, bare_seq(t), out);
		return true;
	}
	if (tcp_next_run(t, &r)) {
		send_run(t, &r, now, out);
		return true;
	}
	return send_in_time(t, now, out);
}

/* --- the writer -------------------------------------------------------------------------------------- */

/* A larger ring pays when the owner fills this one and the guest and cwnd would take as much at once as
 * half of it, so that the other half refills meanwhile. */
static void
grow(struct tcp *t)
{
	const struct tcp_conf *conf = t->conf;
	uint32_t cap = 2 * t->snd.cap;

	if (!t->snd_filled || cap > conf->ring_max || u32_min(t->snd_wnd, t->cwnd) < t->snd.cap / 2)
		return;
	if (conf->pool->size - conf->pool->used < (size_t)cap + conf->reserve)
		return;
	if (ring_grow(&t->snd, conf->pool, cap, ring_len(&t->snd)))
		t->snd_filled = false;
}

int
tcp_writable(struct tcp *t, struct room out[2])
{
	if (t->fin_wanted || t->rst_wanted || !(tcp_is_opening(t) || tcp_is_sending(t)))
		return 0;
	if (t->snd.cap)
		grow(t);
	else if (!ring_grow(&t->snd, t->conf->pool, first_block(t->conf), 0))
		return 0;
	return ring_room(&t->snd, out);
}

void
tcp_commit(struct tcp *t, size_t n)
{
	assert(!t->fin_wanted && n <= ring_space(&t->snd));
	ring_commit(&t->snd, (uint32_t)n);
	t->snd_filled |= ring_space(&t->snd) == 0;
}
