/*
 * start_fault_test.c - every call to the kernel fails once while the program starts (row G6)
 *
 * The program itself, in a child process: the Makefile links this one with cli/main.c, by another name, and with --wrap for the calls of
 * kernel_calls_kit.h and those below CALLS_OF_A_PROGRAM.  Each command line of the list is performed once to count its calls, then again
 * for each of them, failing with each errno that Linux may give there, or doing a part.  Each time
 *
 *	it does what it was asked for, status 0; or it says in one sentence why not, and its status is not 0
 *	of a start that failed no socket and no pid file is left, unless they could not be removed
 *	the sanitizers find nothing, and no memory
 *
 * A gateway that has started is told to end by a signal that waits for it since before.
 */
#define CALLS_OF_A_PROGRAM

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "test/unit/kernel_calls_kit.h"

/* main() of the program. */
int program_main(int argc, char **argv);

#define WORDS 24
#define SAID 4096

static char dir[32];

static const struct start {
	const char *name;
	unsigned lines;          /* of a failure, warnings aside: with its summary */
	const char *word[WORDS]; /* "@" stands for the directory */
} starts[] = {
    {"a gateway",
     1,
     {"sluice", "serve", "qemu:@/sock", "--config", "@/sluice.yaml", "--pid", "@/pid", "--pcap", "@/pcap",
      "--events", "@/events", "--no-sandbox"}},
    {"a CA is made", 1, {"sluice", "ca", "make", "@/new"}},
    {"a configuration is looked at", 2, {"sluice", "check", "-c", "@/sluice.yaml"}},
};

static void
fault_is_about(int fd)
{
	struct stat st;

	fault.is_stream = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* --- files ---------------------------------------------------------------------------------------------------------------------- */

static const char *
in_dir(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
remove_all(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s/*", dir);
	assert_int_equal(system(command), 0);
}

/* As they are before each start: one directory has the CA of the gateway. */
static void
put_all(void)
{
	char yaml[256];

	remove_all();
	put("x.rules", "allow to 192.0.2.1\ndeny to 192.0.2.2\n");
	put("token", "a-value-that-is-secret");
	assert_int_equal(chmod(in_dir("token"), 0600), 0);
	snprintf(yaml, sizeof(yaml),
		 "policy: {files: %s/x.rules}\ntls: {intercept: true, ca: %s/ca}\n"
		 "secrets: {TOKEN: 'file:%s/token@a.example'}\n",
		 dir, dir, dir);
	put("sluice.yaml", yaml);
}

/* --- one start -------------------------------------------------------------------------------------------------------------------- */

static _Noreturn void
perform_it(const struct start *s, int said, int told)
{
	static char words[WORDS][64];
	char *argv[WORDS + 1] = {NULL};
	sigset_t end;
	int argc = 0;

	for (; argc < WORDS && s->word[argc]; argc++) {
		const char *at = strchr(s->word[argc], '@');
		int before = at ? (int)(at - s->word[argc]) : (int)strlen(s->word[argc]);

		snprintf(words[argc], sizeof(words[0]), "%.*s%s%s", before, s->word[argc], at ? dir : "",
			 at ? at + 1 : "");
		argv[argc] = words[argc];
	}
	/* The gateway takes it when it has started. */
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	raise(SIGTERM);
	alarm(60);
	dup2(said, STDERR_FILENO);
	dup2(said, STDOUT_FILENO);
	in_library = true;
	int status = program_main(argc, argv);
	in_library = false;
	char fired = fault.fired;
	if (write(told, &fired, 1) != 1)
		abort();
	exit(status);
}

/* Warnings aside. */
static unsigned
lines_of(const char *text)
{
	unsigned n = 0;

	for (size_t len; *text; text += len) {
		const char *end = strchr(text, '\n');

		len = end ? (size_t)(end - text) + 1 : strlen(text);
		n += !memmem(text, len, "sluice: warning: ", 17);
	}
	return n;
}

static void
judge(const struct start *s, int status, bool fired, const char *said)
{
	bool kept = fault.call == CALL_UNLINK || fault.call == CALL_LSTAT;

	if (!WIFEXITED(status))
		fail_msg("%s: ended by signal %d:\n%s", s->name, WTERMSIG(status), said);
	/* Without these it could not be ended, or not be reloaded: that is not what was asked for. */
	if (fired && (fault.call == CALL_SIGNALFD || fault.call == CALL_EVENTFD))
		assert_int_not_equal(status, 0);
	if (WEXITSTATUS(status) == 0)
		return;
	if (!fired || lines_of(said) != s->lines || strlen(said) < 20 || WEXITSTATUS(status) > 2)
		fail_msg("%s: status %d, and it said:\n%s", s->name, WEXITSTATUS(status), said);
	assert_true(kept || access(in_dir("sock"), F_OK) < 0);
	assert_true(kept || access(in_dir("pid"), F_OK) < 0);
}

/* False: there are fewer such calls. */
static bool
run(const struct start *s, enum call c, unsigned nth, int error, char *said)
{
	int pipe_told[2], status = 0, out;
	char fired = 0;

	put_all();
	fault_is(c, nth, error);
	out = open(in_dir("said"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	assert_true(out >= 0 && pipe2(pipe_told, 0) == 0);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		perform_it(s, out, pipe_told[1]);
	close(pipe_told[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* Who was killed tells nothing, and that is bad enough. */
	ssize_t n = read(pipe_told[0], &fired, 1);
	close(pipe_told[0]);
	n = pread(out, said, SAID - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(out);
	judge(s, status, fired, said);
	return fired;
}

static void
G6_each_call_of_a_start_fails(void **state)
{
	const struct start *s = *state;
	static char said[SAID];
	unsigned runs = 0;

	assert_false(run(s, CALL_SOCKET, 0, 0, said));
	for (unsigned c = 0; c < CALLS; c++) {
		for (unsigned e = 0; e < ERRORS && (e == 0 || calls[c].error[e]); e++)
			for (unsigned nth = 1; run(s, (enum call)c, nth, calls[c].error[e], said);
			     nth++, runs++)
				injected[c]++;
		for (unsigned nth = 1; calls[c].partly && run(s, (enum call)c, nth, 0, said); nth++, runs++)
			injected[c]++;
	}
	assert_true(runs > 10);
	print_message("%s: %u faults\n", s->name, runs);
}

static int
say_what_failed(void **state)
{
	print_message("last: %s: %s, call %u, %s\n", ((const struct start *)*state)->name,
		      calls[fault.call].name, fault.nth, fault_text());
	return 0;
}

/* Where the program and its gateway say what they want of the kernel. */
static void
G6_the_calls_of_a_start_have_failed(void **state)
{
	static const enum call asked[] = {CALL_OPEN,  CALL_OPENAT, CALL_FOPEN,    CALL_SIGNALFD, CALL_EVENTFD,
					  CALL_FLOCK, CALL_FSYNC,  CALL_RENAMEAT, CALL_MKDIR,    CALL_MLOCK,
					  CALL_WRITE, CALL_READ,   CALL_MMAP,     CALL_BIND,     CALL_CLOSE};

	(void)state;
	for (unsigned c = 0; c < CALLS; c++)
		if (injected[c])
			print_message("%8u  %s\n", injected[c], calls[c].name);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		assert_true(injected[asked[i]] > 0);
}

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sluice-start-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
remove_dir(void **state)
{
	(void)state;
	remove_all();
	return rmdir(dir);
}

#define STARTS (sizeof(starts) / sizeof(starts[0]))

int
main(int argc, char **argv)
{
	static struct start start[STARTS]; /* cmocka wants them to be changeable */
	struct CMUnitTest tests[STARTS + 1] = {[STARTS] =
						   cmocka_unit_test(G6_the_calls_of_a_start_have_failed)};

	memcpy(start, starts, sizeof(starts));
	for (unsigned i = 0; i < STARTS; i++)
		tests[i] = (struct CMUnitTest){.name = start[i].name,
					       .test_func = G6_each_call_of_a_start_fails,
					       .teardown_func = say_what_failed,
					       .initial_state = &start[i]};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("every call of a start fails once", tests, make_dir, remove_dir);
}
