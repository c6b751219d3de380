/*
 * coverage.c - keeps what gcov counted in processes that end before gcov would write it
 *
 * Linked into every program of build/cov and of no other build; the Makefile has the linker wrap _exit(2) there.  gcov
 * writes its counters from an exit handler, and _exit(2) runs none: so end the children of tests, and processes that the
 * program leaves.  What SIGKILL or SIGSYS ends takes its counters along.
 *
 * What is confined may write them because that build says so (SLUICE_INSTRUMENTED).
 */
#include <unistd.h>

void __gcov_dump(void); /* <gcov.h>, which is gcc's alone */
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void
__wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
