/*
 * dns_local_test.c - names the gateway answers itself
 */
#include <stdio.h>

#include "dns/local.h"
#include "test/unit/dns_msg_kit.h"

#define FOUR "1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4"
#define SIXTEEN FOUR "," FOUR "," FOUR "," FOUR

static struct dns_local *local;
static struct surroundings where;
static struct diag_sink sink;
static struct addr out[DNS_LOCAL_ADDRS];
static unsigned n;

static void
hosts(const char *const *list, size_t len)
{
	dns_local_free(local);
	memset(&sink, 0, sizeof(sink));
	local = dns_local_new(list, len, &sink);
}

static int
start(void **state)
{
	static const char *const list[] = {"db.test=10.0.0.5", "both.test=1.2.3.4,fd00::5,1.2.3.5",
					   "UPPER.local.=::1", "six.test=2001:db8::6"};

	(void)state;
	memset(&where, 0, sizeof(where));
	addr_parse("10.0.2.2", &where.gateway[FAMILY_V4]);
	addr_parse("fd73::2", &where.gateway[FAMILY_V6]);
	addr_parse("10.0.2.3", &where.dns[FAMILY_V4]);
	hosts(list, 4);
	return local ? 0 : -1;
}

static int
stop(void **state)
{
	(void)state;
	dns_local_free(local);
	local = NULL;
	return 0;
}

static enum dns_local_is
find(const char *name, unsigned type)
{
	struct dns_query q = kit_query(name, type);

	n = 99;
	return dns_local_find(local, &where, &q, false, out, &n);
}

static enum dns_local_is
find_routed(const char *name)
{
	struct dns_query q = kit_query(name, DNS_A);

	return dns_local_find(local, &where, &q, true, out, &n);
}

static void
expect(const char *name, unsigned type, const char *addr)
{
	struct addr a;

	assert_int_equal(find(name, type), LOCAL_ADDRS);
	assert_int_equal(n, addr ? 1 : 0);
	if (addr) {
		assert_true(addr_parse(addr, &a));
		assert_true(addr_eq(&out[0], &a));
	}
}

static void
the_gateway_has_two_names(void **state)
{
	(void)state;
	expect("host.sluice.internal", DNS_A, "10.0.2.2");
	expect("HOST.Sluice.Internal", DNS_AAAA, "fd73::2");
	expect("host.sluice.internal", DNS_TXT, NULL);
	expect("gateway.sluice.internal", DNS_A, "10.0.2.3");
	/* That family is off. */
	expect("gateway.sluice.internal", DNS_AAAA, NULL);
	assert_int_equal(find("other.sluice.internal", DNS_A), LOCAL_NXDOMAIN);
	assert_int_equal(find("x.host.sluice.internal", DNS_A), LOCAL_NXDOMAIN);
	assert_int_equal(find("internal", DNS_A), LOCAL_NOT);
	assert_int_equal(find("sluice.internal.example", DNS_A), LOCAL_NOT);
}

static void
static_hosts_come_before_what_is_special(void **state)
{
	(void)state;
	expect("db.test", DNS_A, "10.0.0.5");
	expect("DB.test", DNS_A, "10.0.0.5");
	expect("db.test", DNS_AAAA, NULL);
	expect("db.test", DNS_HTTPS, NULL);
	expect("six.test", DNS_AAAA, "2001:db8::6");
	expect("both.test", DNS_AAAA, "fd00::5");
	assert_int_equal(find("both.test", DNS_A), LOCAL_ADDRS);
	assert_int_equal(n, 2);
	expect("upper.local", DNS_AAAA, "::1");
	assert_int_equal(find("x.db.test", DNS_A), LOCAL_NOT);
	assert_int_equal(find("b.test", DNS_A), LOCAL_NOT);
}

static void
localhost_is_the_guest(void **state)
{
	(void)state;
	expect("localhost", DNS_A, "127.0.0.1");
	expect("a.b.localhost", DNS_AAAA, "::1");
	expect("localhost", DNS_TXT, NULL);
	assert_int_equal(find("notlocalhost", DNS_A), LOCAL_NOT);
	assert_int_equal(find("localhost.example", DNS_A), LOCAL_NOT);
}

static void
special_zones_do_not_leave(void **state)
{
	static const struct {
		const char *name;
		enum dns_local_is is, routed;
	} zones[] = {
	    {"invalid", LOCAL_NXDOMAIN, LOCAL_NOT},
	    {"x.invalid", LOCAL_NXDOMAIN, LOCAL_NOT},
	    {"printer.local", LOCAL_NXDOMAIN, LOCAL_NOT},
	    {"local", LOCAL_NXDOMAIN, LOCAL_NOT},
	    {"hidden.onion", LOCAL_NXDOMAIN, LOCAL_NXDOMAIN},
	    {"x.alt", LOCAL_NXDOMAIN, LOCAL_NXDOMAIN},
	    {"resolver.arpa", LOCAL_NODATA, LOCAL_NODATA},
	    {"_dns.resolver.arpa", LOCAL_NODATA, LOCAL_NODATA},
	    {"ipv4only.arpa", LOCAL_NODATA, LOCAL_NOT},
	    {"use-application-dns.net", LOCAL_NXDOMAIN, LOCAL_NXDOMAIN},
	    {"mask.icloud.com", LOCAL_NXDOMAIN, LOCAL_NXDOMAIN},
	    {"mask-h2.icloud.com", LOCAL_NXDOMAIN, LOCAL_NXDOMAIN},
	    {"icloud.com", LOCAL_NOT, LOCAL_NOT},
	    {"example.com", LOCAL_NOT, LOCAL_NOT},
	    {"x.test", LOCAL_NOT, LOCAL_NOT},
	    {"box.home.arpa", LOCAL_NOT, LOCAL_NOT},
	    {"mylocal", LOCAL_NOT, LOCAL_NOT},
	    {"", LOCAL_NOT, LOCAL_NOT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		assert_int_equal(find(zones[i].name, DNS_A), zones[i].is);
		assert_int_equal(find(zones[i].name, 64), zones[i].is);
		assert_int_equal(find_routed(zones[i].name), zones[i].routed);
	}
	assert_int_equal(find_routed("db.test"), LOCAL_ADDRS);
	assert_int_equal(find_routed("host.sluice.internal"), LOCAL_ADDRS);
	assert_int_equal(find_routed("localhost"), LOCAL_ADDRS);
}

static void
reverse_names_of_private_addresses_do_not_leave(void **state)
{
	static const char *const here[] = {
	    "3.2.0.10.in-addr.arpa",
	    "10.in-addr.arpa",
	    "1.0.0.127.in-addr.arpa",
	    "1.1.168.192.in-addr.arpa",
	    "168.192.in-addr.arpa",
	    "16.172.in-addr.arpa",
	    "255.31.172.in-addr.arpa",
	    "254.169.in-addr.arpa",
	    "1.64.100.in-addr.arpa",
	    "127.100.in-addr.arpa",
	    "2.0.192.in-addr.arpa",
	    "1.100.51.198.in-addr.arpa",
	    "1.113.0.203.in-addr.arpa",
	    "255.255.255.255.in-addr.arpa",
	    "0.in-addr.arpa",
	    "b._dns-sd._udp.0.2.0.10.in-addr.arpa",
	    "d.f.ip6.arpa",
	    "1.0.0.D.F.ip6.arpa",
	    "8.e.f.ip6.arpa",
	    "b.e.f.ip6.arpa",
	    "8.b.d.0.1.0.0.2.ip6.arpa",
	    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
	    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
	};
	static const char *const leaves[] = {
	    "4.3.2.1.in-addr.arpa",
	    "172.in-addr.arpa",
	    "15.172.in-addr.arpa",
	    "32.172.in-addr.arpa",
	    "192.in-addr.arpa",
	    "0.192.in-addr.arpa",
	    "169.192.in-addr.arpa",
	    "100.in-addr.arpa",
	    "63.100.in-addr.arpa",
	    "128.100.in-addr.arpa",
	    "in-addr.arpa",
	    "ip6.arpa",
	    "f.ip6.arpa",
	    "c.f.ip6.arpa",
	    "c.e.f.ip6.arpa",
	    "7.e.f.ip6.arpa",
	    "0.0.0.0.ip6.arpa",
	    "0.0.0.0.1.0.0.2.ip6.arpa",
	    "10.in-addr.arpa.example",
	    "010.example",
	    "256.in-addr.arpa",
	    "x.in-addr.arpa",
	    "10x.in-addr.arpa",
	    "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
		assert_int_equal(find(here[i], DNS_PTR), LOCAL_NXDOMAIN);
		assert_int_equal(find_routed(here[i]), LOCAL_NOT);
	}
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		assert_int_equal(find(leaves[i], DNS_PTR), LOCAL_NOT);
}

static void
the_question_for_everything_is_answered_here(void **state)
{
	(void)state;
	assert_int_equal(find("example.com", DNS_ANY), LOCAL_ADDRS);
	assert_int_equal(n, 0);
	assert_int_equal(find("db.test", DNS_ANY), LOCAL_ADDRS);
	assert_int_equal(n, 0);
	assert_int_equal(find("x.invalid", DNS_ANY), LOCAL_NXDOMAIN);
}

static void
what_is_wrong_with_hosts_is_all_told(void **state)
{
	static const char *const bad[] = {
	    "noaddress",
	    "=1.2.3.4",
	    "a..b=1.2.3.4",
	    "a.test=",
	    "a.test=1.2.3.4,",
	    "a.test=1.2.3",
	    "a b=1.2.3.4",
	    "a.test=1.2.3.4,5.6.7.8.9",
	    "host.sluice.internal=1.2.3.4",
	    "gateway.sluice.internal=1.2.3.4",
	    "c.test=" SIXTEEN ",1.1.1.1",
	};
	const char *const twice[] = {"a.test=1.2.3.4", "b.test=1.1.1.1", "A.test.=::1"};
	const char *const good[] = {"a.test=" SIXTEEN};
	size_t nbad = sizeof(bad) / sizeof(bad[0]);

	(void)state;
	hosts(bad, nbad);
	assert_null(local);
	assert_int_equal(sink.errors, nbad);
	assert_string_equal(sink.first, "'noaddress': a static host is NAME=ADDRESS[,ADDRESS...]");
	for (size_t i = 0; i < nbad; i++) {
		hosts(&bad[i], 1);
		assert_null(local);
		assert_int_equal(sink.errors, 1);
	}
	hosts(twice, 3);
	assert_null(local);
	assert_int_equal(sink.errors, 1);
	hosts(good, 1);
	assert_non_null(local);
	hosts(NULL, 0);
	assert_non_null(local);
	assert_int_equal(sink.errors, 0);
}

static void
hosts_are_bounded(void **state)
{
	static char text[DNS_LOCAL_HOSTS + 1][32];
	static const char *list[DNS_LOCAL_HOSTS + 1];

	(void)state;
	for (unsigned i = 0; i <= DNS_LOCAL_HOSTS; i++) {
		snprintf(text[i], sizeof(text[i]), "h%u.test=10.0.%u.%u", i, i / 256, i % 256);
		list[i] = text[i];
	}
	hosts(list, DNS_LOCAL_HOSTS);
	assert_non_null(local);
	expect("h0.test", DNS_A, "10.0.0.0");
	expect("h4095.test", DNS_A, "10.0.15.255");
	expect("h77.test", DNS_A, "10.0.0.77");
	hosts(list, DNS_LOCAL_HOSTS + 1);
	assert_null(local);
	assert_int_equal(sink.errors, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_gateway_has_two_names, start, stop),
	    cmocka_unit_test_setup_teardown(static_hosts_come_before_what_is_special, start, stop),
	    cmocka_unit_test_setup_teardown(localhost_is_the_guest, start, stop),
	    cmocka_unit_test_setup_teardown(special_zones_do_not_leave, start, stop),
	    cmocka_unit_test_setup_teardown(reverse_names_of_private_addresses_do_not_leave, start, stop),
	    cmocka_unit_test_setup_teardown(the_question_for_everything_is_answered_here, start, stop),
	    cmocka_unit_test_teardown(what_is_wrong_with_hosts_is_all_told, stop),
	    cmocka_unit_test_teardown(hosts_are_bounded, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
