/*
 * cli_terminal_test.c - `sluice run` under a shell on a terminal: ^C, ^Z, fg, and a shell inside
 *
 * Each test types at an interactive bash on a pseudo terminal and waits for what must appear there.  What is
 * typed is echoed, so the awaited texts are such that only their execution prints them.  The commands wait with
 * `read`, which a shell does itself: a signal between the fork and the exec of a `sleep` may get lost in the
 * shell, with or without sluice.  And nothing is typed ahead of a prompt: bash may drop it.
 */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S 20

struct terminal {
	pid_t shell;
	int fd;
	char seen[65536]; /* since the last text that was awaited */
	size_t len;
};

static struct terminal t;
static char sluice[4096], fifo[64];

static void
type(const char *text)
{
	assert_int_equal(write(t.fd, text, strlen(text)), strlen(text));
}

static void
await(const char *text)
{
	time_t end = time(NULL) + PATIENCE_S;
	char *at;

	while (!(at = strstr(t.seen, text))) {
		struct pollfd p = {.fd = t.fd, .events = POLLIN};
		ssize_t n =
		    poll(&p, 1, 1000) > 0 ? read(t.fd, t.seen + t.len, sizeof(t.seen) - 1 - t.len) : 0;
		if (n < 0 || time(NULL) > end)
			fail_msg("no '%s' on the terminal, but: %s", text, t.seen);
		t.len += (size_t)n;
		t.seen[t.len] = '\0';
	}
	at += strlen(text);
	t.len -= (size_t)(at - t.seen);
	memmove(t.seen, at, t.len + 1);
}

static int
open_terminal(void **state)
{
	(void)state;
	t.len = 0;
	t.seen[0] = '\0';
	snprintf(fifo, sizeof(fifo), "/tmp/cli_terminal.%d", (int)getpid());
	t.shell = forkpty(&t.fd, NULL, NULL, NULL);
	if (t.shell == 0) {
		/* What is typed after ^Z must not fall to the flush that comes with it. */
		struct termios mode;
		tcgetattr(STDIN_FILENO, &mode);
		mode.c_lflag |= NOFLSH;
		tcsetattr(STDIN_FILENO, TCSANOW, &mode);
		setenv("S", sluice, 1);
		setenv("F", fifo, 1);
		setenv("TERM", "dumb", 1);
		execlp("bash", "bash", "--norc", "--noprofile", "-i", NULL);
		_exit(127);
	}
	if (t.shell < 0)
		return -1;
	type("PS1='OUTER-'; echo rea\"\"dy\n");
	await("ready");
	await("OUTER-");
	return 0;
}

static int
close_terminal(void **state)
{
	(void)state;
	unlink(fifo);
	close(t.fd); /* the terminal hangs up, which ends what still runs on it */
	kill(t.shell, SIGKILL);
	return waitpid(t.shell, NULL, 0) == t.shell ? 0 : -1;
}

static void
interrupt_is_the_commands(void **state)
{
	(void)state;
	type("$S run bash -c 'echo u\"\"p; read x'\n");
	await("up");
	type("\003");
	await("OUTER-");
	type("echo status=$?\n");
	await("status=130");
	await("OUTER-");
	/* One that survives it goes on, and so does sluice. */
	type("$S run bash -c 'trap \"echo still-here\" INT; echo u\"\"p; until read -t 0.1 x; do :; done; "
	     "echo "
	     "got-$x; exit 5'\n");
	await("up");
	type("\003");
	await("still-here");
	type("hello\n");
	await("got-hello");
	await("OUTER-");
	type("echo status=$?\n");
	await("status=5");
}

/*
 * The command waits at a fifo: one that reads the terminal may still take a line after the shell has seen
 * sluice stop and before it is stopped itself.
 */
static void
stop_and_foreground(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	type("$S run bash -c 'echo u\"\"p; read x <$F; echo got-$x; exit 6'\n");
	await("up");
	type("\032");
	await("Stopped");
	await("OUTER-");
	type("echo sh\"\"ell; fg\n");
	await("shell");
	await("run bash"); /* fg says what it continues */
	int fd = open(fifo, O_RDWR | O_CLOEXEC);
	assert_int_equal(write(fd, "hello\n", 6), 6);
	await("got-hello");
	await("OUTER-");
	close(fd);
	type("echo status=$?\n");
	await("status=6");
}

static void
a_shell_inside_controls_jobs(void **state)
{
	(void)state;
	type("$S run bash --norc --noprofile -i\n");
	await("# "); /* its prompt */
	type("PS1='INNER-'; echo in\"\"side-$$\n");
	await("inside-2"); /* pid 1 is init */
	await("INNER-");
	type("bash -c 'echo u\"\"p; read x'\n");
	await("up");
	type("\032");
	await("Stopped");
	await("INNER-");
	type("kill %1; wait; echo job-e\"\"nded\n");
	await("job-ended");
	await("INNER-");
	type("bash -c 'echo u\"\"p; read x'\n");
	await("up");
	type("\003");
	await("INNER-"); /* a shell whose command was interrupted forgets what was typed ahead */
	type("echo inner=$?\n");
	await("inner=130");
	await("INNER-");

	/* `suspend` stops the inner shell only; sluice follows, and the outer shell has the terminal. */
	type("suspend\n");
	await("Stopped");
	await("OUTER-");
	type("echo ou\"\"ter; fg\n");
	await("outer");
	await("INNER-");
	type("echo ba\"\"ck\n");
	await("back");
	await("INNER-");
	type("exit 9\n");
	await("OUTER-");
	type("echo status=$?\n");
	await("status=9");
}

/* An inner shell took the terminal for itself; the script that ran it still reads from it afterwards. */
static void
the_terminal_is_given_back(void **state)
{
	(void)state;
	type("sh -c '$S run bash --norc --noprofile -i; read x; echo read-$x'\n");
	await("# "); /* its prompt */
	type("echo in\"\"side\n");
	await("inside");
	await("# ");
	type("exit\n");
	await("exit");
	type("hello\n");
	await("read-hello");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(interrupt_is_the_commands, open_terminal, close_terminal),
	    cmocka_unit_test_setup_teardown(stop_and_foreground, open_terminal, close_terminal),
	    cmocka_unit_test_setup_teardown(a_shell_inside_controls_jobs, open_terminal, close_terminal),
	    cmocka_unit_test_setup_teardown(the_terminal_is_given_back, open_terminal, close_terminal),
	};
	const char *program = getenv("SLUICE");

	if (geteuid() != 0) {
		puts("skip cli_terminal - it needs root to open a tap");
		return 0;
	}
	if (!realpath(program ? program : "build/sluice", sluice)) {
		puts("not ok cli_terminal - no program: run make first");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
