/*
 * fuzz_dns_query.c - any bytes as a guest's query
 *
 * What is understood goes upstream as the same question, and every answer made from it alone is a sound message that
 * answers it, also to a reader that shares no code with ours.
 */
#include "dns/local.h"
#include "dns/precheck.h"
#include "dns/query.h"

#include "test/bed/naive_dns.h"
#include "test/fuzz/wire_kit.h"

static struct naive_dns seen;

static void
check_upstream(const struct dns_query *q)
{
	uint8_t out[DNS_SMALL_MAX], rcode;
	struct dns_query again;
	size_t len = dns_query_write(q, 0x1234, true, out, sizeof(out));

	must(len > 0 && dns_precheck(view_of(out, len), true) == PRECHECK_OK);
	must(dns_query_read(view_of(out, len), &again, &rcode) == DNS_READ);
	must(name_eq(&again.name, &q->name) && again.type == q->type && again.class == q->class);
	must(again.rd == q->rd && again.cd == q->cd && again.dnssec_ok == q->dnssec_ok);
	must(!dns_is_answer_to(view_of(out, len), q, 0x1234));
}

/* asked: it was read, and so it must be given back. */
static void
check_error(const struct dns_query *q, uint8_t code, bool asked)
{
	uint8_t out[DNS_SMALL_MAX];
	size_t len = dns_error(q, code, EDE_BLOCKED, "why", out, sizeof(out));

	must(len >= 12 && len <= DNS_UDP_MIN);
	if (!q->name.len)
		return;
	must(dns_precheck(view_of(out, len), false) == PRECHECK_OK);
	must(naive_dns_read(out, len, &seen) && seen.id == q->id);
	must(seen.asked.len == q->name.len && memcmp(seen.asked.wire, q->spelled, q->name.len) == 0);
	must(!asked || dns_is_answer_to(view_of(out, len), q, q->id));
}

static void
check_local(const struct dns_query *q)
{
	static struct dns_local *local;
	const struct surroundings where = {.nown = 0};
	struct diag_sink sink = {.told = NULL};
	struct addr addr[DNS_LOCAL_ADDRS];
	unsigned n;

	if (!local)
		local = dns_local_new(NULL, 0, &sink);
	must(local != NULL);
	must(dns_local_find(local, &where, q, true, addr, &n) != LOCAL_ADDRS || n <= 1);
	enum dns_local_is is = dns_local_find(local, &where, q, false, addr, &n);
	must(n <= 1 && (q->type != DNS_ANY || is != LOCAL_NOT));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_query q;
	uint8_t rcode = 0xff;

	switch (dns_query_read(view_of(data, size), &q, &rcode)) {
	case DNS_IGNORE:
		return 0;
	case DNS_ANSWER:
		must(rcode == DNS_FORMERR || rcode == DNS_NOTIMP || rcode == DNS_BADVERS);
		check_error(&q, rcode, false);
		return 0;
	case DNS_READ:
		break;
	}
	must(dns_precheck(view_of(data, size), true) == PRECHECK_OK);
	must(naive_dns_read(data, size, &seen) && seen.type == q.type && seen.id == q.id);
	must(q.udp_size >= DNS_UDP_MIN && q.class == 1 && q.opcode == 0);
	check_upstream(&q);
	check_error(&q, DNS_NXDOMAIN, true);
	check_local(&q);
	return 0;
}
