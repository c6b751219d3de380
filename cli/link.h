/*
 * link.h - from the word LINK to what the library is told: taps, paths and descriptors
 */
#ifndef CLI_LINK_H
#define CLI_LINK_H

#include "cli/failure.h"
#include "cli/log.h"
#include "cli/options.h"

/*
 * Set the link of cfg.  A tap is made or found, a descriptor is looked at; paths are for the library.  -1 and a
 * sentence (empty: a child has said it).  cfg->link_fd is to be closed if no gateway takes it.
 */
int link_config(const struct options *o, const struct log *log, struct sluice_config *cfg, struct failure *f);

#endif
