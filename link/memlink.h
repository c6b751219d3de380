/*
 * memlink.h - a link of memory: the guest is played by the caller
 *
 * For `sluice replay` and for tests.  Frames pushed in are lent to the gateway in order, as one span or in
 * pieces of a chosen size; frames the gateway sends go to a callback or wait in a queue to be popped.
 * There is no descriptor to sleep on: whoever drives the gateway calls it after pushing.
 */
#ifndef LINK_MEMLINK_H
#define LINK_MEMLINK_H

#include "link/link.h"

#define MEMLINK_QUEUE 4096u /* frames each way that may wait; one more is refused, or lost */
#define MEMLINK_ENDLESS SIZE_MAX

struct memlink;

/* NULL: no memory.  h may be NULL when the gateway's side never asks for it. */
struct memlink *memlink_new(struct host *h, const struct link_limits *lim);

/* The gateway's side.  Its ops->free() frees the memlink, and so does memlink_free(); call one. */
struct link *memlink_link(struct memlink *m);
void memlink_free(struct memlink *m);

/* A frame from the guest: copied.  off NULL: none.  False: the queue is full, the frame longer than
 * FRAME_MAX, or no memory. */
bool memlink_push(struct memlink *m, struct view bytes, const struct offload *off);
size_t memlink_waiting(const struct memlink *m); /* frames pushed and not yet received */

/* From the next receive() on: are frames lent as memory the guest can rewrite, and in spans of how many
 * bytes (0: one span; enlarged where FRAME_SPANS would not do). */
void memlink_lend(struct memlink *m, bool shared, size_t span);

/* Frames sent go here and not to the queue; f is valid during the call.  NULL: back to the queue. */
void memlink_on_frame(struct memlink *m, void (*out)(void *ctx, const struct frame *f), void *ctx);

/* The oldest frame sent: copied to `to` (FRAME_MAX is always enough; more than max is cut off), its whole
 * length to *len, its offload facts to *off unless that is NULL.  False: none. */
bool memlink_pop(struct memlink *m, void *to, size_t max, size_t *len, struct offload *off);

/* How many more frames the guest takes: counts down; MEMLINK_ENDLESS (as at first) never does. */
void memlink_set_room(struct memlink *m, size_t frames);

/* From now on receive() fails with this positive errno: the link has gone. */
void memlink_vanish(struct memlink *m, int error);

#endif
