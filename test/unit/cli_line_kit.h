/*
 * cli_line_kit.h - a command line as a text: what becomes of it, and the sentence about one that is wrong
 */
#ifndef TEST_UNIT_CLI_LINE_KIT_H
#define TEST_UNIT_CLI_LINE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct options o;
static struct failure f;

/* Words separated by single spaces, the program's name first; they live until the next call. */
static inline int
parse_line(const char *line)
{
	static char words[1024], *argv[64];
	int argc = 0;

	assert_true(strlen(line) < sizeof(words));
	strcpy(words, line);
	options_free(&o);
	for (char *save, *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return options_parse(&o, argc, argv, &f);
}

/* The line is refused in one sentence that names the value; `why` is a part of the remedy. */
struct mistake {
	const char *line, *value, *why;
};

static inline void
is_named(const struct mistake *m, int parsed)
{
	if (parsed != -1 || !strstr(f.text, m->value) || !strstr(f.text, m->why) || strchr(f.text, '\n'))
		fail_msg("%s: %s", m->line, f.text);
}

#endif
