/*
 * confine_privileges.c - no new privileges, and of the old ones only what the gateway needs
 *
 * By the kernel's own interface (capset(2)), which is a thread's own: capabilities of other threads cannot be taken
 * away from here (libc's setuid(3) does so by a signal to each, which is not for a library to send).
 */
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/confine_int.h"

#define BIT_OF(cap) ((uint64_t)1 << (cap))

/* --- capabilities ---------------------------------------------------------------------------------- */

struct caps {
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];
};

static bool
caps_read(struct caps *c)
{
	*c = (struct caps){.head = {.version = _LINUX_CAPABILITY_VERSION_3}};
	return syscall(SYS_capget, &c->head, c->set) == 0;
}

static bool
caps_write(const struct caps *c)
{
	struct caps copy = *c; /* the kernel's header is no const */

	return syscall(SYS_capset, &copy.head, copy.set) == 0;
}

/* May who has CAP_NET_RAW alone mark a socket?  Linux 5.17 lets him; before, it takes CAP_NET_ADMIN, to which routes and devices belong. */
static bool
mark_wants_admin(void)
{
	struct caps all, raw;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), none = 0;
	bool wants = true;

	if (fd < 0 || !caps_read(&all)) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	raw = all;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		raw.set[i].effective &= (uint32_t)(BIT_OF(CAP_NET_RAW) >> 32 * i);
	if (caps_write(&raw)) {
		wants = setsockopt(fd, SOL_SOCKET, SO_MARK, &none, sizeof(none)) < 0;
		wants = !caps_write(&all) || wants;
	}
	close(fd);
	return wants;
}

/* For what set_way() of link/host_kernel.c asks: SO_MARK, SO_BINDTODEVICE. */
static uint64_t
kept(const struct confine *f)
{
	if (!(f->needs & NEED_WAYS))
		return 0;
	return BIT_OF(CAP_NET_RAW) | (mark_wants_admin() ? BIT_OF(CAP_NET_ADMIN) : 0);
}

/* --- threads --------------------------------------------------------------------------------------- */

int
confine_other_threads(struct setup *su)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *e;
	int n = 0;

	if (!tasks) {
		wrong(
		    su,
		    "cannot see which threads this process has: /proc/self/task: %s; mount /proc, or confine "
		    "this thread alone",
		    strerror(errno));
		return -1;
	}
	while ((e = readdir(tasks)))
		n += e->d_name[0] != '.';
	closedir(tasks);
	return n > 1;
}

/* Permitted is what a thread could make effective.  One that has ended meanwhile has nothing. */
static uint64_t
permitted(const char *task)
{
	char path[300], line[128];
	unsigned long long caps = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapPrm: %llx", &caps) == 1)
			break;
	if (status)
		fclose(status);
	return caps;
}

bool
confine_others_have_nothing(const struct confine *f)
{
	const uint64_t keep = kept(f);
	char self[16];
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *e;
	uint64_t more = 0;

	snprintf(self, sizeof(self), "%ld", (long)syscall(SYS_gettid));
	while (tasks && (e = readdir(tasks)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, self) != 0)
			more |= permitted(e->d_name) & ~keep;
	if (tasks)
		closedir(tasks);
	return tasks && more == 0;
}

/* --- what is taken away ---------------------------------------------------------------------------- */

enum confine_part
confine_no_new_privileges(struct setup *su)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		return PART_HOLDS;
	wrong(su, "cannot do without new privileges: %s; Linux has it since 3.5", strerror(errno));
	return PART_FAILED;
}

/* What execve(2) could give: nothing is executed, and nothing new is given, so who may not lower it (CAP_SETPCAP) need not. */
static void
lower_bounding_set(uint64_t keep)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (cap >= 64 || !(keep >> cap & 1))
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

enum confine_part
confine_capabilities(const struct confine *f, struct setup *su)
{
	uint64_t keep = kept(f);
	struct caps c;

	if (!caps_read(&c)) {
		wrong(su, "cannot read this thread's capabilities: %s", strerror(errno));
		return PART_FAILED;
	}
	lower_bounding_set(keep);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* Linux 4.3 */
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		c.set[i].permitted &= (uint32_t)(keep >> 32 * i);
		c.set[i].effective = c.set[i].permitted;
		c.set[i].inheritable = 0;
	}
	if (!caps_write(&c)) {
		wrong(su, "cannot give up this thread's capabilities: %s", strerror(errno));
		return PART_FAILED;
	}
	return PART_HOLDS;
}
