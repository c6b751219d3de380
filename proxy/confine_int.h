/*
 * confine_int.h - inside the files of confinement: four parts, each of which a kernel may lack
 *
 *	confine.c              what is asked for; the order
 *	confine_privileges.c   no new privileges, capabilities; which threads there are
 *	confine_view.c         what can be seen of the host's files: a mount namespace (confine_view_int.h)
 *	confine_files.c        files and signals: Landlock
 *	confine_calls.c        system calls: the table, and the filter libseccomp makes of it
 */
#ifndef PROXY_CONFINE_INT_H
#define PROXY_CONFINE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/config.h"
#include "sluice.h"

/* A build that looks into itself, and for leaks at its end. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

/* What not every gateway needs. */
enum confine_need {
	NEED_WRITE = 1,   /* files are written */
	NEED_REMOVE = 2,  /* files are removed */
	NEED_WAYS = 4,    /* the connect hook gives marks or devices */
	NEED_SOCKET = 8,  /* the guest is behind a socket */
	NEED_PEERS = 16,  /* ... of datagrams: the answer goes to whoever sent one */
	NEED_RESOLV = 32, /* the host's resolver file is followed */
	NEED_PATHS = 64   /* the guest is answered at a path of the host's that nobody knows yet */
};

/* Who the host's stub resolver would ask: see dns_host.c. */
#define CONFINE_BEYOND_STUB "/run/systemd/resolve"

struct confine {
	struct sluice_confine asked;
	unsigned needs; /* bits of enum confine_need */
	bool others;    /* other threads run, and are meant, too */
	int files;      /* the Landlock rules; -1: there are none to obey */
	int files_abi;
	bool user_namespace; /* it is in one of its own, with all capabilities there */
	char no_view[240];   /* why that part is missing */
};

/* What a part came to. */
enum confine_part { PART_FAILED = -1, PART_MISSING, PART_HOLDS };

/* --- privileges ------------------------------------------------------------------------------------ */

/* Does this process have other threads?  -1: that cannot be told, and su says so. */
int confine_other_threads(struct setup *su);
/* May no other thread do more than this one will?  Capabilities are a thread's own to give up. */
bool confine_others_have_nothing(const struct confine *f);

enum confine_part confine_no_new_privileges(struct setup *su);
enum confine_part confine_capabilities(const struct confine *f, struct setup *su);

/* --- the view -------------------------------------------------------------------------------------- */

/* Missing: f->no_view says why, and nothing that a gateway could tell has changed. */
enum confine_part confine_view(struct confine *f, struct setup *su);

/* --- files ----------------------------------------------------------------------------------------- */

/* The version of the running kernel's Landlock; 0: it has none. */
int confine_files_version(void);
/* Opens what is named: nothing is taken away yet. */
enum confine_part confine_files_prepare(struct confine *f, struct setup *su);
enum confine_part confine_files_obey(const struct confine *f, struct setup *su);

/* --- system calls ---------------------------------------------------------------------------------- */

/* (argument & mask) == value; with `self` the value is this process's id. */
struct confine_arg {
	uint8_t n;
	bool self;
	uint64_t mask, value; /* mask 0: no condition */
};

#define CONFINE_ARGS 3

/* A system call that is allowed, or answered.  One that has several rows is allowed by any of them. */
struct confine_call {
	const char *name, *arguments; /* for readers; "": any */
	struct confine_arg arg[CONFINE_ARGS];
	unsigned when; /* needs, one of which must be there; 0: always */
	int answer; /* errno instead of the call, always; else without the need.  0: the call is forbidden */
	const char *why;
};

/* The row, 0, 1, ...; NULL behind the last. */
const struct confine_call *confine_call(size_t n);

/* Are these names of calls, of whatever machine?  False: su says which is not. */
bool confine_names_are_calls(const char *const *name, struct setup *su);
enum confine_part confine_calls(const struct confine *f, struct setup *su);

#endif
