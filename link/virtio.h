/*
 * virtio.h - the queues of a virtio-net device as a link (virtio 1.2 section 5.1)
 *
 * Two users: the virtqueues of a VMM in this process (sluice_virtio_*, proxy/virtio.c) and a vhost-user back end
 * (vhost_user.c).  Both tell the device what the driver did; the gateway's thread services the queues.
 *
 * A lock makes the control functions callable from any thread: the gateway holds it from receive() to release(),
 * so that no memory goes away under a borrowed frame, and otherwise during each operation.  Who waits for it goes
 * before the gateway's next turn.  A thread that holds it already (a hook) gets -EDEADLK.
 *
 * Kick descriptors are never read: they are watched edge-triggered, so that nothing that is handed in (a blocking
 * descriptor, one that somebody else reads, a closed pipe) can stop or spin the gateway.  Call descriptors are
 * written with write(2), which waits if the descriptor is full and blocking: a stranger's is made nonblocking by
 * whoever hands it in.
 */
#ifndef LINK_VIRTIO_H
#define LINK_VIRTIO_H

#include "link/link.h"
#include "link/virtq.h"

/* Feature bits (virtio 1.2 section 5.1.3 and 6.1). */
#define VIRTIO_NET_F_CSUM (UINT64_C(1) << 0)       /* the guest may send unfinished checksums */
#define VIRTIO_NET_F_GUEST_CSUM (UINT64_C(1) << 1) /* and takes them */
#define VIRTIO_NET_F_MTU (UINT64_C(1) << 3)
#define VIRTIO_NET_F_MAC (UINT64_C(1) << 5)
#define VIRTIO_NET_F_GUEST_TSO4 (UINT64_C(1) << 7)
#define VIRTIO_NET_F_GUEST_TSO6 (UINT64_C(1) << 8)
#define VIRTIO_NET_F_HOST_TSO4 (UINT64_C(1) << 11)
#define VIRTIO_NET_F_HOST_TSO6 (UINT64_C(1) << 12)
#define VIRTIO_NET_F_MRG_RXBUF (UINT64_C(1) << 15)
#define VIRTIO_NET_F_STATUS (UINT64_C(1) << 16)
#define VIRTIO_F_INDIRECT_DESC (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)

/* What the queues do by themselves; MAC, MTU and STATUS belong to whoever has the configuration space. */
#define VIRTIO_LINK_FEATURES                                                                                 \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 |   \
	 VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_F_INDIRECT_DESC | \
	 VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)

enum { VIRTIO_RX, VIRTIO_TX, VIRTIO_QUEUES };

struct virtio_queue_setup {
	uint16_t num, next;
	uint64_t desc, avail, used; /* guest-physical */
	/* Borrowed; -1: none.  Without a kick the queue is looked at when something else wakes the gateway. */
	int kick_fd, call_fd;
};

struct virtio_stats {
	uint64_t frames_in, frames_out, refused, no_room, kicks, calls;
	uint32_t running, broken;
};

struct virtio_dev;

/* Entries of a receive queue from which on long frames are sent: half as many buffers of 1,526 bytes, as drivers
 * that give header and frame a descriptor each post, must hold the longest. */
#define VIRTIO_TSO_ENTRIES 128u

/* Not attached to a gateway.  NULL: *err is the errno. */
struct virtio_dev *virtio_new(int *err);
void virtio_free(struct virtio_dev *d);

/* 0 or a negative errno, as sluice.h says of their namesakes.  From any thread. */
int virtio_set_memory(struct virtio_dev *d, const struct guest_region *r, size_t n);
int virtio_set_features(struct virtio_dev *d,
			uint64_t accepted); /* bits beyond VIRTIO_LINK_FEATURES: ignored */
int virtio_start(struct virtio_dev *d, unsigned queue, const struct virtio_queue_setup *q);
int virtio_stop(struct virtio_dev *d, unsigned queue);
/* A running queue's eventfds, changed in place (vhost-user sends them at any time). */
int virtio_set_kick(struct virtio_dev *d, unsigned queue, int fd);
int virtio_set_call(struct virtio_dev *d, unsigned queue, int fd);
int virtio_reset(struct virtio_dev *d);
void virtio_get_stats(struct virtio_dev *d, struct virtio_stats *st);

/*
 * The link.  `arrived` counts up when both queues have been started after a reset, `departed` when the transmit
 * queue had run and virtio_reset() is called.  Limits: csum with GUEST_CSUM, tso with that, both GUEST_TSO and
 * MRG_RXBUF, and a receive queue of VIRTIO_TSO_ENTRIES.  A receive queue that does not run or is broken is as a
 * cable that is cut: there is room, and what is sent is lost.  pollfd() is an epoll descriptor of the device's own, which has the kick
 * descriptors in it; a wrapper may add more to it with virtio_watch() and finds out by itself which are ready.
 * d stays the caller's and outlives the link.  -EBUSY in *err: it has one already.
 */
struct link *link_virtio(struct host *h, struct virtio_dev *d, uint32_t mtu, int *err);
int virtio_watch(struct virtio_dev *d, int fd, bool on); /* POLLIN, level-triggered; 0 or -errno */

/* For a link that wraps the queues (vhost-user): the operations one by one, on the device link_virtio() made. */
extern const struct link_ops virtio_link_ops;

#endif
