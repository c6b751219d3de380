/*
 * dhcp_kit.h - what the tests of both DHCP servers share: a network that has one, a client's datagrams, its answers
 */
#ifndef TEST_UNIT_DHCP_KIT_H
#define TEST_UNIT_DHCP_KIT_H

#include "test/unit/net_kit.h"

static const char search[] = "\3lab\7example\0\4corp\4test";
static struct bytes f; /* the frame under construction */

static inline struct stack_config
config(void)
{
	struct stack_config cfg = net_config();

	cfg.guest_mac = net_guest_mac;
	cfg.dhcp = true;
	memcpy(cfg.hostname, "box", 4);
	memcpy(cfg.search, search, sizeof(search));
	cfg.search_len = sizeof(search);
	return cfg;
}

static inline struct net *
net_with(const struct stack_config *cfg)
{
	return net_quiet(WAY_ONE_SPAN, cfg);
}

static inline struct net *
net_dhcp(void)
{
	struct stack_config cfg = config();

	return net_with(&cfg);
}

/* Puts a datagram with this message into f. */
static inline void
datagram(const char *src, const char *dst, uint16_t sport, uint16_t dport, struct view msg)
{
	static uint8_t l4[2100];
	struct ip h = net_ip_header(src, dst, IP_PROTO_UDP);

	net_ip(&f, &h, l4, net_udp_into(l4, &h, sport, dport, msg.p, msg.len));
}

/* Gives f, and returns the one answer; where it went is checked here. */
static inline struct view
answer_to(struct net *n, struct mac mac, struct endpoint from, struct endpoint to)
{
	uint64_t before = net_count(n, COUNT_DHCP_ANSWERED);
	const struct sent *s = &n->sent[0];
	struct udp u;

	net_forget(n);
	n->flushes = 0;
	assert_int_equal(give(n, &f), STACK_DONE);
	assert_int_equal(net_count(n, COUNT_DHCP_ANSWERED), before + 1);
	assert_int_equal(n->nsent, 1);
	assert_int_equal(n->flushes, 1);

	struct rd r = rd_of(view_of(s->b + ETH_HLEN + s->ip.hlen, s->ip.len));

	assert_true(mac_eq(s->eth.dst, mac));
	assert_true(addr_eq(&s->ip.src, &from.addr) && addr_eq(&s->ip.dst, &to.addr));
	assert_false(s->off.needs_csum);
	assert_true(udp_parse(&r, &u) && u.sport == from.port && u.dport == to.port && u.len == s->ip.len);
	return rd_rest(&r);
}

/* Some bytes of f behind `at` change, and it may be cut there; its checksum is not looked at. */
static inline void
damage(uint64_t *seed, size_t at)
{
	for (uint64_t k = kit_random(seed) % 6; k > 0; k--)
		f.b[at + kit_random(seed) % (f.len - at)] ^= (uint8_t)kit_random(seed);
	if (kit_random(seed) & 1)
		f.len = at + kit_random(seed) % (f.len - at);
	f.off.csum_valid = true;
}

#endif
