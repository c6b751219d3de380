/* text.c - deduces: http/text.h http/fields.c: text_part text_trimmed text_same text_next text_lists text_lower text_is_digit text_is_control http_field_read http_length_read next_line http_fields_of http_fields_next */
#include "contract.h"

#include "http/head.h"

// clang-format off
/* What memchr(3) and strchr(3) promise; deduction cannot look behind a `void *`. */
/*@ requires viewed(v);
    assigns \result \from v, v.p[0 .. v.len - 1], c;
    ensures \result <= v.len; */
static inline size_t text_find(struct view v, uint8_t c);

/*@ assigns \result \from c; */
static inline bool text_is_token(uint8_t c);

/*@ assigns \result \from p, len;
    ensures \result.p == (uint8_t *)p && \result.len == len; */
static inline struct view view_of(const void *p, size_t len);

/*@ assigns \result \from c; */
static inline uint8_t text_lower(uint8_t c);

/*@ assigns \result \from c;
    ensures \result <==> '0' <= c <= '9'; */
static inline bool text_is_digit(uint8_t c);

/*@ assigns \result \from c; */
static inline bool text_is_control(uint8_t c);

/*@ requires viewed(v) && from + len <= v.len;
    assigns \result \from v, from, len;
    ensures \result.p == v.p + from && \result.len == len && viewed(\result); */
static inline struct view text_part(struct view v, size_t from, size_t len);

/*@ requires viewed(v);
    assigns \result \from v, v.p[0 .. v.len - 1];
    ensures viewed(\result) && \result.len <= v.len && v.p <= \result.p && \result.p + \result.len <= v.p + v.len; */
static inline struct view text_trimmed(struct view v);

/*@ requires viewed(v) && valid_read_string(text);
    assigns \result \from v, v.p[0 .. v.len - 1], text[0 .. strlen(text)]; */
static inline bool text_same(struct view v, const char *text);

/*@ requires \valid(list) && \valid(item) && \separated(list, item) && viewed(*list);
    requires \separated(list, list->p + (0 .. list->len - 1)) && \separated(item, list->p + (0 .. list->len - 1));
    assigns *list \from *list, by, list->p[0 .. list->len - 1];
    assigns *item \from *list, by, list->p[0 .. list->len - 1];
    assigns \result \from *list;
    ensures viewed(*list);
    ensures less: \result ==> viewed(*item) && list->len < \old(list->len) && item->len <= \old(list->len); */
static inline bool text_next(struct view *list, uint8_t by, struct view *item);

/*@ requires viewed(value) && valid_read_string(token); */
static inline bool text_lists(struct view value, const char *token);

/*@ requires viewed(line) && \valid(name) && \valid(value) && \separated(name, value, line.p + (0 .. line.len - 1));
    assigns *name, *value \from line, line.p[0 .. line.len - 1];
    assigns \result \from line, line.p[0 .. line.len - 1];
    ensures within: \result == \null ==> viewed(*name) && viewed(*value) && name->p == line.p && name->len >= 1 &&
      name->len + 1 + value->len <= line.len; */
const char *http_field_read(struct view line, struct view *name, struct view *value);

/*@ requires viewed(value) && \valid(length) && \separated(length, value.p + (0 .. value.len - 1));
    assigns *length \from value, value.p[0 .. value.len - 1];
    assigns \result \from value, value.p[0 .. value.len - 1];
    ensures fits: \result == \null ==> *length <= 0x7fffffffffffffff; */
const char *http_length_read(struct view value, uint64_t *length);

/*@ requires \valid(rest) && \valid(line) && \separated(rest, line) && viewed(*rest);
    assigns *rest, *line \from *rest, rest->p[0 .. rest->len - 1];
    assigns \result \from *rest, rest->p[0 .. rest->len - 1];
    ensures viewed(*rest);
    ensures less: \result ==> viewed(*line) && line->p == \old(rest->p) && line->len + 2 + rest->len == \old(rest->len);
    ensures \result ==> rest->p == \old(rest->p) + line->len + 2;
    ensures !\result ==> *rest == \old(*rest); */
static bool next_line(struct view *rest, struct view *line);

/*@ requires viewed(head);
    assigns \result \from head, head.p[0 .. head.len - 1];
    ensures viewed(\result) && \result.len <= head.len; */
struct view http_fields_of(struct view head);

/*@ requires \valid(rest) && \valid(name) && \valid(value) && \separated(rest, name, value) && viewed(*rest);
    requires \separated(name, value, rest->p + (0 .. rest->len - 1));
    assigns *rest, *name, *value \from *rest, rest->p[0 .. rest->len - 1];
    assigns \result \from *rest, rest->p[0 .. rest->len - 1];
    ensures viewed(*rest);
    ensures less: \result ==> viewed(*name) && viewed(*value) && rest->len < \old(rest->len); */
bool http_fields_next(struct view *rest, struct view *name, struct view *value);
// clang-format on

#include "http/fields.c"
