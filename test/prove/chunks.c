/* chunks.c - deduces: http/chunks.c: is_text size_byte data_run trailer_run http_chunks_next http_chunks_read */
#include "contract.h"

#include "http/head.h"
#include "http/text.h"

#define LAST_STEP 13

// clang-format off
/*@ assigns \result \from c;
    ensures -1 <= \result <= 15; */
static inline int text_hex(uint8_t c);

/*@ assigns \nothing; */
static inline bool text_is_token(uint8_t c);

/*@ assigns \result \from p, len;
    ensures \result.p == (uint8_t *)p && \result.len == len; */
static inline struct view view_of(const void *p, size_t len);

/*@ requires viewed(v) && from + len <= v.len;
    assigns \result \from v, from, len;
    ensures \result.p == v.p + from && \result.len == len && viewed(\result); */
static inline struct view text_part(struct view v, size_t from, size_t len);

/*@ assigns \nothing; */
static bool is_text(uint8_t c);

/*@ requires \valid(c);
    assigns c->left \from c->left, b;
    assigns \result \from *c, b;
    ensures step: \result <= LAST_STEP; */
static uint8_t size_byte(struct http_chunks *c, uint8_t b);

/*@ requires \valid_read(c);
    assigns \result \from *c, b;
    ensures step: \result <= LAST_STEP; */
static uint8_t trailer_byte(const struct http_chunks *c, uint8_t b);

/*@ requires \valid(c);
    assigns c->left, c->line \from *c, b;
    assigns \result \from *c, b;
    ensures step: \result <= LAST_STEP; */
static uint8_t next(struct http_chunks *c, uint8_t b);

/*@ requires \valid(c) && \valid(out) && \separated(c, out) && viewed(bytes) && c->step <= LAST_STEP;
    assigns c->left, c->step, *out \from *c, bytes;
    assigns \result \from *c, bytes;
    ensures taken: \result <= bytes.len && \result <= \old(c->left) && c->left == \old(c->left) - \result;
    ensures viewed(out->bytes) && out->bytes.len == \result && out->bytes.p == bytes.p;
    ensures c->step <= LAST_STEP; */
static size_t data_run(struct http_chunks *c, struct view bytes, struct http_chunk *out);

/*@ requires \valid(c) && \valid(out) && \separated(c, out, bytes.p + (0 .. bytes.len - 1)) && viewed(bytes) && c->step <= LAST_STEP;
    assigns c->left, c->step, c->line, *out \from *c, bytes, bytes.p[0 .. bytes.len - 1];
    assigns \result \from *c, bytes, bytes.p[0 .. bytes.len - 1];
    ensures taken: \result <= bytes.len;
    ensures viewed(out->bytes) && out->bytes.len == \result && out->bytes.p == bytes.p;
    ensures c->step <= LAST_STEP; */
static size_t trailer_run(struct http_chunks *c, struct view bytes, struct http_chunk *out);

/*@ requires \valid(c) && \valid(out) && \separated(c, out, bytes.p + (0 .. bytes.len - 1)) && viewed(bytes) && c->step <= LAST_STEP;
    assigns c->left, c->step, c->line, *out \from *c, bytes, bytes.p[0 .. bytes.len - 1];
    assigns \result \from *c, bytes, bytes.p[0 .. bytes.len - 1];
    ensures taken: -1 <= \result <= bytes.len;
    ensures c->step <= LAST_STEP; */
ptrdiff_t http_chunks_next(struct http_chunks *c, struct view bytes, struct http_chunk *out);

/*@ requires \valid(c) && \valid(done) && \separated(c, done, bytes.p + (0 .. bytes.len - 1)) && viewed(bytes) && c->step <= LAST_STEP;
    assigns c->left, c->step, c->line, *done \from *c, bytes, bytes.p[0 .. bytes.len - 1];
    assigns \result \from *c, bytes, bytes.p[0 .. bytes.len - 1];
    ensures taken: -1 <= \result <= bytes.len;
    ensures c->step <= LAST_STEP; */
ptrdiff_t http_chunks_read(struct http_chunks *c, struct view bytes, bool *done);
// clang-format on

#include "http/chunks.c"
