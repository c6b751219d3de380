/*
 * image.h - a Linux kernel from its file into guest memory: a bzImage, or an ELF file with a PVH entry
 *
 * The file is checked as if it were hostile: whatever it says about sizes and places, what is written lies in
 * guest memory above 1 MiB, and what is read in the file.
 */
#ifndef VMM_IMAGE_H
#define VMM_IMAGE_H

#include <asm/bootparam.h>
#include <stdbool.h>

#include "vmm/file.h"
#include "vmm/memory.h"

struct image {
	bool pvh;                  /* entry is 32-bit code as PVH wants it; else 64-bit code of a bzImage */
	uint64_t entry;            /* guest-physical */
	uint64_t end;              /* the kernel needs what is between 1 MiB and here for itself */
	uint64_t initrd_max;       /* the last byte an initramfs may have */
	uint32_t cmdline_max;      /* bytes, without the end */
	struct setup_header setup; /* of a bzImage, for its zero page */
};

int image_load(struct image *img, const struct file *kernel, const struct memory *m, struct why *why);

#endif
