/* model.c - deduces: test/prove/model/stack/wire.h test/prove/kit.c; options: -wp-model Typed+raw; that the model keeps the contract of what it stands for: rd_of rd_left rd_take rd_rest rd_u8 rd_u16 rd_u32 fits wr_take wr_u8 wr_u16 wr_u32 */
#include "test/prove/model/stack/wire.h"

#include "__fc_builtin.h"

/*
 * In contract.h's words, with one difference: where the bytes are.  A reader of the model ends where `input` ends, so that what is
 * left tells where it stands; what is left, the lengths of what is taken, `bad`, and what a writer has room for become
 * after each call what contract.h says that they become.
 */
// clang-format off
/*@ predicate reading(struct rd r) = \base_addr(r.p) == \base_addr(&input[0]) && 0 <= r.p - &input[0] <= INPUT &&
      r.p == &input[0] + (r.p - &input[0]);
    logic integer left(struct rd r) = INPUT - (r.p - &input[0]);
    predicate writing(struct wr w) =
      \base_addr(w.p) == \base_addr(w.end) && 0 <= w.end - w.p <= INPUT && \valid(w.p + (0 .. (w.end - w.p) - 1)); */

/*@ admit lemma byte_shifted: \forall integer x; 0 <= x <= 255 ==> 0 <= (x << 8) <= 65280; */

/*@ requires v.len <= INPUT;
    assigns \result \from v;
    ensures reading(\result) && left(\result) == v.len && !\result.bad; */
static inline struct rd rd_of(struct view v);

/*@ requires \valid_read(r) && reading(*r);
    assigns \result \from *r;
    ensures \result == left(*r); */
static inline size_t rd_left(const struct rd *r);

/*@ requires \valid(r) && reading(*r) && \separated(r, &input[0] + (0 .. INPUT - 1));
    assigns r->p, r->bad \from *r, n;
    assigns \result \from *r, n;
    ensures holds: reading(*r) && \valid_read(\result.p + (0 .. \result.len - 1));
    ensures fits: n <= left(\old(*r)) ==> \result.len == n && left(*r) == left(\old(*r)) - n && r->bad == \old(r->bad);
    ensures beyond: n > left(\old(*r)) ==> \result.len == 0 && left(*r) == 0 && r->bad; */
static inline struct view rd_take(struct rd *r, size_t n);

/*@ requires \valid(r) && reading(*r) && \separated(r, &input[0] + (0 .. INPUT - 1));
    assigns r->p, r->bad \from *r;
    assigns \result \from *r;
    ensures reading(*r) && \valid_read(\result.p + (0 .. \result.len - 1));
    ensures \result.len == left(\old(*r)) && left(*r) == 0 && r->bad == \old(r->bad); */
static inline struct view rd_rest(struct rd *r);

#define READS(n) \
    requires \valid(r) && reading(*r) && \separated(r, &input[0] + (0 .. INPUT - 1)); \
    assigns r->p, r->bad \from *r; \
    assigns Frama_C_entropy_source \from Frama_C_entropy_source; \
    assigns \result \from *r, Frama_C_entropy_source; \
    ensures holds: reading(*r); \
    ensures fits: n <= left(\old(*r)) ==> left(*r) == left(\old(*r)) - n && r->bad == \old(r->bad); \
    ensures beyond: n > left(\old(*r)) ==> left(*r) == 0 && r->bad;
/*@ READS(1) */
uint8_t rd_u8(struct rd *r);
/*@ READS(2) */
uint16_t rd_u16(struct rd *r);
/*@ READS(4) */
uint32_t rd_u32(struct rd *r);

/*@ requires \valid(w) && \valid(left) && \separated(w, left) && writing(*w);
    assigns w->p, w->bad, *left \from *w, n;
    assigns \result \from *w, n;
    ensures holds: writing(*w);
    ensures fits: \result ==> n <= \old(w->end - w->p) && w->end - w->p == \old(w->end - w->p) - n == *left && w->bad == \old(w->bad);
    ensures beyond: !\result ==> n > \old(w->end - w->p) && w->p == w->end && w->bad; */
static bool fits(struct wr *w, size_t n, ptrdiff_t *left);

/*@ requires \valid(w) && writing(*w);
    assigns w->p, w->bad \from *w, n;
    assigns \result \from *w, n;
    ensures holds: writing(*w);
    ensures fits: n <= \old(w->end - w->p) ==>
      \result == \old(w->p) && w->p == \old(w->p) + n && w->bad == \old(w->bad) && \valid(\result + (0 .. n - 1));
    ensures beyond: n > \old(w->end - w->p) ==> \result == \null && w->p == w->end && w->bad; */
uint8_t *wr_take(struct wr *w, size_t n);

#define WRITES(n) \
    requires \valid(w) && writing(*w) && \separated(w, w->p + (0 .. (w->end - w->p) - 1)); \
    assigns w->p, w->bad \from *w; \
    assigns w->p[0 .. n - 1] \from v; \
    ensures holds: writing(*w); \
    ensures fits: n <= \old(w->end - w->p) ==> w->p == \old(w->p) + n && w->bad == \old(w->bad); \
    ensures beyond: n > \old(w->end - w->p) ==> w->p == w->end && w->bad;
/*@ WRITES(1) */
void wr_u8(struct wr *w, uint8_t v);
/*@ WRITES(2) */
void wr_u16(struct wr *w, uint16_t v);
/*@ WRITES(4) */
void wr_u32(struct wr *w, uint32_t v);
// clang-format on

#include "test/prove/kit.c"
