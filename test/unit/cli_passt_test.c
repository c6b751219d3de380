/*
 * cli_passt_test.c - passt's arguments: what each becomes, and one sentence for what it cannot
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "cli/passt.h"
#include "test/unit/cli_line_kit.h"

static void
it_is_known_by_its_name_or_its_options(void **state)
{
	(void)state;
	assert_int_equal(parse_line("/usr/bin/passt -F 3"), 0);
	assert_true(o.passt && o.verb == VERB_SERVE && o.background);
	assert_int_equal(parse_line("sluice --quiet --fd 3"), 0);
	assert_true(o.passt && o.quiet);
	assert_int_equal(parse_line("sluice -q -f --fd=3"), 0);
	assert_true(o.passt && !o.background);
	assert_int_equal(parse_line("sluice --help"), 0);
	assert_false(o.passt);
	assert_int_equal(parse_line("passt --help"), 0);
	assert_true(o.passt && o.help);
	assert_int_equal(parse_line("sluice serve fd:3 -1"), 0);
	assert_false(o.passt);
}

static void
links(void **state)
{
	static const struct {
		const char *line;
		enum value_link_kind kind;
	} rows[] = {
	    {"passt --fd 3", LINK_FD},
	    {"passt --vhost-user --fd 3", LINK_VHOST_USER_FD},
	    {"passt --socket /x", LINK_QEMU},
	    {"passt --vhost-user -s /x", LINK_VHOST_USER},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(parse_line(rows[i].line), 0);
		assert_int_equal(o.link.kind, rows[i].kind);
		if (strstr(rows[i].line, "/x"))
			assert_string_equal(o.link.path, "/x");
		else
			assert_int_equal(o.link.fd, 3);
	}
}

static void
the_guest_is_told_what_passt_would_tell(void **state)
{
	(void)state;
	assert_int_equal(
	    parse_line("passt --fd 3 -a 10.9.0.5 -n 255.255.252.0 -a fd00::5 -g 10.9.0.1 -D 192.0.2.1 "
		       "--dns-host 192.0.2.2 --dns-forward 10.9.0.9 -S x.example -H box --fqdn a.b -m 0 "
		       "--no-dhcp"),
	    0);
	assert_string_equal(o.guest.ipv4.address, "10.9.0.5");
	assert_int_equal(o.guest.ipv4.plen, 22);
	assert_string_equal(o.guest.ipv4.gateway, "10.9.0.1");
	assert_string_equal(o.guest.ipv4.dns, "10.9.0.9");
	assert_string_equal(o.guest.ipv6.address, "fd00::5");
	assert_int_equal(o.guest.ipv6.plen, 64);
	assert_int_equal(o.config.nnameservers, 2);
	assert_string_equal(o.config.nameservers[1], "192.0.2.2");
	assert_string_equal(o.config.hostname, "box");
	assert_string_equal(o.config.search[0], "x.example");
	assert_int_equal(o.config.mtu, 1500);
	assert_true(o.config.no_dhcp);

	static const struct {
		const char *address;
		uint8_t plen;
	} classes[] = {{"10.9.0.5", 8}, {"172.16.0.9", 16}, {"192.168.1.9", 24}, {"192.168.1.9/28", 28}};
	for (size_t i = 0; i < COUNT(classes); i++) {
		char line[64];
		snprintf(line, sizeof(line), "passt --fd 3 -a %s", classes[i].address);
		assert_int_equal(parse_line(line), 0);
		assert_int_equal(o.guest.ipv4.plen, classes[i].plen);
	}
}

static void
is_published(size_t i, const char *bind, uint16_t first, uint16_t last, uint16_t guest, bool udp)
{
	const struct sluice_publish *p = &o.config.publish[i];

	assert_true(i < o.config.npublish);
	assert_string_equal(p->bind, bind);
	assert_int_equal(p->host_first, first);
	assert_int_equal(p->host_last, last);
	assert_int_equal(p->guest_first, guest);
	assert_int_equal(p->udp, udp);
}

static void
ports_of_each_form(void **state)
{
	(void)state;
	assert_int_equal(parse_line("passt --fd 3 -t 22 -u fd00::1/53:1053"), 0);
	assert_int_equal(o.config.npublish, 3);
	is_published(0, "0.0.0.0", 22, 22, 22, false);
	is_published(1, "::", 22, 22, 22, false);
	is_published(2, "fd00::1", 53, 53, 1053, true);
	/* Exclusions split a range, and the rest keeps its mapping; libvirt and muvm write ranges of one. */
	assert_int_equal(
	    parse_line("passt --fd 3 -t 127.0.0.1/~102,100-105:200-205,80-80:8080-8080 -t ::1/~9,9-11:19"),
	    0);
	assert_int_equal(o.config.npublish, 4);
	is_published(0, "127.0.0.1", 100, 101, 200, false);
	is_published(1, "127.0.0.1", 103, 105, 203, false);
	is_published(2, "127.0.0.1", 80, 80, 8080, false);
	is_published(3, "::1", 10, 11, 20, false);
	/* Nobody asks for a family that is off. */
	assert_int_equal(parse_line("passt --fd 3 -t 22 -4"), 0);
	assert_int_equal(o.config.npublish, 1);
	is_published(0, "0.0.0.0", 22, 22, 22, false);
	assert_int_equal(parse_line("passt --fd 3 -t none -u none"), 0);
	assert_int_equal(o.config.npublish, 0);
	assert_int_equal(parse_line("passt --fd 3 -t 127.0.0.1/65535:65535,1-2,~1-2"), 0);
	assert_int_equal(o.config.npublish, 1);
}

static void
what_has_no_effect_is_remembered(void **state)
{
	(void)state;
	assert_int_equal(
	    parse_line("passt --fd 3 -M 52:54:00:00:00:01 --interface eth0 --repair-path none --no-ra "
		       "--map-guest-addr none --stderr"),
	    0);
	assert_int_equal(o.nunused, 3);
	assert_string_equal(o.unused[0], "mac-addr");
	assert_string_equal(o.unused[1], "interface");
	assert_string_equal(o.unused[2], "no-ra");
}

static void
mistakes_are_named(void **state)
{
	static const struct mistake rows[] = {
	    {"passt", "--fd", "--socket"},
	    {"passt --fd 3 --socket /x", "--socket /x", "one of them"},
	    {"passt --fd x", "--fd x", "--fd 3"},
	    {"passt --frob", "--frob", "not an option of passt"},
	    {"passt -Z", "-Z", "not an option of passt"},
	    {"passt 1234", "1234", "options only"},
	    {"passt --fd", "--fd", "needs a value"},
	    {"passt --quiet=1 --fd 3", "--quiet=1", "no value"},
	    {"passt --fd 3 --runas nobody", "nobody", "setpriv"},
	    {"passt --fd 3 -a 10.0.0.5 -a 10.0.0.6", "10.0.0.6", "10.0.0.5"},
	    {"passt --fd 3 -a 10.0.0.5 -n 255.0.255.0", "255.0.255.0", "255.255.255.0"},
	    {"passt --fd 3 -g 10.7.0.1", "10.7.0.1", "10.0.2.15/24"},
	    {"passt --fd 3 -o eth0", "eth0", "192.0.2.1"},
	    {"passt --fd 3 --outbound-if4 averyveryverylongname", "averyvery", "15"},
	    {"passt --fd 3 --map-host-loopback 10.0.2.9", "10.0.2.9", "--gateway"},
	    {"passt --fd 3 -t all", "all", "name them"},
	    {"passt --fd 3 -u auto", "auto", "name them"},
	    {"passt --fd 3 -t 127.0.0.1/all", "127.0.0.1/all", "name them"},
	    {"passt --fd 3 -t ~22", "~22", "exclusions"},
	    {"passt --fd 3 -t %eth0/22", "%eth0/22", "address"},
	    {"passt --fd 3 -t 127.0.0.1%lo/22", "127.0.0.1%lo/22", "address"},
	    {"passt --fd 3 -t 1-3:5-6", "1-3:5-6", "different sizes"},
	    {"passt --fd 3 -t 10-20:65530", "10-20:65530", "different sizes"},
	    {"passt --fd 3 -t 3-1", "3-1", "PORT[-PORT]"},
	    {"passt --fd 3 -t 0", "'0'", "PORT[-PORT]"},
	    {"passt --fd 3 -t 65536", "65536", "PORT[-PORT]"},
	    {"passt --fd 3 -t 22;23", "22;23", "PORT[-PORT]"},
	    {"passt --fd 3 -t 127.0.0.1/", "127.0.0.1/", "PORT[-PORT]"},
	    {"passt --fd 3 -t x/22", "x/22", "192.0.2.1/22"},
	    {"passt --fd 3 -t /22", "/22", "192.0.2.1/22"},
	    {"passt --fd 3 -4 -6", "--no-ipv4", "no network"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		is_named(&rows[i], parse_line(rows[i].line));
}

/* --- the way ---------------------------------------------------------------------------------------- */

static int
asked(int protocol, const char *remote, const char *target, struct sluice_route *how)
{
	const struct sluice_connect c = {.size = sizeof(c),
					 .protocol = protocol,
					 .guest = "10.0.2.15:1",
					 .remote = remote,
					 .target = target};

	*how = (struct sluice_route){.size = sizeof(*how)};
	return way_answer(&o.way, &c, how);
}

static void
sockets_go_the_way_they_should(void **state)
{
	struct sluice_route how;

	(void)state;
	assert_int_equal(
	    parse_line("passt --fd 3 -o 192.0.2.9 -o fd00::9 --outbound-if4 eth4 --outbound-if6 eth6"), 0);
	assert_true(way_is_needed(&o.way));
	assert_int_equal(asked(IPPROTO_TCP, "192.0.2.1:80", "192.0.2.1:80", &how), 0);
	assert_string_equal(how.bind, "192.0.2.9");
	assert_string_equal(how.device, "eth4");
	assert_int_equal(asked(IPPROTO_UDP, "[fd01::1]:80", "[fd01::1]:80", &how), 0);
	assert_string_equal(how.bind, "fd00::9");
	assert_string_equal(how.device, "eth6");
	/* The host's own loopback is not reached by way of another interface. */
	assert_int_equal(asked(IPPROTO_TCP, "10.0.2.2:80", "127.0.0.1:80", &how), 0);
	assert_null(how.bind);
	assert_null(how.device);
	assert_int_equal(asked(IPPROTO_TCP, "[fd73:6c75:6963:65::2]:80", "[::1]:80", &how), 0);
	assert_null(how.device);

	assert_int_equal(parse_line("passt --fd 3 --no-map-gw"), 0);
	assert_int_equal(asked(IPPROTO_TCP, "10.0.2.2:80", "127.0.0.1:80", &how), ECONNREFUSED);
	assert_int_equal(asked(IPPROTO_UDP, "[fd73:6c75:6963:65::2]:80", "[::1]:80", &how), ECONNREFUSED);
	assert_int_equal(asked(IPPROTO_TCP, "10.0.2.23:80", "10.0.2.23:80", &how), 0);
	assert_int_equal(asked(IPPROTO_UDP, "10.0.2.3:53", "127.0.0.53:53", &how), 0); /* names are asked */

	assert_int_equal(parse_line("passt --fd 3 --no-tcp --no-udp --no-icmp"), 0);
	static const int protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6};
	for (size_t i = 0; i < COUNT(protocols); i++)
		assert_int_equal(asked(protocols[i], "192.0.2.1:80", "192.0.2.1:80", &how), ETIMEDOUT);
	assert_int_equal(parse_line("passt --fd 3"), 0);
	assert_false(way_is_needed(&o.way));
}

static int
end(void **state)
{
	(void)state;
	options_free(&o);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_known_by_its_name_or_its_options),  cmocka_unit_test(links),
	    cmocka_unit_test(the_guest_is_told_what_passt_would_tell), cmocka_unit_test(ports_of_each_form),
	    cmocka_unit_test(what_has_no_effect_is_remembered),        cmocka_unit_test(mistakes_are_named),
	    cmocka_unit_test(sockets_go_the_way_they_should),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
