/*
 * unix.h - AF_UNIX sockets of the links: made, met and ended
 *
 * Setup only, straight from the kernel; what flows goes through link/host.h or the link's own calls.  All
 * descriptors are nonblocking and close-on-exec.  Errors are negative errno values.
 */
#ifndef LINK_UNIX_H
#define LINK_UNIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define UNIX_PATH 108 /* bytes of a path, with its end */
#define UNIX_FDS 64   /* descriptors that one message may bring: those of a memory table and some */

/*
 * Listen (SOCK_STREAM) or receive (SOCK_DGRAM) at path.  A socket that nobody answers at is replaced; anything
 * else that is there is left alone (-EADDRINUSE, -EEXIST).  Mode 0600.  -ENAMETOOLONG beyond 107 bytes.
 */
int unix_bind(const char *path, int type);
int unix_connect(const char *path, int type);
int unix_accept(int fd); /* -EAGAIN: nobody */
/* SOCK_STREAM, SOCK_DGRAM ...; -ENOTSOCK */
int unix_type(int fd);
/* Is it connected? */
bool unix_is_connected(int fd);
/* Has the socket that fd is connected to been closed?  For datagrams, which say so only to those who send.  False
 * also when the kernel does not tell (no sock_diag). */
bool unix_peer_is_gone(int fd);
/* Remove the path of unix_bind() if it is still the socket fd, which is still open. */
void unix_unlink(const char *path, int fd);

/*
 * The stream socket that a link is told of: at path, connected to or listened at, or the one that fd is, which is
 * made nonblocking.  *listening says which kind it is.  -1: a sentence in why.
 */
int unix_stream(const char *path, bool to_vmm, int fd, bool *listening, char *why, size_t size);

/* What a path is for: UNIX_LISTEN and UNIX_RECEIVE are bound there. */
enum unix_use { UNIX_LISTEN, UNIX_RECEIVE, UNIX_CONNECT };

/* A sentence for a setup that failed: "cannot <do> '<path>': ", what the error means there, and a remedy. */
void unix_explain(char *why, size_t size, enum unix_use use, const char *path, int error);

/* One read with descriptors: bytes, 0 at the end, -errno.  *nfds is how many came, all the caller's; more than
 * max are closed and -EMFILE is returned. */
ssize_t unix_recv_fds(int fd, void *to, size_t size, int *fds, int max, int *nfds);
/* All of it or -errno: for short control messages. */
int unix_send_fds(int fd, const void *from, size_t size, const int *fds, int nfds);

#endif
