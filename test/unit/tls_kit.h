/*
 * tls_kit.h - a struct tls whose luck is known, and files of a directory of our own, for the tests of
 * certificates
 */
#ifndef TEST_UNIT_TLS_KIT_H
#define TEST_UNIT_TLS_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "test/unit/wire_kit.h"
#include "tls/tls.h"

#define KIT_NOW 1767225600ull /* 2026-01-01 */
#define KIT_DAY 86400ull

static inline void
kit_luck(void *seed, void *to, size_t n)
{
	kit_fill(seed, to, n);
}

/* seed: how its luck goes; stays where it is as long as the tls lives. */
static inline struct tls *
kit_tls(uint64_t *seed)
{
	struct tls *t = tls_new(&(struct tls_random){kit_luck, seed}, &(struct tls_options){0});

	assert_non_null(t);
	return t;
}

static inline struct view
kit_text(const char *s)
{
	return view_of(s, strlen(s));
}

static inline struct name
kit_name(const char *s)
{
	struct name n;

	assert_true(name_parse(s, strlen(s), &n));
	return n;
}

static inline void
kit_write(const char *dir, const char *name, const void *p, size_t n)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* A command of the shell, run in that directory; its status. */
static inline int
kit_run(const char *dir, const char *command)
{
	char all[2048];

	assert_true(snprintf(all, sizeof(all), "cd %s && { %s; }", dir, command) < (int)sizeof(all));
	return system(all);
}

/* Of up to a megabyte, with a NUL behind it; free() it. */
static inline char *
kit_read(const char *dir, const char *name, size_t *len)
{
	char path[512], *text = malloc(1 << 20);

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	*len = fread(text, 1, (1 << 20) - 1, f);
	text[*len] = 0;
	fclose(f);
	return text;
}

#endif
