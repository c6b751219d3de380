/*
 * dns_answer_test.c - what becomes of an upstream's answer: what is left of it, for how long, what it proves (D4, D6, D9,
 * D12 of the list of hostile inputs; 40, 41, 44, 45 of the checklist)
 */
#include "dns/answer.h"

#include <stdio.h>

#include "dns/precheck.h"
#include "test/unit/dns_answer_kit.h"

/* --- what was proved: evidence.c is played here --- */

static struct proof {
	struct name name;
	struct addr addr;
	uint32_t ttl;
} proofs[512];
static unsigned nproof;

void
evidence_add(struct evidence *e, const struct name *name, const struct addr *a, uint32_t ttl, usec_t now)
{
	assert_null(e);
	assert_int_equal(now, 1000);
	assert_true(nproof < 512);
	proofs[nproof++] = (struct proof){*name, *a, ttl};
}

static void
prove(uint32_t age)
{
	nproof = 0;
	dns_answer_prove(made, age, NULL, 1000);
}

static bool
proved(const char *name, const char *addr, uint32_t ttl)
{
	struct name n = kit_name_of(name);
	struct addr a;

	assert_true(addr_parse(addr, &a));
	for (unsigned i = 0; i < nproof; i++)
		if (name_eq(&proofs[i].name, &n) && addr_eq(&proofs[i].addr, &a) && proofs[i].ttl == ttl)
			return true;
	return false;
}

/* --- provenance (D6, 41) --- */

static void
a_chain_proves_each_of_its_names(void **state)
{
	struct dns_query q = kit_query("WWW.shop.example", DNS_A);

	(void)state;
	msg_answer_to(&m, "www.SHOP.example", DNS_A, 0);
	msg_alias(&m, ANSWERS, "www.shop.example", DNS_CNAME, 300, "shop.CDN.example");
	msg_alias(&m, ANSWERS, "shop.cdn.example", DNS_CNAME, 100, "edge.cdn.example");
	msg_addr(&m, ANSWERS, "edge.cdn.example", 200, "1.2.3.4");
	msg_addr(&m, ANSWERS, "edge.cdn.example", 250, "1.2.3.5");
	make(&q, &strict);
	assert_int_equal(seen.count[ANSWERS], 4);
	assert_int_equal(dns_answer_ttl(made), 100);
	prove(0);
	assert_int_equal(nproof, 6);
	assert_true(proved("www.shop.example", "1.2.3.4", 100));
	assert_true(proved("shop.cdn.example", "1.2.3.4", 100));
	assert_true(proved("edge.cdn.example", "1.2.3.5", 100));
	prove(60);
	assert_true(proved("www.shop.example", "1.2.3.5", 40));
	/* Later than its TTL there is nothing left to tell of, but the least that evidence lives. */
	prove(101);
	assert_true(proved("www.shop.example", "1.2.3.5", 0));
}

static void
unrelated_records_prove_nothing_and_are_not_passed_on(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	msg_answer_to(&m, "a.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "bank.example", 60, "6.6.6.6");
	msg_addr(&m, ANSWERS, "a.example", 60, "1.2.3.4");
	msg_addr(&m, ANSWERS, "a.example", 60, "2001:4860::1");
	msg_alias(&m, ANSWERS, "bank.example", DNS_CNAME, 60, "a.example");
	msg_alias(&m, ANSWERS, "a.example", DNS_CNAME, 60, "bank.example");
	msg_record(&m, ANSWERS, "a.example", DNS_TXT, 60, "\1x", 2);
	msg_addr(&m, ADDITIONALS, "other.example", 60, "7.7.7.7");
	make(&q, &strict);
	assert_int_equal(seen.count[ANSWERS], 1);
	assert_true(has_addr(ANSWERS, "1.2.3.4"));
	prove(0);
	assert_int_equal(nproof, 1);
	assert_true(proved("a.example", "1.2.3.4", 60));

	/* Of another class. */
	msg_answer_to(&m, "a.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "a.example", 60, "1.2.3.4");
	assert_memory_equal(m.b + 38, "\0\1\0\1", 4);
	m.b[41] = 3;
	make(&q, &strict);
	assert_int_equal(seen.n, 0);
	prove(0);
	assert_int_equal(nproof, 0);
}

static void
errors_prove_nothing(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	for (unsigned rcode = 1; rcode < 16; rcode++) {
		msg_answer_to(&m, "a.example", DNS_A, rcode);
		msg_addr(&m, ANSWERS, "a.example", 60, "1.2.3.4");
		make(&q, &strict);
		assert_int_equal(seen.flags & 0xf, rcode);
		assert_int_equal(dns_answer_rcode(made), rcode);
		assert_int_equal(seen.count[ANSWERS], 0);
		prove(0);
		assert_int_equal(nproof, 0);
	}
	/* An OPT whose extended code makes an error of NOERROR. */
	msg_answer_to(&m, "a.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "a.example", 60, "1.2.3.4");
	msg_opt(&m, 1232, 0x01000000, "", 0);
	make(&q, &strict);
	assert_int_equal(dns_answer_rcode(made), DNS_SERVFAIL);
	prove(0);
	assert_int_equal(nproof, 0);
}

static void
only_questions_for_addresses_prove(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_HTTPS);

	(void)state;
	msg_answer_to(&m, "a.example", DNS_HTTPS, 0);
	msg_record(&m, ANSWERS, "a.example", DNS_HTTPS, 60, "\0\1\0\0\4\0\4\1\2\3\4", 11);
	msg_addr(&m, ADDITIONALS, "a.example", 60, "1.2.3.4");
	make(&q, &strict);
	assert_int_equal(seen.count[ANSWERS], 1);
	prove(0);
	assert_int_equal(nproof, 0);
}

static void
a_mapped_address_proves_the_one_inside(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_AAAA);

	(void)state;
	msg_answer_to(&m, "a.example", DNS_AAAA, 0);
	msg_addr(&m, ANSWERS, "a.example", 60, "::ffff:8.8.8.8");
	make(&q, &strict);
	prove(0);
	assert_true(nproof == 1 && proved("a.example", "8.8.8.8", 60));
}

static void
chain_of(unsigned links, const struct dns_query *q)
{
	char from[32] = "c0.example", to[32];

	msg_answer_to(&m, "c0.example", q->type, 0);
	for (unsigned i = 1; i <= links; i++) {
		snprintf(to, sizeof(to), "c%u.example", i);
		msg_alias(&m, ANSWERS, from, DNS_CNAME, 60, to);
		memcpy(from, to, sizeof(from));
	}
	msg_addr(&m, ANSWERS, from, 60, "1.2.3.4");
}

static void
a_chain_has_at_most_eight_links(void **state)
{
	struct dns_query q = kit_query("c0.example", DNS_A);

	(void)state;
	chain_of(8, &q);
	make(&q, &strict);
	prove(0);
	assert_int_equal(nproof, 9);
	assert_true(proved("c8.example", "1.2.3.4", 60));
	chain_of(9, &q);
	assert_int_equal(try_make(&q, &strict), DNS_EXCESSIVE);
	/* A loop is a chain without end. */
	msg_answer_to(&m, "c0.example", DNS_A, 0);
	msg_alias(&m, ANSWERS, "c0.example", DNS_CNAME, 60, "b.example");
	msg_alias(&m, ANSWERS, "b.example", DNS_CNAME, 60, "c0.example");
	assert_int_equal(try_make(&q, &strict), DNS_EXCESSIVE);
	/* In any order. */
	msg_answer_to(&m, "c0.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "b.example", 60, "1.2.3.4");
	msg_alias(&m, ANSWERS, "c0.example", DNS_CNAME, 60, "b.example");
	make(&q, &strict);
	assert_int_equal(seen.count[ANSWERS], 2);
	/* Who asks for CNAME gets it, and no chain. */
	struct dns_query alias = kit_query("c0.example", DNS_CNAME);
	chain_of(2, &alias);
	make(&alias, &strict);
	assert_int_equal(seen.count[ANSWERS], 1);
}

static void
a_dname_stays_with_the_cname_made_from_it(void **state)
{
	struct dns_query q = kit_query("www.old.example", DNS_A);

	(void)state;
	msg_answer_to(&m, "www.old.example", DNS_A, 0);
	msg_alias(&m, ANSWERS, "old.example", DNS_DNAME, 50, "new.example");
	msg_rrsig(&m, ANSWERS, "old.example", DNS_DNAME, 50);
	msg_alias(&m, ANSWERS, "other.example", DNS_DNAME, 50, "new.example");
	msg_alias(&m, ANSWERS, "www.old.example", DNS_CNAME, 60, "www.new.example");
	msg_addr(&m, ANSWERS, "www.new.example", 60, "1.2.3.4");
	make(&q, &strict);
	assert_int_equal(seen.count[ANSWERS], 4);
	assert_int_equal(naive_dns_count(&seen, ANSWERS, DNS_DNAME), 1);
	assert_int_equal(naive_dns_count(&seen, ANSWERS, DNS_RRSIG), 1);
	prove(0);
	assert_true(nproof == 2 && proved("www.new.example", "1.2.3.4", 50));
}

static void
a_denied_name_of_the_chain_denies_it_all(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);
	struct name evil = kit_name_of("cdn.evil.example");

	(void)state;
	denied_asked = 0;
	msg_answer_to(&m, "a.example", DNS_A, AD);
	msg_alias(&m, ANSWERS, "a.example", DNS_CNAME, 30, "b.example");
	msg_alias(&m, ANSWERS, "b.example", DNS_CNAME, 60, "cdn.evil.example");
	msg_addr(&m, ANSWERS, "cdn.evil.example", 60, "1.2.3.4");
	make(&q, &no_evil);
	assert_int_equal(denied_asked, 2);
	assert_true(did.denied && name_eq(&did.by, &evil));
	assert_int_equal(seen.flags & 0xf, DNS_NXDOMAIN);
	assert_int_equal(seen.n, 0);
	/* It is remembered with its reason. */
	assert_int_equal(dns_answer_ttl(made), 30);
	assert_true(dns_answer_filtered(made)->denied);
	assert_true(name_eq(&dns_answer_filtered(made)->by, &evil));
	prove(0);
	assert_int_equal(nproof, 0);
	/* The asked name was judged before it was asked for. */
	struct dns_query itself = kit_query("evil.example", DNS_A);
	msg_answer_to(&m, "evil.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "evil.example", 60, "1.2.3.4");
	make(&itself, &no_evil);
	assert_false(did.denied);
	assert_null(dns_answer_filtered(made));
}

/* --- rebinding (D9, 44, 45) --- */

static void
special_addresses_are_taken_out_of_every_section(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	msg_answer_to(&m, "a.example", DNS_A, AD);
	msg_addr(&m, ANSWERS, "a.example", 60, "1.2.3.4");
	msg_addr(&m, ANSWERS, "a.example", 60, "127.0.0.1");
	msg_addr(&m, ANSWERS, "a.example", 60, "169.254.169.254");
	msg_addr(&m, AUTHORITIES, "ns.example", 60, "10.0.0.1");
	msg_addr(&m, AUTHORITIES, "ns.example", 60, "9.9.9.9");
	msg_addr(&m, ADDITIONALS, "ns.example", 60, "192.168.0.1");
	msg_addr(&m, ADDITIONALS, "ns.example", 60, "::1");
	msg_addr(&m, ADDITIONALS, "ns.example", 60, "8.8.8.8");
	q.ad = true;
	make(&q, &strict);
	assert_int_equal(did.removed, 5);
	assert_int_equal(addr_to_v4(&did.first), 0x7f000001);
	assert_false(did.emptied);
	assert_int_equal(seen.n, 3);
	assert_true(has_addr(ANSWERS, "1.2.3.4") && has_addr(AUTHORITIES, "9.9.9.9") &&
		    has_addr(ADDITIONALS, "8.8.8.8"));
	/* What was changed is not authentic. */
	assert_false(seen.flags & AD);
	prove(0);
	assert_int_equal(nproof, 1);

	/* With nothing to refuse them they all stay, and so does AD. */
	make(&q, &all);
	assert_int_equal(did.removed, 0);
	assert_int_equal(seen.n, 8);
	assert_true(seen.flags & AD);
}

static void
an_answer_of_nothing_but_special_addresses_is_nodata(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	msg_answer_to(&m, "a.example", DNS_A, 0);
	msg_alias(&m, ANSWERS, "a.example", DNS_CNAME, 60, "b.example");
	msg_addr(&m, ANSWERS, "b.example", 50, "10.1.2.3");
	make(&q, &strict);
	assert_true(did.emptied && did.removed == 1);
	assert_int_equal(seen.flags & 0xf, DNS_NOERROR);
	assert_int_equal(seen.count[ANSWERS], 1);
	assert_int_equal(naive_dns_count(&seen, ANSWERS, DNS_CNAME), 1);
	prove(0);
	assert_int_equal(nproof, 0);
	assert_int_equal(dns_answer_ttl(made), 50);
	assert_true(dns_answer_filtered(made)->emptied);
}

static void
a_rule_may_let_a_name_lead_there(void **state)
{
	struct dns_query q = kit_query("db.corp.example", DNS_A), r = kit_query("db.example", DNS_A);

	(void)state;
	msg_answer_to(&m, "db.corp.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "db.corp.example", 60, "10.1.2.3");
	msg_addr(&m, ANSWERS, "db.corp.example", 60, "192.168.1.1");
	make(&q, &corp);
	assert_int_equal(did.removed, 1);
	assert_true(has_addr(ANSWERS, "10.1.2.3"));
	prove(0);
	assert_true(nproof == 1 && proved("db.corp.example", "10.1.2.3", 60));
	/* Another name may not. */
	msg_answer_to(&m, "db.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "db.example", 60, "10.1.2.3");
	make(&r, &corp);
	assert_true(did.emptied);
}

/* First and last of every range that is not public, and what embeds an address; their public neighbours stay. */
static void
every_special_range_is_taken_out_and_its_neighbours_stay(void **state)
{
	static const char *const special[] = {
	    "0.0.0.0",
	    "0.255.255.255",
	    "10.0.0.0",
	    "10.255.255.255",
	    "100.64.0.0",
	    "100.127.255.255",
	    "127.0.0.0",
	    "127.255.255.255",
	    "169.254.0.0",
	    "169.254.169.254",
	    "169.254.255.255",
	    "172.16.0.0",
	    "172.31.255.255",
	    "192.0.0.0",
	    "192.0.0.255",
	    "192.0.2.0",
	    "192.0.2.255",
	    "192.168.0.0",
	    "192.168.255.255",
	    "198.18.0.0",
	    "198.19.255.255",
	    "198.51.100.0",
	    "198.51.100.255",
	    "203.0.113.0",
	    "203.0.113.255",
	    "224.0.0.0",
	    "239.255.255.255",
	    "240.0.0.0",
	    "255.255.255.255",
	    "168.63.129.16",
	    "100.100.100.200",
	    "::",
	    "::1",
	    "fe80::1",
	    "febf:ffff::",
	    "fec0::1",
	    "fc00::",
	    "fdff:ffff::1",
	    "fd00:ec2::254",
	    "ff00::",
	    "ff02::1",
	    "100::1",
	    "2001:db8::1",
	    "3fff::1",
	    "::ffff:127.0.0.1",
	    "::ffff:10.0.0.1",
	    "::127.0.0.1",
	    "64:ff9b::7f00:1",
	    "64:ff9b::a00:1",
	    "64:ff9b:1::1",
	    "2002:7f00:1::1",
	    "2002:a00:1::",
	};
	static const char *const stays[] = {
	    "1.0.0.0",         "9.255.255.255",   "11.0.0.0",         "100.63.255.255",  "100.128.0.0",
	    "126.255.255.255", "128.0.0.0",       "169.253.255.255",  "169.255.0.0",     "172.15.255.255",
	    "172.32.0.0",      "192.0.1.0",       "192.0.3.0",        "192.167.255.255", "192.169.0.0",
	    "198.17.255.255",  "198.20.0.0",      "198.51.99.255",    "198.51.101.0",    "203.0.112.255",
	    "203.0.114.0",     "223.255.255.255", "168.63.129.15",    "168.63.129.17",   "2001:4860::8888",
	    "2a00::1",         "::ffff:8.8.8.8",  "64:ff9b::808:808",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]) + sizeof(stays) / sizeof(stays[0]); i++) {
		bool goes = i < sizeof(special) / sizeof(special[0]);
		const char *text = goes ? special[i] : stays[i - sizeof(special) / sizeof(special[0])];
		unsigned type = strchr(text, ':') ? DNS_AAAA : DNS_A;
		struct dns_query q = kit_query("a.example", type), h = kit_query("a.example", DNS_HTTPS);

		msg_answer_to(&m, "a.example", type, 0);
		msg_addr(&m, ANSWERS, "a.example", 60, text);
		make(&q, &strict);
		if (did.emptied != goes)
			print_message("%s\n", text);
		assert_int_equal(did.emptied, goes);
		assert_int_equal(seen.count[ANSWERS], !goes);

		/* The same as the hint of a service. */
		struct addr a;
		uint8_t service[32] = {0, 1, 0, 0, type == DNS_A ? 4 : 6, 0, type == DNS_A ? 4 : 16};
		addr_parse(text, &a);
		memcpy(service + 7, type == DNS_A ? a.b + 12 : a.b, service[6]);
		msg_answer_to(&m, "a.example", DNS_HTTPS, 0);
		msg_record(&m, ANSWERS, "a.example", DNS_HTTPS, 60, service, 7u + service[6]);
		make(&h, &strict);
		assert_int_equal(did.removed, goes);
		assert_int_equal(seen.record[0].len, goes ? 3u : 7u + service[6]);
	}
}

/* --- services (D4) --- */

/* alpn h2, 8.8.8.8 and 10.0.0.1 as hints, ech, 2001:4860::1 and ::1 as hints. */
static const uint8_t service[] =
    "\0\1\3svc\7example\0"
    "\0\1\0\3\2h2"
    "\0\4\0\10\10\10\10\10\12\0\0\1"
    "\0\5\0\4ECH!"
    "\0\6\0\40\x20\1\x48\x60\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1";

static void
services_lose_ech_and_the_hints_that_may_not_be(void **state)
{
	static const uint8_t left[] = "\0\1\3svc\7example\0"
				      "\0\1\0\3\2h2"
				      "\0\4\0\4\10\10\10\10"
				      "\0\6\0\20\x20\1\x48\x60\0\0\0\0\0\0\0\0\0\0\0\1";
	static const unsigned types[] = {DNS_SVCB, DNS_HTTPS};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct dns_query q = kit_query("a.example", types[i]);

		q.dnssec_ok = q.edns = true;
		msg_answer_to(&m, "a.example", types[i], AD);
		msg_record(&m, ANSWERS, "a.example", types[i], 60, service, sizeof(service) - 1);
		msg_rrsig(&m, ANSWERS, "a.example", types[i], 60);
		make(&q, &strict);
		assert_int_equal(did.removed, 2);
		assert_int_equal(seen.count[ANSWERS], 1);
		assert_int_equal(seen.record[0].len, sizeof(left) - 1);
		assert_memory_equal(out + seen.record[0].at, left, sizeof(left) - 1);
		assert_false(seen.flags & AD);

		/* Nothing to refuse: as it came, with its signature. */
		make(&q, &all);
		assert_int_equal(seen.count[ANSWERS], 2);
		assert_memory_equal(out + seen.record[0].at, service, sizeof(service) - 1);
		assert_true(seen.flags & AD);
	}
	/* Also beside an answer. */
	struct dns_query srv = kit_query("a.example", DNS_A);
	msg_answer_to(&m, "a.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "a.example", 60, "1.2.3.4");
	msg_record(&m, ADDITIONALS, "a.example", DNS_HTTPS, 60, service, sizeof(service) - 1);
	make(&srv, &strict);
	assert_int_equal(naive_dns_find(&seen, ADDITIONALS, DNS_HTTPS)->len, sizeof(left) - 1);
}

static void
a_service_that_became_useless_or_is_broken_goes(void **state)
{
	static const struct {
		const char *params;
		size_t len;
		bool stays;
	} cases[] = {
	    {"", 0, true},                                /* alias mode, or no parameters */
	    {"\0\0\0\2\0\5\0\5\0\1x", 11, false},         /* ech is mandatory */
	    {"\0\0\0\2\0\4\0\4\0\4\12\0\0\1", 14, false}, /* so is a hint of which nothing is left */
	    {"\0\0\0\2\0\4\0\4\0\4\10\10\10\10", 14, true},
	    {"\0\0\0\2\0\1\0\1\0\3\2h2\0\5\0\1x", 18, true}, /* alpn is, and stays */
	    {"\0\4\0\4\10\10\10", 7, false},                 /* cut */
	    {"\0\4\0\5\10\10\10\10\10", 9, true},            /* one hint and a byte: the byte goes */
	    {"\0\4\0", 3, false},
	    {"\0\5\0\1x\0\4\0\4\10\10\10\10", 13, false}, /* keys do not rise */
	    {"\0\5\0\1x\0\5\0\1y", 10, false},            /* twice */
	};
	struct dns_query q = kit_query("a.example", DNS_HTTPS);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t data[64] = {0, 1, 0};

		memcpy(data + 3, cases[i].params, cases[i].len);
		msg_answer_to(&m, "a.example", DNS_HTTPS, 0);
		msg_record(&m, ANSWERS, "a.example", DNS_HTTPS, 60, data, 3 + cases[i].len);
		make(&q, &strict);
		assert_int_equal(seen.count[ANSWERS], cases[i].stays);
		for (unsigned r = 0; r < seen.n; r++)
			assert_true(seen.record[r].len <= 3 + cases[i].len);
	}
}

/* --- families the host has no path of (40) --- */

static void
a_family_without_a_path_is_nodata_and_other_types_are_not_touched(void **state)
{
	const struct dns_filter no_six = {.no_aaaa = true}, no_four = {.no_a = true};
	struct dns_query a = kit_query("a.example", DNS_A), aaaa = kit_query("a.example", DNS_AAAA),
			 https = kit_query("a.example", DNS_HTTPS), txt = kit_query("a.example", DNS_TXT);

	(void)state;
	msg_answer_to(&m, "a.example", DNS_AAAA, 0);
	msg_addr(&m, ANSWERS, "a.example", 60, "2001:4860::1");
	msg_rrsig(&m, ANSWERS, "a.example", DNS_AAAA, 60);
	make(&aaaa, &no_six);
	assert_int_equal(seen.flags & 0xf, DNS_NOERROR);
	assert_int_equal(seen.count[ANSWERS], 0);
	/* Nobody was refused anything. */
	assert_false(did.emptied || did.removed);
	assert_null(dns_answer_filtered(made));
	prove(0);
	assert_int_equal(nproof, 0);
	make(&aaaa, &no_four);
	assert_int_equal(seen.count[ANSWERS], 2);

	msg_answer_to(&m, "a.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "a.example", 60, "1.2.3.4");
	msg_addr(&m, ADDITIONALS, "a.example", 60, "2001:4860::1");
	make(&a, &no_six);
	assert_int_equal(seen.n, 1);
	make(&a, &no_four);
	assert_int_equal(seen.count[ANSWERS], 0);

	msg_answer_to(&m, "a.example", DNS_HTTPS, 0);
	msg_record(&m, ANSWERS, "a.example", DNS_HTTPS, 60, service, sizeof(service) - 1);
	make(&https, &no_six);
	assert_int_equal(seen.record[0].len, sizeof(service) - 1 - 36);
	make(&https, &no_four);
	assert_int_equal(seen.record[0].len, sizeof(service) - 1 - 12);

	msg_answer_to(&m, "a.example", DNS_TXT, 0);
	msg_record(&m, ANSWERS, "a.example", DNS_TXT, 60, "\3abc\2de", 7);
	make(&txt, &no_six);
	assert_memory_equal(out + seen.record[0].at, "\3abc\2de", 7);
}

/* --- DNSSEC --- */

static void
signatures_over_what_was_changed_go_and_no_others(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	q.edns = q.dnssec_ok = true;
	msg_answer_to(&m, "a.example", DNS_A, AD);
	msg_alias(&m, ANSWERS, "a.example", DNS_CNAME, 60, "b.example");
	msg_rrsig(&m, ANSWERS, "a.example", DNS_CNAME, 60);
	msg_addr(&m, ANSWERS, "b.example", 60, "1.2.3.4");
	msg_addr(&m, ANSWERS, "b.example", 60, "10.0.0.1");
	msg_rrsig(&m, ANSWERS, "B.example", DNS_A, 60);
	msg_rrsig(&m, ANSWERS, "b.example", DNS_TXT, 60);
	msg_alias(&m, AUTHORITIES, "example", DNS_NS, 60, "ns.example");
	msg_rrsig(&m, AUTHORITIES, "example", DNS_NS, 60);
	make(&q, &strict);
	assert_int_equal(naive_dns_count(&seen, ANSWERS, DNS_RRSIG), 1);
	assert_int_equal(out[naive_dns_find(&seen, ANSWERS, DNS_RRSIG)->at + 1], DNS_CNAME);
	assert_int_equal(naive_dns_count(&seen, AUTHORITIES, DNS_RRSIG), 1);
	assert_false(seen.flags & AD);
	make(&q, &all);
	assert_int_equal(naive_dns_count(&seen, ANSWERS, DNS_RRSIG), 2);
	assert_true(seen.flags & AD);
	/* AD is for those who asked. */
	q.dnssec_ok = false;
	tell(&q, 0);
	assert_false(seen.flags & AD);
	q.ad = true;
	tell(&q, 0);
	assert_true(seen.flags & AD);
}

/* --- lifetimes --- */

static uint32_t
ttl_of(unsigned section, unsigned type)
{
	const struct naive_record *r = naive_dns_find(&seen, section, type);

	assert_non_null(r);
	return r->ttl;
}

static void
ttls_are_clamped_and_count_down(void **state)
{
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	msg_answer_to(&m, "a.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "a.example", 86400, "1.2.3.4");
	msg_alias(&m, AUTHORITIES, "example", DNS_NS, 7200, "ns.example");
	make(&q, &strict);
	assert_int_equal(dns_answer_ttl(made), DNS_TTL_MAX);
	assert_int_equal(ttl_of(ANSWERS, DNS_A), 3600);
	assert_int_equal(ttl_of(AUTHORITIES, DNS_NS), 3600);
	tell(&q, 600);
	assert_int_equal(ttl_of(ANSWERS, DNS_A), 3000);
	tell(&q, 3600);
	assert_int_equal(ttl_of(ANSWERS, DNS_A), 0);
	tell(&q, 10000);
	assert_int_equal(ttl_of(ANSWERS, DNS_A), 0);
	prove(0);
	assert_int_equal(proofs[0].ttl, 3600);

	/* The sign bit makes it 0, and 0 is not kept. */
	msg_answer_to(&m, "a.example", DNS_A, 0);
	msg_addr(&m, ANSWERS, "a.example", 0x80000001, "1.2.3.4");
	make(&q, &strict);
	assert_int_equal(dns_answer_ttl(made), 0);
	assert_int_equal(ttl_of(ANSWERS, DNS_A), 0);

	/* What came truncated is told so, and not kept. */
	msg_answer_to(&m, "a.example", DNS_A, TC);
	msg_addr(&m, ANSWERS, "a.example", 60, "1.2.3.4");
	make(&q, &strict);
	assert_int_equal(dns_answer_ttl(made), 0);
	assert_true(seen.flags & TC);
}

static void
negative_answers_live_as_long_as_their_soa_says(void **state)
{
	static const struct {
		uint32_t ttl, minimum, lives;
	} soa[] = {{300, 60, 60}, {60, 300, 60}, {86400, 86400, DNS_NEGATIVE_MAX}, {0, 300, 0}, {300, 0, 0}};
	struct dns_query q = kit_query("a.example", DNS_A);

	(void)state;
	for (size_t i = 0; i < sizeof(soa) / sizeof(soa[0]); i++) {
		for (unsigned rcode = 0; rcode <= DNS_NXDOMAIN; rcode += DNS_NXDOMAIN) {
			msg_answer_to(&m, "a.example", DNS_A, rcode);
			msg_soa(&m, "example", soa[i].ttl, soa[i].minimum);
			make(&q, &strict);
			assert_int_equal(dns_answer_ttl(made), soa[i].lives);
			assert_int_equal(ttl_of(AUTHORITIES, DNS_SOA), soa[i].lives);
		}
	}
	/* Without one they are not kept: a referral, or a server that does not know. */
	msg_answer_to(&m, "a.example", DNS_A, DNS_NXDOMAIN);
	make(&q, &strict);
	assert_int_equal(dns_answer_ttl(made), 0);
	msg_answer_to(&m, "a.example", DNS_A, 0);
	msg_alias(&m, AUTHORITIES, "example", DNS_NS, 7200, "ns.example");
	make(&q, &strict);
	assert_int_equal(dns_answer_ttl(made), 0);
	/* A chain that leads nowhere lives as long as its shortest link. */
	msg_answer_to(&m, "a.example", DNS_A, DNS_NXDOMAIN);
	msg_alias(&m, ANSWERS, "a.example", DNS_CNAME, 20, "b.example");
	msg_soa(&m, "example", 300, 300);
	make(&q, &strict);
	assert_int_equal(dns_answer_ttl(made), 20);
	assert_int_equal(seen.count[ANSWERS], 1);
	/* Failures for a moment. */
	msg_answer_to(&m, "a.example", DNS_A, DNS_SERVFAIL);
	make(&q, &strict);
	assert_int_equal(dns_answer_ttl(made), 5);
}

/* --- what is no answer --- */

static void
bombs_are_refused_before_they_are_read(void **state)
{
	static uint8_t zeros[60000];
	struct dns_query q = kit_query("a.example", DNS_TXT);

	(void)state;
	msg_answer_to(&m, "a.example", DNS_TXT, 0);
	msg_record(&m, ANSWERS, "a.example", DNS_TXT, 60, zeros, sizeof(zeros));
	assert_int_equal(try_make(&q, &strict), DNS_EXCESSIVE);
	assert_null(made);
	msg_answer_to(&m, "a.example", DNS_TXT, 0);
	for (unsigned i = 0; i < 600; i++)
		msg_record(&m, ANSWERS, "a.example", DNS_TXT, 60, "\1x", 2);
	assert_int_equal(try_make(&q, &strict), DNS_EXCESSIVE);
	msg_answer_to(&m, "a.example", DNS_TXT, 0);
	wr_bytes(&m.w, "\xc0\xff", 2);
	m.count[ANSWERS] = 1;
	assert_int_equal(try_make(&q, &strict), DNS_MALFORMED);
	assert_null(made);
}

/* Record data of every type that has no name to compress comes out as it went in. */
static void
data_is_passed_on_byte_by_byte(void **state)
{
	static const struct {
		unsigned type;
		size_t len;
		const char *data;
	} cases[] = {
	    {10, 3, "\0\1\2"},
	    {13, 7, "\3cpu\2os\0"},
	    {16, 8, "\3abc\0\2de"},
	    {29, 16, "\0\x12\x16\x13\x80\0\0\0\x80\0\0\0\0\x98\x96\x80"},
	    {33, 18, "\0\1\0\2\0\x35\3srv\6target\0"},
	    {35, 23, "\0\1\0\2\1u\7E2U+sip\0\6target\0"},
	    {39, 8, "\6target\0"},
	    {43, 8, "\0\1\x0d\2\1\2\3\4"},
	    {44, 6, "\1\1\1\2\3\4"},
	    {47, 12, "\4next\0\0\4\x40\0\0\0"},
	    {48, 8, "\1\1\3\x0d\1\2\3\4"},
	    {50, 17, "\1\0\0\1\2\1\2\3\4\5\6\0\3\x40\0\0\0"},
	    {51, 7, "\1\0\0\1\2\1\2"},
	    {52, 7, "\3\1\1\1\2\3\4"},
	    {55, 11, "\2\1\0\2hhpp\1a"},
	    {99, 4, "\3abc"},
	    {108, 6, "\1\2\3\4\5\6"},
	    {256, 8, "\0\1\0\1http"},
	    {257, 11, "\0\5issueca.x"},
	    {65280, 4, "\1\2\3\4"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_query q = kit_query("target", cases[i].type);

		msg_answer_to(&m, "target", cases[i].type, 0);
		msg_record(&m, ANSWERS, "target", cases[i].type, 60, cases[i].data, cases[i].len);
		make(&q, &strict);
		assert_int_equal(seen.n, 1);
		assert_int_equal(seen.record[0].len, cases[i].len);
		assert_memory_equal(out + seen.record[0].at, cases[i].data, cases[i].len);
	}
}

static void
static_addresses_make_an_answer_that_proves(void **state)
{
	struct dns_query q = kit_query("Box.example", DNS_A), any = kit_query("box.example", DNS_ANY);
	struct addr a[3];

	(void)state;
	addr_parse("10.0.0.5", &a[0]);
	addr_parse("fd00::5", &a[1]);
	addr_parse("10.0.0.6", &a[2]);
	made = dns_answer_local(&q, a, 3, 60);
	tell(&q, 0);
	assert_true(seen.flags & AA);
	assert_int_equal(seen.count[ANSWERS], 2);
	assert_true(has_addr(ANSWERS, "10.0.0.5") && has_addr(ANSWERS, "10.0.0.6"));
	assert_int_equal(dns_answer_ttl(made), 60);
	prove(0);
	assert_true(nproof == 2 && proved("box.example", "10.0.0.5", 60));
	dns_answer_free(made);
	q.type = DNS_AAAA;
	made = dns_answer_local(&q, a, 3, 60);
	tell(&q, 0);
	assert_true(seen.count[ANSWERS] == 1 && has_addr(ANSWERS, "fd00::5"));
	dns_answer_free(made);
	/* NODATA. */
	q.type = DNS_TXT;
	made = dns_answer_local(&q, a, 3, 60);
	tell(&q, 0);
	assert_int_equal(seen.n, 0);
	dns_answer_free(made);
	/* Everything is one HINFO (RFC 8482 4.2). */
	made = dns_answer_local(&any, a, 3, 60);
	tell(&any, 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.record[0].type, DNS_HINFO);
	assert_memory_equal(out + seen.record[0].at, "\7RFC8482\0", 9);
	prove(0);
	assert_int_equal(nproof, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_chain_proves_each_of_its_names, forget),
	    cmocka_unit_test_teardown(unrelated_records_prove_nothing_and_are_not_passed_on, forget),
	    cmocka_unit_test_teardown(errors_prove_nothing, forget),
	    cmocka_unit_test_teardown(only_questions_for_addresses_prove, forget),
	    cmocka_unit_test_teardown(a_mapped_address_proves_the_one_inside, forget),
	    cmocka_unit_test_teardown(a_chain_has_at_most_eight_links, forget),
	    cmocka_unit_test_teardown(a_dname_stays_with_the_cname_made_from_it, forget),
	    cmocka_unit_test_teardown(a_denied_name_of_the_chain_denies_it_all, forget),
	    cmocka_unit_test_teardown(special_addresses_are_taken_out_of_every_section, forget),
	    cmocka_unit_test_teardown(an_answer_of_nothing_but_special_addresses_is_nodata, forget),
	    cmocka_unit_test_teardown(a_rule_may_let_a_name_lead_there, forget),
	    cmocka_unit_test_teardown(every_special_range_is_taken_out_and_its_neighbours_stay, forget),
	    cmocka_unit_test_teardown(services_lose_ech_and_the_hints_that_may_not_be, forget),
	    cmocka_unit_test_teardown(a_service_that_became_useless_or_is_broken_goes, forget),
	    cmocka_unit_test_teardown(a_family_without_a_path_is_nodata_and_other_types_are_not_touched,
				      forget),
	    cmocka_unit_test_teardown(signatures_over_what_was_changed_go_and_no_others, forget),
	    cmocka_unit_test_teardown(ttls_are_clamped_and_count_down, forget),
	    cmocka_unit_test_teardown(negative_answers_live_as_long_as_their_soa_says, forget),
	    cmocka_unit_test_teardown(bombs_are_refused_before_they_are_read, forget),
	    cmocka_unit_test_teardown(data_is_passed_on_byte_by_byte, forget),
	    cmocka_unit_test_teardown(static_addresses_make_an_answer_that_proves, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
