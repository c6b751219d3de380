/*
 * guest.h - what the guest's command sees of the machine: resolv.conf, hosts, /proc
 *
 * All of it is mounts in the guest's own mount namespace; no file of the host is written.
 */
#ifndef CLI_GUEST_H
#define CLI_GUEST_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/failure.h"
#include "cli/log.h"
#include "sluice.h"

/* The two files' contents; host is the host's own file, or NULL.  Its search list, options and names stay. */
void guest_resolv_conf(FILE *to, const struct sluice_guest *net, FILE *host);
void guest_hosts(FILE *to, const struct sluice_guest *net, FILE *host);

/* Where the files lie and what they cover: resolv.conf, hosts, and the certificates that are trusted, if that was asked for. */
struct guest_mounts {
	int store; /* the directory with our files, O_PATH; -1: it could not be kept */
	int n;
	struct guest_file {
		const char *name; /* in the store */
		char target[4096];
	} file[3];
};

/* In the guest's namespaces, as pid 1. */
int guest_mount(const struct sluice_guest *net, struct guest_mounts *m, const struct log *log,
		struct failure *f);

/*
 * The PEM of fd covers `target`, the system's list of trusted certificates (an existing file).  0 or -1, and f: it cannot be done here.
 * Once, after guest_mount().
 */
int guest_trust(struct guest_mounts *m, const char *target, int fd, struct failure *f);

/*
 * A file of the host's that is replaced by rename(2) sheds what was mounted on it, in every namespace
 * (mount_namespaces(7)); resolv.conf is when a lease is renewed.  Called after each change of the mount
 * table: covers them again.  False: not yet, call again soon; the kernel refuses while the rename goes on.
 */
bool guest_repair(const struct guest_mounts *m);

/* Settings of the guest's network namespace that let an ordinary user ping and listen on any port. */
void guest_sysctls(bool user_namespace);

#endif
