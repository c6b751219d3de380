/*
 * vmm_socket.c - the stream socket by which a VMM comes to a link (see vmm_socket.h)
 */
#include "link/vmm_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ACCEPT_AGAIN_MS 100 /* after an accept(2) for which there was no descriptor */

static int
set_watch(struct vmm_socket *s, int fd, bool on)
{
	return s->watch(s->ctx, fd, on);
}

/* --- who is connected ------------------------------------------------------------------------------ */

static int
attach(struct vmm_socket *s, int fd)
{
	int rc = set_watch(s, fd, true);

	if (rc == 0)
		s->fd = fd;
	return rc;
}

/* No descriptor or no memory for the VMM that waits, or none to watch for it. */
static void
pause_listener(struct vmm_socket *s)
{
	struct itimerspec when = {.it_value = {.tv_nsec = ACCEPT_AGAIN_MS * 1000000L}};

	s->paused = true;
	set_watch(s, s->listener, false);
	timerfd_settime(s->timer, 0, &when, NULL);
}

static void
stop_timer(struct vmm_socket *s)
{
	struct itimerspec never = {0};

	if (!s->paused)
		return;
	s->paused = false;
	timerfd_settime(s->timer, 0, &never, NULL); /* and no longer readable */
}

static void
watch_listener(struct vmm_socket *s)
{
	stop_timer(s);
	if (set_watch(s, s->listener, true) < 0)
		pause_listener(s);
}

/* accept(2) says EAGAIN of such a socket, and poll(2) that it is ready, for ever. */
static bool
is_shut_down(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

int
vmm_socket_accept(struct vmm_socket *s, char *why, size_t size)
{
	int fd = unix_accept(s->listener);

	if (fd < 0 && is_shut_down(s->listener)) {
		snprintf(why, size, "the socket that was to be listened at has been shut down");
		return -ENOLINK;
	}
	if (fd >= 0 && attach(s, fd) < 0) {
		close(fd);
		fd = -ENOMEM;
	}
	if (fd >= 0) {
		stop_timer(s);
		set_watch(s, s->listener, false);
	} else if (fd != -EAGAIN) {
		pause_listener(s);
	} else if (s->paused) {
		watch_listener(s);
	}
	return fd >= 0 ? 1 : 0;
}

int
vmm_socket_part(struct vmm_socket *s)
{
	int fd = s->fd;

	set_watch(s, fd, false);
	s->fd = -1;
	return fd;
}

bool
vmm_socket_next(struct vmm_socket *s)
{
	if (s->listener < 0 || s->one_off)
		return false;
	watch_listener(s);
	return true;
}

/* --- life ------------------------------------------------------------------------------------------ */

void
vmm_socket_init(struct vmm_socket *s, bool one_off, int (*watch)(void *ctx, int fd, bool on), void *ctx)
{
	*s = (struct vmm_socket){
	    .fd = -1, .listener = -1, .timer = -1, .one_off = one_off, .watch = watch, .ctx = ctx};
}

/* Of a socket that is one or the other; 0 or -errno, and the socket is then the caller's. */
static int
begin(struct vmm_socket *s, int fd, bool listening)
{
	if (!listening)
		return attach(s, fd);
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (s->timer < 0)
		return -errno;
	int rc = set_watch(s, s->timer, true);
	if (rc == 0)
		rc = set_watch(s, fd, true);
	if (rc == 0)
		s->listener = fd;
	return rc;
}

bool
vmm_socket_open(struct vmm_socket *s, const char *path, bool to_vmm, int fd, char *why, size_t size)
{
	bool listening = false;

	fd = unix_stream(path, to_vmm, fd, &listening, why, size);
	if (fd < 0)
		return false;
	int rc = begin(s, fd, listening);
	if (rc < 0) {
		snprintf(why, size, "cannot set up the link to the guest: %s", strerror(-rc));
		if (path) {
			if (listening)
				unix_unlink(path, fd);
			close(fd);
		}
		return false;
	}
	if (path)
		snprintf(s->path, sizeof(s->path), "%s", path);
	return true;
}

void
vmm_socket_disown(struct vmm_socket *s)
{
	if (!s->path[0])
		s->listener = s->fd = -1;
}

void
vmm_socket_close(struct vmm_socket *s)
{
	if (s->listener >= 0) {
		if (s->path[0])
			unix_unlink(s->path, s->listener);
		close(s->listener);
	}
	if (s->timer >= 0)
		close(s->timer);
}
