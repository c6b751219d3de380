/*
 * confine_view_int.h - inside the part of confinement that is about what can be seen of the host's files
 *
 *	confine_view.c     whether it can be had; the namespaces
 *	confine_shown.c    what is to be seen: a tree of names
 *	confine_mounts.c   the mounts that show it
 */
#ifndef PROXY_CONFINE_VIEW_INT_H
#define PROXY_CONFINE_VIEW_INT_H

#include "proxy/confine_int.h"
#include "proxy/confine_shown.h"

/*
 * In a mount namespace that the calling thread has alone: its root is now one that has what is shown, and nothing else; NULL: nothing
 * at all.  0 or -errno.
 */
int mounts_make(const struct shown *shown);

#endif
