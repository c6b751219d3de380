/*
 * tcp_wire_test.c - TCP headers and their options: round trips, every truncation, and options as a
 * hostile guest writes them (T1 to T3 of the list of hostile inputs)
 */
#include "stack/tcp_wire.h"

#include "test/unit/wire_kit.h"

static void
assert_same(const struct tcp_hdr *a, const struct tcp_hdr *b)
{
	assert_int_equal(a->sport, b->sport);
	assert_int_equal(a->dport, b->dport);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->ack, b->ack);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->hlen, b->hlen);
	assert_int_equal(a->wnd, b->wnd);
	assert_int_equal(a->csum, b->csum);
	assert_int_equal(a->urp, b->urp);
	assert_int_equal(a->mss, b->mss);
	assert_int_equal(a->has_wscale, b->has_wscale);
	assert_int_equal(a->wscale, b->wscale);
	assert_int_equal(a->sack_ok, b->sack_ok);
	assert_int_equal(a->nsack, b->nsack);
	assert_memory_equal(a->sack, b->sack, sizeof(a->sack));
}

static struct tcp_hdr
random_header(uint64_t *seed)
{
	struct tcp_hdr h = {
	    .sport = (uint16_t)kit_random(seed),
	    .dport = (uint16_t)kit_random(seed),
	    .seq = (uint32_t)kit_random(seed),
	    .ack = (uint32_t)kit_random(seed),
	    .flags = (uint8_t)kit_random(seed),
	    .wnd = (uint16_t)kit_random(seed),
	    .urp = (uint16_t)kit_random(seed),
	    .mss = kit_random(seed) & 1 ? (uint16_t)kit_random(seed) : 0,
	    .sack_ok = kit_random(seed) & 1,
	};

	if (kit_random(seed) & 1) {
		h.has_wscale = true;
		h.wscale = (uint8_t)kit_random(seed);
	}
	/* Both of these and four blocks are 41 bytes: more than there are. */
	unsigned most = h.mss && h.has_wscale ? 3 : TCP_SACK_BLOCKS;

	h.nsack = (uint8_t)(kit_random(seed) % (most + 1));
	kit_fill(seed, h.sack, h.nsack * sizeof(h.sack[0]));
	return h;
}

static void
round_trip(void **state)
{
	uint64_t seed = 30;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct tcp_hdr in = random_header(&seed), out;
		uint8_t buf[TCP_HLEN_MAX + 4] = {0};
		struct wr w = wr_of(buf, TCP_HLEN_MAX);

		tcp_emit(&w, &in);
		size_t len = kit_written(&w, buf).len;

		assert_int_equal(len, tcp_emit_len(&in));
		assert_int_equal(len % 4, 0);
		struct rd r = rd_of(view_of(buf, len + 4));

		assert_true(tcp_parse(&r, &out));
		assert_int_equal(rd_left(&r), 4);
		in.hlen = (uint8_t)len;
		assert_same(&in, &out);
	}
}

/* MUST-69: what fills the header up to its length is zero. */
static void
padding_is_zero(void **state)
{
	struct tcp_hdr h = {.mss = 1460, .has_wscale = true, .wscale = 7, .sack_ok = true};
	uint8_t buf[TCP_HLEN_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	static const uint8_t want[12] = {2, 4, 0x05, 0xb4, 3, 3, 7, 4, 2, 0, 0, 0};

	(void)state;
	memset(buf, 0xee, sizeof(buf));
	tcp_emit(&w, &h);
	assert_int_equal(kit_written(&w, buf).len, TCP_HLEN + sizeof(want));
	assert_memory_equal(buf + TCP_HLEN, want, sizeof(want));
	assert_int_equal(buf[16] | buf[17], 0); /* the checksum is left to the caller */
}

/* T1: every truncation, at every data offset. */
static void
truncated(void **state)
{
	uint8_t bytes[TCP_HLEN_MAX] = {0};

	(void)state;
	memset(bytes + TCP_HLEN, 1, sizeof(bytes) - TCP_HLEN);
	for (unsigned offset = 0; offset < 16; offset++) {
		for (size_t n = 0; n <= sizeof(bytes); n++) {
			bytes[12] = (uint8_t)(offset << 4);
			uint8_t *block = kit_exact(bytes, n);
			struct rd r = rd_of(view_of(block, n));
			struct tcp_hdr h;
			bool whole = n >= TCP_HLEN && offset >= 5 && n >= offset * 4; /* T2 */

			assert_int_equal(tcp_parse(&r, &h), whole);
			if (whole)
				assert_int_equal(rd_left(&r), n - offset * 4);
			free(block);
		}
	}
}

/* A header with these options, zeros behind them, in a block of its exact size. */
static struct tcp_hdr
parse_with(const uint8_t *options, size_t len)
{
	size_t hlen = TCP_HLEN + (len + 3) / 4 * 4;
	uint8_t bytes[TCP_HLEN_MAX] = {0};
	struct tcp_hdr h;

	assert_true(hlen <= sizeof(bytes));
	bytes[12] = (uint8_t)(hlen / 4 << 4);
	memcpy(bytes + TCP_HLEN, options, len);
	uint8_t *block = kit_exact(bytes, hlen);
	struct rd r = rd_of(view_of(block, hlen));

	assert_true(tcp_parse(&r, &h));
	assert_int_equal(rd_left(&r), 0);
	free(block);
	return h;
}

#define OPTIONS(...) parse_with((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* T3a: an impossible length ends the walk; what was read before it stands, nothing behind it does. */
static void
illegal_lengths(void **state)
{
	static const uint8_t lengths[] = {0, 1, 9, 40, 255};

	(void)state;
	for (unsigned kind = 2; kind < 256; kind++) {
		for (size_t i = 0; i < sizeof(lengths); i++) {
			struct tcp_hdr h =
			    OPTIONS(2, 4, 0x05, 0xb4, (uint8_t)kind, lengths[i], 3, 3, 7, 4, 2, 1);

			assert_int_equal(h.mss, 1460);
			assert_false(h.has_wscale);
			assert_false(h.sack_ok);
			assert_int_equal(h.nsack, 0);
		}
	}
	struct tcp_hdr last = OPTIONS(1, 1, 1, 2); /* a kind, and no length */

	assert_int_equal(last.mss, 0);
}

/* T3a, T3f, MUST-6, MUST-68: unknown options are stepped over, at any alignment; END is the end. */
static void
unknown_options(void **state)
{
	struct tcp_hdr h =
	    OPTIONS(1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 34, 2, 255, 3, 9, 2, 4, 0x05, 0xb4, 3, 3, 7);

	(void)state;
	assert_int_equal(h.mss, 1460);
	assert_int_equal(h.wscale, 7);
	h = OPTIONS(0, 2, 2, 4, 0x05, 0xb4);
	assert_int_equal(h.mss, 0);
	uint8_t nops[40];

	memset(nops, 1, sizeof(nops));
	h = parse_with(nops, sizeof(nops));
	assert_int_equal(h.hlen, TCP_HLEN_MAX);
}

/* T3b, T3c: values are reported as sent, and a known kind with another length is unknown. */
static void
mss_and_window_scale(void **state)
{
	static const uint16_t sizes[] = {0, 1, 8, 47, 48, 536, 65535};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tcp_hdr h = OPTIONS(2, 4, (uint8_t)(sizes[i] >> 8), (uint8_t)sizes[i]);

		assert_int_equal(h.mss, sizes[i]);
	}
	assert_int_equal(OPTIONS(2, 3, 5, 0).mss, 0);
	assert_int_equal(OPTIONS(2, 5, 5, 0xb4, 1).mss, 0);
	assert_int_equal(OPTIONS(2, 2, 5, 0xb4).mss, 0);
	assert_int_equal(OPTIONS(3, 3, 255).wscale, 255);
	assert_int_equal(OPTIONS(3, 3, 1, 3, 3, 2).wscale, 2);
	assert_false(OPTIONS(3, 4, 1, 1).has_wscale);
	assert_false(OPTIONS(3, 2).has_wscale);
	assert_true(OPTIONS(4, 2).sack_ok);
	assert_false(OPTIONS(4, 3, 0).sack_ok);
}

/* T3d: whole blocks only, never more than there is room for. */
static void
sack_blocks(void **state)
{
	struct tcp_hdr h = OPTIONS(1, 1, 5, 18, 0, 0, 0, 9, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1);

	(void)state;
	assert_int_equal(h.nsack, 2);
	assert_int_equal(h.sack[0].left, 9); /* reversed or wrapped: the scoreboard's to judge */
	assert_int_equal(h.sack[0].right, 5);
	assert_int_equal(h.sack[1].left, 0xffffffff);
	assert_int_equal(h.sack[1].right, 1);
	for (unsigned len = 2; len <= 40; len++) {
		uint8_t option[40] = {5, (uint8_t)len};

		h = parse_with(option, sizeof(option));
		assert_int_equal(h.nsack, (len - 2) % 8 ? 0 : (len - 2) / 8);
	}
	uint8_t two[40] = {5, 18, [18] = 5, 18};

	h = parse_with(two, sizeof(two));
	assert_int_equal(h.nsack, 4);
	uint8_t five[40] = {5, 18, [18] = 5, 10, [28] = 5, 10};

	h = parse_with(five, sizeof(five));
	assert_int_equal(h.nsack, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),      cmocka_unit_test(padding_is_zero),
	    cmocka_unit_test(truncated),       cmocka_unit_test(illegal_lengths),
	    cmocka_unit_test(unknown_options), cmocka_unit_test(mss_and_window_scale),
	    cmocka_unit_test(sack_blocks),
	};

	return cmocka_run_group_tests_name("tcp_wire", tests, NULL, NULL);
}
