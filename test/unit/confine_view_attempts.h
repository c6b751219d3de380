/*
 * confine_view_attempts.h - what code that took a confined thread over may try at names of the host's files
 *
 * For confine_escape_test.c alone; each attempt returns 0, or the errno it was answered with.
 */
#ifndef TEST_UNIT_CONFINE_VIEW_ATTEMPTS_H
#define TEST_UNIT_CONFINE_VIEW_ATTEMPTS_H

#include "test/unit/confine_attempts.h"

static int
asked_about(const char *path)
{
	struct stat st;

	return ended(stat(path, &st));
}

static int
ask_about_passwd(const struct scene *sc)
{
	(void)sc;
	return asked_about("/etc/passwd");
}

/* Beside what is shown there is something in its place, which tells nothing. */
static int
ask_about_secret(const struct scene *sc)
{
	struct stat st;
	int r = ended(stat(sc->at.secret, &st));

	return r ? r : st.st_size == 0 ? ENOENT : 0;
}

static int
ask_about_a_process(const struct scene *sc)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", (int)sc->parent);
	return asked_about(path);
}

static int
ask_above_the_root(const struct scene *sc)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/../../../../../../etc/passwd", sc->at.in);
	return asked_about(path);
}

static int
read_opened_again(const struct scene *sc)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", sc->folder_fd);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return ended(fd);
}

static int
connect_by_name(const struct scene *sc)
{
	return ended(connect(sc->named_fd, (const struct sockaddr *)&sc->named, sizeof(sc->named)));
}

static int
connect_elsewhere_by_name(const struct scene *sc)
{
	return ended(
	    connect(sc->elsewhere_fd, (const struct sockaddr *)&sc->elsewhere, sizeof(sc->elsewhere)));
}

static int
read_by_descriptor(const struct scene *sc)
{
	return ended(openat(sc->folder_fd, "etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int
go_to_descriptor(const struct scene *sc)
{
	return ended(fchdir(sc->folder_fd));
}

static int
pivot(const struct scene *sc)
{
	return ended(syscall(SYS_pivot_root, sc->at.in, sc->at.in));
}

/* A user namespace gives all capabilities, over its own mounts: what was let go of does not come back. */
static int
in_new_namespaces(const struct scene *sc)
{
	int r = ended(unshare(CLONE_NEWUSER | CLONE_NEWNS));

	if (r == 0) {
		(void)umount2("/", MNT_DETACH);
		(void)mount("proc", sc->at.in, "proc", 0, NULL);
		r = chroot("/..") < 0 ? errno : asked_about("/etc/passwd");
	}
	return r;
}

static int
make_in_root(const struct scene *sc)
{
	(void)sc;
	int r = ended(mkdir("/confine-escape", 0700));
	rmdir("/confine-escape");
	return r;
}

static int
remove_beside(const struct scene *sc)
{
	int r = ended(unlink(sc->at.secret));

	if (r == 0)
		put_file(sc->at.secret, "may not\n");
	return r;
}

static int
remove_what_may_be(const struct scene *sc)
{
	return ended(unlink(sc->at.gone));
}

#endif
