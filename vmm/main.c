/*
 * main.c - sluice-vmm: a small virtual machine monitor whose network is sluice
 *
 *	main thread          terminal, signals           console.c
 *	processor's thread   KVM_RUN, ports, registers   machine.c, serial.c, mmio.c
 *	gateway's thread     sluice_run()                net.c
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vmm/console.h"
#include "vmm/machine.h"

#define STATUS_OFF 0
#define STATUS_CANNOT 1
#define STATUS_USAGE 2
#define STATUS_RESET 3
#define STATUS_CRASHED 4

#define CMDLINE "console=ttyS0 panic=-1"
#define CMDLINE_SIZE 4096
#define RAM_DEFAULT (UINT64_C(256) << 20)

/* --- words ----------------------------------------------------------------------------------------- */

/* One write(2) a line, so that those of two threads do not mix. */
static void
say(const char *text)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "sluice-vmm: %s\n", text);
	size_t len = n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1;

	line[len - 1] = '\n';
	ssize_t put = write(STDERR_FILENO, line, len);
	(void)put; /* nobody is left to be told */
}

static void
log_line(void *ctx, enum sluice_log_level level, const char *line)
{
	const enum sluice_log_level *most = ctx;

	if (level <= *most)
		say(line);
}

static int
help(void)
{
	printf("Usage: sluice-vmm KERNEL [--initrd FILE] [OPTION ...]\n"
	       "\n"
	       "Boots a Linux kernel (a bzImage such as /boot/vmlinuz-*, or a vmlinux) under KVM, with this\n"
	       "terminal as its console and sluice as its network, which needs no privileges and no set-up.\n"
	       "\n"
	       "The machine:\n"
	       "  --initrd FILE         initramfs\n"
	       "  --append WORDS        more words for the kernel's command line, after '" CMDLINE "'\n"
	       "  --ram SIZE            the guest's memory, as in 512M or 2G [256M]\n"
	       "  -v, --verbose         say what the gateway notes, and what passed at the end\n"
	       "  -h, --help, --version\n"
	       "\n"
	       "Its network, as of sluice itself:\n"
	       "%s"
	       "\n"
	       "Keys: ^A x ends it, ^A a is a ^A for the guest.  The guest ends it with poweroff.\n"
	       "Exit status: 0 powered off or ^A x; 1 could not start or go on; 2 wrong options;\n"
	       "             3 the guest wanted a reset; 4 it crashed; 128+N ended by signal N.\n",
	       sluice_options_help());
	return fflush(stdout) == 0 && !ferror(stdout) ? STATUS_OFF : STATUS_CANNOT;
}

/* --- options --------------------------------------------------------------------------------------- */

struct options {
	const char *kernel, *initrd;
	char cmdline[CMDLINE_SIZE];
	uint64_t ram;
	enum sluice_log_level level;
	bool help, version;
	struct sluice_options *net;
};

/* "512M": bytes, K, M or G. */
static int
take_ram(struct options *o, const char *value, struct why *why)
{
	static const char unit[] = "KMG";
	char *end;

	errno = 0;
	uint64_t n = strtoull(value, &end, 10);
	const char *u = *end ? strchr(unit, *end) : NULL;
	unsigned shift = u ? 10 * (unsigned)(u - unit + 1) : 0;
	if (value[0] < '0' || value[0] > '9' || errno || end[u != NULL] || n > UINT64_MAX >> shift)
		return because(why, "--ram %s: not a size; write one as in 512M or 2G", value);
	o->ram = n << shift;
	if (o->ram < MEMORY_MIN || o->ram % MEMORY_PAGE)
		return because(why, "--ram %s: at least 32M and a multiple of 4K; write one as in 512M or 2G",
			       value);
	return 0;
}

static int
take_append(struct options *o, const char *value, struct why *why)
{
	size_t len = strlen(o->cmdline), more = strlen(value);

	if (more + 2 > sizeof(o->cmdline) - len)
		return because(why, "--append: more than %d bytes in all; shorten it", CMDLINE_SIZE - 1);
	o->cmdline[len] = ' ';
	memcpy(o->cmdline + len + 1, value, more + 1);
	return 0;
}

/* The value of an option that is arg, "--name VALUE" or "--name=VALUE"; *used is 0 if it is another. */
static const char *
value_of(const char *name, const char *arg, const char *next, int *used)
{
	size_t len = strlen(name);

	*used = 0;
	if (strncmp(arg, name, len) != 0 || (arg[len] != '\0' && arg[len] != '='))
		return NULL;
	*used = arg[len] ? 1 : 2;
	return arg[len] ? arg + len + 1 : next;
}

/* One of ours: arguments used; 0: it is none; -1. */
static int
take_own(struct options *o, const char *arg, const char *next, struct why *why)
{
	static const char *const names[] = {"--initrd", "--append", "--ram"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int used;
		const char *value = value_of(names[i], arg, next, &used);
		if (used == 0)
			continue;
		if (!value)
			return because(why, "%s: its value is missing; try --help", arg);
		if (i == 0)
			o->initrd = value;
		else if ((i == 1 ? take_append(o, value, why) : take_ram(o, value, why)) < 0)
			return -1;
		return used;
	}
	bool verbose = strcmp(arg, "-v") == 0 || strcmp(arg, "--verbose") == 0;
	bool asks = strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0;
	bool version = strcmp(arg, "--version") == 0;
	if (verbose)
		o->level = SLUICE_LOG_INFO;
	o->help |= asks;
	o->version |= version;
	return verbose || asks || version;
}

static int
parse(struct options *o, int argc, char **argv, struct why *why)
{
	for (int i = 1; i < argc;) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		int used = take_own(o, argv[i], next, why);
		if (used == 0)
			used = sluice_options_take(o->net, argv[i], next, why->text, sizeof(why->text));
		if (used < 0)
			return -1;
		if (used == 0 && argv[i][0] == '-')
			return because(why, "%s: not an option; try --help", argv[i]);
		if (used == 0 && o->kernel)
			return because(why, "%s: a second kernel; words for the first go behind --append",
				       argv[i]);
		if (used == 0)
			o->kernel = argv[i];
		i += used ? used : 1;
	}
	if (!o->kernel && !o->help && !o->version)
		return because(why, "no kernel; name a bzImage such as /boot/vmlinuz-*, or try --help");
	return 0;
}

/* --- while it runs --------------------------------------------------------------------------------- */

struct session {
	struct machine *machine;
	struct console console;
	int signals;
	int signal; /* that ended it; 0: none */
	bool quit, closed;
	uint8_t keys[SERIAL_TYPED];
	size_t nkeys; /* typed, and not taken by the guest yet */
};

static void
read_keys(struct session *s)
{
	ssize_t n = read(STDIN_FILENO, s->keys, sizeof(s->keys));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* Without input the guest goes on. */
	s->closed = n <= 0;
	s->nkeys = n > 0 ? (size_t)n : 0;
	enum console_wish wish = console_keys(&s->console, s->keys, &s->nkeys);
	s->quit = wish == CONSOLE_QUIT;
	if (wish == CONSOLE_HELP)
		say("^A x: end, as if by pulling the plug; ^A a: a ^A for the guest");
}

static void
pass_keys(struct session *s)
{
	size_t taken = serial_type(&s->machine->serial, s->keys, s->nkeys);

	s->nkeys -= taken;
	memmove(s->keys, s->keys + taken, s->nkeys);
}

/* Until the machine has ended. */
static void
attend(struct session *s)
{
	enum { ENDED, SIGNALS, ROOM, KEYS };
	struct pollfd fd[] = {
	    [ENDED] = {.fd = s->machine->ended, .events = POLLIN},
	    [SIGNALS] = {.fd = s->signals, .events = POLLIN},
	    [ROOM] = {.fd = s->machine->room, .events = POLLIN},
	    [KEYS] = {.events = POLLIN},
	};
	struct signalfd_siginfo info;
	eventfd_t n;

	while (!s->quit && !s->signal) {
		fd[KEYS].fd = s->closed || s->nkeys ? -1 : STDIN_FILENO;
		if (poll(fd, 4, -1) < 0)
			continue;
		if (fd[ENDED].revents)
			return;
		if (fd[SIGNALS].revents && read(s->signals, &info, sizeof(info)) == sizeof(info))
			s->signal = (int)info.ssi_signo;
		if (fd[ROOM].revents)
			eventfd_read(s->machine->room, &n);
		if (fd[KEYS].fd >= 0 && fd[KEYS].revents)
			read_keys(s);
		if (s->nkeys)
			pass_keys(s);
	}
}

static void
summary(struct machine *m)
{
	struct sluice_virtio_stats st = {.size = sizeof(st)};
	char text[256];

	sluice_virtio_get_stats(m->net.virtio, &st);
	snprintf(text, sizeof(text),
		 "network card: features 0x%llx; frames %llu from the guest, %llu to it; kicks %llu, "
		 "interrupts %llu; "
		 "refused %llu, no room %llu",
		 (unsigned long long)m->mmio.accepted, (unsigned long long)st.frames_in,
		 (unsigned long long)st.frames_out, (unsigned long long)st.kicks,
		 (unsigned long long)st.calls, (unsigned long long)st.refused,
		 (unsigned long long)st.no_room);
	say(text);
}

static int
status_of(const struct session *s)
{
	if (s->signal)
		return 128 + s->signal;
	if (s->quit)
		return STATUS_OFF;
	switch (s->machine->end) {
	case MACHINE_RESET:
		say("the guest wants to be started again");
		return STATUS_RESET;
	case MACHINE_CRASHED:
		say("the guest crashed");
		return STATUS_CRASHED;
	case MACHINE_FAILED:
		say(s->machine->why.text);
		return STATUS_CANNOT;
	case MACHINE_OFF:
	case MACHINE_STOPPED:
		break;
	}
	return STATUS_OFF;
}

/* --- from options to an exit status ---------------------------------------------------------------- */

/* Signals that end us are read; one for a broken pipe is no news. */
static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL); /* before there are threads, which inherit it */
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A flow is a descriptor: as many as we may have. */
static void
raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int
run(struct options *o, struct why *why)
{
	static struct machine m; /* threads look at it */
	struct session s = {.machine = &m, .signals = open_signals()};
	struct sluice_config net;
	struct machine_config mc = {
	    .kernel = o->kernel, .initrd = o->initrd, .cmdline = o->cmdline, .ram = o->ram, .net = &net};
	int status = STATUS_CANNOT;

	raise_limit();
	sluice_config_init(&net);
	net.log = log_line;
	net.log_ctx = &o->level;
	sluice_options_apply(o->net, &net);
	if (machine_open(&m, &mc, why) == 0 && machine_start(&m, why) == 0) {
		console_open(&s.console);
		attend(&s);
		machine_stop(&m);
		console_close();
		if (o->level >= SLUICE_LOG_INFO)
			summary(&m);
		status = status_of(&s);
	}
	machine_close(&m);
	close(s.signals);
	return status;
}

int
main(int argc, char **argv)
{
	struct options o = {.cmdline = CMDLINE, .ram = RAM_DEFAULT, .level = SLUICE_LOG_WARNING};
	struct why why = {.text = ""};
	int fd, status = STATUS_USAGE;

	/* A standard stream that is closed would be taken by the next open(). */
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);

	o.net = sluice_options_new();
	if (!o.net)
		because(&why, "no memory for options; give this process more");
	else if (parse(&o, argc, argv, &why) < 0)
		;
	else if (o.help)
		status = help();
	else if (o.version)
		status = printf("sluice-vmm %s\n", sluice_version()) < 0 ? STATUS_CANNOT : STATUS_OFF;
	else
		status = run(&o, &why);
	if (why.text[0])
		say(why.text);
	sluice_options_free(o.net);
	return status;
}
