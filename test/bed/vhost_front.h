/*
 * vhost_front.h - a front end of vhost-user: a VMM with one virtio-net device, for tests
 *
 * Its memory is a memfd, its guest the driver of virtio_driver.h.  It says what it is told, also what no front
 * end should.  Whoever waits for an answer lets the back end work by calling turn(), a bounded number of times.
 *
 *	struct vhost_front f;
 *	front_init(&f, turn, ctx);
 *	front_connect(&f, path);
 *	front_start(&f, FRONT_FEATURES, 256);
 *	front_guest_sends(&f, frame, len);
 *	n = front_guest_gets(&f, frame, sizeof(frame));
 */
#ifndef TEST_BED_VHOST_FRONT_H
#define TEST_BED_VHOST_FRONT_H

#include "link/vhost_user_wire.h"
#include "test/bed/virtio_driver.h"

#define FRONT_FEATURES (VIRTIO_LINK_FEATURES | VHOST_USER_F_PROTOCOL_FEATURES)
#define FRONT_PROTOCOL                                                     \
	(VHOST_USER_PROTOCOL_F_REPLY_ACK | VHOST_USER_PROTOCOL_F_NET_MTU | \
	 VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS | VHOST_USER_PROTOCOL_F_RESET_DEVICE)
#define FRONT_MEMORY (UINT64_C(4) << 20)
#define FRONT_BUFFER 2048u /* bytes of a receive buffer */
#define FRONT_GUARD 4096u  /* bytes of the file before the guest's memory */

struct vhost_front {
	int fd;               /* the connection; -1: none */
	int memfd;            /* FRONT_GUARD bytes, then the guest's memory */
	struct driver driver; /* its memory is the file's */
	int err_fd[VIRTIO_QUEUES];
	void (*turn)(void *ctx);
	void *ctx;
	uint64_t buffers, slot; /* where frames come to and go from */
};

void front_init(struct vhost_front *f, void (*turn)(void *ctx), void *ctx);
void front_free(struct vhost_front *f);
void front_connect(struct vhost_front *f, const char *path);
void front_hang_up(struct vhost_front *f);

/* --- messages: false: the back end has hung up --------------------------------------------------------- */

bool front_send_bytes(struct vhost_front *f, const void *bytes, size_t len, const int *fds, int nfds);
bool front_send(struct vhost_front *f, const struct vhost_user_message *m, const int *fds, int nfds);
bool front_reply(struct vhost_front *f, struct vhost_user_message *reply);
/* Does the back end hang up, sooner or later? */
bool front_is_left(struct vhost_front *f);

bool front_say(struct vhost_front *f, uint32_t request); /* no payload, no answer */
bool front_say_u64(struct vhost_front *f, uint32_t request, uint64_t value);
bool front_say_state(struct vhost_front *f, uint32_t request, uint32_t index, uint32_t num);
bool front_say_fd(struct vhost_front *f, uint32_t request, uint64_t value, int fd); /* -1: none */
bool front_say_addr(struct vhost_front *f, unsigned queue);
bool front_ask(struct vhost_front *f, uint32_t request, uint64_t *value);
/* A message that wants an acknowledgment; *value: 0 is well. */
bool front_ack(struct vhost_front *f, struct vhost_user_message *m, const int *fds, int nfds,
	       uint64_t *value);

/* The guest's memory as a region. */
struct vhost_user_region front_region(const struct vhost_front *f);
bool front_say_memory(struct vhost_front *f);

/* --- a device that works ------------------------------------------------------------------------------- */

/* Owner, features and protocol features. */
bool front_negotiate(struct vhost_front *f, uint64_t features);
/* All that is said of one queue up to its kick, in QEMU's order, from entry `next` on. */
bool front_start_queue(struct vhost_front *f, unsigned queue, uint16_t next);
/* Negotiate, share memory, start both queues of `num` entries, enable them, post receive buffers. */
bool front_start(struct vhost_front *f, uint64_t features, uint16_t num);

void front_guest_sends(struct vhost_front *f, const void *frame, size_t len);
/* A frame's length, its bytes without the virtio-net header; 0: none came. */
size_t front_guest_gets(struct vhost_front *f, void *frame, size_t size);

#endif
