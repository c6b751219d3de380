/*
 * confine_shown.c - paths into the tree of what is shown, link by link as the kernel would go
 */
#include "proxy/confine_shown.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's (path_resolution(7)) */

/* --- nodes ------------------------------------------------------------------------------------------- */

static struct shown *
node_new(struct shown *parent, const char *name)
{
	size_t len = strlen(name);
	struct shown *n = calloc(1, sizeof(*n) + len + 1);

	if (!n)
		return NULL;
	memcpy(n->name, name, len);
	n->parent = parent;
	if (parent) {
		n->next = parent->child;
		parent->child = n;
	}
	return n;
}

struct shown *
shown_new(void)
{
	struct shown *root = node_new(NULL, "");

	if (root)
		root->folder = true;
	return root;
}

void
shown_free(struct shown *root)
{
	while (root) {
		struct shown *next = root->next;

		shown_free(root->child);
		free(root->link);
		free(root);
		root = next;
	}
}

const struct shown *
shown_find(const struct shown *folder, const char *name)
{
	const struct shown *n = folder->child;

	while (n && strcmp(n->name, name) != 0)
		n = n->next;
	return n;
}

static struct shown *
find_or_make(struct shown *folder, const char *name)
{
	struct shown *n = folder->child;

	while (n && strcmp(n->name, name) != 0)
		n = n->next;
	return n ? n : node_new(folder, name);
}

/* --- the way ----------------------------------------------------------------------------------------- */

struct walk {
	struct shown *root, *at;
	struct shown *first; /* the folder of the first link; NULL: there was none */
	bool live;
	char real[PATH_MAX]; /* at's path; "": the root */
	char rest[PATH_MAX]; /* still to go */
	unsigned links;
};

/* The next name of what is left: 1; 0: there is none; -errno. */
static int
next_name(struct walk *w, char name[NAME_MAX + 1])
{
	const char *from = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(from, "/");

	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, from, len);
	name[len] = '\0';
	memmove(w->rest, from + len, strlen(from + len) + 1);
	return len > 0;
}

static void
go_up(struct walk *w)
{
	char *slash = strrchr(w->real, '/');

	if (slash)
		*slash = '\0';
	if (w->at->parent)
		w->at = w->at->parent;
}

/* What is left now begins with a link's text. */
static int
go_on_behind(struct walk *w, struct shown *link)
{
	char text[PATH_MAX], rest[2 * PATH_MAX];
	ssize_t n = readlink(w->real, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (!link->link && !(link->link = strdup(text)))
		return -ENOMEM;
	if (!w->first)
		w->first = w->at;
	if (snprintf(rest, sizeof(rest), "%s/%s", text, w->rest) >= (int)sizeof(w->rest))
		return -ENAMETOOLONG;
	memcpy(w->rest, rest, strlen(rest) + 1);
	*strrchr(w->real, '/') = '\0';
	if (text[0] == '/') {
		w->real[0] = '\0';
		w->at = w->root;
	}
	return 0;
}

/* One name on; *w stays where it was if it is not there. */
static int
step(struct walk *w, const char *name)
{
	size_t len = strlen(w->real);
	struct stat st;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		go_up(w);
		return 0;
	}
	if (len + 1 + strlen(name) >= sizeof(w->real))
		return -ENAMETOOLONG;
	snprintf(w->real + len, sizeof(w->real) - len, "/%s", name);
	if (lstat(w->real, &st) < 0) {
		int error = errno;
		w->real[len] = '\0';
		return -error;
	}
	struct shown *n = find_or_make(w->at, name);
	if (!n)
		return -ENOMEM;
	w->at->live |= w->live;
	if (S_ISLNK(st.st_mode))
		return go_on_behind(w, n);
	n->folder = S_ISDIR(st.st_mode);
	w->at = n;
	return 0;
}

/* To the end of path.  -ENOENT: w->at is the last folder that is there. */
static int
walk(struct walk *w, const char *path)
{
	char name[NAME_MAX + 1];
	int r = 0;

	w->at = w->root;
	w->real[0] = '\0';
	if (path[0] != '/' && !getcwd(w->rest, sizeof(w->rest)))
		return -errno;
	size_t len = path[0] == '/' ? 0 : strlen(w->rest);
	if (snprintf(w->rest + len, sizeof(w->rest) - len, "/%s", path) >= (int)(sizeof(w->rest) - len))
		return -ENAMETOOLONG;
	while (r == 0 && (r = next_name(w, name)) > 0)
		r = step(w, name);
	return r;
}

/* --- adding ------------------------------------------------------------------------------------------ */

int
shown_add(struct shown *root, const char *path, enum shown_for what)
{
	/* What is removed in the end is what was made at the start: of the way to it nothing has to be followed. */
	struct walk w = {.root = root, .live = what != SHOWN_REMOVE};
	int r = walk(&w, path);

	if (r < 0)
		return r;
	w.at->whole = true;
	if (w.at->parent)
		w.at->parent->live = true;
	/* What a link leads to, or the link: whichever unlink(2) will be asked for. */
	if (what == SHOWN_REMOVE && w.first)
		w.first->write = true;
	if (what == SHOWN_REMOVE && !w.at->folder) {
		assert(w.at->parent); /* the root is a folder */
		w.at->parent->write = true;
	} else if (what != SHOWN_READ)
		w.at->write = true;
	return 0;
}

int
shown_add_followed(struct shown *root, const char *path)
{
	struct walk w = {.root = root};
	int r = walk(&w, path);

	/* It may still come: as a file in its folder, or in place of a link that leads nowhere. */
	if (r == -ENOENT && (w.first || !strchr(w.rest, '/'))) {
		(w.first ? w.first : w.at)->live = true;
		return 0;
	}
	if (r < 0)
		return r;
	w.at->whole = true;
	if (w.at->parent)
		w.at->parent->live = true;
	return 0;
}
