/*
 * vhost_user.c - the back end of a vhost-user network device as a link (see vhost_user.h)
 *
 * The link wraps the queues' own (link_virtio()): frames, room and sleep are theirs.  What is added here is the
 * connection to the VMM: in receive(), before the queues are looked at, a few messages are read and answered.
 * The connection, or the listening socket while there is none, is in the queues' epoll descriptor, so that the
 * loop wakes for either.
 *
 * Nothing here waits: a message that is cut is kept until the rest comes, and a VMM whose socket has no room for
 * a reply is one that does not read them, and is left.
 */
#include "link/vhost_user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/unix.h"
#include "link/vhost_user_session.h"
#include "link/vmm_socket.h"

#define MESSAGES 16 /* read in one turn */

enum { LOG_WARNING = 1, LOG_INFO = 2 }; /* sluice_log_level */

_Static_assert(UNIX_FDS >= VHOST_USER_REGIONS, "a whole memory table comes in one message");

struct vhost_user {
	struct link link;
	struct virtio_dev *dev;
	struct link *queues;
	struct vhost_user_options opts;
	struct vmm_socket socket;

	struct vhost_user_session session;
	uint8_t in[VHOST_USER_MESSAGE_MAX]; /* a message, as far as it has come */
	size_t have;
	int fds[UNIX_FDS]; /* and the descriptors that came with it; -1: kept by the session */
	unsigned nfds;
};

static struct vhost_user *
vhost_user_of(struct link *l)
{
	return (struct vhost_user *)(void *)l;
}

static void
say(const struct vhost_user *v, unsigned level, const char *line)
{
	if (v->opts.log)
		v->opts.log(v->opts.log_ctx, level, line);
}

/* What the loop reads of a link is the queues'. */
static void
mirror(struct vhost_user *v)
{
	v->link.sink.lim = v->queues->sink.lim;
	v->link.arrived = v->queues->arrived;
	v->link.departed = v->queues->departed;
	v->link.no_room = v->queues->no_room;
	v->link.refused = v->queues->refused;
}

/* --- who is connected -------------------------------------------------------------------------------- */

static int
watch(void *ctx, int fd, bool on)
{
	struct vhost_user *v = ctx;

	return virtio_watch(v->dev, fd, on);
}

/* 1: a VMM is connected now; 0: none; -ENOLINK: none will be. */
static int
accept_vmm(struct vhost_user *v)
{
	int rc = vmm_socket_accept(&v->socket, v->link.reason, sizeof(v->link.reason));

	if (rc > 0)
		vhost_user_session_begin(&v->session, v->dev, &v->opts);
	if (rc < 0)
		v->link.error = -rc;
	return rc;
}

static void
close_fds(struct vhost_user *v)
{
	for (unsigned i = 0; i < v->nfds; i++)
		if (v->fds[i] >= 0)
			close(v->fds[i]);
	v->nfds = 0;
}

static void
detach(struct vhost_user *v)
{
	close(vmm_socket_part(&v->socket));
	vhost_user_session_end(&v->session);
	close_fds(v);
	v->have = 0;
}

/* --- messages -------------------------------------------------------------------------------------- */

/* Read until `want` bytes of the message are there.  1: they are; 0: not yet; -1: the VMM has gone. */
static int
fill(struct vhost_user *v, size_t want)
{
	while (v->have < want) {
		int n = 0;
		ssize_t got = unix_recv_fds(v->socket.fd, v->in + v->have, want - v->have, v->fds + v->nfds,
					    (int)(UNIX_FDS - v->nfds), &n);

		if (got == -EAGAIN)
			return 0;
		v->nfds += (unsigned)n;
		if (got == 0)
			snprintf(v->link.reason, sizeof(v->link.reason), "the VMM closed the connection%s",
				 v->have ? " in the middle of a message" : "");
		else if (got == -EMFILE)
			snprintf(v->link.reason, sizeof(v->link.reason),
				 "descriptors of the VMM could not be taken: more than %d with a message, or "
				 "more than this process may have",
				 UNIX_FDS);
		else if (got < 0)
			snprintf(v->link.reason, sizeof(v->link.reason),
				 "the connection to the VMM broke: %s", strerror((int)-got));
		if (got <= 0)
			return -1;
		v->have += (size_t)got;
	}
	return 1;
}

static int
dismiss(struct vhost_user *v, const char *why)
{
	snprintf(v->link.reason, sizeof(v->link.reason), "the VMM was hung up on: %.130s", why);
	return -1;
}

/* As fill(). */
static int
read_message(struct vhost_user *v, struct vhost_user_message *m)
{
	struct vhost_user_header h;
	char why[128];
	int rc = fill(v, VHOST_USER_HLEN);

	if (rc <= 0)
		return rc;
	struct rd r = rd_of(view_of(v->in, VHOST_USER_HLEN));
	vhost_user_parse_header(&r, &h);
	if (!vhost_user_judge_header(&h, why, sizeof(why)))
		return dismiss(v, why);
	rc = fill(v, VHOST_USER_HLEN + h.size);
	if (rc <= 0)
		return rc;
	if (!vhost_user_parse(&h, view_of(v->in + VHOST_USER_HLEN, h.size), m)) {
		snprintf(why, sizeof(why), "it sent %s whose lengths do not agree",
			 vhost_user_request_name(h.request));
		return dismiss(v, why);
	}
	v->have = 0;
	return 1;
}

static int
reply_to(struct vhost_user *v, const struct vhost_user_message *m)
{
	uint8_t out[VHOST_USER_MESSAGE_MAX];
	struct wr w = wr_of(out, sizeof(out));

	vhost_user_emit(&w, m);
	int rc = unix_send_fds(v->socket.fd, out, (size_t)(w.p - out), NULL, 0);
	if (rc == -EAGAIN)
		return dismiss(v, "it does not read the replies it asks for");
	if (rc < 0) {
		snprintf(v->link.reason, sizeof(v->link.reason), "the connection to the VMM broke: %s",
			 strerror(-rc));
		return -1;
	}
	return 1;
}

/* One message, as fill(). */
static int
serve_message(struct vhost_user *v)
{
	struct vhost_user_message m, reply;
	bool answered = false;
	int rc = read_message(v, &m);

	if (rc <= 0)
		return rc;
	if (!vhost_user_session_take(&v->session, &m, v->fds, v->nfds, &reply, &answered))
		return dismiss(v, v->session.why);
	close_fds(v);
	return answered ? reply_to(v, &reply) : 1;
}

/* False: the VMM has gone. */
static bool
serve(struct vhost_user *v, bool *more)
{
	int rc = 1;

	for (int i = 0; i < MESSAGES && rc > 0; i++)
		rc = serve_message(v);
	*more = rc > 0;
	return rc >= 0;
}

/* --- the link -------------------------------------------------------------------------------------- */

/* What receive() returns when the VMM has gone: the queues tell the loop, if there was a guest. */
static int
vmm_left(struct vhost_user *v, struct frame *out, int max, bool *more)
{
	uint32_t departed = v->link.departed;
	bool unused;

	detach(v);
	v->queues->ops->receive(v->queues, out, max, &unused);
	v->queues->ops->release(v->queues);
	mirror(v);
	if (v->link.departed == departed) /* the loop says it of a guest */
		say(v, LOG_INFO, v->link.reason);
	if (!vmm_socket_next(&v->socket))
		v->link.error = ENOLINK;
	*more = true; /* the next one may be waiting */
	return -v->link.error;
}

static int
vhost_user_receive(struct link *l, struct frame *out, int max, bool *more)
{
	struct vhost_user *v = vhost_user_of(l);
	bool control = false, frames = false;
	uint32_t departed = l->departed;

	*more = false;
	if (l->error)
		return -l->error;
	v->queues->ops->release(v->queues); /* the session changes what the queues lend */
	int here = v->socket.fd >= 0 ? 1 : accept_vmm(v);
	if (here < 0)
		return here;
	if (here > 0 && !serve(v, &control))
		return vmm_left(v, out, max, more);
	int n = v->queues->ops->receive(v->queues, out, max, &frames);
	mirror(v);
	if (l->departed != departed)
		snprintf(l->reason, sizeof(l->reason), "%s", v->queues->reason);
	*more = control || frames;
	return n;
}

static void
vhost_user_release(struct link *l)
{
	struct vhost_user *v = vhost_user_of(l);

	v->queues->ops->release(v->queues);
	if (v->socket.fd >= 0)
		vhost_user_session_watch(&v->session);
}

static int
vhost_user_pollfd(struct link *l, short *events)
{
	struct vhost_user *v = vhost_user_of(l);

	return v->queues->ops->pollfd(v->queues, events);
}

static bool
vhost_user_before_sleep(struct link *l)
{
	struct vhost_user *v = vhost_user_of(l);

	return v->queues->ops->before_sleep(v->queues);
}

/* --- life ------------------------------------------------------------------------------------------ */

static void
vhost_user_free(struct link *l)
{
	struct vhost_user *v = vhost_user_of(l);

	if (v->socket.fd >= 0)
		detach(v);
	vmm_socket_close(&v->socket);
	if (v->queues)
		v->queues->ops->free(v->queues);
	virtio_free(v->dev);
	free(v);
}

static const struct link_ops vhost_user_ops = {
    .name = "vhost-user",
    .receive = vhost_user_receive,
    .release = vhost_user_release,
    .pollfd = vhost_user_pollfd,
    .before_sleep = vhost_user_before_sleep,
    .free = vhost_user_free,
};

void
link_vhost_user_disown(struct link *l)
{
	vmm_socket_disown(&vhost_user_of(l)->socket);
}

/* 0 or -errno. */
static int
make_queues(struct vhost_user *v)
{
	int error = 0;

	v->dev = virtio_new(&error);
	if (!v->dev)
		return -error;
	v->queues = link_virtio(v->link.host, v->dev, v->opts.mtu, &error);
	if (!v->queues)
		return -error;
	v->link.sink = v->queues->sink;
	v->link.eager = v->queues->eager;
	return 0;
}

struct link *
link_vhost_user(struct host *h, const struct vhost_user_options *o, char *why, size_t size)
{
	struct vhost_user *v = calloc(1, sizeof(*v));

	if (!v) {
		snprintf(why, size, "no memory for the link to the guest");
		return NULL;
	}
	v->link.ops = &vhost_user_ops;
	v->link.host = h;
	v->opts = *o;
	v->opts.path = NULL;
	vmm_socket_init(&v->socket, o->one_off, watch, v);
	int rc = make_queues(v);
	if (rc < 0)
		snprintf(why, size, "cannot set up the link to the guest: %s", strerror(-rc));
	if (rc < 0 || !vmm_socket_open(&v->socket, o->path, o->connect, o->fd, why, size)) {
		vhost_user_free(&v->link);
		return NULL;
	}
	if (v->socket.fd >= 0)
		vhost_user_session_begin(&v->session, v->dev, &v->opts);
	return &v->link;
}
