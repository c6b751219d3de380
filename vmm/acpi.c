/*
 * acpi.c - the tables that tell the guest what hardware there is (ACPI 6.4)
 *
 *	RSDP ── XSDT ─┬─ FADT ── DSDT: the devices, in AML
 *	              └─ MADT: the interrupt controllers
 *
 * With hardware-reduced ACPI there is no legacy interrupt controller: what is not in the DSDT has no interrupt, the
 * serial port included.  virtio_mmio.device= on the command line is no alternative, as distributions build their
 * kernels without it.
 */
#include "vmm/acpi.h"

#include <stdbool.h>
#include <string.h>

#include "vmm/layout.h"

#define HEADER 36u /* of every table but the RSDP */
#define FADT_SIZE 276u
#define RSDP_SIZE 36u
#define GENERIC_PORT 0x01000801u /* the head of a generic address (5.2.3.2): 8 bits of an I/O port */

struct out {
	uint8_t *to;
	size_t size, len;
	bool full;
};

static void
put(struct out *o, const void *bytes, size_t n)
{
	if (o->full || n > o->size - o->len) {
		o->full = true;
		return;
	}
	memcpy(o->to + o->len, bytes, n);
	o->len += n;
}

/* n bytes of a number, low byte first. */
static void
number(struct out *o, uint64_t v, size_t n)
{
	for (; n > 0; n--, v >>= 8)
		put(o, &(uint8_t){(uint8_t)v}, 1);
}

static void
text(struct out *o, const char *s)
{
	put(o, s, strlen(s));
}

/* --- tables ---------------------------------------------------------------------------------------- */

/* What makes all bytes of a table add up to 0. */
static void
checksum(uint8_t *table, size_t n, size_t at)
{
	uint8_t sum = 0;

	table[at] = 0;
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + table[i]);
	table[at] = (uint8_t)(0u - sum);
}

/* 5.2.6; length and checksum come with table_end(). */
static size_t
table(struct out *o, const char *signature, uint8_t revision)
{
	while (o->len % 16 && !o->full)
		number(o, 0, 1);
	size_t at = o->len;
	text(o, signature);
	number(o, 0, 4);
	number(o, revision, 1);
	number(o, 0, 1);
	text(o, "SLUICE");   /* OEM ID, 6 bytes */
	text(o, "SLUICEVM"); /* OEM table ID, 8 bytes */
	number(o, 1, 4);
	text(o, "SLCE");
	number(o, 1, 4);
	return at;
}

static void
table_end(struct out *o, size_t at)
{
	size_t n = o->len - at;

	if (o->full)
		return;
	for (size_t i = 0; i < 4; i++)
		o->to[at + 4 + i] = (uint8_t)(n >> 8 * i);
	checksum(o->to + at, n, 9);
}

/* --- AML (section 20.2) ---------------------------------------------------------------------------- */

enum {
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_STRING = 0x0d,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_EXTENDED = 0x5b,
	AML_DEVICE = 0x82,
};

/* A package is what a length stands in front of: two bytes of it, filled in at the end (20.2.4). */
static size_t
package(struct out *o)
{
	size_t at = o->len;

	number(o, 0, 2);
	return at;
}

static void
package_end(struct out *o, size_t at)
{
	size_t n = o->len - at;

	if (o->full)
		return;
	o->to[at] = (uint8_t)(0x40 | (n & 15));
	o->to[at + 1] = (uint8_t)(n >> 4);
}

static void
name(struct out *o, const char *four)
{
	number(o, AML_NAME, 1);
	text(o, four);
}

struct device {
	const char *name, *id;
	uint16_t port, nports; /* nports 0: none */
	uint32_t at, size;     /* memory; size 0: none */
	uint32_t irq;          /* 0: none */
};

/* _CRS: its ports, memory and interrupt (6.4). */
static void
resources(struct out *o, const struct device *d)
{
	name(o, "_CRS");
	number(o, AML_BUFFER, 1);
	size_t buffer = package(o);
	number(o, AML_BYTE, 1);
	size_t size = o->len;
	number(o, 0, 1);
	if (d->nports) { /* I/O port descriptor, 16-bit decode */
		number(o, 0x0147, 2);
		number(o, d->port, 2);
		number(o, d->port, 2);
		number(o, 1, 1);
		number(o, d->nports, 1);
	}
	if (d->size) { /* 32-bit fixed memory, writable */
		number(o, 0x86, 1);
		number(o, 9, 2);
		number(o, 1, 1);
		number(o, d->at, 4);
		number(o, d->size, 4);
	}
	if (d->irq) { /* extended interrupt: consumer, edge, active high, exclusive */
		number(o, 0x89, 1);
		number(o, 6, 2);
		number(o, 3, 1);
		number(o, 1, 1);
		number(o, d->irq, 4);
	}
	number(o, 0x0079, 2);
	if (!o->full)
		o->to[size] = (uint8_t)(o->len - size - 1);
	package_end(o, buffer);
}

static void
device(struct out *o, const struct device *d)
{
	number(o, AML_EXTENDED, 1);
	number(o, AML_DEVICE, 1);
	size_t at = package(o);
	text(o, d->name);
	name(o, "_HID");
	number(o, AML_STRING, 1);
	put(o, d->id, strlen(d->id) + 1);
	name(o, "_UID");
	number(o, 0, 1);
	name(o, "_CCA"); /* its memory accesses are coherent */
	number(o, 1, 1);
	resources(o, d);
	package_end(o, at);
}

static size_t
dsdt(struct out *o)
{
	size_t at = table(o, "DSDT", 2);

	number(o, AML_SCOPE, 1);
	size_t scope = package(o);
	text(o, "\\_SB_");
	device(o, &(struct device){"COM1", "PNP0501", .port = COM1_PORT, .nports = 8, .irq = COM1_IRQ});
	device(o, &(struct device){"VR00", "LNRO0005", .at = NET_AT, .size = NET_SIZE, .irq = NET_IRQ});
	device(o, &(struct device){"PEVT", "QEMU0001", .port = PANIC_PORT, .nports = 1});
	package_end(o, scope);

	/* Power-off is sleep type 5 (7.4.2.6). */
	name(o, "_S5_");
	number(o, AML_PACKAGE, 1);
	size_t s5 = package(o);
	number(o, 4, 1);
	number(o, AML_BYTE, 1);
	number(o, 5, 1);
	number(o, 0, 3);
	package_end(o, s5);
	table_end(o, at);
	return at;
}

/* --- the others ------------------------------------------------------------------------------------ */

/* 5.2.12: a local APIC and the I/O APIC. */
static size_t
madt(struct out *o)
{
	size_t at = table(o, "APIC", 4);

	number(o, LAPIC_AT, 4);
	number(o, 0, 4);
	number(o, 0x0800, 2); /* processor 0 has local APIC 0 and is enabled */
	number(o, 0, 2);
	number(o, 1, 4);
	number(o, 0x0c01, 2); /* I/O APIC 1, its interrupts from 0 on */
	number(o, 1, 2);
	number(o, IOAPIC_AT, 4);
	number(o, 0, 4);
	table_end(o, at);
	return at;
}

/* 5.2.9: all zero but for these. */
static size_t
fadt(struct out *o, uint64_t dsdt_at)
{
	const struct {
		uint16_t offset;
		uint8_t n;
		uint64_t value;
	} field[] = {
	    {109, 2, 0x24},              /* IAPC_BOOT_ARCH: no VGA, no CMOS clock */
	    {112, 4, 1 << 20 | 1 << 10}, /* flags: hardware-reduced, there is a reset register */
	    {116, 4, GENERIC_PORT},      /* the reset register */
	    {120, 8, RESET_PORT},
	    {128, 1, RESET_VALUE},
	    {131, 1, 4}, /* of ACPI 6.4 */
	    {140, 8, dsdt_at},
	    {244, 4, GENERIC_PORT}, /* sleep control register */
	    {248, 8, SLEEP_PORT},
	    {256, 4, GENERIC_PORT}, /* sleep status register */
	    {260, 8, SLEEP_PORT + 1},
	};
	static const uint8_t zeros[FADT_SIZE - HEADER];
	size_t at = table(o, "FACP", 6);

	put(o, zeros, sizeof(zeros));
	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]) && !o->full; i++) {
		struct out there = {.to = o->to + at + field[i].offset, .size = field[i].n};
		number(&there, field[i].value, field[i].n);
	}
	table_end(o, at);
	return at;
}

/* 5.2.5.3. */
static void
rsdp(uint8_t to[RSDP_SIZE], uint64_t xsdt_at)
{
	struct out o = {.to = to, .size = RSDP_SIZE};

	text(&o, "RSD PTR ");
	number(&o, 0, 1);
	text(&o, "SLUICE");
	number(&o, 2, 1);
	number(&o, 0, 4);
	number(&o, RSDP_SIZE, 4);
	number(&o, xsdt_at, 8);
	number(&o, 0, 4);
	checksum(to, 20, 8);
	checksum(to, RSDP_SIZE, 32);
}

uint64_t
acpi_write(uint8_t *to, size_t size, uint64_t at)
{
	struct out o = {.to = to, .size = size, .len = 0};
	static const uint8_t root[RSDP_SIZE];

	put(&o, root, sizeof(root));
	size_t dsdt_at = dsdt(&o);
	size_t fadt_at = fadt(&o, at + dsdt_at);
	size_t madt_at = madt(&o);
	size_t xsdt_at = table(&o, "XSDT", 1);
	number(&o, at + fadt_at, 8);
	number(&o, at + madt_at, 8);
	table_end(&o, xsdt_at);
	if (o.full)
		return 0;
	rsdp(to, at + xsdt_at);
	return at;
}
