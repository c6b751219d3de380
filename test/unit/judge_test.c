/*
 * judge_test.c - what policy says to flows as they begin: nothing of what it refuses reaches the host, and the guest is
 * told in its own protocol, or not at all
 */
#include "test/unit/judge_kit.h"

#include "proxy/refusals.h"

/* --- TCP ------------------------------------------------------------------------------------------------- */

/* P8: the host's loopback is behind a rule. */
static void
P8_the_host_is_refused_by_default(void **state)
{
	(void)state;
	rules(NULL, NULL);
	begin();
	expect_refused_tcp(1000, "10.0.2.2", 8080);
	assert_string_equal(last_log, "this host is reached with -r 'allow to @host'");
	expect_no_socket();

	const struct sluice_event *e = expect_refusal(SLUICE_REASON_RULE);
	assert_string_equal(e->remote, "10.0.2.2:8080");
	assert_string_equal(e->code, "rule");
	assert_string_equal(e->verdict, "deny");
	assert_int_equal(e->rule, 0);
	assert_int_equal(counted(GW_POLICY_REFUSED), 1);
	assert_int_equal(counted(GW_POLICY_DROPPED), 0);

	const struct refusal *r = refusals_at(&bed->gw->refusals, 0);
	assert_non_null(r);
	assert_string_equal(r->what, "tcp 10.0.2.2:8080");
	assert_string_equal(r->text, "tcp 10.0.2.2:8080: no rule allows it");
	assert_int_equal(r->reason, SLUICE_REASON_RULE);

	/* The remedy is told once. */
	expect_refused_tcp(1001, "fd73:6c75:6963:65::2", 22);
	assert_string_equal(last_log, "refused: tcp [fd73:6c75:6963:65::2]:22: no rule allows it");
	end();
}

/* A guest that has it from its hosts file has not asked for it. */
static void
the_host_by_its_name(void **state)
{
	(void)state;
	rules("none", "allow tcp/8080 to host.sluice.internal", NULL);
	begin();
	expect_open_tcp(1000, "10.0.2.2", 8080);
	expect_open_tcp(1001, "fd73:6c75:6963:65::2", 8080);
	expect_refused_tcp(1002, "10.0.2.2", 8081);
	expect_refused_tcp(1003, "203.0.113.5", 8080);
	end();
}

static void
the_host_by_a_rule(void **state)
{
	struct endpoint to;

	(void)state;
	rules("none", "allow tcp/8080 to @host", NULL);
	begin();
	struct peer p = expect_open_tcp(1000, "10.0.2.2", 8080);
	assert_true(vhost_peer(bed->vhost, peer_fd(&p), &to));
	assert_true(addr_is_loopback(&to.addr) && to.port == 8080);
	p = expect_open_tcp(1001, "fd73:6c75:6963:65::2", 8080);
	expect_refused_tcp(1002, "10.0.2.2", 8081);
	assert_int_equal(logged, 2); /* the refusal, and the remedy */
	end();
}

static void
each_profile_as_far_as_it_goes(void **state)
{
	static const struct {
		const char *profiles, *to;
		bool open;
	} t[] = {
	    {NULL, PUBLIC4, true},        {NULL, "10.1.2.3", false},     {"public", PUBLIC6, true},
	    {"public", "fd00::1", false}, {"private", "10.1.2.3", true}, {"private", PUBLIC4, false},
	    {"host", "10.0.2.2", true},   {"host", PUBLIC4, false},      {"none", PUBLIC4, false},
	    {"all", "10.0.2.2", true},    {"all", "192.0.2.1", true},    {"public,host", PUBLIC4, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rules(t[i].profiles, NULL);
		begin_again();
		if (t[i].open)
			expect_open_tcp(1000, t[i].to, 443);
		else
			expect_refused_tcp(1000, t[i].to, 443);
		end();
	}
}

static void
drop_says_nothing(void **state)
{
	(void)state;
	rules("all", "drop tcp to " PUBLIC4, "drop udp to " PUBLIC6, "drop icmp to @any", NULL);
	begin();
	expect_dropped_tcp(1000, PUBLIC4, 80);
	say_udp(1000, PUBLIC6, 80);
	expect_silence();
	say_echo(7, PUBLIC4);
	expect_silence();
	say_echo(7, PUBLIC6);
	expect_silence();
	expect_no_socket();
	assert_int_equal(counted(GW_POLICY_REFUSED), 4);
	assert_int_equal(counted(GW_POLICY_DROPPED), 4);
	assert_string_equal(expect_refusal(SLUICE_REASON_RULE)->verdict, "drop");
	end();
}

/* The event of a rule's refusal says which, where and its text; a flow that was allowed says so too. */
static void
the_rule_is_told(void **state)
{
	static const struct sluice_rule r[] = {
	    {.text = "allow tcp/443 to @public", .file = "box.yaml", .line = 7, .column = 5},
	    {.text = "deny to @any \"not today\"", .file = "box.yaml", .line = 9, .column = 5},
	};

	(void)state;
	conf.gateway.rules = r;
	conf.gateway.nrules = 2;
	begin();
	expect_refused_tcp(1000, PUBLIC4, 80);
	const struct sluice_event *e = expect_refusal(SLUICE_REASON_RULE);
	assert_int_equal(e->rule, 2);
	assert_int_equal(e->line, 9);
	assert_string_equal(e->file, "box.yaml");
	assert_string_equal(e->rule_text, r[1].text);
	const struct refusal *said = refusals_at(&bed->gw->refusals, 0);
	assert_string_equal(said->where, "box.yaml:9");
	assert_non_null(strstr(said->text, "refused by box.yaml:9"));
	assert_non_null(strstr(said->text, "not today"));

	expect_open_tcp(1001, PUBLIC4, 443);
	e = find_event(SLUICE_EVENT_FLOW_OPENED);
	assert_string_equal(e->verdict, "allow");
	assert_int_equal(e->rule, 1);
	end();
}

/* P19: a rule is a name or address, a protocol and a port. */
static void
P19_other_ports_and_protocols(void **state)
{
	(void)state;
	rules("none", "allow tcp/443 udp/1000-1002 to " PUBLIC4, NULL);
	begin();
	expect_open_tcp(1000, PUBLIC4, 443);
	expect_refused_tcp(1001, PUBLIC4, 22);
	expect_refused_tcp(1002, PUBLIC4, 442);
	expect_open_udp(1000, PUBLIC4, 1002);
	expect_refused_udp(1001, PUBLIC4, 1003);
	expect_refused_udp(1002, PUBLIC4, 443);
	say_echo(7, PUBLIC4);
	expect_prohibited(FAMILY_V4);
	end();
}

/* --- addresses ------------------------------------------------------------------------------------------- */

/* P4, P5, P6: no form of an address that means something private is public, in any protocol. */
static void
P4_other_forms_of_an_address(void **state)
{
	static const char *const to[] = {
	    "64:ff9b::7f00:1",               /* NAT64, RFC 6052: 127.0.0.1 */
	    "64:ff9b::a00:202",              /* ... the gateway's own address */
	    "64:ff9b:1::a9fe:a9fe",          /* RFC 8215: 169.254.169.254 */
	    "2002:a00:1::1",                 /* 6to4: 10.0.0.1 */
	    "2002:7f00:1::1",                /* ... 127.0.0.1 */
	    "2001:0:1:2:3:4:80ff:fffe",      /* Teredo: 127.0.0.1 */
	    "2606:2800:220:1:0:5efe:c0a8:1", /* ISATAP: 192.168.0.1 */
	    "169.254.169.254",
	    "fd00:ec2::254",
	    "100.100.100.200",
	    "168.63.129.16",
	    "192.0.0.192", /* metadata */
	    "192.0.2.1",
	    "198.18.0.1",
	    "203.0.113.255",
	    "2001:db8::1",
	    "100.64.0.1",
	};
	uint16_t port = 1000;

	(void)state;
	rules("public", NULL);
	begin();
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		expect_refused_tcp(port++, to[i], 80);
		expect_refused_udp(port++, to[i], 123);
	}
	expect_no_socket();
	/* ... and what means something public is. */
	expect_open_tcp(port++, "64:ff9b::5db8:d822", 80);
	end();
}

/* P7: an address of the host's own is the host, also when it is public. */
static void
P7_the_hosts_own_public_address(void **state)
{
	(void)state;
	rules("public", NULL);
	begin();
	own_addresses(PUBLIC4, PUBLIC6);
	expect_refused_tcp(1000, PUBLIC4, 22);
	expect_refused_tcp(1001, PUBLIC6, 22);
	expect_refused_udp(1002, PUBLIC4, 123);
	expect_refused_tcp(1003, "64:ff9b::5db8:d822", 22);
	expect_open_tcp(1004, "93.184.216.35", 22);
	end();

	rules("host", NULL);
	begin_again();
	own_addresses(PUBLIC4, PUBLIC6);
	expect_open_tcp(1000, PUBLIC4, 22);
	expect_refused_tcp(1004, "93.184.216.35", 22);
	end();
}

/* --- datagrams ------------------------------------------------------------------------------------------- */

static void
datagrams_are_prohibited(void **state)
{
	(void)state;
	rules("none", NULL);
	begin();
	expect_refused_udp(1000, PUBLIC4, 5000);
	expect_refused_udp(1000, PUBLIC4, 5000); /* each one anew */
	expect_refused_udp(1000, PUBLIC6, 5000);
	expect_no_socket();
	assert_int_equal(counted(GW_POLICY_REFUSED), 3);
	for (int i = 0; i < 3; i++)
		expect_refusal(SLUICE_REASON_RULE);
	no_more_events();
	/* The same again is one entry of the guest's list. */
	assert_int_equal(refusals_at(&bed->gw->refusals, 1)->count, 2);
	assert_null(refusals_at(&bed->gw->refusals, 2));
	end();
}

/* P1: whole, then judged: the ports are in the first piece alone. */
static void
P1_fragments(void **state)
{
	struct endpoint denied = at(PUBLIC4, 69), allowed = at(PUBLIC4, 70), denied6 = at(PUBLIC6, 69);
	uint8_t got[4096];
	size_t len;

	(void)state;
	rules("none", "allow udp/70 to @public", NULL);
	begin();
	guest_udp_pieces(1000, &denied, zeros, 3000, 800);
	bed_settle(bed);
	expect_prohibited(FAMILY_V4);
	wait_for(USEC_PER_SEC);
	guest_udp_pieces(1000, &denied6, zeros, 3000, 800);
	bed_settle(bed);
	expect_prohibited(FAMILY_V6);
	assert_int_equal(counted(GW_POLICY_REFUSED), 2);
	expect_no_socket();

	guest_udp_pieces(1000, &allowed, zeros, 3000, 800);
	bed_settle(bed);
	expect_silence();
	int fd = vhost_find(bed->vhost, HOST_UDP, 1); /* the first is the spare one */
	assert_true(vhost_recv_dgram(bed->vhost, fd, got, sizeof(got), &len, NULL));
	assert_int_equal(len, 3000);
	end();
}

/* D8, checklist 50: other ways to resolve names. */
static void
D8_other_name_services(void **state)
{
	static const uint16_t udp[] = {853, 5353, 5355, 137};

	(void)state;
	rules("all", NULL);
	begin();
	expect_refused_tcp(1000, PUBLIC4, 853);
	expect_refusal(SLUICE_REASON_NAME_SERVICE);
	for (size_t i = 0; i < 4; i++) {
		expect_refused_udp((uint16_t)(2000 + i), PUBLIC4, udp[i]);
		expect_refusal(SLUICE_REASON_NAME_SERVICE);
	}
	expect_no_socket();
	expect_open_tcp(1001, PUBLIC4, 5353);
	expect_open_udp(1001, PUBLIC4, 852);
	end();

	/* A rule for any port is not one for this port. */
	rules("none", "allow to " PUBLIC4, "allow tcp/853 udp/853,5353 to @public", NULL);
	begin_again();
	expect_refused_tcp(1000, PUBLIC4, 853);
	expect_open_tcp(1001, "93.184.216.35", 853);
	expect_open_udp(1001, "93.184.216.35", 853);
	expect_open_udp(1002, "93.184.216.35", 5353);
	end();
}

/* P16: where a name could change the outcome, QUIC would hide it. */
static void
P16_quic(void **state)
{
	(void)state;
	rules("public", "deny to bad.example", NULL);
	begin();
	expect_refused_udp(1000, PUBLIC4, 443);
	expect_refusal(SLUICE_REASON_QUIC);
	expect_no_socket();
	expect_open_udp(1001, PUBLIC4, 444);
	end();

	rules("none", "allow to good.example", NULL);
	begin_again();
	resolved("good.example", PUBLIC4, 60);
	expect_refused_udp(1000, PUBLIC4, 443);
	expect_refusal(SLUICE_REASON_QUIC);
	expect_open_udp(1001, PUBLIC4, 444); /* there evidence is all there will be */
	end();

	/* No name matters: why hinder it? */
	rules("public", NULL);
	begin_again();
	expect_open_udp(1000, PUBLIC4, 443);
	end();
}

/* --- echo ------------------------------------------------------------------------------------------------- */

/* P21 */
static void
P21_echo_is_judged(void **state)
{
	(void)state;
	rules("public", "deny icmp to @any", NULL);
	begin();
	say_echo(7, PUBLIC4);
	expect_prohibited(FAMILY_V4);
	say_echo(7, PUBLIC6);
	expect_prohibited(FAMILY_V6);
	assert_int_equal(open_flows(FLOW_PING), 0);
	assert_int_equal(vhost_find(bed->vhost, HOST_PING, 0), -1);
	expect_refusal(SLUICE_REASON_RULE);
	expect_refusal(SLUICE_REASON_RULE);
	assert_string_equal(refusals_at(&bed->gw->refusals, 1)->what, "icmp " PUBLIC4);
	end();

	/* The gateway itself answers unless a rule forbids it. */
	rules("none", NULL);
	begin_again();
	say_echo(7, "10.0.2.2");
	expect_error(ICMP4_ECHO_REPLY, 0, 7u << 16 | 1, &bed->gateway[FAMILY_V4]);
	assert_int_equal(bed->gw->count[GW_POLICY_REFUSED], 0);
	end();

	rules("none", "deny icmp to @host", NULL);
	begin_again();
	say_echo(7, "10.0.2.2");
	expect_prohibited(FAMILY_V4);
	expect_refusal(SLUICE_REASON_RULE);
	end();

	rules("none", "allow icmp to @public", NULL);
	begin_again();
	say_echo(7, PUBLIC4);
	expect_silence();
	assert_int_equal(open_flows(FLOW_PING), 1);
	expect_refused_udp(1000, PUBLIC4, 80);
	end();
}

/* --- names ------------------------------------------------------------------------------------------------ */

/* P2, checklist 52, 53: a name is where this gateway found it, in every protocol and family of its own. */
static void
P2_a_name_needs_evidence(void **state)
{
	(void)state;
	rules("none", "allow to *.good.example", NULL);
	begin();
	expect_refused_tcp(1000, PUBLIC4, 22);
	expect_refusal(SLUICE_REASON_NO_EVIDENCE);
	resolved("good.example", PUBLIC4, 60);
	resolved("a.good.example", "93.184.216.40", 60);
	resolved("notgood.example", "93.184.216.41", 60);

	struct peer p = expect_open_tcp(1001, PUBLIC4, 22);
	const struct judged *kept = peer_flow(&p)->flow.judged;
	struct name n = name_of("good.example");
	assert_non_null(kept);
	assert_non_null(judged_proof(kept));
	assert_true(name_eq(judged_proof(kept), &n));

	expect_open_tcp(1002, "93.184.216.40", 22);
	expect_refused_tcp(1003, "93.184.216.41", 22);
	expect_refused_tcp(1004, PUBLIC6, 22);
	expect_open_udp(1005, PUBLIC4, 5000);
	expect_refused_udp(1006, PUBLIC6, 5000);
	say_echo(7, PUBLIC4);
	assert_int_equal(open_flows(FLOW_PING), 1);
	end();
}

/* D10: evidence lives 60 s at least; then a new connection needs it anew, and the old one lives. */
static void
D10_evidence_ends(void **state)
{
	(void)state;
	rules("none", "allow tcp to good.example", NULL);
	begin();
	resolved("good.example", PUBLIC4, 0);
	struct peer p = expect_open_tcp(1000, PUBLIC4, 22);
	wait_for(59 * USEC_PER_SEC);
	expect_open_tcp(1001, PUBLIC4, 22);
	wait_for(2 * USEC_PER_SEC);
	pass_over();
	expect_refused_tcp(1002, PUBLIC4, 22);
	assert_non_null(peer_flow(&p));
	end();
}

/* --- the floor --------------------------------------------------------------------------------------------- */

static void
the_floor_has_its_say(void **state)
{
	const struct sluice_publish port = {.host_first = 8080, .host_last = 8080};
	struct endpoint at_port = at("127.0.0.1", 8080), client = at("127.0.0.1", 50000);

	(void)state;
	floor_rules("public", "deny ingress from @any", NULL);
	rules("all", NULL);
	conf.gateway.publish = &port;
	conf.gateway.npublish = 1;
	begin();
	expect_refused_tcp(1000, "10.0.2.2", 80);
	assert_true(expect_refusal(SLUICE_REASON_RULE)->floor);
	assert_non_null(strstr(refusals_at(&bed->gw->refusals, 0)->text, "the floor"));
	expect_open_tcp(1001, PUBLIC4, 80);
	assert_true(vhost_client(bed->vhost, &at_port, &client));
	expect_silence();
	assert_true(expect_refusal(SLUICE_REASON_RULE)->floor);
	end();
}

/* --- published ports -------------------------------------------------------------------------------------- */

static const struct sluice_publish published[] = {
    {.bind = "0.0.0.0", .host_first = 8080, .host_last = 8080, .guest_first = 80},
    {.bind = "0.0.0.0", .host_first = 5000, .host_last = 5000, .udp = true},
};

/* P22: by who comes, and by the guest's port. */
static void
P22_clients_are_judged(void **state)
{
	struct endpoint at_port = at("0.0.0.0", 8080), bad = at("192.0.2.66", 50000),
			good = at("192.0.2.1", 50000);

	(void)state;
	rules("none", "deny ingress tcp/80 from 192.0.2.66", NULL);
	conf.gateway.publish = published;
	conf.gateway.npublish = 2;
	begin();
	assert_true(vhost_client(bed->vhost, &at_port, &bad));
	bed_settle(bed);
	int fd = vhost_find(bed->vhost, HOST_TCP, 1);
	assert_int_equal(fd, -1); /* only the listener is left */
	expect_silence();
	assert_int_equal(open_flows(FLOW_TCP), 0);
	const struct sluice_event *e = expect_refusal(SLUICE_REASON_RULE);
	assert_true(e->published);
	assert_string_equal(e->target, "192.0.2.66:50000");
	assert_null(refusals_at(&bed->gw->refusals, 0)); /* who comes is not the guest's to know */
	assert_non_null(strstr(last_log, "tcp from 192.0.2.66 to port 80"));

	assert_true(vhost_client(bed->vhost, &at_port, &good));
	struct bed_frame *f = expect(STRICT_TCP);
	assert_int_equal(f->is.tcp.flags, TCP_SYN);
	free(f);
	assert_int_equal(open_flows(FLOW_TCP), 1);
	end();
}

static void
a_refused_client_is_reset(void **state)
{
	struct endpoint at_port = at("0.0.0.0", 8080), client = at("192.0.2.66", 50000);

	(void)state;
	rules("none", "drop ingress from 192.0.2.66", NULL);
	conf.gateway.publish = published;
	conf.gateway.npublish = 1;
	begin();
	size_t before = vhost_open_count(bed->vhost);
	assert_true(vhost_client(bed->vhost, &at_port, &client));
	bed_settle(bed);
	assert_int_equal(vhost_open_count(bed->vhost), before);
	/* The lowest free number was its socket's. */
	assert_int_equal(vhost_closed(bed->vhost, 1000 + (int)before), 2);
	end();
}

static void
datagrams_of_clients_are_judged(void **state)
{
	struct endpoint bad = at("192.0.2.66", 50000), good = at("192.0.2.1", 50000);

	(void)state;
	rules("none", "deny ingress udp from 192.0.2.66", NULL);
	conf.gateway.publish = published;
	conf.gateway.npublish = 2;
	begin();
	int fd = vhost_find(bed->vhost, HOST_UDP, 1); /* the first is the spare one */
	assert_true(vhost_send_dgram(bed->vhost, fd, &bad, "x", 1));
	bed_settle(bed);
	expect_silence();
	assert_int_equal(open_flows(FLOW_UDP), 0);
	assert_false(vhost_recv_dgram(bed->vhost, fd, buf, sizeof(buf), &(size_t){0}, NULL));
	expect_refusal(SLUICE_REASON_RULE);
	assert_true(vhost_send_dgram(bed->vhost, fd, &good, "x", 1));
	free(expect(STRICT_UDP));
	assert_int_equal(open_flows(FLOW_UDP), 1);
	end();
}

/* --- what hooks and mappings do about it -------------------------------------------------------------------- */

static unsigned asked;

static int
hook(void *ctx, const struct sluice_connect *c, struct sluice_route *how)
{
	(void)ctx, (void)c;
	asked++;
	how->target = c->protocol == IP_PROTO_TCP ? "127.0.0.1:9999" : NULL;
	return 0;
}

/* The guest's view is what is judged; who embeds may still send it where he likes.  P11: it goes to what was judged. */
static void
P11_what_is_judged_is_connected(void **state)
{
	struct endpoint to;

	(void)state;
	rules("public", NULL);
	begin();
	struct peer p = expect_open_tcp(1000, PUBLIC4, 80);
	assert_true(vhost_peer(bed->vhost, peer_fd(&p), &to));
	assert_true(addr_eq(&to.addr, &p.t.remote.addr) && to.port == 80);
	end();

	asked = 0;
	conf.gateway.connect = hook;
	begin_again();
	expect_refused_tcp(1000, "10.0.2.2", 80);
	assert_int_equal(asked, 0);
	p = expect_open_tcp(1001, PUBLIC4, 80);
	assert_int_equal(asked, 1);
	assert_true(vhost_peer(bed->vhost, peer_fd(&p), &to));
	assert_int_equal(to.port, 9999);
	end();
}

/* An endpoint-independent mapping: each remote end is judged before it is sent to. */
static void
each_end_of_a_mapping(void **state)
{
	struct endpoint dest;
	size_t len;

	(void)state;
	rules("none", "allow udp to @public", NULL);
	conf.gateway.udp_endpoint_independent = true;
	begin();
	say_udp(1000, "10.0.2.2", 53000);
	expect_prohibited(FAMILY_V4);
	assert_int_equal(open_flows(FLOW_UDP), 0);
	say_udp(1000, PUBLIC4, 5000);
	assert_int_equal(open_flows(FLOW_UDP), 1);
	wait_for(USEC_PER_SEC);
	say_udp(1000, "10.0.2.2", 53000);
	expect_prohibited(FAMILY_V4);
	say_udp(1000, PUBLIC4, 853);
	expect_prohibited(FAMILY_V4);
	assert_int_equal(open_flows(FLOW_UDP), 1);

	int fd = vhost_find(bed->vhost, HOST_UDP, 1);
	assert_true(vhost_recv_dgram(bed->vhost, fd, buf, sizeof(buf), &len, &dest));
	assert_true(dest.port == 5000);
	assert_false(vhost_recv_dgram(bed->vhost, fd, buf, sizeof(buf), &len, &dest));
	/* One it may not send to may not answer either. */
	dest = at("127.0.0.1", 53000);
	vhost_send_dgram(bed->vhost, fd, &dest, "x", 1);
	expect_silence();
	assert_int_equal(counted(GW_POLICY_REFUSED), 3);
	end();
}

/* More than it remembers: those that are forgotten are judged again. */
static void
many_ends_of_a_mapping(void **state)
{
	char to[32];

	(void)state;
	rules("none", "allow udp to good.example", NULL);
	conf.gateway.udp_endpoint_independent = true;
	begin();
	for (unsigned i = 0; i < 3 * UDP_PEERS; i++) {
		snprintf(to, sizeof(to), "93.184.217.%u", i);
		resolved("good.example", to, 3600);
		say_udp(1000, to, 5000);
	}
	expect_silence();
	assert_int_equal(open_flows(FLOW_UDP), 1);
	assert_int_equal(counted(GW_POLICY_REFUSED), 0);
	end();
}

/* --- floods ----------------------------------------------------------------------------------------------- */

/* A thousand refusals are a thousand events, but few lines; the guest's list is bounded. */
static void
P23_a_flood_of_refusals(void **state)
{
	(void)state;
	rules("none", NULL);
	conf.gateway.event = NULL;
	begin();
	for (uint16_t i = 0; i < 1000; i++) {
		struct peer p = peer_to((uint16_t)(1000 + i), at(PUBLIC4, (uint16_t)(1000 + i)));

		peer_send(&p, TCP_SYN, NULL, 0);
	}
	bed_settle(bed);
	for (struct bed_frame *f; (f = bed_pop(bed));)
		free(f);
	assert_int_equal(counted(GW_POLICY_REFUSED), 1000);
	assert_int_equal(logged, 10);
	wait_for(USEC_PER_SEC);
	expect_refused_tcp(999, PUBLIC4, 80);
	assert_int_equal(logged, 12);
	assert_non_null(refusals_at(&bed->gw->refusals, REFUSALS - 1));
	assert_null(refusals_at(&bed->gw->refusals, REFUSALS));
	expect_no_socket();
	assert_int_equal(open_flows(FLOW_TCP), 0);
	end();
}

/* So many a second and no more, whatever they are; those that are there go on. */
static void
P23_flows_a_second(void **state)
{
	(void)state;
	rules("public", NULL);
	conf.gateway.max_flow_rate = 4;
	begin();
	expect_open_udp(1000, PUBLIC4, 80);
	expect_open_udp(1001, PUBLIC4, 80);
	expect_open_tcp(1002, PUBLIC4, 80);
	say_echo(7, PUBLIC4);
	assert_int_equal(open_flows(FLOW_PING), 1);

	uint32_t files = bed->gw->files;
	struct peer p = peer_to(1003, at(PUBLIC4, 81));
	peer_send(&p, TCP_SYN, NULL, 0);
	say_udp(1004, PUBLIC4, 80);
	say_echo(8, PUBLIC4);
	expect_silence();
	assert_int_equal(counted(GW_PACED), 3);
	assert_int_equal(bed->gw->files, files);
	say_udp(1000, PUBLIC4, 80);
	assert_int_equal(open_flows(FLOW_UDP), 2);
	assert_int_equal(counted(GW_PACED), 3);

	wait_for(USEC_PER_SEC / 4);
	expect_open_udp(1005, PUBLIC4, 80);
	say_udp(1006, PUBLIC4, 80);
	assert_int_equal(open_flows(FLOW_UDP), 3);
	assert_int_equal(counted(GW_PACED), 4);
	wait_for(10 * USEC_PER_SEC);
	for (uint16_t i = 0; i < 6; i++)
		say_udp((uint16_t)(1010 + i), PUBLIC4, 80);
	assert_int_equal(open_flows(FLOW_UDP), 7);
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_events)
	const struct CMUnitTest tests[] = {
	    TEST(P8_the_host_is_refused_by_default),
	    TEST(the_host_by_its_name),
	    TEST(the_host_by_a_rule),
	    TEST(each_profile_as_far_as_it_goes),
	    TEST(drop_says_nothing),
	    TEST(the_rule_is_told),
	    TEST(P19_other_ports_and_protocols),
	    TEST(P4_other_forms_of_an_address),
	    TEST(P7_the_hosts_own_public_address),
	    TEST(datagrams_are_prohibited),
	    TEST(P1_fragments),
	    TEST(D8_other_name_services),
	    TEST(P16_quic),
	    TEST(P21_echo_is_judged),
	    TEST(P2_a_name_needs_evidence),
	    TEST(D10_evidence_ends),
	    TEST(the_floor_has_its_say),
	    TEST(P22_clients_are_judged),
	    TEST(a_refused_client_is_reset),
	    TEST(datagrams_of_clients_are_judged),
	    TEST(P11_what_is_judged_is_connected),
	    TEST(each_end_of_a_mapping),
	    TEST(many_ends_of_a_mapping),
	    TEST(P23_a_flood_of_refusals),
	    TEST(P23_flows_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
