/*
 * fuzz_image.c - any bytes as a kernel of the VMM
 *
 * The first byte chooses how much memory there is.  Whatever the file says, nothing outside of it is read, nothing
 * outside of guest memory or below 1 MiB is written, and what is accepted fits: the entry lies inside the kernel, and
 * the boot information beside it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot.h"
#include "vmm/layout.h"

#define MIB (UINT64_C(1) << 20)
#define GUARD 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The byte below 1 MiB, and those behind the memory, that nobody may write. */
static void
check_guards(const uint8_t *base, uint64_t ram)
{
	assert(base[KERNEL_MIN - 1] == 0x5a);
	for (uint32_t i = 0; i < GUARD; i++)
		assert(base[ram + i] == 0x5a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *base;
	static const size_t most = 18 * MIB;
	struct why why = {.text = ""};
	struct image img;
	struct boot_cpu cpu;

	if (!base && !(base = malloc(most + GUARD)))
		abort();
	if (size == 0)
		return 0;
	/* 2 MiB, or enough for kernels that want to be at 16. */
	struct memory m = {.base = base, .low = data[0] & 1 ? most : 2 * MIB};
	base[KERNEL_MIN - 1] = 0x5a;
	memset(base + m.low, 0x5a, GUARD);

	uint8_t *exact = malloc(size);
	if (!exact)
		abort();
	memcpy(exact, data + 1, size - 1);
	struct file kernel = {.path = "k", .bytes = exact, .size = size - 1};
	bool good = image_load(&img, &kernel, &m, &why) == 0;
	check_guards(base, m.low);
	assert(good == (why.text[0] == '\0'));
	if (good) {
		assert(img.entry >= KERNEL_MIN && img.entry < img.end && img.end <= m.low);
		struct file initrd = {.path = "i", .bytes = exact, .size = size - 1};
		why.text[0] = '\0';
		good = boot_prepare(&m, &img, &initrd, "console=ttyS0", ACPI_AT, &cpu, &why) == 0;
		check_guards(base, m.low);
		assert(good == (why.text[0] == '\0'));
		assert(!good || (cpu.rip == img.entry && cpu.long_mode == !img.pvh));
	}
	free(exact);
	return 0;
}
