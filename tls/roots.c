/*
 * roots.c - the certificates that are trusted, from PEM (RFC 7468)
 *
 * A bundle is what others have gathered: what cannot be read in it is left out, and what follows is read all the same.  Each block between its
 * two lines is decoded alone, so none can swallow the next.
 */
#include <stdlib.h>

#include "tls/path.h"

static const char begins[] = "-----BEGIN CERTIFICATE-----", ends[] = "-----END CERTIFICATE-----";

/* The view from the first place behind `mark` in v on; p NULL: it is not there. */
static struct view
behind(struct view v, const char *mark)
{
	const uint8_t *at = v.len ? memmem(v.p, v.len, mark, strlen(mark)) : NULL;

	if (!at)
		return view_of(NULL, 0);
	at += strlen(mark);
	return view_of(at, v.len - (size_t)(at - v.p));
}

/* The base64 of the next certificate; *v moves behind it.  False: there is none. */
static bool
next_block(struct view *v, struct view *block)
{
	struct view in = behind(*v, begins);

	if (!in.p)
		return false;
	/* One that does not end before the next begins is none: what is left of it cannot be read. */
	struct view next = behind(in, begins);
	size_t len = next.p ? (size_t)(next.p - in.p) - strlen(begins) : in.len;
	struct view after = behind(view_of(in.p, len), ends);

	*block = view_of(in.p, after.p ? (size_t)(after.p - in.p) - strlen(ends) : 0);
	*v = view_of(in.p + len, in.len - len);
	return true;
}

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
	mbedtls_x509_crt_free(out->crt);
	free(out->crt);
	return rc ? rc : MBEDTLS_ERR_X509_INVALID_FORMAT;
}

struct gathering {
	struct tls_roots *r;
	uint32_t room;
	unsigned skipped;
	bool no_memory;
};

static bool
room_for_one(struct gathering *g)
{
	if (g->r->n < g->room)
		return true;
	uint32_t more = g->room ? g->room * 2 : 64;
	struct root *root = realloc(g->r->root, more * sizeof(*root));
	if (!root)
		return false;
	g->r->root = root;
	g->room = more;
	return true;
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
gather_one(struct gathering *g, struct view block, uint8_t *der, size_t room)
{
	size_t len = 0;

	if (g->r->n == ROOTS_MAX || mbedtls_base64_decode(der, room, &len, block.p, block.len) || len == 0) {
		g->skipped++;
		return;
	}
	if (is_there(g->r, view_of(der, len)))
		return;
	if (!room_for_one(g)) {
		g->no_memory = true;
		return;
	}
	int rc = root_read(view_of(der, len), &g->r->root[g->r->n]);
	if (rc == 0)
		g->r->n++;
	else if (path_is_no_memory(rc))
		g->no_memory = true;
	else
		g->skipped++;
}

/* As large as any certificate, so that one buffer does for all. */
#define DER_MAX VERIFY_BYTES

static void
gather(struct gathering *g, struct view pem, uint8_t *der)
{
	struct view block;

	while (!g->no_memory && next_block(&pem, &block))
		gather_one(g, block, der, DER_MAX);
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
	for (uint32_t i = 0; i < r->n; i++) {
		mbedtls_x509_crt_free(r->root[i].crt);
		free(r->root[i].crt);
	}
	free(r->root);
	free(r);
}

unsigned
tls_roots_count(const struct tls_roots *r)
{
	return r->n;
}
