/*
 * dhcp6_test.c - the DHCPv6 server: every message, one address and who gets it, what the RFC wants discarded, and
 * what only looks like a query (B1 of the list of hostile inputs); and what router advertisements say beside it
 */
#include "stack/dhcp6_wire.h"
#include "stack/ndp_wire.h"
#include "test/unit/dhcp_kit.h"

#define LL "fe80::5054:ff:fe12:3456" /* the guest's */
#define SERVERS "ff02::1:2"
#define OTHER "fd73:6c75:6963:65::99"
#define FOREIGN "2001:db8:7::15"

static const uint8_t client_id[] = {0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t server_id[] = {0, 3, 0, 1, 0x52, 0x55, 0x0a, 0, 2, 2};

/* With the identifiers the RFC wants in such a message. */
static struct dhcp6
query(enum dhcp6_type type)
{
	struct dhcp6 q = {
	    .type = (uint8_t)type, .xid = 0x123456, .client_id = view_of(client_id, sizeof(client_id))};

	if (type == DHCP6_REQUEST || type == DHCP6_RENEW || type == DHCP6_RELEASE || type == DHCP6_DECLINE)
		q.server_id = view_of(server_id, sizeof(server_id));
	return q;
}

/* Another association, with an address (NULL: none). */
static void
with_ia(struct dhcp6 *q, enum dhcp6_option kind, uint32_t iaid, const char *addr)
{
	struct dhcp6_ia *ia = &q->ia[q->nia++];

	*ia = (struct dhcp6_ia){.kind = (uint16_t)kind, .iaid = iaid};
	if (addr)
		ia->addr[ia->naddr++].addr = kit_addr(addr);
}

static void
frame_of(const struct dhcp6 *q, const char *src, const char *dst)
{
	static uint8_t msg[2048];
	struct wr w = wr_of(msg, sizeof(msg));

	dhcp6_emit(&w, q);
	datagram(src, dst, 546, 547, kit_written(&w, msg));
	if (strcmp(dst, SERVERS) == 0)
		memcpy(f.b, (const uint8_t[]){0x33, 0x33, 0, 1, 0, 2}, 6);
}

static struct dhcp6
ask_at(struct net *n, const struct dhcp6 *q, const char *dst)
{
	struct endpoint server = {addr_link_local_of(net_gw_mac), 547}, client = {kit_addr(LL), 546};
	struct dhcp6 a;

	frame_of(q, LL, dst);
	assert_true(dhcp6_parse(answer_to(n, net_guest_mac, server, client), &a));
	assert_int_equal(a.xid, 0x123456);
	kit_same(a.client_id, q->client_id);
	kit_same(a.server_id, view_of(server_id, sizeof(server_id)));
	return a;
}

static struct dhcp6
ask(struct net *n, const struct dhcp6 *q)
{
	return ask_at(n, q, SERVERS);
}

static void
ignores(struct net *n, const struct dhcp6 *q, enum stack_count why)
{
	frame_of(q, LL, SERVERS);
	drops(n, &f, why);
}

static void
has_lease(const struct dhcp6_ia *ia, uint32_t iaid)
{
	struct addr guest = kit_addr(GUEST6);

	assert_int_equal(ia->kind, DHCP6_OPT_IA_NA);
	assert_int_equal(ia->iaid, iaid);
	assert_false(ia->has_status);
	assert_true(ia->naddr >= 1 && addr_eq(&ia->addr[0].addr, &guest));
	assert_int_equal(ia->addr[0].preferred, 86400);
	assert_int_equal(ia->addr[0].valid, 86400);
	assert_int_equal(ia->t1, 43200);
	assert_int_equal(ia->t2, 69120);
}

static void
has_none(const struct dhcp6_ia *ia, uint32_t iaid, enum dhcp6_status status)
{
	assert_int_equal(ia->iaid, iaid);
	assert_int_equal(ia->naddr, 0);
	assert_true(ia->has_status);
	assert_int_equal(ia->status, status);
}

static void
has_network(const struct dhcp6 *a)
{
	struct addr dns = kit_addr(DNS6);

	assert_true(a->has_dns && addr_eq(&a->dns, &dns));
	assert_int_equal(a->search.len, sizeof(search));
	assert_memory_equal(a->search.p, search, sizeof(search));
}

/* --- messages (RFC 8415 18.3) ------------------------------------------------------------------------- */

static void
solicit_and_request(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp6 q = query(DHCP6_SOLICIT), a;

	(void)state;
	with_ia(&q, DHCP6_OPT_IA_NA, 7, FOREIGN); /* a hint that is not followed */
	a = ask(n, &q);
	assert_int_equal(a.type, DHCP6_ADVERTISE);
	assert_true(a.has_preference && a.preference == 255);
	assert_int_equal(a.nia, 1);
	has_lease(&a.ia[0], 7);
	assert_int_equal(a.ia[0].naddr, 1);
	has_network(&a);
	assert_false(n->st.leased[FAMILY_V6] || a.rapid_commit || a.has_refresh);

	q = query(DHCP6_REQUEST);
	with_ia(&q, DHCP6_OPT_IA_NA, 7, GUEST6);
	a = ask(n, &q);
	assert_int_equal(a.type, DHCP6_REPLY);
	assert_false(a.has_preference);
	has_lease(&a.ia[0], 7);
	has_network(&a);
	assert_true(n->st.leased[FAMILY_V6]);
	assert_false(n->st.leased[FAMILY_V4]);
	still_works(n);
}

static void
rapid_commit(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp6 q = query(DHCP6_SOLICIT), a;

	(void)state;
	q.rapid_commit = true;
	with_ia(&q, DHCP6_OPT_IA_NA, 7, NULL);
	a = ask(n, &q);
	assert_int_equal(a.type, DHCP6_REPLY);
	assert_true(a.rapid_commit && n->st.leased[FAMILY_V6]);
	has_lease(&a.ia[0], 7);
	net_free(n);
}

/* There is one address: for who names it, else for the first that may have it. */
static void
one_address(void **state)
{
	static const enum dhcp6_type types[] = {DHCP6_SOLICIT, DHCP6_REQUEST, DHCP6_RENEW, DHCP6_REBIND};
	struct net *n = net_dhcp();

	(void)state;
	for (int i = 0; i < 4; i++) {
		bool extends = i >= 2;
		struct dhcp6 q = query(types[i]), a;

		with_ia(&q, DHCP6_OPT_IA_PD, 1, NULL);
		with_ia(&q, DHCP6_OPT_IA_TA, 2, NULL);
		with_ia(&q, DHCP6_OPT_IA_NA, 3, NULL);
		with_ia(&q, DHCP6_OPT_IA_NA, 4, NULL);
		a = ask(n, &q);
		assert_int_equal(a.nia, 4);
		has_none(&a.ia[0], 1, extends ? DHCP6_NO_BINDING : DHCP6_NO_PREFIX_AVAIL);
		has_none(&a.ia[1], 2, extends ? DHCP6_NO_BINDING : DHCP6_NO_ADDRS_AVAIL);
		has_lease(&a.ia[2], 3);
		has_none(&a.ia[3], 4, extends ? DHCP6_NO_BINDING : DHCP6_NO_ADDRS_AVAIL);
		q.ia[3].addr[q.ia[3].naddr++].addr = kit_addr(GUEST6);
		a = ask(n, &q);
		has_none(&a.ia[2], 3, extends ? DHCP6_NO_BINDING : DHCP6_NO_ADDRS_AVAIL);
		has_lease(&a.ia[3], 4);
	}
	/* None for a message that asks for none. */
	n->st.leased[FAMILY_V6] = false;
	struct dhcp6 q = query(DHCP6_REQUEST), a;

	with_ia(&q, DHCP6_OPT_IA_PD, 1, NULL);
	a = ask(n, &q);
	has_none(&a.ia[0], 1, DHCP6_NO_PREFIX_AVAIL);
	assert_false(n->st.leased[FAMILY_V6]);
	net_free(n);
}

/* RFC 8415 18.3.4, 18.3.5: what the client has and must not goes; 18.3.2: what it wants and cannot have. */
static void
foreign_addresses(void **state)
{
	static const enum dhcp6_type types[] = {DHCP6_RENEW, DHCP6_REBIND};
	struct net *n = net_dhcp();
	struct dhcp6 q, a;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct addr foreign = kit_addr(FOREIGN);

		q = query(types[i]);
		with_ia(&q, DHCP6_OPT_IA_NA, 7, FOREIGN);
		a = ask(n, &q);
		has_lease(&a.ia[0], 7);
		assert_int_equal(a.ia[0].naddr, 2);
		assert_true(addr_eq(&a.ia[0].addr[1].addr, &foreign));
		assert_int_equal(a.ia[0].addr[1].preferred + a.ia[0].addr[1].valid, 0);
		/* As many as there are: the lease comes first. */
		for (unsigned k = 1; k < DHCP6_ADDRS; k++)
			q.ia[0].addr[q.ia[0].naddr++].addr = foreign;
		a = ask(n, &q);
		has_lease(&a.ia[0], 7);
		assert_int_equal(a.ia[0].naddr, DHCP6_ADDRS);
	}
	n->st.leased[FAMILY_V6] = false;
	q = query(DHCP6_REQUEST);
	with_ia(&q, DHCP6_OPT_IA_NA, 7, FOREIGN);
	a = ask(n, &q);
	has_none(&a.ia[0], 7, DHCP6_NOT_ON_LINK);
	assert_false(n->st.leased[FAMILY_V6]);
	q = query(DHCP6_REQUEST);
	with_ia(&q, DHCP6_OPT_IA_NA, 7, OTHER);
	a = ask(n, &q);
	has_lease(&a.ia[0], 7);
	net_free(n);
}

static void
confirm(void **state)
{
	static const struct {
		const char *one, *two;
		enum dhcp6_status status;
	} rows[] = {
	    {GUEST6, NULL, DHCP6_SUCCESS},
	    {OTHER, GUEST6, DHCP6_SUCCESS},
	    {FOREIGN, NULL, DHCP6_NOT_ON_LINK},
	    {GUEST6, FOREIGN, DHCP6_NOT_ON_LINK},
	};
	struct net *n = net_dhcp();
	struct dhcp6 q, a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		q = query(DHCP6_CONFIRM);
		with_ia(&q, DHCP6_OPT_IA_NA, 7, rows[i].one);
		if (rows[i].two)
			with_ia(&q, DHCP6_OPT_IA_NA, 8, rows[i].two);
		a = ask(n, &q);
		assert_int_equal(a.type, DHCP6_REPLY);
		assert_true(a.has_status && a.nia == 0);
		assert_int_equal(a.status, rows[i].status);
	}
	q = query(DHCP6_CONFIRM);
	with_ia(&q, DHCP6_OPT_IA_NA, 7, NULL);
	ignores(n, &q, COUNT_DHCP_IGNORED);
	assert_false(n->st.leased[FAMILY_V6]);
	net_free(n);
}

static void
release_and_decline(void **state)
{
	static const enum dhcp6_type types[] = {DHCP6_RELEASE, DHCP6_DECLINE};
	struct net *n = net_dhcp();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct dhcp6 q = query(types[i]), a;

		with_ia(&q, DHCP6_OPT_IA_NA, 7, GUEST6);
		with_ia(&q, DHCP6_OPT_IA_NA, 8, OTHER);
		with_ia(&q, DHCP6_OPT_IA_PD, 9, NULL);
		a = ask(n, &q);
		assert_int_equal(a.type, DHCP6_REPLY);
		assert_true(a.has_status && a.status == DHCP6_SUCCESS);
		assert_int_equal(a.nia, 2);
		has_none(&a.ia[0], 8, DHCP6_NO_BINDING);
		has_none(&a.ia[1], 9, DHCP6_NO_BINDING);
	}
	assert_false(n->st.leased[FAMILY_V6]);
	still_works(n);
}

/* The stateless kind: also without an identifier (RFC 8415 18.2.6). */
static void
information_request(void **state)
{
	struct net *n = net_dhcp();
	struct dhcp6 q = query(DHCP6_INFORMATION_REQUEST), a;

	(void)state;
	for (int i = 0; i < 2; i++) {
		a = ask(n, &q);
		assert_int_equal(a.type, DHCP6_REPLY);
		has_network(&a);
		assert_true(a.has_refresh && a.refresh == 86400 && a.nia == 0);
		q.client_id.len = 0;
	}
	assert_false(n->st.leased[FAMILY_V6]);
	net_free(n);
}

static void
option_requests(void **state)
{
	static const uint8_t dns[] = {0, 23}, list[] = {0, 24, 0, 99}, refresh[] = {0, 32}, none[] = {0, 82};
	struct net *n = net_dhcp();
	struct dhcp6 q = query(DHCP6_INFORMATION_REQUEST), a;

	(void)state;
	q.wanted = view_of(dns, 2);
	a = ask(n, &q);
	assert_true(a.has_dns && a.search.len == 0 && !a.has_refresh);
	q.wanted = view_of(list, 4);
	a = ask(n, &q);
	assert_true(!a.has_dns && a.search.len > 0 && !a.has_refresh);
	q.wanted = view_of(refresh, 2);
	a = ask(n, &q);
	assert_true(!a.has_dns && a.search.len == 0 && a.has_refresh);
	q.wanted = view_of(none, 2);
	a = ask(n, &q);
	assert_true(!a.has_dns && a.search.len == 0 && !a.has_refresh);
	net_free(n);
}

/* --- what is discarded (RFC 8415 16, 18.4) ------------------------------------------------------------ */

static void
identifiers(void **state)
{
	static const enum dhcp6_type with_server[] = {DHCP6_REQUEST, DHCP6_RENEW, DHCP6_RELEASE,
						      DHCP6_DECLINE};
	static const enum dhcp6_type without[] = {DHCP6_SOLICIT, DHCP6_CONFIRM, DHCP6_REBIND};
	static const uint8_t stranger[sizeof(server_id)] = {0, 3, 0, 1, 2, 2, 2, 2, 2, 2};
	struct net *n = net_dhcp();
	struct dhcp6 q;

	(void)state;
	for (int i = 0; i < 4; i++) {
		q = query(with_server[i]);
		with_ia(&q, DHCP6_OPT_IA_NA, 7, GUEST6);
		q.client_id.len = 0;
		ignores(n, &q, COUNT_DHCP_BAD);
		q = query(with_server[i]);
		q.server_id.len = 0;
		ignores(n, &q, COUNT_DHCP_BAD);
		q.server_id = view_of(stranger, sizeof(stranger));
		ignores(n, &q, COUNT_DHCP_IGNORED);
		q.server_id = view_of(server_id, sizeof(server_id) - 1);
		ignores(n, &q, COUNT_DHCP_IGNORED);
	}
	for (int i = 0; i < 3; i++) {
		q = query(without[i]);
		with_ia(&q, DHCP6_OPT_IA_NA, 7, GUEST6);
		q.server_id = view_of(server_id, sizeof(server_id));
		ignores(n, &q, COUNT_DHCP_BAD);
		q = query(without[i]);
		q.client_id.len = 0;
		ignores(n, &q, COUNT_DHCP_BAD);
	}
	q = query(DHCP6_INFORMATION_REQUEST);
	with_ia(&q, DHCP6_OPT_IA_NA, 7, NULL);
	ignores(n, &q, COUNT_DHCP_BAD);
	q = query(DHCP6_INFORMATION_REQUEST);
	q.server_id = view_of(stranger, sizeof(stranger));
	ignores(n, &q, COUNT_DHCP_IGNORED);
	assert_false(n->st.leased[FAMILY_V6]);
	still_works(n);
}

static void
what_servers_say(void **state)
{
	static const enum dhcp6_type types[] = {DHCP6_ADVERTISE, DHCP6_REPLY, DHCP6_RECONFIGURE};
	struct net *n = net_dhcp();

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct dhcp6 q = query(types[i]);

		ignores(n, &q, COUNT_DHCP_IGNORED);
	}
	/* Relays'. */
	struct dhcp6 q = query((enum dhcp6_type)12);

	ignores(n, &q, COUNT_DHCP_BAD);
	still_works(n);
}

static void
unicast(void **state)
{
	static const enum dhcp6_type told[] = {DHCP6_REQUEST, DHCP6_RENEW, DHCP6_RELEASE, DHCP6_DECLINE};
	static const enum dhcp6_type silent[] = {DHCP6_SOLICIT, DHCP6_CONFIRM, DHCP6_REBIND,
						 DHCP6_INFORMATION_REQUEST};
	struct addr ours = addr_link_local_of(net_gw_mac);
	struct net *n = net_dhcp();
	char to[ADDR_TEXT];

	(void)state;
	addr_text(&ours, to);
	for (int i = 0; i < 4; i++) {
		struct dhcp6 q = query(told[i]), a;

		with_ia(&q, DHCP6_OPT_IA_NA, 7, GUEST6);
		a = ask_at(n, &q, to);
		assert_int_equal(a.type, DHCP6_REPLY);
		assert_true(a.has_status && a.status == DHCP6_USE_MULTICAST && a.nia == 0 && !a.has_dns);
		q = query(silent[i]);
		frame_of(&q, LL, to);
		drops(n, &f, COUNT_DHCP_IGNORED);
	}
	assert_false(n->st.leased[FAMILY_V6]);
	still_works(n);
}

/* --- hostile ------------------------------------------------------------------------------------------ */

/* B1: nothing but a DHCPv6 query goes to the servers' group, and only from a link-local address. */
static void
B1_no_other_way_in(void **state)
{
	static uint8_t msg[512];
	static const struct {
		const char *src, *dst;
		uint16_t dport;
		enum stack_count why;
	} rows[] = {
	    {GUEST6, SERVERS, 547, COUNT_IP_DEST},  {"::", SERVERS, 547, COUNT_IP_SOURCE},
	    {GW6, SERVERS, 547, COUNT_IP_SOURCE},   {FAR6, SERVERS, 547, COUNT_IP_SOURCE},
	    {LL, SERVERS, 53, COUNT_IP_DEST},       {LL, SERVERS, 546, COUNT_IP_DEST},
	    {LL, "ff02::2", 547, COUNT_IP_DEST},    {LL, "ff05::1:3", 547, COUNT_IP_DEST},
	    {LL, "fe80::1234", 547, COUNT_IP_DEST}, {"fe80:1::1", SERVERS, 547, COUNT_IP_SOURCE},
	};
	struct net *n = net_dhcp();
	struct dhcp6 q = query(DHCP6_SOLICIT);
	struct wr w = wr_of(msg, sizeof(msg));

	(void)state;
	dhcp6_emit(&w, &q);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		datagram(rows[i].src, rows[i].dst, 546, rows[i].dport, kit_written(&w, msg));
		drops(n, &f, rows[i].why);
	}
	frame_of(&q, LL, SERVERS);
	f.b[f.len - 1] ^= 1;
	drops(n, &f, COUNT_L4_CHECKSUM);
	frame_of(&q, LL, SERVERS);
	f.b[5] = 3; /* another group's MAC */
	drops(n, &f, COUNT_ETH_DEST);
	assert_int_equal(net_count(n, COUNT_DHCP_ANSWERED), 0);
	still_works(n);
}

/* B1: switched off, the group's frames are nobody's. */
static void
B1_switched_off(void **state)
{
	struct stack_config cfg = config();
	struct dhcp6 q = query(DHCP6_SOLICIT);

	(void)state;
	cfg.dhcp = false;
	struct net *n = net_with(&cfg);

	frame_of(&q, LL, SERVERS);
	drops(n, &f, COUNT_ETH_DEST);
	still_works(n);
}

/* B1: random damage to good queries, in every kind of memory: an answer that is one, or none. */
static void
B1_damaged(void **state)
{
	uint64_t seed = 81;

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		struct stack_config cfg = config();
		struct net *n = net_quiet((enum net_way)way, &cfg);

		for (unsigned i = 0; i < KIT_ROUNDS; i++) {
			struct dhcp6 q = query((enum dhcp6_type)(1 + kit_random(&seed) % 11)), a;
			size_t l4 = ETH_HLEN + IP6_HLEN;

			with_ia(&q, DHCP6_OPT_IA_NA, 1, GUEST6);
			with_ia(&q, DHCP6_OPT_IA_TA, 2, FOREIGN);
			frame_of(&q, LL, SERVERS);
			damage(&seed, l4 + UDP_HLEN);
			put16(&f, ETH_HLEN + 4, (unsigned)(f.len - l4));
			put16(&f, l4 + 4, (unsigned)(f.len - l4));
			net_forget(n);
			assert_int_equal(give(n, &f), STACK_DONE);
			assert_true(n->nsent <= 1);
			if (n->nsent)
				assert_true(
				    dhcp6_parse(view_of(n->sent[0].b + 62, n->sent[0].ip.len - 8u), &a));
		}
		assert_true(net_count(n, COUNT_DHCP_BAD) > 0 && net_count(n, COUNT_DHCP_ANSWERED) > 0);
		still_works(n);
	}
}

/* The longest answer there can be fits the smallest link: every place taken, the longest names. */
static void
B1_longest_answer(void **state)
{
	static const uint8_t id[DHCP6_DUID_MAX];
	struct stack_config cfg = config();
	struct dhcp6 q = query(DHCP6_RENEW), a;

	(void)state;
	memset(cfg.search, 'x', sizeof(cfg.search));
	cfg.search_len = 255;
	struct net *n = net_with(&cfg);

	n->sink.lim.mtu = 1280;
	q.client_id = view_of(id, sizeof(id));
	for (uint32_t i = 0; i < DHCP6_IAS; i++)
		with_ia(&q, DHCP6_OPT_IA_NA, i, FOREIGN);
	for (unsigned k = 1; k < DHCP6_ADDRS; k++)
		q.ia[0].addr[q.ia[0].naddr++].addr = kit_addr(FOREIGN);
	a = ask(n, &q);
	assert_int_equal(a.nia, DHCP6_IAS);
	assert_int_equal(a.search.len, 255);
	net_free(n);
}

/* --- router advertisements (RFC 4861 4.2, RFC 8106) --------------------------------------------------- */

static struct ndp_ra
advertised(const struct stack_config *cfg)
{
	static uint8_t kept[1500];
	struct net *n = net_new_with(WAY_ONE_SPAN, cfg);
	struct ndp_ra ra;

	n->sink.lim.mtu = 1280;
	stack_timers(&n->st, n->now);
	assert_int_equal(n->nsent, 1);
	size_t len = n->sent[0].ip.len - 4u;

	memcpy(kept, n->sent[0].b + ETH_HLEN + IP6_HLEN + 4, len);
	net_free(n);
	assert_true(ndp_ra_parse(view_of(kept, len), &ra));
	return ra;
}

static void
advertisements(void **state)
{
	struct stack_config cfg = config();
	struct ndp_ra ra = advertised(&cfg);
	struct addr dns = kit_addr(DNS6);

	(void)state;
	assert_true(ra.managed && ra.other && ra.autonomous);
	assert_true(ra.has_rdnss && addr_eq(&ra.rdnss, &dns));
	assert_int_equal(ra.dnssl.len, sizeof(search));
	assert_memory_equal(ra.dnssl.p, search, sizeof(search));
	assert_true(ra.dnssl_lifetime == ra.rdnss_lifetime && ra.dnssl_lifetime >= 1800);

	cfg.dhcp = false;
	cfg.search_len = 0;
	ra = advertised(&cfg);
	assert_true(!ra.managed && !ra.other && ra.autonomous);
	assert_int_equal(ra.dnssl.len, 0);
}

/* RFC 4862 5.5.3 d: an interface identifier has 64 bits, no more and no fewer. */
static void
advertised_prefixes(void **state)
{
	(void)state;
	for (unsigned plen = 1; plen <= 128; plen++) {
		struct stack_config cfg = config();

		cfg.net[FAMILY_V6].plen = (uint8_t)plen;
		struct ndp_ra ra = advertised(&cfg);

		assert_int_equal(ra.prefix_len, plen);
		assert_int_equal(ra.autonomous, plen == 64);
		assert_true(addr_in_net(&cfg.net[FAMILY_V6].guest, &ra.prefix, plen));
	}
}

static void
longest_advertisement(void **state)
{
	struct stack_config cfg = config();

	(void)state;
	for (unsigned labels = 1; labels <= 127; labels++) {
		for (unsigned i = 0; i < labels; i++)
			memcpy(cfg.search + 2 * i, "\1x", 2);
		cfg.search[2 * labels] = 0;
		cfg.search_len = (uint16_t)(2 * labels + 1);
		struct ndp_ra ra = advertised(&cfg);

		assert_int_equal(ra.dnssl.len, cfg.search_len);
		assert_memory_equal(ra.dnssl.p, cfg.search, cfg.search_len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(solicit_and_request),
	    cmocka_unit_test(rapid_commit),
	    cmocka_unit_test(one_address),
	    cmocka_unit_test(foreign_addresses),
	    cmocka_unit_test(confirm),
	    cmocka_unit_test(release_and_decline),
	    cmocka_unit_test(information_request),
	    cmocka_unit_test(option_requests),
	    cmocka_unit_test(identifiers),
	    cmocka_unit_test(what_servers_say),
	    cmocka_unit_test(unicast),
	    cmocka_unit_test(B1_no_other_way_in),
	    cmocka_unit_test(B1_switched_off),
	    cmocka_unit_test(B1_damaged),
	    cmocka_unit_test(B1_longest_answer),
	    cmocka_unit_test(advertisements),
	    cmocka_unit_test(advertised_prefixes),
	    cmocka_unit_test(longest_advertisement),
	};

	return cmocka_run_group_tests_name("dhcp6", tests, NULL, NULL);
}
