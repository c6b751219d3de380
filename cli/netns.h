/*
 * netns.h - namespaces: making the guest's own, entering one that exists, and saying why it cannot be
 */
#ifndef CLI_NETNS_H
#define CLI_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/failure.h"

/* Whether this process may make namespaces only inside a user namespace of its own. */
bool netns_needs_user(void);

/*
 * fork(2) into new network, mount and pid namespaces, and a new user namespace if asked: 0 in the child,
 * which is pid 1 there; -1 and a sentence.  For a process with one thread.
 */
pid_t netns_fork(bool user, struct failure *f);

/* In the child of a new user namespace: be the user one was, or root. */
int netns_map_user(uid_t uid, gid_t gid, bool as_root, struct failure *f);

/* Move this process into a network namespace, by path or pid, and into the user namespace that owns it. */
int netns_join(const char *netns, bool is_pid, struct failure *f);

/*
 * What forbids user namespaces on this machine, as the end of a sentence with its remedy.  proc_sys is
 * "/proc/sys"; error is what the kernel said.
 */
void netns_explain(int error, const char *proc_sys, char *out, size_t outlen);

#endif
