/*
 * boot.c - what a kernel finds when it starts
 *
 * A bzImage is entered as Documentation/x86/boot.rst's 64-bit protocol says: rsi points to the zero page, memory
 * is mapped one to one.  An ELF kernel is entered as Xen's PVH ABI says (xen/include/public/arch-x86/hvm/start_info.h):
 * ebx points to the start info, no paging.
 */
#include "vmm/boot.h"

#include <string.h>

#include "vmm/layout.h"

#define LOADER_UNKNOWN 0xff /* hdr.type_of_loader of one that has no number */
#define START_MAGIC 0x336ec578u
#define E820_RAM 1
#define E820_RESERVED 2
#define MAP_MAX 4

#define PAGE_PRESENT_WRITE 0x3u
#define PAGE_LARGE 0x80u

/* --- the memory map -------------------------------------------------------------------------------- */

static uint8_t
memory_map(const struct memory *m, struct boot_e820_entry map[MAP_MAX])
{
	uint8_t n = 0;

	map[n++] = (struct boot_e820_entry){0, LOW_END, E820_RAM};
	map[n++] = (struct boot_e820_entry){ACPI_AT, ACPI_SIZE, E820_RESERVED};
	map[n++] = (struct boot_e820_entry){KERNEL_MIN, m->low - KERNEL_MIN, E820_RAM};
	if (m->high)
		map[n++] = (struct boot_e820_entry){HOLE_END, m->high, E820_RAM};
	return n;
}

/* The segments that the processor begins with (kvm.c): code at 0x10, data at 0x18. */
static void
descriptor_table(const struct memory *m, bool long_mode)
{
	const uint64_t gdt[GDT_SIZE / 8] = {
	    [2] = long_mode ? 0x00af9b000000ffff : 0x00cf9b000000ffff,
	    [3] = 0x00cf93000000ffff,
	};

	memcpy(memory_at(m, GDT_AT, sizeof(gdt)), gdt, sizeof(gdt));
}

/* --- a bzImage ------------------------------------------------------------------------------------- */

/* The first 4 GiB one to one, in pages of 2 MiB. */
static void
page_tables(const struct memory *m)
{
	uint64_t *pml4 = memory_at(m, PAGE_TABLES_AT, UINT64_C(6) * MEMORY_PAGE);
	uint64_t *pdpt = pml4 + 512, *pd = pdpt + 512;

	pml4[0] = (PAGE_TABLES_AT + MEMORY_PAGE) | PAGE_PRESENT_WRITE;
	for (uint64_t i = 0; i < 4; i++)
		pdpt[i] = (PAGE_TABLES_AT + (2 + i) * MEMORY_PAGE) | PAGE_PRESENT_WRITE;
	for (uint64_t i = 0; i < UINT64_C(4) * 512; i++)
		pd[i] = i << 21 | PAGE_LARGE | PAGE_PRESENT_WRITE;
}

static void
zero_page(const struct memory *m, const struct image *img, uint64_t initrd, uint32_t initrd_size,
	  uint64_t rsdp)
{
	struct boot_params *zp = memory_at(m, ZERO_PAGE_AT, sizeof(*zp));

	*zp = (struct boot_params){.hdr = img->setup, .acpi_rsdp_addr = rsdp};
	zp->hdr.type_of_loader = LOADER_UNKNOWN;
	zp->hdr.cmd_line_ptr = CMDLINE_AT;
	zp->hdr.ramdisk_image = (uint32_t)initrd;
	zp->hdr.ramdisk_size = initrd_size;
	zp->e820_entries = memory_map(m, zp->e820_table);
}

/* --- an ELF kernel --------------------------------------------------------------------------------- */

struct start_module {
	uint64_t at, size, cmdline, reserved;
};

struct start_map {
	uint64_t at, size;
	uint32_t type, reserved;
};

struct start_info {
	uint32_t magic, version, flags, nmodules;
	uint64_t modules, cmdline, rsdp, map;
	uint32_t nmap, reserved;
	/* Here the addresses above lead to. */
	struct start_module module;
	struct start_map entry[MAP_MAX];
};

static void
start_info(const struct memory *m, uint64_t initrd, uint32_t initrd_size, uint64_t rsdp)
{
	struct start_info *s = memory_at(m, START_INFO_AT, sizeof(*s));
	struct boot_e820_entry map[MAP_MAX];

	*s = (struct start_info){
	    .magic = START_MAGIC,
	    .version = 1,
	    .nmodules = initrd_size ? 1 : 0,
	    .modules = START_INFO_AT + offsetof(struct start_info, module),
	    .cmdline = CMDLINE_AT,
	    .rsdp = rsdp,
	    .map = START_INFO_AT + offsetof(struct start_info, entry),
	    .nmap = memory_map(m, map),
	    .module = {.at = initrd, .size = initrd_size},
	};
	for (uint32_t i = 0; i < s->nmap; i++)
		s->entry[i] = (struct start_map){.at = map[i].addr, .size = map[i].size, .type = map[i].type};
}

/* --- both ------------------------------------------------------------------------------------------ */

/* As high as it may be, so that the kernel has its neighbourhood to itself.  Below 4 GiB: its address fits 32 bits. */
static int
place_initrd(const struct memory *m, const struct image *img, const struct file *initrd, uint64_t *at,
	     struct why *why)
{
	uint64_t top = img->initrd_max < m->low ? img->initrd_max + 1 : m->low;

	*at = 0;
	if (initrd->size == 0)
		return 0;
	if (top < initrd->size || (*at = (top - initrd->size) & ~(uint64_t)(MEMORY_PAGE - 1)) < img->end)
		return because(
		    why,
		    "--initrd %s: its %llu MiB do not fit into the guest's memory behind the kernel; "
		    "give more with --ram",
		    initrd->path, (unsigned long long)((initrd->size + (1 << 20) - 1) >> 20));
	memcpy(memory_at(m, *at, initrd->size), initrd->bytes, initrd->size);
	return 0;
}

int
boot_prepare(const struct memory *m, const struct image *img, const struct file *initrd, const char *cmdline,
	     uint64_t rsdp, struct boot_cpu *cpu, struct why *why)
{
	size_t len = strlen(cmdline);
	uint64_t at;

	if (len > img->cmdline_max || len >= CMDLINE_MAX)
		return because(why,
			       "--append: the command line has %zu bytes, this kernel takes %u; shorten it",
			       len, img->cmdline_max);
	if (place_initrd(m, img, initrd, &at, why) < 0)
		return -1;
	memcpy(memory_at(m, CMDLINE_AT, CMDLINE_MAX), cmdline, len + 1);
	descriptor_table(m, !img->pvh);

	if (img->pvh) {
		start_info(m, at, (uint32_t)initrd->size, rsdp);
		*cpu = (struct boot_cpu){.rip = img->entry, .rbx = START_INFO_AT};
		return 0;
	}
	page_tables(m);
	zero_page(m, img, at, (uint32_t)initrd->size, rsdp);
	*cpu = (struct boot_cpu){
	    .long_mode = true,
	    .rip = img->entry,
	    .rsp = BOOT_STACK_AT,
	    .rsi = ZERO_PAGE_AT,
	    .cr3 = PAGE_TABLES_AT,
	};
	return 0;
}
