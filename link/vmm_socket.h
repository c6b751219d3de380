/*
 * vmm_socket.h - the stream socket by which a VMM comes to a link, and the next one after it
 *
 * It is connected, or it listens and connections come out of it.  One VMM is connected at a time; the listening
 * socket is watched only while there is none, and who comes meanwhile waits in its queue.
 *
 * After an accept(2) for which there was no descriptor or no memory the listening socket is not watched either,
 * but looked at when a timer says so: who waits waits on, and the loop does not spin.
 */
#ifndef LINK_VMM_SOCKET_H
#define LINK_VMM_SOCKET_H

#include "link/unix.h"

struct vmm_socket {
	int fd;               /* the VMM's connection; -1: nobody is connected */
	int listener;         /* -1: there is no next VMM */
	int timer;            /* to look at the listener again; -1 without one */
	bool paused;          /* the listener is looked at when the timer says so */
	bool one_off;         /* no VMM after the first */
	char path[UNIX_PATH]; /* "": the socket was given */

	/* Whether the loop wakes when fd, which is none of the queues' or the like, can be read; 0 or -errno. */
	int (*watch)(void *ctx, int fd, bool on);
	void *ctx;
};

/* Nobody is connected, nobody will come: can be closed. */
void vmm_socket_init(struct vmm_socket *s, bool one_off, int (*watch)(void *ctx, int fd, bool on), void *ctx);

/*
 * At path (copied), connected to or listened at; without one the socket that fd is, which is s's own from success
 * on.  A VMM may be connected then.  False: a sentence in why, and fd stays the giver's.
 */
bool vmm_socket_open(struct vmm_socket *s, const char *path, bool to_vmm, int fd, char *why, size_t size);

/*
 * Nobody is connected: 1, one is now; 0, nobody yet; -ENOLINK, and a sentence in why: nobody will be, as the other
 * owner of a socket that was given has shut it down.
 */
int vmm_socket_accept(struct vmm_socket *s, char *why, size_t size);

/* The VMM leaves: its connection is not watched any more, and is the caller's to close. */
int vmm_socket_part(struct vmm_socket *s);
/* Then, the next one may come; false: there is none, nor will be. */
bool vmm_socket_next(struct vmm_socket *s);

/* What was given is the giver's again; a socket with a path stays. */
void vmm_socket_disown(struct vmm_socket *s);
/* Nobody is connected (any more). */
void vmm_socket_close(struct vmm_socket *s);

#endif
