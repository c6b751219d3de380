/*
 * vhost_user_session.h - what one VMM has said, from its first message to its last
 *
 * The protocol without the socket: messages and descriptors go in, replies come out, and the queues of a
 * virtio_dev are started and stopped.  Messages only note what was said; which queues run is derived from it
 * after each (session_settle() in the source):
 *
 *	runs  =  started (SET_VRING_KICK .. GET_VRING_BASE)
 *	     and enabled (SET_VRING_ENABLE, or the protocol features were not accepted)
 *	     and the driver speaks virtio 1
 *
 * A queue that is started but disabled is left alone: nothing in it is discarded, which the protocol would have
 * us do, but as other back ends do.
 *
 * A VMM that says something wrong is not served on: the sentence names what it was.
 */
#ifndef LINK_VHOST_USER_SESSION_H
#define LINK_VHOST_USER_SESSION_H

#include "link/vhost_user.h"
#include "link/vhost_user_memory.h"
#include "link/vhost_user_wire.h"
#include "link/virtio.h"

struct vhost_user_ring {
	bool started, enabled;
	bool runs;   /* virtio_start() was called */
	bool placed; /* addr is known */
	uint16_t num, next;
	struct vhost_user_addr addr;
	int kick, call, err; /* ours; -1: none */
};

struct vhost_user_session {
	struct virtio_dev *dev;                /* the caller's */
	const struct vhost_user_options *opts; /* the caller's */
	uint64_t features, protocol;           /* accepted */
	uint64_t ran_with;              /* features when a queue last ran; 0: none has since the last reset */
	uint32_t broken;                /* queues that were told of */
	bool said_shrinks, said_legacy; /* logged once for each VMM */
	struct vhost_user_memory memory;
	struct vhost_user_ring ring[VIRTIO_QUEUES];
	char why[160]; /* what was wrong: "it sent ..." */
};

void vhost_user_session_begin(struct vhost_user_session *s, struct virtio_dev *dev,
			      const struct vhost_user_options *opts);

/*
 * One message.  Descriptors that are kept are -1 in fds afterwards; the others stay the caller's to close.
 * *answered: reply is to be sent.  False: the session is over, s->why says why.
 */
bool vhost_user_session_take(struct vhost_user_session *s, const struct vhost_user_message *m, int *fds,
			     unsigned nfds, struct vhost_user_message *reply, bool *answered);

/* Has a queue broken?  Then the VMM is told (SET_VRING_ERR), and the log. */
void vhost_user_session_watch(struct vhost_user_session *s);

/* The VMM has gone: queues are stopped, memory is unmapped, descriptors are closed. */
void vhost_user_session_end(struct vhost_user_session *s);

#endif
