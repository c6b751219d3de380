/*
 * base64.h - base64 (RFC 4648), both alphabets
 */
#ifndef HTTP_BASE64_H
#define HTTP_BASE64_H

#include "stack/wire.h"

#define BASE64_NONE 64u /* not one of its characters */

extern const uint8_t base64_values[256];

/* 0 to 63; '+' and '-', '/' and '_' are the same. */
static inline uint8_t
base64_value(uint8_t c)
{
	return base64_values[c];
}

/* The character of the standard alphabet. */
uint8_t base64_character(uint8_t value);

/* Bytes that `n` of them become, with padding. */
static inline size_t
base64_length(size_t n)
{
	return (n + 2) / 3 * 4;
}

/*
 * The bytes of text, which ends with the padding it needs or none at all; into to, which has room for text.len / 4 * 3 + 3 bytes.  False:
 * it is no base64 (bits that must be zero are not looked at).
 */
bool base64_decode(struct view text, uint8_t *to, size_t *len);
/* base64_length() characters. */
void base64_encode(struct view bytes, uint8_t *to);

#endif
