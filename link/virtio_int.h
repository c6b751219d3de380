/*
 * virtio_int.h - what the files of the virtio link share (see virtio.h)
 *
 *	virtio.c        the device: its lock, its queues' lives, its descriptors
 *	virtio_link.c   the link: turns, the transmit queue, sleeping
 *	virtio_rx.c     frames into the receive queue
 */
#ifndef LINK_VIRTIO_INT_H
#define LINK_VIRTIO_INT_H

#include <pthread.h>

#include "link/virtio.h"

#define AHEAD_PIECES 2048u /* a power of two, and more than one chain can have */

/* Chains of the receive queue that were taken and not filled yet, in order. */
struct ahead_chain {
	uint16_t head, slots;
	uint16_t pieces;
	uint64_t bytes;
};

struct ahead {
	uint32_t head, tail;             /* of chain[], free-running */
	uint32_t piece_head, piece_tail; /* of piece[] */
	uint32_t slots;                  /* sums over the chains */
	uint64_t bytes;
	struct ahead_chain chain[AHEAD_PIECES]; /* each has a piece */
	struct iovec piece[AHEAD_PIECES];
};

struct virtio_queue {
	struct virtq q;
	int kick_fd; /* our duplicate: two queues may be given the same */
	int call_fd;
};

struct virtio_link {
	struct link link;
	struct virtio_dev *d;
	uint32_t mtu;
	uint32_t need;              /* bytes that the longest frame takes, with its header */
	bool held;                  /* the lock is ours, from receive() to release() */
	bool slept;                 /* before_sleep() said that we may: the descriptors are to be looked at */
	bool blocked;               /* room() said no */
	bool announced;             /* this guest was counted as arrived */
	bool gone;                  /* and one left since */
	uint16_t heads[LINK_BATCH]; /* chains of this turn, to be used by release() */
	int nheads;
	size_t copied;    /* bytes of `copies` that this turn's frames have */
	uint8_t copies[]; /* COPIES bytes: the ends of frames in more than FRAME_SPANS pieces */
};

/*
 * The lock.  The gateway's turns follow each other so closely that a mutex would let it keep the others out for
 * long: here whoever else waits goes first.
 */
struct turn {
	pthread_mutex_t mutex; /* of these fields */
	pthread_cond_t given;
	bool taken;
	pthread_t owner;
	unsigned waiting; /* others than the gateway */
};

struct virtio_dev {
	struct turn turn; /* guards all that follows, and the link while it is ours */
	struct guest_memory mem;
	struct virtio_queue queue[VIRTIO_QUEUES];
	uint64_t features; /* accepted */
	bool present;      /* the transmit queue was started since the last reset */
	struct virtio_stats st;
	struct ahead ahead;
	struct virtio_link *link; /* NULL: no gateway has it */
	int epoll_fd, wake_fd;
};

/* 0, or -EDEADLK: this thread has it.  The gateway lets others go first. */
int turn_take(struct turn *t, bool gateway);
void turn_give(struct turn *t);

/* Signal the driver. */
void virtio_interrupt(struct virtio_dev *d, unsigned queue);

/* Is there room for a frame of `need` bytes, its header included? */
bool virtio_rx_room(struct virtio_dev *d, uint32_t need);
/* False: too few buffers, and nothing happened. */
bool virtio_rx_send(struct virtio_dev *d, const struct frame *f);
/* What was sent is seen by the driver, and it is signalled if it likes. */
void virtio_rx_show(struct virtio_dev *d);
/* Buffers that were taken ahead are as if they had not been: before memory goes away, and when the queue stops. */
void virtio_rx_return(struct virtio_dev *d);

#endif
