/*
 * sandbox_paths.c - which files a confined gateway may still read
 *
 * The kernel is told of files and folders that are there (landlock(7)): a rule for a file is lost with the file, so that one
 * which an editor has replaced would be out of reach.  A rule for its folder is not, but opens all beneath it.  So it is
 * the folder, unless that is one in which the whole machine, or a person, keeps everything: /etc has the host's
 * keys, a home has its user's.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/sandbox_int.h"

/* --- the list -------------------------------------------------------------------------------------- */

void
sandbox_paths_free(struct sandbox_paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->text[i]);
	free(p->text);
	*p = (struct sandbox_paths){0};
}

/* Takes `path`, which is malloc()ed. */
static void
keep(struct sandbox_paths *p, char *path)
{
	char **more;

	for (size_t i = 0; path && i < p->n; i++)
		if (strcmp(p->text[i], path) == 0) {
			free(path);
			return;
		}
	more = path ? realloc(p->text, (p->n + 2) * sizeof(*more)) : NULL;
	if (!more) {
		free(path);
		p->failed = true;
		return;
	}
	p->text = more;
	more[p->n++] = path;
	more[p->n] = NULL;
}

void
sandbox_paths_add(struct sandbox_paths *p, const char *path)
{
	if (access(path, F_OK) == 0)
		keep(p, strdup(path));
}

void
sandbox_paths_append(struct sandbox_paths *p, const struct sandbox_paths *more)
{
	for (size_t i = 0; i < more->n; i++)
		keep(p, strdup(more->text[i]));
	p->failed |= more->failed;
}

/* --- folders --------------------------------------------------------------------------------------- */

/* Beneath it lies more than what was put there for us; path is absolute and real. */
static bool
is_everybodys(const char *path)
{
	static const char *const places[] = {
	    "/dev/shm", "/run/user", "/usr/local", "/usr/local/etc", "/usr/share",
	    "/usr/lib", "/var/lib",  "/var/run",   "/var/tmp",
	};
	const char *home = getenv("HOME");
	const char *last = strrchr(path, '/');

	if (last == path || strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0)
		return true;
	if ((home && strcmp(path, home) == 0) || (last - path == 5 && strncmp(path, "/home", 5) == 0))
		return true;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strcmp(path, places[i]) == 0)
			return true;
	return false;
}

/* The folder's real path, malloc()ed; NULL: it is not there. */
static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= sizeof(folder))
		return NULL;
	memcpy(folder, path, len);
	folder[len] = '\0';
	return realpath(len ? folder : slash ? "/" : ".", NULL);
}

static void
add_file_or_folder(struct sandbox_paths *p, const char *path)
{
	char *folder = folder_of(path);

	if (folder && !is_everybodys(folder)) {
		keep(p, folder);
		return;
	}
	sandbox_paths_add(p, path);
	free(folder);
}

void
sandbox_paths_add_file(struct sandbox_paths *p, struct sandbox_paths *names, const char *path)
{
	char *target = realpath(path, NULL);

	/* By the name it will be asked for, too: the way there is kept. */
	sandbox_paths_add(names, path);
	add_file_or_folder(p, path);
	if (target)
		add_file_or_folder(p, target);
	free(target);
}

/* --- files ----------------------------------------------------------------------------------------- */

void
sandbox_each_file(const struct options *o, void (*told)(void *ctx, const char *path), void *ctx)
{
	if (o->config_file)
		told(ctx, o->config_file);
	if (o->gateway)
		sluice_options_files(o->gateway, told, ctx);
	if (o->file)
		sluice_options_files(o->file, told, ctx);
}
