/*
 * roots.c - the certificates that are trusted, from PEM (RFC 7468)
 *
 * A bundle is what others have gathered: what cannot be read in it is left out, and what follows is read all
 * the same.
 */
#include <stdlib.h>

#include "tls/path.h"
#include "tls/pem.h"

int
root_read(struct view der, struct root *out)
{
	int rc = MBEDTLS_ERR_X509_ALLOC_FAILED;

	out->crt = malloc(sizeof(*out->crt));
	if (!out->crt)
		return rc;
	rc = path_parse(out->crt, der, true);
	if (rc == 0 && cert_read(view_of(out->crt->raw.p, out->crt->raw.len), RSA_ROOT_MAX, &out->cert))
		return 0;
	root_free(out);
	return rc ? rc : MBEDTLS_ERR_X509_INVALID_FORMAT;
}

void
root_free(struct root *r)
{
	if (r->crt)
		mbedtls_x509_crt_free(r->crt);
	free(r->crt);
	r->crt = NULL;
}

struct gathering {
	struct tls_roots *r;
	uint32_t room;
	unsigned skipped;
	bool no_memory;
};

/* The place of the next one; NULL: no memory. */
static struct root *
room_for_one(struct gathering *g)
{
	uint32_t more = g->room ? g->room * 2 : 64;

	if (g->r->n == g->room) {
		struct root *root = realloc(g->r->root, more * sizeof(*root));

		if (!root)
			return NULL;
		g->r->root = root;
		g->room = more;
	}
	return g->r->root + g->r->n;
}

/* One of a bundle twice is one. */
static bool
is_there(const struct tls_roots *r, struct view der)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (view_eq(r->root[i].cert.der, der))
			return true;
	return false;
}

static void
gather_one(struct gathering *g, struct view der)
{
	if (der.len && is_there(g->r, der))
		return;
	if (!der.len || g->r->n == ROOTS_MAX) {
		g->skipped++;
		return;
	}
	struct root *place = room_for_one(g);
	if (!place) {
		g->no_memory = true;
		return;
	}
	int rc = root_read(der, place);
	if (rc == 0)
		g->r->n++;
	else if (path_is_no_memory(rc))
		g->no_memory = true;
	else
		g->skipped++;
}

/* Room for any certificate. */
#define DER_MAX VERIFY_BYTES

static void
gather(struct gathering *g, struct view pem, uint8_t *der)
{
	size_t len;

	while (!g->no_memory && pem_next(&pem, der, DER_MAX, &len))
		gather_one(g, view_of(der, len));
}

struct tls_roots *
tls_roots_read(struct view pem, struct view more, unsigned *skipped, const char **why)
{
	uint8_t *der = malloc(DER_MAX);
	struct gathering g = {.r = calloc(1, sizeof(*g.r))};

	g.no_memory = !der || !g.r;
	if (!g.no_memory)
		gather(&g, pem, der);
	if (!g.no_memory)
		gather(&g, more, der);
	free(der);
	if (skipped)
		*skipped = g.skipped;
	if (!g.no_memory && g.r->n)
		return g.r;
	*why = g.no_memory ? "no memory" : "no certificate could be read";
	tls_roots_free(g.r);
	return NULL;
}

void
tls_roots_free(struct tls_roots *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->n; i++)
		root_free(&r->root[i]);
	free(r->root);
	free(r);
}

unsigned
tls_roots_count(const struct tls_roots *r)
{
	return r->n;
}
