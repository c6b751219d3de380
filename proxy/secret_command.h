/*
 * secret_command.h - a command whose output is a value
 *
 * It has a process group of its own, so that all of it can be ended; its standard input is empty, its standard error ours.
 */
#ifndef PROXY_SECRET_COMMAND_H
#define PROXY_SECRET_COMMAND_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct secret_command {
	pid_t pid;
	int out;
	int64_t until; /* CLOCK_MONOTONIC, milliseconds */
};

/* 0, or a negative errno. */
int secret_command_start(struct secret_command *c, const char *command);
/* Bytes, 0 at its end, or a negative errno: -ETIMEDOUT. */
ssize_t secret_command_read(struct secret_command *c, void *to, size_t n);
/* Waits for its end; now: kills it first.  Its status; 256 + the signal that ended it; a negative errno (it was killed if it took too long). */
int secret_command_end(struct secret_command *c, int now);

#endif
