/*
 * fuzz_certificate.c - any bytes as certificates: what a server shows, a bundle of roots, an authority and
 * its key
 *
 * The first byte chooses.  0: PEM of roots.  1: PEM of an authority, a NUL, PEM of its key; an authority that
 * is taken issues leaves that our verifier takes.  Others: flags of the question, then certificates, each
 * behind two bytes of length: the first is trusted, the rest was shown.  A verdict has a sentence of
 * printable characters, unless it is good; and where one certificate was shown, whatever we find good the
 * library's own verification does too.
 */
#include "tls/identity.h"
#include "tls/leaf.h"
#include "tls/path.h"

#include "test/fuzz/wire_kit.h"

#define NOW 1767225600ull /* 2026-01-01 */

enum { BY_ADDRESS = 2, ONLY_SIGNATURE = 4, WITHOUT_ROOT = 8 };

static uint64_t luck;
static struct tls *tls;

static void
fill(void *ctx, void *to, size_t n)
{
	uint64_t *state = ctx;

	for (uint8_t *p = to; n--; p++) {
		*state = *state * 6364136223846793005ull + 1442695040888963407ull;
		*p = (uint8_t)(*state >> 56);
	}
}

static void
roots(struct view pem)
{
	unsigned skipped = 0;
	const char *why = NULL;
	struct tls_roots *r = tls_roots_read(pem, pem, &skipped, &why);

	must(r ? tls_roots_count(r) > 0 : why != NULL);
	tls_roots_free(r);
}

static bool
is_printable(const char *text)
{
	while (*text >= 0x20 && *text <= 0x7e)
		text++;
	return *text == 0;
}

/* Of an authority that was taken: good for whom it is for, if its own constraints and key identifiers let it.
 */
static void
leaf_of(const struct tls_ca *ca, struct view cert_pem)
{
	struct leaf_cache *c = leaf_cache_new(tls, ca, 2);
	const char *why;
	struct tls_roots *trusted = tls_roots_read(cert_pem, view_of(NULL, 0), NULL, &why);
	struct verify_question q = {.roots = trusted, .n = 1, .now = NOW};
	struct verify_answer a;
	struct name name;

	must(c && trusted && name_parse("site.test", 9, &name));
	const struct tls_identity *i = leaf_keep(c, &name, NULL, NOW);
	if (i) {
		struct view leaf = view_of(i->chain->raw.p, i->chain->raw.len);

		q.cert = &leaf;
		q.name = &name;
		must(tls_verify(&q, &a) || a.fault == VERIFY_CONSTRAINTS);
		leaf_drop(c, i);
	}
	tls_roots_free(trusted);
	leaf_cache_free(c);
}

static void
authority(struct view in)
{
	const uint8_t *nul = in.len ? memchr(in.p, 0, in.len) : NULL;
	size_t len = nul ? (size_t)(nul - in.p) : in.len;
	struct view key = nul ? view_of(nul + 1, in.len - len - 1) : view_of(NULL, 0);
	struct ca_facts facts;
	char why[128] = "";
	struct tls_ca *ca = ca_read(tls, view_of(in.p, len), key, NOW, why, sizeof(why));

	must(ca ? true : why[0] != 0);
	if (!ca)
		return;
	ca_facts(ca, &facts);
	must(is_printable(facts.subject) && facts.from <= NOW && NOW <= facts.until);
	leaf_of(ca, view_of(in.p, len));
	ca_free(ca);
}

/* The library, on its own: dates apart. */
static bool
library_agrees(struct view shown, struct view trusted)
{
	mbedtls_x509_crt crt, root;
	uint32_t flags = 0;
	bool good = path_parse(&crt, shown, true) == 0 && path_parse(&root, trusted, true) == 0;

	if (good) {
		mbedtls_x509_crt_verify_with_profile(&crt, &root, NULL, &mbedtls_x509_crt_profile_default,
						     NULL, &flags, NULL, NULL);
		flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
		good = flags == 0;
	}
	mbedtls_x509_crt_free(&crt);
	mbedtls_x509_crt_free(&root);
	return good;
}

static void
shown(uint8_t flags, struct view in)
{
	struct rd r = rd_of(in);
	struct root root = {.crt = NULL};
	struct tls_roots trusted = {0, &root};
	struct view cert[VERIFY_CERTS + 2], first = rd_take(&r, rd_u16(&r));
	struct verify_question q = {
	    .roots = &trusted, .cert = cert, .now = NOW, .only_signature = flags & ONLY_SIGNATURE};
	struct verify_answer a;
	struct name name;

	if (!(flags & WITHOUT_ROOT) && first.len && root_read(first, &root) == 0)
		trusted.n = 1;
	while (rd_left(&r) && !r.bad && q.n < VERIFY_CERTS + 2)
		cert[q.n++] = rd_take(&r, rd_u16(&r));
	must(name_parse("site.test", 9, &name) && addr_parse("192.0.2.7", &q.addr));
	q.name = flags & BY_ADDRESS ? NULL : &name;
	bool good = tls_verify(&q, &a);
	must(good == (a.fault == VERIFY_GOOD) && good == (a.text[0] == 0) && good == (a.alert == 0));
	must(is_printable(a.text) && verify_fault_name(a.fault));
	if (good && q.n == 1 && !q.only_signature && !view_eq(cert[0], first))
		must(library_agrees(cert[0], first));
	root_free(&root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(view_of(data, size));
	uint8_t mode = rd_u8(&r);

	luck = 1;
	if (!tls)
		tls = tls_new(&(struct tls_random){fill, &luck}, &(struct tls_options){0});
	must(tls != NULL);
	if (mode == 0)
		roots(rd_rest(&r));
	else if (mode == 1)
		authority(rd_rest(&r));
	else
		shown(mode, rd_rest(&r));
	return 0;
}
