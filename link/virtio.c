/*
 * virtio.c - a virtio-net device without its transport: the lives of its queues (see virtio.h)
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "link/virtio_int.h"

enum { EVENT_WAKE = VIRTIO_QUEUES, EVENT_OTHER };

/* --- the lock -------------------------------------------------------------------------------------- */

int
turn_take(struct turn *t, bool gateway)
{
	int r = 0;

	pthread_mutex_lock(&t->mutex);
	if (t->taken && pthread_equal(t->owner, pthread_self())) {
		r = -EDEADLK;
	} else {
		t->waiting += !gateway;
		while (t->taken || (gateway && t->waiting > 0))
			pthread_cond_wait(&t->given, &t->mutex);
		t->waiting -= !gateway;
		t->taken = true;
		t->owner = pthread_self();
	}
	pthread_mutex_unlock(&t->mutex);
	return r;
}

void
turn_give(struct turn *t)
{
	pthread_mutex_lock(&t->mutex);
	t->taken = false;
	pthread_cond_broadcast(&t->given);
	pthread_mutex_unlock(&t->mutex);
}

void
virtio_interrupt(struct virtio_dev *d, unsigned queue)
{
	static const uint64_t one = 1;
	int fd = d->queue[queue].call_fd;

	if (fd >= 0 && write(fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		d->st.calls++;
}

/* --- control, from any thread ---------------------------------------------------------------------- */

static int
lock(struct virtio_dev *d)
{
	return turn_take(&d->turn, false);
}

/* The gateway must look, also when it sleeps. */
static void
unlock(struct virtio_dev *d)
{
	static const uint64_t one = 1;
	ssize_t n = write(d->wake_fd, &one, sizeof(one)); /* never full: that takes 2^64 of these */

	(void)n;
	turn_give(&d->turn);
}

static int
watch(struct virtio_dev *d, int fd, uint32_t what, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.u32 = what};

	return epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

int
virtio_watch(struct virtio_dev *d, int fd, bool on)
{
	if (on)
		return watch(d, fd, EVENT_OTHER, EPOLLIN);
	return epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0 ? 0 : -errno;
}

/* On failure the old one stays. */
static int
set_kick(struct virtio_dev *d, unsigned queue, int fd)
{
	int *kick = &d->queue[queue].kick_fd;
	int ours = -1;

	if (fd >= 0) {
		ours = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		int error = ours < 0 ? -errno : watch(d, ours, queue, EPOLLIN | EPOLLET);

		if (error) {
			if (ours >= 0)
				close(ours);
			return error;
		}
	}
	if (*kick >= 0) {
		/* Not by close(): the description may live on elsewhere, and epoll knows it, not our number. */
		epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, *kick, NULL);
		close(*kick);
	}
	*kick = ours;
	return 0;
}

static void
stop_queue(struct virtio_dev *d, unsigned queue)
{
	if (queue == VIRTIO_RX)
		virtio_rx_return(d);
	d->queue[queue].q.on = false;
	set_kick(d, queue, -1);
	d->queue[queue].call_fd = -1;
}

static int
start_queue(struct virtio_dev *d, unsigned queue, const struct virtio_queue_setup *s)
{
	struct virtio_queue *vq = &d->queue[queue];

	if (vq->q.on)
		return -EBUSY;
	if (!virtq_start(&vq->q, &d->mem, s->num, s->desc, s->avail, s->used, s->next,
			 d->features & VIRTIO_F_EVENT_IDX, d->features & VIRTIO_F_INDIRECT_DESC))
		return -EINVAL;
	int error = set_kick(d, queue, s->kick_fd);
	if (error) {
		vq->q.on = false;
		return error;
	}
	vq->call_fd = s->call_fd;
	if (queue == VIRTIO_TX)
		d->present = true;
	return 0;
}

int
virtio_start(struct virtio_dev *d, unsigned queue, const struct virtio_queue_setup *q)
{
	if (queue >= VIRTIO_QUEUES)
		return -EINVAL;
	int r = lock(d);
	if (r == 0) {
		r = start_queue(d, queue, q);
		unlock(d);
	}
	return r;
}

int
virtio_stop(struct virtio_dev *d, unsigned queue)
{
	if (queue >= VIRTIO_QUEUES)
		return -EINVAL;
	int r = lock(d);
	if (r == 0) {
		stop_queue(d, queue);
		r = d->queue[queue].q.next_avail;
		unlock(d);
	}
	return r;
}

int
virtio_set_kick(struct virtio_dev *d, unsigned queue, int fd)
{
	if (queue >= VIRTIO_QUEUES)
		return -EINVAL;
	int r = lock(d);
	if (r == 0) {
		r = d->queue[queue].q.on ? set_kick(d, queue, fd) : -EINVAL;
		unlock(d);
	}
	return r;
}

int
virtio_set_call(struct virtio_dev *d, unsigned queue, int fd)
{
	if (queue >= VIRTIO_QUEUES)
		return -EINVAL;
	int r = lock(d);
	if (r == 0) {
		d->queue[queue].call_fd = d->queue[queue].q.on ? fd : -1;
		r = d->queue[queue].q.on ? 0 : -EINVAL;
		unlock(d);
	}
	return r;
}

int
virtio_reset(struct virtio_dev *d)
{
	int r = lock(d);

	if (r)
		return r;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		stop_queue(d, i);
		d->queue[i].q = (struct virtq){0};
	}
	d->features = 0;
	if (d->link && d->present) {
		d->link->gone = true;
		d->link->announced = false;
	}
	d->present = false;
	unlock(d);
	return 0;
}

int
virtio_set_features(struct virtio_dev *d, uint64_t accepted)
{
	int r = lock(d);

	if (r)
		return r;
	accepted &= VIRTIO_LINK_FEATURES;
	if (accepted != d->features && (d->queue[VIRTIO_RX].q.on || d->queue[VIRTIO_TX].q.on))
		r = -EBUSY;
	else
		d->features = accepted;
	unlock(d);
	return r;
}

int
virtio_set_memory(struct virtio_dev *d, const struct guest_region *r, size_t n)
{
	int error = lock(d);

	if (error)
		return error;
	if (guest_memory_set(&d->mem, r, n)) {
		virtio_rx_return(d);
		for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
			virtq_still_there(&d->queue[i].q);
	} else {
		error = -EINVAL;
	}
	unlock(d);
	return error;
}

void
virtio_get_stats(struct virtio_dev *d, struct virtio_stats *st)
{
	bool entered = lock(d) == 0; /* false: a hook, and the lock is ours */

	*st = d->st;
	st->running = st->broken = 0;
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		st->running |= (uint32_t)d->queue[i].q.on << i;
		st->broken |= (uint32_t)(d->queue[i].q.fault != VIRTQ_FINE) << i;
	}
	if (entered)
		turn_give(&d->turn);
}

/* --- making ---------------------------------------------------------------------------------------- */

struct virtio_dev *
virtio_new(int *err)
{
	struct virtio_dev *d = calloc(1, sizeof(*d));

	*err = ENOMEM;
	if (!d)
		return NULL;
	/* Neither can fail with the default attributes. */
	pthread_mutex_init(&d->turn.mutex, NULL);
	pthread_cond_init(&d->turn.given, NULL);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		d->queue[i].kick_fd = d->queue[i].call_fd = -1;
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->wake_fd = d->epoll_fd < 0 ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	*err =
	    d->epoll_fd < 0 || d->wake_fd < 0 ? errno : -watch(d, d->wake_fd, EVENT_WAKE, EPOLLIN | EPOLLET);
	if (*err) {
		virtio_free(d);
		return NULL;
	}
	return d;
}

void
virtio_free(struct virtio_dev *d)
{
	if (!d)
		return;
	assert(!d->link);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
		set_kick(d, i, -1);
	if (d->wake_fd >= 0)
		close(d->wake_fd);
	if (d->epoll_fd >= 0)
		close(d->epoll_fd);
	pthread_cond_destroy(&d->turn.given);
	pthread_mutex_destroy(&d->turn.mutex);
	free(d);
}
