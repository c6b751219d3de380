/*
 * tls_cert_fault_test.c - certificates are read, judged and made while one allocation after the other fails,
 * the library's too
 *
 * Each time all that was there is given back (the sanitizer counts), nothing that is wrong is found good, and
 * afterwards all goes well. There are thousands of allocations in one signature: the first ones fail one by
 * one, later ones at growing distances.
 */
#include "test/bed/cert_kit.h"
#include "test/unit/fault_kit.h"
#include "test/unit/tls_kit.h"
#include "tls/leaf.h"
#include "tls/verify.h"

/* what() with the first allocation failing, then the second, ... until none was left to fail; what() true: it
 * went well. */
static void
with_each_failing(bool (*what)(void), bool may_go_well)
{
	unsigned at = 0, times = 0;

	for (;; at += 1 + (at > 300 ? at / 8 : 0), times++) {
		failed = false;
		left = at;
		bool well = what();
		left = ENOUGH;
		if (!failed) {
			assert_true(well);
			break;
		}
		if (!may_go_well)
			assert_false(well);
	}
	assert_true(times > 0);
}

static uint64_t seed = 1;
static struct tls *tls;
static char ca_cert[CA_PEM], ca_key[CA_PEM], why[256];
static struct tls_ca *ca;
static struct tls_roots *roots;
static uint8_t der[3][CERT_KIT_MAX];
static struct view chain[2];
static struct name site;

static int
begin(void **state)
{
	static uint8_t names[] = {0x82, 9, 's', 'i', 't', 'e', '.', 't', 'e', 's', 't'};
	mbedtls_pk_context key, leaf;
	char pem[4096];
	const char *wrong;
	size_t len;

	(void)state;
	tls = kit_tls(&seed);
	site = kit_name("site.test");
	cert_kit_ec(tls, MBEDTLS_ECP_DP_SECP256R1, &key);
	cert_kit_ec(tls, MBEDTLS_ECP_DP_SECP256R1, &leaf);
	struct view root = cert_kit_make(
	    tls,
	    &(struct cert_kit){.subject = "R", .issuer = "R", .key = &key, .issuer_key = &key, .is_ca = true},
	    der[0]);
	chain[1] =
	    cert_kit_make(tls,
			  &(struct cert_kit){
			      .subject = "M", .issuer = "R", .key = &leaf, .issuer_key = &key, .is_ca = true},
			  der[1]);
	chain[0] = cert_kit_make(tls,
				 &(struct cert_kit){.subject = "s",
						    .issuer = "M",
						    .key = &leaf,
						    .issuer_key = &leaf,
						    .alt = view_of(names, sizeof(names))},
				 der[2]);
	assert_int_equal(mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n",
						  "-----END CERTIFICATE-----\n", root.p, root.len,
						  (uint8_t *)pem, sizeof(pem), &len),
			 0);
	roots = tls_roots_read(kit_text(pem), view_of(NULL, 0), NULL, &wrong);
	assert_true(ca_make(tls, "x", KIT_NOW, ca_cert, ca_key));
	ca = ca_read(tls, kit_text(ca_cert), kit_text(ca_key), KIT_NOW, why, sizeof(why));
	assert_true(roots && ca);
	mbedtls_pk_free(&key);
	mbedtls_pk_free(&leaf);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	tls_roots_free(roots);
	ca_free(ca);
	tls_free(tls);
	return 0;
}

static bool
read_roots(void)
{
	const char *wrong = NULL;
	struct tls_roots *r = tls_roots_read(kit_text(ca_cert), view_of(NULL, 0), NULL, &wrong);

	assert_true(r || wrong);
	tls_roots_free(r);
	return r != NULL;
}

static struct verify_answer answer;

static bool
verify(void)
{
	struct verify_question q = {.roots = roots, .cert = chain, .n = 2, .name = &site, .now = KIT_NOW};
	bool good = tls_verify(&q, &answer);

	assert_int_equal(good, answer.fault == VERIFY_GOOD);
	return good;
}

static bool
make_ca(void)
{
	char cert[CA_PEM], key[CA_PEM];

	return ca_make(tls, "x", KIT_NOW, cert, key);
}

static bool
read_ca(void)
{
	why[0] = 0;
	struct tls_ca *c = ca_read(tls, kit_text(ca_cert), kit_text(ca_key), KIT_NOW, why, sizeof(why));

	assert_true(c || why[0]);
	ca_free(c);
	return c != NULL;
}

static bool
new_cache(void)
{
	struct leaf_cache *c = leaf_cache_new(tls, ca, 4);

	leaf_cache_free(c);
	return c != NULL;
}

static struct leaf_cache *cache;

static bool
leaf(void)
{
	static int round;
	char host[32];

	snprintf(host, sizeof(host), "h%d.test", round++);
	struct name n = kit_name(host);
	const struct tls_identity *i = leaf_keep(cache, &n, NULL, KIT_NOW);
	assert_int_equal(i != NULL, leaf_is_there(cache, &n, NULL, KIT_NOW));
	if (i)
		leaf_drop(cache, i);
	return i != NULL;
}

static void
reading_roots(void **state)
{
	(void)state;
	with_each_failing(read_roots, false);
}

static void
a_good_chain(void **state)
{
	(void)state;
	with_each_failing(verify, true);
}

/* With another last byte of a signature, whatever fails. */
static void
a_wrong_chain_is_never_good(void **state)
{
	unsigned at = 0;

	(void)state;
	for (int c = 0; c < 2; c++) {
		uint8_t *last = der[2 - c] + chain[c].len - 1;

		*last ^= 1;
		for (at = 0, failed = true; failed; at += 1 + (at > 300 ? at / 8 : 0)) {
			failed = false;
			left = at;
			assert_false(verify());
			left = ENOUGH;
		}
		assert_int_equal(answer.fault, VERIFY_SIGNATURE);
		*last ^= 1;
	}
	assert_true(verify());
}

static void
making_an_authority(void **state)
{
	(void)state;
	with_each_failing(make_ca, true);
}

static void
reading_an_authority(void **state)
{
	(void)state;
	with_each_failing(read_ca, true);
}

static void
leaves(void **state)
{
	(void)state;
	with_each_failing(new_cache, true);
	cache = leaf_cache_new(tls, ca, 4);
	with_each_failing(leaf, true);
	leaf_cache_free(cache);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reading_roots),
	    cmocka_unit_test(a_good_chain),
	    cmocka_unit_test(a_wrong_chain_is_never_good),
	    cmocka_unit_test(making_an_authority),
	    cmocka_unit_test(reading_an_authority),
	    cmocka_unit_test(leaves),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
