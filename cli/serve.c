/*
 * serve.c - sluice serve: the gateway of a guest that something else runs
 *
 * Also what sluice does in passt's place, where it may leave its starter once the gateway stands.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/background.h"
#include "cli/link.h"
#include "cli/reload.h"
#include "cli/sandbox.h"
#include "cli/setup.h"
#include "cli/verbs.h"

/* --- SIGBUS ---------------------------------------------------------------------------------------- */

/*
 * A VMM that shares its memory can cut it off under us (ftruncate(2) of its memfd): the next access is a
 * SIGBUS.  There is no going on from there, but it can be said.
 */
static void
on_bus_error(int signo)
{
	static const char sentence[] =
	    "sluice: the guest's memory is gone: its VMM cut off the file it shares (a bus error); start "
	    "sluice again, and let the VMM seal its memory (F_SEAL_SHRINK)\n";

	(void)signo;
	ssize_t n = write(STDERR_FILENO, sentence, sizeof(sentence) - 1);
	(void)n;
	_exit(STATUS_CANNOT);
}

static void
catch_bus_errors(void)
{
	struct sigaction action = {.sa_handler = on_bus_error};

	sigaction(SIGBUS, &action, NULL);
}

/* --- start ----------------------------------------------------------------------------------------- */

/* Instead of stderr, from here on. */
static int
open_log_file(const struct options *o, struct failure *f)
{
	if (!o->log_file)
		return 0;
	int fd = open(o->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return failed(f, "--log-file %s: cannot be written: %s; name a file in a folder of yours",
			      o->log_file, strerror(errno));
	close(fd);
	return 0;
}

/*
 * In passt's place a port without an address is open on all of both families; where the kernel has no IPv6,
 * that is all of IPv4.  *kept holds the shorter list.
 */
static void
leave_out_ipv6(struct sluice_config *cfg, struct sluice_publish **kept)
{
	if (access("/proc/net/if_inet6", F_OK) == 0 || cfg->npublish == 0)
		return;
	*kept = calloc(cfg->npublish, sizeof(**kept));
	if (!*kept)
		return;
	size_t n = 0;
	for (size_t i = 0; i < cfg->npublish; i++)
		if (!cfg->publish[i].bind || strcmp(cfg->publish[i].bind, "::") != 0)
			(*kept)[n++] = cfg->publish[i];
	cfg->publish = *kept;
	cfg->npublish = n;
}

static struct sluice *
build(const struct options *o, const struct log *log, struct hooks *hooks, struct sluice_config *cfg,
      struct failure *f)
{
	struct sluice_publish *kept = NULL;

	setup_config(o, log, cfg);
	if (hooks_open(hooks, &o->way, o->events, f) < 0 || link_config(o, log, cfg, f) < 0)
		return NULL;
	if (o->passt)
		leave_out_ipv6(cfg, &kept);
	struct sluice *s = setup_gateway(o, log, hooks, cfg, f);
	if (!s && cfg->link_fd >= 0)
		close(cfg->link_fd);
	free(kept);
	return s;
}

static void
say_serving(const struct options *o, const struct log *log, uint32_t mtu)
{
	const struct sluice_guest_net *const net[2] = {&o->guest.ipv4, &o->guest.ipv6};
	char guest[2][SLUICE_ADDR_TEXT + 8] = {"", ""};

	for (int i = 0; i < 2; i++)
		if (net[i]->on)
			snprintf(guest[i], sizeof(guest[i]), " %s/%u", net[i]->address, net[i]->plen);
	log_say(log, SLUICE_LOG_INFO, "serving %s: guest%s%s, MTU %u", o->link.text, guest[0], guest[1], mtu);
}

/* The gateway is built: what is left of the start, and the sandbox. */
static int
finish(const struct options *o, const struct log *log, struct sluice *s, struct reload *reload,
       struct failure *f)
{
	int fd;

	if (setup_open_pid_file(o, &fd, f) < 0)
		return -1;
	if (reload_init(reload, o, log, s, f) == 0 && sandbox_enter(s, o, log, f) == 0 &&
	    setup_write_pid_file(o, fd, f) == 0)
		return 0;
	setup_remove_pid_file(o);
	return -1;
}

/* Everything stands when this returns 0, and whoever waits for it knows. */
static int
start(const struct options *o, const struct log *log, struct hooks *hooks, struct sluice_config *cfg,
      struct reload *reload, struct sluice **s, struct failure *f)
{
	struct rlimit before;
	int starter = -1, nowhere = -1;

	if (open_log_file(o, f) < 0)
		return -1;
	for (size_t i = 0; i < o->nunused; i++)
		log_say(log, SLUICE_LOG_WARNING, "--%s has no effect in sluice (man sluice)", o->unused[i]);
	setup_files(&before);
	*s = build(o, log, hooks, cfg, f);
	if (!*s)
		return -1;
	if (o->background) {
		starter = background_leave(&nowhere);
		if (starter < 0)
			failed(f, "cannot go into the background: %s; stay in front with --foreground",
			       strerror(-starter));
	}
	if ((o->background && starter < 0) || finish(o, log, *s, reload, f) < 0) {
		sluice_free(*s);
		return -1;
	}
	say_serving(o, log, cfg->mtu);
	if (starter >= 0)
		background_ready(starter, nowhere, o->log_file != NULL);
	return 0;
}

/* --- life ------------------------------------------------------------------------------------------ */

/* Signals that came: is one of them the end? */
static bool
is_over(struct reload *r, int signals)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		if (!reload_is_meant(r, &info))
			return true;
		reload_begin(r);
	}
	return false;
}

/* Until a signal says so (0) or the link is gone (a negative errno). */
static int
serve(struct sluice *s, struct reload *r, int signals)
{
	struct pollfd extra[2] = {{.fd = signals, .events = POLLIN}, {.fd = r->done, .events = POLLIN}};

	for (;;) {
		int end = setup_turn(s, extra, 2, -1);
		if (end != 0)
			return end < 0 ? end : 0;
		if (extra[1].revents)
			reload_end(r);
		if (extra[0].revents && is_over(r, signals))
			return 0;
	}
}

/* A guest that has left, with no other to wait for, is an end as good as any. */
static int
last_words(const struct options *o, const struct log *log, const struct sluice *s, int r)
{
	bool left = r == -ENOLINK && o->link.kind != LINK_TAP;

	if (r < 0)
		log_say(log, left ? SLUICE_LOG_INFO : SLUICE_LOG_ERROR, "%s: %s", o->link.text,
			sluice_error(s));
	return r < 0 && !left ? STATUS_CANNOT : STATUS_OK;
}

int
verb_serve(const struct options *o, const struct log *log)
{
	static const int handled[] = {SIGINT, SIGTERM, SIGHUP, 0};
	struct sluice *s = NULL;
	struct sluice_config cfg;
	struct failure f = {.text = ""};
	struct hooks hooks = {.fd = -1};
	struct reload reload;
	sigset_t mask;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	catch_bus_errors();
	int signals = setup_signals(handled, &mask, &f);
	double begin = setup_now();
	if (signals < 0 || start(o, log, &hooks, &cfg, &reload, &s, &f) < 0) {
		if (f.text[0])
			log_say(log, SLUICE_LOG_ERROR, "%s", f.text);
		hooks_done(&hooks);
		return STATUS_CANNOT;
	}
	int status = last_words(o, log, s, serve(s, &reload, signals));
	reload_done(&reload);
	setup_print_stats(o, s, setup_now() - begin);
	setup_remove_pid_file(o);
	sluice_free(s);
	hooks_done(&hooks);
	return status;
}
