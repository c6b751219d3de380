/*
 * unix.c - AF_UNIX sockets of the links (see unix.h)
 *
 * Who is there?  A path may be the socket of a program that has ended, of one that runs, or our own.  connect(2)
 * with a type of socket that nobody uses tells the first from the others without being noticed by anybody:
 * ECONNREFUSED when no socket is behind the path, EPROTOTYPE when one is (net/unix/af_unix.c, unix_find_bsd()).
 * Which socket that is the kernel tells through sock_diag(7).
 */
#include "link/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#define BACKLOG 8 /* guests that wait for the one that is served to leave */

/* --- addresses ------------------------------------------------------------------------------------- */

static int
address(const char *path, struct sockaddr_un *sa)
{
	size_t len = strlen(path);

	if (len == 0)
		return -ENOENT; /* the kernel would choose a name */
	if (len >= sizeof(sa->sun_path))
		return -ENAMETOOLONG;
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(sa->sun_path, path, len);
	return 0;
}

static int
new_socket(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int
connect_to(int fd, const struct sockaddr_un *sa)
{
	int rc;

	do
		rc = connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

/* Nobody behind the path, and it is a socket: 0.  Else the errno that says what is there. */
static int
abandoned(const struct sockaddr_un *sa, struct stat *was)
{
	if (lstat(sa->sun_path, was) < 0)
		return -errno;
	if (!S_ISSOCK(was->st_mode))
		return -EEXIST;
	int fd = new_socket(SOCK_SEQPACKET);
	if (fd < 0)
		return fd;
	int rc = connect_to(fd, sa);
	close(fd);
	return rc == -ECONNREFUSED ? 0 : -EADDRINUSE;
}

static int
remove_abandoned(const struct sockaddr_un *sa)
{
	struct stat was, is;
	int rc = abandoned(sa, &was);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	/* Somebody may have been as quick as we are; what is left of the race are these two calls. */
	if (lstat(sa->sun_path, &is) == 0 && (is.st_ino != was.st_ino || is.st_dev != was.st_dev))
		return -EADDRINUSE;
	return unlink(sa->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* --- made, met -------------------------------------------------------------------------------------- */

int
unix_bind(const char *path, int type)
{
	struct sockaddr_un sa;
	int rc = address(path, &sa);
	int fd = rc < 0 ? rc : new_socket(type);

	if (fd < 0)
		return fd;
	/* The path gets the socket's own mode (and umask): never open to others, not even for a moment. */
	if (fchmod(fd, 0600) < 0)
		rc = -errno;
	if (rc == 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		rc = -errno;
	if (rc == -EADDRINUSE) {
		rc = remove_abandoned(&sa);
		if (rc == 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
			rc = -errno;
	}
	if (rc == 0 && type != SOCK_DGRAM && listen(fd, BACKLOG) < 0) {
		rc = -errno;
		unix_unlink(path, fd);
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int
unix_connect(const char *path, int type)
{
	struct sockaddr_un sa;
	int rc = address(path, &sa);
	int fd = rc < 0 ? rc : new_socket(type);

	if (fd < 0)
		return fd;
	rc = connect_to(fd, &sa);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int
unix_accept(int fd)
{
	int got;

	do
		got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (got < 0 && (errno == EINTR || errno == ECONNABORTED));
	return got < 0 ? -errno : got;
}

int
unix_type(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ? -errno : type;
}

bool
unix_is_connected(int fd)
{
	struct sockaddr_un sa;
	socklen_t len = sizeof(sa);

	return getpeername(fd, (struct sockaddr *)&sa, &len) == 0;
}

int
unix_stream(const char *path, bool to_vmm, int fd, bool *listening, char *why, size_t size)
{
	int yes = 0;
	socklen_t len = sizeof(yes);

	if (path) {
		fd = to_vmm ? unix_connect(path, SOCK_STREAM) : unix_bind(path, SOCK_STREAM);
		*listening = !to_vmm;
		if (fd < 0)
			unix_explain(why, size, to_vmm ? UNIX_CONNECT : UNIX_LISTEN, path, -fd);
		return fd < 0 ? -1 : fd;
	}
	int type = unix_type(fd);
	if (type < 0) {
		snprintf(why, size, "descriptor %d is not a socket: %s", fd, strerror(-type));
		return -1;
	}
	if (type != SOCK_STREAM) {
		snprintf(why, size, "descriptor %d is not a stream socket", fd);
		return -1;
	}
	*listening = getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes;
	if (!*listening && !unix_is_connected(fd)) {
		snprintf(why, size, "the socket of descriptor %d is neither connected nor listening", fd);
		return -1;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		snprintf(why, size, "descriptor %d: %s", fd, strerror(errno));
		return -1;
	}
	return fd;
}

/* --- ended ------------------------------------------------------------------------------------------ */

/* The attribute of a sock_diag(7) answer: its first size bytes to `to`.  1, 0: it is not there, -1: no answer. */
static int
diag_attribute(const uint8_t *p, size_t len, unsigned attribute, void *to, size_t size)
{
	struct nlmsghdr h;
	struct nlattr a;
	size_t at = NLMSG_LENGTH(sizeof(struct unix_diag_msg));

	if (len < sizeof(h))
		return -1;
	memcpy(&h, p, sizeof(h));
	if (h.nlmsg_type != SOCK_DIAG_BY_FAMILY || h.nlmsg_len > len)
		return -1;
	for (; at + sizeof(a) <= h.nlmsg_len; at += NLMSG_ALIGN(a.nla_len)) {
		memcpy(&a, p + at, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > h.nlmsg_len - at)
			return -1;
		if (a.nla_type == attribute && a.nla_len >= sizeof(a) + size) {
			memcpy(to, p + at + sizeof(a), size);
			return 1;
		}
	}
	return 0;
}

/* Ask the kernel about one of our own sockets. */
static int
diag(int fd, uint32_t show, unsigned attribute, void *to, size_t size)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} ask = {
	    .h = {.nlmsg_len = sizeof(ask), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
	    .r = {.sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX, .udiag_show = show},
	};
	uint8_t answer[512];
	struct stat st;
	int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int rc = -1;

	if (nl < 0)
		return -1;
	if (fstat(fd, &st) == 0) {
		ask.r.udiag_ino = (uint32_t)st.st_ino;
		ask.r.udiag_cookie[0] = ask.r.udiag_cookie[1] = UINT32_MAX;
		/* The answer is made before send(2) returns. */
		if (send(nl, &ask, sizeof(ask), 0) == (ssize_t)sizeof(ask)) {
			ssize_t n = recv(nl, answer, sizeof(answer), MSG_DONTWAIT);
			rc = n > 0 ? diag_attribute(answer, (size_t)n, attribute, to, size) : -1;
		}
	}
	close(nl);
	return rc;
}

bool
unix_peer_is_gone(int fd)
{
	uint32_t peer = 0;
	int told = diag(fd, UDIAG_SHOW_PEER, UNIX_DIAG_PEER, &peer, sizeof(peer));

	/* A socket that was closed while we are connected to it has no inode any more. */
	return told == 0 || (told == 1 && peer == 0);
}

void
unix_unlink(const char *path, int fd)
{
	struct unix_diag_vfs vfs;
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	/* A kernel without sock_diag: the path was ours, and is taken to be so still. */
	if (diag(fd, UDIAG_SHOW_VFS, UNIX_DIAG_VFS, &vfs, sizeof(vfs)) == 1 &&
	    vfs.udiag_vfs_ino != (uint32_t)st.st_ino)
		return;
	unlink(path);
}

void
unix_explain(char *why, size_t size, enum unix_use use, const char *path, int error)
{
	static const char *const verb[] = {
	    [UNIX_LISTEN] = "listen at", [UNIX_RECEIVE] = "receive at", [UNIX_CONNECT] = "connect to"};
	/* When the socket is made, and when it is met: NULL where the other cannot fail so. */
	static const struct {
		int error;
		const char *made, *met;
	} known[] = {
	    {ENOENT, "No such file or directory; make the folder first, or choose another path",
	     "No such file or directory; start the program that listens there first"},
	    {EACCES, "Permission denied; choose a folder that you may write to",
	     "Permission denied; run as the user whose socket it is"},
	    {EADDRINUSE, "another program has a socket there; end it, or choose another path", NULL},
	    {EEXIST, "something that is not a socket is there; remove it, or choose another path", NULL},
	    {ENAMETOOLONG, "the path of a socket has at most 107 bytes",
	     "the path of a socket has at most 107 bytes"},
	    {ECONNREFUSED, NULL, "nobody listens there"},
	    {EAGAIN, NULL, "too many others wait there"},
	    {EPROTOTYPE, NULL, "the socket there is of another type"},
	};
	const char *text = NULL;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].error == error)
			text = use == UNIX_CONNECT ? known[i].met : known[i].made;
	snprintf(why, size, "cannot %s '%s': %s", verb[use], path, text ? text : strerror(error));
}

/* --- messages with descriptors ------------------------------------------------------------------------ */

union fd_control {
	struct cmsghdr align;
	uint8_t room[CMSG_SPACE(UNIX_FDS * sizeof(int))];
};

/* All descriptors of a message into fds; those beyond max are closed.  How many there were. */
static int
collect_fds(struct msghdr *m, int *fds, int max)
{
	int n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (n < max)
				fds[n] = fd;
			else
				close(fd);
			n++;
		}
	}
	return n;
}

ssize_t
unix_recv_fds(int fd, void *to, size_t size, int *fds, int max, int *nfds)
{
	union fd_control control;
	struct iovec iov = {.iov_base = to, .iov_len = size};
	struct msghdr m = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t got;

	*nfds = 0;
	do
		got = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	int n = collect_fds(&m, fds, max);
	/* Also when the kernel had no descriptors left for all of them. */
	if (n > max || m.msg_flags & MSG_CTRUNC) {
		for (int i = 0; i < n && i < max; i++)
			close(fds[i]);
		return -EMFILE;
	}
	*nfds = n;
	return got;
}

int
unix_send_fds(int fd, const void *from, size_t size, const int *fds, int nfds)
{
	/* sendmsg(2) only reads through its pointers. */
	union {
		const void *in;
		void *out;
	} p = {.in = from};
	union fd_control control = {0};
	struct iovec iov = {.iov_base = p.out, .iov_len = size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nfds < 0 || nfds > UNIX_FDS || size == 0)
		return -EINVAL;
	if (nfds > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS,
				      .cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int))};
		memcpy(CMSG_DATA(c), fds, (size_t)nfds * sizeof(int));
	}
	while (iov.iov_len > 0) {
		ssize_t put = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		iov.iov_base = (uint8_t *)iov.iov_base + put;
		iov.iov_len -= (size_t)put;
		m.msg_control = NULL; /* the descriptors went with the first byte */
		m.msg_controllen = 0;
	}
	return 0;
}
