/*
 * hello_test.c - the reader of ClientHellos: rows L1 to L5 and P17 of the catalogue of hostile input
 *
 * Every case is read in one piece, byte by byte and cut in two at every place (short ones) or at many: what is found, and at which
 * byte, must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/unit/hello_kit.h"

static struct hello_bytes ext, msg, wire;

/* In pieces of `piece` bytes, the first one `first` long; *at: bytes given when it was settled. */
static enum hello_reading
read_cut(size_t first, size_t piece, struct hello *h, size_t *at)
{
	struct hello_reader *r = hello_reader_new();
	enum hello_reading got = HELLO_MORE;
	size_t n = first;

	assert_non_null(r);
	*at = 0;
	while (got == HELLO_MORE && *at < wire.len) {
		if (n > wire.len - *at)
			n = wire.len - *at;
		uint8_t *copy = malloc(n ? n : 1); /* exactly as long: a byte too far is seen */

		assert_non_null(copy);
		memcpy(copy, wire.b + *at, n);
		got = hello_read(r, view_of(copy, n), h);
		free(copy);
		*at += n;
		n = piece;
	}
	/* It stays so. */
	struct hello again;
	if (got != HELLO_MORE) {
		assert_int_equal(hello_read(r, view_of("\x16\3\1", 3), &again), got);
		assert_ptr_equal(again.why, h->why);
	}
	h->alpn = view_of(NULL, h->alpn.len); /* it goes with the reader */
	hello_reader_free(r);
	return got;
}

static void
same(const struct hello *a, const struct hello *b)
{
	assert_int_equal(a->has_name, b->has_name);
	assert_true(!a->has_name || name_eq(&a->name, &b->name));
	assert_int_equal(a->ech, b->ech);
	assert_int_equal(a->tls13, b->tls13);
	assert_int_equal(a->alpn.len, b->alpn.len);
	assert_ptr_equal(a->why, b->why);
}

/* What is found in `wire`, however it is cut. */
static enum hello_reading
found(struct hello *h)
{
	struct hello other;
	size_t whole, at;
	enum hello_reading got = read_cut(wire.len, 1, h, &whole);

	assert_int_equal(read_cut(1, 1, &other, &at), got);
	same(h, &other);
	size_t settled = at, step = wire.len > 4000 ? wire.len / 97 + 1 : 1;
	for (size_t first = 1; first < wire.len; first += step) {
		assert_int_equal(read_cut(first, wire.len, &other, &at), got);
		same(h, &other);
	}
	/* And at no byte before. */
	if (got != HELLO_MORE) {
		size_t all = wire.len;

		wire.len = settled - 1;
		assert_int_equal(read_cut(wire.len, 1, &other, &at), HELLO_MORE);
		wire.len = all;
	}
	return got;
}

static void
wrap(size_t piece)
{
	hello_message(&msg, &ext);
	hello_records(&wire, &msg, piece);
}

static void
expect_name(const char *name)
{
	struct hello h;
	char text[NAME_TEXT];

	assert_int_equal(found(&h), HELLO_DONE);
	assert_int_equal(h.has_name, name != NULL);
	if (name)
		assert_string_equal(name_text(&h.name, text), name);
}

static void
expect_bad(const char *why)
{
	struct hello h;

	assert_int_equal(found(&h), HELLO_BAD);
	assert_string_equal(h.why, why);
	assert_false(h.has_name);
}

/* --- L1, L2, checklist 24 and 25: segments and records -------------------------------------------------------------------------------- */

static void
L1_cut_anywhere(void **state)
{
	struct hello h;

	(void)state;
	hello_for(&wire, "api.github.com", 0, 16384);
	expect_name("api.github.com");
	assert_int_equal(found(&h), HELLO_DONE);
	assert_true(h.tls13);
	assert_false(h.ech);
	assert_int_equal(h.alpn.len, 12);
	/* Every beginning of it is unfinished, nothing else. */
	for (size_t all = wire.len, at; all > 1;) {
		wire.len = --all;
		assert_int_equal(read_cut(wire.len, 1, &h, &at), HELLO_MORE);
	}
}

/* A post-quantum hello: about 1.8 kB, two segments. */
static void
L1_long_hello(void **state)
{
	(void)state;
	hello_for(&wire, "pq.example", 1600, 16384);
	expect_name("pq.example");
}

static void
L2_many_records(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 40; piece++) {
		hello_for(&wire, "fragments.example", 300, piece);
		expect_name("fragments.example");
	}
	/* 517 records of one byte. */
	hello_for(&wire, "fragments.example", 517 - 158, 1);
	assert_true(wire.len >= 6 * 500);
	expect_name("fragments.example");
}

static void
L2_empty_records(void **state)
{
	static const uint8_t empty[] = {22, 3, 1, 0, 0};

	(void)state;
	hello_for(&wire, "a.example", 0, 16384);
	memmove(wire.b + 5, wire.b, wire.len);
	memcpy(wire.b, empty, 5);
	wire.len += 5;
	expect_bad("an empty record");
	hello_for(&wire, "a.example", 0, 20);
	memmove(wire.b + 30, wire.b + 25, wire.len - 25);
	memcpy(wire.b + 25, empty, 5);
	wire.len += 5;
	expect_bad("an empty record");
}

static void
L2_records_too_long(void **state)
{
	(void)state;
	memcpy(wire.b, "\x16\3\1\x40\1\1\0\0\1", 9);
	wire.len = 9;
	expect_bad("a record that is too long");
	memcpy(wire.b, "\x16\3\1\xff\xff\1\0\0\1", 9);
	expect_bad("a record that is too long");
}

/* The longest that is read, in the fewest and in small records; one byte more is refused as soon as it says so. */
static void
L2_longest_hello(void **state)
{
	(void)state;
	hello_for(&wire, "long.example", 0, 65536);
	size_t pad = HELLO_MAX - (wire.len - 5) - 4;

	hello_for(&wire, "long.example", pad, 16384);
	assert_int_equal(wire.len, HELLO_MAX + 5);
	expect_name("long.example");
	hello_for(&wire, "long.example", pad, 1000);
	expect_name("long.example");
	hello_for(&wire, "long.example", pad + 1, 1000);
	expect_bad("a ClientHello that is too long");
	/* 64 kB, and the most that three bytes can say. */
	memcpy(wire.b, "\x16\3\1\x40\0\1\1\0\0\3\3", 11);
	wire.len = 11;
	expect_bad("a ClientHello that is too long");
	memcpy(wire.b, "\x16\3\1\x40\0\1\xff\xff\xff\3\3", 11);
	expect_bad("a ClientHello that is too long");
}

static void
L2_coalesced(void **state)
{
	(void)state;
	ext.len = 0;
	hello_sni(&ext, 0, "a.example", 9);
	hello_message(&msg, &ext);
	hello_put(&msg, msg.b, msg.len);
	hello_records(&wire, &msg, 16384);
	expect_bad("more than a ClientHello in its record");
	hello_message(&msg, &ext);
	hello_put_u8(&msg, 0);
	hello_records(&wire, &msg, 16384);
	expect_bad("more than a ClientHello in its record");
	/* What follows in records of its own is not looked at. */
	wrap(16384);
	hello_put(&wire, "\x17\3\3\0\1x", 6);
	expect_name("a.example");
}

static void
L2_other_records_between(void **state)
{
	static const uint8_t types[] = {20, 21, 23, 24, 0, 0x80};

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		hello_for(&wire, "a.example", 0, 50);
		wire.b[55] = types[i];
		expect_bad("another record in the middle of a ClientHello");
	}
}

/* 10,000 records of one byte each, each in a segment of its own. */
static void
L2_long_and_slow(void **state)
{
	struct hello h;
	size_t at;

	(void)state;
	hello_for(&wire, "slow.example", 10000, 1);
	assert_int_equal(read_cut(1, 1, &h, &at), HELLO_DONE);
	assert_int_equal(at, wire.len);
}

/* --- L3, P17: server_name -------------------------------------------------------------------------------------- */

static void
one_sni(const void *name, size_t len)
{
	ext.len = 0;
	hello_sni(&ext, 0, name, len);
	wrap(16384);
}

static void
P17_names_are_canonical(void **state)
{
	static const char *const t[][2] = {
	    {"example.com", "example.com"},         {"EXAMPLE.Com", "example.com"},
	    {"example.com.", "example.com"},        {"a_b.example", "a_b.example"},
	    {"xn--e1a.test", "xn--e1a.test"},       {"localhost", "localhost"},
	    {"1.2.3.4.example", "1.2.3.4.example"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		one_sni(t[i][0], strlen(t[i][0]));
		expect_name(t[i][1]);
	}
}

static void
P17_addresses_are_no_names(void **state)
{
	static const char *const t[] = {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		one_sni(t[i], strlen(t[i]));
		expect_name(NULL);
	}
}

static void
P17_odd_names(void **state)
{
	static const struct {
		const char *name;
		size_t len;
	} t[] = {
	    {"good.example\0.evil.example", 26},
	    {"\0", 1},
	    {".", 1},
	    {"a..b", 4},
	    {".a", 2},
	    {"a b", 3},
	    {"a/b", 3},
	    {"*.a", 3},
	    {"a.example..", 11},
	    {"[::1]", 5},
	    {"a:443", 5},
	    {"\xc3\xbc.de", 5},
	};
	char lengthy[300];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		one_sni(t[i].name, t[i].len);
		expect_bad("a server_name that is no name");
	}
	memset(lengthy, 'a', sizeof(lengthy));
	for (size_t i = 63; i < sizeof(lengthy); i += 64)
		lengthy[i] = '.';
	one_sni(lengthy, 253);
	lengthy[253] = '\0';
	expect_name(lengthy);
	lengthy[253] = 'a';
	one_sni(lengthy, 254);
	expect_bad("a server_name that is no name");
	one_sni(lengthy, 300);
	expect_bad("a server_name that is no name");
	memset(lengthy, 'a', 64);
	one_sni(lengthy, 64);
	expect_bad("a server_name that is no name");
	one_sni("", 0);
	expect_bad("an empty name in server_name");
}

static void
L3_server_name_lists(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *why;
	} t[] = {
	    {"\0\x08\0\0\1a\0\0\1b", 10, "more than one server_name"},
	    {"\0\x08\0\0\1a\1\0\1b", 10, "more than one server_name"},
	    {"\0\4\1\0\1a", 6, "a server_name of another type than host_name"},
	    {"\0\4\xff\0\1a", 6, "a server_name of another type than host_name"},
	    {"", 0, "a server_name whose lengths do not add up"},
	    {"\0", 1, "a server_name whose lengths do not add up"},
	    {"\0\0", 2, "a server_name whose lengths do not add up"},
	    {"\0\4\0\0\1a\0", 7, "a server_name whose lengths do not add up"},
	    {"\0\5\0\0\1a", 6, "a server_name whose lengths do not add up"},
	    {"\0\4\0\0\2a", 6, "a server_name whose lengths do not add up"},
	    {"\0\3\0\0\1a", 6, "a server_name whose lengths do not add up"},
	    {"\0\5\0\0\1ab", 7, "more than one server_name"},
	    {"\xff\xff\0\0\1a", 6, "a server_name whose lengths do not add up"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ext.len = 0;
		hello_ext(&ext, 0, t[i].bytes, t[i].len);
		wrap(16384);
		expect_bad(t[i].why);
	}
	ext.len = 0;
	hello_sni(&ext, 0, "a.example", 9);
	hello_sni(&ext, 0, "a.example", 9);
	wrap(16384);
	expect_bad("an extension twice");
}

/* --- L4: other kinds of hello ---------------------------------------------------------------------------------------- */

static void
L4_no_extensions(void **state)
{
	(void)state;
	hello_message(&msg, NULL);
	hello_records(&wire, &msg, 16384);
	expect_name(NULL);
	ext.len = 0;
	wrap(16384);
	expect_name(NULL);
}

static void
L4_versions(void **state)
{
	struct hello h;

	(void)state;
	/* SSLv3, TLS 1.0 and 1.3 as records and hellos say them: all the same here. */
	for (uint8_t minor = 0; minor <= 4; minor++) {
		hello_for(&wire, "a.example", 0, 16384);
		wire.b[2] = wire.b[10] = minor;
		expect_name("a.example");
	}
	hello_for(&wire, "a.example", 0, 16384);
	wire.b[1] = 0xfe; /* DTLS */
	expect_bad("a record of an unknown version");
	hello_for(&wire, "a.example", 0, 16384);
	wire.b[9] = 2;
	expect_bad("a ClientHello of an unknown version");
	/* SSLv2, as OpenSSL 0.9.8 sent it: it has no place for a name. */
	memcpy(wire.b, "\x80\x2e\1\3\1\0\x15\0\0\0\x10", 11);
	wire.len = 11;
	assert_int_equal(found(&h), HELLO_NOT);
	/* No version was offered by supported_versions. */
	ext.len = 0;
	hello_ext(&ext, 43, "\2\3\3", 3);
	wrap(16384);
	assert_int_equal(found(&h), HELLO_DONE);
	assert_false(h.tls13);
}

static void
L4_other_protocols(void **state)
{
	struct hello h;

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		wire.b[0] = (uint8_t)first;
		wire.len = 1;
		assert_int_equal(found(&h), first == 22 ? HELLO_MORE : HELLO_NOT);
	}
	for (unsigned type = 0; type < 256; type++) {
		hello_for(&wire, "a.example", 0, 16384);
		wire.b[5] = (uint8_t)type;
		if (type == 1)
			expect_name("a.example");
		else
			expect_bad("a handshake that begins with another message");
	}
}

static void
L4_ech_is_noted(void **state)
{
	static const uint16_t types[] = {0xfe0d, 0xffce};
	struct hello h;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		ext.len = 0;
		hello_sni(&ext, 0, "outer.example", 13);
		hello_ext(&ext, types[i], "\0\0\1\0\1\x2a\0\0\0\0", 10);
		wrap(16384);
		assert_int_equal(found(&h), HELLO_DONE);
		assert_true(h.ech && h.has_name);
	}
}

static void
L4_grease(void **state)
{
	(void)state;
	ext.len = 0;
	for (unsigned i = 0; i < 16; i++)
		hello_ext(&ext, (uint16_t)(0x0a0a + i * 0x1010), "x", i % 2);
	hello_sni(&ext, 0, "g.example", 9);
	hello_ext(&ext, 43, "\6\x0a\x0a\3\4\xfa\xfa", 7);
	hello_ext(&ext, 16, "\0\5\2\x0a\x0a\1\x1a", 7);
	wrap(16384);
	expect_name("g.example");
}

/* --- L5: extensions ----------------------------------------------------------------------------------------------------- */

static void
L5_overruns(void **state)
{
	(void)state;
	for (unsigned over = 1; over < 300; over += 37) {
		ext.len = 0;
		hello_sni(&ext, 0, "a.example", 9);
		hello_ext(&ext, 0x1234, "abc", 3);
		ext.b[ext.len - 4] = (uint8_t)(3 + over);
		ext.b[ext.len - 5] = (uint8_t)((3 + over) >> 8);
		wrap(16384);
		expect_bad("an extension that runs over the end");
	}
	/* A head of an extension that is cut off. */
	for (unsigned n = 1; n < 4; n++) {
		ext.len = 0;
		hello_put(&ext, "\0\0\0\0", n);
		wrap(16384);
		expect_bad("an extension that runs over the end");
	}
	/* The block itself says too much, or too little. */
	ext.len = 0;
	hello_sni(&ext, 0, "a.example", 9);
	for (int off = -3; off <= 3; off++) {
		hello_message(&msg, &ext);
		msg.b[msg.len - ext.len - 1] = (uint8_t)((int)ext.len + off);
		hello_records(&wire, &msg, 16384);
		if (off)
			expect_bad("extensions whose lengths do not add up");
		else
			expect_name("a.example");
	}
}

static void
L5_each_length_in_turn(void **state)
{
	static const struct {
		size_t at; /* in the message */
		uint8_t value;
	} t[] = {{38, 33}, {38, 255}, {71, 255}, {72, 3}, {72, 0}, {72, 5}, {77, 0}, {77, 255}};

	(void)state;
	ext.len = 0;
	hello_sni(&ext, 0, "a.example", 9);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		hello_message(&msg, &ext);
		assert_true(t[i].at < msg.len);
		msg.b[t[i].at] = t[i].value;
		hello_records(&wire, &msg, 16384);

		struct hello h;
		assert_int_equal(found(&h), HELLO_BAD);
	}
	/* A message that ends anywhere before its extensions are whole is no hello. */
	hello_message(&msg, &ext);
	for (size_t body = msg.len - 4 - 1; body > 0; body--) {
		struct hello_bytes *m = &msg;
		struct hello h;
		size_t at;

		m->b[1] = 0;
		m->b[2] = (uint8_t)(body >> 8);
		m->b[3] = (uint8_t)body;
		m->len = body + 4;
		hello_records(&wire, m, 16384);
		/* But for the one place where a hello of TLS 1.2 may end. */
		assert_int_equal(read_cut(wire.len, 1, &h, &at),
				 body == 2 + 32 + 33 + 6 + 2 ? HELLO_DONE : HELLO_BAD);
	}
}

static void
L5_many_extensions(void **state)
{
	(void)state;
	ext.len = 0;
	for (unsigned i = 0; i < 200; i++)
		hello_ext(&ext, (uint16_t)(0x4000 + i), "xyz", i % 4);
	hello_sni(&ext, 0, "two-hundred.example", 19);
	wrap(16384);
	expect_name("two-hundred.example");
	hello_ext(&ext, 0x4000 + 77, NULL, 0);
	wrap(16384);
	expect_bad("an extension twice");
	/* As many as fit: 4 bytes each. */
	ext.len = 0;
	for (unsigned i = 0; i < (HELLO_MAX - 100) / 4; i++)
		hello_ext(&ext, (uint16_t)(0x4000 + i), NULL, 0);
	wrap(16384);
	expect_name(NULL);
}

static void
L5_lists_that_do_not_add_up(void **state)
{
	static const struct {
		uint16_t type;
		const char *bytes;
		size_t len;
		bool good;
	} t[] = {
	    {16, "\0\3\2h2", 5, true}, {16, "\0\2\2h2", 5, false}, {16, "\0\4\2h2", 5, false},
	    {16, "\0\0", 2, false},    {16, "\0\1\0", 3, false},   {16, "\0\3\3h2", 5, false},
	    {16, "", 0, false},        {43, "\2\3\4", 3, true},    {43, "\0", 1, false},
	    {43, "\1\3", 2, false},    {43, "\3\3\4\3", 4, false}, {43, "\2\3\4\0", 4, false},
	    {43, "\4\3\4", 3, false},  {21, "\0\0\0", 3, true},    {0xfe0d, "", 0, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hello h;

		ext.len = 0;
		hello_ext(&ext, t[i].type, t[i].bytes, t[i].len);
		wrap(16384);
		assert_int_equal(found(&h), t[i].good ? HELLO_DONE : HELLO_BAD);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(L1_cut_anywhere),
	    cmocka_unit_test(L1_long_hello),
	    cmocka_unit_test(L2_many_records),
	    cmocka_unit_test(L2_empty_records),
	    cmocka_unit_test(L2_records_too_long),
	    cmocka_unit_test(L2_longest_hello),
	    cmocka_unit_test(L2_coalesced),
	    cmocka_unit_test(L2_other_records_between),
	    cmocka_unit_test(L2_long_and_slow),
	    cmocka_unit_test(P17_names_are_canonical),
	    cmocka_unit_test(P17_addresses_are_no_names),
	    cmocka_unit_test(P17_odd_names),
	    cmocka_unit_test(L3_server_name_lists),
	    cmocka_unit_test(L4_no_extensions),
	    cmocka_unit_test(L4_versions),
	    cmocka_unit_test(L4_other_protocols),
	    cmocka_unit_test(L4_ech_is_noted),
	    cmocka_unit_test(L4_grease),
	    cmocka_unit_test(L5_overruns),
	    cmocka_unit_test(L5_each_length_in_turn),
	    cmocka_unit_test(L5_many_extensions),
	    cmocka_unit_test(L5_lists_that_do_not_add_up),
	};

	return cmocka_run_group_tests_name("ClientHello", tests, NULL, NULL);
}
