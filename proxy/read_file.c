/*
 * read_file.c - reading to the end, whatever kind of file it is (a pipe has no size to ask for)
 */
#include "proxy/read_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16384u

static char *
read_all(FILE *f, size_t max, const char *longer, size_t *len, const char **why)
{
	size_t room = FIRST_ROOM, n = 0;
	char *text = malloc(room);

	while (text) {
		n += fread(text + n, 1, room - n, f);
		if (n < room || n > max)
			break;
		room *= 2;
		char *more = realloc(text, room);
		if (!more)
			free(text);
		text = more;
	}
	if (text && !ferror(f) && n <= max) {
		*len = n;
		return text;
	}
	*why = !text ? "no memory" : ferror(f) ? strerror(errno) : longer;
	free(text);
	return NULL;
}

char *
read_file(const char *path, size_t max, const char *longer, size_t *len, const char **why)
{
	FILE *f = fopen(path, "re");

	if (!f) {
		*why = strerror(errno);
		return NULL;
	}
	char *text = read_all(f, max, longer, len, why);
	fclose(f);
	return text;
}
