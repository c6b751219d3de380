/*
 * vhost_user_memory.h - a VMM's memory, mapped from the files it shares
 *
 * A region counts only if its file is a regular one (a memfd, hugetlbfs, tmpfs) and at least as long as the
 * region says at that moment.  What the VMM does to the file afterwards is in vhost_user.h.
 *
 * Building a table and using it are apart: the new one is made beside the old, handed to the device, and only
 * then is the old one unmapped.
 */
#ifndef LINK_VHOST_USER_MEMORY_H
#define LINK_VHOST_USER_MEMORY_H

#include "link/vhost_user_wire.h"
#include "link/virtq.h"

struct vhost_user_mapping {
	struct vhost_user_region region;
	uint8_t *base; /* of the region */
	void *map;     /* of the pages around it */
	size_t map_len;
};

struct vhost_user_memory {
	uint32_t n;
	struct vhost_user_mapping at[VHOST_USER_REGIONS];
};

/*
 * Map r from fd, which stays the caller's.  *shrinks is set if the file can become shorter (no F_SEAL_SHRINK).
 * False: a sentence in why, and nothing has changed.
 */
bool vhost_user_memory_add(struct vhost_user_memory *m, const struct vhost_user_region *r, int fd,
			   bool *shrinks, char *why, size_t size);
/* Take the region of that guest address, user address and size out of the table; it stays mapped, in *out. */
bool vhost_user_memory_take(struct vhost_user_memory *m, const struct vhost_user_region *r,
			    struct vhost_user_mapping *out);
void vhost_user_unmap(const struct vhost_user_mapping *m);
void vhost_user_memory_clear(struct vhost_user_memory *m); /* unmaps all */

/* The table as the queues know it; out has VHOST_USER_REGIONS places.  Returns how many are used. */
size_t vhost_user_memory_guest(const struct vhost_user_memory *m, struct guest_region *out);

/* Where the front end's [user, user + len) is for the guest; false: not in one region. */
bool vhost_user_memory_translate(const struct vhost_user_memory *m, uint64_t user, uint64_t len,
				 uint64_t *guest);

#endif
