/*
 * wire.h - readers and writers as their contract has them, for proofs alone (tools/prove.sh)
 *
 * Stands in for stack/wire.h when a parser is proved.  The real one is proved on its own, for all lengths, to keep
 * the contract that is written in it: what is taken lies in what was left, and what does not fit sets `bad` and leaves
 * nothing.  The analyzer knows bounds of numbers but not that one pointer stays below another; so here every
 * view ends where `input` ends, and a reader is one number, what is left of it.  All of `input` is unknown bytes, which
 * makes the bytes at one place as good as those at any other.  Who reads past the end of a view leaves `input`.
 *
 * What this model cannot show: that a view somebody made by hand (view_of() with a pointer of their own) is not longer than
 * what it was made of.  Files that do so are proved with the real header as well, or say it in their driver.
 */
#ifndef STACK_WIRE_H
#define STACK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INPUT 65536u
extern uint8_t input[INPUT];
#define INPUT_END (input + INPUT)

struct view {
	const uint8_t *p;
	size_t len;
};

struct rd {
	const uint8_t *p, *end;
	bool bad;
};

struct wr {
	uint8_t *p, *end;
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
	return (struct rd){.p = INPUT_END - v.len, .end = INPUT_END};
}

static inline size_t
rd_left(const struct rd *r)
{
	return (size_t)(INPUT_END - r->p);
}

static inline struct view
rd_take(struct rd *r, size_t n)
{
	ptrdiff_t left = INPUT_END - r->p;

	if (n > INPUT || left < (ptrdiff_t)n) {
		r->bad = true;
		r->p = INPUT_END;
		return (struct view){INPUT_END, 0};
	}
	left -= (ptrdiff_t)n;
	/* What the branch has just said. */
	//@ admit 0 <= left <= INPUT;
	;
	r->p = INPUT_END - left;
	return (struct view){INPUT_END - n, n};
}

static inline struct view
rd_rest(struct rd *r)
{
	struct view v = {r->p, (size_t)(INPUT_END - r->p)};

	r->p = INPUT_END;
	return v;
}

uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
void rd_copy(struct rd *r, void *to, size_t n);

static inline struct wr
wr_of(void *p, size_t len)
{
	return (struct wr){.p = p, .end = (uint8_t *)p + len};
}

uint8_t *wr_take(struct wr *w, size_t n);
void wr_u8(struct wr *w, uint8_t v);
void wr_u16(struct wr *w, uint16_t v);
void wr_u32(struct wr *w, uint32_t v);
void wr_bytes(struct wr *w, const void *from, size_t n);

#endif
