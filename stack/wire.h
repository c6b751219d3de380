/*
 * wire.h - reading and writing network-order bytes without ever leaving them
 *
 * A reader is two pointers and a flag.  Every get checks the bytes that are left; the first one that
 * does not fit sets `bad`, returns zero and leaves nothing to read, so a parser reads straight through
 * its fields and asks once, at the end, whether all of them were there.  A length field always becomes
 * a sub-reader (rd_of(rd_take())), so that inside an option the end *is* the option's end.
 */
#ifndef STACK_WIRE_H
#define STACK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes: never freed, never written through. */
struct view {
	const uint8_t *p;
	size_t len;
};

struct rd {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct view
view_of(const void *p, size_t len)
{
	return (struct view){.p = p, .len = len};
}

static inline struct rd
rd_of(struct view v)
{
	/* NULL + 0 is undefined in C11, and an empty view may be NULL. */
	return (struct rd){.p = v.p, .end = v.len ? v.p + v.len : v.p};
}

static inline size_t
rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->p);
}

/* Take n bytes; an empty view, and `bad`, if there are fewer. */
static inline struct view
rd_take(struct rd *r, size_t n)
{
	struct view v = {r->p, n};

	if (n > rd_left(r)) {
		r->bad = true;
		v.len = 0;
		n = rd_left(r);
	}
	if (n)
		r->p += n;
	return v;
}

static inline struct view
rd_rest(struct rd *r)
{
	return rd_take(r, rd_left(r));
}

static inline uint8_t
rd_u8(struct rd *r)
{
	struct view v = rd_take(r, 1);

	return v.len ? v.p[0] : 0;
}

static inline uint16_t
rd_u16(struct rd *r)
{
	struct view v = rd_take(r, 2);

	return v.len ? (uint16_t)(v.p[0] << 8 | v.p[1]) : 0;
}

static inline uint32_t
rd_u32(struct rd *r)
{
	uint32_t hi = rd_u16(r);

	return hi << 16 | rd_u16(r);
}

/* Copy n bytes out; zeros, and `bad`, if there are fewer. */
static inline void
rd_copy(struct rd *r, void *to, size_t n)
{
	struct view v = rd_take(r, n);

	if (v.len)
		memcpy(to, v.p, n);
	else
		memset(to, 0, n);
}

struct wr {
	uint8_t *p, *end;
	bool bad;
};

static inline struct wr
wr_of(void *p, size_t len)
{
	return (struct wr){.p = p, .end = (uint8_t *)p + len};
}

/* Room for n bytes to be written by the caller; NULL, and `bad`, if there is not. */
static inline uint8_t *
wr_take(struct wr *w, size_t n)
{
	uint8_t *at = w->p;

	if (n > (size_t)(w->end - w->p)) {
		w->bad = true;
		w->p = w->end;
		return NULL;
	}
	w->p += n;
	return at;
}

static inline void
wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = wr_take(w, 1);

	if (p)
		p[0] = v;
}

static inline void
wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_take(w, 2);

	if (p) {
		p[0] = (uint8_t)(v >> 8);
		p[1] = (uint8_t)v;
	}
}

static inline void
wr_u32(struct wr *w, uint32_t v)
{
	wr_u16(w, (uint16_t)(v >> 16));
	wr_u16(w, (uint16_t)v);
}

static inline void
wr_bytes(struct wr *w, const void *from, size_t n)
{
	uint8_t *p = wr_take(w, n);

	if (p && n)
		memcpy(p, from, n);
}

#endif
