/*
 * confine_sweep_test.c - the kernel's filter is the table, and nothing besides
 *
 * confine_escape_test.c tries what is worth trying; here everything is: each number a system call can have, each value of an argument that
 * decides.  A child confines itself, with a handler for SIGSYS that counts, and makes each call; what the table says of it must be what
 * comes of it.  A call that may be made is made with arguments that come to nothing (no descriptor, no address); one that may be made
 * with any is left out.
 */
#include "test/unit/confine_kit.h"

#include <linux/futex.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>

#define NUMBERS 1024 /* Linux 6.18 has 470 */
#define ARGS 6

struct call {
	const char *name;
	int nr;
	unsigned long arg[ARGS];
};

struct variant {
	bool whole; /* what any gateway may need, with `write`, `remove` and `ways`; else a plain one */
	bool free;  /* nothing is confined: the canary */
	unsigned needs;
	int (*what)(const struct variant *v);
};

static volatile sig_atomic_t forbidden, forbidden_nr;

static void
on_forbidden(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	forbidden++;
	forbidden_nr = info->si_syscall;
}

/* --- what the table says ---------------------------------------------------------------------------- */

#define ALLOWED 0
#define FORBIDDEN (-1) /* else the errno it is answered with */

static bool
row_is_for(const struct confine_call *row, const struct call *c)
{
	for (size_t i = 0; i < CONFINE_ARGS && row->arg[i].mask; i++) {
		const struct confine_arg *a = &row->arg[i];
		uint64_t want = a->self ? (uint32_t)getpid() : a->value;

		if ((c->arg[a->n] & a->mask) != want)
			return false;
	}
	return true;
}

/* A row that allows counts before one that answers. */
static int
said_of(const struct call *c, unsigned needs)
{
	int said = FORBIDDEN;
	const struct confine_call *row;

	for (size_t i = 0; (row = confine_call(i)); i++) {
		bool needed = row->when == 0 || row->when & needs;

		if (strcmp(row->name, c->name) != 0 || !row_is_for(row, c))
			continue;
		if (needed && !(row->when == 0 && row->answer))
			return ALLOWED;
		if (row->answer)
			said = row->answer;
	}
	return said;
}

/* The name of a call that has a row in the table, by its number; NULL: it has none. */
static const char *
listed(int nr)
{
	for (size_t i = 0; confine_call(i); i++)
		if (seccomp_syscall_resolve_name(confine_call(i)->name) == nr)
			return confine_call(i)->name;
	return NULL;
}

/* Is it allowed whatever its arguments?  Then it is not to be made here. */
static bool
is_for_all(const char *name, unsigned needs)
{
	const struct confine_call *row;

	for (size_t i = 0; (row = confine_call(i)); i++)
		if (strcmp(row->name, name) == 0 && !row->arg[0].mask && !row->answer &&
		    (row->when == 0 || row->when & needs))
			return true;
	return false;
}

/* --- one call ---------------------------------------------------------------------------------------- */

static unsigned tried, wrong_ones;

/* What came of it, as said_of() has it. */
static int
outcome(const struct call *c)
{
	const unsigned long *a = c->arg;

	forbidden = 0;
	errno = 0;
	long r = syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	int error = r < 0 ? errno : 0;
	if (forbidden)
		return forbidden == 1 && forbidden_nr == c->nr ? FORBIDDEN : 250;
	if (strcmp(c->name, "socket") == 0 && r >= 0)
		close((int)r);
	return error;
}

static void
try_it(const struct call *c, unsigned needs)
{
	int said = said_of(c, needs);

	/* Threads are for other tests: one that is begun so has no stack. */
	if (said == ALLOWED && (strcmp(c->name, "clone") == 0 || strcmp(c->name, "rt_sigaction") == 0))
		return;
	int got = outcome(c);
	tried++;
	if (said == ALLOWED ? got != FORBIDDEN && got != 250 : got == said)
		return;
	if (wrong_ones++ < 10)
		dprintf(STDERR_FILENO, "# %s (%d), %lx %lx %lx %lx: wanted %d, got %d\n", c->name, c->nr,
			c->arg[0], c->arg[1], c->arg[2], c->arg[3], said, got);
}

/* --- every number ------------------------------------------------------------------------------------- */

/*
 * uretprobe(2) and uprobe(2) of x86-64 pass every filter (Linux 6.14: seccomp_uprobe_exception()): to who has not been sent there by the
 * kernel they are a SIGILL.
 */
static bool
is_probe(int nr)
{
#ifdef __x86_64__
	return nr == 335 || nr == 336;
#else
	return nr < 0;
#endif
}

static int
each_number(const struct variant *v)
{
	for (int nr = 0; nr < NUMBERS; nr++) {
		if (listed(nr) || is_probe(nr))
			continue;
		try_it(&(struct call){"?", nr, {0}}, v->needs);
		try_it(&(struct call){"?", nr, {~0ul, ~0ul, ~0ul, ~0ul, ~0ul, ~0ul}}, v->needs);
	}
	return tried > NUMBERS ? 0 : 251;
}

/* --- every value -------------------------------------------------------------------------------------- */

/* Arguments with which it comes to nothing: descriptors that are none, addresses that are none. */
static struct call
harmless(const char *name, int nr)
{
	struct call c = {name, nr, {~0ul, 0, 0, 0, ~0ul, 0}};

	if (strcmp(name, "futex") == 0)
		c.arg[0] = 1;
	if (strcmp(name, "open") == 0 || strcmp(name, "madvise") == 0 || strcmp(name, "mprotect") == 0 ||
	    strcmp(name, "mmap") == 0 || strcmp(name, "prlimit64") == 0)
		c.arg[0] = 0;
	if (strcmp(name, "prlimit64") == 0)
		c.arg[1] = ~0ul;
	return c;
}

/* Small ones, each bit alone and all but one, and what is beyond the half the kernel looks at. */
static void
each_value(struct call *c, unsigned arg, unsigned needs)
{
	const unsigned long was = c->arg[arg];

	for (unsigned long v = 0; v < 4096; v++) {
		c->arg[arg] = v;
		try_it(c, needs);
		c->arg[arg] = (uint32_t)-v;
		try_it(c, needs);
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		const unsigned long one = 1ul << bit;
		const unsigned long values[] = {one, ~one, was ^ one, (was ^ one) & 0xffffffff};

		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			c->arg[arg] = values[i];
			try_it(c, needs);
		}
	}
	c->arg[arg] = was;
}

/* Around what each row with conditions allows: each of its arguments, the others as they must be. */
static int
each_argument(const struct variant *v)
{
	const struct confine_call *row;

	for (size_t i = 0; (row = confine_call(i)); i++) {
		int nr = seccomp_syscall_resolve_name(row->name);
		struct call c = harmless(row->name, nr);

		if (nr < 0 || is_for_all(row->name, v->needs) || !row->arg[0].mask)
			continue;
		for (size_t j = 0; j < CONFINE_ARGS && row->arg[j].mask; j++)
			c.arg[row->arg[j].n] = row->arg[j].self ? (unsigned)getpid() : row->arg[j].value;
		for (size_t j = 0; j < CONFINE_ARGS && row->arg[j].mask; j++)
			each_value(&c, row->arg[j].n, v->needs);
	}
	return tried > 100000 ? 0 : 251;
}

/* Those that are chosen by several arguments, in all combinations of small values. */
static int
each_combination(const struct variant *v)
{
	const int sockets = seccomp_syscall_resolve_name("socket");
	const int get = seccomp_syscall_resolve_name("getsockopt"),
		  set = seccomp_syscall_resolve_name("setsockopt");

	for (unsigned long domain = 0; domain < 48; domain++)
		for (unsigned long type = 0; type < 12; type++)
			for (unsigned long protocol = 0; protocol < 140; protocol++)
				try_it(&(struct call){"socket", sockets, {domain, type, protocol}}, v->needs);
	for (unsigned long level = 0; level < 300; level++)
		for (unsigned long option = 0; option < 128; option++) {
			try_it(&(struct call){"getsockopt", get, {~0ul, level, option}}, v->needs);
			try_it(&(struct call){"setsockopt", set, {~0ul, level, option}}, v->needs);
		}
	return tried > 100000 ? 0 : 251;
}

/* --- others, by their numbers -------------------------------------------------------------------------- */

/* The clock of the time a process has used (clock_getcpuclockid(3)). */
static unsigned long
clock_of(pid_t pid)
{
	return (uint32_t)(~(uint32_t)pid << 3 | 2);
}

/* All that Linux can be asked about a process, or do to it, by its number: signals, memory, descriptors, priorities, waits. */
static int
each_way_to_another_process(const struct variant *v)
{
	const pid_t p = getppid();
	const unsigned long pid = (unsigned long)p, none = ~0ul;
	const struct call ways[] = {
	    {"kill", SYS_kill, {pid, 0}},
	    {"kill", SYS_kill, {(unsigned long)-p, 0}},
	    {"kill", SYS_kill, {none, 0}},
	    {"kill", SYS_kill, {0, 0}},
	    {"tkill", SYS_tkill, {pid, 0}},
	    {"tgkill", SYS_tgkill, {pid, pid, 0}},
	    {"rt_sigqueueinfo", SYS_rt_sigqueueinfo, {pid, 0, 0}},
	    {"rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo, {pid, pid, 0, 0}},
	    {"pidfd_open", SYS_pidfd_open, {pid, 0}},
	    {"pidfd_send_signal", SYS_pidfd_send_signal, {none, 0, 0, 0}},
	    {"pidfd_getfd", SYS_pidfd_getfd, {none, 0, 0}},
	    {"process_madvise", SYS_process_madvise, {none, 0, 0, 0, 0}},
	    {"process_mrelease", 448, {none, 0}},
	    {"ptrace", SYS_ptrace, {PTRACE_SEIZE, pid, 0, 0}},
	    {"process_vm_readv", SYS_process_vm_readv, {pid, 0, 0, 0, 0, 0}},
	    {"process_vm_writev", SYS_process_vm_writev, {pid, 0, 0, 0, 0, 0}},
	    {"kcmp", SYS_kcmp, {pid, pid, 0, 0, 0}},
	    {"wait4", SYS_wait4, {pid, 0, 1, 0}},
	    {"waitid", SYS_waitid, {1, pid, 0, 4, 0}},
	    {"getpgid", SYS_getpgid, {pid}},
	    {"setpgid", SYS_setpgid, {pid, 0}},
	    {"getsid", SYS_getsid, {pid}},
	    {"prlimit64", SYS_prlimit64, {pid, 7, 0, 0}},
	    {"sched_getaffinity", SYS_sched_getaffinity, {pid, 0, 0}},
	    {"sched_setaffinity", SYS_sched_setaffinity, {pid, 0, 0}},
	    {"sched_getparam", SYS_sched_getparam, {pid, 0}},
	    {"sched_setparam", SYS_sched_setparam, {pid, 0}},
	    {"sched_getscheduler", SYS_sched_getscheduler, {pid}},
	    {"sched_setscheduler", SYS_sched_setscheduler, {pid, 0, 0}},
	    {"sched_getattr", SYS_sched_getattr, {pid, 0, 0, 0}},
	    {"sched_setattr", SYS_sched_setattr, {pid, 0, 0}},
	    {"sched_rr_get_interval", SYS_sched_rr_get_interval, {pid, 0}},
	    {"getpriority", SYS_getpriority, {0, pid}},
	    {"setpriority", SYS_setpriority, {0, pid, 0}},
	    {"ioprio_get", SYS_ioprio_get, {1, pid}},
	    {"ioprio_set", SYS_ioprio_set, {1, pid, 0}},
	    {"migrate_pages", SYS_migrate_pages, {pid, 0, 0, 0}},
	    {"move_pages", SYS_move_pages, {pid, 0, 0, 0, 0, 0}},
	    {"capget", SYS_capget, {0, 0}},
	    {"get_robust_list", SYS_get_robust_list, {pid, 0, 0}},
	    {"perf_event_open", SYS_perf_event_open, {0, pid, none, none, 0}},
	    {"setns", SYS_setns, {none, 0}},
	    {"clock_gettime", SYS_clock_gettime, {clock_of(p), 0}},
	    {"clock_getres", SYS_clock_getres, {clock_of(p), 0}},
	    {"clock_nanosleep", SYS_clock_nanosleep, {clock_of(p), 0, 0, 0}},
	    {"timer_create", SYS_timer_create, {clock_of(p), 0, 0}},
	    {"futex", SYS_futex, {1, FUTEX_LOCK_PI, 0, 0, 0, 0}},
	    {"fcntl", SYS_fcntl, {0, F_SETOWN, pid}},
	    {"fcntl", SYS_fcntl, {0, F_SETOWN_EX, 0}},
	    {"fcntl", SYS_fcntl, {0, F_SETSIG, 9}},
	    {"ioctl", SYS_ioctl, {0, FIOSETOWN, 0}},
	    {"ioctl", SYS_ioctl, {0, TIOCSPGRP, 0}},
	    {"prctl", SYS_prctl, {PR_SET_PTRACER, pid, 0, 0, 0}},
	    {"prctl", SYS_prctl, {PR_SET_PDEATHSIG, 9, 0, 0, 0}},
	    {"prctl", SYS_prctl, {62 /* PR_SCHED_CORE */, 1, pid, 0, 0}},
	    {"shmget", SYS_shmget, {0, 4096, 0}},
	    {"msgget", SYS_msgget, {0, 0}},
	    {"semget", SYS_semget, {0, 1, 0}},
	    {"mq_open", SYS_mq_open, {0, 0, 0, 0}},
	    {"keyctl", SYS_keyctl, {0, 0, 0}},
	    {"request_key", SYS_request_key, {0, 0, 0, 0}},
	};
	unsigned refused = 0;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		/* The canary leaves out what would be done to us all. */
		if (v->free &&
		    (ways[i].arg[0] == none || ways[i].nr == SYS_ptrace || ways[i].nr == SYS_setpgid ||
		     ways[i].nr == SYS_prctl || ways[i].nr == SYS_ioctl))
			continue;
		bool is_refused = outcome(&ways[i]) == FORBIDDEN;

		refused += is_refused;
		if (!is_refused && !v->free)
			dprintf(STDERR_FILENO, "# %s, row %zu, is made\n", ways[i].name, i);
	}
	if (v->free)
		return refused ? 252 : 0;
	return refused == sizeof(ways) / sizeof(ways[0]) ? 0 : 252;
}

/* --- the children --------------------------------------------------------------------------------------- */

static void
confine(const struct variant *v)
{
	static const char *const nameservers[] = {"127.0.0.1"};
	static const char *const tmp[] = {"/tmp", NULL};
	struct sluice_confine ask;
	char err[600] = "";
	struct real r;

	real_conf(&r);
	r.cfg.nameservers = nameservers;
	r.cfg.nnameservers = 1;
	real_open(&r);
	sluice_confine_init(&ask);
	ask.without = SLUICE_CONFINED_FILES | SLUICE_CONFINED_VIEW; /* by the filter alone */
	if (v->whole) {
		ask.write = ask.remove = tmp;
		ask.ways = true;
	}
	int held = sluice_confine(v->whole ? NULL : r.s, &ask, err, sizeof(err));
	child_needs(held >= 0 && held & SLUICE_CONFINED_CALLS, err);
}

static int
child_main(void *ctx)
{
	const struct variant *v = ctx;
	struct sigaction counts = {.sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &counts, NULL);
	if (!v->free)
		confine(v);
	int r = v->what(v);
	if (r == 251)
		dprintf(STDERR_FILENO, "# only %u calls were made\n", tried);
	return r ? r : wrong_ones ? 253 : 0;
}

static void
sweep(int (*what)(const struct variant *v), bool whole)
{
	struct variant v = {.whole = whole, .what = what};

	/* Builds that watch themselves are allowed more than the table. */
	if (WATCHED)
		skip();
	if (whole)
		v.needs = NEED_WRITE | NEED_REMOVE | NEED_WAYS | NEED_SOCKET | NEED_PEERS;
	assert_int_equal(in_child(child_main, &v), WENT_WELL);
}

static void
G7_numbers_that_are_not_listed_are_refused(void **state)
{
	(void)state;
	sweep(each_number, false);
	sweep(each_number, true);
}

static void
G7_arguments_are_those_of_the_table(void **state)
{
	(void)state;
	sweep(each_argument, false);
	sweep(each_argument, true);
}

static void
G7_sockets_and_options_are_those_of_the_table(void **state)
{
	(void)state;
	sweep(each_combination, false);
	sweep(each_combination, true);
}

/* What a pid namespace would hide there is nothing left to do to. */
static void
G7_no_call_reaches_another_process(void **state)
{
	struct variant canary = {.free = true, .what = each_way_to_another_process};

	(void)state;
	assert_int_equal(in_child(child_main, &canary), WENT_WELL);
	sweep(each_way_to_another_process, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(G7_numbers_that_are_not_listed_are_refused),
	    cmocka_unit_test(G7_arguments_are_those_of_the_table),
	    cmocka_unit_test(G7_sockets_and_options_are_those_of_the_table),
	    cmocka_unit_test(G7_no_call_reaches_another_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
