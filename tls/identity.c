/*
 * identity.c - a certificate and its key, from PEM
 */
#include "tls/identity.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PEM_MAX 65536u /* bytes; a chain and a key take a few thousand */
#define RSA_MIN 2048u
#define RSA_MAX 8192u

__attribute__((format(printf, 3, 4))) static void
say(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, size, fmt, ap);
	va_end(ap);
}

/* The library wants PEM with its NUL; what is read from a file has none. */
static uint8_t *
with_nul(struct view v)
{
	uint8_t *p = v.len <= PEM_MAX ? malloc(v.len + 1) : NULL;

	if (p && v.len)
		memcpy(p, v.p, v.len);
	if (p)
		p[v.len] = '\0';
	return p;
}

static void
wipe(uint8_t *p, size_t n)
{
	if (p)
		mbedtls_platform_zeroize(p, n);
	free(p);
}

static bool
read_chain(struct tls_identity *i, struct view cert, char *why, size_t size)
{
	uint8_t *pem = with_nul(cert);
	int rc = pem ? mbedtls_x509_crt_parse(i->chain, pem, cert.len + 1) : MBEDTLS_ERR_X509_ALLOC_FAILED;

	free(pem);
	if (rc == 0)
		return true;
	if (rc > 0)
		say(why, size, "%d certificates of the chain cannot be read", rc);
	else
		say(why, size, "the certificate cannot be read (-0x%04x)", (unsigned)-rc);
	return false;
}

static bool
read_key(struct tls *t, struct tls_identity *i, struct view key, char *why, size_t size)
{
	uint8_t *pem = with_nul(key);
	int rc = pem ? lib_key_parse(i->key, pem, key.len + 1, t) : MBEDTLS_ERR_PK_ALLOC_FAILED;

	wipe(pem, key.len);
	if (rc == MBEDTLS_ERR_PK_PASSWORD_REQUIRED || rc == MBEDTLS_ERR_PK_PASSWORD_MISMATCH)
		say(why, size, "the key has a passphrase; give it without one");
	else if (rc != 0)
		say(why, size, "the key cannot be read (-0x%04x)", (unsigned)-rc);
	return rc == 0;
}

static bool
fits(struct tls *t, struct tls_identity *i, char *why, size_t size)
{
	const char *beyond = lib_key_beyond(i->key, RSA_MIN, RSA_MAX);

	if (beyond)
		say(why, size, "the key is %s", beyond);
	else if (lib_key_check_pair(&i->chain->pk, i->key, t) != 0)
		say(why, size, "the key is not that of the first certificate");
	else
		return true;
	return false;
}

struct tls_identity *
tls_identity_read(struct tls *t, struct view cert, struct view key, char *why, size_t size)
{
	struct tls_identity *i = calloc(1, sizeof(*i));

	if (i) {
		i->chain = calloc(1, sizeof(*i->chain));
		i->key = calloc(1, sizeof(*i->key));
	}
	if (!i || !i->chain || !i->key) {
		say(why, size, "no memory");
		tls_identity_free(i);
		return NULL;
	}
	mbedtls_x509_crt_init(i->chain);
	mbedtls_pk_init(i->key);
	if (!read_chain(i, cert, why, size) || !read_key(t, i, key, why, size) || !fits(t, i, why, size)) {
		tls_identity_free(i);
		return NULL;
	}
	return i;
}

void
tls_identity_free(struct tls_identity *i)
{
	if (!i)
		return;
	if (i->chain)
		mbedtls_x509_crt_free(i->chain);
	if (i->key)
		mbedtls_pk_free(i->key);
	free(i->chain);
	free(i->key);
	free(i);
}
