/*
 * confine_mounts.c - a root of its own, with nothing on it but what is shown
 *
 *	old root ── C: covers ── T: the new root            both tmpfs, one over the other on "/"
 *	                         ├── etc     a folder that is live: mounted from the host; all names but those
 *	                         │           that are shown are covered by an empty file or folder of C
 *	                         └── run     one that is not: made on T, with what is shown mounted in it
 *
 * Names of a live folder are those of the host's at any time, so that a file which is replaced by rename(2), a link that is pointed
 * elsewhere and a folder that is exchanged are seen as they are then.  That is also the limit of it: names that come later show, and
 * a file that the host replaces loses its cover (the kernel takes mounts off a name that goes); folders keep theirs.  What may be read is
 * for Landlock to say.
 *
 * Then pivot_root(2) makes T the root, and the old one is let go with everything that was mounted there.  Sources are
 * opened by the paths they always had: what is mounted over "/" does not hide them from whoever already has the old root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/confine_view_int.h"

/* Headers older than the kernel: <linux/mount.h> of 5.12, as far as it is used. */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#ifndef SYS_fspick
#define SYS_fspick 433
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#define TREE_CLONE 1u
#define RECURSIVE 0x8000u
#define FROM_DESCRIPTOR 4u
#define FS_CLOEXEC 1u
#define PICK_DESCRIPTOR 9u /* what it is open at; close-on-exec */
#define FS_SET_FLAG 0u
#define FS_SET_STRING 1u
#define FS_CREATE 6u
#define FS_RECONFIGURE 7u
#define ATTR_RDONLY 1u
#define ATTR_NOTHING_SPECIAL 0xeu /* no set-user-ID, no devices, no programs */

struct mount_attributes {
	uint64_t set, clear, propagation, userns;
};

struct build {
	int root, covers; /* T and C */
	unsigned covers_max;
	unsigned made;  /* folders on C that stand for one of the host's */
	char **mounted; /* where the host has mounts; NULL behind the last */
	size_t nmounted;
};

/* --- small things ------------------------------------------------------------------------------------ */

static int
new_tmpfs(void)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", FS_CLOEXEC);
	int fd = -1;

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FS_SET_STRING, "mode", "0755", 0) == 0 &&
	    syscall(SYS_fsconfig, fs, FS_SET_STRING, "size", "1m", 0) == 0 &&
	    syscall(SYS_fsconfig, fs, FS_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, fs, FS_CLOEXEC, ATTR_NOTHING_SPECIAL);
	int r = fd < 0 ? -errno : fd;
	close(fs);
	return r;
}

/* All mounts of it, there are many. */
static int
make_read_only(int fd)
{
	int fs = (int)syscall(SYS_fspick, fd, "", PICK_DESCRIPTOR);

	if (fs < 0)
		return -errno;
	int r = syscall(SYS_fsconfig, fs, FS_SET_FLAG, "ro", NULL, 0) < 0 ||
			syscall(SYS_fsconfig, fs, FS_RECONFIGURE, NULL, NULL, 0) < 0
		    ? -errno
		    : 0;
	close(fs);
	return r;
}

/* A mount of its own of what is at path, and of what is mounted beneath; not attached yet. */
static int
clone_of(int at, const char *path, bool beneath)
{
	long fd =
	    syscall(SYS_open_tree, at, path,
		    TREE_CLONE | (unsigned)O_CLOEXEC | AT_SYMLINK_NOFOLLOW | (beneath ? RECURSIVE : 0u));

	return fd < 0 ? -errno : (int)fd;
}

static int
restrict_mount(int fd, bool beneath, bool write)
{
	struct mount_attributes a = {.set = ATTR_NOTHING_SPECIAL | (write ? 0u : ATTR_RDONLY)};

	return syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (beneath ? RECURSIVE : 0u), &a, sizeof(a)) <
		       0
		   ? -errno
		   : 0;
}

/* fd goes. */
static int
attach(int fd, int at, const char *name)
{
	int r = syscall(SYS_move_mount, fd, "", at, name, FROM_DESCRIPTOR) < 0 ? -errno : 0;

	close(fd);
	return r;
}

/* --- where the host has mounts ------------------------------------------------------------------------- */

/* A path as mountinfo has it: blanks and their like as \ooo. */
static void
unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned c;

		if (from[0] == '\\' && sscanf(from + 1, "%3o", &c) == 1) {
			*to = (char)c;
			from += 4;
		} else
			*to = *from++;
	}
	*to = '\0';
}

static int
note_mount(struct build *b, const char *path)
{
	char **more = realloc(b->mounted, (b->nmounted + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	b->mounted = more;
	more[b->nmounted] = strdup(path);
	return more[b->nmounted] ? (b->nmounted++, 0) : -ENOMEM;
}

static int
read_mounts(struct build *b)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;
	int r = f ? 0 : -errno;

	while (r == 0 && getline(&line, &room, f) >= 0) {
		char *at = line;

		for (int i = 0; i < 4 && at; i++)
			at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL;
		if (!at)
			continue;
		at[strcspn(at, " ")] = '\0';
		unescape(at);
		r = note_mount(b, at);
	}
	free(line);
	if (f)
		fclose(f);
	return r;
}

static void
forget_mounts(struct build *b)
{
	for (size_t i = 0; i < b->nmounted; i++)
		free(b->mounted[i]);
	free(b->mounted);
	b->mounted = NULL;
}

/* Is there a mount at path, or, with `beneath`, below it?  Linear: hosts have dozens. */
static bool
has_mount(const struct build *b, const char *path, bool beneath)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < b->nmounted; i++)
		if (strncmp(b->mounted[i], path, len) == 0 && b->mounted[i][len] == (beneath ? '/' : '\0'))
			return true;
	return false;
}

/* --- covers ------------------------------------------------------------------------------------------- */

/* An empty file, an empty folder, which nobody may open. */
static int
make_covers(const struct build *b)
{
	int fd = openat(b->covers, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0);

	if (fd < 0 || mkdirat(b->covers, "folder", 0) < 0)
		return -errno;
	close(fd);
	return 0;
}

/* A link is let be: it leads to what is shown, or nowhere.  One that has gone meanwhile needs none. */
static int
cover(const struct build *b, int folder, const char *name, unsigned char type)
{
	struct stat st;

	if (type == DT_UNKNOWN) {
		if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? 0 : -errno;
		type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISLNK(st.st_mode) ? DT_LNK : DT_REG;
	}
	if (type == DT_LNK)
		return 0;
	int fd = clone_of(b->covers, type == DT_DIR ? "folder" : "file", false);
	int r = fd < 0 ? fd : attach(fd, folder, name);
	return r == -ENOENT ? 0 : r;
}

static int
cover_others(const struct build *b, int folder, const struct shown *n)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	unsigned covers = 0;

	/* Who may not list it does not know what is in it. */
	if (!d)
		return fd < 0 && errno == EACCES ? 0 : -errno;
	while (r == 0 && covers < b->covers_max && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || shown_find(n, e->d_name))
			continue;
		r = cover(b, folder, e->d_name, e->d_type);
		covers++;
	}
	closedir(d);
	return r;
}

/* --- what is shown ------------------------------------------------------------------------------------ */

/* Where a mount goes, in a folder of T or C: made there.  In one of the host's it is there. */
static int
make_place(int folder, const struct shown *n)
{
	if (n->folder)
		return mkdirat(folder, n->name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	int fd = openat(folder, n->name, O_WRONLY | O_CREAT | O_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* The folder is one of ours: what is shown in it will be put there. */
static int
put_empty_folder(struct build *b, int folder, bool ours, const char *name)
{
	char made[16];

	if (ours)
		return 0;
	snprintf(made, sizeof(made), "%u", b->made++);
	if (mkdirat(b->covers, made, 0755) < 0)
		return -errno;
	int fd = clone_of(b->covers, made, false);
	return fd < 0 ? fd : attach(fd, folder, name);
}

/* 1: it is the host's; 0: an empty one of ours (it holds mounts, of which not all can be left out: user_namespaces(7)). */
static int
put_hosts(struct build *b, int folder, bool ours, const struct shown *n, const char *path)
{
	int fd = clone_of(AT_FDCWD, path, n->whole), r;

	if (fd == -EINVAL && n->folder && !n->whole) {
		r = put_empty_folder(b, folder, ours, n->name);
		return r < 0 ? r : 0;
	}
	if (fd < 0)
		return fd;
	r = restrict_mount(fd, n->whole, n->write);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = attach(fd, folder, n->name);
	return r < 0 ? r : 1;
}

struct where {
	int folder;
	bool ours, write; /* the folder is one of ours; what is mounted there may be written */
	char *path;       /* of the folder on the host, PATH_MAX bytes */
};

static int show(struct build *b, const struct where *at, const struct shown *n);

static int
show_children(struct build *b, const struct where *w, const struct shown *n)
{
	int r = 0;

	for (const struct shown *c = n->child; r == 0 && c; c = c->next)
		r = show(b, w, c);
	return r;
}

/* What is in a folder that stands now; name and path are its own. */
static int
show_inside(struct build *b, struct where *w, const struct shown *n)
{
	int r = 0, in = openat(w->folder, n->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (in < 0)
		return -errno;
	w->folder = in;
	if (!w->ours && !n->whole)
		r = cover_others(b, in, n);
	r = r ? r : show_children(b, w, n);
	close(in);
	return r;
}

/* A name that has gone since it was looked up is not shown, and that is all. */
static int
show(struct build *b, const struct where *at, const struct shown *n)
{
	struct where w = *at;
	size_t len = strlen(w.path);
	int r = 0;

	if (!n->link && !n->folder && !n->whole)
		return 0; /* a file where a folder was to be */
	if (n->link)
		return w.ours && symlinkat(n->link, w.folder, n->name) < 0 && errno != EEXIST ? -errno : 0;
	snprintf(w.path + len, PATH_MAX - len, "/%s", n->name);
	if (w.ours)
		r = make_place(w.folder, n);
	bool live = n->live || n->whole;
	if (r == 0 && !live && !w.ours)
		r = put_empty_folder(b, w.folder, false, n->name);
	if (r == 0 && !live)
		w.ours = true;
	else if (r == 0 && (w.ours || (n->write && !w.write) || has_mount(b, w.path, false) ||
			    (n->whole && has_mount(b, w.path, true)))) {
		r = put_hosts(b, w.folder, w.ours, n, w.path);
		w.ours = r == 0;
		w.write = n->write;
		r = r < 0 ? r : 0;
	}
	if (r == 0 && n->folder)
		r = show_inside(b, &w, n);
	w.path[len] = '\0';
	return r == -ENOENT ? 0 : r;
}

/* --- the root ----------------------------------------------------------------------------------------- */

static int
lay_over_root(int *fd)
{
	*fd = new_tmpfs();
	if (*fd < 0)
		return *fd;
	return syscall(SYS_move_mount, *fd, "", AT_FDCWD, "/", FROM_DESCRIPTOR) < 0 ? -errno : 0;
}

/* T becomes the root, over which the old one lies now, and over that C: both are let go. */
static int
turn_over(const struct build *b, bool *turned)
{
	struct mount_attributes a = {.set = ATTR_NOTHING_SPECIAL | ATTR_RDONLY};

	if (fchdir(b->root) < 0)
		return -errno;
	*turned = syscall(SYS_pivot_root, ".", ".") == 0;
	if (!*turned || umount2(".", MNT_DETACH) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ||
	    syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &a, sizeof(a)) < 0)
		return -errno;
	return 0;
}

/* Nothing is shown, but each call is made that would show it. */
static int
put_nothing(struct build *b)
{
	int fd = clone_of(b->covers, "folder", false);
	int r = fd < 0 ? fd : restrict_mount(fd, false, false);

	if (fd >= 0)
		close(fd);
	return r;
}

static int
build(struct build *b, const struct shown *shown)
{
	char path[PATH_MAX] = "";
	int r = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : read_mounts(b);

	r = r ? r : lay_over_root(&b->covers);
	r = r ? r : lay_over_root(&b->root);
	r = r ? r : make_covers(b);
	if (r == 0)
		r = shown ? show_children(b, &(struct where){.folder = b->root, .ours = true, .path = path},
					  shown)
			  : put_nothing(b);
	return r ? r : make_read_only(b->covers);
}

int
mounts_make(const struct shown *shown, unsigned covers_max, bool *turned)
{
	struct build b = {.root = -1, .covers = -1, .covers_max = covers_max};
	char cwd[PATH_MAX];
	bool has_cwd = getcwd(cwd, sizeof(cwd)) && cwd[0] == '/';
	int r = build(&b, shown);

	*turned = false;
	r = r ? r : turn_over(&b, turned);
	/* Paths that are relative stay so where they lead to something. */
	if (r == 0 && has_cwd)
		r = chdir(cwd) < 0 && errno != ENOENT && errno != EACCES ? -errno : 0;
	/* Where nothing has come of it, the thread stands where it stood. */
	if (r && !*turned && has_cwd && chdir(cwd) < 0)
		r = -errno;
	if (b.root >= 0)
		close(b.root);
	if (b.covers >= 0)
		close(b.covers);
	forget_mounts(&b);
	return r;
}
