/*
 * tcp.h - one TCP connection with the guest (RFC 9293), as a pure state machine
 *
 * The connection block never calls anybody: tcp_input() changes state and returns bits, tcp_output()
 * returns the single most important segment to send now, or nothing, and tcp_deadline() says when it
 * would next have something to say.  output and deadline ask the same predicates, so that
 *
 *     tcp_deadline(t) <= now  <=>  tcp_output(t, now) has a segment, or tcp_timers(t, now) ends something
 *
 * given room on the link; a property test holds them together.
 *
 * Not here: timestamps (never offered, so no PAWS; RFC 7323 3.2), ECN (never negotiated), Nagle (the
 * ring gathers what the host sent; a small write leaves at once), urgent data (in band, RFC 6093 6),
 * the restart window after idle (RFC 5681 4.1: this wire is virtual and shared with nobody).
 *
 * Names are the RFC's.  The two byte directions are `rcv` (guest to host) and `snd` (host to guest):
 *
 *            rcv.head            rcv_nxt                    rcv_adv (right edge told to the guest)
 *               | in rcv ring | borrowed |  gap, then islands  |
 *     ----------+-------------+----------+---------------------+------>  guest's sequence numbers
 *
 *     snd_una                    snd_nxt           snd_max   snd_una + ring_len(snd)
 *        | sent, not acknowledged   | (go-back)        |  not yet sent  | FIN
 *     ---+--------------------------+------------------+----------------+--->  our sequence numbers
 *
 * Invariants: snd_una <= snd_nxt <= snd_max <= snd_una + ring_len(snd) (+1 for SYN, +1 for FIN);
 * rcv_adv - rcv.head's number <= rcv.cap (+1 for FIN): whatever the guest was told it may send has a
 * place.  Byte number n of the rcv ring is the guest's sequence number irs + 1 + n, always, so that
 * borrowed bytes that are consumed without ever touching the ring still move its head and tail.
 *
 * Moving a ring to a larger block ends the life of views into it.  The rcv ring moves in tcp_consume(),
 * the snd ring in tcp_writable(), and nowhere else; tcp_input() releases the snd ring once the guest has
 * acknowledged all of it and our FIN.
 */
#ifndef STACK_TCP_H
#define STACK_TCP_H

#include "stack/pool.h"
#include "stack/ring.h"
#include "stack/tcp_wire.h"
#include "stack/time.h"
#include "stack/wire.h"

enum tcp_state {
	TCP_CLOSED,
	TCP_LISTEN, /* a SYN is held: nothing is said until tcp_accept() */
	TCP_SYN_SENT,
	TCP_SYN_RCVD,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
	TCP_STATES,
};

/* Sequence numbers compare modulo 2^32 (RFC 9293 3.4). */
static inline bool
seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool
seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

/* Payload lent for the rest of the turn: a list of views whose nodes the lender owns too. */
struct borrow {
	struct borrow *next;
	struct view v;
};

/* What never changes while connections live: one per gateway. */
struct tcp_conf {
	struct pool *pool;
	uint32_t ring_first; /* bytes of a ring's first block, both ways: a power of two >= 4 KiB */
	uint32_t ring_max;   /* bytes a ring grows to, <= POOL_BLOCK_MAX */
	uint32_t reserve;    /* bytes of the pool that only the smallest first blocks may take */
	uint16_t mss[2];     /* what we announce, by enum family: MTU - 40, MTU - 60 */
	uint32_t gso_max;    /* payload bytes of the largest segment the link takes; <= MSS: no GSO */
	usec_t rto_min;      /* 200 ms */
	usec_t rto_max;      /* 60 s */
	usec_t delack;       /* 40 ms (RFC 9293 3.8.6.3: < 500 ms) */
	usec_t user_timeout; /* R2: unacknowledged data for so long ends the connection; >= 100 s */
	usec_t keepalive;    /* silence before the first probe; 0: never */
	usec_t msl2;         /* how long TIME-WAIT lasts */
	usec_t linger;       /* FIN-WAIT-2 with the application gone (tcp_close() both ways) */
};

/* What tcp_input(), tcp_timers() tell the owner; bits. */
enum {
	TCP_EV_OPEN = 1 << 0, /* the handshake is done */
	TCP_EV_DATA = 1 << 1, /* tcp_readable() has grown */
	TCP_EV_FIN = 1 << 2,  /* the guest has sent all it will: after the readable bytes comes end of file */
	TCP_EV_ACKED = 1 << 3,   /* the send ring has more room */
	TCP_EV_RESET = 1 << 4,   /* the guest reset or refused it; state is TCP_CLOSED */
	TCP_EV_TIMEOUT = 1 << 5, /* R2, keep-alive, linger or SYN attempts used up; state is TCP_CLOSED, at
	                            once or when tcp_output() has given the RST that is due */
	TCP_EV_DONE = 1 << 6,    /* both FINs are acknowledged; state is TCP_TIME_WAIT or TCP_CLOSED */
};

#define TCP_ISLANDS 8u /* runs of bytes beyond a gap that are kept; one more is dropped (SegmentSmack) */
#define TCP_SACKED 16u /* runs of our bytes the guest has SACKed that are remembered (RFC 6675 scoreboard) */

struct tcp {
	const struct tcp_conf *conf;
	uint8_t state;  /* enum tcp_state */
	uint8_t family; /* enum family: chooses the MSS */
	bool active;    /* we sent the first SYN (MUST-11) */
	bool sack_ok;   /* both SYNs carried SACK-permitted */
	bool wscale_ok; /* the guest's SYN carried a window scale, or our SYN may */

	/* Send sequence space (RFC 9293 3.3.1). */
	uint32_t iss, snd_una, snd_nxt, snd_max;
	uint32_t snd_wnd, max_snd_wnd, snd_wl1, snd_wl2;
	uint16_t snd_mss; /* effective: bytes of payload in a full segment (RFC 6691) */
	uint8_t snd_wscale, rcv_wscale;
	bool fin_wanted; /* tcp_shutdown(): FIN after what is in snd */
	bool fin_sent;
	bool rst_wanted; /* tcp_abort(): one RST, then CLOSED */
	bool refuse;     /* an impossible ACK arrived: one RST <SEQ=refuse_seq>, nothing else changes */
	bool snd_filled; /* the owner once filled all the room there was: a larger ring would help */
	uint32_t refuse_seq;
	struct ring snd;

	/* Receive sequence space. */
	uint32_t irs, rcv_nxt, rcv_adv;
	bool fin_rcvd;   /* rcv_nxt counts the guest's FIN */
	bool host_gone;  /* nobody reads any more: data is answered by RST (RFC 2525 2.17) */
	bool fin_beyond; /* a FIN waits beyond the gap, at fin_seq */
	uint8_t nisland;
	uint32_t fin_seq;
	uint32_t rcv_grow; /* the ring may double once rcv_nxt has come here */
	struct ring rcv;
	struct borrow *borrow_first, *borrow_last;
	uint32_t borrowed; /* bytes in that list; 0 between turns */
	/* Apart, all beyond rcv_nxt; the one that grew last comes first, as RFC 2018 4 wants them told. */
	struct tcp_sack island[TCP_ISLANDS];

	/* Acknowledging. */
	bool ack_now;
	uint8_t ack_segs;     /* data segments not yet acknowledged; a large one counts as two */
	uint32_t challenge_n; /* challenge ACKs in the second that began at challenge_at (RFC 5961 7) */
	usec_t challenge_at;
	usec_t delack_at; /* TIME_NEVER: nothing waits to be acknowledged */

	/* Congestion (RFC 5681, 6582, 6675) and timers (RFC 6298). */
	uint32_t cwnd, ssthresh, bytes_acked;
	uint32_t recover;  /* snd_max when the present recovery began */
	uint32_t high_rxt; /* sent again up to here in this recovery */
	bool in_recovery;  /* fast recovery */
	bool rto_recovery; /* going back after a timeout */
	bool rexmit_first; /* the segment at snd_una is due again, whatever cwnd says */
	uint8_t dupacks;
	uint8_t rexmits; /* timeouts of the oldest unacknowledged byte */
	uint8_t probes;  /* of a closed window */
	uint8_t keep_probes;
	bool rtt_timing; /* rtt_seq was sent at rtt_at and never again (Karn) */
	uint8_t nsacked;
	struct tcp_sack sacked[TCP_SACKED]; /* sorted, apart, all beyond snd_una */
	uint32_t rtt_seq;
	usec_t rtt_at;
	usec_t srtt, rttvar, rto;
	usec_t rexmit_at;  /* TIME_NEVER: snd_nxt == snd_una, nothing is in flight */
	usec_t persist_at; /* the other way round; counts only while the guest's window holds bytes back */
	usec_t oldest_at;  /* last progress of the oldest unacknowledged byte, for R2 */
	usec_t heard_at;   /* last segment from the guest, for keep-alive */
	usec_t keep_at;    /* next keep-alive probe, after the first */
	usec_t wait_at;    /* end of TIME-WAIT or of linger */
};

/* --- opening ------------------------------------------------------------------------------------- */

/* Hold a SYN from the guest: state LISTEN.  t is all zero before.  Its data, if any, is not taken. */
void tcp_hold(struct tcp *t, const struct tcp_conf *conf, uint8_t family, const struct tcp_hdr *syn,
	      usec_t now);

/*
 * The host answered: the SYN-ACK is due.  false: no memory for a receive ring, nothing changed.  Where
 * the SYN reopens a connection in TIME-WAIT, t->iss was set to what tcp_timewait_input() said, and an
 * iss below it gives way.
 */
bool tcp_accept(struct tcp *t, uint32_t iss, usec_t now);

/* Open towards the guest: state SYN-SENT, a SYN is due.  t is all zero before.  false: no memory. */
bool tcp_connect(struct tcp *t, const struct tcp_conf *conf, uint8_t family, uint32_t iss, usec_t now);

/* RFC 6528 3: a 4-microsecond clock plus a keyed hash of the tuple. */
struct tuple;
uint32_t tcp_iss(const struct tuple *flow, const uint8_t secret[16], usec_t now);

/* --- one segment in, one segment out ------------------------------------------------------------- */

/*
 * One segment.  data is its payload (data bytes in all), lent until tcp_keep(); with copy set the bytes
 * must not be kept as views (they are in scratch) and go to the ring at once.  Returns TCP_EV_* bits.
 */
unsigned tcp_input(struct tcp *t, const struct tcp_hdr *seg, struct borrow *data, uint32_t len, bool copy,
		   usec_t now);

/* What tcp_output() wants sent. */
struct tcp_out {
	struct tcp_hdr hdr; /* ports are the caller's to fill in */
	uint32_t len;       /* payload bytes; may be several MSS when conf->gso_max allows */
	int npay;
	struct view pay[2]; /* in the send ring: valid until the next tcp_input() */
};

/* The most important segment to send now; false: nothing.  The segment counts as sent. */
bool tcp_output(struct tcp *t, usec_t now, struct tcp_out *out);

/* What time alone ends: R2, keep-alive, linger, TIME-WAIT.  TCP_EV_TIMEOUT, TCP_EV_DONE or 0. */
unsigned tcp_timers(struct tcp *t, usec_t now);

/* The next moment at which output or timers would act; a moment already past when they would act now. */
usec_t tcp_deadline(const struct tcp *t);

/* --- the owner's side ---------------------------------------------------------------------------- */

/* Bytes in order from the guest that wait to be taken, as views (ring first, then borrowed): at most max
 * of them; *total is all that wait.  Returns how many.  Good until the next tcp_consume(), tcp_keep(). */
int tcp_readable(const struct tcp *t, struct view *out, int max, size_t *total);
bool tcp_has_readable(const struct tcp *t);

/* n of those bytes were taken.  May make a window update due. */
void tcp_consume(struct tcp *t, size_t n, usec_t now);

/* End of the turn: borrowed bytes nobody took are copied into the ring (there is always room). */
void tcp_keep(struct tcp *t);

/* All of the guest's bytes were taken and it has sent its FIN. */
bool tcp_at_eof(const struct tcp *t);

/* Room for bytes towards the guest; grows the ring when it pays and the pool allows.  0: not now. */
int tcp_writable(struct tcp *t, struct room out[2]);
void tcp_commit(struct tcp *t, size_t n);

/* No more bytes towards the guest: FIN after what was committed.  Idempotent. */
void tcp_shutdown(struct tcp *t, usec_t now);

/* Nobody will read what the guest still sends (the host side has gone): answer data with RST, at once if
 * some waits unread (RFC 9293 3.6.1, SHLD-3).  The state is CLOSED once tcp_output() has given it. */
void tcp_stop_reading(struct tcp *t, usec_t now);

/* End it now.  With say, where the state has anybody to tell, an RST is due and the state is CLOSED once
 * tcp_output() has given it; else CLOSED at once. */
void tcp_abort(struct tcp *t, bool say);

/* The guest says a packet of this size did not fit (ICMP, already judged to be about this flow). */
void tcp_too_big(struct tcp *t, uint32_t mtu, usec_t now);

/* Give both rings back.  Any state, also half-built; the block is all zero afterwards. */
void tcp_free(struct tcp *t);

/* An idle connection's drained send ring goes back to the pool. */
void tcp_idle(struct tcp *t);

/* The answer to a segment for which there is no connection (RFC 9293 3.10.7.1); false: no answer. */
bool tcp_refuse(const struct tcp_hdr *seg, uint32_t len, struct tcp_hdr *rst);

const char *tcp_state_name(enum tcp_state s);

#endif
