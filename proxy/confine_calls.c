/*
 * confine_calls.c - the system calls of a running gateway, each with its reason; all else is forbidden
 *
 * The table is what docs/confinement.md prints (a test holds the two together), and what libseccomp makes the kernel's
 * filter of.  A forbidden call is a SIGSYS, of which the process dies unless it has a handler for it, and which
 * nobody can change any more; one by another machine's numbers (i386, x32) kills at once.  A few calls are answered with
 * an errno instead: those that the C library tries and can do without, and those whose refusal the gateway understands.
 *
 * Arguments that are int or unsigned to the kernel are compared in their low half, which is all it looks at.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/confine_int.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef MADV_GUARD_INSTALL /* Linux 6.13; stacks of glibc 2.42 */
#define MADV_GUARD_INSTALL 102
#endif

/* --- the table ------------------------------------------------------------------------------------- */

#define LOW UINT64_C(0xffffffff)
#define IS(i, v)                                              \
	{                                                     \
		.n = (i), .mask = LOW, .value = (uint32_t)(v) \
	}
#define LACKS(i, bits)                             \
	{                                          \
		.n = (i), .mask = (uint32_t)(bits) \
	}
#define IS_BUT(i, v, bits)                                                                  \
	{                                                                                   \
		.n = (i), .mask = LOW & ~(uint64_t)(uint32_t)(bits), .value = (uint32_t)(v) \
	}
#define IS_NULL(i)                           \
	{                                    \
		.n = (i), .mask = UINT64_MAX \
	}
#define IS_US(i)                                    \
	{                                           \
		.n = (i), .mask = LOW, .self = true \
	}

#define ANY ""

/* What pthread_create(3) asks for, in glibc and musl; nothing of another process, nothing of namespaces. */
#define THREAD                                                                                             \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | \
	 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* Opened for anything else than reading. */
#define FOR_WRITING (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY) | O_PATH)

/* Clocks have small numbers; those of other processes and of devices are made of a pid or a descriptor, and negative. */
#define OWN_CLOCK IS_BUT(0, 0, 15)
#define CLOCKS "the system's and our own"

/* On this machine and this process, or on whatever shares the memory. */
#define FUTEX(op) IS_BUT(1, op, FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)

#define SOCKET(domain, type, protocol) \
	IS(0, domain), IS_BUT(1, type, SOCK_NONBLOCK | SOCK_CLOEXEC), IS(2, protocol)
#define OPTION(level, name) IS(1, level), IS(2, name)

static const struct confine_call table[] = {
    /* bytes and messages */
    {"read", ANY, .why = "wake-ups, files of a reload"},
    {"readv", ANY, .why = "frames of a tap, bytes of a host's socket"},
    {"write", ANY, .why = "wake-ups, what the log hook prints"},
    {"writev", ANY, .why = "frames to a tap, captures"},
    {"recvfrom", ANY, .why = "one datagram; what netlink says"},
    {"recvmsg", ANY, .why = "error queues of sockets; messages and descriptors of a vhost-user VMM"},
    {"recvmmsg", ANY, .why = "datagrams of the host, frames of a datagram VMM"},
    {"sendto", ANY, .why = "one datagram; what netlink is asked"},
    {"sendmsg", ANY, .why = "bytes to a host's socket"},
    {"sendmmsg", ANY, .why = "datagrams to the host, frames to a datagram VMM"},
    {"lseek", ANY, .why = "stdio, where a file of a reload ends"},
    {"_llseek", ANY, .why = "the same, where offsets are 32 bits"},
    {"close", ANY, .why = "flows end"},

    /* sockets */
    {"socket",
     "AF_INET, SOCK_STREAM, IPPROTO_TCP",
     {SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP)},
     .why = "flows"},
    {"socket",
     "AF_INET6, SOCK_STREAM, IPPROTO_TCP",
     {SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP)},
     .why = "flows"},
    {"socket",
     "AF_INET, SOCK_DGRAM, IPPROTO_UDP",
     {SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP)},
     .why = "flows, names"},
    {"socket",
     "AF_INET6, SOCK_DGRAM, IPPROTO_UDP",
     {SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP)},
     .why = "flows, names"},
    {"socket",
     "AF_INET, SOCK_DGRAM, IPPROTO_ICMP",
     {SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)},
     .why = "pings"},
    {"socket",
     "AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6",
     {SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6)},
     .why = "pings"},
    {"socket",
     "AF_NETLINK, SOCK_RAW, NETLINK_ROUTE",
     {SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)},
     .why = "which addresses are the host's own, read again when they change"},
    {"socket",
     "AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG",
     {SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)},
     .when = NEED_SOCKET,
     .why = "a guest behind a socket: has its other end gone, is the path still ours"},
    {"connect", ANY, .why = "flows"},
    {"bind", ANY, .why = "flows that leave from an address of their own; netlink"},
    {"accept4", ANY, .why = "clients of published ports, the next VMM"},
    {"getsockname", ANY, .why = "the port a flow has got; netlink"},
    {"getpeername", ANY, .why = "has connect(2) ended"},
    {"shutdown", ANY, .why = "half-closed connections"},
    {"getsockopt", "SOL_SOCKET, SO_ERROR", {OPTION(SOL_SOCKET, SO_ERROR)}, .why = "why a flow failed"},
    {"getsockopt", "SOL_SOCKET, SO_TYPE", {OPTION(SOL_SOCKET, SO_TYPE)}, .why = "what a descriptor is"},
    {"getsockopt",
     "SOL_SOCKET, SO_PEERCRED",
     {OPTION(SOL_SOCKET, SO_PEERCRED)},
     .why = "which process the VMM is"},
    {"getsockopt", "IPPROTO_TCP, TCP_INFO", {OPTION(IPPROTO_TCP, TCP_INFO)}, .why = "has connect(2) ended"},
    {"setsockopt", "SOL_SOCKET, SO_REUSEADDR", {OPTION(SOL_SOCKET, SO_REUSEADDR)}, .why = "listeners"},
    {"setsockopt", "SOL_SOCKET, SO_RCVBUF", {OPTION(SOL_SOCKET, SO_RCVBUF)}, .why = "room for datagrams"},
    {"setsockopt", "SOL_SOCKET, SO_RCVBUFFORCE", {OPTION(SOL_SOCKET, SO_RCVBUFFORCE)}, .why = "tried first"},
    {"setsockopt", "SOL_SOCKET, SO_SNDBUF", {OPTION(SOL_SOCKET, SO_SNDBUF)}, .why = "room for frames"},
    {"setsockopt", "SOL_SOCKET, SO_SNDBUFFORCE", {OPTION(SOL_SOCKET, SO_SNDBUFFORCE)}, .why = "tried first"},
    {"setsockopt",
     "SOL_SOCKET, SO_LINGER",
     {OPTION(SOL_SOCKET, SO_LINGER)},
     .why = "a reset that is passed on"},
    {"setsockopt", "SOL_SOCKET, SO_KEEPALIVE", {OPTION(SOL_SOCKET, SO_KEEPALIVE)}, .why = "keep-alive"},
    {"setsockopt",
     "SOL_SOCKET, SO_PASSCRED",
     {OPTION(SOL_SOCKET, SO_PASSCRED)},
     .why = "which process the VMM is"},
    {"setsockopt",
     "SOL_SOCKET, SO_MARK",
     {OPTION(SOL_SOCKET, SO_MARK)},
     .when = NEED_WAYS,
     .answer = EPERM,
     .why = "routes of the connect hook"},
    {"setsockopt",
     "SOL_SOCKET, SO_BINDTODEVICE",
     {OPTION(SOL_SOCKET, SO_BINDTODEVICE)},
     .when = NEED_WAYS,
     .answer = EPERM,
     .why = "routes of the connect hook"},
    {"setsockopt",
     "IPPROTO_TCP, TCP_NODELAY",
     {OPTION(IPPROTO_TCP, TCP_NODELAY)},
     .why = "small writes leave at once"},
    {"setsockopt", "IPPROTO_TCP, TCP_KEEPIDLE", {OPTION(IPPROTO_TCP, TCP_KEEPIDLE)}, .why = "keep-alive"},
    {"setsockopt", "IPPROTO_UDP, UDP_GRO", {OPTION(IPPROTO_UDP, UDP_GRO)}, .why = "many datagrams in one"},
    {"setsockopt", "IPPROTO_IP, IP_TTL", {OPTION(IPPROTO_IP, IP_TTL)}, .why = "the guest's own TTL"},
    {"setsockopt", "IPPROTO_IP, IP_TOS", {OPTION(IPPROTO_IP, IP_TOS)}, .why = "the guest's own TOS"},
    {"setsockopt",
     "IPPROTO_IP, IP_RECVERR",
     {OPTION(IPPROTO_IP, IP_RECVERR)},
     .why = "ICMP errors are passed on"},
    {"setsockopt", "IPPROTO_IP, IP_RECVTTL", {OPTION(IPPROTO_IP, IP_RECVTTL)}, .why = "an echo reply's TTL"},
    {"setsockopt", "IPPROTO_IP, IP_RECVTOS", {OPTION(IPPROTO_IP, IP_RECVTOS)}, .why = "an echo reply's TOS"},
    {"setsockopt",
     "IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT",
     {OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT)},
     .why = "flows that leave from an address of their own"},
    {"setsockopt", "IPPROTO_IPV6, IPV6_V6ONLY", {OPTION(IPPROTO_IPV6, IPV6_V6ONLY)}, .why = "IPv6 is IPv6"},
    {"setsockopt",
     "IPPROTO_IPV6, IPV6_UNICAST_HOPS",
     {OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS)},
     .why = "the guest's own hop limit"},
    {"setsockopt",
     "IPPROTO_IPV6, IPV6_TCLASS",
     {OPTION(IPPROTO_IPV6, IPV6_TCLASS)},
     .why = "the guest's own traffic class"},
    {"setsockopt",
     "IPPROTO_IPV6, IPV6_RECVERR",
     {OPTION(IPPROTO_IPV6, IPV6_RECVERR)},
     .why = "ICMPv6 errors are passed on"},
    {"setsockopt",
     "IPPROTO_IPV6, IPV6_RECVHOPLIMIT",
     {OPTION(IPPROTO_IPV6, IPV6_RECVHOPLIMIT)},
     .why = "an echo reply's hop limit"},
    {"setsockopt",
     "IPPROTO_IPV6, IPV6_RECVTCLASS",
     {OPTION(IPPROTO_IPV6, IPV6_RECVTCLASS)},
     .why = "an echo reply's traffic class"},

    /* waiting */
    {"poll", ANY, .why = "the loop sleeps"},
    {"ppoll", ANY, .why = "the loop sleeps"},
    {"epoll_wait", ANY, .why = "which sockets are ready"},
    {"epoll_pwait", ANY, .why = "which sockets are ready"},
    {"epoll_ctl", ANY, .why = "a flow's socket is watched"},
    {"timerfd_settime", ANY, .why = "a VMM that could not be accepted is looked at again"},
    {"restart_syscall", ANY, .why = "a sleep that was stopped (SIGSTOP) goes on"},

    /* time and luck, where the kernel has them not in its vDSO */
    {"clock_gettime", CLOCKS, {OWN_CLOCK}, .why = "time"},
    {"clock_getres", CLOCKS, {OWN_CLOCK}, .why = "time"},
    {"gettimeofday", ANY, .why = "time"},
    {"time", ANY, .why = "time"},
    {"clock_nanosleep",
     CLOCKS,
     {OWN_CLOCK},
     .why = "a short sleep of the C library, or of a thread that reloads"},
    {"nanosleep", ANY, .why = "a short sleep of the C library, or of a thread that reloads"},
    {"getrandom", ANY, .why = "ids, ports, keys"},

    /* memory */
    {"mmap", "no PROT_EXEC", {LACKS(2, PROT_EXEC)}, .why = "memory; that of a vhost-user guest"},
    {"mprotect",
     "no PROT_EXEC",
     {LACKS(2, PROT_EXEC)},
     .why = "the C library's heaps and stacks; edges of secrets"},
    {"munmap", ANY, .why = "memory goes back"},
    {"mremap", ANY, .why = "blocks grow"},
    {"brk", ANY, .why = "the heap"},
    {"madvise", "MADV_DONTNEED", {IS(2, MADV_DONTNEED)}, .why = "pages go back to the host"},
    {"madvise", "MADV_FREE", {IS(2, MADV_FREE)}, .why = "pages go back to the host"},
    {"madvise", "MADV_DONTDUMP", {IS(2, MADV_DONTDUMP)}, .why = "secrets and guest memory are in no core"},
    {"madvise", "MADV_HUGEPAGE", {IS(2, MADV_HUGEPAGE)}, .why = "the C library's heaps"},
    {"madvise", "MADV_NOHUGEPAGE", {IS(2, MADV_NOHUGEPAGE)}, .why = "small frames take small pages"},
    {"madvise", "MADV_GUARD_INSTALL", {IS(2, MADV_GUARD_INSTALL)}, .why = "stacks of threads (glibc 2.42)"},
    {"mlock", ANY, .why = "secrets are not paged out"},
    {"munlock", ANY, .why = "secrets that are gone"},

    /* threads, signals, the end */
    {"clone",
     "the flags of pthread_create(3)",
     {IS_BUT(0, THREAD, CLONE_DETACHED)},
     .why = "a thread that reloads, with this confinement"},
    {"clone3", ANY, .answer = ENOSYS,
     .why = "its flags are in memory, where no filter sees them: glibc takes clone(2)"},
    {"set_robust_list", ANY, .why = "a thread begins"},
    {"rseq", ANY, .why = "a thread begins"},
    {"set_tid_address", ANY, .why = "a thread begins"},
    {"gettid", ANY, .why = "locks, abort(3)"},
    {"getpid", ANY, .why = "is a VMM ourselves; abort(3)"},
    {"futex", "FUTEX_WAIT", {FUTEX(FUTEX_WAIT)}, .why = "locks, waiting for a thread"},
    {"futex", "FUTEX_WAKE", {FUTEX(FUTEX_WAKE)}, .why = "the same"},
    {"futex", "FUTEX_WAIT_BITSET", {FUTEX(FUTEX_WAIT_BITSET)}, .why = "the same, until a time"},
    {"futex", "FUTEX_REQUEUE", {FUTEX(FUTEX_REQUEUE)}, .why = "the same, of other C libraries"},
    {"futex", "FUTEX_CMP_REQUEUE", {FUTEX(FUTEX_CMP_REQUEUE)}, .why = "the same, of older ones"},
    {"sched_yield", ANY, .why = "locks"},
    {"sched_getaffinity", "this thread", {IS(0, 0)}, .why = "the C library, how many heaps there should be"},
    {"prctl", "PR_SET_NAME", {IS(0, PR_SET_NAME)}, .why = "a thread's name"},
    {"prctl",
     "PR_SET_VMA",
     {IS(0, PR_SET_VMA)},
     .answer = EINVAL,
     .why = "the C library would name its memory"},
    {"rt_sigprocmask", ANY, .why = "a thread begins, abort(3)"},
    {"rt_sigreturn", ANY, .why = "a handler of the program's ends"},
    {"rt_sigaction", "SIGABRT", {IS(0, SIGABRT)}, .why = "abort(3)"},
    {"rt_sigaction", "32", {IS(0, 32)}, .why = "glibc's own signal: the first pthread_cancel(3)"},
    {"rt_sigaction", "33", {IS(0, 33)}, .why = "glibc's own signal: the first pthread_create(3)"},
    {"tgkill", "this process", {IS_US(0)}, .why = "abort(3), pthread_kill(3)"},
    {"kill", "this process", {IS_US(0)}, .why = "raise(3)"},
    {"exit", ANY, .why = "a thread ends"},
    {"exit_group", ANY, .why = "the program ends"},

    /* what kind of machine it is */
    {"sysinfo", ANY, .why = "qsort(3), how much it may take (glibc before 2.37)"},
    {"getrlimit", ANY, .why = "how many descriptors, how much locked memory"},
    {"prlimit64", "this process, nothing new", {IS(0, 0), IS_NULL(2)}, .why = "the same"},

    /* files: which, Landlock decides */
    {"openat", "for reading", {LACKS(2, FOR_WRITING)}, .why = "the resolver file, files of a reload"},
    {"open", "for reading", {LACKS(1, FOR_WRITING)}, .why = "the same, of other C libraries"},
    {"openat", ANY, .when = NEED_WRITE, .why = "only with `write`"},
    {"open", ANY, .when = NEED_WRITE, .why = "only with `write`"},
    {"fstat", ANY, .why = "what a descriptor is"},
    {"fstat64", ANY, .why = "what a descriptor is"},
    {"stat", ANY, .why = "has the resolver file changed"},
    {"lstat", ANY, .why = "is a socket's path still ours"},
    {"newfstatat", ANY, .why = "has the resolver file changed"},
    {"statx", ANY, .why = "the same, of newer C libraries"},
    {"access", ANY, .why = "may a file of a reload be read"},
    {"faccessat", ANY, .why = "may a file of a reload be read"},
    {"faccessat2", ANY, .why = "may a file of a reload be read"},
    {"readlink", ANY, .why = "realpath(3): where a file of a reload is"},
    {"readlinkat", ANY, .why = "the same"},
    {"getcwd", ANY, .why = "the same"},
    {"getdents64", ANY, .why = "directories of certificates"},
    {"fcntl", "F_GETFL", {IS(1, F_GETFL)}, .why = "descriptors a VMM sends"},
    {"fcntl", "F_SETFL", {IS(1, F_SETFL)}, .why = "descriptors a VMM sends become nonblocking"},
    {"fcntl", "F_GETFD", {IS(1, F_GETFD)}, .why = "what a descriptor is"},
    {"fcntl", "F_SETFD", {IS(1, F_SETFD)}, .why = "close-on-exec"},
    {"fcntl", "F_DUPFD_CLOEXEC", {IS(1, F_DUPFD_CLOEXEC)}, .why = "a virtqueue's eventfd is kept"},
    {"fcntl", "F_GET_SEALS", {IS(1, F_GET_SEALS)}, .why = "can a VMM cut its memory off under us"},
    {"ioctl", "TCGETS", {IS(1, TCGETS)}, .why = "stdio of a log hook: is it a terminal"},
    {"pidfd_open", ANY, .when = NEED_PEERS, .why = "a guest that sends datagrams: has its VMM ended"},
    {"unlink", ANY, .when = NEED_REMOVE, .answer = EACCES,
     .why = "a socket's path goes; only with `remove` or `write`"},
    {"unlinkat", ANY, .when = NEED_REMOVE, .answer = EACCES, .why = "the same"},
    {"ftruncate", ANY, .when = NEED_WRITE, .why = "only with `write`"},
    {"fsync", ANY, .when = NEED_WRITE, .why = "only with `write`"},
    {"mkdirat", ANY, .when = NEED_WRITE, .why = "only with `write`"},
    {"mkdir", ANY, .when = NEED_WRITE, .why = "only with `write`"},
    {"rename", ANY, .when = NEED_WRITE, .why = "only with `write`"},
    {"renameat", ANY, .when = NEED_WRITE, .why = "only with `write`"},
    {"renameat2", ANY, .when = NEED_WRITE, .why = "only with `write`"},
};

/* What is not in any table for users: builds that watch themselves. */
static const char *const instrumented[] = {
#ifdef SANITIZED
    /* Sanitizers map and read at will, and look for leaks from a process of their own that traces this one. */
    "sigaltstack",
    "rt_sigaction",
    "clone",
    "ptrace",
    "wait4",
    "prctl",
    "madvise",
    "mprotect",
    "mmap",
    "pipe2",
    "fcntl",
    "getppid",
    "getdents",
    "readlink",
    "process_vm_readv",
    "personality",
    "sched_yield",
    "sched_getaffinity",
    "tgkill",
    "kill",
    "getuid",
    "geteuid",
    "getrusage",
    "prlimit64",
    "ioctl",
    "dup",
#endif
#ifdef SLUICE_INSTRUMENTED
    /* Counts of what was reached are written when the process ends. */
    "openat",
    "fcntl",
    "mkdir",
    "ftruncate",
    "pread64",
    "fadvise64",
#endif
    NULL,
};

const struct confine_call *
confine_call(size_t n)
{
	return n < sizeof(table) / sizeof(table[0]) ? &table[n] : NULL;
}

/* --- the filter ------------------------------------------------------------------------------------ */

/* 0 where this machine does not have the call. */
static int
add(scmp_filter_ctx filter, uint32_t action, const char *name, const struct scmp_arg_cmp *arg, unsigned n)
{
	int nr = seccomp_syscall_resolve_name(name);
	int r = nr < 0 ? 0 : seccomp_rule_add_array(filter, action, nr, n, arg);

	return r == -EEXIST ? 0 : r; /* said already, for any arguments */
}

static int
add_row(scmp_filter_ctx filter, const struct confine_call *c, unsigned needs)
{
	bool needed = c->when == 0 || c->when & needs;
	bool answered = c->answer && (c->when == 0 || !needed);
	struct scmp_arg_cmp arg[CONFINE_ARGS];
	unsigned n = 0;

	if (!needed && !answered)
		return 0;
	for (; n < CONFINE_ARGS && c->arg[n].mask; n++)
		arg[n] = (struct scmp_arg_cmp){
		    .arg = c->arg[n].n,
		    .op = SCMP_CMP_MASKED_EQ,
		    .datum_a = c->arg[n].mask,
		    .datum_b = c->arg[n].self ? (uint32_t)getpid() : c->arg[n].value,
		};
	return add(filter, answered ? SCMP_ACT_ERRNO((uint32_t)c->answer) : SCMP_ACT_ALLOW, c->name, arg, n);
}

static int
add_names(scmp_filter_ctx filter, const char *const *name)
{
	int r = 0;

	for (; r == 0 && name && *name; name++)
		r = add(filter, SCMP_ACT_ALLOW, *name, NULL, 0);
	return r;
}

bool
confine_names_are_calls(const char *const *name, struct setup *su)
{
	for (; name && *name; name++)
		if (seccomp_syscall_resolve_name(*name) == __NR_SCMP_ERROR)
			return wrong(su, "'%s' is no system call; name it as in its manual page's section 2",
				     *name);
	return true;
}

static int
set_attributes(scmp_filter_ctx filter, const struct confine *f)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	r = r ? r : seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	r = r ? r : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, f->others);
	r = r ? r
	      : seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list of hundreds */
	return r ? r : seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
}

/* Later rules do not take back what an earlier one allows for any arguments. */
static int
fill(scmp_filter_ctx filter, const struct confine *f)
{
	int r = set_attributes(filter, f);

	r = r ? r : add_names(filter, instrumented);
	r = r ? r : add_names(filter, f->asked.calls);
	for (size_t i = 0; r == 0 && confine_call(i); i++)
		r = add_row(filter, confine_call(i), f->needs);
	return r;
}

static bool
kernel_filters(void)
{
	uint32_t action = SECCOMP_RET_TRAP;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

enum confine_part
confine_calls(const struct confine *f, struct setup *su)
{
	if (!kernel_filters())
		return PART_MISSING;

	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int r = filter ? fill(filter, f) : -ENOMEM;
	r = r ? r : seccomp_load(filter);
	seccomp_release(filter);
	if (r == 0)
		return PART_HOLDS;
	wrong(su, "cannot confine system calls: %s%s",
	      r < 0 ? strerror(-r) : "another thread has a filter of its own",
	      r < 0 ? "" : "; call sluice_confine() before it is started");
	return PART_FAILED;
}
