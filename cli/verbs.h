/*
 * verbs.h - what the program can do; each returns its exit status
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/log.h"
#include "cli/options.h"

#define STATUS_OK 0
#define STATUS_CANNOT 1 /* could not start, or ended because its link is gone */
#define STATUS_USAGE 2

int verb_run(const struct options *o, const struct log *log);
int verb_serve(const struct options *o, const struct log *log);
int verb_replay(const struct options *o, const struct log *log);

#endif
