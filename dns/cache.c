/*
 * cache.c - answers kept for as long as their TTL says
 *
 * A table of entries, found through buckets that begin chains, and held together by a ring in the order of use.  All
 * links are indices, so that the table is two allocations however many answers come and go.  An index of 0 is none, so
 * that an empty table is zeros and its pages are not touched before they are used.
 */
#include "dns/cache.h"

#include <stdlib.h>

#include "stack/siphash.h"

#define NONE 0u
#define ENTRY_COST 64u /* bytes of bookkeeping that are counted for each answer */

struct entry {
	struct dns_answer *answer; /* NULL: free */
	uint64_t hash;
	usec_t put;
	uint32_t chain;        /* the next of the same bucket; of a free one, the next free one */
	uint32_t older, newer; /* in the order of use */
	uint8_t flags;
};

struct dns_cache {
	uint8_t secret[SIPHASH_KEY];
	struct entry *entry; /* 1 to size; those beyond `used` were never used */
	uint32_t *bucket;    /* a power of two of them */
	uint32_t size, buckets, count, used;
	uint32_t oldest, newest, free;
	size_t bytes, bytes_max;
};

/* A question as it is looked for. */
struct key {
	uint64_t hash;
	uint8_t flags;
};

static struct key
key_of(const struct dns_cache *c, const struct dns_query *q)
{
	uint8_t flat[NAME_MAX_WIRE + 5];
	struct wr w = wr_of(flat, sizeof(flat));
	/* RD: what was only looked up in an upstream's cache (RFC 1035 4.1.1) is another answer. */
	struct key k = {.flags = (uint8_t)(q->dnssec_ok << 0 | q->cd << 1 | q->rd << 2)};

	wr_bytes(&w, q->name.wire, q->name.len);
	wr_u16(&w, q->type);
	wr_u16(&w, q->class);
	wr_u8(&w, k.flags);
	k.hash = siphash(c->secret, flat, (size_t)(w.p - flat));
	return k;
}

struct dns_cache *
dns_cache_new(uint32_t entries, size_t bytes, const uint8_t secret[16])
{
	struct dns_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	memcpy(c->secret, secret, sizeof(c->secret));
	c->size = entries < DNS_CACHE_ENTRIES ? entries : DNS_CACHE_ENTRIES;
	c->bytes_max = bytes;
	for (c->buckets = 1; c->buckets < c->size;)
		c->buckets *= 2;
	c->entry = calloc(c->size + 1u, sizeof(*c->entry));
	c->bucket = calloc(c->buckets, sizeof(*c->bucket));
	if (!c->entry || !c->bucket) {
		dns_cache_free(c);
		return NULL;
	}
	return c;
}

void
dns_cache_free(struct dns_cache *c)
{
	if (!c)
		return;
	for (uint32_t i = 1; c->entry && i <= c->used; i++)
		dns_answer_free(c->entry[i].answer);
	free(c->entry);
	free(c->bucket);
	free(c);
}

void
dns_cache_flush(struct dns_cache *c)
{
	for (uint32_t i = 1; i <= c->used; i++) {
		dns_answer_free(c->entry[i].answer);
		c->entry[i].answer = NULL;
	}
	if (c->used)
		memset(c->bucket, 0, c->buckets * sizeof(*c->bucket));
	c->free = c->oldest = c->newest = NONE;
	c->count = c->used = 0;
	c->bytes = 0;
}

static uint32_t *
bucket_of(struct dns_cache *c, uint64_t hash)
{
	return &c->bucket[hash & (c->buckets - 1)];
}

static uint32_t
find(struct dns_cache *c, const struct dns_query *q, struct key k)
{
	for (uint32_t i = *bucket_of(c, k.hash); i != NONE; i = c->entry[i].chain) {
		const struct entry *e = &c->entry[i];

		if (e->hash == k.hash && e->flags == k.flags && dns_answer_is_for(e->answer, q))
			return i;
	}
	return NONE;
}

static void
unlink_use(struct dns_cache *c, uint32_t i)
{
	struct entry *e = &c->entry[i];

	*(e->older == NONE ? &c->oldest : &c->entry[e->older].newer) = e->newer;
	*(e->newer == NONE ? &c->newest : &c->entry[e->newer].older) = e->older;
}

static void
link_newest(struct dns_cache *c, uint32_t i)
{
	struct entry *e = &c->entry[i];

	e->newer = NONE;
	e->older = c->newest;
	*(c->newest == NONE ? &c->oldest : &c->entry[c->newest].newer) = i;
	c->newest = i;
}

static size_t
cost(const struct dns_answer *a)
{
	return dns_answer_memory(a) + ENTRY_COST;
}

static void
drop(struct dns_cache *c, uint32_t i)
{
	struct entry *e = &c->entry[i];
	uint32_t *from = bucket_of(c, e->hash);

	while (*from != i)
		from = &c->entry[*from].chain;
	*from = e->chain;
	unlink_use(c, i);
	c->bytes -= cost(e->answer);
	c->count--;
	dns_answer_free(e->answer);
	e->answer = NULL;
	e->chain = c->free;
	c->free = i;
}

static void
keep(struct dns_cache *c, struct key k, struct dns_answer *a, usec_t now)
{
	uint32_t i = c->free ? c->free : ++c->used, *bucket = bucket_of(c, k.hash);
	struct entry *e = &c->entry[i];

	if (c->free)
		c->free = e->chain;
	*e = (struct entry){.answer = a, .hash = k.hash, .put = now, .chain = *bucket, .flags = k.flags};
	*bucket = i;
	link_newest(c, i);
	c->count++;
	c->bytes += cost(a);
}

void
dns_cache_put(struct dns_cache *c, const struct dns_query *q, struct dns_answer *a, usec_t now)
{
	struct key k = key_of(c, q);
	uint32_t old = find(c, q, k);

	if (old != NONE)
		drop(c, old);
	if (!dns_answer_ttl(a) || !c->size || cost(a) > c->bytes_max) {
		dns_answer_free(a);
		return;
	}
	while ((c->free == NONE && c->used == c->size) || c->bytes + cost(a) > c->bytes_max)
		drop(c, c->oldest);
	keep(c, k, a, now);
}

const struct dns_answer *
dns_cache_get(struct dns_cache *c, const struct dns_query *q, usec_t now, uint32_t *age)
{
	uint32_t i = find(c, q, key_of(c, q));

	/* What is too old stays until it is replaced or the oldest. */
	if (i == NONE || now - c->entry[i].put >= dns_answer_ttl(c->entry[i].answer) * USEC_PER_SEC)
		return NULL;
	*age = (uint32_t)((now - c->entry[i].put) / USEC_PER_SEC);
	unlink_use(c, i);
	link_newest(c, i);
	return c->entry[i].answer;
}

uint32_t
dns_cache_count(const struct dns_cache *c)
{
	return c->count;
}
