/*
 * confine_files.c - which files may still be opened, and who may be signalled: Landlock
 *
 * By the three system calls themselves (landlock(7)): what they take has grown with each version, and so has what is
 * handled here, up to the seventh (Linux 6.15).  Handled means refused, but for what a rule allows beneath a path.  TCP ports are
 * not: a flow goes where the policy lets it.
 *
 * A rule is about the file that is there now, or about a directory and whatever will be beneath it.  The host's
 * resolver file is replaced by rename(2), so its directory is named: that is /etc, unless /etc/resolv.conf is a link that
 * leads elsewhere, as where systemd-resolved is in charge.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/confine_int.h"

/* Headers older than the kernel: <linux/landlock.h> of 6.15, as far as it is used. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define ASK_VERSION 1u
#define RULE_PATH_BENEATH 1
#define ALL_THREADS (1u << 3) /* version 8 */

#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_FILE (UINT64_C(1) << 0 | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | UINT64_C(1) << 15)
#define SCOPE_ABSTRACT_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

#define RESOLV_CONF "/etc/resolv.conf"

#define READS (FS_READ_FILE | FS_READ_DIR)
#define WRITES \
	(READS | FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_FILE | FS_REMOVE_DIR | FS_MAKE_DIR | FS_MAKE_REG)

int
confine_files_version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);

	return v > 0 ? (int)v : 0;
}

/* All rights about files there are in this version. */
static uint64_t
rights(int version)
{
	/* The last one is: REFER from 2, TRUNCATE from 3, IOCTL_DEV from 5 on. */
	static const uint8_t last[] = {12, 13, 14, 14, 15};
	int at = version > 5 ? 5 : version;

	return (UINT64_C(2) << last[at - 1]) - 1;
}

/* --- rules ----------------------------------------------------------------------------------------- */

static int
add_rule(const struct confine *f, int at, uint64_t allowed)
{
	struct path_beneath rule = {.allowed = allowed & rights(f->files_abi), .parent = at};
	struct stat st;

	if (fstat(at, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= FS_FILE;
	if (rule.allowed == 0)
		return 0;
	return syscall(SYS_landlock_add_rule, f->files, RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

static int
allow(const struct confine *f, const char *path, uint64_t allowed)
{
	int at = open(path, O_PATH | O_CLOEXEC);
	int r = at < 0 ? -errno : add_rule(f, at, allowed);

	if (at >= 0)
		close(at);
	return r;
}

static bool
allow_all(const struct confine *f, const char *const *path, uint64_t allowed, const char *to,
	  struct setup *su)
{
	for (; path && *path; path++) {
		int r = allow(f, *path, allowed);

		if (r < 0)
			return wrong(
			    su,
			    "%s: cannot be named as what may still be %s: %s; leave it out, or make it first",
			    *path, to, strerror(-r));
	}
	return true;
}

/* Removed is a name, which is its folder's. */
static bool
allow_removal(const struct confine *f, struct setup *su)
{
	const char *const *path = f->asked.remove;
	char folder[PATH_MAX];
	struct stat st;

	for (; path && *path; path++) {
		const char *slash = strrchr(*path, '/');
		size_t len = slash ? (size_t)(slash - *path) : 0;
		bool name = lstat(*path, &st) == 0 && !S_ISDIR(st.st_mode) && len < sizeof(folder);

		if (name) {
			memcpy(folder, *path, len);
			folder[len] = '\0';
		}
		const char *at = !name ? *path : len ? folder : slash ? "/" : ".";
		if (!allow_all(f, (const char *const[]){at, NULL}, FS_REMOVE_FILE, "removed from", su))
			return false;
	}
	return true;
}

/* What is not there is not looked for again: the gateway will find no file either. */
static bool
allow_resolver(const struct confine *f, struct setup *su)
{
	char *real = realpath(RESOLV_CONF, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;

	if (slash)
		slash[slash == real] = '\0';

	int r = allow(f, real ? real : "/etc", FS_READ_FILE);
	free(real);
	if (r == 0 || r == -ENOENT)
		r = allow(f, CONFINE_BEYOND_STUB, FS_READ_FILE);
	if (r < 0 && r != -ENOENT && r != -EACCES)
		return wrong(su, "cannot keep the host's resolver file readable: %s", strerror(-r));
	return true;
}

#ifdef SLUICE_INSTRUMENTED
/* This build writes what it has counted when it ends: there. */
static bool
allow_counts(const struct confine *f)
{
	return allow(f, SLUICE_INSTRUMENTED, WRITES) == 0;
}
#else
static bool
allow_counts(const struct confine *f)
{
	(void)f;
	return true;
}
#endif

#ifdef SANITIZED
static bool
allow_sanitizers(const struct confine *f)
{
	return allow(f, "/proc", READS) == 0;
}
#else
static bool
allow_sanitizers(const struct confine *f)
{
	(void)f;
	return true;
}
#endif

/* --- the part -------------------------------------------------------------------------------------- */

static bool
add_rules(const struct confine *f, struct setup *su)
{
	const struct sluice_confine *c = &f->asked;

	if (f->needs & NEED_RESOLV && !allow_resolver(f, su))
		return false;
	return allow_counts(f) && allow_sanitizers(f) && allow_all(f, c->read, READS, "read", su) &&
	       allow_all(f, c->write, WRITES, "written", su) && allow_removal(f, su);
}

enum confine_part
confine_files_prepare(struct confine *f, struct setup *su)
{
	struct ruleset set = {0};
	size_t size = sizeof(set.fs);

	f->files = -1;
	f->files_abi = confine_files_version();
	if (f->files_abi == 0)
		return PART_MISSING;
	set.fs = rights(f->files_abi);
	if (f->files_abi >= 6) {
		set.scoped = SCOPE_SIGNAL;
		/* A VMM that sends datagrams from a socket without a name has one of these. */
		if (!(f->needs & NEED_PEERS))
			set.scoped |= SCOPE_ABSTRACT_SOCKET;
		size = sizeof(set);
	}
	f->files = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
	if (f->files < 0) {
		wrong(su, "cannot make rules for files (Landlock %d): %s", f->files_abi, strerror(errno));
		return PART_FAILED;
	}
	if (add_rules(f, su))
		return PART_HOLDS;
	close(f->files);
	f->files = -1;
	return PART_FAILED;
}

enum confine_part
confine_files_obey(const struct confine *f, struct setup *su)
{
	if (f->files < 0)
		return PART_MISSING;
	if (syscall(SYS_landlock_restrict_self, f->files, f->others ? ALL_THREADS : 0) == 0)
		return PART_HOLDS;
	wrong(su, "cannot confine files (Landlock %d): %s", f->files_abi, strerror(errno));
	return PART_FAILED;
}
