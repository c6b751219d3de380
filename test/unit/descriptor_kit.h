/*
 * descriptor_kit.h - for tests of who leaves descriptors open, and of what happens when there are no more
 */
#ifndef TEST_UNIT_DESCRIPTOR_KIT_H
#define TEST_UNIT_DESCRIPTOR_KIT_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* How many are open, and some more that are always the same. */
static inline unsigned
open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* From now on only so many more can be opened; returned is what setrlimit() is to give back. */
static inline struct rlimit
descriptors_left(unsigned n)
{
	struct rlimit was, now;
	int next = dup(STDIN_FILENO);

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	now = was;
	now.rlim_cur = (rlim_t)next + n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	return was;
}

#endif
