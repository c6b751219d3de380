/*
 * setup.c - limits, config, capture file, pid file, signals and the turn
 */
#include "cli/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/diagnose.h"
#include "cli/stats.h"

#define RUN_MTU 65520
#define MTU 1500

/* The library's defaults (sluice.h), needed here to lower them. */
#define DEFAULT_TCP 4096
#define DEFAULT_UDP 1024
#define PING_FLOWS 64

/* Standard streams, tap, epoll, wake, capture, name servers' sockets, and what the library keeps free. */
#define OWN_FILES 64

struct log
setup_log(const struct options *o)
{
	if (o->quiet)
		return (struct log){SLUICE_LOG_ERROR};
	if (o->verbose)
		return (struct log){o->verbose >= 2 ? SLUICE_LOG_DEBUG : SLUICE_LOG_INFO};
	return (struct log){o->level >= 0 ? (enum sluice_log_level)o->level : SLUICE_LOG_WARNING};
}

double
setup_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* --- limits ---------------------------------------------------------------------------------------- */

void
setup_files(struct rlimit *before)
{
	/* Neither call fails for the caller's own limit within its hard one; if so, the tables shrink. */
	if (getrlimit(RLIMIT_NOFILE, before) < 0)
		*before = (struct rlimit){1024, 1024};
	struct rlimit raised = {before->rlim_max, before->rlim_max};
	setrlimit(RLIMIT_NOFILE, &raised);
}

int
setup_fit(uint64_t files, uint64_t listeners, struct sluice_config *cfg, struct failure *f)
{
	uint64_t tcp = cfg->max_tcp ? cfg->max_tcp : DEFAULT_TCP,
		 udp = cfg->max_udp ? cfg->max_udp : DEFAULT_UDP;
	uint64_t own = OWN_FILES + PING_FLOWS + listeners;

	if (files < own + 16)
		return failed(
		    f, "the limit of %llu descriptors is too low, %llu are needed; raise it (ulimit -n)",
		    (unsigned long long)files, (unsigned long long)own + 16);
	uint64_t room = files - own;
	if (tcp + udp <= room)
		return 0;
	/* Both lose the same share; each keeps at least one, as room is 16 or more. */
	uint64_t fit = room * tcp / (tcp + udp);
	cfg->max_tcp = (uint32_t)(fit == 0 ? 1 : fit == room ? room - 1 : fit);
	cfg->max_udp = (uint32_t)(room - cfg->max_tcp);
	return 1;
}

static int
fit_files(const struct log *log, struct sluice_config *cfg, struct failure *f)
{
	struct rlimit now = {1024, 1024};
	uint64_t listeners = 0;

	for (size_t i = 0; i < cfg->npublish; i++) {
		const struct sluice_publish *p = &cfg->publish[i];
		listeners += (uint64_t)(p->host_last - p->host_first + 1) * (p->bind ? 1 : 2);
	}
	getrlimit(RLIMIT_NOFILE, &now);
	int lowered = setup_fit(now.rlim_cur, listeners, cfg, f);
	if (lowered > 0)
		log_say(log, SLUICE_LOG_WARNING,
			"the limit of %llu descriptors lowers the tables to %u TCP and %u UDP flows; raise "
			"it (ulimit -Hn) for more",
			(unsigned long long)now.rlim_cur, cfg->max_tcp, cfg->max_udp);
	return lowered < 0 ? -1 : 0;
}

/* --- the gateway ----------------------------------------------------------------------------------- */

void
setup_config(const struct options *o, const struct log *log, struct sluice_config *cfg)
{
	*cfg = o->config;
	if (!cfg->mtu)
		cfg->mtu = o->verb == VERB_RUN ? RUN_MTU : MTU;
	cfg->link_one_off = o->one_off;
	cfg->log = log_hook;
	union {
		const void *in;
		void *out;
	} ctx = {log}; /* the hook takes it back as const */
	cfg->log_ctx = ctx.out;
}

void
setup_tap(const struct iface *tap, struct sluice_config *cfg)
{
	static const uint8_t none[6];

	cfg->link_kind = SLUICE_LINK_TAP;
	cfg->link_fd = tap->fd;
	cfg->mtu = tap->mtu;
	if (memcmp(cfg->guest_mac, none, sizeof(none)) == 0)
		memcpy(cfg->guest_mac, tap->mac, sizeof(cfg->guest_mac));
}

struct sluice *
setup_gateway(const struct options *o, const struct log *log, struct hooks *hooks, struct sluice_config *cfg,
	      struct failure *f)
{
	struct diagnoses told = {.log = log};
	struct failure why = {.text = ""};

	if (fit_files(log, cfg, f) < 0)
		return NULL;
	if (o->pcap) {
		/* A capture is the guest's traffic: nobody else's to read. */
		cfg->pcap_fd = open(o->pcap, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (cfg->pcap_fd < 0) {
			failed(f, "--pcap %s: cannot be written: %s; name a file in a folder of yours",
			       o->pcap, strerror(errno));
			return NULL;
		}
	}
	hooks_use(hooks, cfg);
	cfg->diagnostic = diagnose_hook;
	cfg->diagnostic_ctx = &told;
	struct sluice *s = sluice_new(cfg, why.text, sizeof(why.text));
	cfg->diagnostic = NULL;
	cfg->diagnostic_ctx = NULL;
	options_forget_secrets(o);
	if (!s)
		diagnosed(&told, why.text, f);
	if (!s && cfg->pcap_fd >= 0)
		close(cfg->pcap_fd);
	return s;
}

/* --- the pid file ---------------------------------------------------------------------------------- */

static int
pid_file_failed(const struct options *o, struct failure *f)
{
	return failed(f, "--pid %s: cannot be written: %s; name a file in a folder of yours", o->pid_file,
		      strerror(errno));
}

int
setup_open_pid_file(const struct options *o, int *fd, struct failure *f)
{
	*fd = o->pid_file ? open(o->pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
	return o->pid_file && *fd < 0 ? pid_file_failed(o, f) : 0;
}

int
setup_write_pid_file(const struct options *o, int fd, struct failure *f)
{
	if (!o->pid_file)
		return 0;
	int n = dprintf(fd, "%d\n", (int)getpid());
	return close(fd) < 0 || n < 0 ? pid_file_failed(o, f) : 0;
}

void
setup_remove_pid_file(const struct options *o)
{
	if (o->pid_file)
		unlink(o->pid_file);
}

/* --- the turn -------------------------------------------------------------------------------------- */

int
setup_signals(const int *list, sigset_t *mask_before, struct failure *f)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (; *list; list++)
		sigaddset(&set, *list);
	sigprocmask(SIG_BLOCK, &set, mask_before);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd >= 0)
		return fd;
	return failed(f, "cannot be told of signals: %s; raise the limit of descriptors (ulimit -n)",
		      strerror(errno));
}

int
setup_turn(struct sluice *s, struct pollfd *extra, int n, int max_ms)
{
	struct pollfd fds[SLUICE_POLLFDS + SETUP_EXTRA];
	int timeout = -1;
	int ours = s ? sluice_prepare(s, fds, &timeout) : 0;

	memcpy(fds + ours, extra, (size_t)n * sizeof(*extra));
	if (max_ms >= 0 && (timeout < 0 || timeout > max_ms))
		timeout = max_ms;
	if (poll(fds, (nfds_t)(ours + n), timeout) < 0)
		for (int i = 0; i < ours + n; i++)
			fds[i].revents = 0;
	memcpy(extra, fds + ours, (size_t)n * sizeof(*extra));
	return s ? sluice_dispatch(s, fds, ours) : 0;
}

/* --- the summary ----------------------------------------------------------------------------------- */

void
setup_print_stats(const struct options *o, const struct sluice *s, double seconds)
{
	struct sluice_stats st = {.size = sizeof(st)};
	struct stats_counter counters[256];
	size_t n = 0;

	if (o->stats == STATS_NONE)
		return;
	sluice_get_stats(s, &st);
	while (n < 256 && (counters[n].name = sluice_counter(s, n, &counters[n].value)))
		n++;
	if (o->stats == STATS_JSON)
		stats_print_json(stderr, &st, counters, n, seconds);
	else
		stats_print(stderr, &st, counters, n, seconds);
}
