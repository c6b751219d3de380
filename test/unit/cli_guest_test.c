/*
 * cli_guest_test.c - what the program writes: the guest's resolv.conf and hosts, the summary, why user
 * namespaces are forbidden; and what it reads of send queues
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/drain.h"
#include "cli/guest.h"
#include "cli/netns.h"
#include "cli/stats.h"

static struct sluice_guest
network_of(bool v4, bool v6)
{
	struct sluice_config cfg;
	struct sluice_guest net = {.size = sizeof(net)};

	sluice_config_init(&cfg);
	cfg.ipv4.off = !v4;
	cfg.ipv6.off = !v6;
	assert_int_equal(sluice_guest_info(&cfg, &net, NULL, 0), 0);
	return net;
}

/* What `write` makes of the host's file. */
static char *
written(void (*write_it)(FILE *, const struct sluice_guest *, FILE *), const struct sluice_guest *net,
	const char *host)
{
	static char text[2048];
	char copy[1024];
	FILE *to = fmemopen(text, sizeof(text), "w"), *from = NULL;

	if (host) {
		snprintf(copy, sizeof(copy), "%s", host);
		from = fmemopen(copy, strlen(copy), "r");
	}
	write_it(to, net, from);
	if (from)
		fclose(from);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void
resolv_conf_leads_to_the_gateway(void **state)
{
	struct sluice_guest both = network_of(true, true), four = network_of(true, false);
	const char *text = written(guest_resolv_conf, &both,
				   "# nameserver 1.1.1.1\nnameserver 192.0.2.1\nsearch a.example b.example\n"
				   "searching nothing\n\noptions edns0 ndots:2");

	(void)state;
	assert_non_null(strstr(text, "\nnameserver 10.0.2.3\nnameserver fd73:6c75:6963:65::3\n"));
	assert_non_null(strstr(text, "\nsearch a.example b.example\noptions edns0 ndots:2\n"));
	assert_null(strstr(text, "192.0.2.1"));
	assert_null(strstr(text, "1.1.1.1"));
	assert_null(strstr(text, "searching"));
	text = written(guest_resolv_conf, &four, NULL);
	assert_non_null(strstr(text, "nameserver 10.0.2.3\n"));
	assert_null(strstr(text, "fd73"));
}

static void
hosts_gains_the_host(void **state)
{
	struct sluice_guest both = network_of(true, true), six = network_of(false, true);

	(void)state;
	assert_string_equal(written(guest_hosts, &both, "127.0.0.1 localhost"),
			    "127.0.0.1 localhost\n10.0.2.2\thost.sluice.internal\n"
			    "fd73:6c75:6963:65::2\thost.sluice.internal\n");
	assert_string_equal(written(guest_hosts, &six, NULL), "fd73:6c75:6963:65::2\thost.sluice.internal\n");
}

/* --- the summary ----------------------------------------------------------------------------------- */

static const struct stats_counter counters[] = {{"frames_in", 12},
						{"eth_source", 3},
						{"ip_ttl", 0},
						{"tcp refused by the host", 1},
						{"odd \"name\"\n", 2}};

static char *
summary(bool json)
{
	static char text[4096];
	const struct sluice_stats st = {.size = sizeof(st),
					.frames_in = 12,
					.tcp_opened = 1,
					.tcp_refused = 1,
					.bytes_to_host = 85,
					.bytes_to_guest = 31744,
					.dropped = 3,
					.confined = SLUICE_CONFINED_CALLS | SLUICE_CONFINED_VIEW};
	FILE *to = fmemopen(text, sizeof(text), "w");

	(json ? stats_print_json : stats_print)(to, &st, counters, sizeof(counters) / sizeof(counters[0]),
						1.25);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void
summary_says_what_happened(void **state)
{
	const char *text = summary(false);

	(void)state;
	assert_non_null(strstr(text, "85 bytes to the host, 31.0 KiB to the guest"));
	assert_non_null(strstr(text, "1 flow, 1 refused"));
	assert_non_null(strstr(text, "3  eth_source"));
	assert_non_null(strstr(text, "sandbox    calls, view\n"));
	assert_null(strstr(text, "ip_ttl")); /* what did not happen is not said */
	assert_null(strstr(text, "frames_in"));
}

static void
json_is_one_line_of_every_number(void **state)
{
	const char *text = summary(true);

	(void)state;
	assert_non_null(strstr(text, "{\"seconds\":1.250,\"frames_in\":12,"));
	assert_non_null(strstr(text, "\"bytes_to_guest\":31744,"));
	assert_non_null(strstr(text, "\"ip_ttl\":0,"));
	assert_non_null(strstr(text, ",\"confined\":[\"calls\",\"view\"],\"counters\":{"));
	assert_non_null(strstr(text, "\"odd \\\"name\\\"\\u000a\":2}}\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

/* --- refusals of namespaces ------------------------------------------------------------------------ */

static char root[] = "/tmp/cli_guest_test.XXXXXX";

static void
put_setting(const char *name, const char *value)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", root, name);
	unlink(path);
	if (!value)
		return;
	FILE *to = fopen(path, "w");
	assert_non_null(to);
	fputs(value, to);
	assert_int_equal(fclose(to), 0);
}

static int
make_settings(void **state)
{
	char path[128];

	(void)state;
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/kernel", root);
	if (mkdir(path, 0700) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/user", root);
	return mkdir(path, 0700);
}

static int
remove_settings(void **state)
{
	static const char *const all[] = {"kernel/unprivileged_userns_clone",
					  "kernel/apparmor_restrict_unprivileged_userns",
					  "user/max_user_namespaces"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		put_setting(all[i], NULL);
	snprintf(path, sizeof(path), "%s/kernel", root);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/user", root);
	rmdir(path);
	return rmdir(root);
}

static void
the_setting_that_forbids_is_named(void **state)
{
	char why[320];

	(void)state;
	put_setting("user/max_user_namespaces", "96365\n");
	netns_explain(EPERM, root, why, sizeof(why));
	assert_non_null(strstr(why, "no sysctl forbids it"));
	netns_explain(ENOSPC, root, why, sizeof(why));
	assert_non_null(strstr(why, "user.max_user_namespaces"));

	put_setting("kernel/apparmor_restrict_unprivileged_userns", "1\n");
	netns_explain(EACCES, root, why, sizeof(why));
	assert_non_null(strstr(why, "kernel.apparmor_restrict_unprivileged_userns=1 forbids it"));
	assert_non_null(strstr(why, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"));

	put_setting("user/max_user_namespaces", "0\n");
	netns_explain(ENOSPC, root, why, sizeof(why));
	assert_non_null(strstr(why, "user.max_user_namespaces=0 forbids it"));

	put_setting("kernel/unprivileged_userns_clone", "0\n");
	netns_explain(EPERM, root, why, sizeof(why));
	assert_non_null(strstr(why, "sysctl -w kernel.unprivileged_userns_clone=1"));
	put_setting("kernel/unprivileged_userns_clone", "1\n");
	put_setting("user/max_user_namespaces", "01\n");
	put_setting("kernel/apparmor_restrict_unprivileged_userns", "0\n");
	netns_explain(EPERM, root, why, sizeof(why));
	assert_non_null(strstr(why, "no sysctl forbids it"));
}

static void
send_queues_are_read(void **state)
{
	(void)state;
	assert_true(
	    drain_is_pending("   1: 0F02000A:CA5E 0202000A:1B5A 04 0000F8A1:00000000 01:00000014 00000000"));
	assert_true(drain_is_pending(
	    "   0: 0000000000000000FFFF00000F02000A:CA5E 0000000000000000FFFF00000202000A:1B5A 01 "
	    "00000001:00000000 01:00000014"));
	assert_false(
	    drain_is_pending("  12: 0F02000A:CA5E 0202000A:1B5A 05 00000000:00000007 00:00000000 00000000"));
	assert_false(
	    drain_is_pending("   0: 0100007F:1B5A 00000000:0000 0A 00000005:00000000 00:00000000 00000000"));
	assert_false(
	    drain_is_pending("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"));
	assert_false(drain_is_pending(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(resolv_conf_leads_to_the_gateway),
	    cmocka_unit_test(hosts_gains_the_host),
	    cmocka_unit_test(summary_says_what_happened),
	    cmocka_unit_test(json_is_one_line_of_every_number),
	    cmocka_unit_test(send_queues_are_read),
	    cmocka_unit_test_setup_teardown(the_setting_that_forbids_is_named, make_settings,
					    remove_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
