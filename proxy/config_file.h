/*
 * config_file.h - a configuration file's text becomes options
 */
#ifndef PROXY_CONFIG_FILE_H
#define PROXY_CONFIG_FILE_H

#include "proxy/options.h"

#define CONFIG_DEPTH 8u   /* sections and lists inside of each other */
#define CONFIG_ERRORS 100 /* are told; then reading ends */

/*
 * YAML of len bytes, called `file` in what is said; files it names are read with `read`.  Everything wrong is told to d,
 * each with line and column.  False: something was; o holds what was read by then, and rules with their places all the
 * same.
 */
bool config_read(struct sluice_options *o, const char *file, const char *text, size_t len, file_reader *read,
		 void *read_ctx, struct diag_sink *d);

#endif
