#include "proxy/secret_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/secret.h"
#include "proxy/secret_command.h"

#define FIRST_ROOM 2048u

static const char *
after(const char *source, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(source, prefix, n) == 0 && source[n] ? source + n : NULL;
}

bool
secret_source_check(struct setup *su, const char *name, const char *source)
{
	if (after(source, "env:") || after(source, "file:") || after(source, "command:"))
		return true;
	/* The word is not shown: it may be the value itself. */
	return wrong(
	    su,
	    "secret \"%s\": its value comes from env:VARIABLE, file:PATH or command:COMMAND, never from the "
	    "command line",
	    name);
}

static bool
cannot_lock(struct setup *su, const char *name, int error)
{
	if (error == -ENOMEM)
		return wrong(su, "no memory for the value of secret \"%s\"", name);
	return wrong(
	    su,
	    "the value of secret \"%s\" cannot be locked: the limit is %lu KiB (RLIMIT_MEMLOCK); raise it "
	    "(ulimit -l, LimitMEMLOCK=)",
	    name, locked_limit());
}

/* Twice the room, with the same bytes in it. */
static int
grow(struct locked *value)
{
	struct locked more;
	int error = locked_open(&more, value->p ? 2 * value->size : FIRST_ROOM);

	if (error < 0)
		return error;
	if (value->p)
		memcpy(more.p, value->p, value->used);
	more.used = value->used;
	locked_close(value);
	*value = more;
	return 0;
}

/* To its end.  0; a negative errno; -EFBIG: it is longer than a value may be, with a line's end. */
static int
read_all(struct locked *value, ssize_t (*get)(void *from, void *to, size_t n), void *from, int *lock_error)
{
	for (;;) {
		if (value->used == value->size && (*lock_error = grow(value)) < 0)
			return *lock_error;
		ssize_t n = get(from, value->p + value->used, value->size - value->used);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		value->used += (size_t)n;
		if (value->used > SECRET_VALUE_MAX + 2)
			return -EFBIG;
	}
}

static bool
finish(struct setup *su, const char *name, struct locked *value)
{
	if (value->used > 0 && value->p[value->used - 1] == '\n')
		value->used--;
	if (value->used > 0 && value->p[value->used - 1] == '\r')
		value->used--;
	if (value->used > 0)
		return true;
	return wrong(su, "the source of secret \"%s\" is empty", name);
}

static bool
take_env(struct setup *su, const char *name, const char *variable, struct locked *value)
{
	char *text = getenv(variable);
	size_t n = text ? strlen(text) : 0;

	if (!text)
		return wrong(su, "secret \"%s\": there is no variable %s in the environment", name, variable);
	if (n > SECRET_VALUE_MAX)
		return wrong(su, "secret \"%s\": the variable %s has more than %u bytes", name, variable,
			     SECRET_VALUE_MAX);
	int error = locked_open(value, n);
	if (error < 0)
		return cannot_lock(su, name, error);
	memcpy(value->p, text, n);
	value->used = n;
	/* The kernel shows these very bytes in /proc/PID/environ. */
	explicit_bzero(text, n);
	unsetenv(variable);
	return finish(su, name, value);
}

static ssize_t
get_file(void *from, void *to, size_t n)
{
	ssize_t got = read(*(int *)from, to, n);

	return got < 0 ? -errno : got;
}

static bool
take_file(struct setup *su, const char *name, const char *path, struct locked *value, char *warning,
	  size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), lock_error = 0;
	struct stat st;

	if (fd < 0)
		return wrong(su, "secret \"%s\": cannot open %s: %s", name, path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & S_IROTH)
		snprintf(warning, size, "secret \"%s\": everybody can read %s: chmod o-r", name, path);
	int error = read_all(value, get_file, &fd, &lock_error);
	close(fd);
	if (lock_error < 0)
		return cannot_lock(su, name, lock_error);
	if (error == -EFBIG)
		return wrong(su, "secret \"%s\": %s has more than %u bytes", name, path, SECRET_VALUE_MAX);
	if (error < 0)
		return wrong(su, "secret \"%s\": cannot read %s: %s", name, path, strerror(-error));
	return finish(su, name, value);
}

static ssize_t
get_command(void *from, void *to, size_t n)
{
	return secret_command_read(from, to, n);
}

static bool
take_command(struct setup *su, const char *name, const char *command, struct locked *value)
{
	struct secret_command run;
	int error = secret_command_start(&run, command), lock_error = 0;

	if (error < 0)
		return wrong(su, "secret \"%s\": cannot run its command: %s", name, strerror(-error));
	error = read_all(value, get_command, &run, &lock_error);
	int ended = secret_command_end(&run, error < 0);
	if (lock_error < 0)
		return cannot_lock(su, name, lock_error);
	if (error == -EFBIG)
		return wrong(su, "secret \"%s\": its command wrote more than %u bytes", name,
			     SECRET_VALUE_MAX);
	if (error == -ETIMEDOUT || ended == -ETIMEDOUT)
		return wrong(su, "secret \"%s\": its command has not ended after %d seconds", name,
			     SECRET_COMMAND_SECONDS);
	if (error < 0 || ended < 0)
		return wrong(su, "secret \"%s\": its command cannot be read: %s", name,
			     strerror(error < 0 ? -error : -ended));
	if (ended > 0)
		return wrong(su, "secret \"%s\": its command failed, with %s %d", name,
			     ended > 255 ? "signal" : "status", ended & 255);
	return finish(su, name, value);
}

bool
secret_source_read(struct setup *su, const char *name, const char *source, struct locked *value,
		   char *warning, size_t size)
{
	const char *env = after(source, "env:"), *file = after(source, "file:"),
		   *command = after(source, "command:");

	*value = (struct locked){.p = NULL};
	if (size > 0)
		warning[0] = '\0';
	if (!secret_source_check(su, name, source))
		return false;
	if (env    ? take_env(su, name, env, value)
	    : file ? take_file(su, name, file, value, warning, size)
		   : take_command(su, name, command, value))
		return true;
	locked_close(value);
	return false;
}
