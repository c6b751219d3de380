/*
 * vhost_user_memory.c - a VMM's memory, mapped from the files it shares
 *
 *	file   |........|=========== region ===========|......|
 *	       0     offset                     offset + size  st_size
 *	map        |~~~~|==============================|~~|		whole pages, of the file's own size
 */
#include "link/vhost_user_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(VHOST_USER_REGIONS <= GUEST_REGIONS, "every table fits the queues'");

#define PAGE_MAX (UINT64_C(1) << 30)

static bool
overlap(uint64_t a, uint64_t b, uint64_t a_size, uint64_t b_size)
{
	return a < b ? b - a < a_size : a - b < b_size;
}

/* Numbers alone: what no file could make right. */
static bool
judge(const struct vhost_user_memory *m, const struct vhost_user_region *r, char *why, size_t size)
{
	if (m->n == VHOST_USER_REGIONS) {
		snprintf(why, size, "it shares more than %u regions of memory", VHOST_USER_REGIONS);
		return false;
	}
	/* Its end exists in each of the three address spaces. */
	if (r->size == 0 || r->size > UINT64_MAX - r->guest || r->size > UINT64_MAX - r->user ||
	    r->offset > INT64_MAX || r->size > (uint64_t)INT64_MAX - r->offset) {
		snprintf(why, size, "its memory at 0x%" PRIx64 " has an impossible size, 0x%" PRIx64,
			 r->guest, r->size);
		return false;
	}
	for (uint32_t i = 0; i < m->n; i++) {
		const struct vhost_user_region *o = &m->at[i].region;

		if (overlap(o->guest, r->guest, o->size, r->size) ||
		    overlap(o->user, r->user, o->size, r->size)) {
			snprintf(why, size, "its memory at 0x%" PRIx64 " and at 0x%" PRIx64 " overlap",
				 o->guest, r->guest);
			return false;
		}
	}
	return true;
}

/* What an offset must be a multiple of: huge pages name their size as the file's block size. */
static uint64_t
page_of(const struct stat *st)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), block = (uint64_t)st->st_blksize;

	if (block > page && block <= PAGE_MAX && (block & (block - 1)) == 0)
		return block;
	return page;
}

static bool
map(struct vhost_user_mapping *m, int fd, uint64_t page, char *why, size_t size)
{
	const struct vhost_user_region *r = &m->region;
	uint64_t start = r->offset & ~(page - 1);
	uint64_t end = (r->offset + r->size + page - 1) & ~(page - 1);

	m->map_len = (size_t)(end - start);
	m->map = mmap(NULL, m->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)start);
	if (m->map == MAP_FAILED) {
		snprintf(why, size, "its memory at 0x%" PRIx64 " (0x%" PRIx64 " bytes) cannot be mapped: %s",
			 r->guest, r->size, strerror(errno));
		return false;
	}
	madvise(m->map, m->map_len, MADV_DONTDUMP); /* the guest's secrets are not ours to dump */
	m->base = (uint8_t *)m->map + (r->offset - start);
	return true;
}

bool
vhost_user_memory_add(struct vhost_user_memory *m, const struct vhost_user_region *r, int fd, bool *shrinks,
		      char *why, size_t size)
{
	struct vhost_user_mapping new = {.region = *r};
	struct stat st;

	if (!judge(m, r, why, size))
		return false;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		snprintf(why, size, "its memory at 0x%" PRIx64 " is not a file", r->guest);
		return false;
	}
	if (r->offset + r->size > (uint64_t)st.st_size) {
		snprintf(why, size,
			 "its memory at 0x%" PRIx64 " ends at byte 0x%" PRIx64 " of a file of 0x%" PRIx64,
			 r->guest, r->offset + r->size, (uint64_t)st.st_size);
		return false;
	}
	int seals = fcntl(fd, F_GET_SEALS);
	if (!map(&new, fd, page_of(&st), why, size))
		return false;
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		*shrinks = true;
	m->at[m->n++] = new;
	return true;
}

bool
vhost_user_memory_take(struct vhost_user_memory *m, const struct vhost_user_region *r,
		       struct vhost_user_mapping *out)
{
	for (uint32_t i = 0; i < m->n; i++) {
		const struct vhost_user_region *o = &m->at[i].region;

		if (o->guest != r->guest || o->user != r->user || o->size != r->size)
			continue;
		*out = m->at[i];
		m->n--;
		memmove(&m->at[i], &m->at[i + 1], (m->n - i) * sizeof(m->at[0]));
		return true;
	}
	return false;
}

void
vhost_user_unmap(const struct vhost_user_mapping *m)
{
	munmap(m->map, m->map_len);
}

void
vhost_user_memory_clear(struct vhost_user_memory *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		vhost_user_unmap(&m->at[i]);
	m->n = 0;
}

size_t
vhost_user_memory_guest(const struct vhost_user_memory *m, struct guest_region *out)
{
	for (uint32_t i = 0; i < m->n; i++)
		out[i] = (struct guest_region){
		    .gpa = m->at[i].region.guest, .size = m->at[i].region.size, .base = m->at[i].base};
	return m->n;
}

bool
vhost_user_memory_translate(const struct vhost_user_memory *m, uint64_t user, uint64_t len, uint64_t *guest)
{
	for (uint32_t i = 0; i < m->n; i++) {
		const struct vhost_user_region *r = &m->at[i].region;

		if (user < r->user || user - r->user >= r->size)
			continue;
		*guest = r->guest + (user - r->user);
		return len <= r->size - (user - r->user);
	}
	return false;
}
