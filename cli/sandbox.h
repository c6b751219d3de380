/*
 * sandbox.h - the program takes its own rights away, before the guest's first frame is looked at
 *
 * Everything that needs a right stands by then: the tap, published ports, sockets, the pid file, captures, the log.  From
 * then on the process runs no program, opens no file but those that a reload reads, and asks the kernel for nothing
 * that a running gateway has no use for (sluice_confine()).  docs/confinement.md has what and why.
 */
#ifndef CLI_SANDBOX_H
#define CLI_SANDBOX_H

#include "cli/failure.h"
#include "cli/log.h"
#include "cli/options.h"
#include "sluice.h"

/*
 * For the rest of this process's life.  What it has is said at SLUICE_LOG_INFO; what this kernel has not, and what is lost by
 * --no-sandbox, is a warning.  -1: it could not be done, and to go on without is for the user to say.
 */
int sandbox_enter(struct sluice *s, const struct options *o, const struct log *log, struct failure *f);

/* The same, before a capture is read and played (and OUT made, if it is not there). */
int sandbox_enter_replay(const struct options *o, const struct log *log, struct failure *f);

/* After a reload that failed: says of each file of these options that it is the sandbox which keeps it from being read. */
void sandbox_explain(const struct options *o, const struct log *log);

/* A filter that takes away the uses of kill(2) and ioctl(2) that are not run's own.  0 or -errno. */
int sandbox_narrow_calls(void);

#endif
