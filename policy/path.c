/*
 * path.c - patterns of request paths
 *
 * Both are gone through segment by segment, so that a star never meets a slash; within a segment only the last star met is
 * gone back to, which is enough where stars stand for anything.
 */
#include "policy/path.h"

#include <stddef.h>
#include <string.h>

struct segment {
	const char *p;
	size_t len;
};

/* What stands behind the slash at p. */
static struct segment
segment_at(const char *p)
{
	return (struct segment){p + 1, strcspn(p + 1, "/")};
}

static bool
is(struct segment s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

/* With `stars` a star of s stands for anything, so only a star of the pattern's is as wide. */
static bool
segment_matches(struct segment pattern, struct segment s, bool stars)
{
	size_t p = 0, i = 0, star = pattern.len, from = 0;

	if (is(pattern, "*"))
		return s.len > 0;
	while (i < s.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			from = i;
		} else if (p < pattern.len && pattern.p[p] == s.p[i] && !(stars && s.p[i] == '*')) {
			p++;
			i++;
		} else if (star < pattern.len) {
			p = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

/* A pattern against a path, or with `stars` against another pattern. */
static bool
matches(const char *pattern, const char *path, bool stars)
{
	if (path[0] != '/')
		return false;
	for (;;) {
		struct segment p = segment_at(pattern), s = segment_at(path);

		if (is(p, "**"))
			return true;
		if ((stars && is(s, "**")) || !segment_matches(p, s, stars))
			return false;
		pattern = p.p + p.len;
		path = s.p + s.len;
		if (*path == '\0')
			return *pattern == '\0' || strcmp(pattern, "/**") == 0;
		if (*pattern == '\0')
			return false;
	}
}

bool
path_match(const char *pattern, const char *path)
{
	return matches(pattern, path, false);
}

bool
path_covers(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || matches(a, b, true);
}

/* --- is it one? -------------------------------------------------------------------------------------------- */

static const char *
segment_trouble(struct segment s, bool last)
{
	if (s.len == 0 && !last)
		return "a path has single slashes: two beside each other are made one before rules see them";
	if (is(s, ".") || is(s, ".."))
		return "'.' and '..' are resolved before rules see a path; write what they lead to";
	if (is(s, "**"))
		return last ? NULL : "'**' may only be the last segment, as in /repos/**";
	for (size_t i = 1; i < s.len; i++)
		if (s.p[i] == '*' && s.p[i - 1] == '*')
			return "'**' stands alone between slashes; within a segment one '*' is enough";
	return NULL;
}

const char *
path_pattern_check(const char *pattern)
{
	const char *why = NULL;

	if (pattern[0] != '/')
		return "a path begins with '/'";
	if (strlen(pattern) > PATH_PATTERN_MAX)
		return "a path has at most 1024 bytes";
	if (strchr(pattern, '%'))
		return "escapes are decoded before rules see a path; write the character itself, or '*'";
	if (strpbrk(pattern, "?#"))
		return "a rule looks at the path alone; leave the query out, from '?' on";
	if (strchr(pattern, '\\'))
		return "no path has a backslash: requests with one are refused";
	for (const char *p = pattern; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "no path has control characters: requests with one are refused";
	for (const char *p = pattern; *p == '/' && !why;) {
		struct segment s = segment_at(p);

		p = s.p + s.len;
		why = segment_trouble(s, *p == '\0');
	}
	return why;
}
