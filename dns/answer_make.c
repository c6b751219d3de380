/*
 * answer_make.c - what an upstream sent is judged, and what is left of it becomes an answer of ours
 *
 * The records, as ldns read them, go through a list of steps; each says of some of them that they stay or go, none moves
 * one:
 *
 *	follow		from the asked name along CNAMEs to the last name of the chain
 *	choose		of the answer section stays what belongs to that chain and to what was asked
 *	filter		addresses, and the hints of services, that may not be told (answer_filter.c)
 *	unsign		signatures over what the filter changed go
 *	lifetimes	TTLs are clamped, negative answers live as long as their SOA says
 *	compose		written anew, with what each record's place is
 *
 * Everything is linear in the number of records but for comparing owners, and there are at most 512 of them.
 */
#include "dns/answer_make.h"

#include <ldns/ldns.h>
#include <stdlib.h>

#include "dns/precheck.h"

#define LDNS_ROOM (32u << 10)
#define LDNS_ROOM_PER_BYTE 64u
#define SERVFAIL_TTL 5u /* RFC 2308 7.1, RFC 9520 3.2: how long a failure is remembered */

struct view
item_owner(const struct item *i)
{
	const ldns_rdf *owner = ldns_rr_owner(i->rr);

	return owner ? view_of(ldns_rdf_data(owner), ldns_rdf_size(owner)) : view_of(NULL, 0);
}

struct view
item_field(const struct item *i, unsigned n)
{
	const ldns_rdf *f = n < ldns_rr_rd_count(i->rr) ? ldns_rr_rdf(i->rr, n) : NULL;

	return f ? view_of(ldns_rdf_data(f), ldns_rdf_size(f)) : view_of(NULL, 0);
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool
same_name(struct view a, struct view b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

static bool
is_owned_by(const struct item *i, const struct name *n)
{
	return same_name(item_owner(i), view_of(n->wire, n->len));
}

/* The type an RRSIG signs. */
static unsigned
covered(const struct item *i)
{
	struct rd r = rd_of(item_field(i, 0));

	return rd_u16(&r);
}

/* --- gather --- */

static void
gather_section(struct draft *d, const ldns_rr_list *list, enum section s)
{
	size_t n = list ? ldns_rr_list_rr_count(list) : 0;

	for (size_t i = 0; i < n; i++) {
		ldns_rr *rr = ldns_rr_list_rr(list, i);

		if ((unsigned)ldns_rr_get_class(rr) != DNS_CLASS_IN)
			continue;
		d->item[d->n++] = (struct item){
		    .rr = rr,
		    .section = s,
		    .type = (uint16_t)ldns_rr_get_type(rr),
		    /* A sign bit is no TTL (RFC 2181 section 8). */
		    .ttl = ldns_rr_ttl(rr) > INT32_MAX ? 0 : ldns_rr_ttl(rr),
		    .stays = s != ANSWER,
		};
	}
}

/* --- follow --- */

/* What to look for next: the records asked for end the chain, whatever else their owner has. */
static struct item *
next_link(struct draft *d, const struct name *at)
{
	struct item *link = NULL;

	for (unsigned i = 0; i < d->n && d->item[i].section == ANSWER; i++) {
		struct item *it = &d->item[i];

		if (it->type != d->q->type && (it->type != DNS_CNAME || link))
			continue;
		if (!is_owned_by(it, at))
			continue;
		if (it->type == d->q->type)
			return NULL;
		link = it;
	}
	return link;
}

static enum dns_made
follow(struct draft *d)
{
	struct item *link;

	d->name[d->nname++] = d->q->name;
	while ((link = next_link(d, &d->name[d->nname - 1]))) {
		if (d->nname > DNS_CHAIN_MAX)
			return DNS_EXCESSIVE;
		if (!name_from_wire(item_field(link, 0), &d->name[d->nname]))
			return DNS_MALFORMED;
		d->nname++;
		link->stays = true;
	}
	return DNS_MADE;
}

static const struct name *
denied_name(const struct draft *d)
{
	for (unsigned i = 1; i < d->nname; i++)
		if (d->f->denied && d->f->denied(d->f->ctx, &d->name[i]))
			return &d->name[i];
	return NULL;
}

/* --- choose --- */

static bool
is_above_chain(const struct draft *d, const struct item *it)
{
	struct name owner;

	if (!name_from_wire(item_owner(it), &owner))
		return false;
	for (unsigned i = 0; i < d->nname; i++)
		if (name_is_under(&d->name[i], &owner) && !name_eq(&d->name[i], &owner))
			return true;
	return false;
}

static bool
is_link_owner(const struct draft *d, const struct item *it)
{
	for (unsigned i = 0; i + 1 < d->nname; i++)
		if (is_owned_by(it, &d->name[i]))
			return true;
	return false;
}

/* Of the answer section: does it belong to the chain, or to what was asked at its end?  (A CNAME does by follow().) */
static bool
belongs(const struct draft *d, const struct item *it)
{
	const struct name *last = &d->name[d->nname - 1];
	unsigned type = it->type == DNS_RRSIG && d->q->type != DNS_RRSIG ? covered(it) : it->type;

	if (type == d->q->type)
		return d->rcode == DNS_NOERROR && is_owned_by(it, last);
	if (type == DNS_DNAME)
		return is_above_chain(d, it);
	return type == DNS_CNAME && it->type == DNS_RRSIG && is_link_owner(d, it);
}

static void
choose(struct draft *d)
{
	for (unsigned i = 0; i < d->n && d->item[i].section == ANSWER; i++)
		d->item[i].stays = d->item[i].stays || belongs(d, &d->item[i]);
}

static unsigned
count_wanted(const struct draft *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->n && d->item[i].section == ANSWER; i++)
		n += d->item[i].stays && d->item[i].type == d->q->type;
	return n;
}

/* --- unsign --- */

static bool
signs_changed(const struct draft *d, const struct item *sig)
{
	unsigned type = covered(sig);

	for (unsigned i = 0; i < d->n; i++) {
		const struct item *it = &d->item[i];

		if (it->changed && it->type == type && it->section == sig->section &&
		    same_name(item_owner(it), item_owner(sig)))
			return true;
	}
	return false;
}

static void
unsign(struct draft *d)
{
	for (unsigned i = 0; i < d->n; i++)
		if (d->item[i].stays && d->item[i].type == DNS_RRSIG && signs_changed(d, &d->item[i]))
			d->item[i].stays = false;
}

/* --- lifetimes --- */

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* RFC 2308 section 5: the lesser of the SOA's TTL and its MINIMUM.  No SOA: it is not kept. */
static uint32_t
negative_ttl(struct draft *d)
{
	for (unsigned i = 0; i < d->n; i++) {
		struct item *it = &d->item[i];

		if (it->section != AUTHORITY || it->type != DNS_SOA || !it->stays)
			continue;
		struct rd r = rd_of(item_field(it, 6));
		it->ttl = least(least(it->ttl, rd_u32(&r)), DNS_NEGATIVE_MAX);
		return it->ttl;
	}
	return 0;
}

/* had: there was what was asked for, before the filter. */
static uint32_t
lifetime(struct draft *d, bool had)
{
	bool negative = count_wanted(d) == 0;
	uint32_t ttl = DNS_TTL_MAX;

	if (negative)
		ttl = had ? DNS_NEGATIVE_MAX : negative_ttl(d);
	for (unsigned i = 0; i < d->n; i++) {
		struct item *it = &d->item[i];

		it->ttl = least(it->ttl, DNS_TTL_MAX);
		/* What was taken out counts as well: for so long the answer was meant to be true. */
		if (it->stays || it->changed)
			ttl = least(ttl, it->ttl);
	}
	return d->truncated ? 0 : ttl;
}

/* --- compose --- */

static bool
is_compressed(unsigned type)
{
	/* RFC 3597 section 4: of the types of RFC 1035 alone. */
	return type == DNS_NS || type == DNS_CNAME || type == DNS_SOA || type == DNS_PTR || type == DNS_MX;
}

static size_t
item_size(const struct item *it)
{
	size_t size = item_owner(it).len + 10;

	for (unsigned i = 0; i < ldns_rr_rd_count(it->rr); i++)
		size += item_field(it, i).len;
	return size;
}

static void
compose_item(struct compose *c, const struct item *it, struct record *at)
{
	at->at = (uint16_t)compose_len(c);
	compose_name(c, item_owner(it));
	wr_u16(&c->w, it->type);
	wr_u16(&c->w, DNS_CLASS_IN);
	at->ttl_at = (uint16_t)compose_len(c);
	wr_u32(&c->w, it->ttl);
	uint8_t *len_at = wr_take(&c->w, 2);
	size_t before = compose_len(c);
	for (unsigned i = 0; i < ldns_rr_rd_count(it->rr) && !c->w.bad; i++) {
		const ldns_rdf *field = ldns_rr_rdf(it->rr, i);
		struct view bytes = item_field(it, i);

		if (field && ldns_rdf_get_type(field) == LDNS_RDF_TYPE_DNAME && is_compressed(it->type))
			compose_name(c, bytes);
		else
			wr_bytes(&c->w, bytes.p, bytes.len);
	}
	if (len_at && !c->w.bad) {
		struct wr w = wr_of(len_at, 2);

		wr_u16(&w, (uint16_t)(compose_len(c) - before));
	}
}

/* What the addresses at the end of the chain prove, and for how long (D6). */
static void
gather_proof(const struct draft *d, struct dns_answer *a)
{
	a->nname = (uint16_t)d->nname;
	memcpy(a->name, d->name, d->nname * sizeof(*d->name));
	a->naddr = 0;
	a->proof_ttl = DNS_TTL_MAX;
	for (unsigned i = 0; i < d->n && d->item[i].section == ANSWER; i++) {
		const struct item *it = &d->item[i];

		if (!it->stays || it->type == DNS_RRSIG)
			continue;
		a->proof_ttl = least(a->proof_ttl, it->ttl);
		if (a->addresses && it->type == d->q->type && a->naddr < EVIDENCE_ADDRS &&
		    item_addr(it, &a->addr[a->naddr]))
			a->naddr++;
	}
}

static struct dns_answer *
block(const struct draft *d, uint32_t ttl, unsigned records, size_t len)
{
	bool addresses = d->q->type == DNS_A || d->q->type == DNS_AAAA;
	unsigned addrs = addresses ? count_wanted(d) : 0;

	return answer_alloc(&(struct dns_answer){
	    .rcode = d->rcode,
	    .authentic = d->authentic && !d->touched,
	    .truncated = d->truncated,
	    .addresses = addresses,
	    .ttl = ttl,
	    .nrecord = (uint16_t)records,
	    .nname = (uint16_t)d->nname,
	    .naddr = (uint16_t)(addrs < EVIDENCE_ADDRS ? addrs : EVIDENCE_ADDRS),
	    .question = (uint16_t)(DNS_HEADER + d->q->name.len + 4u),
	    .len = (uint16_t)(len < ANSWER_MAX ? len : ANSWER_MAX),
	    .filtered = d->did->removed || d->did->denied ? d->did : NULL,
	});
}

static enum dns_made
compose(const struct draft *d, uint32_t ttl, struct dns_answer **out)
{
	size_t len = DNS_HEADER + d->q->name.len + 4u;
	unsigned records = 0;
	struct compose c;

	for (unsigned i = 0; i < d->n; i++) {
		if (!d->item[i].stays)
			continue;
		records++;
		len += item_size(&d->item[i]);
	}
	struct dns_answer *a = block(d, ttl, records, len);
	if (!a)
		return DNS_NO_MEMORY;
	gather_proof(d, a);
	compose_start(&c, a->wire, a->len);
	answer_begin(&c, d->q);
	a->wanted = UINT16_MAX;
	for (unsigned i = 0, n = 0; i < d->n; i++) {
		const struct item *it = &d->item[i];

		if (!it->stays)
			continue;
		if (it->section == ANSWER && it->type == d->q->type && a->wanted == UINT16_MAX)
			a->wanted = (uint16_t)n;
		a->count[it->section]++;
		compose_item(&c, it, &a->record[n++]);
	}
	if (c.w.bad) {
		dns_answer_free(a);
		return DNS_EXCESSIVE;
	}
	a->len = (uint16_t)compose_len(&c);
	*out = a;
	return DNS_MADE;
}

/* --- the whole --- */

static enum dns_made
make_refusal(struct draft *d, const struct name *by, struct dns_answer **out)
{
	uint32_t ttl = DNS_NEGATIVE_MAX;

	for (unsigned i = 0; i < d->n; i++) {
		if (d->item[i].stays && d->item[i].section == ANSWER)
			ttl = least(ttl, d->item[i].ttl);
		d->item[i].stays = false;
	}
	d->did->denied = true;
	d->did->by = *by;
	d->rcode = DNS_NXDOMAIN;
	d->authentic = false;
	return compose(d, d->truncated ? 0 : ttl, out);
}

static enum dns_made
make(struct draft *d, struct dns_answer **out)
{
	const struct name *by;
	enum dns_made made = follow(d);

	if (made != DNS_MADE)
		return made;
	if (d->rcode != DNS_NOERROR && d->rcode != DNS_NXDOMAIN) {
		d->n = 0;
		d->nname = 1;
		return compose(d, SERVFAIL_TTL, out);
	}
	by = denied_name(d);
	if (by)
		return make_refusal(d, by, out);
	choose(d);
	bool had = count_wanted(d) > 0;
	answer_filter(d);
	if (d->touched)
		unsign(d);
	d->did->emptied = had && d->did->removed && !count_wanted(d);
	return compose(d, lifetime(d, had), out);
}

static uint8_t
whole_rcode(const ldns_pkt *pkt)
{
	unsigned rcode = (unsigned)ldns_pkt_edns_extended_rcode(pkt) << 4 | (unsigned)ldns_pkt_get_rcode(pkt);

	/* What an OPT says of our OPT is between us and the upstream. */
	return rcode < 16 ? (uint8_t)rcode : DNS_SERVFAIL;
}

static enum dns_made
make_of(const ldns_pkt *pkt, struct draft *d, struct dns_answer **out)
{
	const ldns_rr_list *list[SECTIONS] = {ldns_pkt_answer(pkt), ldns_pkt_authority(pkt),
					      ldns_pkt_additional(pkt)};
	size_t n = 0;

	for (enum section s = ANSWER; s < SECTIONS; s++)
		n += list[s] ? ldns_rr_list_rr_count(list[s]) : 0;
	d->item = calloc(n + 1, sizeof(*d->item));
	if (!d->item)
		return DNS_NO_MEMORY;
	for (enum section s = ANSWER; s < SECTIONS; s++)
		gather_section(d, list[s], s);
	d->rcode = whole_rcode(pkt);
	d->authentic = ldns_pkt_ad(pkt);
	d->truncated = ldns_pkt_tc(pkt);
	enum dns_made made = make(d, out);
	free(d->item);
	return made;
}

/*
 * ldns does not ask whether there was memory for a list or a record (ldns_pkt_new(), ldns_wire2rr() of 1.8) and would write where there
 * is none.  So as much as it may need is taken first, and given back: a record's fields of one byte cost it about 40 for each.  Another
 * thread may still be quicker; one that has the process's last bytes.
 */
static bool
has_room_for(size_t len)
{
	void *volatile room =
	    malloc(LDNS_ROOM + LDNS_ROOM_PER_BYTE * len); /* volatile: not to be thought away */
	bool had = room != NULL;

	free(room);
	return had;
}

enum dns_made
dns_answer_make(struct view msg, const struct dns_query *q, const struct dns_filter *f,
		struct dns_filtered *did, struct dns_answer **out)
{
	struct draft d = {.q = q, .f = f, .did = did};
	ldns_pkt *pkt = NULL;

	memset(did, 0, sizeof(*did));
	switch (dns_precheck(msg, false)) {
	case PRECHECK_BAD:
		return DNS_MALFORMED;
	case PRECHECK_TOO_MUCH:
		return DNS_EXCESSIVE;
	case PRECHECK_OK:
		break;
	}
	if (!has_room_for(msg.len))
		return DNS_NO_MEMORY;
	ldns_status status = ldns_wire2pkt(&pkt, msg.p, msg.len);
	if (status != LDNS_STATUS_OK)
		return status == LDNS_STATUS_MEM_ERR ? DNS_NO_MEMORY : DNS_MALFORMED;
	enum dns_made made = make_of(pkt, &d, out);
	ldns_pkt_free(pkt);
	return made;
}
