/*
 * background.c - fork, a pipe that says "ready", and /dev/null
 *
 * The gateway is built before: what is wrong with it is said where the starter sees it, and what was built goes
 * on in the child, as descriptors and memory are inherited.  The starter's process ends with _exit(2): it must
 * not take anything down.
 */
#include "cli/background.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void
await_child(int from, pid_t child)
{
	char byte;
	ssize_t n;
	int status = 0;

	do
		n = read(from, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
}

int
background_leave(int *nowhere)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t child = fork();
	if (child < 0) {
		int error = errno;
		close(ends[0]);
		close(ends[1]);
		return -error;
	}
	if (child > 0) {
		close(ends[1]);
		await_child(ends[0], child);
	}
	close(ends[0]);
	setsid();
	*nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	return ends[1];
}

void
background_ready(int fd, int nowhere, int keep_stderr)
{
	for (int stream = STDIN_FILENO; nowhere >= 0 && stream <= STDERR_FILENO - !!keep_stderr; stream++)
		dup2(nowhere, stream);
	if (nowhere > STDERR_FILENO)
		close(nowhere);
	ssize_t n;
	do /* a starter that is gone need not be told */
		n = write(fd, "", 1);
	while (n < 0 && errno == EINTR);
	close(fd);
}
