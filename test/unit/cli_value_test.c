/*
 * cli_value_test.c - the words a person types: what is taken, what is not, and what a refusal says
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/value.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
numbers_are_plain_decimals_in_range(void **state)
{
	static const char *const bad[] = {
	    "", "-1", "+1", " 1", "1 ", "1x", "0x10", "65536", "0", "1e3", "99999999999999999999"};
	uint64_t n = 7;

	(void)state;
	assert_true(value_number("1", 1, 65535, &n) && n == 1);
	assert_true(value_number("65535", 1, 65535, &n) && n == 65535);
	assert_true(value_number("007", 1, 65535, &n) && n == 7);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(value_number(bad[i], 1, 65535, &n));
	assert_int_equal(n, 7); /* a refusal leaves the value alone */
}

static void
sizes_have_binary_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
	    {"0", 0}, {"134217728", 134217728}, {"128M", 134217728}, {"1k", 1024}, {"2G", UINT64_C(2) << 30},
	};
	static const char *const bad[] = {"", "M", "1MM", "1MB", "1T", "-1", "99999999999G", "1 M"};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(value_size(rows[i].text, &n));
		assert_true(n == rows[i].bytes);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(value_size(bad[i], &n));
}

static void
addresses_and_prefixes(void **state)
{
	static const char *const bad[] = {"",      "10.0.2", "10.0.2.256", "10.0.2.2 ", "fe80::1%eth0",
					  "[::1]", ":::",    "localhost",  "010.0.0.1"};
	static const char *const bad_prefix[] = {"10.0.2.15",   "10.0.2.15/", "10.0.2.15/0",   "10.0.2.15/33",
						 "fd00::1/129", "/24",        "10.0.2.15/24x", "x/24"};
	struct address a, b;
	unsigned plen;
	char text[VALUE_ADDRESS_TEXT];

	(void)state;
	assert_true(value_address("10.0.2.2", &a) && !a.v6);
	assert_true(value_address("fd73:6c75:6963:65::2", &b) && b.v6);
	value_address_text(&b, text);
	assert_string_equal(text, "fd73:6c75:6963:65::2");
	assert_false(value_address_equal(&a, &b));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(value_address(bad[i], &a));

	assert_true(value_prefix("10.0.2.15/24", &a, &plen) && plen == 24);
	assert_true(value_prefix("fd00::1/128", &a, &plen) && plen == 128 && a.v6);
	for (size_t i = 0; i < COUNT(bad_prefix); i++)
		assert_false(value_prefix(bad_prefix[i], &a, &plen));
}

static void
prefixes_hold_what_shares_their_bits(void **state)
{
	static const struct {
		const char *net, *address;
		bool inside;
	} rows[] = {
	    {"10.0.2.15/24", "10.0.2.255", true},       {"10.0.2.15/24", "10.0.3.15", false},
	    {"10.0.2.15/23", "10.0.3.15", true},        {"10.0.2.15/32", "10.0.2.15", true},
	    {"10.0.2.15/32", "10.0.2.14", false},       {"10.0.2.15/1", "127.0.0.1", true},
	    {"10.0.2.15/1", "128.0.0.1", false},        {"fd00::1/64", "fd00::ffff:0:0:1", true},
	    {"fd00::1/64", "fd00:0:0:1::1", false},     {"fd00::1/127", "fd00::", true},
	    {"fd00::1/127", "fd00::2", false},          {"fd00::1/1", "10.0.2.2", false},
	    {"10.0.2.15/24", "::ffff:10.0.2.2", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct address net, a;
		unsigned plen;
		assert_true(value_prefix(rows[i].net, &net, &plen) && value_address(rows[i].address, &a));
		assert_int_equal(value_in_prefix(&a, &net, plen), rows[i].inside);
	}
}

static void
endpoints(void **state)
{
	static const char *const good[] = {"192.0.2.1", "192.0.2.1:53", "::1", "[::1]", "[2001:db8::1]:5353"};
	static const char *const bad[] = {"",       "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "[::1",
					  "[::1]x", "[::1]:",     "dns.example", "[192.0.2.1]:53",  ":53"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(value_endpoint(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(value_endpoint(bad[i]));
}

static void
macs_are_of_one_station(void **state)
{
	static const char *const bad[] = {"",
					  "52:54:00:12:34",
					  "52:54:00:12:34:56:78",
					  "52-54-00-12-34-56",
					  "52:54:00:12:34:5g",
					  "5:54:00:12:34:560",
					  "01:00:5e:00:00:01",
					  "ff:ff:ff:ff:ff:ff",
					  "00:00:00:00:00:00"};
	uint8_t mac[6];

	(void)state;
	assert_true(value_mac("52:54:00:aB:Cd:0f", mac));
	assert_memory_equal(mac, ((const uint8_t[]){0x52, 0x54, 0x00, 0xab, 0xcd, 0x0f}), 6);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(value_mac(bad[i], mac));
}

static void
published_ports(void **state)
{
	static const struct {
		const char *text;
		struct value_publish want;
	} rows[] = {
	    {"8080", {"", 8080, 8080, 8080, false}},
	    {"8080:80", {"", 8080, 8080, 80, false}},
	    {"8000-8010", {"", 8000, 8010, 8000, false}},
	    {"8000-8010:9000", {"", 8000, 8010, 9000, false}},
	    {"53/udp", {"", 53, 53, 53, true}},
	    {"53/tcp", {"", 53, 53, 53, false}},
	    {"0.0.0.0:8080:80", {"0.0.0.0", 8080, 8080, 80, false}},
	    {"192.0.2.1:1-65535/udp", {"192.0.2.1", 1, 65535, 1, true}},
	    {"[::]:8080", {"::", 8080, 8080, 8080, false}},
	    {"[fd00::1]:8000-8001:80/udp", {"fd00::1", 8000, 8001, 80, true}},
	};
	struct value_publish p;
	struct failure f = {.text = ""};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(value_publish(rows[i].text, &p, &f), 0);
		assert_string_equal(p.bind, rows[i].want.bind);
		assert_int_equal(p.host_first, rows[i].want.host_first);
		assert_int_equal(p.host_last, rows[i].want.host_last);
		assert_int_equal(p.guest_first, rows[i].want.guest_first);
		assert_int_equal(p.udp, rows[i].want.udp);
	}
}

/* Each sentence names the whole value, and says what would have been right. */
static void
wrong_published_ports_are_explained(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"", "host port"},
	    {"0", "host port"},
	    {"65536", "host port"},
	    {"http", "host port"},
	    {"8080:", "guest port"},
	    {"8080:0", "guest port"},
	    {"8080:80:90", "in brackets"},
	    {"8010-8000", "8000-8010"},
	    {"8000-", "last port"},
	    {"8000-8010:65530", "pass 65535"},
	    {"8080:80x", "left over"},
	    {"8080/sctp", "neither"},
	    {"1.2.3:80", "not an address"},
	    {"1.2.3.4", "not an address"},
	    {"[::1]", "not an address"},
	    {"[::1:80", "not an address"},
	    {"[1.2.3.4]:80", "not an address"},
	    {"::1:8080:80", "in brackets"},
	    {"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:65535-65535:65535",
	     "too long"},
	};
	struct value_publish p;
	struct failure f = {.text = ""};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(value_publish(rows[i].text, &p, &f), -1);
		assert_non_null(strstr(f.text, rows[i].text));
		assert_non_null(strstr(f.text, rows[i].why));
	}
}

static void
links(void **state)
{
	static const struct {
		const char *text, *ifname, *netns;
		bool pid;
	} rows[] = {
	    {"tap:tap0", "tap0", NULL, false},
	    {"tap:abcdefghijklmno", "abcdefghijklmno", NULL, false},
	    {"tap:t@/run/netns/x", "t", "/run/netns/x", false},
	    {"tap:t@./ns@1", "t", "./ns@1", false},
	    {"tap:t@1234", "t", "1234", true},
	};
	static const char *const bad[] = {"",
					  "tap0",
					  "tap:",
					  "tap:abcdefghijklmnop",
					  "tap:a b",
					  "tap:a/b",
					  "tap:t%d",
					  "tap:.",
					  "tap:..",
					  "tap:t@",
					  "tap:t@x",
					  "tap:t@0",
					  "qemu:/tmp/s",
					  "tap:@/run/netns/x",
					  "tap:t@99999999999"};
	struct value_link l;
	struct failure f = {.text = ""};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(value_link(rows[i].text, &l, &f), 0);
		assert_string_equal(l.ifname, rows[i].ifname);
		assert_int_equal(l.netns_is_pid, rows[i].pid);
		if (rows[i].netns)
			assert_string_equal(l.netns, rows[i].netns);
		else
			assert_null(l.netns);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(value_link(bad[i], &l, &f), -1);
		assert_non_null(strstr(f.text, bad[i]));
	}
}

/* What was typed is quoted, but must not play with the terminal. */
static void
sentences_hold_no_control_characters(void **state)
{
	struct failure f = {.text = ""};

	(void)state;
	assert_int_equal(failed(&f, "%s", "a\033[31mb\nc\177"), -1);
	assert_string_equal(f.text, "a?[31mb?c?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_plain_decimals_in_range),
	    cmocka_unit_test(sizes_have_binary_units),
	    cmocka_unit_test(addresses_and_prefixes),
	    cmocka_unit_test(prefixes_hold_what_shares_their_bits),
	    cmocka_unit_test(endpoints),
	    cmocka_unit_test(macs_are_of_one_station),
	    cmocka_unit_test(published_ports),
	    cmocka_unit_test(wrong_published_ports_are_explained),
	    cmocka_unit_test(links),
	    cmocka_unit_test(sentences_hold_no_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
