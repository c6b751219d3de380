/*
 * waiting.h - bytes that wait to go out, or for what follows them
 *
 * Appended at one end, taken from the other.  Values of secrets may be among them, so memory is wiped before it is given back; it is
 * given back whenever nothing waits.  How much may wait is for the user to say.
 */
#ifndef HTTP_WAITING_H
#define HTTP_WAITING_H

#include "stack/wire.h"

/* All zero before. */
struct waiting {
	uint8_t *p;
	size_t from, to, room;
};

/* False: no memory, and nothing has changed. */
bool waiting_add(struct waiting *w, const void *bytes, size_t n);
/* The first n have gone; n is at most what waits. */
void waiting_drop(struct waiting *w, size_t n);
/* The last n were too many. */
void waiting_cut(struct waiting *w, size_t n);
void waiting_free(struct waiting *w);

static inline size_t
waiting_len(const struct waiting *w)
{
	return w->to - w->from;
}

static inline struct view
waiting_view(const struct waiting *w)
{
	return w->p ? view_of(w->p + w->from, w->to - w->from) : view_of(NULL, 0);
}

#endif
