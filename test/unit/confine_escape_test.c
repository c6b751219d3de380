/*
 * confine_escape_test.c - somebody has taken the gateway's thread over, and tries what he can
 *
 * Each attempt is made twice, by a child that has confined itself and by one that has not (the canary): the first must
 * be refused as docs/confinement.md says, the second must not be refused in that way, so that the refusal is the
 * confinement's own doing.
 */
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
	ASK_PLAIN, /* in/ may be read */
	ASK_FILES, /* ... and out/ written */
	ASK_KILL,  /* ... and kill(2), socket(2) and connect(2) are calls of the caller's own */
	ASK_WAYS,  /* marks and devices */
	ASK_REST,  /* without the part about system calls: what the others do */
};

struct scene {
	struct place at;
	pid_t parent;
	int unix_fd, net_ns; /* from before */
	struct sockaddr_un abstract;
	socklen_t abstract_len;
};

typedef int attempt(const struct scene *sc);

struct row {
	const char *what;
	attempt *try;
	int refused; /* KILLED or an errno */
	enum ask ask;
	bool watched; /* builds that watch themselves may */
	bool root;    /* only root can show it */
	int landlock; /* from this version on; 0: not its doing */
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

/* --- files ----------------------------------------------------------------------------------------- */

static int
opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return ended(fd);
}

static int
read_named(const struct scene *sc)
{
	return opened(sc->at.file, O_RDONLY);
}

static int
read_secret(const struct scene *sc)
{
	return opened(sc->at.secret, O_RDONLY);
}

static int
read_by_link(const struct scene *sc)
{
	return opened(sc->at.link, O_RDONLY);
}

static int
read_passwd(const struct scene *sc)
{
	(void)sc;
	return opened("/etc/passwd", O_RDONLY);
}

static int
list_root(const struct scene *sc)
{
	(void)sc;
	return opened("/", O_RDONLY | O_DIRECTORY);
}

static int
own_memory(const struct scene *sc)
{
	(void)sc;
	return opened("/proc/self/mem", O_RDONLY);
}

static int
memory_of_parent(const struct scene *sc)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)sc->parent);
	return opened(path, O_RDONLY);
}

static int
write_named(const struct scene *sc)
{
	return opened(sc->at.file, O_WRONLY);
}

static int
cut_named(const struct scene *sc)
{
	return ended(truncate(sc->at.file, 0));
}

static int
make_in(const char *folder)
{
	char path[100];
	int r;

	snprintf(path, sizeof(path), "%s/new", folder);
	r = opened(path, O_WRONLY | O_CREAT);
	unlink(path);
	return r;
}

static int
make_beside_named(const struct scene *sc)
{
	return make_in(sc->at.in);
}

static int
make_where_written(const struct scene *sc)
{
	return make_in(sc->at.out);
}

static int
remove_named(const struct scene *sc)
{
	int r = ended(unlink(sc->at.file));

	if (r == 0)
		put_file(sc->at.file, "again\n");
	return r;
}

static int
make_link(const struct scene *sc)
{
	char path[100];
	int r;

	snprintf(path, sizeof(path), "%s/symbolic", sc->at.out);
	r = ended(symlink("/etc/passwd", path));
	unlink(path);
	return r;
}

static int
make_hard_link(const struct scene *sc)
{
	char path[100];
	int r;

	snprintf(path, sizeof(path), "%s/hard", sc->at.out);
	r = ended(link(sc->at.file, path));
	unlink(path);
	return r;
}

static int
make_fifo(const struct scene *sc)
{
	char path[100];
	int r;

	snprintf(path, sizeof(path), "%s/fifo", sc->at.out);
	r = ended(mknod(path, S_IFIFO | 0600, 0));
	unlink(path);
	return r;
}

static int
change_mode(const struct scene *sc)
{
	return ended(chmod(sc->at.file, 0644));
}

/* --- other machines' numbers ------------------------------------------------------------------------ */

#ifdef __x86_64__
static int
as_i386(const struct scene *sc)
{
	long r = 20; /* getpid */

	(void)sc;
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "cc");
	return r == getpid() ? 0 : ENOSYS;
}

static int
as_x32(const struct scene *sc)
{
	(void)sc;
	return ended(syscall(0x40000000 | SYS_getpid));
}
#endif

/* --- the list --------------------------------------------------------------------------------------- */

static const struct row rows[] = {
    {.what = "execve", .try = execute, .refused = KILLED},
    {.what = "execveat", .try = execute_at, .refused = KILLED},
    {.what = "fork", .try = fork_it, .refused = KILLED, .watched = true},
    {.what = "clone, CLONE_NEWUSER", .try = new_namespace, .refused = KILLED, .watched = true},
    {.what = "clone3", .try = clone_three, .refused = ENOSYS},
    {.what = "unshare", .try = unshare_it, .refused = KILLED},
    {.what = "setns", .try = enter_namespace, .refused = KILLED, .root = true},
    {.what = "ptrace", .try = trace_parent, .refused = KILLED, .watched = true},
    {.what = "process_vm_readv", .try = read_parent, .refused = KILLED, .watched = true},
    {.what = "process_vm_writev", .try = write_parent, .refused = KILLED},
    {.what = "kill, the parent", .try = kill_parent, .refused = KILLED, .watched = true},
    {.what = "tgkill, the parent", .try = kill_thread_of_parent, .refused = KILLED, .watched = true},
    {.what = "pidfd_open", .try = pidfd_of_parent, .refused = KILLED},
    {.what = "mmap, PROT_EXEC", .try = map_code, .refused = KILLED, .watched = true},
    {.what = "mprotect, PROT_EXEC", .try = make_code, .refused = KILLED, .watched = true},
    {.what = "pkey_mprotect, PROT_EXEC", .try = make_code_by_key, .refused = KILLED},
    {.what = "memfd_create", .try = file_of_memory, .refused = KILLED},
    {.what = "personality", .try = be_another_kind, .refused = KILLED, .watched = true},
    {.what = "rt_sigaction, SIGSYS", .try = take_sigsys, .refused = KILLED, .watched = true},
    {.what = "prctl, PR_SET_DUMPABLE", .try = be_undumpable, .refused = KILLED, .watched = true},
    {.what = "seccomp", .try = another_filter, .refused = KILLED, .root = true},
    {.what = "prlimit64, a new limit", .try = raise_a_limit, .refused = KILLED, .watched = true},
    {.what = "setresuid", .try = become_another, .refused = KILLED},
    {.what = "bpf", .try = load_bpf, .refused = KILLED, .root = true},
    {.what = "io_uring_setup", .try = uring, .refused = KILLED},
    {.what = "userfaultfd", .try = user_faults, .refused = KILLED},
    {.what = "perf_event_open", .try = perf_events, .refused = KILLED, .root = true},
    {.what = "keyctl", .try = keyring, .refused = KILLED},
    {.what = "mount", .try = mount_it, .refused = KILLED, .root = true},
    {.what = "chroot", .try = change_root, .refused = KILLED, .root = true},
    {.what = "name_to_handle_at", .try = by_handle, .refused = KILLED},
    {.what = "ioctl, TIOCSTI", .try = type_for_user, .refused = KILLED, .watched = true},
    {.what = "socket, AF_PACKET", .try = socket_packet, .refused = KILLED, .root = true},
    {.what = "socket, AF_PACKET and a bit more",
     .try = socket_packet_in_disguise,
     .refused = KILLED,
     .root = true},
    {.what = "socket, SOCK_RAW", .try = socket_raw, .refused = KILLED, .root = true},
    {.what = "socket, SOCK_RAW, IPv6", .try = socket_raw6, .refused = KILLED, .root = true},
    {.what = "socket, AF_UNIX", .try = socket_unix, .refused = KILLED},
    {.what = "socket, AF_VSOCK", .try = socket_vsock, .refused = KILLED},
    {.what = "socket, NETLINK_GENERIC", .try = socket_netlink, .refused = KILLED},
    {.what = "socket, NETLINK_SOCK_DIAG", .try = socket_diag, .refused = KILLED},
    {.what = "socketpair", .try = socket_pair, .refused = KILLED},
    {.what = "listen", .try = listen_on, .refused = KILLED},
    {.what = "setsockopt, SO_ATTACH_FILTER", .try = attach_filter, .refused = KILLED},
    {.what = "setsockopt, IP_PKTINFO", .try = other_option, .refused = KILLED},
    {.what = "setsockopt, SO_MARK", .try = mark, .refused = EPERM, .root = true},
    {.what = "setsockopt, SO_BINDTODEVICE", .try = to_device, .refused = EPERM},
    {.what = "SO_MARK, without the capability", .try = mark, .refused = EPERM, .ask = ASK_REST, .root = true},
    {.what = "connect, an abstract socket", .try = to_abstract, .refused = EPERM, .landlock = 6},
    {.what = "kill allowed, the parent",
     .try = kill_parent,
     .refused = EPERM,
     .ask = ASK_KILL,
     .landlock = 6},
    {.what = "a file outside", .try = read_secret, .refused = EACCES, .landlock = 1},
    {.what = "a file outside, by a link inside", .try = read_by_link, .refused = EACCES, .landlock = 1},
    {.what = "/etc/passwd", .try = read_passwd, .refused = EACCES, .landlock = 1},
    {.what = "the root directory", .try = list_root, .refused = EACCES, .landlock = 1},
    {.what = "/proc/self/mem", .try = own_memory, .refused = EACCES, .landlock = 1, .watched = true},
    {.what = "/proc/PARENT/mem", .try = memory_of_parent, .refused = EACCES, .landlock = 1},
    {.what = "writing, where nothing is written", .try = write_named, .refused = KILLED, .watched = true},
    {.what = "writing a file that is read",
     .try = write_named,
     .refused = EACCES,
     .ask = ASK_FILES,
     .landlock = 1},
    {.what = "truncate", .try = cut_named, .refused = KILLED},
    {.what = "a new file beside those read",
     .try = make_beside_named,
     .refused = EACCES,
     .ask = ASK_FILES,
     .landlock = 1},
    {.what = "removing, where nothing is", .try = remove_named, .refused = EACCES},
    {.what = "removing a file that is read",
     .try = remove_named,
     .refused = EACCES,
     .ask = ASK_FILES,
     .landlock = 1},
    {.what = "symlink", .try = make_link, .refused = KILLED, .ask = ASK_FILES},
    {.what = "link", .try = make_hard_link, .refused = KILLED, .ask = ASK_FILES},
    {.what = "mknod", .try = make_fifo, .refused = KILLED, .ask = ASK_FILES},
    {.what = "chmod", .try = change_mode, .refused = KILLED, .ask = ASK_FILES},
    {.what = "files and capabilities alone: execve",
     .try = execute,
     .refused = EACCES,
     .ask = ASK_REST,
     .landlock = 1},
    {.what = "files and capabilities alone: AF_PACKET",
     .try = socket_packet,
     .refused = EPERM,
     .ask = ASK_REST,
     .root = true},
    {.what = "files and capabilities alone: mount",
     .try = mount_it,
     .refused = EPERM,
     .ask = ASK_REST,
     .root = true},
    {.what = "files and capabilities alone: ptrace",
     .try = trace_parent,
     .refused = EPERM,
     .ask = ASK_REST,
     .landlock = 1},
#ifdef __x86_64__
    {.what = "a call of i386", .try = as_i386, .refused = KILLED},
#endif
};

/* --- the children ------------------------------------------------------------------------------------ */

struct child {
	const struct scene *scene;
	attempt *try;
	enum ask ask;
	bool free; /* the canary */
};

static void
confine(const struct child *c)
{
	static const char *const calls[] = {"kill", NULL};
	const char *const read[] = {c->scene->at.in, NULL}, *const write[] = {c->scene->at.out, NULL};
	const char *const nameservers[] = {"127.0.0.1"};
	struct sluice_confine ask;
	char err[300] = "";
	struct real r;

	/* Names of its own: the host's resolver file is none of its business. */
	real_conf(&r);
	r.cfg.nameservers = nameservers;
	r.cfg.nnameservers = 1;
	real_open(&r);
	sluice_confine_init(&ask);
	ask.read = read;
	ask.write = c->ask == ASK_FILES ? write : NULL;
	ask.calls = c->ask == ASK_KILL ? calls : NULL;
	ask.ways = c->ask == ASK_WAYS;
	ask.without = c->ask == ASK_REST ? SLUICE_CONFINED_CALLS : 0;
	int held = sluice_confine(r.s, &ask, err, sizeof(err));
	if (held < 0)
		dprintf(STDERR_FILENO, "# %s\n", err);
	child_needs(held >= 0, "sluice_confine");
}

static int
child_main(void *ctx)
{
	const struct child *c = ctx;

	if (geteuid() == 0) { /* what is mounted is its own */
		child_needs(unshare(CLONE_NEWNS) == 0, "a mount namespace");
		child_needs(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
	}
	if (!c->free)
		confine(c);
	return c->try(c->scene);
}

static void
scene_make(struct scene *sc)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*sc = (struct scene){.parent = getpid(), .abstract_len = sizeof(sa_family_t)};
	place_make(&sc->at);
	/* The kernel chooses an abstract name. */
	sc->abstract.sun_family = AF_UNIX;
	assert_int_equal(bind(listener, (struct sockaddr *)&sc->abstract, sc->abstract_len), 0);
	sc->abstract_len = sizeof(sc->abstract);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sc->abstract, &sc->abstract_len), 0);
	assert_int_equal(listen(listener, 64), 0);
	sc->unix_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sc->net_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(sc->unix_fd >= 0 && sc->net_ns >= 0);
}

static int
outcome(const struct scene *sc, attempt *try, enum ask ask, bool free)
{
	struct child c = {.scene = sc, .try = try, .ask = ask, .free = free};

	return in_child(child_main, &c);
}

/* Can it be shown in this build, on this kernel, by this user? */
static bool
shows(const struct row *row)
{
	if (row->landlock && (confine_files_version() < row->landlock))
		return false;
#ifdef SLUICE_INSTRUMENTED
	if (row->landlock || row->refused == EACCES)
		return false;
#endif
	return !(row->watched && WATCHED) && !(row->root && geteuid() != 0);
}

/* --- tests ------------------------------------------------------------------------------------------- */

static void
G7_attempts_are_refused(void **state)
{
	unsigned shown = 0, bad = 0;
	struct scene sc;

	(void)state;
	scene_make(&sc);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!shows(&rows[i]))
			continue;
		int got = outcome(&sc, rows[i].try, rows[i].ask, false);

		shown++;
		bad += got != rows[i].refused;
		if (got != rows[i].refused)
			print_message("# %s: wanted %d, got %d\n", rows[i].what, rows[i].refused, got);
	}
	place_remove(&sc.at);
	assert_int_equal(bad, 0);
	assert_true(shown > 20);
}

/* Without confinement: some are answered by the kernel for reasons of its own, which differ from the refusal. */
static void
G7_the_same_attempts_succeed_unconfined(void **state)
{
	unsigned shown = 0, well = 0, bad = 0;
	struct scene sc;

	(void)state;
	scene_make(&sc);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!shows(&rows[i]))
			continue;
		int got = outcome(&sc, rows[i].try, rows[i].ask, true);

		shown++;
		well += got == WENT_WELL;
		if (got != WENT_WELL)
			print_message("# %s, unconfined: %s\n", rows[i].what,
				      got < 200 ? strerror(got) : "?");
		/* An errno that is also the refusal would prove nothing. */
		bad += got == rows[i].refused || got >= 200;
	}
	place_remove(&sc.at);
	assert_int_equal(bad, 0);
	assert_true(well * 10 >= shown * 8);
}

static void
G7_what_stays_is_not_refused(void **state)
{
	static const struct row stays[] = {
	    {.what = "a file that is named", .try = read_named},
	    {.what = "a new file where it may be", .try = make_where_written, .ask = ASK_FILES},
	    {.what = "a socket for a flow", .try = socket_tcp},
	    {.what = "a socket for datagrams", .try = socket_udp6},
	    {.what = "a mark, with ways", .try = mark, .ask = ASK_WAYS, .root = true},
	    {.what = "a device, with ways", .try = to_device, .ask = ASK_WAYS, .root = true},
	};
	struct scene sc;

	(void)state;
	scene_make(&sc);
	for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++) {
		if (stays[i].root && geteuid() != 0)
			continue;
		int got = outcome(&sc, stays[i].try, stays[i].ask, false);

		if (got != WENT_WELL)
			fail_msg("%s: %d", stays[i].what, got);
	}
	place_remove(&sc.at);
}

#ifdef __x86_64__
/* Kernels with x32 answer these numbers; others do not know them: either way nobody gets that far. */
static void
G7_numbers_of_x32_kill(void **state)
{
	struct scene sc;

	(void)state;
	scene_make(&sc);
	assert_int_equal(outcome(&sc, as_x32, ASK_PLAIN, false), KILLED);
	assert_int_not_equal(outcome(&sc, as_x32, ASK_PLAIN, true), KILLED);
	place_remove(&sc.at);
}
#endif

static int
end_badly(const struct scene *sc)
{
	(void)sc;
	abort();
}

static int
end_by_signal(const struct scene *sc)
{
	(void)sc;
	return raise(SIGTERM);
}

/* A core that says what failed, and not that abort(3) is forbidden. */
static void
G7_ends_are_its_own(void **state)
{
	struct scene sc;

	(void)state;
	scene_make(&sc);
	assert_int_equal(outcome(&sc, end_badly, ASK_PLAIN, false), BY_SIGNAL(SIGABRT));
	assert_int_equal(outcome(&sc, end_by_signal, ASK_PLAIN, false), BY_SIGNAL(SIGTERM));
	place_remove(&sc.at);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(G7_attempts_are_refused),
	    cmocka_unit_test(G7_the_same_attempts_succeed_unconfined),
	    cmocka_unit_test(G7_what_stays_is_not_refused),
#ifdef __x86_64__
	    cmocka_unit_test(G7_numbers_of_x32_kill),
#endif
	    cmocka_unit_test(G7_ends_are_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
