/*
 * netns.c - clone(2), setns(2) and their refusals
 *
 * The gateway's sockets are the host's, so sluice itself never leaves the host's network namespace: a child
 * makes or enters the guest's and hands the tap out through a channel.
 */
#include "cli/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool
netns_needs_user(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	uint32_t needed = 1u << CAP_SYS_ADMIN | 1u << CAP_NET_ADMIN;

	if (syscall(SYS_capget, &head, data) < 0)
		return true;
	return (data[0].effective & needed) != needed;
}

/* --- refusals -------------------------------------------------------------------------------------- */

static const struct {
	const char *file, *name;
	char forbids; /* the value that does */
	const char *remedy;
} settings[] = {
    {"kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone", '0', "=1"},
    {"user/max_user_namespaces", "user.max_user_namespaces", '0', "=10000"},
    {"user/max_net_namespaces", "user.max_net_namespaces", '0', "=10000"},
    {"user/max_mnt_namespaces", "user.max_mnt_namespaces", '0', "=10000"},
    {"user/max_pid_namespaces", "user.max_pid_namespaces", '0', "=10000"},
    {"kernel/apparmor_restrict_unprivileged_userns", "kernel.apparmor_restrict_unprivileged_userns", '1',
     "=0"},
};

/* Whether the setting is there and is exactly this digit. */
static bool
setting_is(const char *proc_sys, const char *file, char value)
{
	char path[256], text[16];

	snprintf(path, sizeof(path), "%s/%s", proc_sys, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text));
	close(fd);
	return n >= 1 && text[0] == value && (n == 1 || text[1] == '\n');
}

void
netns_explain(int error, const char *proc_sys, char *out, size_t outlen)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (setting_is(proc_sys, settings[i].file, settings[i].forbids)) {
			snprintf(
			    out, outlen,
			    "the setting %s=%c forbids it; run sluice as root, or sysctl -w %s%s as root",
			    settings[i].name, settings[i].forbids, settings[i].name, settings[i].remedy);
			return;
		}
	if (error == ENOSPC || error == EUSERS)
		snprintf(
		    out, outlen,
		    "as many exist as user.max_user_namespaces and its like allow; raise them with sysctl");
	else
		snprintf(out, outlen,
			 "no sysctl forbids it, so a container, chroot or seccomp filter around sluice does; "
			 "run it outside, or as root");
}

static int
fail_explained(struct failure *f, const char *what, int error)
{
	char why[320];

	netns_explain(error, "/proc/sys", why, sizeof(why));
	return failed(f, "cannot %s: %s: %s", what, strerror(error), why);
}

/* --- making ---------------------------------------------------------------------------------------- */

pid_t
netns_fork(bool user, struct failure *f)
{
	unsigned long flags =
	    CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | (user ? CLONE_NEWUSER : 0) | SIGCHLD;

	/* As fork(2): the child goes on with a copy of this stack.  (Argument order of all but s390 and cris,
	 * where the stack comes first; both are 0 for the rest.) */
#if defined(__s390__) || defined(__cris__)
	pid_t pid = (pid_t)syscall(SYS_clone, 0, flags, NULL, NULL, 0);
#else
	pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
#endif
	if (pid < 0)
		return fail_explained(f, user ? "make a user namespace" : "make namespaces", errno);
	return pid;
}

static int
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t len = strlen(text);
	int r = write(fd, text, len) == (ssize_t)len ? 0 : -errno;
	close(fd);
	return r;
}

int
netns_map_user(uid_t uid, gid_t gid, bool as_root, struct failure *f)
{
	char map[64];

	/* Without setgroups a group cannot be left to gain what it is denied (user_namespaces(7)). */
	int error = write_file("/proc/self/setgroups", "deny");
	if (error == 0) {
		snprintf(map, sizeof(map), "%u %u 1", as_root ? 0 : gid, gid);
		error = write_file("/proc/self/gid_map", map);
	}
	if (error == 0) {
		snprintf(map, sizeof(map), "%u %u 1", as_root ? 0 : uid, uid);
		error = write_file("/proc/self/uid_map", map);
	}
	return error == 0 ? 0 : fail_explained(f, "map the user into its namespace", -error);
}

/* --- entering -------------------------------------------------------------------------------------- */

/* The owner of a network namespace is entered first: only there have we rights over it. */
static int
join_owner(const char *netns, int fd, struct failure *f)
{
	struct stat theirs, ours;
	int owner = ioctl(fd, NS_GET_USERNS);

	if (owner < 0 && errno == ENOTTY)
		return failed(f, "%s: not a namespace; give a path such as /run/netns/x, or a pid", netns);
	if (owner < 0)
		return failed(f, "%s: its owner cannot be found: %s; run sluice as root", netns,
			      strerror(errno));
	int r = 0;
	if (fstat(owner, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
	    (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev) && setns(owner, CLONE_NEWUSER) < 0)
		r = failed(
		    f,
		    "%s: the user namespace that owns it cannot be entered: %s; run sluice as its user "
		    "or as root",
		    netns, strerror(errno));
	close(owner);
	return r;
}

int
netns_join(const char *netns, bool is_pid, struct failure *f)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.10s/ns/net", netns);
	int fd = open(is_pid ? path : netns, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return failed(f,
			      is_pid
				  ? "%s: no process has this pid; give one that is running in the namespace"
				  : "%s: no such namespace; make it first, as with ip netns add",
			      netns);
	if (fd < 0)
		return failed(f, "%s: the namespace cannot be opened: %s; run sluice as its user or as root",
			      netns, strerror(errno));
	int r = join_owner(netns, fd, f);
	if (r == 0 && setns(fd, CLONE_NEWNET) < 0)
		r = errno == EINVAL
			? failed(f, "%s: not a network namespace; give a path such as /run/netns/x, or a pid",
				 netns)
			: failed(f, "%s: the namespace cannot be entered: %s; run sluice as root", netns,
				 strerror(errno));
	close(fd);
	return r;
}
