/*
 * config_file_test.c - configuration files: what each key becomes, and everything wrong with one at once
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

#include "proxy/config_file.h"
#include "proxy/config_schema.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- a file system of a few files, and what was said ------------------------------------------------- */

static struct sluice_options *o;
static struct sluice_config cfg;
static char said[128][DIAG_TEXT];
static unsigned nsaid;

static const struct {
	const char *path, *text;
} files[] = {
    {"etc/more.rules", "# rules\nallow to 192.0.2.1\n\n  deny to \"#x\" @any # not this\r\n"},
    {"/abs/floor.rules", "allow tcp to @any\n"},
    {"etc/empty.rules", "\n# nothing\n"},
};

static char *
read_stub(void *ctx, const char *path, size_t *len, const char **why)
{
	(void)ctx;
	for (size_t i = 0; i < COUNT(files); i++)
		if (strcmp(files[i].path, path) == 0) {
			*len = strlen(files[i].text);
			return strdup(files[i].text);
		}
	*why = "No such file or directory";
	return NULL;
}

static void
listen(void *ctx, const struct diag *d)
{
	(void)ctx;
	if (nsaid < COUNT(said))
		snprintf(said[nsaid], sizeof(said[0]), "%s", d->text);
	nsaid++;
}

/* In a block of its exact size: nothing behind it is read. */
static bool
read_bytes(const char *text, size_t len)
{
	struct diag_sink d = {.told = listen};
	char *exact = malloc(len ? len : 1);

	assert_non_null(exact);
	memcpy(exact, text, len);
	sluice_options_free(o);
	o = sluice_options_new();
	assert_non_null(o);
	nsaid = 0;
	bool good = config_read(o, "etc/x.yaml", exact, len, read_stub, NULL, &d);
	free(exact);
	assert_int_equal(good, d.errors == 0);
	assert_int_equal(nsaid, d.errors + d.warnings);
	sluice_config_init(&cfg);
	sluice_options_apply(o, &cfg);
	return good;
}

static bool
reads(const char *text)
{
	return read_bytes(text, strlen(text));
}

static int
end(void **state)
{
	(void)state;
	sluice_options_free(o);
	o = NULL;
	return 0;
}

/* Exactly these sentences, in this order: each a beginning, and a part further on. */
struct sentence {
	const char *begin, *part;
};

static void
says(const char *text, const struct sentence *s, size_t n)
{
	assert_false(reads(text));
	for (size_t i = 0; i < n && i < nsaid; i++) {
		if (strncmp(said[i], s[i].begin, strlen(s[i].begin)) != 0 || !strstr(said[i], s[i].part))
			fail_msg("of:\n%swanted '%s' and '%s', got '%s'", text, s[i].begin, s[i].part,
				 said[i]);
	}
	if (nsaid != n)
		fail_msg("of:\n%swanted %zu sentences, got %u, the last '%s'", text, n, nsaid,
			 said[nsaid ? nsaid - 1 : 0]);
}

#define SAYS(text, ...)                                              \
	do {                                                         \
		static const struct sentence list[] = {__VA_ARGS__}; \
		says(text, list, COUNT(list));                       \
	} while (0)

/* --- what each key becomes --------------------------------------------------------------------------- */

static const char everything[] = "%YAML 1.1\n"
				 "---\n"
				 "guest:\n"
				 "  ipv4:\n"
				 "    address: 10.1.0.5/16\n"
				 "    gateway: 10.1.0.1\n"
				 "    dns: 10.1.0.9\n"
				 "  ipv6: fd00::5/48\n"
				 "  mac: 52:54:00:00:00:01\n"
				 "  mtu: 9000\n"
				 "  hostname: box.lab\n"
				 "  search: [lab.example, example]\n"
				 "  dhcp: false\n"
				 "  udp_endpoint_independent: true\n"
				 "limits:\n"
				 "  tcp: 16384\n"
				 "  udp: 5\n"
				 "  flow_rate: 50\n"
				 "  ping: 6\n"
				 "  memory: 64M\n"
				 "  ring: 64K\n"
				 "  files: 4096\n"
				 "  fragmented: 7\n"
				 "  fragment_memory: 128K\n"
				 "  batch: 32\n"
				 "publish:\n"
				 "  - 8080:80\n"
				 "  - '[::1]:53-54:1053/udp'\n"
				 "policy:\n"
				 "  profiles: [public, host]\n"
				 "  rules:\n"
				 "    - allow tcp/443 to *.github.com\n"
				 "    - 'deny to @metadata \"it''s ours\"'\n"
				 "    - >-\n"
				 "      allow udp to\n"
				 "      192.0.2.7\n"
				 "  files: [more.rules]\n"
				 "  keep_flows: true\n"
				 "  floor:\n"
				 "    rules: allow tcp to @any\n"
				 "    profiles: private,host\n"
				 "    files: /abs/floor.rules\n"
				 "dns:\n"
				 "  nameservers:\n"
				 "  - 192.0.2.1\n"
				 "  - '[::1]:5353'\n"
				 "  routes:\n"
				 "    corp.example: [10.0.0.53, '10.0.0.54:5353']\n"
				 "    lab.example: 10.9.9.9\n"
				 "  hosts:\n"
				 "    db.example: [192.0.2.9, 2001:db8::9]\n"
				 "  rebind_protection: false\n"
				 "  rebind_allow: ['*.lan.example', nas.example]\n"
				 "  timeout: 2.5s\n"
				 "  cache: off\n"
				 "tls:\n"
				 "  intercept: true\n"
				 "  ports: [443, 8443]\n"
				 "  bypass: ['*.bank.example', pinned.example]\n"
				 "  ca: ca\n"
				 "  roots: /abs/roots.pem\n"
				 "  extra_roots: [corp.pem]\n"
				 "  host_roots:\n"
				 "    git.corp.example: corp.pem\n"
				 "  no_verify: ['*.test', git.corp.example]\n"
				 "  certificates:\n"
				 "    api.example: [client.pem, /abs/client.key]\n"
				 "  min_version: '1.3'\n"
				 "  connections: 9\n"
				 "secrets:\n"
				 "  TOKEN: [env:X@a.example, b.example;in=body]\n"
				 "logging:\n"
				 "  events: out/events.jsonl\n"
				 "  requests: true\n"
				 "  level: info\n"
				 "status_page: false\n";

static void
a_rule_is(size_t n, const char *text, const char *file, unsigned line, unsigned column)
{
	assert_true(n < cfg.nrules);
	assert_string_equal(cfg.rules[n].text, text);
	assert_string_equal(cfg.rules[n].file, file);
	assert_int_equal(cfg.rules[n].line, line);
	assert_int_equal(cfg.rules[n].column, column);
}

static void
every_key_reaches_the_config(void **state)
{
	(void)state;
	if (!reads(everything))
		fail_msg("%s", said[0]);
	assert_string_equal(cfg.ipv4.guest, "10.1.0.5/16");
	assert_string_equal(cfg.ipv4.gateway, "10.1.0.1");
	assert_string_equal(cfg.ipv4.dns, "10.1.0.9");
	assert_string_equal(cfg.ipv6.guest, "fd00::5/48");
	assert_int_equal(cfg.guest_mac[5], 1);
	assert_int_equal(cfg.mtu, 9000);
	assert_string_equal(cfg.hostname, "box.lab");
	assert_int_equal(cfg.nsearch, 2);
	assert_true(cfg.no_dhcp && cfg.udp_endpoint_independent);
	assert_int_equal(cfg.max_tcp, 16384);
	assert_int_equal(cfg.max_udp, 5);
	assert_int_equal(cfg.max_flow_rate, 50);
	assert_int_equal(cfg.max_ping, 6);
	assert_int_equal(cfg.memory, 64 << 20);
	assert_int_equal(cfg.max_ring, 64 << 10);
	assert_int_equal(cfg.max_files, 4096);
	assert_int_equal(cfg.max_fragmented, 7);
	assert_int_equal(cfg.fragment_memory, 128 << 10);
	assert_int_equal(cfg.max_batch, 32);
	assert_int_equal(cfg.npublish, 2);
	assert_int_equal(cfg.publish[0].guest_first, 80);
	assert_int_equal(cfg.publish[1].guest_first, 1053);
	assert_string_equal(cfg.profiles, "public,host");
	assert_true(cfg.keep_flows);
	assert_int_equal(cfg.nfloor, 2);
	assert_string_equal(cfg.floor_profiles, "private,host");
	assert_int_equal(cfg.nnameservers, 2);
	assert_int_equal(cfg.ndns_routes, 2);
	assert_string_equal(cfg.dns_routes[0], "corp.example=10.0.0.53,10.0.0.54:5353");
	assert_string_equal(cfg.dns_routes[1], "lab.example=10.9.9.9");
	assert_int_equal(cfg.nhosts, 1);
	assert_string_equal(cfg.hosts[0], "db.example=192.0.2.9,2001:db8::9");
	assert_true(cfg.no_rebind_protection && cfg.no_status_page);
	assert_int_equal(cfg.nrebind_allow, 2);
	assert_int_equal(cfg.dns_timeout, 2500000);
	assert_true(cfg.dns_cache == UINT32_MAX);
	assert_string_equal(sluice_options_events(o), "etc/out/events.jsonl");
	assert_int_equal(sluice_options_level(o), SLUICE_LOG_INFO);
}

/* Files are relative to the folder the configuration is in. */
static void
keys_of_tls(void **state)
{
	(void)state;
	assert_true(reads(everything));
	assert_true(cfg.intercept && cfg.tls_only_13 && cfg.request_log);
	assert_int_equal(cfg.nintercept_ports, 2);
	assert_int_equal(cfg.intercept_ports[1], 8443);
	assert_int_equal(cfg.nintercept_bypass, 2);
	assert_string_equal(cfg.intercept_bypass[0], "*.bank.example");
	assert_int_equal(cfg.intercept_max, 9);
	assert_string_equal(cfg.ca_dir, "etc/ca");
	assert_string_equal(cfg.tls_roots, "/abs/roots.pem");
	assert_int_equal(cfg.ntls_extra_roots, 1);
	assert_string_equal(cfg.tls_extra_roots[0], "etc/corp.pem");
	assert_int_equal(cfg.ntls_hosts, 3);
	assert_string_equal(cfg.tls_hosts[0].match, "git.corp.example");
	assert_string_equal(cfg.tls_hosts[0].roots, "etc/corp.pem");
	assert_true(cfg.tls_hosts[0].no_verify);
	assert_string_equal(cfg.tls_hosts[1].match, "*.test");
	assert_true(cfg.tls_hosts[1].no_verify && !cfg.tls_hosts[1].roots);
	assert_string_equal(cfg.tls_hosts[2].certificate, "etc/client.pem");
	assert_string_equal(cfg.tls_hosts[2].key, "/abs/client.key");
	assert_int_equal(cfg.nsecrets, 1);
	assert_string_equal(cfg.secrets[0].name, "TOKEN");
	assert_int_equal(cfg.secrets[0].nhosts, 2);
	assert_string_equal(cfg.secrets[0].hosts[1], "b.example");
	assert_int_equal(cfg.secrets[0].where, SLUICE_SECRET_BODY);
	assert_null(cfg.secrets[0].value);
}

/* The table has no key that the file above does not have, so that a new one is tested here. */
static void
every_key_is_tried(void **state)
{
	size_t n;
	const struct config_key *k = config_keys(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const char *dot = strrchr(k[i].path, '.');
		char key[80];
		/* IPv6 is written in its short form there. */
		if (strncmp(k[i].path, "guest.ipv6.", 11) == 0)
			continue;
		snprintf(key, sizeof(key), "%s:", dot ? dot + 1 : k[i].path);
		if (!strstr(everything, key))
			fail_msg("%s is not tried", k[i].path);
	}
}

/* Where a rule stands is where its first character stands: policy's errors point into the file. */
static void
rules_keep_their_places(void **state)
{
	(void)state;
	assert_true(reads(everything));
	assert_int_equal(cfg.nrules, 5);
	a_rule_is(0, "allow tcp/443 to *.github.com", "etc/x.yaml", 32, 7);
	a_rule_is(1, "deny to @metadata \"it's ours\"", "etc/x.yaml", 33, 8);
	a_rule_is(2, "allow udp to 192.0.2.7", "etc/x.yaml", 35, 0);
	a_rule_is(3, "allow to 192.0.2.1", "etc/more.rules", 2, 1);
	a_rule_is(4, "deny to \"#x\" @any", "etc/more.rules", 4, 3);
	assert_string_equal(cfg.floor[1].file, "/abs/floor.rules");
	assert_int_equal(cfg.floor[1].line, 1);
}

static void
nothing_is_a_configuration(void **state)
{
	static const char *const nothing[] = {"",
					      "\n",
					      "# words\n",
					      "---\n",
					      "--- ~\n",
					      "{}",
					      "guest:",
					      "policy: ~",
					      "publish: []",
					      "policy:\n  rules:\n",
					      "dns: {hosts: , routes: {}}",
					      "--- {}\n...\n"};
	struct sluice_config plain;

	(void)state;
	sluice_config_init(&plain);
	for (size_t i = 0; i < COUNT(nothing); i++) {
		if (!reads(nothing[i]))
			fail_msg("'%s': %s", nothing[i], said[0]);
		assert_memory_equal(&plain, &cfg, sizeof(cfg));
	}
}

/* A floor that says nothing is a floor: it allows nothing. */
static void
an_empty_floor_is_one(void **state)
{
	static const char *const floors[] = {"policy: {floor: {}}", "policy: {floor: }",
					     "policy: {floor: {files: empty.rules}}"};

	(void)state;
	for (size_t i = 0; i < COUNT(floors); i++) {
		assert_true(reads(floors[i]));
		assert_int_equal(cfg.nfloor, 0);
		assert_string_equal(cfg.floor_profiles, "none");
	}
}

static void
families(void **state)
{
	(void)state;
	assert_true(reads("guest: {ipv6: off}"));
	assert_true(cfg.ipv6.off && !cfg.ipv4.off);
	assert_true(reads("guest: {ipv4: 10.5.0.1/24}"));
	assert_string_equal(cfg.ipv4.guest, "10.5.0.1/24");
	SAYS("guest:\n  ipv4: fd00::1/64\n", {"etc/x.yaml:2:9: 'fd00::1/64': ", "not an IPv4 address"});
	SAYS("guest:\n  ipv6:\n    dns: 10.0.0.1\n",
	     {"etc/x.yaml:3:10: '10.0.0.1': ", "not an IPv6 address"});
	SAYS("guest: {ipv4: off, ipv6: off}\n", {"etc/x.yaml", "no network"});
}

/* --- everything wrong at once ------------------------------------------------------------------------ */

static void
all_errors_are_told(void **state)
{
	(void)state;
	SAYS("guest:\n"
	     "  mtu: 15x\n"
	     "  mtu: 1500\n"
	     "  hostnaem: box\n"
	     "publish:\n"
	     "  - 8080:80\n"
	     "  - 70000\n"
	     "rules:\n"
	     "  - allow to @any\n"
	     "policy:\n"
	     "  profiles: [public, offfice]\n"
	     "  keep_flows: yes\n"
	     "  rules: {a: b}\n"
	     "dns:\n"
	     "  timeout: 1h\n"
	     "  hosts:\n"
	     "    a.example: [192.0.2.1, b]\n"
	     "    a.example: 192.0.2.2\n"
	     "    A.example: 192.0.2.2\n"
	     "limits: 5\n",
	     {"etc/x.yaml:2:8: '15x': guest.mtu: ", "1280 to 65520"}, {"etc/x.yaml:3:3: 'mtu': ", "line 2"},
	     {"etc/x.yaml:4:3: 'hostnaem': ", "did you mean 'hostname'?"},
	     {"etc/x.yaml:7:5: '70000': publish: ", "1 to 65535"},
	     {"etc/x.yaml:8:1: 'rules': ", "did you mean 'policy.rules'?"},
	     {"etc/x.yaml:11:22: 'offfice': policy.profiles: ", "not a profile"},
	     {"etc/x.yaml:12:15: 'yes': policy.keep_flows: ", "write true or false"},
	     {"etc/x.yaml:13:10: ", "policy.rules is list of rules, and this is a mapping"},
	     {"etc/x.yaml:15:12: '1h': dns.timeout: ", "100ms to 30s"},
	     {"etc/x.yaml:17:5: 'a.example=192.0.2.1,b': dns.hosts: ", "not an address"},
	     {"etc/x.yaml:19:5: 'A.example=192.0.2.2': dns.hosts: ", "there already"},
	     {"etc/x.yaml:20:9: ", "limits is section, and this is a word"});
	/* What was right was read all the same. */
	assert_int_equal(cfg.npublish, 1);
	assert_string_equal(cfg.profiles, "public");
}

static void
each_value_is_judged(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
	    {"guest: {mac: '01:00:00:00:00:00'}", "guest.mac: not a station's address"},
	    {"guest: {hostname: -x}", "guest.hostname: not a host name"},
	    {"guest: {search: [a b]}", "guest.search: not a domain"},
	    {"guest: {dhcp: no}", "guest.dhcp: write true or false"},
	    {"guest: {mtu: }", "guest.mtu has no value; give number"},
	    {"guest: {mtu: [1500]}", "guest.mtu is number, and this is a list"},
	    {"guest: [a]", "guest is section, and this is a list"},
	    {"limits: {tcp: 0}", "limits.tcp: give a number of flows"},
	    {"limits: {tcp: -1}", "limits.tcp: give a number of flows"},
	    {"limits: {ping: 0}", "limits.ping: give a number from 1 to 1048576"},
	    {"limits: {ring: 5000}", "limits.ring: give a power of two from 4K to 1M"},
	    {"limits: {files: 63}", "limits.files: give a number from 64"},
	    {"limits: {fragmented: 65}", "limits.fragmented: give a number from 1 to 64"},
	    {"limits: {fragment_memory: 1M}", "limits.fragment_memory: give bytes from 64K to 256K"},
	    {"limits: {batch: 65}", "limits.batch: give a number from 1 to 64"},
	    {"limits: {memory: 1}", "limits.memory: give bytes from 2M"},
	    {"publish: {a: b}", "publish is list of"},
	    {"publish: [[80]]", "publish is list of"},
	    {"policy: {rules: ['']}", "the rule is empty"},
	    {"policy: {rules: [~]}", "the rule is empty"},
	    {"policy: {rules: [\"allow\\0to @any\"]}", "the rule has a zero byte"},
	    {"policy: {files: nowhere.rules}", "'etc/nowhere.rules': cannot be read: No such file"},
	    {"policy: {files: ''}", "the file's name is empty"},
	    {"policy: {floor: [x]}", "policy.floor is section"},
	    {"dns: {nameservers: [dns.example]}", "dns.nameservers: not ADDR"},
	    {"dns: {nameservers: [1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, "
	     "1.1.1.1]}",
	     "dns.nameservers: more than 8"},
	    {"dns: {routes: {'a b': 192.0.2.1}}", "dns.routes: not SUFFIX=ADDR"},
	    {"dns: {routes: {a: [[x]]}}", "dns.routes is SUFFIX: ADDR"},
	    {"dns: {routes: {a: {b: c}}}", "dns.routes is SUFFIX: ADDR"},
	    {"dns: {routes: [a]}", "dns.routes is SUFFIX: ADDR"},
	    {"dns: {hosts: {a: }}", "dns.hosts has no value"},
	    {"dns: {hosts: {? [a] : 192.0.2.1}}", "dns.hosts is NAME: ADDR"},
	    {"dns: {rebind_allow: ['*']}", "dns.rebind_allow: not a name"},
	    {"tls: {ports: [0]}", "tls.ports: '0' is not a port"},
	    {"tls: {bypass: ['*']}", "tls.bypass: not a name"},
	    {"tls: {min_version: 1.1}", "tls.min_version: give 1.2 or 1.3"},
	    {"tls: {connections: 0}", "tls.connections: give a number"},
	    {"tls: {certificates: {a.example: only.pem}}", "tls.certificates: write NAME=CERT,KEY"},
	    {"tls: {host_roots: {a.example: x.pem, a.example: y.pem}}",
	     "tls.host_roots: this name is there already"},
	    {"tls: {host_roots: {'*': x.pem}}", "tls.host_roots: not a name"},
	    {"tls: {ca: ''}", "tls.ca: the name is empty"},
	    {"dns: {cache: many}", "dns.cache: give a number of answers"},
	    {"dns: {timeout: 31s}", "dns.timeout: give a time from 100ms to 30s"},
	    {"logging: {level: loud}", "logging.level: give error, warning, info or debug"},
	    {"logging: {events: ''}", "logging.events: the file's name is empty"},
	    {"status_page: 1", "status_page: write true or false"},
	    {"? [a, b]\n: c\n", "a key is one word; this is a list"},
	    {"- a\n", "a configuration is a mapping"},
	    {"word\n", "a configuration is a mapping"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(reads(rows[i].text));
		if (nsaid != 1 || strncmp(said[0], "etc/x.yaml:1:", 13) != 0 ||
		    !strstr(said[0], rows[i].part))
			fail_msg("'%s': %u sentences: '%s'", rows[i].text, nsaid, said[0]);
	}
}

static void
what_yaml_has_and_we_do_not(void **state)
{
	(void)state;
	SAYS("guest: &g\n  mtu: 1500\n", {"etc/x.yaml:1:8: 'g': ", "anchors are not taken"});
	SAYS("guest:\n  mtu: *g\n", {"etc/x.yaml:2:8: 'g': ", "aliases are not taken"},
	     {"etc/x.yaml:2:8: ", "guest.mtu is number"});
	SAYS("guest:\n  mtu: !!int 1500\n",
	     {"etc/x.yaml:2:8: 'tag:yaml.org,2002:int': ", "tags are not taken"});
	SAYS("guest: {}\n---\nguest: {}\n", {"etc/x.yaml:2:1: ", "a second document"});
	SAYS("guest:\n  <<: {mtu: 1500}\n", {"etc/x.yaml:2:3: '<<': ", "no such key in guest"});
	SAYS("guest:\n\tmtu: 1500\n", {"etc/x.yaml:2:1: not YAML: ", "cannot start any token"});
	SAYS("guest: {mtu: 1500\n", {"etc/x.yaml:2:1: not YAML: ", "did not find expected"});
	SAYS("guest: \xff\xfe\n", {"etc/x.yaml:1: not YAML in UTF-8: ", "invalid"});
	/* The bytes of a file for Windows are fine. */
	assert_true(reads("\xef\xbb\xbfguest:\r\n  mtu: 1400\r\n"));
	assert_int_equal(cfg.mtu, 1400);
}

/* A thousand brackets end at the eighth, and never cost more than that. */
static void
depth_is_bounded(void **state)
{
	char deep[2001];

	(void)state;
	memset(deep, '[', 2000);
	deep[2000] = '\0';
	assert_false(reads(deep));
	assert_int_equal(nsaid, 2);
	assert_non_null(strstr(said[1], "more than 8 levels deep"));
	SAYS("a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}", {"etc/x.yaml:1:1: 'a': ", "no such key"},
	     {"etc/x.yaml:1:32: ", "more than 8 levels"});
}

static void
errors_are_bounded(void **state)
{
	char many[8192] = "";

	(void)state;
	for (int i = 0; i < 200; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "key%d: %d\n", i, i);
	assert_false(reads(many));
	assert_int_equal(nsaid, CONFIG_ERRORS + 1);
	assert_non_null(strstr(said[CONFIG_ERRORS], "more than 100 errors"));
}

static void
tables_are_bounded(void **state)
{
	size_t room = 200000;
	char *text = malloc(room), *at = text;

	(void)state;
	assert_non_null(text);
	at += sprintf(at, "publish:\n");
	for (int i = 0; i <= 256; i++)
		at += sprintf(at, "- %d\n", 1000 + i);
	at += sprintf(at, "dns:\n  routes:\n");
	for (int i = 0; i <= 64; i++)
		at += sprintf(at, "    s%d.example: 192.0.2.1\n", i);
	at += sprintf(at, "  hosts:\n");
	for (int i = 0; i <= 4096; i++)
		at += sprintf(at, "    h%d.example: 192.0.2.1\n", i);
	assert_true((size_t)(at - text) < room);
	assert_false(reads(text));
	assert_int_equal(nsaid, 3);
	assert_non_null(strstr(said[0], "more than 256 of them"));
	assert_non_null(strstr(said[1], "too many of them"));
	assert_non_null(strstr(said[2], "too many of them"));
	assert_int_equal(cfg.npublish, 256);
	assert_int_equal(cfg.ndns_routes, 64);
	assert_int_equal(cfg.nhosts, 4096);
	free(text);
}

/* Cut anywhere, the file is a configuration or an error with a place; and nothing is read behind its end. */
static void
cut_anywhere(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(everything); len++) {
		read_bytes(everything, len);
		for (unsigned i = 0; i < nsaid && i < COUNT(said); i++)
			assert_memory_equal(said[i], "etc/", 4);
	}
}

static void
suggestions(void **state)
{
	static const struct {
		const char *section, *key, *says;
	} rows[] = {
	    {"guest", "mut", "did you mean 'mtu'?"},
	    {"", "polcy", "did you mean 'policy'?"},
	    {"", "mtu", "did you mean 'guest.mtu'?"},
	    {"dns", "nameserver", "did you mean 'nameservers'?"},
	    {"logging", "zzzzzz", "there are: events, requests, level"},
	    {"guest.ipv4", "x", "there are: address, gateway, dns"},
	};
	char to[256], longest[600];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		config_suggest(rows[i].section, rows[i].key, to, sizeof(to));
		assert_string_equal(to, rows[i].says);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	config_suggest("", longest, to, sizeof(to));
	assert_non_null(strstr(to, "there are: guest"));
	config_suggest("", "qqqqqq", to, 8); /* cut, and ended */
	assert_int_equal(strlen(to), 7);
}

/* --- with other sources ------------------------------------------------------------------------------ */

/* Rules of a command line go before the file's; what is a list or a value replaces the file's. */
static void
a_command_line_goes_before(void **state)
{
	struct sluice_options *line = sluice_options_new();
	char err[256];

	(void)state;
	assert_non_null(line);
	assert_true(reads("policy: {rules: [deny to @any], profiles: [host]}\n"
			  "guest: {mtu: 1400, ipv6: off, ipv4: 10.1.0.5/24}\n"
			  "publish: [80, 81]\n"
			  "dns: {hosts: {a.example: 192.0.2.1}, cache: 5}\n"));
	static const char *const args[][2] = {{"--rule", "allow to 192.0.2.1"},
					      {"-r", "allow to 192.0.2.2"},
					      {"--publish", "90"},
					      {"--guest", "fd00::7/64"},
					      {"--host", "b.example=192.0.2.2"}};
	for (size_t i = 0; i < COUNT(args); i++)
		assert_int_equal(sluice_options_take(line, args[i][0], args[i][1], err, sizeof(err)), 2);
	sluice_options_apply(line, &cfg);
	assert_int_equal(cfg.nrules, 3);
	assert_string_equal(cfg.rules[0].text, "allow to 192.0.2.1");
	assert_null(cfg.rules[0].file);
	assert_string_equal(cfg.rules[2].text, "deny to @any");
	assert_string_equal(cfg.rules[2].file, "etc/x.yaml");
	assert_string_equal(cfg.profiles, "host");
	assert_int_equal(cfg.mtu, 1400);
	assert_string_equal(cfg.ipv4.guest, "10.1.0.5/24");
	assert_false(cfg.ipv6.off); /* somebody gave it an address */
	assert_int_equal(cfg.npublish, 1);
	assert_int_equal(cfg.publish[0].host_first, 90);
	assert_int_equal(cfg.nhosts, 1);
	assert_string_equal(cfg.hosts[0], "b.example=192.0.2.2");
	assert_int_equal(cfg.dns_cache, 5);
	/* And once more, for another config: the first one stays as it is. */
	struct sluice_config second = cfg;
	sluice_options_apply(line, &second);
	assert_int_equal(second.nrules, 5);
	assert_int_equal(cfg.nrules, 3);
	assert_string_equal(cfg.rules[2].text, "deny to @any");
	sluice_options_free(line);
}

/* --- through the door -------------------------------------------------------------------------------- */

static unsigned told;
static char first[512];

static void
diagnose(void *ctx, const struct sluice_diagnostic *d)
{
	(void)ctx;
	assert_int_equal(d->size, sizeof(*d));
	if (told++ == 0)
		snprintf(first, sizeof(first), "%s", d->text);
}

static void
files_on_disk(void **state)
{
	char dir[] = "/tmp/sluice_config_XXXXXX", path[64], err[512] = "";

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/c.yaml", dir);
	o = sluice_options_new();
	told = 0;
	assert_int_equal(sluice_options_file(o, path, diagnose, NULL, err, sizeof(err)), -1);
	assert_int_equal(told, 1);
	assert_non_null(strstr(first, "c.yaml: cannot be read: No such file"));
	assert_string_equal(first, err);

	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("guest: {mtu: 1400}\npolicy: {rules: [allow to @host]}\n", f);
	fclose(f);
	assert_int_equal(sluice_options_file(o, path, diagnose, NULL, err, sizeof(err)), 0);
	sluice_config_init(&cfg);
	sluice_options_apply(o, &cfg);
	assert_int_equal(cfg.mtu, 1400);
	assert_string_equal(cfg.rules[0].file, path);
	sluice_options_free(o);

	/* A file that is wrong here and in its rules says both; without anybody to tell it to, the first. */
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("guest: {mtu: 1}\npolicy:\n  rules:\n  - frobnicate to @host\n", f);
	fclose(f);
	o = sluice_options_new();
	told = 0;
	assert_int_equal(sluice_options_file(o, path, diagnose, NULL, err, sizeof(err)), -1);
	assert_int_equal(told, 2);
	assert_non_null(strstr(err, "c.yaml:1:14: '1': guest.mtu: "));
	assert_non_null(strstr(err, "(and 1 more)"));
	assert_int_equal(sluice_options_file(o, dir, NULL, NULL, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "Is a directory"));
	unlink(path);
	rmdir(dir);
}

/* More than four megabytes is no configuration. */
static void
a_file_has_an_end(void **state)
{
	char path[] = "/tmp/sluice_config_XXXXXX", err[512];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	o = sluice_options_new();
	assert_int_equal(ftruncate(fd, OPTION_FILE + 1), 0);
	assert_int_equal(sluice_options_file(o, path, NULL, NULL, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "longer than 4 MiB"));
	close(fd);
	unlink(path);
}

/* --- documents --------------------------------------------------------------------------------------- */

static char *
page(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(f);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

/* A row for every key with the table's own words, and no row besides. */
static void
every_key_is_documented(void **state)
{
	size_t n, rows = 0;
	const struct config_key *k = config_keys(&n);
	char *doc = page("docs/configuration.md"), *man = page("docs/sluice.yaml.5");

	(void)state;
	for (size_t i = 0; i < n; i++) {
		char row[512];
		snprintf(row, sizeof(row), "\n| `%s` | %s | %s | %s | %s |\n", k[i].path, k[i].type,
			 k[i].limit ? k[i].limit : "", k[i].fallback ? k[i].fallback : "", k[i].about);
		if (!strstr(doc, row))
			fail_msg("docs/configuration.md has no row:%s", row);
		snprintf(row, sizeof(row), "\n.B %s\n", k[i].path);
		if (!strstr(man, row))
			fail_msg("docs/sluice.yaml.5 has no %s", k[i].path);
	}
	for (const char *p = doc; (p = strstr(p, "\n| `")) != NULL; p++)
		rows++;
	assert_int_equal(rows, n);
	rows = 0;
	for (const char *p = man; (p = strstr(p, "\n.TP\n.B ")) != NULL; p++)
		rows++;
	assert_int_equal(rows, n);
	free(doc);
	free(man);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, end)
	const struct CMUnitTest tests[] = {
	    TEST(every_key_reaches_the_config),
	    TEST(keys_of_tls),
	    TEST(every_key_is_tried),
	    TEST(rules_keep_their_places),
	    TEST(nothing_is_a_configuration),
	    TEST(an_empty_floor_is_one),
	    TEST(families),
	    TEST(all_errors_are_told),
	    TEST(each_value_is_judged),
	    TEST(what_yaml_has_and_we_do_not),
	    TEST(depth_is_bounded),
	    TEST(errors_are_bounded),
	    TEST(tables_are_bounded),
	    TEST(cut_anywhere),
	    TEST(suggestions),
	    TEST(a_command_line_goes_before),
	    TEST(files_on_disk),
	    TEST(a_file_has_an_end),
	    TEST(every_key_is_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
