/*
 * chunks.c - how far a chunked body goes (RFC 9112 7.1)
 *
 * As strict as the head's reader: sizes are hex digits and nothing else, lines end in CRLF, and what others ignore is
 * bounded, because a reader that ignores more, or less, sees another request behind it.
 */
#include "http/head.h"

#define EXTENSION_MAX 4096u /* bytes of one size line */
#define TRAILER_MAX 16384u  /* bytes of all trailer fields */

enum step {
	STEP_SIZE, /* no digit yet */
	STEP_DIGITS,
	STEP_EXTENSION,
	STEP_SIZE_LF,
	STEP_DATA,
	STEP_DATA_CR,
	STEP_DATA_LF,
	STEP_TRAILER, /* at the beginning of a line */
	STEP_TRAILER_NAME,
	STEP_TRAILER_VALUE,
	STEP_TRAILER_LF,
	STEP_END_LF,
	STEP_DONE,
	STEP_BAD,
};

static int
hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
is_text(uint8_t c)
{
	return c == '\t' || (c >= ' ' && c != 0x7f);
}

static uint8_t
size_byte(struct http_chunks *c, uint8_t b)
{
	int digit = hex(b);

	if (digit >= 0) {
		if (c->left > INT64_MAX >> 4)
			return STEP_BAD;
		c->left = c->left << 4 | (unsigned)digit;
		return STEP_DIGITS;
	}
	if (c->step == STEP_SIZE)
		return STEP_BAD;
	if (b == ';')
		return STEP_EXTENSION;
	return b == '\r' ? STEP_SIZE_LF : STEP_BAD;
}

static uint8_t
trailer_byte(const struct http_chunks *c, uint8_t b)
{
	switch (c->step) {
	case STEP_TRAILER:
		if (b == '\r')
			return STEP_END_LF;
		return b > ' ' && b < 0x7f && b != ':' ? STEP_TRAILER_NAME : STEP_BAD;
	case STEP_TRAILER_NAME:
		if (b == ':')
			return STEP_TRAILER_VALUE;
		return b > ' ' && b < 0x7f ? STEP_TRAILER_NAME : STEP_BAD;
	case STEP_TRAILER_VALUE:
		if (b == '\r')
			return STEP_TRAILER_LF;
		return is_text(b) ? STEP_TRAILER_VALUE : STEP_BAD;
	default:
		return b == '\n' ? STEP_TRAILER : STEP_BAD;
	}
}

/* The step after this byte, which is not a chunk's data. */
static uint8_t
next(struct http_chunks *c, uint8_t b)
{
	switch (c->step) {
	case STEP_SIZE:
	case STEP_DIGITS:
		return ++c->line > EXTENSION_MAX ? STEP_BAD : size_byte(c, b);
	case STEP_EXTENSION:
		if (b == '\r')
			return STEP_SIZE_LF;
		return ++c->line > EXTENSION_MAX || !is_text(b) ? STEP_BAD : STEP_EXTENSION;
	case STEP_SIZE_LF:
		c->line = 0;
		if (b != '\n')
			return STEP_BAD;
		return c->left ? STEP_DATA : STEP_TRAILER;
	case STEP_DATA_CR:
		return b == '\r' ? STEP_DATA_LF : STEP_BAD;
	case STEP_DATA_LF:
		return b == '\n' ? STEP_SIZE : STEP_BAD;
	case STEP_END_LF:
		return b == '\n' ? STEP_DONE : STEP_BAD;
	default:
		return ++c->line > TRAILER_MAX ? STEP_BAD : trailer_byte(c, b);
	}
}

ptrdiff_t
http_chunks_read(struct http_chunks *c, struct view bytes, bool *done)
{
	size_t at = 0;

	while (at < bytes.len && c->step < STEP_DONE) {
		if (c->step == STEP_DATA) {
			size_t n = bytes.len - at < c->left ? bytes.len - at : (size_t)c->left;

			at += n;
			c->left -= n;
			if (c->left == 0)
				c->step = STEP_DATA_CR;
		} else {
			c->step = next(c, bytes.p[at++]);
		}
	}
	*done = c->step == STEP_DONE;
	return c->step == STEP_BAD ? -1 : (ptrdiff_t)at;
}
