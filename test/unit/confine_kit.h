/*
 * confine_kit.h - children that confine themselves, try something, and tell how it went
 *
 * Confinement cannot be undone, so everything happens in a child of its own; the parent sees how it ended.
 */
#ifndef TEST_UNIT_CONFINE_KIT_H
#define TEST_UNIT_CONFINE_KIT_H

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "proxy/confine_int.h"
#include "test/unit/real_kit.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SLUICE_INSTRUMENTED)
#define WATCHED true /* this build watches itself, for which it is left more */
#else
#define WATCHED false
#endif

/* How a child ended: 0, an errno, or a signal beyond these. */
#define WENT_WELL 0
#define BY_SIGNAL(s) (1000 + (s))
#define KILLED BY_SIGNAL(SIGSYS)

/* A folder with in/file, in/link to a file outside, out/, secret, and gone, which may be removed. */
struct place {
	char root[64];
	char in[80], out[80], file[80], link[80], secret[80], gone[80];
};

static inline void
put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static inline void
place_make(struct place *p)
{
	snprintf(p->root, sizeof(p->root), "/tmp/confine.XXXXXX");
	assert_non_null(mkdtemp(p->root));
	snprintf(p->in, sizeof(p->in), "%s/in", p->root);
	snprintf(p->out, sizeof(p->out), "%s/out", p->root);
	snprintf(p->file, sizeof(p->file), "%s/in/file", p->root);
	snprintf(p->link, sizeof(p->link), "%s/in/link", p->root);
	snprintf(p->secret, sizeof(p->secret), "%s/secret", p->root);
	snprintf(p->gone, sizeof(p->gone), "%s/gone", p->root);
	assert_int_equal(mkdir(p->in, 0777) | mkdir(p->out, 0777), 0);
	put_file(p->file, "may be read\n");
	put_file(p->secret, "may not\n");
	put_file(p->gone, "may go\n");
	assert_int_equal(symlink("../secret", p->link), 0);
}

static inline void
place_remove(const struct place *p)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", p->root);
	assert_int_equal(system(command), 0);
}

/* Runs `what` in a child of its own; it returns 0 or an errno.  How that ended. */
static inline int
in_child(int (*what)(void *ctx), void *ctx)
{
	const struct rlimit none = {0, 0};
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSYS, SIG_DFL); /* cmocka has a handler for it */
		alarm(120);
		_exit(what(ctx));
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? BY_SIGNAL(WTERMSIG(status)) : WEXITSTATUS(status);
}

static inline int
ask_for_a_view(void *ctx)
{
	struct sluice_confine ask;

	(void)ctx;
	sluice_confine_init(&ask);
	ask.without = SLUICE_CONFINED_ALL & ~(unsigned)SLUICE_CONFINED_VIEW;
	return sluice_confine(NULL, &ask, NULL, 0) == SLUICE_CONFINED_VIEW ? 0 : 1;
}

/* Does this system let us, in a process with one thread, have a root of our own? */
static inline bool
view_is_to_be_had(void)
{
	return in_child(ask_for_a_view, NULL) == 0;
}

/* In a child: no cmocka there. */
static inline void
child_needs(bool it, const char *what)
{
	if (it)
		return;
	dprintf(STDERR_FILENO, "# the child: %s: %s\n", what, strerror(errno));
	_exit(250);
}

#endif
