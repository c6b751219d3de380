/*
 * boot.h - what a kernel finds when it starts: command line, initramfs, memory map, and its first registers
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include "vmm/image.h"

/* The processor at the kernel's entry. */
struct boot_cpu {
	bool long_mode; /* 64-bit with paging from cr3; else 32-bit, flat, without */
	uint64_t rip, rsp, rbx, rsi, cr3;
};

/*
 * Put the initramfs, the command line and the boot information around a kernel that image_load() has placed.
 * initrd without bytes: there is none.  rsdp: where acpi_write() put its root.
 */
int boot_prepare(const struct memory *m, const struct image *img, const struct file *initrd,
		 const char *cmdline, uint64_t rsdp, struct boot_cpu *cpu, struct why *why);

#endif
