/*
 * naive_scan.h - what http/scan.h promises, the slow way: decode the whole, then search it
 */
#ifndef TEST_BED_NAIVE_SCAN_H
#define TEST_BED_NAIVE_SCAN_H

#include "http/scan.h"

/* All hits in the whole, malloc()ed: by end, then form, then the longest first. */
struct scan_hit *naive_scan(const struct view *pattern, uint32_t n, bool forms, struct view whole,
			    size_t *count);
void naive_scan_sort(struct scan_hit *hit, size_t n, const struct view *pattern);

#endif
