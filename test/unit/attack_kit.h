/*
 * attack_kit.h - running every attack three times: frames in one span, in memory the guest can rewrite,
 * and cut into many spans
 */
#ifndef TEST_UNIT_ATTACK_KIT_H
#define TEST_UNIT_ATTACK_KIT_H

#include "test/unit/net_kit.h"

static enum net_way way; /* of the run under way */
static struct bytes f;   /* the frame under construction */

static int
one_span(void **state)
{
	(void)state;
	way = WAY_ONE_SPAN;
	return 0;
}

static int
shared(void **state)
{
	(void)state;
	way = WAY_SHARED;
	return 0;
}

static int
split(void **state)
{
	(void)state;
	way = WAY_SPLIT;
	return 0;
}

static int
attack_three_ways(const struct CMUnitTest *tests, size_t n)
{
	return _cmocka_run_group_tests("one span", tests, n, one_span, NULL) +
	       _cmocka_run_group_tests("shared memory", tests, n, shared, NULL) +
	       _cmocka_run_group_tests("many spans", tests, n, split, NULL);
}

#endif
