/*
 * contract.h - what stack/wire.h promises, as tools/prove.sh proves it (ACSL; for all lengths)
 *
 * A reader holds if its bytes may be read, from where it stands to its end; a writer likewise.  Taking keeps it so:
 * what is taken lies in what was left, and what does not fit sets `bad`, takes nothing, and leaves nothing.  `bad` is
 * never taken back.
 */
#ifndef PROVE_CONTRACT_H
#define PROVE_CONTRACT_H

#include "stack/wire.h"

// clang-format off
#define LONGEST 0x7fffffffffffffff

/*@ predicate viewed(struct view v) =
      v.len <= LONGEST && \valid_read(v.p + (0 .. v.len - 1));
    predicate reading(struct rd r) =
      \base_addr(r.p) == \base_addr(r.end) && 0 <= r.end - r.p <= LONGEST && \valid_read(r.p + (0 .. (r.end - r.p) - 1));
    predicate writing(struct wr w) =
      \base_addr(w.p) == \base_addr(w.end) && 0 <= w.end - w.p <= LONGEST && \valid(w.p + (0 .. (w.end - w.p) - 1));
*/

/* The one thing that is taken for granted: 255 * 256 = 65,280 (the prover has no theory of shifts). */
/*@ admit lemma byte_shifted: \forall integer x; 0 <= x <= 255 ==> 0 <= (x << 8) <= 65280; */

/*@ requires viewed(v);
    assigns \result \from v;
    ensures reading(\result) && \result.p == v.p && \result.end - \result.p == v.len && !\result.bad; */
static inline struct rd rd_of(struct view v);

/*@ requires \valid_read(r) && reading(*r);
    assigns \result \from *r;
    ensures \result == r->end - r->p; */
static inline size_t rd_left(const struct rd *r);

/*@ requires \valid(r) && reading(*r);
    assigns r->p \from *r, n;
    assigns r->bad \from *r, n;
    assigns \result \from *r, n;
    ensures holds: reading(*r) && viewed(\result);
    ensures within: \result.p == \old(r->p);
    ensures fits: n <= \old(r->end - r->p) ==> \result.len == n && r->p == \old(r->p) + n && r->bad == \old(r->bad);
    ensures beyond: n > \old(r->end - r->p) ==> \result.len == 0 && r->p == r->end && r->bad; */
static inline struct view rd_take(struct rd *r, size_t n);

/*@ requires \valid(r) && reading(*r);
    assigns r->p \from *r;
    assigns r->bad \from *r;
    assigns \result \from *r;
    ensures reading(*r) && viewed(\result);
    ensures \result.p == \old(r->p) && \result.len == \old(r->end - r->p) && r->p == r->end && r->bad == \old(r->bad); */
static inline struct view rd_rest(struct rd *r);

/*@ requires \valid(r) && reading(*r);
    assigns r->p \from *r;
    assigns r->bad \from *r;
    assigns \result \from *r, r->p[0 .. 0];
    ensures holds: reading(*r);
    ensures fits: 1 <= \old(r->end - r->p) ==> r->p == \old(r->p) + 1 && r->bad == \old(r->bad);
    ensures beyond: 1 > \old(r->end - r->p) ==> r->p == r->end && r->bad && \result == 0; */
static inline uint8_t rd_u8(struct rd *r);

/*@ requires \valid(r) && reading(*r);
    assigns r->p \from *r;
    assigns r->bad \from *r;
    assigns \result \from *r, r->p[0 .. 1];
    ensures holds: reading(*r);
    ensures fits: 2 <= \old(r->end - r->p) ==> r->p == \old(r->p) + 2 && r->bad == \old(r->bad);
    ensures beyond: 2 > \old(r->end - r->p) ==> r->p == r->end && r->bad && \result == 0; */
static inline uint16_t rd_u16(struct rd *r);

/*@ requires \valid(r) && reading(*r);
    assigns r->p \from *r;
    assigns r->bad \from *r;
    assigns \result \from *r, r->p[0 .. 3];
    ensures holds: reading(*r);
    ensures fits: 4 <= \old(r->end - r->p) ==> r->p == \old(r->p) + 4 && r->bad == \old(r->bad);
    ensures beyond: 4 > \old(r->end - r->p) ==> r->p == r->end && r->bad; */
static inline uint32_t rd_u32(struct rd *r);

/*@ requires \valid(w) && writing(*w);
    assigns w->p \from *w, n;
    assigns w->bad \from *w, n;
    assigns \result \from *w, n;
    ensures holds: writing(*w);
    ensures fits: n <= \old(w->end - w->p) ==>
      \result == \old(w->p) && w->p == \old(w->p) + n && w->bad == \old(w->bad) && \valid(\result + (0 .. n - 1));
    ensures beyond: n > \old(w->end - w->p) ==> \result == \null && w->p == w->end && w->bad; */
static inline uint8_t *wr_take(struct wr *w, size_t n);

/*@ requires \valid(w) && writing(*w) && \separated(w, w->p + (0 .. (w->end - w->p) - 1));
    assigns w->p \from *w;
    assigns w->bad \from *w;
    assigns w->p[0 .. 0] \from v;
    ensures holds: writing(*w);
    ensures fits: 1 <= \old(w->end - w->p) ==> w->p == \old(w->p) + 1 && w->bad == \old(w->bad);
    ensures beyond: 1 > \old(w->end - w->p) ==> w->p == w->end && w->bad; */
static inline void wr_u8(struct wr *w, uint8_t v);

/*@ requires \valid(w) && writing(*w) && \separated(w, w->p + (0 .. (w->end - w->p) - 1));
    assigns w->p \from *w;
    assigns w->bad \from *w;
    assigns w->p[0 .. 1] \from v;
    ensures holds: writing(*w);
    ensures fits: 2 <= \old(w->end - w->p) ==> w->p == \old(w->p) + 2 && w->bad == \old(w->bad);
    ensures beyond: 2 > \old(w->end - w->p) ==> w->p == w->end && w->bad; */
static inline void wr_u16(struct wr *w, uint16_t v);

/*@ requires \valid(w) && writing(*w) && \separated(w, w->p + (0 .. (w->end - w->p) - 1));
    assigns w->p \from *w;
    assigns w->bad \from *w;
    assigns w->p[0 .. 3] \from v;
    ensures holds: writing(*w);
    ensures fits: 4 <= \old(w->end - w->p) ==> w->p == \old(w->p) + 4 && w->bad == \old(w->bad);
    ensures beyond: 4 > \old(w->end - w->p) ==> w->p == w->end && w->bad; */
static inline void wr_u32(struct wr *w, uint32_t v);
// clang-format on

#endif
