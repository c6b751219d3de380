/*
 * alloc_wrap_kit.h - malloc, calloc and realloc, and free if ALLOC_FREE is defined, of a program linked with --wrap for them
 *
 * Whoever includes it says before, in functions of these names, which allocation fails, and is told what was taken and given back.
 */
#ifndef TEST_UNIT_ALLOC_WRAP_KIT_H
#define TEST_UNIT_ALLOC_WRAP_KIT_H

#include <stdbool.h>
#include <stddef.h>

static bool alloc_fails(void);
static void *alloc_taken(void *p); /* p; NULL: there was none */
static void alloc_given(void *p);  /* NULL: nothing */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *
__wrap_malloc(size_t n)
{
	return alloc_fails() ? NULL : alloc_taken(__real_malloc(n));
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return alloc_fails() ? NULL : alloc_taken(__real_calloc(n, size));
}

void *
__wrap_realloc(void *p, size_t n)
{
	if (alloc_fails())
		return NULL;
	alloc_given(p);
	return alloc_taken(__real_realloc(p, n));
}

#ifdef ALLOC_FREE
void __real_free(void *p);
void __wrap_free(void *p);

void
__wrap_free(void *p)
{
	alloc_given(p);
	__real_free(p);
}
#endif

#endif
