/*
 * confine_attempts.h - what code that took a confined thread over may try: programs, memory, kernel interfaces, sockets
 *
 * Each attempt returns 0, or the errno it was answered with.  For confine_escape_test.c alone.
 */
#ifndef TEST_UNIT_CONFINE_ATTEMPTS_H
#define TEST_UNIT_CONFINE_ATTEMPTS_H

#include "test/unit/confine_kit.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

/* --- whoever tries --------------------------------------------------------------------------------- */

enum ask {
	ASK_PLAIN,  /* in/ may be read */
	ASK_FILES,  /* ... and out/ written */
	ASK_KILL,   /* ... and kill(2), socket(2) and connect(2) are calls of the caller's own */
	ASK_WAYS,   /* marks and devices */
	ASK_REMOVE, /* gone may be removed */
};

struct scene {
	struct place at;
	pid_t parent;
	int unix_fd, named_fd, elsewhere_fd, net_ns, folder_fd; /* from before */
	struct sockaddr_un named, elsewhere;
	struct sockaddr_un abstract;
	socklen_t abstract_len;
};

typedef int attempt(const struct scene *sc);

struct row {
	const char *what;
	attempt *try;
	int refused; /* KILLED or an errno */
	enum ask ask;
	bool watched;     /* builds that watch themselves may */
	bool root;        /* only root can show it */
	int landlock;     /* from this version on; 0: not its doing */
	unsigned without; /* parts that are not asked for: those that are there show what they do alone */
	bool view;        /* the view's doing */
};

static int
ended(long r)
{
	return r < 0 ? errno : 0;
}

/* --- programs, processes, memory ------------------------------------------------------------------- */

static int
execute(const struct scene *sc)
{
	char *argv[] = {(char[]){"true"}, NULL};

	(void)sc;
	execv("/bin/true", argv);
	return errno;
}

static int
execute_at(const struct scene *sc)
{
	char *argv[] = {(char[]){"true"}, NULL};

	(void)sc;
	return ended(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, argv + 1, 0));
}

static int
fork_it(const struct scene *sc)
{
	pid_t pid = fork();

	(void)sc;
	if (pid == 0)
		_exit(0);
	return ended(pid);
}

static int
new_namespace(const struct scene *sc)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	(void)sc;
	if (pid == 0)
		_exit(0);
	return ended(pid);
}

static int
clone_three(const struct scene *sc)
{
	(void)sc;
	return ended(syscall(SYS_clone3, NULL, 0));
}

static int
unshare_it(const struct scene *sc)
{
	(void)sc;
	return ended(unshare(CLONE_NEWUSER));
}

static int
enter_namespace(const struct scene *sc)
{
	return ended(setns(sc->net_ns, CLONE_NEWNET));
}

static int
trace_parent(const struct scene *sc)
{
	return ended(ptrace(PTRACE_SEIZE, sc->parent, NULL, NULL));
}

static int
read_parent(const struct scene *sc)
{
	char to[8];
	struct iovec mine = {to, sizeof(to)}, theirs = {(void *)(uintptr_t)sc, sizeof(to)};

	return ended(process_vm_readv(sc->parent, &mine, 1, &theirs, 1, 0));
}

static int
write_parent(const struct scene *sc)
{
	char byte = 0;
	struct iovec mine = {&byte, 0}, theirs = {(void *)(uintptr_t)sc, 0};

	return ended(process_vm_writev(sc->parent, &mine, 1, &theirs, 1, 0));
}

static int
kill_parent(const struct scene *sc)
{
	return ended(kill(sc->parent, 0));
}

static int
kill_thread_of_parent(const struct scene *sc)
{
	return ended(syscall(SYS_tgkill, sc->parent, sc->parent, 0));
}

static int
pidfd_of_parent(const struct scene *sc)
{
	return ended(syscall(SYS_pidfd_open, sc->parent, 0));
}

static int
map_code(const struct scene *sc)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)sc;
	return p == MAP_FAILED ? errno : 0;
}

static int
make_code(const struct scene *sc)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)sc;
	return p == MAP_FAILED ? 250 : ended(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
make_code_by_key(const struct scene *sc)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)sc;
	return p == MAP_FAILED ? 250 : ended(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ | PROT_EXEC, -1));
}

static int
file_of_memory(const struct scene *sc)
{
	(void)sc;
	return ended(syscall(SYS_memfd_create, "x", 0));
}

static int
be_another_kind(const struct scene *sc)
{
	(void)sc;
	return ended(syscall(SYS_personality, 0xffffffff));
}

static int
take_sigsys(const struct scene *sc)
{
	(void)sc;
	return signal(SIGSYS, SIG_IGN) == SIG_ERR ? errno : 0;
}

static int
be_undumpable(const struct scene *sc)
{
	(void)sc;
	return ended(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

static int
another_filter(const struct scene *sc)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &all};

	(void)sc;
	return ended(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static int
raise_a_limit(const struct scene *sc)
{
	struct rlimit r = {64, 64};

	(void)sc;
	return ended(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &r, NULL));
}

static int
become_another(const struct scene *sc)
{
	(void)sc;
	return ended(syscall(SYS_setresuid, getuid(), getuid(), getuid()));
}

/* --- kernel interfaces ------------------------------------------------------------------------------ */

static int
load_bpf(const struct scene *sc)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	(void)sc;
	return ended(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a)));
}

static int
uring(const struct scene *sc)
{
	struct io_uring_params p = {0};

	(void)sc;
	return ended(syscall(SYS_io_uring_setup, 1, &p));
}

static int
user_faults(const struct scene *sc)
{
	(void)sc;
	return ended(syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY));
}

static int
perf_events(const struct scene *sc)
{
	struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE,
				    .size = sizeof(a),
				    .config = PERF_COUNT_SW_DUMMY,
				    .exclude_kernel = 1};

	(void)sc;
	return ended(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0));
}

static int
keyring(const struct scene *sc)
{
	(void)sc;
	return ended(syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 1));
}

static int
mount_it(const struct scene *sc)
{
	return ended(mount("none", sc->at.out, "tmpfs", 0, NULL));
}

static int
change_root(const struct scene *sc)
{
	return ended(chroot(sc->at.in));
}

static int
by_handle(const struct scene *sc)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + 128];
	} u = {.h = {.handle_bytes = 128}};
	int mount_id;

	return ended(syscall(SYS_name_to_handle_at, AT_FDCWD, sc->at.file, &u.h, &mount_id, 0));
}

static int
type_for_user(const struct scene *sc)
{
	char c = '\n';

	(void)sc;
	return ended(ioctl(STDIN_FILENO, TIOCSTI, &c));
}

/* --- sockets --------------------------------------------------------------------------------------- */

static int
a_socket(int domain, int type, int protocol)
{
	return ended(socket(domain, type | SOCK_CLOEXEC, protocol));
}

#define SOCKET_TRY(name, ...)                   \
	static int name(const struct scene *sc) \
	{                                       \
		(void)sc;                       \
		return a_socket(__VA_ARGS__);   \
	}
SOCKET_TRY(socket_packet, AF_PACKET, SOCK_RAW, 0)
SOCKET_TRY(socket_raw, AF_INET, SOCK_RAW, IPPROTO_ICMP)
SOCKET_TRY(socket_raw6, AF_INET6, SOCK_RAW, IPPROTO_TCP)
SOCKET_TRY(socket_unix, AF_UNIX, SOCK_STREAM, 0)
SOCKET_TRY(socket_vsock, AF_VSOCK, SOCK_STREAM, 0)
SOCKET_TRY(socket_netlink, AF_NETLINK, SOCK_RAW, 16 /* NETLINK_GENERIC */)
SOCKET_TRY(socket_diag, AF_NETLINK, SOCK_RAW, 4 /* NETLINK_SOCK_DIAG */)
SOCKET_TRY(socket_tcp, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP)
SOCKET_TRY(socket_udp6, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP)

/* The kernel looks at the low half of it alone. */
static int
socket_packet_in_disguise(const struct scene *sc)
{
	(void)sc;
	return ended(syscall(SYS_socket, (1L << 32) | AF_PACKET, SOCK_RAW, 0));
}

static int
socket_pair(const struct scene *sc)
{
	int fd[2];

	(void)sc;
	return ended(socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
}

static int
set_option(int level, int name, const void *value, socklen_t len)
{
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);

	return ended(setsockopt(fd, level, name, value, len));
}

static int
attach_filter(const struct scene *sc)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffff);
	struct sock_fprog program = {1, &all};

	(void)sc;
	return set_option(SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int
mark(const struct scene *sc)
{
	int value = 7;

	(void)sc;
	return set_option(SOL_SOCKET, SO_MARK, &value, sizeof(value));
}

static int
to_device(const struct scene *sc)
{
	(void)sc;
	return set_option(SOL_SOCKET, SO_BINDTODEVICE, "lo", 2);
}

static int
other_option(const struct scene *sc)
{
	int value = 1;

	(void)sc;
	return set_option(IPPROTO_IP, IP_PKTINFO, &value, sizeof(value));
}

static int
to_abstract(const struct scene *sc)
{
	return ended(connect(sc->unix_fd, (const struct sockaddr *)&sc->abstract, sc->abstract_len));
}

static int
listen_on(const struct scene *sc)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);

	(void)sc;
	return ended(listen(fd, 1));
}

#endif
