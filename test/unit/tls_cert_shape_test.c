/*
 * tls_cert_shape_test.c - elements of DER and certificates put together by hand, each wrong in one place
 *
 * What no tool would make: lengths that are longer than they need be, keys that are none, extensions twice, constraints
 * of forms that are compared with nothing.  Nothing here has a true signature: only what is read before one is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls/cert.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(text) view_of((text), sizeof(text) - 1)

/* --- writing DER ----------------------------------------------------------------------------------------------- */

struct buf {
	uint8_t b[4096];
	size_t len;
};

static struct view
all_of(const struct buf *b)
{
	return view_of(b->b, b->len);
}

static void
raw(struct buf *b, struct view v)
{
	assert_true(b->len + v.len <= sizeof(b->b));
	if (v.len)
		memcpy(b->b + b->len, v.p, v.len);
	b->len += v.len;
}

static void
put(struct buf *b, uint8_t tag, struct view v)
{
	struct wr w = wr_of(b->b + b->len, sizeof(b->b) - b->len);

	der_put(&w, tag, v);
	assert_false(w.bad);
	b->len = (size_t)(w.p - b->b);
}

/* --- elements --------------------------------------------------------------------------------------------------- */

static bool
reads(struct view v, uint8_t tag, size_t len)
{
	uint8_t *exact = malloc(v.len ? v.len : 1);
	struct rd r;

	assert_non_null(exact);
	if (v.len)
		memcpy(exact, v.p, v.len);
	r = rd_of(view_of(exact, v.len));
	struct view got = der_take(&r, tag);
	bool good = !r.bad;

	if (good)
		assert_int_equal(got.len, len);
	else
		assert_null(got.p);
	free(exact);
	return good;
}

static void
lengths_are_as_short_as_they_can_be(void **state)
{
	struct buf b = {.len = 0};
	static const uint8_t zeros[300];

	(void)state;
	assert_true(reads(BYTES("\x04\x00"), DER_OCTETS, 0));
	assert_true(reads(BYTES("\x04\x01x"), DER_OCTETS, 1));
	assert_false(reads(BYTES("\x04\x01"), DER_OCTETS, 0));
	assert_false(reads(BYTES("\x04"), DER_OCTETS, 0));
	assert_false(reads(BYTES(""), DER_OCTETS, 0));
	assert_false(reads(BYTES("\x04\x81\x01x"), DER_OCTETS, 1));     /* short enough for one byte */
	assert_false(reads(BYTES("\x04\x82\x00\x01x"), DER_OCTETS, 1)); /* begins with a zero */
	assert_false(reads(BYTES("\x04\x80x\0\0"), DER_OCTETS, 1));     /* indefinite */
	assert_false(reads(BYTES("\x04\x84\1\0\0\0"), DER_OCTETS, 1));  /* four bytes of it */
	assert_false(reads(BYTES("\x04\xff"), DER_OCTETS, 1));
	assert_false(reads(BYTES("\x1f\x01x"), 0x1f, 1)); /* a longer tag */
	for (size_t n = 126; n < 130; n++) {
		b.len = 0;
		put(&b, DER_OCTETS, view_of(zeros, n));
		assert_int_equal(b.len, n + (n < 128 ? 2 : 3));
		assert_true(reads(all_of(&b), DER_OCTETS, n));
		assert_false(reads(all_of(&b), DER_BITS, n));
	}
}

static void
small_numbers_and_flags(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool good;
		uint32_t n;
	} numbers[] = {
	    {"\x02\x01\x00", 3, true, 0},
	    {"\x02\x01\x7f", 3, true, 127},
	    {"\x02\x02\x00\x80", 4, true, 128},
	    {"\x02\x04\x7f\xff\xff\xff", 6, true, INT32_MAX},
	    {"\x02\x01\x80", 3, false, 0}, /* below 0 */
	    {"\x02\x05\x00\xff\xff\xff\xff", 7, false, 0},
	    {"\x02\x00", 2, false, 0},
	    {"\x03\x01\x00", 3, false, 0},
	};
	struct rd r;

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		r = rd_of(view_of(numbers[i].bytes, numbers[i].len));
		assert_int_equal(der_small(&r), numbers[i].n);
		assert_int_equal(!r.bad, numbers[i].good);
	}
	r = rd_of(BYTES("\x01\x01\xff"));
	assert_true(der_flag(&r) && !r.bad);
	r = rd_of(BYTES("\x01\x01\x00"));
	assert_true(!der_flag(&r) && !r.bad);
	r = rd_of(BYTES("\x02\x01\x00")); /* left out */
	assert_true(!der_flag(&r) && !r.bad && rd_left(&r) == 3);
	r = rd_of(BYTES("\x01\x02\xff\xff"));
	assert_true(!der_flag(&r) && r.bad);
}

static void
dates(void **state)
{
	static const struct {
		const char *text;
		bool general, good;
		uint64_t at;
	} rows[] = {
	    {"700101000000Z", false, true, 0},
	    {"691231235959Z", false, true, 0}, /* before all times */
	    {"490101000000Z", false, true, 2493072000},
	    {"500101000000Z", false, true, 0},
	    {"000229120000Z", false, true, 951825600},
	    {"20000229120000Z", true, true, 951825600},
	    {"99991231235959Z", true, true, 253402300799},
	    {"19691231235959Z", true, true, 0},
	    {"00000101000000Z", true, true, 0},
	    {"7001010000Z", false, false, 0},    /* no seconds */
	    {"700101000000", false, false, 0},   /* of no zone */
	    {"700101000000+0", false, false, 0}, /* of another */
	    {"700101000000Zx", false, false, 0},
	    {"700001000000Z", false, false, 0},
	    {"701301000000Z", false, false, 0},
	    {"700100000000Z", false, false, 0},
	    {"700132000000Z", false, false, 0},
	    {"700101240000Z", false, false, 0},
	    {"700101006000Z", false, false, 0},
	    {"700101000060Z", false, false, 0},
	    {"70010100000xZ", false, false, 0},
	    {"", false, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = {.len = 0};

		put(&b, rows[i].general ? DER_GENERAL_TIME : DER_UTC_TIME,
		    view_of(rows[i].text, strlen(rows[i].text)));
		struct rd r = rd_of(all_of(&b));
		uint64_t at = der_time(&r);

		if (r.bad == rows[i].good || at != rows[i].at)
			fail_msg("%s: %llu, %s", rows[i].text, (unsigned long long)at,
				 r.bad ? "bad" : "good");
	}
}

/* --- a certificate ---------------------------------------------------------------------------------------------- */

/* Its parts, each in DER; what is left empty is what is usual. */
struct parts {
	struct view version, algorithm, inner_algorithm, key, extensions, behind;
};

#define SHA256_RSA BYTES("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")
#define P256 BYTES("\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")

static void
put_key(struct buf *to, struct view algorithm, struct view bits)
{
	struct buf info = {.len = 0};

	put(&info, DER_SEQUENCE, algorithm);
	put(&info, DER_BITS, bits);
	put(to, DER_SEQUENCE, all_of(&info));
}

static struct view
or_else(struct view v, struct view usual)
{
	return v.p ? v : usual;
}

static void
certificate(struct buf *to, const struct parts *p)
{
	struct buf tbs = {.len = 0}, all = {.len = 0}, when = {.len = 0};

	put(&tbs, DER_CONTEXT_SET + 0, or_else(p->version, BYTES("\x02\x01\x02")));
	put(&tbs, DER_INTEGER, BYTES("\x01"));
	put(&tbs, DER_SEQUENCE, or_else(p->inner_algorithm, or_else(p->algorithm, SHA256_RSA)));
	put(&tbs, DER_SEQUENCE, BYTES("i"));
	put(&when, DER_UTC_TIME, BYTES("200101000000Z"));
	put(&when, DER_UTC_TIME, BYTES("300101000000Z"));
	put(&tbs, DER_SEQUENCE, all_of(&when));
	put(&tbs, DER_SEQUENCE, BYTES("s"));
	if (p->key.p)
		raw(&tbs, p->key);
	else
		put_key(&tbs, P256, BYTES("\0\4xy"));
	raw(&tbs, p->extensions);
	put(&all, DER_SEQUENCE, all_of(&tbs));
	put(&all, DER_SEQUENCE, or_else(p->algorithm, SHA256_RSA));
	put(&all, DER_BITS, BYTES("\0sig"));
	raw(&all, p->behind);
	to->len = 0;
	put(to, DER_SEQUENCE, all_of(&all));
}

static enum verify_fault
fault_of(const struct parts *p, const char **why)
{
	struct buf b;
	struct cert c;

	certificate(&b, p);
	uint8_t *exact = malloc(b.len);

	assert_non_null(exact);
	memcpy(exact, b.b, b.len);
	bool good = cert_read(view_of(exact, b.len), 4096, &c);

	assert_int_equal(good, c.fault != VERIFY_UNREADABLE);
	*why = c.fault != VERIFY_GOOD ? c.why : c.signed_fault != VERIFY_GOOD ? c.signed_why : "";
	free(exact);
	return c.fault;
}

static void
is_unreadable(const struct parts *p)
{
	const char *why;

	assert_int_equal(fault_of(p, &why), VERIFY_UNREADABLE);
	assert_string_equal(why, "cannot be read");
}

static void
the_frame_of_a_certificate(void **state)
{
	static const char *const versions[] = {"\x02\x01\x03", "\x02\x01\x02\x05\x00", "\x04\x01\x02"};
	static const size_t lens[] = {3, 5, 3};
	const char *why;

	(void)state;
	assert_int_equal(fault_of(&(struct parts){.behind = {0}}, &why), VERIFY_GOOD);
	assert_string_equal(why, "");
	for (size_t i = 0; i < COUNT(lens); i++)
		is_unreadable(&(struct parts){.version = view_of(versions[i], lens[i])});
	is_unreadable(&(struct parts){.behind = BYTES("\x05\x00")});
	/* What is signed says another algorithm than the signature. */
	is_unreadable(&(struct parts){.inner_algorithm =
					  BYTES("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00")});
	/* Extensions are of version 3 (RFC 5280 4.1.2.1), once, and all of what is left. */
	is_unreadable(
	    &(struct parts){.version = BYTES("\x02\x01\x01"), .extensions = BYTES("\xa3\x02\x30\x00")});
	is_unreadable(&(struct parts){.extensions = BYTES("\xa3\x04\x30\x00\x05\x00")});
	is_unreadable(&(struct parts){.extensions = BYTES("\xa3\x02\x30\x00\xa3\x02\x30\x00")});
	assert_int_equal(
	    fault_of(&(struct parts){.extensions = BYTES("\x81\x01\x00\x82\x01\x00\xa3\x02\x30\x00")}, &why),
	    VERIFY_GOOD);
	is_unreadable(&(struct parts){
	    .extensions = BYTES("\x82\x01\x00\x81\x01\x00")}); /* unique ids the wrong way round */
}

/* Algorithms that nobody should sign with any more, and those nobody knows. */
static void
algorithms_of_signatures(void **state)
{
	static const struct {
		const char *oid;
		size_t len;
		bool good;
	} rows[] = {
	    {"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00", 13, true},  /* SHA-256 with RSA */
	    {"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00", 13, true},  /* SHA-512 with RSA */
	    {"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x05\x00", 13, true},  /* PSS */
	    {"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00", 13, false}, /* SHA-1 with RSA */
	    {"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04\x05\x00", 13, false}, /* MD5 with RSA */
	    {"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e\x05\x00", 13, false}, /* SHA-224 with RSA */
	    {"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00", 13, false}, /* no hash at all */
	    {"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0f\x05\x00", 13, false},
	    {"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", 10, true},  /* ECDSA with SHA-256 */
	    {"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04", 10, true},  /* ECDSA with SHA-512 */
	    {"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x01", 10, false}, /* ECDSA with SHA-224 */
	    {"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x05", 10, false},
	    {"\x06\x07\x2a\x86\x48\xce\x3d\x04\x01", 9, false}, /* ECDSA with SHA-1 */
	    {"\x06\x03\x2b\x65\x70", 5, false},                 /* Ed25519 */
	};
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    fault_of(&(struct parts){.algorithm = view_of(rows[i].oid, rows[i].len)}, &why),
		    VERIFY_GOOD);
		if (rows[i].good != (why[0] == '\0'))
			fail_msg("row %zu: %s", i, why);
	}
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

/* INTEGERs n and e, as they stand there; unused: bits of the BIT STRING. */
static enum verify_fault
rsa(struct view n, struct view e, uint8_t unused, const char **why)
{
	struct buf numbers = {.len = 0}, bits = {.len = 0}, key = {.len = 0};

	put(&numbers, DER_INTEGER, n);
	put(&numbers, DER_INTEGER, e);
	raw(&bits, view_of(&unused, 1));
	put(&bits, DER_SEQUENCE, all_of(&numbers));
	put_key(&key, BYTES("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"), all_of(&bits));
	return fault_of(&(struct parts){.key = all_of(&key)}, why);
}

static void
rsa_keys_that_are_none(void **state)
{
	static uint8_t n[600];
	const struct view e = BYTES("\x01\x00\x01");
	const char *why;

	(void)state;
	memset(n, 0xab, sizeof(n));
	n[0] = 0;
	assert_int_equal(rsa(view_of(n, 257), e, 0, &why), VERIFY_GOOD);
	assert_int_equal(rsa(view_of(n, 513), e, 0, &why), VERIFY_GOOD);
	assert_int_equal(rsa(view_of(n, 514), e, 0, &why), VERIFY_BOUNDS);
	assert_string_equal(why, "has an RSA key of more bits than are used here");
	assert_int_equal(rsa(view_of(n, 256), e, 0, &why), VERIFY_WEAK);
	assert_string_equal(why, "has an RSA key of less than 2048 bits");
	n[1] = 0x7f; /* 2047 bits: the zero before it is one too many */
	assert_int_equal(rsa(view_of(n, 257), e, 0, &why), VERIFY_UNREADABLE);
	assert_int_equal(rsa(view_of(n + 1, 256), e, 0, &why), VERIFY_WEAK);
	n[1] = 0xab;
	assert_int_equal(rsa(view_of(n, 257), e, 1, &why), VERIFY_UNREADABLE);
	assert_int_equal(rsa(view_of(n + 1, 256), e, 0, &why), VERIFY_UNREADABLE); /* below 0 */
	assert_int_equal(rsa(view_of(n, 0), e, 0, &why), VERIFY_UNREADABLE);
	n[256] = 0xaa;
	assert_int_equal(rsa(view_of(n, 257), e, 0, &why), VERIFY_BOUNDS);
	assert_string_equal(why, "has an RSA key that is none");
	n[256] = 0xab;
	assert_int_equal(rsa(BYTES("\0"), e, 0, &why), VERIFY_WEAK); /* of no bits */
}

static void
rsa_exponents(void **state)
{
	static const struct {
		const char *e;
		size_t len;
		enum verify_fault fault;
	} rows[] = {
	    {"\x03", 1, VERIFY_GOOD},
	    {"\x00\xff", 2, VERIFY_GOOD},
	    {"\x7f\xff\xff\xff", 4, VERIFY_GOOD},
	    {"\x00\xff\xff\xff\xff", 5, VERIFY_GOOD},
	    {"\x01\x00\x00\x00\x01", 5, VERIFY_BOUNDS},
	    {"\x01", 1, VERIFY_BOUNDS},
	    {"\x02", 1, VERIFY_BOUNDS},
	    {"\x01\x00\x02", 3, VERIFY_BOUNDS},
	    {"\x00", 1, VERIFY_BOUNDS},
	    {"\xff", 1, VERIFY_UNREADABLE},
	    {"\x00\x01", 2, VERIFY_UNREADABLE},
	    {"", 0, VERIFY_UNREADABLE},
	};
	static uint8_t n[257];
	const char *why;

	(void)state;
	memset(n, 0xab, sizeof(n));
	n[0] = 0;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rsa(view_of(n, sizeof(n)), view_of(rows[i].e, rows[i].len), 0, &why) != rows[i].fault)
			fail_msg("row %zu: %s", i, why);
}

static void
keys_on_curves(void **state)
{
	static const struct {
		const char *algorithm;
		size_t len;
		enum verify_fault fault;
	} rows[] = {
	    {"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 19, VERIFY_GOOD},
	    {"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22", 16, VERIFY_GOOD},
	    {"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23", 16, VERIFY_GOOD},
	    {"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x0a", 16, VERIFY_BOUNDS},
	    {"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x30\x00", 11, VERIFY_BOUNDS}, /* spelled out */
	    {"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", 9, VERIFY_BOUNDS},
	    {"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x7f\x2b", 12, VERIFY_UNREADABLE},
	    {"\x06\x03\x2b\x65\x70", 5, VERIFY_BOUNDS}, /* Ed25519 */
	};
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf key = {.len = 0};

		put_key(&key, view_of(rows[i].algorithm, rows[i].len), BYTES("\0\4xy"));
		if (fault_of(&(struct parts){.key = all_of(&key)}, &why) != rows[i].fault)
			fail_msg("row %zu: %s", i, why);
	}
}

/* --- extensions -------------------------------------------------------------------------------------------------- */

/* n extensions, each a 2.5.29.id, critical or not, with that value. */
struct ext {
	uint8_t id;
	bool critical;
	struct view value;
};

static enum verify_fault
with_extensions(const struct ext *e, size_t n, const char **why)
{
	struct buf list = {.len = 0}, outer = {.len = 0}, all = {.len = 0};

	for (size_t i = 0; i < n; i++) {
		struct buf one = {.len = 0};
		const uint8_t oid[] = {0x55, 0x1d, e[i].id};

		put(&one, DER_OID, view_of(oid, sizeof(oid)));
		if (e[i].critical)
			put(&one, DER_BOOLEAN, BYTES("\xff"));
		put(&one, DER_OCTETS, e[i].value);
		put(&list, DER_SEQUENCE, all_of(&one));
	}
	put(&outer, DER_SEQUENCE, all_of(&list));
	put(&all, DER_CONTEXT_SET + 3, all_of(&outer));
	return fault_of(&(struct parts){.extensions = all_of(&all)}, why);
}

static void
extensions_one_by_one(void **state)
{
	static const struct {
		uint8_t id;
		bool critical;
		const char *value;
		size_t len;
		enum verify_fault fault;
	} rows[] = {
	    {19, true, "\x30\x00", 2, VERIFY_GOOD},
	    {19, true, "\x30\x03\x01\x01\xff", 5, VERIFY_GOOD},
	    {19, true, "\x30\x06\x01\x01\xff\x02\x01\x00", 8, VERIFY_GOOD},
	    {19, true, "\x30\x03\x02\x01\x00", 5, VERIFY_UNREADABLE}, /* a length of paths, and no CA */
	    {19, true, "\x30\x05\x01\x01\xff\x05\x00", 7, VERIFY_UNREADABLE}, /* more than there may be */
	    {19, true, "\x30\x00\x05\x00", 4, VERIFY_UNREADABLE},             /* likewise, behind it */
	    {15, true, "\x03\x02\x07\x80", 4, VERIFY_GOOD},
	    {15, true, "\x03\x01\x00", 3, VERIFY_GOOD}, /* none of the bits */
	    {15, true, "\x03\x02\x08\x80", 4, VERIFY_UNREADABLE},
	    {15, true, "\x03\x00", 2, VERIFY_UNREADABLE},
	    {14, false, "\x04\x00", 2, VERIFY_GOOD},
	    {17, false, "\x30\x00", 2, VERIFY_GOOD},
	    {17, false, "\x31\x00", 2, VERIFY_UNREADABLE},
	    {30, true, "\x30\x00", 2, VERIFY_GOOD},
	    {32, true, "anything", 8, VERIFY_GOOD},
	    {35, false, "\x30\x00", 2, VERIFY_GOOD},
	    {35, false, "\x30\x03\x80\x01x", 5, VERIFY_GOOD},
	    {35, false, "\x30\x03\x80\x7fx", 5, VERIFY_UNREADABLE},
	    {37, false, "\x30\x00", 2, VERIFY_GOOD},
	    {54, false, "x", 1, VERIFY_GOOD},
	    {54, true, "x", 1, VERIFY_UNREADABLE},
	    {90, true, "x", 1, VERIFY_UNREADABLE},
	};
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ext e = {rows[i].id, rows[i].critical, view_of(rows[i].value, rows[i].len)};

		if (with_extensions(&e, 1, &why) != rows[i].fault)
			fail_msg("row %zu: %s", i, why);
	}
}

static void
extensions_twice(void **state)
{
	const struct ext known[2] = {{17, false, BYTES("\x30\x00")}, {17, false, BYTES("\x30\x00")}};
	const struct ext unused[2] = {{54, false, BYTES("x")}, {54, false, BYTES("y")}};
	const struct ext beyond[2] = {{90, false, BYTES("x")}, {90, false, BYTES("y")}};
	const char *why;

	(void)state;
	assert_int_equal(with_extensions(known, 1, &why), VERIFY_GOOD);
	assert_int_equal(with_extensions(known, 2, &why), VERIFY_UNREADABLE);
	assert_int_equal(with_extensions(unused, 2, &why), VERIFY_UNREADABLE);
	assert_int_equal(with_extensions(beyond, 2, &why), VERIFY_GOOD);
}

static void
usages_of_servers(void **state)
{
	static const struct {
		const char *list;
		size_t len;
		bool is;
	} rows[] = {
	    {"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", 10, true},
	    {"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", 20, true},
	    {"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02", 10, false},
	    {"\x06\x04\x55\x1d\x25\x00", 6, false}, /* any */
	    {"", 0, false},
	    {"\x05\x00\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", 12, false}, /* broken before it */
	};

	(void)state;
	assert_true(cert_is_for_servers(&(struct cert){.ext_usage = {NULL, 0}}));
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(
		    cert_is_for_servers(&(struct cert){.ext_usage = view_of(rows[i].list, rows[i].len)}),
		    rows[i].is);
}

/* --- constraints ------------------------------------------------------------------------------------------------- */

/* Of an issuer, what is permitted and excluded; and a name or an address that is asked for. */
static bool
allows(const char *constraints, size_t len, const char *asked, unsigned left)
{
	uint8_t *exact = malloc(len ? len : 1);
	struct cert ca = {.constraints = {exact, len}};
	struct name name;
	struct addr addr;
	bool is;

	assert_non_null(exact);
	memcpy(exact, constraints, len);
	if (addr_parse(asked, &addr)) {
		is = cert_constraints_allow_name(&ca, NULL, &addr, &left);
	} else {
		assert_true(name_parse(asked, strlen(asked), &name));
		is = cert_constraints_allow_name(&ca, &name, NULL, &left);
	}
	free(exact);
	return is;
}

/* GeneralSubtree of a name, an address with its mask, a mailbox. */
#define DNS_TEN(name) "\x30\x0c\x82\x0a" name
#define IP_FOUR(bytes) "\x30\x0a\x87\x08" bytes

static void
constraints_of_names_and_addresses(void **state)
{
#define PERMITTED_DNS "\xa0\x0e" DNS_TEN("in.example")
#define EXCLUDED_DNS "\xa1\x0e" DNS_TEN("in.example")
#define PERMITTED_TEN "\xa0\x0c" IP_FOUR("\x0a\x00\x00\x00\xff\x00\x00\x00")
	static const struct {
		const char *constraints, *asked;
		size_t len;
		bool is;
	} rows[] = {
	    {"", "a.example", 0, true}, /* nothing is constrained */
	    {PERMITTED_DNS, "in.example", 16, true},
	    {PERMITTED_DNS, "a.in.example", 16, true},
	    {PERMITTED_DNS, "out.example", 16, false},
	    {PERMITTED_DNS, "10.0.0.1", 16, true}, /* addresses are not spoken of */
	    {EXCLUDED_DNS, "a.in.example", 16, false},
	    {EXCLUDED_DNS, "out.example", 16, true},
	    {PERMITTED_DNS EXCLUDED_DNS, "in.example", 32, false},
	    {EXCLUDED_DNS PERMITTED_DNS, "out.example", 32,
	     false}, /* the wrong way round: nothing is allowed */
	    {EXCLUDED_DNS PERMITTED_DNS, "in.example", 32, false},
	    {PERMITTED_TEN, "10.1.2.3", 14, true},
	    {PERMITTED_TEN, "11.1.2.3", 14, false},
	    {PERMITTED_TEN, "2001:db8::1", 14, false},
	    {PERMITTED_TEN, "a.example", 14, true},
	    {"\xa0\x07\x30\x05\x87\x03\x0a\x00\x00", "10.0.0.1", 9, false}, /* neither family's */
	    {"\xa0\x04\x30\x02\x82\x00", "a.example", 6, true},             /* every name */
	    {"\xa0\x05\x30\x03\x82\x01.", "a.example", 7, true},
	    {"\xa0\x08\x30\x06\x82\x04.a..", "a.example", 10, false},  /* a name that is none */
	    {"\xa0\x05\x30\x03\xa2\x01x", "a.example", 7, false},      /* of the type, in another form */
	    {"\xa0\x05\x30\x03\x81\x01x", "a.example", 7, true},       /* mail */
	    {"\xa0\x08\x30\x06\x82\x01x\x80\x01\x00", "x", 10, false}, /* a minimum */
	    {"\xa0\x02\x30\x7f", "a.example", 4, false},
	    {"\xa0\x02\x05\x00", "a.example", 4, false},
	    {"\x05\x00", "a.example", 2, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (allows(rows[i].constraints, rows[i].len, rows[i].asked, 10) != rows[i].is)
			fail_msg("row %zu: %s", i, rows[i].asked);
	/* Work is bounded over a chain: what cannot be looked at is not allowed. */
	assert_true(allows(PERMITTED_DNS, 16, "in.example", 1));
	assert_false(allows(PERMITTED_DNS, 16, "in.example", 0));
}

/* The names a certificate has, against its issuer's constraints. */
static bool
allows_certificate(struct view constraints, struct view subject, struct view alt)
{
	struct cert ca = {.constraints = constraints}, c = {.subject = subject, .alt = alt};
	unsigned left = 50;

	return cert_constraints_allow(&ca, &c, &left);
}

static void
constraints_of_a_certificate(void **state)
{
	const struct view none = view_of(NULL, 0), dns = BYTES(PERMITTED_DNS);
	/* C=X as a set, in a directory name: permitted, excluded. */
	const struct view permitted = BYTES("\xa0\x07\x30\x05\xa4\x03\x30\x01s");
	const struct view excluded = BYTES("\xa1\x07\x30\x05\xa4\x03\x30\x01s");

	(void)state;
	assert_true(allows_certificate(none, BYTES("s"), BYTES("\x82\x01x")));
	assert_true(allows_certificate(dns, none, BYTES("\x82\x0ain.example")));
	assert_true(allows_certificate(dns, none, BYTES("\x82\x0c*.in.example")));
	assert_false(allows_certificate(dns, none, BYTES("\x82\x0ain.example\x82\x0bout.example")));
	assert_false(allows_certificate(dns, none, BYTES("\x82\x03\xff..")));
	assert_false(allows_certificate(dns, none, BYTES("\x82\x7fin.example")));
	assert_true(allows_certificate(dns, BYTES("s"), none)); /* directories are not spoken of */
	assert_true(allows_certificate(permitted, BYTES("s"), none));
	assert_true(allows_certificate(permitted, BYTES("st"), none)); /* begins so */
	assert_false(allows_certificate(permitted, BYTES("t"), none));
	assert_false(allows_certificate(permitted, BYTES(""), BYTES("\xa4\x03\x30\x01t")));
	assert_true(allows_certificate(permitted, BYTES(""), BYTES("\xa4\x03\x30\x01s")));
	assert_false(allows_certificate(permitted, BYTES(""), BYTES("\xa4\x03\x31\x01s")));
	assert_false(allows_certificate(excluded, BYTES("s"), none));
	/* Others bytes may be the same name: where a directory is excluded, none is allowed. */
	assert_false(allows_certificate(excluded, BYTES("t"), none));
	assert_false(allows_certificate(BYTES("\xa0\x05\x30\x03\xa4\x01x"), BYTES("s"), none));
	assert_false(allows_certificate(BYTES("\xa0\x07\x30\x05\xa4\x03\x30\x7fs"), BYTES("s"), none));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lengths_are_as_short_as_they_can_be),
	    cmocka_unit_test(small_numbers_and_flags),
	    cmocka_unit_test(dates),
	    cmocka_unit_test(the_frame_of_a_certificate),
	    cmocka_unit_test(algorithms_of_signatures),
	    cmocka_unit_test(rsa_keys_that_are_none),
	    cmocka_unit_test(rsa_exponents),
	    cmocka_unit_test(keys_on_curves),
	    cmocka_unit_test(extensions_one_by_one),
	    cmocka_unit_test(extensions_twice),
	    cmocka_unit_test(usages_of_servers),
	    cmocka_unit_test(constraints_of_names_and_addresses),
	    cmocka_unit_test(constraints_of_a_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
