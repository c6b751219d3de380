/*
 * image.c - a Linux kernel from its file into guest memory
 *
 * bzImage: Documentation/x86/boot.rst, protocol 2.12 (Linux 3.8) and later, 64-bit entry.  The real-mode part is
 * skipped; its header says where the rest wants to be and how much room it unpacks itself into.
 *
 * ELF: segments go where their physical addresses say; the entry is a note "Xen", type 18 (XEN_ELFNOTE_PHYS32_ENTRY),
 * which vmlinux has with CONFIG_PVH.  It boots faster, as nothing is unpacked.
 */
#include "vmm/image.h"

#include <elf.h>
#include <string.h>

#include "vmm/layout.h"

#define XEN_NOTE_ENTRY 18
#define SEGMENTS_MAX 64
#define NOTES_MAX 1024
#define PVH_CMDLINE_MAX 2047 /* COMMAND_LINE_SIZE of x86, with its end */
#define PROTOCOL_MIN 0x020c
#define ENTRY_64 0x200 /* boot.rst, "64-bit boot protocol" */

/* Copies len bytes at `at` of the file; false: they are not all there. */
static bool
get(const struct file *f, uint64_t at, void *to, size_t len)
{
	if (at > f->size || len > f->size - at)
		return false;
	memcpy(to, f->bytes + at, len);
	return true;
}

static int
too_large(const struct file *f, uint64_t end, struct why *why)
{
	return because(why, "%s: this kernel needs memory up to %llu MiB; give more with --ram", f->path,
		       (unsigned long long)((end + (1 << 20) - 1) >> 20));
}

static int
cut_short(const struct file *f, struct why *why)
{
	return because(why, "%s: the kernel is cut short; copy it again", f->path);
}

/* --- bzImage --------------------------------------------------------------------------------------- */

static bool
is_bzimage(const struct file *f)
{
	char magic[4];

	return get(f, 0x202, magic, sizeof(magic)) && memcmp(magic, "HdrS", 4) == 0;
}

/* The header ends where its jump instruction at 0x200 leads to. */
static bool
setup_header(const struct file *f, struct setup_header *h)
{
	uint8_t jump;
	const size_t from = offsetof(struct boot_params, hdr);

	*h = (struct setup_header){.setup_sects = 0};
	if (!get(f, 0x201, &jump, 1))
		return false;
	size_t len = 0x202 + (size_t)jump - from;
	return get(f, from, h, len < sizeof(*h) ? len : sizeof(*h));
}

static int
load_bzimage(struct image *img, const struct file *f, const struct memory *m, struct why *why)
{
	struct setup_header *h = &img->setup;

	if (!setup_header(f, h))
		return cut_short(f, why);
	if (h->version < PROTOCOL_MIN || !(h->xloadflags & XLF_KERNEL_64) || !(h->loadflags & LOADED_HIGH))
		return because(why, "%s: not a 64-bit kernel of Linux 3.8 or later; take one for x86-64",
			       f->path);

	uint64_t skip = ((h->setup_sects ? h->setup_sects : 4u) + 1u) * 512u;
	if (f->size < skip + ENTRY_64 + 1)
		return cut_short(f, why);
	uint64_t size = f->size - skip;
	uint64_t room = h->init_size > size ? h->init_size : size;
	if (h->pref_address < KERNEL_MIN || h->pref_address >= HOLE_AT || h->pref_address % MEMORY_PAGE)
		return because(why,
			       "%s: wants to be loaded at 0x%llx, where it cannot be; is the file damaged?",
			       f->path, (unsigned long long)h->pref_address);
	uint8_t *to = memory_at(m, h->pref_address, room);
	if (!to)
		return too_large(f, h->pref_address + room, why);

	memcpy(to, f->bytes + skip, size);
	img->entry = h->pref_address + ENTRY_64;
	img->end = h->pref_address + room;
	img->initrd_max = h->initrd_addr_max;
	img->cmdline_max = h->cmdline_size;
	return 0;
}

/* --- ELF ------------------------------------------------------------------------------------------- */

static bool
is_elf(const struct file *f)
{
	return f->size >= SELFMAG && memcmp(f->bytes, ELFMAG, SELFMAG) == 0;
}

static uint64_t
up4(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

/* The entry among the notes of a segment; 0: it is not there. */
static uint64_t
pvh_entry(const struct file *f, const Elf64_Phdr *ph)
{
	uint64_t at = ph->p_offset, end = at + ph->p_filesz;

	if (end < at || end > f->size)
		return 0;
	/* A note is at least its header, so the count only bounds the time that a file of garbage takes. */
	for (int i = 0; i < NOTES_MAX && at < end; i++) {
		Elf64_Nhdr n;
		char name[4];
		uint64_t entry = 0;

		if (end - at < sizeof(n) || !get(f, at, &n, sizeof(n)))
			return 0;
		uint64_t desc = at + sizeof(n) + up4(n.n_namesz);
		if (n.n_type == XEN_NOTE_ENTRY && n.n_namesz == sizeof(name) &&
		    get(f, at + sizeof(n), name, sizeof(name)) && memcmp(name, "Xen", 4) == 0 &&
		    (n.n_descsz == 4 || n.n_descsz == 8) && get(f, desc, &entry, n.n_descsz))
			return entry;
		at = desc + up4(n.n_descsz);
	}
	return 0;
}

static int
load_segment(struct image *img, const struct file *f, const Elf64_Phdr *ph, const struct memory *m,
	     struct why *why)
{
	if (ph->p_memsz == 0)
		return 0;
	if (ph->p_filesz > ph->p_memsz || ph->p_offset > f->size || ph->p_filesz > f->size - ph->p_offset)
		return cut_short(f, why);
	if (ph->p_paddr < KERNEL_MIN || ph->p_paddr >= HOLE_AT)
		return because(why, "%s: wants to be loaded at 0x%llx, where it cannot be; is it a kernel?",
			       f->path, (unsigned long long)ph->p_paddr);
	uint8_t *to = memory_at(m, ph->p_paddr, ph->p_memsz);
	if (!to)
		return too_large(f, ph->p_paddr + ph->p_memsz, why);
	memcpy(to, f->bytes + ph->p_offset, ph->p_filesz);
	memset(to + ph->p_filesz, 0, ph->p_memsz - ph->p_filesz);
	if (ph->p_paddr + ph->p_memsz > img->end)
		img->end = ph->p_paddr + ph->p_memsz;
	return 0;
}

static int
load_elf(struct image *img, const struct file *f, const struct memory *m, struct why *why)
{
	Elf64_Ehdr e;
	Elf64_Phdr ph;

	if (!get(f, 0, &e, sizeof(e)))
		return cut_short(f, why);
	if (e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_ident[EI_DATA] != ELFDATA2LSB ||
	    e.e_machine != EM_X86_64 || e.e_phentsize != sizeof(ph) || e.e_phnum > SEGMENTS_MAX)
		return because(why,
			       "%s: an ELF file, but not a kernel for x86-64; take its vmlinux or bzImage",
			       f->path);
	img->pvh = true;
	img->initrd_max = HOLE_AT - 1;
	img->cmdline_max = PVH_CMDLINE_MAX;
	for (uint64_t i = 0; i < e.e_phnum; i++) {
		if (e.e_phoff > f->size || !get(f, e.e_phoff + i * sizeof(ph), &ph, sizeof(ph)))
			return cut_short(f, why);
		if (ph.p_type == PT_LOAD && load_segment(img, f, &ph, m, why) < 0)
			return -1;
		if (ph.p_type == PT_NOTE && img->entry == 0)
			img->entry = pvh_entry(f, &ph);
	}
	if (img->entry < KERNEL_MIN || img->entry >= img->end)
		return because(why,
			       "%s: has no PVH entry; take a kernel built with CONFIG_PVH, or its bzImage",
			       f->path);
	return 0;
}

int
image_load(struct image *img, const struct file *kernel, const struct memory *m, struct why *why)
{
	*img = (struct image){.end = KERNEL_MIN};
	if (is_elf(kernel))
		return load_elf(img, kernel, m, why);
	if (is_bzimage(kernel))
		return load_bzimage(img, kernel, m, why);
	return because(why, "%s: not a Linux kernel; name a bzImage (such as /boot/vmlinuz-*) or a vmlinux",
		       kernel->path);
}
