/*
 * diagnose.h - everything wrong with rules and configuration files, a line each
 */
#ifndef CLI_DIAGNOSE_H
#define CLI_DIAGNOSE_H

#include "cli/failure.h"
#include "cli/log.h"

struct diagnoses {
	const struct log *log;
	unsigned errors, warnings;
};

/* The library's hook; ctx is a `struct diagnoses *`. */
void diagnose_hook(void *ctx, const struct sluice_diagnostic *d);

/* -1.  What is left to say when the library gave up with the sentence `why`: nothing if it was said already. */
int diagnosed(const struct diagnoses *d, const char *why, struct failure *f);

#endif
