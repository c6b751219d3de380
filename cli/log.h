/*
 * log.h - what sluice says while it runs: one line on stderr
 *
 * The level is set once from -v and -q.  Nothing is buffered: the guest's command shares this stderr, and a
 * line must be whole.
 */
#ifndef CLI_LOG_H
#define CLI_LOG_H

#include "sluice.h"

struct log {
	enum sluice_log_level level; /* lines above it are not printed */
};

void log_say(const struct log *l, enum sluice_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The library's hook; ctx is a `const struct log *`. */
void log_hook(void *ctx, enum sluice_log_level level, const char *line);

#endif
