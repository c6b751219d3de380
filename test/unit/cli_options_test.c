/*
 * cli_options_test.c - the command line as a whole: what it becomes, and one sentence for what it cannot
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/setup.h"
#include "test/unit/cli_line_kit.h"

/* After "sluice". */
static int
parse(const char *words)
{
	char line[512];

	assert_in_range(snprintf(line, sizeof(line), "sluice %s", words), 0, sizeof(line) - 1);
	return parse_line(line);
}

static void
run_with_everything(void **state)
{
	(void)state;
	assert_int_equal(
	    parse(
		"run -p 8080:80 --publish=[::1]:53/udp -p9000-9002 --mtu 9000 --guest 10.1.0.5/16 "
		"--gateway 10.1.0.1 --dns=10.1.0.9 --no-ipv6 --nameserver 192.0.2.1 --nameserver [::1]:5353 "
		"--mac 52:54:00:00:00:01 --root --pcap /tmp/x --max-tcp 16384 --max-udp 5 --memory 64M "
		"--udp-endpoint-independent -vv --stats=json --pid /tmp/p -- curl -v --stats x"),
	    0);
	assert_int_equal(o.verb, VERB_RUN);
	assert_int_equal(o.config.npublish, 3);
	assert_int_equal(o.config.publish[0].guest_first, 80);
	assert_string_equal(o.config.publish[1].bind, "::1");
	assert_true(o.config.publish[1].udp);
	assert_int_equal(o.config.publish[2].host_last, 9002);
	assert_int_equal(o.config.mtu, 9000);
	assert_string_equal(o.guest.ipv4.address, "10.1.0.5");
	assert_int_equal(o.guest.ipv4.plen, 16);
	assert_string_equal(o.guest.ipv4.gateway, "10.1.0.1");
	assert_string_equal(o.guest.ipv4.dns, "10.1.0.9");
	assert_false(o.guest.ipv6.on);
	assert_int_equal(o.config.nnameservers, 2);
	assert_true(options_mac(&o) && options_mac(&o)[5] == 1);
	assert_true(o.root && o.config.udp_endpoint_independent);
	assert_string_equal(o.pcap, "/tmp/x");
	assert_string_equal(o.pid_file, "/tmp/p");
	assert_int_equal(o.config.max_tcp, 16384);
	assert_int_equal(o.config.max_udp, 5);
	assert_int_equal(o.config.memory, 64 << 20);
	assert_int_equal(o.verbose, 2);
	assert_int_equal(o.stats, STATS_JSON);
	assert_string_equal(o.command[0], "curl");
	assert_string_equal(o.command[3], "x");
	assert_null(o.command[4]);
}

/* The first word that is no option begins the command, and everything behind it is the command's. */
static void
a_command_keeps_its_own_options(void **state)
{
	(void)state;
	assert_int_equal(parse("run ls -l --mtu 5 --help"), 0);
	assert_string_equal(o.command[1], "-l");
	assert_false(o.help);
	assert_int_equal(o.config.mtu, 0);
	assert_int_equal(parse("run --stats -- --odd"), 0);
	assert_int_equal(o.stats, STATS_TEXT);
	assert_string_equal(o.command[0], "--odd");
	assert_int_equal(parse("run -"), 0);
	assert_string_equal(o.command[0], "-");
}

static void
serve_and_replay_take_their_words_anywhere(void **state)
{
	(void)state;
	assert_int_equal(parse("serve --mtu 1400 tap:t0@/run/netns/x --configure -q"), 0);
	assert_string_equal(o.link.ifname, "t0");
	assert_string_equal(o.link.netns, "/run/netns/x");
	assert_true(o.configure && o.quiet);
	assert_int_equal(parse("replay a.pcap --mtu 1400 b.pcap"), 0);
	assert_string_equal(o.replay_in, "a.pcap");
	assert_string_equal(o.replay_out, "b.pcap");
}

static void
defaults_are_those_of_the_manual(void **state)
{
	(void)state;
	assert_int_equal(parse("run true"), 0);
	assert_string_equal(o.guest.ipv4.address, "10.0.2.15");
	assert_int_equal(o.guest.ipv4.plen, 24);
	assert_string_equal(o.guest.ipv4.gateway, "10.0.2.2");
	assert_string_equal(o.guest.ipv4.dns, "10.0.2.3");
	assert_string_equal(o.guest.ipv6.address, "fd73:6c75:6963:65::15");
	assert_int_equal(o.guest.ipv6.plen, 64);
	assert_string_equal(o.guest.ipv6.gateway, "fd73:6c75:6963:65::2");
	assert_string_equal(o.guest.ipv6.dns, "fd73:6c75:6963:65::3");
	assert_int_equal(o.stats, STATS_NONE);
}

static void
help_and_version_win(void **state)
{
	(void)state;
	assert_int_equal(parse("--version"), 0);
	assert_true(o.version);
	assert_int_equal(parse("--help"), 0);
	assert_true(o.help && o.verb == VERB_NONE);
	assert_int_equal(parse("serve -h"), 0);
	assert_true(o.help && o.verb == VERB_SERVE);
}

static void
mistakes_are_named(void **state)
{
	static const struct mistake rows[] = {
	    {"", "command", "run, serve, replay, check, explain or ca"},
	    {"fly --mtu 3", "fly", "run, serve, replay, check, explain or ca"},
	    {"--mtu 1500", "--socket", "--help"},
	    {"--max-tcp 5", "--max-tcp", "--help"},
	    {"run", "run", "COMMAND"},
	    {"run --", "run", "COMMAND"},
	    {"run --bogus x", "--bogus", "sluice run --help"},
	    {"run -z x", "-z", "sluice run --help"},
	    {"run --configure x", "--configure", "not an option of run"},
	    {"serve --root tap:t", "--root", "not an option of serve"},
	    {"replay -p 80 a b", "-p", "not an option of replay"},
	    {"run --mtu", "--mtu", "needs a value"},
	    {"run --mtu= x", "--mtu", "1280 to 65520"},
	    {"run --mtu 1279 x", "1279", "1280 to 65520"},
	    {"run --mtu 65521 x", "65521", "1280 to 65520"},
	    {"run --no-ipv4=1 x", "--no-ipv4=1", "no value"},
	    {"run --no-ipv4 --no-ipv6 x", "--no-ipv4", "no network"},
	    {"run --no-ipv6 --dns fd00::1 x", "fd00::1", "leave one of them out"},
	    {"run --guest 10.0.0.1 x", "10.0.0.1", "ADDR/PLEN"},
	    {"run --guest 10.0.0.1/24 --guest 10.0.0.2/24 x", "10.0.0.2/24", "10.0.0.1/24"},
	    {"run --gateway nowhere x", "nowhere", "fd00::2"},
	    {"run --gateway 10.0.3.2 x", "10.0.3.2", "10.0.2.15/24"},
	    {"run --gateway 10.0.2.15 x", "10.0.2.15", "choose another"},
	    {"run --gateway 10.0.2.3 --dns 10.0.2.3 x", "10.0.2.3", "choose another"},
	    {"run --dns 224.0.0.1 x", "224.0.0.1", "choose another"},
	    {"run --nameserver dns.example x", "dns.example", "192.0.2.1"},
	    {"run --mac 01:00:00:00:00:00 x", "01:00:00:00:00:00", "52:54:00"},
	    {"run --max-tcp 0 x", "--max-tcp 0", "from 1"},
	    {"run --max-udp many x", "--max-udp many", "from 1"},
	    {"run --memory 5 x", "--memory 5", "128M"},
	    {"run --stats=xml x", "--stats=xml", "--stats=json"},
	    {"run -q -v x", "-q", "not both"},
	    {"run -p 99999 x", "99999", "65535"},
	    {"serve", "serve", "tap:IFNAME"},
	    {"serve tap:a tap:b", "tap:b", "one"},
	    {"serve socket:/x", "socket:/x", "tap:IFNAME"},
	    {"run --hostname x y", "--hostname", "not an option of run"},
	    {"run --one-off y", "--one-off", "not an option of run"},
	    {"serve qemu:", "qemu:", "/tmp/guest.socket"},
	    {"replay a", "replay", "OUT.pcap"},
	    {"replay a b c", "'c'", "one file too many"},
	    {"run -c a -c b x", "b", "a was given already"},
	    {"run --events= x", "--events", "standard output"},
	    {"run --profile office x", "office", "public, private"},
	    {"run --floor /nowhere/f x", "/nowhere/f", "No such file"},
	    {"run --dns-timeout 1h x", "1h", "100ms to 30s"},
	    {"run --json x", "--json", "not an option of run"},
	    {"check --events x", "--events", "not an option of check"},
	    {"check x", "'x'", "-c"},
	    {"replay --keep-flows a b", "--keep-flows", "not an option of replay"},
	    {"explain", "explain", "tcp api.example:443"},
	    {"explain tcp", "explain", "tcp api.example:443"},
	    {"explain tcp a:1 b", "explain", "tcp api.example:443"},
	    {"explain sctp a:1", "sctp", "tcp, udp, icmp and dns"},
	    {"explain tcp a", "'a'", "port"},
	    {"explain tcp a:0", "'a:0'", "port"},
	    {"explain udp a:65536", "'a:65536'", "port"},
	    {"explain udp [::1]", "'[::1]'", "port"},
	    {"explain udp [::1:5", "'[::1:5'", "port"},
	    {"explain udp :5", "':5'", "neither a name nor an address"},
	    {"explain GET", "explain", "GET https://api.example/x"},
	    {"explain GET api.example", "GET", "method before a URL"},
	    {"explain GET ftp://a/x", "GET", "method before a URL"},
	    {"explain GET https://a:x/", "'a:x'", "port"},
	    {"explain https://a@b/", "https://a@b/", "user"},
	    {"explain https:///x", "''", "neither a name nor an address"},
	    {"explain tcp https://a/x", "'https://a/x'", "port"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		is_named(&rows[i], parse(rows[i].line));
}

static void
a_question_is_read(void **state)
{
	static const struct {
		const char *line, *host;
		int protocol;
		uint16_t port;
	} rows[] = {
	    {"explain tcp api.example:443", "api.example", IPPROTO_TCP, 443},
	    {"explain udp [2001:db8::1]:53", "2001:db8::1", IPPROTO_UDP, 53},
	    {"explain icmp 2001:db8::1", "2001:db8::1", IPPROTO_ICMP, 0},
	    {"explain icmp [2001:db8::1]", "2001:db8::1", IPPROTO_ICMP, 0},
	    {"explain dns a.example.", "a.example.", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(parse(rows[i].line), 0);
		assert_int_equal(o.verb, VERB_EXPLAIN);
		assert_string_equal(o.question.host, rows[i].host);
		assert_int_equal(o.question.protocol, rows[i].protocol);
		assert_int_equal(o.question.port, rows[i].port);
		assert_false(o.question.ingress || o.json || o.question.sni || o.question.address);
	}
	assert_int_equal(parse("explain https://[2001:db8::1]/a/b?c"), 0);
	assert_string_equal(o.question.host, "2001:db8::1");
	assert_string_equal(o.question.method, "GET");
	assert_string_equal(o.question.path, "/a/b?c");
	assert_true(o.question.port == 443 && o.question.protocol == IPPROTO_TCP && !o.question.plain);
	assert_int_equal(parse("explain POST http://a.example:8080?x"), 0);
	assert_string_equal(o.question.host, "a.example");
	assert_string_equal(o.question.method, "POST");
	assert_string_equal(o.question.path, "/");
	assert_true(o.question.port == 8080 && o.question.plain);
	assert_int_equal(
	    parse("explain -c x.yaml --sni a --address 192.0.2.1 --ingress --json -p 80 tcp a.example:443"),
	    0);
	assert_string_equal(o.config_file, "x.yaml");
	assert_string_equal(o.question.sni, "a");
	assert_string_equal(o.question.address, "192.0.2.1");
	assert_true(o.question.ingress && o.json);
	assert_int_equal(parse("check -c x.yaml --json"), 0);
	assert_true(o.verb == VERB_CHECK && o.json);
}

/* Only where policy is in files there is something to read again. */
static void
what_sighup_reloads(void **state)
{
	(void)state;
	assert_int_equal(parse("run x"), 0);
	assert_false(o.reloads);
	assert_int_equal(parse("run --profile all x"), 0);
	assert_false(o.reloads);
	assert_int_equal(parse("run -c x.yaml x"), 0);
	assert_true(o.reloads);
	assert_int_equal(parse("run --floor=/dev/null x"), 0);
	assert_true(o.reloads);
	assert_int_equal(parse("run --policy /dev/null x"), 0);
	assert_true(o.reloads);
	assert_int_equal(o.config.nrules, 0);
	assert_null(o.config.floor_profiles);
}

/* Every option is in its verb's help, and every line fits a terminal. */
static void
help_lists_the_options(void **state)
{
	char *text = NULL;
	size_t len = 0;

	(void)state;
	for (enum verb v = VERB_RUN; v <= VERB_EXPLAIN; v++) {
		FILE *to = open_memstream(&text, &len);
		options_help(to, v);
		assert_int_equal(fclose(to), 0);
		assert_non_null(strstr(text, "--guest ADDR/PLEN"));
		assert_int_equal(strstr(text, "--publish") != NULL, v != VERB_REPLAY);
		assert_int_equal(strstr(text, "--configure") != NULL, v == VERB_SERVE);
		for (char *save, *line = strtok_r(text, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			assert_true(strlen(line) <= 100);
		free(text);
	}
}

static void
the_library_is_told_all_of_it(void **state)
{
	const struct log log = {.level = SLUICE_LOG_WARNING};
	struct sluice_config cfg;

	(void)state;
	assert_int_equal(
	    parse("run -p 8080:80 -p [::]:53/udp --no-ipv6 --max-tcp 7 --memory 2M --nameserver ::1 x"), 0);
	setup_config(&o, &log, &cfg);
	assert_int_equal(cfg.size, sizeof(cfg));
	assert_int_equal(cfg.mtu, 65520);
	assert_null(cfg.ipv4.guest); /* the default */
	assert_true(cfg.ipv6.off);
	assert_null(cfg.ipv6.guest);
	assert_int_equal(cfg.npublish, 2);
	assert_null(cfg.publish[0].bind);
	assert_int_equal(cfg.publish[0].guest_first, 80);
	assert_string_equal(cfg.publish[1].bind, "::");
	assert_int_equal(cfg.max_tcp, 7);
	assert_int_equal(cfg.max_udp, 0);
	assert_int_equal(cfg.memory, 2 << 20);
	assert_int_equal(cfg.nnameservers, 1);
	assert_int_equal(cfg.pcap_fd, -1);
	assert_int_equal(parse("serve tap:t"), 0);
	setup_config(&o, &log, &cfg);
	assert_int_equal(cfg.mtu, 1500);
}

static void
tables_shrink_to_the_descriptors(void **state)
{
	struct sluice_config cfg = {.max_tcp = 0};

	(void)state;
	assert_int_equal(setup_fit(20000, 2, &cfg, &f), 0);
	assert_int_equal(cfg.max_tcp, 0); /* the default fits: nothing is said */
	assert_int_equal(setup_fit(UINT64_MAX, 2, &cfg, &f), 0);

	assert_int_equal(setup_fit(1024, 2, &cfg, &f), 1);
	assert_in_range(cfg.max_tcp + cfg.max_udp, 800, 1000);
	assert_in_range(cfg.max_tcp, 3 * cfg.max_udp, 5 * cfg.max_udp); /* the same share of each */

	cfg = (struct sluice_config){.max_tcp = 1000000, .max_udp = 1};
	assert_int_equal(setup_fit(256, 0, &cfg, &f), 1);
	assert_true(cfg.max_udp >= 1 && cfg.max_tcp + cfg.max_udp <= 256 - 64);
	cfg = (struct sluice_config){.max_tcp = 1, .max_udp = 1000000};
	assert_int_equal(setup_fit(256, 0, &cfg, &f), 1);
	assert_true(cfg.max_tcp >= 1);

	assert_int_equal(setup_fit(1024, 1000, &cfg, &f), -1); /* published ports alone are too many */
	assert_non_null(strstr(f.text, "1024"));
	assert_non_null(strstr(f.text, "ulimit"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(run_with_everything),
	    cmocka_unit_test(a_command_keeps_its_own_options),
	    cmocka_unit_test(serve_and_replay_take_their_words_anywhere),
	    cmocka_unit_test(defaults_are_those_of_the_manual),
	    cmocka_unit_test(help_and_version_win),
	    cmocka_unit_test(mistakes_are_named),
	    cmocka_unit_test(a_question_is_read),
	    cmocka_unit_test(what_sighup_reloads),
	    cmocka_unit_test(help_lists_the_options),
	    cmocka_unit_test(the_library_is_told_all_of_it),
	    cmocka_unit_test(tables_shrink_to_the_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
