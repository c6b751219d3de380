/*
 * sandbox.c - what stays open, and what is said of it
 */
#include "cli/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/sandbox_int.h"
#include "cli/trust.h"

/* --- what is said ---------------------------------------------------------------------------------- */

static void
say_lost(const struct log *log)
{
	log_say(log, SLUICE_LOG_WARNING,
		"--no-sandbox: whoever takes over this process can run programs, read and write every file "
		"of user %u "
		"and reach every host; leave it out when you have found what you look for",
		(unsigned)geteuid());
}

/* "A, B, C", cut where it gets long. */
static void
list(char *to, size_t size, const struct sandbox_paths *paths)
{
	size_t used = 0;

	snprintf(to, size, "none but the resolver's");
	for (size_t i = 0; i < paths->n && used < size; i++)
		used += (size_t)snprintf(to + used, size - used, "%s%s", i ? ", " : "", paths->text[i]);
}

static void
say_held(const struct log *log, int held, const char *missing, const char *files)
{
	if (held)
		log_say(log, SLUICE_LOG_INFO, "confined:%s%s%s%s%s",
			held & SLUICE_CONFINED_PRIVILEGES ? " no privileges," : "",
			held & SLUICE_CONFINED_CALLS ? " no system calls but a gateway's," : "",
			held & SLUICE_CONFINED_VIEW ? " a root of its own," : "",
			held & SLUICE_CONFINED_FILES ? " files that can be read: " : " all files of its user",
			held & SLUICE_CONFINED_FILES ? files : "");
	if (missing[0])
		log_say(log, SLUICE_LOG_WARNING, "not all of the sandbox can be had: %s", missing);
}

/* --- what stays ------------------------------------------------------------------------------------ */

/* Beside a gateway's: run waits for its helper, stops with it, and gives the terminal back; a starter's streams are closed. */
static const char *const calls_of_run[] = {"wait4",   "waitid",  "kill",   "ioctl",
					   "getpgid", "getpgrp", "getpid", NULL};
/* A replay's gateway is made inside, and with it a host of the kernel's that only writes OUT; and its CA, if that has a folder. */
static const char *const calls_of_replay[] = {"epoll_create1", "eventfd2", NULL};
static const char *const calls_of_replay_with_ca[] = {"epoll_create1", "eventfd2", "flock", "uname", NULL};
static const char *const calls_of_serve[] = {"dup2", "dup3", NULL};

/* What it will be asked for by: folders, and names on the way to which there may be links. */
struct kept {
	struct sandbox_paths read, names, write, remove;
};

static void
add_file(void *ctx, const char *path)
{
	struct kept *k = ctx;

	sandbox_paths_add_file(&k->read, &k->names, path);
}

/*
 * What a starter left open is for the gateway only where it was named: its other end may be anything, and a folder leads out of
 * whatever this process may see, as upwards from there is all of the host.  Whatever this program opens itself is close-on-exec.
 */
static bool
is_left_over(int fd, int link)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFD);

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	return fd > STDERR_FILENO && fd != link && flags >= 0 && !(flags & FD_CLOEXEC);
}

/* The standard streams stay, but for one that is a folder: that becomes nothing. */
static void
close_left_over(int link)
{
	DIR *d = opendir("/proc/self/fd");
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || fd == dirfd(d) || !is_left_over(fd, link))
			continue;
		if (fd > STDERR_FILENO || nothing < 0)
			close(fd);
		else
			dup2(nothing, fd);
	}
	if (d)
		closedir(d);
	if (nothing >= 0)
		close(nothing);
}

/* k goes. */
static int
confine(struct sluice *s, const struct options *o, struct sluice_confine *c, struct kept *k,
	const struct log *log, struct failure *f)
{
	struct failure why = {.text = ""};
	char files[512] = "";
	int held = -1;

	list(files, sizeof(files), &k->read);
	sandbox_paths_append(&k->read, &k->names);
	bool memory = !k->read.failed && !k->write.failed && !k->remove.failed;
	if (memory) {
		c->read = (const char *const *)k->read.text;
		c->write = (const char *const *)k->write.text;
		c->remove = (const char *const *)k->remove.text;
		close_left_over(o->link.kind == LINK_FD || o->link.kind == LINK_VHOST_USER_FD ? o->link.fd
											      : -1);
		held = sluice_confine(s, c, why.text, sizeof(why.text));
	}
	sandbox_paths_free(&k->read);
	sandbox_paths_free(&k->names);
	sandbox_paths_free(&k->write);
	sandbox_paths_free(&k->remove);
	if (held < 0)
		return failed(f, "the sandbox cannot be made: %s; --no-sandbox goes without it",
			      memory ? why.text : "no memory");
	say_held(log, held, why.text, files);
	return 0;
}

int
sandbox_enter(struct sluice *s, const struct options *o, const struct log *log, struct failure *f)
{
	struct kept kept = {.read = {0}};
	struct sluice_confine c;
	int error = 0;

	if (o->no_sandbox) {
		say_lost(log);
		return 0;
	}
	sandbox_catch_forbidden_calls();
	if (o->verb == VERB_RUN)
		error = sandbox_narrow_calls();
	if (error)
		return failed(f, "the sandbox cannot be made: %s; --no-sandbox goes without it",
			      strerror(-error));
	if (o->reloads) {
		sandbox_each_file(o, add_file, &kept);
		/* Rules about requests that come with a reload need what the system trusts. */
		if (trust_list())
			add_file(&kept, trust_list());
	}
	if (o->pid_file)
		sandbox_paths_add(&kept.remove, o->pid_file);
	if (o->verb == VERB_SERVE && o->link.path)
		sandbox_paths_add(&kept.remove, o->link.path);
	sluice_confine_init(&c);
	c.ways = o->way.device4 || o->way.device6;
	c.calls = o->verb == VERB_RUN ? calls_of_run : calls_of_serve;
	return confine(s, o, &c, &kept, log, f);
}

/* --- replay ---------------------------------------------------------------------------------------- */

/* What can be named to the kernel has to be there.  A capture that is not there is the library's to say, before it writes. */
static int
make_outputs(const struct options *o, struct failure *f)
{
	if (access(o->replay_in, R_OK) < 0)
		return 0;
	int fd = open(o->replay_out, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return failed(f, "cannot write %s: %s", o->replay_out, strerror(errno));
	close(fd);
	if (o->config.ca_dir && mkdir(o->config.ca_dir, 0700) < 0 && errno != EEXIST)
		return failed(f, "cannot make %s: %s", o->config.ca_dir, strerror(errno));
	return 0;
}

int
sandbox_enter_replay(const struct options *o, const struct log *log, struct failure *f)
{
	struct kept kept = {.read = {0}};
	struct sluice_confine c;

	if (o->no_sandbox) {
		say_lost(log);
		return 0;
	}
	if (make_outputs(o, f) < 0)
		return -1;
	sandbox_each_file(o, add_file, &kept);
	if (trust_list())
		add_file(&kept, trust_list());
	sandbox_paths_add(&kept.read, o->replay_in);
	sandbox_paths_add(&kept.write, o->replay_out);
	if (o->config.ca_dir)
		sandbox_paths_add(&kept.write, o->config.ca_dir);
	sluice_confine_init(&c);
	c.calls = o->config.ca_dir ? calls_of_replay_with_ca : calls_of_replay;
	sandbox_catch_forbidden_calls();
	return confine(NULL, o, &c, &kept, log, f);
}

/* --- reload ---------------------------------------------------------------------------------------- */

/* Is it a folder that is there to be read?  Then so is what is in it, for all that the sandbox does. */
static bool
folder_is_open(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= sizeof(folder))
		return true;
	memcpy(folder, path, len);
	folder[len] = '\0';
	int fd = open(len ? folder : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
explain_file(void *ctx, const char *path)
{
	const struct log *log = ctx;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool hidden = fd < 0 && (errno == EACCES || errno == ENOENT);

	if (fd >= 0)
		close(fd);
	if (hidden && !folder_is_open(path))
		log_say(log, SLUICE_LOG_ERROR,
			"%s: the sandbox has no room for it: only files that were named at the start, and "
			"what is beside them, can be read; start sluice again to read this one",
			path);
}

void
sandbox_explain(const struct options *o, const struct log *log)
{
	union {
		const struct log *in;
		void *out;
	} ctx = {log};

	if (!o->no_sandbox)
		sandbox_each_file(o, explain_file, ctx.out);
}
