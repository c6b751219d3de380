/*
 * query.c - a guest's query from bytes to a value and on, and answers without records
 */
#include "dns/query.h"

#include "dns/precheck.h"

#define CLASS_IN 1u
#define TEXT_MAX 200u /* of an extended error */

enum {
	FLAG_QR = 0x8000,
	FLAG_TC = 0x0200,
	FLAG_RD = 0x0100,
	FLAG_RA = 0x0080,
	FLAG_AD = 0x0020,
	FLAG_CD = 0x0010,
	OPCODE_AT = 11,
	OPCODE = 0xf,
	RCODE = 0xf,
	EDNS_DO = 0x8000,
	OPTION_PADDING = 12, /* RFC 7830 3 */
	OPTION_EDE = 15,     /* RFC 8914 section 2 */
};

/* The first question's name lies there whole: there is nothing before it that it could point to. */
static bool
read_question(struct rd *r, struct dns_query *q)
{
	const uint8_t *name = r->p;
	uint8_t label;

	do {
		label = rd_u8(r);
		rd_take(r, label);
	} while (label && !r->bad);
	if (r->bad || !name_from_wire(view_of(name, (size_t)(r->p - name)), &q->name))
		return false;
	memcpy(q->spelled, name, q->name.len);
	q->type = rd_u16(r);
	q->class = rd_u16(r);
	if (r->bad)
		q->name.len = 0;
	return !r->bad;
}

/* Past a name that dns_precheck() has seen. */
static void
skip_name(struct rd *r)
{
	uint8_t c;

	do {
		c = rd_u8(r);
		rd_take(r, c < 64 ? c : 1);
	} while (c && c < 64 && !r->bad);
}

/* The OPT among the n records at r, if there is one; its version, 0 without. */
static unsigned
read_edns(struct rd *r, unsigned n, struct dns_query *q)
{
	unsigned version = 0;

	for (; n; n--) {
		skip_name(r);
		uint16_t type = rd_u16(r), size = rd_u16(r);
		uint32_t flags = rd_u32(r);
		rd_take(r, rd_u16(r));
		if (type != DNS_OPT || r->bad)
			continue;
		q->edns = true;
		q->udp_size = size > DNS_UDP_MIN ? size : DNS_UDP_MIN; /* RFC 6891 6.2.3 */
		q->dnssec_ok = flags & EDNS_DO;
		version = flags >> 16 & 0xff;
	}
	return version;
}

/* What is understood, but not done: zone transfers, and classes and types that ask for no record. */
static bool
is_served(const struct dns_query *q)
{
	return q->class == CLASS_IN &&
	       (q->type < DNS_META_FIRST || q->type > DNS_META_LAST || q->type == DNS_ANY);
}

enum dns_reading
dns_query_read(struct view msg, struct dns_query *q, uint8_t *rcode)
{
	struct rd r = rd_of(msg);

	memset(q, 0, sizeof(*q));
	q->udp_size = DNS_UDP_MIN;
	q->id = rd_u16(&r);
	unsigned flags = rd_u16(&r), questions = rd_u16(&r);
	rd_u16(&r);
	unsigned authority = rd_u16(&r), additional = rd_u16(&r);
	if (r.bad || flags & FLAG_QR)
		return DNS_IGNORE;
	q->opcode = flags >> OPCODE_AT & OPCODE;
	q->rd = flags & FLAG_RD;
	q->ad = flags & FLAG_AD;
	q->cd = flags & FLAG_CD;
	if (q->opcode) {
		*rcode = DNS_NOTIMP;
		return DNS_ANSWER;
	}
	*rcode = DNS_FORMERR;
	if (questions != 1 || !read_question(&r, q) || dns_precheck(msg, true) != PRECHECK_OK)
		return DNS_ANSWER;
	if (authority && q->type != DNS_IXFR)
		return DNS_ANSWER;
	if (read_edns(&r, authority + additional, q)) {
		*rcode = DNS_BADVERS;
		return DNS_ANSWER;
	}
	if (q->type == 0 || q->type == DNS_OPT)
		return DNS_ANSWER;
	if (!is_served(q)) {
		*rcode = DNS_NOTIMP;
		return DNS_ANSWER;
	}
	return DNS_READ;
}

/* So much of text as may be told; a character of several bytes (UTF-8) is not cut. */
static size_t
told(const char *text)
{
	size_t len = text ? strnlen(text, TEXT_MAX + 1) : 0;

	if (len <= TEXT_MAX)
		return len;
	for (len = TEXT_MAX; len && ((uint8_t)text[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

size_t
dns_opt_size(const struct dns_query *q, int ede, const char *text)
{
	return !q->edns ? 0 : ede == EDE_NONE ? 11 : 11 + 6 + told(text);
}

void
dns_opt_write(struct wr *w, const struct dns_query *q, uint8_t rcode, int ede, const char *text)
{
	size_t len = told(text);

	if (!q->edns)
		return;
	wr_u8(w, 0);
	wr_u16(w, DNS_OPT);
	wr_u16(w, DNS_UDP_MAX);
	wr_u32(w, (uint32_t)(rcode >> 4) << 24 | (q->dnssec_ok ? EDNS_DO : 0));
	wr_u16(w, (uint16_t)(ede == EDE_NONE ? 0 : 6 + len));
	if (ede == EDE_NONE)
		return;
	wr_u16(w, OPTION_EDE);
	wr_u16(w, (uint16_t)(2 + len));
	wr_u16(w, (uint16_t)ede);
	wr_bytes(w, text, len);
}

uint16_t
dns_flags(const struct dns_query *q, uint8_t rcode)
{
	return (uint16_t)(FLAG_QR | FLAG_RA | q->opcode << OPCODE_AT | (q->rd ? FLAG_RD : 0) |
			  (q->cd ? FLAG_CD : 0) | (rcode & RCODE));
}

size_t
dns_error(const struct dns_query *q, uint8_t rcode, int ede, const char *text, uint8_t *out, size_t room)
{
	struct wr w = wr_of(out, room);

	wr_u16(&w, q->id);
	wr_u16(&w, dns_flags(q, rcode));
	wr_u16(&w, q->name.len ? 1 : 0);
	wr_u32(&w, 0);
	wr_u16(&w, q->edns ? 1 : 0);
	if (q->name.len) {
		wr_bytes(&w, q->spelled, q->name.len);
		wr_u16(&w, q->type);
		wr_u16(&w, q->class);
	}
	dns_opt_write(&w, q, rcode, ede, text);
	return w.bad ? 0 : (size_t)(w.p - out);
}

size_t
dns_query_write(const struct dns_query *q, uint16_t id, bool edns, uint8_t *out, size_t room)
{
	struct wr w = wr_of(out, room);

	wr_u16(&w, id);
	/* AD: tell whether it was verified (RFC 6840 5.7); the guest learns it if it asked for it. */
	wr_u16(&w, (uint16_t)((q->rd ? FLAG_RD : 0) | FLAG_AD | (q->cd ? FLAG_CD : 0)));
	wr_u16(&w, 1);
	wr_u32(&w, 0);
	wr_u16(&w, edns);
	wr_bytes(&w, q->name.wire, q->name.len);
	wr_u16(&w, q->type);
	wr_u16(&w, q->class);
	if (edns)
		dns_opt_write(&w, &(struct dns_query){.edns = true, .dnssec_ok = q->dnssec_ok}, DNS_NOERROR,
			      EDE_NONE, NULL);
	return w.bad ? 0 : (size_t)(w.p - out);
}

size_t
dns_query_write_padded(const struct dns_query *q, uint16_t id, bool edns, uint8_t *out, size_t room)
{
	size_t len = dns_query_write(q, id, edns, out, room);

	if (len == 0 || !edns)
		return len;
	/* The OPT is the last record, and the length of its options, none yet, its last field. */
	size_t with = len + 4, pad = (DNS_PADDED - with % DNS_PADDED) % DNS_PADDED;
	if (with + pad > room)
		return 0;
	struct wr w = wr_of(out + len - 2, room - (len - 2));
	wr_u16(&w, (uint16_t)(4 + pad));
	wr_u16(&w, OPTION_PADDING);
	wr_u16(&w, (uint16_t)pad);
	for (size_t i = 0; i < pad; i++)
		wr_u8(&w, 0);
	return with + pad;
}

bool
dns_is_answer_to(struct view msg, const struct dns_query *q, uint16_t id)
{
	struct dns_query asked = {.type = 0};
	struct rd r = rd_of(msg);
	bool same_id = rd_u16(&r) == id;
	unsigned flags = rd_u16(&r), questions = rd_u16(&r);

	rd_take(&r, 6);
	if (!same_id || (flags & (FLAG_QR | OPCODE << OPCODE_AT)) != FLAG_QR || questions != 1)
		return false;
	return read_question(&r, &asked) && name_eq(&asked.name, &q->name) && asked.type == q->type &&
	       asked.class == q->class;
}

static unsigned
flags_of(struct view msg)
{
	struct rd r = rd_of(msg);

	rd_u16(&r);
	return rd_u16(&r);
}

bool
dns_is_truncated(struct view msg)
{
	return flags_of(msg) & FLAG_TC;
}

uint8_t
dns_rcode(struct view msg)
{
	return flags_of(msg) & RCODE;
}
