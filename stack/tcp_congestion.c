/*
 * tcp_congestion.c - how much may be in flight, and what was lost (RFC 5681, 6582, 6675, 6928)
 *
 * The wire to the guest is memory or a queue: nobody shares it, and what is lost on it was dropped by a
 * full queue or a test.  So the rules are RFC 5681's, and their free parameters generous: the initial
 * window is ten segments or one offloaded one, whichever is more, slow start has no first threshold, and
 * an acknowledgment opens the window by all it acknowledges, because a guest acknowledges an offloaded
 * segment once (RFC 3465 with no limit L; after a timeout, L = 2 segments).
 *
 * What is out is one number, the pipe.  Without SACK each duplicate ACK takes a segment out of it, which
 * is arithmetic for what RFC 5681 3.2 calls inflating cwnd and RFC 3042 limited transmit.  With SACK it is
 * RFC 6675 4's.  While going back after a timeout it is what was sent again.
 */
#include "stack/tcp_internal.h"

#define DUP_THRESH 3u

void
tcp_congestion_open(struct tcp *t)
{
	uint32_t mss = t->snd_mss;
	uint32_t iw = u32_min(10 * mss, u32_max(2 * mss, 14600)); /* RFC 6928 2 */

	t->cwnd = u32_max(iw, t->conf->gso_max);
	/* RFC 5681 3.1: one segment, if our SYN had to be sent again. */
	if (t->rexmits > 0)
		t->cwnd = mss;
	t->ssthresh = UINT32_MAX;
}

/* --- the scoreboard (RFC 6675 3) -------------------------------------------------------------------- */

static bool
scoreboard_add(struct tcp *t, struct tcp_sack run)
{
	unsigned i = 0, n = t->nsacked;

	while (i < n && seq_lt(t->sacked[i].right, run.left))
		i++;

	unsigned end = i; /* the runs [i, end) touch it */
	while (end < n && seq_le(t->sacked[end].left, run.right))
		end++;
	if (end == i) {
		if (n == TCP_SACKED)
			return false;
		memmove(&t->sacked[i + 1], &t->sacked[i], (n - i) * sizeof(run));
		t->sacked[i] = run;
		t->nsacked++;
		return true;
	}

	if (end == i + 1 && seq_le(t->sacked[i].left, run.left) && seq_le(run.right, t->sacked[i].right))
		return false;
	if (seq_lt(t->sacked[i].left, run.left))
		run.left = t->sacked[i].left;
	if (seq_lt(run.right, t->sacked[end - 1].right))
		run.right = t->sacked[end - 1].right;
	t->sacked[i] = run;
	memmove(&t->sacked[i + 1], &t->sacked[end], (n - end) * sizeof(run));
	t->nsacked = (uint8_t)(n - (end - i) + 1);
	return true;
}

/* True: some block told of bytes not known to have arrived.  Blocks outside what is in flight, reversed
 * or empty ones mean nothing (T3d); at or before the acknowledgment they are duplicates (RFC 2883). */
bool
tcp_sack_learn(struct tcp *t, const struct tcp_hdr *h)
{
	bool news = false;

	if (!t->sack_ok)
		return false;
	for (unsigned i = 0; i < h->nsack; i++) {
		struct tcp_sack b = h->sack[i];
		uint32_t left = b.left - t->snd_una, right = b.right - t->snd_una;

		if (seq_past(h->ack, t->snd_una) < left && left < right && right <= t->snd_max - t->snd_una)
			news |= scoreboard_add(t, b);
	}
	return news;
}

/* snd_una has moved.  If it stops where a run begins or inside one, the guest has taken back what it
 * said (RFC 2018 8): nothing it said is believed. */
void
tcp_sack_forget(struct tcp *t)
{
	unsigned old = 0;

	while (old < t->nsacked && seq_le(t->sacked[old].right, t->snd_una))
		old++;
	t->nsacked = (uint8_t)(t->nsacked - old);
	memmove(&t->sacked[0], &t->sacked[old], t->nsacked * sizeof(t->sacked[0]));
	if (t->nsacked && seq_le(t->sacked[0].left, t->snd_una))
		t->nsacked = 0;
}

/* The first sequence number from seq on that the guest has not SACKed. */
uint32_t
tcp_sack_skip(const struct tcp *t, uint32_t seq)
{
	for (unsigned i = 0; i < t->nsacked; i++) {
		if (seq_le(t->sacked[i].left, seq) && seq_lt(seq, t->sacked[i].right))
			return t->sacked[i].right;
	}
	return seq;
}

/* How many of len bytes from seq on lie before the next SACKed run. */
uint32_t
tcp_sack_gap(const struct tcp *t, uint32_t seq, uint32_t len)
{
	for (unsigned i = 0; i < t->nsacked; i++) {
		if (seq_lt(seq, t->sacked[i].left))
			return u32_min(len, t->sacked[i].left - seq);
	}
	return len;
}

/* RFC 6675 4, IsLost(): so much beyond it has arrived that it will not. */
static bool
is_lost(const struct tcp *t, unsigned runs, uint32_t bytes)
{
	return runs >= DUP_THRESH || bytes > (DUP_THRESH - 1) * t->snd_mss;
}

/* Of the gap [left, right), the bytes sent again in this recovery. */
static uint32_t
sent_again(const struct tcp *t, uint32_t left, uint32_t right)
{
	return t->in_recovery ? u32_min(seq_past(t->high_rxt, left), right - left) : 0;
}

/* RFC 6675 4, SetPipe(), from the top down, so that what lies above each gap is at hand. */
static uint32_t
pipe_sacked(const struct tcp *t)
{
	uint32_t pipe = t->snd_max - t->sacked[t->nsacked - 1].right;
	uint32_t above = 0;

	for (unsigned i = t->nsacked; i-- > 0;) {
		uint32_t left = i ? t->sacked[i - 1].right : t->snd_una;
		uint32_t right = t->sacked[i].left;

		above += t->sacked[i].right - right;
		if (!is_lost(t, t->nsacked - i, above))
			pipe += right - left;
		pipe += sent_again(t, left, right);
	}
	return pipe;
}

/* What was sent again since the timeout, less what needs no sending. */
static uint32_t
pipe_going_back(const struct tcp *t)
{
	uint32_t pipe = t->snd_nxt - t->snd_una;

	for (unsigned i = 0; i < t->nsacked && seq_lt(t->sacked[i].left, t->snd_nxt); i++)
		pipe -= u32_min(t->sacked[i].right - t->sacked[i].left, t->snd_nxt - t->sacked[i].left);
	return pipe;
}

uint32_t
tcp_pipe(const struct tcp *t)
{
	if (t->snd_nxt != t->snd_max)
		return pipe_going_back(t);
	if (t->nsacked)
		return pipe_sacked(t);

	uint32_t flight = t->snd_max - t->snd_una;
	return flight - u32_min(flight, t->dupacks * (uint32_t)t->snd_mss);
}

/* RFC 6675 4, NextSeg() rule 1: the first gap not sent again yet that is lost. */
bool
tcp_lost_run(const struct tcp *t, struct tcp_run *r)
{
	uint32_t from = seq_lt(t->high_rxt, t->snd_una) ? t->snd_una : t->high_rxt;
	uint32_t above = 0;

	for (unsigned i = 0; i < t->nsacked; i++)
		above += t->sacked[i].right - t->sacked[i].left;
	for (unsigned i = 0; i < t->nsacked; i++) {
		const struct tcp_sack *run = &t->sacked[i];

		if (seq_lt(from, run->left)) {
			*r = (struct tcp_run){.seq = from, .len = run->left - from, .again = true};
			return is_lost(t, t->nsacked - i, above);
		}
		if (seq_lt(from, run->right))
			from = run->right;
		above -= run->right - run->left;
	}
	return false;
}

/* --- growing, recovering ---------------------------------------------------------------------------- */

/* RFC 5681 3.1 (2) to (4).  Beyond two rings' worth cwnd could never be what holds us back. */
static void
open_window(struct tcp *t, uint32_t n)
{
	if (t->cwnd >= 2 * t->conf->ring_max)
		return;
	if (t->cwnd < t->ssthresh) {
		t->cwnd += t->rto_recovery ? u32_min(n, 2u * t->snd_mss) : n;
		return;
	}
	t->bytes_acked += n;
	if (t->bytes_acked >= t->cwnd) {
		t->bytes_acked = 0;
		t->cwnd += t->snd_mss;
	}
}

/* RFC 5681 (4): half of what was in flight. */
static uint32_t
half_flight(const struct tcp *t)
{
	return u32_max((t->snd_max - t->snd_una) / 2, 2u * t->snd_mss);
}

static void
enter_recovery(struct tcp *t)
{
	t->ssthresh = t->cwnd = half_flight(t);
	t->bytes_acked = 0;
	t->in_recovery = true;
	t->rexmit_first = true;
	t->recover = t->snd_max;
	t->high_rxt = t->snd_una;
}

/* An acknowledgment short of `recover`: the segment now first is lost too (RFC 6582 3.2 step 5).  With
 * SACK the scoreboard says so, or not. */
static void
partial_ack(struct tcp *t, uint32_t n)
{
	uint32_t left = n / t->snd_mss;

	if (t->sack_ok) {
		t->dupacks = 0;
		return;
	}
	t->rexmit_first = true;
	t->high_rxt = t->snd_una;
	/* What was acknowledged has left the pipe by that; the segment sent again is in it. */
	if (left > 0)
		t->dupacks = (uint8_t)(t->dupacks - u32_min(t->dupacks, left - 1));
}

/* n bytes more are acknowledged; snd_una says so already. */
void
tcp_congestion_acked(struct tcp *t, uint32_t n)
{
	bool whole = seq_le(t->recover, t->snd_una);

	if (seq_lt(t->high_rxt, t->snd_una))
		t->high_rxt = t->snd_una;
	if (t->in_recovery) {
		t->rexmit_first = false;
		if (!whole) {
			partial_ack(t, n);
			return;
		}
		t->in_recovery = false;
		t->cwnd = t->ssthresh;
		t->dupacks = 0;
		return;
	}
	if (whole && t->rto_recovery) {
		t->rto_recovery = false;
		tcp_rto_restore(t);
	}
	t->dupacks = 0;
	open_window(t, n);
}

void
tcp_congestion_duplicate(struct tcp *t)
{
	if (!t->rto_recovery && t->dupacks < UINT8_MAX)
		t->dupacks++;
}

/* RFC 6675 5 (1) to (4), RFC 5681 3.2: three duplicates, or a scoreboard that says the same. */
void
tcp_congestion_check(struct tcp *t)
{
	uint32_t bytes = 0;

	if (t->in_recovery || t->rto_recovery || t->snd_nxt == t->snd_una)
		return;
	for (unsigned i = 0; i < t->nsacked; i++)
		bytes += t->sacked[i].right - t->sacked[i].left;
	if (t->dupacks >= DUP_THRESH || is_lost(t, t->nsacked, bytes))
		enter_recovery(t);
}

/* RFC 5681 3.1, RFC 6675 5.1.  What the guest SACKed need not be sent again, unless this is the second
 * timeout in a row: then it may have taken it back. */
void
tcp_congestion_timeout(struct tcp *t)
{
	if (t->rexmits == 0)
		t->ssthresh = half_flight(t);
	else
		t->nsacked = 0;
	t->cwnd = t->snd_mss;
	t->bytes_acked = 0;
	t->dupacks = 0;
	t->in_recovery = t->rexmit_first = false;
	t->rto_recovery = true;
	t->recover = t->snd_max;
	t->high_rxt = t->snd_una;
}
