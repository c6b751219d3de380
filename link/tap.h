/*
 * tap.h - a Linux tap device with a virtio-net header (kernel Documentation/networking/tuntap.rst)
 *
 * The descriptor comes ready-made: IFF_TAP | IFF_NO_PI | IFF_VNET_HDR set by tap_open() or by a caller who
 * did the same.  Every frame is one readv(2) or writev(2); payload goes from the flow's ring to the kernel
 * with no copy of ours.
 */
#ifndef LINK_TAP_H
#define LINK_TAP_H

#include "link/link.h"

/*
 * Create or attach to the tap `name` in the calling thread's network namespace; *name may be "" or a
 * pattern (TUNSETIFF) and is filled in (IFNAMSIZ bytes).  Returns a nonblocking, close-on-exec descriptor
 * with a 12-byte (virtio 1) header and the offloads set that the kernel has (TUN_F_CSUM, TSO4/6, USO4/6),
 * or -errno.
 */
int tap_open(char *name);

/* The link owns fd from success on.  mtu as configured on the interface.  NULL: *err is the errno. */
struct link *link_tap(struct host *h, int fd, uint32_t mtu, int *err);

/* Forget the descriptor, which stays its giver's: what remains to be done with l is to free it. */
void link_tap_disown(struct link *l);

#endif
