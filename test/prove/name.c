/* name.c - deduces: policy/name.c: lower is_plain name_parse name_from_wire */
#include "contract.h"

#include "policy/name.h"

// clang-format off
/*@ assigns \result \from c; */
static uint8_t lower(uint8_t c);

/*@ assigns \result \from c; */
static bool is_plain(uint8_t c);

/*@ requires len <= LONGEST && \valid_read(text + (0 .. len - 1));
    requires \valid(out) && \separated(out, text + (0 .. len - 1));
    assigns *out \from text[0 .. len - 1], len;
    assigns \result \from text[0 .. len - 1], len;
    ensures length: \result ==> 1 <= out->len; */
bool name_parse(const char *text, size_t len, struct name *out);

/*@ requires viewed(wire) && \valid(out) && \separated(out, wire.p + (0 .. wire.len - 1));
    assigns *out \from wire, wire.p[0 .. wire.len - 1];
    assigns \result \from wire, wire.p[0 .. wire.len - 1];
    ensures length: \result ==> out->len == wire.len; */
bool name_from_wire(struct view wire, struct name *out);
// clang-format on

#include "policy/name.c"
