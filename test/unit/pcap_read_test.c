/*
 * pcap_read_test.c - captures of every kind, byte by byte, and broken ones
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "link/pcap_read.h"

/* A capture under construction, in either byte order. */
struct build {
	uint8_t bytes[4096];
	size_t len;
	bool big;
};

static void
put(struct build *b, uint64_t value, unsigned n)
{
	assert_true(b->len + n <= sizeof(b->bytes));
	for (unsigned i = 0; i < n; i++)
		b->bytes[b->len++] = (uint8_t)(value >> 8 * (b->big ? n - 1 - i : i));
}

static void
put_text(struct build *b, const char *text)
{
	while (*text)
		put(b, (uint8_t)*text++, 1);
}

static struct build
pcap(bool big, uint32_t magic, uint32_t linktype)
{
	struct build b = {.big = big};

	put(&b, magic, 4);
	put(&b, 2, 2);
	put(&b, 4, 2);
	put(&b, 0, 4);
	put(&b, 0, 4);
	put(&b, 65535, 4);
	put(&b, linktype, 4);
	return b;
}

static void
record(struct build *b, uint32_t sec, uint32_t frac, const char *text, uint32_t orig)
{
	put(b, sec, 4);
	put(b, frac, 4);
	put(b, strlen(text), 4);
	put(b, orig, 4);
	put_text(b, text);
}

/* A block of pcapng around a body (already padded) in another build. */
static void
block(struct build *b, uint32_t type, const struct build *body)
{
	put(b, type, 4);
	put(b, body->len + 12, 4);
	for (size_t i = 0; i < body->len; i++)
		put(b, body->bytes[i], 1);
	put(b, body->len + 12, 4);
}

static void
section(struct build *b)
{
	struct build body = {.big = b->big};

	put(&body, 0x1a2b3c4d, 4);
	put(&body, 1, 2);
	put(&body, 0, 2);
	put(&body, UINT64_MAX, 8);
	block(b, 0x0a0d0d0a, &body);
}

/* tsresol 6 and tsoffset 0 are left out, as the defaults they are. */
static void
interface(struct build *b, uint16_t linktype, uint8_t tsresol, int64_t tsoffset, uint32_t snaplen)
{
	struct build body = {.big = b->big};

	put(&body, linktype, 2);
	put(&body, 0, 2);
	put(&body, snaplen, 4);
	if (tsresol != 6) {
		put(&body, 9, 2);
		put(&body, 1, 2);
		put(&body, tsresol, 1);
		put(&body, 0, 3);
	}
	if (tsoffset) {
		put(&body, 14, 2);
		put(&body, 8, 2);
		put(&body, (uint64_t)tsoffset, 8);
	}
	block(b, 1, &body);
}

static void
packet(struct build *b, uint32_t iface, uint64_t when, const char *text, uint32_t flags)
{
	struct build body = {.big = b->big};

	put(&body, iface, 4);
	put(&body, when >> 32, 4);
	put(&body, when & UINT32_MAX, 4);
	put(&body, strlen(text), 4);
	put(&body, strlen(text), 4);
	put_text(&body, text);
	put(&body, 0, (4 - strlen(text) % 4) % 4);
	put(&body, 2, 2);
	put(&body, 4, 2);
	put(&body, flags, 4);
	put(&body, 0, 4);
	block(b, 6, &body);
}

/* Open an exact-size copy, so that a read too far is seen, and count its frames; -1: refused. */
static int
frames_of(const struct build *b, size_t len, char *error)
{
	uint8_t *exact = malloc(len ? len : 1);
	struct pcap_reader r;
	struct pcap_frame f;
	int n = 0, rc;

	memcpy(exact, b->bytes, len);
	rc = pcap_read_open(&r, view_of(exact, len)) ? 1 : -1;
	while (rc > 0 && (rc = pcap_read_next(&r, &f)) > 0) {
		assert_true(f.bytes.p >= exact && f.bytes.p + f.bytes.len <= exact + len);
		n++;
	}
	if (rc < 0)
		assert_int_equal(pcap_read_next(&r, &f), -1);
	if (error)
		memcpy(error, r.error, sizeof(r.error));
	free(exact);
	return rc < 0 ? -1 : n;
}

static void
assert_frame(struct pcap_reader *r, usec_t when, const char *text, uint32_t orig, enum pcap_dir dir)
{
	struct pcap_frame f;

	assert_int_equal(pcap_read_next(r, &f), 1);
	assert_int_equal(f.when, when);
	assert_int_equal(f.bytes.len, strlen(text));
	assert_memory_equal(f.bytes.p, text, strlen(text));
	assert_int_equal(f.orig_len, orig);
	assert_int_equal(f.dir, dir);
}

static void
pcap_of_both_byte_orders_and_resolutions(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool nsec = i & 2;
		struct build b = pcap(i & 1, nsec ? 0xa1b23c4d : 0xa1b2c3d4, 1);
		struct pcap_reader r;
		struct pcap_frame f;

		record(&b, 100, nsec ? 5999 : 5, "hello", 1500);
		record(&b, UINT32_MAX, 0, "", 0);
		assert_true(pcap_read_open(&r, view_of(b.bytes, b.len)));
		assert_frame(&r, 100000005, "hello", 1500, PCAP_UNKNOWN);
		assert_frame(&r, UINT32_MAX * USEC_PER_SEC, "", 0, PCAP_UNKNOWN);
		assert_int_equal(pcap_read_next(&r, &f), 0);
		assert_int_equal(pcap_read_next(&r, &f), 0);
	}
}

static void
pcapng_of_both_byte_orders(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct build b = {.big = big};
		struct pcap_reader r;
		struct pcap_frame f;

		section(&b);
		interface(&b, 1, 6, 0, 0);
		packet(&b, 0, UINT64_C(1700000000123456), "in", 1);
		packet(&b, 0, 7, "out.", 2);
		packet(&b, 0, 8, "whither", 0);
		assert_true(pcap_read_open(&r, view_of(b.bytes, b.len)));
		assert_frame(&r, 1700000000123456, "in", 2, PCAP_INBOUND);
		assert_frame(&r, 7, "out.", 4, PCAP_OUTBOUND);
		assert_frame(&r, 8, "whither", 7, PCAP_UNKNOWN);
		assert_int_equal(pcap_read_next(&r, &f), 0);
	}
}

static void
sections_may_differ_and_number_their_interfaces_anew(void **state)
{
	struct build b = {.big = true};
	struct pcap_reader r;

	(void)state;
	section(&b);
	interface(&b, 1, 9, 0, 0);
	packet(&b, 0, 7000, "big", 1);
	b.big = false;
	section(&b);
	interface(&b, 1, 3, 0, 0);
	packet(&b, 0, 7, "little", 1);
	size_t good = b.len;
	packet(&b, 1, 7, "nobody's", 1);
	assert_true(pcap_read_open(&r, view_of(b.bytes, good)));
	assert_frame(&r, 7, "big", 3, PCAP_INBOUND);
	assert_frame(&r, 7000, "little", 6, PCAP_INBOUND);
	assert_int_equal(frames_of(&b, good, NULL), 2);
	assert_int_equal(frames_of(&b, b.len, NULL), -1);
}

static void
every_resolution_becomes_microseconds(void **state)
{
	static const struct {
		uint8_t tsresol;
		int64_t offset;
		uint64_t when;
		usec_t usec; /* -1: out of range */
	} cases[] = {
	    {0, 0, 3, 3000000},
	    {3, 0, 1234, 1234000},
	    {6, 0, INT64_MAX / 2, INT64_MAX / 2},
	    {6, 0, UINT64_MAX, -1},
	    {0, 0, INT64_MAX, -1},
	    {9, 0, 1999, 1},
	    {19, 0, UINT64_MAX, 1844674},
	    {25, 0, UINT64_MAX, 1},
	    {26, 0, 1, -1},
	    {127, 0, 1, -1},
	    {6, 5, 1, 5000001},
	    {6, -5, 5000001, 1},
	    {6, -5, 1, -1},
	    {6, INT64_MIN, 1, -1},
	    {6, INT64_MAX, 1, -1},
	    {0x80 | 0, 0, 9, 9000000},
	    {0x80 | 20, 0, 3u << 19, 1500000},
	    {0x80 | 32, 0, UINT64_C(0x180000000), 1500000},
	    {0x80 | 63, 0, UINT64_C(0xc000000000000000), 1500000},
	    {0x80 | 64, 0, 1, -1},
	    {0x80 | 0, 0, UINT64_MAX, -1},
	    /* Each of them as large as it may be: their sum is not. */
	    {0x80 | 20, INT64_C(4611686018427), UINT64_C(4611686018427) << 20 | 0xfffff, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build b = {.big = i % 2};
		struct pcap_reader r;
		struct pcap_frame f;

		section(&b);
		interface(&b, 1, cases[i].tsresol, cases[i].offset, 0);
		packet(&b, 0, cases[i].when, "t", 0);
		assert_true(pcap_read_open(&r, view_of(b.bytes, b.len)));
		assert_int_equal(pcap_read_next(&r, &f), cases[i].usec < 0 ? -1 : 1);
		if (cases[i].usec >= 0)
			assert_int_equal(f.when, cases[i].usec);
	}
}

static void
simple_packets_are_cut_to_the_interfaces_limit(void **state)
{
	struct build b = {0}, body = {0}, stray = {0};
	struct pcap_reader r;

	(void)state;
	section(&b);
	interface(&b, 1, 6, 0, 6);
	put(&body, 100, 4);
	put_text(&body, "sixbyt..");
	block(&b, 3, &body);
	assert_true(pcap_read_open(&r, view_of(b.bytes, b.len)));
	assert_frame(&r, 0, "sixbyt", 100, PCAP_UNKNOWN);

	section(&stray);
	block(&stray, 3, &body);
	assert_int_equal(frames_of(&stray, stray.len, NULL), -1);
}

static void
other_blocks_are_passed_over(void **state)
{
	struct build b = {0}, names = {0}, empty = {0};

	(void)state;
	section(&b);
	put_text(&names, "anything");
	block(&b, 4, &names);
	interface(&b, 1, 6, 0, 0);
	block(&b, 0xbad, &empty);
	packet(&b, 0, 1, "x", 0);
	assert_int_equal(frames_of(&b, b.len, NULL), 1);
}

static void
errors_say_what_and_where(void **state)
{
	struct build wifi = pcap(false, 0xa1b2c3d4, 105), text = {0}, b = {0},
		     huge = pcap(false, 0xa1b2c3d4, 1);
	char error[128];

	(void)state;
	assert_int_equal(frames_of(&wifi, wifi.len, error), -1);
	assert_string_equal(error, "link type is not Ethernet at offset 20");
	put_text(&text, "#!/bin/sh");
	assert_int_equal(frames_of(&text, text.len, error), -1);
	assert_non_null(strstr(error, "neither a pcap nor a pcapng"));
	assert_int_equal(frames_of(&text, 3, error), -1);
	assert_non_null(strstr(error, "too short"));

	section(&b);
	interface(&b, 1, 6, 0, 0);
	size_t at = b.len;
	packet(&b, 0, 1, "abcd", 0);
	b.bytes[b.len - 4]++;
	assert_int_equal(frames_of(&b, b.len, error), -1);
	assert_int_equal(at, 48);
	assert_string_equal(error, "block whose two lengths differ at offset 48");
	b.bytes[b.len - 4]--;
	b.bytes[at + 4] = 11;
	assert_int_equal(frames_of(&b, b.len, error), -1);
	assert_non_null(strstr(error, "impossible length"));

	put(&huge, 0, 8);
	put(&huge, PCAP_FRAME_MAX + 1, 4);
	put(&huge, PCAP_FRAME_MAX + 1, 4);
	assert_int_equal(frames_of(&huge, huge.len, error), -1);
	assert_non_null(strstr(error, "longer than any"));
}

static void
interfaces_are_bounded(void **state)
{
	struct build b = {0};

	(void)state;
	section(&b);
	for (unsigned i = 0; i < PCAP_INTERFACES; i++)
		interface(&b, 1, 6, 0, 0);
	assert_int_equal(frames_of(&b, b.len, NULL), 0);
	interface(&b, 1, 6, 0, 0);
	assert_int_equal(frames_of(&b, b.len, NULL), -1);
}

/* Wherever a file is cut, it reads as far as its whole blocks go and then says so. */
static void
every_truncation_is_told(void **state)
{
	struct build old = pcap(true, 0xa1b2c3d4, 1), ng = {0};
	size_t old_ends[3] = {24}, ng_ends[4];

	(void)state;
	record(&old, 1, 1, "one", 3);
	old_ends[1] = old.len;
	record(&old, 1, 1, "four", 4);
	old_ends[2] = old.len;
	section(&ng);
	ng_ends[0] = ng.len;
	interface(&ng, 1, 9, 0, 0);
	ng_ends[1] = ng.len;
	packet(&ng, 0, 1, "one", 1);
	ng_ends[2] = ng.len;
	packet(&ng, 0, 1, "four", 1);
	ng_ends[3] = ng.len;

	for (size_t len = 0; len <= old.len; len++) {
		bool whole = len == old_ends[0] || len == old_ends[1] || len == old_ends[2];
		assert_int_equal(frames_of(&old, len, NULL) >= 0, whole);
	}
	for (size_t len = 0; len <= ng.len; len++) {
		bool whole = len == ng_ends[0] || len == ng_ends[1] || len == ng_ends[2] || len == ng_ends[3];
		assert_int_equal(frames_of(&ng, len, NULL) >= 0, whole);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pcap_of_both_byte_orders_and_resolutions),
	    cmocka_unit_test(pcapng_of_both_byte_orders),
	    cmocka_unit_test(sections_may_differ_and_number_their_interfaces_anew),
	    cmocka_unit_test(every_resolution_becomes_microseconds),
	    cmocka_unit_test(simple_packets_are_cut_to_the_interfaces_limit),
	    cmocka_unit_test(other_blocks_are_passed_over),
	    cmocka_unit_test(errors_say_what_and_where),
	    cmocka_unit_test(interfaces_are_bounded),
	    cmocka_unit_test(every_truncation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
