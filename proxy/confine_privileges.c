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
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/confine_int.h"

/* Those that set_way() of link/host_kernel.c asks for: SO_MARK, SO_BINDTODEVICE. */
static uint64_t
kept(const struct confine *f)
{
	return f->needs & NEED_WAYS ? (uint64_t)1 << CAP_NET_ADMIN | (uint64_t)1 << CAP_NET_RAW : 0;
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
	char self[16];
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *e;
	uint64_t more = 0;

	snprintf(self, sizeof(self), "%ld", (long)syscall(SYS_gettid));
	while (tasks && (e = readdir(tasks)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, self) != 0)
			more |= permitted(e->d_name) & ~kept(f);
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
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];
	uint64_t keep = kept(f);

	if (syscall(SYS_capget, &head, set) < 0) {
		wrong(su, "cannot read this thread's capabilities: %s", strerror(errno));
		return PART_FAILED;
	}
	lower_bounding_set(keep);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* Linux 4.3 */
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		set[i].permitted &= (uint32_t)(keep >> 32 * i);
		set[i].effective = set[i].permitted;
		set[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, set) < 0) {
		wrong(su, "cannot give up this thread's capabilities: %s", strerror(errno));
		return PART_FAILED;
	}
	return PART_HOLDS;
}
