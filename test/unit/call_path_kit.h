/*
 * call_path_kit.h - by which calls did we come here?
 *
 * A path is the chain of return addresses from a call up to the function that set path_top, as the unwinder finds them, hashed; so also
 * through libraries that keep no frame pointers.  A set of them tells whether one was met before.
 */
#ifndef TEST_UNIT_CALL_PATH_KIT_H
#define TEST_UNIT_CALL_PATH_KIT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unwind.h>

/* Where a child costs much only the innermost frames count: who is told, and who has to give back. */
#ifndef PATH_FRAMES
#ifdef __SANITIZE_ADDRESS__
#define PATH_FRAMES 8u
#else
#define PATH_FRAMES 1000u
#endif
#endif

#define PATHS (1u << 16) /* places; a set that is three quarters full takes no more */

static uintptr_t path_top; /* frames at and beyond this address are not looked at */

struct path_walk {
	uint64_t key;
	unsigned frames;
};

static _Unwind_Reason_Code
path_step(struct _Unwind_Context *c, void *ctx)
{
	struct path_walk *w = ctx;

	if (_Unwind_GetCFA(c) >= path_top || w->frames++ == PATH_FRAMES)
		return _URC_END_OF_STACK;
	w->key = (w->key ^ (uint64_t)_Unwind_GetIP(c)) * UINT64_C(0x9e3779b97f4a7c15);
	w->key ^= w->key >> 29;
	return _URC_NO_REASON;
}

/* Never 0.  `of`: what else tells two apart, such as which call it is. */
static uint64_t
path_key(uint64_t of)
{
	struct path_walk w = {.key = of + 1};

	_Unwind_Backtrace(path_step, &w);
	return w.key ? w.key : 1;
}

struct path_set {
	uint64_t key[PATHS];
	unsigned n;
};

/* True: it is new. */
static bool
path_add(struct path_set *s, uint64_t key)
{
	unsigned i = (unsigned)(key >> 20) % PATHS;

	while (s->key[i] && s->key[i] != key)
		i = (i + 1) % PATHS;
	if (s->key[i] == key)
		return false;
	if (s->n >= PATHS / 4 * 3)
		__builtin_trap();
	s->key[i] = key;
	s->n++;
	return true;
}

#endif
