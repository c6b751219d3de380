/*
 * config_file.c - a configuration file becomes options
 */
#include "sluice.h"

#include "proxy/config.h"

int
sluice_options_file(struct sluice_options *o, const char *path,
		    void (*diagnostic)(void *ctx, const struct sluice_diagnostic *d), void *diagnostic_ctx,
		    char *err, size_t errlen)
{
	struct setup su = {err, errlen};

	(void)o, (void)diagnostic, (void)diagnostic_ctx;
	wrong(&su, "%s: cannot be read", path);
	return -1;
}
