/*
 * confine_shown.h - which names of the host a confined thread still sees: a tree of them
 *
 * A path that is named becomes the folders on the way to it, the links among them, and itself.  Of a folder on the way only
 * the names in the tree are shown; of one that is named, all.
 */
#ifndef PROXY_CONFINE_SHOWN_H
#define PROXY_CONFINE_SHOWN_H

#include <stdbool.h>

struct shown {
	struct shown *parent, *child, *next;
	char *link; /* a symbolic link's text; NULL: it is none */
	bool whole; /* a file, or a folder with all that is and will be beneath it */
	bool write; /* files in it may be written or removed; of a file: it may be written */
	/* Names in it are looked up in the folder that is there now, so that one which is replaced is followed. */
	bool live;
	bool folder;
	char name[]; /* "": the root */
};

/* For what a path is shown. */
enum shown_for { SHOWN_READ, SHOWN_WRITE, SHOWN_REMOVE };

struct shown *shown_new(void);
void shown_free(struct shown *root);

/* Adds a path; relative: beneath the working directory.  0 or -errno: -ENOENT, and the way to it is in the tree as far as it goes. */
int shown_add(struct shown *root, const char *path, enum shown_for what);
/*
 * Adds a file of the host's that is looked at and followed where it is, but whose way is taken to stay: links on it as they are now,
 * of the folders nothing else.  It need not be there.
 */
int shown_add_followed(struct shown *root, const char *path);

/* The name's own node in a folder's; NULL: it is not shown. */
const struct shown *shown_find(const struct shown *folder, const char *name);

#endif
