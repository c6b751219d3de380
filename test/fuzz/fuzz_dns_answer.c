/*
 * fuzz_dns_answer.c - any bytes as an upstream's answer
 *
 * Three bytes choose the filter and the limit; the question is the message's own, as an upstream that means to be believed
 * would have it.  What a guest is then told is held against a reader that shares no code with ours: it is sound and
 * within the limit, it answers the question, and nothing in it leads where it may not.
 */
#include "dns/answer.h"
#include "dns/precheck.h"
#include "policy/group.h"

#include "test/bed/naive_dns.h"
#include "test/fuzz/wire_kit.h"

enum { STRICT = 1, STRIP_ECH = 2, NO_A = 4, NO_AAAA = 8, DENY = 16, DO = 32, EDNS = 64 };

static struct naive_dns seen;
static uint8_t out[DNS_MESSAGE_MAX];

static bool
never(void *ctx, const struct name *asked, const struct addr *a)
{
	(void)ctx, (void)asked;
	must(addr_is_special(a));
	return false;
}

/* Names whose first label is odd. */
static bool
some(void *ctx, const struct name *n)
{
	(void)ctx;
	return n->wire[0] & 1;
}

/* The question of the message, if it has one that could have been asked. */
static bool
question_of(struct view msg, struct dns_query *q)
{
	struct rd r = rd_of(msg);
	uint8_t label;

	memset(q, 0, sizeof(*q));
	q->id = rd_u16(&r);
	rd_take(&r, 10);
	const uint8_t *at = r.p;
	do {
		label = rd_u8(&r);
		rd_take(&r, label);
	} while (label && !r.bad);
	if (r.bad || !name_from_wire(view_of(at, (size_t)(r.p - at)), &q->name))
		return false;
	memcpy(q->spelled, at, q->name.len);
	q->type = rd_u16(&r);
	q->class = rd_u16(&r);
	return !r.bad && q->class == 1 && dns_is_answer_to(msg, q, q->id);
}

static void
check_addr(const uint8_t *p, size_t len)
{
	struct addr a = {{[10] = 0xff, [11] = 0xff}};

	memcpy(a.b + (len == 4 ? 12 : 0), p, len);
	must(!addr_is_special(&a));
}

/* Parameters from `at` on, by hand. */
static void
check_service(const struct naive_record *r, unsigned mode)
{
	const uint8_t *p = out + r->at, *end = p + r->len;

	must(r->len >= 3);
	for (p += 2; *p; p += *p + 1u)
		must(p + *p + 1u < end);
	p++;
	while (p < end) {
		must(end - p >= 4);
		unsigned key = (unsigned)p[0] << 8 | p[1], len = (unsigned)p[2] << 8 | p[3];
		size_t each = key == 4 ? 4 : key == 6 ? 16 : 0;

		p += 4;
		must(len <= (size_t)(end - p));
		must(!(mode & STRIP_ECH) || key != 5);
		must(!(mode & NO_A) || key != 4);
		must(!(mode & NO_AAAA) || key != 6);
		for (size_t i = 0; each && mode & STRICT && i < len; i += each) {
			must(i + each <= len);
			check_addr(p + i, each);
		}
		p += len;
	}
}

static void
check_records(unsigned mode)
{
	for (unsigned i = 0; i < seen.n; i++) {
		const struct naive_record *r = &seen.record[i];

		must(r->type == DNS_OPT || (r->ttl <= DNS_TTL_MAX && r->class == 1));
		if (r->type == DNS_A || r->type == DNS_AAAA) {
			must(r->len == (r->type == DNS_A ? 4u : 16u));
			must(!(mode & (r->type == DNS_A ? NO_A : NO_AAAA)));
			if (mode & STRICT)
				check_addr(out + r->at, r->len);
		}
		if (r->type == DNS_SVCB || r->type == DNS_HTTPS)
			check_service(r, mode);
	}
}

static void
check_told(const struct dns_answer *a, const struct dns_query *q, unsigned mode, uint32_t age, size_t limit)
{
	size_t len = dns_answer_write(a, q, age, limit, EDE_FILTERED, "why", out, sizeof(out));
	struct naive_name asked;

	must(len > 0 && len <= limit);
	must(dns_precheck(view_of(out, len), false) == PRECHECK_OK);
	must(dns_is_answer_to(view_of(out, len), q, q->id));
	must(naive_dns_read(out, len, &seen) && seen.type == q->type);
	asked.len = q->name.len;
	memcpy(asked.wire, q->spelled, q->name.len);
	must(naive_name_eq(&asked, &seen.asked));
	check_records(mode);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(view_of(data, size));
	unsigned mode = rd_u8(&r), limit = 300u + rd_u16(&r);
	struct view msg = rd_rest(&r);
	struct dns_filter f = {
	    .may_lead = mode & STRICT ? never : NULL,
	    .denied = mode & DENY ? some : NULL,
	    .no_a = mode & NO_A,
	    .no_aaaa = mode & NO_AAAA,
	    .strip_ech = mode & STRIP_ECH,
	};
	struct dns_filtered did;
	struct dns_answer *a = NULL;
	struct dns_query q;

	if (r.bad || !question_of(msg, &q))
		return 0;
	if (dns_answer_make(msg, &q, &f, &did, &a) != DNS_MADE)
		return 0;
	must(dns_precheck(msg, false) == PRECHECK_OK && dns_answer_is_for(a, &q));
	must(dns_answer_ttl(a) <= DNS_TTL_MAX && (!did.emptied || did.removed));
	q.edns = mode & EDNS;
	q.dnssec_ok = mode & DO && q.edns;
	check_told(a, &q, mode, 0, DNS_MESSAGE_MAX);
	check_told(a, &q, mode, 30, limit < DNS_MESSAGE_MAX ? limit : DNS_MESSAGE_MAX);
	dns_answer_free(a);
	return 0;
}
