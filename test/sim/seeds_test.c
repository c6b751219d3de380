/*
 * seeds_test.c - many simulated worlds (world.h), one after the other, on all processors
 *
 *	seeds_test                a fixed range of seeds, and those in seeds.txt: 100,000, with sanitizers 5,000
 *	seeds_test --seeds N      so many
 *	seeds_test --from N       from there
 *	seeds_test --with N       all of them with these bits of enum sim_has; before --trace, too
 *	seeds_test --soak         seeds nobody has seen, until it is interrupted
 *	seeds_test --trace N      one, told line by line
 *
 * Each process takes the next few seeds and adds up what it saw in shared memory.  A world that is wrong is told with
 * its seed; one in 16 is run twice, and must be the same to the last byte.  What every world may have must have happened
 * somewhere in the whole, so that the simulation cannot become empty unnoticed.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/sim/world.h"

#ifdef __SANITIZE_ADDRESS__
#define SEEDS 5000u
#else
#define SEEDS 100000u
#endif

#define SEEDS_COV 5000u
#define CHUNK 16u
#define TWICE 16u /* one in so many is run again */
#define WORKERS_MAX 64
#define WRONG_MAX 16u
#define NAMED_MAX 256u
#define NAMED_FILE "test/sim/seeds.txt"

/* What is added up: the counters of struct sim_result, by name.  (clang-format is of two minds about such a list.) */
/* clang-format off */
#define COUNTERS(X) \
	X(time) X(turns) X(frames_in) X(frames_out) X(bytes_up) X(bytes_down) X(talks) \
	X(complete) X(broken) X(published) X(half_closed) X(guest_resets) X(host_resets) \
	X(refused) X(unreachable) X(never_answered) X(dgrams_up) X(dgrams_down) X(asked) \
	X(answered) X(asked_tcp) X(pings) X(pongs) X(lost) X(repeated) X(late) X(spoiled) \
	X(stalls) X(retransmitted) X(guest_retransmitted) X(probes) X(sacked) \
	X(zero_windows) X(gso) X(v6) X(reloads) X(refused_by_policy) X(rejudged) X(kicks) \
	X(idle_hours) X(stops) X(tls_opened) X(tls_http) X(tls_resumed) X(tls_passed) X(tls_refused) X(tls_late) X(tls_cut) \
	X(leased) X(renewed) X(lease_refused) X(named) X(named_whole) X(named_refused) X(names_refused) \
	X(cut) X(joined) X(outside) X(inside) X(crowded) X(crowded_out)
/* clang-format on */

struct sum {
#define X(name) _Atomic uint64_t name;
	COUNTERS(X)
#undef X
};

struct wrong {
	atomic_bool whole; /* written to the end */
	uint64_t seed;
	char complaint[256];
};

struct shared {
	_Atomic uint64_t next, done, twice;
	uint64_t from, until;
	unsigned with;
	atomic_bool stop;
	struct sum sum;
	_Atomic unsigned nwrong;
	struct wrong wrong[WRONG_MAX];
};

struct named {
	uint64_t seed;
	char name[64];
};

static void
add_up(struct sum *sum, const struct sim_result *r)
{
#define X(name) atomic_fetch_add_explicit(&sum->name, (uint64_t)r->name, memory_order_relaxed);
	COUNTERS(X)
#undef X
}

static void
tell_wrong(struct shared *sh, uint64_t seed, const char *complaint)
{
	unsigned n = atomic_fetch_add(&sh->nwrong, 1);

	if (n >= WRONG_MAX)
		return;
	sh->wrong[n].seed = seed;
	snprintf(sh->wrong[n].complaint, sizeof(sh->wrong[n].complaint), "%s", complaint);
	atomic_store(&sh->wrong[n].whole, true);
}

static void
one(struct shared *sh, uint64_t seed)
{
	const struct sim_setting set = {.seed = seed, .with = sh->with};
	struct sim_result first, second;

	sim_run(&set, &first);
	add_up(&sh->sum, &first);
	if (first.complaint[0]) {
		tell_wrong(sh, seed, first.complaint);
	} else if (seed % TWICE == 0) {
		sim_run(&set, &second);
		atomic_fetch_add(&sh->twice, 1);
		if (first.digest != second.digest || (first.turns != second.turns && !(first.has & SIM_TLS)))
			tell_wrong(sh, seed, "the same seed made another world the second time");
	}
	atomic_fetch_add(&sh->done, 1);
}

/* Before each seed: should the process die of it, the seed is known. */
static void
work(struct shared *sh, _Atomic uint64_t *at)
{
	for (;;) {
		uint64_t from = atomic_fetch_add(&sh->next, CHUNK);

		for (uint64_t n = from; n < from + CHUNK; n++) {
			if (n >= sh->until || atomic_load(&sh->stop) || atomic_load(&sh->nwrong) >= WRONG_MAX)
				_exit(0);
			atomic_store(at, n);
			one(sh, n);
		}
	}
}

/* --- the processes ------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static void *
shared_memory(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What is wrong, as soon as it is known. */
static void
tell_new(const struct shared *sh, unsigned *told)
{
	for (; *told < atomic_load(&sh->nwrong) && *told < WRONG_MAX && atomic_load(&sh->wrong[*told].whole);
	     (*told)++)
		printf("# seed %" PRIu64 ": %s\n#   make sim SEED=%" PRIu64 "\n", sh->wrong[*told].seed,
		       sh->wrong[*told].complaint, sh->wrong[*told].seed);
}

static void
progress(const struct shared *sh, double begun, double *told)
{
	double now = seconds();

	if (now - *told < 5)
		return;
	*told = now;
	printf("# %" PRIu64 " worlds in %.0f s, %u wrong\n", atomic_load(&sh->done), now - begun,
	       atomic_load(&sh->nwrong));
	fflush(stdout);
}

static void
run_all(struct shared *sh)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	double begun = seconds(), told = begun;
	unsigned told_wrong = 0;
	_Atomic uint64_t *at = shared_memory(WORKERS_MAX * sizeof(*at));
	pid_t pid[WORKERS_MAX];

	n = n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : n;
	fflush(stdout);
	for (long i = 0; i < n; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			abort();
		if (pid[i] == 0)
			work(sh, &at[i]);
	}
	for (long left = n; left > 0;) {
		int status;
		pid_t who = waitpid(-1, &status, WNOHANG);

		if (interrupted)
			atomic_store(&sh->stop, true);
		tell_new(sh, &told_wrong);
		if (who <= 0) {
			progress(sh, begun, &told);
			nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
			continue;
		}
		left--;
		for (long i = 0; i < n; i++) {
			if (pid[i] != who || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
				continue;
			tell_wrong(sh, atomic_load(&at[i]), "the process ended in the middle of it");
			atomic_store(&sh->stop, true);
		}
	}
	tell_new(sh, &told_wrong);
	printf("# %" PRIu64 " worlds in %.1f s on %ld processors\n", atomic_load(&sh->done),
	       seconds() - begun, n);
}

/* --- what came of it ------------------------------------------------------------------------------------------- */

static unsigned results;

static bool
result(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++results, name);
	return good;
}

static bool
happened(const char *what, uint64_t n)
{
	char line[160];

	snprintf(line, sizeof(line), "%s: %" PRIu64, what, n);
	return result(n > 0, line);
}

static bool
tell(const struct shared *sh)
{
	unsigned wrong = atomic_load(&sh->nwrong);
	char line[200];

	snprintf(line, sizeof(line), "worlds in which nothing is wrong: %" PRIu64 " of %" PRIu64,
		 atomic_load(&sh->done) - wrong, atomic_load(&sh->done));
	return result(wrong == 0 && atomic_load(&sh->done) > 0, line);
}

static bool
tell_features(const struct shared *sh)
{
	const struct sum *m = &sh->sum;
	bool good = happened("worlds that were the same the second time", sh->twice);

	printf("# %" PRIu64 " virtual hours, %" PRIu64 " turns, %" PRIu64 " frames in, %" PRIu64 " out\n",
	       m->time / 3600 / (uint64_t)USEC_PER_SEC, m->turns, m->frames_in, m->frames_out);
	good &= happened("TCP conversations begun", m->talks);
	good &= happened("... whole, both ways, to the end of file", m->complete);
	good &= happened("... broken on purpose", m->broken);
	good &= happened("... over IPv6", m->v6);
	good &= happened("... of clients of published ports", m->published);
	good &= happened("... half closed for a while", m->half_closed);
	good &= happened("... reset by the guest", m->guest_resets);
	good &= happened("... reset by the host", m->host_resets);
	good &= happened("... refused by the host", m->refused);
	good &= happened("... told to be unreachable", m->unreachable);
	good &= happened("... never answered", m->never_answered);
	good &= happened("bytes that came to the host as they were sent", m->bytes_up);
	good &= happened("bytes that came to the guest as they were sent", m->bytes_down);
	good &= happened("datagrams to the host", m->dgrams_up);
	good &= happened("datagrams to the guest", m->dgrams_down);
	good &= happened("echo requests that came to the host", m->pings);
	good &= happened("echo replies", m->pongs);
	good &= happened("names asked for", m->asked);
	good &= happened("... over TCP", m->asked_tcp);
	good &= happened("... answered, and rightly", m->answered);
	good &= happened("frames lost", m->lost);
	good &= happened("frames repeated", m->repeated);
	good &= happened("frames late", m->late);
	good &= happened("frames spoiled", m->spoiled);
	good &= happened("times the wire stood still", m->stalls);
	good &= happened("segments the gateway sent again", m->retransmitted);
	good &= happened("segments the guest sent again", m->guest_retransmitted);
	good &= happened("runs that were acknowledged selectively", m->sacked);
	good &= happened("windows closed by the guest", m->zero_windows);
	good &= happened("probes of closed windows by the guest", m->probes);
	good &= happened("long segments to be cut by the link", m->gso);
	good &= happened("reloads of the policy", m->reloads);
	good &= happened("flows a reload ended", m->rejudged);
	good &= happened("flows refused by policy", m->refused_by_policy);
	good &= happened("hours in which nothing was said", m->idle_hours);
	good &= happened("connections over TLS that were opened, whole both ways", m->tls_opened);
	good &= happened("... of HTTP", m->tls_http);
	good &= happened("... taken up again, at either end", m->tls_resumed);
	good &= happened("... that passed sealed", m->tls_passed);
	good &= happened("... whose server was refused", m->tls_refused);
	good &= happened("... whose server broke off, and the guest was told of no end", m->tls_cut);
	good &= happened("addresses the guest asked for and was given", m->leased);
	good &= happened("... extended", m->renewed);
	good &= happened("... of another network, which it was refused", m->lease_refused);
	good &= happened("conversations by name", m->named);
	good &= happened("... whole both ways", m->named_whole);
	good &= happened("... told that their first flight's name is refused", m->named_refused);
	good &= happened("names that must not be asked for", m->names_refused);
	good &= happened("datagrams in pieces that came to the host", m->cut);
	good &= happened("... that the guest put together", m->joined);
	good &= happened("datagrams of clients at published ports to the guest", m->outside);
	good &= happened("... its answers to them", m->inside);
	good &= happened("worlds with small tables", m->crowded);
	good &= happened("... what found no place in them", m->crowded_out);
	good &= happened("gateways that went in mid-flight", m->stops);
	good &= happened("times all flows were woken for nothing, and did nothing", m->kicks);
	return good;
}

/* --- named seeds ------------------------------------------------------------------------------------------------- */

static unsigned
read_named(struct named out[NAMED_MAX])
{
	FILE *f = fopen(NAMED_FILE, "r");
	char line[256];
	unsigned n = 0;

	while (f && n < NAMED_MAX && fgets(line, sizeof(line), f)) {
		char *end;
		uint64_t seed = strtoull(line, &end, 10);

		if (end == line || *end != ' ')
			continue;
		out[n].seed = seed;
		snprintf(out[n].name, sizeof(out[n].name), "%.*s", (int)strcspn(end + 1, " \n"), end + 1);
		n++;
	}
	if (f)
		fclose(f);
	return n;
}

static bool
run_named(void)
{
	static struct named named[NAMED_MAX];
	bool good = true;

	for (unsigned i = 0, n = read_named(named); i < n; i++) {
		const struct sim_setting set = {.seed = named[i].seed};
		struct sim_result r;
		char line[160];

		sim_run(&set, &r);
		if (r.complaint[0])
			printf("# %s\n#   make sim SEED=%" PRIu64 "\n", r.complaint, named[i].seed);
		snprintf(line, sizeof(line), "seed %" PRIu64 ", %s", named[i].seed, named[i].name);
		good &= result(!r.complaint[0], line);
	}
	return good;
}

/* --- one ----------------------------------------------------------------------------------------------------------- */

static int
trace(uint64_t seed, unsigned with)
{
	const struct sim_setting set = {.seed = seed, .with = with, .trace = stdout};
	struct sim_result r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sim_run(&set, &r);
	printf("\nseed %" PRIu64 ": %.6f virtual seconds, %" PRIu64 " turns, digest %016" PRIx64 "\n", seed,
	       (double)r.time / 1e6, r.turns, r.digest);
#define X(name)     \
	if (r.name) \
		printf("  %-20s %" PRIu64 "\n", #name, (uint64_t)r.name);
	COUNTERS(X)
#undef X
	puts(r.complaint[0] ? r.complaint : "nothing is wrong");
	return r.complaint[0] ? 1 : 0;
}

int
main(int argc, char **argv)
{
	struct shared *sh = shared_memory(sizeof(*sh));
	const char *build = getenv("BUILD");
	/* Counting lines is slow, and the first few thousand reach them all. */
	uint64_t n = build && strstr(build, "cov") ? SEEDS_COV : SEEDS;
	bool soak = false, all = true;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "0";

		if (strcmp(argv[i], "--trace") == 0)
			return trace(strtoull(value, NULL, 0), sh->with);
		if (strcmp(argv[i], "--soak") == 0) {
			soak = true;
			continue;
		}
		if (strcmp(argv[i], "--seeds") == 0)
			n = strtoull(value, NULL, 0);
		else if (strcmp(argv[i], "--from") == 0)
			sh->from = strtoull(value, NULL, 0);
		else if (strcmp(argv[i], "--with") == 0)
			sh->with = (unsigned)strtoul(value, NULL, 0);
		all = false;
		i++;
	}
	signal(SIGINT, on_interrupt);
	if (soak)
		sh->from = (uint64_t)time(NULL) << 20;
	sh->next = sh->from;
	sh->until = soak ? UINT64_MAX : sh->from + n;

	bool good = run_named();
	run_all(sh);
	good &= tell(sh);
	if (n >= 1000 || soak || all)
		good &= tell_features(sh);
	printf("1..%u\n", results);
	return good ? 0 : 1;
}
