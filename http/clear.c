/*
 * clear.c - buffers that leave nothing behind
 */
#include <stdlib.h>

#include "http/substitute.h"

#define FIRST_ROOM 256u

/* realloc() may leave the old bytes somewhere. */
static bool
grow(struct clear *c, size_t room)
{
	uint8_t *p = malloc(room);

	if (!p)
		return false;
	if (c->len > 0)
		memcpy(p, c->p, c->len);
	if (c->p)
		explicit_bzero(c->p, c->room);
	free(c->p);
	c->p = p;
	c->room = room;
	return true;
}

void
clear_reserve(struct clear *c, size_t n)
{
	if (c->failed || c->len > c->max || n > c->max - c->len || c->room - c->len >= n)
		return;
	grow(c, c->len + n);
}

void
clear_add(struct clear *c, const void *from, size_t n)
{
	if (c->failed || n == 0)
		return;
	if (c->len > c->max || n > c->max - c->len) {
		c->failed = true;
		return;
	}
	if (c->room - c->len < n) {
		size_t room = c->room < FIRST_ROOM ? FIRST_ROOM : c->room;

		while (room - c->len < n)
			room *= 2;
		if (!grow(c, room < c->max ? room : c->max)) {
			c->failed = true;
			return;
		}
	}
	memcpy(c->p + c->len, from, n);
	c->len += n;
}

void
clear_free(struct clear *c)
{
	if (c->p)
		explicit_bzero(c->p, c->room);
	free(c->p);
	*c = (struct clear){.max = c->max};
}
