/*
 * intercept_turn.c - whose turn it is
 *
 * TLS is work that is long beside that of other flows: a turn of the loop gives it TURN_WORK and TURN_RECORDS in all, and whoever finds
 * that spent waits in a queue, first come first served.  Everybody in that queue is in the list of ready flows, too, so the loop
 * does not sleep, and a flow that is called before its turn only goes to the list's end again.
 *
 * Handshakes have a bounded number of places besides, since each holds memory and is work the guest can ask for with few bytes.
 */
#include "proxy/gateway.h"
#include "proxy/intercept_int.h"

#define TURN_PATIENCE 4u /* turns */

void
queue_put(struct intercepted *c, enum queue q)
{
	struct intercept_queue *old = &c->x->queue[c->queue], *new = &c->x->queue[q];

	if (c->queue != QUEUE_NONE) {
		*(c->prev ? &c->prev->next : &old->first) = c->next;
		*(c->next ? &c->next->prev : &old->last) = c->prev;
		c->next = c->prev = NULL;
	}
	c->queue = (uint8_t)q;
	if (q == QUEUE_NONE)
		return;
	c->prev = new->last;
	*(new->last ? &new->last->next : &new->first) = c;
	new->last = c;
}

static void
come_again(struct intercepted *c)
{
	flow_mark_ready(&c->x->gw->flows, &c->passage.tf->flow);
}

/* One always may, or nothing would ever go on. */
static bool
is_left(const struct interception *x)
{
	return !x->began || (x->worked < TURN_WORK && x->records < TURN_RECORDS);
}

bool
turn_begin(struct intercepted *c)
{
	struct interception *x = c->x;

	if (c->queue == QUEUE_NONE && (x->queue[QUEUE_TURN].first || !is_left(x)))
		queue_put(c, QUEUE_TURN);
	if (c->queue == QUEUE_TURN && (x->queue[QUEUE_TURN].first != c || !is_left(x))) {
		come_again(c);
		return false;
	}
	queue_put(c, QUEUE_NONE);
	return true;
}

void
turn_end(struct interception *x, usec_t worked, unsigned records)
{
	x->began = true;
	x->worked += worked;
	x->records += records;
}

void
turn_again(struct intercepted *c)
{
	queue_put(c, QUEUE_TURN);
	come_again(c);
}

bool
place_take(struct intercepted *c)
{
	if (c->placed)
		return true;
	if (c->x->handshakes >= HANDSHAKES) {
		queue_put(c, QUEUE_PLACE);
		return false;
	}
	c->x->handshakes++;
	c->placed = true;
	return true;
}

void
place_leave(struct intercepted *c)
{
	struct intercepted *next = c->x->queue[QUEUE_PLACE].first;

	if (!c->placed)
		return;
	c->placed = false;
	c->x->handshakes--;
	if (!next)
		return;
	queue_put(next, QUEUE_NONE);
	place_take(next);
	come_again(next);
}

void
intercept_turn(struct sluice *gw)
{
	struct interception *x = gw->intercept;

	if (!x)
		return;
	x->worked = 0;
	x->records = 0;
	x->began = x->patient = false;
}

bool
intercept_turn_left(struct sluice *gw, uint8_t *denied)
{
	struct interception *x = gw->intercept;
	bool left = is_left(x);

	/* No queue: few wait here, and one of them a turn that has waited long enough goes beyond it. */
	if (!left && *denied < TURN_PATIENCE)
		++*denied;
	else if (!left && !x->patient)
		left = x->patient = true;
	if (left)
		*denied = 0;
	return left;
}

void
intercept_turn_took(struct sluice *gw, usec_t worked, unsigned records)
{
	turn_end(gw->intercept, worked, records);
}
