/*
 * time.h - moments and spans of time
 *
 * Time is an argument everywhere below proxy/: a signed count of microseconds since some fixed but
 * unspecified origin, monotonic, always >= 0.  Deadlines are moments; TIME_NEVER is later than all.
 */
#ifndef STACK_TIME_H
#define STACK_TIME_H

#include <stdint.h>

typedef int64_t usec_t;

#define USEC_PER_MSEC ((usec_t)1000)
#define USEC_PER_SEC ((usec_t)1000000)
#define TIME_NEVER INT64_MAX

static inline usec_t
time_min(usec_t a, usec_t b)
{
	return a < b ? a : b;
}

#endif
