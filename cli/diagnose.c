/*
 * diagnose.c - diagnostics as lines of the log
 */
#include "cli/diagnose.h"

#include <stdio.h>

void
diagnose_hook(void *ctx, const struct sluice_diagnostic *d)
{
	struct diagnoses *all = ctx;
	struct failure printable;

	*(d->error ? &all->errors : &all->warnings) += 1;
	failed(&printable, "%s", d->text);
	log_say(all->log, d->error ? SLUICE_LOG_ERROR : SLUICE_LOG_WARNING, "%s", printable.text);
}

int
diagnosed(const struct diagnoses *d, const char *why, struct failure *f)
{
	if (d->errors == 0)
		return failed(f, "%s", why);
	if (d->errors > 1)
		return failed(f, "%u errors", d->errors);
	f->text[0] = '\0';
	return -1;
}
