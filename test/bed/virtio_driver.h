/*
 * virtio_driver.h - the driver's side of virtqueues: for tests, fuzz targets and benchmarks
 *
 * A small split-ring driver by virtio 1.2 section 2.7 that does what it is told, also what no driver should.
 * Its memory is one heap block of exactly the size asked for, so that the address sanitizer sees every byte
 * beside it.  One thread at a time for each queue.
 *
 *	struct driver d;
 *	driver_init(&d, 1 << 20, DRIVER_GPA);
 *	driver_queue_init(&d, VIRTIO_TX, &(struct driver_queue_conf){.num = 256});
 *	virtio_start(dev, VIRTIO_TX, &(struct virtio_queue_setup){... driver_setup()});
 *	driver_add(&d.q[VIRTIO_TX], parts, n, false, cookie);
 *	if (driver_publish(&d.q[VIRTIO_TX]))
 *		driver_kick(&d, VIRTIO_TX);
 *	while (driver_used(&d.q[VIRTIO_TX], &cookie, &len))
 *		...;
 */
#ifndef TEST_BED_VIRTIO_DRIVER_H
#define TEST_BED_VIRTIO_DRIVER_H

#include "link/virtio.h"
#include "sluice.h"

#define DRIVER_GPA UINT64_C(0x40000000) /* where memory is, when nothing else matters */
#define DRIVER_PARTS 80u                /* descriptors of one chain; more than the device takes */

enum { DRIVER_NEXT = 1, DRIVER_WRITE = 2, DRIVER_INDIRECT = 4 }; /* flags of a descriptor */

/* One descriptor of a chain. */
struct driver_part {
	uint64_t gpa;
	uint32_t len;
	bool write; /* for the device to fill */
};

struct driver_queue_conf {
	uint16_t num;
	uint16_t start;  /* both indices begin there */
	bool event_idx;  /* as negotiated */
	uint16_t tables; /* descriptors of each entry's indirect table; 0: there are none */
};

struct driver_queue {
	struct driver *d;
	struct driver_queue_conf conf;
	uint64_t desc, avail, used, indirect; /* guest-physical */
	uint16_t added;                       /* available index, with what is not published yet */
	uint16_t published;
	uint16_t taken; /* used index we are at */
	uint16_t free;  /* first free descriptor; they are linked through `next` */
	uint16_t nfree;
	uint16_t next[VIRTQ_NUM_MAX];
	uint16_t length[VIRTQ_NUM_MAX]; /* of the chain that begins there, in descriptors; 0: none does */
	uint64_t cookie[VIRTQ_NUM_MAX];
	const char *wrong; /* what the device did that it may not; NULL: nothing */
};

struct driver {
	uint8_t *memory;
	uint64_t gpa, size, allocated;
	struct driver_queue q[VIRTIO_QUEUES];
	int kick_fd[VIRTIO_QUEUES], call_fd[VIRTIO_QUEUES]; /* nonblocking eventfds */
};

/* Ends the program if there is no memory or descriptor. */
void driver_init(struct driver *d, uint64_t size, uint64_t gpa);
void driver_free(struct driver *d);

/* All of memory, as one region. */
struct guest_region driver_region(const struct driver *d);
/* Never given back but by driver_init(). */
uint64_t driver_alloc(struct driver *d, uint64_t size, uint64_t align);
/* Of its own memory only. */
uint8_t *driver_at(const struct driver *d, uint64_t gpa);

/* Lays the rings out anew and empties them. */
void driver_queue_init(struct driver *d, unsigned queue, const struct driver_queue_conf *c);
struct virtio_queue_setup driver_setup(const struct driver *d, unsigned queue);
/* The same for whoever embeds the library. */
struct sluice_virtqueue driver_virtqueue(const struct driver *d, unsigned queue);

/* --- by the rules ---------------------------------------------------------------------------------- */

/* A chain of n parts, in an indirect table if that is wanted; seen at driver_publish().  False: no room. */
bool driver_add(struct driver_queue *q, const struct driver_part *parts, unsigned n, bool indirect,
		uint64_t cookie);
/* True: the device wants to be notified (2.7.10, 2.7.7.2). */
bool driver_publish(struct driver_queue *q);
void driver_kick(struct driver *d, unsigned queue);

/* The next chain that the device is done with.  What the device may not do (a head that is not out, an index that
 * jumps) is noted in q->wrong. */
bool driver_used(struct driver_queue *q, uint64_t *cookie, uint32_t *len);
/* Ask for an interrupt at the next used entry; true: there is one already. */
bool driver_arm(struct driver_queue *q);
/* Want none (with event indices: leave the index where it is). */
void driver_hush(struct driver_queue *q);
/* Was there an interrupt since the last time?  Takes it. */
bool driver_interrupted(struct driver *d, unsigned queue);

/* --- against them ---------------------------------------------------------------------------------- */

/* A descriptor of the queue's own table, or of any table at gpa. */
void driver_desc(struct driver *d, uint64_t table, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
		 uint16_t next);
/* Head in the next available entry, whatever it is, and publish. */
void driver_offer(struct driver_queue *q, uint16_t head);
/* le16 at `off` bytes of the available (the used) ring: 0 flags, 2 index. */
void driver_avail_write(struct driver_queue *q, size_t off, uint16_t v);
uint16_t driver_used_read(const struct driver_queue *q, size_t off);
/* What the device wrote as its event index. */
uint16_t driver_avail_event(const struct driver_queue *q);
void driver_used_event(struct driver_queue *q, uint16_t v);

#endif
