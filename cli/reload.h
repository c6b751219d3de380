/*
 * reload.h - policy read again while the gateway runs: SIGHUP
 *
 * Command line and files are read as at the start, in a thread, as lists may be long; the gateway goes on meanwhile
 * and takes the new policy and names whole, or nothing changes.
 */
#ifndef CLI_RELOAD_H
#define CLI_RELOAD_H

#include <pthread.h>
#include <sys/signalfd.h>

#include "cli/log.h"
#include "cli/options.h"

struct reload {
	const struct options *o;
	const struct log *log;
	struct sluice *s;
	int done; /* readable: call reload_end().  -1: nothing is ever reloaded */
	bool running, again;
	pthread_t thread;
};

/* For this gateway.  Without files there is nothing to read again. */
int reload_init(struct reload *r, const struct options *o, const struct log *log, struct sluice *s,
		struct failure *f);

/* Is this signal to be understood so?  A terminal that hangs up means the end. */
bool reload_is_meant(const struct reload *r, const struct signalfd_siginfo *info);

/* Asked again while it runs, it begins anew afterwards. */
void reload_begin(struct reload *r);
void reload_end(struct reload *r);

/* Before the gateway goes. */
void reload_done(struct reload *r);

#endif
