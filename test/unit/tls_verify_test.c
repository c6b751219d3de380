/*
 * tls_verify_test.c - what certs.sh cannot make: bounds, costs, hostile bytes, ways that lead nowhere, and no
 * roots at all
 *
 * The chains of cost are printed with the work they were given; that it is bounded is asserted in signatures,
 * not in time.
 */
#include <time.h>

#include "test/bed/cert_kit.h"
#include "test/unit/tls_kit.h"
#include "tls/path.h"
#include "tls/verify.h"

#define CERTS 12

static uint64_t seed = 1;
static struct tls *tls;
static mbedtls_pk_context p256, other, p384, p521, rsa, giant;
static struct name site;

static uint8_t der[CERTS + 4][CERT_KIT_MAX];
static struct view cert[CERTS + 4];
static int n;
static struct verify_answer answer;
static uint8_t alt_bytes[CERT_KIT_MAX], more_bytes[CERT_KIT_MAX];
static struct wr alt, more;

static int
begin(void **state)
{
	(void)state;
	tls = kit_tls(&seed);
	cert_kit_ec(tls, MBEDTLS_ECP_DP_SECP256R1, &p256);
	cert_kit_ec(tls, MBEDTLS_ECP_DP_SECP256R1, &other);
	cert_kit_ec(tls, MBEDTLS_ECP_DP_SECP384R1, &p384);
	cert_kit_ec(tls, MBEDTLS_ECP_DP_SECP521R1, &p521);
	cert_kit_rsa(tls, 4096, 0xffffffff, &rsa);
	cert_kit_rsa(tls, 8192, 0xffffffff, &giant);
	site = kit_name("site.test");
	return 0;
}

static int
end(void **state)
{
	mbedtls_pk_context *all[] = {&p256, &other, &p384, &p521, &rsa, &giant};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		mbedtls_pk_free(all[i]);
	tls_free(tls);
	return 0;
}

/* --- chains of a few words -------------------------------------------------------------------------- */

static int
fresh(void **state)
{
	(void)state;
	n = 0;
	alt = wr_of(alt_bytes, sizeof(alt_bytes));
	more = wr_of(more_bytes, sizeof(more_bytes));
	return 0;
}

static void
also_for(uint8_t type, const void *p, size_t len)
{
	der_put(&alt, (uint8_t)(DER_CONTEXT + type), view_of(p, len));
}

static struct view
so_far(const struct wr *w, const uint8_t *from)
{
	return view_of(from, (size_t)(w->p - from));
}

static struct view
make(const struct cert_kit *c, int where)
{
	return cert[where] = cert_kit_make(tls, c, der[where]);
}

/* The server's: of p256, for what also_for() said, else for site.test. */
static void
server(const char *issuer, mbedtls_pk_context *issuer_key, mbedtls_pk_context *looks)
{
	if (alt.p == alt_bytes)
		also_for(2, "site.test", 9);
	make(&(struct cert_kit){.subject = "a-server",
				.issuer = issuer,
				.key = &p256,
				.issuer_key = issuer_key,
				.looks = looks,
				.alt = so_far(&alt, alt_bytes)},
	     n++);
}

static void
authority(const char *subject, const char *issuer, mbedtls_pk_context *key, mbedtls_pk_context *issuer_key,
	  mbedtls_pk_context *looks)
{
	make(&(struct cert_kit){.subject = subject,
				.issuer = issuer,
				.key = key,
				.issuer_key = issuer_key,
				.looks = looks,
				.is_ca = true,
				.more = so_far(&more, more_bytes)},
	     n++);
}

/* One that is trusted, and that nobody else is shown. */
static struct tls_roots
trust(mbedtls_pk_context *key, struct root *root)
{
	make(&(struct cert_kit){.subject = "Root", .issuer = "Root", .key = key, .looks = key, .is_ca = true},
	     CERTS);
	assert_int_equal(root_read(cert[CERTS], root), 0);
	return (struct tls_roots){1, root};
}

static enum verify_fault
ask(const struct tls_roots *roots, bool only_signature)
{
	struct verify_question q = {.roots = roots,
				    .cert = cert,
				    .n = n,
				    .name = &site,
				    .now = KIT_NOW,
				    .only_signature = only_signature};

	bool good = tls_verify(&q, &answer);
	assert_int_equal(good, answer.fault == VERIFY_GOOD);
	assert_int_equal(good, !answer.text[0]);
	for (const char *p = answer.text; *p; p++)
		assert_in_range(*p, 0x20, 0x7e);
	return answer.fault;
}

/* Of the chain as it stands, for a root with this key. */
static enum verify_fault
judged(mbedtls_pk_context *key)
{
	struct root root;
	struct tls_roots roots = trust(key, &root);
	enum verify_fault f = ask(&roots, false);

	root_free(&root);
	return f;
}

/* --- bounds ----------------------------------------------------------------------------------------- */

static void
no_certificate_at_all(void **state)
{
	(void)state;
	assert_int_equal(judged(&p256), VERIFY_NONE);
	assert_int_equal(answer.alert, TLS_ALERT_BAD_CERTIFICATE);
	assert_string_equal(answer.text, "the certificate of site.test was not shown");
}

static void
eight_certificates_and_no_more(void **state)
{
	(void)state;
	server("Root", &p256, NULL);
	for (int i = 0; i < VERIFY_CERTS - 1; i++)
		authority("Unrelated", "Unrelated", &other, &other, NULL);
	assert_int_equal(judged(&p256), VERIFY_GOOD);
	authority("Unrelated", "Unrelated", &other, &other, NULL);
	assert_int_equal(judged(&p256), VERIFY_BOUNDS);
	assert_string_equal(answer.text, "the certificate of site.test comes with too many others");
}

static void
thirty_two_kilobytes_and_no_more(void **state)
{
	static uint8_t filling[VERIFY_BYTES];

	(void)state;
	server("Root", &p256, NULL);
	cert_kit_extension(&more, 0, false, view_of(filling, VERIFY_BYTES - 1024));
	authority("Unrelated", "Unrelated", &other, &other, NULL);
	assert_int_equal(judged(&p256), VERIFY_GOOD);
	fresh(NULL);
	server("Root", &p256, NULL);
	cert_kit_extension(&more, 0, false, view_of(filling, VERIFY_BYTES - 400));
	authority("Unrelated", "Unrelated", &other, &other, NULL);
	assert_int_equal(judged(&p256), VERIFY_BOUNDS);
}

static void
keys_at_the_bounds(void **state)
{
	static const struct {
		unsigned bits;
		uint32_t exponent;
		enum verify_fault fault;
	} row[] = {{2048, 65537, VERIFY_SIGNATURE},
		   {2048, 3, VERIFY_SIGNATURE},
		   {4096, 0xffffffff, VERIFY_SIGNATURE},
		   {2040, 65537, VERIFY_WEAK},
		   {4104, 65537, VERIFY_BOUNDS},
		   {2048, 65536, VERIFY_BOUNDS},
		   {2048, 4, VERIFY_BOUNDS}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		mbedtls_pk_context key;

		fresh(NULL);
		cert_kit_rsa(tls, row[i].bits, row[i].exponent, &key);
		server("Middle", NULL, &key);
		authority("Middle", "Root", &key, &p256, NULL);
		assert_int_equal(judged(&p256), row[i].fault);
		mbedtls_pk_free(&key);
	}
}

static void
a_root_may_have_8192_bits(void **state)
{
	(void)state;
	server("Root", NULL, &giant);
	assert_int_equal(judged(&giant), VERIFY_SIGNATURE);
	fresh(NULL);
	server("Middle", NULL, &giant);
	authority("Middle", "Root", &giant, &p256, NULL);
	assert_int_equal(judged(&p256), VERIFY_BOUNDS);
}

/* --- costs ------------------------------------------------------------------------------------------ */

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
costs(const char *what, mbedtls_pk_context *root_key, enum verify_fault fault)
{
	double least = 1e9;

	for (int i = 0; i < 3; i++) {
		struct root root;
		struct tls_roots roots = trust(root_key, &root);
		double t = cpu_ms();

		assert_int_equal(ask(&roots, false), fault);
		t = cpu_ms() - t;
		least = t < least ? t : least;
		root_free(&root);
	}
	print_message("%-64s %6.2f ms\n", what, least);
}

/* A chain of n-1 issuers with one kind of key, every signature right. */
static void
tall(mbedtls_pk_context *key, int certs)
{
	char name[2][24];

	fresh(NULL);
	server(certs > 1 ? "Level 1" : "Root", key, NULL);
	for (int i = 1; i < certs; i++) {
		snprintf(name[0], sizeof(name[0]), "Level %d", i);
		snprintf(name[1], sizeof(name[1]), i == certs - 1 ? "Root" : "Level %d", i + 1);
		authority(name[0], name[1], key, key, NULL);
	}
}

static void
what_hostile_chains_cost(void **state)
{
	(void)state;
	tall(&p256, 5);
	costs("P-256, 5 signatures", &p256, VERIFY_GOOD);
	tall(&p256, 8);
	costs("P-256, 8 signatures: beyond the work, after 5", &p256, VERIFY_BOUNDS);
	tall(&p384, 3);
	costs("P-384, 3 signatures", &p384, VERIFY_GOOD);
	tall(&p384, 4);
	costs("P-384, 4 signatures: beyond, after 3", &p384, VERIFY_BOUNDS);
	tall(&p521, 2);
	costs("P-521, 2 signatures", &p521, VERIFY_GOOD);
	tall(&p521, 7);
	costs("P-521, 7 signatures: beyond, after 2", &p521, VERIFY_BOUNDS);
}

/* All candidates have one name, and each claims to be issued by the root. */
static void
many(const char *what, mbedtls_pk_context *root_key, mbedtls_pk_context *key, enum verify_fault fault)
{
	fresh(NULL);
	server("Same", NULL, key);
	for (int i = 1; i < VERIFY_CERTS; i++)
		authority("Same", "Root", key, NULL, root_key);
	costs(what, root_key, fault);
}

/* Each could have issued each, and the root all. */
static void
tangle(const char *what, mbedtls_pk_context *key, enum verify_fault fault)
{
	fresh(NULL);
	server("Root", NULL, key);
	for (int i = 1; i < VERIFY_CERTS; i++)
		authority("Root", "Root", key, NULL, key);
	costs(what, key, fault);
}

static void
what_tangled_chains_cost(void **state)
{
	(void)state;
	many("7 issuers of one name, RSA-4096 of the largest exponent", &rsa, &rsa, VERIFY_SIGNATURE);
	many("7 issuers of one name, a root of RSA-8192", &giant, &rsa, VERIFY_SIGNATURE);
	many("7 issuers of one name, a root of P-521", &p521, &p521, VERIFY_SIGNATURE);
	tangle("each may have issued each, RSA-4096", &rsa, VERIFY_SIGNATURE);
	tangle("each may have issued each, P-384", &p384, VERIFY_SIGNATURE);
	/* Without a root that fits nothing is tried, whatever the number of ways. */
	fresh(NULL);
	server("Loop", NULL, &p521);
	for (int i = 1; i < VERIFY_CERTS; i++)
		authority("Loop", "Loop", &p521, NULL, &p521);
	costs("each may have issued each, and no root", &p521, VERIFY_BOUNDS);
	assert_string_equal(answer.text,
			    "the certificate of site.test has more ways to a root than are tried");
}

/* As many names and as many constraints as fit. */
static void
names_against_constraints_cost(void **state)
{
	uint8_t list[CERT_KIT_MAX / 2], tree[64];
	struct wr l = wr_of(list, sizeof(list));

	(void)state;
	also_for(2, "site.test", 9);
	for (int i = 0; i < 1300; i++)
		also_for(2, "a.b.test", 8);
	for (int i = 0; i < 900; i++) {
		struct wr t = wr_of(tree, sizeof(tree));

		der_put(&t, DER_CONTEXT + 2, view_of("c.d.e.test", 10));
		der_put(&l, DER_SEQUENCE, view_of(tree, (size_t)(t.p - tree)));
	}
	uint8_t excluded[CERT_KIT_MAX / 2], value[CERT_KIT_MAX / 2];
	struct wr e = wr_of(excluded, sizeof(excluded)), v = wr_of(value, sizeof(value));
	der_put(&e, DER_CONTEXT_SET + 1, so_far(&l, list));
	der_put(&v, DER_SEQUENCE, so_far(&e, excluded));
	server("Middle", &other, NULL);
	cert_kit_extension(&more, 30, true, so_far(&v, value));
	authority("Middle", "Root", &other, &p256, NULL);
	costs("1,301 names against 900 constraints: beyond", &p256, VERIFY_CONSTRAINTS);
	assert_non_null(strstr(answer.text, "limits names in too many ways"));
}

/* --- ways ------------------------------------------------------------------------------------------- */

/* The first candidate has the right name and another key; the next one's signature counts. */
static void
another_candidate_of_the_same_name(void **state)
{
	(void)state;
	server("Middle", &p256, NULL);
	authority("Middle", "Root", &other, &p384, NULL);
	authority("Middle", "Root", &p256, &p384, NULL);
	assert_int_equal(judged(&p384), VERIFY_GOOD);
}

static void
an_issuer_that_loops_to_itself(void **state)
{
	(void)state;
	server("A", &p256, NULL);
	authority("A", "B", &p256, &p256, NULL);
	authority("B", "A", &p256, &p256, NULL);
	assert_int_equal(judged(&other), VERIFY_UNKNOWN_CA);
}

/* RFC 5280 6.1.4 l: self-issued certificates do not count against a path length. */
static void
path_lengths_count_issuers_of_others(void **state)
{
	struct cert_kit limited = {.subject = "Middle",
				   .issuer = "Root",
				   .key = &p256,
				   .issuer_key = &p384,
				   .is_ca = true,
				   .limit = 1};

	(void)state;
	server("Middle", &other, NULL);
	authority("Middle", "Middle", &other, &p256, NULL); /* a new key of its own */
	make(&limited, n++);
	assert_int_equal(judged(&p384), VERIFY_GOOD);
	fresh(NULL);
	server("Lower", &other, NULL);
	authority("Lower", "Middle", &other, &p256, NULL);
	make(&limited, n++);
	assert_int_equal(judged(&p384), VERIFY_USAGE);
}

/* The roots' dates and flags count as anybody's. */
static void
roots_that_are_wrong(void **state)
{
	const struct cert_kit bad[] = {
	    {.subject = "Root",
	     .issuer = "Root",
	     .key = &p256,
	     .issuer_key = &p256,
	     .is_ca = true,
	     .from = 1,
	     .until = 2},
	    {.subject = "Root", .issuer = "Root", .key = &p256, .issuer_key = &p256},
	    {.subject = "Root", .issuer = "Root", .key = &p256, .issuer_key = &p256, .no_v3 = true}};
	const enum verify_fault fault[] = {VERIFY_EXPIRED, VERIFY_USAGE, VERIFY_GOOD};

	(void)state;
	server("Root", &p256, NULL);
	for (int i = 0; i < 3; i++) {
		struct root root;

		make(&bad[i], CERTS);
		assert_int_equal(root_read(cert[CERTS], &root), 0);
		assert_int_equal(ask(&(struct tls_roots){1, &root}, false), fault[i]);
		root_free(&root);
	}
	/* What is good for a root of the first version is not for others. */
	authority("Unrelated", "Root", &p256, &p256, NULL);
	fresh(NULL);
	server("Old", &other, NULL);
	make(
	    &(struct cert_kit){
		.subject = "Old", .issuer = "Root", .key = &other, .issuer_key = &p256, .no_v3 = true},
	    n++);
	assert_int_equal(judged(&p256), VERIFY_USAGE);
}

static void
what_is_trusted_itself(void **state)
{
	struct root root;

	(void)state;
	server("Nobody", NULL, &p521);
	assert_int_equal(root_read(cert[0], &root), 0);
	assert_int_equal(ask(&(struct tls_roots){1, &root}, false), VERIFY_GOOD);
	root_free(&root);
}

static void
dates_to_the_second(void **state)
{
	static const struct {
		uint64_t from, until;
		enum verify_fault fault;
	} row[] = {{KIT_NOW, KIT_NOW, VERIFY_GOOD},
		   {KIT_NOW + 1, KIT_NOW + 9, VERIFY_NOT_YET},
		   {KIT_NOW - 9, KIT_NOW - 1, VERIFY_EXPIRED},
		   {KIT_NOW - 9, 253402300799ull, VERIFY_GOOD}};

	(void)state;
	also_for(2, "site.test", 9);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		make(&(struct cert_kit){.subject = "x",
					.issuer = "Root",
					.key = &other,
					.issuer_key = &p256,
					.from = row[i].from,
					.until = row[i].until,
					.alt = so_far(&alt, alt_bytes)},
		     0);
		n = 1;
		assert_int_equal(judged(&p256), row[i].fault);
	}
}

/* --- names ------------------------------------------------------------------------------------------ */

static void
names_of_odd_bytes(void **state)
{
	static const char odd[][24] = {"site.test.",  ".site.test",   "site..test",  "*",
				       "*.",          "**.site.test", "site.test\n", "\xff",
				       "si\\te.test", " site.test"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		also_for(2, odd[i], strlen(odd[i]));
	also_for(2, "", 0);
	also_for(2, "site.test\0.evil", 15);
	also_for(7, "\1\2\3", 3);
	also_for(7, "0123456789abcdefg", 17);
	server("Root", &p256, NULL);
	assert_int_equal(judged(&p256), VERIFY_NAME);
	assert_non_null(strstr(answer.text, "site.test\\x0a, \\xff, si\\x5cte.test"));
	/* The newer library reads no addresses of another length. */
	fresh(NULL);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		also_for(2, odd[i], strlen(odd[i]));
	also_for(2, "SITE.Test", 9);
	server("Root", &p256, NULL);
	assert_int_equal(judged(&p256), VERIFY_GOOD);
}

static void
many_names_are_cut(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		also_for(2, "another-host.example.org", 24);
	server("Root", &p256, NULL);
	assert_int_equal(judged(&p256), VERIFY_NAME);
	assert_string_equal(answer.text + strlen(answer.text) - 5, ", ...");
	assert_in_range(strlen(answer.text), 60, 255);
}

static void
addresses_are_names_of_their_own(void **state)
{
	struct root root;
	struct tls_roots roots = trust(&p256, &root);
	static const struct {
		const char *asked;
		bool good;
	} row[] = {{"192.0.2.7", true},
		   {"2001:db8::7", true},
		   {"192.0.2.8", false},
		   {"2001:db8::8", false},
		   {"198.51.100.9", false}};
	struct addr mapped = kit_addr("198.51.100.9");

	(void)state;
	also_for(7, "\xc0\x00\x02\x07", 4);
	also_for(7, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16);
	also_for(7, mapped.b, 16); /* an IPv4 address is four bytes, and nothing else is */
	server("Root", &p256, NULL);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct verify_question q = {
		    .roots = &roots, .cert = cert, .n = n, .addr = kit_addr(row[i].asked), .now = KIT_NOW};

		assert_int_equal(tls_verify(&q, &answer), row[i].good);
		assert_int_equal(answer.fault, row[i].good ? VERIFY_GOOD : VERIFY_NAME);
	}
	root_free(&root);
}

/* --- name constraints ------------------------------------------------------------------------------- */

/* One subtree of an issuer: is site.test (and its common name) allowed? */
static enum verify_fault
constrained(uint8_t kind, uint8_t tag, const void *base, size_t len)
{
	uint8_t tree[128], list[128], lists[128], value[128];
	struct wr t = wr_of(tree, sizeof(tree)), l = wr_of(list, sizeof(list)),
		  s = wr_of(lists, sizeof(lists)), v = wr_of(value, sizeof(value));

	n = 0;
	more = wr_of(more_bytes, sizeof(more_bytes));
	der_put(&t, tag, view_of(base, len));
	der_put(&l, DER_SEQUENCE, so_far(&t, tree));
	der_put(&s, (uint8_t)(DER_CONTEXT_SET + kind), so_far(&l, list));
	der_put(&v, DER_SEQUENCE, so_far(&s, lists));
	server("Middle", &other, NULL);
	cert_kit_extension(&more, 30, true, so_far(&v, value));
	authority("Middle", "Root", &other, &p256, NULL);
	return judged(&p256);
}

#define PERMITTED 0
#define EXCLUDED 1

static void
subtrees_of_all_kinds(void **state)
{
	static const uint8_t server_name[] = "\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x03\x0c\x08"
					     "a-server";
	static const struct {
		uint8_t kind, tag;
		const char *base;
		size_t len;
		bool good;
	} row[] = {
	    {PERMITTED, 0x82, "test", 4, true},
	    {PERMITTED, 0x82, ".test", 5, true},
	    {PERMITTED, 0x82, "SITE.test", 9, true},
	    {PERMITTED, 0x82, "", 0, true},
	    {PERMITTED, 0x82, "te", 2, false},
	    {PERMITTED, 0x82, "a.site.test", 11, false},
	    {EXCLUDED, 0x82, "site.test", 9, false},
	    {EXCLUDED, 0x82, "a.site.test", 11, true},
	    {EXCLUDED, 0x82, "", 0, false},
	    {EXCLUDED, 0x82, "*.x", 3, false},
	    {PERMITTED, 0x87, "\xc0\0\2\0\xff\xff\xff\0", 8, true}, /* it has no address */
	    {EXCLUDED, 0x87, "\0\0\0\0\0\0\0\0", 8, true},
	    {PERMITTED, 0x81, "a@b.test", 8, true},
	    {EXCLUDED, 0x86, "b.test", 6, true},
	    {PERMITTED, 0xa4, (const char *)server_name, 21, true},
	    {PERMITTED, 0xa4, "\x30\0", 2, true},
	    {PERMITTED, 0xa4, "\x30\2\x31\0", 4, false},
	    {EXCLUDED, 0xa4, "\x30\2\x31\0", 4, false}, /* it has a name of that kind: who knows */
	    {PERMITTED, 0xa2, "test", 4, false},
	    {PERMITTED, 0x84, "\x30\0", 2, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (constrained(row[i].kind, row[i].tag, row[i].base, row[i].len) !=
		    (row[i].good ? VERIFY_GOOD : VERIFY_CONSTRAINTS))
			fail_msg("row %zu: %s", i, answer.text);
	/* A name of a kind that is limited and that is not looked into. */
	also_for(1, "a@b.test", 8);
	also_for(2, "site.test", 9);
	fresh(NULL);
	also_for(1, "a@b.test", 8);
	also_for(2, "site.test", 9);
	assert_int_equal(constrained(PERMITTED, 0x81, "a@b.test", 8), VERIFY_CONSTRAINTS);
	fresh(NULL);
	also_for(1, "a@b.test", 8);
	also_for(2, "site.test", 9);
	assert_int_equal(constrained(EXCLUDED, 0x81, "c@d.test", 8), VERIFY_CONSTRAINTS);
}

/* --- without roots ---------------------------------------------------------------------------------- */

static void
only_signatures(void **state)
{
	(void)state;
	also_for(2, "elsewhere.test", 14);
	server("Middle", &p256, NULL);
	assert_int_equal(ask(NULL, true), VERIFY_GOOD); /* alone: nobody to ask */
	make(&(struct cert_kit){.subject = "Middle",
				.issuer = "Nobody",
				.key = &p256,
				.looks = &p256,
				.is_ca = true,
				.from = 1,
				.until = 2},
	     n++);
	assert_int_equal(ask(NULL, true), VERIFY_GOOD);
	n = 0;
	server("Middle", &other, NULL);
	n = 2;
	assert_int_equal(ask(NULL, true), VERIFY_SIGNATURE);
	fresh(NULL);
	server("Middle", NULL, &rsa);
	authority("Middle", "Nobody", &rsa, NULL, &rsa);
	assert_int_equal(ask(NULL, true), VERIFY_SIGNATURE);
	fresh(NULL);
	cert[n++] = view_of("rubbish", 7);
	assert_int_equal(ask(NULL, true), VERIFY_UNREADABLE);
	fresh(NULL);
	tall(&p521, 7);
	assert_int_equal(ask(NULL, true), VERIFY_BOUNDS); /* the work is bounded here too */
}

/* --- reading ---------------------------------------------------------------------------------------- */

/* Cut anywhere, or with any byte another: never good unless it is the same. */
static void
every_byte_counts(void **state)
{
	struct root root;
	struct tls_roots roots = trust(&p256, &root);

	(void)state;
	server("Root", &p256, NULL);
	for (size_t len = 0; len < cert[0].len; len++) {
		uint8_t *exact = malloc(len ? len : 1);
		struct view whole = cert[0];

		memcpy(exact, whole.p, len);
		cert[0] = view_of(exact, len);
		assert_int_equal(ask(&roots, false), VERIFY_UNREADABLE);
		cert[0] = whole;
		free(exact);
	}
	for (size_t i = 0; i < cert[0].len; i++) {
		der[0][i] ^= 1;
		assert_int_not_equal(ask(&roots, false), VERIFY_GOOD);
		der[0][i] ^= 1;
	}
	assert_int_equal(ask(&roots, false), VERIFY_GOOD);
	root_free(&root);
}

static void
an_extension_twice(void **state)
{
	(void)state;
	cert_kit_extension(&more, 32, false, view_of("\x30\0", 2));
	server("Middle", &p256, NULL);
	make(&(struct cert_kit){.subject = "Middle",
				.issuer = "Root",
				.key = &p256,
				.issuer_key = &p256,
				.is_ca = true,
				.more = so_far(&more, more_bytes),
				.times = 2},
	     n++);
	assert_int_equal(judged(&p256), VERIFY_UNREADABLE);
}

static void
roots_between_rubbish(void **state)
{
	static char pem[200000], one[4096];
	const char *why = NULL;
	unsigned skipped = 0;
	size_t len;

	(void)state;
	authority("Root", "Root", &p256, &p256, NULL);
	assert_int_equal(mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n",
						  "-----END CERTIFICATE-----\n", cert[0].p, cert[0].len,
						  (uint8_t *)one, sizeof(one), &len),
			 0);
	strcpy(pem, "# a comment\n-----BEGIN CERTIFICATE-----\nno end\n");
	strcat(pem, "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n");
	strcat(pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	strcat(pem, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
	strcat(pem, "-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE "
		    "KEY-----\n");
	strcat(pem, one);
	strcat(pem, "text\n");
	strcat(pem, one);
	strcat(pem, "-----BEGIN CERTIFICATE-----\n");
	struct tls_roots *r = tls_roots_read(kit_text(pem), kit_text(one), &skipped, &why);
	assert_non_null(r);
	assert_int_equal(tls_roots_count(r), 1); /* the same three times */
	assert_int_equal(skipped, 5);
	tls_roots_free(r);
	assert_null(tls_roots_read(kit_text("nothing"), view_of(NULL, 0), &skipped, &why));
	assert_string_equal(why, "no certificate could be read");
	assert_int_equal(skipped, 0);
}

/* The system's, where there are some: all are read. */
static void
roots_of_this_system(void **state)
{
	const char *why = NULL;
	unsigned skipped = 0;
	size_t len;

	(void)state;
	if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
		skip();
	char *pem = kit_read("/etc/ssl/certs", "ca-certificates.crt", &len);
	double t = cpu_ms();
	struct tls_roots *r = tls_roots_read(view_of(pem, len), view_of(NULL, 0), &skipped, &why);
	t = cpu_ms() - t;
	assert_non_null(r);
	assert_int_equal(skipped, 0);
	assert_true(tls_roots_count(r) > 50);
	print_message("%u roots of this system %6.2f ms\n", tls_roots_count(r), t);
	tls_roots_free(r);
	free(pem);
}

static void
every_fault_has_a_word(void **state)
{
	(void)state;
	for (int i = VERIFY_GOOD; i <= VERIFY_MEMORY; i++) {
		assert_non_null(verify_fault_name((enum verify_fault)i));
		for (int k = VERIFY_GOOD; k < i; k++)
			assert_string_not_equal(verify_fault_name((enum verify_fault)i),
						verify_fault_name((enum verify_fault)k));
	}
}

#define T(f) cmocka_unit_test_setup(f, fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(no_certificate_at_all),
	    T(eight_certificates_and_no_more),
	    T(thirty_two_kilobytes_and_no_more),
	    T(keys_at_the_bounds),
	    T(a_root_may_have_8192_bits),
	    T(what_hostile_chains_cost),
	    T(what_tangled_chains_cost),
	    T(names_against_constraints_cost),
	    T(another_candidate_of_the_same_name),
	    T(an_issuer_that_loops_to_itself),
	    T(path_lengths_count_issuers_of_others),
	    T(roots_that_are_wrong),
	    T(what_is_trusted_itself),
	    T(dates_to_the_second),
	    T(names_of_odd_bytes),
	    T(many_names_are_cut),
	    T(addresses_are_names_of_their_own),
	    T(subtrees_of_all_kinds),
	    T(only_signatures),
	    T(every_byte_counts),
	    T(an_extension_twice),
	    T(roots_between_rubbish),
	    T(roots_of_this_system),
	    T(every_fault_has_a_word),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
