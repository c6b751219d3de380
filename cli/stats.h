/*
 * stats.h - the closing summary, for a person or for a program
 */
#ifndef CLI_STATS_H
#define CLI_STATS_H

#include <stdio.h>

#include "sluice.h"

struct stats_counter {
	const char *name;
	uint64_t value;
};

void stats_print(FILE *to, const struct sluice_stats *st, const struct stats_counter *c, size_t n,
		 double seconds);

/* One line, one object: every field of sluice_stats by its name, and "counters" with all of them. */
void stats_print_json(FILE *to, const struct sluice_stats *st, const struct stats_counter *c, size_t n,
		      double seconds);

#endif
