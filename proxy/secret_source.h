/*
 * secret_source.h - where a secret's value comes from: straight into locked memory, and nowhere else
 *
 *     env:VARIABLE       the variable is wiped and unset, so that no child has it
 *     file:PATH          also a pipe (/dev/fd/N); a line's end at its end is left out
 *     command:COMMAND    run by /bin/sh -c; what it writes, without a line's end at its end; within SECRET_COMMAND_SECONDS
 *
 * Values have at most SECRET_VALUE_MAX bytes.  For the setup of a program, before it has threads: the environment and children belong to
 * the whole process.
 */
#ifndef PROXY_SECRET_SOURCE_H
#define PROXY_SECRET_SOURCE_H

#include "proxy/config.h"
#include "proxy/locked.h"

#define SECRET_COMMAND_SECONDS 10

/* Is it the text of one?  Nothing is read.  name: the secret's, for sentences. */
bool secret_source_check(struct setup *su, const char *name, const char *source);
/*
 * The value is value->used bytes at value->p, for the caller to locked_close().  False: a sentence, which has no byte of it, and an empty
 * value.  warning: a sentence about a source that others may read, else "".
 */
bool secret_source_read(struct setup *su, const char *name, const char *source, struct locked *value,
			char *warning, size_t size);

#endif
