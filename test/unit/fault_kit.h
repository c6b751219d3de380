/*
 * fault_kit.h - one allocation after the other fails
 *
 * For programs that the Makefile links with --wrap for malloc, calloc and realloc; included by one file of each.
 */
#ifndef TEST_UNIT_FAULT_KIT_H
#define TEST_UNIT_FAULT_KIT_H

#include <stdbool.h>
#include <stddef.h>

#include "test/unit/alloc_wrap_kit.h"

#define ENOUGH 10000000u

/* When allocations count; whoever includes it may say so before. */
#ifndef FAULTS_COUNT
#define FAULTS_COUNT true
#endif

static unsigned left = ENOUGH; /* allocations until one fails; ENOUGH: none will */
static bool failed;

static bool
alloc_fails(void)
{
	if (!(FAULTS_COUNT) || left == ENOUGH || left-- > 0)
		return false;
	left = ENOUGH;
	failed = true;
	return true;
}

static void *
alloc_taken(void *p)
{
	return p;
}

static void
alloc_given(void *p)
{
	(void)p;
}

#endif
