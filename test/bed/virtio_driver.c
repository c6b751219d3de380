/*
 * virtio_driver.c - the driver's side of virtqueues (see virtio_driver.h)
 */
#include "test/bed/virtio_driver.h"

#include <endian.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ENTRIES = 4, DESC_SIZE = 16 };

static void
die(const char *why)
{
	fprintf(stderr, "virtio driver: %s\n", why);
	abort();
}

/* --- memory ---------------------------------------------------------------------------------------- */

void
driver_init(struct driver *d, uint64_t size, uint64_t gpa)
{
	*d = (struct driver){.memory = calloc(1, size), .gpa = gpa, .size = size};
	if (!d->memory)
		die("no memory");
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		d->kick_fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		d->call_fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (d->kick_fd[i] < 0 || d->call_fd[i] < 0)
			die("no descriptors");
	}
}

void
driver_free(struct driver *d)
{
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		close(d->kick_fd[i]);
		close(d->call_fd[i]);
	}
	free(d->memory);
}

struct guest_region
driver_region(const struct driver *d)
{
	return (struct guest_region){.gpa = d->gpa, .size = d->size, .base = d->memory};
}

uint64_t
driver_alloc(struct driver *d, uint64_t size, uint64_t align)
{
	uint64_t at = (d->allocated + align - 1) / align * align;

	if (size > d->size || at > d->size - size)
		die("its memory is too small");
	d->allocated = at + size;
	return d->gpa + at;
}

uint8_t *
driver_at(const struct driver *d, uint64_t gpa)
{
	if (gpa < d->gpa || gpa - d->gpa > d->size)
		die("an address that is not its own");
	return d->memory + (gpa - d->gpa);
}

static uint16_t
read16(const struct driver *d, uint64_t gpa)
{
	return le16toh(atomic_load((const _Atomic uint16_t *)(const void *)driver_at(d, gpa)));
}

static void
write16(const struct driver *d, uint64_t gpa, uint16_t v)
{
	atomic_store((_Atomic uint16_t *)(void *)driver_at(d, gpa), htole16(v));
}

/* --- rings ----------------------------------------------------------------------------------------- */

void
driver_queue_init(struct driver *d, unsigned queue, const struct driver_queue_conf *c)
{
	struct driver_queue *q = &d->q[queue];

	memset(q, 0, sizeof(*q));
	q->d = d;
	q->conf = *c;
	q->desc = driver_alloc(d, (uint64_t)c->num * DESC_SIZE, 16);
	q->avail = driver_alloc(d, ENTRIES + 2u * c->num + 2, 2);
	q->used = driver_alloc(d, ENTRIES + 8u * c->num + 2, 4);
	if (c->tables)
		q->indirect = driver_alloc(d, (uint64_t)c->num * c->tables * DESC_SIZE, 16);
	q->added = q->published = q->taken = c->start;
	q->nfree = c->num;
	for (uint16_t i = 0; i < c->num; i++)
		q->next[i] = (uint16_t)(i + 1);
	write16(d, q->avail, 0);
	write16(d, q->avail + 2, c->start);
	write16(d, q->used, 0);
	write16(d, q->used + 2, c->start);
	driver_used_event(q, c->start);
}

struct virtio_queue_setup
driver_setup(const struct driver *d, unsigned queue)
{
	const struct driver_queue *q = &d->q[queue];

	return (struct virtio_queue_setup){.num = q->conf.num,
					   .next = q->conf.start,
					   .desc = q->desc,
					   .avail = q->avail,
					   .used = q->used,
					   .kick_fd = d->kick_fd[queue],
					   .call_fd = d->call_fd[queue]};
}

struct sluice_virtqueue
driver_virtqueue(const struct driver *d, unsigned queue)
{
	struct virtio_queue_setup s = driver_setup(d, queue);

	return (struct sluice_virtqueue){.size = sizeof(struct sluice_virtqueue),
					 .num = s.num,
					 .desc = s.desc,
					 .avail = s.avail,
					 .used = s.used,
					 .next = s.next,
					 .kick_fd = s.kick_fd,
					 .call_fd = s.call_fd};
}

void
driver_desc(struct driver *d, uint64_t table, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
	    uint16_t next)
{
	uint8_t *at = driver_at(d, table + (uint64_t)i * DESC_SIZE);

	addr = htole64(addr);
	len = htole32(len);
	flags = htole16(flags);
	next = htole16(next);
	memcpy(at, &addr, 8);
	memcpy(at + 8, &len, 4);
	memcpy(at + 12, &flags, 2);
	memcpy(at + 14, &next, 2);
}

/* --- adding ---------------------------------------------------------------------------------------- */

static uint16_t
flags_of(const struct driver_part *p, bool last)
{
	return (uint16_t)((p->write ? DRIVER_WRITE : 0) | (last ? 0 : DRIVER_NEXT));
}

static uint16_t
free_take(struct driver_queue *q)
{
	uint16_t i = q->free;

	q->free = q->next[i];
	q->nfree--;
	return i;
}

static void
add_indirect(struct driver_queue *q, uint16_t head, const struct driver_part *parts, unsigned n)
{
	uint64_t table = q->indirect + (uint64_t)head * q->conf.tables * DESC_SIZE;

	for (unsigned i = 0; i < n; i++)
		driver_desc(q->d, table, (uint16_t)i, parts[i].gpa, parts[i].len,
			    flags_of(&parts[i], i + 1 == n), (uint16_t)(i + 1));
	driver_desc(q->d, q->desc, head, table, n * DESC_SIZE, DRIVER_INDIRECT, 0);
}

static void
offer(struct driver_queue *q, uint16_t head)
{
	write16(q->d, q->avail + ENTRIES + 2u * (q->added & (q->conf.num - 1u)), head);
	q->added = (uint16_t)(q->added + 1u);
}

bool
driver_add(struct driver_queue *q, const struct driver_part *parts, unsigned n, bool indirect,
	   uint64_t cookie)
{
	if ((indirect ? 1 : n) > q->nfree || (indirect && n > q->conf.tables))
		return false;
	uint16_t head = free_take(q);

	q->cookie[head] = cookie;
	q->length[head] = (uint16_t)(indirect ? 1 : n);
	if (indirect)
		add_indirect(q, head, parts, n);
	for (unsigned i = 0, at = head; !indirect && i < n; i++) {
		bool last = i + 1 == n;
		uint16_t next = last ? 0 : free_take(q);

		driver_desc(q->d, q->desc, (uint16_t)at, parts[i].gpa, parts[i].len,
			    flags_of(&parts[i], last), next);
		q->next[at] = next;
		at = next;
	}
	offer(q, head);
	return true;
}

bool
driver_publish(struct driver_queue *q)
{
	uint16_t before = q->published;

	write16(q->d, q->avail + 2, q->added);
	q->published = q->added;
	if (!q->conf.event_idx)
		return !(read16(q->d, q->used) & 1);
	return (uint16_t)(q->added - driver_avail_event(q) - 1) < (uint16_t)(q->added - before);
}

void
driver_kick(struct driver *d, unsigned queue)
{
	if (eventfd_write(d->kick_fd[queue], 1) < 0)
		die("cannot kick");
}

/* --- taking back ----------------------------------------------------------------------------------- */

bool
driver_used(struct driver_queue *q, uint64_t *cookie, uint32_t *len)
{
	uint16_t index = read16(q->d, q->used + 2);
	uint32_t entry[2];

	if ((uint16_t)(index - q->taken) > q->conf.num)
		q->wrong = "the used index jumped";
	if (index == q->taken || q->wrong)
		return false;
	memcpy(entry, driver_at(q->d, q->used + ENTRIES + 8u * (q->taken & (q->conf.num - 1u))),
	       sizeof(entry));
	uint32_t head = le32toh(entry[0]);

	if (head >= q->conf.num || q->length[head] == 0) {
		q->wrong = "a head came back that was not out";
		return false;
	}
	q->taken = (uint16_t)(q->taken + 1u);
	*cookie = q->cookie[head];
	*len = le32toh(entry[1]);
	for (uint16_t i = (uint16_t)head, n = q->length[head]; n > 0; n--) {
		uint16_t next = q->next[i];

		q->next[i] = q->free;
		q->free = i;
		q->nfree++;
		i = next;
	}
	q->length[head] = 0;
	return true;
}

bool
driver_arm(struct driver_queue *q)
{
	if (q->conf.event_idx)
		driver_used_event(q, q->taken);
	else
		write16(q->d, q->avail, 0);
	return read16(q->d, q->used + 2) != q->taken;
}

void
driver_hush(struct driver_queue *q)
{
	if (!q->conf.event_idx)
		write16(q->d, q->avail, 1);
}

bool
driver_interrupted(struct driver *d, unsigned queue)
{
	eventfd_t n;

	return eventfd_read(d->call_fd[queue], &n) == 0;
}

/* --- against the rules ----------------------------------------------------------------------------- */

void
driver_offer(struct driver_queue *q, uint16_t head)
{
	offer(q, head);
	driver_publish(q);
}

void
driver_avail_write(struct driver_queue *q, size_t off, uint16_t v)
{
	write16(q->d, q->avail + off, v);
}

uint16_t
driver_used_read(const struct driver_queue *q, size_t off)
{
	return read16(q->d, q->used + off);
}

uint16_t
driver_avail_event(const struct driver_queue *q)
{
	return read16(q->d, q->used + ENTRIES + 8u * q->conf.num);
}

void
driver_used_event(struct driver_queue *q, uint16_t v)
{
	write16(q->d, q->avail + ENTRIES + 2u * q->conf.num, v);
}
