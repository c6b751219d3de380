/*
 * file.c - a whole file in memory
 *
 * Read, not mapped: a mapped file that somebody cuts short kills its reader.
 */
#include "vmm/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536u

/* What to begin with: its size and one byte more, with which the end is seen. */
static size_t
first_size(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0)
		return CHUNK;
	return (uint64_t)st.st_size < SIZE_MAX / 4 ? (size_t)st.st_size + 1 : CHUNK;
}

/* 0, or a positive errno; EFBIG: more than max. */
static int
read_all(struct file *f, int fd, uint64_t max)
{
	size_t room = 0, want = first_size(fd);

	for (;;) {
		if (f->size > max)
			return EFBIG;
		if (f->size == room) {
			uint64_t bound = max + 1; /* one more, to see that it is too much */
			room = room ? 2 * room : want;
			room = room > bound ? (size_t)bound : room;
			uint8_t *bytes = realloc(f->bytes, room);
			if (!bytes)
				return ENOMEM;
			f->bytes = bytes;
		}
		ssize_t n = read(fd, f->bytes + f->size, room - f->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : 0;
		f->size += (size_t)n;
	}
}

int
file_read(struct file *f, const char *option, const char *path, uint64_t max, struct why *why)
{
	*f = (struct file){.path = path};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 ? errno : read_all(f, fd, max);

	if (fd >= 0)
		close(fd);
	if (error == 0)
		return 0;
	file_free(f);
	if (error == EFBIG)
		return because(
		    why, "%s %s: larger than the guest's memory below 4 GiB, %llu MiB; give more with --ram",
		    option, path, (unsigned long long)(max >> 20));
	if (error == EISDIR)
		return because(why, "%s %s: this is a folder; name the file in it", option, path);
	return because(why, "%s %s: %s; name a file that can be read", option, path, strerror(error));
}

void
file_free(struct file *f)
{
	free(f->bytes);
	f->bytes = NULL;
	f->size = 0;
}
