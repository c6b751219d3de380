/*
 * sandbox_calls.c - what the sandbox says of a call that is not allowed, and the calls of run that are allowed in part
 *
 * Written as the kernel reads it (seccomp(2)): two calls, and of each the arguments that run uses.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/sandbox.h"
#include "cli/sandbox_int.h"

/* --- the last words -------------------------------------------------------------------------------- */

/* As text in front of `end`, which is its end. */
static char *
digits(char *end, unsigned n)
{
	do
		*--end = (char)('0' + n % 10);
	while (n /= 10);
	return end;
}

/* In a signal handler: nothing but write(2).  The handler is gone when it begins, so that the second signal kills. */
static void
on_forbidden_call(int signo, siginfo_t *info, void *context)
{
	static const char begin[] = "sluice: killed by its own sandbox: system call ";
	static const char end[] =
	    " is none that a gateway makes; somebody has taken it over, or this is a bug of "
	    "sluice: please report it (--no-sandbox goes without)\n";
	char text[sizeof(begin) + sizeof(end) + 16], number[16];
	char *first = digits(number + sizeof(number), (unsigned)info->si_syscall);
	size_t n = (size_t)(number + sizeof(number) - first);

	(void)context;
	memcpy(text, begin, sizeof(begin) - 1);
	memcpy(text + sizeof(begin) - 1, first, n);
	memcpy(text + sizeof(begin) - 1 + n, end, sizeof(end) - 1);
	ssize_t put = write(STDERR_FILENO, text, sizeof(begin) - 1 + n + sizeof(end) - 1);
	(void)put;
	raise(signo);
}

void
sandbox_catch_forbidden_calls(void)
{
	struct sigaction action = {.sa_sigaction = on_forbidden_call,
				   .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_NODEFER)};

	sigaction(SIGSYS, &action, NULL);
}

/* --- in part --------------------------------------------------------------------------------------- */

/* Numbers and signals are 32 bits to the kernel: the low half of an argument. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW 0u
#else
#define LOW 4u
#endif
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))
#define LOAD_ARG(n) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, args) + 8u * (n) + LOW)
#define IF_IS(value, then, otherwise) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), (then), (otherwise))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))

/*
 * kill(2): ourselves (run stops with its command), and whether somebody is there (signal 0).  ioctl(2): whose is the
 * terminal.  All else of the two is a forbidden call; calls of another machine's numbers are sluice_confine()'s to refuse.
 */
int
sandbox_narrow_calls(void)
{
	/* Behind each jump: how many steps are skipped. */
	const struct sock_filter code[] = {
	    LOAD(nr),
	    IF_IS(SYS_kill, 2, 0),
	    IF_IS(SYS_ioctl, 5, 0),
	    RETURN(SECCOMP_RET_ALLOW),
	    LOAD_ARG(0), /* kill(2) */
	    IF_IS(getpid(), 5, 0),
	    LOAD_ARG(1),
	    IF_IS(0, 3, 4),
	    LOAD_ARG(1), /* ioctl(2) */
	    IF_IS(TIOCGPGRP, 1, 0),
	    IF_IS(TIOCSPGRP, 0, 1),
	    RETURN(SECCOMP_RET_ALLOW),
	    RETURN(SECCOMP_RET_TRAP),
	};
	union {
		const struct sock_filter *in;
		struct sock_filter *out;
	} filter = {code}; /* the kernel only reads it */
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), filter.out};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}
