/*
 * inject.c - what a gateway that was taken over could do: system calls made inside of one, from outside
 *
 *	inject PID          tries each call of the table in that process, and says how it ended
 *	inject PID NAME     tries one and lets its signal be delivered
 *
 * The process is stopped in a system call (ptrace(2)), its registers are filled, one instruction is stepped, and all is put back as if
 * poll(2) had been interrupted.  To the kernel it is the process itself that asks, with all the rights it has left.  A line for
 * each:
 *
 *	NAME refused SIGSYS|EPERM|EACCES|ENOSYS|ENOENT|EROFS|EBUSY
 *	NAME allowed RESULT                       whatever the kernel answered, it looked at it
 *
 * Files: /run/other has what the gateway was never told of.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <sys/user.h>

/* --- what is tried --------------------------------------------------------------------------------- */

/* Arguments that are known later: a text in the process, our pid, its pid. */
#define LATER 0x7e57000000000000ull
#define TEXT(n) (LATER | (n))
#define ARGV (LATER | 0x20)
#define OURS (LATER | 0x30)
#define ITS (LATER | 0x31)
#define NOWHERE ((unsigned long long)-1)
#define HERE ((unsigned long long)AT_FDCWD)

enum {
	PROGRAM,
	FILE_OUTSIDE,
	NEW_OUTSIDE,
	SHADOW,
	MEMORY,
	FOLDER,
	ROOT,
	LETTER,
	ABOVE,
	PROCESSES,
	BUFFER,
	TEXTS
};
static const char *const texts[TEXTS] = {
    [PROGRAM] = "/bin/true",
    [FILE_OUTSIDE] = "/run/other/file",
    [NEW_OUTSIDE] = "/run/other/new",
    [SHADOW] = "/run/other/secret",
    [MEMORY] = "/proc/self/mem",
    [FOLDER] = "/run/other",
    [ROOT] = "/",
    [LETTER] = "x",
    [ABOVE] = "/../../../run/other/secret",
    [PROCESSES] = "/proc/self/status",
    [BUFFER] = "",
};

struct attempt {
	const char *name;
	long nr;
	unsigned long long arg[6];
};

static const struct attempt attempts[] = {
    /* files */
    {"read-a-file", SYS_openat, {HERE, TEXT(SHADOW), O_RDONLY}},
    {"read-by-open", SYS_open, {TEXT(SHADOW), O_RDONLY}},
    {"read-by-openat2", SYS_openat2, {HERE, TEXT(SHADOW), 0, 0}},
    {"write-a-file", SYS_openat, {HERE, TEXT(FILE_OUTSIDE), O_WRONLY}},
    {"make-a-file", SYS_openat, {HERE, TEXT(NEW_OUTSIDE), O_WRONLY | O_CREAT, 0600}},
    {"own-memory", SYS_openat, {HERE, TEXT(MEMORY), O_RDWR}},
    {"above-the-root", SYS_openat, {HERE, TEXT(ABOVE), O_RDONLY}},
    {"process-files", SYS_openat, {HERE, TEXT(PROCESSES), O_RDONLY}},
    {"ask-about-a-file", SYS_newfstatat, {HERE, TEXT(SHADOW), TEXT(BUFFER), 0}},
    {"ask-by-access", SYS_access, {TEXT(FILE_OUTSIDE), R_OK}},
    {"go-to-a-folder", SYS_chdir, {TEXT(FOLDER)}},
    {"go-to-a-descriptor", SYS_fchdir, {NOWHERE}},
    {"list-a-folder", SYS_openat, {HERE, TEXT(FOLDER), O_RDONLY | O_DIRECTORY}},
    {"by-handle", SYS_open_by_handle_at, {NOWHERE, TEXT(LETTER), O_RDONLY}},
    {"truncate", SYS_truncate, {TEXT(FILE_OUTSIDE), 0}},
    {"chmod", SYS_chmod, {TEXT(FILE_OUTSIDE), 04755}},
    {"chown", SYS_chown, {TEXT(FILE_OUTSIDE), 0, 0}},
    {"link", SYS_link, {TEXT(FILE_OUTSIDE), TEXT(NEW_OUTSIDE)}},
    {"symlink", SYS_symlink, {TEXT(FILE_OUTSIDE), TEXT(NEW_OUTSIDE)}},
    {"mkdir", SYS_mkdir, {TEXT(FOLDER), 0700}},
    {"mknod", SYS_mknod, {TEXT(NEW_OUTSIDE), 0010600, 0}},
    {"rename", SYS_rename, {TEXT(FILE_OUTSIDE), TEXT(FILE_OUTSIDE)}},
    {"remove-a-file", SYS_unlink, {TEXT(SHADOW)}},
    {"remove-by-unlinkat", SYS_unlinkat, {HERE, TEXT(FILE_OUTSIDE), 0}},
    {"chroot", SYS_chroot, {TEXT(ROOT)}},
    {"mount", SYS_mount, {TEXT(FOLDER), TEXT(FOLDER), 0, MS_ASYNC, 0}},
    {"pivot", SYS_pivot_root, {TEXT(FOLDER), TEXT(FOLDER)}},
    {"unmount", SYS_umount2, {TEXT(ROOT), 0x8000}},
    {"copy-a-mount", SYS_open_tree, {HERE, TEXT(ROOT), 0}},
    {"move-a-mount", SYS_move_mount, {NOWHERE, TEXT(LETTER), NOWHERE, TEXT(LETTER), 0}},
    {"new-filesystem", SYS_fsopen, {TEXT(LETTER), 0}},
    {"writable-mount", SYS_mount_setattr, {HERE, TEXT(ROOT), 0, 0, 0}},
    {"watch", SYS_inotify_init1, {0}},
    /* sockets */
    {"packet-socket", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
    {"raw-socket", SYS_socket, {AF_INET, SOCK_RAW, 255}},
    {"unix-socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
    {"unix-pair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, TEXT(LETTER)}},
    {"vsock", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
    {"crypto-socket", SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}},
    {"netfilter-socket", SYS_socket, {AF_NETLINK, SOCK_RAW, 12}},
    /* processes */
    {"ptrace", SYS_ptrace, {PTRACE_PEEKDATA, OURS, 0, 0}},
    {"read-a-process", SYS_process_vm_readv, {OURS, 0, 0, 0, 0, 0}},
    {"write-a-process", SYS_process_vm_writev, {OURS, 0, 0, 0, 0, 0}},
    {"kill", SYS_kill, {OURS, SIGCONT}},
    {"tgkill", SYS_tgkill, {OURS, OURS, SIGCONT}},
    {"pidfd", SYS_pidfd_open, {OURS, 0}},
    {"pidfd-getfd", SYS_pidfd_getfd, {NOWHERE, 0, 0}},
    {"fork", SYS_clone, {SIGCHLD, 0, 0, 0, 0}},
    {"fork-by-fork", SYS_fork, {0}},
    {"fork-by-vfork", SYS_vfork, {0}},
    {"clone3", SYS_clone3, {TEXT(LETTER), 0}},
    {"new-namespaces", SYS_unshare, {CLONE_FS}},
    {"enter-a-namespace", SYS_setns, {NOWHERE, 0}},
    {"limits-of-others", SYS_prlimit64, {OURS, 7, 0, TEXT(LETTER)}},
    /* memory that runs */
    {"memory-that-runs",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, NOWHERE, 0}},
    {"memory-made-to-run", SYS_mprotect, {LATER | 0x32, 4096, PROT_READ | PROT_WRITE | PROT_EXEC}},
    {"file-in-memory", SYS_memfd_create, {TEXT(LETTER), 0}},
    /* what the kernel has besides */
    {"bpf", SYS_bpf, {0, 0, 0}},
    {"io_uring", SYS_io_uring_setup, {1, 0}},
    {"userfaultfd", SYS_userfaultfd, {0}},
    {"perf", SYS_perf_event_open, {0, 0, NOWHERE, NOWHERE, 0}},
    {"keys", SYS_keyctl, {KEYCTL_GET_KEYRING_ID, 0, 0}},
    {"add-a-key", SYS_add_key, {0, 0, 0, 0, 0}},
    {"personality", SYS_personality, {0xffffffff}},
    {"segments", SYS_modify_ldt, {0, 0, 0}},
    {"uid", SYS_setresuid, {NOWHERE, NOWHERE, NOWHERE}},
    {"capabilities", SYS_capset, {0, 0}},
    {"host-name", SYS_sethostname, {TEXT(LETTER), NOWHERE}},
    {"clock", SYS_settimeofday, {0, 0}},
    {"kernel-log", SYS_syslog, {10, 0, 0}},
    {"type-on-a-terminal", SYS_ioctl, {2, 0x5412, TEXT(LETTER)}},
    {"dumpable", SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0, 0}},
    /* last, as nothing comes after it */
    {"execveat", SYS_execveat, {NOWHERE, TEXT(LETTER), 0, 0, 0}},
    {"execve", SYS_execve, {TEXT(PROGRAM), ARGV, 0}},
};

/* --- inside ---------------------------------------------------------------------------------------- */

static pid_t target;
static struct user_regs_struct saved;
static unsigned long long text_at[TEXTS], argv_at, scratch;

static void
give_up(const char *what)
{
	printf("cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
put(unsigned long long at, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i += sizeof(long)) {
		long word = 0;

		memcpy(&word, (const char *)from + i, len - i < sizeof(word) ? len - i : sizeof(word));
		if (ptrace(PTRACE_POKEDATA, target, at + i, word) < 0)
			give_up("write into the process");
	}
}

/* The next stop; 0: the process is no more. */
static int
wait_stop(void)
{
	int status;

	if (waitpid(target, &status, __WALL) < 0)
		give_up("wait for the process");
	return WIFSTOPPED(status) ? status : 0;
}

/* In the middle of a system call, so that the instruction before this one makes one. */
static void
stop_in_a_call(void)
{
	if (ptrace(PTRACE_SEIZE, target, 0,
		   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC) < 0)
		give_up("trace the process");
	for (int i = 0; i < 500; i++) {
		if (ptrace(PTRACE_INTERRUPT, target, 0, 0) < 0 || !wait_stop() ||
		    ptrace(PTRACE_GETREGS, target, 0, &saved) < 0)
			give_up("stop the process");
		errno = 0;
		long code = ptrace(PTRACE_PEEKTEXT, target, saved.rip - 2, 0);
		if (errno == 0 && (code & 0xffff) == 0x050f)
			return;
		ptrace(PTRACE_CONT, target, 0, 0);
		usleep(2000);
	}
	printf("cannot stop the process in a system call\n");
	exit(1);
}

/* Beyond the red zone of its stack. */
static void
put_texts(void)
{
	unsigned long long at = (saved.rsp - 16384) & ~4095ull, list[2];

	scratch = at;
	for (int i = 0; i < TEXTS; i++) {
		text_at[i] = at;
		put(at, texts[i], strlen(texts[i]) + 1);
		at += 256; /* room for what a call writes */
	}
	argv_at = at;
	list[0] = text_at[PROGRAM];
	list[1] = 0;
	put(argv_at, list, sizeof(list));
}

static unsigned long long
argument(unsigned long long a)
{
	if (a == OURS)
		return (unsigned long long)getpid();
	if (a == ITS)
		return (unsigned long long)target;
	if (a == ARGV)
		return argv_at;
	if (a == (LATER | 0x32))
		return scratch;
	return (a & ~0xffull) == LATER ? text_at[a & 0xff] : a;
}

static void
end_a_child(void)
{
	unsigned long child = 0;

	ptrace(PTRACE_GETEVENTMSG, target, 0, &child);
	kill((pid_t)child, SIGKILL);
	waitpid((pid_t)child, NULL, __WALL);
}

static const struct {
	int error;
	const char *name;
} refusals[] = {
    {EPERM, "EPERM"},   {EACCES, "EACCES"}, {ENOSYS, "ENOSYS"},
    {ENOENT, "ENOENT"}, {EROFS, "EROFS"},   {EBUSY, "EBUSY"},
};

/* Made; how it ended.  False: the process is no more. */
static bool
make_call(const struct attempt *a, bool deliver, char *how, size_t size)
{
	struct user_regs_struct r = saved;
	bool forked = false;
	int status;

	r.rip = saved.rip - 2;
	r.rax = (unsigned long long)a->nr;
	r.orig_rax = (unsigned long long)-1;
	r.rdi = argument(a->arg[0]);
	r.rsi = argument(a->arg[1]);
	r.rdx = argument(a->arg[2]);
	r.r10 = argument(a->arg[3]);
	r.r8 = argument(a->arg[4]);
	r.r9 = argument(a->arg[5]);
	if (ptrace(PTRACE_SETREGS, target, 0, &r) < 0)
		give_up("fill the registers");
	do {
		/* The trap of a step would be the end before the signal is. */
		if (ptrace(deliver ? PTRACE_CONT : PTRACE_SINGLESTEP, target, 0, 0) < 0)
			give_up("step");
		status = wait_stop();
		if (status >> 16 == PTRACE_EVENT_EXEC) {
			snprintf(how, size, "allowed, another program runs");
			return false;
		}
		if (status && status >> 16 && status >> 16 != PTRACE_EVENT_STOP) {
			end_a_child();
			forked = true;
		}
		/* Also the signal of a child that has ended, which nobody waits for. */
	} while (status && (status >> 16 || (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSYS)));
	if (!status || (WSTOPSIG(status) == SIGSYS && deliver)) {
		snprintf(how, size, "refused SIGSYS, which kills");
		if (status)
			ptrace(PTRACE_DETACH, target, 0, SIGSYS);
		return false;
	}
	if (ptrace(PTRACE_GETREGS, target, 0, &r) < 0)
		give_up("look at the registers");
	long result = (long)r.rax;
	const char *refusal = NULL;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (result == -refusals[i].error)
			refusal = refusals[i].name;
	if (WSTOPSIG(status) == SIGSYS) {
		snprintf(how, size, "refused SIGSYS");
		/* The trap of the step itself is still to come. */
		if (ptrace(PTRACE_SINGLESTEP, target, 0, 0) < 0 || !wait_stop())
			give_up("step on");
	} else if (refusal)
		snprintf(how, size, "refused %s", refusal);
	else
		snprintf(how, size, "allowed %s%ld", forked ? "and forked " : "", result);
	return true;
}

int
main(int argc, char **argv)
{
	char how[64];
	bool lives = true;

	if (argc < 2)
		return 2;
	target = (pid_t)atoi(argv[1]);
	stop_in_a_call();
	put_texts();
	for (size_t i = 0; lives && i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (argc > 2 && strcmp(argv[2], attempts[i].name) != 0)
			continue;
		lives = make_call(&attempts[i], argc > 2, how, sizeof(how));
		printf("%s %s\n", attempts[i].name, how);
		fflush(stdout);
	}
	if (lives) {
		saved.rax = (unsigned long long)-EINTR;
		saved.orig_rax = (unsigned long long)-1;
		ptrace(PTRACE_SETREGS, target, 0, &saved);
		ptrace(PTRACE_DETACH, target, 0, 0);
	}
	return 0;
}

#else

int
main(void)
{
	puts("this machine's registers are not known here");
	return 77;
}

#endif
