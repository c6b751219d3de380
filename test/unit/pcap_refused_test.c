/*
 * pcap_refused_test.c - captures whose lengths add up, and whose blocks are still not what they say
 *
 * pcap_read_test has those cut anywhere.  Here each block has its right length, and what stands inside is too short, of
 * another version, or of an interface that is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "link/pcap_read.h"

/* A capture under construction, little-endian; n bytes of each value. */
struct build {
	uint8_t bytes[512];
	size_t len;
};

static void
put(struct build *b, uint64_t value, unsigned n)
{
	assert_true(b->len + n <= sizeof(b->bytes));
	for (unsigned i = 0; i < n; i++)
		b->bytes[b->len++] = (uint8_t)(i < 8 ? value >> 8 * i : 0);
}

/* A block around a body, which is cut or filled up to len. */
static void
block(struct build *b, uint32_t type, const struct build *body, uint32_t len)
{
	put(b, type, 4);
	put(b, len + 12, 4);
	for (uint32_t i = 0; i < len; i++)
		put(b, i < body->len ? body->bytes[i] : 0, 1);
	put(b, len + 12, 4);
}

static struct build
section(uint16_t major, uint32_t len)
{
	struct build b = {0}, body = {0};

	put(&body, 0x1a2b3c4d, 4);
	put(&body, major, 2);
	put(&body, 0, 2);
	put(&body, UINT64_MAX, 8);
	block(&b, 0x0a0d0d0a, &body, len);
	return b;
}

static void
interface(struct build *b, uint16_t linktype, uint32_t snaplen, uint32_t len)
{
	struct build body = {0};

	put(&body, linktype, 2);
	put(&body, 0, 2);
	put(&body, snaplen, 4);
	block(b, 1, &body, len);
}

/* A packet of four bytes that says it has len. */
static void
packet(struct build *b, uint32_t iface, uint32_t len, uint32_t flags)
{
	struct build body = {0};

	put(&body, iface, 4);
	put(&body, 0, 8);
	put(&body, len, 4);
	put(&body, len, 4);
	put(&body, 0x64636261, 4);
	put(&body, 2, 2);
	put(&body, 4, 2);
	put(&body, flags, 4);
	block(b, 6, &body, (uint32_t)body.len);
}

static void
simple(struct build *b, uint32_t orig)
{
	struct build body = {0};

	put(&body, orig, 4);
	put(&body, 0x64636261, 4);
	block(b, 3, &body, (uint32_t)body.len);
}

/* The first frame; what is told instead of one goes to error. */
static int
first_of(const struct build *b, struct pcap_frame *f, char *error)
{
	static uint8_t seen[sizeof(b->bytes)];
	uint8_t *exact = malloc(b->len);
	struct pcap_reader r;
	int rc = -1;

	assert_non_null(exact);
	memcpy(exact, b->bytes, b->len);
	if (pcap_read_open(&r, view_of(exact, b->len)))
		rc = pcap_read_next(&r, f);
	if (rc > 0) {
		assert_true(f->bytes.len <= sizeof(seen));
		memcpy(seen, f->bytes.p, f->bytes.len);
		f->bytes.p = seen;
	}
	memcpy(error, r.error, sizeof(r.error));
	free(exact);
	return rc;
}

static void
is_refused(const struct build *b, const char *told)
{
	struct pcap_frame f;
	char error[128];

	assert_int_equal(first_of(b, &f, error), -1);
	assert_string_equal(error, told);
}

static void
versions_nobody_knows(void **state)
{
	struct build old = {0}, ng = section(2, 16);

	(void)state;
	put(&old, 0xa1b2c3d4, 4);
	put(&old, 3, 2);
	put(&old, 0, 14);
	put(&old, 1, 4);
	is_refused(&old, "unknown pcap version at offset 4");
	is_refused(&ng, "unknown pcapng version at offset 0");
}

static void
blocks_with_too_little_inside(void **state)
{
	struct build b = section(1, 12);

	(void)state;
	is_refused(&b, "section header cut short at offset 0");
	b = section(1, 16);
	interface(&b, 1, 0, 4);
	is_refused(&b, "interface description cut short at offset 28");
	b = section(1, 16);
	interface(&b, 1, 0, 8);
	packet(&b, 0, 100, 0);
	is_refused(&b, "packet longer than its block at offset 48");
	b = section(1, 16);
	interface(&b, 1, 0, 8);
	simple(&b, 100);
	is_refused(&b, "packet longer than its block at offset 48");
	/* Options that run out of their block: length 200 where 4 bytes are left. */
	b = section(1, 16);
	struct build body = {0};

	put(&body, 1, 4);
	put(&body, 0, 4);
	put(&body, 9 | 200u << 16, 4);
	put(&body, 0, 4);
	block(&b, 1, &body, (uint32_t)body.len);
	is_refused(&b, "interface description cut short at offset 28");
}

static void
interfaces_that_are_none(void **state)
{
	struct build b = section(1, 16);

	(void)state;
	interface(&b, 105, 0, 8);
	is_refused(&b, "interface whose link type is not Ethernet at offset 28");
	b = section(1, 16);
	simple(&b, 4);
	is_refused(&b, "packet of an interface that was not described at offset 28");
	b = section(1, 16);
	interface(&b, 1, 0, 8);
	packet(&b, 1, 4, 0);
	is_refused(&b, "packet of an interface that was not described at offset 48");
	/* A section begins anew: what the one before described is gone. */
	b = section(1, 16);
	interface(&b, 1, 0, 8);
	struct build again = section(1, 16);

	for (size_t i = 0; i < again.len; i++)
		put(&b, again.bytes[i], 1);
	packet(&b, 0, 4, 0);
	is_refused(&b, "packet of an interface that was not described at offset 76");
}

static void
a_section_that_is_refused_behind_a_good_one(void **state)
{
	struct build b = section(1, 16), wrong = section(7, 16);

	(void)state;
	for (size_t i = 0; i < wrong.len; i++)
		put(&b, wrong.bytes[i], 1);
	is_refused(&b, "unknown pcapng version at offset 28");
}

/* Directions are two bits, of which the fourth value means nothing; a limit of 0 is none. */
static void
what_is_left_open_is_unknown(void **state)
{
	static const struct {
		uint32_t flags;
		enum pcap_dir dir;
	} rows[] = {{0, PCAP_UNKNOWN},
		    {1, PCAP_INBOUND},
		    {2, PCAP_OUTBOUND},
		    {3, PCAP_UNKNOWN},
		    {0xfffc, PCAP_UNKNOWN}};
	struct pcap_frame f;
	char error[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct build b = section(1, 16);

		interface(&b, 1, 0, 8);
		packet(&b, 0, 4, rows[i].flags);
		assert_int_equal(first_of(&b, &f, error), 1);
		assert_int_equal(f.dir, rows[i].dir);
	}
	for (uint32_t limit = 0; limit < 8; limit++) {
		struct build b = section(1, 16);

		interface(&b, 1, limit, 8);
		simple(&b, limit ? 8 : 4);
		assert_int_equal(first_of(&b, &f, error), limit > 4 ? -1 : 1);
		if (limit <= 4) {
			assert_int_equal(f.bytes.len, limit ? limit : 4);
			assert_memory_equal(f.bytes.p, "abcd", f.bytes.len);
			assert_int_equal(f.orig_len, limit ? 8 : 4);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(versions_nobody_knows),
	    cmocka_unit_test(blocks_with_too_little_inside),
	    cmocka_unit_test(interfaces_that_are_none),
	    cmocka_unit_test(a_section_that_is_refused_behind_a_good_one),
	    cmocka_unit_test(what_is_left_open_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
