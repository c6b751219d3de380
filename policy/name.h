/*
 * name.h - a domain name as policy compares it: labels in wire form, lower case
 *
 * Names come from people (rules), from DNS messages, from TLS and from HTTP.  All become this one form, and only
 * this form is compared: a dot, a NUL or an escape inside of a label separates nothing (D2).  In text from people,
 * TLS and HTTP a label is letters, digits, '-' and '_'; in DNS messages it may be any bytes.
 */
#ifndef POLICY_NAME_H
#define POLICY_NAME_H

#include "stack/wire.h"

#define NAME_MAX_WIRE 255u /* RFC 1035 2.3.4, with the root's zero */
#define NAME_TEXT 1025u    /* longest text with its end: every byte as \DDD */

struct name {
	uint8_t len;                 /* bytes of wire, at least 1; 0: no name */
	uint8_t wire[NAME_MAX_WIRE]; /* length, label, ..., 0; ASCII letters in lower case */
};

/*
 * From text of len bytes: labels of 1 to 63 letters, digits, '-', '_', 253 bytes in all; upper case and one trailing
 * dot are fine, an empty label is not.  False: it is no such name (out is not written).
 */
bool name_parse(const char *text, size_t len, struct name *out);

/* From uncompressed wire bytes, any labels; the whole view must be one name. */
bool name_from_wire(struct view wire, struct name *out);

/* Text without the trailing dot ("." for the root), odd bytes as \DDD; into NAME_TEXT bytes; returns buf. */
char *name_text(const struct name *n, char *buf);

static inline bool
name_eq(const struct name *a, const struct name *b)
{
	return a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0;
}

/* Is n at or below suffix, on a label's boundary? */
bool name_is_under(const struct name *n, const struct name *suffix);

/* Labels without the root: 2 for example.com. */
unsigned name_labels(const struct name *n);

#endif
