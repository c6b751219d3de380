/*
 * leaf.c - certificates for the hosts a guest is shown
 *
 * A table by a keyed hash (names are the guest's to choose) and a list by last use.  A leaf that is due to be
 * made anew while somebody shows it leaves the table and lives until it is dropped; it still counts against
 * the limit.
 */
#include <stdlib.h>

#include "stack/siphash.h"
#include "tls/ca_int.h"
#include "tls/context.h"
#include "tls/identity.h"
#include "tls/leaf.h"
#include "tls/mint.h"

#define LEAF_LIFE (30ull * 86400)

/* Whom a leaf is for. */
struct host {
	bool is_addr;
	struct addr addr;
	struct name name;
};

struct leaf {
	struct tls_identity identity; /* first: what users hold is this */
	mbedtls_x509_crt crt;
	struct host host;
	uint64_t from, renew, until; /* seconds since 1970 */
	uint32_t users;
	bool in_table;
	struct leaf *next;          /* in its bucket */
	struct leaf *older, *newer; /* by last use, while it is in the table */
};

struct leaf_cache {
	struct tls *t;
	const struct tls_ca *ca;
	mbedtls_pk_context key; /* of all leaves */
	uint8_t hash_key[SIPHASH_KEY];
	uint32_t max, n, mask;
	struct leaf *oldest, *newest;
	struct leaf *bucket[];
};

/* --- the table -------------------------------------------------------------------------------------- */

static struct host
host_of(const struct name *name, const struct addr *addr)
{
	struct host h;

	memset(&h, 0, sizeof(h));
	h.is_addr = !name;
	if (name)
		h.name = *name;
	else
		h.addr = *addr;
	return h;
}

static bool
host_eq(const struct host *a, const struct host *b)
{
	return a->is_addr == b->is_addr &&
	       (a->is_addr ? addr_eq(&a->addr, &b->addr) : name_eq(&a->name, &b->name));
}

static uint32_t
bucket_of(const struct leaf_cache *c, const struct host *h)
{
	uint64_t v = h->is_addr ? ~siphash(c->hash_key, h->addr.b, sizeof(h->addr.b))
				: siphash(c->hash_key, h->name.wire, h->name.len);

	return (uint32_t)v & c->mask;
}

static struct leaf *
find(const struct leaf_cache *c, const struct host *h)
{
	struct leaf *l = c->bucket[bucket_of(c, h)];

	while (l && !host_eq(&l->host, h))
		l = l->next;
	return l;
}

static void
put_newest(struct leaf_cache *c, struct leaf *l)
{
	l->older = c->newest;
	l->newer = NULL;
	*(c->newest ? &c->newest->newer : &c->oldest) = l;
	c->newest = l;
}

static void
take_from_list(struct leaf_cache *c, struct leaf *l)
{
	*(l->older ? &l->older->newer : &c->oldest) = l->newer;
	*(l->newer ? &l->newer->older : &c->newest) = l->older;
}

static void
put_in_table(struct leaf_cache *c, struct leaf *l)
{
	struct leaf **at = &c->bucket[bucket_of(c, &l->host)];

	l->next = *at;
	*at = l;
	put_newest(c, l);
	l->in_table = true;
}

static void
leaf_free(struct leaf_cache *c, struct leaf *l)
{
	mbedtls_x509_crt_free(&l->crt);
	free(l);
	c->n--;
}

/* Freed, or left to its users. */
static void
take_from_table(struct leaf_cache *c, struct leaf *l)
{
	struct leaf **at = &c->bucket[bucket_of(c, &l->host)];

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	take_from_list(c, l);
	l->in_table = false;
	if (!l->users)
		leaf_free(c, l);
}

/* --- making one ------------------------------------------------------------------------------------- */

/* Labels of other bytes than these are in no certificate (RFC 5280 4.2.1.6, and '_', which clients take). */
static bool
dns_id(const struct name *n, char *out, size_t *len)
{
	struct name again;
	char text[NAME_TEXT];

	name_text(n, text);
	*len = strlen(text);
	memcpy(out, text, *len < 254 ? *len : 254);
	return *len < 254 && name_parse(text, *len, &again) && name_eq(&again, n);
}

static bool
alt_name(const struct host *h, struct wr *alt, struct view *common, char text[254])
{
	size_t len = 0;

	*common = view_of(NULL, 0);
	if (h->is_addr) {
		bool v4 = addr_is_v4(&h->addr);

		der_put(alt, DER_CONTEXT + ALT_IP, v4 ? view_of(h->addr.b + 12, 4) : view_of(h->addr.b, 16));
		return true;
	}
	if (!dns_id(&h->name, text, &len))
		return false;
	der_put(alt, DER_CONTEXT + ALT_DNS, view_of(text, len));
	if (len <= 64) /* ub-common-name */
		*common = view_of(text, len);
	return true;
}

static bool
leaf_mint(struct leaf_cache *c, struct leaf *l)
{
	uint8_t subject[160], alt[280], der[MINT_MAX];
	char text[254];
	struct wr s = wr_of(subject, sizeof(subject)), a = wr_of(alt, sizeof(alt));
	const struct cert *ca = &c->ca->root.cert;
	struct mint m = {.t = c->t,
			 .issuer = ca->subject,
			 .from = l->from,
			 .until = l->until,
			 .key = &c->key,
			 .issuer_key = c->ca->key,
			 .issuer_id = ca->subject_id};
	struct view common;
	size_t len;

	if (!alt_name(&l->host, &a, &common, text))
		return false;
	mint_name(&s, common);
	m.subject = view_of(subject, (size_t)(s.p - subject));
	m.alt = view_of(alt, (size_t)(a.p - alt));
	return !s.bad && !a.bad && mint(&m, der, &len) == 0 &&
	       mbedtls_x509_crt_parse_der(&l->crt, der, len) == 0;
}

static struct leaf *
leaf_new(struct leaf_cache *c, const struct host *h, uint64_t now)
{
	uint64_t last = c->ca->root.cert.until;
	struct leaf *l = now < last ? calloc(1, sizeof(*l)) : NULL;

	if (!l)
		return NULL;
	c->n++;
	l->host = *h;
	l->from = now > CA_BACK ? now - CA_BACK : 0;
	l->until = now + LEAF_LIFE < last ? now + LEAF_LIFE : last;
	l->renew = now + (l->until - now) / 2;
	mbedtls_x509_crt_init(&l->crt);
	l->identity = (struct tls_identity){.chain = &l->crt, .key = &c->key};
	if (leaf_mint(c, l))
		return l;
	leaf_free(c, l);
	return NULL;
}

/* --- what users see --------------------------------------------------------------------------------- */

struct leaf_cache *
leaf_cache_new(struct tls *t, const struct tls_ca *ca, uint32_t max)
{
	uint32_t buckets = 16;

	while (buckets < max && buckets < 1u << 20)
		buckets *= 2;
	struct leaf_cache *c = calloc(1, sizeof(*c) + buckets * sizeof(c->bucket[0]));
	if (!c)
		return NULL;
	c->t = t;
	c->ca = ca;
	c->max = max ? max : 1;
	c->mask = buckets - 1;
	mbedtls_pk_init(&c->key);
	if (lib_random(t, c->hash_key, sizeof(c->hash_key)) == 0 && lib_key_make(&c->key, t) == 0)
		return c;
	leaf_cache_free(c);
	return NULL;
}

void
leaf_cache_free(struct leaf_cache *c)
{
	if (!c)
		return;
	while (c->oldest) {
		c->oldest->users = 0;
		take_from_table(c, c->oldest);
	}
	mbedtls_pk_free(&c->key);
	free(c);
}

/* Good for new connections.  A clock that was set back makes leaves of the future, which are as good as old
 * ones. */
static bool
is_fresh(const struct leaf *l, uint64_t now)
{
	return l && now >= l->from && now < l->renew;
}

/* The place of the leaf used longest ago that nobody uses.  Linear only in leaves that are in use. */
static bool
make_room(struct leaf_cache *c)
{
	struct leaf *l = c->oldest;

	if (c->n < c->max)
		return true;
	while (l && l->users)
		l = l->newer;
	if (l)
		take_from_table(c, l);
	return l != NULL;
}

static const struct tls_identity *
use(struct leaf_cache *c, struct leaf *l)
{
	l->users++;
	take_from_list(c, l);
	put_newest(c, l);
	return &l->identity;
}

const struct tls_identity *
leaf_keep(struct leaf_cache *c, const struct name *name, const struct addr *addr, uint64_t now)
{
	const struct host h = host_of(name, addr);
	struct leaf *old = find(c, &h);

	if (is_fresh(old, now))
		return use(c, old);
	if (old && !old->users) {
		take_from_table(c, old);
		old = NULL;
	}
	struct leaf *l = make_room(c) ? leaf_new(c, &h, now) : NULL;
	if (!l) /* One that is due but good yet is better than none. */
		return old && now >= old->from && now < old->until ? use(c, old) : NULL;
	if (old)
		take_from_table(c, old);
	put_in_table(c, l);
	return use(c, l);
}

void
leaf_drop(struct leaf_cache *c, const struct tls_identity *i)
{
	struct leaf *l = (struct leaf *)(uintptr_t)i; /* leaf_keep() gave its first member */

	l->users--;
	if (!l->users && !l->in_table)
		leaf_free(c, l);
}

bool
leaf_is_there(const struct leaf_cache *c, const struct name *name, const struct addr *addr, uint64_t now)
{
	const struct host h = host_of(name, addr);

	return is_fresh(find(c, &h), now);
}
