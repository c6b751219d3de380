/*
 * hooks.c - one context for all hooks
 */
#include "cli/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli/value.h"

static int
on_connect(void *ctx, const struct sluice_connect *c, struct sluice_route *how)
{
	const struct hooks *h = ctx;

	return way_answer(h->way, c, how);
}

static void
on_event(void *ctx, const struct sluice_event *e)
{
	const struct hooks *h = ctx;

	sluice_event_log_write(h->events, e);
}

/* The descriptor; h->fd if it is ours. */
static int
open_events(struct hooks *h, const char *events, struct failure *f)
{
	uint64_t n;

	if (strcmp(events, "-") == 0)
		return STDOUT_FILENO;
	if (strncmp(events, "fd:", 3) == 0) {
		if (!value_number(events + 3, 0, INT_MAX, &n))
			return failed(f, "--events %s: not a descriptor; write it as in fd:3", events);
		if (fcntl((int)n, F_GETFD) < 0)
			return failed(f, "--events %s: %s; open it before sluice is started, as in 3>file",
				      events, strerror(errno));
		/* Not for the guest's command, nor for whoever else is started. */
		if (n > STDERR_FILENO)
			fcntl((int)n, F_SETFD, FD_CLOEXEC);
		return (int)n;
	}
	/* What a guest does is nobody else's to read.  A FIFO without a reader is an error, not a reason to wait. */
	h->fd = open(events, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
	if (h->fd < 0)
		return failed(f, "--events %s: cannot be written: %s; name a file in a folder of yours",
			      events, strerror(errno));
	return h->fd;
}

int
hooks_open(struct hooks *h, const struct way *way, const char *events, struct failure *f)
{
	*h = (struct hooks){.way = way, .fd = -1};
	if (!events)
		return 0;
	int fd = open_events(h, events, f);
	if (fd < 0)
		return -1;
	h->events = sluice_event_log_new(fd);
	return h->events ? 0 : failed(f, "--events %s: no memory", events);
}

void
hooks_use(struct hooks *h, struct sluice_config *cfg)
{
	cfg->hook_ctx = h;
	if (way_is_needed(h->way))
		cfg->connect = on_connect;
	if (h->events)
		cfg->event = on_event;
}

void
hooks_done(struct hooks *h)
{
	sluice_event_log_free(h->events);
	h->events = NULL;
	if (h->fd > 0)
		close(h->fd);
	h->fd = -1;
}
