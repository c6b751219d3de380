/*
 * replay_plan.c - the first look through a capture
 */
#include "proxy/replay_plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "proxy/replay_wire.h"

/* As proxy/config.c has it for a gateway whose MAC nobody chose. */
static const struct mac default_gateway = {{0x52, 0x55, 0x0a, 0, 2, 2}};

static bool
parse(const struct pcap_frame *f, struct eth *h)
{
	struct rd r = rd_of(f->bytes);

	return eth_parse(&r, h);
}

static bool
is_station(struct mac m)
{
	return !mac_is_group(m) && !mac_is_zero(m);
}

static bool
speaks_for_guest(const struct replay_plan *plan, const struct pcap_frame *f, const struct eth *h)
{
	if (h->type != ETHERTYPE_IPV4 && h->type != ETHERTYPE_IPV6 && h->type != ETHERTYPE_ARP)
		return false;
	if (!is_station(h->src) || mac_eq(h->src, plan->gateway))
		return false;
	return f->dir != PCAP_OUTBOUND;
}

bool
replay_is_guests(const struct replay_plan *plan, const struct pcap_frame *f)
{
	struct eth h;

	if (f->dir != PCAP_UNKNOWN)
		return f->dir == PCAP_INBOUND;
	return parse(f, &h) && mac_eq(h.src, plan->guest);
}

static void
learn_macs(struct replay_plan *plan, const struct pcap_frame *f, struct mac *towards)
{
	struct eth h;

	if (!parse(f, &h))
		return;
	if (mac_is_zero(plan->guest) && speaks_for_guest(plan, f, &h))
		plan->guest = h.src;
	if (mac_is_zero(*towards) && mac_eq(h.src, plan->guest) && is_station(h.dst))
		*towards = h.dst;
}

static void
add_port(struct replay_ports *p, uint16_t port)
{
	p->bit[port / 8] |= (uint8_t)(1u << port % 8);
}

static void
learn_from_guest(struct replay_plan *plan, const struct replay_packet *p)
{
	if (p->is == REPLAY_UDP)
		add_port(&plan->udp_out, p->udp.sport);
	if (p->is == REPLAY_TCP && p->tcp.flags & TCP_SYN)
		plan->nsyn++;
}

static void
learn_window(struct replay_plan *plan, const struct tcp_hdr *h)
{
	if (h->has_wscale && h->wscale > plan->far_scale)
		plan->far_scale = h->wscale > 14 ? 14 : h->wscale;

	uint32_t window = (uint32_t)h->wnd << (h->flags & TCP_SYN ? 0 : plan->far_scale);
	if (window > plan->window)
		plan->window = window;
}

/* An answer to a SYN of the guest is a far side too, though not the far end itself. */
static bool
is_about_tcp(const struct replay_packet *p)
{
	struct replay_quote q;

	return p->is == REPLAY_ICMP && replay_read_quote(p->data, &q) && q.flow.proto == IP_PROTO_TCP;
}

static void
learn_from_far(struct replay_plan *plan, const struct replay_packet *p)
{
	if (p->is == REPLAY_UDP && !replay_has_port(&plan->udp_out, p->udp.dport))
		add_port(&plan->udp_in, p->udp.dport);
	plan->has_far |= p->is == REPLAY_TCP || is_about_tcp(p);
	if (p->is != REPLAY_TCP)
		return;
	learn_window(plan, &p->tcp);
	if ((p->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		plan->nsyn++;
		add_port(&plan->tcp_in, p->tcp.dport);
	}
}

static void
learn(struct replay_plan *plan, const struct pcap_frame *f)
{
	struct replay_packet p;

	if (!replay_read(f->bytes, &p))
		return;
	if (replay_is_guests(plan, f))
		learn_from_guest(plan, &p);
	else if (mac_eq(p.eth.dst, plan->guest))
		learn_from_far(plan, &p);
}

static bool
is_whole(const struct pcap_frame *f, size_t at, char *why, size_t whylen)
{
	if (f->bytes.len == f->orig_len)
		return true;
	snprintf(why, whylen,
		 "the frame that ends at offset %zu was cut to %zu of %" PRIu32
		 " bytes: capture whole frames (tcpdump -s 0)",
		 at, f->bytes.len, f->orig_len);
	return false;
}

bool
replay_plan(struct replay_plan *plan, struct view file, struct mac guest, struct mac gateway, char *why,
	    size_t whylen)
{
	struct pcap_reader r;
	struct pcap_frame f;
	struct mac towards = {{0}};
	int got = pcap_read_open(&r, file) ? 1 : -1;

	*plan =
	    (struct replay_plan){.guest = guest, .gateway = mac_is_zero(gateway) ? default_gateway : gateway};
	while (got > 0 && (got = pcap_read_next(&r, &f)) > 0) {
		if (plan->nframes++ == 0)
			plan->first = f.when;
		if (!is_whole(&f, r.at, why, whylen))
			return false;
		learn_macs(plan, &f, &towards);
		learn(plan, &f);
	}
	if (got < 0) {
		snprintf(why, whylen, "%s", r.error);
		return false;
	}
	if (mac_is_zero(plan->guest)) {
		snprintf(why, whylen, "no frame of a guest in it: name its address with --mac");
		return false;
	}
	/* Captured before somebody else's gateway: ours stands in for that one. */
	if (mac_is_zero(gateway) && !mac_is_zero(towards))
		plan->gateway = towards;
	return true;
}
