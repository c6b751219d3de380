/*
 * vmm_image_test.c - the VMM's kernels and initramfs: where they go, and files that are not what they say
 *
 * The kernels here are made of a header and a pattern.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/boot.h"
#include "vmm/layout.h"

#define RAM (UINT64_C(64) << 20)
#define PLACE 0x1000000u
#define SKIP 1024u /* setup_sects 1, and the first sector */
#define SIZE (SKIP + 4096u)

struct bed {
	struct memory m;
	uint8_t bytes[SIZE];
	struct image img;
	struct why why;
};

static int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	*state = b;
	return b && memory_new(&b->m, RAM, &b->why) == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	struct bed *b = *state;

	memory_free(&b->m);
	free(b);
	return 0;
}

/* From a block of exactly its size, so that the sanitizer sees a byte too many. */
static int
load(struct bed *b, const void *bytes, size_t size)
{
	struct file f = {.path = "k", .bytes = malloc(size ? size : 1), .size = size};

	assert_non_null(f.bytes);
	memcpy(f.bytes, bytes, size);
	b->why.text[0] = '\0';
	int r = image_load(&b->img, &f, &b->m, &b->why);
	assert_int_equal(r < 0, b->why.text[0] != '\0');
	file_free(&f);
	return r;
}

static void
refused(struct bed *b, const void *bytes, size_t size, const char *word)
{
	assert_int_equal(load(b, bytes, size), -1);
	if (!strstr(b->why.text, word))
		fail_msg("no '%s' in: %s", word, b->why.text);
}

/* --- bzImage --------------------------------------------------------------------------------------- */

static struct setup_header *
make_bzimage(struct bed *b)
{
	struct setup_header *h = (struct setup_header *)(void *)(b->bytes + 0x1f1);

	memset(b->bytes, 0x5a, sizeof(b->bytes));
	*h = (struct setup_header){
	    .setup_sects = 1,
	    .jump = 0x66eb, /* short jump, 0x66 bytes on: the header ends at 0x268 */
	    .header = 0x53726448,
	    .version = 0x020f,
	    .loadflags = LOADED_HIGH,
	    .xloadflags = XLF_KERNEL_64,
	    .cmdline_size = 2047,
	    .initrd_addr_max = 0x7fffffff,
	    .pref_address = PLACE,
	    .init_size = 2 << 20,
	};
	return h;
}

static void
a_bzimage_goes_where_it_wants(void **state)
{
	struct bed *b = *state;

	make_bzimage(b);
	assert_int_equal(load(b, b->bytes, SIZE), 0);
	assert_false(b->img.pvh);
	assert_int_equal(b->img.entry, PLACE + 0x200);
	assert_int_equal(b->img.end, PLACE + (2 << 20));
	assert_int_equal(b->img.cmdline_max, 2047);
	assert_memory_equal(memory_at(&b->m, PLACE, SIZE - SKIP), b->bytes + SKIP, SIZE - SKIP);
	assert_int_equal(b->img.setup.header, 0x53726448);
	assert_int_equal(b->img.setup.init_size, 2 << 20);
	assert_int_equal(b->img.setup.handover_offset, 0); /* behind the header's end */
}

static void
a_bzimage_that_cannot_be_is_refused(void **state)
{
	struct bed *b = *state;

	make_bzimage(b)->version = 0x020b;
	refused(b, b->bytes, SIZE, "64-bit");
	make_bzimage(b)->xloadflags = 0;
	refused(b, b->bytes, SIZE, "64-bit");
	make_bzimage(b)->loadflags = 0;
	refused(b, b->bytes, SIZE, "64-bit");
	make_bzimage(b)->setup_sects = 255;
	refused(b, b->bytes, SIZE, "cut short");
	make_bzimage(b)->init_size = 0xffffffff;
	refused(b, b->bytes, SIZE, "--ram");
	make_bzimage(b)->init_size = (uint32_t)(RAM - PLACE + 1);
	refused(b, b->bytes, SIZE, "--ram");
	make_bzimage(b)->init_size = (uint32_t)(RAM - PLACE);
	assert_int_equal(load(b, b->bytes, SIZE), 0);

	static const uint64_t places[] = {0,       0x1000,   KERNEL_MIN - 4096, PLACE + 1,
					  HOLE_AT, HOLE_END, UINT64_MAX,        UINT64_MAX - 4095};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		make_bzimage(b)->pref_address = places[i];
		refused(b, b->bytes, SIZE, "cannot be");
	}
	make_bzimage(b)->pref_address = RAM;
	refused(b, b->bytes, SIZE, "--ram");
}

static void
no_prefix_of_a_bzimage_is_one(void **state)
{
	struct bed *b = *state;

	make_bzimage(b);
	for (size_t n = 0; n <= SKIP + 0x200; n++) /* its entry is 0x200 bytes into what follows the setup */
		assert_int_equal(load(b, b->bytes, n), -1);
	assert_int_equal(load(b, b->bytes, SKIP + 0x201), 0);
}

/* --- ELF ------------------------------------------------------------------------------------------- */

struct elf {
	Elf64_Ehdr e;
	Elf64_Phdr load, note;
	Elf64_Nhdr other, n;
	char name[4];
	uint32_t entry;
	uint8_t text[64];
};

static struct elf
make_elf(void)
{
	struct elf f = {
	    .e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB},
		  .e_machine = EM_X86_64,
		  .e_phoff = offsetof(struct elf, load),
		  .e_phentsize = sizeof(Elf64_Phdr),
		  .e_phnum = 2},
	    .load = {.p_type = PT_LOAD,
		     .p_offset = offsetof(struct elf, text),
		     .p_paddr = PLACE,
		     .p_filesz = sizeof(f.text),
		     .p_memsz = 4096},
	    .note = {.p_type = PT_NOTE,
		     .p_offset = offsetof(struct elf, other),
		     .p_filesz = offsetof(struct elf, text) - offsetof(struct elf, other)},
	    .n = {.n_namesz = 4, .n_descsz = 4, .n_type = 18},
	    .name = "Xen",
	    .entry = PLACE + 16,
	};

	memset(f.text, 0xcc, sizeof(f.text));
	return f;
}

static void
an_elf_kernel_is_entered_at_its_note(void **state)
{
	struct bed *b = *state;
	struct elf f = make_elf();
	uint8_t *at = memory_at(&b->m, PLACE, 4096);

	memset(at, 0xee, 4096);
	assert_int_equal(load(b, &f, sizeof(f)), 0);
	assert_true(b->img.pvh);
	assert_int_equal(b->img.entry, PLACE + 16);
	assert_int_equal(b->img.end, PLACE + 4096);
	assert_memory_equal(at, f.text, sizeof(f.text));
	for (size_t i = sizeof(f.text); i < 4096; i++) /* what is not in the file is zero */
		assert_int_equal(at[i], 0);
}

/* Fields of the file, each with values that would lead astray. */
static void
an_elf_file_that_lies_is_refused(void **state)
{
	static const struct {
		size_t at, size;
		uint64_t value;
		const char *word;
	} lies[] = {
	    {offsetof(struct elf, e.e_ident[EI_CLASS]), 1, ELFCLASS32, "x86-64"},
	    {offsetof(struct elf, e.e_ident[EI_DATA]), 1, ELFDATA2MSB, "x86-64"},
	    {offsetof(struct elf, e.e_machine), 2, EM_AARCH64, "x86-64"},
	    {offsetof(struct elf, e.e_phentsize), 2, 32, "x86-64"},
	    {offsetof(struct elf, e.e_phnum), 2, 65535, "x86-64"},
	    {offsetof(struct elf, e.e_phnum), 2, 64, "cut short"},
	    {offsetof(struct elf, e.e_phnum), 2, 0, "PVH"},
	    {offsetof(struct elf, e.e_phnum), 2, 1, "PVH"},
	    {offsetof(struct elf, e.e_phoff), 8, sizeof(struct elf), "cut short"},
	    {offsetof(struct elf, e.e_phoff), 8, UINT64_MAX, "cut short"},
	    {offsetof(struct elf, e.e_phoff), 8, UINT64_MAX - 55, "cut short"},
	    {offsetof(struct elf, load.p_offset), 8, sizeof(struct elf), "cut short"},
	    {offsetof(struct elf, load.p_offset), 8, UINT64_MAX, "cut short"},
	    {offsetof(struct elf, load.p_filesz), 8, 4097, "cut short"},
	    {offsetof(struct elf, load.p_filesz), 8, 65, "cut short"},
	    {offsetof(struct elf, load.p_memsz), 8, UINT64_MAX, "--ram"},
	    {offsetof(struct elf, load.p_memsz), 8, RAM - PLACE + 1, "--ram"},
	    {offsetof(struct elf, load.p_paddr), 8, KERNEL_MIN - 1, "cannot be"},
	    {offsetof(struct elf, load.p_paddr), 8, ACPI_AT, "cannot be"},
	    {offsetof(struct elf, load.p_paddr), 8, HOLE_AT, "cannot be"},
	    {offsetof(struct elf, load.p_paddr), 8, UINT64_MAX, "cannot be"},
	    {offsetof(struct elf, load.p_paddr), 8, RAM - 4095, "--ram"},
	    {offsetof(struct elf, note.p_offset), 8, UINT64_MAX, "PVH"},
	    {offsetof(struct elf, note.p_offset), 8, UINT64_MAX - 3, "PVH"},
	    {offsetof(struct elf, note.p_filesz), 8, UINT64_MAX, "PVH"},
	    {offsetof(struct elf, note.p_filesz), 8, 13, "PVH"},
	    {offsetof(struct elf, other.n_namesz), 4, UINT32_MAX, "PVH"},
	    {offsetof(struct elf, other.n_descsz), 4, UINT32_MAX, "PVH"},
	    {offsetof(struct elf, n.n_namesz), 4, 5, "PVH"},
	    {offsetof(struct elf, n.n_descsz), 4, 0, "PVH"},
	    {offsetof(struct elf, n.n_descsz), 4, 16, "PVH"},
	    {offsetof(struct elf, n.n_type), 4, 17, "PVH"},
	    {offsetof(struct elf, name), 1, 'x', "PVH"},
	    {offsetof(struct elf, entry), 4, KERNEL_MIN - 1, "PVH"},
	    {offsetof(struct elf, entry), 4, PLACE + 4096, "PVH"},
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct elf f = make_elf();
		memcpy((uint8_t *)&f + lies[i].at, &lies[i].value, lies[i].size);
		refused(*state, &f, sizeof(f), lies[i].word);
	}
}

static void
no_prefix_of_an_elf_file_is_one(void **state)
{
	struct elf f = make_elf();

	for (size_t n = 0; n < sizeof(f); n++)
		assert_int_equal(load(*state, &f, n), -1);
	refused(*state, "#!/bin/sh", 9, "not a Linux kernel");
}

/* --- what is around it ----------------------------------------------------------------------------- */

static int
prepare(struct bed *b, size_t initrd_size, const char *cmdline, struct boot_cpu *cpu)
{
	struct file f = {.path = "i", .bytes = calloc(1, initrd_size + 1), .size = initrd_size};

	assert_non_null(f.bytes);
	if (initrd_size)
		f.bytes[initrd_size - 1] = 'z';
	int r = boot_prepare(&b->m, &b->img, &f, cmdline, ACPI_AT, cpu, &b->why);
	file_free(&f);
	return r;
}

static void
an_initramfs_fills_what_the_kernel_leaves(void **state)
{
	struct bed *b = *state;
	struct boot_cpu cpu;
	struct boot_params *zp = memory_at(&b->m, ZERO_PAGE_AT, sizeof(*zp));

	make_bzimage(b);
	assert_int_equal(load(b, b->bytes, SIZE), 0);
	size_t room = (size_t)(RAM - b->img.end);
	assert_int_equal(prepare(b, room, "one two", &cpu), 0);
	assert_true(cpu.long_mode && cpu.rsi == ZERO_PAGE_AT && cpu.rip == b->img.entry);
	assert_int_equal(zp->hdr.ramdisk_image, b->img.end);
	assert_int_equal(zp->hdr.ramdisk_size, room);
	assert_int_equal(*(uint8_t *)memory_at(&b->m, RAM - 1, 1), 'z');
	assert_string_equal((char *)memory_at(&b->m, zp->hdr.cmd_line_ptr, 8), "one two");
	assert_int_equal(zp->acpi_rsdp_addr, ACPI_AT);

	assert_int_equal(prepare(b, room + 1, "", &cpu), -1);
	assert_non_null(strstr(b->why.text, "--ram"));
	b->img.initrd_max = PLACE + (4 << 20) - 1;
	assert_int_equal(prepare(b, 1 << 20, "", &cpu), 0);
	assert_int_equal(zp->hdr.ramdisk_image, PLACE + (3 << 20));
	assert_int_equal(prepare(b, (2 << 20) + 1, "", &cpu), -1);
	b->img.initrd_max = 0;
	assert_int_equal(prepare(b, 1, "", &cpu), -1);
	assert_int_equal(prepare(b, 0, "", &cpu), 0);
	assert_int_equal(zp->hdr.ramdisk_size, 0);
}

static void
a_command_line_has_an_end(void **state)
{
	struct bed *b = *state;
	struct boot_cpu cpu;
	char text[2049];

	make_bzimage(b);
	assert_int_equal(load(b, b->bytes, SIZE), 0);
	memset(text, 'w', sizeof(text));
	text[2047] = '\0';
	assert_int_equal(prepare(b, 0, text, &cpu), 0);
	text[2047] = 'w';
	text[2048] = '\0';
	assert_int_equal(prepare(b, 0, text, &cpu), -1);
	assert_non_null(strstr(b->why.text, "--append"));
}

/* Whatever the header says, the command line does not reach the tables above it. */
static void
a_command_line_stays_in_its_place(void **state)
{
	struct bed *b = *state;
	struct boot_cpu cpu;
	char *text = calloc(1, CMDLINE_MAX + 1);

	assert_non_null(text);
	make_bzimage(b)->cmdline_size = UINT32_MAX;
	assert_int_equal(load(b, b->bytes, SIZE), 0);
	memset(text, 'w', CMDLINE_MAX);
	assert_int_equal(prepare(b, 0, text, &cpu), -1);
	text[CMDLINE_MAX - 1] = '\0';
	assert_int_equal(prepare(b, 0, text, &cpu), 0);
	free(text);
}

/* --- memory and files ------------------------------------------------------------------------------ */

static void
memory_has_a_hole(void **state)
{
	struct memory m;
	struct sluice_memory piece[MEMORY_PIECES];
	struct why why;

	(void)state;
	assert_int_equal(memory_new(&m, UINT64_C(4) << 30, &why), 0);
	assert_int_equal(memory_pieces(&m, piece), 2);
	assert_true(piece[1].guest == HOLE_END && piece[0].size + piece[1].size == UINT64_C(4) << 30);
	assert_ptr_equal(memory_at(&m, HOLE_AT - 1, 1), m.base + HOLE_AT - 1);
	assert_null(memory_at(&m, HOLE_AT - 1, 2));
	assert_null(memory_at(&m, HOLE_AT, 1));
	assert_null(memory_at(&m, HOLE_END - 1, 2));
	assert_ptr_equal(memory_at(&m, HOLE_END, 1), m.base + HOLE_AT);
	assert_non_null(memory_at(&m, HOLE_END, piece[1].size));
	assert_null(memory_at(&m, HOLE_END, piece[1].size + 1));
	assert_null(memory_at(&m, HOLE_END + 1, UINT64_MAX));
	assert_null(memory_at(&m, UINT64_MAX, 1));
	assert_null(memory_at(&m, 1, UINT64_MAX));
	memory_free(&m);
	memory_free(&m);
}

static void
files_are_read_whole_or_not(void **state)
{
	char path[] = "/tmp/vmm_image_test.XXXXXX";
	int fd = mkstemp(path), ends[2];
	struct file f;
	struct why why;

	(void)state;
	assert_true(fd >= 0 && ftruncate(fd, 200000) == 0);
	assert_int_equal(file_read(&f, "--initrd", path, 200000, &why), 0);
	assert_int_equal(f.size, 200000);
	file_free(&f);
	assert_int_equal(file_read(&f, "--initrd", path, 199999, &why), -1);
	assert_non_null(strstr(why.text, "--ram"));
	assert_int_equal(file_read(&f, "--initrd", "/nowhere/at/all", 10, &why), -1);
	assert_non_null(strstr(why.text, "/nowhere/at/all"));
	assert_int_equal(file_read(&f, "kernel", "/tmp", 10, &why), -1);
	assert_non_null(strstr(why.text, "folder"));
	assert_null(f.bytes);

	/* A pipe has no size. */
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "abc", 3), 3);
	close(ends[1]);
	char name[32];
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	assert_int_equal(file_read(&f, "--initrd", name, 200000, &why), 0);
	assert_int_equal(f.size, 3);
	file_free(&f);
	close(ends[0]);
	close(fd);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    TEST(a_bzimage_goes_where_it_wants),
	    TEST(a_bzimage_that_cannot_be_is_refused),
	    TEST(no_prefix_of_a_bzimage_is_one),
	    TEST(an_elf_kernel_is_entered_at_its_note),
	    TEST(an_elf_file_that_lies_is_refused),
	    TEST(no_prefix_of_an_elf_file_is_one),
	    TEST(an_initramfs_fills_what_the_kernel_leaves),
	    TEST(a_command_line_has_an_end),
	    TEST(a_command_line_stays_in_its_place),
	    cmocka_unit_test(memory_has_a_hole),
	    cmocka_unit_test(files_are_read_whole_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
