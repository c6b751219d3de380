/*
 * dns_service_policy_test.c - names that are refused, answers that are cleaned, and what an answer proves
 */
#include "test/unit/dns_kit.h"

#include <errno.h>

static struct sluice_rule rules[8];
static const char *const one_server[] = {SERVER_A};

static int
fresh_policy(void **state)
{
	fresh(state);
	conf.gateway.nameservers = one_server;
	conf.gateway.nnameservers = 1;
	conf.gateway.rules = rules;
	conf.gateway.nrules = 0;
	return 0;
}

static void
rule(const char *text)
{
	rules[conf.gateway.nrules++] = (struct sluice_rule){.text = text};
}

static int
udp(const char *server)
{
	return server_fd(HOST_UDP, server, 0);
}

static bool
is_proved(const char *name, const char *addr)
{
	struct name n;
	struct addr a = addr_of(addr);

	assert_true(name_parse(name, strlen(name), &n));
	return evidence_left(bed->gw->evidence, &n, &a, bed_now(bed)) > 0;
}

/* --- names -------------------------------------------------------------------------------------------------- */

static void
a_refused_name_never_leaves(void **state)
{
	(void)state;
	rule("deny to *.evil.example \"not this one\"");
	begin();
	asks(1, "www.evil.example", DNS_A);
	struct told t = hears_rcode(1, DNS_NXDOMAIN);
	assert_int_equal(t.ede, EDE_BLOCKED);
	assert_non_null(strstr(t.text, "www.evil.example"));
	assert_non_null(strstr(t.text, "evil.example"));
	assert_int_equal(server_sockets(HOST_UDP), 0);
	assert_int_equal(counted(GW_POLICY_REFUSED), 1);
	assert_int_equal(counted(GW_DNS_FORWARDED), 0);
	/* Others do. */
	asks(2, "notevil.example", DNS_A);
	resolves(udp(SERVER_A), 2, "93.184.216.1");
	end();
}

static void
dropped_in_silence(void **state)
{
	(void)state;
	rule("drop to silent.example");
	begin();
	asks(1, "silent.example", DNS_A);
	expect_silence();
	assert_int_equal(counted(GW_POLICY_REFUSED), 1);
	end();
}

static void
only_allowed_names(void **state)
{
	(void)state;
	conf.gateway.profiles = "none";
	rule("allow tcp/443 to *.github.com");
	begin();
	asks(1, "example.com", DNS_A);
	hears_rcode(1, DNS_NXDOMAIN);
	/* For whatever ports it is allowed, the name may be asked for. */
	asks(2, "api.github.com", DNS_A);
	resolves(udp(SERVER_A), 2, "93.184.216.1");
	end();
}

/* Names of the chain that a rule denies deny the answer. */
static void
a_denied_alias(void **state)
{
	(void)state;
	rule("deny to tracker.example");
	begin();
	asks(1, "www.example", DNS_A);
	struct message m =
	    *answer_to(server_hears(udp(SERVER_A)), 0x8180, &(const char *){"93.184.216.1"}, 1, 300);
	/* www.example CNAME tracker.example, tracker.example A */
	struct wr w = wr_of(m.bytes + 12 + 17, 200);
	wr_bytes(&w, "\300\14\0\5\0\1\0\0\1\54\0\12\7tracker\300\20", 22);
	wr_bytes(&w, "\300\51\0\1\0\1\0\0\1\54\0\4\135\270\330\1", 16);
	m.bytes[7] = 2;
	m.len = (size_t)(w.p - m.bytes);
	server_sends(udp(SERVER_A), &m);
	struct told t = hears_rcode(1, DNS_NXDOMAIN);
	assert_int_equal(t.ede, EDE_BLOCKED);
	assert_non_null(strstr(t.text, "tracker.example"));
	assert_false(is_proved("www.example", "93.184.216.1"));
	end();
}

/* --- what an answer proves ---------------------------------------------------------------------------------- */

static void
an_answer_proves(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	resolves(udp(SERVER_A), 1, "93.184.216.1");
	assert_true(is_proved("a.example", "93.184.216.1"));
	assert_false(is_proved("b.example", "93.184.216.1"));
	assert_false(is_proved("a.example", "93.184.216.2"));
	end();
}

static void
a_ttl_is_no_longer_than_its_proof(void **state)
{
	(void)state;
	begin();
	struct name n;
	struct addr a = addr_of("93.184.216.1");
	assert_true(name_parse("a.example", 9, &n));
	asks(1, "a.example", DNS_A);
	server_sends(udp(SERVER_A), answer_to(server_hears(udp(SERVER_A)), 0x8180,
					      &(const char *){"93.184.216.1"}, 1, 1000000));
	assert_int_equal(hears(1).ttl, 3600);
	for (uint16_t i = 2; i < 8; i++) {
		wait_for(500 * USEC_PER_SEC);
		asks(i, "a.example", DNS_A);
		struct told t = hears(i);
		assert_int_equal(t.ttl, 3600 - 500 * (i - 1));
		assert_true(t.ttl * USEC_PER_SEC <= evidence_left(bed->gw->evidence, &n, &a, bed_now(bed)));
	}
	assert_int_equal(counted(GW_DNS_FORWARDED), 1);
	end();
}

/* --- a resolver the guest chose ------------------------------------------------------------------------------ */

static void
asks_at(const char *server, uint16_t id, const char *name)
{
	const struct message *m = question(id, name, DNS_A, 1232);
	struct endpoint to = at(server, 53);

	guest_udp((uint16_t)(5000 + id), &to, m->bytes, m->len);
	bed_settle(bed);
}

static struct told
hears_from(const char *server, uint16_t id)
{
	struct addr from = addr_of(server);
	struct bed_frame *f = expect(STRICT_UDP);
	struct told t = read_told(f->is.payload);

	assert_true(addr_eq(&f->is.ip.src, &from));
	assert_int_equal(t.id, id);
	free(f);
	return t;
}

static void
chosen_is_asked_and_proves_nothing(void **state)
{
	(void)state;
	begin();
	asks_at("8.8.8.8", 1, "a.example");
	assert_int_equal(udp(SERVER_A), -1);
	server_answers(udp("8.8.8.8"), "93.184.216.1");
	assert_int_equal(hears_from("8.8.8.8", 1).answers, 1);
	assert_false(is_proved("a.example", "93.184.216.1"));
	/* Nor is it remembered, for itself or for us. */
	asks(2, "a.example", DNS_A);
	resolves(udp(SERVER_A), 2, "93.184.216.2");
	asks_at("8.8.8.8", 3, "a.example");
	assert_true(udp("8.8.8.8") >= 0);
	end();
}

/* Nobody else is asked in its place. */
static void
chosen_stays_chosen(void **state)
{
	(void)state;
	begin();
	asks_at("8.8.8.8", 1, "a.example");
	wait_for(3 * USEC_PER_SEC);
	assert_int_equal(udp(SERVER_A), -1);
	assert_int_equal(server_fd(HOST_TCP, "8.8.8.8", 0), -1);
	wait_for(1500 * USEC_PER_MSEC);
	struct told t = hears_from("8.8.8.8", 1);
	assert_int_equal(t.rcode, DNS_SERVFAIL);
	asks_at("8.8.8.8", 2, "b.example");
	server_says(udp("8.8.8.8"), DNS_REFUSED);
	assert_int_equal(hears_from("8.8.8.8", 2).rcode, DNS_REFUSED);
	/* What it cut short, the guest fetches itself. */
	asks_at("8.8.8.8", 3, "c.example");
	server_sends(udp("8.8.8.8"), answer_to(server_hears(udp("8.8.8.8")), 0x8380, NULL, 0, 0));
	assert_true(hears_from("8.8.8.8", 3).truncated);
	end();
}

static void
chosen_must_be_allowed(void **state)
{
	(void)state;
	rule("deny to 8.8.8.8");
	begin();
	asks_at("8.8.8.8", 1, "a.example");
	expect_error(ICMP4_UNREACHABLE, 13, 0, NULL);
	struct peer p = peer_to(40000, at("8.8.8.8", 53));
	peer_send(&p, TCP_SYN, NULL, 0);
	struct bed_frame *f = expect(STRICT_TCP);
	assert_true(f->is.tcp.flags & TCP_RST);
	free(f);
	assert_int_equal(server_sockets(HOST_UDP) + server_sockets(HOST_TCP), 0);
	end();
}

/* It is no way around policy, nor around rebinding protection. */
static void
chosen_is_filtered_alike(void **state)
{
	(void)state;
	rule("deny to evil.example");
	begin();
	asks_at("8.8.8.8", 1, "evil.example");
	assert_int_equal(hears_from("8.8.8.8", 1).rcode, DNS_NXDOMAIN);
	asks_at("8.8.8.8", 2, "a.example");
	server_answers(udp("8.8.8.8"), "10.0.0.1");
	struct told t = hears_from("8.8.8.8", 2);
	assert_int_equal(t.answers, 0);
	assert_int_equal(t.ede, EDE_BLOCKED);
	end();
}

/* The gateway's address is the host: its nameserver is a destination, not ours. */
static void
the_hosts_own_nameserver(void **state)
{
	(void)state;
	begin();
	asks_at("10.0.2.2", 1, "a.example");
	server_answers(udp("127.0.0.1"), "93.184.216.1");
	assert_int_equal(hears_from("10.0.2.2", 1).answers, 1);
	assert_false(is_proved("a.example", "93.184.216.1"));
	end();
}

static void
fragmented_questions_are_judged(void **state)
{
	(void)state;
	rule("deny to evil.example");
	begin();
	const struct message *m = question(1, "evil.example", DNS_A, 1232);
	struct endpoint dns = dns_at(FAMILY_V4);
	guest_udp_pieces(5001, &dns, m->bytes, m->len, 24);
	assert_int_equal(hears(1).rcode, DNS_NXDOMAIN);
	end();
}

/* --- rebinding ---------------------------------------------------------------------------------------------- */

static void
special_addresses_are_taken_out(void **state)
{
	static const char *const both[] = {"10.0.0.1", "93.184.216.1", "127.0.0.1"};

	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	server_sends(udp(SERVER_A), answer_to(server_hears(udp(SERVER_A)), 0x8180, both, 3, 300));
	hears_address(1, "93.184.216.1");
	assert_int_equal(counted(GW_DNS_FILTERED), 1);
	asks(2, "b.example", DNS_A);
	server_answers(udp(SERVER_A), "169.254.169.254");
	for (uint16_t i = 2; i < 4; i++) {
		struct told t = hears_rcode(i, DNS_NOERROR);

		assert_int_equal(t.answers, 0);
		assert_int_equal(t.ede, EDE_BLOCKED);
		assert_non_null(strstr(t.text, "169.254.169.254"));
		/* From the cache it is explained alike. */
		if (i == 2)
			asks(3, "b.example", DNS_A);
	}
	assert_false(is_proved("b.example", "169.254.169.254"));
	end();
}

static void
exempt_by_rule_or_by_name(void **state)
{
	static const char *const names[] = {"*.corp.example"};

	(void)state;
	rule("allow to 10.1.0.0/16");
	conf.gateway.rebind_allow = names;
	conf.gateway.nrebind_allow = 1;
	begin();
	asks(1, "a.example", DNS_A);
	resolves(udp(SERVER_A), 1, "10.1.2.3");
	asks(2, "b.example", DNS_A);
	server_answers(udp(SERVER_A), "10.2.2.3");
	assert_int_equal(hears(2).answers, 0);
	asks(3, "x.corp.example", DNS_A);
	resolves(udp(SERVER_A), 3, "10.2.2.3");
	end();
}

static void
protection_switched_off(void **state)
{
	(void)state;
	conf.gateway.no_rebind_protection = true;
	begin();
	asks(1, "a.example", DNS_A);
	resolves(udp(SERVER_A), 1, "10.1.2.3");
	assert_int_equal(counted(GW_DNS_FILTERED), 0);
	end();
}

/* --- families ----------------------------------------------------------------------------------------------- */

static void
no_path_of_a_family(void **state)
{
	struct endpoint root = at("2001:503:ba3e::2:30", 53);

	(void)state;
	begin();
	vhost_answer(bed->vhost, HOST_UDP, &root, VHOST_UNREACH_NET);
	asks(1, "a.example", DNS_AAAA);
	struct told t = hears_rcode(1, DNS_NOERROR);
	assert_int_equal(t.answers, 0);
	assert_int_equal(counted(GW_DNS_FORWARDED), 0);
	asks(2, "a.example", DNS_A);
	resolves(udp(SERVER_A), 2, "93.184.216.1");
	/* The host is looked at again after a while. */
	vhost_answer(bed->vhost, HOST_UDP, &root, VHOST_ACCEPT);
	wait_for(6 * USEC_PER_SEC);
	asks(3, "a.example", DNS_AAAA);
	server_answers(udp(SERVER_A), "2001:4860:4860::8888");
	assert_int_equal(hears(3).answers, 1);
	end();
}

/* What runs short here for a moment says nothing about where a family leads. */
static void
a_shortage_is_no_missing_path(void **state)
{
	static const int shortages[] = {EAGAIN, ENOBUFS, ENOMEM};

	(void)state;
	for (size_t i = 0; i < sizeof(shortages) / sizeof(shortages[0]); i++) {
		begin();
		vhost_fail(bed->vhost, "connect", 1, shortages[i]);
		asks(1, "a.example", DNS_AAAA);
		server_answers(udp(SERVER_A), "2001:4860:4860::8888");
		assert_int_equal(hears(1).answers, 1);
		end();
	}
	begin();
	vhost_fail(bed->vhost, "connect", 1, EADDRNOTAVAIL);
	asks(1, "a.example", DNS_AAAA);
	assert_int_equal(hears_rcode(1, DNS_NOERROR).answers, 0);
	assert_int_equal(counted(GW_DNS_FORWARDED), 0);
	end();
}

static void
no_path_at_all_suppresses_nothing(void **state)
{
	struct endpoint root6 = at("2001:503:ba3e::2:30", 53), root4 = at("198.41.0.4", 53);

	(void)state;
	begin();
	vhost_answer(bed->vhost, HOST_UDP, &root6, VHOST_UNREACH_NET);
	vhost_answer(bed->vhost, HOST_UDP, &root4, VHOST_UNREACH_NET);
	asks(1, "a.example", DNS_AAAA);
	server_answers(udp(SERVER_A), "2001:4860:4860::8888");
	assert_int_equal(hears(1).answers, 1);
	end();
}

static void
a_family_the_guest_has_not(void **state)
{
	(void)state;
	conf.gateway.ipv6.off = true;
	begin();
	asks(1, "a.example", DNS_AAAA);
	assert_int_equal(hears_rcode(1, DNS_NOERROR).answers, 0);
	assert_int_equal(counted(GW_DNS_FORWARDED), 0);
	end();
}

/* --- the gateway's own names -------------------------------------------------------------------------------- */

static void
known_names(void **state)
{
	static const char *const hosts[] = {"db.internal=10.9.8.7"};

	(void)state;
	conf.gateway.hosts = hosts;
	conf.gateway.nhosts = 1;
	begin();
	asks(1, "host.sluice.internal", DNS_A);
	hears_address(1, "10.0.2.2");
	asks(2, "gateway.sluice.internal", DNS_A);
	hears_address(2, "10.0.2.3");
	asks(3, "db.internal", DNS_A);
	hears_address(3, "10.9.8.7");
	assert_true(is_proved("db.internal", "10.9.8.7"));
	asks(4, "use-application-dns.net", DNS_A);
	hears_rcode(4, DNS_NXDOMAIN);
	asks(5, "printer.local", DNS_A);
	hears_rcode(5, DNS_NXDOMAIN);
	assert_int_equal(counted(GW_DNS_LOCAL), 5);
	assert_int_equal(counted(GW_DNS_FORWARDED), 0);
	end();
}

/* Who may ask for nothing still finds the page that says why. */
static void
own_names_need_no_rule(void **state)
{
	(void)state;
	conf.gateway.profiles = "none";
	begin();
	asks(1, "gateway.sluice.internal", DNS_A);
	hears_address(1, "10.0.2.3");
	asks(2, "below.gateway.sluice.internal", DNS_A);
	hears_rcode(2, DNS_NXDOMAIN);
	asks(3, "a.example", DNS_A);
	hears_rcode(3, DNS_NXDOMAIN);
	assert_int_equal(counted(GW_POLICY_REFUSED), 2);
	end();
}

static void
own_names_can_be_denied(void **state)
{
	(void)state;
	rule("deny to gateway.sluice.internal");
	begin();
	asks(1, "gateway.sluice.internal", DNS_A);
	hears_rcode(1, DNS_NXDOMAIN);
	asks(2, "host.sluice.internal", DNS_A);
	hears_address(2, "10.0.2.2");
	end();
}

static void
a_policy_that_changes(void **state)
{
	char err[256];

	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	resolves(udp(SERVER_A), 1, "93.184.216.1");
	rule("deny to a.example");
	assert_int_equal(sluice_reload(bed->gw, &conf.gateway, err, sizeof(err)), 0);
	bed_settle(bed);
	asks(2, "a.example", DNS_A);
	hears_rcode(2, DNS_NXDOMAIN);
	conf.gateway.nrules = 0;
	conf.gateway.nameservers = &two_servers[1];
	assert_int_equal(sluice_reload(bed->gw, &conf.gateway, err, sizeof(err)), 0);
	bed_settle(bed);
	/* The cache is empty, and the servers are the new ones. */
	asks(3, "a.example", DNS_A);
	resolves(udp(SERVER_B), 3, "93.184.216.2");
	end();
}

static void
takes_new_policy(void)
{
	char err[256];

	assert_int_equal(sluice_reload(bed->gw, &conf.gateway, err, sizeof(err)), 0);
	bed_settle(bed);
}

/* What was asked under another policy is not asked again of anybody, nor believed when the answer comes. */
static void
P12_questions_under_way(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	asks(2, "b.example", DNS_A);
	asks_at("8.8.8.8", 3, "b.example");
	assert_int_equal(server_sockets(HOST_UDP), 3);
	rule("deny to a.example");
	rule("deny to 8.8.8.8");
	takes_new_policy();
	assert_int_equal(hears_rcode(1, DNS_NXDOMAIN).ede, EDE_BLOCKED);
	expect_error(ICMP4_UNREACHABLE, 13, 0, NULL);
	assert_int_equal(server_sockets(HOST_UDP), 1);
	/* The other goes on. */
	resolves(udp(SERVER_A), 2, "93.184.216.1");
	assert_false(is_proved("a.example", "93.184.216.1"));
	wait_for(5 * USEC_PER_SEC);
	expect_silence();
	end();
}

static void
P12_questions_may_be_kept(void **state)
{
	(void)state;
	begin();
	asks(1, "a.example", DNS_A);
	rule("deny to a.example");
	conf.gateway.keep_flows = true;
	takes_new_policy();
	resolves(udp(SERVER_A), 1, "93.184.216.1");
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_policy)
	const struct CMUnitTest tests[] = {
	    TEST(a_refused_name_never_leaves),
	    TEST(dropped_in_silence),
	    TEST(only_allowed_names),
	    TEST(a_denied_alias),
	    TEST(an_answer_proves),
	    TEST(a_ttl_is_no_longer_than_its_proof),
	    TEST(chosen_is_asked_and_proves_nothing),
	    TEST(chosen_stays_chosen),
	    TEST(chosen_must_be_allowed),
	    TEST(chosen_is_filtered_alike),
	    TEST(the_hosts_own_nameserver),
	    TEST(fragmented_questions_are_judged),
	    TEST(special_addresses_are_taken_out),
	    TEST(exempt_by_rule_or_by_name),
	    TEST(protection_switched_off),
	    TEST(no_path_of_a_family),
	    TEST(a_shortage_is_no_missing_path),
	    TEST(no_path_at_all_suppresses_nothing),
	    TEST(a_family_the_guest_has_not),
	    TEST(known_names),
	    TEST(own_names_need_no_rule),
	    TEST(own_names_can_be_denied),
	    TEST(a_policy_that_changes),
	    TEST(P12_questions_under_way),
	    TEST(P12_questions_may_be_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
