/*
 * answer_filter.c - special addresses leave answers (D9), and so do the parameters of services that hide or mislead
 *
 * An address is looked at wherever it lies: A and AAAA of every section, and the hints of SVCB and HTTPS (RFC 9460
 * 7.3), which clients may use like answers.
 */
#include "dns/answer_make.h"
#include "policy/group.h"

#define PARAMS_MAX 4096u /* precheck.c lets no longer ones pass */

enum {
	KEY_MANDATORY = 0,
	KEY_IPV4HINT = 4,
	KEY_ECH = 5, /* RFC 9848 */
	KEY_IPV6HINT = 6,
};

static struct addr
addr_of(struct view bytes)
{
	struct rd r = rd_of(bytes);
	struct addr a;

	if (bytes.len == 4)
		return addr_v4(rd_u32(&r));
	rd_copy(&r, a.b, sizeof(a.b));
	return a;
}

bool
item_addr(const struct item *i, struct addr *a)
{
	struct view bytes = item_field(i, 0);

	if (!(i->type == DNS_A && bytes.len == 4) && !(i->type == DNS_AAAA && bytes.len == 16))
		return false;
	*a = addr_of(bytes);
	return true;
}

/* May the answer lead there?  What may not is counted. */
static bool
may_lead(struct draft *d, const struct addr *a)
{
	if (!d->f->may_lead || !addr_is_special(a) || d->f->may_lead(d->f->ctx, &d->q->name, a))
		return true;
	if (d->did->removed++ == 0)
		d->did->first = *a;
	return false;
}

static void
take_out(struct draft *d, struct item *it)
{
	it->stays = false;
	it->changed = true;
	d->touched = true;
}

static void
filter_address(struct draft *d, struct item *it)
{
	struct addr a;

	if ((it->type == DNS_A && d->f->no_a) || (it->type == DNS_AAAA && d->f->no_aaaa) ||
	    !item_addr(it, &a) || !may_lead(d, &a))
		take_out(d, it);
}

/* --- services --- */

/* The hints that may be told are written; how many bytes. */
static size_t
write_hints(struct draft *d, struct wr *w, struct view value, size_t each)
{
	struct rd r = rd_of(value);
	size_t len = 0;

	while (rd_left(&r) >= each) {
		struct view bytes = rd_take(&r, each);
		struct addr a = addr_of(bytes);

		if (!may_lead(d, &a))
			continue;
		wr_bytes(w, bytes.p, bytes.len);
		len += each;
	}
	return len;
}

/* One parameter, or what is left of it; returns whether it is still there. */
static bool
write_param(struct draft *d, struct wr *w, unsigned key, struct view value)
{
	size_t each = key == KEY_IPV4HINT ? 4 : key == KEY_IPV6HINT ? 16 : 0;
	struct wr before = *w, len_at;
	size_t len = value.len;

	if ((key == KEY_ECH && d->f->strip_ech) || (key == KEY_IPV4HINT && d->f->no_a) ||
	    (key == KEY_IPV6HINT && d->f->no_aaaa))
		return false;
	wr_u16(w, (uint16_t)key);
	len_at = *w;
	wr_take(w, 2);
	if (each)
		len = write_hints(d, w, value, each);
	else
		wr_bytes(w, value.p, value.len);
	if (each && !len) {
		*w = before;
		return false;
	}
	wr_u16(&len_at, (uint16_t)len);
	return true;
}

/* RFC 9460 section 8: without a key that it calls mandatory a record cannot be used. */
static bool
is_mandatory(struct view list, unsigned key)
{
	struct rd r = rd_of(list);

	while (rd_left(&r) >= 2)
		if (rd_u16(&r) == key)
			return true;
	return false;
}

/*
 * The parameters at p, *len bytes, without what may not be told.  Keys rise strictly (RFC 9460 2.2), so a mandatory
 * list comes first.  False: they are broken, or have become useless.
 */
static bool
filter_params(struct draft *d, uint8_t *p, size_t *len)
{
	struct rd r = rd_of(view_of(p, *len));
	struct view mandatory = view_of(NULL, 0);
	uint8_t kept[PARAMS_MAX];
	struct wr w = wr_of(kept, sizeof(kept));
	unsigned after = 0;

	while (rd_left(&r)) {
		unsigned key = rd_u16(&r);
		struct view value = rd_take(&r, rd_u16(&r));

		if (r.bad || key < after)
			return false;
		after = key + 1;
		if (key == KEY_MANDATORY)
			mandatory = value;
		if (!write_param(d, &w, key, value) && is_mandatory(mandatory, key))
			return false;
	}
	if (w.bad)
		return false;
	*len = (size_t)(w.p - kept);
	memcpy(p, kept, *len);
	return true;
}

/*
 * Where the parameters begin.  ldns has priority, target and parameters as three fields, or, built without service
 * records, all of it as one.  *skip: what comes before them in that field.  NULL: there are none, or *broken.
 */
static ldns_rdf *
find_params(const struct item *it, size_t *skip, bool *broken)
{
	size_t fields = ldns_rr_rd_count(it->rr);
	uint8_t label;

	*skip = 0;
	*broken = false;
	if (fields == 3 || fields == 2)
		return fields == 3 ? ldns_rr_rdf(it->rr, 2) : NULL;
	struct view whole = item_field(it, 0);
	struct rd r = rd_of(whole);
	rd_u16(&r);
	do {
		label = rd_u8(&r);
		*broken = *broken || label >= 64; /* a pointer would point nowhere once it is written anew */
		rd_take(&r, label);
	} while (label && !r.bad && !*broken);
	*broken = *broken || r.bad || fields != 1;
	*skip = whole.len - rd_left(&r);
	return *broken ? NULL : ldns_rr_rdf(it->rr, 0);
}

static void
filter_service(struct draft *d, struct item *it)
{
	size_t skip;
	bool broken;
	ldns_rdf *field = find_params(it, &skip, &broken);

	if (broken) {
		take_out(d, it);
		return;
	}
	if (!field || ldns_rdf_size(field) == skip)
		return;
	size_t len = ldns_rdf_size(field) - skip, before = len;
	if (!filter_params(d, ldns_rdf_data(field) + skip, &len)) {
		take_out(d, it);
		return;
	}
	if (len != before) {
		ldns_rdf_set_size(field, skip + len);
		it->changed = true;
		d->touched = true;
	}
}

void
answer_filter(struct draft *d)
{
	for (unsigned i = 0; i < d->n; i++) {
		struct item *it = &d->item[i];

		if (!it->stays)
			continue;
		if (it->type == DNS_A || it->type == DNS_AAAA)
			filter_address(d, it);
		else if (it->type == DNS_SVCB || it->type == DNS_HTTPS)
			filter_service(d, it);
	}
}
