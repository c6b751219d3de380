/*
 * vhost_epoll.c - readiness as epoll(7) has it, edge-triggered and level-triggered
 *
 * A descriptor goes on the ready list when it is armed while something is true of it, and each time
 * something happens to it.  When the list is read, each is asked what is true now: that is what is
 * reported, and nothing if nothing is.  An edge-triggered one then leaves the list until the next event,
 * a level-triggered one stays.  As in the kernel, room to write is only an event when a write has fallen
 * short before, or when readiness was asked for while there was none, and then only once a third of the
 * buffer is free (sk_stream_is_writeable()).
 */
#include <errno.h>

#include "link/vhost_int.h"

static bool
has_room(const struct vhost_sock *s)
{
	if (s->plain || s->kind == HOST_TCP)
		return s->out.len < s->out_max && s->out_max - s->out.len >= s->out.len / 2;
	return s->dgrams_out.bytes < s->out_max / 2;
}

static struct host_event
stream_readiness(struct vhost_sock *s)
{
	bool dead = s->state == VHOST_DEAD;
	struct host_event ev = {.token = s->token, .error = s->error != 0};

	if (s->state == VHOST_CONNECTING)
		return ev;
	if (s->state == VHOST_LISTENING) {
		ev.readable = s->nclient > 0;
		return ev;
	}
	ev.readable = s->in.len > 0 || s->in_eof || dead;
	ev.hangup = s->state == VHOST_NEW || s->in_eof || dead;
	ev.writable = s->out_eof || dead || has_room(s);
	if (!ev.writable)
		s->no_space = true;
	return ev;
}

struct host_event
vhost_readiness(struct vhost_sock *s)
{
	struct host_event ev;

	if (s->kind == HOST_TCP) {
		ev = stream_readiness(s);
	} else {
		ev = (struct host_event){
		    .token = s->token,
		    .readable = s->dgrams_in.first != NULL,
		    .writable = has_room(s),
		    .error = s->error != 0 || s->nerror > 0,
		};
		if (!ev.writable)
			s->no_space = true;
	}
	if (s->armed == VHOST_LEVEL || s->armed == VHOST_EDGE_READ)
		ev.writable = false;
	return ev;
}

static bool
is_event(const struct host_event *ev)
{
	return ev->readable || ev->writable || ev->hangup || ev->error;
}

void
vhost_notify(struct vhost *v, struct vhost_sock *s)
{
	if (s->armed == VHOST_UNARMED || s->is_ready)
		return;
	s->is_ready = true;
	s->ready_next = NULL;
	*v->ready_last = s;
	v->ready_last = &s->ready_next;
}

void
vhost_made_room(struct vhost *v, struct vhost_sock *s)
{
	if (s->no_space && has_room(s)) {
		s->no_space = false;
		vhost_notify(v, s);
	}
}

/* Linear in the ready list, as it is singly linked: closing happens less often than events do. */
void
vhost_disarm(struct vhost *v, struct vhost_sock *s)
{
	s->armed = VHOST_UNARMED;
	if (!s->is_ready)
		return;
	s->is_ready = false;
	struct vhost_sock **at = &v->ready_first;
	while (*at != s)
		at = &(*at)->ready_next;
	*at = s->ready_next;
	if (!*at)
		v->ready_last = at;
}

static int
arm(struct host *h, int fd, uint64_t token, enum vhost_armed how, enum vhost_op op)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return -EBADF;
	int rc = vhost_failing(v, op, s);
	if (rc < 0)
		return rc;
	s->armed = how;
	s->token = token;
	vhost_notify(v, s);
	return 0;
}

int
vhost_arm(struct host *h, int fd, uint64_t token)
{
	return arm(h, fd, token, VHOST_EDGE, OP_ARM);
}

int
vhost_arm_read(struct host *h, int fd, uint64_t token)
{
	return arm(h, fd, token, VHOST_EDGE_READ, OP_ARM_READ);
}

int
vhost_arm_level(struct host *h, int fd, uint64_t token)
{
	return arm(h, fd, token, VHOST_LEVEL, OP_ARM_LEVEL);
}

int
vhost_events(struct host *h, struct host_event *out, int n)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *kept = NULL, **last_kept = &kept;
	int got = 0;
	int rc = vhost_failing(v, OP_EVENTS, NULL);

	if (rc < 0)
		return rc;
	n = v->partly && n > 1 ? 1 : n;
	if (v->addrs_watched && v->addrs_changed && n > 0)
		out[got++] = (struct host_event){.token = v->addrs_token, .readable = true};
	while (got < n && v->ready_first) {
		struct vhost_sock *s = v->ready_first;

		v->ready_first = s->ready_next;
		if (!v->ready_first)
			v->ready_last = &v->ready_first;
		s->is_ready = false;
		out[got] = vhost_readiness(s);
		if (!is_event(&out[got]))
			continue;
		got++;
		if (s->armed == VHOST_LEVEL) {
			s->ready_next = NULL;
			*last_kept = s;
			last_kept = &s->ready_next;
		}
	}
	while (kept) {
		struct vhost_sock *s = kept;

		kept = s->ready_next;
		vhost_notify(v, s);
	}
	return got;
}

int
vhost_event_fd(struct host *h)
{
	(void)h;
	return VHOST_EVENT_FD;
}

static short
poll_events(struct vhost *v, int fd)
{
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (fd == VHOST_WAKE_FD)
		return v->awake ? POLLIN : 0;
	if (fd == VHOST_EVENT_FD) {
		if (v->addrs_watched && v->addrs_changed)
			return POLLIN;
		for (struct vhost_sock *r = v->ready_first; r; r = r->ready_next) {
			struct host_event ev = vhost_readiness(r);

			if (is_event(&ev))
				return POLLIN;
		}
		return 0;
	}
	if (!s)
		return fd < 0 ? 0 : POLLNVAL;
	struct host_event ev = vhost_readiness(s);
	return (short)((ev.readable ? POLLIN : 0) | (ev.writable ? POLLOUT : 0) | (ev.error ? POLLERR : 0));
}

/* Never sleeps: time is the caller's. */
int
vhost_poll(struct host *h, struct pollfd *fds, int n, usec_t timeout)
{
	struct vhost *v = vhost_of(h);
	int ready = 0;
	int rc = vhost_failing(v, OP_POLL, NULL);

	(void)timeout;
	if (rc < 0)
		return rc;
	for (int i = 0; i < n; i++) {
		fds[i].revents = (short)(poll_events(v, fds[i].fd) & (fds[i].events | POLLERR | POLLNVAL));
		if (fds[i].revents)
			ready++;
	}
	return ready;
}
