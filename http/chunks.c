/*
 * chunks.c - how far a chunked body goes (RFC 9112 7.1)
 *
 * As strict as the head's reader: sizes are hex digits and nothing else, lines end in CRLF, and what others ignore is
 * bounded, because a reader that ignores more, or less, sees another request behind it.
 */
#include "http/head.h"
#include "http/text.h"

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

static bool
is_text(uint8_t c)
{
	return c == '\t' || (c >= ' ' && c != 0x7f);
}

static uint8_t
size_byte(struct http_chunks *c, uint8_t b)
{
	int digit = text_hex(b);

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
		return text_is_token(b) ? STEP_TRAILER_NAME : STEP_BAD;
	case STEP_TRAILER_NAME:
		if (b == ':')
			return STEP_TRAILER_VALUE;
		return text_is_token(b) ? STEP_TRAILER_NAME : STEP_BAD;
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

/* A run of data. */
static size_t
data_run(struct http_chunks *c, struct view bytes, struct http_chunk *out)
{
	size_t n = bytes.len < c->left ? bytes.len : (size_t)c->left;

	c->left -= n;
	if (c->left == 0)
		c->step = STEP_DATA_CR;
	*out = (struct http_chunk){
	    .what = HTTP_CHUNK_DATA, .bytes = text_part(bytes, 0, n), .last = c->left == 0};
	return n;
}

/* A run of trailer lines, the empty one included. */
static size_t
trailer_run(struct http_chunks *c, struct view bytes, struct http_chunk *out)
{
	size_t n = 0;

	while (n < bytes.len && c->step < STEP_DONE)
		c->step = next(c, bytes.p[n++]);
	*out = (struct http_chunk){
	    .what = HTTP_CHUNK_TRAILER, .bytes = text_part(bytes, 0, n), .last = c->step == STEP_DONE};
	return n;
}

ptrdiff_t
http_chunks_next(struct http_chunks *c, struct view bytes, struct http_chunk *out)
{
	size_t n = 0;

	*out = (struct http_chunk){.what = HTTP_CHUNK_NONE};
	if (c->step == STEP_DATA && bytes.len)
		return (ptrdiff_t)data_run(c, bytes, out);
	if (c->step >= STEP_TRAILER && c->step < STEP_DONE)
		n = trailer_run(c, bytes, out);
	while (n < bytes.len && c->step < STEP_TRAILER && c->step != STEP_DATA) {
		bool sized = c->step == STEP_SIZE_LF;

		c->step = next(c, bytes.p[n++]);
		if (sized && c->step != STEP_BAD) {
			*out = (struct http_chunk){.what = HTTP_CHUNK_SIZE, .size = c->left};
			break;
		}
	}
	return c->step == STEP_BAD ? -1 : (ptrdiff_t)n;
}

ptrdiff_t
http_chunks_read(struct http_chunks *c, struct view bytes, bool *done)
{
	size_t at = 0;
	ptrdiff_t n = 1;

	while (at < bytes.len && n > 0) {
		struct http_chunk run;

		n = http_chunks_next(c, text_part(bytes, at, bytes.len - at), &run);
		at += n > 0 ? (size_t)n : 0;
	}
	*done = c->step == STEP_DONE;
	return c->step == STEP_BAD ? -1 : (ptrdiff_t)at;
}
