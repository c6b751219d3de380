/*
 * answer_local.c - an answer from addresses that we know ourselves
 */
#include "dns/answer_data.h"

#define RECORD_MAX (2u + 10u + 16u)

/* RFC 8482 4.2: a HINFO says why there is nothing else. */
static const uint8_t hinfo[] = "\x07RFC8482";

static void
put_record(struct compose *c, const struct dns_query *q, uint16_t type, uint32_t ttl, struct view data,
	   struct record *at)
{
	at->at = (uint16_t)compose_len(c);
	compose_name(c, view_of(q->name.wire, q->name.len));
	wr_u16(&c->w, type);
	wr_u16(&c->w, DNS_CLASS_IN);
	at->ttl_at = (uint16_t)compose_len(c);
	wr_u32(&c->w, ttl);
	wr_u16(&c->w, (uint16_t)data.len);
	wr_bytes(&c->w, data.p, data.len);
}

static bool
is_wanted(const struct dns_query *q, const struct addr *a)
{
	return q->type == (addr_is_v4(a) ? DNS_A : DNS_AAAA);
}

struct dns_answer *
dns_answer_local(const struct dns_query *q, const struct addr *addr, unsigned n, uint32_t ttl)
{
	uint16_t matching = 0, question = (uint16_t)(DNS_HEADER + q->name.len + 4u);
	struct compose c;

	for (unsigned i = 0; i < n && matching < EVIDENCE_ADDRS; i++)
		matching += is_wanted(q, &addr[i]);
	uint16_t records = q->type == DNS_ANY ? 1 : matching;
	struct dns_answer *a = answer_alloc(&(struct dns_answer){
	    .rcode = DNS_NOERROR,
	    .authoritative = true,
	    .addresses = true,
	    .ttl = ttl,
	    .proof_ttl = ttl,
	    .count = {records},
	    .nrecord = records,
	    .nname = 1,
	    .naddr = matching,
	    .question = question,
	    .len = (uint16_t)(question + records * RECORD_MAX),
	});

	if (!a)
		return NULL;
	a->name[0] = q->name;
	compose_start(&c, a->wire, a->len);
	answer_begin(&c, q);
	if (q->type == DNS_ANY)
		put_record(&c, q, DNS_HINFO, ttl, view_of(hinfo, sizeof(hinfo)), a->record);
	for (unsigned i = 0, put = 0; put < matching; i++) {
		if (!is_wanted(q, &addr[i]))
			continue;
		a->addr[put] = addr[i];
		put_record(&c, q, q->type, ttl,
			   q->type == DNS_A ? view_of(addr[i].b + 12, 4) : view_of(addr[i].b, 16),
			   &a->record[put]);
		put++;
	}
	a->len = (uint16_t)compose_len(&c);
	return a;
}
