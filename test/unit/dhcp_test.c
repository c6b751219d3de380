/*
 * dhcp_test.c - the DHCPv4 server: every state a client can be in, what it is told and where the answer goes, and
 * what only looks like a query (B1 of the list of hostile inputs)
 */
#include "stack/dhcp_wire.h"
#include "test/unit/dhcp_kit.h"

#define ALL "255.255.255.255"
#define NONE "0.0.0.0"

static const uint8_t wanted[] = {1, 3, 6, 12, 15, 26, 28, 119, 121};

static struct dhcp
query(enum dhcp_type type)
{
	return (struct dhcp){
	    .xid = 0x12345678,
	    .chaddr = net_guest_mac,
	    .type = (uint8_t)type,
	    .client_id = view_of("\1client", 7),
	    .wanted = view_of(wanted, sizeof(wanted)),
	    .max_size = 1500,
	};
}

/* Puts the client's message into f; to everybody unless it is for one. */
static void
frame_of(const struct dhcp *q, const char *src, const char *dst)
{
	static uint8_t msg[2048];
	struct wr w = wr_of(msg, sizeof(msg));

	dhcp_emit(&w, q);
	datagram(src, dst, 68, 67, kit_written(&w, msg));
	if (strcmp(dst, ALL) == 0)
		memcpy(f.b, net_all.b, 6);
}

static struct dhcp
ask(struct net *n, const struct dhcp *q, const char *src, const char *dst, bool to_all)
{
	struct endpoint server = {kit_addr(GW4), 67}, client = {kit_addr(to_all ? ALL : GUEST4), 68};
	struct dhcp a;

	frame_of(q, src, dst);
	assert_true(dhcp_parse(answer_to(n, to_all ? net_all : net_guest_mac, server, client), &a));
	assert_true(a.reply && a.xid == 0x12345678);
	assert_true(mac_eq(a.chaddr, net_guest_mac));
	assert_true(addr_is_unspecified(&a.giaddr));
	assert_true(addr_eq(&a.server, &server.addr));
	kit_same(a.client_id, q->client_id); /* RFC 6842 */
	return a;
}

/* Dropped; to everybody, from a client without an address. */
static void
ignores(struct net *n, const struct dhcp *q, enum stack_count why)
{
	frame_of(q, NONE, ALL);
	drops(n, &f, why);
}

static void
same(const struct addr *a, const char *text)
{
	struct addr b = kit_addr(text);

	assert_true(addr_eq(a, &b));
}

static void
is_text(struct view v, const char *text)
{
	assert_int_equal(v.len, strlen(text));
	assert_memory_equal(v.p, text, v.len);
}

static void
has_lease(const struct dhcp *a)
{
	same(&a->yiaddr, GUEST4);
	assert_int_equal(a->lease, 86400);
	assert_int_equal(a->t1, 43200);
	assert_int_equal(a->t2, 75600);
}

static void
has_network(const struct dhcp *a)
{
	same(&a->mask, "255.255.255.0");
	same(&a->router, GW4);
	same(&a->dns, DNS4);
	same(&a->broadcast_addr, "10.0.2.255");
	assert_int_equal(a->mtu, 1500);
	is_text(a->hostname, "box");
	is_text(a->domain, "lab.example");
	assert_int_equal(a->search.len, sizeof(search));
	assert_memory_equal(a->search.p, search, sizeof(search));
	assert_int_equal(a->nroute, 1);
	assert_int_equal(a->route[0].plen, 0);
	same(&a->route[0].via, GW4);
}

/* --- the states of a client (RFC 2131 4.3.2) --------------------------------------------------------- */

static void
discover_and_request(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_DISCOVER), a = ask(n, &q, NONE, ALL, false);

	(void)state;
	assert_int_equal(a.type, DHCP_OFFER);
	has_lease(&a);
	has_network(&a);
	assert_false(a.rapid_commit || n->st.leased[FAMILY_V4]);

	q = query(DHCP_REQUEST);
	q.server = kit_addr(GW4);
	q.requested = kit_addr(GUEST4);
	a = ask(n, &q, NONE, ALL, false);
	assert_int_equal(a.type, DHCP_ACK);
	has_lease(&a);
	has_network(&a);
	assert_true(addr_is_unspecified(&a.ciaddr));
	assert_true(n->st.leased[FAMILY_V4]);
	assert_false(n->st.leased[FAMILY_V6]);
	assert_false(n->st.guest_answers[FAMILY_V4]); /* it has not been heard there yet */
	still_works(n);
}

static void
rapid_commit(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_DISCOVER), a;

	(void)state;
	q.rapid_commit = true;
	a = ask(n, &q, NONE, ALL, false);
	assert_int_equal(a.type, DHCP_ACK);
	assert_true(a.rapid_commit && n->st.leased[FAMILY_V4]);
	has_lease(&a);
	has_network(&a);
	net_free(n);
}

static void
no_to(struct net *n, const struct dhcp *q, const char *src, const char *dst)
{
	struct dhcp a = ask(n, q, src, dst, true);

	assert_int_equal(a.type, DHCP_NAK);
	assert_true(addr_is_unspecified(&a.yiaddr) && addr_is_unspecified(&a.ciaddr));
	assert_true(a.lease == 0 && a.message.len > 0 && addr_is_unspecified(&a.router));
	assert_false(n->st.leased[FAMILY_V4]);
}

static void
selecting(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_REQUEST);

	(void)state;
	q.server = kit_addr(GW4);
	q.requested = kit_addr("10.0.2.16");
	no_to(n, &q, NONE, ALL);
	/* It chose another server. */
	q.server = kit_addr("10.0.2.1");
	q.requested = kit_addr(GUEST4);
	ignores(n, &q, COUNT_DHCP_IGNORED);
	/* And no address at all. */
	q.server = kit_addr(GW4);
	q.requested = addr_v4(0);
	ignores(n, &q, COUNT_DHCP_BAD);
	still_works(n);
}

static void
init_reboot(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_REQUEST), a;

	(void)state;
	q.requested = kit_addr("192.168.1.7");
	no_to(n, &q, NONE, ALL);
	q.requested = kit_addr(GW4);
	no_to(n, &q, NONE, ALL);
	q.requested = kit_addr(GUEST4);
	a = ask(n, &q, NONE, ALL, false);
	assert_int_equal(a.type, DHCP_ACK);
	has_lease(&a);
	assert_true(n->st.leased[FAMILY_V4]);
	net_free(n);
}

static void
renewing_and_rebinding(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_REQUEST), a;

	(void)state;
	q.ciaddr = kit_addr(GUEST4);
	q.broadcast = true; /* it can take unicast: it has the address */
	for (int i = 0; i < 2; i++) {
		a = ask(n, &q, GUEST4, i ? ALL : GW4, false);
		assert_int_equal(a.type, DHCP_ACK);
		same(&a.ciaddr, GUEST4);
		has_lease(&a);
		assert_true(n->st.leased[FAMILY_V4]);
		n->st.leased[FAMILY_V4] = false;
	}
	/* The address of another life, which it still uses. */
	q.ciaddr = kit_addr("192.168.1.7");
	no_to(n, &q, "192.168.1.7", ALL);
	no_to(n, &q, "192.168.1.7", GW4);
	assert_true(addr_is_unspecified(&n->st.guest_heard[FAMILY_V4]) ||
		    !addr_eq(&n->st.guest_heard[FAMILY_V4], &q.ciaddr));
	still_works(n);
}

static void
inform(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_INFORM), a;

	(void)state;
	q.ciaddr = kit_addr(GUEST4);
	a = ask(n, &q, GUEST4, ALL, false);
	assert_int_equal(a.type, DHCP_ACK);
	assert_true(addr_is_unspecified(&a.yiaddr));
	assert_true(a.lease == 0 && a.t1 == 0 && a.t2 == 0);
	has_network(&a);
	assert_false(n->st.leased[FAMILY_V4]);
	q.ciaddr = kit_addr("10.0.2.16");
	ignores(n, &q, COUNT_DHCP_IGNORED);
	net_free(n);
}

static void
release_and_decline(void **state)
{
	static const enum dhcp_type types[] = {DHCP_RELEASE, DHCP_DECLINE};
	struct net *n = net_dhcp();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct dhcp q = query(types[i]);

		q.server = kit_addr(GW4);
		q.ciaddr = kit_addr(GUEST4);
		frame_of(&q, i ? NONE : GUEST4, i ? ALL : GW4);
		assert_int_equal(give(n, &f), STACK_DONE);
		assert_int_equal(n->nsent, 0);
	}
	assert_int_equal(net_count(n, COUNT_DHCP_BAD) + net_count(n, COUNT_DHCP_IGNORED), 0);
	still_works(n);
}

/* --- what is told, and where it goes ------------------------------------------------------------------ */

static void
to_everybody_when_asked(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_DISCOVER), a;

	(void)state;
	q.broadcast = true;
	a = ask(n, &q, NONE, ALL, true);
	assert_true(a.broadcast);
	has_lease(&a);
	/* A client that has no address cannot be asked at the one it names. */
	q.broadcast = false;
	q.ciaddr = kit_addr("198.51.100.1");
	a = ask(n, &q, NONE, ALL, false);
	assert_true(addr_is_unspecified(&a.ciaddr));
	net_free(n);
}

/* The list decides about what is dispensable. */
static void
parameter_list(void **state)
{
	static const struct {
		uint8_t code;
		bool search, routes, hostname, domain, broadcast;
	} rows[] = {
	    {119, true, false, false, false, false}, {121, false, true, false, false, false},
	    {12, false, false, true, false, false},  {15, false, false, false, true, false},
	    {28, false, false, false, false, true},  {42, false, false, false, false, false},
	};
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_DISCOVER), a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		q.wanted = view_of(&rows[i].code, 1);
		a = ask(n, &q, NONE, ALL, false);
		has_lease(&a);
		same(&a.router, GW4);
		same(&a.mask, "255.255.255.0");
		same(&a.dns, DNS4);
		assert_int_equal(a.mtu, 1500);
		assert_int_equal(a.search.len > 0, rows[i].search);
		assert_int_equal(a.nroute, rows[i].routes);
		assert_int_equal(a.hostname.len > 0, rows[i].hostname);
		assert_int_equal(a.domain.len > 0, rows[i].domain);
		assert_int_equal(!addr_is_unspecified(&a.broadcast_addr), rows[i].broadcast);
	}
	q.wanted.len = 0;
	a = ask(n, &q, NONE, ALL, false);
	has_network(&a);
	net_free(n);
}

static void
nothing_configured(void **state)
{
	struct stack_config cfg = config();

	(void)state;
	cfg.hostname[0] = '\0';
	cfg.search_len = 0;
	struct net *n = net_with(&cfg);
	struct dhcp q = query(DHCP_DISCOVER), a = ask(n, &q, NONE, ALL, false);

	assert_true(a.hostname.len == 0 && a.domain.len == 0 && a.search.len == 0);
	net_free(n);
}

/* Every prefix length: its mask, its broadcast address, and the way to a gateway outside of it (RFC 3442). */
static void
prefixes(void **state)
{
	struct dhcp q = query(DHCP_DISCOVER), a;

	(void)state;
	for (unsigned plen = 1; plen <= 32; plen++) {
		struct stack_config cfg = config();

		cfg.net[FAMILY_V4].plen = (uint8_t)plen;
		struct net *n = net_with(&cfg);
		uint32_t mask = UINT32_MAX << (32 - plen);

		a = ask(n, &q, NONE, ALL, false);
		assert_int_equal(addr_to_v4(&a.mask), mask);
		assert_int_equal(addr_to_v4(&a.broadcast_addr), plen > 30 ? 0 : 0x0a00020f | ~mask);
		assert_int_equal(a.nroute, plen > 28 ? 2 : 1);
		if (a.nroute == 2) {
			same(&a.route[0].net, GW4);
			assert_int_equal(a.route[0].plen, 32);
			same(&a.route[0].via, NONE);
		}
		assert_int_equal(a.route[a.nroute - 1].plen, 0);
		same(&a.route[a.nroute - 1].via, GW4);
		net_free(n);
	}
}

/* Option 57 and the link's MTU bound the answer; the lease is in it however small that is. */
static void
sizes(void **state)
{
	static const uint16_t max[] = {0, 1, 575, 576, 600, 700, 1000, 1500, 65535};
	static const uint32_t mtu[] = {576, 1280, 1500, 65520};
	static uint8_t id[255];
	struct stack_config cfg = config();

	(void)state;
	memset(cfg.hostname, 'h', 63);
	for (unsigned i = 0; i < 254; i += 2)
		memcpy(cfg.search + i, i == 252 ? "\0" : i % 64 ? "aa" : "\77a", 2);
	cfg.search_len = 253;
	for (size_t i = 0; i < sizeof(max) / sizeof(max[0]); i++)
		for (size_t k = 0; k < sizeof(mtu) / sizeof(mtu[0]); k++) {
			struct net *n = net_with(&cfg);
			struct dhcp q = query(DHCP_DISCOVER), a;
			uint32_t most = max[i] < 576 ? 576 : max[i];

			n->sink.lim.mtu = mtu[k];
			q.max_size = max[i];
			q.client_id = view_of(id, sizeof(id));
			a = ask(n, &q, NONE, ALL, false);
			has_lease(&a);
			same(&a.router, GW4);
			assert_true(n->sent[0].ip.len + 20u <= most && n->sent[0].ip.len + 20u <= mtu[k]);
			assert_int_equal(a.search.len > 0, most > 1200 && mtu[k] > 1200);
			net_free(n);
		}
}

/* Checksums are finished on links that would do without: a client without an address reads raw frames. */
static void
checksums_are_finished(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_DISCOVER);

	(void)state;
	n->sink.lim.csum = n->sink.lim.tso = true;
	ask(n, &q, NONE, ALL, false); /* looks at the offload, and the kit at the sum */
	/* And unfinished ones are taken. */
	frame_of(&q, NONE, ALL);
	f.off = (struct offload){.needs_csum = true, .csum_start = ETH_HLEN + IP4_HLEN, .csum_offset = 6};
	f.b[ETH_HLEN + IP4_HLEN + 6] ^= 0x55;
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(net_count(n, COUNT_DHCP_ANSWERED), 2);
	net_free(n);
}

/* --- who is asking ---------------------------------------------------------------------------------- */

/* The first query that is answered locks the guest's MAC; one that is not does not. */
static void
locks_the_guest(void **state)
{
	struct stack_config cfg = config();
	struct dhcp q = query(DHCP_DISCOVER);

	(void)state;
	cfg.guest_mac = (struct mac){{0}};
	struct net *n = net_with(&cfg);

	q.chaddr.b[5] ^= 1;
	ignores(n, &q, COUNT_DHCP_IGNORED);
	assert_false(n->st.guest_mac_known);
	q.chaddr = net_guest_mac;
	ask(n, &q, NONE, ALL, false);
	assert_true(n->st.guest_mac_known);
	/* And then it is a frame like any other. */
	q.chaddr.b[5] ^= 1;
	frame_of(&q, NONE, ALL);
	f.b[11] ^= 1;
	drops(n, &f, COUNT_ETH_SOURCE);
	still_works(n);
}

/* B1: somebody else's hardware address, a relay, an answer, types there are not. */
static void
B1_not_for_us(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_DISCOVER);

	(void)state;
	q.chaddr.b[0] ^= 2;
	ignores(n, &q, COUNT_DHCP_IGNORED);
	q = query(DHCP_DISCOVER);
	q.giaddr = kit_addr(GW4);
	ignores(n, &q, COUNT_DHCP_IGNORED);
	q = query(DHCP_DISCOVER);
	q.reply = true;
	ignores(n, &q, COUNT_DHCP_IGNORED);
	for (unsigned type = 0; type < 256; type++) {
		q = query((enum dhcp_type)type);
		if (type >= DHCP_DISCOVER && type <= DHCP_INFORM && type != DHCP_OFFER && type != DHCP_ACK &&
		    type != DHCP_NAK)
			continue;
		ignores(n, &q, COUNT_DHCP_IGNORED);
	}
	/* From an address that is not the guest's, and not the one it speaks of. */
	q = query(DHCP_DISCOVER);
	frame_of(&q, "192.168.1.7", ALL);
	drops(n, &f, COUNT_DHCP_IGNORED);
	still_works(n);
}

/* B1: nothing but a DHCP query comes in without an address, or to everybody. */
static void
B1_no_other_way_in(void **state)
{
	static uint8_t msg[512];
	static const struct {
		const char *src, *dst;
		uint16_t sport, dport;
		enum stack_count why;
	} rows[] = {
	    {NONE, ALL, 68, 68, COUNT_IP_SOURCE},          {NONE, ALL, 67, 67, COUNT_IP_SOURCE},
	    {NONE, ALL, 1068, 67, COUNT_IP_SOURCE},        {NONE, ALL, 68, 53, COUNT_IP_SOURCE},
	    {NONE, "10.0.2.255", 68, 67, COUNT_IP_SOURCE}, {NONE, DNS4, 68, 67, COUNT_IP_SOURCE},
	    {NONE, FAR4, 68, 67, COUNT_IP_SOURCE},         {NONE, "224.0.0.1", 68, 67, COUNT_IP_SOURCE},
	    {GUEST4, ALL, 68, 53, COUNT_IP_DEST},          {GUEST4, "10.0.2.255", 68, 67, COUNT_IP_DEST},
	    {GW4, ALL, 68, 67, COUNT_IP_SOURCE},           {DNS4, ALL, 68, 67, COUNT_IP_SOURCE},
	    {"127.0.0.1", ALL, 68, 67, COUNT_IP_SOURCE},   {"224.0.0.1", ALL, 68, 67, COUNT_IP_SOURCE},
	    {ALL, ALL, 68, 67, COUNT_IP_SOURCE},           {"0.0.0.1", ALL, 68, 67, COUNT_IP_SOURCE},
	};
	struct net *n = net_dhcp();
	struct dhcp q = query(DHCP_DISCOVER);
	struct wr w = wr_of(msg, sizeof(msg));

	(void)state;
	dhcp_emit(&w, &q);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		datagram(rows[i].src, rows[i].dst, rows[i].sport, rows[i].dport, kit_written(&w, msg));
		memcpy(f.b, net_all.b, 6);
		drops(n, &f, rows[i].why);
	}
	/* TCP, a fragment, a super-datagram, a wrong checksum, a frame to everybody with a packet for one. */
	net_tcp(&f, NONE, ALL, TCP_SYN, NULL, 0);
	drops(n, &f, COUNT_IP_SOURCE);
	frame_of(&q, NONE, ALL);
	put16(&f, ETH_HLEN + 6, 1);
	seal4(&f);
	drops(n, &f, COUNT_IP_SOURCE);
	frame_of(&q, NONE, ALL);
	f.off = (struct offload){
	    .needs_csum = true, .csum_start = 34, .csum_offset = 6, .gso_type = GSO_UDP_L4, .gso_size = 100};
	drops(n, &f, COUNT_OFFLOAD);
	frame_of(&q, NONE, ALL);
	f.b[f.len - 1] ^= 1;
	drops(n, &f, COUNT_L4_CHECKSUM);
	frame_of(&q, GUEST4, GW4);
	memcpy(f.b, net_all.b, 6);
	drops(n, &f, COUNT_ETH_DEST);
	assert_int_equal(net_count(n, COUNT_DHCP_ANSWERED), 0);
	still_works(n);
}

/* B1: switched off, or without IPv4, it is as if there were no such thing. */
static void
B1_switched_off(void **state)
{
	struct stack_config cfg = config();
	struct dhcp q = query(DHCP_DISCOVER);

	(void)state;
	cfg.dhcp = false;
	struct net *n = net_with(&cfg);

	ignores(n, &q, COUNT_IP_SOURCE);
	frame_of(&q, GUEST4, ALL);
	drops(n, &f, COUNT_IP_DEST);
	frame_of(&q, GUEST4, GW4);
	assert_int_equal(give(n, &f), STACK_UDP); /* a datagram to the host's own port 67 */
	still_works(n);
	cfg.dhcp = true;
	cfg.net[FAMILY_V4].on = false;
	n = net_with(&cfg);
	ignores(n, &q, COUNT_IP_ADDRESS);
	net_free(n);
}

/* B1: random damage to a good query, in every kind of memory: an answer that is one, or none. */
static void
B1_damaged(void **state)
{
	uint64_t seed = 80;

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		struct stack_config cfg = config();
		struct net *n = net_quiet((enum net_way)way, &cfg);

		for (unsigned i = 0; i < KIT_ROUNDS; i++) {
			struct dhcp q = query((enum dhcp_type)(1 + kit_random(&seed) % 8));

			q.requested = kit_addr(GUEST4);
			frame_of(&q, NONE, ALL);
			damage(&seed, ETH_HLEN + IP4_HLEN + UDP_HLEN);
			put16(&f, ETH_HLEN + 2, (unsigned)f.len - ETH_HLEN);
			put16(&f, ETH_HLEN + IP4_HLEN + 4, (unsigned)f.len - ETH_HLEN - IP4_HLEN);
			seal4(&f);
			net_forget(n);
			assert_int_equal(give(n, &f), STACK_DONE);
			assert_true(n->nsent <= 1);
			if (n->nsent) {
				struct dhcp a;

				assert_true(
				    dhcp_parse(view_of(n->sent[0].b + 42, n->sent[0].ip.len - 8u), &a));
				assert_true(a.reply);
			}
		}
		assert_true(net_count(n, COUNT_DHCP_BAD) > 0 && net_count(n, COUNT_DHCP_ANSWERED) > 0);
		still_works(n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(discover_and_request),
	    cmocka_unit_test(rapid_commit),
	    cmocka_unit_test(selecting),
	    cmocka_unit_test(init_reboot),
	    cmocka_unit_test(renewing_and_rebinding),
	    cmocka_unit_test(inform),
	    cmocka_unit_test(release_and_decline),
	    cmocka_unit_test(to_everybody_when_asked),
	    cmocka_unit_test(parameter_list),
	    cmocka_unit_test(nothing_configured),
	    cmocka_unit_test(prefixes),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(checksums_are_finished),
	    cmocka_unit_test(locks_the_guest),
	    cmocka_unit_test(B1_not_for_us),
	    cmocka_unit_test(B1_no_other_way_in),
	    cmocka_unit_test(B1_switched_off),
	    cmocka_unit_test(B1_damaged),
	};

	return cmocka_run_group_tests_name("dhcp", tests, NULL, NULL);
}
