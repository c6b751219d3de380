/*
 * confine_view.c - what can be seen of the host's files: a mount namespace with a root of its own
 *
 * Landlock says which files may be opened; whatever else has a name can still be asked about, and sockets that have one be
 * connected to.  Here names themselves go: the thread gets a mount namespace, and in it a root that has only what is named.  It
 * needs CAP_SYS_ADMIN; without it a user namespace is made first, in which our own user and group are what they were, and
 * which a process with several threads cannot enter (user_namespaces(7)).
 *
 * Kernels, containers and administrators refuse that in many ways, some of them only at the last step.  So it is tried in a
 * child first, with an empty root: what cannot be had changes nothing here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/confine_view_int.h"

#define RESOLV_CONF "/etc/resolv.conf"

/*
 * Of one folder so many names are covered, each by a mount, which costs some 20 microseconds.  Where Landlock holds, a cover hides that
 * a name is there; where it does not, what is in it.
 */
#define COVERS_NAMES 256u
#define COVERS_CONTENTS 1024u

/* --- namespaces --------------------------------------------------------------------------------------- */

static bool
may_mount(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capget, &head, set) == 0 && set[0].effective >> CAP_SYS_ADMIN & 1;
}

static int
write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* One of our own, where we are who we were.  Other groups of ours count on, though they have no number there. */
static int
enter_user_namespace(bool *entered)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char users[32], groups[32];

	snprintf(users, sizeof(users), "%u %u 1", uid, uid);
	snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	*entered = true;
	int r = write_text("/proc/self/setgroups", "deny");
	r = r ? r : write_text("/proc/self/gid_map", groups);
	return r ? r : write_text("/proc/self/uid_map", users);
}

struct entry {
	bool user;            /* by way of a user namespace */
	unsigned covers_max;  /* of one folder */
	bool entered, turned; /* it is in that namespace; its root is no more what it was */
};

static int
enter(struct entry *e, const struct shown *shown)
{
	int r = e->user ? enter_user_namespace(&e->entered) : 0;

	if (r == 0 && unshare(CLONE_NEWNS) < 0)
		r = -errno;
	return r ? r : mounts_make(shown, e->covers_max, &e->turned);
}

/* In a child that shares nothing and is nobody's business: its end is no signal. */
static int
try_first(bool user)
{
	int status = 0;
	pid_t pid = (pid_t)syscall(SYS_clone, 0, 0, NULL, NULL, 0); /* flags and stack: in either order */

	if (pid < 0)
		return -errno;
	if (pid == 0)
		syscall(SYS_exit_group, -enter(&(struct entry){.user = user}, NULL));
	while (waitpid(pid, &status, (int)__WCLONE) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}

static bool
other_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned n = 0;

	while (tasks && readdir(tasks))
		n++;
	if (tasks)
		closedir(tasks);
	return n > 3; /* two of them are . and .. */
}

/* --- what is shown ------------------------------------------------------------------------------------ */

static int
add_all(struct shown *root, const char *const *path, enum shown_for what)
{
	int r = 0;

	for (; r == 0 && path && *path; path++) {
		r = shown_add(root, *path, what);
		/* Named for others' sake, of a file that is no file's name (/proc/self/fd/3 of a pipe): not to be had again. */
		if (r == -ENOENT || r == -ENOTDIR)
			r = 0;
	}
	return r;
}

static int
add_resolver(struct shown *root)
{
	static const char *const followed[] = {RESOLV_CONF, CONFINE_BEYOND_STUB "/resolv.conf",
					       CONFINE_BEYOND_STUB "/stub-resolv.conf"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(followed) / sizeof(followed[0]); i++) {
		r = shown_add_followed(root, followed[i]);
		if (r == -ENOENT || r == -EACCES || r == -ENOTDIR)
			r = 0;
	}
	return r;
}

static int
add_for_builds_that_watch_themselves(struct shown *root)
{
	int r = 0;

	(void)root;
#ifdef SLUICE_INSTRUMENTED
	r = shown_add(root, SLUICE_INSTRUMENTED, SHOWN_WRITE);
#endif
#ifdef SANITIZED
	r = r ? r : shown_add(root, "/proc", SHOWN_READ);
#endif
	return r;
}

static int
fill(struct shown *root, const struct confine *f)
{
	int r = f->needs & NEED_RESOLV ? add_resolver(root) : 0;

	r = r ? r : add_all(root, f->asked.read, SHOWN_READ);
	r = r ? r : add_all(root, f->asked.write, SHOWN_WRITE);
	r = r ? r : add_all(root, f->asked.remove, SHOWN_REMOVE);
	return r ? r : add_for_builds_that_watch_themselves(root);
}

/* --- the part ----------------------------------------------------------------------------------------- */

static enum confine_part
lacks(struct confine *f, const char *why)
{
	snprintf(f->no_view, sizeof(f->no_view), "names of the host's files can be seen: %s", why);
	return PART_MISSING;
}

/* The setting that forbids it, as in "kernel.x=1"; NULL: none does. */
static const char *
forbidding(bool user)
{
	static const struct {
		const char *path, *said;
		char value;
		bool user;
	} settings[] = {
	    {"/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone=0", '0', true},
	    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	     "kernel.apparmor_restrict_unprivileged_userns=1", '1', true},
	    {"/proc/sys/user/max_user_namespaces", "user.max_user_namespaces=0", '0', true},
	    {"/proc/sys/user/max_mnt_namespaces", "user.max_mnt_namespaces=0", '0', false},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char text[8] = "";
		int fd = settings[i].user && !user ? -1 : open(settings[i].path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

		if (fd >= 0)
			close(fd);
		if (n > 0 && text[0] == settings[i].value && (n == 1 || text[1] == '\n'))
			return settings[i].said;
	}
	return NULL;
}

static enum confine_part
explain(struct confine *f, bool user, int error)
{
	const char *setting = forbidding(user);
	char why[160];

	if (error == ENOSYS)
		return lacks(f, "this kernel cannot make a root of its own from mounts (Linux 5.12)");
	if (setting)
		snprintf(why, sizeof(why), "this system lets %s make no namespace (%s): %s",
			 user ? "an ordinary user" : "nobody", setting, strerror(error));
	else
		snprintf(why, sizeof(why),
			 "a %s cannot be had (%s): a container, a chroot or an initramfs around it",
			 user ? "user namespace with mounts of its own" : "mount namespace with its own root",
			 strerror(error));
	return lacks(f, why);
}

/* What failed before the root was another has taken nothing away, and is missing; what fails then cannot be undone. */
static enum confine_part
make(struct confine *f, bool user, struct setup *su)
{
	struct entry e = {.user = user, .covers_max = f->files >= 0 ? COVERS_NAMES : COVERS_CONTENTS};
	struct shown *root = shown_new();
	int r = root ? fill(root, f) : -ENOMEM;

	r = r ? r : enter(&e, root);
	shown_free(root);
	f->user_namespace = e.entered;
	if (r == 0)
		return PART_HOLDS;
	if (!e.turned) {
		char why[120];

		snprintf(why, sizeof(why), "a root of its own cannot be made: %s", strerror(-r));
		return lacks(f, why);
	}
	wrong(su, "cannot leave the host's files behind: %s; go without SLUICE_CONFINED_VIEW", strerror(-r));
	return PART_FAILED;
}

enum confine_part
confine_view(struct confine *f, struct setup *su)
{
	bool user = !may_mount();

	if (f->needs & NEED_PATHS)
		return lacks(f, "a guest that sends datagrams is answered at a path that only it knows");
	if (user && f->needs & NEED_WAYS)
		return lacks(f, "marks and devices are not for a user namespace to give: start as root");
	if (user && other_threads())
		return lacks(f, "other threads run, with which an ordinary user cannot make a user "
				"namespace: call sluice_confine() before they are started");
	int error = -try_first(user);
	return error ? explain(f, user, error) : make(f, user, su);
}
