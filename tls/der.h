/*
 * der.h - DER as certificates have it (X.690 8.1, 10.1), over struct rd and struct wr
 *
 * Tags of one byte, lengths definite and as short as they can be: anything else is bad.  A value is a view,
 * read with a reader of its own.
 */
#ifndef TLS_DER_H
#define TLS_DER_H

#include "stack/wire.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_UTC_TIME = 0x17,
	DER_GENERAL_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT = 0x80,     /* and a number: [n] IMPLICIT, primitive */
	DER_CONTEXT_SET = 0xa0, /* the same, constructed */
};

/* The next element, whatever it is; whole: with its head (NULL: not asked). */
struct view der_any(struct rd *r, uint8_t *tag, struct view *whole);
/* The value of the next element, which has to have this tag. */
struct view der_take(struct rd *r, uint8_t tag);
/* Does the next element have it?  Nothing is read. */
bool der_next_is(const struct rd *r, uint8_t tag);
/* BOOLEAN DEFAULT FALSE. */
bool der_flag(struct rd *r);
/* An INTEGER of 0 to 2^31-1. */
uint32_t der_small(struct rd *r);
/* UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 writes them, as seconds since 1970; before that: 0. */
uint64_t der_time(struct rd *r);

static inline bool
view_eq(struct view a, struct view b)
{
	return a.len == b.len && (a.len == 0 || (a.p && b.p && memcmp(a.p, b.p, a.len) == 0));
}

/* An element: its head, then value.  Up to 65,535 bytes. */
void der_put(struct wr *w, uint8_t tag, struct view value);

#define DER_TIME 16u /* "YYYYMMDDhhmmssZ" and a NUL: a GeneralizedTime */
void der_time_text(uint64_t at, char out[DER_TIME]);
#define DER_DAY 11u /* "2026-01-31" */
void der_day_text(uint64_t at, char out[DER_DAY]);

#endif
