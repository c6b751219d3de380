/*
 * ca.c - a certificate authority of our own: made, read, shown
 */
#include <stdio.h>
#include <stdlib.h>

#include "tls/ca_int.h"
#include "tls/context.h"
#include "tls/mint.h"
#include "tls/pem.h"

#define ISSUER_MAX 512u    /* bytes of its name: it goes into each leaf */
#define ISSUER_ID_MAX 48u  /* so does its key identifier */
#define KEY_PEM_MAX 16384u /* far beyond RSA of 4,096 bits */

/* --- made ------------------------------------------------------------------------------------------- */

/* "sluice CA LABEL" */
static struct view
common_name(const char *label, char out[10 + CA_LABEL])
{
	size_t n = strnlen(label, CA_LABEL);

	memcpy(out, "sluice CA ", 10);
	for (size_t i = 0; i < n; i++) {
		char c = label[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c && strchr(" -._", c));

		out[10 + i] = fine ? c : '-';
	}
	return view_of(out, n ? 10 + n : 9);
}

static int
make(struct tls *t, mbedtls_pk_context *key, struct view common, uint64_t now, uint8_t *der, size_t *len)
{
	uint8_t name[160], id[MINT_ID];
	struct wr w = wr_of(name, sizeof(name));
	int rc = lib_key_make(key, t);

	mint_name(&w, common);
	rc = rc ? rc : mint_id(key, id);
	if (rc)
		return rc;
	struct view self = view_of(name, (size_t)(w.p - name));
	return mint(&(struct mint){.t = t,
				   .issuer = self,
				   .subject = self,
				   .from = now > CA_BACK ? now - CA_BACK : 0,
				   .until = now + CA_LIFE,
				   .key = key,
				   .issuer_key = key,
				   .issuer_id = view_of(id, sizeof(id)),
				   .is_ca = true},
		    der, len);
}

bool
ca_make(struct tls *t, const char *label, uint64_t now, char cert[CA_PEM], char key[CA_PEM])
{
	mbedtls_pk_context pk;
	uint8_t der[MINT_MAX];
	char common[10 + CA_LABEL];
	size_t len = 0;

	mbedtls_pk_init(&pk);
	int rc = make(t, &pk, common_name(label, common), now, der, &len);
	rc = rc ? rc
		: mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n",
					   der, len, (unsigned char *)cert, CA_PEM, &len);
	rc = rc ? rc : mbedtls_pk_write_key_pem(&pk, (unsigned char *)key, CA_PEM);
	mbedtls_pk_free(&pk);
	if (rc) {
		cert[0] = 0;
		mbedtls_platform_zeroize(key, CA_PEM);
	}
	return rc == 0;
}

/* --- read ------------------------------------------------------------------------------------------- */

/* NULL: it is one that can issue for servers, now. */
static const char *
not_an_authority(const struct cert *c, uint64_t now)
{
	if (c->fault != VERIFY_GOOD)
		return c->why;
	if (!c->is_ca || (c->has_usage && !(c->usage & USE_CERT_SIGN)))
		return "is not an authority's";
	if (!cert_is_for_servers(c))
		return "may not issue certificates for servers";
	if (now > c->until)
		return "has expired";
	if (now < c->from)
		return "is not valid yet";
	if (c->subject.len > ISSUER_MAX || c->subject_id.len > ISSUER_ID_MAX)
		return "has a name that is too long";
	return NULL;
}

static bool
read_cert(struct tls_ca *ca, struct view pem, uint64_t now, char *why, size_t size)
{
	uint8_t der[8192];
	size_t len;

	if (!pem_next(&pem, der, sizeof(der), &len) || !len) {
		snprintf(why, size, "there is no certificate in PEM");
		return false;
	}
	int rc = root_read(view_of(der, len), &ca->root);
	if (rc) {
		snprintf(why, size, path_is_no_memory(rc) ? "no memory" : "the certificate cannot be read");
		return false;
	}
	const char *wrong = not_an_authority(&ca->root.cert, now);
	if (wrong)
		snprintf(why, size, "the certificate %s", wrong);
	return !wrong;
}

static bool
read_key(struct tls_ca *ca, struct view pem, char *why, size_t size)
{
	/* The library wants PEM to end in a NUL. */
	uint8_t *text = pem.len < KEY_PEM_MAX ? malloc(pem.len + 1) : NULL;

	if (!text) {
		snprintf(why, size, pem.len < KEY_PEM_MAX ? "no memory" : "the key is too large");
		return false;
	}
	if (pem.len)
		memcpy(text, pem.p, pem.len);
	text[pem.len] = 0;
	int rc = lib_key_parse(ca->key, text, pem.len + 1, ca->t);
	mbedtls_platform_zeroize(text, pem.len + 1);
	free(text);
	if (rc)
		snprintf(why, size, path_is_no_memory(rc) ? "no memory" : "the key cannot be read");
	else if (lib_key_check_pair(&ca->root.crt->pk, ca->key, ca->t)) {
		snprintf(why, size, "the key is not the certificate's");
		rc = -1;
	}
	return rc == 0;
}

struct tls_ca *
ca_read(struct tls *t, struct view cert, struct view key, uint64_t now, char *why, size_t size)
{
	struct tls_ca *ca = calloc(1, sizeof(*ca));

	if (!ca || !(ca->key = malloc(sizeof(*ca->key)))) {
		snprintf(why, size, "no memory");
		free(ca);
		return NULL;
	}
	ca->t = t;
	mbedtls_pk_init(ca->key);
	if (read_cert(ca, cert, now, why, size) && read_key(ca, key, why, size))
		return ca;
	ca_free(ca);
	return NULL;
}

void
ca_free(struct tls_ca *ca)
{
	if (!ca)
		return;
	mbedtls_pk_free(ca->key); /* wiped by the library */
	free(ca->key);
	root_free(&ca->root);
	free(ca);
}

void
ca_facts(const struct tls_ca *ca, struct ca_facts *out)
{
	const struct cert *c = &ca->root.cert;
	struct text t = {out->subject, sizeof(out->subject)};

	memset(out, 0, sizeof(*out));
	text_add_subject(&t, c->subject);
	out->from = c->from;
	out->until = c->until;
	mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), c->der.p, c->der.len, out->sha256);
}
