/*
 * init.h - pid 1 of the guest's pid namespace: starts the command, reaps, passes signals on
 */
#ifndef CLI_INIT_H
#define CLI_INIT_H

#include <signal.h>
#include <sys/resource.h>

#include "cli/guest.h"

struct init {
	int channel; /* to sluice */
	char **command;
	const struct guest_mounts *mounts;
	/* As the caller of sluice had them, for the command. */
	sigset_t mask;
	struct rlimit files;
};

/* Starts the command and serves it until sluice closes the channel.  With it the whole namespace ends. */
_Noreturn void init_run(const struct init *in);

#endif
