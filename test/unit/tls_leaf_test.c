/*
 * tls_leaf_test.c - leaves: what they say, what openssl and our own verifier think of them, and when the
 * cache gives which
 */
#include "test/unit/tls_kit.h"
#include "tls/identity.h"
#include "tls/leaf.h"
#include "tls/verify.h"

/* 253 characters, in labels of 63. */
#define LABEL "23456789-123456789-123456789-123456789-123456789-123456789-123"
#define LONGEST \
	"a" LABEL ".b" LABEL ".c" LABEL ".d23456789-123456789-123456789-123456789-123456789-123456789-1"

static char dir[] = "/tmp/sluice-leaf.XXXXXX";
static uint64_t seed = 1;
static struct tls *tls;
static struct tls_ca *ca;
static struct tls_roots *roots;

static int
begin(void **state)
{
	char cert[CA_PEM], key[CA_PEM], why[256];
	const char *wrong;

	(void)state;
	assert_non_null(mkdtemp(dir));
	tls = kit_tls(&seed);
	assert_true(ca_make(tls, "test", KIT_NOW, cert, key));
	kit_write(dir, "ca.pem", cert, strlen(cert));
	ca = ca_read(tls, kit_text(cert), kit_text(key), KIT_NOW, why, sizeof(why));
	roots = tls_roots_read(kit_text(cert), view_of(NULL, 0), NULL, &wrong);
	assert_non_null(ca);
	assert_non_null(roots);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	ca_free(ca);
	tls_roots_free(roots);
	tls_free(tls);
	return kit_run(dir, "rm -rf \"$PWD\"");
}

static struct view
der_of(const struct tls_identity *i)
{
	return view_of(i->chain->raw.p, i->chain->raw.len);
}

static enum verify_fault
verdict(struct view der, const struct name *name, const struct addr *addr, uint64_t now)
{
	struct verify_question q = {.roots = roots, .cert = &der, .n = 1, .name = name, .now = now};
	struct verify_answer a;

	if (addr)
		q.addr = *addr;
	tls_verify(&q, &a);
	return a.fault;
}

/* By openssl, strictly; what: its option for the host. */
static void
openssl_takes(struct view der, const char *what, const char *host)
{
	char command[1024];

	kit_write(dir, "leaf.der", der.p, der.len);
	snprintf(command, sizeof(command),
		 "openssl x509 -inform DER -in leaf.der -out leaf.pem && openssl verify -x509_strict "
		 "-purpose sslserver "
		 "-auth_level 2 -attime %llu -%s %s -CAfile ca.pem leaf.pem >said 2>&1",
		 KIT_NOW, what, host);
	if (kit_run(dir, command))
		fail_msg("openssl refuses the leaf of %s", host);
}

static void
a_leaf_for(struct leaf_cache *c, const char *host)
{
	struct addr addr;
	bool is_addr = addr_parse(host, &addr);
	struct name name = is_addr ? kit_name("unused") : kit_name(host), other = kit_name("other.test");
	const struct name *n = is_addr ? NULL : &name;
	const struct tls_identity *i = leaf_keep(c, n, &addr, KIT_NOW);

	assert_non_null(i);
	assert_int_equal(verdict(der_of(i), n, &addr, KIT_NOW), VERIFY_GOOD);
	assert_int_equal(verdict(der_of(i), n, &addr, KIT_NOW - 7 * KIT_DAY), VERIFY_GOOD);
	assert_int_equal(verdict(der_of(i), n, &addr, KIT_NOW - 7 * KIT_DAY - 1), VERIFY_NOT_YET);
	assert_int_equal(verdict(der_of(i), n, &addr, KIT_NOW + 30 * KIT_DAY), VERIFY_GOOD);
	assert_int_equal(verdict(der_of(i), n, &addr, KIT_NOW + 30 * KIT_DAY + 1), VERIFY_EXPIRED);
	assert_int_equal(verdict(der_of(i), &other, NULL, KIT_NOW), VERIFY_NAME);
	openssl_takes(der_of(i), is_addr ? "verify_ip" : "verify_hostname", host);
	leaf_drop(c, i);
}

static void
leaves_are_good_for_their_hosts_alone(void **state)
{
	static const char *const hosts[] = {
	    "a.test",
	    "api.example.com",
	    "localhost",
	    "10.1.2.3",
	    "2001:db8::1",
	    "xn--bcher-kva.example",
	    "1a-b.test",
	    "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstu.test", /* 64: the longest common name
										 */
	    "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuv.test",
	    LONGEST};
	struct leaf_cache *c = leaf_cache_new(tls, ca, 32);

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		a_leaf_for(c, hosts[i]);
	leaf_cache_free(c);
}

static void
a_leaf_has_the_shape_clients_ask_for(void **state)
{
	static const char *const lines[] = {
	    "Version: 3",
	    "Signature Algorithm: ecdsa-with-SHA256",
	    "Issuer: O = sluice, CN = sluice CA test",
	    "Subject: O = sluice, CN = www.a.test",
	    "NIST CURVE: P-256",
	    "X509v3 Basic Constraints: critical",
	    "CA:FALSE",
	    "X509v3 Key Usage: critical",
	    "Digital Signature\n",
	    "TLS Web Server Authentication\n",
	    "X509v3 Subject Alternative Name: \n                DNS:www.a.test\n",
	    "X509v3 Subject Key Identifier:",
	    "X509v3 Authority Key Identifier:",
	    "Not Before: Dec 25 00:00:00 2025 GMT",
	    "Not After : Jan 31 00:00:00 2026 GMT"};
	struct leaf_cache *c = leaf_cache_new(tls, ca, 4);
	struct name n = kit_name("www.a.test");
	const struct tls_identity *i = leaf_keep(c, &n, NULL, KIT_NOW);
	size_t len;

	(void)state;
	kit_write(dir, "leaf.der", i->chain->raw.p, i->chain->raw.len);
	assert_int_equal(kit_run(dir, "openssl x509 -inform DER -in leaf.der -noout -text >said"), 0);
	char *said = kit_read(dir, "said", &len);
	for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++)
		if (!strstr(said, lines[k]))
			fail_msg("no '%s' in %s", lines[k], said);
	free(said);
	/* 127 bits: neither negative nor shorter than it looks, and another each time. */
	assert_int_equal(i->chain->serial.len, 16);
	assert_int_equal(i->chain->serial.p[0] & 0xc0, 0x40);
	struct name other = kit_name("b.test");
	const struct tls_identity *b = leaf_keep(c, &other, NULL, KIT_NOW);
	assert_memory_not_equal(i->chain->serial.p, b->chain->serial.p, 16);
	assert_ptr_equal(i->key, b->key);
	leaf_drop(c, i);
	leaf_drop(c, b);
	leaf_cache_free(c);
}

/* A name of DNS may have any bytes in a label; in a certificate they would be other names. */
static void
names_that_cannot_be_in_a_certificate(void **state)
{
	static const uint8_t wires[][16] = {"\3a.b\4test", "\4a\0bc\4test", "\3a,b\4test", "\1*\4test", ""};
	struct leaf_cache *c = leaf_cache_new(tls, ca, 4);

	(void)state;
	for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
		size_t len = 1;
		struct name n;

		for (const uint8_t *p = wires[i]; *p; p += *p + 1u)
			len += *p + 1u;
		assert_true(name_from_wire(view_of(wires[i], len), &n));
		assert_null(leaf_keep(c, &n, NULL, KIT_NOW));
		assert_false(leaf_is_there(c, &n, NULL, KIT_NOW));
	}
	leaf_cache_free(c);
}

static void
the_same_leaf_until_half_its_life(void **state)
{
	struct leaf_cache *c = leaf_cache_new(tls, ca, 4);
	struct name n = kit_name("a.test");

	(void)state;
	assert_false(leaf_is_there(c, &n, NULL, KIT_NOW));
	const struct tls_identity *first = leaf_keep(c, &n, NULL, KIT_NOW);
	assert_true(leaf_is_there(c, &n, NULL, KIT_NOW));
	assert_ptr_equal(leaf_keep(c, &n, NULL, KIT_NOW + 15 * KIT_DAY - 1), first);
	leaf_drop(c, first);
	assert_false(leaf_is_there(c, &n, NULL, KIT_NOW + 15 * KIT_DAY));
	/* It is still shown by somebody: it lives beside the new one. */
	const struct tls_identity *second = leaf_keep(c, &n, NULL, KIT_NOW + 15 * KIT_DAY);
	assert_ptr_not_equal(second, first);
	assert_int_equal(verdict(der_of(first), &n, NULL, KIT_NOW + 15 * KIT_DAY), VERIFY_GOOD);
	assert_int_equal(verdict(der_of(second), &n, NULL, KIT_NOW + 45 * KIT_DAY), VERIFY_GOOD);
	leaf_drop(c, first);
	leaf_drop(c, second);
	assert_true(leaf_is_there(c, &n, NULL, KIT_NOW + 15 * KIT_DAY));
	/* A clock that was set back by more than a week. */
	assert_false(leaf_is_there(c, &n, NULL, KIT_NOW + 8 * KIT_DAY - 1));
	leaf_cache_free(c);
}

static void
what_was_used_longest_ago_goes(void **state)
{
	struct leaf_cache *c = leaf_cache_new(tls, ca, 3);
	struct name n[4] = {kit_name("a.test"), kit_name("b.test"), kit_name("c.test"), kit_name("d.test")};
	const struct tls_identity *i[4];

	(void)state;
	for (int k = 0; k < 3; k++) {
		i[k] = leaf_keep(c, &n[k], NULL, KIT_NOW);
		assert_non_null(i[k]);
	}
	assert_null(leaf_keep(c, &n[3], NULL, KIT_NOW)); /* all are in use */
	assert_ptr_equal(leaf_keep(c, &n[0], NULL, KIT_NOW), i[0]);
	leaf_drop(c, i[0]);
	leaf_drop(c, i[1]);
	leaf_drop(c, i[2]);
	i[3] = leaf_keep(c, &n[3], NULL, KIT_NOW); /* b: a was used again, and is in use yet */
	assert_non_null(i[3]);
	assert_true(leaf_is_there(c, &n[0], NULL, KIT_NOW));
	assert_false(leaf_is_there(c, &n[1], NULL, KIT_NOW));
	assert_true(leaf_is_there(c, &n[2], NULL, KIT_NOW));
	leaf_drop(c, i[0]);
	leaf_drop(c, i[3]);
	leaf_cache_free(c);
}

/* With every place taken, one that is due but good yet is shown on. */
static void
full_of_leaves_that_are_due(void **state)
{
	struct leaf_cache *c = leaf_cache_new(tls, ca, 1);
	struct name n = kit_name("a.test");
	const struct tls_identity *i = leaf_keep(c, &n, NULL, KIT_NOW);

	(void)state;
	assert_ptr_equal(leaf_keep(c, &n, NULL, KIT_NOW + 20 * KIT_DAY), i);
	leaf_drop(c, i);
	assert_null(leaf_keep(c, &n, NULL, KIT_NOW + 31 * KIT_DAY)); /* no longer good, and in use */
	leaf_drop(c, i);
	i = leaf_keep(c, &n, NULL, KIT_NOW + 31 * KIT_DAY);
	assert_non_null(i);
	leaf_drop(c, i);
	leaf_cache_free(c);
}

static void
no_leaf_outlives_the_authority(void **state)
{
	const uint64_t late = KIT_NOW + CA_LIFE - KIT_DAY;
	struct leaf_cache *c = leaf_cache_new(tls, ca, 4);
	struct name n = kit_name("a.test");
	const struct tls_identity *i = leaf_keep(c, &n, NULL, late);

	(void)state;
	assert_int_equal(verdict(der_of(i), &n, NULL, late + KIT_DAY), VERIFY_GOOD);
	assert_int_equal(verdict(der_of(i), &n, NULL, late + KIT_DAY + 1), VERIFY_EXPIRED);
	leaf_drop(c, i);
	n = kit_name("b.test");
	assert_null(leaf_keep(c, &n, NULL, late + KIT_DAY));
	leaf_cache_free(c);
}

/* Many hosts through a small cache: what is found is for whom was asked, always. */
static void
a_thousand_hosts(void **state)
{
	struct leaf_cache *c = leaf_cache_new(tls, ca, 20);
	uint64_t luck = 7;

	(void)state;
	for (int k = 0; k < 300; k++) {
		char host[32];
		uint64_t r = kit_random(&luck);

		snprintf(host, sizeof(host), r & 1 ? "h%u.test" : "10.0.0.%u", (unsigned)(r >> 8) % 30);
		struct addr a = {{0}};
		bool is_addr = addr_parse(host, &a);
		struct name n = is_addr ? kit_name("x") : kit_name(host);
		const struct tls_identity *i = leaf_keep(c, is_addr ? NULL : &n, &a, KIT_NOW);
		assert_non_null(i);
		if (k % 10 == 0)
			assert_int_equal(verdict(der_of(i), is_addr ? NULL : &n, &a, KIT_NOW), VERIFY_GOOD);
		leaf_drop(c, i);
	}
	leaf_cache_free(c);
}

/* An authority of somebody else's, with RSA: its name goes into leaves byte for byte. */
static void
leaves_of_an_rsa_authority(void **state)
{
	char why[256];
	size_t n;

	(void)state;
	assert_int_equal(
	    kit_run(dir,
		    "openssl req -new -x509 -newkey rsa:2048 -nodes -keyout k -subj '/C=XX/O=Own/CN=Own' "
		    "-addext keyUsage=critical,keyCertSign "
		    "-days 400 -out ca.pem 2>/dev/null"),
	    0);
	char *cert = kit_read(dir, "ca.pem", &n), *key = kit_read(dir, "k", &n);
	uint64_t now = (uint64_t)time(NULL);
	struct tls_ca *own = ca_read(tls, kit_text(cert), kit_text(key), now, why, sizeof(why));
	assert_non_null(own);
	struct leaf_cache *c = leaf_cache_new(tls, own, 4);
	struct name a = kit_name("a.test");
	const struct tls_identity *i = leaf_keep(c, &a, NULL, now);
	assert_non_null(i);
	kit_write(dir, "leaf.der", i->chain->raw.p, i->chain->raw.len);
	assert_int_equal(
	    kit_run(dir, "openssl x509 -inform DER -in leaf.der -out leaf.pem && openssl verify -x509_strict "
			 "-verify_hostname a.test -CAfile ca.pem leaf.pem >/dev/null"),
	    0);
	leaf_drop(c, i);
	leaf_cache_free(c);
	ca_free(own);
	free(cert);
	free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(leaves_are_good_for_their_hosts_alone),
	    cmocka_unit_test(a_leaf_has_the_shape_clients_ask_for),
	    cmocka_unit_test(names_that_cannot_be_in_a_certificate),
	    cmocka_unit_test(the_same_leaf_until_half_its_life),
	    cmocka_unit_test(what_was_used_longest_ago_goes),
	    cmocka_unit_test(full_of_leaves_that_are_due),
	    cmocka_unit_test(no_leaf_outlives_the_authority),
	    cmocka_unit_test(a_thousand_hosts),
	    cmocka_unit_test(leaves_of_an_rsa_authority),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
