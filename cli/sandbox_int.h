/*
 * sandbox_int.h - inside the sandbox's own files
 */
#ifndef CLI_SANDBOX_INT_H
#define CLI_SANDBOX_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"

/* A list of paths as sluice_confine() takes it: owned texts, and NULL behind the last. */
struct sandbox_paths {
	char **text; /* NULL: none */
	size_t n;
	bool failed; /* there was no memory for all of them */
};
void sandbox_paths_free(struct sandbox_paths *p);

/* What is there, once. */
void sandbox_paths_add(struct sandbox_paths *p, const char *path);
void sandbox_paths_append(struct sandbox_paths *p, const struct sandbox_paths *more);

/*
 * Where this file is found now and will be after it was replaced by rename(2), as editors do: its folder, and that of what it is
 * a link to.  But the file alone where the folder holds what is none of ours: /etc, a home, /tmp.  `names` gets the path as it is
 * written: there may be links on the way.
 */
void sandbox_paths_add_file(struct sandbox_paths *p, struct sandbox_paths *names, const char *path);

/* Every file that these options name. */
void sandbox_each_file(const struct options *o, void (*told)(void *ctx, const char *path), void *ctx);

/* A call that is not allowed is said before the process dies of it. */
void sandbox_catch_forbidden_calls(void);

#endif
