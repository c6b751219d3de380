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
 * at all.  Of a folder on the way so many other names are covered.  0 or -errno: *turned says whether the root is no more what it was.
 */
int mounts_make(const struct shown *shown, unsigned covers_max, bool *turned);

#endif
