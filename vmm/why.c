/*
 * why.c - writing the sentence, of printable characters only
 *
 * What it quotes came from argv or a file: control characters in it could play with the reader's terminal.
 */
#include "vmm/why.h"

#include <stdarg.h>
#include <stdio.h>

int
because(struct why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	for (char *c = why->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return -1;
}
