/*
 * file.h - a whole file in memory: a kernel, an initramfs
 */
#ifndef VMM_FILE_H
#define VMM_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/why.h"

struct file {
	const char *path; /* borrowed; for sentences */
	uint8_t *bytes;
	size_t size;
};

/*
 * Read all of it; a pipe is fine.  More than max bytes is refused, as what the guest's memory cannot hold.
 * `option` is how the path was given, for the sentence.
 */
int file_read(struct file *f, const char *option, const char *path, uint64_t max, struct why *why);
void file_free(struct file *f);

#endif
