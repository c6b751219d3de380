/*
 * path.h - patterns of request paths
 *
 *     pattern         matches
 *     "/a/b"          this path alone
 *     "*"             within a segment: any bytes of it but a slash; as a whole segment: one that is not empty
 *     "**"            as the last segment: what stands before it, and all below that
 *
 * Compared byte by byte with a normalised path (http/request.h); case matters.  Matching takes at most the path's length times the
 * pattern's in steps.
 */
#ifndef POLICY_PATH_H
#define POLICY_PATH_H

#include <stdbool.h>

#define PATH_PATTERN_MAX 1024u

/* NULL: it is a pattern; else what is wrong with it, static. */
const char *path_pattern_check(const char *pattern);
bool path_match(const char *pattern, const char *path);
/* Every path that b matches, a matches too; for lint.  False also where that cannot be told. */
bool path_covers(const char *a, const char *b);

#endif
