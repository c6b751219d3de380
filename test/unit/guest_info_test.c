/*
 * guest_info_test.c - what the guest must be told, as data and as environment, is what the gateway then does
 */
#include "test/unit/gateway_kit.h"

static const char *const domains[] = {"lab.example", "example"};

static struct sluice_guest
info(const struct sluice_config *cfg)
{
	struct sluice_guest g = {.size = sizeof(g)};
	char err[256] = "none";

	if (sluice_guest_info(cfg, &g, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	assert_string_equal(err, "");
	assert_int_equal(g.size, sizeof(g));
	return g;
}

static void
the_defaults(void **state)
{
	struct sluice_config cfg;

	(void)state;
	sluice_config_init(&cfg);
	struct sluice_guest g = info(&cfg);
	assert_int_equal(g.mtu, 1500);
	assert_memory_equal(g.mac, "\0\0\0\0\0\0", 6);
	assert_memory_equal(g.gateway_mac, "\x52\x55\x0a\0\2\2", 6);
	assert_true(g.ipv4.on && g.ipv6.on);
	assert_string_equal(g.ipv4.address, "10.0.2.15");
	assert_int_equal(g.ipv4.plen, 24);
	assert_string_equal(g.ipv4.gateway, "10.0.2.2");
	assert_string_equal(g.ipv4.dns, "10.0.2.3");
	assert_int_equal(g.ipv4.nroute, 1);
	assert_string_equal(g.ipv4.route[0].to, "0.0.0.0/0");
	assert_string_equal(g.ipv4.route[0].via, "10.0.2.2");
	assert_string_equal(g.ipv6.address, "fd73:6c75:6963:65::15");
	assert_int_equal(g.ipv6.plen, 64);
	assert_string_equal(g.ipv6.route[0].to, "::/0");
	assert_string_equal(g.ipv6.route[0].via, "fd73:6c75:6963:65::2");
	assert_string_equal(g.hostname, "");
	assert_string_equal(g.search, "");
}

static void
what_was_configured(void **state)
{
	(void)state;
	conf.gateway.mtu = 9000;
	conf.gateway.ipv4.guest = "192.168.7.20/28";
	conf.gateway.ipv4.gateway = "192.168.7.30";
	conf.gateway.ipv4.dns = "9.9.9.9";
	conf.gateway.ipv6.off = true;
	conf.gateway.hostname = "box";
	conf.gateway.search = domains;
	conf.gateway.nsearch = 2;
	struct sluice_guest g = info(&conf.gateway);
	assert_int_equal(g.mtu, 9000);
	assert_memory_equal(g.mac, conf.gateway.guest_mac, 6);
	assert_string_equal(g.ipv4.address, "192.168.7.20");
	assert_int_equal(g.ipv4.plen, 28);
	assert_string_equal(g.ipv4.route[0].via, "192.168.7.30");
	assert_string_equal(g.ipv4.dns, "9.9.9.9");
	assert_false(g.ipv6.on);
	assert_int_equal(g.ipv6.nroute, 0);
	assert_string_equal(g.ipv6.address, "");
	assert_string_equal(g.hostname, "box");
	assert_string_equal(g.search, "lab.example example");
}

/* The same as a gateway made from it decides. */
static void
the_gateway_agrees(void **state)
{
	(void)state;
	conf.gateway.ipv4.guest = "10.1.2.4/29";
	conf.gateway.ipv6.guest = "2001:db8:5::9/64";
	struct sluice_guest g = info(&conf.gateway);
	begin();
	const struct stack_config *sc = &bed->gw->stack.cfg;
	for (int fam = 0; fam < FAMILIES; fam++) {
		const struct sluice_guest_net *net = fam == FAMILY_V4 ? &g.ipv4 : &g.ipv6;
		struct addr address = addr_of(net->address), gateway = addr_of(net->gateway),
			    dns = addr_of(net->dns);

		assert_true(addr_eq(&address, &sc->net[fam].guest));
		assert_true(addr_eq(&gateway, &sc->net[fam].gateway));
		assert_true(addr_eq(&dns, &sc->net[fam].dns));
		assert_int_equal(net->plen, sc->net[fam].plen);
	}
	assert_memory_equal(g.gateway_mac, sc->mac.b, 6);
	end();
}

/* What sluice_new() would refuse is refused here, with the same sentence. */
static void
what_is_refused(void **state)
{
	struct sluice_guest g = {.size = sizeof(g), .mtu = 77};
	struct sluice_config cfg;
	char err[256], other[256];

	(void)state;
	for (int i = 0; i < 5; i++) {
		sluice_config_init(&cfg);
		cfg.mtu = i == 0 ? 100 : 0;
		cfg.ipv4.guest = i == 1 ? "10.0.2.15" : NULL;
		cfg.ipv6.gateway = i == 2 ? "fe80::1" : NULL;
		cfg.hostname = i == 3 ? "a b" : NULL;
		cfg.gateway_mac[0] = i == 4;
		assert_int_equal(sluice_guest_info(&cfg, &g, err, sizeof(err)), -1);
		assert_true(strlen(err) > 10);
		/* Refused before the port is looked at, which is not there. */
		cfg.link_kind = SLUICE_LINK_PORT;
		if (i == 0) {
			assert_null(sluice_new(&cfg, other, sizeof(other)));
			assert_string_equal(err, other);
		}
		assert_int_equal(g.mtu, 77);
		assert_int_equal(sluice_guest_info(&cfg, &g, NULL, 0), -1);
	}
}

static void
sizes(void **state)
{
	struct sluice_guest g;
	struct sluice_config cfg;
	char err[256];

	(void)state;
	sluice_config_init(&cfg);
	memset(&g, 0xee, sizeof(g));
	g.size = offsetof(struct sluice_guest, ipv6);
	assert_int_equal(sluice_guest_info(&cfg, &g, err, sizeof(err)), 0);
	assert_int_equal(g.size, offsetof(struct sluice_guest, ipv6));
	assert_string_equal(g.ipv4.dns, "10.0.2.3");
	assert_int_equal((uint8_t)g.ipv6.address[0], 0xee);
	/* Its environment is of what it has. */
	char text[SLUICE_ENV_TEXT];
	size_t n = 0;
	while (sluice_guest_env(&g, n, text) > 0)
		assert_null(strstr(text, "IPV6")), n++;
	assert_int_equal(n, 4); /* three of IPv4, and the MTU */
	g.size = 0;
	assert_int_equal(sluice_guest_info(&cfg, &g, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "sizeof"));
	/* A configuration that is none. */
	g.size = sizeof(g);
	cfg.size = 1;
	assert_int_equal(sluice_guest_info(&cfg, &g, err, sizeof(err)), -1);
}

static void
as_environment(void **state)
{
	static const char *const want[] = {
	    "SLUICE_IPV4=10.0.2.15/24",
	    "SLUICE_IPV4_GATEWAY=10.0.2.2",
	    "SLUICE_IPV4_DNS=10.0.2.3",
	    "SLUICE_IPV6=fd73:6c75:6963:65::15/64",
	    "SLUICE_IPV6_GATEWAY=fd73:6c75:6963:65::2",
	    "SLUICE_IPV6_DNS=fd73:6c75:6963:65::3",
	    "SLUICE_MTU=1500",
	    "SLUICE_MAC=52:54:00:12:34:56",
	    "SLUICE_HOSTNAME=box",
	    "SLUICE_SEARCH=lab.example example",
	};
	char text[SLUICE_ENV_TEXT];

	(void)state;
	conf.gateway.hostname = "box";
	conf.gateway.search = domains;
	conf.gateway.nsearch = 2;
	struct sluice_guest g = info(&conf.gateway);
	for (size_t n = 0; n < sizeof(want) / sizeof(want[0]); n++) {
		assert_int_equal(sluice_guest_env(&g, n, text), strlen(want[n]));
		assert_string_equal(text, want[n]);
	}
	assert_int_equal(sluice_guest_env(&g, sizeof(want) / sizeof(want[0]), text), 0);
	assert_string_equal(text, "");
	assert_int_equal(sluice_guest_env(&g, SIZE_MAX, text), 0);
}

/* The longest there may be: 255 bytes of domains on the wire, each with a blank. */
static void
the_longest_texts(void **state)
{
	static const char label[] = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy";
	char domain[4][64], text[SLUICE_ENV_TEXT];
	const char *list[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		snprintf(domain[i], sizeof(domain[i]), "%s", label);
		list[i] = domain[i];
	}
	domain[3][59] = '\0';
	conf.gateway.search = list;
	conf.gateway.nsearch = 4;
	struct sluice_guest g = info(&conf.gateway);
	assert_int_equal(strlen(g.search), strlen(domain[0]) * 3 + strlen(domain[3]) + 3);
	size_t last = 0;
	while (sluice_guest_env(&g, last + 1, text) > 0)
		last++;
	int n = sluice_guest_env(&g, last, text);
	assert_in_range(n, 250, SLUICE_ENV_TEXT - 1);
	assert_string_equal(text + strlen("SLUICE_SEARCH="), g.search);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
	    TEST(the_defaults), TEST(what_was_configured), TEST(the_gateway_agrees), TEST(what_is_refused),
	    TEST(sizes),        TEST(as_environment),      TEST(the_longest_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
