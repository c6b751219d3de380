/*
 * stack.c - the network layer's front door: Ethernet in, what is known of the guest, time
 *
 * A frame's headers are read from private memory only.  A link whose guest can rewrite its bytes says so
 * (frame.shared); then, and when headers may be spread over several spans, the first FRAME_HEAD bytes
 * are copied once and nothing reads them from the frame again.
 */
#include <assert.h>

#include "stack/internal.h"

#define PROBE_INTERVAL USEC_PER_SEC

void
stack_init(struct stack *st, const struct stack_config *cfg, struct frame_sink *out, usec_t now)
{
	st->cfg = *cfg;
	st->out = out;
	st->link_local = addr_link_local_of(cfg->mac);
	st->icmp_tokens_at = now - USEC_PER_SEC; /* a second ago: the bucket is full */
	stack_forget_guest(st, now);
}

void
stack_forget_guest(struct stack *st, usec_t now)
{
	st->guest_mac = st->cfg.guest_mac;
	st->guest_mac_known = !mac_is_zero(st->guest_mac);
	st->guest_heard[FAMILY_V4] = addr_v4(0);
	st->guest_heard[FAMILY_V6] = (struct addr){{0}};
	for (int fam = 0; fam < FAMILIES; fam++)
		st->guest_answers[fam] = st->leased[fam] = false;
	st->probe_wanted = false;
	st->probe_at = now;
	st->ra_at = st->guest_mac_known && st->cfg.net[FAMILY_V6].on ? now : TIME_NEVER;
	frag_forget(&st->frag);
}

/* --- addresses ------------------------------------------------------------------------------------- */

bool
stack_is_ours(const struct stack *st, const struct addr *a)
{
	enum family fam = addr_family(a);
	const struct stack_net *net = &st->cfg.net[fam];

	return net->on && (addr_eq(a, &net->gateway) || addr_eq(a, &net->dns) ||
			   (fam == FAMILY_V6 && addr_eq(a, &st->link_local)));
}

static bool
in_prefix(const struct stack_net *net, const struct addr *a)
{
	return addr_in_net(a, &net->guest, net->plen);
}

static bool
in_link_local_net(const struct addr *a)
{
	static const struct addr fe80 = {{0xfe, 0x80}};

	return addr_in_net(a, &fe80, 64);
}

bool
stack_is_guest(const struct stack *st, const struct addr *a)
{
	enum family fam = addr_family(a);
	const struct stack_net *net = &st->cfg.net[fam];

	if (!net->on)
		return false;
	if (addr_eq(a, &net->guest))
		return true;
	return fam == FAMILY_V6 && (in_prefix(net, a) || in_link_local_net(a)) && !stack_is_ours(st, a) &&
	       !addr_is_multicast(a) && !addr_is_unspecified(a) && !addr_is_loopback(a);
}

bool
is_subnet_edge(const struct stack *st, const struct addr *a)
{
	const struct stack_net *net = &st->cfg.net[FAMILY_V4];

	/* Two hosts share a /31 without edges (RFC 3021). */
	if (!addr_is_v4(a) || net->plen >= 31)
		return false;

	uint32_t host_bits = UINT32_MAX >> net->plen;
	uint32_t host = addr_to_v4(a) & host_bits;

	return (host == 0 || host == host_bits) && in_prefix(net, a);
}

/* --- what is known of the guest -------------------------------------------------------------------- */

void
guest_lock(struct stack *st, struct mac from, usec_t now)
{
	if (st->guest_mac_known)
		return;
	st->guest_mac = from;
	st->guest_mac_known = true;
	if (st->cfg.net[FAMILY_V6].on)
		st->ra_at = now;
}

void
guest_seen(struct stack *st, const struct addr *a, struct mac from, usec_t now)
{
	enum family fam = addr_family(a);

	guest_lock(st, from, now);
	if (addr_eq(a, &st->guest_heard[fam]))
		return;
	if (addr_eq(a, &st->cfg.net[fam].guest))
		st->guest_answers[fam] = true;
	/* Nobody publishes a port to an address that needs a zone. */
	if (fam == FAMILY_V4 || !addr_is_link_local(a))
		st->guest_heard[fam] = *a;
}

void
guest_wanted(struct stack *st)
{
	st->probe_wanted = true;
}

struct addr
stack_guest_addr(struct stack *st, enum family fam, usec_t now)
{
	if (st->guest_answers[fam])
		return st->cfg.net[fam].guest;
	if (!addr_is_unspecified(&st->guest_heard[fam]))
		return st->guest_heard[fam];
	guest_wanted(st);
	if (st->probe_at < now)
		st->probe_at = now;
	return st->cfg.net[fam].guest;
}

/* --- time ------------------------------------------------------------------------------------------ */

static void
probe_guest(struct stack *st, usec_t now)
{
	st->probe_wanted = false;
	st->probe_at = now + PROBE_INTERVAL;
	if (st->cfg.net[FAMILY_V4].on && (!st->guest_mac_known || !st->guest_answers[FAMILY_V4]))
		arp_probe(st);
	if (st->cfg.net[FAMILY_V6].on && (!st->guest_mac_known || !st->guest_answers[FAMILY_V6]))
		ndp_probe(st);
}

void
stack_timers(struct stack *st, usec_t now)
{
	ip_expire_fragments(st, now);
	if (st->probe_wanted && st->probe_at <= now)
		probe_guest(st, now);
	if (st->ra_at <= now) {
		st->ra_at = now + RA_INTERVAL;
		ndp_advertise(st);
	}
}

usec_t
stack_deadline(const struct stack *st)
{
	usec_t at = time_min(frag_deadline(&st->frag), st->ra_at);

	return st->probe_wanted ? time_min(at, st->probe_at) : at;
}

/* --- Ethernet in ----------------------------------------------------------------------------------- */

/* The frame's first bytes, contiguous and private: the whole first span where that is safe. */
static struct view
private_head(struct stack *st, const struct frame *f)
{
	size_t have = 0;

	if (f->nspan == 0)
		return view_of(NULL, 0);
	if (!f->shared && (f->nspan == 1 || f->span[0].len >= FRAME_HEAD))
		return f->span[0];
	for (unsigned i = 0; i < f->nspan && have < FRAME_HEAD; i++) {
		size_t n = min_size(f->span[i].len, FRAME_HEAD - have);

		if (n)
			memcpy(st->head + have, f->span[i].p, n);
		have += n;
	}
	return view_of(st->head, have);
}

/* Strict: one guest, one MAC, and never ours.  Before it is locked any station's own address will do. */
static bool
source_ok(const struct stack *st, const struct mac *src)
{
	if (st->guest_mac_known)
		return mac_eq(*src, st->guest_mac);
	return !mac_is_group(*src) && !mac_is_zero(*src) && !mac_eq(*src, st->cfg.mac);
}

/*
 * Broadcast, and of IPv6 multicast (RFC 2464 7) all-nodes, all-routers, DHCPv6 servers if we are one, and
 * every solicited-node group: we answer for all other addresses of the prefix.
 */
static bool
group_wanted(const struct stack *st, const struct mac *dst)
{
	static const struct mac dhcp6_servers = {{0x33, 0x33, 0, 1, 0, 2}};
	static const struct mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	static const uint8_t solicited[3] = {0x33, 0x33, 0xff};
	static const uint8_t well_known[5] = {0x33, 0x33, 0, 0, 0};

	if (memcmp(dst->b, well_known, sizeof(well_known)) == 0)
		return dst->b[5] == 1 || dst->b[5] == 2;
	if (st->cfg.dhcp && mac_eq(*dst, dhcp6_servers))
		return true;
	return mac_eq(*dst, broadcast) || memcmp(dst->b, solicited, sizeof(solicited)) == 0;
}

enum stack_result
stack_input(struct stack *st, const struct frame *f, struct packet *pkt, usec_t now)
{
	struct rd r = rd_of(private_head(st, f));
	struct eth eth;

	st->count[COUNT_FRAMES_IN]++;
	st->count[COUNT_BYTES_IN] += f->len;
	if (!eth_parse(&r, &eth))
		return drop(st, COUNT_ETH_SHORT);
	if (!source_ok(st, &eth.src))
		return drop(st, COUNT_ETH_SOURCE);

	bool to_us = mac_eq(eth.dst, st->cfg.mac);

	if (!to_us && !group_wanted(st, &eth.dst))
		return drop(st, COUNT_ETH_DEST);

	struct inbound in; /* not cleared: the parser fills the rest */

	in.f = f;
	in.from = eth.src;
	in.to_group = !to_us;
	in.net = rd_rest(&r);
	in.whole = view_of(NULL, 0);
	switch (eth.type) {
	case ETHERTYPE_IPV4:
		return ip_input(st, &in, FAMILY_V4, pkt, now);
	case ETHERTYPE_IPV6:
		return ip_input(st, &in, FAMILY_V6, pkt, now);
	case ETHERTYPE_ARP:
		if (f->off.needs_csum || f->off.gso_type != GSO_NONE)
			return drop(st, COUNT_OFFLOAD);
		return arp_input(st, &eth, in.net, now);
	default:
		return drop(st, COUNT_ETH_TYPE);
	}
}

/* --- names ----------------------------------------------------------------------------------------- */

const char *
stack_count_name(enum stack_count c)
{
	static const char *const name[STACK_COUNTS] = {
	    [COUNT_FRAMES_IN] = "frames_in",       [COUNT_FRAMES_OUT] = "frames_out",
	    [COUNT_BYTES_IN] = "bytes_in",         [COUNT_BYTES_OUT] = "bytes_out",
	    [COUNT_NO_ROOM] = "no_room",           [COUNT_NO_GUEST] = "no_guest",
	    [COUNT_ETH_SHORT] = "eth_short",       [COUNT_ETH_SOURCE] = "eth_source",
	    [COUNT_ETH_DEST] = "eth_dest",         [COUNT_ETH_TYPE] = "eth_type",
	    [COUNT_OFFLOAD] = "offload",           [COUNT_ARP_BAD] = "arp_bad",
	    [COUNT_ARP_IGNORED] = "arp_ignored",   [COUNT_IP_TRUNCATED] = "ip_truncated",
	    [COUNT_IP_VERSION] = "ip_version",     [COUNT_IP_LENGTH] = "ip_length",
	    [COUNT_IP_CHECKSUM] = "ip_checksum",   [COUNT_IP_TTL] = "ip_ttl",
	    [COUNT_IP_OPTION] = "ip_option",       [COUNT_IP_EXTENSION] = "ip_extension",
	    [COUNT_IP_ADDRESS] = "ip_address",     [COUNT_IP_SOURCE] = "ip_source",
	    [COUNT_IP_DEST] = "ip_dest",           [COUNT_IP_PROTO] = "ip_proto",
	    [COUNT_FRAG_BAD] = "frag_bad",         [COUNT_FRAG_OVERLAP] = "frag_overlap",
	    [COUNT_FRAG_FULL] = "frag_full",       [COUNT_FRAG_TIMEOUT] = "frag_timeout",
	    [COUNT_ICMP_BAD] = "icmp_bad",         [COUNT_ICMP_IGNORED] = "icmp_ignored",
	    [COUNT_ICMP_LIMITED] = "icmp_limited", [COUNT_NDP_BAD] = "ndp_bad",
	    [COUNT_NDP_IGNORED] = "ndp_ignored",   [COUNT_DHCP_BAD] = "dhcp_bad",
	    [COUNT_DHCP_IGNORED] = "dhcp_ignored", [COUNT_DHCP_ANSWERED] = "dhcp_answered",
	    [COUNT_UDP_BAD] = "udp_bad",           [COUNT_TCP_BAD] = "tcp_bad",
	    [COUNT_L4_CHECKSUM] = "l4_checksum",
	};

	assert((unsigned)c < STACK_COUNTS && name[c]);
	return name[c];
}
