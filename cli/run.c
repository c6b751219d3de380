/*
 * run.c - sluice run: a command as a guest in its own namespaces
 *
 *	shell ─── sluice ─────────────────── helper = pid 1 of the guest ─── command
 *	          host's network namespace   guest's namespaces              the same
 *	          gateway, sockets    ◄──── tap's descriptor
 *	                              ────► go; signals
 *	                              ◄──── the command's status
 *
 * The helper makes the namespaces, the tap and the mounts, hands the tap over, and waits.  Only when the whole
 * gateway stands, with published ports bound, is the command started: it is never without its network, and
 * what cannot be built costs nothing.
 *
 * The terminal.  All three stay in the caller's process group, so what is typed reaches the command as if
 * sluice were not there: ^C and ^\ are the command's to take (sluice ignores them), ^Z stops all of them and
 * the shell sees a stopped job.  Other signals are for the command too and are passed on.
 *
 * The end.  The command's status is sluice's.  What it sent last may still be in its kernel: the namespace is
 * kept until that is empty and its flows are closed or nothing moves any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/channel.h"
#include "cli/init.h"
#include "cli/netns.h"
#include "cli/reload.h"
#include "cli/sandbox.h"
#include "cli/setup.h"
#include "cli/trust.h"
#include "cli/verbs.h"

#define IFNAME "sluice0"
#define RUN_MTU 65520

/* After the command ended and its kernel has sent all: how long nothing may move, with flows open and without. */
#define LINGER_QUIET_MS 200
#define LINGER_IDLE_MS 10
#define LINGER_MAX_S 10.0 /* in all */

struct run {
	const struct options *o;
	const struct log *log;
	struct sluice_guest network;
	bool user_namespace;
	uid_t uid;
	gid_t gid;

	pid_t helper;
	int channel, signals;
	struct iface tap;
	struct hooks hooks;
	struct sluice *s;
	struct reload reload;
	bool link_lost;

	int terminal; /* -1: not in the foreground of one */
	int status;   /* the command's; -1: not yet */

	/* As we were started, for the command. */
	struct rlimit files;
	sigset_t mask;
};

/* --- the helper ------------------------------------------------------------------------------------ */

static int
helper_prepare(struct run *r, struct guest_mounts *mounts, struct failure *f)
{
	const struct iface_wish wish = {
	    .name = IFNAME,
	    .mtu_new = r->o->config.mtu ? r->o->config.mtu : RUN_MTU,
	    .mac = options_mac(r->o),
	    .net = &r->network,
	};

	if (r->user_namespace && netns_map_user(r->uid, r->gid, r->o->root, f) < 0)
		return -1;
	/* After the user is mapped: a change of credentials clears it (prctl(2)). */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (iface_make(&wish, &r->tap, f) < 0)
		return -1;
	guest_sysctls(r->user_namespace);
	return guest_mount(&r->network, mounts, r->log, f);
}

static _Noreturn void
helper(struct run *r, int channel)
{
	static struct guest_mounts mounts; /* two paths */
	struct failure f = {.text = ""};

	if (helper_prepare(r, &mounts, &f) < 0) {
		log_say(r->log, SLUICE_LOG_ERROR, "%s", f.text);
		_exit(STATUS_CANNOT);
	}
	struct channel_message m = {.kind = CHANNEL_TAP, .fd = r->tap.fd, .mtu = r->tap.mtu};
	memcpy(m.ifname, r->tap.name, sizeof(m.ifname));
	memcpy(m.mac, r->tap.mac, sizeof(m.mac));
	int error = channel_send(channel, &m);
	close(r->tap.fd);
	/* If sluice could not build its gateway, or died before our death signal was set, this is the end. */
	bool going = error == 0;
	while (going && (going = channel_receive(channel, &m, 0) == 1) && m.kind != CHANNEL_GO)
		trust_take(&m, &mounts, r->log);
	if (!going)
		_exit(STATUS_CANNOT);
	init_run(&(struct init){
	    .channel = channel,
	    .command = r->o->command,
	    .mounts = &mounts,
	    .mask = r->mask,
	    .files = r->files,
	});
}

/* The helper is started and has sent the tap.  -1 with an empty sentence: the helper has said it. */
static int
start_helper(struct run *r, struct failure *f)
{
	int ends[2];
	struct channel_message m;
	int error = channel_pair(ends);

	if (error < 0)
		return failed(
		    f, "cannot talk to a helper process: %s; raise the limit on descriptors (ulimit -n)",
		    strerror(-error));
	r->helper = netns_fork(r->user_namespace, f);
	if (r->helper == 0) {
		close(ends[0]);
		helper(r, ends[1]);
	}
	close(ends[1]);
	r->channel = ends[0];
	if (r->helper < 0)
		return -1;
	f->text[0] = '\0';
	if (channel_receive(r->channel, &m, 0) != 1 || m.fd < 0)
		return -1;
	r->tap = (struct iface){.fd = m.fd, .mtu = m.mtu};
	memcpy(r->tap.name, m.ifname, sizeof(m.ifname));
	memcpy(r->tap.mac, m.mac, sizeof(m.mac));
	return 0;
}

/* The helper ends with the channel, and the namespaces with the helper. */
static void
end_helper(struct run *r)
{
	int status;

	close(r->channel);
	if (r->helper <= 0)
		return;
	while (waitpid(r->helper, &status, 0) < 0)
		if (errno != EINTR)
			return;
	/* Killed by somebody before it could tell how the command ended: so was the command. */
	if (r->status < 0)
		r->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- signals and the terminal ---------------------------------------------------------------------- */

static int
open_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0 && tcgetpgrp(fd) != getpgrp()) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/*
 * An interactive shell makes itself the terminal's foreground and cannot give that back, as our group has no
 * number in its pid namespace.  If the foreground is a group that is gone, it is ours again.
 */
static void
restore_terminal(const struct run *r)
{
	if (r->terminal < 0)
		return;
	pid_t group = tcgetpgrp(r->terminal);
	if (group > 0 && group != getpgrp() && kill(-group, 0) < 0 && errno == ESRCH) {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGTTOU); /* else it would stop us, who are not in front */
		sigprocmask(SIG_BLOCK, &set, NULL);
		tcsetpgrp(r->terminal, getpgrp());
	}
}

/*
 * A terminal sends SIGINT and SIGQUIT to the whole group, the command with it, and so may a process of our
 * group; only one that somebody else sent to sluice alone has to be passed on.
 */
static bool
has_it_already(const struct signalfd_siginfo *info)
{
	if (info->ssi_signo != SIGINT && info->ssi_signo != SIGQUIT)
		return false;
	return info->ssi_code == SI_KERNEL || getpgid((pid_t)info->ssi_pid) == getpgrp();
}

static void
take_signals(struct run *r)
{
	struct signalfd_siginfo info;

	while (read(r->signals, &info, sizeof(info)) == sizeof(info))
		if (reload_is_meant(&r->reload, &info))
			reload_begin(&r->reload);
		else if (!has_it_already(&info))
			channel_send(r->channel,
				     &(struct channel_message){.kind = CHANNEL_SIGNAL,
							       .number = (int32_t)info.ssi_signo});
}

/* The command stopped itself: be a stopped job of the shell's until it says continue. */
static void
stop_too(const struct run *r)
{
	kill(getpid(), SIGSTOP);
	channel_send(r->channel, &(struct channel_message){.kind = CHANNEL_SIGNAL, .number = SIGCONT});
}

/* --- the life of the command ----------------------------------------------------------------------- */

static void
turn(struct run *r, struct pollfd *extra, int n, int max_ms)
{
	if (setup_turn(r->link_lost ? NULL : r->s, extra, n, max_ms) >= 0)
		return;
	/* Only the command itself can have taken its interface away; it goes on as it wished. */
	r->link_lost = true;
	log_say(r->log, SLUICE_LOG_ERROR, "%s: %s; the command goes on without a network", r->tap.name,
		sluice_error(r->s));
}

static void
until_command_ends(struct run *r)
{
	struct pollfd extra[3] = {{.fd = r->channel, .events = POLLIN},
				  {.fd = r->signals, .events = POLLIN},
				  {.fd = r->reload.done, .events = POLLIN}};

	for (;;) {
		turn(r, extra, 3, -1);
		if (extra[1].revents)
			take_signals(r);
		if (extra[2].revents)
			reload_end(&r->reload);
		if (!extra[0].revents)
			continue;
		struct channel_message m;
		int got = channel_receive(r->channel, &m, 1);
		if (got == 1 && m.kind == CHANNEL_STOPPED)
			stop_too(r);
		if (got == 1 && m.kind == CHANNEL_STATUS)
			r->status = m.number;
		if (got == 0 || r->status >= 0)
			return;
	}
}

/*
 * The guest's kernel may still have what the command sent last: let it out, and onto the host's sockets.  Where
 * the other side does not take it there is an end to that too.
 */
static void
linger(struct run *r)
{
	struct pollfd extra[2] = {{.fd = r->channel, .events = POLLIN}, {.fd = r->signals, .events = POLLIN}};
	double begin = setup_now(), now = begin, moved_at = begin;
	uint64_t moved = 0;
	bool drained = false;

	while (!r->link_lost && r->status >= 0 && now - begin < LINGER_MAX_S) {
		turn(r, extra, 2, LINGER_IDLE_MS);
		struct channel_message m;
		int got = extra[0].revents ? channel_receive(r->channel, &m, 1) : 1;
		if (got == 0 || extra[1].revents)
			return; /* somebody is in a hurry */
		drained |= extra[0].revents && got == 1 && m.kind == CHANNEL_DRAINED;

		struct sluice_stats st = {.size = sizeof(st)};
		sluice_get_stats(r->s, &st);
		now = setup_now();
		if (st.frames_in + st.bytes_to_host != moved)
			moved_at = now;
		moved = st.frames_in + st.bytes_to_host;
		if (drained && now - moved_at > (st.tcp_open ? LINGER_QUIET_MS : LINGER_IDLE_MS) / 1e3)
			return;
	}
}

/* The gateway stands: the sandbox, and then the command. */
static int
enter(struct run *r, int pid_file, struct failure *f)
{
	signal(SIGPIPE, SIG_IGN);
	if (reload_init(&r->reload, r->o, r->log, r->s, f) < 0 || sandbox_enter(r->s, r->o, r->log, f) < 0 ||
	    setup_write_pid_file(r->o, pid_file, f) < 0)
		return -1;
	if (channel_send(r->channel, &(struct channel_message){.kind = CHANNEL_GO}) < 0)
		return failed(f, "the guest's first process is gone; somebody killed it, start again");
	return 0;
}

static int
start(struct run *r, struct failure *f)
{
	int pid_file;

	if (hooks_open(&r->hooks, &r->o->way, r->o->events, f) < 0 || start_helper(r, f) < 0)
		return -1;
	struct sluice_config cfg;
	setup_config(r->o, r->log, &cfg);
	setup_tap(&r->tap, &cfg);
	r->s = setup_gateway(r->o, r->log, &r->hooks, &cfg, f);
	if (!r->s) {
		close(r->tap.fd);
		return -1;
	}
	if (setup_open_pid_file(r->o, &pid_file, f) < 0)
		return -1;
	if (trust_send(r->channel, r->s, r->o, f) == 0 && enter(r, pid_file, f) == 0)
		return 0;
	setup_remove_pid_file(r->o);
	return -1;
}

int
verb_run(const struct options *o, const struct log *log)
{
	static const int handled[] = {SIGINT,  SIGQUIT, SIGTERM,   SIGHUP,  SIGUSR1,
				      SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, 0};
	struct run r = {
	    .o = o,
	    .log = log,
	    .network = o->guest,
	    .user_namespace = netns_needs_user(),
	    .uid = geteuid(),
	    .gid = getegid(),
	    .channel = -1,
	    .hooks = {.fd = -1},
	    .status = -1,
	};
	struct failure f = {.text = ""};

	if (r.network.ipv6.on && access("/proc/net/if_inet6", F_OK) < 0) {
		log_say(log, SLUICE_LOG_WARNING,
			"this kernel has no IPv6 (ipv6.disable): the guest has IPv4 alone");
		r.network.ipv6.on = false;
	}
	double begin = setup_now();
	setup_files(&r.files);
	signal(SIGCHLD, SIG_DFL);
	r.signals = setup_signals(handled, &r.mask, &f);
	r.terminal = open_terminal();
	int started = r.signals < 0 ? -1 : start(&r, &f);
	if (started < 0 && f.text[0])
		log_say(log, SLUICE_LOG_ERROR, "%s", f.text);
	if (started == 0) {
		until_command_ends(&r);
		linger(&r);
		reload_done(&r.reload);
	}
	end_helper(&r);
	restore_terminal(&r);
	if (started == 0)
		setup_print_stats(o, r.s, setup_now() - begin);
	if (started == 0)
		setup_remove_pid_file(o);
	sluice_free(r.s);
	hooks_done(&r.hooks);
	return started == 0 ? r.status : STATUS_CANNOT;
}
