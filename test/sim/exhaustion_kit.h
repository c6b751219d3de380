/*
 * exhaustion_kit.h - what every flood is held to
 *
 * The limits are those of docs/design.md; what they come to in time follows from the prices of exhaustion.h.
 */
#ifndef TEST_SIM_EXHAUSTION_KIT_H
#define TEST_SIM_EXHAUSTION_KIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/sim/exhaustion.h"

#ifdef __SANITIZE_ADDRESS__
#define SCALE 10u /* the sanitizers see as much in a tenth */
#else
#define SCALE 1u
#endif

#define RTT (5 * USEC_PER_MSEC) /* a server of the same region */
#define CALM 20u                /* questions in peace */

/* What is malloc()ed while the gateway runs: names and answers (4 MiB each at most), and what policy said of each flow. */
#define HEAP_MAX (9u << 20)

#define HEAP_NOISE (64u << 10) /* what malloc() keeps for the next of the same size */

#define FRESH_POOL (64u << 10) /* the rings of a new connection, and of one that is over */

/* Everything a flood can be held to, but for what a test says it may exceed. */
struct held {
	usec_t turn;         /* longest turn */
	uint64_t pool, heap; /* bytes more than in peace */
};

static struct siege *siege;
static uint64_t pool_first, heap_first;
static uint32_t files_first;

static inline void
besiege(const struct siege_conf *c)
{
	struct siege_conf conf = *c;

	if (conf.rtt == 0)
		conf.rtt = RTT;
	siege = siege_new(&conf);
	siege_calm(siege, CALM);
	siege->fresh.mute = false;
	pool_first = siege->bed->gw->pool.used;
	files_first = siege->bed->gw->files;
	heap_first = siege_heap(siege);
}

/* The old connection within three times what it took in peace, in time and in turns; new ones within a second, at the first SYN. */
static inline void
others_are_served(void)
{
	const struct siege *s = siege;

	assert_true(s->talk.took.n > 0);
	assert_in_range(s->talk.took.worst, s->calm.worst / 2, 3 * s->calm.worst);
	assert_in_range(s->talk.took.worst_turns, 1, 3 * s->calm.worst_turns);
	assert_int_equal(s->talk.lost, 0);
	assert_true(s->fresh.opened.n > 0);
	assert_in_range(s->fresh.opened.worst, RTT, USEC_PER_SEC);
	assert_int_equal(s->fresh.lost, 0);
	assert_true(s->fresh.state == FRESH_NONE || siege_now(s) - s->fresh.at <= USEC_PER_SEC);
	/* Nor does one wait at the end for what will not come. */
	assert_true(s->fresh.state != FRESH_SYN || siege_now(s) - s->fresh.at <= 3 * s->fresh.opened.worst);
	assert_int_equal(s->fresh.failed, 0);
}

static inline void
is_bounded(const struct held *h)
{
	const struct siege *s = siege;

	assert_string_equal(s->complaint, "");
	assert_true(s->turns > 0);
	assert_in_range(s->longest.time, 1, h->turn);
	assert_in_range(s->longest.in, 0, LINK_BATCH);
	assert_in_range(s->pool_peak, 0, pool_first + h->pool + FRESH_POOL);
	assert_in_range(s->heap_peak, 0, heap_first + h->heap + HEAP_NOISE);
}

/* A connect that nobody answers is given up by the host's kernel (tcp_syn_retries: 127 s). */
static inline void
silence_ends(void)
{
	siege_hush(siege);
	siege_until(siege, siege_now(siege) + 127 * USEC_PER_SEC);
	for (int i = 0, fd; (fd = vhost_find(siege->bed->vhost, HOST_TCP, i)) >= 0; i++)
		vhost_settle(siege->bed->vhost, fd, ETIMEDOUT);
}

/* Ten minutes later nothing of it is left, but for what may be kept for later (`kept` bytes of heap). */
static inline void
is_over(uint64_t kept)
{
	struct siege *s = siege;
	const struct sluice *gw = s->bed->gw;

	siege_hush(s);
	siege_until(s, siege_now(s) + 600 * USEC_PER_SEC);
	assert_string_equal(s->complaint, "");
	assert_int_equal(gw->flows.kind[FLOW_TCP].open, 1);
	assert_int_equal(gw->flows.kind[FLOW_UDP].open + gw->flows.kind[FLOW_PING].open, 0);
	assert_int_equal(gw->files, files_first);
	/* All that is left of the pool is the old connection's. */
	const struct tcp *old = &bed_tcp(s->bed, &s->talk.t)->tcp;
	assert_int_equal(gw->pool.used, old->rcv.cap + old->snd.cap);
	assert_in_range(siege_heap(s), 0, heap_first + kept + HEAP_NOISE);
	/* The old connection is served as on the first day. */
	s->talk.took = (struct siege_times){0};
	s->talk.mute = false;
	siege_until(s, siege_now(s) + USEC_PER_SEC);
	assert_true(s->talk.took.n > 10);
	assert_in_range(s->talk.took.worst, 1, s->calm.worst + 1);
	assert_string_equal(siege_free(s), "");
	siege = NULL;
}

#endif
