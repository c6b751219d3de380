/*
 * dns_servers_test.c - nameservers as people write them, resolv.conf as programs do, and which one is asked
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dns/servers.h"

static struct name
name_of(const char *text)
{
	struct name n;

	assert_true(name_parse(text, strlen(text), &n));
	return n;
}

static void
no_more(const struct dns_servers *s, const char *name, unsigned attempt, usec_t now)
{
	struct name n = name_of(name);
	struct dns_server e;

	assert_false(dns_servers_pick(s, &n, attempt, now, &e));
}

/* The attempt-th server for a name is this one, "ADDR:PORT" (IPv6 too: without brackets). */
static void
expect_for(const struct dns_servers *s, const char *name, unsigned attempt, usec_t now, const char *text)
{
	struct name n = name_of(name);
	struct dns_server e;
	char addr[ADDR_TEXT], got[ADDR_TEXT + 8];

	assert_true(dns_servers_pick(s, &n, attempt, now, &e));
	snprintf(got, sizeof(got), "%s:%u", addr_text(&e.at.addr, addr), e.at.port);
	assert_string_equal(got, text);
}

static void
expect(const struct dns_servers *s, unsigned attempt, const char *text)
{
	expect_for(s, "a.example", attempt, 0, text);
}

static struct dns_server
at(const char *addr, uint16_t port)
{
	struct dns_server e = {.at.port = port};

	assert_true(addr_parse(addr, &e.at.addr));
	return e;
}

static struct dns_servers *
make(const char *const *servers, size_t n, const char *const *routes, size_t nroutes)
{
	struct diag_sink d = {.errors = 0};
	struct dns_servers *s = dns_servers_new(servers, n, routes, nroutes, &d);

	assert_string_equal(d.first, "");
	assert_non_null(s);
	return s;
}

/* --- resolv.conf -------------------------------------------------------------------------------------------- */

static void
read_file(struct dns_servers *s, const char *text)
{
	char *exact = malloc(strlen(text) ? strlen(text) : 1); /* so that a read past the end is seen */

	memcpy(exact, text, strlen(text));
	dns_servers_file(s, view_of(exact, strlen(text)));
	free(exact);
}

static struct dns_servers *
parse(const char *text)
{
	struct dns_servers *s = make(NULL, 0, NULL, 0);

	assert_true(dns_servers_want_file(s));
	read_file(s, text);
	return s;
}

static void
servers_in_order(void **state)
{
	struct dns_servers *s = parse("# a comment\nsearch example.org\nnameserver 9.9.9.9\n"
				      "nameserver\t2620:fe::fe  \noptions edns0\nnameserver 127.0.0.53");

	(void)state;
	expect(s, 0, "9.9.9.9:53");
	expect(s, 1, "2620:fe::fe:53");
	expect(s, 2, "127.0.0.53:53");
	no_more(s, "a.example", 3, 0);
	assert_false(dns_servers_only_stub(s));
	dns_servers_free(s);
}

static void
odd_lines_are_passed_over(void **state)
{
	struct dns_servers *s =
	    parse("nameserver\nnameserver 1.2.3\nnameservers 1.1.1.1\n  nameserver 8.8.4.4\r\n"
		  "nameserver fe80::1%eth0\nnameserver "
		  "11111111111111111111111111111111111111111111111111111111111111\n"
		  "#nameserver 1.1.1.1\n");

	(void)state;
	expect(s, 0, "8.8.4.4:53");
	no_more(s, "a.example", 1, 0);
	dns_servers_free(s);
}

static void
nothing_means_this_host(void **state)
{
	static const char *const texts[] = {"", "\n", "nameserver", "search a b c\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct dns_servers *s = parse(texts[i]);

		expect(s, 0, "127.0.0.1:53");
		no_more(s, "a.example", 1, 0);
		dns_servers_free(s);
	}
}

static void
more_than_fit_are_not_read(void **state)
{
	struct dns_servers *s =
	    parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n"
		  "nameserver 10.0.0.5\nnameserver 10.0.0.6\nnameserver 10.0.0.7\nnameserver 10.0.0.8\n"
		  "nameserver 10.0.0.9\n");

	(void)state;
	expect(s, DNS_SERVERS - 1, "10.0.0.8:53");
	no_more(s, "a.example", DNS_SERVERS, 0);
	dns_servers_free(s);
}

static void
the_stub_is_known(void **state)
{
	struct dns_servers *s = parse("nameserver 127.0.0.53\noptions trust-ad\n");

	(void)state;
	assert_true(dns_servers_only_stub(s));
	read_file(s, "nameserver 127.0.0.53\nnameserver 192.0.2.1\n");
	assert_false(dns_servers_only_stub(s));
	read_file(s, "nameserver ::1\n");
	assert_false(dns_servers_only_stub(s));
	dns_servers_free(s);
	/* Somebody who configures it means it. */
	s = make(&(const char *){"127.0.0.53"}, 1, NULL, 0);
	assert_false(dns_servers_want_file(s));
	assert_false(dns_servers_only_stub(s));
	dns_servers_free(s);
}

static void
any_bytes_are_harmless(void **state)
{
	uint64_t seed = 7;

	(void)state;
	struct dns_servers *s = make(NULL, 0, NULL, 0);
	for (unsigned i = 0; i < 20000; i++) {
		char text[64];
		size_t n = 0;

		for (; n < sizeof(text) - 1; n++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[n] = "nameserver 1.:\n\t%f"[(seed >> 33) % 18];
			if ((seed >> 60) == 0)
				break;
		}
		text[n] = '\0';
		read_file(s, text);
		struct name name = name_of("a.example");
		struct dns_server e;
		assert_true(dns_servers_pick(s, &name, 0, 0, &e));
	}
	dns_servers_free(s);
}

/* --- what the operator wrote -------------------------------------------------------------------------------- */

static void
addresses_and_ports(void **state)
{
	static const char *const servers[] = {"192.0.2.1", "192.0.2.2:5353", "[2001:db8::1]:54", "[::1]",
					      "::2"};
	struct dns_servers *s = make(servers, 5, NULL, 0);

	(void)state;
	expect(s, 0, "192.0.2.1:53");
	expect(s, 1, "192.0.2.2:5353");
	expect(s, 2, "2001:db8::1:54");
	expect(s, 3, "::1:53");
	expect(s, 4, "::2:53");
	no_more(s, "a.example", 5, 0);
	dns_servers_free(s);
}

static void
over_tls(void **state)
{
	static const char *const servers[] = {"tls://9.9.9.9#dns.Quad9.net", "tls://192.0.2.1:8853",
					      "tls://[2620:fe::fe]#dns.quad9.net", "192.0.2.2"};
	static const struct {
		const char *at, *name; /* name NULL: in the clear */
	} want[] = {{"9.9.9.9:853", "dns.quad9.net"},
		    {"192.0.2.1:8853", ""},
		    {"2620:fe::fe:853", "dns.quad9.net"},
		    {"192.0.2.2:53", NULL}};
	struct dns_servers *s = make(servers, 4, NULL, 0);
	struct name asked = name_of("a.example"), name;
	struct dns_server is;
	char text[NAME_TEXT];

	(void)state;
	assert_true(dns_servers_any_tls(s));
	for (unsigned i = 0; i < 4; i++) {
		expect(s, i, want[i].at);
		assert_true(dns_servers_pick(s, &asked, i, 0, &is));
		assert_int_equal(is.tls, want[i].name != NULL);
		if (want[i].name && want[i].name[0])
			assert_string_equal(name_text(&is.name, text), want[i].name);
		else
			assert_int_equal(is.name.len, 0);
	}
	/* A server is its address, how it is asked, and its name: what is known of one is not said of the other. */
	name = name_of("dns.quad9.net");
	is = (struct dns_server){.at = {addr_v4(0x09090909), 853}, .tls = true, .name = name};
	for (usec_t i = 0; i < 3; i++)
		dns_servers_lost(s, &is, i);
	expect_for(s, "a.example", 0, 3, "192.0.2.1:8853");
	is = (struct dns_server){.at = {addr_v4(0xc0000201), 8853}};
	for (usec_t i = 0; i < 3; i++)
		dns_servers_lost(s, &is, i);
	expect_for(s, "a.example", 0, 3, "192.0.2.1:8853");
	dns_servers_free(s);
	s = make(&servers[3], 1,
		 (const char *const[]){"corp.example=10.0.0.1,tls://10.0.0.2#dns.corp.example"}, 1);
	assert_true(dns_servers_any_tls(s));
	expect_for(s, "corp.example", 1, 0, "10.0.0.2:853");
	dns_servers_free(s);
	s = make(&servers[3], 1, NULL, 0);
	assert_false(dns_servers_any_tls(s));
	dns_servers_free(s);
}

static void
what_is_no_server_is_told(void **state)
{
	static const char *const bad[] = {
	    "",
	    "dns.example",
	    "192.0.2.1:",
	    "192.0.2.1:0",
	    "192.0.2.1:65536",
	    "192.0.2.1:5a",
	    "[::1",
	    "[::1]x",
	    "[::1]:",
	    "[192.0.2.1]:53",
	    "::ffff:192.0.2.1",
	    "0.0.0.0",
	    "::",
	    "224.0.0.251",
	    "255.255.255.255",
	    "fe80::1%eth0",
	    "ff02::fb",
	    "1.2.3.4.5",
	    "tls://",
	    "tls://192.0.2.1#",
	    "tls://192.0.2.1#1.2.3.4",
	    "tls://dns.example",
	    "192.0.2.1#dns.example",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct diag_sink d = {.errors = 0};
		const char *const two[] = {bad[i], "192.0.2.300"};

		assert_null(dns_servers_new(two, 2, NULL, 0, &d));
		/* All that is wrong is told, not the first. */
		if (d.errors != 2)
			fail_msg("'%s': %u errors", bad[i], d.errors);
		if (bad[i][0])
			assert_non_null(strstr(d.first, bad[i]));
	}
}

static void
too_many_are_told(void **state)
{
	const char *many[DNS_SERVERS + 1], *routes[DNS_ROUTES + 1];
	struct diag_sink d = {.errors = 0};

	(void)state;
	for (size_t i = 0; i <= DNS_SERVERS; i++)
		many[i] = "192.0.2.1";
	for (size_t i = 0; i <= DNS_ROUTES; i++)
		routes[i] = "example=192.0.2.1";
	assert_null(dns_servers_new(many, DNS_SERVERS + 1, NULL, 0, &d));
	assert_non_null(strstr(d.first, "at most 8"));
	d = (struct diag_sink){.errors = 0};
	assert_null(dns_servers_new(NULL, 0, routes, DNS_ROUTES + 1, &d));
	assert_non_null(strstr(d.first, "at most 64"));
	d = (struct diag_sink){.errors = 0};
	assert_null(dns_servers_new(NULL, 0,
				    (const char *const[]){"a=1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
							  "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1"},
				    1, &d));
	assert_non_null(strstr(d.first, "at most 8"));
}

/* --- by suffix ---------------------------------------------------------------------------------------------- */

static void
the_longest_suffix_wins(void **state)
{
	static const char *const routes[] = {"corp.example=10.0.0.1,10.0.0.2:5353",
					     "*.lab.Corp.example.=[fd00::1]:53", "ple=10.0.0.9"};
	struct dns_servers *s = make(&(const char *){"192.0.2.1"}, 1, routes, 3);
	struct name n;

	(void)state;
	expect(s, 0, "192.0.2.1:53");
	expect_for(s, "corp.example", 0, 0, "10.0.0.1:53");
	expect_for(s, "www.corp.example", 1, 0, "10.0.0.2:5353");
	expect_for(s, "lab.corp.example", 0, 0, "fd00::1:53");
	expect_for(s, "a.lab.corp.example", 0, 0, "fd00::1:53");
	/* On a label's boundary, and nobody else is asked. */
	expect_for(s, "notcorp.example", 0, 0, "192.0.2.1:53");
	no_more(s, "a.lab.corp.example", 1, 0);
	n = name_of("a.lab.corp.example");
	assert_true(dns_servers_routed(s, &n));
	n = name_of("example");
	assert_false(dns_servers_routed(s, &n));
	dns_servers_free(s);
}

static void
what_is_no_route_is_told(void **state)
{
	static const char *const bad[] = {"corp.example",
					  "=192.0.2.1",
					  "corp.example=",
					  "a..b=192.0.2.1",
					  "corp.example=192.0.2.1,",
					  "co rp=192.0.2.1",
					  "corp=dns.example"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct diag_sink d = {.errors = 0};

		if (dns_servers_new(NULL, 0, &bad[i], 1, &d) || d.errors == 0)
			fail_msg("'%s' is taken for a route", bad[i]);
	}
	struct diag_sink d = {.errors = 0};
	static const char *const twice[] = {"corp.example=192.0.2.1", "*.CORP.example=192.0.2.2"};
	assert_null(dns_servers_new(NULL, 0, twice, 2, &d));
	assert_int_equal(d.errors, 1);
}

/* --- the dead ----------------------------------------------------------------------------------------------- */

static void
three_in_a_row_are_death(void **state)
{
	static const char *const servers[] = {"192.0.2.1", "192.0.2.2"};
	static const char *const routes[] = {"corp.example=192.0.2.1,192.0.2.3"};
	struct dns_servers *s = make(servers, 2, routes, 1);
	struct dns_server one = at("192.0.2.1", 53), two = at("192.0.2.2", 53);

	(void)state;
	for (usec_t i = 0; i < 2; i++)
		dns_servers_lost(s, &one, i);
	dns_servers_answered(s, &one);
	for (usec_t i = 2; i < 4; i++)
		dns_servers_lost(s, &one, i);
	expect_for(s, "a.example", 0, 4, "192.0.2.1:53");
	dns_servers_lost(s, &one, 4);
	expect_for(s, "a.example", 0, 5, "192.0.2.2:53");
	expect_for(s, "a.example", 1, 5, "192.0.2.1:53");
	no_more(s, "a.example", 2, 5);
	/* In every row where it stands. */
	expect_for(s, "corp.example", 0, 5, "192.0.2.3:53");
	/* All dead: in their order. */
	for (usec_t i = 0; i < 3; i++)
		dns_servers_lost(s, &two, 5);
	expect_for(s, "a.example", 0, 6, "192.0.2.1:53");
	expect_for(s, "a.example", 1, 6, "192.0.2.2:53");
	/* Another chance after a while; one more loss is enough then. */
	expect_for(s, "corp.example", 0, 4 + DNS_BAD_FOR, "192.0.2.1:53");
	dns_servers_lost(s, &one, 4 + DNS_BAD_FOR);
	expect_for(s, "corp.example", 0, 5 + DNS_BAD_FOR, "192.0.2.3:53");
	/* An answer brings it back. */
	dns_servers_answered(s, &one);
	expect_for(s, "corp.example", 0, 5 + DNS_BAD_FOR, "192.0.2.1:53");
	/* Of strangers nothing is kept. */
	struct dns_server stranger = at("192.0.2.9", 53);
	dns_servers_lost(s, &stranger, 0);
	dns_servers_answered(s, &stranger);
	dns_servers_free(s);
}

static void
a_new_file_keeps_what_is_known(void **state)
{
	struct dns_servers *s = parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\n");
	struct dns_server one = at("10.0.0.1", 53);

	(void)state;
	for (usec_t i = 0; i < 3; i++)
		dns_servers_lost(s, &one, 0);
	read_file(s, "nameserver 10.0.0.1\nnameserver 10.0.0.3\n");
	expect(s, 0, "10.0.0.3:53");
	expect(s, 1, "10.0.0.1:53");
	dns_servers_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(servers_in_order),          cmocka_unit_test(odd_lines_are_passed_over),
	    cmocka_unit_test(nothing_means_this_host),   cmocka_unit_test(more_than_fit_are_not_read),
	    cmocka_unit_test(the_stub_is_known),         cmocka_unit_test(any_bytes_are_harmless),
	    cmocka_unit_test(addresses_and_ports),       cmocka_unit_test(over_tls),
	    cmocka_unit_test(what_is_no_server_is_told), cmocka_unit_test(too_many_are_told),
	    cmocka_unit_test(the_longest_suffix_wins),   cmocka_unit_test(what_is_no_route_is_told),
	    cmocka_unit_test(three_in_a_row_are_death),  cmocka_unit_test(a_new_file_keeps_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
