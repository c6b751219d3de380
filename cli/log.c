/*
 * log.c - one write(2) a line, so that lines of the guest's command cannot land inside it
 */
#include "cli/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static void
put_line(enum sluice_log_level level, const char *text)
{
	static const char *const word[] = {
	    [SLUICE_LOG_ERROR] = "",
	    [SLUICE_LOG_WARNING] = "warning: ",
	    [SLUICE_LOG_INFO] = "",
	    [SLUICE_LOG_DEBUG] = "debug: ",
	};
	char line[1024];
	int n = snprintf(line, sizeof(line), "sluice: %s%s", word[level], text);

	/* The newline replaces the terminator, also of a line that was cut. */
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
	line[len++] = '\n';
	/* A stderr that is closed or full is no reason to stop: nobody is left to be told. */
	ssize_t put = write(STDERR_FILENO, line, len);
	(void)put;
}

void
log_say(const struct log *l, enum sluice_log_level level, const char *fmt, ...)
{
	if (level > l->level)
		return;
	char text[1000];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_line(level, text);
}

void
log_hook(void *ctx, enum sluice_log_level level, const char *line)
{
	const struct log *l = ctx;

	if (level <= l->level)
		put_line(level, line);
}
