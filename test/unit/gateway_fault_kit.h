/*
 * gateway_fault_kit.h - a gateway whose own allocations fail, one after the other
 *
 * To be included before all else, by a test that is linked with -Wl,--wrap=malloc and so on: `left` allocations of the gateway's turns are good,
 * then one fails, and `failed` is true.  ENOUGH: none does.  spare_the_bed() after begin().
 */
#ifndef TEST_UNIT_GATEWAY_FAULT_KIT_H
#define TEST_UNIT_GATEWAY_FAULT_KIT_H

#include "test/bed/bed.h"

static bool in_turn;
#define FAULTS_COUNT in_turn
#include "test/unit/fault_kit.h"

/* The bed's own frames are not the gateway's: as many turns as it takes, none of what is around them. */
static inline void
turns_that_fail(struct bed *b)
{
	if (left != ENOUGH) {
		in_turn = true;
		gw_turn(b->gw, true, true, bed_now(b));
		for (unsigned i = 0; i < 100 && left != ENOUGH && b->gw->flows.ready_first; i++)
			gw_turn(b->gw, false, true, bed_now(b));
		in_turn = false;
	}
	bed_settle(b);
}
#define bed_settle(b) turns_that_fail(b)

#include "test/unit/intercept_kit.h"

/* What the bed and the host of memory need for themselves is not the gateway's. */
static void (*real_send)(void *ctx, const struct frame *f);
static const struct host_ops *real_ops;
static struct host_ops ops;

static inline void
bed_send(void *ctx, const struct frame *f)
{
	bool was = in_turn;

	in_turn = false;
	real_send(ctx, f);
	in_turn = was;
}

static inline ssize_t
host_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	bool was = in_turn;

	in_turn = false;
	ssize_t r = real_ops->writev(h, fd, iov, n);
	in_turn = was;
	return r;
}

static inline int
host_events(struct host *h, struct host_event *ev, int n)
{
	bool was = in_turn;

	in_turn = false;
	int r = real_ops->events(h, ev, n);
	in_turn = was;
	return r;
}

static inline void
spare_the_bed(void)
{
	real_send = bed->gw->sink.send;
	bed->gw->sink.send = bed_send;
	real_ops = bed->gw->host->ops;
	ops = *real_ops;
	ops.writev = host_writev;
	ops.events = host_events;
	bed->gw->host->ops = &ops;
}

#endif
