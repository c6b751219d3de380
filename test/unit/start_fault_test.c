/*
 * start_fault_test.c - every call to the kernel fails once while the program starts (row G6)
 *
 * The program itself, in a child process: the Makefile links this one with cli/main.c, by another name, and with --wrap for the calls of
 * kernel_calls_kit.h and those below CALLS_OF_A_PROGRAM.  Each command line of the list is performed once to count its calls, then again
 * for each of them, failing with each errno that Linux may give there, or doing a part.  Each time
 *
 *	it does what it was asked for, status 0; or it says in one sentence why not, and its status is not 0
 *	of a start that failed no socket and no pid file is left, unless they could not be removed
 *	of its sandbox as much holds as it says: what is missing is a warning
 *	no process is left, and the sanitizers find nothing, and no memory
 *
 * A gateway that has started is told to end by a signal that waits for it since before; one that has gone into the background, when its
 * starter has ended.
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

#include "sluice.h"
#include "test/unit/kernel_calls_kit.h"

/* main() of the program. */
int program_main(int argc, char **argv);

#define WORDS 24
#define SAID 4096

static char dir[32];

static const struct start {
	const char *name;
	unsigned lines;   /* of a failure, warnings aside: with its summary */
	bool others;      /* what it shares with the first one has failed there: here in one way alone */
	bool sandbox_too; /* ... and with the second */
	bool root;        /* it takes root, and /dev/net/tun */
	bool waits;       /* its end is not a signal's */
	const char *word[WORDS]; /* "@" stands for the directory */
} starts[] = {
    {.name = "a gateway",
     .lines = 1,
     .word = {"sluice", "serve", "qemu:@/sock", "--config", "@/sluice.yaml", "--pid", "@/pid", "--pcap",
	      "@/pcap", "--events", "@/events", "--no-sandbox"}},
    {.name = "a gateway that confines itself",
     .lines = 1,
     .others = true,
     .word = {"sluice", "serve", "qemu:@/sock", "--config", "@/plain.yaml", "--pid", "@/pid", "--events",
	      "@/events"}},
    {.name = "a gateway in the background",
     .lines = 1,
     .others = true,
     .sandbox_too = true,
     .word = {"passt", "--socket", "@/sock", "--pid", "@/pid", "--log-file", "@/log"}},
    {.name = "a command",
     .lines = 1,
     .others = true,
     .sandbox_too = true,
     .root = true,
     .waits = true,
     .word = {"sluice", "run", "--config", "@/plain.yaml", "--pid", "@/pid", "--events", "@/events", "--",
	      "true"}},
    {.name = "a CA is made", .lines = 1, .word = {"sluice", "ca", "make", "@/new"}},
    {.name = "a configuration is looked at", .lines = 2, .word = {"sluice", "check", "-c", "@/sluice.yaml"}},
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
	snprintf(yaml, sizeof(yaml), "policy: {files: %s/x.rules}\n", dir);
	put("plain.yaml", yaml);
}

/* What is in it, behind what is there already. */
static void
add_text_of(const char *name, char text[SAID])
{
	size_t len = strlen(text);
	FILE *f = fopen(in_dir(name), "r");

	if (!f)
		return;
	len += fread(text + len, 1, SAID - 1 - len, f);
	text[len] = '\0';
	fclose(f);
}

/* --- one start -------------------------------------------------------------------------------------------------------------------- */

static _Noreturn void
perform_it(const struct start *s, int said)
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
	if (!s->waits) {
		sigemptyset(&end);
		sigaddset(&end, SIGTERM);
		sigprocmask(SIG_BLOCK, &end, NULL);
		raise(SIGTERM);
	}
	dup2(said, STDERR_FILENO);
	dup2(said, STDOUT_FILENO);
	in_library = true;
	int status = program_main(argc, argv);
	in_library = false;
	exit(status);
}

/* Who was started by one that has ended is ours now (PR_SET_CHILD_SUBREAPER); a gateway of those is told to end. */
static void
end_what_is_left(const struct start *s)
{
	int status;
	pid_t pid;

	for (;;) {
		char path[64], list[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
		f = fopen(path, "re");
		assert_non_null(f);
		pid = fgets(list, sizeof(list), f) ? (pid_t)atoi(list) : 0;
		fclose(f);
		if (pid <= 0)
			return;
		kill(pid, SIGTERM);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status))
			fail_msg("%s: what was left ended by signal %d", s->name, WTERMSIG(status));
	}
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

/* Which parts of the sandbox the events tell of: their bits. */
static unsigned
held(void)
{
	char events[SAID] = "";
	unsigned bits = 0;

	add_text_of("events", events);
	const char *list = strstr(events, "\"confined\":[");
	for (unsigned i = 0; list && sluice_confined_name(i); i++) {
		char name[32];
		const char *at;

		snprintf(name, sizeof(name), "\"%s\"", sluice_confined_name(i));
		at = strstr(list + strlen("\"confined\":["), name);
		bits |= at && at < strchr(list, ']') ? 1u << i : 0;
	}
	return bits;
}

static unsigned usual; /* parts that hold where nothing fails */

static void
judge(const struct start *s, int status, bool fired, const char *said)
{
	bool kept = fault.call == CALL_UNLINK || fault.call == CALL_LSTAT;

	if (!WIFEXITED(status))
		fail_msg("%s: ended by signal %d:\n%s", s->name, WTERMSIG(status), said);
	/* In builds that look for leaks the view has /proc, which a mount that fails can leave out. */
	if (fired && strstr(said, "LeakSanitizer does not work under ptrace"))
		return;
	/* Without these it could not be ended, or not be reloaded: that is not what was asked for.  (A helper's are not meant.) */
	if (fired && !s->waits && (fault.call == CALL_SIGNALFD || fault.call == CALL_EVENTFD))
		assert_int_not_equal(status, 0);
	if (WEXITSTATUS(status) == 0 && usual & ~held() && fault.call != CALL_WRITE &&
	    fault.call != CALL_CLOSE && !strstr(said, "not all of the sandbox can be had"))
		fail_msg("%s: parts 0x%x hold, not 0x%x, and that is not said:\n%s", s->name, held(), usual,
			 said);
	if (WEXITSTATUS(status) == 0)
		return;
	if (!fired || lines_of(said) != s->lines || strlen(said) < 20 ||
	    (!s->waits && WEXITSTATUS(status) > 2))
		fail_msg("%s: status %d, and it said:\n%s", s->name, WEXITSTATUS(status), said);
	assert_true(kept || access(in_dir("sock"), F_OK) < 0);
	assert_true(kept || access(in_dir("pid"), F_OK) < 0);
}

/* One that hangs: some block all other signals. */
static volatile pid_t running;

static void
on_alarm(int signo)
{
	(void)signo;
	kill(running, SIGKILL);
}

/* False: there are fewer such calls. */
static bool
run(const struct start *s, enum call c, unsigned nth, int error, char *said)
{
	int status = 0, out;

	put_all();
	fault_is(c, nth, error);
	out = open(in_dir("said"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	assert_true(out >= 0);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		perform_it(s, out);
	running = pid;
	alarm(30);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	alarm(0);
	end_what_is_left(s);
	ssize_t n = pread(out, said, SAID - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(out);
	add_text_of("log", said);
	bool fired = fault.fired;

	judge(s, status, fired, said);
	return fired;
}

/* FAULTS=all: every call, not every errno. */
static bool
each_is_wanted(void)
{
	const char *which = getenv("FAULTS");

	return which && strcmp(which, "all") == 0;
}

/* The first ones each, of many (covers, capabilities) some; of what another start has shown fewer. */
static unsigned
next_of(unsigned nth, bool shown)
{
	if (each_is_wanted())
		return nth + 1;
	return shown ? 2 * nth : nth < 8 ? nth + 1 : nth + nth / 2;
}

static void
G6_each_call_of_a_start_fails(void **state)
{
	const struct start *s = *state;
	static char said[SAID];
	unsigned runs = 0;

	if (s->root && (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) < 0))
		skip();
	usual = 0;
	assert_false(run(s, CALL_SOCKET, 0, 0, said));
	usual = held();
	for (unsigned c = 0; c < CALL_OTHER; c++) {
		/* Calls of the sandbox's: the second start has shown them.  Of these the first errno alone: some
		 * others Linux never gives where a process waits at the other end (a pipe that blocks: EAGAIN). */
		bool once = s->others && (c < CALL_FORK || (s->sandbox_too && c >= CALL_PRCTL));

		for (unsigned e = 0; e < ERRORS && (e == 0 || (calls[c].error[e] && !once)); e++)
			for (unsigned nth = 1; run(s, (enum call)c, nth, calls[c].error[e], said);
			     nth = next_of(nth, once || (s->others && e > 0)), runs++)
				injected[c]++;
		for (unsigned nth = 1; calls[c].partly && !once && run(s, (enum call)c, nth, 0, said);
		     nth = next_of(nth, false), runs++)
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
	static const enum call asked[] = {
	    CALL_OPEN,  CALL_OPENAT,  CALL_FOPEN,        CALL_SIGNALFD,     CALL_EVENTFD,
	    CALL_FLOCK, CALL_FSYNC,   CALL_RENAMEAT,     CALL_MKDIR,        CALL_MLOCK,
	    CALL_WRITE, CALL_READ,    CALL_MMAP,         CALL_BIND,         CALL_CLOSE,
	    CALL_FORK,  CALL_SETSID,  CALL_PIPE2,        CALL_DUP2,         CALL_PRCTL,
	    CALL_CLONE, CALL_UNSHARE, CALL_SECCOMP_INIT, CALL_SECCOMP_RULE, CALL_SECCOMP_LOAD};

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
	in_common = mmap(NULL, sizeof(*in_common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGALRM, on_alarm);
	if (in_common == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -1;
	/* With the directory's name: there are not so many others in which to look for what is shown. */
	snprintf(dir, sizeof(dir), "/var/tmp/sluice-start-XXXXXX");
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
