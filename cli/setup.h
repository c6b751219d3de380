/*
 * setup.h - from options to a running gateway: what run and serve share
 */
#ifndef CLI_SETUP_H
#define CLI_SETUP_H

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include "cli/failure.h"
#include "cli/hooks.h"
#include "cli/iface.h"
#include "cli/log.h"
#include "cli/options.h"
#include "sluice.h"

/* The log's level from -v and -q. */
struct log setup_log(const struct options *o);

/* The soft limit on descriptors becomes the hard one; *before is as it was. */
void setup_files(struct rlimit *before);

/*
 * Lower the flow tables in cfg to what `files` descriptors carry besides `listeners` and the gateway's own.
 * True if something was lowered; -1 through f if not even a small gateway fits.
 */
int setup_fit(uint64_t files, uint64_t listeners, struct sluice_config *cfg, struct failure *f);

/* cfg from the options, without a link; cfg points into o. */
void setup_config(const struct options *o, const struct log *log, struct sluice_config *cfg);

/* The link: a tap that was opened. */
void setup_tap(const struct iface *tap, struct sluice_config *cfg);

/*
 * The whole gateway, its published ports bound.  A descriptor of the link is its own from success on.  What is wrong with rules is said already when NULL is returned, and f may then be empty.
 */
struct sluice *setup_gateway(const struct options *o, const struct log *log, struct hooks *hooks,
			     struct sluice_config *cfg, struct failure *f);

/*
 * Our pid in a file; nothing without --pid (*fd is -1).  Opened while files can be opened, written (and closed) when all is ready.
 * And away with it.
 */
int setup_open_pid_file(const struct options *o, int *fd, struct failure *f);
int setup_write_pid_file(const struct options *o, int fd, struct failure *f);
void setup_remove_pid_file(const struct options *o);

/* A descriptor from which the signals of the list (ended by 0) are read; they are blocked.  -1: there is none, and nothing could
 * end us. */
int setup_signals(const int *list, sigset_t *mask_before, struct failure *f);

/*
 * One turn that also waits for the caller's n descriptors, at most max_ms (-1: for ever); s NULL: only those.
 * 0; 1 after sluice_stop(); a negative errno when the link is gone.
 */
#define SETUP_EXTRA 3
int setup_turn(struct sluice *s, struct pollfd *extra, int n, int max_ms);

/* The closing summary, if asked for. */
void setup_print_stats(const struct options *o, const struct sluice *s, double seconds);

double setup_now(void); /* seconds, monotonic */

#endif
