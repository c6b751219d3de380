/*
 * init.c - the first process of the guest
 *
 * The kernel ends every process of a pid namespace with its init, and init ends with sluice: by
 * PR_SET_PDEATHSIG and, as that can come too late to be set, by the end of the channel.  So nothing is left
 * behind however sluice ends.
 *
 * All signals stay blocked here: those for the command come as messages, and what a terminal sends to the
 * foreground process group reaches the command by itself, which is in the same group.
 *
 * When the command has ended its leftovers are killed, but init stays until sluice hangs up: the network
 * namespace lives as long, and what the command sent last still leaves.  Init says when it has.
 */
#include "cli/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/channel.h"
#include "cli/drain.h"
#include "cli/verbs.h"

/* As a shell says it: POSIX sh, 2.8.2. */
#define STATUS_NOT_FOUND 127
#define STATUS_NOT_EXECUTABLE 126

/* Covering a file that the host replaced is tried for a second; if it is gone altogether, so be it. */
#define REPAIR_MS 20
#define REPAIRS 50

#define DRAIN_MS 10 /* between two looks */

static _Noreturn void
become_command(const struct init *in)
{
	const struct log log = {.level = SLUICE_LOG_ERROR};

	setrlimit(RLIMIT_NOFILE, &in->files);
	sigprocmask(SIG_SETMASK, &in->mask, NULL);
	execvp(in->command[0], in->command);
	int error = errno;
	if (error == ENOENT)
		log_say(&log, SLUICE_LOG_ERROR, "%s: command not found; check the name, or give its path",
			in->command[0]);
	else
		log_say(&log, SLUICE_LOG_ERROR, "%s: cannot be executed: %s; check the file and its mode",
			in->command[0], strerror(error));
	_exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

static int
shell_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The command ended: end what it left running, then tell sluice. */
static void
finish(const struct init *in, int status)
{
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	channel_send(in->channel,
		     &(struct channel_message){.kind = CHANNEL_STATUS, .number = shell_status(status)});
}

/* True when the command was among those that ended. */
static bool
reap(const struct init *in, pid_t command)
{
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
		if (pid != command)
			continue;
		if (!WIFSTOPPED(status)) {
			finish(in, status);
			return true;
		}
		/* A stop from the terminal reaches sluice itself; one the command gave itself, as an
		 * interactive shell's `suspend` does, would leave the terminal with nobody to talk to. */
		if (WSTOPSIG(status) == SIGSTOP)
			channel_send(in->channel, &(struct channel_message){.kind = CHANNEL_STOPPED});
	}
	return false;
}

static pid_t
start(const struct init *in)
{
	pid_t pid = fork();

	if (pid == 0)
		become_command(in);
	if (pid < 0) {
		const struct log log = {.level = SLUICE_LOG_ERROR};
		log_say(&log, SLUICE_LOG_ERROR,
			"%s: cannot be started: %s; raise the limit on processes (ulimit -u)", in->command[0],
			strerror(errno));
		_exit(STATUS_NOT_EXECUTABLE);
	}
	return pid;
}

static bool
take_child_signal(int fd)
{
	struct signalfd_siginfo info;
	bool any = false;

	while (read(fd, &info, sizeof(info)) > 0)
		any = true;
	return any;
}

static int
signals_of_children(const sigset_t *child)
{
	const struct log log = {.level = SLUICE_LOG_ERROR};
	int fd = signalfd(-1, child, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd >= 0)
		return fd;
	log_say(&log, SLUICE_LOG_ERROR,
		"cannot be told when the command ends: %s; raise the limit of descriptors (ulimit -n)",
		strerror(errno));
	_exit(STATUS_CANNOT);
}

_Noreturn void
init_run(const struct init *in)
{
	sigset_t all, child;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	/* poll(2) ignores a mountinfo of -1; without the other nobody would learn of the command's end. */
	struct pollfd fds[3] = {
	    {.fd = in->channel, .events = POLLIN},
	    {.fd = signals_of_children(&child), .events = POLLIN},
	    {.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), .events = POLLPRI},
	};
	pid_t command = start(in);

	unsigned repairs = 0; /* attempts left */
	enum { RUNNING, DRAINING, DRAINED } phase = RUNNING;
	for (;;) {
		poll(fds, 3, phase == DRAINING ? DRAIN_MS : repairs ? REPAIR_MS : -1);
		if (fds[0].revents) {
			struct channel_message m;
			int got = channel_receive(in->channel, &m, 1);
			if (got == 0)
				_exit(0);
			if (got == 1 && m.kind == CHANNEL_SIGNAL && phase == RUNNING)
				kill(command, m.number);
		}
		if (fds[1].revents && take_child_signal(fds[1].fd) && phase == RUNNING && reap(in, command))
			phase = DRAINING;
		if (phase == DRAINING && drain_is_done()) {
			channel_send(in->channel, &(struct channel_message){.kind = CHANNEL_DRAINED});
			phase = DRAINED;
		}
		if (fds[2].revents)
			repairs = REPAIRS;
		if (repairs > 0)
			repairs = guest_repair(in->mounts) ? 0 : repairs - 1;
	}
}
