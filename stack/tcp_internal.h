/*
 * tcp_internal.h - what the files of one TCP connection share
 *
 *     tcp_open.c        opening, closing, aborting: the user calls of RFC 9293 3.10
 *     tcp_input.c       a segment arrives (RFC 9293 3.10.7), step by step
 *     tcp_recv.c        the guest's sequence numbers: text, gaps, the window, when to acknowledge
 *     tcp_output.c      the next segment, and the predicates that tcp_deadline() asks too
 *     tcp_congestion.c  how much may be in flight, and what was lost
 *     tcp_timer.c       round trips, retransmission, the deadline
 */
#ifndef STACK_TCP_INTERNAL_H
#define STACK_TCP_INTERNAL_H

#include "stack/tcp.h"

/* A segment on its way through the steps, which trim it. */
struct tcp_seg {
	const struct tcp_hdr *hdr;
	struct borrow *data;
	uint32_t seq, len; /* of the text that is left */
	uint32_t wnd;      /* scaled */
	uint8_t flags;
	bool copy;
	usec_t now;
	unsigned events;
};

/* Bytes (and perhaps the FIN) that tcp_output() sends next. */
struct tcp_run {
	uint32_t seq, len;
	bool fin;
	bool again; /* a retransmission in fast recovery: snd_nxt stays */
};

#define TCP_MSS_MIN 216u   /* a smaller MSS option is not believed: it only multiplies our work (T3b) */
#define TCP_WSCALE_MAX 14u /* RFC 7323 2.3 */
#define TCP_RTO_FIRST USEC_PER_SEC           /* RFC 6298 2.1 */
#define TCP_RTO_AFTER_SYN (3 * USEC_PER_SEC) /* RFC 6298 5.7 */
#define TCP_R1 3u                            /* RFC 9293 3.8.3 (MUST-20): timeouts before R2 counts */
#define TCP_SYN_TIMEOUT (180 * USEC_PER_SEC) /* R2 of a SYN (MUST-23) */
#define TCP_KEEP_PROBES 9u                   /* unanswered keep-alives, 75 s apart, before it ends */
#define TCP_KEEP_INTERVAL (75 * USEC_PER_SEC)
#define TCP_CHALLENGES 10u /* a second (RFC 5961 7) */

static inline uint32_t
u32_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t
u32_max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* a - b of two sequence numbers, 0 if a lies before b. */
static inline uint32_t
seq_past(uint32_t a, uint32_t b)
{
	return seq_lt(b, a) ? a - b : 0;
}

/* SYN-RECEIVED, or both SYNs sent before either arrived. */
static inline bool
tcp_is_opening(const struct tcp *t)
{
	return t->state == TCP_SYN_SENT || t->state == TCP_SYN_RCVD;
}

/* Our FIN is not acknowledged yet: there may be bytes, or the FIN, to send. */
static inline bool
tcp_is_sending(const struct tcp *t)
{
	return t->state == TCP_ESTABLISHED || t->state == TCP_CLOSE_WAIT || t->state == TCP_FIN_WAIT_1 ||
	       t->state == TCP_CLOSING || t->state == TCP_LAST_ACK;
}

/* The guest's FIN has not come: its bytes count. */
static inline bool
tcp_is_receiving(const struct tcp *t)
{
	return t->state == TCP_ESTABLISHED || t->state == TCP_FIN_WAIT_1 || t->state == TCP_FIN_WAIT_2;
}

/* The sequence number after the last byte in the send ring; only while tcp_is_sending(). */
static inline uint32_t
tcp_data_end(const struct tcp *t)
{
	return t->snd_una + ring_len(&t->snd);
}

static inline uint32_t
tcp_send_end(const struct tcp *t)
{
	return tcp_data_end(t) + (t->fin_wanted ? 1 : 0);
}

static inline uint32_t
tcp_rcv_wnd(const struct tcp *t)
{
	return seq_past(t->rcv_adv, t->rcv_nxt);
}

/* tcp_open.c */
void tcp_begin(struct tcp *t, const struct tcp_conf *conf, uint8_t family);
void tcp_learn_options(struct tcp *t, const struct tcp_hdr *syn);
void tcp_set_state_closed(struct tcp *t);

/* tcp_recv.c */
void tcp_receive_text(struct tcp *t, struct tcp_seg *s);
void tcp_receive_fin(struct tcp *t, struct tcp_seg *s);
void tcp_challenge(struct tcp *t, const struct tcp_seg *s);
uint16_t tcp_advertise(struct tcp *t);
uint16_t tcp_advertise_unscaled(struct tcp *t);
bool tcp_window_due(const struct tcp *t);
uint8_t tcp_sack_blocks(const struct tcp *t, struct tcp_sack out[TCP_SACK_BLOCKS]);

/* tcp_output.c */
bool tcp_wants_output(const struct tcp *t);
bool tcp_next_run(const struct tcp *t, struct tcp_run *r);
bool tcp_is_probing(const struct tcp *t);

/* tcp_congestion.c */
void tcp_congestion_open(struct tcp *t);
void tcp_congestion_acked(struct tcp *t, uint32_t n);
void tcp_congestion_duplicate(struct tcp *t);
void tcp_congestion_timeout(struct tcp *t);
void tcp_congestion_check(struct tcp *t);
uint32_t tcp_pipe(const struct tcp *t);
bool tcp_lost_run(const struct tcp *t, struct tcp_run *r);
bool tcp_sack_learn(struct tcp *t, const struct tcp_hdr *h);
void tcp_sack_forget(struct tcp *t);
uint32_t tcp_sack_skip(const struct tcp *t, uint32_t seq);
uint32_t tcp_sack_gap(const struct tcp *t, uint32_t seq, uint32_t len);

/* tcp_timer.c */
void tcp_rtt_start(struct tcp *t, uint32_t seq, usec_t now);
void tcp_rtt_acked(struct tcp *t, uint32_t ack, usec_t now);
void tcp_rto_restore(struct tcp *t);
void tcp_rto_expired(struct tcp *t);
void tcp_timers_rest(struct tcp *t, usec_t now);
void tcp_probe_backoff(struct tcp *t, usec_t now);
usec_t tcp_keepalive_at(const struct tcp *t);

/*
 * How large a ring begins.  The reserve is for beginning, in the smallest blocks: as it has two of those for every connection there
 * may be, each of them has a ring both ways, whatever others hold.
 */
static inline uint32_t
first_block(const struct tcp_conf *conf)
{
	bool plenty = conf->pool->size - conf->pool->used >= (size_t)conf->ring_first + conf->reserve;

	return plenty ? conf->ring_first : POOL_BLOCK_MIN;
}

#endif
