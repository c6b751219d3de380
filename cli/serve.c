/*
 * serve.c - sluice serve: the gateway of a guest that something else runs
 *
 * The tap lies in a network namespace that may be another's; it is opened by a short-lived child that goes
 * there, and only its descriptor comes back.  Sluice itself stays in the namespace whose sockets it uses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/channel.h"
#include "cli/netns.h"
#include "cli/setup.h"
#include "cli/verbs.h"

#define SERVE_MTU 1500

static int
make_tap(const struct options *o, struct iface *tap, struct failure *f)
{
	const struct iface_wish wish = {
	    .name = o->link.ifname,
	    .mtu = o->mtu,
	    .mtu_new = SERVE_MTU,
	    .mac = o->configure && o->has_mac ? o->mac : NULL,
	    .net = o->configure ? &o->network : NULL,
	};

	if (o->link.netns && netns_join(o->link.netns, o->link.netns_is_pid, f) < 0)
		return -1;
	return iface_make(&wish, tap, f);
}

static _Noreturn void
tap_helper(const struct options *o, const struct log *log, int channel)
{
	struct iface tap = {.fd = -1};
	struct failure f = {.text = ""};

	if (make_tap(o, &tap, &f) < 0) {
		log_say(log, SLUICE_LOG_ERROR, "%s", f.text);
		_exit(STATUS_CANNOT);
	}
	struct channel_message m = {.kind = CHANNEL_TAP, .fd = tap.fd, .mtu = tap.mtu};
	memcpy(m.ifname, tap.name, sizeof(m.ifname));
	memcpy(m.mac, tap.mac, sizeof(m.mac));
	_exit(channel_send(channel, &m) < 0 ? STATUS_CANNOT : STATUS_OK);
}

/* make_tap() by a child in the tap's namespace.  -1 with an empty sentence: the child has said it. */
static int
fetch_tap(const struct options *o, const struct log *log, struct iface *tap, struct failure *f)
{
	int ends[2];

	int error = channel_pair(ends);
	pid_t child = error < 0 ? -1 : fork();
	if (child < 0)
		return failed(f,
			      "cannot start a helper process: %s; raise the limit on processes (ulimit -u)",
			      strerror(error < 0 ? -error : errno));
	if (child == 0)
		tap_helper(o, log, ends[1]);
	close(ends[1]);

	struct channel_message m;
	int got = channel_receive(ends[0], &m, 0);
	close(ends[0]);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	f->text[0] = '\0';
	if (got != 1 || m.fd < 0)
		return -1;
	*tap = (struct iface){.fd = m.fd, .mtu = m.mtu};
	memcpy(tap->name, m.ifname, sizeof(tap->name));
	memcpy(tap->mac, m.mac, sizeof(tap->mac));
	return 0;
}

/* Until a signal says so (0) or the link is gone (-1). */
static int
serve(struct sluice *s, int signals)
{
	struct pollfd extra = {.fd = signals, .events = POLLIN};

	for (;;) {
		int r = setup_turn(s, &extra, 1, -1);
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (extra.revents)
			return 0;
	}
}

static int
start(const struct options *o, const struct log *log, struct iface *tap, struct sluice **s, struct failure *f)
{
	struct rlimit before;

	setup_files(&before);
	if ((o->link.netns ? fetch_tap(o, log, tap, f) : make_tap(o, tap, f)) < 0)
		return -1;
	*s = setup_gateway(o, log, tap, f);
	if (!*s) {
		close(tap->fd);
		return -1;
	}
	if (setup_pid_file(o, f) < 0) {
		sluice_free(*s);
		return -1;
	}
	return 0;
}

int
verb_serve(const struct options *o, const struct log *log)
{
	static const int handled[] = {SIGINT, SIGTERM, SIGHUP, 0};
	struct sluice *s = NULL;
	struct iface tap = {.fd = -1};
	struct failure f = {.text = ""};
	sigset_t mask;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	int signals = setup_signals(handled, &mask);
	double begin = setup_now();
	if (start(o, log, &tap, &s, &f) < 0) {
		if (f.text[0])
			log_say(log, SLUICE_LOG_ERROR, "%s", f.text);
		return STATUS_CANNOT;
	}
	log_say(log, SLUICE_LOG_INFO, "serving %s: guest %s %s, MTU %u", tap.name, o->network.v4.guest_text,
		o->network.v6.guest_text, tap.mtu);

	int r = serve(s, signals);
	if (r < 0)
		log_say(log, SLUICE_LOG_ERROR, "%s: %s", tap.name, sluice_error(s));
	setup_print_stats(o, s, setup_now() - begin);
	setup_remove_pid_file(o);
	sluice_free(s);
	return r < 0 ? STATUS_CANNOT : STATUS_OK;
}
