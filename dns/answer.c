/*
 * answer.c - an answer of ours is told to a guest, again and again
 *
 * Telling it is a copy and a few patches: id, flags, counts, the question as this guest spelled it, TTLs, an OPT.
 */
#include "dns/answer.h"

#include <stdlib.h>

#include "dns/answer_data.h"

enum {
	FLAG_AA = 0x0400,
	FLAG_TC = 0x0200,
	FLAG_AD = 0x0020,
};

struct dns_answer *
answer_alloc(const struct dns_answer *shape)
{
	size_t filtered = shape->filtered ? sizeof(*shape->filtered) : 0;
	size_t records = shape->nrecord * sizeof(*shape->record);
	size_t addrs = shape->naddr * sizeof(*shape->addr), names = shape->nname * sizeof(*shape->name);
	size_t memory = sizeof(struct dns_answer) + filtered + records + addrs + names + shape->len;
	struct dns_answer *a = malloc(memory);

	if (!a)
		return NULL;
	*a = *shape;
	a->memory = memory;

	uint8_t *at = (uint8_t *)(a + 1);
	if (filtered)
		a->filtered = memcpy(at, shape->filtered, filtered);
	at += filtered;
	a->record = (struct record *)(void *)at;
	at += records;
	a->addr = (struct addr *)at;
	at += addrs;
	a->name = (struct name *)at;
	a->wire = at + names;
	return a;
}

void
dns_answer_free(struct dns_answer *a)
{
	free(a);
}

const struct dns_filtered *
dns_answer_filtered(const struct dns_answer *a)
{
	return a->filtered;
}

bool
dns_answer_is_for(const struct dns_answer *a, const struct dns_query *q)
{
	struct rd r = rd_of(view_of(a->wire + a->question - 4, 4));

	return name_eq(&a->name[0], &q->name) && rd_u16(&r) == q->type && rd_u16(&r) == q->class;
}

uint8_t
dns_answer_rcode(const struct dns_answer *a)
{
	return a->rcode;
}

uint32_t
dns_answer_ttl(const struct dns_answer *a)
{
	return a->ttl;
}

size_t
dns_answer_memory(const struct dns_answer *a)
{
	return a->memory;
}

/* Where the first n records end. */
static size_t
end_of(const struct dns_answer *a, unsigned n)
{
	return n < a->nrecord ? a->record[n].at : a->len;
}

/*
 * So many records fit into limit.  TC (RFC 2181 section 9) says that something needed is missing: records that were asked
 * for, but for addresses, where one that fits is worth more than a retry over TCP that some clients never make; and with
 * DO anything that takes part in a proof.
 */
static unsigned
trim(const struct dns_answer *a, const struct dns_query *q, size_t limit, bool *truncated)
{
	unsigned n = a->nrecord;

	while (n && end_of(a, n) > limit)
		n--;
	if (n < a->count[ANSWER])
		*truncated = !a->addresses || q->dnssec_ok || n <= a->wanted;
	else if (n < (unsigned)a->count[ANSWER] + a->count[AUTHORITY])
		*truncated = q->dnssec_ok;
	return n;
}

/* How many of the first n records are in this section. */
static unsigned
count_of(const struct dns_answer *a, enum section s, unsigned n)
{
	unsigned before = 0;

	for (enum section t = ANSWER; t < s; t++)
		before += a->count[t];
	return n <= before ? 0 : n - before < a->count[s] ? n - before : a->count[s];
}

static void
age_ttls(const struct dns_answer *a, unsigned n, uint32_t age, uint8_t *out)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *at = out + a->record[i].ttl_at;
		struct rd r = rd_of(view_of(at, 4));
		struct wr w = wr_of(at, 4);
		uint32_t ttl = rd_u32(&r);

		wr_u32(&w, ttl > age ? ttl - age : 0);
	}
}

static unsigned
flags(const struct dns_answer *a, const struct dns_query *q, bool truncated)
{
	unsigned f = dns_flags(q, a->rcode);

	if (a->authoritative)
		f |= FLAG_AA;
	if (truncated)
		f |= FLAG_TC;
	/* RFC 6840 5.8: only who asked learns it. */
	if (a->authentic && (q->ad || q->dnssec_ok))
		f |= FLAG_AD;
	return f;
}

size_t
dns_answer_write(const struct dns_answer *a, const struct dns_query *q, uint32_t age, size_t limit, int ede,
		 const char *text, uint8_t *out, size_t room)
{
	size_t opt = dns_opt_size(q, ede, text), most = limit < room ? limit : room;
	unsigned n = a->nrecord;
	bool truncated = a->truncated;

	if (a->len + opt > most) {
		/* The words go before any record does. */
		text = NULL;
		opt = dns_opt_size(q, ede, text);
		if (a->question + opt > most)
			return 0;
		n = trim(a, q, most - opt, &truncated);
	}
	size_t len = end_of(a, n);
	struct wr w = wr_of(out, most);

	wr_u16(&w, q->id);
	wr_u16(&w, (uint16_t)flags(a, q, truncated));
	wr_u16(&w, 1);
	wr_u16(&w, (uint16_t)count_of(a, ANSWER, n));
	wr_u16(&w, (uint16_t)count_of(a, AUTHORITY, n));
	wr_u16(&w, (uint16_t)(count_of(a, ADDITIONAL, n) + q->edns));
	wr_bytes(&w, q->spelled, q->name.len);
	size_t at = DNS_HEADER + q->name.len;
	wr_bytes(&w, a->wire + at, len - at);
	if (age)
		age_ttls(a, n, age, out);
	dns_opt_write(&w, q, a->rcode, ede, text);
	return w.bad ? 0 : (size_t)(w.p - out);
}

void
dns_answer_prove(const struct dns_answer *a, uint32_t age, struct evidence *e, usec_t now)
{
	uint32_t ttl = a->proof_ttl > age ? a->proof_ttl - age : 0;

	for (unsigned n = 0; n < a->nname; n++)
		for (unsigned i = 0; i < a->naddr; i++)
			evidence_add(e, &a->name[n], &a->addr[i], ttl, now);
}

void
answer_begin(struct compose *c, const struct dns_query *q)
{
	wr_take(&c->w, DNS_HEADER);
	compose_name(c, view_of(q->spelled, q->name.len));
	wr_u16(&c->w, q->type);
	wr_u16(&c->w, q->class);
}
