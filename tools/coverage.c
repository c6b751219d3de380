/*
 * coverage.c - keeps what gcov counted in processes that end, or shut themselves in, before gcov would write it
 *
 * Linked into every program of build/cov and of no other build, where the Makefile has these calls wrapped by the linker.
 * gcov writes its counters from an exit handler, into the files beside the objects.
 *
 *	_exit(2)		runs no exit handlers: so end the children of tests, and processes that the program leaves
 *	sluice_confine()	what is confined may still write these files, and make the calls which that takes
 *
 * What SIGKILL or SIGSYS ends takes its counters along: a test that kills a process counts what others of it did.
 */
#include <gcov.h>
#include <string.h>
#include <unistd.h>

#include "sluice.h"

#ifndef COVERAGE_DIR
#define COVERAGE_DIR "build/cov" /* the Makefile says it from the root on: programs run anywhere */
#endif

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
int __real_sluice_confine(struct sluice *s, const struct sluice_confine *c, char *err, size_t errlen);
int __wrap_sluice_confine(struct sluice *s, const struct sluice_confine *c, char *err, size_t errlen);

_Noreturn void
__wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}

/* More than any caller has; a longer list is passed on as it is. */
enum { LIST = 256 };

static const char *const *
with(const char *const *list, const char *const *more, const char *to[LIST])
{
	const char *const *all = list;
	size_t n = 0;

	for (; list && *list; list++, n++)
		if (n < LIST)
			to[n] = *list;
	for (; *more; more++, n++)
		if (n < LIST)
			to[n] = *more;
	if (n >= LIST)
		return all;
	to[n] = NULL;
	return to;
}

int
__wrap_sluice_confine(struct sluice *s, const struct sluice_confine *c, char *err, size_t errlen)
{
	static const char *const files[] = {COVERAGE_DIR, NULL};
	static const char *const calls[] = {"openat", "open", "fcntl",  "lseek", "newfstatat",
					    "fstat",  "read", "write",  "close", "mmap",
					    "munmap", "brk",  "getpid", NULL};
	const char *read[LIST], *write[LIST], *call[LIST];
	struct sluice_confine more;

	sluice_confine_init(&more);
	if (c && c->size != more.size)
		return __real_sluice_confine(s, c, err, errlen);
	if (c)
		memcpy(&more, c, sizeof(more));
	more.read = with(more.read, files, read);
	more.write = with(more.write, files, write);
	more.calls = with(more.calls, calls, call);
	return __real_sluice_confine(s, &more, err, errlen);
}
