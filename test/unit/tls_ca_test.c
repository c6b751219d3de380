/*
 * tls_ca_test.c - the local authority: made, read again, refused, and what openssl thinks of it
 */
#include "test/unit/tls_kit.h"
#include "tls/ca.h"

static char dir[] = "/tmp/sluice-ca.XXXXXX";
static uint64_t seed = 1;
static struct tls *tls;
static char cert[CA_PEM], key[CA_PEM], why[256];

static int
begin(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	tls = kit_tls(&seed);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	tls_free(tls);
	return kit_run(dir, "rm -rf \"$PWD\"");
}

static struct tls_ca *
read_at(uint64_t now)
{
	why[0] = 0;
	return ca_read(tls, kit_text(cert), kit_text(key), now, why, sizeof(why));
}

static void
refused(const char *reason)
{
	assert_null(read_at(KIT_NOW));
	assert_string_equal(why, reason);
}

static void
what_is_made_can_be_read(void **state)
{
	struct ca_facts f;

	(void)state;
	assert_true(ca_make(tls, "box-1", KIT_NOW, cert, key));
	struct tls_ca *ca = read_at(KIT_NOW);
	assert_non_null(ca);
	ca_facts(ca, &f);
	assert_string_equal(f.subject, "O=sluice, CN=sluice CA box-1");
	assert_int_equal(f.from, KIT_NOW - CA_BACK);
	assert_int_equal(f.until, KIT_NOW + CA_LIFE);
	ca_free(ca);
}

static void
the_fingerprint_is_openssls(void **state)
{
	struct ca_facts f;
	char text[128] = "sha256 Fingerprint=";
	size_t len, at = strlen(text);

	(void)state;
	struct tls_ca *ca = read_at(KIT_NOW);
	ca_facts(ca, &f);
	ca_free(ca);
	for (int i = 0; i < 32; i++)
		at += (size_t)sprintf(text + at, i ? ":%02X" : "%02X", f.sha256[i]);
	kit_write(dir, "ca.pem", cert, strlen(cert));
	assert_int_equal(kit_run(dir, "openssl x509 -in ca.pem -noout -fingerprint -sha256 >said"), 0);
	char *said = kit_read(dir, "said", &len);
	said[strcspn(said, "\n")] = 0;
	assert_string_equal(said, text);
	free(said);
}

static void
it_has_the_shape_clients_ask_for(void **state)
{
	static const char *const lines[] = {"Version: 3",
					    "Signature Algorithm: ecdsa-with-SHA256",
					    "Issuer: O = sluice, CN = sluice CA box-1",
					    "Subject: O = sluice, CN = sluice CA box-1",
					    "NIST CURVE: P-256",
					    "X509v3 Basic Constraints: critical",
					    "CA:TRUE, pathlen:0",
					    "X509v3 Key Usage: critical",
					    "Digital Signature, Certificate Sign, CRL Sign",
					    "X509v3 Subject Key Identifier:",
					    "X509v3 Authority Key Identifier:",
					    "Not Before: Dec 25 00:00:00 2025 GMT",
					    "Not After : Dec 30 00:00:00 2035 GMT"};
	size_t len;

	(void)state;
	kit_write(dir, "ca.pem", cert, strlen(cert));
	assert_int_equal(kit_run(dir, "openssl x509 -in ca.pem -noout -text >said"), 0);
	char *said = kit_read(dir, "said", &len);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strstr(said, lines[i]))
			fail_msg("no '%s' in %s", lines[i], said);
	free(said);
	assert_int_equal(kit_run(dir, "openssl verify -x509_strict -CAfile ca.pem ca.pem >/dev/null"), 0);
}

static void
labels_are_made_harmless(void **state)
{
	static const struct {
		const char *label, *subject;
	} row[] = {{"", "O=sluice, CN=sluice CA"},
		   {"a,CN=b+c\n\"\\", "O=sluice, CN=sluice CA a-CN-b-c---"},
		   {"\xc3\xa4", "O=sluice, CN=sluice CA --"},
		   {"0123456789012345678901234567890123456789012345678901234567890123456789",
		    "O=sluice, CN=sluice CA 012345678901234567890123456789012345678901234567890123"}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct ca_facts f;

		assert_true(ca_make(tls, row[i].label, KIT_NOW, cert, key));
		struct tls_ca *ca = read_at(KIT_NOW);
		assert_non_null(ca);
		ca_facts(ca, &f);
		assert_string_equal(f.subject, row[i].subject);
		ca_free(ca);
	}
}

static void
dates_count(void **state)
{
	(void)state;
	assert_true(ca_make(tls, "x", KIT_NOW, cert, key));
	struct tls_ca *first = read_at(KIT_NOW - CA_BACK), *last = read_at(KIT_NOW + CA_LIFE);
	assert_non_null(first);
	assert_non_null(last);
	ca_free(first);
	ca_free(last);
	assert_null(read_at(KIT_NOW - CA_BACK - 1));
	assert_string_equal(why, "the certificate is not valid yet");
	assert_null(read_at(KIT_NOW + CA_LIFE + 1));
	assert_string_equal(why, "the certificate has expired");
}

/* After 2049 dates are written differently (RFC 5280 4.1.2.5). */
static void
one_that_outlives_2049(void **state)
{
	const uint64_t late = 2508000000ull; /* 2049-06 */
	struct ca_facts f;

	(void)state;
	assert_true(ca_make(tls, "x", late, cert, key));
	struct tls_ca *ca = read_at(late);
	assert_non_null(ca);
	ca_facts(ca, &f);
	assert_int_equal(f.until, late + CA_LIFE);
	ca_free(ca);
}

static void
what_is_no_authority_is_refused(void **state)
{
	char other[CA_PEM], mine[CA_PEM];

	(void)state;
	assert_true(ca_make(tls, "a", KIT_NOW, cert, other));
	assert_true(ca_make(tls, "b", KIT_NOW, cert, key));
	strcpy(mine, key);
	strcpy(key, other);
	refused("the key is not the certificate's");
	strcpy(key, "");
	refused("the key cannot be read");
	strcpy(key, "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n");
	refused("the key cannot be read");
	strcpy(key, mine);
	cert[28] ^= 1; /* the first character of its base64 */
	refused("the certificate cannot be read");
	strcpy(cert, "");
	refused("there is no certificate in PEM");
	strcpy(cert, "-----BEGIN CERTIFICATE-----\n");
	refused("there is no certificate in PEM");
}

/* One of openssl's with these extensions, and whether it is read. */
static struct tls_ca *
read_openssls(const char *key_options, const char *extensions)
{
	char command[1024];
	size_t n;

	snprintf(command, sizeof(command),
		 "printf '[req]\\ndistinguished_name=d\\n[d]\\n[x]\\n%s\\n' >conf && openssl genpkey %s -out "
		 "k 2>/dev/null && "
		 "openssl req -new -x509 -config conf -extensions x -key k -subj '/C=XX/O=Own/CN=Own CA' "
		 "-days 400 -out c",
		 extensions, key_options);
	assert_int_equal(kit_run(dir, command), 0);
	char *c = kit_read(dir, "c", &n), *k = kit_read(dir, "k", &n);
	why[0] = 0;
	struct tls_ca *ca = ca_read(tls, kit_text(c), kit_text(k), (uint64_t)time(NULL), why, sizeof(why));
	free(c);
	free(k);
	return ca;
}

#define P256 "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"
#define RSA "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"

static void
those_of_others_are_read(void **state)
{
	struct ca_facts f;

	(void)state;
	struct tls_ca *ca = read_openssls(RSA, "basicConstraints=critical,CA:TRUE");
	assert_non_null(ca);
	ca_facts(ca, &f);
	assert_string_equal(f.subject, "C=XX, O=Own, CN=Own CA");
	ca_free(ca);
	assert_null(read_openssls(P256, "basicConstraints=CA:FALSE"));
	assert_string_equal(why, "the certificate is not an authority's");
	assert_null(read_openssls(P256, "basicConstraints=CA:TRUE\\nkeyUsage=cRLSign"));
	assert_string_equal(why, "the certificate is not an authority's");
	assert_null(read_openssls(P256, "basicConstraints=CA:TRUE\\nextendedKeyUsage=clientAuth"));
	assert_string_equal(why, "the certificate may not issue certificates for servers");
	assert_null(
	    read_openssls("-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "basicConstraints=CA:TRUE"));
	assert_string_equal(why, "the certificate has an RSA key of less than 2048 bits");
	assert_null(read_openssls("-algorithm ED25519", "basicConstraints=CA:TRUE"));
	assert_string_equal(why, "the certificate cannot be read");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_made_can_be_read),
	    cmocka_unit_test(the_fingerprint_is_openssls),
	    cmocka_unit_test(it_has_the_shape_clients_ask_for),
	    cmocka_unit_test(labels_are_made_harmless),
	    cmocka_unit_test(dates_count),
	    cmocka_unit_test(one_that_outlives_2049),
	    cmocka_unit_test(what_is_no_authority_is_refused),
	    cmocka_unit_test(those_of_others_are_read),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
