/*
 * fault_fork_kit.h - a scene is played once, and wherever something may fail a child plays on in which it does
 *
 * So nobody plays again what came before the fault, and as many children live at once as there are processors.  A child judges its own end
 * and leaves with child_ends(); whatever else ends it (an assertion, a sanitizer, a signal) counts against it.
 */
#ifndef TEST_UNIT_FAULT_FORK_KIT_H
#define TEST_UNIT_FAULT_FORK_KIT_H

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 4u

static bool in_child;
static unsigned nchild, ruined; /* under way; those that ended badly */
static struct {
	pid_t pid;
	char what[128];
} child[CHILDREN];

static void
child_awaited(void)
{
	int status = 0;
	pid_t pid = waitpid(-1, &status, 0);

	for (unsigned i = 0; i < nchild; i++) {
		if (child[i].pid != pid)
			continue;
		if (status != 0) {
			fprintf(stderr, "without this: %s (status %#x)\n", child[i].what, (unsigned)status);
			ruined++;
		}
		child[i] = child[--nchild];
		return;
	}
}

/* True: we are the child.  What fails in it is said as in printf(3). */
__attribute__((format(printf, 1, 2))) static bool
plays_on(const char *what, ...)
{
	static const int crash[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT};
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned most = processors > 0 && processors < (long)CHILDREN ? (unsigned)processors : CHILDREN;
	va_list ap;

	while (nchild >= most)
		child_awaited();
	va_start(ap, what);
	vsnprintf(child[nchild].what, sizeof(child[nchild].what), what, ap);
	va_end(ap);
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		abort();
	if (pid > 0) {
		child[nchild++].pid = pid;
		return false;
	}
	in_child = true;
	/* cmocka would go on to the next test. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	for (unsigned i = 0; i < sizeof(crash) / sizeof(crash[0]); i++)
		signal(crash[i], SIG_DFL);
	return true;
}

static void
child_ends(bool good)
{
	if (!in_child)
		return;
	fflush(NULL);
	_exit(good ? 0 : 1);
}

/* All have ended; how many of them badly. */
static unsigned
children_ruined(void)
{
	unsigned n;

	while (nchild > 0)
		child_awaited();
	n = ruined;
	ruined = 0;
	return n;
}

#endif
