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
#define STATUS_REFUSED 3 /* explain: it is not allowed */

int verb_run(const struct options *o, const struct log *log);
int verb_serve(const struct options *o, const struct log *log);
int verb_replay(const struct options *o, const struct log *log);
/* Reads the configuration file itself, so as to say all that is wrong. */
int verb_check(struct options *o, const struct log *log);
int verb_explain(const struct options *o, const struct log *log);
int verb_ca(const struct options *o, const struct log *log);

#endif
