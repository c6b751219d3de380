/*
 * read_file.h - a whole file that a person wrote, as bytes
 */
#ifndef PROXY_READ_FILE_H
#define PROXY_READ_FILE_H

#include <stddef.h>

/* At most max bytes, for the caller to free().  NULL: *why says what is in the way; `longer` if it is that. */
char *read_file(const char *path, size_t max, const char *longer, size_t *len, const char **why);

#endif
