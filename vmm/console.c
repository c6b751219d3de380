/*
 * console.c - this terminal as the guest's
 */
#include "vmm/console.h"

#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_A 1

/* A signal handler needs them. */
static struct termios before;
static volatile sig_atomic_t raw;

void
console_close(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	raw = 0;
}

static void
crashed(int number)
{
	console_close();
	raise(number); /* with its default action again, by SA_RESETHAND */
}

void
console_open(struct console *c)
{
	static const int crash[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	struct termios t;

	*c = (struct console){.terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0};
	if (!c->terminal)
		return;
	atexit(console_close);
	for (size_t i = 0; i < sizeof(crash) / sizeof(crash[0]); i++)
		sigaction(crash[i], &(struct sigaction){.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND},
			  NULL);
	raw = 1;
	t = before;
	cfmakeraw(&t);
	/* Our own lines, which end in a bare newline, shall look right too; the guest's do either way. */
	t.c_oflag |= OPOST | ONLCR;
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

enum console_wish
console_keys(struct console *c, uint8_t *keys, size_t *n)
{
	enum console_wish wish = CONSOLE_NOTHING;
	size_t kept = 0;

	if (!c->terminal)
		return wish;
	for (size_t i = 0; i < *n; i++) {
		uint8_t key = keys[i];
		if (!c->escaped && key == CTRL_A) {
			c->escaped = true;
			continue;
		}
		if (!c->escaped)
			keys[kept++] = key;
		else if (key == CTRL_A || key == 'a')
			keys[kept++] = CTRL_A;
		else if (key == 'x')
			wish = CONSOLE_QUIT;
		else if (wish != CONSOLE_QUIT)
			wish = CONSOLE_HELP;
		c->escaped = false;
	}
	*n = kept;
	return wish;
}
