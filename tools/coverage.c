/*
 * coverage.c - keeps what gcov counted in processes that end, or shut themselves in, before gcov would write it
 *
 * Linked into every program of build/cov and of no other build; the Makefile wraps the calls below there.  gcov writes
 * its counters from an exit handler, into files beside the objects.
 *
 *	_exit(2)	runs no exit handlers: so end the children of tests, and the processes that cli/ leaves behind
 *
 * What SIGKILL ends, its counters are lost: a test that kills a process counts only what others of it have done.
 */
#include <gcov.h>
#include <unistd.h>

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void
__wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
