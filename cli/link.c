/*
 * link.c - the link of a guest that something else runs
 *
 * A tap lies in a network namespace that may be another's; it is opened by a short-lived child that goes
 * there, and only its descriptor comes back.  Sluice itself stays in the namespace whose sockets it uses.
 *
 * The MTU.  QEMU's stream format tells nothing about checksums and segments, so the length of a frame is all
 * that saves work: 65520 unless given, as those who use it know it from passt.  Nobody suffers who does not
 * hear of it (by DHCP or router advertisement): a guest says in each of its SYNs what it takes.  At a
 * datagram's other end there are programs that take no more than 1514 bytes, and a vhost-user guest hands over
 * 64 KiB at any MTU: 1500 there, which is also what a guest can bridge to its containers.
 */
#include "cli/link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/channel.h"
#include "cli/netns.h"
#include "cli/setup.h"
#include "cli/verbs.h"

#define SERVE_MTU 1500
#define STREAM_MTU 65520

/* --- tap ------------------------------------------------------------------------------------------- */

static int
make_tap(const struct options *o, struct iface *tap, struct failure *f)
{
	const struct iface_wish wish = {
	    .name = o->link.ifname,
	    .mtu = o->config.mtu,
	    .mtu_new = SERVE_MTU,
	    .mac = o->configure ? options_mac(o) : NULL,
	    .net = o->configure ? &o->guest : NULL,
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

/* --- a socket that was inherited ------------------------------------------------------------------- */

/* Its type decides what is spoken on it. */
static int
look_at_fd(const struct options *o, enum sluice_link_kind *kind, struct failure *f)
{
	const struct value_link *l = &o->link;
	int type = 0;
	socklen_t len = sizeof(type);

	if (fcntl(l->fd, F_GETFD) < 0)
		return failed(f,
			      "%s: descriptor %d is not open; whoever starts sluice passes it on, without "
			      "close-on-exec",
			      l->text, l->fd);
	if (getsockopt(l->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return failed(f, "%s: descriptor %d is not a socket; pass on a stream or datagram socket",
			      l->text, l->fd);
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return failed(f,
			      "%s: descriptor %d is neither a stream nor a datagram socket; pass on one of "
			      "those",
			      l->text, l->fd);
	if (l->kind == LINK_VHOST_USER_FD && type != SOCK_STREAM)
		return failed(f, "%s: descriptor %d is no stream socket, as vhost-user needs; pass on one",
			      l->text, l->fd);
	*kind = l->kind == LINK_VHOST_USER_FD ? SLUICE_LINK_VHOST_USER
		: type == SOCK_STREAM         ? SLUICE_LINK_STREAM
					      : SLUICE_LINK_DGRAM;
	return 0;
}

/* --- all of them ----------------------------------------------------------------------------------- */

static enum sluice_link_kind
kind_of_path(enum value_link_kind kind)
{
	switch (kind) {
	case LINK_VFKIT:
		return SLUICE_LINK_DGRAM;
	case LINK_VHOST_USER:
	case LINK_VHOST_USER_CONNECT:
		return SLUICE_LINK_VHOST_USER;
	default:
		return SLUICE_LINK_STREAM;
	}
}

int
link_config(const struct options *o, const struct log *log, struct sluice_config *cfg, struct failure *f)
{
	const struct value_link *l = &o->link;

	if (l->kind == LINK_TAP) {
		struct iface tap = {.fd = -1};
		if ((l->netns ? fetch_tap(o, log, &tap, f) : make_tap(o, &tap, f)) < 0)
			return -1;
		setup_tap(&tap, cfg);
		return 0;
	}
	if (l->kind == LINK_FD || l->kind == LINK_VHOST_USER_FD) {
		if (look_at_fd(o, &cfg->link_kind, f) < 0)
			return -1;
		cfg->link_fd = l->fd;
	} else {
		cfg->link_kind = kind_of_path(l->kind);
		cfg->link_path = l->path;
		cfg->link_connect = l->kind == LINK_QEMU_CONNECT || l->kind == LINK_VHOST_USER_CONNECT;
	}
	if (!o->config.mtu)
		cfg->mtu = cfg->link_kind == SLUICE_LINK_STREAM ? STREAM_MTU : SERVE_MTU;
	return 0;
}
