#include "proxy/secret_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proxy/secret_source.h"

#define LOOK_AGAIN_MS 10

static int64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Signals as a program expects them, and a group of its own. */
static int
attributes(posix_spawnattr_t *a)
{
	sigset_t none, usual;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGINT);
	sigaddset(&usual, SIGTERM);
	sigaddset(&usual, SIGCHLD);
	int error = posix_spawnattr_setsigmask(a, &none);
	error = error ? error : posix_spawnattr_setsigdefault(a, &usual);
	error = error ? error : posix_spawnattr_setpgroup(a, 0);
	return error ? error
		     : posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						       POSIX_SPAWN_SETPGROUP);
}

static int
spawn(pid_t *pid, const char *command, int out)
{
	char shell[] = "/bin/sh", option[] = "-c";
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	union {
		const char *given;
		char *argument;
	} text = {.given = command}; /* exec(3) changes none of them */
	char *argv[] = {shell, option, text.argument, NULL};

	int error = posix_spawn_file_actions_init(&files);
	if (error)
		return error;
	error = posix_spawnattr_init(&attr);
	if (!error) {
		error = attributes(&attr);
		error = error ? error : posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
		error = error ? error : posix_spawn_file_actions_adddup2(&files, out, 1);
		error = error ? error : posix_spawn(pid, shell, &files, &attr, argv, environ);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	return error;
}

int
secret_command_start(struct secret_command *c, const char *command)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	int error = spawn(&c->pid, command, ends[1]);
	close(ends[1]);
	c->out = ends[0];
	c->until = clock_ms() + SECRET_COMMAND_SECONDS * 1000;
	if (error)
		close(ends[0]);
	return -error;
}

ssize_t
secret_command_read(struct secret_command *c, void *to, size_t n)
{
	struct pollfd p = {.fd = c->out, .events = POLLIN};
	int64_t left = c->until - clock_ms();
	int ready = left > 0 ? poll(&p, 1, (int)left) : 0;

	if (ready <= 0)
		return ready < 0 ? -errno : -ETIMEDOUT;
	ssize_t got = read(c->out, to, n);
	return got < 0 ? -errno : got;
}

int
secret_command_end(struct secret_command *c, int now)
{
	const struct timespec nap = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};
	bool late = false;
	int status = 0;
	pid_t got;

	close(c->out);
	while ((got = now ? 0 : waitpid(c->pid, &status, WNOHANG)) == 0) {
		if (now || clock_ms() >= c->until) {
			late = !now;
			kill(-c->pid, SIGKILL);
			while ((got = waitpid(c->pid, &status, 0)) < 0 && errno == EINTR)
				;
			break;
		}
		nanosleep(&nap, NULL);
	}
	if (got < 0)
		return -errno;
	if (late)
		return -ETIMEDOUT;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}
