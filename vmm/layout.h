/*
 * layout.h - where things are in the guest: its physical memory, its I/O ports, its interrupts
 *
 *	0x00000500  GDT
 *	0x00006000  PVH start info          (an ELF kernel)
 *	0x00007000  zero page               (a bzImage)
 *	0x00009000  page tables, 6 pages    (a bzImage)
 *	0x00020000  kernel command line
 *	0x0009fc00  end of low memory
 *	0x000e0000  ACPI tables, where a kernel that was not told looks for them
 *	0x00100000  the kernel, then free memory; the initramfs at the far end
 *	0xc0000000  end of memory below 4 GiB; the hole: 0xd0000000 the network card, 0xfec00000 the I/O APIC,
 *	            0xfee00000 the local APIC, 0xfffbc000 four pages that KVM wants on Intel
 *	0x100000000 the rest of the memory
 */
#ifndef VMM_LAYOUT_H
#define VMM_LAYOUT_H

#define GDT_AT 0x500u
#define GDT_SIZE 32u
#define START_INFO_AT 0x6000u
#define ZERO_PAGE_AT 0x7000u
#define BOOT_STACK_AT 0x8ff0u
#define PAGE_TABLES_AT 0x9000u
#define CMDLINE_AT 0x20000u
#define CMDLINE_MAX 0x10000u
#define LOW_END 0x9fc00u
#define ACPI_AT 0xe0000u
#define ACPI_SIZE 0x20000u
#define KERNEL_MIN 0x100000u
#define HOLE_AT 0xc0000000u
#define HOLE_END 0x100000000u

#define NET_AT 0xd0000000u
#define NET_SIZE 0x1000u
#define NET_IRQ 5u
#define IOAPIC_AT 0xfec00000u
#define LAPIC_AT 0xfee00000u
#define IDENTITY_MAP_AT 0xfffbc000u /* KVM_SET_IDENTITY_MAP_ADDR: one page */
#define TSS_AT 0xfffbd000u          /* KVM_SET_TSS_ADDR: three */

#define COM1_PORT 0x3f8u
#define COM1_IRQ 4u
#define RESET_PORT 0x64u /* the keyboard controller's, which is all there is of it */
#define RESET_VALUE 0xfeu
#define PANIC_PORT 0x505u /* QEMU's pvpanic */
#define SLEEP_PORT 0x604u /* ACPI sleep control, and status behind it */

#endif
