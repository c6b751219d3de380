/*
 * guest.c - a mount namespace in which names lead to the gateway
 *
 * Two files are generated in a small tmpfs and bind-mounted over the host's.  The tmpfs lies under the fresh
 * /proc: out of sight, yet in this namespace, so that its files can be mounted again (guest_repair).
 *
 * A resolv.conf that is a symbolic link is followed, and its target covered.  Where there is no file to cover
 * (a dangling link, a bare container), /etc itself becomes a tmpfs with links to everything that was there:
 * only then, because what the command writes to such an /etc is gone afterwards.
 *
 * Resolvers of the host that answer on a socket in the file system would bypass the gateway and know nothing
 * of host.sluice.internal; their directories are covered too.
 */
#include "cli/guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- contents -------------------------------------------------------------------------------------- */

void
guest_resolv_conf(FILE *to, const struct sluice_guest *net, FILE *host)
{
	static const char *const keep[] = {"search", "domain", "options"};
	char line[1024];

	fputs("# written by sluice for this guest; the host's file is as it was\n", to);
	if (net->ipv4.on)
		fprintf(to, "nameserver %s\n", net->ipv4.dns);
	if (net->ipv6.on)
		fprintf(to, "nameserver %s\n", net->ipv6.dns);
	while (host && fgets(line, sizeof(line), host)) {
		size_t word = strcspn(line, " \t\r\n");
		for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
			if (strlen(keep[i]) == word && strncmp(line, keep[i], word) == 0)
				fprintf(to, "%s%s", line, strchr(line, '\n') ? "" : "\n");
	}
}

void
guest_hosts(FILE *to, const struct sluice_guest *net, FILE *host)
{
	int last = '\n';

	for (int c; host && (c = getc(host)) != EOF; last = c)
		putc(c, to);
	if (last != '\n')
		putc('\n', to);
	if (net->ipv4.on)
		fprintf(to, "%s\thost.sluice.internal\n", net->ipv4.gateway);
	if (net->ipv6.on)
		fprintf(to, "%s\thost.sluice.internal\n", net->ipv6.gateway);
}

/* --- mounts ---------------------------------------------------------------------------------------- */

#define STORE "/proc" /* where the tmpfs lies until /proc is mounted over it */

static const char *const sources[2] = {"/etc/resolv.conf", "/etc/hosts"};
static const char *const names[2] = {"resolv.conf", "hosts"};
static const char *const resolver_dirs[] = {"/run/nscd", "/run/systemd/resolve"};

static int
mount_tmpfs(const char *where)
{
	return mount("sluice", where, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=16m");
}

static int
write_store(const struct guest_file *file, const char *source,
	    void (*fill)(FILE *, const struct sluice_guest *, FILE *), const struct sluice_guest *net)
{
	char path[64];

	snprintf(path, sizeof(path), STORE "/%s", file->name);
	FILE *to = fopen(path, "wxe");
	if (!to)
		return -1;
	FILE *host = fopen(source, "re");
	fill(to, net, host);
	if (host)
		fclose(host);
	int bad = fflush(to) != 0 || fchmod(fileno(to), 0644) < 0;
	return fclose(to) != 0 || bad ? -1 : 0;
}

/* A tmpfs over /etc, with a link for each thing that was there but our two files. */
static int
replace_etc(void)
{
	if (mkdir(STORE "/etc", 0755) < 0 || mount("/etc", STORE "/etc", NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    mount_tmpfs("/etc") < 0 || mkdir("/etc/.host", 0755) < 0 ||
	    mount(STORE "/etc", "/etc/.host", NULL, MS_MOVE, NULL) < 0)
		return -1;
	DIR *d = opendir("/etc/.host");
	if (!d)
		return -1;
	int bad = 0;
	for (struct dirent *e; (e = readdir(d));) {
		char link[sizeof(e->d_name) + 8], path[sizeof(e->d_name) + 8];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, names[0]) == 0 || strcmp(e->d_name, names[1]) == 0)
			continue;
		snprintf(link, sizeof(link), ".host/%s", e->d_name);
		snprintf(path, sizeof(path), "/etc/%s", e->d_name);
		bad |= symlink(link, path) < 0 && errno != EEXIST;
	}
	closedir(d);
	return bad ? -1 : 0;
}

/* Something to mount on, where covering a directory took it away. */
static void
ensure_target(const char *target)
{
	int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd >= 0)
		close(fd);
}

static int
cover_files(struct guest_mounts *m)
{
	for (size_t i = 0; i < 2; i++) {
		char from[64];
		snprintf(from, sizeof(from), STORE "/%s", m->file[i].name);
		if (access(m->file[i].target, F_OK) < 0)
			ensure_target(m->file[i].target);
		if (mount(from, m->file[i].target, NULL, MS_BIND, NULL) < 0)
			return -1;
	}
	return 0;
}

/*
 * The command's own /proc.  A container that masks parts of /proc does not let another be mounted; then the
 * one that is there stays, and shows the processes outside.
 */
static void
mount_proc(struct guest_mounts *m, const struct log *log)
{
	m->store = open(STORE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
		return;
	log_say(log, SLUICE_LOG_WARNING, "/proc of its own for the command: %s; it sees the one outside",
		strerror(errno));
	umount2(STORE, MNT_DETACH);
	if (m->store >= 0)
		close(m->store);
	m->store = -1;
}

int
guest_mount(const struct sluice_guest *net, struct guest_mounts *m, const struct log *log, struct failure *f)
{
	void (*const fill[2])(FILE *, const struct sluice_guest *, FILE *) = {guest_resolv_conf, guest_hosts};
	bool missing = false;

	/* What is mounted here stays here; what the host mounts later still shows. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return failed(f, "cannot set up the guest's mounts: /: %s; run sluice as root",
			      strerror(errno));
	m->n = 2;
	for (size_t i = 0; i < 2; i++) {
		m->file[i].name = names[i];
		/* A link into /proc (/proc/net/pnp of a machine that booted from the network) cannot be covered
		 * either: /proc will be. */
		if (!realpath(sources[i], m->file[i].target) ||
		    strncmp(m->file[i].target, STORE "/", strlen(STORE "/")) == 0) {
			missing = true;
			snprintf(m->file[i].target, sizeof(m->file[i].target), "%s", sources[i]);
		}
	}

	bool bad = mount_tmpfs(STORE) < 0;
	for (size_t i = 0; i < 2; i++)
		bad = bad || write_store(&m->file[i], sources[i], fill[i], net) < 0;
	bad = bad || (missing && replace_etc() < 0);
	for (size_t i = 0; !bad && i < sizeof(resolver_dirs) / sizeof(resolver_dirs[0]); i++)
		bad = access(resolver_dirs[i], F_OK) == 0 && mount_tmpfs(resolver_dirs[i]) < 0;
	if (bad || cover_files(m) < 0)
		return failed(f, "cannot mount the guest's resolv.conf and hosts: %s; run sluice as root",
			      strerror(errno));
	mount_proc(m, log);
	return 0;
}

/* Ours is there, or what the command put over it.  Kernels before 5.8 cannot say: nothing is repaired there. */
static bool
is_covered(const char *target)
{
	struct statx st;

	if (statx(AT_FDCWD, target, 0, 0, &st) < 0)
		return false;
	return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) ||
	       !(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT);
}

static int
copy_all(int from, int to)
{
	char buf[16384];
	off_t at = 0;

	for (ssize_t n; (n = pread(from, buf, sizeof(buf), at)) != 0; at += n)
		if (n < 0 || write(to, buf, (size_t)n) != n)
			return -1;
	return 0;
}

int
guest_trust(struct guest_mounts *m, const char *target, int fd, struct failure *f)
{
	struct guest_file *file = &m->file[m->n];
	int to = m->store < 0 ? -1 : openat(m->store, "ca", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	bool good = to >= 0 && copy_all(fd, to) == 0;

	if (to >= 0)
		close(to);
	file->name = "ca";
	good = good && realpath(target, file->target);
	if (good) {
		m->n++;
		good = guest_repair(m);
	}
	return good ? 0
		    : failed(f, "cannot cover %s, so that the command trusts our CA: %s", target,
			     strerror(errno));
}

bool
guest_repair(const struct guest_mounts *m)
{
	bool whole = true;

	for (int i = 0; m->store >= 0 && i < m->n; i++) {
		char from[64];

		if (is_covered(m->file[i].target))
			continue;
		snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", m->store, m->file[i].name);
		whole = mount(from, m->file[i].target, NULL, MS_BIND, NULL) == 0 && whole;
	}
	return whole;
}

static void
set_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	ssize_t n = write(fd, value, strlen(value));
	(void)n; /* a convenience: the command goes on without */
	close(fd);
}

void
guest_sysctls(bool user_namespace)
{
	char groups[32] = "0 2147483647";

	/* Only groups that exist in the user namespace can be named: our own. */
	if (user_namespace)
		snprintf(groups, sizeof(groups), "%u %u", getegid(), getegid());
	set_sysctl("/proc/sys/net/ipv4/ping_group_range", groups);
	set_sysctl("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
}
