/*
 * tcp_input.c - a segment arrives (RFC 9293 3.10.7)
 *
 * The steps of 3.10.7.4 are a table in the RFC's order.  Each says whether the next one is to look at the
 * segment too.  A step changes the connection and notes what is due; nothing is sent here.
 *
 * RFC 5961 is followed for RST, SYN and ACK: what an attacker who cannot see our numbers could send does
 * not end a connection, it earns a challenge.
 */
#include "stack/tcp_internal.h"

static void
reset_by_guest(struct tcp *t, struct tcp_seg *s)
{
	tcp_set_state_closed(t);
	s->events |= TCP_EV_RESET;
}

/* <SEQ=SEG.ACK><CTL=RST>: somebody acknowledges what was never sent. */
static void
refuse_ack(struct tcp *t, const struct tcp_seg *s)
{
	t->refuse = true;
	t->refuse_seq = s->hdr->ack;
}

static void
enter_time_wait(struct tcp *t, struct tcp_seg *s)
{
	t->state = TCP_TIME_WAIT;
	t->wait_at = s->now + t->conf->msl2;
	s->events |= TCP_EV_DONE;
}

/* The guest has acknowledged our SYN. */
static void
enter_established(struct tcp *t, struct tcp_seg *s)
{
	tcp_rtt_acked(t, s->hdr->ack, s->now);
	tcp_congestion_open(t);
	if (t->rexmits > 0)
		t->rto = TCP_RTO_AFTER_SYN;
	t->rexmits = 0;
	t->snd_una = t->snd_nxt = t->recover = t->high_rxt = s->hdr->ack;
	t->snd_wnd = s->wnd;
	t->max_snd_wnd = u32_max(t->max_snd_wnd, s->wnd);
	t->snd_wl1 = s->seq;
	t->snd_wl2 = s->hdr->ack;
	t->oldest_at = s->now;
	t->state = TCP_ESTABLISHED;
	tcp_timers_rest(t, s->now);
	s->events |= TCP_EV_OPEN;
}

/* --- a SYN is held: LISTEN, and the host is being dialled (3.10.7.2) --------------------------------- */

static void
input_held(struct tcp *t, struct tcp_seg *s)
{
	const struct tcp_hdr *h = s->hdr;

	if (h->flags & TCP_RST) {
		/* Nothing was promised, so the window is the SYN itself. */
		if (h->seq == t->irs || h->seq == t->rcv_nxt)
			reset_by_guest(t, s);
	} else if (h->flags & TCP_ACK) {
		refuse_ack(t, s);
	} else if ((h->flags & TCP_SYN) && h->seq != t->irs) {
		/* A new attempt of a guest that has forgotten this one; its retransmission begins anew. */
		reset_by_guest(t, s);
	}
}

/* --- SYN-SENT (3.10.7.3): true when the segment's text is to be looked at --------------------------- */

static bool
input_syn_sent(struct tcp *t, struct tcp_seg *s)
{
	const struct tcp_hdr *h = s->hdr;
	bool acks = h->flags & TCP_ACK;

	/* First: the only thing to acknowledge is our SYN. */
	if (acks && (h->ack != t->iss + 1 || t->snd_max == t->iss)) {
		if (!(h->flags & TCP_RST))
			refuse_ack(t, s);
		return false;
	}
	/* Second. */
	if (h->flags & TCP_RST) {
		if (acks)
			reset_by_guest(t, s);
		return false;
	}
	/* Fourth. */
	if (!(h->flags & TCP_SYN))
		return false;
	uint32_t promised = t->rcv_adv - t->rcv_nxt; /* by our SYN, before there was a number to count from */
	tcp_learn_options(t, h);
	t->rcv_adv = t->rcv_nxt + promised;
	t->rcv_grow = t->rcv_nxt + t->rcv.cap;
	s->seq++;
	if (!acks) {
		/* Both sides open at once (MUST-10): our SYN again, now with an ACK. */
		t->state = TCP_SYN_RCVD;
		t->snd_nxt = t->iss;
		return false;
	}
	enter_established(t, s);
	t->ack_now = true;
	return true;
}

/* --- the steps of 3.10.7.4 --------------------------------------------------------------------------- */

/*
 * Before the first: in SYN-RECEIVED the SYN itself comes again.  The guest has not seen our answer, so it
 * is given again, with the same number; or both sides opened at once, and this is the guest's answer,
 * which goes on without its SYN.
 */
static bool
see_syn_again(struct tcp *t, struct tcp_seg *s)
{
	if (t->state != TCP_SYN_RCVD || !(s->flags & TCP_SYN) || s->seq != t->irs)
		return true;
	if (!(s->flags & TCP_ACK)) {
		t->snd_nxt = t->iss;
		return false;
	}
	s->flags &= (uint8_t)~TCP_SYN;
	s->seq++;
	return true;
}

/*
 * Does any of it lie in the window?  Two liberties that other stacks take too: a segment may begin before
 * the window and end after it, and one without text may stand exactly at the right edge, where a guest
 * whose whole window was lost must put its ACKs.  Distances are compared, not numbers: no number is then
 * both before and after another, not even the one 2^31 away.
 */
static bool
is_acceptable(const struct tcp *t, const struct tcp_seg *s)
{
	uint32_t wnd = tcp_rcv_wnd(t);
	uint32_t ahead = s->seq - t->rcv_nxt, behind = t->rcv_nxt - s->seq;
	uint32_t text = s->len + (s->flags & TCP_SYN ? 1 : 0);

	if (ahead <= wnd)
		return ahead < wnd || text == 0;
	return text + (s->flags & TCP_FIN ? 1 : 0) > behind;
}

/* First. */
static bool
check_sequence(struct tcp *t, struct tcp_seg *s)
{
	if (is_acceptable(t, s))
		return true;
	if (s->flags & TCP_RST)
		return false;
	tcp_challenge(t, s);
	/* Eighth, TIME-WAIT: the guest's FIN once more. */
	if (t->state == TCP_TIME_WAIT && (s->flags & TCP_FIN))
		t->wait_at = s->now + t->conf->msl2;
	/* A probe of our closed window: its text is refused, its ACK is good (MUST-66). */
	if (s->seq != t->rcv_nxt || (s->flags & TCP_SYN) || t->rcv_nxt != t->rcv_adv)
		return false;
	s->len = 0;
	s->flags &= (uint8_t)~TCP_FIN;
	return true;
}

/* Second, with RFC 5961 3.2: only the very next number resets. */
static bool
check_rst(struct tcp *t, struct tcp_seg *s)
{
	if (!(s->flags & TCP_RST))
		return true;
	if (s->seq == t->rcv_nxt)
		reset_by_guest(t, s);
	else
		tcp_challenge(t, s);
	return false;
}

/* Fourth, with RFC 5961 4.2.  (Third, security and precedence, is of no time.) */
static bool
check_syn(struct tcp *t, struct tcp_seg *s)
{
	if (!(s->flags & TCP_SYN))
		return true;
	if (t->state == TCP_SYN_RCVD && !t->active)
		reset_by_guest(t, s); /* "return this connection to the LISTEN state": the owner listens */
	else
		tcp_challenge(t, s);
	return false;
}

/* Fifth, SYN-RECEIVED. */
static bool
check_opening_ack(struct tcp *t, struct tcp_seg *s)
{
	if (!(s->flags & TCP_ACK))
		return false;
	if (t->state != TCP_SYN_RCVD)
		return true;
	if (s->hdr->ack != t->iss + 1 || t->snd_max == t->iss) {
		refuse_ack(t, s);
		return false;
	}
	enter_established(t, s);
	return true;
}

/* Fifth, with RFC 5961 5.2: neither of what was never sent (T8) nor from long ago (T9). */
static bool
check_ack_range(struct tcp *t, struct tcp_seg *s)
{
	uint32_t ahead = s->hdr->ack - t->snd_una, behind = t->snd_una - s->hdr->ack;

	if (ahead <= t->snd_max - t->snd_una || behind <= t->max_snd_wnd)
		return true;
	tcp_challenge(t, s);
	return false;
}

/* RFC 5681 2: an ACK of nothing new that can only mean that a later segment arrived.  With SACK it has to
 * say which (RFC 6675 2). */
static bool
is_duplicate(const struct tcp *t, const struct tcp_seg *s, bool news)
{
	if (s->hdr->ack != t->snd_una || t->snd_nxt == t->snd_una)
		return false;
	if (t->sack_ok)
		return news;
	return s->len == 0 && !(s->flags & TCP_FIN) && s->wnd == t->snd_wnd;
}

/* n numbers more are acknowledged: bytes, and after them perhaps the FIN. */
static void
advance(struct tcp *t, struct tcp_seg *s, uint32_t n)
{
	uint32_t bytes = u32_min(n, ring_len(&t->snd));

	t->snd_una += n;
	ring_consume(&t->snd, bytes);
	if (seq_lt(t->snd_nxt, t->snd_una))
		t->snd_nxt = t->snd_una;
	t->rexmits = 0;
	t->oldest_at = s->now;
	tcp_rtt_acked(t, t->snd_una, s->now);
	tcp_sack_forget(t);
	tcp_congestion_acked(t, n);
	if (t->snd_nxt == t->snd_una)
		tcp_timers_rest(t, s->now);
	else
		t->rexmit_at = s->now + t->rto; /* RFC 6298 5.3 */
	if (bytes > 0)
		s->events |= TCP_EV_ACKED;
}

/* Our FIN is acknowledged.  False: the connection is no more. */
static bool
fin_acked(struct tcp *t, struct tcp_seg *s)
{
	ring_release(&t->snd, t->conf->pool);
	switch (t->state) {
	case TCP_FIN_WAIT_1:
		t->state = TCP_FIN_WAIT_2;
		if (t->host_gone)
			t->wait_at = s->now + t->conf->linger;
		return true;
	case TCP_CLOSING:
		enter_time_wait(t, s);
		return true;
	case TCP_LAST_ACK:
		tcp_set_state_closed(t);
		s->events |= TCP_EV_DONE;
		return false;
	default:
		return true;
	}
}

/* Fifth, ESTABLISHED and after: what the guest acknowledges. */
static bool
take_ack(struct tcp *t, struct tcp_seg *s)
{
	if (!tcp_is_sending(t))
		return true;

	uint32_t n = seq_past(s->hdr->ack, t->snd_una);
	bool fin = n > ring_len(&t->snd);
	bool news = tcp_sack_learn(t, s->hdr);

	/* Probes are answered: the window is closed, the guest is not dead (MUST-37). */
	if (t->snd_nxt == t->snd_una)
		t->oldest_at = s->now;
	if (n > 0)
		advance(t, s, n);
	else if (is_duplicate(t, s, news))
		tcp_congestion_duplicate(t);
	tcp_congestion_check(t);
	return !fin || fin_acked(t, s);
}

/* Does it speak of the window later than all others did?  RFC 9293 goes by its number, which says nothing of bytes sent
 * again; an acknowledgment of more was made later, whatever it came with. */
static bool
is_newest(const struct tcp *t, uint32_t seq, uint32_t ack)
{
	return seq_lt(t->snd_wl2, ack) || seq_lt(t->snd_wl1, seq) || (t->snd_wl1 == seq && t->snd_wl2 == ack);
}

/* Fifth: the send window, by the newest segment that speaks of it (MUST-34: it may shrink). */
static bool
take_window(struct tcp *t, struct tcp_seg *s)
{
	uint32_t ack = s->hdr->ack;

	if (seq_lt(ack, t->snd_una) || !is_newest(t, s->seq, ack))
		return true;
	t->snd_wl1 = s->seq;
	t->snd_wl2 = ack;
	if (s->wnd == t->snd_wnd)
		return true;
	t->snd_wnd = s->wnd;
	t->max_snd_wnd = u32_max(t->max_snd_wnd, s->wnd);
	/* The wait for the first probe begins with the window that makes us wait; a guest that toys with
	 * its window does not put it off. */
	if (t->snd_nxt == t->snd_una && (t->probes > 0 || t->persist_at <= s->now))
		tcp_timers_rest(t, s->now);
	return true;
}

/* Sixth: URG.  Its bytes are in band, its pointer is not read (RFC 6093 6; T7).
 * Seventh: text.  After the guest's FIN there is none: ignored. */
static bool
take_text(struct tcp *t, struct tcp_seg *s)
{
	if (tcp_is_receiving(t))
		tcp_receive_text(t, s);
	return true;
}

/* Eighth. */
static bool
take_fin(struct tcp *t, struct tcp_seg *s)
{
	if (!tcp_is_receiving(t))
		return false;
	tcp_receive_fin(t, s);
	if (!t->fin_rcvd)
		return false;
	switch (t->state) {
	case TCP_ESTABLISHED:
		t->state = TCP_CLOSE_WAIT;
		break;
	case TCP_FIN_WAIT_1:
		t->state = TCP_CLOSING;
		break;
	default: /* FIN-WAIT-2 */
		enter_time_wait(t, s);
		break;
	}
	return false;
}

/* RFC 9293 3.10.7.4, in order. */
static bool (*const steps[])(struct tcp *t, struct tcp_seg *s) = {
    see_syn_again,   check_sequence, check_rst,   check_syn, check_opening_ack,
    check_ack_range, take_ack,       take_window, take_text, take_fin,
};

/* Segments that mean two things, or nothing, and are not looked at (T4). */
static bool
is_nonsense(uint8_t flags)
{
	if (flags & TCP_SYN)
		return flags & (TCP_FIN | TCP_RST);
	return !(flags & (TCP_ACK | TCP_RST));
}

unsigned
tcp_input(struct tcp *t, const struct tcp_hdr *seg, struct borrow *data, uint32_t len, bool copy, usec_t now)
{
	struct tcp_seg s = {
	    .hdr = seg,
	    .data = data,
	    .seq = seg->seq,
	    .len = len,
	    /* RFC 7323 2.2: a SYN's window is not scaled. */
	    .wnd = seg->flags & TCP_SYN ? seg->wnd : (uint32_t)seg->wnd << t->snd_wscale,
	    .flags = seg->flags,
	    .copy = copy,
	    .now = now,
	};

	if (t->state == TCP_CLOSED || t->rst_wanted || is_nonsense(seg->flags))
		return 0;
	t->heard_at = now;
	t->keep_probes = 0;
	if (t->state == TCP_LISTEN) {
		input_held(t, &s);
		return s.events;
	}

	if (t->state == TCP_SYN_SENT) {
		/* "continue processing at the sixth step" */
		if (input_syn_sent(t, &s) && take_text(t, &s))
			take_fin(t, &s);
		return s.events;
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (!steps[i](t, &s))
			break;
	}
	return s.events;
}
