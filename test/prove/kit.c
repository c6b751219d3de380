/*
 * kit.c - unknown bytes, and readers and writers over them (model/stack/wire.h)
 */
#include "kit.h"

uint8_t input[INPUT];
static uint8_t output[INPUT];

void
any_bytes(void *p, size_t len)
{
	Frama_C_make_unknown(p, len);
}

struct view
any_input(void)
{
	size_t len = Frama_C_unsigned_int_interval(0, INPUT - 1);

	any_bytes(input, INPUT);
	return view_of(INPUT_END - len, len);
}

struct rd
any_reader(void)
{
	return rd_of(any_input());
}

struct wr
any_room(size_t most)
{
	size_t room = Frama_C_unsigned_int_interval(0, most);

	return (struct wr){.p = output + INPUT - room, .end = output + INPUT};
}

uint8_t
rd_u8(struct rd *r)
{
	struct view v = rd_take(r, 1);

	return v.len ? Frama_C_unsigned_char_interval(0, 255) : 0;
}

uint16_t
rd_u16(struct rd *r)
{
	struct view v = rd_take(r, 2);

	return v.len ? Frama_C_unsigned_short_interval(0, 65535) : 0;
}

uint32_t
rd_u32(struct rd *r)
{
	uint32_t hi = rd_u16(r);

	return hi << 16 | rd_u16(r);
}

void
rd_copy(struct rd *r, void *to, size_t n)
{
	struct view v = rd_take(r, n);

	/* A byte at a time: where `to` is one of several places, the analyzer then knows which. */
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = v.len ? Frama_C_unsigned_char_interval(0, 255) : 0;
}

/* Steps over n bytes.  The end of what is written to is one place; where the writer stands need not be. */
static bool
fits(struct wr *w, size_t n, ptrdiff_t *left)
{
	if (n > INPUT || w->end - w->p < (ptrdiff_t)n) {
		w->bad = true;
		w->p = w->end;
		return false;
	}
	*left = (w->end - w->p) - (ptrdiff_t)n;
	//@ admit 0 <= *left <= INPUT;
	;
	w->p = w->end - *left;
	return true;
}

uint8_t *
wr_take(struct wr *w, size_t n)
{
	ptrdiff_t left;

	if (!fits(w, n, &left))
		return NULL;
	return w->end - (left + (ptrdiff_t)n);
}

void
wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = wr_take(w, 1);

	if (p)
		p[0] = v;
}

void
wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_take(w, 2);

	if (p) {
		p[0] = (uint8_t)(v >> 8);
		p[1] = (uint8_t)v;
	}
}

void
wr_u32(struct wr *w, uint32_t v)
{
	wr_u16(w, (uint16_t)(v >> 16));
	wr_u16(w, (uint16_t)v);
}

/*
 * What is written matters to nobody here, as long as it may be written and read.  A view ends with `input`, and that its
 * length is its own is the reader's contract.
 */
void
wr_bytes(struct wr *w, const void *from, size_t n)
{
	ptrdiff_t left;

	if (!fits(w, n, &left) || n == 0 || !from)
		return;
	//@ check readable: \base_addr(from) == \base_addr(&input[0]) || \valid_read((uint8_t *)from + (0 .. n - 1));
	;
	any_bytes(output, INPUT);
}

/* Whether an address is mapped is told by its first bytes. */
int
memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}
