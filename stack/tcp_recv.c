/*
 * tcp_recv.c - the guest's sequence numbers: what has come, where it lies, what is promised
 *
 * Text in order is lent for the turn: its views are appended to the borrow list and nothing is copied.
 * While there is a gap (islands), or where the lender says so (copy), text goes into the ring instead,
 * at the place its sequence number names; what was received first stays (T16).  So the readable bytes are
 * always the ring's, then the borrowed ones:
 *
 *     byte number   head          tail            tail + borrowed        (= sequence number - irs - 1)
 *                    | in the ring | borrowed views | gap | island | gap | island |
 *     sequence     head_seq                      rcv_nxt                          ... rcv_adv
 *
 * The window.  The right edge is promised (rcv_adv) when a segment is emitted and never moves left.  It
 * moves right by at least min(half the ring, MSS) (MUST-39).  A scaled window says the edge in units of
 * 2^shift from the acknowledgment number, which the guest may put anywhere: to keep an edge where it is
 * the window is rounded up, which creeps by less than a unit with each acknowledgment.  A 64th of the
 * ring is never promised freely, to pay for that.  A guest that eats it up by segments of odd sizes,
 * while nobody reads, sees the edge waver by less than a unit (RFC 7323 2.4); its bytes are taken up to
 * the promised one all the same.
 */
#include <assert.h>

#include "stack/tcp_internal.h"

static uint32_t
head_seq(const struct tcp *t)
{
	return t->irs + 1 + t->rcv.head;
}

/* --- placing bytes --------------------------------------------------------------------------------- */

/* Give the first n bytes of a list back to its lender. */
static struct borrow *
skip_bytes(struct borrow *b, uint32_t n)
{
	while (b && b->v.len <= n) {
		n -= (uint32_t)b->v.len;
		b = b->next;
	}
	if (n) {
		assert(b); /* the list is as long as its lender says */
		b->v.p += n;
		b->v.len -= n;
	}
	return b;
}

/* Append exactly len bytes of a list to what is borrowed. */
static void
borrow_bytes(struct tcp *t, struct borrow *b, uint32_t len)
{
	t->borrowed += len;
	while (len > 0) {
		assert(b);
		struct borrow *next = b->next;

		b->next = NULL;
		b->v.len = b->v.len < len ? b->v.len : len;
		len -= (uint32_t)b->v.len;
		if (t->borrow_last)
			t->borrow_last->next = b;
		else
			t->borrow_first = b;
		t->borrow_last = b;
		b = next;
	}
}

/* Copy the bytes [skip, skip + n) of a list to where sequence number seq lives. */
static void
place_bytes(struct tcp *t, const struct borrow *b, uint32_t skip, uint32_t seq, uint32_t n)
{
	uint32_t off = seq - head_seq(t);

	for (; n > 0; b = b->next) {
		uint32_t len = (uint32_t)b->v.len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		len = u32_min(len - skip, n);
		ring_place(&t->rcv, off, view_of(b->v.p + skip, len));
		skip = 0;
		off += len;
		n -= len;
	}
}

/* Copy [left, right) except what islands hold already. */
static void
place_around_islands(struct tcp *t, const struct borrow *b, uint32_t left, uint32_t right)
{
	for (uint32_t at = left; seq_lt(at, right);) {
		uint32_t stop = right;
		bool held = false;

		for (unsigned i = 0; i < t->nisland; i++) {
			const struct tcp_sack *is = &t->island[i];

			if (seq_le(is->left, at) && seq_lt(at, is->right)) {
				at = is->right;
				held = true;
			} else if (seq_lt(at, is->left) && seq_lt(is->left, stop)) {
				stop = is->left;
			}
		}
		if (held)
			continue;
		place_bytes(t, b, at - left, at, stop - at);
		at = stop;
	}
}

/* --- islands --------------------------------------------------------------------------------------- */

static bool
touches(const struct tcp_sack *a, const struct tcp_sack *b)
{
	return seq_le(a->left, b->right) && seq_le(b->left, a->right);
}

static void
island_drop(struct tcp *t, unsigned i)
{
	t->nisland--;
	memmove(&t->island[i], &t->island[i + 1], (t->nisland - i) * sizeof(t->island[0]));
}

/* Is there a place for a run that touches no island, or does it join one? */
static bool
island_fits(const struct tcp *t, struct tcp_sack run)
{
	if (t->nisland < TCP_ISLANDS)
		return true;
	for (unsigned i = 0; i < t->nisland; i++) {
		if (touches(&t->island[i], &run))
			return true;
	}
	return false;
}

/* Join the run with every island it touches; the result becomes the first. */
static void
island_add(struct tcp *t, struct tcp_sack run)
{
	for (unsigned i = 0; i < t->nisland;) {
		const struct tcp_sack *is = &t->island[i];

		if (!touches(is, &run)) {
			i++;
			continue;
		}
		if (seq_lt(is->left, run.left))
			run.left = is->left;
		if (seq_lt(run.right, is->right))
			run.right = is->right;
		island_drop(t, i);
		i = 0;
	}
	assert(t->nisland < TCP_ISLANDS);
	memmove(&t->island[1], &t->island[0], t->nisland * sizeof(t->island[0]));
	t->island[0] = run;
	t->nisland++;
}

/* rcv_nxt has moved: islands it has reached are part of the text in order. */
static void
island_absorb(struct tcp *t)
{
	for (unsigned i = 0; i < t->nisland;) {
		const struct tcp_sack *is = &t->island[i];

		if (seq_lt(t->rcv_nxt, is->left)) {
			i++;
			continue;
		}
		if (seq_lt(t->rcv_nxt, is->right))
			t->rcv_nxt = is->right;
		island_drop(t, i);
		i = 0;
	}
}

uint8_t
tcp_sack_blocks(const struct tcp *t, struct tcp_sack out[TCP_SACK_BLOCKS])
{
	uint8_t n = 0;

	if (t->sack_ok) {
		for (; n < t->nisland && n < TCP_SACK_BLOCKS; n++)
			out[n] = t->island[n];
	}
	return n;
}

/* --- text and FIN ---------------------------------------------------------------------------------- */

/* RFC 9293 3.4: only what is new, and inside the window, is left. */
static void
trim(struct tcp *t, struct tcp_seg *s)
{
	uint32_t edge = t->fin_beyond && seq_lt(t->fin_seq, t->rcv_adv) ? t->fin_seq : t->rcv_adv;
	uint32_t old = u32_min(seq_past(t->rcv_nxt, s->seq), s->len);

	s->data = skip_bytes(s->data, old);
	s->seq += old;
	s->len -= old;
	uint32_t beyond = u32_min(seq_past(s->seq + s->len, edge), s->len);
	if (beyond > 0) {
		s->len -= beyond;
		s->flags &= (uint8_t)~TCP_FIN;
	}
}

/* RFC 9293 3.8.6.3: at least every second segment, and never later than delack. */
static void
acknowledge_in_order(struct tcp *t, uint32_t len, usec_t now)
{
	uint32_t segs = t->ack_segs + (len > t->conf->mss[t->family] ? 2u : 1u);

	t->ack_segs = (uint8_t)u32_min(segs, UINT8_MAX);
	if (t->ack_segs >= 2)
		t->ack_now = true;
	else if (t->delack_at == TIME_NEVER)
		t->delack_at = now + t->conf->delack;
}

static void
receive_in_order(struct tcp *t, struct tcp_seg *s)
{
	if (t->nisland == 0 && !s->copy) {
		borrow_bytes(t, s->data, s->len);
		t->rcv_nxt += s->len;
	} else {
		tcp_keep(t);
		place_around_islands(t, s->data, s->seq, s->seq + s->len);
		t->rcv_nxt += s->len;
		/* SHLD-31, RFC 5681 4.2: a segment that fills a gap is acknowledged at once. */
		t->ack_now |= t->nisland > 0;
		island_absorb(t);
		t->rcv.tail = t->rcv_nxt - t->irs - 1;
	}
	acknowledge_in_order(t, s->len, s->now);
	s->events |= TCP_EV_DATA;
}

static void
receive_beyond_gap(struct tcp *t, struct tcp_seg *s)
{
	struct tcp_sack run = {s->seq, s->seq + s->len};

	t->ack_now = true;
	if (!island_fits(t, run)) {
		s->flags &= (uint8_t)~TCP_FIN;
		return;
	}
	place_around_islands(t, s->data, run.left, run.right);
	island_add(t, run);
}

void
tcp_receive_text(struct tcp *t, struct tcp_seg *s)
{
	if (s->len == 0)
		return;
	trim(t, s);
	if (s->len == 0) {
		t->ack_now = true; /* all of it was here already: our acknowledgment was lost */
		return;
	}
	if (t->host_gone) {
		tcp_abort(t, true);
		return;
	}
	if (s->seq == t->rcv_nxt)
		receive_in_order(t, s);
	else
		receive_beyond_gap(t, s);
}

/* A FIN beyond the gap is kept, unless bytes that came before it lie behind it. */
static void
remember_fin(struct tcp *t, uint32_t seq)
{
	if (t->fin_beyond)
		return;
	for (unsigned i = 0; i < t->nisland; i++) {
		if (seq_lt(seq, t->island[i].right))
			return;
	}
	t->fin_beyond = true;
	t->fin_seq = seq;
}

/* A FIN takes no room, so it is taken at the window's very edge and at a closed window too: a guest that
 * has sent everything need not wait for a slow reader. */
void
tcp_receive_fin(struct tcp *t, struct tcp_seg *s)
{
	if (t->rst_wanted)
		return;
	if (s->flags & TCP_FIN) {
		t->ack_now = true;
		remember_fin(t, s->seq + s->len);
	}
	if (!t->fin_beyond || t->fin_seq != t->rcv_nxt)
		return;
	t->fin_beyond = false;
	t->fin_rcvd = true;
	t->nisland = 0;
	t->rcv_nxt++;
	if (seq_lt(t->rcv_adv, t->rcv_nxt))
		t->rcv_adv = t->rcv_nxt;
	t->ack_now = true;
	s->events |= TCP_EV_FIN;
}

/* --- the window ------------------------------------------------------------------------------------ */

/* How far the right edge may go: every byte before it has a place. */
static uint32_t
edge_limit(const struct tcp *t)
{
	return head_seq(t) + t->rcv.cap;
}

/* What is kept back to round windows up with. */
static uint32_t
edge_slack(const struct tcp *t)
{
	return t->rcv_wscale ? t->rcv.cap >> 6 : 0;
}

/* RFC 9293 3.8.6.2.2 (MUST-39): less than this is not worth telling.  It is not a full half of the ring: the
 * guest may wait for half of the largest window it was ever told (MUST-38), which is less by what is kept
 * back, and neither side may wait for the other. */
static uint32_t
edge_step(const struct tcp *t)
{
	return u32_min(t->rcv.cap / 2 - edge_slack(t), t->conf->mss[t->family]);
}

/* Where the edge would be promised now if windows had no units. */
static uint32_t
edge_wanted(const struct tcp *t)
{
	uint32_t edge = edge_limit(t) - edge_slack(t);
	uint32_t most = t->rcv_nxt + ((uint32_t)UINT16_MAX << t->rcv_wscale);

	if (seq_lt(most, edge))
		edge = most;
	return seq_past(edge, t->rcv_adv) >= edge_step(t) ? edge : t->rcv_adv;
}

uint16_t
tcp_advertise(struct tcp *t)
{
	/* After the guest's FIN nothing can come that an edge would have to be held back for. */
	uint32_t wnd = seq_past(t->fin_rcvd ? edge_limit(t) : edge_wanted(t), t->rcv_nxt);
	uint32_t units = u32_min(wnd >> t->rcv_wscale, UINT16_MAX);
	uint32_t up = (units + 1) << t->rcv_wscale;
	/* Keep the promised edge by rounding up, where the ring has that much. */
	if (seq_lt(t->rcv_nxt + (units << t->rcv_wscale), t->rcv_adv) && units < UINT16_MAX &&
	    seq_le(t->rcv_nxt + up, edge_limit(t)))
		units++;

	uint32_t edge = t->rcv_nxt + (units << t->rcv_wscale);
	if (seq_lt(t->rcv_adv, edge))
		t->rcv_adv = edge;
	return (uint16_t)units;
}

uint16_t
tcp_advertise_unscaled(struct tcp *t)
{
	uint32_t wnd = u32_min(t->rcv.cap - edge_slack(t), UINT16_MAX);

	t->rcv_adv = t->rcv_nxt + wnd;
	return (uint16_t)wnd;
}

/* An acknowledgment for the window's sake alone: when the guest may be waiting for it, or a quarter of
 * the ring has become free.  The ordinary acknowledgments carry the rest. */
bool
tcp_window_due(const struct tcp *t)
{
	if (!tcp_is_receiving(t) || t->host_gone)
		return false;

	uint32_t gain = seq_past(edge_wanted(t), t->rcv_adv);
	return gain > 0 && (gain >= t->rcv.cap / 4 || tcp_rcv_wnd(t) < edge_step(t));
}

/* A challenge ACK, or any other that a segment can provoke at will: those without text are limited, for
 * each connection alone (RFC 5961 7, T12). */
void
tcp_challenge(struct tcp *t, const struct tcp_seg *s)
{
	if (s->len == 0 && !(s->flags & TCP_FIN)) {
		if (s->now - t->challenge_at >= USEC_PER_SEC) {
			t->challenge_at = s->now;
			t->challenge_n = 0;
		}
		if (t->challenge_n >= TCP_CHALLENGES)
			return;
		t->challenge_n++;
	}
	t->ack_now = true;
}

/* --- the reader ------------------------------------------------------------------------------------ */

bool
tcp_has_readable(const struct tcp *t)
{
	return ring_len(&t->rcv) > 0 || t->borrowed > 0;
}

bool
tcp_at_eof(const struct tcp *t)
{
	return t->fin_rcvd && !tcp_has_readable(t);
}

int
tcp_readable(const struct tcp *t, struct view *out, int max, size_t *total)
{
	struct view ring[2];
	int nring = ring_views(&t->rcv, 0, ring_len(&t->rcv), ring);
	int n = 0;

	for (; n < nring && n < max; n++)
		out[n] = ring[n];
	for (const struct borrow *b = t->borrow_first; b && n < max; b = b->next) {
		if (b->v.len)
			out[n++] = b->v;
	}
	*total = (size_t)ring_len(&t->rcv) + t->borrowed;
	return n;
}

/* Twice the ring once a ring's worth has come since it grew last, if the reader keeps up (else a larger
 * window would only hold more) and the pool can spare it. */
static void
grow(struct tcp *t)
{
	const struct tcp_conf *conf = t->conf;
	uint32_t max = t->rcv_wscale ? conf->ring_max : u32_min(conf->ring_max, UINT16_MAX + 1);
	uint32_t cap = 2 * t->rcv.cap;
	uint32_t keep = ring_len(&t->rcv);

	if (cap > max || seq_lt(t->rcv_nxt, t->rcv_grow) || keep > t->rcv.cap / 4 || t->fin_rcvd)
		return;
	if (conf->pool->size - conf->pool->used < (size_t)cap + conf->reserve)
		return;
	for (unsigned i = 0; i < t->nisland; i++)
		keep = u32_max(keep, t->island[i].right - head_seq(t));
	if (ring_grow(&t->rcv, conf->pool, cap, keep))
		t->rcv_grow = t->rcv_nxt + cap;
}

void
tcp_consume(struct tcp *t, size_t n, usec_t now)
{
	uint32_t from_ring = u32_min((uint32_t)n, ring_len(&t->rcv));
	uint32_t lent = (uint32_t)n - from_ring;

	(void)now; /* a window update is due at once or not at all */
	assert(lent <= t->borrowed);
	ring_consume(&t->rcv, from_ring);
	if (lent > 0) {
		t->borrow_first = skip_bytes(t->borrow_first, lent);
		if (!t->borrow_first)
			t->borrow_last = NULL;
		t->borrowed -= lent;
		t->rcv.head += lent;
		t->rcv.tail += lent;
	}
	if (tcp_is_receiving(t))
		grow(t);
}

void
tcp_keep(struct tcp *t)
{
	uint32_t off = ring_len(&t->rcv);

	assert(off + t->borrowed <= t->rcv.cap);
	for (const struct borrow *b = t->borrow_first; b; b = b->next) {
		ring_place(&t->rcv, off, b->v);
		off += (uint32_t)b->v.len;
	}
	ring_commit(&t->rcv, t->borrowed);
	t->borrowed = 0;
	t->borrow_first = t->borrow_last = NULL;
}
