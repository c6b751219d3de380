/*
 * hooks.h - the library's hooks as the program uses them: how sockets are made, and events as JSON lines
 */
#ifndef CLI_HOOKS_H
#define CLI_HOOKS_H

#include "cli/failure.h"
#include "cli/way.h"
#include "sluice.h"

/* All of them have one context. */
struct hooks {
	const struct way *way;
	struct sluice_event_log *events;
	int fd; /* where events go, if it is ours to close; -1 */
};

/*
 * events: a file that lines are added to, "fd:N", "-" or NULL for none.  No descriptor of it survives exec(3), so this
 * comes before a command is started.
 */
int hooks_open(struct hooks *h, const struct way *way, const char *events, struct failure *f);
/* What is needed of them. */
void hooks_use(struct hooks *h, struct sluice_config *cfg);
/* After the gateway is gone.  Hooks that were never opened are fine if fd is -1. */
void hooks_done(struct hooks *h);

#endif
