/*
 * options_test.c - the options of a gateway as text: the words, what they become, and what a refusal says
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/option_values.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- words ----------------------------------------------------------------------------------------- */

static void
numbers_are_plain_decimals_in_range(void **state)
{
	static const char *const bad[] = {
	    "", "-1", "+1", " 1", "1 ", "1x", "0x10", "65536", "0", "1e3", "99999999999999999999"};
	uint64_t n = 7;

	(void)state;
	assert_true(option_number("65535", 1, 65535, &n) && n == 65535);
	assert_true(option_number("007", 1, 65535, &n) && n == 7);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(option_number(bad[i], 1, 65535, &n));
	assert_int_equal(n, 7); /* a refusal leaves the value alone */
}

static void
addresses_and_prefixes(void **state)
{
	static const char *const bad[] = {"",      "10.0.2", "10.0.2.256", "10.0.2.2 ",       "fe80::1%eth0",
					  "[::1]", ":::",    "localhost",  "::ffff:10.0.2.2", "010.0.0.1"};
	static const char *const bad_prefix[] = {"10.0.2.15",   "10.0.2.15/", "10.0.2.15/0",   "10.0.2.15/33",
						 "fd00::1/129", "/24",        "10.0.2.15/24x", "x/24"};
	struct addr a;
	unsigned plen;

	(void)state;
	assert_true(option_address("10.0.2.2", &a) && addr_is_v4(&a));
	assert_true(option_address("fd73:6c75:6963:65::2", &a) && !addr_is_v4(&a));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(option_address(bad[i], &a));
	assert_true(option_prefix("10.0.2.15/24", &a, &plen) && plen == 24);
	assert_true(option_prefix("fd00::1/128", &a, &plen) && plen == 128);
	for (size_t i = 0; i < COUNT(bad_prefix); i++)
		assert_false(option_prefix(bad_prefix[i], &a, &plen));
}

static void
domains(void **state)
{
	static const char *const good[] = {"a", "lab.example", "_tcp.x", "x-1.y", "xn--bcher-kva.example"};
	static const char *const bad[] = {"",   ".",    "a.",  ".a",  "a..b",       "-a",
					  "a-", "a.-b", "a b", "a/b", "b\303\274r", "a\n"};
	char label[300];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(option_domain(good[i], 253));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(option_domain(bad[i], 253));
	memset(label, 'a', sizeof(label));
	label[63] = '\0';
	assert_true(option_domain(label, 253));
	assert_false(option_domain(label, 62));
	label[63] = 'a';
	label[64] = '\0';
	assert_false(option_domain(label, 253)); /* no label is longer than 63 */
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
		assert_true(option_size(rows[i].text, &n));
		assert_true(n == rows[i].bytes);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(option_size(bad[i], &n));
}

static void
nameservers(void **state)
{
	static const char *const good[] = {"192.0.2.1",
					   "192.0.2.1:53",
					   "::1",
					   "[::1]",
					   "[2001:db8::1]:5353",
					   "tls://192.0.2.1",
					   "tls://192.0.2.1#dns.example",
					   "tls://[2001:db8::1]:8853#dns.example",
					   "tls://2001:db8::1#dns.example"};
	static const char *const bad[] = {"",
					  "192.0.2.1:",
					  "192.0.2.1:0",
					  "192.0.2.1:65536",
					  "[::1",
					  "[::1]x",
					  "[::1]:",
					  "dns.example",
					  ":53",
					  "[192.0.2.1]:53",
					  "tls://",
					  "tls://dns.example",
					  "tls://192.0.2.1#",
					  "tls://192.0.2.1#192.0.2.1",
					  "tls://192.0.2.1#.",
					  "tls:192.0.2.1",
					  "192.0.2.1#dns.example",
					  "TLS://192.0.2.1",
					  "tls://192.0.2.1:0#dns.example",
					  "tls://192.0.2.1#a b"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (!option_nameserver(good[i]))
			fail_msg("'%s' is not taken for a nameserver", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (option_nameserver(bad[i]))
			fail_msg("'%s' is taken for a nameserver", bad[i]);
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
	assert_true(option_mac("52:54:00:aB:Cd:0f", mac));
	assert_memory_equal(mac, ((const uint8_t[]){0x52, 0x54, 0x00, 0xab, 0xcd, 0x0f}), 6);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(option_mac(bad[i], mac));
}

static void
published_ports(void **state)
{
	static const struct {
		const char *text;
		struct option_publish want;
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
	struct option_publish p;
	char why[512] = "";
	struct setup su = {why, sizeof(why)};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(option_publish(&su, rows[i].text, &p));
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
	struct option_publish p;
	char why[512] = "";
	struct setup su = {why, sizeof(why)};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(option_publish(&su, rows[i].text, &p));
		assert_non_null(strstr(why, rows[i].text));
		assert_non_null(strstr(why, rows[i].why));
	}
}

/* --- options --------------------------------------------------------------------------------------- */

static struct sluice_options *o;
static struct sluice_config cfg;
static char err[512];

static int
begin(void **state)
{
	(void)state;
	o = sluice_options_new();
	err[0] = '\0';
	return o ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	sluice_options_free(o);
	return 0;
}

static int
take(const char *arg, const char *next)
{
	return sluice_options_take(o, arg, next, err, sizeof(err));
}

/* What the options make of a config. */
static void
apply(void)
{
	sluice_config_init(&cfg);
	sluice_options_apply(o, &cfg);
}

static void
each_way_to_write_one(void **state)
{
	(void)state;
	assert_int_equal(take("--mtu", "1400"), 2);
	assert_int_equal(take("--mtu=1400", "x"), 1);
	assert_int_equal(take("--no-ipv6", "x"), 1);
	assert_int_equal(take("-p", "80"), 2);
	assert_int_equal(take("-p81", "80"), 1);
	assert_int_equal(take("--publish=82", NULL), 1);
	apply();
	assert_int_equal(cfg.npublish, 3);
	assert_int_equal(cfg.publish[1].host_first, 81);
	static const char *const foreign[] = {"", "-", "--", "x", "mtu", "--mt", "--mtus", "-v", "--verbose"};
	for (size_t i = 0; i < COUNT(foreign); i++)
		assert_int_equal(take(foreign[i], "1"), 0);
}

static void
all_of_them_reach_the_config(void **state)
{
	static const char *const args[][2] = {
	    {"--publish", "[::1]:53-54:1053/udp"},
	    {"--mtu", "9000"},
	    {"--guest", "10.1.0.5/16"},
	    {"--gateway", "10.1.0.1"},
	    {"--dns", "10.1.0.9"},
	    {"--guest", "fd00::5/48"},
	    {"--gateway", "fd00::1"},
	    {"--dns", "fd00:0:0::9"},
	    {"--nameserver", "192.0.2.1"},
	    {"--nameserver", "[::1]:5353"},
	    {"--mac", "52:54:00:00:00:01"},
	    {"--max-tcp", "16384"},
	    {"--max-udp", "5"},
	    {"--max-flow-rate", "50"},
	    {"--memory", "64M"},
	    {"--hostname", "box.lab"},
	    {"--search", "lab.example"},
	    {"--search", "example"},
	    {"--rule", "allow to @host"},
	    {"-r", "  deny tcp/25 to @any "},
	    {"--profile", "public,host"},
	    {"--profile", "host,private"},
	    {"--dns-route", "corp.example=192.0.2.1,[::1]:5353"},
	    {"--host", "db.example=192.0.2.7,2001:db8::7"},
	    {"--rebind-allow", "*.lan.example"},
	    {"--dns-timeout", "1.25s"},
	    {"--dns-cache", "7"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(args); i++)
		assert_int_equal(take(args[i][0], args[i][1]), 2);
	assert_int_equal(take("--udp-endpoint-independent", NULL), 1);
	assert_int_equal(take("--no-dhcp", NULL), 1);
	apply();
	assert_int_equal(cfg.npublish, 1);
	assert_string_equal(cfg.publish[0].bind, "::1");
	assert_int_equal(cfg.publish[0].host_last, 54);
	assert_int_equal(cfg.publish[0].guest_first, 1053);
	assert_true(cfg.publish[0].udp);
	assert_int_equal(cfg.mtu, 9000);
	assert_string_equal(cfg.ipv4.guest, "10.1.0.5/16");
	assert_string_equal(cfg.ipv4.gateway, "10.1.0.1");
	assert_string_equal(cfg.ipv4.dns, "10.1.0.9");
	assert_string_equal(cfg.ipv6.guest, "fd00::5/48");
	assert_string_equal(cfg.ipv6.gateway, "fd00::1");
	assert_string_equal(cfg.ipv6.dns, "fd00::9");
	assert_int_equal(cfg.nnameservers, 2);
	assert_string_equal(cfg.nameservers[1], "[::1]:5353");
	assert_int_equal(cfg.guest_mac[5], 1);
	assert_int_equal(cfg.max_tcp, 16384);
	assert_int_equal(cfg.max_udp, 5);
	assert_int_equal(cfg.max_flow_rate, 50);
	assert_int_equal(cfg.memory, 64 << 20);
	assert_string_equal(cfg.hostname, "box.lab");
	assert_int_equal(cfg.nsearch, 2);
	assert_string_equal(cfg.search[1], "example");
	assert_true(cfg.udp_endpoint_independent && cfg.no_dhcp);
	assert_int_equal(cfg.nrules, 2);
	assert_string_equal(cfg.rules[0].text, "allow to @host");
	assert_string_equal(cfg.rules[1].text, "deny tcp/25 to @any ");
	assert_null(cfg.rules[0].file);
	assert_string_equal(cfg.profiles, "public,host,private");
	assert_int_equal(cfg.ndns_routes, 1);
	assert_int_equal(cfg.nhosts, 1);
	assert_string_equal(cfg.rebind_allow[0], "*.lan.example");
	assert_int_equal(cfg.dns_timeout, 1250000);
	assert_int_equal(cfg.dns_cache, 7);
	assert_false(cfg.keep_flows || cfg.no_rebind_protection || cfg.no_status_page);
	assert_int_equal(take("--keep-flows", NULL), 1);
	assert_int_equal(take("--no-rebind-protection", NULL), 1);
	assert_int_equal(take("--no-status-page", NULL), 1);
	assert_int_equal(take("--dns-cache=off", NULL), 1);
	apply();
	assert_true(cfg.keep_flows && cfg.no_rebind_protection && cfg.no_status_page);
	assert_true(cfg.dns_cache == UINT32_MAX);
}

static void
those_of_tls_do_too(void **state)
{
	static const char *const args[][2] = {
	    {"--intercept-port", "443,8443"},
	    {"--intercept-port", "9443"},
	    {"--tls-bypass", "*.bank.example"},
	    {"--ca", "dir"},
	    {"--tls-roots", "roots.pem"},
	    {"--tls-extra-roots", "a.pem"},
	    {"--tls-extra-roots", "b.pem"},
	    {"--tls-host-roots", "git.example=corp.pem"},
	    {"--tls-no-verify", "git.example"},
	    {"--tls-certificate", "*.example=cert.pem,key.pem"},
	    {"--tls-min", "1.2"},
	    {"--max-intercepted", "12"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(args); i++)
		assert_int_equal(take(args[i][0], args[i][1]), 2);
	apply();
	assert_int_equal(cfg.nintercept_ports, 3);
	assert_int_equal(cfg.intercept_ports[2], 9443);
	assert_string_equal(cfg.intercept_bypass[0], "*.bank.example");
	assert_string_equal(cfg.ca_dir, "dir");
	assert_string_equal(cfg.tls_roots, "roots.pem");
	assert_string_equal(cfg.tls_extra_roots[1], "b.pem");
	assert_int_equal(cfg.ntls_hosts, 2);
	assert_string_equal(cfg.tls_hosts[0].roots, "corp.pem");
	assert_true(cfg.tls_hosts[0].no_verify && !cfg.tls_hosts[1].no_verify);
	assert_string_equal(cfg.tls_hosts[1].certificate, "cert.pem");
	assert_string_equal(cfg.tls_hosts[1].key, "key.pem");
	assert_int_equal(cfg.intercept_max, 12);
	assert_false(cfg.intercept || cfg.tls_only_13 || cfg.request_log);
	assert_int_equal(take("--intercept", NULL), 1);
	assert_int_equal(take("--request-log", NULL), 1);
	assert_int_equal(take("--tls-min=1.3", NULL), 1);
	apply();
	assert_true(cfg.intercept && cfg.tls_only_13 && cfg.request_log);
}

/* Where values come from is kept; they are read when asked for, and forgotten. */
static void
secrets_are_read_when_asked_for(void **state)
{
	err[0] = 0;

	(void)state;
	setenv("SLUICE_TEST_TOKEN", "a value of some length", 1);
	assert_int_equal(take("--secret", "TOKEN=env:SLUICE_TEST_TOKEN@api.example,*.b.example"), 2);
	assert_int_equal(take("--secret", "TOKEN=env:OTHER@api.example"), -1);
	assert_int_equal(take("--secret", "NOT A NAME=env:OTHER@api.example"), -1);
	apply();
	assert_int_equal(cfg.nsecrets, 1);
	assert_null(cfg.secrets[0].value);
	assert_non_null(getenv("SLUICE_TEST_TOKEN"));
	assert_int_equal(sluice_options_secrets(o, NULL, NULL, err, sizeof(err)), 0);
	assert_null(getenv("SLUICE_TEST_TOKEN"));
	assert_int_equal(cfg.secrets[0].value_len, 22);
	assert_memory_equal(cfg.secrets[0].value, "a value of some length", 22);
	sluice_options_forget(o);
	assert_null(cfg.secrets[0].value);
	/* It is gone from there. */
	assert_int_equal(sluice_options_secrets(o, NULL, NULL, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "SLUICE_TEST_TOKEN"));
}

static void
times_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = {{"0s", 0},    {"4500ms", 4500}, {"4.5s", 4500},
		    {"4s", 4000}, {"0.001s", 1},    {"1.02s", 1020}};
	static const char *const bad[] = {"",    "4",  "s",     "4 s", "4.s", "4.1234s",
					  "-1s", "4m", "4.5ms", "4sx", ".5s"};
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(option_duration(rows[i].text, &ms));
		assert_int_equal(ms, rows[i].ms);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(option_duration(bad[i], &ms));
}

/* --- files of rules -------------------------------------------------------------------------------- */

static char path[64];

static void
write_file(const char *name, const char *text)
{
	snprintf(path, sizeof(path), "/tmp/sluice_options_%d%s", (int)getpid(), name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
a_rule_is(size_t n, const char *text, unsigned line, unsigned column)
{
	assert_true(n < cfg.nrules);
	assert_string_equal(cfg.rules[n].text, text);
	assert_string_equal(cfg.rules[n].file, path);
	assert_int_equal(cfg.rules[n].line, line);
	assert_int_equal(cfg.rules[n].column, column);
}

static void
rules_from_a_file_have_their_places(void **state)
{
	(void)state;
	write_file(".rules",
		   "# a comment\r\n\n  allow to @host # this machine\r\n"
		   "deny to 192.0.2.1 \"no # comment\"\n\tdrop udp to x#y.example\n \t \n#\nallow to @any");
	assert_int_equal(take("--policy", path), 2);
	apply();
	assert_int_equal(cfg.nrules, 4);
	a_rule_is(0, "allow to @host", 3, 3);
	a_rule_is(1, "deny to 192.0.2.1 \"no # comment\"", 4, 1);
	a_rule_is(2, "drop udp to x#y.example", 5, 2);
	a_rule_is(3, "allow to @any", 8, 1);
	assert_int_equal(cfg.nfloor, 0);
	assert_null(cfg.floor_profiles);
	unlink(path);
}

/* A floor that says nothing allows nothing; one that cannot be read is no reason to go on without. */
static void
a_floor_is_never_lost(void **state)
{
	(void)state;
	write_file(".floor", "# nothing yet\n");
	assert_int_equal(take("--floor", path), 2);
	apply();
	assert_int_equal(cfg.nfloor, 0);
	assert_string_equal(cfg.floor_profiles, "none");
	unlink(path);
	assert_int_equal(take("--floor", path), -1);
	assert_non_null(strstr(err, "No such file"));
	assert_int_equal(take("--floor", "/tmp"), -1);
	assert_non_null(strstr(err, "Is a directory"));
	assert_int_equal(take("--policy", ""), -1);
}

/* What microsandbox writes becomes rules of ours, with its defaults at the end. */
static void
a_policy_of_microsandbox(void **state)
{
	(void)state;
	write_file(".json",
		   "{\"default_egress\": \"deny\", \"default_ingress\": \"allow\", \"rules\": [\n"
		   "{\"direction\": \"egress\", \"destination\": {\"domain_suffix\": \"github.com\"},\n"
		   " \"protocols\": [\"tcp\"], \"ports\": [{\"start\": 443, \"end\": 443}], "
		   "\"action\": \"allow\"},\n"
		   "{\"direction\": \"any\", \"destination\": {\"cidr\": \"10.0.0.0/8\"}, \"action\": "
		   "\"deny\"},\n"
		   "{\"direction\": \"egress\", \"destination\": {\"domain\": \"public\"}, \"action\": "
		   "\"allow\"}\n]}\n");
	int r = take("--policy", path);
	if (r != 2)
		fail_msg("%s", err);
	apply();
	assert_int_equal(cfg.nrules, 6);
	assert_string_equal(cfg.rules[0].text, "allow tcp/443 to *.github.com");
	assert_string_equal(cfg.rules[1].text, "deny to 10.0.0.0/8");
	assert_string_equal(cfg.rules[2].text, "deny ingress from 10.0.0.0/8");
	assert_string_equal(cfg.rules[3].text, "allow to public."); /* a host, not the group */
	assert_string_equal(cfg.rules[4].text, "deny to @any \"default_egress\"");
	assert_string_equal(cfg.rules[5].text, "allow ingress from @any \"default_ingress\"");
	assert_int_equal(cfg.rules[0].line, 2);
	/* And it is one that can be built. */
	if (sluice_check(&cfg, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	unlink(path);
	write_file(".json", "{\"rules\": 5}");
	assert_int_equal(take("--policy", path), -1);
	assert_non_null(strstr(err, path));
	unlink(path);
}

/* What was not given stays the program's own. */
static void
what_is_not_given_is_left_alone(void **state)
{
	(void)state;
	sluice_config_init(&cfg);
	struct sluice_config before = cfg;
	sluice_options_apply(o, &cfg);
	assert_memory_equal(&before, &cfg, sizeof(cfg));
	cfg.mtu = 4000;
	cfg.hostname = "mine";
	cfg.ipv6.off = true;
	assert_int_equal(take("--no-ipv4", NULL), 1);
	sluice_options_apply(o, &cfg);
	assert_int_equal(cfg.mtu, 4000);
	assert_string_equal(cfg.hostname, "mine");
	assert_true(cfg.ipv4.off && cfg.ipv6.off);
}

static void
mistakes_are_named(void **state)
{
	static const struct {
		const char *arg, *next, *why;
	} rows[] = {
	    {"--mtu", NULL, "needs a value"},
	    {"--mtu", "1279", "1280 to 65520"},
	    {"--no-ipv4=1", NULL, "no value"},
	    {"--guest", "10.0.0.1", "ADDR/PLEN"},
	    {"--gateway", "nowhere", "fd00::2"},
	    {"--dns", "::ffff:1.2.3.4", "10.0.2.3"},
	    {"--nameserver", "dns.example", "192.0.2.1"},
	    {"--nameserver", "192.0.2.1:00000000000000053000000000000000000000000000000000000053",
	     "192.0.2.1:5353"},
	    {"--mac", "01:00:00:00:00:00", "52:54:00"},
	    {"--max-tcp", "0", "from 1"},
	    {"--max-udp", "many", "from 1"},
	    {"--max-flow-rate", "0", "from 1"},
	    {"--memory", "5", "128M"},
	    {"--hostname", "-x", "letters"},
	    {"--hostname", "a234567890123456789012345678901234567890123456789012345678901234", "63"},
	    {"--search", "a b", "lab.example"},
	    {"-p", "99999", "65535"},
	    {"-r", "", "is empty"},
	    {"--profile", "office", "public, private"},
	    {"--profile", "public,", "public, private"},
	    {"--dns-route", "a b=192.0.2.1", "SUFFIX=ADDR"},
	    {"--dns-route", "a=b", "ADDR[:PORT]"},
	    {"--dns-route", "a=::1,::1,::1,::1,::1,::1,::1,::1,::1", "more than 8"},
	    {"--host", "a", "NAME=ADDR"},
	    {"--host", "a=192.0.2.1:5", "not an address"},
	    {"--host", ".=192.0.2.1", "NAME=ADDR"},
	    {"--rebind-allow", "*", "*.lan.example"},
	    {"--dns-timeout", "99ms", "100ms to 30s"},
	    {"--dns-cache", "1048577", "1048576"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(take(rows[i].arg, rows[i].next), -1);
		assert_non_null(strstr(err, rows[i].next ? rows[i].next : rows[i].arg));
		assert_non_null(strstr(err, rows[i].why));
	}
	/* Also where nobody wants to hear it; and never with what plays with a terminal. */
	assert_int_equal(sluice_options_take(o, "--mtu", "x", NULL, 0), -1);
	assert_int_equal(take("--mtu", "\033[31m\n"), -1);
	assert_non_null(strstr(err, "?[31m?"));
}

static void
contradictions_are_named(void **state)
{
	(void)state;
	assert_int_equal(take("--guest", "10.0.0.1/24"), 2);
	assert_int_equal(take("--guest", "10.0.0.2/24"), -1);
	assert_non_null(strstr(err, "10.0.0.1/24"));
	assert_int_equal(take("--no-ipv4", NULL), -1);
	assert_non_null(strstr(err, "leave one of them out"));
	assert_int_equal(take("--no-ipv6", NULL), 1);
	assert_int_equal(take("--dns", "fd00::1"), -1);
	assert_non_null(strstr(err, "leave one of them out"));
}

static void
nobody_is_left_without_a_network(void **state)
{
	(void)state;
	assert_int_equal(take("--no-ipv6", NULL), 1);
	assert_int_equal(take("--no-ipv4", NULL), -1);
	assert_non_null(strstr(err, "no network"));
}

static void
too_many_are_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++)
		assert_int_equal(take("-p80", NULL), 1);
	assert_int_equal(take("-p80", NULL), -1);
	assert_non_null(strstr(err, "ranges"));
	for (int i = 0; i < 8; i++)
		assert_int_equal(take("--nameserver", "::1"), 2);
	assert_int_equal(take("--nameserver", "::1"), -1);
	for (int i = 0; i < SLUICE_SEARCH_MAX; i++)
		assert_int_equal(take("--search", "x"), 2);
	assert_int_equal(take("--search", "x"), -1);
	assert_non_null(strstr(err, "6"));
}

/* An exact-size text: nothing behind it is read. */
static void
texts_end_where_they_end(void **state)
{
	static const char *const values[] = {"8080",     "[::1]:1-2:3/udp",   "10.0.0.1/24", "fd00::1",
					     "[::1]:53", "52:54:00:00:00:01", "128M",        "lab.example"};
	static const char *const names[] = {"publish", "mtu",      "guest",  "gateway", "dns",   "nameserver",
					    "mac",     "hostname", "search", "max-tcp", "memory"};

	(void)state;
	for (size_t n = 0; n < COUNT(names); n++)
		for (size_t i = 0; i < COUNT(values); i++)
			for (size_t cut = 0; cut <= strlen(values[i]); cut++) {
				size_t len = 2 + strlen(names[n]) + 1;
				char *arg = malloc(len + cut + 1);
				assert_non_null(arg);
				sprintf(arg, "--%s=%.*s", names[n], (int)cut, values[i]);
				int r = take(arg, NULL);
				assert_true(r == 1 || r == -1);
				free(arg);
			}
}

/* --help is of the same table: each option is there, in columns, and no line is longer than a terminal. */
static void
help_has_them_all(void **state)
{
	static const char *const names[] = {"-p, --publish SPEC", "--mtu N",       "--guest ADDR/PLEN",
					    "--nameserver ADDR",  "--no-dhcp",     "--hostname NAME",
					    "--search DOMAIN",    "--memory BYTES"};
	const char *help = sluice_options_help();

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_non_null(strstr(help, names[i]));
	for (const char *line = help; *line; line += strcspn(line, "\n") + 1) {
		assert_true(strcspn(line, "\n") <= 100);
		assert_non_null(strchr(line, '\n'));
		if (strspn(line, " ") == 28)
			continue; /* goes on */
		assert_int_equal(strcspn(line, "-"), line[2] == '-' ? 2 : 6);
		char name[64] = "";
		sscanf(strstr(line, "--"), "%63[^ \n]", name);
		assert_true(take(name, "") != 0); /* and each of them is taken */
	}
}

/* --- the network that follows ---------------------------------------------------------------------- */

static void
own_addresses_follow_the_guest(void **state)
{
	static const struct {
		struct sluice_net net;
		const char *gateway, *dns;
	} rows[] = {
	    {{.guest = NULL}, "10.0.2.2", "10.0.2.3"},
	    {{.guest = "192.168.7.5/24"}, "192.168.7.2", "192.168.7.3"},
	    {{.guest = "192.168.7.2/24"}, "192.168.7.3", "192.168.7.4"},
	    {{.guest = "192.168.7.3/24"}, "192.168.7.2", "192.168.7.4"},
	    {{.guest = "192.168.7.130/25"}, "192.168.7.131", "192.168.7.132"},
	    {{.guest = "172.16.9.9/12"}, "172.16.0.2", "172.16.0.3"},
	    {{.guest = "10.1.1.1/30", .dns = "9.9.9.9"}, "10.1.1.2", "9.9.9.9"},
	    {{.gateway = "10.0.2.3"}, "10.0.2.3", "10.0.2.2"},
	    {{.dns = "10.0.2.2"}, "10.0.2.3", "10.0.2.2"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sluice_guest g = {.size = sizeof(g)};
		sluice_config_init(&cfg);
		cfg.ipv4 = rows[i].net;
		assert_int_equal(sluice_guest_info(&cfg, &g, err, sizeof(err)), 0);
		assert_string_equal(g.ipv4.gateway, rows[i].gateway);
		assert_string_equal(g.ipv4.dns, rows[i].dns);
	}
	struct sluice_guest g = {.size = sizeof(g)};
	sluice_config_init(&cfg);
	cfg.ipv6.guest = "fd00:1::2/64";
	assert_int_equal(sluice_guest_info(&cfg, &g, err, sizeof(err)), 0);
	assert_string_equal(g.ipv6.gateway, "fd00:1::3");
	assert_string_equal(g.ipv6.dns, "fd00:1::4");
}

static void
networks_that_cannot_be(void **state)
{
	static const struct {
		struct sluice_net net;
		const char *value;
	} rows[] = {
	    {{.guest = "10.1.1.1/30"}, "10.1.1.1/30"},
	    {{.guest = "10.1.1.1/31"}, "10.1.1.1/31"},
	    {{.guest = "10.1.1.1/32"}, "10.1.1.1/32"},
	    {{.guest = "10.1.1.0/24"}, "10.1.1.0/24"},
	    {{.guest = "10.1.1.255/24"}, "10.1.1.255/24"},
	    {{.guest = "127.0.0.1/8"}, "127.0.0.1/8"},
	    {{.guest = "224.0.0.1/4"}, "224.0.0.1/4"},
	    {{.guest = "fd00::1/64"}, "fd00::1/64"},
	    {{.guest = "10.0.2.15"}, "10.0.2.15"},
	    {{.guest = "10.0.2.15/024x"}, "10.0.2.15/024x"},
	    {{.gateway = "10.0.3.2"}, "10.0.2.15/24"},
	    {{.gateway = "10.0.2.255"}, "10.0.2.255"},
	    {{.gateway = "fd00::2"}, "fd00::2"},
	    {{.gateway = "10.0.2.15"}, "10.0.2.15"},
	    {{.gateway = "10.0.2.3", .dns = "10.0.2.3"}, "10.0.2.3"},
	    {{.dns = "10.0.2.15"}, "10.0.2.15"},
	    {{.dns = "224.0.0.1"}, "224.0.0.1"},
	    {{.dns = "10.0.2.0"}, "10.0.2.0"},
	};
	static const char *const bad6[] = {"fe80::1/64", "::1/64", "ff02::1/64", "::ffff:1.2.3.4/120",
					   "10.0.2.15/24"};

	(void)state;
	for (size_t i = 0; i < COUNT(rows) + COUNT(bad6); i++) {
		struct sluice_guest g = {.size = sizeof(g)};
		const char *value = i < COUNT(rows) ? rows[i].value : bad6[i - COUNT(rows)];
		sluice_config_init(&cfg);
		if (i < COUNT(rows))
			cfg.ipv4 = rows[i].net;
		else
			cfg.ipv6.guest = value;
		assert_int_equal(sluice_guest_info(&cfg, &g, err, sizeof(err)), -1);
		assert_non_null(strstr(err, value));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_plain_decimals_in_range),
	    cmocka_unit_test(sizes_have_binary_units),
	    cmocka_unit_test(addresses_and_prefixes),
	    cmocka_unit_test(nameservers),
	    cmocka_unit_test(macs_are_of_one_station),
	    cmocka_unit_test(domains),
	    cmocka_unit_test(published_ports),
	    cmocka_unit_test(wrong_published_ports_are_explained),
	    cmocka_unit_test_setup_teardown(each_way_to_write_one, begin, end),
	    cmocka_unit_test_setup_teardown(all_of_them_reach_the_config, begin, end),
	    cmocka_unit_test_setup_teardown(those_of_tls_do_too, begin, end),
	    cmocka_unit_test(times_have_units),
	    cmocka_unit_test_setup_teardown(secrets_are_read_when_asked_for, begin, end),
	    cmocka_unit_test_setup_teardown(rules_from_a_file_have_their_places, begin, end),
	    cmocka_unit_test_setup_teardown(a_floor_is_never_lost, begin, end),
	    cmocka_unit_test_setup_teardown(a_policy_of_microsandbox, begin, end),
	    cmocka_unit_test_setup_teardown(what_is_not_given_is_left_alone, begin, end),
	    cmocka_unit_test_setup_teardown(mistakes_are_named, begin, end),
	    cmocka_unit_test_setup_teardown(contradictions_are_named, begin, end),
	    cmocka_unit_test_setup_teardown(nobody_is_left_without_a_network, begin, end),
	    cmocka_unit_test_setup_teardown(too_many_are_refused, begin, end),
	    cmocka_unit_test_setup_teardown(texts_end_where_they_end, begin, end),
	    cmocka_unit_test_setup_teardown(help_has_them_all, begin, end),
	    cmocka_unit_test(own_addresses_follow_the_guest),
	    cmocka_unit_test(networks_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
