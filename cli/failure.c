/*
 * failure.c - writing the sentence, of printable characters only
 *
 * A value that is quoted in a sentence came from argv or a file: control characters in it could play with the
 * reader's terminal, and are shown as '?'.
 */
#include "cli/failure.h"

#include <stdarg.h>
#include <stdio.h>

int
failed(struct failure *f, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	for (char *c = f->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return -1;
}
