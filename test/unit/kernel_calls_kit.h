/*
 * kernel_calls_kit.h - the n-th call to the kernel fails
 *
 * For programs that the Makefile links with --wrap for each call named here (KERNEL_CALLS); included by one file of each.  A call counts
 * while in_library is set, which whoever includes this does around its calls of the library.  One of them fails, as `fault` says: with an
 * errno that Linux may give there, or by doing a part of what it was asked for.  close(2) that fails has closed, as Linux does it.
 *
 * What the library maps and closes is watched: mapped is 0 when all was given back, and a descriptor is not closed twice.
 */
#ifndef TEST_UNIT_KERNEL_CALLS_KIT_H
#define TEST_UNIT_KERNEL_CALLS_KIT_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef CALLS_OF_A_PROGRAM
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#endif

#define ERRORS 8

enum call {
	CALL_SOCKET,
	CALL_CONNECT,
	CALL_BIND,
	CALL_LISTEN,
	CALL_ACCEPT4,
	CALL_GETPEERNAME,
	CALL_GETSOCKNAME,
	CALL_GETSOCKOPT,
	CALL_SETSOCKOPT,
	CALL_READV,
	CALL_WRITEV,
	CALL_SENDMSG,
	CALL_RECVMSG,
	CALL_RECVMMSG,
	CALL_SENDMMSG,
	CALL_RECV,
	CALL_SEND,
	CALL_SHUTDOWN,
	CALL_EPOLL_CREATE1,
	CALL_EPOLL_CTL,
	CALL_EPOLL_WAIT,
	CALL_PPOLL,
	CALL_POLL,
	CALL_EVENTFD,
	CALL_TIMERFD_CREATE,
	CALL_MMAP,
	CALL_MADVISE,
	CALL_LSTAT,
	CALL_FSTAT,
	CALL_STAT,
	CALL_FCHMOD,
	CALL_FCNTL,
	CALL_IOCTL,
	CALL_OPEN,
	CALL_READ,
	CALL_WRITE,
	CALL_CLOSE,
	CALL_UNLINK,
	CALL_GETIFADDRS,
	CALL_PIDFD_OPEN,
#ifdef CALLS_OF_A_PROGRAM
	CALL_OPENAT,
	CALL_FOPEN,
	CALL_DUP2,
	CALL_SIGNALFD,
	CALL_PIPE2,
	CALL_FLOCK,
	CALL_FSYNC,
	CALL_MKDIR,
	CALL_RENAMEAT,
	CALL_MPROTECT,
	CALL_MLOCK,
	CALL_FORK,
	CALL_WAITPID,
	CALL_SETSID,
	CALL_SOCKETPAIR,
	CALL_SIGACTION,
	CALL_OPENDIR,
	CALL_FDOPENDIR,
	CALL_GETCWD,
	CALL_CHDIR,
	CALL_FCHDIR,
	CALL_MKDIRAT,
	CALL_READLINK,
	CALL_REALPATH,
	/* The sandbox's own. */
	CALL_PRCTL,
	CALL_UNSHARE,
	CALL_MOUNT,
	CALL_UMOUNT2,
	CALL_CLONE,
	CALL_CAPGET,
	CALL_CAPSET,
	CALL_FSOPEN,
	CALL_FSCONFIG,
	CALL_FSMOUNT,
	CALL_FSPICK,
	CALL_OPEN_TREE,
	CALL_MOVE_MOUNT,
	CALL_MOUNT_SETATTR,
	CALL_PIVOT_ROOT,
	CALL_LANDLOCK_RULESET,
	CALL_LANDLOCK_RULE,
	CALL_LANDLOCK_SELF,
	CALL_SECCOMP,
	CALL_SECCOMP_INIT,
	CALL_SECCOMP_RULE,
	CALL_SECCOMP_LOAD,
	CALL_OTHER, /* of syscall(2), which nobody makes fail */
#endif
	CALLS,
};

/* What the kernel may say of each, and whether it may do a part.  Safe: nobody is the worse for it. */
static const struct {
	const char *name;
	bool partly, safe;
	int error[ERRORS];
} calls[CALLS] = {
    [CALL_SOCKET] = {"socket", false, false, {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EAFNOSUPPORT}},
    [CALL_CONNECT] = {"connect", false, false, {ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, EACCES, ENOBUFS}},
    [CALL_BIND] = {"bind", false, false, {EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOMEM}},
    [CALL_LISTEN] = {"listen", false, false, {EADDRINUSE, ENOBUFS}},
    [CALL_ACCEPT4] = {"accept4", false, false, {EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM}},
    [CALL_GETPEERNAME] = {"getpeername", false, false, {ENOBUFS, ENOTCONN}},
    [CALL_GETSOCKNAME] = {"getsockname", false, false, {ENOBUFS}},
    [CALL_GETSOCKOPT] = {"getsockopt", false, false, {ENOBUFS, ENOPROTOOPT}},
    [CALL_SETSOCKOPT] = {"setsockopt", false, false, {ENOBUFS, ENOPROTOOPT, EPERM}},
    [CALL_READV] = {"readv", true, false, {EINTR, ECONNRESET, ETIMEDOUT, ENOMEM, EIO, EBADFD}},
    [CALL_WRITEV] = {"writev", true, false, {EINTR, EAGAIN, ENOSPC, EIO, ENOMEM, EBADFD}},
    [CALL_SENDMSG] = {"sendmsg", true, false, {EINTR, EPIPE, ECONNRESET, ENOBUFS, ENOMEM}},
    [CALL_RECVMSG] = {"recvmsg", true, false, {EINTR, EAGAIN, ENOMEM, ECONNRESET}},
    [CALL_RECVMMSG] = {"recvmmsg", true, false, {EINTR, ECONNREFUSED, ENOMEM}},
    [CALL_SENDMMSG] = {"sendmmsg", true, false, {EINTR, EPERM, ENETUNREACH, ENOBUFS, EMSGSIZE, ECONNREFUSED}},
    [CALL_RECV] = {"recv", false, false, {EINTR, ECONNREFUSED, ENOMEM, ENOBUFS}},
    [CALL_SEND] = {"send", false, false, {EINTR, ECONNREFUSED, ENOBUFS, EPERM}},
    [CALL_SHUTDOWN] = {"shutdown", false, false, {ENOTCONN, ENOBUFS}},
    [CALL_EPOLL_CREATE1] = {"epoll_create1", false, false, {EMFILE, ENFILE, ENOMEM}},
    [CALL_EPOLL_CTL] = {"epoll_ctl", false, false, {ENOMEM, ENOSPC}},
    [CALL_EPOLL_WAIT] = {"epoll_wait", false, false, {EINTR}},
    [CALL_PPOLL] = {"ppoll", false, false, {EINTR, ENOMEM}},
    [CALL_POLL] = {"poll", false, false, {EINTR, ENOMEM}},
    [CALL_EVENTFD] = {"eventfd", false, false, {EMFILE, ENFILE, ENOMEM}},
    [CALL_TIMERFD_CREATE] = {"timerfd_create", false, false, {EMFILE, ENFILE, ENOMEM}},
    [CALL_MMAP] = {"mmap", false, false, {ENOMEM}},
    [CALL_MADVISE] = {"madvise", false, true, {EINVAL, ENOMEM, EAGAIN}},
    [CALL_LSTAT] = {"lstat", false, false, {ENOENT, EACCES, ENOMEM}},
    [CALL_FSTAT] = {"fstat", false, false, {ENOMEM}},
    [CALL_STAT] = {"stat", false, true, {ENOENT, EACCES, ENOMEM}},
    [CALL_FCHMOD] = {"fchmod", false, false, {EPERM, EROFS}},
    [CALL_FCNTL] = {"fcntl", false, false, {EINVAL, EMFILE, EPERM}},
    [CALL_IOCTL] = {"ioctl", false, false, {EINVAL, EPERM, EBUSY, EBADFD}},
    [CALL_OPEN] = {"open", false, false, {ENOENT, EACCES, EMFILE, ENFILE, ENOMEM, EINTR}},
    [CALL_READ] = {"read", true, false, {EINTR, EAGAIN, EIO, EISDIR}},
    [CALL_WRITE] = {"write", true, false, {EINTR, EAGAIN, ENOSPC, EIO}},
    [CALL_CLOSE] = {"close", false, true, {EINTR, EIO}},
    [CALL_UNLINK] = {"unlink", false, true, {EACCES, EBUSY, EROFS}},
    [CALL_GETIFADDRS] = {"getifaddrs", false, false, {EMFILE, ENOMEM, EPERM}},
    [CALL_PIDFD_OPEN] = {"pidfd_open", false, true, {ENOSYS, EMFILE, ENOMEM, ESRCH}},
#ifdef CALLS_OF_A_PROGRAM
    [CALL_OPENAT] = {"openat", false, false, {ENOENT, EACCES, EMFILE, ENOSPC}},
    [CALL_FOPEN] = {"fopen", false, false, {ENOENT, EACCES, EMFILE, ENOMEM}},
    [CALL_DUP2] = {"dup2", false, false, {EBUSY, EMFILE}},
    [CALL_SIGNALFD] = {"signalfd", false, false, {EMFILE, ENFILE, ENOMEM}},
    [CALL_PIPE2] = {"pipe2", false, false, {EMFILE, ENFILE}},
    [CALL_FLOCK] = {"flock", false, false, {EINTR, ENOLCK}},
    [CALL_FSYNC] = {"fsync", false, false, {EIO, ENOSPC}},
    [CALL_MKDIR] = {"mkdir", false, false, {EACCES, ENOSPC, EROFS}},
    [CALL_RENAMEAT] = {"renameat", false, false, {EACCES, ENOSPC}},
    [CALL_MPROTECT] = {"mprotect", false, false, {ENOMEM}},
    [CALL_MLOCK] = {"mlock", false, false, {EPERM, ENOMEM}},
    [CALL_FORK] = {"fork", false, false, {EAGAIN, ENOMEM}},
    [CALL_WAITPID] = {"waitpid", false, false, {EINTR, ECHILD}},
    [CALL_SETSID] = {"setsid", false, false, {EPERM}},
    [CALL_SOCKETPAIR] = {"socketpair", false, false, {EMFILE, ENFILE, ENOBUFS}},
    [CALL_SIGACTION] = {"sigaction", false, false, {EINVAL}},
    [CALL_OPENDIR] = {"opendir", false, false, {EACCES, EMFILE, ENOMEM}},
    [CALL_FDOPENDIR] = {"fdopendir", false, false, {ENOMEM}},
    [CALL_GETCWD] = {"getcwd", false, false, {ENOENT, EACCES}},
    [CALL_CHDIR] = {"chdir", false, false, {ENOENT, EACCES, ENOMEM}},
    [CALL_FCHDIR] = {"fchdir", false, false, {EACCES}},
    [CALL_MKDIRAT] = {"mkdirat", false, false, {ENOSPC, ENOMEM}},
    [CALL_READLINK] = {"readlink", false, false, {EACCES, EINVAL, EIO}},
    [CALL_REALPATH] = {"realpath", false, false, {EACCES, ENOENT, ENOMEM}},
    [CALL_PRCTL] = {"prctl", false, false, {EINVAL, EPERM}},
    [CALL_UNSHARE] = {"unshare", false, false, {EPERM, ENOSPC, ENOMEM}},
    [CALL_MOUNT] = {"mount", false, false, {EPERM, EINVAL, ENOMEM}},
    [CALL_UMOUNT2] = {"umount2", false, false, {EPERM, EINVAL, EBUSY}},
    [CALL_CLONE] = {"clone", false, false, {EAGAIN, EPERM, ENOMEM}},
    [CALL_CAPGET] = {"capget", false, false, {EPERM}},
    [CALL_CAPSET] = {"capset", false, false, {EPERM}},
    [CALL_FSOPEN] = {"fsopen", false, false, {ENOSYS, EPERM, EMFILE, ENOMEM}},
    [CALL_FSCONFIG] = {"fsconfig", false, false, {EINVAL, ENOMEM, EBUSY}},
    [CALL_FSMOUNT] = {"fsmount", false, false, {EPERM, EMFILE, ENOMEM}},
    [CALL_FSPICK] = {"fspick", false, false, {EPERM, EMFILE}},
    [CALL_OPEN_TREE] = {"open_tree", false, false, {ENOSYS, EPERM, EINVAL, EMFILE, ENOENT}},
    [CALL_MOVE_MOUNT] = {"move_mount", false, false, {EPERM, EINVAL, ENOSPC, ENOENT}},
    [CALL_MOUNT_SETATTR] = {"mount_setattr", false, false, {ENOSYS, EPERM, EINVAL, EBUSY}},
    [CALL_PIVOT_ROOT] = {"pivot_root", false, false, {EPERM, EINVAL, EBUSY}},
    [CALL_LANDLOCK_RULESET] = {"landlock_create_ruleset", false, false, {ENOSYS, EOPNOTSUPP, EMFILE}},
    [CALL_LANDLOCK_RULE] = {"landlock_add_rule", false, false, {EINVAL, ENOMEM, E2BIG}},
    [CALL_LANDLOCK_SELF] = {"landlock_restrict_self", false, false, {EPERM, E2BIG, ENOMEM}},
    [CALL_SECCOMP] = {"seccomp", false, false, {ENOSYS, EOPNOTSUPP, EPERM}},
    [CALL_SECCOMP_INIT] = {"seccomp_init", false, false, {ENOMEM}},
    [CALL_SECCOMP_RULE] = {"seccomp_rule_add", false, false, {ENOMEM}},
    [CALL_SECCOMP_LOAD] = {"seccomp_load", false, false, {EINVAL, ENOMEM, EACCES}},
    [CALL_OTHER] = {"syscall", false, false, {0}},
#endif
};

static bool in_library;
static unsigned injected[CALLS];
static long mapped;        /* by the library, and not given back */
static int closed_in_vain; /* a descriptor that was not open: -1: none */
/* What fails: the nth call of a kind, with an error; 0: it does a part. */
struct kernel_fault {
	enum call call;
	unsigned nth;
	int error;
	bool fired;
	bool is_stream; /* it was about a socket that keeps what it does not tell now */
	bool
	    flows; /* ... about one of the internet's, which Linux is asked for no more once it has told all */
};
#ifdef CALLS_OF_A_PROGRAM
/* A program is several processes: what they share. */
static struct in_common {
	struct kernel_fault fault;
	unsigned made[CALLS];
} * in_common;
#define fault (in_common->fault)
#define made (in_common->made)
#else
static struct kernel_fault fault;
static unsigned made[CALLS];
#endif

/* Whose descriptor is it?  For whoever includes this; called as if the library was not. */
static void fault_is_about(int fd);

static void
fault_is(enum call c, unsigned nth, int error)
{
	memset(made, 0, sizeof(made));
	mapped = 0;
	closed_in_vain = -1;
	fault = (struct kernel_fault){.call = c, .nth = nth, .error = error};
}

static const char *
fault_text(void)
{
	return fault.error ? strerror(fault.error) : "a part";
}

/* True: this call is the one. */
static bool
is_due(enum call c, int fd)
{
	if (!in_library || ++made[c] != fault.nth || c != fault.call || fault.fired)
		return false;
	fault.fired = true;
	if (fd >= 0) {
		in_library = false;
		fault_is_about(fd);
		in_library = true;
	}
	return true;
}

static bool
fails(enum call c, int fd)
{
	if (!is_due(c, fd))
		return false;
	errno = fault.error;
	return true;
}

/* How many arguments there are is known to who calls: others are passed on as they happen to be. */
#define BEYOND_ARGUMENTS __attribute__((no_sanitize_address))

/* A call that returns -1 and errno. */
#define WRAP(type, call, name, fd, takes, gives)                         \
	type __real_##name takes;                                        \
	type __wrap_##name takes;                                        \
	type __wrap_##name takes                                         \
	{                                                                \
		return fails(call, fd) ? (type)-1 : __real_##name gives; \
	}

struct ifaddrs;
struct timespec;

WRAP(int, CALL_SOCKET, socket, -1, (int f, int t, int p), (f, t, p))
WRAP(int, CALL_CONNECT, connect, fd, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, CALL_BIND, bind, fd, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, CALL_LISTEN, listen, fd, (int fd, int n), (fd, n))
WRAP(int, CALL_ACCEPT4, accept4, fd, (int fd, struct sockaddr *a, socklen_t *n, int f), (fd, a, n, f))
WRAP(int, CALL_GETPEERNAME, getpeername, fd, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
WRAP(int, CALL_GETSOCKNAME, getsockname, fd, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
WRAP(int, CALL_GETSOCKOPT, getsockopt, fd, (int fd, int l, int o, void *p, socklen_t *n), (fd, l, o, p, n))
WRAP(int, CALL_SETSOCKOPT, setsockopt, fd, (int fd, int l, int o, const void *p, socklen_t n),
     (fd, l, o, p, n))
WRAP(ssize_t, CALL_RECV, recv, fd, (int fd, void *p, size_t n, int f), (fd, p, n, f))
WRAP(ssize_t, CALL_SEND, send, fd, (int fd, const void *p, size_t n, int f), (fd, p, n, f))
WRAP(int, CALL_SHUTDOWN, shutdown, fd, (int fd, int how), (fd, how))
WRAP(int, CALL_EPOLL_CREATE1, epoll_create1, -1, (int f), (f))
WRAP(int, CALL_EPOLL_CTL, epoll_ctl, fd, (int e, int op, int fd, struct epoll_event *v), (e, op, fd, v))
WRAP(int, CALL_EPOLL_WAIT, epoll_wait, -1, (int e, struct epoll_event *v, int n, int t), (e, v, n, t))
WRAP(int, CALL_PPOLL, ppoll, -1, (struct pollfd * p, nfds_t n, const struct timespec *t, const sigset_t *s),
     (p, n, t, s))
WRAP(int, CALL_POLL, poll, -1, (struct pollfd * p, nfds_t n, int t), (p, n, t))
WRAP(int, CALL_EVENTFD, eventfd, -1, (unsigned n, int f), (n, f))
WRAP(int, CALL_TIMERFD_CREATE, timerfd_create, -1, (int c, int f), (c, f))
WRAP(int, CALL_MADVISE, madvise, -1, (void *p, size_t n, int a), (p, n, a))
WRAP(int, CALL_LSTAT, lstat, -1, (const char *p, struct stat *s), (p, s))
WRAP(int, CALL_FSTAT, fstat, fd, (int fd, struct stat *s), (fd, s))
WRAP(int, CALL_STAT, stat, -1, (const char *p, struct stat *s), (p, s))
WRAP(int, CALL_FCHMOD, fchmod, fd, (int fd, mode_t m), (fd, m))
WRAP(int, CALL_UNLINK, unlink, -1, (const char *p), (p))
WRAP(int, CALL_GETIFADDRS, getifaddrs, -1, (struct ifaddrs * *p), (p))

/* --- calls with more arguments for some of what they do --------------------------------------------------------------------- */

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...);
int
__wrap_fcntl(int fd, int what, ...)
{
	va_list ap;

	va_start(ap, what);
	long value = va_arg(ap, long); /* a register, whether it was given or not */
	va_end(ap);
	return fails(CALL_FCNTL, fd) ? -1 : __real_fcntl(fd, what, value);
}

int __real_ioctl(int fd, unsigned long what, ...);
int __wrap_ioctl(int fd, unsigned long what, ...);
int
__wrap_ioctl(int fd, unsigned long what, ...)
{
	va_list ap;

	va_start(ap, what);
	void *p = va_arg(ap, void *);
	va_end(ap);
	return fails(CALL_IOCTL, fd) ? -1 : __real_ioctl(fd, what, p);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int
__wrap_open(const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = va_arg(ap, mode_t);
	va_end(ap);
	return fails(CALL_OPEN, -1) ? -1 : __real_open(path, flags, mode);
}

#ifdef CALLS_OF_A_PROGRAM
int __real_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);
int
__wrap_openat(int at, const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = va_arg(ap, mode_t);
	va_end(ap);
	return fails(CALL_OPENAT, -1) ? -1 : __real_openat(at, path, flags, mode);
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *
__wrap_fopen(const char *path, const char *mode)
{
	return fails(CALL_FOPEN, -1) ? NULL : __real_fopen(path, mode);
}

WRAP(int, CALL_DUP2, dup2, -1, (int from, int to), (from, to))
WRAP(int, CALL_SIGNALFD, signalfd, -1, (int fd, const sigset_t *s, int f), (fd, s, f))
WRAP(int, CALL_PIPE2, pipe2, -1, (int *p, int f), (p, f))
WRAP(int, CALL_FLOCK, flock, -1, (int fd, int f), (fd, f))
WRAP(int, CALL_FSYNC, fsync, -1, (int fd), (fd))
WRAP(int, CALL_MKDIR, mkdir, -1, (const char *p, mode_t m), (p, m))
WRAP(int, CALL_RENAMEAT, renameat, -1, (int a, const char *p, int b, const char *q), (a, p, b, q))
WRAP(int, CALL_MPROTECT, mprotect, -1, (void *p, size_t n, int w), (p, n, w))
WRAP(int, CALL_MLOCK, mlock, -1, (const void *p, size_t n), (p, n))
WRAP(pid_t, CALL_FORK, fork, -1, (void), ())
WRAP(pid_t, CALL_SETSID, setsid, -1, (void), ())
WRAP(int, CALL_SOCKETPAIR, socketpair, -1, (int d, int t, int p, int *f), (d, t, p, f))
WRAP(int, CALL_SIGACTION, sigaction, -1, (int n, const struct sigaction *a, struct sigaction *b), (n, a, b))
WRAP(int, CALL_CHDIR, chdir, -1, (const char *p), (p))
WRAP(int, CALL_FCHDIR, fchdir, -1, (int fd), (fd))
WRAP(int, CALL_MKDIRAT, mkdirat, -1, (int a, const char *p, mode_t m), (a, p, m))
WRAP(ssize_t, CALL_READLINK, readlink, -1, (const char *p, char *to, size_t n), (p, to, n))
WRAP(int, CALL_UNSHARE, unshare, -1, (int what), (what))
WRAP(int, CALL_MOUNT, mount, -1,
     (const char *from, const char *at, const char *type, unsigned long f, const void *data),
     (from, at, type, f, data))
WRAP(int, CALL_UMOUNT2, umount2, -1, (const char *at, int f), (at, f))

/* Who does not wait is not interrupted. */
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t
__wrap_waitpid(pid_t pid, int *status, int options)
{
	return !(options & WNOHANG) && fails(CALL_WAITPID, -1) ? -1 : __real_waitpid(pid, status, options);
}

/* A call that returns a pointer. */
#define WRAP_POINTER(type, call, name, takes, gives)                 \
	type __real_##name takes;                                    \
	type __wrap_##name takes;                                    \
	type __wrap_##name takes                                     \
	{                                                            \
		return fails(call, -1) ? NULL : __real_##name gives; \
	}

WRAP_POINTER(DIR *, CALL_OPENDIR, opendir, (const char *p), (p))
WRAP_POINTER(DIR *, CALL_FDOPENDIR, fdopendir, (int fd), (fd))
WRAP_POINTER(char *, CALL_GETCWD, getcwd, (char *to, size_t n), (to, n))
WRAP_POINTER(char *, CALL_REALPATH, realpath, (const char *p, char *to), (p, to))
WRAP_POINTER(void *, CALL_SECCOMP_INIT, seccomp_init, (uint32_t action), (action))

/* libseccomp says what went wrong itself. */
struct scmp_arg_cmp;
int __real_seccomp_load(void *filter);
int __wrap_seccomp_load(void *filter);
int
__wrap_seccomp_load(void *filter)
{
	return is_due(CALL_SECCOMP_LOAD, -1) ? -fault.error : __real_seccomp_load(filter);
}

int __real_seccomp_rule_add_array(void *filter, uint32_t action, int nr, unsigned n,
				  const struct scmp_arg_cmp *arg);
int __wrap_seccomp_rule_add_array(void *filter, uint32_t action, int nr, unsigned n,
				  const struct scmp_arg_cmp *arg);
int
__wrap_seccomp_rule_add_array(void *filter, uint32_t action, int nr, unsigned n,
			      const struct scmp_arg_cmp *arg)
{
	return is_due(CALL_SECCOMP_RULE, -1) ? -fault.error
					     : __real_seccomp_rule_add_array(filter, action, nr, n, arg);
}

int __real_prctl(int what, ...);
int __wrap_prctl(int what, ...);
BEYOND_ARGUMENTS int
__wrap_prctl(int what, ...)
{
	unsigned long a[4];
	va_list ap;

	va_start(ap, what);
	for (unsigned i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	return fails(CALL_PRCTL, -1) ? -1 : __real_prctl(what, a[0], a[1], a[2], a[3]);
}
#endif

/* Which of them comes so. */
static enum call
call_of(long number)
{
#ifdef CALLS_OF_A_PROGRAM
	static const struct {
		long number;
		enum call call;
	} known[] = {
	    {SYS_clone, CALL_CLONE},     {SYS_capget, CALL_CAPGET},
	    {SYS_capset, CALL_CAPSET},   {SYS_pivot_root, CALL_PIVOT_ROOT},
	    {SYS_seccomp, CALL_SECCOMP}, {428, CALL_OPEN_TREE},
	    {429, CALL_MOVE_MOUNT},      {430, CALL_FSOPEN},
	    {431, CALL_FSCONFIG},        {432, CALL_FSMOUNT},
	    {433, CALL_FSPICK},          {434, CALL_PIDFD_OPEN},
	    {442, CALL_MOUNT_SETATTR},   {444, CALL_LANDLOCK_RULESET},
	    {445, CALL_LANDLOCK_RULE},   {446, CALL_LANDLOCK_SELF},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].number == number)
			return known[i].call;
	return CALL_OTHER;
#else
	(void)number; /* only pidfd_open(2) comes so from the library */
	return CALL_PIDFD_OPEN;
#endif
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
BEYOND_ARGUMENTS long
__wrap_syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return fails(call_of(number), -1) ? -1 : __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- what is taken and given back ------------------------------------------------------------------------------------------- */

void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *
__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	if (fails(CALL_MMAP, -1))
		return MAP_FAILED;
	void *p = __real_mmap(at, n, prot, flags, fd, off);
	mapped += in_library && p != MAP_FAILED;
	return p;
}

int __real_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n);
int
__wrap_munmap(void *at, size_t n)
{
	mapped -= in_library;
	return __real_munmap(at, n);
}

int __real_close(int fd);
int __wrap_close(int fd);
int
__wrap_close(int fd)
{
	bool fail = is_due(CALL_CLOSE, -1);
	int r = __real_close(fd);

	if (in_library && r < 0 && errno == EBADF)
		closed_in_vain = fd;
	if (!fail)
		return r;
	errno = fault.error;
	return -1;
}

/* --- calls that may do a part ------------------------------------------------------------------------------------------------- */

/* Of a host's socket Linux would tell when there is more, and it does not: that one is done whole. */
static size_t
part_of(size_t n)
{
	return n > 1 && fault.is_stream && !fault.flows ? n / 2 : n;
}

/* A vector call in its whole or, of its first piece, the first part. */
#define WRAP_VECTOR(call, name)                                                          \
	ssize_t __real_##name(int fd, const struct iovec *iov, int n);                   \
	ssize_t __wrap_##name(int fd, const struct iovec *iov, int n);                   \
	ssize_t __wrap_##name(int fd, const struct iovec *iov, int n)                    \
	{                                                                                \
		if (!is_due(call, fd))                                                   \
			return __real_##name(fd, iov, n);                                \
		struct iovec part = {iov->iov_base, part_of(iov->iov_len)};              \
		if (fault.error == 0)                                                    \
			return part.iov_len < iov->iov_len ? __real_##name(fd, &part, 1) \
							   : __real_##name(fd, iov, n);  \
		errno = fault.error;                                                     \
		return -1;                                                               \
	}

WRAP_VECTOR(CALL_READV, readv)
WRAP_VECTOR(CALL_WRITEV, writev)

/* The same of plain ones. */
#define WRAP_PLAIN(call, name, pointer)                                    \
	ssize_t __real_##name(int fd, pointer p, size_t n);                \
	ssize_t __wrap_##name(int fd, pointer p, size_t n);                \
	ssize_t __wrap_##name(int fd, pointer p, size_t n)                 \
	{                                                                  \
		bool due = is_due(call, fd);                               \
		if (!due || fault.error == 0)                              \
			return __real_##name(fd, p, due ? part_of(n) : n); \
		errno = fault.error;                                       \
		return -1;                                                 \
	}

WRAP_PLAIN(CALL_READ, read, void *)
WRAP_PLAIN(CALL_WRITE, write, const void *)

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);
int __real_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int f);
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int f);
int __real_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int f, struct timespec *t);
int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int f, struct timespec *t);

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct msghdr less = *m;

	if (!is_due(CALL_SENDMSG, fd))
		return __real_sendmsg(fd, m, flags);
	struct iovec part = {m->msg_iov->iov_base, part_of(m->msg_iov->iov_len)};
	if (fault.error == 0 && part.iov_len < m->msg_iov->iov_len) {
		less.msg_iov = &part;
		less.msg_iovlen = 1;
	}
	if (fault.error == 0)
		return __real_sendmsg(fd, &less, flags);
	errno = fault.error;
	return -1;
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
	if (!is_due(CALL_RECVMSG, fd))
		return __real_recvmsg(fd, m, flags);
	if (fault.error == 0) {
		size_t whole = m->msg_iov->iov_len;

		m->msg_iov->iov_len = part_of(whole);
		ssize_t got = __real_recvmsg(fd, m, flags);
		m->msg_iov->iov_len = whole;
		return got;
	}
	errno = fault.error;
	return -1;
}

/* Of many, one. */
int
__wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int f)
{
	bool due = is_due(CALL_SENDMMSG, fd);

	if (!due || fault.error == 0)
		return __real_sendmmsg(fd, m, due && n > 1 && !fault.flows ? 1 : n, f);
	errno = fault.error;
	return -1;
}

int
__wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int f, struct timespec *t)
{
	bool due = is_due(CALL_RECVMMSG, fd);

	if (!due || fault.error == 0)
		return __real_recvmmsg(fd, m, due && n > 1 && !fault.flows ? 1 : n, f, t);
	errno = fault.error;
	return -1;
}

#endif
