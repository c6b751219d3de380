/*
 * vmm_acpi_test.c - the VMM's ACPI tables, read as a kernel does: from the root, by addresses, checksums verified
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/acpi.h"
#include "vmm/layout.h"

#define SIZE 4096u

static uint8_t area[SIZE];

static uint64_t
number(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static uint8_t
sum(const uint8_t *p, size_t n)
{
	unsigned s = 0;

	while (n-- > 0)
		s += *p++;
	return (uint8_t)s;
}

/* A table whose checksum is right and which lies in the area. */
static const uint8_t *
table(uint64_t at, const char *signature)
{
	assert_in_range(at, ACPI_AT, ACPI_AT + SIZE - 36);
	const uint8_t *t = area + (at - ACPI_AT);
	uint64_t n = number(t + 4, 4);
	assert_in_range(n, 36, ACPI_AT + SIZE - at);
	assert_memory_equal(t, signature, 4);
	assert_int_equal(sum(t, n), 0);
	return t;
}

static void
every_table_is_found_from_the_root(void **state)
{
	(void)state;
	assert_int_equal(acpi_write(area, SIZE, ACPI_AT), ACPI_AT);
	assert_memory_equal(area, "RSD PTR ", 8);
	assert_int_equal(sum(area, 20), 0);
	assert_int_equal(sum(area, 36), 0);

	const uint8_t *xsdt = table(number(area + 24, 8), "XSDT");
	assert_int_equal(number(xsdt + 4, 4), 36 + 2 * 8);
	const uint8_t *fadt = table(number(xsdt + 36, 8), "FACP");
	assert_int_equal(number(fadt + 4, 4), 276);
	assert_int_equal(number(fadt + 112, 4), 1u << 20 | 1u << 10);
	assert_int_equal(number(fadt + 120, 8), RESET_PORT);
	assert_int_equal(fadt[128], RESET_VALUE);
	assert_int_equal(number(fadt + 248, 8), SLEEP_PORT);
	assert_int_equal(number(fadt + 260, 8), SLEEP_PORT + 1);
	const uint8_t *madt = table(number(xsdt + 44, 8), "APIC");
	assert_int_equal(number(madt + 36, 4), LAPIC_AT);
	assert_int_equal(number(madt + 4, 4), 44 + 8 + 12);
	table(number(fadt + 140, 8), "DSDT");
}

/* Where a name of four letters is in the DSDT. */
static const uint8_t *
find(const uint8_t *from, const uint8_t *end, const char *name)
{
	for (; from + 4 <= end; from++)
		if (memcmp(from, name, 4) == 0)
			return from;
	fail_msg("no %s", name);
	return NULL;
}

/* A package's length leads to exactly the end of what is in it (20.2.4). */
static const uint8_t *
package_end(const uint8_t *at)
{
	assert_int_equal(at[0] >> 6, 1);
	return at + ((at[0] & 15) | at[1] << 4);
}

static void
devices_say_where_they_are(void **state)
{
	(void)state;
	assert_int_equal(acpi_write(area, SIZE, ACPI_AT), ACPI_AT);
	const uint8_t *fadt = table(number(area + (number(area + 24, 8) - ACPI_AT) + 36, 8), "FACP");
	const uint8_t *dsdt = table(number(fadt + 140, 8), "DSDT"), *end = dsdt + number(dsdt + 4, 4);

	assert_int_equal(dsdt[36], 0x10);
	const uint8_t *scope_end = package_end(dsdt + 37);
	static const struct {
		const char *name, *id;
		uint8_t crs[24];
		size_t ncrs;
	} devices[] = {
	    {"COM1", "PNP0501", {0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8, 0x89, 6, 0, 3, 1, 4, 0, 0, 0, 0x79, 0}, 19},
	    {"VR00",
	     "LNRO0005",
	     {0x86, 9, 0, 1, 0, 0, 0, 0xd0, 0, 0x10, 0, 0, 0x89, 6, 0, 3, 1, 5, 0, 0, 0, 0x79, 0},
	     23},
	    {"PEVT", "QEMU0001", {0x47, 1, 5, 5, 5, 5, 1, 1, 0x79, 0}, 10},
	};
	const uint8_t *at = dsdt + 37 + 2 + 5;
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		assert_true(at[0] == 0x5b && at[1] == 0x82);
		const uint8_t *device_end = package_end(at + 2);
		assert_memory_equal(at + 4, devices[i].name, 4);
		assert_non_null(find(at, device_end, devices[i].id));
		const uint8_t *crs = find(at, device_end, "_CRS") + 4;
		assert_true(crs[0] == 0x11 && crs[3] == 0x0a && crs[4] == devices[i].ncrs);
		assert_memory_equal(crs + 5, devices[i].crs, devices[i].ncrs);
		assert_ptr_equal(package_end(crs + 1), crs + 5 + devices[i].ncrs);
		assert_ptr_equal(device_end, crs + 5 + devices[i].ncrs);
		at = device_end;
	}
	assert_ptr_equal(at, scope_end);
	assert_memory_equal(at, "\x08_S5_\x12", 6);
	assert_ptr_equal(package_end(at + 6), end);
}

static void
too_little_room_is_told_and_not_overrun(void **state)
{
	(void)state;
	for (size_t n = 0; n < SIZE; n++) {
		uint8_t *exact = malloc(n ? n : 1);
		assert_non_null(exact);
		uint64_t r = acpi_write(exact, n, ACPI_AT);
		free(exact);
		if (r) {
			assert_in_range(n, 400, SIZE);
			return;
		}
	}
	fail_msg("%u bytes are not enough", SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_table_is_found_from_the_root),
	    cmocka_unit_test(devices_say_where_they_are),
	    cmocka_unit_test(too_little_room_is_told_and_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
