/*
 * vhost_queue.c - byte and datagram queues of the virtual host, and iovec arithmetic
 */
#include <stdlib.h>

#include "link/vhost_int.h"

bool
vhost_bytes_put(struct vhost_bytes *q, const void *from, size_t len)
{
	if (len == 0)
		return true;
	if (q->at > 0 && q->at + q->len + len > q->room) {
		memmove(q->p, q->p + q->at, q->len);
		q->at = 0;
	}
	if (q->len + len > q->room) {
		size_t room = q->room ? q->room : 4096;

		while (room < q->len + len)
			room *= 2;
		uint8_t *p = realloc(q->p, room);
		if (!p)
			return false;
		q->p = p;
		q->room = room;
	}
	memcpy(q->p + q->at + q->len, from, len);
	q->len += len;
	return true;
}

size_t
vhost_bytes_take(struct vhost_bytes *q, void *to, size_t max)
{
	size_t n = q->len < max ? q->len : max;

	if (n > 0)
		memcpy(to, q->p + q->at, n);
	q->at += n;
	q->len -= n;
	if (q->len == 0)
		q->at = 0;
	return n;
}

void
vhost_bytes_free(struct vhost_bytes *q)
{
	free(q->p);
	*q = (struct vhost_bytes){0};
}

void
vhost_dgrams_init(struct vhost_dgrams *q)
{
	*q = (struct vhost_dgrams){.last = &q->first};
}

struct vhost_dgram *
vhost_dgram_new(size_t len)
{
	struct vhost_dgram *d = malloc(sizeof(*d) + len);

	if (d)
		*d = (struct vhost_dgram){.len = len};
	return d;
}

void
vhost_dgrams_put(struct vhost_dgrams *q, struct vhost_dgram *d)
{
	d->next = NULL;
	*q->last = d;
	q->last = &d->next;
	q->bytes += d->len + VHOST_DGRAM_COST;
}

struct vhost_dgram *
vhost_dgrams_take(struct vhost_dgrams *q)
{
	struct vhost_dgram *d = q->first;

	if (d) {
		q->first = d->next;
		if (!q->first)
			q->last = &q->first;
		q->bytes -= d->len + VHOST_DGRAM_COST;
	}
	return d;
}

void
vhost_dgrams_free(struct vhost_dgrams *q)
{
	for (struct vhost_dgram *d; (d = vhost_dgrams_take(q));)
		free(d);
}

size_t
vhost_iov_len(const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

/* len bytes out of iov from byte `at` on; returns how many there were. */
size_t
vhost_gather(const struct iovec *iov, int n, size_t at, void *to, size_t len)
{
	size_t done = 0;

	for (int i = 0; i < n && done < len; i++) {
		size_t skip = at < iov[i].iov_len ? at : iov[i].iov_len;
		size_t take = iov[i].iov_len - skip;

		at -= skip;
		if (take > len - done)
			take = len - done;
		if (take > 0)
			memcpy((uint8_t *)to + done, (const uint8_t *)iov[i].iov_base + skip, take);
		done += take;
	}
	return done;
}

/* len bytes into iov from byte `at` on; returns how many had room. */
size_t
vhost_scatter(const struct iovec *iov, int n, size_t at, const void *from, size_t len)
{
	size_t done = 0;

	for (int i = 0; i < n && done < len; i++) {
		size_t skip = at < iov[i].iov_len ? at : iov[i].iov_len;
		size_t put = iov[i].iov_len - skip;

		at -= skip;
		if (put > len - done)
			put = len - done;
		if (put > 0)
			memcpy((uint8_t *)iov[i].iov_base + skip, (const uint8_t *)from + done, put);
		done += put;
	}
	return done;
}
