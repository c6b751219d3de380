/*
 * fault_kit.h - one allocation after the other fails
 *
 * For programs that the Makefile links with --wrap for malloc, calloc and realloc; included by one file of each.
 */
#ifndef TEST_UNIT_FAULT_KIT_H
#define TEST_UNIT_FAULT_KIT_H

#include <stdbool.h>
#include <stddef.h>

#define ENOUGH 10000000u

/* When allocations count; whoever includes it may say so before. */
#ifndef FAULTS_COUNT
#define FAULTS_COUNT true
#endif

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static unsigned left = ENOUGH; /* allocations until one fails; ENOUGH: none will */
static bool failed;

static bool
runs_out(void)
{
	if (!(FAULTS_COUNT) || left == ENOUGH || left-- > 0)
		return false;
	left = ENOUGH;
	failed = true;
	return true;
}

void *
__wrap_malloc(size_t n)
{
	return runs_out() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return runs_out() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return runs_out() ? NULL : __real_realloc(p, n);
}

#endif
