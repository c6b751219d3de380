/*
 * waiting.c - bytes that wait
 */
#include "http/waiting.h"

#include <stdlib.h>

#define WAITING_MIN 1024u

void
waiting_free(struct waiting *w)
{
	if (w->p)
		explicit_bzero(w->p, w->room);
	free(w->p);
	*w = (struct waiting){.p = NULL};
}

/* Room for n more at the end: moved to the front, or to a larger block. */
static bool
make_room(struct waiting *w, size_t n)
{
	size_t have = waiting_len(w), size = w->room ? w->room : WAITING_MIN;

	if (n <= w->room - have && have <= w->from) {
		memcpy(w->p, w->p + w->from, have);
		w->from = 0;
		w->to = have;
		return true;
	}
	if (n > SIZE_MAX / 4 || have > SIZE_MAX / 4)
		return false;
	while (size - have < n)
		size *= 2;

	uint8_t *p = malloc(size);
	if (!p)
		return false;
	if (have)
		memcpy(p, w->p + w->from, have);
	waiting_free(w);
	*w = (struct waiting){.p = p, .to = have, .room = size};
	return true;
}

bool
waiting_add(struct waiting *w, const void *bytes, size_t n)
{
	if (n == 0)
		return true;
	if (n > w->room - w->to && !make_room(w, n))
		return false;
	memcpy(w->p + w->to, bytes, n);
	w->to += n;
	return true;
}

void
waiting_drop(struct waiting *w, size_t n)
{
	w->from += n;
	if (w->from == w->to)
		waiting_free(w);
}

void
waiting_cut(struct waiting *w, size_t n)
{
	w->to -= n;
	if (w->from == w->to)
		waiting_free(w);
}
